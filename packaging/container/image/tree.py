"""The files of an image, by their paths in it, and the layer that is made of them: the same bytes whoever makes it, whenever."""
import hashlib
import io
import tarfile
from dataclasses import dataclass


@dataclass
class Entry:
    mode: int
    content: bytes = b""
    link: str = ""
    owner: int = 0
    folder: bool = False
    package: object = None  # debian.Package; None: our own

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()


class Tree:
    def __init__(self):
        self.entries = {}

    def folder(self, path, mode=0o755, owner=0):
        parent = path.rpartition("/")[0]
        if parent and parent not in self.entries:
            self.folder(parent)
        self.entries[path] = Entry(mode, owner=owner, folder=True)

    def file(self, path, content, mode=0o644, package=None):
        parent = path.rpartition("/")[0]
        if parent not in self.entries:
            self.folder(parent)
        self.entries[path] = Entry(mode, content, package=package)

    def link(self, path, target):
        self.entries[path] = Entry(0o777, link=target)

    def files(self):
        return {path: entry for path, entry in sorted(self.entries.items()) if not entry.folder and not entry.link}

    @property
    def size(self):
        return sum(len(entry.content) for entry in self.entries.values())

    def layer(self, time):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path, entry in sorted(self.entries.items()):
                info = tarfile.TarInfo(path)
                info.mode, info.mtime, info.uid, info.gid = entry.mode, time, entry.owner, entry.owner
                info.type = tarfile.DIRTYPE if entry.folder else tarfile.SYMTYPE if entry.link else tarfile.REGTYPE
                info.linkname, info.size = entry.link, len(entry.content)
                tar.addfile(info, io.BytesIO(entry.content))
        return out.getvalue()
