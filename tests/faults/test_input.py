"""Faults 17 and 18: bodies and YAML that mean harm."""

import json
import socket
import subprocess
import time
import unittest

from operon_harness import BUILD, Host


class Bodies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host().start()
        cls.host.shell_scenario("short", "echo done")
        cls.host.targets()

    @classmethod
    def tearDownClass(cls):
        cls.host.remove()

    def post(self, body, status, word=None):
        begin = time.monotonic()
        answer = self.host.api("POST", "/scenarios/run", body)
        self.assertEqual(answer.status, status, answer)
        if word:
            self.assertIn(word, answer.json["message"])
        self.assertLess(time.monotonic() - begin, 5)
        return answer

    def test_fault_17_sixty_four_megabytes(self):
        before = self.host.resident_bytes()
        with socket.create_connection(("127.0.0.1", self.host.port)) as s:
            s.sendall(f"POST /scenarios/run HTTP/1.1\r\nHost: 127.0.0.1:{self.host.port}\r\nContent-Length: {64 << 20}\r\n\r\n".encode())
            s.settimeout(10)
            self.assertIn(b" 413 ", s.recv(4096).split(b"\r\n")[0], "refused before it was sent")
        chunked = socket.create_connection(("127.0.0.1", self.host.port))
        chunked.settimeout(20)
        chunked.sendall(f"POST /scenarios/run HTTP/1.1\r\nHost: 127.0.0.1:{self.host.port}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        answer, cut = b"", False
        try:
            for _ in range(64):
                chunked.sendall(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n")
        except OSError:
            cut = True
        try:
            answer = chunked.recv(4096)
        except OSError:
            pass
        self.assertTrue(cut or answer, "64 MB were taken in without a word")
        self.assertTrue(answer == b"" or b" 413 " in answer.split(b"\r\n")[0], answer[:200])
        self.assertLess(self.host.resident_bytes() - before, 80 << 20)

    def test_fault_17_deep_json(self):
        self.post(b"[" * 1_000_000, 400, "nested deeper")
        deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
        self.post(deep, 400, "nested deeper")
        whole = json.dumps(self.host.run_body("short")).encode()
        self.post(whole[:-1] + b', "extra": ' + deep + b"}", 400, "nested deeper")

    def test_fault_17_numbers_keys_bytes(self):
        target = self.host.targets()
        whole = json.dumps(self.host.run_body("short"))
        self.post(whole[:-1].encode() + b', "timeoutSeconds": 1e400}', 400)
        self.post(whole[:-1].encode() + b', "timeoutSeconds": 99999999999999999999999999}', 400)
        self.post(whole[:-1].encode() + b', "timeoutSeconds": -5}', 422, "timeoutSeconds")
        self.post(whole[:-1].encode() + b', "timeoutSeconds": "5"}', 400, "timeoutSeconds")
        self.post(whole[:-1].encode() + b', "targetId": "again"}', 400, "targetId")
        self.post(whole.encode()[:-1] + b', "x": "\xff\xfe"}', 400)
        self.post(whole.encode() + b" trailing", 400)
        self.post(b"", 400)
        self.post(b"null", 400)
        self.post(b"[]", 400)
        self.post(json.dumps(self.host.run_body("short", environment={"A": 1})).encode(), 400, "environment")
        self.post(json.dumps(self.host.run_body("short", environment=[])).encode(), 400, "environment")
        self.post(json.dumps({**self.host.run_body("short"), "clusterName": 7}).encode(), 400, "clusterName")
        self.post(json.dumps(self.host.run_body("short", files=[{"name": "f", "content": "not base64!", "mountPath": "/a"}])).encode(), 400)
        self.post(json.dumps({**self.host.run_body("short"), "clusterName": "local\0host"}).encode(), 400, "NUL")
        self.assertEqual(self.host.api("GET", "/health").status, 200)
        self.assertTrue(target)

    def test_fault_17_query_strings(self):
        for query in ("?limit=x", "?limit=-1", "?limit=99999999999999999999", "?continue=nonsense", "?%", "?a=%zz", "?a=%00"):
            with self.subTest(query=query):
                self.assertIn(self.host.api("GET", "/scenarios/run" + query).status, (200, 400))
        self.assertEqual(self.host.api("GET", "/scenarios/run?limit=x").status, 400)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9))


class Yaml(unittest.TestCase):
    def check_config(self, text):
        file = self.host.folder / "bomb.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        begin = time.monotonic()
        result = subprocess.run(["prlimit", f"--as={2 << 30}", str(BUILD / "bin" / "operond"), "--check-config", "--config", str(file)],
                                capture_output=True, text=True, timeout=30)
        self.assertLess(time.monotonic() - begin, 10)
        return result

    def setUp(self):
        self.host = Host()
        self.addCleanup(self.host.remove)

    def test_fault_18_alias_bomb_in_the_configuration(self):
        result = self.check_config(BOMB)
        self.assertEqual(result.returncode, 1, result)
        self.assertIn("bomb.yaml", result.stderr + result.stdout)

    def test_fault_18_depth_and_size(self):
        for text in ("[" * 100_000, "a: " + "{b: " * 50_000, "- " * 50_000, b"\xff\xfe\x00", "x" * (64 << 20)):
            with self.subTest(size=len(text)):
                self.assertEqual(self.check_config(text).returncode, 1)

    def test_fault_18_alias_bomb_in_a_kubeconfig(self):
        bomb = self.host.folder / "kubeconfig"
        bomb.write_text("apiVersion: v1\nkind: Config\n" + BOMB)
        self.host.sets.append(f"plugins.target-file.config.kubeconfigs[0]={bomb}")
        self.host.start()
        clusters = self.host.api("GET", f"/clusters?id={self.host.targets()}").json["targetData"]["target-file"]
        self.assertEqual([c["cluster-name"] for c in clusters], ["localhost"], "the bad file is left out, the rest serves")
        self.assertIn(str(bomb), self.host.log_text())
        self.assertLess(self.host.resident_bytes(), 200 << 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
