/* SPDX-License-Identifier: MIT */
/*
 * What the library reads from a PDB, as JSON lines, for comparison with what others read.
 *
 *     pdb_facts FILE           info, publics, procedures, data, types with members, frame data
 *     pdb_facts FILE -         answers questions, one a line, from standard input:
 *         n RVA   nearest symbol          l RVA    source line       v RVA   locals
 *         p RVA   nearest public          L N FILE addresses of a line
 *         i RVA   inlined calls           w RVA    frame data        f NAME  find
 *         c NAME  find in any case        t NAME   type              T ID    type
 *
 * Everything goes through the provider's vtable.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pdb/pdb.h"

static void text(const char *key, const char *s) {
    printf(", \"%s\": \"", key);
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        if (*p == '"' || *p == '\\')
            printf("\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7f)
            printf("\\u%04x", *p); /* bytes, not characters: the other side does the same */
        else
            putchar(*p);
    }
    putchar('"');
}

static int failed(sc_err *err, const char *what) {
    if (!err)
        return 0;
    printf("{\"k\": \"error\"");
    text("what", what);
    text("text", sc_err_text(err));
    printf("}\n");
    sc_err_destroy(err);
    return 1;
}

static void show_symbol(const char *key, const struct sc_symbol *s) {
    printf("{\"k\": \"%s\", \"kind\": %d, \"rva\": %u, \"size\": %u, \"type\": %u, "
           "\"value\": %" PRIu64 ", \"local\": %d, \"compiland\": %u",
           key, (int)s->kind, s->rva, s->size, s->type, s->value, s->local, s->compiland);
    text("name", s->name);
    printf("}\n");
}

static bool on_symbol(void *ctx, const struct sc_symbol *s) {
    (void)ctx;
    show_symbol("symbol", s);
    return true;
}

static void show_type(const struct sc_type *t) {
    printf("{\"k\": \"type\", \"id\": %u, \"kind\": %d, \"size\": %" PRIu64 ", \"target\": %u, "
           "\"count\": %" PRIu64 ", \"forward\": %d, \"signed\": %d",
           t->id, (int)t->kind, t->size, t->target, t->count, t->forward, t->is_signed);
    text("name", t->name);
    printf("}\n");
}

static bool on_member(void *ctx, const struct sc_member *m) {
    printf("{\"k\": \"member\", \"of\": %u, \"kind\": %d, \"offset\": %" PRIu64
           ", \"type\": %u, \"pos\": %u, \"bits\": %u, \"value\": %" PRId64,
           *(uint32_t *)ctx, (int)m->kind, m->offset, m->type, m->bit_pos, m->bit_len, m->value);
    text("name", m->name);
    printf("}\n");
    return true;
}

static bool on_type(void *ctx, const struct sc_type *t) {
    uint32_t id = t->id;
    show_type(t);
    failed(sc_symbols_members(ctx, id, on_member, &id), "members");
    return true;
}

static void show_rule(const struct sc_frame_rule *r) {
    printf("{\"k\": \"frame\", \"rva\": %u, \"size\": %u, \"locals\": %u, \"params\": %u, "
           "\"saved\": %u, \"prolog\": %u, \"max\": %u, \"ebp\": %d, \"kind\": %u, \"seh\": %d",
           r->rva, r->size, r->locals, r->params, r->saved_regs, r->prolog, r->max_stack,
           r->uses_ebp, r->fpo_kind, r->has_seh);
    text("program", r->program ? r->program : "");
    printf("}\n");
}

static bool on_rule(void *ctx, const struct sc_frame_rule *r) {
    (void)ctx;
    show_rule(r);
    return true;
}

static bool on_omap(void *ctx, uint32_t from, uint32_t to) {
    printf("{\"k\": \"%s\", \"from\": %u, \"to\": %u}\n", (const char *)ctx, from, to);
    return true;
}

static void show_info(sc_symbols *symbols) {
    struct sc_symbols_info i;
    uint32_t info_age = 0, dbi_age = 0;
    sc_symbols_info(symbols, &i);
    failed(sc_pdb_ages(symbols, &info_age, &dbi_age), "ages");
    printf("{\"k\": \"info\", \"guid\": \"%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X\", "
           "\"age\": %u, \"dbi_age\": %u, \"signature\": %u, \"cpu\": %d, \"private\": %d, "
           "\"types\": %d, \"pages\": %" PRIu64 "}\n",
           i.guid.a, i.guid.b, i.guid.c, i.guid.d[0], i.guid.d[1], i.guid.d[2], i.guid.d[3],
           i.guid.d[4], i.guid.d[5], i.guid.d[6], i.guid.d[7], info_age, dbi_age, i.signature,
           (int)i.cpu, i.has_private, i.has_types, i.pages_read);
}

static int dump(sc_symbols *symbols) {
    int bad = 0;
    show_info(symbols);
    bad |= failed(sc_symbols_each(symbols, NULL, SC_SYM_ANY, on_symbol, NULL), "symbols");
    bad |= failed(sc_symbols_types(symbols, NULL, on_type, symbols), "types");
    bad |= failed(sc_pdb_frames(symbols, on_rule, NULL), "frames");
    bad |= failed(sc_pdb_omap(symbols, true, on_omap, "to_source"), "omap");
    bad |= failed(sc_pdb_omap(symbols, false, on_omap, "from_source"), "omap");
    return bad;
}

static bool on_line(void *ctx, const struct sc_line *l) {
    (void)ctx;
    printf("{\"k\": \"line\", \"rva\": %u, \"size\": %u, \"line\": %u, \"end\": %u, \"column\": %u",
           l->rva, l->size, l->line, l->end_line, l->column);
    text("file", l->file);
    printf("}\n");
    return true;
}

static bool on_inline(void *ctx, const struct sc_inline *f) {
    (void)ctx;
    printf("{\"k\": \"inline\", \"rva\": %u, \"line\": %u, \"depth\": %u", f->rva, f->line,
           f->depth);
    text("name", f->name);
    text("file", f->file);
    printf("}\n");
    return true;
}

static bool on_local(void *ctx, const struct sc_local *l) {
    (void)ctx;
    printf("{\"k\": \"local\", \"type\": %u, \"param\": %d, \"where\": %d, \"offset\": %" PRId64
           ", \"piece\": %u, \"rva\": %u, \"scope\": %u, \"scope_size\": %u, \"depth\": %u",
           l->type, l->parameter, (int)l->where, l->offset, l->offset_in_parent, l->rva,
           l->scope_rva, l->scope_size, l->inline_depth);
    text("reg", l->reg ? l->reg : "");
    text("name", l->name);
    printf("}\n");
    return true;
}

static void ask_symbol(sc_symbols *s, char how, const char *arg) {
    struct sc_symbol symbol;
    bool found = false;
    sc_err *err;
    uint32_t rva = (uint32_t)strtoul(arg, NULL, 0);
    switch (how) {
    case 'n': err = sc_symbols_nearest(s, rva, SC_SYM_ANY, &symbol, &found); break;
    case 'p': err = sc_symbols_nearest(s, rva, SC_SYM_PUBLIC, &symbol, &found); break;
    case 'f': err = sc_symbols_find(s, arg, &symbol, &found); break;
    default: err = sc_pdb_find_nocase(s, arg, &symbol, &found); break;
    }
    if (!failed(err, arg) && found)
        show_symbol("symbol", &symbol);
}

static void ask_type(sc_symbols *s, char how, const char *arg) {
    struct sc_type type;
    uint32_t id = (uint32_t)strtoul(arg, NULL, 0);
    bool found = how == 'T';
    if (!found && failed(sc_symbols_type_named(s, arg, &id, &found), arg))
        return;
    if (found && !failed(sc_symbols_type(s, id, &type), arg))
        show_type(&type);
}

static void ask(sc_symbols *s, char how, char *arg) {
    struct sc_line line;
    struct sc_frame_rule rule;
    bool found = false;
    uint32_t rva = (uint32_t)strtoul(arg, NULL, 0);
    char *end;
    switch (how) {
    case 'l':
        if (!failed(sc_symbols_line(s, rva, &line, &found), arg) && found)
            on_line(NULL, &line);
        break;
    case 'L':
        rva = (uint32_t)strtoul(arg, &end, 0);
        failed(sc_symbols_lines(s, end + strspn(end, " "), rva, on_line, NULL), arg);
        break;
    case 'i': failed(sc_symbols_inlines(s, rva, on_inline, NULL), arg); break;
    case 'v': failed(sc_symbols_locals(s, rva, on_local, NULL), arg); break;
    case 'w':
        if (!failed(sc_symbols_frame_rule(s, rva, &rule, &found), arg) && found)
            show_rule(&rule);
        break;
    case 't':
    case 'T': ask_type(s, how, arg); break;
    default: ask_symbol(s, how, arg); break;
    }
}

static void questions(sc_symbols *s) {
    static char line[70000];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0] && line[1])
            ask(s, line[0], line + 2);
        printf("{\"k\": \"end\"}\n");
    }
    show_info(s);
}

int main(int argc, char **argv) {
    sc_symbols *symbols = NULL;
    if (argc < 2)
        return 2;
    if (failed(sc_pdb_open(argv[1], &symbols), "open"))
        return 1;
    int status = 0;
    if (argc > 2)
        questions(symbols);
    else
        status = dump(symbols);
    sc_symbols_unref(symbols);
    return status;
}
