#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Golden transcripts: a session at the prompt with the output it must give.

A transcript is one text file beside this script:

    # file: corpus:kdump/triage_x64.dmp      the dump; `corpus:` stands for the folder of real files. Skipped aloud
                                             when it is not there. `made:minidump` is the one that tests/minidump.py
                                             makes. No `file`: the program runs without a dump
    # args: --no-color                       more arguments for the program; `corpus:` works there, too
    # env: TZ=UTC                            a variable for it; may be repeated
    # filter: regular expression => text     applied to expected and to real output, for what changes from run to run
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
import difflib
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = re.compile(r"^# (file|args|env|filter|known-failure): *(.*)$")
PROMPT = re.compile(r"^(?:\d+: kd|kd|\d+:\d{3}(?::\w+)?|stopcode)> ")
# A line between commands that no dump can print by chance, so that outputs are cut apart reliably.
FENCE = "=== golden fence {} ==="


class Transcript:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)[:-4]
        self.head = []  # lines above the first command, as they are
        self.steps = []  # [command, expected text]
        self.file = None
        self.args, self.env, self.filters = [], {}, []
        self.known_failure = None
        self.folder = None  # of a made dump; goes when we go
        with open(path, encoding="utf-8") as f:
            for line in f.read().splitlines():
                self.take(line)

    def take(self, line):
        if line.startswith("> "):
            self.steps.append([line[2:], ""])
        elif self.steps:
            self.steps[-1][1] += line + "\n"
        else:
            self.head.append(line)
            found = HEADER.match(line)
            if found:
                self.header(found.group(1), found.group(2).strip())

    def header(self, word, value):
        if word == "file":
            self.file = value
        elif word == "args":
            self.args += value.split()
        elif word == "env":
            name, _, text = value.partition("=")
            self.env[name] = text
        elif word == "known-failure":
            self.known_failure = value or "no reason given"
        else:
            pattern, arrow, text = value.partition(" => ")
            if not arrow:
                raise AssertionError(f"{self.path}: a filter without =>: {value}")
            self.filters.append((re.compile(pattern), text))

    def dump(self):
        if self.file and self.file.startswith("corpus:"):
            return tap.corpus(self.file[len("corpus:"):])
        if self.file == "made:minidump":
            self.folder = tempfile.TemporaryDirectory()
            path = os.path.join(self.folder.name, "made.dmp")
            with open(path, "wb") as f:
                f.write(minidump.build())
            return path
        if self.file and not os.path.exists(os.path.join(tap.ROOT, self.file)):
            tap.skip(f"there is no {self.file}")
        return os.path.join(tap.ROOT, self.file) if self.file else None

    def filtered(self, text):
        for pattern, replacement in self.filters:
            text = "".join(pattern.sub(replacement, line) for line in text.splitlines(keepends=True))
        return text

    def write(self, outputs):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write("".join(line + "\n" for line in self.head))
            for (command, _), output in zip(self.steps, outputs):
                f.write(f"> {command}\n{self.filtered(output)}")


def play(transcript, dump):
    """Runs the commands in one session; returns the output of each."""
    lines = []
    for number, (command, _) in enumerate(transcript.steps):
        lines += [command, ".echo " + FENCE.format(number)]
    given = [re.sub(r"corpus:([^;]*)", lambda m: tap.corpus(m.group(1)), a) for a in transcript.args]
    args = [tap.program()] + given + (["-z", dump] if dump else [])
    # Symbols come from the arguments alone, and what is learnt from them is forgotten.
    outer = {k: v for k, v in os.environ.items() if not k.startswith("_NT_")}
    with tempfile.TemporaryDirectory() as cache:
        run = subprocess.run(args, input="\n".join(lines) + "\n",
                             env={**outer, "TZ": "UTC", "XDG_CACHE_HOME": cache, **transcript.env},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=120)
    if run.returncode not in (0, 1):
        raise AssertionError(f"status {run.returncode}:\n{run.stdout}")
    return cut(transcript, run.stdout)


def cut(transcript, text):
    """The output of each command. The program echoes prompt and command, as a log of WinDbg's has them; in JSON there
    is no echo, but an object a command."""
    if "--json" in transcript.args:
        lines = text.splitlines(keepends=True)[::2]  # between two of ours stands the fence's
        if len(lines) != len(transcript.steps):
            raise AssertionError(f"{len(lines)} objects for {len(transcript.steps)} commands:\n{text[-3000:]}")
        return lines
    outputs, rest = [], text.splitlines(keepends=True)
    for number, (command, _) in enumerate(transcript.steps):
        start = next((i for i, line in enumerate(rest)
                      if PROMPT.match(line) and PROMPT.sub("", line).rstrip("\n") == command), None)
        fence = FENCE.format(number)
        end = next((i for i, line in enumerate(rest) if line.rstrip("\n") == fence), None)
        if start is None or end is None or end < start:
            raise AssertionError(f"the output of {command!r} was not found in:\n{text[-3000:]}")
        body = rest[start + 1:end]
        # The echo of the line that made the fence.
        if body and PROMPT.match(body[-1]) and fence in body[-1]:
            body.pop()
        outputs.append("".join(body))
        rest = rest[end + 1:]
    return outputs


def matches(want, got):
    """Line by line; `...` in WANT stands for any number of lines of GOT."""
    if "...\n" not in want:
        return want == got
    pieces = re.split(r"(?m)^\.\.\.\n", want)
    pattern = r"(?:[^\n]*\n)*?".join(re.escape(p) for p in pieces)
    return re.fullmatch(pattern, got) is not None


def compare(transcript, outputs):
    """A unified diff of everything that differs; empty when it is as expected."""
    diff = []
    for (command, want), got in zip(transcript.steps, outputs):
        want, got = transcript.filtered(want), transcript.filtered(got)
        if not matches(want, got):
            diff += difflib.unified_diff(want.splitlines(), got.splitlines(), f"{transcript.name}: {command} (expected)",
                                         f"{transcript.name}: {command} (now)", lineterm="")
    return "\n".join(diff)


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
