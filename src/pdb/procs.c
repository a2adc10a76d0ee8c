/* SPDX-License-Identifier: MIT */
/*
 * Procedures of a compiland, and walks over the records of a scope.
 *
 *     module stream: u32 4, symbol records, C11 lines, C13 lines (lines.c), global references
 *
 * Records that open a scope (procedures, blocks, thunks, inline sites) name the record that ends
 * it; those ends are believed only where they point forward and stay inside the symbols.
 */
#include <stdlib.h>

#include "base/utf.h"
#include "base/vec.h"
#include "pdb/pdb_impl.h"

enum { SIGNATURE_C13 = 4 };

/* The next record at POS of BUF; false when it is cut off. */
static bool record_at(const struct msf_buf *buf, uint32_t pos, const uint8_t **ret_data,
                      uint32_t *ret_len) {
    if (buf->len - pos < 4)
        return false;
    uint16_t len = msf_le16(buf->data + pos);
    if (len < 2 || len > buf->len - pos - 2)
        return false;
    *ret_data = buf->data + pos + 2;
    *ret_len = len;
    return true;
}

sc_err *pdb_walk_init(struct pdb *pdb, struct pdb_module *module, uint32_t off,
                      struct pdb_walk *walk) {
    memset(walk, 0, sizeof *walk);
    msf_buf_init(&walk->buf);
    walk->pdb = pdb;
    walk->module = module;
    walk->base = off ? off : 4;
    uint32_t end = module->sym_bytes;
    if (off) {
        struct msf_buf buf;
        struct pdb_sym sym;
        msf_buf_init(&buf);
        sc_err *err = pdb_symbol_at(pdb, module->stream, off, &buf, &sym);
        msf_buf_free(&buf);
        if (err)
            return err;
        if (sym.end <= off || sym.end > module->sym_bytes - 4)
            return msf_err(pdb->msf, module->stream, off,
                           "a scope ends at 0x%x, outside of the symbols (0x%x bytes)", sym.end,
                           module->sym_bytes);
        end = sym.end + 4;
    }
    if (end < walk->base)
        end = walk->base;
    return msf_bytes(pdb->msf, module->stream, walk->base, end - walk->base, &walk->buf);
}

sc_err *pdb_walk_next(struct pdb_walk *walk, bool *ret_more) {
    *ret_more = walk->pos < walk->buf.len;
    if (!*ret_more)
        return NULL;
    walk->off = walk->base + walk->pos;
    if (!record_at(&walk->buf, walk->pos, &walk->data, &walk->len) ||
        !pdb_sym_decode(walk->data, walk->len, &walk->sym))
        return msf_err(walk->pdb->msf, walk->module->stream, walk->off,
                       "a symbol record is cut off");
    walk->pos += 2 + walk->len;
    return NULL;
}

sc_err *pdb_walk_skip(struct pdb_walk *walk) {
    uint32_t end = walk->sym.end;
    if (end <= walk->off || end - walk->base >= walk->buf.len || end < walk->base)
        return msf_err(walk->pdb->msf, walk->module->stream, walk->off,
                       "a scope ends at 0x%x, outside of its parent", end);
    walk->pos = end - walk->base;
    bool more;
    return pdb_walk_next(walk, &more);
}

void pdb_walk_deinit(struct pdb_walk *walk) { msf_buf_free(&walk->buf); }

static int by_address(const void *a, const void *b) {
    const struct pdb_proc *x = a, *y = b;
    if (x->orig != y->orig)
        return x->orig < y->orig ? -1 : 1;
    if (x->len != y->len) /* the outer one first */
        return x->len > y->len ? -1 : 1;
    return x->off < y->off ? -1 : x->off > y->off;
}

static sc_err *collect(struct pdb_walk *walk, struct pdb_module *module) {
    bool more = true;
    sc_err *err = NULL;
    while (!err && more) {
        err = pdb_walk_next(walk, &more);
        uint16_t kind = walk->sym.kind;
        uint32_t orig;
        if (err || !more || (!pdb_is_proc(kind) && kind != S_THUNK32 && kind != S_LABEL32) ||
            !pdb_orig(walk->pdb, walk->sym.seg, walk->sym.off, &orig))
            continue;
        struct pdb_proc *p = SC_VEC_PUSH(&module->procs);
        if (!p)
            return sc_err_nomem();
        *p = (struct pdb_proc){.orig = orig, .len = walk->sym.len, .off = walk->off, .kind = kind};
    }
    return err;
}

/* Are the compiland's symbols of the form this reader knows? */
static sc_err *readable(struct pdb *pdb, const struct pdb_module *module, bool *ret) {
    uint32_t signature = 0;
    *ret = false;
    if (module->sym_bytes < 4 || !msf_has(pdb->msf, module->stream))
        return NULL;
    sc_err *err = msf_u32(pdb->msf, module->stream, 0, &signature);
    if (!err)
        *ret = signature == SIGNATURE_C13; /* older: other records, from compilers before 7.0 */
    return err;
}

sc_err *pdb_load_procs(struct pdb *pdb, struct pdb_module *module) {
    struct pdb_walk walk;
    bool ok = false;
    if (module->has_procs)
        return NULL;
    sc_err *err = readable(pdb, module, &ok);
    if (err || !ok) {
        module->has_procs = !err;
        return err;
    }
    err = pdb_walk_init(pdb, module, 0, &walk);
    if (!err)
        err = collect(&walk, module);
    pdb_walk_deinit(&walk);
    if (err) {
        SC_VEC_FREE(&module->procs);
        return err;
    }
    if (module->procs.count)
        qsort(module->procs.item, module->procs.count, sizeof *module->procs.item, by_address);
    uint32_t reach = 0;
    for (size_t i = 0; i < module->procs.count; i++) {
        struct pdb_proc *p = &module->procs.item[i];
        uint32_t end = p->len > UINT32_MAX - p->orig ? UINT32_MAX : p->orig + p->len;
        reach = end > reach ? end : reach;
        p->reach = reach;
    }
    module->has_procs = true;
    return NULL;
}

const struct pdb_proc *pdb_proc_at(const struct pdb_module *module, uint32_t orig) {
    size_t low = 0, high = module->procs.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (module->procs.item[mid].orig <= orig)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low > 0; low--) {
        const struct pdb_proc *p = &module->procs.item[low - 1];
        if (p->reach <= orig)
            break;
        if (orig - p->orig < p->len)
            return p;
    }
    return NULL;
}

/* Symbols of one compiland that match. */
static sc_err *each_in_module(struct pdb *pdb, struct pdb_module *module, const char *pattern,
                              unsigned kinds, sc_symbol_fn fn, void *ctx, bool *ret_stop) {
    struct msf_buf buf;
    msf_buf_init(&buf);
    sc_err *err = pdb_load_procs(pdb, module);
    for (size_t i = 0; !err && !*ret_stop && i < module->procs.count; i++) {
        const struct pdb_proc *p = &module->procs.item[i];
        struct pdb_sym sym;
        struct sc_symbol s;
        bool ok = false;
        if (!(pdb_kind(p->kind) & kinds))
            continue;
        err = pdb_symbol_at(pdb, module->stream, p->off, &buf, &sym);
        if (err || !sym.name || (pattern && !sc_wild_match(pattern, sym.name)))
            continue;
        err = pdb_fill(pdb, module->stream, p->off, &sym, NULL, &s, &ok);
        if (err || !ok)
            continue;
        s.compiland = pdb_module_number(pdb, module);
        *ret_stop = !fn(ctx, &s);
    }
    msf_buf_free(&buf);
    return err;
}

sc_err *pdb_each_proc(struct pdb *pdb, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                      void *ctx, bool *ret_stop) {
    if (!pdb_has_compilands(pdb))
        return NULL;
    sc_err *err = pdb_load_modules(pdb);
    for (uint32_t i = 0; !err && !*ret_stop && i < pdb->nmodules; i++)
        err = each_in_module(pdb, &pdb->module[i], pattern, kinds, fn, ctx, ret_stop);
    return err;
}
