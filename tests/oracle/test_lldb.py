#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds user minidumps against LLDB: forged ones and every one of the corpus.

LLDB opens each as a core: threads with their ids and registers, and modules with bases and build ids must be those that
the library reads. TAP; skips aloud without lldb (or name one in
STOPCODE_LLDB).
"""
import collections
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import radare  # noqa: E402
import tap  # noqa: E402

# Registers by the library's names, where they are others.
NAMES = {"efl": ("rflags", "eflags"), "psr": ("cpsr",)}
SEGMENTS = {"cs", "ds", "es", "fs", "gs", "ss"}  # not compared: LLDB fills in some from the flags of the context
COUNTS = collections.Counter()


def program():
    words = shlex.split(os.environ.get("STOPCODE_LLDB", ""))
    found = shutil.which("lldb") or shutil.which("lldb-14")
    if not words and not found:
        tap.skip("lldb is not installed (or name it in STOPCODE_LLDB)")
    return words or [found]


def read(path):
    rows = collections.defaultdict(list)
    for line in radare.facts("mdmp_facts", path, status=(0, 1)):
        row = json.loads(line)
        rows[row["kind"]].append(row)
    return rows


def ask(path, threads):
    """What LLDB prints of the file."""
    with tempfile.NamedTemporaryFile("w", suffix=".lldb") as script:
        script.write("settings set interpreter.stop-command-source-on-error false\n"
                     f'target create --core "{path}"\nthread list\nimage list -u -h\n')
        for i in range(1, threads + 1):
            script.write(f"thread select {i}\nregister read\n")
        script.flush()
        run = subprocess.run([*program(), "-x", "-b", "-s", script.name], capture_output=True, timeout=110)
    return run.stdout.decode("utf-8", "replace") + run.stderr.decode("utf-8", "replace")


def filled(path, thread):
    """Does the context (of x64) say that it has the registers? LLDB shows zeros where it does not."""
    with open(path, "rb") as file:
        file.seek(thread["context_off"] + 0x30)
        return file.read(1)[0] & 3 == 3


def check_threads(path, text, ours):
    """Threads of a 32-bit program of which a 64-bit context was written it would show by the 32-bit one: without a place."""
    theirs = [(int(tid, 0), int(pc, 16) if pc else None) for tid, pc in
              re.findall(r"^[* ] thread #\d+: tid = (0x[0-9a-f]+|\d+)(?:, (0x[0-9a-f]+))?", text, re.M)]
    tap.equal([tid for tid, _ in theirs], [t["tid"] for t in ours["thread"]], "threads")
    registers = {r["index"]: r for r in ours["regs"]}
    for thread, (tid, pc) in zip(ours["thread"], theirs):
        # Of the thread of the exception LLDB shows the exception's context.
        places = [r[n] for r in (registers.get(thread["index"]), *ours["event_regs"]) if r for n in ("rip", "eip", "pc") if n in r]
        if pc is not None and places and (filled(path, thread) or "rip" not in registers[thread["index"]]):
            tap.equal(pc in places, True, f"thread {tid:x} at {pc:x}")
            COUNTS["places"] += 1
    COUNTS["threads"] += len(theirs)


def check_registers(path, text, ours):
    """Of each thread, where the library has a context: the general registers, those of the event for its thread."""
    sets = [dict((n, int(v, 16)) for n, v in re.findall(r"^ +(\w+) = (0x[0-9a-f]+)", part, re.M))
            for part in re.split(r"^\(lldb\) register read$", text, flags=re.M)[1:]]
    event = ours["event_regs"][0] if ours["event_regs"] else None
    for mine, theirs in zip(ours["regs"], sets):
        if "rip" in mine and not filled(path, ours["thread"][mine["index"]]):
            continue
        choices = [mine] + ([event] if event and mine["index"] == ours["machine"][0]["current"] else [])
        wrong = []
        for choice in choices:
            pairs = [(n, theirs.get(n, next((theirs[o] for o in NAMES.get(n, ()) if o in theirs), None)), v)
                     for n, v in choice.items() if n not in SEGMENTS and isinstance(v, int) and n != "index"]
            pairs = [p for p in pairs if p[1] is not None]
            wrong.append([p for p in pairs if p[1] != p[2]])
            if not wrong[-1]:
                COUNTS["registers"] += len(pairs)
                break
        tap.equal(min(wrong, key=len), [], f"registers of thread {mine['index']}")


def check_modules(text, ours):
    """Modules without a build id have none there; those of age 0 have GUIDs alone."""
    theirs = {}
    for uuid, base in re.findall(r"^\[ *\d+\] ([0-9A-F-]*) +(0x[0-9a-f]+) *$", text, re.M):
        theirs[int(base, 16)] = uuid.replace("-", "")
    bases = {m["base"] for m in ours["module"]}
    tap.equal(sorted(set(theirs) - bases), [], "modules that we do not have")
    # Of several modules of one file LLDB keeps one.
    files = collections.Counter(m["path"] for m in ours["module"])
    tap.equal([m["path"] for m in ours["module"] if m["base"] not in theirs and files[m["path"]] == 1], [], "modules that it does not have")
    windows = ours["machine"][0]["windows"]
    for m in ours["module"]:
        if m["base"] in theirs and m["cv"] == "rsds" and windows and theirs[m["base"]]:
            key = m["guid"].strip("{}").replace("-", "").upper() + (f"{m['age']:08X}" if m["age"] else "")
            tap.equal(theirs[m["base"]], key, f"id of {m['image']}")
            COUNTS["ids"] += 1
    COUNTS["modules"] += len(theirs)


def check(path, text, ours):
    if ours["error"]:
        tap.lacks(text, "was loaded.")
        return
    if "was loaded." not in text:
        tap.skip("LLDB does not open it: " + " ".join(re.findall(r"^error: (.*)$", text, re.M)[:1]))
    check_threads(path, text, ours)
    check_registers(path, text, ours)
    check_modules(text, ours)
    COUNTS["dumps"] += 1


def forge(folder, name):
    out = os.path.join(folder, name + ".dmp")
    run = subprocess.run([tap.helper("stopcode-forge"), "-q", os.path.join(tap.ROOT, "tests", "forge", "worlds", name + ".scenario"),
                          "--store", os.path.join(folder, "store"), "-o", out], capture_output=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, b""), "stopcode-forge")
    return out


def main():
    found, files = [], []
    with tap.case("LLDB is at hand"):
        found.append(program())
    if not found:
        tap.done()
    with tempfile.TemporaryDirectory() as folder:
        with tap.case("minidumps are forged"):
            files += [(n, forge(folder, n)) for n in ("user-x64", "user-x86")]
        with tap.case("the corpus has minidumps"):
            corpus = tap.corpus("mdmp")
            files += [(os.path.relpath(p, corpus), p) for p in sorted(glob.glob(os.path.join(corpus, "**", "*mp"), recursive=True))
                      if os.path.isfile(p)]
        for name, path in files:
            with tap.case(name):
                ours = read(path)
                check(path, ask(path, len(ours["thread"])), ours)
    print("# compared: " + ", ".join(f"{n} {what}" for what, n in COUNTS.items()))
    tap.done()


if __name__ == "__main__":
    main()
