# SPDX-License-Identifier: MIT
"""What the table generators share: reading checked TSV files, string pools, C arrays, the command line.

The generated C needs no relocations: texts lie in one string literal (the pool) and tables hold uint32_t offsets
into it. Same input, same bytes out. Python 3 standard library only.
"""
import argparse
import os
import sys
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WIDTH = 110


class TableError(Exception):
    """A data file breaks its rules; the text says where."""


def read_tsv(name, columns):
    """Rows of data/NAME as (line number, [fields]); comments and the shape are dealt with here."""
    path = os.path.join(ROOT, "data", name)
    try:
        with open(path, "rb") as f:
            text = f.read().decode("utf-8")
    except UnicodeDecodeError as e:
        raise TableError(f"data/{name}: not UTF-8: {e}") from e
    if not text.endswith("\n"):
        raise TableError(f"data/{name}: no newline at the end")
    rows = []
    for number, line in enumerate(text[:-1].split("\n"), 1):
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        where = f"data/{name}:{number}"
        if len(fields) != columns:
            raise TableError(f"{where}: {len(fields)} columns, want {columns}")
        if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in "".join(fields)):
            raise TableError(f"{where}: control character")
        rows.append((number, fields))
    if not rows:
        raise TableError(f"data/{name}: empty")
    return rows


def check_text(where, text):
    if text != " ".join(text.split()):
        raise TableError(f"{where}: white space is not collapsed: {text!r}")


class Pool:
    """Texts one after the other, each ended by a NUL, none twice. Offset 0 is the empty text."""

    def __init__(self):
        self.offsets = {}
        self.texts = []
        self.size = 0
        self.add("")

    def add(self, text):
        if text not in self.offsets:
            self.offsets[text] = self.size
            self.texts.append(text)
            self.size += len(text.encode("utf-8")) + 1
        return self.offsets[text]

    def emit(self, name):
        out = [f"static const char {name}[{self.size + 1}] ="]  # C adds one more NUL
        for text in self.texts:
            out += literal_lines(text)
        out[-1] += ";"
        return out


def escape(text):
    """The pieces of a C string literal, one a character or escape, so that no line break splits one."""
    pieces = []
    for byte in text.encode("utf-8"):
        char = chr(byte)
        if char in '"\\':
            pieces.append("\\" + char)
        elif char == "?" and pieces and pieces[-1].endswith("?"):
            pieces.append("\\?")  # two in a row could begin a trigraph
        elif 0x20 <= byte < 0x7F:
            pieces.append(char)
        else:
            pieces.append(f"\\{byte:03o}")
    return pieces


def literal_lines(text):
    """TEXT with its NUL as string literals, one to a line, no line wider than WIDTH."""
    lines = []
    line = ""
    for piece in escape(text) + ["\\0"]:
        if len(line) + len(piece) > WIDTH - 8:  # indent, two quotes, a semicolon
            lines.append(line)
            line = ""
        line += piece
    lines.append(line)
    return [f'    "{x}"' for x in lines]


def array(ctype, name, values, form="{}"):
    out = [f"static const {ctype} {name}[{len(values)}] = {{"]
    line = "   "
    for value in values:
        piece = f" {form.format(value)},"
        if len(line) + len(piece) > WIDTH:
            out.append(line)
            line = "   "
        line += piece
    return out + [line, "};"]


def heading(script, sources):
    made = f"/* Made by gen/{script} from {', '.join('data/' + s for s in sources)}: change those, not this. */"
    lines = textwrap.wrap(made, WIDTH, subsequent_indent="   ")
    return ["/* SPDX-License-Identifier: MIT */", *lines, "/* clang-format off */", ""]


def main(script, output, build):
    """BUILD() gives the lines of OUTPUT or raises TableError; the command line says what becomes of them."""
    parser = argparse.ArgumentParser(description=f"Make {output}.")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="check the data only, write nothing")
    group.add_argument("--stale", action="store_true", help=f"exit 1 when {output} is not up to date")
    options = parser.parse_args()
    try:
        lines = build()
    except (TableError, OSError) as e:
        print(f"{script}: {e}", file=sys.stderr)
        return 1
    for number, line in enumerate(lines, 1):
        if len(line) > WIDTH:
            print(f"{script}: line {number} of {output} is too wide", file=sys.stderr)
            return 1
    text = ("\n".join(lines) + "\n").encode("utf-8")
    if options.check:
        return 0
    path = os.path.join(ROOT, output)
    if options.stale:
        return stale(script, output, path, text)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text)
    return 0


def stale(script, output, path, text):
    try:
        with open(path, "rb") as f:
            if f.read() == text:
                return 0
    except FileNotFoundError:
        pass
    print(f"{script}: {output} is stale: run gen/{script}", file=sys.stderr)
    return 1
