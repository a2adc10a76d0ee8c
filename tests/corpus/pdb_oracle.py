# SPDX-License-Identifier: MIT
"""What pdb_compare.py compares: what pdb_facts says of a file, what llvm-pdbutil prints of it, what Breakpad's symbol
files hold, and a small reader of section headers and OMAP tables that owes nothing to the library.
"""
import bisect
import collections
import json
import os
import re
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

# Kinds of symbols, types and members as the vtable numbers them.
PUBLIC, FUNCTION, DATA, THREAD, CONSTANT = 1, 2, 4, 8, 16
FIELD, BASE, STATIC, ENUMERATOR, METHOD, NESTED, VFPTR = range(7)


# ------------------------------------------------------------------------------------------------ the two readers

def facts_tool():
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    path = os.path.join(build, "tests", "pdb_facts")
    if not os.path.exists(path):
        tap.skip("pdb_facts is not built")
    return path


def oracle_tool():
    tool = shutil.which("llvm-pdbutil") or shutil.which("llvm-pdbutil-14")
    if not tool:
        tap.skip("llvm-pdbutil is not installed (package llvm)")
    return tool


class Facts:
    """What pdb_facts says of a file."""

    def __init__(self, path):
        self.path = path
        self.tool = facts_tool()
        done = subprocess.run([self.tool, path], capture_output=True, timeout=100)
        self.records = collections.defaultdict(list)
        self.members = collections.defaultdict(list)
        for line in done.stdout.decode("ascii").splitlines():
            r = json.loads(line)
            if r["k"] == "member":
                self.members[r["of"]].append(r)
            else:
                self.records[r["k"]].append(r)
        if done.returncode not in (0, 1):
            raise AssertionError(f"pdb_facts ended with {done.returncode}: {done.stderr.decode()}")
        self.errors = self.records["error"]

    def ask(self, questions):
        """The answers (lists of records) to questions, one for each; the last element is the info record."""
        text = "".join(q + "\n" for q in questions).encode("latin-1")
        done = subprocess.run([self.tool, self.path, "-"], input=text, capture_output=True, timeout=100)
        if done.returncode:
            raise AssertionError(f"pdb_facts ended with {done.returncode}: {done.stderr.decode()[-500:]}")
        answers, now = [], []
        for line in done.stdout.decode("ascii").splitlines():
            r = json.loads(line)
            if r["k"] == "end":
                answers.append(now)
                now = []
            else:
                now.append(r)
        return answers


def oracle(path, *options):
    """Lines of llvm-pdbutil dump; None when it refuses the file."""
    done = subprocess.run([oracle_tool(), "dump", *options, path], capture_output=True, timeout=100)
    if done.returncode:
        return None
    return done.stdout.decode("latin-1").split("\n")


class Msf:
    """Just enough of an MSF reader for section headers and OMAP: independent of the library."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        self.page, _, self.npages, size = struct.unpack_from("<4I", self.data, 0x20)
        count = -(-size // self.page)
        maps = struct.unpack_from(f"<{-(-count * 4 // self.page)}I", self.data, 0x34)
        pages = struct.unpack_from(f"<{count}I", b"".join(self.data[m * self.page:][:self.page] for m in maps))
        words = struct.unpack_from(f"<{size // 4}I", b"".join(self.data[p * self.page:][:self.page] for p in pages))
        n, at = words[0], 1 + words[0]
        self.streams = []
        for i in range(n):
            length = 0 if words[1 + i] == 0xFFFFFFFF else words[1 + i]
            use = -(-length // self.page)
            self.streams.append((length, words[at:at + use]))
            at += use

    def stream(self, index):
        length, pages = self.streams[index]
        return b"".join(self.data[p * self.page:][:self.page] for p in pages)[:length]


class Layout:
    """Segment:offset to RVA, through OMAP where there is one."""

    def __init__(self, path):
        msf = Msf(path)
        self.sections, self.omap = [], []
        dbi = msf.stream(3)
        if len(dbi) < 64:
            return
        sizes = struct.unpack_from("<5i", dbi, 24)
        ec = struct.unpack_from("<i", dbi, 52)[0]
        slots_size = struct.unpack_from("<i", dbi, 48)[0]
        slots = struct.unpack_from(f"<{slots_size // 2}H", dbi, 64 + sum(sizes) + ec)
        slots += (0xFFFF,) * (11 - len(slots))
        headers = slots[5]
        if slots[4] != 0xFFFF:
            raw = msf.stream(slots[4])
            self.omap = list(struct.iter_unpack("<II", raw[:len(raw) // 8 * 8]))
            self.starts = [o[0] for o in self.omap]
        if self.omap and slots[10] != 0xFFFF:
            headers = slots[10]
        if headers != 0xFFFF:
            raw = msf.stream(headers)
            self.sections = [struct.unpack_from("<II", raw, i + 8)[::-1] for i in range(0, len(raw) - 39, 40)]

    def image(self, orig):
        if not self.omap:
            return orig
        i = bisect.bisect_right(self.starts, orig) - 1
        if i < 0 or self.omap[i][1] == 0 or self.omap[i][1] >> 31:
            return None
        return self.omap[i][1] + orig - self.omap[i][0]

    def rva(self, seg, off):
        if seg == 0 or seg > len(self.sections):
            return None
        orig = self.sections[seg - 1][0] + off
        return self.image(orig) if orig < 1 << 32 else None

    def whole(self, seg, off, size):
        """Bytes from there on that stay together in the image."""
        start = self.rva(seg, off)
        if not self.omap:
            return size
        for n in range(1, size):
            if self.rva(seg, off + n) != start + n:
                return n
        return size


# ------------------------------------------------------------------------------------- reading llvm-pdbutil's text

# What stands in back quotes is cut off after some thousand characters by no option of the tool: names are whole.
RECORD = re.compile(r"^ *(?:0x)?[0-9A-F]+ \| (\w+) \[size = \d+\](?: `(.*)`)?$")


def oracle_symbols(lines):
    """(kind, name, text of the lines below) of each symbol record."""
    found, name, kind, below = [], None, None, []
    for line in lines:
        m = RECORD.match(line)
        if m:
            if kind:
                found.append((kind, name, " ".join(below)))
            kind, name, below = m.group(1), m.group(2), []
        elif kind:
            below.append(line.strip())
    if kind:
        found.append((kind, name, " ".join(below)))
    return found


def address(text):
    m = re.search(r"addr = (\d+):(\d+)", text)
    return (int(m.group(1)), int(m.group(2))) if m else None


def type_index(text):
    """The type of a record; <no type> is 0."""
    m = re.search(r"[Tt]ype = (?:`?0x([0-9A-F]+)|<no type>)", text)
    return int(m.group(1) or "0", 16)


class OracleTypes:
    def __init__(self, lines):
        self.types, self.lists, self.bits, self.methods = {}, {}, {}, {}
        current = None
        for line in lines:
            m = re.match(r"^  +0x([0-9A-F]+) \| (LF_\w+) \[size = \d+\](?: `(.*)`)?$", line)
            if m:
                current = (int(m.group(1), 16), m.group(2))
                if current[1] in ("LF_CLASS", "LF_STRUCTURE", "LF_INTERFACE", "LF_UNION", "LF_ENUM"):
                    self.types[current[0]] = {"name": m.group(3), "leaf": current[1], "forward": False,
                                              "size": None, "fields": 0}
                if current[1] == "LF_FIELDLIST":
                    self.lists[current[0]] = []
            elif current:
                self.below(current, line.strip())

    def below(self, current, text):
        index, leaf = current
        if index in self.types:
            t = self.types[index]
            m = re.search(r"field list: (?:0x([0-9A-F]+)|<no type>)", text)
            if m:
                t["fields"] = int(m.group(1) or "0", 16)
            m = re.search(r"underlying type: 0x([0-9A-F]+)", text)
            if m:
                t["underlying"] = int(m.group(1), 16)
            m = re.search(r"sizeof (\d+)$", text)
            if m:
                t["size"] = int(m.group(1))
            t["forward"] |= text.startswith("options:") and "forward ref" in text
        elif leaf == "LF_FIELDLIST" and text.startswith("- "):
            self.lists[index].append(text[2:])
        elif leaf == "LF_BITFIELD":
            m = re.match(r"type = 0x([0-9A-F]+).*, bit offset = (\d+), # bits = (\d+)", text)
            self.bits[index] = (int(m.group(1), 16), int(m.group(2)), int(m.group(3)))
        elif leaf == "LF_METHODLIST" and text.startswith("- Method"):
            self.methods.setdefault(index, []).append(int(re.search(r"type = 0x([0-9A-F]+)", text).group(1), 16))

    def members(self, fields):
        """(kind, name, offset, type, bit position, bits, value) of each member, base classes first."""
        found = []
        while fields:
            following = 0
            for text in self.lists[fields]:
                m = re.match(r"LF_INDEX continuation = 0x([0-9A-F]+)", text)
                if m:
                    following = int(m.group(1), 16)
                else:
                    found += self.member(text)
            fields = following
        return [m for m in found if m[0] == BASE] + [m for m in found if m[0] != BASE]

    def member(self, text):
        m = re.match(r"LF_MEMBER \[name = `(.*)`, (Type = .*), offset = (\d+), attrs", text)
        if m:
            index = type_index(m.group(2))
            kind, pos, bits = self.bits.get(index, (index, 0, 0))
            return [(FIELD, m.group(1), int(m.group(3)), kind, pos, bits, 0)]
        m = re.match(r"LF_ENUMERATE \[(.*) = (-?\d+)\]", text)
        if m:
            return [(ENUMERATOR, m.group(1), 0, 0, 0, 0, int(m.group(2)) & (1 << 64) - 1)]
        m = re.match(r"LF_STMEMBER \[name = `(.*)`, type = 0x([0-9A-F]+)", text)
        if m:
            return [(STATIC, m.group(1), 0, int(m.group(2), 16), 0, 0, 0)]
        m = re.match(r"LF_NESTTYPE \[name = `(.*)`, parent = 0x([0-9A-F]+)", text)
        if m:
            return [(NESTED, m.group(1), 0, int(m.group(2), 16), 0, 0, 0)]
        m = re.match(r"LF_METHOD \[name = `(.*)`, # overloads = \d+, overload list = 0x([0-9A-F]+)", text)
        if m:
            return [(METHOD, m.group(1), 0, t, 0, 0, 0) for t in self.methods[int(m.group(2), 16)]]
        m = re.match(r"LF_ONEMETHOD \[name = `(.*)`\]", text)
        if m:
            return [(METHOD, m.group(1), 0, None, 0, 0, 0)]
        return [(None, text.split()[0], 0, 0, 0, 0, 0)]


def oracle_lines(lines):
    """(segment, first, last, module) -> [(offset, line or None when hidden, file)], in the file's order."""
    tables, file, key, module = collections.OrderedDict(), None, None, None
    for line in lines:
        m = re.match(r"^  ([0-9A-F]{4}):([0-9A-F]{8})-([0-9A-F]{8}), (line/addr|line/column/addr) entries = \d+$", line)
        if m:
            key = tuple(int(g, 16) for g in m.groups()[:3]) + (module,)
            tables.setdefault(key, [])
            continue
        if re.match(r"^ +(\d|NSI|ASI)", line) and key:
            for m in re.finditer(r"(\d+|NSI|ASI)(?::\d+-\d+|:\d+)? ([0-9A-F]{8})", line):
                number = None if m.group(1) in ("NSI", "ASI") else int(m.group(1))
                tables[key].append((int(m.group(2), 16), number, file))
            continue
        m = re.match(r"^(\S.*?)(?: \((?:MD5|SHA-1|SHA-256|no checksum).*\))?$", line)
        if m and not line.startswith("Mod "):
            file, key = m.group(1), None
        elif line.startswith("Mod "):
            module, key = line, None
    return tables


class Owners:
    """Which compiland an address belongs to: the section contributions."""

    def __init__(self, contribs, layout):
        self.owners = []
        for m in re.finditer(r"\| mod = (\d+), (\d+):(\d+), size = (\d+)", "\n".join(contribs)):
            module, seg, off, size = map(int, m.groups())
            if 0 < seg <= len(layout.sections) and size:
                self.owners.append((layout.sections[seg - 1][0] + off, size, module))
        self.owners.sort()

    def at(self, orig):
        k = bisect.bisect_right(self.owners, (orig, 1 << 33)) - 1
        return self.owners[k][2] if k >= 0 and orig < sum(self.owners[k][:2]) else None


class LineTables:
    """The line tables of a file: what those of the compiland that owns an address say about it. Several of them may
    cover it (assembler macros); then any of them is right. Tables of other compilands may claim it, too: identical
    functions that the linker folded, tables that are longer than their code."""

    def __init__(self, lines, owners, layout):
        self.tables, self.owners = [], owners
        for (seg, start, end, module), entries in oracle_lines(lines).items():
            last = {}
            for off, number, file in entries:
                last[off] = (number, file if number is not None else None)
            if seg and seg <= len(layout.sections) and last:
                base = layout.sections[seg - 1][0]
                module = int(re.match(r"Mod (\d+)", module).group(1))
                self.tables.append((base + start, base + end, module, sorted(((base + o, e) for o, e in last.items()), key=lambda e: e[0])))
        self.tables.sort(key=lambda t: t[:3])
        self.starts, self.reach, top = [t[0] for t in self.tables], [], 0
        for t in self.tables:
            top = max(top, t[1])
            self.reach.append(top)

    def at(self, orig):
        """{(line, file, start)}: what the tables that cover the address say."""
        found, owner = set(), self.owners.at(orig)
        if owner is None:
            return {(None, None, None)}
        i = bisect.bisect_right(self.starts, orig) - 1
        while i >= 0 and self.reach[i] > orig:
            start, end, module, entries = self.tables[i]
            k = bisect.bisect_right([e[0] for e in entries], orig) - 1
            if start <= orig < end and k >= 0 and module == owner:
                found.add(entries[k][1] + (entries[k][0],) if entries[k][1][0] is not None else (None, None, None))
            i -= 1
        return found or {(None, None, None)}


def numbers(code):
    """The compressed numbers of an annotation program."""
    at = 0
    while at < len(code):
        first = code[at]
        size = 1 if first < 0x80 else 2 if first < 0xC0 else 4
        raw = code[at:at + size]
        yield int.from_bytes(raw, "big") & (0x7F, 0x3FFF, 0, 0x1FFFFFFF)[size - 1]
        at += size


def signed(value):
    return -(value >> 1) if value & 1 else value >> 1


def inline_rows(code, line):
    """[(start, end, line)] of an annotation program: a second decoder, see src/pdb/inline.c for the rules."""
    rows, offset, start, row_line = [], 0, None, 0
    stream = numbers(code)
    for op in stream:
        if op == 0:
            break
        a = next(stream)
        b = next(stream) if op == 12 else 0
        moved = {1: a, 3: offset + a, 11: offset + (a & 15), 12: offset + b}.get(op)
        line += signed(a) if op == 6 else signed(a >> 4) if op == 11 else 0
        if moved is not None:
            if start is not None and moved > start:
                rows.append((start, moved, row_line))
            offset = start = moved
            row_line = line
        if op == 4 and start is None:
            start, row_line = offset, line
        if op in (4, 12):
            rows.append((start, start + a, row_line))
            start = None
            offset += a if op == 4 else 0
    if start is not None:
        rows.append((start, start + 1, row_line))
    return rows


def inlinee_lines(lines):
    """(module, id) -> line where the inlined function starts."""
    found, module = {}, None
    for line in lines:
        m = re.match(r"^Mod (\d+)", line)
        module = int(m.group(1)) if m else module
        m = re.match(r"^ *0x([0-9A-F]+) \| +(\d+) \| ", line)
        if m:
            found.setdefault((module, int(m.group(1), 16)), int(m.group(2)))
    return found


def oracle_inlines(lines, starts):
    """Each procedure with inlined calls: [segment, offset, size, [(depth, name, rows)], module]."""
    procs, module, kind, proc, site, depth = [], None, "", None, None, 0
    for line in lines:
        m = re.match(r"^ *Mod (\d+) \|", line)
        if m:
            module = int(m.group(1))
        m = re.match(r"^ *\d+ \| (S_\w+)", line)
        if m:
            kind = m.group(1)
            depth += (kind in ("S_INLINESITE", "S_INLINESITE2")) - (kind == "S_INLINESITE_END")
            site = None
            continue
        m = re.search(r"addr = (\d+):(\d+), code size = (\d+)", line)
        if m and "PROC32" in kind:
            proc, depth = [int(g) for g in m.groups()] + [[], module], 0
            procs.append(proc)
        m = re.search(r"inlinee = 0x([0-9A-F]+)(?: \((.*)\))?, parent", line)
        if m:
            site = [depth - 1, m.group(2) or "", bytearray(), starts.get((module, int(m.group(1), 16)), 0)]
            proc[3].append(site)
            continue
        m = re.match(r"^ +([0-9A-F]{4,}) *(\S.*)?$", line)
        if m and site and kind.startswith("S_INLINESITE"):
            site[2] += bytes.fromhex(m.group(1))
    for proc in procs:
        proc[3] = [(d, name, inline_rows(bytes(code), line)) for d, name, code, line in proc[3]]
    return [p for p in procs if p[3]]


def chain(sites, offset):
    """(name, line or None) of the inlined calls around an offset, innermost first."""
    path, best = [], []
    for depth, name, rows in sites:
        del path[depth:]
        row = next((r for r in rows if r[0] <= offset < r[1]), None)
        path.append((name, row[2] if row else None))
        if row and len(path) > len(best):
            best = path[:]
    return best[::-1]


class SymFile:
    def __init__(self, path):
        self.files, self.funcs, self.lines, self.publics, self.frames = {}, [], [], [], []
        with open(path, encoding="latin-1") as f:
            for text in f:
                self.take(text.rstrip("\r\n"))

    def take(self, text):
        word = text.split(" ")
        if word[0] == "FILE":
            self.files[int(word[1])] = text.split(" ", 2)[2]
        elif word[0] == "FUNC":
            word = word[2:] if word[1] == "m" else word[1:]
            self.funcs.append((int(word[0], 16), int(word[1], 16), " ".join(word[3:])))
        elif word[0] == "PUBLIC":
            word = word[2:] if word[1] == "m" else word[1:]
            self.publics.append((int(word[0], 16), " ".join(word[2:])))
        elif word[:2] == ["STACK", "WIN"]:
            n = [int(w, 16) for w in word[2:10]]
            self.frames.append((n[0], n[1], n[2], n[3], n[5], n[6], n[7], " ".join(word[12:]).strip()))
        elif re.match(r"^[0-9a-f]+ [0-9a-f]+ \d+ \d+$", text):
            self.lines.append((int(word[0], 16), int(word[1], 16), int(word[2]), int(word[3])))
