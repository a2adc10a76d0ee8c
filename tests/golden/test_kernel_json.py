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
TIME = re.compile(r"(?:\b[A-Z][a-z]{2} )?\b[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d(?:\.\d+)? \d{4}|\b\d+:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\d")
# LUIDs are a pair in the text and one number in a record.
LUID = re.compile(r"\(([0-9a-f]+), ([0-9a-f]+)\)")
# !timer writes a time of 64 bits as its halves, the lower one first.
HALVES = re.compile(r"\b([0-9a-f]{8}) ([0-9a-f]{8})(?= \[)")
# command, line, why
EXCEPTIONS = (
    (r"^!pool .* [13]$", r"^ +[0-9a-f]{8,16}(  ?[0-9a-f]{8})+", "bytes of memory, as d* commands show them"),
    (r"^!ready", r"READY on processor 8", "the processor's number with the bit that WinDbg shows, too; it has a field"),
    (r"^(!process|!uniqstack)", r"^ *[0-9a-f]{8} 00000000 0x", "a frame without a frame pointer: where it would be by the stack's"),
    (r"^!bugdump", r"^ *[0-9a-f]{8,16}  ([0-9a-f]{2} ?)+$", "bytes of memory, as d* commands show them"),
    (r"^!timer", r" P \(", "units of 100 ns; a record has a duration"),
    (r"^\.thread /w", r"to switch back", "advice what to type"),
    (r"^!job", r"Total(User|Kernel)Time: ", "units of 100 ns; a record has a duration"),
)


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
        if number >> 31 in (1, 0x1FFFFFFFF) and {number & 0xFFFFFFFF, number | 0xFFFFFFFF00000000} & numbers:
            return True
        # Kilobytes of what the record counts in pages or bytes.
        if after.lower().startswith("k") and (number / 4 in numbers or number * 1024 in numbers):
            return True
    return False


def lost(command, text, numbers, words):
    """What of TEXT the records do not have, each with its line."""
    found = []
    for line in text.splitlines():
        plain = LUID.sub(lambda m: f"{int(m.group(1), 16) << 32 | int(m.group(2), 16):x}", line)
        plain = TIME.sub("", HALVES.sub(r"\2\1", plain))
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
    for (command, _), text, records in zip(transcript.steps, texts, play(transcript, dump)):
        numbers, words = set(), set()
        for line in records.split("\n")[:-1]:
            values_of(json.loads(line), numbers, words)
        failures += [f"{command}: {f}" for f in lost(command, text, numbers, words)]
    if failures:
        raise AssertionError(f"{len(failures)} facts of the text are not in the records:\n" + "\n".join(failures[:40]))


def main():
    names = sys.argv[1:] or ["kernel_*_19041_x64", "kernel_*_xp_pae"]
    for path in sorted(p for n in names for p in glob.glob(os.path.join(HERE, n + ".txt"))):
        with tap.case(f"{os.path.basename(path)[:-4]}: the records have what the text says"):
            check(path)
    tap.done()


main()
