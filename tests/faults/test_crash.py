"""kill -9 of the host at every named point of a run: whatever the point, one start, one true end, the whole log, nothing left behind."""

import contextlib
import os
import pathlib
import re
import unittest

from operon_harness import ENDED, SOURCE, Host, until


def points():
    """The list in the code is the list that is tried."""
    text = (SOURCE / "core" / "jobs" / "crash_points.hpp").read_text()
    found = re.findall(r'"([a-z_]+\.[a-z_]+)"', text)
    assert len(found) >= 8, found
    return sorted(set(found))


def of_job(host, job):
    """The paths in the state folder that begin with its id; a folder that is removed meanwhile is none (rglob would fail)."""
    return [os.path.join(folder, name) for folder, folders, files in os.walk(host.state) for name in (*folders, *files) if name.startswith(job)]


def left_behind(host, job):
    """What stands in the state folder of an ended run, its archived log aside."""
    return [path for path in of_job(host, job) if not path.endswith((".log.zst", ".idx"))]


def archived(host, job):
    return any(path.endswith(f"/{job}.log.zst") for path in of_job(host, job))


class Crash(unittest.TestCase):
    def crashed(self, host, act):
        """Does something during which the host is expected to die."""
        with contextlib.suppress(Exception):
            act()
        try:
            host.process.wait(15)
            return True
        except Exception:
            return False

    def test_kill_at_every_point(self):
        reached = []
        for point in points():
            stop = point.startswith(("stop", "destroy"))
            # What was stopped is to go at once, whatever is kept of the others.
            with self.subTest(point=point), Host(sets=[] if stop else ["jobs.runner_copy_kept_seconds=0"]) as host:
                host.targets()
                starts = host.folder / "starts"
                undone = host.folder / "undone"
                host.shell_scenario("one", f"echo $$ >> {starts}; echo first; sleep 0.3; echo last; exit 3", revert=f"echo undone >> {undone}")
                host.shell_scenario("long", f"echo $$ >> {starts}; echo first; exec sleep 600", revert=f"echo undone >> {undone}")
                host.terminate()
                host.start(env={"OPERON_CRASH_AT": point})
                name = "long" if stop else "one"
                key = {"Idempotency-Key": "k-" + point}
                posted = []

                def act():
                    posted.append(host.post_run(name, key))
                    if stop:
                        job = posted[0].json["jobId"]
                        host.wait_status(job, "Running")
                        host.api("DELETE", f"/scenarios/run/{job}")
                died = self.crashed(host, act)
                reached.append(point) if died else None
                self.assertTrue(died, f"the point {point} was never reached")
                host.restart()
                if point.startswith("destroy"):
                    until("its removal goes on unasked", lambda j=posted[0].json["jobId"]: not left_behind(host, j))
                again = host.post_run(name, key)
                self.assertEqual(again.status, 201, again)
                job = again.json["jobId"]
                if posted and posted[0].status == 201:
                    self.assertEqual(posted[0].json["jobId"], job)
                if stop:
                    host.api("DELETE", f"/scenarios/run/{job}")
                ended = host.wait_ended(job)
                self.assertEqual(ended["status"], "Stopped" if stop else "Failed", ended)
                if not stop:
                    self.assertIn("3", ended["message"], "the true exit code")
                    self.assertEqual(host.logs(job), b"first\nlast\n")
                    self.assertEqual(host.post_run(name, key).json["jobId"], job)
                self.assertEqual(len(starts.read_text().split()), 1, "started once")
                if stop:
                    self.assertEqual(undone.read_text().count("undone"), 1, "undone once")
                for pid in starts.read_text().split():
                    until("its process is gone", lambda p=pid: not pathlib.Path(f"/proc/{p}").exists())
                self.assertEqual(sum(j["jobId"] == job for j in host.jobs()), 1)
                self.assertIn(host.status(job), ENDED)
                until("its log is archived and nothing else of it left", lambda j=job: archived(host, j) and not left_behind(host, j))
                self.assertNotIn("could not remove an ended run", host.log_text())
        self.assertEqual(sorted(reached), points())

    def test_kill_with_many_runs(self):
        with Host(sets=["jobs.running_per_target_max=40"]) as host:
            starts = host.folder / "starts"
            starts.mkdir()
            host.scenario("many", f"""
                title: many
                description: many
                fields: [{{name: n, type: string, variable: N}}]
                run: {{argv: [/bin/sh, -c, "echo x >> {starts}/$N; sleep 0.5; echo done $N; exit $((N % 3))"]}}
                """)
            jobs = {n: host.run("many", environment={"N": str(n)}) for n in range(80)}
            host.kill()
            host.restart()
            for n, job in jobs.items():
                ended = host.wait_ended(job, 60)
                self.assertEqual(ended["status"], "Succeeded" if n % 3 == 0 else "Failed", ended)
                self.assertEqual(host.logs(job), f"done {n}\n".encode())
                self.assertEqual((starts / str(n)).read_text(), "x\n", "started once")


if __name__ == "__main__":
    unittest.main(verbosity=2)
