#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks data/altitudes.tsv and data/altitude-groups.tsv and makes src/nt/gen/altitudes.inc from them."""
import re
import sys
from decimal import Decimal

import tables


def read_groups():
    """[(lowest, highest, name)], checked: sorted, no overlap."""
    groups = []
    for number, (low, high, name) in tables.read_tsv("altitude-groups.tsv", 3):
        where = f"data/altitude-groups.tsv:{number}"
        if not (re.fullmatch(r"[1-9]\d{1,6}", low) and re.fullmatch(r"[1-9]\d{1,6}", high)):
            raise tables.TableError(f"{where}: a bound is not a whole number")
        group = (int(low), int(high), name)
        if group[0] > group[1] or groups and group[0] <= groups[-1][1]:
            raise tables.TableError(f"{where}: ranges are not sorted or overlap")
        tables.check_text(where, name)
        if not name or name in [g[2] for g in groups]:
            raise tables.TableError(f"{where}: {name!r} is empty or stands there already")
        groups.append(group)
    return groups


def check_row(where, row, groups):
    altitude, name, company, group, note = row
    if not re.fullmatch(r"[1-9]\d*(\.\d*[1-9])?", altitude):
        raise tables.TableError(f"{where}: {altitude!r} is not an altitude without needless zeros")
    if not re.fullmatch(r"[A-Za-z0-9_.?+-]+", name):
        raise tables.TableError(f"{where}: {name!r} is not a file name")
    for text in (company, note):
        tables.check_text(where, text)
    bounds = [g for g in groups if g[2] == group]
    if not bounds or not bounds[0][0] <= int(Decimal(altitude)) <= bounds[0][1]:
        raise tables.TableError(f"{where}: {altitude} does not lie in the range of {group!r}")


def read_altitudes(groups):
    rows = []
    last = None
    for number, row in tables.read_tsv("altitudes.tsv", 5):
        where = f"data/altitudes.tsv:{number}"
        check_row(where, row, groups)
        order = (Decimal(row[0]), row[1].lower(), row)
        if last is not None and order <= last:
            raise tables.TableError(f"{where}: not sorted, or the same row twice")
        last = order
        rows.append(row)
    return rows


def index(files):
    """The rows by the first letter of their files, in their order; a ? stands for every letter."""
    order, starts = [], []
    for c in range(128):
        starts.append(len(order))
        order += [i for i, name in enumerate(files) if name[0] == "?" or ord(name[0].lower()) == c]
    return (tables.array("uint16_t", "altitude_order", order) +
            tables.array("uint16_t", "altitude_starts", starts + [len(order)]))


def build():
    groups = read_groups()
    rows = read_altitudes(groups)
    pool = tables.Pool()
    out = ["", f"#define ALTITUDE_ROWS {len(rows)}"]
    for column, name in enumerate(("values", "files", "companies", "groups", "notes")):
        out += tables.array("uint32_t", f"altitude_{name}", [pool.add(r[column]) for r in rows])
    out += index([r[1] for r in rows])
    out += ["", f"#define GROUP_ROWS {len(groups)}"]
    out += tables.array("uint32_t", "group_lows", [g[0] for g in groups])
    out += tables.array("uint32_t", "group_highs", [g[1] for g in groups])
    out += tables.array("uint32_t", "group_names", [pool.add(g[2]) for g in groups])
    head = tables.heading("altitudes.py", ["altitudes.tsv", "altitude-groups.tsv"])
    return head + pool.emit("altitudes_pool") + out


if __name__ == "__main__":
    sys.exit(tables.main("altitudes.py", "src/nt/gen/altitudes.inc", build))
