/* SPDX-License-Identifier: MIT */
/*
 * Stored archives. Zip (APPNOTE.TXT 4.3): local headers with data, the central directory, its end.
 * Gzip (RFC 1952): header, stored deflate blocks of up to 65535 bytes, CRC-32, size.
 */
#include "forge/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

struct out {
    uint8_t *item;
    size_t count, room;
    bool failed;
};

static void put(struct out *o, const void *data, size_t size) {
    size_t want = o->count + size;
    if (!o->failed && o->room < want)
        o->failed = !SC_VEC_RESERVE(o, 2 * want);
    if (o->failed || !size)
        return;
    memcpy(o->item + o->count, data, size);
    o->count += size;
}

static void number(struct out *o, uint64_t value, size_t size) {
    uint8_t byte[8];
    for (size_t i = 0; i < size; i++)
        byte[i] = (uint8_t)(value >> 8 * i);
    put(o, byte, size);
}

static uint32_t crc32_of(const uint8_t *data, size_t size) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static bool finish(struct out *o, struct forge_bytes *ret) {
    if (o->failed) {
        free(o->item);
        return false;
    }
    *ret = (struct forge_bytes){.data = o->item, .size = o->count};
    return true;
}

/* What both headers of a member have in common: from the version needed on. */
static void member_header(struct out *o, const struct forge_member *m) {
    number(o, 20, 2);
    number(o, m->encrypted ? 1 : 0, 2);
    number(o, 0, 2); /* stored */
    number(o, 0x5a216000, 4);
    number(o, crc32_of(m->data, m->size) ^ m->bad_checksum, 4);
    number(o, m->size, 4);
    number(o, m->size, 4);
    number(o, strlen(m->name), 2);
    number(o, 0, 2);
}

bool forge_zip(const struct forge_member *member, size_t count, struct forge_bytes *ret) {
    struct out o = {0};
    size_t *at = calloc(count ? count : 1, sizeof *at);
    o.failed = !at;
    for (size_t i = 0; at && i < count; i++) {
        at[i] = o.count;
        number(&o, 0x04034b50, 4);
        member_header(&o, &member[i]);
        put(&o, member[i].name, strlen(member[i].name));
        put(&o, member[i].data, member[i].size);
    }
    size_t directory = o.count;
    for (size_t i = 0; at && i < count; i++) {
        number(&o, 0x02014b50, 4);
        number(&o, 0x0314, 2);
        member_header(&o, &member[i]);
        number(&o, 0, 2 + 2 + 2);
        number(&o, member[i].folder ? 040755u << 16 : 0100644u << 16, 4);
        number(&o, at[i], 4);
        put(&o, member[i].name, strlen(member[i].name));
    }
    size_t size = o.count - directory;
    number(&o, 0x06054b50, 4);
    number(&o, 0, 4);
    number(&o, count, 2);
    number(&o, count, 2);
    number(&o, size, 4);
    number(&o, directory, 4);
    number(&o, 0, 2);
    free(at);
    return finish(&o, ret);
}

bool forge_gzip(const char *name, const void *data, size_t size, struct forge_bytes *ret) {
    struct out o = {0};
    const uint8_t head[] = {0x1f, 0x8b, 8, name ? 8 : 0, 0, 0, 0, 0, 0, 3};
    put(&o, head, sizeof head);
    if (name)
        put(&o, name, strlen(name) + 1);
    for (size_t at = 0; at < size || !at;) {
        size_t n = size - at < 65535 ? size - at : 65535;
        number(&o, at + n == size, 1);
        number(&o, n, 2);
        number(&o, ~n & 0xffff, 2);
        put(&o, (const uint8_t *)data + at, n);
        at += n;
        if (at == size)
            break;
    }
    number(&o, crc32_of(data, size), 4);
    number(&o, size, 4);
    return finish(&o, ret);
}
