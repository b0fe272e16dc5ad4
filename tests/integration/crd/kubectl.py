"""What the tests of the custom resources share: kubectl on the API server that $KUBECONFIG leads to, a namespace of its own, the definitions applied once.

Standard library only. kubectl is $KUBECTL, the newest that was built below ~/.cache, or the PATH's; it must know --subresource (1.24).
"""
import copy
import functools
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[3]
CRD = SOURCE / "api/crd"
CALL_SECONDS_MAX = 60
CEL_SINCE = 25
SKIPPED = 77


def program():
    built = [path for pattern in (".cache/operon/*/*/kubectl", ".cache/operon-cluster/*/kubectl") for path in pathlib.Path.home().glob(pattern)]
    newest = max(built, key=lambda path: path.stat().st_mtime, default=None)
    return os.environ.get("KUBECTL") or (str(newest) if newest else shutil.which("kubectl"))


def kubectl(*words, given=None, fine=True):
    """Runs it; `given` is an object or a text for its standard input. Fails unless it ends as `fine` says; None: either way."""
    text = json.dumps(given) if isinstance(given, (dict, list)) else given
    done = subprocess.run([program(), *map(str, words)], input=text, capture_output=True, text=True, timeout=CALL_SECONDS_MAX)
    if fine is not None and (done.returncode == 0) != fine:
        raise AssertionError(f"kubectl {' '.join(map(str, words))} ended with {done.returncode}\n{done.stdout}{done.stderr}\ngiven: {text}")
    return done


def rendered(folder):
    """The objects that a folder's kustomization makes."""
    manifests = kubectl("kustomize", folder).stdout
    text = kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", given=manifests).stdout.strip()
    things = []
    while text:
        thing, end = json.JSONDecoder().raw_decode(text)
        things += thing["items"] if thing["kind"] == "List" else [thing]
        text = text[end:].lstrip()
    return things


@functools.cache
def server_minor():
    return int(json.loads(kubectl("version", "-o", "json").stdout)["serverVersion"]["minor"].rstrip("+"))


def has_cel():
    return server_minor() >= CEL_SINCE


DEFINITIONS = ("krkntargetrequests.krkn.krkn-chaos.dev", "krknoperatortargetproviders.krkn.krkn-chaos.dev", "krknoperatortargets.krkn.krkn-chaos.dev", "runs.operon.dev")


@functools.cache
def apply_definitions():
    folder = CRD / ("bases" if has_cel() else "without-cel")
    kubectl("apply", "-k", folder)
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *[f"crd/{name}" for name in DEFINITIONS])


class CrdTest(unittest.TestCase):
    """A namespace for each class; its objects have names that the class chooses."""

    @classmethod
    def setUpClass(cls):
        apply_definitions()
        cls.namespace = "operon-test-" + secrets.token_hex(4)
        kubectl("create", "namespace", cls.namespace)
        cls.addClassCleanup(kubectl, "delete", "namespace", cls.namespace, "--wait=false", fine=None)

    def in_namespace(self, *words, **how):
        return kubectl("-n", self.namespace, *words, **how)

    def create(self, thing):
        return json.loads(self.in_namespace("create", "-o", "json", "-f", "-", given=thing).stdout)

    def get(self, kind, name):
        return json.loads(self.in_namespace("get", kind, name, "-o", "json").stdout)

    def patch(self, kind, name, change, *words, fine=True):
        return self.in_namespace("patch", kind, name, "--type=merge", *words, "-p", json.dumps(change), fine=fine)

    def assert_accepted(self, thing):
        self.in_namespace("create", "--dry-run=server", "-f", "-", given=thing)

    def assert_refused(self, thing, message):
        """`message` may be a tuple: what servers of different ages say. kubectl's own validation, which it falls back on, stays out of it."""
        told = self.in_namespace("create", "--dry-run=server", "--validate=false", "-f", "-", given=thing, fine=False).stderr
        self.assertTrue(any(text in told for text in ((message,) if isinstance(message, str) else message)), f"{message!r} is not in: {told}")

    def columns(self, kind, *words):
        return self.in_namespace("get", kind, *words).stdout.splitlines()[0].split("  ")

    def assert_columns(self, kind, expected, *words):
        shown = [word.strip() for word in self.columns(kind, *words) if word.strip()]
        self.assertEqual([word.upper() for word in expected], shown)

    def assert_explained(self, kind, *parts):
        text = kubectl("explain", kind, "--recursive").stdout
        for part in parts:
            self.assertIn(part, text)


def changed(thing, **members):
    """A copy with members of spec changed, or removed when None."""
    thing = copy.deepcopy(thing)
    for name, value in members.items():
        thing["spec"].pop(name.replace("_", "-"), None)
        if value is not None:
            thing["spec"][name.replace("_", "-")] = value
    return thing


def undescribed(schema, path=""):
    """Paths of a schema's members without a description; what every object has is left out."""
    found = []
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            found += undescribed(schema[inner], path + "[]")
    for name, member in schema.get("properties", {}).items():
        if (path, name) != ("", "metadata") and not member.get("description"):
            found.append(f"{path}.{name}")
        found += undescribed(member, f"{path}.{name}")
    return found


def main():
    if not os.environ.get("KUBECONFIG"):
        print("no cluster to test with: set KUBECONFIG, or run it with tests/cluster/cluster run")
        sys.exit(SKIPPED)
    if not program():
        print("no kubectl to test with: set KUBECTL")
        sys.exit(SKIPPED)
    unittest.main(module="__main__", verbosity=2)
