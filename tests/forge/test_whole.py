#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whole memory, forged and read again by something else: whole_reader.py (containers and page tables from their
descriptions), GDB and readelf for the ELF form.

What is looked for is what the scenarios say: memory of the kernel and of each process at its virtual address, stacks, modules,
processes, pages that are not valid and where their bytes went, VADs, the PFN database. TAP; standard library only.
"""
import glob
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import whole_reader as whole  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
LAYOUTS = os.path.join(tap.ROOT, "data", "layouts")
KINDS = ["full", "summary", "bitmap", "kernel", "automatic", "live", "rdmp-k", "rdmp-ka", "rdmp-f", "elf", "elf-nonotes",
         "elf-bare", "elf-paging", "vbox", "raw", "lime", "vmem", "vmss"]
KERNEL_ONLY = {"summary", "kernel", "automatic", "live", "rdmp-k"}
NO_HEADER = {"elf-nonotes", "elf-bare", "elf-paging", "vbox", "raw", "lime", "vmem", "vmss"}


def forge(scenario, out, kind=None, timeout=60):
    command = [os.path.join(os.path.dirname(tap.program()), "stopcode-forge"), scenario, "-o", out, "-q",
               "--store", os.path.join(os.path.dirname(out), "store")]
    run = subprocess.run(command + (["--as", kind] if kind else []), capture_output=True, text=True, timeout=timeout)
    tap.equal((run.returncode, run.stderr), (0, ""), f"stopcode-forge {os.path.basename(scenario)} --as {kind}")


def number(text):
    return int(text.replace("`", ""), 16)


def words(rest):
    """The bytes of a `memory ADDRESS WORD …` line."""
    out = b""
    for wide, text, digits in re.findall(r'(L?)"([^"]*)"|(\S+)', rest):
        out += text.encode("utf-16-le" if wide else "ascii") if text else bytes.fromhex(digits)
    return out


class Scenario:
    """What a world says, as far as it is plain numbers."""

    def __init__(self, path):
        self.text = open(path, encoding="utf-8").read()
        self.build = int(re.search(r"^os (\d+)", self.text, re.M).group(1))
        self.cpu = re.search(r"^cpu (\w+)", self.text, re.M).group(1)
        self.paging = re.search(r"^paging (\w+)", self.text, re.M).group(1)
        self.width = 4 if self.cpu == "x86" else 8
        self.memory, self.ptes, self.vads, process = [], {}, [], 0
        for line in self.text.splitlines():
            if m := re.match(r"in process (\S+)", line):
                process = number(m.group(1))
            elif line == "end":
                process = 0
            elif m := re.match(r"memory ([0-9a-f`]+) (.*)", line):
                self.memory.append((process, number(m.group(1)), words(m.group(2))))
            elif m := re.match(r"pte ([0-9a-f`]+) (.*)", line):
                self.ptes[process, number(m.group(1)) & ~0xfff] = m.group(2).split()
            elif m := re.match(r"vad (\S+) (\S+)", line):
                self.vads.append((process, number(m.group(1)), number(m.group(2))))
        self.processes = {number(a): (n, int(p, 16)) for n, a, p in
                          re.findall(r"^process (\S+) (\S+) pid (\S+)", self.text, re.M)}
        owner = int(re.search(r"^thread .*cid ([0-9a-f]+)\.", self.text, re.M).group(1), 16)
        self.current = next(a for a, (_, pid) in self.processes.items() if pid == owner)
        self.modules = [(n, number(s), self.end(s, e), rest) for n, s, e, rest in
                        re.findall(r"^module (\S+) (\S+) (\S+)(.*)", self.text, re.M)]
        # Of a trap's frame the return address is in what the processor pushed, further down.
        self.stack = [(number(sp), 0 if "KiPageFault" in name else number(ret)) for sp, ret, name in
                      re.findall(r"^(?:\d\d )?([0-9a-f`]{8,17}) ([0-9a-f`]{8,17}) (\S+)", self.text, re.M)]
        self.encoded = "kdbg encoded" in self.text
        self.layout = load_layout(self.build, self.cpu)

    @staticmethod
    def end(start, end):
        return number(start) + number(end[1:]) if end.startswith("+") else number(end)

    def is_user(self, va):
        return va < (0x80000000 if self.width == 4 else 1 << 63)

    def offset(self, struct_name, member):
        return self.layout[struct_name][member]


def load_layout(build, cpu):
    """{structure: {member: offset}} of the build's table."""
    table = {}
    with open(glob.glob(os.path.join(LAYOUTS, f"*-{build}-{cpu}.tsv"))[0], encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                name, member, offset = line.split("\t")[:3]
                table.setdefault(name, {})[member] = int(offset, 16) if offset != "?" else None
    return table


class Dump:
    """A forged dump with its spaces."""

    def __init__(self, scenario, path, kind):
        self.s, self.kind, self.path = scenario, kind, path
        state = path[:-5] + ".vmss" if kind == "vmem" else None
        self.memory = whole.open_memory(path, "raw", state)
        self.kernel = whole.Space(self.memory, scenario.paging, self.root())

    def root(self):
        """The page table base: the header's, the processor's, or what every machine has at this place."""
        if self.memory.header:
            return self.memory.header["dtb"]
        if self.memory.cpus:
            return self.memory.cpus[0]["cr3"]
        return {"x86": 0x185000, "pae": 0x185000}.get(self.s.paging, 0x187000)

    def space(self, process):
        at = process or self.s.current
        dtb = self.kernel.number(at + self.s.offset("_KPROCESS", "DirectoryTableBase"))
        return whole.Space(self.memory, self.s.paging, dtb)

    def debugger_data(self):
        nt = self.s.modules[0][1]
        base = nt | (0xffffffff00000000 if self.s.width == 4 else 0)
        return whole.debugger_data(self.kernel, self.memory.header["kdbg"], base)


# ---- what is checked of every dump ----

def check_memory(d):
    found = 0
    for process, va, data in d.s.memory:
        if any((process, page) in d.s.ptes for page in {va & ~0xfff, va + len(data) - 1 & ~0xfff}):
            continue
        if d.kind in KERNEL_ONLY and d.s.is_user(va):
            continue
        tap.equal(d.space(process).read(va, len(data)), data, f"memory at {va:#x} of process {process:#x}")
        found += 1
    assert found > 1 - (d.kind in KERNEL_ONLY), "hardly anything was looked for"


def check_stack(d):
    space, width = d.space(0), d.s.width
    for (sp, ret), (above, _) in zip(d.s.stack, d.s.stack[1:]):
        at = above - 8 if width == 8 else sp + 4
        if ret and above:
            tap.equal(space.number(at), ret, f"the return address at {at:#x}")


def drivers(d):
    return sorted((n, b, e) for n, b, e, _ in d.s.modules if not d.s.is_user(b))


def check_modules(d, head):
    base, size, name = (0x18, 0x20, 0x2c) if d.s.width == 4 else (0x30, 0x40, 0x58)
    listed = []
    for entry in d.kernel.list(head):
        start, length = d.kernel.number(entry + base), d.kernel.number(entry + size, 4)
        listed.append((start, start + length))
        tap.contains(d.kernel.string(entry + name), ".")
        tap.equal(d.kernel.read(start, 2), b"MZ", f"the image at {start:#x}")
    tap.equal(sorted(listed), sorted((b, e) for _, b, e in drivers(d)), "loaded modules")
    tap.equal(listed[0][0], d.s.modules[0][1], "the kernel comes first")


def check_processes(d, head):
    links = d.s.offset("_EPROCESS", "ActiveProcessLinks")
    pid = d.s.offset("_EPROCESS", "UniqueProcessId")
    seen = {e - links: d.kernel.number(e - links + pid) for e in d.kernel.list(head)}
    tap.equal(seen, {a: p for a, (_, p) in d.s.processes.items()}, "processes")


def rva_of(image, name):
    """An export's RVA, by the tables of a PE image in memory."""
    nt = struct.unpack_from("<I", image, 0x3c)[0]
    optional = nt + 24
    at = struct.unpack_from("<I", image, optional + (0x70 if image[optional] == 0x0b and image[optional + 1] == 2 else 0x60))[0]
    count, functions, names, ordinals = struct.unpack_from("<4I", image, at + 0x18)
    for i in range(count):
        place = struct.unpack_from("<I", image, names + i * 4)[0]
        if image[place:image.index(b"\0", place)] == name.encode():
            return struct.unpack_from("<I", image, functions + struct.unpack_from("<H", image, ordinals + i * 2)[0] * 4)[0]
    raise LookupError(name)


def check_kernel_image(d):
    """Found without any symbol: headers, sections, the name of its PDB, exports."""
    start, end = d.s.modules[0][1], d.s.modules[0][2]
    image = d.kernel.read(start, end - start)
    assert b"RSDS" in image, "no CodeView record"
    name = image[image.index(b"RSDS") + 24:].split(b"\0")[0].decode()
    assert name in ("ntkrnlmp.pdb", "ntkrnlpa.pdb", "ntkrpamp.pdb"), name
    tap.equal(b"POOLCODE" in image[:0x1000], d.s.width == 8, "POOLCODE")
    lists = start + rva_of(image, "PsLoadedModuleList")
    first = d.kernel.number(d.kernel.number(lists) + (0x30 if d.s.width == 8 else 0x18))
    tap.equal(first, start, "the first module of the exported list")
    system = d.kernel.number(start + rva_of(image, "PsInitialSystemProcess"))
    tap.equal(d.s.processes[system][1], 4, "PsInitialSystemProcess")


def check_kdbg(d):
    data, was_encoded = d.debugger_data()
    tap.equal(was_encoded, d.s.encoded, "encoded")
    mask = (1 << d.s.width * 8) - 1
    field = lambda at: struct.unpack_from("<Q", data, at)[0] & mask  # noqa: E731
    tap.equal(field(0x18), d.s.modules[0][1], "KernBase")
    check_modules(d, field(0x48))
    check_processes(d, field(0x50))
    if d.s.width == 8 and d.s.build >= 14393:
        # The self map: the entry of the self map's own base is the entry of the top table that leads to itself.
        base = struct.unpack_from("<Q", data, 0x360)[0]
        levels = len(d.kernel.LEVELS[d.s.paging])
        index = base >> 12 + 9 * (levels - 1) & 0x1ff
        tap.equal(d.memory.number(d.kernel.root + index * 8) & 0xffffffffff000, d.kernel.root, "PteBase")
    block = d.kernel.number(field(0x218))
    tap.equal(d.kernel.number(block + d.s.offset("_KPRCB", "Number"), 1), 0, "KiProcessorBlock[0]")
    return field


def check_processor(d, field):
    """Special registers, the interrupt table, shared data."""
    prcb = d.kernel.number(field(0x218))
    special = prcb + d.s.offset("_KPRCB", "ProcessorState") + \
        (0 if d.s.width == 8 else d.s.offset("_KPROCESSOR_STATE", "SpecialRegisters"))
    width = d.s.width
    cr3 = d.kernel.number(special + 2 * width)
    assert cr3 in {d.space(p).root for p in d.s.processes}, hex(cr3)
    idtr = special + d.s.offset("_KSPECIAL_REGISTERS", "Idtr")
    idt = d.kernel.number(idtr + width)
    tap.equal(d.kernel.number(idtr + width - 2, 2), 256 * 2 * width - 1, "IDT limit")
    gate = d.kernel.read(idt, 16)
    handler = struct.unpack_from("<H", gate)[0] | struct.unpack_from("<H", gate, 6)[0] << 16
    if width == 8:
        handler |= struct.unpack_from("<I", gate, 8)[0] << 32
    assert d.s.modules[0][1] < handler < d.s.modules[0][2], hex(handler)
    shared = d.kernel.read(0xfffff78000000000 if width == 8 else 0xffdf0000, 0x300)
    tap.equal(struct.unpack_from("<Q", shared, 0x14)[0], d.memory.header["time"], "SystemTime")
    tap.equal(shared[0x30:0x44], "C:\\Windows".encode("utf-16-le"), "NtSystemRoot")
    if d.kind not in KERNEL_ONLY:
        tap.equal(d.space(0).read(0x7ffe0014, 8), shared[0x14:0x1c], "shared data seen by a process")
    if width == 8 and d.kind not in KERNEL_ONLY and d.kind != "rdmp-ka":
        stubs = [pa for pa in range(0x1000, 0x9f000, 0x1000) if d.memory.number(pa) == 0x1000600e9]
        tap.equal(len(stubs), 1, "low stubs")
        tap.equal(d.memory.number(stubs[0] + 0xa0), d.space(system_of(d)).root, "the low stub's CR3")


def system_of(d):
    return next(a for a, (_, pid) in d.s.processes.items() if pid == 4)


# ---- pages that are not valid ----

def unswizzle(d, entry):
    """L1TF: the mask's bit is flipped where the swizzle bit is clear."""
    if "l1tf" in d.s.text and not entry & 0x10:
        return entry ^ 1 << 45
    return entry


def proto_address(d, entry):
    if d.s.paging == "x86":
        return 0x80000000 | (entry >> 1 & 0x7ffffc00) | (entry << 1 & 0x3ff)
    if d.s.paging == "pae":
        return entry >> 32
    return entry >> 16 | 0xffff000000000000


def check_soft(d, entry, how, data):
    """ENTRY is as HOW says, and leads to DATA (None: to nothing)."""
    low, high = (1, 12) if d.s.paging == "x86" else (12, 32) if d.s.build >= 17763 else (1, 32)
    plain = unswizzle(d, entry)
    if how[0] in ("prototype", "vad"):
        assert entry & 0x401 == 0x400, hex(entry)
        return check_proto(d, entry, how, data)
    if how[0] == "transition":
        assert entry & 0xc01 == 0x800, hex(entry)
        return tap.equal(d.memory.read(plain & 0xfffffff000, len(data)), data, "the page in transition")
    if how[0] == "pagefile":
        tap.equal(entry & 0xc01, 0, "a page file's entry")
        where = (plain >> low & 15, plain >> high)
        tap.equal(where, (int(how[1]), int(how[2], 16)), "page file and page")
        with open(f"{d.path}.pagefile{where[0]}", "rb") as f:
            f.seek(where[1] * whole.PAGE)
            return tap.equal(f.read(len(data)), data, "the page in the page file")
    if how[0] == "demandzero":
        return tap.equal(plain & ~0x3e0 & ~0x10, 0, "demand zero")
    if how[0] == "subsection":
        assert entry & 0x401 == 0x400, hex(entry)
        if d.s.paging != "x86":
            tap.equal(proto_address(d, entry), number(how[1]), "subsection")
        return None
    raise AssertionError(how)


def check_proto(d, entry, how, data):
    if how[0] == "vad":
        shift = {"x86": 11, "pae": 32}.get(d.s.paging, 16)
        tap.equal(entry >> shift, (1 << (32 if d.s.paging == "x86" else 64) - shift) - 1, "ask the VAD")
        return None
    at = proto_address(d, entry)
    inner = d.kernel.number(at, 4 if d.s.paging == "x86" else 8)
    if len(how) > 1:
        return check_soft(d, inner, how[1:], data)
    assert inner & 1, hex(inner)
    return tap.equal(d.memory.read(inner & 0xffffff000, len(data)), data, "the prototype's page")


def check_ptes(d):
    data = {(p, va & ~0xfff): text for p, va, text in d.s.memory}
    for (process, va), how in d.s.ptes.items():
        if d.kind in KERNEL_ONLY and d.s.is_user(va):
            continue
        entry = d.space(process).entry(va)
        assert entry is not None and not entry & 1, f"{va:#x}: {entry}"
        check_soft(d, entry, how, data.get((process, va)))


# ---- VADs and frames ----

def vad_root(d, process):
    at = process + d.s.offset("_EPROCESS", "VadRoot")
    return d.kernel.number(at if d.s.build < 3790 or d.s.build >= 9600 else at + 2 * d.s.width)


def vad_rows(d, node, depth=0):
    """(first page, last page, node) in the tree's order."""
    if not node:
        return
    assert depth < 32, "the tree is too deep"
    w, k = d.s.width, d.kernel
    left, right = (3 * w, 4 * w) if d.s.build < 3790 else (w, 2 * w) if d.s.build < 9600 else (0, w)
    short = d.s.layout["_MMVAD_SHORT"]
    size = 4 if d.s.build >= 9600 else w
    first, last = k.number(node + short["StartingVpn"], size), k.number(node + short["EndingVpn"], size)
    if "StartingVpnHigh" in short:
        first |= k.number(node + short["StartingVpnHigh"], 1) << 32
        last |= k.number(node + short["EndingVpnHigh"], 1) << 32
    yield from vad_rows(d, k.number(node + left), depth + 1)
    yield first, last, node
    yield from vad_rows(d, k.number(node + right), depth + 1)


def check_vads(d):
    rows = list(vad_rows(d, vad_root(d, d.s.current)))
    assert rows and all(a[1] < b[0] for a, b in zip(rows, rows[1:])), rows
    for process, start, end in d.s.vads:
        if process == d.s.current:
            assert (start >> 12, end - 1 >> 12) in {r[:2] for r in rows}, f"no VAD of {start:#x}"
    for _, va, data in (m for m in d.s.memory if m[0] == d.s.current):
        assert any(f <= va >> 12 <= la for f, la, _ in rows), f"{va:#x} is in no VAD"
    mapped = next(r for r in rows if r[0] == 0x270)
    tag = d.kernel.read(mapped[2] - (12 if d.s.width == 8 else 4), 4)
    tap.equal(tag, b"Vad ", "pool tag")
    array = d.kernel.number(mapped[2] + d.s.offset("_MMVAD", "FirstPrototypePte"))
    size = 4 if d.s.paging == "x86" else 8
    inner = d.kernel.number(array + size, size)  # of 271000
    tap.equal(d.memory.read(inner & 0xffffff000, 15), b"through the VAD", "the VAD's prototype entry")


def frame_layout(d):
    """(size of an entry, offsets of PteAddress, u3, u4)."""
    m = d.s.layout["_MMPFN"]
    size = m["(struct)"]
    u4 = m.get("u4", size - d.s.width)
    return (0x1c, m["PteAddress"], m["u3"], u4 + 4) if d.s.paging == "pae" and size == 0x18 else \
        (size, m["PteAddress"], m["u3"], u4)


def check_frames(d, field):
    """Each small page of the kernel's half: its entry in the PFN database, and what that leads back to."""
    base = d.kernel.number(field(0xc0))
    size, pte_at, u3, u4 = frame_layout(d)
    width, checked = d.s.width, 0
    bits = (1 << 25) - 1 if width == 4 else (1 << 36) - 1
    for va, entry, place, shift in d.kernel.pages():
        va = d.kernel.canonical(va)
        if shift != 12 or d.s.is_user(va) or checked > 400:
            continue
        pfn = (entry & 0xfffffffff000) >> 12
        frame = d.kernel.read(base + pfn * size, size)
        pte = int.from_bytes(frame[pte_at:pte_at + width], "little")
        flags = int.from_bytes(frame[u3:u3 + 4], "little")
        active = flags >> 8 & 7 if d.s.build < 6000 else flags >> 16 & 7
        tap.equal(active, 6, f"PageLocation of frame {pfn:x}")
        tap.equal(int.from_bytes(frame[u4:u4 + width], "little") & bits, place >> 12, f"PteFrame of frame {pfn:x}")
        seen = d.kernel.number(pte, 4 if d.s.paging == "x86" else 8)
        tap.equal(seen, entry, f"the entry at {pte:#x} (frame {pfn:x})")
        checked += 1
    assert checked > 10, checked


def check_lists(d, field):
    """Unloaded drivers, the memory descriptor."""
    w, k = d.s.width, d.kernel
    array, last = k.number(field(0x220)), k.number(field(0x228), 4)
    wanted = [n for n in re.findall(r"^unloaded (\S+)", d.s.text, re.M)]
    size = 0x28 if w == 8 else 0x18
    tap.equal([k.string(array + i * size) for i in reversed(range(last))], wanted, "unloaded drivers")
    block = k.number(field(0x270))
    runs, pages = k.number(block, 4), k.number(block + w)
    listed = [(k.number(block + 2 * w + i * 2 * w), k.number(block + 3 * w + i * 2 * w)) for i in range(runs)]
    tap.equal(sum(n for _, n in listed), pages, "pages of the memory descriptor")
    if d.memory.header["runs"]:
        tap.equal(listed, d.memory.header["runs"], "runs of memory")


def check_user(d):
    """PEB, the loader's list in it, images in the process's own memory."""
    space, w = d.space(0), d.s.width
    peb = d.kernel.number(d.s.current + d.s.offset("_EPROCESS", "Peb"))
    ldr = space.number(peb + d.s.offset("_PEB", "Ldr"))
    base = d.s.offset("_LDR_DATA_TABLE_ENTRY", "DllBase")
    name = d.s.offset("_LDR_DATA_TABLE_ENTRY", "BaseDllName")
    entries = space.list(ldr + d.s.offset("_PEB_LDR_DATA", "InLoadOrderModuleList"))
    tap.equal([space.string(e + name) for e in entries], ["app.exe", "ntdll.dll"], "modules of the process")
    for e in entries:
        tap.equal(space.read(space.number(e + base), 2), b"MZ", "the image")
    teb = int(re.search(r"teb (\S+)", d.s.text).group(1), 16)
    tap.equal(space.number(teb + (0x60 if w == 8 else 0x30)), peb, "TEB leads to PEB")


# ---- other people's readers ----

def check_readelf(path):
    if not shutil.which("readelf"):
        raise tap.Skip("no readelf")
    run = subprocess.run(["readelf", "-lnW", path], capture_output=True, text=True)
    tap.equal((run.returncode, run.stderr), (0, ""), "readelf")
    return run.stdout


def check_gdb(path, places):
    """GDB reads BYTES at each address."""
    if not shutil.which("gdb"):
        raise tap.Skip("no gdb")
    command = ["gdb", "-nx", "-batch", "-iex", "set auto-load no", "-ex", "set architecture i386:x86-64"]
    for at, data in places:
        command += ["-ex", f"x/{len(data)}xb {at:#x}"]
    run = subprocess.run([command[0], "-c", path, *command[1:]],
                         capture_output=True, text=True, timeout=60)
    seen = bytes(int(b, 16) for b in re.findall(r"\t0x([0-9a-f]{2})", run.stdout))
    tap.equal(seen, b"".join(data for _, data in places), "what gdb reads\n" + run.stdout + run.stderr)


def check_elf(folder, scenario, s):
    path = os.path.join(folder, "elf")
    with tap.case(f"{scenario}: readelf and gdb read the ELF forms"):
        forge(os.path.join(HERE, "worlds", scenario + ".scenario"), path, "elf")
        text = check_readelf(path)
        tap.contains(text, "CORE")
        tap.contains(text, "QEMU")
        tap.contains(text, "VMCOREINFO")
        d = Dump(s, path, "elf")
        kernel = [(va, data) for p, va, data in s.memory if not s.is_user(va) and (0, va) not in s.ptes]
        check_gdb(path, [(d.kernel.physical(va), data) for va, data in kernel])
        forge(os.path.join(HERE, "worlds", scenario + ".scenario"), path, "elf-paging")
        check_readelf(path)
        check_gdb(path, kernel)


def check_world(folder, name):
    path = os.path.join(HERE, "worlds", name + ".scenario")
    s = Scenario(path)
    kinds = [k for k in KINDS if s.cpu == "x64" or not k.startswith("rdmp")]
    for kind in kinds:
        with tap.case(f"{name}: {kind}"):
            dump = os.path.join(folder, "dump.vmem" if kind == "vmem" else "dump")
            forge(path, dump, kind)
            d = Dump(s, dump, kind)
            check_memory(d)
            check_stack(d)
            check_ptes(d)
            if kind in ("full", "kernel", "raw"):
                check_kernel_image(d)
            if kind not in NO_HEADER:
                check_kdbg(d)
    with tap.case(f"{name}: lists, processor, VADs, frames, the process from inside"):
        dump = os.path.join(folder, "dump")
        forge(path, dump, "full")
        d = Dump(s, dump, "full")
        field = check_kdbg(d)
        check_processor(d, field)
        check_lists(d, field)
        check_vads(d)
        check_frames(d, field)
        check_user(d)
    with tap.case(f"{name}: as a triage dump"):
        forge(path, os.path.join(folder, "triage"), "triage")


def check_large(folder):
    """64 GB: written in a moment, and as large on the disk as what is in it."""
    text = open(os.path.join(HERE, "worlds", "machine-19041-x64.scenario"), encoding="utf-8").read()
    scenario = os.path.join(folder, "large.scenario")
    with open(scenario, "w", encoding="utf-8") as f:
        f.write(text.replace("ram 6G", "ram 64G"))
    s = Scenario(scenario)
    for kind in ("full", "bitmap", "raw", "elf"):
        with tap.case(f"64 GB: {kind} is made in seconds, sparse, and read"):
            dump = os.path.join(folder, "large")
            before = time.monotonic()
            forge(scenario, dump, kind)
            assert time.monotonic() - before < 10, "too slow"
            st = os.stat(dump)
            assert st.st_size > 63 << 30 and st.st_blocks * 512 < 64 << 20, (st.st_size, st.st_blocks * 512)
            d = Dump(s, dump, kind)
            check_memory(d)
            check_ptes(d)


def check_pattern(folder):
    """RAM that nobody wrote shows its address; what was written is there all the same."""
    text = open(os.path.join(HERE, "worlds", "machine-7601-x86.scenario"), encoding="utf-8").read()
    scenario = os.path.join(folder, "pattern.scenario")
    with open(scenario, "w", encoding="utf-8") as f:
        f.write(text.replace("ram 512M", "ram 64M pattern"))
    with tap.case("unwritten RAM has a pattern where a scenario asks for it"):
        dump = os.path.join(folder, "pattern")
        forge(scenario, dump, "raw")
        d = Dump(Scenario(scenario), dump, "raw")
        check_memory(d)
        check_stack(d)
        plain = sum(d.memory.number(pa) == pa ^ 0x5a5a5a5a00000000 for pa in range(0x100000, 0x3f00000, 0x1000))
        assert plain > 10000, plain


def check_cases(folder):
    """What was published as a triage dump's case is a machine, too: its memory has room among what every machine has."""
    for path in sorted(glob.glob(os.path.join(tap.ROOT, "tests", "cases", "*", "scenario.txt"))):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if not re.search(r"^dump triage", text, re.M):
            continue
        with tap.case(f"{os.path.basename(os.path.dirname(path))}: as a complete dump"):
            dump = os.path.join(folder, "case")
            forge(path, dump, "full")
            memory = whole.open_memory(dump, "full")
            mode = "x64" if memory.header["width"] == 8 else "pae"
            space = whole.Space(memory, mode, memory.header["dtb"])
            base = number(re.search(r"^module nt (\S+)", text, re.M).group(1)) if "\nmodule nt" in text else None
            tap.equal(space.read(base, 2) if base else b"MZ", b"MZ", "the kernel's image")
            assert space.list(memory.header["modules"]) and space.list(memory.header["processes"])


if __name__ == "__main__":
    # In memory where there is such a folder: the files are large, and nearly all holes.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as tmp:
        for world in sorted(glob.glob(os.path.join(HERE, "worlds", "machine-*.scenario"))):
            check_world(tmp, os.path.basename(world)[:-9])
        check_elf(tmp, "machine-19041-x64", Scenario(os.path.join(HERE, "worlds", "machine-19041-x64.scenario")))
        check_large(tmp)
        check_pattern(tmp)
        check_cases(tmp)
    tap.done()
