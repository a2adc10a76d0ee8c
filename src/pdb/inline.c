/* SPDX-License-Identifier: MIT */
/*
 * Inlined calls: S_INLINESITE records nest inside a procedure and carry annotations, a small
 * program that lists the ranges of code and their lines. Numbers are compressed:
 *
 *     0xxxxxxx                     7 bits
 *     10xxxxxx b                   14 bits
 *     110xxxxx b b b               29 bits, big-endian
 *     signed: bit 0 is the sign, the rest the value
 *
 *     0 end                   5 file (checksum offset)          10 column end delta
 *     1 offset                6 line delta (signed)             11 (line delta << 4) | offset delta
 *     2 base of the offset    7 line end delta                  12 length, offset delta
 *     3 offset delta          8 kind of range                   13 column end
 *     4 length                9 column start
 *
 * A row starts whenever the offset moves (1, 3, 11, 12), with the file and line that hold then. It
 * ends where the next starts, or after a length: 4 ends the open row, or one that starts at the
 * offset if none is open, and moves the offset behind it; 12 gives the length of the row that it
 * starts and does not. Offsets count from the start of the procedure; a base other than 0 is a part
 * of it that lies elsewhere, whose place the file does not tell: what follows is left out. Learnt
 * from microsoft-pdb's cvinfo.h; how lengths move the offset, from what compilers emit (LLVM's
 * writer, MSVC's PDBs).
 */
#include <stdlib.h>

#include "base/vec.h"
#include "pdb/pdb_impl.h"

enum {
    BA_END = 0,
    BA_OFFSET = 1,
    BA_OFFSET_BASE = 2,
    BA_OFFSET_DELTA = 3,
    BA_LENGTH = 4,
    BA_FILE = 5,
    BA_LINE_DELTA = 6,
    BA_LINE_AND_OFFSET = 11,
    BA_LENGTH_AND_OFFSET = 12,
    BA_LAST = 13,
    NEST_MAX = 1024,
    LINE_MAX = 0xffffff,
};

/* The state of the program. */
struct rows {
    const uint8_t *p, *end;
    uint32_t offset;
    bool open; /* a row is open since START */
    uint32_t start, row_checksum, row_line;
    uint32_t checksum, line; /* that hold now */
    pdb_inline_fn fn;
    void *ctx;
    bool stop;
};

static bool take(struct rows *r, uint32_t *ret) {
    size_t left = (size_t)(r->end - r->p);
    if (left == 0)
        return false;
    const uint8_t *p = r->p;
    if (!(p[0] & 0x80)) {
        *ret = p[0];
        r->p += 1;
    } else if ((p[0] & 0xc0) == 0x80 && left >= 2) {
        *ret = (uint32_t)(p[0] & 0x3f) << 8 | p[1];
        r->p += 2;
    } else if ((p[0] & 0xe0) == 0xc0 && left >= 4) {
        *ret = (uint32_t)(p[0] & 0x1f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        r->p += 4;
    } else {
        return false;
    }
    return true;
}

static uint32_t signed_delta(uint32_t v) { return v & 1 ? 0u - (v >> 1) : v >> 1; }

/* Ends the open row at END. */
static void close_row(struct rows *r, uint32_t end) {
    struct pdb_inline_range range = {r->start, end, r->row_checksum, r->row_line};
    if (r->open && end > r->start)
        r->stop = !r->fn(r->ctx, &range);
    r->open = false;
}

static void start_row(struct rows *r, uint32_t offset) {
    close_row(r, offset);
    r->open = true;
    r->offset = r->start = offset;
    r->row_checksum = r->checksum;
    r->row_line = r->line;
}

/* One operation; false when the program cannot go on. */
static bool step(struct rows *r, uint32_t op) {
    uint32_t a = 0, b = 0;
    if (op > BA_LAST || !take(r, &a) || (op == BA_LENGTH_AND_OFFSET && !take(r, &b)))
        return false;
    switch (op) {
    case BA_OFFSET: start_row(r, a); break;
    case BA_OFFSET_BASE: return a == 0;
    case BA_OFFSET_DELTA: start_row(r, r->offset + a); break;
    case BA_LENGTH:
        if (!r->open)
            start_row(r, r->offset);
        close_row(r, r->start + a);
        r->offset += a;
        break;
    case BA_FILE: r->checksum = a; break;
    case BA_LINE_DELTA: r->line += signed_delta(a); break;
    case BA_LINE_AND_OFFSET:
        r->line += signed_delta(a >> 4);
        start_row(r, r->offset + (a & 15));
        break;
    case BA_LENGTH_AND_OFFSET:
        start_row(r, r->offset + b);
        if (!r->stop)
            close_row(r, r->start + a);
        break;
    default: break;
    }
    return true;
}

bool pdb_annotations(const uint8_t *code, uint32_t len, uint32_t checksum, uint32_t line,
                     pdb_inline_fn fn, void *ctx) {
    struct rows r = {
        .p = code, .end = code + len, .checksum = checksum, .line = line, .fn = fn, .ctx = ctx};
    uint32_t op;
    bool ok = true;
    while (!r.stop && r.p < r.end && take(&r, &op) && op != BA_END && ok)
        ok = step(&r, op);
    if (!r.stop) /* a last row without a length: at least its first byte */
        close_row(&r, r.start + 1);
    return ok;
}

/* Searching for one offset. */
struct cover {
    uint32_t off;
    bool covers, any;
    uint32_t first; /* the lowest start of all ranges */
    struct pdb_inline_range *range;
};

static bool look(void *ctx, const struct pdb_inline_range *range) {
    struct cover *c = ctx;
    if (!c->any || range->start < c->first)
        c->first = range->start;
    c->any = true;
    if (!c->covers && range->start <= c->off && c->off < range->end) {
        c->covers = true;
        *c->range = *range;
    }
    return true;
}

bool pdb_inline_covers(const struct pdb_sym *site, uint32_t off, struct pdb_inline_range *ret,
                       uint32_t checksum, uint32_t line, uint32_t *ret_first) {
    struct cover c = {.off = off, .range = ret};
    *ret = (struct pdb_inline_range){.checksum = checksum, .line = line};
    pdb_annotations(site->annotation, site->annotation_len, checksum, line, look, &c);
    *ret_first = c.first;
    return c.covers;
}

/* An open site on the way down to the address. */
struct site {
    uint32_t inlinee, first;
    struct pdb_inline_range range;
};
struct path {
    struct site *item;
    size_t count, room;
};

/* Notes the site of the walk's record; with COVERS the path to it is the best so far. */
static sc_err *enter(struct pdb_walk *walk, uint32_t off, struct path *open, struct path *best) {
    uint32_t checksum = 0, line = 0;
    bool found = false;
    if (open->count >= NEST_MAX)
        return msf_err(walk->pdb->msf, walk->module->stream, walk->off,
                       "inlined calls nest more than %d deep", NEST_MAX);
    struct site *site = SC_VEC_PUSH(open);
    if (!site)
        return sc_err_nomem();
    site->inlinee = walk->sym.inlinee;
    /* Lines are looked up only for a site that matters: first whether it covers the address. */
    bool covers = pdb_inline_covers(&walk->sym, off, &site->range, 0, 0, &site->first);
    if (covers) {
        sc_err *err =
            pdb_inlinee(walk->pdb, walk->module, walk->sym.inlinee, &checksum, &line, &found);
        if (err)
            return err;
        pdb_inline_covers(&walk->sym, off, &site->range, checksum, line, &site->first);
    }
    if (!covers || open->count <= best->count)
        return NULL;
    best->count = 0;
    for (size_t i = 0; i < open->count; i++) {
        struct site *copy = SC_VEC_PUSH(best);
        if (!copy)
            return sc_err_nomem();
        *copy = open->item[i];
    }
    return NULL;
}

/* Finds the deepest chain of sites around OFF, an offset in the walk's procedure. */
static sc_err *find_path(struct pdb_walk *walk, uint32_t off, struct path *best) {
    struct path open = {0};
    bool more = true;
    sc_err *err = NULL;
    while (!err && more) {
        err = pdb_walk_next(walk, &more);
        if (err || !more)
            break;
        if (walk->sym.kind == S_INLINESITE || walk->sym.kind == S_INLINESITE2)
            err = enter(walk, off, &open, best);
        else if (walk->sym.kind == S_INLINESITE_END && open.count)
            open.count--;
    }
    free(open.item);
    return err;
}

static sc_err *show(struct pdb *pdb, struct pdb_module *module, const struct pdb_proc *proc,
                    const struct site *site, uint32_t depth, sc_inline_fn fn, void *ctx,
                    bool *ret_stop) {
    struct sc_inline frame = {.depth = depth, .file = ""};
    if (site->range.line <= LINE_MAX) /* some compilers count across files, to below 0 */
        frame.line = site->range.line;
    bool ok = false;
    uint32_t id = 0;
    sc_err *err = pdb_global_id(pdb, module, site->inlinee, &id);
    if (!err)
        err = pdb_id_name(pdb, id, &frame.name);
    if (!err)
        err = pdb_to_rva(pdb, proc->orig + site->first, &frame.rva, &ok);
    if (!err && frame.line)
        err = pdb_file_name(pdb, module, site->range.checksum, &frame.file);
    if (!err)
        *ret_stop = !fn(ctx, &frame);
    return err;
}

sc_err *pdb_inlines(struct pdb *pdb, uint32_t rva, sc_inline_fn fn, void *ctx) {
    struct pdb_module *module = NULL;
    struct path path = {0};
    uint32_t orig = 0;
    bool ok = false, stop = false;
    sc_err *err = pdb_to_orig(pdb, rva, &orig, &ok);
    if (!err && ok)
        err = pdb_module_at(pdb, orig, &module);
    if (!err && module)
        err = pdb_load_procs(pdb, module);
    if (!err && module)
        err = pdb_load_lines(pdb, module);
    const struct pdb_proc *proc = !err && module ? pdb_proc_at(module, orig) : NULL;
    if (!proc)
        return err;
    struct pdb_walk walk;
    err = pdb_walk_init(pdb, module, proc->off, &walk);
    if (!err)
        err = find_path(&walk, orig - proc->orig, &path);
    pdb_walk_deinit(&walk);
    for (size_t i = path.count; !err && !stop && i > 0; i--)
        err = show(pdb, module, proc, &path.item[i - 1], (uint32_t)i - 1, fn, ctx, &stop);
    free(path.item);
    return err;
}
