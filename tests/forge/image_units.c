/* SPDX-License-Identifier: MIT */
/* The units of an image: which bytes are in use, which were written, and of what kind they are. */
#include <stdlib.h>
#include <string.h>

#include "forge/image_impl.h"

static const char *const kind_names[IMAGE_KINDS] = {
    "code", "read-only data", "data", "paged code", "the function table", "resources"};

/* Unit INDEX, made when it is new; NULL when memory is short. */
static struct image_unit *unit_at(struct forge_image *m, size_t index) {
    if (index >= m->nunits) {
        size_t room = index + index / 2 + 16;
        struct image_unit *unit = realloc(m->unit, room * sizeof *unit);
        if (!unit) {
            image_fail(m, "no memory for %zu pages", room);
            return NULL;
        }
        memset(unit + m->nunits, 0, (room - m->nunits) * sizeof *unit);
        m->unit = unit;
        m->nunits = room;
    }
    return &m->unit[index];
}

static uint8_t *used_bits(const struct forge_image *m, const struct image_unit *u) {
    return u->data + m->unit_size;
}

static uint8_t *written_bits(const struct forge_image *m, const struct image_unit *u) {
    return u->data + m->unit_size + m->unit_size / 8;
}

static bool bit(const uint8_t *bits, uint32_t i) { return bits[i / 8] >> i % 8 & 1; }

static bool need_data(struct forge_image *m, struct image_unit *u) {
    if (!u->data)
        u->data = calloc(1, m->unit_size + m->unit_size / 4);
    if (!u->data)
        return image_fail(m, "no memory for a page");
    return true;
}

static bool is_code(unsigned kind) { return kind == FORGE_CODE || kind == FORGE_PAGED_CODE; }

/* Read-only data may stand with anything; what else meets on a page must be the same. */
static bool set_kind(struct forge_image *m, struct image_unit *u, uint32_t rva, unsigned kind) {
    unsigned old = u->kind ? u->kind - 1u : IMAGE_KINDS;
    bool readonly = kind == FORGE_RDATA || kind == IMAGE_PDATA || kind == IMAGE_RSRC;
    if (kind == IMAGE_KEEP)
        kind = old == IMAGE_KINDS ? FORGE_RDATA : old;
    if (kind == IMAGE_NAMED)
        kind = old == IMAGE_KINDS ? FORGE_CODE : old;
    if (kind == IMAGE_CODE)
        kind = is_code(old) ? old : FORGE_CODE;
    if (old == IMAGE_KINDS) {
        u->kind = (uint8_t)(kind + 1);
        u->first = rva;
    } else if (old == IMAGE_PDATA || old == IMAGE_RSRC || old == FORGE_RDATA) {
        u->kind = (uint8_t)((kind == old || !readonly ? kind : FORGE_RDATA) + 1);
    } else if (old != kind && !readonly) {
        return image_fail(m, "RVA 0x%x is %s, but 0x%x on the same page is %s", rva,
                          kind_names[kind], u->first, kind_names[old]);
    }
    return true;
}

static bool in_image(struct forge_image *m, uint32_t rva, uint64_t size) {
    uint32_t low = m->unit_size < IMAGE_PAGE ? 0x1c0 : IMAGE_PAGE;
    uint32_t end = m->size ? m->size : IMAGE_MAX;
    if (rva < low)
        return image_fail(m, "RVA 0x%x belongs to the image's headers", rva);
    if (rva > end || size > end - rva)
        return image_fail(m, "RVA 0x%x and %llu bytes from there: the image has 0x%x bytes", rva,
                          (unsigned long long)size, end);
    return true;
}

bool image_claim(struct forge_image *m, uint32_t rva, uint32_t size, unsigned kind) {
    if (m->failed || !in_image(m, rva, size))
        return false;
    for (uint32_t end = rva + size, len; rva < end; rva += len) {
        struct image_unit *u = unit_at(m, rva / m->unit_size);
        uint32_t off = rva % m->unit_size;
        len = m->unit_size - off < end - rva ? m->unit_size - off : end - rva;
        if (!u || !set_kind(m, u, rva, kind))
            return false;
        if (len == m->unit_size)
            u->whole = true;
        if (u->whole)
            continue;
        if (!need_data(m, u))
            return false;
        for (uint32_t i = off; i < off + len; i++)
            used_bits(m, u)[i / 8] |= (uint8_t)(1 << i % 8);
    }
    return true;
}

bool image_put(struct forge_image *m, uint32_t rva, const void *data, size_t size, unsigned kind) {
    const uint8_t *p = data;
    if (m->failed || !in_image(m, rva, size) || !image_claim(m, rva, (uint32_t)size, kind))
        return false;
    for (uint32_t end = rva + (uint32_t)size; rva < end; rva++, p++) {
        struct image_unit *u = unit_at(m, rva / m->unit_size);
        uint32_t i = rva % m->unit_size;
        if (!u || !need_data(m, u))
            return false;
        if (bit(written_bits(m, u), i) && u->data[i] != *p)
            return image_fail(m, "two things at RVA 0x%x: 0x%02x and 0x%02x", rva, u->data[i], *p);
        u->data[i] = *p;
        written_bits(m, u)[i / 8] |= (uint8_t)(1 << i % 8);
    }
    return true;
}

void forge_image_keep_off(struct forge_image *m, uint32_t rva) {
    struct image_unit *u = m->failed ? NULL : unit_at(m, rva / m->unit_size);
    if (u)
        u->closed = true;
}

void image_touch(struct forge_image *m, uint32_t rva) {
    struct image_unit *u = m->failed ? NULL : unit_at(m, rva / m->unit_size);
    if (u)
        need_data(m, u);
}

bool image_written(const struct forge_image *m, uint32_t rva, uint8_t *ret) {
    size_t index = rva / m->unit_size;
    const struct image_unit *u = index < m->nunits ? &m->unit[index] : NULL;
    if (!u || !u->data || !bit(written_bits(m, u), rva % m->unit_size))
        return false;
    *ret = u->data[rva % m->unit_size];
    return true;
}

bool image_used(const struct forge_image *m, uint32_t rva) {
    size_t index = rva / m->unit_size;
    const struct image_unit *u = index < m->nunits ? &m->unit[index] : NULL;
    return u && (u->whole || (u->data && bit(used_bits(m, u), rva % m->unit_size)));
}

size_t image_end(const struct forge_image *m) {
    size_t end = m->nunits;
    while (end > 0 && !m->unit[end - 1].kind)
        end--;
    return end;
}
