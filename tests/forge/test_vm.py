#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`!vm` of whole memory: which threads are the memory manager's, who owns working sets, how large all kernel stacks are.
Worlds of process_worlds.py in which one thread begins where the memory manager's begin. TAP; standard library only.
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from process_worlds import World  # noqa: E402

NAMES = ("7601-x64", "7601-x86", "9600-x64", "19041-x64")


def text_of(world, named):
    """The scenario; NAMED: the routine that the thread begins with has its name."""
    routine = world.nt + 0xF0000
    owns = " OwnsProcessWorkingSetExclusive=1" if world.build < 10000 else ""
    lines = []
    for line in world.text().splitlines():
        if line.startswith(f"thread {world.addr(world.threads['waits'])}"):
            line += f" StartAddress={routine:x}{owns}"
        lines.append(line)
    if named:
        lines.append(f"symbol nt!MiModifiedPageWriter {world.addr(routine)}")
    return "\n".join(lines) + "\n"


def make(world, folder, named):
    scenario = os.path.join(folder, f"{world.name}-{named}.scenario")
    dump = scenario + ".dmp"
    with open(scenario, "w", encoding="utf-8") as f:
        f.write(text_of(world, named))
    forge = os.path.join(os.path.dirname(tap.program()), "stopcode-forge")
    run = subprocess.run([forge, "-q", scenario, "-o", dump], capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), "stopcode-forge")
    return dump


def ask(dump, *commands):
    env = {"XDG_CACHE_HOME": os.path.dirname(dump), "_NT_SYMBOL_PATH": "", "_NT_EXECUTABLE_IMAGE_PATH": ""}
    lines = sum((["-c", c] for c in commands), [])
    _, out, _ = tap.run("-z", dump, "-y", dump + ".store", "-i", dump + ".store", *lines, "-c", "q", env=env)
    return out


def part(text, head):
    """What stands below HEAD, up to the next part."""
    text = text[text.index(head) + len(head):]
    ends = [text.index(end) for end in ("\nThreads ", "\nLast writes", "\nSystem Region") if end in text]
    return text[:min(ends, default=len(text))]


def check(world, dump):
    text = ask(dump, "!vm 33")
    thread = f"THREAD {world.digits(world.threads['waits'])}"
    manager, owners = part(text, "\nThreads of the memory manager:\n"), part(text, "\nThreads that own working sets:\n")
    tap.contains(manager, thread)
    tap.equal(manager.count("THREAD"), 1, "threads of the memory manager")
    tap.contains(manager, "nt!KiSwapContext+0x7a")
    if world.build < 10000:
        tap.contains(owners, thread)
        tap.contains(owners, "    owns the process's working set, exclusively\n")
        tap.equal(owners.count("THREAD"), 1, "owners")
    else:
        tap.contains(owners, "has no OwnsProcessWorkingSetExclusive")
        count = len(world.threads)
        tap.contains(text, f"Kernel Stacks:{count * 6:19} ({count * 24:11} Kb)  [of {count} threads]\n")
    tap.contains(text, "\nSystem Region               Base Address    NumberOfBytes\n\n")
    tap.contains(text, "PageTables            : ")


with tempfile.TemporaryDirectory() as folder:
    for name in NAMES:
        with tap.case(f"{name}: flags 2, 10 and 20"):
            check(World(name), make(World(name), folder, True))
    with tap.case("without the routine's name it is said which symbols are missing"):
        text = ask(make(World("7601-x64"), folder, False), "!vm 3")
        tap.contains(text, "The symbols do not have nt!MiModifiedPageWriter and its like")
tap.done()
