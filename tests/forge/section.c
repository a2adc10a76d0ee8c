/* SPDX-License-Identifier: MIT */
/* The growing file and its labels. */
#include "forge/section.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 28 }; /* a test that asks for more has gone wrong */

void forge_bytes_free(struct forge_bytes *bytes) {
    free(bytes->data);
    *bytes = (struct forge_bytes){0};
}

void forge_init(struct forge *f) { memset(f, 0, sizeof *f); }

void forge_deinit(struct forge *f) {
    free(f->data);
    free(f->label);
    free(f->slot);
    memset(f, 0, sizeof *f);
}

const char *forge_error(const struct forge *f) { return f->why; }

void forge_fail(struct forge *f, const char *fmt, ...) {
    if (f->failed)
        return;
    f->failed = true;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->why, sizeof f->why, fmt, ap);
    va_end(ap);
}

uint64_t forge_here(const struct forge *f) { return f->size; }

/* Makes room for WANT elements of SIZE bytes. */
static bool reserve(struct forge *f, void **item, size_t *room, size_t want, size_t size) {
    if (f->failed)
        return false;
    if (want <= *room)
        return true;
    size_t more = want + want / 2 + 16;
    void *bigger = want <= FILE_MAX ? realloc(*item, more * size) : NULL;
    if (!bigger) {
        forge_fail(f, "no memory for %zu elements of %zu bytes", want, size);
        return false;
    }
    *item = bigger;
    *room = more;
    return true;
}

/* COUNT new bytes; NULL once the build has failed. */
static uint8_t *extend(struct forge *f, size_t count) {
    if (count > FILE_MAX || !reserve(f, (void **)&f->data, &f->room, f->size + count, 1)) {
        forge_fail(f, "no room for %zu bytes", count);
        return NULL;
    }
    uint8_t *p = f->data + f->size;
    f->size += count;
    return p;
}

static void store(uint8_t *p, unsigned width, uint64_t v) {
    for (unsigned i = 0; i < width; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

void forge_uint(struct forge *f, unsigned width, uint64_t v) {
    uint8_t *p = extend(f, width);
    if (p)
        store(p, width, v);
}

void forge_u8(struct forge *f, uint8_t v) { forge_uint(f, 1, v); }
void forge_u16(struct forge *f, uint16_t v) { forge_uint(f, 2, v); }
void forge_u32(struct forge *f, uint32_t v) { forge_uint(f, 4, v); }
void forge_u64(struct forge *f, uint64_t v) { forge_uint(f, 8, v); }

void forge_put(struct forge *f, const void *data, size_t size) {
    uint8_t *p = extend(f, size);
    if (p && size)
        memcpy(p, data, size);
}

/* One code point of valid UTF-8; surrogates in three bytes are let through (tests want them). */
static uint32_t decode(const char **text) {
    const unsigned char *t = (const unsigned char *)*text;
    unsigned n = t[0] < 0x80 ? 1 : t[0] < 0xe0 ? 2 : t[0] < 0xf0 ? 3 : 4;
    uint32_t cp = n == 1 ? t[0] : t[0] & (0xffU >> (n + 1));
    unsigned i = 1;
    for (; i < n && (t[i] & 0xc0) == 0x80; i++)
        cp = cp << 6 | (t[i] & 0x3f);
    *text += i;
    return cp;
}

size_t forge_utf16(struct forge *f, const char *utf8) {
    size_t units = 0;
    while (*utf8) {
        uint32_t cp = decode(&utf8);
        if (cp >= 0x10000) {
            cp -= 0x10000;
            forge_u16(f, (uint16_t)(0xd800 | cp >> 10));
            forge_u16(f, (uint16_t)(0xdc00 | (cp & 0x3ff)));
            units += 2;
        } else {
            forge_u16(f, (uint16_t)cp);
            units++;
        }
    }
    return units;
}

void forge_fill(struct forge *f, uint8_t byte, size_t count) {
    uint8_t *p = extend(f, count);
    if (p && count)
        memset(p, byte, count);
}

void forge_pattern(struct forge *f, uint32_t pattern, size_t size) {
    uint8_t *p = extend(f, size);
    for (size_t i = 0; p && i < size; i++)
        p[i] = (uint8_t)(pattern >> 8 * (i % 4));
}

void forge_align(struct forge *f, size_t n) {
    if (f->size % n)
        forge_fill(f, 0, n - f->size % n);
}

void forge_pad_to(struct forge *f, uint64_t offset) {
    if (offset < f->size)
        forge_fail(f, "cannot pad to 0x%llx: already at 0x%zx", (unsigned long long)offset,
                   f->size);
    else
        forge_fill(f, 0, (size_t)(offset - f->size));
}

/* SIZE bytes that exist at OFFSET; NULL otherwise. */
static uint8_t *existing(struct forge *f, uint64_t offset, size_t size) {
    if (f->failed)
        return NULL;
    if (offset > f->size || size > f->size - offset) {
        forge_fail(f, "0x%llx: no %zu bytes there to change", (unsigned long long)offset, size);
        return NULL;
    }
    return f->data + offset;
}

void forge_poke(struct forge *f, uint64_t offset, unsigned width, uint64_t v) {
    uint8_t *p = existing(f, offset, width);
    if (p)
        store(p, width, v);
}

void forge_poke_bytes(struct forge *f, uint64_t offset, const void *data, size_t size) {
    uint8_t *p = existing(f, offset, size);
    if (p && size)
        memcpy(p, data, size);
}

forge_label forge_label_new(struct forge *f, const char *name) {
    if (!reserve(f, (void **)&f->label, &f->label_room, f->nlabels + 1, sizeof *f->label))
        return (forge_label){0};
    f->label[f->nlabels] = (struct forge_label_state){.name = name};
    return (forge_label){(unsigned)f->nlabels++};
}

void forge_label_set(struct forge *f, forge_label label, uint64_t value) {
    if (f->failed)
        return;
    struct forge_label_state *l = &f->label[label.index];
    if (l->known && l->value != value) {
        forge_fail(f, "label \"%s\" is set twice", l->name);
        return;
    }
    l->known = true;
    l->value = value;
}

void forge_label_here(struct forge *f, forge_label label) { forge_label_set(f, label, f->size); }

void forge_poke_label(struct forge *f, uint64_t offset, unsigned width, forge_label label,
                      uint64_t add) {
    if (!existing(f, offset, width) ||
        !reserve(f, (void **)&f->slot, &f->slot_room, f->nslots + 1, sizeof *f->slot))
        return;
    f->slot[f->nslots++] = (struct forge_slot){(size_t)offset, label.index, width, add};
}

static void put_label(struct forge *f, unsigned width, forge_label label) {
    size_t at = f->size;
    forge_fill(f, 0, width);
    forge_poke_label(f, at, width, label, 0);
}

void forge_u32_label(struct forge *f, forge_label label) { put_label(f, 4, label); }
void forge_u64_label(struct forge *f, forge_label label) { put_label(f, 8, label); }

static void patch(struct forge *f, const struct forge_slot *s) {
    const struct forge_label_state *l = &f->label[s->label];
    uint64_t value = l->value + s->add;
    if (!l->known)
        forge_fail(f, "label \"%s\" is used at 0x%zx but never set", l->name, s->offset);
    else if (s->width < 8 && value >> 8 * s->width)
        forge_fail(f, "label \"%s\" is 0x%llx: too big for %u bytes at 0x%zx", l->name,
                   (unsigned long long)value, s->width, s->offset);
    else
        store(f->data + s->offset, s->width, value);
}

bool forge_finish(struct forge *f, struct forge_bytes *ret_file) {
    for (size_t i = 0; i < f->nslots; i++)
        patch(f, &f->slot[i]);
    if (f->failed)
        return false;
    f->nslots = 0;
    *ret_file = (struct forge_bytes){f->data, f->size};
    f->data = NULL;
    f->size = f->room = 0;
    return true;
}
