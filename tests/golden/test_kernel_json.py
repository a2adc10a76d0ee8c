#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Text and JSON tell the same of a kernel.

The commands of the kernel_* transcripts of Windows 10 2004 and of Windows XP are played twice, with and without --json. Every
address and every count of four or more digits that stands in the text must stand in the records of the same command: as a number,
an address, or a word of a text. What need not is said below, each with its reason. TAP; standard library only.
"""
import glob
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402
from transcript import Transcript, play  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))

# A number of four or more digits, hexadecimal or not; what is part of a longer word (a name, a date) is none.
TOKEN = re.compile(r"(?<![\w.:/!+-])(?:0x)?[0-9a-fA-F]*`?[0-9a-fA-F]{4,}(?:`[0-9a-fA-F]{8})?h?(?![\w/:!-]|\.\d)")
WORD = re.compile(r"[0-9a-fA-F`]{4,}")
# Times and durations (a record has them as ISO 8601 and in milliseconds).
TIME = re.compile(r"\w{3} \w{3} +\d+ \d\d:\d\d:\d\d(?:\.\d+)? \d{4}|\b\d+:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\d")
EXCEPTIONS = ()


def values_of(value, numbers, words):
    """Numbers and words of a JSON value, at any depth."""
    if isinstance(value, dict):
        for v in value.values():
            values_of(v, numbers, words)
    elif isinstance(value, list):
        for v in value:
            values_of(v, numbers, words)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, (int, float)):
        numbers.add(int(value) & (1 << 64) - 1)
    else:
        if re.fullmatch(r"0x[0-9a-fA-F]+", value):
            numbers.add(int(value, 16))
        words.update(w.replace("`", "").lower() for w in WORD.findall(value))


def readings(token):
    """What TOKEN may mean: in hexadecimal, and in decimal where it can be."""
    digits = token.replace("`", "").removeprefix("0x").rstrip("h").lower()
    yield int(digits, 16), digits
    if digits.isdecimal() and not token.startswith("0x"):
        yield int(digits), digits


def is_there(token, numbers, words, after):
    for number, digits in readings(token):
        if number in numbers or digits in words or digits.lstrip("0") in words:
            return True
        # A 32-bit address of the kernel may stand sign-extended, and the other way round.
        if number >> 31 == 1 and number | 0xFFFFFFFF00000000 in numbers:
            return True
        # Kilobytes of what the record counts in pages or bytes.
        if after.lower().startswith("k") and (number / 4 in numbers or number * 1024 in numbers):
            return True
    return False


def lost(command, text, numbers, words):
    """What of TEXT the records do not have, each with its line."""
    found = []
    for line in text.splitlines():
        plain = TIME.sub("", line)
        if any(re.search(c, command) and re.search(l, line) for c, l, _ in EXCEPTIONS):
            continue
        for m in TOKEN.finditer(plain):
            token = m.group(0)
            if not any(c.isdigit() for c in token):
                continue
            if not is_there(token, numbers, words, plain[m.end():].lstrip(" )")):
                found.append(f"{token} of: {line.strip()}")
    return found


def check(path):
    transcript = Transcript(path)
    dump = transcript.dump()
    texts = play(transcript, dump)
    transcript.args.append("--json")
    failures = []
    for (command, _), text, line in zip(transcript.steps, texts, play(transcript, dump)):
        numbers, words = set(), set()
        values_of(json.loads(line), numbers, words)
        failures += [f"{command}: {f}" for f in lost(command, text, numbers, words)]
    if os.environ.get("ALL"):
        print("\n".join(failures))
    if failures:
        raise AssertionError(f"{len(failures)} facts of the text are not in the records:\n" + "\n".join(failures[:40]))


def main():
    names = sys.argv[1:] or ["kernel_*_19041_x64", "kernel_*_xp_pae"]
    for path in sorted(p for n in names for p in glob.glob(os.path.join(HERE, n + ".txt"))):
        with tap.case(f"{os.path.basename(path)[:-4]}: the records have what the text says"):
            check(path)
    tap.done()


main()
