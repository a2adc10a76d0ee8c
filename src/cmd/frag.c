/* SPDX-License-Identifier: MIT */
/*
 * `!frag`: fragmentation of pool.
 *
 *     !frag [flags]
 *
 *     Pool                 Pages     Sparse   Used (Kb)   Free (Kb)  Fragments  Largest
 *     Nonpaged pool         1200        310        4500         300       1700      f80
 *
 * Flags: 1 each free block, 2 who has the blocks on pages with something free. The command is in
 * the debugger's own help with these flags; its output is not published, this is our own.
 */
#include <inttypes.h>

#include "base/sort.h"
#include "cmd/poolshow.h"
#include "cmd/pooltag.h"
#include "cmd/session_impl.h"
#include "nt/poolfrag.h"
#include "nt/pooltag.h"

enum { FLAG_FRAGMENTS = 1, FLAG_TAGS = 2 };

struct row {
    const char *pool;
    uint64_t pages, sparse, used, free, blocks, fragments, largest;
};
static const struct sc_field row_fields[] = {SC_FIELD(struct row, pool, SC_F_STR),
                                             SC_FIELD(struct row, pages, SC_F_U64),
                                             SC_FIELD(struct row, sparse, SC_F_U64),
                                             SC_FIELD(struct row, used, SC_F_U64),
                                             SC_FIELD(struct row, free, SC_F_U64),
                                             SC_FIELD(struct row, blocks, SC_F_U64),
                                             SC_FIELD(struct row, fragments, SC_F_U64),
                                             SC_FIELD(struct row, largest, SC_F_U64),
                                             SC_FIELD_END};
static const struct sc_rectype row_type = {"pool_fragmentation", sizeof(struct row), row_fields};

struct tag_row {
    const char *tag;
    uint64_t allocs, bytes, pages;
};
static const struct sc_field tag_fields[] = {
    SC_FIELD(struct tag_row, tag, SC_F_STR), SC_FIELD(struct tag_row, allocs, SC_F_U64),
    SC_FIELD(struct tag_row, bytes, SC_F_U64), SC_FIELD(struct tag_row, pages, SC_F_U64),
    SC_FIELD_END};
static const struct sc_rectype tag_type = {"tag_on_sparse_pages", sizeof(struct tag_row),
                                           tag_fields};

struct heap_row {
    uint64_t heap;
    const char *pool;
    int64_t reserved, committed, free, lfh_free; /* pages */
};
static const struct sc_field heap_fields[] = {SC_FIELD(struct heap_row, heap, SC_F_ADDR),
                                              SC_FIELD(struct heap_row, pool, SC_F_STR),
                                              SC_FIELD(struct heap_row, reserved, SC_F_NUM),
                                              SC_FIELD(struct heap_row, committed, SC_F_NUM),
                                              SC_FIELD(struct heap_row, free, SC_F_NUM),
                                              SC_FIELD(struct heap_row, lfh_free, SC_F_NUM),
                                              SC_FIELD_END};
static const struct sc_rectype heap_type = {"heap_fragmentation", sizeof(struct heap_row),
                                            heap_fields};

struct job {
    sc_session *s;
    struct sc_pools p;
    struct nt_poolfrag f;
    uint64_t flags;
    sc_arena *arena;
};

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    (void)ctx;
    sc_printf(out,
              "%-16s %10" PRIu64 " %10" PRIu64 " %11" PRIu64 " %11" PRIu64 " %10" PRIu64
              " %8" PRIx64 "\n",
              r->pool, r->pages, r->sparse, r->used / 1024, r->free / 1024, r->fragments,
              r->largest);
}

static void tag_text(sc_out *out, const void *record, void *ctx) {
    const struct tag_row *r = record;
    (void)ctx;
    sc_printf(out, " %-4s %10" PRIu64 " %12" PRIu64 " %10" PRIu64 "\n", r->tag, r->allocs, r->bytes,
              r->pages);
}

static void heap_text(sc_out *out, const void *record, void *ctx) {
    const struct heap_row *r = record;
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF], d[SC_NT_BUF], e[SC_NT_BUF];
    sc_printf(out, "%s %-16s %10s %10s %10s %10s\n",
              sc_nt_ptr_text(r->heap, *(const unsigned *)ctx, e), r->pool,
              sc_nt_num_text(r->reserved, a), sc_nt_num_text(r->committed, b),
              sc_nt_num_text(r->free, c), sc_nt_num_text(r->lfh_free, d));
}

/* ---- pages of headers ---- */

static bool show_fragment(void *ctx, const struct nt_pool_block *block) {
    struct job *j = ctx;
    sc_show_pool_block(j->s, block, false, false);
    return !sc_out_failed(j->s->out);
}

/* Those that keep most pages first. */
static sc_err *show_tags(struct job *j) {
    size_t n = j->f.tags.count;
    struct sc_sort_key *keys = sc_arena_array(j->arena, n ? n : 1, sizeof *keys);
    char buf[NT_TAG_TEXT];
    if (!keys)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct sc_sort_key){UINT64_MAX - j->f.tags.item[i].pages, i};
    if (!sc_sort_keys(keys, n))
        return sc_err_nomem();
    sc_puts(j->s->out, "\nBlocks on pages with something free:\n"
                       " Tag      Allocs         Used      Pages\n");
    for (size_t i = 0; i < n && !sc_out_failed(j->s->out); i++) {
        const struct nt_frag_tag *t = &j->f.tags.item[keys[i].index];
        struct tag_row r = {nt_tag_text(t->tag, buf), t->allocs, t->bytes, t->pages};
        sc_record(j->s->out, &tag_type, &r, tag_text, NULL);
    }
    if (j->f.tags_missed)
        sc_remark(j->s->out, "There are more tags than %d.", NT_FRAG_TAGS_MAX);
    return NULL;
}

static void show_regions(struct job *j) {
    if (j->flags & FLAG_FRAGMENTS)
        sc_puts(j->s->out, "\n");
    sc_printf(j->s->out, "%-16s %10s %10s %11s %11s %10s %8s\n", "Pool", "Pages", "Sparse",
              "Used (Kb)", "Free (Kb)", "Fragments", "Largest");
    for (unsigned i = 0; i < NT_FRAG_REGIONS; i++) {
        const struct nt_frag_region *r = &j->f.region[i];
        struct row row = {nt_pool_region_name(i), r->pages,  r->sparse, r->used, r->free, r->blocks,
                          r->fragments,           r->largest};
        if (r->pages)
            sc_record(j->s->out, &row_type, &row, row_text, NULL);
    }
}

static sc_err *show_pages(struct job *j) {
    uint64_t pages = 0;
    sc_err *err =
        nt_poolfrag_scan(&j->p.pool, j->flags & FLAG_FRAGMENTS ? show_fragment : NULL, j, &j->f);
    for (unsigned i = 0; i < NT_FRAG_REGIONS; i++)
        pages += j->f.region[i].pages;
    if (!err && !pages)
        err = sc_errf(
            SC_ERR_NOT_FOUND, "!frag: no page of small blocks (nt!_POOL_HEADER) is in the dump%s",
            j->f.everywhere ? ", and where the pools are (nt!MmNonPagedPoolStart) is not known"
                            : "");
    if (err)
        return err;
    show_regions(j);
    if (j->flags & FLAG_TAGS)
        err = show_tags(j);
    if (!err && j->f.everywhere)
        sc_remark(j->s->out, "Where the pools are is not known: all kernel memory was looked at.");
    return err;
}

/* ---- segment heaps ---- */

static sc_err *show_heaps(struct job *j) {
    unsigned ptr_size = j->p.nt.ptr_size;
    int width = (int)ptr_size * 2;
    if (!j->p.has_heap)
        return sc_errf(SC_ERR_NOT_FOUND, "!frag: %s",
                       j->p.heap_why ? sc_err_text(j->p.heap_why)
                                     : "the pool's heaps (nt!ExPoolState) were not found");
    sc_printf(j->s->out, "%-*s %-16s %10s %10s %10s %10s\n", width, "Heap", "Pool", "Reserved",
              "Committed", "Free", "LFH free");
    for (size_t i = 0; i < j->p.heap.nheaps && !sc_out_failed(j->s->out); i++) {
        struct nt_frag_heap h;
        sc_err *err = nt_frag_heap_read(&j->p.heap, i, &h);
        if (err)
            return err;
        struct heap_row r = {h.address,
                             nt_pool_region_name(h.region),
                             sc_nt_num(&h.reserved),
                             sc_nt_num(&h.committed),
                             sc_nt_num(&h.free),
                             sc_nt_num(&h.lfh_free)};
        sc_record(j->s->out, &heap_type, &r, heap_text, &ptr_size);
    }
    if (j->flags)
        sc_remark(j->s->out, "Flags have no effect: since Windows 10 19H1 free blocks lie in heaps "
                             "(nt!_SEGMENT_HEAP), whose own statistics these are.");
    return NULL;
}

static sc_err *run_frag(sc_session *s, const struct sc_args *args) {
    struct job j = {.s = s, .arena = args->arena};
    j.flags = args->v[0].given ? args->v[0].num : 0;
    sc_err *err = sc_pools_open(s, &j.p);
    if (!err)
        err = j.p.pool.segments ? show_heaps(&j) : show_pages(&j);
    nt_poolfrag_deinit(&j.f);
    sc_pools_close(&j.p);
    return err;
}

static const struct sc_arg frag_args[] = {
    {SC_ARG_EXPR, "flags", NULL, true, "1 each free block, 2 who has blocks on such pages"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_frag_commands[] = {
    {.name = "!frag",
     .brief = "show how fragmented the pools are",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .args = frag_args,
     .help = "Counts what is free on pages that small blocks share: `Sparse` pages have something "
             "free, `Largest` is the largest free block in hexadecimal. Only pages that are in the "
             "dump and whose headers are sound count.\n"
             "Flags: 1 lists each free block as `!pool` does; 2 the tags of blocks in use on pages "
             "with something free, those that keep most pages first.\n"
             "Since Windows 10 19H1 the pool is made of heaps: their own statistics are shown, in "
             "pages.",
     .sample = "!frag",
     .run = run_frag},
    {.name = NULL},
};
