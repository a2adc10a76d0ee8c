#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Conversion of whole memory, read again by something else: forge/whole_reader.py (containers and page tables from their
descriptions), GDB and readelf.

Of each forged world and container, whatever it is converted to, every byte of memory must be what it was, but for the ranges
that the program lists as changed; and those must be what they are said to be. TAP; standard library only.
"""
import glob
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402
sys.path.insert(0, os.path.join(tap.ROOT, "tests", "forge"))
import whole_reader as whole  # noqa: E402

WORLDS = os.path.join(tap.ROOT, "tests", "forge", "worlds")
PAGE = 0x1000
RAM = {"machine-xp-pae": "176M"}  # it says where its page tables are
QUESTIONS = "!analyze -v; .bugcheck; ~; lm; k; !thread; r; q"


def program(*args, timeout=60, **more):
    return subprocess.run([tap.program(), *args], capture_output=True, text=True, timeout=timeout, **more)


def scenario_of(folder, name, ram=None):
    """The world with less memory: these tests read all of it."""
    with open(os.path.join(WORLDS, name + ".scenario"), encoding="utf-8") as f:
        text = re.sub(r"^ram .*\n", "", f.read(), flags=re.M)
    path = os.path.join(folder, name + ".scenario")
    with open(path, "w", encoding="utf-8") as f:
        f.write(re.sub(r"^paging", f"ram {ram or RAM.get(name, '24M')}\npaging", text, flags=re.M))
    return path


def forge(scenario, out, kind):
    run = subprocess.run([os.path.join(os.path.dirname(tap.program()), "stopcode-forge"), scenario, "-o", out, "-q", "--store",
                          os.path.join(os.path.dirname(out), "store"), "--as", kind], capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), f"stopcode-forge --as {kind}")


def convert(source, to, out, *options):
    """The records of a conversion that works."""
    run = program("convert", source, out, "--to", to, "--json", "-f", *options)
    tap.equal((run.returncode, run.stderr), (0, ""), f"convert {os.path.basename(source)} --to {to}")
    records = json.loads(run.stdout)["records"]
    tap.equal(records[0]["type"], "conversion", "first record")
    tap.equal(records[0]["bytes"], os.path.getsize(out), "bytes")
    changes = [r for r in records if r["type"] == "changed_memory"]
    unused = [r for r in records if r["type"] == "unused_pages"]
    tap.equal(len(unused), int("active" in options), "records about pages that are not in use")
    return {**(unused[0] if unused else {}), **records[0]}, \
        [(int(r["address"], 16), int(r["size"], 16), r["why"]) for r in changes]


def opened(path, kind=None):
    state = path[:-5] + ".vmss" if path.endswith(".vmem") else None
    return whole.open_memory(path, kind or "raw", state)


def pages_of(memory):
    out = set()
    for pa, _, size in memory.runs:
        out.update(range(pa // PAGE, (pa + size + PAGE - 1) // PAGE))
    return out


def blank(data, at, changes):
    """DATA, which lies at AT, with zeros where it was changed."""
    data = bytearray(data)
    for start, size, _ in changes:
        first, last = max(start, at), min(start + size, at + len(data))
        if first < last:
            data[first - at:last - at] = bytes(last - first)
    return bytes(data)


def check_same(a, b, changes, holes=False):
    """Every byte of A is in B. HOLES: B has more, which is zeros."""
    if not holes:
        tap.equal(sorted(pages_of(a) ^ pages_of(b))[:8], [], "pages of one alone")
    for pa, _, size in a.runs:
        for at in range(pa, pa + size, 1 << 20):
            n = min(1 << 20, pa + size - at)
            if blank(a.read(at, n), at, changes) != blank(b.read(at, n), at, changes):
                for page in range(at, at + n, PAGE):
                    left, right = a.read(page, PAGE), b.read(page, PAGE)
                    tap.equal(blank(left, page, changes) == blank(right, page, changes), True, f"page {page:#x}")


def check_changes(a, b, changes):
    """What is listed did change."""
    for at, size, why in changes:
        assert a.read(at, size) != b.read(at, size), f"{at:#x} L{size:#x} ({why}) is the same"
        if why.startswith("debugger data"):
            tap.equal(b.read(at + 0x10, 4), b"KDBG", "the decoded block's tag")


def check_zeros(raw, memory):
    """Where there is no memory, the raw file has zeros."""
    have = pages_of(memory)
    for pfn in range(max(have)):
        if pfn not in have:
            assert not any(raw.read(pfn * PAGE, PAGE)), f"page {pfn:#x} is not zero"


def check_step(source, to, out, stop):
    """Converts and compares; the new file's memory."""
    result, changes = convert(source, to, out)
    before, after = opened(source), opened(out)
    tap.equal((result["left_out"], result["pages"]), (0, len(pages_of(before))), "pages")
    if to in ("raw", "elf"):
        tap.equal(changes, [], "changes")
    check_same(before, after, changes, to == "raw")
    check_changes(before, after, changes)
    if to == "raw":
        check_zeros(after, before)
    elif after.header:
        tap.equal(after.header["bugcheck"], stop, "bug check")


def check_chain(folder, name):
    """full -> bitmap -> elf -> raw -> full, and every other container that is read, to one of these."""
    scenario = scenario_of(folder, name)
    stop = int(re.search(r"^bugcheck (\w+)", open(scenario).read(), re.M).group(1), 16)
    chain = ["full"] + (["bitmap"] if is_wide(name) else []) + ["elf", "raw", "full", "elf", "full"]
    files = [os.path.join(folder, "chain0"), os.path.join(folder, "chain1")]
    forge(scenario, files[0], "full")
    for i, to in enumerate(chain[1:]):
        with tap.case(f"{name}: {chain[i]} to {to}"):
            check_step(files[i % 2], to, files[(i + 1) % 2], stop)
    for kind, to in (("elf", "full"), ("vmem", "elf"), ("lime", "full"), ("vbox", "full"), ("automatic", "elf")):
        source = os.path.join(folder, "source.vmem" if kind == "vmem" else "source")
        with tap.case(f"{name}: {kind} to {to}"):
            forge(scenario, source, kind)
            check_step(source, to, files[0], stop)


def is_wide(name):
    return "x86" not in name and "pae" not in name


# ---- whose pages are ----

def processes(scenario):
    return [int(a.replace("`", ""), 16) for a in re.findall(r"^process \S+ (\S+)", open(scenario).read(), re.M)]


def user_texts(scenario):
    """Texts that lie in memory of processes."""
    out, inside = [], False
    for line in open(scenario, encoding="utf-8"):
        inside = line.startswith("in process") or (inside and line.strip() != "end")
        found = re.match(r'memory (\S+) "([^"]{8,})"', line)
        if inside and found:
            out.append(found.group(2).encode())
    return out


def kernel_texts(scenario):
    out, inside = [], False
    for line in open(scenario, encoding="utf-8"):
        inside = line.startswith("in process") or (inside and line.strip() != "end")
        found = re.match(r'memory (\S+) (?:"([^"]*)")', line)
        if not inside and found and "paged out" not in line:
            out.append(found.group(2).encode())
    return out


def holds(path, texts):
    with open(path, "rb") as f:
        data = f.read()
    return [t for t in texts if t in data]


def walk(memory, mode, table, level, kernel, va=0, seen=None):
    """(page number, is a table) of what the half of the addresses leads to: valid entries only."""
    shifts = whole.Space.LEVELS[mode]
    width, bits = (4, 10) if mode == "x86" else (8, 9)
    count = 4 if mode == "pae" and level == 0 else 1 << bits
    seen = seen if seen is not None else set()
    if (table, level) in seen:
        return
    seen.add((table, level))
    yield table // PAGE, True
    data = memory.read(table, count * width)
    top = 1 << (shifts[0] + (2 if mode == "pae" else bits) - 1)
    for i in range(count):
        entry = int.from_bytes(data[i * width:(i + 1) * width], "little")
        at = va + (i << shifts[level])
        if not entry & 1 or (at >= top) != kernel:
            continue
        pa = entry & 0xffffffffff000
        large = entry & 0x80 and level + 1 < len(shifts) and not (mode == "pae" and level == 0)
        if level + 1 == len(shifts) or large:
            size = 1 << shifts[level]
            for pfn in range((pa & -size) // PAGE, (pa & -size) // PAGE + size // PAGE):
                yield pfn, False
        elif pa not in walk.roots or (mode == "pae" and level == 0):
            yield from walk(memory, mode, pa, level + 1, kernel, at, seen)


def roots_of(memory, mode, root):
    """Tables that a self-map leads back to."""
    out = {root & ~0xfff}
    if mode == "pae":
        out |= {memory.number(root + 8 * i) & 0xffffffffff000 for i in range(4)}
    return out


def owners(folder, name, scenario):
    """By an independent walk: pages of the kernel, of processes, and page tables."""
    source = os.path.join(folder, "owners")
    forge(scenario, source, "full")
    memory = opened(source)
    mode = re.search(r"^paging (\w+)", open(scenario).read(), re.M).group(1)
    wide = mode in ("x64", "la57")
    system = whole.Space(memory, mode, memory.header["dtb"])
    at = 0x28 if wide else 0x18
    kernel, user, tables = set(), set(), set()
    for process in processes(scenario):
        root = system.number(process + at) & (~0x1f if mode == "pae" else ~0xfff)
        walk.roots = roots_of(memory, mode, root)
        for half, into in ((True, kernel), (False, user)):
            for pfn, table in walk(memory, mode, root, 0, half):
                (tables if table else into).add(pfn)
    shared = system.physical(0xfffff78000000000 if wide else 0xffdf0000) // PAGE
    have = pages_of(memory)
    return source, memory, kernel & have, (user - {shared}) & have, tables & have


def check_owners(folder, name):
    scenario = scenario_of(folder, name)
    out = os.path.join(folder, "out")
    wide = is_wide(name)
    with tap.case(f"{name}: kernel: what the kernel maps, and the tables"):
        source, memory, kernel, user, tables = owners(folder, name, scenario)
        result, changes = convert(source, "kernel", out)
        kept = opened(out)
        check_same_pages(memory, kept, changes)
        tap.equal(sorted((kernel | tables) - pages_of(kept))[:8], [], "pages of the kernel that are missing")
        # Beyond what is valid there may be pages in transition, or behind a prototype.
        extra = pages_of(kept) - kernel - tables
        tap.equal(len(extra) < 64 and not extra & user, True, f"{len(extra)} pages more")
        tap.equal(result["left_out"], len(pages_of(memory)) - len(pages_of(kept)), "left out")
        tap.equal(holds(out, kernel_texts(scenario)), kernel_texts(scenario), "texts of the kernel")
    with tap.case(f"{name}: --strip-user: no page of a process"):
        texts = user_texts(scenario)
        tap.equal(sorted(set(texts) - set(holds(source, texts)))[:3] if "page file" not in str(texts) else [], [],
                  "texts that the source lacks")
        for to in ["elf", "raw", "kernel"] + (["bitmap"] if wide else []) + ["triage"]:
            result, changes = convert(source, to, out, "--strip-user")
            tap.equal(holds(out, texts), [], f"{to}: texts of processes")
            if to == "triage":
                continue
            kept = opened(out)
            pages = {p for p in pages_of(kept) if to != "raw" or any(kept.read(p * PAGE, PAGE))}
            if to != "raw":
                check_same_pages(memory, kept, changes)
            tap.equal(sorted(pages & user)[:8], [], f"{to}: pages of processes")
            tap.equal(result["left_out_unknown"] > 0, True, "some pages are of unknown use")


def check_same_pages(a, b, changes, pages=None):
    """B's pages, or PAGES of it, are A's."""
    for pfn in pages or pages_of(b):
        left, right = a.read(pfn * PAGE, PAGE), b.read(pfn * PAGE, PAGE)
        tap.equal(blank(left, pfn * PAGE, changes) == blank(right, pfn * PAGE, changes), True, f"page {pfn:#x}")


# ---- pages in use ----

ZEROED, FREE, STANDBY, MODIFIED, NO_WRITE, BAD, ACTIVE, TRANSITION = range(8)


def page_lists(memory, mode, build):
    """{page: list} as the PFN database has it. Where the public symbols of these builds have u3, and the location in it."""
    space = whole.Space(memory, mode, memory.header["dtb"])
    size, u3, shift = {2600: (0x1c, 0x0c, 8), 7601: (0x30, 0x18, 16), 9600: (0x30, 0x18, 16)}.get(build, (0x30, 0x20, 16))
    if mode == "x86":
        size, u3 = 0x18, 0x0c
    out, base, ready = {}, space.number(memory.header["pfn"]), {}  # the header has the variable's address
    for pfn in sorted(pages_of(memory)):
        at = base + pfn * size + u3
        page = at & -PAGE
        if page not in ready:
            ready = {page: space.read(page, PAGE)}
        out[pfn] = int.from_bytes(ready[page][at % PAGE:at % PAGE + 4], "little") >> shift & 7
    return out


def standby_texts(scenario):
    """Texts of pages in transition; those that were not modified are on the standby list."""
    text = open(scenario, encoding="utf-8").read()
    out = {True: [], False: []}
    for va, how in re.findall(r"^pte (\w+) (transition modified|transition|prototype transition)$", text, re.M):
        out["modified" in how].append(re.search(rf'^memory [0`]*{va[:-4]}[0`]*{va[-4:]} "([^"]+)"', text, re.M).group(1).encode())
    return out[False], out[True]


def in_use_answers(path):
    """What a debugger is asked first, and the lists' totals."""
    run = program("-sins", "-kqm", "-z", path, "-c", "!analyze -v; !process 0 0; !vm; !memusage; q")
    tap.equal(run.returncode, 0, "status")
    return re.sub(r"FILE_IN_CAB:.*\n\n?|DUMP_FILE_ATTRIBUTES:.*\n\n?", "", run.stdout)


def check_active(folder, name):
    scenario = scenario_of(folder, name)
    text = open(scenario, encoding="utf-8").read()
    source, memory, kernel, user, tables = owners(folder, name, scenario)
    mode, build = re.search(r"^paging (\w+)", text, re.M).group(1), int(re.search(r"^os (\d+)", text, re.M).group(1))
    lists = page_lists(memory, mode, build)
    out = os.path.join(folder, "out")
    unused = {p for p, n in lists.items() if n in (ZEROED, FREE, STANDBY, BAD)}
    expected = set(lists) - (unused - kernel - user - tables)
    for to in ("bitmap", "elf", "raw"):
        with tap.case(f"{name}: active pages to {to}: what no list of unused pages has, and what is mapped"):
            result, changes = convert(source, to, out, "--pages", "active")
            kept = opened(out)
            # Where a raw file has a hole, it has zeros.
            pages = {p for p in pages_of(kept) if to != "raw" or p in expected or any(kept.read(p * PAGE, PAGE))}
            tap.equal(sorted(pages ^ expected)[:8], [], "pages of one alone")
            check_same_pages(memory, kept, changes, pages)
            tap.equal((result["pages"], result["left_out"]), (len(expected), len(lists) - len(expected)), "counts")
            tap.equal([result[k] for k in ("zeroed", "free", "standby", "bad")],
                      [sum(lists[p] == n for p in set(lists) - expected) for n in (ZEROED, FREE, STANDBY, BAD)], "by list")
            tap.equal((result["mapped"], result["undescribed"]), (len(unused & expected), 0), "kept all the same")
            standby, modified = standby_texts(scenario)
            tap.equal((len(standby) > 0, len(modified) > 0), (True, True), "there are some of both")
            tap.equal(holds(out, standby), [], "what was on the standby list")
            tap.equal(holds(out, modified), modified, "what was on the modified list")
    with tap.case(f"{name}: a dump of active pages has the same answers"):
        convert(source, "bitmap", out, "--pages", "active")
        process = re.search(r"^in process (\S+)", text, re.M).group(1)
        tap.equal(in_use_answers(out), in_use_answers(source), "what it says")
        where = f".process /p {process}; !pte 260000; db 260000 L4; da 261000; q"
        before, after = (program("-sins", "-z", p, "-c", where).stdout for p in (source, out))
        tap.contains(before, "on t")
        tap.contains(after, "260000  ?? ?? ?? ??")
        tap.contains(after, "this dump lacks physical page")
        tap.contains(after, "on the modified list")
        tap.equal(re.findall(r"^contains.*\n.*", after, re.M), re.findall(r"^contains.*\n.*", before, re.M), "!pte")
    with tap.case(f"{name}: active pages without those of processes"):
        result, changes = convert(source, "elf", out, "--pages", "active", "--strip-user")
        kept = opened(out)
        tap.equal(sorted(pages_of(kept) - (expected & (kernel | tables) - user))[:8], [], "pages that should not be there")
        tap.equal(holds(out, user_texts(scenario)), [], "texts of processes")
        tap.equal(holds(out, kernel_texts(scenario)), kernel_texts(scenario), "texts of the kernel")


# ---- verdicts ----

def answers(path):
    run = program("-sins", "-z", path, "-c", QUESTIONS)
    text = re.sub(r"FILE_IN_CAB:.*\n", "", run.stdout)
    # A small dump lists drivers, not the images of the current process.
    text = re.sub(r"^(?:0000[0-9a-f]{4}`[0-9a-f]{8}|[0-7][0-9a-f]{7}) .* \w+ +\(deferred\).*\n", "", text, flags=re.M)
    if "Windows XP" in text:  # its debugger data does not say where a PRCB has the registers of other processors
        text = re.sub(r"^( .*Registers:).*", r"\1", text, flags=re.M)
    return re.sub(r"\w+: kd> ", "", text)


def check_verdict(folder, name):
    scenario = scenario_of(folder, name)
    kinds = ["full", "elf"] + (["bitmap", "kernel"] if is_wide(name) else [])
    for kind in kinds:
        with tap.case(f"{name}: a small dump of {kind} has the same verdict"):
            source, out = os.path.join(folder, "source"), os.path.join(folder, "small")
            forge(scenario, source, kind)
            convert(source, "triage", out)
            tap.equal(answers(out), answers(source), "what it says")
            assert os.path.getsize(out) < 1 << 20, os.path.getsize(out)
            again = os.path.join(folder, "again")
            convert(out, "triage", again)
            with open(out, "rb") as a, open(again, "rb") as b:
                assert a.read() == b.read(), "a small dump of a small dump differs"


# ---- others read it ----

def check_gdb(folder):
    with tap.case("readelf and gdb read a core that was converted"):
        if not shutil.which("gdb") or not shutil.which("readelf"):
            tap.skip("no gdb or readelf")
        scenario = scenario_of(folder, "machine-19041-x64")
        source, out = os.path.join(folder, "source"), os.path.join(folder, "core")
        forge(scenario, source, "full")
        convert(source, "elf", out)
        run = subprocess.run(["readelf", "-hln", out], capture_output=True, text=True, timeout=60)
        tap.equal(run.returncode, 0, "readelf")
        for word in ("CORE", "QEMU", "VMCOREINFO", "NT_PRSTATUS"):
            tap.contains(run.stdout, word)
        assert "Warning" not in run.stderr, run.stderr
        memory = opened(source)
        places = [(pa + size // 3 & ~7, memory.read(pa + size // 3 & ~7, 16)) for pa, _, size in memory.runs]
        text = [t for t in kernel_texts(scenario) if t][0]
        with open(out, "rb") as f:
            at = f.read().index(text)
        core = opened(out)
        pa = next(p + at - o for p, o, s in core.runs if o <= at < o + s)
        places.append((pa, text))
        command = ["gdb", "-nx", "-batch", "-iex", "set auto-load no", "-ex", "set architecture i386:x86-64", "-c", out]
        for at, data in places:
            command += ["-ex", f"x/{len(data)}xb {at:#x}"]
        command += ["-ex", "info threads"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
        seen = bytes(int(b, 16) for b in re.findall(r"\t0x([0-9a-f]{2})", run.stdout))
        tap.equal(seen, b"".join(data for _, data in places), "what gdb reads\n" + run.stdout + run.stderr)
        tap.equal(len(re.findall(r"^[* ] +\d+ ", run.stdout, re.M)), 4, "processors as threads\n" + run.stdout)


# ---- what goes wrong ----

def leftovers(folder):
    return [n for n in os.listdir(folder) if n.endswith(".part")]


def check_errors(folder):
    scenario = scenario_of(folder, "machine-9600-x64")
    source, out = os.path.join(folder, "source"), os.path.join(folder, "new")
    forge(scenario, source, "full")
    with tap.case("a disk that is full leaves nothing behind"):
        for to in ("full", "bitmap", "kernel", "elf", "raw", "triage"):
            run = program("convert", source, out, "--to", to,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)))
            tap.equal(run.returncode, 1, "status")
            tap.contains(run.stderr, "File too large")
            tap.equal((os.path.exists(out), leftovers(folder)), (False, []), "files")
    with tap.case("a file that is there is replaced when that was asked for, and only then"):
        with open(out, "wb") as f:
            f.write(b"mine")
        run = program("convert", source, out, "--to", "elf")
        tap.equal(run.returncode, 1, "status")
        tap.contains(run.stderr, "is there already")
        with open(out, "rb") as f:
            tap.equal(f.read(), b"mine", "the old file")
        convert(source, "elf", out)
        with open(out, "rb") as f:
            tap.equal(f.read(4), b"\x7fELF", "the new file")
        tap.equal(leftovers(folder), [], "leftovers")
    with tap.case("the dump itself is not overwritten, by whatever name"):
        link = os.path.join(folder, "link")
        os.symlink(source, link)
        for name in (source, link, os.path.join(folder, ".", "source")):
            run = program("convert", source, name, "--to", "raw", "-f")
            tap.equal(run.returncode, 1, "status")
            tap.contains(run.stderr, "is the dump that is read")
    with tap.case("--comment goes into the header, and only there"):
        plain = os.path.join(folder, "plain")
        for to in ("kernel", "triage"):
            convert(source, to, plain)
            convert(source, to, out, "--comment", "for ticket 7")
            with open(plain, "rb") as a, open(out, "rb") as b:
                before, after = a.read(), b.read()
            tap.equal(after[0xfb0:0x1030], b"for ticket 7".ljust(128, b"\0"), "comment")
            tap.equal(after[:0xfb0] + after[0x1030:] == before[:0xfb0] + before[0x1030:], True, "the rest")
        for to, words in (("elf", "no place"), ("raw", "no place")):
            run = program("convert", source, os.path.join(folder, "x"), "--to", to, "--comment", "x")
            tap.equal(run.returncode, 1, "status")
            tap.contains(run.stderr, words)
    with tap.case("no folder, no file"):
        run = program("convert", source, os.path.join(folder, "none", "x"), "--to", "elf")
        tap.equal(run.returncode, 1, "status")
        tap.contains(run.stderr, "No such file or directory")
        run = program("convert", source, folder, "--to", "elf", "-f")
        tap.equal(run.returncode, 1, "status")
        tap.contains(run.stderr, "directory")
    with tap.case("what cannot become that is refused with the reason"):
        small = os.path.join(folder, "small")
        convert(source, "triage", small)
        run = program("convert", small, os.path.join(folder, "x"), "--to", "full")
        tap.equal(run.returncode, 1, "status")
        tap.contains(run.stderr, "physical memory")
        forge(scenario_of(folder, "machine-7601-x86"), source, "full")
        run = program("convert", source, os.path.join(folder, "x"), "--to", "bitmap")
        tap.equal(run.returncode, 1, "status")
        tap.contains(run.stderr, "--to full")
    with tap.case("the command line says what is missing"):
        for line, words in (((), "stopcode convert DUMP NEW"), (("a",), "stopcode convert DUMP NEW"),
                            (("a", "b"), "--to full, bitmap"), (("a", "b", "--to", "tar"), "is not full"),
                            (("a", "b", "--to", "elf", "--pages", "some"), "kernel, active or all"),
                            (("a", "b", "--to", "elf", "--pagefile", "x"), "N=FILE")):
            run = program("convert", *line)
            tap.equal(run.returncode, 2, "status")
            tap.contains(run.stderr, words)


def check_scattered(folder):
    """Every other page of 140,000: more program headers than e_phnum can count. There is no kernel in it."""
    pages, bits = 70000, 140000
    source, core = (os.path.join(folder, n) for n in ("scattered", "core"))
    forge(scenario_of(folder, "machine-9600-x64"), source, "full")
    with open(source, "rb") as f:
        head = bytearray(f.read(0x2000))
    head[0xf98:0xf9c] = (5).to_bytes(4, "little")
    head[0x88:0x348] = b"PAGE" * (0x2c0 // 4)
    first = 0x2000 + 0x38 + bits // 8 + 0xfff & ~0xfff
    head[0xfa0:0xfa8] = (first + pages * PAGE).to_bytes(8, "little")
    with open(source, "wb") as f:
        f.write(head + b"FDMPDUMP" + bytes(24) + b"".join(v.to_bytes(8, "little") for v in (first, pages, bits)))
        f.write(b"\x55" * (bits // 8))
        for i in range(0, pages, 1000):
            f.seek(first + i * PAGE)
            f.write(b"page %d" % (2 * i))
        f.truncate(first + pages * PAGE)
    with tap.case("70,000 runs go into an ELF core"):
        convert(source, "elf", core)
        if shutil.which("readelf"):
            run = subprocess.run(["readelf", "-lW", core], capture_output=True, text=True, timeout=60)
            tap.equal(len(re.findall(r"^  LOAD ", run.stdout, re.M)), pages, "PT_LOADs that readelf sees")
        a, b = opened(source), opened(core)
        tap.equal(pages_of(a) == pages_of(b), True, "pages")
        for i in range(0, pages, 1000):
            tap.equal(b.read(2 * i * PAGE, 16), a.read(2 * i * PAGE, 16), f"page {2 * i}")
    with tap.case("70,000 runs do not fit into the header of a full dump"):
        run = program("convert", source, core, "--to", "full", "-f")
        tap.equal(run.returncode, 1, "status")
        tap.contains(run.stderr, "43 pieces")
    with tap.case("claims of 2^52 pages cost nothing"):
        with open(source, "r+b") as f:
            f.seek(0xf98)
            f.write((1).to_bytes(4, "little"))
            f.seek(0x88)
            f.write((2).to_bytes(8, "little") + (1 << 53).to_bytes(8, "little"))
            for base in (1, 1 << 40):
                f.write(base.to_bytes(8, "little") + (1 << 52).to_bytes(8, "little"))
            f.seek(0x2000)
            f.write(bytes(PAGE))
            f.truncate(0x2000 + 3 * PAGE)
        began = time.time()
        result, _ = convert(source, "elf", core)
        tap.equal(result["pages"], 3, "pages that the file has")
        assert time.time() - began < 5, "it took long"


def check_interrupt(folder):
    with tap.case("Ctrl-C ends it and leaves nothing behind"):
        source, out = os.path.join(folder, "source"), os.path.join(folder, "interrupted")
        forge(scenario_of(folder, "machine-19041-x64", "3G"), source, "full")
        run = subprocess.Popen([tap.program(), "convert", source, out, "--to", "elf"], stderr=subprocess.PIPE, text=True)
        until = time.time() + 20
        while not leftovers(folder) and time.time() < until and run.poll() is None:
            time.sleep(0.002)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=30)
        if run.returncode == 0:
            tap.skip("it was done before the signal came")
        tap.equal(run.returncode, 1, "status: " + said)
        tap.contains(said, "cancelled")
        tap.equal((os.path.exists(out), leftovers(folder)), (False, []), "files")


with tempfile.TemporaryDirectory() as work:
    worlds = sorted(os.path.basename(p)[:-9] for p in glob.glob(os.path.join(WORLDS, "machine-*.scenario")))
    assert len(worlds) > 4, worlds
    for world in worlds:
        check_chain(work, world)
        check_owners(work, world)
        check_active(work, world)
        check_verdict(work, world)
    check_gdb(work)
with tempfile.TemporaryDirectory() as work:
    check_errors(work)
    check_scattered(work)
    check_interrupt(work)
tap.done()
