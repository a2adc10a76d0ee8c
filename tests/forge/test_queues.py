#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Timers, queues, APCs, locks and firmware tables in forged whole-memory dumps of Windows XP to 11.

One text for all builds, in the language of scenarios (docs/forge.md). Where the firmware's table lies in physical memory is
held against another reader of the page tables (whole_reader.py). TAP; standard library only.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import whole_reader as whole  # noqa: E402

RECORD = {"!timer": "timer", "!dpcs": "queued_dpc", "!apc": "apc", "!exqueue": "work_queue", "!qlocks": "queued_lock",
          "!sysinfo": "system_value"}


class Build:
    """A build, and where things go."""

    def __init__(self, name, number, cpu, paging):
        self.name, self.number, self.cpu, self.paging = name, number, cpu, paging
        self.wide = 8 if cpu == "x86" else 16
        self.base = 0x804D7000 if number == 2600 else 0x82A00000 if cpu == "x86" else 0xFFFFF8041A000000
        self.data = 0x85000000 if cpu == "x86" else 0xFFFFC00F05000000
        self.stack = 0xF7A00000 if cpu == "x86" else 0xFFFFE28C0A5F0000
        self.queues = self.base + 0x300000 if number < 9200 else self.data + 0x8000
        # Of KTHREAD: where the heads of its lists of APCs are, as data/layouts has it.
        with open(os.path.join(tap.ROOT, "data", "layouts", name + ".tsv"), encoding="utf-8") as f:
            rows = [line.split("\t") for line in f]
        self.apcs = next(int(r[2], 16) for r in rows if r[:2] == ["_KTHREAD", "ApcState"])

    def text(self, address):
        return f"{address:0{self.wide}x}"


BUILDS = [Build("xp-2600-x86", 2600, "x86", "pae"), Build("win7-7601-x86", 7601, "x86", "pae"),
          Build("win7-7601-x64", 7601, "x64", "x64"), Build("win81-9600-x64", 9600, "x64", "x64"),
          Build("w10-17763-x64", 17763, "x64", "x64"), Build("w10-19041-x64", 19041, "x64", "x64"),
          Build("w11-22000-x64", 22000, "x64", "x64")]

SMBIOS = (bytes.fromhex("001800000102 00f0030f 809a000000000000 0000 0206ffff") + b"Dell Inc.\0" b"2.6.0\0" b"05/19/2008\0\0"
          + bytes.fromhex("010800010102 0000") + b"Dell Inc.\0" b"Precision WorkStation 390\0\0"
          + bytes.fromhex("7f04007f 0000"))

SCENARIO = """dump full
os {number} product workstation
cpu {cpu} count 1 current 0 vendor GenuineIntel family 6 model 14 stepping 12 mhz 1733
time 2021-03-30 18:20:11.250
uptime 0 days 5:01:47.031
bugcheck e2 0 0 0 0
ram 256M
paging {paging}
kdbg plain
let nt {base}
let data {data}
let thread data+800000
module nt $(nt) +400000 image {image}
process System $(data+900000) pid 4
thread $(thread) cid 4.18 stack {top} {stack}
ready $(thread) on 0
symbol nt!KeBugCheckEx $(nt+80000)
symbol nt!TimerRoutine $(nt+100000)
symbol nt!DpcRoutine $(nt+100100)
symbol nt!KernelApc $(nt+100200)
symbol nt!WorkRoutine $(nt+100300)
symbol nt!IopVpbSpinLock $(nt+200000) size 8 data
symbol nt!WmipSMBiosTablePhysicalAddress $(nt+200010) size 8 data
registers
{ip}={at} {sp}={esp}
end
dpc $(data) DeferredRoutine=nt!TimerRoutine
timer $(data+100) due never list 5 standard period 500 dpc $(data) DueTime=1234567
dpc $(data+200) on 0 DeferredRoutine=nt!DpcRoutine
apc $(data+300) thread $(thread) KernelRoutine=nt!KernelApc
workqueues {queues}
worker $(thread) delayed
workitem $(data+400) delayed WorkerRoutine=nt!WorkRoutine Parameter=1234
queuedlock 9 nt!IopVpbSpinLock owner 0
memory $(data+1000) {smbios}
smbios $(data+1000) {length:x} version 2.3 dmi 35
"""


def scenario(b):
    """The text, and what each command must print."""
    thread, t = b.data + 0x800000, b.text
    kernel = thread + b.apcs
    text = SCENARIO.format(number=b.number, cpu=b.cpu, paging=b.paging, base=t(b.base), data=t(b.data),
                           image="ntkrnlpa.exe" if b.cpu == "x86" else "ntkrnlmp.exe", top=t(b.stack + 0x6000), stack=t(b.stack),
                           ip="eip" if b.cpu == "x86" else "rip", sp="esp" if b.cpu == "x86" else "rsp",
                           at=t(b.base + 0x80000), esp=t(b.stack + 0x5000), queues=t(b.queues), smbios=SMBIOS.hex(),
                           length=len(SMBIOS))
    dpc = f" (DPC @ {t(b.data)})" if b.number > 2600 else ""
    name, most = ("Delayed", 512) if b.number < 9200 else ("NUMA Node 0 ExPool", 4096)
    expected = {
        "!timer": [f"  5 {t(b.data + 0x100)} P 01234567 00000000 ", f" nt!TimerRoutine{dpc} \n",
                   "Total Timers: 1, Maximum List: 1\n"],
        "!dpcs 0": [f" 0: Normal  : 0x{t(b.data + 0x200)} 0x{t(b.base + 0x100100)} nt!DpcRoutine\n"],
        f"!apc thre {thread:x}": [f"Thread {t(thread)} ApcStateIndex 0 ApcListHead {t(kernel)} [KERNEL]\n",
                                  f"    KAPC @ {t(b.data + 0x300)}\n      Type           12\n", " nt!KernelApc+0\n"],
        "!exqueue": [f"**** {name} WorkQueue ( Threads: 1/{most}, Concurrency: 1/1 )\n", f"THREAD {t(thread)}  Cid ",
                     f"PENDING: WorkerRoutine nt!WorkRoutine ({t(b.base + 0x100300)}) Parameter ({t(0x1234)})"],
        "!qlocks": ["IO   - Vpb               O\n", "NTFS - Struct             \n"],
        "!sysinfo machineid": [f"Machine ID Information [From Smbios 2.3, DMIVersion 35, Size={len(SMBIOS)}]\n"
                               "BiosMajorRelease = 2\nBiosMinorRelease = 6\nBiosVendor = Dell Inc.\nBiosVersion = 2.6.0\n"
                               "BiosReleaseDate = 05/19/2008\nSystemManufacturer = Dell Inc.\n"
                               "SystemProductName = Precision WorkStation 390\n"],
        "!sysinfo smbios -system": ["[SMBIOS Data Tables v2.3]\n[DMI Version - 35]\n[2.0 Calling Convention - No]\n",
                                    "[BIOS Information (Type 0) - Length 24 - Handle 0000h]\n"
                                    "  Vendor                        Dell Inc.\n"]}
    return text, expected


def forge(text, folder):
    path, out = os.path.join(folder, "q.scenario"), os.path.join(folder, "q.dmp")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    tool = os.path.join(os.path.dirname(tap.program()), "stopcode-forge")
    run = subprocess.run([tool, path, "-o", out, "-q", "--store", os.path.join(folder, "store")], capture_output=True, text=True,
                         timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), "stopcode-forge")
    return out


def say(dump, folder, command, *options):
    store = os.path.join(folder, "store")
    run = subprocess.run([tap.program(), "--no-color", *options, "-sins", "-y", store, "-i", store, "-z", dump, "-c",
                          command + ";q"], capture_output=True, text=True, timeout=60)
    return run.stdout + run.stderr


def check_physical(b, dump):
    """The page tables of the container are walked in Python: the kernel's variable must say the same."""
    memory = whole.open_memory(dump, "full")
    space = whole.Space(memory, {"x86": "pae", "x64": "x64"}[b.cpu], memory.header["dtb"])
    said = space.read(b.base + 0x200010, 8)
    tap.equal(int.from_bytes(said, "little"), space.physical(b.data + 0x1000), "nt!WmipSMBiosTablePhysicalAddress")


def main():
    for b in BUILDS:
        with tempfile.TemporaryDirectory() as folder:
            expected = {}
            with tap.case(f"{b.name}: a machine is made"):
                text, expected = scenario(b)
                dump = forge(text, folder)
                check_physical(b, dump)
            for command, parts in expected.items():
                with tap.case(f"{b.name}: {command}"):
                    said = say(dump, folder, ".enrich off;" + command)
                    for part in parts:
                        tap.contains(said, part)
                    lines = say(dump, folder, command, "--json").splitlines()
                    records = [r["type"] for line in lines for r in json.loads(line)["records"]]
                    tap.contains(records, RECORD[command.split()[0]])
    tap.done()


if __name__ == "__main__":
    main()
