#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the tables of codes under data/ and makes src/nt/gen/errors.inc from them.

A code with several names has one row, under the name its source gives first; the other names stand in "# also NAME"
lines above the row and are not searched for. exceptions.tsv is merged into the table of NTSTATUS values: the two must
not share a code.
"""
import re
import sys

import tables

# C prefix, files merged into the table
TABLES = [
    ("status", ["ntstatus.tsv", "exceptions.tsv"]),
    ("win32", ["win32errors.tsv"]),
    ("hresult", ["hresults.tsv"]),
    ("fastfail", ["fastfail.tsv"]),
    ("ntfacility", ["ntfacilities.tsv"]),
    ("hrfacility", ["hrfacilities.tsv"]),
]


def read(name):
    """{code: (name, message)} of one file, checked."""
    rows = {}
    last = -1
    names = set()
    for number, (code, symbol, message) in tables.read_tsv(name, 3):
        where = f"data/{name}:{number}"
        if not re.fullmatch(r"0x[0-9A-F]{8}", code):
            raise tables.TableError(f"{where}: code {code!r} is not 0x and eight upper-case hex digits")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", symbol):
            raise tables.TableError(f"{where}: {symbol!r} is not a symbolic name")
        if symbol in names:
            raise tables.TableError(f"{where}: {symbol} has a row already")
        value = int(code, 16)
        if value <= last:
            raise tables.TableError(f"{where}: {code} is not above the code before it")
        tables.check_text(where, message)
        rows[value] = (symbol, message)
        names.add(symbol)
        last = value
    return rows


def merge(names):
    merged = {}
    for name in names:
        rows = read(name)
        both = merged.keys() & rows.keys()
        if both:
            raise tables.TableError(f"data/{name}: 0x{min(both):08X} is in data/{names[0]} too")
        merged.update(rows)
    return sorted(merged.items())


def build():
    pool = tables.Pool()
    out = []
    for prefix, names in TABLES:
        rows = merge(names)
        out += ["", f"#define {prefix.upper()}_ROWS {len(rows)}"]
        out += tables.array("uint32_t", f"{prefix}_codes", [code for code, _ in rows], "0x{:08X}")
        out += tables.array("uint32_t", f"{prefix}_names", [pool.add(r[0]) for _, r in rows])
        out += tables.array("uint32_t", f"{prefix}_messages", [pool.add(r[1]) for _, r in rows])
    sources = [name for _, names in TABLES for name in names]
    return tables.heading("errors.py", sources) + pool.emit("errors_pool") + out


if __name__ == "__main__":
    sys.exit(tables.main("errors.py", "src/nt/gen/errors.inc", build))
