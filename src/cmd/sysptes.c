/* SPDX-License-Identifier: MIT */
/*
 * `!sysptes`: system page table entries.
 *
 *     !sysptes [flags]          1 the free ones, too; 2 those of special pool; 4 who mapped locked
 *                               pages; 8 those of nonpaged pool's expansion alone; 10 those of the
 *                               session's special pool
 *
 * The documentation shows XP's form; of later systems the same lines are made from their bitmaps.
 */
#include <inttypes.h>

#include "cmd/kernel.h"
#include "cmd/ptetrack.h"
#include "cmd/session_impl.h"
#include "nt/process.h"
#include "nt/ptelist.h"
#include "nt/sysptes.h"

enum {
    FLAG_FREE = 1,
    FLAG_SPECIAL = 2,
    FLAG_LOCKED = 4,
    FLAG_EXPANSION = 8,
    FLAG_SESSION = 0x10,
    OTHERS = FLAG_SPECIAL | FLAG_LOCKED | FLAG_SESSION,
    RUNS_SHOWN = 64
};

struct row {
    const char *name;
    int64_t total, free, cached, failures, bits;
    uint64_t base;
    int64_t free_blocks, largest; /* with the flag 1, in bits of the bitmap */
};
static const struct sc_field fields[] = {
    SC_FIELD(struct row, name, SC_F_STR),     SC_FIELD(struct row, total, SC_F_NUM),
    SC_FIELD(struct row, free, SC_F_NUM),     SC_FIELD(struct row, cached, SC_F_NUM),
    SC_FIELD(struct row, failures, SC_F_NUM), SC_FIELD(struct row, bits, SC_F_NUM),
    SC_FIELD(struct row, base, SC_F_ADDR),    SC_FIELD(struct row, free_blocks, SC_F_NUM),
    SC_FIELD(struct row, largest, SC_F_NUM),  SC_FIELD_END};
static const struct sc_rectype type = {"system_ptes", sizeof(struct row), fields};

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    char b[4][SC_NT_BUF];
    (void)ctx;
    sc_printf(out, "  Total System Ptes %s\n", sc_nt_num_text(r->total, b[0]));
    sc_printf(out, "  Free System Ptes  %s  [%s]\n", sc_nt_num_text(r->free, b[1]), r->name);
    if (r->failures > 0)
        sc_printf(out, "  %s requests have failed\n", sc_nt_num_text(r->failures, b[2]));
}

struct kept {
    int64_t size, free;
};
static const struct sc_field kept_fields[] = {SC_FIELD(struct kept, size, SC_F_NUM),
                                              SC_FIELD(struct kept, free, SC_F_NUM), SC_FIELD_END};
static const struct sc_rectype kept_type = {"system_ptes_list", sizeof(struct kept), kept_fields};

static void kept_text(sc_out *out, const void *record, void *ctx) {
    const struct kept *r = record;
    (void)ctx;
    sc_printf(out, "     SysPtes list of size %" PRId64 " has %" PRId64 " free\n", r->size,
              r->free);
}

struct run {
    uint64_t address, count;
};
struct found {
    const struct nt *nt;
    uint64_t base; /* of the first bit */
    struct run shown[RUNS_SHOWN];
    uint64_t blocks, total, largest;
};

static bool take_list(void *ctx, uint64_t address, uint64_t count) {
    struct found *f = ctx;
    if (f->blocks < RUNS_SHOWN)
        f->shown[f->blocks] = (struct run){address, count};
    f->blocks++;
    f->total += count;
    f->largest = count > f->largest ? count : f->largest;
    return true;
}

static bool take_bits(void *ctx, uint64_t first, uint64_t count) {
    struct found *f = ctx;
    return take_list(f, nt_add(f->nt, f->base, first * 8), count);
}

struct free_ptes {
    uint64_t address;
    int64_t count;
};
static const struct sc_field free_fields[] = {SC_FIELD(struct free_ptes, address, SC_F_ADDR),
                                              SC_FIELD(struct free_ptes, count, SC_F_NUM),
                                              SC_FIELD_END};
static const struct sc_rectype free_type = {"free_ptes", sizeof(struct free_ptes), free_fields};

static void free_text(sc_out *out, const void *record, void *ctx) {
    const struct free_ptes *r = record;
    sc_printf(out, "      free ptes: %0*" PRIx64 "   number free: %" PRId64 ".\n",
              *(const int *)ctx, r->address, r->count);
}

static void show_runs(sc_session *s, const struct nt *nt, const struct found *f) {
    int digits = (int)nt->ptr_size * 2;
    for (uint64_t i = 0; i < f->blocks && i < RUNS_SHOWN; i++) {
        const struct free_ptes r = {f->shown[i].address, (int64_t)f->shown[i].count};
        sc_record(s->out, &free_type, &r, free_text, &digits);
    }
    if (f->blocks > RUNS_SHOWN)
        sc_printf(s->out, "      [%" PRIu64 " more]\n", f->blocks - RUNS_SHOWN);
    sc_printf(s->out,
              "\n  free blocks: %" PRIu64 "   total free: %" PRIu64
              "    largest free block: %" PRIu64 "\n",
              f->blocks, f->total, f->largest);
}

static void show_bits(sc_session *s, const struct nt *nt, const struct nt_ptes *p,
                      const struct found *f, uint64_t read) {
    uint64_t bits = nt_or(&p->f[NT_PTE_BITS], 0);
    sc_printf(s->out, "\n    starting PTE: %0*" PRIx64 "\n\n", (int)nt->ptr_size * 2, f->base);
    show_runs(s, nt, f);
    if (read < bits)
        sc_remark(s->out, "%" PRIu64 " of %" PRIu64 " bits of the bitmap are not in the dump.",
                  bits - read, bits);
}

static sc_err *show(sc_session *s, const struct nt *nt, const struct nt_ptes *p, bool runs) {
    struct found f = {.nt = nt, .base = nt_or(&p->f[NT_PTE_BASE], 0)};
    uint64_t read = 0;
    sc_err *err = runs ? nt_ptes_free_runs(nt, p, take_bits, &f, &read) : NULL;
    if (err)
        return err;
    struct row r = {p->name,
                    sc_nt_num(&p->f[NT_PTE_TOTAL]),
                    sc_nt_num(&p->f[NT_PTE_FREE]),
                    sc_nt_num(&p->f[NT_PTE_CACHED]),
                    sc_nt_num(&p->f[NT_PTE_FAILURES]),
                    sc_nt_num(&p->f[NT_PTE_BITS]),
                    sc_nt_addr(&p->f[NT_PTE_BASE]),
                    read ? (int64_t)f.blocks : INT64_MIN,
                    read ? (int64_t)f.largest : INT64_MIN};
    sc_record(s->out, &type, &r, row_text, NULL);
    if (read)
        show_bits(s, nt, p, &f, read);
    else if (runs && nt_set(&p->f[NT_PTE_BITS]))
        sc_remark(s->out, "The bitmap of %s is not in the dump.", p->name);
    return NULL;
}

/* ---- free entries that are linked ---- */

struct list_row {
    const char *name;
    uint64_t start, end;
    int64_t blocks, free, largest;
};
static const struct sc_field list_fields[] = {SC_FIELD(struct list_row, name, SC_F_STR),
                                              SC_FIELD(struct list_row, start, SC_F_ADDR),
                                              SC_FIELD(struct list_row, end, SC_F_ADDR),
                                              SC_FIELD(struct list_row, blocks, SC_F_NUM),
                                              SC_FIELD(struct list_row, free, SC_F_NUM),
                                              SC_FIELD(struct list_row, largest, SC_F_NUM),
                                              SC_FIELD_END};
static const struct sc_rectype list_type = {"free_pte_list", sizeof(struct list_row), list_fields};

static void list_text(sc_out *out, const void *record, void *ctx) {
    const struct list_row *r = record;
    const int digits = *(const int *)ctx;
    sc_printf(out, "\n  [%s]\n", r->name);
    if (r->start != SC_UNSET64 && r->end != SC_UNSET64)
        sc_printf(out, "    starting PTE: %0*" PRIx64 "\n    ending PTE:   %0*" PRIx64 "\n", digits,
                  r->start, digits, r->end);
    sc_puts(out, "\n");
}

static sc_err *show_list(sc_session *s, const struct nt_ptelist *l) {
    static const char *const ended[] = {
        [NT_PTELIST_ABSENT] = "it is not in the dump",
        [NT_PTELIST_BROKEN] = "it is no free entry",
        [NT_PTELIST_LOOP] = "the list comes back to it",
    };
    struct found f = {.nt = l->nt};
    int digits = (int)l->nt->ptr_size * 2;
    enum nt_ptelist_end end;
    uint64_t bad;
    sc_err *err = nt_ptelist_each(l, take_list, &f, &end, &bad);
    if (err)
        return err;
    const struct list_row r = {l->name,
                               l->start ? l->start : SC_UNSET64,
                               l->end ? l->end : SC_UNSET64,
                               (int64_t)f.blocks,
                               (int64_t)f.total,
                               (int64_t)f.largest};
    sc_record(s->out, &list_type, &r, list_text, &digits);
    show_runs(s, l->nt, &f);
    if (end != NT_PTELIST_DONE)
        sc_remark(s->out, "The list cannot be followed beyond the entry at %0*" PRIx64 ": %s.",
                  digits, bad, ended[end]);
    return NULL;
}

/* *SHOWN grows by the lists that there are; why there are none is a remark. */
static sc_err *show_lists(sc_session *s, const struct nt *nt, enum nt_ptelist_kind kind,
                          uint64_t session, size_t *shown) {
    struct nt_ptelists l;
    sc_err *err = nt_ptelists_find(nt, kind, session, &l);
    if (err)
        return err;
    for (size_t i = 0; !err && i < l.count; i++)
        err = show_list(s, &l.of[i]);
    *shown += l.count;
    if (!err && !l.count)
        sc_remark(s->out, "The free entries %s are not known: %s.%s",
                  kind == NT_PTES_SPECIAL   ? "of special pool"
                  : kind == NT_PTES_SESSION ? "of the session's special pool"
                                            : "that are linked",
                  l.why,
                  kind >= NT_PTES_SPECIAL && nt->build >= 18362
                      ? " Since Windows 10 1903 special pool is a heap, which keeps no such list."
                      : "");
    return err;
}

static sc_err *show_session(sc_session *s, const struct nt *nt, size_t *shown) {
    struct nt_process p;
    uint64_t process;
    sc_err *err = sc_session_process(s, nt, &process);
    if (!err)
        err = nt_process_read(nt, process, &p);
    if (err)
        return err;
    if (nt_set(&p.f[NT_P_SESSION]))
        return show_lists(s, nt, NT_PTES_SESSION, p.f[NT_P_SESSION].value, shown);
    sc_remark(s->out, "The session of the current process is not known: %s.",
              p.f[NT_P_SESSION].state == NT_READ ? "it is in none" : nt_why(&p.f[NT_P_SESSION]));
    return NULL;
}

struct expansion {
    int64_t free;
};
static const struct sc_field expansion_fields[] = {SC_FIELD(struct expansion, free, SC_F_NUM),
                                                   SC_FIELD_END};
static const struct sc_rectype expansion_type = {"expansion_ptes", sizeof(struct expansion),
                                                 expansion_fields};

static void expansion_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    sc_printf(out, "  Nonpaged pool expansion: %" PRId64 " free\n",
              ((const struct expansion *)record)->free);
}

/* With this flag the other lists are not shown. */
static sc_err *show_expansion(sc_session *s, const struct nt *nt, const struct nt_sysptes *p,
                              bool all) {
    const struct expansion r = {sc_nt_num(&p->expansion)};
    if (p->expansion.state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "!sysptes: flag 8 is about nt!MmTotalFreeSystemPtes[1], which is %s: only "
                       "Windows XP and Server 2003 expand nonpaged pool by system PTEs",
                       nt_why(&p->expansion));
    sc_puts(s->out, "\nSystem PTE Information\n");
    sc_record(s->out, &expansion_type, &r, expansion_text, NULL);
    size_t shown = 0;
    return all ? show_lists(s, nt, NT_PTES_EXPANSION, 0, &shown) : NULL;
}

static sc_err *show_totals(sc_session *s, const struct nt *nt, const struct nt_sysptes *p,
                           uint64_t flags) {
    size_t shown = 0;
    sc_err *err = NULL;
    sc_puts(s->out, "\nSystem PTE Information\n");
    for (size_t i = 0; !err && i < p->count; i++)
        err = show(s, nt, &p->of[i], flags & FLAG_FREE);
    for (size_t i = 0; !err && i < p->nkept; i++) {
        struct kept k = {(int64_t)p->kept[i].size, (int64_t)p->kept[i].free};
        sc_record(s->out, &kept_type, &k, kept_text, NULL);
    }
    if (!err && flags & FLAG_FREE && nt->build < 6000)
        err = show_lists(s, nt, NT_PTES_SYSTEM, 0, &shown);
    return err;
}

static sc_err *lacking(const struct nt_sysptes *p) {
    if (p->count)
        return NULL;
    if (p->lacking)
        return sc_errf(SC_ERR_NOT_FOUND, "!sysptes: the symbols do not have %s", p->lacking);
    return sc_errf(SC_ERR_NOT_FOUND, "!sysptes: neither nt!MiSystemPteInfo nor nt!MiState nor "
                                     "nt!MmTotalFreeSystemPtes is in the dump and its symbols");
}

/* What the other flags ask for, and how much of it there is. */
static sc_err *show_others(sc_session *s, const struct nt *nt, uint64_t flags, size_t *shown) {
    sc_err *err = flags & FLAG_SPECIAL ? show_lists(s, nt, NT_PTES_SPECIAL, 0, shown) : NULL;
    if (!err && flags & FLAG_SESSION)
        err = show_session(s, nt, shown);
    if (!err && flags & FLAG_LOCKED) {
        err = sc_show_pte_trackers(s, nt);
        ++*shown;
    }
    return err;
}

/* Totals that are lacking are a remark beside what else there is, and an error without. */
static sc_err *show_all(sc_session *s, const struct nt *nt, const struct nt_sysptes *p,
                        uint64_t flags) {
    bool totals = flags != FLAG_LOCKED; /* which the documentation shows by itself */
    sc_err *lack = totals ? lacking(p) : NULL;
    size_t shown = 0;
    if (lack && !(flags & OTHERS))
        return lack;
    sc_err *err = totals && !lack ? show_totals(s, nt, p, flags) : NULL;
    if (!err)
        err = show_others(s, nt, flags, &shown);
    if (!err && lack && !shown)
        return lack;
    if (!err && lack)
        sc_remark(s->out, "%s", sc_err_text(lack));
    if (!err)
        sc_nt_assumed(s, totals && !lack && p->assumed);
    sc_err_destroy(lack);
    return err;
}

static sc_err *run_sysptes(sc_session *s, const struct sc_args *args) {
    uint64_t flags = args->v[0].given ? args->v[0].num : 0;
    struct nt_sysptes p;
    struct nt nt;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_sysptes_read(&nt, &p);
    if (err)
        return err;
    if (flags & FLAG_EXPANSION)
        return show_expansion(s, &nt, &p, flags & FLAG_FREE);
    return show_all(s, &nt, &p, flags);
}

static const struct sc_arg sysptes_args[] = {
    {SC_ARG_EXPR, "flags", NULL, true,
     "1 free ones, 2 special pool, 4 locked pages, 8 nonpaged pool, 10 session"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_sysptes_commands[] = {
    {.name = "!sysptes",
     .brief = "show how many system page table entries are free",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .args = sysptes_args,
     .help = "With the flag 1, where free ones are next to each other: the largest block is the "
             "largest range that can still be mapped. Since Vista a bit of the bitmap may stand "
             "for several entries: then blocks are counted in those.\n"
             "Flag 2: free entries of special pool; 10: of the current session's. In pairs, for a "
             "page and the guard page behind it; since Windows 10 1903 there is no such list.\n"
             "Flag 4: who mapped locked pages, when TrackPtes was set in the registry "
             "(HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management).\n"
             "Flag 8, of Windows XP and Server 2003: those by which nonpaged pool can grow, and "
             "nothing else; with 1 each of them.",
     .sample = "!sysptes",
     .run = run_sysptes},
    {.name = NULL},
};
