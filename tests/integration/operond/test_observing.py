"""Probes, metrics, idle cost."""

import shutil
import subprocess
import unittest

from operon_harness import Host, free_port


class Observing(unittest.TestCase):
    def test_probes_answer_with_named_checks(self):
        with Host() as host:
            for path in ("/livez", "/healthz", "/readyz", "/readyz?verbose"):
                self.assertEqual(host.probe(path).status, 200, path)
            self.assertEqual(host.probe("/readyz?verbose").text, "[+]serving ok\n[+]plugins ok\n[+]store ok\nreadyz check passed\n")
            self.assertEqual(host.probe("/nothing").status, 404)
            self.assertEqual(host.api("GET", "/metrics").status, 404, "not on the API's listener")

    def test_metrics_please_promtool(self):
        self.assertIsNotNone(shutil.which("promtool"), "promtool is missing: scripts/install-dependencies test")
        with Host() as host:
            host.scenario("hi", "title: h\ndescription: h\nfields: []\nrun: {argv: [/bin/echo, hi]}\n")
            host.wait_ended(host.run("hi"))
            host.api("GET", "/nothing")
            text = host.probe("/metrics").text
            checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=60)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
            for name in ("operon_build_info", "operon_process_resident_memory_bytes", "operon_process_cpu_seconds_total", "operon_start_duration_seconds"):
                self.assertGreater(host.metric(name), 0, name)
            self.assertAlmostEqual(host.metric("operon_process_resident_memory_bytes"), host.resident_bytes(), delta=8 << 20)
            self.assertEqual(host.metric("operon_process_threads"), host.thread_count())

    def test_metrics_listener_of_their_own(self):
        port = free_port()
        with Host(args=["--metrics-bind-address", f"127.0.0.1:{port}"]) as host:
            self.assertIn("operon_build_info", host.api("GET", "/metrics", port=port).text)
            self.assertEqual(host.api("GET", "/readyz", port=port).status, 404, "metrics alone")


if __name__ == "__main__":
    unittest.main(verbosity=2)
