"""Runs as pods of a real cluster while the host dies, the API server fails and watches break. $KUBECONFIG is the cluster's."""

import contextlib
import json
import threading
import unittest
import uuid

from operon_harness import until
from pods_harness import FaultProxy, Followed, PodTest, get, kubectl

PODS = "/api/v1/namespaces/[^/]+/pods"
SECRETS = "/api/v1/namespaces/[^/]+/secrets"


class HostDies(PodTest):
    def test_a_run_goes_on_and_its_log_is_whole(self):
        with self.host() as host:
            job = self.run_script(host, "for i in $(seq 1 200); do echo line $i; sleep 0.05; done")
            until("some lines came", lambda: b"line 20\n" in host.logs(job), 60)
            host.kill()
            host.restart()
            ended = host.wait_ended(job, seconds=60)
            self.assertEqual(ended["status"], "Succeeded", ended)
            self.assertEqual(host.logs(job), b"".join(b"line %d\n" % i for i in range(1, 201)))
            self.assertEqual(len(get("pods", "-n", self.namespace, "-l", f"krkn-job-id={job}")["items"]), 1)

    def test_an_end_that_nobody_saw_is_found(self):
        with self.host() as host:
            job = self.run_script(host, "echo up; sleep 1; echo end; exit 4")
            host.wait_status(job, "Running", seconds=60)
            host.kill()
            until("the pod has ended", lambda: self.pod(job)["status"]["phase"] == "Failed", 60, every=0.2)
            host.restart()
            ended = host.wait_ended(job, seconds=30)
            self.assertEqual((ended["status"], ended["message"]), ("Failed", "exit code 4"))
            self.assertEqual(host.logs(job), b"up\nend\n")

    def test_a_pod_that_was_deleted_meanwhile(self):
        with self.host() as host:
            job = self.run_script(host, "exec sleep 1000")
            host.wait_status(job, "Running", seconds=60)
            host.kill()
            kubectl("delete", "pod", f"krkn-job-{job}", "-n", self.namespace, "--grace-period=0", "--force")
            host.restart()
            ended = host.wait_ended(job, seconds=30)
            self.assertEqual((ended["status"], ended["message"]), ("Stopped", "its pod was deleted while nobody watched"))
            self.wait_nothing_left(job)

    def test_killed_at_every_point_of_a_start_one_pod_comes_of_it(self):
        for point in ("start.after_record", "start.before_runner", "start.after_runner"):
            with self.subTest(point), self.host() as host:
                host.terminate()
                host.start(env={"OPERON_CRASH_AT": point})
                key = uuid.uuid4().hex
                with self.assertRaises(Exception):
                    self.post(host, "exec sleep 1000", idempotencyKey=key)
                host.process.wait(10)
                host.restart()
                answer = self.post(host, "exec sleep 1000", idempotencyKey=key)
                self.assertEqual(answer.status, 201, answer)
                job = answer.json["jobId"]
                host.wait_status(job, "Running", seconds=60)
                self.assertEqual(self.objects(job), ["Pod/", "Secret/-kubeconfig"])
                self.assertEqual(host.api("DELETE", f"/scenarios/run/{job}", timeout=30).json["status"], "Stopped")


class NodeRotates(PodTest):
    """Kubelets rotate a log of 10 MiB as a rule, and look every 10 s; of a rotated log they show the newest part alone."""

    LINES = 120_000  # of 100 bytes
    PART = 'i=0; while [ $i -lt 120000 ]; do i=$((i+1)); echo $i; done | sed "s/$/ $P %s/"; sleep 14; '
    SCRIPT = "P=" + 92 * "x" + "; " + PART % 1 + PART % 2 + "echo end"

    def expected(self, part):
        return b"".join(b"%d %s %d\n" % (i, 92 * b"x", part) for i in range(1, self.LINES + 1))

    def test_a_reader_that_keeps_up_misses_nothing(self):
        with self.host() as host:
            job = self.run_script(host, self.SCRIPT)
            self.assertEqual(host.wait_ended(job, seconds=120)["status"], "Succeeded")
            log = host.logs(job)
            self.assertEqual(len(log), 2 * len(self.expected(1)) + 4)
            self.assertTrue(log == self.expected(1) + self.expected(2) + b"end\n")

    def test_what_nobody_read_in_time_is_told_of(self):
        with self.host() as host:
            job = self.run_script(host, self.SCRIPT)
            until("some of it has come", lambda: len(host.logs(job)) > 5_000_000, 60)
            host.kill()
            until("the second part was written and rotated", lambda: self.pod(job)["status"]["phase"] == "Succeeded", 120, every=0.5)
            host.restart()
            host.wait_ended(job, seconds=60)
            log = host.logs(job)
            self.assertEqual(log.count(b"ERROR: lines are missing here"), 1, log[-300:])
            before, after = log.split(b"ERROR: lines are missing here: the node has rotated this log\n")
            self.assertTrue(self.expected(1).startswith(before.rstrip(b"\n")))
            self.assertTrue((self.expected(2) + b"end\n").endswith(after))


class ServerFails(PodTest):
    def test_killed_between_a_run_s_secret_and_its_pod(self):
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            proxy.rules({"match": "^POST " + PODS, "do": "answer", "status": 500})
            threading.Thread(target=self.post_and_forget, args=(host, "echo once"), daemon=True).start()
            until("the Secret is there", lambda: get("secrets", "-n", self.namespace, "-l", "krkn-job-id")["items"])
            host.kill()
            job = get("secrets", "-n", self.namespace, "-l", "krkn-job-id")["items"][0]["metadata"]["labels"]["krkn-job-id"]
            self.assertEqual(self.objects(job), ["Secret/-kubeconfig"])
            proxy.rules()
            host.restart()
            self.assertEqual(host.wait_ended(job, seconds=60)["status"], "Succeeded")
            self.assertEqual(host.logs(job), b"once\n")
            self.assertEqual(self.objects(job), ["Pod/", "Secret/-kubeconfig"])
            host.api("DELETE", f"/scenarios/run/{job}")
            self.wait_nothing_left(job)

    def cut_off_with_a_pod_alone(self, proxy, host):
        """Killed when the API server has taken the pod, but nothing of what it mounts; the job and the pod's uid."""
        proxy.rules({"match": "^POST " + SECRETS, "do": "answer", "status": 500})
        threading.Thread(target=self.post_and_forget, args=(host, "echo once"), daemon=True).start()
        pod = until("the pod is there", lambda: get("pods", "-n", self.namespace, "-l", "krkn-job-id")["items"])[0]
        host.kill()
        job = pod["metadata"]["labels"]["krkn-job-id"]
        self.assertEqual(self.objects(job), ["Pod/"])
        self.assertEqual(self.pod(job)["status"]["phase"], "Pending")
        return job, pod["metadata"]["uid"]

    def test_killed_between_a_run_s_pod_and_its_secret(self):
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            job, uid = self.cut_off_with_a_pod_alone(proxy, host)
            proxy.rules()
            host.restart()
            self.assertEqual(host.wait_ended(job, seconds=60)["status"], "Succeeded")
            self.assertEqual(host.logs(job), b"once\n")
            self.assertNotEqual(self.pod(job)["metadata"]["uid"], uid)
            self.assertEqual(self.objects(job), ["Pod/", "Secret/-kubeconfig"])

    def test_a_pod_alone_is_removed_when_the_run_may_not_start_any_more(self):
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            job, _ = self.cut_off_with_a_pod_alone(proxy, host)
            host.restart()  # tries once more, in vain
            ended = host.wait_ended(job, seconds=60)
            self.assertEqual(ended["status"], "Failed", ended)
            self.assertIn("the API server failed", ended["message"])
            self.wait_nothing_left(job)
            self.assertEqual(host.job(job), ended)  # the pod's end is not the run's

    def test_what_a_killed_start_left_is_removed_when_the_run_may_not_start_any_more(self):
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            proxy.rules({"match": "^POST " + PODS, "do": "answer", "status": 500})
            threading.Thread(target=self.post_and_forget, args=(host, "true"), daemon=True).start()
            until("the Secret is there", lambda: get("secrets", "-n", self.namespace, "-l", "krkn-job-id")["items"])
            host.kill()
            job = get("secrets", "-n", self.namespace, "-l", "krkn-job-id")["items"][0]["metadata"]["labels"]["krkn-job-id"]
            host.restart()  # tries once more, in vain
            ended = host.wait_ended(job, seconds=60)
            self.assertEqual(ended["status"], "Failed", ended)
            self.wait_nothing_left(job)

    def post_and_forget(self, host, script):
        with contextlib.suppress(Exception):
            self.post(host, script)

    def proxied(self, proxy, **config):
        return self.host(kubeconfig=self.make_kubeconfig(proxy.server), **config)

    def test_a_start_costs_one_request_an_object(self):
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            host.targets()
            self.wait_watching(proxy)
            proxy_before = proxy.told()["requests"]
            job = self.run_script(host, "true", environment={"PASSWORD": "x"}, files=[
                {"name": name, "content": "eA==", "mountPath": "/" + name} for name in ("a", "b")])
            started = proxy.told()["requests"] - proxy_before
            # Kubeconfig, two files, secret values, pod; and the log that is read. As objects: the Run, the Secret of its request, and the first states.
            self.assertLessEqual(started, 5 + 1 + (5 if self.STORE == "kubernetes" else 0))
            host.wait_ended(job, seconds=60)
            if self.STORE == "kubernetes":
                until("all of it is recorded", lambda: "finalizers" not in get("run", f"krkn-job-{job}", "-n", self.namespace)["metadata"])
            before = proxy.told()["requests"]
            for _ in range(20):
                host.job(job)
                host.jobs()
            self.assertEqual(proxy.told()["requests"], before)

    def wait_watching(self, proxy):
        until("the watch is open", lambda: proxy.told()["requests"] >= 2)

    def test_a_create_whose_answer_is_lost_makes_one_pod(self):
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            proxy.rules({"match": "^POST " + PODS, "do": "lose", "times": 1}, {"match": "^POST .*secrets", "do": "lose", "times": 1})
            job = self.run_script(host, "echo once")
            self.assertEqual(host.wait_ended(job, seconds=60)["status"], "Succeeded")
            self.assertEqual(host.logs(job), b"once\n")
            self.assertEqual([rule["done"] for rule in proxy.told()["rules"]], [1, 1])

    def test_a_server_that_is_busy_or_fails_for_a_moment_is_asked_again(self):
        for status in (429, 500, 503):
            with self.subTest(status), FaultProxy() as proxy, self.proxied(proxy) as host:
                proxy.rules({"match": "^POST ", "do": "answer", "status": status, "times": 2})
                self.assertEqual(host.wait_ended(self.run_script(host, "true"), seconds=60)["status"], "Succeeded")

    def test_a_server_that_fails_on_leaves_nothing_of_a_start(self):
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            proxy.rules({"match": "^POST " + PODS, "do": "answer", "status": 500})
            answer = self.post(host, "true")
            self.assertEqual(answer.status, 503, answer)
            job = host.jobs()[0]
            self.assertEqual(job["status"], "Failed")
            self.assertIn("the API server failed", job["message"])
            self.assertEqual(self.objects(job["jobId"]), [])

    def test_what_a_pod_mounts_is_refused_for_good(self):
        denied = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
                  "message": 'admission webhook "rules.example" denied the request: no kubeconfigs here'}
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            proxy.rules({"match": "^POST " + SECRETS, "do": "answer", "status": 403, "body": json.dumps(denied)})
            answer = self.post(host, "true", idempotencyKey=self.id())
            self.assertEqual(answer.status, 422, answer)
            self.assertIn("no kubeconfigs here", answer.json["message"])
            failed = until("its record says so", lambda: host.jobs("?status=Failed"))[0]
            self.assertIn("a rule of the cluster does not admit it", failed["message"])
            self.assertEqual(self.objects(failed["jobId"]), [])

    def test_a_broken_watch_misses_no_end_and_no_deletion(self):
        watch = {"match": "watch=true", "do": "answer", "status": 503}
        gone = {"match": "watch=true", "do": "answer", "status": 410, "times": 1,
                "body": '{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}'}
        for name, rules in (("down", [watch]), ("410", [gone])):
            with self.subTest(name), FaultProxy() as proxy, self.proxied(proxy) as host:
                ends = self.run_script(host, "sleep 2; exit 5")
                deleted = self.run_script(host, "exec sleep 1000")
                for job in (ends, deleted):
                    host.wait_status(job, "Running", seconds=60)
                proxy.rules(*rules)  # cuts what is open, too
                kubectl("delete", "pod", f"krkn-job-{deleted}", "-n", self.namespace, "--grace-period=0", "--force")
                until("the pod has ended", lambda: self.pod(ends)["status"]["phase"] == "Failed", 60, every=0.2)
                if name == "down":
                    proxy.rules()
                self.assertEqual(host.wait_ended(ends, seconds=60)["message"], "exit code 5")
                self.assertEqual(host.wait_ended(deleted, seconds=60)["status"], "Stopped")

    def test_a_log_whose_stream_breaks_again_and_again_is_whole(self):
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            # This proxy's cut looks like a proper end, as that of an API server that loses the node does.
            proxy.rules(*({"match": "/log\\?", "do": "cut", "bytes": bytes, "times": 1} for bytes in (10, 1000, 900, 4000, 8000)))
            job = self.run_script(host, "for i in $(seq 1 300); do echo line $i; echo; done; sleep 1; echo end")
            followed = Followed(host, job)
            host.wait_ended(job, seconds=60)
            self.assertEqual(followed.end(), b"".join(b"line %d\n\n" % i for i in range(1, 301)) + b"end\n")

    def test_stop_while_the_server_is_down_is_latched(self):
        with FaultProxy() as proxy, self.proxied(proxy) as host:
            job = self.run_script(host, "exec sleep 1000")
            host.wait_status(job, "Running", seconds=60)
            proxy.rules({"match": ".", "do": "reset"})
            answer = host.api("DELETE", f"/scenarios/run/{job}", timeout=30)
            self.assertEqual((answer.status, answer.json["status"]), (202, "Running"), answer)
            proxy.rules()
            self.assertEqual(host.wait_ended(job, seconds=60)["status"], "Stopped")
            self.wait_nothing_left(job)


if __name__ == "__main__":
    unittest.main(verbosity=2)
