#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each example builds against the public headers and the shared library alone, and runs on a dump."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap

BUILD = os.path.dirname(tap.program())
FOLDER = tempfile.TemporaryDirectory()
DUMP = os.path.join(FOLDER.name, "made.dmp")
with open(DUMP, "wb") as f:
    f.write(minidump.build())


def build(name):
    if not os.path.exists(os.path.join(BUILD, "libstopcode.so")):
        tap.skip("this build has no shared library (sanitizers)")
    program = os.path.join(FOLDER.name, name)
    run = subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                          "-I", os.path.join(tap.ROOT, "include"), os.path.join(tap.ROOT, "examples", name + ".c"),
                          "-o", program, "-L", BUILD, "-lstopcode", "-Wl,-rpath," + BUILD],
                         capture_output=True, text=True)
    tap.equal(run.returncode, 0, "compiler: " + run.stderr)
    return program


def result(program, *args):
    run = subprocess.run([program, *args], capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout, run.stderr


with tap.case("analyze: a verdict with a bucket"):
    status, out, err = result(build("analyze"), DUMP)
    tap.equal((status, err), (0, ""), "result")
    tap.contains(out, "bucket: ")

with tap.case("modules: a line an image"):
    status, out, _ = result(build("modules"), DUMP)
    tap.equal(status, 0, "status")
    tap.equal([line.split()[2] for line in out.splitlines()], ["crash.exe", "kernel32.dll"], "images")

with tap.case("stack_words: reads memory up to where the dump ends"):
    status, out, err = result(build("stack_words"), DUMP)
    tap.equal((status, out, err), (0, "", ""), "nothing on the made stack points into an image")
    status, out, _ = result(build("stack_words"), tap.corpus("kdump/triage_x64.dmp"))
    tap.equal(status, 0, "status")
    tap.contains(out, "nt+0x")

with tap.case("command: JSON, one object a command"):
    status, out, _ = result(build("command"), DUMP, "lm; nosuch")
    tap.equal(status, 1, "status: one command failed")
    objects = [json.loads(line) for line in out.splitlines()]
    tap.equal([o["command"] for o in objects], ["lm", "nosuch"], "commands")
    tap.equal([r["image"] for r in objects[0]["records"]], ["crash.exe", "kernel32.dll"], "images")

with tap.case("a file that is not there is an error of each"):
    for name in ("analyze", "modules", "stack_words", "command"):
        status, out, err = result(build(name), os.path.join(FOLDER.name, "none.dmp"))
        tap.equal((status, out, err.count("\n")), (1, "", 1), name)

with tap.case("every example is built by this test, and none is longer than 60 lines"):
    names = sorted(n[:-2] for n in os.listdir(os.path.join(tap.ROOT, "examples")) if n.endswith(".c"))
    tap.equal(names, ["analyze", "command", "modules", "stack_words"], "examples")
    for name in names:
        with open(os.path.join(tap.ROOT, "examples", name + ".c"), encoding="utf-8") as f:
            assert len(f.readlines()) <= 60, f"{name} is longer than 60 lines"

FOLDER.cleanup()
tap.done()
