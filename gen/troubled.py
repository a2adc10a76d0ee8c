#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks data/troubled.tsv and makes src/analyze/gen/troubled.inc from it."""
import calendar
import re
import sys

import tables


def check_row(where, row):
    image, before, what, date, source = row
    if not re.fullmatch(r"[a-z0-9_.+-]+\.sys", image):
        raise tables.TableError(f"{where}: {image!r} is not a driver's name in lower case")
    if before != "-" and not re.fullmatch(r"\d{4}-\d\d-\d\d", before):
        raise tables.TableError(f"{where}: {before!r} is no date")
    if not re.fullmatch(r"\d{4}(-\d\d){0,2}", date):
        raise tables.TableError(f"{where}: {date!r} is no date")
    for text in (what, source):
        tables.check_text(where, text)
        if not text or text.endswith("."):
            raise tables.TableError(f"{where}: an empty column, or a full stop")


def seconds(date):
    """Since 1970, at midnight UTC; 0 for none."""
    if date == "-":
        return 0
    return calendar.timegm(tuple(int(x) for x in date.split("-")) + (0, 0, 0))


def build():
    rows = []
    for number, row in tables.read_tsv("troubled.tsv", 5):
        where = f"data/troubled.tsv:{number}"
        check_row(where, row)
        if rows and row[0] < rows[-1][0]:
            raise tables.TableError(f"{where}: not sorted")
        rows.append(row)
    pool = tables.Pool()
    out = ["", f"#define TROUBLED_ROWS {len(rows)}"]
    for column, name in ((0, "images"), (2, "whats"), (3, "dates"), (4, "sources")):
        out += tables.array("uint16_t", f"troubled_{name}", [pool.add(r[column]) for r in rows])
    out += tables.array("uint32_t", "troubled_befores", [seconds(r[1]) for r in rows])
    if pool.size > 0xFFFF:
        raise tables.TableError("data/troubled.tsv: the texts need more than 64 KiB")
    return tables.heading("troubled.py", ["troubled.tsv"]) + pool.emit("troubled_pool") + out


if __name__ == "__main__":
    sys.exit(tables.main("troubled.py", "src/analyze/gen/troubled.inc", build))
