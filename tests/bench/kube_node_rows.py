"""Rows of the cluster table about the data provider: ours in C++ beside ours on krkn-lib. No node is needed, Node objects are enough."""

import contextlib
import functools
import importlib.machinery
import importlib.util
import json
import socket
import subprocess
import tempfile
import time

from kube_programs import BIN, SOURCE
from kubectl import kubectl
from measure import cpu_seconds, median, memory, three
from operon_harness import free_port, until

NODES = 10
CALLERS = (1, 16)
START_SECONDS_MAX = 60
REST_SECONDS = 10  # after the last call: the provider in C++ gives memory back 3 s after it


@functools.cache
def python():
    """One that has the provider on krkn-lib, as its conformance suite gets it; None, with a line that says why, where it cannot be had."""
    path = SOURCE / "tests/conformance/data-provider/run"
    loader = importlib.machinery.SourceFileLoader("conformance_run", str(path))
    suite = importlib.util.module_from_spec(importlib.util.spec_from_loader("conformance_run", loader))
    loader.exec_module(suite)
    try:
        return suite.python("krkn")
    except (OSError, subprocess.SubprocessError) as error:
        print(f"data provider on krkn-lib left out: its packages cannot be had: {error}", flush=True)
        return None


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Provider:
    def __init__(self, *command):
        self.port = free_port()
        self.process = subprocess.Popen([*map(str, command), "--listen", f"127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        until("the data provider listens", lambda: listens(self.port), START_SECONDS_MAX)
        time.sleep(1)  # idle means idle: what start-up left running may finish
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def megabytes(self):
        return memory(self.process.pid) / 1e6

    def asked(self, kubeconfig, at_once, seconds):
        """Calls a second, and CPU milliseconds of the provider a call."""
        before = cpu_seconds(self.process.pid)
        done = subprocess.run([str(BIN / "bench_get_nodes"), f"127.0.0.1:{self.port}", kubeconfig, str(at_once), str(seconds)],
                              capture_output=True, text=True, check=True, timeout=120)
        told = json.loads(done.stdout)
        assert told["wrong"] == 0 and told["nodes"] >= NODES, told
        return told["calls"] / told["seconds"], (cpu_seconds(self.process.pid) - before) * 1000 / told["calls"]


@contextlib.contextmanager
def nodes():
    names = [f"bench-node-{i}" for i in range(NODES)]
    items = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"operon-bench": "nodes"}}} for name in names]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"apiVersion": "v1", "kind": "List", "items": items}, file)
        file.flush()
        kubectl("create", "-f", file.name)
    try:
        yield
    finally:
        kubectl("delete", "nodes", "-l", "operon-bench=nodes")


def measured(command, kubeconfig, o):
    """Idle megabytes at first and after all calls; for each number of callers calls a second and CPU milliseconds a call."""
    with Provider(*command) as provider:
        found = {"idle": [provider.megabytes()]}
        for at_once in CALLERS:
            provider.asked(kubeconfig, at_once, 1)  # the first calls open connections
            found[at_once] = list(zip(*(provider.asked(kubeconfig, at_once, o.seconds) for _ in range(o.rounds))))
        time.sleep(REST_SECONDS)
        found["idle"].append(provider.megabytes())
    return found


def get_nodes(table, o):
    with nodes(), tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        file.flush()
        ours = measured([BIN / "operon-data-provider"], file.name, o)
        alone = measured([BIN / "operon-data-provider", "--nodes-max-age-ms", "0"], file.name, o)
        theirs = measured([python(), "-m", "operon_data_provider_krkn"], file.name, o) if python() else None
    for at_once in CALLERS:
        (rate, cost), (alone_rate, alone_cost), peer = ours[at_once], alone[at_once], theirs[at_once] if theirs else None
        times = median(rate) / median(peer[0]) if peer else 0
        table.add(f"GetNodes of {NODES} nodes, {at_once} at a time: calls a second", three(rate, 0), f"Python on krkn-lib: {three(peer[0], 0)}" if peer else "left out",
                  f"{times:.1f} times the peer; with a list for each call {median(alone_rate):.0f} a second" if peer else "-", "20 times the peer" if peer else "stated", times >= 20 or not peer)
        table.add(f"the same, {at_once} at a time: CPU ms a call of the data provider", three(cost), three(peer[1]) if peer else "left out",
                  f"{median(cost):.2f} ms; with a list for each call {median(alone_cost):.2f}", "at most 0.3 ms", median(cost) <= 0.3)
    table.add("the data provider, idle: resident MB at first / after the calls", " / ".join(f"{one:.1f}" for one in ours["idle"]),
              " / ".join(f"{one:.1f}" for one in theirs["idle"]) if theirs else "left out", f"{max(ours['idle']):.1f} MB", "under 10 MB", max(ours["idle"]) < 10)


ROWS = (get_nodes,)
