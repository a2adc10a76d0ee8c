/* SPDX-License-Identifier: MIT */
/*
 * Views of the file cache: VACBs, each of 256 KB of one file.
 *
 *   XP, Server 2003   nt!CcVacbs, nt!CcNumberVacbs: one array
 *   since Vista       nt!CcVacbArrays: pointers to arrays, of which each begins with a
 *                     VACB_ARRAY_HEADER (HighestMappedIndex); nt!CcVacbArraysHighestUsedIndex
 *
 *   VACB.SharedCacheMap -> SHARED_CACHE_MAP.FileObject (FileObjectFastRef) -> FILE_OBJECT:
 *   FileName, SectionObjectPointer -> DataSectionObject, the CONTROL_AREA
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts); "Windows
 * Internals" on the cache manager. How many VACBs follow a header is taken from its highest index.
 */
#include "nt/filecache.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/sort.h"
#include "base/vec.h"
#include "nt/global.h"
#include "nt/ustring.h"

enum { ARRAYS_MAX = 1 << 16, VACBS_OF_ARRAY = 1 << 13, VACB_MAX = 256, PAGE = 4096 };

static const struct sc_layout_field vacb_rows[] = {{"BaseAddress", 1, false},
                                                   {"SharedCacheMap", 1, false}};
static const struct sc_layout_def vacb_def = {"nt!_VACB", vacb_rows, 2};
static const struct sc_layout_field head_rows[] = {{"HighestMappedIndex", 4, true}};
static const struct nt_def head_def = {{"nt!_VACB_ARRAY_HEADER", head_rows, 1}, 1, NULL, NULL, 0};
static const struct sc_layout_field map_rows[] = {{"FileObjectFastRef|FileObject", 1, true}};
static const uint8_t first_pointer[] = {0};
static const struct nt_def map_def = {
    {"nt!_SHARED_CACHE_MAP", map_rows, 1}, 1, NULL, NT_POINTERS(first_pointer)};
static const struct sc_layout_field file_rows[] = {{"SectionObjectPointer", 1, true}};
static const struct nt_def file_def = {
    {"nt!_FILE_OBJECT", file_rows, 1}, 1, NULL, NT_POINTERS(first_pointer)};
static const struct sc_layout_field name_rows[] = {{"FileName", 1, true}};
static const struct nt_def name_def = {{"nt!_FILE_OBJECT", name_rows, 1}, 1, NULL, NULL, 0};

static const struct sc_layout_field ws_rows[] = {{"WorkingSetSize", 0, true},
                                                 {"PeakWorkingSetSize", 0, true}};
static const struct nt_def ws_def = {{"nt!_MMSUPPORT", ws_rows, 2}, 2, NULL, NULL, 0};

struct reader {
    const struct nt *nt;
    sc_arena *arena;
    struct {
        struct nt_cached_file *item;
        size_t count, room;
    } files;
    struct {
        struct nt_cached_view *item;
        size_t count, room;
    } views;
    bool list_views;
    struct sc_map index;
    uint32_t vacb, base, map; /* size of a VACB, offsets in it */
    uint64_t looked_at;
    struct nt_filecache *c;
};

/* ---- files ---- */

static sc_err *name_file(struct reader *r, struct nt_cached_file *f) {
    const struct nt *nt = r->nt;
    struct nt_field file, section;
    uint64_t offset;
    bool found;
    sc_err *err = nt_load_optional(nt, &map_def, f->map, &file, &r->c->assumed);
    if (err || !nt_set(&file))
        return err;
    f->file = file.value & ~(uint64_t)(nt->ptr_size == 8 ? 15 : 7);
    if (!nt_is_kernel(nt, f->file))
        return NULL;
    err = nt_load_optional(nt, &file_def, f->file, &section, &r->c->assumed);
    if (!err && nt_set(&section))
        f->control = nt_pointer(nt, section.value);
    if (!err)
        err = nt_offset(nt, &name_def, 0, &offset, &found);
    if (!err && found)
        err = nt_ustring_read(nt, nt_add(nt, f->file, offset), r->arena, &f->name);
    if (f->name && !*f->name)
        f->name = NULL;
    return err;
}

static sc_err *file_of(struct reader *r, uint64_t map, struct nt_cached_file **ret) {
    uint64_t index;
    if (sc_map_get_number(&r->index, map, &index)) {
        *ret = &r->files.item[index];
        return NULL;
    }
    struct nt_cached_file *f = SC_VEC_PUSH(&r->files);
    if (!f || !sc_map_put_number(&r->index, map, r->files.count - 1))
        return sc_err_nomem();
    f->map = map;
    f->control = (struct nt_field){0, NT_ABSENT};
    *ret = f;
    return name_file(r, f);
}

/* Pages of the view that are in memory. */
static uint64_t pages_of(const struct nt *nt, uint64_t base) {
    uint64_t end = base + NT_CACHE_VIEW, start, size, pages = 0;
    for (uint64_t at = base; at < end; at = start + size) {
        if (!sc_space_next(nt->space, at, &start, &size) || start >= end || !size)
            break;
        if (start < at) {
            size -= at - start;
            start = at;
        }
        pages += ((size < end - start ? size : end - start) + PAGE - 1) / PAGE;
    }
    return pages;
}

static sc_err *take_vacb(struct reader *r, uint64_t vacb, uint64_t base, uint64_t map) {
    struct nt_cached_file *f = NULL;
    uint64_t pages;
    if (!base || !map) {
        r->c->inactive++;
        return NULL;
    }
    r->c->active++;
    if (!nt_is_kernel(r->nt, base) || !nt_is_kernel(r->nt, map))
        return NULL;
    sc_err *err = file_of(r, map, &f);
    if (err)
        return err;
    pages = pages_of(r->nt, base);
    f->views++;
    f->pages += pages;
    struct nt_cached_view *view = r->list_views ? SC_VEC_PUSH(&r->views) : NULL;
    if (view)
        *view = (struct nt_cached_view){base, vacb, pages, (size_t)(f - r->files.item)};
    return view || !r->list_views ? NULL : sc_err_nomem();
}

/* COUNT of them from AT on. */
static sc_err *take_vacbs(struct reader *r, uint64_t at, uint64_t count) {
    const struct nt *nt = r->nt;
    for (uint64_t i = 0; i < count && r->looked_at < NT_CACHE_VIEWS_MAX; i++, r->looked_at++) {
        uint64_t vacb = nt_add(nt, at, i * r->vacb);
        struct nt_field base = nt_pointer(nt, nt_add(nt, vacb, r->base));
        struct nt_field map = nt_pointer(nt, nt_add(nt, vacb, r->map));
        if (sc_target_cancelled(nt->target))
            return sc_err_cancelled();
        if (base.state != NT_READ || map.state != NT_READ) {
            r->c->missing++;
            continue;
        }
        sc_err *err = take_vacb(r, vacb, base.value, map.value);
        if (err)
            return err;
    }
    return NULL;
}

/* ---- arrays ---- */

static sc_err *take_array(struct reader *r, uint64_t array) {
    const sc_layout *head;
    struct nt_field highest;
    sc_err *err = sc_layout_book_get(r->nt->book, &head_def.layout, &head);
    uint64_t size = err ? 0 : sc_layout_size(head);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        size = 16;
    if (!err)
        err = nt_load_optional(r->nt, &head_def, array, &highest, &r->c->assumed);
    if (err)
        return err;
    if (highest.state == NT_NO_FIELD)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "the file cache cannot be read: the symbols do not have "
                       "nt!_VACB_ARRAY_HEADER, which says how many views an array has");
    uint64_t count = highest.state == NT_READ ? (highest.value & UINT32_MAX) + 1 : 0;
    if (!count || count > VACBS_OF_ARRAY) {
        r->c->missing++;
        return NULL;
    }
    return take_vacbs(r, nt_add(r->nt, array, size), count);
}

static sc_err *lacked(const char *symbol, enum nt_state state) {
    char buf[NT_LACKED];
    return sc_errf(SC_ERR_NOT_FOUND, "the file cache cannot be read without %s",
                   nt_var_lacked(symbol, state, buf));
}

static sc_err *take_arrays(struct reader *r) {
    const struct nt *nt = r->nt;
    struct nt_field arrays, highest, vacbs, number;
    sc_err *err = nt_var_named(nt, "nt!CcVacbArrays", 0, &arrays);
    if (!err)
        err = nt_var_named(nt, "nt!CcVacbArraysHighestUsedIndex", 4, &highest);
    if (!err)
        err = nt_var_named(nt, "nt!CcVacbs", 0, &vacbs);
    if (!err)
        err = nt_var_named(nt, "nt!CcNumberVacbs", 4, &number);
    if (err)
        return err;
    if (nt_set(&vacbs) && number.state == NT_READ)
        return take_vacbs(r, vacbs.value, number.value);
    if (!nt_set(&arrays))
        return lacked("nt!CcVacbArrays", arrays.state);
    if (highest.state != NT_READ)
        return lacked("nt!CcVacbArraysHighestUsedIndex", highest.state);
    for (uint64_t i = 0; !err && i <= highest.value && i < ARRAYS_MAX; i++) {
        struct nt_field at = nt_pointer(nt, nt_add(nt, arrays.value, i * nt->ptr_size));
        if (at.state != NT_READ || (at.value && !nt_is_kernel(nt, at.value)))
            r->c->missing++;
        else if (at.value)
            err = take_array(r, at.value);
        if (!err && sc_target_cancelled(nt->target))
            err = sc_err_cancelled();
    }
    return err;
}

static sc_err *read_size(const struct nt *nt, struct nt_filecache *c) {
    static const struct nt_var ws = {"nt!MmSystemCacheWs", 0xb8};
    struct nt_field at, f[2];
    c->size = c->peak = (struct nt_field){0, NT_NO_FIELD};
    if (nt->build >= 10000)
        return NULL;
    sc_err *err = nt_var_address(nt, &ws, &at);
    if (err || at.state != NT_READ)
        return err;
    err = nt_load_optional(nt, &ws_def, at.value, f, &c->assumed);
    if (!err) {
        c->size = f[0];
        c->peak = f[1];
    }
    return err;
}

/* The file's own order: by shared cache map. */
static sc_err *sort_views(struct reader *r) {
    size_t n = r->views.count;
    struct sc_sort_key *keys = sc_arena_array(r->arena, n ? n : 1, sizeof *keys);
    struct nt_cached_view *sorted = sc_arena_array(r->arena, n ? n : 1, sizeof *sorted);
    if (!keys || !sorted)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct sc_sort_key){r->views.item[i].base, i};
    if (!sc_sort_keys(keys, n))
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++) {
        sorted[i] = r->views.item[keys[i].index];
        keys[i] = (struct sc_sort_key){r->files.item[sorted[i].file].map, i};
    }
    if (!sc_sort_keys(keys, n)) /* those of one file stay in the order of addresses */
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++)
        r->views.item[i] = sorted[keys[i].index];
    for (size_t i = 0; i < n; i++)
        sorted[i] = r->views.item[i];
    r->c->view = sorted;
    r->c->nviews = n;
    return NULL;
}

static sc_err *keep_files(struct reader *r) {
    size_t n = r->files.count;
    r->c->file = sc_arena_array(r->arena, n ? n : 1, sizeof *r->c->file);
    if (!r->c->file)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++)
        r->c->file[i] = r->files.item[i];
    r->c->nfiles = n;
    return NULL;
}

sc_err *nt_filecache_read(const struct nt *nt, bool views, sc_arena *arena,
                          struct nt_filecache *ret) {
    struct nt_filecache c = {.file = NULL};
    struct reader r = {.nt = nt, .arena = arena, .list_views = views, .c = &c};
    const sc_layout *vacb;
    sc_err *err = sc_layout_book_get(nt->book, &vacb_def, &vacb);
    if (err)
        return err;
    r.vacb = (uint32_t)sc_layout_size(vacb);
    r.base = (uint32_t)sc_layout_offset(vacb, 0);
    r.map = (uint32_t)sc_layout_offset(vacb, 1);
    c.assumed = sc_layout_assumed(vacb);
    if (!r.vacb || r.vacb > VACB_MAX)
        return sc_errf(SC_ERR_NOT_FOUND, "the size of nt!_VACB is not known");
    err = read_size(nt, &c);
    if (!err)
        err = take_arrays(&r);
    sc_map_free(&r.index);
    if (!err && c.missing && !c.active && !c.inactive)
        err = sc_errf(SC_ERR_NOT_FOUND,
                      "the file cache cannot be read: the dump holds none of the nt!_VACBs that "
                      "nt!CcVacbArrays or nt!CcVacbs lead to");
    if (!err)
        err = keep_files(&r);
    if (!err && views)
        err = sort_views(&r);
    SC_VEC_FREE(&r.files);
    SC_VEC_FREE(&r.views);
    if (!err)
        *ret = c;
    return err;
}
