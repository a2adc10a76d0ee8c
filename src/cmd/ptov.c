/* SPDX-License-Identifier: MIT */
/*
 * `!ptov`: all pages that a page directory maps, physical address and virtual one.
 *
 *     X86PtoV: pagedir 185000, PAE enabled.
 *     15e11000 10000
 *     Amd64PtoV: pagedir 187000
 *     00000001`034fb000 1d0000
 *
 * Lines appear as the tables are walked, which can be a million. A table is walked once for each
 * level that it serves at, at the first address: so tables that lead to themselves (the self map
 * does, rightly, once a level) make no endless list, whatever they hold.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "cmd/kernel.h"
#include "mem/paging_impl.h"

enum { PAGE = 0x1000 };

struct page {
    uint64_t physical, va, size;
};
static const struct sc_field page_fields[] = {
    SC_FIELD(struct page, physical, SC_F_ADDR), SC_FIELD(struct page, va, SC_F_ADDR),
    SC_FIELD(struct page, size, SC_F_HEX64), SC_FIELD_END};
static const struct sc_rectype page_type = {"mapped_page", sizeof(struct page), page_fields};

struct walk {
    sc_session *session;
    struct sc_paging paging;
    const struct sc_mode *mode;
    bool enrich;
    struct sc_map seen; /* table | level -> first address */
    uint64_t again, unreadable, pages;
};

static void put_number(sc_out *out, uint64_t v) {
    if (v >> 32)
        sc_printf(out, "%08" PRIx64 "`%08" PRIx64, v >> 32, v & UINT32_MAX);
    else
        sc_printf(out, "%" PRIx64, v);
}

static void page_text(sc_out *out, const void *record, void *ctx) {
    const struct page *p = record;
    const struct walk *w = ctx;
    put_number(out, p->physical);
    sc_puts(out, " ");
    put_number(out, p->va);
    if (p->size > PAGE && w->enrich)
        sc_printf(out, "  [a page of 0x%" PRIx64 " bytes]", p->size);
    sc_puts(out, "\n");
}

static bool put_page(struct walk *w, uint64_t pa, uint64_t va, uint64_t size) {
    sc_out *out = sc_session_out(w->session);
    const struct page p = {pa, sc_mode_canon(w->mode, va), size};
    sc_record(out, &page_type, &p, page_text, w);
    w->pages++;
    return !sc_out_failed(out);
}

static sc_err *walk_table(struct walk *w, unsigned level, uint64_t pa, uint64_t va);

static sc_err *walk_entry(struct walk *w, unsigned level, uint64_t value, uint64_t va) {
    struct sc_translation t;
    uint64_t first;
    if (!(value & 1))
        return NULL; /* pages that are valid only */
    sc_pte_decode(&w->paging, level, value, &t);
    if (t.kind == SC_PTE_VALID) {
        put_page(w, t.pa, va, t.page_size);
        return NULL;
    }
    if (t.kind != SC_PTE_TABLE || !level)
        return NULL;
    uint64_t key = t.pa | (level - 1);
    if (sc_map_get_number(&w->seen, key, &first)) {
        w->again++;
        return NULL;
    }
    if (!sc_map_put_number(&w->seen, key, va))
        return sc_err_nomem();
    return walk_table(w, level - 1, t.pa, va);
}

static sc_err *walk_table(struct walk *w, unsigned level, uint64_t pa, uint64_t va) {
    uint8_t raw[PAGE];
    size_t size = (size_t)sc_mode_count(w->mode, level) * w->mode->entry_size, got = 0;
    if (sc_target_cancelled(sc_session_target(w->session)))
        return sc_err_cancelled();
    sc_space_read(w->paging.phys, pa, raw, size, &got);
    w->unreadable += got < size;
    for (size_t i = 0; i < got / w->mode->entry_size; i++) {
        uint64_t value = 0;
        for (unsigned b = w->mode->entry_size; b-- > 0;)
            value = value << 8 | raw[i * w->mode->entry_size + b];
        sc_err *err =
            walk_entry(w, level, value, va + ((uint64_t)i << sc_mode_shift(w->mode, level)));
        if (err || sc_out_failed(sc_session_out(w->session)))
            return err;
    }
    return NULL;
}

static void head(sc_out *out, const struct walk *w) {
    enum sc_paging_mode mode = w->paging.mode;
    if (mode == SC_PAGING_X86 || mode == SC_PAGING_PAE)
        sc_printf(out, "X86PtoV: pagedir %" PRIx64 ", PAE %s.\n", w->paging.root,
                  mode == SC_PAGING_PAE ? "enabled" : "disabled");
    else
        sc_printf(out, "%sPtoV: pagedir %" PRIx64 "\n", mode == SC_PAGING_ARM64 ? "Arm64" : "Amd64",
                  w->paging.root);
}

static sc_err *run_ptov(sc_session *s, const struct sc_args *args) {
    sc_target *target = sc_session_target(s);
    sc_out *out = sc_session_out(s);
    if (!sc_target_has_paging(target))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "!ptov: this dump holds no page tables: it is no dump of whole memory");
    struct walk w = {.session = s, .paging = *sc_target_paging(target)};
    bool pae = w.paging.mode == SC_PAGING_PAE;
    w.mode = sc_mode_of(w.paging.mode);
    if (!w.mode)
        return sc_errf(SC_ERR_MEMORY, "!ptov: the page tables of this dump cannot be read");
    w.enrich = sc_session_enrich(s);
    if (args->v[0].given && args->v[0].num)
        w.paging.root = sc_session_physical(s, args->v[0].num);
    w.paging.root &= ~(uint64_t)(pae ? 0x1f : 0xfff) & (((uint64_t)1 << 52) - 1);
    head(out, &w);
    unsigned top = sc_paging_levels(w.paging.mode) - 1;
    sc_err *err = sc_map_put_number(&w.seen, w.paging.root | top, 0)
                      ? walk_table(&w, top, w.paging.root, 0)
                      : sc_err_nomem();
    sc_map_free(&w.seen);
    if (!err && w.again && w.enrich)
        sc_remark(out,
                  "%" PRIu64 " tables are seen at more than one address: they are shown at the "
                  "first.",
                  w.again);
    if (!err && w.unreadable)
        sc_remark(out, "%" PRIu64 " table%s not, or not whole, in this dump.", w.unreadable,
                  w.unreadable == 1 ? " is" : "s are");
    return err;
}

static const struct sc_arg ptov_args[] = {
    {SC_ARG_EXPR, "directory", NULL, true, "DirBase of !process; 0 or none: the current one"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_ptov_commands[] = {
    {.name = "!ptov",
     .brief = "list all pages that a page directory maps",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the regions of the process's memory",
     .args = ptov_args,
     .help = "Physical address and virtual address of each valid page; large pages are one line. "
             "The list is very long: Ctrl-C ends it.",
     .sample = "!ptov",
     .run = run_ptov},
    {.name = NULL},
};
