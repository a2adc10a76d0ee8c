/* SPDX-License-Identifier: MIT */
/* Look-ups in the tables of roles and components, which are small. */
#include "unwind/roles.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/utf.h"

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

/* The same of a pattern of the pool; the function first, which rules out more. */
static bool row_fits(size_t row, const char *module, const char *function) {
    const char *m = role_pool + role_modules[row], *f = role_pool + role_functions[row];
    const char *name = function;
    for (; *f && *f != '*'; f++, name++)
        if (!*name || (*f != '?' && *f != *name))
            return false;
    if (!*f && *name)
        return false;
    if (*m == '*')
        return true;
    return !((*m ^ *module) & ~('a' ^ 'A')) && !sc_strcasecmp(m, module);
}

/* Rows by the first character of their functions; patterns that begin with a wildcard: under 0. */
struct row_index {
    const uint16_t *order, *starts;
};
static const struct row_index all_rows = {role_order, role_starts};
static const struct row_index rows_with_callers = {called_order, called_starts};

/*
 * The rows that FUNCTION may be in: asked for each word of a stack that may be a return address.
 * NTH counts from 0.
 */
static bool row_for(const struct row_index *index, const char *function, size_t nth,
                    size_t *ret_row) {
    unsigned first = (unsigned char)*function & 0x7f;
    size_t any = index->starts[1];
    size_t own = first ? (size_t)index->starts[first + 1] - index->starts[first] : 0;
    if (nth >= any + own)
        return false;
    *ret_row = index->order[nth < any ? nth : index->starts[first] + (nth - any)];
    return true;
}

uint32_t sc_roles_of(const char *module, const char *function) {
    uint32_t bits = 0;
    for (size_t i = 0, row; row_for(&all_rows, function, i, &row); i++)
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
    for (size_t i = 0, row; row_for(&rows_with_callers, callee, i, &row); i++) {
        const char *word = role_pool + role_callers[row];
        if (!row_fits(row, module, callee))
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
            !sc_strcasecmp(role_pool + role_modules[i], module) && !index--)
            return name;
    }
    return NULL;
}

const char *sc_component(const char *function, unsigned *ret_level) {
    for (size_t i = 0; i < COMPONENT_ROWS; i++) {
        const char *prefix = role_pool + component_prefixes[i];
        if (*prefix != *function)
            continue;
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
