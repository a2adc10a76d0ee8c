/* SPDX-License-Identifier: MIT */
/* The usage line of a command, made from its grammar: for help and for error messages. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/dispatch.h"

char sc_option_dash(const struct sc_command *row) { return *row->name == '!' ? '-' : '/'; }

struct text {
    char buf[600];
    size_t len;
};

static void SC_PRINTF(2, 3) add(struct text *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->buf + t->len, sizeof t->buf - t->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        t->len += (size_t)n < sizeof t->buf - t->len ? (size_t)n : sizeof t->buf - t->len - 1;
}

/* The letters without values in one pair of brackets, each of the others in its own. */
static void add_letters(struct text *t, const char *spec) {
    const char *all = spec + (*spec == '=');
    bool plain = false;
    for (int with_values = 0; with_values < 2; with_values++) {
        for (const char *p = all; *p;) {
            const char *close = *p == '(' ? strchr(p, ')') : NULL;
            int n = close ? (int)(close - p - 1) : 1;
            const char *name = close ? p + 1 : p;
            p = name + n + (close != NULL);
            char value = *p == ':' || *p == '@' ? *p++ : 0;
            if (with_values && value)
                add(t, " [%.*s <%s>]", n, name, value == '@' ? "address" : "pattern");
            else if (!with_values && !value)
                add(t, plain ? " %.*s" : " [%.*s", n, name);
            plain |= !with_values && !value;
        }
        if (!with_values && plain)
            add(t, "]");
    }
}

const char *sc_usage(const struct sc_command *row, sc_arena *arena) {
    struct text t = {.len = 0};
    char dash = sc_option_dash(row);
    add(&t, "%s", row->name);
    for (const struct sc_arg *a = row->args; a && a->kind != SC_ARG_END; a++) {
        const char *open = a->optional ? "[" : "", *close = a->optional ? "]" : "";
        switch (a->kind) {
        case SC_ARG_LETTERS: add_letters(&t, a->spec); break;
        case SC_ARG_OPTION: add(&t, " [%c%s]", dash, a->spec); break;
        case SC_ARG_OPTION_WORD:
        case SC_ARG_OPTION_EXPR: add(&t, " [%c%s <%s>]", dash, a->spec, a->name); break;
        case SC_ARG_RANGE: add(&t, " %s<%s> [L<count> | <end>]%s", open, a->name, close); break;
        case SC_ARG_WORDS: add(&t, " %s<%s> …%s", open, a->name, close); break;
        default: add(&t, " %s<%s>%s", open, a->name, close); break;
        }
    }
    return sc_arena_strdup(arena, t.buf);
}
