#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The verdicts on all real minidumps, one line each, and whether their evidence can be typed. Prints TAP.

    tests/corpus/verdicts_compare.py [--bless]

verdicts_mdmp.txt, beside this script, has for each dump of the corpus: the file, "with" or "without" symbols, the
bucket, who is named, how sure, and the verdict. --bless writes it anew: read the difference before it is committed.
Lines with symbols are those of dumps beside which the corpus has symbols (Breakpad's text, a PDB).

Every command that stands in the evidence of any finding is typed, in one session a dump; none may fail.
"""
import concurrent.futures
import glob
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

GOLDEN = os.path.join(HERE, "verdicts_mdmp.txt")
BREAKPAD = "google+breakpad/src/processor/testdata/symbols"
STORES = (BREAKPAD, "rust-minidump+rust-minidump/testdata/symbols",
          "llvm-mirror+lldb/test/Shell/Minidump/Windows/Sigsegv/Inputs")
# Symbols under a name that no program looks for: (in the corpus, as a store has them).
ODD_NAMES = [(f"{BREAKPAD}/linux_inline/BBA6FA10B8AAB33D00000000000000000/linux_inline.new.sym",
              "linux_inline/BBA6FA10B8AAB33D00000000000000000/linux_inline.sym")]


def dumps(root):
    paths = glob.glob(os.path.join(root, "**", "*.dmp"), recursive=True)
    return sorted(os.path.relpath(p, root) for p in paths if not os.path.basename(p).startswith("microdump"))


def symbol_path(root, folder):
    for source, name in ODD_NAMES:
        os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
        os.symlink(os.path.join(root, source), os.path.join(folder, name))
    return ";".join([os.path.join(root, s) for s in STORES] + [folder])


def run(arguments):
    env = {k: v for k, v in os.environ.items() if not k.startswith("_NT_")}
    return subprocess.run([tap.program(), *arguments], capture_output=True, text=True, timeout=120, env=env,
                          errors="replace")


def analyze(path, symbols):
    arguments = ["analyze", "--json"] + (["-y", symbols] if symbols else []) + [path]
    done = run(arguments)
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    records = [r for r in records if r["type"] == "analysis"]
    if done.returncode != 0 or len(records) != 1:
        raise AssertionError(f"{path}: status {done.returncode}: {done.stderr}")
    return records[0]


def line_of(name, record, symbols):
    finding = record["findings"][0]
    who = finding["symbol"] or finding["image"] or "nobody"
    if not finding["image"]:
        who = "nobody" + (f" ({finding['symbol']})" if finding["symbol"] else "")
    return " | ".join([name, "with" if symbols else "without", record["bucket"], who, record["confidence"],
                       record["verdict"]])


def type_evidence(path, record, symbols):
    commands = {e["command"] for f in record["findings"] for e in f["evidence"]}
    arguments = ["--no-color", "-z", path] + (["-y", symbols] if symbols else [])
    done = run(arguments + ["-c", ";".join(f"{c};.echo" for c in sorted(commands)) + ";q"])
    if done.returncode != 0 or "ERROR" in done.stdout:
        raise AssertionError(f"{path}: {sorted(commands)}: {done.stdout[-2000:]}")


def one(root, name, symbols):
    """The lines of a dump: with symbols only when they change something."""
    path = os.path.join(root, name)
    bare, rich = analyze(path, None), analyze(path, symbols)
    type_evidence(path, rich, symbols)
    lines = [line_of(name, bare, False), line_of(name, rich, True)]
    same = lines[0].split(" | ")[2:] == lines[1].split(" | ")[2:]
    return lines[:1] if same else lines


def read_golden():
    with open(GOLDEN, encoding="utf-8") as f:
        return [line for line in f.read().splitlines() if not line.startswith("#")]


def write_golden(lines):
    head = ("# Verdicts on the minidumps of the corpus: made by verdicts_compare.py --bless, read by a person.\n"
            "# file | symbols | bucket | who | how sure | verdict\n")
    with open(GOLDEN, "w", encoding="utf-8") as f:
        f.write(head + "".join(line + "\n" for line in lines))


def main():
    bless = "--bless" in sys.argv[1:]
    with tap.case("the corpus is there"):
        root = os.path.join(tap.corpus(), "mdmp")
        if not os.path.isdir(root):
            tap.skip("there are no minidumps")
    if "root" not in locals():
        tap.done()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        symbols = symbol_path(root, folder)
        os.environ["XDG_CACHE_HOME"] = os.path.join(folder, "cache")
        names, jobs = dumps(root), []
        for name in names:
            jobs.append(pool.submit(one, root, name, symbols))
        want, got = ([] if bless else read_golden()), []
        for name, job in zip(names, jobs):
            with tap.case(name):
                lines = job.result()
                got += lines
                if not bless:
                    tap.equal(lines, [w for w in want if w.split(" | ")[0] == name], "verdict")
    if bless:
        write_golden(got)
    tap.done()


if __name__ == "__main__":
    main()
