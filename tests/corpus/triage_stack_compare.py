#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stacks of real triage dumps against those that an independent debugger shows, who had the kernel's image and PDB.

The dumps' kernels have symbol tables without sizes at best and no image, so the kernel's frames are concluded from the
stack's memory. Measured is how many of the true frames are shown, and how many false ones: these must be marked as
guesses. What is marked as exact must be true. The figures stand in docs/design/stacks.md. Prints TAP.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

GUESSED = ("frame pointer", "fitted", "scan")
FIRST_EXACT = 8  # golden frame where the exception was raised: its registers are in the dump
LAST_EXACT = 24  # the last one that unwind data at hand leads to


class Frame:
    def __init__(self, line):
        number, how, confidence, suspect, ip, sp, self.symbol = line.split("\t")
        self.number, self.how, self.confidence = int(number), how, int(confidence)
        self.suspect = suspect == "1"
        self.key = (int(ip, 16), int(sp, 16))


def golden(name):
    """{(instruction pointer, stack pointer): number}"""
    with open(tap.corpus(f"golden/{name}.frames.tsv"), encoding="utf-8") as f:
        rows = [line.split("\t") for line in f if not line.startswith("#")]
    return {(int(ip, 16), int(sp, 16)): int(number) for number, ip, sp, _ in rows if int(ip, 16)}


def facts(dump, where, *options):
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    tool = os.path.join(build, "tests", "triage_stack_facts")
    if not os.path.exists(tool):
        tap.skip("triage_stack_facts is not built")
    env = {**os.environ, "XDG_CACHE_HOME": "/dev/null/none"}
    run = subprocess.run([tool, *options, tap.corpus(f"kdump/{dump}.dmp"), where], capture_output=True, timeout=110,
                         env=env)
    if run.returncode:
        raise AssertionError(f"triage_stack_facts: {run.stderr.decode()}")
    return run.stdout.decode("utf-8", "surrogatepass").splitlines()


def walk(dump, where, *options):
    *frames, end = facts(dump, where, *options)
    return [Frame(line) for line in frames], end.split("\t")[1]


def measure(dump, where, *options, start=0):
    """(numbers of the true frames shown, false ones, those shown as exact); what is exact must be true."""
    frames, end = walk(dump, where, *options)
    true = golden(dump)
    real = [f for f in frames if f.how != "inline"]
    found = [true[f.key] for f in real if f.key in true]
    false = [f for f in real if f.key not in true]
    exact = [true.get(f.key) for f in real if f.how not in GUESSED]
    wrong = [f.symbol for f in real if f.key not in true and f.how not in GUESSED]
    tap.equal(wrong, [], f"exact frames of {dump} that are none")
    tap.equal(found, sorted(found), "frames come in order")
    for f in real:
        tap.equal(f.confidence < 100, f.how in GUESSED, f"frame {f.number}: {f.how} {f.confidence}%")
    left = [n for n in true.values() if n >= start]
    print(f"# {dump} {where} {' '.join('symbols' if o == '-y' else 'images' for o in options if o in ('-y', '-i'))}:"
          f" {len(found)} of {len(left)} frames, {len(exact)} exact, {len(false)} false;"
          f" false: {', '.join(f'{f.symbol} {f.confidence}%' for f in false) or 'none'}; then: {end}")
    return found, false, exact, end


def paths():
    isf, store = tap.corpus("isf"), tap.corpus("symstore")
    return "-y", f"{isf};{store}", "-i", store


def test_from_the_bug_check():
    found, false, exact, end = measure("triage_x64", "current", *paths())
    tap.equal([n for n in range(FIRST_EXACT, LAST_EXACT + 1) if n not in exact], [], "exact frames of the drivers")
    tap.equal(len(found) >= 34, True, f"{len(found)} frames")
    tap.equal(len(false) <= 4, True, f"{len(false)} false")
    tap.equal(end, "the outermost frame", "end")


def test_from_the_exception():
    found, false, exact, end = measure("triage_x64", "event", *paths(), start=FIRST_EXACT)
    tap.equal([n for n in range(FIRST_EXACT, LAST_EXACT + 1) if n not in exact], [], "exact frames of the drivers")
    tap.equal(len(found) >= 27, True, f"{len(found)} frames")
    tap.equal(len(false) <= 4, True, f"{len(false)} false")
    tap.equal(end, "the outermost frame", "end")


def test_without_guessing_nothing_is_false():
    for where in ("current", "event"):
        found, false, exact, end = measure("triage_x64", where, "-exact", *paths())
        tap.equal(false, [], "false")
        tap.equal(len(exact), len(found), "all are exact")
        tap.equal(end, "nothing says how this frame is left", "end")
    tap.equal(len(found), LAST_EXACT - FIRST_EXACT + 1, "frames from the exception on")


def test_without_any_symbol_or_image():
    found, false, exact, _ = measure("triage_x64", "current")
    tap.equal(FIRST_EXACT in exact, True, "the exception's registers are known by themselves")
    tap.equal(len(found) >= 26, True, f"{len(found)} frames")
    tap.equal(len(false) <= 10, True, f"{len(false)} false")


def test_arm64_by_frame_pointers_alone():
    found, false, _, _ = measure("triage_arm64", "current")
    tap.equal(found, [0, 1, 2, 3, 4], "frames")
    tap.equal(false, [], "false")


def test_the_trap_frame_is_found_by_its_instruction():
    """With neither symbols nor images; all sixteen registers are those of the context that the kernel kept besides."""
    first, *registers = (line.split("\t") for line in facts("triage_x64", "trap"))
    tap.equal(first, ["trap", "0xffff850429891f90", "0xffff850429891db0"], "where it lies")
    tap.equal(len(registers), 16, "registers")
    tap.equal([name for name, value, want in registers if value != want], [], "registers that differ from the context")


CASES = (
    ("from the bug check: all of the drivers' frames, and the kernel's", test_from_the_bug_check),
    ("from the exception", test_from_the_exception),
    ("without guessing nothing is false", test_without_guessing_nothing_is_false),
    ("without any symbol or image", test_without_any_symbol_or_image),
    ("the trap frame of a fault is found by its instruction", test_the_trap_frame_is_found_by_its_instruction),
    ("ARM64 by frame pointers alone", test_arm64_by_frame_pointers_alone),
)


def main():
    for name, test in CASES:
        with tap.case(name):
            tap.corpus()
            test()
    tap.done()


if __name__ == "__main__":
    main()
