"""A login for a registry of images from a Secret of the cluster: kept up to date, within the host's own role, and seen nowhere."""

import contextlib
import unittest

from host_test import HostTest
from image_registry import ImageRegistry, labels
from operon_harness import SOURCE, Host, until

LOGIN = ("ann", "canary-password-52d7")
REPOSITORY = "private/hub"


class RegistryLogin(HostTest):
    def setUp(self):
        super().setUp()
        self.registry = self.enterContext(ImageRegistry(users=dict([LOGIN])))
        self.registry.push(REPOSITORY, "cpu-hog", labels("CPU Hog"), login=LOGIN)

    def secret(self, password):
        with contextlib.suppress(AssertionError):
            self.space.kubectl("delete", "secret", "registry-login")
        self.space.kubectl("create", "secret", "docker-registry", "registry-login", f"--docker-server={self.registry.name}", f"--docker-username={LOGIN[0]}",
                           f"--docker-password={password}")

    def host(self, *sets):
        return self.enter("plugins.hub.plugin=registry-oci", f"plugins.hub.config.registry={self.registry.name}", f"plugins.hub.config.repository={REPOSITORY}",
                          "plugins.hub.config.insecure=true", "plugins.hub.config.authSecret=registry-login", "log.level=trace", *sets,
                          kubeconfig=self.kubeconfig(token=self.account()))

    def listed(self, host):
        return host.api("POST", "/scenarios", {"registry": "hub"})

    def test_a_secret_is_the_login(self):
        host = self.host()
        absent = self.listed(host)
        self.assertEqual(502, absent.status, absent)
        self.assertIn(f"Secret registry-login (authSecret) is not there: make it in namespace {self.space.name}", absent.json["message"])
        self.space.kubectl("create", "secret", "generic", "registry-login", "--from-literal=password=canary")
        self.assertIn("has no key .dockerconfigjson and must be of type kubernetes.io/dockerconfigjson", self.listed(host).json["message"])

        self.secret("canary-wrong")
        refused = self.listed(host)
        self.assertEqual(502, refused.status, refused)
        self.assertIn("does not take these credentials (401)", refused.json["message"])
        self.secret(LOGIN[1])
        right = until("the Secret is read again", lambda: [a for a in [self.listed(host)] if a.status == 200], 30, every=0.5)[0]
        self.assertEqual(["cpu-hog"], [one["name"] for one in right.json["scenarios"]])
        self.assertEqual(200, host.api("POST", "/scenarios/detail/cpu-hog", {"registry": "hub"}).status)
        for text in (absent.text, refused.text, host.log_text(), host.probe("/metrics").text, host.api("GET", "/operon/v1/plugins").text,
                     self.space.kubectl("get", "events.events.k8s.io,runs", "-o", "json")):
            self.assertNotIn("canary", text)

    def test_both_sources_are_refused_by_name(self):
        file = self.folder / "config.json"
        file.write_text('{"auths": {}}')
        host = self.host(f"plugins.hub.config.authFile={file}")
        self.assertNotIn("quiesce threw", host.log_text())
        self.assertIn("both authFile and authSecret are given, and only one of them can be the source of the login", host.log_text())

    def test_the_clusters_catalogue_is_not_waited_for(self):
        """With config/cluster.yaml, and nothing where Quay should be."""
        host = self.enterContext(Host(args=["--config", str(SOURCE / "config/cluster.yaml"), "--namespace", self.space.name, "--kubeconfig",
                                            str(self.kubeconfig(token=self.account()))], sets=["plugins.krkn-hub.config.url=http://127.0.0.1:9"]))
        self.assertEqual(200, host.probe("/readyz").status)
        host.scenario("hello", "{title: Hello, description: says so, run: {argv: [/bin/echo, hello]}}")
        refused = host.api("POST", "/scenarios")
        self.assertEqual(502, refused.status, refused)
        self.assertIn("http://127.0.0.1:9/api/v1/repository/krkn-chaos/krkn-hub/tag/", refused.json["message"])
        answer = host.api("GET", "/operon/v1/scenarios").json
        self.assertEqual(["krkn-hub"], [one["registry"] for one in answer["failed"]])
        self.assertIn("hello", [one["name"] for one in answer["scenarios"]])
        self.assertEqual(200, host.probe("/readyz").status)


if __name__ == "__main__":
    unittest.main(verbosity=2)
