#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A large machine, as a scenario for stopcode-forge, and what the commands about its objects cost.

16 GB of RAM, Windows 10 2004 (19041) of x64, 8 processors, 500 processes with 10,000 threads that wait, each on a
kernel stack of its own, tables of pool tags, 1 GB of nonpaged pool with headers, a table of large allocations.

  scripts/bench_machine.py > machine.scenario        the scenario alone
"""
import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import time

NT = 0xfffff8041a000000
# Where the kernel keeps things in this build.
PROCESSES, THREADS, SESSION = 0xffffc00f01000000, 0xffffc00f02000000, 0xffffc00f00800000
EVENT, HANDLES = 0xffffc00f00900060, 20  # of each process
STACKS, STACK_STEP, STACK_SIZE = 0xffffe28c0a000000, 0x7000, 0x6000
TABLES, TABLE_STEP, BIG, POOL = 0xffffc00f20000000, 0x100000, 0xffffc00f30000000, 0xffffc00f40000000
NONPAGED, NONPAGED_SIZE = 0xffffc00000000000, 0x100000000000
POOL_CHUNK = 0x1000  # pages of one pattern

# The frames of a thread that waits for an object, as 19041 has them: function, return address, bytes.
WAIT = (("KiSwapContext", 0x76, 0x140), ("KiSwapThread", 0x500, 0xb0), ("KiCommitThreadWait", 0x14f, 0xa0),
        ("KeWaitForSingleObject", 0x233, 0xf0), ("ObWaitForSingleObject", 0x91, 0x60),
        ("NtWaitForSingleObject", 0x6a, 0x40), ("KiSystemServiceCopyEnd", 0x25, 0))
# Function, from the kernel's start.
PLACES = {"KiSwapContext": 0x3fe6d0, "KiSwapThread": 0x221890, "KiCommitThreadWait": 0x220dd0,
          "KeWaitForSingleObject": 0x223540, "ObWaitForSingleObject": 0x6305d0, "NtWaitForSingleObject": 0x630550,
          "KiSystemServiceCopyEnd": 0x40b990, "KeBugCheckEx": 0x3f5a80}
USER_RETURN = 0x00007ffd1c4ecad4

HEAD = """dump bitmap
os 19041 revision 804 product workstation
cpu x64 count 8 current 0 mhz 3200
time 2021-03-30 18:20:11.250
uptime 2 days 5:01:47.031
bugcheck 50 ffffc00f`02345080 0 fffff804`2b1a134c 2
ram {ram}G
paging x64
kdbg plain
module nt fffff804`1a000000 +1046000 image ntkrnlmp.exe
module pagedrv fffff804`2b1a0000 +18000
struct _MI_SYSTEM_INFORMATION nt+c50000 Vs.SystemVaRegions[0].BaseAddress={base:x} \\
       Vs.SystemVaRegions[0].NumberOfBytes={size:x}
symbol nt!MiState nt+c50000 data
symbol nt!KeMaximumIncrement nt+c00400 data
memory nt!KeMaximumIncrement 5a620200
symbol nt!KeTickCount nt+c00408 data
memory nt!KeTickCount 8c87af0000000000
"""

TAGS = ("Proc", "Thre", "File", "Even", "Sema", "Muta", "Irp ", "Mdl ", "Ntfx", "NtFs", "MmCa", "MmSt", "FMsl", "FMfn",
        "Vad ", "VadS", "AleP", "TcpE", "UdpA", "NDnd", "Pool", "Devi", "Driv", "ObNm", "Toke", "SeAt", "CM25", "Key ",
        "Io  ", "EtwB", "EtwR", "Tdx ", "Usbd", "HidP", "Wdf ", "KSti", "ScPA", "DxgK", "ViMm", "Leak")


def word(value):
    text = f"{value:016x}"
    return text[:8] + "`" + text[8:]


def processes(out, count):
    out.append(f"struct _MM_SESSION_SPACE {word(SESSION)} SessionId=1")
    for i in range(count):
        name = "System" if i == 0 else f"worker{i:03}.exe"
        session = "" if i == 0 else f" Session={SESSION:x} Peb={0x2e0000 + i * 0x1000:x}"
        out.append(f"process {name} {word(PROCESSES + i * 0x1000 + 0x80)} pid {4 + i * 4:x} "
                   f"InheritedFromUniqueProcessId=4 ActiveThreads=14 CreateTime=1d72586c0000000{session}")
    out.append(f"object Event {word(EVENT)}")
    for i in range(count):
        process = word(PROCESSES + i * 0x1000 + 0x80)
        out.extend(f"handle {4 * n:x} {word(EVENT)} process {process} access 1f0003" for n in range(1, HANDLES + 1))


def stack(out, thread, base):
    """The listing of `k` of one thread that waits."""
    sp = base - 0x100 - sum(size for _, _, size in WAIT)
    out.append(f"stack thread {word(thread)}")
    for i, (name, offset, size) in enumerate(WAIT):
        outer = WAIT[i + 1] if i + 1 < len(WAIT) else None
        back = NT + PLACES[outer[0]] + outer[1] if outer else USER_RETURN
        out.append(f"{i:02} {word(sp)} {word(back)} nt!{name}+0x{offset:x}")
        sp += size
    out.append("end")


def threads(out, nprocesses, count):
    out.extend(f"symbol nt!{name} nt+{at:x} function" for name, at in PLACES.items())
    out.append(f"symbol nt!KiSystemServiceUser nt+{PLACES['KiSystemServiceCopyEnd'] - 0x300:x} function")
    for i in range(count):
        process, address = i % nprocesses, THREADS + i * 0x1000 + 0x80
        base = STACKS + i * STACK_STEP + STACK_SIZE
        out.append(f"thread {word(address)} cid {4 + process * 4:x}.{0x10000 + i * 4:x} "
                   f"process {word(PROCESSES + process * 0x1000 + 0x80)} stack {base:x} {base - STACK_SIZE:x} "
                   f"Tcb.WaitReason=6 Tcb.WaitMode=1 Tcb.WaitTime={0xaf8000 + i:x} Tcb.ContextSwitches={i % 1000 + 1:x}")
        if i:  # the first one is current: it stands in KeBugCheckEx
            stack(out, address, base)


def pool_tags(rng, count):
    """COUNT tags, those of TAGS first; most of the others are ones that somebody is known to use."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    tags = dict.fromkeys(TAGS)
    with open(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "pooltags.tsv"),
              encoding="utf-8") as f:
        known = sorted({row[:4] for row in f if re.match(r"[A-Za-z][A-Za-z0-9]{3}\t", row)})
    tags.update(dict.fromkeys(rng.sample(known, min(len(known), count * 7 // 8 - len(TAGS)))))
    while len(tags) < count:
        tags["".join(rng.choices(letters, k=4))] = None
    return list(tags)


def tables(out, rng, tags, processors, large):
    entries = 0x2000
    out.append(f"largepages {word(TABLES)} {word(TABLES + processors * TABLE_STEP)}")
    out.append(f"largepages {word(BIG)} {word(BIG + 0x200000)}")
    at = " ".join(word(TABLES + i * TABLE_STEP) for i in range(processors))
    out.append("variables nt+c01000")
    out.append(f"PoolTrackTable {TABLES:x}")
    out.append(f"PoolTrackTableSize {entries:x}")
    out.append("ExPoolTagTables " + " ".join(f"{TABLES + i * TABLE_STEP:x}" for i in range(processors)))
    out.append(f"PoolBigPageTable {BIG:x}")
    out.append("PoolBigPageTableSize 10000")
    out.append("end")
    out.append(f"pooltags {at} entries {entries}")
    for tag in tags:
        used, paged = rng.randrange(1, 5000), rng.randrange(0, 500)
        out.append(f'"{tag}" {used} {used * 96} {paged} {paged * 128}')
    out.append("end")
    out.append(f"bigpages {word(BIG)} entries {0x10000}")
    for i in range(large):
        out.append(f'{0xffffc00ff0000000 + i * 0x10000:x} "{rng.choice(tags)}" {rng.randrange(1, 16) * 0x1000:x}')
    out.append("end")


def pool(out, rng, tags, megabytes):
    """Pages of blocks: every POOL_CHUNK pages another pattern."""
    left, at = megabytes * 256, POOL
    while left:
        pages = min(left, POOL_CHUNK)
        out.append(f"poolpage {word(at)} pages {pages:x}")
        room = 0x1000
        while room:
            size = min(room, rng.choice((0x40, 0x50, 0x60, 0x80, 0xa0, 0xc0, 0x100, 0x180, 0x250, 0x400)))
            size = room if room - size < 0x40 else size
            tag = rng.choice(tags[len(TAGS):]) if rng.random() < 0.5 else rng.choice(TAGS[:-1])
            out.append(f'{size:x} "{tag}"' + (" free" if rng.random() < 0.05 else ""))
            room -= size
        out.append("end")
        at += pages << 12
        left -= pages


def scenario(nprocesses=500, nthreads=10000, megabytes=1024, ram=16, ntags=4000):
    """The text. The same arguments always give the same machine."""
    rng = random.Random(20)
    out = [HEAD.format(ram=ram, base=NONPAGED, size=NONPAGED_SIZE)]
    tags = pool_tags(rng, ntags)
    processes(out, nprocesses)
    threads(out, nprocesses, nthreads)
    tables(out, rng, tags, 8, 5000)
    if megabytes:
        pool(out, rng, tags, megabytes)
    return "\n".join(out) + "\n"


# ---- what the commands cost ----

# What opening costs: the dump, the kernel's symbols, the first structure that they describe.
OPENED = "dt nt!_LIST_ENTRY"


def beside(command, base, repeat, cpu_time):
    """Processor seconds of COMMAND without those of BASE, in turns."""
    cpu_time(command)
    seconds = []
    for _ in range(repeat):
        before = cpu_time(base)
        seconds.append(max(cpu_time(command) - before, 1e-6))
    return statistics.median(seconds)


def forged(program, folder, megabytes):
    """The dump, a kernel's of all of RAM, and the options that open it; None: there is no forge."""
    forge = os.path.join(os.path.dirname(program), "stopcode-forge")
    if not os.path.exists(forge):
        return None
    text, dump = os.path.join(folder, "large.scenario"), os.path.join(folder, "large.dmp")
    with open(text, "w", encoding="utf-8") as f:
        f.write(scenario(megabytes=megabytes))
    start = time.monotonic()
    subprocess.run([forge, text, "-q", "--as", "automatic", "-o", dump], check=True)
    print(f"  forging it: {time.monotonic() - start:.1f} s elapsed (wanted: 60), {os.path.getsize(dump) / 1e9:.2f} GB")
    return [program, dump, "-y", dump + ".store", "-i", dump + ".store"]


def rows(program, folder, repeat, megabytes, cpu_time, copy_seconds):
    """Lists, stacks and pool of the large machine. CPU_TIME(command), COPY_SECONDS(path, target)."""
    opened = forged(program, folder, megabytes)
    if not opened:
        print("  not measured: stopcode-forge is not built")
        return
    dump, size = opened[1], os.path.getsize(opened[1])
    base = [*opened, "-c", OPENED]
    target = memoryview(bytearray(size))
    copy_seconds(dump, target)
    for form, options in (("", []), (", JSON", ["--json"])):
        def spent(line):
            return beside([*opened, *options, "-c", line], base, repeat, cpu_time)

        print(f"  {'!process 0 0' + form:<30} {1e6 * spent('!process 0 0') / 500:8.1f} us a process (wanted: 10)")
        print(f"  {'!stacks 2' + form:<30} {10000 / spent('!stacks 2'):8.0f} stacks a second (wanted: 10000)")
        print(f"  {'!poolused' + form:<30} {1000 * spent('!poolused'):8.2f} ms of 8 processors' tables (wanted: 2)")
        for tag in ("Leak", "Proc"):
            line, ratios = f"!poolfind -small {tag}", []
            for _ in range(max(3, repeat // 3)):
                copied = copy_seconds(dump, target) * (megabytes << 20) / size
                ratios.append(copied / max(cpu_time([*opened, *options, "-c", line]) - cpu_time(base), 1e-6))
            print(f"  {'!poolfind ' + tag + form:<30} {100 * statistics.median(ratios):8.0f} % of memcpy of {megabytes} MB "
                  "(wanted: 30)")
    target.release()
    os.unlink(dump)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=500)
    parser.add_argument("--threads", type=int, default=10000)
    parser.add_argument("--pool", type=int, default=1024, metavar="MB")
    args = parser.parse_args()
    sys.stdout.write(scenario(args.processes, args.threads, args.pool))
    return 0


if __name__ == "__main__":
    sys.exit(main())
