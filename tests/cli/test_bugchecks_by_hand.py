#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/design/bugchecks-by-hand.md: each code in it is explained as it says, and nothing is left raw that has words."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

TABLE = os.path.join(tap.ROOT, "docs", "design", "bugchecks-by-hand.md")
CODE = os.path.join(tap.ROOT, "src", "analyze", "explain.c")
# Kinds whose numbers always have words; small counts are told by their number.
WORDS = {"irql", "ntstatus", "pooltag", "bugcheckcode", "cpu", "subcode", "flags", "pfn"}
PLAIN = {"value", "count"}


def rows():
    with open(TABLE, encoding="utf-8") as f:
        for line in f:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 6 and re.fullmatch("[0-9A-F]+", cells[0]):
                yield cells


def arguments(code, parameters):
    """What !analyze -show says of the four parameters."""
    out = subprocess.run([tap.program(), "--json", "-c", f"!analyze -show {code} {parameters}; q"], check=True,
                         capture_output=True, encoding="utf-8", timeout=60).stdout
    records = [r for line in out.splitlines() for r in json.loads(line).get("records", [])]
    return records[0]["name"], [r for r in records if r["type"] == "bugcheck_argument"]


def check(name, parameters, explained, left):
    code = name[0]
    shown, args = arguments(code, parameters)
    assert shown == name[1], f"{code} is {shown}"
    assert len(args) == 4, args
    for entry in [] if explained == "-" else explained.split("; "):
        number, words = entry.split(" ", 1) if entry[0] in "1234" and entry[1] == " " else (number, entry)
        meaning = args[int(number) - 1]["meaning"] or ""
        assert words in meaning, f"parameter {number}: {words!r} is not in {meaning!r}"
    numbers = set() if left == "-" else {int(n) for n in left.split()}
    for n, arg in enumerate(args, 1):
        value = int(arg["value"], 16)
        if not value:
            continue
        assert arg["text"] or arg["kind"] == "none", f"parameter {n} is not named"
        raw = not arg["meaning"]
        small = arg["kind"] == "count" and value < 10
        assert not (raw and arg["kind"] in WORDS), f"parameter {n}, {arg['kind']}: no word for {arg['value']}"
        assert not (raw and arg["kind"] in PLAIN and not small and n not in numbers), f"parameter {n} is left raw"
        assert raw or n not in numbers, f"parameter {n} is explained now: {arg['meaning']}"


ROWS = list(rows())
for CELLS in ROWS:
    with tap.case(f"{CELLS[0]} {CELLS[2]}"):
        check(CELLS[:2], CELLS[2], CELLS[3], CELLS[4])

with tap.case("at least 70 codes, and all that have a function of their own"):
    codes = {int(cells[0], 16) for cells in ROWS}
    assert len(codes) >= 70, len(codes)
    with open(CODE, encoding="utf-8") as f:
        own = {int(code, 16) for code in re.findall(r"\{0x([0-9a-f]+),\s*sc_explain", f.read())}
    assert len(own) > 15 and own <= codes, [hex(code) for code in own - codes]

tap.done()
