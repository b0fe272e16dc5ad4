"""operonctl on a terminal: what it asks, what it shows, and what it leaves behind."""

import os
import pathlib
import signal
import subprocess
import unittest

from operon_harness import BUILD, Host
from terminal import Terminal

CTL = str(BUILD / "bin" / "operonctl")

FORM = """
title: Form
description: asks for much
fields:
  - {name: word, type: string, variable: WORD, required: "true", validator: "^[a-z]+$", short_description: Which word}
  - {name: mode, type: enum, variable: MODE, required: "true", allowed_values: "serial,parallel", default: serial, description: In which order}
  - {name: key, type: string, variable: KEY, required: "true", secret: "true", validator: "^.{6,}$", short_description: The key}
  - {name: input, type: file, variable: INPUT, required: "true", mount_path: /data/input, short_description: What to read}
  - {name: free, type: string, variable: FREE}
run: {argv: [/bin/sh, -c, 'echo "$WORD $MODE"; printf %s "$KEY" | cksum; cat "$INPUT"']}
"""
ASKED = """Scenario 'form' needs values (Ctrl-C: start nothing).
WORD (string): Which word
  must match: ^[a-z]+$
WORD: """
KEY = "a-very-secret-key"


class Form(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host().start()
        cls.host.scenario("form", FORM)
        cls.host.scenario("one-secret", "title: one\nfields: [{name: key, type: string, variable: KEY, required: true, secret: true, default: fallback-key}]\n"
                                        "run: {argv: [/bin/sh, -c, 'printf %s $KEY | cksum']}\n")
        cls.host.scenario("pair", "title: pair\nfields:\n- {name: user, type: string, variable: USER_NAME, requires: 'code, place'}\n"
                                  "- {name: code, type: number, variable: CODE}\n- {name: place, type: string, variable: PLACE, default: here}\n"
                                  "run: {argv: [/bin/sh, -c, 'echo $USER_NAME $CODE $PLACE']}\n")
        cls.input = cls.host.folder / "input.txt"
        cls.input.write_text("from a file\n")
        cls.env = {"PATH": os.environ["PATH"], "HOME": str(cls.host.folder), "OPERON_SERVER": f"http://127.0.0.1:{cls.host.port}"}

    @classmethod
    def tearDownClass(cls):
        cls.host.remove()

    def terminal(self, *args):
        return Terminal([CTL, *args], self.env)

    def runs(self):
        return len(self.host.api("GET", "/scenarios/run").json["jobs"])

    def cksum(self, text):
        return subprocess.run(["cksum"], input=text.encode(), capture_output=True, check=True).stdout.decode()

    def test_a_form_from_the_first_question_to_the_run(self):
        with self.terminal("run", "form", "--follow") as terminal:
            self.assertEqual(terminal.expect("WORD: "), ASKED)
            terminal.type("NOT\n")
            self.assertEqual(terminal.expect("WORD: "), "NOT\n  field 'word' (WORD): `value`: 'NOT' does not match `validator`: '^[a-z]+$'\nWORD: ")
            terminal.type("\n")
            self.assertEqual(terminal.expect("WORD: "), "\n  field 'word' (WORD): `required`: a value must be given\nWORD: ")
            terminal.type("hello\n")
            self.assertEqual(terminal.expect("MODE: "),
                             "hello\nMODE (enum): In which order\n  one of: serial, parallel\n  default: 'serial' (Enter)\nMODE: ")
            terminal.type("both\n")
            self.assertIn("'both' is not one of `allowed_values`: 'serial', 'parallel'\n", terminal.expect("MODE: "))
            terminal.type("\n")
            self.assertEqual(terminal.expect("KEY (not shown): "), "\nKEY (string): The key\n  must match: ^.{6,}$\nKEY (not shown): ")
            self.assertFalse(terminal.echoes())
            terminal.type("short\n")
            again = terminal.expect("KEY (not shown): ")
            self.assertEqual(again, "\n  field 'key' (KEY): `value`: '***' does not match `validator`: '^.{6,}$'\nKEY (not shown): ")
            terminal.type(KEY + "\n")
            asked = terminal.expect("INPUT: ")
            self.assertEqual(asked, "\nINPUT (file): What to read\n  the path of a file on this machine\nINPUT: ")
            self.assertTrue(terminal.echoes())
            terminal.type("/nowhere/at/all\n")
            self.assertIn("/nowhere/at/all", terminal.expect("INPUT: "))
            for place in ("cmdline", "environ"):
                self.assertNotIn(KEY, pathlib.Path(f"/proc/{terminal.pid}/{place}").read_text())
            terminal.type(f"{self.input}\n")
            code, shown = terminal.end()
        self.assertEqual(code, 0, shown)
        self.assertIn("hello serial\n" + self.cksum(KEY) + "from a file\n", shown)
        self.assertNotIn(KEY, shown)
        self.assertNotIn(KEY, self.host.log_text())

    def test_what_is_given_is_not_asked_for(self):
        with self.terminal("run", "form", "--set", "WORD=a", "--set", "MODE=parallel", "--set", f"KEY={KEY}", "--set", f"INPUT={self.input}", "--wait") as terminal:
            code, shown = terminal.end()
        self.assertEqual(code, 0, shown)
        self.assertNotIn("needs values", shown)

    def test_a_secret_default_is_not_shown(self):
        with self.terminal("run", "one-secret", "--follow") as terminal:
            asked = terminal.expect("KEY (not shown): ")
            self.assertIn("  default: (hidden) (Enter)\n", asked)
            terminal.type("\n")
            code, shown = terminal.end()
        self.assertEqual(code, 0, shown)
        self.assertIn(self.cksum("fallback-key"), shown)
        self.assertNotIn("fallback-key", asked + shown)

    def test_what_an_answer_requires_is_asked_for_too(self):
        with self.terminal("run", "pair", "--set", "USER_NAME=ann", "--follow") as terminal:
            terminal.expect("CODE (number): code\nCODE: ")
            terminal.type("x\n")
            self.assertIn("'x' is not a number", terminal.expect("CODE: "))
            terminal.type("7\n")
            code, shown = terminal.end()
        self.assertEqual(code, 0, shown)
        self.assertIn("ann 7 here\n", shown)

    def test_a_terminal_is_as_it_was_whatever_ends_the_question(self):
        before = self.runs()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with self.terminal("run", "one-secret") as terminal:
                terminal.expect("KEY (not shown): ")
                self.assertFalse(terminal.echoes())
                terminal.type("half an ans")
                os.kill(terminal.pid, number)
                terminal.until_echo(True)
                code, _ = terminal.end()
                self.assertEqual(code, -number)
                self.assertTrue(terminal.echoes())
        with self.terminal("run", "one-secret") as terminal:
            terminal.expect("KEY (not shown): ")
            terminal.type("\x03")  # Ctrl-C as the terminal sends it
            terminal.until_echo(True)
            self.assertEqual(terminal.end()[0], -signal.SIGINT)
        with self.terminal("run", "one-secret") as terminal:
            terminal.expect("KEY (not shown): ")
            terminal.type("\x04")  # Ctrl-D
            code, shown = terminal.end()
            self.assertEqual(code, 1)
            self.assertIn("operonctl: the input ended before the answer\n", shown)
            self.assertTrue(terminal.echoes())
        self.assertEqual(self.runs(), before)

    def test_after_a_pause_it_asks_again(self):
        pausing = ["/bin/bash", "-c", 'set -m; "$0" "$@"; echo paused; read -r go; fg >/dev/null', CTL, "run", "one-secret", "--follow"]
        with Terminal(pausing, self.env) as terminal:
            terminal.expect("KEY (not shown): ")
            terminal.until_echo(False)
            terminal.type("\x1a")  # Ctrl-Z
            terminal.expect("paused\n")
            self.assertTrue(terminal.echoes())
            terminal.type("\n")
            terminal.expect("KEY (not shown): ")
            self.assertFalse(terminal.echoes())
            terminal.type(KEY + "\n")
            code, shown = terminal.end()
        self.assertEqual(code, 0, shown)
        self.assertIn(self.cksum(KEY), shown)
        self.assertNotIn(KEY, shown)

    def test_nobody_is_asked_without_a_terminal_or_with_no_input(self):
        before = self.runs()
        said = ("operonctl: scenario 'form' needs values that were not given: WORD (Which word), KEY (The key), INPUT (What to read); "
                "give each with --set VARIABLE=VALUE, or all in a file with --from-file\n")
        result = subprocess.run([CTL, "run", "form"], env=self.env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual((result.returncode, result.stderr), (1, said))
        with self.terminal("run", "form", "--no-input") as terminal:
            self.assertEqual(terminal.end(), (1, said))
        self.assertEqual(self.runs(), before)

    def test_answers_piped_in_are_not_taken(self):
        result = subprocess.run([CTL, "run", "one-secret", "--wait"], env=self.env, capture_output=True, text=True, input="x\n", timeout=60)
        self.assertEqual(result.returncode, 0, result)  # the default holds
        self.assertNotIn("needs values", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
