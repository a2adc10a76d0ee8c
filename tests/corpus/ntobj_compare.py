#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The thread, the process and the processors of a real triage dump against an independent reader.

The reader below finds the copies of PRCB, ETHREAD and EPROCESS through the dump's own header, and their fields through
the kernel's symbol table (Volatility's JSON), in another language than the library: every field that !thread, !process,
!prcb and !irql show must be what stands in the bytes. Names of processes are compared, never printed.
"""
import json
import lzma
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

DUMP = "kdump/triage_x64.dmp"
TABLE = "isf/ntkrnlmp.pdb/5278AFF86C341677D7D7835C85B7B844-1.json.xz"
STATES = ["Initialized", "Ready", "Running", "Standby", "Terminated", "Waiting"]


class Types:
    """Offsets and widths of members, from the symbol table."""

    def __init__(self, path):
        with lzma.open(path, "rt", encoding="utf-8") as f:
            table = json.load(f)
        self.user, self.base, self.symbols = table["user_types"], table["base_types"], table["symbols"]
        self.enums = table["enums"]

    def field(self, struct_name, path):
        """(offset, bytes, first bit, bits, signed) of a member, also of unnamed ones and of bit fields."""
        offset, kind = 0, {"kind": "struct", "name": struct_name}
        for name in path.split("."):
            place, kind = self.member(kind["name"], name)
            offset += place
        bits = (0, 0)
        if kind["kind"] == "bitfield":
            bits, kind = (kind["bit_position"], kind["bit_length"]), kind["type"]
        return (offset, *self.width(kind), *bits)

    def member(self, struct_name, name):
        fields = self.user[struct_name]["fields"]
        if name in fields:
            return fields[name]["offset"], fields[name]["type"]
        for key, field in fields.items():
            if field.get("anonymous") or key.startswith("unnamed_field"):
                try:
                    place, kind = self.member(field["type"]["name"], name)
                    return field["offset"] + place, kind
                except KeyError:
                    continue
        raise KeyError(f"{struct_name} has no {name}")

    def width(self, kind):
        if kind["kind"] == "pointer":
            return 8, False
        if kind["kind"] == "base":
            base = self.base[kind["name"]]
            return base["size"], base["signed"]
        if kind["kind"] == "enum":
            return self.enums[kind["name"]]["size"], False
        if kind["kind"] in ("struct", "union"):
            return self.user[kind["name"]]["size"], False
        raise KeyError(f"a member of kind {kind['kind']}")


class Reader:
    """The dump's bytes: an object is where its copy begins in the file."""

    def __init__(self, path, types):
        with open(path, "rb") as file:
            self.data = file.read()
        self.types = types

    def u32(self, at):
        return struct.unpack_from("<I", self.data, at)[0]

    def u64(self, at):
        return struct.unpack_from("<Q", self.data, at)[0]

    def get(self, at, struct_name, path):
        offset, width, signed, bit, bits = self.types.field(struct_name, path)
        value = int.from_bytes(self.data[at + offset : at + offset + width], "little", signed=signed and not bits)
        return value >> bit & ((1 << bits) - 1) if bits else value

    def file_offset(self, address, size):
        """Where ADDRESS lies in one of the data blocks; None if in none."""
        table, count = self.u32(0x2078), self.u32(0x207C)
        for i in range(count):
            start, offset, length = struct.unpack_from("<QII", self.data, table + 16 * i)
            if start <= address and address + size <= start + length:
                return offset + address - start
        return None

    def kdbg(self, offset):
        return struct.unpack_from("<H", self.data, self.u32(0x2070) + offset)[0]


# TRIAGE_DUMP64: PrcbOffset, ProcessOffset, ThreadOffset.
PRCB, PROCESS, THREAD = 0x201C, 0x2020, 0x2024


def records(command):
    """The records of one command."""
    run = subprocess.run([tap.program(), "--json", "-sins", "-y", tap.corpus("isf"), "-c", command + "; q",
                          tap.corpus(DUMP)], capture_output=True, text=True, timeout=110, stdin=subprocess.DEVNULL)
    found = []
    for line in run.stdout.splitlines():
        frame = json.loads(line)
        if frame.get("command", "").startswith(command.split()[0]):
            tap.equal(frame["error"], None, command)
            found += frame["records"]
    if not found:
        raise AssertionError(f"{command}: {run.stdout[-500:]} {run.stderr[-500:]}")
    return found


def one(command, kind):
    return next(r for r in records(command) if r["type"] == kind)


def address(value):
    return f"0x{value & (1 << 64) - 1:016x}"


def compare(got, want):
    for key, value in want.items():
        tap.equal(got[key], value, key)


def thread_fields(r, at):
    def num(path):
        return r.get(at, "_ETHREAD", path)

    want = {key: num(path) for key, path in (
        ("pid", "Cid.UniqueProcess"), ("tid", "Cid.UniqueThread"), ("wait_start_ticks", "Tcb.WaitTime"),
        ("context_switches", "Tcb.ContextSwitches"), ("ideal_processor", "Tcb.IdealProcessor"),
        ("user_ticks", "Tcb.UserTime"), ("kernel_ticks", "Tcb.KernelTime"), ("priority", "Tcb.Priority"),
        ("base_priority", "Tcb.BasePriority"), ("unusual_boost", "Tcb.UnusualBoost"),
        ("foreground_boost", "Tcb.ForegroundBoost"), ("priority_decrement", "Tcb.PriorityDecrement"),
        ("kernel_apc_disable", "Tcb.KernelApcDisable"), ("special_apc_disable", "Tcb.SpecialApcDisable"),
        ("io_priority", "ThreadIoPriority"), ("page_priority", "ThreadPagePriority"),
        ("stack_resident", "Tcb.KernelStackResident"), ("alertable", "Tcb.Alertable"),
        ("suspend_count", "Tcb.SuspendCount"), ("kernel_apc_pending", "Tcb.ApcState.KernelApcPending"))}
    want.update({key: address(num(path)) for key, path in (
        ("teb", "Tcb.Teb"), ("win32_thread", "Tcb.Win32Thread"), ("process", "Tcb.Process"),
        ("win32_start", "Win32StartAddress"), ("stack_init", "Tcb.InitialStack"),
        ("stack_current", "Tcb.KernelStack"), ("stack_base", "Tcb.StackBase"), ("stack_limit", "Tcb.StackLimit"))})
    want["state"] = STATES[num("Tcb.State")]
    return want


def process_fields(r, at):
    def num(path):
        return r.get(at, "_EPROCESS", path)

    want = {key: num(path) for key, path in (
        ("pid", "UniqueProcessId"), ("parent", "InheritedFromUniqueProcessId"),
        ("private_pages", "NumberOfPrivatePages"), ("modified_pages", "ModifiedPageCount"),
        ("locked_pages", "NumberOfLockedPages"), ("vads", "VadCount"), ("user_ticks", "Pcb.UserTime"),
        ("kernel_ticks", "Pcb.KernelTime"), ("virtual_size", "VirtualSize"),
        ("peak_virtual_size", "PeakVirtualSize"), ("base_priority", "Pcb.BasePriority"),
        ("commit_charge", "CommitCharge"), ("active_threads", "ActiveThreads"), ("flags", "Flags"),
        ("ws", "Vm.Instance.WorkingSetSize"), ("ws_peak", "Vm.Instance.PeakWorkingSetSize"),
        ("ws_minimum", "Vm.Instance.MinimumWorkingSetSize"), ("ws_maximum", "Vm.Instance.MaximumWorkingSetSize"),
        ("page_faults", "Vm.Instance.PageFaultCount"))}
    want.update({key: address(num(path)) for key, path in (
        ("peb", "Peb"), ("dir_base", "Pcb.DirectoryTableBase"), ("object_table", "ObjectTable"),
        ("vad_root", "VadRoot.Root"), ("device_map", "DeviceMap"), ("job", "Job"))})
    want["token"] = address(num("Token.Value") & ~15)
    quota = at + r.types.member("_EPROCESS", "ProcessQuotaUsage")[0]
    want["quota_nonpaged"], want["quota_paged"] = r.u64(quota), r.u64(quota + 8)
    return want


def prcb_fields(r, at):
    def num(path):
        return r.get(at, "_KPRCB", path)

    want = {key: num(path) for key, path in (
        ("number", "Number"), ("group", "Group"), ("group_index", "GroupIndex"), ("saved_irql", "DebuggerSavedIRQL"),
        ("interrupt_count", "InterruptCount"), ("dpc_time", "DpcTime"), ("interrupt_time", "InterruptTime"),
        ("kernel_time", "KernelTime"), ("user_time", "UserTime"), ("mhz", "MHz"), ("family", "CpuType"),
        ("model", "CpuModel"), ("stepping", "CpuStepping"), ("major", "MajorVersion"), ("minor", "MinorVersion"),
        ("dpc_active", "DpcRoutineActive"))}
    want.update({key: address(num(path)) for key, path in (
        ("current_thread", "CurrentThread"), ("next_thread", "NextThread"), ("idle_thread", "IdleThread"),
        ("group_set_member", "GroupSetMember"), ("dpc_stack", "DpcStack"),
        ("cr3", "ProcessorState.SpecialRegisters.Cr3"), ("cr8", "ProcessorState.SpecialRegisters.Cr8"),
        ("gdt", "ProcessorState.SpecialRegisters.Gdtr.Base"), ("idt", "ProcessorState.SpecialRegisters.Idtr.Base"))})
    offset = r.types.member("_KPRCB", "VendorString")[0]
    want["vendor"] = r.data[at + offset : at + offset + 13].split(b"\0")[0].decode()
    return want


def run_cases(r):
    prcb, process, thread = r.u32(PRCB), r.u32(PROCESS), r.u32(THREAD)
    with tap.case("the current thread: every field is what its ETHREAD holds"):
        got = one("!thread -1 2", "kernel_thread")
        compare(got, thread_fields(r, thread))
        tap.equal(got["address"], address(r.get(prcb, "_KPRCB", "CurrentThread")), "address")
        tap.equal(got["assumed"], False, "assumed")
    with tap.case("the current process: every field is what its EPROCESS holds"):
        got = one("!process -1 1", "kernel_process")
        compare(got, process_fields(r, process))
        tap.equal(got["address"], address(r.get(thread, "_ETHREAD", "Tcb.ApcState.Process")), "address")
        at = process + r.types.member("_EPROCESS", "ImageFileName")[0]
        same = got["image"] == r.data[at : at + 15].split(b"\0")[0].decode()
        tap.equal(same, True, "the image name is the one in the file")
    with tap.case("every processor: each field is what its PRCB holds"):
        size = r.kdbg(0x2B0)
        seen = 0
        for cpu in records("~"):
            at = prcb if cpu["index"] == 0 else r.file_offset(int(cpu["prcb"], 16), size)
            got = one(f"!prcb {cpu['index']:x}", "prcb")
            compare(got, prcb_fields(r, at))
            tap.equal(got["current_thread"], cpu["thread"], "the thread that ~ shows")
            seen += 1
        tap.equal(seen, 16, "processors")


def agreement(r):
    with tap.case("thread, process and processor agree with each other"):
        thread, process = one("!thread -1 2", "kernel_thread"), one("!process -1 0", "kernel_process")
        pcr = one("!pcr", "pcr")
        tap.equal(thread["process"], process["address"], "the thread's process")
        tap.equal(thread["pid"], process["pid"], "its id")
        tap.equal(thread["image"] == process["image"], True, "its name")
        tap.equal(pcr["current_thread"], thread["address"], "the processor's thread")
        tap.equal(pcr["dpcs_why"], None, "the DPC queues are whole")
        sp = r.u64(r.u32(0x200C) + 0x98)  # the CONTEXT in the header: Rsp
        tap.equal(int(thread["stack_limit"], 16) <= sp < int(thread["stack_base"], 16), True, "the stack pointer")
    with tap.case("built-in layouts give the same facts as the symbol table"):
        run = subprocess.run([tap.program(), "--json", "-sins", "-c", "!thread -1 2; !process -1 1; q",
                              tap.corpus(DUMP)], capture_output=True, text=True, timeout=110,
                             stdin=subprocess.DEVNULL)
        frames = [json.loads(line) for line in run.stdout.splitlines()]
        got = {rec["type"]: rec for f in frames for rec in f.get("records", [])}
        compare(got["kernel_thread"], thread_fields(r, r.u32(THREAD)))
        compare(got["kernel_process"], process_fields(r, r.u32(PROCESS)))


def main():
    try:
        types = Types(tap.corpus(TABLE))
        r = Reader(tap.corpus(DUMP), types)
    except tap.Skip as reason:
        tap.point(True, "threads, processes and processors of a real dump", f" # SKIP {reason}")
        tap.done()
    run_cases(r)
    agreement(r)
    tap.done()


if __name__ == "__main__":
    main()
