/* SPDX-License-Identifier: MIT */
/*
 * `!chkimg`: an image in memory against its file (nt/imagediff.h).
 *
 *     fffff800`0161090e-fffff800`01610912  5 bytes - nt!Func+0x24          (with -d)
 *         [ b8 25 00 00 00:e9 0b 1b 6f 03 ]                                file : memory
 *     5 errors : nt (fffff800`0161090e-fffff800`01610912)
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "cmd/symbols.h"
#include "nt/imagediff.h"

enum { SHOWN_BYTES = 8 /* of a difference */ };

struct check {
    sc_session *session;
    const struct sc_module *module;
    bool details;
};

/* --- differences ---------------------------------------------------------------------------- */

struct patch {
    uint64_t start, end; /* inclusive */
    uint64_t count;
    const char *symbol;
    const char *bytes; /* "file:memory" */
};
static const struct sc_field patch_fields[] = {
    SC_FIELD(struct patch, start, SC_F_ADDR), SC_FIELD(struct patch, end, SC_F_ADDR),
    SC_FIELD(struct patch, count, SC_F_U64),  SC_FIELD(struct patch, symbol, SC_F_STR),
    SC_FIELD(struct patch, bytes, SC_F_STR),  SC_FIELD_END,
};
static const struct sc_rectype patch_type = {"image_difference", sizeof(struct patch),
                                             patch_fields};

static void patch_text(sc_out *out, const void *record, void *ctx) {
    const struct patch *p = record;
    unsigned ptr = sc_session_ptr_size(ctx);
    char first[SC_ADDR_BUF], last[SC_ADDR_BUF];
    sc_printf(out, "    %s", sc_addr_text(p->start, ptr, first));
    if (p->count > 1)
        sc_printf(out, "-%s  %" PRIu64 " bytes", sc_addr_text(p->end, ptr, last), p->count);
    if (p->symbol)
        sc_printf(out, " - %s%s", p->symbol, p->count > 1 ? "" : " ");
    sc_printf(out, "\n\t[ %s ]\n", p->bytes);
}

/* "b8 25:e9 0b": what the file has and what memory has. */
static const char *both(const uint8_t *file, const uint8_t *memory, size_t n, sc_arena *arena) {
    char buf[2 * SHOWN_BYTES * 3 + 1] = "";
    size_t at = 0, shown = n < SHOWN_BYTES ? n : SHOWN_BYTES;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < shown; i++)
            at += (size_t)snprintf(buf + at, sizeof buf - at, "%s%02x",
                                   i      ? " "
                                   : side ? ":"
                                          : "",
                                   side ? memory[i] : file[i]);
    }
    return sc_arena_strdup(arena, buf);
}

static sc_err *report(void *ctx, const struct nt_difference *d) {
    struct check *c = ctx;
    struct patch p = {.start = d->start, .end = d->start + d->size - 1, .count = d->size};
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = sc_near(c->session, d->start, arena, &p.symbol);
    p.bytes = both(d->file, d->memory, d->size, arena);
    if (!err && !p.bytes)
        err = sc_err_nomem();
    if (!err)
        sc_record(c->session->out, &patch_type, &p, patch_text, c->session);
    sc_arena_destroy(arena);
    return err;
}

/* --- the command ---------------------------------------------------------------------------- */

struct checked {
    const char *module, *image_path;
    uint64_t base, errors, compared, first, last, patched;
};
static const struct sc_field checked_fields[] = {
    SC_FIELD(struct checked, module, SC_F_STR),
    SC_FIELD(struct checked, image_path, SC_F_STR),
    SC_FIELD(struct checked, base, SC_F_ADDR),
    SC_FIELD(struct checked, errors, SC_F_U64),
    SC_FIELD(struct checked, compared, SC_F_U64),
    SC_FIELD(struct checked, first, SC_F_ADDR),
    SC_FIELD(struct checked, last, SC_F_ADDR),
    SC_FIELD(struct checked, patched, SC_F_U64),
    SC_FIELD_END,
};
static const struct sc_rectype checked_type = {"image_check", sizeof(struct checked),
                                               checked_fields};

static void checked_text(sc_out *out, const void *record, void *ctx) {
    const struct checked *r = record;
    sc_session *s = ctx;
    unsigned ptr = sc_session_ptr_size(s);
    char first[SC_ADDR_BUF], last[SC_ADDR_BUF];
    sc_printf(out, "%" PRIu64 " error%s : %s", r->errors, r->errors == 1 ? "" : "s", r->module);
    if (r->errors)
        sc_printf(out, " (%s-%s)", sc_addr_text(r->first, ptr, first),
                  sc_addr_text(r->last, ptr, last));
    if (sc_session_enrich(s))
        sc_printf(out, "  [%" PRIu64 " bytes compared with %s]", r->compared, r->image_path);
    if (sc_session_enrich(s) && r->patched)
        sc_printf(out, " [%" PRIu64 " more differ where the loader and the kernel patch calls]",
                  r->patched);
    sc_puts(out, "\n");
}

static sc_err *check(struct check *c, sc_pe *pe, const char *path) {
    struct nt_imagediff d;
    sc_err *err =
        nt_imagediff(c->session->target, c->module, pe, c->details ? report : NULL, c, &d);
    if (err)
        return sc_err_prefix(err, "!chkimg: %s", path);
    struct checked r = {c->module->name, path,    c->module->base, d.errors,
                        d.compared,      d.first, d.last,          d.patched};
    sc_record(c->session->out, &checked_type, &r, checked_text, c->session);
    return NULL;
}

/* The module named, or the one that the instruction pointer is in. */
static sc_err *find_module(sc_session *s, const struct sc_val *v, const struct sc_module **ret) {
    uint64_t addr = v->num;
    sc_err *err = v->given ? NULL : sc_session_pseudo_get(s, "$ip", &addr);
    if (err)
        return err;
    *ret = sc_target_module_at(s->target, sc_space_canon(sc_target_space(s->target), addr));
    return *ret ? NULL : sc_errf(SC_ERR_NOT_FOUND, "!chkimg: no module is at 0x%" PRIx64, addr);
}

static sc_err *run_chkimg(sc_session *s, const struct sc_args *args) {
    struct check c = {.session = s, .details = args->v[0].given};
    const struct sc_modsyms *syms;
    sc_pe *pe;
    sc_symtab *symtab;
    sc_err *err = find_module(s, &args->v[1], &c.module);
    if (!err)
        err = sc_session_symbols(s, &symtab);
    if (!err)
        err = sc_symtab_load(symtab, c.module, &syms);
    if (!err && !syms->image_path)
        err = sc_errf(SC_ERR_NOT_FOUND,
                      "!chkimg: there is no image file of %s to compare with: .exepath names the "
                      "folders and stores to look in",
                      c.module->name);
    if (!err)
        err = sc_pe_open(syms->image_path, &pe);
    if (err)
        return err;
    err = check(&c, pe, syms->image_path);
    sc_pe_close(pe);
    return err;
}

static const struct sc_arg chkimg_args[] = {
    {SC_ARG_OPTION, "d", "d", true, "show each difference: the file's bytes : the memory's"},
    {SC_ARG_EXPR, "module", NULL, true, "a name or an address; without one the current module"},
    {0},
};

const struct sc_command sc_chkimg_commands[] = {
    {
        .name = "!chkimg",
        .brief = "compare an image in memory with its file",
        .needs = SC_NEED_TARGET | SC_NEED_WINDOWS,
        .args = chkimg_args,
        .help = "Sections that are not writable, as much of them as the dump holds, against the\n"
                "image file that .exepath leads to. Calls that the kernel patches when it loads a\n"
                "driver (the image lists them) are counted apart; the kernel changes some more of\n"
                "its own code when it starts.",
        .sample = "!chkimg",
        .run = run_chkimg,
    },
    {0},
};
