"""A data provider under test, a client of it, and the kubeconfigs and clusters that the tests need."""

import base64
import contextlib
import http.server
import os
import pathlib
import shlex
import signal
import socketserver
import subprocess
import tempfile
import threading
import time

import grpc
import kubernetes
import yaml

import dataprovider_pb2 as pb
import dataprovider_pb2_grpc as rpc
from operon_harness import PATIENCE, free_port, until

PROGRAM = shlex.split(os.environ["DATA_PROVIDER"])
IMPLEMENTATION = os.environ.get("DATA_PROVIDER_KIND", "cpp")
SECRET = "s3cr3t-t0k3n-of-nobody"
STREAMS_MAX = 64  # streams_max: Watch of the health service


class Provider:
    """One running program and a channel to it."""

    def __init__(self, *arguments, listen=None, env=None):
        self.folder = tempfile.TemporaryDirectory(prefix="data-provider-")
        self.address = listen or f"127.0.0.1:{free_port()}"
        # What a test changes is to be seen at once, unless it says otherwise.
        self.arguments, self.env = arguments, {"OPERON_DATA_PROVIDER_NODES_MAX_AGE_MS": "0", **(env or {})}
        self.log_path = pathlib.Path(self.folder.name) / "log"

    def __enter__(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*PROGRAM, "--listen", self.address, *self.arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **self.env})
        self.channel = grpc.insecure_channel(self.address)
        try:
            grpc.channel_ready_future(self.channel).result(timeout=30)
        except grpc.FutureTimeoutError:
            self.process.kill()
            raise AssertionError(f"{PROGRAM} does not listen:\n{self.log}") from None
        self.stub = rpc.DataProviderServiceStub(self.channel)
        return self

    def __exit__(self, *_):
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.folder.cleanup()

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def nodes(self, kubeconfig, timeout=20, **more):
        return list(self.stub.GetNodes(pb.GetNodesRequest(kubeconfig_base64=packed(kubeconfig)), timeout=timeout, **more).nodes)


def packed(kubeconfig):
    return base64.b64encode(kubeconfig.encode() if isinstance(kubeconfig, str) else yaml.safe_dump(kubeconfig).encode()).decode()


def code_of(call):
    """The status a call ends with, and its words."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def kubeconfig_of(server, user=None, **cluster):
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": {"token": SECRET} if user is None else user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }


class Cluster:
    """The API server of $KUBECONFIG, as administrator."""

    def __init__(self):
        self.path = pathlib.Path(os.environ["KUBECONFIG"].split(":")[0])
        root = yaml.safe_load(self.path.read_text())
        context = self.named(root["contexts"], root["current-context"])["context"]
        self.cluster = self.written_in(self.named(root["clusters"], context["cluster"])["cluster"])
        self.user = self.written_in(self.named(root["users"], context["user"])["user"])
        self.core = kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config(str(self.path)))

    @staticmethod
    def named(entries, name):
        return next(entry for entry in entries if entry["name"] == name)

    def written_in(self, part):
        """The same without file names."""
        out = dict(part)
        for key in ("certificate-authority", "client-certificate", "client-key"):
            if key in out:
                out[key + "-data"] = base64.b64encode((self.path.parent / out.pop(key)).read_bytes()).decode()
        return out

    def kubeconfig(self, user=None, **changes):
        config = kubeconfig_of("", self.user if user is None else user)
        config["clusters"][0]["cluster"] = {**self.cluster, **changes}
        return config

    @contextlib.contextmanager
    def namespace(self, name, labels=None):
        self.core.create_namespace({"metadata": {"name": name, "labels": labels or {}}})
        try:
            yield name
        finally:
            self.core.delete_namespace(name)


class FakeServer:
    """What an API server would never do: answers `answer(handler)` says."""

    def __init__(self, answer):
        outer = self
        self.requests, self.connections = 0, 0
        counting = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with counting:
                    outer.connections += 1

            def finish(self):
                with counting:
                    outer.connections -= 1
                with contextlib.suppress(OSError):
                    super().finish()

            def do_GET(self):
                outer.requests += 1
                with contextlib.suppress(OSError):
                    answer(self)

            def reply(self, body, status=200, content_type="application/json"):
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        self.kubeconfig = kubeconfig_of(f"http://127.0.0.1:{self.server.server_address[1]}")
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


__all__ = ["Cluster", "FakeServer", "IMPLEMENTATION", "PATIENCE", "Provider", "SECRET", "STREAMS_MAX", "code_of", "free_port", "kubeconfig_of", "packed", "pb", "rpc", "time", "until"]
