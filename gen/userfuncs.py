#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks data/userfuncs.tsv and makes src/nt/gen/userfuncs.inc from it."""
import re
import sys

import tables

# In the order of the bits of enum nt_userfunc_role.
ROLES = ("system", "start", "dispatch", "raise", "throw", "terminate", "abort", "assert", "panic", "invalid-parameter",
         "purecall", "cookie", "fortify", "guard", "exit", "heap", "heap-check", "lock", "srwlock", "wait", "idle",
         "rpc", "message", "loader", "dumper", "breakpoint", "runtime")


def role_bits(where, text):
    bits = 0
    for word in text.split(" "):
        if word not in ROLES:
            raise tables.TableError(f"{where}: {word!r} is no role")
        if bits >> ROLES.index(word) & 1:
            raise tables.TableError(f"{where}: {word!r} stands there twice")
        bits |= 1 << ROLES.index(word)
    return bits


def build():
    rows = []
    for number, (module, function, roles) in tables.read_tsv("userfuncs.tsv", 3):
        where = f"data/userfuncs.tsv:{number}"
        for text in (module, function):
            if not re.fullmatch(r"[\x21-\x7e]+", text) or "**" in text or "(" in text:
                raise tables.TableError(f"{where}: {text!r} is no name")
        if module == function == "*":
            raise tables.TableError(f"{where}: this row means everything")
        if module != module.lower() and not re.match(r"(Core|Foundation|UIKit|AppKit|Graphics|HIT|Quartz|libSystem)",
                                                     module):
            raise tables.TableError(f"{where}: {module!r} is not in lower case")
        if rows and (module, function) <= rows[-1][:2]:
            raise tables.TableError(f"{where}: not sorted, or the same function twice")
        rows.append((module, function, role_bits(where, roles)))
    pool = tables.Pool()
    out = ["", f"#define USERFUNC_ROWS {len(rows)}"]
    for column, name in ((0, "modules"), (1, "functions")):
        out += tables.array("uint16_t", f"userfunc_{name}", [pool.add(r[column]) for r in rows])
    out += tables.array("uint32_t", "userfunc_bits", [r[2] for r in rows], "0x{:X}")
    if pool.size > 0xFFFF:
        raise tables.TableError("data/userfuncs.tsv: the texts need more than 64 KiB")
    return tables.heading("userfuncs.py", ["userfuncs.tsv"]) + pool.emit("userfunc_pool") + out


if __name__ == "__main__":
    sys.exit(tables.main("userfuncs.py", "src/nt/gen/userfuncs.inc", build))
