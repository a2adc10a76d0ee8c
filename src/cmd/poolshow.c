/* SPDX-License-Identifier: MIT */
/* Blocks of pool in output, as published sessions show them. */
#include "cmd/poolshow.h"

#include <inttypes.h>
#include <stdio.h>

#include "cmd/kernel.h"
#include "cmd/pooltag.h"
#include "cmd/session_impl.h"

/* NOT_FOUND is kept for who needs the part; anything else is an error now. */
static sc_err *keep(sc_err *err, bool *ret_has, sc_err **ret_why) {
    *ret_has = !err;
    if (!err || sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        return err;
    *ret_why = err;
    return NULL;
}

sc_err *sc_pools_open(sc_session *s, struct sc_pools *p) {
    *p = (struct sc_pools){.has_big = false};
    sc_err *err = sc_session_nt(s, &p->nt);
    if (!err)
        err = nt_pool_open(&p->nt, &p->pool);
    if (!err)
        err = keep(nt_bigpool_open(&p->pool, &p->big), &p->has_big, &p->big_why);
    if (!err && p->pool.segments)
        err = keep(nt_segheap_open(&p->pool, &p->heap), &p->has_heap, &p->heap_why);
    return err;
}

void sc_pools_close(struct sc_pools *p) {
    sc_err_destroy(p->big_why);
    sc_err_destroy(p->heap_why);
    p->big_why = p->heap_why = NULL;
}

/* ---- small blocks ---- */

struct block {
    uint64_t address, size, previous, process;
    bool allocated, protected, marked;
    const char *tag, *region, *owner, *binary;
};
static const struct sc_field block_fields[] = {
    SC_FIELD(struct block, address, SC_F_ADDR),   SC_FIELD(struct block, size, SC_F_HEX64),
    SC_FIELD(struct block, previous, SC_F_HEX64), SC_FIELD(struct block, allocated, SC_F_BOOL),
    SC_FIELD(struct block, protected, SC_F_BOOL), SC_FIELD(struct block, tag, SC_F_STR),
    SC_FIELD(struct block, process, SC_F_ADDR),   SC_FIELD(struct block, region, SC_F_STR),
    SC_FIELD(struct block, marked, SC_F_BOOL),    SC_FIELD(struct block, owner, SC_F_STR),
    SC_FIELD(struct block, binary, SC_F_STR),     SC_FIELD_END};
static const struct sc_rectype block_type = {"pool_block", sizeof(struct block), block_fields};

struct style {
    unsigned digits;
    bool owner;
    const struct sc_tag_owner *who;
};

static void block_text(sc_out *out, const void *record, void *ctx) {
    const struct block *r = record;
    const struct style *s = ctx;
    sc_printf(out, "%s%0*" PRIx64 " size: %4" PRIx64 " previous size: %4" PRIx64 "  %s%s%s",
              r->marked ? "*" : " ", (int)s->digits, r->address, r->size, r->previous,
              r->allocated ? "(Allocated) " : "(Free)      ", r->marked ? "*" : " ", r->tag);
    if (r->protected)
        sc_puts(out, " (Protected)");
    if (r->process != SC_UNSET64)
        sc_printf(out, " Process: %0*" PRIx64, (int)s->digits, r->process);
    sc_puts(out, "\n");
    if (s->owner)
        sc_tag_owner_line(out, s->who);
}

void sc_show_pool_block(sc_session *s, const struct nt_pool_block *b, bool marked, bool owner) {
    struct sc_tag_owner who;
    sc_tag_owner(b->tag, &who);
    struct style style = {sc_session_ptr_size(s) * 2, owner, &who};
    struct block r = {.address = b->address,
                      .size = b->size,
                      .previous = b->previous,
                      .process = b->process ? b->process : SC_UNSET64,
                      .allocated = b->allocated,
                      .protected = b->protect,
                      .marked = marked,
                      .tag = who.tag,
                      .region = nt_pool_region_name(b->region),
                      .owner = who.text,
                      .binary = who.binary};
    sc_record(s->out, &block_type, &r, block_text, &style);
}

/* ---- large ones, and what a search found ---- */

struct found {
    uint64_t address, size;
    const char *tag, *region, *owner, *binary;
    bool allocated;
};
static const struct sc_field found_fields[] = {
    SC_FIELD(struct found, address, SC_F_ADDR),   SC_FIELD(struct found, size, SC_F_HEX64),
    SC_FIELD(struct found, allocated, SC_F_BOOL), SC_FIELD(struct found, tag, SC_F_STR),
    SC_FIELD(struct found, region, SC_F_STR),     SC_FIELD(struct found, owner, SC_F_STR),
    SC_FIELD(struct found, binary, SC_F_STR),     SC_FIELD_END};
static const struct sc_rectype big_type = {"pool_large", sizeof(struct found), found_fields};
static const struct sc_rectype found_type = {"pool_found", sizeof(struct found), found_fields};

static void big_text(sc_out *out, const void *record, void *ctx) {
    const struct found *r = record;
    const struct style *s = ctx;
    sc_printf(out,
              "*%0*" PRIx64 " : large page allocation, tag is %s, size is 0x%" PRIx64 " bytes\n",
              (int)s->digits, r->address, r->tag, r->size);
    if (s->owner)
        sc_tag_owner_line(out, s->who);
}

void sc_show_big_block(sc_session *s, const struct nt_big_block *b, bool owner) {
    struct sc_tag_owner who;
    sc_tag_owner(b->tag, &who);
    struct style style = {sc_session_ptr_size(s) * 2, owner, &who};
    struct found r = {b->address, b->size,    who.tag, nt_pool_region_name(b->region),
                      who.text,   who.binary, true};
    sc_record(s->out, &big_type, &r, big_text, &style);
}

static void found_text(sc_out *out, const void *record, void *ctx) {
    const struct found *r = record;
    const struct style *s = ctx;
    char size[24];
    snprintf(size, sizeof size, "0x%" PRIx64, r->size);
    sc_printf(out, "%0*" PRIx64 " : tag %s, size %9s, %s%s\n", (int)s->digits, r->address, r->tag,
              r->size ? size : "0", r->region, r->allocated ? "" : " (Free)");
}

void sc_show_pool_found(sc_session *s, uint64_t address, uint32_t tag, uint64_t size,
                        enum nt_pool_region region, bool allocated) {
    struct sc_tag_owner who;
    sc_tag_owner(tag, &who);
    struct style style = {sc_session_ptr_size(s) * 2, false, &who};
    struct found r = {address,  size,       who.tag,  nt_pool_region_name(region),
                      who.text, who.binary, allocated};
    sc_record(s->out, &found_type, &r, found_text, &style);
}
