#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kernel dumps of whole memory against an independent reader.

The reader below was written from the published layouts alone (DUMP_HEADER32/64, SUMMARY_DUMP, the bitmap of Windows 8,
page ranges), in another language and without an index: it lists every page by going through the runs, the bits or the
ranges one by one. The forge writes a dump of every type and width; each page that the library walks to, its place in the
file and its bytes, and each header field that the program shows must be what stands in the file. The head of a real
complete dump goes through the same.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

PAGE = 0x1000
KINDS = {"full": 1, "summary": 2, "bitmap": 5, "kernel": 6, "automatic": 7, "live": 6, "rdmp-k": 8, "rdmp-ka": 9, "rdmp-f": 10}
FILLER = b"PAGE"


class Dump:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.wide = self.data[:8] == b"PAGEDU64"
        assert self.wide or self.data[:8] == b"PAGEDUMP"
        self.head = 0x2000 if self.wide else 0x1000
        self.type = self.number(0xF98 if self.wide else 0xF88, 4)

    def number(self, at, width):
        return int.from_bytes(self.data[at : at + width], "little")

    def word(self, at):
        return self.number(at, 8 if self.wide else 4)

    def pages(self):
        """[(page number, file offset)] in the file's order, as far as the file goes."""
        rows, at = [], None
        for first, pfn in self.listed():
            at = first if at is None else at + PAGE
            if at + PAGE <= len(self.data):
                rows.append((pfn, at))
        return rows

    def listed(self):
        if self.type == 1:
            yield from self.runs()
        elif self.type == 2:
            first, bits = self.number(self.head + 0xC, 4), self.number(self.head + 0x10, 4)
            yield from self.bits(first, bits, self.head + (0x28 if self.wide else 0x20))
        elif self.type in (5, 6, 7):
            first, bits = self.number(self.head + 0x20, 8), self.number(self.head + 0x30, 8)
            yield from self.bits(first, bits, self.head + 0x38)
        else:
            yield from self.ranges()

    def runs(self):
        word, at = (8, 0x88) if self.wide else (4, 0x64)
        for i in range(self.number(at, 4)):
            base, count = (self.number(at + (2 + 2 * i + k) * word, word) for k in range(2))
            for pfn in range(base, base + count):
                yield self.head, pfn

    def bits(self, first, bits, bitmap):
        for pfn in range(bits):
            if self.data[bitmap + pfn // 8] >> pfn % 8 & 1:
                yield first, pfn

    def ranges(self):
        first, at = self.number(self.head + 0x18, 8), self.head + 0x30
        total = self.number(self.head + 0x28, 8) if self.type == 10 else None
        seen = 0
        while at + 16 <= first:
            base, count = struct.unpack_from("<QQ", self.data, at)
            if not base or seen == total:
                return
            for pfn in range(base, base + count):
                yield first, pfn
            seen += count
            at += 16


def header(d):
    """name in JSON -> value, as the layout says."""
    def address(at64, at32):
        return f"0x{d.word(at64 if d.wide else at32):016x}"

    def code(at64, at32):
        at = at64 if d.wide else at32
        return "0x00000000" if d.data[at : at + 4] == FILLER else f"0x{d.number(at, 4):08x}"

    def plain(at64, at32):
        at = at64 if d.wide else at32
        return 0 if d.data[at : at + 4] == FILLER else d.number(at, 4)

    want = {
        "major_version": code(8, 8), "minor_version": plain(0xC, 0xC),
        "directory_table_base": address(0x10, 0x10), "pfn_database": address(0x18, 0x14),
        "ps_loaded_module_list": address(0x20, 0x18), "ps_active_process_head": address(0x28, 0x1C),
        "machine_image_type": code(0x30, 0x20), "number_processors": plain(0x34, 0x24),
        "bugcheck_code": code(0x38, 0x28), "kd_debugger_data_block": address(0x80, 0x60),
        "number_of_runs": plain(0x88, 0x64), "dump_type": code(0xF98, 0xF88),
        "required_dump_space": hex(d.number(0xFA0, 8)), "mini_dump_fields": code(0x1038, 0xF8C),
        "secondary_data_state": code(0x103C, 0xF90), "product_type": plain(0x1040, 0xF94),
        "suite_mask": code(0x1044, 0xF98), "writer_status": code(0x1048, 0xF9C),
        "attributes": code(0x1050, 0x8A0), "boot_id": plain(0x1054, 0x8A4),
        "system_up_time": d.number(0x1030 if d.wide else 0xFB8, 8) / 1e7,
    }
    for i in range(4):
        want[f"bugcheck_parameter_{i + 1}"] = address(0x40 + 8 * i, 0x2C + 4 * i)
    at = 0xFB0 if d.wide else 0x820
    comment = d.data[at : at + 128].split(b"\0")[0]
    want["comment"] = "" if comment.startswith(FILLER) else comment.decode()
    if not d.wide:
        want["pae_enabled"] = d.data[0x5C]
    return want


def facts(path, *more):
    run = subprocess.run([tap.helper("kdump_whole_facts"), path, *more], capture_output=True, text=True)
    tap.equal(run.returncode, 0, run.stderr)
    return [json.loads(line) for line in run.stdout.splitlines()]


def compare(path, least):
    d = Dump(path)
    want = sorted(d.pages())
    assert len(want) >= least, f"only {len(want)} pages"
    for flags in [], ["nomap"]:
        got = facts(path, *flags)
        tap.equal([(g["pfn"], g["offset"]) for g in got], want)
        for g in got:
            tap.equal(g["crc"], zlib.crc32(d.data[g["offset"] : g["offset"] + PAGE]), f"page {g['pfn']:x}")
    status, out, err = tap.run(path, "--json", "-c", ".dumpdebug; q")
    tap.equal(status, 0, err)
    rows = {row["type"]: row for line in out.splitlines() for row in json.loads(line)["records"]}
    shown = rows["dump_header"]
    for name, value in header(d).items():
        tap.equal(shown[name], value, name)
    tap.equal(int(rows["page_list"]["pages_in_file"], 16), len(want))
    return d, rows["page_list"]


with tempfile.TemporaryDirectory() as folder:
    made = subprocess.run([tap.helper("kdump_whole_facts"), "make", folder], capture_output=True, text=True)
    for name, number in KINDS.items():
        for bits in 64, 32:
            with tap.case(f"{name}, {bits}-bit: every page, its place and its bytes; every header field"):
                tap.equal(made.returncode, 0, made.stderr)
                dump, listed = compare(os.path.join(folder, f"{name}{bits}.dmp"), 4)
                tap.equal(dump.type, number)
                tap.equal(int(listed["pages_listed"], 16), len(dump.pages()))

with tap.case("the head of a real complete dump: its header, and the two pages that are there"):
    dump, listed = compare(tap.corpus("kdump/header-only-full-19045.bin"), 2)
    tap.equal(listed["pages_listed"], "0x7fe86")
    tap.equal(dump.word(0xFA0), 0x2000 + 0x7FE86 * PAGE)

tap.done()
