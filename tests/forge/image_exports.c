/* SPDX-License-Identifier: MIT */
/*
 * The export table and the debug directory.
 *
 *     IMAGE_EXPORT_DIRECTORY   +0x0c name, +0x10 ordinal base, +0x14 functions, +0x18 names, then
 *                              RVAs: +0x1c of u32 functions[], +0x20 of u32 names[] (sorted as
 *                              strings), +0x24 of u16 ordinals[] (less the base)
 *     a function's RVA inside of the directory's bounds is that of a forwarder's text
 *
 *     IMAGE_DEBUG_DIRECTORY    +4 timestamp, +0xc type (2), +0x10 size, +0x14 RVA, +0x18 offset
 *     RSDS                     +4 GUID, +0x14 age, +0x18 path
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/image_impl.h"

enum { DIRECTORY = 40, ORDINALS = 65536, DEBUG_ENTRY = 28, RSDS = 24 };

static const char *text(const char *s) { return s ? s : ""; }

/* The exports lie in the image: their pages are code unless they are something else. */
void image_exports_claim(struct forge_image *m) {
    for (size_t i = 0; i < m->exports.count; i++)
        if (!m->exports.item[i].forward)
            image_claim(m, m->exports.item[i].rva, 1, IMAGE_NAMED);
}

static int by_name(const void *a, const void *b) {
    const struct image_export *const *x = a, *const *y = b;
    int order = strcmp(text((*x)->name), text((*y)->name));
    return order ? order : (*x)->ordinal < (*y)->ordinal ? -1 : (*x)->ordinal > (*y)->ordinal;
}

/* The table's own name. */
static void own_name(const struct forge_image *m, char *buf, size_t size) {
    const char *pdb = text(m->pdb), *base = pdb;
    for (const char *p = pdb; *p; p++)
        if (*p == '\\' || *p == '/')
            base = p + 1;
    int len = (int)strlen(base);
    if (len > 4 && strcmp(base + len - 4, ".pdb") == 0)
        len -= 4;
    if (m->name)
        snprintf(buf, size, "%s", m->name);
    else if (len)
        snprintf(buf, size, "%.*s.dll", len, base);
    else
        snprintf(buf, size, "image.dll");
}

static uint32_t base_of(const struct forge_image *m, uint32_t *ret_count) {
    uint32_t low = UINT32_MAX, high = 0;
    for (size_t i = 0; i < m->exports.count; i++) {
        uint32_t ordinal = m->exports.item[i].ordinal;
        low = ordinal < low ? ordinal : low;
        high = ordinal > high ? ordinal : high;
    }
    *ret_count = high - low + 1;
    return low;
}

/* Two exports of one ordinal must be two names of one thing; two of one name are a mistake. */
static void check(struct forge_image *m, struct image_export **sorted, uint32_t base,
                  uint32_t count) {
    struct image_export **of = count <= ORDINALS ? calloc(count, sizeof *of) : NULL;
    if (!of) {
        image_fail(m, "exports have ordinals from %u on: %u are too many", base, count);
        return;
    }
    for (size_t i = 0; i < m->exports.count; i++) {
        struct image_export *e = sorted[i], **first = &of[e->ordinal - base];
        if (i > 0 && e->name && sorted[i - 1]->name && strcmp(e->name, sorted[i - 1]->name) == 0)
            image_fail(m, "two exports are named %s", e->name);
        if (!*first)
            *first = e;
        else if ((*first)->rva != e->rva || (*first)->forward || e->forward)
            image_fail(m, "ordinal %u: %s and %s", e->ordinal, text((*first)->name), text(e->name));
    }
    free(of);
}

static struct image_export **sort_exports(struct forge_image *m) {
    struct image_export **sorted = calloc(m->exports.count + 1, sizeof *sorted);
    if (!sorted) {
        image_fail(m, "no memory for exports");
        return NULL;
    }
    for (size_t i = 0; i < m->exports.count; i++)
        sorted[i] = &m->exports.item[i];
    if (m->exports.count)
        qsort(sorted, m->exports.count, sizeof *sorted, by_name);
    return sorted;
}

/* The whole table as it stands at RVA. */
static bool build(struct forge_image *m, uint32_t rva, struct forge *f) {
    struct image_export **sorted = sort_exports(m);
    uint32_t nfunctions = 0, base = base_of(m, &nfunctions);
    if (sorted)
        check(m, sorted, base, nfunctions);
    if (m->failed) {
        free(sorted);
        return false;
    }
    char name[256];
    own_name(m, name, sizeof name);
    size_t unnamed = 0;
    while (unnamed < m->exports.count && !sorted[unnamed]->name)
        unnamed++;
    uint32_t nnames = (uint32_t)(m->exports.count - unnamed);
    uint32_t functions = DIRECTORY, names = functions + 4 * nfunctions, ords = names + 4 * nnames;
    uint32_t strings = ords + 2 * nnames;
    const uint32_t head[] = {0,      m->timestamp,    0,           rva + strings, base, nfunctions,
                             nnames, rva + functions, rva + names, rva + ords};
    for (size_t i = 0; i < 10; i++)
        forge_u32(f, head[i]);
    forge_fill(f, 0, strings - DIRECTORY);
    forge_put(f, name, strlen(name) + 1);
    for (size_t i = 0; i < m->exports.count; i++) {
        const struct image_export *e = sorted[i];
        uint32_t slot = functions + 4 * (e->ordinal - base);
        if (i >= unnamed) {
            forge_poke(f, names + 4 * (i - unnamed), 4, rva + forge_here(f));
            forge_poke(f, ords + 2 * (i - unnamed), 2, e->ordinal - base);
            forge_put(f, e->name, strlen(e->name) + 1);
        }
        forge_poke(f, slot, 4, e->forward ? rva + forge_here(f) : e->rva);
        if (e->forward)
            forge_put(f, e->forward, strlen(e->forward) + 1);
    }
    free(sorted);
    return f->failed ? image_fail(m, "exports: %s", f->why) : true;
}

void image_exports_plan(struct forge_image *m) {
    struct forge f;
    forge_init(&f);
    if (m->exports.count && !m->failed && build(m, 0, &f))
        m->export_part = image_part(m, "exports", f.size, 4, FORGE_RDATA);
    forge_deinit(&f);
}

void image_exports_write(struct forge_image *m) {
    struct forge f;
    uint32_t rva = image_part_rva(m, m->export_part);
    forge_init(&f);
    if (m->exports.count && !m->failed && build(m, rva, &f)) {
        image_put(m, rva, f.data, f.size, IMAGE_KEEP);
        m->dir[0].rva = rva;
        m->dir[0].size = (uint32_t)f.size;
    }
    forge_deinit(&f);
}

void image_debug_plan(struct forge_image *m) {
    if (m->pdb)
        m->debug_part = image_part(m, "the debug directory",
                                   DEBUG_ENTRY + RSDS + strlen(m->pdb) + 1, 4, FORGE_RDATA);
}

void image_debug_write(struct forge_image *m) {
    uint32_t rva = image_part_rva(m, m->debug_part);
    if (!m->pdb || m->failed)
        return;
    struct forge f;
    forge_init(&f);
    const uint32_t entry[] = {0,
                              m->timestamp,
                              0,
                              2,
                              RSDS + (uint32_t)strlen(m->pdb) + 1,
                              rva + DEBUG_ENTRY,
                              image_offset(m, rva + DEBUG_ENTRY)};
    for (size_t i = 0; i < 7; i++)
        forge_u32(&f, entry[i]);
    forge_put(&f, "RSDS", 4);
    forge_put(&f, m->guid, 16);
    forge_u32(&f, m->age);
    forge_put(&f, m->pdb, strlen(m->pdb) + 1);
    if (f.failed)
        image_fail(m, "debug directory: %s", f.why);
    else
        image_put(m, rva, f.data, f.size, IMAGE_KEEP);
    m->dir[6].rva = rva;
    m->dir[6].size = DEBUG_ENTRY;
    forge_deinit(&f);
}
