"""What the benchmarks share: time, CPU and memory of a process from outside, and a table of results. Standard library only."""

import argparse
import os
import pathlib
import platform
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

    def write(self, page, name, whole, how):
        """Into the page's table of that name, measured by the command `how`. Not `whole`: the rows that were not measured stay as they are."""
        text = page.read_text()
        begin, end = f"<!-- {name} begins -->\n", f"<!-- {name} ends -->"
        head, rest = text.split(begin)
        old, tail = rest.split(end)
        if not whole:
            self.keep(old)
        machine = f"{os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, {time.strftime('%Y-%m-%d')}, load average {os.getloadavg()[1]:.1f}, by `{how}`\n\n"
        page.write_text(head + begin + machine + self.markdown() + end + tail)

    def keep(self, markdown):
        """Takes in the rows of an older table, in their order, where there is none of the same work here."""
        fresh = {row[0]: row for row in self.rows}
        old = [tuple(cell.strip() for cell in line.strip("| \n").split(" | ")) for line in markdown.splitlines() if line.startswith("| ")][1:]
        merged = [fresh.pop(row[0], row) for row in old]
        self.rows = merged + list(fresh.values())


def called(o):
    return "tests/bench/run --quick" if o.quick else "make bench"


def options():
    """Of run.py and cluster.py alike."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="short runs")
    parser.add_argument("--only", default="", metavar="WORD", help="rows whose function name has WORD")
    parser.add_argument("--write", action="store_true", help="also into docs/performance.md")
    return parser
