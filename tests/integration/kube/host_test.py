"""What tests of operond on a cluster share: a namespace, hosts that keep runs as objects in it, accounts and kubeconfigs for them."""

import json
import tempfile
import unittest
import uuid
from pathlib import Path

from kubectl import Namespace, kubectl
from operon_harness import SOURCE, Host, until


IMAGE = "registry.invalid/never:1"


class HostTest(unittest.TestCase):
    def setUp(self):
        self.space = Namespace()
        self.space.__enter__()
        self.addCleanup(self.space.__exit__, None, None, None)
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def enter(self, *sets, kubeconfig=None, ready=True, **more):
        args = ["--namespace", self.space.name, *(["--kubeconfig", str(kubeconfig)] if kubeconfig else [])]
        host = Host(args=args, sets=["targets.store=kubernetes", "jobs.store=kubernetes", *sets], **more)
        host.start(ready=ready)
        self.addCleanup(host.__exit__, None, None, None)
        host.shell_scenario("hello", "echo hello")
        host.shell_scenario("slow", "sleep 3; exit 4")
        host.shell_scenario("long", "trap 'exit 0' TERM; while true; do sleep 0.1; done")
        return host

    def pods_host(self, *sets):
        self.space.kubectl("create", "serviceaccount", "krkn-operator-krkn-scenario-runner")
        return self.enter("plugins.runner-pod.plugin=runner-pod", *sets, f"plugins.target-file.config.kubeconfigs[0]={self.kubeconfig()}")

    def start_pod(self, host, target):
        """Of a run; its job id."""
        context = kubectl("config", "current-context").strip()
        answer = host.api("POST", "/scenarios/run", {"targetId": target, "clusterName": context, "scenarioImage": IMAGE, "scenarioName": "n", "runner": "runner-pod"})
        self.assertEqual(201, answer.status, answer)
        job = answer.json["jobId"]
        until("its pod is there", lambda: not self.space.absent("pod", f"krkn-job-{job}"))
        return job

    def kubeconfig(self, server=None, token=None, user=None):
        """`user`: what it shows instead of a token."""
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        if server:
            config["clusters"][0]["cluster"] = {"server": server}
        if token or user:
            config["users"][0]["user"] = user or {"token": token}
        file = self.folder / uuid.uuid4().hex
        file.write_text(json.dumps(config))
        return file

    def target(self, host):
        made = host.api("POST", "/targets").json["uuid"]
        until("the request is completed", lambda: host.api("GET", f"/targets/{made}").status == 200)
        return made

    def run_object(self, job):
        return self.space.get("run", f"krkn-job-{job}")

    def leader(self, hosts):
        until("there is a leader", lambda: sum(h.metric("operon_leading") == 1 for h in hosts) == 1, seconds=40)
        return next(h for h in hosts if h.metric("operon_leading") == 1)

    def account(self, *without):
        """A token of an account with the role of config/rbac, less some verbs: (resource, verb)."""
        self.space.kubectl("create", "serviceaccount", "operon")
        self.bind({"kind": "ServiceAccount", "name": "operon", "namespace": self.space.name}, *without)
        return self.space.kubectl("create", "token", "operon").strip()

    def bind(self, subject, *without):
        """Gives somebody that role."""
        shown = self.space.kubectl("create", "--dry-run=client", "-o", "json", "-f", str(SOURCE / "config/rbac/role.yaml"), "-n", "krkn-operator-system")
        role, _ = json.JSONDecoder().raw_decode(shown)
        rules = []
        for rule in role["rules"] if "rules" in role else role["items"][0]["rules"]:
            for resource in rule["resources"]:
                verbs = [verb for verb in rule["verbs"] if (resource, verb) not in without]
                if verbs:
                    rules.append({**rule, "resources": [resource], "verbs": verbs})
        self.space.kubectl("apply", "-f", "-", given={"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "operon"}, "rules": rules},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "operon"},
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operon"}, "subjects": [subject]}]})
