"""operond's command line: what it prints and how it ends when it does not serve."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from operon_harness import BUILD, SOURCE

OPEROND = BUILD / "bin" / "operond"


def operond(*arguments, env=None):
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(env or {})}
    return subprocess.run([OPEROND, *arguments], capture_output=True, text=True, env=clean, timeout=60)


class Configuration(unittest.TestCase):
    def test_check_config_says_good_and_ends_with_0(self):
        done = operond("--check-config")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "the configuration is good (no file: embedded defaults)\n", ""))
        for name in ("standalone.yaml", "cluster.yaml"):
            sample = SOURCE / "config" / name
            done = operond("--check-config", "--config", sample)
            self.assertEqual((done.returncode, done.stdout), (0, f"the configuration is good ({sample})\n"))

    def test_check_config_lists_every_problem_and_ends_with_1(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "operond.yaml"
            file.write_text("listne: 127.0.0.1:1\nplugins:\n  one:\n    isolation: vm\n")
            done = operond("--check-config", "-c", file)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stdout, f'{file}:1: unknown key "listne"; did you mean "listen"?\n'
                             f'{file}:4: plugins.one.isolation must be "inprocess", "process" or "pod"\n'
                             f"note: {file}:3: plugins.one would be refused: plugin 'one': no library of that id in {BUILD / 'plugins'}\n"
                             "the configuration is not good: 2 problems\n")

    def test_a_placement_that_is_not_there_is_refused(self):
        for placement in ("process", "pod"):
            done = operond("--check-config", "--set", f"plugins.runner-process.isolation={placement}")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"plugins.runner-process.isolation: {placement} is not available in this version; the only placement is inprocess", done.stdout)

    def test_a_plugin_is_asked_for_and_its_configuration_meets_its_schema_without_loading_it(self):
        done = operond("--check-config", "--set", "plugins.registry-dir.config.pat=/x")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"flag --set: .*unknown key 'pat'; known are path")
        done = operond("--check-config", "--set", "plugins.other.plugin=no-such")
        self.assertEqual(done.returncode, 0)
        self.assertIn("note: flag --set: plugins.other would be refused: plugin 'no-such': no library of that id in", done.stdout)
        done = operond("--check-config", "--set", "plugins.other.plugin=no-such,plugins.other.required=true")
        self.assertEqual(done.returncode, 1)

    def test_options_without_effect_are_noted(self):
        done = operond("--check-config", "--leader-elect")
        self.assertEqual(done.returncode, 0)
        self.assertIn("note: flag --leader-election: leader_election has no effect on a host without a cluster", done.stdout)

    def test_a_bad_configuration_is_not_served(self):
        done = operond("--listen", "0.0.0.0:0")
        self.assertEqual(done.returncode, 2)
        self.assertIn("set rest.allow_remote_without_auth to true", done.stderr)
        done = operond("--no-such-flag")
        self.assertEqual((done.returncode, done.stderr), (2, "operond: unknown flag --no-such-flag; operond --help lists all flags\n"))

    def test_help_version_and_printed_configuration(self):
        self.assertEqual(operond("--help").stdout, (SOURCE / "tests/unit/config/golden/help.txt").read_text())
        self.assertRegex(operond("--version").stdout, r"^operond \d+\.\d+\.\d+\n$")
        printed = operond("--print-config", "--state-dir", "/s").stdout
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(printed)
            file.flush()
            self.assertEqual(operond("--print-config", "-c", file.name).stdout, printed)

    def test_printed_configuration_shows_no_secret(self):
        self.assertNotIn("hush-hush", operond("--print-config", "--set", "plugins.x.config.password=hush-hush-hush").stdout)

    def test_the_reference_in_docs_is_what_the_program_says(self):
        self.assertEqual((SOURCE / "docs/configuration.md").read_text(), operond("--help-markdown").stdout, "write it anew with scripts/generate")


if __name__ == "__main__":
    unittest.main(verbosity=2)
