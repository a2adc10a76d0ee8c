/* SPDX-License-Identifier: MIT */
/*
 * LiME images: ranges of physical memory one after the other.
 *
 *   +0x00 "EMiL" (u32 0x4c694d45)   +0x08 u64 first address of the range
 *   +0x04 u32 version, 1            +0x10 u64 last address (inclusive)
 *                                   +0x18 8 bytes reserved
 *   +0x20 the range's bytes, then the next header
 *
 * Nothing says what machine it was: the kernel is looked for. AVML, which writes the same headers,
 * has a version 2 ("AVML", 0x4c4d5641) whose ranges are compressed with Snappy: not read.
 *
 * Source: LiME's documentation (doc/README), public. No real image of Windows was at hand; LiME
 * itself runs on Linux, other tools convert to its form.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/vec.h"
#include "dump/dump.h"
#include "dump/runs.h"

enum { HEADER = 0x20, MAGIC = 0x4c694d45, RANGES_MAX = 1 << 20 };

struct header {
    uint32_t magic, version;
    uint64_t first, last;
};

static bool read_header(const struct sc_source *s, uint64_t at, struct header *ret) {
    struct sc_cur c = sc_cur_at(s->file, at, HEADER, "LiME header");
    ret->magic = sc_u32(&c);
    ret->version = sc_u32(&c);
    ret->first = sc_u64(&c);
    ret->last = sc_u64(&c);
    sc_u64(&c);
    return !sc_cur_failed(&c);
}

/* The range whose header stands at *AT, which is moved on; false at the end, with a note if it is
 * no good one. */
static bool next_range(struct sc_source *s, uint64_t *at, struct sc_range *ret) {
    uint64_t size = sc_file_size(s->file), here = *at;
    struct header h;
    if (here >= size)
        return false;
    if (!read_header(s, here, &h)) {
        sc_source_note(s, here, "the file ends inside a LiME header");
        return false;
    }
    if (h.magic != MAGIC || h.last < h.first) {
        sc_source_note(s, here,
                       h.magic != MAGIC
                           ? "here should be a LiME header: the rest of the file is not read"
                           : "a LiME range ends before it begins: the rest of the file is not "
                             "read");
        return false;
    }
    uint64_t length = h.last - h.first + 1; /* 0: all of 2^64 */
    *ret = (struct sc_range){h.first, length ? length : UINT64_MAX, here + HEADER};
    *at = length && length < size - here ? here + HEADER + length : size;
    return true;
}

static sc_err *open_pages(struct sc_source *s, struct sc_pages *ret_pages) {
    struct sc_ranges runs = {0};
    struct sc_range range;
    uint64_t at = 0;
    while (runs.count < RANGES_MAX && next_range(s, &at, &range)) {
        struct sc_range *slot = SC_VEC_PUSH(&runs);
        if (!slot) {
            SC_VEC_FREE(&runs);
            return sc_err_nomem();
        }
        *slot = range;
    }
    if (runs.count == RANGES_MAX)
        sc_source_note(s, at, "more than %d ranges: the rest is not read", RANGES_MAX);
    return sc_runs_pages(s, &runs, ret_pages);
}

static const struct sc_source_ops ops = {.name = "LiME image", .open_pages = open_pages};

sc_err *sc_lime_open(struct sc_source *source) {
    struct header h;
    const char *name = sc_file_name(source->file);
    source->ops = &ops;
    source->machine.kernel = true;
    if (!read_header(source, 0, &h))
        return sc_err_at(SC_ERR_FORMAT, name, 0, "the file ends inside its first LiME header");
    if (h.version != 1)
        return sc_err_at(SC_ERR_UNSUPPORTED, name, 4,
                         "LiME image of version %" PRIu32 ": version 1 is read", h.version);
    return NULL;
}
