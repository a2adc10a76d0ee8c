/* SPDX-License-Identifier: MIT */
/*
 * `!poolused`: how much pool each tag has in use.
 *
 *     !poolused [/tN] [flags [tag]]
 *
 * Flags: 1 verbose (allocations and frees, too), 2 sorted by nonpaged pool, 4 by paged pool, 8 the
 * session's pool. While it reads, WinDbg prints a dot for each processor's table. The verbose form
 * has the columns of the documentation in the widths of the short one.
 */
#include <inttypes.h>
#include <string.h>

#include "base/sort.h"
#include "cmd/kernel.h"
#include "cmd/pooltag.h"
#include "cmd/session_impl.h"
#include "nt/pooltrack.h"

enum { FLAG_VERBOSE = 1, FLAG_NONPAGED = 2, FLAG_PAGED = 4, FLAG_SESSION = 8 };
enum { NUMBER = 24 }; /* characters of a column of numbers, at most */

struct row {
    const char *tag;
    uint64_t value;
    int64_t nonpaged_allocs, nonpaged_frees, nonpaged_used, nonpaged_bytes;
    int64_t paged_allocs, paged_frees, paged_used, paged_bytes;
    const char *owner, *binary;
};
#define COUNTERS                                                                                   \
    SC_FIELD(struct row, nonpaged_allocs, SC_F_NUM),                                               \
        SC_FIELD(struct row, nonpaged_frees, SC_F_NUM),                                            \
        SC_FIELD(struct row, nonpaged_used, SC_F_NUM),                                             \
        SC_FIELD(struct row, nonpaged_bytes, SC_F_NUM),                                            \
        SC_FIELD(struct row, paged_allocs, SC_F_NUM), SC_FIELD(struct row, paged_frees, SC_F_NUM), \
        SC_FIELD(struct row, paged_used, SC_F_NUM), SC_FIELD(struct row, paged_bytes, SC_F_NUM)
static const struct sc_field row_fields[] = {
    SC_FIELD(struct row, tag, SC_F_STR),   SC_FIELD(struct row, value, SC_F_HEX64), COUNTERS,
    SC_FIELD(struct row, owner, SC_F_STR), SC_FIELD(struct row, binary, SC_F_STR),  SC_FIELD_END};
static const struct sc_rectype row_type = {"pool_tag", sizeof(struct row), row_fields};
static const struct sc_field total_fields[] = {COUNTERS, SC_FIELD_END};
static const struct sc_rectype total_type = {"pool_total", sizeof(struct row), total_fields};

/* ---- text ---- */

struct style {
    bool verbose;
};

/* A line in the making: thousands of them are printed, and a conversion of printf's costs more. */
struct line {
    char text[256];
    size_t len;
};

static void put_bytes(struct line *l, const char *text, size_t n) {
    size_t room = sizeof l->text - l->len;
    memcpy(l->text + l->len, text, n < room ? n : room);
    l->len += n < room ? n : room;
}

static void put_text(struct line *l, const char *text) { put_bytes(l, text, strlen(text)); }

/* VALUE on the right of WIDTH characters, at most NUMBER. */
static void put_number(struct line *l, size_t width, int64_t value) {
    char digits[NUMBER];
    size_t at = NUMBER;
    uint64_t v = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    if (value < 0)
        digits[--at] = '-';
    while (NUMBER - at < width)
        digits[--at] = ' ';
    put_bytes(l, digits + at, NUMBER - at);
}

static void put_line(sc_out *out, struct line *l) {
    l->text[l->len < sizeof l->text ? l->len : sizeof l->text - 1] = 0;
    sc_puts(out, l->text);
}

static void put_use(struct line *l, bool verbose, bool first, const struct row *r) {
    if (verbose) {
        put_number(l, first ? 10 : 11, first ? r->nonpaged_allocs : r->paged_allocs);
        put_number(l, 11, first ? r->nonpaged_frees : r->paged_frees);
    }
    put_number(l, first && !verbose ? 10 : 11, first ? r->nonpaged_used : r->paged_used);
    put_number(l, 13, first ? r->nonpaged_bytes : r->paged_bytes);
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct style *s = ctx;
    const struct sc_tag_owner owner = {
        {r->tag[0], r->tag[1], r->tag[2], r->tag[3], 0}, r->owner, r->binary};
    struct line l = {.len = 0};
    put_text(&l, " ");
    put_text(&l, r->tag);
    put_use(&l, s->verbose, true, r);
    put_use(&l, s->verbose, false, r);
    put_text(&l, "\t");
    put_line(out, &l);
    sc_tag_owner_used(out, &owner);
}

static void total_text(sc_out *out, const void *record, void *ctx) {
    const struct style *s = ctx;
    struct line l = {.len = 0};
    put_text(&l, "\n TOTAL");
    put_use(&l, s->verbose, true, record);
    put_use(&l, s->verbose, false, record);
    put_text(&l, "\n");
    put_line(out, &l);
}

static void head_text(sc_out *out, uint64_t flags, const struct nt_pooltrack *track) {
    for (unsigned i = 0; i < track->tables && i < 64; i++)
        sc_puts(out, ".");
    sc_printf(out, "\n Sorting by %s\n\n",
              flags & FLAG_NONPAGED ? "NonPaged Pool Consumed"
              : flags & FLAG_PAGED  ? "Paged Pool Consumed"
                                    : "Tag");
    if (flags & FLAG_VERBOSE)
        sc_puts(out,
                "                          NonPaged                                      Paged\n"
                " Tag     Allocs      Frees       Diff         Used     Allocs      Frees"
                "       Diff         Used\n\n");
    else
        sc_puts(out, "               NonPaged                  Paged\n"
                     " Tag     Allocs         Used     Allocs         Used\n\n");
}

/* ---- the order ---- */

/* Tags as texts: the first character counts most. */
static uint64_t tag_key(uint32_t tag) {
    return (tag & 0xff) << 24 | (tag & 0xff00) << 8 | (tag >> 8 & 0xff00) | tag >> 24;
}

/* The largest first, those below 0 last. */
static uint64_t bytes_key(int64_t bytes) { return INT64_MAX - (uint64_t)bytes; }

static sc_err *sort(const struct nt_pooltrack *track, uint64_t flags, sc_arena *arena,
                    struct sc_sort_key **ret) {
    size_t n = track->ntags;
    struct sc_sort_key *keys = sc_arena_array(arena, n ? n : 1, sizeof *keys);
    if (!keys)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct sc_sort_key){tag_key(track->tag[i].tag), i};
    if (!sc_sort_keys(keys, n))
        return sc_err_nomem();
    if (flags & (FLAG_NONPAGED | FLAG_PAGED)) {
        for (size_t i = 0; i < n; i++) {
            const struct nt_tag_use *use = &track->tag[keys[i].index];
            keys[i].key = bytes_key(flags & FLAG_NONPAGED ? use->nonpaged.bytes : use->paged.bytes);
        }
        if (!sc_sort_keys(keys, n))
            return sc_err_nomem();
    }
    *ret = keys;
    return NULL;
}

/* ---- the command ---- */

struct job {
    sc_session *s;
    uint64_t flags, top;
    bool filtered;
    struct nt_tagpattern pattern;
    sc_arena *arena;
};

static struct row row_of(const struct nt_tag_use *u) {
    return (struct row){NULL,
                        u->tag,
                        (int64_t)u->nonpaged.allocs,
                        (int64_t)u->nonpaged.frees,
                        u->nonpaged.used,
                        u->nonpaged.bytes,
                        (int64_t)u->paged.allocs,
                        (int64_t)u->paged.frees,
                        u->paged.used,
                        u->paged.bytes,
                        NULL,
                        NULL};
}

static int64_t plus(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

static void add(struct row *total, const struct row *r) {
    total->nonpaged_allocs = plus(total->nonpaged_allocs, r->nonpaged_allocs);
    total->nonpaged_frees = plus(total->nonpaged_frees, r->nonpaged_frees);
    total->nonpaged_used = plus(total->nonpaged_used, r->nonpaged_used);
    total->nonpaged_bytes = plus(total->nonpaged_bytes, r->nonpaged_bytes);
    total->paged_allocs = plus(total->paged_allocs, r->paged_allocs);
    total->paged_frees = plus(total->paged_frees, r->paged_frees);
    total->paged_used = plus(total->paged_used, r->paged_used);
    total->paged_bytes = plus(total->paged_bytes, r->paged_bytes);
}

static bool is_used(const struct row *r) {
    return r->nonpaged_used || r->nonpaged_bytes || r->paged_used || r->paged_bytes;
}

static sc_err *show(const struct job *j, const struct nt_pooltrack *track) {
    struct style style = {(j->flags & FLAG_VERBOSE) != 0};
    struct sc_sort_key *keys = NULL;
    struct row total = {0};
    uint64_t shown = 0;
    bool known = false;
    sc_err *err = sort(track, j->flags, j->arena, &keys);
    if (err)
        return err;
    head_text(j->s->out, j->flags, track);
    for (size_t i = 0; i < track->ntags; i++) {
        const struct nt_tag_use *use = &track->tag[keys[i].index];
        struct row r = row_of(use);
        struct sc_tag_owner owner;
        if (j->filtered && !nt_tagpattern_fits(&j->pattern, use->tag))
            continue;
        add(&total, &r);
        known = true;
        if (shown >= j->top || (!is_used(&r) && !style.verbose))
            continue;
        sc_tag_owner(use->tag, &owner);
        r.tag = owner.tag;
        r.owner = owner.text;
        r.binary = owner.binary;
        sc_record(j->s->out, &row_type, &r, row_text, &style);
        shown++;
    }
    sc_record(j->s->out, &total_type, &total, total_text, &style);
    if (j->filtered && !known)
        sc_remark(j->s->out, "The kernel has counted nothing under such a tag; small and capital "
                             "letters differ.");
    return NULL;
}

static void remarks(sc_session *s, const struct nt_pooltrack *t) {
    if (t->missing)
        sc_remark(s->out,
                  "The tables of %u processors are not in the dump: all numbers lack what "
                  "these counted.",
                  t->missing);
    if (t->torn)
        sc_remark(s->out, "%" PRIu64 " entries lie in pages that are not in the dump.", t->torn);
    if (t->one_table)
        sc_remark(s->out, "Without the symbol nt!ExPoolTagTables only one processor's table is "
                          "found: numbers are those that it counted.");
    sc_nt_assumed(s, t->assumed);
}

enum { ARG_TOP, ARG_FLAGS, ARG_TAG };

static sc_err *run_poolused(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = args->v;
    struct job j = {.s = s,
                    .flags = v[ARG_FLAGS].given ? v[ARG_FLAGS].num : 0,
                    .top = v[ARG_TOP].given ? v[ARG_TOP].num : UINT64_MAX,
                    .filtered = v[ARG_TAG].given,
                    .arena = args->arena};
    struct nt_pooltrack track;
    struct nt nt;
    if ((j.flags & (FLAG_NONPAGED | FLAG_PAGED)) == (FLAG_NONPAGED | FLAG_PAGED))
        return sc_errf(SC_ERR_ARG, "!poolused: the flags 2 and 4 exclude each other");
    sc_err *err = j.filtered ? sc_tag_operand("!poolused", v[ARG_TAG].text, &j.pattern) : NULL;
    if (!err)
        err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_pooltrack_read(
            &nt, j.flags & FLAG_SESSION ? NT_POOLTRACK_SESSION : NT_POOLTRACK_SYSTEM, &track);
    if (err)
        return err;
    err = show(&j, &track);
    if (!err)
        remarks(s, &track);
    nt_pooltrack_deinit(&track);
    return err;
}

static const struct sc_arg poolused_args[] = {
    [ARG_TOP] = {SC_ARG_OPTION_EXPR, "count", "t", true, "only so many tags, the first ones"},
    [ARG_FLAGS] = {SC_ARG_EXPR, "flags", NULL, true,
                   "1 verbose, 2 by nonpaged pool, 4 by paged pool, 8 the session's"},
    [ARG_TAG] = {SC_ARG_WORD, "tag", NULL, true, "only this one; * and ? as in file names"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_poolused_commands[] = {
    {.name = "!poolused",
     .brief = "show how much pool each tag has in use",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .args = poolused_args,
     .help = "Allocs counts allocations that were not freed, Used their bytes; verbose, Allocs and "
             "Frees count all since the system started, and Diff is what is left.\n"
             "Flags: 1 verbose; 2 sorted by nonpaged pool, 4 by paged pool, else by tag; 8 the "
             "pool of the current session.\n"
             "Behind each tag stands who is known to allocate with it. Any driver may use any "
             "tag: to find the one that does, search the images for it: !for_each_module s -a "
             "@#Base @#End \"Leak\".\n"
             "One dump does not show whether a number grows.",
     .sample = "!poolused /t5 2",
     .run = run_poolused},
    {.name = NULL},
};
