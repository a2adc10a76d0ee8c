/* SPDX-License-Identifier: MIT */
/*
 * Finding a module's symbols: what its key is, what answers to that key, and what else there is.
 *
 *   1. a PDB by the CodeView record of the dump, of the image in memory, or of the image file
 *   2. for the kernel without a record: PDB or ISF by fingerprint (symkernel.c)
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

/* Keeps the first reason: the best symbols are looked for first. */
static sc_err *because(struct load *l, const char *text) {
    if (l->slot->pub.why || !text)
        return NULL;
    l->slot->pub.why = sc_arena_strdup(l->t->arena, text);
    return l->slot->pub.why ? NULL : sc_err_nomem();
}

/* Puts a reason behind those that are there. */
static sc_err *because_also(struct load *l, const char *text) {
    const char *why = l->slot->pub.why;
    if (!why || strstr(why, text))
        return because(l, text);
    l->slot->pub.why = sc_arena_printf(l->t->arena, "%s; %s", why, text);
    return l->slot->pub.why ? NULL : sc_err_nomem();
}

/* Keeps the reason of an error that ends nothing. */
static sc_err *forgive(struct load *l, sc_err *own_err) {
    if (!own_err || sc_symtab_ends_search(own_err))
        return own_err;
    sc_err *err = because(l, sc_err_text(own_err));
    sc_err_destroy(own_err);
    return err;
}

/* Drops an error that is no reason worth showing. */
static sc_err *drop(sc_err *own_err) {
    if (sc_symtab_ends_search(own_err))
        return own_err;
    sc_err_destroy(own_err);
    return NULL;
}

/* ---- the key ---- */

/*
 * A record that names a PDB, or an ELF file's build id: with an identity, for one without fits any
 * file that lacks one.
 */
static bool is_key(const struct sc_codeview *cv) {
    static const struct sc_guid none;
    if (cv->kind == SC_CV_RSDS || cv->kind == SC_CV_ELF)
        return !sc_guid_equal(&cv->guid, &none);
    return cv->kind == SC_CV_NB10 && cv->signature;
}

static sc_err *take_codeview(struct load *l, sc_pe *pe) {
    const struct sc_codeview *cv = NULL;
    sc_err *err = sc_pe_codeview(pe, &cv);
    if (!err && cv && is_key(cv)) {
        char *path = cv->path ? sc_arena_strdup(l->t->arena, cv->path) : NULL;
        if (cv->path && !path)
            return sc_err_nomem();
        l->slot->pub.codeview = *cv;
        l->slot->pub.codeview.path = path;
    }
    return drop(err); /* most dumps lack the page */
}

static sc_err *open_memory(struct load *l) {
    if (l->memory)
        return NULL;
    return drop(
        sc_pe_open_memory(sc_target_space(l->t->target), l->m->base, l->m->image, &l->memory));
}

static sc_err *find_key(struct load *l) {
    struct sc_codeview *cv = &l->slot->pub.codeview;
    if (is_key(&l->m->codeview)) {
        *cv = l->m->codeview;
        return NULL;
    }
    sc_err *err = open_memory(l);
    if (!err && l->memory)
        err = take_codeview(l, l->memory);
    if (!err && cv->kind == SC_CV_NONE)
        err = sc_symimage(l->t, l->slot, &l->file);
    if (!err && l->file && cv->kind == SC_CV_NONE)
        err = take_codeview(l, l->slot->image);
    return err;
}

/* ---- providers by key ---- */

/* What the store is asked to verify, and the provider that passed: it need not be opened twice. */
struct checked {
    const struct load *l;
    sc_symbols *symbols;
    bool refused; /* there was a file that did not pass */
};

static sc_err *matches(sc_symbols *s, const struct sc_store_key *key) {
    struct sc_symbols_info info;
    sc_symbols_info(s, &info);
    char have[SC_GUID_BUF], want[SC_GUID_BUF];
    if (key->signature && info.signature != key->signature)
        return sc_errf(SC_ERR_FORMAT, "its signature is %08" PRIX32 ", and %08" PRIX32 " is wanted",
                       info.signature, key->signature);
    if (!key->signature && !sc_guid_equal(&info.guid, &key->guid))
        return sc_errf(SC_ERR_FORMAT, "it is %s, and %s is wanted", sc_guid_text(&info.guid, have),
                       sc_guid_text(&key->guid, want));
    uint32_t age;
    sc_err *err = sc_symbols_key_age(s, &age);
    if (err)
        return err;
    if (age != key->age && strcmp(info.provider, "isf") != 0)
        return sc_errf(SC_ERR_FORMAT, "its age is %" PRIx32 ", and %" PRIx32 " is wanted", age,
                       key->age);
    return NULL;
}

static sc_err *verify(void *ctx, const struct sc_store_key *key, const char *path) {
    struct checked *c = ctx;
    sc_symbols *s = NULL;
    sc_err *err = sc_symbols_open(path, &s);
    if (!err)
        err = matches(s, key);
    if (err) {
        sc_symbols_unref(s);
        c->refused = true;
        return err;
    }
    sc_symbols_unref(c->symbols);
    c->symbols = s;
    return NULL;
}

/* Adds the file at PATH: what was verified, unless the store moved it since (a download). */
static sc_err *add_file(struct load *l, struct checked *c, const char *path, const char *how) {
    struct sc_symbols_info info = {0};
    sc_symbols *s = c->symbols;
    c->symbols = NULL;
    if (s)
        sc_symbols_info(s, &info);
    if (!info.path || strcmp(info.path, path) != 0) {
        sc_symbols_unref(s);
        sc_err *err = sc_symbols_open(path, &s);
        if (err)
            return forgive(l, err);
    }
    return sc_slot_add(l->slot, s, how, false);
}

static sc_err *add_by_key(struct load *l, enum sc_store_kind kind) {
    const struct sc_codeview *cv = &l->slot->pub.codeview;
    bool old = cv->kind == SC_CV_NB10;
    struct sc_store_key key = {
        .kind = kind, .name = cv->path ? cv->path : l->m->image, .age = cv->age};
    if (old)
        key.signature = cv->signature;
    else
        key.guid = cv->guid;
    struct sc_store_found found = {0};
    struct checked c = {.l = l};
    sc_err *err = sc_store_find(l->t->store, &key, verify, &c, &found);
    if (!err && found.path)
        err = add_file(l, &c, found.path,
                       old                     ? "signature and age"
                       : cv->kind == SC_CV_ELF ? "build id"
                                               : "GUID and age");
    else if (!err && (kind == SC_STORE_PDB || cv->kind == SC_CV_ELF || c.refused))
        /* of other kinds only what was there */
        err = because_also(l, found.why);
    else
        err = forgive(l, err);
    sc_symbols_unref(c.symbols);
    sc_store_found_deinit(&found);
    return err;
}

static sc_err *add_by_fingerprint(struct load *l) {
    const char *why = NULL;
    sc_symbols *s = NULL;
    sc_err *err = forgive(l, sc_symkernel(l->t, l->slot, &s, &why));
    if (!err && s)
        return sc_slot_add(l->slot, s, "fingerprint", false);
    return err ? err : because(l, why);
}

/* ---- by signature ---- */

/* In place of a record: the PDB whose signature is the image's time stamp. */
static sc_err *verify_signature(void *ctx, const struct sc_store_key *key, const char *path) {
    (void)key;
    struct checked *c = ctx;
    sc_symbols *s;
    sc_err *err = sc_symbols_open(path, &s);
    if (err)
        return err;
    struct sc_symbols_info info;
    sc_symbols_info(s, &info);
    if (info.signature == c->l->m->timestamp) {
        sc_symbols_unref(c->symbols);
        c->symbols = s;
        return NULL;
    }
    sc_symbols_unref(s);
    return sc_errf(SC_ERR_FORMAT,
                   "its signature is %08" PRIX32 ", the image's time stamp %08" PRIX32,
                   info.signature, c->l->m->timestamp);
}

static sc_err *add_by_signature(struct load *l) {
    char name[SC_STORE_NAME_MAX + 8];
    const char *dot = strrchr(l->m->image, '.');
    size_t n = dot ? (size_t)(dot - l->m->image) : strlen(l->m->image);
    if (!l->m->timestamp || n > SC_STORE_NAME_MAX) /* 0 is "not known", and fits what has none */
        return NULL;
    snprintf(name, sizeof name, "%.*s.pdb", (int)n, l->m->image);
    char *path = NULL;
    struct checked c = {.l = l};
    sc_err *err = sc_store_find_any(l->t->store, name, verify_signature, &c, &path);
    if (!err && path)
        err = add_file(l, &c, path, "signature equal to the image's time stamp");
    sc_symbols_unref(c.symbols);
    free(path);
    return forgive(l, err);
}

/* ---- exports and layouts ---- */

static sc_err *exports_of(struct load *l, const sc_pe *pe, const char *path, sc_symbols **ret) {
    sc_err *err = sc_exports_open(pe, path, ret);
    if (sc_err_code(err) == SC_ERR_NOT_FOUND) /* as most drivers: no reason to show */
        return drop(err);
    return forgive(l, err);
}

/* Real symbols make them needless: the image is not searched for just for this. */
static sc_err *add_exports(struct load *l) {
    if (l->slot->pub.nproviders)
        return NULL;
    sc_symbols *s = NULL;
    sc_err *err = sc_symimage(l->t, l->slot, &l->file);
    if (!err && l->file) /* it is whole, and memory need not be */
        err = exports_of(l, l->file, l->slot->pub.image_path, &s);
    if (!err && !s)
        err = open_memory(l);
    if (!err && !s && l->memory)
        err = exports_of(l, l->memory, NULL, &s);
    return err || !s ? err : sc_slot_add(l->slot, s, "exports", false);
}

static bool is_nt(const sc_symtab *t, const struct sc_module *m) {
    return sc_target_machine(t->target)->kernel && !strcmp(m->name, "nt");
}

sc_err *sc_symload_layouts(sc_symtab *symtab, struct sc_modslot *slot) {
    const struct sc_machine *machine = sc_target_machine(symtab->target);
    if (!is_nt(symtab, slot->pub.module) || slot->pub.nproviders == SC_PROVIDERS_MAX)
        return NULL;
    sc_symbols *s = NULL;
    sc_err *err = sc_layouts_open(machine->cpu, machine->build, &s);
    if (err)
        return drop(err); /* no set of this build */
    bool only = !slot->pub.nproviders;
    err = sc_slot_add(slot, s, NULL, false);
    if (!err && only) /* types alone are no symbols */
        slot->pub.path = NULL;
    return err;
}

static sc_err *because_unkeyed(struct load *l) {
    static const char none[] =
        "the dump does not say which PDB belongs to this image, and its image file was not found";
    if (l->file || !l->slot->image_why)
        return because(l, l->file ? "the image file names no PDB" : none);
    const char *why = sc_arena_printf(l->t->arena, "%s: %s", none, l->slot->image_why);
    return why ? because(l, why) : sc_err_nomem();
}

static sc_err *load_all(struct load *l) {
    struct sc_modsyms *p = &l->slot->pub;
    sc_err *err = find_key(l);
    bool keyed = p->codeview.kind != SC_CV_NONE;
    bool elf = p->codeview.kind == SC_CV_ELF; /* of which there are Breakpad's symbols only */
    if (!err && keyed && !elf)
        err = add_by_key(l, SC_STORE_PDB);
    if (!err && !keyed && l->is_nt)
        err = add_by_fingerprint(l);
    if (!err && !keyed && !p->nproviders)
        err = add_by_signature(l);
    if (!err && keyed && !elf && (l->is_nt || !p->nproviders))
        err = add_by_key(l, SC_STORE_ISF);
    if (!err && keyed && !p->nproviders)
        err = add_by_key(l, SC_STORE_SYM);
    bool real = p->nproviders > 0;
    if (!err)
        err = add_exports(l);
    if (!err && !real && !keyed)
        err = because_unkeyed(l);
    return err ? err : sc_symload_layouts(l->t, l->slot);
}

sc_err *sc_symload(sc_symtab *symtab, struct sc_modslot *slot) {
    struct load l = {.t = symtab, .slot = slot, .m = slot->pub.module};
    l.is_nt = is_nt(symtab, l.m);
    slot->pub.state = SC_SYMSTATE_NONE;
    symtab->loading++;
    sc_err *err = load_all(&l);
    symtab->loading--;
    sc_pe_close(l.memory);
    if (err)
        sc_slot_clear(slot);
    return err;
}
