/* SPDX-License-Identifier: MIT */
/* Matching pool tags: four characters, the first one in the lowest byte. */
#include "nt/tagpattern.h"

#include <stdlib.h>
#include <string.h>

#define PROTECTED 0x80000000u

void nt_tagpattern_of(uint32_t tag, struct nt_tagpattern *ret) {
    *ret = (struct nt_tagpattern){tag & ~PROTECTED, ~PROTECTED, ""};
}

static bool parse_number(const char *text, struct nt_tagpattern *ret) {
    char *end;
    unsigned long long v = strtoull(text + 2, &end, 16);
    if (*end || end == text + 2 || v > UINT32_MAX)
        return false;
    nt_tagpattern_of((uint32_t)v, ret);
    return true;
}

bool nt_tagpattern_parse(const char *text, struct nt_tagpattern *ret) {
    struct nt_tagpattern p = {0};
    if (strncmp(text, "0x", 2) == 0)
        return parse_number(text, ret);
    size_t len = strlen(text), named = 0;
    const char *star = strchr(text, '*');
    for (size_t i = 0; i < len; i++)
        named += text[i] != '*';
    if (!len || named > 4 || len >= sizeof p.text)
        return false;
    size_t sure = star ? (size_t)(star - text) : 4;
    for (size_t i = 0; i < sure; i++) {
        unsigned char c = i < len ? (unsigned char)text[i] : ' ';
        if (c == '?')
            continue;
        p.value |= (uint32_t)c << 8 * i;
        p.mask |= (uint32_t)0xff << 8 * i;
    }
    p.mask &= ~PROTECTED;
    p.value &= p.mask;
    if (star && star[strspn(star, "*")])
        memcpy(p.text, text, len + 1);
    *ret = p;
    return true;
}

/* `*` and `?` over the LEN characters at TEXT: four at most, so that going back costs nothing. */
static bool glob(const char *pattern, const char *text, size_t len) {
    while (*pattern) {
        if (*pattern == '*') {
            for (size_t skip = 0; skip <= len; skip++)
                if (glob(pattern + 1, text + skip, len - skip))
                    return true;
            return false;
        }
        if (!len || (*pattern != '?' && *pattern != *text))
            return false;
        pattern++, text++, len--;
    }
    return !len;
}

bool nt_tagpattern_fits(const struct nt_tagpattern *p, uint32_t tag) {
    char text[4];
    if ((tag & p->mask) != p->value)
        return false;
    if (!p->text[0])
        return true;
    tag &= ~PROTECTED;
    for (unsigned i = 0; i < 4; i++)
        text[i] = (char)(tag >> 8 * i);
    return glob(p->text, text, sizeof text);
}

const char *nt_tag_text(uint32_t tag, char buf[NT_TAG_TEXT]) {
    for (unsigned i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)(tag >> 8 * i);
        buf[i] = c >= 0x20 && c < 0x7f ? (char)c : '.';
    }
    buf[4] = 0;
    return buf;
}
