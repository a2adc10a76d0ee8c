#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures start-up, opening, disassembly and batch analysis. A report, not a test: nothing passes or fails.

Processor time moves with the machine's mood, so what is compared is run in turns, many times, in one run, and the
ratio of the two is taken pair by pair: the median of the ratios is steady where the times are not.

  scripts/bench.py [--program PATH] [--repeat N] [--files N] [--search MB] [--pool MB] [--volatility PROGRAM]
"""
import argparse
import mmap
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
import bench_machine
import bench_memory
import bench_peers
import minidump
import tap


def usage(command, quiet=False):
    """What the system counted of one run. QUIET: what it says on stderr is not shown either."""
    closed = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_WRONLY, 0) for fd in (1, 2)[:2 if quiet else 1]]
    pid = os.posix_spawn(command[0], command, os.environ,
                         file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), *closed])
    _, status, used = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"bench: {' '.join(command)}: status {os.waitstatus_to_exitcode(status)}")
    return used


def cpu_time(command, quiet=False):
    """User and system seconds of one run."""
    used = usage(command, quiet)
    return used.ru_utime + used.ru_stime


def resident(command, last):
    """The most kilobytes that COMMAND had in memory until it printed a line that begins with LAST. Not ru_maxrss: what is spawned
    shares this program's memory until it runs, and that counts there."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if line.startswith(last):
                break
        with open(f"/proc/{child.pid}/status", encoding="ascii") as f:
            peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
        child.stdin.close()
        child.stdout.read()
    return peak


def paired(name, command, base, repeat):
    """Runs COMMAND and BASE in turns; prints medians and the median of the ratios."""
    ours, ratios, faults = [], [], []
    for _ in range(repeat):
        b = cpu_time(base)
        used = usage(command)
        a = used.ru_utime + used.ru_stime
        ours.append(a)
        faults.append(used.ru_minflt)
        if b > 0:
            ratios.append(a / b)
    ratio = f"{statistics.median(ratios):6.2f}" if ratios else "     -"
    print(f"  {name:<50} {1000 * statistics.median(ours):8.2f} ms   {ratio} x --version   "
          f"{statistics.median(faults):5.0f} pages touched")


def padded(source, size, target):
    """SOURCE with zeros behind it, as a dump with unused room has them: what is read stays the same."""
    with open(source, "rb") as f:
        data = f.read()
    with open(target, "wb") as f:
        f.write(data)
        f.truncate(max(size, len(data)))
    return target


class PeakRss(threading.Thread):
    """The largest sum of resident pages of a process and its children that was seen."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.private, self.stop = pid, 0, 0, False

    # Of one process, for the bound of each.
    one = 0

    @staticmethod
    def resident(pid):
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            rows = {line.split(":")[0]: int(line.split()[1]) for line in f if line.rstrip().endswith("kB")}
        return rows.get("Rss", 0), rows.get("Private_Dirty", 0)

    def run(self):
        while not self.stop:
            try:
                with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as f:
                    pids = [self.pid] + [int(p) for p in f.read().split()]
                seen = [self.resident(p) for p in pids]
                self.peak = max(self.peak, sum(s[0] for s in seen))
                self.private = max(self.private, sum(s[1] for s in seen))
                self.one = max(self.one, max(s[0] for s in seen))
            except (OSError, ValueError, ProcessLookupError):
                pass
            time.sleep(0.002)


def batch(program, name, source, count, folder, *options):
    """`analyze` over COUNT links to one file: rows and summary."""
    os.makedirs(folder)
    files = []
    for i in range(count):
        files.append(os.path.join(folder, f"{i:05}.dmp"))
        os.link(source, files[-1])
    start = time.monotonic()
    child = subprocess.Popen([program, "analyze", "--json", *options, folder], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    watch = PeakRss(child.pid)
    watch.start()
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    watch.stop = True
    watch.join()
    processor = used.ru_utime + used.ru_stime
    print(f"  {name:<44} {count / seconds:8.0f} dumps/s   {1000 * processor / count:6.2f} ms a dump   "
          f"{watch.one / 1024:6.1f} MB in one process (wanted: 50), {watch.peak / 1024:.1f} in all, "
          f"{watch.private / 1024:.1f} of it their own")


def copy_seconds(path, target):
    """Processor time of a memcpy of a freshly mapped file, all of it in the page cache."""
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
        view = memoryview(m)
        before = time.process_time()
        target[: len(view)] = view
        seconds = time.process_time() - before
        view.release()
    return seconds


def search(program, megabytes, repeat, folder):
    """`s` over a range of that size, against memcpy of the same file in the same run."""
    path = os.path.join(folder, "search.dmp")
    size = megabytes << 20
    block = os.urandom(16 << 20)
    with open(path, "wb") as f:
        f.write(minidump.build(tail=size))
        for _ in range(megabytes // 16):
            f.write(block)
    version = [program, "--version"]
    patterns = (('-a, a text', '-a 0 L?ffffffffffffffff "Leak of memory"'), ("-d, a number", "-d 0 L?ffffffffffffffff 5eed5eed"),
                ("-b, bytes", "-b 0 L?ffffffffffffffff 48 8b 05 12 34 56 78 9a"))
    target = memoryview(bytearray(os.path.getsize(path)))
    copy_seconds(path, target)
    print(f"\n`s` over {megabytes} MB of random bytes, against memcpy of the same mapping (median of {repeat}, in turns):")
    for name, operands in patterns:
        ours, ratios = [], []
        for _ in range(repeat):
            copied = copy_seconds(path, target)
            ours.append(cpu_time([program, path, "-c", "s " + operands]) - cpu_time(version))
            ratios.append(copied / ours[-1])
        print(f"  s {name:<42} {1000 * statistics.median(ours):8.2f} ms   "
              f"{size / 1e9 / statistics.median(ours):6.2f} GB/s   {100 * statistics.median(ratios):4.0f} % of memcpy")


def text_section(path):
    """The .text of an ELF file of 64 bits: code of this very machine, which any Linux has."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:5] != b"\x7fELF\x02" or int.from_bytes(data[18:20], "little") != 62:
        return b""
    table, size, count, names = (int.from_bytes(data[0x28:0x30], "little"), 64,
                                 int.from_bytes(data[0x3C:0x3E], "little"), int.from_bytes(data[0x3E:0x40], "little"))

    def section(i):
        at = table + i * size
        name, kind, flags, addr, offset, length = struct.unpack_from("<IIQQQQ", data, at)
        return name, offset, length

    strings = section(names)[1]
    for i in range(count):
        name, offset, length = section(i)
        if data[strings + name:].split(b"\0", 1)[0] == b".text":
            return data[offset:offset + length]
    return b""


def unassemble(program, version, folder, repeat):
    """`u` over the program's own code, several times in one run: instructions a second of processor time."""
    code = text_section(os.path.realpath(program))
    if not code:
        print("  u: not measured: the program is no ELF file of x64")
        return
    dump = os.path.join(folder, "code.dmp")
    with open(dump, "wb") as f:
        f.write(minidump.build(image=code))
    times = 8
    start, last = minidump.BASE, minidump.BASE + len(code) - 16
    line = "; ".join([f"u {start:x} {last:x}"] * times)
    shown = subprocess.run([program, dump, "--no-color", "-c", f"u {start:x} {last:x}"], capture_output=True, check=True)
    count = shown.stdout.count(b"\n") * times
    rates = []
    for _ in range(repeat):
        base = cpu_time(version)
        rates.append(count / max(cpu_time([program, dump, "--no-color", "-c", line]) - base, 1e-6))
    print(f"  u over {len(code)} bytes of code, {count} lines                {statistics.median(rates) / 1e6:8.2f} million "
          f"instructions a second (wanted: 1)")


def unwind(program, repeat):
    """Walks of a forged stack of x64, against a memcpy of what they must read and write at least."""
    tool = os.path.join(os.path.dirname(program), "tests", "bench_unwind")
    if not os.path.exists(tool):
        print("  k: not measured: bench_unwind is not built")
        return
    rows = []
    for _ in range(repeat):
        words = subprocess.run([tool, "1000", "0.2"], capture_output=True, check=True, text=True).stdout.split()
        rows.append([float(x) for x in words[1::2]])
    walk, step, _ = (statistics.median(column) for column in zip(*rows))
    ratio = statistics.median(row[0] / row[2] for row in rows)
    print(f"  stacks of 1000 frames, x64                   {walk / 1e6:8.2f} million frames a second (wanted: 0.5), "
          f"{100 * ratio:.0f} % of memcpy; steps alone {step / 1e6:.2f} million")


def paging(program, repeat):
    """Reads of 8 bytes of virtual memory through four levels of tables, in memory."""
    tool = os.path.join(os.path.dirname(program), "tests", "bench_paging")
    if not os.path.exists(tool):
        print("  not measured: bench_paging is not built")
        return
    rows = []
    for _ in range(repeat):
        words = subprocess.run([tool, "0.2"], capture_output=True, check=True, text=True).stdout.split()
        rows.append([float(x) / 1e6 for x in words[1::2]])
    cached, uncached, page, walk, ranges = (statistics.median(column) for column in zip(*rows))
    print(f"  reads of 8 bytes, millions a second          {cached:8.1f} of cached pages (wanted: 20), {uncached:.1f} of "
          f"others (wanted: 2);\n{'':47}{ranges:8.1f} of ranges of a file")
    print(f"  whole pages, millions a second               {page:8.1f}; pages found by walking the tables {walk:.1f}")


MACHINE = """dump bitmap
os 19041 revision 804 product workstation
cpu x64 count 4 current 0
bugcheck 50 ffffc00f`02345080 0 fffff804`2b1a134c 2
ram %uG
module nt fffff804`1a000000 +800000 image ntkrnlmp.exe
module pagedrv fffff804`2b1a0000 +18000
"""


def whole_memory(program, folder, repeat):
    """Opening complete memory dumps of 1 and 16 GB (forged, sparse): what depends on the size must not be felt."""
    forge = os.path.join(os.path.dirname(program), "stopcode-forge")
    if not os.path.exists(forge):
        print("  not measured: stopcode-forge is not built")
        return
    for gigabytes in (1, 16):
        scenario = os.path.join(folder, "machine.txt")
        with open(scenario, "w", encoding="ascii") as f:
            f.write(MACHINE % gigabytes)
        for kind in ("bitmap", "full", "elf"):
            dump = os.path.join(folder, f"machine.{kind}")
            subprocess.run([forge, scenario, "-q", "--as", kind, "-o", dump, "--store", os.path.join(folder, "machine.store")],
                           check=True)
            for command in (".bugcheck", "vertarget"):
                paired(f"{command}: {kind} of {gigabytes} GB (wanted: 3)", [program, dump, "-c", command], [program, "--version"],
                       repeat)
            peak = resident([program, dump, "-c", "vertarget"], "System Uptime")
            print(f"{'':53}{peak / 1024:8.1f} MB resident at most (wanted: 40)")
            os.unlink(dump)


def beside_lldb(program, repeat):
    """All stacks of one real minidump: this program and LLDB in turns, as whole processes."""
    if not shutil.which("lldb"):
        print("  ~*k beside LLDB: not measured: there is no lldb")
        return
    try:
        dump = tap.corpus("mdmp/llvm-mirror+lldb/packages/Python/lldbsuite/test/functionalities/postmortem/minidump/"
                          "fizzbuzz_no_heap.dmp")
    except tap.Skip as reason:
        print(f"  ~*k beside LLDB: not measured: {reason}")
        return
    ours, ratios = [], []
    for _ in range(repeat):
        theirs = cpu_time([shutil.which("lldb"), "-b", "-c", dump, "-o", "thread backtrace all"], quiet=True)
        ours.append(cpu_time([program, "-z", dump, "-c", "~*k;q"]))
        ratios.append(theirs / max(ours[-1], 1e-6))
    print(f"  ~*k of a real minidump (x86), whole process  {1000 * statistics.median(ours):8.2f} ms; "
          f"LLDB takes {statistics.median(ratios):.0f} times that")


# Dumps for which the corpus has symbols and images.
SYMBOLS = {"kdump/triage_x64.dmp"}


def symbol_options():
    return ["-y", tap.corpus("isf") + ";" + tap.corpus("symstore"), "-i", tap.corpus("symstore")]


def sources(folder):
    """(name, path) of the dumps to measure with: real ones where they are, a made one in any case."""
    made = os.path.join(folder, "made.dmp")
    with open(made, "wb") as f:
        f.write(minidump.build(padding=256 * 1024))
    found = [("made user minidump, 256 KB", made, None)]
    for kind, name in (("kernel triage dump, x64", "kdump/triage_x64.dmp"),
                       ("kernel triage dump, ARM64", "kdump/triage_arm64.dmp"),
                       ("user minidump, x86", "mdmp/getsentry+symbolic/windows-mini.dmp")):
        try:
            path = tap.corpus(name)
        except tap.Skip as reason:
            print(f"  {kind}: not measured: {reason}")
            continue
        # A copy: links must not cross file systems, and the corpus is not ours to link to.
        copy = os.path.join(folder, os.path.basename(name))
        found.append((f"{kind}, {os.path.getsize(path) / 1e6:.1f} MB", padded(path, 0, copy), name))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=tap.program())
    parser.add_argument("--repeat", type=int, default=60)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--pool", type=int, default=1024, metavar="MB", help="of the large machine; 0: leave that out")
    parser.add_argument("--search", type=int, default=1024, metavar="MB", help="memory to search; 0: leave that out")
    parser.add_argument("--volatility", metavar="PROGRAM", help="Volatility 3, if it is not found")
    args = parser.parse_args()
    program = os.path.abspath(args.program)
    with tempfile.TemporaryDirectory() as folder:
        dumps = sources(folder)
        print(f"One command, processor time (median of {args.repeat}, in turns with --version):")
        version = [program, "--version"]
        paired("--version, against itself", version, version, args.repeat)
        for kind, path, name in dumps:
            kernel = name and name.startswith("kdump")
            command = ".bugcheck" if kernel else ".lastevent"
            paired(f"{command}: {kind}", [program, path, "-c", command], version, args.repeat)
            if kernel and "x64" in kind:
                big = padded(path, 10 * 1000 * 1000, os.path.join(folder, "big.dmp"))
                paired(f"{command}: the same, padded to 10 MB", [program, big, "-c", command], version, args.repeat)
            paired(f"!analyze: {kind}", [program, path, "-c", "!analyze"], version, args.repeat)
            paired(f"!analyze -v: {kind}", [program, path, "-c", "!analyze -v"], version, args.repeat)
            if name in SYMBOLS:
                command = [program, path, *symbol_options(), "-c", "!analyze -v"]
                cpu_time(command)  # warms the cache of symbol tables
                paired("!analyze -v: the same, with symbols (wanted: 4)", command, version, args.repeat)
        print("\nDisassembly, processor time:")
        unassemble(program, version, folder, max(3, args.repeat // 10))
        print("\nPaging:")
        paging(program, max(3, args.repeat // 10))
        print("\nWhole memory:")
        whole_memory(program, folder, args.repeat)
        print("\nConversion:")
        bench_memory.convert(program, max(5, args.repeat // 10), folder)
        if args.pool:
            print("\nA machine of 500 processes and 10,000 threads, processor time after opening:")
            bench_machine.rows(program, folder, max(3, args.repeat // 6), args.pool, cpu_time, copy_seconds)
            print("\nThe same machine with the kernel of a symbol table, beside other readers (10 times was wanted):")
            bench_peers.rows(program, folder, max(3, args.repeat // 6), args.pool, cpu_time, args.volatility)
        print("\nUnwinding:")
        unwind(program, max(3, args.repeat // 10))
        beside_lldb(program, max(3, args.repeat // 10))
        print(f"\n`stopcode analyze --json`, {args.files} files, {os.cpu_count()} processors (wanted: 100 dumps/s):")
        for i, (kind, path, name) in enumerate(dumps):
            batch(program, kind, path, args.files, os.path.join(folder, f"batch{i}"))
            if name in SYMBOLS:
                batch(program, kind + ", symbols", path, args.files, os.path.join(folder, f"symbols{i}"),
                      *symbol_options())
        if args.search:
            search(program, args.search, max(11, args.repeat // 12), folder)
            print("\n`s` over whole memory, beside memcpy of the same pages in the same order:")
            bench_memory.search(program, max(5, args.repeat // 12), folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
