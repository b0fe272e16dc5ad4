"""Fault 26: canary secrets in every place that takes one, looked for in every place that people read."""

import base64
import json
import stat
import subprocess
import unittest

from operon_harness import BUILD, Host

ENV, WRONG, KUBE, PASSWORD, TOKEN, ADMIN = (f"canary-{word}-4f8a91c2d7" for word in ("env", "refused", "kube", "password", "token", "admin"))
CANARIES = (ENV, WRONG, KUBE, PASSWORD, TOKEN, ADMIN)

KUBECONFIG = f"""
apiVersion: v1
kind: Config
current-context: shop
clusters: [{{name: shop, cluster: {{server: "https://127.0.0.1:1"}}}}]
users: [{{name: shop, user: {{token: {KUBE}}}}}]
contexts: [{{name: shop, context: {{cluster: shop, user: shop}}}}]
"""


class Secrets(unittest.TestCase):
    def setUp(self):
        self.host = Host(sets=["log.level=trace", "rest.auth=token-file"])
        kubeconfig = self.host.folder / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG)
        tokens = self.host.folder / "tokens"
        tokens.write_text(f"{ADMIN},alice,admin\n")
        tokens.chmod(0o600)
        self.host.sets += [f"plugins.target-file.config.kubeconfigs[0]={kubeconfig}", f"rest.token_file={tokens}"]
        self.host.start()
        self.addCleanup(self.host.remove)
        self.seen = []
        original = self.host.api

        def recording(method, path, body=None, headers=None, **more):
            answer = original(method, path, body, {"Authorization": f"Bearer {ADMIN}", **(headers or {})}, **more)
            self.seen.append((method + " " + path, answer.text + json.dumps(answer.headers)))
            return answer
        self.host.api = recording

    def test_fault_26_no_canary_anywhere(self):
        host = self.host
        host.scenario("secretive", """
            title: Secretive
            description: takes a secret
            fields:
              - {name: password, type: string, variable: MY_PASSWORD, secret: "true", required: "true", validator: "^canary.*$"}
              - {name: count, type: number, variable: COUNT, default: "1"}
            run: {argv: [/bin/echo, "length is all we print"]}
            """)
        body = host.run_body("secretive", environment={"MY_PASSWORD": ENV})
        body["clusterName"] = "shop"
        job = host.api("POST", "/scenarios/run", body).json["jobId"]
        self.assertEqual(host.wait_ended(job)["status"], "Succeeded")
        host.logs(job)
        host.api("POST", "/scenarios/run", {**body, "environment": {"MY_PASSWORD": "wrong-" + WRONG}})
        host.api("POST", "/scenarios/run", {**body, "environment": {"MY_PASSWORD": ENV, "COUNT": "many"}})
        host.api("POST", "/scenarios/run", {**body, "environment": {"MY_PASSWORD": ENV, "LD_PRELOAD": ENV}})
        host.api("POST", "/scenarios/run", {**body, "scenarioImage": "quay.io/x/y:z", "registryUrl": "registry.example", "scenarioRepository": "a/b", "username": "u",
                                            "password": PASSWORD, "token": TOKEN})
        host.api("POST", "/scenarios", {"registryUrl": "registry.example", "scenarioRepository": "a/b", "username": "u", "password": PASSWORD, "token": TOKEN})
        host.api("POST", "/scenarios/detail/x", {"registryUrl": "registry.example", "scenarioRepository": "a/b", "password": PASSWORD})
        host.api("POST", "/scenarios/run", (json.dumps(body)[:-1] + f', "password": "{PASSWORD}", trailing').encode())
        host.api("POST", "/scenarios/run", {**body, "files": [{"name": "f", "content": base64.b64encode(ENV.encode()).decode(), "mountPath": "../x"}]})
        host.api("GET", f"/nodes?id={host.targets()}&cluster-name=shop")
        host.api("GET", "/health", headers={"Authorization": f"Bearer wrong-{TOKEN}"})
        for path in ("/scenarios/run", f"/scenarios/run/{job}", "/operon/v1/plugins", "/operon/v1/version", f"/clusters?id={host.targets()}", "/"):
            host.api("GET", path)
        metrics = host.probe("/metrics").text
        ctl = subprocess.run([str(BUILD / "bin" / "operonctl"), "--server", f"http://127.0.0.1:{host.port}", "run", "secretive", "--cluster", "shop", "--set",
                              f"MY_PASSWORD=wrong-{WRONG}"], capture_output=True, text=True, env={"OPERON_TOKEN": ADMIN, "PATH": "/usr/bin:/bin"}, timeout=60)
        self.assertNotEqual(ctl.returncode, 0)
        host.terminate()
        places = self.seen + [("metrics", metrics), ("log", host.log_text()), ("operonctl", ctl.stdout + ctl.stderr)]
        for canary in CANARIES:
            for form in (canary, base64.b64encode(canary.encode()).decode().rstrip("="), canary[:24]):
                for where, text in places:
                    self.assertNotIn(form, text, f"in {where}")

    def test_private_files_are_private(self):
        host = self.host
        host.shell_scenario("short", "echo done")
        host.wait_ended(host.run("short"))
        host.shell_scenario("long", "exec sleep 600")
        long = host.run("long", files=[{"name": "f", "content": base64.b64encode(ENV.encode()).decode(), "mountPath": "/var/secret"}])
        host.wait_status(long, "Running")
        self.assertTrue(any(ENV.encode() in p.read_bytes() for p in host.state.rglob("secret")), "or the test shows nothing")
        paths = [host.state, *host.state.rglob("*")]
        self.assertGreater(len(paths), 3)
        for path in paths:
            try:
                status = path.lstat()
            except FileNotFoundError:  # archiving and tidying go on behind the run
                continue
            if stat.S_ISLNK(status.st_mode):
                continue
            open_to_others = status.st_mode & (0o066 if stat.S_ISDIR(status.st_mode) else 0o077)
            self.assertEqual(open_to_others, 0, f"{path} can be read by others")


if __name__ == "__main__":
    unittest.main(verbosity=2)
