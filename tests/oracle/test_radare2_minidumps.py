#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds user minidumps against radare2: forged ones and every one of the corpus.

radare2 names the streams it knows and has a format for each; with `pf` it takes header, system, process, exception,
modules, threads and memory apart, and its maps are the memory it can read. All of it is compared with what the library
reads. What it does not do, or does differently, stands in the functions' comments. TAP; skips aloud without radare2.
"""
import collections
import datetime
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import radare  # noqa: E402
import tap  # noqa: E402

# Its flags of streams, and their types.
STREAMS = {
    "thread_list": 3, "module_list": 4, "memory_list": 5, "exception_stream": 6, "system_info": 7, "thread_ex_list": 8,
    "memory64_list": 9, "handle_data_stream": 12, "function_table_stream": 13, "unloaded_module_list": 14, "misc_info": 15,
    "memory_info_list": 16, "thread_info_list": 17, "handle_operation_list": 18, "token_info_list": 19,
}
WINDOWS = 2  # platform
COUNTS = collections.Counter()


class Dump:
    """Both sides of one file."""

    def __init__(self, path):
        self.path = path
        self.ours = collections.defaultdict(list)
        for line in radare.facts("mdmp_facts", path, status=(0, 1)):
            row = json.loads(line)
            self.ours[row["kind"]].append(row)
        said = radare.ask(path, "i", "ik", "iSj", "fj")
        self.said = said.said
        self.is_mine = bool(re.search(r"^format +mdmp$", said[0], re.M))
        self.keys = dict(line.split("=", 1) for line in said[1].splitlines() if "=" in line)
        self.sections = said.json(2) or []
        self.flags = {f["name"][5:]: f.get("addr", f.get("offset")) for f in said.json(3) or [] if f["name"].startswith("mdmp_")}
        with open(path, "rb") as file:
            self.size = len(file.read())

    def structures(self, *names):
        """The streams of these names through its formats: addresses are offsets in the file."""
        said = radare.ask(self.path, *(f"pfj.mdmp_{n} @ {self.flags[n]:#x}" for n in names), options=("-e", "io.va=false"))
        return {n: radare.structure(said[i]) for i, n in enumerate(names)}

    def has(self, name):
        return name in self.flags

    def stream(self, kind):
        """The first one of a type, which counts."""
        return next((s for s in self.ours["stream"] if s["type"] == kind), None)


def seconds(text):
    """`Fri Mar  4 05:06:07 2022` as a time_t."""
    return int(datetime.datetime.strptime(text, "%a %b %d %H:%M:%S %Y").replace(tzinfo=datetime.timezone.utc).timestamp())


def check_header(dump, s):
    header, ours = s["header"], dump.ours["header"][0]
    tap.equal((header["Signature"], header["Version"], header["NumberOfStreams"], header["StreamDirectoryRVA"],
               header["CheckSum"], seconds(header["TimeDateStamp"])),
              ("MDMP", ours["version"], ours["nstreams"], ours["directory"], ours["checksum"], ours["timestamp"]), "header")
    tap.equal(int(header["Flags"].split()[0], 16), ours["flags"] & 0xffffffff, "flags")
    tap.equal(int(dump.keys["mdmp.streams"], 16), ours["nstreams"], "mdmp.streams")


def check_streams(dump):
    for name, kind in STREAMS.items():
        if dump.has(name):
            tap.equal(dump.flags[name] in [s["rva"] for s in dump.ours["stream"] if s["type"] == kind], True,
                      f"place of {name}")
            COUNTS["streams"] += 1


def check_system(dump, s):
    """ProductType is a byte that it reads four bytes of."""
    if not dump.has("system_info") or not dump.ours["system"]:
        return
    system, ours = s["system_info"], dump.ours["system"][0]
    names = {"ProcessorArchitecture": "arch", "ProcessorLevel": "level", "ProcessorRevision": "revision",
             "NumberOfProcessors": "ncpus", "MajorVersion": "major", "MinorVersion": "minor", "BuildNumber": "build",
             "PlatformId": "platform_id", "SuiteMask": "suite_mask"}
    for theirs, mine in names.items():
        tap.equal(system[theirs], ours[mine], theirs)
    tap.equal(int(system["ProductType"].split()[0], 16) & 0xff, ours["product_type"], "ProductType")
    for key in ("major", "minor", "build"):
        tap.equal(int(dump.keys["mdmp.os_" + key], 16), ours[key], key)


def check_misc(dump, s):
    """Times of the process are seconds, which it shows as dates; the processor's speeds stand behind the first 24 bytes."""
    if not dump.has("misc_info") or not dump.ours["misc"]:
        return
    misc, ours = s["misc_info"], dump.ours["misc"][0]
    tap.equal((misc["SizeOfInfo"], int(misc["Flags1"].split()[0], 16)), (ours["size"], ours["flags"]), "misc info")
    if ours["flags"] & 1:
        tap.equal(misc["ProcessId"], ours["pid"], "ProcessId")
    if ours["flags"] & 2:
        tap.equal([seconds(misc[n]) for n in ("ProcessCreateTime", "ProcessUserTime", "ProcessKernelTime")],
                  [ours[n] for n in ("create_time", "user_time", "kernel_time")], "times")
    if ours["flags"] & 4 and ours["size"] >= 0x2c:
        tap.equal((misc["ProcessorMaxMhz"], misc["ProcessorCurrentMhz"]), (ours["max_mhz"], ours["cur_mhz"]), "speed")


def check_exception(dump, s):
    if not dump.has("exception_stream"):
        return
    stream, ours = s["exception_stream"], dump.ours["exception"]
    record = stream["ExceptionRecord"]
    if not ours:
        tap.equal(record["ExceptionCode"], 0, "code of an exception that we do not show")
        return
    count = min(record["NumberParameters"], 15)
    wide = dump.ours["system"][0]["arch"] in (9, 12, 0x8003)
    cut = 0xffffffffffffffff if wide else 0xffffffff
    tap.equal((record["ExceptionCode"], record["ExceptionFlags"], record["ExceptionRecord"] & cut, record["ExceptionAddress"] & cut,
               [p & cut for p in record["ExceptionInformation"][:count]]),
              (ours[0]["code"], ours[0]["flags"], ours[0]["record"], ours[0]["address"], [p & cut for p in ours[0]["params"]]),
              "exception")
    context = stream["ThreadContext"]
    if context["RVA"]:
        tap.equal((context["RVA"], context["DataSize"]), (ours[0]["context_off"], ours[0]["context_size"]), "context")


def check_modules(dump, s):
    """Also as sections without bytes, which have the names of files: of at most 254 characters, or they are left out."""
    if not dump.has("module_list"):
        return
    rows = s["module_list"].get("Modules") or []
    ours = [m for m in dump.ours["module"] if m["offset"] < dump.size]
    tap.equal([(m["BaseOfImage"], m["SizeOfImage"], m["CheckSum"], seconds(m["TimeDateStamp"])) for m in rows],
              [(m["base"], m["size"], m["checksum"], m["timestamp"]) for m in ours], "modules")
    for theirs, mine in zip(rows, ours):
        info = theirs["VersionInfo"]
        if info["dwSignature"] == 0xfeef04bd:
            words = [info[n] for n in ("dwFileVersionMs", "dwFileVersionLs")]
            version = ".".join(str(w >> shift & 0xffff) for w in words for shift in (16, 0))
            tap.equal(version, mine["file_version"], f"version of {mine['name']}")
    sections = [x for x in dump.sections if not x["name"].startswith("Memory_Section") and x["perm"] == "----"]
    tap.equal(sorted((x["vaddr"], x["vsize"]) for x in sections), sorted((m["base"], m["size"]) for m in ours if len(m["path"]) < 255),
              "as sections")
    COUNTS["modules"] += len(rows)


def check_threads(dump, s):
    if not dump.has("thread_list"):
        return
    rows = s["thread_list"].get("Threads") or []
    ours = dump.ours["thread"]
    tap.equal([(t["ThreadId"], t["SuspendCount"], t["PriorityClass"], t["Priority"], t["Teb"]) for t in rows],
              [(t["tid"], t["suspend"], t["priority_class"], t["priority"], t["teb"]) for t in ours], "threads")
    tap.equal([(t["Stack"]["StartOfMemoryRange"], t["Stack"]["Memory"]["DataSize"]) for t in rows],
              [(t["stack_start"], t["stack_size"]) for t in ours], "stacks")
    tap.equal([(t["ThreadContext"]["RVA"], t["ThreadContext"]["DataSize"]) for t in rows if t["ThreadContext"]["RVA"]],
              [(t["context_off"], t["context_size"]) for t in ours if t["context_off"] != -1], "contexts")
    COUNTS["threads"] += len(rows)


def check_memory(dump):
    """Its maps are the ranges of the memory lists; the library has those, and the stacks, which may be listed twice."""
    theirs = {(x["vaddr"], x["size"], x["paddr"]) for x in dump.sections if x["name"].startswith("Memory_Section")}
    ours = {(r["start"], r["size"], r["offset"]) for r in dump.ours["range"]}
    tap.equal(sorted(theirs - ours), [], "ranges that we do not have")
    stacks = {(t["stack_start"], t["stack_size"]) for t in dump.ours["thread"]}
    tap.equal(sorted(r for r in ours - theirs if r[:2] not in stacks), [], "ranges that it does not have")
    COUNTS["ranges"] += len(theirs)


def check_bytes(dump):
    """The first bytes of each range as it reads them at their address: those at the file offset that we have for it."""
    ranges = sorted({(r["start"], r["size"], r["offset"]) for r in dump.ours["range"]})
    mapped = {(x["vaddr"], x["size"]) for x in dump.sections}
    alone = [r for i, r in enumerate(ranges) if r[:2] in mapped and
             all(o[0] + o[1] <= r[0] or o[0] >= r[0] + r[1] for j, o in enumerate(ranges) if j != i)]
    if not alone:
        return
    said = radare.ask(dump.path, *(f"p8 {min(size, 32)} @ {start:#x}" for start, size, _ in alone))
    with open(dump.path, "rb") as file:
        for (start, size, offset), text in zip(alone, said):
            file.seek(offset)
            tap.equal(text.strip(), file.read(min(size, 32)).hex(), f"bytes at {start:x}")
    COUNTS["ranges read"] += len(alone)


def check(path):
    dump = Dump(path)
    refused = dump.ours["error"]
    if not dump.is_mine and not refused and dump.ours["header"][0]["directory"] < 0x20:
        tap.contains(dump.said, "RVA for directory resides in the header")
        tap.skip("radare2 refuses a directory inside the header; here it is read, damaged as it is")
    tap.equal(dump.is_mine, not refused, f"opened ({refused})")
    if refused:
        return
    names = [n for n in ("header", "system_info", "misc_info", "exception_stream", "module_list", "thread_list") if dump.has(n)]
    structures = dump.structures(*names)
    check_header(dump, structures)
    check_streams(dump)
    check_system(dump, structures)
    check_misc(dump, structures)
    check_exception(dump, structures)
    check_modules(dump, structures)
    check_threads(dump, structures)
    check_memory(dump)
    check_bytes(dump)
    COUNTS["dumps"] += 1


def forged_cases(folder):
    for name in ("user-x64", "user-x86"):
        with tap.case(f"forged: {name}"):
            out = os.path.join(folder, name + ".dmp")
            source = os.path.join(tap.ROOT, "tests", "forge", "worlds", name + ".scenario")
            run = subprocess.run([tap.helper("stopcode-forge"), "-q", source, "--store", os.path.join(folder, "store"), "-o", out],
                                 capture_output=True, timeout=60)
            tap.equal((run.returncode, run.stderr), (0, b""), "stopcode-forge")
            check(out)


def real_cases():
    folder = None
    with tap.case("the corpus has minidumps"):
        folder = tap.corpus("mdmp")
    if not folder:
        return
    for path in sorted(glob.glob(os.path.join(folder, "**", "*mp"), recursive=True)):
        if os.path.isfile(path):
            with tap.case(os.path.relpath(path, folder)):
                check(path)


def main():
    radare.need()
    with tempfile.TemporaryDirectory() as folder:
        forged_cases(folder)
    real_cases()
    print("# compared: " + ", ".join(f"{n} {what}" for what, n in COUNTS.items()))
    tap.done()


if __name__ == "__main__":
    main()
