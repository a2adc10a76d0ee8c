/* SPDX-License-Identifier: MIT */
/*
 * Finding a module's symbols: what its key is, what answers to that key, and what else there is.
 *
 *   1. a PDB by the CodeView record of the dump, of the image in memory, or of the image file
 *   2. for the kernel without a record: PDB or ISF by fingerprint (kernel_index.h)
 *   3. without a record: a PDB of the image's name in a local folder whose signature is the
 *      image's time stamp, which the linker makes equal in reproducible builds
 *   4. an ISF table and Breakpad symbols of the same GUID and age
 *   5. exports, of the image in memory or of the image file
 *   6. for the kernel: the built-in layout of its build, for types only
 *
 * Why something better was not found is kept as one line: `lm` and `!lmi` show it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "base/utf.h"
#include "sym/exports.h"
#include "sym/kernel_index.h"
#include "sym/layouts.h"
#include "sym/open.h"
#include "sym/symtab_impl.h"

struct load {
    sc_symtab *t;
    struct sc_modslot *slot;
    const struct sc_module *m;
    sc_pe *memory; /* the image in the target's memory; NULL when its headers are absent */
    const sc_pe *file;
    bool is_nt;
};

static bool ends_search(const sc_err *err) {
    return sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED;
}

/* Keeps the reason of an error that ends nothing. */
static sc_err *forgive(struct load *l, sc_err *own_err) {
    if (!own_err || ends_search(own_err))
        return own_err;
    if (!l->slot->pub.why)
        l->slot->pub.why = sc_arena_strdup(l->t->arena, sc_err_text(own_err));
    sc_err_destroy(own_err);
    return l->slot->pub.why ? NULL : sc_err_nomem();
}

static sc_err *because(struct load *l, const char *text) {
    if (l->slot->pub.why || !text)
        return NULL;
    l->slot->pub.why = sc_arena_strdup(l->t->arena, text);
    return l->slot->pub.why ? NULL : sc_err_nomem();
}

/* ---- the key ---- */

static sc_err *take_codeview(struct load *l, sc_pe *pe) {
    const struct sc_codeview *cv;
    sc_err *err = sc_pe_codeview(pe, &cv);
    if (!err && cv && (cv->kind == SC_CV_RSDS || cv->kind == SC_CV_NB10)) {
        l->slot->pub.codeview = *cv;
        if (cv->path && !(l->slot->pub.codeview.path = sc_arena_strdup(l->t->arena, cv->path)))
            return sc_err_nomem();
    }
    if (ends_search(err))
        return err;
    sc_err_destroy(err); /* most dumps lack the page: that is no reason worth showing */
    return NULL;
}

static sc_err *find_key(struct load *l) {
    struct sc_codeview *cv = &l->slot->pub.codeview;
    *cv = l->m->codeview;
    if (cv->kind == SC_CV_RSDS || cv->kind == SC_CV_NB10)
        return NULL;
    cv->kind = SC_CV_NONE;
    sc_err *err =
        sc_pe_open_memory(sc_target_space(l->t->target), l->m->base, l->m->image, &l->memory);
    if (err && ends_search(err))
        return err;
    sc_err_destroy(err);
    if (l->memory)
        err = take_codeview(l, l->memory);
    else
        err = NULL;
    if (!err && cv->kind == SC_CV_NONE)
        err = sc_symimage(l->t, l->slot, &l->file);
    if (!err && l->file && cv->kind == SC_CV_NONE)
        err = take_codeview(l, l->slot->image);
    return err;
}

/* ---- providers by key ---- */

static sc_err *matches(sc_symbols *s, const struct sc_store_key *key) {
    struct sc_symbols_info info;
    sc_symbols_info(s, &info);
    char have[SC_GUID_BUF], want[SC_GUID_BUF];
    bool old = key->signature && !key->guid.a;
    if (old ? info.signature != key->signature : !sc_guid_equal(&info.guid, &key->guid))
        return sc_errf(SC_ERR_FORMAT, "it is %s, and %s is wanted", sc_guid_text(&info.guid, have),
                       sc_guid_text(&key->guid, want));
    uint32_t age;
    sc_err *err = sc_symbols_key_age(s, &age);
    if (err)
        return err;
    if (age != key->age && strcmp(info.provider, "isf") != 0)
        return sc_errf(SC_ERR_FORMAT, "its age is %x, and %x is wanted", age, key->age);
    return NULL;
}

static sc_err *verify(void *ctx, const struct sc_store_key *key, const char *path) {
    (void)ctx;
    sc_symbols *s;
    sc_err *err = sc_symbols_open(path, &s);
    if (err)
        return err;
    err = matches(s, key);
    sc_symbols_unref(s);
    return err;
}

static enum sc_symstate state_of(const struct sc_symbols_info *info) {
    if (!strcmp(info->provider, "pdb"))
        return info->has_private ? SC_SYMSTATE_PRIVATE : SC_SYMSTATE_PDB;
    if (!strcmp(info->provider, "isf"))
        return SC_SYMSTATE_ISF;
    return SC_SYMSTATE_SYM;
}

static sc_err *add_file(struct load *l, const char *path, const char *how) {
    sc_symbols *s;
    sc_err *err = sc_symbols_open(path, &s);
    if (err)
        return forgive(l, err);
    struct sc_symbols_info info;
    sc_symbols_info(s, &info);
    return sc_slot_add(l->slot, s, state_of(&info), how, false);
}

static sc_err *add_by_key(struct load *l, enum sc_store_kind kind) {
    const struct sc_codeview *cv = &l->slot->pub.codeview;
    struct sc_store_key key = {.kind = kind,
                               .name = cv->path ? cv->path : l->m->image,
                               .guid = cv->guid,
                               .age = cv->age,
                               .signature = cv->signature};
    struct sc_store_found found = {0};
    sc_err *err = sc_store_find(l->t->store, &key, verify, NULL, &found);
    if (!err && found.path)
        err = add_file(l, found.path, "GUID and age");
    else if (!err && kind == SC_STORE_PDB)
        err = because(l, found.why);
    else
        err = forgive(l, err);
    sc_store_found_deinit(&found);
    return err;
}

/* ---- the kernel's fingerprint ---- */

static uint32_t rva_in(const struct sc_module *m, uint64_t addr) {
    return addr - m->base < m->size ? (uint32_t)(addr - m->base) : 0;
}

struct log_to {
    const sc_target *target;
};

static void log_line(void *ctx, enum sc_log_level level, const char *line) {
    sc_target_log(((struct log_to *)ctx)->target, level, "%s", line);
}

static sc_err *search_index(struct load *l, struct sc_kernel_index *index) {
    const struct sc_machine *machine = sc_target_machine(l->t->target);
    struct sc_kernel_print print = {rva_in(l->m, machine->loaded_module_list),
                                    rva_in(l->m, machine->active_process_head),
                                    rva_in(l->m, machine->debugger_data)};
    struct log_to to = {l->t->target};
    const char *cache = sc_store_cache(l->t->store);
    sc_err *err = sc_kernel_index_load(index, cache);
    if (!err)
        err = sc_kernel_index_add_path(index, sc_store_expanded(l->t->store, SC_PATH_SYMBOLS),
                                       log_line, &to);
    if (!err && index->looked) {
        sc_err *unsaved = sc_kernel_index_save(index, cache);
        if (unsaved) /* it will be made again */
            sc_target_log(l->t->target, SC_LOG_DEBUG, "%s", sc_err_text(unsaved));
        sc_err_destroy(unsaved);
    }
    const struct sc_kernel_entry *e = err ? NULL : sc_kernel_index_find(index, &print);
    if (err)
        return err;
    if (!e)
        return because(l, "no kernel symbols in the symbol path have this kernel's fingerprint");
    struct sc_codeview *cv = &l->slot->pub.codeview;
    cv->kind = SC_CV_RSDS;
    cv->guid = e->guid;
    cv->age = e->age ? e->age : 1;
    cv->path = "ntkrnlmp.pdb";
    return add_file(l, e->path, "fingerprint");
}

static sc_err *add_by_fingerprint(struct load *l) {
    struct sc_kernel_index index = {0};
    sc_err *err = search_index(l, &index);
    sc_kernel_index_free(&index);
    return forgive(l, err);
}

/* ---- by signature ---- */

/* In place of a record: the PDB whose signature is the image's time stamp. */
static sc_err *verify_signature(void *ctx, const struct sc_store_key *key, const char *path) {
    (void)key;
    const struct load *l = ctx;
    sc_symbols *s;
    sc_err *err = sc_symbols_open(path, &s);
    if (err)
        return err;
    struct sc_symbols_info info;
    sc_symbols_info(s, &info);
    sc_symbols_unref(s);
    if (info.signature != l->m->timestamp)
        return sc_errf(SC_ERR_FORMAT, "its signature is %08X, the image's time stamp %08X",
                       info.signature, l->m->timestamp);
    return NULL;
}

static sc_err *add_by_signature(struct load *l) {
    char name[SC_STORE_NAME_MAX + 8];
    const char *dot = strrchr(l->m->image, '.');
    int n = dot ? (int)(dot - l->m->image) : (int)strlen(l->m->image);
    snprintf(name, sizeof name, "%.*s.pdb", n > 200 ? 200 : n, l->m->image);
    char *path = NULL;
    sc_err *err = sc_store_find_any(l->t->store, name, verify_signature, l, &path);
    if (!err && path)
        err = add_file(l, path, "signature equal to the image's time stamp");
    free(path);
    return forgive(l, err);
}

/* ---- exports and layouts ---- */

static sc_err *add_exports(struct load *l) {
    if (!l->file && l->slot->pub.nproviders)
        return NULL; /* real symbols are there: the image is not searched for just for this */
    sc_err *err = NULL;
    if (!l->memory) {
        err = sc_pe_open_memory(sc_target_space(l->t->target), l->m->base, l->m->image, &l->memory);
        if (ends_search(err))
            return err;
        sc_err_destroy(err);
    }
    sc_symbols *s = NULL;
    err = l->memory ? sc_exports_open(l->memory, NULL, &s) : NULL;
    if (err && !ends_search(err)) {
        sc_err_destroy(err);
        err = NULL;
    }
    if (!err && !s)
        err = sc_symimage(l->t, l->slot, &l->file);
    if (!err && !s && l->file)
        err = sc_exports_open(l->file, l->slot->pub.image_path, &s);
    if (err && !ends_search(err)) { /* drivers mostly export nothing */
        sc_err_destroy(err);
        err = NULL;
    }
    return err || !s ? err : sc_slot_add(l->slot, s, SC_SYMSTATE_EXPORT, "exports", false);
}

static sc_err *add_layouts(struct load *l) {
    const struct sc_machine *machine = sc_target_machine(l->t->target);
    if (!l->is_nt || l->slot->pub.nproviders == SC_PROVIDERS_MAX)
        return NULL;
    sc_symbols *s = NULL;
    sc_err *err = sc_layouts_open(machine->cpu, machine->build, &s);
    if (err && !ends_search(err)) { /* no set of this build */
        sc_err_destroy(err);
        return NULL;
    }
    if (err)
        return err;
    bool only = !l->slot->pub.nproviders;
    err = sc_slot_add(l->slot, s, SC_SYMSTATE_NONE, NULL, false);
    if (only) /* types alone are no symbols */
        l->slot->pub.path = NULL;
    return err;
}

static sc_err *load_all(struct load *l) {
    struct sc_modsyms *p = &l->slot->pub;
    sc_err *err = find_key(l);
    bool keyed = p->codeview.kind != SC_CV_NONE;
    if (!err && keyed)
        err = add_by_key(l, SC_STORE_PDB);
    if (!err && !keyed && l->is_nt)
        err = add_by_fingerprint(l);
    if (!err && !keyed && !p->nproviders)
        err = add_by_signature(l);
    if (!err && keyed && (l->is_nt || !p->nproviders))
        err = add_by_key(l, SC_STORE_ISF);
    if (!err && keyed && !p->nproviders)
        err = add_by_key(l, SC_STORE_SYM);
    if (!err)
        err = add_exports(l);
    if (!err && !p->nproviders)
        err = because(l, keyed ? NULL
                               : "the dump does not say which PDB belongs to this image, and its "
                                 "image file was not found");
    if (!err)
        err = add_layouts(l);
    return err;
}

sc_err *sc_symload(sc_symtab *symtab, struct sc_modslot *slot) {
    struct load l = {.t = symtab, .slot = slot, .m = slot->pub.module};
    l.is_nt = sc_target_machine(symtab->target)->kernel && !strcmp(l.m->name, "nt");
    slot->pub.state = SC_SYMSTATE_NONE;
    sc_err *err = sc_symimage_register(symtab);
    if (!err)
        err = load_all(&l);
    sc_pe_close(l.memory);
    if (err)
        sc_slot_clear(slot);
    return err;
}
