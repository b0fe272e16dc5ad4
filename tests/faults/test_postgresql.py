"""Runs kept in PostgreSQL: the host killed, the server crashed, gone or away at the start, two hosts, and where the password is not seen."""

import subprocess
import unittest

from operon_harness import Host, until
from postgresql import Server

PASSWORD, SECRET = "canary-password-7d1e", "canary-request-93ab"


class Postgresql(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)

    def host(self, user="operon", sets=(), state=None, start=True):
        host = Host(sets=[f"jobs.database={self.server.connection(user)}", *sets], state=state)
        self.addCleanup(host.remove)
        return host.start() if start else host

    def refused(self, host):
        done = subprocess.run(host.command(), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_a_run_is_carried_on_when_the_host_is_killed(self):
        host = self.host()
        starts, go = host.folder / "starts", host.folder / "go"
        host.shell_scenario("long", f"echo one >> {starts}; echo first; while [ ! -e {go} ]; do sleep 0.05; done; echo last; exit 3")
        host.shell_scenario("short", "echo done")
        ended = host.run("short")
        host.wait_ended(ended)
        running = host.post_run("long", {"Idempotency-Key": "k"}).json["jobId"]
        host.wait_status(running, "Running")
        self.assertFalse(list(host.state.rglob("operon.db")), "nothing of it is in the state folder")
        host.kill()
        host.restart()
        self.assertEqual({j["jobId"]: j["status"] for j in host.jobs()}, {ended: "Succeeded", running: "Running"})
        self.assertEqual(host.post_run("long", {"Idempotency-Key": "k"}).json["jobId"], running)
        go.touch()
        self.assertEqual(host.wait_ended(running)["status"], "Failed")
        self.assertIn("3", host.job(running)["message"])
        self.assertEqual(host.logs(running), b"first\nlast\n")
        self.assertEqual(starts.read_text().split(), ["one"])
        host.terminate()
        self.assertEqual(self.server.sql("SELECT phase FROM jobs ORDER BY created"), "Succeeded\nFailed")

    def test_over_a_crash_of_the_server_the_host_is_not_ready_and_then_goes_on(self):
        host = self.host()
        host.shell_scenario("short", "echo done")
        go = host.folder / "go"
        host.shell_scenario("long", f"while [ ! -e {go} ]; do sleep 0.05; done; exit 3")
        running = host.run("long")
        host.wait_status(running, "Running")
        self.server.stop("immediate")
        unready = until("not ready", lambda: (lambda a: a if a.status == 503 else None)(host.probe("/readyz?verbose")))
        self.assertIn(f"the state database operon on {self.server.folder}", unready.text)
        self.assertEqual(host.api("GET", "/health").status, 200, "live")
        refused = host.post_run("short")
        self.assertEqual(refused.status, 503, refused)
        self.assertIn(f"the state database operon on {self.server.folder}", refused.json["message"])
        go.touch()  # its end comes while nobody can write it down
        self.server.start()
        until("ready again by itself", lambda: host.probe("/readyz").status == 200)
        self.assertEqual(host.wait_ended(host.run("short"))["status"], "Succeeded")
        self.assertEqual(host.wait_ended(running)["status"], "Failed")
        self.server.restart()
        until("runs start again", lambda: host.post_run("short").status == 201)
        host.terminate()
        host.restart()
        self.assertEqual(host.status(running), "Failed", "the end was not lost")

    def test_a_server_that_is_away_at_the_start_is_named(self):
        self.server.stop()
        said = self.refused(self.host(start=False))
        self.assertIn(f"cannot start: cannot reach the state database operon on {self.server.folder}: ", said)
        self.assertIn("No such file or directory", said)

    def test_a_second_host_is_refused_and_takes_over_when_the_first_is_dead(self):
        first = self.host()
        first.shell_scenario("short", "echo done")
        job = first.run("short")
        first.wait_ended(job)
        second = self.host(start=False)
        said = self.refused(second)
        self.assertIn("is in use by another operond (operond on ", said)
        self.assertIn(f"process {first.process.pid}", said)
        first.kill()
        second.start()
        self.assertEqual(second.status(job), "Succeeded")
        said = self.refused(first)
        self.assertIn(f"process {second.process.pid}", said)

    def test_neither_password_nor_secrets_of_a_request_are_seen(self):
        self.server.sql(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'; CREATE SCHEMA AUTHORIZATION guarded")
        host = self.host("guarded", sets=["log.level=trace"], start=False)
        file = host.folder / "password"
        file.write_text(PASSWORD + "\n")
        file.chmod(0o600)
        host.sets.append(f"jobs.database_password_file={file}")
        host.start()
        host.scenario("secretive", """
            title: Secretive
            description: takes a secret
            fields: [{name: password, type: string, variable: MY_PASSWORD, secret: "true", required: "true"}]
            run: {argv: [/bin/echo, "nothing of it"]}
            """)
        job = host.run("secretive", environment={"MY_PASSWORD": SECRET})
        host.wait_ended(job)
        self.assertEqual(self.server.sql("SELECT count(*) FROM guarded.pending_requests"), "0", "it goes when the run has started")
        rows = self.server.program("pg_dump", "-h", self.server.folder, "-U", "operon", "operon")
        self.assertIn(job, rows)
        printed = subprocess.run(host.command() + ["--print-config"], capture_output=True, text=True, timeout=30, check=True).stdout
        self.assertIn("database:", printed)
        for text in (rows, printed, host.log_text(), host.probe("/metrics").text, host.probe("/readyz?verbose").text):
            self.assertNotIn(PASSWORD, text)
            self.assertNotIn(SECRET, text)
        host.terminate()
        for address in (f"postgresql://me:{PASSWORD}@localhost/operon", f"host=localhost password={PASSWORD}"):
            wrong = Host(sets=[f"jobs.database={address}"])
            self.addCleanup(wrong.remove)
            for more in ([], ["--check-config"], ["--print-config"]):
                done = subprocess.run(wrong.command() + more, capture_output=True, text=True, timeout=30, check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("jobs.database_password_file", done.stdout + done.stderr)
                self.assertNotIn(PASSWORD, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
