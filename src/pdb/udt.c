/* SPDX-License-Identifier: MIT */
/*
 * Records of structures, unions and enumerations. Behind the u16 leaf:
 *
 *     LF_CLASS, LF_STRUCTURE, LF_INTERFACE   u16 members, u16 properties, u32 field list,
 *                                            u32 derived, u32 vshape, numeric size, name[, unique]
 *     LF_UNION                               u16 members, u16 properties, u32 field list,
 *                                            numeric size, name[, unique name]
 *     LF_ENUM                                u16 members, u16 properties, u32 underlying type,
 *                                            u32 field list, name[, unique name]
 *
 * The unique name is there when property 0x200 is set.
 */
#include "pdb/leaf.h"
#include "pdb/pdb_impl.h"

bool pdb_is_udt(uint16_t leaf) {
    return leaf == LF_CLASS || leaf == LF_STRUCTURE || leaf == LF_INTERFACE || leaf == LF_UNION ||
           leaf == LF_ENUM;
}

/* A NUL-terminated string at AT. */
static const char *string_at(const uint8_t *data, uint32_t len, uint32_t at, uint32_t *ret_len) {
    const uint8_t *nul = at < len ? memchr(data + at, 0, len - at) : NULL;
    if (!nul)
        return NULL;
    *ret_len = (uint32_t)(nul - data) - at;
    return (const char *)data + at;
}

bool pdb_udt_decode(const uint8_t *data, uint32_t len, struct pdb_udt *ret) {
    memset(ret, 0, sizeof *ret);
    if (len < 14)
        return false;
    ret->leaf = msf_le16(data);
    ret->count = msf_le16(data + 2);
    ret->prop = msf_le16(data + 4);
    ret->fields = msf_le32(data + 6);
    uint32_t at = ret->leaf == LF_UNION ? 10 : 18, n = 0;
    if (ret->leaf == LF_ENUM) {
        ret->underlying = ret->fields;
        ret->fields = msf_le32(data + 10);
        at = 14;
    } else if (at > len || !pdb_numeric(data + at, len - at, &ret->size, &n)) {
        return false;
    }
    ret->name_off = at + n;
    ret->name = string_at(data, len, ret->name_off, &ret->name_len);
    if (ret->name && ret->prop & PDB_PROP_UNIQUE)
        ret->unique = string_at(data, len, ret->name_off + ret->name_len + 1, &ret->unique_len);
    return ret->name != NULL;
}
