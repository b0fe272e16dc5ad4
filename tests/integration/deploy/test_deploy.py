"""The images and the manifests on a real cluster: applied, served from, killed, removed; and what the host's service account asked meanwhile.

The classes are stages of one deployment's life, in this order; see load_tests.
"""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from audit import Audit, permitted, shown
from operon_harness import BUILD, ENDED, SOURCE, until
from pods_harness import IMAGE, get, kubectl, load_image, server_minor

NAMESPACE = "krkn-operator-system"
MANAGER = "krkn-operator-controller-manager"
API = "svc/krkn-operator-controller-manager-api-service"
CEL_SINCE = 25  # 1.25: rules in custom resources
POLICIES_SINCE = 30
POD = "control-plane=controller-manager"
READY_SECONDS_MAX = 120
PLAN = [{"name": "plan", "content": "cGxhbgo=", "mountPath": "/etc/plan"}]
LISTED_AT_ONCE = "servers with streaming lists send it in the watch"
NOT_EXERCISED = {
    ("krkn.krkn-chaos.dev", "krkntargetrequests", "list"): LISTED_AT_ONCE,
    ("krkn.krkn-chaos.dev", "krknoperatortargetproviders", "list"): LISTED_AT_ONCE,
    ("krkn.krkn-chaos.dev", "krknoperatortargetproviders", "create"): "checked when a patch (server-side apply) makes the object; the log has the patch",
    ("", "pods", "get"): "asked when the pod of a start is there already; tests/integration/runner-pod/test_faults.py has it",
    ("operon.dev", "runs/finalizers", "update"): "asked for by API servers with OwnerReferencesPermissionEnforcement only",
    ("krkn.krkn-chaos.dev", "krkntargetrequests", "delete"): "requests expire after a day; tests/integration/kube/test_targets.py has it",
    ("krkn.krkn-chaos.dev", "krkntargetrequests", "patch"): "a use is written down ten minutes after the last one",
    ("events.k8s.io", "events", "patch"): "an Event that comes again becomes a series; tests/integration/kube/events.cpp has it",
    ("operon.dev", "runs", "list"): LISTED_AT_ONCE,
    ("operon.dev", "runs", "delete"): "ended runs are kept for seven days; tests/integration/kube/test_runs.py has it",
}


def default_overlay():
    """The one for this server."""
    return SOURCE / "config" / ("default" if server_minor() >= CEL_SINCE else "without-cel")


def apply_with_the_nodes_own_images(overlay):
    """A change of the configuration as an overlay makes it: scenarios may come from the node."""
    text = (SOURCE / "config/cluster.yaml").read_text()
    changed = text.replace("kubeconfigStorage: secret", "kubeconfigStorage: secret, imagePullPolicy: IfNotPresent")
    assert text != changed
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        Path(folder, "operon.yaml").write_text(changed)
        Path(folder, "kustomization.yaml").write_text(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            f"resources: [{os.path.relpath(overlay, folder)}]\n"
            f"configMapGenerator:\n  - {{name: krkn-operator-config, namespace: {NAMESPACE}, behavior: replace, files: [operon.yaml]}}\n")
        kubectl("apply", "-k", folder)


def in_namespace(*words, **how):
    return kubectl("-n", NAMESPACE, *words, **how)


def apply(*things):
    in_namespace("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": things}))


def manager_pod():
    """The one that is not on its way out."""
    pods = [pod for pod in get("pods", "-n", NAMESPACE, "-l", POD)["items"] if "deletionTimestamp" not in pod["metadata"]]
    return pods[0] if len(pods) == 1 else None


def rolled_out():
    for _ in range(READY_SECONDS_MAX // 40):  # a call of kubectl has its own limit
        with contextlib.suppress(AssertionError):
            in_namespace("rollout", "status", f"deployment/{MANAGER}", "--timeout=40s")
            return
    told = in_namespace("describe", "pods", "-l", POD) + in_namespace("logs", "-l", POD, "--all-containers", "--prefix", "--tail=40", check=False)
    raise AssertionError(f"the deployment is not ready after {READY_SECONDS_MAX} s\n{told}")


def drained(stream):
    with stream:
        for _ in stream:
            pass


class Rest:
    """The REST API from outside, by `kubectl port-forward` to the Service: to one pod of it, and anew when that has gone. `token`: what is shown."""

    def __init__(self):
        self.forward, self.port, self.token = None, None, None

    def open(self):
        self.close()
        built = Path(os.environ["OPERON_CLUSTER_DIR"], "programs/kubectl")
        program = built if built.exists() else "kubectl"
        self.forward = subprocess.Popen([program, "-n", NAMESPACE, "port-forward", API, ":8080"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.forward.stdout.readline()
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", line).group(1)) if "127.0.0.1" in line else None
        if self.port is None:
            self.close()
        else:  # it says a line for each connection
            threading.Thread(target=drained, args=(self.forward.stdout,), daemon=True).start()

    def close(self):
        if self.forward:
            self.forward.kill()
            self.forward.wait()
        self.forward = self.port = None

    def once(self, method, path, body=None, timeout=60):
        if self.port is None:
            self.open()
        if self.port is None:
            raise ConnectionError("nothing to forward to")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            shown = {"Authorization": "Bearer " + self.token} if self.token else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json", **shown})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def __call__(self, method, path, body=None):
        """Asks until somebody answers: a pod may be on its way out. Only for what may be asked twice, so POSTs carry keys."""
        def ask():
            try:
                return self.once(method, path, body)
            except (OSError, http.client.HTTPException):
                self.close()
                return None
        return until(f"{method} {path} is answered", ask, 90, every=0.2)


class Stage(unittest.TestCase):
    rest = Rest()
    target = None

    def answered(self, expected, method, path, body=None):
        status, text = self.rest(method, path, body)
        self.assertEqual(expected, status, f"{method} {path}: {text}")
        return json.loads(text) if text.startswith(("{", "[")) else text

    def run_script(self, key, script, **more):
        body = {"targetId": Stage.target, "clusterName": "here", "provider": "krkn-operator", "scenarioImage": IMAGE, "scenarioName": "script",
                "idempotencyKey": key, **more}
        body["environment"] = {"SCRIPT": script, **more.get("environment", {})}
        return self.answered(201, "POST", "/scenarios/run", body)["jobId"]

    def job(self, job):
        return self.answered(200, "GET", f"/scenarios/run/{job}")

    def ended(self, job):
        def look():
            found = self.job(job)
            return found if found["status"] in ENDED else None
        return until(f"job {job} has ended", look, 90, every=0.2)

    def running(self, job):
        until(f"job {job} runs", lambda: self.job(job)["status"] == "Running", 60, every=0.2)

    def request_target(self):
        self.declare_target()
        Stage.target = self.answered(202, "POST", "/targets")["uuid"]
        until("the target request is completed", lambda: self.rest("GET", f"/targets/{Stage.target}")[0] == 200, 60, every=0.2)

    def this_cluster(self):
        """Its address and a kubeconfig, for an account that may list nodes."""
        for words in (("serviceaccount", "looker", "-n", "default"), ("clusterrole", "looker", "--verb=list", "--resource=nodes"),
                      ("clusterrolebinding", "looker", "--clusterrole=looker", "--serviceaccount=default:looker")):
            kubectl("create", *words, check=Stage.target is None)  # they outlive a deployment
        ours = json.loads(kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json"))["clusters"][0]["cluster"]
        server = "https://" + get("service", "kubernetes", "-n", "default")["spec"]["clusterIP"]
        kubeconfig = {"apiVersion": "v1", "kind": "Config", "current-context": "here",
                      "clusters": [{"name": "here", "cluster": {"server": server, "certificate-authority-data": ours["certificate-authority-data"]}}],
                      "users": [{"name": "looker", "user": {"token": kubectl("create", "token", "looker", "-n", "default").strip()}}],
                      "contexts": [{"name": "here", "context": {"cluster": "here", "user": "looker"}}]}
        return server, json.dumps(kubeconfig)

    def declare_target(self):
        server, kubeconfig = self.this_cluster()
        apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "here", "labels": {"krkn-target-uuid": "here"}},
               "stringData": {"kubeconfig": json.dumps({"kubeconfig": base64.b64encode(kubeconfig.encode()).decode()})}},
              {"apiVersion": "krkn.krkn-chaos.dev/v1alpha1", "kind": "KrknOperatorTarget", "metadata": {"name": "here"},
               "spec": {"uuid": "here", "clusterName": "here", "clusterAPIURL": server, "secretType": "kubeconfig", "secretUUID": "here"}})
        # A foreign provider that is there and silent: its answer is not waited for, since it has not beaten.
        apply({"apiVersion": "krkn.krkn-chaos.dev/v1alpha1", "kind": "KrknOperatorTargetProvider", "metadata": {"name": "krkn-operator-acm"},
               "spec": {"operator-name": "krkn-operator-acm", "active": True}})


class Applied(Stage):
    """`make image`, `kubectl apply -k config/default`, nothing else."""

    @classmethod
    def setUpClass(cls):
        folder = Path(tempfile.mkdtemp(prefix="operon-test-"))
        cls.addClassCleanup(shutil.rmtree, folder)
        for words in (["cmake", "--install", BUILD, "--prefix", folder / "prefix"],
                      [SOURCE / "packaging/container/make-image", folder / "prefix", folder / "out"],
                      *([sys.executable, "-B", SOURCE / "tests/cluster/cluster", "import", folder / f"out/{name}.tar"] for name in ("operon", "data-provider"))):
            done = subprocess.run(words, capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise AssertionError(done.stdout + done.stderr)
        load_image()

    def test_it_becomes_ready(self):
        kubectl("apply", "-k", str(default_overlay()))
        rolled_out()
        pod = manager_pod()
        self.assertEqual({"manager", "data-provider"}, {one["name"] for one in pod["status"]["containerStatuses"] if one["ready"]})
        self.assertEqual([0, 0], [one["restartCount"] for one in pod["status"]["containerStatuses"]])

    def test_scenarios_may_come_from_the_nodes_own_images(self):
        """The deployment rolls over to a changed configuration."""
        before = manager_pod()["metadata"]["name"]
        apply_with_the_nodes_own_images(default_overlay())
        rolled_out()
        until("the old pod has gone", lambda: manager_pod() and manager_pod()["metadata"]["name"] != before, 60, every=0.2)


class Served(Stage):
    """By REST, from outside."""

    def setUp(self):
        if Stage.target is None:
            self.request_target()

    def test_targets_and_nodes(self):
        clusters = self.answered(200, "GET", f"/clusters?id={Stage.target}")["targetData"]
        self.assertEqual(["here"], [one["cluster-name"] for one in clusters["krkn-operator"]])
        self.answered(404, "GET", "/targets/absent")
        self.assertIn("localhost", json.dumps(self.answered(200, "GET", f"/nodes?id={Stage.target}&cluster-name=here")))

    def test_the_secret_of_a_request_keeps_what_another_provider_wrote_before(self):
        name = "by-hand"
        apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
               "stringData": {"managed-clusters": json.dumps({"krkn-operator-acm": {"north": {"cluster-name": "north", "cluster-api": "https://north.example"}}})}})
        apply({"apiVersion": "krkn.krkn-chaos.dev/v1alpha1", "kind": "KrknTargetRequest", "metadata": {"name": name}, "spec": {"uuid": name}})
        until("the target request is completed", lambda: self.rest("GET", f"/targets/{name}")[0] == 200, 60, every=0.2)
        kept = get("secret", name, "-n", NAMESPACE)
        self.assertEqual({"krkn-operator", "krkn-operator-acm"}, set(json.loads(base64.b64decode(kept["data"]["managed-clusters"]))))

    def test_a_scenario_runs_and_its_log_is_followed(self):
        job = self.run_script("followed", "for i in $(seq 1 20); do echo line $i; sleep 0.2; done; cat /etc/plan; echo $PASSWORD | sha256sum",
                              environment={"PASSWORD": "hunter2"}, files=PLAN)
        followed = []
        reader = threading.Thread(target=lambda: followed.append(self.rest.once("GET", f"/scenarios/run/{job}/logs?follow=true")), daemon=True)
        reader.start()
        self.assertEqual("Succeeded", self.ended(job)["status"])
        reader.join(30)
        self.assertFalse(reader.is_alive(), "the followed log does not end")
        status, text = followed[0]
        self.assertEqual((200, [f"line {i}" for i in range(1, 21)] + ["plan"]), (status, text.splitlines()[:21]))

    def test_a_run_is_stopped_and_nothing_is_left_of_it(self):
        job = self.run_script("stopped", "exec sleep 1000", files=PLAN)
        self.running(job)
        self.assertEqual("Stopped", self.answered(200, "DELETE", f"/scenarios/run/{job}")["status"])
        until("nothing is left of it", lambda: not in_namespace("get", "pods,secrets,configmaps", "-l", f"krkn-job-id={job}", "-o", "name").strip(), 60, every=0.2)

    def test_a_run_is_an_object_that_says_how_it_ended(self):
        job = self.run_script("object", "exit 3")
        self.assertEqual("Failed", self.ended(job)["status"])
        run = until("the object says so", lambda: self.failed_object(job), 30, every=0.2)
        self.assertEqual(3, run["status"]["exitCode"])
        until("an Event tells of it", lambda: f"krkn-job-{job}" in in_namespace("get", "events.events.k8s.io", "-o", "yaml"), 30, every=0.2)
        self.answered(404, "GET", "/scenarios/run/2c1e6f0a-7d43-4b57-9f1e-0c8f3c2a4b5d")

    def failed_object(self, job):
        run = get("run", f"krkn-job-{job}", "-n", NAMESPACE)
        return run if run.get("status", {}).get("phase") == "Failed" else None

    def test_a_freeze_holds_for_all_replicas(self):
        self.answered(200, "POST", "/operon/v1/freeze", {"reason": "maintenance"})
        self.addCleanup(self.answered, 200, "POST", "/operon/v1/unfreeze", {})
        self.assertIn("maintenance", json.dumps(get("configmap", "operon-state", "-n", NAMESPACE)["data"]))
        self.assertEqual(503, self.rest("POST", "/scenarios/run", {"targetId": Stage.target, "clusterName": "here", "provider": "krkn-operator",
                                                                   "scenarioImage": IMAGE, "scenarioName": "script"})[0])

    def test_the_host_is_watched(self):
        self.assertTrue(self.answered(200, "GET", "/operon/v1/plugins")["plugins"])
        lease = get("lease", "operon-leader", "-n", NAMESPACE)
        self.assertIn(manager_pod()["metadata"]["name"], lease["spec"]["holderIdentity"])


class Killed(Stage):
    """The host goes, runs go on."""

    def script(self, name):
        """Ends when it is told to."""
        return f"echo {name} up; until [ -e /tmp/go ]; do sleep 0.1; done; echo {name} done"

    def let_go(self, job):
        in_namespace("exec", f"krkn-job-{job}", "--", "/bin/busybox", "touch", "/tmp/go")

    def test_a_crash_in_mid_run_is_survived(self):
        job = self.run_script("crash", self.script("crash"))
        self.running(job)
        pod = manager_pod()
        self.kill_container(next(one for one in pod["status"]["containerStatuses"] if one["name"] == "manager")["containerID"].rpartition("/")[2])
        until("the container has been restarted", lambda: self.restarts() == 1, 60, every=0.2)
        rolled_out()
        self.assertEqual("Running", self.job(job)["status"])
        self.let_go(job)
        self.assertEqual("Succeeded", self.ended(job)["status"])
        self.assertEqual("crash up\ncrash done\n", self.answered(200, "GET", f"/scenarios/run/{job}/logs"))

    def kill_container(self, container):
        socket = Path(os.environ["OPERON_CLUSTER_DIR"], "run/containerd.sock")
        subprocess.run(["ctr", "--address", socket, "--namespace", "k8s.io", "tasks", "kill", "-s", "KILL", container], check=True, timeout=20)

    def restarts(self):
        pod = manager_pod()
        return pod and next(one["restartCount"] for one in pod["status"]["containerStatuses"] if one["name"] == "manager")

    def test_a_pod_that_is_deleted_in_mid_run(self):
        job = self.run_script("gone", self.script("gone"))
        self.running(job)
        before = manager_pod()["metadata"]["name"]
        in_namespace("delete", "pod", before, "--grace-period=0", "--force")
        until("there is another pod", lambda: manager_pod() and manager_pod()["metadata"]["name"] != before, 60, every=0.2)
        rolled_out()
        self.assertEqual("Running", get("pod", f"krkn-job-{job}", "-n", NAMESPACE)["status"]["phase"])
        self.assertEqual("Running", self.job(job)["status"])
        self.let_go(job)
        self.assertEqual("Succeeded", self.ended(job)["status"])
        self.assertEqual("gone up\ngone done\n", self.answered(200, "GET", f"/scenarios/run/{job}/logs"))
        self.answered(200, "GET", f"/targets/{Stage.target}")


class Permissions(Stage):
    """The Role against the API server's own record."""

    @classmethod
    def setUpClass(cls):
        cls.role = permitted(get("role", "krkn-operator-manager-role", "-n", NAMESPACE))
        cls.audit = Audit(os.environ["OPERON_AUDIT_LOG"], f"system:serviceaccount:{NAMESPACE}:{MANAGER}")

    def test_nothing_was_refused(self):
        self.assertEqual([], self.audit.refused)

    def test_nothing_was_allowed_by_anything_else(self):
        self.assertFalse(self.audit.used - self.role, "\n" + shown(self.audit.used - self.role))

    def test_every_verb_was_used_or_is_known_not_to_be(self):
        unused = self.role - self.audit.used - set(NOT_EXERCISED)
        self.assertFalse(unused, f"permitted, and never asked for:\n{shown(unused)}\nasked for:\n{shown(self.audit.used)}")

    def test_what_is_said_not_to_be_exercised_is_not(self):
        wrong = {one for one in self.audit.used & set(NOT_EXERCISED) if NOT_EXERCISED[one] != LISTED_AT_ONCE}  # that depends on the server
        self.assertFalse(wrong, "\n" + shown(wrong))
        self.assertFalse(set(NOT_EXERCISED) - self.role, "\n" + shown(set(NOT_EXERCISED) - self.role))


class Removed(Stage):
    overlay = staticmethod(default_overlay)

    def test_nothing_is_left(self):
        self.rest.close()
        in_namespace("delete", "runs", "--all", "--timeout=55s")
        kubectl("delete", "-k", str(self.overlay()), "--wait=false")
        self.namespace_gone()
        self.all_gone()

    def all_gone(self):
        """The server removes definitions of resources in its own time, before or after the namespace."""
        try:
            until("nothing is left", lambda: not self.left(), 30, every=0.2)
        except AssertionError:
            self.assertEqual([], self.left())

    def namespace_gone(self):
        try:
            until("the namespace has gone", lambda: not kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name").strip(), 120, every=0.5)
        except AssertionError as e:
            told = [one["message"] for one in get("namespace", NAMESPACE)["status"].get("conditions", []) if one["status"] == "True"]
            raise AssertionError(f"{e}: {told}") from None

    def left(self):
        policies = ["validatingadmissionpolicies"] if server_minor() >= POLICIES_SINCE else []
        return [line for kind in ["customresourcedefinitions", "clusterroles", "clusterrolebindings", *policies]
                for line in kubectl("get", kind, "-o", "name").split() if "krkn-" in line or "operon" in line]


class Undeployed(Removed):
    """By the make targets, in mid-run."""

    def make(self, target):
        built = Path(os.environ["OPERON_CLUSTER_DIR"], "programs/kubectl")
        env = {**os.environ, "KUBECTL": str(built) if built.exists() else "kubectl"}
        done = subprocess.run(["make", "-s", "-C", SOURCE, target], env=env, capture_output=True, text=True, timeout=200)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stderr

    def test_nothing_is_left(self):
        self.make("deploy")
        rolled_out()
        self.request_target()
        job = self.run_script("in the middle", "true")
        until("its pod is there", lambda: in_namespace("get", "pod", f"krkn-job-{job}", "--ignore-not-found", "-o", "name").strip(), 60, every=0.2)
        self.rest.close()
        self.assertNotIn("could not be removed", self.make("undeploy"))
        self.namespace_gone()
        self.assertEqual(4, len(self.left()), "the custom resources stay")
        self.make("uninstall")
        self.all_gone()


def setUpModule():
    if not os.environ.get("OPERON_OWN_CLUSTER"):
        raise unittest.SkipTest("the images are put into a node of tests/cluster, and its audit log is read; a given cluster has neither")
    unittest.addModuleCleanup(Stage.rest.close)


def load_tests(loader, _, __):
    return unittest.TestSuite(loader.loadTestsFromTestCase(stage) for stage in (Applied, Served, Killed, Permissions, Removed, Undeployed))


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)
