#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the sources for what a compiler does not: layers, sizes, style, generated tables, forbidden things.

Prints `file:line: check: what is wrong` for each finding and exits 1 if there are any. The lists of exceptions stand
below, each with its reason. `--only CHECK,...` runs some checks, `--list` names them, `--root DIR` looks elsewhere.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys

MAX_FILE = 800
MAX_FUNCTION = 100
MAX_COLUMNS = 100
MEDIAN_FUNCTION = 20

# src folder -> folders whose headers it may include, besides its own and include/stopcode.
LAYERS = {
    "base": [],
    "out": ["base"],
    "dump": ["base"],
    "mem": ["base", "dump"],
    "cpu": ["base"],
    "target": ["base", "dump", "mem", "cpu"],
    "expr": ["base"],
    "pe": ["base"],
    "pdb": ["base"],
    "isf": ["base"],
    "disasm": ["base"],
    "store": ["base"],
    "sym": ["base", "dump", "mem", "cpu", "target", "expr", "pe", "pdb", "isf", "store"],
    "type": ["base", "sym"],
    "unwind": ["base", "dump", "mem", "cpu", "target", "pe", "pdb", "isf", "store", "sym", "disasm"],
    "cexpr": ["base", "dump", "mem", "cpu", "target", "expr", "pe", "pdb", "isf", "store", "sym", "type"],
    "nt": ["base", "dump", "mem", "cpu", "target", "expr", "pe", "pdb", "isf", "store", "sym", "type",
           "unwind", "disasm"],
    "analyze": ["base", "dump", "mem", "cpu", "target", "expr", "pe", "pdb", "isf", "store", "sym", "type",
                "unwind", "disasm", "nt"],
    "convert": ["base", "dump", "mem", "cpu", "target", "expr", "pe", "pdb", "isf", "store", "sym", "type",
                "unwind", "disasm", "nt"],
    "cmd": [
        "base", "out", "dump", "mem", "cpu", "target", "expr", "pe", "pdb", "isf", "store", "sym", "type", "nt",
        "convert", "analyze", "disasm", "unwind", "cexpr",
    ],
}

# Folders of src/ that may speak to the user.
MAY_PRINT = {"out", "cmd"}

# file -> why it may be longer than MAX_FILE lines.
LONG_FILES = {}

# file:name -> why this variable may change (or is not const although nobody changes it).
GLOBALS = {
    "src/base/error.c:err_nomem": "handed out as sc_err *, never written: no allocation on the way out of one",
    "src/base/error.c:err_cancelled": "the same",
    "tools/stopcode/signals.c:running": "a signal handler is given nothing",
    "tools/stopcode/signals.c:is_running": "the same",
    "tools/stopcode/signals.c:interrupts": "the same",
    "tools/stopcode/signals.c:pending": "the same",
    "tools/stopcode/signals.c:bus_status": "the same",
    "tools/stopcode/signals.c:bus_text": "the same",
    "tools/stopcode/edit.c:the_edit": "libedit's callbacks are given its handle only",
}

SKIP_FOLDERS = {".git", "build", "out-of-tree", "__pycache__", ".cache"}
# Only at the top: src/out is a layer.
SKIP_TOP = {"out"}
CODE = (".c", ".h")
SCRIPTS = (".py", ".sh")
TEXT = CODE + SCRIPTS + (".md", ".txt", ".cmake", ".json", ".yml", ".tsv")
# Written by generators or taken over as facts: their lines are as long as they are, and tabs are their separators.
DATA = (".tsv", ".inc")

FINDINGS = []


def report(path, line, check, text):
    FINDINGS.append((path, line, check, text))


class Source:
    """A text file, read once; `code` is the text with comments and literals blanked out, line by line the same."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), "rb") as f:
            self.raw = f.read()
        self.text = self.raw.decode("utf-8", "replace")
        self.lines = self.text.split("\n")
        self._code = None

    @property
    def code(self):
        if self._code is None:
            self._code = blank(self.text)
        return self._code


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text):
    """Comments become blanks, literals keep their quotes and lose their contents; line numbers stay."""

    def replace(match):
        s = match.group(0)
        if s[0] in "\"'":
            return s[0] + " " * (len(s) - 2) + s[0]
        return re.sub(r"[^\n]", " ", s)

    return TOKEN.sub(replace, text)


def walk(root):
    for folder, names, files in os.walk(root):
        top = os.path.relpath(folder, root) == "."
        names[:] = sorted(n for n in names if n not in SKIP_FOLDERS and not (top and n in SKIP_TOP))
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), root)
            if name.endswith(TEXT + DATA) or name in ("Makefile", "CMakeLists.txt", "run", ".clang-format", "LICENSE"):
                yield path


def is_code(path):
    return path.endswith(CODE)


def folder_of(path):
    """"base" for src/base/x.c; None outside src/."""
    parts = path.split(os.sep)
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


# --- the checks: each takes a Source, and is called for the files it is meant for --------------------------------


def check_layers(source, tree):
    folder = folder_of(source.path)
    if not folder or not source.path.endswith(CODE):
        return
    if folder not in LAYERS:
        report(source.path, 1, "layers", f"src/{folder} has no row in LAYERS (scripts/lint.py)")
        return
    for number, line in enumerate(source.lines, 1):
        include = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not include:
            continue
        name = include.group(1)
        if ".." in name.split("/"):
            report(source.path, number, "layers", f'"{name}": an include names its layer, without ..')
            continue
        first = name.split("/")[0]
        if "/" not in name or name.startswith("gen/") or first in ("stopcode", folder):
            continue
        if first not in LAYERS[folder]:
            report(source.path, number, "layers",
                   f'src/{folder} may not include "{name}" (only {", ".join(LAYERS[folder]) or "its own"})')


def check_public(source, tree):
    """Public headers stand alone: they include only the standard library and each other."""
    if not source.path.startswith("include" + os.sep):
        return
    for number, line in enumerate(source.lines, 1):
        include = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if include and "/" in include.group(1):
            report(source.path, number, "layers", f'a public header may not include "{include.group(1)}"')


def check_file_length(source, tree):
    if source.path.endswith(CODE + SCRIPTS) and source.path not in LONG_FILES:
        count = len(source.lines) - 1
        if count > MAX_FILE:
            report(source.path, count, "file-length", f"{count} lines; {MAX_FILE} are allowed: one noun a file")


def functions(source):
    """(name, first line, number of lines) of the functions of a formatted C file."""
    head, start = "", 0
    name = None
    for number, line in enumerate(source.code.split("\n"), 1):
        if name is None:
            if not line.strip() or line.startswith(("#", "}")):
                head = ""
                continue
            if line[0].isspace() and not head:
                continue
            if not head:
                start = number
            head += " " + line
            opened = re.search(r"\{", head)
            if opened and "=" not in head[:opened.start()] and re.search(r"\)\s*(__attribute__\s*\(.*\)\s*)?\{", head):
                name = re.search(r"([A-Za-z_]\w*)\s*\(", head).group(1)
                if line.rstrip().endswith("}"):
                    yield name, start, number - start + 1
                    name, head = None, ""
            elif line.rstrip().endswith(";") or opened:
                head = "" if line.rstrip().endswith((";", "}")) or opened else head
        elif line.startswith("}"):
            yield name, start, number - start + 1
            name, head = None, ""


def check_function_length(source, tree):
    if not source.path.endswith(".c"):
        return
    for name, start, count in functions(source):
        tree.setdefault("lengths", []).append(count)
        if count > MAX_FUNCTION:
            report(source.path, start, "function-length",
                   f"{name} has {count} lines; {MAX_FUNCTION} are allowed, {MEDIAN_FUNCTION} are usual")


def check_spdx(source, tree):
    path = source.path
    if path.endswith(CODE):
        if source.lines[0] != "/* SPDX-License-Identifier: MIT */":
            report(path, 1, "spdx", "the first line is not /* SPDX-License-Identifier: MIT */")
    elif path.endswith(SCRIPTS) or os.path.basename(path) in ("Makefile", "run"):
        if not any("SPDX-License-Identifier: MIT" in line for line in source.lines[:3]):
            report(path, 1, "spdx", "no SPDX-License-Identifier: MIT in the first three lines")


PRINTING = re.compile(r"\b(printf|puts|fprintf|vprintf|vfprintf|fputs|putchar|fputc|putc|perror|dprintf|psignal)\s*\(|"
                      r"\b(stdout|stderr|STDOUT_FILENO|STDERR_FILENO)\b|\bwrite\s*\(\s*[12]\s*,")
LEAVING = re.compile(r"\b(exit|_exit|_Exit|abort|quick_exit|longjmp|siglongjmp|setjmp|sigsetjmp|raise)\s*\(")


def check_printing(source, tree):
    folder = folder_of(source.path)
    if not folder or not source.path.endswith(CODE):
        return
    for number, line in enumerate(source.code.split("\n"), 1):
        said = PRINTING.search(line)
        if said and folder not in MAY_PRINT:
            report(source.path, number, "printing", f"src/{folder} may not print: {said.group(0).strip('( ')}")
        left = LEAVING.search(line)
        if left:
            report(source.path, number, "printing", f"the library never leaves: {left.group(1)}")


# Taken apart, so that this file does not find itself.
PRIVATE = re.compile(r"(?<![\w.$~\\-])/(" + "|".join(["ho" + "me", "wo" + "rk", "ro" + "ot", "Us" + "ers"]) + r")/[\w.]")


def check_words(source, tree):
    if source.path.endswith(DATA):
        return
    for number, line in enumerate(source.lines, 1):
        found = PRIVATE.search(line)
        if found and not line.startswith("#!"):
            report(source.path, number, "words", f"a path of somebody's own machine: {found.group(0)}…")


MARKS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME"]) + r")\b")


CONFLICT = re.compile(r"^(<{7}|>{7}|\|{7}) ")


def check_marks(source, tree):
    for number, line in enumerate(source.lines, 1):
        if CONFLICT.match(line):
            report(source.path, number, "marks", "a merge was left unfinished here")
    # TAP has a directive of the same name: the scripts that read and write it may say it.
    if not source.path.endswith(CODE + (".md", ".sh")):
        return
    for number, line in enumerate(source.lines, 1):
        found = MARKS.search(line)
        if found:
            report(source.path, number, "marks", f"{found.group(1)}: do it, or write it into docs/design/STATUS.md")


def file_scope(code):
    """(line, text) of each declaration at file scope; bodies and initialisers are reduced to {}."""
    depth, item, start = 0, "", None
    for number, line in enumerate(strip_preprocessor(code), 1):
        for ch in line + "\n":
            if ch == "{":
                depth += 1
                item += "{" if depth == 1 else ""
                continue
            if ch == "}":
                depth -= 1
                item += "}" if depth == 0 else ""
                # The end of a function, or of extern "C" {: nothing follows it.
                if depth == 0 and re.search(r"\)\s*\{\}$", item) and "=" not in item:
                    item, start = "", None
                continue
            if depth:
                continue
            if ch == ";":
                if item.strip():
                    yield start, " ".join(item.split())
                item, start = "", None
                continue
            if start is None and not ch.isspace():
                start = number
            item += ch


def strip_preprocessor(code):
    """The lines of CODE with directives (and their continuations) emptied, and extern "C" { removed."""
    inside = False
    for line in code.split("\n"):
        directive = inside or line.lstrip().startswith("#")
        inside = directive and line.rstrip().endswith("\\")
        yield "" if directive or re.match(r'\s*extern\s+" "\s*\{', line) else line


NOT_VARIABLES = re.compile(r"^(typedef|_Static_assert|static_assert|extern\s+\")\b")


def variable(text):
    """The name of the variable that a declaration at file scope declares and that may change; None if none."""
    if NOT_VARIABLES.match(text) or "_Thread_local" in text:
        return None
    declared = text.split("=")[0] if "=" in text else text
    if re.fullmatch(r"(static\s+|extern\s+)?(const\s+)?(struct|enum|union)(\s+\w+)?\s*(\{\})?", declared.strip()):
        return None  # a type on its own
    declared = re.sub(r"^((static|extern|const)\s+)*(struct|enum|union)(\s+\w+)?\s*\{\}", r"\g<0> ", declared)
    pointer = re.match(r"[\w\s*]*\(\s*\*\s*(const\s+)?(\w+)\s*(\[[^]]*\])*\s*\)\s*\(", declared)
    if pointer:
        return None if pointer.group(1) else pointer.group(2)
    if "(" in re.sub(r"\[[^]]*\]|__attribute__\s*\(\(.*?\)\)", "", declared):
        return None  # a prototype, or a macro call
    bare = re.sub(r"\[[^]]*\]", "", declared).strip()
    name = re.search(r"(\w+)$", bare)
    if not name or " " not in bare and "*" not in bare:
        return None
    qualifiers = bare.rsplit("*", 1)[1] if "*" in bare else bare
    return None if re.search(r"\bconst\b", qualifiers) else name.group(1)


LOCAL_STATIC = re.compile(r"^\s+static\s+(?!inline\b|_Static_assert)(.*)$")


def check_globals(source, tree):
    """Variables that outlive a call and may change. Two targets in one process must not meet in one."""
    if not source.path.startswith(("src", "tools")) or not source.path.endswith(CODE):
        return
    found = [(n, variable(t)) for n, t in file_scope(source.code)]
    for number, line in enumerate(source.code.split("\n"), 1):
        local = LOCAL_STATIC.match(line)
        if local:
            declared = re.split(r"[={;]", local.group(1))[0] + " "
            found.append((number, variable(declared.strip())))
    for number, name in found:
        if name and f"{source.path}:{name}" not in GLOBALS:
            report(source.path, number, "globals", f"{name} can change: state belongs to the target or the session")


def check_blanks(source, tree):
    if source.path.endswith(DATA):
        return
    # In a transcript blanks at the end and tabs are what the debugger prints.
    transcript = source.path.startswith(os.path.join("tests", "golden")) and source.path.endswith(".txt")
    tabs_allowed = os.path.basename(source.path) == "Makefile" or transcript
    if b"\r" in source.raw:
        report(source.path, 1, "blanks", "carriage returns")
    if source.raw and not source.raw.endswith(b"\n"):
        report(source.path, len(source.lines), "blanks", "no newline at the end")
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip() and not transcript:
            report(source.path, number, "blanks", "blanks at the end of the line")
        if "\t" in line and not tabs_allowed:
            report(source.path, number, "blanks", "a tab")
        if is_code(source.path) and len(line) > MAX_COLUMNS:
            report(source.path, number, "blanks", f"{len(line)} columns; {MAX_COLUMNS} are allowed")


def check_guards(source, tree):
    if not source.path.endswith(".h"):
        return
    directives = re.findall(r"^\s*#\s*(\w+)\s*([^\n]*)", source.code, re.M)
    if len(directives) < 3 or directives[0][0] != "ifndef" or directives[1][0] != "define" \
            or directives[0][1].split() != directives[1][1].split() or directives[-1][0] != "endif":
        report(source.path, 1, "guards", "no include guard around the whole header")
        return
    guard = directives[0][1].strip()
    other = tree.setdefault("guards", {}).setdefault(guard, source.path)
    if other != source.path:
        report(source.path, 1, "guards", f"{guard} guards {other} already")
    stem = re.sub(r"\W", "_", os.path.basename(source.path)).upper()
    if not guard.endswith(stem):
        report(source.path, 1, "guards", f"{guard} does not end in {stem}")


PER_FILE = {
    "layers": [check_layers, check_public],
    "file-length": [check_file_length],
    "function-length": [check_function_length],
    "spdx": [check_spdx],
    "printing": [check_printing],
    "words": [check_words],
    "marks": [check_marks],
    "globals": [check_globals],
    "blanks": [check_blanks],
    "guards": [check_guards],
}


def check_format(root, paths):
    """Is everything as clang-format would leave it? Returns a reason when that cannot be known."""
    tool = shutil.which("clang-format")
    if not tool:
        return "clang-format is not installed (scripts/deps.sh)"
    code = [p for p in paths if is_code(p)]
    for start in range(0, len(code), 40):
        run = subprocess.run([tool, "--dry-run", "-Werror", "--style=file"] + code[start:start + 40], cwd=root,
                             capture_output=True, text=True)
        first = {}
        for line in run.stderr.splitlines():
            found = re.match(r"(.+?):(\d+):\d+: error: ", line)
            if found:
                first.setdefault(os.path.normpath(found.group(1)), int(found.group(2)))
        if run.returncode and not first:
            report(code[start], 1, "format", "clang-format failed: " + run.stderr.strip()[:200])
        for path, number in first.items():
            report(path, number, "format", "not as clang-format leaves it (make fmt)")
    return None


def check_stale(root, paths):
    """Are the generated tables those that their data give today?"""
    for path in sorted(p for p in paths if os.path.dirname(p) == "gen" and p.endswith(".py")):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            if "__main__" not in f.read():
                continue  # shared by the generators
        run = subprocess.run([sys.executable, "-B", path, "--stale"], cwd=root, capture_output=True, text=True)
        if run.returncode:
            said = (run.stdout + run.stderr).strip().splitlines()
            report(path, 1, "stale", (said[-1] if said else f"status {run.returncode}") + " (make gen)")
    return None


WHOLE_TREE = {"format": check_format, "stale": check_stale}


def lint(root, checks):
    """Runs CHECKS; returns (facts about the tree, {check: reason} of those that could not run)."""
    FINDINGS.clear()
    paths = list(walk(root))
    tree, skipped = {}, {}
    for path in paths:
        if path.endswith(".inc"):
            continue
        source = Source(root, path)
        for name in checks:
            for check in PER_FILE.get(name, []):
                check(source, tree)
    for name in checks:
        if name in WHOLE_TREE:
            reason = WHOLE_TREE[name](root, paths)
            if reason:
                skipped[name] = reason
    tree["files"] = sum(1 for p in paths if is_code(p))
    return tree, skipped


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=here)
    parser.add_argument("--only", help="checks, separated by commas")
    parser.add_argument("--list", action="store_true", help="name the checks")
    args = parser.parse_args()
    every = list(PER_FILE) + list(WHOLE_TREE)
    if args.list:
        print("\n".join(every))
        return 0
    checks = args.only.split(",") if args.only else every
    unknown = [c for c in checks if c not in every]
    if unknown:
        parser.error("no such check: " + ", ".join(unknown))
    tree, skipped = lint(os.path.abspath(args.root), checks)
    for path, line, check, text in sorted(FINDINGS):
        print(f"{path}:{line}: {check}: {text}")
    for check, reason in skipped.items():
        print(f"lint: skipped {check}: {reason}")
    lengths = tree.get("lengths")
    if lengths:
        lengths.sort()
        print(f"lint: {len(lengths)} functions in {tree['files']} files: median {statistics.median(lengths):g} lines, "
              f"nine of ten within {lengths[len(lengths) * 9 // 10]}, longest {lengths[-1]}")
    print(f"lint: {len(FINDINGS)} findings" if FINDINGS else "lint: clean")
    return 1 if FINDINGS else 0


if __name__ == "__main__":
    sys.exit(main())
