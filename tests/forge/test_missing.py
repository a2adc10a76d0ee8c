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


def check_without_a_list_of_modules(world):
    """
    The list is broken: images are looked for. On the way lies a page that is in a page file, which may be the memory store:
    whether it is needs symbols, and they need the list of modules that is just being made.
    """
    scenario, dump = (os.path.join(FOLDER, world.name + "-list" + end) for end in (".scenario", ".dmp"))
    page = world.objects & ~0xFFFFFFFFFF
    with open(scenario, "w", encoding="utf-8") as f:
        f.write(world.text() + "memory nt!PsLoadedModuleList 1111111111111111 2222222222222222\n"
                f"memory {world.addr(page)} 31\npte {world.addr(page)} pagefile 1 5\n")
    forge = os.path.join(os.path.dirname(tap.program()), "stopcode-forge")
    run = subprocess.run([forge, "-q", scenario, "-o", dump], capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), "stopcode-forge")
    other = world.addr(world.process["other.exe"])
    run = subprocess.run([tap.program(), "--no-color", "-sins", "-y", dump + ".store", "-z", dump], capture_output=True, text=True,
                         timeout=60, input=f"lm k\n!process 0 1f\n.process /p /r {other}\nlm u\nq\n")
    tap.equal(run.returncode, 0, "status")
    tap.contains(run.stdout, "NOTE: the list of loaded modules is not in the dump: 1 images were found by searching")
    kernel = run.stdout[run.stdout.index("module name"):run.stdout.index("****")]
    found = re.findall(r"^([0-9a-f`]+) [0-9a-f`]+   (\S+)", kernel, re.M)
    tap.equal(found, [(world.addr(world.nt), "nt")], "images of the kernel, each once")
    tap.contains(run.stdout[run.stdout.index("Implicit process is now"):], "other ")


def main():
    for name in ("17763-x64", "19041-x64", "22000-x64"):
        with tap.case(f"{name}: without a list of modules"):
            check_without_a_list_of_modules(World(name))
    for name in WORLDS:
        for kind in ("full", "triage"):
            for named in (False, True):
                with tap.case(f"{name}, {kind}, {'damaged variables' if named else 'no symbols'}: what is missing is named"):
                    check(World(name), kind, named)
    shutil.rmtree(FOLDER, ignore_errors=True)
    tap.done()


main()
