#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files that are no dumps, given to the program: exactly one line on standard error, status 2, nothing on stdout.

And dumps that are damaged or cut: a clean end whatever they are, within a bound of time.
"""
import os
import random
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap

FOLDER = tempfile.TemporaryDirectory()
COMMANDS = "!analyze -v; lm; ~; r; .exr -1; .enumtag; .dumpdebug; vertarget; q"


def put(name, data):
    path = os.path.join(FOLDER.name, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def header(magic, dump_type, size=0x3000, fill=b"PAGE"):
    """A kernel dump's header, preset as the writer does, with its type at both widths' places."""
    data = bytearray(fill * (size // len(fill)))
    data[:8] = magic
    if size >= 0xfa0:
        struct.pack_into("<I", data, 0xf98 if magic.endswith(b"64") else 0xf88, dump_type)
    return bytes(data)


def refused(path, *args):
    """Runs the program on PATH; it must refuse it in one line that names the file."""
    status, out, err = tap.run(*args, path, timeout=20)
    tap.equal(status, 2, f"status ({err.strip()})")
    tap.equal(out, "", "standard output")
    tap.equal(len(err.splitlines()), 1, f"lines on standard error ({err!r})")
    assert err.endswith("\n"), err
    return err


RANDOM = random.Random(1)
NO_DUMPS = {
    "empty": b"",
    "one-byte": b"P",
    "zeros-4k": bytes(4096),
    "zeros-1m": bytes(1 << 20),
    "ones-64k": b"\xff" * 65536,
    "random-100": RANDOM.randbytes(100),
    "random-64k": RANDOM.randbytes(65536),
    "page-only": b"PAGE" * 4096,
    "magic-only-64": b"PAGEDU64",
    "magic-only-32": b"PAGEDUMP",
    "magic-only-mdmp": b"MDMP",
    "header-cut": header(b"PAGEDU64", 4, 0x1800),
    "header-only-no-triage": header(b"PAGEDU64", 4, 0x2000),
    "header-32-only": header(b"PAGEDUMP", 4, 0x1000),
    "unknown-type": header(b"PAGEDU64", 99),
    "full-dump": header(b"PAGEDU64", 1),
    "bitmap-dump": header(b"PAGEDU64", 6),
    "unknown-machine": header(b"PAGEDU64", 4, 0x3000),
    "text": b"this is no dump\n" * 1000,
    "elf": b"\x7fELF" + bytes(1000),
    "pe": b"MZ" + bytes(1000),
    "zip": b"PK\3\4" + bytes(1000),
    "escapes-in-it": b"\x1b[31mMDMP\x07" * 100,
    "mdmp-no-streams-table": b"MDMP" + struct.pack("<IIIIIQ", 0xa793, 0xffffffff, 0xffffffff, 0, 0, 0),
}

for name, data in NO_DUMPS.items():
    with tap.case(f"{name}: one line on standard error, status 2"):
        path = put(name + ".dmp", data)
        assert name in refused(path), "the line does not name the file"
        refused(path, "--no-mmap", "-z")

with tap.case("a name full of control characters is made harmless"):
    path = put("evil\x1b[31m\nname\x07.dmp", b"no dump")
    err = refused(path)
    assert "\x1b" not in err and "\x07" not in err, repr(err)

with tap.case("what is no regular file is refused and does not hang"):
    fifo = os.path.join(FOLDER.name, "fifo.dmp")
    os.mkfifo(fifo)
    tap.contains(refused(fifo), "regular file")
    tap.contains(refused(FOLDER.name), "folder")
    tap.contains(refused(os.path.join(FOLDER.name, "none.dmp")), "No such file")
    tap.contains(refused("/dev/null"), "regular file")


def ends_cleanly(path, *args):
    """A damaged dump is opened or refused; never a crash, never a hang."""
    status, out, err = tap.run("--no-color", "-z", path, "-c", COMMANDS, *args, timeout=30)
    assert status in (0, 1, 2), f"status {status}: {err[-500:]}"
    if status == 2 and not out:
        tap.equal(len(err.splitlines()), 1, f"lines on standard error ({err!r})")
    return out


def damage(data, seed):
    rng = random.Random(seed)
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(min(len(data), 2048)) & ~3
        data[at:at + 4] = struct.pack("<I", rng.choice((0, 1, 0xffffffff, 0x7fffffff, len(data), rng.getrandbits(32))))
    return bytes(data[:rng.randrange(len(data))] if seed % 5 == 0 else data)


with tap.case("a minidump cut at every 64 bytes ends cleanly"):
    whole = minidump.build()
    for size in range(0, len(whole), max(64, len(whole) // 40)):
        ends_cleanly(put("cut.dmp", whole[:size]))

with tap.case("damaged minidumps end cleanly, as text and as JSON"):
    for seed in range(30):
        ends_cleanly(put("damaged.dmp", damage(minidump.build(), seed)), *(["--json"] if seed & 1 else []))

for real in ("kdump/triage_x64.dmp", "kdump/triage_arm64.dmp"):
    with tap.case(f"{real} cut in half, and at odd places, ends cleanly"):
        with open(tap.corpus(real), "rb") as f:
            whole = f.read()
        for size in (len(whole) // 2, 0x2080, 0x2081, 0x10000, len(whole) - 1):
            assert ends_cleanly(put("half.dmp", whole[:size])), f"nothing was shown of {size} bytes"

tap.done()
