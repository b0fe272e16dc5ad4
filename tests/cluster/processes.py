"""Programs that run on after whoever started them, each known by a file with its process id in the cluster's folder."""
import os
import signal
import subprocess
import time
from pathlib import Path

STOP_SECONDS_MAX = 10
LOG_LINES_SHOWN = 15


class ClusterError(Exception):
    """What went wrong and what to do; shown without a traceback."""


def wait_until(what, seconds, ready, alive=lambda: None):
    """Until `ready` says yes; `alive` raises when there is nothing left to wait for."""
    end = time.monotonic() + seconds
    while not ready():
        alive()
        if time.monotonic() > end:
            raise ClusterError(f"{what} was not ready within {seconds} s")
        time.sleep(0.1)


class Processes:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.children = {}
        for name in ("run", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def start(self, *words, environment=None):
        name = Path(words[0]).name
        with open(self.log(name), "ab") as log:
            child = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                     env=environment)
        self.children[name] = child
        self.file(name).write_text(str(child.pid))

    def file(self, name):
        return self.folder / "run" / (name + ".pid")

    def log(self, name):
        return self.folder / "log" / (name + ".log")

    def names(self):
        return sorted(path.stem for path in (self.folder / "run").glob("*.pid"))

    def pid(self, name):
        """Of the program if it runs. A number that another program has got since does not count: all of ours name the folder."""
        try:
            pid = int(self.file(name).read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(self.folder).encode() in words else None

    def check(self):
        """Raises for a program that this object started and that has ended."""
        for name, child in self.children.items():
            if child.poll() is not None:
                lines = self.log(name).read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
                raise ClusterError("\n".join([f"{name} ended with {child.returncode}; the end of {self.log(name)}:", *lines]))

    def stop(self, name):
        for number in (signal.SIGTERM, signal.SIGKILL):
            pid = self.pid(name)
            if pid is None:
                break
            os.kill(pid, number)
            end = time.monotonic() + STOP_SECONDS_MAX
            while self.pid(name) is not None and time.monotonic() < end:
                if name in self.children:
                    self.children[name].poll()
                time.sleep(0.02)
        if name in self.children:
            self.children.pop(name).wait()
        self.file(name).unlink(missing_ok=True)
