/* SPDX-License-Identifier: MIT */
/*
 * What all whole-memory kernel dumps have in common: pages lie one behind the other, in the order
 * of a list that stands in the header or right behind it; and a file that was cut short lacks the
 * last of them.
 *
 * What the list is shows by its signature, which stands behind the header:
 *
 *   +0x00 "SDMP" or "FDMP"  +0x04 "DUMP"       a bitmap (kdump_bitmap.c)
 *   +0x04 "RDMP"            +0x08 "DUMP"       page ranges (kdump_rdmp.c)
 */
#include <inttypes.h>

#include "dump/kdump_impl.h"

/* A physical address has at most 52 bits, on every CPU that Windows runs on. */
#define PAGES_MAX (UINT64_C(1) << 40)

enum sc_kdump_layout sc_kdump_signed_as(struct sc_source *source, const struct sc_kdump *kd) {
    struct sc_cur c =
        sc_cur_at(source->file, sc_kdump_header_size(&kd->header), 12, "list of pages");
    uint32_t first = sc_u32(&c), second = sc_u32(&c), third = sc_u32(&c);
    if (sc_cur_failed(&c))
        return SC_KDUMP_NO_MEMORY;
    if ((first == 0x504d4453 || first == 0x504d4446) && second == 0x504d5544)
        return SC_KDUMP_BITMAP;
    if (second == 0x504d4452 && third == 0x504d5544)
        return SC_KDUMP_RANGES;
    return SC_KDUMP_NO_MEMORY;
}

uint64_t sc_kdump_memory_end(const struct sc_kdump_memory *memory) {
    if (memory->layout == SC_KDUMP_NO_MEMORY || memory->pages == SC_UNSET64)
        return 0;
    uint64_t room = (UINT64_MAX - memory->first_page) / SC_KDUMP_PAGE;
    return memory->pages > room ? UINT64_MAX : memory->first_page + memory->pages * SC_KDUMP_PAGE;
}

void sc_kdump_note_cut(struct sc_source *source, struct sc_kdump *kd, uint64_t pages) {
    uint64_t size = sc_file_size(source->file), first = kd->memory.first_page;
    uint64_t held = size > first ? (size - first) / SC_KDUMP_PAGE : 0;
    if (pages <= held || kd->cut_noted)
        return;
    kd->cut_noted = true;
    sc_source_note(source, size,
                   "the file ends here, too early: of its 0x%" PRIx64 " pages of memory 0x%" PRIx64
                   " are not there (a copy that was broken off?)",
                   pages, pages - held);
}

bool sc_kdump_add_run(struct sc_kdump_run_list *list, uint64_t base, uint64_t count) {
    uint64_t skip = list->pages, size = sc_file_size(list->file);
    list->pages = count > PAGES_MAX - skip ? PAGES_MAX : skip + count;
    if (base >= PAGES_MAX || count > PAGES_MAX - base) {
        list->wild++;
        if (base >= PAGES_MAX)
            return true;
        count = PAGES_MAX - base;
    }
    uint64_t held = size > list->first_page ? (size - list->first_page - 1) / SC_KDUMP_PAGE + 1 : 0;
    if (skip >= held)
        return true;
    struct sc_range *range = SC_VEC_PUSH(&list->ranges);
    if (!range)
        return false;
    range->start = base * SC_KDUMP_PAGE;
    range->size = count * SC_KDUMP_PAGE;
    range->offset = list->first_page + skip * SC_KDUMP_PAGE;
    if (range->size > size - range->offset)
        range->size = size - range->offset;
    return true;
}

sc_err *sc_kdump_count_pages(struct sc_source *source, uint64_t *ret_listed, uint64_t *ret_held) {
    struct sc_kdump *kd = sc_kdump_impl(source);
    enum sc_kdump_layout layout = kd ? kd->memory.layout : SC_KDUMP_NO_MEMORY;
    if (layout == SC_KDUMP_NO_MEMORY)
        return sc_errf(SC_ERR_NOT_FOUND, "the file has no list of pages");
    uint64_t listed = kd->memory.pages, size = sc_file_size(source->file);
    sc_err *err = NULL;
    if (layout == SC_KDUMP_RANGES)
        err = sc_kdump_count_ranges(source, &listed);
    else if (layout != SC_KDUMP_RUNS)
        err = sc_kdump_count_bitmap(source, &listed);
    if (err)
        return err;
    uint64_t first = kd->memory.first_page;
    uint64_t held = size > first ? (size - first) / SC_KDUMP_PAGE : 0;
    *ret_listed = listed;
    *ret_held = listed < held ? listed : held;
    return NULL;
}
