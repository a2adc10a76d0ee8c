/* SPDX-License-Identifier: MIT */
/*
 * `!sysptes`: system page table entries.
 *
 *     !sysptes [flags]          1 the free ones, too; 8 those of nonpaged pool's expansion alone
 *
 * The documentation shows XP's form; of later systems the same lines are made from their bitmaps.
 */
#include <inttypes.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "nt/sysptes.h"

enum {
    FLAG_FREE = 1,
    FLAG_SPECIAL = 2,
    FLAG_LOCKED = 4,
    FLAG_EXPANSION = 8,
    FLAG_SESSION = 0x10,
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
    uint64_t first, count;
};
struct found {
    struct run shown[RUNS_SHOWN];
    uint64_t blocks, total, largest;
};

static bool take_run(void *ctx, uint64_t first, uint64_t count) {
    struct found *f = ctx;
    if (f->blocks < RUNS_SHOWN)
        f->shown[f->blocks] = (struct run){first, count};
    f->blocks++;
    f->total += count;
    f->largest = count > f->largest ? count : f->largest;
    return true;
}

static void show_runs(sc_session *s, const struct nt *nt, const struct nt_ptes *p,
                      const struct found *f, uint64_t read) {
    int digits = (int)nt->ptr_size * 2;
    uint64_t base = nt_or(&p->f[NT_PTE_BASE], 0), bits = nt_or(&p->f[NT_PTE_BITS], 0);
    sc_printf(s->out, "\n    starting PTE: %0*" PRIx64 "\n\n", digits, base);
    for (uint64_t i = 0; i < f->blocks && i < RUNS_SHOWN; i++)
        sc_printf(s->out, "      free ptes: %0*" PRIx64 "   number free: %" PRIu64 ".\n", digits,
                  nt_add(nt, base, f->shown[i].first * 8), f->shown[i].count);
    if (f->blocks > RUNS_SHOWN)
        sc_printf(s->out, "      [%" PRIu64 " more]\n", f->blocks - RUNS_SHOWN);
    sc_printf(s->out,
              "\n  free blocks: %" PRIu64 "   total free: %" PRIu64
              "    largest free block: %" PRIu64 "\n",
              f->blocks, f->total, f->largest);
    if (read < bits)
        sc_remark(s->out, "%" PRIu64 " of %" PRIu64 " bits of the bitmap are not in the dump.",
                  bits - read, bits);
}

static sc_err *show(sc_session *s, const struct nt *nt, const struct nt_ptes *p, bool runs) {
    struct found f = {.blocks = 0};
    uint64_t read = 0;
    sc_err *err = runs ? nt_ptes_free_runs(nt, p, take_run, &f, &read) : NULL;
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
        show_runs(s, nt, p, &f, read);
    else if (runs && nt_set(&p->f[NT_PTE_BITS]))
        sc_remark(s->out, "The bitmap of %s is not in the dump.", p->name);
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
static sc_err *show_expansion(sc_session *s, const struct nt_sysptes *p) {
    const struct expansion r = {sc_nt_num(&p->expansion)};
    if (p->expansion.state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "!sysptes: flag 8 is about nt!MmTotalFreeSystemPtes[1], which is %s: only "
                       "Windows XP and Server 2003 expand nonpaged pool by system PTEs",
                       nt_why(&p->expansion));
    sc_puts(s->out, "\nSystem PTE Information\n");
    sc_record(s->out, &expansion_type, &r, expansion_text, NULL);
    return NULL;
}

static void say_not_shown(sc_session *s, uint64_t flags) {
    if (flags & (FLAG_SPECIAL | FLAG_SESSION))
        sc_remark(s->out, "The free entries of special pool (flags 2 and 10) are not shown: how "
                          "nt!_MI_SPECIAL_POOL links them is not in the public symbols.");
    if (flags & FLAG_LOCKED)
        sc_remark(s->out, "Who mapped locked pages (flag 4) is not shown: the kernel keeps it when "
                          "nt!MmTrackPtes is set, in structures that are not in its symbols.");
}

static sc_err *run_sysptes(sc_session *s, const struct sc_args *args) {
    uint64_t flags = args->v[0].given ? args->v[0].num : 0;
    struct nt_sysptes p;
    struct nt nt;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_sysptes_read(&nt, &p);
    if (!err && !p.count && p.lacking)
        err = sc_errf(SC_ERR_NOT_FOUND, "!sysptes: the symbols do not have %s", p.lacking);
    if (!err && !p.count)
        err = sc_errf(SC_ERR_NOT_FOUND, "!sysptes: neither nt!MiSystemPteInfo nor nt!MiState nor "
                                        "nt!MmTotalFreeSystemPtes is in the dump and its symbols");
    if (err || flags & FLAG_EXPANSION)
        return err ? err : show_expansion(s, &p);
    sc_puts(s->out, "\nSystem PTE Information\n");
    for (size_t i = 0; !err && i < p.count; i++)
        err = show(s, &nt, &p.of[i], flags & FLAG_FREE);
    for (size_t i = 0; !err && i < p.nkept; i++) {
        struct kept k = {(int64_t)p.kept[i].size, (int64_t)p.kept[i].free};
        sc_record(s->out, &kept_type, &k, kept_text, NULL);
    }
    if (!err)
        say_not_shown(s, flags);
    if (!err)
        sc_nt_assumed(s, p.assumed);
    return err;
}

static const struct sc_arg sysptes_args[] = {
    {SC_ARG_EXPR, "flags", NULL, true, "1 the free ones, too; 8 those of nonpaged pool alone"},
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
             "Flag 8, of Windows XP and Server 2003: those by which nonpaged pool can grow, and "
             "nothing else.",
     .sample = "!sysptes",
     .run = run_sysptes},
    {.name = NULL},
};
