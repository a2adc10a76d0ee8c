/* SPDX-License-Identifier: MIT */
/*
 * Looking for the kernel: who is asked in which order, and the one pass through memory.
 *
 * The pass costs one reading of memory at most. It only remembers what it meets, since what lies
 * first in memory need not be right: it may be left from before a restart, or belong to a virtual
 * machine of this one. Then evidence is gone through in the order of its weight: a debugger data
 * block whose kernel is mapped by tables, tables that map themselves, the image of a kernel. The
 * pass ends early at the first of these only: nothing that follows could outweigh it.
 *
 * A kernel whose lists of modules and processes can be followed comes before one whose lists are
 * broken, whatever led to it. What tables are followed to (which may be lies) is bounded by as many
 * pages as memory has, in all.
 */
#include "target/find.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/space_impl.h"
#include "target/find_impl.h"

enum { CHUNK = 64 * 1024, PROGRESS_EVERY = 16 << 20 };

static bool cancelled(const struct finder *f) {
    return f->in->cancel && atomic_load(f->in->cancel);
}

/* Size and end of memory. */
static void measure(struct finder *f) {
    uint64_t at = 0, start, size;
    while (sc_space_next(f->in->phys, at, &start, &size)) {
        uint64_t from = start > at ? start : at, last = start + (size - 1);
        f->total += last - from + 1;
        f->highest = last;
        at = last + 1;
        if (!at)
            break;
    }
    f->budget = f->total / FIND_PAGE + 0x10000;
}

/* ---- the pass ---- */

struct pass {
    struct finder *f;
    uint64_t done, reported;
    uint8_t *buffer; /* for memory that is not seen in place */
    uint64_t known;  /* up to here the file has data, or too small holes */
};

static sc_err *report(struct pass *p) {
    const struct sc_find *in = p->f->in;
    if (cancelled(p->f))
        return sc_err_cancelled();
    if (!in->progress || p->done - p->reported < PROGRESS_EVERY)
        return NULL;
    p->reported = p->done;
    bool go_on = in->progress(in->progress_ctx, "looking for the kernel", p->done, p->f->total);
    return go_on ? NULL : sc_err_cancelled();
}

static bool is_empty(const uint8_t *page) {
    return !page[0] && !memcmp(page, page + 1, FIND_PAGE - 1);
}

static sc_err *look_at_page(struct finder *f, uint64_t pa, const uint8_t *page) {
    sc_err *err = find_look_at(f, pa, page);
    return err ? err : find_by_new_pairs(f);
}

static sc_err *look_at_all(struct pass *p, uint64_t pa, const uint8_t *data, size_t size) {
    sc_err *err = NULL;
    for (size_t i = 0; i + FIND_PAGE <= size && !err && !p->f->found; i += FIND_PAGE)
        if (!is_empty(data + i))
            err = look_at_page(p->f, pa + i, data + i);
    return err;
}

/* Do at least CHUNK bytes at FROM, of the SIZE at DATA, lie in a hole of the file? Then how many.
 */
static bool is_hole(struct pass *p, uint64_t from, const uint8_t *data, uint64_t size,
                    uint64_t *ret_size) {
    bool hole = false;
    if (!p->f->in->file || from < p->known)
        return false;
    uint64_t stretch = sc_file_stretch(p->f->in->file, data, size, &hole);
    stretch -= stretch % FIND_PAGE;
    if (hole && stretch >= CHUNK) {
        *ret_size = stretch;
        return true;
    }
    p->known = from + (stretch > CHUNK ? stretch : CHUNK);
    return false;
}

/* Whole pages from FROM on, at most to LAST; *RET_SIZE of them were looked at (at least one). */
static sc_err *look_at_chunk(struct pass *p, uint64_t from, uint64_t last, uint64_t *ret_size) {
    const uint8_t *data = NULL;
    size_t got = 0;
    uint64_t want = last - from < CHUNK ? last - from + 1 : CHUNK;
    bool in_place = sc_space_view(p->f->in->phys, from, &data, &got) == SC_READ_OK;
    uint64_t there = last - from < got ? last - from + 1 : got;
    if (in_place && is_hole(p, from, data, there, ret_size))
        return NULL;
    if (!in_place || got < FIND_PAGE) {
        sc_space_read(p->f->in->phys, from, p->buffer, (size_t)want, &got);
        data = p->buffer;
    }
    if (got > want)
        got = (size_t)want;
    got -= got % FIND_PAGE;
    *ret_size = got ? got : FIND_PAGE; /* a page that cannot be read whole is passed over */
    return look_at_all(p, from, data, got);
}

static sc_err *look_at_run(struct pass *p, uint64_t start, uint64_t last) {
    uint64_t at = start + (FIND_PAGE - start % FIND_PAGE) % FIND_PAGE;
    sc_err *err = NULL;
    while (!err && !p->f->found && at >= start && at <= last && last - at >= FIND_PAGE - 1) {
        uint64_t size = 0;
        err = look_at_chunk(p, at, last, &size);
        at += size;
        p->done += size;
        if (!err && !p->f->found)
            err = report(p);
    }
    return err;
}

static sc_err *find_by_pass(struct finder *f) {
    struct pass p = {.f = f, .buffer = malloc(CHUNK)};
    sc_err *err = p.buffer ? NULL : sc_err_nomem();
    uint64_t at = 0, start, size;
    while (!err && !f->found && sc_space_next(f->in->phys, at, &start, &size)) {
        uint64_t last = start + (size - 1);
        err = look_at_run(&p, start > at ? start : at, last);
        at = last + 1;
        if (!at)
            break;
    }
    free(p.buffer);
    return err;
}

/* No kernel with its lists was found: one without them is better than none. */
static sc_err *find_second(struct finder *f) {
    f->found = f->has_second;
    f->out = f->second;
    return NULL;
}

/* ---- the order ---- */

/* What was seen, though no kernel came of it. */
static sc_err *nothing(const struct finder *f) {
    if (f->in->dtb)
        return sc_errf(SC_ERR_NOT_FOUND, "the page tables at 0x%" PRIx64 " lead to no kernel",
                       f->in->dtb);
    if (f->nimages)
        return sc_errf(
            SC_ERR_NOT_FOUND,
            "no page tables lead to a kernel, though the image of one (%s) lies at 0x%" PRIx64
            ": name them with --dtb",
            sc_cpu_name(f->image_cpu[0]), f->image[0]);
    if (f->nblocks)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "no page tables lead to a kernel, though a debugger data block at 0x%" PRIx64
                       " says that it is at 0x%" PRIx64 ": name them with --dtb",
                       f->block[0].pa, f->block[0].kernel_base);
    if (f->strict.count)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "%u page tables that map themselves were found, and none leads to a kernel",
                       f->strict.count);
    return sc_errf(SC_ERR_NOT_FOUND, "no Windows kernel was found in this memory");
}

sc_err *sc_find_kernel(const struct sc_find *find, struct sc_found *ret_found) {
    static sc_err *(*const ways[])(struct finder *) = {
        find_by_processors, find_by_stub,   find_by_pass, find_by_blocks,
        find_by_selfmap,    find_by_images, find_second};
    struct finder *f = calloc(1, sizeof *f);
    if (!f)
        return sc_err_nomem();
    f->in = find;
    measure(f);
    sc_err *err = find->dtb ? find_by_user(f) : NULL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways && !find->dtb && !err && !f->found; i++)
        err = ways[i](f);
    if (!err)
        err = sc_space_trouble(find->phys);
    if (!err && !f->found)
        err = cancelled(f) ? sc_err_cancelled() : nothing(f);
    if (!err)
        *ret_found = f->out;
    free(f->strict.item);
    free(f->weak.item);
    free(f);
    return err;
}
