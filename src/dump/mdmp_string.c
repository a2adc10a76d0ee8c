/* SPDX-License-Identifier: MIT */
/*
 * Strings of a minidump, each remembered by its place in the file.
 *
 *   MINIDUMP_STRING       u32 length in bytes, UTF-16 without the final NUL
 *   MinidumpUTF8String    u32 length in bytes, UTF-8 (Crashpad)
 *   8-bit text            in a record that says how long it is (PDB paths, comments)
 *
 * Many records may name one string, and strings may overlap: see mdmp_charge() in mdmp_impl.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "dump/mdmp_impl.h"

/* What a remembered string is; the key of the map is the kind above the file offset. */
enum kind { UTF16, UTF8, TEXT8, NAMES };
enum { KIND_SHIFT = 60 };

static uint64_t key_of(enum kind kind, uint64_t offset) {
    return (uint64_t)kind << KIND_SHIFT | offset;
}

bool mdmp_charge(struct sc_source *source, uint64_t bytes) {
    struct mdmp *m = source->impl;
    if (bytes <= m->text_left) {
        m->text_left -= bytes;
        return true;
    }
    if (!m->text_spent)
        sc_source_note(source, SC_UNSET64,
                       "the strings of this file are larger than it is: some are left out");
    m->text_spent = true;
    return false;
}

/* Is it known already? */
static bool recall(const struct sc_source *source, uint64_t key, const void **ret) {
    const struct mdmp *m = source->impl;
    uint64_t value;
    if (!sc_map_get_number(&m->strings, key, &value))
        return false;
    *ret = (const void *)(uintptr_t)value;
    return true;
}

static sc_err *remember(struct sc_source *source, uint64_t key, const void *value) {
    struct mdmp *m = source->impl;
    if (!sc_map_put_number(&m->strings, key, (uint64_t)(uintptr_t)value))
        return sc_err_nomem();
    return NULL;
}

char *mdmp_latin(sc_arena *arena, const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    size_t n = 0, len = 0;
    while (n < size && text[n])
        n++;
    char *out = sc_arena_array(arena, n + 1, 2); /* a Latin-1 byte becomes two */
    if (!out)
        return NULL;
    for (size_t i = 0, step; i < n; i += step) {
        uint32_t cp;
        step = sc_utf8_get(text + i, n - i, &cp);
        len += sc_utf8_put(cp == UINT32_MAX ? data[i] : cp, out + len);
    }
    out[len] = 0;
    return out;
}

/* SIZE bytes of 8-bit text that the cursor stands on; NULL when memory is short. */
static char *cur_latin(struct sc_cur *cur, size_t size, sc_arena *arena) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return NULL;
    sc_cur_bytes(cur, copy, size);
    char *text = mdmp_latin(arena, copy, size);
    free(copy);
    return text;
}

/*
 * Decodes and remembers SIZE bytes that the cursor stands on. A damaged string is noted, and
 * remembered as NULL, so that it is noted once.
 */
static sc_err *decode(struct sc_source *source, struct sc_cur *cur, enum kind kind, uint64_t size,
                      uint64_t key, const char **ret_text) {
    bool good = size <= MDMP_STRING_MAX && sc_cur_fits(cur, size, 1);
    char *text = NULL;
    if (!mdmp_charge(source, MDMP_TEXT_COST + (good ? 2 * size : 0))) {
        *ret_text = NULL;
        return NULL;
    }
    if (good) {
        text = kind == UTF16 ? sc_cur_utf16(cur, size, source->arena)
                             : cur_latin(cur, size, source->arena);
        if (!text)
            return sc_err_nomem();
    } else if (sc_cur_failed(cur)) {
        mdmp_note_failed(source, cur);
    } else {
        sc_source_note(source, cur->start, "%s: a string of %" PRIu64 " bytes: left out", cur->what,
                       size);
    }
    sc_err *err = remember(source, key, text);
    if (!err)
        *ret_text = text;
    return err;
}

/* A string with its length in front. */
static sc_err *counted(struct sc_source *source, uint64_t offset, enum kind kind, const char *what,
                       const char **ret_text) {
    const void *known;
    if (!offset) {
        *ret_text = NULL;
        return NULL;
    }
    if (offset >> KIND_SHIFT) {
        sc_source_note(source, offset, "%s: the string lies behind the end of the file", what);
        *ret_text = NULL;
        return NULL;
    }
    if (recall(source, key_of(kind, offset), &known)) {
        *ret_text = known;
        return NULL;
    }
    struct sc_cur c = sc_cur_at(source->file, offset, 4 + (uint64_t)UINT32_MAX, what);
    uint32_t size = sc_u32(&c);
    return decode(source, &c, kind, size, key_of(kind, offset), ret_text);
}

sc_err *mdmp_string(struct sc_source *source, uint64_t offset, const char *what,
                    const char **ret_text) {
    return counted(source, offset, UTF16, what, ret_text);
}

sc_err *mdmp_string8(struct sc_source *source, uint64_t offset, const char *what,
                     const char **ret_text) {
    return counted(source, offset, UTF8, what, ret_text);
}

sc_err *mdmp_text8(struct sc_source *source, uint64_t offset, uint64_t size, const char *what,
                   const char **ret_text) {
    const void *known;
    if (recall(source, key_of(TEXT8, offset), &known)) {
        *ret_text = known;
        return NULL;
    }
    struct sc_cur c = sc_cur_at(source->file, offset, size, what);
    return decode(source, &c, TEXT8, size, key_of(TEXT8, offset), ret_text);
}

sc_err *mdmp_fixed_string(struct sc_source *source, struct sc_cur *cur, size_t size,
                          const char **ret_text) {
    char *text = sc_cur_utf16(cur, size, source->arena);
    if (!text)
        return sc_err_nomem();
    *ret_text = text[0] ? text : NULL;
    return NULL;
}

sc_err *mdmp_module_names(struct sc_source *source, uint64_t offset, struct mdmp_names *ret_names) {
    const void *known;
    if (offset && recall(source, key_of(NAMES, offset), &known)) {
        *ret_names = *(const struct mdmp_names *)known;
        return NULL;
    }
    struct mdmp_names names = {0};
    sc_err *err = mdmp_string(source, offset, "module name", &names.path);
    if (err)
        return err;
    if (names.path && names.path[0] &&
        mdmp_charge(source, MDMP_TEXT_COST + sizeof names + 2 * strlen(names.path))) {
        struct mdmp_names *copy = sc_arena_alloc(source->arena, sizeof *copy);
        if (!copy || !sc_module_names(source->arena, names.path, &names.name, &names.image))
            return sc_err_nomem();
        *copy = names;
        err = remember(source, key_of(NAMES, offset), copy);
        if (err)
            return err;
    } else {
        names.path = NULL;
    }
    *ret_names = names;
    return NULL;
}
