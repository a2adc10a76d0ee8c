#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds what the code of real x86 functions does to the stack, as the library runs it in thought, against what their
compiler wrote into FRAMEDATA, as llvm-pdbutil reads it. Prints TAP.

A block of FRAMEDATA begins behind the instruction that changed the frame. At its beginning

    `$T0 .raSearch = …`    the return address lies locals + saved registers above esp
    `$T0 $ebp = …`         behind the prolog ebp points to the slot below the return address
    `$23 $T0 8 - ^ =`      esi (CodeView's register 23) was saved 8 bytes below $T0
"""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

SEH = "pdb/rizinorg+rizin-testbins/pe/microsoft_seh_tests/x86"
BLOATY = "pdb/google+bloaty/tests/testdata/PE/x86"
# image, PDB, facts that must be found equal at least: depths, frames of ebp, saved registers
PAIRS = [
    (f"{SEH}/xcpt4.exe", f"{SEH}/xcpt4.pdb", (50, 50, 100)),
    (f"{SEH}/nested_collided.exe", f"{SEH}/nested_collided.pdb", (45, 20, 30)),
    (f"{SEH}/xframe_eh_exe.exe", f"{SEH}/xframe_eh_exe.pdb", (55, 20, 40)),
    (f"{SEH}/xframe_eh_dll.dll", f"{SEH}/xframe_eh_dll.pdb", (35, 25, 30)),
    (f"{BLOATY}/msvc-15.0-foo-bar-main-cv.bin", f"{BLOATY}/msvc-15.0-foo-bar-main-cv.pdb", (60, 25, 20)),
    (f"{BLOATY}/msvc-16.0-foo-bar-main-cv.bin", f"{BLOATY}/msvc-16.0-foo-bar-main-cv.pdb", (60, 35, 25)),
]
NAMES = {"20": "ebx", "22": "ebp", "23": "esi", "24": "edi"}


def rules(pdb):
    """[(rva, size, locals, prolog, saved, is a function's start, program)]"""
    run = subprocess.run(["llvm-pdbutil", "dump", "--fpo", tap.corpus(pdb)], capture_output=True, timeout=60)
    text = run.stdout.decode("utf-8", "replace")
    out = []
    for line in text[text.find("New FPO Data"):].splitlines():
        f = [x.strip() for x in line.split("|")]
        if len(f) == 11 and re.fullmatch("[0-9A-F]{8}", f[0]):
            out.append((int(f[0], 16), int(f[1]), int(f[2]), int(f[5]), int(f[6]), f[9] == "true", f[10]))
    return out


def ask(image, questions):
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    tool = os.path.join(build, "tests", "entry_facts")
    if not os.path.exists(tool):
        tap.skip("entry_facts is not built")
    text = "".join(f"{start:x} {stop:x}\n" for start, stop in questions)
    run = subprocess.run([tool, tap.corpus(image)], input=text.encode(), capture_output=True, timeout=60)
    if run.returncode:
        raise AssertionError(run.stderr.decode())
    return [line.split() for line in run.stdout.decode().splitlines()]


def compare(image, pdb, least):
    rows = rules(pdb)
    starts = [r for r in rows if r[5]]
    todo = []
    for r in rows:
        owner = [s for s in starts if s[0] <= r[0] < s[0] + s[1]]
        if owner:
            at_ebp = r[6].startswith("$T0 $ebp = $eip")
            todo.append((owner[-1][0], r[0] + (r[3] if at_ebp else 0), r, at_ebp))
    found = [0, 0, 0]
    for (start, stop, r, at_ebp), facts in zip(todo, ask(image, [t[:2] for t in todo])):
        if len(facts) < 2:
            continue
        where = f"{start:x}+{stop - start:x}"
        if at_ebp:
            if facts[1] == "-":
                continue
            tap.equal(int(facts[1]), 4, f"{where}: return address above ebp")
            found[1] += 1
        elif r[6].startswith("$T0 .raSearch"):
            tap.equal(int(facts[0]), r[2] + r[4], f"{where}: return address above esp")
            found[0] += 1
        saved = dict(f.split(":") for f in facts[2:])
        for number, offset in re.findall(r"\$(\d+) \$T0 (\d+) - \^ =", r[6]):
            tap.equal(int(saved.get(NAMES[number], 0)), int(offset) + (4 if at_ebp else 0),
                      f"{where}: {NAMES[number]} below the return address")
            found[2] += 1
    print(f"# {os.path.basename(image)}: {len(rows)} blocks, equal: {found[0]} depths, {found[1]} frames of ebp, "
          f"{found[2]} saved registers")
    tap.equal(all(a >= b for a, b in zip(found, least)), True, f"at least {least} of them")


def main():
    for image, pdb, least in PAIRS:
        with tap.case(os.path.basename(image)):
            if not shutil.which("llvm-pdbutil"):
                tap.skip("llvm-pdbutil is not installed")
            compare(image, pdb, least)
    tap.done()


if __name__ == "__main__":
    main()
