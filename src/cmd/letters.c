/* SPDX-License-Identifier: MIT */
/*
 * Option letters, as `lm` has them: "ovt(1m)(sm)a@m:" allows o, v, t, 1m, sm, `a address` and
 * `m word`. The grammar is described at SC_ARG_LETTERS.
 */
#include <string.h>

#include "cmd/dispatch.h"

/* One option of a spec: its characters, what it takes, and where the next one starts. */
static const char *next_option(const char *spec, const char **ret_text, size_t *ret_len,
                               char *ret_value) {
    const char *close = *spec == '(' ? strchr(spec, ')') : NULL;
    *ret_text = close ? spec + 1 : spec;
    *ret_len = close ? (size_t)(close - spec - 1) : 1;
    spec = close ? close + 1 : spec + 1;
    *ret_value = *spec == ':' || *spec == '@' ? *spec++ : 0;
    return spec;
}

size_t sc_letters_match(const char *spec, const char *text, size_t len, char *ret_letter,
                        char *ret_value) {
    size_t best = 0;
    spec += *spec == '=';
    while (*spec) {
        const char *option;
        size_t n;
        char value;
        spec = next_option(spec, &option, &n, &value);
        if (n > best && n <= len && !memcmp(option, text, n)) {
            best = n;
            *ret_letter = *option;
            *ret_value = value;
        }
    }
    return best;
}

bool sc_letters_all(const char *spec, const char *text, size_t len) {
    char letter, value;
    while (len) {
        size_t n = sc_letters_match(spec, text, len, &letter, &value);
        if (!n)
            return false;
        text += n;
        len -= n;
    }
    return true;
}

const struct sc_arg *sc_letters_row(const struct sc_command *row) {
    for (const struct sc_arg *a = row->args; a && a->kind != SC_ARG_END; a++) {
        if (a->kind == SC_ARG_LETTERS)
            return a;
    }
    return NULL;
}

static size_t slot(const struct sc_args *args, char letter) {
    size_t i = 0;
    while (i < args->nletters && args->letter[i].letter != letter)
        i++;
    return i;
}

bool sc_letter(const struct sc_args *args, char letter) {
    return slot(args, letter) < args->nletters;
}

const char *sc_letter_text(const struct sc_args *args, char letter) {
    size_t i = slot(args, letter);
    return i < args->nletters ? args->letter[i].text : NULL;
}

uint64_t sc_letter_num(const struct sc_args *args, char letter) {
    size_t i = slot(args, letter);
    return i < args->nletters ? args->letter[i].num : 0;
}
