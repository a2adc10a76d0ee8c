#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual in the repository is the one that the program's own tables make."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

with tap.case("docs/manual/commands.md is fresh (make doc)"):
    status, made, _ = tap.run("--manual")
    tap.equal(status, 0, "status")
    with open(os.path.join(tap.ROOT, "docs", "manual", "commands.md"), encoding="utf-8") as f:
        stored = f.read()
    if made != stored:
        old, new = stored.splitlines(), made.splitlines()
        differ = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
        raise AssertionError(f"it differs from line {differ + 1} on: {new[differ:differ + 1]} is made now")

with tap.case("help lists the commands that the manual has"):
    status, text, _ = tap.run("-c", "help")
    listed = re.findall(r"^  (\S+) ", text, re.M)
    _, manual, _ = tap.run("--manual")
    described = re.findall(r"^### `(.*)`$", manual, re.M)
    tap.equal(sorted(listed), sorted(described), "names")

tap.done()
