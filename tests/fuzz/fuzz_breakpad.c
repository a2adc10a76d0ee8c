/* SPDX-License-Identifier: MIT */
/* Breakpad's text symbols, opened and asked everything. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "sym/breakpad.h"

const char fuzz_name[] = "breakpad";

enum { SAMPLES = 100 };

struct walk {
    sc_symbols *symbols;
    unsigned count, depth;
};

static void end(sc_err *err) { sc_err_destroy(err); }

static bool see_line(void *ctx, const struct sc_line *l) {
    struct walk *w = ctx;
    return strlen(l->file) < 1u << 20 && w->count++ < SAMPLES;
}

static bool see_inline(void *ctx, const struct sc_inline *i) {
    struct walk *w = ctx;
    if (w->depth <= i->depth)
        fuzz_broken("inlined calls that are not innermost first");
    w->depth = i->depth;
    return strlen(i->name) + strlen(i->file) < 1u << 20;
}

static void ask_address(struct walk *w, uint32_t rva) {
    struct sc_symbol s;
    struct sc_line line;
    struct sc_frame_rule rule;
    struct walk lines = {.symbols = w->symbols};
    bool found;
    end(sc_symbols_nearest(w->symbols, rva, SC_SYM_PUBLIC, &s, &found));
    if (found && s.rva > rva)
        fuzz_broken("a nearest symbol above the address");
    end(sc_symbols_line(w->symbols, rva, &line, &found));
    if (found && rva - line.rva >= line.size)
        fuzz_broken("a line that does not cover its address");
    if (found)
        end(sc_symbols_lines(w->symbols, line.file, line.line, see_line, &lines));
    lines.depth = UINT32_MAX;
    end(sc_symbols_inlines(w->symbols, rva, see_inline, &lines));
    sc_err *err = sc_symbols_frame_rule(w->symbols, rva, &rule, &found);
    if (!err && found && rva - rule.rva >= rule.size)
        fuzz_broken("a rule that does not cover its address");
    end(err);
}

static bool see_symbol(void *ctx, const struct sc_symbol *s) {
    struct walk *w = ctx;
    struct sc_symbol other;
    bool found;
    if (w->count++ >= SAMPLES)
        return false;
    end(sc_symbols_find(w->symbols, s->name, &other, &found));
    if (!found || strcmp(other.name, s->name) != 0)
        fuzz_broken("a symbol that is not found by its name");
    end(sc_symbols_nearest(w->symbols, s->rva, SC_SYM_ANY, &other, &found));
    if (!found)
        fuzz_broken("a symbol without a nearest one");
    ask_address(w, s->rva);
    ask_address(w, s->rva + s->size / 2);
    ask_address(w, s->rva + s->size);
    return true;
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct walk w = {0};
    struct sc_symbols_info info;
    sc_err *err = sc_breakpad_open_memory("fuzzed.sym", data, size, &w.symbols);
    if (err) {
        end(err);
        return;
    }
    sc_symbols_info(w.symbols, &info);
    end(sc_symbols_each(w.symbols, NULL, SC_SYM_ANY, see_symbol, &w));
    ask_address(&w, 0);
    ask_address(&w, UINT32_MAX);
    sc_symbols_unref(w.symbols);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const texts[] = {
        "MODULE windows x86 5A9832E5287241C1838ED98914E9B7FF1 test_app.pdb\n"
        "INFO CODE_ID 10\nFILE 1 c:\\src\\a.cpp\nFILE 2 c:\\src\\b.h\n"
        "INLINE_ORIGIN 0 inner()\nINLINE_ORIGIN 1 outer(int, char)\n"
        "FUNC 1000 40 8 main\nINLINE 0 7 1 1 1010 20\nINLINE 1 9 2 0 1014 8 101c 4\n"
        "1000 10 5 1\n1010 20 -1 2\n1030 10 6 1\nFUNC m 1040 10 0 folded\n"
        "PUBLIC 2000 4 _start\nPUBLIC m 2010 0 other name\n"
        "STACK WIN 4 1000 40 3 1 8 4 c 0 1 $T0 $ebp = $eip $T0 4 + ^ =\n"
        "STACK WIN 0 1040 10 0 0 8 4 c 0 0 1\n",
        "MODULE Linux x86_64 BBA6FA10B8AAB33D00000000000000000 linux\r\n"
        "STACK CFI INIT 18c0 350 .cfa: $rsp 16 + .ra: .cfa -8 + ^\r\n"
        "STACK CFI 18c1 .cfa: $rsp 24 + $rbp: .cfa -16 + ^\r\n"
        "STACK CFI 18c4 .cfa: $rbp 16 +\r\nPUBLIC 18c0 0 f\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add(ctx, texts[i], strlen(texts[i]));
}
