"""Fault 31: a registry of images that is broken, slow, endless, away, or after the login."""

import json
import re
import tempfile
import time
import unittest
from pathlib import Path

from image_registry import labels
from operon_harness import Host, until
from played_registry import PlayedRegistry

PASSWORD = "canary-password-31c8"
LOGIN = {"username": "ann", "password": PASSWORD}
FIELD = {"name": "word", "type": "string", "variable": "WORD"}


class RegistryFaults(unittest.TestCase):
    def setUp(self):
        self.registry = self.enterContext(PlayedRegistry())
        self.answers = self.registry.answers

    def host(self, *sets, registry=None):
        registry = registry or self.registry
        return self.enterContext(Host(sets=["plugins.hub.plugin=registry-oci", f"plugins.hub.config.registry={registry.name}",
                                            f"plugins.hub.config.repository={registry.repository}", f"plugins.hub.config.insecure={str(not registry.tls).lower()}",
                                            f"plugins.hub.config.skipTls={str(registry.tls).lower()}", *sets]))

    def own(self, registry=None, **more):
        """What a request says that names its registry itself."""
        registry = registry or self.registry
        return {"registryUrl": registry.name, "scenarioRepository": registry.repository, "insecure": not registry.tls, "skipTls": registry.tls, **more}

    def listed(self, host, body=None):
        answer = host.api("POST", "/scenarios", body or {"registry": "hub"})
        self.assertEqual(200, answer.status, answer)
        return [one["name"] for one in answer.json["scenarios"]], answer.headers

    def detail(self, host, name, status, *words):
        answer = host.api("POST", f"/scenarios/detail/{name}", {"registry": "hub"})
        self.assertEqual(status, answer.status, answer)
        for word in words:
            self.assertIn(word, answer.text)
        return answer

    def labelled(self, tag, *fields, **more):
        self.registry.put(tag, {**labels(tag), "krknctl.input_fields": json.dumps(fields), **more})


class Refusals(RegistryFaults):
    def challenge(self, header):
        self.answers[self.registry.tags_path] = lambda _: (401, {"WWW-Authenticate": header}, b"")

    def refused(self, host, body, *words):
        answer = host.api("POST", "/scenarios", body)
        self.assertEqual(502, answer.status, answer)
        for word in words:
            self.assertIn(word, answer.json["message"])
        for text in (answer.text, host.log_text(), host.probe("/metrics").text):
            self.assertNotIn("canary", text)

    def test_fault_31_a_registry_that_refuses_whatever_it_is_shown(self):
        realm = self.enterContext(PlayedRegistry())
        realm.answers["/token"] = lambda _: (200, {}, json.dumps({"token": f"canary-token-{len(realm.seen)}"}).encode())
        host = self.host()
        for header in ('Basic realm="x"', f'Bearer realm="http://{realm.name}/token",service="x"'):
            with self.subTest(header):
                self.registry.seen.clear()
                self.challenge(header)
                self.refused(host, self.own(**LOGIN), "401", self.registry.name)
                self.assertLessEqual(len(self.registry.seen), 2)
        self.assertEqual(1, len(realm.seen))

    def test_fault_31_a_realm_over_plain_http_is_not_asked_while_the_registry_is_https(self):
        registry = self.enterContext(PlayedRegistry(tls=True))
        realm = self.enterContext(PlayedRegistry())
        registry.answers[registry.tags_path] = (401, {"WWW-Authenticate": f'Bearer realm="http://{realm.name}/token"'}, b"")
        self.refused(self.host(), self.own(registry, **LOGIN), "plain http while the registry is https")
        self.assertEqual([], realm.seen)

    def test_fault_31_a_realm_that_sends_elsewhere_takes_no_login_along(self):
        realm, other = self.enterContext(PlayedRegistry()), self.enterContext(PlayedRegistry())
        realm.answers["/token"] = (302, {"Location": f"http://{other.name}/stolen"}, b"")
        self.challenge(f'Bearer realm="http://{realm.name}/token"')
        self.refused(self.host(), self.own(**LOGIN), "token realm", "404")
        self.assertTrue(realm.seen[0][1].startswith("Basic "))
        self.assertEqual([None], [authorization for _, authorization in other.seen])

    def test_fault_31_an_identity_token_goes_to_no_realm_that_may_not_have_it(self):
        """By plain http while the registry is https; on, when the realm sends it elsewhere; to the registry itself."""
        for tls, status in ((True, 0), (False, 307), (False, 302)):
            with self.subTest(tls=tls, status=status):
                registry, realm, other = (self.enterContext(PlayedRegistry(tls=t)) for t in (tls, False, False))
                realm.answers["/token"] = (status, {"Location": f"http://{other.name}/stolen"}, b"")
                registry.answers[registry.tags_path] = (401, {"WWW-Authenticate": f'Bearer realm="http://{realm.name}/token"'}, b"")
                folder = self.enterContext(tempfile.TemporaryDirectory())
                file = Path(folder, "config.json")
                file.write_text(json.dumps({"auths": {registry.name: {"identitytoken": "canary-identity-31"}}}))
                self.refused(self.host(f"plugins.hub.config.authFile={file}", registry=registry), {"registry": "hub"})
                self.assertEqual([], [body for seen in (registry, other) for body in seen.bodies if b"canary" in body])
                self.assertEqual(0 if tls else 1, len(realm.bodies))

    def test_fault_31_a_redirect_of_a_blob_takes_no_login_along(self):
        self.labelled("a", FIELD)
        elsewhere = self.enterContext(PlayedRegistry())
        _, blob = self.registry.put("b", labels("b"))
        elsewhere.answers["/cdn"] = self.answers[blob]
        self.answers[blob] = (307, {"Location": f"http://{elsewhere.name}/cdn"}, b"")
        self.assertEqual(["a", "b"], self.listed(self.host(), self.own(**LOGIN))[0])
        self.assertEqual([("/cdn", None)], elsewhere.seen)

    def test_fault_31_another_host_that_asks_for_a_login_gets_none(self):
        other = self.enterContext(PlayedRegistry())
        for header in (f'Bearer realm="http://{other.name}/token"', 'Basic realm="x"'):
            with self.subTest(header):
                other.seen.clear()
                other.answers["/elsewhere"] = (401, {"WWW-Authenticate": header}, b"")
                self.answers[self.registry.tags_path] = (307, {"Location": f"http://{other.name}/elsewhere"}, b"")
                self.refused(self.host(), self.own(**LOGIN), "401")
                self.assertEqual([("/elsewhere", None)], other.seen)

    def test_addresses_that_are_not_asked(self):
        """Whoever may list scenarios could otherwise look around in the host's network by them, and have what he finds sent to himself as a token."""
        host = self.host()
        for name in ("169.254.169.254", "[fe80::1]:5000", "metadata.google.internal", "0xa9fea9fe"):
            self.refused(host, {"registryUrl": name, "scenarioRepository": "a/b", "insecure": True}, "leads to a link-local or cloud metadata address")
        self.challenge('Bearer realm="http://169.254.169.254/latest/meta-data"')
        self.refused(host, self.own(), "leads to a link-local or cloud metadata address")
        for key, wrong in (("registryUrl", "https://registry.example"), ("registryUrl", "user:word@registry.example"), ("scenarioRepository", "../v2")):
            answer = host.api("POST", "/scenarios", self.own(**{key: wrong}))
            self.assertEqual(400, answer.status, answer)
            self.assertIn(key, answer.json["message"])


class Documents(RegistryFaults):
    def test_fault_31_wrong_digests(self):
        """Fatal for the tag, not for the list; nothing of it is believed."""
        self.labelled("good", FIELD)
        _, blob = self.registry.put("blob", labels("Blob"))
        self.answers[blob] = (200, {}, json.dumps({"config": {"Labels": labels("Another")}}).encode())
        manifest, _ = self.registry.put("manifest", labels("Manifest"))
        status, headers, body = self.answers[self.registry.manifest_path("manifest")]
        for reference in ("manifest", manifest):
            self.answers[self.registry.manifest_path(reference)] = (status, headers, body + b" ")
        host = self.host()
        self.assertEqual(["good"], self.listed(host)[0])
        for name in ("blob", "manifest"):
            self.detail(host, name, 502, "has digest sha256:")
        self.assertEqual(2, host.log_text().count("has digest sha256:"))

    def test_fault_31_a_blob_of_10_gb(self):
        self.labelled("good", FIELD)
        _, blob = self.registry.put("vast", labels("Vast"))
        self.answers[blob] = (200, {"Content-Length": str(10 << 30)}, b"{" + b" " * (64 << 10))
        host = self.host()
        before, began = host.resident_bytes("VmHWM"), time.monotonic()
        self.assertEqual(["good"], self.listed(host)[0])
        self.detail(host, "vast", 502, "larger than 8")
        self.assertLess(time.monotonic() - began, 10)
        self.assertLess(host.resident_bytes("VmHWM") - before, 64 << 20)

    def test_fault_31_html_instead_of_a_manifest(self):
        self.labelled("good", FIELD)
        self.labelled("page", FIELD)
        self.answers[self.registry.manifest_path("page")] = (200, {"Content-Type": "text/html"}, b"<html>log in</html>")
        host = self.host()
        self.assertEqual(["good"], self.listed(host)[0])
        self.detail(host, "page", 502, "not JSON")

    def test_labels_that_are_too_much(self):
        deep = "[" * 10_000 + "]" * 10_000
        self.labelled("deep", **{"krknctl.input_fields": deep})
        self.labelled("deep-field", **{"krknctl.input_fields": f'[{{"name":"x","type":"string","variable":"X","default":{deep}}}]'})
        self.labelled("large", **{"krknctl.description": "x" * (2 << 20)})
        self.labelled("vast", **{"krknctl.description": "x" * (10 << 20)})
        self.labelled("double", FIELD, FIELD)
        self.labelled("good", FIELD)
        host = self.host()
        self.assertEqual(["good"], self.listed(host)[0])
        self.detail(host, "deep", 502, "nested deeper than 16")
        self.detail(host, "deep-field", 502, "nested deeper than 16")
        self.detail(host, "large", 502, "label krknctl.description is larger than 1024 KiB")
        self.detail(host, "vast", 502, "larger than 8")
        self.detail(host, "double", 502, "field 'word': attribute 'name' is used by an earlier field")
        for tag in ("deep", "deep-field", "large", "vast", "double"):
            self.assertIn(f'"tag":"{tag}"', host.log_text())

    def test_values_against_fields_that_make_no_sense(self):
        """A default that its own rule refuses, and an expression that takes for ever in other engines."""
        self.labelled("default", {**FIELD, "default": "x y", "validator": "^[a-z]+$"})
        self.labelled("slow", {**FIELD, "validator": "^(a+)+$"}, {"name": "other", "type": "string", "variable": "OTHER", "validator": "(x+x+)+y"})
        host = self.host("plugins.pods.plugin=runner-pod")  # no cluster: nothing gets so far
        self.assertEqual(["default", "slow"], self.listed(host)[0])

        def run(tag, word):
            image = f"{self.registry.name}/{self.registry.repository}:{tag}"
            return host.api("POST", "/scenarios/run", {"targetId": host.targets(), "clusterName": "localhost", "scenarioImage": image, "scenarioName": tag, "environment": word, "runner": "pods"})
        refused = run("default", {})
        self.assertEqual(422, refused.status, refused)
        self.assertIn("schema validation error on default value", refused.text)
        began = time.monotonic()
        for word in ({"WORD": "a" * 100_000 + "!"}, {"WORD": "a", "OTHER": "x" * 100_000}):
            refused = run("slow", word)
            self.assertEqual(422, refused.status, refused)
        self.assertLess(time.monotonic() - began, 5)


class ManyTags(RegistryFaults):
    TAGS = 5000

    def test_fault_31_5000_tags(self):
        for i in range(self.TAGS):
            self.labelled(f"t{i:04}", FIELD)
        host = self.host("plugins.hub.config.listWaitSeconds=1", "plugins.hub.config.tagsSeconds=1")
        began = time.monotonic()
        first, headers = self.listed(host)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual("true", headers.get("Operon-Partial"))
        self.assertLess(len(first), self.TAGS)

        def whole():
            names, headers = self.listed(host)
            return names if "Operon-Partial" not in headers else None
        self.assertEqual(self.TAGS, len(until("the list is whole", whole, 240, every=0.5)))
        self.assertLessEqual(self.registry.at_once, 9, "eight images, and the list of tags")
        self.assertTrue(re.search(r'"reading scenarios".*"tags":"5000"', host.log_text()))
        images = [path for path, _ in self.registry.seen if "/tags/" not in path]
        self.assertEqual(2 * self.TAGS, len(images), "a manifest and a configuration each, once")
        self.registry.seen.clear()
        self.assertEqual(self.TAGS, len(self.listed(host)[0]))
        self.assertFalse([path for path, _ in self.registry.seen if "/tags/" not in path])

        self.registry.away = True
        until("the list is old", lambda: "Age" in self.listed(host)[1], 20, every=0.2)
        names, headers = self.listed(host)
        self.assertEqual(self.TAGS, len(names))
        self.assertGreaterEqual(int(headers["Age"]), 1)
        self.assertIn("the list of tags is an old one", host.log_text())
        self.registry.away = False
        until("the list is new again", lambda: "Age" not in self.listed(host)[1], 20, every=0.2)

    def test_fault_31_a_registry_that_never_answers_in_time(self):
        self.labelled("good", FIELD)
        self.registry.slow = 60
        host = self.host("defaults.registry=hub")
        began = time.monotonic()
        answer = host.api("POST", "/scenarios", timeout=40)
        self.assertIn(answer.status, (502, 504), answer)
        self.assertLess(time.monotonic() - began, 31)
        self.assertEqual(200, host.api("GET", "/health").status)
        # Beside others it takes nothing from them.
        host.shell_scenario("local", "exit 0")
        began = time.monotonic()
        answer = host.api("GET", "/operon/v1/scenarios", timeout=40)
        self.assertLess(time.monotonic() - began, 31)
        self.assertEqual(["local"], [one["name"] for one in answer.json["scenarios"]])
        self.assertEqual(["hub"], [one["registry"] for one in answer.json["failed"]])


class PrivateRegistry(RegistryFaults):
    def test_fault_26_no_canary_of_a_login_anywhere(self):
        """What a request brings with it, by every route that takes it, on a registry that wants it."""
        from image_registry import ImageRegistry
        with ImageRegistry(users={"ann": PASSWORD}) as registry:
            registry.repository, registry.tls = "private/hub", False
            registry.push(registry.repository, "cpu-hog", labels("CPU Hog"), login=("ann", PASSWORD))
            host = self.host("log.level=trace", registry=registry)
            seen = []
            for way, status in ((LOGIN, 200), ({"username": "ann", "password": "canary-wrong-31c8"}, 502), ({"token": "canary-token-31c8"}, 502), ({}, 502)):
                for path in ("/scenarios", "/scenarios/detail/cpu-hog", "/scenarios/globals/cpu-hog"):
                    answer = host.api("POST", path, self.own(registry, **way))
                    self.assertEqual(status, answer.status, (path, sorted(way), answer))
                    seen.append(answer.text + str(answer.headers))
                    seen += [Path(f"/proc/{host.process.pid}/{file}").read_text() for file in ("cmdline", "environ")]
            events = [line for line in host.log_text().splitlines() if "audit" in line]
            self.assertEqual(404, host.api("POST", "/scenarios/detail/absent", self.own(registry, **LOGIN)).status)
            seen += [host.probe("/metrics").text, host.log_text(), host.api("GET", "/operon/v1/plugins").text, host.api("GET", "/operon/v1/scenarios").text, *events]
            seen += [file.read_text(errors="replace") for file in host.state.rglob("*") if file.is_file()]
            for text in seen:
                self.assertNotIn("canary", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
