#!/usr/bin/env python3
"""GET /health by core/http alone, a bare Poco HTTPServer and Go's net/http: requests per second of the server's own CPU time.

    tests/bench/http/health.py [--bin build/bin] [--seconds 3] [--rounds 5] [--connections 64 1000]

All servers run in every round, one after the other, because a machine is not the same from minute to minute.
"""
import argparse
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from measure import median, three, wrk  # noqa: E402


def servers(folder, binaries):
    yield "core/http, inline", [str(binaries / "bench_http_ours")], "/health"
    yield "core/http, by a worker", [str(binaries / "bench_http_ours")], "/worker"
    yield "bare Poco", [str(binaries / "bench_poco_peer")], "/health"
    if shutil.which("go"):
        program = str(folder / "net_http_peer")
        subprocess.run(["go", "build", "-o", program, str(HERE / "net_http_peer.go")], check=True, env={**os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0"})
        yield "net/http", [program], "/health"


def wait_until_up(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/bin"))
    p.add_argument("--seconds", type=int, default=3)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--connections", type=int, nargs="+", default=[64, 1000])
    a = p.parse_args()
    port = 18080
    with tempfile.TemporaryDirectory() as folder:
        peers = list(servers(pathlib.Path(folder), a.bin))
        print(f"{'connections':>11}  {'server':<24} {'requests per CPU second (min / median / max)':<46} {'per second':>10} {'p99 ms':>7}")
        for connections in a.connections:
            runs = {name: [] for name, _, _ in peers}
            for _ in range(a.rounds):
                for name, command, path in peers:
                    port += 1
                    process = subprocess.Popen([*command, str(port)])
                    try:
                        wait_until_up(port)
                        runs[name].append(wrk(f"http://127.0.0.1:{port}{path}", connections, a.seconds, process.pid))
                    finally:
                        process.terminate()
                        process.wait()
            for name, got in runs.items():
                if any(r["errors"] for r in got):
                    sys.exit(f"{name}: {got}")
                print(f"{connections:>11}  {name:<24} {three([r['per_cpu_second'] for r in got], 0):<46} {median([r['per_second'] for r in got]):>10.0f} "
                      f"{median([r['p99_ms'] for r in got]):>7.2f}")


if __name__ == "__main__":
    main()
