/* SPDX-License-Identifier: MIT */
/*
 * Complete memory dumps (DumpType 1): the header, then the pages of its runs one behind the other.
 * The header has room for 43 runs (32-bit: 86).
 */
#include <inttypes.h>

#include "convert/convert_impl.h"

static uint64_t count_runs(const struct conversion *c, unsigned most) {
    uint64_t from = 0, pfn, count, n = 0;
    for (; n <= most && conv_selection_next(&c->sel, from, &pfn, &count); n++)
        from = pfn + count;
    return n;
}

sc_err *conv_write_full(struct conversion *c) {
    struct conv_header h;
    unsigned most = conv_header_runs(c);
    if (count_runs(c, most) > most)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "the pages lie in more than %u pieces, and the header of a full dump has "
                       "room for no more: --to %s",
                       most, c->is64 ? "bitmap or --to elf" : "elf");
    uint64_t first = c->is64 ? 0x2000 : 0x1000;
    uint64_t end = first + c->result.pages * CONV_PAGE;
    sc_err *err = conv_header_make(c, 1, true, end, &h);
    if (!err)
        err = sc_newfile_write(c->out, 0, h.bytes, h.size);
    if (!err)
        err = conv_copy_all(c, first);
    return err ? err : conv_copy_blobs(c, end);
}
