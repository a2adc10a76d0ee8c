#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the built-in layout of entries that are not valid (MMPTE_SOFTWARE, _TRANSITION, _PROTOTYPE) with the public
symbols of kernels: those of the corpus, updated ones mostly, and the fact tables of data/layouts, released ones.
"""
import collections
import glob
import json
import lzma
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

# A table's version says 18326 where the build is 18362: the digits are swapped in the tables' index.
MISSPELT = {18326: 18362}
Soft = collections.namedtuple("Soft", "known prototype transition protection low high proto swizzle pfn_mask")


def ours(cpu, pae, build, swizzled="-"):
    out = subprocess.run([tap.helper("softpte_facts"), cpu, str(int(pae)), str(build), swizzled], capture_output=True,
                         check=True, text=True, timeout=20).stdout.split()
    return Soft(*[int(x) for x in out[:-1]], int(out[-1], 16))


def compare(fields, soft, narrow=False):
    """FIELDS: (structure, member) -> (first bit, bits)."""

    def bit(structure, member):
        return fields.get((f"_MMPTE_{structure}", member), (0, 0))[0]

    for structure in ("SOFTWARE", "TRANSITION", "PROTOTYPE"):
        tap.equal(bit(structure, "Prototype"), soft.prototype, f"{structure}.Prototype")
        tap.equal(bit(structure, "SwizzleBit"), soft.swizzle, f"{structure}.SwizzleBit")
    for structure in ("SOFTWARE", "TRANSITION"):
        tap.equal(bit(structure, "Transition"), soft.transition, f"{structure}.Transition")
        tap.equal(bit(structure, "Protection"), soft.protection, f"{structure}.Protection")
    tap.equal(bit("SOFTWARE", "PageFileLow"), soft.low, "PageFileLow")
    tap.equal(bit("SOFTWARE", "PageFileHigh"), soft.high, "PageFileHigh")
    first, count = fields[("_MMPTE_TRANSITION", "PageFrameNumber")]
    tap.equal(((1 << count) - 1) << first, soft.pfn_mask, "PageFrameNumber")
    if not narrow:
        first, count = fields[("_MMPTE_PROTOTYPE", "ProtoAddress")]
        tap.equal((first, count), (soft.proto, 64 - soft.proto), "ProtoAddress")


def of_symbols(path):
    with lzma.open(path) as f:
        types = json.load(f)["user_types"]
    return {(s, m): (f["type"].get("bit_position", 0), f["type"].get("bit_length", 0))
            for s, t in types.items() if s.startswith("_MMPTE_") for m, f in t["fields"].items()}


def versions():
    with open(tap.corpus("isf/INDEX.tsv"), encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    return {row[1]: row[0] for row in rows}


def corpus_tables():
    names = versions()
    paths = sorted(glob.glob(os.path.join(tap.corpus("isf"), "ntkrnlmp.pdb", "*.json.xz")))
    assert paths
    for path in paths:
        version = names[os.path.basename(path).split("-")[0]]
        with tap.case(f"the symbols of {version}"):
            build = int(version.split(".")[2])
            soft = ours("x64", False, MISSPELT.get(build, build))
            compare(of_symbols(path), soft)
            tap.equal(soft.known, 1, "known")


def of_layout(path):
    fields = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            row = line.rstrip("\n").split("\t")
            if row[0].startswith("_MMPTE_") and len(row) == 5 and "+" in row[3]:
                first, count = row[3].split("+")
                fields[(row[0], row[1])] = (int(first), int(count))
    return fields


def fact_tables():
    compared = 0
    for path in sorted(glob.glob(os.path.join(tap.ROOT, "data", "layouts", "*.tsv"))):
        build, cpu = re.search(r"-(\d+)-(x64|x86)\.tsv$", path).groups()
        fields = of_layout(path)
        if ("_MMPTE_SOFTWARE", "PageFileLow") not in fields:
            continue
        compared += 1
        with tap.case(f"the fact table of {os.path.basename(path)}"):
            narrow = fields[("_MMPTE_TRANSITION", "PageFrameNumber")][1] == 20
            swizzled = ("_MMPTE_SOFTWARE", "SwizzleBit") in fields
            soft = ours(cpu, cpu == "x86" and not narrow, int(build), str(int(swizzled)))
            compare(fields, soft, narrow)
            tap.equal(soft.known, 1, "known")
    with tap.case("there are fact tables of all that the table claims"):
        assert compared >= 15, compared


if __name__ == "__main__":
    with tap.case("the corpus"):
        tap.corpus("isf/INDEX.tsv")
        corpus_tables()
    fact_tables()
    tap.done()
