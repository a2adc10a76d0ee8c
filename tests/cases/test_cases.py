#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Published debugging sessions, replayed: one folder a case.

    tests/cases/NAME/scenario.txt     the machine of that session, as stopcode-forge takes it (docs/forge.md)
    tests/cases/NAME/published*.txt   commands and the lines that were published, in the format of golden/run.py
    tests/cases/NAME/README.md        where it is from, what is known, what was made up

Web pages lose blanks and add remarks. So a published line is compared without what cannot be told from what the page
did to it, and nothing else:

  - runs of blanks count as one, and blanks at both ends of a line not at all
  - no blank counts at all around punctuation, between a return address and the name behind it, and within
    `nt! ?? ::FNODOBFM::`string'`
  - a dash is a hyphen and a curly quote is a straight one
  - a remark of the author's behind `//` or `<-` is not output
  - empty lines do not count

TAP out, one point a transcript; every published line must come, in order, with none between them but those for which
the transcript has a line of `...`.
"""
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


def plain(text):
    """TEXT without what a web page may have done to it."""
    lines = []
    for line in text.translate(TYPOGRAPHY).splitlines():
        line = re.sub(r"\s+(//|<-).*$", "", line)
        # "fffff800`01b66b4ent!Vf…": the address is 17 characters, whatever follows it.
        line = re.sub(r"\b([0-9a-f]{8}`[0-9a-f]{8})\s*(?=[A-Za-z_.]\w*[!+])", r"\1 ", line)
        line = re.sub(r"\s*([!?:,\[\]()|=*])\s*", r"\1", line)
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


def main():
    wanted = sys.argv[1:]
    for path in sorted(glob.glob(os.path.join(HERE, "*", "published*.txt"))):
        if not wanted or any(w in path for w in wanted):
            check(path)
    tap.done()


if __name__ == "__main__":
    main()
