/* SPDX-License-Identifier: MIT */
/*
 * Literals of C++ expressions.
 *
 *     31  0x1f  037             decimal, hexadecimal, octal; whatever the session's base is
 *     0xfffff800`01234567       the same with a backtick, also without 0x
 *     31u 31l 31ll 31ui64       u, l, ll, i8, i16, i32, i64 and their mixtures, in any case
 *     1.5  .5  2e-3  1.5f       double; float with f
 *     'A'  '\n'  '\x41'  'Irp ' char; several characters are an int, the first one highest
 *     L'A'  u'A'  U'A'  u8'A'   wchar_t, char16_t, char32_t, char
 *     "text"  L"text"           arrays of characters without an address in the dump
 *
 * A number has the first type of int, unsigned int, int64, unsigned int64 that holds it; decimal
 * ones without u skip the unsigned ones as long as they can (C++ has no type for 2^63 and above
 * then: unsigned int64). Source: WinDbg's manual, "C++ Numbers and Operators", and C++. Guessed: a
 * number with a backtick has 64 bits however small it is.
 */
#include "cexpr/parser.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"

enum { WORD = 72 };

struct number {
    char text[WORD]; /* as typed, in ASCII and lower case, without the backtick */
    const char *at;
    unsigned base;
    bool halves, is_real;
    const char *suffix; /* in `text` */
    uint64_t value;
};

static sc_err *fail(struct sc_cparser *ps, const char *at, const char *what) {
    return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "%s", what);
}

/* ---- numbers ---- */

static int digit_of(int c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* How many hexadecimal digits stand at TEXT. */
static size_t hex_digits(const char *text) {
    size_t n = 0;
    while (digit_of((unsigned char)text[n]) < 16)
        n++;
    return n;
}

/* `fffff800`01234567`, with or without 0x. */
static bool take_halves(struct sc_cparser *ps, struct number *n) {
    const char *p = ps->scan.p;
    p += p[0] == '0' && (p[1] | 0x20) == 'x' ? 2 : 0;
    size_t high = hex_digits(p);
    if (!high || p[high] != '`')
        return false;
    const char *low = p + high + 1;
    if (high > 8 || hex_digits(low) != 8 || sc_c_is_name((unsigned char)low[8]))
        return false;
    n->value = strtoull(p, NULL, 16) << 32 | strtoull(low, NULL, 16);
    n->halves = true;
    n->base = 16;
    n->suffix = "";
    ps->scan.p = ps->scan.done = low + 8;
    return true;
}

/* All that a number may consist of, to the end of the word. */
static sc_err *take_word(struct sc_cparser *ps, struct number *n) {
    size_t len = 0;
    bool hex = false;
    for (;;) {
        int c = sc_scan_peek(&ps->scan);
        char before = len ? n->text[len - 1] : 0;
        bool sign = (c == '+' || c == '-') && before == 'e' && !hex;
        if (!(c < 0x80 && sc_c_is_name(c) && c != '$') && c != '.' && !sign)
            break;
        if (len + 1 >= sizeof n->text)
            return fail(ps, n->at, "the number is too long");
        n->text[len++] = sc_lower((char)c);
        hex = hex || (len == 2 && n->text[0] == '0' && n->text[1] == 'x');
        sc_scan_next(&ps->scan);
    }
    n->text[len] = 0;
    n->base = hex ? 16 : n->text[0] == '0' ? 8 : 10;
    n->is_real = !hex && (strpbrk(n->text, ".e") != NULL);
    return NULL;
}

static sc_err *not_cxx(struct sc_cparser *ps, const struct number *n) {
    char c = n->text[0] == '0' ? n->text[1] : 0;
    if (c == 'n')
        return fail(ps, n->at, "0n is MASM's: numbers are decimal here without it");
    if (c == 't' || c == 'y' || c == 'b')
        return sc_scan_fail(&ps->scan, n->at, SC_ERR_ARG, "'%.40s' is no number of C++; %s",
                            n->text,
                            c == 't' ? "octal ones begin with 0" : "binary ones are @@masm(0y…)");
    return NULL;
}

static sc_err *take_digits(struct sc_cparser *ps, struct number *n) {
    const char *p = n->text + (n->base == 16 ? 2 : 0);
    sc_err *err = not_cxx(ps, n);
    if (err)
        return err;
    if (n->base == 16 && !*p)
        return fail(ps, n->at, "digits expected behind 0x");
    for (; (unsigned)digit_of((unsigned char)*p) < (n->base == 8 ? 10 : n->base); p++) {
        unsigned digit = (unsigned)digit_of((unsigned char)*p);
        if (digit >= n->base)
            return fail(ps, n->at, "a number that begins with 0 is octal: it has no 8 and no 9");
        if (n->value > (UINT64_MAX - digit) / n->base)
            return fail(ps, n->at, "the number does not fit in 64 bits");
        n->value = n->value * n->base + digit;
    }
    n->suffix = p;
    return NULL;
}

/* The types that a number with this suffix may have, the first one that holds it being it. */
struct suffix {
    const char *text;
    uint8_t types[4];
    bool exact; /* nothing larger will do */
};
static const struct suffix suffixes[] = {
    {"", {SC_CT_INT, SC_CT_UINT, SC_CT_INT64, SC_CT_UINT64}, false},
    {"u", {SC_CT_UINT, SC_CT_UINT64}, false},
    {"l", {SC_CT_LONG, SC_CT_ULONG, SC_CT_INT64, SC_CT_UINT64}, false},
    {"ul", {SC_CT_ULONG, SC_CT_UINT64}, false},
    {"lu", {SC_CT_ULONG, SC_CT_UINT64}, false},
    {"ll", {SC_CT_INT64, SC_CT_UINT64}, false},
    {"ull", {SC_CT_UINT64}, false},
    {"llu", {SC_CT_UINT64}, false},
    {"i64", {SC_CT_INT64, SC_CT_UINT64}, false},
    {"ui64", {SC_CT_UINT64}, false},
    {"i32", {SC_CT_INT}, true},
    {"ui32", {SC_CT_UINT}, true},
    {"i16", {SC_CT_SHORT}, true},
    {"ui16", {SC_CT_USHORT}, true},
    {"i8", {SC_CT_CHAR}, true},
    {"ui8", {SC_CT_UCHAR}, true},
};

static bool holds(struct sc_cparser *ps, unsigned type, uint64_t value) {
    struct sc_type t;
    sc_err *err = sc_symbols_type(ps->types, type, &t);
    sc_err_destroy(err); /* C's own types are there */
    unsigned bits = err ? 0 : (unsigned)t.size * 8 - t.is_signed;
    return bits >= 64 || value >> bits == 0;
}

static sc_err *typed(struct sc_cparser *ps, const struct number *n, struct sc_cop *op) {
    const struct suffix *s = NULL;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !s; i++)
        if (!strcmp(suffixes[i].text, n->suffix))
            s = &suffixes[i];
    if (!s)
        return sc_scan_fail(&ps->scan, n->at, SC_ERR_ARG, "'%.40s' stands behind the number%s",
                            n->suffix,
                            n->base == 16 ? "" : " (hexadecimal ones begin with 0x in C++)");
    unsigned type = 0;
    bool decimal = n->base == 10 && !s->exact;
    for (size_t i = 0; i < sizeof s->types && s->types[i]; i++) {
        unsigned t = s->types[i];
        bool is_unsigned = t == SC_CT_UINT || t == SC_CT_ULONG;
        bool skip = decimal && is_unsigned && i > 0;
        skip |= n->halves && t != SC_CT_INT64 && t != SC_CT_UINT64;
        if (!type && !skip && holds(ps, t, n->value))
            type = t;
    }
    if (!type)
        return sc_scan_fail(&ps->scan, n->at, SC_ERR_ARG, "the number does not fit its suffix %s",
                            s->text);
    return sc_c_set_number(ps, op, type, n->value);
}

/* strtod() takes the locale's point, so the text is read by hand up to where it does not matter. */
static double decimal_value(const char *text, const char **ret_end) {
    char digits[WORD + 16];
    size_t n = 0;
    long exponent = 0;
    const char *p = text;
    bool point = false;
    for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++) {
        point |= *p == '.';
        exponent -= point && *p != '.';
        if (*p != '.')
            digits[n++] = *p;
    }
    if (*p == 'e') {
        char *end;
        long e = strtol(p + 1, &end, 10);
        exponent += e > 100000 ? 100000 : e < -100000 ? -100000 : e;
        p = end;
    }
    *ret_end = p;
    digits[n] = 'e';
    int sign = exponent < 0;
    unsigned long left = (unsigned long)(sign ? -exponent : exponent);
    digits[n + 1] = sign ? '-' : '+';
    for (int i = 6; i > 0; i--, left /= 10)
        digits[n + 1 + (size_t)i] = (char)('0' + left % 10);
    digits[n + 8] = 0;
    return n ? strtod(digits, NULL) : 0;
}

static sc_err *real_number(struct sc_cparser *ps, const struct number *n, struct sc_cop *op) {
    const char *end;
    double value = decimal_value(n->text, &end);
    const char *e = strchr(n->text, 'e');
    bool digits = n->text[0] != '.' || (n->text[1] >= '0' && n->text[1] <= '9');
    if (e)
        e += e[1] == '+' || e[1] == '-' ? 2 : 1;
    if (!digits || (e && (*e < '0' || *e > '9')))
        return fail(ps, n->at, "this is no number");
    if (strcmp(end, "") != 0 && strcmp(end, "f") != 0 && strcmp(end, "l") != 0)
        return sc_scan_fail(&ps->scan, n->at, SC_ERR_ARG, "'%.40s' stands behind the number", end);
    if (value > (*end == 'f' ? FLT_MAX : DBL_MAX))
        return fail(ps, n->at, "the number is too large for its type");
    return sc_c_set_real(ps, op, *end == 'f' ? SC_CT_FLOAT : SC_CT_DOUBLE, value);
}

static sc_err *number(struct sc_cparser *ps, struct number *n, struct sc_cop *op) {
    if (take_halves(ps, n))
        return typed(ps, n, op);
    sc_err *err = take_word(ps, n);
    if (err)
        return err;
    if (n->is_real)
        return real_number(ps, n, op);
    err = take_digits(ps, n);
    return err ? err : typed(ps, n, op);
}

/* ---- characters ---- */

/* The kind of a character or string literal. */
struct kind {
    const char *prefix;
    uint8_t type, size;
};
static const struct kind kinds[] = {
    {"u8", SC_CT_CHAR, 1}, {"u", SC_CT_CHAR16, 2}, {"U", SC_CT_CHAR32, 4},
    {"L", SC_CT_WCHAR, 2}, {"", SC_CT_CHAR, 1},
};

/* The prefix at the cursor with QUOTE behind it; NULL: no literal stands here. */
static const struct kind *kind_at(const struct sc_cparser *ps, int quote) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].prefix), len;
        if (!strncmp(ps->scan.p, kinds[i].prefix, n) &&
            sc_scan_at(&ps->scan, ps->scan.p + n, &len) == quote)
            return &kinds[i];
    }
    return NULL;
}

/* \x41 and \101 */
static sc_err *numeric_escape(struct sc_cparser *ps, unsigned base, size_t most, uint32_t *ret) {
    const char *at = ps->scan.p;
    uint64_t value = 0;
    size_t n = 0;
    while (n < most && (unsigned)digit_of(sc_scan_peek(&ps->scan)) < base) {
        value = value * base + (unsigned)digit_of(sc_scan_peek(&ps->scan));
        if (value > UINT32_MAX)
            return fail(ps, at, "the character is too large");
        sc_scan_next(&ps->scan);
        n++;
    }
    if (!n)
        return fail(ps, at, "digits expected behind the backslash");
    *ret = (uint32_t)value;
    return NULL;
}

static sc_err *escape(struct sc_cparser *ps, uint32_t *ret) {
    static const char from[] = "abfnrtv\\'\"?", to[] = "\a\b\f\n\r\t\v\\'\"?";
    const char *at = ps->scan.p;
    int c = sc_scan_peek(&ps->scan);
    const char *known = c && c < 0x80 ? strchr(from, c) : NULL;
    if (c >= '0' && c <= '7')
        return numeric_escape(ps, 8, 3, ret);
    sc_scan_next(&ps->scan);
    if (c == 'x')
        return numeric_escape(ps, 16, 16, ret);
    if (c == 'u' || c == 'U')
        return numeric_escape(ps, 16, c == 'u' ? 4 : 8, ret);
    if (!known)
        return fail(ps, at, "C++ has no such character behind a backslash");
    *ret = (unsigned char)to[known - from];
    return NULL;
}

/* One character of a literal, which does not end here. */
static sc_err *take_char(struct sc_cparser *ps, uint32_t *ret) {
    const char *at = ps->scan.p;
    if (at >= ps->scan.end)
        return fail(ps, at, "the literal does not end");
    if (*at == '\\') {
        sc_scan_next(&ps->scan);
        return escape(ps, ret);
    }
    sc_scan_next(&ps->scan);
    if ((unsigned char)*at < 0x80) {
        *ret = (unsigned char)*at;
        return NULL;
    }
    sc_utf8_get(at, (size_t)(ps->scan.end - at), ret);
    return *ret == UINT32_MAX ? fail(ps, at, "the text is no UTF-8") : NULL;
}

static sc_err *character(struct sc_cparser *ps, const struct kind *k, struct sc_cop *op) {
    const char *open = ps->scan.p;
    uint32_t value = 0, c = 0;
    unsigned count = 0;
    for (size_t i = 0; i <= strlen(k->prefix); i++)
        sc_scan_next(&ps->scan);
    while (sc_scan_peek(&ps->scan) != '\'') {
        const char *at = ps->scan.p;
        sc_err *err = at >= ps->scan.end ? fail(ps, open, "no ' closes this") : take_char(ps, &c);
        if (err)
            return err;
        if (k->size < 4 && c >> k->size * 8)
            return fail(ps, at, "the character does not fit the literal's type");
        if (++count > (k->size == 1 ? 4 : 1))
            return fail(ps, open, "too many characters between the quotes");
        value = value << 8 * (k->size == 1) | c;
    }
    sc_scan_next(&ps->scan);
    if (!count)
        return fail(ps, open, "a character expected between the quotes");
    return sc_c_set_number(ps, op, count > 1 ? SC_CT_INT : k->type, value);
}

/* ---- strings ---- */

/* Appends a character in the literal's encoding; false when it is full. */
static bool put(uint8_t *buf, size_t *len, const struct kind *k, uint32_t c, bool escaped) {
    uint32_t unit[4] = {c};
    size_t n = 1;
    if (k->size == 1 && !escaped && c > 0x7f) {
        char utf8[4];
        n = sc_utf8_put(c, utf8);
        for (size_t i = 0; i < n; i++)
            unit[i] = (unsigned char)utf8[i];
    } else if (k->size == 2 && c > 0xffff) {
        unit[0] = 0xd800 + ((c - 0x10000) >> 10);
        unit[1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
        n = 2;
    }
    if (*len + n * k->size > SC_CEXPR_STRING)
        return false;
    for (size_t i = 0; i < n; i++)
        for (unsigned b = 0; b < k->size; b++)
            buf[(*len)++] = (uint8_t)(unit[i] >> 8 * b);
    return true;
}

static sc_err *string(struct sc_cparser *ps, const struct kind *k, struct sc_cop *op) {
    const char *open = ps->scan.p;
    uint8_t buf[SC_CEXPR_STRING];
    size_t len = 0;
    uint32_t c = 0;
    for (size_t i = 0; i <= strlen(k->prefix); i++)
        sc_scan_next(&ps->scan);
    for (bool more = true; more;) {
        more = sc_scan_peek(&ps->scan) != '"';
        bool escaped = *ps->scan.p == '\\';
        sc_err *err = NULL;
        if (ps->scan.p >= ps->scan.end)
            err = fail(ps, open, "no \" closes this string");
        else if (more)
            err = take_char(ps, &c);
        if (err)
            return err;
        if (!put(buf, &len, k, more ? c : 0, escaped))
            return sc_scan_fail(&ps->scan, open, SC_ERR_LIMIT, "longer than %d bytes",
                                SC_CEXPR_STRING);
    }
    sc_scan_next(&ps->scan);
    sc_err *err = sc_ctypes_array(ps->types, k->type, len / k->size, &op->type);
    if (!err)
        err = sc_c_type_of(ps, op->type, &op->t);
    op->bytes = (uint8_t *)sc_arena_strndup(ps->env->arena, (char *)buf, len);
    if (!err && !op->bytes)
        err = sc_err_nomem();
    return err;
}

bool sc_c_literal(struct sc_cparser *ps, struct sc_cop *op, sc_err **ret_err) {
    int c = sc_scan_peek(&ps->scan), next = sc_scan_second(&ps->scan);
    struct number n = {.at = ps->scan.p};
    const struct kind *k = kind_at(ps, '\'');
    if (k) {
        *ret_err = character(ps, k, op);
        return true;
    }
    k = kind_at(ps, '"');
    if (k) {
        *ret_err = string(ps, k, op);
        return true;
    }
    if ((c >= '0' && c <= '9') || (c == '.' && next >= '0' && next <= '9')) {
        *ret_err = number(ps, &n, op);
        return true;
    }
    if (!take_halves(ps, &n))
        return false;
    *ret_err = typed(ps, &n, op);
    return true;
}
