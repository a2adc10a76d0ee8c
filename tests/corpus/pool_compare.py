#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Memory's use and pool on real kernels' layouts: variables and structures are written here, through the symbol table of
each kernel in the corpus and in another language than the library, and must be read back by the commands. What a
command takes from a structure or a variable that a kernel of the corpus calls otherwise is seen here.
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
from ntobj_compare import Types  # noqa: E402

BASE, POOL, PRCB = 0xFFFFF80000000000, 0xFFFFC00D03000000, 0xFFFFC00D04000180  # PRCB: as in pool_facts.c
HEAP_KEY, LFH_KEY = 0x1122334455667788, 0x99AABBCCDDEEFF00
HEAPS = 18362  # from this build on the pool is a segment heap


class World:
    """Sparse memory, written by names."""

    def __init__(self, types, symbols, build):
        self.types, self.symbols, self.build, self.pages = types, symbols, build, {}

    def has(self, symbol):
        return symbol in self.symbols

    def at(self, symbol):
        return BASE + self.symbols[symbol]["address"]

    def touch(self, at, size):
        for page in range(at >> 12, (at + size + 0xFFF) >> 12):
            self.pages.setdefault(page, bytearray(4096))

    def put(self, at, value, width):
        self.touch(at, width)
        for i, byte in enumerate((value & (1 << 8 * width) - 1).to_bytes(width, "little")):
            self.pages[at + i >> 12][at + i & 0xFFF] = byte

    def var(self, symbol, value, width=8):
        self.put(self.at(symbol), value, width)

    def size(self, kind):
        return self.types.user[kind]["size"]

    def field(self, kind, path):
        """What `Types.field` says, of paths with indices, too; None when the kernel has no such member."""
        offset, where = 0, {"kind": "struct", "name": kind}
        try:
            for name in path.split("."):
                name, _, index = name.partition("[")
                place, where = self.types.member(where["name"], name)
                offset += place
                if index:
                    where = where["subtype"]
                    offset += int(index[:-1]) * self.types.width(where)[0]
            if where["kind"] == "bitfield":
                return offset, self.types.width(where["type"])[0], where["bit_position"], where["bit_length"]
            return offset, 8 if where["kind"] == "array" else self.types.width(where)[0], 0, 0
        except KeyError:
            return None

    def set(self, kind, at, path, value):
        offset, width, bit, bits = self.field(kind, path)
        self.touch(at, self.size(kind))
        if bits:
            old = sum(self.pages[at + offset + i >> 12][at + offset + i & 0xFFF] << 8 * i for i in range(width))
            value = old & ~((1 << bits) - 1 << bit) | value << bit
        self.put(at + offset, value, width)

    def save(self, path):
        with open(path, "wb") as file:
            for page in sorted(self.pages):
                file.write(struct.pack("<QQ", page << 12, 4096) + self.pages[page])

    def run(self, table, *lines, error=None):
        """The records of each line; ERROR: the code of the error that each must end in."""
        with tempfile.NamedTemporaryFile() as memory:
            self.save(memory.name)
            run = subprocess.run([tap.helper("pool_facts"), table, str(self.build), f"{BASE:x}", memory.name, *lines],
                                 capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        tap.equal((run.returncode, run.stderr), (0, ""), "the helper's end")
        frames = [json.loads(line) for line in run.stdout.splitlines()]
        for frame in frames:
            tap.equal(frame["error"]["code"] if error and frame["error"] else frame["error"], error, frame["command"])
        tap.equal(len(frames), len(lines), "answers")
        return [frame["records"] for frame in frames]


def tag(text):
    return int.from_bytes(text.encode(), "little")


def find(records, **want):
    for record in records:
        if all(record.get(key) == value for key, value in want.items()):
            return record
    raise AssertionError(f"no record with {want} in {tap.short(str(records))}")


def address(value):
    return f"0x{value:016x}"


# ---- counters: the places that a counter may have, the first of which counts ----

PART, STATE = ("MiSystemPartition", "_MI_PARTITION"), ("MiState", "_MI_SYSTEM_INFORMATION")
COUNTERS = {
    "physical": [(*PART, "Vp.NumberOfPhysicalPages"), ("MmNumberOfPhysicalPages",)],
    "available": [(*PART, "Vp.AvailablePages"), ("MmAvailablePages",)],
    "resident_available": [(*PART, "Vp.ResidentAvailablePages"), ("MmResidentAvailablePages",)],
    "modified": [(*PART, "Vp.ModifiedPageListHead.Total"), ("MmModifiedPageListHead",)],
    "modified_page_file": [(*PART, "Vp.TotalPagesForPagingFile"), ("MmTotalPagesForPagingFile",)],
    "modified_no_write": [(*PART, "Vp.ModifiedNoWritePageListHead.Total"), ("MmModifiedNoWritePageListHead",)],
    "shared_commit": [(*PART, "Vp.SharedCommit"), (*STATE, "Vs.SharedCommit"), ("MmSharedCommit",)],
    "committed": [(*PART, "Vp.TotalCommittedPages"), ("MmTotalCommittedPages",)],
    "commit_limit": [(*PART, "Vp.TotalCommitLimit"), ("MmTotalCommitLimit",)],
    "peak_commit": [(*PART, "Commit.PeakCommitment"), ("MmPeakCommitment",)],
    "awe_pages": [(*PART, "Vp.VadPhysicalPages"), ("MmVadPhysicalPages",)],
    "slab_pages": [(*PART, "Vp.SlabAllocatorPages")],
    "locked_file_pages": [(*PART, "Vp.ProcessLockedFilePages")],
    "free_ptes": [(*STATE, "Vs.SystemPteInfo.TotalFreeSystemPtes"), ("MmTotalFreeSystemPtes",),
                  ("MiSystemPteInfo", "_MI_SYSTEM_PTE_TYPE", "TotalFreeSystemPtes")],
    "stack_pte_failures": [(*STATE, "SystemPtes.KernelStackPteInfo.PteFailures")],
    "stack_growth_failures": [(*STATE, "SystemPtes.StackGrowthFailures"), ("MiStackGrowthFailures",)],
    "special_pool": [(*STATE, "Vs.SpecialPagesInUse"), ("MmSpecialPagesInUse",)],
    "shared_process": [(*STATE, "Vs.ProcessCommit"), ("MmProcessCommit",)],
    "mdl_pages": [(*STATE, "Vs.MdlPagesAllocated"), ("MmMdlPagesAllocated",)],
    "contiguous": [(*STATE, "Vs.ContiguousPagesAllocated")],
    "nonpaged_commit": [(*STATE, "Vs.NonPagedPoolCommit")],
    "paged_commit": [(*STATE, "Vs.PagedPoolInfo.AllocatedPagedPool"), ("MmPagedPoolCommit",),
                     ("MmPagedPoolInfo", "_MM_PAGED_POOL_INFO", "AllocatedPagedPool")],
    "driver_commit": [(*STATE, "Vs.DriverCommit"), ("MmDriverCommit",)],
    "boot_commit": [(*STATE, "Vs.BootCommit")],
    "pfn_commit": [(*STATE, "Vs.PfnDatabaseCommit")],
    "small_ptes_commit": [(*STATE, "Vs.SmallNonPagedPtesCommit")],
    "page_tables": [(*STATE, "Vs.SystemPageTableCommit")],
    "pagefile_hash": [(*STATE, "Vs.PagefileHashPages")],
    "kernel_stacks": [("MmKernelStackPages",)],
    "failures_cannot_extend": [(*PART, "Vp.ChargeCommitmentFailures[0]"), ("MiChargeCommitmentFailures",)],
    "failures_overflow": [(*PART, "Vp.ChargeCommitmentFailures[3]")],
}
ALWAYS = ("physical", "available", "resident_available", "modified", "shared_commit", "committed", "commit_limit",
          "peak_commit", "free_ptes", "stack_growth_failures", "shared_process", "mdl_pages", "paged_commit",
          "driver_commit", "failures_cannot_extend")


def place(w, candidate):
    """Address and width of one place of a counter; None."""
    if not w.has(candidate[0]):
        return None
    if len(candidate) == 1:
        return w.at(candidate[0]), 4
    member = w.field(candidate[1], candidate[2])
    return member and (w.at(candidate[0]) + member[0], member[1])


def put_counters(w):
    """What `!vm` must say."""
    want, number = {}, 100000
    for symbol, kind in (PART, STATE):
        if w.has(symbol):
            w.touch(w.at(symbol), w.size(kind))
    for key, candidates in COUNTERS.items():
        for at, width in filter(None, (place(w, c) for c in candidates)):
            number += 7
            w.touch(at, 16)
            w.put(at, number, width)
            want.setdefault(key, number)
    if not w.has("MiSystemPartition"):  # one array of four
        w.put(w.at("MiChargeCommitmentFailures") + 12, 12345, 4)
        want["failures_overflow"] = 12345
    for key in ALWAYS:
        if key not in want and not (key == "mdl_pages" and w.build < 10000):
            raise AssertionError(f"no place of {key} is in this kernel")
    return want


# ---- tables of the pool ----

def put_tags(w):
    kind, entry = "_POOL_TRACKER_TABLE", w.size("_POOL_TRACKER_TABLE")
    tables = (POOL, POOL + 0x10000)
    w.var("PoolTrackTable", tables[0])
    w.var("PoolTrackTableSize", 33)
    for cpu, table in enumerate(tables):
        w.put(w.at("ExPoolTagTables") + 8 * cpu, table, 8)
        w.touch(table, 33 * entry)
        for path, value in (("Key", tag("Leak")), ("NonPagedAllocs", 1000 + cpu), ("NonPagedFrees", 10),
                            ("NonPagedBytes", 5 << 33), ("PagedAllocs", 77), ("PagedFrees", 7), ("PagedBytes", 4096)):
            w.set(kind, table + (5 + cpu) * entry, path, value)


def put_big(w):
    kind, table = "_POOL_TRACKER_BIG_PAGES", POOL + 0x20000
    w.var("PoolBigPageTable", table)
    w.var("PoolBigPageTableSize", 16)
    w.touch(table, 16 * w.size(kind))
    at = table + 3 * w.size(kind)
    for path, value in (("Va", POOL + 0x300000), ("Key", tag("Leak")), ("NumberOfBytes", 0x5000)):
        w.set(kind, at, path, value)


def put_headers(w, page):
    for i, text in enumerate(("File", "Proc", "Leak", "MmCa")):
        at = page + i * 0x400
        for path, value in (("PreviousSize", 0x40 if i else 0), ("BlockSize", 0x40), ("PoolType", 2),
                            ("PoolTag", tag(text))):
            w.set("_POOL_HEADER", at, path, value)


def put_heap(w):
    """A segment with one range of VS chunks, at POOL + 1 MB."""
    heap, segment, globals_at, state = POOL + 0x40000, POOL + 0x100000, POOL + 0x30000, w.at("ExPoolState")
    kind, vs = "_EX_POOL_HEAP_MANAGER_STATE", POOL + 0x104000
    w.touch(segment, 0x10000)
    w.touch(state, w.size(kind))
    w.set("_RTLP_HP_HEAP_GLOBALS", globals_at, "HeapKey", HEAP_KEY)
    w.set("_RTLP_HP_HEAP_GLOBALS", globals_at, "LfhKey", LFH_KEY)
    w.set(kind, state, "HeapManager.Globals", globals_at)
    w.set(kind, state, "NumberOfPools", 1)
    w.put(state + w.field(kind, "PoolNode")[0], heap, 8)
    w.set("_SEGMENT_HEAP", heap, "Signature", 0xDDEEDDEE)
    context = heap + w.field("_SEGMENT_HEAP", "SegContexts")[0]
    for path, value in (("SegmentMask", ~0xFFFFF), ("UnitShift", 12), ("FirstDescriptorIndex", 2)):
        w.set("_HEAP_SEG_CONTEXT", context, path, value)
    w.set("_HEAP_PAGE_SEGMENT", segment, "Signature", segment ^ context ^ HEAP_KEY ^ 0xA2E64EADA2E64EAD)
    descriptor = segment + 4 * w.size("_HEAP_PAGE_RANGE_DESCRIPTOR")
    w.set("_HEAP_PAGE_RANGE_DESCRIPTOR", descriptor, "RangeFlags", 0xF)
    w.set("_HEAP_PAGE_RANGE_DESCRIPTOR", descriptor, "UnitSize", 1)
    w.set("_HEAP_VS_SUBSEGMENT", vs, "Size", 0x100)
    w.set("_HEAP_VS_SUBSEGMENT", vs, "Signature", 0x100 ^ 0x2BED)
    first = vs + (w.size("_HEAP_VS_SUBSEGMENT") + 15 & ~15)
    for at, size, text in ((first, 0x240, "Proc"), (first + 0x240, vs + 0x1000 - first - 0x240, None)):
        allocated = w.field("_HEAP_VS_CHUNK_HEADER", "Sizes.Allocated")
        sizes = w.field("_HEAP_VS_CHUNK_HEADER", "Sizes.UnsafeSize")
        bits = size >> 4 << sizes[2] + 8 * sizes[0] | (1 << allocated[2] + 8 * allocated[0] if text else 0)
        w.put(at, bits ^ at ^ HEAP_KEY, 8)
        if text:
            block = at + w.size("_HEAP_VS_CHUNK_HEADER")
            for path, value in (("BlockSize", size - 16 >> 4), ("PoolType", 2), ("PoolTag", tag(text))):
                w.set("_POOL_HEADER", block, path, value)
    return first + w.size("_HEAP_VS_CHUNK_HEADER")


def put_lists(w):
    """A look-aside list, system PTEs, and views of the cache."""
    at, kind = POOL + 0x50000, "_GENERAL_LOOKASIDE"
    for path, value in (("Depth", 4), ("MaximumDepth", 256), ("TotalAllocates", 1000), ("AllocateMisses", 9),
                        ("TotalFrees", 900), ("FreeMisses", 3), ("Tag", tag("Ntfs")), ("Size", 496)):
        w.set(kind, at, path, value)
    head = w.at("ExSystemLookasideListHead")
    entry = at + w.field(kind, "ListEntry")[0]
    for link in (head, entry):
        other = entry if link == head else head
        w.put(link, other, 8)
        w.put(link + 8, other, 8)
    array, map_at, file = POOL + 0x60000, POOL + 0x70000, POOL + 0x78000
    w.touch(array, 0x1000)
    if not w.has("CcVacbArrays"):
        return
    w.var("CcVacbArrays", array + 0x800)
    w.put(w.at("CcVacbArraysHighestUsedIndex"), 0, 4)
    w.put(array + 0x800, array, 8)
    w.set("_VACB_ARRAY_HEADER", array, "HighestMappedIndex", 1)
    first = array + w.size("_VACB_ARRAY_HEADER")
    w.set("_VACB", first, "BaseAddress", POOL + 0x400000)
    w.set("_VACB", first, "SharedCacheMap", map_at)
    w.touch(map_at, w.size("_SHARED_CACHE_MAP"))
    w.touch(file, w.size("_FILE_OBJECT"))
    w.set("_SHARED_CACHE_MAP", map_at, "FileObjectFastRef.Object", file | 5)


def kernels():
    with open(tap.corpus("isf/INDEX.tsv"), encoding="utf-8") as file:
        for line in list(file)[1:]:
            version, guid, age = line.split("\t")[:3]
            if version != "tcpip":
                yield version, int(version.split(".")[2]), f"isf/ntkrnlmp.pdb/{guid}-{age}.json.xz"


def counters_read_back(types, build, table):
    w = World(types, types.symbols, build)
    want = put_counters(w)
    (records,) = w.run(table, "!vm 1")
    got = find(records, type="vm")
    tap.equal({key: got[key] for key in want}, want, "counters")


def details_read_back(types, build, table):
    """Flags 4, 8 and 20 of `!vm`, `!session`: the log of page writes, sessions in no process, the kernel's regions."""
    w = World(types, types.symbols, build)
    put_counters(w)
    writes = w.at("MiPageFileTraces") if w.has("MiPageFileTraces") else \
        w.at("MiSystemPartition") + w.field("_MI_PARTITION", "Vp.PageFileTraces[0]")[0]
    logged = "_MI_PAGEFILE_TRACES" in w.types.user
    if logged:
        size = w.size("_MI_PAGEFILE_TRACES")
        w.touch(writes, 32 * size)
        for index, time in ((3, 132574568951234567), (2, 132574568961234567)):
            for path, value in (("Status", 0xC0000005), ("Priority", 5), ("CurrentTime", time), ("AvailablePages", 77 + index),
                                ("ModifiedPagefilePages", 88), ("MdlHack.Mdl.ByteCount", 0x8000)):
                w.set("_MI_PAGEFILE_TRACES", writes + index * size, path, value)
    space, visible = POOL + 0x100000, POOL + 0x110000
    for path, value in (("SessionId", 9), ("CommittedPages", 55), ("PagedPoolInfo.AllocatedPagedPool", 44)):
        w.set("_MM_SESSION_SPACE", space, path, value)
    head = w.at("MiSessionWsList") if w.has("MiSessionWsList") else visible
    if build >= 10000:
        w.touch(visible, w.size("_MI_VISIBLE_STATE"))
        w.var("MiVisibleState", visible)
        head += w.field("_MI_VISIBLE_STATE", "SessionWsList")[0]
        names = sorted(w.types.enums["_MI_ASSIGNED_REGION_TYPES"]["constants"].items(), key=lambda x: x[1])
        for name, index in names[:-1]:
            at = visible + w.field("_MI_VISIBLE_STATE", f"SystemVaRegions[{index}]")[0]
            w.put(at, 0xFFFF830000000000 + (index << 40), 8)
            w.put(at + 8, 0x1000 * (index + 1), 8)
    link = space + w.field("_MM_SESSION_SPACE", "WsListEntry")[0]
    for at in (head, link):
        w.put(at, link if at == head else head, 8)
        w.put(at + 8, link if at == head else head, 8)
    vm, sessions = w.run(table, "!vm 2d", "!session")
    if logged:
        got = [r for r in vm if r["type"] == "page_file_write"]
        tap.equal([(r["available"], r["bytes"], r["status"], r["priority"]) for r in got],
                  [(80, 0x8000, 0xC0000005, 5), (79, 0x8000, 0xC0000005, 5)], "writes in the order of time")
    find(vm, type="vm_session", id=9, commit=55, paged_pool=44, processes=0)
    find(sessions, type="kernel_session", id=9, space=address(space), processes=0)
    regions = {r["name"]: (r["base"], r["bytes"]) for r in vm if r["type"] == "system_region"}
    if build >= 10000:
        tap.equal(regions, {name.removeprefix("AssignedRegion"): (address(0xFFFF830000000000 + (index << 40)), 0x1000 * (index + 1))
                            for name, index in names[:-1]}, "regions by name")


def watchdogs_read_back(types, build, table):
    w = World(types, types.symbols, build)
    prcb = PRCB
    w.touch(prcb, w.size("_KPRCB"))
    limit = "DpcTimeLimit" if w.field("_KPRCB", "DpcTimeLimit") else "DpcTimeLimitTicks"
    period = "DpcWatchdogPeriod" if w.field("_KPRCB", "DpcWatchdogPeriod") else "DpcWatchdogPeriodTicks"
    for path, value in ((limit, 642), ("DpcTimeCount", 643), (period, 7680), ("DpcWatchdogCount", 12)):
        w.set("_KPRCB", prcb, path, value)
    w.var("KiProcessorBlock", prcb)
    (got,) = w.run(table, "!swd 0")
    find(got, type="software_watchdog", watchdog="single DPC", limit=642, count=643, over=True)
    find(got, type="software_watchdog", watchdog="DPC watchdog", limit=7680, count=12, over=False)


def namespaces_read_back(types, build, table):
    """`!object -p`: two private name spaces in one bucket of the table."""
    w = World(types, types.symbols, build)
    if w.has("ObpPrivateNamespaceLookupTable"):
        head = w.at("ObpPrivateNamespaceLookupTable")
    else:
        head = w.at("PspHostSiloGlobals") + w.field("_ESERVERSILO_GLOBALS", "ObSiloState")[0] + \
            w.field("_OBP_SILODRIVERSTATE", "PrivateNamespaceLookupTable")[0]
    entries = [POOL + 0x200000, POOL + 0x200100]
    for bucket in range(37):
        ring = [head + 16 * bucket] + (entries if bucket == 11 else [])
        for i, at in enumerate(ring):
            w.put(at, ring[(i + 1) % len(ring)], 8)
            w.put(at + 8, ring[i - 1], 8)
    for i, at in enumerate(entries):
        name = f"Space{i}".encode("utf-16-le")
        w.put(at + 0x10, POOL + 0x210000 + i, 8)
        w.put(at + 0x18, 0x28, 4)
        for place, value in ((0, 1), (4, 1), (8, 0x28), (16, 1), (20, 8 + len(name))):
            w.put(at + 0x30 + place, value, 4)
        w.put(at + 0x30 + 24, int.from_bytes(name, "little"), len(name))
    (got,) = w.run(table, "!object -p")
    for i in range(2):
        find(got, type="private_namespace", entry=address(entries[i]), directory=address(POOL + 0x210000 + i),
             boundary=f"Name: Space{i}")


def tables_read_back(types, build, table):
    w = World(types, types.symbols, build)
    put_tags(w)
    put_big(w)
    used, big = w.run(table, "!poolused", f"!pool {POOL + 0x303456:x}")
    leak = find(used, tag="Leak")
    tap.equal([leak[key] for key in ("nonpaged_allocs", "nonpaged_used", "nonpaged_bytes", "paged_used", "paged_bytes")],
              [2001, 1981, 10 << 33, 140, 8192], "the sums over processors")
    found = find(big, type="pool_large")
    tap.equal([found[key] for key in ("address", "tag", "size")],
              [address(POOL + 0x300000), "Leak", "0x5000"], "a large allocation")


def blocks_read_back(types, build, table):
    w = World(types, types.symbols, build)
    if build < HEAPS:
        put_headers(w, POOL + 0x100000)
        block, size = POOL + 0x100400, "0x400"
    else:
        block, size = put_heap(w), "0x230"
    (records,) = w.run(table, f"!pool {block + 0x40:x} 2")
    got = find(records, type="pool_block", marked=True)
    tap.equal([got[key] for key in ("address", "size", "tag", "allocated")], [address(block), size, "Proc", True],
              "the block")


def lists_read_back(types, build, table):
    w = World(types, types.symbols, build)
    put_lists(w)
    want = put_counters(w)
    lookaside, ptes = w.run(table, f"!lookaside {POOL + 0x50000:x}", "!sysptes")
    got = find(lookaside, type="lookaside")
    tap.equal([got[key] for key in ("tag", "depth", "maximum", "size", "allocates", "allocate_misses", "frees",
                                    "free_misses")], ["Ntfs", 4, 256, 496, 1000, 9, 900, 3], "the list")
    tap.equal(find(ptes, type="system_ptes")["free"], want["free_ptes"], "free PTEs")
    (listed,) = w.run(table, "!lookaside -all")
    tap.equal(find(listed, tag="Ntfs")["address"], address(POOL + 0x50000), "the list of lists")
    if w.has("CcVacbArrays"):
        (cache,) = w.run(table, "!filecache")
        tap.equal(find(cache, type="cached_file")["file"], address(POOL + 0x78000), "the cached file")


def visible(w, path):
    """Where a part of the visible state lies, which nt!MiVisibleState points to."""
    at = POOL + 0x400000
    w.var("MiVisibleState", at)
    return at + w.field("_MI_VISIBLE_STATE", path)[0]


def put_trackers(w):
    """Two records of system PTEs in one of the lists, or in the only one; returns their callers."""
    header = w.at("MiPteHeader") if w.has("MiPteHeader") else visible(w, "PteHeader")
    lists = w.field("_SYSPTES_HEADER", "Count")[0] // 16
    first, second = POOL + 0x90000, POOL + 0x91000
    for i in range(lists):
        ring = [header + i * 16] + ([first, second] if i == lists - 1 else [])
        for n, link in enumerate(ring):
            w.put(link, ring[(n + 1) % len(ring)], 8)
            w.put(link + 8, ring[n - 1], 8)
    w.set("_SYSPTES_HEADER", header, "Count", 0x2c47)
    w.set("_PTE_TRACKER", first, "SystemVa", 0xFFFFF88000048000)
    w.set("_PTE_TRACKER", first, "Mdl", POOL + 0x92000)
    w.set("_PTE_TRACKER", first, "Count", 3)
    w.set("_PTE_TRACKER", second, "Count", 0x2c44)
    names = ["StackTrace[0]", "StackTrace[1]"] if w.field("_PTE_TRACKER", "StackTrace") else ["CallingAddress", "CallersCaller"]
    callers = [w.at("NtReadFile") + 0x10, w.at("NtWriteFile") + 0x20]
    for name, caller in zip(names, callers):
        w.set("_PTE_TRACKER", first, name, caller)
    return callers


def put_special(w):
    """A list of two pairs, and an empty one; False: this kernel's special pool is a heap."""
    if not w.has("MiSpecialPool") and not w.field("_MI_VISIBLE_STATE", "SpecialPool"):
        return False
    pool = w.at("MiSpecialPool") if w.has("MiSpecialPool") else visible(w, "SpecialPool")
    base, (_, _, bit, bits) = POOL + 0x94000, w.field("_MMPTE_LIST", "NextEntry")
    end = (1 << bits) - 1
    for kind, first in (("Paged", 2), ("NonPaged", end)):
        head = kind + (".Flink" if w.field("_MI_SPECIAL_POOL", kind + ".Flink") else ".FreePteHead")
        w.put(pool + w.field("_MI_SPECIAL_POOL", head)[0], first << bit, 8)
        if w.field("_MI_SPECIAL_POOL", kind + ".PteBase"):
            w.set("_MI_SPECIAL_POOL", pool, kind + ".PteBase", base)
    if w.field("_MI_SPECIAL_POOL", "PteBase"):
        w.set("_MI_SPECIAL_POOL", pool, "PteBase", base)
    w.put(base + 16, 4 << bit, 8)
    w.put(base + 32, end << bit, 8)
    return True


def trackers_read_back(types, build, table):
    w = World(types, types.symbols, build)
    callers = put_trackers(w)
    special = put_special(w)
    locked, = w.run(table, "!sysptes 4")
    # Neither totals nor lists: then there is nothing to show.
    lists, = w.run(table, "!sysptes 2", error=None if special else "not-found")
    tap.equal(find(locked, type="pte_trackers")["ptes"], "0x2c47", "system PTEs of all records")
    first = find(locked, type="pte_tracker", address=address(POOL + 0x90000))
    tap.equal([first[key] for key in ("va", "mdl", "pages", "stack", "callers")],
              [address(0xFFFFF88000048000), address(POOL + 0x92000), 3, [address(a) for a in callers],
               "nt!NtReadFile+0x10/nt!NtWriteFile+0x20"], "who mapped them")
    tap.equal(find(locked, type="pte_tracker", address=address(POOL + 0x91000))["pages"], 0x2c44, "the other record")
    got = [(r["free"], r["blocks"]) for r in lists if r["type"] == "free_pte_list"]
    tap.equal(got, [(4, 2), (0, 0)] if special else [], "free pairs of special pool")


def main():
    try:
        found = list(kernels())
    except tap.Skip as reason:
        tap.point(True, "memory's use on real layouts", f" # SKIP {reason}")
        return tap.done()
    for version, build, path in found:
        types = Types(tap.corpus(path))
        for name, check in (("counters", counters_read_back), ("tables of tags and large allocations", tables_read_back),
                            ("blocks", blocks_read_back), ("details of !vm", details_read_back),
                            ("watchdogs", watchdogs_read_back), ("name spaces", namespaces_read_back),
                            ("look-aside lists, system PTEs, the cache", lists_read_back),
                            ("who mapped locked pages, special pool", trackers_read_back)):
            with tap.case(f"{version}: {name} are read where they were written"):
                check(types, build, tap.corpus(path))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
