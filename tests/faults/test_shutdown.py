"""Fault 36: SIGTERM with 1,000 runs and 500 streams."""

import resource
import socket
import time
import unittest

from operon_harness import Host, until

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


class Shutdown(unittest.TestCase):
    def test_fault_36_a_thousand_runs_five_hundred_streams(self):
        with Host(sets=["jobs.running_per_target_max=2000", "jobs.running_per_runner_max=2000"]) as host:
            host.scenario("sleeper", "title: s\ndescription: s\nfields: []\nrun: {argv: [/bin/sleep, '600']}\n")
            jobs = [host.run("sleeper") for _ in range(1000)]
            until("all run", lambda: len(host.jobs("?status=Running")) == 1000, 60)
            self.assertLess(host.thread_count(), 64)
            self.assertLess(host.resident_bytes(), 100 << 20)
            streams = []
            for i in range(500):
                s = socket.create_connection(("127.0.0.1", host.port))
                s.settimeout(40)
                path = f"/scenarios/run/{jobs[i]}/logs?follow=true" if i % 2 else "/operon/v1/jobs/events"
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\n\r\n".encode())
                streams.append(s)
                self.assertTrue(s.recv(12).startswith(b"HTTP/1.1 200"), "one after the other: asked all at once the host sheds load, which is another case")
            begin = time.monotonic()
            code = host.terminate()
            took = time.monotonic() - begin
            self.assertEqual(code, 0)
            self.assertLess(took, 25, "within the grace time")
            ends = []
            for s in streams:
                data = b""
                while got := s.recv(65536):
                    data += got
                ends.append(data)
            self.assertTrue(all(e.endswith(b"0\r\n\r\n") for e in ends), "every stream came to a proper end")
            self.assertTrue(all(b"stopping" in e for e in ends), "and was told why")
            host.restart()
            self.assertEqual(len(host.jobs("?status=Running")), 1000, "the runs went on")
            frozen = host.api("POST", "/operon/v1/freeze", {"reason": "end of the test", "stopAll": True}, timeout=120)
            self.assertEqual(frozen.status, 200, frozen)
            self.assertEqual(frozen.json["stopped"], 1000)
            until("all have ended", lambda: not host.jobs("?status=Running"), 60)


if __name__ == "__main__":
    unittest.main(verbosity=2)
