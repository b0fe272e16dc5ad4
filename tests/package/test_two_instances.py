"""Two instances of each kind, the second one a plugin that was made by `operonctl plugin new` and built against the installed package: every
route answers from the right one, by `defaults` and by request. Drives the installed operond.

OPERON_BUILD_DIR is the prefix of the package, OPERON_PACKAGE_DIR the folder with the plugins (my-KIND/build/plugins).
"""

import json
import os
import pathlib
import socket
import unittest

from operon_harness import BUILD, Host, until

PACKAGE = pathlib.Path(os.environ["OPERON_PACKAGE_DIR"])
KINDS = ("target-provider", "scenario-registry", "job-runner")

# The scenario `shared` is in both registries, and says of itself where it comes from.
TREE_SCENARIOS = {
    "shared": "title: From the tree\nfields: [{name: word, type: string, variable: WORD, default: tree}]\n"
              "globals: {title: Common, fields: [{name: region, type: string, variable: REGION, default: here}]}\nrun: {argv: [echo, tree, $(WORD)]}\n",
    "tree-only": "title: Tree only\nrun: {argv: [echo, tree-only]}\n",
    "tree-sleep": "title: Tree sleep\nrun: {argv: [sleep, '600']}\n",
}
OWN_SCENARIOS = [
    {"name": "shared", "title": "From outside", "argv": ["echo", "outside", "$(DURATION)"], "seconds": 7},
    {"name": "outside-only", "title": "Outside only", "argv": ["echo", "outside-only"]},
]
COUNTDOWN = "still 2 to go\nstill 1 to go\n"


def configuration(defaults):
    def folder(kind):
        return str(PACKAGE / f"my-{kind}" / "build" / "plugins")
    found = [str(f) for f in BUILD.glob("lib*/operon/plugins")] + [str(f) for f in BUILD.glob("lib/*/operon/plugins")]
    return json.dumps({
        "plugin_dirs": found + [folder(kind) for kind in KINDS],
        "defaults": defaults,
        "plugins": {
            "target-file": {"config": {"kubeconfigs": []}},
            "registry-dir": {},
            "runner-process": {},
            "own-targets": {"plugin": "my-target-provider", "config": {"clusters": [{"name": "localhost", "api_url": "https://own.example:6443"}, {"name": "one"}]}},
            "own-scenarios": {"plugin": "my-scenario-registry", "config": {"scenarios": OWN_SCENARIOS}},
            "own-runner": {"plugin": "my-job-runner", "config": {"steps": 2, "step_ms": 20}},
        },
    })


class TwoOfEach:
    """The routes; what differs between the two classes below is who answers when nobody is named."""

    registry_first = runner_first = ""

    @classmethod
    def setUpClass(cls):
        cls.host = Host(config=configuration({"registry": cls.registry_first, "runner": cls.runner_first}))
        for name, text in TREE_SCENARIOS.items():
            cls.host.scenario(name, text)
        cls.host.start()

    @classmethod
    def tearDownClass(cls):
        cls.host.remove()

    def ask(self, method, path, body=None, status=200):
        answer = self.host.api(method, path, body)
        self.assertEqual(answer.status, status, (method, path, answer))
        return answer

    def run_body(self, name="shared", **more):
        return self.host.run_body(name, provider="target-file", **more)

    def log_of(self, **more):
        """Runs `shared` to its end; its log, which is another one from each registry and each runner."""
        job = self.ask("POST", "/scenarios/run", self.run_body(**more), 201).json["jobId"]
        ended = self.host.wait_ended(job)
        self.assertEqual(ended["status"], "Succeeded", ended)
        return self.host.logs(job, "?follow=true").decode()

    # ---- instances ----------------------------------------------------------------------------------------------------------------

    def test_all_six_are_ready(self):
        plugins = {p["name"]: p for p in self.ask("GET", "/operon/v1/plugins").json["plugins"]}
        self.assertEqual({name: p["state"] for name, p in plugins.items()}, dict.fromkeys(
            ("target-file", "registry-dir", "runner-process", "own-targets", "own-scenarios", "own-runner"), "ready"))
        for kind, name in (("target-provider", "own-targets"), ("scenario-registry", "own-scenarios"), ("job-runner", "own-runner")):
            self.assertEqual(plugins[name]["interfaces"], [f"operon.{kind}/1"])
            self.assertTrue(plugins[name]["library"].startswith(str(PACKAGE / f"my-{kind}")), plugins[name])

    def test_routes_that_ask_no_plugin(self):
        self.assertEqual(self.ask("GET", "/health").json, {"status": "healthy"})
        self.assertEqual(self.ask("GET", "/").json["name"], "operon")
        self.assertEqual(self.ask("GET", "/operon/v1/version").json["name"], "operon")
        self.assertIn("openapi: 3.1", self.ask("GET", "/operon/v1/openapi.yaml").text)

    # ---- target providers: all of them are asked, a request names one -------------------------------------------------------------

    def test_clusters_of_both_providers(self):
        uuid = self.ask("POST", "/targets", status=202).json["uuid"]
        until("both providers answered", lambda: self.host.api("GET", f"/targets/{uuid}").status == 200)
        answer = self.ask("GET", f"/clusters?id={uuid}").json
        self.assertEqual(answer["targetData"], {
            "target-file": [{"cluster-name": "localhost", "cluster-api-url": ""}],
            "own-targets": [{"cluster-name": "localhost", "cluster-api-url": "https://own.example:6443"}, {"cluster-name": "one", "cluster-api-url": ""}]})

    def test_nodes_of_the_provider_that_is_named(self):
        uuid = self.host.targets()
        self.assertIn("several providers", self.ask("GET", f"/nodes?id={uuid}&cluster-name=localhost", status=409).json["message"])
        for provider in ("target-file", "own-targets"):
            message = self.ask("GET", f"/nodes?id={uuid}&cluster-name=localhost&provider={provider}", status=422).json["message"]
            self.assertIn(f"provider '{provider}'", message)
        self.assertIn("provider 'own-targets'", self.ask("GET", f"/nodes?id={uuid}&cluster-name=one", status=422).json["message"])
        self.ask("GET", f"/nodes?id={uuid}&cluster-name=one&provider=target-file", status=404)

    def test_a_run_names_the_provider(self):
        body = {**self.run_body(), "provider": None}
        self.assertIn("several providers", self.ask("POST", "/scenarios/run", body, 409).json["message"])
        job = self.ask("POST", "/scenarios/run", {**body, "provider": "own-targets"}, 201).json["jobId"]
        self.assertEqual(self.host.wait_ended(job)["status"], "Succeeded")
        self.ask("POST", "/scenarios/run", {**body, "clusterName": "one", "provider": "target-file"}, 404)
        message = self.ask("POST", "/scenarios/run", {**body, "provider": "nobody"}, 404).json["message"]
        self.assertIn("nobody", message)

    # ---- registries ---------------------------------------------------------------------------------------------------------------

    def names(self, body=None):
        return {s["name"] for s in self.ask("POST", "/scenarios", body).json["scenarios"]}

    def test_scenarios(self):
        names = {"registry-dir": set(TREE_SCENARIOS), "own-scenarios": {"shared", "outside-only"}}
        self.assertEqual(self.names(), names[self.registry_first])
        for registry, expected in names.items():
            self.assertEqual(self.names({"registry": registry}), expected)
        message = self.ask("POST", "/scenarios", {"registry": "own-runner"}, 422).json["message"]
        self.assertIn("is no scenario registry", message)

    def test_detail(self):
        titles = {"registry-dir": "From the tree", "own-scenarios": "From outside"}
        variables = {"registry-dir": ["WORD"], "own-scenarios": ["DURATION"]}
        for registry, body in ((self.registry_first, None), ("registry-dir", {"registry": "registry-dir"}), ("own-scenarios", {"registry": "own-scenarios"})):
            detail = self.ask("POST", "/scenarios/detail/shared", body).json
            self.assertEqual(detail["title"], titles[registry])
            self.assertEqual([f["variable"] for f in detail["fields"]], variables[registry])
        self.ask("POST", "/scenarios/detail/outside-only", {"registry": "registry-dir"}, 404)
        self.ask("POST", "/scenarios/detail/tree-only", {"registry": "own-scenarios"}, 404)

    def test_globals(self):
        has_them = self.registry_first == "registry-dir"
        self.ask("POST", "/scenarios/globals/shared", status=200 if has_them else 404)
        self.assertEqual([f["variable"] for f in self.ask("POST", "/scenarios/globals/shared", {"registry": "registry-dir"}).json["fields"]], ["REGION"])
        self.ask("POST", "/scenarios/globals/shared", {"registry": "own-scenarios"}, 404)

    def test_scenarios_of_all_registries(self):
        def pairs(query=""):
            return {(s["registry"], s["name"]) for s in self.ask("GET", f"/operon/v1/scenarios{query}").json["scenarios"]}
        tree = {("registry-dir", name) for name in TREE_SCENARIOS}
        own = {("own-scenarios", "shared"), ("own-scenarios", "outside-only")}
        self.assertEqual(pairs(), tree | own)
        self.assertEqual(pairs("?registry=registry-dir"), tree)
        self.assertEqual(pairs("?registry=own-scenarios"), own)

    def test_one_scenario_of_whichever_registry(self):
        def registry(name, query=""):
            return self.ask("GET", f"/operon/v1/scenarios/{name}{query}").json["registry"]
        self.assertEqual(registry("shared"), self.registry_first)
        self.assertEqual(registry("tree-only"), "registry-dir")
        self.assertEqual(registry("outside-only"), "own-scenarios")
        for named in ("registry-dir", "own-scenarios"):
            self.assertEqual(registry("shared", f"?registry={named}"), named)
        self.ask("GET", "/operon/v1/scenarios/tree-only?registry=own-scenarios", status=404)

    # ---- runs: registry and runner --------------------------------------------------------------------------------------------------

    def test_runs_by_default_and_by_name(self):
        """Who was asked shows in the log: the countdown is the runner from outside; the words of `echo` tell the registries apart."""
        echo = {"registry-dir": "tree tree\n", "own-scenarios": "outside 7\n"}
        for registry in (None, "registry-dir", "own-scenarios"):
            for runner in (None, "runner-process", "own-runner"):
                named = {key: value for key, value in (("registry", registry), ("runner", runner)) if value}
                expected = COUNTDOWN if (runner or self.runner_first) == "own-runner" else echo[registry or self.registry_first]
                with self.subTest(**named):
                    self.assertEqual(self.log_of(**named), expected)

    def test_runs_that_name_the_wrong_one(self):
        self.ask("POST", "/scenarios/run", self.run_body("outside-only", registry="registry-dir"), 404)
        self.ask("POST", "/scenarios/run", self.run_body("tree-only", registry="own-scenarios"), 404)
        message = self.ask("POST", "/scenarios/run", self.run_body(runner="nobody"), 422).json["message"]
        for runner in ("runner-process", "own-runner"):
            self.assertIn(runner, message)
        message = self.ask("POST", "/scenarios/run", self.run_body(runner="own-scenarios"), 422).json["message"]
        self.assertIn("is no job runner", message)
        # WORD is a variable of the tree's scenario; the one from outside does not know it.
        body = self.run_body(environment={"WORD": "x"}, runner="runner-process")
        self.ask("POST", "/scenarios/run", {**body, "registry": "own-scenarios"}, 422)
        self.ask("POST", "/scenarios/run", {**body, "registry": "registry-dir"}, 201)

    def test_an_image_goes_to_the_runner_that_takes_it(self):
        image = {**self.run_body(), "scenarioImage": "quay.io/x/y:z"}
        message = self.ask("POST", "/scenarios/run", {**image, "runner": "runner-process"}, 422).json["message"]
        self.assertIn("own-runner", message)
        job = self.ask("POST", "/scenarios/run", {**image, "runner": "own-runner"}, 201).json["jobId"]
        self.host.wait_ended(job)
        self.assertEqual(self.host.logs(job, "?follow=true").decode(), COUNTDOWN)

    def test_runs_of_both_runners_in_one_table(self):
        jobs = {}
        for runner in ("runner-process", "own-runner"):
            jobs[runner] = self.ask("POST", "/scenarios/run", self.run_body("tree-only", registry="registry-dir", runner=runner), 201).json["jobId"]
        for job in jobs.values():
            self.assertEqual(self.host.wait_ended(job)["status"], "Succeeded")
        listed = {j["jobId"] for j in self.ask("GET", "/scenarios/run?scenarioName=tree-only&status=Succeeded").json["jobs"]}
        self.assertLessEqual(set(jobs.values()), listed)
        follow = {runner: self.ask("GET", f"/scenarios/run/{job}/logs?follow=true").text for runner, job in jobs.items()}
        self.assertEqual(follow, {"runner-process": "tree-only\n", "own-runner": COUNTDOWN})
        self.assertEqual(self.ask("GET", f"/scenarios/run/{jobs['own-runner']}/logs?tailLines=1").text, "still 1 to go\n")
        for job in jobs.values():
            self.assertEqual(self.ask("DELETE", f"/scenarios/run/{job}").json["status"], "Stopped")
            self.assertEqual(self.host.status(job), "Succeeded")

    def test_stop_reaches_the_runner_of_the_run(self):
        job = self.ask("POST", "/scenarios/run", self.run_body("tree-sleep", registry="registry-dir", runner="runner-process"), 201).json["jobId"]
        self.host.wait_status(job, "Running")
        self.assertEqual(self.ask("DELETE", f"/scenarios/run/{job}").json["status"], "Stopped")
        self.assertEqual(self.host.status(job), "Stopped")

    # ---- the rest of /operon/v1 -----------------------------------------------------------------------------------------------------

    def test_events_tell_of_both_runners(self):
        with socket.create_connection(("127.0.0.1", self.host.port), timeout=30) as connection:
            connection.sendall(f"GET /operon/v1/jobs/events HTTP/1.1\r\nHost: 127.0.0.1:{self.host.port}\r\n\r\n".encode())
            stream = connection.makefile("rb")
            while stream.readline().strip() != b"event: hello":
                pass
            wanted = {self.ask("POST", "/scenarios/run", self.run_body(runner=r), 201).json["jobId"] for r in ("runner-process", "own-runner")}
            while wanted:
                line = stream.readline()
                self.assertTrue(line, "the stream ended")
                if line.startswith(b"data: "):
                    job = json.loads(line[6:])
                    if job.get("status") == "Succeeded":
                        wanted.discard(job.get("jobId"))

    def test_the_brake_holds_for_both_runners(self):
        self.assertTrue(self.ask("POST", "/operon/v1/freeze", {"reason": "a test"}).json["frozen"])
        try:
            self.assertTrue(self.ask("GET", "/operon/v1/freeze").json["frozen"])
            for runner in ("runner-process", "own-runner"):
                self.assertIn("a test", self.ask("POST", "/scenarios/run", self.run_body(runner=runner), 503).json["message"])
        finally:
            self.assertFalse(self.ask("POST", "/operon/v1/unfreeze").json["frozen"])


class TheTreesByDefault(TwoOfEach, unittest.TestCase):
    registry_first, runner_first = "registry-dir", "runner-process"


class ThoseFromOutsideByDefault(TwoOfEach, unittest.TestCase):
    registry_first, runner_first = "own-scenarios", "own-runner"


if __name__ == "__main__":
    unittest.main(verbosity=2)
