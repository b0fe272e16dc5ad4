"""operond on a cluster: a plugin reads a ConfigMap through the host, within its permissions. $KUBECONFIG is the cluster's."""

import json
import shutil
import tempfile
import unittest
import uuid
from pathlib import Path

from kubectl import kubectl
from operon_harness import BUILD, Host

NAMESPACE = "operon-test-" + uuid.uuid4().hex[:8]
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "targets", "namespace": NAMESPACE},
       "data": {"north": "https://north.example", "south": "https://south.example"}}


class OnACluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        kubectl("create", "namespace", NAMESPACE)
        kubectl("apply", "-f", "-", given=json.dumps(MAP))

    @classmethod
    def tearDownClass(cls):
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")

    def host(self, *sets, args=(), env=None):
        return Host(env=env, args=["--plugin-dir", str(BUILD / "plugins"), "--plugin-dir", str(BUILD / "plugins-test"), *args],
                    sets=["plugins.cm.plugin=target-configmap", "plugins.cm.config.name=targets", *sets])

    def clusters(self, host):
        return host.api("GET", f"/clusters?id={host.targets()}").json

    def test_a_plugin_reads_a_config_map_in_the_configured_namespace(self):
        with self.host(args=["--namespace", NAMESPACE]) as host:
            text = json.dumps(self.clusters(host))
            self.assertIn("https://north.example", text)
            self.assertIn("https://south.example", text)
            self.assertIn("libcurl", Path(f"/proc/{host.process.pid}/maps").read_text())
            self.assertIn("Kubernetes API", host.log_text())

    def test_the_context_s_namespace_counts_when_none_is_configured(self):
        kubeconfig = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        kubeconfig["contexts"].append({"name": "chosen", "context": {**kubeconfig["contexts"][0]["context"], "namespace": NAMESPACE}})
        file = Path(tempfile.mkdtemp(), "kubeconfig")
        self.addCleanup(shutil.rmtree, file.parent)
        file.write_text(json.dumps(kubeconfig))
        with self.host("kubernetes.context=chosen", args=["--kubeconfig", str(file)], env={"KUBECONFIG": ""}) as host:
            self.assertIn("https://north.example", json.dumps(self.clusters(host)))

    def test_what_the_manifest_does_not_name_is_refused_before_the_server_sees_it(self):
        with self.host("plugins.cm.config.resource=secrets", args=["--namespace", NAMESPACE]) as host:
            self.assertNotIn("north", json.dumps(self.clusters(host)))
            self.assertIn("cm may not get secrets in namespace " + NAMESPACE + ": its manifest's permissions do not name that", host.log_text())

    def test_what_is_not_there_is_told_in_the_server_s_words(self):
        with self.host("plugins.cm.config.name=absent", args=["--namespace", NAMESPACE]) as host:
            self.clusters(host)
            self.assertIn(json.dumps('configmaps "absent" not found')[1:-1], host.log_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
