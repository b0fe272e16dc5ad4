#!/usr/bin/env python3
"""make bench, the part on a cluster: operond beside programs on controller-runtime, on one API server; writes the second table of docs/performance.md.

    cluster.py [--quick] [--only WORD] [--write]     as run.py

$KUBECONFIG is the cluster, if it is set; otherwise tests/cluster brings one up: an API server, and for the rows with pods a node, too (root).
"""

import os
import subprocess
import sys

import kube_host_rows
import kube_library_rows
import kube_log_rows
import kube_node_rows
import kube_start_rows
from kube_programs import SOURCE
from measure import Table, called, options

GROUPS = {"control": kube_library_rows.ROWS + kube_host_rows.ROWS + kube_start_rows.ROWS + kube_node_rows.ROWS, "pods": kube_log_rows.ROWS}


def chosen(group, o):
    return [row for row in GROUPS[group] if o.only in row.__name__]


def measure(group, o):
    table = Table()
    for row in chosen(group, o):
        row(table, o)
    print("\n" + table.markdown())
    if o.write:
        table.write(SOURCE / "docs" / "performance.md", "cluster table", False, called(o))


def main():
    parser = options()
    parser.add_argument("--group", choices=GROUPS, help="those rows alone, on $KUBECONFIG's cluster")
    o = parser.parse_args()
    o.rounds, o.seconds = (3, 1) if o.quick else (5, 3)
    if o.group:
        measure(o.group, o)
        return 0
    failed = 0
    for group in GROUPS:
        if not chosen(group, o):
            continue
        if group == "pods" and os.geteuid() != 0 and "KUBECONFIG" not in os.environ:
            print("rows with pods left out: a node needs root; or set KUBECONFIG to a cluster")
            continue
        pods = ["--pods"] if group == "pods" else []
        command = [str(SOURCE / "tests/cluster/cluster"), "run", *pods, sys.executable, "-B", __file__, "--group", group, *sys.argv[1:]]
        failed |= subprocess.run(command).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
