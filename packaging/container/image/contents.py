"""What goes into each image."""
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import debian, elf
from .tree import Tree

USER = 65532  # "nonroot" in images without a distribution
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"  # where libcurl looks
# These run stress-ng, which is not in the image; what they would load is the host itself.
NOT_BESIDE_THE_HOST = ("cpu-hog.yaml", "memory-hog.yaml")
PASSWD = "root:x:0:0:root:/nonexistent:/nonexistent\noperon:x:{0}:{0}:operon:/var/lib/operon:/nonexistent\n"
GROUP = "root:x:0:\noperon:x:{0}:\n"
# As libraries of one Debian release come: code of these packages is part of our programs, not a file of its own.
HEADERS = ("libboost1.74-dev", "libcli11-dev", "nlohmann-json3-dev", "libvalijson-dev", "libspdlog-dev")
GRPC_ARCHIVES = ("libgrpc++-dev", "libgrpc-dev", "libprotobuf-dev", "libabsl-dev", "libre2-dev", "libc-ares-dev")


class ContentsError(Exception):
    pass


@dataclass(frozen=True)
class Image:
    name: str
    title: str
    entrypoint: str
    programs: tuple
    libraries: tuple = ()  # patterns below lib; our programs open them by path
    plugins: bool = False
    opened_by_name: tuple = ("libcurl.so.4",)
    built_in: tuple = ()
    state: bool = False
    environment: tuple = ()
    ports: tuple = ()
    volumes: tuple = field(default=("/tmp",))

    def config(self, version, labels):
        return {"User": f"{USER}:{USER}", "Entrypoint": [self.entrypoint], "Env": ["PATH=/usr/bin", *self.environment], "WorkingDir": "/",
                "ExposedPorts": {port: {} for port in self.ports}, "Volumes": {volume: {} for volume in self.volumes},
                "Labels": {"org.opencontainers.image.title": self.name, "org.opencontainers.image.description": self.title,
                           "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": "Apache-2.0",
                           "org.opencontainers.image.vendor": "operon", **labels}}


IMAGES = (
    Image("operon", "A plugin-hosting Kubernetes operator: the host, its command line, its plugins", "/usr/bin/operond",
          ("operond", "operonctl", "operon-supervisor", "operon-scenario"), libraries=("operon/liboperon-*.so",), plugins=True, state=True,
          built_in=(*HEADERS, "libc6-dev"), environment=("OPERON_STATE_DIR=/var/lib/operon",), ports=("8080/tcp", "8083/tcp", "8443/tcp"),
          volumes=("/tmp", "/var/lib/operon")),
    Image("data-provider", "operon's gRPC data provider: names of a cluster's nodes, pods and namespaces", "/usr/bin/operon-data-provider",
          ("operon-data-provider",), built_in=(*HEADERS, *GRPC_ARCHIVES), ports=("50051/tcp",)),
)


def stripped(path):
    """Of symbols that only a debugger wants."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "stripped")
        subprocess.run(["strip", "-o", str(out), str(path)], check=True)
        return out.read_bytes()


def only(folder, pattern):
    found = sorted(folder.glob(pattern))
    if not found:
        raise ContentsError(f"there is no {pattern} in {folder}; is it an installed operon? (cmake --install BUILD --prefix {folder})")
    return found


def skeleton(tree, image):
    for path, mode, owner in (("tmp", 0o1777, 0), ("proc", 0o555, 0), ("sys", 0o555, 0), ("dev", 0o755, 0), ("etc", 0o755, 0), ("run", 0o755, 0)):
        tree.folder(path, mode, owner)
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink("/" + name):
            tree.folder("usr/" + name)
            tree.link(name, "usr/" + name)
    tree.file("etc/passwd", PASSWD.format(USER).encode())
    tree.file("etc/group", GROUP.format(USER).encode())
    tree.file("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n")
    if image.state:
        tree.folder("var/lib/operon", 0o700, USER)


def add_ours(tree, image, prefix, source):
    """Returns the files that were put in, as they are on this machine."""
    used = []
    for name in image.programs:
        used += only(prefix, f"bin/{name}")
        tree.file(f"usr/bin/{name}", stripped(used[-1]), 0o755)
    for pattern in image.libraries:
        for path in only(prefix, f"lib*/**/{pattern}"):
            used.append(path)
            tree.file(f"usr/lib/operon/{path.name}", stripped(path), 0o644)
    if image.plugins:
        add_plugins(tree, prefix, used)
        for path in only(prefix, "share/operon/scenarios/*.yaml"):
            if path.name not in NOT_BESIDE_THE_HOST:
                tree.file(f"usr/share/operon/scenarios/{path.name}", path.read_bytes())
        tree.file("usr/share/operon/cluster.yaml", Path(source, "config/cluster.yaml").read_bytes())
    tree.file("usr/share/doc/operon/LICENSE", Path(source, "LICENSE").read_bytes())
    return used


def add_plugins(tree, prefix, used):
    """Byte for byte: a plugin's manifest has the digest of its library as it was built."""
    folder = only(prefix, "lib*/**/operon/plugins")[0]
    for path in only(folder, "*.so"):
        manifest = path.with_name(path.name + ".manifest.json")
        if not manifest.exists():
            raise ContentsError(f"{path} has no {manifest.name}: the host would refuse it")
        tree.file(f"usr/lib/operon/plugins/{path.name}", path.read_bytes())
        tree.file(f"usr/lib/operon/plugins/{manifest.name}", manifest.read_bytes())
        used.append(path)


def add_system(tree, image, used):
    for soname, path in sorted(elf.closure(used, image.opened_by_name).items()):
        package = debian.owner(path)
        real = Path(path).resolve()
        folder = str(real.parent).lstrip("/")
        folder = folder if folder.startswith("usr/") else "usr/" + folder
        tree.file(f"{folder}/{soname}", real.read_bytes(), 0o755, package)
        if str(path).lstrip("/") != f"{folder}/{soname}" and re.match(r"/lib\d*/ld", str(path)):
            tree.link("usr" + str(path), "/" + f"{folder}/{soname}")
    tree.file(CERTIFICATES, Path("/", CERTIFICATES).read_bytes(), package=debian.package("ca-certificates"))
    packages = {entry.package for entry in tree.entries.values() if entry.package}
    for package in sorted(packages, key=lambda one: one.name):
        tree.file(f"usr/share/doc/{package.name}/copyright", package.copyright_file.read_bytes(), package=package)


def tree_of(image, prefix, source):
    tree = Tree()
    skeleton(tree, image)
    add_system(tree, image, add_ours(tree, image, prefix, source))
    return tree


def built_in(image):
    return [package for package in map(debian.package, image.built_in) if package]
