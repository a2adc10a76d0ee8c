#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds PDBs against radare2: what the forge makes and every one of the corpus.

Public symbols with their addresses, structures with the offsets of their members, enumerations with their values: from
what radare2 reads (`idpi`) and from what the library reads. Where its answer is not taken, the functions' comments say.
TAP; skips aloud without radare2.
"""
import collections
import glob
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import radare  # noqa: E402
import tap  # noqa: E402
from test_radare2_images import forge_all  # noqa: E402

PUBLIC = 1
FIELD, ENUMERATOR = 0, 3  # kinds of members
STRUCTURES, ENUMERATION = (7, 8, 9), 10
# Files that it cannot read, and what happens.
KNOWN = {"vs2019_cpp_override.pdb": "radare2 crashes", "omap_reorder_bbs.pdb": "no types where stream 0 is empty",
         "omap_reorder_funcs.pdb": "no types where stream 0 is empty", "omap_stretched.pdb": "no types where stream 0 is empty",
         "omap_stretched_filled.pdb": "no types where stream 0 is empty"}
COUNTS = collections.Counter()


class Pdb:
    def __init__(self, path, name):
        try:
            said = radare.ask("--", f"idpij {path}")
        except AssertionError as why:
            if name in KNOWN and "ended with -" in str(why):
                tap.skip(KNOWN[name])
            raise
        self.theirs = said.json(0) or {}
        self.said = said.said
        self.symbols, self.types, self.members = [], [], collections.defaultdict(list)
        self.info = None
        for line in radare.facts("pdb_facts", path, status=(0, 1)):
            row = json.loads(line)
            if row["k"] == "symbol" and row["kind"] == PUBLIC:
                self.symbols.append((row["rva"], bytes(row["name"], "latin-1").decode("utf-8", "replace")))
            elif row["k"] == "type" and not row["forward"]:
                self.types.append(row)
            elif row["k"] == "member":
                self.members[row["of"]].append(row)
            elif row["k"] == "info":
                self.info = row


def check_publics(pdb):
    """Decorated names it undecorates: they are compared by their addresses.

    It takes all records of the stream, also those that no table leads to any more: then one of ours is at the address.
    Of an image whose code was moved it finds some addresses only (else -1), and says 0 where a block was thrown away.
    """
    ours = collections.Counter(pdb.symbols)
    at = collections.Counter(rva for rva, _ in pdb.symbols)
    theirs = [(g["address"], g["gdata_name"]) for g in pdb.theirs.get("gvars", []) if g["address"] not in (-1, 0)]
    tap.equal(sorted({rva for rva, _ in theirs} - set(at)), [], "addresses that we do not have")
    for place, name in theirs:
        if (place, name) not in ours:
            decorated = any(n.startswith(("?", "_Z", "__Z")) for rva, n in pdb.symbols if rva == place)
            cut = any(n.startswith(name) for rva, n in pdb.symbols if rva == place)
            tap.equal(decorated or cut, True, f"{name} at {place:x}")
    if len(pdb.theirs.get("gvars", [])) == len(theirs):
        tap.equal(sorted((at - collections.Counter(rva for rva, _ in theirs)).elements()), [], "addresses that it does not have")
    COUNTS["public symbols"] += len(theirs)


def fields(members):
    return tuple((m["name"], m["offset"]) for m in members if m["kind"] == FIELD)


def check_structures(pdb):
    """Behind declared types and methods it often loses its way and leaves out the rest: what it has must be a beginning.

    Structures that have neither are compared whole.
    """
    ours = collections.defaultdict(list)
    for t in pdb.types:
        if t["kind"] in STRUCTURES:
            rows = pdb.members[t["id"]]
            ours[t["name"], t["size"]].append((fields(rows), all(m["kind"] == FIELD for m in rows)))
    for t in pdb.theirs["types"]:
        if t["type"] != "structure":
            continue
        got = tuple((m["member_name"], m["offset"]) for m in t["members"]
                    if not m["member_type"].startswith(("method", "onemethod", "nesttype")))
        same = ours[t["name"], t["size"]]
        match = next((o for o in same if o[0] == got), None) or \
            next((o for o in same if not o[1] and o[0][:len(got)] == got), None)
        if not match:
            tap.equal(got, same, f"members of {t['name']}")
        same.remove(match)
        COUNTS["structures" if match[0] == got else "structures in part"] += 1
        COUNTS["members"] += len(got)
    tap.equal([name for name, left in ours.items() if left], [], "structures that it does not have")


def check_enumerations(pdb):
    """Values below zero are 64 bits without a sign to it; what is only declared it lists without values.

    Of a list that one record cannot hold (LF_INDEX leads to the rest) it has the beginning.
    """
    ours = collections.defaultdict(list)
    for t in pdb.types:
        if t["kind"] == ENUMERATION:
            ours[t["name"]].append([(m["name"], m["value"] & (1 << 64) - 1) for m in pdb.members[t["id"]] if m["kind"] == ENUMERATOR])
    for t in pdb.theirs["types"]:
        if t["type"] != "enum" or not t["cases"]:
            continue
        got = [(c["enum_name"], c["enum_val"] & (1 << 64) - 1) for c in t["cases"]]
        same = ours[t["name"]]
        match = next((o for o in same if o == got or (sum(len(n) + 8 for n, _ in o) > 0xf000 and o[:len(got)] == got)), None)
        if not match:
            tap.equal(got, same, f"values of {t['name']}")
        same.remove(match)
        COUNTS["enumerations"] += 1
        COUNTS["values"] += len(got)
    tap.equal([name for name, left in ours.items() if any(left)], [], "enumerations that it does not have")


def check(path):
    name = os.path.basename(path)
    with open(path, "rb") as file:
        portable = file.read(4) == b"BSJB"
    if portable:
        tap.equal(radare.ask("--", f"idpij {path}")[0].strip() in ("", "{}"), True, "it says nothing of a portable PDB, which is no MSF")
        return
    pdb = Pdb(path, name)
    check_publics(pdb)
    if "types" not in pdb.theirs and name in KNOWN:
        tap.contains(pdb.said, "There is no tpi stream")
    else:
        check_structures(pdb)
        check_enumerations(pdb)
    COUNTS["files"] += 1


def pdbs_in(folder):
    return sorted(p for p in glob.glob(os.path.join(folder, "**", "*.pdb"), recursive=True) if os.path.isfile(p))


def main():
    radare.need()
    radare.check_files("PDBs", forge_all, pdbs_in, check, name=lambda path: re.sub(r"/[0-9A-F]{33,}", "", path))
    print("# compared: " + ", ".join(f"{n} {what}" for what, n in COUNTS.items()))
    tap.done()


if __name__ == "__main__":
    main()
