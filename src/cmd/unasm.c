/* SPDX-License-Identifier: MIT */
/*
 * Views of code: bytes from the target's memory, names from its symbols.
 *
 * Names are found in this order: the symbol of the module that holds the address (an import's slot
 * by what is imported, when no symbol stands exactly there); the module; an unloaded module;
 * the page that Windows shares with every process, which has a fixed address.
 */
#include "cmd/unasm.h"
#include "cmd/wow64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

sc_err *sc_unasm_create(sc_session *session, sc_arena *arena, struct sc_unasm **ret_view) {
    struct sc_unasm *v = calloc(1, sizeof *v);
    if (!v)
        return sc_err_nomem();
    v->session = session;
    v->arena = arena;
    v->target = sc_session_target(session);
    v->space = sc_target_space(v->target);
    v->ptr_size = sc_session_ptr_size(session);
    v->limit = v->ptr_size == 4 ? UINT32_MAX : UINT64_MAX;
    v->lines = sc_session_lines(session);
    sc_err *err = sc_disasm_create(sc_session_cpu(session), &v->disasm);
    if (err) {
        free(v);
        return err;
    }
    sc_disasm_set_namer(v->disasm, sc_unasm_name, v);
    v->symtab = sc_session_symtab(session);
    *ret_view = v;
    return NULL;
}

void sc_unasm_destroy(struct sc_unasm *v) {
    if (!v)
        return;
    sc_pe_close(v->image);
    sc_disasm_destroy(v->disasm);
    free(v);
}

/* Errors that no function hands on: only "out of memory" is kept. */
static void forgive(struct sc_unasm *v, sc_err *own_err) {
    v->nomem |= own_err && sc_err_code(own_err) == SC_ERR_NOMEM;
    sc_err_destroy(own_err);
}

/* ---- memory ---- */

/*
 * Memory whose ranges could not be loaded is not memory that is absent: it is asked for once more,
 * which tells why.
 */
static void fill_window(struct sc_unasm *v, uint64_t addr, size_t room) {
    v->window_start = addr;
    v->window_size = 0;
    if (sc_space_read(v->space, addr, v->window, room, &v->window_size) != SC_READ_IO ||
        v->window_size)
        return;
    sc_err *err = sc_space_need(v->space, addr, v->window, 1, "code");
    if (!err)
        sc_space_read(v->space, addr, v->window, room, &v->window_size);
    forgive(v, err);
}

size_t sc_unasm_fetch(struct sc_unasm *v, uint64_t addr, const uint8_t **ret_data) {
    uint64_t into = addr - v->window_start;
    size_t want = sc_disasm_max(v->disasm);
    if (into >= v->window_size || v->window_size - into < want) {
        size_t room = sizeof v->window;
        if (v->limit - addr < room - 1)
            room = (size_t)(v->limit - addr) + 1;
        fill_window(v, addr, room);
        into = 0;
    }
    *ret_data = v->window + into;
    size_t left = v->window_size - (size_t)into;
    return left < want ? left : want;
}

bool sc_unasm_decode(struct sc_unasm *v, uint64_t addr, bool text, struct sc_insn *ret_insn) {
    const uint8_t *data;
    size_t got = sc_unasm_fetch(v, addr, &data);
    if (got < sc_disasm_min(v->disasm))
        return false;
    if (text)
        sc_disasm_decode(v->disasm, addr, data, got, ret_insn);
    else
        sc_disasm_scan(v->disasm, addr, data, got, ret_insn);
    return true;
}

/* ---- images ---- */

sc_err *sc_unasm_image(struct sc_unasm *v, const struct sc_module *module, sc_pe **ret_pe) {
    if (v->image_of != module) {
        sc_pe_close(v->image);
        v->image = NULL;
        v->image_of = NULL;
        v->iat_size = 0;
        sc_err *err = sc_module_image(v->session, module, &v->image);
        if (err && sc_err_code(err) == SC_ERR_NOMEM)
            return err;
        sc_err_destroy(err); /* without its headers there is less to say, that is all */
        v->image_of = module;
        const struct sc_pe_headers *h = v->image ? sc_pe_headers(v->image) : NULL;
        if (h && h->ndirs > SC_PE_DIR_IAT) {
            v->iat = h->dir[SC_PE_DIR_IAT].rva;
            v->iat_size = h->dir[SC_PE_DIR_IAT].size;
        }
    }
    *ret_pe = v->image;
    return NULL;
}

/* ---- names ---- */

static void put_offset(char *buf, size_t size, uint64_t offset) {
    size_t n = strlen(buf);
    if (offset && n < size)
        snprintf(buf + n, size - n, "+0x%llx", (ull)offset);
}

/* "ECHO!_imp_KeStallExecutionProcessor" of a slot of the import address table. */
static bool import_name(struct sc_unasm *v, const struct sc_module *m, uint64_t addr, char *buf,
                        size_t size) {
    sc_pe *pe;
    sc_err *err = sc_unasm_image(v, m, &pe);
    uint64_t rva = addr - m->base;
    if (err || !pe || rva - v->iat >= v->iat_size) {
        forgive(v, err);
        return false;
    }
    struct sc_pe_slot *slot = malloc(sizeof *slot);
    if (!slot) {
        v->nomem = true;
        return false;
    }
    err = sc_pe_import_slot(pe, (uint32_t)rva, slot);
    bool named = !err && *slot->name;
    if (named)
        snprintf(buf, size, "%s!_imp_%s", m->name, slot->name);
    free(slot);
    forgive(v, err);
    return named;
}

/*
 * "__imp_Foo" is how linkers call the slot of Foo; WinDbg takes an underscore off, as it does from
 * C's names.
 */
static const char *shown_name(const char *name) {
    return strncmp(name, "__imp_", 6) != 0 ? name : name + 1;
}

static bool module_name(struct sc_unasm *v, const struct sc_module *m, uint64_t addr, char *buf,
                        size_t size) {
    struct sc_near near;
    bool found = false;
    sc_err *err = v->symtab ? sc_symtab_near(v->symtab, addr, &near, &found) : NULL;
    found = !err && found;
    forgive(v, err);
    if ((!found || near.displacement) && import_name(v, m, addr, buf, size))
        return true;
    if (found) {
        snprintf(buf, size, "%s!%s", m->name, shown_name(near.name));
        put_offset(buf, size, near.displacement);
    } else {
        snprintf(buf, size, "%s", m->name);
        put_offset(buf, size, addr - m->base);
    }
    return true;
}

/* The page that the kernel shares with every process; its addresses never change. */
static bool shared_name(struct sc_unasm *v, uint64_t addr, char *buf, size_t size) {
    enum { SIZE = 0x1000 };
    const struct sc_machine *m = sc_target_machine(v->target);
    uint64_t kernel = v->ptr_size == 8 ? UINT64_C(0xfffff78000000000) : UINT64_C(0xffdf0000);
    uint64_t base = addr - kernel < SIZE ? kernel : UINT64_C(0x7ffe0000);
    if (!m->windows || addr - base >= SIZE)
        return false;
    snprintf(buf, size, "SharedUserData");
    put_offset(buf, size, addr - base);
    return true;
}

bool sc_unasm_name(void *view, uint64_t addr, char *buf, size_t size) {
    struct sc_unasm *v = view;
    const struct sc_module *m = sc_target_module_at(v->target, addr);
    if (m)
        return module_name(v, m, addr, buf, size);
    const struct sc_unloaded *u = sc_target_unloaded_at(v->target, addr);
    if (!u)
        return shared_name(v, addr, buf, size);
    snprintf(buf, size, "<Unloaded_%s>", u->name);
    put_offset(buf, size, addr - u->base);
    return true;
}

/* ---- what an address belongs to ---- */

/* Outside of modules: to the end of the page, where something else may begin. */
static void place_outside(struct sc_unasm *v, uint64_t addr) {
    struct sc_unasm_place *p = &v->place;
    uint64_t last = addr | 0xfff;
    p->end = last < v->limit ? last + 1 : 0;
    const struct sc_unloaded *u = sc_target_unloaded_at(v->target, addr);
    if (!u)
        return;
    snprintf(p->symbol, sizeof p->symbol, "<Unloaded_%s>", u->name);
    p->base = u->base;
}

static sc_err *place_symbol(struct sc_unasm *v, uint64_t addr) {
    struct sc_unasm_place *p = &v->place;
    struct sc_near near, next;
    bool found = false;
    sc_err *err = sc_symtab_near(v->symtab, addr, &near, &found);
    if (sc_symbols_forgive(v->session, &err) || err || !found)
        return err;
    p->has_symbol = true;
    p->base = near.address;
    snprintf(p->symbol, sizeof p->symbol, "%s!%s", p->module->name, shown_name(near.name));
    err = sc_symtab_next(v->symtab, addr, &next, &found);
    if (sc_symbols_forgive(v->session, &err) || err)
        return err;
    if (found && next.address > addr)
        p->end = next.address;
    if (near.symbol.reordered) { /* the next instruction may be of another block */
        p->shift = near.displacement - (addr - near.address);
        p->end = addr + 1;
    }
    return NULL;
}

sc_err *sc_unasm_find_place(struct sc_unasm *v, uint64_t addr) {
    struct sc_unasm_place *p = &v->place;
    if (addr - p->start < p->end - p->start)
        return NULL;
    p->start = addr;
    p->base = addr;
    p->shift = 0;
    p->has_symbol = false;
    p->symbol[0] = 0;
    p->module = sc_target_module_at(v->target, addr);
    if (!p->module) {
        place_outside(v, addr);
        return NULL;
    }
    p->base = p->module->base;
    p->end = p->module->base + p->module->size;
    snprintf(p->symbol, sizeof p->symbol, "%s", p->module->name);
    sc_err *err = v->symtab ? place_symbol(v, addr) : NULL;
    if (err)
        p->end = p->start; /* nothing is known */
    return err;
}
