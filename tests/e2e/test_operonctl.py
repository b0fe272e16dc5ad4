"""operonctl as people and scripts use it."""

import json
import os
import pty
import subprocess
import unittest

from operon_harness import BUILD, Host, free_port, until

CTL = str(BUILD / "bin" / "operonctl")

FIELDS = """
title: Fields
description: has fields
fields:
  - {name: count, type: number, variable: COUNT, default: "2", short_description: How many}
  - {name: word, type: string, variable: WORD, required: "true", validator: "^[a-z]+$", short_description: Which word}
  - {name: secret, type: string, variable: HIDDEN, secret: "true"}
  - {name: file, type: file, variable: INPUT, mount_path: /data/input}
run: {argv: [/bin/sh, -c, 'i=0; while [ $i -lt $COUNT ]; do echo $WORD; i=$((i+1)); done; [ -z "$INPUT" ] || cat "$INPUT"']}
"""


class Operonctl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host().start()
        cls.host.scenario("fields", FIELDS)
        cls.host.shell_scenario("fails", "echo oops; exit 9")
        cls.host.shell_scenario("sleeper", "echo up; exec sleep 600")

    @classmethod
    def tearDownClass(cls):
        cls.host.remove()

    def ctl(self, *args, code=0, env=None):
        result = subprocess.run([CTL, *args], capture_output=True, text=True, timeout=60,
                                env={"PATH": os.environ["PATH"], "HOME": str(self.host.folder), "OPERON_SERVER": f"http://127.0.0.1:{self.host.port}", **(env or {})})
        self.assertEqual(result.returncode, code, result)
        return result

    def test_targets_and_clusters(self):
        self.assertIn("localhost", self.ctl("targets").stdout)
        uuid = self.ctl("targets", "-o", "name").stdout.strip()
        self.assertIn("localhost", self.ctl("clusters", uuid).stdout)
        self.assertIn("localhost", self.ctl("clusters", "-o", "name").stdout.split())

    def test_scenarios(self):
        self.assertEqual({"fields", "fails", "sleeper"} - set(self.ctl("scenarios", "-o", "name").stdout.split()), set())
        table = self.ctl("scenario", "fields").stdout
        for word in ("COUNT", "number", "WORD", "yes", "INPUT"):
            self.assertIn(word, table)
        self.assertEqual(json.loads(self.ctl("scenario", "fields", "-o", "json").stdout)["reference"], "dir://fields")
        self.assertIn("reference: dir://fields", self.ctl("scenario", "fields", "-o", "yaml").stdout.replace('"', ""))
        self.assertIn("not found", self.ctl("scenario", "nothing", code=1).stderr)

    def test_run_follow(self):
        result = self.ctl("run", "fields", "--set", "WORD=hello", "--follow")
        self.assertEqual(result.stdout, "hello\nhello\n")
        self.assertIn("Succeeded", result.stderr)

    def test_run_with_a_file(self):
        local = self.host.folder / "input.txt"
        local.write_text("from a file\n")
        result = self.ctl("run", "fields", "--set", "WORD=x", "--set", "COUNT=0", "--set", f"INPUT={local}", "-f")
        self.assertEqual(result.stdout, "from a file\n")

    def test_values_are_checked_before_anything_is_sent(self):
        result = self.ctl("run", "fields", "--set", "WORD=NOT", code=1)
        self.assertIn("word", result.stderr.lower())
        self.assertIn("^[a-z]+$", result.stderr)
        self.assertIn("word", self.ctl("run", "fields", code=1).stderr.lower())
        self.assertIn("COUNT", self.ctl("run", "fields", "--set", "WORD=a", "--set", "COUNT=many", code=1).stderr.upper())
        self.assertNotIn("topsecret", self.ctl("run", "fields", "--set", "WORD=A", "--set", "HIDDEN=topsecret", code=1).stderr)

    def test_a_failed_run_is_not_a_failed_command(self):
        result = self.ctl("run", "fails", "--wait", code=10)
        self.assertIn("Failed", result.stderr)
        self.assertIn("9", result.stderr)
        self.ctl("run", "fails")

    def test_jobs_logs_stop(self):
        job = self.ctl("run", "sleeper", "-o", "name").stdout.strip()
        self.host.wait_status(job, "Running")
        self.assertIn("Running", self.ctl("job", job).stdout)
        self.assertIn(job, self.ctl("jobs", "--status", "Running", "-o", "name").stdout)
        until("the log", lambda: self.ctl("logs", job).stdout == "up\n")
        self.assertRegex(self.ctl("logs", job, "--timestamps").stdout, r"^\d{4}-\d\d-\d\dT[\d:.]+Z up\n$")
        self.assertIn("Stopped", self.ctl("stop", job).stdout)
        self.assertIn("Stopped", self.ctl("job", job).stdout)
        another = self.ctl("run", "sleeper", "-o", "name").stdout.strip()
        self.host.wait_status(another, "Running")
        self.ctl("stop", "--all")
        self.assertEqual(self.host.status(another), "Stopped")
        self.assertIn("not found", self.ctl("logs", "nobody", code=1).stderr)

    def test_watch(self):
        watch = subprocess.Popen([CTL, "--server", f"http://127.0.0.1:{self.host.port}", "jobs", "--limit", "1", "--watch", "-o", "name"], stdout=subprocess.PIPE, text=True)
        try:
            until("the watch stands", lambda: (self.host.metric("operon_http_streams") or 0) >= 1)
            job = self.ctl("run", "fails", "-o", "name").stdout.strip()
            line = ""
            while job not in line:
                line = watch.stdout.readline()
                self.assertNotEqual(line, "")
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()

    def test_waiting_lasts_across_a_restart_of_the_host(self):
        with Host() as host:
            host.shell_scenario("until-told", f"while ! [ -e {host.folder}/go ]; do sleep 0.1; done")
            environment = {"PATH": os.environ["PATH"], "HOME": str(host.folder), "OPERON_SERVER": f"http://127.0.0.1:{host.port}"}
            with subprocess.Popen([CTL, "run", "until-told", "--wait"], env=environment, stderr=subprocess.PIPE, text=True) as waiting:
                until("it waits", lambda: (host.metric("operon_http_streams") or 0) >= 1)
                self.assertEqual(host.terminate(), 0)
                self.assertIn("trying again", waiting.stderr.readline() + waiting.stderr.readline())  # the first line names the run
                host.restart()
                (host.folder / "go").touch()
                said = waiting.communicate(timeout=60)[1]
                self.assertEqual(waiting.returncode, 0, said)
                self.assertIn("Succeeded", said)

    def test_a_cluster_of_two_providers_is_not_guessed(self):
        with Host(sets=["plugins.again.plugin=target-file"]) as host:
            host.shell_scenario("short", "echo up")
            environment = {"PATH": os.environ["PATH"], "HOME": str(host.folder), "OPERON_SERVER": f"http://127.0.0.1:{host.port}"}
            for cluster in ([], ["--cluster", "localhost"]):
                guess = subprocess.run([CTL, "run", "short", *cluster], env=environment, capture_output=True, text=True)
                self.assertEqual(guess.returncode, 2, guess)
                self.assertIn("give --provider; there are: localhost (provider again), localhost (provider target-file)", guess.stderr)
            told = subprocess.run([CTL, "run", "short", "--provider", "again", "--wait"], env=environment, capture_output=True, text=True)
            self.assertEqual(told.returncode, 0, told)

    def test_freeze_needs_no_reason(self):
        try:
            self.assertIn("frozen by anonymous", self.ctl("freeze").stdout)
            self.assertEqual(self.ctl("run", "fails", code=1).stderr, "operonctl: frozen by anonymous; no run starts until `operonctl unfreeze`\n")
        finally:
            self.ctl("unfreeze")

    def test_freeze(self):
        self.assertIn("frozen", self.ctl("freeze", "--reason", "release day", "--stop-all").stdout)
        try:
            self.assertIn("release day", self.ctl("run", "fields", "--set", "WORD=a", code=1).stderr)
            self.assertIn("release day", self.ctl("status").stdout)
        finally:
            self.ctl("unfreeze")
        self.ctl("run", "fields", "--set", "WORD=a", "--wait")

    def test_plugins_and_version(self):
        table = self.ctl("plugin", "list").stdout
        for name in ("target-file", "registry-dir", "registry-oci", "runner-process"):
            self.assertRegex(table, rf"{name}.*ready")
        self.assertIn("operond", self.ctl("version").stdout)

    def test_no_server(self):
        result = self.ctl("jobs", code=3, env={"OPERON_SERVER": f"http://127.0.0.1:{free_port()}"})
        self.assertIn("is operond running?", result.stderr)

    def test_a_server_that_is_none(self):
        self.assertIn("something else than operond", self.ctl("jobs", code=1, env={"OPERON_SERVER": f"http://127.0.0.1:{self.host.probe_port}/livez?x="}).stderr)

    def test_usage(self):
        self.ctl("nonsense", code=2)
        self.ctl("jobs", "-o", "nonsense", code=2)
        self.ctl("run", "fields", "--set", "NOEQUALS", code=2)
        self.assertIn("Exit codes", self.ctl("--help").stdout)

    def test_a_wrong_word_is_named_with_what_comes_near_it(self):
        for words, said in ((["sceanrio"], "unknown command 'sceanrio'; did you mean 'scenario'"),
                            (["plugin", "vlidate"], "unknown command 'vlidate'; did you mean 'validate'?"),
                            (["jobs", "--statsu", "Running"], "unknown option '--statsu'; did you mean '--status'"),
                            (["job", "a", "b"], "unexpected argument 'b'"),
                            (["jobs", "-o"], "--output needs a value"),
                            ([], "a command is missing"),
                            (["logs", "a", "--tail", "x"], "--tail: must be a whole number from 0 up, not 'x'"),
                            (["run", "a", "--timeout-seconds", "0"], "--timeout-seconds: must be a whole number from 1 up, not '0'")):
            result = self.ctl(*words, code=2)
            self.assertIn("operonctl: " + said, result.stderr)
            self.assertRegex(result.stderr, r"\nSee 'operonctl.* --help'\.\n$")
        self.assertIn("See 'operonctl plugin new --help'.", self.ctl("plugin", "new", code=2).stderr)
        self.assertRegex(self.ctl("--version").stdout, r"^operonctl \d")

    def test_help_of_a_command_tells_of_the_options_of_all(self):
        for command in (["jobs"], ["plugin", "call"]):
            self.assertIn("Every command also takes --server", self.ctl(*command, "--help").stdout)

    def test_a_provider_that_is_not_there(self):
        said = self.ctl("run", "fields", "--set", "WORD=a", "--provider", "nobody", code=1).stderr
        self.assertIn("provider 'nobody' offers no cluster; there are: localhost (provider target-file)", said)

    def test_a_key_makes_repetition_harmless(self):
        self.assertIn("--idempotency-key requires --target-id", self.ctl("run", "fails", "--idempotency-key", "once", code=2).stderr)
        target = self.ctl("targets", "-o", "name").stdout.strip()
        ids = {self.ctl("run", "fails", "--target-id", target, "--idempotency-key", "once", "-o", "name").stdout for _ in range(2)}
        self.assertEqual(len(ids), 1)

    def test_stop_all_is_one_document(self):
        first, second = (self.ctl("run", "sleeper", "-o", "name").stdout.strip() for _ in range(2))
        stopped = json.loads(self.ctl("stop", "--all", "-o", "json").stdout)["jobs"]
        self.assertLessEqual({first, second}, {job["jobId"] for job in stopped})
        self.assertEqual(json.loads(self.ctl("stop", "--all", "-o", "json").stdout), {"jobs": []})

    def test_configuration_file(self):
        folder = self.host.folder / ".config" / "operon"
        folder.mkdir(parents=True)
        (folder / "operonctl.yaml").write_text(f"server: http://127.0.0.1:{self.host.port}\n")
        plain = {"PATH": os.environ["PATH"], "HOME": str(self.host.folder)}
        self.assertEqual(subprocess.run([CTL, "status"], env=plain, capture_output=True).returncode, 0)
        (folder / "operonctl.yaml").write_text("sever: x\n")
        wrong = subprocess.run([CTL, "status"], env=plain, capture_output=True, text=True)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("unknown key 'sever'", wrong.stderr)
        (folder / "operonctl.yaml").unlink()

    def test_completion(self):
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("scenarios", self.ctl("completion", shell).stdout)
        script = self.ctl("completion", "bash").stdout + "\nCOMP_WORDS=(operonctl sc); COMP_CWORD=1; _operonctl; echo ${COMPREPLY[@]}"
        words = subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.split()
        self.assertEqual(words, ["scenarios", "scenario"])
        script = self.ctl("completion", "bash").stdout + "\nCOMP_WORDS=(operonctl jobs -o w); COMP_CWORD=3; _operonctl; echo ${COMPREPLY[@]}"
        self.assertEqual(subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.split(), ["wide"])

    def test_completion_of_a_run(self):
        def completed(*words):
            script = self.ctl("completion", "bash").stdout + f"\nCOMP_WORDS=(operonctl {' '.join(words)}); COMP_CWORD={len(words)}; _operonctl; echo ${{COMPREPLY[@]}}"
            return subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                                  env={"PATH": f"{BUILD / 'bin'}:{os.environ['PATH']}", "OPERON_SERVER": f"http://127.0.0.1:{self.host.port}"}).stdout.split()
        self.assertEqual(completed("run", "--dr"), ["--dry-run"])
        self.assertEqual(completed("run", "--from"), ["--from-file"])
        self.assertEqual(completed("run", "fiel"), ["fields"])
        self.assertEqual(completed("run", "--from-file", "x"), [])  # readline's own: files
        self.assertEqual(completed("scenarios", "--registry-"), ["--registry-url", "--registry-token-file"])
        self.assertIn("-l from-file -rF", self.ctl("completion", "fish").stdout)

    def test_colour_only_on_a_terminal(self):
        def on_terminal(env):
            master, slave = pty.openpty()
            subprocess.run([CTL, "plugin", "list"], stdout=slave, stderr=slave, check=True,
                           env={"PATH": os.environ["PATH"], "OPERON_SERVER": f"http://127.0.0.1:{self.host.port}", **env})
            os.close(slave)
            text = os.read(master, 65536)
            os.close(master)
            return text
        self.assertIn(b"\x1b[32mready", on_terminal({}))
        self.assertNotIn(b"\x1b", on_terminal({"NO_COLOR": "1"}))
        self.assertNotIn("\x1b", self.ctl("plugin", "list").stdout)

    def test_plugin_call_and_validate(self):
        echo = str(BUILD / "plugins-test" / "libecho.so")
        answer = self.ctl("plugin", "call", echo, "test.echo/1", "echo", '{"text":"hi"}')
        self.assertIn("hi", answer.stdout)
        self.assertRegex(self.ctl("plugin", "call", echo, "test.echo/1", "nonsense", code=1).stderr, "no verb 'nonsense' of test.echo/1; its verbs are: .*echo")
        self.assertIn("it has: test.echo/1", self.ctl("plugin", "call", echo, "test.echo", "echo", code=1).stderr)
        self.assertIn("is no file", self.ctl("plugin", "validate", "/nowhere.so", code=1).stderr)
        for library in (echo, str(BUILD / "plugins" / "libregistry-dir.so"), str(BUILD / "plugins" / "libtarget-file.so")):
            config = json.dumps({"path": str(self.host.scenarios)}) if "registry" in library else "{}"
            result = self.ctl("plugin", "validate", library, "--plugin-config", config)
            self.assertIn("valid", result.stdout)
            self.assertNotIn("FAILED", result.stdout)
        self.ctl("plugin", "validate", "/bin/true", code=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
