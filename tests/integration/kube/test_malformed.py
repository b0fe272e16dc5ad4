"""Fault 33: labels and annotations that make no sense, on every kind of object that is watched: ignored or left out, said by an Event, and the rest goes
on. $KUBECONFIG is the cluster's; no node is needed, since pods of these tests only have to be there."""

import json
import unittest

from host_test import IMAGE, HostTest
from operon_harness import until

NONSENSE = ("none", "-1", "4000000000", "99999999999999999999999", "2 ", "0x2", "\u00fc\n{", "")
REQUEST_PARTS = "operon.dev/request-parts"
LAST_USED = "operon.dev/last-used"


class Malformed(HostTest):
    def events(self, kind, name):
        return [event for event in self.space.get("events.events.k8s.io") if event["reason"] == "Malformed" and event["regarding"]["kind"] == kind
                and event["regarding"]["name"] == name]

    def told(self, kind, name, *words):
        """An Event about it says this."""
        def look():
            return next((event for event in self.events(kind, name) if all(word in event["note"] for word in words)), None)
        event = until(f"an Event about {kind} {name} says {words}", look)
        self.assertEqual("Warning", event["type"])

    def annotate(self, kind, name, **annotations):
        self.space.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps({"metadata": {"annotations": annotations}}))

    def goes_on(self, host, target):
        host.wait_status(host.run("hello", targetId=target), "Succeeded")
        self.assertEqual(200, host.probe("/readyz").status)

    def test_annotations_of_a_run(self):
        host = self.enter("leader_election=true")
        self.leader([host])
        target = self.target(host)
        for text in NONSENSE:
            with self.subTest(text):
                job = host.run("long", targetId=target, environment={})
                host.wait_status(job, "Running")
                self.annotate("run", f"krkn-job-{job}", **{REQUEST_PARTS: text})
                if text:
                    self.told("Run", f"krkn-job-{job}", REQUEST_PARTS, "ignored")
                self.assertEqual("Stopped", host.api("DELETE", f"/scenarios/run/{job}").json["status"])
                until("its end is recorded, and it is let go", lambda job=job: self.let_go(job), 20)
        self.goes_on(host, target)

    def let_go(self, job):
        run = self.run_object(job)
        return run.get("status", {}).get("phase") == "Stopped" and "finalizers" not in run["metadata"]

    def test_labels_of_a_run(self):
        host = self.enter()
        target = self.target(host)
        job = host.run("long", targetId=target)
        host.wait_status(job, "Running")
        for label in ("krkn-job-id=another", "krkn-job-id=", "krkn-job-id-", "app=krkn-scenario"):
            self.space.kubectl("label", "run", f"krkn-job-{job}", "--overwrite", label)
        self.assertEqual("Running", host.status(job))
        self.assertEqual("Stopped", host.api("DELETE", f"/scenarios/run/{job}").json["status"])
        self.goes_on(host, target)

    def test_annotations_of_a_target_request(self):
        host = self.enter("targets.kept_seconds_after_use=1h")
        for text in ("yesterday", "2026-13-45T00:00:00Z", "1795266010", "\u00fc\n{"):
            with self.subTest(text):
                target = self.target(host)
                self.annotate("krkntargetrequest", target, **{LAST_USED: text})
                self.told("KrknTargetRequest", target, LAST_USED, "ignored")
                self.assertEqual(200, host.api("GET", f"/targets/{target}").status)
        # A use of it is written over what made no sense only when it is due; the request itself expires by its age.
        self.goes_on(host, target)
        self.assertEqual(4, len(self.space.get("krkntargetrequests")))

    def test_a_request_with_nonsense_expires_by_its_age(self):
        host = self.enter("targets.kept_seconds_after_use=4s")
        target = self.target(host)
        self.annotate("krkntargetrequest", target, **{LAST_USED: "for ever"})
        until("it is gone", lambda: self.space.absent("krkntargetrequest", target), 30)

    # -------------------------------------------------------------------------------------------------------------- pods

    def pod(self, name, job, image=IMAGE):
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "krkn-scenario", "krkn-job-id": job}},
                "spec": {"containers": [{"name": "scenario", "image": image}]}}

    def test_labels_of_pods(self):
        """Anybody who may make pods may give them a run's labels: neither a run nor the watch of all runs suffers from it."""
        host = self.pods_host()
        target = self.target(host)
        job = self.start_pod(host, target)
        own = self.space.get("pod", f"krkn-job-{job}")
        for name, label in (("empty", ""), ("no-job", "not-a-job"), ("intruder", job)):
            self.space.kubectl("create", "-f", "-", given=self.pod(name, label))
            self.told("Pod", name, "left out", "krkn-job-id")
        # The stranger's end, and that of its object, are not the run's.
        self.space.kubectl("patch", "pod", "intruder", "--subresource=status", "--type=merge", "-p", json.dumps({"status": {"phase": "Failed", "reason": "Evicted"}}))
        self.space.kubectl("delete", "pod", "intruder", "--grace-period=0", "--force")
        self.space.kubectl("patch", "pod", f"krkn-job-{job}", "--subresource=status", "--type=merge", "-p", json.dumps({"status": {"phase": "Running"}}))
        host.wait_status(job, "Running")
        self.assertEqual(own["metadata"]["uid"], self.space.get("pod", f"krkn-job-{job}")["metadata"]["uid"])
        self.assertEqual("Stopped", host.api("DELETE", f"/scenarios/run/{job}", timeout=60).json["status"])

    def test_annotations_of_a_run_s_pod(self):
        """What a pod's annotations say of its run is for people: the API keeps its own word."""
        host = self.pods_host()
        target = self.target(host)
        job = self.start_pod(host, target)
        self.annotate("pod", f"krkn-job-{job}", **{"operon.dev/scenario-name": "\u00fc\n{", "operon.dev/cluster-name": "x" * 10_000, "operon.dev/target-id": ""})
        self.space.kubectl("patch", "pod", f"krkn-job-{job}", "--subresource=status", "--type=merge", "-p", json.dumps({"status": {"phase": "Running"}}))
        seen = host.wait_status(job, "Running")
        self.assertEqual(("n", target), (seen["scenarioName"], seen["targetId"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
