#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmark beside other readers, in small: every job has the same rows there and here, a difference is found, and Volatility
is run as its manual says, if it is there (a stand-in is: it looks at what it is given). TAP; symbol tables come from the corpus.
"""
import contextlib
import io
import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import tap  # noqa: E402
import bench  # noqa: E402
import bench_peers as peers  # noqa: E402

PROCESSES, THREADS, MEGABYTES = 7, 40, 2
STAND_IN = f"""#!{sys.executable}
import json, os, sys
words = sys.argv[1:]
if words == ["-h"]:
    sys.exit(0)
symbols, dump, plugin = words[words.index("-s") + 1], words[words.index("-f") + 1], words[8]
assert words[:4] == ["-q", "--offline", "-r", "json"], words
table = os.path.join(symbols, "windows", "ntkrnlmp.pdb")
assert os.listdir(table) == ["5278AFF86C341677D7D7835C85B7B844-1.json.xz"], os.listdir(table)
assert os.path.basename(os.environ["XDG_CACHE_HOME"]) == "peers.cache"
with open(dump, "rb") as f:
    head = f.read(0x1000)
assert head[:8] == b"PAGEDU64" and head[0xf98] == 5, head[:8]
if plugin == "windows.threads":
    sys.exit("no such plugin")
assert plugin != "windows.vadinfo" or words[9:] == ["--pid", "8"], words
below = [{{"PID": 8, "__children": []}}] * {PROCESSES - 1}
print(json.dumps([{{"PID": 4, "__children": below}}] if plugin == "windows.pslist" else []))
sys.exit("it had no luck" if plugin == "windows.bigpools" else 0)
"""


def table():
    return tap.corpus(peers.TABLE)


def printed(folder, **options):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        peers.rows(tap.program(), folder, 1, MEGABYTES, bench.cpu_time, size=(PROCESSES, THREADS), ram=1, **options)
    return out.getvalue()


def line_of(text, what):
    return next((line.split() for line in text.splitlines() if line.strip().startswith(what)), None)


with tempfile.TemporaryDirectory() as base:
    made = None
    with tap.case("the machine is made"):
        made = peers.Made(tap.program(), base, table(), (PROCESSES, THREADS, MEGABYTES, 1))
    wanted = {"!process 0 0": PROCESSES, "!process 0 4": THREADS, "lm": peers.DRIVERS + 2,
              "!handle 0 3 0": PROCESSES * (peers.machine.HANDLES + 6), "!poolfind -large *": peers.LARGE}
    for job in peers.JOBS:
        with tap.case(f"{job.what}: the floor has the rows of {job.line}"):
            if not made:
                tap.skip("there is no machine")
            count = peers.same(job, made)
            tap.equal(count, wanted.get(job.line, count), "rows")
            assert count >= PROCESSES, count
    with tap.case("rows that differ are an error that shows the first of them"):
        if not made:
            tap.skip("there is no machine")
        job = peers.JOBS[0]
        wrong = job._replace(columns=lambda r: (*job.columns(r)[:3], "other.exe", *job.columns(r)[4:]))
        try:
            peers.same(wrong, made)
            raise AssertionError("no error")
        except peers.Different as what:
            tap.contains(str(what), f"processes: {PROCESSES} rows, the floor has {PROCESSES}")
            tap.contains(str(what), "other.exe")
    with tap.case("Volatility is run beside it, and what it cannot do is said"), tempfile.TemporaryDirectory() as folder:
        table()
        program = os.path.join(folder, "vol")
        with open(program, "w", encoding="ascii") as f:
            f.write(STAND_IN)
        os.chmod(program, 0o755)
        text = printed(folder, volatility=program)
        before, behind = text.split("Volatility 3, a bitmap dump")
        for job in peers.JOBS:
            assert line_of(before, job.what), (job.what, text)
        tap.equal(line_of(behind, "processes")[1], str(PROCESSES), "rows, with those below others")
        tap.equal(line_of(behind, "threads of all")[-1], "windows.thrdscan", "another plugin for the same")
        tap.contains(behind, "large allocations   not measured: windows.bigpools: it had no luck\n")
        tap.equal(line_of(behind, "VADs of one")[-1], "windows.vadinfo", "the last one")
        tap.equal([f for f in os.listdir(folder) if f in ("peers.automatic", "peers.bitmap")], [], "dumps that are left")
    with tap.case("without Volatility it is said how to have it"):
        out = io.StringIO()
        peers.find_volatility = lambda given: None
        with contextlib.redirect_stdout(out):
            peers.beside_volatility(made, None, 1, bench.cpu_time)
        tap.contains(out.getvalue(), "Volatility 3: not measured: it is not at hand")
tap.done()
