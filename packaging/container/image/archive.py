"""An image as one file that both kinds of readers take: a docker-archive (manifest.json) and an OCI layout (index.json) over the same blobs."""
import datetime
import hashlib
import io
import json
import platform
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}


def utc(time):
    return datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(thing):
    return json.dumps(thing, sort_keys=True, separators=(",", ":")).encode()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def described(kind, content, **more):
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": "sha256:" + digest(content), "size": len(content), **more}


def write(path, layer, config, tags, time):
    """`config`: what a container is started with, as in an OCI image; `tags`: whole references, all for this one image."""
    image = compact({"created": utc(time), "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()), "os": "linux", "config": config,
                     "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(layer)]},
                     "history": [{"created": utc(time), "created_by": "make image"}]})
    manifest = compact({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                        "config": described("config.v1+json", image), "layers": [described("layer.v1.tar", layer)]})
    index = compact({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        described("manifest.v1+json", manifest, annotations={"io.containerd.image.name": tag, "org.opencontainers.image.ref.name": tag.rpartition(":")[2]})
        for tag in tags]})
    docker = compact([{"Config": "blobs/sha256/" + digest(image), "RepoTags": tags, "Layers": ["blobs/sha256/" + digest(layer)]}])
    members = {"oci-layout": compact({"imageLayoutVersion": "1.0.0"}), "index.json": index, "manifest.json": docker}
    members |= {"blobs/sha256/" + digest(blob): blob for blob in (image, manifest, layer)}
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for folder in ("blobs", "blobs/sha256"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, time
            tar.addfile(info)
        for name, content in sorted(members.items()):
            info = tarfile.TarInfo(name)
            info.mode, info.mtime, info.size = 0o644, time, len(content)
            tar.addfile(info, io.BytesIO(content))
