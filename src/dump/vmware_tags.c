/* SPDX-License-Identifier: MIT */
/*
 * VMware's state files: .vmss of a suspended machine, .vmsn of a snapshot.
 *
 *   header   +0x00 u32 magic: 0xbed2bed2, bed3bed3, bad1bad1, bad2bad2, and the old ones bed0bed0
 *                      and bed2bed0; the low four bits are a version
 *            +0x04 u32 version of the program's own   +0x08 u32 number of groups
 *            +0x0c groups of 0x50 bytes: char name[64], u64 offset of its tags, u64 size
 *   tag      u8 flags: bits 0 to 5 the size of the data, 6 and 7 the number of indices
 *            u8 length of the name; the name; the indices (u32 each); the data
 *            flags and length both 0: the group's end
 *   block    size 62 (compressed) or 63: then the data is
 *            size in the file, size in memory (4 bytes each in version 0, else 8),
 *            u16 length of a padding, the padding, the bytes
 *
 * Sources: Volatility's documentation of its VMware address space, the blog post and the
 * vmsnparser that it came from; facts of VMware's own reader in the crash utility; all public. The
 * group's size is not relied on by anybody, nor here.
 */
#include <string.h>

#include "dump/vmware_impl.h"

enum { GROUP_SIZE = 0x50, GROUPS_AT = 0x0c, COMPRESSED = 62, BLOCK = 63 };

bool vmware_is_state(const sc_file *file) {
    uint8_t head[0x1000];
    size_t got;
    return sc_file_read_some(file, 0, head, sizeof head, &got) &&
           sc_probe_bytes(head, got, sc_file_size(file)).format == SC_FORMAT_VMWARE;
}

uint64_t vmware_number(const struct vmware_tag *tag, unsigned skip, unsigned width) {
    uint64_t value = 0;
    struct sc_cur c = sc_cur_at(tag->file, tag->offset, tag->size, "VMware tag");
    sc_cur_skip(&c, skip);
    for (unsigned i = 0; i < width && sc_cur_left(&c); i++)
        value |= (uint64_t)sc_u8(&c) << (8 * i);
    return value;
}

/* The data of a block: sizes, padding, bytes. */
static void block(struct sc_cur *c, bool wide, struct vmware_tag *ret) {
    ret->size = sc_uptr(c, wide ? 8 : 4);
    sc_uptr(c, wide ? 8 : 4);
    sc_cur_skip(c, sc_u16(c));
    ret->offset = c->pos;
    sc_cur_skip(c, ret->size);
}

/* The tag at the cursor; false at the group's end or where the file ends inside it. */
static bool next_tag(struct sc_source *s, struct sc_cur *c, bool wide, struct vmware_tag *ret) {
    uint64_t at = c->pos;
    unsigned flags = sc_u8(c), length = sc_u8(c), size = flags & 63;
    if (!sc_cur_failed(c) && !flags && !length)
        return false;
    *ret = (struct vmware_tag){.file = c->file, .nindices = flags >> 6};
    sc_cur_bytes(c, ret->name, length);
    for (unsigned i = 0; i < ret->nindices; i++)
        ret->index[i] = sc_u32(c);
    ret->compressed = size == COMPRESSED;
    ret->offset = c->pos;
    ret->size = size;
    if (size == COMPRESSED || size == BLOCK)
        block(c, wide, ret);
    else
        sc_cur_skip(c, size);
    if (sc_cur_failed(c))
        sc_source_note(s, at, "the state file ends inside the tag '%.40s'", ret->name);
    /* A block that is cut is still worth having: it may be the memory. */
    return !sc_cur_failed(c) ||
           (size >= COMPRESSED && ret->offset < sc_file_size(c->file) && ret->offset > at);
}

static sc_err *each_of(struct sc_source *s, const sc_file *file, uint64_t offset, bool wide,
                       vmware_tag_fn fn, void *ctx) {
    struct sc_cur c = sc_cur_at(file, offset, UINT64_MAX - offset, "VMware tag");
    struct vmware_tag tag;
    for (int i = 0; i < VMWARE_TAGS_MAX && next_tag(s, &c, wide, &tag); i++) {
        sc_err *err = fn(ctx, &tag);
        if (err || sc_cur_failed(&c))
            return err;
    }
    return NULL;
}

sc_err *vmware_each_tag(struct sc_source *source, const sc_file *file, const char *name,
                        vmware_tag_fn fn, void *ctx) {
    struct sc_cur c = sc_cur_at(file, 0, UINT64_MAX, "VMware header");
    bool wide = sc_u32(&c) & 0xf;
    sc_u32(&c);
    uint32_t count = sc_u32(&c);
    if (count > VMWARE_GROUPS_MAX)
        count = VMWARE_GROUPS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        char group[65] = "";
        sc_cur_bytes(&c, group, 64);
        uint64_t offset = sc_u64(&c);
        sc_u64(&c);
        if (sc_cur_failed(&c)) {
            sc_source_note(source, GROUPS_AT + (uint64_t)i * GROUP_SIZE,
                           "the state file ends inside its table of groups");
            return NULL;
        }
        if (!strcmp(group, name))
            return each_of(source, file, offset, wide, fn, ctx);
    }
    return NULL;
}
