/* SPDX-License-Identifier: MIT */
/*
 * A PDB behind the vtable of symbol providers. Every call holds the provider's lock, which is
 * recursive: callbacks may ask the same provider for more.
 */
#include <stdlib.h>

#include "pdb/pdb_impl.h"

static struct pdb *enter(void *impl) {
    struct pdb *pdb = impl;
    pthread_mutex_lock(&pdb->lock);
    return pdb;
}

static sc_err *leave(struct pdb *pdb, sc_err *err) {
    pthread_mutex_unlock(&pdb->lock);
    return err;
}

static void op_destroy(void *impl) {
    struct pdb *pdb = impl;
    pdb_close(pdb);
    pthread_mutex_destroy(&pdb->lock);
    free(pdb);
}

static void op_info(void *impl, struct sc_symbols_info *ret) {
    struct pdb *pdb = enter(impl);
    *ret = (struct sc_symbols_info){
        .provider = "pdb",
        .path = msf_path(pdb->msf),
        .guid = pdb->guid,
        .age = pdb->age,
        .signature = pdb->signature,
        .cpu = pdb->cpu,
        .has_private = pdb_is_private(pdb),
        .has_types = pdb->tpi.end > pdb->tpi.first,
        .has_lines = pdb_is_private(pdb) && pdb->names_stream != PDB_NO_STREAM,
        .pages_read = msf_pages_read(pdb->msf),
        .file_size = msf_file_size(pdb->msf),
    };
    leave(pdb, NULL);
}

static sc_err *op_nearest(void *impl, uint32_t rva, unsigned kinds, struct sc_symbol *ret,
                          bool *ret_found) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_nearest(pdb, rva, kinds, ret, ret_found));
}

static sc_err *op_find(void *impl, const char *name, struct sc_symbol *ret, bool *ret_found) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_find(pdb, name, false, ret, ret_found));
}

static sc_err *op_each(void *impl, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                       void *ctx) {
    enum { IN_COMPILANDS = SC_SYM_LABEL | SC_SYM_THUNK };
    struct pdb *pdb = enter(impl);
    bool stop = false;
    /* Without a table of globals, procedures are found in the compilands only. */
    unsigned there = pdb->globals.stream == PDB_NO_STREAM ? IN_COMPILANDS | SC_SYM_FUNCTION
                                                          : (unsigned)IN_COMPILANDS;
    sc_err *err = pdb_each_global(pdb, pattern, kinds & ~there, fn, ctx, &stop);
    if (!err && !stop && kinds & there)
        err = pdb_each_proc(pdb, pattern, kinds & there, fn, ctx, &stop);
    return leave(pdb, err);
}

static sc_err *op_line(void *impl, uint32_t rva, struct sc_line *ret, bool *ret_found) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_line(pdb, rva, ret, ret_found));
}

static sc_err *op_lines(void *impl, const char *file, uint32_t line, sc_line_fn fn, void *ctx) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_lines_of(pdb, file, line, fn, ctx));
}

static sc_err *op_inlines(void *impl, uint32_t rva, sc_inline_fn fn, void *ctx) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_inlines(pdb, rva, fn, ctx));
}

static sc_err *op_locals(void *impl, uint32_t rva, sc_local_fn fn, void *ctx) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_locals(pdb, rva, fn, ctx));
}

static sc_err *op_frame_rule(void *impl, uint32_t rva, struct sc_frame_rule *ret, bool *ret_found) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_frame_rule(pdb, rva, ret, ret_found));
}

static sc_err *op_type_named(void *impl, const char *name, uint32_t *ret_id, bool *ret_found) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_type_named(pdb, name, ret_id, ret_found));
}

static sc_err *op_type(void *impl, uint32_t id, struct sc_type *ret) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_type(pdb, id, ret));
}

static sc_err *op_members(void *impl, uint32_t id, sc_member_fn fn, void *ctx) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_members(pdb, id, fn, ctx));
}

static sc_err *op_types(void *impl, const char *pattern, sc_type_fn fn, void *ctx) {
    struct pdb *pdb = enter(impl);
    return leave(pdb, pdb_types(pdb, pattern, fn, ctx));
}

static const struct sc_symbols_ops ops = {
    .name = "pdb",
    .destroy = op_destroy,
    .info = op_info,
    .nearest = op_nearest,
    .find = op_find,
    .each = op_each,
    .line = op_line,
    .lines = op_lines,
    .inlines = op_inlines,
    .locals = op_locals,
    .frame_rule = op_frame_rule,
    .type_named = op_type_named,
    .type = op_type,
    .members = op_members,
    .types = op_types,
};

static bool init_lock(pthread_mutex_t *lock) {
    pthread_mutexattr_t attr;
    if (pthread_mutexattr_init(&attr) != 0)
        return false;
    bool ok = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE) == 0 &&
              pthread_mutex_init(lock, &attr) == 0;
    pthread_mutexattr_destroy(&attr);
    return ok;
}

sc_err *sc_pdb_open_file(sc_file *own_file, sc_symbols **ret_symbols) {
    struct pdb *pdb = calloc(1, sizeof *pdb);
    if (!pdb || !init_lock(&pdb->lock)) {
        free(pdb);
        sc_file_close(own_file);
        return sc_err_nomem();
    }
    sc_err *err = pdb_open(pdb, own_file);
    if (err) {
        op_destroy(pdb);
        return err;
    }
    return sc_symbols_create(&ops, pdb, ret_symbols);
}

sc_err *sc_pdb_open(const char *path, sc_symbols **ret_symbols) {
    sc_file *file = NULL;
    sc_err *err = sc_file_open(path, 0, &file);
    return err ? err : sc_pdb_open_file(file, ret_symbols);
}

/* The PDB behind SYMBOLS, its lock held. */
static sc_err *pdb_of(sc_symbols *symbols, struct pdb **ret_pdb) {
    struct pdb *pdb = sc_symbols_impl(symbols, &ops);
    if (!pdb)
        return sc_errf(SC_ERR_ARG, "these symbols do not come from a PDB");
    *ret_pdb = enter(pdb);
    return NULL;
}

sc_err *sc_pdb_ages(sc_symbols *symbols, uint32_t *ret_info_age, uint32_t *ret_dbi_age) {
    struct pdb *pdb = NULL;
    sc_err *err = pdb_of(symbols, &pdb);
    if (err)
        return err;
    *ret_info_age = pdb->age;
    *ret_dbi_age = pdb->dbi_age;
    return leave(pdb, NULL);
}

sc_err *sc_pdb_find_nocase(sc_symbols *symbols, const char *name, struct sc_symbol *ret_symbol,
                           bool *ret_found) {
    struct pdb *pdb = NULL;
    sc_err *err = pdb_of(symbols, &pdb);
    if (err)
        return err;
    *ret_found = false;
    return leave(pdb, pdb_find(pdb, name, true, ret_symbol, ret_found));
}

sc_err *sc_pdb_named_stream(sc_symbols *symbols, const char *name, char **ret_text,
                            size_t *ret_size) {
    struct pdb *pdb = NULL;
    sc_err *err = pdb_of(symbols, &pdb);
    if (err)
        return err;
    err = pdb_stream_text(pdb, name, ret_text, ret_size);
    return leave(pdb, err);
}

sc_err *sc_pdb_omap(sc_symbols *symbols, bool to_source, sc_pdb_omap_fn fn, void *ctx) {
    struct pdb *pdb = NULL;
    sc_err *err = pdb_of(symbols, &pdb);
    return err ? err : leave(pdb, pdb_omap_each(pdb, to_source, fn, ctx));
}

sc_err *sc_pdb_frames(sc_symbols *symbols, sc_pdb_frame_fn fn, void *ctx) {
    struct pdb *pdb = NULL;
    sc_err *err = pdb_of(symbols, &pdb);
    return err ? err : leave(pdb, pdb_frames_each(pdb, fn, ctx));
}
