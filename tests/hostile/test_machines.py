#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines whose memory lies: words of kernel structures, page tables and variables are overwritten at random, mostly with
pointers to other structures, and every command about the kernel must still come to an end, without a crash.

  test_machines.py [--seeds N] [--from SEED] [--world NAME]     more of them, to search

The same seed gives the same damage. A case that fails names world and seed. TAP.
"""
import argparse
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

WORLDS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "forge", "worlds")
NAMES = ("xp-pae", "7601-x64", "19041-x64", "22000-x64")
SECONDS = 100  # of a run that takes half a second, and ten times as long with sanitizers on a busy machine
MOST_OUTPUT = 100 << 20

COMMANDS = r"""
.bugcheck; !analyze -v; k; lm; lmu; !process 0 0; !process 0 1f; !process {system} 7; !process 0 17 app.exe; !thread; !thread -1 1f;
!thread {thread} 1e; !stacks 0; !stacks 2; !stacks 1 pagedrv; !uniqstack; !findstack nt; !running -it; !ready f; !pcr; !prcb; !ipi; !irql;
!cpuinfo; !dpcs; !timer; !apc; !exqueue f; !exqueue 2; !qlocks; !idt -a; !object \; !object \Device; !object 0 Event; !handle 0 7;
!handle 4 13; !handle 0 3 0; !token -n; !job; !session; !session -s 1; !peb; !teb; !vm 3f; !poolused; !poolused 2; !poolused /t5 4;
!pool {thread}; !pool {system} 2; !poolfind Thre; !poolfind Proc 1; !poolval {thread}; !lookaside -all; !sysptes 1; !filecache;
!sysinfo machineid; !bugdump; !memusage; !vad; !frag; !swd; !dpcwatchdog; !wow64exts.info; !address; !pte {objects}; !pfn 100;
.process /p /r {system}; !vad; lmu; .process 0; !for_each_process "!process @#Process 0"; !for_each_thread ".echo @#Thread";
!for_each_module ".echo @#ModuleName"; s -[1]a kernel "needle"
""".replace("\n", " ").strip()
DUMPS = "; .dump /o /m small.dmp; .dump /o /ka active.dmp"  # these take longer than all else: of every fifth damage


def words_of(f):
    """Where in the file words stand that are not zero, by page, and those of them that are pointers of the kernel."""
    pages, pointers, at = {}, [], 0x2000
    while True:
        try:
            at = os.lseek(f, at, os.SEEK_DATA)
            end = os.lseek(f, at, os.SEEK_HOLE)
        except OSError:
            return list(pages.values()), pointers
        data = os.pread(f, end - at, at)
        for i, (value,) in enumerate(struct.iter_unpack("<Q", data[:len(data) & -8])):
            if value:
                pages.setdefault((at + 8 * i) >> 12, []).append(at + 8 * i)
            if value >> 47 == 0x1ffff:
                pointers.append(value)
            pointers.extend(half for half in (value & 0xffffffff, value >> 32) if 0x80000000 <= half < 0xfffff800)
        at = end


class Machine:
    def __init__(self, world, folder):
        with open(os.path.join(WORLDS, f"kernel-{world}.scenario"), encoding="utf-8") as f:
            text = f.read().replace("ram 1G", "ram 48M").replace("include kernel/", f"include {WORLDS}/kernel/")
        objects = int(re.search("^let objects (.*)$", text, re.M)[1].replace("`", ""), 16)
        scenario = os.path.join(folder, "world.scenario")
        with open(scenario, "w", encoding="utf-8") as f:
            f.write(text)
        self.dump, self.store, self.folder = os.path.join(folder, "w.dmp"), os.path.join(folder, "store"), folder
        run = subprocess.run([tap.helper("stopcode-forge"), "-q", scenario, "-o", self.dump, "--store", self.store],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        tap.equal((run.returncode, run.stdout), (0, ""), "stopcode-forge")
        self.commands = COMMANDS.format(system=f"{objects + 0x10000:x}", thread=f"{objects + 0x80000:x}", objects=f"{objects:x}")
        self.file = os.open(self.dump, os.O_RDWR)
        self.pages, self.pointers = words_of(self.file)
        self.pointers = [p for p in self.pointers if (p >> 32 == 0) == (world == "xp-pae")]

    def value(self, rng, old):
        kind = rng.randrange(7)
        if kind < 3:
            pointer = rng.choice(self.pointers) + rng.choice((0, 0, 0, 8, 16, -8, 0x1000))
            if pointer >> 32 == 0:
                return old[:4] + struct.pack("<I", pointer) if rng.randrange(2) else struct.pack("<I", pointer) + old[4:]
            return struct.pack("<Q", pointer & (1 << 64) - 1)
        if kind == 3:
            return bytes(8)
        if kind == 4:
            return b"\xff" * 8
        if kind == 5:
            return struct.pack("<Q", int.from_bytes(old, "little") ^ 1 << rng.randrange(64))
        return old[:4] + struct.pack("<I", rng.choice((0, 1, 0x7fffffff, 0xffffffff, rng.getrandbits(32))))

    def damage(self, seed):
        """What was there before, last first."""
        rng, undo = random.Random(seed), []
        for _ in range(rng.choice((1, 3, 10, 40, 200, 1000))):
            at = rng.choice(rng.choice(self.pages))  # most pages have few: the PFN database has most words
            old = os.pread(self.file, 8, at)
            os.pwrite(self.file, self.value(rng, old), at)
            undo.insert(0, (at, old))
        return undo

    def run(self, seed, harmless=False):
        undo = [] if harmless else self.damage(seed)
        line = [tap.program(), "-y", self.store, *(["--json"] if seed % 4 == 3 else []), self.dump, "-c",
                self.commands + (DUMPS if seed % 5 == 4 else "")]
        try:
            done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS,
                                  cwd=self.folder, env=dict(os.environ, XDG_CACHE_HOME=self.folder, HOME=self.folder))
            if done.returncode not in (0, 1, 2):
                raise AssertionError(f"seed {seed}: status {done.returncode}: {done.stderr[-2000:].decode(errors='replace')}")
            if len(done.stdout) > MOST_OUTPUT:
                raise AssertionError(f"seed {seed}: {len(done.stdout)} bytes of output")
        except subprocess.TimeoutExpired:
            raise AssertionError(f"seed {seed}: no end after {SECONDS} seconds") from None
        finally:
            for at, old in undo:
                os.pwrite(self.file, old, at)
        return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--world", action="append")
    args = parser.parse_args()
    for world in args.world or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            machine = None
            with tap.case(f"{world}: a machine that is whole"):
                machine = Machine(world, folder)
                done = machine.run(0, harmless=True)
                tap.equal((done.returncode in (0, 1), done.stderr), (True, b""), "status, standard error")
                tap.equal(len(done.stdout) > 100000, True, "enough to show")
            for seed in range(args.first, args.first + args.seeds) if machine else ():
                with tap.case(f"{world}: damage {seed}"):
                    machine.run(seed)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
