/* SPDX-License-Identifier: MIT */
/* What goes into an image; image_layout.c lays it out. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/image_impl.h"

/* Sections of old drivers are not aligned to pages; then neither is their SizeOfImage. */
static uint32_t unit_of(uint32_t size) {
    for (uint32_t unit = 0x80; size % IMAGE_PAGE && unit >= 0x20; unit /= 2)
        if (size % unit == 0)
            return unit;
    return IMAGE_PAGE;
}

struct forge_image *forge_image_new(uint16_t machine, uint64_t base, uint32_t size) {
    struct forge_image *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->machine = machine;
    m->base = base;
    m->size = size;
    m->unit_size = unit_of(size);
    if (machine != 0x14c && machine != 0x8664 && machine != 0xaa64)
        image_fail(m, "machine 0x%x: only 14c, 8664 and aa64", machine);
    if (size > IMAGE_MAX || size % m->unit_size)
        image_fail(m, "an image of 0x%x bytes: more than 0x%x, or no multiple of 0x20", size,
                   IMAGE_MAX);
    return m;
}

void forge_image_free(struct forge_image *m) {
    if (!m)
        return;
    for (size_t i = 0; i < m->nunits; i++)
        free(m->unit[i].data);
    for (size_t i = 0; i < m->exports.count; i++) {
        free(m->exports.item[i].name);
        free(m->exports.item[i].forward);
    }
    for (size_t i = 0; i < m->imports.count; i++) {
        free(m->imports.item[i].dll);
        free(m->imports.item[i].name);
    }
    for (size_t i = 0; i < m->functions.count; i++) {
        free(m->functions.item[i].scope);
        free(m->functions.item[i].xdata);
    }
    for (size_t i = 0; i < 12; i++) {
        free(m->string[i].key);
        free(m->string[i].value);
    }
    free(m->unit);
    free(m->exports.item);
    free(m->imports.item);
    free(m->functions.item);
    free(m->parts.item);
    free(m->name);
    free(m->pdb);
    free(m);
}

const char *forge_image_error(const struct forge_image *m) { return m->why; }

bool image_fail(struct forge_image *m, const char *fmt, ...) {
    if (m->failed)
        return false;
    m->failed = true;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->why, sizeof m->why, fmt, ap);
    va_end(ap);
    return false;
}

void *image_push(struct forge_image *m, void **item, size_t *count, size_t *room, size_t size) {
    if (m->failed)
        return NULL;
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 16;
        void *bigger = realloc(*item, more * size);
        if (!bigger) {
            image_fail(m, "no memory for %zu entries", more);
            return NULL;
        }
        *item = bigger;
        *room = more;
    }
    void *last = (char *)*item + *count * size;
    memset(last, 0, size);
    ++*count;
    return last;
}

char *image_copy(struct forge_image *m, const char *text) {
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        image_fail(m, "no memory for a name");
    return copy;
}

/* May something be added still? */
static bool open_for(struct forge_image *m, const char *what) {
    if (m->closed)
        image_fail(m, "%s: the image is laid out already", what);
    return !m->failed;
}

void forge_image_timestamp(struct forge_image *m, uint32_t timestamp, uint32_t checksum) {
    m->timestamp = timestamp;
    m->checksum = checksum;
}

void forge_image_entry(struct forge_image *m, uint32_t rva) { m->entry = rva; }

void forge_image_name(struct forge_image *m, const char *name) {
    free(m->name);
    m->name = image_copy(m, name);
}

void forge_image_front(struct forge_image *m) { m->front = true; }

void forge_image_bytes(struct forge_image *m, uint32_t rva, const void *data, size_t size,
                       enum forge_image_kind kind) {
    if (open_for(m, "bytes"))
        image_put(m, rva, data, size, kind);
}

void forge_image_extent(struct forge_image *m, uint32_t rva, uint32_t size,
                        enum forge_image_kind kind) {
    if (open_for(m, "an extent"))
        image_claim(m, rva, size, kind);
}

static void add_export(struct forge_image *m, const char *name, uint32_t rva, uint32_t ordinal,
                       const char *forward) {
    uint32_t next = m->exports.count ? m->exports.item[m->exports.count - 1].ordinal + 1 : 1;
    struct image_export *e = open_for(m, "an export") ? IMAGE_PUSH(m, &m->exports) : NULL;
    if (!e)
        return;
    e->name = image_copy(m, name);
    e->forward = image_copy(m, forward);
    e->rva = rva;
    e->ordinal = ordinal ? ordinal : next;
}

void forge_image_export(struct forge_image *m, const char *name, uint32_t rva, uint32_t ordinal) {
    add_export(m, name, rva, ordinal, NULL);
}

void forge_image_forward(struct forge_image *m, const char *name, const char *target) {
    add_export(m, name, 0, 0, target);
}

void forge_image_import(struct forge_image *m, const char *dll, const char *name, uint16_t ordinal,
                        uint32_t slot, uint64_t value) {
    struct image_import *i = open_for(m, "an import") ? IMAGE_PUSH(m, &m->imports) : NULL;
    if (!i)
        return;
    i->dll = image_copy(m, dll);
    i->name = image_copy(m, name);
    i->ordinal = ordinal;
    i->slot = slot;
    i->value = value;
    i->order = m->imports.count;
}

void forge_image_version(struct forge_image *m, const struct forge_version *version) {
    if (!open_for(m, "a version"))
        return;
    m->has_version = true;
    memcpy(m->file_version, version->file, sizeof m->file_version);
    memcpy(m->product_version, version->product, sizeof m->product_version);
    for (size_t i = 0; i < 12 && version->key[i]; i++) {
        free(m->string[i].key);
        free(m->string[i].value);
        m->string[i].key = image_copy(m, version->key[i]);
        m->string[i].value = image_copy(m, version->value[i] ? version->value[i] : "");
    }
}

void forge_image_codeview(struct forge_image *m, const char *pdb, const uint8_t guid[16],
                          uint32_t age) {
    if (!open_for(m, "a CodeView record"))
        return;
    free(m->pdb);
    m->pdb = image_copy(m, pdb);
    memcpy(m->guid, guid, sizeof m->guid);
    m->age = age;
}

static uint8_t *copy_bytes(struct forge_image *m, const void *data, size_t size) {
    uint8_t *copy = size ? malloc(size) : NULL;
    if (copy)
        memcpy(copy, data, size);
    else if (size)
        image_fail(m, "no memory for %zu bytes", size);
    return copy;
}

void forge_image_function(struct forge_image *m, const struct forge_function *function) {
    struct image_function *f = open_for(m, "a function") ? IMAGE_PUSH(m, &m->functions) : NULL;
    if (!f)
        return;
    f->f = *function;
    f->scope = copy_bytes(m, function->scope, function->scope_size);
    f->xdata = copy_bytes(m, function->xdata, function->xdata_size);
}

size_t forge_image_sections(struct forge_image *m, struct forge_image_section *ret, size_t room) {
    if (!image_layout(m))
        return 0;
    for (size_t i = 0; i < m->nsections && i < room; i++)
        ret[i] = m->section[i].head;
    return m->nsections;
}
