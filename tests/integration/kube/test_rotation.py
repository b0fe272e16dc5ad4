"""Fault 35: tokens and client certificates are replaced, and the old ones refused, while runs start all the time. $KUBECONFIG is the cluster's."""

import base64
import datetime
import json
import os
import ssl
import subprocess
import threading
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from host_test import HostTest
from kubectl import kubectl
from operon_harness import ENDED, until

ROTATIONS = 4
REFUSED_SECONDS_MAX = 60  # an API server remembers a token that was right for ten seconds
CERTIFICATE_SECONDS = 25  # from the end of one to that of the next: more than the host may take to look at half a pair, on a busy machine
CERTIFICATES = 3
RUNS_BETWEEN = 5

AUTHORITY = """[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = subject
x509_extensions = client
[subject]
commonName = supplied
[client]
extendedKeyUsage = clientAuth
"""


class Load:
    """Runs that start, one after the other on each of two threads, and probes; until end()."""

    def __init__(self, host, target):
        self.host, self.target = host, target
        self.jobs, self.wrong, self.over = [], [], threading.Event()
        self.threads = [threading.Thread(target=self.repeat, args=(work,), daemon=True) for work in (self.run, self.run, self.look)]
        for thread in self.threads:
            thread.start()

    def repeat(self, work):
        while not self.over.is_set():
            try:
                work()
            except Exception as error:  # a test sees it at the end, with the others
                self.wrong.append(repr(error))

    def run(self):
        job = self.host.run("hello", targetId=self.target)
        self.host.wait_ended(job, seconds=20)
        self.jobs.append(job)

    def look(self):
        ready = self.host.probe("/readyz")
        if ready.status != 200:
            self.wrong.append(ready.text)
        self.over.wait(0.05)

    def more(self):
        """Waits until runs have started since."""
        count = len(self.jobs)
        until("runs go on", lambda: self.wrong or len(self.jobs) >= count + RUNS_BETWEEN, 60)
        assert not self.wrong, self.wrong

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class Rotation(HostTest):
    def loaded(self, kubeconfig):
        # All records are looked at in the end.
        host = self.enter("leader_election=true", "jobs.objects_kept_max=100000", kubeconfig=kubeconfig)
        self.leader([host])
        load = Load(host, self.target(host))
        self.addCleanup(load.end)
        return host, load

    def all_ended_well(self, host, load):
        load.end()
        self.assertEqual([], load.wrong)
        for job in load.jobs:
            self.assertEqual(host.wait_status(job, *ENDED)["status"], "Succeeded")
        until("that is recorded", lambda: {run["status"].get("phase") for run in self.space.get("runs")} == {"Succeeded"})
        self.assertEqual(len(self.space.get("runs")), len(load.jobs))

    def server(self):
        """Its address and its authority's certificate."""
        cluster = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))["clusters"][0]["cluster"]
        return cluster["server"], base64.b64decode(cluster["certificate-authority-data"]).decode()

    def status(self, token=None, certificate=None):
        """What the API server answers to who shows this."""
        address, authority = self.server()
        tls = ssl.create_default_context(cadata=authority)
        if certificate:
            tls.load_cert_chain(*certificate)
        request = urllib.request.Request(address + "/api", headers={"Authorization": "Bearer " + token} if token else {})
        try:
            with urllib.request.urlopen(request, context=tls, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    # ------------------------------------------------------------------------------------------------------------ tokens

    def bound_token(self, secret):
        """Good while the Secret is there."""
        self.space.kubectl("create", "secret", "generic", secret)
        uid = self.space.get("secret", secret)["metadata"]["uid"]
        return self.space.kubectl("create", "token", "operon", "--bound-object-kind=Secret", f"--bound-object-name={secret}", f"--bound-object-uid={uid}").strip()

    def test_tokens_are_replaced_and_revoked_under_load(self):
        self.account()
        file = self.folder / "token"

        def put(token):  # as the kubelet does: the whole file at once
            fresh = self.folder / "token.new"
            fresh.write_text(token)
            fresh.rename(file)
        token = self.bound_token("token-0")
        put(token)
        host, load = self.loaded(self.kubeconfig(user={"tokenFile": str(file)}))
        for number in range(1, ROTATIONS + 1):
            load.more()
            old, token = token, self.bound_token(f"token-{number}")
            put(token)
            self.space.kubectl("delete", "secret", f"token-{number - 1}")
            until("the old token is refused", lambda token=old: self.status(token) == 401, REFUSED_SECONDS_MAX, every=0.2)
            load.more()
        self.all_ended_well(host, load)

    # ------------------------------------------------------------------------------------------------------ certificates

    def certificate(self, number):
        """A folder with a certificate that is good for some seconds longer than the one before, and its key."""
        authority = Path(os.environ["OPERON_CLUSTER_DIR"], "pki")
        folder = self.folder / f"pki-{number}"
        folder.mkdir()
        (folder / "index.txt").touch()
        (folder / "ca.cnf").write_text(AUTHORITY)
        begin, end = ((self.began + datetime.timedelta(seconds=seconds)).strftime("%Y%m%d%H%M%SZ") for seconds in (-60, CERTIFICATE_SECONDS * (number + 1)))
        for words in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=operon"],
                      ["ca", "-batch", "-config", "ca.cnf", "-cert", authority / "ca.crt", "-keyfile", authority / "ca.key", "-in", "tls.csr", "-out", "tls.crt",
                       "-notext", "-startdate", begin, "-enddate", end]):
            done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        return folder

    @unittest.skipUnless(os.environ.get("OPERON_OWN_CLUSTER"), "certificates are made with the key of the authority of a cluster of tests/cluster; others keep theirs")
    def test_certificates_are_replaced_and_expire_under_load(self):
        """A Secret that is mounted changes at once; of files that are copied, the certificate may be there before its key."""
        self.began = datetime.datetime.now(datetime.timezone.utc)
        self.bind({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "operon"})
        files = self.folder / "files"
        files.mkdir()

        def put(name, folder):
            fresh = files / "new"
            fresh.write_bytes((folder / name).read_bytes())
            fresh.rename(files / name)
        folder = self.certificate(0)
        for name in ("tls.crt", "tls.key"):
            put(name, folder)
        host, load = self.loaded(self.kubeconfig(user={"client-certificate": str(files / "tls.crt"), "client-key": str(files / "tls.key")}))
        for number in range(1, CERTIFICATES + 1):
            old, folder = folder, self.certificate(number)
            put("tls.crt", folder)
            if number % 2:
                half = (number + 1) // 2
                until("the host has seen half of it", lambda half=half: host.log_text().count("credentials cannot be read again") == half, 20)
            put("tls.key", folder)
            pair = (old / "tls.crt", old / "tls.key")
            until("the old certificate is refused", lambda pair=pair: self.status(certificate=pair) == 401, REFUSED_SECONDS_MAX, every=0.2)
            load.more()
        self.all_ended_well(host, load)


if __name__ == "__main__":
    unittest.main(verbosity=2)
