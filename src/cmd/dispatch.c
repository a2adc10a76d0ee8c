/* SPDX-License-Identifier: MIT */
/*
 * Running lines: cut into commands, find each one's row, check what it needs, parse its arguments,
 * run it, and show its error. Everything a command printed is inside its frame of the output.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/dispatch.h"
#include "cmd/script.h"
#include "cmd/session_impl.h"
#include "cmd/shell.h"
#include "dump/dump.h"
#include "target/target_impl.h"

/* What the target is, for "this is a …". */
static const char *target_kind(sc_session *s) {
    const struct sc_source *source = sc_target_source(s->target);
    if (source && source->probe.name)
        return source->probe.name;
    return sc_target_machine(s->target)->kernel ? "kernel dump" : "user dump";
}

/* The row's needs, and what to use instead if the target does not have them. */
static sc_err *check_needs(sc_session *s, const struct sc_command *row) {
    const char *instead = row->instead ? row->instead : "", *colon = row->instead ? ": " : "";
    if (!row->needs)
        return NULL;
    if (!s->target)
        return sc_errf(SC_ERR_NOT_FOUND, "%s needs an open dump", row->name);
    const struct sc_machine *m = sc_target_machine(s->target);
    if ((row->needs & SC_NEED_KERNEL) && !m->kernel)
        return sc_errf(SC_ERR_UNSUPPORTED, "%s needs a kernel dump; this is %s %s%s%s", row->name,
                       sc_article(target_kind(s)), target_kind(s), colon, instead);
    bool no_process = m->kernel && !sc_target_has_paging(s->target);
    bool user = (row->needs & SC_NEED_USER) && m->kernel;
    if (user || ((row->needs & SC_NEED_PROCESS) && no_process))
        return sc_errf(SC_ERR_UNSUPPORTED, "%s needs a user dump%s; this is %s %s%s%s", row->name,
                       user ? "" : ", or whole memory", sc_article(target_kind(s)), target_kind(s),
                       colon, instead);
    if ((row->needs & SC_NEED_WINDOWS) && !m->windows)
        return sc_errf(SC_ERR_UNSUPPORTED, "%s needs a Windows dump; this one comes from %s",
                       row->name, m->platform);
    return NULL;
}

static bool cancelled(const sc_session *s) { return s->target && sc_target_cancelled(s->target); }

/* `!name -?`: what `help !name` shows, whatever the target is. */
static bool asks_for_help(const struct sc_command *row, const char *operands) {
    operands = sc_skip_blanks(operands);
    return row->name[0] == '!' && (*operands == '-' || *operands == '/') && operands[1] == '?' &&
           !*sc_skip_blanks(operands + 2);
}

static sc_err *show_help(sc_session *s, const struct sc_command *row, sc_arena *arena) {
    struct sc_args *args = sc_arena_array(arena, 1, sizeof *args);
    if (!args)
        return sc_err_nomem();
    *args = (struct sc_args){.command = "help", .text = "help", .arena = arena};
    args->v[0] = (struct sc_val){.given = true, .text = row->name};
    return sc_run_help(s, args);
}

/* One command; *RET_FAIL is where in TEXT an argument is wrong, or NULL. */
static sc_err *execute(sc_session *s, const char *text, sc_arena *arena, const char **ret_fail) {
    struct sc_found found;
    *ret_fail = NULL;
    if (cancelled(s))
        return sc_err_cancelled();
    if (!sc_find(text, &found))
        return sc_unknown_command(text);
    if (asks_for_help(found.row, text + found.end))
        return show_help(s, found.row, arena);
    sc_err *err = check_needs(s, found.row);
    if (err)
        return err;
    err = found.row->needs ? sc_session_sync_modules(s) : NULL;
    if (err)
        return err;
    struct sc_args *args = sc_arena_alloc(arena, sizeof *args);
    if (!args)
        return sc_err_nomem();
    args->arena = arena;
    args->text = text;
    err = sc_args_parse(s, &found, text, args, ret_fail);
    if (!err) {
        err = found.row->run(s, args);
        if (found.row->args && found.row->args[0].kind == SC_ARG_CXX)
            *ret_fail = sc_skip_blanks(text + found.end);
    }
    /* A name or module is missing from what was shown, or that is what the error comes from. */
    if (s->target && sc_target_take_nomem(s->target)) {
        sc_err_destroy(err);
        err = sc_err_nomem();
    }
    /* A command that did not notice has shown only a part all the same. */
    if (!err && cancelled(s))
        err = sc_err_cancelled();
    return err;
}

/* "column 7: what" of an expression's error: moves *AT there and returns "what". */
static const char *take_column(const char *why, const char **at) {
    static const char word[] = "column ";
    if (strncmp(why, word, sizeof word - 1) != 0)
        return why;
    char *end;
    unsigned long column = strtoul(why + sizeof word - 1, &end, 10);
    if (strncmp(end, ": ", 2) != 0 || !column || column > strlen(*at) + 1)
        return why;
    *at += column - 1;
    return end + 2;
}

/* Can a caret be set under TEXT: one line of plain characters, short enough for a screen? */
static bool caret_fits(const char *text) {
    size_t n = 0;
    while (text[n] >= ' ' && text[n] <= '~')
        n++;
    return !text[n] && n < 100;
}

/*
 * WinDbg's own words for what went wrong with a command, which end with the command in quotes,
 * stand at a caret under its last character, where the prompt has put it.
 */
static bool show_caret(sc_session *s, const char *text, const char *why) {
    char prompt[64];
    size_t n = strlen(text), len = strlen(why);
    bool quotes = n && len > n + 2 && why[len - 1] == '\'' && why[len - n - 2] == '\'' &&
                  !memcmp(why + len - n - 1, text, n);
    if (!quotes || !caret_fits(text))
        return false;
    sc_session_prompt(s, prompt, sizeof prompt);
    sc_printf(s->main_out, "%*s^ %s\n", (int)(strlen(prompt) + n - 1), "", why);
    return true;
}

static void show_error(sc_session *s, const char *text, const char *fail, const sc_err *err) {
    sc_out *out = s->main_out;
    const char *why = sc_err_text(err);
    sc_out_color(out, SC_RED);
    if (sc_err_code(err) == SC_ERR_MEMORY && show_caret(s, text, why)) {
        sc_out_color(out, SC_PLAIN);
        return;
    }
    if (fail && caret_fits(text)) {
        why = take_column(why, &fail);
        sc_printf(out, "    %s\n    %*s^ ", text, (int)(fail - text), "");
    }
    sc_printf(out, "ERROR: %s\n", why);
    sc_out_color(out, SC_PLAIN);
}

/*
 * An error that ends a block. It is shown once however many blocks it ends, and to the reader even
 * when output is captured.
 */
static void fail_piece(sc_session *s, const char *text, const char *fail, const sc_err *err) {
    struct sc_scripting *sc = &s->script;
    sc->failures++;
    bool cancel = sc_err_code(err) == SC_ERR_CANCELLED;
    bool captured = s->out != s->main_out;
    if (captured)
        sc_out_begin(s->main_out, text);
    if (!cancel || !sc->cancel_shown)
        show_error(s, text, fail, err);
    if (captured)
        sc_out_end(s->main_out, err);
    sc->cancel_shown = cancel;
    if (sc->blocks)
        sc->flow = SC_JUMP_ERROR;
}

/* Runs one command inside its frame. */
static void run_piece(sc_session *s, const struct sc_piece *piece) {
    char shown[80]; /* stands for the command if there is no memory for a copy */
    size_t n = piece->len < sizeof shown ? piece->len : sizeof shown - 1;
    memcpy(shown, piece->start, n);
    shown[n] = 0;
    sc_arena *arena = sc_arena_create();
    const char *text = arena ? sc_arena_strndup(arena, piece->start, piece->len) : NULL;
    const char *fail = NULL;
    sc_out_begin(s->out, text ? text : shown);
    sc_err *err = text ? execute(s, text, arena, &fail) : sc_err_nomem();
    if (err)
        fail_piece(s, text ? text : shown, fail, err);
    sc_out_end(s->out, err);
    if (s->depth == 1)
        sc_logfile_settle(s);
    sc_arena_destroy(arena);
    sc_err_destroy(err);
}

/*
 * The commands of TEXT one after the other, until one asks the blocks around it for something.
 * Returns how many failed; one that runs others fails with them.
 */
static unsigned run_pieces(sc_session *s, const char *text) {
    const char *pos = text;
    struct sc_piece piece;
    unsigned failed = 0;
    while (!s->quit && sc_next_piece(&pos, &piece)) {
        unsigned before = s->script.failures;
        run_piece(s, &piece);
        failed += s->script.failures != before;
        if (cancelled(s) || sc_out_failed(s->out))
            break;
        if (s->script.flow == SC_JUMP_AGAIN) {
            s->script.flow = SC_JUMP_NONE;
            pos = text;
        } else if (s->script.flow) {
            break;
        }
    }
    return failed;
}

/* Reports an error that belongs to no command; returns 1, for it. */
static unsigned refuse(sc_session *s, sc_err *own_err) {
    sc_out_begin(s->out, "");
    fail_piece(s, "", NULL, own_err);
    sc_out_end(s->out, own_err);
    sc_err_destroy(own_err);
    return 1;
}

void sc_session_limit_turns(sc_session *s, uint64_t count) { s->script.max_turns = count; }

sc_err *sc_turn(sc_session *s) {
    uint64_t max = s->script.max_turns;
    if (!s->target && (!max || max > SC_TURNS_BLIND))
        max = SC_TURNS_BLIND;
    if (cancelled(s))
        return sc_err_cancelled();
    if (max && ++s->script.turns > max)
        return sc_errf(SC_ERR_LIMIT, "loops made more than %llu turns", (unsigned long long)max);
    return NULL;
}

/* TEXT with its names replaced; a text that has none is run as it is. */
static unsigned run_text(sc_session *s, const char *text, const struct sc_var *vars, size_t nvars) {
    if (s->depth >= SC_NEST_MAX)
        return refuse(
            s, sc_errf(SC_ERR_LIMIT, "commands run commands more than %d deep", SC_NEST_MAX));
    /* Texts that run two others each are as long as loops. */
    sc_err *turned = s->depth ? sc_turn(s) : NULL;
    if (turned)
        return refuse(s, turned);
    s->depth++;
    unsigned failed;
    if (!s->script.aliases && !nvars && !strchr(text, '$')) {
        failed = run_pieces(s, text);
    } else {
        struct sc_textbuf full = {.max = SC_TEXT_MAX};
        sc_alias_expand(s, text, vars, nvars, &full);
        sc_err *err = sc_textbuf_error(&full, "the text with its aliases");
        failed = err ? refuse(s, err) : run_pieces(s, sc_textbuf_text(&full));
        sc_textbuf_free(&full);
    }
    s->depth--;
    return failed;
}

unsigned sc_session_run_nested(sc_session *s, const char *line) {
    if (strnlen(line, SC_LINE_MAX + 1) > SC_LINE_MAX)
        return refuse(s, sc_errf(SC_ERR_LIMIT, "the line is longer than %d bytes", SC_LINE_MAX));
    return run_text(s, line, NULL, 0);
}

bool sc_run_block(sc_session *s, const char *text, size_t len, const struct sc_var *vars,
                  size_t nvars) {
    char *copy = strndup(text, len);
    s->script.blocks++;
    if (copy)
        run_text(s, copy, vars, nvars);
    else
        refuse(s, sc_err_nomem());
    s->script.blocks--;
    free(copy);
    /* The line that was typed goes on behind a block that failed. */
    bool ok = !s->script.flow && !cancelled(s) && !sc_out_failed(s->out) && !s->quit;
    if (!s->script.blocks && s->script.flow == SC_JUMP_ERROR)
        s->script.flow = SC_JUMP_NONE;
    return ok;
}

unsigned sc_session_run(sc_session *s, const char *line) {
    size_t len = strnlen(line, SC_LINE_MAX + 1);
    char *copy = malloc(len + 1);
    if (!copy)
        return refuse(s, sc_err_nomem());
    memcpy(copy, line, len);
    copy[len] = 0;
    sc_typo_fix(copy);
    unsigned failed = sc_session_run_nested(s, copy);
    free(copy);
    /* What was cancelled has ended; the next line is a new beginning. */
    if (!s->depth) {
        s->script.flow = SC_JUMP_NONE;
        s->script.cancel_shown = false;
        s->script.turns = 0;
        if (cancelled(s))
            sc_target_clear_cancel(s->target);
    }
    return failed;
}
