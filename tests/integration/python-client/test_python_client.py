"""What a program on the published Kubernetes client does with our custom resources: asks for targets, starts a run, watches it, stops it, reads why it is refused."""

import json
import unittest

from kubectl import Namespace
from kubernetes import client, config, watch
from operon_harness import Host, until

KRKN = ("krkn.krkn-chaos.dev", "v1alpha1")
OPERON = ("operon.dev", "v1alpha1")


class PythonClient(unittest.TestCase):
    def setUp(self):
        self.space = Namespace()
        self.space.__enter__()
        self.addCleanup(self.space.__exit__, None, None, None)
        config.load_kube_config()
        self.api = client.CustomObjectsApi()
        self.host = Host(args=["--namespace", self.space.name], sets=["targets.store=kubernetes", "jobs.store=kubernetes"])
        self.host.__enter__()
        self.addCleanup(self.host.__exit__, None, None, None)
        self.host.shell_scenario("hello", "echo hello")
        self.host.shell_scenario("long", "trap 'exit 0' TERM; while true; do sleep 0.1; done")

    def watch_until(self, group, plural, name, good):
        for event in watch.Watch().stream(self.api.list_namespaced_custom_object, *group, self.space.name, plural, timeout_seconds=30):
            if event["object"]["metadata"]["name"] == name and good(event["object"]):
                return event["object"]
        self.fail(f"{plural} {name} never came to that")

    def target(self):
        made = self.api.create_namespaced_custom_object(*KRKN, self.space.name, "krkntargetrequests", {
            "apiVersion": "/".join(KRKN), "kind": "KrknTargetRequest", "metadata": {"name": "by-python"}, "spec": {"uuid": "by-python"}})
        name = made["metadata"]["name"]
        done = self.watch_until(KRKN, "krkntargetrequests", name, lambda o: o.get("status", {}).get("status") == "Completed")
        self.assertIn("localhost", [c["cluster-name"] for c in done["status"]["targetData"]["target-file"]])
        return name

    def run_object(self, name, target, scenario):
        return {"apiVersion": "/".join(OPERON), "kind": "Run", "metadata": {"name": name},
                "spec": {"targetId": target, "clusterName": "localhost", "scenarioImage": f"dir://{scenario}", "scenarioName": scenario}}

    def test_a_program_starts_watches_stops_and_lists_runs(self):
        target = self.target()
        create = lambda body: self.api.create_namespaced_custom_object(*OPERON, self.space.name, "runs", body)  # noqa: E731
        create(self.run_object("first", target, "hello"))
        ended = self.watch_until(OPERON, "runs", "first", lambda o: o.get("status", {}).get("phase") in ("Succeeded", "Failed"))
        self.assertEqual((ended["status"]["phase"], ended["status"]["exitCode"]), ("Succeeded", 0), ended["status"])
        create(self.run_object("second", target, "long"))
        self.watch_until(OPERON, "runs", "second", lambda o: o.get("status", {}).get("phase") == "Running")
        self.api.patch_namespaced_custom_object(*OPERON, self.space.name, "runs", "second", {"spec": {"stop": True}})
        self.watch_until(OPERON, "runs", "second", lambda o: o.get("status", {}).get("phase") == "Stopped")
        listed = self.api.list_namespaced_custom_object(*OPERON, self.space.name, "runs")
        self.assertEqual(sorted(o["metadata"]["name"] for o in listed["items"]), ["first", "second"])
        self.api.delete_namespaced_custom_object(*OPERON, self.space.name, "runs", "second")
        until("it is gone", lambda: len(self.api.list_namespaced_custom_object(*OPERON, self.space.name, "runs")["items"]) == 1)

    def test_what_is_wrong_is_refused_by_the_server_in_words(self):
        for change, words in (({"clusterName": None}, "clusterName"), ({"registryUrl": "quay.io"}, "Both registryUrl and scenarioRepository"),
                              ({"timeoutSeconds": 0}, "timeoutSeconds")):
            with self.subTest(change=change):
                body = self.run_object("wrong", "t", "hello")
                body["spec"].update(change)
                with self.assertRaises(client.ApiException) as refused:
                    self.api.create_namespaced_custom_object(*OPERON, self.space.name, "runs", body)
                self.assertEqual(refused.exception.status, 422)
                self.assertIn(words, json.loads(refused.exception.body)["message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
