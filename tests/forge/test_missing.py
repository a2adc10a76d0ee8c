#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a dump lacks is named: commands about memory, pool, processes, threads and objects, asked of worlds of which nobody has
the symbols, or whose variables are damaged or missing, and of small dumps, which hold next to nothing of them. Each must
answer, or fail with a message that names the structure, the symbol or the address (or the kind of dump) that it needs. TAP;
standard library only.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from process_worlds import WORLDS, World  # noqa: E402

FOLDER = tempfile.mkdtemp(prefix="stopcode-missing-")

COMMANDS = """
!vm; !vm 1; !vm 2; !vm 4; !vm 8; !vm 10; !vm 20; !filecache; !filecache 1; !frag; !frag f; !lookaside; !lookaside ADDR;
!sysptes; !sysptes 1; !sysptes 8; !pool ADDR; !pool ADDR 1; !poolused; !poolused 2; !poolused 4; !poolused 8; !poolused /t 5;
!poolfind Proc; !poolfind Proc 1; !poolfind Proc -nonpaged; !poolfind Proc -session; !poolval ADDR; !poolval ADDR 3;
!swd; !dpcwatchdog; !irql; !pcr; !prcb; !running; !running -i -t; !running -it; !ready; !ready 0; !dpcs; !timer; !apc; !qlocks;
!exqueue; !exqueue f; !idt; !idt -a; !cpuinfo; !process; !process 0 0; !process 0 7; !process -1 0; !process PROC 1f; !process ADDR;
!process 9a4 1; !thread; !thread -1; !thread THREAD 17; !thread ADDR; !thread -t 4; !stacks; !stacks 2; !uniqstack; !findstack nt;
!for_each_process .echo x; !for_each_thread .echo x; !session; !session -s 1; !sprocess; !sprocess 0; !sprocess -4; !sprocess 1;
!job ADDR; !token ADDR; !handle; !handle 4; !handle 0 3 PROC; !object \\; !object ADDR; !object -p; !object 0 Device;
!wow64exts.info; !wow64exts.r; !wow64exts.k; !peb; !teb; !bugdump; !sysinfo smbios; !memusage
""".replace("\n", " ").split(";")

# Variables of the kernel whose addresses are known: whole dumps hold only 0xCC bytes there, small ones nothing.
VARIABLES = """MmAvailablePages MmTotalFreeSystemPtes MiSystemPartition MiState MiSystemPteInfo MiVisibleState CcVacbArrays
CcVacbArraysAllocated CcNumberOfMappedVacbs CcVacbs CcBeyondVacbs ExPoolState PoolTrackTable PoolTrackTableSize ExpSessionPoolTrackTable
MmNonPagedPoolStart ExSystemLookasideListHead ExPoolLookasideListHead ExpNonPagedLookasideListHead KiTimerTableListHead ExWorkerQueue
KeNodeBlock PspSystemPartition ObpPrivateNamespaceLookupTable ObTypeIndexTable ObpRootDirectoryObject KeBugCheckCallbackListHead
KeBugCheckReasonCallbackListHead WmipSMBiosTablePhysicalAddress KiProcessorBlock PspCidTable MiSessionWsList MmSessionWsList
MmPagedPoolInfo PoolVector MiPagingFileTraces MmPfnDatabase""".split()

# What a message may name: nt!Symbol, a _STRUCTURE, an address, page tables, a kind of dump or system; an id that was asked for.
NAMED = re.compile(r"nt!\w+|\b_[A-Z][A-Z0-9_]{2,}|\b[0-9a-f]{8}([0-9a-f]{8})?\b|page tables|needs a user dump|"
                   r"only systems of x64|thread with the id")


def make(world, kind, named):
    """A dump; NAMED: beside it lies a store with symbols, whose variables lie where the dump has no memory."""
    scenario, dump = (os.path.join(FOLDER, f"{world.name}-{named}" + end) for end in (".scenario", f"-{kind}.dmp"))
    with open(scenario, "w", encoding="utf-8") as f:
        f.write(world.text())
        for i, name in enumerate(VARIABLES if named else []):
            f.write(f"symbol nt!{name} {world.addr(world.nt + 0xE0000 + 0x100 * i)}\n")
    forge = os.path.join(os.path.dirname(tap.program()), "stopcode-forge")
    run = subprocess.run([forge, "-q", scenario, "-o", dump, "--as", kind], capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), "stopcode-forge")
    return dump


def answers(world, dump, named):
    """The JSON records of one run over all commands."""
    named = {"ADDR": world.objects + 0x7F0000, "PROC": world.process["app.exe"], "THREAD": world.threads["waits"]}
    commands = [re.sub("ADDR|PROC|THREAD", lambda m: world.addr(named[m.group()]), c.strip()) for c in COMMANDS]
    env = {"XDG_CACHE_HOME": os.path.join(FOLDER, "cache"), "_NT_SYMBOL_PATH": "", "_NT_EXECUTABLE_IMAGE_PATH": ""}
    lines = sum((["-c", c] for c in commands), [])
    store = ["-y", dump + ".store", "-i", dump + ".store"] if named else []
    _, out, err = tap.run("--json", "-sins", *store, "-z", dump, *lines, "-c", "q", env=env)
    tap.equal(err, "", "standard error")
    rows = [json.loads(line) for line in out.splitlines()]
    return commands, [r for r in rows if r.get("command", "").lstrip("!") != "q"]


def check(world, kind, named):
    commands, rows = answers(world, make(world, kind, named), named)
    tap.equal([r["command"] for r in rows], commands, "commands")
    failed = [(r["command"], r["error"]["text"]) for r in rows if r["error"]]
    tap.equal([f for f in failed if not NAMED.search(f[1])], [], "messages that name nothing")
    assert 8 < len(failed) < len(commands) - 8, f"{len(failed)} of {len(commands)} commands fail"
    for name in ("!swd", "!process 9a4 1", "!running", "!pcr"):  # these stand on processes and processors alone
        error = dict(failed).get(name)
        assert kind == "triage" or not error or "is in the symbols of this kernel" in error, f"{name}: {error}"


def main():
    for name in WORLDS:
        for kind in ("full", "triage"):
            for named in (False, True):
                with tap.case(f"{name}, {kind}, {'damaged variables' if named else 'no symbols'}: what is missing is named"):
                    check(World(name), kind, named)
    shutil.rmtree(FOLDER, ignore_errors=True)
    tap.done()


main()
