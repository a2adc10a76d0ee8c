#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The lint passes on this tree, check by check, and finds one planted violation of each kind."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

LINT = os.path.join(tap.ROOT, "scripts", "lint.py")
# A small tree in which every check has something to look at.
COPIED = [".clang-format", "include", "src/base", "src/nt/pooltag.c", "src/nt/pooltag.h", "src/nt/gen/pooltags.inc",
          "gen/pooltags.py", "gen/tables.py", "data/pooltags.tsv"]
SPDX = "/* SPDX-License-Identifier: MIT */\n"


def lint(root, *args):
    run = subprocess.run([sys.executable, "-B", LINT, "--root", root, *args], capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def copy(root):
    for path in COPIED:
        source, target = os.path.join(tap.ROOT, path), os.path.join(root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)


def write(root, path, text):
    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
    with open(os.path.join(root, path), "w", encoding="utf-8") as f:
        f.write(text)


def finds(check, path, said, text, name):
    """Plants TEXT as PATH in a fresh copy: the lint must fail, and name check, file and thing."""
    with tap.case(name), tempfile.TemporaryDirectory() as root:
        copy(root)
        write(root, path, text)
        status, out = lint(root)
        if "lint: skipped format" in out and check == "format":
            tap.skip("clang-format is not installed")
        tap.equal(status, 1, "status")
        found = [line for line in out.splitlines() if line.startswith(path + ":") and f": {check}: " in line]
        if not found:
            raise AssertionError(f"no {check} finding for {path}:\n{out}")
        tap.contains("\n".join(found), said)


def passes(path, text, name):
    with tap.case(name), tempfile.TemporaryDirectory() as root:
        copy(root)
        write(root, path, text)
        status, out = lint(root)
        tap.equal((status, [x for x in out.splitlines() if not x.startswith("lint:")]), (0, []), "findings")


def main():
    names = subprocess.run([sys.executable, "-B", LINT, "--list"], capture_output=True, text=True).stdout.split()
    for name in names:
        with tap.case(f"this tree is clean: {name}"):
            status, out = lint(tap.ROOT, "--only", name)
            if f"skipped {name}" in out:
                tap.skip(out.split("skipped ")[1].splitlines()[0])
            tap.equal(status, 0, "findings:\n" + out)
    with tap.case("the small tree that is planted into is clean"), tempfile.TemporaryDirectory() as root:
        copy(root)
        status, out = lint(root)
        tap.equal(status, 0, out)

    finds("layers", "src/base/planted.c", "nt/pooltag.h", SPDX + '#include "nt/pooltag.h"\n',
          "an include that points up is found")
    finds("layers", "src/nt/planted.c", "../base/vec.h", SPDX + '#include "../base/vec.h"\n',
          "an include through .. is found")
    finds("layers", "src/strange/planted.c", "no row in LAYERS", SPDX + "int planted;\n", "an unknown layer is found")
    finds("layers", "include/stopcode/planted.h", "base/vec.h",
          SPDX + '#ifndef STOPCODE_PLANTED_H\n#define STOPCODE_PLANTED_H\n#include "base/vec.h"\n#endif\n',
          "a public header that needs a private one is found")
    finds("file-length", "src/base/planted.c", "801 lines", SPDX + "/* x */\n" * 800, "a file of 801 lines is found")
    finds("function-length", "src/base/planted.c", "planted has 101 lines",
          SPDX + "void planted(int *x) {\n" + "    ++*x;\n" * 99 + "}\n", "a function of 101 lines is found")
    finds("spdx", "src/base/planted.c", "SPDX", "int sc_planted(void);\n", "a file without its licence is found")
    finds("spdx", "scripts/planted.sh", "SPDX", "#!/bin/sh\ntrue\n", "a script without its licence is found")
    finds("printing", "src/base/planted.c", "may not print",
          SPDX + '#include <stdio.h>\nvoid sc_planted(void) { printf("x"); }\n', "a layer that prints is found")
    finds("printing", "src/base/planted.c", "exit",
          SPDX + "#include <stdlib.h>\nvoid sc_planted(void) { exit(1); }\n", "a library that exits is found")
    finds("words", "docs/planted.md", "somebody's own machine", "See /" + "home" + "/jo/x.\n",
          "a path of a private machine is found")
    finds("marks", "src/base/planted.c", "do it", SPDX + "/* " + "TO" + "DO: later */\n", "a mark for later is found")
    finds("marks", "docs/planted.md", "unfinished", "a\n" + "<" * 7 + " HEAD\n", "an unfinished merge is found")
    finds("globals", "src/base/planted.c", "planted can change", SPDX + "static int planted;\n",
          "a variable at file scope is found")
    finds("globals", "src/base/planted.c", "planted can change", SPDX + "const char *planted = 0;\n",
          "a pointer that is not const itself is found")
    finds("globals", "src/base/planted.c", "planted can change",
          SPDX + "int sc_planted(void) {\n    static int planted = 1;\n    return planted++;\n}\n",
          "a static variable in a function is found")
    finds("globals", "src/base/planted.c", "planted can change", SPDX + "static struct {\n    int a;\n} planted;\n",
          "a struct variable without a name for its type is found")
    finds("blanks", "src/base/planted.c", "blanks at the end", SPDX + "int sc_planted(void); \n",
          "blanks at the end of a line are found")
    finds("blanks", "scripts/planted.py", "a tab", "# SPDX-License-Identifier: MIT\nif 1:\n\tpass\n", "a tab is found")
    finds("blanks", "src/base/planted.c", "columns", SPDX + "/* " + "x" * 100 + " */\n", "a long line is found")
    finds("guards", "src/base/planted.h", "no include guard", SPDX + "int sc_planted(void);\n",
          "a header without a guard is found")
    finds("guards", "src/base/planted.h", "does not end in",
          SPDX + "#ifndef SC_OTHER_H\n#define SC_OTHER_H\nint sc_planted(void);\n#endif\n",
          "a guard that is not named after its header is found")
    finds("format", "src/base/planted.c", "make fmt", SPDX + "int  sc_planted( void );\n",
          "code that clang-format would change is found")
    stale = open(os.path.join(tap.ROOT, "src/nt/gen/pooltags.inc"), encoding="utf-8").read()
    with tap.case("a stale generated table is found"), tempfile.TemporaryDirectory() as root:
        copy(root)
        write(root, "src/nt/gen/pooltags.inc", stale + "\n")
        status, out = lint(root)
        tap.equal(status, 1, "status")
        tap.contains(out, "gen/pooltags.py:1: stale:")

    passes("src/base/planted.c", SPDX + "static const char *const planted[] = {\"TEXT: printf( exit(1)\"};\n"
           "struct sc_planted {\n    int a;\n};\nint sc_planted_fn(const char *const *p);\n"
           "int sc_planted_fn(const char *const *p) { return p == planted; }\n",
           "constants, types, prototypes and words inside literals are no findings")
    tap.done()


main()
