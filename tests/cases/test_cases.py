#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Published debugging sessions, replayed: one folder a case.

    tests/cases/NAME/scenario*.txt    machines of that session, as stopcode-forge takes them (docs/forge.md)
    tests/cases/NAME/published*.txt   commands and the lines that were published, in the format of golden/run.py
    tests/cases/NAME/README.md        where it is from, what is known, what was made up
    tests/cases/SEEDS.md              every listing of the documents, and where it is replayed, or why not

Above a transcript's first command stand, besides what golden/run.py knows (without `file`: forge:scenario.txt):

    # seed: 003                       the document that the lines are from: the one whose name begins so, or corpus:PATH
    # erratum: line 382: why          the transcript does not have this line of the document as it stands there: another
                                      one takes its place, or (with `left out:` before the why) none
    # erratum: lines 25-27: why       several

Web pages lose blanks and add remarks. So a published line is compared without what cannot be told from what the page
did to it, and nothing else:

  - runs of blanks count as one, and blanks at both ends of a line not at all
  - no blank counts at all around punctuation, between a return address and the name behind it, and within
    `nt! ?? ::FNODOBFM::`string'`
  - a dash is a hyphen and a curly quote is a straight one
  - a remark of the author's behind `//`, `<-` or `<<` is not output
  - a day of the month below ten may have a zero before it, as in debuggers before 2010
  - empty lines do not count

TAP out, one point a transcript; every published line must come, in order, with none between them but those for which
the transcript has a line of `...`. Where the documents are at hand (beside the corpus), there is a second point for
each transcript: together its lines are the lines of its rows in SEEDS.md, so that nobody mends the expected text; and
one for each document: every prompt and every frame of a stack in it stands in a row.
"""
import collections
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from transcript import Transcript, compare, matches, play

HERE = os.path.dirname(os.path.abspath(__file__))
TYPOGRAPHY = str.maketrans({"\u2013": "-", "\u2014": "-", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"',
                            "\u00a0": " ", "\u200b": None})
MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"


def plain(text):
    """TEXT without what a web page may have done to it."""
    lines = []
    for line in text.translate(TYPOGRAPHY).splitlines():
        line = re.sub(r"\s+(//|<-|<<|< -).*$", "", line)
        # "fffff800`01b66b4ent!Vf…": the address is 17 characters, whatever follows it.
        line = re.sub(r"\b([0-9a-f]{8}`[0-9a-f]{8})\s*(?=[A-Za-z_.]\w*[!+])", r"\1 ", line)
        line = re.sub(rf"\b({MONTHS}) 0(?=\d )", r"\1 ", line)
        line = re.sub(r"\s*([!?:,\[\]()|=*+])\s*", r"\1", line)
        line = " ".join(line.split())
        if line:
            lines.append(line + "\n")
    return "".join(lines)


def alike(want, got):
    return matches(plain(want), plain(got))


def check(path):
    name = os.path.relpath(path, HERE).removesuffix(".txt")
    try:
        transcript = Transcript(path)
        if not transcript.file:
            transcript.file = "forge:scenario.txt"
        why = compare(transcript, play(transcript, transcript.dump()), alike)
    except tap.Skip as reason:
        tap.point(True, name, f" # SKIP {reason}")
        return
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    for line in why.splitlines():
        print("# " + line)
    tap.point(not why, name)


# ---- the documents ----

PROMPT = re.compile(r"^\s*(?:\d+: kd|kd|\d+:\d{3})>\s?")
POINTER = r"[0-9a-f]{8}(?:`[0-9a-f]{8})?"
FRAME = re.compile(rf"^\s*(?:[0-9a-f]{{2}} )?{POINTER}\s+{POINTER}\s.*[!+]")
GAPS = (".", "...", "<snip>", "<snippet>", "\u2026")
ROW = re.compile(r"^\| (\S+) \| ([0-9]+)(?:-([0-9]+))? \| (.*) \| (.*) \|$")

Row = collections.namedtuple("Row", "seed first last what where")


def rows():
    """The table of SEEDS.md."""
    with open(os.path.join(HERE, "SEEDS.md"), encoding="utf-8") as f:
        found = filter(None, (ROW.match(line.rstrip("\n")) for line in f))
        return [Row(m[1], int(m[2]), int(m[3] or m[2]), m[4], m[5].strip("`")) for m in found]


def document(seed):
    """The lines of a document, from line 1 on; skips when it is not at hand."""
    if seed.startswith("corpus:"):
        path = tap.corpus(seed[len("corpus:"):])
    else:
        folder = os.path.join(os.path.dirname(tap.corpus()), "seeds")
        found = glob.glob(os.path.join(folder, seed + "_*.txt"))
        if not found:
            tap.skip(f"there is no document {seed} in {folder}")
        path = found[0]
    with open(path, encoding="utf-8") as f:
        return [""] + f.read().split("\n")


def one(line):
    """A line in the form in which lines are compared: "> k" for a command."""
    prompt = PROMPT.match(line.translate(TYPOGRAPHY))
    if prompt:
        return "> " + plain(line.translate(TYPOGRAPHY)[prompt.end():]).rstrip("\n")
    return plain(line).rstrip("\n")


def errata(transcript):
    """Line numbers of the document that are not as they stand there: {number: may another line take its place?}."""
    found = {}
    for line in transcript.head:
        match = re.match(r"^# erratum: lines? ([0-9]+)(?:-([0-9]+))?: (left out: )?\S", line)
        if match:
            for number in range(int(match[1]), int(match[2] or match[1]) + 1):
                found[number] = not match[3]
        elif line.startswith("# erratum:"):
            raise AssertionError(f"an erratum without a line of the document: {line}")
    return found


def published(transcript):
    """(line, is it a command?, one that shows nothing?) of the transcript, but for gaps."""
    for command, text in transcript.steps:
        lines = [one(line) for line in text.splitlines() if one(line) and line not in GAPS]
        yield "> " + plain(command).rstrip("\n"), True, not lines
        yield from ((line, False, False) for line in lines)


def claim(seed, lines, mine):
    """(number, line) of the document's lines that the transcript must have."""
    for row in mine:
        for number in range(row.first, row.last + 1):
            line = one(lines[number]) if number < len(lines) else ""
            if line and lines[number].translate(TYPOGRAPHY).strip() not in GAPS:
                yield number, line


def differences(transcript, seed, lines, mine):
    wrong = errata(transcript)
    used, have = set(), list(published(transcript))
    at = 0
    for number, line in claim(seed, lines, mine):
        # A command that is there for its effect alone, or that the document tells of without a prompt.
        while at < len(have) and have[at][1] and have[at][0] != line and (have[at][2] or not line.startswith("> ")):
            at += 1
        if at < len(have) and have[at][0] == line:
            at += 1
            if number in wrong:
                return f"line {number} stands as it is in the document, but the transcript has an erratum for it"
        elif number not in wrong:
            return f"line {number} of the document:\n  {line}\nthe transcript has:\n  " + \
                (have[at][0] if at < len(have) else "(its end)")
        else:
            used.add(number)
            at += wrong[number]
    while at < len(have) and have[at][1]:
        at += 1
    if at < len(have):
        return f"this line is of no row of the document:\n  {have[at][0]}"
    unused = sorted(set(wrong) - used)
    return f"errata for lines that are of no row: {unused}" if unused else ""


def check_source(path, table):
    name = os.path.relpath(path, HERE).removesuffix(".txt")
    transcript = Transcript(path)
    seed = next((line[len("# seed: "):].strip() for line in transcript.head if line.startswith("# seed: ")), None)
    with tap.case(f"{name}: its lines are the document's"):
        assert seed, "the transcript names no document: # seed: …"
        mine = [row for row in table if row.where == name and row.seed == seed]
        assert mine, f"SEEDS.md has no row for {name} in {seed}"
        assert mine == sorted(mine, key=lambda row: row.first), f"rows of {name} are not in order"
        why = differences(transcript, seed, document(seed), mine)
        assert not why, why


def check_table(table):
    for seed in dict.fromkeys(row.seed for row in table):
        with tap.case(f"SEEDS.md has every listing of {seed}"):
            lines = document(seed)
            inside = {n for row in table if row.seed == seed for n in range(row.first, row.last + 1)}
            lost = [n for n, line in enumerate(lines)
                    if n not in inside and (PROMPT.match(line) or FRAME.match(line.translate(TYPOGRAPHY)))]
            assert not lost, "in no row: " + ", ".join(f"{n}: {lines[n].strip()[:60]}" for n in lost[:20])
            last = max(row.last for row in table if row.seed == seed)
            assert last < len(lines), f"line {last} of {len(lines) - 1}"
    with tap.case("SEEDS.md names transcripts that there are"):
        for row in table:
            assert not re.match(r"^[\w-]+/", row.where) or os.path.exists(os.path.join(HERE, row.where + ".txt")), row


def main():
    wanted = sys.argv[1:]
    table = rows()
    for path in sorted(glob.glob(os.path.join(HERE, "*", "published*.txt"))):
        if not wanted or any(w in path for w in wanted):
            check(path)
            check_source(path, table)
    if not wanted:
        check_table(table)
    tap.done()


if __name__ == "__main__":
    main()
