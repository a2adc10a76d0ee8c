/* SPDX-License-Identifier: MIT */
/*
 * `!lookaside`: look-aside lists, with how often they were of use.
 *
 *     !lookaside [address] [-all]
 *
 * The options that reset counters or change a depth need a machine that runs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/lookaside.h"
#include "nt/tagpattern.h"

struct row {
    uint64_t address;
    const char *symbol, *tag;
    uint64_t tag_value, pool_type;
    int64_t current, depth, maximum, size, allocates, allocate_misses, frees, free_misses;
    int64_t most_bytes; /* of all that the list keeps at its depth */
};
static const struct sc_field fields[] = {SC_FIELD(struct row, address, SC_F_ADDR),
                                         SC_FIELD(struct row, symbol, SC_F_STR),
                                         SC_FIELD(struct row, tag, SC_F_STR),
                                         SC_FIELD(struct row, tag_value, SC_F_HEX64),
                                         SC_FIELD(struct row, pool_type, SC_F_HEX64),
                                         SC_FIELD(struct row, current, SC_F_NUM),
                                         SC_FIELD(struct row, depth, SC_F_NUM),
                                         SC_FIELD(struct row, maximum, SC_F_NUM),
                                         SC_FIELD(struct row, size, SC_F_NUM),
                                         SC_FIELD(struct row, most_bytes, SC_F_NUM),
                                         SC_FIELD(struct row, allocates, SC_F_NUM),
                                         SC_FIELD(struct row, allocate_misses, SC_F_NUM),
                                         SC_FIELD(struct row, frees, SC_F_NUM),
                                         SC_FIELD(struct row, free_misses, SC_F_NUM),
                                         SC_FIELD_END};
static const struct sc_rectype type = {"lookaside", sizeof(struct row), fields};

/* Percent of TOTAL that were no MISSES. */
static int64_t rate(int64_t total, int64_t misses) {
    return total > 0 && misses >= 0 && misses <= total ? (total - misses) * 100 / total : 0;
}

static const char *pool_name(uint64_t pool_type) {
    return pool_type & 1 ? "PagedPool" : pool_type & 0x200 ? "NonPagedPoolNx" : "NonPagedPool";
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    char b[8][SC_NT_BUF];
    (void)ctx;
    sc_printf(out, "\nLookaside \"%s\" @ 0x%" PRIx64 "  Tag(hex): 0x%08" PRIx64 " \"%s\"\n",
              r->symbol ? r->symbol : "", r->address, r->tag_value, r->tag);
    sc_printf(out, "    Type           =       %04" PRIx64 "  %s%s\n", r->pool_type,
              pool_name(r->pool_type), r->pool_type & 0x10 ? " RaiseIfAllocationFailure" : "");
    sc_printf(out, "    Current Depth  = %10s  Max Depth  = %10s\n",
              sc_nt_num_text(r->current, b[0]), sc_nt_num_text(r->depth, b[1]));
    sc_printf(out, "    Size           = %10s  Max Alloc  = %10s\n", sc_nt_num_text(r->size, b[2]),
              sc_nt_num_text(r->most_bytes, b[3]));
    sc_printf(out, "    AllocateMisses = %10s  FreeMisses = %10s\n",
              sc_nt_num_text(r->allocate_misses, b[4]), sc_nt_num_text(r->free_misses, b[5]));
    sc_printf(out, "    TotalAllocates = %10s  TotalFrees = %10s\n",
              sc_nt_num_text(r->allocates, b[6]), sc_nt_num_text(r->frees, b[7]));
    sc_printf(out, "    Hit Rate       = %10" PRId64 "%% Hit Rate   = %10" PRId64 "%%\n",
              rate(r->allocates, r->allocate_misses), rate(r->frees, r->free_misses));
}

/* "nt!IopSmallIrpLookasideList": only what stands at the very address. */
static sc_err *name_of(sc_session *s, uint64_t address, sc_arena *arena, const char **ret) {
    const char *near;
    sc_err *err = sc_near(s, address, arena, &near);
    *ret = !err && near && strchr(near, '!') && !strstr(near, "+0x") ? near : NULL;
    return err;
}

static sc_err *show(sc_session *s, const struct nt *nt, uint64_t address, sc_arena *arena,
                    bool *ret_assumed, bool *ret_shown) {
    struct nt_lookaside l;
    char tag[NT_TAG_TEXT];
    sc_err *err = nt_lookaside_read(nt, address, &l);
    *ret_shown = !err && nt_any(l.f, NT_L_FIELDS);
    if (err || !*ret_shown)
        return err;
    const struct nt_field *f = l.f;
    struct row r = {.address = address,
                    .tag = nt_tag_text((uint32_t)f[NT_L_TAG].value, tag),
                    .tag_value = f[NT_L_TAG].value,
                    .pool_type = f[NT_L_TYPE].value,
                    .current = sc_nt_num(&l.current),
                    .depth = sc_nt_num(&f[NT_L_DEPTH]),
                    .maximum = sc_nt_num(&f[NT_L_MAXIMUM_DEPTH]),
                    .size = sc_nt_num(&f[NT_L_SIZE]),
                    .allocates = sc_nt_num(&f[NT_L_TOTAL_ALLOCATES]),
                    .allocate_misses = sc_nt_num(&f[NT_L_ALLOCATE_MISSES]),
                    .frees = sc_nt_num(&f[NT_L_TOTAL_FREES]),
                    .free_misses = sc_nt_num(&f[NT_L_FREE_MISSES])};
    r.most_bytes = r.size >= 0 && r.depth >= 0 ? r.size * r.depth : INT64_MIN;
    err = name_of(s, address, arena, &r.symbol);
    if (err)
        return err;
    sc_record(s->out, &type, &r, row_text, NULL);
    *ret_assumed |= l.assumed;
    return NULL;
}

static sc_err *show_list(sc_session *s, const struct nt *nt, enum nt_lookaside_head head,
                         sc_arena *arena, bool *ret_assumed, bool *ret_found) {
    struct nt_list list;
    uint64_t link, address, missing = 0;
    char why[NT_LIST_TEXT];
    bool shown;
    sc_err *err = nt_lookasides_begin(nt, head, &list, ret_found);
    while (!err && *ret_found && nt_list_next(&list, &link)) {
        err = nt_lookaside_of_link(nt, link, &address);
        if (!err)
            err = show(s, nt, address, arena, ret_assumed, &shown);
        missing += !err && !shown;
    }
    if (err || !*ret_found)
        return err;
    if (list.end == NT_LIST_STOP)
        return sc_err_cancelled();
    if (list.end != NT_LIST_DONE)
        sc_remark(s->out, "The list at %s is not whole: %s.", nt_lookaside_head_name(head),
                  nt_list_end_text(&list, why));
    if (missing)
        sc_remark(s->out, "%" PRIu64 " look-aside lists of %s are not in the dump.", missing,
                  nt_lookaside_head_name(head));
    return NULL;
}

enum { ARG_ALL, ARG_ADDRESS, ARG_OPTIONS, ARG_DEPTH };

static sc_err *run_lookaside(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = args->v;
    struct nt nt;
    bool assumed = false, found = false, any = false;
    if (v[ARG_OPTIONS].given && v[ARG_OPTIONS].num > 2)
        return sc_errf(SC_ERR_ARG, "!lookaside: options are 0, 1 or 2");
    if (v[ARG_OPTIONS].given && v[ARG_OPTIONS].num)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "!lookaside: 1 resets counters and 2 changes the depth of a list: a dump is "
                       "only read");
    sc_err *err = sc_session_nt(s, &nt);
    if (!err && v[ARG_ADDRESS].given && v[ARG_ADDRESS].num) {
        uint64_t address = sc_space_canon(nt.space, v[ARG_ADDRESS].num);
        err = show(s, &nt, address, args->arena, &assumed, &any);
        if (!err && !any)
            err = sc_errf(SC_ERR_NOT_FOUND, "!lookaside: there is no memory at %" PRIx64, address);
    } else {
        unsigned n = v[ARG_ALL].given ? NT_LOOKASIDES_HEADS : NT_LOOKASIDES_SYSTEM + 1;
        for (unsigned i = 0; !err && i < n; i++) {
            err = show_list(s, &nt, (enum nt_lookaside_head)i, args->arena, &assumed, &found);
            any |= found;
        }
        if (!err && !any)
            err = sc_errf(SC_ERR_NOT_FOUND, "!lookaside: the symbols of this kernel do not have %s",
                          nt_lookaside_head_name(NT_LOOKASIDES_SYSTEM));
    }
    if (!err)
        sc_nt_assumed(s, assumed);
    return err;
}

static const struct sc_arg lookaside_args[] = {
    [ARG_ALL] = {SC_ARG_OPTION, "-all", "all", true, "those of drivers and of pool, too"},
    [ARG_ADDRESS] = {SC_ARG_EXPR, "address", NULL, true, "of one list; 0: the kernel's own"},
    [ARG_OPTIONS] = {SC_ARG_EXPR, "options", NULL, true, "0 shows; 1 and 2 change: refused"},
    [ARG_DEPTH] = {SC_ARG_EXPR, "depth", NULL, true, "of option 2"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_lookaside_commands[] = {
    {.name = "!lookaside",
     .brief = "show look-aside lists and how often they were of use",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .args = lookaside_args,
     .help = "Without an address, those that the kernel made for itself; with -all, those of "
             "drivers and of pool, too.\n"
             "Hit Rate: how many percent of allocations and of frees were served by the list.",
     .sample = "!lookaside -all",
     .run = run_lookaside},
    {.name = NULL},
};
