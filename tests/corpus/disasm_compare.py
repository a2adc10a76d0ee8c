#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares our disassembler with GNU objdump (x86, x64) and llvm-objdump (ARM64), over all code of the corpus' images.

objdump sweeps each executable section from its start to its end; at every instruction that it finds, ours must have
the same length and branch to the same address. Where they may differ, and why, stands in REASONS: a difference without
a reason fails the case, and those with one are counted aloud. TAP; standard library only.
"""
import collections
import glob
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

# What objdump 2.40 does otherwise.
REASONS = {
    "prefix alone": "objdump shows a prefix that the following bytes do not take as an instruction of its own",
    "fwait joined": "objdump joins a wait and the x87 instruction behind it",
    "bad there": "objdump knows no such instruction, we do: undocumented or newer than it",
    "bad here": "we refuse encodings that are reserved or unpredictable, objdump shows something",
    "symbol inside": "objdump ends an instruction where a symbol starts (COFF symbols in the file)",
    "16-bit branch": "with an operand prefix a branch of x86 keeps 16 bits of the address; objdump keeps all",
    "cut off": "the instruction would end behind the section's end",
}


def facts_program():
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    path = os.path.join(build, "tests", "disasm_facts")
    if not os.path.exists(path):
        raise AssertionError(f"{path} is not built")
    return path


def facts(path, *args, given=None):
    run = subprocess.run([facts_program(), path, *args], input=given, capture_output=True, timeout=120, text=True)
    tap.equal(run.returncode, 0, "status of disasm_facts: " + run.stderr)
    return [line.split("\t") for line in run.stdout.splitlines()]


def images():
    folder = tap.corpus()
    found = []
    for sub in ("pdb", "drivers", "symstore"):
        for path in glob.glob(os.path.join(folder, sub, "**", "*"), recursive=True):
            if path.lower().endswith((".exe", ".dll", ".sys")) and os.path.isfile(path):
                found.append(path)
    return sorted(found)


def machine(path):
    with open(path, "rb") as f:
        data = f.read(4096)
    at = int.from_bytes(data[0x3c:0x40], "little")
    return int.from_bytes(data[at + 4:at + 6], "little") if data[:2] == b"MZ" else 0


# ADDRESS: bytes, tab, text. Instructions of more than 8 bytes stand on one line because of -w.
X86_LINE = re.compile(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *(?:\t(.*))?$")
ARM_LINE = re.compile(r"^ *([0-9a-f]+): *((?:[0-9a-f]{2} ){4}|[0-9a-f]{8}) *\t(.*)$")
TARGET = re.compile(r"^(?:(?:bnd|notrack|repz|repnz|lock|data16|addr16|addr32|[c-gs]s|rex\.?\w*) )*"
                    r"(?:call|jmp|j[a-z]+|loop[a-z]*|xbegin)w?(?:,p[nt])? +(?:0x)?([0-9a-f]+)(?: <.*)?$")
ARM_TARGET = re.compile(r"^(?:b|bl|b\.\w+|cbn?z|tbn?z)\t(?:.*, )?(?:#?0x)?([0-9a-f]+)(?: <.*)?$")


def objdump(path, kind, start, end):
    tool = ["objdump", "-d", "-w", "-M", "intel,intel64"] if kind != "ARM64" else [
        shutil.which("llvm-objdump") or "llvm-objdump-14", "-d",
        "--mattr=+v8.7a,+crypto,+sha3,+sm4,+fullfp16,+fp16fml,+sve2,+mte,+rand,+ssbs,+sb,+predres,+ls64,+bf16,+i8mm"]
    tool[1] = "-D" if kind != "ARM64" else tool[1]
    run = subprocess.run([*tool, f"--start-address=0x{start:x}", f"--stop-address=0x{end:x}", path],
                         capture_output=True, timeout=120, text=True, errors="replace")
    tap.equal(run.returncode, 0, "status of objdump: " + run.stderr[:500])
    rows, labels = [], set()
    for line in run.stdout.splitlines():
        label = re.match(r"^([0-9a-f]+) <.*>:$", line)
        if label:
            labels.add(int(label.group(1), 16))
        m = (ARM_LINE if kind == "ARM64" else X86_LINE).match(line)
        if not m:
            continue
        text = (m.group(3) or "").strip()
        length = 4 if kind == "ARM64" else len(m.group(2).split())
        target = (ARM_TARGET if kind == "ARM64" else TARGET).match(text)
        bad = "(bad)" in text or text == "<unknown>" or not text
        rows.append((int(m.group(1), 16), 0 if bad else length, int(target.group(1), 16) if target else None, text,
                     m.group(2).strip()))
    return rows, labels


PREFIXES = re.compile(r"^(?:(?:rex(?:\.[WRXB]+)?|data16|addr32|lock|repz|repnz|rep|cs|ds|es|fs|gs|ss|bnd|notrack|"
                      r"xacquire|xrelease|addr16) ?)+$")


def reason(row, length, end, labels):
    """Why our length may differ from objdump's; None: it may not."""
    addr, want, _, text, data = row
    if PREFIXES.match(text):
        return "prefix alone"
    if data.startswith("9b") and text.startswith("f") and length == 1:
        return "fwait joined"
    if want and want < length and addr + want in labels:
        return "symbol inside"
    if addr + 15 > end and (not length or text.startswith(".byte")):
        return "cut off"
    if not want:
        return "bad there"
    if not length:
        return "bad here"
    return None


def compare(path, kind):
    count, why = 0, collections.Counter()
    samples = {}
    for start, end in [(int(a, 16), int(b, 16)) for a, b in facts(path, "sections")]:
        rows, labels = objdump(path, kind, start, end)
        ours = facts(path, given="".join(f"{row[0]:x}\n" for row in rows))
        tap.equal(len(ours), len(rows), "instructions asked for")
        for row, (addr, length, target, mnemonic, operands) in zip(rows, ours):
            count += 1
            length = int(length)
            if length == row[1]:
                if length and row[2] is not None and target != f"{row[2]:x}":
                    if kind == "x86" and "66" in row[4].split()[:-1] and int(target, 16) == row[2] & 0xffff:
                        why["16-bit branch"] += 1
                        continue
                    raise AssertionError(f"{addr}: {row[4]}: branches to {target}, want {row[2]:x} ({row[3]})")
                if row[2] is None and target != "-" and kind != "ARM64":
                    raise AssertionError(f"{addr}: {row[4]}: branches to {target}; objdump: {row[3]}")
                continue
            reasons = reason(row, length, end, labels)
            if not reasons:
                raise AssertionError(f"{addr}: {row[4]}: length {length} ({mnemonic} {operands}), "
                                     f"want {row[1]} ({row[3]})")
            why[reasons] += 1
            samples.setdefault(reasons, []).append(f"{addr}: {row[4]}: {row[3]} | {mnemonic} {operands}")
    return count, why, samples


def main():
    verbose = "--verbose" in sys.argv
    total = collections.Counter()
    with tap.case("the corpus and objdump are here"):
        images()
        if not shutil.which("objdump"):
            tap.skip("objdump is not installed")
    try:
        paths = images()
    except tap.Skip:
        return tap.done()
    for path in paths:
        kind = {0x14c: "x86", 0x8664: "x64", 0xaa64: "ARM64"}.get(machine(path))
        if not kind:
            continue
        with tap.case(f"{os.path.basename(path)} ({kind})"):
            count, why, samples = compare(path, kind)
            total[kind] += count
            noted = ", ".join(f"{n} {reason}" for reason, n in sorted(why.items()))
            print(f"# {count} instructions" + (f"; otherwise: {noted}" if noted else ""))
            if verbose:
                for name, lines in samples.items():
                    for line in lines[:12]:
                        print(f"#   {name}: {line}")
            # Data between functions may be anything, so differences with a reason are few, not none.
            assert sum(why.values()) * 50 <= count + 500, noted
    with tap.case("every CPU was compared"):
        for kind in ("x86", "x64", "ARM64"):
            print(f"# {kind}: {total[kind]} instructions")
            assert total[kind] > 1000, kind
    for name, text in REASONS.items():
        print(f"# {name}: {text}")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
