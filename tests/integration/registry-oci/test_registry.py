"""registry-oci against a real registry: every kind of manifest, logins, caching, what is broken in it."""

import base64
import itertools
import json
import tempfile
import unittest
from pathlib import Path

from image_registry import FIELDS, GLOBALS, ImageRegistry, TokenServer, labels
from operon_harness import Host
from played_registry import PlayedRegistry

REPOSITORY = "krkn-chaos/krkn-hub"


def host_of(registry, *sets, **more):
    return Host(sets=["plugins.hub.plugin=registry-oci", f"plugins.hub.config.registry={registry.name}", f"plugins.hub.config.repository={REPOSITORY}",
                      "plugins.hub.config.insecure=true", *sets], **more)


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
        cls.digests["baseless"] = push(REPOSITORY, "baseless", labels("Baseless", **{"krknctl.input_fields.global": "[{]"}))
        cls.host = cls.enterClassContext(host_of(cls.registry))

    def test_all_kinds_are_listed_and_nothing_else(self):
        answer = self.host.api("POST", "/scenarios", {"registry": "hub"})
        self.assertEqual(sorted(self.digests), names(answer))
        for one in answer.json["scenarios"]:
            self.assertEqual(self.digests[one["name"]], one["digest"])
        self.assertIn("label krknctl.input_fields is not JSON", self.host.log_text())

    def test_detail_and_globals_of_each(self):
        for name in self.digests.keys() - {"baseless"}:
            with self.subTest(name):
                detail = self.host.api("POST", f"/scenarios/detail/{name}", {"registry": "hub"})
                self.assertEqual(200, detail.status, detail)
                self.assertEqual([f["name"] for f in FIELDS], [f["name"] for f in detail.json["fields"]])
                self.assertEqual(self.digests[name], detail.json["digest"])
                globals_ = self.host.api("POST", f"/scenarios/globals/{name}", {"registry": "hub"})
                self.assertEqual([f["name"] for f in GLOBALS], [f["name"] for f in globals_.json["fields"]])

    def test_what_is_none(self):
        for name in ("no-scenario", "absent", "..", ".x"):
            self.assertEqual(404, self.host.api("POST", f"/scenarios/detail/{name}", {"registry": "hub"}).status, name)
        broken = self.host.api("POST", "/scenarios/detail/broken", {"registry": "hub"})
        self.assertIn("label krknctl.input_fields is not JSON", broken.text)
        self.assertEqual(502, broken.status)  # the image's fault, not the request's

    def test_globals_that_make_no_sense_leave_the_scenario_alone(self):
        self.host.api("POST", "/scenarios", {"registry": "hub"})
        self.host.api("POST", "/scenarios", {"registry": "hub"})
        said = [line for line in self.host.log_text().splitlines() if "scenario without its globals" in line and '"instance":"hub"' in line]
        self.assertEqual(1, len(said), said)
        self.assertIn('"tag":"baseless"', said[0])
        self.assertIn("label krknctl.input_fields.global is not JSON", said[0])
        detail = self.host.api("POST", "/scenarios/detail/baseless", {"registry": "hub"})
        self.assertEqual([f["name"] for f in FIELDS], [f["name"] for f in detail.json["fields"]])
        globals_ = self.host.api("POST", "/scenarios/globals/baseless", {"registry": "hub"})
        self.assertEqual(502, globals_.status, globals_)
        self.assertIn("label krknctl.input_fields.global is not JSON", globals_.json["message"])

    def test_a_warm_list_asks_nothing(self):
        self.host.api("POST", "/scenarios", {"registry": "hub"})
        before = len(self.registry.requests())
        self.host.api("POST", "/scenarios", {"registry": "hub"})
        self.assertEqual(before, len(self.registry.requests()))

    def test_a_registry_named_in_the_request(self):
        answer = self.host.api("POST", "/scenarios", {"registryUrl": self.registry.name, "scenarioRepository": REPOSITORY, "insecure": True})
        self.assertEqual(sorted(self.digests), names(answer))


class Logins(unittest.TestCase):
    LOGIN = ("ann", "canary-password-7f31")

    def body(self, registry, repository="private/hub", **more):
        return {"registryUrl": registry.name, "scenarioRepository": repository, "insecure": True, **more}

    def auth_file(self, registry, login=LOGIN):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = Path(folder.name, "config.json")
        file.write_text(json.dumps({"auths": {registry.name: {"auth": base64.b64encode(":".join(login).encode()).decode()}}}))
        return file

    def check(self, registry, repository):
        registry.push(repository, "cpu-hog", labels("CPU Hog"), login=self.LOGIN)
        file = self.auth_file(registry)
        with host_of(registry, f"plugins.hub.config.repository={repository}", f"plugins.hub.config.authFile={file}") as host:
            self.assertEqual(["cpu-hog"], names(host.api("POST", "/scenarios", {"registry": "hub"})))
            given = self.body(registry, repository, username=self.LOGIN[0], password=self.LOGIN[1])
            self.assertEqual(["cpu-hog"], names(host.api("POST", "/scenarios", given)))
            for wrong in ({}, {"username": "ann", "password": "canary-wrong-1"}, {"token": "canary-wrong-2"}):
                refused = host.api("POST", "/scenarios", self.body(registry, repository, **wrong))
                self.assertEqual(502, refused.status, refused)
                for text in (refused.text, host.log_text(), host.probe("/metrics").text):
                    self.assertNotIn("canary", text)

    def test_basic(self):
        with ImageRegistry(users=dict([self.LOGIN])) as registry:
            self.check(registry, "private/hub")

    def test_bearer_with_a_login_and_without(self):
        with TokenServer(dict([self.LOGIN]), public=["public/hub"]) as realm, ImageRegistry(token=realm.settings()) as registry:
            self.check(registry, "private/hub")
            registry.push("public/hub", "open", labels("Open"), login=self.LOGIN)
            with host_of(registry, "plugins.hub.config.repository=public/hub") as host:
                realm.asked.clear()
                self.assertEqual(["open"], names(host.api("POST", "/scenarios", {"registry": "hub"})))
                self.assertEqual({(None, "repository:public/hub:pull")}, set(realm.asked))
                self.assertEqual(1, len(realm.asked), "one token serves for all")

    def test_an_identity_token_is_exchanged_at_the_realm(self):
        with TokenServer(dict([self.LOGIN]), identities={"canary-identity": "ann"}) as realm, ImageRegistry(token=realm.settings()) as registry:
            registry.push("private/hub", "cpu-hog", labels("CPU Hog"), login=self.LOGIN)
            for identity, status in (("canary-identity", 200), ("canary-wrong", 502)):
                file = self.auth_file(registry)
                file.write_text(json.dumps({"auths": {registry.name: {"auth": base64.b64encode(b"<token>:").decode(), "identitytoken": identity}}}))
                realm.asked.clear()
                with host_of(registry, "plugins.hub.config.repository=private/hub", f"plugins.hub.config.authFile={file}") as host:
                    answer = host.api("POST", "/scenarios", {"registry": "hub"})
                    self.assertEqual(status, answer.status, answer)
                    if status == 200:
                        self.assertEqual(["cpu-hog"], names(answer))
                        self.assertEqual([("ann", "repository:private/hub:pull")], realm.asked, "one token serves for all")
                    self.assertNotIn("canary", answer.text + host.log_text())

    def test_a_login_that_is_left_to_a_credential_helper_is_no_anonymous_one(self):
        with ImageRegistry() as registry:
            file = self.auth_file(registry)
            with host_of(registry, f"plugins.hub.config.authFile={file}") as host:
                file.write_text(json.dumps({"credsStore": "desktop", "auths": {registry.name: {}}}))
                answer = host.api("POST", "/scenarios", {"registry": "hub"})
                self.assertEqual(502, answer.status, answer)
                self.assertIn("is left to a credential helper (credsStore)", answer.json["message"])
                self.assertIn("put the login into the file itself (auths)", answer.json["message"])


class Strange(unittest.TestCase):
    """What a well-behaved registry does not do, by a server that answers as it is told."""

    def setUp(self):
        self.played = self.enterContext(PlayedRegistry(REPOSITORY))
        self.answers, self.name, self.tags = self.played.answers, self.played.name, self.played.tags_path
        self.host = self.enterContext(host_of(self.played, "plugins.hub.config.tagsMax=100"))

    def listed(self):
        return self.host.api("POST", "/scenarios", {"registry": "hub"})

    def refused(self, *words):
        answer = self.listed()
        self.assertEqual(502, answer.status, answer)
        for word in (self.name, *words):
            self.assertIn(word, answer.json["message"])

    def test_html_with_200(self):
        self.answers[self.tags] = (200, {"Content-Type": "text/html"}, b"<html>log in</html>")
        self.refused("is not JSON")

    def test_a_list_without_an_end(self):
        page = iter(range(10**6))

        def more(_):
            n = next(page)
            return 200, {"Link": f'<{self.tags}?last=t{n}>; rel="next"'}, json.dumps({"tags": [f"t{n}"]}).encode()
        self.answers[self.tags] = more
        self.refused("more than 100 tags (tags_max)")

    def test_a_page_that_names_itself(self):
        self.answers[self.tags] = (200, {"Link": f'<{self.tags}?n=500>; rel="next"'}, b'{"tags":["a"]}')
        self.refused("has no end")

    def test_a_page_of_nothing_is_followed(self):
        pages = {"": (["no tag", 5], "a"), "a": ([], "b"), "b": (["x"], None)}

        def page(path):
            tags, following = pages[path.partition("last=")[2]]
            return 200, {"Link": f'<{self.tags}?last={following}>; rel="next"'} if following else {}, json.dumps({"tags": tags}).encode()
        self.answers[self.tags] = page
        self.played.put("x", labels("X"))
        self.assertEqual(["x"], names(self.listed()))

    def test_pages_that_lead_in_a_circle_or_say_the_same_for_ever(self):
        circle = {"": "a", "a": "b", "b": "a"}
        for tags, following in (([], lambda last: circle[last]), (["a"], lambda last: last + "x")):
            with self.subTest(tags):
                self.played.seen.clear()
                self.answers[self.tags] = lambda path: (200, {"Link": f'<{self.tags}?last={following(path.partition("last=")[2])}>; rel="next"'}, json.dumps({"tags": tags}).encode())
                answer = self.host.api("POST", "/scenarios", {"registryUrl": self.name, "scenarioRepository": REPOSITORY, "insecure": True, "username": "a", "password": str(tags)})
                self.assertEqual(502, answer.status, answer)
                self.assertIn("its list of tags has no end", answer.json["message"])
                self.assertLessEqual(len(self.played.seen), 3)

    def test_pages_of_nothing_for_ever(self):
        n = itertools.count()
        self.answers[self.tags] = lambda _: (200, {"Link": f'<{self.tags}?last=t{next(n)}>; rel="next"'}, b'{"tags":[]}')
        self.refused("its list of tags has no end")
        self.assertEqual(1000, len(self.played.seen))

    def test_a_next_page_elsewhere(self):
        self.answers[self.tags] = (200, {"Link": '<http://169.254.169.254/latest>; rel="next"'}, b'{"tags":["a"]}')
        self.refused("the next page is elsewhere")

    def test_a_manifest_with_another_digest(self):
        self.answers[self.tags] = (200, {}, b'{"tags":["a"]}')
        self.answers[f"/v2/{REPOSITORY}/manifests/a"] = (200, {"Docker-Content-Digest": "sha256:" + "0" * 64}, b'{"schemaVersion":2}')
        self.assertEqual([], names(self.listed()))
        self.assertIn("and not sha256:0000", self.host.log_text())

    def test_digests_by_sha512(self):
        right, _ = self.played.put("right", labels("Right"), "sha512")
        wrong, _ = self.played.put("wrong", labels("Wrong"), "sha512")
        _, blob = self.played.put("other-blob", labels("Other"), "sha512")
        path = self.played.manifest_path("wrong")
        status, headers, body = self.answers[path]
        self.answers[path] = self.answers[self.played.manifest_path(wrong)] = (status, headers, body + b" ")
        self.answers[blob] = (200, {}, b"{}")
        self.assertEqual(["right"], names(self.listed()))
        log = self.host.log_text()
        self.assertIn(f"and not {wrong}", log)
        self.assertIn("the blob has digest sha512:", log)
        for name in ("right", right):
            self.assertEqual(right, self.host.api("POST", f"/scenarios/detail/{name}", {"registry": "hub"}).json["digest"])

    def test_deep_and_large_documents(self):
        self.answers[self.tags] = (200, {}, b'{"tags":["deep","large"]}')
        self.answers[f"/v2/{REPOSITORY}/manifests/deep"] = (200, {}, b'{"a":' + b"[" * 10_000)
        self.answers[f"/v2/{REPOSITORY}/manifests/large"] = (200, {}, b" " * (5 << 20))
        self.assertEqual([], names(self.listed()))
        self.assertIn("nested deeper than 32", self.host.log_text())

    def test_a_redirect_to_another_host_carries_no_login(self):
        other = self.enterContext(PlayedRegistry())
        other.answers["/x"] = (200, {}, b'{"tags":[]}')
        self.answers[self.tags] = (307, {"Location": f"http://{other.name}/x"}, b"")
        answer = self.host.api("POST", "/scenarios", {"registryUrl": self.name, "scenarioRepository": REPOSITORY, "insecure": True, "username": "a", "password": "b"})
        self.assertEqual([], names(answer))
        self.assertEqual([("/x", None)], other.seen)
        self.assertTrue(self.played.seen[0][1].startswith("Basic "))

    def test_a_challenge_without_sense(self):
        for header in ("", "Bearer", 'Bearer realm="ftp://x"', 'Bearer realm="', "Negotiate", 'Digest realm="x", nonce="y"', 'Bearer realm="http://127.0.0.1:1/"'):
            with self.subTest(header):
                self.answers[self.tags] = (401, {"WWW-Authenticate": header}, b"")
                self.refused()


class DockerHub(unittest.TestCase):
    def test_a_short_name_is_one_of_its_library(self):
        """Docker Hub is played by the proxy that the host is told to use."""
        with PlayedRegistry("library/nginx") as proxy:
            proxy.put("web", labels("Web"))
            hub = {f"http://registry-1.docker.io{path}": answer for path, answer in proxy.answers.items()}
            proxy.answers.update(hub, **{f"http://registry-1.docker.io{proxy.tags_path}": (200, {}, b'{"tags":["web"]}')})
            sets = ["plugins.hub.plugin=registry-oci", "plugins.hub.config.registry=docker.io", "plugins.hub.config.repository=nginx", "plugins.hub.config.insecure=true"]
            with Host(sets=sets, env={"http_proxy": f"http://{proxy.name}", "no_proxy": ""}) as host:
                listed = host.api("GET", "/operon/v1/scenarios?registry=hub")
                self.assertEqual(["docker.io/library/nginx:web"], [one["reference"] for one in listed.json["scenarios"]], listed)
                named = host.api("POST", "/scenarios", {"registryUrl": "index.docker.io", "scenarioRepository": "nginx", "insecure": True})
                self.assertEqual(["web"], names(named))


if __name__ == "__main__":
    unittest.main(verbosity=2)
