/* SPDX-License-Identifier: MIT */
/*
 * CodeView symbol records: u16 length (of what follows), u16 kind, fields, a NUL-terminated name,
 * padding to 4. Little-endian. Behind the kind:
 *
 *     S_PUB32          u32 flags, u32 off, u16 seg, name
 *     S_*PROC32*       u32 parent, end, next, len, dbgStart, dbgEnd, type, off; u16 seg; u8 flags;
 *                      name
 *     S_*DATA32, S_*THREAD32   u32 type, u32 off, u16 seg, name
 *     S_CONSTANT       u32 type, numeric, name        S_UDT   u32 type, name
 *     S_*REF           u32 sum, u32 offset in the module's stream, u16 module (1-based), name
 *     S_BLOCK32        u32 parent, end, len, off, u16 seg, name
 *     S_THUNK32        u32 parent, end, next, off, u16 seg, u16 len, u8 ordinal, name
 *     S_LABEL32        u32 off, u16 seg, u8 flags, name
 *     S_SEPCODE        u32 parent, end, len, flags, off, parent off, u16 seg, u16 parent seg
 *     S_FRAMEPROC      u32 frame, pad, pad off, saved regs, handler off, u16 handler seg, u32 flags
 *     S_LOCAL          u32 type, u16 flags, name
 *     S_REGISTER       u32 type, u16 reg, name        S_BPREL32   i32 off, u32 type, name
 *     S_REGREL32       i32 off, u32 type, u16 reg, name
 *     S_INLINESITE     u32 parent, end, inlinee; annotations. S_INLINESITE2: u32 invocations first
 *
 * Numeric leaf: u16 below 0x8000 is the value; 0x8000 i8, 0x8001 i16, 0x8002 u16, 0x8003 i32,
 * 0x8004 u32, 0x8009 i64, 0x800a u64.
 *
 * Learnt from microsoft-pdb's cvinfo.h and pdb-rs' docs.
 */
#include "pdb/symrec.h"

#include <string.h>

#include "pdb/msf.h"

bool pdb_is_proc(uint16_t kind) {
    return kind == S_GPROC32 || kind == S_LPROC32 || kind == S_GPROC32_ID || kind == S_LPROC32_ID ||
           kind == S_LPROC32_DPC || kind == S_LPROC32_DPC_ID;
}

bool pdb_is_id_proc(uint16_t kind) {
    return kind == S_GPROC32_ID || kind == S_LPROC32_ID || kind == S_LPROC32_DPC_ID;
}

bool pdb_opens_scope(uint16_t kind) {
    return pdb_is_proc(kind) || kind == S_BLOCK32 || kind == S_THUNK32 || kind == S_WITH32 ||
           kind == S_SEPCODE || kind == S_INLINESITE || kind == S_INLINESITE2;
}

bool pdb_closes_scope(uint16_t kind) {
    return kind == S_END || kind == S_INLINESITE_END || kind == S_PROC_ID_END;
}

bool pdb_numeric(const uint8_t *p, uint32_t len, uint64_t *ret_value, uint32_t *ret_size) {
    if (len < 2)
        return false;
    uint16_t leaf = msf_le16(p);
    if (leaf < 0x8000) {
        *ret_value = leaf;
        *ret_size = 2;
        return true;
    }
    static const uint8_t width[] = {1, 2, 2, 4, 4, 0, 0, 0, 0, 8, 8};
    uint32_t n = leaf - 0x8000u < sizeof width ? width[leaf - 0x8000] : 0;
    if (n == 0 || len - 2 < n)
        return false;
    p += 2;
    switch (leaf) {
    case 0x8000: *ret_value = (uint64_t)(int64_t)(int8_t)p[0]; break;
    case 0x8001: *ret_value = (uint64_t)(int64_t)(int16_t)msf_le16(p); break;
    case 0x8002: *ret_value = msf_le16(p); break;
    case 0x8003: *ret_value = (uint64_t)(int64_t)(int32_t)msf_le32(p); break;
    case 0x8004: *ret_value = msf_le32(p); break;
    default: *ret_value = msf_le64(p); break;
    }
    *ret_size = 2 + n;
    return true;
}

/* Takes the name that starts AT bytes into the record. */
static bool take_name(const uint8_t *data, uint32_t len, uint32_t at, struct pdb_sym *s) {
    const uint8_t *nul = at < len ? memchr(data + at, 0, len - at) : NULL;
    if (!nul)
        return false;
    s->name = (const char *)data + at;
    s->name_off = at;
    s->name_len = (uint32_t)(nul - data) - at;
    return true;
}

static bool decode_proc(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    if (len < 2 + 35)
        return false;
    s->parent = msf_le32(p + 2);
    s->end = msf_le32(p + 6);
    s->len = msf_le32(p + 14);
    s->type = msf_le32(p + 26);
    s->off = msf_le32(p + 30);
    s->seg = msf_le16(p + 34);
    s->flags = p[36];
    return take_name(p, len, 37, s);
}

static bool decode_data(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    if (len < 2 + 10)
        return false;
    s->type = msf_le32(p + 2);
    s->off = msf_le32(p + 6);
    s->seg = msf_le16(p + 10);
    return take_name(p, len, 12, s);
}

static bool decode_public(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    if (len < 2 + 10)
        return false;
    s->flags = msf_le32(p + 2);
    s->off = msf_le32(p + 6);
    s->seg = msf_le16(p + 10);
    return take_name(p, len, 12, s);
}

static bool decode_ref(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    if (len < 2 + 10)
        return false;
    s->sym_off = msf_le32(p + 6);
    s->module = msf_le16(p + 10);
    return take_name(p, len, 12, s);
}

static bool decode_block(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    if (len < 2 + 18)
        return false;
    s->parent = msf_le32(p + 2);
    s->end = msf_le32(p + 6);
    s->len = msf_le32(p + 10);
    s->off = msf_le32(p + 14);
    s->seg = msf_le16(p + 18);
    return take_name(p, len, 20, s);
}

static bool decode_thunk(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    if (len < 2 + 21)
        return false;
    s->parent = msf_le32(p + 2);
    s->end = msf_le32(p + 6);
    s->off = msf_le32(p + 14);
    s->seg = msf_le16(p + 18);
    s->len = msf_le16(p + 20);
    return take_name(p, len, 23, s);
}

static bool decode_sepcode(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    if (len < 2 + 28)
        return false;
    s->parent = msf_le32(p + 2);
    s->end = msf_le32(p + 6);
    s->len = msf_le32(p + 10);
    s->off = msf_le32(p + 18);
    s->seg = msf_le16(p + 26);
    return true;
}

static bool decode_label(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    if (len < 2 + 7)
        return false;
    s->off = msf_le32(p + 2);
    s->seg = msf_le16(p + 6);
    return take_name(p, len, 9, s);
}

static bool decode_frameproc(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    if (len < 2 + 26)
        return false;
    s->len = msf_le32(p + 2);
    s->flags = msf_le32(p + 24);
    return true;
}

static bool decode_constant(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    uint32_t n;
    if (len < 2 + 4 || !pdb_numeric(p + 6, len - 6, &s->value, &n))
        return false;
    s->type = msf_le32(p + 2);
    return take_name(p, len, 6 + n, s);
}

static bool decode_typed(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    bool local = s->kind == S_LOCAL, reg = s->kind == S_REGISTER;
    uint32_t name = local || reg ? 8 : 6;
    if (len < name)
        return false;
    s->type = msf_le32(p + 2);
    if (local)
        s->flags = msf_le16(p + 6);
    if (reg)
        s->reg = msf_le16(p + 6);
    return take_name(p, len, name, s);
}

static bool decode_relative(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    uint32_t name = s->kind == S_REGREL32 ? 12 : 10;
    if (len < name)
        return false;
    s->off = msf_le32(p + 2);
    s->type = msf_le32(p + 6);
    if (s->kind == S_REGREL32)
        s->reg = msf_le16(p + 10);
    return take_name(p, len, name, s);
}

static bool decode_inline(const uint8_t *p, uint32_t len, struct pdb_sym *s) {
    uint32_t code = s->kind == S_INLINESITE2 ? 18 : 14;
    if (len < code)
        return false;
    s->parent = msf_le32(p + 2);
    s->end = msf_le32(p + 6);
    s->inlinee = msf_le32(p + 10);
    s->annotation = p + code;
    s->annotation_len = len - code;
    return true;
}

bool pdb_sym_decode(const uint8_t *data, uint32_t len, struct pdb_sym *ret) {
    memset(ret, 0, sizeof *ret);
    if (len < 2)
        return false;
    ret->kind = msf_le16(data);
    if (pdb_is_proc(ret->kind))
        return decode_proc(data, len, ret);
    switch (ret->kind) {
    case S_PUB32: return decode_public(data, len, ret);
    case S_LDATA32:
    case S_GDATA32:
    case S_LTHREAD32:
    case S_GTHREAD32: return decode_data(data, len, ret);
    case S_PROCREF:
    case S_LPROCREF:
    case S_DATAREF: return decode_ref(data, len, ret);
    case S_BLOCK32: return decode_block(data, len, ret);
    case S_THUNK32: return decode_thunk(data, len, ret);
    case S_SEPCODE: return decode_sepcode(data, len, ret);
    case S_LABEL32: return decode_label(data, len, ret);
    case S_FRAMEPROC: return decode_frameproc(data, len, ret);
    case S_CONSTANT: return decode_constant(data, len, ret);
    case S_UDT:
    case S_LOCAL:
    case S_REGISTER: return decode_typed(data, len, ret);
    case S_BPREL32:
    case S_REGREL32: return decode_relative(data, len, ret);
    case S_INLINESITE:
    case S_INLINESITE2: return decode_inline(data, len, ret);
    default: return true;
    }
}
