/* SPDX-License-Identifier: MIT */
/*
 * User minidumps: the header, the stream directory, and the opener.
 *
 *   +0x00  MINIDUMP_HEADER (0x20 bytes)
 *          +0x00  'MDMP'              +0x10  u32 CheckSum (always 0 so far)
 *          +0x04  u32 Version         +0x14  u32 TimeDateStamp (seconds since 1970)
 *          +0x08  u32 NumberOfStreams +0x18  u64 Flags (MINIDUMP_TYPE)
 *          +0x0c  u32 StreamDirectoryRva
 *   directory: NumberOfStreams times MINIDUMP_DIRECTORY (0x0c bytes)
 *          +0x00  u32 StreamType   +0x04  u32 DataSize   +0x08  u32 Rva
 *
 * The low half of Version is 0xa793; the high half is the writer's own. An Rva is a file offset of
 * 32 bits; what may lie behind 4 GiB (the memory of a full dump) has a 64-bit one. A location that
 * is absent has size 0 and, mostly, Rva 0. Structures are packed to 4 bytes. Strings are
 * MINIDUMP_STRINGs, see mdmp_string.c; lists come in two forms, see mdmp_stream.c. The streams
 * themselves are described in the files that read them.
 *
 * Learnt from the public minidumpapiset.h and its documentation, and from real files of dbghelp,
 * dbgcore, Breakpad and Crashpad. When a type occurs twice, the first stream is used; dbghelp pads
 * the directory with rows of type 0. Nothing is guessed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "dump/mdmp_impl.h"

static void destroy(struct sc_source *source) {
    struct mdmp *m = source->impl;
    if (!m)
        return;
    sc_map_free(&m->strings);
    free(m->annotations.item);
    free(m);
    source->impl = NULL;
}

static const struct sc_source_ops ops = {
    .name = "minidump",
    .destroy = destroy,
    .load_memory = mdmp_load_memory,
    .load_modules = mdmp_load_modules,
    .load_unloaded = mdmp_load_unloaded,
    .load_threads = mdmp_load_threads,
};

struct mdmp *mdmp_of(const struct sc_source *source) {
    return source && source->ops == &ops ? source->impl : NULL;
}

static sc_err *read_header(struct sc_source *source) {
    struct mdmp *m = source->impl;
    struct sc_mdmp_header *h = &m->header;
    char magic[4];
    struct sc_cur c = sc_cur_at(source->file, 0, MDMP_HEADER_SIZE, "minidump header");
    sc_cur_bytes(&c, magic, sizeof magic);
    h->version = sc_u32(&c);
    h->nstreams = sc_u32(&c);
    h->directory_rva = sc_u32(&c);
    h->checksum = sc_u32(&c);
    h->timestamp = sc_u32(&c);
    h->flags = sc_u64(&c);
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    if (!memcmp(magic, "PMDM", 4))
        return sc_err_at(SC_ERR_UNSUPPORTED, c.name, 0,
                         "a minidump of a big-endian machine: only little-endian ones are read");
    if (memcmp(magic, "MDMP", 4))
        return sc_err_at(SC_ERR_FORMAT, c.name, 0, "not a minidump: 'MDMP' expected");
    if ((h->version & 0xffff) != 0xa793)
        sc_source_note(source, 4, "minidump version 0x%x: 0x....a793 expected", h->version);
    source->machine.time = h->timestamp ? sc_time_from_unix(h->timestamp) : 0;
    return NULL;
}

/* How many rows of the directory there are to read; an error when there is none. */
static sc_err *check_directory(struct sc_source *source, uint32_t *ret_rows) {
    struct mdmp *m = source->impl;
    uint32_t rows = m->header.nstreams, rva = m->header.directory_rva;
    const char *name = sc_file_name(source->file);
    uint64_t size = sc_file_size(source->file);
    uint64_t room = rva < size ? (size - rva) / MDMP_DIRECTORY_SIZE : 0;
    if (!rows)
        return sc_err_at(SC_ERR_FORMAT, name, 8, "the minidump has no streams");
    if (!room)
        return sc_err_at(SC_ERR_FORMAT, name, rva,
                         "the directory of %u streams lies behind the end of the file (0x%" PRIx64
                         " bytes)",
                         rows, size);
    if (rows > room) {
        sc_source_note(source, rva, "the directory says %u streams, the file has room for %" PRIu64,
                       rows, room);
        rows = (uint32_t)room;
    }
    if (rows > MDMP_STREAMS_MAX) {
        sc_source_note(source, rva, "the directory says %u streams: only the first %d are read",
                       rows, MDMP_STREAMS_MAX);
        rows = MDMP_STREAMS_MAX;
    }
    *ret_rows = rows;
    return NULL;
}

/* Notes a stream of a type that an earlier row (with data) has already. */
static void note_duplicate(struct sc_source *source, uint32_t row, uint64_t offset) {
    const struct mdmp *m = source->impl;
    const struct sc_mdmp_stream *s = &m->streams[row];
    if (!s->type || !s->size)
        return;
    for (uint32_t i = 0; i < row; i++) {
        if (m->streams[i].type == s->type && m->streams[i].inside && m->streams[i].size) {
            sc_source_note(source, offset, "stream %u is a second one of type 0x%x (%s): not used",
                           row, s->type, s->name ? s->name : "unknown");
            return;
        }
    }
}

static sc_err *read_directory(struct sc_source *source) {
    struct mdmp *m = source->impl;
    uint32_t rows = 0;
    sc_err *err = check_directory(source, &rows);
    if (err)
        return err;
    m->streams = sc_arena_array(source->arena, rows, sizeof *m->streams);
    if (!m->streams)
        return sc_err_nomem();
    struct sc_cur c = sc_cur_at(source->file, m->header.directory_rva,
                                (uint64_t)rows * MDMP_DIRECTORY_SIZE, "stream directory");
    for (uint32_t i = 0; i < rows; i++) {
        struct sc_mdmp_stream *s = &m->streams[i];
        uint64_t offset = c.pos;
        s->type = sc_u32(&c);
        s->size = sc_u32(&c);
        s->rva = sc_u32(&c);
        s->name = mdmp_stream_name(s->type);
        s->inside = sc_file_has(source->file, s->rva, s->size);
        if (!s->inside && s->type && s->size)
            sc_source_note(source, offset,
                           "stream %u (type 0x%x, %s) at 0x%x, 0x%x bytes, ends behind the file", i,
                           s->type, s->name ? s->name : "unknown", s->rva, s->size);
        note_duplicate(source, i, offset);
    }
    m->header.nstreams = rows;
    m->header.streams = m->streams;
    return sc_cur_failed(&c) ? sc_cur_err(&c) : NULL;
}

/* The streams that say what the machine, the process and the event are. */
static sc_err *read_facts(struct sc_source *source) {
    sc_err *err = mdmp_read_system(source);
    if (!err)
        err = mdmp_read_misc(source);
    if (!err)
        err = mdmp_read_assertion(source);
    if (!err)
        err = mdmp_read_comment(source);
    if (err)
        return err;
    mdmp_read_linux(source);
    mdmp_read_crashpad(source);
    mdmp_read_breakpad(source);
    mdmp_read_exception(source);
    return NULL;
}

sc_err *sc_mdmp_open(struct sc_source *source) {
    struct mdmp *m = calloc(1, sizeof *m);
    if (!m)
        return sc_err_nomem();
    uint64_t size = sc_file_size(source->file);
    m->text_left = (size < UINT64_MAX / 4 ? 2 * size : size) + MDMP_TEXT_SLACK;
    source->impl = m;
    source->ops = &ops;
    source->machine.kernel = false;
    source->machine.uptime = SC_UNSET64;
    source->machine.event_context_off = SC_UNSET64;
    source->machine.service_pack = "";
    source->machine.platform = "unknown platform";
    source->machine.windows = false;
    sc_err *err = read_header(source);
    if (!err)
        err = read_directory(source);
    if (!err)
        err = read_facts(source);
    return err;
}

const struct sc_mdmp_header *sc_mdmp_header(const struct sc_source *source) {
    const struct mdmp *m = mdmp_of(source);
    return m ? &m->header : NULL;
}

const struct sc_mdmp_stream *sc_mdmp_stream(const struct sc_source *source, uint32_t type) {
    if (!mdmp_of(source))
        return NULL;
    const struct sc_mdmp_stream *s = mdmp_find(source, type);
    return s && s->inside ? s : NULL;
}
