/* SPDX-License-Identifier: MIT */
/* What lies at an address of code: its module, its function, what the function is for. */
#include "unwind/recover.h"

uint64_t sc_code_strip(const struct sc_unwinder *u, uint64_t addr) {
    if (!u->pac_mask)
        return addr;
    /* Bit 55 says which half of the address space it is; the signature lies above it and below. */
    return addr >> 55 & 1 ? addr | u->pac_mask : addr & ~u->pac_mask;
}

static sc_err *name(struct sc_unwinder *u, uint64_t at, struct sc_code *c) {
    struct sc_near near;
    bool found = false;
    sc_err *err = sc_symtab_near(u->symtab, at, &near, &found);
    if (err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED))
        return err;
    sc_err_destroy(err);
    if (err || !found || !near.name || near.address > at)
        return NULL;
    c->name = near.name;
    c->function = near.address;
    c->sized = near.symbol.size && near.displacement < near.symbol.size;
    c->variable = near.symbol.kind == SC_SYM_DATA || near.symbol.kind == SC_SYM_THREAD;
    c->roles = sc_roles_of(c->m->module->name, near.name);
    c->part = sc_component(near.name, &c->level);
    return NULL;
}

/* What lies at AT, but for what depends on the address that was asked for. */
static sc_err *look_up(struct sc_unwinder *u, uint64_t at, struct sc_code *c) {
    sc_err *err = sc_unwind_module_at(u, at, &c->m);
    if (err || !c->m || !u->symtab)
        return err;
    err = name(u, at, c);
    struct sc_code *kept = err ? NULL : sc_kept_put(&u->codes, at, sizeof *kept);
    if (!kept)
        return err ? err : sc_err_nomem();
    *kept = *c;
    return NULL;
}

sc_err *sc_code_at(struct sc_unwinder *u, uint64_t addr, bool return_address, struct sc_code *ret) {
    uint64_t at = return_address && addr ? addr - 1 : addr;
    const struct sc_code *kept = sc_kept_get(&u->codes, sc_target_generation(u->target), at);
    struct sc_code c = {0};
    sc_err *err = NULL;
    if (kept)
        c = *kept;
    else
        err = look_up(u, at, &c);
    if (err)
        return err;
    c.address = addr;
    c.offset = c.name ? addr - c.function : 0;
    *ret = c;
    return NULL;
}

sc_err *sc_code_named(struct sc_unwinder *u, const struct sc_module *module, const char *name,
                      uint64_t *ret_addr, bool *ret_found) {
    struct sc_unwind_module *m;
    sc_err *err = sc_unwind_module_at(u, module->base, &m);
    *ret_found = false;
    for (size_t i = 0; !err && m && m->syms && i < m->syms->nproviders && !*ret_found; i++) {
        struct sc_symbol symbol;
        bool found = false;
        err = sc_symbols_find(m->syms->provider[i], name, &symbol, &found);
        if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
            sc_err_destroy(err);
            err = NULL;
        } else if (!err && found && symbol.kind != SC_SYM_CONSTANT) {
            *ret_found = true;
            *ret_addr = m->base + symbol.rva;
        }
    }
    return err;
}

bool sc_code_target(struct sc_unwinder *u, uint64_t addr, uint64_t *ret_target) {
    uint8_t b[5];
    size_t n = u->cpu == SC_CPU_ARM64 ? 4 : 5;
    if (u->cpu == SC_CPU_ARM || sc_space_read(u->space, addr - n, b, n, NULL) != SC_READ_OK)
        return false;
    if (u->cpu == SC_CPU_ARM64) {
        uint32_t word =
            (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        if (word >> 26 != 0x25)
            return false;
        uint64_t words = word & 0x3ffffff;
        words |= words & 0x2000000 ? ~(uint64_t)0x3ffffff : 0;
        *ret_target = addr - 4 + words * 4;
        return true;
    }
    if (b[0] != 0xe8)
        return false;
    uint64_t rel =
        (uint32_t)b[1] | (uint32_t)b[2] << 8 | (uint32_t)b[3] << 16 | (uint64_t)b[4] << 24;
    rel |= rel & 0x80000000 ? 0xffffffff00000000 : 0;
    *ret_target = sc_space_canon(u->space, addr + rel);
    if (u->ptr_size == 4)
        *ret_target &= UINT32_MAX;
    return true;
}
