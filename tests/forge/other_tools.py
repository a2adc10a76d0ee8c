# SPDX-License-Identifier: MIT
"""How further readers take dumps: MemProcFS (with LeechCore's files), kdmp-parser, rizin, QEMU's elf2dmp.

As in other_layers.py: each function goes one reader's way, with the checks it makes. Standard library only.
"""
import struct

from other_layers import File, Layer, PAGE, Space, elf_loads, need, signature


# ---- LeechCore: the files of MemProcFS ----

def leechcore_crash(file):
    """Complete dumps alone, of at most 32 runs; what the header knows is handed on."""
    wide = file.at(0, 8) == b"PAGEDU64"
    places = (0xf98, 0x30, 0x8664, 0x88, 0x98, "<QQ", 0x2000) if wide else (0xf88, 0x20, 0x14c, 0x64, 0x6c, "<II", 0x1000)
    kind, machine, wanted, count, at, fmt, offset = places
    need(file.number(kind, 4) == 1 and file.number(machine, 4) == wanted, "no complete dump")
    need(file.number(count, 4) <= 32, "too many runs")
    segments = []
    for i in range(file.number(count, 4)):
        first, pages = struct.unpack(fmt, file.at(at + i * struct.calcsize(fmt), struct.calcsize(fmt)))
        segments.append((first * PAGE, offset, pages * PAGE))
        offset += pages * PAGE
    w = 8 if wide else 4
    known = {n: file.number(o, w) for n, o in
             zip(("dtb", "pfn", "modules", "processes", "kdbg"),
                 (0x10, 0x18, 0x20, 0x28, 0x80) if wide else (0x10, 0x14, 0x18, 0x1c, 0x60))}
    return Layer(file, segments), known


def leechcore_elf(file):
    need(file.number(4, 2) == 0x102 and file.number(0x10, 2) == 4 and file.number(0x14, 4) == 1, "no 64-bit ELF core")
    need(file.number(0x20, 8) == 0x40 and file.number(0x36, 2) == 0x38 and 0 < file.number(0x38, 2) <= 0x200, "its headers")
    return Layer(file, [(pa, offset, filesz) for kind, offset, _, pa, filesz, memsz in elf_loads(file)
                        if kind == 1 and 0 < offset < file.size and 0 < filesz == memsz and offset + filesz <= file.size
                        and not pa & 0xfff and not filesz & 0xfff]), {}


def leechcore_vmware(file, state):
    """Regions out of the state beside a .vmem: tags of numbers with one index, in the group "memory"."""
    need(state.number(0, 4) in (0xbed3bed3, 0xbed2bed2, 0xbad1bad1), "the state's magic")
    regions = {}
    for i in range(state.number(8, 4)):
        name, at, size = struct.unpack("<64sQQ", state.at(12 + i * 80, 80))
        if name.rstrip(b"\0") != b"memory":
            continue
        end = at + size
        while at + 6 <= end and state.number(at, 1):
            length = state.number(at + 1, 1)
            step = 2 + length + 4 + 4 * (state.number(at, 1) >> 6 & 3)
            if not length or at + step >= end:
                break
            tag = state.at(at + 2, length).decode()
            if tag in ("regionSize", "regionPPN", "regionPageNum"):
                regions.setdefault(state.number(at + 2 + length, 4), {})[tag] = state.number(at + 6 + length, 4) * PAGE
            at += step
    return Layer(file, [(r["regionPPN"], r["regionPageNum"], r["regionSize"]) for r in regions.values() if len(r) == 3]), {}


def leechcore(path, state=None):
    """(memory, what the header knows)"""
    file = File(path)
    need(file.size >= 0x1000000, "16 MB at least")
    if state:
        return leechcore_vmware(file, File(state))
    if file.at(0, 4) == b"PAGE":
        return leechcore_crash(file)
    if file.at(0, 4) == b"\x7fELF":
        return leechcore_elf(file)
    return Layer(file, [(0, 0, file.size)]), {}


# ---- MemProcFS: page tables and the kernel ----

def mpfs_low_stub(layer):
    """(kernel's entry, page tables) of the first page below a0000 that looks like the stub."""
    for at in range(0x1000, 0xa0000, PAGE):
        try:
            first, entry, root = (layer.number(at + o) for o in (0, 0x70, 0xa0))
        except LookupError:
            continue
        if first & 0xffffffffffff00ff == 0x1000600e9 and entry & 0xfffff80000000003 == 0xfffff80000000000 \
                and not root & 0xffffff0000000fff:
            return entry, root
    return None


def mpfs_is_x64(layer, at):
    """Enough tables of the kernel's, enough empty entries, one that leads back."""
    entries = struct.unpack("<512Q", layer.read(at, PAGE))
    kernel = entries[256:]
    valid = sum(e & 0x8000000000000087 == 3 and e & 0xfffffffff000 < layer.end for e in kernel)
    back = any(e & 0xfffffffff083 == at + 3 for e in kernel)
    return back and valid >= 6 and entries[:256].count(0) > 0x40 and kernel.count(0) > 0x40


def mpfs_is_pae(layer, at):
    """Four tables in a row behind it, and nothing else on the page."""
    entries = struct.unpack("<512Q", layer.read(at, PAGE))
    return list(entries[:4]) == [at + (i + 1) * PAGE + 1 for i in range(4)] and not any(entries[4:])


def mpfs_is_x86(layer, at):
    """The window of tables, a table of processes first, more than 16 of the kernel's."""
    page = layer.read(at, PAGE)
    kernel = sum(page[i] in (0x63, 0xe3) for i in range(0x800, PAGE, 4))
    return int.from_bytes(page[0xc00:0xc04], "little") & 0xfffff003 == at + 3 and page[0] == 0x67 and kernel > 16


def mpfs_root(layer):
    """(mode, root) by a scan of the first 16 MB."""
    for mode, test in (("x64", mpfs_is_x64), ("pae", mpfs_is_pae), ("x86", mpfs_is_x86)):
        for at, _ in layer.pages(0x1000, 0x1000000):
            if test(layer, at):
                return mode, at
    return None


def export(space, base, name):
    """The address of an export, by the tables of an image in memory."""
    nt = base + space.number(base + 0x3c, 4)
    magic = space.number(nt + 24, 2)
    at = base + space.number(nt + 24 + (0x70 if magic == 0x20b else 0x60), 4)
    count, functions, names, ordinals = struct.unpack("<4I", space.read(at + 0x18, 16))
    for i in range(count):
        text = space.read(base + space.number(base + names + 4 * i, 4), 64).split(b"\0")[0]
        if text == name.encode():
            ordinal = space.number(base + ordinals + 2 * i, 2)
            return base + space.number(base + functions + 4 * ordinal, 4)
    return 0


def module_name(space, base):
    nt = base + space.number(base + 0x3c, 4)
    at = space.number(nt + 24 + (0x70 if space.number(nt + 24, 2) == 0x20b else 0x60), 4)
    return space.read(base + space.number(base + at + 0xc, 4), 32).split(b"\0")[0].decode() if at else ""


def mpfs_is_kernel(space, va):
    """MZ and PE, a section that only the kernel has, its own name."""
    try:
        page = space.read(va, PAGE)
    except LookupError:
        return False
    nt = int.from_bytes(page[0x3c:0x40], "little")
    return page[:2] == b"MZ" and nt <= 0x800 and page[nt:nt + 4] == b"PE\0\0" and \
        any(page[i:i + 8] == b"POOLCODE" for i in range(0, PAGE, 8)) and module_name(space, va).lower() == "ntoskrnl.exe"


def mpfs_kernel_by_hint(space, hint):
    """Back from any address of the kernel's, 32 MB at most."""
    base = hint & ~0x1fffff
    while base + 0x2000000 > hint:
        for va in range(base, base + 0x200000, PAGE):
            if mpfs_is_kernel(space, va):
                return va
        base -= 0x200000
    return 0


def mpfs_kernel_by_large_pages(space):
    """Rows of large pages of more than 4 MB and less than 24 MB, where kernels are."""
    low, rows = 0xf80000000000, []
    for va, _, size in space.pages(low, 0xf80800000000):
        if size == 0x200000:
            if rows and rows[-1][1] == va:
                rows[-1][1] += size
            else:
                rows.append([va, va + size])
    for start, end in rows:
        if 0x400000 < end - start < 0x1800000:
            for va in range(start, end, PAGE):
                if mpfs_is_kernel(space, va):
                    return va
    return 0


# ---- MemProcFS: members of _EPROCESS without symbols ----

def is_pointer(value, align=8):
    return value >> 47 == 0x1ffff and not value % align


class Fuzzed:
    """Offsets that are found by looking at System and smss.exe; Refused says which step failed."""

    def __init__(self, space, system, root):
        self.space, self.system, self.root = space, system, root
        self.first = space.read(system, 0x800)
        need(not self.word(self.first, 0) >> 32, "System is signalled")
        need(self.word(self.first, 0x28) & ~0xfff == root, "DirectoryTableBase of System is not the root")
        self.name = next((i for i in range(0, 0x7f8, 8) if self.first[i:i + 8] == b"System\0\0"), 0)
        need(self.name, "the name of System")
        self.find_links()
        self.find_smss()
        self.find_parent()
        self.find_peb()
        self.find_pointers()
        self.find_vads()

    @staticmethod
    def word(data, at):
        return int.from_bytes(data[at:at + 8], "little")

    def process(self, at):
        return self.space.read(at, 0x800)

    def find_links(self):
        """PID, then the links, whose next process is one of three that come first."""
        for i in range(0, 0x7e8, 8):
            flink = self.word(self.first, i + 8)
            if self.word(self.first, i) != 4 or flink & 0xffff000000000003 != 0xffff000000000000:
                continue
            try:
                following = self.process(flink - i - 8)
            except LookupError:
                continue
            if following[self.name:self.name + 8] in (b"smss.exe", b"Registry", b"Secure S") and \
                    self.word(following, i + 16) - i - 8 == self.system:
                self.pid, self.links = i, i + 8
                return
        need(False, "the links of System")

    def find_smss(self):
        at = self.system
        for _ in range(8):
            at = self.word(self.process(at), self.links) - self.links
            self.smss = self.process(at)
            if self.smss[self.name:self.name + 8] == b"smss.exe":
                return
        need(False, "smss.exe")

    def find_parent(self):
        self.parent = next((i for i in range(self.links + 8, self.name, 8)
                            if not self.word(self.first, i) and self.word(self.smss, i) == 4), 0)
        need(self.parent, "the parent's PID")

    def find_peb(self):
        """A page of the process that System does not have, and no image."""
        own = Space(self.space.layer, "x64", self.word(self.smss, 0x28))
        for i in range(0x280, 0x580, 8):
            value = self.word(self.smss, i)
            if not self.word(self.first, i) and value and not value & 0xffff800000000fff and own.is_valid(value) and \
                    own.read(value, 2) != b"MZ":
                self.peb = i
                return
        need(False, "the PEB")

    def find_pointers(self):
        """The handle table by its block's tag; the path by what it begins with."""
        self.table = self.path = 0
        for i in range(self.name - 0xe0, self.name - 0x20, 8):
            value = self.word(self.first, i)
            if is_pointer(value, 16) and self.space.is_valid(value - 16) and self.space.read(value - 12, 4) == b"Obtb":
                self.table = i
        for i in range(self.peb + 0x58, self.peb + 0x90, 8):
            value = self.word(self.smss, i)
            if is_pointer(value) and self.space.is_valid(value):
                head = self.space.read(value, 0x20)
                length, most = struct.unpack_from("<HH", head)
                if head[0x10:0x20] == "\\Device\\".encode("utf-16-le") and length < 260 and length < most:
                    self.path = i
        need(self.table, "the handle table")
        need(self.path, "the path of smss.exe")

    def find_vads(self):
        """A pointer behind the exit status of what still runs; of two that are alike the first."""
        for i in range(0x140 + self.name, 0x7f0, 8):
            before = (int.from_bytes(self.first[i - n:i - n + 4], "little") for n in (4, 12))
            if self.word(self.first, i) >> 47 == 0x1ffff and 0x103 in before:
                same = [j for j in range(i - 0x38, i, 8) if self.word(self.first, j) == self.word(self.first, i)]
                self.vads = same[-1] if same else i
                return
        self.vads = 0

    def processes(self):
        """(address, PID, parent, root, name) once around the list."""
        at, seen = self.system, set()
        while at not in seen:
            seen.add(at)
            data = self.process(at)
            if self.word(data, self.pid) and self.word(data, 0x28) and self.word(data, self.name):
                yield (at, self.word(data, self.pid) & 0xffffffff, self.word(data, self.parent) & 0xffffffff,
                       self.word(data, 0x28) & ~0xfff, data[self.name:self.name + 15].split(b"\0")[0].decode())
            at = self.word(data, self.links) - self.links


# ---- kdmp-parser ----

def kdmp(path):
    """(memory, header): types 1, 5, 6, 8, 9, 10 of 64 bits; MXCSR must be the same in both its places."""
    file = File(path)
    need(file.at(0, 8) == b"PAGEDU64", "signatures")
    kind = file.number(0xf98, 4)
    need(kind in (1, 5, 6, 8, 9, 10), f"DumpType {kind}")
    need(file.number(0x348 + 0x34, 4) == file.number(0x348 + 0x118, 4), "MxCsr does not match MxCsr2")
    header = {"dtb": file.number(0x10, 8), "modules": file.number(0x20, 8), "processors": file.number(0x34, 4),
              "kdbg": file.number(0x80, 8), "rip": file.number(0x348 + 0xf8, 8), "rsp": file.number(0x348 + 0x98, 8),
              "bugcheck": file.number(0x38, 4)}
    take = kdmp_full if kind == 1 else kdmp_bitmap if kind in (5, 6) else kdmp_ranges
    return Layer(file, take(file, kind)), header


def kdmp_full(file, _):
    need(file.number(0x88, 4) != 0x45474150, "the descriptor of memory")
    offset, segments = 0x2000, []
    for i in range(file.number(0x88, 4)):
        first, pages = struct.unpack("<QQ", file.at(0x98 + i * 16, 16))
        segments.append((first * PAGE, offset, pages * PAGE))
        offset += pages * PAGE
    return segments


def kdmp_bitmap(file, _):
    need(file.at(0x2000, 8) in (b"SDMPDUMP", b"FDMPDUMP"), "the bitmap's signature")
    offset, _, bits = struct.unpack("<QQQ", file.at(0x2020, 24))
    segments, data = [], file.at(0x2038, bits // 8)
    for at, byte in enumerate(data):
        for bit in range(8) if byte else ():
            if byte >> bit & 1:
                segments.append(((at * 8 + bit) * PAGE, offset, PAGE))
                offset += PAGE
    return segments


def kdmp_ranges(file, kind):
    marker, tag, size, offset = struct.unpack("<I8s4xQQ", file.at(0x2000, 32))
    need(marker == 0x40 and tag == b"RDMPDUMP" and size - 0x20 == offset - 0x2040, "the ranges' header")
    need(offset and size and not size % 16, "their size")
    total, seen, segments = file.number(0x2028, 8), 0, []
    for i in range(size // 16):
        first, pages = struct.unpack("<QQ", file.at(0x2030 + i * 16, 16))
        if not first or (kind == 10 and seen == total):
            break
        segments.append((first * PAGE, offset, pages * PAGE))
        offset, seen = offset + pages * PAGE, seen + pages
    return segments


def kdmp_string(space, at):
    length = space.number(at, 2)
    need(not length % 2, "a string of odd length")
    return space.read(space.number(at + 8), length).decode("utf-16-le")


def kdmp_modules(space, head):
    """{(start, end): path} of a loader's list."""
    out, at = {}, space.number(head)
    while at != head:
        base, size = space.number(at + 0x30), space.number(at + 0x40, 4)
        out[base, base + size] = kdmp_string(space, at + 0x48)
        at = space.number(at)
    return out


def kdmp_user_modules(space, header):
    """The processor whose context has the header's stack pointer; its thread, TEB, PEB, and the loader's list."""
    data = space.read(header["kdbg"], 0x340)
    field = lambda at, size: int.from_bytes(data[at:at + size], "little")  # noqa: E731
    for i in range(header["processors"]):
        prcb = space.number(field(0x218, 8) + 8 * i)
        context = space.number(prcb + field(0x338, 2))
        if space.number(context + 0x98) == header["rsp"]:
            thread = space.number(prcb + field(0x2b4, 2))
            teb = space.number(thread + field(0x29a, 2))
            if not teb:
                return {}
            peb = space.number(teb + 0x60)
            return kdmp_modules(space, space.number(peb + 0x18) + 0x10)
    return None


# ---- rizin ----

def rizin(path):
    """Types 1, 5 and 6 of 64 bits; the pages of a bitmap must be as many as its header says."""
    file = File(path)
    need(file.at(0, 8) == b"PAGEDU64", "magic")
    kind = file.number(0xf98, 4)
    need(kind in (1, 5, 6), f"DumpType {kind}: no pages are read")
    if kind == 1:
        need(file.at(0x88, 4) != b"PAGE" and file.number(0x88, 4) * 16 < 0x348, "the descriptor of memory")
        segments = kdmp_full(file, kind)
        need(sum(size for _, _, size in segments) == file.number(0x90, 8) * PAGE, "NumberOfPages")
    else:
        segments = kdmp_bitmap(file, kind)
        need(len(segments) == file.number(0x2028, 8), "TotalPresentPages")
    return Layer(file, segments)


# ---- elf2dmp ----

def qemu_states(file):
    """The states of processors in the notes, which the first program header has."""
    kind, offset, _, _, _, memsz = next(elf_loads(file))
    need(kind == 4, "no PT_NOTE comes first")
    at, end, states = offset, offset + memsz, []
    while at < end:
        named, size = struct.unpack("<II", file.at(at, 8))
        body = at + 12 + (named + 3 & ~3)
        if file.at(at + 12, named).rstrip(b"\0") == b"QEMU":
            need(file.number(body + 4, 4) <= size, "the state's size")
            states.append(file.at(body, size))
        at = body + (size + 3 & ~3)
    need(states, "no processor")
    return states


def elf2dmp(path):
    """(space, kernel's base, PDB, segments): from the first gate of the first processor's interrupt table down to MZ."""
    file = File(path)
    need(file.at(0, 7) == b"\x7fELF\2\1\1" and file.number(0x10, 2) == 4 and file.number(0x12, 2) == 62, "no core of x86-64")
    need(file.number(0x38, 2) >= 2, "program headers")
    states, loads = qemu_states(file), [h for h in elf_loads(file) if h[0] == 1]
    layer = Layer(file, [(pa, offset, filesz) for _, offset, _, pa, filesz, _ in loads])
    space = None
    for state in states:  # the first, else one that runs the kernel
        cr3, gs = int.from_bytes(state[0x1a0:0x1a8], "little"), int.from_bytes(state[0x108:0x110], "little")
        tried = Space(layer, "x64", cr3 & 0xffffffffff000)
        if tried.is_valid(0xfffff78000000000) and (state is states[0] or gs >> 63):
            space = tried
            break
    need(space, "no page tables that lead to shared data")
    gate = space.read(int.from_bytes(states[0][0x180:0x188], "little"), 16)
    base = (int.from_bytes(gate[:2], "little") | int.from_bytes(gate[6:12], "little") << 16) & ~0xfff
    while base >= 0xfffff78000000000 and not (space.is_valid(base) and space.read(base, 2) == b"MZ"):
        base -= PAGE
    need(base >= 0xfffff78000000000, "no kernel")
    nt = base + space.number(base + 0x3c, 4)
    need(space.number(nt, 4) == 0x4550 and space.number(nt + 4, 2) == 0x8664 and space.number(nt + 24, 2) == 0x20b, "PE")
    debug = base + space.number(nt + 24 + 0x70 + 6 * 8, 4)
    need(space.number(debug + 12, 4) == 2, "the first debug entry is no CodeView record")
    size, rva = space.number(debug + 16, 4), space.number(debug + 20, 4)
    record = space.read(base + rva, size)
    need(record[:4] == b"RSDS" and record[24:] == b"ntkrnlmp.pdb\0", "the name of the PDB")
    return space, base, signature(record + bytes(20), 0), layer, states
