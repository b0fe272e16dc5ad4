"""Target requests on a cluster: KrknTargetRequest objects, providers of ours and foreign ones, Secrets, replicas. $KUBECONFIG is the cluster's."""

import base64
import datetime
import json
import unittest

from kubectl import Namespace
from operon_harness import Host, until

KUBECONFIG = """apiVersion: v1
kind: Config
current-context: east-context
clusters: [{name: east, cluster: {server: "https://east.example:6443"}}]
users: [{name: admin, user: {token: canary-token-4f8a}}]
contexts: [{name: east-context, context: {cluster: east, user: admin}}]
"""


def b64(text):
    return base64.b64encode(text.encode()).decode()


def now(back=0):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=back)).strftime("%Y-%m-%dT%H:%M:%SZ")


def target(name, cluster, secret, kind="kubeconfig", **spec):
    return {"apiVersion": "krkn.krkn-chaos.dev/v1alpha1", "kind": "KrknOperatorTarget", "metadata": {"name": name},
            "spec": {"uuid": name, "clusterName": cluster, "clusterAPIURL": "https://east.example:6443", "secretType": kind, "secretUUID": secret, **spec}}


def secret(name, **data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": {"krkn-target-uuid": name}}, "stringData": data}


class Targets(unittest.TestCase):
    def setUp(self):
        self.space = Namespace()
        self.space.__enter__()
        self.addCleanup(self.space.__exit__, None, None, None)

    def host(self, *sets, args=(), **more):
        return Host(args=["--namespace", self.space.name, *args], sets=["targets.store=kubernetes", "plugins.krkn-operator.plugin=target-krkn", *sets], **more)

    def request(self, host):
        asked = host.api("POST", "/targets")
        self.assertEqual(asked.status, 202, asked)
        return asked.json["uuid"]

    def completed(self, host, uuid, seconds=30):
        until("the request is completed", lambda: host.api("GET", f"/targets/{uuid}").status == 200, seconds)
        return host.api("GET", f"/clusters?id={uuid}").json

    def apply(self, *objects):
        for thing in objects:
            self.space.kubectl("apply", "-f", "-", given=thing)

    def foreign(self, name="krkn-operator-acm", active=True, beat=0):
        self.apply({"apiVersion": "krkn.krkn-chaos.dev/v1alpha1", "kind": "KrknOperatorTargetProvider", "metadata": {"name": name},
                    "spec": {"operator-name": name, "active": active}})
        self.space.kubectl("patch", "kotp", name, "--subresource=status", "--type=merge", "-p", json.dumps({"status": {"timestamp": now(beat)}}))

    def test_a_declared_target_is_listed_and_its_kubeconfig_reaches_the_run(self):
        self.apply(secret("s-1", kubeconfig=json.dumps({"kubeconfig": b64(KUBECONFIG)})), target("kot-1", "east", "s-1"), target("kot-2", "west", "s-2"))
        with self.host() as host:
            uuid = self.request(host)
            data = self.completed(host, uuid)["targetData"]
            self.assertEqual([c["cluster-name"] for c in data["krkn-operator"]], ["east", "west"])
            self.assertIn("localhost", [c["cluster-name"] for c in data["target-file"]])
            seen = self.space.get("ktr", uuid)
            self.assertEqual(seen["status"]["status"], "Completed")
            self.assertEqual(seen["spec"]["uuid"], uuid)
            kept = self.space.get("secret", uuid)
            self.assertEqual(kept["metadata"]["labels"]["krkn.krkn-chaos.dev/target-request"], uuid)
            self.assertEqual(kept["metadata"]["ownerReferences"][0]["uid"], seen["metadata"]["uid"])
            clusters = json.loads(base64.b64decode(kept["data"]["managed-clusters"]))
            self.assertIn("canary-token-4f8a", base64.b64decode(clusters["krkn-operator"]["east"]["kubeconfig"]).decode())
            self.assertIsNone(clusters["target-file"]["localhost"]["kubeconfig"])
            host.shell_scenario("look", "grep server: $KUBECONFIG")
            job = host.run("look", targetId=uuid, clusterName="east", provider="krkn-operator")
            host.wait_status(job, "Succeeded")
            self.assertIn(b"https://east.example:6443", host.logs(job))
            answer = host.post_run("look", targetId=uuid, clusterName="west", provider="krkn-operator")
            self.assertEqual(answer.status, 422, answer)
            self.assertNotIn("canary-token-4f8a", host.log_text())
            until("the objects say which is ready", lambda: [self.space.get("kot", name).get("status", {}).get("ready") for name in ("kot-1", "kot-2")] == [True, False])
            self.assertIn("Secret s-2", self.space.get("kot", "kot-2")["status"]["conditions"][0]["message"])

    def test_a_kubeconfig_is_made_of_a_token(self):
        self.apply(secret("s-1", token="canary-token-4f8a"), target("kot-1", "east", "s-1", "token", insecureSkipTLSVerify=True))
        with self.host() as host:
            uuid = self.request(host)
            self.completed(host, uuid)
            clusters = json.loads(base64.b64decode(self.space.get("secret", uuid)["data"]["managed-clusters"]))
            made = base64.b64decode(clusters["krkn-operator"]["east"]["kubeconfig"]).decode()
            for word in ("east-user", "east-context", "canary-token-4f8a", "insecure-skip-tls-verify"):
                self.assertIn(word, made)

    def test_a_request_made_with_kubectl_is_answered_too(self):
        with self.host() as host:
            self.apply({"apiVersion": "krkn.krkn-chaos.dev/v1alpha1", "kind": "KrknTargetRequest", "metadata": {"name": "by-hand"}, "spec": {"uuid": "by-hand"}})
            self.assertIn("target-file", self.completed(host, "by-hand")["targetData"])

    def test_a_foreign_provider_is_waited_for_and_its_kubeconfig_used(self):
        self.foreign()
        with self.host() as host:
            uuid = self.request(host)
            until("ours have answered", lambda: "target-file" in self.space.get("ktr", uuid).get("status", {}).get("targetData", {}))
            self.assertEqual(host.api("GET", f"/targets/{uuid}").status, 202)
            kept = self.space.get("secret", uuid)
            clusters = json.loads(base64.b64decode(kept["data"]["managed-clusters"]))
            clusters["krkn-operator-acm"] = {"north": {"cluster-name": "north", "cluster-api": "https://east.example:6443", "kubeconfig": b64(KUBECONFIG)}}
            self.space.kubectl("patch", "secret", uuid, "-p", json.dumps({"data": {"managed-clusters": b64(json.dumps(clusters))}}))
            self.space.kubectl("patch", "ktr", uuid, "--subresource=status", "--type=merge", "-p", json.dumps(
                {"status": {"targetData": {"krkn-operator-acm": [{"cluster-name": "north", "cluster-api-url": "https://east.example:6443"}]}}}))
            answer = self.completed(host, uuid)
            self.assertNotIn("conditions", answer)
            self.assertEqual(set(answer["targetData"]), {"krkn-operator-acm", "krkn-operator", "registry-dir", "target-file"} - {"registry-dir"})
            host.shell_scenario("look", "grep server: $KUBECONFIG")
            host.wait_status(host.run("look", targetId=uuid, clusterName="north"), "Succeeded")

    def test_who_is_switched_off_or_dead_is_not_waited_for(self):
        self.foreign("switched-off", active=False)
        self.foreign("dead", beat=200)
        with self.host() as host:
            self.assertNotIn("conditions", self.completed(host, self.request(host), seconds=10))

    def test_who_beats_and_never_answers_is_named(self):
        self.foreign()
        with self.host("targets.request_ms_max=1500ms") as host:
            answer = self.completed(host, self.request(host))
            self.assertEqual(answer["conditions"][0]["type"], "Partial")
            self.assertIn("krkn-operator-acm: did not answer within", answer["conditions"][0]["message"])

    def test_our_providers_beat_and_switch_themselves_off(self):
        with self.host() as host:
            beating = until("the heartbeat is there", lambda: [p for p in self.space.get("kotp") if p["metadata"]["name"] == "krkn-operator" and "status" in p])[0]
            self.assertTrue(beating["spec"]["active"])
            self.assertEqual(beating["spec"]["operator-name"], "krkn-operator")
            host.terminate()
            self.assertFalse(self.space.get("kotp", "krkn-operator")["spec"]["active"])

    def test_three_replicas_have_one_leader_and_the_next_carries_on(self):
        self.apply(secret("s-1", kubeconfig=KUBECONFIG), target("kot-1", "east", "s-1"))
        hosts = []
        for _ in range(3):
            host = self.host("leader_election=true")
            host.__enter__()
            self.addCleanup(host.__exit__, None, None, None)
            hosts.append(host)
        until("there is a leader", lambda: sum(h.metric("operon_leading") == 1 for h in hosts) == 1, seconds=30)
        for host in hosts:  # made here, known there at once
            uuid = self.request(host)
            for other in hosts:
                self.assertIn(other.api("GET", f"/targets/{uuid}").status, (200, 202))
            self.completed(hosts[0], uuid)
        leader = next(h for h in hosts if h.metric("operon_leading") == 1)
        leader.kill()
        rest = [h for h in hosts if h is not leader]
        uuid = self.request(rest[0])
        self.assertIn("krkn-operator", self.completed(rest[1], uuid, seconds=60)["targetData"])
        self.assertEqual(sum(h.metric("operon_leading") == 1 for h in rest), 1)

    def test_what_is_not_used_expires_with_its_secret(self):
        with self.host("targets.kept_seconds_after_use=2s") as host:
            uuid = self.request(host)
            self.completed(host, uuid)
            until("it is gone", lambda: self.space.absent("ktr", uuid) and self.space.absent("secret", uuid), seconds=30)
            self.assertEqual(host.api("GET", f"/targets/{uuid}").status, 404)

    def test_ids_that_are_none_are_not_found(self):
        with self.host() as host:
            for name in ("absent", "..", "A", "x/y", "a%2Fb"):
                with self.subTest(name=name):
                    self.assertIn(host.api("GET", f"/clusters?id={name}").status, (400, 404))

    def test_without_the_definitions_the_host_says_what_is_missing(self):
        with self.assertRaises(Exception) as refused:
            with Host(args=["--namespace", self.space.name, "--kubeconfig", "/dev/null"], sets=["targets.store=kubernetes"]):
                pass
        self.assertIn("kubeconfig", str(refused.exception).lower())


if __name__ == "__main__":
    unittest.main(verbosity=2)
