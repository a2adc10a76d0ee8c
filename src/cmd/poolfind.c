/* SPDX-License-Identifier: MIT */
/*
 * `!poolfind`: all blocks of pool with a tag.
 *
 *     !poolfind tag [type] [-paged] [-nonpaged] [-session] [-small] [-large] [-tag "AB C"]
 *               [-x "command"]
 *
 * Types: 0 nonpaged (what is meant when nothing is said), 1 paged, 4 session pool; special pool,
 * 2, is refused. XP and Server 2003 are shown as the documentation has them, later ones as
 * debuggers since then. With -x a command is run for each block, in which @$extret is the block's
 * address.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/kernel.h"
#include "cmd/poolshow.h"
#include "cmd/pooltag.h"
#include "cmd/session_impl.h"
#include "nt/poolscan.h"

enum {
    ARG_PAGED,
    ARG_NONPAGED,
    ARG_SESSION,
    ARG_SMALL,
    ARG_LARGE,
    ARG_X,
    ARG_TAG_OPTION,
    ARG_TAG,
    ARG_TYPE
};

#define BIG_TABLE "Scanning large pool allocation table"
enum { WANT_NONPAGED = 1, WANT_PAGED = 2, WANT_SESSION = 4 };

struct job {
    sc_session *s;
    struct sc_pools p;
    struct nt_tagpattern pattern;
    const char *text; /* the tag as typed */
    unsigned want;
    const char *command; /* -x; NULL */
    sc_arena *arena;
    uint64_t found;
    bool old; /* the documentation's form */
    sc_err *err;
};

static bool is_wanted(const struct job *j, enum nt_pool_region region) {
    switch (region) {
    case NT_REGION_NONPAGED: return j->want & WANT_NONPAGED;
    case NT_REGION_PAGED: return j->want & WANT_PAGED;
    case NT_REGION_SESSION: return j->want & WANT_SESSION;
    case NT_REGION_SPECIAL: return false;
    default: return true;
    }
}

/* The command with @$extret replaced by ADDRESS, run. */
static void run_command(struct job *j, uint64_t address) {
    static const char name[] = "@$extret";
    const char *text = "", *p = j->command;
    for (const char *at; p && (at = strstr(p, name)) != NULL; p = at + sizeof name - 1) {
        text = sc_arena_printf(j->arena, "%s%.*s0x%" PRIx64, text, (int)(at - p), p, address);
        if (!text)
            break;
    }
    if (text)
        text = sc_arena_printf(j->arena, "%s%s", text, p);
    if (!text) {
        j->err = sc_err_nomem();
        return;
    }
    sc_session_run_nested(j->s, text);
}

static bool go_on(const struct job *j) { return !j->err && !sc_out_failed(j->s->out); }

/* What is shown is what the allocation's owner has: behind the header. */
static bool small_block(void *ctx, const struct nt_pool_block *b) {
    struct job *j = ctx;
    unsigned header = j->p.pool.header;
    enum nt_pool_region region = nt_pool_region_at(&j->p.pool, b->address);
    if (region == NT_REGION_UNKNOWN || region == NT_REGION_SESSION)
        region = region == NT_REGION_UNKNOWN ? b->region : region;
    if (!is_wanted(j, region))
        return true;
    j->found++;
    if (j->old)
        sc_show_pool_block(j->s, b, false, false);
    else
        sc_show_pool_found(j->s, b->address + header, b->tag, b->size - header, region,
                           b->allocated);
    if (j->command && b->allocated)
        run_command(j, b->address + header);
    return go_on(j);
}

static bool large_block(void *ctx, const struct nt_big_block *b) {
    struct job *j = ctx;
    if (!nt_tagpattern_fits(&j->pattern, b->tag) || !is_wanted(j, b->region))
        return true;
    j->found++;
    if (j->old)
        sc_show_big_block(j->s, b, false);
    else
        sc_show_pool_found(j->s, b->address, b->tag, b->size, b->region, true);
    if (j->command)
        run_command(j, b->address);
    return go_on(j);
}

/* What is searched, and for what. */
struct search {
    const char *what, *tag;
    uint64_t tag_value, start, end; /* tag_value: of a tag without wildcards */
};
static const struct sc_field search_fields[] = {
    SC_FIELD(struct search, what, SC_F_STR),        SC_FIELD(struct search, tag, SC_F_STR),
    SC_FIELD(struct search, tag_value, SC_F_HEX64), SC_FIELD(struct search, start, SC_F_ADDR),
    SC_FIELD(struct search, end, SC_F_ADDR),        SC_FIELD_END};
static const struct sc_rectype search_type = {"pool_search", sizeof(struct search), search_fields};

/* "Tag: SeSd", "tag 0x636f7250 (Proc)" */
static void name_tag(const struct job *j) {
    char tag[NT_TAG_TEXT];
    nt_tag_text(j->pattern.mask == 0x7fffffff ? j->pattern.value : 0, tag);
    if (j->old)
        sc_printf(j->s->out, "Tag: %s", j->text);
    else if (j->pattern.mask == 0x7fffffff)
        sc_printf(j->s->out, "tag 0x%08x (%s)", j->pattern.value, tag);
    else
        sc_printf(j->s->out, "tag %s", j->text);
}

static void search_text(sc_out *out, const void *record, void *ctx) {
    const struct search *r = record;
    const struct job *j = ctx;
    int digits = (int)j->p.nt.ptr_size * 2;
    bool large = !strcmp(r->what, BIG_TABLE);
    sc_printf(out, "\n%s", r->what);
    if (large) {
        sc_puts(out, " for ");
        name_tag(j);
    }
    sc_printf(out, " (%0*" PRIx64 " : %0*" PRIx64 ")", digits, r->start, digits, r->end);
    if (!large) {
        sc_puts(out, " for ");
        name_tag(j);
    }
    sc_puts(out, "\n\n");
}

static void say_search(struct job *j, const char *what, uint64_t start, uint64_t end) {
    bool one = j->pattern.mask == 0x7fffffff;
    const struct search r = {what, j->text, one ? j->pattern.value : SC_UNSET64, start, end};
    sc_record(j->s->out, &search_type, &r, search_text, j);
}

static sc_err *find_large(struct job *j) {
    if (!j->p.has_big) {
        sc_remark(j->s->out, "Large allocations were not looked at: %s.",
                  sc_err_text(j->p.big_why));
        return NULL;
    }
    uint64_t end = j->p.big.table + j->p.big.count * j->p.big.entry;
    say_search(j, BIG_TABLE, j->p.big.table, end);
    sc_err *err = nt_bigpool_each(&j->p.big, large_block, j);
    if (!err && j->p.big.torn)
        sc_remark(j->s->out, "%" PRIu64 " entries of the table are not in the dump.",
                  j->p.big.torn);
    return err;
}

static sc_err *find_in(struct job *j, const char *what, uint64_t start, uint64_t end) {
    struct nt_poolscan scan = {
        .pool = &j->p.pool, .pattern = j->pattern, .start = start, .end = end};
    say_search(j, what, start, end);
    sc_err *err = nt_poolscan_run(&scan, small_block, j);
    if (!err && scan.unsound && j->pattern.mask) /* a lone * stands in any place */
        sc_remark(j->s->out, "At %" PRIu64 " more places the tag stands in no sound header.",
                  scan.unsound);
    return err;
}

/* Where the kernel says its pools are, else in all of its memory. */
static sc_err *find_small(struct job *j) {
    const struct nt_pool *pool = &j->p.pool;
    sc_err *err = NULL;
    bool any = false;
    for (size_t i = 0; !err && go_on(j) && i < pool->nranges; i++) {
        const struct nt_pool_range *r = &pool->range[i];
        if (!is_wanted(j, r->region))
            continue;
        const char *what = r->region == NT_REGION_NONPAGED ? "nonpaged pool"
                           : r->region == NT_REGION_PAGED  ? "paged pool"
                                                           : "session pool";
        const char *old = r->region == NT_REGION_NONPAGED ? "Searching NonPaged pool"
                          : r->region == NT_REGION_PAGED  ? "Searching Paged pool"
                                                          : "Searching session pool";
        const char *text = sc_arena_printf(j->arena, "Searching %s", what);
        if (!text)
            return sc_err_nomem();
        err = find_in(j, j->old ? old : text, r->start, r->start + r->size);
        any = true;
    }
    if (err || any || !go_on(j))
        return err;
    uint64_t low = pool->nt->ptr_size == 4 ? 0x80000000u : 0xffff800000000000u;
    return find_in(j, "Searching all kernel memory", low,
                   pool->nt->ptr_size == 4 ? 0x100000000u : UINT64_MAX);
}

static sc_err *type_of(uint64_t type, unsigned *ret) {
    switch (type) {
    case 0: *ret = WANT_NONPAGED; return NULL;
    case 1: *ret = WANT_PAGED; return NULL;
    case 4: *ret = WANT_SESSION; return NULL;
    case 2:
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "!poolfind: special pool (2) is not searched: its blocks have a page each, "
                       "and what stands in it beside the tag is not documented");
    default:
        return sc_errf(SC_ERR_ARG,
                       "!poolfind: %" PRIx64 " is no type of pool: 0 nonpaged, 1 paged, 4 session",
                       type);
    }
}

/* Behind -tag the first word is the type. */
static sc_err *want_of(sc_session *s, const struct sc_val *v, unsigned *ret) {
    uint64_t type = v[ARG_TYPE].num;
    unsigned want = (v[ARG_PAGED].given ? WANT_PAGED : 0) |
                    (v[ARG_NONPAGED].given ? WANT_NONPAGED : 0) |
                    (v[ARG_SESSION].given ? WANT_SESSION : 0);
    bool word = v[ARG_TAG_OPTION].given && v[ARG_TAG].given, given = v[ARG_TYPE].given || word;
    sc_err *err = NULL;
    if (word && v[ARG_TYPE].given)
        return sc_errf(SC_ERR_ARG, "!poolfind: which tag, \"%s\" or \"%s\"?",
                       v[ARG_TAG_OPTION].text, v[ARG_TAG].text);
    if (word)
        err = sc_session_eval(s, v[ARG_TAG].text, &type);
    unsigned typed = 0;
    if (!err && given)
        err = type_of(type, &typed);
    if (!err)
        *ret = want | typed ? want | typed : WANT_NONPAGED;
    return err;
}

static sc_err *find(struct job *j, const struct sc_val *v) {
    bool small = v[ARG_SMALL].given || !v[ARG_LARGE].given;
    bool large = v[ARG_LARGE].given || !v[ARG_SMALL].given;
    sc_err *err = large ? find_large(j) : NULL;
    if (!err && small && go_on(j))
        err = find_small(j);
    if (!err && j->err) {
        err = j->err;
        j->err = NULL;
    }
    if (!err && !j->found)
        sc_remark(j->s->out, "No block with this tag is in the dump.");
    return err;
}

static sc_err *run_poolfind(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = args->v;
    const char *tag = v[ARG_TAG_OPTION].given ? v[ARG_TAG_OPTION].text : v[ARG_TAG].text;
    struct job j = {.s = s, .text = tag, .command = v[ARG_X].text, .arena = args->arena};
    if (!tag)
        return sc_errf(SC_ERR_ARG, "!poolfind: which tag? !poolfind Proc, !poolfind -tag \"AB C\"");
    sc_err *err = sc_tag_operand("!poolfind", tag, &j.pattern);
    if (!err)
        err = want_of(s, v, &j.want);
    if (!err)
        err = sc_pools_open(s, &j.p);
    j.old = j.p.nt.build < 6000;
    if (!err)
        err = find(&j, v);
    sc_err_destroy(j.err);
    sc_pools_close(&j.p);
    return err;
}

static const struct sc_arg poolfind_args[] = {
    [ARG_PAGED] = {SC_ARG_OPTION, "-paged", "paged", true, "in paged pool"},
    [ARG_NONPAGED] = {SC_ARG_OPTION, "-nonpaged", "nonpaged", true, "in nonpaged pool"},
    [ARG_SESSION] = {SC_ARG_OPTION, "-session", "session", true, "in session pool"},
    [ARG_SMALL] = {SC_ARG_OPTION, "-small", "small", true, "small blocks only"},
    [ARG_LARGE] = {SC_ARG_OPTION, "-large", "large", true, "large allocations only"},
    [ARG_X] = {SC_ARG_OPTION_WORD, "command", "x", true, "run for each block; @$extret is it"},
    [ARG_TAG_OPTION] = {SC_ARG_OPTION_WORD, "tag", "tag", true, "with blanks in it"},
    [ARG_TAG] = {SC_ARG_WORD, "tag", NULL, true, "four characters, * and ?, or 0x and a number"},
    [ARG_TYPE] = {SC_ARG_EXPR, "type", NULL, true, "0 nonpaged, 1 paged, 4 session"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_poolfind_commands[] = {
    {.name = "!poolfind",
     .brief = "find all blocks of pool that have a tag",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "s searches the memory of a process",
     .args = poolfind_args,
     .help = "Addresses and sizes are those of what is behind the header. Small blocks are looked "
             "for in all memory of the pool that is in the dump: a place that has the tag counts "
             "when its header is possible and fits its neighbour's.\n"
             "Without a type, nonpaged pool; special pool (2) is not searched. -x \"command\" runs "
             "a command for each block: "
             "!poolfind -x \"dt nt!_MDL @$extret\" Mdl.",
     .sample = "!poolfind -large Leak",
     .run = run_poolfind},
    {.name = NULL},
};
