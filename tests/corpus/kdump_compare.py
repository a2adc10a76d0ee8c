#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kernel triage dumps against an independent reader.

No packaged program reads these files, so the reader below was written from the published layouts alone (DUMP_HEADER64,
TRIAGE_DUMP64, KDDEBUGGER_DATA64, DUMP_BLOB_HEADER), in another language and by another way (one struct.unpack per
field) than the library. Every header and triage field, every driver, unloaded driver, data block, blob and processor
that the program shows must be what stands in the bytes.
"""
import json
import os
import struct
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

FILLER32 = 0x45474150
DUMPS = {"kdump/triage_x64.dmp": 151, "kdump/triage_arm64.dmp": 245}


class Reader:
    """The bytes, read one field at a time."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()

    def u16(self, at):
        return struct.unpack_from("<H", self.data, at)[0]

    def u32(self, at):
        return struct.unpack_from("<I", self.data, at)[0]

    def u64(self, at):
        return struct.unpack_from("<Q", self.data, at)[0]

    def text(self, at, nbytes):
        return self.data[at : at + nbytes].decode("utf-16-le").split("\0")[0]

    def blocks(self):
        at, count = self.u32(0x2078), self.u32(0x207C)
        return [struct.unpack_from("<QII", self.data, at + 16 * i) for i in range(count)]

    def memory(self, address, size):
        """Bytes of the call stack or of the first data block that holds them all."""
        stack = (self.u64(0x2048), self.u32(0x2028), self.u32(0x202C))
        for start, offset, length in [stack] + self.blocks():
            if start <= address and address + size <= start + length:
                return self.data[offset + address - start :][:size]
        return None


def unless_filler(value):
    return 0 if value == FILLER32 else value


def header(r):
    """name in JSON -> value, as the layout says."""
    def address(at):
        return f"0x{r.u64(at):016x}"

    def code(value):
        return f"0x{value:08x}"

    want = {
        "major_version": code(r.u32(8)), "minor_version": r.u32(0xC), "directory_table_base": address(0x10),
        "pfn_database": address(0x18), "ps_loaded_module_list": address(0x20),
        "ps_active_process_head": address(0x28), "machine_image_type": code(r.u32(0x30)),
        "number_processors": r.u32(0x34), "bugcheck_code": code(r.u32(0x38)),
        "kd_debugger_data_block": address(0x80), "dump_type": code(r.u32(0xF98)),
        "required_dump_space": hex(r.u64(0xFA0)), "mini_dump_fields": code(r.u32(0x1038)),
        "secondary_data_state": code(unless_filler(r.u32(0x103C))), "product_type": r.u32(0x1040),
        "suite_mask": code(r.u32(0x1044)), "writer_status": code(unless_filler(r.u32(0x1048))),
        "attributes": code(unless_filler(r.u32(0x1050))), "boot_id": unless_filler(r.u32(0x1054)),
        "kd_secondary_version": r.data[0x104D],
        "system_up_time": r.u64(0x1030) / 1e7,
    }
    for i in range(4):
        want[f"bugcheck_parameter_{i + 1}"] = address(0x40 + 8 * i)
    return want


def triage(r):
    names = ("service_pack_build size_of_dump valid_offset context_offset exception_offset mm_offset "
             "unloaded_drivers_offset prcb_offset process_offset thread_offset call_stack_offset size_of_call_stack "
             "driver_list_offset driver_count string_pool_offset string_pool_size broken_driver_offset "
             "triage_options").split()
    decimal = {"driver_count", "data_blocks_count"}
    want = {name: r.u32(0x2000 + 4 * i) for i, name in enumerate(names)}
    want.update({"data_page_offset": r.u32(0x2068), "data_page_size": r.u32(0x206C),
                 "debugger_data_offset": r.u32(0x2070), "debugger_data_size": r.u32(0x2074),
                 "data_blocks_offset": r.u32(0x2078), "data_blocks_count": r.u32(0x207C)})
    want = {name: value if name in decimal else f"0x{value:08x}" for name, value in want.items()}
    want["top_of_stack"] = f"0x{r.u64(0x2048):016x}"
    want["data_page_address"] = f"0x{r.u64(0x2060):016x}"
    want["valid_mark"] = r.data[r.u32(0x2008) :][:4] == b"TRGD"
    return want


def drivers(r):
    """(base, size, checksum, time stamp, path) of each entry, sorted by base."""
    at, count = r.u32(0x2030), r.u32(0x2034)
    found = []
    for i in range(count):
        e = at + 0x90 * i
        name = r.u32(e)
        found.append((r.u64(e + 0x38), r.u32(e + 0x48), r.u32(e + 0x80), r.u32(e + 0x88),
                      r.text(name + 4, 2 * r.u32(name))))
    return sorted(found)


def unloaded(r):
    at = r.u32(0x2018)
    found = []
    for i in range(r.u64(at)):
        e = at + 8 + 0x38 * i
        found.append((r.u64(e + 0x28), r.u64(e + 0x30), r.text(e + 0x10, min(24, r.u16(e)))))
    return found


def blobs(r):
    at = r.u32(0x2004)
    tap.equal(r.data[at : at + 8], b"DumpBlob", "mark of the secondary data")
    at += r.u32(at + 8)
    found = []
    while at + 0x20 <= len(r.data) and r.u32(at) >= 0x20:
        size, pre, post = r.u32(at + 0x14), r.u32(at + 0x18), r.u32(at + 0x1C)
        found.append((str(uuid.UUID(bytes_le=r.data[at + 4 : at + 0x14])).upper(), size, at + r.u32(at) + pre))
        at += r.u32(at) + pre + size + post
    return found


def processors(r):
    """Number -> (PRCB, thread, instruction pointer): from the data blocks that are PRCBs."""
    kdbg = r.u32(0x2070)
    size, number, thread, context = (r.u16(kdbg + o) for o in (0x2B0, 0x2BE, 0x2B4, 0x338))
    ip = 0xF8 if r.u32(0x30) == 0x8664 else 0x108
    found = {}
    for start, offset, length in r.blocks():
        if length == size:
            regs = r.memory(r.u64(offset + context), 0x390)
            found[r.u32(offset + number)] = (start, r.u64(offset + thread), struct.unpack_from("<Q", regs, ip)[0])
    return found


def commands(path, line):
    """Runs LINE; the records of each command, by type."""
    status, out, err = tap.run(path, "--json", "-c", line + "; q")
    tap.equal(status, 0, f"exit status ({err.strip()})")
    return [json.loads(text) for text in out.splitlines() if text.strip()]


def records(objects, kind):
    return [rec for o in objects for rec in o["records"] if rec["type"] == kind]


def compare(got, want):
    wrong = [f"{name}: shown {got.get(name)!r}, in the file {value!r}" for name, value in want.items()
             if got.get(name) != value]
    if wrong:
        raise AssertionError("\n".join(wrong))


def one_dump(name, count):
    try:
        path = tap.corpus(name)
    except tap.Skip as reason:
        with tap.case(name):
            raise tap.Skip(str(reason))
        return
    r = Reader(path)
    with tap.case(f"{name}: every header field"):
        shown = records(commands(path, ".dumpdebug"), "dump_header")
        tap.equal(len(shown), 1, "headers shown")
        compare(shown[0], header(r))
    with tap.case(f"{name}: every triage field"):
        compare(records(commands(path, ".dumpdebug"), "triage_header")[0], triage(r))
    with tap.case(f"{name}: {count} drivers"):
        rows = [m for m in records(commands(path, "lm"), "module") if not m["unloaded"]]
        got = [(int(m["start"], 16), int(m["size"], 16), int(m["checksum"], 16), int(m["timestamp"], 16), m["path"])
               for m in rows]
        want = drivers(r)
        tap.equal(len(want), count, "drivers in the file")
        tap.equal(got, want, "drivers")
        tap.equal(all(int(m["end"], 16) == int(m["start"], 16) + int(m["size"], 16) for m in rows), True, "ends")
    with tap.case(f"{name}: unloaded drivers"):
        got = [(int(m["start"], 16), int(m["end"], 16), m["name"])
               for m in records(commands(path, "lm"), "module") if m["unloaded"]]
        tap.equal(got, unloaded(r), "unloaded drivers")
    with tap.case(f"{name}: secondary data"):
        got = [(b["tag"].strip("{}").upper(), b["size"], int(b["offset"], 16))
               for b in records(commands(path, ".enumtag"), "secondary_data")]
        tap.equal(got, blobs(r), "blobs")
    with tap.case(f"{name}: processors and where each stopped"):
        want = processors(r)
        tap.equal(len(want), r.u32(0x34), "PRCBs in the file")
        got = {}
        for cpu in records(commands(path, "~"), "processor"):
            regs = records(commands(path, f"~{cpu['index']}s; r"), "registers")
            got[cpu["index"]] = (int(cpu["prcb"], 16), int(cpu["thread"], 16), int(regs[0]["ip"], 16))
        tap.equal(got, want, "processors")
    with tap.case(f"{name}: the bug check"):
        want = [r.u32(0x38)] + [r.u64(0x40 + 8 * i) for i in range(4)]
        row = records(commands(path, ".bugcheck"), "bugcheck")[0]
        tap.equal([int(row["code"], 16)] + [int(a, 16) for a in row["arguments"]], want, "code and arguments")


for dump, drivers_in_it in DUMPS.items():
    one_dump(dump, drivers_in_it)
tap.done()
