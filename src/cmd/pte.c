/* SPDX-License-Identifier: MIT */
/*
 * `!pte` and `!pte2va`: the page table entries of an address.
 *
 *     !pte address          the entries of an address; of one inside the page tables, of what the
 *                           entry there maps
 *     !pte address 1        the entry at an address, whatever it is
 *     !pte start end        those of each page of a range
 *     !pte2va pte           the address that an entry maps
 *
 * One column for each level, 27 characters wide, as WinDbg has it (a kernel without PAE: 24):
 *
 *                                            VA fffff80107401940
 *     PXE at FFFF944A25128F80    PPE at …    PDE at FFFF944A3E0041D0    PTE at FFFF947C0083A008
 *     contains 0000000004B09063  contains …  contains 0A00000002C001A1  contains 0000000000000000
 *     pfn 4b09      ---DA--KWEV  pfn …       pfn 2c00      -GL-A--KREV  LARGE PAGE pfn 2c01
 *
 * An entry that is not valid is described below its column. What is known beyond it (the prototype
 * entry, the VAD) stands on lines of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/procspace.h"
#include "cmd/ptetext.h"
#include "nt/ptes.h"

enum { LEVELS_MAX = 5, PAGES_MAX = 0x10000, PAGE = 0x1000 };

struct entry {
    const char *name;
    uint64_t address; /* all ones: where entries are mapped is not known */
    uint64_t physical, value, pfn;
    const char *kind, *flags;
    char flags_buf[SC_PTE_FLAGS];
    bool reached, readable;
    unsigned level;
    struct sc_translation t; /* decoded */
};
static const struct sc_field entry_fields[] = {
    SC_FIELD(struct entry, name, SC_F_STR),      SC_FIELD(struct entry, address, SC_F_ADDR),
    SC_FIELD(struct entry, physical, SC_F_ADDR), SC_FIELD(struct entry, value, SC_F_HEX64),
    SC_FIELD(struct entry, kind, SC_F_STR),      SC_FIELD(struct entry, pfn, SC_F_ADDR),
    SC_FIELD(struct entry, flags, SC_F_STR),     SC_FIELD_END};
static const struct sc_rectype entry_type = {"pte", sizeof(struct entry), entry_fields};

struct walk {
    uint64_t va, physical;
    const char *kind;
    struct entry *entries;
    size_t nentries;
    uint64_t prototype, prototype_value, vad;
    const char *prototype_kind;
    int64_t pagefile, protection;
    uint64_t pagefile_page;
    /* For text: */
    struct entry entry[LEVELS_MAX];
    bool canonical, literal;
    struct sc_translation proto; /* decoded, when there is one */
    bool has_proto;
    enum nt_behind behind;
};
static const struct sc_field walk_fields[] = {
    SC_FIELD(struct walk, va, SC_F_ADDR),
    SC_FIELD(struct walk, kind, SC_F_STR),
    SC_FIELD(struct walk, physical, SC_F_ADDR),
    SC_FIELD_LIST(struct walk, entries, nentries, &entry_type),
    SC_FIELD(struct walk, pagefile, SC_F_NUM),
    SC_FIELD(struct walk, pagefile_page, SC_F_ADDR),
    SC_FIELD(struct walk, protection, SC_F_NUM),
    SC_FIELD(struct walk, prototype, SC_F_ADDR),
    SC_FIELD(struct walk, prototype_kind, SC_F_STR),
    SC_FIELD(struct walk, vad, SC_F_ADDR),
    SC_FIELD_END};
static const struct sc_rectype walk_type = {"page_table_entries", sizeof(struct walk), walk_fields};

struct style {
    enum sc_paging_mode mode;
    uint16_t stores;
    unsigned ptr_size, width; /* of a column */
    bool enrich;
};

/* ---- text ---- */

static bool is_pae_top(const struct style *s, const struct entry *e) {
    return s->mode == SC_PAGING_PAE && e->level == 2; /* WinDbg leaves it out */
}

/* TEXT, filled up to the column's width unless it is the last. */
static void cell(sc_out *out, const struct style *s, bool last, const char *text) {
    sc_printf(out, "%-*s", last ? 0 : (int)s->width, text);
}

static void head(sc_out *out, const struct walk *w, const struct style *s) {
    int before = s->ptr_size == 8 ? 43 : 20, digits = (int)s->ptr_size * 2;
    if (!w->literal)
        sc_printf(out, "%*sVA %0*" PRIx64 "\n", before, "", digits, w->va);
    if (!w->canonical)
        sc_puts(out, "WARNING: noncanonical VA, accesses will fault !\n");
    for (size_t i = 0; i < w->nentries; i++) {
        const struct entry *e = &w->entry[i];
        char text[64], addr[SC_NT_BUF];
        snprintf(addr, sizeof addr, "%0*" PRIX64, digits, e->address);
        snprintf(text, sizeof text, "%s at %s", e->name,
                 e->address == SC_UNSET64 ? "????????????????" : addr);
        if (!is_pae_top(s, e))
            cell(out, s, i + 1 == w->nentries, text);
    }
    sc_puts(out, "\n");
}

static bool is_large(const struct entry *e) {
    return e->readable && e->level && e->t.kind == SC_PTE_VALID;
}

static void contents(sc_out *out, const struct walk *w, const struct style *s) {
    int digits = s->mode == SC_PAGING_X86 ? 8 : 16;
    bool large = false;
    for (size_t i = 0; i < w->nentries; i++) {
        const struct entry *e = &w->entry[i];
        char text[64], addr[SC_NT_BUF];
        if (is_pae_top(s, e))
            continue;
        bool last = i + 1 == w->nentries || (!large && !w->entry[i + 1].reached && !is_large(e));
        snprintf(addr, sizeof addr, "%0*" PRIX64, (int)s->ptr_size * 2, e->address);
        if (large || e->readable)
            snprintf(text, sizeof text, "contains %0*" PRIX64, digits, large ? 0 : e->value);
        else
            snprintf(text, sizeof text, "unable to get %s %s", e->name,
                     e->address == SC_UNSET64 ? "" : addr);
        cell(out, s, last, text);
        large |= is_large(e);
        if (last)
            break;
    }
    sc_puts(out, "\n");
}

/* The third line; the index of the entry that is not valid, or the number of entries. */
static size_t meanings(sc_out *out, const struct walk *w, const struct style *s) {
    size_t i = 0;
    char text[64];
    for (; i < w->nentries; i++) {
        const struct entry *e = &w->entry[i];
        bool valid = e->t.kind == SC_PTE_VALID || e->t.kind == SC_PTE_TABLE;
        if (is_pae_top(s, e) && e->readable && valid)
            continue;
        if (!e->readable || !valid)
            break;
        bool last = i + 1 == w->nentries || !w->entry[i + 1].reached;
        unsigned pad = s->width - 5 - (unsigned)strlen(e->flags_buf) - 2;
        snprintf(text, sizeof text, "pfn %-*" PRIx64 " %s", (int)pad, e->pfn, e->flags_buf);
        cell(out, s, last && !is_large(e), text);
        if (is_large(e) && i + 1 < w->nentries) {
            uint64_t in = (w->va & (e->t.page_size - 1)) / PAGE;
            sc_printf(out, "LARGE PAGE pfn %" PRIx64, e->t.pa / PAGE + in);
            i = w->nentries;
            break;
        }
    }
    if (i < w->nentries && w->entry[i].readable)
        sc_puts(out, "not valid");
    sc_puts(out, "\n");
    return i;
}

static void put_protection(sc_out *out, int indent, unsigned protection) {
    sc_printf(out, "%*s Protect: %x - %s\n", indent, "", protection, sc_pte_protection(protection));
}

static bool is_store(const struct style *s, unsigned pagefile) {
    return pagefile < 16 && s->stores >> pagefile & 1;
}

static void describe(sc_out *out, int in, const struct sc_translation *t, const struct style *s) {
    int digits = (int)s->ptr_size * 2;
    switch (t->kind) {
    case SC_PTE_TRANSITION:
        sc_printf(out, "%*s Transition: %" PRIx64 "\n", in, "", t->pa / PAGE);
        put_protection(out, in, t->protection);
        break;
    case SC_PTE_PROTOTYPE:
        sc_printf(out, "%*s Proto: %0*" PRIX64 "\n", in, "", digits, t->prototype);
        break;
    case SC_PTE_PROTOTYPE_VAD:
        sc_printf(out, "%*s Proto: VAD\n", in, "");
        put_protection(out, in, t->protection);
        break;
    case SC_PTE_SUBSECTION:
        if (t->prototype)
            sc_printf(out, "%*s Subsection: %0*" PRIX64 "\n", in, "", digits, t->prototype);
        else
            sc_printf(out, "%*s Subsection\n", in, "");
        if (t->protection)
            put_protection(out, in, t->protection);
        break;
    case SC_PTE_PAGEFILE:
        sc_printf(out, "%*s PageFile:  %u\n%*s Offset: %" PRIx64 "\n", in, "", t->pagefile, in, "",
                  t->pagefile_page);
        put_protection(out, in, t->protection);
        if (s->enrich && is_store(s, t->pagefile))
            sc_printf(out, "%*s compressed (in the memory store)\n", in, "");
        break;
    case SC_PTE_DEMAND_ZERO:
        sc_printf(out, "%*s DemandZero\n", in, "");
        put_protection(out, in, t->protection);
        break;
    case SC_PTE_BAD: sc_printf(out, "%*s (fits no known form)\n", in, ""); break;
    default: break;
    }
}

/* What a page table that is no valid page leads to: E is in it, ABOVE names it. */
static void trimmed_text(sc_out *out, const struct entry *e, const struct entry *above,
                         const struct style *s) {
    bool valid = e->t.kind == SC_PTE_VALID || e->t.kind == SC_PTE_TABLE;
    if (!e->reached && is_store(s, above->t.pagefile))
        sc_puts(out, "Page table compressed (in the memory store)\n");
    else if (!e->reached)
        sc_printf(out, "Page table paged out: page file %u page 0x%" PRIx64 "\n", above->t.pagefile,
                  above->t.pagefile_page);
    else if (above->t.kind == SC_PTE_TRANSITION)
        sc_printf(out, "%s in a page table in transition", e->name);
    else
        sc_printf(out, "%s in a page table from page file %u", e->name, above->t.pagefile);
    if (!e->reached)
        return;
    if (valid)
        sc_printf(out, ": pfn %" PRIx64 " %s\n", e->pfn, e->flags_buf);
    else
        sc_printf(out, ": %s\n", e->kind);
    if (e->readable && !valid)
        describe(out, 0, &e->t, s);
}

/* Page tables that are trimmed, and what they lead to. */
static void tables_text(sc_out *out, const struct walk *w, const struct style *s) {
    for (size_t i = 1; i < w->nentries && !w->literal; i++) {
        const struct entry *above = &w->entry[i - 1];
        if (above->readable &&
            (above->t.kind == SC_PTE_TRANSITION || above->t.kind == SC_PTE_PAGEFILE))
            trimmed_text(out, &w->entry[i], above, s);
    }
}

/* What stands behind the entry. */
static void behind_text(sc_out *out, const struct walk *w, const struct style *s) {
    int digits = (int)s->ptr_size * 2;
    if (w->vad != SC_UNSET64)
        sc_printf(out, "VAD %0*" PRIx64 "%s\n", digits, w->vad,
                  w->behind == NT_BEHIND_ZERO ? ": the page was never touched: zeros" : "");
    if (w->prototype == SC_UNSET64)
        return;
    if (!w->has_proto) {
        sc_printf(out, "Prototype PTE at %0*" PRIX64 " is not in this dump\n", digits,
                  w->prototype);
        return;
    }
    sc_printf(out, "Prototype PTE at %0*" PRIX64 " contains %0*" PRIX64 ": %s", digits,
              w->prototype, s->mode == SC_PAGING_X86 ? 8 : 16, w->prototype_value,
              w->prototype_kind);
    if (w->proto.kind == SC_PTE_VALID || w->proto.kind == SC_PTE_TRANSITION)
        sc_printf(out, ", pfn %" PRIx64 "\n", w->proto.pa / PAGE);
    else
        sc_puts(out, "\n");
    if (w->proto.kind == SC_PTE_PAGEFILE || w->proto.kind == SC_PTE_SUBSECTION ||
        w->proto.kind == SC_PTE_DEMAND_ZERO)
        describe(out, 0, &w->proto, s);
}

static void walk_text(sc_out *out, const void *record, void *ctx) {
    const struct walk *w = record;
    const struct style *s = ctx;
    head(out, w, s);
    contents(out, w, s);
    size_t bad = meanings(out, w, s);
    unsigned column = 0;
    for (size_t i = 0; i < bad && bad < w->nentries; i++)
        column += !is_pae_top(s, &w->entry[i]);
    if (bad < w->nentries && w->entry[bad].readable)
        describe(out, (int)(column * s->width), &w->entry[bad].t, s);
    if (s->enrich) {
        tables_text(out, w, s);
        behind_text(out, w, s);
    }
    sc_puts(out, "\n");
}

/* ---- facts ---- */

static void decode(const struct sc_paging *paging, struct entry *e) {
    e->readable = true;
    sc_pte_decode(paging, e->level, e->value, &e->t);
    e->kind = sc_pte_kind_name(e->t.kind);
    if (e->t.kind == SC_PTE_VALID || e->t.kind == SC_PTE_TABLE) {
        e->pfn = sc_pte_frame(paging->mode, e->value);
        if (is_large(e))
            e->pfn = e->t.pa / PAGE;
        e->flags = sc_pte_flags(paging->mode, e->level, e->value, e->flags_buf);
    } else if (e->t.kind == SC_PTE_TRANSITION) {
        e->pfn = e->t.pa / PAGE;
    }
}

static void take_entries(const struct sc_paging *paging, const struct nt_ptes *ptes,
                         const struct sc_translation *tr, struct walk *w) {
    unsigned levels = sc_paging_levels(paging->mode);
    w->entries = w->entry;
    w->nentries = levels;
    for (unsigned i = 0; i < levels; i++) {
        struct entry *e = &w->entry[i];
        unsigned level = levels - 1 - i;
        *e = (struct entry){.name = sc_pte_level(level), .level = level, .pfn = SC_UNSET64};
        e->address = ptes ? nt_pte_of(ptes, w->va, level) : SC_UNSET64;
        e->physical = SC_UNSET64;
        if (i >= tr->npte)
            continue;
        e->reached = true;
        e->physical = tr->pte[i].paged ? SC_UNSET64 : tr->pte[i].pa;
        e->value = tr->pte[i].value;
        e->kind = "unreadable";
        if (tr->pte[i].kind != SC_PTE_UNREADABLE)
            decode(paging, e);
    }
}

/* The prototype entry that the translation went through, or the VAD leads to. */
static sc_err *take_behind(sc_session *s, const struct sc_paging *paging,
                           const struct sc_translation *tr, struct walk *w) {
    unsigned levels = sc_paging_levels(paging->mode);
    struct nt_page page;
    const struct entry *leaf = &w->entry[levels - 1];
    if (leaf->readable && leaf->t.kind == SC_PTE_PROTOTYPE && leaf->t.prototype) {
        w->prototype = leaf->t.prototype;
        w->has_proto = tr->npte > levels && tr->pte[levels].kind != SC_PTE_UNREADABLE;
        w->proto = *tr;
        w->prototype_value = w->has_proto ? tr->pte[levels].value : 0;
    }
    sc_err *err = sc_session_behind(s, w->va, tr, &page);
    if (err)
        return err;
    w->behind = page.behind;
    if (page.vad)
        w->vad = page.vad;
    if (page.behind == NT_BEHIND_PROTOTYPE) {
        w->prototype = page.prototype;
        w->has_proto = page.status == SC_READ_OK;
        w->proto = page.entry;
        w->prototype_value = page.value;
    }
    if (w->prototype != SC_UNSET64)
        w->prototype_kind = w->has_proto ? sc_pte_kind_name(w->proto.kind) : "unreadable";
    return NULL;
}

static void init_walk(struct walk *w, uint64_t va) {
    *w = (struct walk){.va = va,
                       .physical = SC_UNSET64,
                       .prototype = SC_UNSET64,
                       .vad = SC_UNSET64,
                       .pagefile = INT64_MIN,
                       .protection = INT64_MIN,
                       .pagefile_page = SC_UNSET64,
                       .canonical = true};
}

static void take_result(const struct sc_translation *tr, struct walk *w) {
    w->kind = sc_pte_kind_name(tr->kind);
    if (tr->kind == SC_PTE_VALID || tr->kind == SC_PTE_TRANSITION)
        w->physical = tr->pa;
    if (tr->kind == SC_PTE_PAGEFILE) {
        w->pagefile = tr->pagefile;
        w->pagefile_page = tr->pagefile_page;
    }
    if (tr->npte && tr->kind != SC_PTE_VALID && tr->kind != SC_PTE_NONE)
        w->protection = tr->protection;
}

struct context {
    sc_session *session;
    const struct sc_paging *paging;
    struct nt_ptes ptes;
    bool has_ptes;
    struct style style;
};

static sc_err *show_va(const struct context *c, uint64_t va) {
    struct sc_translation tr;
    struct walk w;
    init_walk(&w, va);
    w.canonical = sc_paging_is_canonical(c->paging->mode, va);
    sc_translate(c->paging, va, &tr);
    take_entries(c->paging, c->has_ptes ? &c->ptes : NULL, &tr, &w);
    take_result(&tr, &w);
    sc_err *err = take_behind(c->session, c->paging, &tr, &w);
    if (!err)
        sc_record(sc_session_out(c->session), &walk_type, &w, walk_text, (void *)&c->style);
    return err;
}

/* What stands at ADDRESS, as a PDE and as a PTE. */
static sc_err *show_literal(const struct context *c, uint64_t address) {
    sc_space *space = sc_target_space(sc_session_target(c->session));
    unsigned size = c->paging->mode == SC_PAGING_X86 ? 4 : 8;
    struct walk w;
    uint64_t value;
    init_walk(&w, address);
    enum sc_read status = sc_space_uint(space, address, size, &value);
    char why[SC_WHY_TEXT];
    if (status != SC_READ_OK)
        return sc_err_mem(address, "!pte: memory at 0x%" PRIx64 " is %s", address,
                          sc_space_why(space, address, status, why));
    w.literal = true;
    w.entries = w.entry;
    w.nentries = 2;
    for (unsigned i = 0; i < 2; i++) {
        struct entry *e = &w.entry[i];
        *e = (struct entry){.name = sc_pte_level(1 - i), .level = 1 - i, .reached = true};
        e->address = address;
        e->physical = e->pfn = SC_UNSET64;
        e->value = value;
        decode(c->paging, e);
    }
    w.kind = w.entry[1].kind;
    sc_record(sc_session_out(c->session), &walk_type, &w, walk_text, (void *)&c->style);
    return NULL;
}

static sc_err *show_range(const struct context *c, uint64_t start, uint64_t end) {
    if ((end - start) / PAGE >= PAGES_MAX)
        return sc_errf(SC_ERR_LIMIT, "!pte: the range has more than 0x%x pages", PAGES_MAX);
    for (uint64_t va = start; va <= end && !sc_out_failed(sc_session_out(c->session));) {
        if (sc_target_cancelled(sc_session_target(c->session)))
            return sc_err_cancelled();
        sc_err *err = show_va(c, va);
        uint64_t next = (va & ~(uint64_t)(PAGE - 1)) + PAGE;
        if (err || next < va)
            return err;
        va = next;
    }
    return NULL;
}

/* ---- the commands ---- */

static sc_err *open_context(sc_session *s, const char *command, struct context *ret) {
    sc_target *target = sc_session_target(s);
    struct nt nt;
    *ret = (struct context){.session = s};
    if (!sc_target_has_paging(target))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s: this dump holds no page tables: it is no dump of whole memory",
                       command);
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_ptes_find(&nt, &ret->ptes, &ret->has_ptes);
    if (err)
        return err;
    ret->paging = sc_target_paging(target);
    ret->style = (struct style){.mode = ret->paging->mode,
                                .stores = ret->paging->stores,
                                .ptr_size = sc_target_ptr_size(target),
                                .width = ret->paging->mode == SC_PAGING_X86 ? 24 : 27,
                                .enrich = sc_session_enrich(s)};
    return NULL;
}

static sc_err *run_pte(sc_session *s, const struct sc_args *args) {
    struct context c;
    sc_err *err = open_context(s, "!pte", &c);
    if (err)
        return err;
    sc_space *space = sc_target_space(sc_session_target(s));
    uint64_t va = sc_space_canon(space, args->v[0].num);
    uint64_t more = args->v[1].given ? sc_space_canon(space, args->v[1].num) : 0;
    if (more > va)
        return show_range(&c, va, more);
    if (more)
        return show_literal(&c, va);
    if (c.has_ptes && nt_ptes_contain(&c.ptes, va))
        va = nt_pte_va(&c.ptes, va);
    return show_va(&c, va);
}

struct mapped {
    uint64_t pte, va;
};
static const struct sc_field mapped_fields[] = {
    SC_FIELD(struct mapped, pte, SC_F_ADDR), SC_FIELD(struct mapped, va, SC_F_ADDR), SC_FIELD_END};
static const struct sc_rectype mapped_type = {"pte_address", sizeof(struct mapped), mapped_fields};

static void mapped_text(sc_out *out, const void *record, void *ctx) {
    const struct mapped *m = record;
    const unsigned *ptr_size = ctx;
    sc_printf(out, "%0*" PRIx64 "\n", (int)*ptr_size * 2, m->va);
}

static sc_err *run_pte2va(sc_session *s, const struct sc_args *args) {
    struct context c;
    sc_err *err = open_context(s, "!pte2va", &c);
    if (err)
        return err;
    uint64_t pte = sc_space_canon(sc_target_space(sc_session_target(s)), args->v[0].num);
    if (!c.has_ptes)
        return sc_errf(SC_ERR_NOT_FOUND, "!pte2va: where the page tables are mapped is not known");
    if (!nt_ptes_contain(&c.ptes, pte)) {
        uint64_t start, size;
        nt_ptes_range(&c.ptes, &start, &size);
        return sc_errf(SC_ERR_ARG, "!pte2va: the page tables are at %" PRIx64 " - %" PRIx64, start,
                       start + (size - 1));
    }
    const struct mapped m = {pte, nt_pte_va(&c.ptes, pte)};
    sc_record(sc_session_out(s), &mapped_type, &m, mapped_text, &c.style.ptr_size);
    return NULL;
}

static const struct sc_arg pte_args[] = {
    {SC_ARG_EXPR, "address", NULL, false, "a virtual address, or that of a page table entry"},
    {SC_ARG_EXPR, "end", NULL, true,
     "1: the entry that stands at the address; greater than it: the last of a range"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg pte2va_args[] = {
    {SC_ARG_EXPR, "pte", NULL, false, "address of a page table entry"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_pte_commands[] = {
    {.name = "!pte",
     .brief = "show the page table entries of an address",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the regions of the process's memory",
     .args = pte_args,
     .help = "Of a valid entry: the page frame, and C copy on write, G global, L large, D dirty, A "
             "accessed, N not cached, T write through, U user or K kernel, W writable or R, E "
             "executable, V valid. Of another one what Windows keeps in it: Transition (the page "
             "is still in memory), PageFile, DemandZero, Proto (a prototype entry tells; VAD: the "
             "VAD knows where it is).\n"
             "Below stands what prototype entry and VAD say. Addresses of processes are those of "
             ".process.",
     .sample = "!pte @$ip",
     .run = run_pte},
    {.name = "!pte2va",
     .brief = "show the address that a page table entry maps",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the regions of the process's memory",
     .args = pte2va_args,
     .sample = "!pte2va 0xfffff68000000000",
     .run = run_pte2va},
    {.name = NULL},
};
