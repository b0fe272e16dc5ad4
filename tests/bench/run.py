#!/usr/bin/env python3
"""make bench: operon beside its peers, in one run on one machine; writes the table of docs/performance.md.

    run.py [--quick] [--only WORD] [--write]     --quick: short runs; --only: rows whose function name has WORD; --write: also into docs/performance.md

Absolute times say more about the machine than about us: ratios, CPU seconds, memory and instruction counts are what counts. A loss is printed like a win.
"""

import json
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))
import registry_rows  # noqa: E402
from measure import Table, called, cpu_seconds, median, memory, options, peak_memory, three, threads, wrk  # noqa: E402
from operon_harness import BUILD, SOURCE, Host, free_port, until  # noqa: E402

BIN = BUILD / "bin"
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


class Peer:
    """A server of the benchmark's own that answers /health like ours."""

    def __init__(self, command):
        self.port = free_port()
        self.process = subprocess.Popen([*command, str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("the peer listens", self.listens)

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def go_peer(folder):
    """Builds the net/http peer where there is a Go toolchain."""
    if not shutil.which("go"):
        return None
    program = pathlib.Path(folder) / "net_http_peer"
    built = subprocess.run(["go", "build", "-o", str(program), str(SOURCE / "tests/bench/http/net_http_peer.go")], capture_output=True, text=True,
                           env={**os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0"})
    return program if built.returncode == 0 else None


def http_health(table, o):
    with tempfile.TemporaryDirectory() as folder, Host() as host:
        servers = {"operon": (host.port, host.process.pid)}
        peers = [("bare Poco", Peer([str(BIN / "bench_poco_peer")]))]
        go = go_peer(folder)
        if go:
            peers.append(("net/http", Peer([str(go)])))
        else:
            print("net/http left out: this machine has no Go toolchain")
        for name, peer in peers:
            servers[name] = (peer.port, peer.process.pid)
        for connections in (64, 1000):
            got = {name: [] for name in servers}
            for _ in range(o.rounds):
                for name, (port, pid) in servers.items():  # in turn, so that a drifting machine hits all alike
                    got[name].append(wrk(f"http://127.0.0.1:{port}/health", connections, o.seconds, pid))
            rate = {name: [r["per_cpu_second"] for r in runs] for name, runs in got.items()}
            ours, poco = median(rate["operon"]), median(rate["bare Poco"])
            table.add(f"GET /health, {connections} connections, requests per CPU second", three(rate["operon"], 0), "bare Poco " + three(rate["bare Poco"], 0),
                      f"{ours / poco:.2f} of bare Poco", "at least 0.90", ours / poco >= 0.90)
            if "net/http" in rate:
                table.add(f"the same against Go net/http, {connections} connections", three(rate["operon"], 0), "net/http " + three(rate["net/http"], 0),
                          f"{ours / median(rate['net/http']):.2f} of net/http", "stated", True)
        for _, peer in peers:
            peer.__exit__()


def list_page(table, o):
    count = 100_000
    with Host() as host:
        host.terminate()
        subprocess.run([str(BIN / "bench_seed_store"), str(host.state), str(count)], check=True, stdout=subprocess.DEVNULL)
        host.restart()
        for what, query in (("a page of 100 of 100,000 ended runs", "?limit=100"), ("the same, filtered", "?limit=100&status=Failed&scenarioName=scenario-7")):
            assert len(host.jobs(query)) == 100
            plain, page = [], []
            for _ in range(o.rounds):
                plain.append(wrk(f"http://127.0.0.1:{host.port}/health", 8, o.seconds, host.process.pid))
                page.append(wrk(f"http://127.0.0.1:{host.port}/scenarios/run{query}", 8, o.seconds, host.process.pid))
            ratio = median([p["p99_ms"] for p in page]) / median([p["p99_ms"] for p in plain])
            table.add(what + ", p99 ms (8 connections)", three([p["p99_ms"] for p in page]), "GET /health " + three([p["p99_ms"] for p in plain]),
                      f"{ratio:.1f} times", "at most 5", ratio <= 5)


def shell_start(program):
    begin = time.perf_counter()
    child = subprocess.Popen(["/bin/sh", "-c", program], stdout=subprocess.PIPE)
    child.stdout.read(1)
    took = time.perf_counter() - begin
    child.wait()
    child.stdout.close()
    return took * 1000


def first_log_byte(host, job):
    s = socket.create_connection(("127.0.0.1", host.port))
    s.sendall(f"GET /scenarios/run/{job}/logs?follow=true HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\nConnection: close\r\n\r\n".encode())
    data = b""
    while True:
        data += s.recv(4096)
        _, _, body = data.partition(b"\r\n\r\n")
        if body:
            break
    at = time.perf_counter()
    s.close()
    return at


def run_start(table, o):
    with Host(sets=["jobs.running_per_target_max=100"]) as host:
        host.scenario("date", "title: d\ndescription: d\nfields: []\nrun: {argv: [/bin/date]}\n")
        host.targets()
        started, logged, shell = [], [], []
        for _ in range(o.samples):
            shell.append(shell_start("exec /bin/date"))
            begin = time.perf_counter()
            answer = host.post_run("date")
            started.append((time.perf_counter() - begin) * 1000)
            logged.append((first_log_byte(host, answer.json["jobId"]) - begin) * 1000)
        for what, ours in (("POST run to started, ms", started), ("POST run to first log byte, ms", logged)):
            extra = median(ours) - median(shell)
            table.add(what, three(ours), "fork+exec by a shell, to its first byte " + three(shell), f"{extra:.2f} ms on top at p50", "at most 3 ms", extra <= 3)


def log_fan_out(table, o):
    size = 20_000_000
    for count, asleep in ((1, 0), (100, 1), (1000, 1)):
        with Host() as host:
            blob, go = host.folder / "blob", host.folder / "go"
            blob.write_bytes(os.urandom(size))
            host.shell_scenario("emit", f"while [ ! -e {go} ]; do sleep 0.02; done; exec cat {blob}")
            job = host.run("emit")
            host.wait_status(job, "Running")
            followers = subprocess.Popen([str(BIN / "bench_followers"), "127.0.0.1", str(host.port), f"/scenarios/run/{job}/logs?follow=true", str(count), str(asleep)],
                                         stdout=subprocess.PIPE, text=True)
            until("all follow", lambda: (host.metric("operon_log_followers") or 0) >= count + asleep, 30)
            before = cpu_seconds(host.process.pid)
            go.write_text("")
            result = json.loads(followers.communicate(timeout=300)[0])
            spent, peak = cpu_seconds(host.process.pid) - before, peak_memory(host.process.pid)
            peer = json.loads(subprocess.run([str(BIN / "bench_fan_out"), str(blob), str(count)], capture_output=True, text=True, check=True).stdout)
            reads = host.metric("operon_log_bytes_total") or 0
            whole = result["same"] and result["bytes_min"] == size and reads == size
            table.add(f"a 20 MB log to {count} follower{'s' if count > 1 else ''}{', one more asleep' if asleep else ''}: CPU s of operond, peak MB",
                      f"{spent:.2f} s, {peak / 1e6:.0f} MB", f"cat to {count} pipes, reading them too: {peer['cpu_seconds']:.2f} s",
                      f"upstream read {reads / size:.2f} times; lost {size - result['bytes_min']} bytes", "one read, nothing lost, under 100 MB", whole and peak < 100e6)


def plugin_call(table, o):
    out = subprocess.run([str(BIN / "bench_plugin_call"), str(BUILD / "plugins-test")], capture_output=True, text=True).stdout
    number = r"min +([\d.]+) +median +([\d.]+) +max +([\d.]+)"
    virtual, fast, slow = (tuple(float(x) for x in m) for m in re.findall(number, out))
    allocations = float(re.search(r"allocations per call: ([\d.]+)", out).group(1))
    p50 = float(re.search(r"other verbs, p50: ([\d.]+)", out).group(1))
    table.add("no-block plugin call of 100 bytes, ns", three(fast, 1), "virtual call " + three(virtual, 1), f"{fast[1] - virtual[1]:.0f} ns on top, {allocations:.3f} allocations",
              "under 100 ns, none", fast[1] - virtual[1] < 100 and allocations < 0.001)
    table.add("plugin call on the executor, us", three(slow, 1), "-", f"{p50:.1f} us at p50", "under 15 us", p50 < 15)


def thousand_runs(table, o):
    def measured(count):
        with Host(sets=["jobs.running_per_target_max=2000", "jobs.running_per_runner_max=2000"]) as host:
            go = host.folder / "go"
            host.scenario("talker", f"title: t\ndescription: t\nfields: []\nrun: {{argv: [/bin/sh, -c, 'echo up; while [ ! -e {go} ]; do sleep 1; done; echo down']}}\n")
            host.targets()
            before = cpu_seconds(host.process.pid)
            jobs = [host.run("talker") for _ in range(count)]
            sockets = []
            for job in jobs:
                s = socket.create_connection(("127.0.0.1", host.port))
                s.sendall(f"GET /scenarios/run/{job}/logs?follow=true HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\n\r\n".encode())
                sockets.append(s)
            until("all run and are followed", lambda: (host.metric("operon_log_followers") or 0) == count and len(host.jobs("?status=Running")) == count, 120)
            used, rss = threads(host.process.pid), memory(host.process.pid)
            supervisors = [memory(int(p), "Private") for p in os.listdir("/proc") if p.isdigit() and supervises(p, host)]
            go.write_text("")
            until("all have ended", lambda: not host.jobs("?status=Running"), 120)
            spent = cpu_seconds(host.process.pid) - before
            assert all(j["status"] == "Succeeded" for j in host.jobs())
            return used, rss, spent, supervisors
    one, many = measured(1), measured(1000)
    table.add("1,000 runs, each followed and archived: threads, resident MB of operond", f"{many[0]} threads, {many[1] / 1e6:.0f} MB", f"one run: {one[0]} threads, {one[1] / 1e6:.0f} MB",
              f"{many[2] / 1000 * 1000:.1f} ms CPU a run (one alone: {one[2] * 1000:.0f} ms)", "under 64 threads, 100 MB", many[0] < 64 and many[1] < 100e6)
    table.add("a supervisor: private memory, KB", three([s / 1000 for s in many[3]], 0), "-", f"{len(many[3])} supervisors", "under 1,000 KB", max(many[3], default=1e9) < 1e6)


def supervises(pid, host):
    try:
        text = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"operon-supervisor" in text.split(b"\0")[0] and str(host.state).encode() in text


def start_and_idle(table, o):
    def measured(sets):
        ready, rss = [], []
        for _ in range(o.rounds):
            host = Host(sets=sets)
            begin = time.perf_counter()
            host.start(ready=False)
            until("ready", lambda: host.ready_or_dead(), every=0.002)
            ready.append((time.perf_counter() - begin) * 1000)
            time.sleep(1)  # idle means idle: what start-up left running may finish
            rss.append(memory(host.process.pid) / 1e6)
            host.remove()
        return ready, rss
    with_plugins, bare = measured([]), measured([f"plugins.{name}=null" for name in ("target-file", "registry-dir", "registry-oci", "runner-process")])
    table.add("start to ready, ms", three(with_plugins[0], 0), "operond with no plugin " + three(bare[0], 0), f"{median(with_plugins[0]):.0f} ms", "under 150 ms", median(with_plugins[0]) < 150)
    table.add("idle resident memory, MB", three(with_plugins[1], 1), "operond with no plugin " + three(bare[1], 1), f"{median(with_plugins[1]):.1f} MB", "under 20 MB", median(with_plugins[1]) < 20)


ROWS = (http_health, list_page, run_start, log_fan_out, plugin_call, thousand_runs, start_and_idle, *registry_rows.ROWS)


def main():
    o = options().parse_args()
    o.rounds, o.seconds, o.samples = (3, 1, 40) if o.quick else (5, 3, 200)
    table = Table()
    for row in ROWS:
        if o.only in row.__name__:
            row(table, o)
    if not table.rows:
        return
    print("\n" + table.markdown())
    if o.write:
        table.write(SOURCE / "docs" / "performance.md", "table", not o.only, called(o))


if __name__ == "__main__":
    main()
