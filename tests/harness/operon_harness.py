"""Drives a built operond from outside: what the fault, end-to-end and benchmark programs share. Standard library only.

    with Host() as host:
        job = host.run("hello")
        host.wait_ended(job)

OPERON_BUILD_DIR names the build (default: build/ of the source tree).
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("OPERON_BUILD_DIR", SOURCE / "build"))
ENDED = ("Succeeded", "Failed", "Stopped")
# Sanitizer builds are slower; what is waited for from outside is waited for this much longer.
PATIENCE = float(os.environ.get("OPERON_TEST_PATIENCE", "1"))


def free_port():
    """One that nobody listens on, outside of the range from which the kernel gives ports to clients: tests run beside each other."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


def until(what, probe, seconds=20.0, every=0.02):
    """Polls `probe` until it answers something true, and returns that. Fails naming `what`."""
    give_up = time.monotonic() + seconds * PATIENCE
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > give_up:
            raise AssertionError(f"waited {seconds * PATIENCE:.0f} s in vain for: {what}")
        time.sleep(every)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.text[:300]!r}>"


class Host:
    """One operond with a state folder, a scenario folder and ports of its own."""

    def __init__(self, sets=(), config=None, env=None, args=(), state=None, scenarios=None, prefix=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="operon-test-"))
        self.state = pathlib.Path(state) if state else self.folder / "state"
        self.scenarios = pathlib.Path(scenarios) if scenarios else self.folder / "scenarios"
        self.scenarios.mkdir(exist_ok=True)
        self.port, self.probe_port = free_port(), free_port()
        self.sets, self.config, self.env, self.args, self.prefix = list(sets), config, dict(env or {}), list(args), list(prefix)
        self.process, self.log_path = None, self.folder / "operond.log"
        self.target_id = None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if value is not None:
            print(f"--- {self.log_path} (end) ---\n{self.log_text()[-6000:]}")
        self.remove()

    # ---- life -------------------------------------------------------------------------------------------------------------------

    def command(self):
        command = [*self.prefix, str(BUILD / "bin" / "operond"), "--listen", f"127.0.0.1:{self.port}", "--probe-listen", f"127.0.0.1:{self.probe_port}",
                   "--state-dir", str(self.state), "--set", f"plugins.registry-dir.config.path={self.scenarios}"]
        if self.config:
            file = self.folder / "operond.yaml"
            file.write_text(textwrap.dedent(self.config))
            command += ["--config", str(file)]
        for one in self.sets:
            command += ["--set", one]
        return command + self.args

    def start(self, ready=True, env=None):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **self.env, **(env or {})},
                                            start_new_session=True)
        if ready:
            until("operond is ready", self.ready_or_dead, 30)
            assert self.process.poll() is None, f"operond ended with {self.process.returncode}:\n{self.log_text()[-3000:]}"
        return self

    def ready_or_dead(self):
        if self.process.poll() is not None:
            return True
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.probe("/readyz").status == 200
        return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self, seconds=40):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds * PATIENCE)

    def restart(self, env=None):
        return self.start(env=env)

    def remove(self):
        if self.process and self.process.poll() is None:
            with contextlib.suppress(Exception):
                self.freeze_and_stop_all()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def freeze_and_stop_all(self):
        self.api("POST", "/operon/v1/freeze", {"reason": "the test is over", "stopAll": True}, timeout=20)
        self.api("POST", "/operon/v1/unfreeze")  # other hosts may share it

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # ---- asking -----------------------------------------------------------------------------------------------------------------

    def api(self, method, path, body=None, headers=None, timeout=30, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=timeout * PATIENCE)
        try:
            data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def probe(self, path):
        return self.api("GET", path, port=self.probe_port, timeout=5)

    def metric(self, name, labels=""):
        """Sum over all series of that name whose labels contain `labels`; None when there is none."""
        found = [line for line in self.probe("/metrics").text.splitlines() if line.split("{")[0].split(" ")[0] == name and labels in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found) if found else None

    def targets(self):
        if self.target_id is None:
            self.target_id = self.api("POST", "/targets").json["uuid"]
            until("the target request is completed", lambda: self.api("GET", f"/targets/{self.target_id}").status == 200)
        return self.target_id

    def scenario(self, name, text):
        """Writes one scenario file (YAML)."""
        file = self.scenarios / f"{name}.yaml"
        file.write_text(textwrap.dedent(text))
        return file

    def shell_scenario(self, name, script, revert=None, fields=""):
        """A scenario that runs a test's own script by a shell that the scenario's author chose: tests only."""
        def shell(text):
            return {"argv": ["/bin/sh", "-c", text.replace("$", "$$")]}  # "$$" is how an argument says "$"
        run = shell(script)
        if revert:
            run["revert"] = shell(revert)
        return self.scenario(name, f"title: {name}\ndescription: made by a test\nfields: [{fields}]\nrun: {json.dumps(run)}\n")

    def run_body(self, name, **more):
        target = more.pop("targetId", None) or self.targets()
        return {"targetId": target, "clusterName": "localhost", "scenarioImage": f"dir://{name}", "scenarioName": name, **more}

    def post_run(self, name, headers=None, **more):
        return self.api("POST", "/scenarios/run", self.run_body(name, **more), headers)

    def run(self, name, **more):
        """Starts a run that must be accepted; returns its job id."""
        answer = self.post_run(name, **more)
        assert answer.status == 201, answer
        return answer.json["jobId"]

    def job(self, job_id):
        answer = self.api("GET", f"/scenarios/run/{job_id}")
        assert answer.status == 200, answer
        return answer.json

    def status(self, job_id):
        return self.job(job_id)["status"]

    def wait_status(self, job_id, *wanted, seconds=30):
        def look():
            job = self.job(job_id)
            return job if job["status"] in wanted else None
        return until(f"job {job_id} is {' or '.join(wanted)}", look, seconds)

    def wait_ended(self, job_id, seconds=30):
        return self.wait_status(job_id, *ENDED, seconds=seconds)

    def logs(self, job_id, query=""):
        answer = self.api("GET", f"/scenarios/run/{job_id}/logs{query}", timeout=60)
        assert answer.status == 200, answer
        return answer.body

    def jobs(self, query=""):
        return self.api("GET", f"/scenarios/run{query}").json["jobs"]

    def thread_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def resident_bytes(self, which="VmRSS"):
        """At present; `which="VmHWM"`: the most there was since the start."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(which + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
