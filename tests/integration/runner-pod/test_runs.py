"""How runs as pods of a real cluster end, and what people are told. $KUBECONFIG is the cluster's."""

import json
import os
import unittest
from pathlib import Path

from operon_harness import until
from pods_harness import Followed, PodTest, get, kubectl, server_minor

POLICY_V1_SINCE = 22
DISRUPTION_TARGET_SINCE = 26
PENDING_PODS_GO_AT_ONCE_SINCE = 22


class Runs(PodTest):
    def test_a_run_succeeds_and_its_log_is_followed(self):
        with self.host() as host:
            job = self.run_script(host, "for i in $(seq 1 5); do echo line $i; sleep 0.2; done; echo err >&2")
            followed = Followed(host, job)
            ended = host.wait_ended(job, seconds=60)
            self.assertEqual(ended["status"], "Succeeded", ended)
            self.assertIn("startTime", ended)
            self.assertIn("completionTime", ended)
            self.assertEqual(followed.end(), b"line 1\nline 2\nline 3\nline 4\nline 5\nerr\n")
            self.assertEqual(host.logs(job, "?tailLines=2"), b"line 5\nerr\n")
            stamped = host.logs(job, "?timestamps=true").decode().splitlines()
            self.assertRegex(stamped[0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line 1$")

    def test_an_exit_code_is_told(self):
        with self.host() as host:
            ended = host.wait_ended(self.run_script(host, "echo before; exit 7"), seconds=60)
            self.assertEqual((ended["status"], ended["message"].removeprefix("values were not checked")), ("Failed", "exit code 7"), ended)
            self.assertEqual(host.logs(ended["jobId"]), b"before\n")

    def test_an_image_that_cannot_be_pulled_is_told_while_it_waits_and_the_run_can_be_stopped(self):
        with self.host() as host:
            job = self.run_script(host, "true", scenarioImage="localhost:1/nothing/here:1")
            waiting = self.wait_message(host, job, "the image localhost:1/nothing/here:1 cannot be pulled")
            self.assertEqual(waiting["status"], "Pending")
            self.assertEqual(host.logs(job), b"")
            answer = host.api("DELETE", f"/scenarios/run/{job}", timeout=30)
            if server_minor() < PENDING_PODS_GO_AT_ONCE_SINCE and answer.status == 202:
                # An older kubelet lets go of what waits for an image when it looks at all its pods next: after --sync-frequency, 60 s, and up to half of it more.
                host.wait_status(job, "Stopped", seconds=120)
                answer = host.api("DELETE", f"/scenarios/run/{job}", timeout=30)
            self.assertEqual((answer.status, answer.json["status"]), (200, "Stopped"), answer)
            self.wait_nothing_left(job)
            again = host.api("DELETE", f"/scenarios/run/{job}", timeout=30)
            self.assertEqual((again.status, again.json), (200, answer.json))

    def test_a_pod_that_no_node_can_run_says_so(self):
        with self.host(nodeSelector={"operon.dev/no-such-node": "true"}) as host:
            job = self.run_script(host, "true")
            self.wait_message(host, job, "no node can run the pod (unschedulable)")
            self.assertEqual(host.api("DELETE", f"/scenarios/run/{job}").json["status"], "Stopped")

    def test_a_run_past_its_time_limit_is_ended_by_kubernetes(self):
        with self.host() as host:
            job = self.run_script(host, "trap 'exit 1' TERM; while :; do sleep 0.1; done", timeoutSeconds=2)
            ended = host.wait_ended(job, seconds=60)
            self.assertEqual((ended["status"], ended["message"]), ("Failed", "ended at its time limit of 2 s"), ended)

    def test_memory_that_a_run_may_not_have_is_told(self):
        with self.host(resources={"limits": {"memory": "16Mi"}}) as host:
            job = self.run_script(host, "dd if=/dev/zero of=/dev/null bs=200000000 count=1")
            ended = host.wait_ended(job, seconds=60)
            self.assertEqual(ended["status"], "Failed")
            if "exit code 137" in ended["message"] or ended["message"] == "exit code 1":
                self.skipTest("this node does not limit memory: " + ended["message"])
            self.assertIn("OOMKilled", ended["message"])
            self.assertIn("16Mi", ended["message"])

    def test_a_run_is_stopped_and_all_of_it_is_removed(self):
        with self.host() as host:
            job = self.run_script(host, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done")
            followed = Followed(host, job)
            host.wait_status(job, "Running", seconds=60)
            until("the run is up", lambda: host.logs(job) == b"up\n")
            answer = host.api("DELETE", f"/scenarios/run/{job}", timeout=30)
            self.assertEqual((answer.status, answer.json["status"]), (200, "Stopped"), answer)
            self.wait_nothing_left(job)
            self.assertEqual(followed.end(), b"up\nbye\n")
            self.assertEqual(host.logs(job), b"up\nbye\n")
            self.assertEqual(host.status(job), "Stopped")

    def test_a_pod_deleted_by_hand_ends_its_run_as_stopped_and_its_parts_follow(self):
        with self.host() as host:
            job = self.run_script(host, "echo up; exec sleep 1000", environment={"PASSWORD": "hunter2"})
            host.wait_status(job, "Running", seconds=60)
            until("the run is up", lambda: host.logs(job) == b"up\n")
            kubectl("delete", "pod", f"krkn-job-{job}", "-n", self.namespace, "--grace-period=1", "--wait=false")
            ended = host.wait_ended(job, seconds=30)
            self.assertEqual((ended["status"], ended["message"]), ("Stopped", "its pod was deleted"))
            self.wait_nothing_left(job)
            self.assertEqual(host.logs(job), b"up\n")
            self.assertIn(job, [one["jobId"] for one in host.jobs("?status=Stopped")])

    def test_a_pod_deleted_by_force_too(self):
        with self.host() as host:
            job = self.run_script(host, "exec sleep 1000")
            host.wait_status(job, "Running", seconds=60)
            kubectl("delete", "pod", f"krkn-job-{job}", "-n", self.namespace, "--grace-period=0", "--force", "--wait=false")
            self.assertEqual(host.wait_ended(job, seconds=30)["status"], "Stopped")
            self.wait_nothing_left(job)

    def test_the_removal_of_a_pod_that_had_ended_changes_nothing(self):
        with self.host() as host:
            job = self.run_script(host, "echo done")
            self.assertEqual(host.wait_ended(job, seconds=60)["status"], "Succeeded")
            kubectl("delete", "pod", f"krkn-job-{job}", "-n", self.namespace, "--wait=false")
            self.wait_nothing_left(job)
            self.assertEqual(host.status(job), "Succeeded")
            self.assertEqual(host.logs(job), b"done\n")

    def test_delete_of_an_ended_run_removes_its_objects_and_keeps_its_end(self):
        with self.host() as host:
            job = self.run_script(host, "exit 2")
            host.wait_ended(job, seconds=60)
            self.assertEqual(host.api("DELETE", f"/scenarios/run/{job}", timeout=30).status, 200)
            self.wait_nothing_left(job)
            self.assertEqual(host.status(job), "Failed")

    def test_an_eviction_is_no_stop(self):
        with self.host() as host:
            job = self.run_script(host, "exec sleep 1000")
            host.wait_status(job, "Running", seconds=60)
            name = f"krkn-job-{job}"
            kubectl("create", "--raw", f"/api/v1/namespaces/{self.namespace}/pods/{name}/eviction", "-f", "-", given=json.dumps(
                {"apiVersion": "policy/v1" if server_minor() >= POLICY_V1_SINCE else "policy/v1beta1", "kind": "Eviction", "metadata": {"name": name}, "deleteOptions": {"gracePeriodSeconds": 1}}))
            ended = host.wait_ended(job, seconds=30)
            if server_minor() < DISRUPTION_TARGET_SINCE:  # nothing tells an eviction from a deletion by hand there
                self.assertEqual(ended["status"], "Stopped", ended)
                return
            self.assertEqual(ended["status"], "Failed", ended)
            self.assertIn("evicted", ended["message"])

    @unittest.skipUnless(os.environ.get("OPERON_OWN_CLUSTER"), "it takes a node from the cluster, and this one is not the test's own")
    def test_a_node_that_is_lost_ends_its_runs(self):
        with self.host() as host:
            job = self.run_script(host, "exec sleep 1000")
            host.wait_status(job, "Running", seconds=60)
            node = get("node", self.pod(job)["spec"]["nodeName"])
            kubectl("delete", "node", node["metadata"]["name"], "--wait=false")
            try:
                ended = host.wait_ended(job, seconds=180)  # the cluster waits 40 s before it takes a node's pods for lost
            finally:
                kept = {name: node["metadata"][name] for name in ("name", "labels", "annotations")}
                kubectl("create", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": kept, "spec": node["spec"]}))
                kubectl("wait", "--for=condition=Ready", "node/" + node["metadata"]["name"], "--timeout=50s")
            if server_minor() < DISRUPTION_TARGET_SINCE:
                self.assertEqual(ended["status"], "Stopped", ended)
                return
            self.assertEqual(ended["status"], "Failed", ended)
            self.assertIn("its node was lost", ended["message"])


@unittest.skipUnless(os.environ.get("OPERON_OWN_CLUSTER"), "it takes a log away from its node, and this cluster is not the test's own")
class NodeCannotRead(PodTest):
    """The kubelet says so in an answer that is otherwise fine, where the log would be."""

    SCRIPT = "echo up; until [ -e /tmp/go ]; do sleep 0.1; done; echo bye"

    def begun(self, host):
        job = self.run_script(host, self.SCRIPT)
        host.wait_status(job, "Running", seconds=60)
        until("the run is up", lambda: host.logs(job) == b"up\n")
        return job

    def take_log_away(self, job):
        name = f"{self.namespace}_krkn-job-{job}_{self.pod(job)['metadata']['uid']}"
        there = Path(os.environ["KUBECONFIG"]).parent / "pods" / name
        if not there.exists():
            there = Path("/var/log/pods", name)  # older kubelets know no other place
        (file,) = there.glob("*/0.log")
        away = file.rename(file.with_name("away"))
        file.symlink_to("/nowhere/0.log")  # or the kubelet has a new one made when it looks next
        return away, file

    def go(self, job):
        kubectl("exec", f"krkn-job-{job}", "-n", self.namespace, "--", "sh", "-c", ": > /tmp/go")

    def test_a_log_that_goes_with_its_container_is_whole_all_the_same(self):
        with self.host() as host:
            job = self.begun(host)
            followed = Followed(host, job)
            self.take_log_away(job)  # whoever has it open reads on
            self.go(job)
            self.assertEqual(host.wait_ended(job, seconds=60)["status"], "Succeeded")
            self.assertEqual(followed.end(), b"up\nbye\n")
            self.assertEqual(host.logs(job), b"up\nbye\n")

    def test_a_log_that_cannot_be_read_for_a_while_goes_on_where_it_was(self):
        with self.host() as host:
            job = self.begun(host)
            host.kill()
            away, there = self.take_log_away(job)
            host.restart()
            until("it is told", lambda: "the node cannot read the log of a run; trying again until its container has ended: failed to" in host.log_text(), 30)
            self.assertEqual(host.logs(job), b"up\n")
            away.replace(there)
            self.go(job)
            self.assertEqual(host.wait_ended(job, seconds=60)["status"], "Succeeded")
            self.assertEqual(host.logs(job, "?follow=true"), b"up\nbye\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
