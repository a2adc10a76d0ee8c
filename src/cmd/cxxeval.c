/* SPDX-License-Identifier: MIT */
/*
 * What C++ expressions ask a session for: local variables, registers with their types, MASM
 * expressions inside them.
 */
#include "cmd/cxx.h"

#include <string.h>

#include "base/utf.h"
#include "cmd/session_impl.h"
#include "cmd/symbols.h"

/* ---- local variables ---- */

/* What only says that there are no variables is no reason not to look for a symbol. */
static bool is_serious(const sc_err *err) {
    return err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED);
}

static sc_err *find_frame(struct sc_cxx *cxx) {
    if (cxx->frame_tried)
        return NULL;
    cxx->frame_tried = true;
    struct sc_frame *frame = sc_arena_alloc(cxx->arena, sizeof *frame);
    if (!frame)
        return sc_err_nomem();
    sc_err *err = sc_session_scope(cxx->session, frame, &cxx->inline_depth);
    if (is_serious(err))
        return err;
    if (!err && frame->module)
        cxx->frame = frame;
    sc_err_destroy(err);
    return NULL;
}

sc_err *sc_cxx_overlay(struct sc_cxx *cxx, const void *bytes, size_t size,
                       struct sc_value *ret_place) {
    sc_err *err = NULL;
    uint64_t addr;
    sc_target *target = sc_session_target(cxx->session);
    if (!cxx->overlay)
        err = sc_overlay_create(target ? sc_target_space(target) : NULL,
                                sc_session_ptr_size(cxx->session), &cxx->overlay);
    if (err)
        return err;
    if (!sc_overlay_put(cxx->overlay, bytes, size, &addr))
        return sc_errf(SC_ERR_LIMIT, "more values in registers than can be looked at at once");
    ret_place->space = sc_overlay_space(cxx->overlay);
    ret_place->address = addr;
    return NULL;
}

static sc_err *on_local(void *ctx, const char *name, struct sc_value *ret_value, bool *ret_found) {
    struct sc_cxx *cxx = ctx;
    struct sc_local_row row;
    sc_err *err = find_frame(cxx);
    if (err || !cxx->frame)
        return err;
    err = sc_local_find(cxx->session, cxx->frame, cxx->inline_depth, name, cxx->arena, &row,
                        ret_found);
    if (err || !*ret_found)
        return err;
    if (!row.available)
        return sc_errf(SC_ERR_NOT_FOUND, "%.100s has no value that is kept here", name);
    if (row.unknown)
        sc_remark(sc_session_out(cxx->session), "%s is in %s, which is not known in this frame.",
                  name, row.unknown);
    struct sc_value v = sc_value_at(sc_target_space(sc_session_target(cxx->session)), row.symbols,
                                    row.type_id, row.address);
    if (row.bytes)
        err = sc_cxx_overlay(cxx, row.bytes, (size_t)row.size, &v);
    if (!err)
        *ret_value = v;
    return err;
}

/* ---- registers ---- */

/* The types of pseudo-registers, as the manual has them: K in kernel dumps, U in user ones. */
static const struct {
    const char *name, *kernel, *user;
} pseudo_types[] = {
    {"$thread", "nt!_ETHREAD *", "ntdll!_TEB *"},
    {"$proc", "nt!_EPROCESS *", "ntdll!_PEB *"},
    {"$teb", "nt!_TEB *", "ntdll!_TEB *"},
    {"$peb", "nt!_PEB *", "ntdll!_PEB *"},
    {"$ip", "unsigned char *", NULL},
    {"$eventip", "unsigned char *", NULL},
    {"$previp", "unsigned char *", NULL},
    {"$relip", "unsigned char *", NULL},
    {"$scopeip", "unsigned char *", NULL},
    {"$exentry", "unsigned char *", NULL},
    {"$csp", "unsigned char *", NULL},
    {"$ra", "unsigned char *", NULL},
    {"$ea", "unsigned char *", NULL},
    {"$ea2", "unsigned char *", NULL},
    {"$tid", "unsigned int", NULL},
    {"$tpid", "unsigned int", NULL},
    {"$dtid", "unsigned int", NULL},
    {"$dpid", "unsigned int", NULL},
    {"$dsid", "unsigned int", NULL},
    {"$frame", "unsigned int", NULL},
    {"$ptrsize", "unsigned int", NULL},
    {"$pagesize", "unsigned int", NULL},
    {"$bug_code", "unsigned int", NULL},
    {"$exr_code", "unsigned int", NULL},
    {"$exr_numparams", "unsigned int", NULL},
};

static const char *pseudo_type(const sc_session *s, const char *name) {
    bool user = s->target && !sc_target_machine(s->target)->kernel;
    for (size_t i = 0; i < sizeof pseudo_types / sizeof *pseudo_types; i++)
        if (!sc_strcasecmp(pseudo_types[i].name, name))
            return user && pseudo_types[i].user ? pseudo_types[i].user : pseudo_types[i].kernel;
    return "unsigned int64";
}

static const char *register_type(const struct sc_reg *reg) {
    unsigned size = reg->bits ? 4 : reg->size;
    return size == 1   ? "unsigned char"
           : size == 2 ? "unsigned short"
           : size == 4 ? "unsigned int"
           : size == 8 ? "unsigned int64"
                       : NULL;
}

static sc_err *machine_register(sc_session *s, const char *name, struct sc_cexpr_reg *ret) {
    struct sc_regs regs;
    sc_err *err = sc_session_regs(s, &regs);
    if (err)
        return err;
    const struct sc_reg *reg = sc_reg_find(regs.cpu, name);
    if (!reg)
        return sc_errf(SC_ERR_NOT_FOUND, "there is no register %.40s", name);
    ret->type = register_type(reg);
    if (!ret->type)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%.40s has %u bits: such registers are shown by r, and not computed with",
                       name, reg->size * 8u);
    if (!sc_regs_get(&regs, name, &ret->value))
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold register %.40s", name);
    return NULL;
}

static sc_err *on_reg(void *ctx, const char *name, struct sc_cexpr_reg *ret_reg) {
    struct sc_cxx *cxx = ctx;
    if (*name != '$')
        return machine_register(cxx->session, name, ret_reg);
    ret_reg->type = pseudo_type(cxx->session, name);
    ret_reg->can_set = sc_lower(name[1]) == 't' && name[2] >= '0' && name[2] <= '9';
    return sc_session_pseudo_get(cxx->session, name, &ret_reg->value);
}

static sc_err *on_set(void *ctx, const char *name, uint64_t value) {
    struct sc_cxx *cxx = ctx;
    return sc_session_pseudo_set(cxx->session, name, value);
}

/* ---- the rest ---- */

static sc_err *on_masm(void *ctx, const char *text, const char *origin, unsigned depth,
                       uint64_t *ret_value, const char **ret_end) {
    struct sc_cxx *cxx = ctx;
    return sc_session_masm(cxx->session, text, origin, depth, ret_value, ret_end);
}

static sc_err *on_unknown(void *ctx, const char *name) {
    struct sc_cxx *cxx = ctx;
    return sc_session_unknown(cxx->session, name);
}

void sc_cxx_init(struct sc_cxx *cxx, sc_session *session, sc_arena *arena, const char *origin,
                 unsigned depth) {
    *cxx = (struct sc_cxx){.session = session, .arena = arena};
    cxx->env = (struct sc_cexpr_env){
        .ctx = cxx,
        .ptr_size = sc_session_ptr_size(session),
        .arena = arena,
        .target = sc_session_target(session),
        .symtab = sc_session_symtab(session),
        .origin = origin,
        .depth = depth,
        .local = sc_session_target(session) ? on_local : NULL,
        .reg = on_reg,
        .set = on_set,
        .masm = on_masm,
        .assumed = &cxx->assumed,
        .unknown = on_unknown,
    };
}

void sc_cxx_deinit(struct sc_cxx *cxx) { sc_overlay_destroy(cxx->overlay); }

void sc_cxx_remark(const struct sc_cxx *cxx) {
    if (cxx->assumed)
        sc_remark(sc_session_out(cxx->session),
                  "This layout is that of another build: fields may lie elsewhere.");
}

sc_err *sc_session_cxx_number(sc_session *session, const char *text, const char *origin,
                              unsigned depth, uint64_t *ret_value, const char **ret_end) {
    struct sc_cxx cxx;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_cxx_init(&cxx, session, arena, origin, depth);
    sc_err *err = sc_cexpr_number(&cxx.env, text, ret_value, ret_end);
    if (!err)
        sc_cxx_remark(&cxx);
    sc_cxx_deinit(&cxx);
    sc_arena_destroy(arena);
    return err;
}
