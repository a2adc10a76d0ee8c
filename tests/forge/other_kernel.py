# SPDX-License-Identifier: MIT
"""What readers that know symbol tables (Volatility's format) take out of a kernel's memory: the tables alone say where names
are and how structures are laid out.

Each function is what one of their commands goes by: which lists, which members, which bits are cut off, which checks a thing
that was found has to pass. Standard library only.
"""
import json
import lzma
import struct

from other_layers import Flat

VALID_YEARS = range(1999, 2030)
PROTECTIONS = ((0x01, "NOACCESS"), (0x02, "READONLY"), (0x04, "READWRITE"), (0x08, "WRITECOPY"), (0x10, "EXECUTE"),
               (0x20, "EXECUTE_READ"), (0x40, "EXECUTE_READWRITE"), (0x80, "EXECUTE_WRITECOPY"), (0x100, "GUARD"),
               (0x200, "NOCACHE"), (0x400, "WRITECOMBINE"))
HEADERS = ("CREATOR_INFO", "NAME_INFO", "HANDLE_INFO", "QUOTA_INFO", "PROCESS_INFO", "AUDIT_INFO", "EXTENDED_INFO",
           "HANDLE_REVOCATION_INFO", "PADDING_INFO")


class Table:
    """A symbol table in JSON, packed by xz."""

    def __init__(self, path):
        with lzma.open(path) as f:
            table = json.load(f)
        self.symbols, self.types = table["symbols"], table["user_types"]
        self.bases, self.enums = table["base_types"], table["enums"]
        self.windows = table["metadata"]["windows"]["pdb"]

    def has(self, name, member=None):
        return name in (self.types if member else self.symbols) and (not member or member in self.types[name]["fields"])

    def size(self, name):
        return self.types[name]["size"]

    def field(self, name, path):
        """(offset, type) of a member of a member."""
        offset, parts = 0, path.split(".")
        for i, part in enumerate(parts):
            member = self.types[name]["fields"][part]
            offset += member["offset"]
            if i + 1 < len(parts):
                name = member["type"]["name"]
        return offset, member["type"]

    def width(self, kind):
        if kind["kind"] == "pointer":
            return self.bases["pointer"]["size"]
        if kind["kind"] == "enum":
            return self.bases[self.enums[kind["name"]]["base"]]["size"]
        return self.bases[kind["name"]]["size"] if kind["kind"] == "base" else self.size(kind["name"])


class Kernel:
    """A kernel at BASE of a space, by its table."""

    def __init__(self, space, base, table):
        self.space, self.base, self.table = space, base, table
        self.mask = (1 << 48) - 1 if space.pointer == 8 else (1 << 32) - 1
        self.is10 = table.has("ObHeaderCookie")
        self.is8 = not table.has("_HANDLE_TABLE", "HandleCount")

    def symbol(self, name):
        return self.base + self.table.symbols[name]["address"]

    def get(self, kind, at, path, space=None):
        """A number; of what is none (structures, arrays) the address."""
        offset, found = self.table.field(kind, path)
        at += offset
        if found["kind"] == "bitfield":
            value = (space or self.space).number(at, self.table.width(found["type"]))
            return value >> found["bit_position"] & (1 << found["bit_length"]) - 1
        if found["kind"] in ("base", "pointer", "enum"):
            return (space or self.space).number(at, self.table.width(found))
        return at

    def either(self, kind, at, *paths, space=None):
        for path in paths:
            try:
                return self.get(kind, at, path, space)
            except KeyError:
                pass
        raise KeyError(paths)

    def string(self, at, space=None):
        """A UNICODE_STRING's text."""
        space = space or self.space
        return space.read(space.number(at + space.pointer), space.number(at, 2)).decode("utf-16-le")

    def items(self, head, kind, link, space=None):
        """Structures on a list, until an entry that was there."""
        space, (offset, _) = space or self.space, self.table.field(kind, link)
        seen, at = {head}, space.number(head)
        while at not in seen and space.is_valid(at - offset):
            seen.add(at)
            yield at - offset
            at = space.number(at)


# ---- info ----

def rol(v, n):
    return (v << n | v >> 64 - n) & 0xffffffffffffffff if n else v


def debugger_data(k):
    """The block as it is, or decoded by two values and the address of the flag that says it is encoded."""
    at = k.symbol("KdDebuggerDataBlock")
    raw = k.space.read(at, 0x400)
    if raw[0x10:0x14] != b"KDBG" and k.table.has("KdpDataBlockEncoded"):
        never, always = k.space.number(k.symbol("KiWaitNever")), k.space.number(k.symbol("KiWaitAlways"))
        flag = k.symbol("KdpDataBlockEncoded") | 0xffff000000000000
        plain = [int.from_bytes((rol(w ^ never, never & 63) ^ flag).to_bytes(8, "big"), "little") ^ always
                 for w in struct.unpack("<128Q", raw)]
        raw = struct.pack("<128Q", *plain)
    return raw[:int.from_bytes(raw[0x14:0x18], "little")] if raw[0x10:0x14] == b"KDBG" else None


def info(k):
    data, version, shared = debugger_data(k), k.symbol("KdVersionBlock"), 0xfffff78000000000
    lab = k.space.read(struct.unpack_from("<Q", data, 0x208)[0], 32).split(b"\0")[0].decode()
    nt = k.base + k.space.number(k.base + 0x3c, 4)
    return {"lab": lab, "csd": k.space.number(struct.unpack_from("<Q", data, 0x268)[0], 4) >> 8, "size": len(data),
            "base": struct.unpack_from("<Q", data, 0x18)[0] & k.mask,
            "major": k.get("_DBGKD_GET_VERSION64", version, "MajorVersion"),
            "minor": k.get("_DBGKD_GET_VERSION64", version, "MinorVersion"),
            "machine": k.get("_DBGKD_GET_VERSION64", version, "MachineType"),
            "processors": k.space.number(k.symbol("KeNumberProcessors"), 4),
            "time": k.get("_KUSER_SHARED_DATA", shared, "SystemTime.LowPart") |
            k.get("_KUSER_SHARED_DATA", shared, "SystemTime.High1Time") << 32,
            "root": k.space.read(k.get("_KUSER_SHARED_DATA", shared, "NtSystemRoot"), 260).decode("utf-16-le").split("\0")[0],
            "product": k.get("_KUSER_SHARED_DATA", shared, "NtProductType"),
            "nt": (k.get("_KUSER_SHARED_DATA", shared, "NtMajorVersion"), k.get("_KUSER_SHARED_DATA", shared, "NtMinorVersion")),
            "pe": (k.space.number(nt + 4, 2), k.space.number(nt + 8, 4))}


# ---- processes and threads ----

def year(filetime):
    return 1601 + filetime / 10000000 / 31556952


def name_of(k, process, read=None):
    at, (_, kind) = k.get("_EPROCESS", process, "ImageFileName"), k.table.field("_EPROCESS", "ImageFileName")
    return (read or k.space.read)(at, kind["count"]).split(b"\0")[0].decode("latin-1")


def root_of(k, process):
    return k.space.number(process + k.table.field("_KPROCESS", "DirectoryTableBase")[0])


def is_process(k, at):
    """Passes for a process where something was found that has the right tag."""
    name, pid = name_of(k, at), k.get("_EPROCESS", at, "UniqueProcessId")
    created = k.space.number(k.get("_EPROCESS", at, "CreateTime"), 8)
    if not name or pid % 4 or not root_of(k, at) & ~0xfff:
        return False
    return (name == "System" and pid == 4) or (created and int(year(created)) in VALID_YEARS)


def is_thread(k, at):
    pid, tid = k.get("_ETHREAD", at, "Cid.UniqueProcess"), k.get("_ETHREAD", at, "Cid.UniqueThread")
    created = k.space.number(k.get("_ETHREAD", at, "CreateTime"), 8)
    return not pid % 4 and not tid % 4 and (pid == 4 or int(year(created)) in VALID_YEARS)


def row(k, process):
    """What lists of processes show."""
    table = k.get("_EPROCESS", process, "ObjectTable")
    count = None
    if table and k.table.has("_HANDLE_TABLE", "HandleCount"):
        count = k.get("_HANDLE_TABLE", table, "HandleCount")
    return {"address": process, "pid": k.get("_EPROCESS", process, "UniqueProcessId"),
            "ppid": k.get("_EPROCESS", process, "InheritedFromUniqueProcessId"), "name": name_of(k, process),
            "threads": k.get("_EPROCESS", process, "ActiveThreads"), "handles": count,
            "wow64": k.either("_EPROCESS", process, "Wow64Process", "WoW64Process") != 0,
            "created": k.space.number(k.get("_EPROCESS", process, "CreateTime"), 8), "root": root_of(k, process)}


def processes(k):
    return [row(k, p) for p in k.items(k.symbol("PsActiveProcessHead"), "_EPROCESS", "ActiveProcessLinks")]


def threads(k, process):
    head = k.get("_EPROCESS", process, "ThreadListHead")
    return [(t, k.get("_ETHREAD", t, "Cid.UniqueProcess"), k.get("_ETHREAD", t, "Cid.UniqueThread"))
            for t in k.items(head, "_ETHREAD", "ThreadListEntry")]


def modules(k):
    kind = "_KLDR_DATA_TABLE_ENTRY" if "_KLDR_DATA_TABLE_ENTRY" in k.table.types else "_LDR_DATA_TABLE_ENTRY"
    return [(k.get(kind, m, "DllBase"), k.get(kind, m, "SizeOfImage"), k.string(k.get(kind, m, "BaseDllName")),
             k.string(k.get(kind, m, "FullDllName")))
            for m in k.items(k.symbol("PsLoadedModuleList"), kind, "InLoadOrderLinks")]


# ---- objects and handles ----

def object_types(k):
    """Names by index; the table ends at the first zero behind its first entry."""
    types, table = {}, k.symbol("ObTypeIndexTable")
    for i in range(100):
        at = k.space.number(table + i * k.space.pointer)
        if i and not at:
            break
        try:
            types[i] = k.string(k.get("_OBJECT_TYPE", at, "Name"))
        except LookupError:
            continue
    return types


def type_of(k, header, types):
    index = k.get("_OBJECT_HEADER", header, "TypeIndex")
    if k.is10:
        index = (header >> 8 ^ k.space.number(k.symbol("ObHeaderCookie"), 4) ^ index) & 0xff
    return types.get(index)


def object_name(k, header):
    """By the sum of what stands before the header: the kernel has a table of them."""
    mask = k.get("_OBJECT_HEADER", header, "InfoMask")
    if not mask & 2:
        return None
    at = header - k.space.number(k.symbol("ObpInfoMaskToOffset") + (mask & 3), 1)
    return k.string(k.get("_OBJECT_HEADER_NAME_INFO", at, "Name"))


def shift_of_entries(k):
    """The first sar of a function that takes an entry of a handle table apart (48 c1 f8+reg N)."""
    code = k.space.read(k.symbol("ObpCaptureHandleInformationEx"), 0x200)
    at = next((i for i in range(len(code) - 3) if code[i] in (0x48, 0x49) and code[i + 1] == 0xc1
               and code[i + 2] & 0xf8 == 0xf8), None)
    return None if at is None else code[at + 3]


def header_of(k, entry):
    """(header, access) of an entry; None when it is free."""
    kind = "_HANDLE_TABLE_ENTRY"
    if not k.is8:
        at = k.get(kind, entry, "Object") & ~7
        return (at, k.get(kind, entry, "GrantedAccess")) if at and k.space.is_valid(at) else None
    low = k.get(kind, entry, "LowValue")
    if not low:
        return None
    return (low & ~7) >> shift_of_entries(k) & k.mask, k.get(kind, entry, "GrantedAccessBits")


def table_entries(k, at, level, depth=0):
    size = k.table.size("_HANDLE_TABLE_ENTRY")
    if level:
        for i in range(0x1000 // k.space.pointer):
            below = k.space.number(at + i * k.space.pointer)
            if below and k.space.is_valid(below):
                yield from table_entries(k, below, level - 1, depth * (0x1000 // k.space.pointer) + i)
        return
    for i in range(0x1000 // size):
        yield (depth * (0x1000 // size) + i) * 4, at + i * size


def handles(k, process, types):
    code = k.get("_HANDLE_TABLE", k.get("_EPROCESS", process, "ObjectTable"), "TableCode")
    out, body = [], k.table.field("_OBJECT_HEADER", "Body")[0]
    for handle, entry in table_entries(k, code & ~7, code & 7):
        found = header_of(k, entry)
        if not found or not k.space.is_valid(found[0]) or not k.get("_OBJECT_HEADER", found[0], "TypeIndex"):
            continue
        out.append((handle, found[0] + body & k.mask, type_of(k, found[0], types), found[1], object_name(k, found[0])))
    return out


# ---- pool ----

def optional_headers(k):
    return [k.table.size("_OBJECT_HEADER_" + h) for h in HEADERS if "_OBJECT_HEADER_" + h in k.table.types]


def body_in_block(k, header, kind, valid, types, wanted):
    """The object of a block: since 8 the first place where a header fits, before counted from the block's end."""
    block = k.get("_POOL_HEADER", header, "BlockSize") * 16
    body = k.table.field("_OBJECT_HEADER", "Body")[0]
    if not k.is8:
        at = header + block - (k.table.size(kind) + 15 & ~15)
        return at if valid(k, at) else None
    start = header + k.table.size("_POOL_HEADER")
    for offset in range(0, min(sum(optional_headers(k)), block), 16):
        count = k.get("_OBJECT_HEADER", start + offset, "PointerCount")
        if count >= 0x1000000:
            continue
        at = start + offset + body
        if valid(k, at) and type_of(k, start + offset, types) == wanted:
            return at
    return None


def pool_scan(k, tag, kind, wanted, valid, smallest, types):
    """Objects by the tags of their blocks: in the kernel's addresses since 10, before in physical memory."""
    offset, found = k.table.field("_POOL_HEADER", "PoolTag")[0], []
    tag = tag if k.is8 else tag[:3] + bytes([tag[3] | 0x80])
    if not k.is10:
        k = Kernel(Flat(k.space.layer), k.base, k.table)
    for hit in k.space.find(tag, 0xffff800000000000 & k.mask if k.is10 else 0, 1 << 48):
        header = hit - offset
        if header % 16 or k.get("_POOL_HEADER", header, "BlockSize") * 16 < smallest:
            continue
        try:
            at = body_in_block(k, header, kind, valid, types, wanted)
        except LookupError:
            continue
        if at:
            found.append(at)
    return found


def big_pools(k):
    table = k.space.number(k.symbol("PoolBigPageTable"))
    count = k.space.number(k.symbol("PoolBigPageTableSize"), 4)
    kind, out = "_POOL_TRACKER_BIG_PAGES", []
    for i in range(count):
        at = table + i * k.table.size(kind)
        if k.get(kind, at, "Key") and not k.get(kind, at, "Va") & 1:
            out.append((k.get(kind, at, "Va"), k.get(kind, at, "Key").to_bytes(4, "little").decode("latin-1"),
                        k.get(kind, at, "NumberOfBytes")))
    return out


# ---- a process from inside ----

def tag_before(k, at):
    try:
        return k.space.read(at - 12, 4)
    except LookupError:
        return None


def vad_nodes(k, at, depth=0, seen=None):
    """Nodes whose pool tag says that they are VADs; the root may lack it."""
    seen = set() if seen is None else seen
    if not at or at in seen or depth > 100 or not k.space.is_valid(at):
        return
    seen.add(at)
    tag = tag_before(k, at)
    if tag in (b"VadS", b"VadF"):
        yield at, "_MMVAD_SHORT"
    elif tag and tag.startswith(b"Vad"):
        yield at, "_MMVAD"
    elif depth:
        return
    left, right = ("VadNode.Left", "VadNode.Right") if k.table.has("_MMVAD_SHORT", "VadNode") else ("LeftChild", "RightChild")
    yield from vad_nodes(k, k.get("_MMVAD_SHORT", at, left), depth + 1, seen)
    yield from vad_nodes(k, k.get("_MMVAD_SHORT", at, right), depth + 1, seen)


def vads(k, process):
    """(start, end, kind, protection, committed pages, private, file)"""
    root = k.get("_EPROCESS", process, "VadRoot")
    start = root if not k.table.has("_RTL_AVL_TREE", "Root") else k.space.number(root)
    values = k.symbol("MmProtectToValue")
    for at, kind in vad_nodes(k, start):
        pre = "" if k.table.has(kind, "StartingVpn") else "Core."
        first, last = k.get(kind, at, pre + "StartingVpn"), k.get(kind, at, pre + "EndingVpn")
        try:
            first |= k.get(kind, at, pre + "StartingVpnHigh") << 32
            last |= k.get(kind, at, pre + "EndingVpnHigh") << 32
        except KeyError:
            pass
        value = k.space.number(values + 4 * k.get(kind, at, pre + "u.VadFlags.Protection"), 4)
        commit = k.either(kind, at, pre + "u1.VadFlags1.CommitCharge", pre + "u.VadFlags.CommitCharge")
        private = k.either(kind, at, pre + "u1.VadFlags1.PrivateMemory", pre + "u.VadFlags.PrivateMemory")
        file = None
        if kind == "_MMVAD":
            area = k.get("_SUBSECTION", k.get(kind, at, "Subsection"), "ControlArea")
            pointer = k.space.number(k.get("_CONTROL_AREA", area, "FilePointer")) & ~15
            file = k.string(k.get("_FILE_OBJECT", pointer, "FileName")) if pointer else None
        yield first << 12, (last + 1 << 12) - 1, kind, "|".join(n for m, n in PROTECTIONS if value & m), commit, private, file


def own_space(k, process):
    return type(k.space)(k.space.layer, k.space.mode, root_of(k, process))


def libraries(k, process):
    space, peb = own_space(k, process), k.get("_EPROCESS", process, "Peb")
    if not peb or not space.is_valid(peb):
        return []
    head = k.get("_PEB_LDR_DATA", k.get("_PEB", peb, "Ldr", space), "InLoadOrderModuleList", space)
    kind = "_LDR_DATA_TABLE_ENTRY"
    return [(k.get(kind, m, "DllBase", space), k.get(kind, m, "SizeOfImage", space),
             k.string(k.get(kind, m, "FullDllName", space), space))
            for m in k.items(head, kind, "InLoadOrderLinks", space)]


def command_line(k, process):
    space, peb = own_space(k, process), k.get("_EPROCESS", process, "Peb")
    parameters = k.get("_PEB", peb, "ProcessParameters", space)
    return k.string(k.get("_RTL_USER_PROCESS_PARAMETERS", parameters, "CommandLine", space), space)
