"""Faults 28 and 29: plugins that answer wrongly, and plugin files that are not what they say."""

import hashlib
import json
import os
import shutil
import unittest

from operon_harness import BUILD, Host, until


def manifest(library, plugin_id, interfaces, version="1.0.0"):
    """Writes what the build writes beside a library."""
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    text = {"id": plugin_id, "version": version, "title": plugin_id, "description": "of a test", "license": "Apache-2.0", "interfaces": interfaces, "services": [],
            "configurationSchema": {"type": "object"}, "attributes": {}, "librarySha256": digest, "abi": {"major": 1, "minMinor": 0}}
    library.with_name(library.name + ".manifest.json").write_text(json.dumps(text))


class Plugins(unittest.TestCase):
    def setUp(self):
        self.host = Host()
        self.folder = self.host.folder / "plugins"
        self.folder.mkdir(mode=0o755)
        self.host.args += ["--plugin-dir", str(BUILD / "plugins"), "--plugin-dir", str(self.folder)]
        self.addCleanup(self.host.remove)

    def put(self, library, mode=0o644):
        """Copies a library, with its manifest when it has one, into the test's own plugin folder."""
        target = self.folder / library.name
        shutil.copy(library, target)
        target.chmod(mode)
        beside = library.with_name(library.name + ".manifest.json")
        if beside.exists():
            shutil.copy(beside, target.with_name(target.name + ".manifest.json"))
        return target

    def info(self, name):
        return next(p for p in self.host.api("GET", "/operon/v1/plugins").json["plugins"] if p["name"] == name)

    def refused(self, name, *words):
        """The host starts without it, says why, is ready, and serves the rest."""
        self.host.start()
        info = self.info(name)
        self.assertEqual(info["state"], "refused", info)
        for word in words:
            self.assertIn(word, info["reason"])
        self.assertNotIn("\n", info["reason"])
        self.assertEqual(self.host.log_text().count(info["reason"].replace('"', '\\"')), 1, "one line in the log")
        self.assertEqual(self.host.probe("/readyz").status, 200)
        self.assertEqual(self.info("target-file")["state"], "ready")

    def use(self, name, **config):
        self.host.sets += [f"plugins.x.plugin={name}"] + [f"plugins.x.config.{k}={v}" for k, v in config.items()]

    def test_fault_29_swapped_file(self):
        library = self.put(BUILD / "plugins-test" / "libecho.so")
        with open(library, "ab") as f:
            f.write(b"\0")
        self.use("echo")
        self.refused("x", str(library), "sha256")

    def test_fault_29_world_writable_file(self):
        library = self.put(BUILD / "plugins-test" / "libecho.so", 0o666)
        self.use("echo")
        self.refused("x", str(library), "writable")

    def test_fault_29_world_writable_folder(self):
        self.put(BUILD / "plugins-test" / "libecho.so")
        self.folder.chmod(0o777)
        self.use("echo")
        self.refused("x", str(self.folder), "writable")

    def test_fault_29_foreign_owner(self):
        library = self.put(BUILD / "plugins-test" / "libecho.so")
        os.chown(library, 65534, 65534)
        self.use("echo")
        self.refused("x", str(library), "belongs to user 65534")

    def test_required_instance_makes_the_host_unready(self):
        self.use("nowhere")
        self.host.sets.append("plugins.x.required=true")
        self.host.start(ready=False)
        until("it answers", lambda: self.listens())
        until("the reason shows", lambda: "x" in self.host.probe("/readyz?verbose").text)
        self.assertEqual(self.host.probe("/readyz").status, 503)
        self.assertEqual(self.host.probe("/livez").status, 200)

    def listens(self):
        try:
            return self.host.probe("/livez").status == 200
        except OSError:
            return False

    def test_fault_28_half_an_interface_and_old_abis(self):
        ways = {"half_interface": "verb", "bad_major": "major", "bad_magic": "magic", "bad_minor": "minor", "bad_id": "somebody-else", "bad_version": "9.9.9"}
        for way in ways:
            library = self.put(BUILD / "tests-plugins" / f"libmisbehaving_{way}.so")
            folder = self.host.folder / way
            folder.mkdir(mode=0o755)
            moved = folder / library.name
            library.rename(moved)
            manifest(moved, "misbehaving", ["operon.scenario-registry/1"] if way == "half_interface" else ["test.misbehaving/1"])
        self.host.start()
        self.host.terminate()
        for way, word in ways.items():
            with self.subTest(way=way):
                self.host.args = ["--plugin-dir", str(BUILD / "plugins"), "--plugin-dir", str(self.host.folder / way)]
                self.host.sets = ["plugins.x.plugin=misbehaving"]
                self.host.log_path.write_text("")
                self.refused("x", f"libmisbehaving_{way}.so", word)
                self.host.terminate()

    def ask(self):
        uuid = self.host.api("POST", "/targets").json["uuid"]
        until("the request is completed", lambda: self.host.api("GET", f"/targets/{uuid}").status == 200, 90)
        return self.host.api("GET", f"/clusters?id={uuid}").json["targetData"]

    def test_fault_28_wrong_answers(self):
        for way in ("no-json", "wrong-type", "status", "twice", "pending-twice"):
            with self.subTest(way=way):
                host = Host(sets=["plugins.x.plugin=target-nonsense", f"plugins.x.config.way={way}", "plugin_limits.faults_max=5"],
                            args=["--plugin-dir", str(BUILD / "plugins"), "--plugin-dir", str(BUILD / "plugins-test")])
                self.host = host
                self.addCleanup(host.remove)
                host.start()
                for _ in range(3):
                    data = self.ask()
                    self.assertEqual([c["cluster-name"] for c in data["target-file"]], ["localhost"], "the others go on")
                for _ in range(6):
                    self.ask()
                self.assertEqual(host.api("GET", "/health").status, 200)
                if way != "wrong-type":  # well-formed JSON of the wrong shape is refused by the one who asked; the rest is counted against the plugin
                    until("it is quarantined", lambda: self.info("x")["state"] == "quarantined", 5)
                    self.assertTrue(self.info("x")["reason"])
                    self.assertGreaterEqual(host.metric("operon_plugin_faults_total", 'instance="x"'), 5)
                    self.assertEqual([c["cluster-name"] for c in self.ask()["target-file"]], ["localhost"])
                host.remove()

    def test_fault_28_no_answer(self):
        host = Host(sets=["plugins.x.plugin=target-nonsense", "plugins.x.config.way=never", "targets.provider_answer_ms_max=300", "plugin_limits.stuck_calls_max=3"],
                    args=["--plugin-dir", str(BUILD / "plugins"), "--plugin-dir", str(BUILD / "plugins-test")])
        self.host = host
        self.addCleanup(host.remove)
        host.start()
        for _ in range(4):
            data = self.ask()
            self.assertEqual([c["cluster-name"] for c in data["target-file"]], ["localhost"])
        until("it is quarantined", lambda: self.info("x")["state"] == "quarantined", 10)
        self.assertEqual(host.terminate(), 0, "and does not keep the host from ending")

    def test_fault_28_a_bad_configuration_never_reaches_the_plugin(self):
        self.host.args += ["--plugin-dir", str(BUILD / "plugins-test")]
        self.use("target-nonsense", way="unheard-of")
        self.refused("x", "way")


if __name__ == "__main__":
    unittest.main(verbosity=2)
