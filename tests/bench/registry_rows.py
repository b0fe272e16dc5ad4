"""Rows about scenario registries: operond beside a client that asks for one tag after the other, on Debian's docker-registry."""

import hashlib
import http.client
import json
import subprocess
import time

from image_registry import ImageRegistry, labels
from measure import cpu_seconds, median, memory, three, wrk
from operon_harness import BUILD, Host, until

REPOSITORY = "bench/scenarios"
CONNECTIONS = 8
WHOLE_SECONDS_MAX = 300
REST_SECONDS = 2  # memory that the filling needed is given back when nothing goes on
ACCEPT = {"Accept": "application/vnd.oci.image.manifest.v1+json"}


def put(connection, path, data, kind):
    connection.request("PUT", path, data, {"Content-Type": kind})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 201, (path, answer.status)


def upload(connection, data):
    """A blob; its descriptor."""
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    connection.request("POST", f"/v2/{REPOSITORY}/blobs/uploads/", headers={"Content-Length": "0"})
    answer = connection.getresponse()
    answer.read()
    place = answer.headers["Location"].split("/v2/", 1)[1]
    put(connection, f"/v2/{place}{'&' if '?' in place else '?'}digest={digest}", data, "application/octet-stream")
    return {"digest": digest, "size": len(data)}


def fill(registry, count):
    """So many tags, an image each, of one layer."""
    connection = http.client.HTTPConnection(registry.name)
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **upload(connection, b"layer")}
    for n in range(count):
        config = {"architecture": "amd64", "os": "linux", "created": "2026-01-02T03:04:05Z", "config": {"Labels": labels(f"Scenario {n}")}, "rootfs": {"type": "layers", "diff_ids": []}}
        about = {"mediaType": "application/vnd.oci.image.config.v1+json", **upload(connection, json.dumps(config).encode())}
        manifest = {"schemaVersion": 2, "mediaType": ACCEPT["Accept"], "config": about, "layers": [layer]}
        put(connection, f"/v2/{REPOSITORY}/manifests/scenario-{n:05}", json.dumps(manifest).encode(), ACCEPT["Accept"])
    connection.close()


def one_after_the_other(registry):
    """The peer: the tags, then of each its manifest and its configuration, over one kept connection. Seconds."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(registry.name)

    def get(path):
        connection.request("GET", path, headers=ACCEPT)
        answer = connection.getresponse()
        assert answer.status == 200, path
        return json.loads(answer.read())
    found = 0
    for tag in get(f"/v2/{REPOSITORY}/tags/list?n=10000")["tags"]:
        manifest = get(f"/v2/{REPOSITORY}/manifests/{tag}")
        found += "krknctl.title" in get(f"/v2/{REPOSITORY}/blobs/{manifest['config']['digest']}")["config"]["Labels"]
    connection.close()
    return time.monotonic() - began, found


def serving(registry):
    return Host(sets=["plugins.hub.plugin=registry-oci", f"plugins.hub.config.registry={registry.name}", f"plugins.hub.config.repository={REPOSITORY}",
                      "plugins.hub.config.insecure=true"])


def whole(host, count):
    """A probe: the list, once all of it is there."""
    def look():
        answer = host.api("GET", "/operon/v1/scenarios?registry=hub", timeout=60)
        return answer if answer.status == 200 and "Operon-Partial" not in answer.headers and len(answer.json["scenarios"]) == count else None
    return look


def cold_list(table, o):
    count = 1_000
    with ImageRegistry() as registry:
        fill(registry, count)
        ours, theirs, requests = [], [], []
        for _ in range(3):
            with serving(registry) as host:
                before, began = len(registry.requests()), time.monotonic()
                until("the list is whole", whole(host, count), WHOLE_SECONDS_MAX)
                ours.append(time.monotonic() - began)
                requests.append(len(registry.requests()) - before)
            seconds, found = one_after_the_other(registry)
            assert found == count
            theirs.append(seconds)
        table.add(f"first list of {count:,} tags of an image registry: seconds", three(ours), f"one request after the other {three(theirs)}",
                  f"{median(ours) / median(theirs):.2f} of the peer; {median(requests):.0f} requests, the peer {2 * count + 1:,}", "less than the peer", median(ours) < median(theirs))
        with serving(registry) as host:
            until("the list is whole", whole(host, count), WHOLE_SECONDS_MAX)
            before = len(registry.requests())
            rates = {name: [] for name in ("health", "list", "detail")}
            for _ in range(o.rounds):
                for name, path in (("health", "/health"), ("list", "/operon/v1/scenarios?registry=hub"), ("detail", "/operon/v1/scenarios/scenario-00500?registry=hub")):
                    rates[name].append(1000 / wrk(f"http://127.0.0.1:{host.port}{path}", CONNECTIONS, o.seconds, host.process.pid)["per_cpu_second"])
            asked = len(registry.requests()) - before
        table.add(f"the list of {count:,} again: CPU ms a request", three(rates["list"]), f"GET /health {three(rates['health'], 3)}",
                  f"{median(rates['list']) * 1000 / count:.2f} us a scenario; {asked} requests to the registry", "none to the registry", asked == 0)
        table.add("one scenario and its fields: CPU ms a request", three(rates["detail"], 3), f"GET /health {three(rates['health'], 3)}",
                  f"{median(rates['detail']) / median(rates['health']):.0f} times", "stated", True)


def cached_memory(table, o):
    count = 5_000
    with ImageRegistry() as registry:
        fill(registry, count)
        with serving(registry) as host:
            time.sleep(REST_SECONDS)
            before = memory(host.process.pid)
            began, cpu = time.monotonic(), cpu_seconds(host.process.pid)
            until("the list is whole", whole(host, count), WHOLE_SECONDS_MAX)
            took, cpu = time.monotonic() - began, cpu_seconds(host.process.pid) - cpu
            time.sleep(REST_SECONDS)
            each = (memory(host.process.pid) - before) / count
    table.add(f"{count:,} scenarios in the cache: bytes each", f"{each:.0f}", "-", f"{each / 1000:.1f} KB; filled in {took:.1f} s with {cpu:.1f} s CPU of operond", "under 10 KB", each < 10_000)


def validation(table, o):
    count = 100_000
    took = []
    for _ in range(o.rounds):
        told = json.loads(subprocess.run([str(BUILD / "bin/bench_validate"), str(count)], capture_output=True, text=True, check=True).stdout)
        assert told["refused"] == told["wrong"], told
        took.append(told["seconds"] * 1e6 / count)
    table.add(f"{count:,} values checked against their fields: us each", three(took), "-", f"{median(took):.2f} us", "stated", True)


ROWS = (cold_list, cached_memory, validation)
