#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the library's answers about every Breakpad symbol file of the corpus with those of the plain reader below,
which goes through all records for each question. Prints TAP."""
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import tap  # noqa: E402

CPUS = {"x86": "x86", "x86_64": "x64", "arm": "ARM", "arm64": "ARM64"}
FUNCTION, PUBLIC = 2, 1
ADDRESSES = 300


class Symbols:
    """One file, read the slow way."""

    def __init__(self, path):
        self.funcs, self.publics, self.lines, self.files, self.origins = [], [], [], {}, {}
        self.inlines, self.win, self.init, self.delta = [], [], [], []
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as f:
            for number, line in enumerate(f):
                self.record(line.rstrip("\n").removesuffix("\r"), number)

    def record(self, line, number):
        f = line.split(" ")
        if f[0] == "MODULE":
            self.module = f
        elif f[0] == "FUNC":
            f = f[2:] if f[1] == "m" else f[1:]
            self.funcs.append((int(f[0], 16), int(f[1], 16), " ".join(f[3:]), number))
            self.inlines.append([])
        elif f[0] == "PUBLIC":
            f = f[2:] if f[1] == "m" else f[1:]
            self.publics.append((int(f[0], 16), " ".join(f[2:]), number))
        elif f[0] == "FILE":
            self.files[int(f[1])] = " ".join(f[2:])
        elif f[0] == "INLINE_ORIGIN":
            self.origins[int(f[1])] = " ".join(f[2:])
        elif f[0] == "INLINE":
            self.inlines[-1].append([x for x in f[1:] if x])
        elif f[:2] == ["STACK", "WIN"]:
            self.win.append((f[2], [int(x, 16) for x in f[3:11]], f[11] == "1", " ".join(f[12:])))
        elif f[:3] == ["STACK", "CFI", "INIT"]:
            self.init.append((int(f[3], 16), int(f[4], 16), f[5:]))
        elif f[:2] == ["STACK", "CFI"]:
            self.delta.append((int(f[2], 16), f[3:], number))
        elif f[0] not in ("INFO", "STACK", ""):
            line_number = max(int(f[2]), 0)
            self.lines.append((int(f[0], 16), int(f[1], 16), line_number, int(f[3])))

    def function(self, rva):
        inside = [f for f in self.funcs if f[0] <= rva < f[0] + f[1]]
        return max(inside, key=lambda f: (f[0], -f[1], f[3])) if inside else None

    def nearest(self, rva):
        func = self.function(rva)
        if func:
            return [f"S\t{FUNCTION}\t{func[0]}\t{func[1]}\t{func[2]}"]
        before = [(f[0], 1, -f[1], f[3], f"S\t{FUNCTION}\t{f[0]}\t{f[1]}\t{f[2]}") for f in self.funcs if f[0] <= rva]
        before += [(p[0], 0, 0, p[2], f"S\t{PUBLIC}\t{p[0]}\t0\t{p[1]}") for p in self.publics if p[0] <= rva]
        return [max(before)[4]] if before else []

    def line(self, rva):
        start = max((x[0] for x in self.lines if x[0] <= rva), default=None)
        for at, size, line, file in self.lines:
            if at == start and rva < at + size:
                return [f"{at}\t{size}\t{line}\t{self.files.get(file, '')}"]
        return []

    def line_addresses(self, name, line):
        return sorted(f"{at}\t{size}\t{n}\t{self.files[file]}" for at, size, n, file in self.lines
                      if n == line and self.files.get(file, "").replace("\\", "/").split("/")[-1].lower() == name.lower())

    def inline_frames(self, rva):
        func = self.function(rva)
        if not func:
            return []
        sites = []
        for f in self.inlines[self.funcs.index(func)]:
            fixed = 4 if len(f) % 2 == 0 else 3
            ranges = [(int(a, 16), int(s, 16)) for a, s in zip(f[fixed::2], f[fixed + 1::2])]
            hit = [a for a, s in ranges if a <= rva < a + s]
            if hit:
                sites.append((int(f[0]), int(f[1]), int(f[2]) if fixed == 4 else None, int(f[fixed - 1]), hit[0]))
        sites = sorted({s[0]: s for s in reversed(sites)}.values())
        out, inner = [], self.line(rva)
        place = inner[0].split("\t")[2:] if inner else ["0", ""]
        for depth, call_line, call_file, origin, start in reversed(sites):
            out.append(f"{depth}\t{start}\t{place[0]}\t{place[1]}\t{self.origins.get(origin, '')}")
            place = [str(call_line), self.files.get(call_file, "")]
        return out

    def rule(self, rva):
        for kind in ("4", "0"):
            hit = [(w[1][0], -w[1][1], i) for i, w in enumerate(self.win)
                   if w[0] == kind and w[1][0] <= rva < w[1][0] + w[1][1]]
            if hit:
                _, v, has_program, text = self.win[max(hit)[2]]
                start, size, prolog, _, params, saved, local, most = v
                ebp = 0 if has_program else int(int(text, 16) != 0)
                return [f"{start}\t{size}\t{local}\t{params}\t{saved}\t{prolog}\t{most}\t{ebp}\t"
                        f"{255 if kind == '4' else 0}\t{text if has_program else ''}"]
        hit = [(a, -s, i) for i, (a, s, _) in enumerate(self.init) if a <= rva < a + s]
        if not hit:
            return []
        start, size, rules = self.init[max(hit)[2]]
        have = {}
        changes = sorted((a, n, r) for a, r, n in self.delta if start <= a <= rva)
        for fields in [rules] + [r for _, _, r in changes]:
            name = None
            for field in fields:
                if field.endswith(":"):
                    name = field
                    have[name] = []
                else:
                    have[name].append(field)
        text = " ".join(" ".join([n] + e) for n, e in have.items())
        return [f"{start}\t{size}\t0\t0\t0\t0\t0\t0\t255\t{text}"]


def tool():
    build = os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev")
    path = os.path.join(build, "tests", "breakpad_facts")
    if not os.path.exists(path):
        tap.skip("breakpad_facts is not built")
    return path


def ask(path, questions):
    """The answers, in order, each a list of lines."""
    text = "".join(q + "\n" for q in questions)
    run = subprocess.run([tool(), path], input=text.encode("utf-8", "surrogateescape"), capture_output=True, timeout=100)
    if run.returncode:
        raise AssertionError(run.stderr.decode())
    answers, one = [], []
    for line in run.stdout.decode("utf-8", "surrogateescape").split("\n")[:-1]:
        if line == ".":
            answers.append(one)
            one = []
        else:
            one.append(line)
    return answers


def every(items, most):
    return items[::max(1, len(items) // most)]


def addresses(s):
    """Beginnings, ends and middles of what the file describes."""
    out = {0, 0xFFFFFFFF}
    ranges = every([f[:2] for f in s.funcs], ADDRESSES) + every([x[:2] for x in s.init], ADDRESSES)
    ranges += every([tuple(w[1][:2]) for w in s.win], ADDRESSES) + every([x[:2] for x in s.lines], 100)
    for start, size in ranges:
        out |= {start, start + size // 2, start + size, max(start + size - 1, 0), max(start - 1, 0)}
    out |= {d[0] for d in every(s.delta, 100)} | {p[0] + 1 for p in every(s.publics, 100)}
    for sites in s.inlines:
        for f in sites[:2]:
            out.add(int(f[-2], 16))
    return every(sorted(a for a in out if a <= 0xFFFFFFFF), 400)


def compare(path):
    s = Symbols(path)
    where = addresses(s)
    questions, expected = ["a"], []
    module_id = s.module[3]
    first = f"I\t{guid(module_id[:32])}\t{int(module_id[32:40] or '0', 16)}\t{CPUS.get(s.module[2], '?')}"
    for rva in where:
        for letter, fn in (("n", s.nearest), ("l", s.line), ("i", s.inline_frames), ("r", s.rule)):
            questions.append(f"{letter} {rva}")
            expected.append(fn(rva))
    names = every([f[2] for f in s.funcs] + [p[1] for p in s.publics], 100)
    lines = every([x for x in s.lines if x[3] in s.files], 10)
    questions += ["f " + n for n in names]
    wanted = [(s.files[x[3]].replace("\\", "/").split("/")[-1], x[2]) for x in lines]
    questions += [f"L {line} {name}" for name, line in wanted]
    answers = ask(path, questions)
    symbols = [f"S\t{FUNCTION}\t{f[0]}\t{f[1]}\t{f[2]}" for f in s.funcs]
    symbols += [f"S\t{PUBLIC}\t{p[0]}\t0\t{p[1]}" for p in s.publics]
    if "?" not in first:
        tap.equal(answers[0][0], first, "MODULE")
    tap.equal(sorted(answers[0][1:]), sorted(symbols), "symbols")
    for question, want, got in zip(questions[1:], expected, answers[1:]):
        tap.equal(got, want, question)
    at = 1 + len(expected)
    for name, got in zip(names, answers[at:]):
        tap.equal(len(got) == 1 and got[0].split("\t", 4)[4] == name, True, f"f {name}")
    for (name, line), got in zip(wanted, answers[at + len(names):]):
        tap.equal(sorted(got), s.line_addresses(name, line), f"L {line} {name}")


def guid(text):
    t = text.upper()
    return f"{{{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}}}"


def main():
    paths = []
    with tap.case("the corpus has symbol files"):
        paths = sorted(glob.glob(os.path.join(tap.corpus(), "**", "*.sym"), recursive=True))
        tap.equal(len(paths) > 0, True, "files")
    seen = set()
    for path in paths:
        with open(path, "rb") as f:
            content = f.read()
        if content in seen:
            continue
        seen.add(content)
        with tap.case(os.path.relpath(path, tap.corpus())):
            compare(path)
    tap.done()


if __name__ == "__main__":
    main()
