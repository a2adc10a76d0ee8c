#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks data/pooltags.tsv and makes src/nt/gen/pooltags.inc from it.

Tags without ? are sorted by their bytes for a binary search. Patterns are few and come most specific first (fewest ?,
then the longest run of letters at the start, then the bytes), so that the first that fits is the answer.
"""
import sys

import tables


def read():
    """[(tag as 4 bytes, binary, description)] in the order of the file, checked."""
    rows = []
    for number, (tag, binary, text) in tables.read_tsv("pooltags.tsv", 3):
        where = f"data/pooltags.tsv:{number}"
        if len(tag) != 4 or not tag.isascii() or tag.startswith(" "):
            raise tables.TableError(f"{where}: {tag!r} is not a tag of four characters")
        if tag == "????":
            raise tables.TableError(f"{where}: a tag that fits everything")
        tables.check_text(where, binary)
        tables.check_text(where, text)
        if not text:
            raise tables.TableError(f"{where}: no description")
        row = (tag.encode("ascii"), binary, text)
        if row in rows[-8:]:
            raise tables.TableError(f"{where}: this row stands there already")
        if rows and row[0] < rows[-1][0]:
            raise tables.TableError(f"{where}: {tag!r} is not sorted")
        rows.append(row)
    return rows


def specificity(row):
    tag = row[0]
    return (tag.count(b"?"), -tag.index(b"?"), tag)


def key(tag):
    return int.from_bytes(tag.replace(b"?", b"\0"), "big")


def mask(tag):
    return int.from_bytes(bytes(0 if c == ord("?") else 0xFF for c in tag), "big")


def table(prefix, rows, pool):
    out = ["", f"#define {prefix.upper()}_ROWS {len(rows)}"]
    out += tables.array("uint32_t", f"{prefix}_keys", [key(r[0]) for r in rows], "0x{:08X}")
    out += tables.array("uint32_t", f"{prefix}_binaries", [pool.add(r[1]) for r in rows])
    out += tables.array("uint32_t", f"{prefix}_texts", [pool.add(r[2]) for r in rows])
    return out


def build():
    rows = read()
    exact = [r for r in rows if b"?" not in r[0]]
    wild = sorted((r for r in rows if b"?" in r[0]), key=specificity)
    pool = tables.Pool()
    out = table("pooltag", exact, pool) + table("poolwild", wild, pool)
    out += tables.array("uint32_t", "poolwild_masks", [mask(r[0]) for r in wild], "0x{:08X}")
    return tables.heading("pooltags.py", ["pooltags.tsv"]) + pool.emit("pooltags_pool") + out


if __name__ == "__main__":
    sys.exit(tables.main("pooltags.py", "src/nt/gen/pooltags.inc", build))
