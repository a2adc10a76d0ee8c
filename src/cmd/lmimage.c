/* SPDX-License-Identifier: MIT */
/*
 * What `lmv` learns from the image itself, where its pages are in the dump: the version resource,
 * the CodeView record, and whether the build was reproducible (then the time stamps are parts of a
 * hash). Kernel dumps record none of these beside the list of drivers.
 *
 * An image whose header does not fit the module's record is another one, or a stale page: nothing
 * is taken from it. What is absent or damaged is left out; the columns say "not known" by their
 * absence.
 */
#include <string.h>

#include "cmd/lm.h"

#include "stopcode/pe.h"

enum { STRINGS_MAX = 64 };

/* NULL, or an error that must be passed on; any other is the image's own affair. */
static sc_err *grave(sc_err *err) {
    if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
        sc_err_destroy(err);
        return NULL;
    }
    return err;
}

static bool is_same(const struct sc_pe_headers *h, const struct sc_lm_row *row) {
    return h->image_size == row->size && (!row->timestamp || h->timestamp == row->timestamp);
}

static sc_err *take_strings(const struct sc_pe_versioninfo *info, struct sc_lm_row *row,
                            sc_arena *arena) {
    size_t n = info->nstrings < STRINGS_MAX ? info->nstrings : STRINGS_MAX;
    struct sc_lm_string *list = sc_arena_array(arena, n ? n : 1, sizeof *list);
    if (!list)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++) {
        list[i].key = sc_arena_strdup(arena, info->strings[i].key);
        list[i].value = sc_arena_strdup(arena, info->strings[i].value);
        if (!list[i].key || !list[i].value)
            return sc_err_nomem();
    }
    row->strings = list;
    row->nstrings = n;
    if (!info->ntranslations)
        return NULL;
    row->translations = sc_arena_printf(arena, "%04x.%04x", info->translations[0] & 0xffff,
                                        info->translations[0] >> 16);
    return row->translations ? NULL : sc_err_nomem();
}

static sc_err *take_version(const sc_pe *pe, struct sc_lm_row *row, sc_arena *arena) {
    struct sc_pe_versioninfo *info;
    sc_err *err = sc_pe_versioninfo(pe, &info);
    if (err)
        return grave(err);
    if (info->fixed.present && !row->version) {
        struct sc_version *copy = sc_arena_alloc(arena, sizeof *copy);
        if (copy)
            *copy = info->fixed;
        err = copy ? sc_lm_version(row, copy, arena) : sc_err_nomem();
    }
    if (info->fixed.present && !err) {
        row->flags_mask = info->flags_mask;
        row->has_mask = true;
    }
    if (!err)
        err = take_strings(info, row, arena);
    sc_pe_versioninfo_destroy(info);
    return err;
}

static sc_err *take_codeview(sc_pe *pe, struct sc_lm_row *row, sc_arena *arena) {
    const struct sc_codeview *cv;
    if (row->symbol_id)
        return NULL;
    sc_err *err = sc_pe_codeview(pe, &cv);
    return err ? grave(err) : sc_lm_symbol_id(row, cv, arena);
}

static sc_err *take_repro(const sc_pe *pe, struct sc_lm_row *row) {
    struct sc_pe_repro repro;
    sc_err *err = sc_pe_repro(pe, &repro);
    if (err)
        return grave(err);
    if (repro.present) {
        row->reproducible = true;
        row->time = 0;
        row->time_doubt = NULL;
    }
    return NULL;
}

sc_err *sc_lm_image(sc_target *target, const struct sc_module *module, struct sc_lm_row *row,
                    sc_arena *arena) {
    sc_pe *pe;
    sc_err *err = sc_pe_open_memory(sc_target_space(target), module->base,
                                    module->image ? module->image : "", &pe);
    if (err)
        return grave(err);
    if (is_same(sc_pe_headers(pe), row)) {
        err = take_version(pe, row, arena);
        if (!err)
            err = take_codeview(pe, row, arena);
        if (!err)
            err = take_repro(pe, row);
    }
    sc_pe_close(pe);
    return err;
}
