/* SPDX-License-Identifier: MIT */
#include "forge/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* One word from P on, unquoted into OUT (with room for all of it). NULL: an unended quote. */
static const char *take_word(const char *p, const char *end, struct forge_word *w, char *out) {
    char *o = out;
    bool in_quotes = false;
    w->text = w->value = out;
    while (p < end && (in_quotes || !is_blank(*p))) {
        if (*p == '"' && in_quotes && p + 1 < end && p[1] == '"') {
            *o++ = '"';
            p += 2;
        } else if (*p == '"') {
            if (!in_quotes && o == w->value + 1 && *w->value == 'L') {
                o--;
                w->wide = true;
            }
            in_quotes = !in_quotes;
            w->quoted = true;
            p++;
        } else if (*p == '=' && !in_quotes && !w->key && !w->quoted && o != out) {
            w->key = out;
            *o++ = '=';
            w->value = o;
            p++;
        } else {
            *o++ = *p++;
        }
    }
    *o = 0;
    return in_quotes ? NULL : p;
}

bool forge_words_split(struct forge_pool *pool, const char *text, size_t len,
                       struct forge_words *ret) {
    const char *p = text, *end = text + len;
    for (;;) {
        while (p < end && is_blank(*p))
            p++;
        if (p == end || *p == '#')
            return true;
        struct forge_word *w = FORGE_PUSH(pool, ret);
        char *out = forge_pool_get(pool, (size_t)(end - p) + 1);
        p = take_word(p, end, w, out);
        if (!p)
            return false;
        if (w->key)
            w->key = forge_pool_text(pool, w->key, (size_t)(w->value - 1 - w->key));
    }
}

bool forge_decimal(const char *text, uint64_t *ret) {
    uint64_t v = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text) || v > (UINT64_MAX - 9) / 10)
            return false;
        v = v * 10 + (uint64_t)(*text - '0');
    }
    *ret = v;
    return true;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool forge_number(const char *text, uint64_t *ret) {
    uint64_t v = 0;
    bool any = false;
    if (text[0] == '0' && (text[1] == 'n' || text[1] == 'N'))
        return forge_decimal(text + 2, ret);
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    for (; *text; text++) {
        if (*text == '`' && any)
            continue;
        int d = hex_digit(*text);
        if (d < 0 || v >> 60)
            return false;
        v = v << 4 | (unsigned)d;
        any = true;
    }
    if (any)
        *ret = v;
    return any;
}

/* Digits of a second behind a point, as units of 100 ns; text that is nothing else. */
static bool take_fraction(const char *text, uint64_t *ret) {
    uint64_t v = 0, unit = 1000000;
    *ret = 0;
    if (!*text)
        return true;
    if (*text++ != '.' || !*text)
        return false;
    for (; *text; text++, unit /= 10) {
        if (!isdigit((unsigned char)*text))
            return false;
        v += (uint64_t)(*text - '0') * unit;
    }
    *ret = v;
    return true;
}

/* Days since 1601-01-01, of the Gregorian calendar. */
static int64_t days_of(int year, int month, int day) {
    int y = year - (month <= 2);
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 584694;
}

bool forge_date(const char *text, uint64_t *ret) {
    int year, month, day, hour = 0, minute = 0, second = 0, at = 0;
    uint64_t fraction = 0;
    int n = sscanf(text, "%4d-%2d-%2d%n %2d:%2d:%2d%n", &year, &month, &day, &at, &hour, &minute,
                   &second, &at);
    if ((n != 3 && n != 6) || year < 1601 || month < 1 || month > 12 || day < 1 || day > 31 ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    if (n == 3 ? text[at] != 0 : !take_fraction(text + at, &fraction))
        return false;
    uint64_t seconds = (uint64_t)days_of(year, month, day) * 86400 + (uint64_t)hour * 3600 +
                       (uint64_t)minute * 60 + (uint64_t)second;
    *ret = seconds * 10000000 + fraction;
    return true;
}

/* "(GMT-4)", "(UTC + 2:00)", or nothing: minutes east of Greenwich. */
static bool take_zone(const char *text, int *ret) {
    char sign;
    int hours, minutes = 0, at = 0;
    while (*text == ' ')
        text++;
    *ret = 0;
    if (!*text)
        return true;
    if (strncmp(text, "(UTC", 4) != 0 && strncmp(text, "(GMT", 4) != 0)
        return false;
    text += 4;
    if (!strcmp(text, ")"))
        return true;
    if (sscanf(text, " %c %2d%n:%2d%n", &sign, &hours, &at, &minutes, &at) < 2 ||
        (sign != '+' && sign != '-') || hours < 0 || hours > 14 || minutes < 0 || minutes > 59 ||
        strcmp(text + at, ")") != 0)
        return false;
    *ret = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    return true;
}

bool forge_debugger_date(const char *text, uint64_t *ret) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char month[4], clock[20], iso[64];
    int day, year, at = 0, zone;
    uint64_t v;
    if (sscanf(text, "%*3s %3s %2d %19[0-9:.] %4d%n", month, &day, clock, &year, &at) != 4)
        return false;
    const char *m = strstr(months, month);
    if (strlen(month) != 3 || !m || (m - months) % 3 || !take_zone(text + at, &zone))
        return false;
    snprintf(iso, sizeof iso, "%04d-%02d-%02d %s", year, (int)(m - months) / 3 + 1, day, clock);
    if (!forge_date(iso, &v))
        return false;
    *ret = v - (uint64_t)((int64_t)zone * 600000000);
    return true;
}

bool forge_duration(const char *text, uint64_t *ret) {
    unsigned days = 0, hours, minutes, seconds;
    int at = 0;
    uint64_t fraction;
    if (sscanf(text, "%u day%*1[s]%n", &days, &at) != 1 || !at) {
        at = 0;
        if (sscanf(text, "%u day%n", &days, &at) != 1 || !at)
            days = 0, at = 0;
    }
    text += at;
    if (sscanf(text, "%u:%2u:%2u%n", &hours, &minutes, &seconds, &at) != 3 || minutes > 59 ||
        seconds > 59 || !take_fraction(text + at, &fraction))
        return false;
    *ret = (((uint64_t)days * 24 + hours) * 3600 + minutes * 60 + seconds) * 10000000 + fraction;
    return true;
}

bool forge_guid(const char *text, uint8_t ret[16]) {
    static const uint8_t place[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t out[16] = {0};
    unsigned n = 0;
    size_t len = strlen(text);
    if (len && text[0] == '{') {
        if (text[len - 1] != '}')
            return false;
        text++;
        len -= 2;
    }
    for (size_t i = 0; i < len; i++) {
        int d = hex_digit(text[i]);
        if (text[i] == '-' && n)
            continue;
        if (d < 0 || n >= 32)
            return false;
        out[place[n / 2]] |= (uint8_t)(n % 2 ? d : d << 4);
        n++;
    }
    if (n != 32)
        return false;
    memcpy(ret, out, 16);
    return true;
}

/* Letters to change, add or leave out, case aside; names longer than the table are far away. */
static unsigned distance(const char *a, const char *b) {
    enum { MOST = 64 };
    size_t la = strlen(a), lb = strlen(b);
    unsigned row[MOST + 1];
    if (la > MOST || lb > MOST)
        return MOST;
    for (size_t j = 0; j <= lb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            unsigned best = diagonal + !same;
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[lb];
}

const char *forge_nearest_name(const char *name, const char *const *names, size_t n) {
    const char *best = NULL;
    unsigned most = (unsigned)strlen(name) / 3 + 1;
    for (size_t i = 0; i < n; i++) {
        unsigned d = distance(name, names[i]);
        if (d <= most) {
            best = names[i];
            most = d ? d - 1 : 0;
            if (!d)
                break;
        }
    }
    return best;
}
