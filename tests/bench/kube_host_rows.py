"""Rows of the cluster table about operond with its records on a cluster: lists, memory, start, reading what was written."""

import json
import time
import urllib.request

from kube_library_rows import column
from kube_programs import BUILD, SOURCE, Program, peer, runs, told, version
from measure import median, memory, three, wrk
from operon_harness import Host, free_port, until

CONNECTIONS = 4


def host(space):
    """As in a cluster."""
    return Host(args=["--config", str(SOURCE / "config/cluster.yaml"), "--plugin-dir", str(BUILD / "plugins"), "--namespace", space],
                sets=["data_provider_address=", "jobs.objects_kept_max=100000"])


def replica(space):
    """One of several, whose leader starts processes: no pod is needed."""
    return Host(args=["--namespace", space], sets=["leader_election=true", "targets.store=kubernetes", "jobs.store=kubernetes", "data_provider_address=", "jobs.objects_kept_max=100000",
                                                   "jobs.running_per_target_max=10000", "jobs.running_per_runner_max=10000"])


class Served:
    """The peer that answers lists."""

    def __init__(self, space):
        self.port = free_port()
        self.program = Program(peer(), "serve", space, f"127.0.0.1:{self.port}")

    def __enter__(self):
        self.told = self.program.__enter__().told
        self.pid = self.program.process.pid
        return self

    def __exit__(self, *_):
        self.program.__exit__()


def url(port, query):
    return f"http://127.0.0.1:{port}/scenarios/run{query}"


def ids(port, query):
    with urllib.request.urlopen(url(port, query), timeout=60) as answer:
        return [job["jobId"] for job in json.load(answer)["jobs"]]


def per_request(o, port, pid, query):
    """CPU milliseconds."""
    return 1000 / wrk(url(port, query), CONNECTIONS, o.seconds, pid)["per_cpu_second"]


def measure_lists(o, servers, query, count):
    """CPU of each server in turn, and its memory afterwards."""
    answers = {name: ids(port, query) for name, (port, _) in servers.items()}
    for name, answer in answers.items():
        assert sorted(answer) == sorted(answers["ours"]) and len(answer) == count, f"{name} answers {len(answer)} of {count} runs, or others"
    cpu = {name: [] for name in servers}
    for _ in range(o.rounds):
        for name, (port, pid) in servers.items():
            cpu[name].append(per_request(o, port, pid, query))
    return cpu, {name: memory(pid) / 1e6 for name, (_, pid) in servers.items()}


def lists(table, o):
    for count in (1_000, 5_000):
        space = runs(count)
        with host(space) as ours:
            servers = {"ours": (ours.port, ours.process.pid)}
            served = Served(space).__enter__() if peer() else None
            try:
                if served:
                    servers["peer"] = (served.port, served.pid)
                whole, megabytes = measure_lists(o, servers, "", count)
                page, _ = measure_lists(o, servers, "?limit=100", 100)
            finally:
                if served:
                    served.__exit__()
        ratio = median(whole["ours"]) / median(whole["peer"]) if served else None
        table.add(f"list of {count:,} runs, whole: CPU ms a request", three(whole["ours"]), f"{version()} from its cache: {three(whole['peer'])}" if served else "left out",
                  f"{ratio:.2f} of the peer" if served else "-", "at most 0.10 of the peer" if served else "stated", not served or ratio <= 0.1)
        table.add(f"the same, {count:,} runs: resident MB", f"{megabytes['ours']:.0f}", f"{megabytes['peer']:.0f}" if served else "left out", f"{megabytes['ours']:.0f} MB",
                  "at most 60 MB" if count == 5_000 else "stated", count != 5_000 or megabytes["ours"] <= 60)
        table.add(f"a page of 100 of {count:,} runs: CPU ms a request", three(page["ours"], 3), f"{three(page['peer'])}" if served else "left out",
                  f"{median(page['ours']):.3f} ms", "under 0.3 ms", median(page["ours"]) < 0.3)


def started(o, space):
    """Resident megabytes when it has come to rest, and milliseconds from start to ready."""
    megabytes, took = [], []
    for _ in range(o.rounds + 1):
        with host(space) as one:
            until("it leads", lambda: one.metric("operon_leading") == 1, 40)
            time.sleep(1)  # idle means idle: what start-up left running may finish
            megabytes.append(memory(one.process.pid) / 1e6)
            took.append(one.metric("operon_start_duration_seconds") * 1000)
    return megabytes[1:], took[1:]  # the first start finds a server that has not used these resources yet


def start_and_idle(table, o):
    for count, goal in ((0, 20), (1_000, 30)):
        space = runs(count)
        megabytes, took = started(o, space)
        peers = []
        for _ in range(o.rounds if peer() else 0):
            with Served(space) as served:
                peers.append(served.told)
        what = "no run" if count == 0 else f"{count:,} runs"
        table.add(f"operond on a cluster with {what}, idle: resident MB", three(megabytes, 1),
                  f"{version()}: {three(column(peers, 'megabytes'), 1)}" if peers else "left out", f"{median(megabytes):.1f} MB", f"at most {goal} MB", median(megabytes) <= goal)
        table.add(f"start to ready with filled caches, {what}: ms", three(took, 0), three(column(peers, "seconds", 1000), 0) if peers else "left out",
                  f"{median(took):.0f} ms", "under 300 ms", median(took) < 300)


def read_your_writes(table, o):
    count = 200 if o.quick else 1_000
    space = runs(0)
    hosts = [replica(space) for _ in range(3)]
    try:
        for one in hosts:
            one.start()
            one.scenario("none", "title: n\ndescription: n\nfields: []\nrun: {argv: [/bin/true]}\n")
        until("there is a leader", lambda: sum(one.metric("operon_leading") == 1 for one in hosts) == 1, 40)
        target = hosts[0].targets()
        absent = []
        for one in hosts:
            until("the target is known", lambda: one.api("GET", f"/targets/{target}").status == 200)
            absent.append(sum(one.api("GET", f"/scenarios/run/{one.run('none', targetId=target)}").status == 404 for _ in range(count)))
    finally:
        for one in hosts:
            one.remove()
    text = "left out"
    if peer():
        missing = told(peer(), "written", runs(1), count)["absent"]
        text = f"{version()}, created and read from its cache: {missing} of {count:,} ({100 * missing / count:.0f} %)"
    table.add(f"{count:,} times POST and GET at once, on each of 3 replicas: answers 404", " / ".join(map(str, absent)), text, f"{sum(absent)} in all", "none", sum(absent) == 0)


ROWS = (lists, start_and_idle, read_your_writes)
