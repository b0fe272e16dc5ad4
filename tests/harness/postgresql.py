#!/usr/bin/env python3
"""A PostgreSQL server of a test's own: Debian's programs, a temporary folder, a Unix socket and no port; gone when the test ends.

    with Server() as server:
        host = Host(sets=[f"jobs.database={server.connection()}"])

As a program, the launcher of compiled tests and their hand on the server:

    postgresql.py run COMMAND...         the command with OPERON_TEST_DATABASE and OPERON_TEST_POSTGRESQL set; its exit code
    postgresql.py stop|start|restart|freeze|thaw   within such a command; restart is the crash of the server and its return

Never as root, which PostgreSQL refuses: root starts it as the user postgres. OPERON_POSTGRESQL names the folder of the programs.
"""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

PACKAGE = "postgresql"


def programs():
    """The folder of the newest server that is installed. Fails naming the package: a test that needs it does not pass without it."""
    given = os.environ.get("OPERON_POSTGRESQL")
    found = [pathlib.Path(given)] if given else sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise SystemExit(f"no PostgreSQL server is installed; install the package {PACKAGE} (scripts/install-dependencies test), "
                     "or name the folder of initdb and pg_ctl in OPERON_POSTGRESQL")


class Server:
    def __init__(self, folder=None):
        """`folder`: of a server that another process has made."""
        self.programs = programs()
        self.made_here = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="operon-pg-", dir="/tmp"))  # a socket's path is short
        self.data = self.folder / "data"
        self.user = None
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"

    def __enter__(self):
        if self.made_here:
            if self.user:
                shutil.chown(self.folder, self.user)
            self.program("initdb", "-D", self.data, "-U", "operon", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync")
            with open(self.data / "postgresql.conf", "a", encoding="utf-8") as settings:
                settings.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\nmax_connections = 60\nshared_buffers = '16MB'\n"
                               "fsync = off\n")  # what outlives the server's crash is enough: no test pulls the plug
            # The role `guarded` shows a password, the others none.
            rules = self.data / "pg_hba.conf"
            rules.write_text("local all guarded scram-sha-256\n" + rules.read_text(encoding="utf-8"), encoding="utf-8")
            self.start()
            self.sql("CREATE DATABASE operon TEMPLATE template0 ENCODING 'UTF8'", database="postgres")
        return self

    def __exit__(self, kind, value, trace):
        self.control("stop", "-m", "immediate", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connection(self, user="operon", **options):
        """As jobs.database takes it."""
        more = "".join(f"&{name}={value}" for name, value in options.items())
        return f"postgresql:///operon?host={self.folder}&user={user}{more}"

    # ---- life ---------------------------------------------------------------------------------------------------------------------

    def start(self):
        self.control("start", "-w", "-t", "60")

    def stop(self, mode="fast"):
        self.control("stop", "-w", "-m", mode)

    def restart(self):
        self.control("restart", "-w", "-t", "60", "-m", "immediate")

    def processes(self):
        first = int((self.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        children = pathlib.Path(f"/proc/{first}/task/{first}/children").read_text(encoding="utf-8").split()
        return [first] + [int(pid) for pid in children]

    def freeze(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGCONT)

    def sql(self, text, database="operon"):
        """Rows as text, one a line."""
        return self.program("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "operon", "-d", database, "-c", text)

    def control(self, *words, check=True):
        return self.program("pg_ctl", words[0], "-s", "-D", self.data, "-l", self.folder / "server.log", *words[1:], check=check)

    def program(self, name, *words, check=True):
        # Into a file: a server that is started here would keep a pipe open.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
            done = subprocess.run([str(self.programs / name), *map(str, words)], stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                  cwd="/", user=self.user, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, timeout=120, check=False)
            said.seek(0)
            text = said.read()
        if check and done.returncode != 0:
            raise RuntimeError(f"{name} {' '.join(map(str, words))} ended with {done.returncode}: {text}")
        return text.strip()


def main(words):
    if words[:1] == ["run"] and len(words) > 1:
        with Server() as server:
            around = {**os.environ, "OPERON_TEST_DATABASE": server.connection(), "OPERON_TEST_POSTGRESQL": str(server.folder),
                      "OPERON_TEST_POSTGRESQL_CONTROL": str(pathlib.Path(__file__).resolve())}
            return subprocess.run(words[1:], env=around, check=False).returncode
    if len(words) == 1 and words[0] in ("stop", "start", "restart", "freeze", "thaw") and "OPERON_TEST_POSTGRESQL" in os.environ:
        getattr(Server(os.environ["OPERON_TEST_POSTGRESQL"]), words[0])()
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
