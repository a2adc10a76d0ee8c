#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks data/layouts/*.tsv and makes src/sym/gen/layouts.inc from them.

A set is one build's structures, sorted by name; a definition is a structure's members, kept once however many builds
have it; a shape is what a member's type is made of, kept once for all.
"""
import os
import re
import sys

import tables

TRUST = ("proved", "varies", "listed")  # in the order of enum sc_layout_trust
KINDS = ("(struct)", "(union)")
SHAPES = ("base", "named", "pointer", "array", "bits")  # in the order of enum shape in src/sym/layouts.c
CPUS = {"x86": 1, "x64": 2}  # enum sc_cpu
BASES = {"Void", "Char", "UChar", "Wchar", "Int2B", "Uint2B", "Int4B", "Uint4B", "Int8B", "Uint8B", "Float", "Double",
         "HRESULT", "Bool"}
UNKNOWN = 0xFFFFFFFF


class Shapes:
    """Types of members; 0 is "not known". What a shape is made of has a lower number."""

    def __init__(self, pool):
        self.pool, self.numbers, self.rows = pool, {}, []
        self.number(("base", 0, 0, ""))

    def number(self, key):
        if key not in self.numbers:
            self.numbers[key] = len(self.rows)
            kind, target, count, name = key
            self.rows.append((SHAPES.index(kind), target, count, self.pool.add(name)))
        return self.numbers[key]

    def of(self, where, text):
        array = re.match(r"\[(\d+)\]", text)
        if text == "?":
            return 0
        if text.startswith("*"):
            return self.number(("pointer", self.of(where, text[1:]), 0, ""))
        if array:
            return self.number(("array", self.of(where, text[array.end():]), int(array[1]), ""))
        if not re.fullmatch(r"\w+", text) or text.startswith(("__unnamed", "__anonymous")):
            raise tables.TableError(f"{where}: {text!r} is no type")
        return self.number(("base" if text in BASES else "named", 0, 0, text))

    def bits(self, where, text, first, count):
        inner = self.of(where, text)
        return self.number(("bits", inner, first | count << 8, "")) if inner else 0


def hexadecimal(where, text):
    if not re.fullmatch(r"[0-9a-f]{1,7}", text):
        raise tables.TableError(f"{where}: {text!r} is no hexadecimal number")
    return int(text, 16)


def member(where, row, shapes, pool):
    _, name, offset, bits, text = row
    at = hexadecimal(where, offset)
    if bits == "-":
        return pool.add(name), at, shapes.of(where, text), 0, 0
    m = re.fullmatch(r"(\d+)\+(\d+)", bits)
    if not m or not 1 <= int(m[2]) <= 64 or int(m[1]) + int(m[2]) > 128:
        raise tables.TableError(f"{where}: {bits!r} is no bit field")
    return pool.add(name), at, shapes.bits(where, text, int(m[1]), int(m[2])), int(m[1]), int(m[2])


def read_set(name, shapes, pool):
    """[(structure, kind, size, trust, members)], sorted as strcmp() sorts."""
    out, seen = [], set()
    for number, row in tables.read_tsv(f"layouts/{name}", 5):
        where = f"data/layouts/{name}:{number}"
        if row[1] in KINDS:
            if row[4] not in TRUST or row[3] != "-" or row[0] in seen:
                raise tables.TableError(f"{where}: a structure twice, or a wrong first row")
            seen.add(row[0])
            size = UNKNOWN if row[2] == "?" else hexadecimal(where, row[2])
            out.append((row[0], KINDS.index(row[1]), size, TRUST.index(row[4]), []))
        elif not out or out[-1][0] != row[0]:
            raise tables.TableError(f"{where}: a member without its structure's first row")
        else:
            m = member(where, row, shapes, pool)
            if any(other[0] == m[0] for other in out[-1][4]):
                raise tables.TableError(f"{where}: {row[1]} twice")
            if out[-1][2] != UNKNOWN and m[1] > out[-1][2]:
                raise tables.TableError(f"{where}: {row[1]} lies behind the structure's end")
            out[-1][4].append(m)
    return sorted(out, key=lambda s: s[0].encode())


def make():
    folder = os.path.join(tables.ROOT, "data", "layouts")
    pool = tables.Pool()
    shapes = Shapes(pool)
    numbers, definitions, members, sets, entries = {}, [], [], [], []
    files = {}
    for name in sorted(f for f in os.listdir(folder) if f.endswith(".tsv")):
        m = re.fullmatch(r"\w+-(\d+)-(x86|x64)\.tsv", name)
        if not m or (CPUS[m[2]], int(m[1])) in files:
            raise tables.TableError(f"data/layouts/{name}: the name is not WINDOWS-BUILD-CPU.tsv, or not the only one")
        files[CPUS[m[2]], int(m[1])] = name
    for (cpu, build), name in sorted(files.items()):
        structs = read_set(name, shapes, pool)
        sets.append((cpu, build, len(entries), len(structs)))
        for struct, kind, size, trust, fields in structs:
            key = (kind, size, tuple(fields))
            if key not in numbers:
                numbers[key] = len(definitions)
                definitions.append((kind, size, len(members), len(fields)))
                members += fields
            entries.append((pool.add(struct), numbers[key], trust))
    if max(len(shapes.rows), len(definitions)) > 0xFFFF:
        raise tables.TableError("data/layouts: more than 65535 shapes or definitions")
    out = ["", f"#define LAYOUT_SETS {len(sets)}", f"#define LAYOUT_SHAPES {len(shapes.rows)}"]
    for prefix, rows, columns in (
            ("set", sets, ("uint8_t cpu", "uint32_t build", "uint32_t first", "uint16_t count")),
            ("entry", entries, ("uint32_t name", "uint16_t def", "uint8_t trust")),
            ("def", definitions, ("uint8_t kind", "uint32_t size", "uint32_t first", "uint16_t count")),
            ("member", members, ("uint32_t name", "uint32_t offset", "uint16_t shape", "uint8_t bit", "uint8_t bits")),
            ("shape", shapes.rows, ("uint8_t kind", "uint16_t target", "uint32_t count", "uint32_t name"))):
        for index, column in enumerate(columns):
            ctype, word = column.split()
            out += tables.array(ctype, f"layout_{prefix}_{word}", [r[index] for r in rows])
    return tables.heading("layouts.py", ["layouts"]) + pool.emit("layout_pool") + out


if __name__ == "__main__":
    sys.exit(tables.main("layouts.py", "src/sym/gen/layouts.inc", make))
