/* SPDX-License-Identifier: MIT */
/*
 * `!pfn`: the entry of the PFN database for a page frame.
 *
 *     PFN 00002012 at address FFFFF40000060360
 *     flink       00000000  blink / share count 00000001  pteaddress FFFFFAFC0118B090
 *     reference count 0001    used entry count  0000      Cached    color 0   Priority 4
 *     restore pte 00000080  containing page 000914  Active     M
 *     Modified
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/kernel.h"
#include "nt/pfn.h"
#include "nt/ptes.h"

struct row {
    uint64_t pfn, address, flink, blink, share_count, pte_address, restore_pte, containing, va;
    int64_t reference_count, used_entries, color, priority;
    const char *location, *caching;
    bool modified, read_in_progress, write_in_progress, prototype, parity_error, in_page_error,
        removal_requested;
};
static const struct sc_field fields[] = {SC_FIELD(struct row, pfn, SC_F_HEX64),
                                         SC_FIELD(struct row, address, SC_F_ADDR),
                                         SC_FIELD(struct row, flink, SC_F_ADDR),
                                         SC_FIELD(struct row, blink, SC_F_ADDR),
                                         SC_FIELD(struct row, share_count, SC_F_ADDR),
                                         SC_FIELD(struct row, pte_address, SC_F_ADDR),
                                         SC_FIELD(struct row, va, SC_F_ADDR),
                                         SC_FIELD(struct row, reference_count, SC_F_NUM),
                                         SC_FIELD(struct row, used_entries, SC_F_NUM),
                                         SC_FIELD(struct row, caching, SC_F_STR),
                                         SC_FIELD(struct row, color, SC_F_NUM),
                                         SC_FIELD(struct row, priority, SC_F_NUM),
                                         SC_FIELD(struct row, restore_pte, SC_F_HEX64),
                                         SC_FIELD(struct row, containing, SC_F_HEX64),
                                         SC_FIELD(struct row, location, SC_F_STR),
                                         SC_FIELD(struct row, modified, SC_F_BOOL),
                                         SC_FIELD(struct row, read_in_progress, SC_F_BOOL),
                                         SC_FIELD(struct row, write_in_progress, SC_F_BOOL),
                                         SC_FIELD(struct row, prototype, SC_F_BOOL),
                                         SC_FIELD(struct row, parity_error, SC_F_BOOL),
                                         SC_FIELD(struct row, in_page_error, SC_F_BOOL),
                                         SC_FIELD(struct row, removal_requested, SC_F_BOOL),
                                         SC_FIELD_END};
static const struct sc_rectype type = {"pfn", sizeof(struct row), fields};

struct style {
    unsigned ptr_size;
    const struct nt_pfn *pfn;
    bool enrich;
};

/* "Active" here is "Active/Valid" in !memusage. */
static const char *location_name(unsigned location) {
    return location == NT_PAGE_ACTIVE ? "Active" : nt_page_location_name(location);
}

static void flag_words(sc_out *out, const struct row *r) {
    const struct {
        bool on;
        const char *word;
    } words[] = {{r->modified, "Modified"},
                 {r->prototype, "Shared"},
                 {r->read_in_progress, "ReadInProgress"},
                 {r->write_in_progress, "WriteInProgress"},
                 {r->parity_error, "ParityError"},
                 {r->in_page_error, "InPageError"},
                 {r->removal_requested, "RemovalRequested"}};
    bool any = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!words[i].on)
            continue;
        sc_printf(out, "%s%s", any ? " " : "    ", words[i].word);
        any = true;
    }
    if (any)
        sc_puts(out, "\n");
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct style *s = ctx;
    int digits = (int)s->ptr_size * 2;
    bool linked = r->share_count == SC_UNSET64;
    sc_printf(out, "    PFN %08" PRIX64 " at address %0*" PRIX64 "\n", r->pfn, digits, r->address);
    sc_printf(out,
              "    flink       %08" PRIX64 "  blink / share count %08" PRIX64
              "  pteaddress %0*" PRIX64 "\n",
              r->flink, linked ? r->blink : r->share_count, digits, r->pte_address);
    sc_printf(out, "    reference count %04" PRIX64, (uint64_t)r->reference_count);
    if (r->used_entries != INT64_MIN)
        sc_printf(out, "    used entry count  %04" PRIX64 "   ", (uint64_t)r->used_entries);
    sc_printf(out, "   %-9s", r->caching);
    if (r->color != INT64_MIN)
        sc_printf(out, " color %" PRIX64, (uint64_t)r->color);
    if (r->priority != INT64_MIN)
        sc_printf(out, "   Priority %" PRId64, r->priority);
    sc_printf(
        out, "\n    restore pte %08" PRIX64 "  containing page %06" PRIX64 "  %-10s %s%s%s%s\n",
        r->restore_pte, r->containing, location_name(s->pfn->location), r->modified ? "M" : "",
        r->prototype ? "P" : "", r->read_in_progress ? "R" : "", r->write_in_progress ? "W" : "");
    flag_words(out, r);
    if (s->enrich && r->va != SC_UNSET64)
        sc_printf(out, "    maps %0*" PRIx64 "\n", digits, r->va);
}

static const char *caching_name(unsigned attribute) {
    static const char *const names[] = {"NonCached", "Cached", "WriteComb", "NotMapped"};
    return names[attribute & 3];
}

static void fill(const struct nt_pfn *p, const struct nt_ptes *ptes, struct row *r) {
    bool active = p->location == NT_PAGE_ACTIVE || p->location == NT_PAGE_TRANSITION;
    *r = (struct row){.pfn = p->pfn,
                      .address = p->address,
                      .flink = p->flink,
                      .blink = active ? SC_UNSET64 : p->blink_or_share,
                      .share_count = active ? p->blink_or_share : SC_UNSET64,
                      .pte_address = p->pte_address,
                      .restore_pte = p->original_pte,
                      .containing = p->containing,
                      .va = SC_UNSET64,
                      .reference_count = p->reference_count,
                      .used_entries = p->has_used ? (int64_t)p->used_entries : INT64_MIN,
                      .color = p->has_color ? (int64_t)p->color : INT64_MIN,
                      .priority = p->has_priority ? (int64_t)p->priority : INT64_MIN,
                      .location = nt_page_location_name(p->location),
                      .caching = caching_name(p->cache_attribute),
                      .modified = p->modified,
                      .read_in_progress = p->read_in_progress,
                      .write_in_progress = p->write_in_progress,
                      .prototype = p->prototype,
                      .parity_error = p->parity_error,
                      .in_page_error = p->in_page_error,
                      .removal_requested = p->removal_requested};
    if (active && !p->prototype && ptes && nt_ptes_contain(ptes, p->pte_address))
        r->va = nt_pte_va(ptes, p->pte_address);
}

static sc_err *run_pfn(sc_session *s, const struct sc_args *args) {
    struct nt nt;
    struct nt_pfndb db;
    struct nt_pfn pfn;
    struct nt_ptes ptes;
    bool has_ptes = false, found;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_pfndb_open(&nt, &db);
    if (!err && sc_target_has_paging(nt.target))
        err = nt_ptes_find(&nt, &ptes, &has_ptes);
    if (err)
        return sc_err_prefix(err, "!pfn");
    uint64_t number = sc_session_physical(s, args->v[0].num);
    /* The address of an entry will do, too. */
    if (number > db.highest)
        nt_pfn_of_address(&db, sc_space_canon(nt.space, number), &number);
    err = nt_pfn_read(&db, number, &pfn, &found);
    if (err)
        return sc_err_prefix(err, "!pfn");
    if (!found)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "!pfn: the entry of page frame %" PRIx64 " is not in this dump", number);
    struct row r;
    struct style style = {nt.ptr_size, &pfn, sc_session_enrich(s)};
    fill(&pfn, has_ptes ? &ptes : NULL, &r);
    sc_record(sc_session_out(s), &type, &r, row_text, &style);
    sc_nt_assumed(s, db.assumed);
    return NULL;
}

static const struct sc_arg pfn_args[] = {
    {SC_ARG_EXPR, "frame", NULL, false,
     "number of a page of physical memory, or of its entry's address"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_pfn_commands[] = {
    {.name = "!pfn",
     .brief = "show the entry of the PFN database for a page of physical memory",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the regions of the process's memory",
     .args = pfn_args,
     .help = "Of a page in use: how many entries share it, and the address of the page table entry "
             "(or prototype entry) that maps it; of one on a list: its neighbours. restore pte is "
             "what the entry becomes when the page is taken away. M modified, P prototype "
             "(shared), R being read, W being written.",
     .sample = "!pfn 100",
     .run = run_pfn},
    {.name = NULL},
};
