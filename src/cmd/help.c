/* SPDX-License-Identifier: MIT */
/*
 * `help`: the commands by family, or everything the row of one says. `help .log*` lists those that
 * match.
 */
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/shell.h"

/* --- the list ------------------------------------------------------------------------------- */

struct entry {
    const char *family, *name, *aliases, *brief;
};

static const struct sc_field entry_fields[] = {
    SC_FIELD(struct entry, family, SC_F_STR),
    SC_FIELD(struct entry, name, SC_F_STR),
    SC_FIELD(struct entry, aliases, SC_F_STR),
    SC_FIELD(struct entry, brief, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype entry_type = {"command", sizeof(struct entry), entry_fields};

static void entry_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct entry *e = record;
    sc_printf(out, "  %-16s %s\n", e->name, e->brief);
}

/* Lists the commands that match PATTERN; returns how many. */
static size_t list(sc_out *out, const char *pattern) {
    size_t count = 0;
    for (const struct sc_family *f = sc_families; f->title; f++) {
        bool titled = false;
        for (const struct sc_command *row = f->commands; row->name; row++) {
            if (!sc_wild_match(pattern, row->name))
                continue;
            if (!titled) {
                if (count)
                    sc_puts(out, "\n");
                sc_out_color(out, SC_BOLD);
                sc_printf(out, "%s\n", f->title);
                sc_out_color(out, SC_PLAIN);
            }
            titled = true;
            struct entry e = {f->title, row->name, row->aliases, row->brief};
            sc_record(out, &entry_type, &e, entry_text, NULL);
            count++;
        }
    }
    return count;
}

/* --- one command ---------------------------------------------------------------------------- */

struct arg_record {
    const char *name, *about;
    bool optional;
};

static const struct sc_field arg_fields[] = {
    SC_FIELD(struct arg_record, name, SC_F_STR),
    SC_FIELD(struct arg_record, about, SC_F_STR),
    SC_FIELD(struct arg_record, optional, SC_F_BOOL),
    SC_FIELD_END,
};
static const struct sc_rectype arg_type = {"argument", sizeof(struct arg_record), arg_fields};

struct page {
    const char *family, *name, *aliases, *brief, *usage, *needs, *help, *sample;
    const struct arg_record *arguments;
    size_t narguments;
};

static const struct sc_field page_fields[] = {
    SC_FIELD(struct page, family, SC_F_STR),
    SC_FIELD(struct page, name, SC_F_STR),
    SC_FIELD(struct page, aliases, SC_F_STR),
    SC_FIELD(struct page, brief, SC_F_STR),
    SC_FIELD(struct page, usage, SC_F_STR),
    SC_FIELD(struct page, needs, SC_F_STR),
    SC_FIELD_LIST(struct page, arguments, narguments, &arg_type),
    SC_FIELD(struct page, help, SC_F_STR),
    SC_FIELD(struct page, sample, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype page_type = {"help", sizeof(struct page), page_fields};

static void page_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct page *p = record;
    sc_out_color(out, SC_BOLD);
    sc_printf(out, "%s", p->usage);
    sc_out_color(out, SC_PLAIN);
    sc_printf(out, "\n  %s.\n", p->brief);
    for (size_t i = 0; i < p->narguments; i++) {
        if (p->arguments[i].about)
            sc_printf(out, "    %-14s %s\n", p->arguments[i].name, p->arguments[i].about);
    }
    if (p->help) {
        sc_puts(out, "\n");
        sc_puts(out, p->help);
        sc_puts(out, "\n");
    }
    sc_puts(out, "\n");
    if (p->aliases)
        sc_printf(out, "Also: %s\n", p->aliases);
    if (p->needs)
        sc_printf(out, "Needs: %s\n", p->needs);
    sc_printf(out, "Sample: %s\n", p->sample);
}

static const char *needs_text(unsigned needs) {
    bool windows = needs & SC_NEED_WINDOWS;
    if (needs & SC_NEED_KERNEL)
        return "a kernel dump";
    if (needs & SC_NEED_USER)
        return windows ? "a user dump of a Windows process" : "a user dump";
    if (needs & SC_NEED_PROCESS)
        return "a user dump of a Windows process, or whole memory";
    if (windows)
        return "a dump of Windows";
    return needs ? "an open dump" : NULL;
}

/* How an argument is written: "/x", "-x", or its name. */
static const char *arg_name(const struct sc_command *row, const struct sc_arg *a, sc_arena *arena) {
    switch (a->kind) {
    case SC_ARG_OPTION:
    case SC_ARG_OPTION_WORD:
    case SC_ARG_OPTION_EXPR: return sc_arena_printf(arena, "%c%s", sc_option_dash(row), a->spec);
    default: return a->name;
    }
}

static sc_err *fill_arguments(const struct sc_command *row, sc_arena *arena, struct page *ret) {
    struct arg_record *list = sc_arena_array(arena, SC_ARGS_MAX, sizeof *list);
    if (!list)
        return sc_err_nomem();
    ret->arguments = list;
    for (const struct sc_arg *a = row->args; a && a->kind != SC_ARG_END; a++) {
        struct arg_record *r = &list[ret->narguments++];
        r->name = arg_name(row, a, arena);
        r->about = a->about;
        r->optional = a->optional || sc_option_kind(a->kind) || a->kind == SC_ARG_LETTERS;
        if (!r->name)
            return sc_err_nomem();
    }
    return NULL;
}

static const char *family_of(const struct sc_command *row) {
    for (const struct sc_family *f = sc_families; f->title; f++) {
        for (const struct sc_command *r = f->commands; r->name; r++) {
            if (r == row)
                return f->title;
        }
    }
    return NULL;
}

static sc_err *show_page(sc_session *s, const struct sc_command *row, sc_arena *arena) {
    struct page p = {.family = family_of(row), .name = row->name, .aliases = row->aliases};
    p.brief = row->brief;
    p.needs = needs_text(row->needs);
    p.help = row->help;
    p.sample = row->sample;
    p.usage = sc_usage(row, arena);
    sc_err *err = p.usage ? fill_arguments(row, arena, &p) : sc_err_nomem();
    if (!err)
        sc_record(sc_session_out(s), &page_type, &p, page_text, NULL);
    return err;
}

sc_err *sc_run_help(sc_session *s, const struct sc_args *args) {
    sc_out *out = sc_session_out(s);
    const char *name = args->v[0].given ? args->v[0].text : NULL;
    if (!name) {
        list(out, "*");
        sc_puts(out, "\nhelp <command> says more about one of them.\n");
        return NULL;
    }
    const struct sc_command *row = sc_command_find(name);
    struct sc_found found;
    if (!row && sc_find(name, &found) && found.end == strlen(name))
        row = found.row; /* `help lmvm` */
    if (row)
        return show_page(s, row, args->arena);
    if (strpbrk(name, "*?[") && list(out, name))
        return NULL;
    return sc_unknown_command(name);
}
