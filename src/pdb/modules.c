/* SPDX-License-Identifier: MIT */
/*
 * Compilands ("modules" of the DBI stream) and which of them an address belongs to.
 *
 *     module record    +0x00 u32           +0x22 u16 stream          +0x30 u16 files, u16
 *                      +0x04 contribution  +0x24 u32 symbol bytes    +0x34 u32, u32, u32
 *                            (28 bytes)    +0x28 u32 C11 line bytes  +0x40 name NUL, object NUL,
 *                      +0x20 u16 flags     +0x2c u32 C13 line bytes        padding to 4
 *     contributions    u32 version: 0xf12eba2d (28 bytes each), 0xf13151e4 (32), then, sorted:
 *                      u16 segment, u16, i32 offset, i32 size, u32 characteristics,
 *                      u16 module (0-based), u16, u32 data CRC, u32 relocation CRC [, u32 COFF]
 *
 * The compiland of an address is found by binary search in the file. Learnt from pdb-rs' docs.
 */
#include <stdlib.h>

#include "base/vec.h"
#include "pdb/pdb_impl.h"

enum { MODULE_FIXED = 64, CONTRIB = 28 };

/* Length of the two names and their padding behind the fixed part at AT. */
static sc_err *names_end(struct pdb *pdb, uint32_t at, uint32_t end, uint32_t *ret_end) {
    uint32_t pos = at + MODULE_FIXED;
    int names = 0;
    while (names < 2) {
        uint8_t b[64];
        uint32_t n = end - pos < sizeof b ? end - pos : (uint32_t)sizeof b;
        if (n == 0)
            return msf_err(pdb->msf, PDB_STREAM_DBI, at, "a module's names have no end");
        sc_err *err = msf_read(pdb->msf, PDB_STREAM_DBI, pos, b, n);
        if (err)
            return err;
        for (uint32_t i = 0; i < n && names < 2; i++, pos++)
            names += b[i] == 0;
    }
    pos = (pos + 3) & ~3u; /* the substream starts at a multiple of 4 */
    *ret_end = pos < end ? pos : end;
    return NULL;
}

static sc_err *read_module(struct pdb *pdb, uint32_t at, struct pdb_module *ret) {
    uint8_t b[MODULE_FIXED];
    sc_err *err = msf_read(pdb->msf, PDB_STREAM_DBI, at, b, sizeof b);
    if (err)
        return err;
    ret->info = at;
    ret->stream = msf_le16(b + 0x22);
    ret->sym_bytes = msf_le32(b + 0x24);
    ret->c11_bytes = msf_le32(b + 0x28);
    ret->c13_bytes = msf_le32(b + 0x2c);
    ret->checksums.stream = ret->imports.stream = ret->exports.stream = PDB_NO_STREAM;
    uint64_t all = (uint64_t)ret->sym_bytes + ret->c11_bytes + ret->c13_bytes;
    if (ret->stream != PDB_NO_STREAM && all > msf_size(pdb->msf, ret->stream))
        return msf_err(pdb->msf, PDB_STREAM_DBI, at,
                       "a module says that its stream %u has %llu bytes; it has %u", ret->stream,
                       (unsigned long long)all, msf_size(pdb->msf, ret->stream));
    return NULL;
}

sc_err *pdb_load_modules(struct pdb *pdb) {
    struct {
        struct pdb_module *item;
        size_t count, room;
    } list = {0};
    if (pdb->has_modules)
        return NULL;
    uint32_t at = pdb->mod_info.offset, end = at + pdb->mod_info.size;
    sc_err *err = NULL;
    while (!err && end - at >= MODULE_FIXED) {
        struct pdb_module *module = SC_VEC_PUSH(&list);
        err = module ? read_module(pdb, at, module) : sc_err_nomem();
        if (!err)
            err = names_end(pdb, at, end, &at);
    }
    if (err) {
        free(list.item);
        return err;
    }
    pdb->module = list.item;
    pdb->nmodules = (uint32_t)list.count;
    pdb->has_modules = true;
    return NULL;
}

uint32_t pdb_module_number(const struct pdb *pdb, const struct pdb_module *module) {
    return (uint32_t)(module - pdb->module) + 1;
}

/* Number of contributions; looks at the version once. */
static sc_err *count_contribs(struct pdb *pdb, uint32_t *ret_count) {
    if (pdb->contribs.size < 4) {
        *ret_count = 0;
        return NULL;
    }
    if (!pdb->contrib_size) {
        uint32_t version = 0;
        sc_err *err = msf_u32(pdb->msf, PDB_STREAM_DBI, pdb->contribs.offset, &version);
        if (err)
            return err;
        if (version != 0xf12eba2d && version != 0xf13151e4)
            return msf_err(pdb->msf, PDB_STREAM_DBI, pdb->contribs.offset,
                           "section contributions of version 0x%x are not known", version);
        pdb->contrib_size = version == 0xf12eba2d ? CONTRIB : CONTRIB + 4;
    }
    *ret_count = (pdb->contribs.size - 4) / pdb->contrib_size;
    return NULL;
}

struct contrib {
    uint64_t key; /* segment and offset */
    uint32_t size, module;
};

static uint32_t contrib_pos(const struct pdb *pdb, uint32_t index) {
    return pdb->contribs.offset + 4 + index * pdb->contrib_size;
}

static sc_err *read_contrib(struct pdb *pdb, uint32_t index, struct contrib *ret) {
    uint8_t b[CONTRIB];
    sc_err *err = msf_read(pdb->msf, PDB_STREAM_DBI, contrib_pos(pdb, index), b, sizeof b);
    if (!err)
        *ret = (struct contrib){(uint64_t)msf_le16(b) << 32 | msf_le32(b + 4), msf_le32(b + 8),
                                msf_le16(b + 16)};
    return err;
}

sc_err *pdb_contrib_before(struct pdb *pdb, uint32_t orig, uint32_t *ret_index, bool *ret_found) {
    uint32_t seg = 0, off = 0, low = 0, high = 0;
    *ret_found = false;
    sc_err *err = count_contribs(pdb, &high);
    if (err || !pdb_segment(pdb, orig, &seg, &off))
        return err;
    uint64_t key = (uint64_t)seg << 32 | off, floor = 0, ceiling = UINT64_MAX;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        struct contrib c;
        err = read_contrib(pdb, mid, &c);
        if (err)
            return err;
        if (c.key < floor || c.key > ceiling)
            return msf_err(pdb->msf, PDB_STREAM_DBI, contrib_pos(pdb, mid),
                           "the section contributions are not sorted");
        if (c.key <= key) {
            low = mid + 1;
            floor = c.key;
        } else {
            high = mid;
            ceiling = c.key;
        }
    }
    *ret_found = low > 0;
    *ret_index = low - 1;
    return NULL;
}

sc_err *pdb_contrib(struct pdb *pdb, uint32_t index, uint32_t *ret_orig, uint32_t *ret_size,
                    uint32_t *ret_module) {
    struct contrib c = {0};
    sc_err *err = read_contrib(pdb, index, &c);
    if (err)
        return err;
    if (!pdb_orig(pdb, (uint32_t)(c.key >> 32), (uint32_t)c.key, ret_orig))
        *ret_orig = 0; /* in a segment that is no section */
    *ret_size = c.size;
    *ret_module = c.module;
    return NULL;
}

sc_err *pdb_module_at(struct pdb *pdb, uint32_t orig, struct pdb_module **ret_module) {
    enum { EMPTY_MAX = 64 }; /* contributions without bytes may stand at the same offset */
    uint32_t index = 0;
    bool found = false;
    *ret_module = NULL;
    if (!pdb_has_compilands(pdb))
        return NULL;
    sc_err *err = pdb_contrib_before(pdb, orig, &index, &found);
    for (int i = 0; !err && found && i < EMPTY_MAX; i++) {
        uint32_t start = 0, size = 0, module = 0;
        err = pdb_contrib(pdb, index, &start, &size, &module);
        if (!err && start <= orig && orig - start < size) {
            err = pdb_load_modules(pdb);
            if (!err && module >= pdb->nmodules)
                err = msf_err(pdb->msf, PDB_STREAM_DBI, contrib_pos(pdb, index),
                              "a contribution of module %u of %u", module, pdb->nmodules);
            if (!err)
                *ret_module = &pdb->module[module];
            return err;
        }
        found = index-- > 0 && (size == 0 || start == 0);
    }
    return err;
}
