"""Rows of the cluster table about starting runs as pods. No node is needed: a pod is there when the API server has it."""

import contextlib
import http.client
import json
import re
import ssl
import tempfile
import threading
import time
import urllib.request
from base64 import b64decode
from collections import Counter

from kube_programs import BIN, BUILD, Program, peer, runs, told, version
from kubectl import kubectl
from measure import median, three
from operon_harness import Host, free_port, until

ACCOUNT = "krkn-operator-krkn-scenario-runner"
IMAGE = "docker.io/operon/script:1"
TURN = 10  # runs of one program before the other has its turn
RESOURCES = ("configmaps", "pods", "runs", "secrets")
WATCHING = ("LIST", "WATCH", "WATCHLIST")


class SeenPods:
    """When each pod of a namespace was first seen by a watch of ours."""

    def __init__(self, space):
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        tls = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
        headers = {"Authorization": "Bearer " + user["token"]} if "token" in user else {}
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as both:
                both.write(b64decode(user["client-certificate-data"]) + b64decode(user["client-key-data"]))
                both.flush()
                tls.load_cert_chain(both.name)
        self.at, self.arrived = {}, threading.Condition()
        question = urllib.request.Request(cluster["server"] + f"/api/v1/namespaces/{space}/pods?watch=true", headers=headers)
        self.stream = urllib.request.urlopen(question, context=tls, timeout=600)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.stream:
            now = time.perf_counter()
            name = re.search(rb'"name":"(krkn-job-[^"]+)"', line)
            with self.arrived:
                self.at.setdefault(name.group(1).decode(), now)
                self.arrived.notify_all()

    def wait(self, name):
        with self.arrived:
            assert self.arrived.wait_for(lambda: name in self.at, 30), f"pod {name} is not there"
            return self.at[name]


def calls():
    """What the API server has answered so far about the objects of runs, by verb and resource."""
    found = Counter()
    for line in kubectl("get", "--raw", "/metrics").splitlines():
        if line.startswith("apiserver_request_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["resource"] in RESOURCES and labels["verb"] not in WATCHING:
                what = labels["resource"] + ("/" + labels["subresource"] if labels["subresource"] else "")
                found[f"{labels['verb']} {what}"] += float(line.rsplit(" ", 1)[1])
    return found


def post_runs(port, body, count, pods):
    """Milliseconds from each POST until its pod is seen, one after the other."""
    took = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(count):
        begin = time.perf_counter()
        connection.request("POST", "/scenarios/run", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 201, text
        took.append((pods.wait(json.loads(text)["podName"]) - begin) * 1000)
    connection.close()
    return took


def ours(space):
    plugins = {"target-file": {}, "registry-dir": {}, "runner-pod": {"config": {"imagePullPolicy": "IfNotPresent"}}}
    many = [f"jobs.{limit}=100000" for limit in ("objects_kept_max", "running_per_target_max", "running_per_runner_max")]
    return Host(args=["--plugin-dir", str(BUILD / "plugins"), "--namespace", space], sets=["jobs.store=kubernetes", *many],
                config=json.dumps({"plugins": plugins, "defaults": {"registry": "registry-dir", "runner": "runner-pod"}}))


def per_run(before, count):
    """The calls since then, for each of so many runs."""
    since = calls()
    since.subtract(before)
    return {what: number / count for what, number in since.items() if number}


def words(made):
    return ", ".join(f"{number:.1f} {what}" for what, number in made.items())


def start_to_pod(table, o):
    count = 30 if o.quick else 100
    space, body = runs(0), {"clusterName": kubectl("config", "current-context").strip(), "scenarioImage": IMAGE, "scenarioName": "script", "environment": {"WORD": "word"}}
    kubectl("create", "serviceaccount", ACCOUNT, "-n", space)
    kubeconfig = kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
    kubectl("create", "secret", "generic", "bench-target", "-n", space, "--from-literal=kubeconfig=" + kubeconfig)
    pods = SeenPods(space)
    with ours(space) as host, contextlib.ExitStack() as stack:
        body["targetId"] = host.targets()
        ports = {"ours": host.port}
        if peer():
            ports["peer"] = free_port()
            stack.enter_context(Program(peer(), "start", space, f"127.0.0.1:{ports['peer']}"))
        took, made = in_turn(ports, body, count, pods)
        alone = requests_alone(space, count)
        kubectl("delete", "pods", "--all", "-n", space, "--grace-period=0", "--force", "--wait=false")
    theirs, their_calls, took, made = took.get("peer", []), made.get("peer", {}), took["ours"], made["ours"]
    ratio = median(took) / median(theirs) if theirs else 0
    table.add("POST run to its pod visible, one after the other: ms", three(took), f"{version()}, from warm caches: {three(theirs)}" if theirs else "left out",
              (f"{ratio:.2f} times the peer; " if theirs else "") + f"these requests by themselves, with the record {alone[0]:.2f}, without {alone[1]:.2f}: {alone[0] / alone[1]:.2f} times", "at most 1.2 times" if theirs else "stated", ratio <= 1.2)
    creations = sum(number for what, number in made.items() if what.startswith(("POST", "APPLY")))
    table.add("API calls of a run until its pod is there and recorded", words(made), words(their_calls) or "left out", f"{creations:.1f} of them create objects", "3: the peer's and the Run", creations <= 3.05)


def requests_alone(space, count):
    """Milliseconds for the objects of a run without a host: the record first and the two others at once; and the two one after the other."""
    objects = {kind: json.loads(kubectl("get", kind + "s", "-n", space, "-o", "json"))["items"] for kind in ("run", "configmap", "pod")}
    pod = next(pod for pod in objects["pod"] if "ownerReferences" in pod["metadata"])  # the peer's have no owner
    uid = pod["metadata"]["ownerReferences"][0]["uid"]
    run = next(run for run in objects["run"] if run["metadata"]["uid"] == uid)
    configmap = next(one for one in objects["configmap"] if uid in json.dumps(one["metadata"]))
    found = {"run": run, "configmap": configmap, "pod": pod, "id": run["spec"]["origin"]["jobId"], "uid": uid}
    for kind in ("run", "configmap", "pod"):
        found[kind].pop("status", None)
        kept = ("name", "namespace", "labels", "annotations", "ownerReferences", "finalizers")
        found[kind]["metadata"] = {name: value for name, value in found[kind]["metadata"].items() if name in kept}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(found, file)
        file.flush()
        times = told(BIN / "bench_requests_alone", "start", space, file.name, count)
    return times["recorded_ms"], times["unrecorded_ms"]


def in_turn(ports, body, count, pods):
    """Each program's milliseconds and calls a run. Ten runs of one, then ten of the other: what else the machine does falls on both."""
    took, before, made = {name: [] for name in ports}, {}, {name: Counter() for name in ports}
    for name, port in ports.items():
        post_runs(port, body, 5, pods)
    for _ in range(count // TURN):
        for name, port in ports.items():
            until("what belongs to the runs before is written", settled())
            before = calls()
            took[name] += post_runs(port, body, TURN, pods)
            until("what belongs to the runs is written", settled())
            made[name].update(per_run(before, count))
    return took, {name: {what: number for what, number in sorted(made[name].items()) if number >= 0.1} for name in ports}


def settled():
    """A probe: true when nothing has been written for a moment."""
    last = [None]

    def look():
        time.sleep(0.5)
        now, before = calls(), last[0]
        last[0] = now
        return now == before
    return look


ROWS = (start_to_pod,)
