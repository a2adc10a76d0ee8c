/* SPDX-License-Identifier: MIT */
/*
 * Source lines: `.lines` switches them on and off, `lsa` shows those around an address from the
 * source path (`.srcpath`), where the file is there; else its name and line.
 *
 *     >   23:     return fault(argv[0]);
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf.h"
#include "cmd/session_impl.h"
#include "cmd/symbols.h"

enum { AROUND = 5, SOURCE_MAX = 16 << 20, LINE_TEXT_MAX = 400 };

/* ---- .lines ---- */

struct lines_rec {
    bool lines;
};
static const struct sc_field lines_fields[] = {SC_FIELD(struct lines_rec, lines, SC_F_BOOL),
                                               SC_FIELD_END};
static const struct sc_rectype lines_type = {"source_lines", sizeof(struct lines_rec),
                                             lines_fields};

static void lines_text(sc_out *out, const void *record, void *ctx) {
    const struct lines_rec *r = record;
    (void)ctx;
    sc_printf(out, "Line number information will %sbe loaded\n", r->lines ? "" : "not ");
}

static sc_err *run_lines(sc_session *session, const struct sc_args *args) {
    bool on = args->v[0].given ? false : args->v[1].given ? true : !sc_session_lines(session);
    sc_session_set_lines(session, on);
    struct lines_rec r = {on};
    sc_record(sc_session_out(session), &lines_type, &r, lines_text, NULL);
    return NULL;
}

/* ---- .srcpath ---- */

struct srcpath_rec {
    const char *path;
};
static const struct sc_field srcpath_fields[] = {SC_FIELD(struct srcpath_rec, path, SC_F_STR),
                                                 SC_FIELD_END};
static const struct sc_rectype srcpath_type = {"source_path", sizeof(struct srcpath_rec),
                                               srcpath_fields};

static void srcpath_text(sc_out *out, const void *record, void *ctx) {
    const struct srcpath_rec *r = record;
    (void)ctx;
    sc_printf(out, "Source search path is: %s\n", *r->path ? r->path : "<empty>");
}

static sc_err *run_srcpath(sc_session *session, const struct sc_args *args) {
    const char *text = args->v[0].given ? args->v[0].text : "";
    const char *old = session->source_path ? session->source_path : "";
    bool append = *text == '+' && *old;
    text += *text == '+';
    text += strspn(text, " \t");
    if (*text) {
        size_t n = strlen(old) + strlen(text) + 2;
        char *path = malloc(n);
        if (!path)
            return sc_err_nomem();
        snprintf(path, n, "%s%s%s", append ? old : "", append ? ";" : "", text);
        free(session->source_path);
        session->source_path = path;
    }
    struct srcpath_rec r = {session->source_path ? session->source_path : ""};
    sc_record(sc_session_out(session), &srcpath_type, &r, srcpath_text, NULL);
    return NULL;
}

/* ---- lsa ---- */

struct source_rec {
    const char *file, *text;
    uint32_t line;
    bool current;
};
static const struct sc_field source_fields[] = {
    SC_FIELD(struct source_rec, file, SC_F_STR), SC_FIELD(struct source_rec, line, SC_F_U32),
    SC_FIELD(struct source_rec, current, SC_F_BOOL), SC_FIELD(struct source_rec, text, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype source_type = {"source_line", sizeof(struct source_rec),
                                              source_fields};

static void source_text(sc_out *out, const void *record, void *ctx) {
    const struct source_rec *r = record;
    (void)ctx;
    if (r->text)
        sc_printf(out, "%c %5u: %s\n", r->current ? '>' : ' ', r->line, r->text);
    else
        sc_printf(out, "%s(%u)\n", r->file, r->line);
}

/* Opens FOLDER/TAIL for the longest tail of the recorded path that exists. */
static sc_err *open_in(const char *folder, size_t n, const char *recorded, sc_arena *arena,
                       sc_file **ret) {
    for (const char *tail = recorded; tail; tail = strpbrk(tail, "\\/")) {
        tail += strspn(tail, "\\/");
        if (strstr(tail, "..") || strchr(tail, ':'))
            continue;
        char *path = sc_arena_printf(arena, "%.*s/%s", (int)n, folder, tail);
        if (!path)
            return sc_err_nomem();
        for (char *c = path; *c; c++)
            *c = *c == '\\' ? '/' : *c;
        sc_err *err = sc_file_open(path, 0, ret);
        if (!err || sc_err_code(err) == SC_ERR_NOMEM)
            return err;
        sc_err_destroy(err);
    }
    return NULL;
}

static sc_err *find_source(sc_session *session, const char *recorded, sc_arena *arena,
                           sc_file **ret) {
    sc_err *err = NULL;
    *ret = NULL;
    for (const char *p = session->source_path; p && *p && !err && !*ret;) {
        size_t n = strcspn(p, ";");
        if (n)
            err = open_in(p, n, recorded, arena, ret);
        p += n + (p[n] == ';');
    }
    return err;
}

/* Lines FIRST to LAST of the text; true when there was any. */
static bool show_text(sc_session *session, const char *file, const char *text, size_t size,
                      uint32_t first, uint32_t current, uint32_t last) {
    uint32_t number = 1;
    bool any = false;
    for (size_t at = 0; at < size && number <= last; number++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t n = end ? (size_t)(end - (text + at)) : size - at;
        if (number >= first) {
            char line[LINE_TEXT_MAX + 1];
            size_t shown = n < LINE_TEXT_MAX ? n : LINE_TEXT_MAX;
            memcpy(line, text + at, shown);
            while (shown && line[shown - 1] == '\r')
                shown--;
            line[shown] = 0;
            struct source_rec r = {file, line, number, number == current};
            sc_record(sc_session_out(session), &source_type, &r, source_text, NULL);
            any = true;
        }
        at += n + 1;
    }
    return any;
}

static sc_err *show_source(sc_session *session, const struct sc_line *line, sc_file *file) {
    uint64_t size = sc_file_size(file);
    if (size > SOURCE_MAX)
        return sc_errf(SC_ERR_LIMIT, "%s is too large for a source file", sc_file_name(file));
    char *text = malloc((size_t)size + 1);
    sc_err *err = text ? sc_file_read(file, 0, text, (size_t)size) : sc_err_nomem();
    if (!err) {
        uint32_t first = line->line > AROUND ? line->line - AROUND : 1;
        if (!show_text(session, line->file, text, (size_t)size, first, line->line,
                       line->line + AROUND - 1))
            sc_remark(sc_session_out(session), "%s has no line %u: another version of the file?",
                      sc_file_path(file), line->line);
    }
    free(text);
    return err;
}

static sc_err *run_lsa(sc_session *session, const struct sc_args *args) {
    sc_target *target = sc_session_target(session);
    uint64_t addr = sc_space_canon(sc_target_space(target), args->v[0].num);
    sc_symtab *symtab;
    struct sc_line line;
    sc_file *file = NULL;
    bool found = false;
    sc_err *err = sc_session_symbols(session, &symtab);
    if (!err)
        err = sc_symtab_line(symtab, addr, &line, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "the symbols do not say from which line 0x%llx comes",
                      (unsigned long long)addr);
    if (!err)
        err = find_source(session, line.file, args->arena, &file);
    if (err)
        return err;
    struct source_rec r = {line.file, NULL, line.line, true};
    if (!file)
        sc_record(sc_session_out(session), &source_type, &r, source_text, NULL);
    else
        err = show_source(session, &line, file);
    sc_file_close(file);
    return err;
}

static const struct sc_arg lines_args[] = {
    {SC_ARG_OPTION, "off", "d", true, "off"},
    {SC_ARG_OPTION, "on", "e", true, "on"},
    {SC_ARG_OPTION, "toggle", "t", true, "the other way, as without an option"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg srcpath_args[] = {
    {SC_ARG_REST, "+ path", NULL, true, "folders, separated by semicolons in quotes"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg lsa_args[] = {
    {SC_ARG_EXPR, "address", NULL, false, "an address in code"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_line_commands[] = {
    {.name = ".lines",
     .brief = "switch source lines on or off",
     .args = lines_args,
     .help = "With lines on, `ln` shows file and line where the symbols know them.",
     .sample = ".lines -e",
     .run = run_lines},
    {.name = ".srcpath",
     .brief = "show or set the path that source files are searched in",
     .touch = true,
     .args = srcpath_args,
     .help = "The path that the symbols record is tried below each folder, from its longest tail "
             "to the bare name. With + in front folders are appended.",
     .sample = ".srcpath",
     .run = run_srcpath},
    {.name = "lsa",
     .brief = "show the source lines around an address",
     .needs = SC_NEED_TARGET,
     .args = lsa_args,
     .help = "Needs symbols with lines, and the file in the source path; without the file its name "
             "and the line are shown.",
     .sample = "lsa @$ip",
     .run = run_lsa},
    {.name = NULL},
};
