#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures opening symbol tables: the first parse against `xzcat FILE | wc -c`, and the cached opening.

    scripts/bench_isf.py [--build build/release] [FILE ...]

Without files: the corpus' tables. The bounds: a first parse takes at most three times as long as xzcat, a cached opening at
most one millisecond. Exit status 1 when one is missed. Each figure is the best of five; it is a report, not a test, since a
busy machine makes it fail.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROUNDS = 5


def corpus():
    folder = os.environ.get("STOPCODE_CORPUS")
    for up in ("..", "../..", "../../.."):
        folder = folder or next(iter(glob.glob(os.path.join(ROOT, up, "shared", "corpus"))), None)
    return sorted(glob.glob(os.path.join(folder, "isf", "*", "*.xz"))) if folder else []


def xzcat(path):
    """Milliseconds, and bytes of text."""
    start = time.perf_counter()
    xz = subprocess.Popen(["xzcat", path], stdout=subprocess.PIPE)
    text = subprocess.run(["wc", "-c"], stdin=xz.stdout, capture_output=True, check=True).stdout
    xz.wait()
    return (time.perf_counter() - start) * 1000, int(text)


def ours(tool, path):
    with tempfile.TemporaryDirectory() as cache:
        out = subprocess.run([tool, "--time", cache, path], capture_output=True, check=True, text=True).stdout
    parse, fill, again, how = out.split("\t")
    if how.strip() != "cached":
        raise SystemExit(f"{path}: was not cached")
    return float(parse), float(fill), float(again)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    tool = os.path.join(options.build, "tests", "isf_facts")
    files = options.files or corpus()
    if not files or not os.path.exists(tool):
        print("bench_isf: no symbol tables, or isf_facts is not built", file=sys.stderr)
        return 77
    print(f"{'table':34} {'text':>9} {'xzcat':>8} {'parse':>8} {'ratio':>6} {'+cache':>8} {'cached':>8}   (ms)")
    missed = 0
    for path in files:
        packed = path.endswith(".xz")
        plain = min(xzcat(path) for _ in range(ROUNDS)) if packed else (0.0, os.path.getsize(path))
        parse, fill, again = (min(x) for x in zip(*(ours(tool, path) for _ in range(ROUNDS))))
        ratio = parse / plain[0] if packed else 0.0
        missed += ratio > 3 or again > 1
        name = os.path.basename(os.path.dirname(path)) + "/" + os.path.basename(path)[:8]
        print(f"{name:34} {plain[1]:9d} {plain[0]:8.1f} {parse:8.1f} {ratio:6.2f} {fill:8.1f} {again:8.3f}")
    print("bench_isf: " + (f"{missed} of {len(files)} miss a bound" if missed else "all within the bounds"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
