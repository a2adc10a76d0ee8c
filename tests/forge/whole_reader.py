# SPDX-License-Identifier: MIT
"""A reader of whole-memory dumps, page tables and a few lists of Windows' kernel, for tests alone.

Written from descriptions of the formats and from the processor manuals, with nothing of the program's or the forge's in it:
what the forge writes and this finds is where others will look for it, too. Standard library only.
"""
import bisect
import struct

PAGE = 0x1000


class Wrong(Exception):
    """The file is not what its format says."""


class Memory:
    """Physical memory: pieces of files."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.runs = []  # (physical address, file offset, size)
        self.header = None
        self.cpus = []
        self.notes = []

    def add(self, pa, offset, size):
        bisect.insort(self.runs, (pa, offset, size))

    def at(self, offset, size):
        self.file.seek(offset)
        data = self.file.read(size)
        if len(data) != size:
            raise Wrong(f"{size:#x} bytes at file offset {offset:#x}")
        return data

    def run_of(self, pa):
        at = bisect.bisect_right(self.runs, (pa, 1 << 64, 0)) - 1
        if at < 0 or pa >= self.runs[at][0] + self.runs[at][2]:
            raise LookupError(f"{pa:#x} is not in the dump")
        return self.runs[at]

    def read(self, pa, size):
        out = b""
        while size:
            start, offset, length = self.run_of(pa)
            n = min(size, start + length - pa)
            out += self.at(offset + pa - start, n)
            pa, size = pa + n, size - n
        return out

    def number(self, pa, size=8):
        return int.from_bytes(self.read(pa, size), "little")


# ---- kernel dumps ----

def bits_of(data):
    for index, byte in enumerate(data):
        if byte:
            for bit in range(8):
                if byte >> bit & 1:
                    yield index * 8 + bit


def add_bitmap(memory, bits, first, expected):
    """Pages whose bits are set, one after the other; runs of them are joined."""
    run, count = None, 0
    for pfn in bits_of(bits):
        if run and run[0] + run[2] == pfn:
            run[2] += 1
        else:
            if run:
                memory.add(run[0] * PAGE, first + run[1] * PAGE, run[2] * PAGE)
            run = [pfn, count, 1]
        count += 1
    if run:
        memory.add(run[0] * PAGE, first + run[1] * PAGE, run[2] * PAGE)
    if count != expected:
        raise Wrong(f"{count} bits are set, and the dump says {expected}")


def parse_header(data):
    """The fields of DUMP_HEADER32/64 that are used here."""
    if data[:8] == b"PAGEDU64":
        names = ("dtb", 0x10, 8), ("pfn", 0x18, 8), ("modules", 0x20, 8), ("processes", 0x28, 8), ("machine", 0x30, 4), \
            ("ncpus", 0x34, 4), ("bugcheck", 0x38, 4), ("kdbg", 0x80, 8), ("nruns", 0x88, 4), ("npages", 0x90, 8), \
            ("type", 0xf98, 4), ("space", 0xfa0, 8), ("time", 0xfa8, 8)
        width, size, runs = 8, 0x2000, 0x98
    elif data[:8] == b"PAGEDUMP":
        names = ("dtb", 0x10, 4), ("pfn", 0x14, 4), ("modules", 0x18, 4), ("processes", 0x1c, 4), ("machine", 0x20, 4), \
            ("ncpus", 0x24, 4), ("bugcheck", 0x28, 4), ("kdbg", 0x60, 4), ("nruns", 0x64, 4), ("npages", 0x68, 4), \
            ("type", 0xf88, 4), ("space", 0xfa0, 8), ("time", 0xfc0, 8), ("pae", 0x5c, 1)
        width, size, runs = 4, 0x1000, 0x6c
    else:
        raise Wrong("no header of a kernel dump")
    header = {n: int.from_bytes(data[o:o + w], "little") for n, o, w in names}
    header["size"], header["width"] = size, width
    header["runs"] = []
    if header["nruns"] != 0x45474150:
        fmt = "<QQ" if width == 8 else "<II"
        header["runs"] = [struct.unpack_from(fmt, data, runs + i * 2 * width) for i in range(header["nruns"])]
    return header


def open_kdump(memory):
    header = memory.header = parse_header(memory.at(0, 0x2000))
    base = header["size"]
    if header["type"] == 1:
        at = base
        for pfn, count in header["runs"]:
            memory.add(pfn * PAGE, at, count * PAGE)
            at += count * PAGE
        if at != header["space"]:
            raise Wrong("RequiredDumpSpace")
    elif header["type"] == 2:
        mark, first, bits, pages = struct.unpack("<8s4xIII", memory.at(base, 0x18))
        if mark != b"SDMPDUMP":
            raise Wrong("SDMP")
        add_bitmap(memory, memory.at(base + (0x28 if header["width"] == 8 else 0x20), bits // 8), first, pages)
    elif header["type"] in (5, 6, 7):
        mark, first, pages, bits = struct.unpack("<8s24xQQQ", memory.at(base, 0x38))
        if mark != (b"FDMPDUMP" if header["type"] == 5 else b"SDMPDUMP") or first % PAGE:
            raise Wrong("bitmap")
        add_bitmap(memory, memory.at(base + 0x38, bits // 8), first, pages)
    elif header["type"] in (8, 9, 10):
        mark, tag, size, at = struct.unpack("<I8s4xQQ", memory.at(base, 0x20))
        if mark != 0x40 or tag != b"RDMPDUMP" or size - 0x20 != at - 0x2040:
            raise Wrong("RDMP")
        total = struct.unpack("<Q", memory.at(base + 0x28, 8))[0] if header["type"] == 10 else None
        place = base + 0x30
        while total is None or total > 0:
            pfn, count = struct.unpack("<QQ", memory.at(place, 16))
            if not pfn:
                break
            memory.add(pfn * PAGE, at, count * PAGE)
            at, place = at + count * PAGE, place + 16
            total = None if total is None else total - count
    else:
        raise Wrong(f"DumpType {header['type']}")


# ---- virtual machines ----

def segment(data, at):
    selector, limit, _, _, base = struct.unpack_from("<IIIIQ", data, at)
    return {"selector": selector, "limit": limit, "base": base}


def qemu_cpu(data):
    version, size = struct.unpack_from("<II", data)
    if version != 1 or size != len(data) or size != 0x1b8:
        raise Wrong("QEMUCPUState")
    return {"rip": struct.unpack_from("<Q", data, 0x88)[0], "rsp": struct.unpack_from("<Q", data, 0x38)[0],
            "cr3": struct.unpack_from("<Q", data, 0x188 + 24)[0], "cr4": struct.unpack_from("<Q", data, 0x188 + 32)[0],
            "idt": segment(data, 0x98 + 9 * 24)["base"], "gs": segment(data, 0x98 + 4 * 24)["base"],
            "fs": segment(data, 0x98 + 3 * 24)["base"]}


def vbox_cpu(data):
    at = 18 * 8 + 6 * 24
    return {"rip": struct.unpack_from("<Q", data, 14 * 8)[0], "rsp": struct.unpack_from("<Q", data, 15 * 8)[0],
            "cr3": struct.unpack_from("<Q", data, at + 16)[0], "cr4": struct.unpack_from("<Q", data, at + 24)[0],
            "idt": struct.unpack_from("<Q", data, at + 12 * 8 + 16)[0],
            "gs": struct.unpack_from("<Q", data, 18 * 8 + 4 * 24)[0],
            "fs": struct.unpack_from("<Q", data, 18 * 8 + 3 * 24)[0]}


def open_elf(memory):
    ident = memory.at(0, 0x40)
    wide = ident[4] == 2
    phoff = struct.unpack_from("<Q", ident, 0x20)[0] if wide else struct.unpack_from("<I", ident, 0x1c)[0]
    size, count = struct.unpack_from("<HH", ident, 0x36 if wide else 0x2a)
    memory.machine = struct.unpack_from("<H", ident, 0x12)[0]
    if count == 0xffff:  # it stands in the section header
        shoff = struct.unpack_from("<Q", ident, 0x28)[0] if wide else struct.unpack_from("<I", ident, 0x20)[0]
        count = int.from_bytes(memory.at(shoff + (0x2c if wide else 0x1c), 4), "little")
    memory.maps = []
    for i in range(count):
        head = memory.at(phoff + i * size, size)
        if wide:
            kind, _, offset, va, pa, filesz, memsz = struct.unpack_from("<IIQQQQQ", head)
        else:
            kind, offset, va, pa, filesz, memsz = struct.unpack_from("<IIIIII", head)
        if kind == 1 and filesz and filesz == memsz:
            if va == pa or not va:
                memory.add(pa, offset, filesz)
            else:
                memory.maps.append((va, pa, filesz))
        elif kind == 4:
            open_notes(memory, memory.at(offset, filesz))


def open_notes(memory, data):
    at = 0
    while at < len(data):
        named, size, kind = struct.unpack_from("<III", data, at)
        name = data[at + 12:at + 12 + named].rstrip(b"\0").decode()
        body = at + 12 + (named + 3 & ~3)
        note = data[body:body + size]
        memory.notes.append((name, kind, note))
        if name == "QEMU":
            memory.cpus.append(qemu_cpu(note))
        elif name == "VBCPU":
            memory.cpus.append(vbox_cpu(note))
        elif name == "VMCOREINFO":
            memory.header = parse_header(note)
        at = body + (size + 3 & ~3)


def open_lime(memory):
    at, end = 0, memory.file.seek(0, 2)
    while at < end:
        magic, version, first, last = struct.unpack("<IIQQ8x", memory.at(at, 0x20))
        if magic != 0x4c694d45 or version != 1:
            raise Wrong("EMiL")
        memory.add(first, at + 0x20, last - first + 1)
        at += 0x20 + last - first + 1


def vmware_tags(memory, at):
    """(name, indices, value or place of the data, size) of a group's tags."""
    while True:
        flags, length = memory.at(at, 2)
        if not flags and not length:
            return
        name = memory.at(at + 2, length).decode()
        at += 2 + length
        indices = struct.unpack(f"<{flags >> 6}I", memory.at(at, (flags >> 6) * 4))
        at += (flags >> 6) * 4
        size = flags & 0x3f
        if size == 62:
            raise Wrong("a compressed tag")
        if size == 63:
            size, _, pad = struct.unpack("<QQH", memory.at(at, 18))
            yield name, indices, at + 18 + pad, size
            at += 18 + pad + size
        else:
            yield name, indices, int.from_bytes(memory.at(at, size), "little"), size
            at += size


def open_vmware(memory, vmem=None):
    magic, _, count = struct.unpack("<III", memory.at(0, 12))
    if magic & ~0xf != 0xbed2bed0 or magic & 0xf == 0:
        raise Wrong("vmss")
    regions, place, crs = {}, None, {}
    for i in range(count):
        name, at, _ = struct.unpack("<64sQQ", memory.at(12 + i * 80, 80))
        for tag, index, value, _ in vmware_tags(memory, at):
            if tag in ("regionPageNum", "regionPPN", "regionSize"):
                regions.setdefault(index[0], {})[tag] = value
            elif tag == "Memory":
                place = value
            elif tag == "CR64":
                crs.setdefault(index[0], {})[index[1]] = value
    memory.cpus = [{"cr3": crs[i][3], "cr4": crs[i][4]} for i in sorted(crs)]
    if vmem:
        memory.file.close()
        memory.file, place = open(vmem, "rb"), 0
    for region in regions.values():
        memory.add(region["regionPPN"] * PAGE, place + region["regionPageNum"] * PAGE, region["regionSize"] * PAGE)


def open_memory(path, kind, state=None):
    """The physical memory of the file PATH; KIND is "raw" where nothing in it says what it is."""
    memory = Memory(state or path)
    magic = memory.at(0, 8)
    if magic[:4] == b"PAGE":
        open_kdump(memory)
    elif magic[:4] == b"\x7fELF":
        open_elf(memory)
    elif magic[:4] == b"EMiL":
        open_lime(memory)
    elif magic[1:4] == b"\xbe\xd2\xbe":
        open_vmware(memory, path if state else None)
    elif kind == "raw":
        memory.add(0, 0, memory.file.seek(0, 2))
    else:
        raise Wrong("no container is known by " + magic.hex())
    return memory


# ---- page tables ----

class Space:
    """Virtual memory of one page table base. MODE: x86, pae, x64, la57."""

    LEVELS = {"x86": (22, 12), "pae": (30, 21, 12), "x64": (39, 30, 21, 12), "la57": (48, 39, 30, 21, 12)}

    def __init__(self, memory, mode, root):
        self.memory, self.mode = memory, mode
        self.root = root & (~0x1f if mode == "pae" else ~0xfff) & 0xffffffffff_fff
        self.wide = mode in ("x64", "la57")
        self.pointer = 8 if self.wide else 4

    def walk(self, va):
        """Entries from the top: (shift, physical address, value), as far as they are valid."""
        table, bits, width = self.root, 10 if self.mode == "x86" else 9, 4 if self.mode == "x86" else 8
        for shift in self.LEVELS[self.mode]:
            index = va >> shift & (3 if shift == 30 and self.mode == "pae" else (1 << bits) - 1)
            entry = self.memory.number(table + index * width, width)
            yield shift, table + index * width, entry
            if not entry & 1 or (entry & 0x80 and shift not in (12,) and not (self.mode == "pae" and shift == 30)):
                return
            table = entry & 0xffffffffff000

    def physical(self, va):
        entries = list(self.walk(va))
        shift, _, entry = entries[-1]
        if not entry & 1:
            raise LookupError(f"{va:#x}: the entry is {entry:#x}")
        return (entry & 0xffffffffff000 & ~((1 << shift) - 1)) | (va & (1 << shift) - 1)

    def entry(self, va):
        """The last entry's value, valid or not; None where no table reaches."""
        shift, _, entry = list(self.walk(va))[-1]
        return entry if shift == 12 else None

    def read(self, va, size):
        out = b""
        while size:
            n = min(size, PAGE - va % PAGE)
            out += self.memory.read(self.physical(va), n)
            va, size = va + n, size - n
        return out

    def number(self, va, size=None):
        return int.from_bytes(self.read(va, size or self.pointer), "little")

    def list(self, head, most=1000):
        """The entries of a doubly linked list, both ways looked at."""
        at, before, out = self.number(head), head, []
        while at != head and len(out) < most:
            if self.number(at + self.pointer) != before:
                raise Wrong(f"the list's entry at {at:#x} does not point back")
            out.append(at)
            at, before = self.number(at), at
        return out

    def string(self, at):
        """A UNICODE_STRING."""
        size = self.number(at, 2)
        return self.read(self.number(at + self.pointer), size).decode("utf-16-le")

    def pages(self):
        """Every valid entry of the last level and of large pages, in the kernel's half."""
        bits, width = (10, 4) if self.mode == "x86" else (9, 8)

        def below(table, levels, va):
            shift = levels[0]
            count = 4 if shift == 30 and self.mode == "pae" else 1 << bits
            data = self.memory.read(table, count * width)
            for i in range(count):
                entry = int.from_bytes(data[i * width:(i + 1) * width], "little")
                here = va | i << shift
                if not entry & 1 or entry & 0xffffffffff000 == self.root or self.is_self(here, shift):
                    continue
                if shift == 12 or (entry & 0x80 and not (self.mode == "pae" and shift == 30)):
                    yield here, entry, table + i * width, shift
                else:
                    yield from below(entry & 0xffffffffff000, levels[1:], here)
        yield from below(self.root, self.LEVELS[self.mode], 0)

    def is_self(self, va, shift):
        """PAE shows its four directories at c0000000."""
        return self.mode in ("x86", "pae") and va >= 0xc0000000 and va < 0xc0800000 and shift in (21, 22)

    def canonical(self, va):
        top = 57 if self.mode == "la57" else 48
        return va | (0xffffffffffffffff << top & 0xffffffffffffffff) if self.wide and va >> top - 1 & 1 else va


# ---- the kernel's debugger data ----

def rol(v, n):
    n &= 63
    return (v << n | v >> 64 - n) & 0xffffffffffffffff if n else v


def swap(v):
    return int.from_bytes(v.to_bytes(8, "little"), "big")


def debugger_data(space, at, kernel):
    """KDDEBUGGER_DATA64's bytes: as they are, or found out by what is known of them: the base of the kernel at 0x18."""
    raw = space.read(at, 0x400)
    if raw[0x10:0x14] == b"KDBG":
        return raw[:int.from_bytes(raw[0x14:0x18], "little")], False
    words = struct.unpack("<128Q", raw)
    for n in range(64):
        plain = [swap(rol(words[3] ^ w, n)) ^ kernel for w in words]
        size = plain[2] >> 32
        if plain[2] & 0xffffffff == 0x4742444b and 0x290 <= size <= 0x400:
            return struct.pack("<128Q", *plain)[:size], True
    raise Wrong("KDBG is neither plain nor encoded")
