#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What other people's readers need of a dump, and whether they would find the same in it as this program.

Machines whose kernel is that of a real symbol table (docs/forge.md, `isf`) are forged in every container, converted by the
program, and read again the way Volatility 3, MemProcFS, kdmp-parser, rizin and elf2dmp read dumps: other_layers.py,
other_kernel.py, other_tools.py. Looked for is what the scenario says. Machines without a symbol table are read as far as these
readers go without one. TAP; standard library only; symbol tables come from the corpus.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402
sys.path.insert(0, HERE)
import other_kernel as kernel  # noqa: E402
import other_layers as layers  # noqa: E402
import other_tools as tools  # noqa: E402

CORPUS = os.environ.get("STOPCODE_CORPUS") or os.path.join(tap.ROOT, "..", "shared", "corpus")
TABLES = os.path.join(CORPUS, "isf", "ntkrnlmp.pdb")
# Build, revision, key of its symbol table, how the debugger data stands in memory.
BUILDS = [(7601, 24540, "339E74133576439CBCDF7E0229DA3773", "plain"), (9600, 19913, "22597D0B40394E23936F6A24C6C52D5B", "encoded"),
          (14393, 4583, "517E128F7B7C4EA79491DE6B9B9CE190", "encoded"), (17763, 5933, "1806D020A6E46538D7AC3325FAC114D8", "plain"),
          (19041, 804, "5278AFF86C341677D7D7835C85B7B844", "encoded"), (22000, 318, "32C1A669D5FFEFD41091F636CFDB6E99", "plain")]
TIME = 132616020112500000  # 2021-03-30 18:20:11.250


def number(text):
    return int(text.replace("`", ""), 16)


class World:
    """The scenario for one build."""

    def __init__(self, build, revision, key, kdbg):
        self.build, self.key, self.kdbg = build, key, kdbg
        old = build < 10000
        self.table = os.path.join(TABLES, key + "-1.json.xz")
        values = {"build": build, "revision": revision, "kdbg": kdbg,
                  "nt": "fffff800`02a00000" if old else "fffff804`1a000000",
                  "hal": "fffff800`03c00000" if old else "fffff804`1b200000",
                  "drivers": "fffff880`04" if old else "fffff804`2b",
                  "stacks": "fffff880`03" if old else "ffffe28c`0a",
                  "pool": "fffffa80`" if old else "ffffc00f`", "ntdll": "000007fe`" if build < 9600 else "00007ffa`"}
        values["bigpages"] = number(values["pool"] + "0b000000").to_bytes(8, "little").hex()
        with open(os.path.join(HERE, "readers.scenario"), encoding="utf-8") as f:
            text = f.read()
        self.text = re.sub(r"\{(\w+)\}", lambda m: str(values[m.group(1)]), text)
        self.nt, self.ntdll = number(values["nt"]), number(values["ntdll"] + "77a00000")
        lines = re.findall(r"^process (\S+) (\S+) pid (\S+)(?: InheritedFromUniqueProcessId=(\S+))?", self.text, re.M)
        self.processes = {number(a): (n, int(p, 16), int(q or "0", 16)) for n, a, p, q in lines}
        self.threads = {number(a): (int(p, 16), int(t, 16)) for a, p, t in
                        re.findall(r"^thread (\S+) cid ([0-9a-f]+)\.([0-9a-f]+)", self.text, re.M)}
        self.by_name = {n: a for a, (n, _, _) in self.processes.items()}
        self.drivers = [(number(a), int(s, 16), n) for n, a, s in re.findall(r"^module (\S+) (\S+) \+(\S+)", self.text, re.M)
                        if number(a) >> 63]
        self.memory = [(process, number(a), t.encode()) for process, block in
                       re.findall(r"^in process (\S+)\n(.*?)^end", self.text, re.M | re.S)
                       for a, t in re.findall(r'^memory (\S+) "(.*?)"', block, re.M)]

    def address(self, rest):
        return number(re.search(rf"^object \S+ (\S+{rest})", self.text, re.M).group(1))


def forge(scenario, out, kind, table=None):
    command = [os.path.join(os.path.dirname(tap.program()), "stopcode-forge"), scenario, "-o", out, "-q", "--as", kind,
               "--store", os.path.join(os.path.dirname(out), "store")] + (["--isf", table] if table else [])
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), " ".join(command))


def convert(dump, out, kind):
    run = subprocess.run([tap.program(), "convert", dump, out, "-f", "--to", kind], capture_output=True, text=True, timeout=60)
    tap.equal(run.returncode, 0, f"convert to {kind}: {run.stderr}")


# ---- Volatility ----

def check_finders(w, space):
    """Each way to the kernel that is open on such a system leads to it, and to the table by its key."""
    wanted = (w.nt & (1 << 48) - 1, (w.key, 1, "ntkrnlmp.pdb"))
    tap.equal(layers.by_low_stub(space), wanted, "by the low stub")
    tap.equal(layers.by_debugger_data(space), wanted if w.kdbg == "plain" else None, "by KDBG")
    tap.equal(layers.by_fixed_place(space), wanted if w.build < 9200 else None, "by its place in memory")
    tap.equal(layers.by_search(space), wanted, "by a search")


def check_info(w, k):
    facts = kernel.info(k)
    tap.equal(facts["base"], w.nt & k.mask, "KernBase")
    tap.contains(facts["lab"], f"{w.build}.")
    tap.equal((facts["major"], facts["minor"], facts["machine"]), (15, w.build, 0x8664), "KdVersionBlock")
    tap.equal((facts["processors"], facts["csd"]), (2, 0), "KeNumberProcessors, CmNtCSDVersion")
    tap.equal((facts["time"], facts["root"], facts["product"]), (TIME, "C:\\Windows", 1), "shared data")
    tap.equal(facts["nt"], {7601: (6, 1), 9600: (6, 3)}.get(w.build, (10, 0)), "version in shared data")
    tap.equal(facts["pe"], (0x8664, 0x5c6e2160), "the kernel's image")
    following = min(s["address"] for s in k.table.symbols.values()
                    if s["address"] > k.table.symbols["KdDebuggerDataBlock"]["address"])
    assert k.table.symbols["KdDebuggerDataBlock"]["address"] + facts["size"] <= following, \
        f"KDDEBUGGER_DATA64 of {facts['size']:#x} bytes reaches into the next variable"


def check_processes(w, k):
    rows = {r["address"]: r for r in kernel.processes(k)}
    tap.equal({a: (r["name"], r["pid"], r["ppid"]) for a, r in rows.items()}, w.processes, "pslist")
    for a, r in rows.items():
        owned = {t for t, (pid, _) in w.threads.items() if pid == r["pid"]}
        tap.equal(r["threads"], len(owned), f"ActiveThreads of {r['name']}")
        tap.equal({t: (p, i) for t, p, i in kernel.threads(k, a)}, {t: w.threads[t] for t in owned}, f"threads of {r['name']}")
        assert not r["wow64"] and TIME - 10 ** 13 < r["created"] <= TIME, r
    tap.equal(rows[w.by_name["app.exe"]]["handles"], 3 if not k.is8 else None, "handles")
    for process, va, data in w.memory:
        tap.equal(kernel.own_space(k, number(process)).read(va, len(data)), data, f"memory at {va:#x}")
    return rows


def check_modules(w, k):
    rows = kernel.modules(k)
    tap.equal(sorted((b, s) for b, s, _, _ in rows), sorted((b, s) for b, s, _ in w.drivers), "modules")
    tap.equal(rows[0][2:], ("ntkrnlmp.exe", "\\SystemRoot\\system32\\ntkrnlmp.exe"), "the kernel's names")


def check_objects(w, k):
    types = kernel.object_types(k)
    assert {"Process", "Thread", "Event", "Directory", "File"} <= set(types.values()), types
    tap.equal(None if not k.is8 else kernel.shift_of_entries(k), None if not k.is8 else 16, "the shift in entries of tables")
    rows = kernel.handles(k, w.by_name["app.exe"], types)
    ready, plain, thread = w.address("0a003030"), w.address("0a004030"), next(iter(w.threads))
    tap.equal(rows, [(4, ready & k.mask, "Event", 0x1f0003, "Ready"), (8, plain & k.mask, "Event", 0x100000, None),
                     (0x408, thread & k.mask, "Thread", 0x1fffff, None)], "handles of app.exe")
    system = w.by_name["System"]
    tap.equal(kernel.handles(k, system, types), [(4, system & k.mask, "Process", 0x1fffff, None)], "handles of System")
    tap.equal(kernel.handles(k, w.by_name["other.exe"], types), [], "handles of other.exe")
    return types


def check_pool(w, k, types):
    def places(addresses):
        return sorted(a & k.mask if k.is10 else k.space.translate(a)[0] for a in addresses)
    found = kernel.pool_scan(k, b"Proc", "_EPROCESS", "Process", kernel.is_process, 600, types)
    tap.equal(sorted(found), places(w.processes), "processes by their blocks")
    found = kernel.pool_scan(k, b"Thre", "_ETHREAD", "Thread", kernel.is_thread, 600, types)
    tap.equal(sorted(found), places(w.threads), "threads by their blocks")
    files = kernel.pool_scan(k, b"File", "_FILE_OBJECT", "File", lambda at, _=None: True, 150, types) if k.is10 else None
    if files is not None:
        names = {k.string(k.get("_FILE_OBJECT", f, "FileName")) for f in files}
        assert {"\\data\\table.bin", "\\app\\app.exe"} <= names, names
    pool = w.text.split("bigpages ")[1].split("0b000000")[0]
    tap.equal(kernel.big_pools(k), [(number(pool + "04000000"), "Leak", 0xfa000), (number(pool + "05000000"), "CM31", 0x5000)],
              "large allocations")


def check_inside(w, k):
    app = w.by_name["app.exe"]
    rows = {r[0]: r for r in kernel.vads(k, app)}
    tap.equal(rows[0x260000][1:], (0x26ffff, "_MMVAD_SHORT", "READWRITE", 0x10, 1, None), "a private range")
    tap.equal(rows[0x270000][1:], (0x273fff, "_MMVAD", "READONLY", 0, 0, "\\data\\table.bin"), "a mapped file")
    tap.equal(rows[0x400000][1:], (0x407fff, "_MMVAD", "EXECUTE_WRITECOPY", 0, 0, "\\app\\app.exe"), "an image")
    tap.equal([(b, s, p) for b, s, p in kernel.libraries(k, app)],
              [(0x400000, 0x8000, "C:\\app\\app.exe"),
               (w.ntdll, 0x20000, "C:\\Windows\\System32\\ntdll.dll")], "libraries")
    tap.equal(kernel.command_line(k, app), '"C:\\app\\app.exe"', "the command line")


def check_volatility(w, dump, table):
    """All of it on one container."""
    layer = layers.volatility(dump)
    space = layers.volatility_root(layer)
    check_finders(w, space)
    k = kernel.Kernel(space, w.nt, table)
    check_info(w, k)
    check_processes(w, k)
    check_modules(w, k)
    check_pool(w, k, check_objects(w, k))
    check_inside(w, k)
    return k


def check_container(w, dump, table):
    """What differs between containers: memory, page tables, the way to the kernel; then the lists."""
    space = layers.volatility_root(layers.volatility(dump))
    tap.equal(layers.by_low_stub(space), (w.nt & (1 << 48) - 1, (w.key, 1, "ntkrnlmp.pdb")), "the kernel")
    k = kernel.Kernel(space, w.nt, table)
    check_processes(w, k)
    check_modules(w, k)


# ---- what the program says ----

def rows_of(text, pattern):
    return [tuple(m) for m in re.findall(pattern, text, re.M)]


def ask(dump, store, *commands):
    run = subprocess.run([tap.program(), "-z", dump, "-y", f"{os.path.join(CORPUS, 'isf')};{store}", "-i", store, "-c",
                          "; ".join([*commands, "q"])], capture_output=True, text=True, timeout=60)
    tap.equal(run.returncode, 0, run.stderr)
    return run.stdout


def check_same(w, dump, store, k):
    """The same answers from the program, with the same symbol table."""
    app = w.by_name["app.exe"]
    text = ask(dump, store, "lm", "!process 0 0", f".process {app:x}", "!vad", f"!handle 0 3 {app:x}",
               *[f"!pool {va:x}" for va, _, _ in kernel.big_pools(k)])
    theirs = [(r["address"], r["pid"], r["ppid"], r["root"] & ~0xfff, r["name"]) for r in kernel.processes(k)]
    ours = rows_of(text, r"^PROCESS ([0-9a-f]+)\n.*Cid: ([0-9a-f]+) .*ParentCid: ([0-9a-f]+)\n +DirBase: ([0-9a-f]+).*\n +Image: (.*)")
    tap.equal([(*[int(x, 16) for x in r[:4]], r[4]) for r in ours][:len(theirs)], theirs, "processes")
    listed = {(number(a), number(b) - number(a)) for a, b in rows_of(text, r"^([0-9a-f]{8}`[0-9a-f]{8}) ([0-9a-f]{8}`[0-9a-f]{8})   \w")}
    assert {(b, s) for b, s, _, _ in kernel.modules(k)} <= listed, listed
    ours = [(int(a, 16) << 12, (int(b, 16) + 1 << 12) - 1, p) for a, b, p in
            rows_of(text, r"^[0-9a-f]{16} \( *\d+\) +([0-9a-f]+) +([0-9a-f]+) +-?\d+ (?:Private|Mapped) +(?:Exe +)?(\w+)")]
    tap.equal(sorted(ours), sorted((r[0], r[1], r[3]) for r in kernel.vads(k, app)), "VADs")
    ours = rows_of(text, r"^([0-9a-f]{4}): Object: ([0-9a-f]+)  GrantedAccess: ([0-9a-f]+)")
    theirs = [(h, o, a) for h, o, _, a, _ in kernel.handles(k, app, kernel.object_types(k))]
    tap.equal([(int(h, 16), int(o, 16) & k.mask, int(a, 16)) for h, o, a in ours], theirs, "handles")
    for va, tag, size in kernel.big_pools(k):
        tap.contains(text, f"*{va:x} : large page allocation, tag is {tag}, size is {size:#x} bytes")


# ---- MemProcFS, kdmp-parser, rizin, elf2dmp ----

def check_memprocfs(w, dump, k, state=None):
    layer, known = tools.leechcore(dump, state)
    entry, root = tools.mpfs_low_stub(layer)
    tap.equal((root, tools.mpfs_root(layer)), (k.space.root, ("x64", k.space.root)), "page tables")
    space = layers.Space(layer, "x64", root)
    for hint in (entry, known.get("processes"), known.get("modules")):
        if hint:
            tap.equal(tools.mpfs_kernel_by_hint(space, hint), w.nt, f"the kernel before {hint:#x}")
    tap.equal(tools.mpfs_kernel_by_large_pages(space), w.nt & (1 << 48) - 1, "the kernel in large pages")
    system = space.number(tools.export(space, w.nt, "PsInitialSystemProcess"))
    tap.equal(system, w.by_name["System"], "PsInitialSystemProcess")
    if known:  # it starts with the header's page tables: those of a process, and then asks the symbols for members
        assert tools.mpfs_is_x64(layer, known["dtb"]), hex(known["dtb"])
        try:
            tools.Fuzzed(space, system, known["dtb"])
        except layers.Refused as why:
            tap.contains(str(why), "is not the root")
    fuzzed = tools.Fuzzed(space, system, root)
    members = ["ImageFileName", "UniqueProcessId", "ActiveProcessLinks", "InheritedFromUniqueProcessId", "Peb", "ObjectTable",
               "SeAuditProcessCreationInfo", "VadRoot"]
    wanted = [k.table.field("_EPROCESS", m)[0] for m in members]
    if k.table.field("_EPROCESS", "ExitStatus")[0] > wanted[-1] + 0x40:
        wanted[-1] = 0  # it looks for the root behind the exit status: of late updates of 8.1 it asks the symbols
    tap.equal([fuzzed.name, fuzzed.pid, fuzzed.links, fuzzed.parent, fuzzed.peb, fuzzed.table, fuzzed.path, fuzzed.vads], wanted,
              "members that were found")
    tap.equal([(a, n, p, q) for a, p, q, _, n in fuzzed.processes()],
              [(a, *v) for a, v in w.processes.items()], "processes")


def check_kdmp(w, dump, user=True):
    layer, header = tools.kdmp(dump)
    space = layers.Space(layer, "x64", header["dtb"])
    tap.equal(sorted((b, e - b) for b, e in tools.kdmp_modules(space, header["modules"])),
              sorted((b, s) for b, s, _ in w.drivers), "modules of the kernel")
    if w.kdbg == "plain" and user:
        modules = tools.kdmp_user_modules(space, header)
        tap.equal(sorted(modules.values()), ["C:\\Windows\\System32\\ntdll.dll", "C:\\app\\app.exe"], "modules of the process")


def check_elf2dmp(w, dump, k):
    space, base, found, layer, states = tools.elf2dmp(dump)
    tap.equal((base, found, len(states)), (w.nt, (w.key, 1, "ntkrnlmp.pdb"), 2), "the kernel")
    data = kernel.debugger_data(kernel.Kernel(space, base, k.table))
    prcb = space.number(int.from_bytes(data[0x218:0x220], "little") + 8)
    context = space.number(prcb + int.from_bytes(data[0x338:0x33a], "little"))
    tap.equal(space.number(context + 0xf8), int.from_bytes(states[1][0x88:0x90], "little"), "the context it would fill in")
    tap.equal(space.number(0xfffff78000000264, 4), 1, "NtProductType")


def check_tools(w, folder, k):
    scenario = os.path.join(folder, "scenario")
    for kind in ("full", "bitmap", "kernel", "rdmp-k", "rdmp-ka", "rdmp-f"):
        with tap.case(f"{w.build}: {kind}: kdmp-parser, rizin"):
            dump = os.path.join(folder, kind)
            forge(scenario, dump, kind, w.table)
            check_kdmp(w, dump, user=kind not in ("kernel", "rdmp-k"))
            if kind in ("full", "bitmap", "kernel"):
                layer = tools.rizin(dump)
                assert layer.read(k.space.root, 0x1000) == k.space.layer.read(k.space.root, 0x1000)
    for kind in ("full", "raw", "elf", "vmem"):
        with tap.case(f"{w.build}: {kind}: MemProcFS"):
            dump = os.path.join(folder, "m.vmem" if kind == "vmem" else kind)
            forge(scenario, dump, kind, w.table)
            check_memprocfs(w, dump, k, dump[:-5] + ".vmss" if kind == "vmem" else None)
    with tap.case(f"{w.build}: elf: elf2dmp"):
        check_elf2dmp(w, os.path.join(folder, "elf"), k)


# ---- what the program writes ----

def check_converted(w, folder, k):
    """Dumps that the program made out of a virtual machine's memory, a file for each kind."""
    source = os.path.join(folder, "elf")
    for kind in ("full", "bitmap", "kernel", "elf", "raw"):
        with tap.case(f"{w.build}: converted to {kind}"):
            out = os.path.join(folder, "converted")
            convert(source, out, kind)
            plain = World(w.build, 0, w.key, "plain") if kind in ("full", "bitmap", "kernel") else w
            if kind != "kernel":  # Volatility does not read DumpType 6
                check_container(w, out, k.table)
            if plain is not w:  # decoded on the way
                check_kdmp(plain, out, user=kind != "kernel")
                tools.rizin(out)
            if kind in ("elf", "raw"):
                check_memprocfs(w, out, k)
            if kind == "elf":
                check_elf2dmp(w, out, k)


# ---- machines without a symbol table ----

def paging_of(text):
    return re.search(r"^paging (\w+)", text, re.M).group(1)


def check_plain(folder, path):
    """As far as one gets without symbols: page tables, the kernel's image, the lists that headers lead to."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    name, mode = os.path.basename(path)[8:-9], paging_of(text)
    nt = number(re.search(r"^module nt (\S+)", text, re.M).group(1))
    for kind in ("full", "bitmap", "raw", "elf") if mode == "x64" else ("full", "bitmap", "raw"):
        with tap.case(f"{name}: {kind}: page tables and the kernel"):
            dump = os.path.join(folder, kind)
            forge(path, dump, kind)
            check_plain_root(dump, mode, nt, "kdbg encoded" in text, int(re.search(r"^os (\d+)", text, re.M).group(1)))


def check_plain_root(dump, mode, nt, encoded, build):
    if mode == "la57":  # tables of five levels are known to none of these readers
        try:
            layers.volatility_root(layers.volatility(dump))
        except layers.Refused:
            return None
        raise AssertionError("page tables of five levels taken for others")
    space = layers.volatility_root(layers.volatility(dump))
    base, wide = nt & (1 << 48) - 1, mode == "x64"
    tap.equal(space.mode, mode, "mode")
    tap.equal((layers.by_debugger_data(space) or [None])[0], None if encoded else base, "the kernel by KDBG")
    tap.equal((layers.by_search(space) or [None])[0], base, "the kernel by a search")
    if build < 9200 and space.translate(nt)[1] > 0x1000:
        tap.equal((layers.by_fixed_place(space) or [None])[0], base, "the kernel by its place in memory")
    if wide:
        tap.equal(layers.by_low_stub(space)[0], base, "the kernel by the low stub")
    try:
        layer, known = tools.leechcore(dump)
    except layers.Refused:  # of crash dumps it takes complete ones
        return tap.equal(os.path.basename(dump), "bitmap", "what LeechCore refuses")
    tap.equal(tools.mpfs_root(layer), (mode, space.root), "MemProcFS: page tables")
    if known:
        first = space.number(known["modules"])
        tap.equal(space.number(first + (0x30 if wide else 0x18)), nt, "the first module of the header's list")
    return None


def check_build(folder, *build):
    w, dump, k = World(*build), os.path.join(folder, "full"), None
    with open(os.path.join(folder, "scenario"), "w", encoding="utf-8") as f:
        f.write(w.text)
    with tap.case(f"{w.build}: full: Volatility, all of it"):
        if not os.path.exists(w.table):
            tap.skip(f"no symbol table {w.table}: set STOPCODE_CORPUS")
        table = kernel.Table(w.table)
        forge(os.path.join(folder, "scenario"), dump, "full", w.table)
        k = check_volatility(w, dump, table)
    if not k:
        return
    with tap.case(f"{w.build}: the program gives the same answers"):
        check_same(w, dump, os.path.join(folder, "store"), k)
    for kind in ("bitmap", "raw", "elf", "lime"):
        with tap.case(f"{w.build}: {kind}: Volatility"):
            forge(os.path.join(folder, "scenario"), os.path.join(folder, kind), kind, w.table)
            check_container(w, os.path.join(folder, kind), table)
    if w.build in (7601, 9600, 19041):
        check_tools(w, folder, k)
    if w.build in (9600, 19041):
        check_converted(w, folder, k)


if __name__ == "__main__":
    # In memory where there is such a folder: the files are large, and nearly all holes.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as tmp:
        os.environ.setdefault("XDG_CACHE_HOME", tmp)
        for number_of_build in BUILDS:
            if len(sys.argv) < 2 or str(number_of_build[0]) in sys.argv[1:]:
                check_build(tmp, *number_of_build)
        for world in sorted(glob.glob(os.path.join(HERE, "worlds", "machine-*.scenario"))):
            if len(sys.argv) < 2 or sys.argv[1] == "plain":
                check_plain(tmp, world)
    tap.done()
