"""The programs of the benchmarks on a cluster: ours, the peer on controller-runtime, and namespaces full of Runs."""

import atexit
import functools
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tests/harness", "tests/integration/kube", "tests/cluster"):
    sys.path.insert(0, str(SOURCE / folder))
sys.dont_write_bytecode = True

from kubectl import Namespace  # noqa: E402
from measure import memory  # noqa: E402
from operon_harness import BUILD  # noqa: E402
from processes import ClusterError  # noqa: E402
from programs import cache, go  # noqa: E402

BIN = BUILD / "bin"
PEER = SOURCE / "tests/bench/kube/peer"
BUILD_SECONDS_MAX = 1200
FILL_SECONDS_MAX = 900


@functools.cache
def peer():
    """The program on controller-runtime; None, with a line that says why, where it cannot be had."""
    minor = int(re.search(r"^go 1\.(\d+)", (PEER / "go.mod").read_text(), re.MULTILINE).group(1))
    program = cache() / "bench" / "peer"
    try:
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
        done = subprocess.run([go(minor), "build", "-o", str(program), "."], cwd=PEER, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX)
    except (ClusterError, OSError, subprocess.SubprocessError) as error:
        print(f"controller-runtime left out: no Go 1.{minor} to be had: {error}", flush=True)
        return None
    if done.returncode != 0:
        print(f"controller-runtime left out: its program could not be built: {done.stderr[-500:]}", flush=True)
        return None
    return str(program)


def version():
    return "controller-runtime " + re.search(r"controller-runtime v(\S+)", (PEER / "go.mod").read_text()).group(1)


class Program:
    """One that prints a line of JSON when it is where it is to be measured, and stays until its input ends."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{' '.join(self.process.args)} ended with {self.process.wait()} and said nothing")
        self.told = json.loads(line)
        self.told["megabytes"] = memory(self.process.pid) / 1e6
        self.told["own_megabytes"] = memory(self.process.pid, "Anonymous") / 1e6
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def told(*command):
    with Program(*command) as program:
        return program.told


@functools.cache
def runs(count):
    """The name of a namespace with `count` Runs of 2 KB each that have ended: made once, removed at the end."""
    space = Namespace().__enter__()
    atexit.register(space.__exit__, None, None, None)
    if count:
        subprocess.run([str(BIN / "bench_fill_runs"), space.name, str(count)], check=True, timeout=FILL_SECONDS_MAX, stderr=subprocess.DEVNULL)
    return space.name
