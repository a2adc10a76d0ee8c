#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures `s` over the pages of whole memory, and conversion, beside what moves the same bytes and does nothing else.

    scripts/bench_memory.py [--program PATH] [--repeat N] [search] [convert]

Searches: processor time of the whole process, less that of `--version`, beside a memcpy of the very same pages in the same
order, out of a fresh mapping of the same file (bench_copy), in turns. The pages of a process (and of the kernel) lie in
physical memory in the order of their addresses, which no real machine has, or shuffled, which is worse than any has.

Conversion of 1 GB, none of it zeros: elapsed and processor time beside `cp --sparse=never` of the same file, in turns, each
after a sync and with the source in the page cache, or (cold) taken out of it; neither waits for the disk at its end. The
second figure, processor time, is what remains when the disk is busy with other people's work. A report, not a test.
"""
import argparse
import array
import mmap
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))
import tap

PAGE = 4096
MACHINE = """dump bitmap
os 19041 revision 804 product workstation
cpu x64 count 4 current 0
bugcheck 50 ffffc00f`02345080 0 fffff804`2b1a134c 2
ram {ram}
module nt fffff804`1a000000 +800000 image ntkrnlmp.exe
module pagedrv fffff804`2b1a0000 +18000
"""
PATTERNS = (("-a, a text", '-a {} "Leak of memory"'), ("-d, a number", "-d {} 5eed5eed"),
            ("-b, bytes", "-b {} 48 8b 05 12 34 56 78 9a"))


def tool(program, *names):
    path = os.path.join(os.path.dirname(program), *names)
    return path if os.path.exists(path) else None


def forge(program, folder, ram, kind):
    scenario, dump = os.path.join(folder, "machine.txt"), os.path.join(folder, "machine." + kind)
    with open(scenario, "w", encoding="ascii") as f:
        f.write(MACHINE.format(ram=ram))
    subprocess.run([tool(program, "stopcode-forge"), scenario, "-q", "--as", kind, "-o", dump, "--store",
                    os.path.join(folder, "machine.store")], check=True)
    return dump


def measured(command):
    """Elapsed, and user and system seconds of one run."""
    out = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", flag, 0) for fd, flag in ((0, os.O_RDONLY), (1, os.O_WRONLY))]
    before = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=out)
    _, status, used = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"bench_memory: {' '.join(command)}: status {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - before, used.ru_utime + used.ru_stime


def cpu_time(command):
    return measured(command)[1]


# ---- a process that has much memory ----


class Bitmap:
    """A bitmap dump of a 64-bit machine, to be written to: physical pages, and those that nobody wrote to."""

    def __init__(self, path):
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)
        self.dtb = int.from_bytes(self.map[0x10:0x18], "little") & ~0xFFF
        self.first = int.from_bytes(self.map[0x2020:0x2028], "little")
        bits = int.from_bytes(self.map[0x2030:0x2038], "little")
        self.offset, at = {}, self.first
        for i, byte in enumerate(self.map[0x2038:0x2038 + bits // 8]):
            for bit in range(8):
                if byte >> bit & 1:
                    self.offset[i * 8 + bit] = at
                    at += PAGE

    def close(self):
        self.map.close()
        self.file.close()

    def free(self):
        """Numbers of pages inside large holes of the file. In small ones, and at the edges, lie pages of zeros in use."""
        fd, at, end, pages, order = self.file.fileno(), self.first, os.fstat(self.file.fileno()).st_size, [], list(self.offset)
        while at < end:
            hole = os.lseek(fd, at, os.SEEK_HOLE)
            try:
                at = os.lseek(fd, hole, os.SEEK_DATA)
            except OSError:
                at = end
            if at - hole >= 1024 * PAGE:
                pages += order[(hole - self.first) // PAGE + 64:(at - self.first) // PAGE - 64]
        return pages

    def put(self, pfn, data):
        self.map[self.offset[pfn]:self.offset[pfn] + len(data)] = data

    def entry(self, table, index, value):
        at = self.offset[table] + 8 * index
        self.map[at:at + 8] = value.to_bytes(8, "little")

    def empty_entry(self, first):
        table = self.map[self.offset[self.dtb // PAGE]:][:PAGE]
        return next(i for i in range(first, 512) if not any(table[8 * i:8 * i + 8]))

    def link(self, slot, data, tables, flags):
        """DATA's pages, in that order, from the beginning of what entry SLOT of the first table stands for."""
        ppe = tables.pop()
        self.entry(self.dtb // PAGE, slot, ppe * PAGE | flags)
        self.put(ppe, bytes(PAGE))
        for g in range(0, len(data), 512 * 512):
            pde = tables.pop()
            self.entry(ppe, g >> 18, pde * PAGE | flags)
            self.put(pde, bytes(PAGE))
            for k in range(g, min(g + 512 * 512, len(data)), 512):
                pte = tables.pop()
                self.entry(pde, k - g >> 9, pte * PAGE | flags)
                entries = array.array("Q", [pfn * PAGE | flags for pfn in data[k:k + 512]])
                self.put(pte, entries.tobytes().ljust(PAGE, b"\0"))


def fill(dump, megabytes, lump):
    """Random bytes in MEGABYTES of free pages, mapped by the current process and by the kernel: LUMP pages lie together, the
    next ones anywhere; 0: all lie together."""
    block = os.urandom(16 << 20)
    free = dump.free()
    count = megabytes << 8
    ntables = 2 * (count // 512 + count // (512 * 512) + 8)
    tables, data = free[:ntables], free[ntables:]
    if lump:
        lumps = [data[i:i + lump] for i in range(0, len(data) - lump + 1, lump)]
        data = [pfn for pages in random.Random(1).sample(lumps, min(len(lumps), count // lump)) for pfn in pages]
    data = data[:count]
    for at, i in sorted((dump.offset[pfn], i) for i, pfn in enumerate(data)):
        dump.map[at:at + PAGE] = block[i % 4096 * PAGE:i % 4096 * PAGE + PAGE]
    dump.link(0x40, data, tables, 0x867)
    dump.link(dump.empty_entry(0x180), data, tables, 0x863)
    return data


def joined(pieces):
    out = []
    for offset, length in pieces:
        if out and sum(out[-1]) == offset:
            out[-1] = (out[-1][0], out[-1][1] + length)
        else:
            out.append((offset, length))
    return out


def write_list(path, pieces):
    with open(path, "wb") as f:
        array.array("Q", [x for piece in pieces for x in piece]).tofile(f)


def copy_seconds(program, dump, pieces):
    out = subprocess.run([tool(program, "tests", "bench_copy"), dump, pieces], capture_output=True, check=True, text=True).stdout
    return float(out.split()[1])


def rows(program, dump, where, pieces, repeat, folder):
    """One row a pattern: `s` over WHERE, beside memcpy of PIECES (offset, length)."""
    listed = os.path.join(folder, "pieces")
    write_list(listed, pieces)
    size = sum(length for _, length in pieces)
    for name, operands in PATTERNS:
        command = [program, dump, "-c", "s " + operands.format(where)]
        cpu_time(command)
        ours, ratios = [], []
        for _ in range(repeat):
            copied = copy_seconds(program, dump, listed)
            ours.append(cpu_time(command) - cpu_time([program, "--version"]))
            ratios.append(copied / ours[-1])
        print(f"    {where + ' ' + name:<34} {1000 * statistics.median(ours):8.1f} ms   "
              f"{size / 1e9 / statistics.median(ours):6.2f} GB/s   {100 * statistics.median(ratios):4.0f} % of memcpy (wanted: 60)")


def data_of(path):
    """(offset, length) of what is no hole of the file."""
    with open(path, "rb") as f:
        at, end, pieces = 0, os.fstat(f.fileno()).st_size, []
        while at < end:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            hole = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            pieces.append((at, hole - at))
            at = hole
    return pieces


def search_one(program, folder, repeat, ram, megabytes, lump):
    dump = forge(program, folder, ram, "bitmap")
    made = Bitmap(dump)
    mapped = joined((made.offset[pfn], PAGE) for pfn in fill(made, megabytes, lump))
    made.close()
    os.sync()
    how = f"every {4 * lump} KB somewhere else" if lump else "in the order of its addresses"
    print(f"  {ram} of RAM, {megabytes} MB of it mapped, {how}:", flush=True)
    rows(program, dump, "process", mapped, repeat, folder)
    rows(program, dump, "kernel", mapped, repeat, folder)
    rows(program, dump, "physical", data_of(dump), repeat, folder)
    os.unlink(dump)


def search(program, repeat, folder):
    """`s` over a process, the kernel and physical memory."""
    if not tool(program, "stopcode-forge") or not tool(program, "tests", "bench_copy"):
        print("  not measured: stopcode-forge or bench_copy is not built")
        return
    # A large file is read ahead around each place: there lumps, or what is measured is holes that are read.
    for ram, megabytes, lump in (("1G", 896, 0), ("1G", 896, 1), ("16G", 1024, 16)):
        search_one(program, folder, repeat, ram, megabytes, lump)


# ---- conversion ----


def in_state(source, out, cold):
    """The state that each run begins with: nothing to be written, the source in the cache or (COLD) not."""
    if os.path.exists(out):
        os.unlink(out)
    os.sync()
    with open(source, "rb") as f:
        if cold:
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        else:
            while f.read(16 << 20):
                pass


def convert_one(program, source, out, kind, cold, repeat):
    commands = (["cp", "--sparse=never", source, out], [program, "convert", source, out, "--to", kind])
    theirs, ours, elapsed, cpu = [], [], [], []
    for i in range(repeat):
        pair = {}
        for which in (0, 1) if i % 2 else (1, 0):
            in_state(source, out, cold)
            pair[which] = measured(commands[which])
        theirs.append(pair[0][0])
        ours.append(pair[1][0])
        elapsed.append(100 * pair[0][0] / pair[1][0])
        cpu.append(100 * pair[0][1] / pair[1][1])
    name = f"{os.path.basename(source).rsplit('.')[-1]} to {kind}{', cold' if cold else ''}:"
    print(f"  {name:<24} {statistics.median(ours):5.2f} s, cp {statistics.median(theirs):5.2f} s: "
          f"{statistics.median(elapsed):4.0f} % of its speed ({min(elapsed):.0f} to {max(elapsed):.0f}; wanted: 70), "
          f"{statistics.median(cpu):4.0f} % by processor time")


def convert(program, repeat, folder):
    """A complete dump of 1 GB as another kind."""
    if not tool(program, "stopcode-forge"):
        print("  not measured: stopcode-forge is not built")
        return
    full, bitmap = (forge(program, folder, "1G pattern", kind) for kind in ("full", "bitmap"))
    out = os.path.join(folder, "machine.new")
    for cold in (False, True):
        for source, kind in ((full, "bitmap"), (bitmap, "full"), (full, "elf"), (full, "raw")):
            convert_one(program, source, out, kind, cold, repeat)
    for path in (full, bitmap, out):
        os.unlink(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=tap.program())
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("what", nargs="*", help="search, convert; both")
    args = parser.parse_args()
    program = os.path.abspath(args.program)
    with tempfile.TemporaryDirectory() as folder:
        if "search" in args.what or not args.what:
            print("`s` over whole memory, beside memcpy of the same pages in the same order:")
            search(program, args.repeat, folder)
        if "convert" in args.what or not args.what:
            print("Conversion:")
            convert(program, args.repeat, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
