"""Runs that are Run objects and pods, on three replicas of which the leader dies. The account has the role that config/rbac gives. $KUBECONFIG is the cluster's."""

import json
import threading
import unittest

from operon_harness import until
from pods_harness import Followed, PodTest, get, kubectl


class SharedRuns(PodTest):
    STORE = "kubernetes"

    def replica(self):
        host = self.host("targets.store=kubernetes", "leader_election=true")
        host.__enter__()
        self.addCleanup(host.__exit__, None, None, None)
        return host

    def replicas(self, count):
        hosts = [self.replica() for _ in range(count)]
        return hosts, self.leader(hosts)

    def leader(self, hosts):
        until("there is a leader", lambda: sum(h.metric("operon_leading") == 1 for h in hosts) == 1, seconds=40)
        return next(h for h in hosts if h.metric("operon_leading") == 1)

    def run_object(self, job):
        return get("run", f"krkn-job-{job}", "-n", self.namespace)

    def test_a_run_owns_what_belongs_to_it_and_all_of_it_goes_with_the_run(self):
        (host,), _ = self.replicas(1)
        job = self.run_script(host, "echo up; exec sleep 1000", environment={"A_PASSWORD": "canary-3f1a"})
        host.wait_status(job, "Running", seconds=60)
        run = self.run_object(job)
        for one in get("pods,configmaps,secrets", "-n", self.namespace, "-l", f"krkn-job-id={job}")["items"]:
            self.assertEqual([owner["uid"] for owner in one["metadata"]["ownerReferences"]], [run["metadata"]["uid"]], one["metadata"]["name"])
        self.assertNotIn("canary-3f1a", json.dumps(run))
        kubectl("delete", "run", f"krkn-job-{job}", "-n", self.namespace, "--timeout=60s")
        self.wait_nothing_left(job, seconds=60)
        until("it is unknown", lambda: host.api("GET", f"/scenarios/run/{job}").status == 404)

    def test_any_replica_has_the_log_of_a_run_that_goes_on_and_of_one_that_ended(self):
        hosts, leader = self.replicas(2)
        other = next(h for h in hosts if h is not leader)
        job = self.run_script(other, "for i in $(seq 1 20); do echo line $i; sleep 0.1; done")
        followed = [Followed(host, job) for host in hosts]
        whole = b"".join(b"line %d\n" % i for i in range(1, 21))
        other.wait_status(job, "Succeeded", seconds=60)
        for one in followed:
            self.assertEqual(one.end(), whole)
        again = self.run_script(other, "echo only the leader reads this")
        other.wait_status(again, "Succeeded", seconds=60)
        for host in hosts:
            self.assertEqual(host.logs(again), b"only the leader reads this\n")
        until("the record has its end", lambda: "logTail" in self.run_object(again)["status"])
        self.assertEqual(other.api("DELETE", f"/scenarios/run/{again}").status, 200)
        self.wait_nothing_left(again)
        self.assertEqual(self.replica().logs(again), b"only the leader reads this\n")

    def test_a_run_goes_on_when_the_leader_dies(self):
        hosts, leader = self.replicas(3)
        rest = [h for h in hosts if h is not leader]
        job = self.run_script(rest[0], "for i in $(seq 1 300); do echo line $i; sleep 0.1; done; exit 5")
        rest[0].wait_status(job, "Running", seconds=60)
        leader.kill()
        followed = Followed(rest[1], job)
        self.leader(rest)
        ended = rest[0].wait_ended(job, seconds=90)
        self.assertEqual((ended["status"], ended["message"].rpartition(": ")[2]), ("Failed", "exit code 5"), ended)
        self.assertEqual(followed.end(), b"".join(b"line %d\n" % i for i in range(1, 301)))
        self.assertEqual(len(get("pods", "-n", self.namespace, "-l", f"krkn-job-id={job}")["items"]), 1)
        self.assertEqual(self.run_object(job)["status"]["exitCode"], 5)

    def test_a_hundred_posts_with_one_key_make_one_pod_while_the_leader_dies(self):
        hosts, leader = self.replicas(3)
        bodies = {"idempotencyKey": "just-one"}
        rest = [h for h in hosts if h is not leader]
        target = rest[0].targets()
        answers, lock = [], threading.Lock()

        def post(number):
            host = hosts[number % 3]
            if number == 50:
                leader.kill()
            for _ in range(3):
                try:
                    answer = self.post(host, "echo once", targetId=target, **bodies)
                except OSError:
                    host = rest[number % 2]  # it died: the client tries another
                    continue
                if answer.status == 503:
                    continue
                with lock:
                    answers.append((answer.status, answer.json.get("jobId")))
                return

        threads = [threading.Thread(target=post, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(answers), 100)
        self.assertEqual({status for status, _ in answers}, {201})
        self.assertEqual(len({job for _, job in answers}), 1)
        job = answers[0][1]
        rest[0].wait_status(job, "Succeeded", seconds=90)
        self.assertEqual(len(get("pods", "-n", self.namespace)["items"]), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
