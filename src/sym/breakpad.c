/* SPDX-License-Identifier: MIT */
/* The Breakpad provider: opening, and functions by address and name. */
#include "sym/breakpad.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf.h"
#include "sym/breakpad_impl.h"

static void bp_destroy(void *impl) {
    struct bp *bp = impl;
    if (!bp)
        return;
    free(bp->path);
    free(bp->text);
    free(bp->funcs.item);
    free(bp->inits.item);
    free(bp->win_programs.item);
    free(bp->win_fpos.item);
    free(bp->publics.item);
    free(bp->lines.item);
    free(bp->deltas.item);
    free(bp->files.item);
    free(bp->origins.item);
    free(bp->names.item);
    if (bp->has_lock)
        mtx_destroy(&bp->lock);
    sc_arena_destroy(bp->arena);
    sc_map_free(&bp->rules);
    free(bp);
}

static void bp_info(void *impl, struct sc_symbols_info *ret) {
    const struct bp *bp = impl;
    ret->provider = "sym";
    ret->path = bp->path;
    ret->guid = bp->guid;
    ret->age = bp->age;
    ret->cpu = bp->cpu;
    ret->has_private = bp->funcs.count != 0;
    ret->has_lines = bp->lines.count != 0;
    ret->file_size = bp->size;
}

const struct bp_range *bp_covering(const struct bp_ranges *ranges, uint32_t rva) {
    size_t low = 0, high = ranges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->item[middle].rva <= rva)
            low = middle + 1;
        else
            high = middle;
    }
    while (low-- > 0 && ranges->item[low].reach >= rva) {
        const struct bp_range *r = &ranges->item[low];
        if (rva - r->rva < r->size)
            return r;
    }
    return NULL;
}

const struct bp_entry *bp_at_or_below(const struct bp_entries *entries, uint32_t rva) {
    size_t low = 0, high = entries->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries->item[middle].rva <= rva)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &entries->item[low - 1] : NULL;
}

static void to_symbol(const struct bp_func *f, enum sc_symbol_kind kind, struct sc_symbol *ret) {
    *ret = (struct sc_symbol){
        .name = f->name, .kind = kind, .rva = f->rva, .size = f->size, .code = true};
}

static void func_symbol(const struct bp *bp, uint32_t text, struct sc_symbol *ret) {
    struct bp_func f = bp_read_func(bp, text);
    to_symbol(&f, SC_SYM_FUNCTION, ret);
}

static void public_symbol(const struct bp *bp, uint32_t text, struct sc_symbol *ret) {
    struct bp_func f = bp_read_public(bp, text);
    to_symbol(&f, SC_SYM_PUBLIC, ret);
}

/* The function that starts last at or below RVA, whether it covers it or not. */
static const struct bp_range *last_func(const struct bp *bp, uint32_t rva) {
    size_t low = 0, high = bp->funcs.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bp->funcs.item[middle].rva <= rva)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &bp->funcs.item[low - 1] : NULL;
}

static sc_err *bp_nearest(void *impl, uint32_t rva, unsigned kinds, struct sc_symbol *ret_symbol,
                          bool *ret_found) {
    const struct bp *bp = impl;
    const struct bp_range *func = NULL;
    const struct bp_entry *pub = NULL;
    if (kinds & SC_SYM_FUNCTION) {
        func = bp_covering(&bp->funcs, rva);
        if (func) {
            func_symbol(bp, func->text, ret_symbol);
            *ret_found = true;
            return NULL;
        }
        func = last_func(bp, rva);
    }
    if (kinds & SC_SYM_PUBLIC)
        pub = bp_at_or_below(&bp->publics, rva);
    if (pub && (!func || pub->rva > func->rva))
        public_symbol(bp, pub->text, ret_symbol);
    else if (func)
        func_symbol(bp, func->text, ret_symbol);
    *ret_found = pub || func;
    return NULL;
}

static void named_symbol(const struct bp *bp, size_t index, struct sc_symbol *ret) {
    if (index < bp->funcs.count)
        func_symbol(bp, bp->funcs.item[index].text, ret);
    else
        public_symbol(bp, bp->publics.item[index - bp->funcs.count].text, ret);
}

static sc_err *bp_find(void *impl, const char *name, struct sc_symbol *ret_symbol,
                       bool *ret_found) {
    const struct bp *bp = impl;
    const uint32_t hash = bp_name_hash(name);
    size_t low = 0, high = bp->names.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bp->names.item[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < bp->names.count && bp->names.item[low].hash == hash; low++) {
        struct sc_symbol s;
        named_symbol(bp, bp->names.item[low].index, &s);
        if (strcmp(s.name, name) != 0)
            continue;
        *ret_symbol = s;
        *ret_found = true;
        break;
    }
    return NULL;
}

static sc_err *bp_each(void *impl, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                       void *ctx) {
    const struct bp *bp = impl;
    const size_t all = bp->funcs.count + bp->publics.count;
    for (size_t i = 0; i < all; i++) {
        struct sc_symbol s;
        named_symbol(bp, i, &s);
        if ((s.kind & kinds) && (!pattern || sc_wild_match(pattern, s.name)) && !fn(ctx, &s))
            break;
    }
    return NULL;
}

static const struct sc_symbols_ops bp_ops = {
    .name = "sym",
    .destroy = bp_destroy,
    .info = bp_info,
    .nearest = bp_nearest,
    .find = bp_find,
    .each = bp_each,
    .line = bp_line,
    .lines = bp_lines,
    .inlines = bp_inlines,
    .frame_rule = bp_frame_rule,
};

bool sc_breakpad_probe(const void *data, size_t size) {
    return size >= 7 && !memcmp(data, "MODULE ", 7);
}

static sc_err *prepare(struct bp *bp, const sc_file *file) {
    const uint64_t size = sc_file_size(file);
    if (size >= UINT32_MAX)
        return sc_errf(SC_ERR_LIMIT, "%s: symbols of 4 GB or more", sc_file_path(file));
    bp->size = (uint32_t)size;
    bp->path = strdup(sc_file_path(file));
    bp->text = malloc((size_t)size + 1);
    bp->arena = sc_arena_create();
    if (!bp->path || !bp->text || !bp->arena)
        return sc_err_nomem();
    if (mtx_init(&bp->lock, mtx_plain) != thrd_success)
        return sc_err_nomem();
    bp->has_lock = true;
    bp->text[size] = 0;
    sc_err *err = sc_file_read(file, 0, bp->text, (size_t)size);
    return err ? err : bp_index(bp, sc_file_name(file));
}

static sc_err *open_file(const sc_file *file, sc_symbols **ret_symbols) {
    struct bp *bp = calloc(1, sizeof *bp);
    if (!bp)
        return sc_err_nomem();
    sc_err *err = prepare(bp, file);
    if (err) {
        bp_destroy(bp);
        return err;
    }
    return sc_symbols_create(&bp_ops, bp, ret_symbols);
}

sc_err *sc_breakpad_open(const char *path, sc_symbols **ret_symbols) {
    sc_file *file = NULL;
    sc_err *err = sc_file_open(path, 0, &file);
    if (err)
        return err;
    err = open_file(file, ret_symbols);
    sc_file_close(file);
    return err;
}

sc_err *sc_breakpad_open_memory(const char *name, const void *data, size_t size,
                                sc_symbols **ret_symbols) {
    sc_file *file = NULL;
    sc_err *err = sc_file_memory(name, data, size, 0, &file);
    if (err)
        return err;
    err = open_file(file, ret_symbols);
    sc_file_close(file);
    return err;
}
