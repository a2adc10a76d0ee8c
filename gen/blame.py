#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks data/blame.tsv and makes src/analyze/gen/blame.inc from it."""
import re
import sys

import tables

WORTHS = ("usual", "caller", "callee", "owner", "noticed", "handed", "sampled", "none")  # in the order of enum sc_worth


def condition(where, text):
    """The parameter and [(low, high)] of "1-4,6" or, of parameter 4, "4:20"; everything for "*"."""
    if text == "*":
        return 1, [(0, 0xFFFFFFFFFFFFFFFF)]
    out = []
    number, colon, rest = text.partition(":")
    if colon and number not in ("2", "3", "4"):
        raise tables.TableError(f"{where}: {number!r} is no parameter behind the first")
    text = rest if colon else text
    for piece in text.split(","):
        match = re.fullmatch(r"([0-9A-F]+)(?:-([0-9A-F]+))?", piece)
        if not match:
            raise tables.TableError(f"{where}: {piece!r} is no number or range")
        low = int(match.group(1), 16)
        high = int(match.group(2) or match.group(1), 16)
        if low > high:
            raise tables.TableError(f"{where}: {piece!r} is an empty range")
        out.append((low, high))
    return int(number) if colon else 1, out


def build():
    pool = tables.Pool()
    rows, last = [], -1
    for number, (code, first, worth, flags, why) in tables.read_tsv("blame.tsv", 5):
        where = f"data/blame.tsv:{number}"
        if not re.fullmatch(r"[0-9A-F]+", code) or int(code, 16) < last:
            raise tables.TableError(f"{where}: {code!r} is no code, or not sorted")
        last = int(code, 16)
        if worth not in WORTHS:
            raise tables.TableError(f"{where}: {worth!r} is none of {', '.join(WORTHS)}")
        if not re.fullmatch(r"-|[0-9A-F]+", flags):
            raise tables.TableError(f"{where}: {flags!r} are no flags")
        tables.check_text(where, why)
        if (why == "-") != (worth == "usual") or why.endswith("."):
            raise tables.TableError(f"{where}: a reason belongs to all but the usual, without a full stop")
        number, ranges = condition(where, first)
        for low, high in ranges:
            rows.append((last, number - 1, low, high, WORTHS.index(worth), 0 if flags == "-" else int(flags, 16),
                         pool.add("" if why == "-" else why)))
    out = ["", f"#define BLAME_ROWS {len(rows)}"]
    names = ("codes", "args", "lows", "highs", "worths", "flags", "whys")
    types = ("uint32_t", "uint8_t", "uint64_t", "uint64_t", "uint8_t", "uint16_t", "uint16_t")
    forms = ("0x{:x}", "{}", "0x{:x}", "0x{:x}", "{}", "0x{:x}", "{}")
    for column, name in enumerate(names):
        out += tables.array(types[column], f"blame_{name}", [r[column] for r in rows], forms[column])
    return tables.heading("blame.py", ["blame.tsv"]) + pool.emit("blame_pool") + out


if __name__ == "__main__":
    sys.exit(tables.main("blame.py", "src/analyze/gen/blame.inc", build))
