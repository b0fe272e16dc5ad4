"""Faults 11 and 12: a full disk, a read-only state directory, a torn store."""

import contextlib
import os
import pathlib
import sqlite3
import subprocess
import unittest

from operon_harness import Host, until


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.host = Host()
        self.host.state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "operon-test", str(self.host.state)], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.host.state)], check=True)
        self.addCleanup(self.host.remove)
        self.host.start()
        self.mark = self.host.folder / "undone"
        self.host.shell_scenario("sleeper", "echo up; exec sleep 600", revert=f"echo undone >> {self.mark}")
        self.host.shell_scenario("short", "echo done")

    def fill(self):
        with open(self.host.state / "filler", "wb") as filler:
            try:
                while True:
                    filler.write(b"x" * 65536)
                    filler.flush()
            except OSError:
                pass
        filler_small = self.host.state / "filler2"
        try:
            with open(filler_small, "wb", buffering=0) as small:
                while True:
                    small.write(b"x")
        except OSError:
            pass

    def empty(self):
        for name in ("filler", "filler2"):
            (self.host.state / name).unlink(missing_ok=True)

    def test_fault_11_disk_full(self):
        running = self.host.run("sleeper")
        self.host.wait_status(running, "Running")
        self.fill()
        refused = until("a refusal", lambda: (lambda a: a if a.status in (503, 507) else None)(self.host.post_run("short")))
        self.assertEqual(refused.json["error"], "unavailable")
        self.assertIn(str(self.host.state), refused.json["message"], "it says where the disk is full")
        self.assertEqual(self.host.api("GET", "/health").status, 200, "live")
        stopped = self.host.api("DELETE", f"/scenarios/run/{running}")
        self.assertIn(stopped.status, (200, 202), stopped)
        self.host.wait_ended(running)
        self.assertTrue(self.mark.exists(), "the fault was undone")
        self.empty()
        until("runs start again", lambda: self.host.post_run("short").status == 201)
        until("ready again", lambda: self.host.probe("/readyz").status == 200)
        self.host.terminate()
        self.host.restart()
        self.assertEqual(self.host.status(running), "Stopped", "the end was not lost")

    def test_fault_11_read_only(self):
        ended = self.host.run("short")
        self.host.wait_ended(ended)
        self.host.terminate()
        subprocess.run(["mount", "-o", "remount,ro", str(self.host.state)], check=True)
        process = subprocess.run(self.host.command(), capture_output=True, text=True, timeout=30)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn(str(self.host.state), process.stderr)
        subprocess.run(["mount", "-o", "remount,rw", str(self.host.state)], check=True)
        self.host.restart()
        self.assertEqual(self.host.status(ended), "Succeeded", "nothing was lost meanwhile")


class TornStore(unittest.TestCase):
    def setUp(self):
        self.host = Host().start()
        self.addCleanup(self.host.remove)
        self.host.shell_scenario("short", "echo done")

    def database(self):
        found = [p for p in self.host.state.rglob("*.db")]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_fault_12_torn_last_record(self):
        jobs = [self.host.run("short") for _ in range(5)]
        for job in jobs:
            self.host.wait_ended(job)
        truth = {j["jobId"]: j["status"] for j in self.host.jobs()}
        self.host.kill()
        wal = pathlib.Path(str(self.database()) + "-wal")
        size = wal.stat().st_size
        self.assertGreater(size, 0, "there is a journal to tear")
        os.truncate(wal, size - 100)
        self.host.restart()
        for job in self.host.jobs():
            self.assertIn(job["jobId"], truth)
            self.host.wait_ended(job["jobId"])
        for job, status in truth.items():
            answer = self.host.api("GET", f"/scenarios/run/{job}")
            self.assertIn(answer.status, (200, 404))
            if answer.status == 200:
                self.assertEqual(answer.json["status"], status, "no other end than the true one")
        self.assertEqual(self.host.wait_ended(self.host.run("short"))["status"], "Succeeded", "and it works on")

    def refused_and_kept(self, damage):
        self.host.wait_ended(self.host.run("short"))
        self.host.terminate()
        path = self.database()
        with contextlib.closing(sqlite3.connect(path)) as database:  # or SQLite mends the file from its journal
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            page = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'pending_blobs'").fetchone()[0]
            size = database.execute("PRAGMA page_size").fetchone()[0]
        with open(path, "r+b") as f:
            damage(f, (page - 1) * size, size)
        process = subprocess.run(self.host.command(), capture_output=True, text=True, timeout=30)
        self.assertNotEqual(process.returncode, 0)
        self.assertIn(str(path), process.stderr)
        self.assertTrue(path.exists(), "nothing is deleted that might be rescued")

    def test_fault_12_damaged_file_is_refused_and_kept(self):
        self.refused_and_kept(lambda file, place, size: file.write(b"this is no database file at all."))

    def test_fault_12_damage_where_no_start_looks_is_refused_too(self):
        def overwrite(file, place, size):
            file.seek(place)
            file.write(b"\xa5" * size)
        self.refused_and_kept(overwrite)


if __name__ == "__main__":
    unittest.main(verbosity=2)
