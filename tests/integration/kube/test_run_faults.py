"""Runs as objects while leaders pause, the API server fails, others write, and permissions are missing. $KUBECONFIG is the cluster's."""

import json
import os
import signal
import sys
import threading
import unittest

from host_test import HostTest
from operon_harness import SOURCE, until

sys.path.insert(0, str(SOURCE / "tests/integration/runner-pod"))
from pods_harness import FaultProxy  # noqa: E402

RUNS = "/apis/operon.dev/v1alpha1/namespaces/[^/]+/runs"


class Faults(HostTest):
    def test_a_leader_that_was_paused_does_nothing_twice(self):
        hosts = [self.enter("leader_election=true") for _ in range(2)]
        leader = self.leader(hosts)
        other = next(h for h in hosts if h is not leader)
        target = self.target(leader)
        os.kill(leader.process.pid, signal.SIGSTOP)
        try:
            until("another host leads", lambda: other.metric("operon_leading") == 1, seconds=60)
            job = other.run("hello", targetId=target)
            other.wait_status(job, "Succeeded", seconds=60)
        finally:
            os.kill(leader.process.pid, signal.SIGCONT)
        until("the old one knows", lambda: leader.metric("operon_leading") == 0, seconds=60)
        self.assertEqual(leader.metric("operon_job_starts_total") or 0, 0)
        self.assertEqual(other.metric("operon_job_starts_total"), 1)
        leader.wait_status(job, "Succeeded")
        self.assertEqual(self.run_object(job)["status"]["phase"], "Succeeded")

    def test_others_that_write_all_the_time_do_not_keep_an_end_from_its_record(self):
        host = self.enter()
        job = host.run("slow", targetId=self.target(host))
        stop = threading.Event()

        def annotate():
            n = 0
            while not stop.is_set():
                n += 1
                self.space.kubectl("annotate", "run", f"krkn-job-{job}", f"example.org/n={n}", "--overwrite")

        writers = [threading.Thread(target=annotate) for _ in range(2)]
        for writer in writers:
            writer.start()
        try:
            host.wait_status(job, "Failed")
            until("it is recorded", lambda: self.run_object(job)["status"].get("exitCode") == 4)
        finally:
            stop.set()
            for writer in writers:
                writer.join()

    def test_an_api_server_that_fails_makes_the_host_unready_and_is_asked_again(self):
        with FaultProxy() as proxy:
            host = self.enter(kubeconfig=self.kubeconfig(proxy.server))
            target = self.target(host)
            job = host.run("slow", targetId=target)
            host.wait_status(job, "Running")
            proxy.rules({"match": RUNS, "do": "answer", "status": 500})
            until("it is not ready", lambda: host.probe("/readyz").status == 503, seconds=60)
            self.assertEqual(host.probe("/livez").status, 200)
            self.assertEqual(host.api("GET", f"/scenarios/run/{job}").status, 200)
            until("its end is known here", lambda: host.api("GET", f"/scenarios/run/{job}").json["status"] == "Failed", seconds=30)
            proxy.rules()
            until("it is ready again", lambda: host.probe("/readyz").status == 200, seconds=90)
            until("its end is recorded", lambda: self.run_object(job)["status"]["phase"] == "Failed", seconds=60)

    def test_lost_answers_make_no_second_record(self):
        with FaultProxy() as proxy:
            host = self.enter(kubeconfig=self.kubeconfig(proxy.server))
            target = self.target(host)
            proxy.rules({"match": "^POST " + RUNS, "do": "lose", "times": 1}, {"match": "^PATCH " + RUNS, "do": "lose", "times": 1})
            job = host.run("hello", targetId=target)
            host.wait_status(job, "Succeeded")
            until("its end is recorded", lambda: self.run_object(job)["status"].get("phase") == "Succeeded")
            self.assertEqual(len(self.space.get("runs")), 1)
            self.assertEqual(host.metric("operon_job_starts_total"), 1)

    def test_a_watch_that_breaks_misses_no_run_and_no_deletion(self):
        gone = {"match": RUNS + ".*watch=true", "do": "answer", "status": 410, "times": 1,
                "body": '{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}'}
        with FaultProxy() as proxy:
            host = self.enter(kubeconfig=self.kubeconfig(proxy.server))
            target = self.target(host)
            job = host.run("hello", targetId=target)
            host.wait_status(job, "Succeeded")
            until("it is let go", lambda: "finalizers" not in self.run_object(job)["metadata"])
            proxy.rules({"match": "watch=true", "do": "answer", "status": 503})
            self.space.kubectl("delete", "run", f"krkn-job-{job}")
            self.space.kubectl("apply", "-f", "-", given={
                "apiVersion": "operon.dev/v1alpha1", "kind": "Run", "metadata": {"name": "meanwhile"},
                "spec": {"targetId": target, "clusterName": "localhost", "scenarioImage": "dir://hello", "scenarioName": "hello"}})
            proxy.rules(gone)
            until("the deletion is known", lambda: host.api("GET", f"/scenarios/run/{job}").status == 404, seconds=60)
            until("the new one has run", lambda: self.space.get("run", "meanwhile").get("status", {}).get("phase") == "Succeeded", seconds=60)

    def test_a_stop_while_the_server_is_away_is_carried_out_and_recorded(self):
        with FaultProxy() as proxy:
            host = self.enter(kubeconfig=self.kubeconfig(proxy.server))
            job = host.run("long", targetId=self.target(host))
            host.wait_status(job, "Running")
            proxy.rules({"match": RUNS, "do": "reset"})
            answer = host.api("DELETE", f"/scenarios/run/{job}", timeout=60)
            self.assertIn((answer.status, answer.json["status"]), ((200, "Stopped"), (202, "Running")), answer)
            proxy.rules()
            until("it is recorded", lambda: self.run_object(job).get("status", {}).get("phase") == "Stopped", seconds=60)

    def test_a_node_that_confirms_no_stop_takes_the_runner_from_nobody(self):
        """The node is lost: the stop is asked for again and again, the job says what it waits for, and other runs start."""
        if self.space.get("nodes"):
            self.skipTest("this cluster has nodes: one of them takes the pod")
        host = self.pods_host("jobs.stop_grace_seconds=1", "plugin_limits.stuck_calls_max=1")
        target = self.target(host)
        job = self.start_pod(host, target)
        self.space.kubectl("create", "--raw", f"/api/v1/namespaces/{self.space.name}/pods/krkn-job-{job}/binding", "-f", "-", given={
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": f"krkn-job-{job}"}, "target": {"apiVersion": "v1", "kind": "Node", "name": "lost"}})
        self.assertEqual(202, host.api("DELETE", f"/scenarios/run/{job}").status)
        told = until("the job says what it waits for", lambda: "lost" in (now := host.job(job)).get("message", "") and now, seconds=60)
        self.assertEqual("being stopped; the runner has not confirmed it yet: "
                         f"pod krkn-job-{job} is being deleted; node lost has not confirmed its end (if that node is gone for good, delete the node)", told["message"])
        runner = next(p for p in host.api("GET", "/operon/v1/plugins").json["plugins"] if p["name"] == "runner-pod")
        self.assertEqual(("ready", 0), (runner["state"], runner["stuck"]))
        self.start_pod(host, target)
        self.space.kubectl("delete", "pod", f"krkn-job-{job}", "--force", "--grace-period=0", "--ignore-not-found")
        host.wait_status(job, "Stopped")

    def test_the_role_is_enough(self):
        host = self.enter("leader_election=true", kubeconfig=self.kubeconfig(token=self.account()))
        self.leader([host])
        host.wait_status(host.run("hello", targetId=self.target(host)), "Succeeded")
        self.assertNotIn("forbidden", host.log_text())

    def test_who_may_not_list_runs_does_not_serve(self):
        host = self.enter(kubeconfig=self.kubeconfig(token=self.account(("runs", "list"), ("runs", "watch"))), ready=False)
        self.assertNotEqual(host.process.wait(60), 0)
        self.assertRegex(host.log_text(), 'cannot start: .* cannot (list|watch) resource ..runs')

    def test_who_may_not_create_runs_is_told_which_verb_is_missing(self):
        host = self.enter(kubeconfig=self.kubeconfig(token=self.account(("runs", "create"))))
        answer = host.post_run("hello", targetId=self.target(host))
        self.assertEqual(answer.status, 503, answer)
        self.assertIn("create", answer.json["message"])
        self.assertIn("runs", answer.json["message"])
        self.assertEqual(self.space.get("runs"), [])

    def test_who_may_not_write_a_status_is_not_ready_and_says_so(self):
        host = self.enter(kubeconfig=self.kubeconfig(token=self.account(("runs/status", "patch"))))
        host.run("hello", targetId=self.target(host))
        until("it is not ready and names the verb", lambda: (a := host.probe("/readyz")).status == 503 and "patch" in a.text and "runs/status" in a.text)

    def test_the_lease_is_given_back_at_the_end(self):
        host = self.enter("leader_election=true")
        self.leader([host])
        jobs = [host.run("long", targetId=self.target(host)) for _ in range(5)]
        for job in jobs:
            host.wait_status(job, "Running")
        self.assertEqual(host.terminate(), 0)
        self.assertEqual(self.space.get("lease", "operon-leader")["spec"].get("holderIdentity", ""), "")
        host.start()
        for job in jobs:
            host.wait_status(job, "Running")

    def test_no_secret_is_anywhere(self):
        host = self.enter()
        host.shell_scenario("leak", "echo my word is $MY_PASSWORD >&2; exit 3",
                            fields="{name: my-password, variable: MY_PASSWORD, type: string, secret: true}")
        job = host.run("leak", targetId=self.target(host), environment={"MY_PASSWORD": "canary-leak-5521"})
        host.wait_status(job, "Failed")
        until("its log is recorded", lambda: "logTail" in self.run_object(job)["status"])
        for text in (json.dumps(self.run_object(job)), self.space.kubectl("get", "events.events.k8s.io", "-o", "json"), host.log_text(), host.probe("/metrics").text,
                     host.api("GET", f"/scenarios/run/{job}").text):
            self.assertNotIn("canary-leak-5521", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
