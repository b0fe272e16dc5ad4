"""Fault 30: a data provider that hangs, restarts, has 200,000 nodes to tell of. The provider is the real one, the clusters behind it are played."""

import json
import signal
import subprocess
import threading
import time
import unittest

from operon_harness import BUILD, Host, until
from played_api_server import ApiServer

NODES = 200_000
CALL_SECONDS = 10  # the deadline of one GET /nodes
REST_SECONDS_MAX = 2  # what everything else may take meanwhile
RESIDENT_MB_MAX = 128
READY = "[+]data provider ok"


class DataProvider(unittest.TestCase):
    def setUp(self):
        self.host = Host()
        self.addCleanup(self.host.remove)
        self.address = f"unix:{self.host.folder}/dp.sock"
        self.cluster = ApiServer()
        self.addCleanup(self.cluster.close)
        self.provider = None

    def begin(self, **others):
        file = self.host.folder / "kubeconfig"
        file.write_text(json.dumps(self.cluster.kubeconfig(**others)))
        self.host.args += ["--data-provider-address", self.address]
        self.host.sets += [f"plugins.target-file.config.kubeconfigs[0]={file}"]
        self.start_provider()
        self.host.start()
        until("the provider is found", lambda: READY in self.host.probe("/readyz").text)
        self.host.scenario("hello", "title: h\ndescription: h\nfields: []\nrun: {argv: [/bin/echo, hello]}\n")
        self.host.targets()

    def start_provider(self):
        self.provider = subprocess.Popen([BUILD / "bin" / "operon-data-provider", "--listen", self.address, "--log-level", "warn"])
        self.addCleanup(self.end_provider, self.provider)

    @staticmethod
    def end_provider(provider):
        provider.kill()
        provider.wait()

    def nodes(self, cluster="c"):
        return self.host.api("GET", f"/nodes?id={self.host.targets()}&cluster-name={cluster}", timeout=60)

    def many(self, count, cluster="c"):
        """Callers all at once; what each was answered, and when."""
        answers = []

        def ask():
            began = time.monotonic()
            answer = self.nodes(cluster)
            answers.append((answer, time.monotonic() - began))
        threads = [threading.Thread(target=ask, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        return answers, threads

    def rest_is_up(self):
        """Runs start and are listed, at once, and the host is live and ready."""
        for ask in (lambda: self.host.post_run("hello"), lambda: self.host.api("GET", "/scenarios/run"), lambda: self.host.api("GET", "/health")):
            began = time.monotonic()
            answer = ask()
            self.assertLess(time.monotonic() - began, REST_SECONDS_MAX, answer)
            self.assertIn(answer.status, (200, 201), answer)
        self.assertEqual((self.host.probe("/livez").status, self.host.probe("/readyz").status), (200, 200))

    def test_fault_30_two_hundred_thousand_nodes(self):
        self.cluster.names = [f"n{number:06}" for number in range(NODES)]
        self.begin()
        answers, threads = self.many(4)
        while any(thread.is_alive() for thread in threads):
            self.rest_is_up()
        for answer, _ in answers:
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json["nodes"], self.cluster.names)
        self.assertLess(self.host.resident_bytes("VmHWM"), RESIDENT_MB_MAX << 20)

    def test_fault_30_more_than_an_answer_may_hold_is_said_and_is_nobodys_fault(self):
        self.cluster.names = [f"ip-10-{number >> 8 & 255}-{number & 255}-{number >> 16}.eu-central-1.compute.internal" for number in range(NODES)]
        self.begin()
        for _ in range(4):
            answer = self.nodes()
            self.assertEqual((answer.status, answer.json["error"]), (429, "too_many_requests"), answer)
        self.assertIn("answer_bytes_max", answer.json["message"])
        self.assertIn(READY, self.host.probe("/readyz").text)
        self.cluster.names = ["one"]
        self.assertEqual(self.nodes().json, {"nodes": ["one"]})

    def test_fault_30_one_that_hangs(self):
        """Many ask at once: each has its answer within the deadline, the others of the API do not wait for that, and then nobody does."""
        self.begin()
        self.provider.send_signal(signal.SIGSTOP)
        answers, threads = self.many(40)
        while any(thread.is_alive() for thread in threads):
            self.rest_is_up()
        self.assertEqual(len(answers), 40)
        for answer, took in answers:
            self.assertIn(answer.status, (429, 502, 504), answer)
            self.assertLess(took, CALL_SECONDS + REST_SECONDS_MAX)
        self.assertTrue(all("Retry-After" in answer.headers for answer, _ in answers if answer.status == 429))
        until("nobody waits any more", lambda: "[-]data provider failed" in self.host.probe("/readyz").text and self.refused_at_once())
        self.provider.send_signal(signal.SIGCONT)
        until("nodes are listed again", lambda: self.nodes().status == 200, 60)
        self.assertIn(READY, self.host.probe("/readyz").text)

    def refused_at_once(self):
        began = time.monotonic()
        answer = self.nodes()
        self.assertEqual(answer.status, 502, answer)
        return "Retry-After" in answer.headers and time.monotonic() - began < 1

    def test_fault_30_a_cluster_that_hangs_is_not_the_provider(self):
        """Its callers wait for their deadline; the other clusters' callers do not, and neither does the rest of the API."""
        hung = ApiServer()
        self.addCleanup(hung.close)
        hung.open.clear()
        self.begin(hung=hung.url)
        answers, threads = self.many(40, "hung")
        until("it was asked", lambda: hung.asked)
        while any(thread.is_alive() for thread in threads):
            self.rest_is_up()
            self.assertEqual(self.nodes().status, 200)
        for answer, took in answers:
            self.assertIn(answer.status, (429, 502, 504), answer)
            self.assertLess(took, CALL_SECONDS + REST_SECONDS_MAX)
        self.assertIn(READY, self.host.probe("/readyz").text)
        self.assertEqual(self.nodes().status, 200)

    def test_fault_30_one_that_is_killed_and_started_again_under_load(self):
        self.begin()
        for _ in range(3):
            answers, threads = self.many(20)
            self.end_provider(self.provider)
            for thread in threads:
                thread.join()
            for answer, took in answers:
                self.assertIn(answer.status, (200, 429, 502), answer)
                self.assertLess(took, CALL_SECONDS)
            self.rest_is_up()
            self.start_provider()
            until("nodes are listed again", lambda: self.nodes().status == 200, 60)


if __name__ == "__main__":
    unittest.main(verbosity=2)
