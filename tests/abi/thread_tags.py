#!/usr/bin/env python3
"""Refuses an ABI header with a function that does not say on which thread it may be called.

Every function pointer and every exported function carries at least one of the tags of operon/types.h, in the comment right before it or
on its own line. A plugin author who has to guess guesses wrong, and the host cannot enforce what was never said. A tag that does not
exist (a typing mistake) is refused too.

usage: thread_tags.py DIRECTORY|HEADER...
"""
import pathlib
import re
import sys

TAGS = {"[serial]", "[instance]", "[any-thread]", "[no-block]"}
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
POINTER = re.compile(r"\(\s*\*\s*(\w+)\s*\)\s*\(")
EXPORTED = re.compile(r"^OPERON_EXPORT\b[^;{]*?(\w+)\s*\(", re.M)
TAG = re.compile(r"\[[a-z][a-z-]*\]")


def blank_comments(text):
    """The same text with spaces for comments: offsets stay."""
    return COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def statement(code, offset):
    """Begin and end of the declaration around `offset`."""
    begin = max(code.rfind(c, 0, offset) for c in ";{}") + 1
    end = code.find(";", offset)
    return begin, (len(code) if end < 0 else end)


def complaints(path):
    text = path.read_text()
    code = blank_comments(text)
    for tag in TAG.finditer(text):
        if tag.group() not in TAGS:
            line = text.count("\n", 0, tag.start()) + 1
            yield f"{path}:{line}: {tag.group()} is no thread tag; there are {', '.join(sorted(TAGS))}"
    for found in list(POINTER.finditer(code)) + list(EXPORTED.finditer(code)):
        begin, end = statement(code, found.start())
        line_end = text.find("\n", end)
        # The previous declaration's trailing comment is not ours.
        first_line_end = text.find("\n", begin)
        own = text[first_line_end if 0 <= first_line_end < found.start() else begin:line_end if line_end >= 0 else len(text)]
        if not any(tag in own for tag in TAGS):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{path}:{line}: `{found.group(1)}` has no thread tag: say in its comment which of {', '.join(sorted(TAGS))} hold"


def main(arguments):
    headers = []
    for argument in map(pathlib.Path, arguments):
        headers += sorted(argument.rglob("*.h")) if argument.is_dir() else [argument]
    if not headers:
        print("thread_tags: no header to look at", file=sys.stderr)
        return 2
    found = [complaint for header in headers for complaint in complaints(header)]
    print("\n".join(found) or f"{len(headers)} headers: every function says on which thread it may be called")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
