"""An API server that has nodes and nothing else, played: for what a real one would need another machine for. Standard library only."""

import contextlib
import http.server
import json
import socketserver
import threading
import urllib.parse


class ApiServer:
    """`names`: of its nodes, which it lists in the pages that it is asked for. While `open` is not set, it takes requests and says nothing."""

    def __init__(self, names=("one", "two")):
        self.names, self.asked = names, 0
        self.open = threading.Event()
        self.open.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two packets

            def do_GET(self):
                outer.asked += 1
                outer.open.wait()
                body = json.dumps(outer.page(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # who asked does not wait any more
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, path):
        path, _, query = path.partition("?")
        asked = dict(urllib.parse.parse_qsl(query))
        first = int(asked.get("continue", 0))
        end = first + int(asked.get("limit", len(self.names)))
        names = self.names[first:end] if path == "/api/v1/nodes" else ()
        metadata = {"continue": str(end)} if names and end < len(self.names) else {}
        return {"kind": "List", "metadata": metadata, "items": [{"metadata": {"name": name}} for name in names]}

    def kubeconfig(self, **others):
        """With contexts of its own and of `others`: name -> address."""
        servers = {"c": self.url, "away": "http://127.0.0.1:1", **others}
        return {"apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {"token": "t"}}],
                "clusters": [{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
                "contexts": [{"name": name, "context": {"cluster": name, "user": "u"}} for name in servers]}

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()
