/* SPDX-License-Identifier: MIT */
/* The prompt: lines from the editor, into the history, run; an empty line goes on where d and u
 * stopped. */
#include "prompt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"

enum { COMMAND_MAX = 16 };

static bool is_blank(const char *line) {
    while (isspace((unsigned char)*line))
        line++;
    return !*line;
}

/* Commands that an empty line repeats: they show the next piece of memory or code. */
static bool is_repeated(const char *name) {
    static const char *const names[] = {"d",  "da", "db", "dc",  "dd",  "dD",  "df", "dp", "dq",
                                        "du", "dw", "dW", "dds", "dps", "dqs", "u",  "ub"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/*
 * What an empty line behind LINE runs: the last command's name without its operands, if it is one
 * that goes on; "" otherwise.
 */
static void repeat_of(const char *line, char ret[COMMAND_MAX]) {
    const char *last = strrchr(line, ';');
    const char *start = last ? last + 1 : line;
    while (isspace((unsigned char)*start))
        start++;
    size_t len = strcspn(start, " \t");
    ret[0] = '\0';
    if (len == 0 || len >= COMMAND_MAX)
        return;
    memcpy(ret, start, len);
    ret[len] = '\0';
    if (!is_repeated(ret))
        ret[0] = '\0';
}

/* Runs a line; false when the program should end. Ctrl-C ends the command, not the program. */
static bool take_line(struct run *run, struct edit *edit, const char *line, char *again) {
    char repeated[COMMAND_MAX];
    if (is_blank(line)) {
        memcpy(repeated, again, COMMAND_MAX);
        line = repeated;
    } else {
        edit_remember(edit, line);
        repeat_of(line, again);
    }
    run_echo(run, line, true);
    run_line(run, line);
    run->failed = 0; /* a slip of the fingers is no failure of the program */
    return !sc_session_done(run->session) && !sc_out_failed(run->out);
}

void prompt_loop(struct run *run) {
    struct edit *edit = edit_create(run->session);
    if (!edit)
        return;
    char again[COMMAND_MAX] = "";
    unsigned before = run->failed;
    for (bool go_on = true; go_on;) {
        char prompt[128];
        const char *line = NULL;
        sc_session_prompt(run->session, prompt, sizeof prompt);
        sc_out_flush(run->out);
        enum edit_got got = edit_read(edit, prompt, &line);
        if (got == EDIT_END)
            break;
        if (got == EDIT_LINE)
            go_on = take_line(run, edit, line, again);
    }
    run->failed = before;
    edit_destroy(edit);
}
