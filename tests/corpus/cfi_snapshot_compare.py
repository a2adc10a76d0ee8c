#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unwind data of images and PDBs against what symbolic (Sentry's library) makes of the same files. Prints TAP.

symbolic's tests keep, as snapshots, the frame rules that it writes for Breakpad: of an x64 and an ARM64 image by their
unwind data, of an x86 PDB by its FRAMEDATA. Compared is where each function's caller's stack pointer and each saved
register lie behind the prolog, and each row of frame data.

Known differences, by name:

  - the lengths of ARM64 functions: the snapshot has the address of the .xdata there
  - ARM64's vector registers: the snapshot does not name them
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

SYMBOLIC = "pdb/getsentry+symbolic"
WINDOWS = f"{SYMBOLIC}/symbolic-testutils/fixtures/windows"
SNAPSHOTS = f"{SYMBOLIC}/symbolic-cfi/tests/snapshots/test_cfi__"
X64 = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"] + [f"r{n}" for n in range(8, 16)]
PUSH, LARGE, SMALL, FPREG, SAVE, SAVE_FAR, MACHFRAME = 0, 1, 2, 3, 4, 5, 10


def lines_of(name):
    with open(tap.corpus(SNAPSHOTS + name + ".snap"), encoding="utf-8") as f:
        return [line for line in f.read().splitlines() if line.startswith("STACK ")]


def facts(tool, *args):
    done = subprocess.run([tap.helper(tool), *args], stdout=subprocess.PIPE, text=True, timeout=60)
    tap.equal(done.returncode, 0, f"status of {tool}")
    return done.stdout.splitlines()


def functions(image):
    """{begin: (fields of the function, [fields of its codes])}"""
    found, codes = {}, []
    for line in facts("unwind_facts", "codes", tap.corpus(image)):
        word, *fields = line.split("\t")
        if word == "function":
            codes = []
            found[int(fields[0], 16)] = (fields, codes)
        elif word == "code":
            codes.append(fields)
    return found


def x64_frame(codes):
    """(caller's rsp, {register: where}) as distances from rsp behind the prolog, and from the caller's rsp."""
    size, places = 0, {}
    for _, op, info, value in codes:
        op, info, value = int(op), int(info), int(value)
        if op in (LARGE, SMALL):
            size += value
        elif op == PUSH:
            places[X64[info]] = size
            size += 8
        elif op in (SAVE, SAVE_FAR):
            places[X64[info]] = value
    size += 8
    return size, {name: at - size for name, at in places.items()}


def compare_x64():
    ours, compared = functions(f"{WINDOWS}/CrashWithException.exe"), 0
    for line in lines_of("cfi_pe_windows"):
        found = re.match(r"STACK CFI INIT (\w+) (\w+) \.cfa: \$rsp (\d+) \+ (.*)\.ra: \.cfa 8 - \^$", line)
        assert found, line
        begin, length, size = int(found.group(1), 16), int(found.group(2), 16), int(found.group(3))
        places = {name: -int(at) for name, at in re.findall(r"\$(\w+): \.cfa (-?\d+) - \^", found.group(4))}
        assert begin in ours, line
        fields, codes = ours[begin]
        tap.equal(int(fields[1], 16) - begin, length, f"length of {begin:x}")
        tap.equal(x64_frame(codes), (size, places), f"frame of {begin:x}")
        compared += 1
    tap.equal(compared, len(ours), "functions of the image that the snapshot has")
    assert compared > 30, compared


def arm64_frame(codes):
    size, places = 0, {}
    for _, _, op, register, count, before, value in codes:
        register, count, value = int(register), int(count), int(value)
        if op == "alloc":
            size += value
        elif op.startswith("save") and not op.endswith("d"):
            at = size if int(before) else size + value
            size += value if int(before) else 0
            for n in range(count):
                places[f"x{register + n}"] = at + 8 * n
    return size, {name: at - size for name, at in places.items()}


def arm64_snapshot():
    """{begin: (size, places)}: each function's rows put together, the last word on anything counts."""
    found, now = {}, None
    for line in lines_of("cfi_pe_arm64"):
        head = re.match(r"STACK CFI +(?:INIT )?(\w+)(?: \w+)? (\.\w+:.*)$", line)
        assert head, line
        if " INIT " in line:
            now = found.setdefault(int(head.group(1), 16), [0, {}])
        size = re.search(r"\.cfa: \.sp (\d+) \+", line)
        if size:
            now[0] = int(size.group(1))
        for name, at in re.findall(r"\.(x\d+): \.cfa (-?\d+) \+ \^", line):
            now[1][name] = int(at)
    return found


def compare_arm64():
    ours, theirs = functions(f"{WINDOWS}/arm64/test.exe"), arm64_snapshot()
    for begin, frame in theirs.items():
        assert begin in ours, f"{begin:x}"
        tap.equal(arm64_frame(ours[begin][1]), tuple(frame), f"frame of {begin:x}")
    assert len(theirs) > 200, len(theirs)


def compare_pdb():
    rows = [json.loads(line) for line in facts("pdb_facts", tap.corpus(f"{WINDOWS}/crash.pdb"))]
    ours = {}
    for r in rows:
        if r["k"] == "frame":
            ours.setdefault((4 if r["kind"] == 255 else 0, r["rva"]), r)
    compared = 0
    for name in ("cfi_pdb_windows", "cfi_sym_windows"):
        for line in lines_of(name):
            kind, rva, *numbers, text = line.split(None, 12)[2:]
            size, prolog, _, params, saved, local, most, program = (int(n, 16) for n in numbers)
            r = ours.get((int(kind), int(rva, 16)))
            assert r, line
            tap.equal([r[k] for k in ("size", "prolog", "params", "saved", "locals", "max")],
                      [size, prolog, params, saved, local, most], line)
            tap.equal(" ".join(r["program"].split()) if program else str(int(r["ebp"])), " ".join(text.split()), line)
            compared += 1
    assert compared > 300, compared


for title, case in (("x64: an image's unwind codes", compare_x64), ("ARM64: an image's unwind codes", compare_arm64),
                    ("x86: a PDB's frame data", compare_pdb)):
    with tap.case("symbolic's snapshot, " + title):
        case()
tap.done()
