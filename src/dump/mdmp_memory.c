/* SPDX-License-Identifier: MIT */
/*
 * The memory of the process, and what is known of its address space.
 *
 * Memory64ListStream (9), of full dumps: the bytes of all ranges lie one behind the other from
 * BaseRva on, mostly at the end of the file, so the ranges name no offsets.
 *   +0x00 u64 NumberOfMemoryRanges   +0x08 u64 BaseRva
 *   +0x10 {u64 StartOfMemoryRange, u64 DataSize}[]
 * MemoryListStream (5): u32 count, then MINIDUMP_MEMORY_DESCRIPTOR (0x10 bytes)
 *   +0x00 u64 StartOfMemoryRange   +0x08 u32 DataSize   +0x0c u32 Rva
 * The threads' stacks are descriptors as well; as a rule the memory list has them, too, but not
 * every writer keeps to it.
 * MemoryInfoListStream (16): header 0x10 (see mdmp_stream.c), then MINIDUMP_MEMORY_INFO (0x30)
 *   +0x00 u64 BaseAddress        +0x18 u64 RegionSize   +0x28 u32 Type
 *   +0x08 u64 AllocationBase     +0x20 u32 State
 *   +0x10 u32 AllocationProtect  +0x24 u32 Protect
 *
 * A dump that was cut off has lost the end of its memory: what is left is used, the rest noted.
 */
#include <inttypes.h>

#include "dump/mdmp_impl.h"

/* What was wrong with the ranges of one list. */
struct faults {
    struct mdmp_tally empty, wrapping, behind;
};

static void note_faults(struct sc_source *source, const char *what, const struct faults *f) {
    if (f->empty.count)
        sc_source_note(source, f->empty.first, "%s: %" PRIu64 " ranges without bytes dropped", what,
                       f->empty.count);
    if (f->wrapping.count)
        sc_source_note(source, f->wrapping.first,
                       "%s: %" PRIu64 " ranges that run over the end of the address space dropped",
                       what, f->wrapping.count);
    if (f->behind.count)
        sc_source_note(source, f->behind.first,
                       "%s: %" PRIu64 " bytes of %" PRIu64
                       " ranges lie behind the end of the file (was it cut off?)",
                       what, f->behind.bytes, f->behind.count);
}

/* Does [start, start + size) stay inside the target's address space? */
static bool in_space(const struct sc_source *source, uint64_t start, uint64_t size) {
    if (mdmp_ptr_size(source) == 4)
        return start <= UINT32_MAX && size <= (uint64_t)UINT32_MAX + 1 - start;
    return size <= UINT64_MAX - start;
}

/* Appends a range, cut to what the file holds; RECORD is where the list names it. */
static sc_err *add(struct sc_source *source, struct sc_ranges *ranges, struct sc_range range,
                   uint64_t record, struct faults *f) {
    uint64_t file_size = sc_file_size(source->file);
    range.start = mdmp_address(source, range.start);
    if (!range.size) {
        mdmp_count(&f->empty, record, 0);
        return NULL;
    }
    if (!in_space(source, range.start, range.size)) {
        mdmp_count(&f->wrapping, record, range.size);
        return NULL;
    }
    uint64_t held = range.offset < file_size ? file_size - range.offset : 0;
    if (range.size > held) {
        mdmp_count(&f->behind, record, range.size - held);
        range.size = held;
        if (!held)
            return NULL;
    }
    struct sc_range *slot = SC_VEC_PUSH(ranges);
    if (!slot)
        return sc_err_nomem();
    *slot = range;
    return NULL;
}

static sc_err *reserve(struct sc_ranges *ranges, uint64_t more) {
    if (!SC_VEC_RESERVE(ranges, ranges->count + more))
        return sc_err_nomem();
    return NULL;
}

/* The header of the 64-bit list: how many ranges its stream holds, and where their bytes begin. */
static bool open_memory64(struct sc_source *source, struct sc_cur *c, uint64_t *ret_count,
                          uint64_t *ret_base) {
    uint64_t count = sc_u64(c);
    *ret_base = sc_u64(c);
    if (sc_cur_failed(c)) {
        mdmp_note_failed(source, c);
        return false;
    }
    uint64_t room = sc_cur_left(c) / 16;
    if (count > room) {
        sc_source_note(source, c->start,
                       "64-bit memory list: says %" PRIu64 " ranges, has room for %" PRIu64, count,
                       room);
        count = room;
    }
    *ret_count = count;
    return true;
}

static sc_err *load_memory64(struct sc_source *source, struct sc_ranges *virt) {
    static const char what[] = "64-bit memory list";
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_MEMORY64);
    uint64_t count, offset;
    if (!stream)
        return NULL;
    struct sc_cur c = mdmp_cur(source, stream, what);
    if (!open_memory64(source, &c, &count, &offset))
        return NULL;
    struct faults f = {0};
    sc_err *err = reserve(virt, count);
    for (uint64_t i = 0; i < count && !err; i++) {
        uint64_t record = c.pos;
        struct sc_range r = {.offset = offset};
        r.start = sc_u64(&c);
        r.size = sc_u64(&c);
        err = add(source, virt, r, record, &f);
        /* An offset that cannot grow any more is behind the file's end, as all that follow. */
        offset = r.size > UINT64_MAX - offset ? UINT64_MAX : offset + r.size;
    }
    note_faults(source, what, &f);
    if (sc_cur_failed(&c))
        mdmp_note_failed(source, &c);
    return err;
}

/* A MINIDUMP_MEMORY_DESCRIPTOR that the cursor stands on. */
static struct sc_range descriptor(struct sc_cur *cur) {
    struct sc_range r;
    r.start = sc_u64(cur);
    r.size = sc_u32(cur);
    r.offset = sc_u32(cur);
    return r;
}

static sc_err *load_memory32(struct sc_source *source, struct sc_ranges *virt) {
    const struct mdmp_list *list = mdmp_list(source, MDMP_LIST_MEMORY);
    struct faults f = {0};
    sc_err *err = reserve(virt, list->count);
    for (uint64_t i = 0; i < list->count && !err; i++) {
        struct sc_cur c = mdmp_record(source, list, i);
        struct sc_range r = descriptor(&c);
        if (sc_cur_failed(&c))
            mdmp_note_failed(source, &c);
        else
            err = add(source, virt, r, c.start, &f);
    }
    note_faults(source, list->what, &f);
    return err;
}

/* Stacks (+0x18 of a thread) and IA64's backing stores (+0x30), where they name bytes. */
static sc_err *load_stacks(struct sc_source *source, struct sc_ranges *virt) {
    const struct mdmp_list *list = mdmp_thread_list(source);
    struct faults f = {0};
    sc_err *err = NULL;
    for (uint64_t i = 0; i < list->count && !err; i++) {
        struct sc_cur c = mdmp_record(source, list, i);
        sc_cur_skip(&c, 0x18);
        for (uint32_t at = 0x18; at + 0x10 <= list->entry && !err; at += 0x18) {
            struct sc_range r = descriptor(&c);
            sc_cur_skip(&c, list->entry >= 0x40 && at == 0x18 ? 8 : 0); /* the context */
            if (r.size && r.offset && !sc_cur_failed(&c))
                err = add(source, virt, r, c.start + at, &f);
        }
    }
    note_faults(source, "thread stacks", &f);
    return err;
}

sc_err *mdmp_load_memory(struct sc_source *source, struct sc_ranges *virt, struct sc_ranges *phys) {
    (void)phys; /* a process has none */
    sc_err *err = load_memory64(source, virt);
    if (!err)
        err = load_memory32(source, virt);
    if (!err)
        err = load_stacks(source, virt);
    return err;
}

sc_err *sc_mdmp_region(struct sc_source *source, size_t index, struct sc_mdmp_region *ret,
                       bool *ret_more) {
    const struct mdmp_list *list =
        mdmp_of(source) ? mdmp_list(source, MDMP_LIST_MEMORY_INFO) : NULL;
    if (!list || index >= list->count) {
        *ret_more = false;
        return NULL;
    }
    struct sc_cur c = mdmp_record(source, list, index);
    struct sc_mdmp_region r = {0};
    r.base = mdmp_address(source, sc_u64(&c));
    r.alloc_base = mdmp_address(source, sc_u64(&c));
    r.alloc_protect = sc_u32(&c);
    sc_u32(&c);
    r.size = sc_u64(&c);
    r.state = sc_u32(&c);
    r.protect = sc_u32(&c);
    r.type = sc_u32(&c);
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    *ret = r;
    *ret_more = true;
    return NULL;
}
