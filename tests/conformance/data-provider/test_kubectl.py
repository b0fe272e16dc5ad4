"""ExecuteKubectl with commands allowed. The real kubectl where there is one, and a program in its place that shows what it was started with."""

import base64
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import unittest

import grpc

from provider import Cluster, Provider, SECRET, code_of, kubeconfig_of, packed, pb, time, until

Code = grpc.StatusCode

SHOW = """#!{python}
import json, os, sys, time
kubeconfig = sys.argv[1].removeprefix("--kubeconfig=")
words = sys.argv[3:]
if "hang" in words:
    print("begun", flush=True)
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)
if "much" in words:
    sys.stdout.write("x" * (8 << 20))
if "fail" in words:
    sys.stderr.write("no such thing\\n")
    sys.exit(3)
if words == ["get", "show"]:
    print(json.dumps({{"environment": dict(os.environ), "files": sorted(os.listdir("/proc/self/fd")), "kubeconfig": open(kubeconfig).read(), "input": sys.stdin.read()}}))
elif "much" not in words:
    print(json.dumps(words))
"""


class Kubectl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="kubectl-")
        cls.addClassCleanup(cls.folder.cleanup)
        program = pathlib.Path(cls.folder.name) / "kubectl"
        program.write_text(SHOW.format(python=sys.executable))
        program.chmod(0o755)
        cls.provider = Provider("--kubectl", str(program), "--kubectl-allow", "get", "--kubectl-allow", "rollout status",
                                env={"OF_THE_PROVIDER": SECRET}).__enter__()
        cls.addClassCleanup(cls.provider.__exit__)
        cls.kubeconfig = packed(kubeconfig_of("https://127.0.0.1:1", {"token": "the-callers"}))

    def run_it(self, timeout=20, provider=None, **request):
        request.setdefault("kubeconfig_base64", self.kubeconfig)
        return (provider or self.provider).stub.ExecuteKubectl(pb.ExecuteKubectlRequest(**request), timeout=timeout)

    def words(self, **request):
        return json.loads(base64.b64decode(self.run_it(**request).stdout_base64))

    def code(self, **request):
        return code_of(lambda: self.run_it(**request))[0]

    def test_words_become_arguments_as_they_are(self):
        self.assertEqual(self.words(command="get", subcommand="pods", args=["a b", "$(id)", "`id`", ";", "*"], flags={"namespace": "x y", "o": "json"},
                                    boolean_flags=["show-labels"]),
                         ["get", "pods", "--namespace=x y", "-o=json", "--show-labels=true", "a b", "$(id)", "`id`", ";", "*"])
        self.assertEqual(self.words(command="get", args=["--", "--kubeconfig=/etc/x"]), ["get", "--", "--kubeconfig=/etc/x"])

    def test_only_what_is_allowed(self):
        for command, subcommand in (("delete", "pods"), ("rollout", "restart"), ("rollout", ""), ("get2", ""), ("rollout status", ""), ("status", "")):
            with self.subTest(command):
                self.assertIn(self.code(command=command, subcommand=subcommand), (Code.PERMISSION_DENIED, Code.INVALID_ARGUMENT))
        self.assertEqual(self.words(command="rollout", subcommand="status", args=["deployment/x"]), ["rollout", "status", "deployment/x"])
        for command in ("", "-v", "--help", "get --raw", "get\n"):
            self.assertEqual(self.code(command=command), Code.INVALID_ARGUMENT, command)

    def test_no_flag_that_leads_elsewhere(self):
        for flag in ("kubeconfig", "server", "s", "token", "as", "user", "context", "cluster", "f", "filename", "k", "raw", "cache-dir", "profile-output", "v",
                     "template", "from-file", "patch-file", "certificate-authority", "client-key", "insecure-skip-tls-verify", "tls-server-name", "log-file", "editor"):
            with self.subTest(flag):
                self.assertEqual(self.code(command="get", flags={flag: "x"}), Code.PERMISSION_DENIED)
                self.assertEqual(self.code(command="get", boolean_flags=[flag]), Code.PERMISSION_DENIED)
        for output in ("go-template-file=/etc/passwd", "jsonpath-file=/etc/passwd", "custom-columns-file=/etc/passwd", "templatefile=/etc/passwd", ""):
            with self.subTest(output):
                self.assertEqual(self.code(command="get", flags={"o": output}), Code.PERMISSION_DENIED)
        for word in ("--raw=/", "-f/etc/passwd", "-"):
            self.assertEqual(self.code(command="get", args=[word]), Code.INVALID_ARGUMENT, word)
            self.assertEqual(self.code(command="get", subcommand=word), Code.INVALID_ARGUMENT, word)
        self.assertEqual(self.code(command="get", flags={"-o": "json"}), Code.INVALID_ARGUMENT)
        self.assertEqual(self.code(command="get", flags={"o=json --raw": "x"}), Code.INVALID_ARGUMENT)
        self.assertEqual(self.code(command="get", args=["x"] * 100), Code.INVALID_ARGUMENT)

    def test_what_it_is_started_with(self):
        seen = self.words(command="get", subcommand="show")
        self.assertIn("the-callers", seen["kubeconfig"])
        self.assertEqual(seen["input"], "")
        self.assertNotIn("OF_THE_PROVIDER", seen["environment"])
        self.assertEqual(set(seen["files"]) - {"4"}, {"0", "1", "2", "3"})  # 4: the folder it lists

    def test_its_failure_is_an_answer(self):
        answer = self.run_it(command="get", args=["fail"])
        self.assertEqual((answer.exit_code, base64.b64decode(answer.stderr_base64), answer.error), (3, b"no such thing\n", ""))

    def test_output_beyond_the_limit_is_cut(self):
        answer = self.run_it(command="get", args=["much"])
        self.assertEqual((answer.exit_code, len(base64.b64decode(answer.stdout_base64))), (0, 2 << 20))
        self.assertIn("stdout is cut", answer.error)

    def hanging(self):
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"hang" in words and any(word.startswith(self.folder.name.encode()) for word in words):
                found.append(folder.name)
        return found

    def test_a_hang_is_ended_with_all_it_started(self):
        began = time.monotonic()
        answer = self.run_it(command="get", args=["hang"], timeout_seconds=1)
        self.assertEqual((answer.exit_code, base64.b64decode(answer.stdout_base64)), (124, b"begun\n"))
        self.assertIn("1000 ms", answer.error)
        self.assertLess(time.monotonic() - began, 10)
        until("no process is left", lambda: not self.hanging())

    def test_a_cancelled_call_ends_it(self):
        call = self.provider.stub.ExecuteKubectl.future(pb.ExecuteKubectlRequest(kubeconfig_base64=self.kubeconfig, command="get", args=["hang"]), timeout=60)
        until("it runs", lambda: len(self.hanging()) == 2)
        call.cancel()
        until("no process is left", lambda: not self.hanging(), 5)

    def test_a_stop_ends_it(self):
        with Provider("--kubectl", str(pathlib.Path(self.folder.name) / "kubectl"), "--kubectl-allow", "get", "--drain-seconds", "1") as provider:
            call = provider.stub.ExecuteKubectl.future(pb.ExecuteKubectlRequest(kubeconfig_base64=self.kubeconfig, command="get", args=["hang"]), timeout=60)
            until("it runs", lambda: len(self.hanging()) == 2)
            provider.process.send_signal(signal.SIGTERM)
            self.assertEqual(provider.process.wait(10), 0, provider.log)
            self.assertIn(code_of(call.result)[0], (Code.CANCELLED, Code.UNAVAILABLE))
            self.assertEqual(self.hanging(), [])

    def test_too_many_at_once(self):
        calls = [self.provider.stub.ExecuteKubectl.future(pb.ExecuteKubectlRequest(kubeconfig_base64=self.kubeconfig, command="get", args=["hang"]), timeout=60)
                 for _ in range(4)]
        until("they run", lambda: len(self.hanging()) == 8)
        self.assertEqual(self.code(command="get"), Code.RESOURCE_EXHAUSTED)
        for call in calls:
            call.cancel()
        until("there is room again", lambda: self.code(command="get") == Code.OK)

    def test_the_kubeconfig_is_judged_as_ever(self):
        for user in ({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "id"}}, {"tokenFile": "/etc/passwd"}):
            self.assertEqual(self.code(command="get", kubeconfig_base64=packed(kubeconfig_of("https://127.0.0.1:1", user))), Code.INVALID_ARGUMENT)
        self.assertEqual(self.code(command="get", kubeconfig_base64=packed(kubeconfig_of("https://169.254.169.254"))), Code.INVALID_ARGUMENT)

    def test_a_missing_program(self):
        with Provider("--kubectl", "/nowhere/kubectl", "--kubectl-allow", "get") as provider:
            code, words = code_of(lambda: self.run_it(provider=provider, command="get"))
            self.assertEqual(code, Code.UNAVAILABLE)
            self.assertIn("/nowhere/kubectl", words)

    def test_the_real_one(self):
        kubectl = os.environ.get("KUBECTL") or shutil.which("kubectl")
        if not kubectl:
            self.skipTest("there is no kubectl here; set KUBECTL")
        cluster = Cluster()
        with Provider("--kubectl", kubectl, "--kubectl-allow", "get") as provider:
            answer = self.run_it(provider=provider, kubeconfig_base64=packed(cluster.kubeconfig()), command="get", subcommand="namespaces", flags={"o": "name"})
            self.assertEqual(answer.exit_code, 0, answer)
            self.assertIn("namespace/default", base64.b64decode(answer.stdout_base64).decode().split())


if __name__ == "__main__":
    unittest.main(verbosity=2)
