"""registry-oci against a real registry: every kind of manifest, logins, caching, what is broken in it."""

import json
import unittest

from image_registry import FIELDS, GLOBALS, ImageRegistry, labels
from operon_harness import Host

REPOSITORY = "krkn-chaos/krkn-hub"


def host_of(registry, *sets, **more):
    return Host(sets=["plugins.hub.plugin=registry-oci", f"plugins.hub.registry={registry.name}", f"plugins.hub.repository={REPOSITORY}",
                      "plugins.hub.insecure=true", *sets], **more)


def names(answer):
    assert answer.status == 200, answer
    return [one["name"] for one in answer.json["scenarios"]]


class Kinds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.registry = cls.enterClassContext(ImageRegistry())
        push = cls.registry.push
        cls.digests = {
            "oci": push(REPOSITORY, "oci", labels("OCI"), format="oci"),
            "schema2": push(REPOSITORY, "schema2", labels("Schema 2"), format="v2s2"),
            "schema1": push(REPOSITORY, "schema1", labels("Schema 1"), format="v2s1"),
            "index": push(REPOSITORY, "index", labels("Index"), architectures=("arm64", "amd64"), format="oci"),
            "manifest-list": push(REPOSITORY, "manifest-list", labels("Manifest list"), architectures=("arm64", "amd64"), format="v2s2"),
        }
        push(REPOSITORY, "no-scenario", {"maintainer": "x"})
        push(REPOSITORY, "switched-off", labels("Off", **{"krknctl.is_a_scenario": "false"}))
        push(REPOSITORY, "broken", labels("Broken", **{"krknctl.input_fields": "[{]"}))
        push(REPOSITORY, "oci.sig", labels("Signature"))
        cls.host = cls.enterClassContext(host_of(cls.registry))

    def test_all_kinds_are_listed_and_nothing_else(self):
        answer = self.host.api("POST", "/scenarios", {"registry": "hub"})
        self.assertEqual(sorted(self.digests), names(answer))
        for one in answer.json["scenarios"]:
            self.assertEqual(self.digests[one["name"]], one["digest"])
        self.assertIn("label krknctl.input_fields is not JSON", self.host.log_text())

    def test_detail_and_globals_of_each(self):
        for name in self.digests:
            with self.subTest(name):
                detail = self.host.api("POST", f"/scenarios/detail/{name}", {"registry": "hub"})
                self.assertEqual(200, detail.status, detail)
                self.assertEqual([f["name"] for f in FIELDS], [f["name"] for f in detail.json["fields"]])
                self.assertEqual(self.digests[name], detail.json["digest"])
                globals_ = self.host.api("POST", f"/scenarios/globals/{name}", {"registry": "hub"})
                self.assertEqual([f["name"] for f in GLOBALS], [f["name"] for f in globals_.json["fields"]])

    def test_what_is_none(self):
        for name in ("no-scenario", "absent", "..%2Fx"):
            self.assertEqual(404, self.host.api("POST", f"/scenarios/detail/{name}", {"registry": "hub"}).status, name)
        broken = self.host.api("POST", "/scenarios/detail/broken", {"registry": "hub"})
        self.assertIn("label krknctl.input_fields is not JSON", broken.text)

    def test_a_warm_list_asks_nothing(self):
        self.host.api("POST", "/scenarios", {"registry": "hub"})
        before = len(self.registry.requests())
        self.host.api("POST", "/scenarios", {"registry": "hub"})
        self.assertEqual(before, len(self.registry.requests()))

    def test_a_registry_named_in_the_request(self):
        answer = self.host.api("POST", "/scenarios", {"registryUrl": self.registry.name, "scenarioRepository": REPOSITORY, "insecure": True})
        self.assertEqual(sorted(self.digests), names(answer))


if __name__ == "__main__":
    unittest.main(verbosity=2)
