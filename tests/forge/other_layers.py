# SPDX-License-Identifier: MIT
"""Physical memory as other people's readers take it out of a file, and how they find page tables and the kernel in it.

Each function goes one reader's way, with what that reader checks and no more: the fields it reads, the ranges it looks in, the
limits it has. Written from what is known of their behaviour; nothing of theirs or of this program is in here. `Refused` is what
such a reader says when it does not take the file. Standard library only.
"""
import bisect
import mmap
import os
import struct

PAGE = 0x1000
ADDRESS = 0xffffffffff000  # of a table's entry
KERNEL_PDBS = (b"ntkrnlmp.pdb", b"ntkrnlpa.pdb", b"ntkrpamp.pdb", b"ntoskrnl.pdb")


class Refused(Exception):
    """This reader does not take the file."""


def need(condition, what):
    if not condition:
        raise Refused(what)


class File:
    """A file's bytes; holes are known to be zeros."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.size = os.fstat(self.file.fileno()).st_size
        self.map = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)

    def at(self, offset, size):
        data = self.map[offset:offset + size]
        need(len(data) == size, f"{size:#x} bytes at {offset:#x} of the file")
        return data

    def number(self, offset, size):
        return int.from_bytes(self.at(offset, size), "little")

    def data(self, start, end):
        """Pieces of [start, end) that are not holes."""
        while start < end:
            try:
                start = os.lseek(self.file.fileno(), start, os.SEEK_DATA)
            except OSError:
                return
            stop = min(os.lseek(self.file.fileno(), start, os.SEEK_HOLE), end)
            if start < stop:
                yield start, stop
            start = stop


class Layer:
    """Physical memory: (address, offset in the file, size)."""

    def __init__(self, file, segments):
        self.file, self.segments = file, sorted(segments)
        need(segments, "no memory")
        self.end = max(pa + size for pa, _, size in segments)

    def read(self, pa, size):
        out = b""
        while size:
            at = bisect.bisect_right(self.segments, (pa, 1 << 64, 0)) - 1
            start, offset, length = self.segments[at]
            if at < 0 or pa >= start + length:
                raise LookupError(f"{pa:#x} is not in the dump")
            n = min(size, start + length - pa)
            out += self.file.at(offset + pa - start, n)
            pa, size = pa + n, size - n
        return out

    def number(self, pa, size=8):
        return int.from_bytes(self.read(pa, size), "little")

    def find(self, pattern):
        """Where the bytes stand; not across pieces of memory that lie apart."""
        for pa, offset, size in self.segments:
            for start, stop in self.file.data(offset, offset + size):
                at = self.file.map.find(pattern, start, stop)
                while at >= 0:
                    yield pa + at - offset
                    at = self.file.map.find(pattern, at + 1, stop)

    def pages(self, low, high):
        """Whole pages that hold something, in order."""
        for pa, offset, size in self.segments:
            for start, stop in self.file.data(offset, offset + size):
                first = (pa + start - offset) & ~(PAGE - 1)
                for at in range(max(first, low), min(pa + stop - offset, high), PAGE):
                    yield at, self.read(at, PAGE)


# ---- Volatility ----

def words_runs(file, at, bits, offset):
    """A bitmap as 32-bit words: whole words are told apart from mixed ones, runs end at a clear bit."""
    first, begin, runs = None, 0, []
    for index in range((bits + 31) // 32):
        word = file.number(at + index * 4, 4)
        for bit in range(32):
            pfn = index * 32 + bit
            if word >> bit & 1:
                if first is None:
                    first, begin = pfn, offset
                offset += PAGE
            elif first is not None:
                runs.append((first * PAGE, begin, (pfn - first) * PAGE))
                first = None
    if first is not None:
        runs.append((first * PAGE, begin, ((bits + 31) // 32 * 32 - first) * PAGE))
    return runs


def volatility_crash(file):
    """Types 1 and 5 alone; the header of a bitmap is the same for 32 bits."""
    wide = file.at(0, 8) == b"PAGEDU64"
    need(wide or file.at(0, 8) == b"PAGEDUMP", "no signature of a crash dump")
    pages, kind = (2, file.number(0xf98, 4)) if wide else (1, file.number(0xf88, 4))
    need(kind in (1, 5), f"DumpType {kind}")
    if kind == 5:
        first, bits = file.number(pages * PAGE + 0x20, 8), file.number(pages * PAGE + 0x30, 8)
        return Layer(file, words_runs(file, pages * PAGE + 0x38, bits, first))
    at, fmt, size = (0x98, "<QQ", 16) if wide else (0x6c, "<II", 8)
    offset, segments = pages * PAGE, []
    for i in range(file.number(0x88 if wide else 0x64, 4)):
        first, count = struct.unpack(fmt, file.at(at + i * size, size))
        segments.append((first * PAGE, offset, count * PAGE))
        offset += count * PAGE
    return Layer(file, segments)


def elf_loads(file):
    """(type, offset, virtual, physical, size in the file, size) of a 64-bit ELF file's headers."""
    at, size, count = file.number(0x20, 8), file.number(0x36, 2), file.number(0x38, 2)
    for i in range(count):
        kind, _, offset, va, pa, filesz, memsz = struct.unpack("<IIQQQQQ", file.at(at + i * size, 0x30))
        yield kind, offset, va, pa, filesz, memsz


def volatility_elf(file):
    need(file.number(0, 4) == 0x464c457f and file.number(4, 1) == 2, "no 64-bit ELF file")
    return Layer(file, [(pa, offset, memsz) for kind, offset, _, pa, filesz, memsz in elf_loads(file)
                        if kind == 1 and filesz == memsz and filesz > 0])


def volatility_lime(file):
    need(file.number(0, 4) == 0x4c694d45, "no LiME file")
    at, segments = 0, []
    while at < file.size:
        magic, version, start, end = struct.unpack("<IIQQ", file.at(at, 24))
        need(magic == 0x4c694d45 and version == 1 and end >= start, f"range at {at:#x}")
        segments.append((start, at + 32, end - start + 1))
        at += 32 + end - start + 1
    return Layer(file, segments)


def volatility(path):
    """The first container that takes the file; a file that none takes is memory as it is."""
    file = File(path)
    if file.at(0, 4) == b"PAGE":
        return volatility_crash(file)
    for take in (volatility_elf, volatility_lime):
        try:
            return take(file)
        except Refused:
            pass
    return Layer(file, [(0, 0, file.size)])


# ---- page tables ----

class Space:
    """Virtual memory. MODE: x64, pae, x86. Pages in transition count as present, as readers of Windows have it."""

    LEVELS = {"x86": (22, 12), "pae": (30, 21, 12), "x64": (39, 30, 21, 12)}

    def __init__(self, layer, mode, root):
        self.layer, self.mode = layer, mode
        self.root = root & (~0x1f if mode == "pae" else ~0xfff) & (1 << 48) - 1
        self.width, self.bits = (4, 10) if mode == "x86" else (8, 9)
        self.pointer = 8 if mode == "x64" else 4
        self.tables = {}

    def entry(self, table, index):
        if table not in self.tables:
            self.tables[table] = self.layer.read(table & ~0xfff, PAGE)
        at = (table & 0xfff) + index * self.width
        return int.from_bytes(self.tables[table][at:at + self.width], "little")

    def index(self, va, shift):
        return va >> shift & (3 if shift == 30 and self.mode == "pae" else (1 << self.bits) - 1)

    def is_large(self, entry, shift):
        return entry & 0x80 and shift in (21, 22) or entry & 0x80 and shift == 30 and self.mode == "x64"

    @staticmethod
    def is_there(entry, last):
        return entry & 1 or (last and entry & 0x800 and not entry & 0x400)

    def translate(self, va):
        """(physical address, bytes up to the page's end)"""
        table = self.root
        for shift in self.LEVELS[self.mode]:
            entry = self.entry(table, self.index(va, shift))
            if not self.is_there(entry, shift == 12):
                raise LookupError(f"{va:#x} is not mapped")
            if shift == 12 or self.is_large(entry, shift):
                low = (1 << shift) - 1
                return (entry & ADDRESS & ~low) | va & low, (1 << shift) - (va & low)
            table = entry & ADDRESS
        raise AssertionError

    def is_valid(self, va):
        try:
            self.layer.read(self.translate(va)[0], 1)
            return True
        except LookupError:
            return False

    def read(self, va, size):
        out = b""
        while size:
            pa, room = self.translate(va)
            n = min(size, room)
            out += self.layer.read(pa, n)
            va, size = va + n, size - n
        return out

    def number(self, va, size=None):
        return int.from_bytes(self.read(va, size or self.pointer), "little")

    def pages(self, low, high):
        """(address, physical, size) of what is mapped in [LOW, HIGH), but for the tables' own window."""
        def below(table, levels, va):
            shift = levels[0]
            for i in range(4 if shift == 30 and self.mode == "pae" else 1 << self.bits):
                at, entry = va + (i << shift), self.entry(table, i)
                if at + (1 << shift) <= low or at >= high or not self.is_there(entry, shift == 12):
                    continue
                if shift == 12 or self.is_large(entry, shift):
                    yield at, entry & ADDRESS & ~((1 << shift) - 1), 1 << shift
                elif entry & ADDRESS != self.root:
                    yield from below(entry & ADDRESS, levels[1:], at)
        yield from below(self.root, self.LEVELS[self.mode], 0)

    def find(self, pattern, low, high):
        """Where the bytes stand, page by page."""
        holds = [s[:2] for pa, offset, size in self.layer.segments
                 for s in ((pa + a - offset, pa + b - offset) for a, b in self.layer.file.data(offset, offset + size))]
        starts = [a for a, _ in holds]
        for va, pa, size in self.pages(low, high):
            at = max(bisect.bisect_right(starts, pa) - 1, 0)
            while at < len(holds) and holds[at][0] < pa + size:
                start, stop = max(holds[at][0], pa), min(holds[at][1], pa + size)
                data = self.layer.read(start, stop - start) if start < stop else b""
                hit = data.find(pattern)
                while hit >= 0:
                    yield va + start - pa + hit
                    hit = data.find(pattern, hit + 1)
                at += 1


class Flat:
    """Physical memory where a space is asked for."""

    mode, pointer = "flat", 8

    def __init__(self, layer):
        self.layer, self.read, self.number = layer, layer.read, layer.number

    def is_valid(self, pa):
        try:
            return bool(self.layer.read(pa, 1))
        except LookupError:
            return False

    def find(self, pattern, low, high):
        return (at for at in self.layer.find(pattern) if low <= at < high)


# ---- Volatility: the page tables' root ----

def self_reference(page, at, width, indices, reserved, mask):
    """The one entry that leads back to its table, where it may stand; no valid entry has a RESERVED bit."""
    entries = struct.unpack("<" + ("Q" if width == 8 else "I") * (PAGE // width), page)
    if any(e & reserved and e & 1 for e in entries):
        return None
    own = [i for i, e in enumerate(entries) if e & mask == at and e & 1]
    return own[0] if len(own) == 1 and own[0] in indices else None


def is_x64(layer, at, page, indices=range(0x100, 0x1ff)):
    return self_reference(page, at, 8, indices, 0x80, 0x3ffffffffff000) is not None


def is_pae(layer, at, page):
    """The fourth directory; four pages before it the table that leads to all four, in a row."""
    if self_reference(page, at, 8, (3,), 0, 0x3ffffffffff000) is None or at < 0x4000:
        return False
    try:
        top = struct.unpack("<4Q", layer.read(at - 0x4000, 32))
    except LookupError:
        return False
    return [e & 0xfffffffffffff000 for e in top] == [at - 0x4000 + i * PAGE for i in range(1, 5)]


def is_x86(layer, at, page):
    return self_reference(page, at, 4, (0x300,), 0, 0xfffff000) is not None


def is_x64_old(layer, at, page):
    return is_x64(layer, at, page, (0x1ed,))


# Where recent systems have it; where older ones have it; anywhere low.
RANGES = [(((0x150000, 0x2a0000), (0x550000, 0x6f0000), (0x900000, 0xa00000)), (("x64", is_x64),)),
          (((0x30000, 0x1030000),), (("pae", is_pae), ("x86", is_x86), ("x64", is_x64_old))),
          (((0xa00000, 0x5a00000),), (("x64", is_x64),))]


def leads_outside(layer, page, width):
    entries = struct.unpack("<" + ("Q" if width == 8 else "I") * (PAGE // width), page)
    low = [(e & ~0xfff) % ((1 << 48) - 1 if width == 8 else (1 << 32) - 1) for e in entries if e & 1 and not e & 0x80]
    return max(low, default=0) > layer.end


def shows_shared_data(space):
    """The kernel's page of shared data, also where processes see it; or the major version in it."""
    at = 0xfffff78000000000 if space.mode == "x64" else 0xffdf0000
    try:
        kernel = space.translate(at)[0]
    except LookupError:
        return False
    try:
        if space.translate(0x7ffe0000)[0] == kernel:
            return True
    except LookupError:
        pass
    return space.number(at + 0x26c, 4) in (3, 4, 5, 6, 10)


def volatility_root(layer):
    """(mode, root) of the first table that passes all tests."""
    for ranges, tests in RANGES:
        hits = [(order, at - (0x4000 if mode == "pae" else 0), mode) for low, high in ranges
                for at, page in layer.pages(low, high) for order, (mode, test) in enumerate(tests) if test(layer, at, page)]
        for _, root, mode in sorted(hits):
            space = Space(layer, mode, root)
            if not leads_outside(layer, layer.read(root, PAGE), space.width) and shows_shared_data(space):
                return space
    raise Refused("no page tables")


# ---- Volatility: the kernel ----

def signature(data, at):
    """(GUID, age, name) of a CodeView record that is a kernel's; else None."""
    record = data[at:at + 24 + 16]
    for name in KERNEL_PDBS:
        if record[24:24 + len(name) + 1] == name + b"\0":
            a, b, c = struct.unpack("<IHH", record[4:12])
            return f"{a:08X}{b:04X}{c:04X}{record[12:20].hex().upper()}", int.from_bytes(record[20:24], "little"), name.decode()
    return None


def kernel_at(space, va, most=0x400000):
    """Is there an image, with its CodeView record in the first 4 MB?"""
    try:
        if space.read(va, 2) != b"MZ":
            return None
    except LookupError:
        return None
    for at in space.find(b"RSDS", va, va + most):
        found = signature(space.read(at, min(40, PAGE - at % PAGE)), 0)
        if found:
            return va, found
    return None


def by_low_stub(space):
    """A page below 1 MB: its first bytes, CR3 at a0, the kernel's entry at 70; then back by 2 MB at a time, 32 MB at most."""
    layer = space.layer
    for at in range(0x1000, 0x100000, PAGE):
        try:
            if layer.number(at) & 0xffffffffffff00ff != 0x00000001000600e9 or layer.number(at + 0xa0) != space.root:
                continue
        except LookupError:
            continue
        hint = layer.number(at + 0x70)
        if hint & 3:
            continue
        hint &= (1 << 48) - 1
        base = hint & ~0x1fffff
        while base + 0x2000000 > hint:
            for va in range(base, base + 0x200000, PAGE):
                found = kernel_at(space, va)
                if found:
                    return found
            base -= 0x200000
    return None


def by_debugger_data(space):
    """The block's tag anywhere; eight bytes on the kernel's base."""
    for at in space.layer.find(b"KDBG"):
        base = space.layer.number(at + 8) & ((1 << 48) - 1 if space.mode == "x64" else (1 << 32) - 1)
        found = kernel_at(space, base)
        if found:
            return found
    return None


def image_before(valid, read, at):
    """The page that begins with MZ at or before AT, over pages that are there."""
    for page in range(at & ~(PAGE - 1), 0, -PAGE):
        if not valid(page):
            return None
        if read(page, 2) == b"MZ":
            return page
    return None


def by_fixed_place(space):
    """As far into the kernel's range as its image into memory."""
    layer, bits = space.layer, 48 if space.mode == "x64" else 32
    valid = Flat(layer).is_valid
    for at in layer.find(b"RSDS"):
        found = signature(layer.read(at, min(40, PAGE - at % PAGE)), 0)
        image = found and image_before(valid, layer.read, at)
        if image:
            va = image + (31 << bits - 5 if space.mode == "x64" else 1 << 31)
            if space.is_valid(va) and space.translate(va)[0] == image:
                return va, found
    return None


def by_search(space):
    """The record in the kernel's addresses, and its image before it."""
    low, high = (0x1f0 << 39, 1 << 48) if space.mode == "x64" else (0x80000000, 1 << 32)
    for at in space.find(b"RSDS", low, high):
        found = signature(space.read(at, min(40, PAGE - at % PAGE)), 0)
        image = found and image_before(space.is_valid, space.read, at)
        if image:
            return image, found
    return None
