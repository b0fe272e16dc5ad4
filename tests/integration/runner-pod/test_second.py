"""The host works on one cluster and its targets are another: declared, listed, handed to pods, asked for their nodes. $KUBECONFIG is the first cluster's."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import unittest

from operon_harness import BUILD, SOURCE, free_port, until
from pods_harness import PodTest, kubectl

CLUSTER = str(SOURCE / "tests/cluster/cluster")


class SecondCluster(PodTest):
    STORE = "kubernetes"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = tempfile.mkdtemp(prefix="operon-second-")
        env = {k: v for k, v in os.environ.items() if k != "KUBECONFIG"}
        env["OPERON_CLUSTER_DIR"] = place
        cls.addClassCleanup(subprocess.run, [sys.executable, "-B", CLUSTER, "down"], env=env, check=True)
        subprocess.run([sys.executable, "-B", CLUSTER, "control"], env=env, check=True, stdout=subprocess.DEVNULL, timeout=300)
        cls.second = json.loads(kubectl("--kubeconfig", f"{place}/kubeconfig", "config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        for name in ("far-1", "far-2"):
            kubectl("--kubeconfig", f"{place}/kubeconfig", "create", "-f", "-",
                    given=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}))

    def setUp(self):
        super().setUp()
        address = f"127.0.0.1:{free_port()}"
        provider = subprocess.Popen([BUILD / "bin" / "operon-data-provider", "--listen", address, "--log-level", "warn"])
        self.addCleanup(lambda: (provider.terminate(), provider.wait()))
        text = json.dumps(self.second)
        inner = json.dumps({"kubeconfig": base64.b64encode(text.encode()).decode()})
        for thing in ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "far", "labels": {"krkn-target-uuid": "far"}}, "stringData": {"kubeconfig": inner}},
                      {"apiVersion": "krkn.krkn-chaos.dev/v1alpha1", "kind": "KrknOperatorTarget", "metadata": {"name": "far"},
                       "spec": {"uuid": "far", "clusterName": "far-cluster", "clusterAPIURL": self.second["clusters"][0]["cluster"]["server"],
                                "secretType": "kubeconfig", "secretUUID": "far"}}):
            kubectl("apply", "-n", self.namespace, "-f", "-", given=json.dumps(thing))
        self.run_host = self.host("targets.store=kubernetes", "plugins.krkn-operator.plugin=target-krkn", f"data_provider_address={address}")
        self.run_host.__enter__()
        self.addCleanup(self.run_host.__exit__, None, None, None)

    def test_a_scenario_gets_the_other_cluster_and_its_nodes_are_listed(self):
        host = self.run_host
        listed = host.api("GET", f"/clusters?id={host.targets()}").json["targetData"]
        self.assertEqual([c["cluster-name"] for c in listed["krkn-operator"]], ["far-cluster"])
        nodes = until("the data provider answers", lambda: (a := host.api("GET", f"/nodes?id={host.targets()}&cluster-name=far-cluster")).status == 200 and a)
        self.assertEqual(sorted(nodes.json["nodes"]), ["far-1", "far-2"])
        job = self.run_script(host, "cat /home/krkn/.kube/config", clusterName="far-cluster")
        host.wait_status(job, "Succeeded", seconds=60)
        self.assertIn(self.second["clusters"][0]["cluster"]["server"], host.logs(job).decode())
        self.assertEqual(self.pod(job)["metadata"]["labels"]["krkn-cluster-name"], "far-cluster")
        shown = host.api("GET", f"/scenarios/run/{job}").json
        self.assertEqual((shown["clusterName"], shown["targetId"]), ("far-cluster", host.targets()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
