"""etcd and the API server, on free ports, with an authority of their own."""
import base64
import json
import os
import secrets
import socket
import ssl
import subprocess
import urllib.error
import urllib.request

from processes import wait_until

READY_SECONDS_MAX = 120
CERTIFICATE_DAYS = 3650
SERVICES = "10.97.0.0/24"
SERVICE_OF_API = "10.97.0.1"
AUDIT_LOG = "audit.log"
AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def free_ports(count):
    """All different: they are held until the last one is known."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class ControlPlane:
    """`programs`: the folder they are in. With `pods`, it serves a node: pods reach it, and they need their service accounts."""

    def __init__(self, processes, programs, pods=False):
        self.processes, self.programs, self.pods = processes, programs, pods
        self.folder = processes.folder
        self.pki = self.folder / "pki"
        self.kubeconfig = self.folder / "kubeconfig"

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.pki, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def signed(self, name, subject, extensions="extendedKeyUsage=clientAuth\n"):
        self.openssl("req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        (self.pki / f"{name}.ext").write_text(extensions)
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(CERTIFICATE_DAYS),
                     "-extfile", f"{name}.ext", "-out", f"{name}.crt")

    def certificates(self):
        self.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.openssl("req", "-x509", *KEY, "-keyout", "ca.key", "-out", "ca.crt", "-days", str(CERTIFICATE_DAYS), "-subj", "/CN=test authority",
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.signed("server", "/CN=kube-apiserver", "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,"
                    f"IP:{SERVICE_OF_API}\n")
        self.signed("client", "/O=system:masters/CN=certified")
        self.openssl("genrsa", "-out", "accounts.key", "2048")

    def write_kubeconfig(self, server, token):
        ca = base64.b64encode((self.pki / "ca.crt").read_bytes()).decode()
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": ca}}],
            "users": [{"name": "admin", "user": {"token": token}},
                      {"name": "certified", "user": {"client-certificate": "pki/client.crt", "client-key": "pki/client.key"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}},
                         {"name": "certified", "context": {"cluster": "test", "user": "certified"}}]}, indent=1))

    def start(self):
        self.certificates()
        token = secrets.token_hex(16)
        (self.pki / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        store, peer, port = free_ports(3)
        pki = self.pki
        self.processes.start(self.programs / "etcd", "--data-dir", self.folder / "etcd", f"--listen-client-urls=http://127.0.0.1:{store}",
                             f"--advertise-client-urls=http://127.0.0.1:{store}", f"--listen-peer-urls=http://127.0.0.1:{peer}", "--unsafe-no-fsync")
        if self.pods:
            flags = ["--bind-address=0.0.0.0", "--kubelet-preferred-address-types=Hostname", f"--kubelet-client-certificate={pki}/client.crt",
                     f"--kubelet-client-key={pki}/client.key"]
        else:
            flags = ["--bind-address=127.0.0.1", "--disable-admission-plugins=ServiceAccount"]
        if os.environ.get("OPERON_AUDIT"):
            (self.folder / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
            flags += [f"--audit-policy-file={self.folder}/audit-policy.json", f"--audit-log-path={self.folder / AUDIT_LOG}", "--audit-log-mode=blocking"]
        self.processes.start(
            self.programs / "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{store}", f"--secure-port={port}", f"--cert-dir={pki}",
            f"--tls-cert-file={pki}/server.crt", f"--tls-private-key-file={pki}/server.key", f"--client-ca-file={pki}/ca.crt",
            f"--token-auth-file={pki}/tokens.csv", f"--service-account-key-file={pki}/accounts.key",
            f"--service-account-signing-key-file={pki}/accounts.key", "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC", f"--service-cluster-ip-range={SERVICES}", "--allow-privileged=true", "--profiling=false", *flags,
            *os.environ.get("OPERON_APISERVER_FLAGS", "").split())
        server = f"https://127.0.0.1:{port}"
        self.write_kubeconfig(server, token)
        tls = ssl.create_default_context(cafile=pki / "ca.crt")
        question = urllib.request.Request(server + "/readyz", headers={"Authorization": "Bearer " + token})

        def answers():
            try:
                with urllib.request.urlopen(question, context=tls, timeout=5):
                    return True
            except (urllib.error.URLError, OSError):
                return False
        wait_until("the API server", READY_SECONDS_MAX, answers, self.processes.check)
