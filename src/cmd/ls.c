/* SPDX-License-Identifier: MIT */
/*
 * Source files: `lsf` loads one, `ls` lists its lines from where the last command ended, `lsa`
 * those around an address, `lsc` says which file and line is next, `lsp` how many lines are shown.
 * (Microsoft's documentation: "ls, lsa", "lsc", "lsf, lsf-", "lsp".)
 *
 *     0: kd> lsa nt!KiStart
 *        22: {
 *     >  23:     return fault(argv[0]);
 */
#include <string.h>

#include "base/utf.h"
#include "cmd/session_impl.h"
#include "cmd/symbols.h"

enum { SPAN_MAX = 0x10000 };

/* ---- operands: [.] [address [,]] [first] [, count] ---- */

struct operands {
    bool dot, has_address, has_first, has_count;
    uint64_t address, first, count;
};

static const char *skip(const char *p) { return p + strspn(p, " \t"); }

static sc_err *take_number(sc_session *session, const char **p, uint64_t *ret, bool *ret_given) {
    *p = skip(*p);
    if (!**p || **p == ',')
        return NULL;
    sc_err *err = sc_session_eval_prefix(session, *p, ret, p);
    if (!err)
        *ret_given = true;
    *p = skip(*p);
    return err;
}

/* The number behind a comma, if there is one. */
static sc_err *take_next(sc_session *session, const char **p, uint64_t *ret, bool *ret_given) {
    if (**p != ',')
        return NULL;
    ++*p;
    return take_number(session, p, ret, ret_given);
}

static sc_err *take_operands(sc_session *session, const struct sc_args *args, bool with_address,
                             struct operands *ret) {
    struct operands o = {.count = 0};
    const char *p = skip(args->v[0].given ? args->v[0].text : "");
    o.dot = *p == '.' && (!p[1] || strchr(" \t,", p[1]));
    p += o.dot;
    sc_err *err = NULL;
    if (with_address) {
        err = take_number(session, &p, &o.address, &o.has_address);
        if (!err)
            err = take_next(session, &p, &o.first, &o.has_first);
    } else {
        err = take_number(session, &p, &o.first, &o.has_first);
    }
    if (!err)
        err = take_next(session, &p, &o.count, &o.has_count);
    if (!err && *p)
        err = sc_errf(SC_ERR_ARG, "\"%s\" is one operand too many: commas stand between them", p);
    if (!err && o.has_first && !o.first)
        err = sc_errf(SC_ERR_ARG, "lines are counted from 1");
    if (!err)
        *ret = o;
    return err;
}

/* ---- ls, lsa ---- */

/* Loads the file that the code at ADDR comes from; *RET_LOADED false when it is not at hand. */
static sc_err *load_at(sc_session *session, uint64_t addr, sc_arena *arena,
                       struct sc_line *ret_line, bool *ret_loaded) {
    sc_symtab *symtab;
    sc_file *file = NULL;
    bool found = false;
    sc_err *err = sc_session_symbols(session, &symtab);
    if (!err)
        err = sc_symtab_line(symtab, addr, ret_line, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "the symbols do not say from which line 0x%llx comes",
                      (unsigned long long)addr);
    if (!err)
        err = sc_source_find(session, ret_line->file, arena, &file);
    if (!err && file)
        err = sc_listing_load(&session->listing, ret_line->file, file);
    if (!err && file)
        session->listing.mark = ret_line->line;
    if (!err)
        *ret_loaded = file != NULL;
    sc_file_close(file);
    return err;
}

static sc_err *instruction(sc_session *session, uint64_t *ret_addr) {
    return sc_session_eval(session, "@$ip", ret_addr);
}

static sc_err *show_around(sc_session *session, const struct operands *o, uint32_t line) {
    struct sc_listing *l = &session->listing;
    uint64_t total = (uint64_t)l->list.leading + l->list.trailing;
    uint64_t count = o->has_count ? o->count : total;
    if (o->has_first)
        return sc_listing_show(session, l, o->first, count);
    if (o->has_count)
        return sc_listing_show(session, l, line, count);
    uint64_t first = line > l->list.leading ? line - l->list.leading : 1;
    uint64_t end = (uint64_t)line + l->list.trailing;
    return sc_listing_show(session, l, first, end > first ? end - first : 0);
}

static sc_err *run_lsa(sc_session *session, const struct sc_args *args) {
    struct operands o;
    struct sc_line line;
    bool loaded = false;
    sc_err *err = take_operands(session, args, true, &o);
    if (!err && !o.has_address)
        err = o.dot ? instruction(session, &o.address)
                    : sc_errf(SC_ERR_ARG, "lsa needs an address: lsa address[, first[, count]]");
    if (err)
        return err;
    o.address = sc_space_canon(sc_target_space(sc_session_target(session)), o.address);
    err = load_at(session, o.address, args->arena, &line, &loaded);
    if (err)
        return err;
    if (!loaded)
        sc_listing_show_place(session, line.file, line.line);
    return loaded ? show_around(session, &o, line.line) : NULL;
}

/* `ls .`: the file of the current instruction, from its line on. */
static sc_err *load_current(sc_session *session, sc_arena *arena) {
    struct sc_line line;
    uint64_t addr;
    bool loaded = false;
    sc_err *err = instruction(session, &addr);
    if (!err)
        err = load_at(session, addr, arena, &line, &loaded);
    if (err)
        return err;
    if (!loaded)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "%.300s is in no folder of the source path; .srcpath names them", line.file);
    session->listing.next = line.line;
    return NULL;
}

static sc_err *nothing_loaded(void) {
    return sc_errf(SC_ERR_NOT_FOUND, "no source file is loaded: `lsf file` loads one, `lsa address`"
                                     " and `ls .` find the one of an instruction");
}

static sc_err *run_ls(sc_session *session, const struct sc_args *args) {
    struct sc_listing *l = &session->listing;
    struct operands o;
    sc_err *err = take_operands(session, args, false, &o);
    if (!err && o.dot)
        err = load_current(session, args->arena);
    if (!err && !l->name)
        err = nothing_loaded();
    if (err)
        return err;
    return sc_listing_show(session, l, o.has_first ? o.first : l->next,
                           o.has_count ? o.count : (uint64_t)l->list.leading + l->list.trailing);
}

/* ---- lsc ---- */

static sc_err *run_lsc(sc_session *session, const struct sc_args *args) {
    const struct sc_listing *l = &session->listing;
    (void)args;
    if (!l->name)
        return nothing_loaded();
    sc_listing_show_place(session, l->name, l->next);
    return NULL;
}

/* ---- lsf ---- */

static const char *bare_name(const char *path) {
    const char *name = path;
    for (const char *p = path; (p = strpbrk(p, "\\/")) != NULL;)
        name = ++p;
    return name;
}

static sc_err *unload(sc_session *session, const char *name) {
    struct sc_listing *l = &session->listing;
    if (!l->name ||
        (sc_strcasecmp(l->name, name) && sc_strcasecmp(bare_name(l->name), bare_name(name))))
        return sc_errf(SC_ERR_NOT_FOUND, "%.300s is not loaded%s%.300s", name,
                       l->name ? ": the current source file is " : "", l->name ? l->name : "");
    sc_listing_unload(l);
    return NULL;
}

/* The file below the source path, else the path itself. */
static sc_err *open_named(sc_session *session, const char *name, sc_arena *arena,
                          sc_file **ret_file) {
    sc_file *file = NULL;
    sc_err *err = sc_source_find(session, name, arena, &file);
    if (!err && !file)
        err = sc_file_open(name, 0, &file);
    if (!err)
        *ret_file = file;
    return err;
}

/* NAME, without quotes around it. */
static char *unquoted(const char *name, sc_arena *arena) {
    size_t n = strlen(name);
    while (n && strchr(" \t", name[n - 1]))
        n--;
    bool quoted = n >= 2 && name[0] == '"' && name[n - 1] == '"';
    return quoted ? sc_arena_strndup(arena, name + 1, n - 2) : sc_arena_strndup(arena, name, n);
}

static sc_err *run_lsf(sc_session *session, const struct sc_args *args) {
    const char *text = args->v[0].given ? args->v[0].text : "";
    bool away = *text == '-';
    const char *name = unquoted(skip(text + away), args->arena);
    sc_file *file = NULL;
    if (!name)
        return sc_err_nomem();
    if (!*name)
        return sc_errf(SC_ERR_ARG, "lsf needs the name of a source file");
    if (away)
        return unload(session, name);
    sc_err *err = open_named(session, name, args->arena, &file);
    if (!err)
        err = sc_listing_load(&session->listing, sc_file_path(file), file);
    sc_file_close(file);
    return err;
}

/* ---- lsp ---- */

enum { LSP_ALL, LSP_LEADING, LSP_TRAILING, LSP_FIRST, LSP_SECOND };

struct span_rec {
    const char *when;
    uint32_t leading, trailing;
};
static const struct sc_field span_fields[] = {
    SC_FIELD(struct span_rec, when, SC_F_STR), SC_FIELD(struct span_rec, leading, SC_F_U32),
    SC_FIELD(struct span_rec, trailing, SC_F_U32), SC_FIELD_END};
static const struct sc_rectype span_type = {"source_line_count", sizeof(struct span_rec),
                                            span_fields};

static void span_text(sc_out *out, const void *record, void *ctx) {
    const struct span_rec *r = record;
    (void)ctx;
    sc_printf(out, "%s: %u lines before the current line, %u from it on\n", r->when, r->leading,
              r->trailing);
}

static void show_span(sc_session *session, const char *when, const struct sc_line_span *span) {
    struct span_rec r = {when, span->leading, span->trailing};
    sc_record(sc_session_out(session), &span_type, &r, span_text, NULL);
}

/* What the operands make of a span: a total, both halves, or one of them. */
static sc_err *set_span(const struct sc_args *args, struct sc_line_span *span) {
    uint64_t leading = span->leading, trailing = span->trailing;
    if (args->v[LSP_FIRST].given) {
        uint64_t n = args->v[LSP_FIRST].num;
        bool both = args->v[LSP_SECOND].given;
        leading = both ? n : n / 2;
        trailing = both ? args->v[LSP_SECOND].num : n - n / 2;
    }
    if (args->v[LSP_LEADING].given)
        leading = args->v[LSP_LEADING].num;
    if (args->v[LSP_TRAILING].given)
        trailing = args->v[LSP_TRAILING].num;
    if (leading > SPAN_MAX || trailing > SPAN_MAX)
        return sc_errf(SC_ERR_ARG, "at most 0x%x lines before and behind", (unsigned)SPAN_MAX);
    *span = (struct sc_line_span){(uint32_t)leading, (uint32_t)trailing};
    return NULL;
}

static sc_err *run_lsp(sc_session *session, const struct sc_args *args) {
    struct sc_listing *l = &session->listing;
    bool all = args->v[LSP_ALL].given, set = false;
    for (int i = LSP_LEADING; i <= LSP_SECOND; i++)
        set |= args->v[i].given;
    sc_err *err = set ? set_span(args, all ? &l->list : &l->step) : NULL;
    if (err)
        return err;
    if (!set || !all)
        show_span(session, "Stepping", &l->step);
    if (all)
        show_span(session, "ls and lsa", &l->list);
    return NULL;
}

/* ---- the table ---- */

static const struct sc_arg ls_args[] = {
    {SC_ARG_REST, "[.] [first] [, count]", NULL, true,
     ". takes the file of the current instruction; numbers are expressions"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg lsa_args[] = {
    {SC_ARG_REST, "address [, first [, count]]", NULL, true,
     "an address in code, . for the current instruction; lines of its file"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg lsf_args[] = {
    {SC_ARG_REST, "file", NULL, true, "its path, or one below the source path"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg lsp_args[] = {
    [LSP_ALL] = {SC_ARG_OPTION, "list", "a", true, "for ls and lsa, not for stepping"},
    [LSP_LEADING] = {SC_ARG_OPTION_EXPR, "leading", "l", true, "lines before the current one"},
    [LSP_TRAILING] = {SC_ARG_OPTION_EXPR, "trailing", "t", true, "lines from the current one on"},
    [LSP_FIRST] = {SC_ARG_EXPR, "lines", NULL, true, "all together; with a second number, before"},
    [LSP_SECOND] = {SC_ARG_EXPR, "trailing", NULL, true, "lines from the current one on"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_source_commands[] = {
    {.name = "ls",
     .brief = "list lines of the current source file",
     .needs = SC_NEED_TARGET,
     .args = ls_args,
     .help = "Lists from line `first`, or from where the last ls or lsa ended, and goes on there "
             "next time. The file is the one that lsf or lsa took last; with . that of the current "
             "instruction. Numbers are expressions, so hexadecimal unless `n 10` was said.",
     .sample = "ls",
     .run = run_ls},
    {.name = "lsa",
     .brief = "show the source lines around an address",
     .needs = SC_NEED_TARGET,
     .args = lsa_args,
     .help = "Needs symbols with lines, and the file in the source path; without the file its name "
             "and the line are shown. The file becomes the current one.",
     .sample = "lsa @$ip",
     .run = run_lsa},
    {.name = "lsc",
     .brief = "show the current source file and line",
     .needs = SC_NEED_TARGET,
     .sample = "lsc",
     .run = run_lsc},
    {.name = "lsf",
     .brief = "load a source file, for ls",
     .needs = SC_NEED_TARGET,
     .touch = true,
     .args = lsf_args,
     .help = "The file is searched below the folders of .srcpath, then under the path as it is "
             "given. It takes the place of the one before. `lsf- file` unloads it.",
     .sample = "lsf- start.c",
     .run = run_lsf},
    {.name = "lsp",
     .brief = "show or set how many source lines are listed",
     .args = lsp_args,
     .help = "One number is divided between the lines before the current one and those from it on; "
             "two are these. `lsp -a` is about ls and lsa; without -a it is about stepping, which "
             "a dump cannot do.",
     .sample = "lsp -a",
     .run = run_lsp},
    {.name = NULL},
};
