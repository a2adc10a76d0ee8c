/* SPDX-License-Identifier: MIT */
/*
 * Completion: command names where a command starts (and behind `help`), options behind a dash,
 * registers and pseudo-registers behind '@' and '$', module names elsewhere. A word is what stands
 * between blanks; its part before the name is kept, so that `poi(am` becomes `poi(amdppm`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/session_impl.h"
#include "cmd/shell.h"
#include "cmd/wow64.h"

enum { WORD_MAX = 256 };

struct completion {
    sc_complete_fn add;
    void *ctx;
    const char *word; /* what is completed */
    size_t kept;      /* bytes of it that stay as they are, before the name */
};

/* Offers NAME if it continues the word. Names with odd characters (from a dump) are left out. */
static void offer(struct completion *c, const char *name) {
    char buf[WORD_MAX * 2];
    size_t n = strlen(c->word) - c->kept;
    if (sc_strncasecmp(name, c->word + c->kept, n) != 0 || strlen(name) >= WORD_MAX)
        return;
    for (const char *p = name; *p; p++) {
        if (*p <= ' ' || *p > '~')
            return;
    }
    snprintf(buf, sizeof buf, "%.*s%s", (int)c->kept, c->word, name);
    c->add(c->ctx, buf);
}

static void offer_name(void *ctx, const char *name) { offer(ctx, name); }

static void offer_commands(struct completion *c) {
    for (const struct sc_family *f = sc_families; f->title; f++) {
        for (const struct sc_command *row = f->commands; row->name; row++) {
            offer(c, row->name);
            for (const char *a = row->aliases; a && *a; a += strspn(a, " ")) {
                char name[SC_NAME_MAX];
                size_t n = strcspn(a, " ");
                if (n < sizeof name) {
                    memcpy(name, a, n);
                    name[n] = 0;
                    offer(c, name);
                }
                a += n;
            }
        }
    }
}

static void offer_options(struct completion *c, const struct sc_command *row) {
    c->kept = 1;
    for (const struct sc_arg *a = row->args; a && a->kind != SC_ARG_END; a++) {
        if (sc_option_kind(a->kind))
            offer(c, a->spec);
    }
}

static void offer_registers(sc_session *s, struct completion *c) {
    size_t n = 0;
    const struct sc_reg *reg = sc_reg_table(sc_session_cpu(s), &n);
    for (size_t i = 0; reg && i < n; i++)
        offer(c, reg[i].name);
}

static void offer_modules(sc_session *s, struct completion *c) {
    const struct sc_modules *modules;
    sc_err *err = sc_target_modules(s->target, &modules);
    for (size_t i = 0; !err && i < modules->count; i++)
        offer(c, modules->item[i].name);
    sc_err_destroy(err);
}

/* The name at the end of an expression. */
static void offer_names(sc_session *s, struct completion *c) {
    size_t start = strlen(c->word);
    while (start && !strchr("+-*/%&|^<>=()[],:?~\"@", c->word[start - 1]))
        start--;
    c->kept = start;
    bool at = start && c->word[start - 1] == '@';
    if (at || c->word[start] == '$')
        sc_pseudo_each(offer_name, c);
    if (at && s->target)
        offer_registers(s, c);
    else if (!at && s->target)
        offer_modules(s, c);
}

/* The command that the text ends in; "" when a new one starts at the end. */
static const char *last_command(const char *text) {
    struct sc_piece piece = {.closed = true};
    const char *pos = text;
    while (sc_next_piece(&pos, &piece))
        ;
    return piece.closed ? pos : piece.start;
}

static void complete(sc_session *s, const char *text, sc_complete_fn add, void *ctx) {
    const char *command = last_command(text), *word = command + strlen(command);
    while (word > command && !sc_blank(word[-1]))
        word--;
    struct completion c = {add, ctx, word, 0};
    struct sc_found found;
    bool known = sc_find(command, &found);
    if (strlen(word) >= WORD_MAX)
        return;
    if (word == command && !(known && found.row->touch && command[found.end])) {
        offer_commands(&c);
        return;
    }
    if (!known)
        return;
    if (found.row->run == sc_run_help)
        offer_commands(&c);
    else if (*word == '-' || *word == '/')
        offer_options(&c, found.row);
    else if (found.row->args)
        offer_names(s, &c);
}

void sc_session_complete(sc_session *s, const char *line, size_t cursor, sc_complete_fn add,
                         void *ctx) {
    size_t len = strnlen(line, cursor);
    char *text = len <= SC_LINE_MAX ? malloc(len + 1) : NULL;
    if (!text)
        return; /* no memory, nothing to offer */
    memcpy(text, line, len);
    text[len] = 0;
    complete(s, text, add, ctx);
    free(text);
}
