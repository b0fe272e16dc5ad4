"""What the benchmarks share: time, CPU and memory of a process from outside, and a table of results. Standard library only."""

import os
import pathlib
import re
import statistics
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid, key="Rss"):
    """Bytes from smaps_rollup: Rss, or Private (clean and dirty together)."""
    total = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(key):
            total += int(line.split()[1]) * 1024
    return total


def peak_memory(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def wrk(url, connections, seconds, pid):
    """One wrk run: requests per second, requests per CPU second of the server, p99 in milliseconds."""
    before, begin = cpu_seconds(pid), time.monotonic()
    out = subprocess.run(["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", url], capture_output=True, text=True, check=True).stdout
    spent, _ = cpu_seconds(pid) - before, time.monotonic() - begin
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out) or re.search(r"Socket errors: (.*)", out)
    unit = {"us": 1e-3, "ms": 1, "s": 1000}
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    return {"per_second": requests / seconds, "per_cpu_second": requests / max(spent, 0.01), "p99_ms": float(p99.group(1)) * unit[p99.group(2)],
            "errors": errors.group(0) if errors else ""}


def three(values, digits=2):
    """Minimum, median and maximum, as one text."""
    return " / ".join(f"{v:.{digits}f}" for v in (min(values), statistics.median(values), max(values)))


def median(values):
    return statistics.median(values)


class Table:
    """Rows of: what was done, ours, the peer, the ratio or figure that counts, the goal, whether it was met."""

    def __init__(self):
        self.rows = []

    def add(self, work, ours, peer, figure, goal, met):
        self.rows.append((work, ours, peer, figure, goal, "met" if met else "**missed**"))
        print(f"{work}: ours {ours}; peer {peer}; {figure}; goal {goal}: {'met' if met else 'MISSED'}", flush=True)

    def markdown(self):
        head = ("Work", "Ours (min / median / max)", "Peer (min / median / max)", "What counts", "Goal", "")
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in self.rows]) + "\n"
