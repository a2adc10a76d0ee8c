#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what the library reads from minidumps with what other readers say of the same files.

    mdmp_compare.py [--facts PATH/mdmp_facts] [--corpus DIR] [FILE ...]

The other readers: LLVM's obj2yaml (every dump of the corpus, and dumps that yaml2obj makes of
LLDB's test inputs), the outputs of Breakpad's minidump_dump and of rust-minidump that lie beside
their dumps, facts that LLDB's tests expect, and, for the streams none of them takes apart, the
plain decoders below. Prints TAP. Exit status: 0 all that could be compared is equal, 1 not.
"""

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# -- TAP -------------------------------------------------------------------------------------


class Tap:
    def __init__(self):
        self.count, self.failed = 0, 0

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def result(self, name, problems):
        self.count += 1
        if problems:
            self.failed += 1
        print(f"{'not ok' if problems else 'ok'} {self.count} - {name}")
        for text in problems[:20]:
            print(f"#   {text}")
        sys.stdout.flush()

    def end(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


class Diff:
    """Collects differences."""

    def __init__(self):
        self.problems = []

    def equal(self, what, ours, theirs):
        if ours != theirs:
            self.problems.append(f"{what}: {ours!r}, expected {theirs!r}")

    def lists(self, what, ours, theirs):
        """Equal lengths? Then the pairs."""
        self.equal(f"number of {what}", len(ours), len(theirs))
        return list(zip(ours, theirs)) if len(ours) == len(theirs) else []


# -- our side --------------------------------------------------------------------------------


class Facts:
    """The JSON lines of mdmp_facts, by kind."""

    def __init__(self, tool, path):
        with open(path, "rb") as f:
            self.data = f.read()
        run = subprocess.run([tool, path], capture_output=True, timeout=60)
        if run.returncode not in (0, 1):
            raise RuntimeError(f"mdmp_facts ended with {run.returncode}: {run.stderr[-300:]!r}")
        other = subprocess.run([tool, "--no-mmap", path], capture_output=True, timeout=60)
        self.same_unmapped = run.stdout == other.stdout
        self.kinds = {}
        for line in run.stdout.decode("utf-8").splitlines():
            row = json.loads(line)
            self.kinds.setdefault(row.pop("kind"), []).append(row)

    def all(self, kind):
        return self.kinds.get(kind, [])

    def one(self, kind):
        return self.kinds.get(kind, [{}])[0]

    def bytes(self, offset, size):
        return self.data[offset : offset + size]

    def stream(self, kind):
        """Bytes and offset of the first stream of a type; (None, 0) if there is none."""
        for row in self.all("stream"):
            if row["type"] == kind and row["inside"] and row["size"]:
                return self.bytes(row["rva"], row["size"]), row["rva"]
        return None, 0


# -- obj2yaml --------------------------------------------------------------------------------


def scalar(text):
    """A YAML scalar as obj2yaml writes them; numbers stay text."""
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text.startswith('"'):
        return re.sub(r"\\x([0-9A-Fa-f]{2})|\\0|\\(.)", unescape, text[1:-1])
    if text.startswith("["):
        return [part.strip() for part in text[1:-1].split(",") if part.strip()]
    return text


def unescape(match):
    if match.group(1):
        return chr(int(match.group(1), 16))
    if match.group(2):
        return {"n": "\n", "t": "\t"}.get(match.group(2), match.group(2))
    return "\0"


def parse_yaml(text):
    """The subset that obj2yaml emits: maps and lists by indentation, `|` blocks, [flow lists]."""
    lines = [line for line in text.splitlines() if line not in ("--- !minidump", "...")]
    value, _ = parse_block(lines, 0, 0)
    return value


def indent_of(line):
    return len(line) - len(line.lstrip(" "))


def parse_block(lines, i, indent):
    while i < len(lines) and not lines[i].strip():
        i += 1
    if i < len(lines) and lines[i].lstrip().startswith("- "):
        items = []
        at = indent_of(lines[i])
        while i < len(lines) and indent_of(lines[i]) == at and lines[i].lstrip().startswith("- "):
            lines[i] = lines[i].replace("- ", "  ", 1)
            item, i = parse_block(lines, i, at + 2)
            items.append(item)
            while i < len(lines) and not lines[i].strip():
                i += 1
        return items, i
    out = {}
    while i < len(lines):
        if not lines[i].strip():
            i += 1
            continue
        if indent_of(lines[i]) < indent:
            break
        key, _, rest = lines[i].strip().partition(":")
        rest = rest.strip()
        at = indent_of(lines[i])
        i += 1
        if rest.startswith("|"):
            while i < len(lines) and (not lines[i].strip() or indent_of(lines[i]) > at):
                i += 1
            out[key] = None
        elif rest in ("", "{}"):
            nested = i < len(lines) and indent_of(lines[i]) > at and not rest
            out[key], i = parse_block(lines, i, at + 1) if nested else ({}, i)
        else:
            out[key] = scalar(rest)
    return out, i


def num(row, key):
    return int(row.get(key, "0") or "0", 0)


def hexbytes(row, key):
    return bytes.fromhex(row.get(key, "") or "")


STREAMS = {
    "ThreadList": 3, "ModuleList": 4, "MemoryList": 5, "Exception": 6, "SystemInfo": 7,
    "ThreadExList": 8, "Memory64List": 9, "CommentA": 10, "CommentW": 11, "HandleData": 12,
    "FunctionTable": 13, "UnloadedModuleList": 14, "MiscInfo": 15, "MemoryInfoList": 16,
    "ThreadInfoList": 17, "HandleOperationList": 18, "Token": 19, "JavascriptData": 20,
    "SystemMemoryInfo": 21, "ProcessVMCounters": 22, "BreakpadInfo": 0x47670001,
    "AssertionInfo": 0x47670002, "LinuxCPUInfo": 0x47670003, "LinuxProcStatus": 0x47670004,
    "LinuxLSBRelease": 0x47670005, "LinuxCMDLine": 0x47670006, "LinuxEnviron": 0x47670007,
    "LinuxAuxv": 0x47670008, "LinuxMaps": 0x47670009, "LinuxDSODebug": 0x4767000A,
    "LinuxProcStat": 0x4767000B, "LinuxProcUptime": 0x4767000C, "LinuxProcFD": 0x4767000D,
    "FacebookLogcat": 0xFACE1CA7, "FacebookAppCustomData": 0xFACECAFA,
    "FacebookBuildID": 0xFACECAFB, "FacebookAppVersionName": 0xFACECAFC,
    "FacebookJavaStack": 0xFACECAFD, "FacebookDalvikInfo": 0xFACECAFE,
    "FacebookUnwindSymbols": 0xFACECAFF, "FacebookDumpErrorLog": 0xFACECB00,
    "FacebookAppStateLog": 0xFACECCCC, "FacebookAbortReason": 0xFACEDEAD,
    "FacebookThreadName": 0xFACEE000,
}  # fmt: skip
ARCHS = {
    "X86": 0, "MIPS": 1, "Alpha": 2, "PPC": 3, "SHX": 4, "ARM": 5, "IA64": 6, "Alpha64": 7,
    "MSIL": 8, "AMD64": 9, "X86Win64": 10, "ARM64": 12, "BP_SPARC": 0x8001, "BP_PPC64": 0x8002,
    "BP_ARM64": 0x8003, "BP_MIPS64": 0x8004,
}  # fmt: skip
PLATFORMS = {
    "Win32S": 0, "Win32Windows": 1, "Win32NT": 2, "Win32CE": 3, "Unix": 0x8000, "MacOSX": 0x8101,
    "IOS": 0x8102, "Linux": 0x8201, "Solaris": 0x8202, "Android": 0x8203, "PS3": 0x8204,
    "NaCl": 0x8205, "OpenHOS": 0x8206,
}  # fmt: skip
PROTECT = {
    "PAGE_NO_ACCESS": 1, "PAGE_READ_ONLY": 2, "PAGE_READ_WRITE": 4, "PAGE_WRITE_COPY": 8,
    "PAGE_EXECUTE": 0x10, "PAGE_EXECUTE_READ": 0x20, "PAGE_EXECUTE_READ_WRITE": 0x40,
    "PAGE_EXECUTE_WRITE_COPY": 0x80, "PAGE_GUARD": 0x100, "PAGE_NOCACHE": 0x200,
    "PAGE_WRITECOMBINE": 0x400, "PAGE_TARGETS_INVALID": 0x40000000,
}  # fmt: skip
STATES = {"MEM_COMMIT": 0x1000, "MEM_RESERVE": 0x2000, "MEM_FREE": 0x10000}
TYPES = {"MEM_PRIVATE": 0x20000, "MEM_MAPPED": 0x40000, "MEM_IMAGE": 0x1000000}


def flags(value, names):
    """obj2yaml's [ A, B ], or a number where it has no name."""
    if isinstance(value, dict):
        value = []
    if isinstance(value, str):
        return int(value, 0)
    return sum(names[name] if name in names else int(name, 0) for name in value)


def codeview(raw):
    """What a CvRecord says, decoded here."""
    if raw[:4] == b"RSDS":
        age = struct.unpack_from("<I", raw, 20)[0] if len(raw) >= 24 else 0
        path = raw[24:].split(b"\0")[0] or None
        return "rsds", "{%s}" % str(uuid.UUID(bytes_le=raw[4:20])).upper(), age, path
    if raw[:4] == b"LEpB":
        guid = raw[4:20].ljust(16, b"\0")
        return "elf", "{%s}" % str(uuid.UUID(bytes_le=guid)).upper(), 0, None
    if raw[:4] == b"NB10":
        return "nb10", None, struct.unpack_from("<I", raw, 12)[0], raw[16:].split(b"\0")[0] or None
    return ("other" if raw else "none"), None, 0, None


def compare_modules(diff, facts, rows):
    for ours, row in diff.lists("modules", facts.all("module"), rows):
        at = f"module {ours['base']:#x}"
        diff.equal(f"{at}: base", ours["base"], num(row, "Base of Image"))
        diff.equal(f"{at}: size", ours["size"], num(row, "Size of Image"))
        diff.equal(f"{at}: checksum", ours["checksum"], num(row, "Checksum"))
        diff.equal(f"{at}: time stamp", ours["timestamp"], num(row, "Time Date Stamp"))
        name = row.get("Module Name", "")
        if name:
            diff.equal(f"{at}: name", ours["path"], name)
        info = row.get("Version Info", {})
        diff.equal(f"{at}: has version", ours["has_version"], int(num(info, "Signature") != 0))
        if ours["has_version"]:
            for key, label in (("file_version", "File"), ("product_version", "Product")):
                high = num(info, f"{label} Version High")
                low = num(info, f"{label} Version Low")
                text = f"{high >> 16}.{high & 0xffff}.{low >> 16}.{low & 0xffff}"
                diff.equal(f"{at}: {key}", ours[key], text)
            diff.equal(f"{at}: file OS", ours["file_os"], num(info, "File OS"))
            diff.equal(f"{at}: file type", ours["file_type"], num(info, "File Type"))
        kind, guid, age, path = codeview(hexbytes(row, "CodeView Record"))
        diff.equal(f"{at}: CodeView", ours["cv"], kind)
        diff.equal(f"{at}: age", ours["age"], age)
        if guid:
            diff.equal(f"{at}: GUID", ours["guid"], guid)
        if path is not None and path.isascii():
            diff.equal(f"{at}: PDB", ours["pdb"], path.decode())


def compare_threads(diff, facts, rows):
    for ours, row in diff.lists("threads", facts.all("thread"), rows):
        at = f"thread {ours['index']}"
        diff.equal(f"{at}: id", ours["tid"], num(row, "Thread Id"))
        diff.equal(f"{at}: suspend count", ours["suspend"], num(row, "Suspend Count"))
        diff.equal(f"{at}: priority class", ours["priority_class"], num(row, "Priority Class"))
        diff.equal(f"{at}: priority", ours["priority"], num(row, "Priority"))
        diff.equal(f"{at}: TEB", ours["teb"], num(row, "Environment Block"))
        context = hexbytes(row, "Context")
        if context:
            mine = facts.bytes(ours["context_off"], ours["context_size"])
            diff.equal(f"{at}: context", mine.hex(), context.hex())
        else:
            diff.equal(f"{at}: context", ours["context_off"], -1)
        stack = row.get("Stack", {})
        diff.equal(f"{at}: stack", ours["stack_start"], num(stack, "Start of Memory Range"))
        diff.equal(f"{at}: stack size", ours["stack_size"], len(hexbytes(stack, "Content")))


def compare_memory(diff, facts, rows):
    rows = [row for row in rows if row.get("Content")]
    skip = 0  # the 64-bit list comes first
    raw, _ = facts.stream(9)
    if raw:
        skip = struct.unpack_from("<Q", raw)[0]
    ours = facts.all("range")[skip:]
    if len(ours) < len(rows):
        diff.equal("number of ranges", len(ours), len(rows))
    for mine, row in zip(ours, rows):
        content = hexbytes(row, "Content")
        at = f"range {mine['start']:#x}"
        diff.equal(f"{at}: start", mine["start"], num(row, "Start of Memory Range"))
        diff.equal(f"{at}: size", mine["size"], len(content))
        diff.equal(f"{at}: same bytes", facts.bytes(mine["offset"], mine["size"]) == content, True)


def compare_regions(diff, facts, rows):
    for ours, row in diff.lists("regions", facts.all("region"), rows):
        at = f"region {ours['base']:#x}"
        diff.equal(f"{at}: base", ours["base"], num(row, "Base Address"))
        # obj2yaml leaves the allocation base out where it equals the base.
        base = int(row.get("Allocation Base", row.get("Base Address", "0")), 0)
        diff.equal(f"{at}: allocation", ours["alloc_base"], base)
        diff.equal(f"{at}: size", ours["size"], num(row, "Region Size"))
        before = flags(row.get("Allocation Protect", []), PROTECT)
        diff.equal(f"{at}: allocation protection", ours["alloc_protect"], before)
        diff.equal(f"{at}: state", ours["state"], flags(row.get("State", []), STATES))
        # … and the protection where it is the allocation's.
        now = flags(row["Protect"], PROTECT) if "Protect" in row else before
        diff.equal(f"{at}: protection", ours["protect"], now)
        diff.equal(f"{at}: type", ours["type"], flags(row.get("Type", []), TYPES))


def compare_exception(diff, facts, row):
    ours = facts.one("exception")
    record = row.get("Exception Record", {})
    mask = 0xFFFFFFFF if facts.one("machine")["cpu"] in (1, 3) else 0xFFFFFFFFFFFFFFFF
    if not ours:
        diff.equal("exception", num(record, "Exception Code"), 0)
        return
    diff.equal("exception: code", ours["code"], num(record, "Exception Code"))
    diff.equal("exception: flags", ours["flags"], num(record, "Exception Flags"))
    diff.equal("exception: record", ours["record"], num(record, "Exception Record") & mask)
    diff.equal("exception: address", ours["address"], num(record, "Exception Address") & mask)
    count = num(record, "Number of Parameters")
    theirs = [num(record, f"Parameter {i}") & mask for i in range(count)]
    diff.equal("exception: parameters", ours["params"], theirs if count <= 15 else [])
    context = hexbytes(row, "Thread Context")
    if context:
        mine = facts.bytes(ours["context_off"], ours["context_size"])
        diff.equal("exception: context", mine.hex(), context.hex())
    else:
        diff.equal("exception: context", ours["context_off"], -1)
    threads = facts.all("thread")
    index = facts.one("machine")["current"]
    if any(thread["tid"] == num(row, "Thread ID") for thread in threads):
        diff.equal("current thread", threads[index]["tid"], num(row, "Thread ID"))


def compare_system(diff, facts, row):
    ours = facts.one("system")
    arch, platform = row.get("Processor Arch", "0"), row.get("Platform ID", "0")
    diff.equal("architecture", ours["arch"], ARCHS[arch] if arch in ARCHS else int(arch, 0))
    known = PLATFORMS[platform] if platform in PLATFORMS else int(platform, 0)
    diff.equal("platform", ours["platform_id"], known)
    for key, label in (
        ("level", "Processor Level"), ("revision", "Processor Revision"),
        ("ncpus", "Number of Processors"), ("product_type", "Product type"),
        ("major", "Major Version"), ("minor", "Minor Version"), ("build", "Build Number"),
        ("suite_mask", "Suite Mask"),
    ):  # fmt: skip
        diff.equal(label, ours[key], num(row, label))
    diff.equal("CSD version", ours["csd"] or "", row.get("CSD Version", ""))
    if ours["arch"] == 0:
        cpu = row.get("CPU", {})
        diff.equal("vendor", ours["vendor"], cpu.get("Vendor ID", "").rstrip("\0"))
        diff.equal("version", ours["cpu_version"], num(cpu, "Version Info"))
        diff.equal("features", ours["cpu_features"], num(cpu, "Feature Info"))
        diff.equal("AMD features", ours["amd_features"], num(cpu, "AMD Extended Features"))


def compare_yaml(diff, facts, text):
    doc = parse_yaml(text)
    streams = doc.get("Streams", [])
    diff.equal("flags", facts.one("header")["flags"], num(doc, "Flags"))
    for ours, row in diff.lists("streams", facts.all("stream"), streams):
        kind = row["Type"]
        kind = STREAMS[kind] if kind in STREAMS else int(kind, 0)
        diff.equal("stream type", ours["type"], kind)
        if isinstance(row.get("Content"), str):
            mine = facts.bytes(ours["rva"], ours["size"])
            diff.equal(f"stream {kind:#x}: bytes", mine.hex(), row["Content"].lower())
        if kind == 3:
            compare_threads(diff, facts, row.get("Threads", []))
        elif kind == 4:
            compare_modules(diff, facts, row.get("Modules", []))
        elif kind == 5:
            compare_memory(diff, facts, row.get("Memory Ranges", []))
        elif kind == 6:
            compare_exception(diff, facts, row)
        elif kind == 7:
            compare_system(diff, facts, row)
        elif kind == 16:
            compare_regions(diff, facts, row.get("Memory Ranges", []))


# -- streams that no other reader here takes apart ----------------------------------------------


def string_at(data, rva):
    size = struct.unpack_from("<I", data, rva)[0]
    return data[rva + 4 : rva + 4 + size].decode("utf-16le", "surrogatepass").split("\0")[0]


def check_unloaded(diff, facts):
    raw, _ = facts.stream(14)
    if not raw:
        return
    header, entry, count = struct.unpack_from("<III", raw)
    rows = [struct.unpack_from("<QIIII", raw, header + i * entry) for i in range(count)]
    for ours, row in diff.lists("unloaded modules", facts.all("unloaded"), rows):
        mine = [ours[key] for key in ("base", "size", "checksum", "timestamp", "name")]
        diff.equal("unloaded module", mine, list(row[:4]) + [string_at(facts.data, row[4])])


def check_memory64(diff, facts):
    raw, _ = facts.stream(9)
    if not raw:
        return
    count, offset = struct.unpack_from("<QQ", raw)
    for i, ours in zip(range(count), facts.all("range")):
        start, size = struct.unpack_from("<QQ", raw, 16 + 16 * i)
        diff.equal("range", [ours[key] for key in ("start", "offset")], [start, offset])
        diff.equal("range size", ours["size"], min(size, max(len(facts.data) - offset, 0)))
        offset += size


def check_thread_names(diff, facts):
    raw, _ = facts.stream(24)
    if not raw:
        return
    count = struct.unpack_from("<I", raw)[0]
    names = {}
    for i in range(count):
        tid, rva = struct.unpack_from("<IQ", raw, 4 + 12 * i)
        names[tid] = string_at(facts.data, rva) or None
    for thread in facts.all("thread"):
        diff.equal(f"name of thread {thread['index']}", thread["name"], names.get(thread["tid"]))


def check_thread_infos(diff, facts):
    raw, _ = facts.stream(17)
    if not raw:
        return
    header, entry, count = struct.unpack_from("<III", raw)
    infos = {}
    for i in range(count):
        row = struct.unpack_from("<IIIIQQQQQQ", raw, header + i * entry)
        infos[row[0]] = row
    keys = ("dump_flags", "exit_status", "create_time", "exit_time", "kernel_time", "user_time",
            "start_address", "affinity")  # fmt: skip
    for thread in facts.all("thread"):
        row = infos.get(thread["tid"])
        diff.equal("has info", thread["has_info"], int(row is not None))
        if row:
            mine = [thread[key] % 2**64 for key in keys]
            diff.equal("thread info", mine, [row[1], *row[3:]])


def check_handles(diff, facts):
    raw, _ = facts.stream(12)
    if not raw:
        return
    header, entry, count = struct.unpack_from("<III", raw)
    rows = [struct.unpack_from("<QIIIIII", raw, header + i * entry) for i in range(count)]
    for ours, row in diff.lists("handles", facts.all("handle"), rows):
        name = [string_at(facts.data, rva) if rva else None for rva in row[1:3]]
        keys = ("handle", "attributes", "access", "handle_count", "pointer_count")
        mine = [ours[key] for key in keys]
        diff.equal("handle", mine, [row[0], *row[3:]])
        diff.equal("handle's names", [ours["type"], ours["object"]], name)


def check_misc(diff, facts):
    raw, _ = facts.stream(15)
    if not raw:
        return
    valid, pid, create, user, kernel = struct.unpack_from("<IIIII", raw, 4)
    ours = facts.one("misc")
    diff.equal("process id", ours["pid"], pid if valid & 1 else 0)
    times = [create, user, kernel] if valid & 2 else [0, 0, 0]
    diff.equal("times", [ours[k] for k in ("create_time", "user_time", "kernel_time")], times)
    if len(raw) >= 832 and valid & 0x100:
        text = raw[0xE8:0x2F0].decode("utf-16le", "surrogatepass").split("\0")[0]
        diff.equal("build string", ours["build_string"] or "", text)


def check_tokens(diff, facts):
    raw, rva = facts.stream(19)
    if not raw:
        return
    _, count, at, _ = struct.unpack_from("<IIII", raw)
    rows = []
    for _ in range(count):
        size, who, handle = struct.unpack_from("<IIQ", raw, at)
        rows.append([size - 16, who, handle, rva + at + 16])
        at += size
    keys = ("size", "id", "handle", "data_offset")
    mine = [[token[key] for key in keys] for token in facts.all("token")]
    diff.equal("tokens", mine, rows)


DECODERS = (check_unloaded, check_memory64, check_thread_names, check_thread_infos, check_handles,
            check_misc, check_tokens)  # fmt: skip


# -- golden outputs beside the dumps --------------------------------------------------------------


def dump_blocks(text):
    """Blocks of `key = value` lines of minidump_dump, as (heading, fields)."""
    blocks = []
    for line in text.splitlines():
        heading = re.fullmatch(r"(MD\w+|MINIDUMP_\w+|CONTEXT_\w+|CodeViewPdb\w+|MDCV\w+)", line)
        field = re.fullmatch(r"\s+\(?(\w[\w.\[\] ]*?)\)?\s+= (.*)", line)
        if heading:
            blocks.append((heading.group(1), {}))
        elif field and blocks:
            blocks[-1][1].setdefault(field.group(1), field.group(2))
    return blocks


REGISTERS = ("edi", "esi", "ebx", "edx", "ecx", "eax", "ebp", "eip", "esp", "cs", "ss", "ds", "es",
             "fs", "gs")  # fmt: skip


def first_number(text):
    return int(text.split()[0], 0)


def compare_minidump_dump(diff, facts, text):
    """Breakpad's `minidump_dump`, and rust-minidump's --dump, which imitates it (x86 files)."""
    blocks = dump_blocks(text)

    def having(key):
        return [fields for _, fields in blocks if key in fields]

    contexts = facts.all("regs") + facts.all("event_regs")
    for ours, fields in diff.lists("contexts", contexts, having("eip")):
        mine = {name: ours[name] for name in REGISTERS} | {"eflags": ours["efl"]}
        diff.equal("registers", mine, {name: first_number(fields[name]) for name in mine})
    for ours, fields in diff.lists("threads", facts.all("thread"), having("teb")):
        diff.equal("thread id", ours["tid"], first_number(fields["thread_id"]))
        diff.equal("TEB", ours["teb"], first_number(fields["teb"]))
    for ours, fields in diff.lists("modules", facts.all("module"), having("base_of_image")):
        diff.equal("base", ours["base"], first_number(fields["base_of_image"]))
        diff.equal("time stamp", ours["timestamp"], first_number(fields["time_date_stamp"]))
    exception = having("exception_record.exception_code") or having("exception_code")
    if exception:
        code = next(v for k, v in exception[0].items() if k.endswith("exception_code"))
        diff.equal("exception code", facts.one("exception")["code"], first_number(code))
    for fields in having("requesting_thread_id"):
        mine = facts.one("breakpad")["requesting_thread"]
        diff.equal("requesting thread", mine, first_number(fields["requesting_thread_id"]))
    for fields in having("process_id"):
        diff.equal("process id", facts.one("misc")["pid"], first_number(fields["process_id"]))


CPU_NAMES = {1: "x86", 2: "amd64", 3: "arm", 4: "arm64"}


def compare_rust_json(diff, facts, text):
    doc = json.loads(text)
    machine = facts.one("machine")
    diff.equal("cpu", CPU_NAMES.get(machine["cpu"]), doc["system_info"]["cpu_arch"])
    diff.equal("processors", machine["ncpus"], doc["system_info"]["cpu_count"])
    diff.equal("process id", machine["pid"], doc["pid"] or 0)
    if doc["process_uptime"] is not None:
        diff.equal("uptime", machine["uptime"] // 10**7, doc["process_uptime"])
    diff.equal("crashing thread", machine["current"], doc["crash_info"]["crashing_thread"])
    modules = {m["base"]: m for m in facts.all("module")}
    for theirs in doc["modules"]:
        ours = modules.get(int(theirs["base_addr"], 16))
        diff.equal(f"module at {theirs['base_addr']} is there", ours is not None, True)
        if ours:
            diff.equal("end", ours["base"] + ours["size"], int(theirs["end_addr"], 16))
            debug_id = re.sub("[{}-]", "", ours["guid"]) + f"{ours['age']:X}"
            if ours["cv"] != "none":
                diff.equal("debug id", debug_id, theirs["debug_id"])
    for ours, theirs in diff.lists("threads", facts.all("thread"), doc["threads"]):
        diff.equal("thread id", ours["tid"], theirs["thread_id"])
        diff.equal("thread name", ours["name"], theirs["thread_name"] or None)
    names = {"rip": "rip", "eip": "eip", "eflags": "efl", "rflags": "efl"}
    for name, value in doc["crashing_thread"]["frames"][0].get("registers", {}).items():
        mine = facts.one("event_regs").get(names.get(name, name))
        diff.equal(f"register {name}", mine, int(value, 16))


def snapshot(text):
    """A rust-minidump snapshot without its heading."""
    return text.split("---\n", 2)[2]


# dump (by the end of its path), golden file (the same), how to read it
GOLDEN = (
    ("testdata/minidump2.dmp", "testdata/minidump2.dump.out", compare_minidump_dump, False),
    ("testdata/test.dmp", "stackwalk__dump.snap", compare_minidump_dump, True),
    ("testdata/test.dmp", "stackwalk__dump-brief.snap", compare_minidump_dump, True),
    ("testdata/test.dmp", "stackwalk__json-pretty.snap", compare_rust_json, True),
    ("testdata/linux-mini.dmp", "stackwalk__linux_json_pretty.snap", compare_rust_json, True),
    ("testdata/pipeline-inlines-macos-segv.dmp", "stackwalk__macos_inlines_json_pretty.snap",
     compare_rust_json, True),
)  # fmt: skip

# What LLDB's tests (TestMiniDump.py, TestMiniDumpNew.py) expect of their dumps.
LLDB = (
    ("minidump/fizzbuzz_no_heap.dmp", {"pid": 4440, "threads": 1, "code": 0xC0000005}),
    ("minidump-new/linux-x86_64.dmp", {"pid": 29917, "threads": 1, "code": 11}),
    ("minidump-new/linux-x86_64_not_crashed.dmp", {"pid": 29939, "threads": 1,
                                                   "code": 0xFFFFFFFF}),
)  # fmt: skip


def compare_expected(diff, facts, expected):
    diff.equal("process id", facts.one("machine")["pid"], expected["pid"])
    diff.equal("threads", len(facts.all("thread")), expected["threads"])
    diff.equal("exception", facts.one("exception").get("code"), expected["code"])


# -- the run --------------------------------------------------------------------------------------


def find_corpus(given):
    """The folder of minidumps; what was named counts alone, else the usual places."""
    named = given or os.environ.get("STOPCODE_CORPUS")
    usual = [os.path.join(ROOT, "../" * n, "shared/corpus") for n in (1, 2, 3)]
    for path in [named] if named else usual:
        if os.path.isdir(os.path.join(path, "mdmp")):
            return os.path.join(path, "mdmp")
    return None


def minidumps(root):
    for folder, _, files in sorted(os.walk(root)):
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.endswith(".dmp"):
                with open(path, "rb") as f:
                    if f.read(4) == b"MDMP":
                        yield path


def by_ending(root, ending):
    for folder, _, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)
            if path.endswith(ending):
                return path
    return None


def compare_file(tap, tools, path, name):
    facts = Facts(tools["facts"], path)
    diff = Diff()
    diff.equal("read without a mapping as with one", facts.same_unmapped, True)
    yaml = subprocess.run([tools["obj2yaml"], path], capture_output=True, timeout=60)
    if yaml.returncode == 0:
        compare_yaml(diff, facts, yaml.stdout.decode("utf-8", "replace"))
        for check in DECODERS:
            check(diff, facts)
    else:  # they refuse it: we must say what is wrong, in an error or in notes
        diff.equal("damage is told", bool(facts.all("error") or facts.all("note")), True)
    tap.result(name, diff.problems)


def compare_yaml_inputs(tap, tools, root):
    """LLDB keeps some inputs as YAML: yaml2obj, an independent writer, makes dumps of them."""
    with tempfile.TemporaryDirectory() as folder:
        for base, _, files in sorted(os.walk(root)):
            for name in sorted(f for f in files if f.endswith((".yaml", ".test"))):
                source = os.path.join(base, name)
                with open(source, encoding="utf-8") as f:
                    if "--- !minidump" not in f.read():
                        continue
                dump = os.path.join(folder, name + ".dmp")
                made = subprocess.run([tools["yaml2obj"], source, "-o", dump], capture_output=True)
                label = f"yaml2obj of {name}"
                if made.returncode:
                    tap.skip(label, "this yaml2obj does not accept it")
                else:
                    compare_file(tap, tools, dump, label)


def compare_golden(tap, tools, root):
    for dump, golden, compare, is_snapshot in GOLDEN:
        dump_path, golden_path = by_ending(root, dump), by_ending(root, golden)
        name = f"{os.path.basename(dump)} as in {os.path.basename(golden)}"
        if not dump_path or not golden_path:
            tap.skip(name, "not in the corpus")
            continue
        with open(golden_path, encoding="utf-8") as f:
            text = f.read()
        diff = Diff()
        compare(diff, Facts(tools["facts"], dump_path), snapshot(text) if is_snapshot else text)
        tap.result(name, diff.problems)
    for dump, expected in LLDB:
        path = by_ending(root, dump)
        name = f"{dump} as LLDB's tests expect"
        if not path:
            tap.skip(name, "not in the corpus")
            continue
        diff = Diff()
        compare_expected(diff, Facts(tools["facts"], path), expected)
        tap.result(name, diff.problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(ROOT, "build", "dev")
    parser.add_argument(
        "--facts",
        default=os.path.join(build, "tests", "mdmp_facts"),
        help="the mdmp_facts program (else that of STOPCODE_BUILD, else of build/dev)",
    )
    parser.add_argument("--corpus", help="folder that holds mdmp/ (else STOPCODE_CORPUS)")
    parser.add_argument("files", nargs="*", help="only these minidumps")
    args = parser.parse_args()
    tap = Tap()
    tools = {"facts": args.facts}
    for tool in ("obj2yaml", "yaml2obj"):
        tools[tool] = shutil.which(tool) or shutil.which(f"{tool}-14")
    root = find_corpus(args.corpus)
    if not os.path.exists(args.facts):
        tap.result(f"the program {args.facts} is there", ["not built: make build"])
        return tap.end()
    if not root:
        tap.skip("minidumps", "no corpus: set STOPCODE_CORPUS")
        return tap.end()
    if tools["obj2yaml"]:
        for path in args.files or minidumps(root):
            compare_file(tap, tools, path, os.path.relpath(path, root))
    else:
        tap.skip("minidumps as obj2yaml reads them", "obj2yaml (package llvm) is not installed")
    if args.files:
        return tap.end()
    if tools["obj2yaml"] and tools["yaml2obj"]:
        compare_yaml_inputs(tap, tools, root)
    else:
        tap.skip("minidumps that yaml2obj makes", "yaml2obj (package llvm) is not installed")
    compare_golden(tap, tools, root)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
