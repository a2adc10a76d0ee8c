#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what the library reads from PDBs with what llvm-pdbutil says of the same files, and with the symbol files
that Breakpad's own tool (built on Microsoft's DIA) made of some of them.

    pdb_compare.py [FILE...]

Every PDB of the corpus, or the files named. Where an oracle refuses a file, or differs for a reason that is known, the
test says so by name. Prints TAP. STOPCODE_BUILD names the build folder (else build/dev).
"""
import collections
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import tap  # noqa: E402
from pdb_oracle import (BASE, CONSTANT, DATA, ENUMERATOR, FUNCTION, PUBLIC, THREAD, VFPTR,  # noqa: E402
                        Facts, Layout, LineTables, OracleTypes, Owners, SymFile, address, chain, facts_tool, inlinee_lines,
                        oracle, oracle_inlines, oracle_lines, oracle_symbols, oracle_tool, type_index)

FOLDERS = ("pdb", "drivers", "symstore", "mdmp")


# --------------------------------------------------------------------------------------------------- comparisons

def listed(items, most=8):
    items = sorted(items, key=repr)
    return "\n".join(f"  {i!r}" for i in items[:most]) + (f"\n  … {len(items)} in all" if len(items) > most else "")


def same_set(ours, theirs, what):
    missing, extra = theirs - ours, ours - theirs
    if missing or extra:
        raise AssertionError(f"{what}: not read by us:\n{listed(missing)}\nread by us only:\n{listed(extra)}")
    if not theirs:
        tap.skip(f"the file has no {what}")


def check_publics(facts, path, layout):
    lines = oracle(path, "-publics")
    if lines is None:
        tap.skip("llvm-pdbutil refuses to show the publics")
    theirs = set()
    for kind, name, below in oracle_symbols(lines):
        at = address(below) if kind == "S_PUB32" else None
        if at and layout.rva(*at) is not None:
            theirs.add((name, layout.rva(*at)))
    ours = {(s["name"], s["rva"]) for s in facts.records["symbol"] if s["kind"] == PUBLIC}
    same_set(ours, theirs, "public symbols")


def check_publics_found(facts):
    """Each public is found by name, in another case, and by its address."""
    publics = [s for s in facts.records["symbol"] if s["kind"] == PUBLIC]
    if not publics:
        tap.skip("the file has no public symbols")
    by_rva = collections.defaultdict(set)
    for s in publics:
        by_rva[s["rva"]].add(s["name"])
    picked = publics[::max(1, len(publics) // 4000)]
    answers = facts.ask([q for s in picked for q in (f"f {s['name']}", f"c {s['name'].swapcase()}", f"p {s['rva']}",
                                                      f"p {s['rva'] + 1}")])
    for i, s in enumerate(picked):
        named, folded, at, above = answers[4 * i:4 * i + 4]
        tap.equal([a["name"] for a in named], [s["name"]], "found by name")
        tap.equal([a["name"].lower() for a in folded], [s["name"].lower()], "found in another case")
        if not at or at[0]["rva"] != s["rva"] or at[0]["name"] not in by_rva[s["rva"]]:
            raise AssertionError(f"at {s['rva']:#x} is {s['name']}, but {at} was found")
        if above and above[0]["rva"] not in (s["rva"], s["rva"] + 1) and not facts.records["to_source"]:
            raise AssertionError(f"one byte behind {s['name']} {above} was found")


def check_procs(facts, path, layout):
    lines = oracle(path, "-symbols")
    if lines is None:
        tap.skip("llvm-pdbutil refuses to show the symbols")
    theirs = set()
    for kind, name, below in oracle_symbols(lines):
        if not re.match(r"S_[GL]PROC32(_ID)?$", kind):
            continue
        at, size = address(below), int(re.search(r"code size = (\d+)", below).group(1))
        if layout.rva(*at) is not None:
            theirs.add((name, layout.rva(*at), layout.whole(*at, size)))
    ours = {(s["name"], s["rva"], s["size"]) for s in facts.records["symbol"] if s["kind"] == FUNCTION}
    same_set(ours, theirs, "procedures")
    check_proc_starts(facts)


def check_proc_starts(facts):
    """At its first and last byte a procedure is what is nearest."""
    procs = [s for s in facts.records["symbol"] if s["kind"] == FUNCTION and s["size"]]
    names = collections.defaultdict(set)
    for s in facts.records["symbol"]:
        if s["kind"] in (FUNCTION, PUBLIC):
            names[s["rva"]].add(s["name"])
    answers = facts.ask([f"n {s['rva'] + d}" for s in procs for d in (0, s["size"] - 1)])
    for i, s in enumerate(procs):
        first, last = answers[2 * i:2 * i + 2]
        if not first or first[0]["rva"] != s["rva"] or first[0]["name"] not in names[s["rva"]]:
            raise AssertionError(f"at the start of {s['name']} ({s['rva']:#x}) {first} was found")
        # Another symbol may start inside a procedure (assembler labels), none that starts below is nearer.
        if not last or last[0]["rva"] < s["rva"] and not facts.records["to_source"]:
            raise AssertionError(f"at the end of {s['name']} ({s['rva']:#x}) {last} was found")


def check_globals(facts, path, layout):
    lines = oracle(path, "-globals")
    if lines is None:
        tap.skip("llvm-pdbutil refuses to show the globals")
    theirs, kinds = set(), {"S_GDATA32": DATA, "S_LDATA32": DATA, "S_GTHREAD32": THREAD, "S_LTHREAD32": THREAD}
    for kind, name, below in oracle_symbols(lines):
        if kind in kinds:
            at = address(below)
            place = at[1] if kinds[kind] == THREAD else layout.rva(*at)
            if place is not None:
                theirs.add((kinds[kind], name, place, type_index(below), 0))
        elif kind == "S_CONSTANT":
            value = int(re.search(r", value = (-?\d+)", below).group(1))
            theirs.add((CONSTANT, name, 0, type_index(below), value & (1 << 64) - 1))
    ours = {(s["kind"], s["name"], s["rva"], s["type"], s["value"]) for s in facts.records["symbol"]
            if s["kind"] in (DATA, THREAD, CONSTANT)}
    same_set(ours, theirs, "data, thread-local data and constants")


def same_value(ours, theirs, size):
    """llvm-pdbutil shows an enumerator by the leaf's own width, signed or not."""
    mask = (1 << 8 * size) - 1 if size else (1 << 64) - 1
    return (ours ^ theirs) & mask == 0


def compare_members(ours, theirs, t, where):
    known = [m for m in theirs if m[0] is not None]
    ours = [m for m in ours if m["kind"] != VFPTR]
    other = [m[1] for m in theirs if m[0] is None and m[1] not in ("LF_VFUNCTAB", "LF_BCLASS", "LF_VBCLASS",
                                                                   "LF_IVBCLASS", "LF_BINTERFACE")]
    if other:
        raise AssertionError(f"{where}: members that this test does not know: {other}")
    bases = [m for m in ours if m["kind"] == BASE]
    tap.equal(len(bases), sum("BCLASS" in m[1] for m in theirs if m[0] is None), f"{where}: base classes")
    ours = [m for m in ours if m["kind"] != BASE]
    tap.equal([m["name"] for m in ours], [m[1] for m in known], f"{where}: names of members")
    for a, (kind, name, offset, index, pos, bits, value) in zip(ours, known):
        got = (a["kind"], a["offset"], a["pos"], a["bits"])
        tap.equal(got, (kind, offset, pos, bits), f"{where}.{name}")
        if kind != ENUMERATOR and index is not None:
            tap.equal(a["type"], index, f"{where}.{name}: type")
        if kind == ENUMERATOR and not same_value(a["value"], value, t["size"]):
            raise AssertionError(f"{where}.{name}: {a['value']}, not {value}")


def check_types(facts, path):
    lines = oracle(path, "-types", "-dont-resolve-forward-refs")
    if lines is None:
        tap.skip("llvm-pdbutil refuses to show the types")
    theirs = OracleTypes(lines)
    ours = {t["id"]: t for t in facts.records["type"]}
    defined = {i: t for i, t in theirs.types.items() if not t["forward"]}
    if not defined:
        tap.skip("the file defines no types")
    same_set(set(ours), set(defined), "types")
    for index, t in defined.items():
        mine = ours[index]
        tap.equal(mine["name"], t["name"], f"name of type {index:#x}")
        if t["size"] is not None:
            tap.equal(mine["size"], t["size"], f"size of {t['name']}")
        compare_members(facts.members[index], theirs.members(t["fields"]), mine, t["name"])


def check_types_found(facts, path):
    """Each definition is found by its name, and each forward reference leads to one of that name."""
    lines = oracle(path, "-types", "-dont-resolve-forward-refs")
    if lines is None:
        tap.skip("llvm-pdbutil refuses to show the types")
    types = OracleTypes(lines).types
    unnamed = re.compile(r"(^|::)(<unnamed-tag>|__unnamed)$")
    defined = collections.defaultdict(set)
    for index, t in types.items():
        if not t["forward"]:
            defined[t["name"]].add(index)
    asked = [t for t in types.values() if not unnamed.search(t["name"])]
    forward = [i for i, t in types.items() if t["forward"]]
    if not asked:
        tap.skip("the file has no types with names")
    answers = facts.ask([f"t {t['name']}" for t in asked] + [f"T {i}" for i in forward])
    for t, answer in zip(asked, answers):
        tap.equal(len(answer), 1, f"answers to {t['name']}")
        if defined[t["name"]] and answer[0]["id"] not in defined[t["name"]]:
            raise AssertionError(f"{t['name']} is one of {defined[t['name']]}, not {answer[0]}")
    for index, answer in zip(forward, answers[len(asked):]):
        name = types[index]["name"]
        tap.equal(answer[0]["name"], name, f"name of type {index:#x}")
        if defined[name] and not unnamed.search(name):
            tap.equal(answer[0]["forward"], 0, f"{name} is a forward reference")


def check_lines(facts, path, layout):
    lines = oracle(path, "-l")
    if lines is None:
        tap.skip("llvm-pdbutil refuses to show the lines")
    contribs = oracle(path, "-section-contribs")
    if contribs is None:
        tap.skip("llvm-pdbutil refuses to show the section contributions")
    tables = LineTables(lines, Owners(contribs, layout), layout)
    origs = sorted({o for start, end, _, entries in tables.tables for e, _ in entries for o in (e, e + 1)
                    if start <= o < end and layout.image(o) is not None})
    if not origs:
        tap.skip("the file has no lines")
    wrong = []
    for orig, answer in zip(origs, facts.ask([f"l {layout.image(o)}" for o in origs])):
        got = (answer[0]["line"], answer[0]["file"]) if answer else (None, None)
        want = tables.at(orig)
        start = answer[0]["rva"] if answer else None
        # In an image that was reordered a line may start elsewhere, or in pieces: see check_sym_lines.
        if not any(got == w[:2] and (layout.omap or start == w[2]) for w in want):
            wrong.append((hex(orig), got, start, want))
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(origs)} lines differ:\n{listed(wrong)}")


def check_line_addresses(facts, path, layout):
    """Asking for a file and line gives the addresses that have it."""
    lines = oracle(path, "-l")
    if lines is None:
        tap.skip("llvm-pdbutil refuses to show the lines")
    where = collections.defaultdict(set)
    for (seg, _, end, _), entries in oracle_lines(lines).items():
        for off, number, file in entries:
            if number is not None and not file.startswith("(unknown file name") and layout.rva(seg, off) is not None and off < end:
                where[number, file].add(layout.rva(seg, off))
    if not where:
        tap.skip("the file has no lines")
    keys = sorted(where)[::max(1, len(where) // 300)]
    for key, answer in zip(keys, facts.ask([f"L {n} {f}" for n, f in keys])):
        got = {a["rva"] for a in answer if a["line"] == key[0] and a["file"].lower() == key[1].lower()}
        missing = where[key] - got
        if missing:
            raise AssertionError(f"{key}: addresses not found: {listed(map(hex, missing))}")


def same_inline(got, want):
    """llvm-pdbutil shows the last part of the name, cut off when it is long; none for other compilands' functions."""
    name, line = want
    named = name[:-3] in got[0] if name.endswith("...") else got[0].endswith(name)
    # Some versions of rustc count lines across files, to below 0: then there is no line.
    return named and (line is None or got[1] == max(line, 0))


def check_inlines(facts, path, layout):
    lines, starts, contribs = oracle(path, "-symbols"), oracle(path, "-il"), oracle(path, "-section-contribs")
    if lines is None or starts is None or contribs is None:
        tap.skip("llvm-pdbutil refuses to show the inlined calls")
    wanted, owners = {}, Owners(contribs, layout)
    for seg, off, size, sites, module in oracle_inlines(lines, inlinee_lines(starts)):
        # Of functions that the linker folded, the one of the compiland that owns the code is shown.
        if not 0 < seg <= len(layout.sections) or owners.at(layout.sections[seg - 1][0] + off) != module:
            continue
        edges = {e for _, _, rows in sites for r in rows for e in (r[0], r[1] - 1, r[1])}
        for e in edges:
            rva = layout.rva(seg, off + e)
            if e < size and rva is not None:
                wanted.setdefault(rva, []).append(chain(sites, e))
    if not wanted:
        tap.skip("the file has no inlined calls")
    wrong = []
    for rva, answer in zip(wanted, facts.ask([f"i {r}" for r in wanted])):
        got = [(a.get("name", a.get("text")), a.get("line")) for a in answer]
        if not any(len(got) == len(want) and all(map(same_inline, got, want)) for want in wanted[rva]):
            wrong.append((hex(rva), got, wanted[rva]))
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(wanted)} addresses differ:\n{listed(wrong)}")


def check_frames(facts, path, layout):
    lines = oracle(path, "-fpo")
    if lines is None:
        tap.skip("llvm-pdbutil refuses to show the frame data")
    theirs = set()
    kinds = {"FPO": 0, "Trap": 1, "TSS": 2, "Non-FPO": 3}
    for line in lines:
        cells = [c.strip() for c in line.split("|", 9)]
        if not re.match(r"^[0-9A-F]{8}$", cells[0]):
            continue
        rva = layout.image(int(cells[0], 16))
        if rva is None:
            continue
        if len(cells) == 9:
            code, local, params, prolog, saved = map(int, cells[1:6])
            theirs.add((rva, local * 4, params * 4, prolog, saved * 4, kinds[cells[8]], ""))
        else:
            code, local, params, _, prolog, saved = map(int, cells[1:7])
            theirs.add((rva, local, params, prolog, saved, 0xFF, cells[9].split("|")[-1].strip()))
    ours = {(f["rva"], f["locals"], f["params"], f["prolog"], f["saved"], f["kind"], f["program"].strip())
            for f in facts.records["frame"]}
    same_set(ours, theirs, "frame data")


def check_info(facts, path):
    lines = oracle(path, "-summary")
    if lines is None:
        tap.skip("llvm-pdbutil refuses the file")
    text = "\n".join(lines)
    info = facts.records["info"][0]
    tap.equal("{" + info["guid"] + "}", re.search(r"GUID: (\S+)", text).group(1), "GUID")
    tap.equal(info["age"], int(re.search(r"Age: (\d+)", text).group(1)), "age")
    tap.equal(info["signature"], int(re.search(r"Signature: (\d+)", text).group(1)), "signature")


# -------------------------------------------------------------------------------------------- Breakpad's symbol files

def bare(name):
    """The last part of a C++ or decorated C name without what it is decorated with."""
    name = re.sub(r"^(static|virtual|public:|private:|protected:) ", "", name)
    name = name.split("(")[0] if not name.startswith("?") else name
    name = name.split(" ")[-1] if "operator" not in name else name
    return re.sub(r"@\d+$", "", name).lstrip("_@")


def known_names(facts):
    """What starts at each RVA, without decoration: identical functions that the linker folded share one."""
    names = collections.defaultdict(set)
    for s in facts.records["symbol"]:
        if s["kind"] in (FUNCTION, PUBLIC):
            names[s["rva"]] |= {s["name"], bare(s["name"])}
    return names


def check_sym_functions(facts, sym):
    names, wrong, moved = known_names(facts), [], bool(facts.records["to_source"])
    for (rva, size, name), answer in zip(sym.funcs, facts.ask([f"n {f[0]}" for f in sym.funcs])):
        got = answer[0] if answer else None
        plain = bare(name)
        ok = got and any(n == plain or n in name or plain.split("::")[-1] in n
                         for n in names[got["rva"]] | {got["name"], bare(got["name"])})
        # Pieces of a reordered function are functions of their own in the symbol file.
        if ok and not moved and got["kind"] == FUNCTION:
            ok = got["rva"] == rva and got["size"] == size
        if not ok:
            wrong.append((hex(rva), size, name, got and (got["name"], hex(got["rva"]), got["size"])))
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(sym.funcs)} functions differ:\n{listed(wrong)}")


def check_sym_lines(facts, sym):
    """Known differences: a line of 0 bytes is one that another at the same address hides; lines 0xfeefee and 0xf00f00
    say that there is no line; in a reordered image the
    symbol file counts the bytes that the tool put behind a block to its last line, we do not."""
    hidden = (0xFEEFEE, 0xF00F00)
    records = [r for r in sym.lines if r[1] and r[2] not in hidden]
    moved = bool(facts.records["to_source"])
    if not records:
        tap.skip("the symbol file has no lines")
    wrong = []
    for (rva, size, line, file), answer in zip(records, facts.ask([f"l {r[0]}" for r in records])):
        got = answer[0] if answer else None
        ok = got and (got["rva"], got["line"], got["file"].lower()) == (rva, line, sym.files[file].lower())
        if ok:
            ok = got["size"] <= size if moved else got["size"] == size
        if not ok:
            wrong.append((hex(rva), size, line, sym.files[file], got))
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(records)} lines differ:\n{listed(wrong)}")


def check_sym_publics(facts, sym):
    if not sym.publics:
        tap.skip("the symbol file has no publics")
    at = collections.defaultdict(set)
    for s in facts.records["symbol"]:
        if s["kind"] == PUBLIC:
            at[s["rva"]].add(bare(s["name"]))
    wrong = [(hex(rva), name, at[rva]) for rva, name in sym.publics if bare(name) not in at[rva]]
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(sym.publics)} publics differ:\n{listed(wrong)}")


def frame_row(f):
    kind = 4 if f["kind"] == 0xFF else 0
    return (kind, f["rva"], f["size"], f["prolog"], f["params"], f["saved"], f["locals"],
            " ".join(f["program"].split()) if kind == 4 else str(f["ebp"]))


def check_sym_frames(facts, sym):
    """Where an image was reordered, the symbol file has a row for each piece of a row, and counts bytes that the tool
    put in; so there the row that holds at its address must agree in all but place, length and prolog."""
    if not sym.frames:
        tap.skip("the symbol file has no frame data")
    theirs = [f[:-1] + (" ".join(f[-1].split()),) for f in sym.frames]
    ours = {frame_row(f) for f in facts.records["frame"]}
    wrong = [f for f in theirs if f not in ours]
    if facts.records["to_source"]:
        at = collections.defaultdict(set)
        for f in theirs:
            at[f[1]].add(f[4:])
        answers = facts.ask([f"w {f[1]}" for f in wrong])
        wrong = [(f, a) for f, a in zip(wrong, answers) if not a or frame_row(a[0])[4:] not in at[f[1]]]
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(sym.frames)} rows differ:\n{listed(wrong)}")


# ------------------------------------------------------------------------------------------------------ the cases

def one_file(path, name):
    with open(path, "rb") as f:
        head = f.read(32)
    if head.startswith(b"BSJB"):
        with tap.case(f"{name}: a portable PDB is refused by its name"):
            errors = Facts(path).errors
            tap.contains(errors[0]["text"], "portable PDB")
        return
    facts, layout = None, None
    with tap.case(f"{name}: is read without an error"):
        facts = Facts(path)
        tap.equal(facts.errors, [], "errors")
        layout = Layout(path)
    if not layout:
        return
    checks = [("info", lambda: check_info(facts, path)),
              ("publics", lambda: check_publics(facts, path, layout)),
              ("publics by name and address", lambda: check_publics_found(facts)),
              ("procedures", lambda: check_procs(facts, path, layout)),
              ("data and constants", lambda: check_globals(facts, path, layout)),
              ("types and members", lambda: check_types(facts, path)),
              ("types by name", lambda: check_types_found(facts, path)),
              ("lines", lambda: check_lines(facts, path, layout)),
              ("addresses of lines", lambda: check_line_addresses(facts, path, layout)),
              ("inlined calls", lambda: check_inlines(facts, path, layout)),
              ("frame data", lambda: check_frames(facts, path, layout))]
    sym = next((s for s in (path[:-4] + ".sym", path + ".sym") if os.path.exists(s)), None)
    if sym:
        golden = SymFile(sym)
        checks += [("functions as in the .sym", lambda: check_sym_functions(facts, golden)),
                   ("lines as in the .sym", lambda: check_sym_lines(facts, golden)),
                   ("publics as in the .sym", lambda: check_sym_publics(facts, golden)),
                   ("frame data as in the .sym", lambda: check_sym_frames(facts, golden))]
    for what, check in checks:
        with tap.case(f"{name}: {what}"):
            check()


def corpus_files():
    root = tap.corpus()
    for folder in FOLDERS:
        for at, _, names in sorted(os.walk(os.path.join(root, folder))):
            for name in sorted(names):
                path = os.path.join(at, name)
                if name.lower().endswith(".pdb") and os.path.isfile(path):
                    yield path, os.path.relpath(path, root)


def main():
    files = [(f, os.path.basename(f)) for f in sys.argv[1:]]
    if not files:
        try:
            files = list(corpus_files())
            oracle_tool()
            facts_tool()
        except tap.Skip as reason:
            with tap.case("PDBs of the corpus"):
                raise tap.Skip(str(reason))
            tap.done()
    for path, name in files:
        one_file(path, name)
    tap.done()


main()
