"""operonctl run --from-file and --dry-run."""

import json
import os
import subprocess
import unittest

from operon_harness import BUILD, Host

CTL = str(BUILD / "bin" / "operonctl")

FIELDS = """
title: Fields
description: has fields
fields:
  - {name: count, type: number, variable: COUNT, default: "2"}
  - {name: word, type: string, variable: WORD, required: "true", validator: "^[a-z]+$"}
  - {name: hex, type: string, variable: HEX}
  - {name: key, type: string, variable: KEY, secret: "true"}
  - {name: input, type: file, variable: INPUT, mount_path: /data/input}
globals: {title: Base, description: of all, fields: [{name: hidden, type: string, variable: UNTOLD, secret: "true"}]}
run: {argv: [/bin/sh, -c, 'echo "$COUNT $WORD $HEX"; [ -z "$INPUT" ] || cat "$INPUT"']}
"""
RUN = """
scenario: fields
cluster: localhost
provider: target-file
registry: registry-dir
runner: runner-process
timeoutSeconds: 30
values:
  WORD: yes
  HEX: 0x10
  COUNT: 1_000
  KEY: sesame-sesame
  INPUT: input.txt
  FREE:
files:
  - {path: more.txt, mountPath: /data/more}
"""
KEY = "sesame-sesame"


class RunFile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host().start()
        cls.host.scenario("fields", FIELDS)
        cls.folder = cls.host.folder / "runs"
        cls.folder.mkdir()
        (cls.folder / "input.txt").write_text("from a file\n")
        (cls.folder / "more.txt").write_text("more\n")

    @classmethod
    def tearDownClass(cls):
        cls.host.remove()

    def ctl(self, *args, code=0, host=None):
        host = host or self.host
        result = subprocess.run([CTL, *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                                env={"PATH": os.environ["PATH"], "HOME": str(host.folder), "OPERON_SERVER": f"http://127.0.0.1:{host.port}"})
        self.assertEqual(result.returncode, code, result)
        return result

    def file(self, text, name="run.yaml"):
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def runs(self):
        return len(self.host.api("GET", "/scenarios/run").json["jobs"])

    def test_a_run_from_a_file_with_values_as_they_are_written(self):
        self.assertEqual(self.ctl("run", "--from-file", self.file(RUN), "--follow").stdout, "1_000 yes 0x10\nfrom a file\n")

    def test_json_is_taken_too(self):
        text = json.dumps({"scenario": "fields", "values": {"WORD": "a", "COUNT": 3, "HEX": "tab\there \"\u00e9\""}, "timeoutSeconds": 5}, indent="\t")
        self.assertEqual(self.ctl("run", "--from-file", self.file(text, "run.json"), "--follow").stdout, "3 a tab\there \"\u00e9\"\n")

    def test_the_command_line_counts_more(self):
        path = self.file(RUN)
        self.assertEqual(self.ctl("run", "--from-file", path, "--set", "WORD=b", "--set", "COUNT=7", "--follow").stdout, "7 b 0x10\nfrom a file\n")
        planned = json.loads(self.ctl("run", "fields", "--from-file", path, "--timeout-seconds", "9", "--file", f"{self.folder}/input.txt:/data/more",
                                      "--dry-run", "-o", "json").stdout)["requests"][0]["plan"]
        self.assertEqual(planned["timeoutSeconds"], 9)
        self.assertEqual(sorted((f["mountPath"], f["size"]) for f in planned["files"]), [("/data/input", 12), ("/data/more", 12)])
        self.assertIn("cluster 'elsewhere' is not offered", self.ctl("run", "--from-file", path, "--cluster", "elsewhere", code=1).stderr)

    def test_what_is_wrong_in_a_file_is_told_with_its_line(self):
        name = str(self.folder / "run.yaml")
        known = ("cluster, clusters, digest, files, idempotencyKey, insecure, passwordFile, provider, registry, registryTokenFile, registryUrl, runner, "
                 "scenario, scenarioRepository, skipTls, targetId, timeoutSeconds, username, values")
        for text, said in (("scenario: fields\nvaleus: {WORD: a}\n", f"{name}:2: unknown key 'valeus'; did you mean 'values'?"),
                           ("scenario: fields\nzzzzzzzzzzzz: 1\n", f"{name}:2: unknown key 'zzzzzzzzzzzz'; known are {known}"),
                           ("- a\n", f"{name}:1: must be a map with the keys {known}"),
                           ("scenario: [a]\n", f"{name}:1: 'scenario' must be text"),
                           ("scenario: a\ntimeoutSeconds: soon\n", f"{name}:2: 'timeoutSeconds' must be a whole number from 1 up"),
                           ("scenario: a\ninsecure: perhaps\n", f"{name}:2: 'insecure' must be true or false"),
                           ("scenario: a\nvalues:\n  KEY: [sesame-sesame]\n", f"{name}:3: 'values.KEY' must be text"),
                           ("scenario: a\nvalues: sesame-sesame\n", f"{name}:2: 'values' must be a map of values by variable"),
                           ("scenario: a\ncluster: a\nclusters: [b]\n", f"{name}:3: give 'cluster' or 'clusters', not both"),
                           ("scenario: a\nclusters: []\n", f"{name}:2: 'clusters' must be a list of names"),
                           ("scenario: a\nfiles:\n  - {path: x, mount: /y}\n", f"{name}:3: unknown key 'mount'; known are path, mountPath"),
                           ("scenario: a\nfiles:\n  - {path: x, mountPath: y}\n", f"{name}:3: each of 'files' needs a path, and a mountPath that begins with /"),
                           ("cluster: a\n", "which scenario? give its NAME, or 'scenario' in the file"),
                           ("scenario: a\nidempotencyKey: b\n", "an idempotency key needs a target id too: a new target request would make every repetition another request"),
                           ("scenario: a\nregistryUrl: b\n", "--registry-url needs --repository too: both name a private registry")):
            self.assertEqual(self.ctl("run", "--from-file", self.file(text), code=2).stderr, f"operonctl: {said}\n")
        self.assertIn(f"{name}:2: ", self.ctl("run", "--from-file", self.file("scenario: a\nscenario: b\n"), code=2).stderr)
        self.assertIn("/nowhere.yaml", self.ctl("run", "--from-file", "/nowhere.yaml", code=1).stderr)
        self.assertIn("NAME or --from-file is required", self.ctl("run", code=2).stderr)

    def test_credentials_of_a_file_go_to_no_other_registry(self):
        (self.folder / "password").write_text("correct-horse-battery\n")
        path = self.file("scenario: fields\nregistryUrl: r.example\nscenarioRepository: a/b\nusername: ann\npasswordFile: password\nvalues: {WORD: a}\n")
        self.assertIn("--registry-url needs --repository too", self.ctl("run", "--from-file", path, "--registry-url", "evil.example", code=2).stderr)
        planned = self.ctl("run", "--from-file", path, "--registry", "registry-dir", "--dry-run", "-o", "json").stdout
        self.assertNotIn("r.example", planned)
        self.assertNotIn("ann", json.loads(planned)["requests"][0]["body"])

    def test_a_dry_run_shows_the_request_and_starts_nothing(self):
        before = self.runs()
        shown = self.ctl("run", "--from-file", self.file(RUN), "--dry-run", "-o", "json")
        self.assertNotIn(KEY, shown.stdout)
        request, = json.loads(shown.stdout)["requests"]
        body, plan = request["body"], request["plan"]
        made = f"target request {body['targetId']} was made to look up the cluster; --target-id {body['targetId']} takes it again\n"
        self.assertEqual(shown.stderr, made + "nothing was started\n")
        self.assertNotIn("headers", request)
        again = self.ctl("run", "--from-file", self.file(RUN), "--dry-run", "--target-id", body["targetId"])
        self.assertEqual(again.stderr, "nothing was started\n")
        self.assertEqual((request["method"], request["path"]), ("POST", "/scenarios/run"))
        self.assertEqual(body["environment"], {"WORD": "yes", "HEX": "0x10", "COUNT": "1_000", "KEY": "***"})
        self.assertEqual(body["files"][0], {"name": "more", "content": "(8 bytes of base64)", "mountPath": "/data/more"})
        self.assertEqual({k: body[k] for k in ("scenarioImage", "scenarioName", "clusterName", "provider", "registry", "runner", "timeoutSeconds")},
                         {"scenarioImage": "dir://fields", "scenarioName": "fields", "clusterName": "localhost", "provider": "target-file",
                          "registry": "registry-dir", "runner": "runner-process", "timeoutSeconds": 30})
        self.assertEqual(plan["environment"], {**body["environment"], "INPUT": "/data/input"})
        self.assertEqual(plan["secretVariables"], ["KEY"])
        self.assertEqual((plan["runner"], plan["registry"], plan["validated"]), ("runner-process", "registry-dir", True))
        process, = plan["objects"]
        self.assertEqual((process["kind"], process["metadata"]["name"], process["spec"]["timeLimitSeconds"]), ("Process", plan["podName"], 30))
        self.assertEqual((process["spec"]["environment"]["KEY"], process["spec"]["environment"]["WORD"]), ("***", "yes"))
        self.assertEqual(self.runs(), before)
        self.assertNotIn(KEY, self.host.log_text())

    def test_a_dry_run_for_people(self):
        shown = self.ctl("run", "fields", "--set", "WORD=a", "--set", f"KEY={KEY}", "--set", f"UNTOLD={KEY}", "--dry-run").stdout
        self.assertRegex(shown, r'^# The request\nPOST /scenarios/run\n\{\n  "clusterName": "localhost",\n')
        self.assertIn('\n# The run\nclusterName: localhost\n', shown)
        self.assertIn("\n# The objects\n---\napiVersion: runner-process/v1\nkind: Process\n", shown)
        self.assertRegex(shown, r'\n    UNTOLD: .?\*\*\*')
        self.assertNotIn(KEY, shown)

    def test_a_dry_run_with_a_key_shows_what_the_key_does(self):
        target = json.loads(self.ctl("run", "fields", "--set", "WORD=a", "--dry-run", "-o", "json").stdout)["requests"][0]["body"]["targetId"]
        run = ("run", "fields", "--set", "WORD=a", "--target-id", target, "--idempotency-key", "nightly-7")
        shown = self.ctl(*run, "--dry-run").stdout
        self.assertIn("POST /scenarios/run\nIdempotency-Key: nightly-7\n{\n", shown)
        planned, = json.loads(self.ctl(*run, "--dry-run", "-o", "json").stdout)["requests"]
        self.assertEqual(planned["headers"], {"Idempotency-Key": "nightly-7"})
        self.assertNotIn("repeats", planned["plan"])
        job = json.loads(self.ctl(*run, "-o", "json").stdout)["jobId"]
        self.assertEqual(job, planned["plan"]["jobId"])
        shown = self.ctl(*run, "--dry-run").stdout
        self.assertIn("repeats: true\n", shown)
        self.assertTrue(shown.endswith(f"\n# The run {job} is there already under this key: it would be answered, and nothing started\n"), shown)

    def test_an_empty_file_field_is_none(self):
        planned, = json.loads(self.ctl("run", "fields", "--set", "WORD=a", "--set", "INPUT=", "--dry-run", "-o", "json").stdout)["requests"]
        self.assertNotIn("files", planned["body"])
        self.assertNotIn("INPUT", planned["body"]["environment"])

    def test_a_dry_run_is_refused_as_the_run_would_be(self):
        self.assertIn("'NOT' does not match", self.ctl("run", "fields", "--set", "WORD=NOT", "--dry-run", code=1).stderr)
        self.assertIn("runner 'nobody' is not configured", self.ctl("run", "fields", "--set", "WORD=a", "--runner", "nobody", "--dry-run", code=1).stderr)
        self.ctl("freeze", "--reason", "release day")
        try:
            self.assertIn("release day", self.ctl("run", "fields", "--set", "WORD=a", "--dry-run", code=1).stderr)
        finally:
            self.ctl("unfreeze")

    def test_what_was_shown_is_what_runs(self):
        digest = json.loads(self.ctl("scenario", "fields", "-o", "json").stdout)["digest"]
        self.ctl("run", "fields", "--set", "WORD=a", "--digest", digest, "--wait")
        refused = self.ctl("run", "fields", "--set", "WORD=a", "--digest", "sha256:0", code=1).stderr
        self.assertEqual(refused, f"operonctl: scenarioImage 'dir://fields' was shown with scenarioDigest sha256:0, and registry 'registry-dir' has {digest} now: "
                                  "look at the scenario again\n")

    def test_a_run_on_each_of_several_clusters(self):
        kubeconfig = self.folder / "kubeconfig"
        kubeconfig.write_text("""
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: east, context: {cluster: c, user: u}}, {name: west, context: {cluster: c, user: u}}]
current-context: east
""")
        with Host(sets=[f"plugins.target-file.config.kubeconfigs[0]={kubeconfig}"]) as host:
            host.shell_scenario("short", "echo up")
            path = self.file("scenario: short\nclusters: [east, west]\n")
            planned = json.loads(self.ctl("run", "--from-file", path, "--dry-run", "-o", "json", host=host).stdout)["requests"]
            self.assertEqual([p["plan"]["clusterName"] for p in planned], ["east", "west"])
            done = self.ctl("run", "--from-file", path, "--wait", host=host)
            self.assertEqual(len(json.loads(self.ctl("run", "--from-file", path, "--wait", "-o", "json", host=host).stdout)["jobs"]), 2)
            self.assertEqual(len([line for line in done.stderr.split("\n") if line.endswith(": Succeeded")]), 2, done.stderr)
            self.assertEqual(len(self.ctl("run", "short", "--cluster", "east", "--cluster", "localhost", "-o", "name", host=host).stdout.split()), 2)
            self.assertIn("cluster 'north' is not offered", self.ctl("run", "short", "--cluster", "east", "--cluster", "north", code=1, host=host).stderr)
            self.assertEqual(len(host.api("GET", "/scenarios/run").json["jobs"]), 6)
            for args, said in ((["--follow"], "--follow shows the log of one run"), (["--target-id", "x", "--idempotency-key", "k"], "an idempotency key is of one run"),
                               (["--cluster", "a", "--cluster", "a"], "a cluster is named twice")):
                self.assertIn(said, self.ctl("run", "--from-file", path, *args, code=2, host=host).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
