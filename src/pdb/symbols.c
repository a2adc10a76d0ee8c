/* SPDX-License-Identifier: MIT */
/* Symbol records as the vtable's symbols, and the hash of names. */
#include "base/utf.h"
#include "pdb/pdb_impl.h"

uint32_t pdb_hash(const char *name, size_t len) {
    const uint8_t *p = (const uint8_t *)name;
    uint32_t h = 0;
    for (; len >= 4; p += 4, len -= 4)
        h ^= msf_le32(p);
    if (len >= 2) {
        h ^= msf_le16(p);
        p += 2;
        len -= 2;
    }
    if (len)
        h ^= *p;
    h |= 0x20202020;
    h ^= h >> 11;
    return h ^ h >> 16;
}

sc_err *pdb_symbol_at(struct pdb *pdb, uint32_t stream, uint32_t off, struct msf_buf *buf,
                      struct pdb_sym *ret) {
    uint8_t b[2];
    sc_err *err = msf_read(pdb->msf, stream, off, b, sizeof b);
    uint16_t len = err ? 0 : msf_le16(b);
    if (!err)
        err = msf_bytes(pdb->msf, stream, (uint64_t)off + 2, len, buf);
    if (!err && !pdb_sym_decode(buf->data, len, ret))
        err = msf_err(pdb->msf, stream, off, "a symbol record of %u bytes is too short", len);
    return err;
}

unsigned pdb_kind(uint16_t kind) {
    if (pdb_is_proc(kind))
        return SC_SYM_FUNCTION;
    switch (kind) {
    case S_PROCREF:
    case S_LPROCREF: return SC_SYM_FUNCTION;
    case S_PUB32: return SC_SYM_PUBLIC;
    case S_GDATA32:
    case S_LDATA32: return SC_SYM_DATA;
    case S_GTHREAD32:
    case S_LTHREAD32: return SC_SYM_THREAD;
    case S_CONSTANT: return SC_SYM_CONSTANT;
    case S_LABEL32: return SC_SYM_LABEL;
    case S_THUNK32: return SC_SYM_THUNK;
    default: return 0;
    }
}

static bool is_local(uint16_t kind) {
    return kind == S_LDATA32 || kind == S_LTHREAD32 || kind == S_LPROC32 || kind == S_LPROC32_ID ||
           kind == S_LPROC32_DPC || kind == S_LPROC32_DPC_ID;
}

/* RVA and size of something at segment:offset. */
static sc_err *place(struct pdb *pdb, const struct pdb_sym *sym, const struct pdb_from *from,
                     struct sc_symbol *ret, bool *ret_ok) {
    uint32_t orig;
    *ret_ok = pdb_orig(pdb, sym->seg, sym->off, &orig);
    if (!*ret_ok)
        return NULL;
    ret->size = sym->len;
    sc_err *err = pdb_to_rva(pdb, orig, &ret->rva, ret_ok);
    if (!err && from && pdb->omap_to.size) {
        ret->reordered = true;
        ret->behind = from->here - orig;
        ret->unplaced = !*ret_ok;
        ret->home = orig;
        if (ret->unplaced)
            ret->rva = from->rva - ret->behind;
        *ret_ok = true;
    }
    if (!err && *ret_ok && sym->len)
        err = pdb_fragment(pdb, orig, sym->len, &ret->size);
    return err;
}

/* The type of a symbol: procedures may have an id instead, and it may be another compiland's. */
static sc_err *type_of(struct pdb *pdb, uint32_t stream, const struct pdb_sym *sym,
                       uint32_t *ret_type) {
    uint32_t type = sym->type;
    sc_err *err = NULL;
    for (uint32_t i = 0; pdb_is_cross_id(type) && !err && i < pdb->nmodules; i++)
        if (pdb->module[i].stream == stream)
            err = pdb_global_id(pdb, &pdb->module[i], sym->type, &type);
    if (!err && pdb_is_id_proc(sym->kind))
        err = pdb_id_type(pdb, type, &type);
    if (!err)
        *ret_type = type;
    return err;
}

sc_err *pdb_fill(struct pdb *pdb, uint32_t stream, uint32_t off, const struct pdb_sym *sym,
                 const struct pdb_from *from, struct sc_symbol *ret, bool *ret_ok) {
    struct sc_symbol s = {.kind = (enum sc_symbol_kind)pdb_kind(sym->kind), .type = sym->type};
    *ret_ok = false;
    if (!s.kind || !sym->name)
        return NULL;
    sc_err *err = NULL;
    bool ok = true;
    if (s.kind == SC_SYM_CONSTANT)
        s.value = sym->value;
    else if (s.kind == SC_SYM_THREAD)
        s.rva = sym->off;
    else
        err = place(pdb, sym, from, &s, &ok);
    if (!err && ok && sym->type)
        err = type_of(pdb, stream, sym, &s.type);
    uint32_t at = off + 2 + sym->name_off;
    if (!err && ok)
        err = msf_string(pdb->msf, stream, at, (uint64_t)at + sym->name_len + 1, &s.name);
    if (err || !ok)
        return err;
    s.local = is_local(sym->kind);
    s.code = s.kind & (SC_SYM_FUNCTION | SC_SYM_LABEL | SC_SYM_THUNK) ||
             (s.kind == SC_SYM_PUBLIC && sym->flags & 3);
    *ret = s;
    *ret_ok = true;
    return NULL;
}
