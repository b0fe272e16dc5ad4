#!/usr/bin/env python3
"""control_plane COMMAND...: runs a command with $KUBECONFIG leading to an API server.

Which one, in this order:
  $KUBECONFIG          a cluster you have; it is used as it is, in a namespace of its own
  $KUBEBUILDER_ASSETS  a folder with etcd and kube-apiserver (any version), as Kubernetes projects keep for their tests
  the PATH             etcd and kube-apiserver found there
  ~/.cache/operon-cluster/VERSION   what an earlier build left

From programs, an API server and its store are started on free ports of this machine, in a folder under the system's temporary one, and are gone when
the command ends. Without any of these it says so and ends with 77, which ctest counts as skipped.
"""
import base64
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

SKIPPED = 77
READY_SECONDS_MAX = 120
PROGRAMS = ("etcd", "kube-apiserver")


def find_programs():
    """The two programs' paths, or None."""
    folders = [os.environ[name] for name in ("KUBEBUILDER_ASSETS",) if os.environ.get(name)]
    for folder in folders:
        if not all(os.access(Path(folder) / name, os.X_OK) for name in PROGRAMS):
            sys.exit(f"control_plane: $KUBEBUILDER_ASSETS is {folder}, but {' and '.join(PROGRAMS)} are not in it")
    built = sorted((Path.home() / ".cache/operon-cluster").glob("*/kube-apiserver"), key=lambda p: [int(n) for n in p.parent.name.split(".") if n.isdigit()])
    folders += [None] + [str(path.parent) for path in reversed(built)]
    for folder in folders:
        found = [shutil.which(name, path=folder) for name in PROGRAMS]
        if all(found):
            return found
    return None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ControlPlane:
    """etcd and kube-apiserver; a context manager."""

    def __init__(self, programs):
        self.etcd, self.apiserver = programs
        self.folder = Path(tempfile.mkdtemp(prefix="operon-cluster-"))
        self.children = []
        self.kubeconfig = self.folder / "kubeconfig"

    def spawn(self, *words):
        log = open(self.folder / (Path(words[0]).name + ".log"), "wb")
        self.children.append(subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def certificates(self):
        """An authority, and a certificate of it for the server."""
        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=self.folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=kube-apiserver")
        (self.folder / "server.ext").write_text("subjectAltName=DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "server.ext", "-out", "server.crt")
        openssl("req", *key, "-keyout", "client.key", "-out", "client.csr", "-subj", "/O=system:masters/CN=certified")
        openssl("x509", "-req", "-in", "client.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-out", "client.crt")
        openssl("genrsa", "-out", "accounts.key", "2048")

    def start(self):
        self.certificates()
        token = secrets.token_hex(16)
        (self.folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        store, peer, port = free_port(), free_port(), free_port()
        self.spawn(self.etcd, "--data-dir", self.folder / "etcd", "--listen-client-urls", f"http://127.0.0.1:{store}", "--advertise-client-urls",
                   f"http://127.0.0.1:{store}", "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--unsafe-no-fsync")
        self.spawn(self.apiserver, f"--etcd-servers=http://127.0.0.1:{store}", f"--secure-port={port}", "--bind-address=127.0.0.1",
                   f"--tls-cert-file={self.folder}/server.crt", f"--tls-private-key-file={self.folder}/server.key", f"--client-ca-file={self.folder}/ca.crt",
                   f"--token-auth-file={self.folder}/tokens.csv", f"--service-account-key-file={self.folder}/accounts.key",
                   f"--service-account-signing-key-file={self.folder}/accounts.key", "--service-account-issuer=https://kubernetes.default.svc",
                   "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24", f"--cert-dir={self.folder}", "--profiling=false",
                   "--disable-admission-plugins=ServiceAccount", *os.environ.get("OPERON_APISERVER_FLAGS", "").split())
        server = f"https://127.0.0.1:{port}"
        ca = base64.b64encode((self.folder / "ca.crt").read_bytes()).decode()
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": ca}}],
            "users": [{"name": "admin", "user": {"token": token}},
                      {"name": "certified", "user": {"client-certificate": "client.crt", "client-key": "client.key"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}},
                         {"name": "certified", "context": {"cluster": "test", "user": "certified"}}]}))
        self.wait(server, token)

    def wait(self, server, token):
        tls = ssl.create_default_context(cafile=self.folder / "ca.crt")
        request = urllib.request.Request(server + "/readyz", headers={"Authorization": "Bearer " + token})
        end = time.monotonic() + READY_SECONDS_MAX
        while True:
            try:
                with urllib.request.urlopen(request, context=tls, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                ended = [child.args[0] for child in self.children if child.poll() is not None]
                if ended or time.monotonic() > end:
                    what = f"{ended[0]} ended" if ended else f"it was not ready within {READY_SECONDS_MAX} s"
                    tail = "\n".join(self.folder.joinpath("kube-apiserver.log").read_text(errors="replace").splitlines()[-15:])
                    raise RuntimeError(f"the API server did not start: {what}\n{tail}") from None
                time.sleep(0.1)

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    words = sys.argv[1:]
    if not words:
        sys.exit(__doc__)
    if os.environ.get("KUBECONFIG"):
        sys.exit(subprocess.call(words))
    programs = find_programs()
    if programs is None:
        print("control_plane: no cluster to test with: set KUBECONFIG, or KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver")
        sys.exit(SKIPPED)
    with ControlPlane(programs) as cluster:
        code = subprocess.call(words, env=dict(os.environ, KUBECONFIG=str(cluster.kubeconfig), OPERON_OWN_CLUSTER="1"))
    sys.exit(code)


if __name__ == "__main__":
    main()
