"""A private registry: its scenarios are listed, a form's values are checked, the image is pulled and run as a pod, and the login is found nowhere."""

import base64
import gzip
import io
import json
import shutil
import tarfile
import unittest
from pathlib import Path

from image_registry import ImageRegistry, Layout, digest, labels
from operon_harness import Host
from pods_harness import APPLETS, BUILD, PodTest, get, kubectl

REPOSITORY = "private/hub"
USER, PASSWORD = "ann", "canary-password-5c1f"
VALUE = "canary-value-93ab"
SCRIPT = 'echo "namespace $NAMESPACE for $DURATION s"; test -n "$PASSWORD" && echo "has a password"'


class ScriptLayout(Layout):
    """An image with a shell that runs SCRIPT."""

    def image(self, image_labels, architecture, history):
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            for name in ("bin", "tmp", "home/krkn/.kube"):
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(folder)
            tar.add(shutil.which("busybox"), "bin/busybox")
            for applet in APPLETS:
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        layer = self.blob(gzip.compress(raw.getvalue(), mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
        config = {"architecture": architecture, "os": "linux", "created": "2026-01-02T03:04:05Z",
                  "config": {"Labels": image_labels, "Entrypoint": ["/bin/sh", "-c", SCRIPT], "Env": ["PATH=/bin"]},
                  "rootfs": {"type": "layers", "diff_ids": [digest(raw.getvalue())]}}
        about = self.blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": about, "layers": [layer]}
        return self.blob(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json", platform={"architecture": architecture, "os": "linux"})


def command_lines():
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended
    return "\n".join(found)


class PrivateRegistry(PodTest):
    STORE = "kubernetes"

    def setUp(self):
        super().setUp()
        self.registry = self.enterContext(ImageRegistry(users={USER: PASSWORD}))
        self.digest = self.registry.push(REPOSITORY, "script", labels("Script"), login=(USER, PASSWORD), layout=ScriptLayout)
        self.image = f"{self.registry.name}/{REPOSITORY}:script"
        self.login = {"registryUrl": self.registry.name, "scenarioRepository": REPOSITORY, "insecure": True, "username": USER, "password": PASSWORD}

    def host(self, **more):
        plugins = {"target-file": {}, "hub": {"plugin": "registry-oci"}, "pods": {"plugin": "runner-pod", "config": {"kubeconfigStorage": "secret"}}}
        return Host(args=["--plugin-dir", str(BUILD / "plugins"), "--namespace", self.namespace, "--kubeconfig", str(self.kubeconfig)], sets=["jobs.store=kubernetes"],
                    config=json.dumps({"plugins": plugins, "defaults": {"registry": "hub", "runner": "pods"}, **more}))

    def start(self, host, environment, **more):
        return host.api("POST", "/scenarios/run", {"targetId": host.targets(), "clusterName": self.context, "scenarioImage": self.image, "scenarioName": "script",
                                                   "environment": environment, **self.login, **more})

    def found_in(self, host, *jobs):
        """Everything that says something of the runs, but for the Secrets that the node needs."""
        kinds = "pods,configmaps,events,runs.operon.dev"
        return {"objects": kubectl("get", kinds, "-n", self.namespace, "-o", "json"), "log": host.log_text(), "metrics": host.probe("/metrics").text,
                "command lines": command_lines(), **{job: json.dumps(host.job(job)) + host.logs(job).decode() for job in jobs}}

    def test_listed_checked_pulled_and_run(self):
        with self.host() as host:
            listed = host.api("POST", "/scenarios", self.login)
            self.assertEqual([(one["name"], one["digest"]) for one in listed.json["scenarios"]], [("script", self.digest)])
            fields = host.api("POST", "/scenarios/detail/script", self.login).json["fields"]
            self.assertEqual({one["variable"] for one in fields}, {"DURATION", "NAMESPACE", "PASSWORD"})

            refused = self.start(host, {"NAMESPACE": "prod", "DURATION": "long", "PASSWORD": VALUE})
            self.assertEqual(refused.status, 422, refused)
            self.assertIn("duration", refused.text)
            missing = self.start(host, {"PASSWORD": VALUE})
            self.assertEqual(missing.status, 422, missing)
            self.assertEqual(get("pods", "-n", self.namespace)["items"], [])

            started = self.start(host, {"NAMESPACE": "prod", "PASSWORD": VALUE})
            self.assertEqual(started.status, 201, started)
            job = started.json["jobId"]
            secret = get("secret", f"krkn-job-{job}-registry", "-n", self.namespace)
            self.assertEqual(secret["type"], "kubernetes.io/dockerconfigjson")
            auths = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
            self.assertEqual({name: base64.b64decode(one["auth"]).decode() for name, one in auths.items()}, {self.registry.name: f"{USER}:{PASSWORD}"})

            ended = host.wait_ended(job, seconds=90)
            self.assertEqual(ended["status"], "Succeeded", ended)
            self.assertEqual(host.logs(job), b"namespace prod for 60 s\nhas a password\n")
            self.assertEqual(self.pod(job)["spec"]["imagePullSecrets"], [{"name": f"krkn-job-{job}-registry"}])
            for place, text in self.found_in(host, job).items():
                for word in (PASSWORD, VALUE, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()):
                    self.assertNotIn(word, text, place)

    def test_a_wrong_password_starts_nothing(self):
        with self.host() as host:
            wrong = {"password": "canary-wrong-1"}
            for answer, status in ((host.api("POST", "/scenarios", {**self.login, **wrong}), 502), (self.start(host, {"NAMESPACE": "prod"}, **wrong), 503)):
                self.assertEqual(answer.status, status, answer)
                self.assertIn("does not take these credentials (401)", answer.json["message"])
                self.assertNotIn("canary", answer.text)
            self.assertEqual(get("pods,secrets,runs.operon.dev", "-n", self.namespace)["items"], [])
            for place, text in self.found_in(host).items():
                self.assertNotIn("canary", text, place)


if __name__ == "__main__":
    unittest.main(verbosity=2)
