/* SPDX-License-Identifier: MIT */
/*
 * Complete memory dumps (DumpType 1): the header's PhysicalMemoryBlock lists the runs of memory.
 *
 *   PHYSICAL_MEMORY_DESCRIPTOR    32-bit at 0x64   64-bit at 0x88
 *   NumberOfRuns                  +0x00 u32        +0x00 u32
 *   NumberOfPages                 +0x04 u32        +0x08 u64
 *   Run[] {BasePage, PageCount}   +0x08 u32 each   +0x10 u64 each
 *
 *   0x1000 / 0x2000: the pages of run 0, then those of run 1, …; holes take no room.
 *
 * Besides Windows, LiveKD, QEMU and other dumpers write this type. Sources: win32metadata,
 * kdmp-parser, QEMU; the head of a real one in the test corpus.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "dump/kdump_impl.h"
#include "dump/runs.h"

static uint64_t block_offset(const struct sc_kdump_header *h) { return h->is64 ? 0x88 : 0x64; }

/* The sum of the runs; false when it is more than any machine has. */
static bool sum_of_runs(const struct sc_kdump_header *h, uint64_t *ret_pages) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < h->nruns_held; i++) {
        if (h->run[i].page_count > UINT64_MAX - sum)
            return false;
        sum += h->run[i].page_count;
    }
    *ret_pages = sum;
    return true;
}

bool sc_kdump_find_runs(struct sc_source *source, struct sc_kdump *kd) {
    const struct sc_kdump_header *h = &kd->header;
    uint64_t at = block_offset(h), pages;
    if (!h->nruns) {
        sc_source_note(source, at, "the header lists no runs of memory");
        return false;
    }
    if (!sum_of_runs(h, &pages)) {
        sc_source_note(source, at,
                       "the header's %" PRIu32 " runs hold more pages than there can be", h->nruns);
        return false;
    }
    if (h->nruns > h->nruns_held)
        sc_source_note(source, at,
                       "the header lists %" PRIu32 " runs of memory but has room for %" PRIu32
                       ": the memory of the others cannot be found",
                       h->nruns, h->nruns_held);
    else if (pages != h->npages)
        sc_source_note(source, at,
                       "NumberOfPages is 0x%" PRIx64 ", but the runs have 0x%" PRIx64 " pages",
                       h->npages, pages);
    kd->memory = (struct sc_kdump_memory){.layout = SC_KDUMP_RUNS,
                                          .name = h->is64 ? "PHYSICAL_MEMORY_DESCRIPTOR64"
                                                          : "PHYSICAL_MEMORY_DESCRIPTOR32",
                                          .offset = at,
                                          .first_page = sc_kdump_header_size(h),
                                          .pages = pages};
    return true;
}

sc_err *sc_kdump_open_runs(struct sc_source *source, struct sc_pages *ret_pages) {
    struct sc_kdump *kd = sc_kdump_impl(source);
    const struct sc_kdump_header *h = &kd->header;
    struct sc_kdump_run_list list = {.file = source->file, .first_page = kd->memory.first_page};
    for (uint32_t i = 0; i < h->nruns_held; i++)
        if (!sc_kdump_add_run(&list, h->run[i].base_page, h->run[i].page_count)) {
            SC_VEC_FREE(&list.ranges);
            return sc_err_nomem();
        }
    if (list.wild)
        sc_source_note(source, kd->memory.offset,
                       "%" PRIu64 " of the header's runs lie beyond the physical address space",
                       list.wild);
    return sc_runs_pages(source, &list.ranges, ret_pages);
}
