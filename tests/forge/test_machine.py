#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The machine of the benchmark in small: what the commands about its processes, stacks and pool say is what the scenario
says, however the pages lie in the file.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import tap  # noqa: E402
import bench_machine  # noqa: E402

PROCESSES, THREADS, MEGABYTES = 7, 40, 20


def ask(dump, *commands, options=()):
    args = sum((["-c", c] for c in commands), [])
    env = {"_NT_SYMBOL_PATH": "", "_NT_EXECUTABLE_IMAGE_PATH": ""}
    status, out, err = tap.run("-z", dump, "-y", dump + ".store", "-i", dump + ".store", *options, *args, "-c", "q", env=env)
    tap.equal((status, err), (0, ""), "status")
    return out


def blocks_of(text, tag):
    """Addresses behind the headers of the blocks with TAG (None: all) that the scenario puts into pages."""
    found, at = [], None
    for line in text.splitlines():
        page = re.fullmatch(r"poolpage (\S+) pages (\S+)", line)
        if page:
            at, count, offset, here = int(page[1].replace("`", ""), 16), int(page[2], 16), 0, []
        elif line == "end" and at:
            found += [at + i * 0x1000 + o for i in range(count) for o in here]
            at = None
        elif at:
            size, name = re.match(r'(\w+) "(.{4})"', line).groups()
            if tag in (None, name) and not line.endswith(" free"):  # what this build has free has no header
                here.append(offset + 0x10)
            offset += int(size, 16)
    return found


def stacks(out):
    """Frames of each thread that waits."""
    threads = re.split(r"^ *[0-9a-f]+\.[0-9a-f]{6}  ", out, flags=re.M)[1:]
    return [re.findall(r"\bnt!(\w+)\+0x([0-9a-f]+)", t) for t in threads if "Blocked" in t]


with tempfile.TemporaryDirectory() as folder:
    text = bench_machine.scenario(PROCESSES, THREADS, MEGABYTES, ram=1)
    scenario, dump = os.path.join(folder, "m.scenario"), os.path.join(folder, "m.dmp")
    with open(scenario, "w", encoding="utf-8") as f:
        f.write(text)
    with tap.case("the dump is made"):
        run = subprocess.run([os.path.join(os.path.dirname(tap.program()), "stopcode-forge"), "-q", "--as", "automatic", scenario,
                              "-o", dump], capture_output=True, text=True, timeout=100)
        tap.equal((run.returncode, run.stderr), (0, ""), "stopcode-forge")
    with tap.case("every process is in the list, with its handles"):
        out = ask(dump, "!process 0 0")
        tap.equal(len(re.findall("^PROCESS ", out, flags=re.M)), PROCESSES, "processes")
        tap.equal(out.count(f"HandleCount:  {bench_machine.HANDLES}."), PROCESSES, "counts of handles")
        tap.contains(out, f"worker{PROCESSES - 1:03}.exe")
    with tap.case("every thread that waits stands where the scenario says"):
        want = [(name, f"{offset:x}") for name, offset, _ in bench_machine.WAIT]
        tap.equal(stacks(ask(dump, "!stacks 2")), [want] * (THREADS - 1), "stacks")
    with tap.case("the pool's tags are the sums over the processors"):
        rows = [line.split('"')[1:] for line in re.search(r"^pooltags.*?\n(.*?)^end", text, flags=re.M | re.S)[1].splitlines()]
        want = {tag: [int(n) for n in rest.split()] for tag, rest in rows}
        out = ask(dump, "!poolused", options=("--json",))
        got = {r["tag"]: [r["nonpaged_used"], r["nonpaged_bytes"], r["paged_used"], r["paged_bytes"]]
               for r in json.loads(out.splitlines()[0])["records"] if r["type"] == "pool_tag"}
        tap.equal(got, want, "tags")
    for tag in ("Leak", "Proc"):
        with tap.case(f"!poolfind {tag} gives every block, by address"):
            out = ask(dump, f"!poolfind -small {tag}")
            got = [int(a, 16) for a in re.findall(r"^([0-9a-f]{16}) : tag", out, flags=re.M)]
            # Processes stand in blocks of their own, elsewhere.
            tap.equal([a for a in got if a >= bench_machine.POOL], blocks_of(text, tag), "blocks")
            tap.equal(len(got) == len(blocks_of(text, tag)), tag != "Proc", "blocks elsewhere")
    with tap.case("a tag that stands everywhere is found as well"):
        # More places than are kept to be put in order.
        out = ask(dump, "!poolfind -small *")
        got = [int(a, 16) for a in re.findall(r"^([0-9a-f]{16}) : tag", out, flags=re.M)]
        tap.equal(got, sorted(got), "the order")
        missing = set(blocks_of(text, None)) - set(got)
        tap.equal(len([a for a in missing if a >= bench_machine.POOL]), 0, "blocks that are missing")
tap.done()
