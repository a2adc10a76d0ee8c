#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`!filecache` of whole memory: the columns that the page frame database tells.

A world of worlds/ gets a view of a file in the cache. Which pages are the file's is then written into the dump: the entries
of two pages of a section are given the file's subsection, as mapped files have it. TAP; standard library only.
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

# world, where things go, the kernel; in MMPFN: OriginalPte, share count, reference count
WORLDS = [("7601-x64", 0xFFFFFA8006000000, 0xFFFFF80002A00000, 0x20, 0x08, 0x18),
          ("19041-x64", 0xFFFFC00F06000000, 0xFFFFF8041A000000, 0x10, 0x18, 0x20)]

TEXT = r"""
symbol nt!CcVacbArrays {arrays:x} data
symbol nt!CcVacbArraysHighestUsedIndex {highest:x} data
memory {arrays:x} {array_pointer}
memory {highest:x} 00000000
memory {pointers:x} {first}
struct _VACB_ARRAY_HEADER {array:x} HighestMappedIndex=0
struct _VACB {vacb:x} BaseAddress={view:x} SharedCacheMap={map:x}
struct _SHARED_CACHE_MAP {map:x} FileObjectFastRef.Value={file:x}
struct _FILE_OBJECT {file:x} SectionObjectPointer={section:x} FileName="\Windows\System32\config\software"
memory {section:x} {control_bytes} 00000000 00000000 00000000 00000000
struct _CONTROL_AREA {control:x} FilePointer.Value={file:x}
struct _SUBSECTION {subsection:x} ControlArea={control:x}
memory {view:x} 00
memory {view2:x} 00
"""


def le(value):
    return value.to_bytes(8, "little").hex()


def text(name, at, nt):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "worlds", f"machine-{name}.scenario"), encoding="utf-8") as f:
        world = f.read()
    places = {key: at + 0x1000 * i for i, key in enumerate(("pointers", "array", "map", "file", "section", "control", "subsection"))}
    places.update(arrays=nt + 0x300000, highest=nt + 0x300100, vacb=places["array"] + 0x10, view=at + 0x100000, view2=at + 0x102000)
    return places, world + TEXT.format(array_pointer=le(places["pointers"]), first=le(places["array"]),
                                       control_bytes=le(places["control"]), **places)


def ask(dump, *commands, json_lines=False):
    env = {"XDG_CACHE_HOME": os.path.dirname(dump), "_NT_SYMBOL_PATH": "", "_NT_EXECUTABLE_IMAGE_PATH": ""}
    lines = sum((["-c", c] for c in commands), [])
    _, out, err = tap.run("-z", dump, "-y", dump + ".store", "-i", dump + ".store", *(["--json"] if json_lines else []), *lines,
                          "-c", "q", env=env)
    tap.equal(err, "", "messages")
    return [json.loads(line) for line in out.splitlines()] if json_lines else out


def frames(dump, addresses):
    """The MMPFNs of app.exe's pages."""
    got = ask(dump, "!process 0 0 app.exe", json_lines=True)
    process = next(r["address"] for r in got[0]["records"] if r["type"] == "kernel_process")
    got = ask(dump, f".process /p {process}", *[f"!pte {a:x}" for a in addresses], json_lines=True)[1:]
    numbers = [int(g["records"][0]["physical"], 16) >> 12 for g in got[:len(addresses)]]
    got = ask(dump, *[f"!pfn {n:x}" for n in numbers], json_lines=True)
    return [int(g["records"][0]["address"], 16) for g in got[:len(addresses)]]


def patch(dump, writes):
    """WRITES: address and 8 bytes each, through the page tables of the dump itself."""
    memory = whole.open_memory(dump, None)
    space = whole.Space(memory, "x64", memory.header["dtb"])
    with open(dump, "r+b") as file:
        for va, value, width in writes:
            pa = space.physical(va)
            start, offset, _ = memory.run_of(pa)
            file.seek(offset + pa - start)
            file.write(value.to_bytes(width, "little"))


def check(name, at, nt, original, share, references, folder):
    places, scenario = text(name, at, nt)
    path = os.path.join(folder, name + ".scenario")
    dump = path + ".dmp"
    with open(path, "w", encoding="utf-8") as f:
        f.write(scenario)
    forge = os.path.join(os.path.dirname(tap.program()), "stopcode-forge")
    run = subprocess.run([forge, "-q", "--as", "full", path, "-o", dump], capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), "stopcode-forge")
    control = f"{places['control']:016x}"
    tap.contains(ask(dump, "!filecache"), f"{control}     8      0     0     0  software\n")
    active, standby = frames(dump, (0x263000, 0x264000))
    pte = (places["subsection"] << 16 | 0x400) & (1 << 64) - 1
    patch(dump, [(active + original, pte, 8), (standby + original, pte, 8), (active + share, 2, 4), (active + references, 2, 2)])
    out = ask(dump, "!filecache", "!filecache 1")
    tap.contains(out, f"{control}     8      4     4     4  software\n")
    tap.contains(out, f"     8  view {places['view']:016x}, VACB {places['vacb']:016x}\n")
    tap.lacks(out, "not known")


with tempfile.TemporaryDirectory() as folder:
    for row in WORLDS:
        with tap.case(f"{row[0]}: standby, dirty, shared and locked pages of a file"):
            check(*row, folder)
tap.done()
