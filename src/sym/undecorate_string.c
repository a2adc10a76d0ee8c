/* SPDX-License-Identifier: MIT */
/*
 * Undecoration of string literals, behind "??_C":
 *
 *     "@_" ("0" | "1") size "@"? hash "@" text "@" [section "@"]
 *
 *     0, 1    char (and char16_t, char32_t); wchar_t
 *     size    bytes, with the NUL behind
 *     hash    eight letters, or fewer
 *     text    the first 32 bytes (wchar_t: 64), each a plain character, "?" and a letter or digit,
 *             or "?$" and two of A..P; wide ones as two such bytes, the high one first
 *
 * The width of characters that are not wchar_t is not stored. It is guessed from the zero bytes,
 * as llvm-undname does, so that both guess alike.
 */
#include "sym/undecorate_impl.h"

#include <stdio.h>

enum { BYTES = 128, KEPT = 32, KEPT_WIDE = 64, TEXT = BYTES * 20 };

/* The text as it is written out. */
struct literal {
    char text[TEXT];
    size_t len;
};

static void put_char(struct literal *l, uint32_t c) {
    static const char from[] = "'\"\\\a\b\f\n\r\t\v", to[] = "'\"\\abfnrtv";
    char buf[16], *p = buf + sizeof buf - 1;
    const char *hit = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    *p = '\0';
    if (!c) {
        p = "\\0";
    } else if (hit) {
        *--p = to[hit - from];
        *--p = '\\';
    } else if (c > 0x1f && c < 0x7f) {
        *--p = (char)c;
    } else {
        for (; c; c >>= 8) {
            *--p = "0123456789ABCDEF"[c & 15];
            *--p = "0123456789ABCDEF"[c >> 4 & 15];
        }
        *--p = 'x';
        *--p = '\\';
    }
    size_t len = strlen(p);
    if (l->len + len < sizeof l->text) {
        memcpy(l->text + l->len, p, len + 1);
        l->len += len;
    }
}

static uint8_t byte(struct ud *u) {
    static const char digits[] = ",/\\:. \n\t'-";
    char c = ud_pop(u);
    if (c != '?')
        return (uint8_t)c;
    if (ud_take(u, "$")) {
        char high = ud_pop(u), low = ud_pop(u);
        if (high < 'A' || high > 'P' || low < 'A' || low > 'P') {
            ud_fail(u);
            return 0;
        }
        return (uint8_t)((high - 'A') << 4 | (low - 'A'));
    }
    c = ud_pop(u);
    if (c >= '0' && c <= '9')
        return (uint8_t)digits[c - '0'];
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(0xe1 + (c - 'a'));
    if (c < 'A' || c > 'Z')
        ud_fail(u);
    return (uint8_t)(0xc1 + (c - 'A'));
}

static const char *wide(struct ud *u, uint64_t size, struct literal *l, bool *ret_cut) {
    bool cut = size > KEPT_WIDE;
    while (!u->failed && !ud_take(u, "@")) {
        uint32_t c = (uint32_t)byte(u) << 8;
        c |= byte(u);
        /* The last one is the NUL, unless there is more. */
        if (size != 2 || cut)
            put_char(l, c);
        size -= 2;
    }
    *ret_cut = cut;
    return "L";
}

static unsigned width_of(const uint8_t *bytes, size_t count, uint64_t size) {
    size_t zeros = 0;
    if (size % 2 == 1)
        return 1;
    if (size < KEPT) {
        while (zeros < count && !bytes[count - 1 - zeros])
            zeros++;
        if (zeros >= 4 && size % 4 == 0)
            return 4;
        return zeros >= 2 ? 2 : 1;
    }
    for (size_t i = 0; i < count; i++)
        zeros += !bytes[i];
    if (zeros >= 2 * count / 3 && size % 4 == 0)
        return 4;
    return zeros >= count / 3 ? 2 : 1;
}

static const char *narrow(struct ud *u, uint64_t size, struct literal *l, bool *ret_cut) {
    uint8_t bytes[BYTES];
    size_t count = 0;
    while (!u->failed && !ud_take(u, "@")) {
        if (count == BYTES)
            return ud_fail(u);
        bytes[count++] = byte(u);
    }
    bool cut = size > count;
    unsigned width = width_of(bytes, count, size);
    for (size_t i = 0; i < count / width; i++) {
        uint32_t c = 0;
        for (unsigned b = 0; b < width; b++)
            c |= (uint32_t)bytes[i * width + b] << 8 * b;
        if (i + 1 < count / width || cut)
            put_char(l, c);
    }
    *ret_cut = cut;
    return width == 1 ? "" : width == 2 ? "u" : "U";
}

/* "FNODOBFM@": the section that a kernel's linker moved the literal to. NULL: none. */
static const char *section(struct ud *u) {
    static const char letters[] = "ABCDEFGHIJKLMNOP";
    size_t len = 0;
    while (u->p + len < u->end && strchr(letters, u->p[len]))
        len++;
    if (!len || u->end - u->p != (ptrdiff_t)len + 1 || u->p[len] != '@')
        return NULL;
    const char *text = ud_text(u, u->p, len);
    u->p = u->end;
    return text;
}

const struct ud_symbol *ud_string_literal(struct ud *u) {
    bool negative, cut = false;
    if (!ud_take(u, "@_"))
        return ud_fail(u);
    char kind = ud_pop(u);
    uint64_t size = ud_number(u, &negative);
    if ((kind != '0' && kind != '1') || negative || size < (kind == '1' ? 2u : 1u))
        return ud_fail(u);
    const char *at = u->failed ? NULL : memchr(u->p, '@', (size_t)(u->end - u->p));
    if (!at)
        return ud_fail(u);
    u->p = at + 1;
    struct literal *l = ud_new(u, sizeof *l);
    struct ud_symbol *s = ud_new(u, sizeof *s);
    if (!l || !s)
        return NULL;
    const char *prefix = kind == '1' ? wide(u, size, l, &cut) : narrow(u, size, l, &cut);
    if (u->failed)
        return NULL;
    size_t room = l->len + 16;
    char *text = ud_new(u, room);
    if (!text)
        return NULL;
    snprintf(text, room, "%s\"%s\"%s", prefix, l->text, cut ? "..." : "");
    s->kind = UD_SYM_STRING;
    s->text = text;
    s->storage = section(u);
    return s;
}
