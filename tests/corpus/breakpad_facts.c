/* SPDX-License-Identifier: MIT */
/*
 * Answers questions about a Breakpad symbol file, for breakpad_compare.py. Questions are lines on
 * stdin: a letter and an argument; each answer ends with a line of a single dot.
 *
 *   a         I guid age cpu, then S kind rva size name for every symbol
 *   n RVA     nearest of all kinds: kind rva size name
 *   f NAME    the same by name
 *   l RVA     line: rva size line file
 *   L LINE F  the addresses of a line
 *   i RVA     inlines: depth rva line file name
 *   r RVA     frame rule: rva size locals params saved prolog max ebp kind program
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "sym/breakpad.h"

static bool put_symbol(void *ctx, const struct sc_symbol *s) {
    (void)ctx;
    printf("S\t%d\t%" PRIu32 "\t%" PRIu32 "\t%s\n", (int)s->kind, s->rva, s->size, s->name);
    return true;
}

static bool put_line(void *ctx, const struct sc_line *l) {
    (void)ctx;
    printf("%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\n", l->rva, l->size, l->line, l->file);
    return true;
}

static bool put_inline(void *ctx, const struct sc_inline *i) {
    (void)ctx;
    printf("%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%s\t%s\n", i->depth, i->rva, i->line, i->file,
           i->name);
    return true;
}

static sc_err *put_all(sc_symbols *symbols) {
    struct sc_symbols_info info;
    char guid[SC_GUID_BUF];
    sc_symbols_info(symbols, &info);
    printf("I\t%s\t%" PRIu32 "\t%s\n", sc_guid_text(&info.guid, guid), info.age,
           sc_cpu_name(info.cpu));
    return sc_symbols_each(symbols, NULL, SC_SYM_ANY, put_symbol, NULL);
}

static sc_err *put_rule(sc_symbols *symbols, uint32_t rva) {
    struct sc_frame_rule r;
    bool found = false;
    sc_err *err = sc_symbols_frame_rule(symbols, rva, &r, &found);
    if (!err && found)
        printf("%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32
               "\t%" PRIu32 "\t%d\t%d\t%s\n",
               r.rva, r.size, r.locals, r.params, r.saved_regs, r.prolog, r.max_stack, r.uses_ebp,
               r.fpo_kind, r.program ? r.program : "");
    return err;
}

static sc_err *answer(sc_symbols *symbols, char letter, char *arg) {
    const uint32_t rva = letter == 'f' ? 0 : (uint32_t)strtoul(arg, &arg, 10);
    struct sc_symbol s;
    struct sc_line line;
    bool found = false;
    sc_err *err = NULL;
    switch (letter) {
    case 'a': return put_all(symbols);
    case 'n': err = sc_symbols_nearest(symbols, rva, SC_SYM_ANY, &s, &found); break;
    case 'f': err = sc_symbols_find(symbols, arg, &s, &found); break;
    case 'l':
        err = sc_symbols_line(symbols, rva, &line, &found);
        if (!err && found)
            put_line(NULL, &line);
        return err;
    case 'L': return sc_symbols_lines(symbols, arg + 1, rva, put_line, NULL);
    case 'i': return sc_symbols_inlines(symbols, rva, put_inline, NULL);
    case 'r': return put_rule(symbols, rva);
    default: return sc_errf(SC_ERR_ARG, "no such question: %c", letter);
    }
    if (!err && found)
        put_symbol(NULL, &s);
    return err;
}

int main(int argc, char **argv) {
    static char question[65536];
    sc_symbols *symbols = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: breakpad_facts FILE\n");
        return 2;
    }
    sc_err *err = sc_breakpad_open(argv[1], &symbols);
    while (!err && fgets(question, sizeof question, stdin)) {
        question[strcspn(question, "\n")] = 0;
        err = answer(symbols, question[0], question[0] && question[1] ? question + 2 : question);
        puts(".");
    }
    sc_symbols_unref(symbols);
    if (!err)
        return 0;
    fprintf(stderr, "breakpad_facts: %s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}
