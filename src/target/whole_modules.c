/* SPDX-License-Identifier: MIT */
/*
 * The drivers of a whole memory, from the kernel's own lists.
 *
 *   PsLoadedModuleList: a list of KLDR_DATA_TABLE_ENTRY      32-bit   64-bit
 *     InLoadOrderLinks                                       +0x00    +0x00
 *     DllBase                                                +0x18    +0x30
 *     SizeOfImage                                            +0x20    +0x40
 *     FullDllName, BaseDllName (UNICODE_STRING)              +0x24    +0x48
 *                                                            +0x2c    +0x58
 *     CheckSum                                               +0x40    +0x78
 *     TimeDateStamp (Windows 10 on)                          +0x58    +0x9c
 *
 *   MmUnloadedDrivers: a pointer to 50 entries, used as a ring; MmLastUnloadedDriver: the next one
 *     UNICODE_STRING Name                                    +0x00    +0x00
 *     StartAddress, EndAddress                               +0x08    +0x10
 *     CurrentTime                                            +0x10    +0x20
 *     an entry's bytes                                        0x18     0x28
 *
 * The time stamp is the image's own where its headers are in memory, since older entries have none.
 * A list that is broken is walked from its other end, too. When there is nothing of it, the
 * kernel's half is searched for images.
 *
 * Sources: Volatility's vtypes and the public symbols (fact tables of all builds in data/layouts);
 * MemProcFS, vmmwin.c (the ring: facts only).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dump/dump.h"
#include "mem/space_impl.h"
#include "stopcode/pe.h"
#include "target/kdbg.h"
#include "target/whole.h"

enum {
    MODULES_MAX = 8192,   /* real systems: under 500 */
    SEARCH_MAX = 1 << 20, /* pages looked at for images */
    UNLOADED_MAX = 50,
    IMAGE_MAX = 0x40000000,
};

static const struct form {
    uint8_t base, size, full_name, base_name, checksum, timestamp;
} form32 = {0x18, 0x20, 0x24, 0x2c, 0x40, 0x58}, form64 = {0x30, 0x40, 0x48, 0x58, 0x78, 0x9c};

struct list {
    sc_target *t;
    const struct form *form;
    uint64_t head;
    struct sc_map seen; /* entries */
    struct sc_modules *out;
};

/* ---- one module ---- */

/* TimeDateStamp of the image at BASE, from its headers; 0 when they are not there. */
static uint32_t image_timestamp(sc_target *t, uint64_t base) {
    uint64_t nt = sc_whole_uint(t, base + 0x3c, 4);
    if (sc_whole_uint(t, base, 2) != 0x5a4d || !nt || nt > 0x10000 ||
        sc_whole_uint(t, base + nt, 4) != 0x4550)
        return 0;
    return (uint32_t)sc_whole_uint(t, base + nt + 8, 4);
}

static sc_err *add(sc_target *t, struct sc_modules *out, const struct sc_module *m) {
    struct sc_module own = *m;
    sc_arena *arena = t->source->arena;
    if (!own.path || !own.path[0])
        own.path = sc_arena_printf(arena, "Unknown_Module_%016" PRIx64, own.base);
    if (!own.path || !sc_module_names(arena, own.path, &own.name, &own.image))
        return sc_err_nomem();
    struct sc_module *slot = SC_VEC_PUSH(out);
    if (!slot)
        return sc_err_nomem();
    *slot = own;
    return NULL;
}

/* The module that the list's entry at VA describes, unless that makes no sense. */
static sc_err *add_entry(struct list *l, uint64_t va) {
    sc_target *t = l->t;
    const struct form *f = l->form;
    struct sc_module m = {
        .base = sc_whole_ptr(t, va + f->base),
        .size = sc_whole_uint(t, va + f->size, 4),
        .checksum = (uint32_t)sc_whole_uint(t, va + f->checksum, 4),
        .record = sc_whole_offset(t, va),
    };
    bool nomem = false, sane = sc_whole_is_kernel(t, m.base) && !(m.base & 0xfff);
    if (!sane || !m.size || m.size > IMAGE_MAX) {
        sc_source_note(t->source, m.record,
                       "the loaded module at 0x%" PRIx64 " has base 0x%" PRIx64
                       " and size 0x%" PRIx64 ": left out",
                       va, m.base, m.size);
        return NULL;
    }
    m.timestamp = image_timestamp(t, m.base);
    if (!m.timestamp && t->source->machine.build >= 10240)
        m.timestamp = (uint32_t)sc_whole_uint(t, va + f->timestamp, 4);
    m.path = sc_whole_string(t, va + f->full_name, &nomem);
    if (!nomem && (!m.path || !m.path[0]))
        m.path = sc_whole_string(t, va + f->base_name, &nomem);
    return nomem ? sc_err_nomem() : add(t, l->out, &m);
}

/* ---- the list ---- */

/*
 * From the head on by the links at LINK (0: forward; a pointer's size: back), until the head or an
 * entry that was seen comes again. *RET_BROKEN: it ended somewhere else.
 */
static sc_err *walk(struct list *l, unsigned link, bool *ret_broken) {
    uint64_t va = sc_whole_ptr(l->t, l->head + link), before;
    sc_err *err = NULL;
    *ret_broken = true;
    while (!err && l->out->count < MODULES_MAX) {
        if (va == l->head)
            *ret_broken = false;
        if (va == l->head || !sc_whole_is_kernel(l->t, va) ||
            sc_map_get_number(&l->seen, va, &before))
            break;
        uint64_t next = sc_whole_ptr(l->t, va + link);
        if (!next)
            break; /* it is not in the dump */
        if (sc_target_cancelled(l->t))
            return sc_err_cancelled();
        if (!sc_map_put_number(&l->seen, va, 1))
            return sc_err_nomem();
        err = add_entry(l, va);
        va = next;
    }
    return err;
}

static sc_err *walk_both_ways(struct list *l) {
    bool broken, back;
    sc_err *err = walk(l, 0, &broken);
    size_t ahead = l->out->count;
    if (err || !broken)
        return err;
    err = walk(l, sc_target_ptr_size(l->t), &back);
    if (!err && l->out->count)
        sc_source_note(l->t->source, sc_whole_offset(l->t, l->head),
                       "the list of loaded modules is broken: %zu of them from its beginning, %zu "
                       "from its end",
                       ahead, l->out->count - ahead);
    return err;
}

/* The head of the list: the container's, the debugger data block's, or the kernel's export. */
static sc_err *find_head(sc_target *t, uint64_t *ret_head) {
    struct sc_machine *m = &t->source->machine;
    struct sc_pe_export *item;
    sc_pe *pe;
    *ret_head = m->loaded_module_list;
    if (*ret_head || !m->kernel_base)
        return NULL;
    sc_err *err = sc_pe_open_memory(t->whole->kernel, m->kernel_base, "nt", &pe);
    if (err)
        return sc_whole_grave(err);
    item = calloc(1, sizeof *item);
    err = item ? sc_pe_export_named(pe, "PsLoadedModuleList", item) : sc_err_nomem();
    if (!err && item->rva)
        *ret_head = m->loaded_module_list = sc_space_canon(t->virt, m->kernel_base + item->rva);
    free(item);
    sc_pe_close(pe);
    return sc_whole_grave(err);
}

/* ---- images without a list ---- */

/* A name as files have it: what an image in pieces has in its place is none. */
static bool is_file_name(const uint8_t *raw, size_t room) {
    size_t n = 0;
    while (n < room && raw[n] > ' ' && raw[n] < 0x7f && !strchr("\"*/:<>?\\|", raw[n]))
        n++;
    return n && n < room && !raw[n] && memchr(raw, '.', n);
}

/*
 * Where the page tables are mapped: there the first page of an image in a large page appears once
 * more, as if it were a table. *RET_SIZE 0: not known.
 */
static uint64_t tables_at(sc_target *t, uint64_t *ret_size) {
    const struct sc_paging *paging = &t->whole->system;
    const uint64_t frame = 0x000ffffffffff000;
    unsigned shift = paging->mode == SC_PAGING_X64_LA57 ? 48 : 39;
    uint64_t entry;
    bool wide = paging->mode == SC_PAGING_X64 || paging->mode == SC_PAGING_X64_LA57;
    *ret_size = paging->mode == SC_PAGING_PAE   ? 0x800000
                : paging->mode == SC_PAGING_X86 ? 0x400000
                                                : 0;
    if (!wide)
        return 0xc0000000;
    for (uint64_t i = 0x100; i < 0x200; i++) {
        uint64_t at = (paging->root & frame) + i * 8;
        if (sc_space_uint(paging->phys, at, 8, &entry) != SC_READ_OK || !(entry & 1) ||
            ((entry ^ paging->root) & frame))
            continue;
        *ret_size = (uint64_t)1 << shift;
        return sc_space_canon(t->whole->kernel, ~(uint64_t)0 << (shift + 9) | i << shift);
    }
    return 0;
}

/* The module whose image begins at VA, if one does. */
static sc_err *add_image(sc_target *t, uint64_t va, struct sc_modules *out, uint64_t *ret_size) {
    struct sc_module m = {.base = va, .record = sc_whole_offset(t, va)};
    struct sc_pe_exports x;
    sc_pe *pe;
    char *name = NULL;
    *ret_size = 0;
    if (sc_whole_uint(t, va, 2) != 0x5a4d)
        return NULL;
    sc_err *err = sc_pe_open_memory(t->whole->kernel, va, "image", &pe);
    if (err)
        return sc_whole_grave(err);
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    m.size = h->image_size;
    m.timestamp = h->timestamp;
    m.checksum = h->checksum;
    uint8_t raw[64] = {0};
    if (!(err = sc_whole_grave(sc_pe_exports(pe, &x))))
        sc_pe_read(pe, x.name, raw, sizeof raw - 1, NULL);
    sc_pe_close(pe);
    if (!err && is_file_name(raw, sizeof raw) &&
        !(name = sc_arena_strdup(t->source->arena, (const char *)raw)))
        err = sc_err_nomem();
    m.path = name;
    if (err || !m.size || m.size > IMAGE_MAX)
        return err;
    *ret_size = m.size;
    return add(t, out, &m);
}

/* All images in the kernel's half, as far as SEARCH_MAX pages go. */
static sc_err *search(sc_target *t, struct sc_modules *out) {
    uint64_t at = sc_target_ptr_size(t) == 4 ? 0x80000000u : 0xffff800000000000u, start, size;
    uint64_t tables_size, tables = tables_at(t, &tables_size);
    unsigned left = SEARCH_MAX;
    sc_err *err = NULL;
    while (!err && left && sc_space_next(t->whole->kernel, at, &start, &size)) {
        uint64_t last = start + (size - 1), image = 0;
        start = start > at ? start : at;
        if (start - tables < tables_size) {
            at = tables + tables_size;
            if (!at)
                break;
            continue;
        }
        size = last - start + 1;
        if (start < tables && tables - start < size)
            size = tables - start;
        last = start + (size - 1);
        for (at = start; !err && left && at - start < size; left--) {
            err = sc_target_cancelled(t) ? sc_err_cancelled() : add_image(t, at, out, &image);
            at += image > 0x1000 ? (image + 0xfff) & ~(uint64_t)0xfff : 0x1000;
        }
        at = at > last ? at : last + 1;
        if (last == UINT64_MAX)
            break;
    }
    if (!err)
        sc_source_note(t->source, SC_UNSET64,
                       "the list of loaded modules is not in the dump: %zu images were found by "
                       "searching the kernel's memory%s",
                       out->count, left ? "" : ", which was not searched to its end");
    return err;
}

sc_err *sc_whole_load_modules(sc_target *t, struct sc_modules *ret) {
    struct list l = {.t = t, .out = ret};
    l.form = sc_target_ptr_size(t) == 4 ? &form32 : &form64;
    sc_err *err = find_head(t, &l.head);
    if (!err && l.head)
        err = walk_both_ways(&l);
    sc_map_free(&l.seen);
    return err || ret->count ? err : search(t, ret);
}

/* ---- unloaded ones ---- */

static sc_err *add_unloaded(sc_target *t, uint64_t va, struct sc_unloadeds *ret) {
    unsigned ptr = sc_target_ptr_size(t);
    uint64_t start = sc_whole_ptr(t, va + 2 * ptr), end = sc_whole_ptr(t, va + 3 * ptr);
    bool nomem = false;
    const char *name = sc_whole_string(t, va, &nomem);
    if (nomem)
        return sc_err_nomem();
    if (!start || end <= start || !sc_whole_is_kernel(t, start))
        return NULL;
    struct sc_unloaded *u = SC_VEC_PUSH(ret);
    if (!u)
        return sc_err_nomem();
    *u = (struct sc_unloaded){.base = start,
                              .size = end - start,
                              .name = name ? name : "",
                              .record = sc_whole_offset(t, va)};
    return NULL;
}

sc_err *sc_whole_load_unloaded(sc_target *t, struct sc_unloadeds *ret) {
    uint64_t array = sc_whole_kd_ptr(t, 0x220);
    uint64_t next = sc_whole_kd_uint(t, 0x228, 4);
    unsigned entry = sc_target_ptr_size(t) == 4 ? 0x18 : 0x28;
    sc_err *err = NULL;
    if (!array || !sc_whole_is_kernel(t, array))
        return NULL;
    if (next > UNLOADED_MAX) {
        sc_source_note(t->source, sc_whole_offset(t, array),
                       "the last unloaded driver is number %" PRIu64 " of %d", next, UNLOADED_MAX);
        next = 0;
    }
    for (unsigned i = 0; i < UNLOADED_MAX && !err; i++) {
        uint64_t at = (next + UNLOADED_MAX - 1 - i) % UNLOADED_MAX;
        err = add_unloaded(t, array + at * entry, ret);
    }
    return err;
}
