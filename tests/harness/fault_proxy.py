#!/usr/bin/env python3
"""fault_proxy --upstream URL [--ca FILE] [--keep-alive]: stands between a client and an API server and does to answers what a real server only does on its worst days.

Listens on a free port of 127.0.0.1, without TLS, and prints it. Everything is passed on (Authorization included), one request a connection; with --keep-alive
a connection stays after an answer of known length that no rule met. What goes wrong is told to it while it runs, as JSON posted to /_faults, a list of rules that replaces the one before and
cuts off every answer that is under way:

    {"match": "GET /api/v1/.*watch=true",   searched in "METHOD path?query"
     "do": "answer" | "reset" | "delay" | "cut" | "stall" | "lose",
     "times": 1,                            how often; absent = always
     "skip": 0,                             how many matching requests go through before
     "status": 429, "headers": {}, "body": "",   of answer
     "ms": 100,                             of delay
     "bytes": 100}                          of the body, before cut closes the connection or stall goes silent

`reset` closes without an answer and without asking upstream; `lose` asks upstream, whose answer is thrown away. GET /_faults tells how many requests
matched each rule and how many came in all.
"""
import argparse
import http.client
import json
import re
import socket
import ssl
import struct
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "upgrade", "te", "trailer", "proxy-connection", "content-length"}


class Rules:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []
        self.requests = 0
        self.open = set()  # connections that an answer is being passed on to

    def replace(self, rules):
        with self.lock:
            for connection in self.open:
                connection.shutdown(socket.SHUT_RDWR)
            self.open.clear()
            self.rules = [dict(rule, matched=0, done=0) for rule in rules]
            self.requests = 0

    def told(self):
        with self.lock:
            return {"requests": self.requests, "rules": [dict(rule) for rule in self.rules]}

    def take(self, line):
        """The first rule that is due for this request, or None."""
        with self.lock:
            self.requests += 1
            for rule in self.rules:
                if not re.search(rule["match"], line):
                    continue
                rule["matched"] += 1
                if rule["matched"] > rule.get("skip", 0) and rule["done"] < rule.get("times", 1 << 60):
                    rule["done"] += 1
                    return rule
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def own(self):
        self.close_connection = True
        text = b""
        if self.command == "POST":
            self.server.rules.replace(json.loads(self.body()))
        else:
            text = json.dumps(self.server.rules.told()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def upstream(self, body):
        target = self.server.target
        made = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        extra = {"context": self.server.tls} if target.scheme == "https" else {}
        connection = made(target.hostname, target.port, timeout=None, **extra)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP | {"host"}}
        connection.request(self.command, self.path, body=body or None, headers=headers)
        return connection, connection.getresponse()

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def answer(self, rule):
        text = rule.get("body", "").encode()
        self.send_response(rule.get("status", 500))
        for name, value in rule.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)

    def pass_on(self, response, rule):
        if self.server.keep_alive and rule is None and response.length is not None:
            return self.pass_on_whole(response)
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        with self.server.rules.lock:
            self.server.rules.open.add(self.connection)
        left = rule["bytes"] if rule and rule["do"] in ("cut", "stall") else None
        while piece := response.read1(65536):
            if left is not None and len(piece) >= left:
                self.wfile.write(piece[:left])
                self.wfile.flush()
                if rule["do"] == "cut":
                    self.reset()
                else:
                    self.rfile.read(1)  # until the client has had enough of it
                return
            left = left - len(piece) if left is not None else None
            self.wfile.write(piece)
            self.wfile.flush()

    def pass_on_whole(self, response):
        self.close_connection = False
        text = response.read()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def handle_one(self):
        if self.path == "/_faults":
            return self.own()
        self.close_connection = True
        body = self.body()
        rule = self.server.rules.take(f"{self.command} {self.path}")
        if rule and rule["do"] == "answer":
            return self.answer(rule)
        if rule and rule["do"] == "reset":
            return self.reset()
        if rule and rule["do"] == "delay":
            threading.Event().wait(rule["ms"] / 1000)
        connection, response = self.upstream(body)
        try:
            if rule and rule["do"] == "lose":
                response.read()
                return self.reset()
            self.pass_on(response, rule)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with self.server.rules.lock:
                self.server.rules.open.discard(self.connection)
            connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--ca")
    parser.add_argument("--keep-alive", action="store_true")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.rules = Rules()
    server.keep_alive = options.keep_alive
    server.target = urllib.parse.urlsplit(options.upstream)
    server.tls = ssl.create_default_context(cafile=options.ca)
    print(server.server_address[1], flush=True)
    # Ends with whoever started it: standard input is closed then.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
