/* SPDX-License-Identifier: MIT */
/*
 * `!chkimg`: an image in memory against its file: patched code, bad memory, hooks.
 *
 * Compared are the sections that do not change by themselves: executable or read-only ones, as much
 * of them as the dump itself holds. The file's bytes are taken as the loader would lay them out at
 * the module's base. Left out are the bytes of the import address table, which the loader fills,
 * and the places that the image itself lists for the kernel to patch when it loads drivers: direct
 * calls of imports and retpolines. The list (winnt.h, IMAGE_DYNAMIC_RELOCATION_TABLE) lies where
 * the load configuration says:
 *
 *     +0 DWORD Version (1)   +4 DWORD Size, then for each kind
 *         +0 ULONG_PTR Symbol   DWORD BaseRelocSize, then blocks
 *             +0 DWORD page's RVA   +4 DWORD SizeOfBlock, then sites; 12 bits are the offset
 *     Symbol 3: imports, 4 bytes a site; 4: indirect calls, 2 bytes; 5: switch tables, 2 bytes
 * How many bytes of a site change is not written anywhere; the longest seen is taken.
 *
 *     fffff800`0161090e-fffff800`01610912  5 bytes - nt!Func+0x24          (with -d)
 *         [ b8 25 00 00 00:e9 0b 1b 6f 03 ]                                file : memory
 *     5 errors : nt (fffff800`0161090e-fffff800`01610912)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "cmd/symbols.h"

enum {
    PAGE = 4096,
    SHOWN_BYTES = 8,       /* of a difference */
    IMAGE_MAX = 512 << 20, /* larger ones are not laid out */
    SITE_BYTES = 12,       /* a 7-byte call and the 5-byte no-operation behind it */
    SITES_MAX = 16 << 20,  /* bytes of the list */
    SECTION_DISCARDABLE = 0x02000000,
};

struct check {
    sc_session *session;
    sc_arena *arena;
    const struct sc_module *module;
    sc_pe *pe;
    uint8_t *image; /* the file as the loader lays it out */
    bool *known;    /* … one for each page: it was read from the file */
    uint8_t *sites; /* bits: bytes that the kernel may have patched */
    size_t size;
    bool details;
    uint64_t errors, first, last, compared, patched;
};

/* --- the file as it would be loaded --------------------------------------------------------- */

static sc_err *load_pages(struct check *c) {
    size_t pages = (c->size + PAGE - 1) / PAGE;
    c->image = calloc(pages, PAGE);
    c->known = calloc(pages, sizeof *c->known);
    if (!c->image || !c->known)
        return sc_err_nomem();
    for (size_t i = 0; i < pages; i++) {
        size_t got = 0, want = c->size - i * PAGE < PAGE ? c->size - i * PAGE : PAGE;
        c->known[i] = sc_pe_read(c->pe, i * PAGE, c->image + i * PAGE, want, &got) == SC_READ_OK;
    }
    return NULL;
}

static void add_at(struct check *c, uint32_t rva, unsigned size, uint64_t delta) {
    if (rva > c->size || c->size - rva < size)
        return;
    uint64_t value = 0;
    for (unsigned i = size; i-- > 0;)
        value = value << 8 | c->image[rva + i];
    value += delta;
    for (unsigned i = 0; i < size; i++)
        c->image[rva + i] = (uint8_t)(value >> 8 * i);
}

static bool relocate(void *ctx, const struct sc_pe_reloc *reloc) {
    struct check *c = ctx;
    uint64_t delta = c->module->base - sc_pe_headers(c->pe)->image_base;
    if (reloc->type == SC_PE_REL_HIGHLOW)
        add_at(c, reloc->rva, 4, delta);
    else if (reloc->type == SC_PE_REL_DIR64)
        add_at(c, reloc->rva, 8, delta);
    return true;
}

/* --- what the kernel patches ---------------------------------------------------------------- */

static void mark(struct check *c, uint64_t rva, size_t len) {
    for (uint64_t i = rva; i < rva + len && i < c->size; i++)
        c->sites[i / 8] |= (uint8_t)(1 << i % 8);
}

/* Pointers to the functions that guard indirect calls, which the loader sets. */
static void mark_guards(struct check *c, const struct sc_pe_load_config *config) {
    const uint64_t slots[] = {
        config->guard_check,        config->guard_dispatch,     config->guard_rf_failure_pointer,
        config->guard_rf_verify,    config->xfg_check,          config->xfg_dispatch,
        config->xfg_table_dispatch, config->cast_guard_failure, config->guard_memcpy};
    uint32_t rva;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        if (slots[i] && sc_pe_va_to_rva(c->pe, slots[i], &rva))
            mark(c, rva, sc_session_ptr_size(c->session));
    }
}

static bool is_site(const struct check *c, uint64_t rva) {
    return c->sites && c->sites[rva / 8] >> rva % 8 & 1;
}

/* The blocks of one kind in the LEN bytes at DATA, SITE bytes each. */
static void mark_blocks(struct check *c, const uint8_t *data, size_t len, size_t site) {
    struct sc_cur cur = sc_cur_mem(data, len, "dynamic relocations");
    while (sc_cur_left(&cur) >= 8) {
        uint32_t page = sc_u32(&cur), size = sc_u32(&cur);
        if (size < 8 || size - 8 > sc_cur_left(&cur))
            return;
        for (size -= 8; size >= site; size -= (uint32_t)site) {
            uint32_t entry = site == 4 ? sc_u32(&cur) : sc_u16(&cur);
            if (entry)
                mark(c, (uint64_t)page + (entry & 0xfff), SITE_BYTES);
        }
        sc_cur_skip(&cur, size);
    }
}

/* Version 1 of the table in LEN bytes; whatever does not fit is left alone. */
static void mark_table(struct check *c, const uint8_t *data, size_t len) {
    struct sc_cur cur = sc_cur_mem(data, len, "dynamic relocations");
    size_t ptr = sc_session_ptr_size(c->session);
    while (sc_cur_left(&cur) >= ptr + 4) {
        uint64_t kind = ptr == 8 ? sc_u64(&cur) : sc_u32(&cur);
        uint32_t size = sc_u32(&cur);
        if (size > sc_cur_left(&cur))
            return;
        if (kind >= 3 && kind <= 5)
            mark_blocks(c, data + len - sc_cur_left(&cur), size, kind == 3 ? 4 : 2);
        sc_cur_skip(&cur, size);
    }
}

/* The table of dynamic relocations, if the image has one. */
static sc_err *mark_listed(struct check *c, const struct sc_pe_load_config *config) {
    const struct sc_pe_section *sections;
    size_t n, got = 0;
    uint8_t head[8];
    sc_err *err = sc_pe_sections(c->pe, &sections, &n);
    if (err || !config->dynamic_reloc_section || config->dynamic_reloc_section > n)
        return err;
    uint64_t rva =
        (uint64_t)sections[config->dynamic_reloc_section - 1].rva + config->dynamic_reloc_offset;
    if (sc_pe_read(c->pe, rva, head, sizeof head, &got) != SC_READ_OK)
        return NULL;
    struct sc_cur cur = sc_cur_mem(head, sizeof head, "dynamic relocations");
    uint32_t version = sc_u32(&cur), len = sc_u32(&cur);
    if (version != 1 || !len || len > SITES_MAX)
        return NULL;
    uint8_t *data = malloc(len);
    if (!data)
        return sc_err_nomem();
    sc_pe_read(c->pe, rva + 8, data, len, &got);
    mark_table(c, data, got);
    free(data);
    return NULL;
}

static sc_err *find_sites(struct check *c) {
    struct sc_pe_load_config config;
    sc_err *err = sc_pe_load_config(c->pe, &config);
    if (err && sc_err_code(err) != SC_ERR_NOMEM) {
        sc_err_destroy(err);
        return NULL; /* no list: nothing is expected to differ */
    }
    if (err)
        return err;
    c->sites = calloc(c->size / 8 + 1, 1);
    if (!c->sites)
        return sc_err_nomem();
    mark_guards(c, &config);
    return mark_listed(c, &config);
}

/* --- comparing ------------------------------------------------------------------------------ */

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

static sc_err *report(struct check *c, uint64_t rva, const uint8_t *memory, size_t n) {
    uint64_t start = c->module->base + rva;
    if (!c->errors)
        c->first = start;
    c->last = start + n - 1;
    c->errors += n;
    if (!c->details)
        return NULL;
    struct patch p = {.start = start, .end = c->last, .count = n};
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = sc_near(c->session, start, arena, &p.symbol);
    p.bytes = both(c->image + rva, memory, n, arena);
    if (!err && !p.bytes)
        err = sc_err_nomem();
    if (!err)
        sc_record(c->session->out, &patch_type, &p, patch_text, c->session);
    sc_arena_destroy(arena);
    return err;
}

/* Is the byte at RVA one that the loader writes? */
static bool is_filled(const struct check *c, uint64_t rva) {
    struct sc_pe_directory iat;
    return sc_pe_directory(c->pe, SC_PE_DIR_IAT, &iat) && rva >= iat.rva &&
           rva - iat.rva < iat.size;
}

/* Does the byte differ where nobody but the linker should have written? */
static bool differs(struct check *c, uint64_t rva, uint8_t memory) {
    if (memory == c->image[rva] || is_filled(c, rva))
        return false;
    bool site = is_site(c, rva);
    c->patched += site;
    return !site;
}

/* LEN bytes of memory at RVA, all on one page. */
static sc_err *compare_page(struct check *c, uint64_t rva, const uint8_t *memory, size_t len) {
    sc_err *err = NULL;
    if (!c->known[rva / PAGE])
        return NULL;
    c->compared += len;
    for (size_t i = 0; !err && i < len;) {
        size_t n = 0;
        while (i + n < len && differs(c, rva + i + n, memory[i + n]))
            n++;
        if (n)
            err = report(c, rva + i, memory + i, n);
        i += n + 1;
    }
    return err;
}

/* What the dump itself holds of [RVA, RVA + LEN): not what the image file would fill in. */
static sc_err *compare_range(struct check *c, uint64_t rva, uint64_t len) {
    sc_space *space = sc_target_space(c->session->target);
    uint64_t at = c->module->base + rva, end = at + len, start, size;
    uint8_t memory[PAGE];
    sc_err *err = NULL;
    while (!err && at < end && sc_space_next(space, at, &start, &size) && start < end) {
        at = start > at ? start : at;
        uint64_t stop = start + size < end ? start + size : end;
        size_t n = (size_t)(PAGE - (at - c->module->base) % PAGE), got = 0;
        n = stop - at < n ? (size_t)(stop - at) : n;
        if (sc_target_cancelled(c->session->target))
            return sc_err_cancelled();
        sc_space_read(space, at, memory, n, &got);
        err = compare_page(c, at - c->module->base, memory, got);
        at += n;
    }
    return err;
}

static bool is_constant(const struct sc_pe_section *s) {
    bool writable = s->characteristics >> 31; /* IMAGE_SCN_MEM_WRITE */
    return !writable && !(s->characteristics & SECTION_DISCARDABLE);
}

static sc_err *compare_sections(struct check *c) {
    const struct sc_pe_section *sections;
    size_t n;
    sc_err *err = sc_pe_sections(c->pe, &sections, &n);
    for (size_t i = 0; !err && i < n; i++) {
        const struct sc_pe_section *s = &sections[i];
        uint64_t len = s->virtual_size ? s->virtual_size : s->raw_size;
        if (!is_constant(s) || s->rva >= c->size)
            continue;
        err = compare_range(c, s->rva, len < c->size - s->rva ? len : c->size - s->rva);
    }
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

static sc_err *check(struct check *c, const char *path) {
    c->size = sc_pe_headers(c->pe)->image_size;
    if (c->size > IMAGE_MAX)
        return sc_errf(SC_ERR_LIMIT, "!chkimg: %s claims to be %zu bytes long", path, c->size);
    sc_err *err = load_pages(c);
    if (!err && c->module->base != sc_pe_headers(c->pe)->image_base)
        err = sc_pe_each_reloc(c->pe, relocate, c);
    if (!err)
        err = find_sites(c);
    if (!err)
        err = compare_sections(c);
    if (err)
        return err;
    struct checked r = {c->module->name,
                        path,
                        c->module->base,
                        c->errors,
                        c->compared,
                        c->errors ? c->first : SC_UNSET64,
                        c->errors ? c->last : SC_UNSET64,
                        c->patched};
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
    struct check c = {.session = s, .arena = args->arena, .details = args->v[0].given};
    const struct sc_modsyms *syms;
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
        err = sc_pe_open(syms->image_path, &c.pe);
    if (err)
        return err;
    err = check(&c, syms->image_path);
    sc_pe_close(c.pe);
    free(c.image);
    free(c.known);
    free(c.sites);
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
