/* SPDX-License-Identifier: MIT */
/*
 * What a conversion reports, and which memory a small dump needs.
 *
 * Windows takes into a small dump what it thinks will be asked for. Here the questions can be asked
 * before: the commands are run, their output is thrown away, and what they read of the target's
 * memory is what the small dump gets.
 */
#include "cmd/converted.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/vec.h"
#include "mem/space_impl.h"
#include "stopcode/session.h"

/* ---- what is needed ---- */

enum { NEEDED_MAX = 1 << 20, NEAR = 64 };

static const char questions[] = "!analyze -v; .bugcheck; r; kv; !thread; !process -1 0; !pcr; lm";

static void on_read(void *ctx, uint64_t addr, size_t len) {
    struct sc_needed *n = ctx;
    struct sc_range *last = n->count ? &n->item[n->count - 1] : NULL;
    /* Reads go up through structures: what lies next to the one before joins it. */
    if (last && addr >= last->start && addr - last->start <= last->size + NEAR) {
        uint64_t end = addr - last->start + len;
        last->size = end > last->size ? end : last->size;
        return;
    }
    if (n->count == NEEDED_MAX)
        return;
    struct sc_range *slot = SC_VEC_PUSH(n);
    if (!slot)
        n->nomem = true;
    else
        *slot = (struct sc_range){.start = addr, .size = len};
}

static bool swallow(void *ctx, const char *data, size_t len) {
    (void)ctx;
    (void)data;
    (void)len;
    return true;
}

static sc_err *ask(sc_target *target, sc_session *session) {
    sc_session_run(session, questions); /* one that fails here fails on the small dump, too */
    return sc_target_cancelled(target) ? sc_err_cancelled() : NULL;
}

sc_err *sc_needed_find(sc_target *target, bool has_paths, const char *symbols, const char *images,
                       struct sc_needed *ret) {
    struct sc_needed needed = {0};
    sc_session *session = NULL;
    sc_out *out = NULL;
    sc_err *err = sc_out_create(SC_RENDER_TEXT, swallow, NULL, false, &out);
    if (!err)
        err = sc_session_create(target, out, &session);
    if (!err && has_paths)
        err = sc_session_set_paths(session, symbols, images);
    if (!err) {
        sc_space_trace(sc_target_space(target), on_read, &needed);
        err = ask(target, session);
        sc_space_trace(sc_target_space(target), NULL, NULL);
    }
    sc_session_destroy(session);
    sc_out_destroy(out);
    if (!err && needed.nomem)
        err = sc_err_nomem();
    if (err)
        sc_needed_free(&needed);
    else
        *ret = needed;
    return err;
}

void sc_needed_free(struct sc_needed *needed) { SC_VEC_FREE(needed); }

/* ---- the report ---- */

struct change_row {
    uint64_t address, size;
    const char *why;
};
static const struct sc_field change_fields[] = {
    SC_FIELD(struct change_row, address, SC_F_ADDR), SC_FIELD(struct change_row, size, SC_F_HEX64),
    SC_FIELD(struct change_row, why, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype change_type = {"changed_memory", sizeof(struct change_row),
                                              change_fields};

struct result_row {
    const char *file, *kind;
    uint64_t pages, left_out, left_out_unknown, bytes;
};
static const struct sc_field result_fields[] = {
    SC_FIELD(struct result_row, file, SC_F_STR),
    SC_FIELD(struct result_row, kind, SC_F_STR),
    SC_FIELD(struct result_row, pages, SC_F_U64),
    SC_FIELD(struct result_row, left_out, SC_F_U64),
    SC_FIELD(struct result_row, left_out_unknown, SC_F_U64),
    SC_FIELD(struct result_row, bytes, SC_F_U64),
    SC_FIELD_END};
static const struct sc_rectype result_type = {"conversion", sizeof(struct result_row),
                                              result_fields};

static const struct sc_field unused_fields[] = {
    SC_FIELD(struct sc_convert_unused, zeroed, SC_F_U64),
    SC_FIELD(struct sc_convert_unused, free, SC_F_U64),
    SC_FIELD(struct sc_convert_unused, standby, SC_F_U64),
    SC_FIELD(struct sc_convert_unused, bad, SC_F_U64),
    SC_FIELD(struct sc_convert_unused, undescribed, SC_F_U64),
    SC_FIELD(struct sc_convert_unused, mapped, SC_F_U64),
    SC_FIELD_END};
static const struct sc_rectype unused_type = {"unused_pages", sizeof(struct sc_convert_unused),
                                              unused_fields};

static void change_text(sc_out *out, const void *record, void *ctx) {
    const struct change_row *r = record;
    char buf[SC_ADDR_BUF];
    sc_printf(out, "  %s L%" PRIx64 "  %s\n", sc_addr_text(r->address, *(unsigned *)ctx, buf),
              r->size, r->why);
}

static const char *describe(enum sc_convert_to to) {
    static const char *const name[SC_CONVERT_KINDS] = {
        [SC_CONVERT_FULL] = "complete memory dump",
        [SC_CONVERT_BITMAP] = "complete memory dump with a bitmap",
        [SC_CONVERT_KERNEL] = "kernel memory dump",
        [SC_CONVERT_TRIAGE] = "small memory dump",
        [SC_CONVERT_ELF] = "ELF core",
        [SC_CONVERT_RAW] = "raw memory",
    };
    return (unsigned)to < SC_CONVERT_KINDS ? name[to] : "dump";
}

static void result_text(sc_out *out, const void *record, void *ctx) {
    const struct result_row *r = record;
    const struct sc_convert_opts *opts = ctx;
    enum sc_convert_to to = opts->to;
    bool active = opts->active_only && to == SC_CONVERT_BITMAP;
    sc_printf(out, "%s: %s, %" PRIu64 " bytes", r->file,
              active ? "active memory dump" : describe(to), r->bytes);
    if (to != SC_CONVERT_TRIAGE)
        sc_printf(out, ", %" PRIu64 " pages of memory", r->pages);
    sc_puts(out, "\n");
    if (r->left_out && r->left_out_unknown)
        sc_printf(out,
                  "Left out: %" PRIu64 " pages, %" PRIu64 " of them in no use that is known "
                  "(mostly free ones).\n",
                  r->left_out, r->left_out_unknown);
    else if (r->left_out)
        sc_printf(out, "Left out: %" PRIu64 " pages.\n", r->left_out);
}

static void unused_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_convert_unused *n = record;
    (void)ctx;
    sc_printf(out,
              "Not in use: %" PRIu64 " zeroed, %" PRIu64 " free, %" PRIu64 " on standby, %" PRIu64
              " bad.\n",
              n->zeroed, n->free, n->standby, n->bad);
    if (n->undescribed)
        sc_printf(out, "Kept: %" PRIu64 " pages that the PFN database does not describe.\n",
                  n->undescribed);
    if (n->mapped)
        sc_printf(out,
                  "Kept: %" PRIu64 " pages that page tables map although the PFN database has them "
                  "on such a list.\n",
                  n->mapped);
}

void sc_converted_report(sc_out *out, const char *file, const struct sc_convert_opts *opts,
                         const struct sc_convert_result *result, unsigned ptr_size) {
    struct result_row row = {.file = file,
                             .kind = sc_convert_name(opts->to),
                             .pages = result->pages,
                             .left_out = result->left_out,
                             .left_out_unknown = result->left_out_unknown,
                             .bytes = result->bytes};
    struct sc_convert_opts how = *opts;
    sc_record(out, &result_type, &row, result_text, &how);
    if (opts->active_only)
        sc_record(out, &unused_type, &result->unused, unused_text, NULL);
    if (result->nchanges)
        sc_printf(out, "Changed in memory (physical addresses), otherwise every byte is kept:\n");
    for (size_t i = 0; i < result->nchanges; i++) {
        const struct sc_convert_change *c = &result->change[i];
        struct change_row change = {c->pa, c->size, c->why};
        unsigned width = c->pa + c->size > UINT32_MAX ? 8 : ptr_size;
        sc_record(out, &change_type, &change, change_text, &width);
    }
}
