/* SPDX-License-Identifier: MIT */
/*
 * The two lists whose records have sizes of their own, so that they must be walked: function
 * tables and tokens. The place of the record read last is kept: reading on costs one step.
 *
 * FunctionTableStream (13), of code made at run time:
 *   +0x00 u32 SizeOfHeader            +0x0c u32 SizeOfFunctionEntry
 *   +0x04 u32 SizeOfDescriptor        +0x10 u32 NumberOfDescriptors
 *   +0x08 u32 SizeOfNativeDescriptor  +0x14 u32 SizeOfAlignPad (behind the header)
 * then per table MINIDUMP_FUNCTION_TABLE_DESCRIPTOR (0x20), the system's own descriptor, the
 * entries, and padding:
 *   +0x00 u64 MinimumAddress   +0x10 u64 BaseAddress   +0x1c u32 SizeOfAlignPad (behind entries)
 *   +0x08 u64 MaximumAddress   +0x18 u32 EntryCount
 *
 * TokenStream (19): u32 TokenListSize, TokenListEntries, ListHeaderSize (0x10), ElementHeaderSize;
 * then per token MINIDUMP_TOKEN_INFO_HEADER (0x10) and its data
 *   +0x00 u32 TokenSize (with this header)   +0x04 u32 TokenId   +0x08 u64 TokenHandle
 * In the dumps of dbgeng 6.2 the data begin with a table of 0x48 bytes (ElementHeaderSize) of
 * sizes and offsets.
 */
#include "dump/mdmp_impl.h"

enum {
    TABLE_HEADER = 0x18,
    TABLE_DESCRIPTOR = 0x20,
    TOKEN_LIST_HEADER = 0x10,
    TOKEN_HEADER = 0x10
};

/* Moves to record INDEX, with STEP reading one record; false behind the last one. */
static sc_err *walk_to(struct sc_source *source, struct mdmp_walk *walk, size_t index,
                       sc_err *(*step)(struct sc_source *source, struct mdmp_walk *walk,
                                       void *record, uint64_t *ret_next),
                       void *record, bool *ret_more) {
    if (index >= walk->count) {
        *ret_more = false;
        return NULL;
    }
    if (index < walk->index) {
        walk->index = 0;
        walk->pos = walk->first;
    }
    for (;;) {
        uint64_t next = 0;
        sc_err *err = step(source, walk, record, &next);
        if (err)
            return err;
        if (walk->index == index) {
            *ret_more = true;
            return NULL;
        }
        walk->index++;
        walk->pos = next;
    }
}

/* Where the records begin, when the header is good; else the list stays empty. */
static void start(struct sc_source *source, struct mdmp_walk *walk, const struct sc_cur *c,
                  uint64_t first, uint32_t count) {
    if (sc_cur_failed(c)) {
        mdmp_note_failed(source, c);
        return;
    }
    walk->first = walk->pos = c->start + first;
    walk->end = c->end;
    walk->count = count;
}

static void open_tables(struct sc_source *source, struct mdmp_walk *walk) {
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_FUNCTION_TABLES);
    walk->opened = true;
    if (!stream)
        return;
    struct sc_cur c = mdmp_cur(source, stream, "function table list");
    uint32_t header = sc_u32(&c);
    for (int i = 0; i < 3; i++)
        walk->sizes[i] = sc_u32(&c);
    uint32_t count = sc_u32(&c), pad = sc_u32(&c);
    if (!sc_cur_failed(&c) && (header < TABLE_HEADER || walk->sizes[0] < TABLE_DESCRIPTOR))
        sc_source_note(source, stream->rva,
                       "function table list: header of 0x%x and descriptors of 0x%x bytes, at "
                       "least 0x%x and 0x%x expected: left out",
                       header, walk->sizes[0], TABLE_HEADER, TABLE_DESCRIPTOR);
    else
        start(source, walk, &c, (uint64_t)header + pad, count);
}

static sc_err *step_table(struct sc_source *source, struct mdmp_walk *walk, void *record,
                          uint64_t *ret_next) {
    struct sc_mdmp_function_table *t = record;
    uint64_t size = walk->pos < walk->end ? walk->end - walk->pos : 0;
    struct sc_cur c = sc_cur_at(source->file, walk->pos, size, "function table");
    t->min = mdmp_address(source, sc_u64(&c));
    t->max = mdmp_address(source, sc_u64(&c));
    t->base = mdmp_address(source, sc_u64(&c));
    t->nentries = sc_u32(&c);
    uint32_t pad = sc_u32(&c);
    sc_cur_skip(&c, walk->sizes[0] - TABLE_DESCRIPTOR);
    t->native_offset = c.pos;
    t->native_size = walk->sizes[1];
    sc_cur_skip(&c, t->native_size);
    t->entries_offset = c.pos;
    t->entry_size = walk->sizes[2];
    if (!sc_cur_failed(&c) && t->nentries && !t->entry_size)
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(source->file), walk->pos,
                         "function table: %u entries of no size", t->nentries);
    if (!sc_cur_fits(&c, t->nentries, t->entry_size))
        return sc_cur_err(&c);
    *ret_next = c.pos + (uint64_t)t->nentries * t->entry_size + pad;
    return NULL;
}

sc_err *sc_mdmp_function_table(struct sc_source *source, size_t index,
                               struct sc_mdmp_function_table *ret, bool *ret_more) {
    struct mdmp *m = mdmp_of(source);
    struct sc_mdmp_function_table t;
    bool more = false;
    if (m && !m->tables.opened)
        open_tables(source, &m->tables);
    sc_err *err = m ? walk_to(source, &m->tables, index, step_table, &t, &more) : NULL;
    if (err)
        return err;
    if (more)
        *ret = t;
    *ret_more = more;
    return NULL;
}

static void open_tokens(struct sc_source *source, struct mdmp_walk *walk) {
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_TOKENS);
    walk->opened = true;
    if (!stream)
        return;
    struct sc_cur c = mdmp_cur(source, stream, "token list");
    sc_u32(&c); /* TokenListSize: the stream's size again */
    uint32_t count = sc_u32(&c), header = sc_u32(&c);
    sc_u32(&c); /* ElementHeaderSize */
    if (!sc_cur_failed(&c) && header < TOKEN_LIST_HEADER)
        sc_source_note(source, stream->rva, "token list: a header of 0x%x bytes: left out", header);
    else
        start(source, walk, &c, header, count);
}

static sc_err *step_token(struct sc_source *source, struct mdmp_walk *walk, void *record,
                          uint64_t *ret_next) {
    struct sc_mdmp_token *t = record;
    uint64_t room = walk->pos < walk->end ? walk->end - walk->pos : 0;
    struct sc_cur c = sc_cur_at(source->file, walk->pos, room, "token");
    uint32_t size = sc_u32(&c);
    t->id = sc_u32(&c);
    t->handle = sc_u64(&c);
    if (!sc_cur_failed(&c) && size < TOKEN_HEADER)
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(source->file), walk->pos,
                         "token: TokenSize 0x%x is less than its header", size);
    t->size = size - TOKEN_HEADER;
    t->data_offset = c.pos;
    if (!sc_cur_fits(&c, t->size, 1))
        return sc_cur_err(&c);
    *ret_next = c.pos + t->size;
    return NULL;
}

sc_err *sc_mdmp_token(struct sc_source *source, size_t index, struct sc_mdmp_token *ret,
                      bool *ret_more) {
    struct mdmp *m = mdmp_of(source);
    struct sc_mdmp_token t;
    bool more = false;
    if (m && !m->tokens.opened)
        open_tokens(source, &m->tokens);
    sc_err *err = m ? walk_to(source, &m->tokens, index, step_token, &t, &more) : NULL;
    if (err)
        return err;
    if (more)
        *ret = t;
    *ret_more = more;
    return NULL;
}
