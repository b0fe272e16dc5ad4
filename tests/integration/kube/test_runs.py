"""Runs that are Run objects: started by REST and by kubectl, on one host and on three. $KUBECONFIG is the cluster's."""

import base64
import hashlib
import json
import threading
import unittest

from kubectl import Namespace
from operon_harness import Host, until

ENDED = ("Succeeded", "Failed", "Stopped")


class Runs(unittest.TestCase):
    def setUp(self):
        self.space = Namespace()
        self.space.__enter__()
        self.addCleanup(self.space.__exit__, None, None, None)

    def host(self, *sets, **more):
        return Host(args=["--namespace", self.space.name], sets=["targets.store=kubernetes", "jobs.store=kubernetes", *sets], **more)

    def enter(self, *sets, **more):
        host = self.host(*sets, **more)
        host.__enter__()
        self.addCleanup(host.__exit__, None, None, None)
        host.shell_scenario("hello", "echo hello")
        host.shell_scenario("long", "trap 'exit 0' TERM; while true; do sleep 0.1; done")
        return host

    def target(self, host):
        uuid = host.api("POST", "/targets").json["uuid"]
        until("the request is completed", lambda: host.api("GET", f"/targets/{uuid}").status == 200)
        return uuid

    def run_object(self, name, target, scenario="hello", **spec):
        return {"apiVersion": "operon.dev/v1alpha1", "kind": "Run", "metadata": {"name": name},
                "spec": {"targetId": target, "clusterName": "localhost", "scenarioImage": f"dir://{scenario}", "scenarioName": scenario, **spec}}

    def apply(self, thing):
        self.space.kubectl("apply", "-f", "-", given=thing)

    def ended(self, name, seconds=30):
        return until(f"run {name} has ended", lambda: self.space.get("run", name) if self.phase(name) in ENDED else None, seconds)

    def phase(self, name):
        return self.space.get("run", name).get("status", {}).get("phase")

    def test_a_run_by_rest_is_an_object_with_its_whole_story(self):
        with self.host() as host:
            host.shell_scenario("three", "echo word; exit 3")
            job = host.run("three", targetId=self.target(host))
            host.wait_status(job, "Failed")
            until("its log is recorded", lambda: "logTail" in self.space.get("run", f"krkn-job-{job}")["status"])
            seen = self.space.get("run", f"krkn-job-{job}")
            self.assertEqual(seen["spec"]["origin"]["jobId"], job)
            status = seen["status"]
            self.assertEqual((status["phase"], status["exitCode"], status["jobId"]), ("Failed", 3, job))
            self.assertEqual(status["logTail"].strip(), "word")
            self.assertEqual({c["type"]: c["status"] for c in status["conditions"]}, {"Accepted": "True", "Started": "True", "Ended": "True"})
            until("it is let go", lambda: "finalizers" not in self.space.get("run", f"krkn-job-{job}")["metadata"])
            self.assertIn("Failed", self.space.kubectl("get", "runs"))

    def test_an_applied_run_goes_the_same_way(self):
        with self.host() as host:
            target = self.target(host)
            host.shell_scenario("say", "echo $WORD")
            self.apply(self.run_object("nightly", target, "say"))
            seen = self.ended("nightly")
            self.assertEqual(seen["status"]["phase"], "Succeeded", seen)
            job = seen["status"]["jobId"]
            self.assertEqual(job, seen["metadata"]["uid"])
            self.assertTrue(seen["status"]["requestedBy"].startswith("kubectl"), seen["status"])
            self.assertEqual(host.api("GET", f"/scenarios/run/{job}").json["status"], "Succeeded")
            self.assertIn(job, [j["jobId"] for j in host.api("GET", "/scenarios/run").json["jobs"]])

    def test_what_an_applied_run_gets_wrong_is_said_in_its_status(self):
        with self.host() as host:
            target = self.target(host)
            for name, change, words in (("no-target", {"targetId": "absent"}, "absent"), ("no-scenario", {"scenarioImage": "dir://absent", "scenarioName": "absent"}, "absent"),
                                        ("no-runner", {"runner": "absent"}, "absent"),
                                        ("other-digest", {"scenarioDigest": "sha256:0"}, "was shown with scenarioDigest sha256:0")):
                with self.subTest(name=name):
                    thing = self.run_object(name, target)
                    thing["spec"].update(change)
                    self.apply(thing)
                    seen = self.ended(name)
                    self.assertEqual(seen["status"]["phase"], "Failed")
                    self.assertIn(words, seen["status"]["message"])
                    self.assertEqual([c["status"] for c in seen["status"]["conditions"] if c["type"] == "Accepted"], ["False"])

    def test_secrets_of_an_applied_run_come_from_secrets_and_stay_out_of_sight(self):
        with self.host() as host:
            target = self.target(host)
            host.shell_scenario("show", "printf %s \"$MY_WORD\" | sha256sum", fields="{name: my-word, variable: MY_WORD, type: string}")
            self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": {"word": "canary-word-91ab"}})
            self.apply(self.run_object("secretly", target, "show", secretEnvironment={"MY_WORD": {"name": "mine", "key": "word"}}))
            seen = self.ended("secretly")
            self.assertEqual(seen["status"]["phase"], "Succeeded", seen["status"])
            self.assertIn(hashlib.sha256(b"canary-word-91ab").hexdigest(), host.logs(seen["status"]["jobId"]).decode())
            self.assertNotIn("canary-word-91ab", json.dumps(seen))
            self.assertNotIn("canary-word-91ab", host.log_text())

    def test_secret_values_by_rest_are_never_in_the_run(self):
        with self.host() as host:
            host.shell_scenario("show", "printf %s \"$MY_PASSWORD\" | sha256sum", fields="{name: my-password, variable: MY_PASSWORD, type: string, secret: true}, {name: plain, variable: PLAIN, type: string}")
            job = host.run("show", targetId=self.target(host), environment={"MY_PASSWORD": "canary-rest-77f0", "PLAIN": "x"})
            host.wait_status(job, "Succeeded")
            seen = self.space.get("run", f"krkn-job-{job}")
            self.assertEqual(seen["spec"]["environment"]["PLAIN"], "x")
            self.assertEqual(seen["spec"]["secretEnvironment"]["MY_PASSWORD"]["name"], f"krkn-job-{job}-request")
            self.assertNotIn("canary-rest-77f0", json.dumps(seen))
            until("what only the start needed is gone", lambda: self.space.absent("secret", f"krkn-job-{job}-request"))

    def test_a_dry_run_shows_the_run_as_it_is_recorded(self):
        with self.host() as host:
            host.shell_scenario("show", 'printf %s "$MY_PASSWORD" | sha256sum', fields="{name: my-password, variable: MY_PASSWORD, type: string, secret: true}, {name: plain, variable: PLAIN, type: string}")
            content, large = base64.b64encode(b"canary-file-20cd").decode(), base64.b64encode(b"canary-large-" * 10000).decode()
            body = {"targetId": self.target(host), "clusterName": "localhost", "scenarioImage": "dir://show", "scenarioName": "show", "idempotencyKey": "one", "timeoutSeconds": 60,
                    "environment": {"MY_PASSWORD": "canary-rest-77f0", "PLAIN": "x"},
                    "files": [{"name": "a", "content": content, "mountPath": "/data/a"}, {"name": "b", "content": large, "mountPath": "/data/b"}]}
            answer = host.api("POST", "/operon/v1/runs/plan", body)
            self.assertEqual(answer.status, 200, answer)
            for hidden in ("canary", base64.b64encode(b"canary").decode()[:6]):
                self.assertNotIn(hidden, answer.text)
            self.assertEqual(self.space.get("runs"), [])
            run, secret, process = answer.json["objects"]
            name = answer.json["podName"]
            self.assertEqual((run["kind"], run["metadata"]["name"], secret["metadata"]["name"], process["kind"]), ("Run", name, f"{name}-request", "Process"))
            self.assertEqual(secret["stringData"], {"env.MY_PASSWORD": "***", "file.1": "***"})
            self.assertEqual(run["spec"]["files"][0]["content"], f"(16 bytes, sha256 {hashlib.sha256(b'canary-file-20cd').hexdigest()})")
            run["spec"]["files"][0]["content"] = content
            self.assertIn("(server dry run)", self.space.kubectl("create", "--dry-run=server", "-f", "-", given=run))

            self.assertEqual(host.api("POST", "/scenarios/run", body).json["jobId"], answer.json["jobId"])
            made = self.space.get("run", name)
            self.assertEqual({**made["spec"], "stop": None}, {**run["spec"], "stop": None})
            self.assertEqual(made["metadata"]["labels"], run["metadata"]["labels"])
            made["metadata"]["annotations"].pop("operon.dev/create-attempt")  # of the one request that made it
            self.assertEqual(made["metadata"]["annotations"], run["metadata"]["annotations"])
            host.wait_status(answer.json["jobId"], "Succeeded")

    def test_a_value_that_no_record_can_hold_is_refused_by_a_dry_run_too(self):
        with self.host() as host:
            host.shell_scenario("hello", "echo hello")
            body = {"targetId": self.target(host), "clusterName": "localhost", "scenarioImage": "dir://hello", "scenarioName": "hello",
                    "files": [{"name": "a", "content": base64.b64encode(bytes(1 << 20)).decode(), "mountPath": "/data/a"}]}
            planned, started = (host.api("POST", path, body) for path in ("/operon/v1/runs/plan", "/scenarios/run"))
            self.assertEqual((planned.status, planned.json["message"]), (422, started.json["message"]))
            self.assertIn("files[0] has 1048576 bytes; the record of a run on a cluster holds at most", planned.text)

    def test_spec_stop_and_deletion_stop_a_run(self):
        with self.host() as host:
            target = self.target(host)
            host.shell_scenario("long", "trap 'exit 0' TERM; while true; do sleep 0.1; done")
            for name in ("stopped", "deleted"):
                self.apply(self.run_object(name, target, "long"))
                until("it runs", lambda: self.phase(name) == "Running")
            self.space.kubectl("patch", "run", "stopped", "--type=merge", "-p", '{"spec":{"stop":true}}')
            self.assertEqual(self.ended("stopped")["status"]["phase"], "Stopped")
            job = self.space.get("run", "deleted")["status"]["jobId"]
            self.space.kubectl("delete", "run", "deleted", "--timeout=30s")
            self.assertTrue(self.space.absent("run", "deleted"))
            until("it is unknown", lambda: host.api("GET", f"/scenarios/run/{job}").status == 404)

    def test_a_run_is_held_until_its_end_is_recorded_and_no_longer(self):
        """Not until its log is in the archive: who removes the namespace of ended runs waits for nobody."""
        with self.host() as host:
            host.shell_scenario("talks", "trap 'seq 1000000; exit 0' TERM; while true; do sleep 0.1; done")
            job = host.run("talks", targetId=self.target(host))
            until("it runs", lambda: self.phase(f"krkn-job-{job}") == "Running")
            seen = self.enterContext(self.space.watched("run", f"krkn-job-{job}"))
            before = next(seen)
            self.assertEqual("Stopped", host.api("DELETE", f"/scenarios/run/{job}").json["status"])
            ended = next(run for run in seen if run["status"]["phase"] == "Stopped")
            after = next(seen)
            self.assertEqual([True, True, False], ["finalizers" in run["metadata"] for run in (before, ended, after)])
            self.assertEqual(ended["status"], after["status"])

    def test_a_run_that_has_ended_and_is_still_held_is_let_go(self):
        """As a host leaves it that dies between the two writes."""
        with self.host() as host:
            host.shell_scenario("hello", "echo hello")
            job = host.run("hello", targetId=self.target(host))
            host.wait_status(job, "Succeeded")
            held = lambda: self.space.get("run", f"krkn-job-{job}")["metadata"].get("finalizers", [])  # noqa: E731
            until("it is let go", lambda: not held())
            self.space.kubectl("patch", "run", f"krkn-job-{job}", "--type=merge", "-p", '{"metadata":{"finalizers":["operon.dev/run","example.org/mine"]}}')
            until("it is let go again", lambda: held() == ["example.org/mine"])
            self.space.kubectl("patch", "run", f"krkn-job-{job}", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')

    def test_a_killed_host_goes_on_with_its_runs(self):
        host = self.enter()
        host.shell_scenario("slow", "sleep 2; exit 4")
        job = host.run("slow", targetId=self.target(host))
        until("it runs", lambda: host.api("GET", f"/scenarios/run/{job}").json["status"] == "Running")
        host.kill()
        host.start()
        host.wait_status(job, "Failed")
        self.assertEqual(self.space.get("run", f"krkn-job-{job}")["status"]["exitCode"], 4)

    def test_freeze_is_known_to_every_replica(self):
        one, two = self.enter("leader_election=true"), self.enter("leader_election=true")
        target = self.target(one)
        self.assertEqual(one.api("POST", "/operon/v1/freeze", {"reason": "release day"}).status, 200)
        until("the other knows", lambda: two.api("GET", "/operon/v1/freeze").json.get("frozen"))
        for host in (one, two):
            refused = host.post_run("hello", targetId=target)
            self.assertEqual(refused.status, 503, refused)
            self.assertIn("release day", refused.json["message"])
        self.apply(self.run_object("waits", target))
        until("it says why it waits", lambda: "release day" in self.space.get("run", "waits").get("status", {}).get("message", ""))
        self.space.kubectl("patch", "configmap", "operon-state", "--type=merge", "-p", json.dumps({"data": {"freeze": "frozen since monday"}}))
        for host in (one, two):  # in doubt nothing starts
            until("it reads what was written by hand", lambda: "makes no sense" in host.post_run("hello", targetId=target).text)
        self.assertEqual(two.api("POST", "/operon/v1/unfreeze").status, 200)
        self.assertEqual(self.ended("waits")["status"]["phase"], "Succeeded")

    def test_three_replicas_start_one_run_for_a_hundred_posts(self):
        hosts = [self.enter("leader_election=true") for _ in range(3)]
        until("there is a leader", lambda: sum(h.metric("operon_leading") == 1 for h in hosts) == 1, seconds=30)
        leader = next(h for h in hosts if h.metric("operon_leading") == 1)
        target = self.target(hosts[0])
        answers, lock = [], threading.Lock()

        def post(host):
            answer = host.post_run("hello", targetId=target, idempotencyKey="one")
            with lock:
                answers.append((answer.status, answer.json.get("jobId"), answer.json.get("message")))

        threads = [threading.Thread(target=post, args=(hosts[i % 3],)) for i in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({(status, message) for status, _, message in answers}, {(201, None)}, answers[:5])
        self.assertEqual(len({job for _, job, _ in answers}), 1)
        self.assertEqual(len(self.space.get("runs")), 1)
        job = answers[0][1]
        for host in hosts:
            host.wait_status(job, "Succeeded")
        self.assertEqual(sum(h.metric("operon_job_starts_total") or 0 for h in hosts), 1)
        # Read what was written, wherever.
        for host in hosts:
            mine = host.run("hello", targetId=target)
            for other in hosts:
                self.assertEqual(other.api("GET", f"/scenarios/run/{mine}").status, 200)
        # A stop that comes to another host.
        host = next(h for h in hosts if h is not leader)
        long = host.run("long", targetId=target)
        host.wait_status(long, "Running")
        stopped = host.api("DELETE", f"/scenarios/run/{long}")
        self.assertEqual((stopped.status, stopped.json["status"]), (200, "Stopped"), stopped)

    def test_the_next_leader_takes_up_what_was_asked_for(self):
        hosts = [self.enter("leader_election=true") for _ in range(2)]
        until("there is a leader", lambda: sum(h.metric("operon_leading") == 1 for h in hosts) == 1, seconds=30)
        leader = next(h for h in hosts if h.metric("operon_leading") == 1)
        other = next(h for h in hosts if h is not leader)
        target = self.target(other)
        leader.kill()
        answer = other.post_run("hello", targetId=target)
        self.assertEqual(answer.status, 201, answer)
        other.wait_status(answer.json["jobId"], "Succeeded", seconds=60)

    def test_retention_by_count(self):
        host = self.enter("jobs.objects_kept_max=2")
        target = self.target(host)
        for _ in range(4):
            host.wait_status(host.run("hello", targetId=target), "Succeeded")
        until("two are left", lambda: len(self.space.get("runs")) == 2, seconds=90)
        until("the list says so", lambda: len(host.api("GET", "/scenarios/run").json["jobs"]) == 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
