"""operond from its start to its end: readiness, the state folder's lock, reload, signals."""

import os
import signal
import stat
import time
import unittest

from operon_harness import Host, until


class Life(unittest.TestCase):
    def test_start_tells_where_it_serves_and_stop_is_in_order(self):
        with Host() as host:
            log = host.log_text()
            self.assertIn(f"ready: REST on http://127.0.0.1:{host.port}", log)
            self.assertEqual(host.api("GET", "/health").json, {"status": "healthy"})
            self.assertEqual(stat.S_IMODE(os.stat(host.state).st_mode), 0o700)
            for folder, _, files in os.walk(host.state):
                for file in files:
                    self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, file)).st_mode) & 0o077, 0, file)
            self.assertEqual(host.terminate(), 0)
            self.assertIn('"stopped"', host.log_text())

    def test_the_second_host_on_a_state_folder_is_refused(self):
        with Host() as first:
            second = Host(state=first.state)
            try:
                second.start(ready=False)
                self.assertEqual(second.process.wait(20), 1)
                self.assertIn(f"state_dir: {first.state} is in use by another operond (process {first.process.pid})", second.log_text())
            finally:
                second.remove()
            self.assertEqual(first.api("GET", "/health").status, 200)

    def test_a_port_that_is_taken_is_named(self):
        with Host() as first:
            second = Host(args=["--listen", f"127.0.0.1:{first.port}"])
            try:
                second.start(ready=False)
                self.assertEqual(second.process.wait(20), 1)
                self.assertIn(f"127.0.0.1:{first.port}", second.log_text())
                self.assertIn("in use", second.log_text())
            finally:
                second.remove()

    def test_reload_takes_up_what_it_can_and_says_what_it_could_not(self):
        config = "log: {level: info}\nplugins:\n  registry-dir: {}\n  target-file: {config: {localhost: true}}\n"
        with Host(config=config) as host:
            file = host.folder / "operond.yaml"
            file.write_text("log: {level: debug}\nprobe_listen: 127.0.0.1:1\njobs: {queued_max: 5}\n"
                            "plugins:\n  registry-dir: {}\n  target-file: {config: {localhost: false}}\n")
            host.process.send_signal(signal.SIGHUP)
            until("the reload is done", lambda: "reload: done" in host.log_text())
            log = host.log_text()
            self.assertRegex(log, r"reload: taken up.*log\.level")
            self.assertRegex(log, r"reload: needs a restart.*jobs\.queued_max")
            self.assertNotRegex(log, r"needs a restart.*probe_listen", "the flag counts, before and after")
            self.assertRegex(log, r"reload: instance reconfigured.*target-file")
            self.assertEqual(host.metric("operon_config_reloads_total", 'outcome="part"'), 1)

            file.write_text("lgo: {}\n")
            host.process.send_signal(signal.SIGHUP)
            until("the reload is refused", lambda: "the old one stays in force" in host.log_text())
            self.assertIn('unknown key \\"lgo\\"; did you mean \\"log\\"?', host.log_text())
            self.assertEqual(host.api("GET", "/health").status, 200)

            file.write_text(config.replace("true", "maybe"))
            host.process.send_signal(signal.SIGHUP)
            until("the instance refuses", lambda: "keeps its old configuration" in host.log_text())
            self.assertEqual(host.api("GET", "/health").status, 200)

    def test_a_second_signal_ends_at_once(self):
        with Host() as host:
            os.kill(host.process.pid, signal.SIGSTOP)  # both signals are there before either is taken
            host.process.send_signal(signal.SIGTERM)
            host.process.send_signal(signal.SIGINT)
            begin = time.monotonic()
            os.kill(host.process.pid, signal.SIGCONT)
            code = host.process.wait(10)
            self.assertLess(time.monotonic() - begin, 5)
            self.assertEqual(code, 1)
            self.assertIn("a second signal: ending at once", host.log_text())

    def test_unready_while_it_drains_and_new_runs_are_refused(self):
        with Host(args=["--drain-seconds-max", "10"]) as host:
            host.scenario("sleeper", "title: s\ndescription: s\nfields: []\nrun: {argv: [/bin/sleep, '60']}\n")
            job = host.run("sleeper")
            host.wait_status(job, "Running")
            self.assertEqual(host.terminate(), 0)
            host.restart()
            self.assertEqual(host.status(job), "Running", "a run outlives the host")

    def test_a_refused_required_instance_is_unready_by_name_and_others_are_not(self):
        with Host(sets=["plugins.other.plugin=no-such-plugin"]) as host:
            listed = {p["name"]: p for p in host.api("GET", "/operon/v1/plugins").json["plugins"]}
            self.assertEqual(listed["other"]["state"], "refused")
            self.assertIn("no-such-plugin", listed["other"]["reason"])
        host = Host(sets=["plugins.other.plugin=no-such-plugin", "plugins.other.required=true"])
        try:
            host.start(ready=False)
            until("REST serves", lambda: "ready: REST" in host.log_text())
            answer = host.probe("/readyz")
            self.assertEqual(answer.status, 503)
            self.assertIn("[-]plugins failed: other is refused: plugin 'no-such-plugin'", answer.text)
            self.assertEqual(host.probe("/livez").status, 200)
        finally:
            host.remove()

    def test_frozen_is_not_unready(self):
        with Host() as host:
            self.assertEqual(host.api("POST", "/operon/v1/freeze", {"reason": "test"}).status, 200)
            self.assertEqual(host.probe("/readyz").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
