"""operonctl with a real image registry (Debian's docker-registry): search, a private registry, images by the digest that was shown."""

import json
import os
import pathlib
import subprocess
import unittest

from image_registry import ImageRegistry, labels
from operon_harness import BUILD, Host
from terminal import Terminal

CTL = str(BUILD / "bin" / "operonctl")
REPOSITORY = "team/scenarios"
LOGIN = ("ann", "canary-password-7f31")
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: east, context: {cluster: c, user: u}}]
current-context: east
"""


class Registry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.registry = cls.enterClassContext(ImageRegistry(users=dict([LOGIN])))
        cls.digest = cls.registry.push(REPOSITORY, "pod-kill", labels("Pod Failures"), login=LOGIN)
        cls.registry.push(REPOSITORY, "cpu-hog", labels("CPU Hog"), login=LOGIN)
        # Pods are planned, not started: the cluster of the kubeconfig is never asked.
        cls.host = Host(config=json.dumps({"plugins": {"target-file": {"config": {"kubeconfigs": ["kubeconfig"], "localhost": False}},
                                                       "registry-dir": {}, "hub": {"plugin": "registry-oci"}, "pods": {"plugin": "runner-pod"}}}),
                        sets=["defaults.runner=pods", "defaults.registry=registry-dir"])
        (cls.host.folder / "kubeconfig").write_text(KUBECONFIG)
        cls.host.sets.append(f"plugins.target-file.config.kubeconfigs[0]={cls.host.folder}/kubeconfig")
        cls.host.args = ["--kubeconfig", str(cls.host.folder / "kubeconfig")]
        cls.enterClassContext(cls.host)
        cls.password = cls.host.folder / "password"
        cls.password.write_text(LOGIN[1] + "\n")
        cls.private = ["--registry-url", cls.registry.name, "--repository", REPOSITORY, "--insecure", "--username", LOGIN[0]]
        cls.env = {"PATH": os.environ["PATH"], "HOME": str(cls.host.folder), "OPERON_SERVER": f"http://127.0.0.1:{cls.host.port}"}

    def ctl(self, *args, code=0, login=True):
        words = [*args, *self.private, *(["--password-file", str(self.password)] if login else [])]
        result = subprocess.run([CTL, *words], capture_output=True, text=True, timeout=60, env=self.env, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, code, result)
        self.assertNotIn(LOGIN[1], result.stdout + result.stderr)
        return result

    def test_its_scenarios_and_their_fields(self):
        self.assertEqual(self.ctl("scenarios", "-o", "name").stdout.split(), ["cpu-hog", "pod-kill"])
        self.assertEqual(self.ctl("scenarios", "HOG", "-o", "name").stdout.split(), ["cpu-hog"])
        shown = self.ctl("scenario", "pod-kill", "--globals").stdout
        for text in ("Pod Failures", self.digest, f"{self.registry.name}/{REPOSITORY}:pod-kill", "NAMESPACE", "WAIT_DURATION"):
            self.assertIn(text, shown)
        self.password.with_name("wrong").write_text("canary-wrong")
        refused = subprocess.run([CTL, "scenarios", *self.private, "--password-file", str(self.password.with_name("wrong"))], env=self.env, capture_output=True, text=True)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertNotIn("canary", refused.stderr)

    def test_what_was_shown_is_what_would_run(self):
        moved = self.registry.push(REPOSITORY, "moving", labels("Before"), login=LOGIN)
        plan = json.loads(self.ctl("run", "moving", "--set", "NAMESPACE=shop", "--set", "PASSWORD=canary-value", "--digest", moved, "--dry-run", "-o", "json").stdout)
        request, = plan["requests"]
        self.assertEqual(request["plan"]["scenarioImage"], f"{self.registry.name}/{REPOSITORY}@{moved}")
        self.assertEqual((request["body"]["password"], request["body"]["environment"]["PASSWORD"]), ("***", "***"))
        kinds = [one["kind"] for one in request["plan"]["objects"]]
        self.assertEqual((kinds[0], kinds[-1], len(kinds)), ("Secret", "Pod", 4))  # login, kubeconfig, secret values, pod
        self.assertEqual(request["plan"]["objects"][-1]["spec"]["containers"][0]["image"], f"{self.registry.name}/{REPOSITORY}@{moved}")
        self.assertNotIn("canary", json.dumps(plan))
        self.assertIn("was shown with scenarioDigest sha256:0, and registry 'hub' has " + moved + " now",
                      self.ctl("run", "moving", "--set", "NAMESPACE=shop", "--digest", "sha256:0", "--dry-run", code=1).stderr)
        self.assertIn("lower case only", self.ctl("run", "moving", "--set", "NAMESPACE=SHOP", "--dry-run", code=1).stderr)

    def test_a_form_with_its_password_asked_for(self):
        with Terminal([CTL, "run", "pod-kill", *self.private, "--dry-run", "-o", "json"], self.env) as terminal:
            terminal.expect(f"Password of ann at {self.registry.name}: ")
            self.assertFalse(terminal.echoes())
            terminal.type(LOGIN[1] + "\n")
            terminal.expect("NAMESPACE: ")
            terminal.type("Shop\n")
            self.assertIn("lower case only", terminal.expect("NAMESPACE: "))
            for place in ("cmdline", "environ"):
                self.assertNotIn("canary", pathlib.Path(f"/proc/{terminal.pid}/{place}").read_text())
            terminal.type("shop\n")
            code, shown = terminal.end()
        self.assertEqual(code, 0, shown)
        self.assertNotIn("canary", shown)
        self.assertIn(f'"scenarioDigest": "{self.digest}"', shown)
        self.assertIn(f"{self.registry.name}/{REPOSITORY}@{self.digest}", shown)
        self.assertNotIn("canary", self.host.log_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
