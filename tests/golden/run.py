#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden transcripts: a session at the prompt with the output it must give.

A transcript is one text file beside this script:

    # file: corpus:kdump/triage_x64.dmp      the dump; `corpus:` stands for the folder of real files. Skipped aloud
                                             when it is not there. `made:minidump` is the one that tests/minidump.py
                                             makes; `forge:scenario.txt` one that stopcode-forge makes of that file,
                                             and then `store:` in the arguments stands for its images and symbols, and
                                             `dump:` for its path. No `file`: the program runs without a dump
    # args: --no-color                       more arguments for the program; `corpus:` works there, too
    # env: TZ=UTC                            a variable for it; may be repeated
    # filter: regular expression => text     applied to expected and to real output, for what changes from run to run;
                                             nothing may stand behind the arrow
    # known-failure: reason                  it fails and we know; when it passes, the mark has to go
    > .bugcheck                              a command, as typed at the prompt
    Bugcheck code 1000007E                   what it must print
    ...

Other lines that begin with # and stand above the first command are remarks. An output line of `...` alone stands for
any number of lines; trailing blanks count. All commands of a transcript run in one session, so they may build on each
other.

    tests/golden/run.py [--bless] [NAME...]   NAME: golden/x, x or a path; none, or `golden`: all

TAP out, one case a transcript; a difference is shown as a unified diff. --bless rewrites the expected output.
"""
import argparse
import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from transcript import Transcript, compare, play

HERE = os.path.dirname(os.path.abspath(__file__))


def check(path, bless):
    transcript = Transcript(path)
    name = transcript.name
    why = ""
    try:
        dump = transcript.dump()
        outputs = play(transcript, dump)
        if bless:
            transcript.write(outputs)
            tap.point(True, f"{name} (blessed)")
            return
        why = compare(transcript, outputs)
    except tap.Skip as reason:
        tap.point(True, name, f" # SKIP {reason}")
        return
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    for line in why.splitlines():
        print("# " + line)
    if transcript.known_failure:
        if why:
            tap.point(False, name, f" # TODO {transcript.known_failure}")
            tap._State.failed -= 1  # known: not what makes this run fail
        else:
            print(f"# it passes now: take the mark 'known-failure: {transcript.known_failure}' away")
            tap.point(False, name)
        return
    tap.point(not why, name)


def chosen(names):
    every = sorted(glob.glob(os.path.join(HERE, "*.txt")))
    if not names or names == ["golden"]:
        return every
    wanted = [os.path.basename(n).removesuffix(".txt") for n in names]
    paths = [p for p in every if os.path.basename(p)[:-4] in wanted]
    lost = set(wanted) - {os.path.basename(p)[:-4] for p in paths}
    if lost:
        raise SystemExit("golden: there is no " + ", ".join(sorted(lost)) + " in tests/golden")
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    for path in chosen(args.names):
        check(path, args.bless)
    tap.done()


if __name__ == "__main__":
    main()
