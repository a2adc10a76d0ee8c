/* SPDX-License-Identifier: MIT */
/*
 * Frame data of x86: how to walk over a function without a frame pointer.
 *
 *     FPO_DATA (16 bytes)     u32 RVA, u32 bytes of code, u32 locals (dwords), u16 parameters
 *                             (dwords), u8 prolog bytes, u8: saved registers:3, SEH:1, uses ebp:1,
 *                             reserved:1, kind:2 (0 FPO, 1 TRAP, 2 TSS, 3 NONFPO)
 *     FRAMEDATA (32 bytes)    u32 RVA, code, locals, parameters, max stack (bytes), program (offset
 *                             in /names); u16 prolog, u16 saved registers (bytes), u32 flags: 1
 *                             SEH, 2 EH, 4 start of a function
 *
 * Both are sorted by RVA, in the linker's layout. FRAMEDATA blocks of one function may overlap:
 * the last one that starts at or below an address and reaches it counts. FRAMEDATA says more, so
 * it is asked first. Learnt from microsoft-pdb and Breakpad's documents.
 */
#include "pdb/pdb_impl.h"

enum { FPO_SIZE = 16, FRAME_SIZE = 32, BACK_MAX = 256, FPO_BY_PROGRAM = 0xff };

struct table {
    uint32_t stream, row, count;
};

static struct table table_of(const struct pdb *pdb, bool is_new) {
    struct table t = {pdb->debug[is_new ? PDB_DBG_NEW_FPO : PDB_DBG_FPO],
                      is_new ? FRAME_SIZE : FPO_SIZE, 0};
    t.count = msf_size(pdb->msf, t.stream) / t.row;
    return t;
}

static void decode_fpo(const uint8_t *p, struct sc_frame_rule *r) {
    r->locals = msf_le32(p + 8) * 4;
    r->params = msf_le16(p + 12) * 4u;
    r->prolog = p[14];
    r->saved_regs = (p[15] & 7) * 4u;
    r->has_seh = p[15] >> 3 & 1;
    r->uses_ebp = p[15] >> 4 & 1;
    r->fpo_kind = p[15] >> 6;
    r->function_start = true;
}

static sc_err *decode_frame(struct pdb *pdb, const uint8_t *p, struct sc_frame_rule *r) {
    r->locals = msf_le32(p + 8);
    r->params = msf_le32(p + 12);
    r->max_stack = msf_le32(p + 16);
    r->prolog = msf_le16(p + 24);
    r->saved_regs = msf_le16(p + 26);
    uint32_t flags = msf_le32(p + 28);
    r->has_seh = flags & 1;
    r->function_start = flags & 4;
    r->fpo_kind = FPO_BY_PROGRAM;
    if (pdb->names_stream == PDB_NO_STREAM)
        return NULL;
    sc_err *err = pdb_name_at(pdb, msf_le32(p + 20), &r->program);
    if (!err && !r->program[0])
        r->program = NULL;
    return err;
}

/* Row INDEX; its `rva` is in the linker's layout. */
static sc_err *read_row(struct pdb *pdb, const struct table *t, uint32_t index,
                        struct sc_frame_rule *ret) {
    uint8_t b[FRAME_SIZE];
    sc_err *err = msf_read(pdb->msf, t->stream, (uint64_t)index * t->row, b, t->row);
    if (err)
        return err;
    struct sc_frame_rule r = {.rva = msf_le32(b), .size = msf_le32(b + 4)};
    if (t->row == FPO_SIZE)
        decode_fpo(b, &r);
    else
        err = decode_frame(pdb, b, &r);
    if (!err)
        *ret = r;
    return err;
}

/* Index of the last row at or below ORIG, plus one. */
static sc_err *search(struct pdb *pdb, const struct table *t, uint32_t orig, uint32_t *ret_next) {
    uint32_t low = 0, high = t->count, floor = 0, ceiling = UINT32_MAX;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2, start = 0;
        sc_err *err = msf_u32(pdb->msf, t->stream, (uint64_t)mid * t->row, &start);
        if (err)
            return err;
        if (start < floor || start > ceiling)
            return msf_err(pdb->msf, t->stream, (uint64_t)mid * t->row,
                           "the frame data are not sorted");
        if (start <= orig) {
            low = mid + 1;
            floor = start;
        } else {
            high = mid;
            ceiling = start;
        }
    }
    *ret_next = low;
    return NULL;
}

static sc_err *find(struct pdb *pdb, const struct table *t, uint32_t orig,
                    struct sc_frame_rule *ret, bool *ret_found) {
    uint32_t next = 0;
    sc_err *err = search(pdb, t, orig, &next);
    for (int i = 0; !err && next > 0 && i < BACK_MAX; i++, next--) {
        uint8_t b[8];
        err = msf_read(pdb->msf, t->stream, (uint64_t)(next - 1) * t->row, b, sizeof b);
        if (err || orig - msf_le32(b) >= msf_le32(b + 4))
            continue;
        err = read_row(pdb, t, next - 1, ret);
        *ret_found = !err;
        break;
    }
    return err;
}

/* Takes the row to the image's layout; *RET_OK is false when it is not there. */
static sc_err *to_image(struct pdb *pdb, const struct pdb_from *from, struct sc_frame_rule *r,
                        bool *ret_ok) {
    uint32_t orig = r->rva;
    *ret_ok = true;
    sc_err *err =
        from ? pdb_to_rva_from(pdb, from, orig, &r->rva) : pdb_to_rva(pdb, orig, &r->rva, ret_ok);
    if (!err && *ret_ok)
        err = pdb_fragment(pdb, orig, r->size, &r->size);
    return err;
}

sc_err *pdb_frame_rule(struct pdb *pdb, uint32_t rva, struct sc_frame_rule *ret, bool *ret_found) {
    struct sc_frame_rule r;
    uint32_t orig = 0;
    bool ok = false, found = false;
    sc_err *err = pdb_to_orig(pdb, rva, &orig, &ok);
    for (int i = 0; !err && ok && !found && i < 2; i++) {
        struct table t = table_of(pdb, i == 0);
        err = find(pdb, &t, orig, &r, &found);
    }
    if (!err && !found && pdb->cpu == SC_CPU_X64)
        return pdb_frameproc(pdb, rva, ret, ret_found);
    if (err || !found)
        return err;
    err = to_image(pdb, &(struct pdb_from){rva, orig}, &r, &ok);
    if (!err && ok) {
        *ret = r;
        *ret_found = true;
    }
    return err;
}

sc_err *pdb_frames_each(struct pdb *pdb, sc_pdb_frame_fn fn, void *ctx) {
    for (int is_new = 0; is_new < 2; is_new++) {
        struct table t = table_of(pdb, is_new);
        for (uint32_t i = 0; i < t.count; i++) {
            struct sc_frame_rule r;
            bool ok = false;
            sc_err *err = read_row(pdb, &t, i, &r);
            if (!err)
                err = to_image(pdb, NULL, &r, &ok);
            if (err)
                return err;
            if (ok && !fn(ctx, &r))
                return NULL;
        }
    }
    return NULL;
}
