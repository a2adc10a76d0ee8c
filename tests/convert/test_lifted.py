#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real small dumps, made whole (corpus/lift_triage.c) and small again by conversion: the verdict must come back.

What is compared is what the program says, with what differs between whole and small dumps by rule taken out: WinDbg shows
segment selectors for the one and not for the other. Where a small dump has a part of a page the whole one has zeros in the
rest: a stack that is searched for return addresses can look different there, so of the x64 dump, which has such a stack, the
frames are compared between the whole dump and the small one that was made of it only.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

QUESTIONS = "!analyze -v; .bugcheck; ~; lm; k; r; q"


def answers(path, frames=True):
    run = subprocess.run([tap.program(), "-sins", "-z", path, "-c", QUESTIONS], capture_output=True, text=True, timeout=60)
    tap.equal(run.returncode, 0, "status")
    text = re.sub(r"FILE_IN_CAB:.*\n", "", run.stdout)
    text = re.sub(r"\b([cdefgs]s):[0-9a-f]{4}:", r"\1:", text)
    text = re.sub(r"    \* For a hang: a kernel memory dump of the next one, which holds all\n.*\n", "", text)
    if not frames:
        text = re.sub(r"^[0-9a-f]{8}`[0-9a-f]{8} [0-9a-f]{8}`[0-9a-f]{8} .*\n", "", text, flags=re.M)
        text = re.sub(r", in frame \d+, runs its code \(not sure: \d+%\)", "", text)
    return text


def check(folder, name, same_frames):
    small = tap.corpus(os.path.join("kdump", name))
    whole, again = os.path.join(folder, "whole"), os.path.join(folder, "small")
    run = subprocess.run([tap.helper("lift_triage"), small, whole], capture_output=True, text=True, timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), "lift_triage")
    run = subprocess.run([tap.program(), "convert", whole, again, "--to", "triage", "-f"], capture_output=True, text=True,
                         timeout=60)
    tap.equal((run.returncode, run.stderr), (0, ""), "convert")
    tap.equal(answers(again), answers(whole), "small and whole")
    tap.equal(answers(again, same_frames), answers(small, same_frames), "small again and small")
    assert os.path.getsize(again) <= os.path.getsize(small), os.path.getsize(again)


with tempfile.TemporaryDirectory() as work:
    for dump, frames in (("triage_arm64.dmp", True), ("triage_x64.dmp", False)):
        with tap.case(f"{dump}: lifted and converted back"):
            check(work, dump, frames)
tap.done()
