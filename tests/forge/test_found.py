#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whole machines in containers that do not say where the kernel is: it is found all the same.

Each machine of worlds/ is written as every such container and opened by the program. Then what a finder goes by is taken
out of the raw images, one thing after the other: the low stub, the debugger data block's tag, the entries by which page
tables map themselves; and the first page of the kernel's image. TAP; standard library only.
"""
import contextlib
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = 0x1000
CONTAINERS = {
    "raw": None, "lime": None, "elf-bare": None,
    "elf": "dump header that a driver of the guest left",
    "elf-nonotes": "page tables of processor 0", "elf-paging": "page tables of processor 0",
    "vbox": "page tables of processor 0", "vmem": "page tables of processor 0", "vmss": "page tables of processor 0",
}


def scenario(name, folder, **change):
    """A scenario of worlds/ with lines replaced: paging="x86" makes "paging pae" that."""
    with open(os.path.join(HERE, "worlds", f"machine-{name}.scenario"), encoding="utf-8") as f:
        text = f.read()
    for word, value in change.items():
        text, n = re.subn(rf"^{word} \w+$", f"{word} {value}", text, flags=re.M)
        if not n and word == "ram":  # nothing is said of it
            text, n = re.subn(r"^(dump .*)$", rf"\1\nram {value}", text, flags=re.M)
        tap.equal(n, 1, f"lines that say {word}")
    path = os.path.join(folder, "case.scenario")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path, text


def make(path, kind, folder):
    out = os.path.join(folder, "machine." + kind)
    forge = os.path.join(os.path.dirname(tap.program()), "stopcode-forge")
    run = subprocess.run([forge, path, "--as", kind, "-o", out, "--quiet"], capture_output=True, text=True, timeout=100)
    tap.equal((run.returncode, run.stderr), (0, ""), f"stopcode-forge --as {kind}")
    return out


def opened(path):
    """How the kernel was found, its base, and the modules' names and bases."""
    status, out, err = tap.run("-z", path, "-c", "vertarget; lm k; q")
    tap.equal((status, err), (0, ""), "status, standard error")
    found = re.search(r"Kernel base = 0x([0-9a-f`]+) PsLoadedModuleList = 0x([0-9a-f`]+)  \[found by: (.*)\]", out)
    if not found:
        raise AssertionError("no line says how the kernel was found:\n" + out)
    modules = re.findall(r"^([0-9a-f`]{8,17}) [0-9a-f`]{8,17}   (\w+)", out.split("Unloaded modules")[0],
                         flags=re.M)
    return found[3], number(found[1]), {name: number(base) for base, name in modules}


def number(text):
    return int(text.replace("`", ""), 16)


def modules_of(text):
    """What the scenario says of the kernel's modules."""
    kernel = text.split("\nin process", 1)[0]
    return {name: number(base) for name, base in re.findall(r"^module (\w+) ([0-9a-f`]+)", kernel, flags=re.M)}


def is_right(path, text, how):
    by, base, modules = opened(path)
    want = modules_of(text)
    tap.equal(base, want["nt"], "kernel base")
    tap.equal(modules, want, "modules")
    if how:
        tap.contains(by, how)


# ---- taking things out of a raw image ----


def pages(f):
    """Offsets and bytes of the pages that the file has data in."""
    size = os.fstat(f.fileno()).st_size
    at = 0
    while at < size:
        try:
            at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
        except OSError:
            return
        for pa in range(at & -PAGE, end, PAGE):
            page = os.pread(f.fileno(), PAGE, pa)
            if len(page) == PAGE and any(page):
                yield pa, page
        at = end


def is_kernel(page):
    """The first page of a native program of more than 1 MB: drivers of these machines are smaller."""
    nt = struct.unpack_from("<I", page, 0x3c)[0]
    size = struct.unpack_from("<I", page, nt + 0x50)[0]
    return page[nt:nt + 4] == b"PE\0\0" and page[nt + 0x5c] == 1 and size > 1 << 20


def without(path, *what):
    """Takes things out; how many there were."""
    taken = dict.fromkeys(what, 0)
    with open(path, "r+b") as f:
        for pa, page in list(pages(f)):
            if "stub" in what and 0x1000 <= pa < 0x100000 and page[0] == 0xe9 and page[4:8] == b"\1\0\0\0":
                os.pwrite(f.fileno(), bytes(PAGE), pa)
                taken["stub"] += 1
                continue
            if "image" in what and page[:2] == b"MZ" and is_kernel(page):
                os.pwrite(f.fileno(), bytes(PAGE), pa)
                taken["image"] += 1
                continue
            if "tag" in what and b"KDBG" in page:
                os.pwrite(f.fileno(), page.replace(b"KDBG", b"none"), pa)
                taken["tag"] += 1
            if "self" in what:
                for i, entry in enumerate(struct.unpack("<512Q", page)):
                    if i >= 256 and entry & 0xffffffffff003 == pa | 3:
                        os.pwrite(f.fileno(), bytes(8), pa + 8 * i)
                        taken["self"] += 1
    for name in what:
        if not taken[name]:
            raise AssertionError(f"there is no {name} to take out")


# ---- the cases ----


@contextlib.contextmanager
def case(title):
    with tap.case(title), tempfile.TemporaryDirectory() as folder:
        yield folder


MACHINES = ["xp-pae", "7601-x86", "7601-x64", "9600-x64", "17763-x64", "19041-x64", "22000-x64"]

for machine in MACHINES:
    with case(f"{machine}: found in every container") as folder:
        path, text = scenario(machine, folder)
        for kind, how in CONTAINERS.items():
            is_right(make(path, kind, folder), text, how)
            if kind == "vmem":  # the other file of the two opens the same
                is_right(os.path.join(folder, "machine.vmss"), text, how)

for machine in MACHINES:
    if not machine.endswith("x64"):
        continue
    with case(f"{machine}: by the low stub; without it, by the block; then by tables; then by the image") as folder:
        path, text = scenario(machine, folder, kdbg="plain", ram="256M")
        image = make(path, "raw", folder)
        is_right(image, text, "low stub at 0x")
        without(image, "stub")
        is_right(image, text, "debugger data block at 0x")
        without(image, "tag")
        is_right(image, text, "page table that maps itself at 0x")
        without(image, "self")
        is_right(image, text, "kernel's image, mapped by the page table at 0x")

for machine in MACHINES:
    for kdbg in ("plain", "encoded"):
        if kdbg == "encoded" and ("xp" in machine or "7601" in machine):
            continue
        with case(f"{machine}: with a debugger data block that is {kdbg}") as folder:
            path, text = scenario(machine, folder, kdbg=kdbg, ram="256M")
            image = make(path, "raw", folder)
            if machine.endswith("x64"):
                without(image, "stub")
            is_right(image, text, "debugger data block at 0x" if kdbg == "plain" else "page table that maps itself at 0x")
            if kdbg == "plain":
                without(image, "tag")
                is_right(image, text, "page table that maps itself at 0x")

for machine in ("xp-pae", "7601-x64"):
    with case(f"{machine}: by the debugger data block where the first page of the kernel's image is gone") as folder:
        path, text = scenario(machine, folder, kdbg="plain", ram="256M")
        image = make(path, "raw", folder)
        without(image, *(["stub"] if machine.endswith("x64") else []), "image")
        by, base, modules = opened(image)
        tap.contains(by, "debugger data block at 0x")
        tap.equal((base, modules), (modules_of(text)["nt"], modules_of(text)), "kernel base, modules")

for machine, paging in (("xp-pae", "x86"), ("7601-x86", "pae"), ("19041-x64", "la57")):
    with case(f"{machine} with {paging} paging") as folder:
        path, text = scenario(machine, folder, paging=paging)
        for kind in ("raw", "elf", "elf-nonotes"):
            is_right(make(path, kind, folder), text, CONTAINERS[kind])

with case("a .vmem without its state: memory goes around the hole below 4 GB") as folder:
    path, text = scenario("19041-x64", folder)
    image = make(path, "vmem", folder)
    os.unlink(os.path.join(folder, "machine.vmss"))
    is_right(image, text, None)

with case("an ELF core is one to readelf, too, and GDB reads the same memory") as folder:
    path, text = scenario("7601-x64", folder)
    core = make(path, "elf-nonotes", folder)
    try:
        said = subprocess.run(["readelf", "-lW", core], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        tap.skip("no readelf here")
    tap.equal((said.returncode, said.stderr), (0, ""), "readelf")
    loads = [tuple(int(x, 16) for x in m) for m in
             re.findall(r"^\s+LOAD\s+(0x\w+) (0x\w+) (0x\w+) (0x\w+) ", said.stdout, flags=re.M)]
    asked = [paddr for _, _, paddr, size in loads if size >= 0x20]
    asked.append(0x187000)  # the System process' tables
    line = "; ".join(f"db /p {pa:x} L20" for pa in asked)
    status, out, err = tap.run("-z", core, "-c", line + "; q")
    tap.equal((status, err), (0, ""), "stopcode")
    shown = [int(x, 16) for row in re.findall(r"^#?[0-9a-f`]{8,17}  ([0-9a-f? -]{47})", out, flags=re.M)
             for x in re.findall(r"[0-9a-f]{2}", row)]
    with open(core, "rb") as f:
        want = []
        for pa in asked:
            offset, _, start, _ = next(l for l in loads if l[2] <= pa < l[2] + l[3])
            f.seek(offset + pa - start)
            want += f.read(0x20)
    tap.equal(shown, want, "bytes by readelf's offsets")
    gdb = ["gdb", "-batch", "-nx", "-ex", f"core-file {core}"] + sum((["-ex", f"x/32xb {pa}"] for pa in asked), [])
    try:
        read = subprocess.run(gdb, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        tap.skip("no gdb here")
    bytes_read = [int(x, 16) for row in re.findall(r"^0x[0-9a-f]+:((?:\t0x[0-9a-f]{2})+)$", read.stdout, flags=re.M)
                  for x in row.split()]
    tap.equal(bytes_read, want, "bytes by gdb")

tap.done()
