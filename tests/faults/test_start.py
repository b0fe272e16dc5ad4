"""Faults 3, 20, 21, 22: starting a run once, and only as data."""

import base64
import unittest
from concurrent.futures import ThreadPoolExecutor

from operon_harness import Host

ECHO = """
title: Echo
description: prints one value
fields:
  - {name: value, type: string, variable: VALUE, default: none}
run: {argv: [/bin/echo, "value=$(VALUE)"]}
"""


class Start(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(sets=["jobs.running_per_target_max=50"]).start()
        cls.host.scenario("echo", ECHO)

    @classmethod
    def tearDownClass(cls):
        cls.host.remove()

    def test_fault_03_one_key_hundred_parallel_posts(self):
        self.host.shell_scenario("once", "echo started >> \"$TMPDIR/../../../../once.txt\"; echo ran")
        self.host.targets()
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: self.host.post_run("once", {"Idempotency-Key": "one-key"}), range(100)))
        self.assertEqual({a.status for a in answers}, {201}, answers[:3])
        self.assertEqual(len({a.text for a in answers}), 1, "every caller gets the same answer")
        job = answers[0].json["jobId"]
        self.assertEqual(len([j for j in self.host.jobs() if j["jobId"] == job]), 1)
        self.host.wait_ended(job)
        self.assertEqual(self.host.logs(job).count(b"ran"), 1, "it ran once")
        other = self.host.post_run("once", {"Idempotency-Key": "one-key"}, timeoutSeconds=77)
        self.assertEqual((other.status, other.json["error"]), (422, "unprocessable"))
        self.assertEqual(self.host.post_run("once", {"Idempotency-Key": "one-key"}).json["jobId"], job, "also after its end")

    def test_fault_20_values_are_data(self):
        hostile = ["$(touch /tmp/operon-pwned)", "; reboot", "a\nb", "-rf", "`id`", "$VALUE", "$(VALUE)", "'\"\\", "$$(VALUE)", "日本 ☃"]
        for value in hostile:
            with self.subTest(value=value):
                job = self.host.run("echo", environment={"VALUE": value})
                ended = self.host.wait_ended(job)
                self.assertEqual(ended["status"], "Succeeded", ended)
                self.assertEqual(self.host.logs(job), b"value=" + value.encode() + b"\n")

    def test_fault_20_dangerous_and_undeclared_variables_are_refused(self):
        for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "BASH_ENV", "GCONV_PATH", "PATH", "UNDECLARED"):
            with self.subTest(name=name):
                answer = self.host.post_run("echo", environment={name: "/tmp/x.so"})
                self.assertEqual(answer.status, 422, answer)
                self.assertIn(name, answer.json["message"])

    def test_fault_21_mount_paths(self):
        content = base64.b64encode(b"x").decode()
        for path in ("../../etc/cron.d/x", "/a/../../etc/x", "relative", "/proc/self/mem", "/sys/x", "/var/run/secrets/kubernetes.io/serviceaccount/token", "/", ""):
            with self.subTest(path=path):
                answer = self.host.post_run("echo", files=[{"name": "f", "content": content, "mountPath": path}])
                self.assertIn(answer.status, (400, 422), answer)
                self.assertNotIn("x.so", answer.text)
        fine = self.host.post_run("echo", files=[{"name": "f", "content": content, "mountPath": "/var/data/f"}])
        self.assertEqual(fine.status, 201, fine)

    def test_fault_22_names_are_given_back_exactly(self):
        self.host.targets()
        for name in ("a,b", "x" * 64, "UPPER.Case", "snowman ☃", "with \"quotes\" and \\", "a=b&c=d", "x" * 253):
            with self.subTest(name=name):
                body = self.host.run_body("echo")
                body["scenarioName"] = name
                answer = self.host.api("POST", "/scenarios/run", body)
                self.assertEqual(answer.status, 201, answer)
                job = answer.json["jobId"]
                self.assertEqual(self.host.job(job)["scenarioName"], name)
                from urllib.parse import quote
                self.assertEqual([j["jobId"] for j in self.host.jobs(f"?scenarioName={quote(name, safe='')}")], [job])
                self.host.wait_ended(job)

    def test_required_fields_in_order(self):
        body = {}
        for field, value in (("targetId", self.host.targets()), ("clusterName", "localhost"), ("scenarioImage", "dir://echo"), ("scenarioName", "echo")):
            answer = self.host.api("POST", "/scenarios/run", body)
            self.assertEqual((answer.status, answer.json["message"]), (400, f"{field} is required"))
            body[field] = value
        self.assertEqual(self.host.api("POST", "/scenarios/run", body).status, 201)


if __name__ == "__main__":
    unittest.main(verbosity=2)
