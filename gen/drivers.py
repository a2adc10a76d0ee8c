#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks data/drivers.tsv and makes src/nt/gen/drivers.inc from it."""
import re
import sys

import tables

KINDS = ("kernel", "framework", "inbox", "vendor")  # in the order of enum nt_driver_kind


def check_row(where, row):
    image, kind, role, vendor, what = row
    if not re.fullmatch(r"[a-z0-9_.+-]+\.(sys|dll|exe)", image):
        raise tables.TableError(f"{where}: {image!r} is not an image's name in lower case")
    if kind not in KINDS:
        raise tables.TableError(f"{where}: kind {kind!r} is none of {', '.join(KINDS)}")
    for text in (role, vendor, what):
        tables.check_text(where, text)
        if not text:
            raise tables.TableError(f"{where}: an empty column")
    if re.match(r"(the|a|an) ", what, re.I):
        raise tables.TableError(f"{where}: {what!r} begins with an article")


def build():
    rows = []
    for number, row in tables.read_tsv("drivers.tsv", 5):
        where = f"data/drivers.tsv:{number}"
        check_row(where, row)
        if rows and row[0] <= rows[-1][0]:
            raise tables.TableError(f"{where}: not sorted, or the same image twice")
        rows.append(row)
    pool = tables.Pool()
    out = ["", f"#define DRIVER_ROWS {len(rows)}"]
    out += tables.array("uint8_t", "driver_kinds", [KINDS.index(r[1]) for r in rows])
    for column, name in ((0, "images"), (2, "roles"), (3, "vendors"), (4, "whats")):
        out += tables.array("uint16_t", f"driver_{name}", [pool.add(r[column]) for r in rows])
    if pool.size > 0xFFFF:
        raise tables.TableError("data/drivers.tsv: the texts need more than 64 KiB")
    return tables.heading("drivers.py", ["drivers.tsv"]) + pool.emit("driver_pool") + out


if __name__ == "__main__":
    sys.exit(tables.main("drivers.py", "src/nt/gen/drivers.inc", build))
