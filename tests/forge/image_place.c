/* SPDX-License-Identifier: MIT */
/*
 * Places for what has none: tables that belong together go behind everything, or, in an image whose
 * size is given, into the largest gap of whole pages (of a kernel: the first that is large enough,
 * since readers look for its CodeView record within 4 MB of its base); else each of them into the
 * first gap that is large enough, on pages of read-only data first, of data next, of code at last.
 */
#include "forge/image_impl.h"

size_t image_part(struct forge_image *m, const char *what, uint64_t size, uint32_t align,
                  unsigned group) {
    struct image_part *p = IMAGE_PUSH(m, &m->parts);
    if (!p)
        return 0;
    if (size > IMAGE_MAX) {
        image_fail(m, "%s: %llu bytes", what, (unsigned long long)size);
        size = 0;
    }
    *p = (struct image_part){what, (uint32_t)size, align, 0, (uint8_t)group};
    return m->parts.count - 1;
}

uint32_t image_part_rva(const struct forge_image *m, size_t index) {
    return index < m->parts.count ? m->parts.item[index].rva : 0;
}

/* The first unit that is not the headers', and one past the last. */
static size_t first_unit(const struct forge_image *m) {
    return m->unit_size == IMAGE_PAGE ? 1 : 0x300 / m->unit_size;
}
static size_t last_unit(const struct forge_image *m) {
    return (m->size ? m->size : IMAGE_MAX) / m->unit_size;
}

static bool is_free(const struct forge_image *m, size_t unit) {
    return unit >= m->nunits || (!m->unit[unit].kind && !m->unit[unit].closed);
}

/* Puts all parts of a group from RVA on; with RVA 0 only says how many bytes they need. */
static uint32_t put_group(struct forge_image *m, unsigned group, uint32_t rva) {
    uint32_t at = rva;
    for (size_t i = 0; i < m->parts.count; i++) {
        struct image_part *p = &m->parts.item[i];
        if (p->group != group || !p->size)
            continue;
        at = image_up(at, p->align);
        p->rva = at;
        if (rva)
            image_claim(m, at, p->size, group);
        at += p->size;
    }
    return at - rva;
}

/* The largest gap of whole units; false when it has no room for COUNT of them. */
static bool largest_gap(const struct forge_image *m, size_t count, size_t *ret_end) {
    size_t best = 0, run = 0;
    for (size_t i = first_unit(m); i < last_unit(m); i++) {
        run = is_free(m, i) ? run + 1 : 0;
        if (run > best) {
            best = run;
            *ret_end = i + 1;
        }
    }
    return best >= count;
}

/* The first gap of COUNT whole units. */
static bool first_gap(const struct forge_image *m, size_t count, size_t *ret_end) {
    size_t run = 0;
    for (size_t i = first_unit(m); i < last_unit(m); i++) {
        run = is_free(m, i) ? run + 1 : 0;
        if (run == count) {
            *ret_end = i + 1;
            return true;
        }
    }
    return false;
}

/* Kinds of pages that a pass may use. */
static bool allowed(const struct image_unit *u, int pass) {
    if (u->kind == FORGE_DATA + 1)
        return pass >= 1;
    if (u->kind == FORGE_CODE + 1 || u->kind == FORGE_PAGED_CODE + 1)
        return pass >= 2;
    return true;
}

/* Room for SIZE bytes between what is in use; 0: none. */
static uint32_t gap_for(const struct forge_image *m, const struct image_part *p, int pass) {
    uint32_t unit = m->unit_size, start = (uint32_t)first_unit(m) * unit;
    for (size_t i = first_unit(m); i < last_unit(m); i++) {
        uint32_t rva = (uint32_t)i * unit, end = rva + unit;
        const struct image_unit *u = i < m->nunits ? &m->unit[i] : NULL;
        if (u && (u->whole || u->closed || !allowed(u, pass))) {
            start = end;
            continue;
        }
        for (uint32_t at = rva; u && u->data && at < end; at++) {
            if (!image_used(m, at))
                continue;
            if (image_up(start, p->align) + p->size <= at)
                return image_up(start, p->align);
            start = at + 1;
        }
        if (image_up(start, p->align) + p->size <= end)
            return image_up(start, p->align);
    }
    return 0;
}

static bool put_scattered(struct forge_image *m, unsigned group, uint32_t *missing,
                          const char **ret_what) {
    bool ok = true;
    for (size_t i = 0; i < m->parts.count; i++) {
        struct image_part *p = &m->parts.item[i];
        if (p->group != group || !p->size)
            continue;
        p->rva = 0;
        for (int pass = 0; pass < 3 && !p->rva; pass++)
            p->rva = gap_for(m, p, pass);
        if (p->rva) {
            image_claim(m, p->rva, p->size, IMAGE_KEEP);
            continue;
        }
        ok = false;
        *missing += p->size;
        *ret_what = p->what;
    }
    return ok;
}

/* Finds places for a group as a whole. */
static bool put_together(struct forge_image *m, unsigned group) {
    uint32_t unit = m->unit_size, size = put_group(m, group, 0);
    size_t count = (size + unit - 1) / unit, start = image_end(m), end = 0;
    if (size == 0)
        return true;
    if (start < first_unit(m))
        start = first_unit(m);
    if (m->front) {
        if (!first_gap(m, count, &end))
            return false;
        start = end - count;
    } else if (count > last_unit(m) || start > last_unit(m) - count) {
        if (!largest_gap(m, count, &end))
            return false;
        start = end - count;
    }
    put_group(m, group, (uint32_t)start * unit);
    return true;
}

bool image_place(struct forge_image *m) {
    static const unsigned groups[] = {FORGE_RDATA, IMAGE_PDATA, IMAGE_RSRC};
    uint32_t missing = 0;
    const char *what = "";
    for (size_t i = 0; i < 3 && !m->failed; i++)
        if (!put_together(m, groups[i]))
            put_scattered(m, groups[i], &missing, &what);
    if (missing)
        return image_fail(m,
                          "no room in an image of 0x%x bytes: 0x%x bytes of tables are left over, "
                          "the last: %s",
                          m->size, missing, what);
    return !m->failed;
}
