/* SPDX-License-Identifier: MIT */
/*
 * Script files.
 *
 *     $<file  $$<file         line by line, each shown and run like a typed one
 *     $><file $$><file        the whole file as one block
 *     $$>a<file arg1 arg2 …   the same, with ${$arg1}, ${$arg2} … replaced
 *
 * WinDbg joins the lines of a block with ';'. We keep the line ends, which separate commands as
 * well, so that a comment or an alias ends with its line.
 */
#include <string.h>

#include "base/file.h"
#include "cmd/control.h"
#include "cmd/dispatch.h"
#include "cmd/session_impl.h"

/* UTF-8 byte order mark off; CR LF and CR to LF; NULs, which would end the text, to blanks. */
static char *normalise(char *text, size_t len) {
    size_t n = 0, start = len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    for (size_t i = start; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n')
            continue;
        text[n++] = text[i] == '\r' ? '\n' : text[i] ? text[i] : ' ';
    }
    text[n] = 0;
    return text;
}

sc_err *sc_read_small_file(const char *path, const char *what, sc_arena *arena, char **ret_text,
                           size_t *ret_len) {
    sc_file *file;
    sc_err *err = sc_file_open(path, SC_FILE_NO_MMAP, &file);
    if (err)
        return err;
    uint64_t size = sc_file_size(file);
    char *text = NULL;
    if (size > SC_TEXT_MAX)
        err = sc_errf(SC_ERR_LIMIT, "%s is longer than the %d bytes %s may have", path, SC_TEXT_MAX,
                      what);
    else if (!(text = sc_arena_alloc(arena, (size_t)size + 1)))
        err = sc_err_nomem();
    else
        err = sc_file_read(file, 0, text, (size_t)size);
    sc_file_close(file);
    if (err)
        return err;
    text[size] = 0;
    *ret_text = text;
    *ret_len = (size_t)size;
    return NULL;
}

sc_err *sc_read_text_file(const char *path, sc_arena *arena, char **ret_text) {
    char *text;
    size_t len;
    sc_err *err = sc_read_small_file(path, "a script", arena, &text, &len);
    if (err)
        return err;
    *ret_text = normalise(text, len);
    sc_typo_fix(*ret_text);
    return NULL;
}

/* The name without quotes around it and blanks behind it. */
static char *file_name(const char *text, sc_arena *arena) {
    size_t n = strlen(text);
    while (n && sc_blank(text[n - 1]))
        n--;
    bool quoted = n >= 2 && *text == '"' && text[n - 1] == '"';
    return sc_arena_strndup(arena, text + quoted, n - 2 * quoted);
}

static sc_err *read_script(const struct sc_args *args, char **ret_text) {
    char *name = file_name(args->v[0].text, args->arena);
    return name ? sc_read_text_file(name, args->arena, ret_text) : sc_err_nomem();
}

sc_err *sc_run_file_lines(sc_session *s, const struct sc_args *args) {
    char *text, prompt[64];
    sc_err *err = read_script(args, &text);
    while (!err && *text && !s->quit && !s->script.flow) {
        char *end = text + strcspn(text, "\n"), *next = *end ? end + 1 : end;
        *end = 0;
        err = sc_turn(s);
        if (err)
            break;
        sc_session_prompt(s, prompt, sizeof prompt);
        sc_printf(s->out, "%s%s\n", prompt, text);
        sc_session_run_nested(s, text);
        text = next;
    }
    return err;
}

sc_err *sc_run_file_block(sc_session *s, const struct sc_args *args) {
    char *text;
    sc_err *err = read_script(args, &text);
    if (!err)
        sc_run_block(s, text, strlen(text), NULL, 0);
    return err;
}

sc_err *sc_run_file_args(sc_session *s, const struct sc_args *args) {
    const struct sc_val *given = &args->v[1];
    char *text;
    sc_err *err = read_script(args, &text);
    if (err)
        return err;
    struct sc_var *vars = sc_arena_array(args->arena, given->nwords + 1, sizeof *vars);
    if (!vars)
        return sc_err_nomem();
    for (size_t i = 0; i < given->nwords; i++) {
        vars[i].name = sc_arena_printf(args->arena, "$arg%zu", i + 1);
        if (!vars[i].name)
            return sc_err_nomem();
        vars[i].value = given->word[i];
        vars[i].braces_only = true;
    }
    sc_run_block(s, text, strlen(text), vars, given->nwords);
    return NULL;
}
