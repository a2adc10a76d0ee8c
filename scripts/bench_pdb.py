#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures look-ups in a PDB of about 100 MB, which tests/bench/make_pdb makes, and LLVM's tools beside it.

A report, and two limits that hold on every machine: the first public symbol by address and by name read at most 40
pages of the file in all, and 2 million addresses a second (of processor time) are named.

  scripts/bench_pdb.py [--build DIR] [--keep FILE]

DIR is a build folder; times mean something with the preset release only.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGES_MAX = 40
RATE_MIN = 2.0


def timed(command):
    """(seconds of processor time, output) of a command; None when it failed."""
    before = os.times()
    done = subprocess.run(command, capture_output=True, timeout=110)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return (used, done.stdout.decode("utf-8", "replace")) if done.returncode == 0 else (used, None)


def ours(tool, *args):
    seconds, text = timed([tool, *args])
    if text is None:
        sys.exit(f"bench_pdb: {' '.join(args)} failed")
    return seconds, text.strip()


def others(path):
    """What LLVM's tools need for one answer."""
    tool = shutil.which("llvm-pdbutil")
    if not tool:
        print("  llvm-pdbutil is not installed")
        return
    for what, options in (("the summary", ["-summary"]), ("one global by name", ["-globals", "-global-name=x"]),
                          ("all publics", ["-publics"]), ("lines of one compiland", ["-l", "-modi=312"])):
        seconds, text = timed([tool, "dump", *options, path])
        print(f"  llvm-pdbutil, {what:<24} {1000 * seconds:9.1f} ms" + ("" if text is not None else "  (refused)"))


def image_for(path, folder):
    """A copy of an image of the corpus that names PATH as its PDB; None when there is none. llvm-symbolizer finds a
    PDB only through its image."""
    for up in (os.environ.get("STOPCODE_CORPUS"), *(os.path.join(ROOT, u, "shared", "corpus")
                                                    for u in ("..", "../..", "../../.."))):
        driver = up and os.path.join(up, "drivers/winsiderss+systeminformer/KSystemInformer/bin-signed/amd64")
        if driver and os.path.exists(os.path.join(driver, "systeminformer.sys")):
            with open(os.path.join(driver, "systeminformer.sys"), "rb") as f:
                data = bytearray(f.read())
            at = data.find(b"RSDS") + 24
            end = data.find(b"\0", at)
            if len(path.encode()) > end - at:
                return None
            data[at:end] = path.encode().ljust(end - at, b"\0")
            image = os.path.join(folder, "image.sys")
            with open(image, "wb") as f:
                f.write(data)
            return image
    return None


def symbolizer(path, folder):
    tool = shutil.which("llvm-symbolizer")
    image = tool and image_for(path, folder)
    if not image:
        print("  llvm-symbolizer: not installed, or no image to lead it to the PDB")
        return
    start = time.monotonic()
    seconds, text = timed([tool, "--obj=" + image, "--relative-address", hex(0x1000 + 31234 * 0x60 + 30)])
    wall = time.monotonic() - start
    answer = " ".join((text or "failed").split())
    print(f"  llvm-symbolizer, one address          {1000 * seconds:9.1f} ms ({1000 * wall:.1f} ms of clock): {answer}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--keep", help="leave the PDB here")
    args = parser.parse_args()
    tool = os.path.join(args.build, "tests", "make_pdb")
    if not os.path.exists(tool):
        sys.exit(f"bench_pdb: {tool} is not built")
    with tempfile.TemporaryDirectory() as folder:
        path = args.keep or os.path.join(folder, "big.pdb")
        print("made: " + ours(tool, path)[1])
        seconds, first = ours(tool, "--first", path)
        print(f"first look-ups: {first}; the whole program {1000 * seconds:.1f} ms")
        many = ours(tool, "--many", path, "4000000")[1]
        print("then: " + many)
        seconds, text = ours(tool, "--function", path)
        print(f"private symbols: {text}; the whole program {1000 * seconds:.1f} ms")
        print("other programs, the same file, processor time:")
        others(path)
        symbolizer(path, folder)
    pages = int(re.search(r"(\d+) with the first name", first).group(1))
    rate = float(re.search(r"([\d.]+) million", many).group(1))
    if pages > PAGES_MAX or rate < RATE_MIN:
        sys.exit(f"bench_pdb: {pages} pages (at most {PAGES_MAX}), {rate} million a second (at least {RATE_MIN})")


main()
