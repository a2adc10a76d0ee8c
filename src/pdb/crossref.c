/* SPDX-License-Identifier: MIT */
/*
 * References across compilands. With whole-program optimisation a symbol may name a type or an
 * inlined function of another compiland: its id has bit 31 set, bits 20-30 are the number of an
 * import of the compiland and bits 0-19 an index in it. Two C13 subsections lead on:
 *
 *     0xf7 CROSSSCOPEIMPORTS   {u32 other compiland (offset in /names), u32 n, u32 local id[n]}
 *     0xf8 CROSSSCOPEEXPORTS   {u32 local id, u32 global id}, of the other compiland
 *
 * A local id with bit 31 set is one of the IPI stream, and stays so in the exports; the global id
 * is an index of the TPI or IPI stream. Learnt from cvinfo.h (ComboID, CrossScopeId) and checked
 * against the source lines that such functions have.
 */
#include "base/utf.h"
#include "pdb/pdb_impl.h"

enum { INDEX_BITS = 20, INDEX_MASK = 0xfffff, SCOPE_MASK = 0x7ff, MODULE_FIXED = 64 };

/* The import that ID names: where its compiland's name is, and the local id there. */
static sc_err *find_import(struct pdb *pdb, const struct pdb_module *module, uint32_t id,
                           uint32_t *ret_name, uint32_t *ret_local, bool *ret_found) {
    uint32_t scope = id >> INDEX_BITS & SCOPE_MASK, index = id & INDEX_MASK;
    struct msf_buf buf;
    msf_buf_init(&buf);
    sc_err *err = msf_bytes(pdb->msf, module->imports.stream, module->imports.offset,
                            module->imports.size, &buf);
    struct sc_cur c = msf_cur(&buf, module->imports.offset, "imports from compilands");
    *ret_found = false;
    for (uint32_t i = 0; !err && sc_cur_left(&c) >= 8; i++) {
        uint32_t name = sc_u32(&c), n = sc_u32(&c);
        if (!sc_cur_fits(&c, n, 4)) {
            err = msf_cur_err(pdb->msf, module->imports.stream, &c);
        } else if (i < scope) {
            sc_cur_skip(&c, (uint64_t)n * 4);
        } else {
            *ret_found = index < n;
            sc_cur_skip(&c, *ret_found ? (uint64_t)index * 4 : 0);
            *ret_name = name;
            *ret_local = sc_u32(&c);
            break;
        }
    }
    msf_buf_free(&buf);
    return err;
}

/* The compiland called NAME; NULL if none. */
static sc_err *module_named(struct pdb *pdb, const char *name, struct pdb_module **ret_module) {
    uint32_t end = pdb->mod_info.offset + pdb->mod_info.size;
    *ret_module = NULL;
    for (uint32_t i = 0; i < pdb->nmodules; i++) {
        const char *here = NULL;
        sc_err *err = msf_string(pdb->msf, PDB_STREAM_DBI,
                                 (uint64_t)pdb->module[i].info + MODULE_FIXED, end, &here);
        if (err)
            return err;
        if (sc_strcasecmp(here, name) == 0) {
            *ret_module = &pdb->module[i];
            return NULL;
        }
    }
    return NULL;
}

static sc_err *find_export(struct pdb *pdb, const struct pdb_module *module, uint32_t local,
                           uint32_t *ret_global, bool *ret_found) {
    const struct pdb_range *range = &module->exports;
    struct msf_buf buf;
    msf_buf_init(&buf);
    *ret_found = false;
    if (range->stream == PDB_NO_STREAM)
        return NULL;
    sc_err *err = msf_bytes(pdb->msf, range->stream, range->offset, range->size, &buf);
    for (uint32_t at = 0; !err && !*ret_found && range->size - at >= 8; at += 8) {
        *ret_found = msf_le32(buf.data + at) == local;
        if (*ret_found)
            *ret_global = msf_le32(buf.data + at + 4);
    }
    msf_buf_free(&buf);
    return err;
}

sc_err *pdb_global_id(struct pdb *pdb, struct pdb_module *module, uint32_t id, uint32_t *ret_id) {
    uint32_t name = 0, local = 0;
    const char *text = NULL;
    struct pdb_module *other = NULL;
    bool found = false;
    if (!pdb_is_cross_id(id)) {
        *ret_id = id;
        return NULL;
    }
    sc_err *err = pdb_load_lines(pdb, module);
    if (!err && module->imports.stream != PDB_NO_STREAM)
        err = find_import(pdb, module, id, &name, &local, &found);
    if (!err && found)
        err = pdb_name_at(pdb, name, &text);
    if (!err && found)
        err = module_named(pdb, text, &other);
    if (!err && other)
        err = pdb_load_lines(pdb, other);
    found = false;
    if (!err && other)
        err = find_export(pdb, other, local, ret_id, &found);
    if (!err && !found)
        err = msf_err(pdb->msf, module->stream, 0, "id 0x%x leads to no other compiland", id);
    return err;
}
