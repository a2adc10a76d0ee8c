/* SPDX-License-Identifier: MIT */
/*
 * The unwinder: modules with their images and symbols, looked for once each.
 *
 * An image is read where the target has it mapped. Pages that the dump lacks come from the image
 * file if the symtab found one (see sc_space_add_filler()), so there is one way to read both.
 */
#include <stdlib.h>

#include "unwind/unwind.h"

/*
 * Bits of an address that may be a signature. The kernel says which in KDDEBUGGER_DATA64 (+0x390
 * PointerAuthMask, from Windows 11 22H2 on). Otherwise those above the 48 that addresses of Windows
 * have (52 with LVA, which Windows does not use).
 */
static uint64_t pac_mask_of(sc_target *target) {
    const uint64_t usual = 0xffff000000000000, never = 0x0000007fffffffff;
    uint64_t mask = 0;
    bool given = sc_target_kd_member(target, 0x390, 8, &mask);
    return given && mask && !(mask & never) ? mask : usual;
}

sc_err *sc_unwinder_create(sc_target *target, sc_symtab *symtab, sc_unwinder **ret_unwinder) {
    struct sc_unwinder *u = calloc(1, sizeof *u);
    if (!u)
        return sc_err_nomem();
    u->target = target;
    u->symtab = symtab;
    u->space = sc_target_space(target);
    u->cpu = sc_target_machine(target)->cpu;
    u->ptr_size = sc_target_ptr_size(target);
    u->pac_mask = u->cpu == SC_CPU_ARM64 ? pac_mask_of(target) : 0;
    *ret_unwinder = u;
    return NULL;
}

static void free_own(struct sc_unwind_module *m) {
    if (m->own && m->free_own)
        m->free_own(m->own);
    if (m->own_ec && m->free_own_ec)
        m->free_own_ec(m->own_ec);
    m->own = m->own_ec = NULL;
}

static void destroy_module(struct sc_unwind_module *m) {
    free_own(m);
    sc_pe_close(m->pe);
    free(m);
}

void sc_unwinder_forget(sc_unwinder *u) {
    for (size_t i = 0; i < u->modules.count; i++)
        destroy_module(u->modules.item[i]);
    SC_VEC_FREE(&u->modules);
    u->last = NULL;
    sc_kept_deinit(&u->codes);
    free_own(&u->outside);
}

/* Modules of the kernel stay where they are, but their records may have moved. */
void sc_unwinder_forget_user(sc_unwinder *u) {
    size_t kept = 0;
    for (size_t i = 0; i < u->modules.count; i++) {
        struct sc_unwind_module *m = u->modules.item[i];
        const struct sc_module *now = sc_target_module_at(u->target, m->base);
        if (!now || now->user || now->base != m->base || now->size != m->size) {
            destroy_module(m);
            continue;
        }
        m->module = now;
        if (m->syms && u->symtab)
            m->syms = sc_symtab_peek(u->symtab, now);
        u->modules.item[kept++] = m;
    }
    u->modules.count = kept;
    u->last = NULL;
    sc_kept_deinit(&u->codes);
    free_own(&u->outside);
}

void sc_unwinder_destroy(sc_unwinder *u) {
    if (!u)
        return;
    sc_unwinder_forget(u);
    sc_disasm_destroy(u->disasm);
    free(u);
}

static bool ends_walk(const sc_err *err) {
    return sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED;
}

/* Images of several kinds of code; what cannot be read of that is taken for none. */
static sc_err *find_hybrid(struct sc_unwinder *u, struct sc_unwind_module *m) {
    struct sc_pe_chpe chpe;
    if (!m->pe || (u->cpu != SC_CPU_X64 && u->cpu != SC_CPU_ARM64))
        return NULL;
    sc_err *err = sc_pe_chpe(m->pe, &chpe);
    if (err && ends_walk(err))
        return err;
    m->hybrid = err ? SC_PE_PURE : chpe.kind;
    sc_err_destroy(err);
    return NULL;
}

/* Symbols first: they may bring the image file that fills the image's absent pages. */
static sc_err *open_module(struct sc_unwinder *u, struct sc_unwind_module *m) {
    if (u->symtab) {
        sc_err *err = sc_symtab_load(u->symtab, m->module, &m->syms);
        if (err && ends_walk(err))
            return err;
        sc_err_destroy(err);
    }
    sc_err *err = sc_pe_open_memory(u->space, m->base, m->module->image, &m->pe);
    if (err && ends_walk(err))
        return err;
    sc_err_destroy(err);
    m->has_table = m->pe && sc_pe_function_count(m->pe) > 0;
    return find_hybrid(u, m);
}

static sc_err *add_module(struct sc_unwinder *u, const struct sc_module *module,
                          struct sc_unwind_module **ret) {
    struct sc_unwind_module *m = calloc(1, sizeof *m);
    if (!m)
        return sc_err_nomem();
    *m = (struct sc_unwind_module){.module = module, .base = module->base, .size = module->size};
    sc_err *err = open_module(u, m);
    struct sc_unwind_module **slot = err ? NULL : SC_VEC_PUSH(&u->modules);
    if (!slot) {
        destroy_module(m);
        return err ? err : sc_err_nomem();
    }
    *slot = *ret = m;
    return NULL;
}

sc_err *sc_unwind_module_at(struct sc_unwinder *u, uint64_t addr, struct sc_unwind_module **ret) {
    if (u->last && addr - u->last->base < u->last->size) {
        *ret = u->last;
        return NULL;
    }
    *ret = NULL;
    const struct sc_module *module = sc_target_module_at(u->target, addr);
    if (!module)
        return NULL;
    for (size_t i = 0; i < u->modules.count && !*ret; i++)
        if (u->modules.item[i]->module == module)
            *ret = u->modules.item[i];
    sc_err *err = *ret ? NULL : add_module(u, module, ret);
    if (!err)
        u->last = *ret;
    return err;
}

sc_err *sc_unwind_rule_at(const struct sc_unwind_module *m, uint64_t addr,
                          struct sc_frame_rule *ret_rule, bool *ret_found) {
    const struct sc_modsyms *syms = m->syms;
    *ret_found = false;
    for (size_t i = 0; syms && i < syms->nproviders && !*ret_found; i++) {
        sc_err *err = sc_symbols_frame_rule(syms->provider[i], (uint32_t)(addr - m->base), ret_rule,
                                            ret_found);
        if (err && ends_walk(err))
            return err;
        sc_err_destroy(err);
    }
    return NULL;
}

bool sc_step_read_ptr(struct sc_unwinder *u, uint64_t addr, uint64_t *ret_value,
                      struct sc_step *step) {
    /* Not the space's pointer size: a 32-bit stack may lie in a 64-bit process. */
    if (sc_space_uint(u->space, addr, u->ptr_size, ret_value) == SC_READ_OK)
        return true;
    step->missing = addr;
    return false;
}

sc_err *sc_unwinder_part(sc_unwinder *u, uint64_t addr, struct sc_unwind_part *ret,
                         bool *ret_found) {
    struct sc_unwind_module *m;
    sc_err *err = sc_unwind_module_at(u, addr, &m);
    if (err)
        return err;
    *ret_found = false;
    if (!m || !m->has_table)
        return NULL;
    struct sc_pe_function part, root;
    err = sc_pe_function_find(m->pe, (uint32_t)(addr - m->base), &part);
    if (!err) {
        root = part;
        if (u->cpu == SC_CPU_X64)
            err = sc_pe_function_root(m->pe, &part, &root);
    }
    if (err && ends_walk(err))
        return err;
    if (!err && part.end) {
        *ret =
            (struct sc_unwind_part){m->base + part.begin, m->base + part.end, m->base + root.begin};
        *ret_found = true;
    }
    sc_err_destroy(err);
    return NULL;
}
