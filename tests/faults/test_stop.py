"""Fault 16: stopping while pending, finished, twice, and across a crash of the host; nothing that a run started survives its stop."""

import pathlib
import unittest

from operon_harness import Host, until


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Stop(unittest.TestCase):
    def setUp(self):
        self.host = Host(sets=["jobs.running_per_target_max=1"]).start()
        self.addCleanup(self.host.remove)
        self.mark = self.host.folder / "undone"
        self.host.shell_scenario("sleeper", "echo up; exec sleep 600", revert=f"echo undone >> {self.mark}; echo reverted")
        self.host.shell_scenario("short", "echo done")

    def stop(self, job):
        answer = self.host.api("DELETE", f"/scenarios/run/{job}")
        self.assertEqual((answer.status, answer.json["status"]), (200, "Stopped"), answer)
        self.assertEqual(answer.json["message"], "Job stopped and deleted successfully")
        return answer.json

    def test_fault_16_stop_while_waiting_in_line(self):
        first = self.host.run("sleeper")
        second = self.host.run("sleeper")
        self.assertIn("localhost", self.host.wait_status(second, "Pending")["message"])
        self.stop(second)
        self.assertEqual(self.host.status(second), "Stopped")
        self.host.wait_status(first, "Running")
        self.stop(first)
        self.assertEqual(self.mark.read_text().count("undone"), 1, "what never started is not undone")

    def test_fault_16_stop_twice_is_the_same_answer(self):
        job = self.host.run("sleeper")
        self.host.wait_status(job, "Running")
        first, second = self.stop(job), self.stop(job)
        self.assertEqual(first["jobId"], second["jobId"])
        self.assertEqual(self.host.status(job), "Stopped")
        self.assertEqual(self.mark.read_text().count("undone"), 1, "undone once")
        self.assertIn(b"reverted", self.host.logs(job))

    def test_fault_16_stop_of_a_finished_run_keeps_the_true_end(self):
        job = self.host.run("short")
        self.assertEqual(self.host.wait_ended(job)["status"], "Succeeded")
        self.stop(job)
        self.assertEqual(self.host.status(job), "Succeeded")
        self.assertEqual(self.host.logs(job), b"done\n", "the log stays")

    def test_fault_16_a_stop_is_latched_across_a_crash(self):
        job = self.host.run("sleeper")
        self.host.wait_status(job, "Running")
        self.host.kill()
        self.host.start(env={"OPERON_CRASH_AT": "stop.latched"})
        try:
            self.host.api("DELETE", f"/scenarios/run/{job}", timeout=10)
        except OSError:
            pass  # the host died in the middle, as asked
        except Exception as e:
            self.assertIn("RemoteDisconnected", type(e).__name__)
        self.host.process.wait(20)
        self.host.restart()
        self.assertEqual(self.host.wait_ended(job)["status"], "Stopped", "nobody had to ask again")
        self.assertEqual(self.mark.read_text().count("undone"), 1)

    def test_a_stop_that_takes_long_does_not_count_against_its_runner(self):
        """What undoes a run may take minutes: the call that asked for the stop ends before, and is no reason to put the runner aside."""
        self.host.terminate()
        self.host.sets += ["jobs.running_per_target_max=2", "jobs.stop_grace_seconds=0", "plugin_limits.stuck_calls_max=1"]
        self.host.start()
        undo = self.host.folder / "undo"
        self.host.shell_scenario("thorough", "echo up; exec sleep 600", revert=f"while [ ! -e {undo} ]; do sleep 0.05; done; echo undone")
        job = self.host.run("thorough")
        self.host.wait_status(job, "Running")
        self.assertEqual(self.host.api("DELETE", f"/scenarios/run/{job}").status, 202)
        said = until("the call has ended", lambda: "no answer" in (words := self.host.job(job).get("message", "")) and words, seconds=60)
        self.assertEqual(said, "being stopped; the runner has not confirmed it yet: no answer within 30 s. "
                               "What undoes the run may still be at work (the run's log tells); the runner is asked again")
        self.host.shell_scenario("long-enough", "sleep 1.5")  # longer than plugin_limits.stuck_after_ms
        self.assertEqual(self.host.wait_ended(self.host.run("long-enough"))["status"], "Succeeded")
        self.assertNotIn("is stuck", self.host.log_text())
        undo.touch()
        self.assertEqual(self.host.wait_ended(job)["status"], "Stopped")
        self.assertIn(b"undone", self.host.logs(job))

    def test_everything_that_a_run_started_ends_with_it(self):
        pids = self.host.folder / "pids"
        self.host.shell_scenario("escapee", f"(setsid sleep 601 & echo $! >> {pids}); setsid sh -c 'trap \"\" TERM; echo $$ >> {pids}; while :; do sleep 1; done' & "
                                            f"echo $$ >> {pids}; trap '' TERM; while :; do sleep 1; done")
        job = self.host.run("escapee")
        started = until("three processes", lambda: pids.exists() and len(pids.read_text().split()) >= 3 and [int(p) for p in pids.read_text().split()])
        self.assertTrue(all(alive(p) for p in started), "or the test shows nothing")
        self.stop(job)
        self.assertEqual([p for p in started if alive(p)], [])

    def test_time_limit(self):
        job = self.host.run("sleeper", timeoutSeconds=1)
        ended = self.host.wait_ended(job)
        self.assertEqual(ended["status"], "Failed")
        self.assertIn("time limit", ended["message"])
        self.assertEqual(self.mark.read_text().count("undone"), 1, "undone at the time limit too")

    def test_unknown_job(self):
        answer = self.host.api("DELETE", "/scenarios/run/nobody")
        self.assertEqual((answer.status, answer.json), (404, {"error": "not_found", "message": "Job with ID 'nobody' not found"}))


if __name__ == "__main__":
    unittest.main(verbosity=2)
