/* SPDX-License-Identifier: MIT */
/*
 * `!address` of a kernel: what the region of an address is used for, or all of them.
 *
 *     Usage:                  Module
 *     Base Address:           fffff803`712e0000
 *     End Address:            fffff803`712e8000
 *     Region Size:            00000000`00008000
 *     VA Type:                BootLoaded
 *     Module name:            TestDriver.sys
 *     Module path:            [\??\C:\…\TestDriver.sys]
 *
 * Those of a process are its VADs, with state, protection and type as !address of a process's dump
 * shows them. Of a private VAD that was reserved, single pages may be committed: see !pte.
 */
#include "cmd/kaddress.h"

#include <inttypes.h>

#include "cmd/kernel.h"
#include "nt/mapfile.h"
#include "nt/process.h"
#include "nt/regions.h"
#include "nt/vad.h"

enum { COMMIT = 0x1000, RESERVE = 0x2000, FREE = 0x10000, REGIONS_MAX = 1 << 20 };
enum { MEM_PRIVATE = 0x20000, MEM_MAPPED = 0x40000, MEM_IMAGE = 0x1000000 };

struct row {
    uint64_t start, end, size, vad;
    const char *usage, *va_type, *module, *path, *source;
    uint32_t state, protect, memory_type;
    const char *state_name, *type_name, *protect_name;
    bool has_state;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct row, start, SC_F_ADDR),       SC_FIELD(struct row, end, SC_F_ADDR),
    SC_FIELD(struct row, size, SC_F_HEX64),       SC_FIELD(struct row, usage, SC_F_STR),
    SC_FIELD(struct row, va_type, SC_F_STR),      SC_FIELD(struct row, source, SC_F_STR),
    SC_FIELD(struct row, module, SC_F_STR),       SC_FIELD(struct row, path, SC_F_STR),
    SC_FIELD(struct row, vad, SC_F_ADDR),         SC_FIELD(struct row, state, SC_F_HEX32),
    SC_FIELD(struct row, state_name, SC_F_STR),   SC_FIELD(struct row, protect, SC_F_HEX32),
    SC_FIELD(struct row, protect_name, SC_F_STR), SC_FIELD(struct row, memory_type, SC_F_HEX32),
    SC_FIELD(struct row, type_name, SC_F_STR),    SC_FIELD_END};
static const struct sc_rectype type = {"kernel_region", sizeof(struct row), fields};

struct style {
    unsigned ptr_size;
    bool detail, enrich;
};

/* ---- text ---- */

static void detail_text(sc_out *out, const struct row *r, const struct style *s) {
    char a[SC_ADDR_BUF];
    sc_printf(out, "\nUsage:                  %s\n", r->usage);
    sc_printf(out, "Base Address:           %s\n", sc_addr_text(r->start, s->ptr_size, a));
    sc_printf(out, "End Address:            %s\n", sc_addr_text(r->end, s->ptr_size, a));
    sc_printf(out, "Region Size:            %s\n", sc_addr_text(r->size, s->ptr_size, a));
    if (r->has_state) {
        sc_printf(out, "State:                  %08x          %s\n", r->state, r->state_name);
        if (r->state != FREE) {
            sc_printf(out, "Protect:                %08x          %s\n", r->protect,
                      r->protect_name);
            sc_printf(out, "Type:                   %08x          %s\n", r->memory_type,
                      r->type_name);
        }
    }
    sc_printf(out, "VA Type:                %s\n", r->va_type);
    if (r->module)
        sc_printf(out, "Module name:            %s\n", r->module);
    if (r->path)
        sc_printf(out,
                  r->module ? "Module path:            [%s]\n" : "Mapped file:            %s\n",
                  r->path);
    if (r->vad != SC_UNSET64)
        sc_printf(out, "VAD:                    %s\n", sc_addr_text(r->vad, s->ptr_size, a));
    if (s->enrich && *r->source)
        sc_printf(out, "  [known from %s]\n", r->source);
}

static void table_text(sc_out *out, const struct row *r, const struct style *s) {
    char a[SC_ADDR_BUF], b[SC_ADDR_BUF], c[SC_ADDR_BUF];
    sc_printf(out, "  %s %s %s  %-18s", sc_addr_text(r->start, s->ptr_size, a),
              sc_addr_text(r->end, s->ptr_size, b), sc_addr_text(r->size, s->ptr_size, c),
              r->va_type);
    if (r->has_state)
        sc_printf(out, " %-11s %-11s %s", r->type_name, r->state_name, r->protect_name);
    else
        sc_printf(out, " %s", r->usage);
    if (r->module || r->path)
        sc_printf(out, "  [%s]", r->module ? r->module : r->path);
    sc_puts(out, "\n");
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct style *s = ctx;
    if (s->detail)
        detail_text(out, record, s);
    else
        table_text(out, record, s);
}

static void header(sc_out *out, unsigned ptr_size) {
    int w = ptr_size == 8 ? 17 : 8;
    sc_printf(out, "  %-*s %-*s %-*s  %-18s %s\n", w, "BaseAddress", w,
              ptr_size == 8 ? "EndAddress+1" : "End+1", w, ptr_size == 8 ? "RegionSize" : "Size",
              "VaType", "Usage");
    sc_puts(out, "--------------------------------------------------------------------------------"
                 "--------------------\n");
}

/* ---- the kernel's half ---- */

static void show_region(sc_session *s, const struct nt_region *region, struct style *style) {
    const struct sc_module *m = region->module;
    struct row r = {.start = region->start,
                    .end = region->last + 1,
                    .size = region->last - region->start + 1,
                    .vad = SC_UNSET64,
                    .usage = region->usage,
                    .va_type = region->va_type,
                    .source = region->source,
                    .module = m ? m->image ? m->image : m->name : NULL,
                    .path = m ? m->path : NULL};
    if (style->ptr_size == 4)
        r.end &= UINT32_MAX;
    sc_record(sc_session_out(s), &type, &r, row_text, style);
}

static sc_err *show_kernel_half(sc_session *s, const struct nt_regions *regions,
                                struct style *style) {
    uint64_t at = regions->kernel_start, top = style->ptr_size == 4 ? UINT32_MAX : UINT64_MAX;
    for (unsigned n = 0; n < REGIONS_MAX && !sc_out_failed(sc_session_out(s)); n++) {
        struct nt_region region;
        if (sc_target_cancelled(sc_session_target(s)))
            return sc_err_cancelled();
        nt_region_at(regions, at, &region);
        show_region(s, &region, style);
        if (region.last >= top || region.last < at)
            break;
        at = region.last + 1;
    }
    return NULL;
}

/* ---- the process's half ---- */

/* PAGE_… of the 5 bits of MM_PROTECTION. */
static uint32_t page_protection(unsigned protection, const char **ret_name) {
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{0x01, "PAGE_NOACCESS"},          {0x02, "PAGE_READONLY"},
                 {0x10, "PAGE_EXECUTE"},           {0x20, "PAGE_EXECUTE_READ"},
                 {0x04, "PAGE_READWRITE"},         {0x08, "PAGE_WRITECOPY"},
                 {0x40, "PAGE_EXECUTE_READWRITE"}, {0x80, "PAGE_EXECUTE_WRITECOPY"}};
    static const uint32_t more[] = {0, 0x200, 0x100, 0x400};
    *ret_name = names[protection & 7].name;
    return names[protection & 7].bit | (protection & 7 ? more[protection >> 3 & 3] : 0);
}

static void fill_state(const struct nt_vad *v, struct row *r) {
    r->has_state = v->has_flags;
    if (!v->has_flags)
        return;
    bool committed = !v->is_private || v->committed || nt_set(&v->commit);
    r->state = committed ? COMMIT : RESERVE;
    r->state_name = committed ? "MEM_COMMIT" : "MEM_RESERVE";
    r->protect = page_protection(v->protection, &r->protect_name);
    r->memory_type = v->is_private ? MEM_PRIVATE : v->type == NT_VAD_IMAGE ? MEM_IMAGE : MEM_MAPPED;
    r->type_name = v->is_private             ? "MEM_PRIVATE"
                   : v->type == NT_VAD_IMAGE ? "MEM_IMAGE"
                                             : "MEM_MAPPED";
}

static sc_err *show_vad(sc_session *s, const struct nt *nt, const struct nt_vad *v,
                        struct style *style) {
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    struct row r = {.start = v->start << 12,
                    .end = (v->end + 1) << 12,
                    .size = (v->end - v->start + 1) << 12,
                    .vad = v->address,
                    .va_type = "UserRange",
                    .source = "VADs"};
    fill_state(v, &r);
    r.usage = !v->has_flags             ? "VAD"
              : v->type == NT_VAD_IMAGE ? "Image"
              : v->is_private           ? "Private"
              : nt_set(&v->file)        ? "MappedFile"
                                        : "Section";
    sc_err *err = nt_set(&v->file) ? nt_file_name(nt, v->file.value, arena, &r.path) : NULL;
    if (!err)
        sc_record(sc_session_out(s), &type, &r, row_text, style);
    sc_arena_destroy(arena);
    return err;
}

static void show_free(sc_session *s, uint64_t start, uint64_t end, struct style *style) {
    struct row r = {.start = start,
                    .end = end,
                    .size = end - start,
                    .vad = SC_UNSET64,
                    .usage = "Free",
                    .va_type = "UserRange",
                    .source = "VADs",
                    .has_state = true,
                    .state = FREE,
                    .state_name = "MEM_FREE",
                    .type_name = "",
                    .protect_name = ""};
    sc_record(sc_session_out(s), &type, &r, row_text, style);
}

/* Goes through the VADs; with ADDRESS only the one that contains it, or the gap. */
static sc_err *show_process_half(sc_session *s, const struct nt *nt, const uint64_t *address,
                                 uint64_t limit, struct style *style) {
    struct nt_process p;
    struct nt_vads vads;
    struct nt_vad v;
    uint64_t process, at = 0;
    char buf[NT_LIST_TEXT];
    bool more = false;
    sc_err *err = sc_session_process(s, nt, &process);
    if (!err)
        err = nt_process_read(nt, process, &p);
    if (!err && !nt_set(&p.f[NT_P_VAD_ROOT]))
        err = sc_errf(SC_ERR_NOT_FOUND, "the VADs of process %" PRIx64 " are %s", process,
                      p.f[NT_P_VAD_ROOT].state == NT_READ ? "gone: it has ended, or is System"
                                                          : nt_why(&p.f[NT_P_VAD_ROOT]));
    if (!err)
        err = nt_vads_begin(&vads, nt, p.f[NT_P_VAD_ROOT].value);
    while (!err && !(err = nt_vads_next(&vads, &v, &more)) && more &&
           !sc_out_failed(sc_session_out(s))) {
        uint64_t start = v.start << 12, end = (v.end + 1) << 12;
        if (start > at && (!address || (*address >= at && *address < start)))
            show_free(s, at, start, style);
        if (!address || (*address >= start && *address < end))
            err = show_vad(s, nt, &v, style);
        at = end;
        if (address && *address < end)
            return err;
    }
    if (err)
        return err;
    if (at < limit && (!address || *address >= at))
        show_free(s, at, limit, style);
    if (vads.end != NT_LIST_DONE || vads.absent)
        sc_remark(sc_session_out(s), "The tree of VADs is %s: what is shown as free may not be.",
                  vads.end != NT_LIST_DONE ? nt_vads_end_text(&vads, buf) : "not whole");
    return NULL;
}

/* ---- both ---- */

sc_err *sc_show_kernel_regions(sc_session *s, const struct sc_val *v) {
    struct nt nt;
    struct nt_regions regions;
    struct style style = {sc_session_ptr_size(s), v->given, sc_session_enrich(s)};
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_regions_init(&regions, &nt);
    if (err)
        return err;
    uint64_t address = sc_space_canon(nt.space, v->num), user = regions.kernel_start;
    if (nt.ptr_size == 8)
        user = sc_target_paging(nt.target)->mode == SC_PAGING_X64_LA57 ? 0x100000000000000
                                                                       : 0x800000000000;
    if (!v->given) {
        header(sc_session_out(s), style.ptr_size);
        err = show_process_half(s, &nt, NULL, user, &style);
        if (sc_err_code(err) == SC_ERR_NOT_FOUND) {
            sc_remark(sc_session_out(s), "%s", sc_err_text(err));
            sc_err_destroy(err);
            err = NULL;
        }
        if (!err)
            err = show_kernel_half(s, &regions, &style);
    } else if (address >= regions.kernel_start) {
        struct nt_region region;
        nt_region_at(&regions, address, &region);
        show_region(s, &region, &style);
    } else if (address >= user) {
        err = sc_errf(SC_ERR_ARG, "%" PRIx64 " is no canonical address", address);
    } else {
        err = show_process_half(s, &nt, &address, user, &style);
    }
    nt_regions_deinit(&regions);
    return err;
}
