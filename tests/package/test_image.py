"""The container images of the installed package: what they weigh, what is in them, and that it runs with nothing else. Standard library only.

$OPERON_PACKAGE_DIR/prefix is the installed package. Programs run as the image's user, in a file system of the image's files alone, which they cannot write to.
"""
import contextlib
import functools
import hashlib
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import tempfile
import unittest

from operon_harness import SOURCE, free_port, until

PREFIX = pathlib.Path(os.environ["OPERON_PACKAGE_DIR"]) / "prefix"
BYTES_MAX = 60_000_000
USER = 65532
# The image's files, read-only, with what a container has besides: /proc, a few devices, its volumes. Words after the folder are the command.
ISOLATED = """set -e; root=$1; shift
mount --bind "$root" "$root"; mount -t tmpfs tmpfs "$root/dev"
for device in null zero random urandom; do : >"$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
for volume in tmp var/lib/operon; do [ ! -d "$root/$volume" ] || mount -t tmpfs -o mode=1777 tmpfs "$root/$volume"; done
mount -t proc proc "$root/proc"; mount -o remount,ro,bind "$root"
exec "$CHROOT" $AS "$root" "$@" """


class Image:
    def __init__(self, archive):
        with tarfile.open(archive) as tar:
            self.members = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
        self.manifest, = json.loads(self.members["manifest.json"])
        self.described = json.loads(self.members[self.manifest["Config"]])
        self.config = self.described["config"]
        blob, = self.manifest["Layers"]
        self.layer = self.members[blob]
        with tarfile.open(fileobj=io.BytesIO(self.layer)) as tar:
            self.files = tar.getmembers()
            self.contents = {member.name: tar.extractfile(member).read() for member in self.files if member.isfile()}

    def unpack(self, folder):
        with tarfile.open(fileobj=io.BytesIO(self.layer)) as tar:
            tar.extractall(folder)


def make(prefix, out, **env):
    done = subprocess.run([SOURCE / "packaging/container/make-image", prefix, out], env={**os.environ, **env}, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


@functools.cache
def propagation():
    """Mounts of our own that nobody else sees; where the root is no mount point (inside a chroot) that cannot be said, and they are gone with us all the same."""
    try_it = subprocess.run(["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "true"], capture_output=True)
    return "private" if try_it.returncode == 0 else "unchanged"


def isolated(root, variables, *command):
    as_root = os.geteuid() == 0
    unshare = ["unshare", "--mount", "--propagation", propagation(), "--pid", "--fork", "--kill-child"] + ([] if as_root else ["--user", "--map-root-user"])
    env = {"AS": f"--userspec={USER}:{USER}" if as_root else "", "CHROOT": shutil.which("chroot", path="/usr/sbin:/usr/bin"), **variables}
    return subprocess.Popen([*unshare, "sh", "-c", ISOLATED, "sh", root, *command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, start_new_session=True)


class ContainerFiles(unittest.TestCase):
    """For those who have an engine; nothing here has one, so what can be compared is."""

    def words(self, name):
        for line in (SOURCE / "packaging/container" / name).read_text().splitlines():
            if line and not line.startswith("#"):
                yield line.split()

    def test_what_they_copy_is_there(self):
        for name in ("Containerfile", "Containerfile.data-provider-krkn"):
            for word, *rest in self.words(name):
                if word == "COPY" and not rest[0].startswith("--from"):
                    for path in rest[:-1]:
                        self.assertTrue((SOURCE / path).exists(), f"{name}: {path}")

    def test_they_start_the_same_as_ours(self):
        stages, last = {}, None
        for word, *rest in self.words("Containerfile"):
            if word == "FROM":
                last = stages.setdefault(rest[-1], {})
            elif word == "ENTRYPOINT":
                last["Entrypoint"] = json.loads(" ".join(rest))
            elif word == "USER":
                last["User"] = rest[0]
            elif word == "ENV":
                last["Env"] = rest
            elif word == "EXPOSE":
                last["ExposedPorts"] = {f"{port}/tcp": {} for port in rest}
            elif word == "VOLUME":
                last["Volumes"] = {path: {} for path in rest}
        folder = pathlib.Path(tempfile.mkdtemp(prefix="operon-test-"))
        self.addCleanup(shutil.rmtree, folder)
        make(PREFIX, folder)
        for name in ("operon", "data-provider"):
            config = Image(folder / f"{name}.tar").config
            self.assertEqual({key: config[key] for key in ("Entrypoint", "User", "Env", "ExposedPorts", "Volumes")}, {"Volumes": {}, **stages[name]}, name)


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="operon-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.folder.chmod(0o755)
        cls.said = make(PREFIX, cls.folder / "first")
        cls.images = {name: Image(cls.folder / f"first/{name}.tar") for name in ("operon", "data-provider")}
        cls.roots = {}
        for name, image in cls.images.items():
            cls.roots[name] = cls.folder / f"{name}.root"
            image.unpack(cls.roots[name])

    def each(self):
        for name, image in self.images.items():
            with self.subTest(image=name):
                yield name, image

    def start(self, name, *command):
        return isolated(self.roots[name], dict(one.split("=", 1) for one in self.images[name].config["Env"]), *command)

    def output(self, name, *command):
        process = self.start(name, *command)
        text, _ = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, text)
        return text

    def test_they_are_small_and_say_so(self):
        for name, image in self.each():
            self.assertLess(len(image.layer), BYTES_MAX)
            self.assertIn(f"{name}.tar: {len(image.layer) / 1e6:.1f} MB uncompressed", self.said)

    def test_a_heavy_one_is_refused_with_what_weighs(self):
        heavy = self.folder / "heavy"
        shutil.copytree(PREFIX, heavy, symlinks=True)
        with open(heavy / "share/operon/scenarios/hello.yaml", "ab") as file:
            file.write(b"#" * BYTES_MAX)
        with self.assertRaisesRegex(AssertionError, r"more than 60,000,000; the heaviest:\n +\d.*hello\.yaml"):
            make(heavy, self.folder / "heavy-out")

    def test_the_same_programs_make_the_same_bytes(self):
        again = self.folder / "again"
        shutil.copytree(PREFIX, again, symlinks=True, copy_function=shutil.copyfile)  # other times and modes
        make(again, self.folder / "second", TZ="Asia/Tokyo", LC_ALL="C.UTF-8", PYTHONHASHSEED="7")
        for name, _ in self.each():
            for file in (f"{name}.tar", f"{name}.sbom.json"):
                first, second = (hashlib.sha256((self.folder / which / file).read_bytes()).hexdigest() for which in ("first", "second"))
                self.assertEqual(first, second, file)

    def test_times_are_the_sources(self):
        make(PREFIX, self.folder / "dated", SOURCE_DATE_EPOCH="1700000000")
        image = Image(self.folder / "dated/data-provider.tar")
        self.assertEqual({1700000000}, {member.mtime for member in image.files})
        self.assertEqual("2023-11-14T22:13:20Z", image.described["created"])

    def test_both_forms_lead_to_the_same_blobs(self):
        for name, image in self.each():
            for path, content in image.members.items():
                if path.startswith("blobs/sha256/"):
                    self.assertEqual(path.rpartition("/")[2], hashlib.sha256(content).hexdigest())
            references = set()
            for entry in json.loads(image.members["index.json"])["manifests"]:
                manifest = json.loads(image.members["blobs/sha256/" + entry["digest"].removeprefix("sha256:")])
                references.add(entry["annotations"]["io.containerd.image.name"])
                self.assertEqual(image.manifest["Config"], "blobs/sha256/" + manifest["config"]["digest"].removeprefix("sha256:"))
            version = image.config["Labels"]["org.opencontainers.image.version"]
            self.assertEqual({f"docker.io/operon/{name}:{tag}" for tag in ("dev", version)}, references)
            self.assertEqual(references, set(image.manifest["RepoTags"]))

    def test_a_user_without_rights(self):
        for name, image in self.each():
            self.assertEqual(f"{USER}:{USER}", image.config["User"])
            for member in image.files:
                self.assertFalse(member.mode & 0o6000, f"{member.name} is setuid or setgid")
                if not member.issym() and not (member.isdir() and member.mode & 0o1000):
                    self.assertFalse(member.mode & 0o002, f"{member.name} is writable for everybody")
            owned = [member.name for member in image.files if member.uid != 0]
            self.assertEqual(["var/lib/operon"] if name == "operon" else [], owned)

    def test_no_program_but_ours(self):
        for name, image in self.each():
            programs = {member.name for member in image.files if member.name.startswith(("usr/bin/", "usr/sbin/", "usr/libexec/"))}
            ours = ("operond", "operonctl", "operon-supervisor", "operon-scenario") if name == "operon" else ("operon-data-provider",)
            self.assertEqual({f"usr/bin/{one}" for one in ours}, programs)

    def test_every_file_is_in_the_list_of_materials(self):
        for name, image in self.each():
            text = image.contents["usr/share/operon/sbom.spdx.json"]
            self.assertEqual(text, (self.folder / f"first/{name}.sbom.json").read_bytes())
            materials = json.loads(text)
            packages = {package["SPDXID"]: package for package in materials["packages"]}
            origin = {one["relatedSpdxElement"]: packages[one["spdxElementId"]] for one in materials["relationships"] if one["relationshipType"] == "CONTAINS"}
            listed = {file["fileName"].removeprefix("./"): file for file in materials["files"]}
            self.assertEqual(set(listed) | {"usr/share/operon/sbom.spdx.json"}, set(image.contents))
            for path, content in image.contents.items():
                if path in listed:
                    digests = {one["algorithm"]: one["checksumValue"] for one in listed[path]["checksums"]}
                    self.assertEqual(hashlib.sha256(content).hexdigest(), digests["SHA256"], path)
                if content[:4] == b"\x7fELF" and "/operon" not in path:
                    package = origin[listed[path]["SPDXID"]]
                    self.assertTrue(package["versionInfo"] and package["externalRefs"], path)
                    self.assertNotEqual("NOASSERTION", package["licenseDeclared"], f"{path} of {package['name']}")
                    self.assertIn(f"usr/share/doc/{package['name']}/copyright", image.contents)

    def test_the_host_runs_with_nothing_else(self):
        self.assertRegex(self.output("operon", "/usr/bin/operond", "--version"), r"^operond \d+\.\d+\.\d+$")
        for words in ((), ("--config", "/usr/share/operon/cluster.yaml")):
            said = self.output("operon", "/usr/bin/operond", "--check-config", *words)
            self.assertIn("the configuration is good", said)
            self.assertNotIn("refused", said)

    def test_every_plugin_is_in_it(self):
        plugins = {path.name for path in (SOURCE / "plugins").iterdir() if (path / "manifest.yaml").exists()}
        there = {path.rpartition("/lib")[2].removesuffix(".so") for path in self.images["operon"].contents if path.endswith(".so") and "/plugins/" in path}
        self.assertEqual(plugins, there)

    def test_the_data_provider_runs_with_nothing_else(self):
        self.assertRegex(self.output("data-provider", "/usr/bin/operon-data-provider", "--version"), r"^\d+\.\d+\.\d+$")

    def test_a_scenario_runs_in_it(self):
        port, probes = free_port(), free_port()
        host = self.start("operon", "/usr/bin/operond", "--listen", f"127.0.0.1:{port}", "--probe-listen", f"127.0.0.1:{probes}",
                          "--grpc-server-address", "localhost:1")
        self.addCleanup(lambda: host.communicate(timeout=10))
        self.addCleanup(os.killpg, host.pid, signal.SIGKILL)

        def api(method, path, body=None, where=port):
            connection = http.client.HTTPConnection("127.0.0.1", where, timeout=20)
            with contextlib.closing(connection):
                connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                return answer.status, answer.read().decode()

        def serves():
            with contextlib.suppress(OSError):
                return api("GET", "/operon/v1/version")[0] == 200
        until("operond serves", serves)
        plugins = json.loads(api("GET", "/operon/v1/plugins")[1])
        self.assertEqual({"ready"}, {plugin["state"] for plugin in plugins["plugins"]}, plugins)
        target = json.loads(api("POST", "/targets")[1])["uuid"]
        until("the target request is completed", lambda: api("GET", f"/targets/{target}")[0] == 200)
        status, text = api("POST", "/scenarios/run", {"targetId": target, "clusterName": "localhost", "scenarioImage": "dir://hello", "scenarioName": "hello",
                                                      "environment": {"COUNT": "2", "INTERVAL": "0.1"}})
        self.assertEqual(201, status, text)
        job = json.loads(text)["jobId"]
        until("it has ended", lambda: json.loads(api("GET", f"/scenarios/run/{job}")[1])["status"] == "Succeeded")
        self.assertIn("world", api("GET", f"/scenarios/run/{job}/logs")[1])
        # The channel to the data provider is there, though nobody answers: gRPC was loaded.
        self.assertIn("operon_data_provider", api("GET", "/metrics", where=probes)[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
