#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Walks the stacks of real dumps and holds the frames against those that other people's programs found. Prints TAP.

Each case names a dump, the symbols to use, and a listing: what minidump_stackwalk of Breakpad or of rust-minidump
printed, or a plain list of instruction pointers. Compared is every frame that the listing trusts (context, call frame
info, frame pointer), thread by thread, up to the first one that it only scanned for: ip, sp, and each register it gives.
A frame must also be found in a way that is as good (`HOWS`). Known differences stand beside the case, each with its
reason.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

BREAKPAD = "mdmp/google+breakpad/src/processor/testdata"
RUST = "mdmp/rust-minidump+rust-minidump"
SNAPS = f"{RUST}/minidump-stackwalk/tests/snapshots/test_minidump_stackwalk__"
LLDB = "mdmp/llvm-mirror+lldb/unittests/Process/minidump/Inputs"
SYZYGY = "mdmp/google+syzygy/syzygy"

# The listing's words for how it found a frame -> ours that are as good.
EXACT = {"cfi", "fpo", "unwind", "leaf", "trap"}
HOWS = {
    "given as instruction pointer in context": {"context"},
    "call frame info": EXACT,
    "previous frame's frame pointer": EXACT | {"frame pointer"},
    "inlining": {"inline"},
}
REGISTERS = {"eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp"}
REGISTERS |= {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"} | {f"r{n}" for n in range(16)}
REGISTERS |= {f"x{n}" for n in range(29)} | {"fp", "lr", "sp"}
IPS = ("eip", "rip", "pc")

# name, dump, symbol path, listing, {(thread, frame): {register: why ours is not known}}
LISTINGS = [
    ("x86, Breakpad, symbols", f"{BREAKPAD}/minidump2.dmp", f"{BREAKPAD}/symbols",
     f"{BREAKPAD}/minidump2.stackwalk.out", {}),
    ("x86, rust-minidump, symbols", f"{RUST}/testdata/test.dmp", f"{RUST}/testdata/symbols",
     f"{SNAPS}human-symbols.snap",
     {(0, n): {"esi": "the program of VC7 does not say whether esi was saved", "edi": "the same"} for n in (1, 2, 3)}),
    ("x86, rust-minidump, no symbols", f"{RUST}/testdata/test.dmp", None, f"{SNAPS}human.snap", {}),
    ("x64, macOS, rust-minidump, symbols, inlined calls", f"{RUST}/testdata/pipeline-inlines-macos-segv.dmp",
     f"{RUST}/testdata/symbols", f"{SNAPS}macos_inlines_human.snap", {}),
    ("x64, Linux, rust-minidump, no symbols", f"{RUST}/testdata/linux-mini.dmp", None, f"{SNAPS}linux_human.snap", {}),
    ("ARM, Breakpad, symbols", f"{BREAKPAD}/microdump-arm.dmp", f"{BREAKPAD}/symbols/microdump",
     f"{BREAKPAD}/microdump.stackwalk-arm.out", {}),
    ("ARM64, Breakpad, symbols", f"{BREAKPAD}/microdump-arm64.dmp", f"{BREAKPAD}/symbols/microdump",
     f"{BREAKPAD}/microdump.stackwalk-arm64.out", {}),
]

# Listings that end where ours goes on: the chain of frame pointers leads from frame 8, in libc, to one in the program,
# which theirs does not follow.
FURTHER = {f"{BREAKPAD}/microdump.stackwalk-arm64.out"}

# name, dump, symbol path, thread, [ip of each frame], from where they are known
CHAINS = [
    ("x86, LLDB, no symbols", f"{LLDB}/fizzbuzz_no_heap.dmp", None, 0,
     [0x00164d14, 0x00167c79, 0x00167e6d, 0x7510336a, 0x77759882, 0x77759855]),
]

# Dumps whose threads lead to their outermost frame, without any symbols: (dump, threads that do not). Those are threads
# that wrote the dump themselves: they went on while their stacks were saved, and zeros lie where they would return.
WHOLE = [
    (f"{SYZYGY}/minidump/test_data/notepad-small-32bit.dmp", 0),
    (f"{SYZYGY}/minidump/test_data/notepad-larger-32bit.dmp", 0),
    (f"{SYZYGY}/poirot/test_data/use-after-free.dmp", 0),
    (f"{BREAKPAD}/null_read_av.dmp", 1),
    (f"{BREAKPAD}/exec_av_on_stack.dmp", 1),
    (f"{BREAKPAD}/stack_exhaustion.dmp", 1),
    (f"{BREAKPAD}/thread_name_list.dmp", 0),
    (f"{BREAKPAD}/tiny-exe-with-cet-xsave-x86.dmp", 0),
]


def walk(dump, symbols, *options):
    """{thread: (frames, end)}"""
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    tool = os.path.join(build, "tests", "stack_facts")
    if not os.path.exists(tool):
        tap.skip("stack_facts is not built")
    with tempfile.TemporaryDirectory() as folder:
        args = [tool, *options, "-c", os.path.join(folder, "cache")]
        args += ["-y", tap.corpus(symbols)] if symbols else []
        env = {**os.environ, "XDG_CACHE_HOME": os.path.join(folder, "xdg")}
        run = subprocess.run([*args, tap.corpus(dump)], capture_output=True, timeout=110, env=env)
    if run.returncode:
        raise AssertionError(f"stack_facts: {run.stderr.decode()}")
    threads, frames = {}, []
    for line in run.stdout.decode().splitlines():
        fact = json.loads(line)
        if "end" in fact:
            threads[fact["thread"]] = (frames, fact["end"])
            frames = []
        else:
            frames.append(fact)
    return threads


def listing(path):
    """{thread: [{"regs": {name: value}, "how": words}]} of what a stackwalk printed for people."""
    threads, frames = {}, None
    with open(tap.corpus(path), encoding="utf-8", errors="replace") as f:
        for line in f:
            thread = re.match(r"Thread (\d+)", line)
            if thread:
                frames = threads.setdefault(int(thread.group(1)), [])
            elif frames is not None and re.match(r" ?\d+  \S", line):
                frames.append({"regs": {}, "how": ""})
            elif frames and re.match(r"    ", line):
                found = re.match(r"\s+Found by: (.*)", line)
                if found:
                    frames[-1]["how"] = found.group(1).strip()
                for name, value in re.findall(r"(\w+) = 0x([0-9a-f]+)", line):
                    frames[-1]["regs"][name] = int(value, 16)
            elif not line.strip() or re.match(r"(Loaded|Unloaded) modules", line):
                if line.startswith(("Loaded", "Unloaded")):
                    frames = None
    return threads


def trusted(frames):
    """Those before the first that was only guessed."""
    out = []
    for frame in frames:
        if frame["how"] not in HOWS:
            break
        out.append(frame)
    return out


def compare_frame(want, got, where, unknown):
    for ip in (want["regs"][n] for n in IPS if n in want["regs"]): # inlined ones have none
        tap.equal(int(got["ip"], 16), ip, f"{where}: ip")
    tap.equal(got["how"] in HOWS[want["how"]], True, f"{where}: found by {got['how']}, theirs by {want['how']}")
    for name, value in want["regs"].items():
        if name not in REGISTERS:
            continue
        if name in unknown:
            tap.equal(got["regs"].get(name), None, f"{where}: {name} is known after all ({unknown[name]})")
        else:
            tap.equal(got["regs"].get(name), hex(value), f"{where}: {name}")


def compare_listing(dump, symbols, path, unknown):
    theirs, ours, compared = listing(path), walk(dump, symbols), 0
    for number, frames in theirs.items():
        got = ours.get(number, ([], ""))[0]
        for i, want in enumerate(trusted(frames)):
            where = f"thread {number}, frame {i}"
            tap.equal(len(got) > i, True, f"{where}: there is one")
            compare_frame(want, got[i], where, unknown.get((number, i), {}))
            compared += 1
        if len(trusted(frames)) == len(frames) and path not in FURTHER:
            tap.equal(len(got), len(frames), f"thread {number}: frames")
    tap.equal(compared > 0, True, f"{path} has frames to compare")
    print(f"# {os.path.basename(path)}: {compared} frames compared")


def compare_chain(dump, symbols, thread, want):
    frames, end = walk(dump, symbols)[thread]
    tap.equal([int(f["ip"], 16) for f in frames], want, "instruction pointers")
    tap.equal(end, "the outermost frame", "end")


def compare_whole(dump, lost):
    threads = walk(dump, None)
    ends = [end for _, end in threads.values()]
    tap.equal(sum(end != "the outermost frame" for end in ends), lost, f"of {len(ends)} threads, those not followed")
    for number, (frames, _) in threads.items():
        sps = [int(f["sp"], 16) for f in frames]
        tap.equal(sps, sorted(set(sps)), f"thread {number}: stack pointers")
        for f in frames[1:]:
            tap.equal("module" in f or f["how"] == "frame pointer", True, f"thread {number}: {f['ip']} is code")


def main():
    for name, dump, symbols, path, unknown in LISTINGS:
        with tap.case(name):
            compare_listing(dump, symbols, path, unknown)
    for name, dump, symbols, thread, want in CHAINS:
        with tap.case(name):
            compare_chain(dump, symbols, thread, want)
    for dump, lost in WHOLE:
        with tap.case(f"all of {os.path.basename(dump)}"):
            compare_whole(dump, lost)
    tap.done()


if __name__ == "__main__":
    main()
