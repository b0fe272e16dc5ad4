"""Rows of the cluster table that need a node: one pod's log to many followers."""

import json
import os
import pathlib
import resource
import subprocess
import sys

from kube_programs import BIN, SOURCE, runs
from kube_start_rows import ACCOUNT, ours
from kubectl import kubectl, program
from measure import cpu_seconds, peak_memory
from operon_harness import until

sys.path.insert(0, str(SOURCE / "tests/integration/runner-pod"))
from pods_harness import IMAGE, load_image  # noqa: E402
from processes import Processes  # noqa: E402

LINES = 20_000
LINE = "a line of a scenario log, as long as they usually are, with some words in it"
SCRIPT = f'while [ ! -e /tmp/go ]; do sleep 0.1; done; i=0; while [ $i -lt {LINES} ]; do echo "{LINE}"; i=$((i+1)); done'
BYTES = LINES * (len(LINE) + 1)


def servers():
    """CPU seconds of the cluster's own programs so far; nothing on a cluster that is not ours."""
    folder = os.environ.get("OPERON_CLUSTER_DIR") if os.environ.get("OPERON_OWN_CLUSTER") else None
    processes = Processes(pathlib.Path(folder)) if folder else None
    return {name: cpu_seconds(processes.pid(name)) for name in ("kube-apiserver", "kubelet")} if processes else {}


def since(before):
    now = servers()
    return ", ".join(f"{name} {now[name] - spent:.2f} s" for name, spent in before.items()) or "the cluster's share is not known"


def waiting_run(host, space):
    """A run whose pod is up and writes its log as soon as `go` says so."""
    body = {"targetId": host.targets(), "clusterName": kubectl("config", "current-context").strip(), "scenarioImage": IMAGE, "scenarioName": "script",
            "environment": {"SCRIPT": SCRIPT}}
    answer = host.api("POST", "/scenarios/run", body)
    assert answer.status == 201, answer
    host.wait_status(answer.json["jobId"], "Running", seconds=60)
    return answer.json["jobId"], answer.json["podName"], lambda: kubectl("exec", answer.json["podName"], "-n", space, "--", "/bin/sh", "-c", ": > /tmp/go")


def by_us(host, space, count):
    job, _, go = waiting_run(host, space)
    followers = subprocess.Popen([str(BIN / "bench_followers"), "127.0.0.1", str(host.port), f"/scenarios/run/{job}/logs?follow=true", str(count), "0"], stdout=subprocess.PIPE, text=True)
    until("all follow", lambda: (host.metric("operon_log_followers") or 0) >= count, 30)
    read, cluster, spent = host.metric("operon_log_bytes_total") or 0, servers(), cpu_seconds(host.process.pid)
    go()
    result = json.loads(followers.communicate(timeout=120)[0])
    spent = cpu_seconds(host.process.pid) - spent
    missing = max(BYTES - result["bytes_min"], BYTES - result["bytes_max"], key=abs)
    return spent, since(cluster), ((host.metric("operon_log_bytes_total") or 0) - read) / BYTES, missing


def by_kubectl(host, space, count):
    _, pod, go = waiting_run(host, space)
    cluster, spent = servers(), resource.getrusage(resource.RUSAGE_CHILDREN)
    followers = [subprocess.Popen([program(), "logs", "-f", pod, "-n", space], stdout=subprocess.DEVNULL) for _ in range(count)]
    go()
    for one in followers:
        one.wait(120)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime, since(cluster)


def log_of_a_pod(table, o):
    load_image()
    space = runs(0)
    kubectl("create", "serviceaccount", ACCOUNT, "-n", space)
    for count in (1, 100):
        with ours(space) as host:
            spent, cluster, reads, missing = by_us(host, space, count)
            theirs, their_cluster = by_kubectl(host, space, count)
            peak = peak_memory(host.process.pid) / 1e6
        table.add(f"a pod's log of {LINES:,} lines to {count} follower{'s' if count > 1 else ''}: CPU s of operond", f"{spent:.2f} s ({cluster}), peak {peak:.0f} MB",
                  f"kubectl logs -f, one each: {theirs:.1f} s ({their_cluster})", f"upstream read {reads:.3f} times; {missing} bytes too few", "one read, nothing lost, under 0.5 s",
                  missing == 0 and reads < 1.01 and spent < 0.5)


ROWS = (log_of_a_pod,)
