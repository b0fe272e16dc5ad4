"""From krkn-operator to operon and back, by the very commands of docs/migrate-from-krkn-operator.md.

The classes are stages of one switch, in this order; see load_tests.
"""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import predecessor
import test_deploy as deploy
from operon_harness import SOURCE, until
from pods_harness import IMAGE, get, kubectl
from test_deploy import MANAGER, NAMESPACE, apply, in_namespace

GUIDE = (SOURCE / "docs/migrate-from-krkn-operator.md").read_text()
ACM = "krkn-operator-acm"
OLD_JOB = "0d0c7a52-1111-4222-8333-123456789abc"


class Switch(deploy.Stage):
    folder = None

    def commands(self, heading):
        """What the guide says under a heading, with this cluster's images in place of the examples'."""
        (block,) = re.findall(rf"## {heading}\n.*?```sh\n(.*?)```", GUIDE, re.DOTALL)
        return block.replace("registry.example.org/operon:0.1.0", "docker.io/operon/operon:dev").replace(
            "registry.example.org/operon-data-provider:0.1.0", "docker.io/operon/data-provider:dev")

    def follow(self, text, folder=SOURCE):
        built = Path(os.environ["OPERON_CLUSTER_DIR"], "programs")
        env = {**os.environ, "PATH": f"{built}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def beat(self):
        in_namespace("patch", "krknoperatortargetproviders", ACM, "--subresource=status", "--type=merge", "-p",
                     json.dumps({"status": {"timestamp": predecessor.time()}}))


class Before(Switch):
    @classmethod
    def setUpClass(cls):
        deploy.Applied.setUpClass.__func__(cls)

    def test_krkn_operator_is_there(self):
        kubectl("create", "namespace", NAMESPACE)
        kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(predecessor.custom_resources())}))
        kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{plural}.{predecessor.GROUP}" for _, plural in predecessor.KINDS))
        server, kubeconfig = self.this_cluster()
        wanted, status, secret = predecessor.completed_request("asked-before", "here", server, kubeconfig)
        apply(predecessor.deployment(IMAGE), predecessor.provider("krkn-operator"), predecessor.provider(ACM), wanted, secret,
              *predecessor.target("here", server, kubeconfig), predecessor.scenario_pod(OLD_JOB, IMAGE, "asked-before", "here"))
        in_namespace("patch", "krkntargetrequests", "asked-before", "--subresource=status", "--type=merge", "-p", json.dumps(status))
        in_namespace("rollout", "status", f"deployment/{MANAGER}", "--timeout=50s")
        in_namespace("wait", "--for=condition=Ready", f"pod/krkn-job-{OLD_JOB}", "--timeout=50s")

    def test_what_is_there_is_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            shown = self.follow(self.commands("Before").replace("ktr,kotp,kot", "krkntargetrequests,krknoperatortargetproviders,krknoperatortargets"), folder)
            self.assertIn(f"krkn-job-{OLD_JOB}", shown)
            self.assertEqual(3, Path(folder, "krkn-crds.yaml").read_text().count("kind: CustomResourceDefinition\n"))
            self.assertIn("asked-before", Path(folder, "krkn-objects.yaml").read_text())


class Switched(Switch):
    def test_by_the_guide_s_commands(self):
        delete, make, rollout, smoke = self.commands("The switch").strip().splitlines()
        self.assertIn("api_workflow.sh http://127.0.0.1:8080", smoke)
        self.follow("\n".join((delete, make, rollout)))
        self.rest.open()
        self.assertIn("CLUSTER=east ", smoke)
        self.follow(smoke.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{self.rest.port}").replace("CLUSTER=east", "CLUSTER=here"))


class After(Switch):
    def test_a_request_of_before_is_used_at_once(self):
        deploy.Applied.test_scenarios_may_come_from_the_nodes_own_images(self)  # this node has no registry
        self.rest.close()
        Switch.target = deploy.Stage.target = "asked-before"
        self.answered(200, "GET", "/targets/asked-before")
        clusters = self.answered(200, "GET", "/clusters?id=asked-before")["targetData"]
        self.assertEqual({"krkn-operator": ["here"]}, {name: [one["cluster-name"] for one in all_] for name, all_ in clusters.items()})
        self.assertIn("localhost", json.dumps(self.answered(200, "GET", "/nodes?id=asked-before&cluster-name=here")))
        job = self.run_script("first", "grep -q server /home/krkn/.kube/config")
        self.assertEqual("Succeeded", self.ended(job)["status"])

    def test_an_external_provider_is_waited_for(self):
        self.beat()
        asked = self.answered(202, "POST", "/targets")["uuid"]
        until("ours has answered", lambda: "krkn-operator" in get("krkntargetrequests", asked, "-n", NAMESPACE).get("status", {}).get("targetData", {}), 30)
        self.answered(202, "GET", f"/targets/{asked}")
        in_namespace("patch", "krkntargetrequests", asked, "--subresource=status", "--type=merge", "-p", json.dumps(
            {"status": {"targetData": {ACM: [{"cluster-name": "north", "cluster-api-url": "https://north.example"}]}}}))
        until("the request is completed", lambda: self.rest("GET", f"/targets/{asked}")[0] == 200, 30)
        self.assertNotIn("conditions", self.answered(200, "GET", f"/clusters?id={asked}"))

    def test_our_provider_is_the_one_of_before(self):
        seen = get("krknoperatortargetproviders", "krkn-operator", "-n", NAMESPACE)
        self.assertTrue(seen["spec"]["active"])
        self.assertIn("timestamp", seen["status"])
        self.assertTrue(until("the target is found ready", lambda: get("krknoperatortargets", "here", "-n", NAMESPACE).get("status", {}).get("ready"), 60))

    def test_a_run_of_before_goes_on_and_is_not_ours(self):
        self.assertEqual("Running", get("pod", f"krkn-job-{OLD_JOB}", "-n", NAMESPACE)["status"]["phase"])
        self.answered(404, "GET", f"/scenarios/run/{OLD_JOB}")
        in_namespace("delete", "pod", f"krkn-job-{OLD_JOB}", "--grace-period=0", "--force")


class Back(Switch):
    def test_its_manifests_find_everything_again(self):
        self.rest.close()
        self.follow(self.commands("The way back"))
        kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(predecessor.custom_resources())}))
        apply(predecessor.deployment(IMAGE))
        in_namespace("rollout", "status", f"deployment/{MANAGER}", "--timeout=50s")
        request = get("krkntargetrequests", "asked-before", "-n", NAMESPACE)
        self.assertEqual("Completed", request["status"]["status"])
        self.assertEqual("here", request["status"]["targetData"]["krkn-operator"][0]["cluster-name"])
        self.assertEqual("here", get("krknoperatortargets", "here", "-n", NAMESPACE)["spec"]["clusterName"])
        self.assertFalse(until("operon has switched itself off", lambda: get("krknoperatortargetproviders", "krkn-operator", "-n", NAMESPACE)["spec"], 30)["active"])


def setUpModule():
    deploy.setUpModule()


def load_tests(loader, _, __):
    return unittest.TestSuite(loader.loadTestsFromTestCase(stage) for stage in (Before, Switched, After, Back))


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)
