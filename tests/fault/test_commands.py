#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every command on a machine's whole memory, with allocations refused and reads failing: see fault_commands.c.

The machine is that of forge/test_queues.py (timers, DPCs, APCs, work queues, queued locks, firmware tables), with objects,
handles, pool and what the memory manager counts besides, so that the commands have something to show. TAP.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "forge"))
import test_queues as queues  # noqa: E402

# What the samples of the help do not ask. No line may fail on these machines; the second list is for Windows 7.
LINES = ["!exqueue 2; !exqueue f", "!idt; !idt -a; !idt e", "!sysinfo machineid; !sysinfo smbios", "!apc; !apc proc {system:x}",
         "!timer; !dpcs", "!stacks 2; !stacks 0 nt", "!object \\; !object \\Device; !object 0 Event", "!handle 0 3; !handle 4 13",
         "!process 0 17; !thread {thread:x} 1e", "!running -it; !ready; !qlocks", "!poolused 2"]
OLD_LINES = ["!bugdump; !bugdump Mine", "!filecache", "!lookaside; !lookaside -all", "!sysptes 1", "!vm; !vm 1; !vm 3f"]


def old_memory(t):
    """Counters, pool, lookaside lists, the file cache, callbacks: as Windows 7 has them."""
    b = t.b
    link = "ListEntry"
    aside = t.struct("_GENERAL_LOOKASIDE", Tag=(0x7366744e, 4), TotalAllocates=(1000, 4))
    t.ring(t.symbol("ExSystemLookasideListHead", 16), aside + b.at("_GENERAL_LOOKASIDE", link))
    ptes = t.symbol("MiSystemPteInfo", b.size("_MI_SYSTEM_PTE_TYPE"))
    t.number(ptes + b.at("_MI_SYSTEM_PTE_TYPE", "TotalSystemPtes"), 100, 4)
    bits = t.room(16)
    t.put(bits, bytes([0xff, 0xf7, 0xf0, 0xff]))
    at = ptes + b.at("_MI_SYSTEM_PTE_TYPE", "Bitmap")
    t.number(at + b.at("_RTL_BITMAP", "SizeOfBitMap"), 100, 4)
    t.number(at + b.at("_RTL_BITMAP", "Buffer"), bits)
    array, vacbs = t.room(0x100), t.room(0x200)
    cache = t.struct("_SHARED_CACHE_MAP")
    t.number(array, vacbs)
    t.number(vacbs + b.ptr, 2, 4)
    for i in range(2):
        vacb = vacbs + 2 * b.ptr + i * b.size("_VACB")
        t.set("_VACB", vacb, "BaseAddress", 0xFFFFF98000000000 + i * 0x40000)
        t.set("_VACB", vacb, "SharedCacheMap", cache)
    t.number(t.symbol("CcVacbArrays", 8), array)
    t.symbol("CcVacbArraysHighestUsedIndex", 4)
    for name, value in (("MmNumberOfPhysicalPages", 8000), ("MmTotalCommittedPages", 3000), ("MmAvailablePages", 900)):
        t.number(t.symbol(name, 8), value)
    name = t.room(8)
    t.put(name, b"Mine")
    record = t.room(0x40)
    t.number(record + 2 * b.ptr, t.routine("BugRoutine"))
    t.number(record + 3 * b.ptr, name)
    t.number(record + 4 * b.ptr, 4, 4)
    t.number(record + 5 * b.ptr, name)
    t.ring(t.symbol("KeBugCheckCallbackListHead", 16), record)


TEXT = """object Directory ffffa00f00010060 \\Device
object Event ffffc00f03001060 \\Device\\Ready
object SymbolicLink ffffa00f00012060 \\Link target \\Device
handle 4 ffffc00f03001060 process {system:x}
handle 8 ffffa00f00010060 process {system:x}
variables nt+380000
PoolTrackTable {pool:x}
PoolTrackTableSize 17
ExPoolTagTables {pool:x}
end
pooltags {pool:x} entries 17
Leak 601 615424000 0 0
File 37177 13590288 0 0
end
"""


def scenario(b, physical):
    """The machine's text, what lines speak of, and where the firmware's table is."""
    text, _, table = queues.scenario(b, physical)
    system, thread = b.data + 0x900000, b.data + 0x800000
    if b.number == 7601:
        t = queues.Text(b)
        t.symbols = [(f"Spare{i}", 0) for i in range(64)]  # their places are taken
        t.next = b.data + 0x400000
        old_memory(t)
        t.symbols = t.symbols[64:]
        text += "\n".join(t.lines()) + "\n"
    text += TEXT.format(system=system, pool=b.data + 0x600000)
    return text.replace("ram 256M", "ram 16M"), {"system": system, "thread": thread}, table


def machine(b, folder):
    """A forged dump of the build, made twice as in test_queues.py, and what lines speak of."""
    text, _, table = scenario(b, 0)
    text, names, _ = scenario(b, queues.physical_of(queues.forge(text, folder), b, table))
    return queues.forge(text, folder), names


def main():
    program = tap.helper("tests/fault_commands")
    for b in (b for b in queues.BUILDS if b.name in ("win7-7601-x64", "w10-19041-x64")):
        with tempfile.TemporaryDirectory() as folder:
            with tap.case(f"{b.name}: a machine is made"):
                dump, names = machine(b, folder)
            old = b.number == 7601
            lines = [line.format(**names) for line in LINES + (OLD_LINES if old else [])]
            env = dict(os.environ, _NT_SYMBOL_PATH=os.path.join(folder, "store"), XDG_CACHE_HOME=folder)
            run = subprocess.run([program, "--allocations", "3", "--reads", "2", *([] if old else ["--only", ""]), dump, *lines], cwd=folder, env=env,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
            for line in run.stdout.splitlines():
                kind, _, rest = line.partition(" - ")
                if kind.startswith(("ok ", "not ok ")):
                    tap.point(not kind.startswith("not"), f"{b.name}: {rest}")
                elif not line.startswith("1.."):
                    print(line if line.startswith("#") else "# " + line)
            with tap.case(f"{b.name}: all commands were run"):
                tap.equal(run.returncode in (0, 1), True, f"status {run.returncode}")
                tap.contains(run.stdout, "\n1..")
    tap.done()


if __name__ == "__main__":
    main()
