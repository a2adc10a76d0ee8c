#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what the library reads from symbol tables (ISF) with what Python's own JSON reader finds in them, and the
built-in layouts with the tables of the same builds.

    isf_compare.py [--report]

--report writes docs/design/layout-differences.md, which the test otherwise checks to be up to date. Prints TAP.
"""
import collections
import glob
import json
import lzma
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

REPORT = os.path.join(tap.ROOT, "docs", "design", "layout-differences.md")
NAMES = {"unsigned long": "Uint4B", "unsigned int": "Uint4B", "unsigned char": "UChar", "unsigned short": "Uint2B",
         "unsigned long long": "Uint8B", "long": "Int4B", "int": "Int4B", "char": "Char", "short": "Int2B",
         "long long": "Int8B", "void": "Void", "wchar": "Wchar", "double": "Double", "f32": "Float",
         "HRESULT": "HRESULT"}
Member = collections.namedtuple("Member", "offset bit bits shape")
# A table's version says 18326 where the build is 18362: the digits are swapped in the tables' index.
MISSPELT = {18326: 18362}


def facts_tool():
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    path = os.path.join(build, "tests", "isf_facts")
    if not os.path.exists(path):
        tap.skip("isf_facts is not built")
    return path


class Facts:
    """What isf_facts printed."""

    def __init__(self, *args):
        run = subprocess.run([facts_tool(), *args], capture_output=True, timeout=100)
        if run.returncode:
            raise AssertionError(f"isf_facts {args}: {run.stderr.decode()}")
        self.info, self.symbols, self.types, self.enums = None, [], {}, {}
        for line in run.stdout.decode("utf-8", "surrogatepass").splitlines():
            kind, *f = line.split("\t")
            if kind == "I":
                self.info = f
            elif kind == "S":
                self.symbols.append((int(f[0]), f[1]))
            elif kind == "T":
                self.types[f[3]] = (int(f[1]), {})
            elif kind == "M":
                self.types[f[0]][1][f[1]] = Member(int(f[2]), int(f[3]), int(f[4]), f[5])
            elif kind == "E":
                self.enums.setdefault(f[0], {})[f[1]] = int(f[2])


def made_up(name):
    return name.startswith(("__anonymous_", "__unnamed_", "<"))


def shape(t):
    kind = t["kind"]
    if kind == "pointer":
        return "*" + shape(t["subtype"])
    if kind == "array":
        return f"[{t['count']}]" + shape(t["subtype"])
    if kind == "bitfield":
        return f"{t['bit_position']}.{t['bit_length']}:" + shape(t["type"])
    if kind == "function":
        return "f"
    if kind == "base":
        return "b:" + NAMES[t["name"]]
    return {"union": "u:", "enum": "e:"}.get(kind, "s:") + ("" if made_up(t["name"]) else t["name"])


def member(field):
    t = field["type"]
    return Member(field["offset"], t.get("bit_position", 0), t.get("bit_length", 0), shape(t))


def tables():
    return sorted(glob.glob(os.path.join(tap.corpus("isf"), "*", "*.json.xz")))


def compare_table(path):
    with lzma.open(path) as f:
        data = json.load(f)
    ours = Facts(path)
    pdb = data["metadata"]["windows"]["pdb"]
    tap.equal(ours.info[1].replace("-", "").strip("{}"), pdb["GUID"], "GUID")
    tap.equal((int(ours.info[2]), ours.info[4], int(ours.info[5])),
              (pdb["age"], pdb["database"], pdb["machine_type"]), "age, PDB, machine")
    symbols = [(s["address"], s.get("linkage_name", name)) for name, s in data["symbols"].items()]
    tap.equal(sorted(ours.symbols), sorted(symbols), "symbols")
    tap.equal([a for a, _ in ours.symbols], sorted(a for a, _ in symbols), "order of addresses")
    named = {n: t for n, t in data["user_types"].items() if not made_up(n)}
    enums = {n: t for n, t in data["enums"].items() if not made_up(n)}
    tap.equal(set(ours.types), set(named) | set(enums), "names of types")
    for name, t in named.items():
        tap.equal(ours.types[name][0], t["size"], f"size of {name}")
        if name not in enums:
            tap.equal(ours.types[name][1], {n: member(f) for n, f in t["fields"].items()}, name)
    for name, t in enums.items():
        tap.equal(ours.enums.get(name, {}), t["constants"], f"enum {name}")
    return data


def layout_file(build):
    for path in glob.glob(os.path.join(tap.ROOT, "data", "layouts", f"*-{build}-x64.tsv")):
        return path
    return None


def trust_of(path):
    """structure -> how sure it is, from the data file."""
    out = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            row = line.rstrip("\n").split("\t")
            if len(row) == 5 and row[1] in ("(struct)", "(union)"):
                out[row[0]] = row[4]
    return out


def place(m):
    return f"+0x{m.offset:x}" + (f" bits {m.bit}..{m.bit + m.bits - 1}" if m.bits else "")


def differences(layout, data):
    """structure -> [text] of what the table has otherwise; and how many structures and members were compared."""
    out, structs, members = {}, 0, 0
    for name, (size, fields) in layout.types.items():
        real = data["user_types"].get(name)
        if not real:
            continue
        structs += 1
        texts = []
        if size and size != real["size"]:
            texts.append(f"size 0x{size:x}, table 0x{real['size']:x}")
        for field, m in fields.items():
            members += 1
            if field not in real["fields"]:
                texts.append(f"{field} {place(m)}, not in the table")
                continue
            r = member(real["fields"][field])
            if m[:3] != r[:3]:
                texts.append(f"{field} {place(m)}, table {place(r)}")
        if texts:
            out[name] = texts
    return out, structs, members


HEAD = """# Where the built-in layouts and symbol tables differ

Made by `tests/corpus/isf_compare.py --report` from `data/layouts/` and the Volatility tables of the test corpus; the same
script checks that this is up to date.

The built-in layouts are those of one kernel of each build. A build's later updates move members of some structures,
although the build number stays the same: that is the explanation of every difference below, and why these structures are
marked `varies` in the data (`sc_layouts_trust()` says so to whoever uses one). What shows it: the tables nearest in age to
the layouts agree with them throughout (18362.30, 19041.329, 22000.318), and a structure that differs in one table differs in
every later one of its build, which the test checks. A structure that differs without being marked fails the test.

The tables called 18326 here are of build 18362: their index has two digits swapped.

Where the built-in layouts name no size or type, nothing is compared.

"""


def report_lines(results):
    lines = [HEAD.rstrip("\n"), "", "| table | structures compared | members compared | structures that differ |",
             "|---|---|---|---|"]
    for version, (diff, structs, members) in results:
        lines.append(f"| {version} | {structs} | {members} | {len(diff)} |")
    for version, (diff, _, _) in results:
        if not diff:
            continue
        lines += ["", f"## {version}", ""]
        for name in sorted(diff):
            texts = diff[name]
            more = f"; and {len(texts) - 3} more" if len(texts) > 3 else ""
            lines.append(f"- `{name}`: {'; '.join(texts[:3])}{more}")
    return "\n".join(lines) + "\n"


def versions():
    """GUID -> version, from the corpus' index."""
    with open(os.path.join(tap.corpus("isf"), "INDEX.tsv"), encoding="utf-8") as f:
        rows = [line.split("\t") for line in f if not line.startswith("#")]
    return {r[1]: r[0] for r in rows}


def build_of(version):
    build = int(version.split(".")[2])
    return MISSPELT.get(build, build)


def main():
    read = {}
    paths = []
    with tap.case("the corpus has symbol tables"):
        paths = tables()
        tap.equal(len(paths) > 0, True, "tables")
    for path in paths:
        with tap.case(f"{os.path.basename(os.path.dirname(path))} {os.path.basename(path)[:8]}: symbols, types, enums"):
            read[path] = compare_table(path)
    results = []
    for path in paths:
        if path not in read or not read[path]["user_types"]:
            continue
        version = versions()[os.path.basename(path).split("-")[0]]
        build = build_of(version)
        where = layout_file(build)
        with tap.case(f"built-in layouts of {build} against {version}"):
            if not where:
                tap.skip(f"there are no built-in layouts of {build}")
            diff, structs, members = differences(Facts("--layout", "x64", str(build)), read[path])
            results.append((version, (diff, structs, members)))
            trust = trust_of(where)
            tap.equal(sorted(n for n in diff if trust[n] != "varies"), [], "differences that are not marked")
            for name in ("_EPROCESS", "_ETHREAD", "_KPRCB"):
                assert name in trust, f"no built-in {name}"
    results.sort(key=lambda r: (build_of(r[0]), int(r[0].split(".")[3])))
    with tap.case("what an update changed stays changed in later ones"):
        for i, (version, (diff, _, _)) in enumerate(results):
            for later, (more, _, _) in results[i + 1:]:
                if build_of(version) == build_of(later):
                    tap.equal(sorted(set(diff) - set(more)), [], f"different in {version} but not in {later}")
    text = report_lines(results)
    if "--report" in sys.argv:
        os.makedirs(os.path.dirname(REPORT), exist_ok=True)
        with open(REPORT, "w", encoding="utf-8") as f:
            f.write(text)
    if paths:
        with tap.case("docs/design/layout-differences.md is up to date"):
            with open(REPORT, encoding="utf-8") as f:
                tap.equal(f.read() == text, True, "the report (isf_compare.py --report)")
    tap.done()


if __name__ == "__main__":
    main()
