/* SPDX-License-Identifier: MIT */
/*
 * Characters of an expression, and the errors that point at them.
 *
 * Commands are pasted from web pages, mails and documents, which turn hyphens into dashes, quotes
 * into curly ones, a backtick into an opening quote and blanks into no-break spaces. Here they are
 * turned back, one character at a time, so that columns stay those of the text as typed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "expr/parser.h"

static int forgive(uint32_t cp) {
    switch (cp) {
    case 0x00a0: /* no-break space */
    case 0x2002: /* en, em, … spaces */
    case 0x2003:
    case 0x2007:
    case 0x2009:
    case 0x200a:
    case 0x200b: /* zero-width space */
    case 0x202f: /* narrow no-break space */
    case 0x3000: /* ideographic space */
    case 0xfeff: return ' ';
    case 0x2010: /* hyphen */
    case 0x2011: /* no-break hyphen */
    case 0x2012: /* figure dash */
    case 0x2013: /* en dash */
    case 0x2014: /* em dash */
    case 0x2212: /* minus sign */
    case 0xff0d: return '-';
    case 0x201c: /* double quotes */
    case 0x201d:
    case 0x201e:
    case 0x201f: return '"';
    case 0x2018: return '`'; /* opening quote: what a backtick was */
    case 0x2019: return '\'';
    default: return SC_CH_OTHER;
    }
}

int sc_scan_at(const struct sc_parser *ps, const char *at, size_t *ret_len) {
    unsigned char c = (unsigned char)*at;
    *ret_len = at < ps->end;
    if (c < 0x80)
        return c == '\t' || c == '\r' || c == '\n' ? ' ' : c;
    uint32_t cp;
    *ret_len = sc_utf8_get(at, (size_t)(ps->end - at), &cp);
    return forgive(cp);
}

int sc_scan_peek(const struct sc_parser *ps) {
    size_t len;
    return sc_scan_at(ps, ps->p, &len);
}

int sc_scan_second(const struct sc_parser *ps) {
    size_t len, next;
    sc_scan_at(ps, ps->p, &len);
    return sc_scan_at(ps, ps->p + len, &next);
}

void sc_scan_next(struct sc_parser *ps) {
    size_t len;
    sc_scan_at(ps, ps->p, &len);
    ps->p += len;
    ps->done = ps->p;
}

int sc_scan_skip(struct sc_parser *ps) {
    size_t len;
    int c;
    while ((c = sc_scan_at(ps, ps->p, &len)) == ' ')
        ps->p += len;
    return c;
}

bool sc_scan_is_name(int c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c == '?' || c == SC_CH_OTHER;
}

bool sc_scan_append(struct sc_parser *ps, size_t *len, int c, const char *at, size_t bytes) {
    char ascii = (char)c;
    if (c != SC_CH_OTHER) {
        at = &ascii;
        bytes = 1;
    }
    if (bytes >= sizeof ps->name - *len)
        return false;
    memcpy(ps->name + *len, at, bytes);
    *len += bytes;
    ps->name[*len] = 0;
    return true;
}

bool sc_scan_word(const struct sc_parser *ps, const char *word) {
    size_t n = strlen(word), len;
    if ((size_t)(ps->end - ps->p) < n || sc_strncasecmp(ps->p, word, n) != 0)
        return false;
    int next = sc_scan_at(ps, ps->p + n, &len);
    if (next == '!') /* a module of that name, but not `a mod!=b` */
        return ps->p[n + 1] == '=';
    return !sc_scan_is_name(next);
}

static unsigned column(const struct sc_parser *ps, const char *at) {
    unsigned n = 1;
    for (const char *c = ps->text; c < at;) {
        uint32_t cp;
        c += sc_utf8_get(c, (size_t)(ps->end - c), &cp);
        n++;
    }
    return n;
}

sc_err *sc_scan_fail(const struct sc_parser *ps, const char *at, enum sc_err_code code,
                     const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sc_errf(code, "column %u: %s", column(ps, at), text);
}

sc_err *sc_scan_prefix(const struct sc_parser *ps, const char *at, sc_err *err) {
    return sc_err_prefix(err, "column %u", column(ps, at));
}

int sc_scan_excerpt(const struct sc_parser *ps, const char *at, const char *end) {
    size_t n = 0, len;
    for (; at + n < end; n += len)
        if ((sc_scan_at(ps, at + n, &len), n + len > SC_EXPR_EXCERPT))
            break;
    return (int)n;
}

sc_err *sc_scan_expected(const struct sc_parser *ps, const char *what) {
    if (ps->p >= ps->end)
        return sc_scan_fail(ps, ps->p, SC_ERR_ARG, "%s expected, found the end", what);
    const char *blank = ps->p;
    size_t len;
    while (blank < ps->end && sc_scan_at(ps, blank, &len) != ' ')
        blank += len;
    return sc_scan_fail(ps, ps->p, SC_ERR_ARG, "%s expected, found '%.*s'", what,
                        sc_scan_excerpt(ps, ps->p, blank), ps->p);
}

sc_err *sc_scan_too_long(const struct sc_parser *ps, const char *at) {
    return sc_scan_fail(ps, at, SC_ERR_LIMIT, "longer than %d bytes", SC_EXPR_NAME - 1);
}
