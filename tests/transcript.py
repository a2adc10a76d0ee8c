# SPDX-License-Identifier: MIT
"""Transcripts: a session at the prompt with the output it must give. What golden/run.py and cases/run.py share; the
format stands in golden/run.py.
"""
import difflib
import os
import re
import subprocess
import tempfile

import minidump
import tap

HEADER = re.compile(r"^# (file|args|env|filter|known-failure): *(.*)$")
PROMPT = re.compile(r"^(?:\d+: kd(?::\w+)?|kd(?::\w+)?|\d+:\d{3}(?::\w+)?|stopcode)> ")
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
        self.store = None  # of a forged one: its images and symbols
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
            pattern, arrow, text = (value + " ").partition(" => ")  # nothing may stand behind it
            text = text.rstrip()
            if not arrow:
                raise AssertionError(f"{self.path}: a filter without =>: {value}")
            self.filters.append((re.compile(pattern), text))

    def dump(self):
        if self.file and self.file.startswith("forge:"):
            return self.forged(os.path.join(os.path.dirname(self.path), self.file[len("forge:"):]))
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

    def forged(self, scenario):
        """The dump that a scenario describes; its images and symbols are `store:` in the arguments."""
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "forged.dmp")
        run = subprocess.run([tap.helper("stopcode-forge"), scenario, "-o", path],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        if run.returncode:
            raise AssertionError(f"{os.path.relpath(scenario, tap.ROOT)} cannot be forged:\n{run.stdout}")
        self.store = path + ".store"
        return path

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
    given = [re.sub(r"\bstore:", lambda m: transcript.store or "", a) for a in given]
    given = [re.sub(r"\bdump:", lambda m: dump or "", a) for a in given]
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


def cut_json(transcript, text):
    """In JSON there is no echo, but an object a command; several where they stand in one line, between semicolons."""
    outputs, body = [], ""
    for line in text.split("\n")[:-1]:
        if FENCE.format(len(outputs)) in line:
            outputs.append(body)
            body = ""
        else:
            body += line + "\n"
    if len(outputs) != len(transcript.steps):
        raise AssertionError(f"{len(outputs)} outputs for {len(transcript.steps)} commands:\n{text[-3000:]}")
    return outputs


def cut(transcript, text):
    """The output of each command. The program echoes prompt and command, as a log of WinDbg's has them."""
    if "--json" in transcript.args:
        return cut_json(transcript, text)
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


def compare(transcript, outputs, same=matches):
    """A unified diff of everything that differs; empty when it is as expected."""
    diff = []
    for (command, want), got in zip(transcript.steps, outputs):
        want, got = transcript.filtered(want), transcript.filtered(got)
        if not same(want, got):
            diff += difflib.unified_diff(want.splitlines(), got.splitlines(), f"{transcript.name}: {command} (expected)",
                                         f"{transcript.name}: {command} (now)", lineterm="")
    return "\n".join(diff)
