/* SPDX-License-Identifier: MIT */
/*
 * Undecoration of qualified names. The innermost part stands first; each plain text ends in "@",
 * and one more "@" ends the chain.
 *
 *     digit                one of the first ten parts again
 *     text "@"             a plain part
 *     "?$" …               a template
 *     "?A" key "@"         an anonymous namespace
 *     "?" number "?" name  a block, by its number, in a function, by its whole decorated name
 *     "?" code             (last part only) an operator
 */
#include "sym/undecorate_impl.h"

#include <stdlib.h>

struct ud_ident *ud_ident_new(struct ud *u, enum ud_ident_kind kind, const char *text) {
    struct ud_ident *ident = ud_new(u, sizeof *ident);
    if (!ident)
        return NULL;
    ident->kind = kind;
    ident->text = text;
    return ident;
}

void ud_memorize(struct ud *u, const struct ud_ident *ident, const char *text) {
    struct ud_backrefs *b = &u->back;
    if (u->failed || b->nnames >= UD_BACKREFS)
        return;
    for (size_t i = 0; i < b->nnames; i++)
        if (strcmp(b->name[i].text, text) == 0)
            return;
    b->name[b->nnames].ident = ident;
    b->name[b->nnames++].text = text;
}

void ud_memorize_printed(struct ud *u, const struct ud_ident *ident) {
    if (u->failed || u->back.nnames >= UD_BACKREFS)
        return;
    struct ud_out out = {.most = UD_MAX_WORK - u->work};
    ud_print_ident(&out, ident);
    ud_put(&out, "");
    u->work += out.len;
    u->nomem = u->nomem || out.nomem;
    const char *text = out.failed ? ud_fail(u) : ud_text(u, out.buf, out.len);
    free(out.buf);
    if (text)
        ud_memorize(u, ident, text);
}

static struct ud_ident *back_reference(struct ud *u) {
    size_t i = (size_t)(ud_pop(u) - '0');
    return i < u->back.nnames ? (struct ud_ident *)u->back.name[i].ident : ud_fail(u);
}

const char *ud_simple(struct ud *u) {
    if (u->failed)
        return NULL;
    const char *at = memchr(u->p, '@', (size_t)(u->end - u->p));
    if (!at || at == u->p)
        return ud_fail(u);
    const char *text = ud_text(u, u->p, (size_t)(at - u->p));
    u->p = at + 1;
    return text;
}

static struct ud_ident *simple_part(struct ud *u, bool memorize) {
    struct ud_ident *ident = ud_ident_new(u, UD_NAME, ud_simple(u));
    if (ident && memorize)
        ud_memorize(u, ident, ident->text);
    return ident;
}

static const struct ud_ident *anonymous(struct ud *u) {
    static const char word[] = "`anonymous namespace'";
    ud_take(u, "?A");
    const char *at = memchr(u->p, '@', (size_t)(u->end - u->p));
    if (!at)
        return ud_fail(u);
    const char *key = ud_text(u, u->p, (size_t)(at - u->p));
    u->p = at + 1;
    /* llvm-undname shows the key when such a part is met again; debuggers show the words. */
    struct ud_ident *again = ud_ident_new(u, UD_NAME, key);
    if (again) {
        again->short_text = word;
        ud_memorize(u, again, key);
    }
    return ud_ident_new(u, UD_NAME, word);
}

/* "?" number "?": a number of one digit, "@" for zero, or B..P A..P* "@". */
static bool is_local(const struct ud *u) {
    if (ud_peek(u) != '?')
        return false;
    const char *p = u->p + 1;
    const char *end = memchr(p, '?', (size_t)(u->end - p));
    size_t len = end ? (size_t)(end - p) : 0;
    if (len == 1)
        return *p == '@' || (*p >= '0' && *p <= '9');
    if (len < 2 || end[-1] != '@' || *p < 'B' || *p > 'P')
        return false;
    for (p++; p < end - 1; p++)
        if (*p < 'A' || *p > 'P')
            return false;
    return true;
}

static const struct ud_ident *local(struct ud *u) {
    bool negative;
    ud_take(u, "?");
    uint64_t number = ud_number(u, &negative);
    ud_take(u, "?");
    struct ud_ident *ident = ud_ident_new(u, UD_LOCAL, NULL);
    const struct ud_symbol *symbol = ud_symbol(u);
    if (!ident || !symbol)
        return ud_fail(u);
    ident->symbol = symbol;
    ident->number[0] = (int64_t)number;
    return ident;
}

static const struct ud_ident *scope(struct ud *u) {
    if (ud_digit(u))
        return back_reference(u);
    if (ud_at(u, "?$"))
        return ud_template(u, true);
    if (ud_at(u, "?A"))
        return anonymous(u);
    return is_local(u) ? local(u) : simple_part(u, true);
}

const struct ud_qname *ud_scopes(struct ud *u, const struct ud_ident *last) {
    struct ud_qname *name = ud_new(u, sizeof *name);
    if (!name || !last)
        return ud_fail(u);
    name->part.ident = last;
    const struct ud_part *inner = &name->part;
    while (!ud_take(u, "@")) {
        const struct ud_ident *ident = scope(u);
        struct ud_part *part = ud_new(u, sizeof *part);
        if (!part)
            return NULL;
        part->ident = ident;
        part->inner = inner;
        inner = name->outer = part;
    }
    return name;
}

struct ud_ident *ud_last_part(struct ud *u, bool memorize, bool inside_template) {
    if (ud_digit(u))
        return back_reference(u);
    if (ud_at(u, "?$"))
        return ud_template(u, inside_template);
    if (ud_take(u, "?"))
        return ud_operator(u);
    return simple_part(u, memorize);
}

const struct ud_ident *ud_type_part(struct ud *u) {
    if (ud_digit(u))
        return back_reference(u);
    return ud_at(u, "?$") ? ud_template(u, true) : simple_part(u, true);
}

const struct ud_qname *ud_symbol_name(struct ud *u) {
    struct ud_ident *last = ud_last_part(u, true, false);
    const struct ud_qname *name = ud_scopes(u, last);
    if (!name || last->kind != UD_STRUCTOR)
        return name;
    /* A constructor is called like the class around it: the part met behind its own. */
    const struct ud_part *around = name->outer;
    if (!around)
        return ud_fail(u);
    while (around->inner != &name->part)
        around = around->inner;
    last->of = around->ident;
    return name;
}

const struct ud_qname *ud_type_name(struct ud *u) { return ud_scopes(u, ud_type_part(u)); }
