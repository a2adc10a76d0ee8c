/* SPDX-License-Identifier: MIT */
/*
 * The version resource (type 16).
 *
 *     block:  u16 wLength (all of it)  u16 wValueLength  u16 wType (1: text)
 *             UTF-16 key, NUL   pad to 4   value   pad to 4   blocks inside …
 *
 *     "VS_VERSION_INFO"  value: VS_FIXEDFILEINFO, 0x34 bytes, signature 0xfeef04bd
 *       "StringFileInfo"
 *         "040904b0"     language and code page
 *           "CompanyName"  value: text
 *       "VarFileInfo"
 *         "Translation"  value: u16 language, u16 code page …
 *
 * Learnt from Microsoft's documents on VS_VERSIONINFO and the structures below it. Resource
 * compilers disagree whether the length of a text is in units or bytes, so that a text is taken to
 * its NUL or the end of its block. wLength is 16 bits wide: at most 64 KiB are read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/utf.h"
#include "base/vec.h"
#include "pe/pe_impl.h"
#include "pe/resources.h"

enum { RT_VERSION = 16, SIZE_MAX_READ = 0xffff, FIXED = 0x34 };
#define FIXED_SIGNATURE 0xfeef04bdu

struct strings {
    struct sc_pe_string *item;
    size_t count, room;
};
struct translations {
    uint32_t *item;
    size_t count, room;
};

/* What a versioninfo owns; its first member is what the caller holds. */
struct own_info {
    struct sc_pe_versioninfo info;
    sc_arena *arena;
    struct strings strings;
    struct translations translations;
};

void sc_pe_versioninfo_destroy(struct sc_pe_versioninfo *info) {
    if (!info)
        return;
    struct own_info *own = info->own;
    sc_arena_destroy(own->arena);
    SC_VEC_FREE(&own->strings);
    SC_VEC_FREE(&own->translations);
    free(own);
}

/* A block: offsets in the resource. */
struct block {
    size_t key, key_end; /* the text without its NUL */
    size_t value, value_len, inside, end;
};

struct parser {
    const uint8_t *data;
    size_t size;
    struct own_info *own;
    bool nomem;
};

static size_t align4(size_t n) { return (n + 3) & ~(size_t)3; }
static size_t at_most(size_t n, size_t end) { return n < end ? n : end; }

/* Reads the block at AT, which ends at LIMIT at the latest; marks the damage when it does not. */
static bool read_block(struct parser *p, size_t at, size_t limit, struct block *b) {
    struct sc_cur c = sc_cur_mem(p->data, limit, "version block");
    sc_cur_seek(&c, at);
    size_t length = sc_u16(&c), value = sc_u16(&c);
    bool text = sc_u16(&c) == 1;
    b->key = (size_t)c.pos;
    while (sc_u16(&c))
        ;
    b->end = at + length;
    if (sc_cur_failed(&c) || length < 6 || b->end > limit || c.pos > b->end) {
        p->own->info.cut = true;
        return false;
    }
    b->key_end = (size_t)c.pos - 2;
    b->value = at_most(align4((size_t)c.pos), b->end);
    b->value_len = at_most(text ? value * 2 : value, b->end - b->value);
    b->inside = at_most(align4(b->value + b->value_len), b->end);
    return true;
}

static char *text_at(struct parser *p, size_t start, size_t end) {
    char *text = sc_utf16_to_utf8(p->own->arena, p->data + start, end - start);
    p->nomem = p->nomem || !text;
    return text;
}

static bool key_is(const struct parser *p, const struct block *b, const char *name) {
    size_t n = strlen(name);
    if (b->key_end - b->key != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *unit = p->data + b->key + 2 * i;
        if (unit[1] || sc_lower((char)unit[0]) != sc_lower(name[i]))
            return false;
    }
    return true;
}

/* Calls FN for each block from AT to END. */
static void each_block(struct parser *p, size_t at, size_t end, void *ctx,
                       void (*fn)(struct parser *p, const struct block *b, void *ctx)) {
    struct block b;
    while (at + 6 <= end && !p->nomem && read_block(p, at, end, &b)) {
        fn(p, &b, ctx);
        at = align4(b.end);
    }
}

/* "040904b0" as language and code page. */
static uint32_t table_key(const struct parser *p, const struct block *b) {
    char hex[9] = "";
    for (size_t i = 0; i < 8 && b->key + 2 * i < b->key_end; i++)
        hex[i] = (char)p->data[b->key + 2 * i];
    return (uint32_t)strtoul(hex, NULL, 16);
}

static void on_string(struct parser *p, const struct block *b, void *ctx) {
    const uint32_t *table = ctx;
    struct sc_pe_string *s = SC_VEC_PUSH(&p->own->strings);
    if (!s) {
        p->nomem = true;
        return;
    }
    s->lang = (uint16_t)(*table >> 16);
    s->codepage = (uint16_t)*table;
    s->key = text_at(p, b->key, b->key_end);
    s->value = text_at(p, b->value, b->value_len ? b->end : b->value);
}

static void on_table(struct parser *p, const struct block *b, void *ctx) {
    (void)ctx;
    uint32_t key = table_key(p, b);
    each_block(p, b->inside, b->end, &key, on_string);
}

static void on_var(struct parser *p, const struct block *b, void *ctx) {
    (void)ctx;
    if (!key_is(p, b, "Translation"))
        return;
    struct sc_cur c = sc_cur_mem(p->data, b->value + b->value_len, "translations");
    sc_cur_seek(&c, b->value);
    while (sc_cur_left(&c) >= 4) {
        uint32_t *t = SC_VEC_PUSH(&p->own->translations);
        if (!t) {
            p->nomem = true;
            return;
        }
        *t = sc_u32(&c);
    }
}

static void on_file_info(struct parser *p, const struct block *b, void *ctx) {
    if (key_is(p, b, "StringFileInfo"))
        each_block(p, b->inside, b->end, ctx, on_table);
    else if (key_is(p, b, "VarFileInfo"))
        each_block(p, b->inside, b->end, ctx, on_var);
}

static void split_version(uint32_t high, uint32_t low, uint16_t *ret) {
    ret[0] = (uint16_t)(high >> 16);
    ret[1] = (uint16_t)high;
    ret[2] = (uint16_t)(low >> 16);
    ret[3] = (uint16_t)low;
}

static void read_fixed(struct parser *p, const struct block *b) {
    struct sc_cur c = sc_cur_mem(p->data, b->value + b->value_len, "VS_FIXEDFILEINFO");
    struct sc_pe_versioninfo *info = &p->own->info;
    struct sc_version v = {.present = true};
    sc_cur_seek(&c, b->value);
    uint32_t signature = sc_u32(&c);
    sc_cur_skip(&c, 4);
    uint32_t n[10];
    for (size_t i = 0; i < 10; i++)
        n[i] = sc_u32(&c);
    uint32_t date_low = sc_u32(&c);
    if (sc_cur_failed(&c) || signature != FIXED_SIGNATURE)
        return;
    split_version(n[0], n[1], v.file);
    split_version(n[2], n[3], v.product);
    info->flags_mask = n[4];
    v.flags = n[5];
    v.os = n[6];
    v.type = n[7];
    v.subtype = n[8];
    v.date = (uint64_t)n[9] << 32 | date_low;
    info->fixed = v;
}

static sc_err *parse(const sc_pe *pe, uint32_t rva, struct parser *p) {
    struct block root;
    if (!read_block(p, 0, p->size, &root) || !key_is(p, &root, "VS_VERSION_INFO"))
        return pe_bad(pe, rva, "version resource: it does not begin with VS_VERSION_INFO");
    read_fixed(p, &root);
    each_block(p, root.inside, root.end, NULL, on_file_info);
    if (p->nomem)
        return sc_err_nomem();
    struct own_info *own = p->own;
    own->info.strings = own->strings.item;
    own->info.nstrings = own->strings.count;
    own->info.translations = own->translations.item;
    own->info.ntranslations = own->translations.count;
    return NULL;
}

/* Reads the resource at RVA and parses it into OWN. */
static sc_err *load(const sc_pe *pe, uint32_t rva, uint32_t size, struct own_info *own) {
    size_t want = size < SIZE_MAX_READ ? size : SIZE_MAX_READ;
    if (want > pe_room(pe, 1))
        return pe_bad(pe, rva, "version resource: larger than the image");
    uint8_t *data = malloc(want ? want : 1);
    if (!data)
        return sc_err_nomem();
    sc_err *err = sc_pe_need(pe, rva, data, want, "version resource");
    struct parser p = {data, want, own, false};
    if (!err)
        err = parse(pe, rva, &p);
    free(data);
    return err;
}

sc_err *sc_pe_versioninfo(const sc_pe *pe, struct sc_pe_versioninfo **ret) {
    uint32_t rva, size;
    sc_err *err = pe_first_resource(pe, RT_VERSION, &rva, &size);
    if (err)
        return err;
    struct own_info *own = calloc(1, sizeof *own);
    if (!own)
        return sc_err_nomem();
    own->info.own = own;
    own->arena = sc_arena_create();
    err = own->arena ? load(pe, rva, size, own) : sc_err_nomem();
    if (err) {
        sc_pe_versioninfo_destroy(&own->info);
        return err;
    }
    *ret = &own->info;
    return NULL;
}

const char *sc_pe_version_string(const struct sc_pe_versioninfo *info, const char *key) {
    for (size_t i = 0; i < info->nstrings; i++) {
        if (!sc_strcasecmp(info->strings[i].key, key))
            return info->strings[i].value;
    }
    return NULL;
}

sc_err *sc_pe_version(const sc_pe *pe, struct sc_version *ret_version) {
    struct sc_pe_versioninfo *info;
    sc_err *err = sc_pe_versioninfo(pe, &info);
    if (err)
        return err;
    if (info->fixed.present)
        *ret_version = info->fixed;
    else
        err = pe_errf(pe, SC_ERR_NOT_FOUND, "the version resource has no fixed part");
    sc_pe_versioninfo_destroy(info);
    return err;
}
