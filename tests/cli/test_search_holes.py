#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Searches of a dump whose file has holes: what lies at their edges, or reaches into them, is found as in one without.

The same bytes in two files, one of them written out. TAP; standard library only.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump  # noqa: E402
import tap  # noqa: E402

MB = 1 << 20
SIZE = 40 * MB


def make(folder):
    """Texts at the edges of holes and inside data; the file, and a copy of it without holes."""
    sparse, dense = os.path.join(folder, "sparse.dmp"), os.path.join(folder, "dense.dmp")
    head = minidump.build(tail=SIZE)
    rng = random.Random(5)
    with open(sparse, "wb") as f:
        f.write(head)
        f.truncate(len(head) + SIZE)
        for at in (0, 3 * MB - 3, 7 * MB, 7 * MB + 4096 - 2, 19 * MB + 17, 33 * MB - 6, SIZE - 6):
            f.seek(len(head) + at)
            f.write(b"needle")
        for _ in range(40):  # many small holes
            f.seek(len(head) + 20 * MB + rng.randrange(256) * 8192)
            f.write(b"needle in hay")
        for seed in range(60):  # data of any length between holes of any length
            at = len(head) + 23 * MB + seed * 160 * 1024 + rng.randrange(40) * 1024
            f.seek(at)
            f.write(b"needle" + rng.choice((b"", b"x" * 3000, b"y" * 70000)) + b"needle")
    with open(sparse, "rb") as source, open(dense, "wb") as f:
        shutil.copyfileobj(source, f)
    return sparse, dense


def search(dump, operands):
    done = subprocess.run([tap.program(), dump, "--no-color", "-c", "s " + operands], capture_output=True, timeout=120)
    return done.stdout.decode()


CASES = (("a text", '-[1]a {} "needle"', 150),
         ("what reaches into a hole behind it", "-[1]b {} 6c 65 0 0 0", 60),
         ("what begins in a hole", "-[1]b {} 0 0 0 6e 65", 60),
         ("strings", "-[l6]sa {}", 90),
         ("numbers that begin in a hole", "-[1]d {} 656e0000", 1))


def main():
    with tempfile.TemporaryDirectory() as folder:
        sparse, dense = make(folder)
        with tap.case("the file has holes"):
            if os.stat(sparse).st_blocks * 512 > SIZE / 2:
                tap.skip("this file system makes none")
        where = f"{minidump.BIG:x} L?{SIZE:x}"
        for name, operands, least in CASES:
            with tap.case(f"{name}: found as in a file without holes"):
                plain = search(dense, operands.format(where))
                tap.equal(search(sparse, operands.format(where)), plain)
                assert plain.count("\n") >= least, plain
        with tap.case("zeros are found in a hole, too"):
            zeros = f"-[1]b {minidump.BIG + 10 * MB:x} L?200000 0 0 0 0"
            tap.equal(search(sparse, zeros).count("\n"), 0x200000 - 3)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
