/* SPDX-License-Identifier: MIT */
/* Look-ups in the table of user-mode functions, which is small: from front to back. */
#include "nt/userfunc.h"

#include <stddef.h>
#include <string.h>

#include "base/utf.h"

#if defined(__GNUC__)
/* The pool is one literal, longer than ISO C promises; GCC and Clang take any length. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif
#include "nt/gen/userfuncs.inc"

enum { NAME_MAX = 512 };

static char fold(char ch, bool any_case) { return any_case ? sc_lower(ch) : ch; }

/* PATTERN with `*` for any part, against the LEN characters at TEXT. */
static bool fits(const char *pattern, const char *text, size_t len, bool any_case) {
    size_t star = SIZE_MAX, mark = 0, p = 0, t = 0;
    while (t < len) {
        if (pattern[p] == '*') {
            star = p++;
            mark = t;
        } else if (pattern[p] && fold(pattern[p], any_case) == fold(text[t], any_case)) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (pattern[p] == '*')
        p++;
    return !pattern[p];
}

/* The image's name without the extension of a library or program. */
static size_t stem_length(const char *image) {
    static const char *const ends[] = {".dll", ".exe", ".so"};
    size_t len = strnlen(image, NAME_MAX);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i]);
        if (len > n && sc_strcasecmp(image + len - n, ends[i]) == 0)
            return len - n;
    }
    return len;
}

static bool ends_with(const char *text, size_t len, const char *word) {
    size_t n = strlen(word);
    return len >= n && memcmp(text + len - n, word, n) == 0;
}

int nt_userfunc_length(const char *function) {
    size_t len = strnlen(function, NAME_MAX);
    for (size_t i = 1; i < len; i++) {
        if (function[i] != '(' || ends_with(function, i, "operator"))
            continue;
        if (strncmp(function + i, "(anonymous", 10) == 0 ||
            strncmp(function + i, "()::", 4) == 0) /* a lambda's function */
            continue;
        return (int)i;
    }
    return (int)len;
}

uint32_t nt_userfunc_roles(const char *image, const char *function) {
    uint32_t bits = 0;
    size_t stem = stem_length(image), len = strnlen(image, NAME_MAX);
    size_t name = function ? (size_t)nt_userfunc_length(function) : 0;
    for (size_t i = 0; i < USERFUNC_ROWS; i++) {
        const char *m = userfunc_pool + userfunc_modules[i];
        const char *f = userfunc_pool + userfunc_functions[i];
        bool whole = strcmp(f, "*") == 0;
        if (!whole && (!function || !fits(f, function, name, false)))
            continue;
        if (fits(m, image, stem, true) || (stem != len && fits(m, image, len, true)))
            bits |= userfunc_bits[i];
    }
    return bits;
}
