"""operonctl scenarios and scenario: search, tables, private registries."""

import contextlib
import http.server
import json
import os
import subprocess
import threading
import unittest

from operon_harness import BUILD, Host
from terminal import Terminal

CTL = str(BUILD / "bin" / "operonctl")
PASSWORD = "correct-horse-battery"

TABLE = """
title: Storm
description: Makes weather
globals:
  title: Base
  description: of all
  fields:
    - {name: cerberus, type: boolean, variable: CERBERUS, default: "false", short_description: Ask Cerberus}
fields:
  - {name: heading, type: group}
  - {name: wind, type: enum, variable: WIND, allowed_values: "calm,gale", default: calm, required: "true", short_description: How much}
  - {name: key, type: string, variable: KEY, secret: "true", default: hunter2hunter2, description: Opens the sky}
"""
TABLE_SHOWN = """Name:          storm
Title:         Storm
Description:   Makes weather
Registry:      registry-dir
Reference:     dir://storm

VARIABLE   TYPE     REQUIRED   DEFAULT    ALLOWED VALUES   DESCRIPTION
WIND       enum     yes        calm       calm,gale        How much
KEY        string   no         (hidden)   -                Opens the sky
"""
GLOBALS_SHOWN = """
Globals, from its base:

VARIABLE   TYPE      REQUIRED   DEFAULT   ALLOWED VALUES   DESCRIPTION
CERBERUS   boolean   no         false     -                Ask Cerberus
"""


class Played(http.server.BaseHTTPRequestHandler):
    """Answers like operond, and keeps what it was asked."""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, json.loads(body) if body else None))
        answer = self.server.answers.get((self.command, self.path.split("?")[0]), (404, {"error": "not_found", "message": "nothing here"}, {}))
        self.send_response(answer[0])
        for name, value in answer[2].items():
            self.send_header(name, value)
        text = json.dumps(answer[1]).encode()
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def played(answers):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Played)
    server.asked, server.answers = [], answers
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


LIST = {("POST", "/scenarios"): (200, {"scenarios": [{"name": "pod-kill", "digest": "sha256:1"}, {"name": "node-hog"}]}, {"Operon-Partial": "true", "Age": "61"})}
FIELDS = [{"name": "word", "type": "string", "variable": "WORD", "required": True}]
DETAIL = {("POST", "/scenarios/detail/pod-kill"): (200, {"name": "pod-kill", "title": "Pods", "description": "d", "digest": "sha256:1", "fields": FIELDS}, {}),
          ("POST", "/scenarios/globals/pod-kill"): (404, {"error": "not_found", "message": "Global environment for scenario 'pod-kill' not found"}, {})}
RUN = {("POST", "/targets"): (202, {"uuid": "u1"}, {}), ("GET", "/targets/u1"): (200, {}, {}),
       ("GET", "/clusters"): (200, {"status": "Completed", "targetData": {"p": [{"cluster-name": "c", "cluster-api-url": "x"}]}}, {}),
       ("POST", "/scenarios/run"): (201, {"jobId": "j1", "status": "Pending", "podName": "krkn-job-j1"}, {})}
PRIVATE = ["--registry-url", "registry.example.org:5000", "--repository", "team/scenarios"]
WHERE = {"registryUrl": "registry.example.org:5000", "scenarioRepository": "team/scenarios"}


class Scenarios(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(sets=["plugins.registry-oci=null"]).start()
        cls.host.scenario("storm", TABLE + "run: {argv: [/bin/true]}\n")
        cls.host.scenario("calm", "title: Quiet\ndescription: No STORM at all\nfields: []\nrun: {argv: [/bin/true]}\n")
        cls.host.scenario("other", "title: Other\ndescription: x\nfields: []\nrun: {argv: [/bin/true]}\n")
        cls.password_file = cls.host.folder / "password"
        cls.password_file.write_text(PASSWORD + "\n")

    @classmethod
    def tearDownClass(cls):
        cls.host.remove()

    def env(self, server=None):
        port = server.server_address[1] if server else self.host.port
        return {"PATH": os.environ["PATH"], "HOME": str(self.host.folder), "OPERON_SERVER": f"http://127.0.0.1:{port}"}

    def ctl(self, *args, code=0, server=None):
        result = subprocess.run([CTL, *args], capture_output=True, text=True, timeout=60, env=self.env(server), stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, code, result)
        return result

    def names(self, *args):
        return self.ctl("scenarios", *args, "-o", "name").stdout.split()

    def test_search_in_name_title_and_description_whatever_the_case(self):
        self.assertEqual(sorted(self.names()), ["calm", "other", "storm"])
        self.assertEqual(sorted(self.names("Storm")), ["calm", "storm"])
        self.assertEqual(self.names("quiet"), ["calm"])
        found = json.loads(self.ctl("scenarios", "quiet", "-o", "json").stdout)["scenarios"]
        self.assertEqual([(s["name"], s["registry"], s["title"]) for s in found], [("calm", "registry-dir", "Quiet")])
        self.assertRegex(self.ctl("scenarios", "quiet").stdout, r"^NAME +REGISTRY +MODIFIED +TITLE\ncalm +registry-dir +\S+ +Quiet\n$")
        nothing = self.ctl("scenarios", "volcano")
        self.assertEqual(nothing.stderr, "operonctl: no scenario with 'volcano'\n")

    def test_which_registry_is_still_reading_or_away(self):
        answer = {"scenarios": [], "registries": [{"registry": "hub", "scenarios": 0, "partial": True}, {"registry": "quay", "scenarios": 0, "ageSeconds": 61}],
                  "failed": [{"registry": "far", "message": "no answer"}]}
        with played({("GET", "/operon/v1/scenarios"): (200, answer, {"Operon-Partial": "true", "Age": "61"})}) as server:
            self.assertEqual(self.ctl("scenarios", server=server).stderr, "operonctl: registry hub is still reading: a later list has more\n"
                             "operonctl: registry quay could not be asked for a newer list; this one is 61 s old\n"
                             "operonctl: registry far did not answer: no answer\n")

    def test_registry_choice(self):
        self.assertEqual(len(self.names("--registry", "registry-dir")), 3)
        self.assertIn("registry 'nobody' is not configured; known: registry-dir", self.ctl("scenarios", "--registry", "nobody", code=1).stderr)

    def test_a_scenario_as_tables(self):
        shown = "\n".join(line for line in self.ctl("scenario", "storm").stdout.split("\n") if not line.startswith(("Digest", "Modified")))
        self.assertEqual(shown, TABLE_SHOWN)
        self.assertEqual(self.ctl("scenario", "storm").stderr, "and 1 fields of its base: --globals shows them\n")
        with_globals = self.ctl("scenario", "storm", "--globals")
        self.assertTrue(with_globals.stdout.endswith(TABLE_SHOWN[TABLE_SHOWN.index("\nVARIABLE"):] + GLOBALS_SHOWN), with_globals.stdout)
        self.assertNotIn("hunter2", with_globals.stdout)
        self.assertIn("No globals", self.ctl("scenario", "other", "--globals").stdout)
        self.assertEqual(json.loads(self.ctl("scenario", "storm", "-o", "json").stdout)["globals"][0]["variable"], "CERBERUS")

    def test_a_private_registry_goes_out_in_the_body(self):
        with played(LIST) as server:
            shown = self.ctl("scenarios", "POD", *PRIVATE, "--username", "ann", "--password-file", str(self.password_file), "--insecure", "-o", "json", server=server)
            self.assertEqual(json.loads(shown.stdout)["scenarios"],
                             [{"name": "pod-kill", "digest": "sha256:1", "reference": "registry.example.org:5000/team/scenarios:pod-kill"}])
            self.assertEqual(server.asked, [("POST", "/scenarios", {**WHERE, "username": "ann", "password": PASSWORD, "insecure": True})])
            self.assertEqual(shown.stderr, "operonctl: the registry is still reading: a later list has more\n"
                                           "operonctl: the registry could not be asked for a newer list; this one is 61 s old\n")
        with played(LIST) as server:
            self.assertEqual(self.ctl("scenarios", *PRIVATE, server=server).stdout,
                             "NAME       MODIFIED   REFERENCE\n"
                             "pod-kill   -          registry.example.org:5000/team/scenarios:pod-kill\n"
                             "node-hog   -          registry.example.org:5000/team/scenarios:node-hog\n")
            self.assertIn("operonctl: no scenario with 'volcano' in its name; titles are not in a private registry's list\n",
                          self.ctl("scenarios", "volcano", *PRIVATE, server=server).stderr)
        with played(LIST) as server:
            self.ctl("scenarios", "--registry-url", "https://registry.example.org:5000/", *PRIVATE[2:], "--registry-token-file", str(self.password_file),
                     "--skip-tls", "--registry", "hub", server=server)
            self.assertEqual(server.asked, [("POST", "/scenarios", {**WHERE, "registry": "hub", "token": PASSWORD, "skipTls": True})])
        with played(LIST | DETAIL | RUN) as server:
            self.assertIn("Reference:     registry.example.org:5000/team/scenarios:pod-kill\n", self.ctl("scenario", "pod-kill", *PRIVATE, server=server).stdout)
            self.assertEqual(server.asked[-1], ("POST", "/scenarios/globals/pod-kill", WHERE))
            self.ctl("run", "pod-kill", *PRIVATE, "--set", "WORD=a", "--username", "ann", "--password-file", str(self.password_file), server=server)
            self.assertEqual(server.asked[-1], ("POST", "/scenarios/run", {
                **WHERE, "username": "ann", "password": PASSWORD, "targetId": "u1", "clusterName": "c", "provider": "p", "scenarioName": "pod-kill",
                "scenarioImage": "registry.example.org:5000/team/scenarios:pod-kill", "environment": {"WORD": "a"}}))

    def test_a_password_is_asked_for_without_showing_it(self):
        with played(LIST) as server, Terminal([CTL, "scenarios", *PRIVATE, "--username", "ann"], self.env(server)) as terminal:
            terminal.expect("Password of ann at registry.example.org:5000: ")
            self.assertFalse(terminal.echoes())
            terminal.type(PASSWORD + "\n")
            code, shown = terminal.end()
            self.assertEqual((code, server.asked[0][2]["password"]), (0, PASSWORD))
            self.assertNotIn(PASSWORD, shown)
            self.assertTrue(terminal.echoes())
        self.assertEqual(self.ctl("scenarios", *PRIVATE, "--username", "ann", code=1).stderr,
                         "operonctl: --username needs its password: give --password-file FILE (on a terminal operonctl asks for it)\n")

    def test_what_does_not_fit_together_is_named(self):
        for args, said in ((["--registry-url", "x"], "--registry-url needs --repository too: both name a private registry"),
                           (["--repository", "x"], "--repository needs --registry-url too: both name a private registry"),
                           (["--username", "x"], "--username is about a private registry: it needs --registry-url and --repository"),
                           (["--insecure"], "--insecure is about a private registry: it needs --registry-url and --repository"),
                           (["--registry-url", "https://ann:pw@x", "--repository", "y"],
                            "--registry-url must hold no user and password; give --username and --password-file"),
                           (["--registry-url", "http://x", "--repository", "y"],
                            "--registry-url is http://: give --insecure if passwords and images may travel in clear text"),
                           (["--registry-url", "https://x", "--repository", "y", "--insecure"],
                            "--registry-url is https:// and --insecure means http://: leave one out (--skip-tls takes any certificate)"),
                           ([*PRIVATE, "--username", "a", "--password-file", "f", "--registry-token-file", "g"],
                            "give --password-file or --registry-token-file, not both"),
                           ([*PRIVATE, "--password-file", "f"], "--password-file needs --username")):
            self.assertEqual(self.ctl("scenarios", *args, code=2).stderr, f"operonctl: {said}\n")
        for password in (["--password", "hunter2"], ["--password=hunter2"]):
            self.assertEqual(self.ctl("scenarios", *PRIVATE, *password, code=2).stderr,
                             "operonctl: a password does not belong on a command line, where others see it: use --password-file\n"
                             "See 'operonctl scenarios --help'.\n")

    def test_the_host_says_when_it_can_ask_no_private_registry(self):
        self.assertIn("no configured scenario registry takes a registryUrl and scenarioRepository", self.ctl("scenarios", *PRIVATE, code=1).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
