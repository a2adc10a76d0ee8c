#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unwind information of real images against llvm-readobj and objdump, and the stack of a real dump against what another
debugger found. Prints TAP.

llvm-readobj 14 reads version 1 only and crashes on version 2; objdump reads both, but names an UNWIND_INFO once though
several functions share it. Version 2 says where epilogs are and version 1 finds them by their instructions: in images of
version 2 both must see the same at every instruction.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

REGISTERS = "RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15".split()
PUSH, ALLOC_LARGE, ALLOC_SMALL, SET_FPREG, SAVE, SAVE_FAR, EPILOG, _, XMM, XMM_FAR, MACHFRAME = range(11)
DONE, BAD = 0, 3
# Made to be damaged: its chain leads back to itself.
LOOPS = {"cfi_chained_loop.exe"}


def facts(*args):
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    tool = os.path.join(build, "tests", "unwind_facts")
    if not os.path.exists(tool):
        tap.skip("unwind_facts is not built")
    run = subprocess.run([tool, *args], capture_output=True, timeout=110)
    tap.equal(run.returncode, 0, "status of unwind_facts: " + run.stderr.decode("utf-8", "replace"))
    return [line.split("\t") for line in run.stdout.decode("utf-8", "replace").splitlines()]


class Function:
    """A function with its UNWIND_INFO: numbers, and codes as (offset, what it does, register, value)."""

    def __init__(self, begin, end, info, *head):
        self.begin, self.end, self.info, self.head = begin, end, info, head
        self.codes, self.epilogs, self.chain, self.plan = [], [], None, None

    def key(self):
        return (self.begin, self.end, self.info, self.head, self.codes, self.chain)


def code(at, op, info, value):
    if op in (ALLOC_LARGE, ALLOC_SMALL):
        return (at, "alloc", None, value)
    if op == SET_FPREG:
        return (at, "frame", None, None)
    names = {PUSH: "push", SAVE: "save", SAVE_FAR: "save", XMM: "xmm", XMM_FAR: "xmm", MACHFRAME: "machine"}
    return (at, names[op], info, value if op not in (PUSH, MACHFRAME) else None)


def ours(path):
    """[Function], from the library."""
    found = []
    for kind, *f in facts("codes", path):
        if kind == "function":
            found.append(Function(*(int(x, 16) for x in f[:3]), *(int(x) for x in f[3:])))
        elif kind == "code" and int(f[1]) == EPILOG:
            found[-1].epilogs.append((int(f[0], 16), int(f[2])))
        elif kind == "code":
            found[-1].codes.append(code(int(f[0], 16), *(int(x) for x in f[1:])))
        elif kind == "chain":
            found[-1].chain = tuple(int(x, 16) for x in f)
        elif kind == "plan":
            found[-1].plan = int(f[0])
        else:
            raise AssertionError("error: " + " ".join(f))
    return found


# ---- llvm-readobj ----

def hexes(text):
    return [int(x, 16) for x in re.findall(r"\(0x([0-9A-F]+)\)", text)]


def llvm_code(line):
    at, op, rest = re.match(r" *0x([0-9A-F]+): ([A-Z_0-9]+) ?(.*)", line).groups()
    f = dict(re.findall(r"(\w+)=([^,\s]+)", rest))
    value = int(f.get("offset", f.get("size", "0")), 0)
    if op.startswith("ALLOC"):
        return (int(at, 16), "alloc", None, value)
    if op.startswith("SET_FPREG"):
        return (int(at, 16), "frame", None, None)
    if op.startswith("PUSH_MACHFRAME"):
        return (int(at, 16), "machine", int(f["errcode"] == "yes"), None)
    if op.startswith("PUSH_NONVOL"):
        return (int(at, 16), "push", REGISTERS.index(f["reg"]), None)
    if op.startswith("SAVE_XMM128"):
        return (int(at, 16), "xmm", int(f["reg"].replace("XMM", "")), value)
    return (int(at, 16), "save", REGISTERS.index(f["reg"]), value)


def field(block, name):
    return re.search(rf"^ *{name}: (.*)$", block, re.M).group(1)


def llvm(path, base, count):
    """[Function.key()], or None when it crashed. It goes on behind the table, to the end of the section."""
    run = subprocess.run(["llvm-readobj", "--unwind", path], capture_output=True, timeout=60)
    if run.returncode:
        return None
    found = []
    for block in re.split(r"^ *RuntimeFunction \{$", run.stdout.decode("utf-8", "replace"), flags=re.M)[1:count + 1]:
        place = [hexes(field(block, n))[-1] - base for n in ("StartAddress", "EndAddress", "UnwindInfoAddress")]
        register = field(block, "FrameRegister")
        offset = field(block, "FrameOffset")
        head = (int(field(block, "Version")), hexes(re.search(r"Flags \[ (.*)", block).group(1))[0],
                int(field(block, "PrologSize")), int(field(block, "UnwindCodeCount")),
                0 if register == "-" else REGISTERS.index(register.split()[0]), 0 if offset == "-" else int(offset, 0))
        f = Function(*place, *head)
        f.codes = [llvm_code(line) for line in re.findall(r"^ *0x[0-9A-F]+: (?!EPILOG )[A-Z_0-9]+.*$", block, re.M)]
        chained = block.split("Chained {")
        if len(chained) > 1:
            f.chain = tuple(hexes(field(chained[1], n))[-1] - base
                            for n in ("StartAddress", "EndAddress", "UnwindInfoAddress"))
        found.append(f.key())
    return found


# ---- objdump ----

def objdump_code(line):
    at, what = re.match(r"\s+pc\+0x([0-9a-f]+): (.*)", line).groups()
    at = int(at, 16)
    number = re.search(r"0x([0-9a-f]+)", what)
    value = int(number.group(1), 16) if number else None
    if what.startswith("alloc"):
        return (at, "alloc", None, value)
    if what.startswith("FPReg"):
        return (at, "frame", None, None)
    if what.startswith("interrupt"):
        return (at, "machine", int("ErrorCode" in what), None)
    register = what.split()[1].upper()
    if what.startswith("push"):
        return (at, "push", REGISTERS.index(register), None)
    if register.startswith("XMM"):
        return (at, "xmm", int(register[3:]), value)
    return (at, "save", REGISTERS.index(register), value)


FLAGS = {"none": 0, "UNW_FLAG_EHANDLER": 1, "UNW_FLAG_UHANDLER": 2, "UNW_FLAG_FHANDLER": 3, "UNW_FLAG_CHAININFO": 4}


def objdump_head(block):
    flags = sum(FLAGS[x.strip()] for x in re.search(r"Flags: (.*)", block).group(1).rstrip(".").split("|"))
    count, prolog, offset, register = re.search(
        r"Nbr codes: (\d+), Prologue size: 0x([0-9a-f]+), Frame offset: 0x([0-9a-f]+), Frame reg: (\w+)", block).groups()
    register = 0 if register == "none" else REGISTERS.index(register.upper())
    return (int(re.search(r"Version: (\d+)", block).group(1)), flags, int(prolog, 16), int(count), register,
            int(offset, 16))


def objdump(path):
    """{RVA of the UNWIND_INFO: (head, codes, chain, its function's length and epilogs)}."""
    run = subprocess.run(["objdump", "-p", path], capture_output=True, timeout=60)
    found = {}
    parts = re.split(r"^ [0-9a-f]{16} \(rva: ([0-9a-f]{8})\): ", run.stdout.decode("utf-8", "replace"), flags=re.M)
    for rva, block in zip(parts[1::2], parts[2::2]):
        codes = [objdump_code(line) for line in re.findall(r"^\s+pc\+0x.*$", block, re.M)]
        chain = re.search(r"Chain: start: ([0-9a-f]+), end: ([0-9a-f]+)\s+unwind data: ([0-9a-f]+)", block)
        epilogs = re.search(r"v2 epilog \(length: ([0-9a-f]+)\) at pc\+:(.*)", block)
        begin, end = (int(x, 16) for x in re.match(r"([0-9a-f]+) - ([0-9a-f]+)", block).groups())
        starts = [int(x, 16) for x in re.findall(r"0x([0-9a-f]+)", epilogs.group(2))] if epilogs else []
        found[int(rva, 16)] = (objdump_head(block), codes, tuple(int(x, 16) for x in chain.groups()) if chain else None,
                               (end - begin, int(epilogs.group(1), 16), starts) if epilogs else None)
    return found


def epilogs_of(f, length):
    """As objdump shows them: their size, and where they begin in the function of that length."""
    if not f.epilogs:
        return None
    (size, flags), rest = f.epilogs[0], f.epilogs[1:]
    starts = [length - size] if flags & 1 else []
    return size, starts + [length - (low | high << 8) for low, high in rest if low | high << 8]


# ---- cases ----

def image_base(path):
    with open(path, "rb") as f:
        data = f.read(4096)
    nt = int.from_bytes(data[0x3c:0x40], "little")
    return int.from_bytes(data[nt + 0x30:nt + 0x38], "little")


def images():
    """Every x64 image of the corpus that has a function table."""
    found = []
    for folder, _, names in os.walk(tap.corpus()):
        for name in names:
            path = os.path.join(folder, name)
            if name.lower().endswith((".exe", ".dll", ".sys")) and is_x64(path):
                found.append(path)
    return sorted(found)


def is_x64(path):
    with open(path, "rb") as f:
        data = f.read(4096)
    nt = int.from_bytes(data[0x3c:0x40], "little")
    return data[:2] == b"MZ" and data[nt:nt + 6] == b"PE\0\0\x64\x86" and \
        int.from_bytes(data[nt + 0xa4:nt + 0xa8], "little") > 0


def by_llvm(path, mine):
    want = llvm(path, image_base(path), len(mine))
    if want is None:
        tap.skip("llvm-readobj crashes on it")
    tap.equal([f.key() for f in mine], want, "functions")


def by_objdump(mine, other):
    seen = 0
    for f in mine:
        if f.info not in other:
            continue
        head, codes, chain, epilogs = other[f.info]
        tap.equal((f.head, f.codes, f.chain), (head, codes, chain), f"UNWIND_INFO at {f.info:#x}")
        seen += 1
        if epilogs:
            tap.equal(epilogs_of(f, epilogs[0]), epilogs[1:], f"epilogs by the UNWIND_INFO at {f.info:#x}")
    tap.equal(seen, len(mine), "functions whose information objdump has")


def plans(path, mine):
    want = BAD if os.path.basename(path) in LOOPS else DONE
    tap.equal([f.begin for f in mine if f.plan != want], [], "functions that cannot be left")


def epilogs(path):
    rows = facts("epilogs", path)
    strays = [r for r in rows if r[2] not in ("both", "release") and not (r[2] == "codes" and r[3].startswith("int"))]
    tap.equal(strays, [], "instructions of which codes and bytes say different things")
    return sum(r[2] == "both" for r in rows)


def compare(path, name):
    mine = None
    with tap.case(f"{name}: its functions are read"):
        mine = ours(path)
        assert mine, "no functions"
        plans(path, mine)
    if mine is None:
        return
    if path.endswith(tuple(LOOPS)):
        return
    with tap.case(f"{name}: unwind codes as llvm-readobj reads them"):
        by_llvm(path, mine)
    with tap.case(f"{name}: unwind codes as objdump reads them"):
        by_objdump(mine, objdump(path))
    if any(f.head[0] == 2 for f in mine):
        with tap.case(f"{name}: epilogs by codes are those that instructions show"):
            assert epilogs(path) >= 20, "hardly any epilog"


def golden(name):
    with open(tap.corpus(f"golden/{name}.frames.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    return [(row[1], row[2]) for row in rows]


def stack():
    """From the exception's context on: frames 8 to 24, for which images are at hand but for the last one's."""
    with tempfile.TemporaryDirectory() as cache:
        rows = facts("walk", "-i", tap.corpus("symstore"), "-c", cache, tap.corpus("kdump/triage_x64.dmp"))
    frames = [r[1:] for r in rows if r[0] == "frame"]
    want = golden("triage_x64")[8:25]
    tap.equal([(f[1], f[2]) for f in frames[:len(want)]], want, "instruction and stack pointers")
    tap.equal([f[3] for f in frames[:len(want)]], ["context"] + ["unwind"] * (len(want) - 1), "how")
    tap.equal({f[4] for f in frames[1:len(want)]}, {"0xf0f8"}, "nonvolatile registers are known")


def main():
    found = []
    with tap.case("the corpus has x64 images"):
        for tool in ("llvm-readobj", "objdump"):
            if not shutil.which(tool):
                tap.skip(f"{tool} is not installed")
        found = images()
        assert len(found) >= 12, f"only {len(found)} images"
    for path in found:
        compare(path, os.path.relpath(path, tap.corpus()))
    with tap.case("triage_x64: the stack of the exception is what another debugger found"):
        stack()
    tap.done()


if __name__ == "__main__":
    main()
