# SPDX-License-Identifier: MIT
"""The least that a reader in Python pays for the lists of a kernel: a floor to measure against.

The ways are those that readers of memory in Python go (docs/design/other-readers.md): page tables, the kernel's lists by the
offsets of its symbol table, the handle tables, the table of large allocations, a search for a tag. What such readers have on
top is left out: no layers, no objects, no types that are looked up while reading, no output. The file is a mapping; a dictionary
says where in it a page of virtual memory lies; a structure is one struct.unpack_from of the members that are wanted, whose
offsets are known before. So a framework in Python cannot do the same in less, and most need many times as much.

This is not Volatility, and no measure of it. Standard library only.
"""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "forge"))
import other_kernel  # noqa: E402
import other_layers  # noqa: E402

PAGE = 0x1000
FRAME = 0xffffffffff000  # of an entry in a page table
KERNEL = 0xffff000000000000
CHUNK = 1 << 20
TABLE = struct.Struct("<512Q").unpack
CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


def frames(file):
    """{page frame: place in the file} of a kernel dump of Windows 8 or later: types 5, 6 and 7."""
    other_layers.need(file.at(0, 8) == b"PAGEDU64" and file.number(0xf98, 4) in (5, 6, 7), "no kernel dump with a bitmap")
    place, bits = file.number(0x2020, 8), file.number(0x2030, 8)
    out = {}
    for index, byte in enumerate(file.at(0x2038, (bits + 7) // 8)):
        while byte:
            low = byte & -byte
            out[index * 8 + low.bit_length() - 1] = place
            place += PAGE
            byte ^= low
    return out


class Opened:
    """What is known before anything is measured: where memory lies in the file, the page tables, the kernel, its symbols."""

    def __init__(self, path, table, base):
        file = other_layers.File(path)
        self.frames = frames(file)
        self.path, self.table, self.base = path, table, base
        self.root = file.number(0x10, 8) & FRAME  # DirectoryTableBase of the header
        self.shapes = {}

    def symbol(self, name):
        return self.base + self.table.symbols[name]["address"]

    def offset(self, kind, path):
        return self.table.field(kind, path)[0]

    def shape(self, kind, *paths):
        """The members PATHS of a structure; "a:15s" gives a member the form 15s of the struct module."""
        key = (kind, *paths)
        if key not in self.shapes:
            self.shapes[key] = Shape([self.member(kind, path) for path in paths])
        return self.shapes[key]

    def member(self, kind, path):
        path, _, code = path.partition(":")
        offset, found = self.table.field(kind, path)
        return offset, code or CODES[self.table.width(found["type"] if found["kind"] == "bitfield" else found)]

    def bits(self, kind, path):
        """(shift, mask) of a bit field in the word that it is a part of."""
        found = self.table.field(kind, path)[1]
        return found["bit_position"], (1 << found["bit_length"]) - 1


class Shape:
    """Members that are taken out of memory by one call: (offset, code) in any order, given back in that order."""

    def __init__(self, members):
        order = sorted(range(len(members)), key=lambda i: members[i][0])
        self.low = at = members[order[0]][0]
        code = "<"
        for i in order:
            offset, kind = members[i]
            code += f"{offset - at}x{kind}" if offset > at else kind
            at = offset + struct.calcsize("<" + kind)
        self.struct = struct.Struct(code)
        # Where the wanted members stand among those that come out of memory; None: as they come.
        self.places = None if order == sorted(order) else tuple(order.index(i) for i in range(len(members)))


class Memory:
    """Virtual memory, opened anew for each job: nothing is known of any page. A page is read once and kept, by its number: that
    costs half of what touching it in a mapping costs."""

    def __init__(self, opened):
        self.root, self.frames = opened.root, opened.frames
        self.file = open(opened.path, "rb", buffering=0)
        self.pages, self.tables = {}, {}

    def close(self):
        self.file.close()

    def frame(self, number):
        """The bytes of a page of physical memory."""
        return os.pread(self.file.fileno(), PAGE, self.frames[number])

    def table(self, number):
        """The entries of a page table."""
        found = self.tables.get(number)
        if not found:
            found = self.tables[number] = TABLE(self.frame(number))
        return found

    def page_frame(self, number):
        """The frame of a page of virtual memory."""
        at = self.root >> 12
        for shift in (27, 18, 9, 0):
            value = self.table(at)[number >> shift & 511]
            if not value & 1 and (shift or value & 0xc00 != 0x800):  # neither valid nor in transition
                raise LookupError(f"page {number:#x} is not mapped")
            at = (value & FRAME) >> 12
            if shift and value & 0x80:
                return at & -1 << shift | number & (1 << shift) - 1
        return at

    def walk(self, number):
        """The bytes of a page that was not met before."""
        found = self.pages[number] = self.frame(self.page_frame(number))
        return found

    def read(self, va, size):
        """Bytes, also across pages."""
        out = []
        while size > 0:
            number, inside = va >> 12, va & PAGE - 1
            out.append((self.pages.get(number) or self.walk(number))[inside:inside + size])
            va, size = va + PAGE - inside, size - (PAGE - inside)
        return b"".join(out)

    def number(self, va, size=8):
        return int.from_bytes(self.read(va, size), "little")

    def reader(self, shape):
        """A function that gives the members of SHAPE of the structure at an address."""
        pages, walk, read = self.pages.get, self.walk, self.read
        low, unpack, size, places = shape.low, shape.struct.unpack_from, shape.struct.size, shape.places
        last = PAGE - size

        def get(va):
            va += low
            inside = va & 0xfff
            if inside > last:
                return unpack(read(va, size))
            number = va >> 12
            return unpack(pages(number) or walk(number), inside)

        def get_ordered(va):
            got = get(va)
            return tuple([got[i] for i in places])

        return get_ordered if places else get

    def string(self, size, at):
        """The text of a UNICODE_STRING."""
        return self.read(at, size).decode("utf-16-le") if size else ""


def follow(get, head, offset, first):
    """Structures on a list: GET gives the link first, then what is wanted; FIRST is the head's link."""
    seen, link = {head}, first
    while link not in seen:
        seen.add(link)
        row = get(link - offset)
        yield link - offset, row
        link = row[0]


# ---- processes, threads, modules ----

def processes(o, m):
    """(address, pid, parent, name, threads, created, ended)"""
    kind, head = "_EPROCESS", o.symbol("PsActiveProcessHead")
    get = m.reader(o.shape(kind, "ActiveProcessLinks:Q", "UniqueProcessId", "InheritedFromUniqueProcessId", "ImageFileName:15s",
                           "ActiveThreads", "CreateTime:Q", "ExitTime:Q"))
    rows = follow(get, head, o.offset(kind, "ActiveProcessLinks"), m.number(head))
    return [(at, pid, parent, name.split(b"\0", 1)[0].decode("latin-1"), threads, created, ended)
            for at, (_, pid, parent, name, threads, created, ended) in rows]


def threads(o, m):
    """(address, pid, tid, start, start in Win32, created, ended)"""
    process, thread, head = "_EPROCESS", "_ETHREAD", o.symbol("PsActiveProcessHead")
    owner = m.reader(o.shape(process, "ActiveProcessLinks:Q", "ThreadListHead:Q"))
    get = m.reader(o.shape(thread, "ThreadListEntry:Q", "Cid.UniqueProcess", "Cid.UniqueThread", "StartAddress",
                           "Win32StartAddress", "CreateTime:Q", "ExitTime:Q"))
    lists, link, out = o.offset(process, "ThreadListHead"), o.offset(thread, "ThreadListEntry"), []
    for at, (_, first) in follow(owner, head, o.offset(process, "ActiveProcessLinks"), m.number(head)):
        out.extend([(a, *row[1:]) for a, row in follow(get, at + lists, link, first)])
    return out


def modules(o, m):
    """(base, size, name, path)"""
    kind, head, string = "_KLDR_DATA_TABLE_ENTRY", o.symbol("PsLoadedModuleList"), m.string
    get = m.reader(o.shape(kind, "InLoadOrderLinks:Q", "DllBase", "SizeOfImage", "BaseDllName.Length", "BaseDllName.Buffer",
                           "FullDllName.Length", "FullDllName.Buffer"))
    return [(base, size, string(n, name), string(p, path)) for _, (_, base, size, n, name, p, path) in
            follow(get, head, o.offset(kind, "InLoadOrderLinks"), m.number(head))]


# ---- handles ----

def object_types(o, m):
    """Names by index; the table ends at the first zero behind its first entry."""
    table, names = o.symbol("ObTypeIndexTable"), {}
    name = m.reader(o.shape("_OBJECT_TYPE", "Name.Length", "Name.Buffer"))
    for index in range(2, 256):
        at = m.number(table + index * 8)
        if not at:
            break
        names[index] = m.string(*name(at))
    return names


def handle_pages(m, code, base=0):
    """(first entry's number, page) of a table with as many levels as its code says."""
    level, at = code & 3, code & ~7
    if not level:
        yield base, m.read(at, PAGE)
        return
    for i, below in enumerate(TABLE(m.read(at, PAGE))):
        if below:
            yield from handle_pages(m, below & ~7 | level - 1, base + i * 256 * 512 ** (level - 1))


def handles(o, m):
    """(process, handle, object, type, access, name) of all processes."""
    kind, head = "_EPROCESS", o.symbol("PsActiveProcessHead")
    owner = m.reader(o.shape(kind, "ActiveProcessLinks:Q", "ObjectTable"))
    code = m.reader(o.shape("_HANDLE_TABLE", "TableCode"))
    header = m.reader(o.shape("_OBJECT_HEADER", "TypeIndex", "InfoMask"))
    named = m.reader(o.shape("_OBJECT_HEADER_NAME_INFO", "Name.Length", "Name.Buffer"))
    cookie, body, types = m.number(o.symbol("ObHeaderCookie"), 4), o.offset("_OBJECT_HEADER", "Body"), object_types(o, m)
    before = m.read(o.symbol("ObpInfoMaskToOffset"), 4)  # of the two lowest headers, in bytes
    shift, mask = o.bits("_HANDLE_TABLE_ENTRY", "ObjectPointerBits")
    access = o.bits("_HANDLE_TABLE_ENTRY", "GrantedAccessBits")[1]
    entries, out = struct.Struct("<QQ").iter_unpack, []
    for at, (_, table) in follow(owner, head, o.offset(kind, "ActiveProcessLinks"), m.number(head)):
        if not table:
            continue
        for first, page in handle_pages(m, code(table)[0]):
            for i, (low, high) in enumerate(entries(page), first):
                if not low:
                    continue
                where = (low >> shift & mask) << 4 | KERNEL
                index, info = header(where)
                name = m.string(*named(where - before[info & 3])) if info & 2 else None
                out.append((at, i * 4, where + body, types.get((where >> 8 ^ cookie ^ index) & 0xff), high & access, name))
    return out


# ---- pool ----

def big_pools(o, m):
    """(address, tag, bytes) of large allocations."""
    kind = "_POOL_TRACKER_BIG_PAGES"
    table, count = m.number(o.symbol("PoolBigPageTable")), m.number(o.symbol("PoolBigPageTableSize"))
    size, shape = o.table.size(kind), o.shape(kind, "Va", "Key", "NumberOfBytes")
    if shape.low or shape.places:
        raise LookupError(f"{kind} is not laid out as it was thought")
    rows = struct.Struct(f"{shape.struct.format}{size - shape.struct.size}x").iter_unpack(m.read(table, count * size))
    return [(va, key, length) for va, key, length in rows if key and not va & 1 and va]


def mapped(m, start, end, table=None, shift=27, above=KERNEL >> 12):
    """(number, frame) of each page that is mapped in a range of the kernel's half; START and END are numbers, too."""
    entries, step = m.table(m.root >> 12 if table is None else table), 1 << shift
    first = max(start - above, 0) >> shift
    for i in range(first, min(512, (end - above - 1 >> shift) + 1)):
        value, here = entries[i], above + (i << shift)
        if not value & 1 and (shift or value & 0xc00 != 0x800):
            continue
        at = (value & FRAME) >> 12
        if not shift:
            yield here, at
        elif value & 0x80:
            yield from zip(range(here, here + step), range(at & -step, (at & -step) + step))
        elif at != m.root >> 12:  # the tables' own window
            yield from mapped(m, start, end, at, shift - 9, here)


def stretches(places):
    """(place, bytes) of pages in the order of the file, put together where they lie side by side, CHUNK at most."""
    at = size = 0
    for place in places:
        if place == at + size and size < CHUNK:
            size += PAGE
            continue
        if size:
            yield at, size
        at, size = place, PAGE
    if size:
        yield at, size


def pool_search(o, m, tag, start, end):
    """Addresses behind the headers of blocks in use with TAG: a possible size, type and place in the page."""
    pages = {m.frames[frame]: number for number, frame in mapped(m, start >> 12, end >> 12) if frame in m.frames}
    out, read, fd = [], struct.Struct("<4B").unpack_from, m.file.fileno()
    offset = o.offset("_POOL_HEADER", "PoolTag")
    for place, size in stretches(sorted(pages)):
        piece = os.pread(fd, size, place)
        hit = piece.find(tag)
        while hit >= 0:
            header = hit - offset
            if not header & 15:
                before, _, blocks, kind = read(piece, header)
                inside = header & 0xfff
                if 1 < blocks and inside + blocks * 16 <= PAGE and before * 16 <= inside and kind & 2 and kind < 0x80:
                    out.append((pages[place + header - inside] << 12) + inside + 16)
            hit = piece.find(tag, hit + 1)
    out.sort()
    return out


# ---- VADs ----

def vads(o, m, process):
    """(address, first page, last page, protection, committed pages, private, file) of a process."""
    short, full = "_MMVAD_SHORT", "_MMVAD"
    get = m.reader(o.shape(short, "VadNode.Left", "VadNode.Right", "StartingVpn", "EndingVpn", "StartingVpnHigh", "EndingVpnHigh",
                           "u.LongFlags", "u1.LongFlags1"))
    area = m.reader(o.shape(full, "Subsection"))
    control = m.reader(o.shape("_SUBSECTION", "ControlArea"))
    file = m.reader(o.shape("_CONTROL_AREA", "FilePointer.Value"))
    name = m.reader(o.shape("_FILE_OBJECT", "FileName.Length", "FileName.Buffer"))
    protection, protections = o.bits(short, "u.VadFlags.Protection")
    private, commit = o.bits(short, "u.VadFlags.PrivateMemory")[0], o.bits(short, "u1.VadFlags1.CommitCharge")[1]
    out, left = [], [m.number(process + o.offset("_EPROCESS", "VadRoot"))]
    while left:
        at = left.pop()
        if not at:
            continue
        less, more, first, last, first_high, last_high, flags, flags1 = get(at)
        left += (less, more)
        text = None
        if not flags >> private & 1:
            found = file(control(area(at)[0])[0])[0] & ~15
            text = m.string(*name(found)) if found else None
        out.append((at, first | first_high << 32, last | last_high << 32, flags >> protection & protections, flags1 & commit,
                    flags >> private & 1, text))
    return out
