/* SPDX-License-Identifier: MIT */
/*
 * Pool: the header before a block that a parameter points to, where the dump holds it.
 *
 *   POOL_HEADER  x64: 16 bytes, units of 16; x86: 8 bytes, units of 8 (published type listings)
 *     x64  +0 previous size, pool index, block size, pool type (a byte each)  +4 tag
 *     x86  +0 previous size : 9, pool index : 7, block size : 9, pool type : 7  +4 tag
 *
 * A parameter "pool" is sometimes the header and sometimes the block behind it: whichever of the
 * two places has a plausible header is shown (a tag of printable letters, sizes that are not 0).
 * The table of pool tags says whose tag it is.
 */
#include <string.h>

#include "analyze/explain.h"
#include "nt/pooltag.h"

struct header {
    uint64_t address;
    unsigned previous, size, type; /* sizes in bytes */
    uint32_t tag;
    char text[5];
};

static bool read_header(struct sc_case *c, uint64_t at, struct header *ret) {
    uint8_t b[8];
    struct header h = {.address = at};
    if (sc_space_read(sc_target_space(c->target), at, b, sizeof b, NULL) != SC_READ_OK)
        return false;
    if (c->is32) {
        unsigned low = b[0] | (unsigned)b[1] << 8, high = b[2] | (unsigned)b[3] << 8;
        h.previous = (low & 0x1ff) * 8;
        h.size = (high & 0x1ff) * 8;
        h.type = high >> 9;
    } else {
        h.previous = b[0] * 16u;
        h.size = b[2] * 16u;
        h.type = b[3];
    }
    for (unsigned i = 0; i < 4; i++) {
        uint8_t ch = b[4 + i] & (i == 3 ? 0x7f : 0xff);
        if (ch < 0x20 || ch >= 0x7f)
            return false;
        h.text[i] = (char)ch;
        h.tag |= (uint32_t)b[4 + i] << 8 * i;
    }
    *ret = h;
    return h.size != 0;
}

static void say_header(struct sc_case *c, unsigned n) {
    struct header h;
    struct nt_pooltag tag;
    unsigned size = c->is32 ? 8 : 16;
    uint64_t at = sc_arg(c, n);
    if (at < size || (!read_header(c, at, &h) && !read_header(c, at - size, &h)))
        return;
    bool known = nt_pooltag_find(h.tag, 0, &tag);
    sc_case_fact(c, h.address, sc_case_text(c, "dc %s L4", sc_case_hex(c, h.address)),
                 "The pool header at %s: tag '%s'%s%s%s%s, block of 0x%x bytes, previous 0x%x%s.",
                 sc_case_addr(c, h.address), h.text, known ? " (" : "", known ? tag.text : "",
                 known && tag.binary[0] ? ", " : "",
                 known ? sc_case_text(c, "%s)", tag.binary) : "", h.size, h.previous,
                 h.type ? "" : ", free");
}

void sc_explain_pool(struct sc_case *c) {
    bool any = false;
    for (unsigned n = 2; n <= 4; n++) {
        enum sc_bug_kind kind = c->bug.arg[n - 1].kind;
        if (kind != SC_BUG_POOL || !sc_arg(c, n))
            continue;
        size_t before = c->facts.count;
        say_header(c, n);
        any |= c->facts.count > before;
        if (c->facts.count == before && !any && !c->a->arg[n - 1].meaning)
            sc_arg_absent(c, n, "its pool header is not in this dump, or no longer one");
    }
}
