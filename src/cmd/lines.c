/* SPDX-License-Identifier: MIT */
/*
 * Source lines: `.lines` switches them on and off, `.srcpath` says where source files are.
 * What lists them is ls.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/session_impl.h"

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

static const struct sc_arg lines_args[] = {
    {SC_ARG_OPTION, "off", "d", true, "off"},
    {SC_ARG_OPTION, "on", "e", true, "on"},
    {SC_ARG_OPTION, "toggle", "t", true, "the other way, as without an option"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg srcpath_args[] = {
    {SC_ARG_REST, "+ path", NULL, true, "folders, separated by semicolons in quotes"},
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
    {.name = NULL},
};
