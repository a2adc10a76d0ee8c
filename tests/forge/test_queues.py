#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Timers, queues, APCs, locks and firmware tables in forged whole-memory dumps of Windows XP to 11.

One generator, several builds: members are placed by data/layouts. A machine is made twice: the first time to learn which page
holds the firmware's table (the page tables are read by whole_reader.py), the second time with what points there. TAP; standard
library only.
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

LAYOUTS = os.path.join(tap.ROOT, "data", "layouts")
RECORD = {"!timer": "timer", "!dpcs": "queued_dpc", "!apc": "apc", "!exqueue": "work_queue", "!qlocks": "queued_lock",
          "!sysinfo": "system_value"}
NEVER, ALWAYS = 0x1122334455667788, 0xA1B2C3D4E5F60718


class Build:
    """A build, its layouts, and where things go."""

    def __init__(self, name, number, cpu, paging):
        self.name, self.number, self.cpu, self.paging = name, number, cpu, paging
        self.ptr = 4 if cpu == "x86" else 8
        self.base = 0x804D7000 if number == 2600 else 0x82A00000 if cpu == "x86" else 0xFFFFF8041A000000
        self.prcb = 0xFFDFF120 if number == 2600 else 0x84001120 if cpu == "x86" else 0xFFFFC00F04000180
        self.data = 0x85000000 if cpu == "x86" else 0xFFFFC00F05000000
        self.rows = {}
        with open(os.path.join(LAYOUTS, name + ".tsv"), encoding="utf-8") as f:
            for line in f:
                if not line.startswith("#"):
                    struct, member, offset = line.split("\t")[:3]
                    self.rows[struct, member] = int(offset, 16) if offset != "?" else None

    def at(self, struct, *members):
        """The offset of a member, or of the first of several that the build has."""
        return next(self.rows[struct, m] for m in members if (struct, m) in self.rows)

    def has(self, struct, member):
        return (struct, member) in self.rows

    def size(self, struct):
        return next(v for (s, m), v in self.rows.items() if s == struct and m in ("(struct)", "(union)"))


BUILDS = [Build("xp-2600-x86", 2600, "x86", "pae"), Build("win7-7601-x86", 7601, "x86", "pae"),
          Build("win7-7601-x64", 7601, "x64", "x64"), Build("win81-9600-x64", 9600, "x64", "x64"),
          Build("w10-17763-x64", 17763, "x64", "x64"), Build("w10-19041-x64", 19041, "x64", "x64"),
          Build("w11-22000-x64", 22000, "x64", "x64")]

SMBIOS = (bytes.fromhex("001800000102 00f0030f 809a000000000000 0000 0206ffff") + b"Dell Inc.\0" b"2.6.0\0" b"05/19/2008\0\0"
          + bytes.fromhex("010800010102 0000") + b"Dell Inc.\0" b"Precision WorkStation 390\0\0"
          + bytes.fromhex("7f04007f 0000"))


class Text:
    """A scenario as it grows: bytes of the kernel's data by address, and symbols."""

    def __init__(self, build):
        self.b, self.bytes, self.symbols, self.next = build, {}, [], build.data

    def room(self, size):
        at = self.next
        self.next = (at + size + 0xFF) & ~0xFF
        self.put(at, bytes(size))
        return at

    def put(self, at, data):
        for i, byte in enumerate(data):
            self.bytes[at + i] = byte

    def number(self, at, value, size=None):
        self.put(at, (value & (1 << 8 * (size or self.b.ptr)) - 1).to_bytes(size or self.b.ptr, "little"))

    def struct(self, struct, **members):
        """Room for STRUCT; members of the first level, as pointers or (value, size)."""
        at = self.room(self.b.size(struct))
        for member, value in members.items():
            self.set(struct, at, member, value)
        return at

    def set(self, struct, at, member, value):
        value, size = value if isinstance(value, tuple) else (value, None)
        self.number(at + self.b.at(struct, member), value, size)

    def ring(self, head, *entries):
        last = head
        for entry in entries + (head,):
            self.number(last, entry)
            self.number(entry + self.b.ptr, last)
            last = entry

    def symbol(self, name, size=None):
        """A variable of the kernel, in its image."""
        at = self.b.base + 0x200000 + 0x1000 * len(self.symbols)
        self.symbols.append((name, at))
        if size:
            self.put(at, bytes(size))
        return at

    def routine(self, name):
        at = self.b.base + 0x100000 + 0x100 * len(self.symbols)
        self.symbols.append((name, at))
        return at

    def lines(self):
        out, run, last = [], [], None
        for at in sorted(self.bytes):
            if run and (at != last + 1 or len(run) == 32):
                out.append((last + 1 - len(run), bytes(run)))
                run = []
            run.append(self.bytes[at])
            last = at
        if run:
            out.append((last + 1 - len(run), bytes(run)))
        return ([f"symbol nt!{name} {at:x} data" for name, at in self.symbols]
                + [f"memory {at:x} {' '.join(f'{c:02x}' for c in data)}" for at, data in out])


def encode(b, timer, dpc):
    """KTIMER.Dpc as 64-bit kernels since Windows 7 keep it."""
    if b.ptr == 4:
        return dpc
    v = whole.swap(dpc ^ ALWAYS) ^ timer
    by = NEVER & 63
    return (v >> by | v << (64 - by)) & (1 << 64) - 1 ^ NEVER


def add_timers(t, prcb, expected):
    b = t.b
    dpc = t.struct("_KDPC", Type=(0x13, 1), DeferredRoutine=t.routine("TimerRoutine"))
    timer = t.struct("_KTIMER", DueTime=(0x1234567, 8), Period=(500, 4))
    t.number(timer, 8, 1)
    t.ring(timer + (8 if b.ptr == 4 else 8))
    link = timer + b.at("_KTIMER", "TimerListEntry")
    if b.has("_KPRCB", "TimerTable"):
        t.set("_KTIMER", timer, "Dpc", encode(b, timer, dpc))
        step, in_entry = b.size("_KTIMER_TABLE_ENTRY"), b.at("_KTIMER_TABLE_ENTRY", "Entry")
        entries = prcb + b.at("_KPRCB", "TimerTable") + b.at("_KTIMER_TABLE", "TimerEntries")
        tables = (b.size("_KTIMER_TABLE") - b.at("_KTIMER_TABLE", "TimerEntries")) // (256 * step)
        heads = [entries + i * step + in_entry for i in range(256 * tables)]
        if b.ptr == 8:
            t.number(t.symbol("KiWaitNever", 8), NEVER)
            t.number(t.symbol("KiWaitAlways", 8), ALWAYS)
    else:
        t.set("_KTIMER", timer, "Dpc", dpc)
        table = t.symbol("KiTimerTableListHead", 256 * 2 * b.ptr)
        heads, tables = [table + i * 2 * b.ptr for i in range(256)], 0
    for head in heads:
        t.ring(head)
    t.ring(heads[-251], link)  # list 5 of the last table
    at_dpc = f" (DPC @ {dpc:0{2 * b.ptr}x})" if tables else ""
    expected["!timer"] = [f"  5 {timer:0{2 * b.ptr}x} P 01234567 00000000 ", f" nt!TimerRoutine{at_dpc} \n",
                          "Total Timers: 1, Maximum List: 1\n"]


def add_dpc(t, prcb, expected):
    b = t.b
    dpc = t.struct("_KDPC", Type=(0x13, 1), DeferredRoutine=t.routine("DpcRoutine"))
    link = dpc + b.at("_KDPC", "DpcListEntry")
    if b.has("_KPRCB", "DpcListHead"):
        t.ring(prcb + b.at("_KPRCB", "DpcListHead"), link)
    else:
        data, step = prcb + b.at("_KPRCB", "DpcData"), b.size("_KDPC_DATA")
        if b.has("_KDPC_DATA", "DpcListHead"):
            t.ring(data, link)
            t.ring(data + step)
        else:
            t.number(data, link)
    expected["!dpcs 0"] = [f" 0: Normal  : 0x{dpc:0{2 * b.ptr}x} 0x{dict(t.symbols)['DpcRoutine']:0{2 * b.ptr}x} nt!DpcRoutine\n"]


def add_apc(t, thread, expected):
    b = t.b
    apc = t.struct("_KAPC", KernelRoutine=t.routine("KernelApc"))
    t.number(apc, 0x12, 1)
    kernel = thread + b.at("_KTHREAD", "ApcState")
    t.ring(kernel, apc + b.at("_KAPC", "ApcListEntry"))
    t.ring(kernel + 2 * b.ptr)
    expected[f"!apc thre {thread:x}"] = [f"Thread {thread:0{2 * b.ptr}x} ApcStateIndex 0 ApcListHead {kernel:0{2 * b.ptr}x} [KERNEL]\n",
                                         f"    KAPC @ {apc:0{2 * b.ptr}x}\n      Type           12\n", " nt!KernelApc+0\n"]


def add_queue(t, thread, expected):
    b = t.b
    item = t.struct("_WORK_QUEUE_ITEM", WorkerRoutine=t.routine("WorkRoutine"), Parameter=0x1234)
    link = thread + b.at("_KTHREAD", "QueueListEntry")
    if b.has("_EX_WORK_QUEUE", "WorkPriQueue"):
        queue = t.struct("_EX_WORK_QUEUE", MaxThreads=(512, 4))
        heads = queue + b.at("_KPRIQUEUE", "EntryListHead")
        for i in range(32):
            t.ring(heads + i * 2 * b.ptr, *([item] if i == 12 else []))
        t.ring(queue + b.at("_KPRIQUEUE", "ThreadListHead"), link)
        t.set("_KPRIQUEUE", queue, "MaximumCount", (2, 4))
        if b.has("_EX_PARTITION", "WorkQueues"):
            array, nodes = t.room(64), t.room(64)
            ex = t.struct("_EX_PARTITION", WorkQueues=nodes)
            t.number(t.symbol("PspSystemPartition", 8), t.struct("_EPARTITION", ExPartition=ex))
            t.number(nodes, array)
            t.number(array, queue)
        else:
            node = t.struct("_ENODE", ExWorkQueues=queue)
            t.number(t.symbol("KeNodeBlock", 64), node)
        t.number(t.symbol("KeNumberNodes", 2), 1, 2)
        name = "NUMA Node 0 ExPool"
    else:
        size = b.size("_EX_WORK_QUEUE")
        first = t.symbol("ExWorkerQueue", 3 * size)
        for i in range(3):
            queue = first + i * size
            t.ring(queue + b.at("_KQUEUE", "EntryListHead"), *([item] if i == 1 else []))
            t.ring(queue + b.at("_KQUEUE", "ThreadListHead"), *([link] if i == 1 else []))
            t.set("_KQUEUE", queue, "MaximumCount", (2, 4))
        name = "Delayed"
    expected["!exqueue"] = [f"**** {name} WorkQueue ( Threads: 1/512, Concurrency: 0/2 )\n", f"THREAD {thread:0{2 * b.ptr}x}  Cid ",
                            f"PENDING: WorkerRoutine nt!WorkRoutine ({dict(t.symbols)['WorkRoutine']:0{2 * b.ptr}x}) "
                            f"Parameter ({0x1234:0{2 * b.ptr}x})"]


def add_locks(t, prcb, expected):
    b = t.b
    lock = t.symbol("IopVpbSpinLock", 8)
    for i in range(16):
        t.number(prcb + b.at("_KPRCB", "LockQueue") + i * 2 * b.ptr + b.ptr, lock | (2 if i == 9 else 0))
    expected["!qlocks"] = ["IO   - Vpb               O\n", "NTFS - Struct             \n"]


def add_firmware(t, physical, expected):
    table = t.room(0x1000 - t.next % 0x1000)  # a page of its own follows
    table = t.room(len(SMBIOS))
    t.put(table, SMBIOS)
    t.number(t.symbol("WmipSMBiosTablePhysicalAddress", 8), physical, 8)
    t.number(t.symbol("WmipSMBiosTableLength", 4), len(SMBIOS), 4)
    t.put(t.symbol("WmipSMBiosVersionInfo", 4), bytes([0, 2, 3, 35]))
    expected["!sysinfo machineid"] = [f"Machine ID Information [From Smbios 2.3, DMIVersion 35, Size={len(SMBIOS)}]\n"
                                      "BiosMajorRelease = 2\nBiosMinorRelease = 6\nBiosVendor = Dell Inc.\nBiosVersion = 2.6.0\n"
                                      "BiosReleaseDate = 05/19/2008\nSystemManufacturer = Dell Inc.\n"
                                      "SystemProductName = Precision WorkStation 390\n"]
    expected["!sysinfo smbios -system"] = ["[SMBIOS Data Tables v2.3]\n[DMI Version - 35]\n[2.0 Calling Convention - No]\n",
                                           "[BIOS Information (Type 0) - Length 24 - Handle 0000h]\n"
                                           "  Vendor                        Dell Inc.\n"]
    return table


def scenario(b, physical):
    """The text, what each command must print, and the virtual address of the firmware's table."""
    t, expected = Text(b), {}
    thread = b.data + 0x800000
    base, wide = b.base, 2 * b.ptr
    table = add_firmware(t, physical, expected)
    add_timers(t, b.prcb, expected)
    add_dpc(t, b.prcb, expected)
    add_apc(t, thread, expected)
    add_queue(t, thread, expected)
    add_locks(t, b.prcb, expected)
    stack = (0xF7A00000 if b.ptr == 4 else 0xFFFFE28C0A5F0000)
    head = f"""dump full
os {b.number} product workstation
cpu {b.cpu} count 1 current 0 vendor GenuineIntel family 6 model 14 stepping 12 mhz 1733
time 2021-03-30 18:20:11.250
uptime 0 days 5:01:47.031
bugcheck e2 0 0 0 0
ram 256M
paging {b.paging}
kdbg plain
module nt {base:0{wide}x} +400000 image {"ntkrnlpa.exe" if b.ptr == 4 else "ntkrnlmp.exe"}
process System {b.data + 0x900000:x} pid 4
processor 0 {b.prcb:x}
thread {thread:x} cid 4.18 stack {stack + 0x6000:x} {stack:x}
symbol nt!KeBugCheckEx {base + 0x80000:x}
registers
{"eip" if b.ptr == 4 else "rip"}={base + 0x80000:x} {"esp" if b.ptr == 4 else "rsp"}={stack + 0x5000:x}
end
"""
    return head + "\n".join(t.lines()) + "\n", expected, table


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


def physical_of(dump, b, va):
    """Another reader's answer: the page tables of the container are walked in Python."""
    memory = whole.open_memory(dump, "full")
    return whole.Space(memory, {"x86": "pae", "x64": "x64"}[b.cpu], memory.header["dtb"]).physical(va)


def main():
    for b in BUILDS:
        with tempfile.TemporaryDirectory() as folder:
            expected = {}
            with tap.case(f"{b.name}: a machine is made"):
                text, _, table = scenario(b, 0)
                physical = physical_of(forge(text, folder), b, table)
                text, expected, _ = scenario(b, physical)
                dump = forge(text, folder)
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
