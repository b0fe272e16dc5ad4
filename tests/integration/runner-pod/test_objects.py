"""What a run's pod is given, what is refused, and that nothing half-made stays. $KUBECONFIG is the cluster's."""

import base64
import hashlib
import json
import unittest

from operon_harness import SOURCE, until
from pods_harness import ACCOUNT, IMAGE, PodTest, get, kubectl

CANARY = "canary-4711"


def content(data):
    return base64.b64encode(data).decode()


class Objects(PodTest):
    def refused(self, host, status, words, script="true", **more):
        answer = self.post(host, script, **more)
        self.assertEqual(answer.status, status, answer)
        self.assertIn(words, answer.json["message"])
        return answer

    def refused_and_removed(self, host, status, *words, **more):
        """Refused by the cluster: its record ends Failed with the reason, and nothing stays."""
        answer = self.refused(host, status, words[0], idempotencyKey=self.id(), **more)
        failed = until("its record says so", lambda: host.jobs("?status=Failed"))
        self.assertEqual(len(failed), 1)
        for word in words:
            self.assertIn(word, answer.json["message"])
            self.assertIn(word, failed[0]["message"])
        self.assertEqual(self.objects(failed[0]["jobId"]), [])

    def test_files_and_values_arrive_as_they_were_sent(self):
        binary = bytes(range(256))
        values = {"PLAIN": "$(HOME) ; `id` $$(x)\n-x", "EMPTY": "", "PASSWORD": CANARY + "$(HOME)"}
        files = [{"name": "plan.yaml", "content": content(b"a: 1\n"), "mountPath": "/etc/chaos/plan.yaml"},
                 {"name": "Plan.yaml", "content": content(b"b: 2\n"), "mountPath": "/tmp/plan.yaml"},
                 {"name": "blob.bin", "content": content(binary), "mountPath": "/opt/blob.bin"}]
        script = ('for f in /etc/chaos/plan.yaml /tmp/plan.yaml; do cat $f; done; sha256sum /opt/blob.bin; env | grep -c "^EMPTY=$"; '
                  'echo "$PLAIN"; echo "$PASSWORD" | sha256sum; id -u; id -g; grep -c "current-context" /home/krkn/.kube/config; '
                  'echo x > /tmp/x && echo writable; ls /var/run/secrets/kubernetes.io 2> /tmp/none || echo no token')
        with self.host() as host:
            job = self.run_script(host, script, environment=values, files=files)
            self.assertEqual(self.objects(job), ["ConfigMap/-file-blob-bin", *sorted(name for name in self.objects(job) if "-file-plan-yaml" in name),
                                                 "Pod/", "Secret/-env", "Secret/-kubeconfig"])
            pod = self.pod(job)
            self.assertNotIn(CANARY, json.dumps(pod))
            self.assertEqual([one["name"] for one in pod["spec"]["containers"][0]["env"]], sorted([*values, "SCRIPT"]))
            ended = host.wait_ended(job, seconds=60)
            log = host.logs(job).decode()
            self.assertEqual(ended["status"], "Succeeded", log)
            expected = ["a: 1", "b: 2", hashlib.sha256(binary).hexdigest() + "  /opt/blob.bin", "1", *values["PLAIN"].split("\n"),
                        hashlib.sha256((values["PASSWORD"] + "\n").encode()).hexdigest() + "  -", "1001", "1001", "1", "writable"]
            self.assertEqual(log.splitlines(), [*expected, "no token"])
            self.assertNotIn(CANARY, host.log_text())

    def test_the_pod_is_as_the_contract_says(self):
        with self.host(kubeconfigStorage="configmap") as host:
            job = self.run_script(host, "true", scenarioName="a name, with a comma", timeoutSeconds=99)
            pod = self.pod(job)
            labels, spec = pod["metadata"]["labels"], pod["spec"]
            self.assertEqual((labels["app"], labels["krkn-job-id"], labels["krkn-target-id"], labels["krkn-cluster-name"]),
                             ("krkn-scenario", job, host.targets(), self.context))
            self.assertRegex(labels["krkn-scenario-name"], r"^a-name--with-a-comma-[0-9a-f]{10}$")
            self.assertEqual(pod["metadata"]["annotations"]["operon.dev/scenario-name"], "a name, with a comma")
            self.assertEqual((spec["restartPolicy"], spec["serviceAccountName"], spec["automountServiceAccountToken"], spec["activeDeadlineSeconds"]),
                             ("Never", "krkn-operator-krkn-scenario-runner", False, 99))
            config = get("configmap", f"krkn-job-{job}-kubeconfig", "-n", self.namespace)["data"]["config"]
            self.assertIn("current-context", config)
            self.assertEqual(host.wait_ended(job, seconds=60)["scenarioName"], "a name, with a comma")

    def test_a_plan_is_what_a_start_makes(self):
        files = [{"name": "plan.yaml", "content": content(CANARY.encode()), "mountPath": "/etc/chaos/plan.yaml"}]
        with self.host() as host:
            body = {"targetId": host.targets(), "clusterName": self.context, "scenarioImage": IMAGE, "scenarioName": "script", "idempotencyKey": "one",
                    "environment": {"SCRIPT": "true", "PASSWORD": CANARY}, "files": files, "timeoutSeconds": 99}
            answer = host.api("POST", "/operon/v1/runs/plan", body)
            self.assertEqual(answer.status, 200, answer)
            plan = answer.json
            for hidden in (CANARY, content(CANARY.encode()), self.token, content(self.token.encode())):
                self.assertNotIn(hidden, answer.text)
            self.assertEqual(host.jobs(), [])
            self.assertEqual(self.objects(plan["jobId"]), [])
            prefix = f"krkn-job-{plan['jobId']}"
            recorded = 2 if self.STORE == "kubernetes" else 0  # the Run, and the Secret of its request, which goes when it has started
            record, parts = plan["objects"][:recorded], plan["objects"][recorded:]
            self.assertEqual([f"{one['kind']}/{one['metadata']['name'].removeprefix(prefix)}" for one in record], ["Run/", "Secret/-request"][:recorded])
            for one in record[:1]:
                one["spec"]["files"][0]["content"] = files[0]["content"]
            given = json.dumps({"apiVersion": "v1", "kind": "List", "items": record + parts})
            taken = kubectl("create", "--dry-run=server", "-n", self.namespace, "-f", "-", given=given)
            self.assertEqual(len(taken.splitlines()), recorded + 4)

            self.assertEqual(host.api("POST", "/scenarios/run", body).json["jobId"], plan["jobId"])
            for one in record[:1]:
                made = get("run", prefix, "-n", self.namespace)
                self.assertEqual({**made["spec"], "stop": None}, {**one["spec"], "stop": None})
                made["metadata"]["annotations"].pop("operon.dev/create-attempt")  # of the one request that made it
                self.assertEqual([made["metadata"][member] for member in ("labels", "annotations")], [one["metadata"][member] for member in ("labels", "annotations")])
            shown = sorted(f"{one['kind']}/{one['metadata']['name'].removeprefix(prefix)}" for one in parts)
            until("what is made is what was planned", lambda: self.objects(plan["jobId"]) == shown)
            owners = [one["metadata"].get("ownerReferences", [{}])[0].get("name") for one in plan["objects"][1:]]
            self.assertEqual(owners, [prefix if recorded else None] * len(owners))
            made, planned = self.pod(plan["jobId"])["spec"], plan["objects"][-1]["spec"]
            for member in ("activeDeadlineSeconds", "securityContext", "serviceAccountName"):
                self.assertEqual(made[member], planned[member])
            for member in ("image", "env", "resources", "volumeMounts"):
                self.assertEqual(made["containers"][0][member], planned["containers"][0][member])
            repeated = host.api("POST", "/operon/v1/runs/plan", body).json
            self.assertEqual((repeated["repeats"], repeated["jobId"]), (True, plan["jobId"]))
            self.assertNotIn(CANARY, host.log_text())
            host.wait_ended(plan["jobId"], seconds=60)

    def test_only_images_of_registries_that_are_allowed(self):
        listed = "scenarios.allowed_registries"
        with self.host(f"{listed}=quay.io/krkn-chaos") as host:
            self.refused(host, 422, f"scenarioImage '{IMAGE}' is of no registry that this host may run images of; {listed} lists quay.io/krkn-chaos")
            self.assertEqual(host.jobs(), [])
        with self.host(f"{listed}={IMAGE.rsplit(':', 1)[0]}") as host:
            self.assertEqual(host.wait_ended(self.run_script(host, "true"), seconds=60)["status"], "Succeeded")

    def test_a_server_takes_every_object_that_the_unit_tests_expect(self):
        for name in ("full", "configured"):
            objects = json.loads((SOURCE / f"tests/unit/runner-pod/golden/{name}.json").read_text())
            for one in objects:
                if one["kind"] == "Pod":
                    one["spec"]["serviceAccountName"] = ACCOUNT
            taken = kubectl("create", "--dry-run=server", "-n", self.namespace, "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
            self.assertEqual(len(taken.splitlines()), len(objects))

    def test_what_cannot_be_is_refused_before_anything_is_made(self):
        with self.host() as host:
            self.refused(host, 422, "takes no dir:// scenarios", scenarioImage="dir://hello")
            self.refused(host, 422, "has no kubeconfig", clusterName="localhost")
            self.refused(host, 422, "files[0]", files=[{"name": "big", "content": content(b"x" * (900 * 1024 + 1)), "mountPath": "/big"}])
            self.refused(host, 422, "/a:b", files=[{"name": "f", "content": content(b"x"), "mountPath": "/a:b"}])
            self.refused(host, 422, "a folder", files=[{"name": "f", "content": content(b"x"), "mountPath": "/a"},
                                                       {"name": "g", "content": content(b"x"), "mountPath": "/a/g"}])
            self.assertEqual(host.jobs(), [])
            self.assertEqual(get("pods", "-n", self.namespace, "-l", "krkn-job-id")["items"], [])

    def test_a_service_account_that_is_not_there(self):
        with self.host(serviceAccount="nobody-made-it") as host:
            self.refused_and_removed(host, 503, "the service account of the configuration does not exist", "nobody-made-it")

    def test_a_quota(self):
        kubectl("create", "quota", "none", "--hard=pods=0", "-n", self.namespace)
        self.addCleanup(kubectl, "delete", "quota", "none", "-n", self.namespace)
        until("the quota counts", lambda: get("quota", "none", "-n", self.namespace).get("status", {}).get("hard"))
        with self.host() as host:
            self.refused_and_removed(host, 503, "the namespace's quota does not allow it", "exceeded quota: none")

    def test_a_quota_on_what_the_pod_mounts(self):
        kubectl("create", "quota", "none", "--hard=secrets=0", "-n", self.namespace)
        self.addCleanup(kubectl, "delete", "quota", "none", "-n", self.namespace)
        until("the quota counts", lambda: get("quota", "none", "-n", self.namespace).get("status", {}).get("hard"))
        with self.host() as host:
            self.refused_and_removed(host, 503, "Secret krkn-job-", "the namespace's quota does not allow it", "exceeded quota: none")

    def test_pod_security(self):
        kubectl("label", "namespace", self.namespace, "pod-security.kubernetes.io/enforce=restricted")
        self.addCleanup(kubectl, "label", "namespace", self.namespace, "pod-security.kubernetes.io/enforce-")
        with self.host() as host:
            self.assertEqual(host.wait_ended(self.run_script(host, "true"), seconds=60)["status"], "Succeeded")
        with self.host(capabilities=["NET_ADMIN"]) as host:
            self.refused_and_removed(host, 422, "a rule of the cluster does not admit it", "NET_ADMIN")

    def test_a_namespace_that_is_not_there(self):
        with self.host(namespace="nobody-made-it") as host:
            answer = self.post(host, "true")
            self.assertEqual(answer.status, 503, answer)
            self.assertIn("nobody-made-it", answer.json["message"])

    def test_a_namespace_that_is_being_deleted(self):
        going = self.namespace + "-going"
        kubectl("create", "namespace", going)
        # What holds the namespace is what allows the host to work in it.
        held = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "held", "namespace": going, "finalizers": ["operon.dev/test"]},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
                "subjects": [{"kind": "ServiceAccount", "name": "operon", "namespace": self.namespace}]}
        kubectl("create", "-f", "-", given=json.dumps(held))
        self.addCleanup(kubectl, "patch", "rolebinding", "held", "-n", going, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
        kubectl("delete", "namespace", going, "--wait=false")
        with self.host(namespace=going) as host:
            answer = self.refused(host, 503, "the namespace is being deleted")
            self.assertIn("is being terminated", answer.json["message"])
            self.assertEqual([(job["status"], "the namespace is being deleted" in job["message"]) for job in host.jobs()], [("Failed", True)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
