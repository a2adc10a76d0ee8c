/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in the table of altitudes. Altitudes are compared as text, digit by digit: they may have
 * more digits than any number type keeps.
 */
#include "nt/altitude.h"

#include <stdint.h>
#include <string.h>

#include "base/utf.h"

#if defined(__GNUC__)
/* The pool is one literal, longer than ISO C promises; GCC and Clang take any length. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif
#include "nt/gen/altitudes.inc"

#define DIGITS "0123456789"

bool nt_altitude_valid(const char *text) {
    if (text == NULL)
        return false;
    size_t whole = strspn(text, DIGITS);
    if (whole == 0)
        return false;
    if (text[whole] != '.')
        return text[whole] == 0;
    size_t fraction = strspn(text + whole + 1, DIGITS);
    return fraction > 0 && text[whole + 1 + fraction] == 0;
}

static const char *skip_zeros(const char *text) { return text + strspn(text, "0"); }

/* Two fractions, from the first digit behind the point: missing digits are zeros. */
static int compare_fractions(const char *a, const char *b) {
    while (*a || *b) {
        char x = *a ? *a++ : '0';
        char y = *b ? *b++ : '0';

        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

int nt_altitude_compare(const char *a, const char *b) {
    a = skip_zeros(a);
    b = skip_zeros(b);
    size_t length = strspn(a, DIGITS);
    size_t other = strspn(b, DIGITS);
    if (length != other)
        return length < other ? -1 : 1;
    int order = memcmp(a, b, length);
    if (order != 0)
        return order;
    a += length;
    b += length;
    return compare_fractions(a + (*a == '.'), b + (*b == '.'));
}

static void fill(size_t row, struct nt_altitude *ret) {
    if (ret == NULL)
        return;
    ret->altitude = altitudes_pool + altitude_values[row];
    ret->file = altitudes_pool + altitude_files[row];
    ret->company = altitudes_pool + altitude_companies[row];
    ret->group = altitudes_pool + altitude_groups[row];
    ret->note = altitudes_pool + altitude_notes[row];
}

/* The C library's tolower() follows the locale, file names of drivers do not. */
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static bool same(const char *pattern, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (pattern[i] != '?' && lower(pattern[i]) != lower(text[i]))
            return false;
    return true;
}

/* The length of a driver's file name without .sys. */
static size_t stem(const char *file) {
    size_t length = strlen(file);

    if (length > 4 && same(".sys", file + length - 4, 4))
        length -= 4;
    return length;
}

bool nt_altitude_by_file(const char *file, size_t nth, struct nt_altitude *ret) {
    if (file == NULL)
        return false;
    file = sc_base_name(file);
    size_t length = stem(file);
    unsigned first = (unsigned char)lower(*file); /* 0: rows that may begin with anything */
    first = first < 128 ? first : 0;
    for (size_t i = altitude_starts[first]; i < altitude_starts[first + 1]; i++) {
        size_t row = altitude_order[i];
        const char *listed = altitudes_pool + altitude_files[row];

        if (stem(listed) != length || !same(listed, file, length) || nth-- > 0)
            continue;
        fill(row, ret);
        return true;
    }
    return false;
}

/* The first row whose altitude is not below ALTITUDE. */
static size_t lower_bound(const char *altitude) {
    size_t low = 0;
    size_t high = ALTITUDE_ROWS;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (nt_altitude_compare(altitudes_pool + altitude_values[middle], altitude) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool nt_altitude_by_value(const char *altitude, size_t nth, struct nt_altitude *ret) {
    if (!nt_altitude_valid(altitude))
        return false;
    size_t row = lower_bound(altitude);
    if (nth >= ALTITUDE_ROWS - row)
        return false;
    row += nth;
    if (nt_altitude_compare(altitudes_pool + altitude_values[row], altitude) != 0)
        return false;
    fill(row, ret);
    return true;
}

/* The whole part of a valid altitude; UINT32_MAX, beyond every group, for one of more than nine
 * digits. */
static uint32_t whole_part(const char *altitude) {
    uint32_t value = 0;

    altitude = skip_zeros(altitude);
    if (strspn(altitude, DIGITS) > 9)
        return UINT32_MAX;
    while (*altitude >= '0' && *altitude <= '9')
        value = value * 10 + (uint32_t)(*altitude++ - '0');
    return value;
}

const char *nt_altitude_group(const char *altitude) {
    if (!nt_altitude_valid(altitude))
        return NULL;
    uint32_t value = whole_part(altitude);
    for (size_t i = 0; i < GROUP_ROWS; i++)
        if (value >= group_lows[i] && value <= group_highs[i])
            return altitudes_pool + group_names[i];
    return NULL;
}
