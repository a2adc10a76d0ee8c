/* SPDX-License-Identifier: MIT */
/*
 * How large a procedure's frame is on x64: what S_FRAMEPROC says, for walks that lack the image
 * and so its unwind data.
 *
 *     S_GPROC32     +0 kind, parent, end, next, +0xe length, +0x12 DbgStart, +0x16 DbgEnd, …
 *     S_FRAMEPROC   +0 kind, +2 bytes of the frame, +6 of padding, +0xa offset of the padding,
 *                   +0xe bytes of callee-saved registers, +0x12 handler: offset, u16 segment,
 *                   +0x18 flags (bit 0: alloca; bits 14-15: the register locals count from)
 *
 * Held against the unwind data of x64 images whose PDBs are at hand (some 820 procedures): the
 * frame is what the prolog subtracts from rsp; older compilers leave the callee-saved registers 0
 * though registers are pushed; DbgStart is the end of the prolog in all but one.
 */
#include "pdb/pdb_impl.h"

enum { ALLOCA = 1, LOCAL_SHIFT = 14, BY_RSP = 1, PROC_DBG = 0x12, FRAME_SIZE = 0x1c };

struct frame {
    bool found;
    uint32_t dbg_start, dbg_end;
    uint32_t size, saved, flags;
};

/* The first record of the walk is the procedure. */
static sc_err *read_frame(struct pdb_walk *walk, struct frame *ret) {
    bool more = true;
    sc_err *err = pdb_walk_next(walk, &more);
    if (err || !more || walk->len < PROC_DBG + 8)
        return err;
    ret->dbg_start = msf_le32(walk->data + PROC_DBG);
    ret->dbg_end = msf_le32(walk->data + PROC_DBG + 4);
    while (!err && more) {
        err = pdb_walk_next(walk, &more);
        if (err || !more || walk->sym.kind != S_FRAMEPROC || walk->len < FRAME_SIZE)
            continue;
        ret->size = msf_le32(walk->data + 2);
        ret->saved = msf_le32(walk->data + 0xe);
        ret->flags = msf_le32(walk->data + 0x18);
        ret->found = true;
        break;
    }
    return err;
}

sc_err *pdb_frameproc(struct pdb *pdb, uint32_t rva, struct sc_frame_rule *ret, bool *ret_found) {
    struct pdb_module *module = NULL;
    struct pdb_walk walk = {0};
    struct frame f = {0};
    uint32_t orig = 0;
    bool ok = false;
    sc_err *err = pdb_to_orig(pdb, rva, &orig, &ok);
    if (!err && ok)
        err = pdb_module_at(pdb, orig, &module);
    if (!err && module)
        err = pdb_load_procs(pdb, module);
    const struct pdb_proc *proc = !err && module ? pdb_proc_at(module, orig) : NULL;
    if (!proc)
        return err;
    msf_buf_init(&walk.buf);
    err = pdb_walk_init(pdb, module, proc->off, &walk);
    if (!err)
        err = read_frame(&walk, &f);
    pdb_walk_deinit(&walk);
    uint32_t off = orig - proc->orig;
    if (err || !f.found || off > rva || (f.flags & ALLOCA) ||
        (f.flags >> LOCAL_SHIFT & 3) != BY_RSP)
        return err;
    *ret = (struct sc_frame_rule){
        .rva = rva - off,
        .size = proc->len,
        .locals = f.size,
        .saved_regs = f.saved,
        .prolog = f.dbg_start,
        .epilog = f.dbg_end,
        .fpo_kind = SC_FRAME_SIZED,
    };
    *ret_found = true;
    return NULL;
}
