/* SPDX-License-Identifier: MIT */
/*
 * Imports.
 *
 *     IMAGE_IMPORT_DESCRIPTOR   +0 RVA of the lookup table, +0xc of the DLL's name, +0x10 of the
 *                               slots; 20 bytes, ended by an empty one
 *     lookup table, slots       a pointer each, ended by 0: RVA of u16 hint and name, or the
 *                               ordinal with the top bit set
 *
 * A descriptor's slots stand one behind the other; where a case gives slots that do not, the DLL
 * gets several descriptors. In memory the slots hold addresses.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/image_impl.h"

enum { DESCRIPTOR = 20, CLUSTER = 0x40 };

static const char *label(const struct image_import *one) {
    return one->name ? one->name : one->dll;
}

static unsigned width(const struct forge_image *m) { return image_is64(m) ? 8 : 4; }

/* Those with given slots by slot, the others behind them by DLL. */
static int in_order(const void *a, const void *b) {
    const struct image_import *x = a, *y = b;
    if (!x->slot != !y->slot)
        return x->slot ? -1 : 1;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    int order = x->slot ? 0 : strcmp(x->dll, y->dll);
    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

/* Which imports share a descriptor: those of one DLL whose slots follow each other. */
static void group(struct forge_image *m) {
    for (size_t i = 0; i < m->imports.count; i++) {
        struct image_import *one = &m->imports.item[i], *before = one - 1;
        one->starts = i == 0 || strcmp(one->dll, before->dll) != 0 || !one->slot != !before->slot ||
                      (one->slot && one->slot != before->slot + width(m));
        if (i > 0)
            before->ends = one->starts;
        one->ends = true;
    }
}

static size_t count_descriptors(const struct forge_image *m) {
    size_t n = 0;
    for (size_t i = 0; i < m->imports.count; i++)
        n += m->imports.item[i].starts;
    return n;
}

/* What stands in a given slot already must be what it holds in memory. */
static void check_slot(struct forge_image *m, const struct image_import *one) {
    for (unsigned k = 0; k < width(m) && one->value; k++) {
        uint8_t byte;
        if (image_written(m, one->slot + k, &byte) && byte != (uint8_t)(one->value >> 8 * k))
            image_fail(m, "two things at RVA 0x%x: 0x%02x and the slot of %s", one->slot + k, byte,
                       label(one));
    }
}

void image_imports_claim(struct forge_image *m) {
    if (!m->imports.count || m->failed)
        return;
    qsort(m->imports.item, m->imports.count, sizeof *m->imports.item, in_order);
    group(m);
    for (size_t i = 0; i < m->imports.count && !m->failed; i++) {
        const struct image_import *one = &m->imports.item[i];
        if (!one->slot)
            continue;
        if (i > 0 && one->slot - one[-1].slot < width(m))
            image_fail(m, "the slots of %s and %s overlap at RVA 0x%x", label(&one[-1]), label(one),
                       one->slot);
        if (image_claim(m, one->slot, width(m), IMAGE_KEEP))
            image_touch(m, one->slot);
        check_slot(m, one);
    }
}

/*
 * The slots that have no given place: a run for each DLL, ended by an empty slot. From RVA on; with
 * 0 says only how many bytes they need.
 */
static uint32_t place_slots(struct forge_image *m, uint32_t rva) {
    uint32_t at = rva;
    for (size_t i = 0; i < m->imports.count; i++) {
        struct image_import *one = &m->imports.item[i];
        if (one->slot)
            continue;
        if (rva) {
            one->slot = at;
            image_touch(m, at);
        }
        at += width(m) * (one->ends ? 2 : 1);
    }
    return at - rva;
}

/* Descriptors, lookup tables, hints and names as they stand at RVA. */
static void build(struct forge_image *m, uint32_t rva, struct forge *f) {
    size_t n = count_descriptors(m), descriptor = 0;
    uint64_t table = image_up((uint32_t)(n + 1) * DESCRIPTOR, 8);
    uint64_t end = table + (m->imports.count + n) * width(m);
    forge_pad_to(f, end);
    for (size_t i = 0; i < m->imports.count; i++) {
        struct image_import *one = &m->imports.item[i];
        if (one->starts) {
            uint64_t at = descriptor++ * DESCRIPTOR;
            table += i ? width(m) : 0;
            forge_poke(f, at, 4, rva + table);
            forge_poke(f, at + 0xc, 4, rva + forge_here(f));
            forge_poke(f, at + 0x10, 4, one->slot);
            forge_put(f, one->dll, strlen(one->dll) + 1);
            forge_align(f, 2);
        }
        one->thunk = one->name ? rva + forge_here(f) : 1ull << (8 * width(m) - 1) | one->ordinal;
        forge_poke(f, table, width(m), one->thunk);
        table += width(m);
        if (!one->name)
            continue;
        forge_u16(f, one->ordinal);
        forge_put(f, one->name, strlen(one->name) + 1);
        forge_align(f, 2);
    }
    if (f->failed)
        image_fail(m, "imports: %s", f->why);
}

void image_imports_plan(struct forge_image *m) {
    struct forge f;
    forge_init(&f);
    if (m->imports.count && !m->failed) {
        build(m, 0, &f);
        m->import_part = image_part(m, "imports", f.size, 8, FORGE_RDATA);
        m->iat_part = image_part(m, "the import address table", place_slots(m, 0), 8, FORGE_RDATA);
    }
    forge_deinit(&f);
}

/*
 * The directory of slots: the largest cluster of them. Slots that a case has scattered over the
 * image are not to make everything between them look like slots.
 */
static void slot_directory(struct forge_image *m) {
    uint32_t low = 0, high = 0;
    size_t n = 0, best = 0;
    for (size_t i = 0; i < m->imports.count; i++) {
        uint32_t slot = m->imports.item[i].slot;
        if (n == 0 || slot < high || slot - high > CLUSTER) {
            low = slot;
            n = 0;
        }
        high = slot + width(m);
        if (++n > best) {
            best = n;
            m->dir[12].rva = low;
            m->dir[12].size = high - low;
        }
    }
}

void image_imports_write(struct forge_image *m) {
    uint32_t rva = image_part_rva(m, m->import_part);
    if (!m->imports.count || m->failed)
        return;
    struct forge f;
    forge_init(&f);
    place_slots(m, image_part_rva(m, m->iat_part));
    build(m, rva, &f);
    image_put(m, rva, f.data, f.size, IMAGE_KEEP);
    slot_directory(m);
    m->dir[1].rva = rva;
    m->dir[1].size = (uint32_t)(count_descriptors(m) + 1) * DESCRIPTOR;
    forge_deinit(&f);
}

void image_imports_slots(const struct forge_image *m, uint8_t *flat, bool in_memory) {
    for (size_t i = 0; i < m->imports.count; i++) {
        const struct image_import *one = &m->imports.item[i];
        uint8_t byte;
        if (in_memory && !one->value && image_written(m, one->slot, &byte))
            continue; /* what the case put there */
        uint64_t v = in_memory && one->value ? one->value : one->thunk;
        for (unsigned k = 0; k < width(m); k++)
            flat[one->slot + k] = (uint8_t)(v >> 8 * k);
    }
}
