#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands about symbols on real images: one that `.reload` adds to a dump, read from the image path."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

DRIVER = "drivers/winsiderss+systeminformer/KSystemInformer/bin-signed/"
ADD = ".reload systeminformer.sys=fffff802`00000000,4b000,d07d974d"  # the ARM64 one


def run(dump, commands, symbols="", images=""):
    env = {k: v for k, v in os.environ.items() if not k.startswith("_NT_")}
    with tempfile.TemporaryDirectory() as cache:
        out = subprocess.run([tap.program(), "-sins", "-kqm", "-y", symbols, "-i", images, "-c", commands + "; q", dump],
                             capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                             env={**env, "XDG_CACHE_HOME": cache})
    return out.stdout


with tap.case("an image that the dump does not record is added, with its symbols"):
    dump, driver = tap.corpus("kdump/triage_arm64.dmp"), tap.corpus(DRIVER + "arm64")
    text = run(dump, ADD + "; lm m systeminformer; ln systeminformer+2000; !lmi systeminformer", driver, driver)
    tap.contains(text, "fffff802`00000000 fffff802`0004b000   systeminformer   (private pdb symbols)")
    tap.contains(text, "systeminformer!KphGetProcessContext+0x50")
    tap.contains(text, "     Image Type: FILE     - Image read successfully from the image path.\n"
                       f"                 {driver}/systeminformer.sys\n")

with tap.case(".fnent shows packed unwind data of ARM64, as llvm-readobj has it"):
    dump, driver = tap.corpus("kdump/triage_arm64.dmp"), tap.corpus(DRIVER + "arm64")
    text = run(dump, ADD + "; .fnent systeminformer+2000", driver, driver)
    tap.contains(text, "BeginAddress      = 00000000`00001fb0\nEndAddress        = 00000000`0000200c\n"
                       "Packed unwind     = 0141005d\n")

with tap.case(".fnent shows the unwind record of ARM64 where there is one"):
    dump, driver = tap.corpus("kdump/triage_arm64.dmp"), tap.corpus(DRIVER + "arm64")
    text = run(dump, ADD + "; .fnent systeminformer+1010", driver, driver)
    tap.contains(text, "BeginAddress      = 00000000`00001000\nEndAddress        = 00000000`00001024\n")
    tap.contains(text, "0001fd5c")

with tap.case(".reload /i takes the symbols of another build, and warns; without /i they are refused"):
    dump, driver = tap.corpus("kdump/triage_arm64.dmp"), tap.corpus(DRIVER + "arm64")
    other = tap.corpus(DRIVER + "amd64/systeminformer.pdb")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(other, os.path.join(folder, "systeminformer.pdb"))
        text = run(dump, ADD + "; lm m systeminformer", folder, driver)
        tap.lacks(text, "pdb symbols")
        text = run(dump, ADD + "; .reload /i systeminformer; lm m systeminformer", folder, driver)
        tap.contains(text, "*** WARNING: ")
        tap.contains(text, "is used for systeminformer.sys without a check: names may be wrong")
        tap.contains(text, "systeminformer   (private pdb symbols)  " + folder)

with tap.case("a triage dump has no user-mode modules, and .reload /user says so"):
    text = run(tap.corpus("kdump/triage_x64.dmp"), ".reload /user")
    tap.contains(text, "Loading User Symbols\nA triage dump holds no user-mode memory")

with tap.case("a user dump reloads all its modules with /user"):
    text = run(tap.corpus("mdmp/getsentry+symbolic/windows-mini.dmp"), ".reload /user")
    tap.contains(text, "Reloading current modules\n..")
tap.done()
