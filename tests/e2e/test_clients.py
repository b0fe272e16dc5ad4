"""The same run by curl, by a Python client, over a WebSocket and by server-sent events; the smoke script over all of it."""

import base64
import hashlib
import json
import os
import socket
import subprocess
import unittest

from operon_harness import BUILD, SOURCE, Host


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(scenarios=SOURCE / "config" / "scenarios").start()
        cls.url = f"http://127.0.0.1:{cls.host.port}"

    @classmethod
    def tearDownClass(cls):
        cls.host.remove()

    def test_curl(self):
        body = json.dumps(self.host.run_body("hello"))
        out = subprocess.run(["curl", "-fsS", f"{self.url}/scenarios/run", "-H", "Content-Type: application/json", "-d", body], capture_output=True, text=True, check=True).stdout
        job = json.loads(out)["jobId"]
        log = subprocess.run(["curl", "-fsSN", f"{self.url}/scenarios/run/{job}/logs?follow=true"], capture_output=True, check=True).stdout
        self.assertTrue(log)
        self.assertEqual(self.host.wait_ended(job)["status"], "Succeeded")
        self.assertEqual(self.host.logs(job), log)

    def test_python_example(self):
        out = subprocess.run(["python3", str(SOURCE / "docs/examples/run_scenario.py"), "hello"], capture_output=True, text=True, env={**os.environ, "OPERON_SERVER": self.url})
        self.assertEqual(out.returncode, 0, out)
        self.assertIn("Succeeded", out.stdout)

    def test_smoke_script(self):
        out = subprocess.run([str(SOURCE / "tests/smoke/api_workflow.sh"), self.url], capture_output=True, text=True, env={**os.environ, "PATH": f"{BUILD / 'bin'}:{os.environ['PATH']}"})
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)

    def test_websocket(self):
        job = self.host.run("hello")
        key = base64.b64encode(os.urandom(16)).decode()
        s = socket.create_connection(("127.0.0.1", self.host.port))
        s.settimeout(30)
        s.sendall((f"GET /scenarios/run/{job}/logs?follow=true HTTP/1.1\r\nHost: 127.0.0.1:{self.host.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        stream = s.makefile("rb")
        self.assertIn(b" 101 ", stream.readline())
        headers = b""
        while (line := stream.readline()) not in (b"\r\n", b""):
            headers += line
        self.assertIn(base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()), headers)
        lines, code = [], None
        while code is None:
            first, second = stream.read(2)
            length = second & 0x7F
            if length == 126:
                length = int.from_bytes(stream.read(2), "big")
            payload = stream.read(length)
            if first & 0xF == 1:
                lines.append(payload)
            elif first & 0xF == 8:
                code = int.from_bytes(payload[:2], "big")
        self.assertEqual(code, 1000)
        self.assertEqual(b"".join(line + b"\n" for line in lines), self.host.logs(job))

    def test_events_resume(self):
        def events(last=None, count=1):
            s = socket.create_connection(("127.0.0.1", self.host.port))
            s.settimeout(30)
            extra = f"Last-Event-ID: {last}\r\n" if last else ""
            s.sendall(f"GET /operon/v1/jobs/events HTTP/1.1\r\nHost: 127.0.0.1:{self.host.port}\r\n{extra}\r\n".encode())
            stream, found, event = s.makefile("rb"), [], {}
            if last is None:
                self.job = self.host.run("hello")
            while len(found) < count:
                line = stream.readline().rstrip(b"\r\n")
                key, _, value = line.partition(b": ")
                if key in (b"id", b"event", b"data"):
                    event[key.decode()] = value.decode()
                elif line == b"" and event:
                    if event.get("event") == "job":
                        found.append(event)
                    event = {}
            s.close()
            return found
        seen = events(count=3)
        self.assertEqual([e["event"] for e in seen], ["job"] * 3)
        self.assertEqual(json.loads(seen[-1]["data"])["jobId"], self.job)
        ids = [int(e["id"]) for e in seen]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual([e["id"] for e in events(last=ids[0], count=2)], [e["id"] for e in seen[1:]])

    def test_a_web_page_cannot_start_a_fault(self):
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
            answer = self.host.api("POST", "/scenarios/run", self.host.run_body("hello"), headers)
            self.assertIn(answer.status, (403, 421), answer)
            self.assertIn("error", answer.json)


if __name__ == "__main__":
    unittest.main(verbosity=2)
