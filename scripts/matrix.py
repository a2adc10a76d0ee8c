#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The matrix of builds and commands in docs/support-matrix.md, as the golden transcripts prove it.

    scripts/matrix.py             rewrites the table between its two marks
    scripts/matrix.py --check     says what is not fresh, and which command no transcript shows; status 1 then

A transcript of tests/golden is one of BUILD when its dump is forged from tests/forge/worlds/kernel-BUILD.scenario or
machine-BUILD.scenario. In the table stands a tick where a command printed something there, a dash where all it has to
say is what the build or the dump lacks.
"""
import argparse
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "support-matrix.md")
MANUAL = os.path.join(ROOT, "docs", "manual", "commands.md")
BEGIN, END = "<!-- matrix: scripts/matrix.py -->", "<!-- end of matrix -->"
BUILDS = {"xp-pae": "XP SP3 x86 PAE", "7601-x86": "7601 x86", "7601-x64": "7601", "9600-x64": "9600",
          "17763-x64": "17763", "19041-x64": "19041", "22000-x64": "22000"}

# What does not read the kernel's objects, processors or use of memory, by its heading in the manual. A new heading has to be
# put here, or its commands into transcripts.
OTHER = {
    "Analysis", "The target", "Modules", "Images", "Images and their files", "Module details", "Symbols", "Types",
    "Symbol paths", "Loading symbols", "Source lines", "Source files", "Functions", "Code", "Frames", "Local variables",
    "C++ expressions", "Trap frames", "Events and exceptions", "Memory", "Searching and comparing memory",
    "Memory and files", "Hardware errors", "Registers", "The dump file", "Writing dumps", "Aliases", "Command programs",
    "The shell", "Options of the program",
}
# Of those headings, the loops over what the kernel has.
BESIDES = ("!for_each_frame", "!for_each_module", "!for_each_process", "!for_each_thread")


def commands():
    """Those of the matrix, in the manual's order."""
    found, heading = [], None
    with open(MANUAL, encoding="utf-8") as f:
        for line in f:
            if line.startswith("## "):
                heading = line[3:].strip()
            elif line.startswith("### `"):
                command = line[5:].split("`")[0]
                if heading not in OTHER or command in BESIDES:
                    found.append(command)
    return found


def proofs():
    """{(command, build): True where it printed something, False where it said what is lacking}."""
    shown = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "golden", "*.txt"))):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        world = re.search(r"^# file: forge:\.\./forge/worlds/(?:kernel|machine)-(\S+)\.scenario$", text, re.M)
        if not world or world.group(1) not in BUILDS:
            continue
        for step in re.split(r"(?m)^> ", text)[1:]:
            command, _, output = step.partition("\n")
            key = (command.split()[0], world.group(1))
            if output.strip():
                shown[key] = shown.get(key, False) or not re.search("(?m)^ERROR:", output)
    return shown


def table():
    shown = proofs()
    rows = ["| | " + " | ".join(BUILDS.values()) + " |", "|---|" + "---|" * len(BUILDS)]
    lacking = []
    for command in commands():
        cells = []
        for build in BUILDS:
            proved = shown.get((command, build))
            cells.append({True: "✓", False: "–", None: ""}[proved])
            if proved is None:
                lacking.append(f"{command} on {build}")
        rows.append(f"| `{command}` | " + " | ".join(cells) + " |")
    return "\n".join(rows), lacking


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    before, begin, rest = page.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"matrix: {os.path.relpath(PAGE, ROOT)} does not have the marks")
    new, lacking = table()
    if not args.check:
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write(before + begin + "\n" + new + "\n" + end + after)
        return 0
    for what in lacking:
        print(f"no transcript has {what}")
    if old.strip() != new:
        print("the matrix in docs/support-matrix.md is not fresh: make doc")
    return 1 if lacking or old.strip() != new else 0


if __name__ == "__main__":
    sys.exit(main())
