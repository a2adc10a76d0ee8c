#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks data/bugchecks/*.txt and makes src/analyze/gen/bugchecks.inc from them.

The format of the data is docs/formats/bugcheck-data.md; what is made is read by
src/analyze/bugcheck_table.c only.

    gen/bugchecks.py            check everything, then write the .inc
    gen/bugchecks.py --check    check only; faults as file:line: message, exit 1
    gen/bugchecks.py --stale    exit 1 when the checked-in .inc is not what would be made
"""
import argparse
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# In the order of enum sc_bug_kind (src/analyze/bugcheck_table.h); "none" is 0.
KINDS = """none value flags count subcode address physical code module irql ntstatus exception
context trapframe bugcheckcode thread process object irp mdl devobj drvobj fileobj dpc timer
resource lock event workitem pool pooltag pte pfn stack string unistring cpu whea triage""".split()

MAX_COLUMNS = 110
MAX_BRIEF = 160
MAX_DO = 4
MAX_U64 = (1 << 64) - 1
HEX8 = re.compile(r"[0-9A-F]{8}")
HEX = re.compile(r"[0-9A-Fa-f]{1,16}")


class Faults:
    """Collects the faults found, as file:line: message."""

    def __init__(self):
        self.found = []

    def add(self, path, line, text):
        self.found.append((path, line, text))

    def report(self):
        for path, line, text in sorted(self.found):
            print(f"{path}:{line}: {text}", file=sys.stderr)


class Line:
    """One keyword line with its continuations joined."""

    def __init__(self, number, indent, text):
        self.number, self.indent = number, indent
        self.word, _, rest = text.partition(" ")
        self.rest = rest.strip()


class Block:
    """The parts a file's general part and each of its `when` rows can give."""

    def __init__(self):
        self.brief = self.about = None
        self.args = {}       # N -> Arg
        self.culprit = None  # list of N
        self.do = None       # list of commands

    def over(self, base):
        """This block with what it does not give taken from BASE."""
        ret = Block()
        ret.brief = self.brief if self.brief is not None else base.brief
        ret.about = self.about if self.about is not None else base.about
        ret.args = {**base.args, **self.args}
        ret.culprit = self.culprit if self.culprit is not None else base.culprit
        ret.do = self.do if self.do is not None else base.do
        return ret


class Arg:
    def __init__(self, kind, text):
        self.kind, self.text = kind, text
        self.rows = []  # (lo, hi, is_mask, text)


class When:
    def __init__(self, conds, line):
        self.conds = conds  # [(N, [(lo, hi), ...]), ...]: all must hold
        self.line = line
        self.block = Block()


class Bug:
    def __init__(self, path):
        self.path = path
        self.code = self.name = self.same = None
        self.same_line = 0
        self.block = Block()
        self.whens = []


def read_lines(path, shown, faults):
    """The file's keyword lines. Continuations are joined by one space."""
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            raw = handle.read().split("\n")
    except UnicodeDecodeError as error:
        faults.add(shown, 1, f"not UTF-8: {error}")
        return []
    ret, pending = [], None
    for number, text in enumerate(raw, 1):
        if len(text) > MAX_COLUMNS:
            faults.add(shown, number, f"{len(text)} columns; at most {MAX_COLUMNS}")
        if "\t" in text or "\r" in text:
            faults.add(shown, number, "tab or carriage return")
        if text != text.rstrip():
            faults.add(shown, number, "white space at the end of the line")
        body = text.strip()
        more = body.endswith("\\")
        body = body[:-1].rstrip() if more else body
        if pending:
            if not body:
                faults.add(shown, number, "the continuation is empty")
            pending[2] += " " + body
        elif not body or body.startswith("#"):
            continue
        else:
            pending = [number, len(text) - len(text.lstrip()), body]
        if not more:
            ret.append(Line(*pending))
            pending = None
    if pending:
        faults.add(shown, pending[0], "the file ends inside a continuation")
    if raw and raw[-1] != "":
        faults.add(shown, len(raw), "no line end at the end of the file")
    return ret


def parse_set(text):
    """`3`, `2,3`, `10-1F` or a mix -> [(lo, hi), ...], or None when malformed."""
    ret = []
    for item in text.split(","):
        low, dash, high = item.partition("-")
        high = high if dash else low
        if not HEX.fullmatch(low) or not HEX.fullmatch(high):
            return None
        if int(low, 16) > int(high, 16):
            return None
        ret.append((int(low, 16), int(high, 16)))
    return ret


def parse_conds(text):
    """`1=3 2=5,6` -> [(1, [(3, 3)]), (2, [(5, 5), (6, 6)])], or None."""
    ret = []
    for item in text.split():
        number, equals, values = item.partition("=")
        ranges = parse_set(values) if equals else None
        if number not in ("1", "2", "3", "4") or ranges is None:
            return None
        if int(number) in [known for known, _ in ret]:
            return None
        ret.append((int(number), ranges))
    return ret or None


def implies(narrow, wide):
    """Whether WIDE holds for every set of parameters for which NARROW holds."""
    given = dict(narrow)
    return all(number in given and all(any(low <= value[0] and value[1] <= high for low, high in ranges)
                                       for value in given[number])
               for number, ranges in wide)


class Parser:
    """Reads one file into a Bug; every fault goes to FAULTS with its line."""

    def __init__(self, bug, faults):
        self.bug, self.faults = bug, faults
        self.block, self.depth, self.arg = bug.block, 0, None
        self.when = None

    def fault(self, line, text):
        self.faults.add(self.bug.path, line.number, text)

    def parse(self, lines):
        for index, line in enumerate(lines):
            if (line.word == "code") != (index == 0):
                self.fault(line, "`code` must be the first keyword, and only there")
            self.one(line)

    def one(self, line):
        if line.word in ("=", "&"):
            self.row(line)
            return
        if line.indent == 0:
            self.block, self.depth, self.when = self.bug.block, 0, None
        elif line.indent == 2 and self.when:
            self.depth = 2
        else:
            self.fault(line, f"`{line.word}` is indented by {line.indent} and belongs to nothing there")
            return
        self.arg = None
        own = {"code": self.code, "name": self.name, "same": self.same, "when": self.when_row}
        both = {"brief": self.brief, "about": self.about, "arg": self.arg_row,
                "culprit": self.culprit, "do": self.do}
        if line.word in own and self.depth == 0:
            own[line.word](line)
        elif line.word in both:
            both[line.word](line)
        elif line.word in own:
            self.fault(line, f"`{line.word}` cannot stand under `when`")
        else:
            self.fault(line, f"unknown keyword `{line.word}`")

    def code(self, line):
        if not HEX8.fullmatch(line.rest):
            self.fault(line, "`code` wants eight upper-case hex digits")
            return
        self.bug.code = int(line.rest, 16)
        if os.path.basename(self.bug.path) != line.rest + ".txt":
            self.fault(line, f"code {line.rest} is not the file's name")

    def name(self, line):
        if self.bug.name is not None:
            self.fault(line, "second `name`")
        if not re.fullmatch(r"[A-Za-z0-9_]+", line.rest):
            self.fault(line, "`name` wants one symbolic name")
        self.bug.name = line.rest

    def same(self, line):
        if self.bug.same is not None:
            self.fault(line, "second `same`")
        if not HEX8.fullmatch(line.rest):
            self.fault(line, "`same` wants eight upper-case hex digits")
            return
        self.bug.same, self.bug.same_line = int(line.rest, 16), line.number

    def brief(self, line):
        if self.block.brief is not None:
            self.fault(line, "second `brief`")
        self.block.brief = self.prose(line)
        if len(line.rest) > MAX_BRIEF:
            self.fault(line, f"brief of {len(line.rest)} characters; at most {MAX_BRIEF}")

    def about(self, line):
        if self.block.about is not None:
            self.fault(line, "second `about`")
        self.block.about = self.prose(line)

    def prose(self, line):
        if not line.rest:
            self.fault(line, f"`{line.word}` without text")
        elif line.rest[-1] not in ".!?":
            self.fault(line, f"`{line.word}` is a sentence and ends with a full stop")
        if re.search(r"this (bug|stop) ?(check|code) (indicates|means)", line.rest, re.I):
            self.fault(line, "say what happened, not what the bug check indicates")
        return line.rest

    def arg_row(self, line):
        words = line.rest.split(None, 2)
        if len(words) < 3 or words[0] not in ("1", "2", "3", "4"):
            self.fault(line, "`arg` wants a number 1-4, a kind and a text")
            return
        number, kind, text = int(words[0]), words[1], words[2]
        if kind not in KINDS:
            self.fault(line, f"unknown kind `{kind}`")
            kind = "none"
        if number in self.block.args:
            self.fault(line, f"second `arg {number}`")
        self.phrase(line, text)
        self.arg = self.block.args[number] = Arg(kind, text)

    def phrase(self, line, text):
        if text.endswith(".") and not text.endswith(("..", "etc.")):
            self.fault(line, "a phrase has no full stop at its end")

    def row(self, line):
        want = self.depth + 2
        if self.arg is None or line.indent != want:
            self.fault(line, f"`{line.word}` wants an `arg` above it and an indent of {want}")
            return
        values, _, text = line.rest.partition(" ")
        text, ranges = text.strip(), parse_set(values)
        if ranges is None or not text:
            self.fault(line, f"`{line.word}` wants hex values and a text")
            return
        self.phrase(line, text)
        mask = line.word == "&"
        if self.arg.kind == "none" or (mask and self.arg.kind != "flags"):
            self.fault(line, f"`{line.word}` rows do not go with kind `{self.arg.kind}`")
        for low, high in ranges:
            self.value(line, low, high, mask, text)

    def value(self, line, low, high, mask, text):
        if mask and (low != high or low == 0):
            self.fault(line, "a mask is one value and not 0")
        for other_low, other_high, other_mask, _ in self.arg.rows:
            if mask == other_mask and low <= other_high and other_low <= high:
                self.fault(line, f"{low:X} is already explained above")
        self.arg.rows.append((low, high, mask, text))

    def culprit(self, line):
        numbers = line.rest.split()
        if self.block.culprit is not None:
            self.fault(line, "second `culprit`")
        if not numbers or len(set(numbers)) != len(numbers) or not set(numbers) <= set("1234"):
            self.fault(line, "`culprit` wants different numbers 1-4")
            return
        self.block.culprit = [int(number) for number in numbers]

    def do(self, line):
        if not line.rest:
            self.fault(line, "`do` without a command")
        for inner in re.findall(r"\{([^}]*)\}?", line.rest):
            if inner not in ("1", "2", "3", "4"):
                self.fault(line, f"`{{{inner}}}` is not a parameter 1-4")
        self.block.do = (self.block.do or []) + [line.rest]
        if len(self.block.do) == MAX_DO + 1:
            self.fault(line, f"more than {MAX_DO} `do`")

    def when_row(self, line):
        conds = parse_conds(line.rest)
        if conds is None:
            self.fault(line, "`when` wants conditions like `1=C5` or `1=3 2=10-1F`")
            conds = []
        if conds and conds in [known.conds for known in self.bug.whens]:
            self.fault(line, "the same condition stands above")
        for earlier in self.bug.whens:
            if conds and earlier.conds != conds and implies(conds, earlier.conds):
                self.fault(line, f"never reached: the `when` of line {earlier.line} holds before it")
        self.when = When(conds, line.number)
        self.bug.whens.append(self.when)
        self.block = self.when.block


def load(folder, faults):
    """Every file of FOLDER as {code: Bug}."""
    bugs = {}
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    for name in names:
        path = os.path.join(folder, name)
        shown = os.path.relpath(path)
        if not re.fullmatch(r"[0-9A-F]{8}\.txt", name):
            faults.add(shown, 1, "the file's name is not eight upper-case hex digits and .txt")
            continue
        bug = Bug(shown)
        Parser(bug, faults).parse(read_lines(path, shown, faults))
        if bug.code is None or bug.name is None or bug.block.brief is None:
            faults.add(shown, 1, "`code`, `name` and `brief` are needed")
            continue
        if bug.code in bugs:
            faults.add(shown, 1, f"code already given by {bugs[bug.code].path}")
        bugs[bug.code] = bug
    if not bugs:
        faults.add(os.path.relpath(folder), 1, "no data files")
    return bugs


def resolve_same(bug, bugs, faults, seen):
    """Takes over what `same` names. The target is resolved first."""
    if bug.same is None:
        return
    target = bugs.get(bug.same)
    if target is None or bug.code in seen:
        what = "goes round in a circle" if target else "names a code without a file"
        faults.add(bug.path, bug.same_line, f"`same` {what}")
        bug.same = None
        return
    resolve_same(target, bugs, faults, seen | {bug.code})
    bug.block = bug.block.over(target.block)
    bug.whens = bug.whens or target.whens
    bug.same = None


def check_whole(bug, faults):
    """The rules that need a whole file with its `same` taken over."""
    tested = {number for when in bug.whens for number, _ in when.conds}
    for number, arg in bug.block.args.items():
        if arg.kind == "subcode" and number not in tested:
            faults.add(bug.path, 1, f"arg {number} is a subcode, but no `when` tests it")
    for block in [bug.block] + [when.block.over(bug.block) for when in bug.whens]:
        for number in block.culprit or []:
            if number not in block.args or block.args[number].kind == "none":
                faults.add(bug.path, 1, f"culprit {number}: the parameter is not described")
                return


class Pool:
    """Strings kept once each; offset 0 is the empty string."""

    def __init__(self):
        self.offsets, self.strings, self.size = {}, [], 0
        self.add("")

    def add(self, text):
        if text not in self.offsets:
            self.offsets[text] = self.size
            self.strings.append(text)
            self.size += len(text.encode()) + 1
        return self.offsets[text]


class Tables:
    """The rows of the .inc. Row 0 of each table is an empty one, so none is empty."""

    def __init__(self):
        self.pool = Pool()
        self.values = ["{0, 0, 0, 0}"]
        self.args = ["{0, 0, 0, 0}"]
        self.conds = ["{0, 0, 0, 0}"]
        self.blocks = ["{0, 0, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}"]
        self.whens = ["{0, 0, 0}"]
        self.bugs = []
        self.known_runs, self.known_args = {}, {}

    def value_run(self, rows):
        """First index of the run of value rows; equal runs are kept once."""
        if not rows:
            return 0
        text = [f"{{{low:#x}, {high:#x}, {int(mask)}, {self.pool.add(meaning)}}}"
                for low, high, mask, meaning in rows]
        key = "".join(text)
        if key not in self.known_runs:
            self.known_runs[key] = len(self.values)
            self.values += text
        return self.known_runs[key]

    def arg(self, arg):
        if arg is None:
            return 0
        row = (f"{{{KINDS.index(arg.kind)}, {self.pool.add(arg.text)}, "
               f"{self.value_run(arg.rows)}, {len(arg.rows)}}}")
        if row not in self.known_args:
            self.known_args[row] = len(self.args)
            self.args.append(row)
        return self.known_args[row]

    def block(self, block):
        args = [self.arg(block.args.get(number)) for number in (1, 2, 3, 4)]
        culprit = ((block.culprit or []) + [0] * 4)[:4]
        do = ([self.pool.add(text) for text in block.do or []] + [0] * 4)[:4]
        parts = ["{" + ", ".join(map(str, part)) + "}" for part in (args, culprit, do)]
        self.blocks.append(f"{{{self.pool.add(block.brief)}, {self.pool.add(block.about or '')}, "
                           + ", ".join(parts) + "}")
        return len(self.blocks) - 1

    def when(self, when, base):
        first = len(self.conds)
        for number, ranges in when.conds:
            for index, (low, high) in enumerate(ranges):
                more = int(index + 1 < len(ranges))
                self.conds.append(f"{{{low:#x}, {high:#x}, {number}, {more}}}")
        count = len(self.conds) - first
        return f"{{{first}, {count}, {self.block(when.block.over(base))}}}"

    def bug(self, bug):
        name, block = self.pool.add(bug.name), self.block(bug.block)
        rows = [self.when(when, bug.block) for when in bug.whens]
        first = len(self.whens) if rows else 0
        self.whens += rows
        self.bugs.append(f"{{{bug.code:#010x}, {name}, {block}, {first}, {len(rows)}}}")


def c_literals(text):
    """TEXT with its NUL as C string literals, each a line of at most MAX_COLUMNS columns."""
    ret, line = [], ""
    for byte in text.encode():
        char = chr(byte)
        if char in '"\\?':
            char = "\\" + char
        elif not 32 <= byte < 127:
            char = f"\\{byte:03o}"
        if 4 + 1 + len(line) + len(char) + 3 > MAX_COLUMNS:
            ret.append(f'    "{line}"')
            line = ""
        line += char
    return ret + [f'    "{line}\\0"']


TABLES = (
    ("values", "uint64_t lo, hi; uint32_t mask, text;"),
    ("args", "uint32_t kind, text, first_value, nvalues;"),
    ("conds", "uint64_t lo, hi; uint32_t arg, more;"),
    ("blocks", "uint32_t brief, about, arg[4], culprit[4], cmd[4];"),
    ("whens", "uint32_t first_cond, nconds, block;"),
    ("bugs", "uint32_t code, name, block, first_when, nwhens;"),
)


def render(bugs):
    """The text of the .inc."""
    tables = Tables()
    for code in sorted(bugs):
        tables.bug(bugs[code])
    out = ["/* SPDX-License-Identifier: MIT */",
           "/* Made by gen/bugchecks.py from data/bugchecks/: change those files, not this one.",
           " * Texts are offsets into sc_bug_pool; the rows are explained in bugcheck_table.c. */", "",
           f"enum {{ SC_BUG_KIND_COUNT = {len(KINDS)} }};", "",
           "static const char sc_bug_pool[] ="]
    for text in tables.pool.strings:
        out += c_literals(text)
    out[-1] += ";"
    for name, members in TABLES:
        out += ["", f"static const struct sc_bug_{name}_row {{", f"    {members}",
                f"}} sc_bug_{name}[] = {{"]
        out += [f"    {row}," for row in getattr(tables, name)]
        out += ["};"]
    return "\n".join(out) + "\n"


def read_text(path):
    try:
        with open(path, encoding="utf-8", newline="") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="check the data and write nothing")
    mode.add_argument("--stale", action="store_true", help="exit 1 when the .inc is out of date")
    parser.add_argument("--data", default=os.path.join(ROOT, "data", "bugchecks"), help="folder to read")
    parser.add_argument("--out", default=os.path.join(ROOT, "src", "analyze", "gen", "bugchecks.inc"))
    options = parser.parse_args()
    faults = Faults()
    bugs = load(options.data, faults)
    for bug in bugs.values():
        resolve_same(bug, bugs, faults, frozenset())
    for bug in bugs.values():
        check_whole(bug, faults)
    if faults.found:
        faults.report()
        return 1
    if options.check:
        return 0
    text = render(bugs)
    if options.stale:
        if text != read_text(options.out):
            print(f"{os.path.relpath(options.out)}: out of date; run gen/bugchecks.py", file=sys.stderr)
            return 1
        return 0
    os.makedirs(os.path.dirname(options.out), exist_ok=True)
    with open(options.out, "w", encoding="utf-8", newline="") as handle:
        handle.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
