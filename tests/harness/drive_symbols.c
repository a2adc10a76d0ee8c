/* SPDX-License-Identifier: MIT */
/* Asking the symbols of a dump everything. */
#include <string.h>

#include "harness/drive.h"
#include "stopcode/symtab.h"

enum { HITS_MAX = 200, MODULES_MAX = 24 };

static void near(struct drive *d, const struct sc_near *n) {
    drive_text(d, n->module ? n->module->name : NULL);
    drive_text(d, n->name);
    drive_mix(d, n->address);
    drive_mix(d, n->displacement);
    drive_mix(d, n->symbol.kind);
}

struct hits {
    struct drive *d;
    unsigned count;
};

static bool on_hit(void *ctx, const struct sc_near *hit) {
    struct hits *h = ctx;
    near(h->d, hit);
    return ++h->count < HITS_MAX;
}

static bool on_type(void *ctx, const struct sc_typeref *ref, const struct sc_type *type) {
    struct hits *h = ctx;
    drive_text(h->d, type->name);
    drive_mix(h->d, type->size);
    drive_mix(h->d, ref->assumed);
    return ++h->count < HITS_MAX;
}

static void one_address(struct drive *d, sc_symtab *t, uint64_t addr) {
    struct sc_near n;
    struct sc_line line;
    bool found = false;
    char buf[128];
    if (!drive_error(d, sc_symtab_near(t, addr, &n, &found)) && found)
        near(d, &n);
    found = false;
    if (!drive_error(d, sc_symtab_next(t, addr, &n, &found)) && found)
        near(d, &n);
    found = false;
    if (!drive_error(d, sc_symtab_line(t, addr, &line, &found)) && found)
        drive_text(d, line.file);
    drive_text(d, sc_symtab_text(t, addr, buf, sizeof buf));
}

static void one_name(struct drive *d, sc_symtab *t, const char *name) {
    uint64_t addr;
    struct sc_typeref ref;
    bool found = false;
    if (!drive_error(d, sc_symtab_lookup(t, name, &addr, &found)))
        drive_mix(d, found ? addr : 3);
    found = false;
    if (!drive_error(d, sc_symtab_type(t, name, &ref, &found)))
        drive_mix(d, found ? ref.id : 4);
}

static void one_module(struct drive *d, sc_symtab *t, const struct sc_module *m) {
    const struct sc_modsyms *syms;
    static const uint32_t offsets[] = {0, 0x40, 0x1000, 0x1234, 0x5678};
    if (drive_error(d, sc_symtab_load(t, m, &syms)))
        return;
    drive_mix(d, syms->state);
    drive_mix(d, syms->nproviders);
    drive_text(d, syms->path);
    drive_text(d, syms->how);
    drive_text(d, syms->why);
    drive_text(d, syms->image_path);
    drive_mix(d, syms->codeview.guid.a);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        one_address(d, t, m->base + offsets[i]);
}

/* The first few, and those that the corpus has files for: all of them take long. */
static bool is_asked(const struct sc_modules *modules, size_t i) {
    static const char *const names[] = {"nt", "amdppm", "Wdf01000"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (!strcmp(modules->item[i].name, names[k]))
            return true;
    return i < MODULES_MAX;
}

static void everything(struct drive *d, sc_symtab *t, sc_target *target) {
    static const char *const names[] = {"nt!KeBugCheckEx", "nt!kebugcheckex", "ke_no_such_name",
                                        "nt!_EPROCESS",    "_LIST_ENTRY",     "!"};
    const struct sc_modules *modules;
    struct hits hits = {.d = d}, types = {.d = d};
    uint8_t byte;
    if (drive_error(d, sc_target_modules(target, &modules)))
        return;
    for (size_t i = 0; i < modules->count; i++)
        if (is_asked(modules, i))
            one_module(d, t, &modules->item[i]);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        one_name(d, t, names[i]);
    drive_error(d, sc_symtab_each(t, "?t!*e*", SC_SYM_ANY, on_hit, &hits));
    drive_error(d, sc_symtab_each(t, "*dppm!*e*", SC_SYM_ANY, on_hit, &hits));
    drive_error(d, sc_symtab_types(t, "_L*", on_type, &types));
    for (size_t i = 0; i < modules->count; i++) { /* from image files too */
        if (!is_asked(modules, i))
            continue;
        enum sc_read status =
            sc_space_read(sc_target_space(target), modules->item[i].base + 0x1000, &byte, 1, NULL);
        drive_mix(d, status);
        drive_mix(d, status == SC_READ_OK ? byte : 0);
    }
    sc_symtab_reload(t, modules->count ? &modules->item[0] : NULL);
    if (modules->count)
        one_module(d, t, &modules->item[0]);
}

void drive_symbols(struct drive *d, sc_target *target, const char *symbols, const char *cache) {
    struct sc_store_opts opts = {.sz = sizeof opts, .cache = cache, .offline = true};
    sc_symtab *t = NULL;
    if (!drive_error(d, sc_symtab_create(target, &opts, &t)) &&
        !drive_error(d, sc_store_set_path(sc_symtab_store(t), SC_PATH_SYMBOLS, symbols)))
        everything(d, t, target);
    sc_symtab_destroy(t);
    d->nomem += sc_target_take_nomem(target);
}
