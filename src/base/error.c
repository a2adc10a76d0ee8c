/* SPDX-License-Identifier: MIT */
/*
 * Errors as objects. The text is made when the error is: it may name things that are gone by the
 * time somebody reads it. Two static objects serve the cases in which allocating is wrong.
 */
#include "stopcode/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sc_err {
    enum sc_err_code code;
    bool is_static;
    bool has_offset, has_address;
    uint64_t offset, address;
    const char *text; /* behind the struct, or static */
};

static sc_err err_nomem = {.code = SC_ERR_NOMEM, .is_static = true, .text = "out of memory"};
static sc_err err_cancelled = {.code = SC_ERR_CANCELLED, .is_static = true, .text = "cancelled"};

sc_err *sc_err_nomem(void) { return &err_nomem; }
sc_err *sc_err_cancelled(void) { return &err_cancelled; }

/* Bytes at T that must not reach a terminal or end the line: C0 controls, DEL, C1 controls. */
static size_t unsafe(const char *t) {
    unsigned char c = (unsigned char)t[0], next = (unsigned char)(c ? t[1] : 0);
    if (c == 0xc2 && next >= 0x80 && next < 0xa0)
        return 2;
    return (c && c < 0x20) || c == 0x7f;
}

/*
 * Names and text of files appear in errors, so they are written as \xNN where they hold controls:
 * an error is one harmless line. ERR is replaced when it must grow.
 */
static sc_err *neutralise(sc_err *err) {
    size_t extra = 0;
    for (const char *t = err->text; *t; t++)
        extra += 3 * unsafe(t);
    if (!extra)
        return err;
    size_t len = strlen(err->text);
    sc_err *longer = malloc(sizeof *longer + len + extra + 1);
    if (!longer) {
        free(err);
        return &err_nomem;
    }
    *longer = *err;
    char *to = (char *)(longer + 1);
    longer->text = to;
    for (const char *t = err->text; *t;) {
        size_t n = unsafe(t);
        if (!n)
            *to++ = *t++;
        for (; n; n--, to += 4)
            snprintf(to, 5, "\\x%02X", (unsigned char)*t++);
    }
    *to = 0;
    free(err);
    return longer;
}

/* One allocation holds the object and "PREFIX" + the formatted text. */
static sc_err *make(enum sc_err_code code, const char *prefix, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        n = 0;
    size_t plen = strlen(prefix);
    sc_err *err = malloc(sizeof *err + plen + (size_t)n + 1);
    if (!err)
        return &err_nomem;
    memset(err, 0, sizeof *err);
    char *text = (char *)(err + 1);
    memcpy(text, prefix, plen);
    vsnprintf(text + plen, (size_t)n + 1, fmt, ap);
    err->code = code;
    err->text = text;
    return neutralise(err);
}

sc_err *sc_errf(enum sc_err_code code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    sc_err *err = make(code, "", fmt, ap);
    va_end(ap);
    return err;
}

sc_err *sc_err_at(enum sc_err_code code, const char *file, uint64_t offset, const char *fmt, ...) {
    char prefix[320];
    if (file)
        snprintf(prefix, sizeof prefix, "%.250s: offset 0x%" PRIx64 ": ", file, offset);
    else
        snprintf(prefix, sizeof prefix, "offset 0x%" PRIx64 ": ", offset);
    va_list ap;
    va_start(ap, fmt);
    sc_err *err = make(code, prefix, fmt, ap);
    va_end(ap);
    if (!err->is_static) {
        err->has_offset = true;
        err->offset = offset;
    }
    return err;
}

sc_err *sc_err_mem(uint64_t address, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    sc_err *err = make(SC_ERR_MEMORY, "", fmt, ap);
    va_end(ap);
    if (!err->is_static) {
        err->has_address = true;
        err->address = address;
    }
    return err;
}

sc_err *sc_err_prefix(sc_err *err, const char *fmt, ...) {
    if (!err || err->is_static)
        return err;
    char prefix[320];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    sc_err *longer = sc_errf(err->code, "%s: %s", prefix, err->text);
    if (!longer->is_static) {
        longer->has_offset = err->has_offset;
        longer->offset = err->offset;
        longer->has_address = err->has_address;
        longer->address = err->address;
    }
    sc_err_destroy(err);
    return longer;
}

const char *sc_err_text(const sc_err *err) { return err ? err->text : "no error"; }

enum sc_err_code sc_err_code(const sc_err *err) { return err ? err->code : 0; }

bool sc_err_offset(const sc_err *err, uint64_t *ret_offset) {
    if (!err || !err->has_offset)
        return false;
    *ret_offset = err->offset;
    return true;
}

bool sc_err_address(const sc_err *err, uint64_t *ret_address) {
    if (!err || !err->has_address)
        return false;
    *ret_address = err->address;
    return true;
}

void sc_err_destroy(sc_err *err) {
    if (err && !err->is_static)
        free(err);
}

bool sc_err_catch(sc_err **err, enum sc_err_code code) {
    if (!*err || (*err)->code != code)
        return false;
    sc_err_destroy(*err);
    *err = NULL;
    return true;
}
