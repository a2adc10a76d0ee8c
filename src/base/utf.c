/* SPDX-License-Identifier: MIT */
/* UTF-16 to WTF-8, and the locale-free string comparisons. */
#include "base/utf.h"

#include <stdlib.h>
#include <string.h>

size_t sc_utf8_put(uint32_t cp, char *buf) {
    unsigned char *b = (unsigned char *)buf;
    if (cp < 0x80) {
        b[0] = (unsigned char)cp;
        return 1;
    }
    if (cp < 0x800) {
        b[0] = (unsigned char)(0xc0 | cp >> 6);
        b[1] = (unsigned char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        b[0] = (unsigned char)(0xe0 | cp >> 12);
        b[1] = (unsigned char)(0x80 | (cp >> 6 & 0x3f));
        b[2] = (unsigned char)(0x80 | (cp & 0x3f));
        return 3;
    }
    b[0] = (unsigned char)(0xf0 | cp >> 18);
    b[1] = (unsigned char)(0x80 | (cp >> 12 & 0x3f));
    b[2] = (unsigned char)(0x80 | (cp >> 6 & 0x3f));
    b[3] = (unsigned char)(0x80 | (cp & 0x3f));
    return 4;
}

size_t sc_utf8_get(const char *text, size_t len, uint32_t *ret_cp) {
    const unsigned char *t = (const unsigned char *)text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = t[0] < 0x80   ? 1
               : t[0] < 0xc2 ? 0
               : t[0] < 0xe0 ? 2
               : t[0] < 0xf0 ? 3
               : t[0] < 0xf5 ? 4
                             : 0;
    *ret_cp = UINT32_MAX;
    if (n == 0 || n > len)
        return 1;
    uint32_t cp = n == 1 ? t[0] : t[0] & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((t[i] & 0xc0) != 0x80)
            return 1;
        cp = cp << 6 | (t[i] & 0x3f);
    }
    if (cp < least[n] || cp > 0x10ffff)
        return 1;
    *ret_cp = cp;
    return n;
}

static uint32_t unit_at(const uint8_t *p) { return (uint32_t)(p[0] | p[1] << 8); }

/* How many units in front are ASCII's, and no NUL: of most names all. */
static size_t ascii_units(const uint8_t *data, size_t units) {
    size_t n = 0;
    while (n < units && !data[2 * n + 1] && data[2 * n] && data[2 * n] < 0x80)
        n++;
    return n;
}

char *sc_utf16_to_utf8(sc_arena *arena, const uint8_t *data, size_t nbytes) {
    const size_t ascii = ascii_units(data, nbytes / 2);
    size_t units = ascii, room = ascii + 1;
    for (; units < nbytes / 2; units++) {
        uint32_t unit = unit_at(data + 2 * units);
        if (!unit)
            break;
        room += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3; /* of a pair: more than it takes */
    }
    char *text = sc_arena_alloc(arena, room);
    if (!text)
        return NULL;
    for (size_t i = 0; i < ascii; i++)
        text[i] = (char)data[2 * i];
    size_t n = ascii;
    for (size_t i = ascii; i < units; i++) {
        uint32_t cp = unit_at(data + 2 * i);
        if ((cp & 0xfc00) == 0xd800 && i + 1 < units) {
            uint32_t low = unit_at(data + 2 * i + 2);
            if ((low & 0xfc00) == 0xdc00) {
                cp = 0x10000 + ((cp & 0x3ff) << 10) + (low & 0x3ff);
                i++;
            }
        }
        n += sc_utf8_put(cp, text + n);
    }
    text[n] = 0;
    return text;
}

char *sc_cur_utf16(struct sc_cur *cur, size_t nbytes, sc_arena *arena) {
    if (!sc_cur_fits(cur, nbytes, 1))
        return sc_arena_strdup(arena, "");
    if (cur->data) {
        const uint8_t *data = cur->data + (cur->pos - cur->start);
        cur->pos += nbytes;
        return sc_utf16_to_utf8(arena, data, nbytes);
    }
    uint8_t *copy = malloc(nbytes ? nbytes : 1);
    if (!copy)
        return NULL;
    sc_cur_bytes(cur, copy, nbytes);
    char *text = sc_utf16_to_utf8(arena, copy, nbytes);
    free(copy);
    return text;
}

const char *sc_base_name(const char *path) {
    const char *base = path;
    for (const char *p = path; *p; p++)
        if (*p == '\\' || *p == '/')
            base = p + 1;
    return base;
}

char sc_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

int sc_strncasecmp(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char x = (unsigned char)sc_lower(a[i]), y = (unsigned char)sc_lower(b[i]);
        if (x != y)
            return x < y ? -1 : 1;
        if (!x)
            break;
    }
    return 0;
}

int sc_strcasecmp(const char *a, const char *b) { return sc_strncasecmp(a, b, (size_t)-1); }

enum { WILD_MAX = 4096 }; /* longer patterns with `#` match nothing */

/* Matches one character against the pattern element at P; *RET_NEXT is behind the element. */
static bool match_one(const char *p, char c, const char **ret_next) {
    if (*p == '[') {
        bool hit = false;
        const char *q = p + 1;
        for (; *q && *q != ']'; q++) {
            char lo = sc_lower(*q), hi = lo;
            if (q[1] == '-' && q[2] && q[2] != ']') {
                hi = sc_lower(q[2]);
                q += 2;
            }
            hit |= sc_lower(c) >= lo && sc_lower(c) <= hi;
        }
        *ret_next = *q ? q + 1 : q;
        return c && hit;
    }
    *ret_next = p + 1;
    return c && (*p == '?' || sc_lower(*p) == sc_lower(c));
}

/*
 * Patterns with `#`: all places in the pattern that the text so far can have led to, moved on one
 * character at a time. Time is the product of the two lengths, whatever they hold.
 */
static bool match_repeats(const char *p, const char *t) {
    const size_t len = strlen(p);
    bool at[WILD_MAX + 1] = {true}, to[WILD_MAX + 1];
    const char *next;
    if (len > WILD_MAX)
        return false;
    for (;; t++) {
        for (size_t i = 0; i < len; i++) { /* what may match nothing is stepped over */
            if (!at[i])
                continue;
            match_one(p + i, 0, &next);
            if (p[i] == '*')
                at[i + 1] = true;
            else if (*next == '#')
                at[next + 1 - p] = true;
        }
        if (!*t)
            return at[len];
        memset(to, 0, len + 1);
        for (size_t i = 0; i < len; i++) {
            if (!at[i])
                continue;
            if (p[i] == '*')
                to[i] = true;
            else if (match_one(p + i, *t, &next))
                to[*next == '#' ? i : (size_t)(next - p)] = true;
        }
        memcpy(at, to, len + 1);
    }
}

/* Iterative in `*` (going back to the last one), so that no pattern takes exponential time. */
bool sc_wild_match(const char *p, const char *t) {
    const char *star = NULL, *mark = NULL, *next;
    if (strchr(p, '#'))
        return match_repeats(p, t);
    for (;;) {
        if (*p == '*') {
            star = ++p;
            mark = t;
            continue;
        }
        if (!*p && !*t)
            return true;
        if (*p && match_one(p, *t, &next)) {
            p = next;
            t++;
            continue;
        }
        if (!star || !*mark)
            return false;
        p = star;
        t = ++mark;
    }
}

unsigned sc_edit_distance(const char *a, size_t na, const char *b, size_t nb) {
    unsigned row[3][SC_EDIT_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        row[1][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned *now = row[(i + 1) % 3], *last = row[i % 3], *before = row[(i + 2) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            bool eq = sc_lower(a[i - 1]) == sc_lower(b[j - 1]);
            unsigned best = last[j - 1] + !eq;
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && sc_lower(a[i - 1]) == sc_lower(b[j - 2]) &&
                sc_lower(a[i - 2]) == sc_lower(b[j - 1]) && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[(na + 1) % 3][nb];
}
