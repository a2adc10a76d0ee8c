/* SPDX-License-Identifier: MIT */
/*
 * Streams and the lists in them.
 *
 * Two forms of lists exist. The old one is a 32-bit count and then the records; some writers put
 * four bytes of padding behind the count, so that the 64-bit fields are aligned, which shows only
 * in the size of the stream. The newer one says how long its header and a record are, so that
 * both can grow:
 *
 *   +0x00 u32 SizeOfHeader   +0x04 u32 SizeOfEntry   +0x08 u32 NumberOfEntries   (header 0x0c)
 *   +0x00 u32 SizeOfHeader   +0x04 u32 SizeOfEntry   +0x08 u64 NumberOfEntries   (header 0x10)
 *
 * A count larger than the stream has room for is cut, with a note.
 */
#include <inttypes.h>

#include "dump/mdmp_impl.h"

enum form { COUNTED, SIZED, SIZED64 };

static const struct shape {
    uint32_t type;
    enum form form;
    uint32_t header; /* the least size of the header */
    uint32_t entry;  /* the size of a record; of the sized forms, the least */
    const char *what;
} shapes[MDMP_LISTS] = {
    [MDMP_LIST_THREADS] = {MDMP_THREADS, COUNTED, 4, 0x30, "thread list"},
    [MDMP_LIST_THREADS_EX] = {MDMP_THREADS_EX, COUNTED, 4, 0x40, "extended thread list"},
    [MDMP_LIST_MODULES] = {MDMP_MODULES, COUNTED, 4, 0x6c, "module list"},
    [MDMP_LIST_MEMORY] = {MDMP_MEMORY, COUNTED, 4, 0x10, "memory list"},
    [MDMP_LIST_HANDLES] = {MDMP_HANDLES, SIZED, 0x10, 0x20, "handle list"},
    [MDMP_LIST_UNLOADED] = {MDMP_UNLOADED, SIZED, 0x0c, 0x18, "unloaded module list"},
    [MDMP_LIST_MEMORY_INFO] = {MDMP_MEMORY_INFO, SIZED64, 0x10, 0x30, "memory info list"},
    [MDMP_LIST_THREAD_INFO] = {MDMP_THREAD_INFO, SIZED, 0x0c, 0x40, "thread info list"},
    [MDMP_LIST_HANDLE_OPS] = {MDMP_HANDLE_OPS, SIZED, 0x0c, 0x20, "handle operation list"},
    [MDMP_LIST_THREAD_NAMES] = {MDMP_THREAD_NAMES, COUNTED, 4, 0x0c, "thread name list"},
};

const struct sc_mdmp_stream *mdmp_find(const struct sc_source *source, uint32_t type) {
    const struct mdmp *m = source->impl;
    const struct sc_mdmp_stream *partial = NULL;
    for (uint32_t i = 0; i < m->header.nstreams; i++) {
        const struct sc_mdmp_stream *s = &m->streams[i];
        if (s->type != type || !s->size)
            continue;
        if (s->inside)
            return s;
        if (!partial && s->rva < sc_file_size(source->file))
            partial = s;
    }
    return partial;
}

struct sc_cur mdmp_cur(const struct sc_source *source, const struct sc_mdmp_stream *stream,
                       const char *what) {
    return sc_cur_at(source->file, stream->rva, stream->size, what);
}

void mdmp_note_failed(struct sc_source *source, const struct sc_cur *cur) {
    if (cur->io)
        sc_source_note(source, cur->fail_pos, "%s: read failed", cur->what);
    else
        sc_source_note(source, cur->fail_pos, "%s: %" PRIu64 " bytes wanted, %" PRIu64 " left",
                       cur->what, cur->fail_want,
                       cur->fail_pos < cur->end ? cur->end - cur->fail_pos : 0);
}

/* Reads the header: the declared count, and in LIST where the records are and how long. */
static bool read_header(struct sc_source *source, const struct shape *shape,
                        const struct sc_mdmp_stream *stream, struct mdmp_list *list,
                        uint64_t *ret_count) {
    struct sc_cur c = mdmp_cur(source, stream, shape->what);
    uint32_t header = shape->header;
    uint64_t count;
    list->entry = shape->entry;
    if (shape->form == COUNTED) {
        count = sc_u32(&c);
        if (stream->size == 8 + count * shape->entry)
            header = 8; /* padded */
    } else {
        header = sc_u32(&c);
        list->entry = sc_u32(&c);
        count = shape->form == SIZED ? sc_u32(&c) : sc_u64(&c);
    }
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return false;
    }
    if (header < shape->header || list->entry < shape->entry) {
        sc_source_note(source, stream->rva,
                       "%s: header of 0x%x and records of 0x%x bytes, at least 0x%x and 0x%x "
                       "expected: left out",
                       shape->what, header, list->entry, shape->header, shape->entry);
        return false;
    }
    list->first = (uint64_t)stream->rva + header;
    *ret_count = count;
    return true;
}

static void open_list(struct sc_source *source, const struct shape *shape, struct mdmp_list *list) {
    const struct sc_mdmp_stream *stream = mdmp_find(source, shape->type);
    uint64_t count;
    list->what = shape->what;
    list->entry = shape->entry;
    if (!stream || !read_header(source, shape, stream, list, &count))
        return;
    struct sc_cur all = mdmp_cur(source, stream, shape->what);
    uint64_t room = list->first < all.end ? (all.end - list->first) / list->entry : 0;
    if (count > room) {
        sc_source_note(source, stream->rva,
                       "%s: says %" PRIu64 " records, has room for %" PRIu64 ": the rest is left "
                       "out",
                       shape->what, count, room);
        count = room;
    }
    list->count = count;
}

const struct mdmp_list *mdmp_list(struct sc_source *source, enum mdmp_list_id id) {
    struct mdmp *m = source->impl;
    struct mdmp_list *list = &m->lists[id];
    if (!list->opened) {
        list->opened = true;
        open_list(source, &shapes[id], list);
    }
    return list;
}

struct sc_cur mdmp_record(const struct sc_source *source, const struct mdmp_list *list,
                          uint64_t index) {
    return sc_cur_at(source->file, list->first + index * list->entry, list->entry, list->what);
}

struct mdmp_location mdmp_location(struct sc_cur *cur) {
    struct mdmp_location where;
    where.size = sc_u32(cur);
    where.rva = sc_u32(cur);
    return where;
}

bool mdmp_inside(const struct sc_source *source, struct mdmp_location where) {
    return sc_file_has(source->file, where.rva, where.size);
}

unsigned mdmp_ptr_size(const struct sc_source *source) {
    return source->machine.cpu == SC_CPU_X86 || source->machine.cpu == SC_CPU_ARM ? 4 : 8;
}

uint64_t mdmp_address(const struct sc_source *source, uint64_t address) {
    if (mdmp_ptr_size(source) == 4 && address >> 32 == UINT32_MAX)
        return address & UINT32_MAX;
    return address;
}

void mdmp_count(struct mdmp_tally *tally, uint64_t offset, uint64_t bytes) {
    if (!tally->count++)
        tally->first = offset;
    tally->bytes = bytes > UINT64_MAX - tally->bytes ? UINT64_MAX : tally->bytes + bytes;
}
