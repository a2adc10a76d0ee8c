#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""VADs, entries of the PFN database and the kernel's map of addresses on real kernels' layouts: written here, through the
symbol table of each kernel in the corpus, and read back by the commands.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
from ntobj_compare import Types  # noqa: E402
from pool_compare import POOL, World, address, find, kernels  # noqa: E402

RTL_TREES = 9600  # from this build on the children are the first two pointers of a node
SPLIT_FLAGS = 9200  # from this build on the commit charge has flags of its own
DATABASE = 0xFFFFFA8000000000


def put_vad(w, at, start, end, **flags):
    new = w.build >= RTL_TREES
    w.touch(at, w.size("_MMVAD"))
    w.set("_MMVAD_SHORT", at, "StartingVpn", start & 0xFFFFFFFF if new else start)
    w.set("_MMVAD_SHORT", at, "EndingVpn", end & 0xFFFFFFFF if new else end)
    if new:
        w.set("_MMVAD_SHORT", at, "StartingVpnHigh", start >> 32)
        w.set("_MMVAD_SHORT", at, "EndingVpnHigh", end >> 32)
    for path, value in flags.items():
        split = w.build >= SPLIT_FLAGS and path in ("CommitCharge", "MemCommit")
        place = w.field("_MMVAD_SHORT", "u1" if split else "u")[0]
        w.set("_MMVAD_FLAGS1" if split else "_MMVAD_FLAGS", at + place, path, value)


def link(w, at, left, right):
    left_path, right_path = ("VadNode.Left", "VadNode.Right") if w.build >= RTL_TREES else ("LeftChild", "RightChild")
    w.set("_MMVAD_SHORT", at, left_path, left)
    w.set("_MMVAD_SHORT", at, right_path, right)


def vads_read_back(types, build, table):
    w = World(types, types.symbols, build)
    root, low, high = POOL, POOL + 0x200, POOL + 0x400
    sub, area, file, name = POOL + 0x1000, POOL + 0x1100, POOL + 0x1300, POOL + 0x1800
    put_vad(w, root, 0x400, 0x407, Protection=7, VadType=2)
    put_vad(w, low, 0x10, 0x1F, Protection=4, PrivateMemory=1, CommitCharge=9, MemCommit=1)
    put_vad(w, high, 0x7FFFFFFDF, 0x7FFFFFFDF, Protection=1)
    link(w, root, low, high)
    w.set("_MMVAD", root, "Subsection", sub)
    w.set("_MMVAD", root, "FirstPrototypePte", POOL + 0x3000)
    w.set("_MMVAD", root, "LastContiguousPte", POOL + 0x3038)
    for kind, at in (("_SUBSECTION", sub), ("_CONTROL_AREA", area), ("_FILE_OBJECT", file)):
        w.touch(at, w.size(kind))
    w.set("_SUBSECTION", sub, "ControlArea", area)
    w.put(area + w.field("_CONTROL_AREA", "FilePointer")[0], file | 5, 8)  # references in the low bits
    text = "\\app\\app.exe".encode("utf-16-le")
    w.set("_FILE_OBJECT", file, "FileName.Length", len(text))
    w.set("_FILE_OBJECT", file, "FileName.Buffer", name)
    for i, byte in enumerate(text):
        w.put(name + i, byte, 1)
    (records,) = w.run(table, f"!vad {root:x}")
    rows = [r for r in records if r["type"] == "vad"]
    tap.equal([(r["address"], r["level"], r["start"]) for r in rows],
              [(address(low), 1, "0x10"), (address(root), 0, "0x400"), (address(high), 1, "0x7ffffffdf")], "the tree")
    tap.equal([rows[0][k] for k in ("kind", "protection_name", "commit", "committed")],
              ["Private", "READWRITE", 9, True], "a private one")
    tap.equal([rows[1][k] for k in ("kind", "subtype", "protection_name", "control_area", "first_proto", "last_proto",
                                    "file_object", "file")],
              ["Mapped", "Exe", "EXECUTE_WRITECOPY", address(area), address(POOL + 0x3000), address(POOL + 0x3038),
               address(file), "\\app\\app.exe"], "an image")
    tap.equal(rows[2]["protection_name"], "READONLY", "a high one")
    total = find(records, type="vads")
    tap.equal((total["vads"], total["maximum_depth"]), (3, 1), "the total")


def frames_read_back(types, build, table):
    w = World(types, types.symbols, build)
    size = w.size("_MMPFN")
    w.var("MmPfnDatabase", DATABASE)
    w.var("MmPhysicalMemoryBlock", POOL)
    w.put(POOL, 1, 4)
    w.put(POOL + 0x10, 0, 8)
    w.put(POOL + 0x18, 0x1000, 8)
    at = DATABASE + 0x123 * size
    w.set("_MMPFN", at, "PteAddress", POOL + 0x5008)
    w.put(at + w.field("_MMPFN", "OriginalPte")[0], 0x480, 8)
    w.put(at + w.field("_MMPFN", "u2")[0], 3, 8)
    w.set("_MMPFN", at, "u3.e2.ReferenceCount" if w.field("_MMPFN", "u3.e2.ReferenceCount") else "u3.ReferenceCount", 2)
    for path, value in (("u3.e1.PageLocation", 6), ("u3.e1.Modified", 1), ("u3.e1.CacheAttribute", 1),
                        ("u4.PteFrame", 0x4567), ("u4.PrototypePte", 1)):
        w.set("_MMPFN", at, path, value)
    w.set("_MMPFN", at, "u3.e3.Priority" if w.field("_MMPFN", "u3.e3.Priority") else "u3.e1.Priority", 5)
    one, lists = w.run(table, "!pfn 123", "!memusage 8")
    got = find(one, type="pfn")
    tap.equal([got[k] for k in ("address", "pte_address", "restore_pte", "share_count", "reference_count", "location",
                                "modified", "caching", "containing", "prototype", "priority")],
              [address(at), address(POOL + 0x5008), "0x480", address(3), 2, "Active/Valid", True, "Cached", "0x4567", True,
               5], "the entry")
    pages = {r["name"]: r["pages"] for r in lists if r["type"] == "page_list"}
    tap.equal((pages["TOTAL"], pages["Active/Valid"]), (0x1000, 1), "the lists")


def map_read_back(types, build, table):
    w = World(types, types.symbols, build)
    if not w.has("MiVisibleState") or not w.field("_MI_VISIBLE_STATE", "SystemVaType"):
        return
    values = types.enums["_MI_SYSTEM_VA_TYPE"]
    w.var("MiVisibleState", POOL)
    w.touch(POOL, w.size("_MI_VISIBLE_STATE"))
    slot = (0xFFFFA00000000000 - 0xFFFF800000000000) >> 39
    w.put(POOL + w.field("_MI_VISIBLE_STATE", "SystemVaType")[0] + slot, values["MiVaNonPagedPool"], 1)
    w.put(POOL + w.field("_MI_VISIBLE_STATE", "SystemVaType")[0] + slot + 1, values["MiVaNonPagedPool"], 1)
    want = [("ffffa08000001000", "NonPagedPool", 0xFFFFA00000000000, 0xFFFFA10000000000)]
    if w.field("_MI_VISIBLE_STATE", "SystemVaRegions"):
        index = types.enums["_MI_ASSIGNED_REGION_TYPES"]["AssignedRegionPagedPool"]
        at = POOL + w.field("_MI_VISIBLE_STATE", "SystemVaRegions")[0] + 16 * index
        w.put(at, 0xFFFFB00000000000, 8)
        w.put(at + 8, 0x10000000, 8)
        want.append(("ffffb00000001000", "PagedPool", 0xFFFFB00000000000, 0xFFFFB00010000000))
    for (records, (where, name, start, end)) in zip(w.run(table, *(f"!address {x[0]}" for x in want)), want):
        got = find(records, type="kernel_region")
        tap.equal([got[k] for k in ("va_type", "start", "end")], [name, address(start), address(end)], where)


def enums_of(path):
    import json
    import lzma
    with lzma.open(path) as file:
        return {name: e["constants"] for name, e in json.load(file)["enums"].items()}


def main():
    try:
        found = list(kernels())
    except tap.Skip as reason:
        tap.point(True, "VADs and page frames on real layouts", f" # SKIP {reason}")
        return tap.done()
    for version, build, path in found:
        types = Types(tap.corpus(path))
        types.enums = enums_of(tap.corpus(path))
        for name, check in (("VADs", vads_read_back), ("page frames", frames_read_back),
                            ("the kernel's map of addresses", map_read_back)):
            with tap.case(f"{version}: {name} are read where they were written"):
                check(types, build, tap.corpus(path))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
