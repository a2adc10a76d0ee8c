#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes data/layouts/*.tsv from published fact tables. Run once; afterwards the TSVs are the source.

    scripts/layouts_import.py FACTS_FOLDER ISF_FOLDER

FACTS_FOLDER holds nt-structs-xp-w10.tsv (one column a build: offsets and sizes) and structs-w10-w11.tsv (a listing of
Windows 10 and 11 structures, kernel and drivers); ISF_FOLDER Volatility tables with their INDEX.tsv. Offsets and sizes
come from the first; the listing adds what the first lacks (build 22000, the filter manager, NDIS). The tables give the
types of fields, some structures that both lack, confirm the listing, and say which structures changed within a build.
Python 3 standard library only.
"""
import collections
import glob
import json
import lzma
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# column of nt-structs-xp-w10.tsv -> (file, CPU, build)
BUILDS = {
    "xp_sp3_x86": ("xp-2600-x86", "x86", 2600),
    "ws03_sp2_x64": ("ws03-3790-x64", "x64", 3790),
    "vista_sp2_x64": ("vista-6002-x64", "x64", 6002),
    "win7_sp1_x86": ("win7-7601-x86", "x86", 7601),
    "win7_sp1_x64": ("win7-7601-x64", "x64", 7601),
    "win8_sp0_x64": ("win8-9200-x64", "x64", 9200),
    "win81_u1_x64": ("win81-9600-x64", "x64", 9600),
    "w10_10240_x64": ("w10-10240-x64", "x64", 10240),
    "w10_14393_x64": ("w10-14393-x64", "x64", 14393),
    "w10_15063_x64": ("w10-15063-x64", "x64", 15063),
    "w10_16299_x64": ("w10-16299-x64", "x64", 16299),
    "w10_17134_x64": ("w10-17134-x64", "x64", 17134),
    "w10_17763_x64": ("w10-17763-x64", "x64", 17763),
    "w10_18362_x64": ("w10-18362-x64", "x64", 18362),
    "w10_19041_x64": ("w10-19041-x64", "x64", 19041),
    "w10_19041_x86": ("w10-19041-x86", "x86", 19041),
    "w11_22000_x64": ("w11-22000-x64", "x64", 22000),
}
# build -> column of structs-w10-w11.tsv (counted behind the type)
LISTING = {14393: 0, 19041: 1, 22000: 3}
# Folders of the listing whose structures no table of the kernel has, and which of them debuggers look into.
DRIVERS = {"fltmgr": r".", "ndis": r"BLOCK|NET_BUFFER|_POOL|TRACKER|NDIS_OPEN|OBJECT_HEADER|REFERENCE|TIMER|PACKET|"
                                   r"SPIN_LOCK|NBL|OID_REQUEST|DRIVER|RW_LOCK|SG_LIST"}
SCALARS = {"ulong": "Uint4B", "uchar": "UChar", "ulong long": "Uint8B", "ushort": "Uint2B", "long": "Int4B",
           "long long": "Int8B", "short": "Int2B", "char": "Char", "wchar": "Wchar", "void": "Void"}
BASE = {"unsigned long": "Uint4B", "unsigned char": "UChar", "unsigned long long": "Uint8B", "unsigned short": "Uint2B",
        "long": "Int4B", "int": "Int4B", "unsigned int": "Uint4B", "long long": "Int8B", "short": "Int2B",
        "char": "Char", "wchar": "Wchar", "void": "Void", "double": "Double", "f32": "Float", "HRESULT": "HRESULT"}
SIZES = {"Uint4B": 4, "UChar": 1, "Uint8B": 8, "Uint2B": 2, "Int4B": 4, "Int8B": 8, "Int2B": 2, "Char": 1, "Wchar": 2,
         "Double": 8, "Float": 4, "HRESULT": 4}
LISTED = {"uint8_t": "UChar", "uint16_t": "Uint2B", "uint32_t": "Uint4B", "uint64_t": "Uint8B", "int8_t": "Char",
          "int16_t": "Int2B", "int32_t": "Int4B", "int64_t": "Int8B", "char": "Char", "bool": "UChar",
          "wchar_t": "Wchar", "nt::list_entry_t": "_LIST_ENTRY", "nt::unicode_view": "_UNICODE_STRING",
          "nt::guid_t": "_GUID", "nt::kevent_t": "_KEVENT", "ex::push_lock_t": "_EX_PUSH_LOCK",
          "nt::single_list_entry_t": "_SINGLE_LIST_ENTRY", "nt::luid_t": "_LUID", "nt::kdpc_t": "_KDPC",
          "nt::ktimer_t": "_KTIMER", "nt::work_queue_item_t": "_WORK_QUEUE_ITEM"}

Field = collections.namedtuple("Field", "offset bit bits type")


def rows_of(path):
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t") for line in f]


def place(text):
    """"248:3-5" -> (0x248, 3, 3)"""
    m = re.fullmatch(r"([0-9a-f]+)(?::(\d+)(?:-(\d+))?)?", text)
    first = int(m[2]) if m[2] else None
    bits = (int(m[3]) - first + 1 if m[3] else 1) if m[2] else None
    return int(m[1], 16), first, bits


class Table:
    """The types of one Volatility table."""

    def __init__(self, path, version):
        with lzma.open(path) as f:
            data = json.load(f)
        self.version, self.types, self.enums = version, data["user_types"], data["enums"]

    def text(self, t):
        kind = t["kind"]
        if kind == "base":
            return BASE[t["name"]]
        if kind in ("pointer", "array"):
            inner = self.text(t["subtype"])
            if kind == "pointer":
                return "*Void" if inner.endswith("?") else "*" + inner
            return "?" if inner == "?" else f"[{t['count']}]" + inner
        if kind == "bitfield":
            return self.text(t["type"])
        if kind == "enum":
            return {1: "UChar", 2: "Uint2B", 8: "Int8B"}.get(self.enums.get(t["name"], {}).get("size"), "Int4B")
        if kind == "function":
            return "Void"
        return "?" if t["name"].startswith(("__anonymous", "__unnamed", "<")) else t["name"]

    def field(self, struct, name):
        f = self.types.get(struct, {}).get("fields", {}).get(name)
        if not f:
            return None
        t = f["type"]
        bit = (t["bit_position"], t["bit_length"]) if t["kind"] == "bitfield" else (None, None)
        return Field(f["offset"], *bit, self.text(t))

    def size(self, text):
        """Bytes of a type's text on x64; None unknown."""
        return size_of(text, 8, lambda name: self.types.get(name, {}).get("size"))


def size_of(text, pointer, struct_size):
    if text.startswith("*"):
        return pointer
    m = re.match(r"\[(\d+)\]", text)
    if m:
        inner = size_of(text[m.end():], pointer, struct_size)
        return None if inner is None else int(m[1]) * inner
    return SIZES.get(text) or struct_size(text)


class Layout:
    def __init__(self, cpu, build):
        self.cpu, self.build, self.structs = cpu, build, {}
        self.dropped = []

    def struct(self, name):
        return self.structs.setdefault(name, {"kind": "struct", "size": None, "trust": "proved", "fields": {}})


def first_source(path, layouts):
    rows = rows_of(path)
    head, wanted = rows[0], {}
    for index, column in enumerate(head):
        if column in BUILDS:
            wanted[index] = layouts[BUILDS[column][0]]
    for row in rows[1:]:
        struct, name = row[0], row[1]
        last = next((i for i in range(len(head) - 1, 2, -1) if row[i] != "-"), None)
        for index, layout in wanted.items():
            if row[index] == "-":
                continue
            s = layout.struct(struct)
            if name == "(size)":
                s["size"] = int(row[index], 16)
            else:
                # The type is that of the last build that has the field.
                s["fields"][name] = Field(*place(row[index]), (row[2], "x86" if last and head[last].endswith("x86")
                                                                else "x64", last == index))


def rank(row):
    pattern = "".join("0" if v == "-" else "1" for v in row[4:8])
    return pattern.count("1"), pattern


def own_members(rows):
    """The listing names the members of unnamed parts first, counted from the part's beginning, and then the
    structure's own. Each of these groups is sorted by the builds that have the row, then by offset: it begins where
    that order starts again, from offset 0."""
    start, before = 0, None
    for index, row in enumerate(rows):
        value = next(v for v in reversed(row[4:8]) if v != "-")
        offset = int(value.partition("@")[0], 16)
        if before and (rank(row)[0] > before[0][0] or rank(row) == before[0] and offset == 0 < before[1]):
            start = index
        before = rank(row), offset
    own = rows[start:]
    if any(re.search(r"\bu\d+_", row[3]) for row in own):
        # A part of members that all lie at 0 ends without a restart: of those, only the last is sure to be our own.
        while len(own) > 1 and all(v in "-0" or v.startswith("0@") for v in own[1][4:8]):
            own = own[1:]
    return own


def listed_type(text):
    text = text.replace("volatile ", "").replace(" volatile", "").replace("const ", "").replace("union ", "").strip()
    m = re.fullmatch(r"uint(\d+)_t", text)
    if text in LISTED:
        return LISTED[text], None
    if m:
        return "?", int(m[1])
    if text.endswith("*"):
        return "*Void", None
    m = re.fullmatch(r"sdk::array<(.+), (\d+)>", text)
    if m:
        inner = listed_type(m[1])[0]
        return ("?" if inner == "?" else f"[{m[2]}]{inner}"), None
    return "?", None


def listing(path):
    """struct -> (folder, rows)."""
    by_struct = collections.OrderedDict()
    for row in rows_of(path)[1:]:
        by_struct.setdefault((row[0], row[1]), []).append(row)
    return {struct: (folder, rows) for (folder, struct), rows in by_struct.items()}


def listed_fields(rows, column):
    fields = []
    for row in rows:
        value = row[4 + column]
        if value == "-":
            continue
        offset, _, bit = value.partition("@")
        text, bits = listed_type(row[3])
        if not bit:
            fields.append((row[2], Field(int(offset, 16), None, None, text)))
            continue
        # A bit field as wide as a whole type is listed with that; of what it is a part, is not said,
        # nor how wide it is where that differs between builds (0 here).
        bits = bits or 8 * SIZES.get(text, 0)
        fields.append((row[2], Field(int(offset, 16), int(bit), bits, "?")))
    return fields


def add_listing(layout, listed, named, tables):
    """NAMED structures, where the tables of the same build confirm them, and those of drivers, unconfirmed."""
    for struct, (folder, rows) in listed.items():
        if struct in layout.structs:
            continue
        known = [t for t in tables if struct in t.types]
        fields = listed_fields(rows if known else own_members(rows), LISTING[layout.build])
        if known and struct in named:
            s = layout.struct(struct)
            s["kind"], s["size"] = known[0].types[struct]["kind"], known[0].types[struct]["size"]
            for name, f in fields:
                real = [r for r in (t.field(struct, name) for t in known[:1]) if r]
                same = next((r for r in real if r[:2] == f[:2]), None)
                if same:
                    s["fields"][name] = same
                elif real:
                    layout.dropped.append((struct, name, f.offset, real[0].offset))
        elif fields and not known and "<" not in struct and (
                folder in DRIVERS and re.search(DRIVERS[folder], struct) or struct in named and folder != "stor"):
            s = layout.struct(struct)
            s["trust"] = "listed"
            s["fields"] = {name: f for name, f in fields if f.bits != 0}
    for struct, s in list(layout.structs.items()):
        if not s["fields"]:
            del layout.structs[struct]


# Structures that the fact tables lack or have in part, and that readers of memory use, work queues and timers go through.
FROM_TABLES = re.compile(
    r"_(MI_(PARTITION|PARTITION_COMMIT|PARTITION_PAGE_LISTS|VISIBLE_PARTITION|VISIBLE_STATE|SYSTEM_INFORMATION|POOL_STATE|"
    r"SYSTEM_PTE_STATE|SYSTEM_PTE_TYPE|SYSTEM_VA_ASSIGNMENT|ERROR_STATE)|SEGMENT_HEAP|HEAP_SEG_CONTEXT|HEAP_PAGE_SEGMENT|"
    r"HEAP_PAGE_RANGE_DESCRIPTOR|HEAP_VS_(SUBSEGMENT|CHUNK_HEADER|CHUNK_HEADER_SIZE|CONTEXT)|HEAP_LFH_SUBSEGMENT|"
    r"HEAP_LFH_SUBSEGMENT_ENCODED_OFFSETS|HEAP_LARGE_ALLOC_DATA|HEAP_RUNTIME_MEMORY_STATS|EX_(POOL_HEAP_MANAGER_STATE|"
    r"HEAP_POOL_NODE)|RTLP_HP_(HEAP_GLOBALS|HEAP_MANAGER)|RTL_BITMAP|RTL_BITMAP_EX|RTL_(DYNAMIC_)?LOOKASIDE|VACB|"
    r"VACB_ARRAY_HEADER|SHARED_CACHE_MAP|MMPFNLIST|GENERAL_LOOKASIDE|GENERAL_LOOKASIDE_POOL|PAGED_LOOKASIDE_LIST|"
    r"NPAGED_LOOKASIDE_LIST|MM_SESSION_SPACE|MMPAGING_FILE|ENODE|EPARTITION|KTIMER2|KTIMER2_COLLECTION|KPRCB)")


def add_from_tables(layout, tables):
    """What the tables of this very build have of those structures and the layout has not."""
    own = [t for t in tables if t.version.split(".")[2] == str(layout.build)]
    for table in own[:1]:
        for struct, real in table.types.items():
            if not FROM_TABLES.fullmatch(struct):
                continue
            s = layout.struct(struct)
            if not s["fields"] or s["size"] is None:
                s["kind"], s["size"] = real["kind"], real["size"]
            if s["size"] != real["size"]:
                continue
            for name in real["fields"]:
                if name not in s["fields"] and not name.startswith(("__", "unnamed", "<")):
                    s["fields"][name] = table.field(struct, name)


def next_offset(s, offset):
    after = [f.offset for f in s["fields"].values() if f.offset > offset]
    end = s["size"] if s["size"] is not None else 1 << 40
    return min(after + [end])


def table_type(struct, name, f, build, tables):
    """(type, sure?) as the tables of this build have it, or those before and after it."""
    near = {-1: None, 1: None}
    for b, t in sorted(tables, key=lambda x: abs(x[0] - build)):
        r = t.field(struct, name)
        if r and b == build and (r.offset, r.bit, r.bits) == (f.offset, f.bit, f.bits):
            return r.type, True
        side = -1 if b < build else 1
        if r and not near[side] and (r.bits is None) == (f.bits is None):
            near[side] = r.type
    if near[-1] and near[-1] == near[1]:
        return near[1], True
    return near[-1] or near[1], False


def own_type(given, cpu):
    """The type as the fact table has it; None when a pointer's size could hide in it."""
    text, of_cpu, own = given
    m = re.fullmatch(r"(\w[\w ]*?)(\**)((?:\[\d+\])*)", text or "")
    if not m:
        return None
    base = SCALARS.get(m[1], m[1])
    if base.startswith("__unnamed"):
        return None
    if not own and of_cpu != cpu and not m[2] and base in ("Uint4B", "Uint8B", "Int4B", "Int8B"):
        return None
    if base == "enum":
        base = "Int4B"
    return m[3] + "*" * len(m[2]) + base


# Structures that never changed: their sizes in pointers, or in bytes.
FIXED = {"_LIST_ENTRY": (2, 0), "_SINGLE_LIST_ENTRY": (1, 0), "_EX_PUSH_LOCK": (1, 0), "_EX_FAST_REF": (1, 0),
         "_EX_RUNDOWN_REF": (1, 0), "_UNICODE_STRING": (2, 0), "_LARGE_INTEGER": (0, 8), "_ULARGE_INTEGER": (0, 8),
         "_GUID": (0, 16), "_LUID": (0, 8)}


def settle_types(layout, tables):
    """A type is taken over when it is this build's own, when the tables before and after agree, or when it fills the
    room up to the next member exactly; else it is not known."""
    pointer = 4 if layout.cpu == "x86" else 8

    def struct_size(name):
        if name in FIXED:
            return FIXED[name][0] * pointer + FIXED[name][1]
        return layout.structs.get(name, {}).get("size")

    for struct, s in layout.structs.items():
        for name, f in s["fields"].items():
            if not isinstance(f.type, tuple):
                continue
            text, sure = table_type(struct, name, f, layout.build, tables) if layout.cpu == "x64" else (None, False)
            if not text:
                text, sure = own_type(f.type, layout.cpu), f.type[2]
            size = size_of(text, pointer, struct_size) if text else None
            room = next_offset(s, f.offset) - f.offset
            inside = s["size"] is None or size is None or f.offset + size <= s["size"]
            if f.bits:
                fits = inside and size is not None and size * 8 >= f.bit + f.bits
                # Bits are the same in any integer around them, as long as it lies in the structure.
                if not fits and s["size"] is not None and s["size"] - f.offset in (1, 2, 4, 8):
                    whole = {1: "UChar", 2: "Uint2B", 4: "Uint4B", 8: "Uint8B"}[s["size"] - f.offset]
                    text, fits = whole, SIZES[whole] * 8 >= f.bit + f.bits
            else:
                fits = inside and (sure or size is not None and size == room)
            s["fields"][name] = f._replace(type=text if text and fits else "?")


def differs(s, struct, table):
    real = table.types.get(struct)
    if not real:
        return False
    if s["size"] is not None and s["size"] != real["size"]:
        return True
    for name, f in s["fields"].items():
        r = table.field(struct, name)
        if not r or (r.offset, r.bit, r.bits) != (f.offset, f.bit, f.bits):
            return True
    return False


def judge(layout, tables):
    for struct, s in layout.structs.items():
        for t in tables:
            if struct in t.types:
                s["kind"] = t.types[struct]["kind"]
            if differs(s, struct, t):
                s["trust"] = "varies"


HEAD = """# Layouts of kernel structures: {title}.
# Columns: structure, member, offset (hexadecimal), bits (first+count, - none), type (WinDbg's names; ? not known).
# A structure's first row has (struct) or (union) for its member, its size (? not known) and how sure it is:
#   proved  the fact tables have it; every symbol table of this build that is at hand agrees
#   varies  the fact tables have it, but an update of this build changed it
#   listed  one published listing only, confirmed by nothing: for that build alone, and not to be relied on
# Facts: offsets and sizes collected from public debugging symbols (of the kernels themselves; Volatility 3 tables made by
# JPCERT/CC, BSD-3-Clause, for types and as a check; the selene listing of Windows 10 and 11). Made by scripts/layouts_import.py.
"""


def write(path, layout, title):
    with open(path, "w", encoding="utf-8") as f:
        f.write(HEAD.format(title=title))
        for struct in sorted(layout.structs):
            s = layout.structs[struct]
            size = "?" if s["size"] is None else f"{s['size']:x}"
            f.write(f"{struct}\t({s['kind']})\t{size}\t-\t{s['trust']}\n")
            order = sorted(s["fields"].items(), key=lambda x: (x[1].offset, x[1].bits is not None, x[1].bit or 0, x[0]))
            for name, m in order:
                bits = "-" if m.bits is None else f"{m.bit}+{m.bits}"
                f.write(f"{struct}\t{name}\t{m.offset:x}\t{bits}\t{m.type}\n")


def named_in_sheets(folder):
    """Every word of the fact sheets that could be a structure's name, with and without its underscore."""
    words = set()
    for path in glob.glob(os.path.join(folder, "*.md")):
        with open(path, encoding="utf-8") as f:
            words |= set(re.findall(r"\b_?([A-Z][A-Z0-9_]{4,})\b", f.read()))
    return words | {"_" + w for w in words}


def main():
    facts, isf = sys.argv[1:3]
    layouts = {name: Layout(cpu, build) for name, cpu, build in BUILDS.values()}
    first_source(os.path.join(facts, "nt-structs-xp-w10.tsv"), layouts)
    tables = []
    for row in rows_of(os.path.join(isf, "INDEX.tsv"))[1:]:
        if row[0][0].isdigit():
            path = glob.glob(os.path.join(isf, "ntkrnlmp.pdb", row[1] + "-*.json.xz"))[0]
            build = int(row[0].split(".")[2])
            tables.append((18362 if build == 18326 else build, Table(path, row[0])))
    with open(os.path.join(facts, "key-offsets.md"), encoding="utf-8") as f:
        keys = {"_" + m for m in re.findall(r"^(\w+)\.", f.read(), re.M)}
    keys |= named_in_sheets(os.path.join(facts, ".."))
    named = set().union(*(la.structs for la in layouts.values())) | keys
    listed = listing(os.path.join(facts, "structs-w10-w11.tsv"))
    for name, layout in layouts.items():
        own = [t for b, t in tables if b == layout.build]
        if layout.cpu == "x64" and layout.build in LISTING:
            add_listing(layout, listed, named, own)
        if layout.cpu == "x64":
            add_from_tables(layout, own)
        settle_types(layout, tables)
        if layout.cpu == "x64":
            judge(layout, own)
        title = f"Windows build {layout.build}, {layout.cpu}"
        write(os.path.join(ROOT, "data", "layouts", name + ".tsv"), layout, title)
        trust = collections.Counter(s["trust"] for s in layout.structs.values())
        fields = [f for s in layout.structs.values() for f in s["fields"].values()]
        unknown = sum(f.type == "?" for f in fields)
        print(name, len(layout.structs), "structures", dict(trust), len(fields), "fields", unknown, "without type",
              len(layout.dropped), "dropped", layout.dropped[:3])
    return 0


if __name__ == "__main__":
    sys.exit(main())
