#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Twins: no wrong name is more than possible, and the table of docs/design/verdicts.md does not get worse.

What is judged and how: scripts/cases.py. A scenario in known-wrong.txt is a known failure, with its reason; it has to
leave the list when it is judged rightly. TAP; standard library only.
"""
import concurrent.futures
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

sys.path.insert(0, os.path.join(tap.ROOT, "scripts"))
import cases  # noqa: E402


def finding(image, sure, rule="stack", summary="", claim="", symbol=None):
    return {"image": image, "confidence": sure, "rule": rule, "summary": summary, "detail": "", "symbol": symbol,
            "evidence": [{"claim": claim}]}


class Truth:
    def __init__(self, who, sure, says="", also=()):
        self.who, self.sure, self.says, self.also = who, sure, says, also


def outcome(truth, *findings):
    return cases.judge(truth, list(findings)).outcome


def test_judge():
    """The judge itself."""
    driver, nobody = Truth("a.sys", "likely"), Truth("nobody", "possible")
    hardware, program = Truth("hardware", "certain", "cache"), Truth("program b.exe", "likely")
    ring = Truth("nobody", "likely", "in a ring")
    either = Truth("nobody", "possible", also=("hardware", "a.sys"))
    none = finding(None, "possible")
    for what, got, want in (
            ("the driver", outcome(driver, finding("A.sys", "likely")), "right"),
            ("the driver with its path", outcome(driver, finding(r"\x\a.sys", "possible")), "right"),
            ("the driver, surer than is fair", outcome(driver, finding("a.sys", "strong")), "too sure"),
            ("the driver, unloaded", outcome(driver, finding(None, "likely", symbol="<Unloaded_a.sys>+0x10")), "right"),
            ("the driver, never loaded", outcome(driver, finding(None, "likely", symbol="a.sys")), "right"),
            ("a function of the kernel for a driver", outcome(driver, finding(None, "possible", symbol="nt!A+0x1")), "unknown"),
            ("none for a driver", outcome(driver, none), "unknown"),
            ("another driver", outcome(driver, finding("b.sys", "possible"), finding("a.sys", "possible")), "wrong"),
            ("hardware for a driver", outcome(driver, finding(None, "possible", "hardware")), "wrong"),
            ("none for nobody", outcome(nobody, none), "right"),
            ("none for nobody, but surely", outcome(nobody, finding(None, "likely")), "too sure"),
            ("a driver for nobody", outcome(nobody, finding("a.sys", "possible")), "wrong"),
            ("hardware that is named", outcome(hardware, finding(None, "certain", "hardware", claim="A Cache.")), "right"),
            ("hardware without the detail", outcome(hardware, finding(None, "certain", "hardware")), "unknown"),
            ("a driver for hardware", outcome(hardware, finding("a.sys", "possible")), "wrong"),
            ("nobody, with what has to be said", outcome(ring, finding(None, "likely", summary="They wait in a ring.")), "right"),
            ("nobody, without it", outcome(ring, none), "unknown"),
            ("somebody instead of what has to be said", outcome(ring, finding("a.sys", "possible")), "wrong"),
            ("another answer that is fair", outcome(either, finding("a.sys", "possible")), "right"),
            ("another one, surer than is fair", outcome(either, finding("a.sys", "likely")), "too sure"),
            ("hardware, where that is fair", outcome(either, finding(None, "possible", "hardware")), "right"),
            ("none, where others are fair", outcome(either, none), "right"),
            ("one that is not fair", outcome(either, finding("b.sys", "possible")), "wrong"),
            ("a program in words", outcome(program, finding(None, "likely", summary="b.exe ended it")), "right"),
            ("a program not named", outcome(program, none), "unknown")):
        with tap.case(f"judged: {what}: {want}"):
            tap.equal(got, want, what)
    with tap.case("judged: where the right one stands"):
        tap.equal(cases.judge(driver, [finding("b.sys", "likely"), finding("a.sys", "possible")]).rank, 2, "rank")


def test_worse(every):
    """The comparison itself: a table in which every one was right, and a run in which one is not."""
    first = every[0]
    rights = {way: cases.Said("", "possible", "", "right", 1) for way in cases.WAYS}
    now = [cases.Case(c.folder) for c in every]
    for case in now:
        case.said = dict(rights)
    was = {(s, w): dict(zip(cases.OUTCOMES, cases.counts(now, s, w))) for s in cases.SETS for w in cases.WAYS}
    with tap.case("a table that did not change is not worse"):
        tap.equal(cases.worse(now, was), [], "worse")
    for outcome, said in (("unknown", 1), ("too sure", 2), ("wrong", 2)):
        with tap.case(f"one more that is {outcome} is worse"):
            now[0].said = dict(rights, bare=cases.Said("", "possible", "", outcome, 0))
            found = cases.worse(now, was)
            tap.equal(len(found), said, "sentences")
            tap.contains(found[0], f"{first.set}, bare: ")


def test_recorded(every):
    """The table says again what went into it, and a set with dashes has not been judged."""
    now = [cases.Case(c.folder) for c in every]
    for case in now:
        case.said = {way: cases.Said("", "possible", "", "right", 1) for way in cases.WAYS}
    last = cases.sets_of(now)[-1]
    lines = cases.table(now).splitlines()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.md")
        cases.write(path, "\n".join(lines))
        found = cases.recorded(path)
        with tap.case("a table is read as it was written"):
            tap.equal(found, {(s, w): dict(zip(cases.OUTCOMES, cases.counts(now, s, w))) for s in cases.sets_of(now)
                              for w in cases.WAYS}, "counts")
        dashes = [re.sub(r"\d+ \|$", "- |", line) if line.split(" ")[1:2] in (["symbols"], ["bare"]) else line
                  for line in lines]
        cases.write(path, "\n".join(dashes))
        with tap.case("a set with dashes is not judged"):
            tap.equal(sorted({name for name, _ in cases.recorded(path)}), sorted(cases.sets_of(now)[:-1]), f"without {last}")


def known_wrong():
    path = os.path.join(cases.TWINS, "known-wrong.txt")
    with open(path, encoding="utf-8") as f:
        lines = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    return dict(line.split(None, 1) for line in lines)


def test_files(every):
    with tap.case("each scenario has a twin that has it"):
        twins = {c.name: c.twin for c in every}
        tap.equal([n for n, t in twins.items() if twins.get(t) != n], [], "without a twin")
    with tap.case("twins have the same bug check and build"):
        def looks(case):
            with open(os.path.join(case.folder, "scenario.txt"), encoding="utf-8") as f:
                words = [line.split() for line in f]
            of = {w[0]: w[1] for w in words if w and w[0] in ("os", "bugcheck")}
            return of["os"], int(of["bugcheck"], 16) & 0xfffffff
        by_name = {c.name: looks(c) for c in every}
        tap.equal([c.name for c in every if by_name[c.name] != by_name[c.twin]], [], "that differ")
    names = {c.name for c in every}
    for of_set in cases.LISTS:
        with tap.case(f"those of the set {of_set} are scenarios"):
            tap.equal(sorted(cases.listed(of_set) - names), [], "without a scenario")
    with tap.case("no scenario is in two sets"):
        lists = [cases.listed(of_set) for of_set in cases.LISTS]
        tap.equal(sum(map(len, lists)), len(frozenset().union(*lists)), "names")
    with tap.case("twins are in one set, where somebody chose it"):
        second = cases.listed("held out 2")
        tap.equal([c.name for c in every if (c.name in second) != (c.twin in second)], [], "apart")
    with tap.case("thirty bug checks at least"):
        codes = {looks_of[1] for looks_of in by_name.values()}
        if len(codes) < 30:
            raise AssertionError(f"{len(codes)} bug checks")


FRAME = re.compile(r"^(?:[0-9a-f]{2} )?([0-9a-f`]{8,17}) ([0-9a-f`]{8,17}) +[<\w]", re.M)


def stack_trouble(case):
    """What `k` prints of CASE's dump that is not its scenario's stack."""
    with open(os.path.join(case.folder, "scenario.txt"), encoding="utf-8") as f:
        want = FRAME.findall(re.search(r"^stack\n(.*?)^end$", f.read(), re.M | re.S).group(1))
    with tempfile.TemporaryDirectory() as folder:
        dump = cases.forge(os.path.dirname(tap.program()), case, folder)
        _, out, _ = tap.run(dump, *cases.store(dump), "-c", "k 100; q")
    got = FRAME.findall(out)[:len(want)]
    return "" if got == want else f"{case.name}: k shows {tap.short(got)}, the scenario has {tap.short(want)}"


def test_stacks(every):
    with tap.case("k shows the stacks of the scenarios"):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            tap.equal([t for t in pool.map(stack_trouble, every) if t], [], "stacks")


def judged():
    """The sets that the table has in full; one that has just been added waits for `make cases`."""
    before = cases.recorded()
    whole = [n for n in cases.SETS if all(len(before.get((n, w), ())) == len(cases.OUTCOMES) for w in cases.WAYS)]
    with tap.case("the table has the open scenarios"):
        tap.contains(whole, cases.OPEN)
    return before, whole


def test_verdicts(every):
    build = os.path.dirname(tap.program())
    before, whole = judged()
    for case in every:
        if case.set not in whole:
            tap.point(True, f"{case.name}: no wrong name is more than possible", f" # SKIP {case.set}: not judged yet (make cases)")
    every = [case for case in every if case.set in whole]
    troubles = cases.analyse_all(build, every)
    excused = known_wrong()
    for case in every:
        said = [case.said[w] for w in cases.WAYS if w in case.said]
        bad = [s.outcome if case.held_out else cases.verdict(s) for s in said if s.outcome == "wrong" and s.sure != "possible"]
        name = f"{case.name}: no wrong name is more than possible"
        why = troubles.get(case.name, "")
        if bad and not why and case.name in excused:
            tap.point(True, name, f" # SKIP known to be wrong: {excused[case.name]}")
            continue
        why = why or "; ".join(bad)
        if not why and case.name in excused:
            why = "it is not wrong any more: take it out of known-wrong.txt"
        for line in why.splitlines():
            print("# " + line)
        tap.point(not why, name)
    with tap.case("the table does not get worse (make cases)"):
        tap.equal(troubles, {}, "troubles")
        tap.equal(cases.worse(every, before), [], "worse")


def main():
    test_judge()
    every = cases.cases()
    with tap.case("the program that makes dumps is there"):
        tap.helper("stopcode-forge")
    if not os.path.exists(os.path.join(os.path.dirname(tap.program()), "stopcode-forge")):
        tap.done()
    test_worse(every)
    test_recorded(every)
    test_files(every)
    test_stacks(every)
    test_verdicts(every)
    tap.done()


if __name__ == "__main__":
    main()
