"""Scenarios of a private registry of images, from the list to the pod: the login of the request reads their fields and pulls their image."""

import base64
import json
import unittest

from image_registry import ImageRegistry, labels
from operon_harness import ENDED
from pods_harness import IMAGE_CONFIG, PodTest, image_files, kubectl

LOGIN = {"username": "ann", "password": "canary-password-9b40"}
REPOSITORY = "private/hub"
FIELDS = [{"name": "script", "type": "string", "variable": "SCRIPT", "required": "true"},
          {"name": "count", "type": "number", "variable": "COUNT", "default": "3"},
          {"name": "word", "type": "string", "variable": "WORD", "secret": "true", "validator": "^[a-z]*$"}]


class PrivateRegistry(PodTest):
    def setUp(self):
        super().setUp()
        self.registry = self.enterContext(ImageRegistry(users={LOGIN["username"]: LOGIN["password"]}))
        with image_files() as root:
            self.registry.push(REPOSITORY, "script", {**labels("Script"), "krknctl.input_fields": json.dumps(FIELDS)}, login=tuple(LOGIN.values()), root=root,
                               config=IMAGE_CONFIG)

    def own(self, **more):
        return {"registryUrl": self.registry.name, "scenarioRepository": REPOSITORY, "insecure": True, **more}

    def test_from_the_list_to_the_pod(self):
        host = self.enterContext(self.host("plugins.hub.plugin=registry-oci", "log.level=trace", imagePullPolicy="Always"))
        self.assertEqual(["script"], [one["name"] for one in host.api("POST", "/scenarios", self.own(**LOGIN)).json["scenarios"]])
        detail = host.api("POST", "/scenarios/detail/script", self.own(**LOGIN)).json
        self.assertEqual(["SCRIPT", "COUNT", "WORD"], [field["variable"] for field in detail["fields"]])

        image = f"{self.registry.name}/{REPOSITORY}:script"
        seen = []

        def start(login, **environment):
            body = {"targetId": host.targets(), "clusterName": self.context, "scenarioImage": image, "scenarioName": "script", "environment": environment, **self.own(**login)}
            answer = host.api("POST", "/scenarios/run", body)
            seen.append(answer.text)
            return answer
        for environment, words in (({}, "(SCRIPT): `required`"), ({"SCRIPT": "x", "COUNT": "many"}, "COUNT"), ({"SCRIPT": "x", "WORD": "canary-VALUE"}, "WORD")):
            refused = start(LOGIN, **environment)
            self.assertEqual(422, refused.status, refused)
            self.assertIn(words, refused.text)
        for login in ({}, {**LOGIN, "password": "canary-wrong"}):
            self.assertIn(start(login, SCRIPT="true").status, (502, 503))
        self.assertEqual([], json.loads(kubectl("get", "pods", "-n", self.namespace, "-o", "json"))["items"])

        job = start(LOGIN, SCRIPT='echo "count is $COUNT"', WORD="canary").json["jobId"]
        self.assertEqual("Succeeded", host.wait_status(job, *ENDED, seconds=60)["status"])
        self.assertIn(b"count is 3", host.logs(job))
        pod = self.pod(job)
        self.assertEqual(image, pod["spec"]["containers"][0]["image"])
        self.assertEqual(1, len(pod["spec"]["imagePullSecrets"]))
        self.assertTrue([line for line in self.registry.requests() if "/blobs/" in line[1] and line[2] == 200])

        seen += [host.log_text(), host.probe("/metrics").text, json.dumps(pod), json.dumps(host.job(job)), open(f"/proc/{host.process.pid}/cmdline").read()]
        seen += [kubectl("get", kind, "-n", self.namespace, "-o", "json") for kind in ("events", "runs", "configmaps")]
        for text in seen:
            for canary in ("canary", base64.b64encode(LOGIN["password"].encode()).decode().rstrip("=")):
                self.assertNotIn(canary, text)
        kubectl("delete", "pod", f"krkn-job-{job}", "-n", self.namespace, "--wait=false")
        self.wait_nothing_left(job)  # the login went with the run


if __name__ == "__main__":
    unittest.main(verbosity=2)
