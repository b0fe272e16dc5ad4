"""What the tests of runner-pod share: a namespace of a real cluster with a node, an image that runs the script it is given, and an operond."""

import base64
import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request
import uuid
from pathlib import Path

from operon_harness import BUILD, SOURCE, Host, until

sys.path.insert(0, str(SOURCE / "tests/cluster"))
sys.dont_write_bytecode = True
from programs import kubectl as program  # noqa: E402

ACCOUNT = "krkn-operator-krkn-scenario-runner"
# Runs $SCRIPT by a shell. On a cluster of yours: an image of such a kind that its nodes can pull.
IMAGE = os.environ.get("OPERON_SCRIPT_IMAGE", "docker.io/operon/script:1")
# Where the runs of these tests are recorded: the same tests hold for both stores.
STORE = os.environ.get("OPERON_TEST_JOBS_STORE", "local")
IMAGE_CONFIG = {"Entrypoint": ["/bin/sh", "-c", 'eval "$SCRIPT"'], "Env": ["PATH=/bin"]}
APPLETS = "sh sleep cat ls echo seq date env id true false kill grep head sed tail tr sha256sum dd stat".split()


def kubectl(*words, given=None, check=True):
    done = subprocess.run([program(), *words], input=given, text=True, capture_output=True, timeout=60)
    if check and done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr}")
    return done.stdout


@functools.cache
def server_minor():
    return int(json.loads(kubectl("version", "-o", "json"))["serverVersion"]["minor"].rstrip("+"))


def get(*words):
    return json.loads(kubectl("get", *words, "-o", "json"))


def load_image():
    """The node of tests/cluster is given an image; any other cluster has to have one."""
    if os.environ.get("OPERON_SCRIPT_IMAGE") or not os.environ.get("OPERON_OWN_CLUSTER"):
        return
    with image_files() as root:
        subprocess.run([sys.executable, "-B", str(SOURCE / "tests/cluster/cluster"), "load", IMAGE.removeprefix("docker.io/"), root, json.dumps(IMAGE_CONFIG)],
                       check=True, timeout=60)


@contextlib.contextmanager
def image_files():
    """The files of an image that runs $SCRIPT."""
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        for name in ("bin", "etc", "tmp", "home/krkn/.kube"):
            Path(root, name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), Path(root, "bin/busybox"))
        for applet in APPLETS:
            Path(root, "bin", applet).symlink_to("busybox")
        Path(root, "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\nkrkn:x:1001:1001:krkn:/home/krkn:/bin/sh\n")
        yield root


class PodTest(unittest.TestCase):
    """Each test has a namespace of its own."""

    STORE = STORE

    @classmethod
    def setUpClass(cls):
        load_image()
        if cls.STORE == "kubernetes":
            names = kubectl("apply", "-k", str(SOURCE / "api/crd" / ("bases" if server_minor() >= 25 else "without-cel")), "-o", "name").split()
            kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
        cls.context = kubectl("config", "current-context").strip()
        cls.folder = Path(tempfile.mkdtemp(prefix="operon-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def setUp(self):
        self.namespace = "operon-test-" + uuid.uuid4().hex[:8]
        kubectl("create", "namespace", self.namespace)
        self.addCleanup(kubectl, "delete", "namespace", self.namespace, "--wait=false")
        kubectl("create", "serviceaccount", ACCOUNT, "-n", self.namespace)
        self.token = self.make_account()
        self.kubeconfig = self.make_kubeconfig()

    def rules(self):
        """What the plugin's manifest asks for; where runs are objects, what config/rbac gives."""
        if self.STORE == "local":
            return json.loads((BUILD / "plugins/librunner-pod.so.manifest.json").read_text())["permissions"]
        objects = kubectl("create", "--dry-run=client", "-o", "json", "-f", str(SOURCE / "config/rbac/role.yaml"), "-n", "krkn-operator-system")
        role, _ = json.JSONDecoder().raw_decode(objects)
        return role["rules"] if "rules" in role else next(one["rules"] for one in role["items"] if one["kind"] == "Role")

    def make_account(self):
        """An account that may do what rules() say, and nothing else; its token."""
        rules = self.rules()
        kubectl("create", "serviceaccount", "operon", "-n", self.namespace)
        kubectl("apply", "-n", self.namespace, "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "operon"}, "rules": rules},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "operon"},
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operon"},
             "subjects": [{"kind": "ServiceAccount", "name": "operon", "namespace": self.namespace}]}]}))
        return kubectl("create", "token", "operon", "-n", self.namespace).strip()

    def make_kubeconfig(self, server=None):
        """For the host: with the account's token, and for `server` instead of the cluster's own."""
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        config["users"] = [{"name": "operon", "user": {"token": self.token}}]
        config["contexts"][0]["context"]["user"] = "operon"
        if server:
            config["clusters"][0]["cluster"] = {"server": server}
        file = self.folder / f"kubeconfig-{uuid.uuid4().hex[:8]}"
        file.write_text(json.dumps(config))
        return file

    def host(self, *sets, args=(), env=None, kubeconfig=None, **config):
        settings = {"imagePullPolicy": "IfNotPresent", "kubeconfigStorage": "secret", **config}
        plugins = {"target-file": {}, "registry-dir": {}, "pods": {"plugin": "runner-pod", "config": settings}}
        return Host(env=env, args=["--plugin-dir", str(BUILD / "plugins"), "--namespace", self.namespace, "--kubeconfig", str(kubeconfig or self.kubeconfig), *args], sets=[f"jobs.store={self.STORE}", *sets],
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


class FaultProxy:
    """Between operond and the API server; see tests/harness/fault_proxy.py."""

    def __enter__(self):
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        cluster = config["clusters"][0]["cluster"]
        self.ca = tempfile.NamedTemporaryFile(suffix=".crt")
        self.ca.write(base64.b64decode(cluster["certificate-authority-data"]))
        self.ca.flush()
        self.process = subprocess.Popen([sys.executable, "-B", str(SOURCE / "tests/harness/fault_proxy.py"), "--upstream", cluster["server"],
                                         "--ca", self.ca.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.server = "http://127.0.0.1:" + self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.ca.close()

    def rules(self, *rules):
        urllib.request.urlopen(self.server + "/_faults", json.dumps(rules).encode(), timeout=10).read()

    def told(self):
        return json.loads(urllib.request.urlopen(self.server + "/_faults", timeout=10).read())


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
