#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds kernel dumps and cores against radare2: forged ones, what the program converts them to, and real headers.

radare2 (6.1 was used) opens 64-bit kernel dumps and lists their header and every page with its place in the file; it
opens ELF cores with their segments and the first processor's registers. It translates no page tables and knows no
processes or modules of a kernel: what it reads is compared byte for byte (a CRC a page, of all pages), and virtual
memory on the core that has a segment a mapping. What it does not take stands in LIMITS: where it shows pages all the
same, they are compared. TAP; skips aloud without radare2 (see radare.py).
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import radare  # noqa: E402
import tap  # noqa: E402

PAGE = 0x1000
BUILDS = (7601, 9600, 17763, 19041, 22000)
KINDS = ("full", "bitmap", "kernel", "automatic", "live", "summary", "rdmp-k", "rdmp-ka", "rdmp-f", "triage")
# Kinds of whose pages it shows none, and why.
LIMITS = {
    "bitmap": "wants SDMP where Windows writes FDMP before the bitmap of all pages: see check_patched_bitmap",
    "automatic": "knows DumpType 1, 5 and 6, not 7",
    "summary": "does not know DumpType 2",
    "rdmp-k": "does not know DumpType 8",
    "rdmp-ka": "does not know DumpType 9",
    "rdmp-f": "does not know DumpType A",
    "triage": "does not look into DumpType 4",
}
# iH's name, .dumpdebug's.
HEADER = {
    "MajorVersion": "major_version", "MinorVersion": "minor_version", "DirectoryTableBase": "directory_table_base",
    "PfnDataBase": "pfn_database", "PsLoadedModuleList": "ps_loaded_module_list",
    "PsActiveProcessHead": "ps_active_process_head", "MachineImageType": "machine_image_type",
    "NumberProcessors": "number_processors", "BugCheckCode": "bugcheck_code",
    "BugCheckParameter1": "bugcheck_parameter_1", "BugCheckParameter2": "bugcheck_parameter_2",
    "BugCheckParameter3": "bugcheck_parameter_3", "BugCheckParameter4": "bugcheck_parameter_4",
    "KdDebuggerDataBlock": "kd_debugger_data_block", "SecondaryDataState": "secondary_data_state",
    "ProductType": "product_type", "SuiteMask": "suite_mask",
}
BITMAP = {"HeaderSize": "first_page", "BitmapSize": "bits", "Pages": "pages"}
FILLER = int.from_bytes(b"PAGE", "little")  # what stands in fields that nobody filled; .dumpdebug shows 0


def number(value):
    return int(value, 16) if isinstance(value, str) else value


# ---- dumps to look at ----

def scenario(folder, build):
    """The machine of a build with little memory, and registers that can be told apart."""
    path = os.path.join(folder, f"{build}.scenario")
    with open(os.path.join(tap.ROOT, "tests", "forge", "worlds", f"machine-{build}-x64.scenario"), encoding="utf-8") as f:
        text = "ram 24M\n" + re.sub(r"^ram .*$", "", f.read(), flags=re.M)
    text = re.sub(r" current \d+", " current 0", text)
    names = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{i}" for i in range(8, 16)))
    text += "registers " + " ".join(f"{n}={0x1122334455660000 + i:x}" for i, n in enumerate(names)) + "\n"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def forge(folder, build, kind):
    out = os.path.join(folder, f"{build}-{kind}.dmp")
    if not os.path.exists(out):
        run = subprocess.run([tap.helper("stopcode-forge"), "-q", "--as", kind, scenario(folder, build), "--store",
                              os.path.join(folder, "store"), "-o", out], capture_output=True, timeout=60)
        tap.equal((run.returncode, run.stderr), (0, b""), f"stopcode-forge --as {kind}")
    return out


def convert(folder, source, kind):
    out = os.path.join(folder, f"to-{kind}.dmp")
    status, _, err = tap.run("convert", source, out, "--to", kind, "-f")
    tap.equal((status, err), (0, ""), f"stopcode convert --to {kind}")
    return out


# ---- kernel dumps ----

def library_pages(path):
    """{address: (offset in the file, CRC)} of all pages."""
    pages = {}
    for line in radare.facts("kdump_whole_facts", path):
        pfn, offset, crc = map(int, re.findall(r": *(\d+)", line))
        pages[pfn * PAGE] = (offset, crc)
    return pages


def check_header(path):
    said = radare.ask(path, "i", "iH")
    tap.equal(re.findall(r"^format +(\S+)$", said[0], re.M), ["dmp64"], "format")
    ours = radare.commands(path, ".dumpdebug")[0]
    records = {r["type"]: r for r in ours}
    theirs = radare.headers(said[1])
    for name, field in HEADER.items():
        got = number(records["dump_header"][field])
        tap.equal(0 if theirs[name] == FILLER and not got else theirs[name], got, name)
    if "Pages" in theirs:
        for name, field in BITMAP.items():
            tap.equal(theirs[name], number(records["page_list"][field]), name)
    kind = {1: "Workstation"}.get(records["dump_header"]["product_type"], "Server")
    version = f"{theirs['MajorVersion']}.{records['dump_header']['minor_version']}"
    tap.equal(re.findall(r"^os +(.*)$", said[0], re.M), [f"Windows NT {kind} {version}"], "system")
    return len(HEADER)


def their_pages(path):
    """{address: offset in the file} of its maps, each of one page."""
    sections = radare.ask(path, "iSj").json(0)
    tap.equal({(s["size"], s["vsize"]) for s in sections} - {(PAGE, PAGE)}, set(), "sizes of sections")
    pages = {s["vaddr"]: s["paddr"] for s in sections}
    tap.equal(len(pages), len(sections), "pages listed twice")
    return pages


def check_bytes(path, pages):
    """What it reads at each address has the CRC that the library's page has."""
    addresses = sorted(pages)
    said = radare.ask(path, "\n".join(f"ph crc32 {PAGE} @ {a:#x}" for a in addresses))
    tap.equal([int(line, 16) for line in said[0].split()], [pages[a][1] for a in addresses], "CRCs of pages")


def check_pages(path, kind):
    """The number of pages that were compared."""
    theirs = their_pages(path)
    if not theirs and kind in LIMITS:
        return 0
    ours = library_pages(path)
    tap.equal(sorted(theirs.items()), sorted((a, offset) for a, (offset, _) in ours.items()), "pages")
    check_bytes(path, ours)
    return len(theirs)


def check_patched_bitmap(path):
    """That nothing but the signature keeps it from a complete dump with a bitmap: with SDMP in its place all is right."""
    patched = path + ".sdmp"
    subprocess.run(["cp", "--sparse=always", path, patched], check=True, timeout=60)
    with open(patched, "r+b") as file:
        file.seek(0x2000)
        tap.equal(file.read(8), b"FDMPDUMP", "signature")
        file.seek(0x2000)
        file.write(b"SDMP")
    pages = check_pages(patched, "kernel")
    check_header(patched)
    os.unlink(patched)
    return pages


def check_dump(path, kind):
    if kind == "bitmap" and not their_pages(path):
        return check_patched_bitmap(path)
    check_header(path)
    return check_pages(path, kind)


def dump_cases(folder):
    """The sum of pages."""
    total = 0
    for build in BUILDS:
        for kind in KINDS if build == 19041 else ("full", "kernel"):
            with tap.case(f"{build}: a forged {kind} dump"):
                total += check_dump(forge(folder, build, kind), kind)
    for build in (7601, 22000):
        for kind in ("full", "bitmap", "kernel", "triage"):
            with tap.case(f"{build}: what a core is converted to: {kind}"):
                total += check_dump(convert(folder, forge(folder, build, "elf"), kind), kind)
    return total


def real_header_cases():
    for name in ("triage_x64.dmp", "triage_arm64.dmp", "header-only-full-19045.bin"):
        with tap.case(f"the header of {name}"):
            path = tap.corpus("kdump/" + name)
            check_header(path)
    with tap.case("the runs of header-only-full-19045.bin"):
        path = tap.corpus("kdump/header-only-full-19045.bin")
        header = radare.commands(path, ".dumpdebug")[0][0]
        want, offset = {}, 0x2000
        for run in header["runs"]:
            first, count = number(run["base_page"]), number(run["page_count"])
            want.update({(first + i) * PAGE: offset + i * PAGE for i in range(count)})
            offset += count * PAGE
        tap.equal(sorted(their_pages(path).items()), sorted(want.items()), "pages")


# ---- cores ----

def segments(path):
    """[(virtual address, offset, size)] of what is loaded."""
    rows = radare.ask(path, "iSSj").json(0)
    return [(r["vaddr"], r["paddr"], r["size"]) for r in rows if r["name"].startswith("LOAD")]


def physical(path):
    """The segments of RAM, which come first and go upwards; mappings of the process may follow."""
    rows = segments(path)
    count = next((i for i in range(1, len(rows)) if rows[i][0] < sum(rows[i - 1][::2]) or rows[i][0] >> 40), len(rows))
    return rows[:count]


def check_core(path):
    """Physical memory of a core whose segments stand at physical addresses."""
    ours = library_pages(path)
    theirs = {va + at: offset + at for va, offset, size in physical(path) for at in range(0, size, PAGE)}
    tap.equal(sorted(theirs.items()), sorted((a, offset) for a, (offset, _) in ours.items()), "pages")
    if len(physical(path)) == len(segments(path)):  # else mappings stand before them, at the same addresses
        check_bytes(path, ours)
    return len(theirs)


def check_unplaced(path):
    """A core that says p_vaddr 0 everywhere: places in the file and sizes are what can be compared."""
    ours = sorted(offset for offset, _ in library_pages(path).values())
    found = segments(path)
    theirs = sorted(offset + at for _, offset, size in found for at in range(0, size, PAGE))
    tap.equal(theirs, ours, "places of pages")
    return len(theirs)


def check_registers(path):
    theirs = radare.ask(path, "drj").json(0)
    ours = radare.commands(path, "~0s", "r")[1][0]
    compared = {name: value for name, value in theirs.items() if name in ours}
    tap.equal(compared, {name: number(ours[name]) for name in compared}, "registers")
    tap.equal((theirs["rflags"], theirs["rbx"]), (number(ours["efl"]), 0x1122334455660001), "flags and rbx")
    assert len(compared) >= 17, f"only {sorted(compared)} were compared"


def check_mappings(path):
    """Virtual memory of a core that has a segment a mapping: its first and last bytes as the page tables lead to them.

    Addresses that are below the end of RAM are both to radare2: left out.
    """
    ram = physical(path)
    virtual = [(va, size) for va, _, size in segments(path)[len(ram):] if va >= sum(ram[-1][::2])]
    places = [a for va, size in virtual for a in (va, va + size - 0x40)]
    theirs = radare.ask(path, *(f"p8 0x40 @ {a:#x}" for a in places))
    ours = radare.commands(path, *(f"db {a:x} L40" for a in places))
    for place, them, us in zip(places, theirs, ours):
        tap.equal(them.strip(), "".join(v or "??" for r in us for v in r["values"]), f"bytes at {place:x}")
    tap.equal((any(va >> 63 for va, _ in virtual), any(not va >> 63 for va, _ in virtual)), (True, True), "halves")
    tap.equal(sum(t.startswith("4d5a") for t in theirs) > 2, True, "images among them")
    return len(virtual)


def core_cases(folder):
    total = mappings = 0
    for build in (7601, 19041):
        for kind in ("elf", "elf-nonotes", "elf-bare", "elf-paging") if build == 19041 else ("elf",):
            with tap.case(f"{build}: a forged core: {kind}"):
                path = forge(folder, build, kind)
                total += check_core(path)
                if kind != "elf-bare":
                    check_registers(path)
        with tap.case(f"{build}: virtual memory of a core"):
            mappings += check_mappings(forge(folder, build, "elf-paging"))
        with tap.case(f"{build}: VirtualBox's core, which it would map at 0"):
            total += check_unplaced(forge(folder, build, "vbox"))
        with tap.case(f"{build}: a dump converted to a core"):
            path = convert(folder, forge(folder, build, "full"), "elf")
            total += check_core(path)
            check_registers(path)
    return total, mappings


def main():
    print("# " + radare.need())
    with tempfile.TemporaryDirectory() as folder:
        pages = dump_cases(folder)
        cores, mappings = core_cases(folder)
        print(f"# {pages} pages of dumps, {cores} pages and {mappings} mappings of cores compared")
    real_header_cases()
    tap.done()


if __name__ == "__main__":
    main()
