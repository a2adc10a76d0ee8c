/* SPDX-License-Identifier: MIT */
/*
 * Forgiving typography. Commands are pasted from web pages and documents, which turn hyphens into
 * dashes, straight quotes into curly ones, the backtick of an address into a quote and blanks into
 * no-break spaces. Only typed commands are treated so, never what a dump says.
 */
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (sc_lower(c) >= 'a' && sc_lower(c) <= 'f');
}

/* What stands for CP in a command; CP itself if it is harmless; 0 when it is to vanish. */
static uint32_t plain(uint32_t cp) {
    switch (cp) {
    case 0x2010: /* hyphen */
    case 0x2011: /* no-break hyphen */
    case 0x2012: /* figure dash */
    case 0x2013: /* en dash */
    case 0x2014: /* em dash */
    case 0x2015: /* horizontal bar */
    case 0x2212: /* minus */ return '-';
    case 0x201c:
    case 0x201d:
    case 0x201e:
    case 0x201f:
    case 0x2033: /* double prime */ return '"';
    case 0x2018:
    case 0x2019:
    case 0x201a:
    case 0x201b:
    case 0x2032: /* prime */ return '\'';
    case 0x00a0: /* no-break space */
    case 0x202f:
    case 0x205f:
    case 0x3000: return ' ';
    case 0x00ad: /* soft hyphen */
    case 0x200b: /* zero width: space, joiners, marks of direction, no-break space */
    case 0x200c:
    case 0x200d:
    case 0x200e:
    case 0x200f:
    case 0x2060:
    case 0xfeff: return 0;
    default: return cp >= 0x2000 && cp <= 0x200a ? ' ' : cp;
    }
}

void sc_typo_fix(char *text) {
    size_t len = strlen(text), to = 0, n;
    for (size_t from = 0; from < len; from += n) {
        uint32_t cp;
        n = sc_utf8_get(text + from, len - from, &cp);
        uint32_t better = plain(cp);
        if (cp < 0x80 || better == cp) { /* also a byte that is no UTF-8 */
            memmove(text + to, text + from, n);
            to += n;
        } else if (better == '\'' && to && is_hex(text[to - 1]) && is_hex(text[from + n])) {
            text[to++] = '`'; /* fffff880‘02b0ee70 */
        } else if (better) {
            text[to++] = (char)better;
        }
    }
    text[to] = 0;
}
