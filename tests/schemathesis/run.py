"""Starts operond with one scenario, gives the description's examples ids that exist, and lets schemathesis try everything. See `run`."""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))
from operon_harness import SOURCE, Host  # noqa: E402

EXAMPLE_TARGET = "0b9f4a52-8c5e-4e0e-9d0e-2f6d8c1b7a10"
EXAMPLE_JOB = "2c1e6f0a-7d43-4b57-9f1e-0c8f3c2a4b5d"
SCENARIO = """\
title: Hello
description: Says hello.
fields:
  - {name: greeting, variable: GREETING, type: string, default: hello}
run:
  argv: [echo, "$(GREETING)"]
"""
# A stream without an end; tests/unit/rest and tests/e2e read it.
ENDLESS = ["/operon/v1/jobs/events"]

# DELETE stops a run; its record and its log stay, by contract.
NOT_BY_CONTRACT = ["use_after_free"]


def description(host):
    """The description that the host serves, about a target request and a run that there are."""
    text = host.api("GET", "/operon/v1/openapi.yaml").text
    assert text == (SOURCE / "api" / "rest" / "openapi.yaml").read_text(), "the host serves another description than this tree's"
    job = host.run("hello")
    target = host.api("GET", f"/scenarios/run/{job}").json["targetId"]
    file = host.folder / "openapi.yaml"
    file.write_text(text.replace(EXAMPLE_TARGET, target).replace(EXAMPLE_JOB, job))
    return file


def main():
    # Whatever is started and stopped here is this machine's: the scenarios only say hello.
    with Host() as host:
        (host.scenarios / "hello.yaml").write_text(SCENARIO)
        command = [str(pathlib.Path(sys.executable).parent / "schemathesis"), "--config-file", str(HERE / "schemathesis.toml"), "run", str(description(host)),
                   "--url", f"http://127.0.0.1:{host.port}", "--checks", "all", "--exclude-checks", ",".join(NOT_BY_CONTRACT), "--max-examples", "50", "--seed", "1", "--request-timeout", "30",
                   "--generation-database", "none", "--suppress-health-check", "all"]
        for path in ENDLESS:
            command += ["--exclude-path", path]
        result = subprocess.run(command + sys.argv[1:], cwd=host.folder).returncode
        assert host.process.poll() is None, "operond did not survive"
        assert host.probe("/readyz").status == 200, "operond is not ready any more"
    return result


if __name__ == "__main__":
    sys.exit(main())
