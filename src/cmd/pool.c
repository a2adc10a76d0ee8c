/* SPDX-License-Identifier: MIT */
/*
 * `!pool`: the blocks of the page that an address lies in. `!poolval`: is that page sound?
 *
 *     !pool address [flags]         1 with what is in the blocks, 2 only the block itself,
 *                                   80000000 without region and owner of the tag
 *     !poolval address [level]      1 which block leads to which, 2 the headers, too, 3 all that
 *                                   is in them
 *
 * Until 1809 the headers of a page lead from one to the next; since 19H1 the segment heaps say
 * where blocks are. Large allocations are in a table.
 */
#include <inttypes.h>

#include "cmd/kernel.h"
#include "cmd/poolshow.h"
#include "cmd/pooltag.h"
#include "cmd/session_impl.h"

enum { FLAG_CONTENT = 1, FLAG_ONE = 2 };
#define FLAG_QUIET 0x80000000u

struct job {
    sc_session *s;
    struct sc_pools p;
    uint64_t address, flags;
    size_t shown;
    bool found; /* the block that holds the address */
    struct nt_pool_page *page;
};

/* ---- blocks ---- */

/* The first bytes of what is in a block: two lines, as the documentation shows them. */
static void show_content(const struct job *j, const struct nt_pool_block *b) {
    uint32_t words[8];
    char pad[] = "    ";
    size_t got = 0;
    uint64_t at = b->address + j->p.pool.header;
    sc_space_read(j->p.nt.space, at, words, sizeof words, &got);
    for (size_t row = 0; row * 16 + 16 <= got; row++) {
        sc_puts(j->s->out, row ? pad : " ");
        sc_printf(j->s->out, "%0*" PRIx64 " ", (int)j->p.nt.ptr_size * 2, at + row * 16);
        for (unsigned i = 0; i < 4; i++) {
            const uint8_t *w = (const uint8_t *)&words[row * 4 + i];
            sc_printf(j->s->out, " %02x%02x%02x%02x", w[3], w[2], w[1], w[0]);
        }
        sc_puts(j->s->out, "\n");
    }
    sc_puts(j->s->out, "\n");
}

static void show_block(struct job *j, const struct nt_pool_block *b) {
    bool it = j->address - b->address < b->size;
    j->found |= it;
    if ((j->flags & FLAG_ONE) && !it)
        return;
    sc_show_pool_block(j->s, b, it, it && !(j->flags & FLAG_QUIET));
    if (j->flags & FLAG_CONTENT)
        show_content(j, b);
    j->shown++;
}

/* Blocks of the page alone, of a heap's range that may be long. */
static bool heap_block(void *ctx, const struct nt_pool_block *b) {
    struct job *j = ctx;
    uint64_t page = j->address & ~(uint64_t)(NT_POOL_PAGE - 1);
    if (b->address + b->size <= page)
        return true;
    if (b->address >= page + NT_POOL_PAGE)
        return false;
    show_block(j, b);
    return true;
}

/* ---- where it is ---- */

static enum nt_pool_region region_of(const struct job *j, const struct nt_seg_range *range) {
    enum nt_pool_region region = nt_pool_region_at(&j->p.pool, j->address);
    if (region == NT_REGION_UNKNOWN && range)
        region = range->region;
    for (size_t i = 0; region == NT_REGION_UNKNOWN && i < j->page->count; i++)
        if (j->page->fault == NT_POOL_FINE)
            region = j->page->block[i].region;
    return region;
}

static void head(const struct job *j, enum nt_pool_region region) {
    if (!(j->flags & FLAG_QUIET))
        sc_printf(j->s->out, "Pool page %0*" PRIx64 " region is %s\n", (int)j->p.nt.ptr_size * 2,
                  j->address, nt_pool_region_name(region));
}

/* A large allocation; *RET_FOUND false when it is none, which is said. */
static sc_err *show_big(struct job *j, bool *ret_found) {
    int digits = (int)j->p.nt.ptr_size * 2;
    struct nt_big_block b;
    *ret_found = false;
    sc_err *err = j->p.has_big ? nt_bigpool_find(&j->p.big, j->address, &b, ret_found) : NULL;
    if (err)
        return err;
    if (*ret_found) {
        head(j, b.region != NT_REGION_UNKNOWN ? b.region : region_of(j, NULL));
        sc_show_big_block(j->s, &b, !(j->flags & FLAG_QUIET));
        return NULL;
    }
    head(j, region_of(j, NULL));
    if (!j->p.has_big)
        sc_remark(j->s->out, "Large allocations were not looked at: %s.",
                  sc_err_text(j->p.big_why));
    else if (j->p.big.torn)
        sc_remark(j->s->out, "%" PRIu64 " entries of nt!PoolBigPageTable are not in the dump.",
                  j->p.big.torn);
    sc_printf(j->s->out, "%0*" PRIx64 " is not valid pool. Checking for freed (or corrupt) pool\n",
              digits, j->address);
    return NULL;
}

static const char *fault_text(const struct nt_pool_page *page) {
    switch (page->fault) {
    case NT_POOL_ZERO: return "its size is 0";
    case NT_POOL_OVERRUN: return "it would end behind the page";
    case NT_POOL_PREVIOUS: return "the size of the block before is another one";
    default: return "it is not in the dump";
    }
}

static sc_err *not_there(const struct job *j) {
    return sc_errf(SC_ERR_NOT_FOUND,
                   "Address %0*" PRIx64 " could not be read. It may be a freed, invalid or paged "
                   "out page",
                   (int)j->p.nt.ptr_size * 2, j->address);
}

/* What the headers of the page say as far as they can be followed. */
static sc_err *show_page(struct job *j) {
    struct nt_pool_page *page = j->page;
    bool big;
    if (page->fault == NT_POOL_FINE) {
        head(j, region_of(j, NULL));
        for (size_t i = 0; i < page->count; i++)
            show_block(j, &page->block[i]);
        return NULL;
    }
    sc_err *err = show_big(j, &big);
    if (err || big)
        return err;
    if (!page->count)
        return not_there(j);
    for (size_t i = 0; i + 1 < page->count; i++)
        show_block(j, &page->block[i]);
    uint64_t bad = page->fault == NT_POOL_ABSENT
                       ? page->block[page->count - 1].address + page->block[page->count - 1].size
                       : page->block[page->count - 1].address;
    sc_remark(j->s->out,
              "The page is no pool, or damaged: the header at %0*" PRIx64 " is wrong: "
              "%s. !poolval shows more.",
              (int)j->p.nt.ptr_size * 2, bad, fault_text(page));
    return NULL;
}

static sc_err *show_range(struct job *j, const struct nt_seg_range *r) {
    uint64_t bad;
    head(j, region_of(j, r));
    sc_err *err = nt_segheap_blocks(&j->p.heap, r, heap_block, j, &bad);
    if (err)
        return err;
    if (bad)
        sc_remark(j->s->out,
                  "The %s blocks from %016" PRIx64 " on cannot be followed: damaged, or not in the "
                  "dump.",
                  nt_seg_kind_name(r->kind), bad);
    if (r->kind == NT_SEG_FREE)
        sc_remark(j->s->out,
                  "Nothing is allocated there: %" PRIx64 " bytes from %016" PRIx64 " on are free.",
                  r->size, r->start);
    else if (!j->found && !bad)
        sc_remark(j->s->out, "The address lies in what the heap keeps for itself.");
    return NULL;
}

static sc_err *show_segments(struct job *j) {
    struct nt_seg_range range;
    bool found = false, big = false;
    sc_err *err = NULL;
    if (j->p.has_heap)
        err = nt_segheap_range(&j->p.heap, j->address, &range, &found);
    if (!err && found && range.kind != NT_SEG_PAGES)
        return show_range(j, &range);
    if (!err)
        err = show_big(j, &big);
    if (err || big)
        return err;
    if (!j->p.has_heap)
        sc_remark(j->s->out, "Small blocks were not looked at: %s.", sc_err_text(j->p.heap_why));
    uint8_t byte;
    return sc_space_read(j->p.nt.space, j->address, &byte, 1, NULL) == SC_READ_OK ? NULL
                                                                                  : not_there(j);
}

static sc_err *begin(sc_session *s, const struct sc_args *args, struct job *j) {
    *j = (struct job){.s = s,
                      .address = args->v[0].num,
                      .flags = args->v[1].given ? args->v[1].num : 0,
                      .page = sc_arena_alloc(args->arena, sizeof *j->page)};
    sc_err *err = j->page ? sc_pools_open(s, &j->p) : sc_err_nomem();
    if (err)
        return err;
    j->address = sc_space_canon(j->p.nt.space, j->address);
    if (!nt_is_kernel(&j->p.nt, j->address))
        return sc_errf(SC_ERR_ARG, "%s: %" PRIx64 " is no address of the kernel", args->command,
                       j->address);
    nt_pool_page_read(&j->p.pool, j->address, j->page);
    return NULL;
}

static sc_err *run_pool(sc_session *s, const struct sc_args *args) {
    struct job j;
    sc_err *err = begin(s, args, &j);
    if (!err)
        err = j.p.pool.segments ? show_segments(&j) : show_page(&j);
    if (!err)
        sc_nt_assumed(s, (j.p.has_big && j.p.big.assumed) || (j.p.has_heap && j.p.heap.assumed));
    sc_pools_close(&j.p);
    return err;
}

/* ---- !poolval ---- */

struct verdict {
    uint64_t page, address;
    bool valid;
    const char *why;
    uint64_t previous, expected;
    int64_t bit;
};
static const struct sc_field verdict_fields[] = {
    SC_FIELD(struct verdict, page, SC_F_ADDR),      SC_FIELD(struct verdict, valid, SC_F_BOOL),
    SC_FIELD(struct verdict, address, SC_F_ADDR),   SC_FIELD(struct verdict, why, SC_F_STR),
    SC_FIELD(struct verdict, previous, SC_F_HEX64), SC_FIELD(struct verdict, expected, SC_F_HEX64),
    SC_FIELD(struct verdict, bit, SC_F_NUM),        SC_FIELD_END};
static const struct sc_rectype verdict_type = {"pool_page", sizeof(struct verdict), verdict_fields};

struct verdict_style {
    int digits;
    unsigned unit;
    bool previous;
};

static void verdict_text(sc_out *out, const void *record, void *ctx) {
    const struct verdict *r = record;
    const struct verdict_style *s = ctx;
    sc_printf(out, "Pool page [ %0*" PRIx64 " ] is %s.\n\nAnalyzing linked list...\n", s->digits,
              r->page, r->valid ? "VALID" : "INVALID");
    if (s->previous)
        sc_printf(out,
                  "[ %0*" PRIx64 " ]: invalid previous size [ 0x%" PRIx64
                  " ] should be [ 0x%" PRIx64 " ]\n",
                  s->digits, r->address, r->previous / s->unit, r->expected / s->unit);
    else if (!r->valid)
        sc_printf(out, "[ %0*" PRIx64 " ]: %s\n", s->digits, r->address, r->why);
    sc_puts(out, "\n\nScanning for single bit errors...\n\n");
    if (r->bit < 0)
        sc_puts(out, "None found\n");
    else
        sc_printf(out, "[ %0*" PRIx64 " ]: bit %" PRId64 " is wrong\n", s->digits, r->address,
                  r->bit);
}

/*
 * The one bit of the broken header that makes the page sound when it is the other way round; -1:
 * none, or more than one.
 */
static int64_t wrong_bit(const struct job *j) {
    const struct nt_pool_block *b = &j->page->block[j->page->count - 1];
    unsigned n = j->p.pool.unit == 8 ? 9 : 8;
    if (j->page->fault != NT_POOL_PREVIOUS)
        return -1;
    for (unsigned bit = 0; bit < n; bit++)
        if ((b->previous ^ j->p.pool.unit << bit) == j->page->expected)
            return bit;
    return -1;
}

/* Pages of a large allocation have no headers. */
static sc_err *no_large(struct job *j) {
    struct nt_big_block b;
    bool found = false;
    sc_err *err = j->p.has_big ? nt_bigpool_find(&j->p.big, j->address, &b, &found) : NULL;
    if (!err && found)
        err = sc_errf(SC_ERR_ARG,
                      "!poolval: %0*" PRIx64 " lies in a large allocation (%0*" PRIx64 ", !pool "
                      "shows it): its pages have no headers",
                      (int)j->p.nt.ptr_size * 2, j->address, (int)j->p.nt.ptr_size * 2, b.address);
    return err;
}

/* ---- its levels ---- */

struct header {
    uint64_t address, next, size;
    uint32_t previous_size, block_size, pool_type;
    const char *tag;
};
static const struct sc_field header_fields[] = {SC_FIELD(struct header, address, SC_F_ADDR),
                                                SC_FIELD(struct header, next, SC_F_ADDR),
                                                SC_FIELD(struct header, size, SC_F_HEX64),
                                                SC_FIELD(struct header, previous_size, SC_F_HEX32),
                                                SC_FIELD(struct header, block_size, SC_F_HEX32),
                                                SC_FIELD(struct header, pool_type, SC_F_HEX32),
                                                SC_FIELD(struct header, tag, SC_F_STR),
                                                SC_FIELD_END};
static const struct sc_rectype header_type = {"pool_header", sizeof(struct header), header_fields};

struct header_style {
    int digits;
    bool broken; /* the last one leads nowhere when it is the broken one */
};

static void header_text(sc_out *out, const void *record, void *ctx) {
    const struct header *r = record;
    const struct header_style *s = ctx;
    if (s->broken)
        sc_printf(out, "[ %0*" PRIx64 " ]: broken\n", s->digits, r->address);
    else
        sc_printf(out, "[ %0*" PRIx64 " --> %0*" PRIx64 " (size = 0x%" PRIx64 " bytes)]\n",
                  s->digits, r->address, s->digits, r->next, r->size);
}

static void show_link(const struct job *j, const struct nt_pool_block *b, bool broken) {
    struct header_style style = {(int)j->p.nt.ptr_size * 2, broken};
    struct sc_tag_owner who;
    sc_tag_owner(b->tag, &who);
    const struct header r = {.address = b->address,
                             .next = broken ? SC_UNSET64 : nt_add(&j->p.nt, b->address, b->size),
                             .size = b->size,
                             .previous_size = b->previous / j->p.pool.unit,
                             .block_size = b->size / j->p.pool.unit,
                             .pool_type = b->type,
                             .tag = who.tag};
    sc_record(j->s->out, &header_type, &r, header_text, &style);
}

static void show_headers(const struct job *j, bool valid) {
    const struct nt_pool_page *page = j->page;
    sc_out *out = j->s->out;
    const unsigned unit = j->p.pool.unit;
    sc_puts(out, j->flags ? "\n" : "");
    for (size_t i = 0; j->flags && i < page->count; i++)
        show_link(j, &page->block[i], i + 1 == page->count && !valid);
    sc_puts(out, j->flags > 1 ? "\n" : "");
    for (size_t i = 0; j->flags > 1 && i < page->count; i++) {
        const struct nt_pool_block *b = &page->block[i];
        sc_show_pool_block(j->s, b, i + 1 == page->count && !valid, false);
        if (j->flags > 2)
            sc_printf(out, "    PreviousSize 0x%x  BlockSize 0x%x  PoolType 0x%x  PoolTag 0x%08x\n",
                      b->previous / unit, b->size / unit, b->type,
                      b->tag | (b->protect ? 0x80000000u : 0));
    }
}

static sc_err *run_poolval(sc_session *s, const struct sc_args *args) {
    struct job j;
    sc_err *err = begin(s, args, &j);
    const struct nt_pool_page *page = j.page;
    if (!err && j.flags > 3)
        err = sc_errf(SC_ERR_ARG, "!poolval: levels are 0 to 3");
    if (!err && page->fault != NT_POOL_FINE)
        err = no_large(&j);
    if (!err && !page->count)
        err = not_there(&j);
    if (!err && j.p.pool.segments)
        sc_remark(s->out, "Since Windows 10 19H1 blocks do not tell where the next one is: headers "
                          "of a sound page look broken here.");
    if (!err) {
        const struct nt_pool_block *last = &page->block[page->count - 1];
        bool valid = page->fault == NT_POOL_FINE;
        struct verdict_style style = {(int)j.p.nt.ptr_size * 2, j.p.pool.unit,
                                      page->fault == NT_POOL_PREVIOUS};
        struct verdict r = {page->address,
                            valid ? SC_UNSET64 : last->address,
                            valid,
                            valid ? NULL : fault_text(page),
                            style.previous ? last->previous : SC_UNSET64,
                            style.previous ? page->expected : SC_UNSET64,
                            wrong_bit(&j)};
        head(&j, region_of(&j, NULL));
        sc_printf(s->out, "\nValidating Pool headers for pool page: %0*" PRIx64 "\n\n",
                  style.digits, j.address);
        sc_record(s->out, &verdict_type, &r, verdict_text, &style);
        show_headers(&j, valid);
    }
    sc_pools_close(&j.p);
    return err;
}

static const struct sc_arg pool_args[] = {
    {SC_ARG_EXPR, "address", NULL, false, "in pool"},
    {SC_ARG_EXPR, "flags", NULL, true, "1 contents, 2 this block alone, 80000000 short"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg poolval_args[] = {
    {SC_ARG_EXPR, "address", NULL, false, "in a page of pool"},
    {SC_ARG_EXPR, "level", NULL, true, "1 the chain, 2 the headers, too, 3 all in them"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_pool_commands[] = {
    {.name = "!pool",
     .brief = "show the block of pool that an address lies in, and its neighbours",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .args = pool_args,
     .help = "The block that holds the address has an asterisk, and below it who is known to "
             "allocate with its tag. (Free) blocks keep the tag of their last owner, or none.\n"
             "Flags: 1 shows the first bytes of each block; 2 shows this block alone; 80000000 "
             "leaves out region and owner.\n"
             "Until Windows 10 1809 the headers of a page lead from one to the next, and say so "
             "when one is damaged; since 19H1 the heap knows where blocks are, and previous size "
             "is 0.",
     .sample = "!pool fffffa8003100900",
     .run = run_pool},
    {.name = "!poolval",
     .brief = "check the headers of a page of pool",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .args = poolval_args,
     .help = "The header at which the chain breaks is named, and the one bit that would mend it. "
             "The block before a broken header is the one that was overrun.",
     .sample = "!poolval fffffa8003100000",
     .run = run_poolval},
    {.name = NULL},
};
