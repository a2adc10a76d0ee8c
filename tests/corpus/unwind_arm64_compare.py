#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unwind data of real ARM64 images: each function's codes against llvm-readobj, and against the code itself, whose prologs
and epilogs are executed: before each of their instructions the step must bring back the caller's registers. Prints TAP.

llvm-readobj 14 does not know pac_sign_lr ("Bad opcode!"), nor packed data with it (CR 2, shown without the frame of fp and
lr): of these the bytes and fields are compared; that they are understood is what executing shows.
"""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

ARM64 = b"PE\0\0\x64\xaa"
PAC = "0xfc"
# Instructions at which a function has moved its caller's sp for good: __security_push_cookie has 1, _pop_cookie 2.
COOKIES = {(): 0, ("0xd65f03c0", "0x910043ff", "0xd65f03c0"): 3}


def facts(*args):
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    tool = os.path.join(build, "tests", "unwind_facts")
    if not os.path.exists(tool):
        tap.skip("unwind_facts is not built")
    run = subprocess.run([tool, *args], capture_output=True, timeout=110)
    tap.equal(run.returncode, 0, "status of unwind_facts: " + run.stderr.decode("utf-8", "replace"))
    rows = [line.split("\t") for line in run.stdout.decode("utf-8", "replace").splitlines()]
    tap.equal([r for r in rows if r[0] == "error"], [], "errors")
    return rows


class Function:
    """As either side describes it: the prolog's codes as [(bytes, meaning)], and where epilogs are."""

    def __init__(self, begin):
        self.begin, self.length, self.packed = begin, 0, None
        self.single, self.first, self.nepilogs, self.size = False, 0, 0, 0
        self.codes, self.scopes = [], []


# ---- ours ----

def registers(kind, first, count):
    names = [f"{kind}{int(first) + i}" for i in range(int(count))]
    return tuple(names)


def meaning(op, reg, count, pre, value):
    if op == "save_lr":
        return ("save", (f"x{reg}", "x30"), False, int(value))
    if op.startswith("save_") and op[5:] in ("x", "d", "q"):
        return ("save", registers(op[5:], reg, count), pre == "1", int(value))
    return (op, int(value))


def ours(path):
    found = []
    for kind, *f in facts("codes", path):
        if kind == "function":
            found.append(Function(int(f[0], 16)))
            found[-1].length, data = int(f[1]), int(f[2], 16)
            found[-1].packed = data if data & 3 else None
            found[-1].single = f[3] == "1"
            found[-1].first, found[-1].nepilogs, found[-1].size = (int(x) for x in f[4:7])
        elif kind == "code":
            found[-1].codes.append((f[1], meaning(*f[2:])))
        elif kind == "scope":
            found[-1].scopes.append((int(f[0]), int(f[1])))
    return found


# ---- llvm-readobj ----

# What llvm-readobj says -> what it means.
TEXTS = [
    (r"(?:stp|ldp) (\w+), (\w+), \[sp, #-(\d+)\]!", lambda m: ("save", (m[1], m[2]), True, int(m[3]))),
    (r"(?:stp|ldp) (\w+), (\w+), \[sp, #(\d+)\]", lambda m: ("save", (m[1], m[2]), False, int(m[3]))),
    (r"str (\w+), \[sp, #-(\d+)\]!", lambda m: ("save", (m[1],), True, int(m[2]))),
    (r"str (\w+), \[sp, #(\d+)\]", lambda m: ("save", (m[1],), False, int(m[2]))),
    (r"sub sp,(?: sp,)? #(\d+)", lambda m: ("alloc", int(m[1]))),
    (r"mov fp, sp|mov x29, sp", lambda m: ("set_fp", 0)),
    (r"add fp, sp, #(\d+)", lambda m: ("add_fp", int(m[1]))),
    (r"clear unwound to call", lambda m: ("clear_unwound_to_call", 0)),
    (r"nop|stp x[0246], x[1357].*", lambda m: ("nop", 0)),
    (r"end", lambda m: ("end", 0)),
    (r"end_c", lambda m: ("end_c", 0)),
]


def llvm_meaning(text):
    for pattern, fn in TEXTS:
        m = re.fullmatch(pattern, text.replace("lr", "x30"))
        if m:
            return fn(m)
    return (text, None)


def number(block, name):
    found = re.search(rf"^ *{name}: (\S+)$", block, re.M)
    return int(found.group(1), 0) if found else 0


def llvm_function(block, base):
    f = Function(number(block, "Function") - base)
    f.length = number(block, "FunctionLength")
    prolog = re.search(r"Prologue \[\n(.*?)^ *\]", block, re.M | re.S).group(1)
    if "RegI" in block:
        names = ("RegF", "RegI", "CR", "FrameSize")
        f.packed = {n: number(block, n) for n in names}
        f.packed["H"] = int("HomedParameters: Yes" in block)
        f.packed["Fragment"] = int("Fragment: Yes" in block)
        f.codes = [(None, llvm_meaning(line.strip())) for line in prolog.splitlines()]
        return f
    lines = re.findall(r"^ *(0x[0-9a-f]+) *; (.*)$", prolog, re.M)
    f.codes = [(code, llvm_meaning(text)) for code, text in lines]
    f.single = "EpiloguePacked: Yes" in block
    f.first, f.nepilogs = number(block, "EpilogueOffset"), number(block, "EpilogueScopes")
    f.size = number(block, "ByteCodeLength")
    for scope in re.findall(r"EpilogueScope \{(.*?)\}", block, re.S):
        f.scopes.append((number(scope, "StartOffset"), number(scope, "EpilogueStartIndex")))
    return f


def llvm(path, base):
    run = subprocess.run(["llvm-readobj", "--unwind", path], capture_output=True, timeout=60)
    tap.equal(run.returncode, 0, "status of llvm-readobj")
    text = run.stdout.decode("utf-8", "replace")
    return [llvm_function(block, base) for block in re.split(r"^ *RuntimeFunction \{$", text, flags=re.M)[1:]]


# ---- cases ----

def images():
    """Every ARM64 image of the corpus that has a function table, and its base."""
    found = []
    for folder, _, names in os.walk(tap.corpus()):
        for name in names:
            path = os.path.join(folder, name)
            if not name.lower().endswith((".exe", ".dll", ".sys")):
                continue
            with open(path, "rb") as f:
                data = f.read(4096)
            nt = int.from_bytes(data[0x3c:0x40], "little")
            if data[nt:nt + 6] == ARM64 and int.from_bytes(data[nt + 0xa4:nt + 0xa8], "little"):
                found.append((path, int.from_bytes(data[nt + 0x30:nt + 0x38], "little")))
    return sorted(found)


def compare_packed(mine, want, where):
    word, fields = mine.packed, want.packed
    tap.equal({"RegF": word >> 13 & 7, "RegI": word >> 16 & 15, "H": word >> 20 & 1, "CR": word >> 21 & 3,
               "FrameSize": (word >> 23) * 16, "Fragment": int(word & 3 == 2)}, fields, f"{where}: packed fields")
    if fields["CR"] != 2:
        tap.equal([m for _, m in mine.codes], [m for _, m in want.codes], f"{where}: prolog")


def compare_xdata(mine, want, where):
    for (code, what), (code2, what2) in zip(mine.codes, want.codes):
        tap.equal(code, code2, f"{where}: bytes")
        if code != PAC:
            tap.equal(what, what2, f"{where}: {code}")
    tap.equal(len(mine.codes), len(want.codes), f"{where}: codes")
    tap.equal((mine.single, mine.first, mine.nepilogs, mine.size), (want.single, want.first, want.nepilogs, want.size),
              f"{where}: epilogs and size")
    tap.equal(mine.scopes, want.scopes, f"{where}: scopes")


def compare(path, base):
    mine, want = ours(path), llvm(path, base)
    tap.equal([f.begin for f in mine], [f.begin for f in want], "functions")
    for a, b in zip(mine, want):
        where = f"function {a.begin:#x}"
        tap.equal(a.length, b.length, f"{where}: length")
        tap.equal(a.packed is None, b.packed is None, f"{where}: packed")
        if a.packed is None:
            compare_xdata(a, b, where)
        else:
            compare_packed(a, b, where)
    print(f"# {len(mine)} functions, {sum(f.packed is not None for f in mine)} packed")


def execute(path):
    rows = facts("run", path)
    wrong = [r for r in rows if r[3] != "ok"]
    tap.equal(tuple(r[4] for r in wrong) in COOKIES and {r[3] for r in wrong} <= {"sp"}, True,
              f"instructions from which the caller's registers do not come back: {wrong[:6]}")
    assert sum(r[2] == "prolog" for r in rows) >= 90 and sum(r[2] == "epilog" for r in rows) >= 70, "hardly any"
    print(f"# {len(rows)} instructions")


def main():
    found = []
    with tap.case("the corpus has ARM64 images"):
        if not shutil.which("llvm-readobj"):
            tap.skip("llvm-readobj is not installed")
        found = images()
        assert len(found) >= 6, f"only {len(found)} images"
    for path, base in found:
        name = os.path.relpath(path, tap.corpus())
        with tap.case(f"{name}: unwind codes as llvm-readobj reads them"):
            compare(path, base)
        with tap.case(f"{name}: prologs and epilogs, executed"):
            execute(path)
    tap.done()


if __name__ == "__main__":
    main()
