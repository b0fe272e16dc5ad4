"""The Kubernetes API for plugins, on a host that has no cluster."""

import pathlib
import unittest

from operon_harness import BUILD, Host

PERMISSIONS = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "watch"]}]


class NoCluster(unittest.TestCase):
    def host(self, env=None, **more):
        # Whoever runs the tests may have a cluster.
        nowhere = {"KUBECONFIG": "", "HOME": "/nonexistent", "KUBERNETES_SERVICE_HOST": "", **(env or {})}
        return Host(env=nowhere, args=["--plugin-dir", str(BUILD / "plugins"), "--plugin-dir", str(BUILD / "plugins-test"), *more.pop("args", [])],
                    sets=["plugins.cm.plugin=target-configmap", "plugins.cm.config.name=targets"], **more)

    def targets(self, host):
        answer = host.api("GET", f"/clusters?id={host.targets()}").json
        return answer

    def test_a_plugin_that_needs_a_cluster_says_where_one_was_looked_for_and_the_others_go_on(self):
        with self.host() as host:
            found = self.targets(host)
            self.assertIn("target-file", str(found))
            self.assertNotIn("cm", found.get("targetData", found))
            log = host.log_text()
            for words in ("no cluster configuration", "/nonexistent/.kube/config", "set kubernetes.kubeconfig or $KUBECONFIG"):
                self.assertIn(words, log)

    def test_permissions_are_shown(self):
        with self.host() as host:
            plugins = {one["name"]: one for one in host.api("GET", "/operon/v1/plugins").json["plugins"]}
            self.assertEqual(plugins["cm"]["permissions"], PERMISSIONS)
            self.assertNotIn("permissions", plugins["registry-dir"])

    def test_a_kubeconfig_that_is_not_there_is_named(self):
        with self.host(args=["--kubeconfig", "/nonexistent/given"]) as host:
            self.targets(host)
            self.assertIn("/nonexistent/given", host.log_text())

    def test_a_server_that_does_not_answer_is_named(self):
        with self.host() as host:
            kubeconfig = host.folder / "kubeconfig"
            kubeconfig.write_text("{clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}], contexts: [{name: c, context: {cluster: c}}], current-context: c}")
            # The cluster is looked for again with every question: HOME's is not there, and then this one is.
            host.terminate()
            host.args += ["--kubeconfig", str(kubeconfig)]
            host.restart()
            self.targets(host)
            self.assertIn("127.0.0.1:9", host.log_text())

    def test_nothing_of_it_is_loaded_before_it_is_needed(self):
        with self.host() as host:
            self.assertNotIn("libcurl", pathlib.Path(f"/proc/{host.process.pid}/maps").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
