/* SPDX-License-Identifier: MIT */
/*
 * Undecoration: the public function, C decorations, and the cursor that the parser reads with.
 *
 * The scheme of Microsoft's C++ names, in short (the files named undecorate_*.c have the rest):
 *
 *     name     = "?" last scope* "@" code                        ?f@A@@QEAAHXZ
 *     last     = text "@" | "?" operator | "?$" template | digit
 *     scope    = text "@" | "?$" template | "?A" key "@" | "?" number "?" name | digit
 *     code     = class [qualifiers] convention result params "@" throw      a function
 *              | 0..4 type qualifiers                                       data
 *     number   = ["?"] (digit | A..P* "@")       a digit is one less than it means
 *
 * Digits refer back to the first ten texts and the first ten parameter types of the name.
 * ".?AV…" is the type name inside an RTTI descriptor; "??@…@" is the hash of a name that was too
 * long.
 *
 * Learnt from the documentation of the scheme in LLVM's demangler and its tests, from Agner Fog's
 * "Calling conventions for different C++ compilers", and from compiled names; held against
 * llvm-undname on every name of the corpus. C names: stdcall _name@bytes, fastcall @name@bytes,
 * vectorcall name@@bytes, cdecl _name.
 */
#include "stopcode/undecorate.h"

#include <stdlib.h>

#include "sym/undecorate_impl.h"

void *ud_fail(struct ud *u) {
    u->failed = true;
    return NULL;
}

void *ud_new(struct ud *u, size_t size) {
    if (u->failed)
        return NULL;
    if (sc_arena_size(u->arena) > UD_MAX_ARENA)
        return ud_fail(u);
    void *p = sc_arena_alloc(u->arena, size);
    if (!p) {
        u->nomem = true;
        return ud_fail(u);
    }
    return p;
}

bool ud_at(const struct ud *u, const char *text) {
    size_t len = strlen(text);
    return !u->failed && (size_t)(u->end - u->p) >= len && memcmp(u->p, text, len) == 0;
}

bool ud_take(struct ud *u, const char *text) {
    if (!ud_at(u, text))
        return false;
    u->p += strlen(text);
    return true;
}

char ud_pop(struct ud *u) {
    if (!u->failed && u->p < u->end)
        return *u->p++;
    ud_fail(u);
    return '\0';
}

bool ud_enter(struct ud *u) {
    u->depth++;
    if (u->depth > UD_MAX_DEPTH)
        ud_fail(u);
    return !u->failed;
}

uint64_t ud_number(struct ud *u, bool *ret_negative) {
    *ret_negative = ud_take(u, "?");
    if (ud_digit(u))
        return (uint64_t)(ud_pop(u) - '0') + 1;
    uint64_t n = 0;
    for (;;) {
        char c = ud_pop(u);
        if (c == '@' && !u->failed)
            return n;
        if (c < 'A' || c > 'P') {
            ud_fail(u);
            return 0;
        }
        n = n << 4 | (uint64_t)(c - 'A');
    }
}

uint64_t ud_unsigned(struct ud *u) {
    bool negative;
    uint64_t n = ud_number(u, &negative);
    if (negative)
        ud_fail(u);
    return n;
}

int64_t ud_signed(struct ud *u) {
    bool negative;
    uint64_t n = ud_number(u, &negative);
    if (n > INT64_MAX) {
        ud_fail(u);
        return 0;
    }
    return negative ? -(int64_t)n : (int64_t)n;
}

const char *ud_text(struct ud *u, const char *text, size_t len) {
    char *copy = ud_new(u, len + 1);
    if (copy)
        memcpy(copy, text, len);
    return copy;
}

struct ud_list *ud_list_new(struct ud *u) {
    struct ud_list *list = ud_new(u, sizeof *list);
    if (list)
        list->last = &list->first;
    return list;
}

struct ud_item *ud_list_add(struct ud *u, struct ud_list *list) {
    struct ud_item *item = ud_new(u, sizeof *item);
    if (!item)
        return NULL;
    *list->last = item;
    list->last = &item->next;
    list->count++;
    return item;
}

/* TEXT, cut if it must be. */
static void answer(const char *text, size_t len, char *buf, size_t size) {
    if (len < size) {
        memcpy(buf, text, len + 1);
        return;
    }
    memcpy(buf, text, size - 1);
    buf[size - 1] = '\0';
    if (size > 3)
        memcpy(buf + size - 4, "...", 3);
}

/* Parses and prints. *RET_TEXT is to be freed; NULL: broken. */
static sc_err *undecorate(const char *name, unsigned flags, char **ret_text) {
    size_t len = strlen(name);
    struct ud u = {.p = name, .end = name + len, .arena = sc_arena_create()};
    struct ud_out out = {.most = UD_MAX_TEXT, .short_form = (flags & SC_UNDECORATE_NAME_ONLY) != 0};
    if (!u.arena)
        return sc_err_nomem();
    const struct ud_symbol *symbol = len <= UD_MAX_NAME ? ud_symbol(&u) : NULL;
    if (symbol && !u.failed) {
        ud_print_symbol(&out, symbol);
        ud_put(&out, "");
    }
    sc_arena_destroy(u.arena);
    if (out.failed || u.failed || !out.buf) {
        free(out.buf);
        out.buf = NULL;
    }
    if (u.nomem || out.nomem)
        return sc_err_nomem();
    *ret_text = out.buf;
    return NULL;
}

static bool all_digits(const char *text) {
    size_t n = strspn(text, "0123456789");
    return n && n <= 5 && !text[n];
}

/*
 * Takes C decorations off the LEN bytes at *NAME. _name@12 and @name@8 say where the name ends;
 * without them one underscore goes.
 */
static bool c_name(const char **name, size_t *len) {
    const char *text = *name, *at = strrchr(text, '@');
    bool counted = at && at != text && all_digits(at + 1);
    if (counted && at[-1] == '@' && at - 1 > text) {
        *len = (size_t)(at - 1 - text);
        return true;
    }
    if (counted && at - text > 1 && (text[0] == '_' || text[0] == '@')) {
        *name = text + 1;
        *len = (size_t)(at - text) - 1;
        return true;
    }
    if (text[0] != '_' || !text[1])
        return false;
    *name = text + 1;
    *len = strlen(text + 1);
    return true;
}

static sc_err *plain(const char *name, unsigned flags, char *buf, size_t size,
                     enum sc_undecorated *ret_how) {
    const char *text = name;
    size_t len = strlen(name);
    *ret_how = SC_UNDECORATED_PLAIN;
    if ((flags & SC_UNDECORATE_C) && c_name(&text, &len)) {
        char *copy = strndup(text, len);
        if (!copy)
            return sc_err_nomem();
        answer(copy, len, buf, size);
        free(copy);
        *ret_how = SC_UNDECORATED_DONE;
        return NULL;
    }
    answer(name, len, buf, size);
    return NULL;
}

sc_err *sc_undecorate(const char *name, unsigned flags, char *buf, size_t size,
                      enum sc_undecorated *ret_how) {
    if (name[0] != '?' && name[0] != '.')
        return plain(name, flags, buf, size, ret_how);
    char *text = NULL;
    sc_err *err = undecorate(name, flags, &text);
    if (err)
        return err;
    if (!text && name[0] == '.' && name[1] != '?') /* ".H" is the name of a type, ".text" is not */
        return plain(name, flags, buf, size, ret_how);
    const char *shown = text ? text : name;
    answer(shown, strlen(shown), buf, size);
    *ret_how = text ? SC_UNDECORATED_DONE : SC_UNDECORATED_BROKEN;
    free(text);
    return NULL;
}
