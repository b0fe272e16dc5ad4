"""rest.auth: kubernetes: callers are who the API server says, and may what its roles let them do with runs. $KUBECONFIG is the cluster's."""

import contextlib
import json
import os
import pathlib
import re
import socket
import sqlite3
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kubectl import Namespace, kubectl
from operon_harness import SOURCE, Host, until

AUDIENCE = "operon-test"
ALLOWED_SECONDS, REFUSED_SECONDS, REVIEW_SECONDS = 10, 5, 5


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token else {}


class Line:
    """Passes connections on to the API server while it is "open"; "cut": refuses them; "silent": takes them and says nothing."""

    def __init__(self, server):
        host, port = re.fullmatch(r"https://([^:/]+):(\d+)", server).groups()
        self.upstream = (host, int(port))
        self.listener, self.port, self.state, self.pairs = None, 0, "open", []
        self.set("open")

    def set(self, state):
        self.state = state
        if state == "cut" and self.listener:
            # Wakes accept(), too.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        pairs, self.pairs = self.pairs, []
        for one in pairs:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        if state != "cut" and not self.listener:
            self.listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self.listener.getsockname()[1]
            threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self.pairs.append(near)
            threading.Thread(target=self.serve if self.state == "open" else self.hold, args=(near,), daemon=True).start()

    @staticmethod
    def hold(near):
        with near, contextlib.suppress(OSError):
            while near.recv(65536):
                pass

    def serve(self, near):
        with near, socket.create_connection(self.upstream) as far:
            back = threading.Thread(target=self.copy, args=(far, near), daemon=True)
            back.start()
            self.copy(near, far)
            back.join()

    @staticmethod
    def copy(one, other):
        with contextlib.suppress(OSError):
            while piece := one.recv(65536):
                other.sendall(piece)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Guarded(Host):
    """Every question is asked with `token`, unless it brings one of its own."""

    token = None

    def api(self, method, path, body=None, headers=None, **more):
        return super().api(method, path, body, {**bearer(self.token), **(headers or {})}, **more)


class Authentication(unittest.TestCase):
    def setUp(self):
        self.space = Namespace()
        self.space.__enter__()
        self.addCleanup(self.space.__exit__, None, None, None)
        # The roles as they are shipped.
        kubectl("apply", "-f", "-", given=(SOURCE / "config/secure/roles.yaml").read_text().replace("krkn-operator-system", self.space.name))
        self.files = tempfile.TemporaryDirectory()
        self.addCleanup(self.files.cleanup)

    def user(self, name):
        return f"system:serviceaccount:{self.space.name}:{name}"

    def account(self, name, role=None, audience=None):
        """Its token."""
        self.space.kubectl("create", "serviceaccount", name)
        if role:
            self.space.kubectl("create", "rolebinding", name, f"--role=krkn-operator-{role}", f"--serviceaccount={self.space.name}:{name}")
        return self.token(name, audience)

    def token(self, name, audience=None):
        return self.space.kubectl("create", "token", name, *([f"--audience={audience}"] if audience else [])).strip()

    def kubeconfig(self, **changes):
        """The cluster's, with another server or another token."""
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        if "server" in changes:
            config["clusters"][0]["cluster"]["server"] = changes["server"]
        if "token" in changes:
            config["users"][0]["user"] = {"token": changes["token"]}
        path = pathlib.Path(self.files.name) / f"kubeconfig-{len(os.listdir(self.files.name))}"
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        return path, config["clusters"][0]["cluster"]["server"]

    def bind_reviews(self, name):
        binding = f"{self.space.name}-reviews"
        kubectl("create", "clusterrolebinding", binding, "--clusterrole=system:auth-delegator", f"--serviceaccount={self.space.name}:{name}")
        self.addCleanup(kubectl, "delete", "clusterrolebinding", binding)

    def host(self, *sets, kubeconfig=None, **more):
        args = ["--rest-auth", "kubernetes", "--namespace", self.space.name, *(["--kubeconfig", str(kubeconfig)] if kubeconfig else [])]
        return Guarded(sets=["log.level=trace", *sets], args=args, **more)

    def test_each_route_asks_for_its_verb(self):
        operond = self.account("operond")
        self.bind_reviews("operond")
        tokens = {name: self.account(name, role) for name, role in (("vic", "viewer"), ("ron", "runner"), ("stan", "stopper"), ("ada", "admin"), ("nobody", None))}
        with self.host(kubeconfig=self.kubeconfig(token=operond)[0]) as host:
            def ask(method, path, name, body=None):
                return host.api(method, path, body, bearer(tokens.get(name, name)))

            until("the roles are in force", lambda: [ask("GET", "/scenarios/run", who).status for who in ("vic", "ron", "stan", "ada")] == [200] * 4)
            host.token = tokens["ada"]
            host.shell_scenario("wait", "sleep 600")
            body = host.run_body("wait")
            refused = ask("POST", "/scenarios/run", "vic", body)
            self.assertEqual(refused.status, 403, refused)
            self.assertEqual(refused.json, {"error": "forbidden", "message": f"user '{self.user('vic')}' may not create runs.operon.dev in namespace '{self.space.name}'"})
            started = ask("POST", "/scenarios/run", "ron", body)
            self.assertEqual(started.status, 201, started)
            run = "/scenarios/run/" + started.json["jobId"]
            self.assertEqual(ask("GET", run, "vic").status, 200)
            for who in ("vic", "ron"):
                refused = ask("DELETE", run, who)
                self.assertEqual(refused.status, 403, refused)
                self.assertIn(f"user '{self.user(who)}' may not delete runs.operon.dev", refused.json["message"])
            stopped = ask("DELETE", run, "stan")
            self.assertEqual((stopped.status, stopped.json["status"]), (200, "Stopped"), stopped)
            self.assertEqual(ask("POST", "/scenarios/run", "stan", body).status, 403)

            self.assertEqual(ask("POST", "/operon/v1/freeze", "stan", {"reason": "x"}).status, 403)
            self.assertEqual(ask("POST", "/operon/v1/freeze", "ron", {"reason": "x"}).status, 200)
            refused = ask("POST", "/operon/v1/unfreeze", "ron")
            self.assertEqual(refused.status, 403)
            self.assertIn("may not update runs.operon.dev", refused.json["message"])
            self.assertEqual(ask("POST", "/operon/v1/unfreeze", "ada").status, 200)

            refused = ask("GET", "/scenarios/run", "nobody")
            self.assertEqual(refused.status, 403)
            self.assertIn("may not get runs.operon.dev", refused.json["message"])
            self.strangers(host)
            self.traces(host, started.json["jobId"], [*tokens.values(), operond])

    def test_a_run_object_names_who_asked_for_it(self):
        ada = self.account("ada", "admin")
        with self.host("targets.store=kubernetes", "jobs.store=kubernetes") as host:
            host.token = ada
            until("ada may", lambda: host.api("POST", "/operon/v1/unfreeze").status == 200)
            host.shell_scenario("hello", "echo hello")
            job = host.run("hello")
            host.wait_status(job, "Succeeded")
            self.assertEqual(self.space.get("run", f"krkn-job-{job}")["spec"]["origin"]["requestedBy"], self.user("ada"))

    def strangers(self, host):
        own, host.token = host.token, None
        forged = own[:-6] + ("AAAAAA" if own[-6:] != "AAAAAA" else "BBBBBB")
        for headers in ({}, bearer("rubbish"), bearer(forged), {"Authorization": "Basic YTpi"}):
            refused = host.api("GET", "/scenarios/run", None, headers)
            self.assertEqual((refused.status, refused.headers.get("WWW-Authenticate"), refused.json["error"]), (401, "Bearer", "unauthorized"), refused)
        refused = host.api("DELETE", "/scenarios/run/x", None, bearer("rubbish"))
        self.assertEqual(refused.status, 401)
        handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        self.assertEqual(host.api("GET", "/scenarios/run/x/logs", None, handshake).status, 401)
        self.assertEqual(host.api("GET", "/health").status, 200)
        host.token = own

    def traces(self, host, job, tokens):
        """Who did what is in the log and in the run's record; the tokens are nowhere."""
        log, metrics = host.log_text(), host.probe("/metrics").text
        audit = [line for line in map(json.loads, log.splitlines()) if line.get("message") == "audit"]
        seen = {(line["method"], line["path"], line["user"], line["status"]) for line in audit}
        for line in (("POST", "/scenarios/run", self.user("vic"), "403"), ("POST", "/scenarios/run", self.user("ron"), "201"), ("DELETE", f"/scenarios/run/{job}", self.user("ron"), "403"),
                     ("DELETE", f"/scenarios/run/{job}", self.user("stan"), "200"), ("GET", "/scenarios/run", self.user("nobody"), "403"),
                     ("GET", "/scenarios/run", "anonymous", "401"), ("DELETE", "/scenarios/run/x", "anonymous", "401")):
            self.assertIn(line, seen)
        database = sqlite3.connect(f"file:{host.state / 'operon.db'}?mode=ro", uri=True)
        self.addCleanup(database.close)
        self.assertIn(self.user("ron"), "\n".join(database.iterdump()))
        for token in tokens:
            for text in (log, metrics, "\n".join(database.iterdump())):
                self.assertNotIn(token, text)
                self.assertNotIn(token.rsplit(".", 1)[1], text)
        self.assertNotIn("rubbish", log + metrics)
        for result in ("allowed", "forbidden", "unknown"):
            self.assertGreater(host.metric("operon_rest_caller_reviews_total", f'result="{result}"'), 0)
        self.assertGreater(host.metric("operon_rest_caller_cache_hits_total"), 0)

    def test_a_right_that_is_taken_away_ends_within_the_cache_s_time(self):
        token = self.account("ron", "runner")
        with self.host() as host:
            host.token = token
            until("ron may", lambda: host.api("GET", "/scenarios/run").status == 200)
            asked = host.metric("operon_rest_caller_reviews_total")
            for _ in range(50):
                self.assertEqual(host.api("GET", "/scenarios/run").status, 200)
            self.assertLess(host.metric("operon_rest_caller_reviews_total") - asked, 5)
            self.space.kubectl("delete", "rolebinding", "ron")
            gone = time.monotonic()
            until("ron may not any more", lambda: host.api("GET", "/scenarios/run").status == 403, ALLOWED_SECONDS + 10)
            self.assertLess(time.monotonic() - gone, ALLOWED_SECONDS + 3)
            self.space.kubectl("create", "rolebinding", "ron", "--role=krkn-operator-viewer", f"--serviceaccount={self.space.name}:ron")
            until("ron may again", lambda: host.api("GET", "/scenarios/run").status == 200, REFUSED_SECONDS + 10)
            self.space.kubectl("delete", "serviceaccount", "ron")
            until("nobody knows ron", lambda: host.api("GET", "/scenarios/run").status == 401, ALLOWED_SECONDS + 10)

    def test_without_the_api_server_nobody_new_gets_in(self):
        line = Line(self.kubeconfig()[1])
        self.addCleanup(line.set, "cut")
        vic = self.account("vic", "viewer")
        others = {state: self.account(state, "viewer") for state in ("cut", "silent")}
        with self.host(kubeconfig=self.kubeconfig(server=f"https://127.0.0.1:{line.port}")[0]) as host:
            host.token = vic
            until("vic may", lambda: host.api("GET", "/scenarios/run").status == 200)
            for state, other in others.items():
                until("vic is known for a moment", lambda: host.api("GET", "/scenarios/run").status == 200, 20)
                line.set(state)
                began = time.monotonic()
                refused = host.api("GET", "/scenarios/run", None, bearer(other))
                self.assertLess(time.monotonic() - began, REVIEW_SECONDS + 2, state)
                self.assertEqual((refused.status, refused.json["error"], refused.headers.get("Retry-After")), (503, "unavailable", "1"), refused)
                self.assertIn("API server gives no answer", refused.json["message"])
                self.assertEqual(host.api("GET", "/health").status, 200)
                until("readiness says so", lambda: "[-]callers failed" in host.probe("/readyz").text)
                # Who was known is not let in for ever either.
                until("vic is not known any more", lambda: host.api("GET", "/scenarios/run").status == 503, ALLOWED_SECONDS + 10)
                line.set("open")
                until("it is well again", lambda: host.api("GET", "/scenarios/run", None, bearer(other)).status == 200 and "[+]callers ok" in host.probe("/readyz").text, 20)
            self.assertGreater(host.metric("operon_rest_caller_reviews_total", 'result="unavailable"'), 0)

    def test_a_host_that_may_not_review_says_what_to_bind(self):
        operond, ada = self.account("operond"), self.account("ada", "admin")
        host = self.host(kubeconfig=self.kubeconfig(token=operond)[0])
        self.addCleanup(host.remove)
        host.start(ready=False)
        host.token = ada
        until("it says so by itself", lambda: "[-]callers failed: callers cannot be checked: operond's own account may not create tokenreviews.authentication.k8s.io"
              in self.readiness(host), 30)
        refused = host.api("GET", "/scenarios/run")
        self.assertEqual((refused.status, refused.json["error"]), (503, "unavailable"), refused)
        self.assertIn("bind it to the ClusterRole system:auth-delegator", refused.json["message"])
        self.assertIn("system:auth-delegator", host.log_text())
        self.bind_reviews("operond")
        until("it may, and is ready", lambda: host.api("GET", "/scenarios/run").status == 200 and "readyz check passed" in self.readiness(host), 30)

    @staticmethod
    def readiness(host):
        with contextlib.suppress(OSError):
            return host.probe("/readyz").text
        return ""

    def test_tokens_for_others_count_only_without_an_audience_of_ones_own(self):
        ours, general = self.account("ann", "viewer", AUDIENCE), self.token("ann")
        with self.host(f"rest.token_audiences={AUDIENCE}") as host:
            until("ann may", lambda: host.api("GET", "/scenarios/run", None, bearer(ours)).status == 200)
            self.assertEqual(host.api("GET", "/scenarios/run", None, bearer(general)).status, 401)
        with self.host() as host:
            self.assertEqual(host.api("GET", "/scenarios/run", None, bearer(ours)).status, 401)
            self.assertEqual(host.api("GET", "/scenarios/run", None, bearer(general)).status, 200)

    def test_without_a_cluster_it_does_not_start(self):
        host = self.host(env={"KUBECONFIG": "", "HOME": "/nonexistent", "KUBERNETES_SERVICE_HOST": ""})
        self.addCleanup(host.remove)
        host.start(ready=False)
        self.assertEqual(host.process.wait(20), 1)
        self.assertIn("rest.auth is kubernetes, which needs a cluster that checks callers", host.log_text())


class Said(BaseHTTPRequestHandler):
    """An API server that says what a test wants: answers of older servers, and of broken ones."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        kind = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["kind"]
        text = json.dumps(self.server.said.get(kind, {"status": {"allowed": True}})).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Answers(unittest.TestCase):
    """Which answers let nobody in."""

    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Said)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kubeconfig = pathlib.Path(folder.name) / "kubeconfig"
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}],
            "users": [{"name": "u", "user": {"token": "t"}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))

    def test_what_is_no_clear_yes_is_no(self):
        ann = {"authenticated": True, "user": {"username": "ann"}}
        ours = {**ann, "audiences": ["ours"]}
        rows = [("yes", 200, ours, {"allowed": True}), ("a server that knows no audiences", 401, ann, {"allowed": True}),
                ("an audience of others", 401, {**ann, "audiences": ["theirs"]}, {"allowed": True}), ("not authenticated", 401, {"audiences": ["ours"]}, {"allowed": True}),
                ("authenticated, as a word", 401, {**ours, "authenticated": "true"}, {"allowed": True}), ("allowed and denied", 403, ours, {"allowed": True, "denied": True}),
                ("nothing about it", 403, ours, {}), ("nobody's name", 503, {"authenticated": True, "audiences": ["ours"]}, {"allowed": True}),
                ("a name that is no text", 503, {**ours, "user": {"username": 7}}, {"allowed": True}), ("no status", 503, None, {"allowed": True}),
                ("no answer about rights", 503, ours, None)]
        self.server.said = {}
        with Guarded(sets=["rest.token_audiences=ours"], args=["--rest-auth", "kubernetes", "--kubeconfig", str(self.kubeconfig)]) as host:
            for number, (name, status, token, access) in enumerate(rows):
                with self.subTest(name):
                    # What was wrong in the row before counts for a second.
                    self.server.said = {"TokenReview": {"status": ours}, "SubjectAccessReview": {"status": {"allowed": True}}}
                    until("the cluster is asked again", lambda: host.api("GET", "/scenarios/run", None, bearer(f"before-{number}")).status == 200)
                    self.server.said = {"TokenReview": {"status": token}, "SubjectAccessReview": {"status": access}}
                    self.assertEqual(host.api("GET", "/scenarios/run", None, bearer(f"token-{number}")).status, status)



if __name__ == "__main__":
    unittest.main(verbosity=2)
