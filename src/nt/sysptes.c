/* SPDX-License-Identifier: MIT */
/*
 * System PTEs.
 *
 *   XP, Server 2003   nt!MmNumberOfSystemPtes, nt!MmTotalFreeSystemPtes[0]; runs kept by size:
 *                     nt!MmSysPteIndex[5], nt!MmSysPteListBySizeCount[5]
 *   Vista to 8.1      nt!MiSystemPteInfo (MI_SYSTEM_PTE_TYPE): a bitmap, set bits are in use
 *   Windows 10        nt!MiState: Vs.SystemPteInfo, and SystemPtes.KernelStackPteInfo,
 *                     SystemPtes.SystemViewPteInfo
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts); ReactOS for the
 * variables of XP. A bit may stand for several entries; which it is, is not told.
 */
#include "nt/sysptes.h"

#include <stdlib.h>

#include "nt/global.h"

enum { ROWS = NT_PTE_FIELDS, CHUNK = 64 << 10 };
#define PTE_ROWS(prefix)                                                                           \
    {                                                                                              \
        [NT_PTE_TOTAL] = {prefix "TotalSystemPtes", 0, true},                                      \
        [NT_PTE_FREE] = {prefix "TotalFreeSystemPtes", 0, true},                                   \
        [NT_PTE_CACHED] = {prefix "CachedPteCount", 4, true},                                      \
        [NT_PTE_FAILURES] = {prefix "PteFailures", 4, true},                                       \
        [NT_PTE_BITS] = {prefix "Bitmap.SizeOfBitMap", 0, true},                                   \
        [NT_PTE_BUFFER] = {prefix "Bitmap.Buffer", 1, true},                                       \
        [NT_PTE_BASE] = {prefix "BasePte", 1, true},                                               \
    }
static const struct sc_layout_field plain_rows[ROWS] = PTE_ROWS("");
static const struct sc_layout_field system_rows[ROWS] = PTE_ROWS("Vs.SystemPteInfo.");
static const struct sc_layout_field stack_rows[ROWS] = PTE_ROWS("SystemPtes.KernelStackPteInfo.");
static const struct sc_layout_field view_rows[ROWS] = PTE_ROWS("SystemPtes.SystemViewPteInfo.");
static const uint8_t pointers[] = {NT_PTE_BUFFER, NT_PTE_BASE};
#define STATE "nt!_MI_SYSTEM_INFORMATION"
static const struct source {
    const char *symbol, *name;
    struct nt_def def;
} sources[] = {
    {"nt!MiSystemPteInfo",
     "nt!MiSystemPteInfo",
     {{"nt!_MI_SYSTEM_PTE_TYPE", plain_rows, ROWS}, ROWS, NULL, NT_POINTERS(pointers)}},
    {"nt!MiState",
     "nt!MiState.Vs.SystemPteInfo",
     {{STATE, system_rows, ROWS}, ROWS, NULL, NT_POINTERS(pointers)}},
    {"nt!MiState",
     "nt!MiState.SystemPtes.KernelStackPteInfo",
     {{STATE, stack_rows, ROWS}, ROWS, NULL, NT_POINTERS(pointers)}},
    {"nt!MiState",
     "nt!MiState.SystemPtes.SystemViewPteInfo",
     {{STATE, view_rows, ROWS}, ROWS, NULL, NT_POINTERS(pointers)}},
};

/* The second counter. */
static sc_err *read_expansion(const struct nt *nt, struct nt_sysptes *p) {
    struct nt_field at;
    sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!MmTotalFreeSystemPtes", 0}, &at);
    if (err || at.state != NT_READ)
        return err;
    p->expansion.state = NT_ABSENT;
    if (sc_space_uint(nt->space, nt_add(nt, at.value, 4), 4, &p->expansion.value) == SC_READ_OK)
        p->expansion.state = NT_READ;
    return NULL;
}

static sc_err *read_xp(const struct nt *nt, struct nt_sysptes *p) {
    struct nt_ptes *one = &p->of[p->count];
    struct nt_field index, list;
    sc_err *err = nt_var_named(nt, "nt!MmTotalFreeSystemPtes", 4, &one->f[NT_PTE_FREE]);
    if (!err)
        err = nt_var_named(nt, "nt!MmNumberOfSystemPtes", 4, &one->f[NT_PTE_TOTAL]);
    if (!err)
        err = read_expansion(nt, p);
    if (!err)
        err = nt_var_address(nt, &(struct nt_var){"nt!MmSysPteIndex", 0}, &index);
    if (!err)
        err = nt_var_address(nt, &(struct nt_var){"nt!MmSysPteListBySizeCount", 0}, &list);
    if (err || !nt_any(one->f, NT_PTE_FIELDS))
        return err;
    one->name = "nt!MmTotalFreeSystemPtes";
    p->count++;
    for (unsigned i = 0; index.state == NT_READ && list.state == NT_READ && i < NT_PTES_KEPT_MAX;
         i++) {
        struct nt_ptes_kept *k = &p->kept[p->nkept];
        if (sc_space_uint(nt->space, nt_add(nt, index.value, 4 * i), 4, &k->size) != SC_READ_OK ||
            sc_space_uint(nt->space, nt_add(nt, list.value, 4 * i), 4, &k->free) != SC_READ_OK)
            break;
        p->nkept++;
    }
    return NULL;
}

sc_err *nt_sysptes_read(const struct nt *nt, struct nt_sysptes *ret) {
    struct nt_sysptes p = {.count = 0};
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < sizeof sources / sizeof *sources; i++) {
        struct nt_ptes *one = &p.of[p.count];
        struct nt_field at;
        err = nt_var_address(nt, &(struct nt_var){sources[i].symbol, 0}, &at);
        if (err || at.state != NT_READ)
            continue;
        err = nt_load_optional(nt, &sources[i].def, at.value, one->f, &p.assumed);
        if (!err && one->f[NT_PTE_TOTAL].state == NT_NO_FIELD && !p.lacking)
            p.lacking = sources[i].def.layout.type;
        if (err || !nt_any(one->f, NT_PTE_FIELDS))
            continue;
        one->name = sources[i].name;
        p.count++;
    }
    if (!err && !p.count)
        err = read_xp(nt, &p);
    if (!err)
        *ret = p;
    return err;
}

/* ---- the bitmap ---- */

struct runs {
    nt_bits_fn fn;
    void *ctx;
    uint64_t first, count;
    bool more;
};

static void end_run(struct runs *r) {
    if (r->count)
        r->more = r->fn(r->ctx, r->first, r->count);
    r->count = 0;
}

static void take_bit(struct runs *r, uint64_t bit, bool in_use) {
    if (in_use) {
        end_run(r);
        return;
    }
    if (!r->count)
        r->first = bit;
    r->count++;
}

static void take_byte(struct runs *r, uint64_t bit, uint8_t byte, uint64_t bits) {
    if (!byte && r->count && bits - bit >= 8) {
        r->count += 8;
        return;
    }
    for (unsigned i = 0; r->more && i < 8 && bit + i < bits; i++)
        take_bit(r, bit + i, byte >> i & 1);
}

sc_err *nt_ptes_free_runs(const struct nt *nt, const struct nt_ptes *p, nt_bits_fn fn, void *ctx,
                          uint64_t *ret_read) {
    struct runs r = {.fn = fn, .ctx = ctx, .more = true};
    uint64_t bits = nt_or(&p->f[NT_PTE_BITS], 0), read = 0;
    *ret_read = 0;
    if (!nt_set(&p->f[NT_PTE_BUFFER]) || bits > NT_PTES_BITS_MAX)
        return NULL;
    uint8_t *chunk = malloc(CHUNK);
    if (!chunk)
        return sc_err_nomem();
    for (uint64_t at = 0; r.more && at * 8 < bits;) {
        size_t got = 0;
        uint64_t left = (bits + 7) / 8 - at;
        if (sc_target_cancelled(nt->target)) {
            free(chunk);
            return sc_err_cancelled();
        }
        sc_space_read(nt->space, nt_add(nt, p->f[NT_PTE_BUFFER].value, at), chunk,
                      left < CHUNK ? (size_t)left : CHUNK, &got);
        for (size_t i = 0; r.more && i < got; i++)
            take_byte(&r, (at + i) * 8, chunk[i], bits);
        read += got * 8;
        at += got;
        if (!got) {
            end_run(&r);
            uint64_t here = p->f[NT_PTE_BUFFER].value + at;
            at += 4096 - here % 4096;
        }
    }
    end_run(&r);
    free(chunk);
    *ret_read = read < bits ? read : bits;
    return NULL;
}
