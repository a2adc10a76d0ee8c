#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The verdict table: twins are forged, analysed and judged by what a person said of them beforehand.

    tests/cases/twins/NAME/scenario.txt   a dump, as stopcode-forge takes it (docs/forge.md)
    tests/cases/twins/NAME/verdict.txt    the truth: lines of a word and a text
        who   FILE.sys | program FILE.exe | hardware | nobody
              whom the evidence in the dump leads to; nobody: the dump does not tell
        sure  possible | likely | strong | certain: the most that is fair
        also  another answer that is fair, as who; any number of them. It may not be surer than sure either
        says  TEXT: what the first finding has to say besides (its sentences or its evidence)
        twin  NAME: the dump that looks alike
        why   the reasoning, in one line, written before the program was asked
    tests/cases/twins/held-out.txt        the scenarios that no rule may be tuned on, a name a line; kept by hand. The
                                          first set was opened: it is empty
    tests/cases/twins/held-out-2.txt      the second such set: by somebody who has not seen the rules

Each dump is analysed twice: with its symbols and images, and bare, as it arrives. The first finding counts:

    right     it names whom the truth names (nobody: it names none) or also allows, and is not surer than is fair
    too sure  it names the right one and is surer than is fair
    unknown   the truth names someone, or has something to say; the finding names no one, or does not say it
    wrong     it names another one, or someone where the dump does not tell

Writes docs/design/verdicts.md. With --check nothing is written; the status is 1 when the table would be worse.

  scripts/cases.py [--build DIR] [--check] [--show] [--only REGEX]
"""
import argparse
import collections
import concurrent.futures
import functools
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TWINS = os.path.join(ROOT, "tests", "cases", "twins")
TABLE = os.path.join(ROOT, "docs", "design", "verdicts.md")
LEVELS = ["possible", "likely", "strong", "certain"]
OUTCOMES = ["right", "too sure", "unknown", "wrong"]
WAYS = ["symbols", "bare"]
OPEN = "open"
LISTS = {"held out": "held-out.txt", "held out 2": "held-out-2.txt"}
SETS = [OPEN, *LISTS]
NOBODY = "nobody"

Said = collections.namedtuple("Said", "who sure rule outcome rank")


class Case:
    """A scenario and the truth about it."""

    def __init__(self, folder):
        self.folder = folder
        self.name = os.path.basename(folder)
        self.set = next((name for name in LISTS if self.name in listed(name)), OPEN)
        self.says = ""
        self.also = []
        with open(os.path.join(folder, "verdict.txt"), encoding="utf-8") as f:
            for line in f:
                word, _, text = line.strip().partition(" ")
                if word not in ("who", "sure", "also", "says", "twin", "why") or not text.strip():
                    raise ValueError(f"{folder}/verdict.txt: {line!r} is no line of a verdict")
                if word == "also":
                    self.also.append(text.strip())
                else:
                    setattr(self, word, text.strip())
        missing = [word for word in ("who", "sure", "twin", "why") if not hasattr(self, word)]
        if missing or self.sure not in LEVELS:
            raise ValueError(f"{folder}/verdict.txt: without {missing or 'a known word of certainty'}")
        self.said = {}

    @property
    def held_out(self):
        return self.set != OPEN


@functools.cache
def listed(name):
    """The scenarios of a set that no rule may be tuned on."""
    with open(os.path.join(TWINS, LISTS[name]), encoding="utf-8") as f:
        return frozenset(line.strip() for line in f if line.strip() and not line.startswith("#"))


def cases(only=""):
    folders = [os.path.join(TWINS, name) for name in sorted(os.listdir(TWINS))]
    return [Case(f) for f in folders if os.path.isdir(f) and re.search(only, os.path.basename(f))]


# --- what was said ---


def is_hardware(finding):
    return finding["rule"].startswith("hardware")


def who(finding):
    if finding["image"]:
        return finding["image"].replace("\\", "/").split("/")[-1].lower()
    # A driver that is not loaded (any more) has a name only.
    unloaded = re.match(r"<Unloaded_([^>]+)>|(\S+\.(?:sys|dll|exe))$", finding["symbol"] or "", re.I)
    if unloaded:
        return (unloaded.group(1) or unloaded.group(2)).lower()
    return "hardware" if is_hardware(finding) else NOBODY


def words(finding):
    """All sentences of a finding."""
    claims = [e["claim"] for e in finding["evidence"]]
    return "\n".join([finding["summary"], finding["detail"], *claims]).casefold()


def leads_to(whom, finding):
    kind, _, program = whom.partition(" ")
    if kind == "program":
        return who(finding) in (NOBODY, program.lower()) and program.casefold() in words(finding)
    return who(finding) == whom.lower()


def names(case, finding):
    """Does the finding lead where the truth leads, or where it may?"""
    if leads_to(case.who, finding) and case.says.casefold() in words(finding):
        return True
    return any(leads_to(whom, finding) for whom in case.also)


def judge(case, findings):
    """What the first finding is worth."""
    first = findings[0]
    rank = next((i + 1 for i, f in enumerate(findings) if names(case, f)), 0)
    if names(case, first):
        outcome = "right" if LEVELS.index(first["confidence"]) <= LEVELS.index(case.sure) else "too sure"
    elif (case.who != NOBODY or case.says) and who(first) in (NOBODY, case.who.lower()):
        outcome = "unknown"
    else:
        outcome = "wrong"
    return Said(who(first), first["confidence"], first["rule"], outcome, rank)


# --- running ---


def run(args, folder):
    # Nobody's own symbols: the cache is this folder's, the paths are empty.
    env = dict(os.environ, XDG_CACHE_HOME=folder, _NT_SYMBOL_PATH="", _NT_EXECUTABLE_IMAGE_PATH="")
    done = subprocess.run(args, capture_output=True, text=True, timeout=120, env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(args)}: status {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def forge(build, case, folder):
    """The dump of a case, made in FOLDER."""
    dump = os.path.join(folder, case.name + ".dmp")
    run([os.path.join(build, "stopcode-forge"), "-q", os.path.join(case.folder, "scenario.txt"), "-o", dump], folder)
    return dump


def store(dump):
    """The options for the symbols and images that were made beside it."""
    return ["-y", dump + ".store", "-i", dump + ".store"]


def analyse(build, case, folder):
    """Forges and analyses one case in FOLDER, in both ways."""
    dump = forge(build, case, folder)
    for way in WAYS:
        symbols = store(dump) if way == "symbols" else []
        out = run([os.path.join(build, "stopcode"), "analyze", "--json", "-j", "1", *symbols, dump], folder)
        # A line for each file, and one about all of them behind it.
        record = json.loads(out.splitlines()[0])
        if record["error"] or not record["findings"]:
            raise RuntimeError(f"{case.name}: no verdict: {record['error']}")
        case.said[way] = judge(case, record["findings"])


def analyse_all(build, chosen, jobs=2):
    """Returns what went wrong: {case name: text}."""
    troubles = {}
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(analyse, build, case, folder): case for case in chosen}
        for future in concurrent.futures.as_completed(running):
            if future.exception():
                troubles[running[future].name] = str(future.exception())
    return troubles


# --- the table ---


def counts(chosen, name, way):
    found = collections.Counter(c.said[way].outcome for c in chosen if c.set == name)
    return [found[o] for o in OUTCOMES]


def sets_of(chosen):
    """The sets that have scenarios: one that was opened is empty."""
    return [name for name in SETS if any(c.set == name for c in chosen)]


def told_apart(chosen, way):
    """How many pairs there are, and of how many the first findings name the right ones on both sides."""
    by_name = {c.name: c for c in chosen}
    pairs = {tuple(sorted((c.name, c.twin))) for c in chosen}
    good = [p for p in pairs if all(by_name[n].said[way].outcome in ("right", "too sure") for n in p)]
    return len(pairs), len(good)


def summary(chosen):
    """How many scenarios have which outcome: a column for each set."""
    names_of = sets_of(chosen)
    lines = ["| way | outcome | " + " | ".join(names_of) + " |", "|---|---|" + "---:|" * len(names_of)]
    for way in WAYS:
        found = [counts(chosen, name, way) for name in names_of]
        for i, outcome in enumerate(OUTCOMES):
            lines.append(f"| {way} | {outcome} | " + " | ".join(str(one[i]) for one in found) + " |")
    return lines


def by_confidence(chosen, way):
    lines = ["| set | sure | " + " | ".join(OUTCOMES) + " |", "|---|---|" + "---:|" * len(OUTCOMES)]
    for name in sets_of(chosen):
        for level in reversed(LEVELS):
            said = [c.said[way] for c in chosen if c.set == name and c.said[way].sure == level]
            found = collections.Counter(s.outcome for s in said)
            lines.append(f"| {name} | {level} | " + " | ".join(str(found[o]) for o in OUTCOMES) + " |")
    return lines


def verdict(said):
    """What was said, for one that may be looked at."""
    text = f"{said.outcome}: {said.who}, {said.sure} ({said.rule})"
    return text + (f"; the right one is no. {said.rank}" if said.rank > 1 else "")


def rows(chosen):
    lines = ["| scenario | truth | with symbols | bare |", "|---|---|---|---|"]
    for c in chosen:
        said = [c.said[w].outcome if c.held_out else verdict(c.said[w]) for w in WAYS]
        truth = f"({c.set})" if c.held_out else f"{c.who}, {c.sure}"
        lines.append(f"| {c.name} | {truth} | {said[0]} | {said[1]} |")
    return lines


TEXT = """# Verdicts on twins

Made by `make cases`; not edited by hand. `tests/cases/test_twins.py` fails when these numbers get worse, and when a
wrong name is called more than "possible".

Twins are two forged dumps that look alike, with different causes that evidence in the dumps tells apart. What a person
says of each (`tests/cases/twins/*/verdict.txt`) was written before the program was asked. A forged dump shows what its
author thought of, so these numbers say how rules compare with that, and not how often a verdict is right in the field.

Some scenarios are held out ([the second set](../../tests/cases/twins/held-out-2.txt)): no rule may be made or changed with
a look at them. Of these only the outcome is shown. The second set was written by somebody who had not seen the rules; its
names say nothing. When rules have been judged by such a set, it is opened, what it taught becomes principles in
[findings.md](findings.md), and another one takes its place. What each set said when it was new stays here:

| set | when | way | right | too sure | unknown | wrong |
|---|---|---|---:|---:|---:|---:|
| first held-out set, before it was opened: 34 scenarios | 2026-11-20 | symbols | 24 | 4 | 1 | 5 |
| | | bare | 26 | 1 | 2 | 5 |
| second held-out set, when it was new: 60 scenarios | 2026-11-20 | symbols | 43 | 5 | 6 | 6 |
| | | bare | 43 | 2 | 7 | 8 |

- **right**: the first finding names whom the dump leads to (or none, where it leads to nobody; or another one that is fair,
  too), no surer than is fair
- **too sure**: the right one, surer than is fair
- **unknown**: there is somebody to name, and nobody is named; or there is something to say, and it is not said
- **wrong**: somebody else is named, or somebody where the dump does not tell

Each dump is analysed with its symbols and images, and bare, as it arrives without network and symbols.
"""


def table(chosen):
    lines = [TEXT, *summary(chosen), ""]
    for way in WAYS:
        pairs, good = told_apart(chosen, way)
        lines.append(f"- Told apart ({way}): {good} of {pairs} pairs have the right name on both sides.")
    for way, title in zip(WAYS, ("With symbols", "Bare")):
        lines += ["", f"## {title}: by confidence", "", *by_confidence(chosen, way)]
    lines += ["", "## The scenarios", "", *rows(chosen)]
    return "\n".join(lines) + "\n"


def recorded(path=TABLE):
    """{(set, way): {outcome: count}} as the table has it; a set that was not judged yet has dashes there, or nothing."""
    found, names_of = {}, []
    with open(path, encoding="utf-8") as f:
        for line in f:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if cells[:2] == ["way", "outcome"]:
                names_of = cells[2:]
            elif len(cells) == 2 + len(names_of) and cells[0] in WAYS and cells[1] in OUTCOMES:
                for name, count in zip(names_of, cells[2:]):
                    if count.isdigit():
                        found.setdefault((name, cells[0]), {})[cells[1]] = int(count)
    return found


def worse(chosen, before):
    """What got worse against the counts of a table: sentences."""
    said = []
    for (name, way), was in before.items():
        now = dict(zip(OUTCOMES, counts(chosen, name, way)))
        if now["right"] < was["right"]:
            said.append(f"{name}, {way}: {now['right']} right, {was['right']} before")
        for outcome in ("wrong", "too sure"):
            if now[outcome] > was[outcome]:
                said.append(f"{name}, {way}: {now[outcome]} {outcome}, {was[outcome]} before")
    return said


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)


def main():
    parser = argparse.ArgumentParser(description="forges and judges the twins; writes docs/design/verdicts.md")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "dev"))
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 when the table got worse")
    parser.add_argument("--show", action="store_true", help="print the open scenarios; write nothing")
    parser.add_argument("--only", default="", metavar="REGEX")
    args = parser.parse_args()
    chosen = cases(args.only)
    troubles = analyse_all(args.build, chosen)
    for name, text in sorted(troubles.items())[:8]:
        print(f"cases: {name}: {text}", file=sys.stderr)
    if troubles:
        print(f"cases: {len(troubles)} of {len(chosen)} could not be judged", file=sys.stderr)
        return 1
    if args.show or args.only:
        print("\n".join(rows([c for c in chosen if not c.held_out])))
        return 0
    if args.check:
        found = worse(chosen, recorded())
        print("\n".join(found or ["not worse than docs/design/verdicts.md"]))
        return 1 if found else 0
    write(TABLE, table(chosen))
    print("\n".join(summary(chosen)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
