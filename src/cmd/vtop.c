/* SPDX-License-Identifier: MIT */
/*
 * `!vtop`: the way from a virtual address to a physical one, entry by entry.
 *
 *     !vtop [directory] address      directory: DirBase of !process or its page number; 0: the
 *                                    current one
 *
 *     Amd64VtoP: Virt 00007ff763e90000, pagedir 0000000253ef0000
 *     Amd64VtoP: PML4E 0000000253ef07f8
 *     …
 *     Amd64VtoP: Mapped phys 0000000814c3c000
 *     Virtual address 7ff763e90000 translates to physical address 814c3c000.
 *
 * Published listings give the lines of x64 and PAE, and how they fail (a zero entry, an entry in a
 * page file). Those of x86 without PAE are written as PAE's without that word; ARM64's are not
 * known. Bits of a directory's address that are flags are ignored.
 */
#include <inttypes.h>

#include "cmd/procspace.h"

enum { LEVELS_MAX = 9, PAGE = 0x1000 };

struct entry {
    const char *name;
    uint64_t physical, value; /* PHYSICAL all ones: its table is in … */
    int64_t pagefile;         /* … a page file, INT64_MIN none */
    uint64_t pagefile_offset; /* of the entry, in bytes */
    const char *kind;
};
static const struct sc_field entry_fields[] = {SC_FIELD(struct entry, name, SC_F_STR),
                                               SC_FIELD(struct entry, physical, SC_F_ADDR),
                                               SC_FIELD(struct entry, value, SC_F_HEX64),
                                               SC_FIELD(struct entry, kind, SC_F_STR),
                                               SC_FIELD(struct entry, pagefile, SC_F_NUM),
                                               SC_FIELD(struct entry, pagefile_offset, SC_F_ADDR),
                                               SC_FIELD_END};
static const struct sc_rectype entry_type = {"pte", sizeof(struct entry), entry_fields};

struct result {
    uint64_t va, directory, physical, page_size;
    const char *kind, *status;
    struct entry *entries;
    size_t nentries;
    int64_t pagefile;
    uint64_t pagefile_page, prototype;
    struct entry entry[LEVELS_MAX];
    unsigned levels; /* of `entries`: the others are prototype entries */
};
static const struct sc_field result_fields[] = {
    SC_FIELD(struct result, va, SC_F_ADDR),
    SC_FIELD(struct result, directory, SC_F_ADDR),
    SC_FIELD_LIST(struct result, entries, nentries, &entry_type),
    SC_FIELD(struct result, kind, SC_F_STR),
    SC_FIELD(struct result, status, SC_F_STR),
    SC_FIELD(struct result, physical, SC_F_ADDR),
    SC_FIELD(struct result, page_size, SC_F_HEX64),
    SC_FIELD(struct result, pagefile, SC_F_NUM),
    SC_FIELD(struct result, pagefile_page, SC_F_ADDR),
    SC_FIELD(struct result, prototype, SC_F_ADDR),
    SC_FIELD_END};
static const struct sc_rectype result_type = {"translation", sizeof(struct result), result_fields};

struct style {
    enum sc_paging_mode mode;
    bool enrich;
    const struct sc_translation *tr;
};

static const char *level_name(enum sc_paging_mode mode, unsigned level) {
    static const char *const names[] = {"PTE", "PDE", "PDPE", "PML4E", "PML5E"};
    return level == 2 && mode == SC_PAGING_ARM64 ? "PPE" : level < 5 ? names[level] : "?";
}

static const char *prefix(enum sc_paging_mode mode) {
    return mode == SC_PAGING_ARM64                          ? "Arm64VtoP: "
           : mode == SC_PAGING_X86 || mode == SC_PAGING_PAE ? "X86VtoP: "
                                                            : "Amd64VtoP: ";
}

/* ---- text ---- */

static void entry_lines(sc_out *out, const struct result *r, const struct style *s) {
    bool values = s->mode == SC_PAGING_X86 || s->mode == SC_PAGING_PAE;
    const char *pae = s->mode == SC_PAGING_PAE ? "PAE " : "";
    for (unsigned i = 0; i < r->levels; i++) {
        const struct entry *e = &r->entry[i];
        if (e->pagefile != INT64_MIN)
            sc_printf(out, "%s%s%s pagefile %" PRId64 ":%016" PRIx64, prefix(s->mode), pae, e->name,
                      e->pagefile, e->pagefile_offset);
        else
            sc_printf(out, "%s%s%s %016" PRIx64, prefix(s->mode), pae, e->name, e->physical);
        if (values && r->entry[i].kind)
            sc_printf(out, " - %016" PRIx64, r->entry[i].value);
        sc_puts(out, "\n");
    }
}

/* Why it ends at an entry that is not valid. */
static void end_line(sc_out *out, const struct result *r, const struct style *s) {
    const struct entry *last = &r->entry[r->levels - 1];
    const char *pae = s->mode == SC_PAGING_PAE ? "PAE " : "", *p = prefix(s->mode);
    const char *page = s->tr->pte[r->levels - 1].level ? "page table" : "page";
    switch (s->tr->pte[r->levels - 1].kind) {
    case SC_PTE_UNREADABLE:
        sc_printf(out, "%s%s%s read error: it is not in this dump\n", p, pae, last->name);
        break;
    case SC_PTE_NONE: sc_printf(out, "%s%szero %s\n", p, pae, last->name); break;
    case SC_PTE_PAGEFILE:
        sc_printf(out, "%s%spagefile %s %u:%016" PRIx64 "\n", p, pae, page, s->tr->pagefile,
                  s->tr->pagefile_page * PAGE);
        sc_printf(out, "%s%s%s not present, 0xD0000147\n", p, pae, last->name);
        break;
    default: sc_printf(out, "%s%s%s not present, 0xD0000147\n", p, pae, last->name); break;
    }
}

static void beyond(sc_out *out, const struct result *r, const struct style *s) {
    for (size_t i = r->levels; i < r->nentries; i++)
        sc_printf(out, "  prototype PTE at %" PRIx64 " contains %016" PRIx64 ": %s\n",
                  r->prototype == SC_UNSET64 ? 0 : r->prototype, r->entry[i].value,
                  r->entry[i].kind ? r->entry[i].kind : "unreadable");
    bool in_file = s->tr->kind == SC_PTE_PAGEFILE && r->levels;
    if (in_file && s->tr->pte[r->levels - 1].level)
        sc_printf(out, "  page table paged out: page file %u page 0x%" PRIx64 "\n", s->tr->pagefile,
                  s->tr->pagefile_page);
    else if (r->levels == r->nentries && s->tr->kind != SC_PTE_VALID && s->tr->kind != SC_PTE_NONE)
        sc_printf(out, "  the entry says: %s\n", r->kind);
    if (in_file && s->tr->status == SC_READ_COMPRESSED)
        sc_printf(out, "  %s\n", r->status);
}

static void result_text(sc_out *out, const void *record, void *ctx) {
    const struct result *r = record;
    const struct style *s = ctx;
    const char *pae = s->mode == SC_PAGING_PAE ? "PAE " : "";
    sc_printf(out, "%sVirt %016" PRIx64 ", pagedir %016" PRIx64 "\n", prefix(s->mode), r->va,
              r->directory);
    entry_lines(out, r, s);
    bool found = r->physical != SC_UNSET64;
    if (found)
        sc_printf(out, "%s%s%s %016" PRIx64 "\n", prefix(s->mode), pae,
                  r->page_size > PAGE ? "Large page mapped phys" : "Mapped phys", r->physical);
    else if (r->levels)
        end_line(out, r, s);
    if (s->enrich)
        beyond(out, r, s);
    if (found)
        sc_printf(out, "Virtual address %" PRIx64 " translates to physical address %" PRIx64 ".\n",
                  r->va, r->physical);
    else
        sc_printf(out, "Virtual address %" PRIx64 " translation fails, error 0xD0000147.\n", r->va);
    if (found && s->tr->status != SC_READ_OK && s->enrich)
        sc_printf(out, "  the page is not in this dump: %s\n", r->status);
}

/* ---- facts ---- */

static void take(const struct sc_paging *paging, const struct sc_translation *tr, uint64_t va,
                 struct result *r) {
    *r = (struct result){.va = va,
                         .directory = paging->root,
                         .physical = SC_UNSET64,
                         .page_size = tr->page_size,
                         .kind = sc_pte_kind_name(tr->kind),
                         .status = sc_read_name(tr->status),
                         .pagefile = INT64_MIN,
                         .pagefile_page = SC_UNSET64,
                         .prototype = tr->prototype ? tr->prototype : SC_UNSET64};
    unsigned levels = sc_paging_levels(paging->mode);
    r->entries = r->entry;
    r->nentries = tr->npte < LEVELS_MAX ? tr->npte : LEVELS_MAX;
    r->levels = tr->npte < levels ? tr->npte : levels;
    for (size_t i = 0; i < r->nentries; i++) {
        const struct sc_pte *p = &tr->pte[i];
        bool unread = p->kind == SC_PTE_UNREADABLE;
        r->entry[i] =
            (struct entry){.name = i < levels ? level_name(paging->mode, p->level) : "prototype",
                           .physical = p->paged ? SC_UNSET64 : p->pa,
                           .value = p->value,
                           .pagefile = INT64_MIN,
                           .pagefile_offset = SC_UNSET64,
                           .kind = unread ? NULL : sc_pte_kind_name(p->kind)};
        if (p->paged && i && i < levels) {
            struct sc_translation above;
            sc_pte_decode(paging, p[-1].level, p[-1].value, &above);
            r->entry[i].pagefile = above.pagefile;
            r->entry[i].pagefile_offset = above.pagefile_page * PAGE + p->pa;
        }
    }
    if (tr->kind == SC_PTE_VALID || tr->kind == SC_PTE_TRANSITION)
        r->physical = tr->pa;
    if (tr->kind == SC_PTE_PAGEFILE) {
        r->pagefile = tr->pagefile;
        r->pagefile_page = tr->pagefile_page;
    }
}

/* Is there memory at PA? */
static bool is_memory(sc_target *target, uint64_t pa) {
    uint64_t start, size;
    return sc_space_next(sc_target_phys(target), pa, &start, &size) && start <= pa;
}

/*
 * The directory that V means: an address, or its page number. Directories lie on pages (with PAE
 * on multiples of 32), so a number that does not is a page's if there is memory at that page.
 */
static uint64_t directory(sc_target *target, const struct sc_paging *paging, uint64_t v) {
    bool pae = paging->mode == SC_PAGING_PAE;
    uint64_t low = pae ? 0x1f : 0xfff;
    if (v & low && v <= UINT64_MAX >> 12 && is_memory(target, v << 12) &&
        !(v >> 12 && is_memory(target, v & ~low)))
        return v << 12;
    if (v & low && v < 0x100000 && is_memory(target, v << 12))
        return v << 12;
    return v & ~low;
}

static sc_err *run_vtop(sc_session *s, const struct sc_args *args) {
    sc_target *target = sc_session_target(s);
    struct nt nt;
    struct sc_translation tr;
    struct result r;
    if (!sc_target_has_paging(target))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "!vtop: this dump holds no page tables: it is no dump of whole memory");
    sc_err *err = sc_session_nt(s, &nt); /* entries are those that the symbols describe */
    if (err && sc_err_code(err) != SC_ERR_NOT_FOUND)
        return err;
    sc_err_destroy(err);
    struct sc_paging paging = *sc_target_paging(target);
    bool two = args->v[1].given;
    uint64_t va = sc_space_canon(sc_target_space(target), args->v[two].num);
    if (two && args->v[0].num)
        paging.root = directory(target, &paging, sc_session_physical(s, args->v[0].num));
    sc_translate(&paging, va, &tr);
    take(&paging, &tr, va, &r);
    struct style style = {paging.mode, sc_session_enrich(s), &tr};
    sc_record(sc_session_out(s), &result_type, &r, result_text, &style);
    return NULL;
}

static const struct sc_arg vtop_args[] = {
    {SC_ARG_EXPR, "directory", NULL, false,
     "DirBase of !process or its page number; 0: the current one. Alone: the address"},
    {SC_ARG_EXPR, "address", NULL, true, "virtual"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_vtop_commands[] = {
    {.name = "!vtop",
     .brief = "translate a virtual address to a physical one, with every entry on the way",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the regions of the process's memory",
     .args = vtop_args,
     .help = "Pages in transition and those that a prototype entry leads to are found, too; it is "
             "said below. Of pages that are not in memory: !pte.",
     .sample = "!vtop 0 @$ip",
     .run = run_vtop},
    {.name = NULL},
};
