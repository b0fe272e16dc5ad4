"""Who may call: tokens and their roles, their reload, TLS with and without certificates of callers."""

import http.client
import json
import os
import signal
import ssl
import subprocess
import unittest

from operon_harness import Host, free_port, until

ANN, BOB, VIC = "a" * 20, "b" * 20, "v" * 20


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def certificates(folder):
    """A CA, a server and a client certificate of it, each as (certificate, key)."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder, timeout=60)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "2")
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.crt", "-days", "2", "-extfile", f"{name}.ext")


class TokenHost(Host):
    """Listens with tokens; readiness is asked on the probe port, which needs none."""

    def __init__(self, **more):
        super().__init__(**more)
        self.tokens = self.folder / "tokens"
        self.write_tokens(f"{ANN},ann,admin\n{BOB},bob,run\n{VIC},vic,view\n")
        self.args += ["--rest-auth", "token-file", "--rest-token-file", str(self.tokens)]

    def write_tokens(self, text):
        self.tokens.write_text(text)
        self.tokens.chmod(0o600)

    def freeze_and_stop_all(self):
        self.api("POST", "/operon/v1/freeze", {"reason": "the test is over", "stopAll": True}, bearer(ANN), timeout=20)


class Access(unittest.TestCase):
    def test_roles(self):
        with TokenHost() as host:
            ask = lambda method, path, token, body=None: host.api(method, path, body, bearer(token) if token else {}).status
            self.assertEqual(ask("GET", "/scenarios/run", None), 401)
            self.assertEqual(ask("GET", "/scenarios/run", "x" * 20), 401)
            self.assertEqual(ask("GET", "/scenarios/run", VIC), 200)
            self.assertEqual(ask("POST", "/scenarios/run", VIC), 403)
            self.assertEqual(ask("POST", "/scenarios/run", BOB), 400)
            self.assertEqual(ask("POST", "/operon/v1/freeze", VIC, {"reason": "x"}), 403)
            self.assertEqual(ask("POST", "/operon/v1/freeze", BOB, {"reason": "x"}), 200)
            self.assertEqual(ask("POST", "/operon/v1/unfreeze", BOB), 403)
            self.assertEqual(ask("POST", "/operon/v1/unfreeze", ANN), 200)
            self.assertEqual(ask("GET", "/health", None), 200)
            self.assertEqual(host.probe("/readyz").status, 200)
            for token in (ANN, BOB, VIC):
                self.assertNotIn(token, host.log_text())

    def test_tokens_are_read_again_on_a_signal(self):
        with TokenHost() as host:
            host.write_tokens(f"{'n' * 20},new,admin\n")
            host.process.send_signal(signal.SIGHUP)
            until("the new token counts", lambda: host.api("GET", "/scenarios/run", None, bearer("n" * 20)).status == 200)
            self.assertEqual(host.api("GET", "/scenarios/run", None, bearer(ANN)).status, 401)
            host.write_tokens("broken\n")
            host.process.send_signal(signal.SIGHUP)
            until("the bad file is refused", lambda: "the old tokens stay in force" in host.log_text())
            self.assertEqual(host.api("GET", "/scenarios/run", None, bearer("n" * 20)).status, 200)
            host.write_tokens(f"{ANN},ann,admin\n")
            host.process.send_signal(signal.SIGHUP)
            until("ann is back", lambda: host.api("GET", "/scenarios/run", None, bearer(ANN)).status == 200)

    def test_a_token_file_that_others_may_read_keeps_the_host_down(self):
        host = TokenHost()
        try:
            host.tokens.chmod(0o604)
            host.start(ready=False)
            self.assertEqual(host.process.wait(20), 1)
            self.assertIn(f"the token file {host.tokens} may be read or written by others than its owner; run: chmod 600 {host.tokens} ", host.log_text())
        finally:
            host.remove()

    def test_tls_and_certificates_of_callers(self):
        host = Host()
        certificates(host.folder)
        metrics = free_port()
        host.args += ["--rest-tls-cert", str(host.folder / "server.crt"), "--rest-tls-key", str(host.folder / "server.key"),
                      "--rest-tls-client-ca", str(host.folder / "ca.crt"), "--metrics-listen", f"127.0.0.1:{metrics}",
                      "--metrics-tls-cert", str(host.folder / "server.crt"), "--metrics-tls-key", str(host.folder / "server.key")]
        try:
            host.start()
            self.assertIn(f"https://127.0.0.1:{host.port}", host.log_text())

            def get(port, path, certificate):
                context = ssl.create_default_context(cafile=host.folder / "ca.crt")
                if certificate:
                    context.load_cert_chain(host.folder / "client.crt", host.folder / "client.key")
                connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
                try:
                    connection.request("GET", path)
                    return connection.getresponse().read()
                finally:
                    connection.close()

            self.assertEqual(json.loads(get(host.port, "/health", True)), {"status": "healthy"})
            with self.assertRaises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
                get(host.port, "/health", False)
            self.assertIn(b"operon_build_info", get(metrics, "/metrics", False))
        finally:
            if host.process:
                os.kill(host.process.pid, signal.SIGTERM)
                self.assertEqual(host.process.wait(40), 0)
                host.process = None
            host.remove()

    def test_a_certificate_that_cannot_be_read_is_named(self):
        host = Host(args=["--rest-tls-cert", "/nowhere/c.pem", "--rest-tls-key", "/nowhere/k.pem"])
        try:
            host.start(ready=False)
            self.assertEqual(host.process.wait(20), 1)
            self.assertIn("/nowhere/", host.log_text())
        finally:
            host.remove()


if __name__ == "__main__":
    unittest.main(verbosity=2)
