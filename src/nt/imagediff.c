/* SPDX-License-Identifier: MIT */
/*
 * An image in memory against its file: patched code, bad memory, hooks.
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
 */
#include "nt/imagediff.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

enum {
    PAGE = 4096,
    IMAGE_MAX = 512 << 20, /* larger ones are not laid out */
    SITE_BYTES = 12,       /* a 7-byte call and the 5-byte no-operation behind it */
    SITES_MAX = 16 << 20,  /* bytes of the list */
    SECTION_DISCARDABLE = 0x02000000,
};

struct check {
    sc_target *target;
    const struct sc_module *module;
    sc_pe *pe;
    size_t size;
    uint8_t **sites; /* bits: bytes that the kernel may have patched; of pages of the dump's */
    size_t page;     /* number of the one in `bytes`; SIZE_MAX: none */
    nt_imagediff_fn fn;
    void *ctx;
    struct nt_imagediff found;
    uint8_t bytes[PAGE]; /* of the file, as the loader lays them out */
};

/* --- the file as it would be loaded --------------------------------------------------------- */

/*
 * Brings the page that RVA lies on into `bytes`. *RET_WHOLE false: the file does not hold all of
 * it.
 */
static sc_err *load_page(struct check *c, uint64_t rva, bool *ret_whole) {
    const uint64_t delta = c->module->base - sc_pe_headers(c->pe)->image_base;
    const size_t page = rva / PAGE, start = page * PAGE;
    size_t got = 0, want = c->size - start < PAGE ? c->size - start : PAGE;
    *ret_whole = true;
    if (c->page == page)
        return NULL;
    c->page = SIZE_MAX;
    *ret_whole = sc_pe_read(c->pe, start, c->bytes, want, &got) == SC_READ_OK;
    if (!*ret_whole)
        return NULL;
    sc_err *err = sc_pe_relocate(c->pe, (uint32_t)start, c->bytes, want, delta);
    if (!err)
        c->page = page;
    return err;
}

/* Makes room for the sites of those pages that the dump holds something of. */
static sc_err *make_sites(struct check *c) {
    sc_space *space = sc_target_space(c->target);
    uint64_t base = c->module->base, at = base, end = base + c->size, start, size;
    while (at < end && sc_space_next(space, at, &start, &size) && start < end) {
        size_t page = (size_t)((start > at ? start : at) - base) / PAGE;
        if (!c->sites[page] && !(c->sites[page] = calloc(PAGE / 8, 1)))
            return sc_err_nomem();
        at = base + (page + 1) * (uint64_t)PAGE;
    }
    return NULL;
}

/* --- what the kernel patches ---------------------------------------------------------------- */

static void mark(struct check *c, uint64_t rva, size_t len) {
    if (rva >= c->size)
        return;
    const uint64_t last = rva + (len < c->size - rva ? len : c->size - rva) - 1;
    if (!c->sites[rva / PAGE] && !c->sites[last / PAGE])
        return; /* mostly: the dump holds little of an image */
    for (uint64_t i = rva; i <= last; i++)
        if (c->sites[i / PAGE])
            c->sites[i / PAGE][i % PAGE / 8] |= (uint8_t)(1 << i % 8);
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
            mark(c, rva, sc_target_ptr_size(c->target));
    }
}

static bool is_site(const struct check *c, uint64_t rva) {
    const uint8_t *bits = c->sites[rva / PAGE];
    return bits && bits[rva % PAGE / 8] >> rva % 8 & 1;
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
    size_t ptr = sc_target_ptr_size(c->target);
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
    mark_guards(c, &config);
    return mark_listed(c, &config);
}

/* --- comparing ------------------------------------------------------------------------------ */

/* Is the byte at RVA one that the loader writes? */
static bool is_filled(const struct check *c, uint64_t rva) {
    struct sc_pe_directory iat;
    return sc_pe_directory(c->pe, SC_PE_DIR_IAT, &iat) && rva >= iat.rva &&
           rva - iat.rva < iat.size;
}

/* Does the byte differ where nobody but the linker should have written? */
static bool differs(struct check *c, uint64_t rva, uint8_t memory) {
    if (memory == c->bytes[rva % PAGE] || is_filled(c, rva))
        return false;
    bool site = is_site(c, rva);
    c->found.patched += site;
    return !site;
}

static sc_err *report(struct check *c, uint64_t rva, const uint8_t *memory, size_t n) {
    uint64_t start = c->module->base + rva;
    if (!c->found.errors)
        c->found.first = start;
    c->found.last = start + n - 1;
    c->found.errors += n;
    struct nt_difference d = {start, n, c->bytes + rva % PAGE, memory};
    return c->fn ? c->fn(c->ctx, &d) : NULL;
}

/* How many bytes are the same in both, at most LEN: nearly all of them, mostly. */
static size_t same_bytes(const uint8_t *a, const uint8_t *b, size_t len) {
    enum { LINE = 64 };
    size_t n = 0;
    while (len - n >= LINE && !memcmp(a + n, b + n, LINE))
        n += LINE;
    while (n < len && a[n] == b[n])
        n++;
    return n;
}

/* LEN bytes of memory at RVA, all on one page. */
static sc_err *compare_page(struct check *c, uint64_t rva, const uint8_t *memory, size_t len) {
    bool whole;
    sc_err *err = load_page(c, rva, &whole);
    if (err || !whole)
        return err;
    c->found.compared += len;
    for (size_t i = 0; !err && i < len;) {
        i += same_bytes(memory + i, c->bytes + (rva + i) % PAGE, len - i);
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
    sc_space *space = sc_target_space(c->target);
    uint64_t at = c->module->base + rva, end = at + len, start, size;
    uint8_t memory[PAGE];
    sc_err *err = NULL;
    while (!err && at < end && sc_space_next(space, at, &start, &size) && start < end) {
        at = start > at ? start : at;
        uint64_t stop = start + size < end ? start + size : end;
        size_t n = (size_t)(PAGE - (at - c->module->base) % PAGE), got = 0;
        n = stop - at < n ? (size_t)(stop - at) : n;
        if (sc_target_cancelled(c->target))
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

static sc_err *run(struct check *c) {
    sc_err *err = make_sites(c);
    if (!err)
        err = find_sites(c);
    return err ? err : compare_sections(c);
}

sc_err *nt_imagediff(sc_target *target, const struct sc_module *module, sc_pe *file,
                     nt_imagediff_fn fn, void *ctx, struct nt_imagediff *ret) {
    const size_t size = sc_pe_headers(file)->image_size, pages = size / PAGE + 1;
    if (size > IMAGE_MAX)
        return sc_errf(SC_ERR_LIMIT, "the image file claims to be %zu bytes long", size);
    struct check *c = malloc(sizeof *c);
    uint8_t **sites = calloc(pages, sizeof *sites);
    sc_err *err = c && sites ? NULL : sc_err_nomem();
    if (!err) {
        memset(c, 0, offsetof(struct check, bytes));
        c->target = target;
        c->module = module;
        c->pe = file;
        c->fn = fn;
        c->ctx = ctx;
        c->found = (struct nt_imagediff){.first = SC_UNSET64, .last = SC_UNSET64};
        c->size = size;
        c->sites = sites;
        c->page = SIZE_MAX;
        err = run(c);
    }
    if (!err)
        *ret = c->found;
    for (size_t i = 0; sites && i < pages; i++)
        free(sites[i]);
    free(sites);
    free(c);
    return err;
}
