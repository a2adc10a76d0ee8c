/* SPDX-License-Identifier: MIT */
/*
 * Finding a command's row by what was typed.
 *
 * The order, as WinDbg's users expect: the whole word as name or alias (exact case first, so that
 * `dd` and `dD` stay apart); `!ext.name` by its last part when the extension is one of WinDbg's
 * own; a name with option letters behind it (`lmvm`, `kvn20`); a name that an operand may touch
 * (`?5`,
 * `~0s`, `n10`). Names of punctuation marks (`?`, `||`, `$$`) are found by longest prefix.
 */
#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"

static bool is_letter(char c) { return sc_lower(c) >= 'a' && sc_lower(c) <= 'z'; }
static bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; }

size_t sc_name_length(const char *text) {
    bool dotted = *text == '!';
    size_t n = *text == '!' || *text == '.';
    while (is_word(text[n]) || (dotted && n > 1 && text[n] == '.'))
        n++;
    if (n > (size_t)(*text == '!' || *text == '.'))
        return n;
    while (text[n] && !sc_blank(text[n]) && text[n] != ';' && text[n] != '\n' && !is_word(text[n]))
        n++;
    return n;
}

typedef bool (*match_fn)(const char *name, size_t name_len, const char *text, size_t len);

static bool same(const char *name, size_t name_len, const char *text, size_t len) {
    return name_len == len && !memcmp(name, text, len);
}

static bool same_any_case(const char *name, size_t name_len, const char *text, size_t len) {
    return name_len == len && !sc_strncasecmp(name, text, len);
}

/* Does the row's name or one of its aliases match the LEN bytes at TEXT? */
static bool row_matches(const struct sc_command *row, const char *text, size_t len,
                        match_fn match) {
    if (match(row->name, strlen(row->name), text, len))
        return true;
    for (const char *a = row->aliases; a && *a;) {
        size_t n = strcspn(a, " ");
        if (n && match(a, n, text, len))
            return true;
        a += n + (a[n] == ' ');
    }
    return false;
}

static const struct sc_command *find_by(const char *text, size_t len, match_fn match) {
    for (const struct sc_family *f = sc_families; f->title; f++) {
        for (const struct sc_command *row = f->commands; row->name; row++) {
            if (row_matches(row, text, len, match))
                return row;
        }
    }
    return NULL;
}

static const struct sc_command *find_name(const char *text, size_t len) {
    const struct sc_command *row = find_by(text, len, same);
    return row ? row : find_by(text, len, same_any_case);
}

const struct sc_command *sc_command_find(const char *name) { return find_name(name, strlen(name)); }

/* `!kdexts.locks` is `!locks`: WinDbg's own extensions may be named, ours have no file. */
static const struct sc_command *find_extension(const char *text, size_t len) {
    static const char *const own[] = {"ext",  "exts", "kdexts",   "kext",
                                      "uext", "sos",  "ntsdexts", "ntsdext"};
    const char *dot = memchr(text, '.', len);
    if (*text != '!' || !dot)
        return NULL;
    size_t n = (size_t)(dot - text) - 1, rest = len - n - 2;
    char name[SC_NAME_MAX];
    bool known = false;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        known |= strlen(own[i]) == n && !sc_strncasecmp(own[i], text + 1, n);
    if (!known || !rest || rest + 2 > sizeof name)
        return NULL;
    name[0] = '!';
    memcpy(name + 1, dot + 1, rest);
    return find_name(name, rest + 1);
}

/* The length of the longest name of ROW that TEXT starts with; 0 if none. */
static size_t longest_prefix(const struct sc_command *row, const char *text, size_t len) {
    size_t best = 0, n = strlen(row->name);
    if (n <= len && !sc_strncasecmp(row->name, text, n))
        best = n;
    for (const char *a = row->aliases; a && *a; a += n + (a[n] == ' ')) {
        n = strcspn(a, " ");
        if (n > best && n <= len && !sc_strncasecmp(a, text, n))
            best = n;
    }
    return best;
}

static bool ends(char c) { return !c || sc_blank(c) || c == ';' || c == '\n'; }

/* May C stand directly behind a name that does not allow operands to touch it? */
static bool parts(char c) { return ends(c) || c == '/' || c == '"'; }

/* LEN without the digits of an operand that touches the letters (`kn10`), where it may. */
static size_t letters_end(const struct sc_command *row, const char *text, size_t n, size_t len) {
    while (row->touch && len > n && text[len - 1] >= '0' && text[len - 1] <= '9')
        len--;
    return len;
}

/* May C stand behind option letters? */
static bool parts_letters(const struct sc_command *row, char c) {
    return parts(c) || (row->touch && c == '=');
}

/* `lmvm`: the longest name that leaves only option letters. */
static bool find_letters(const char *text, size_t len, struct sc_found *ret) {
    ret->name_len = 0;
    for (const struct sc_family *f = sc_families; f->title; f++) {
        for (const struct sc_command *row = f->commands; row->name; row++) {
            const struct sc_arg *letters = sc_letters_row(row);
            size_t n = letters ? longest_prefix(row, text, len) : 0;
            size_t end = letters_end(row, text, n, len);
            if (n > ret->name_len && parts_letters(row, text[len]) &&
                sc_letters_all(letters->spec, text + n, end - n))
                *ret = (struct sc_found){row, n, end};
        }
    }
    return ret->name_len > 0;
}

/*
 * Can an operand start behind the name of N bytes? Not where it would make a longer word of it
 * (`dt_IRP` is `dt _IRP`: no command's name has an underscore there), and
 * not with an angle bracket: `$$<file` is a script, not a comment.
 */
static bool may_touch(const char *text, size_t n) {
    if (text[n] == '<' || text[n] == '>')
        return false;
    return !is_word(text[n - 1]) || !is_word(text[n]) || text[n] == '_' ||
           (text[n] >= '0' && text[n] <= '9');
}

/* `?5`, `n10`, `r@rax`: the longest name that an operand may touch. */
static bool find_touched(const char *text, struct sc_found *ret) {
    size_t len = strnlen(text, SC_NAME_MAX);
    ret->name_len = 0;
    for (const struct sc_family *f = sc_families; f->title; f++) {
        for (const struct sc_command *row = f->commands; row->name; row++) {
            size_t n = longest_prefix(row, text, len);
            if (n > ret->name_len && (ends(text[n]) || (row->touch && may_touch(text, n))))
                *ret = (struct sc_found){row, n, n};
        }
    }
    return ret->name_len > 0;
}

bool sc_find(const char *text, struct sc_found *ret) {
    size_t len = sc_name_length(text);
    bool meta = *text == '.' || *text == '!';
    if (len > 0 && len < SC_NAME_MAX && (meta ? len > 1 : is_word(*text))) {
        const struct sc_command *row = find_name(text, len);
        if (!row)
            row = find_extension(text, len);
        /* Dots and exclamation marks cannot be taken for a symbol, so what follows is free. */
        if (row && (meta || row->touch || parts(text[len]))) {
            *ret = (struct sc_found){row, len, len};
            return true;
        }
        if (find_letters(text, len, ret))
            return true;
    }
    return find_touched(text, ret);
}

enum { NEAREST = 3 };

struct nearest {
    const char *name[NEAREST];
    unsigned far[NEAREST];
    size_t count;
};

/* Keeps the nearest names in order. */
static void consider(struct nearest *list, const char *name, unsigned far) {
    size_t i = list->count < NEAREST ? list->count : NEAREST;
    while (i > 0 && list->far[i - 1] > far) {
        if (i < NEAREST) {
            list->name[i] = list->name[i - 1];
            list->far[i] = list->far[i - 1];
        }
        i--;
    }
    if (i >= NEAREST)
        return;
    list->name[i] = name;
    list->far[i] = far;
    list->count += list->count < NEAREST;
}

/* A name is near when a third of what was typed is wrong, or its mark (`!`, `.`) is missing. */
static void find_nearest(const char *text, size_t len, struct nearest *ret) {
    for (const struct sc_family *f = sc_families; f->title; f++) {
        for (const struct sc_command *row = f->commands; row->name; row++) {
            size_t n = strlen(row->name);
            if (n > SC_NAME_MAX || n < 2)
                continue;
            unsigned far = sc_edit_distance(text, len, row->name, n);
            if (far <= 1 + (unsigned)len / 4 && far < len)
                consider(ret, row->name, far);
        }
    }
}

sc_err *sc_unknown_command(const char *text) {
    struct nearest list = {0};
    size_t len = sc_name_length(text);
    int shown = len > SC_NAME_MAX ? SC_NAME_MAX : (int)len;
    if (len >= 2 && len <= 24)
        find_nearest(text, len, &list);
    char hint[NEAREST * (SC_NAME_MAX + 4) + 32] = "";
    size_t n = 0;
    for (size_t i = 0; i < list.count; i++)
        n += (size_t)snprintf(hint + n, sizeof hint - n, "%s%s", i ? ", " : "did you mean ",
                              list.name[i]);
    if (list.count)
        snprintf(hint + n, sizeof hint - n, "? ");
    return sc_errf(SC_ERR_NOT_FOUND, "\"%.*s\" is no command here; %s`help` lists the commands",
                   shown, text, hint);
}
