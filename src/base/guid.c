/* SPDX-License-Identifier: MIT */
/* GUIDs as text. */
#include "base/guid.h"

#include <stdio.h>
#include <string.h>

const char *sc_guid_text(const struct sc_guid *g, char *buf) {
    snprintf(buf, SC_GUID_BUF, "{%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}", g->a, g->b,
             g->c, g->d[0], g->d[1], g->d[2], g->d[3], g->d[4], g->d[5], g->d[6], g->d[7]);
    return buf;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool sc_guid_parse(const char *text, struct sc_guid *ret_guid) {
    uint8_t b[16] = {0};
    size_t n = 0;
    bool brace = *text == '{';
    text += brace;
    for (; *text && n < 32; text++) {
        if (*text == '-')
            continue;
        int d = hex_digit(*text);
        if (d < 0)
            return false;
        b[n / 2] = (uint8_t)(b[n / 2] << 4 | d);
        n++;
    }
    if (n != 32 || (brace ? strcmp(text, "}") : *text))
        return false;
    ret_guid->a = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    ret_guid->b = (uint16_t)(b[4] << 8 | b[5]);
    ret_guid->c = (uint16_t)(b[6] << 8 | b[7]);
    memcpy(ret_guid->d, b + 8, 8);
    return true;
}

bool sc_guid_equal(const struct sc_guid *a, const struct sc_guid *b) {
    return a->a == b->a && a->b == b->b && a->c == b->c && !memcmp(a->d, b->d, 8);
}
