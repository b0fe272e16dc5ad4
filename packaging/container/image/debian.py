"""Which Debian package a file is from, and under which licence the package is."""
import functools
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# Debian's short names that are not SPDX's.
SPDX = {
    "Expat": "MIT", "X11": "X11", "MIT": "MIT", "ISC": "ISC", "curl": "curl", "Zlib": "Zlib", "zlib": "Zlib", "BSL-1": "BSL-1.0", "BSL-1.0": "BSL-1.0",
    "Apache-2.0": "Apache-2.0", "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause", "BSD-3-Clause": "BSD-3-Clause", "BSD-2-Clause": "BSD-2-Clause",
    "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-3+": "GPL-3.0-or-later", "LGPL-2": "LGPL-2.0-only", "LGPL-2+": "LGPL-2.0-or-later",
    "LGPL-2.1": "LGPL-2.1-only", "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-3+": "LGPL-3.0-or-later", "OpenLDAP-2.8": "OLDAP-2.8", "MPL-2.0": "MPL-2.0",
    "BSD3": "BSD-3-Clause", "BSD-2clause": "BSD-2-Clause", "BSD-3-google": "BSD-3-Clause", "BSD-3-Clause-Google": "BSD-3-Clause",
}
# Packages whose copyright file is prose, or whose first stanza is not about the library.
BY_PACKAGE = {
    "libc6": "LGPL-2.1-or-later", "libc6-dev": "LGPL-2.1-or-later",
    "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1", "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgmp10": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libcom-err2": "MIT", "libsqlite3-0": "blessing", "libpcre3": "BSD-3-Clause", "libgnutls30": "LGPL-2.1-or-later",
    "libnettle8": "LGPL-3.0-or-later OR GPL-2.0-or-later", "libhogweed6": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libidn2-0": "LGPL-3.0-or-later OR GPL-2.0-or-later", "libunistring2": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libzstd1": "BSD-3-Clause OR GPL-2.0-only",
    "libtasn1-6": "LGPL-2.1-or-later", "libc-ares2": "MIT", "libc-ares-dev": "MIT",
    "libldap-2.5-0": "OLDAP-2.8", "libsasl2-2": "BSD-4-Clause", "libkeyutils1": "LGPL-2.0-or-later", "librtmp1": "LGPL-2.1-or-later",
    "ca-certificates": "MPL-2.0 AND GPL-2.0-or-later",
}
KERBEROS = ("libgssapi-krb5-2", "libk5crypto3", "libkrb5-3", "libkrb5support0")


class DebianError(Exception):
    pass


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    source: str
    architecture: str
    licence: str  # SPDX expression; NOASSERTION where the copyright file is prose
    copyright_file: Path

    @property
    def purl(self):
        return f"pkg:deb/debian/{self.name}@{self.version.replace(':', '%3A').replace('+', '%2B')}?arch={self.architecture}"


def query(*words):
    done = subprocess.run(["dpkg-query", *words], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return done.stdout if done.returncode == 0 else ""


def without_usr(path):
    """The name that the package has for a file: those of before the merge of / and /usr keep theirs."""
    text = str(path)
    return text.removeprefix("/usr") if text.startswith("/usr/lib") else "/usr" + text


@functools.cache
def owner(path):
    """The package that brought the file."""
    path = Path(path)
    names = dict.fromkeys([str(path), str(path.resolve())])
    for name in [*names, *(without_usr(name) for name in names)]:
        line = query("-S", name).splitlines()
        if line:
            return package(line[0].split(": ")[0].split(",")[0])
    raise DebianError(f"no Debian package brought {path}; the list of materials would miss it")


@functools.cache
def package(name):
    text = query("-W", "-f", "${Package}\t${Version}\t${source:Package}\t${Architecture}\t${db:Status-Abbrev}", name)
    if not text or not text.split("\t")[4].startswith("ii"):
        return None
    short, version, source, architecture, _ = text.split("\t")
    copyright_file = Path("/usr/share/doc", short, "copyright")
    return Package(short, version, source, architecture, licence(short, copyright_file), copyright_file)


def licence(name, copyright_file):
    if name in BY_PACKAGE:
        return BY_PACKAGE[name]
    if name in KERBEROS:
        return "MIT"
    text = copyright_file.read_text(errors="replace") if copyright_file.exists() else ""
    stanza = next((part for part in re.split(r"\n[ \t]*\n", text) if re.search(r"^Files:\s*\*\s*$", part, re.MULTILINE)), "")
    named = re.search(r"^License:\s*(.+)$", stanza, re.MULTILINE)
    if not named:
        return "NOASSERTION"
    words = re.split(r"\s+(and|or)\s+", named.group(1).strip(), flags=re.IGNORECASE)
    return " ".join(word.upper() if word.lower() in ("and", "or") else SPDX.get(word, reference(word)) for word in words)


def reference(word):
    """SPDX's way to name a licence that is not on its list."""
    return "LicenseRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", word).strip("-")
