#!/usr/bin/env python3
"""Runs a scenario through the REST API and shows its log. Standard library only.

    run_scenario.py [SCENARIO] [VARIABLE=VALUE ...]     OPERON_SERVER (default http://127.0.0.1:8080), OPERON_TOKEN
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

SERVER = os.environ.get("OPERON_SERVER", "http://127.0.0.1:8080")
HEADERS = {"Content-Type": "application/json"}
if os.environ.get("OPERON_TOKEN"):
    HEADERS["Authorization"] = "Bearer " + os.environ["OPERON_TOKEN"]


def call(method, path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(SERVER + path, data, {**HEADERS, **(headers or {})}, method=method)
    return urllib.request.urlopen(request)


def run(scenario, environment):
    target = json.load(call("POST", "/targets"))["uuid"]
    while call("GET", f"/targets/{target}").status == 202:  # a provider may take its time
        time.sleep(0.1)
    body = {"targetId": target, "clusterName": "localhost", "scenarioImage": f"dir://{scenario}", "scenarioName": scenario, "environment": environment}
    job = json.load(call("POST", "/scenarios/run", body, {"Idempotency-Key": str(uuid.uuid4())}))["jobId"]
    for line in call("GET", f"/scenarios/run/{job}/logs?follow=true"):
        sys.stdout.buffer.write(line)
    end = json.load(call("GET", f"/scenarios/run/{job}"))
    print(job, end["status"], end.get("message", ""))
    return 0 if end["status"] == "Succeeded" else 1


def main():
    scenario, *pairs = sys.argv[1:] or ["hello"]
    if scenario.startswith("-") or not all("=" in pair for pair in pairs):
        sys.exit(__doc__)
    try:
        sys.exit(run(scenario, dict(pair.split("=", 1) for pair in pairs)))
    except urllib.error.HTTPError as refused:
        sys.exit(json.load(refused)["message"])
    except urllib.error.URLError as error:
        sys.exit(f"no answer from {SERVER}: {error.reason} (is operond running? OPERON_SERVER names another address)")


if __name__ == "__main__":
    main()
