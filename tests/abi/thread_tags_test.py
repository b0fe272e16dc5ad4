#!/usr/bin/env python3
"""The lint can fail: it names exactly the functions of fixtures/untagged.h that have no tag, and the tag that does not exist."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
RUN = subprocess.run([sys.executable, HERE / "thread_tags.py", HERE / "fixtures" / "untagged.h"], capture_output=True, text=True)
TAGS = "[any-thread], [instance], [no-block], [serial]"
EXPECTED = [
    f"untagged.h:11: [anythread] is no thread tag; there are {TAGS}",
    f"untagged.h:6: `untagged` has no thread tag: say in its comment which of {TAGS} hold",
    f"untagged.h:12: `mistyped` has no thread tag: say in its comment which of {TAGS} hold",
    f"untagged.h:14: `behind_a_tagged_one` has no thread tag: say in its comment which of {TAGS} hold",
]
seen = [line.rsplit("/", 1)[-1] for line in RUN.stdout.splitlines()]
if RUN.returncode != 1 or seen != EXPECTED:
    sys.exit("expected exit code 1 and\n  " + "\n  ".join(EXPECTED) + f"\ngot {RUN.returncode} and\n  " + "\n  ".join(seen) + RUN.stderr)
