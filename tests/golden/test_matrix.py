#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The matrix of builds and commands: every command that reads the kernel has a transcript on every build, and the table in
docs/support-matrix.md is what they show."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

with tap.case("the matrix in docs/support-matrix.md is what the transcripts show (make doc)"):
    run = subprocess.run([os.path.join(tap.ROOT, "scripts", "matrix.py"), "--check"], stdout=subprocess.PIPE, text=True)
    tap.equal((run.returncode, run.stdout), (0, ""), "status and complaints")

tap.done()
