"""Scenarios of a private registry of images, from the list to the pod: the login of the request reads their fields and pulls their image."""

import base64
import contextlib
import json
import os
import re
import subprocess
import threading
import time
import unittest
from pathlib import Path

from image_registry import ImageRegistry, labels
from operon_harness import BUILD, ENDED, Host
from pods_harness import IMAGE_CONFIG, PodTest, get, image_files, kubectl
from terminal import Terminal

LOGIN = {"username": "ann", "password": "canary-password-9b40"}
REPOSITORY = "private/hub"
FIELDS = [{"name": "script", "type": "string", "variable": "SCRIPT", "required": "true"},
          {"name": "count", "type": "number", "variable": "COUNT", "default": "3"},
          {"name": "word", "type": "string", "variable": "WORD", "secret": "true", "validator": "^[a-z]*$"}]


CTL = str(BUILD / "bin" / "operonctl")


def forms(secret):
    """As it is, and what is the same in its base64, wherever in a text it stands."""
    yield secret
    for before in range(3):
        encoded = base64.b64encode(b"_" * before + secret.encode()).decode().rstrip("=")
        yield encoded[(0, 2, 3)[before]:len(encoded) - 1]


class ProcessLists:
    """While it lasts, what `ps` shows of all processes of the machine is looked through again and again."""

    def __init__(self, secrets):
        self.wanted = [form.encode() for secret in secrets for form in forms(secret)]
        self.looks, self.programs, self.found, self.over = 0, set(), set(), threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def watch(self):
        while not self.over.is_set():
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    line = place.read_bytes()
                    self.programs.add(line.split(b"\0")[0].rsplit(b"/", 1)[-1].decode(errors="replace"))
                    self.found.update(line for one in self.wanted if one in line)
            self.looks += 1
            time.sleep(0.01)  # between two looks


class RegistryTest(PodTest):
    def setUp(self):
        super().setUp()
        self.registry = self.enterContext(ImageRegistry(users={LOGIN["username"]: LOGIN["password"]}))
        self.digest = self.push("1")

    def push(self, version, fields=FIELDS):
        """Under the one tag, whatever is there; the image says which it is."""
        config = {**IMAGE_CONFIG, "Env": [*IMAGE_CONFIG["Env"], f"VERSION={version}"]}
        with image_files() as root:
            return self.registry.push(REPOSITORY, "script", {**labels("Script"), "krknctl.input_fields": json.dumps(fields)}, login=tuple(LOGIN.values()), root=root,
                                      config=config)

    def image(self, digest):
        return f"{self.registry.name}/{REPOSITORY}@{digest}"

    def own(self, **more):
        return {"registryUrl": self.registry.name, "scenarioRepository": REPOSITORY, "insecure": True, **more}


class PrivateRegistry(RegistryTest):
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

        seen += [host.log_text(), host.probe("/metrics").text, json.dumps(pod), json.dumps(host.job(job)), Path(f"/proc/{host.process.pid}/cmdline").read_text()]
        seen += [kubectl("get", kind, "-n", self.namespace, "-o", "json") for kind in ("events", "runs", "configmaps")]
        for text in seen:
            for canary in ("canary", base64.b64encode(LOGIN["password"].encode()).decode().rstrip("=")):
                self.assertNotIn(canary, text)
        kubectl("delete", "pod", f"krkn-job-{job}", "-n", self.namespace, "--wait=false")
        self.wait_nothing_left(job)  # the login went with the run


class ByDigest(RegistryTest):
    def start(self, host, script='echo "version $VERSION"', **more):
        body = {"targetId": host.targets(), "clusterName": self.context, "scenarioImage": f"{self.registry.name}/{REPOSITORY}:script", "scenarioName": "script",
                "environment": {"SCRIPT": script}, **self.own(**LOGIN), **more}
        return host.api("POST", "/scenarios/run", body)

    def ran(self, host, answer, digest, version):
        """Its pod is of exactly that image, was pulled by its digest, and ran to its end."""
        self.assertEqual(201, answer.status, answer)
        job = answer.json["jobId"]
        self.assertEqual("Succeeded", host.wait_status(job, *ENDED, seconds=60)["status"])
        self.assertEqual(f"version {version}\n".encode(), host.logs(job))
        pod = self.pod(job)
        self.assertEqual(self.image(digest), pod["spec"]["containers"][0]["image"])
        self.assertIn(digest, pod["status"]["containerStatuses"][0]["imageID"])

    def pulled(self):
        """References of manifests that were read, by the host or by the node."""
        return [path.rsplit("/", 1)[-1] for method, path, status in self.registry.requests() if "/manifests/" in path and method in ("GET", "HEAD") and status == 200]

    def test_an_image_runs_by_the_digest_that_it_was_shown_with(self):
        host = self.enterContext(self.host("plugins.hub.plugin=registry-oci", "jobs.running_per_target_max=1", imagePullPolicy="Always"))
        shown = host.api("POST", "/scenarios", self.own(**LOGIN)).json["scenarios"]
        self.assertEqual([self.digest], [one["digest"] for one in shown])
        self.ran(host, self.start(host, scenarioDigest=self.digest), self.digest, 1)
        self.assertIn(self.digest, self.pulled())

        # Accepted, then the tag is pushed anew before its turn comes: it is still what was shown.
        first = self.start(host, "exec sleep 1000").json["jobId"]
        host.wait_status(first, "Running", seconds=60)
        waits = self.start(host, scenarioDigest=self.digest)
        self.assertEqual("Pending", host.job(waits.json["jobId"])["status"])
        moved = self.push("2")
        self.assertNotEqual(self.digest, moved)
        host.api("DELETE", f"/scenarios/run/{first}")
        self.ran(host, waits, self.digest, 1)

        # Asked for after that: the host takes the tag to be what it was listed as (digestSeconds), so it runs, and is what was shown.
        self.ran(host, self.start(host, scenarioDigest=self.digest), self.digest, 1)
        # Who was shown the newer image gets it, for then the registry is asked; the older one is refused now, and nothing is made.
        self.ran(host, self.start(host, scenarioDigest=moved), moved, 2)
        before = len(host.jobs())
        refused = self.start(host, scenarioDigest=self.digest)
        self.assertEqual(422, refused.status, refused)
        self.assertIn(f"was shown with scenarioDigest {self.digest}, and registry 'hub' has {moved} now", refused.json["message"])
        self.assertEqual(before, len(host.jobs()))

    def test_every_image_runs_by_its_digest_when_that_is_the_rule(self):
        host = self.enterContext(self.host("plugins.hub.plugin=registry-oci", "scenarios.pin_digests=true", imagePullPolicy="Always"))
        self.ran(host, self.start(host), self.digest, 1)
        moved = self.push("2")
        self.ran(host, self.start(host), moved, 2)
        self.assertLessEqual({self.digest, moved}, set(self.pulled()))


class FromTheListToTheEnd(RegistryTest):
    """operond on its embedded defaults, told no more than where the cluster is and to run pods there; and its user on a terminal."""

    STORE = "kubernetes"  # the account may do both
    SECRET = "canarysecretword"
    FIELDS = [FIELDS[0], FIELDS[1], {**FIELDS[2], "required": "true", "short_description": "The word"}]
    SCRIPT = 'echo "count is $COUNT"; printf %s "$WORD" | sha256sum; sleep 2'

    def operond(self, store):
        host = Host(args=["--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace],
                    sets=["plugins.runner-pod.config.kubeconfigStorage=secret", "defaults.runner=runner-pod", f"jobs.store={store}", "log.level=trace"])
        self.password = host.folder / "password"
        self.password.write_text(LOGIN["password"] + "\n")
        self.env = {"PATH": os.environ["PATH"], "HOME": str(host.folder), "OPERON_SERVER": f"http://127.0.0.1:{host.port}"}
        return self.enterContext(host)

    def private(self):
        return ["--registry-url", self.registry.name, "--repository", REPOSITORY, "--insecure", "--username", LOGIN["username"]]

    def ctl(self, *words, code=0):
        done = subprocess.run([CTL, *words, *self.private(), "--password-file", str(self.password)], capture_output=True, text=True, timeout=60, env=self.env,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(code, done.returncode, done)
        return done.stdout + done.stderr

    def form(self):
        """Fills the form in; gives all that was shown."""
        with Terminal([CTL, "run", "script", *self.private(), "--cluster", self.context, "--follow"], self.env) as terminal:
            shown = terminal.expect(f"Password of {LOGIN['username']} at {self.registry.name}: ")
            self.assertFalse(terminal.echoes())
            terminal.type(LOGIN["password"] + "\n")
            shown += terminal.expect("SCRIPT: ")
            terminal.type(self.SCRIPT + "\n")
            shown += terminal.expect("WORD (not shown): ")
            self.assertFalse(terminal.echoes())
            terminal.type(self.SECRET.upper() + "\n")
            again = terminal.expect("WORD (not shown): ")
            self.assertIn("field 'word' (WORD): `value`: '***' does not match `validator`: '^[a-z]*$'", again)
            terminal.type(self.SECRET + "\n")
            code, rest = terminal.end(seconds=120)
        self.assertEqual(0, code, rest)
        return shown + again + rest

    def refused_by_the_host(self, host):
        body = {"targetId": host.targets(), "clusterName": self.context, "scenarioImage": f"{self.registry.name}/{REPOSITORY}:script", "scenarioName": "script",
                "environment": {"SCRIPT": "true", "WORD": self.SECRET.upper()}, **self.own(**LOGIN)}
        answer = host.api("POST", "/scenarios/run", body)
        self.assertEqual(422, answer.status, answer)
        self.assertIn("WORD", answer.json["message"])
        return answer.text

    def whole_way(self, store):
        digest = self.push("1", self.FIELDS)
        host = self.operond(store)
        with ProcessLists([LOGIN["password"], self.SECRET, self.SECRET.upper()]) as processes:
            listed = self.ctl("scenarios")
            self.assertIn("script", listed)
            table = self.ctl("scenario", "script")
            for text in ("SCRIPT", "COUNT", "WORD", digest):
                self.assertIn(text, table)
            planned = self.ctl("run", "script", "--set", "SCRIPT=true", "--set", "WORD=plain", "--cluster", self.context, "--dry-run")
            kinds = [*(["Run", "Secret"] if store == "kubernetes" else []), "Secret", "Secret", "Secret", "Pod"]  # the login, the kubeconfig, the secret value
            self.assertEqual(kinds, re.findall(r"^kind: (\w+)$", planned, re.MULTILINE), planned)
            told = self.refused_by_the_host(host)
            self.assertEqual([], host.jobs())
            shown = self.form()
            job, = (one["jobId"] for one in host.jobs())
            ended = host.wait_status(job, *ENDED, seconds=60)
        self.assertEqual("Succeeded", ended["status"], ended)
        self.assertIn("count is 3", shown)
        pod = self.pod(job)
        self.assertEqual(self.image(digest), pod["spec"]["containers"][0]["image"])  # the form had shown that one

        self.assertGreater(processes.looks, 20)
        self.assertLessEqual({"operond", "operonctl", "sleep"}, processes.programs)  # of the pod, too
        self.assertEqual(set(), processes.found)
        self.nowhere({"operond's log": host.log_text(), "metrics": host.probe("/metrics").text, "pod": json.dumps(pod), "run": host.api("GET", "/scenarios/run").text,
                      "listed": listed, "table": table, "planned": planned, "refused": told, "terminal": shown, "log": host.logs(job).decode(),
                      **{kind: kubectl("get", kind, "-n", self.namespace, "-o", "json") for kind in ("events", "pods", "configmaps", *(["runs"] if store == "kubernetes" else []))}})
        self.assertTrue(json.loads(kubectl("get", "events", "-n", self.namespace, "-o", "json"))["items"])
        self.assertEqual({f"krkn-job-{job}-env", f"krkn-job-{job}-registry"}, self.holders())

    def nowhere(self, places):
        for name, text in places.items():
            for secret in (LOGIN["password"], self.SECRET, self.SECRET.upper()):
                for form in forms(secret):
                    self.assertNotIn(form, text, name)

    def holders(self):
        """Secrets of the cluster that hold one of the values: those that have to."""
        def holds(secret):
            data = b"\n".join(base64.b64decode(value) for value in secret.get("data", {}).values()).decode(errors="replace")
            return any(form in data for word in (LOGIN["password"], self.SECRET) for form in forms(word))
        return {one["metadata"]["name"] for one in get("secrets", "-n", self.namespace)["items"] if holds(one)}

    def test_with_runs_in_a_database_of_its_own(self):
        self.whole_way("local")

    def test_with_runs_as_objects_of_the_cluster(self):
        self.whole_way("kubernetes")


if __name__ == "__main__":
    unittest.main(verbosity=2)
