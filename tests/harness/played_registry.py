"""An image registry that answers as a test tells it: what a well-behaved one does not do. Paths that nobody told it of are 404."""

import hashlib
import http.server
import json
import ssl
import subprocess
import tempfile
import threading

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


class PlayedRegistry:
    """`answers`: path without query -> (status, headers, body), or a function of the path that returns that. `tls`: https with a certificate of its own."""

    def __init__(self, repository="krkn-chaos/krkn-hub", tls=False):
        self.repository, self.tls = repository, tls
        self.answers, self.seen, self.tags = {}, [], []  # seen: (path, Authorization)
        self.bodies = []  # of those that were posted
        self.lock, self.inside, self.at_once = threading.Lock(), 0, 0
        self.slow = 0  # seconds that each answer takes
        self.away = False  # connections are closed without an answer
        self.gate = threading.Event()
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two packets

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with registry.lock:
                    if self.command == "POST":
                        registry.bodies.append(body)
                    registry.seen.append((self.path, self.headers.get("Authorization")))
                    registry.inside += 1
                    registry.at_once = max(registry.at_once, registry.inside)
                try:
                    if registry.slow:
                        registry.gate.wait(registry.slow)
                    if registry.away:
                        self.close_connection = True
                        return
                    self.reply(*registry.answer_to(self.path))
                finally:
                    with registry.lock:
                        registry.inside -= 1

            def reply(self, status, headers, body):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
                if headers.get("Content-Length", str(len(body))) != str(len(body)):
                    registry.gate.wait(60)  # as if there were more to come
                    self.close_connection = True

            do_HEAD = do_POST = do_GET

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # whoever asked may go at any time
        self.name = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        if self.tls:
            with tempfile.TemporaryDirectory() as folder:
                files = [f"{folder}/cert.pem", f"{folder}/key.pem"]
                subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-out", files[0], "-keyout", files[1],
                                "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*files)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()

    def answer_to(self, path):
        bare = path.split("?")[0]
        if bare == self.tags_path and bare not in self.answers:
            return 200, {}, json.dumps({"tags": self.tags}).encode()
        answer = self.answers.get(bare, (404, {}, b"{}"))
        return answer(path) if callable(answer) else answer

    @property
    def tags_path(self):
        return f"/v2/{self.repository}/tags/list"

    def manifest_path(self, reference):
        return f"/v2/{self.repository}/manifests/{reference}"

    def blob_path(self, name):
        return f"/v2/{self.repository}/blobs/{name}"

    def put(self, tag, labels, algorithm="sha256"):
        """An image with these labels. Returns the digest of its manifest and the path of its configuration."""
        config = json.dumps({"created": "2026-01-02T03:04:05Z", "config": {"Labels": labels}}).encode()
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": digest(config, algorithm), "size": len(config)}, "layers": []}).encode()
        name, blob = digest(manifest, algorithm), self.blob_path(digest(config, algorithm))
        self.answers[blob] = (200, {}, config)
        for reference in (tag, name):
            self.answers[self.manifest_path(reference)] = (200, {"Content-Type": MANIFEST, "Docker-Content-Digest": name}, manifest)
        self.tags.append(tag)
        return name, blob
