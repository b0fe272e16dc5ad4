#!/usr/bin/env python3
"""The manifests of config/ and the make targets over them: accepted by the API server, with the names that krkn-operator's users know, and true."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from kubectl import SOURCE, CrdTest, has_cel, kubectl, main, program, rendered, server_minor

NAMESPACE = "krkn-operator-system"
MANAGER = f"system:serviceaccount:{NAMESPACE}:krkn-operator-controller-manager"
# Alerts that wait for series which the host does not have yet. An entry goes when its series comes.
AWAITED = {"operon_leader", "operon_target_provider_up", "operon_kube_watch_silent_seconds"}
RUN = {"apiVersion": "operon.dev/v1alpha1", "kind": "Run", "metadata": {"name": "mine"},
       "spec": {"targetId": "t", "clusterName": "c", "scenarioImage": "dir://hello", "scenarioName": "hello"}}
JOB = "2c1e6f0a-7d43-4b57-9f1e-0c8f3c2a4b5d"


def deploy(*words, **env):
    return subprocess.run([SOURCE / "scripts/deploy", *words], env={**os.environ, "KUBECTL": program(), **env}, capture_output=True, text=True, timeout=120)


def found(things, kind, name):
    return next(thing for thing in things if (thing["kind"], thing["metadata"]["name"]) == (kind, name))


def arguments(container):
    """With the configuration where it is on this machine."""
    return [word.replace("/etc/operon/operon.yaml", str(SOURCE / "config/cluster.yaml")) for word in container["args"]]


class Accepted(CrdTest):
    def check(self, overlay):
        kubectl("label", "namespace", self.namespace, "pod-security.kubernetes.io/warn=restricted", "--overwrite")
        text = kubectl("kustomize", SOURCE / "config" / overlay).stdout.replace(NAMESPACE, self.namespace)
        done = kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", given=text)
        self.assertNotIn("would violate PodSecurity", done.stderr)
        return done.stdout

    def test_the_overlay_for_this_server(self):
        self.assertIn("deployment.apps/krkn-operator-controller-manager serverside-applied", self.check("default" if has_cel() else "without-cel"))

    def test_network_policy(self):
        self.check("network-policy")

    def test_samples(self):
        self.in_namespace("apply", "--dry-run=server", "-k", SOURCE / "config/samples")

    def test_secure(self):
        if server_minor() < 30:
            self.skipTest("admission policies are younger than the server")
        self.check("secure")


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.things = rendered(SOURCE / "config/default")
        cls.deployment = found(cls.things, "Deployment", "krkn-operator-controller-manager")
        cls.pod = cls.deployment["spec"]["template"]["spec"]
        cls.configuration = next(thing for thing in cls.things if thing["kind"] == "ConfigMap")
        cls.containers = {container["name"]: container for container in cls.pod["containers"]}

    def test_names(self):
        names = {(thing["kind"], thing["metadata"]["name"]) for thing in self.things}
        self.assertEqual({("Namespace", NAMESPACE), ("Deployment", "krkn-operator-controller-manager"), ("Service", "krkn-operator-controller-manager-api-service"),
                          ("Service", "krkn-operator-controller-manager-metrics-service"), ("ServiceAccount", "krkn-operator-controller-manager"),
                          ("ServiceAccount", "krkn-operator-krkn-scenario-runner"), ("Role", "krkn-operator-manager-role"),
                          ("RoleBinding", "krkn-operator-manager-rolebinding"), ("ConfigMap", self.configuration["metadata"]["name"])},
                         {name for name in names if name[0] != "CustomResourceDefinition"})
        self.assertEqual({NAMESPACE}, {thing["metadata"]["namespace"] for thing in self.things if thing["kind"] not in ("Namespace", "CustomResourceDefinition")})
        self.assertEqual({"manager", "data-provider"}, set(self.containers))

    def test_services_lead_to_the_pod(self):
        labels = self.deployment["spec"]["template"]["metadata"]["labels"]
        ports = {port["name"]: port["containerPort"] for port in self.containers["manager"]["ports"]}
        for name, port in (("api", 8080), ("metrics", 8443)):
            service = found(self.things, "Service", f"krkn-operator-controller-manager-{name}-service")["spec"]
            self.assertLessEqual(service["selector"].items(), labels.items())
            self.assertEqual((port, port), (service["ports"][0]["port"], ports[service["ports"][0]["targetPort"]]))

    def test_containers_may_do_nothing_but_their_work(self):
        for name, container in self.containers.items():
            with self.subTest(container=name):
                self.assertEqual({"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}, container["securityContext"])
                self.assertIn("memory", container["resources"]["limits"])
        self.assertEqual({"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}, self.pod["securityContext"])
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            self.assertIn(self.containers["manager"][probe]["httpGet"]["path"], ("/livez", "/readyz"))

    def test_the_role_stays_within_the_contract(self):
        """It is generated; tests/integration/deploy compares it with what is really asked."""
        role = found(self.things, "Role", "krkn-operator-manager-role")
        keep = {"get", "list", "watch", "create", "patch", "delete"}
        contract = {"pods": keep - {"patch"}, "pods/log": {"get"}, "configmaps": keep, "secrets": keep, "runs": keep, "runs/status": {"patch"},
                    "runs/finalizers": {"update"}, "events": {"create", "patch"}, "leases": keep | {"update"}}
        for kind in ("krkntargetrequests", "krknoperatortargetproviders", "krknoperatortargets"):
            contract |= {kind: keep | {"update"}, f"{kind}/status": {"get", "patch", "update"}, f"{kind}/finalizers": {"update"}}
        for rule in role["rules"]:
            for resource in rule["resources"]:
                self.assertLessEqual(set(rule["verbs"]), contract[resource], resource)
        self.assertNotIn("*", json.dumps(role))
        self.assertNotIn("ClusterRole", {thing["kind"] for thing in self.things})

    def test_every_permission_is_explained(self):
        """In docs/operations.md: the rows of a resource follow each other, and only the first one names it."""
        text = (SOURCE / "docs/operations.md").read_text().split("## What operon may do on its cluster")[1].split("\n## ")[0]
        explained, resource = set(), None
        for name, verbs in re.findall(r"^\|([^|]*)\|([^|]*)\|", text, re.MULTILINE):
            named = re.search(r"`([^`]+)`", name)
            resource = named.group(1) if named else resource
            explained |= {(resource, verb.strip()) for verb in verbs.split(",") if re.fullmatch(r" *[a-z]+ *", verb)}
        permitted = {(one, verb) for rule in found(self.things, "Role", "krkn-operator-manager-role")["rules"] for one in rule["resources"] for verb in rule["verbs"]}
        self.assertEqual(permitted, explained)

    def test_the_configuration_is_the_clusters_and_reaches_the_host(self):
        self.assertEqual({"operon.yaml": (SOURCE / "config/cluster.yaml").read_text()}, self.configuration["data"])
        self.assertIn({"name": "configuration", "configMap": {"name": self.configuration["metadata"]["name"]}}, self.pod["volumes"])
        self.assertIn({"name": "configuration", "mountPath": "/etc/operon", "readOnly": True}, self.containers["manager"]["volumeMounts"])

    def test_the_program_knows_every_flag_and_variable(self):
        known = (SOURCE / "docs/configuration.md").read_text()
        for word in self.containers["manager"]["args"]:
            self.assertRegex(known, rf"[` ]{word.split('=')[0]}[` ]", word)
        for variable in self.containers["manager"]["env"]:
            self.assertRegex(known, rf"`{variable['name']}[` ]", variable)

    def test_the_built_program_takes_them(self):
        operond = pathlib.Path(os.environ.get("OPERON_BUILD_DIR", SOURCE / "build")) / "bin/operond"
        if not operond.exists():
            self.skipTest(f"there is no {operond}")
        env = {variable["name"]: variable.get("value", "ns") for variable in self.containers["manager"]["env"]}
        done = subprocess.run([operond, "--check-config", *arguments(self.containers["manager"])], env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stderr)


class Secure(unittest.TestCase):
    def test_callers_are_checked_by_the_cluster(self):
        if server_minor() < 30:
            self.skipTest("admission policies are younger than the server, and kubectl renders only what the server knows")
        things = rendered(SOURCE / "config/secure")
        containers = found(things, "Deployment", "krkn-operator-controller-manager")["spec"]["template"]["spec"]["containers"]
        manager = next(container for container in containers if container["name"] == "manager")
        env = {variable["name"]: variable.get("value", "ns") for variable in manager["env"]}
        self.assertEqual("kubernetes", env["OPERON_REST_AUTH"])
        self.assertNotIn("OPERON_REST_ALLOW_REMOTE_WITHOUT_AUTH", env)
        self.assertIn("OPERON_REST_HOSTS", env)
        reviews = found(things, "ClusterRoleBinding", "krkn-operator-reviews")
        self.assertEqual("system:auth-delegator", reviews["roleRef"]["name"])
        operond = pathlib.Path(os.environ.get("OPERON_BUILD_DIR", SOURCE / "build")) / "bin/operond"
        if not operond.exists():
            self.skipTest(f"there is no {operond}")
        done = subprocess.run([operond, "--check-config", *arguments(manager)], env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stderr)


class Alerts(unittest.TestCase):
    def setUp(self):
        # promtool reads a file of groups: the indented spec, taken as it is.
        lines = (SOURCE / "config/prometheus/alerts.yaml").read_text().splitlines()
        self.rules = "\n".join(line[2:] for line in lines[lines.index("spec:") + 1:]) + "\n"

    def test_with_promtool(self):
        if not shutil.which("promtool"):
            self.skipTest("there is no promtool")
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "rules.yaml").write_text(self.rules)
            shutil.copy(pathlib.Path(__file__).with_name("alerts.test.yaml"), folder)
            done = subprocess.run(["promtool", "test", "rules", "alerts.test.yaml"], cwd=folder, capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_every_alert_is_tested(self):
        tested = pathlib.Path(__file__).with_name("alerts.test.yaml").read_text()
        for name in re.findall(r"- alert: (\w+)", self.rules):
            self.assertIn(f"alertname: {name}\n        exp_alerts", tested, name)

    def test_the_host_has_the_series(self):
        named = set(re.findall(r"operon_\w+", " ".join(re.findall(r"expr: (?:>-\n)?((?:.|\n)*?)\n {4,8}\w+:", self.rules))))
        source = "".join(path.read_text() for path in (SOURCE / "core").rglob("*.[ch]pp"))
        self.assertEqual(AWAITED, {name for name in named if f'"{name}"' not in source})


class MakeTargets(unittest.TestCase):
    def test_build_installer_takes_images(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "all.yaml"
            done = deploy("build-installer", str(file), IMG="localhost:5000/team/operon:1.2", DATA_PROVIDER_IMG="quay.io/team/provider@sha256:" + "ab" * 32)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual({"localhost:5000/team/operon:1.2", "quay.io/team/provider@sha256:" + "ab" * 32}, set(re.findall(r"image: (\S+)", file.read_text())))
            self.assertEqual(4, file.read_text().count("kind: CustomResourceDefinition"))

    def test_what_it_does_not_understand(self):
        for words, env, message in ((["build-installer"], {"IMG": "operon"}, "'operon' is no image NAME:TAG or NAME@DIGEST"),
                                    (["build-installer"], {"OVERLAY": "none"}, "there is no overlay config/none"), (["remove"], {}, "deploy COMMAND")):
            done = deploy(*words, **env)
            self.assertEqual((2, True), (done.returncode, message in done.stderr), done.stderr)


@unittest.skipUnless(os.environ.get("OPERON_OWN_CLUSTER"), "the cluster is not the tests' own")
class Deployed(unittest.TestCase):
    """What is really put into a cluster, and what it then permits."""

    @classmethod
    def setUpClass(cls):
        done = deploy("deploy", OVERLAY="secure" if server_minor() >= 30 else "")
        if done.returncode:
            raise AssertionError(done.stderr)
        kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/runs.operon.dev")

    def bind(self, role, user):
        kubectl("-n", NAMESPACE, "create", "rolebinding", user, f"--role=krkn-operator-{role}", f"--user={user}")
        self.addCleanup(kubectl, "-n", NAMESPACE, "delete", "rolebinding", user)

    def may(self, user, *words):
        return kubectl("-n", NAMESPACE, "auth", "can-i", *words, "--as", user, fine=None).stdout.strip() == "yes"

    def test_what_the_manager_may(self):
        self.assertTrue(self.may(MANAGER, "create", "pods"))
        self.assertTrue(self.may(MANAGER, "patch", "runs.operon.dev", "--subresource=status"))
        for words in (("create", "pods", "--subresource=exec"), ("update", "secrets"), ("create", "rolebindings.rbac.authorization.k8s.io"), ("create", "deployments.apps")):
            self.assertFalse(self.may(MANAGER, *words), words)
        self.assertEqual("no", kubectl("-n", "default", "auth", "can-i", "get", "secrets", "--as", MANAGER, fine=None).stdout.strip())

    def test_what_a_scenario_may(self):
        for words in (("get", "secrets"), ("get", "pods"), ("create", "runs.operon.dev")):
            self.assertFalse(self.may(f"system:serviceaccount:{NAMESPACE}:krkn-operator-krkn-scenario-runner", *words), words)

    def test_callers_are_told_apart(self):
        if server_minor() < 30:
            self.skipTest("the overlay secure is younger than the server")
        for role, verbs in (("viewer", {"get"}), ("runner", {"get", "create"}), ("stopper", {"get", "delete"}), ("admin", {"get", "create", "delete", "update"})):
            self.bind(role, role)
            self.assertEqual(verbs, {verb for verb in ("get", "create", "delete", "update", "patch") if self.may(role, verb, "runs.operon.dev")}, role)

    def test_only_the_manager_says_who_asked(self):
        if server_minor() < 30:
            self.skipTest("the overlay secure is younger than the server")
        self.bind("runner", "ann")
        forged = {**RUN, "metadata": {"name": "krkn-job-" + JOB}, "spec": {**RUN["spec"], "origin": {"jobId": JOB, "digest": "ab" * 32, "requestedBy": "bob"}}}

        def create(thing, user, fine):
            return kubectl("-n", NAMESPACE, "create", "--dry-run=server", "-f", "-", "--as", user, given=thing, fine=fine).stderr
        self.wait_until_refused(forged)
        self.assertIn("spec.origin is written by operon alone", create(forged, "ann", False))
        create(RUN, "ann", True)
        create(forged, MANAGER, True)

    def wait_until_refused(self, thing):
        """The server takes a new policy up after a moment; it says so by refusing."""
        for _ in range(200):
            if kubectl("-n", NAMESPACE, "create", "--dry-run=server", "-f", "-", "--as", "ann", given=thing, fine=None).returncode:
                return
        self.fail("the policy never came into force")


if __name__ == "__main__":
    main()
