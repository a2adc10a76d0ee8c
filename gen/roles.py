#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks data/roles.tsv and data/components.tsv and makes src/unwind/gen/roles.inc from them."""
import re
import sys

import tables

# In the order of the bits of enum sc_role.
ROLES = ("trap", "syscall", "linkage", "exception", "exception-frame", "bugcheck", "switch", "callout", "start",
         "first", "idle", "invoker", "user-exception", "user-apc", "user-callback", "verifier", "framework", "data",
         "thunk", "interrupt", "apart", "late", "spin", "pass", "allocate", "free")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\??\??\*?|\*")


def role_bits(where, text):
    bits = 0
    for word in text.split(" "):
        if word not in ROLES:
            raise tables.TableError(f"{where}: {word!r} is no role")
        if bits >> ROLES.index(word) & 1:
            raise tables.TableError(f"{where}: {word!r} stands there twice")
        bits |= 1 << ROLES.index(word)
    return bits


def check_callers(where, text):
    for word in text.split(" ") if text else []:
        known = word[1:] in ROLES if word.startswith("@") else NAME.fullmatch(word)
        if not known:
            raise tables.TableError(f"{where}: {word!r} is neither a function nor a role")


def read_roles():
    """[(module, function, bits, callers)] in the order of the file, checked."""
    rows = []
    for number, (module, function, roles, callers, note) in tables.read_tsv("roles.tsv", 5):
        where = f"data/roles.tsv:{number}"
        callers = "" if callers == "-" else callers
        if not re.fullmatch(r"[A-Za-z0-9_]+|\*", module) or not NAME.fullmatch(function):
            raise tables.TableError(f"{where}: {module}!{function} is no name")
        for text in (callers, note):
            tables.check_text(where, text)
        check_callers(where, callers)
        row = (module, function, role_bits(where, roles), callers)
        if rows and (row[0], row[1]) <= (rows[-1][0], rows[-1][1]):
            raise tables.TableError(f"{where}: not sorted, or the same function twice")
        rows.append(row)
    return rows


def read_components():
    """[(prefix, component, level)], the longest prefixes first."""
    rows = []
    for number, (prefix, component, level) in tables.read_tsv("components.tsv", 3):
        where = f"data/components.tsv:{number}"
        if not re.fullmatch(r"[A-Z][A-Za-z]*", prefix) or not re.fullmatch(r"[a-z]+", component):
            raise tables.TableError(f"{where}: {prefix!r}, {component!r} are no names")
        if level not in "012345678" or len(level) != 1:
            raise tables.TableError(f"{where}: level {level!r}")
        if rows and prefix <= rows[-1][0]:
            raise tables.TableError(f"{where}: not sorted, or the same prefix twice")
        rows.append((prefix, component, int(level)))
    return sorted(rows, key=lambda r: (-len(r[0]), r[0]))


def index(name, functions, chosen):
    """The CHOSEN rows by the first character of their functions; those of patterns that begin with any come first."""
    def first(i):
        return 0 if functions[i][0] in "*?" else ord(functions[i][0])
    order = sorted((i for i in range(len(functions)) if chosen(i)), key=first)
    starts = [sum(1 for i in order if first(i) < c) for c in range(129)]
    return tables.array("uint16_t", f"{name}_order", order) + tables.array("uint16_t", f"{name}_starts", starts)


def build():
    roles, components = read_roles(), read_components()
    pool = tables.Pool()
    out = ["", f"#define ROLE_ROWS {len(roles)}"]
    for column, name in ((0, "modules"), (1, "functions"), (3, "callers")):
        out += tables.array("uint16_t", f"role_{name}", [pool.add(r[column]) for r in roles])
    out += tables.array("uint32_t", "role_bits", [r[2] for r in roles], "0x{:X}")
    functions = [r[1] for r in roles]
    out += index("role", functions, lambda i: True)
    out += index("called", functions, lambda i: roles[i][3])
    out += ["", f"#define COMPONENT_ROWS {len(components)}"]
    for column, name in ((0, "prefixes"), (1, "names")):
        out += tables.array("uint16_t", f"component_{name}", [pool.add(r[column]) for r in components])
    out += tables.array("uint8_t", "component_levels", [r[2] for r in components])
    if pool.size > 0xFFFF:
        raise tables.TableError("data/roles.tsv: the texts need more than 64 KiB")
    return tables.heading("roles.py", ["roles.tsv", "components.tsv"]) + pool.emit("role_pool") + out


if __name__ == "__main__":
    sys.exit(tables.main("roles.py", "src/unwind/gen/roles.inc", build))
