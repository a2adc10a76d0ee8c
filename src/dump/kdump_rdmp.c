/* SPDX-License-Identifier: MIT */
/*
 * Kernel dumps that a debugger wrote (dbgeng's `.dump`): DumpType 8 kernel memory (/k), 9 kernel
 * and user memory (/ka), 0xA complete memory (/f). Behind the header, at 0x2000:
 *
 *   Marker            +0x00  u32   0x40
 *   Signature "RDMP"  +0x04  u32
 *   ValidDump "DUMP"  +0x08  u32
 *   not documented    +0x0c  u32
 *   MetadataSize      +0x10  u64   bytes from +0x20 to the first page
 *   FirstPageOffset   +0x18  u64   file offset of the first page
 *   types 8 and 9     +0x20  16 bytes, not documented
 *   type 0xA          +0x20  u32 NumberOfRanges, two u16, +0x28 u64 TotalNumberOfPages
 *   ranges            +0x30  {u64 page number, u64 pages}
 *
 * The pages of the ranges lie one behind the other. The list ends at page number 0 (of type 0xA: at
 * an empty entry, or when TotalNumberOfPages are listed) or where the metadata do.
 *
 * Guessed: a 32-bit form, the same at 0x1000; none is known to exist. Sources: kdmp-parser.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "dump/kdump_impl.h"
#include "dump/runs.h"

enum { COMPLETE = 10, HEAD = 0x20, LIST = 0x30, ENTRY = 16 };

/* A machine of 64 GB whose memory is in pieces of 16 KiB has 4 million. */
enum { RANGES_MAX = 1 << 24 };

bool sc_kdump_find_ranges(struct sc_source *source, struct sc_kdump *kd) {
    uint64_t part = sc_kdump_header_size(&kd->header);
    bool complete = kd->header.dump_type == COMPLETE;
    struct sc_cur c = sc_cur_at(source->file, part, LIST, "page ranges");
    struct sc_kdump_memory m = {.layout = SC_KDUMP_RANGES,
                                .name = kd->header.is64 ? "RDMP_HEADER64" : "RDMP_HEADER32",
                                .assumed = !kd->header.is64,
                                .offset = part,
                                .pages = SC_UNSET64,
                                .list_offset = part + LIST};
    uint32_t marker = sc_u32(&c);
    m.signature = sc_u32(&c);
    sc_cur_skip(&c, 8);
    m.metadata_size = sc_u64(&c);
    m.first_page = sc_u64(&c);
    if (complete) {
        m.nranges = sc_u32(&c);
        sc_u32(&c);
        m.pages = sc_u64(&c);
    }
    if (sc_cur_failed(&c) || m.first_page < part + LIST || m.first_page > UINT64_C(1) << 62) {
        sc_source_note(source, part,
                       "the list of pages cannot be right: the first page at 0x%" PRIx64,
                       m.first_page);
        return false;
    }
    if (marker != 0x40)
        sc_source_note(source, part, "the page ranges begin with 0x%" PRIx32 " instead of 0x40",
                       marker);
    if (m.first_page - part - HEAD != m.metadata_size)
        sc_source_note(source, part + 0x10,
                       "MetadataSize is 0x%" PRIx64 ", but the first page lies at 0x%" PRIx64,
                       m.metadata_size, m.first_page);
    if (m.assumed)
        sc_source_note(source, part,
                       "how 32-bit dumps of this type list their pages is documented nowhere: read "
                       "by analogy");
    kd->memory = m;
    return true;
}

/* Behind the list: where the metadata end or the pages begin, whatever comes first. */
static uint64_t list_end(const struct sc_kdump_memory *m) {
    uint64_t room = m->first_page - m->offset - HEAD;
    return m->offset + HEAD + (m->metadata_size < room ? m->metadata_size : room);
}

/* Collects the ranges; false when memory is short. */
static bool read_ranges(struct sc_cur *c, const struct sc_kdump_memory *m,
                        struct sc_kdump_run_list *list, uint64_t *ret_count) {
    uint64_t n = 0;
    for (; n < RANGES_MAX && sc_cur_left(c) >= ENTRY; n++) {
        uint64_t base = sc_u64(c), count = sc_u64(c);
        bool complete = m->pages != SC_UNSET64;
        if (sc_cur_failed(c) || (!base && (!count || !complete)) ||
            (complete && list->pages >= m->pages))
            break;
        if (!sc_kdump_add_run(list, base, count))
            return false;
    }
    *ret_count = n;
    return true;
}

static void note_oddities(struct sc_source *s, struct sc_kdump *kd,
                          const struct sc_kdump_run_list *list, uint64_t count) {
    const struct sc_kdump_memory *m = &kd->memory;
    if (list->wild)
        sc_source_note(s, m->list_offset,
                       "%" PRIu64 " page ranges lie beyond the physical address space", list->wild);
    if (count == RANGES_MAX)
        sc_source_note(s, m->list_offset, "more than %d page ranges: the rest is left out",
                       RANGES_MAX);
    if (m->pages != SC_UNSET64 && (m->pages != list->pages || m->nranges != count))
        sc_source_note(s, m->offset + HEAD,
                       "0x%" PRIx64 " pages in %" PRIu32 " ranges are announced, but 0x%" PRIx64
                       " in %" PRIu64 " are listed",
                       m->pages, m->nranges, list->pages, count);
    uint64_t size = sc_file_size(s->file);
    if (list_end(m) > size)
        sc_source_note(s, size, "the file ends inside its list of page ranges");
    sc_kdump_note_cut(s, kd, list->pages);
}

/* Reads the list; the caller frees list->ranges, also on failure. */
static sc_err *read_list(struct sc_source *s, const struct sc_kdump_memory *m,
                         struct sc_kdump_run_list *list, uint64_t *ret_count) {
    uint64_t end = list_end(m), size = end > m->list_offset ? end - m->list_offset : 0;
    struct sc_cur c = sc_cur_at(s->file, m->list_offset, size, "page ranges");
    *list = (struct sc_kdump_run_list){.file = s->file, .first_page = m->first_page};
    if (!read_ranges(&c, m, list, ret_count))
        return sc_err_nomem();
    return c.io ? sc_cur_err(&c) : NULL;
}

sc_err *sc_kdump_open_ranges(struct sc_source *source, struct sc_pages *ret_pages) {
    struct sc_kdump *kd = sc_kdump_impl(source);
    struct sc_kdump_run_list list;
    uint64_t count = 0;
    sc_err *err = read_list(source, &kd->memory, &list, &count);
    if (err) {
        SC_VEC_FREE(&list.ranges);
        return err;
    }
    note_oddities(source, kd, &list, count);
    return sc_runs_pages(source, &list.ranges, ret_pages);
}

sc_err *sc_kdump_count_ranges(struct sc_source *source, uint64_t *ret_pages) {
    struct sc_kdump_run_list list;
    uint64_t count;
    sc_err *err = read_list(source, &sc_kdump_impl(source)->memory, &list, &count);
    SC_VEC_FREE(&list.ranges);
    if (!err)
        *ret_pages = list.pages;
    return err;
}
