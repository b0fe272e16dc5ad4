"""GET /nodes of a real operond, by the real data provider, of an API server that is played here."""

import json
import signal
import subprocess
import tempfile
import unittest

from operon_harness import BUILD, Host, until
from played_api_server import ApiServer


class Nodes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="operon-nodes-")
        self.addCleanup(self.folder.cleanup)
        self.address = f"unix:{self.folder.name}/dp.sock"
        self.api_server = ApiServer()
        self.addCleanup(self.api_server.close)
        file = f"{self.folder.name}/kubeconfig"
        with open(file, "w") as out:
            json.dump(self.api_server.kubeconfig(), out)
        self.host = Host(args=["--data-provider-address", self.address], sets=[f"plugins.target-file.config.kubeconfigs[0]={file}"])
        self.addCleanup(self.host.remove)

    def start_provider(self):
        provider = subprocess.Popen([BUILD / "bin" / "operon-data-provider", "--listen", self.address, "--log-level", "warn"])
        self.addCleanup(lambda: (provider.kill(), provider.wait()))
        return provider

    def nodes(self, cluster):
        return self.host.api("GET", f"/nodes?id={self.host.targets()}&cluster-name={cluster}")

    def test_names_and_an_unreachable_cluster(self):
        self.start_provider()
        self.host.start()
        until("the provider is found", lambda: "[+]data provider ok" in self.host.probe("/readyz").text)
        answer = self.nodes("c")
        self.assertEqual((answer.status, answer.json), (200, {"nodes": ["one", "two"]}))
        away = self.nodes("away")
        self.assertEqual((away.status, away.json["error"]), (502, "unavailable"))
        self.assertEqual(self.nodes("c").status, 200)

    def test_a_dead_provider_is_shown_and_keeps_no_request_away(self):
        provider = self.start_provider()
        self.host.start()
        until("the provider is found", lambda: "[+]data provider ok" in self.host.probe("/readyz").text)
        provider.send_signal(signal.SIGKILL)
        provider.wait()
        answer = self.nodes("c")
        self.assertEqual((answer.status, answer.json["error"]), (502, "unavailable"))
        self.assertIn(self.address, answer.json["message"])
        ready = self.host.probe("/readyz")
        self.assertEqual(ready.status, 200)
        self.assertIn("[-]data provider failed", ready.text)
        self.start_provider()
        until("nodes are listed again", lambda: self.nodes("c").status == 200, 60)


if __name__ == "__main__":
    unittest.main(verbosity=2)
