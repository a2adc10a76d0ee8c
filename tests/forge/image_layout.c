/* SPDX-License-Identifier: MIT */
/*
 * From units to sections.
 *
 * The loader wants sections without holes between them, the first behind the headers and the last
 * up to SizeOfImage: a section's VirtualSize reaches over the free units behind it, and a hole
 * before the first one is a section without bytes in the file. Runs of one kind that are close to
 * each other share a section; when there are too many, farther ones do, too.
 */
#include <stdio.h>
#include <string.h>

#include "forge/image_impl.h"

enum { CLOSE = 16, HEADER = 40 };

static const struct {
    const char *name;
    uint32_t characteristics;
} kinds[IMAGE_KINDS] = {
    {".text", 0x60000020},    {".rdata", 0x40000040}, {".data", 0xc0000040}, {"PAGE", 0x60000020},
    {"POOLCODE", 0x60000020}, {".pdata", 0x40000040}, {".rsrc", 0x40000040},
};

struct run {
    size_t start, end; /* units */
    unsigned kind;
};

bool image_is_kernel(const struct forge_image *m) {
    return image_is64(m) ? m->base >> 63 != 0 : m->base >= 0x80000000;
}

/* The next run from unit AT on, with gaps of at most CLOSE units in it; false: no more. */
static bool next_run(const struct forge_image *m, size_t at, size_t close, struct run *ret) {
    while (at < m->nunits && !m->unit[at].kind)
        at++;
    if (at >= m->nunits)
        return false;
    *ret = (struct run){at, at + 1, m->unit[at].kind - 1u};
    for (size_t i = at + 1; i < m->nunits && i - ret->end <= close; i++) {
        if (m->unit[i].kind && m->unit[i].kind != ret->kind + 1)
            break;
        if (m->unit[i].kind)
            ret->end = i + 1;
    }
    return true;
}

static uint32_t table_offset(const struct forge_image *m) {
    return IMAGE_NT + 24 + (image_is64(m) ? 0x70 : 0x60) + 16 * 8;
}

static uint32_t headers_for(const struct forge_image *m, size_t nsections) {
    uint32_t align = m->unit_size == IMAGE_PAGE ? 0x200 : m->unit_size;
    return image_up(table_offset(m) + (uint32_t)nsections * HEADER, align);
}

/* One past the last byte of the section in use; with TRIM without pages that nothing was put into.
 */
static uint32_t last_byte(const struct forge_image *m, const struct run *r, bool trim) {
    uint32_t start = (uint32_t)r->start * m->unit_size, end = (uint32_t)r->end * m->unit_size;
    while (trim && end > start && !m->unit[end / m->unit_size - 1].data)
        end -= m->unit_size;
    while (end > start && !image_used(m, end - 1))
        end--;
    return end;
}

static void add_section(struct forge_image *m, const struct run *r) {
    struct image_section *s = &m->section[m->nsections++];
    unsigned number = 0;
    for (const struct image_section *other = m->section; other < s; other++)
        number += other->kind == r->kind && other->head.size;
    s->kind = (uint8_t)r->kind;
    s->head.rva = (uint32_t)r->start * m->unit_size;
    s->head.characteristics = kinds[r->kind].characteristics;
    if (image_is_kernel(m) && r->kind != FORGE_PAGED_CODE && r->kind != IMAGE_RSRC)
        s->head.characteristics |= 0x08000000; /* not paged */
    snprintf(s->head.name, sizeof s->head.name, number ? "%s%u" : "%s",
             r->end > r->start ? kinds[r->kind].name : ".free", number % 100);
    s->head.size = last_byte(m, r, false) - s->head.rva;
    s->raw_size = last_byte(m, r, r->kind == FORGE_DATA) - s->head.rva;
}

/* Sections with gaps of at most CLOSE units; false: too many. */
static bool try_sections(struct forge_image *m, size_t close) {
    struct run r;
    size_t count = 0, first = 0, at = 0;
    for (; next_run(m, at, close, &r); at = r.end)
        if (count++ == 0)
            first = r.start;
    uint32_t unit = m->unit_size, end = m->size ? m->size : unit;
    size_t before = count ? first : end / unit;
    if (before > image_up(headers_for(m, count), unit) / unit)
        count++;
    size_t start = image_up(headers_for(m, count), unit) / unit;
    if (count > IMAGE_SECTIONS || start > before)
        return false;
    m->nsections = 0;
    m->headers_size = headers_for(m, count);
    if (before > start) {
        unsigned kind = next_run(m, 0, close, &r) ? r.kind : FORGE_CODE;
        add_section(m, &(struct run){start, start, kind});
    }
    for (at = 0; next_run(m, at, close, &r); at = r.end)
        add_section(m, &r);
    return true;
}

/* Sections reach up to the next one; then each gets its place in the file. */
static void stretch(struct forge_image *m) {
    uint32_t unit = m->unit_size, end = m->size, at = m->headers_size;
    if (!end)
        end = image_end(m) ? (uint32_t)image_end(m) * unit : image_up(m->headers_size, unit);
    m->image_size = end;
    for (size_t i = 0; i < m->nsections; i++) {
        struct image_section *s = &m->section[i];
        uint32_t next = i + 1 < m->nsections ? m->section[i + 1].head.rva : end;
        if (image_up(s->head.rva + s->head.size, unit) < next)
            s->head.size = next - s->head.rva;
        if (!s->raw_size)
            continue;
        s->raw_offset = unit == IMAGE_PAGE ? at : s->head.rva;
        s->raw_size = image_up(s->raw_size, unit == IMAGE_PAGE ? 0x200 : unit);
        at = s->raw_offset + s->raw_size;
    }
}

static bool make_sections(struct forge_image *m) {
    for (size_t close = CLOSE; close < 2 * (size_t)IMAGE_MAX / IMAGE_PAGE; close *= 2)
        if (try_sections(m, close)) {
            stretch(m);
            return true;
        }
    return image_fail(m, "more than %d sections, or no room for their headers", IMAGE_SECTIONS);
}

uint32_t image_offset(const struct forge_image *m, uint32_t rva) {
    for (size_t i = 0; i < m->nsections; i++) {
        const struct image_section *s = &m->section[i];
        if (rva >= s->head.rva && rva - s->head.rva < s->raw_size)
            return s->raw_offset + (rva - s->head.rva);
    }
    return 0;
}

bool image_layout(struct forge_image *m) {
    if (m->closed || m->failed)
        return !m->failed;
    m->closed = true;
    image_exports_claim(m);
    image_functions_claim(m);
    image_imports_claim(m);
    image_exports_plan(m);
    image_imports_plan(m);
    image_debug_plan(m);
    image_functions_plan(m);
    image_version_plan(m);
    if (!image_place(m) || m->failed)
        return false;
    image_exports_write(m);
    image_imports_write(m);
    image_functions_write(m);
    image_version_write(m);
    if (m->failed || !make_sections(m))
        return false;
    image_debug_write(m);
    return !m->failed;
}
