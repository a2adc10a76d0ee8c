#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whole memory, forged, read by the library: each machine of tests/forge/worlds as a complete dump, which another hand wrote
from the same descriptions. Looked for is what the scenarios say: memory of the kernel and of each process, pages that are not
valid and where their bytes went, modules, processors, the debugger data block. TAP; standard library only.
"""
import glob
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402
sys.path.insert(0, HERE)
from test_whole import KERNEL_ONLY, Scenario, forge  # noqa: E402


class Facts:
    """Questions to whole_facts, asked at once when the first answer is wanted."""

    def __init__(self, dump, with_files):
        files = [f"{dump}.pagefile{i}" for i in range(2) if with_files]
        self.command = [tap.helper("whole_facts"), dump] + [f for f in files if os.path.exists(f)]

    def ask(self, *questions):
        run = subprocess.run(self.command, input="\n".join(questions) + "\n", capture_output=True, text=True, timeout=60)
        tap.equal((run.returncode, run.stderr), (0, ""), "whole_facts")
        return run.stdout.splitlines()

    def one(self, question):
        return self.ask(question)[0]


def dtbs(s, facts):
    """The page table base of each process; 0: the kernel's."""
    offset, width = s.offset("_KPROCESS", "DirectoryTableBase"), s.width
    answers = facts.ask(*[f"r 0 {p + offset:x} {width:x}" for p in s.processes])
    found = {0: 0}
    for p, line in zip(s.processes, answers):
        tap.equal(line.split()[0], "ok", "DirectoryTableBase")
        found[p] = int.from_bytes(bytes.fromhex(line.split()[1]), "little")
    return found


# What translation says of a page that a scenario describes: status without and with page files, and kind.
KINDS = {"transition": ("ok", "ok", "transition"), "pagefile": ("paged out", "ok", "pagefile"),
         "demandzero": ("absent", "absent", "demand zero"), "vad": ("absent", "absent", "prototype by VAD"),
         "subsection": ("paged out", "paged out", "subsection"), "prototype": ("ok", "ok", "valid")}


def check_memory(s, facts, with_files, user):
    base = dtbs(s, facts)
    wanted = [(p, va, data) for p, va, data in s.memory if user or not s.is_user(va)]
    answers = facts.ask(*[f"r {base[p]:x} {va:x} {len(data):x}" for p, va, data in wanted])
    for (p, va, data), line in zip(wanted, answers):
        how = s.ptes.get((p, va & ~0xfff)) or s.ptes.get((p, va + len(data) - 1 & ~0xfff))
        status = KINDS[how[1] if how[0] == "prototype" and len(how) > 1 else how[0]][with_files] if how else "ok"
        if status == "ok":
            tap.equal(line, f"ok {data.hex()}", f"memory at {va:#x} of process {p:#x}")
        else:
            tap.equal(line.rstrip(), status, f"memory at {va:#x} of process {p:#x}")
    return len(wanted)


def check_ptes(s, facts, user):
    base = dtbs(s, facts)
    wanted = [(p, va, how) for (p, va), how in s.ptes.items() if user or not s.is_user(va)]
    answers = facts.ask(*[f"t {base[p]:x} {va:x}" for p, va, _ in wanted])
    for (p, va, how), line in zip(wanted, answers):
        last = how[1:] if how[0] == "prototype" and len(how) > 1 else how
        status, kind, _, number, page, prototype = line.split(";")
        tap.equal((status, kind), (KINDS[last[0]][0], KINDS[last[0]][2]), f"{va:#x}: {' '.join(how)}")
        if last[0] == "pagefile":
            tap.equal((int(number), int(page, 16)), (int(last[1]), int(last[2], 16)), f"{va:#x}: page file and page")
        if last[0] == "subsection" and s.paging != "x86":
            tap.equal(int(prototype, 16), int(last[1].replace("`", ""), 16), "subsection")


def check_lists(s, facts):
    modules, unloaded, cpus, block = facts.ask("m", "u", "c", "k")
    want = sorted((b, e - b, n) for n, b, e, rest in s.modules if not s.is_user(b))
    got = sorted((int(b, 16), int(z, 16), n) for n, b, z, _ in (m.split() for m in modules.split(";") if m))
    tap.equal(got, want, "modules")
    tap.equal([u.split()[0] for u in unloaded.split(";") if u],
              [line.split()[1] for line in s.text.splitlines() if line.startswith("unloaded ")], "unloaded drivers")
    va, size, encoded, how = block.split(";")
    tap.equal(encoded == "1", s.encoded, "encoded")
    tap.contains(how, "decoded by what the kernel's base tells" if s.encoded else "named in the header")
    *each, current = cpus.split(";")
    tap.equal([int(c.split()[0]) for c in each], list(range(len(each))), "numbers of processors")
    thread = int(next(line for line in s.text.splitlines() if line.startswith("thread ")).split()[1].replace("`", ""), 16)
    tap.equal(int(each[int(current)].split()[2], 16), thread, "the current processor's thread")
    if s.stack and s.width == 8:  # of x86 the first column is the frame's
        tap.equal(int(each[int(current)].split()[4], 16), s.stack[0][0], "the current processor's stack pointer")


def world(path, folder):
    name = os.path.basename(path)[:-len(".scenario")]
    s = Scenario(path)
    dump = os.path.join(folder, name + ".dmp")
    if "\nbugcheck " in s.text and s.width == 8:
        with tap.case(f"{name} as raw: the processor that stopped is found without a header"):
            forge(path, dump, "raw")
            *each, current = Facts(dump, False).one("c").split(";")
            tap.equal(int(each[int(current)].split()[4], 16), s.stack[0][0], "its stack pointer")
    for kind, user in (("full", True), (None, None)):
        with tap.case(f"{name} as {kind or 'its text says'}: it is written"):
            forge(path, dump, kind)
        said = kind or s.text.split("\ndump ")[1].split()[0]
        user = said not in KERNEL_ONLY
        with tap.case(f"{name} as {said}: memory of the kernel and of processes"):
            assert check_memory(s, Facts(dump, False), 0, user) > 1
            check_memory(s, Facts(dump, True), 1, user)
        with tap.case(f"{name} as {said}: pages that are not valid"):
            check_ptes(s, Facts(dump, False), user)
        if said.startswith("elf"):
            continue  # the processors are the virtual machine's
        with tap.case(f"{name} as {said}: modules, processors, the debugger data block"):
            check_lists(s, Facts(dump, False))
        with tap.case(f"{name} as {said}: all that is there is walked"):
            runs, size = (int(x, 16) for x in Facts(dump, False).one("n").split())
            assert 0 < runs < 10000 and 1 << 20 < size < 1 << 34, (runs, size)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(glob.glob(os.path.join(HERE, "worlds", "machine-*.scenario"))):
            world(path, folder)
    tap.done()


if __name__ == "__main__":
    main()
