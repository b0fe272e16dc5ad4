"""What an ELF file asks the dynamic linker for, and where the linker finds it."""
import struct
import subprocess
from pathlib import Path

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 0, 1, 5, 15, 29


class ElfError(Exception):
    pass


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


class Elf:
    """The dynamic section of a 64-bit file: `needed` (sonames), `interpreter` (path or None), `machine`, `search_paths` (RPATH and RUNPATH)."""

    def __init__(self, path):
        data = Path(path).read_bytes()
        if data[:4] != b"\x7fELF" or data[4] != 2:
            raise ElfError(f"{path} is no 64-bit ELF file")
        order = "<" if data[5] == 1 else ">"
        self.machine, = struct.unpack_from(order + "H", data, 18)
        table, = struct.unpack_from(order + "Q", data, 32)
        size, count = struct.unpack_from(order + "HH", data, 54)
        segments = [struct.unpack_from(order + "IIQQQQ", data, table + size * at) for at in range(count)]
        self.needed, self.search_paths, self.interpreter = [], [], None
        for kind, _, offset, _, _, length in segments:
            if kind == PT_INTERP:
                self.interpreter = data[offset:offset + length].rstrip(b"\0").decode()
            elif kind == PT_DYNAMIC:
                self._read_dynamic(data, order, offset, length, segments)

    def _read_dynamic(self, data, order, offset, length, segments):
        entries = []
        for at in range(offset, offset + length, 16):
            tag, value = struct.unpack_from(order + "qQ", data, at)
            if tag == DT_NULL:
                break
            entries.append((tag, value))
        strings = dict(entries).get(DT_STRTAB)
        base = next((o + strings - address for kind, _, o, address, _, length in segments
                     if kind == PT_LOAD and strings is not None and address <= strings < address + length), None)

        def text(value):
            return data[base + value:data.index(b"\0", base + value)].decode()
        self.needed = [text(value) for tag, value in entries if tag == DT_NEEDED]
        self.search_paths = [text(value) for tag, value in entries if tag in (DT_RPATH, DT_RUNPATH)]


def linker_cache():
    """soname -> path, as the dynamic linker of this machine would choose; of two, the first one counts, as there."""
    found = {}
    text = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        name, arrow, path = line.partition(" => ")
        if arrow:
            found.setdefault((name.split()[0], Elf(path).machine if is_elf64(path) else None), path)
    return found


def is_elf64(path):
    with open(path, "rb") as file:
        return file.read(5) == b"\x7fELF\x02"


def closure(files, opened_by_name=()):
    """All libraries that `files` need, directly or not, and those that are opened by name: {soname: path}. With the interpreter under its own path."""
    cache = linker_cache()
    files = [Path(file) for file in files if is_elf(file)]
    machine = Elf(files[0]).machine
    libraries, waiting = {}, [(name, "the programs, by dlopen") for name in opened_by_name]

    def note(file):
        elf = Elf(file)
        if elf.search_paths:
            raise ElfError(f"{file} has a search path of its own ({elf.search_paths[0]}), which an image has not")
        waiting.extend((name, str(file)) for name in elf.needed)
        if elf.interpreter:
            libraries.setdefault(Path(elf.interpreter).name, elf.interpreter)
    for file in files:
        note(file)
    while waiting:
        name, user = waiting.pop()
        if name in libraries:
            continue
        path = cache.get((name, machine))
        if path is None:
            raise ElfError(f"{name}, which {user} needs, is not on this machine")
        libraries[name] = path
        note(Path(path))
    return libraries
