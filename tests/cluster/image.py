"""A container image from a folder, written as an archive that container engines load: no engine and no registry is needed to make one."""
import hashlib
import io
import json
import platform
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}


def write(archive, name, root, config):
    """`name`: "repository:tag"; `config`: as in an OCI image, {"Cmd": [...], "Env": [...], "Labels": {...}}."""
    def owned_by_root(member):
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(root, arcname=".", filter=owned_by_root)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    described = json.dumps({"architecture": ARCHITECTURES.get(platform.machine(), platform.machine()), "os": "linux", "config": config,
                            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]}}).encode()
    config_name = hashlib.sha256(described).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [digest + "/layer.tar"]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for member, content in ((config_name, described), (digest + "/layer.tar", layer.getvalue()), ("manifest.json", manifest)):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
