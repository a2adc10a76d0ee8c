/* SPDX-License-Identifier: MIT */
/*
 * Hibernation files of Windows 8 and later: restore sets.
 *
 *     PO_MEMORY_IMAGE  FirstBootRestorePage    NumPagesForLoader pages: what the loader restores
 *                      FirstKernelRestorePage  KernelPagesProcessed pages: what the kernel restores
 *                      FirstSecureRestorePage  of the secure kernel: encrypted, left out
 *
 * A restore set is a row of compression sets, one directly behind the other:
 *
 *     +0   u32   bits 0-7 ranges, bits 8-29 size of the data, bits 30-31 method: 0 Xpress,
 *                1 Xpress (maximum), 2 and 3 Xpress with Huffman codes
 *     +4   u32 (32-bit Windows) or u64 for each range: bits 0-3 pages - 1, the rest its first page;
 *                all ranges together have at most 16 pages
 *     …    data; as many bytes as the pages have: not compressed
 *
 * It ends where all its pages have come. Learnt from Hibr2Bin's and LeechCore's descriptions and
 * the public structure definitions. Guessed: method 1 is plain (nobody seems to have met it): both
 * forms are tried.
 */
#include <inttypes.h>

#include "dump/hiber_impl.h"

enum {
    SETS_MOST = 1 << 28, /* 16 TB of memory */
    RANGES_MOST = HIBER_SET_PAGES,
};

struct header {
    unsigned ranges, pages;
    uint32_t size;
    unsigned method;
    uint64_t data; /* file offset */
    uint64_t pfn[RANGES_MOST];
    uint8_t count[RANGES_MOST];
};

/* NULL, or what is wrong with it: static. */
static const char *read_header(const sc_file *file, uint64_t offset, bool is64,
                               struct header *ret) {
    unsigned width = is64 ? 8 : 4;
    struct sc_cur cur = sc_cur_at(file, offset, 4 + RANGES_MOST * 8, "compression set");
    uint32_t word = sc_u32(&cur);
    *ret = (struct header){word & 0xff, 0, word >> 8 & 0x3fffff, word >> 30, 0, {0}, {0}};
    if (sc_cur_failed(&cur))
        return "the file ends before it";
    if (!ret->ranges || !ret->size)
        return "it has no pages";
    if (ret->ranges > RANGES_MOST)
        return "it has more ranges than a set can";
    for (unsigned i = 0; i < ret->ranges; i++) {
        uint64_t range = sc_uptr(&cur, width);
        ret->pfn[i] = range >> 4;
        ret->count[i] = (uint8_t)((range & 15) + 1);
        ret->pages += ret->count[i];
        if (ret->pfn[i] > HIBER_PFN_END - ret->count[i])
            return "it has pages at addresses that no machine has";
    }
    ret->data = offset + 4 + (uint64_t)ret->ranges * width;
    if (ret->pages > HIBER_SET_PAGES)
        return "it has more pages than a set can";
    if (ret->size > ret->pages * HIBER_PAGE)
        return "it has more bytes than its pages";
    if (!sc_file_has(file, ret->data, ret->size))
        return "the file ends inside it";
    return NULL;
}

bool hiber_new_fits(const sc_file *file, bool is64, uint64_t page) {
    struct header h;
    return page && page < UINT64_MAX / HIBER_PAGE &&
           !read_header(file, page * HIBER_PAGE, is64, &h);
}

static bool add(struct hiber_index *index, const struct header *h) {
    static const uint8_t methods[] = {HIBER_PLAIN, HIBER_EITHER, HIBER_HUFFMAN, HIBER_HUFFMAN};
    bool raw = h->size == h->pages * HIBER_PAGE;
    uint64_t pos = (uint64_t)index->sets.count << 4;
    if (!hiber_index_set(index, (struct hiber_set){h->data, h->size, (uint8_t)h->pages,
                                                   raw ? HIBER_RAW : methods[h->method]}))
        return false;
    for (unsigned i = 0; i < h->ranges; i++) {
        if (!hiber_index_pages(index, h->pfn[i], h->count[i], pos))
            return false;
        pos += h->count[i];
    }
    return true;
}

/* One restore set from PAGE on; PAGES of UINT64_MAX: until what stands there is no set. */
static bool list(struct sc_source *s, const char *name, bool is64, uint64_t page, uint64_t pages,
                 struct hiber_index *index) {
    uint64_t offset = page * HIBER_PAGE, left = pages;
    while (left) {
        struct header h;
        const char *why = index->sets.count < SETS_MOST
                              ? read_header(s->file, offset, is64, &h)
                              : "there are more sets than any machine has memory for";
        if (why && pages == UINT64_MAX)
            return true;
        if (why) {
            sc_source_note(s, offset,
                           "%s restore set: a compression set cannot be read (%s): %" PRIu64
                           " of %" PRIu64 " pages are missing",
                           name, why, left, pages);
            return true;
        }
        if (!add(index, &h))
            return false;
        left = pages == UINT64_MAX ? pages : left > h.pages ? left - h.pages : 0;
        offset = h.data + h.size;
    }
    return true;
}

bool hiber_new_list(struct sc_source *source, const struct hiber *hiber,
                    struct hiber_index *ret_index) {
    bool is64 = hiber->layout->is64;
    return list(source, "boot", is64, hiber->boot_page, hiber->boot_pages, ret_index) &&
           list(source, "kernel", is64, hiber->kernel_page, hiber->kernel_pages, ret_index);
}
