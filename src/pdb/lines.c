/* SPDX-License-Identifier: MIT */
/*
 * Source lines: the C13 part of a compiland's stream, subsections {u32 kind, u32 size, data, pad}:
 *
 *     0xf2 LINES         u32 offset, u16 segment, u16 flags (1: columns), u32 bytes of code, then
 *                        blocks {u32 checksum offset, u32 lines, u32 bytes of the block;
 *                        {u32 offset, u32 line:24 | end delta:7 | statement:1}[lines];
 *                        {u16 start, u16 end}[lines] columns}
 *     0xf4 FILECHKSMS    {u32 offset in /names, u8 bytes, u8 kind, bytes, pad to 4}
 *     0xf6 INLINEELINES  u32 signature; {u32 id, u32 checksum offset, u32 line}, with signature 1
 *                        each followed by u32 n, u32[n]
 *     0xf7, 0xf8         see crossref.c
 *     kind with bit 31 set: to be ignored
 *
 *     /names: u32 0xeffeeffe, u32 version, u32 bytes, strings; a hash table that is not needed
 *
 * Lines 0xfeefee and 0xf00f00 mark code that a debugger steps over without showing: such code has
 * no line. Learnt from pdb-rs' docs (line_data.md).
 */
#include <stdlib.h>

#include "base/utf.h"
#include "base/vec.h"
#include "pdb/pdb_impl.h"

enum {
    DEBUG_S_LINES = 0xf2,
    DEBUG_S_FILECHKSMS = 0xf4,
    DEBUG_S_INLINEELINES = 0xf6,
    DEBUG_S_IMPORTS = 0xf7,
    DEBUG_S_EXPORTS = 0xf8,
    NAMES_HEADER = 12,
    LINES_HEADER = 12,
    BLOCK_HEADER = 12,
    HAVE_COLUMNS = 1,
};
#define NAMES_MARK  0xeffeeffeu
#define LINE_HIDDEN 0xfeefeeu
#define LINE_STEP   0xf00f00u

sc_err *pdb_name_at(struct pdb *pdb, uint32_t offset, const char **ret_text) {
    uint8_t b[NAMES_HEADER];
    sc_err *err = msf_read(pdb->msf, pdb->names_stream, 0, b, sizeof b);
    if (err)
        return err;
    uint32_t size = msf_le32(b + 8);
    if (msf_le32(b) != NAMES_MARK || offset >= size)
        return msf_err(pdb->msf, pdb->names_stream, offset,
                       "there is no name here (the names have %u bytes)", size);
    return msf_string(pdb->msf, pdb->names_stream, NAMES_HEADER + (uint64_t)offset,
                      NAMES_HEADER + (uint64_t)size, ret_text);
}

static int by_address(const void *a, const void *b) {
    const struct pdb_lines *x = a, *y = b;
    if (x->orig != y->orig)
        return x->orig < y->orig ? -1 : 1;
    return x->off < y->off ? -1 : x->off > y->off;
}

static sc_err *add_lines(struct pdb *pdb, struct pdb_module *module, uint32_t at, uint32_t size) {
    uint8_t b[LINES_HEADER];
    uint32_t orig;
    if (size < LINES_HEADER)
        return msf_err(pdb->msf, module->stream, at, "a line table of %u bytes", size);
    sc_err *err = msf_read(pdb->msf, module->stream, at, b, sizeof b);
    if (err || !pdb_orig(pdb, msf_le16(b + 4), msf_le32(b), &orig))
        return err;
    struct pdb_lines *lines = SC_VEC_PUSH(&module->lines);
    if (!lines)
        return sc_err_nomem();
    *lines = (struct pdb_lines){.orig = orig, .len = msf_le32(b + 8), .off = at, .size = size};
    return NULL;
}

/* Notes where the subsection of KIND with SIZE bytes at AT is. */
static sc_err *add_subsection(struct pdb *pdb, struct pdb_module *module, uint32_t kind,
                              uint32_t at, uint32_t size) {
    struct pdb_range *range = NULL;
    switch (kind) {
    case DEBUG_S_LINES: return add_lines(pdb, module, at, size);
    case DEBUG_S_FILECHKSMS:
        if (module->checksums.stream == PDB_NO_STREAM)
            range = &module->checksums;
        break;
    case DEBUG_S_INLINEELINES:
        range = SC_VEC_PUSH(&module->inlinees);
        if (!range)
            return sc_err_nomem();
        break;
    case DEBUG_S_IMPORTS: range = &module->imports; break;
    case DEBUG_S_EXPORTS: range = &module->exports; break;
    default: break;
    }
    if (range)
        *range = (struct pdb_range){module->stream, at, size};
    return NULL;
}

static sc_err *scan(struct pdb *pdb, struct pdb_module *module) {
    uint32_t at = module->sym_bytes + module->c11_bytes, end = at + module->c13_bytes;
    while (end - at >= 8) {
        uint8_t b[8];
        sc_err *err = msf_read(pdb->msf, module->stream, at, b, sizeof b);
        if (err)
            return err;
        uint32_t kind = msf_le32(b), size = msf_le32(b + 4);
        at += 8;
        if (size > end - at)
            return msf_err(pdb->msf, module->stream, at - 8,
                           "a subsection of %u bytes, but %u are left", size, end - at);
        err = add_subsection(pdb, module, kind, at, size);
        if (err)
            return err;
        uint32_t padded = size > UINT32_MAX - 3 ? size : (size + 3) & ~3u;
        at = padded > end - at ? end : at + padded;
    }
    return NULL;
}

sc_err *pdb_load_lines(struct pdb *pdb, struct pdb_module *module) {
    if (module->has_lines)
        return NULL;
    sc_err *err = NULL;
    if (module->c13_bytes && msf_has(pdb->msf, module->stream))
        err = scan(pdb, module);
    if (err) {
        SC_VEC_FREE(&module->lines);
        SC_VEC_FREE(&module->inlinees);
        module->checksums.stream = PDB_NO_STREAM;
        module->imports.stream = module->exports.stream = PDB_NO_STREAM;
        return err;
    }
    if (module->lines.count)
        qsort(module->lines.item, module->lines.count, sizeof *module->lines.item, by_address);
    uint32_t reach = 0;
    for (size_t i = 0; i < module->lines.count; i++) {
        struct pdb_lines *l = &module->lines.item[i];
        uint32_t stop = l->len > UINT32_MAX - l->orig ? UINT32_MAX : l->orig + l->len;
        l->reach = reach = stop > reach ? stop : reach;
    }
    module->has_lines = true;
    return NULL;
}

sc_err *pdb_file_name(struct pdb *pdb, const struct pdb_module *module, uint32_t checksum,
                      const char **ret_name) {
    uint32_t name = 0;
    const struct pdb_range *sums = &module->checksums;
    if (sums->stream == PDB_NO_STREAM || pdb->names_stream == PDB_NO_STREAM) {
        *ret_name = "";
        return NULL;
    }
    if (checksum > sums->size || sums->size - checksum < 4)
        return msf_err(pdb->msf, sums->stream, (uint64_t)sums->offset + checksum,
                       "there is no file checksum here");
    sc_err *err = msf_u32(pdb->msf, sums->stream, (uint64_t)sums->offset + checksum, &name);
    return err ? err : pdb_name_at(pdb, name, ret_name);
}

/* A walk over the entries of one line table. */
struct entries {
    struct pdb *pdb;
    const struct pdb_module *module;
    const struct pdb_lines *lines;
    struct msf_buf buf;
    bool columns;
    uint32_t block, next_block; /* in BUF */
    uint32_t checksum, count, index;
    /* the entry */
    uint32_t off, line, end_line, column;
    bool hidden;
};

static sc_err *entries_init(struct pdb *pdb, const struct pdb_module *module,
                            const struct pdb_lines *lines, struct entries *e) {
    memset(e, 0, sizeof *e);
    msf_buf_init(&e->buf);
    e->pdb = pdb;
    e->module = module;
    e->lines = lines;
    e->next_block = LINES_HEADER;
    sc_err *err = msf_bytes(pdb->msf, module->stream, lines->off, lines->size, &e->buf);
    if (!err)
        e->columns = msf_le16(e->buf.data + 6) & HAVE_COLUMNS;
    return err;
}

static sc_err *open_block(struct entries *e) {
    const uint8_t *p = e->buf.data + e->next_block;
    uint32_t left = e->buf.len - e->next_block;
    if (left < BLOCK_HEADER)
        return msf_err(e->pdb->msf, e->module->stream, e->lines->off + e->next_block,
                       "a block of lines is cut off");
    uint32_t size = msf_le32(p + 8);
    e->checksum = msf_le32(p);
    e->count = msf_le32(p + 4);
    uint64_t need = BLOCK_HEADER + (uint64_t)e->count * (e->columns ? 12 : 8);
    if (size < BLOCK_HEADER || size > left || need > size)
        return msf_err(e->pdb->msf, e->module->stream, e->lines->off + e->next_block,
                       "%u lines in a block of %u bytes, %u left", e->count, size, left);
    e->block = e->next_block;
    e->next_block += size;
    e->index = 0;
    return NULL;
}

/* The next entry; *RET_MORE is false at the end. */
static sc_err *entries_next(struct entries *e, bool *ret_more) {
    while (e->index >= e->count) {
        *ret_more = false;
        if (e->next_block >= e->buf.len)
            return NULL;
        sc_err *err = open_block(e);
        if (err)
            return err;
    }
    const uint8_t *p = e->buf.data + e->block + BLOCK_HEADER + (size_t)e->index * 8;
    uint32_t flags = msf_le32(p + 4);
    e->off = msf_le32(p);
    e->line = flags & 0xffffff;
    e->end_line = e->line + (flags >> 24 & 0x7f);
    e->hidden = e->line == LINE_HIDDEN || e->line == LINE_STEP;
    e->column = 0;
    if (e->columns)
        e->column = msf_le16(e->buf.data + e->block + BLOCK_HEADER + (size_t)e->count * 8 +
                             (size_t)e->index * 4);
    e->index++;
    *ret_more = true;
    return NULL;
}

/* Where the code of the entry at OFF ends: at the next entry, or with the table. */
static sc_err *entry_end(const struct entries *at, uint32_t *ret_end) {
    struct entries e;
    bool more = true;
    uint32_t end = at->lines->len;
    sc_err *err = entries_init(at->pdb, at->module, at->lines, &e);
    while (!err && more) {
        err = entries_next(&e, &more);
        if (!err && more && e.off > at->off && e.off < end)
            end = e.off;
    }
    msf_buf_free(&e.buf);
    *ret_end = end;
    return err;
}

/*
 * The line of ENTRY (without its buffer), as far as it stays together with its byte at AT, an
 * offset in the table, in the image; *RET_OK is false when it is not there. FROM may be NULL.
 */
static sc_err *fill_line(const struct entries *entry, uint32_t at, const struct pdb_from *from,
                         struct sc_line *ret, bool *ret_ok) {
    struct pdb *pdb = entry->pdb;
    uint32_t end = 0, first = entry->lines->orig + entry->off, orig = first;
    struct sc_line line = {.line = entry->line,
                           .end_line = entry->end_line == entry->line ? 0 : entry->end_line,
                           .column = entry->column};
    sc_err *err = entry_end(entry, &end);
    if (!err)
        err = pdb_fragment_start(pdb, entry->lines->orig + at, first, &orig);
    *ret_ok = true;
    if (!err && from)
        err = pdb_to_rva_from(pdb, from, orig, &line.rva);
    else if (!err)
        err = pdb_to_rva(pdb, orig, &line.rva, ret_ok);
    if (err || !*ret_ok)
        return err;
    end += entry->lines->orig;
    line.size = end > orig ? end - orig : 0;
    err = pdb_fragment(pdb, orig, line.size, &line.size);
    if (!err)
        err = pdb_file_name(pdb, entry->module, entry->checksum, &line.file);
    if (!err)
        *ret = line;
    return err;
}

static const struct pdb_lines *lines_at(const struct pdb_module *module, uint32_t orig) {
    size_t low = 0, high = module->lines.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (module->lines.item[mid].orig <= orig)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low > 0 && module->lines.item[low - 1].reach > orig; low--)
        if (orig - module->lines.item[low - 1].orig < module->lines.item[low - 1].len)
            return &module->lines.item[low - 1];
    return NULL;
}

sc_err *pdb_line(struct pdb *pdb, uint32_t rva, struct sc_line *ret, bool *ret_found) {
    struct pdb_module *module = NULL;
    uint32_t orig = 0;
    bool ok = false, more = true, any = false;
    sc_err *err = pdb_to_orig(pdb, rva, &orig, &ok);
    if (!err && ok)
        err = pdb_module_at(pdb, orig, &module);
    if (!err && module)
        err = pdb_load_lines(pdb, module);
    const struct pdb_lines *lines = !err && module ? lines_at(module, orig) : NULL;
    if (!lines)
        return err;
    struct entries e, best = {0};
    err = entries_init(pdb, module, lines, &e);
    while (!err && more) {
        err = entries_next(&e, &more);
        if (err || !more || e.off > orig - lines->orig || (any && e.off < best.off))
            continue;
        any = true;
        best = e;
    }
    if (!err && any && !best.hidden)
        err = fill_line(&best, orig - lines->orig, &(struct pdb_from){rva, orig}, ret, ret_found);
    msf_buf_free(&e.buf);
    return err;
}

/* Is FILE the path PATH, or its tail behind a slash of either kind? */
static bool is_tail(const char *path, const char *file) {
    size_t plen = strlen(path), flen = strlen(file);
    if (flen == 0 || flen > plen)
        return false;
    const char *tail = path + plen - flen;
    for (size_t i = 0; i < flen; i++) {
        char a = tail[i] == '/' ? '\\' : sc_lower(tail[i]);
        char b = file[i] == '/' ? '\\' : sc_lower(file[i]);
        if (a != b)
            return false;
    }
    return tail == path || tail[-1] == '\\' || tail[-1] == '/' || file[0] == '\\' || file[0] == '/';
}

/* Does the compiland have lines of FILE at all? */
static sc_err *has_file(struct pdb *pdb, const struct pdb_module *module, const char *file,
                        bool *ret) {
    const struct pdb_range *sums = &module->checksums;
    *ret = false;
    if (sums->stream == PDB_NO_STREAM)
        return NULL;
    for (uint32_t at = 0; at < sums->size && sums->size - at >= 6 && !*ret;) {
        uint8_t b[6];
        const char *name = NULL;
        sc_err *err = msf_read(pdb->msf, sums->stream, (uint64_t)sums->offset + at, b, sizeof b);
        if (!err)
            err = pdb_file_name(pdb, module, at, &name);
        if (err)
            return err;
        *ret = is_tail(name, file);
        at += (6u + b[4] + 3) & ~3u;
    }
    return NULL;
}

/* Shows the entries of one table that are LINE of FILE. */
static sc_err *lines_in(struct pdb *pdb, const struct pdb_module *module,
                        const struct pdb_lines *lines, const char *file, uint32_t line,
                        sc_line_fn fn, void *ctx, bool *ret_stop) {
    struct entries e;
    bool more = true, wanted = false;
    uint32_t block = 0;
    sc_err *err = entries_init(pdb, module, lines, &e);
    while (!err && more && !*ret_stop) {
        struct sc_line found;
        bool ok = false;
        err = entries_next(&e, &more);
        if (!err && more && e.block != block) {
            const char *name = NULL;
            block = e.block;
            err = pdb_file_name(pdb, module, e.checksum, &name);
            wanted = !err && is_tail(name, file);
        }
        if (err || !more || !wanted || e.hidden || line < e.line || line > e.end_line)
            continue;
        err = fill_line(&e, e.off, NULL, &found, &ok);
        if (!err && ok)
            *ret_stop = !fn(ctx, &found);
    }
    msf_buf_free(&e.buf);
    return err;
}

sc_err *pdb_lines_of(struct pdb *pdb, const char *file, uint32_t line, sc_line_fn fn, void *ctx) {
    bool stop = false;
    if (!pdb_has_compilands(pdb))
        return NULL;
    sc_err *err = pdb_load_modules(pdb);
    for (uint32_t i = 0; !err && !stop && i < pdb->nmodules; i++) {
        struct pdb_module *module = &pdb->module[i];
        bool has = false;
        err = pdb_load_lines(pdb, module);
        if (!err)
            err = has_file(pdb, module, file, &has);
        for (size_t k = 0; !err && has && !stop && k < module->lines.count; k++)
            err = lines_in(pdb, module, &module->lines.item[k], file, line, fn, ctx, &stop);
    }
    return err;
}

/* Looks for INLINEE in one subsection. */
static sc_err *inlinee_in(struct pdb *pdb, const struct pdb_range *range, uint32_t inlinee,
                          uint32_t *ret_checksum, uint32_t *ret_line, bool *ret_found) {
    struct msf_buf buf;
    msf_buf_init(&buf);
    sc_err *err = msf_bytes(pdb->msf, range->stream, range->offset, range->size, &buf);
    struct sc_cur c = msf_cur(&buf, range->offset, "inlinee lines");
    bool more_files = !err && sc_u32(&c) == 1;
    while (!err && !*ret_found && sc_cur_left(&c) >= 12) {
        uint32_t id = sc_u32(&c), checksum = sc_u32(&c), line = sc_u32(&c);
        uint32_t n = more_files ? sc_u32(&c) : 0;
        if (sc_cur_fits(&c, n, 4))
            sc_cur_skip(&c, (uint64_t)n * 4);
        if (sc_cur_failed(&c)) {
            err = msf_cur_err(pdb->msf, range->stream, &c);
        } else if (id == inlinee) {
            *ret_checksum = checksum;
            *ret_line = line;
            *ret_found = true;
        }
    }
    msf_buf_free(&buf);
    return err;
}

sc_err *pdb_inlinee(struct pdb *pdb, const struct pdb_module *module, uint32_t inlinee,
                    uint32_t *ret_checksum, uint32_t *ret_line, bool *ret_found) {
    sc_err *err = NULL;
    *ret_found = false;
    for (size_t i = 0; !err && !*ret_found && i < module->inlinees.count; i++)
        err =
            inlinee_in(pdb, &module->inlinees.item[i], inlinee, ret_checksum, ret_line, ret_found);
    return err;
}
