#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lists of a large machine beside what others pay for the same answers.

The machine is bench_machine.py's with the kernel of a real symbol table (19041), so that readers that go by symbol tables find
it; drivers, handles, VADs and large allocations come to it. Each job is a command of ours, and beside it stand

  floor       scripts/peer_floor.py: a reader in plain Python that does nothing but what the answer needs. A lower bound of what a
              reader in Python costs, not Volatility and no measure of it
  by name     the tests' reader (tests/forge/other_kernel.py), which looks each member up when it reads it, and has no objects
  Volatility  version 3 itself, where it is at hand, on the same memory in the container that it takes

Processor time of the job alone: without starting, opening the dump and reading the symbols. Ours ends in text, theirs in tuples,
and ours reads more than it is asked for: handles and session of each process, states and waits of threads, headers of objects.
The floor's answers are compared with ours; a difference ends the run with status 1.

  scripts/bench_peers.py [--program PATH] [--repeat N] [--pool MB] [--isf FILE] [--volatility PROGRAM]
"""
import argparse
import collections
import datetime
import gc
import importlib.util
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
import bench_machine as machine
import peer_floor as floor
import tap
from other_kernel import Kernel, big_pools, handles, modules, object_types, processes, threads, vads
from other_layers import File, Layer, Space

TABLE = "isf/ntkrnlmp.pdb/5278AFF86C341677D7D7835C85B7B844-1.json.xz"
DRIVERS, RANGES, LARGE, EVENTS = 180, 1000, 5000, 50
PROCESS = machine.PROCESSES + 0x1080  # the one whose VADs are listed: pid 8
TAG = "Proc"
HEAD = machine.HEAD[:machine.HEAD.index("module nt")] + """module nt fffff804`1a000000 +1100000 image ntkrnlmp.exe
module hal fffff804`1b200000 +49000
struct _MI_SYSTEM_INFORMATION nt!MiState Vs.SystemVaRegions[0].BaseAddress={base:x} \\
       Vs.SystemVaRegions[0].NumberOfBytes={size:x}
"""


class Different(Exception):
    """Two readers found two things."""


# ---- the machine ----

def own_lines(out, rng, nprocesses, nthreads):
    """Drivers, threads, named events and who has handles to them."""
    word = machine.word
    for i in range(DRIVERS):
        out.append(f"module drv{i:03} {word(0xfffff8042b000000 + i * 0x100000)} +18000 noimage nosymbols")
    for i in range(nthreads):
        process, address = i % nprocesses, machine.THREADS + i * 0x1000 + 0x80
        base = machine.STACKS + i * machine.STACK_STEP + machine.STACK_SIZE
        out.append(f"thread {word(address)} cid {4 + process * 4:x}.{0x10000 + i * 4:x} "
                   f"process {word(machine.PROCESSES + process * 0x1000 + 0x80)} stack {base:x} {base - machine.STACK_SIZE:x} "
                   f"Tcb.WaitReason=6 Tcb.WaitMode=1")
    out.append(f"object Directory {word(0xffffc00f00a00060)} \"\\\"")
    out.append(f"object Directory {word(0xffffc00f00a01060)} \\BaseNamedObjects")
    for i in range(EVENTS):
        out.append(f"object Event {word(0xffffc00f00b00060 + i * 0x1000)} \\BaseNamedObjects\\Ready{i}")
    for i in range(nprocesses):
        process = machine.PROCESSES + i * 0x1000 + 0x80
        targets = [process, machine.THREADS + i * 0x1000 + 0x80]
        targets += [0xffffc00f00b00060 + n * 0x1000 for n in rng.sample(range(EVENTS), 4)]
        out.extend(f"handle {4 * (machine.HANDLES + n):x} {word(at)} process {word(process)} access 1fffff"
                   for n, at in enumerate(targets, 1))


def scenario(nprocesses, nthreads, megabytes, ram):
    """The text. The same arguments always give the same machine."""
    rng, word = random.Random(21), machine.word
    out = [HEAD.format(ram=ram, base=machine.NONPAGED, size=machine.NONPAGED_SIZE)]
    tags = machine.pool_tags(rng, 4000)
    machine.processes(out, nprocesses)
    own_lines(out, rng, nprocesses, nthreads)
    out.append(f"largepages {word(machine.BIG)} {word(machine.BIG + 0x200000)}")
    out.append(f"memory nt!PoolBigPageTable {machine.BIG.to_bytes(8, 'little').hex()}")
    out.append(f"memory nt!PoolBigPageTableSize {0x10000.to_bytes(8, 'little').hex()}")
    out.append(f"bigpages {word(machine.BIG)} entries {0x10000}")
    out.extend(f'{0xffffc00ff0000000 + i * 0x10000:x} "{rng.choice(tags)}" {rng.randrange(1, 16) * 0x1000:x}'
               for i in range(LARGE))
    out.append("end")
    out.append(f"in process {word(PROCESS)}")
    for i in range(RANGES):
        start = 0x10000000 + i * 0x100000
        out.append(f"vad {start:x} {start + 0x10000:x} private commit 10" if i % 4 else
                   f"vad {start:x} {start + 0x4000:x} mapped file \"C:\\data\\table{i}.bin\" protect 1")
    out.append("end")
    machine.pool(out, rng, tags, megabytes)
    return "\n".join(out) + "\n"


class Made:
    """The machine as a file, its symbols where each reader looks for them, and how our program opens it."""

    def __init__(self, program, folder, table, size):
        self.program, self.folder = program, folder
        self.forge = os.path.join(os.path.dirname(program), "stopcode-forge")
        self.text = os.path.join(folder, "peers.scenario")
        with open(self.text, "w", encoding="utf-8") as f:
            f.write(scenario(*size))
        known = floor.other_kernel.Table(table)
        pdb = known.windows
        self.symbols = os.path.join(folder, "peers.symbols")
        place = os.path.join(self.symbols, "windows", pdb["database"])
        os.makedirs(place, exist_ok=True)
        end = table[table.index(".json"):] if ".json" in table else ".json"
        self.table = shutil.copy(table, os.path.join(place, f"{pdb['GUID'].upper()}-{pdb['age']}{end}"))
        self.dump = self.make("automatic")
        self.opened = floor.Opened(self.dump, known, machine.NT)

    def make(self, kind):
        path = os.path.join(self.folder, f"peers.{kind}")
        subprocess.run([self.forge, self.text, "--isf", self.table, "-q", "--as", kind, "-o", path, "--store",
                        os.path.join(self.folder, "peers.store")], check=True)
        return path

    def command(self, line, *options, dump=None):
        store = os.path.join(self.folder, "peers.store")
        return [self.program, dump or self.dump, "-y", os.path.join(self.symbols, "windows") + ";" + store, "-i", store, *options,
                "-c", line]

    def records(self, line):
        out = subprocess.run(self.command(line, "--json"), capture_output=True, check=True, text=True).stdout
        answer = json.loads(out.splitlines()[-1])
        if answer["error"]:
            raise Different(f"{line}: {answer['error']}")
        return answer["records"]

    def kernel(self):
        """For the reader by names, with nothing read yet."""
        runs, frames = [], self.opened.frames
        for number, place in frames.items():
            if runs and runs[-1][0] + runs[-1][2] == number << 12 and runs[-1][1] + runs[-1][2] == place:
                runs[-1][2] += floor.PAGE
            else:
                runs.append([number << 12, place, floor.PAGE])
        layer = Layer(File(self.dump), [tuple(r) for r in runs])
        return Kernel(Space(layer, "x64", self.opened.root), self.opened.base, self.opened.table)


# ---- the jobs ----

def moment(filetime):
    """A FILETIME as the program's JSON has it."""
    if not filetime:
        return None
    seconds, rest = divmod(filetime, 10 ** 7)
    return (datetime.datetime(1601, 1, 1) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:07}Z"


def hexa(text):
    return int(text, 16)


def our_processes(records):
    return [(hexa(r["address"]), r["pid"], r["parent"], r["image"], r["active_threads"], r["create_time"]) for r in records]


def our_threads(records):
    return [(hexa(r["address"]), r["pid"], r["tid"], r["create_time"]) for r in records if r["type"] == "kernel_thread"]


def our_modules(records):
    return [(hexa(r["start"]), hexa(r["size"]), r["image"], r["path"]) for r in records
            if r["type"] == "module" and hexa(r["start"]) >> 63]


def our_handles(records):
    out, process, handle = [], None, None
    for r in records:
        if r["type"] == "kernel_process":
            process = hexa(r["address"])
        elif r["type"] == "kernel_handle":
            handle = r
        elif r["type"] == "kernel_object":
            out.append((process, hexa(handle["handle"]), hexa(r["address"]), r["type_name"], hexa(handle["access"]), r["name"]))
    return out


def our_large(records):
    return [(hexa(r["address"]), r["tag"], hexa(r["size"])) for r in records if r["type"] == "pool_found"]


def our_blocks(records):
    return [(hexa(r["address"]),) for r in records if r["type"] == "pool_found"]


def our_vads(records):
    return [(hexa(r["address"]), hexa(r["start"]), hexa(r["end"]), r["protection"], r["commit"], r["kind"] == "Private",
             r["file"]) for r in records if r["type"] == "vad"]


# What is asked; our command; what becomes of its records; the floor's rows of (opened, memory), and the same columns of them; the
# reader by names' rows of a Kernel, or None; plugins of Volatility, the first that it has.
Job = collections.namedtuple("Job", "what line ours floor columns named plugins")
JOBS = (
    Job("processes", "!process 0 0", our_processes, floor.processes, lambda r: (*r[:5], moment(r[5])), processes,
        (["windows.pslist"],)),
    Job("threads of all", "!process 0 4", our_threads, floor.threads, lambda r: (*r[:3], moment(r[5])),
        lambda k: [t for p in processes(k) for t in threads(k, p["address"])], (["windows.threads"], ["windows.thrdscan"])),
    Job("opening, modules", "lm", our_modules, floor.modules, tuple, modules, (["windows.modules"],)),
    Job("handles of all", "!handle 0 3 0", our_handles, floor.handles, tuple,
        lambda k: [h for types in [object_types(k)] for p in processes(k) for h in handles(k, p["address"], types)],
        (["windows.handles"],)),
    Job("large allocations", "!poolfind -large *", our_large, floor.big_pools,
        lambda r: (r[0], r[1].to_bytes(4, "little").decode("latin-1"), r[2]), big_pools, (["windows.bigpools"],)),
    Job("blocks with a tag", f"!poolfind -small {TAG}", our_blocks,
        lambda o, m: floor.pool_search(o, m, TAG.encode(), machine.NONPAGED, machine.NONPAGED + machine.NONPAGED_SIZE),
        lambda r: (r,), None, (["windows.poolscanner"],)),
    Job("VADs of one", f".process /p {PROCESS:x}; !vad", our_vads, lambda o, m: floor.vads(o, m, PROCESS),
        lambda r: (*r[:5], bool(r[5]), r[6]), lambda k: list(vads(k, PROCESS)), (["windows.vadinfo", "--pid", "8"],)),
)


def same(job, made):
    """How many rows both find; Different if they are not the same."""
    memory = floor.Memory(made.opened)
    theirs = sorted(map(job.columns, job.floor(made.opened, memory)), key=repr)
    memory.close()
    ours = sorted(job.ours(made.records(job.line)), key=repr)
    if ours != theirs:
        first = next((p for p in zip(ours, theirs) if p[0] != p[1]), None)
        raise Different(f"{job.what}: {len(ours)} rows, the floor has {len(theirs)}; the first that differ: {first}")
    return len(ours)


def timed(work):
    """(processor seconds, result)"""
    gc.collect()
    gc.disable()
    try:
        before = time.process_time()
        result = work()
        return time.process_time() - before, result
    finally:
        gc.enable()


def floor_time(job, made):
    memory = floor.Memory(made.opened)
    seconds, _ = timed(lambda: job.floor(made.opened, memory))
    memory.close()
    return seconds


def named_time(job, kernel):
    """(processor seconds, rows). The tests' reader passes over handles to objects whose type's number, encoded, is zero."""
    kernel.space.tables.clear()
    seconds, found = timed(lambda: job.named(kernel))
    return seconds, len(found)


def base_of(job):
    """What is not the job. The list of modules is read when a dump is opened: of it the program's start alone is taken off."""
    return None if job.line == "lm" else machine.OPENED


def our_time(job, made, cpu_time, dump=None):
    base = base_of(job)
    before = cpu_time(made.command(base, dump=dump) if base else [made.program, "--version"])
    return cpu_time(made.command(job.line, dump=dump)) - before


def compare(made, repeat, cpu_time):
    """Each job: ours, the floor, by names."""
    kernel = made.kernel()
    print(f"  {'':<20}{'rows':>7}{'ours':>12}{'floor':>12}{'':>9}{'by name':>12}")
    for job in JOBS:
        count = same(job, made)
        ours, bare = [], []
        for _ in range(repeat):
            ours.append(our_time(job, made, cpu_time))
            bare.append(floor_time(job, made))
        mine, least = max(statistics.median(ours), 1e-6), statistics.median(bare)
        line = f"  {job.what:<20}{count:7}{1000 * mine:9.2f} ms{1000 * least:9.2f} ms{least / mine:7.1f} x"
        if job.named:
            named, found = named_time(job, kernel)
            line += f"{1000 * named:10.2f} ms{named / mine:7.1f} x"
            line += "" if found == count else f" ({found} rows)"
        print(f"{line:<84}  {job.line.split('; ')[-1]}")


# ---- Volatility ----

def find_volatility(given):
    """How it is started; None: it is not at hand."""
    if given:
        return [given]
    for name in ("vol", "volatility3"):
        if shutil.which(name):
            return [shutil.which(name)]
    return [sys.executable, "-m", "volatility3"] if importlib.util.find_spec("volatility3") else None


class Volatility:
    """Volatility 3 on one file, with a cache of its own."""

    def __init__(self, command, made, dump):
        self.start = command
        self.command = [*command, "-q", "--offline", "-r", "json", "-s", made.symbols, "-f", dump]
        self.env = {**os.environ, "XDG_CACHE_HOME": os.path.join(made.folder, "peers.cache")}
        self.info = 0

    def run(self, command):
        """(processor seconds, standard output); RuntimeError: what it said last."""
        with tempfile.TemporaryFile("w+") as said:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True,
                                     env=self.env)
            out = child.stdout.read()
            child.stdout.close()
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            words = [line for line in said.read().splitlines() if line.strip()]
        if child.returncode:
            raise RuntimeError(words[-1] if words else f"status {child.returncode}")
        return used.ru_utime + used.ru_stime, out

    def plugin(self, *words):
        seconds, out = self.run([*self.command, *words])
        return seconds, json.loads(out)

    def first(self, plugins):
        """The first of some plugins that works."""
        why = None
        for words in plugins:
            try:
                return (words[0], *self.plugin(*words))
            except (RuntimeError, ValueError) as error:
                why = why or f"{words[0]}: {error}"
        raise RuntimeError(why)


def tree(rows_):
    """Rows, and those below them."""
    return sum(1 + tree(r.get("__children") or []) for r in rows_)


def beside_volatility(made, given, repeat, cpu_time):
    command = find_volatility(given)
    if not command:
        print("  Volatility 3: not measured: it is not at hand (pip install volatility3, or --volatility PROGRAM)")
        return
    vol = Volatility(command, made, made.make("bitmap"))
    try:
        vol.plugin("windows.info")  # fills its cache
        start = statistics.median(vol.run([*vol.start, "-h"])[0] for _ in range(3))
        vol.info = statistics.median(vol.plugin("windows.info")[0] for _ in range(3))
    except (RuntimeError, ValueError, OSError) as error:
        print(f"  Volatility 3: not measured: {error}")
        return
    print(f"  Volatility 3, a bitmap dump: its start (-h) {start:.2f} s, with opening and symbols (windows.info) "
          f"{vol.info:.2f} s; behind these:")
    for job in JOBS:
        try:
            plugin, seconds, found = vol.first(job.plugins)
        except RuntimeError as error:
            print(f"  {job.what:<20}not measured: {error}")
            continue
        mine = statistics.median(our_time(job, made, cpu_time, vol.command[-1]) for _ in range(repeat))
        theirs = max(seconds - vol.info, 0)
        print(f"  {job.what:<20}{tree(found):7}{1000 * mine:9.2f} ms{1000 * theirs:9.0f} ms{theirs / max(mine, 1e-6):7.1f} x   "
              f"{plugin}")
    os.unlink(vol.command[-1])


# ---- all of it ----

def rows(program, folder, repeat, megabytes, cpu_time, volatility=None, table=None, size=(500, 10000), ram=16):
    """The table. CPU_TIME(command) gives processor seconds of a run."""
    if not os.path.exists(os.path.join(os.path.dirname(program), "stopcode-forge")):
        print("  not measured: stopcode-forge is not built")
        return
    try:
        table = table or tap.corpus(TABLE)
    except tap.Skip as reason:
        print(f"  not measured: {reason} (--isf FILE: a symbol table of the kernel of 19041 in Volatility's format)")
        return
    made = Made(program, folder, table, (*size, megabytes, ram))
    print("  floor: a lower bound of what a reader in Python pays for these answers, not Volatility; by name: the same, looking\n"
          "  members up as it reads them; x: how many times ours")
    compare(made, repeat, cpu_time)
    beside_volatility(made, volatility, max(3, repeat // 3), cpu_time)
    os.unlink(made.dump)


def main():
    from bench import cpu_time
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=tap.program())
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--processes", type=int, default=500)
    parser.add_argument("--threads", type=int, default=10000)
    parser.add_argument("--pool", type=int, default=1024, metavar="MB")
    parser.add_argument("--ram", type=int, default=16, metavar="GB")
    parser.add_argument("--isf", metavar="FILE", help="symbol table of the kernel of 19041; else that of the corpus")
    parser.add_argument("--volatility", metavar="PROGRAM", help="Volatility 3; else vol, volatility3 or python3 -m volatility3")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows(os.path.abspath(args.program), folder, args.repeat, args.pool, cpu_time, args.volatility, args.isf,
                 (args.processes, args.threads), args.ram)
        except Different as what:
            print(f"bench_peers: {what}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
