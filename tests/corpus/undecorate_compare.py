#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Undecoration against llvm-undname, on every decorated name of the corpus, and on damaged ones.

Names are taken from PDBs and images (strings that begin with ? or .?), Breakpad's .sym files and ISFs. The texts must be
equal, also in that both refuse a name. Names that only one of them takes are allowed for the reasons listed below,
and no others.
"""
import glob
import lzma
import os
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

OURS = os.path.join(os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev"), "tests", "undecorate")
IN_FILES = re.compile(rb"(?<![\x21-\x7e])(\.?\?[\x21-\x7e]{3,8000})\0")
IN_JSON = re.compile(rb'"(\.?\?[^"\\]{3,8000})"')
IN_TEXT = re.compile(rb"\.?\?[\x21-\x7e]{3,8000}")

# Decorations newer than llvm-undname 14: sized integers, auto, volatile references, deduced template parameters.
NEWER = re.compile(r"__int(8|16|32|128)\b|\bauto\b|[&]+volatile")
DAMAGED = 20000


def names_of(path):
    if path.endswith(".xz"):
        with lzma.open(path) as file:
            return IN_JSON.findall(file.read())
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".json"):
        return IN_JSON.findall(data)
    return IN_TEXT.findall(data) if path.endswith(".sym") else IN_FILES.findall(data)


def collect(corpus):
    found = set()
    for ending in (".pdb", ".sym", ".exe", ".dll", ".sys", ".json", ".json.xz"):
        for path in glob.glob(os.path.join(corpus, "**", "*" + ending), recursive=True):
            if os.path.isfile(path):
                found.update(name.decode("ascii", "replace") for name in names_of(path))
    return sorted(found)


def llvm(names):
    """What llvm-undname makes of each; None: it refuses."""
    run = subprocess.run(["llvm-undname"], input="\n".join(names) + "\n", capture_output=True, text=True, timeout=100)
    lines, at, result = run.stdout.split("\n"), 0, []
    for name in names:
        assert lines[at] == name, "llvm-undname's output is not as expected"
        refused = lines[at + 1] == ""
        result.append(None if refused else lines[at + 1])
        at += 2 if refused else 3
    return result


def ours(names, *flags):
    run = subprocess.run([OURS, *flags], input="\n".join(names) + "\n", capture_output=True, text=True, timeout=100)
    tap.equal(run.returncode, 0, "status")
    lines = run.stdout.split("\n")[:-1]
    tap.equal(len(lines), len(names), "lines")
    return [line or None for line in lines]


def undecorated(name, text):
    """None for one that came back as it was: it is no decorated name to us."""
    return None if text == name and not name.startswith("??@") else text


def damage(names, seed):
    """Names with bytes changed, cut, put in or copied from another."""
    random.seed(seed)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@?$_abc"
    parts = ["$$Q", "$$B", "$$C", "$$Y", "$1?x@@3HA", "$E?x@@3HA", "$F12", "$G123", "P6AXXZ", "P8A@@EAAXXZ", "Y02H",
             "?A0x1@", "?1??f@@YAXXZ@", "?$T@H@", "W4E@@", "$$T", "QEIA", "$0A@", "$S", "$$V", "@", "@@", "1", "ZZ"]
    out = set()
    short = [n for n in names if len(n) < 400]
    rich = [n for n in short if "?$" in n or "??_" in n]
    while len(out) < DAMAGED:
        name = random.choice(rich if random.random() < 0.6 else short)
        for _ in range(random.choice((1, 1, 2, 3))):
            at, how = random.randrange(len(name) + 1), random.random()
            if how < 0.35:
                name = name[:at] + random.choice(letters) + name[at + 1:]
            elif how < 0.5:
                name = name[:at] + name[at + random.randrange(1, 4):]
            elif how < 0.8:
                name = name[:at] + random.choice(parts) + name[at:]
            else:
                other = random.choice(short)
                start = random.randrange(len(other))
                name = name[:at] + other[start:start + random.randrange(1, 20)] + name[at:]
        if name.startswith("?"):
            out.add(name)
    return sorted(out)


def differences(names):
    """(name, theirs, ours) of all that differ for no allowed reason."""
    found = []
    for name, theirs, text in zip(names, llvm(names), ours(names)):
        mine = undecorated(name, text)
        if mine == theirs or (theirs is None and mine and (NEWER.search(mine) or "$M" in name)):
            continue
        found.append((name, theirs, mine))
    return found


def say(found):
    for name, theirs, mine in found[:20]:
        print(f"# {name}\n#   llvm: {theirs}\n#   ours: {mine}")


def main():
    names = []
    with tap.case("names of the corpus: the same text as llvm-undname, or refused by both"):
        if not shutil.which("llvm-undname"):
            tap.skip("llvm-undname is not installed (scripts/deps.sh)")
        names = collect(tap.corpus())
        tap.equal(len(names) > 10000, True, f"{len(names)} names are enough")
        found = differences(names)
        say(found)
        print(f"# {len(names)} names, {len(found)} differences")
        tap.equal(len(found), 0, "differences")
    with tap.case("damaged names: where both take one, the same text"):
        if not names:
            tap.skip("no names")
        found = [f for f in differences(damage(names, 7)) if f[1] and f[2]]
        say(found)
        tap.equal(len(found), 0, "differences")
    with tap.case("damaged names: ours takes none that llvm-undname refuses, but for the newer ones"):
        if not names:
            tap.skip("no names")
        # Later ones than 14 refuse wide strings that are not as long as they say.
        found = [f for f in differences(damage(names, 8)) if not f[1] and not f[0].startswith("??_C@_1")]
        say(found)
        tap.equal(len(found), 0, "differences")
    with tap.case("the name alone is there whenever the declaration is"):
        if not names:
            tap.skip("no names")
        for name, whole, alone in zip(names, ours(names), ours(names, "name")):
            tap.equal(alone is None, whole is None, name)
    tap.done()


if __name__ == "__main__":
    main()
