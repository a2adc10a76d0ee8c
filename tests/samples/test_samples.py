#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sample of every command runs, without a dump and on every kind of dump at hand."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap


def samples(name, path):
    """Runs all samples on one dump; its cases become ours. Some write files: in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        args = [tap.program(), "--samples"] + ([path] if path else [])
        run = subprocess.run(args, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    points = re.findall(r"^(not )?ok \d+ - (.*)$", run.stdout, re.M)
    for failed, case in points:
        case, _, directive = case.partition(" # SKIP ")
        tap.point(not failed, f"{name}: {case}", f" # SKIP {directive}" if directive else "")
    with tap.case(f"{name}: all samples ran"):
        tap.equal(run.returncode, 1 if any(p[0] for p in points) else 0, "status\n" + run.stderr)
        tap.contains(run.stdout, f"1..{len(points)}")
        if not points:
            raise AssertionError("no command ran: " + run.stderr)


samples("no dump", None)
with tempfile.TemporaryDirectory() as folder:
    made = os.path.join(folder, "made.dmp")
    with open(made, "wb") as f:
        f.write(minidump.build())
    samples("a made user minidump", made)
for name in ("kdump/triage_x64.dmp", "kdump/triage_arm64.dmp", "mdmp/getsentry+symbolic/windows-mini.dmp"):
    try:
        path = tap.corpus(name)
    except tap.Skip as reason:
        tap.point(True, name, f" # SKIP {reason}")
        continue
    samples(os.path.basename(name), path)
tap.done()
