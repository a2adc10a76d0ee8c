/* SPDX-License-Identifier: MIT */
/* Look-ups in the table of roles, which is small: from front to back. */
#include "unwind/roles.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#if defined(__GNUC__)
/* The pool is one literal, longer than ISO C promises; GCC and Clang take any length. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif
#include "unwind/gen/roles.inc"

/* In the order of the bits, for `@trap` in a list of callers. */
static const char *const role_words[] = {
    "trap",     "syscall",   "linkage",        "exception", "exception-frame",
    "bugcheck", "switch",    "callout",        "start",     "first",
    "idle",     "invoker",   "user-exception", "user-apc",  "user-callback",
    "verifier", "framework", "data",           "thunk",     "interrupt",
    "apart",    "late",      "spin",           "pass",
};

static bool equals_any_case(const char *a, const char *b) {
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b))
        a++, b++;
    return tolower((unsigned char)*a) == tolower((unsigned char)*b);
}

/* PATTERN is LEN characters: names, `?` for one character, `*` at the end for any tail. */
static bool fits(const char *pattern, size_t len, const char *name) {
    for (size_t i = 0; i < len; i++) {
        if (pattern[i] == '*')
            return true;
        if (!name[i] || (pattern[i] != '?' && pattern[i] != name[i]))
            return false;
    }
    return !name[len];
}

static bool row_fits(size_t row, const char *module, const char *function) {
    const char *m = role_pool + role_modules[row], *f = role_pool + role_functions[row];
    return (*m == '*' || equals_any_case(m, module)) && fits(f, strlen(f), function);
}

/*
 * The rows that FUNCTION may be in: asked for each word of a stack that may be a return address.
 * Patterns that begin with a wildcard stand under 0; NTH counts from 0.
 */
static bool row_for(const char *function, size_t nth, size_t *ret_row) {
    unsigned first = (unsigned char)*function & 0x7f;
    size_t any = role_starts[1],
           own = first ? (size_t)role_starts[first + 1] - role_starts[first] : 0;
    if (nth >= any + own)
        return false;
    *ret_row = role_order[nth < any ? nth : role_starts[first] + (nth - any)];
    return true;
}

uint32_t sc_roles_of(const char *module, const char *function) {
    uint32_t bits = 0;
    for (size_t i = 0, row; row_for(function, i, &row); i++)
        if (row_fits(row, module, function))
            bits |= role_bits[row];
    return bits;
}

static bool is_caller(const char *word, size_t len, const char *caller, uint32_t roles) {
    if (*word != '@')
        return fits(word, len, caller);
    for (unsigned bit = 0; bit < sizeof role_words / sizeof *role_words; bit++)
        if (roles >> bit & 1 && strlen(role_words[bit]) == len - 1 &&
            !memcmp(role_words[bit], word + 1, len - 1))
            return true;
    return false;
}

enum sc_call sc_role_call(const char *module, const char *callee, const char *caller,
                          uint32_t roles) {
    bool listed = false;
    for (size_t i = 0, row; row_for(callee, i, &row); i++) {
        const char *word = role_pool + role_callers[row];
        if (!*word || !row_fits(row, module, callee))
            continue;
        listed = true;
        while (*word) {
            size_t len = strcspn(word, " ");
            if (is_caller(word, len, caller, roles))
                return SC_CALL_USUAL;
            word += len + (word[len] == ' ');
        }
    }
    return listed ? SC_CALL_UNUSUAL : SC_CALL_UNKNOWN;
}

const char *sc_role_name(const char *module, enum sc_role role, unsigned index) {
    for (size_t i = 0; i < ROLE_ROWS; i++) {
        const char *name = role_pool + role_functions[i];
        if (role_bits[i] & role && !strpbrk(name, "*?") &&
            equals_any_case(role_pool + role_modules[i], module) && !index--)
            return name;
    }
    return NULL;
}

const char *sc_component(const char *function, unsigned *ret_level) {
    for (size_t i = 0; i < COMPONENT_ROWS; i++) {
        const char *prefix = role_pool + component_prefixes[i];
        size_t len = strlen(prefix);
        if (strncmp(function, prefix, len))
            continue;
        unsigned char next = (unsigned char)function[len];
        if (isupper(next) || isdigit(next) || next == '_') {
            *ret_level = component_levels[i];
            return role_pool + component_names[i];
        }
    }
    return NULL;
}
