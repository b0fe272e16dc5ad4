"""A real image registry on loopback (Debian's docker-registry), and scenario images to push into it with skopeo."""

import base64
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import shutil
import socket
import subprocess
import tarfile
import tempfile
import threading
import time
import urllib.parse
import uuid
from pathlib import Path

from operon_harness import until

FIELDS = [{"name": "duration", "short_description": "Duration", "type": "number", "variable": "DURATION", "default": "60"},
          {"name": "namespace", "type": "string", "variable": "NAMESPACE", "required": "true", "validator": "^[a-z-]+$", "validation_message": "lower case only"},
          {"name": "password", "type": "string", "variable": "PASSWORD", "secret": "true"}]
GLOBALS = [{"name": "telemetry", "type": "Group", "variable": None}, {"name": "wait", "type": "number", "variable": "WAIT_DURATION", "default": "1"}]


def labels(title, **more):
    return {"krknctl.title": title, "krknctl.description": f"what {title} does", "krknctl.input_fields": json.dumps(FIELDS),
            "krknctl.title.global": "Krkn Base", "krknctl.description.global": "the base", "krknctl.input_fields.global": json.dumps(GLOBALS), **more}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """An OCI image layout of one image, or of one for each of several architectures. `root`: a folder of files; `config`: more of the container's configuration."""

    def __init__(self, folder, image_labels, architectures=("amd64",), history=(), root=None, config=None):
        self.root, self.config = root, config or {}
        self.folder = Path(folder)
        (self.folder / "blobs/sha256").mkdir(parents=True)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        made = [self.image(image_labels, arch, history) for arch in architectures]
        if len(made) == 1:
            top = made[0]
        else:
            top = self.blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": made}).encode(),
                            "application/vnd.oci.image.index.v1+json")
        top["annotations"] = {"org.opencontainers.image.ref.name": "image"}
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))

    def blob(self, data, media_type, **more):
        name = digest(data)
        (self.folder / "blobs/sha256" / name.removeprefix("sha256:")).write_bytes(data)
        return {"mediaType": media_type, "digest": name, "size": len(data), **more}

    def image(self, image_labels, architecture, history):
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as tar:
            if self.root:
                tar.add(self.root, arcname=".")
            else:
                info = tarfile.TarInfo("scenario")
                info.size = len(architecture)
                tar.addfile(info, io.BytesIO(architecture.encode()))
        layer = self.blob(gzip.compress(raw.getvalue(), mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
        config = {"architecture": architecture, "os": "linux", "created": "2026-01-02T03:04:05Z", "config": {**self.config, **({"Labels": image_labels} if image_labels else {})},
                  "rootfs": {"type": "layers", "diff_ids": [digest(raw.getvalue())]},
                  "history": [*({"created_by": line, "empty_layer": True} for line in history), {"created_by": "COPY scenario"}]}
        about = self.blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": about, "layers": [layer]}
        return self.blob(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json", platform={"architecture": architecture, "os": "linux"})


class ImageRegistry:
    """`users`: name -> password, else anonymous. `token`: a dictionary realm, service, issuer, rootcertbundle, as docker-registry wants it."""

    def __init__(self, users=None, token=None, tls=None):
        self.folder = Path(tempfile.mkdtemp(prefix="operon-registry-"))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        self.users, self.token, self.tls = users, token, tls
        self.process = None

    def __enter__(self):
        config = {"version": 0.1, "log": {"level": "info", "accesslog": {"disabled": False}},
                  "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}, "delete": {"enabled": True}},
                  "http": {"addr": self.name, **({"tls": self.tls} if self.tls else {})}, "compatibility": {"schema1": {"enabled": True}}}
        if self.users:
            lines = [subprocess.run(["htpasswd", "-niB", user], input=password, text=True, capture_output=True, check=True).stdout.strip()
                     for user, password in self.users.items()]
            (self.folder / "htpasswd").write_text("\n".join(lines) + "\n")
            config["auth"] = {"htpasswd": {"realm": "scenarios", "path": str(self.folder / "htpasswd")}}
        if self.token:
            config["auth"] = {"token": self.token}
        (self.folder / "config.yml").write_text(json.dumps(config))
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(["docker-registry", "serve", self.folder / "config.yml"], stdout=self.log, stderr=self.log)
        until("the registry answers", self.answers)
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def requests(self):
        """Lines of the access log: (method, path, status)."""
        found = []
        for line in (self.folder / "log").read_text().splitlines():
            parts = line.split('"')
            if len(parts) > 2 and " HTTP/" in parts[1]:
                method, path, _ = parts[1].split(" ")
                found.append((method, path, int(parts[2].split()[0])))
        return found

    def push(self, repository, tag, image_labels, architectures=("amd64",), format=None, history=(), login=None, root=None, config=None):
        """`format`: oci, v2s2 or v2s1, as skopeo names them. Returns the manifest's digest."""
        with tempfile.TemporaryDirectory() as folder:
            Layout(Path(folder, "image"), image_labels, architectures, history, root, config)
            words = ["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", "--digestfile", f"{folder}/digest"]
            if len(architectures) > 1:
                words.append("--all")
            if format:
                words += ["--format", format]
            if login:
                words += ["--dest-creds", ":".join(login)]
            done = subprocess.run([*words, f"oci:{folder}/image:image", f"docker://{self.name}/{repository}:{tag}"], capture_output=True, text=True, timeout=60)
            if done.returncode:
                raise AssertionError(done.stderr)
            return Path(folder, "digest").read_text().strip()


class TokenServer:
    """The Bearer dance's other half: signs tokens (ES256) for docker-registry. Anonymous callers may pull from `public` repositories. `identities`: identity token -> user."""

    def __init__(self, users, public=(), identities=None):
        self.users, self.public, self.identities = users, public, identities or {}
        self.folder = Path(tempfile.mkdtemp(prefix="operon-realm-"))
        self.asked = []  # (user or None, scope)
        self.lasts = 300

    def __enter__(self):
        run = {"cwd": self.folder, "check": True, "capture_output": True}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
                        "-days", "2", "-subj", "/CN=realm"], **run)
        certificate = subprocess.run(["openssl", "x509", "-in", "cert.pem", "-outform", "DER"], **run).stdout
        self.chain = base64.b64encode(certificate).decode()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def do_POST(self):
                server.exchange(self)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def settings(self):
        return {"realm": f"http://127.0.0.1:{self.server.server_port}/token", "service": "scenarios", "issuer": "realm", "rootcertbundle": str(self.folder / "cert.pem")}

    def answer(self, handler):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)
        scope = query.get("scope", [""])[0]
        user = None
        given = handler.headers.get("Authorization", "")
        if given.startswith("Basic "):
            user, _, password = base64.b64decode(given[6:]).decode().partition(":")
            if self.users.get(user) != password:
                self.asked.append((user, scope))
                return self.reply(handler, 401, {"details": "incorrect username or password"})
        self.grant(handler, user, scope, "token")

    def exchange(self, handler):
        """OAuth2's refresh_token grant, as the distribution specification has it."""
        form = {key: values[0] for key, values in urllib.parse.parse_qs(handler.rfile.read(int(handler.headers["Content-Length"])).decode()).items()}
        user = self.identities.get(form.get("refresh_token"))
        right = handler.headers["Content-Type"] == "application/x-www-form-urlencoded" and form.get("grant_type") == "refresh_token" and form.get("client_id") and form.get("service") == "scenarios"
        if not right or user is None or handler.headers.get("Authorization"):
            self.asked.append((user, form.get("scope")))
            return self.reply(handler, 400 if not right else 401, {"error": "invalid_request" if not right else "invalid_grant"})
        self.grant(handler, user, form.get("scope", ""), "access_token")

    def grant(self, handler, user, scope, member):
        self.asked.append((user, scope))
        _, repository, actions = scope.split(":") if scope else ("", "", "")
        allowed = actions.split(",") if user else ["pull"] if repository in self.public else []
        access = [{"type": "repository", "name": repository, "actions": allowed}] if allowed else []
        self.reply(handler, 200, {member: self.token(user or "", access), "expires_in": self.lasts})

    def reply(self, handler, status, body):
        data = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def token(self, subject, access):
        def packed(thing):
            return base64.urlsafe_b64encode(thing if isinstance(thing, bytes) else json.dumps(thing).encode()).rstrip(b"=").decode()
        now = int(time.time())
        text = packed({"typ": "JWT", "alg": "ES256", "x5c": [self.chain]}) + "." + packed(
            {"iss": "realm", "sub": subject, "aud": "scenarios", "exp": now + self.lasts, "nbf": now - 10, "iat": now, "jti": uuid.uuid4().hex, "access": access})
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.folder / "key.pem"], input=text.encode(), capture_output=True, check=True).stdout
        return text + "." + packed(raw_signature(der))


def raw_signature(der):
    """r and s of an ECDSA signature, 32 bytes each."""
    numbers, at = [], 2
    for _ in range(2):
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2:at + 2 + length], "big").to_bytes(32, "big"))
        at += 2 + length
    return b"".join(numbers)
