#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/unit/cexpr_random.inc: random C++ expressions with the type and value a C++ compiler gives them.

clang compiles them for 64-bit Windows, where long has 32 bits, and folds each to a constant, which is read from its
output. There is no undefined behaviour in them but signed overflow, for which -fwrapv is given. Run by hand when the
table is to change: scripts/cexpr_random.py > tests/unit/cexpr_random.inc
"""
import random
import re
import subprocess
import sys

ROWS = 1500
CASTS = ["char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned int", "unsigned", "long",
         "unsigned long", "long long", "unsigned long long", "__int64", "wchar_t", "bool"]
# C++'s type, and the evaluator's name of it.
TYPES = [("bool", "bool"), ("char", "char"), ("signed char", "char"), ("unsigned char", "unsigned char"),
         ("short", "short"), ("unsigned short", "unsigned short"), ("wchar_t", "wchar_t"), ("int", "int"),
         ("unsigned int", "unsigned int"), ("long", "long"), ("unsigned long", "unsigned long"),
         ("long long", "int64"), ("unsigned long long", "unsigned int64")]


class Maker:
    """Expressions as (text, level): the level at which the text's loosest operator binds."""

    BINARY = [("*", 9), ("+", 8), ("-", 8), ("<", 6), ("<=", 6), (">", 6), (">=", 6), ("==", 5), ("!=", 5), ("&", 4),
              ("^", 3), ("|", 2), ("&&", 1), ("||", 0)]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def paren(self, expression, level):
        text, own = expression
        return f"({text})" if own < level or self.random.random() < 0.1 else text

    def literal(self):
        r = self.random
        value = r.choice([0, 1, 2, 7, r.randrange(256), 127, 128, 255, 256, 32767, 32768, 65535, 65536,
                          r.randrange(1 << 31), 0x7fffffff, 0x80000000, 0xffffffff, r.randrange(1 << 32), 1 << 32,
                          r.randrange(1 << 63), (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
        suffix = r.choice(["", "", "", "", "u", "l", "ul", "ll", "ull", "i64", "ui64"])
        if value >= 1 << 63 and suffix in ("", "l", "ll", "i64"):
            suffix = "ull"
        style = r.choice(["d", "x", "x", "o"])
        text = {"d": f"{value}", "x": f"0x{value:x}", "o": f"0{value:o}"}[style]
        return text + suffix, 12

    def unary(self, depth):
        op = self.random.choice(["-", "+", "~", "!"])
        inner = self.paren(self.make(depth - 1), 11)
        return op + (" " if inner[0] == op else "") + inner, 11

    def cast(self, depth):
        return f"({self.random.choice(CASTS)})" + self.paren(self.make(depth - 1), 11), 11

    def binary(self, depth):
        op, level = self.random.choice(self.BINARY)
        left, right = self.make(depth - 1), self.make(depth - 1)
        return f"{self.paren(left, level)} {op} {self.paren(right, level + 1)}", level

    def divide(self, depth):
        op = self.random.choice(["/", "%"])
        left, right = self.make(depth - 1), self.make(depth - 1)
        return f"{self.paren(left, 9)} {op} ({self.paren(right, 4)} & 0x7f | 1)", 9

    def shift(self, depth):
        op = self.random.choice(["<<", ">>"])
        left, right = self.make(depth - 1), self.make(depth - 1)
        return f"{self.paren(left, 7)} {op} ({self.paren(right, 4)} & 31)", 7

    def conditional(self, depth):
        a, b, c = (self.make(depth - 1) for _ in range(3))
        return f"{self.paren(a, 0)} ? {self.paren(b, -1)} : {self.paren(c, -1)}", -1

    def make(self, depth):
        if depth == 0:
            return self.literal()
        kinds = [self.literal, lambda: self.unary(depth), lambda: self.cast(depth), lambda: self.cast(depth),
                 lambda: self.binary(depth), lambda: self.binary(depth), lambda: self.binary(depth),
                 lambda: self.divide(depth), lambda: self.shift(depth), lambda: self.conditional(depth)]
        return self.random.choice(kinds)()


def folded(texts):
    """(type, value) of each expression."""
    source = "".join(f"static inline int kind({t[0]}) {{ return {i}; }}\n" for i, t in enumerate(TYPES))
    for i, text in enumerate(texts):
        source += f'extern "C" int t{i}() {{ return kind({text}); }}\n'
        source += f'extern "C" unsigned long long v{i}() {{ return (unsigned long long)(long long)({text}); }}\n'
    command = ["clang++", "-target", "x86_64-pc-windows-msvc", "-fms-extensions", "-std=c++17", "-fwrapv", "-w", "-O2",
               "-S", "-emit-llvm", "-x", "c++", "-", "-o", "-"]
    ir = subprocess.run(command, input=source, check=True, capture_output=True, text=True).stdout
    found = dict(re.findall(r"@([tv]\d+)\(\)[^{]*\{\s*ret i\d+ (-?\d+)", ir))
    return [(TYPES[int(found[f"t{i}"])][1], int(found[f"v{i}"]) & (1 << 64) - 1) for i in range(len(texts))]


def main():
    maker = Maker(20240131)
    texts = []
    while len(texts) < ROWS:
        text = maker.make(maker.random.randrange(1, 5))[0]
        if 4 < len(text) < 200 and text not in texts:
            texts.append(text)
    print("/* Made by scripts/cexpr_random.py with a C++ compiler for 64-bit Windows: expression, type, value. */")
    for text, (kind, value) in zip(texts, folded(texts)):
        print(f'    {{"{text}", "{kind}", 0x{value:x}ULL}},')


if __name__ == "__main__":
    sys.exit(main())
