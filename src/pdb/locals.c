/* SPDX-License-Identifier: MIT */
/*
 * Locals and parameters of the procedure that covers an address.
 *
 * Optimised code: S_LOCAL, then records that each say where the variable is during a range:
 *
 *     S_DEFRANGE_REGISTER           u16 register, u16 attributes, range, gaps
 *     S_DEFRANGE_FRAMEPOINTER_REL   i32 offset, range, gaps       (…_FULL_SCOPE: i32 offset only)
 *     S_DEFRANGE_SUBFIELD_REGISTER  u16 register, u16 attributes, u32 offset in parent:12, range,
 *                                   gaps
 *     S_DEFRANGE_REGISTER_REL       u16 base, u16 flags (1 spilled part, 4-15 offset in parent),
 *                                   i32 offset, range, gaps
 *     range: u32 offset, u16 segment, u16 length;   gap: u16 start, u16 length, from the range's
 *     start
 *
 * Frame-relative offsets count from the register that S_FRAMEPROC names (flags, bits 14-15 for
 * locals, 16-17 for parameters). Other code: S_REGREL32, S_BPREL32, S_REGISTER. Optimised code
 * repeats its parameters as S_REGREL32 of their home slots, which may never be written: those are
 * left out when there is a S_LOCAL of that name.
 *
 * S_REGREL32 does not say what is a parameter. Guessed, from what compilers emit: on the stack
 * pointer's side of the return address are locals, beyond it parameters; with a frame pointer on
 * x86 positive offsets are parameters, elsewhere as many as the procedure's type has, the first.
 */
#include <stdlib.h>

#include "base/vec.h"
#include "pdb/pdb_impl.h"

enum {
    LOCAL_PARAM = 1,
    LOCAL_OPTIMIZED = 0x100,
    GAP = 4,
    RANGE = 8,
    REG_X86_EBP = 22,
    REG_X64_RSP = 335,
};

/* A variable, found but not shown yet. */
struct found {
    struct sc_local local;
    uint32_t level; /* of its scope */
    uint32_t order; /* in the file */
    bool exact;     /* from a S_LOCAL */
    bool shown;     /* S_LOCAL: a place was found */
};

struct scope {
    uint32_t orig, len;
    uint32_t inline_depth;
};

struct locals {
    struct pdb *pdb;
    struct pdb_walk walk;
    const struct pdb_proc *proc;
    uint32_t orig; /* the address */
    /* S_FRAMEPROC */
    uint32_t frame_size;
    const char *base_local, *base_param;
    uint32_t params_left; /* S_REGREL32 without a better rule */
    struct {
        struct scope *item;
        size_t count, room;
    } scopes;
    struct {
        struct found *item;
        size_t count, room;
    } found;
    bool open;      /* a S_LOCAL waits for its ranges */
    size_t current; /* its index in `found` */
};

/* The register that two bits of S_FRAMEPROC name. */
static const char *frame_base(enum sc_cpu cpu, unsigned bits) {
    static const char *const x86[] = {NULL, "vframe", "ebp", "ebx"};
    static const char *const x64[] = {NULL, "rsp", "rbp", "r13"};
    static const char *const arm64[] = {NULL, "sp", "fp", NULL};
    static const char *const arm[] = {NULL, "sp", "r11", "r7"};
    switch (cpu) {
    case SC_CPU_X86: return x86[bits & 3];
    case SC_CPU_X64: return x64[bits & 3];
    case SC_CPU_ARM64: return arm64[bits & 3];
    case SC_CPU_ARM: return arm[bits & 3];
    default: return NULL;
    }
}

/* S_FRAMEPROC may stand behind the locals: look for it first. */
static sc_err *find_frame(struct locals *l, struct pdb_module *module) {
    bool more = true;
    sc_err *err = pdb_walk_init(l->pdb, module, l->proc->off, &l->walk);
    while (!err && more) {
        err = pdb_walk_next(&l->walk, &more);
        if (err || !more || l->walk.sym.kind != S_FRAMEPROC)
            continue;
        l->frame_size = l->walk.sym.len;
        l->base_local = frame_base(l->pdb->cpu, l->walk.sym.flags >> 14);
        l->base_param = frame_base(l->pdb->cpu, l->walk.sym.flags >> 16);
        break;
    }
    l->walk.pos = 0;
    return err;
}

/* How many parameters the procedure's type has; the first record of the walk is the procedure. */
static sc_err *count_params(struct locals *l, const struct pdb_sym *proc) {
    struct sc_type type;
    uint32_t ti = 0;
    sc_err *err = pdb_global_id(l->pdb, l->walk.module, proc->type, &ti);
    if (!err && pdb_is_id_proc(proc->kind) && ti)
        err = pdb_id_type(l->pdb, ti, &ti);
    if (!err && ti >= 0x1000)
        err = pdb_type(l->pdb, ti, &type);
    if (!err && ti >= 0x1000 && type.kind == SC_TYPE_FUNCTION)
        l->params_left = (uint32_t)type.count;
    return err;
}

static struct scope *top(struct locals *l) {
    return l->scopes.count ? &l->scopes.item[l->scopes.count - 1] : NULL;
}

static sc_err *push_scope(struct locals *l, uint32_t orig, uint32_t len, bool inlined) {
    uint32_t depth = top(l) ? top(l)->inline_depth : 0;
    struct scope *scope = SC_VEC_PUSH(&l->scopes);
    if (!scope)
        return sc_err_nomem();
    *scope = (struct scope){orig, len, depth + (inlined ? 1 : 0)};
    return NULL;
}

static sc_err *new_local(struct locals *l, struct found **ret) {
    struct found *f = SC_VEC_PUSH(&l->found);
    const struct scope *scope = top(l);
    bool ok = false;
    if (!f)
        return sc_err_nomem();
    f->order = (uint32_t)l->found.count;
    f->level = (uint32_t)l->scopes.count;
    f->local.scope_size = scope->len;
    f->local.inline_depth = scope->inline_depth;
    sc_err *err = pdb_to_rva(l->pdb, scope->orig, &f->local.scope_rva, &ok);
    uint32_t at = l->walk.off + 2 + l->walk.sym.name_off;
    if (!err)
        err = msf_string(l->pdb->msf, l->walk.module->stream, at,
                         (uint64_t)at + l->walk.sym.name_len + 1, &f->local.name);
    if (!err)
        err = pdb_global_id(l->pdb, l->walk.module, l->walk.sym.type, &f->local.type);
    *ret = f;
    return err;
}

/* Is the address in the range at P, whose record has LEFT bytes from there? */
static bool in_range(const struct locals *l, const uint8_t *p, uint32_t left, bool *ret_ok) {
    uint32_t start;
    *ret_ok = left >= RANGE;
    if (!*ret_ok || !pdb_orig(l->pdb, msf_le16(p + 4), msf_le32(p), &start) || l->orig < start ||
        l->orig - start >= msf_le16(p + 6))
        return false;
    for (p += RANGE, left -= RANGE; left >= GAP; p += GAP, left -= GAP) {
        uint32_t gap = start + msf_le16(p);
        if (l->orig >= gap && l->orig - gap < msf_le16(p + 2))
            return false;
    }
    return true;
}

/* Where a S_DEFRANGE record puts the variable; false when not at this address. */
static bool decode_place(const struct locals *l, struct sc_local *local, bool *ret_ok) {
    const uint8_t *p = l->walk.data + 2;
    uint32_t left = l->walk.len - 2;
    enum sc_cpu cpu = l->pdb->cpu;
    static const uint8_t fixed[] = {4, 4, 8, 4, 8}; /* bytes before the range */
    uint32_t before = fixed[l->walk.sym.kind - S_DEFRANGE_REGISTER];
    *ret_ok = left >= before;
    if (!*ret_ok)
        return false;
    switch (l->walk.sym.kind) {
    case S_DEFRANGE_REGISTER:
        local->where = SC_LOCAL_REGISTER;
        local->reg = pdb_register(cpu, msf_le16(p));
        break;
    case S_DEFRANGE_SUBFIELD_REGISTER:
        local->where = SC_LOCAL_PIECES;
        local->reg = pdb_register(cpu, msf_le16(p));
        local->offset_in_parent = msf_le32(p + 4) & 0xfff;
        break;
    case S_DEFRANGE_REGISTER_REL:
        local->where = SC_LOCAL_REG_REL;
        local->reg = pdb_register(cpu, msf_le16(p));
        local->offset_in_parent = msf_le16(p + 2) >> 4;
        local->offset = (int32_t)msf_le32(p + 4);
        break;
    default:
        local->where = SC_LOCAL_FRAME_REL;
        local->reg = local->parameter ? l->base_param : l->base_local;
        local->offset = (int32_t)msf_le32(p);
        break;
    }
    if (l->walk.sym.kind == S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE)
        return true;
    return in_range(l, p + before, left - before, ret_ok);
}

/* A S_DEFRANGE record belongs to the S_LOCAL before it. */
static sc_err *on_range(struct locals *l) {
    bool ok = true;
    if (!l->open)
        return NULL;
    struct found place = l->found.item[l->current];
    place.local.offset_in_parent = 0;
    if (!decode_place(l, &place.local, &ok))
        return ok ? NULL
                  : msf_err(l->pdb->msf, l->walk.module->stream, l->walk.off,
                            "the range of a variable is cut off");
    place.shown = true;
    if (!l->found.item[l->current].shown) {
        l->found.item[l->current] = place;
        return NULL;
    }
    struct found *piece = SC_VEC_PUSH(&l->found); /* another piece of it */
    if (!piece)
        return sc_err_nomem();
    *piece = place;
    piece->order = (uint32_t)l->found.count;
    return NULL;
}

static sc_err *on_local(struct locals *l) {
    struct found *f = NULL;
    sc_err *err = new_local(l, &f);
    if (err)
        return err;
    f->exact = true;
    f->local.parameter = l->walk.sym.flags & LOCAL_PARAM;
    f->local.where = SC_LOCAL_OPTIMIZED; /* unless a range says better */
    f->shown = l->walk.sym.flags & LOCAL_OPTIMIZED;
    l->open = !f->shown;
    l->current = l->found.count - 1;
    return NULL;
}

static bool has_exact(const struct locals *l, const char *name) {
    for (size_t i = 0; i < l->found.count; i++)
        if (l->found.item[i].exact && strcmp(l->found.item[i].local.name, name) == 0)
            return true;
    return false;
}

/* Is a variable at OFFSET from register REG a parameter? */
static bool is_param(struct locals *l, uint32_t reg, int32_t offset, const char *name) {
    enum sc_cpu cpu = l->pdb->cpu;
    if (strcmp(name, "this") == 0)
        return true;
    if (cpu == SC_CPU_X64 && reg == REG_X64_RSP)
        return offset >= 0 && (uint32_t)offset >= l->frame_size;
    if (cpu == SC_CPU_X86)
        return offset > 0;
    bool param = l->params_left > 0;
    l->params_left -= param;
    return param;
}

static sc_err *on_relative(struct locals *l) {
    const struct pdb_sym *s = &l->walk.sym;
    struct found *f = NULL;
    bool bp = s->kind == S_BPREL32;
    if (has_exact(l, s->name))
        return NULL;
    sc_err *err = new_local(l, &f);
    if (err)
        return err;
    f->local.where = SC_LOCAL_REG_REL;
    f->local.offset = (int32_t)s->off;
    f->local.reg = bp && l->pdb->cpu == SC_CPU_X64 ? "rbp"
                   : bp                            ? "ebp"
                                                   : pdb_register(l->pdb->cpu, s->reg);
    f->local.parameter = l->scopes.count == 1 &&
                         is_param(l, bp ? REG_X86_EBP : s->reg, (int32_t)s->off, f->local.name);
    return NULL;
}

static sc_err *on_register(struct locals *l) {
    const struct pdb_sym *s = &l->walk.sym;
    struct found *f = NULL;
    if (has_exact(l, s->name))
        return NULL;
    sc_err *err = new_local(l, &f);
    if (err)
        return err;
    f->local.where = SC_LOCAL_REGISTER;
    f->local.reg = pdb_register(l->pdb->cpu, s->reg);
    f->local.parameter = l->scopes.count == 1 && strcmp(f->local.name, "this") == 0;
    return NULL;
}

static sc_err *on_static(struct locals *l) {
    const struct pdb_sym *s = &l->walk.sym;
    struct found *f = NULL;
    uint32_t orig = 0, rva = 0;
    bool ok = pdb_orig(l->pdb, s->seg, s->off, &orig);
    sc_err *err = ok ? pdb_to_rva(l->pdb, orig, &rva, &ok) : NULL;
    if (err || !ok)
        return err;
    err = new_local(l, &f);
    if (err)
        return err;
    f->local.where = SC_LOCAL_STATIC;
    f->local.rva = rva;
    return NULL;
}

static sc_err *on_constant(struct locals *l) {
    struct found *f = NULL;
    int64_t value = (int64_t)l->walk.sym.value;
    sc_err *err = new_local(l, &f);
    if (err)
        return err;
    f->local.where = SC_LOCAL_CONSTANT;
    f->local.offset = value;
    return NULL;
}

/* A scope opens: goes in when it covers the address, else behind it. */
static sc_err *on_scope(struct locals *l) {
    const struct pdb_sym *s = &l->walk.sym;
    uint32_t orig = 0, first = 0;
    struct pdb_inline_range range;
    l->open = false;
    if (s->kind == S_INLINESITE || s->kind == S_INLINESITE2) {
        uint32_t off = l->orig - l->proc->orig;
        if (pdb_inline_covers(s, off, &range, 0, 0, &first))
            return push_scope(l, l->proc->orig + range.start, range.end - range.start, true);
    } else if (s->kind == S_BLOCK32 && pdb_orig(l->pdb, s->seg, s->off, &orig) && l->orig >= orig &&
               l->orig - orig < s->len) {
        return push_scope(l, orig, s->len, false);
    }
    return pdb_walk_skip(&l->walk);
}

static sc_err *on_record(struct locals *l) {
    uint16_t kind = l->walk.sym.kind;
    if (kind >= S_DEFRANGE_REGISTER && kind <= S_DEFRANGE_REGISTER_REL)
        return on_range(l);
    if (pdb_opens_scope(kind))
        return on_scope(l);
    if (pdb_closes_scope(kind)) {
        l->open = false;
        if (l->scopes.count > 1)
            l->scopes.count--;
        return NULL;
    }
    switch (kind) {
    case S_LOCAL: return on_local(l);
    case S_REGREL32:
    case S_BPREL32: return on_relative(l);
    case S_REGISTER: return on_register(l);
    case S_LDATA32:
    case S_GDATA32: return on_static(l);
    case S_CONSTANT: return on_constant(l);
    default: return NULL;
    }
}

static int in_order(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    if (x->local.inline_depth != y->local.inline_depth)
        return x->local.inline_depth < y->local.inline_depth ? -1 : 1;
    if (x->local.parameter != y->local.parameter)
        return x->local.parameter ? -1 : 1;
    if (x->level != y->level)
        return x->level > y->level ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Walks the procedure and fills in `found`. */
static sc_err *gather(struct locals *l, struct pdb_module *module) {
    bool more = true;
    sc_err *err = find_frame(l, module);
    if (!err)
        err = pdb_walk_next(&l->walk, &more); /* the procedure itself */
    if (!err && more)
        err = count_params(l, &l->walk.sym);
    if (!err)
        err = push_scope(l, l->proc->orig, l->proc->len, false);
    while (!err && more) {
        err = pdb_walk_next(&l->walk, &more);
        if (!err && more)
            err = on_record(l);
    }
    return err;
}

sc_err *pdb_locals(struct pdb *pdb, uint32_t rva, sc_local_fn fn, void *ctx) {
    struct pdb_module *module = NULL;
    struct locals l = {.pdb = pdb};
    bool ok = false;
    msf_buf_init(&l.walk.buf);
    sc_err *err = pdb_to_orig(pdb, rva, &l.orig, &ok);
    if (!err && ok)
        err = pdb_module_at(pdb, l.orig, &module);
    if (!err && module)
        err = pdb_load_procs(pdb, module);
    l.proc = !err && module ? pdb_proc_at(module, l.orig) : NULL;
    if (l.proc)
        err = gather(&l, module);
    pdb_walk_deinit(&l.walk);
    if (!err && l.found.count)
        qsort(l.found.item, l.found.count, sizeof *l.found.item, in_order);
    for (size_t i = 0; !err && i < l.found.count; i++)
        if (!fn(ctx, &l.found.item[i].local))
            break;
    free(l.scopes.item);
    free(l.found.item);
    return err;
}
