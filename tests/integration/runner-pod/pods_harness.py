"""What the tests of runner-pod share: a namespace of a real cluster with a node, an image that runs the script it is given, and an operond."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import uuid
from pathlib import Path

from operon_harness import BUILD, SOURCE, Host, until

sys.path.insert(0, str(SOURCE / "tests/cluster"))
sys.dont_write_bytecode = True
from programs import find  # noqa: E402

ACCOUNT = "krkn-operator-krkn-scenario-runner"
# Runs $SCRIPT by a shell. On a cluster of yours: an image of such a kind that its nodes can pull.
IMAGE = os.environ.get("OPERON_SCRIPT_IMAGE", "docker.io/operon/script:1")
APPLETS = "sh sleep cat ls echo seq date env id true false kill grep head tail tr sha256sum dd stat".split()


def kubectl(*words, given=None, check=True):
    built = find(whole=False) / "kubectl" if os.environ.get("OPERON_OWN_CLUSTER") else Path("/nonexistent")
    program = str(built) if built.exists() else "kubectl"
    done = subprocess.run([program, *words], input=given, text=True, capture_output=True, timeout=60)
    if check and done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr}")
    return done.stdout


def get(*words):
    return json.loads(kubectl("get", *words, "-o", "json"))


def load_image():
    """The node of tests/cluster is given an image; any other cluster has to have one."""
    if os.environ.get("OPERON_SCRIPT_IMAGE") or not os.environ.get("OPERON_OWN_CLUSTER"):
        return
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        for name in ("bin", "etc", "tmp", "home/krkn/.kube"):
            Path(root, name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), Path(root, "bin/busybox"))
        for applet in APPLETS:
            Path(root, "bin", applet).symlink_to("busybox")
        Path(root, "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\nkrkn:x:1001:1001:krkn:/home/krkn:/bin/sh\n")
        config = {"Entrypoint": ["/bin/sh", "-c", 'eval "$SCRIPT"'], "Env": ["PATH=/bin"]}
        subprocess.run([sys.executable, "-B", str(SOURCE / "tests/cluster/cluster"), "load", IMAGE.removeprefix("docker.io/"), root, json.dumps(config)],
                       check=True, timeout=60)


class PodTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        load_image()
        cls.namespace = "operon-test-" + uuid.uuid4().hex[:8]
        kubectl("create", "namespace", cls.namespace)
        kubectl("create", "serviceaccount", ACCOUNT, "-n", cls.namespace)
        cls.context = kubectl("config", "current-context").strip()

    @classmethod
    def tearDownClass(cls):
        kubectl("delete", "namespace", cls.namespace, "--wait=false")

    def host(self, *sets, args=(), env=None, **config):
        settings = {"imagePullPolicy": "IfNotPresent", "kubeconfigStorage": "secret", **config}
        plugins = {"target-file": {}, "registry-dir": {}, "pods": {"plugin": "runner-pod", "config": settings}}
        return Host(env=env, args=["--plugin-dir", str(BUILD / "plugins"), "--namespace", self.namespace, *args], sets=sets,
                    config=json.dumps({"plugins": plugins, "defaults": {"registry": "registry-dir", "runner": "pods"}}))

    def post(self, host, script, **more):
        body = {"targetId": host.targets(), "clusterName": self.context, "scenarioImage": IMAGE, "scenarioName": "script", **more}
        body["environment"] = {"SCRIPT": script, **more.get("environment", {})}
        return host.api("POST", "/scenarios/run", body)

    def run_script(self, host, script, **more):
        answer = self.post(host, script, **more)
        self.assertEqual(answer.status, 201, answer)
        return answer.json["jobId"]

    def pod(self, job):
        return get("pod", f"krkn-job-{job}", "-n", self.namespace)

    def objects(self, job):
        """Names of all that carries the job's label."""
        found = get("pods,configmaps,secrets", "-n", self.namespace, "-l", f"krkn-job-id={job}")["items"]
        return sorted(f"{one['kind']}/{one['metadata']['name'].removeprefix('krkn-job-' + job)}" for one in found)

    def wait_message(self, host, job, words, status="Pending", seconds=30):
        def look():
            found = host.job(job)
            return found if words in found.get("message", "") and found["status"] == status else None
        try:
            return until(f"job {job} is {status} and says: {words}", look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says: {host.job(job)}") from None

    def wait_nothing_left(self, job, seconds=30):
        until(f"nothing is left of job {job}", lambda: not self.objects(job), seconds, every=0.2)


class Followed:
    """A log that is followed on a thread."""

    def __init__(self, host, job):
        self.body = None
        self.thread = threading.Thread(target=self.read, args=(host, job), daemon=True)
        self.thread.start()

    def read(self, host, job):
        with contextlib.suppress(Exception):
            self.body = host.logs(job, "?follow=true")

    def end(self, seconds=60):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "the followed log does not end"
        return self.body
