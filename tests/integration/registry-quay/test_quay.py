"""registry-quay against a server that answers as Quay does (there is none that could be installed): paging, manifest lists, redirects, gzip, absence."""

import gzip
import hashlib
import http.server
import json
import threading
import unittest
import urllib.parse

from image_registry import FIELDS, GLOBALS, labels
from operon_harness import Host

BASE = "/api/v1/repository/krkn-chaos/krkn-hub"


def digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class Quay:
    def __init__(self):
        self.tags, self.manifests, self.asked = [], {}, []
        self.status = 200
        quay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two packets

            def do_GET(self):
                quay.asked.append(self.path)
                where = urllib.parse.urlsplit(self.path)
                if quay.status != 200:
                    return self.reply(quay.status, b"<html>down</html>")
                if where.path.startswith("/moved"):
                    return self.reply(302, b"", Location=self.path.removeprefix("/moved"))
                if where.path == BASE + "/tag/":
                    return self.reply(200, quay.page(urllib.parse.parse_qs(where.query)))
                found = quay.manifests.get(where.path.removeprefix(BASE + "/manifest/"))
                self.reply(200 if found else 404, json.dumps(found or {}).encode())

            def reply(self, status, body, **headers):
                packed = "gzip" in self.headers.get("Accept-Encoding", "") and status == 200
                body = gzip.compress(body) if packed else body
                self.send_response(status)
                for name, value in {"Content-Length": len(body), **({"Content-Encoding": "gzip"} if packed else {}), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def page(self, query):
        tags = [t for t in self.tags if t["name"] == query["specificTag"][0]] if "specificTag" in query else self.tags
        number, size = int(query.get("page", ["1"])[0]), int(query["limit"][0])
        part = tags[(number - 1) * size:number * size]
        return json.dumps({"tags": part, "page": number, "has_additional": number * size < len(tags)}).encode()

    def add(self, name, image_labels, many=False):
        image = digest(name)
        self.manifests[image] = {"digest": image, "is_manifest_list": False,
                                 "layers": [{"command": None}, *({"command": [f"/bin/sh -c #(nop) LABEL {key}={json.dumps(value)}"]} for key, value in image_labels.items())]}
        if many:
            both = digest(name + "list")
            self.manifests[both] = {"digest": both, "is_manifest_list": True, "manifest_data": json.dumps(
                {"manifests": [{"digest": digest("other"), "platform": {"architecture": "arm64"}}, {"digest": image, "platform": {"architecture": "amd64"}}]})}
            image = both
        self.tags.append({"name": name, "manifest_digest": image, "size": 1000, "last_modified": "Mon, 02 Jan 2006 15:04:05 -0000"})
        return image


class AtQuay(unittest.TestCase):
    def setUp(self):
        self.quay = self.enterContext(Quay())

    def host(self, *sets):
        return self.enterContext(Host(sets=["plugins.hub.plugin=registry-quay", f"plugins.hub.config.url={self.quay.url}", *sets]))

    def listed(self, host):
        answer = host.api("POST", "/scenarios", {"registry": "hub"})
        self.assertEqual(200, answer.status, answer)
        return answer.json["scenarios"]

    def test_pages_lists_and_labels(self):
        for i in range(250):
            self.quay.add(f"s{i:03}", labels(f"Scenario {i}"), many=i % 2 == 1)
        self.quay.add("plain", {"maintainer": "x"})
        self.quay.add("s000.sig", labels("Signature"))
        host = self.host()
        found = self.listed(host)
        self.assertEqual([f"s{i:03}" for i in range(250)], [one["name"] for one in found])
        self.assertEqual({"name": "s001", "digest": digest("s001list"), "size": 1000, "lastModified": "2006-01-02T15:04:05Z"}, found[1])
        self.assertEqual(3, sum("/tag/" in path for path in self.quay.asked))
        before = len(self.quay.asked)
        self.listed(host)
        detail = host.api("POST", "/scenarios/detail/s001", {"registry": "hub"}).json
        self.assertEqual([f["name"] for f in FIELDS], [f["name"] for f in detail["fields"]])
        self.assertEqual([f["name"] for f in GLOBALS], [f["name"] for f in host.api("POST", "/scenarios/globals/s001", {"registry": "hub"}).json["fields"]])
        self.assertEqual(before, len(self.quay.asked), "all of it was known")
        shown = host.api("GET", "/operon/v1/scenarios/s001?registry=hub").json
        self.assertEqual(self.quay.url.removeprefix("http://") + "/krkn-chaos/krkn-hub:s001", shown["reference"])

    def test_quay_is_away_and_comes_back(self):
        self.quay.add("one", labels("One"))
        host = self.host("plugins.hub.config.tagsSeconds=0")
        self.assertEqual(1, len(self.listed(host)))
        self.quay.status = 503
        self.assertEqual(1, len(self.listed(host)), "the list of before")
        self.assertIn("the list of tags is an old one", host.log_text())
        self.quay.status = 200
        self.quay.add("two", labels("Two"))
        self.assertEqual(2, len(self.listed(host)))

    def test_quay_was_never_there(self):
        self.quay.status = 500
        answer = self.host().api("POST", "/scenarios", {"registry": "hub"})
        self.assertEqual(502, answer.status)
        self.assertIn("Quay answered 500", answer.json["message"])

    def test_what_makes_no_sense(self):
        self.quay.add("good", labels("Good"))
        self.quay.add("deep", labels("Deep", **{"krknctl.input_fields": "[" * 10_000 + "]" * 10_000}))
        self.quay.add("large", labels("Large", **{"krknctl.description": "x" * (2 << 20)}))
        self.quay.add("vast", labels("Vast", **{"krknctl.description": "x" * (10 << 20)}))
        host = self.host()
        self.assertEqual(["good"], [one["name"] for one in self.listed(host)])
        for name, words in (("deep", "nested deeper than 16"), ("large", "label krknctl.description is larger than 1024 KiB"), ("vast", "larger than 8")):
            refused = host.api("POST", f"/scenarios/detail/{name}", {"registry": "hub"})
            self.assertEqual(502, refused.status, refused)
            self.assertIn(words, refused.text)
            self.assertIn(f'"tag":"{name}"', host.log_text())

    def test_a_page_of_nothing_is_followed(self):
        self.quay.add("one", labels("One"))
        pages = [{"tags": [{"name": "no tag"}, 5], "has_additional": True}, {"tags": [], "has_additional": True}, {"tags": self.quay.tags}]
        self.quay.page = lambda query: json.dumps(pages[int(query["page"][0]) - 1]).encode()
        self.assertEqual(["one"], [one["name"] for one in self.listed(self.host())])

    def test_lists_that_never_end_and_pages_that_are_none(self):
        self.quay.add("one", labels("One"))
        again, page = self.quay.page, iter(range(10**6))
        for body, words in ((lambda query: again({**query, "page": ["1"]}).replace(b"false}", b"true}"), "has no end"),
                            (lambda _: b'{"tags":[],"has_additional":true}', "has no end"),
                            (lambda _: json.dumps({"tags": [{"name": f"t{next(page)}", "manifest_digest": digest("x")}], "has_additional": True}).encode(), "more than 50 tags"),
                            (lambda _: b"<html>log in</html>", "is not JSON")):
            self.quay.page = body
            refused = self.host("plugins.hub.config.tagsMax=50").api("POST", "/scenarios", {"registry": "hub"})
            self.assertEqual(502, refused.status, refused)
            self.assertIn(words, refused.text)

    def test_an_absent_tag_and_a_name_that_is_none(self):
        self.quay.add("one", labels("One"))
        host = self.host()
        for name in ("absent", "..", "a%20b", "sha256:..%2F..%2Fx", "sha256:" + "0" * 63 + "%3F"):
            self.assertIn(host.api("POST", f"/scenarios/detail/{name}", {"registry": "hub"}).status, (400, 404), name)
        self.assertFalse([path for path in self.quay.asked if "/manifest/" in path], "nothing but digests is asked for")
        refused = host.api("POST", "/scenarios", {"registryUrl": "x", "scenarioRepository": "y", "registry": "hub"})
        self.assertIn(refused.status, (400, 422), refused)


if __name__ == "__main__":
    unittest.main(verbosity=2)
