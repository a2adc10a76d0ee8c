#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What only kernels have of which no layout is built in: forged with their symbol tables, of the corpus. TAP."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

# Windows Server 2022, 20348.2529: times of processes are in two halves.
HALVES = "isf/ntkrnlmp.pdb/879AD95F3461091BB6318FA98072AD8E-1.json.xz"
MACHINE = """dump bitmap
os 20348 revision 2529 product server
cpu x64 count 1 current 0 mhz 2400
ram 64M
bugcheck 50 ffff9a0d`02345080 0 fffff801`2b1a134c 2
module nt fffff801`0fe00000 +1100000 image ntkrnlmp.exe
memory nt!KeMaximumIncrement 5a620200
process System ffff9a0d`01010080 pid 4 ActiveThreads=1
process old.exe ffff9a0d`01020080 pid 9a4 Pcb.KernelTimeLow=40 KernelTimeHigh=1 Pcb.UserTimeLow=40
thread ffff9a0d`01080080 cid 4.8 process ffff9a0d`01010080
"""
TICK = 0x2625a / 10000000  # seconds


def seconds(text, name):
    m = re.search(rf"^    {name} +(?:(\d+) Days? )?(\d+):(\d\d):(\d\d)\.(\d\d\d)$", text, flags=re.M)
    if not m:
        raise AssertionError(f"no {name} in:\n{text}")
    return ((int(m[1] or 0) * 24 + int(m[2])) * 60 + int(m[3])) * 60 + int(m[4]) + int(m[5]) / 1000


with tap.case("times of a process that are kept in two halves are whole"), tempfile.TemporaryDirectory() as folder:
    table = tap.corpus(HALVES)
    scenario, dump, store = (os.path.join(folder, name) for name in ("a.scenario", "a.dmp", "store"))
    with open(scenario, "w", encoding="utf-8") as f:
        f.write(MACHINE)
    run = subprocess.run([tap.helper("stopcode-forge"), scenario, "-q", "-o", dump, "--store", store, "--isf", table],
                         capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), "stopcode-forge")
    _, out, _ = tap.run("-z", dump, "-y", f"{tap.corpus('isf')};{store}", "-c", "!process ffff9a0d01020080 1; q")
    for name, ticks in (("KernelTime", (1 << 32) + 0x40), ("UserTime", 0x40)):
        tap.equal(abs(seconds(out, name) - ticks * TICK) < 0.01, True, f"{name} ({seconds(out, name)} seconds)")
tap.done()
