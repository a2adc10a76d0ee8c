#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds forged PDBs against llvm-pdbutil: it dumps every one without a complaint, and shows what was asked for.

forge_files writes the PDBs and, beside each, the facts: what the program gave to the forge, one line each. Publics,
procedures with their locals and inlined calls, labels, data, lines, frame data and every member of every structure are
compared. TAP; standard library only.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "corpus"), os.path.join(TESTS, "oracle")]
import pdb_oracle  # noqa: E402
import tap  # noqa: E402
from test_forge_images import agree, forge_files, hexes  # noqa: E402

BASES = {"Void": 0x03, "Char": 0x70, "UChar": 0x20, "Wchar": 0x71, "Int2B": 0x11, "Uint2B": 0x21, "Int4B": 0x12,
         "Uint4B": 0x22, "Int8B": 0x13, "Uint8B": 0x23, "Float": 0x40, "Double": 0x41, "Bool": 0x30, "HRESULT": 0x08}
# What llvm-pdbutil calls some of the types of locals and data.
WORDS = {"int": "int", "Double": "double", "_DRIVER_OBJECT*": "_DRIVER_OBJECT*", "_THING*": "_THING*",
         "Uint4B": "unsigned long", "PVOID": "void*", "char[16]": ""}


class Facts:
    """The lines by their first word; locals and inlined calls behind their function, members behind their structure."""

    def __init__(self, path):
        self.rows = {}
        self.inside = {}
        owner = None
        with open(path + ".facts", encoding="utf-8") as f:
            for line in f:
                word, *rest = line.split()
                if word in ("local", "inlined", "member"):
                    self.inside.setdefault(owner, []).append((word, rest))
                else:
                    owner = rest[0]
                    self.rows.setdefault(word, []).append(rest)

    def of(self, word):
        return self.rows.get(word, [])

    def within(self, owner, word):
        return [rest for w, rest in self.inside.get(owner, []) if w == word]

    def place(self, rva):
        """Segment and offset, as llvm-pdbutil writes them."""
        for i, (_, start, size) in enumerate(self.of("section")):
            if int(start, 16) <= rva < int(start, 16) + int(size, 16):
                return (i + 1, rva - int(start, 16))
        raise AssertionError(f"{rva:x} is in no section")


def dump(path, *options):
    """The text of llvm-pdbutil dump, which must like the file."""
    run = subprocess.run([pdb_oracle.oracle_tool(), "dump", *options, path], capture_output=True, timeout=60)
    tap.equal((run.returncode, run.stderr.decode()), (0, ""), "llvm-pdbutil's status and complaints")
    return run.stdout.decode("latin-1")


def plain(name):
    """The name that a procedure has."""
    m = re.match(r"^_(\w+)@\d+$", name) or re.match(r"^\?(\w+)@@", name)
    return m.group(1) if m else name


def check_summary(text, facts):
    machine, age, signature = facts.of("pdb")[0]
    tap.contains(text, f"Age: {age}\n")
    tap.contains(text, f"Signature: {int(signature, 16)}\n")
    tap.contains(text, "GUID: {12345678-ABCD-4321-0102-000000000000}")
    stripped = not (facts.of("function") or facts.of("label") or facts.of("static"))
    tap.contains(text, f"Is stripped: {'true' if stripped else 'false'}")
    tap.equal(re.findall(r"<(?:unknown|invalid)[^>]*>", text), [], "what it has no name for")
    return int(machine, 16)


def check_publics(path, facts):
    got = sorted((name, pdb_oracle.address(below), "flags = function" in below) for kind, name, below in
                 pdb_oracle.oracle_symbols(dump(path, "--publics").split("\n")) if kind == "S_PUB32")
    want = []
    for word in ("public", "function", "data"):
        for name, rva, *_ in facts.of(word):
            seg, off = facts.place(int(rva, 16))
            want.append((name, (seg, off), facts.of("section")[seg - 1][0] != ".data"))
    tap.equal(got, sorted(want), "publics")


def check_globals(path, facts):
    symbols = pdb_oracle.oracle_symbols(dump(path, "--globals").split("\n"))
    data = sorted((name, pdb_oracle.address(below), re.search(r"\((.*?)\)", below).group(1)) for kind, name, below in
                  symbols if kind == "S_GDATA32")
    tap.equal(data, sorted((n, facts.place(int(rva, 16)), WORDS[t]) for n, rva, _, t in facts.of("data")), "data")
    refs = sorted((kind, name) for kind, name, _ in symbols if kind.endswith("PROCREF"))
    tap.equal(refs, sorted([("S_PROCREF", plain(f[0])) for f in facts.of("function")] +
                           [("S_LPROCREF", f[0]) for f in facts.of("static")]), "references to procedures")


def grouped(symbols):
    """[(procedure's record, records inside)]; records of no procedure behind a None."""
    groups = [(None, [])]
    for record in symbols:
        if record[0] in ("S_GPROC32", "S_LPROC32"):
            groups.append((record, []))
        elif record[0] == "S_END":
            groups.append((None, []))
        else:
            groups[-1][1].append(record)
    return groups


def check_locals(inside, asked, name):
    got = []
    for kind, local, below in inside:
        if kind == "S_LOCAL":
            m = re.match(r"type=0x[0-9A-F]+ \((.*)\), flags = (.*)", below)
            got.append([local, m.group(1), m.group(2) == "param", set()])
            if m.group(2) == "optimized away":
                got[-1][3].add("gone")
        elif kind == "S_DEFRANGE_REGISTER":
            got[-1][3].add(re.match(r"register = (\w+)", below).group(1).lower())
        elif kind == "S_DEFRANGE_REGISTER_REL":
            m = re.match(r"register = (\w+), offset = (-?\d+)", below)
            got[-1][3].add((m.group(1).lower(), int(m.group(2))))
    want = []
    for local, kind, param, reg, relative, offset in asked:
        where = "gone" if reg == "-" else (reg, int(offset)) if relative == "1" else reg
        want.append([local, WORDS[kind], param == "1", {where}])
    tap.equal(got, want, f"locals of {name}")


def check_inlined(inside, asked, start, lines, name):
    got = []
    for kind, _, below in inside:
        if kind == "S_INLINESITE":
            m = re.search(r"inlinee = (0x[0-9A-F]+) \((.*?)\).*code (0x[0-9A-F]+) .*code end 0x[0-9A-F]+ \(\+(0x[0-9A-F]+)",
                          below)
            delta = re.search(r"line (-?\d+) \(", below)
            line = lines[int(m.group(1), 16)] + (int(delta.group(1)) if delta else 0)
            got.append((m.group(2), start + int(m.group(3), 16), int(m.group(4), 16), line))
    want = [(n.split("::")[-1], int(rva, 16), int(size, 16), int(line)) for n, _, rva, size, line in asked]
    tap.equal(got, want, f"inlined calls of {name}")


def check_procedures(path, facts):
    text = dump(path, "--symbols")
    groups = grouped(pdb_oracle.oracle_symbols(text.split("\n")))
    il = dump(path, "--il")
    lines = {int(i, 16): int(n) for i, n in re.findall(r"^ +(0x[0-9A-F]+) \| +(\d+) \|", il, re.M)}
    asked = sorted([(int(f[1], 16), int(f[2], 16), f[0], k) for k in ("function", "static") for f in facts.of(k)])
    procs = [g for g in groups if g[0]]
    tap.equal(len(procs), len(asked), "procedures")
    for (record, inside), (rva, size, name, kind) in zip(procs, asked):
        tap.equal((record[0], record[1]), ("S_GPROC32" if kind == "function" else "S_LPROC32", plain(name)), "record")
        tap.equal((pdb_oracle.address(record[2]), int(re.search(r"code size = (\d+)", record[2]).group(1))),
                  (facts.place(rva), size), f"place of {name}")
        check_locals(inside, facts.within(name, "local"), name)
        check_inlined(inside, facts.within(name, "inlined"), rva, lines, name)
    # A label's address stands on its own line, which the reader of symbols takes for no record.
    labels = [(n, (int(s), int(o))) for n, s, o in re.findall(r"S_LABEL32 .*`(.*)` \(addr = (\d+):(\d+)\)", text)]
    tap.equal(sorted(labels), sorted((n, facts.place(int(rva, 16))) for n, rva, *_ in facts.of("label")), "labels")


def check_lines(path, facts):
    tables = pdb_oracle.oracle_lines(dump(path, "-l").split("\n"))
    got = sorted((seg, off, line, file) for (seg, _, _, _), entries in tables.items() for off, line, file in entries)
    want = sorted(facts.place(int(rva, 16)) + (int(line), file) for file, line, rva in facts.of("line"))
    tap.equal(got, want, "lines")


def check_frames(path, facts):
    text = dump(path, "--fpo")
    kinds = {"FPO": 0, "Non-FPO": 3}
    # llvm-pdbutil 14 takes its columns "Use BP" and "Has SEH" from other bits: the unit tests check those.
    old = [(int(r[0], 16), int(r[1]), int(r[2]) * 4, int(r[3]) * 4, int(r[5]) * 4, int(r[4]), kinds[r[8]]) for r in
           re.findall(r"^([0-9A-F]{8}) \| +(\d+) \| +(\d+) \| +(\d+) \| +(\d+) \| +(\d+) \| +(\w+) \| +(\w+) \| +([\w-]+)$",
                      text, re.M)]
    new = [(int(r[0], 16), int(r[1]), int(r[2]), int(r[3]), int(r[5]), int(r[4]), r[6] == "true") for r in
           re.findall(r"^([0-9A-F]{8}) \| +(\d+) \| +(\d+) \| +(\d+) \| +\d+ \| +(\d+) \| +(\d+) \| +(\w+) \| +false \| +true \| "
                      r"\$T0", text, re.M)]
    want_old, want_new = [], []
    for rva, size, locals_, params, saved, prolog, _, seh, kind, program in facts.of("fpo"):
        row = (int(rva, 16), int(size, 16), int(locals_), int(params), int(saved), int(prolog))
        if program == "1":
            want_new.append(row + (seh == "1",))
        else:
            want_old.append(row + (int(kind),))
    tap.equal((old, new), (sorted(want_old), sorted(want_new)), "frame data")


class Types(pdb_oracle.OracleTypes):
    """Also pointers and arrays, so that a member's type can be written out."""

    def __init__(self, lines):
        self.pointers, self.arrays = {}, {}
        super().__init__(lines)

    def below(self, current, text):
        index, leaf = current
        m = re.match(r"referent = 0x([0-9A-F]+)", text)
        if leaf == "LF_POINTER" and m:
            self.pointers[index] = int(m.group(1), 16)
        m = re.match(r"size: (\d+), index type: .*, element type: 0x([0-9A-F]+)", text)
        if leaf == "LF_ARRAY" and m:
            self.arrays[index] = (int(m.group(1)), int(m.group(2), 16))
        super().below(current, text)

    def text(self, index):
        if index in self.pointers:
            return "*" + self.text(self.pointers[index])
        if index in self.arrays:
            return f"[{self.arrays[index][0]} bytes]" + self.text(self.arrays[index][1])
        if index in self.types:
            return self.types[index]["name"]
        if index >> 8 in (4, 6):
            return "*" + self.text(index & 0xFF)
        return f"#{index:x}"


def wanted_text(text, sizes, hole, pointer):
    """A type's text in those words, and its size."""
    if text == "?":
        return (f"[{hole} bytes]#20", hole) if hole else ("#20", 1)
    if text.startswith("*"):
        return "*" + wanted_text(text[1:], sizes, 0, pointer)[0], pointer
    m = re.match(r"^\[(\d+)\](.*)$", text)
    if m:
        inner, size = wanted_text(m.group(2), sizes, 0, pointer)
        return f"[{int(m.group(1)) * size} bytes]{inner}", int(m.group(1)) * size
    if text in BASES:
        base = BASES[text]
        return f"#{base:x}", {0x03: 0, 0x70: 1, 0x20: 1, 0x30: 1, 0x71: 2, 0x11: 2, 0x21: 2, 0x13: 8, 0x23: 8,
                              0x41: 8}.get(base, 4)
    return text, sizes.get(text, 0)


def check_types(path, facts, pointer):
    types = Types(dump(path, "--types").split("\n"))
    sizes = {name: int(size, 16) for name, size, _ in facts.of("struct")}
    defined = {t["name"]: t for t in types.types.values() if not t["forward"]}
    tap.equal(sorted(defined), sorted(sizes), "structures")
    for name, size, union in facts.of("struct"):
        t = defined[name]
        tap.equal((t["leaf"], t["size"]), ("LF_UNION" if union == "1" else "LF_STRUCTURE", int(size, 16)), name)
        got = [(m[1], m[2], m[4], m[5], types.text(m[3])) for m in types.members(t["fields"])]
        asked, want = facts.within(name, "member"), []
        offsets = [int(m[1], 16) for m in asked] + [int(size, 16)]
        for member, offset, first, count, text in asked:
            at = int(offset, 16)
            hole = min([o for o in offsets if o > at], default=at) - at
            kind = wanted_text(text, sizes, hole, pointer)[0]
            if int(count) and text == "?":
                kind = "#22" if int(first) + int(count) <= 32 else "#23"
            want.append((member, at, int(first), int(count), kind))
        tap.equal(got, want, f"members of {name}")


def check(path):
    facts = Facts(path)
    text = dump(path, "--all")
    tap.equal(re.findall(r"Stream +0 \( *(\d+) bytes\): \[Old MSF Directory\]", dump(path, "--streams")), ["40"], "stream 0")
    if not facts.rows:
        return  # accepted: what it holds is checked elsewhere
    machine = check_summary(text, facts)
    check_publics(path, facts)
    check_globals(path, facts)
    if facts.of("function"):
        check_procedures(path, facts)
        check_lines(path, facts)
    check_frames(path, facts)
    check_types(path, facts, 4 if machine == 0x14C else 8)


def main():
    with tempfile.TemporaryDirectory() as folder:
        with tap.case("PDBs are forged"):
            forge_files(folder)
        files = sorted(glob.glob(os.path.join(folder, "*.pdb")))
        with tap.case("there are as many as there should be"):
            tap.equal(len(files), 6)
        for path in files:
            with tap.case(f"llvm-pdbutil shows {os.path.basename(path)} as it was asked for"):
                if not shutil.which("llvm-pdbutil") and not shutil.which("llvm-pdbutil-14"):
                    tap.skip("llvm-pdbutil is not installed (package llvm)")
                check(path)
        with tap.case("the library reads them as llvm-pdbutil does"):
            agree("pdb_compare.py", files)
    tap.done()


if __name__ == "__main__":
    main()
