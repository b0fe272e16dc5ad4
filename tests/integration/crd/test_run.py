#!/usr/bin/env python3
"""The custom resource Run: what may be applied, what is refused and why, what cannot change any more, and how it shows."""
from kubectl import CrdTest, changed, has_cel, kubectl, main

SPEC = {"targetId": "0b9f4a52-8c5e-4e0e-9d0e-2f6d8c1b7a10", "clusterName": "production", "scenarioImage": "quay.io/krkn-chaos/krkn-hub:dummy-scenario",
        "scenarioName": "dummy-scenario"}
TOO_LONG = ("Too long", "in body should be at most")
RUN = {"apiVersion": "operon.dev/v1alpha1", "kind": "Run", "metadata": {"name": "nightly"}, "spec": SPEC}
JOB = "2c1e6f0a-7d43-4b57-9f1e-0c8f3c2a4b5d"
DIGEST = "ab" * 32
ORIGIN = {"jobId": JOB, "digest": DIGEST, "requestedBy": "ann"}
BY_REST = {**RUN, "metadata": {"name": "krkn-job-" + JOB}, "spec": {**SPEC, "origin": ORIGIN}}
FILE = {"name": "plan.yaml", "mountPath": "/var/home/plan.yaml", "content": "cGxhbjogW10K"}
REFERENCE = {"name": "plans", "key": "plan.yaml"}
FULL = changed(RUN, kubeconfigPath="/home/krkn/.kube/config", environment={"END": "10", "A.b-c": ""}, secretEnvironment={"PASSWORD": {"name": "login", "key": "password"}},
               files=[FILE, {"name": "b", "mountPath": "/b", "configMap": REFERENCE}, {"name": "c", "mountPath": "/..c/.d", "secret": REFERENCE}],
               registryUrl="quay.io", scenarioRepository="org/repo", registryCredentials={"name": "login"}, skipTls=False, insecure=True, provider="krkn-operator",
               registry="registry-quay", runner="runner-pod", scenarioDigest="sha256:" + "a" * 64, timeoutSeconds=600, stop=False)


def file(**members):
    """RUN with one file, its members changed, or removed when None."""
    return changed(RUN, files=[{name: value for name, value in {**FILE, **members}.items() if value is not None}])


class Accepted(CrdTest):
    def test_samples(self):
        for thing in (RUN, FULL, BY_REST, changed(RUN, scenarioImage="dir://hello"), changed(RUN, environment={}), changed(RUN, files=[])):
            with self.subTest(spec=thing["spec"]):
                self.assert_accepted(thing)

    def test_what_is_applied_is_kept_whole(self):
        self.assertEqual(FULL["spec"], self.create(FULL)["spec"])

    def test_a_run_by_rest_is_created_once(self):
        job = "3" + JOB[1:]
        twin = {**BY_REST, "metadata": {"name": "krkn-job-" + job}, "spec": {**SPEC, "origin": {**ORIGIN, "jobId": job}}}
        self.create(twin)
        self.assertIn("AlreadyExists", self.in_namespace("create", "-f", "-", given=twin, fine=False).stderr)


class Refused(CrdTest):
    SCHEMA = (
        *((changed(RUN, **{name: None}), f"spec.{name}: Required value") for name in SPEC),
        *((changed(RUN, **{name: ""}), f"spec.{name} in body should be at least 1 chars long") for name in SPEC),
        ({name: value for name, value in RUN.items() if name != "spec"}, "spec: Required value"),
        (changed(RUN, scenarioImage="two words"), "spec.scenarioImage in body should match"),
        (changed(RUN, targetId="x" * 1025), TOO_LONG),
        (changed(RUN, environment={"END": 10}), "spec.environment.END in body must be of type string"),
        (changed(RUN, environment={"END": "x" * 32769}), TOO_LONG),
        (changed(RUN, timeoutSeconds=0), "spec.timeoutSeconds in body should be greater than or equal to 1"),
        (changed(RUN, timeoutSeconds=2592001), "spec.timeoutSeconds in body should be less than or equal to 2592000"),
        (changed(RUN, timeoutSeconds="5m"), "spec.timeoutSeconds in body must be of type integer"),
        (changed(RUN, kubeconfigPath="config"), "spec.kubeconfigPath in body should match"),
        (changed(RUN, secretEnvironment={"A": {"name": "login"}}), "key: Required value"),
        (changed(RUN, files=[FILE, FILE]), "Duplicate value"),
        *((file(mountPath=path), "mountPath in body should match") for path in ("plan", "/a/../b", "/..", "/a/.", "/a//b", "/a/")),
        (file(mountPath=None), "mountPath: Required value"),
        (file(name="a/b"), "name in body should match"),
        (file(content="no base64!"), "content in body should match"),
        (changed(RUN, origin={"jobId": JOB}), "spec.origin.digest: Required value"),
        (changed(RUN, origin={**ORIGIN, "jobId": JOB.upper()}), "spec.origin.jobId in body should match"),
        (changed(RUN, origin={**ORIGIN, "digest": "00"}), "spec.origin.digest in body should match"),
    )
    RULES = (
        (changed(RUN, environment={"1A": "x"}), "a variable's name is not [A-Za-z_][A-Za-z0-9_.-]*"),
        (changed(RUN, secretEnvironment={"A B": REFERENCE}), "a variable's name is not [A-Za-z_][A-Za-z0-9_.-]*"),
        (changed(RUN, environment={"A": "x"}, secretEnvironment={"A": REFERENCE}), "a variable is in environment and in secretEnvironment; name it once"),
        (file(content=None), "a file has exactly one of content, configMap and secret"),
        (file(secret=REFERENCE), "a file has exactly one of content, configMap and secret"),
        *((file(mountPath=path), "mountPath is over /proc, /sys, /dev or the service account's token")
          for path in ("/proc/1/mem", "/sys", "/dev/null", "/var/run/secrets/kubernetes.io/serviceaccount/token", "/run/secrets/kubernetes.io")),
        (changed(RUN, kubeconfigPath="/proc/config"), "kubeconfigPath is over /proc, /sys, /dev or the service account's token"),
        (changed(RUN, registryUrl="quay.io"), "Both registryUrl and scenarioRepository are required for private registry"),
        (changed(RUN, scenarioRepository="org/repo"), "Both registryUrl and scenarioRepository are required for private registry"),
        (changed(RUN, registryCredentials={"name": "login"}), "registryCredentials needs registryUrl and scenarioRepository"),
        (changed(RUN, origin=ORIGIN), "names that begin with krkn-job- belong to runs that came by REST"),
        ({**RUN, "metadata": {"name": "krkn-job-mine"}}, "names that begin with krkn-job- belong to runs that came by REST"),
        ({**BY_REST, "metadata": {"name": "krkn-job-other"}}, "the name of a run that came by REST is krkn-job- and its job id"),
    )

    def test_by_the_schema(self):
        for thing, message in self.SCHEMA:
            with self.subTest(message=message, spec=str(thing.get("spec"))[:200]):
                self.assert_refused(thing, message)

    def test_by_rules(self):
        for thing, message in self.RULES:
            with self.subTest(message=message, spec=thing["spec"]):
                if has_cel():
                    self.assert_refused(thing, message)
                else:
                    self.assert_accepted(thing)


class Changed(CrdTest):
    CHANGES = ({"targetId": "other"}, {"clusterName": "other"}, {"scenarioImage": "other"}, {"scenarioName": "other"}, {"environment": {"END": "11"}},
               {"environment": None}, {"secretEnvironment": None}, {"files": [FILE]}, {"registryUrl": "other"}, {"scenarioRepository": "other"},
               {"registryCredentials": {"name": "other"}}, {"skipTls": True}, {"insecure": None}, {"provider": None}, {"registry": "other"}, {"runner": "other"}, {"scenarioDigest": "sha256:other"},
               {"timeoutSeconds": 601}, {"kubeconfigPath": None})

    def setUp(self):
        if not has_cel():
            self.skipTest("the server knows no rules")

    def start(self, name, spec):
        self.create({**RUN, "metadata": {"name": name}, "spec": spec})

    def status(self, name, fine=True, **status):
        return self.patch("run", name, {"status": status}, "--subresource=status", fine=fine).stderr

    def refuse(self, name, change, message):
        self.assertIn(message, self.patch("run", name, {"spec": change}, fine=False).stderr)

    def test_before_it_is_accepted_all_of_the_request_may(self):
        self.start("fresh", FULL["spec"])
        for change in self.CHANGES:
            self.patch("run", "fresh", {"spec": change}, "--dry-run=server")

    def test_once_accepted_nothing_of_the_request_may(self):
        self.start("accepted", FULL["spec"])
        self.status("accepted", digest=DIGEST, phase="Pending", observedGeneration=1)
        for change in self.CHANGES:
            with self.subTest(change=change):
                self.refuse("accepted", change, "cannot change once the run is accepted; apply a new Run")
                self.refuse("accepted", change, next(iter(change)))
        self.patch("run", "accepted", {"metadata": {"labels": {"team": "a"}}})
        self.patch("run", "accepted", {"spec": {"stop": True}})

    def test_a_run_that_came_by_rest_is_fixed_from_the_beginning(self):
        self.create(BY_REST)
        self.refuse(BY_REST["metadata"]["name"], {"clusterName": "other"}, "cannot change once the run is accepted")
        self.refuse(BY_REST["metadata"]["name"], {"origin": {"requestedBy": "bob"}}, "origin cannot change")
        self.refuse(BY_REST["metadata"]["name"], {"origin": None}, "origin cannot change")

    def test_a_stop_is_not_taken_back(self):
        self.start("stopped", {**SPEC, "stop": True})
        for change in ({"stop": False}, {"stop": None}):
            self.refuse("stopped", change, "stop cannot be taken back; apply a new Run")

    def test_an_end_is_final(self):
        self.start("ended", SPEC)
        self.status("ended", digest=DIGEST, phase="Running", startTime="2026-11-21T10:00:00Z")
        self.assertIn("completionTime needs a phase that is an end", self.status("ended", False, completionTime="2026-11-21T10:01:00Z"))
        self.assertIn("digest cannot change", self.status("ended", False, digest="cd" * 32))
        self.assertIn("digest cannot change", self.status("ended", False, digest=None))
        self.status("ended", phase="Failed", exitCode=3, completionTime="2026-11-21T10:01:00Z", message="exit code 3", logTail="x" * 65536)
        self.assertIn("a run that has ended stays as it ended", self.status("ended", False, phase="Running", completionTime=None))
        self.assertIn("a run that has ended stays as it ended", self.status("ended", False, phase=None, completionTime=None))
        self.assertIn("Unsupported value", self.status("ended", False, phase="Unknown"))
        self.assertIn("Too long", self.status("ended", False, logTail="x" * 65537))


class Shown(CrdTest):
    def test_columns(self):
        self.create(RUN)
        self.patch("run", "nightly", {"status": {"phase": "Failed", "exitCode": 3, "startTime": "2026-11-21T10:00:00Z", "completionTime": "2026-11-21T10:01:00Z"}},
                   "--subresource=status")
        plain = ["Name", "Scenario", "Cluster", "Phase", "Exit", "Started", "Age"]
        self.assert_columns("runs", plain)
        self.assert_columns("run", plain + ["Runner", "Requested By", "Job", "Message"], "-o", "wide")
        self.assertRegex(self.in_namespace("get", "run").stdout, r"(?m)^nightly +dummy-scenario +production +Failed +3 +\S+ +\S+$")

    def test_conditions_can_be_waited_for(self):
        self.create({**RUN, "metadata": {"name": "waited"}})
        condition = {"type": "Ended", "status": "True", "reason": "Succeeded", "message": "exit code 0", "lastTransitionTime": "2026-11-21T10:00:00Z", "observedGeneration": 1}
        self.patch("run", "waited", {"status": {"conditions": [condition]}}, "--subresource=status")
        self.in_namespace("wait", "--for=condition=Ended", "--timeout=5s", "run/waited")

    def test_explain(self):
        self.assert_explained("runs", "secretEnvironment", "registryCredentials", "logTail", "exitCode")
        self.assertIn("It cannot be taken back.", " ".join(kubectl("explain", "run.spec.stop").stdout.split()))


if __name__ == "__main__":
    main()
