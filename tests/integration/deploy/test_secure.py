"""config/secure on a real cluster: who shows no token is not let in, and who shows one may do what roles on runs say.

The classes are stages of one deployment's life, in this order; see load_tests.
"""

import json
import os
import unittest

import test_deploy as deploy
from audit import Audit
from operon_harness import SOURCE, until
from pods_harness import get, kubectl, server_minor
from test_deploy import MANAGER, NAMESPACE, in_namespace

OVERLAY = SOURCE / "config/secure"
ACCOUNTS = {"nobody": None, "vic": "viewer", "ron": "runner", "stan": "stopper", "ada": "admin"}
KNOWN_SECONDS_MAX = 60
FORGED_JOB = "2c1e6f0a-7d43-4b57-9f1e-0c8f3c2a4b5d"


def user(name):
    return f"system:serviceaccount:{NAMESPACE}:{name}"


class Applied(deploy.Stage):
    @classmethod
    def setUpClass(cls):
        deploy.Applied.setUpClass.__func__(cls)

    def test_it_becomes_ready_and_asks_who_calls(self):
        kubectl("apply", "-k", str(OVERLAY))
        deploy.rolled_out()
        deploy.apply_with_the_nodes_own_images(OVERLAY)
        deploy.rolled_out()
        until("the old pod has gone", deploy.manager_pod, 60, every=0.2)
        for name, role in ACCOUNTS.items():
            in_namespace("create", "serviceaccount", name)
            if role:
                in_namespace("create", "rolebinding", name, f"--role=krkn-operator-{role}", f"--serviceaccount={NAMESPACE}:{name}")


class Callers(deploy.Stage):
    tokens = {}
    sleeper = None

    @classmethod
    def setUpClass(cls):
        cls.tokens = {name: in_namespace("create", "token", name).strip() for name in ACCOUNTS}

    def asked_by(self, name, method, path, body=None):
        self.rest.token = self.tokens.get(name)
        try:
            return self.rest(method, path, body)
        finally:
            self.rest.token = None

    def may(self, name, status, method, path, body=None):
        got, text = self.asked_by(name, method, path, body)
        self.assertEqual(status, got, f"{name}: {method} {path}: {text}")
        return text

    def test_1_without_a_token_there_is_only_health(self):
        for method, path in (("GET", "/scenarios/run"), ("POST", "/scenarios/run"), ("POST", "/targets"), ("GET", "/operon/v1/plugins"), ("DELETE", "/scenarios/run/x"),
                             ("POST", "/operon/v1/freeze")):
            with self.subTest(method + " " + path):
                self.may(None, 401, method, path, {} if method == "POST" else None)
        self.may(None, 200, "GET", "/health")

    def test_2_a_token_of_somebody_else_s_making_is_none(self):
        token = self.tokens["ada"]
        Callers.tokens = {**self.tokens, "forger": token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB"), "stranger": "rubbish"}
        for name in ("forger", "stranger"):
            self.may(name, 401, "GET", "/scenarios/run")

    def test_3_who_has_no_role_may_nothing(self):
        text = self.may("nobody", 403, "GET", "/scenarios/run")
        self.assertIn("runs", text)
        self.may("nobody", 403, "POST", "/scenarios/run", {})

    def test_4_who_may_see_runs_starts_none(self):
        self.may("vic", 200, "GET", "/scenarios/run")
        self.may("vic", 403, "POST", "/scenarios/run", {})
        self.may("vic", 202, "POST", "/targets")
        self.may("vic", 403, "POST", "/operon/v1/freeze", {})
        self.assertEqual([], get("runs.operon.dev", "-n", NAMESPACE)["items"])

    def test_5_who_may_create_runs_starts_one_in_his_own_name(self):
        self.rest.token = self.tokens["ron"]
        self.addCleanup(setattr, self.rest, "token", None)
        self.request_target()
        done = self.run_script("by ron", "echo done")
        self.assertEqual("Succeeded", self.ended(done)["status"])
        self.assertEqual(user("ron"), get("runs.operon.dev", f"krkn-job-{done}", "-n", NAMESPACE)["spec"]["origin"]["requestedBy"])
        Callers.sleeper = self.run_script("to be stopped", "exec sleep 1000")
        self.running(self.sleeper)
        self.may("ron", 403, "DELETE", f"/scenarios/run/{self.sleeper}")
        self.may("vic", 403, "DELETE", f"/scenarios/run/{self.sleeper}")

    def test_6_who_may_delete_runs_stops_it(self):
        self.assertEqual("Stopped", json.loads(self.may("stan", 200, "DELETE", f"/scenarios/run/{self.sleeper}"))["status"])

    def test_7_a_role_that_is_taken_away_is_gone(self):
        in_namespace("delete", "rolebinding", "vic")
        until("vic may not any more", lambda: self.asked_by("vic", "GET", "/scenarios/run")[0] == 403, KNOWN_SECONDS_MAX, every=0.2)
        in_namespace("delete", "serviceaccount", "ron")
        until("nobody knows ron", lambda: self.asked_by("ron", "GET", "/scenarios/run")[0] == 401, KNOWN_SECONDS_MAX, every=0.2)

    def test_8_only_operon_says_who_asked(self):
        run = get("runs.operon.dev", "-n", NAMESPACE)["items"][0]
        origin = {**run["spec"]["origin"], "jobId": FORGED_JOB}
        forged = {"apiVersion": run["apiVersion"], "kind": "Run", "metadata": {"name": f"krkn-job-{FORGED_JOB}"}, "spec": {**run["spec"], "origin": origin}}
        with self.assertRaisesRegex(AssertionError, "spec.origin is written by operon alone"):
            in_namespace("create", f"--as={user('ada')}", "-f", "-", given=json.dumps(forged))

    def test_9_the_log_says_who_did_what_and_no_token(self):
        log = in_namespace("logs", deploy.manager_pod()["metadata"]["name"], "-c", "manager")
        lines = [json.loads(line) for line in log.splitlines() if '"audit"' in line]
        seen = {(line["method"], line["path"], line["user"], line["status"]) for line in lines if line.get("message") == "audit"}
        for one in (("POST", "/scenarios/run", user("vic"), "403"), ("POST", "/scenarios/run", user("ron"), "201"),
                    ("DELETE", f"/scenarios/run/{self.sleeper}", user("stan"), "200"), ("GET", "/scenarios/run", "anonymous", "401")):
            self.assertIn(one, seen)
        for token in self.tokens.values():
            self.assertNotIn(token.rpartition(".")[2], log)

    def test_nothing_was_refused_to_operon_itself(self):
        audit = Audit(os.environ["OPERON_AUDIT_LOG"], user(MANAGER))
        self.assertEqual([], audit.refused)
        reviews = {("authentication.k8s.io", "tokenreviews", "create"), ("authorization.k8s.io", "subjectaccessreviews", "create")}
        self.assertEqual(set(), reviews - audit.used)


class Removed(deploy.Removed):
    overlay = staticmethod(lambda: OVERLAY)


def setUpModule():
    deploy.setUpModule()
    if server_minor() < deploy.POLICIES_SINCE:
        raise unittest.SkipTest(f"config/secure needs Kubernetes 1.{deploy.POLICIES_SINCE} (admission policies); the server is 1.{server_minor()}")


def load_tests(loader, _, __):
    return unittest.TestSuite(loader.loadTestsFromTestCase(stage) for stage in (Applied, Callers, Removed))


if __name__ == "__main__":
    unittest.main(verbosity=2, failfast=True)
