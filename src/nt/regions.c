/* SPDX-License-Identifier: MIT */
/*
 * Sources of the map, and what each is good for:
 *
 *   modules                        the list of loaded modules
 *   MmPfnDatabase, the self map    every build
 *   SystemVaRegions                since 1703, in MI_VISIBLE_STATE (nt!MiVisibleState)
 *   SystemVaType                   since Windows 10 on x64: one byte for 512 GB
 *   MiSystemVaType                 Vista to 8.1 on x86: one byte for 2 MB (4 MB without PAE)
 *   Mm… variables                  pools, system cache, system PTEs, session space: through the
 *                                  debugger data block
 *   fixed addresses                x64 Vista and 7, x86: as they were published
 *
 * Names of types are those of the enumerations in the symbols, without "MiVa" and
 * "AssignedRegion"; where symbols lack them, those of the builds that are known.
 */
#include "nt/regions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "nt/global.h"
#include "nt/pfn.h"
#include "nt/ptes.h"
#include "stopcode/value.h"

enum { KD_RANGE_START = 0x1d0, TYPES_X64 = 256, TYPES_MAX = 32, REGIONS_MAX = 32, SLOT_BITS = 39 };

static sc_err *add(struct nt_regions *r, uint64_t start, uint64_t last, const char *name,
                   const char *source) {
    if (last < start || !nt_is_kernel(r->nt, start))
        return NULL;
    struct nt_region_range *range = SC_VEC_PUSH(&r->special);
    if (!range)
        return sc_err_nomem();
    range->start = start;
    range->last = last;
    range->source = source;
    snprintf(range->name, sizeof range->name, "%s", name);
    return NULL;
}

/* ---- fixed places, page tables, PFN database ---- */

struct fixed {
    uint64_t start, last;
    const char *name;
};

static sc_err *add_fixed(struct nt_regions *r) {
    static const struct fixed x64[] = {
        {0xfffff70000000000, 0xfffff77fffffffff, "HyperSpace"},
        {0xfffff78000000000, 0xfffff78000000fff, "SharedSystemPage"},
        {0xfffff78000001000, 0xfffff7ffffffffff, "SystemCacheWs"},
        {0xfffff80000000000, 0xfffff87fffffffff, "BootLoaded"},
        {0xfffff88000000000, 0xfffff89fffffffff, "SystemPtes"},
        {0xfffff8a000000000, 0xfffff8bfffffffff, "PagedPool"},
        {0xfffff90000000000, 0xfffff97fffffffff, "SessionSpace"},
        {0xfffff98000000000, 0xfffffa7fffffffff, "DynamicSystem"},
        {0xffffffffffc00000, 0xffffffffffffffff, "HalReserved"},
    };
    static const struct fixed shared64 = {0xfffff78000000000, 0xfffff78000000fff,
                                          "SharedSystemPage"};
    static const struct fixed shared32 = {0xffdf0000, 0xffdf0fff, "SharedSystemPage"};
    bool narrow = r->nt->ptr_size == 4;
    bool old = !narrow && r->nt->cpu == SC_CPU_X64 && r->nt->build >= 6000 && r->nt->build < 9200;
    const struct fixed *list = old ? x64 : narrow ? &shared32 : &shared64;
    size_t n = old ? sizeof x64 / sizeof *x64 : 1;
    for (size_t i = 0; i < n; i++) {
        sc_err *err =
            add(r, list[i].start, list[i].last, list[i].name, "what is fixed in this build");
        if (err)
            return err;
    }
    return NULL;
}

static sc_err *add_tables(struct nt_regions *r) {
    struct nt_ptes ptes;
    struct nt_pfndb db;
    bool found = false;
    uint64_t start, size;
    sc_err *err = nt_ptes_find(r->nt, &ptes, &found);
    if (err)
        return err;
    if (found) {
        nt_ptes_range(&ptes, &start, &size);
        err = add(r, start, start + (size - 1), "PageTables", "the self map");
    }
    if (!err)
        err = nt_pfndb_open(r->nt, &db);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err || !db.known)
        return err;
    uint64_t bytes = ((db.highest + 1) * db.size + 0xfff) & ~(uint64_t)0xfff;
    return add(r, db.base, db.base + (bytes - 1), "PfnDatabase", "MmPfnDatabase");
}

/* ---- variables ---- */

/* What the variable holds whose address is at OFFSET of the debugger data block. */
static uint64_t variable(const struct nt *nt, uint32_t offset) {
    uint64_t at;
    if (!sc_target_kd_member(nt->target, offset, 8, &at))
        return 0;
    struct nt_field f = nt_pointer(nt, at);
    return nt_or(&f, 0);
}

/*
 * Up to Server 2003 the first and the last system PTE (in ReactOS, too, the variables are arrays of
 * pointers to PTEs): the region is what these map.
 */
static sc_err *add_system_ptes(struct nt_regions *r) {
    static const struct nt_var first = {"nt!MmSystemPtesStart", 0xc8};
    static const struct nt_var last = {"nt!MmSystemPtesEnd", 0xd0};
    struct nt_field start, end;
    struct nt_ptes ptes;
    bool found = false;
    sc_err *err = nt_var_read(r->nt, &first, 0, &start);
    if (!err)
        err = nt_var_read(r->nt, &last, 0, &end);
    if (!err)
        err = nt_ptes_find(r->nt, &ptes, &found);
    if (err || !found || !nt_set(&start) || !nt_set(&end) || end.value < start.value ||
        !nt_ptes_contain(&ptes, start.value) || !nt_ptes_contain(&ptes, end.value))
        return err;
    return add(r, nt_pte_va(&ptes, start.value), nt_pte_va(&ptes, end.value) | 0xfff, "SystemPtes",
               "the kernel's variables");
}

/* Up to 8.1 the kernel says in variables where these are. */
static sc_err *add_variables(struct nt_regions *r) {
    static const struct {
        struct nt_var start, end; /* end: the first address behind it, or its size */
        bool is_size;
        const char *name;
    } rows[] = {
        {{"nt!MmNonPagedPoolStart", 0x110}, {"nt!MmNonPagedPoolEnd", 0x118}, false, "NonPagedPool"},
        {{"nt!MmPagedPoolStart", 0x120}, {"nt!MmPagedPoolEnd", 0x128}, false, "PagedPool"},
        {{"nt!MmSystemCacheStart", 0xa8}, {"nt!MmSystemCacheEnd", 0xb0}, false, "SystemCache"},
        {{"nt!MmSessionBase", 0x278}, {"nt!MmSessionSize", 0x280}, true, "SessionSpace"}};
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < sizeof rows / sizeof *rows; i++) {
        struct nt_field start, end;
        err = nt_var_read(r->nt, &rows[i].start, 0, &start);
        if (!err)
            err = nt_var_read(r->nt, &rows[i].end, 0, &end);
        if (err || !nt_set(&start) || !nt_set(&end) ||
            (rows[i].is_size && start.value + end.value < start.value))
            continue;
        uint64_t last = rows[i].is_size ? start.value + (end.value - 1) : end.value - 1;
        err = add(r, start.value, last, rows[i].name, "the kernel's variables");
    }
    return err ? err : add_system_ptes(r);
}

/* ---- the kernel's own map ---- */

/* The enumerator of VALUE in TYPE without PREFIX; else one of the NAMES. */
static sc_err *type_name(const struct nt *nt, const char *type, const char *prefix, int64_t value,
                         const char *const *names, size_t nnames, char ret[NT_REGION_NAME]) {
    struct sc_typeref ref;
    bool found = false;
    const char *name = NULL;
    sc_err *err = sc_symtab_type(nt->symtab, type, &ref, &found);
    if (!err && found)
        err = sc_type_enumerator(ref.provider, ref.id, value, &name);
    if (sc_err_catch(&err, SC_ERR_ARG) || sc_err_catch(&err, SC_ERR_NOT_FOUND))
        name = NULL;
    if (err)
        return err;
    if (name && !strncmp(name, prefix, strlen(prefix)))
        name += strlen(prefix);
    if (!name)
        name = (uint64_t)value < nnames ? names[value] : "Unknown";
    snprintf(ret, NT_REGION_NAME, "%s", name);
    return NULL;
}

static sc_err *name_types(struct nt_regions *r) {
    /* Windows 10 2004; those before and behind differ at their end. */
    static const char *const w10[] = {
        "Unused",       "SessionSpace",       "ProcessSpace",     "BootLoaded",  "PfnDatabase",
        "NonPagedPool", "PagedPool",          "SpecialPoolPaged", "SystemCache", "SystemPtes",
        "Hal",          "SessionGlobalSpace", "DriverImages"};
    for (unsigned i = 0; i < TYPES_MAX; i++) {
        sc_err *err = type_name(r->nt, "nt!_MI_SYSTEM_VA_TYPE", "MiVa", i, w10,
                                sizeof w10 / sizeof *w10, r->type_name[i]);
        if (err)
            return err;
    }
    return NULL;
}

/* MiSystemVaType: from MmSystemRangeStart on, one byte for a page directory entry. */
static sc_err *load_types_x86(struct nt_regions *r) {
    uint64_t at;
    bool found = false, pae = sc_target_paging(r->nt->target)->mode == SC_PAGING_PAE;
    sc_err *err = sc_symtab_lookup_exact(r->nt->symtab, "nt!MiSystemVaType", &at, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err || !found)
        return err;
    r->slot = pae ? 0x200000 : 0x400000;
    r->type_start = r->kernel_start;
    size_t want = (size_t)((0x100000000 - r->kernel_start) / r->slot), got = 0;
    sc_space_read(r->nt->space, at, r->type, want, &got);
    r->ntypes = got;
    r->type_source = "MiSystemVaType";
    return NULL;
}

enum { VS_TYPES, VS_REGIONS, VS_FIELDS };
static const struct sc_layout_field visible_rows[VS_FIELDS] = {
    [VS_TYPES] = {"SystemVaType", 1, true},
    [VS_REGIONS] = {"SystemVaRegions", 1, true},
};
static const struct nt_def visible_def = {
    {"nt!_MI_VISIBLE_STATE", visible_rows, VS_FIELDS}, VS_FIELDS, NULL, NULL, 0};

/*
 * SystemVaRegions: MI_SYSTEM_VA_ASSIGNMENT, an address and a number of bytes each. Their order is
 * another in each build: names are the enumeration's, else those of Windows 10 2004 to 22H2.
 */
static sc_err *load_assignments(struct nt_regions *r, uint64_t at) {
    enum { MOST = 16, LEAST = 12 };
    static const char *const names[] = {"NonPagedPool", "PagedPool",  "SystemCache",
                                        "SystemPtes",   "UltraZero",  "PfnDatabase",
                                        "Cfg",          "HyperSpace", "KernelStacks",
                                        "PageTables",   "Session",    "SecureNonPagedPool",
                                        "SystemImages"};
    bool by_build = r->nt->build >= 19041 && r->nt->build < 20000;
    unsigned first = r->nt->build >= 20348 ? 1 : 0;
    size_t nnames = by_build ? sizeof names / sizeof *names : 0;
    for (unsigned i = 0; i < MOST; i++) {
        uint64_t base, size;
        char name[NT_REGION_NAME];
        sc_err *err = type_name(r->nt, "nt!_MI_ASSIGNED_REGION_TYPES", "AssignedRegion", i, names,
                                nnames, name);
        if (err)
            return err;
        /* Of other builds the first two are known, which pool goes by, too. */
        if (!nnames && !strcmp(name, "Unknown") && i - first < 2)
            snprintf(name, sizeof name, "%s", names[i - first]);
        /* Where the names are not known, neither is how many there are. */
        bool unnamed = !strcmp(name, "Unknown");
        if (!strcmp(name, "Maximum") || (unnamed && i >= (nnames ? nnames : LEAST)))
            return NULL;
        uint64_t here = nt_add(r->nt, at, i * 16);
        if (sc_space_uint(r->nt->space, here, 8, &base) != SC_READ_OK ||
            sc_space_uint(r->nt->space, nt_add(r->nt, here, 8), 8, &size) != SC_READ_OK)
            return NULL;
        if (!base || !size || base + (size - 1) < base)
            continue;
        err = add(r, base, base + (size - 1), name, "SystemVaRegions");
        if (err)
            return err;
    }
    return NULL;
}

static sc_err *load_types_x64(struct nt_regions *r) {
    struct nt_field state;
    uint64_t offset;
    bool found = false;
    sc_err *err = nt_global(r->nt, "nt!MiVisibleState", 8, &state);
    if (err || !nt_set(&state) || !nt_is_kernel(r->nt, state.value))
        return err;
    err = nt_offset(r->nt, &visible_def, VS_TYPES, &offset, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err)
        return err;
    if (found && sc_target_paging(r->nt->target)->mode != SC_PAGING_X64_LA57) {
        size_t got = 0;
        sc_space_read(r->nt->space, nt_add(r->nt, state.value, offset), r->type, TYPES_X64, &got);
        r->ntypes = got;
        r->slot = (uint64_t)1 << SLOT_BITS;
        r->type_start = 0xffff800000000000;
        r->type_source = "SystemVaType";
    }
    err = nt_offset(r->nt, &visible_def, VS_REGIONS, &offset, &found);
    return err || !found ? err : load_assignments(r, nt_add(r->nt, state.value, offset));
}

/* ---- life ---- */

sc_err *nt_regions_init(struct nt_regions *r, const struct nt *nt) {
    bool narrow = nt->ptr_size == 4;
    memset(r, 0, sizeof *r);
    r->nt = nt;
    r->kernel_start = narrow ? 0x80000000 : 0xffff800000000000;
    if (sc_target_paging(nt->target)->mode == SC_PAGING_X64_LA57)
        r->kernel_start = 0xff00000000000000;
    /* 2 GB of 32-bit systems, or 1 when processes have 3. */
    if (narrow && variable(nt, KD_RANGE_START) == 0xc0000000)
        r->kernel_start = 0xc0000000;
    sc_err *err = sc_target_modules(nt->target, &r->modules);
    if (!err)
        err = add_tables(r);
    if (!err)
        err = add_variables(r);
    if (!err)
        err = narrow ? load_types_x86(r) : load_types_x64(r);
    if (!err)
        err = add_fixed(r);
    if (!err)
        err = name_types(r);
    if (err)
        nt_regions_deinit(r);
    return err;
}

void nt_regions_deinit(struct nt_regions *r) { SC_VEC_FREE(&r->special); }

/* ---- the question ---- */

/* Cuts [*START, *LAST], which contains ADDRESS, where [A, B], which does not, begins or ends. */
static void cut(uint64_t address, uint64_t a, uint64_t b, struct nt_region *region) {
    if (b < address && b >= region->start)
        region->start = b + 1;
    if (a > address && a <= region->last)
        region->last = a - 1;
}

static uint64_t module_last(const struct sc_module *m) {
    uint64_t size = ((uint64_t)m->size + 0xfff) & ~(uint64_t)0xfff;
    return m->base + (size ? size - 1 : 0);
}

/* The modules around ADDRESS; true: it lies in one. */
static bool in_module(const struct nt_regions *r, uint64_t address, struct nt_region *region) {
    const struct sc_modules *list = r->modules;
    size_t low = 0, high = list->count;
    while (low < high) { /* the first that begins behind ADDRESS */
        size_t mid = low + (high - low) / 2;
        if (list->item[mid].base <= address)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < list->count)
        cut(address, list->item[low].base, list->item[low].base, region);
    if (!low)
        return false;
    const struct sc_module *m = &list->item[low - 1];
    if (address > module_last(m)) {
        cut(address, m->base, module_last(m), region);
        return false;
    }
    region->start = m->base;
    region->last = module_last(m) < region->last ? module_last(m) : region->last;
    region->usage = "Module";
    region->module = m;
    return true;
}

static bool in_special(const struct nt_regions *r, uint64_t address, struct nt_region *region) {
    for (size_t i = 0; i < r->special.count; i++) {
        const struct nt_region_range *s = &r->special.item[i];
        if (address < s->start || address > s->last) {
            cut(address, s->start, s->last, region);
            continue;
        }
        region->start = s->start > region->start ? s->start : region->start;
        region->last = s->last < region->last ? s->last : region->last;
        region->va_type = s->name;
        region->source = s->source;
        return true;
    }
    return false;
}

/* The row of slots with one type. */
static bool in_types(const struct nt_regions *r, uint64_t address, struct nt_region *region) {
    if (!r->ntypes || address < r->type_start || (address - r->type_start) / r->slot >= r->ntypes)
        return false;
    size_t i = (size_t)((address - r->type_start) / r->slot), first = i, last = i;
    while (first && r->type[first - 1] == r->type[i])
        first--;
    while (last + 1 < r->ntypes && r->type[last + 1] == r->type[i])
        last++;
    uint64_t start = r->type_start + first * r->slot, end = r->type_start + last * r->slot;
    end += r->slot - 1;
    region->start = start > region->start ? start : region->start;
    region->last = end < region->last ? end : region->last;
    region->va_type = r->type[i] < TYPES_MAX ? r->type_name[r->type[i]] : "Unknown";
    region->source = r->type_source;
    return true;
}

void nt_region_at(const struct nt_regions *r, uint64_t address, struct nt_region *ret) {
    bool narrow = r->nt->ptr_size == 4;
    uint64_t top = narrow ? UINT32_MAX : UINT64_MAX;
    *ret = (struct nt_region){.usage = "", .va_type = "SystemRange", .source = ""};
    if (address < r->kernel_start) {
        ret->last = r->kernel_start - 1;
        ret->va_type = "UserRange";
        return;
    }
    ret->start = r->kernel_start;
    ret->last = top;
    struct nt_region type = *ret;
    bool module = in_module(r, address, ret);
    if (module)
        ret->source = "modules";
    /* Of a module, too, it is said what kind of addresses it lies in. */
    struct nt_region *kind = module ? &type : ret;
    if (!in_special(r, address, kind))
        in_types(r, address, kind);
    if (module)
        ret->va_type = type.va_type;
}
