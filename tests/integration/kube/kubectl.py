"""kubectl for the tests on a cluster ($KUBECONFIG), and a namespace of a test's own with the custom resources in the server."""

import contextlib
import json
import subprocess
import sys
import uuid

from operon_harness import SOURCE

sys.path.insert(0, str(SOURCE / "tests/cluster"))
sys.dont_write_bytecode = True
from programs import kubectl as program  # noqa: E402

CALL_SECONDS_MAX = 60
CEL_SINCE = 25  # 1.25: rules in custom resources


def kubectl(*words, given=None):
    text = given if given is None or isinstance(given, str) else json.dumps(given)
    done = subprocess.run([program(), *words], input=text, text=True, capture_output=True, timeout=CALL_SECONDS_MAX)
    if done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def documents(stream):
    """The objects of JSON that follow each other in a stream, each indented as kubectl does."""
    lines = []
    for line in stream:
        lines.append(line)
        if line == "}\n":
            yield json.loads("".join(lines))
            lines = []


def definitions():
    """The folder of custom resources that this server understands."""
    minor = int(json.loads(kubectl("version", "-o", "json"))["serverVersion"]["minor"].rstrip("+"))
    return SOURCE / "api/crd" / ("bases" if minor >= CEL_SINCE else "without-cel")


class Namespace:
    def __init__(self, definitions=True):
        self.name = "operon-test-" + uuid.uuid4().hex[:8]
        self.definitions = definitions

    def __enter__(self):
        if self.definitions:
            names = kubectl("apply", "-k", str(definitions()), "-o", "name").split()
            kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
        kubectl("create", "namespace", self.name)
        return self

    def __exit__(self, *_):
        kubectl("delete", "namespace", self.name, "--wait=false")

    def kubectl(self, *words, given=None):
        return kubectl("-n", self.name, *words, given=given)

    def get(self, kind, name=None):
        got = json.loads(self.kubectl("get", kind, *([name] if name else []), "-o", "json"))
        return got if name else got["items"]

    @contextlib.contextmanager
    def watched(self, kind, name):
        """Each version of the object, from the one that is there now; ends after a minute."""
        with subprocess.Popen([program(), "-n", self.name, "get", kind, name, "--watch", "--request-timeout=60s", "-o", "json"], stdout=subprocess.PIPE, text=True) as watch:
            try:
                yield documents(watch.stdout)
            finally:
                watch.kill()

    def absent(self, kind, name):
        return not self.kubectl("get", kind, name, "--ignore-not-found", "-o", "name").strip()
