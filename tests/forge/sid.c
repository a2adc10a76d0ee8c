/* SPDX-License-Identifier: MIT */
/*
 * SIDs and SDDL ("Security Descriptor String Format" of the Windows SDK).
 *
 *   SID   revision 1, count, authority (6 bytes, big-endian), sub-authorities (4 bytes each)
 *   ACL   revision, 0, size (2), number of entries (2), 0 (2); entries: type, flags, size (2), mask
 *         (4), of object entries flags (4) and up to two GUIDs, SID
 *
 * Object entries are made of their GUIDs; conditions and resource attributes are not made.
 */
#include "forge/sid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/words.h"

enum { ACL_MOST = 0x2000, ACE_HEAD = 8 };

static void put(uint8_t *at, uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* ---- SIDs ---- */

static const char *of_letters(const char *text) {
    static const char *const rows[][2] = {
        {"SY", "S-1-5-18"},     {"LS", "S-1-5-19"},     {"NS", "S-1-5-20"},
        {"BA", "S-1-5-32-544"}, {"BU", "S-1-5-32-545"}, {"BG", "S-1-5-32-546"},
        {"WD", "S-1-1-0"},      {"AU", "S-1-5-11"},     {"IU", "S-1-5-4"},
        {"SU", "S-1-5-6"},      {"NU", "S-1-5-2"},      {"AN", "S-1-5-7"},
        {"CO", "S-1-3-0"},      {"CG", "S-1-3-1"},      {"RC", "S-1-5-12"},
        {"OW", "S-1-3-4"},      {"AC", "S-1-15-2-1"},   {"LW", "S-1-16-4096"},
        {"ME", "S-1-16-8192"},  {"HI", "S-1-16-12288"}, {"SI", "S-1-16-16384"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i][0], text))
            return rows[i][1];
    return NULL;
}

static bool take_part(const char **p, uint64_t *ret) {
    char *end;
    if (**p != '-' || (*p)[1] < '0' || (*p)[1] > '9')
        return false;
    *ret = strtoull(*p + 1, &end, (*p)[1] == '0' && (*p)[2] == 'x' ? 16 : 10);
    *p = end;
    return true;
}

bool forge_sid_parse(const char *text, size_t len, struct forge_sid *ret) {
    char copy[256];
    struct forge_sid sid = {.size = 8};
    uint64_t v;
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    const char *letters = of_letters(copy), *p = letters ? letters : copy;
    if (strncmp(p, "S-1", 3) != 0)
        return false;
    p += 3;
    if (!take_part(&p, &v) || v >> 48)
        return false;
    sid.data[0] = 1;
    for (unsigned i = 0; i < 6; i++)
        sid.data[2 + i] = (uint8_t)(v >> 8 * (5 - i));
    while (*p) {
        if (!take_part(&p, &v) || v > UINT32_MAX || sid.size == FORGE_SID_MOST)
            return false;
        put(sid.data + sid.size, v, 4);
        sid.size += 4;
        sid.data[1]++;
    }
    *ret = sid;
    return true;
}

/* ---- words of SDDL ---- */

struct word {
    const char *letters;
    uint32_t value;
};

/* The sum of two-letter words; false: one is unknown. */
static bool sum(const char *text, size_t len, const struct word *rows, size_t n, uint32_t *ret) {
    uint32_t v = 0;
    for (size_t i = 0; i < len; i += 2) {
        size_t k = 0;
        while (k < n && (len - i < 2 || strncmp(rows[k].letters, text + i, 2) != 0))
            k++;
        if (k == n)
            return false;
        v |= rows[k].value;
    }
    *ret = v;
    return true;
}

static bool rights(const char *text, size_t len, uint32_t *ret) {
    static const struct word rows[] = {{"GA", 0x10000000}, {"GX", 0x20000000}, {"GW", 0x40000000},
                                       {"GR", 0x80000000}, {"RC", 0x20000},    {"SD", 0x10000},
                                       {"WD", 0x40000},    {"WO", 0x80000},    {"FA", 0x1f01ff},
                                       {"FR", 0x120089},   {"FW", 0x120116},   {"FX", 0x1200a0},
                                       {"KA", 0xf003f},    {"KR", 0x20019},    {"KW", 0x20006},
                                       {"NW", 1},          {"NR", 2},          {"NX", 4}};
    if (len > 2 && text[0] == '0' && text[1] == 'x') {
        *ret = (uint32_t)strtoul(text, NULL, 16);
        return true;
    }
    return sum(text, len, rows, sizeof rows / sizeof *rows, ret);
}

static bool flags_of(const char *text, size_t len, uint32_t *ret) {
    static const struct word rows[] = {{"OI", 1},  {"CI", 2},    {"NP", 4},   {"IO", 8},
                                       {"ID", 16}, {"SA", 0x40}, {"FA", 0x80}};
    return sum(text, len, rows, sizeof rows / sizeof *rows, ret);
}

static bool type_of(const char *text, size_t len, uint32_t *ret) {
    static const struct word rows[] = {{"A", 0},     {"D", 1},     {"AU", 2},   {"AL", 3},
                                       {"OA", 5},    {"OD", 6},    {"OU", 7},   {"ML", 0x11},
                                       {"RA", 0x12}, {"SP", 0x13}, {"TL", 0x14}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].letters) == len && !strncmp(rows[i].letters, text, len)) {
            *ret = rows[i].value;
            return true;
        }
    return false;
}

/* ---- ACLs ---- */

enum { PART_TYPE, PART_FLAGS, PART_RIGHTS, PART_OBJECT, PART_INHERITED, PART_SID, PARTS };

struct part {
    const char *text;
    size_t len;
};

/* "(A;OICI;GA;;;SY)"; *P stands behind it. */
static bool split_ace(const char **p, struct part part[PARTS]) {
    const char *at = *p;
    if (*at++ != '(')
        return false;
    for (unsigned i = 0; i < PARTS; i++) {
        size_t len = strcspn(at, i + 1 < PARTS ? ";()" : ")");
        if (at[len] != (i + 1 < PARTS ? ';' : ')'))
            return false;
        part[i] = (struct part){at, len};
        at += len + 1;
    }
    *p = at;
    return true;
}

static bool put_guid(const struct part *part, uint8_t *out, size_t *size, uint32_t bit) {
    char copy[40];
    if (!part->len)
        return true;
    if (part->len >= sizeof copy)
        return false;
    memcpy(copy, part->text, part->len);
    copy[part->len] = 0;
    if (!forge_guid(copy, out + *size))
        return false;
    *size += 16;
    out[ACE_HEAD] |= (uint8_t)bit;
    return true;
}

/* The entry's bytes at OUT, which has room for the largest one. */
static bool make_ace(const struct part part[PARTS], uint8_t *out, size_t *ret_size) {
    uint32_t type, flags, mask;
    struct forge_sid sid;
    if (!type_of(part[PART_TYPE].text, part[PART_TYPE].len, &type) ||
        !flags_of(part[PART_FLAGS].text, part[PART_FLAGS].len, &flags) ||
        !rights(part[PART_RIGHTS].text, part[PART_RIGHTS].len, &mask) ||
        !forge_sid_parse(part[PART_SID].text, part[PART_SID].len, &sid))
        return false;
    size_t size = ACE_HEAD;
    bool object = type >= 5 && type <= 7;
    put(out, type | flags << 8, 4);
    put(out + 4, mask, 4);
    if (object) {
        put(out + ACE_HEAD, 0, 4);
        size += 4;
    }
    if (!object && part[PART_OBJECT].len + part[PART_INHERITED].len)
        return false;
    if (!put_guid(&part[PART_OBJECT], out, &size, 1) ||
        !put_guid(&part[PART_INHERITED], out, &size, 2))
        return false;
    memcpy(out + size, sid.data, sid.size);
    *ret_size = size + sid.size;
    put(out + 2, *ret_size, 2);
    return true;
}

/* "PAI(A;…)(D;…)": the entries at *P as an ACL. */
static bool make_acl(struct forge_pool *pool, const char **p, const uint8_t **ret,
                     size_t *ret_size) {
    uint8_t *acl = forge_pool_get(pool, ACL_MOST);
    size_t size = 8, count = 0;
    bool objects = false;
    while (**p == '(') {
        struct part part[PARTS];
        const char *at = *p;
        size_t one;
        if (size + 0x100 > ACL_MOST || !split_ace(&at, part) || !make_ace(part, acl + size, &one))
            return false;
        objects = objects || (acl[size] >= 5 && acl[size] <= 7);
        size += one;
        count++;
        *p = at;
    }
    acl[0] = objects ? 4 : 2;
    put(acl + 2, size, 2);
    put(acl + 4, count, 2);
    *ret = acl;
    *ret_size = size;
    return true;
}

/* ---- descriptors ---- */

static bool parse_owner(const char **p, struct forge_sid *ret) {
    size_t len = strcspn(*p, ":");
    if ((*p)[len] == ':')
        len--; /* the letter before it begins the next part */
    bool ok = forge_sid_parse(*p, len, ret);
    *p += ok ? len : 0;
    return ok;
}

/* "PAI" before the entries: protected, inherited; AR was asked for. */
static void parse_control(const char **p, bool sacl, uint16_t *control) {
    static const struct word rows[] = {{"AI", 0x400}, {"AR", 0x100}, {"P", 0x1000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows;) {
        size_t len = strlen(rows[i].letters);
        if (strncmp(*p, rows[i].letters, len) != 0) {
            i++;
            continue;
        }
        *control |= (uint16_t)(rows[i].value << sacl);
        *p += len;
        i = 0;
    }
}

static bool parse_part(struct forge_pool *pool, const char **p, struct forge_descriptor *d) {
    static const char everybody[] = "NO_ACCESS_CONTROL"; /* a list that is there, and NULL */
    char part = **p;
    if (!part || (*p)[1] != ':')
        return false;
    *p += 2;
    switch (part) {
    case 'O': return parse_owner(p, &d->owner);
    case 'G': return parse_owner(p, &d->group);
    case 'D':
        d->control |= 4;
        parse_control(p, false, &d->control);
        if (!strncmp(*p, everybody, strlen(everybody))) {
            *p += strlen(everybody);
            return true;
        }
        return make_acl(pool, p, &d->dacl, &d->dacl_size);
    case 'S':
        d->control |= 0x10;
        parse_control(p, true, &d->control);
        return make_acl(pool, p, &d->sacl, &d->sacl_size);
    default: *p -= 2; return false;
    }
}

bool forge_sddl_parse(struct forge_pool *pool, const char *text, struct forge_descriptor *ret,
                      const char **ret_where) {
    struct forge_descriptor d = {0};
    const char *p = text;
    while (*p)
        if (!parse_part(pool, &p, &d)) {
            *ret_where = p;
            return false;
        }
    *ret = d;
    return true;
}
