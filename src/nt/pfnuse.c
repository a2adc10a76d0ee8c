/* SPDX-License-Identifier: MIT */
/*
 * A page's user is found from its entry:
 *
 *   PrototypePte set     OriginalPte says "subsection": its control area, and the file; else the
 *                        section is backed by page files
 *   PteAddress in the    the address that the entry there maps. A process's: the frame of the page
 *   page tables          table leads, table by table, to the top one, which is a process's
 *                        directory. The kernel's: the module or the kind of address. One inside
 *                        the page tables: a page table (unless the entry there is a large page's)
 *
 * Frames of page tables are looked up once. x86 without PAE does not keep the subsection's address
 * in a form that is read here.
 */
#include "nt/pfnuse.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"
#include "mem/paging_impl.h"
#include "nt/mapfile.h"
#include "nt/process.h"
#include "nt/ptes.h"

enum { PAGE = 0x1000, TOP_STEPS = 6, NO_USER = UINT32_MAX };

struct users {
    struct nt_user *item;
    size_t count, room;
};
struct counter {
    const struct nt_pfndb *db;
    const struct nt *nt;
    const struct sc_paging *paging;
    sc_arena *arena;
    struct nt_pfnuse *use;
    struct users users;
    struct sc_map areas;       /* control area -> user */
    struct sc_map subsections; /* subsection -> user */
    struct sc_map directories; /* top frame -> user */
    struct sc_map tables;      /* page table's frame -> top frame */
    struct sc_map names;       /* kind of kernel memory -> user */
    struct sc_map modules;     /* base -> user */
    struct nt_regions regions;
    struct nt_ptes ptes;
    bool has_ptes, want_users;
};

/* ---- users ---- */

/* Index of a new user; NO_USER: there are too many. */
static sc_err *new_user(struct counter *c, enum nt_user_kind kind, uint64_t key, const char *name,
                        uint64_t *ret_index) {
    *ret_index = NO_USER;
    if (c->users.count == NT_USERS_MAX) {
        c->use->users_missing = true;
        return NULL;
    }
    struct nt_user *u = SC_VEC_PUSH(&c->users);
    if (!u)
        return sc_err_nomem();
    u->kind = kind;
    u->key = key;
    u->name = name;
    *ret_index = c->users.count - 1;
    return NULL;
}

/* The user of MAP's NUMBER, or a new one. */
static sc_err *numbered(struct counter *c, struct sc_map *map, enum nt_user_kind kind,
                        uint64_t number, const char *name, uint64_t *ret_index) {
    if (sc_map_get_number(map, number, ret_index))
        return NULL;
    sc_err *err = new_user(c, kind, number, name, ret_index);
    if (!err && !sc_map_put_number(map, number, *ret_index))
        err = sc_err_nomem();
    return err;
}

/* The user of a kind that needs no key, by NAME, which lives as long as the counting. */
static sc_err *named(struct counter *c, enum nt_user_kind kind, const char *name,
                     uint64_t *ret_index) {
    if (sc_map_get(&c->names, name, ret_index))
        return NULL;
    char *copy = sc_arena_strdup(c->arena, name);
    sc_err *err = copy ? new_user(c, kind, 0, copy, ret_index) : sc_err_nomem();
    if (!err && !sc_map_put(&c->names, copy, *ret_index))
        err = sc_err_nomem();
    return err;
}

/* ---- mapped files ---- */

static sc_err *area_user(struct counter *c, uint64_t area, uint64_t *ret_index) {
    const char *name = NULL;
    uint64_t file = 0;
    if (sc_map_get_number(&c->areas, area, ret_index))
        return NULL;
    sc_err *err = nt_control_area_file(c->nt, area, &file);
    if (!err && !file)
        return numbered(c, &c->areas, NT_USER_SECTION, area, NULL, ret_index);
    if (!err)
        err = nt_file_name(c->nt, file, c->arena, &name);
    if (err)
        return err;
    const char *base = name ? strrchr(name, '\\') : NULL;
    return numbered(c, &c->areas, NT_USER_FILE, area, base ? base + 1 : name, ret_index);
}

static sc_err *subsection_user(struct counter *c, uint64_t address, uint64_t *ret_index) {
    struct nt_subsection sub;
    if (sc_map_get_number(&c->subsections, address, ret_index))
        return NULL;
    sc_err *err = nt_subsection_read(c->nt, address, &sub);
    if (!err && nt_set(&sub.control_area) && nt_is_kernel(c->nt, sub.control_area.value))
        err = area_user(c, sub.control_area.value, ret_index);
    else if (!err)
        err = named(c, NT_USER_PROTOTYPE, "", ret_index);
    if (!err && !sc_map_put_number(&c->subsections, address, *ret_index))
        err = sc_err_nomem();
    return err;
}

static sc_err *shared_user(struct counter *c, const struct nt_pfn *p, uint64_t *ret_index) {
    struct sc_translation t = {0};
    sc_entry_decode(c->paging, 0, true, p->original_pte, &t);
    if (t.kind == SC_PTE_SUBSECTION && t.prototype)
        return subsection_user(c, t.prototype, ret_index);
    if (t.kind == SC_PTE_SUBSECTION || t.kind == SC_PTE_PROTOTYPE)
        return named(c, NT_USER_PROTOTYPE, "", ret_index);
    return named(c, NT_USER_SECTION, "Page File Section", ret_index);
}

/* ---- processes ---- */

/*
 * The frames that the entries of a process lead to: its top table, with PAE its four directories
 * (the kernel's may be shared: the first process has them).
 */
static size_t top_frames(const struct counter *c, uint64_t dtb, uint64_t ret_frame[4]) {
    const uint64_t mask = 0xffffffffff000;
    size_t n = 0;
    if (c->paging->mode != SC_PAGING_PAE) {
        ret_frame[0] = (dtb & mask) / PAGE;
        return ret_frame[0] != 0;
    }
    for (unsigned i = 0; i < 4; i++) {
        uint64_t value, at = (dtb & ~(uint64_t)0x1f) + i * 8;
        if (sc_space_uint(c->paging->phys, at, 8, &value) == SC_READ_OK && value & 1)
            ret_frame[n++] = (value & mask) / PAGE;
    }
    return n;
}

static sc_err *add_process(struct counter *c, uint64_t address) {
    struct nt_process p;
    uint64_t frame[4], index, other;
    sc_err *err = nt_process_read(c->nt, address, &p);
    if (err || !nt_process_valid(&p) || !nt_set(&p.f[NT_P_DIR_BASE]))
        return err;
    size_t n = top_frames(c, p.f[NT_P_DIR_BASE].value, frame);
    const char *name = p.image_state == NT_READ ? sc_arena_strdup(c->arena, p.image) : NULL;
    if (p.image_state == NT_READ && !name)
        return sc_err_nomem();
    err = n ? new_user(c, NT_USER_PROCESS, address, name, &index) : NULL;
    for (size_t i = 0; i < n && !err; i++)
        if (!sc_map_get_number(&c->directories, frame[i], &other) &&
            !sc_map_put_number(&c->directories, frame[i], index))
            err = sc_err_nomem();
    return err;
}

static sc_err *find_processes(struct counter *c) {
    struct nt_list list;
    uint64_t link, address;
    bool found = false;
    sc_err *err = nt_processes_begin(c->nt, &list, &found);
    while (!err && found && nt_list_next(&list, &link)) {
        err = nt_process_of_link(c->nt, link, &address);
        if (!err)
            err = add_process(c, address);
    }
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL; /* the symbols do not know processes */
    return err;
}

/* The top table above the page table in FRAME. */
static sc_err *find_top(struct counter *c, uint64_t frame, uint64_t *ret_top) {
    uint64_t at = frame;
    if (sc_map_get_number(&c->tables, frame, ret_top))
        return NULL;
    for (unsigned i = 0; i < TOP_STEPS; i++) {
        struct nt_pfn p;
        uint64_t index;
        bool found = false;
        if (sc_map_get_number(&c->directories, at, &index) || at > c->db->highest)
            break;
        sc_err *err = nt_pfn_read(c->db, at, &p, &found);
        if (err)
            return err;
        if (!found || p.containing == at)
            break;
        at = p.containing;
    }
    *ret_top = at;
    return sc_map_put_number(&c->tables, frame, at) ? NULL : sc_err_nomem();
}

static sc_err *process_user(struct counter *c, const struct nt_pfn *p, uint64_t *ret_index) {
    uint64_t top;
    sc_err *err = find_top(c, p->containing, &top);
    if (err || sc_map_get_number(&c->directories, top, ret_index))
        return err;
    return named(c, NT_USER_UNKNOWN_PROCESS, " unknown process", ret_index);
}

/* ---- the rest ---- */

static sc_err *kernel_user(struct counter *c, uint64_t va, uint64_t *ret_index) {
    struct nt_region region;
    nt_region_at(&c->regions, va, &region);
    if (region.module)
        return numbered(c, &c->modules, NT_USER_DRIVER, region.module->base, region.module->image,
                        ret_index);
    return named(c, NT_USER_KERNEL, region.va_type, ret_index);
}

/* Does the entry at ADDRESS, in the page tables, map a large page? */
static bool is_large(const struct counter *c, uint64_t address) {
    uint64_t value;
    if (sc_space_uint(c->nt->space, address, c->ptes.entry_size, &value) != SC_READ_OK)
        return false;
    return c->paging->mode == SC_PAGING_ARM64 ? (value & 3) == 1 : (value & 0x81) == 0x81;
}

static sc_err *mapped_user(struct counter *c, const struct nt_pfn *p, bool *ret_table,
                           uint64_t *ret_index) {
    uint64_t va = nt_pte_va(&c->ptes, p->pte_address);
    if (nt_ptes_contain(&c->ptes, va)) {
        bool large = nt_pte_of(&c->ptes, 0, 1) <= p->pte_address && is_large(c, p->pte_address);
        *ret_table = !large;
        for (unsigned i = 0; i < TOP_STEPS && nt_ptes_contain(&c->ptes, va); i++)
            va = nt_pte_va(&c->ptes, va);
    }
    if (!nt_is_kernel(c->nt, va) && !nt_ptes_contain(&c->ptes, va))
        return process_user(c, p, ret_index);
    if (*ret_table) /* tables of the kernel, and the top ones */
        return sc_map_get_number(&c->directories, p->pfn, ret_index)
                   ? NULL
                   : named(c, NT_USER_KERNEL, "PageTables", ret_index);
    return kernel_user(c, va, ret_index);
}

static void add_to(struct nt_user *u, const struct nt_pfn *p, bool table) {
    bool active = p->location == NT_PAGE_ACTIVE || p->location == NT_PAGE_TRANSITION;
    u->valid += active && !table;
    u->page_tables += active && table;
    u->standby += p->location == NT_PAGE_STANDBY;
    u->dirty += p->location == NT_PAGE_MODIFIED || p->location == NT_PAGE_MODIFIED_NO_WRITE;
    u->shared += active && p->prototype && p->blink_or_share > 1;
    u->locked += active && p->reference_count > 1;
}

static sc_err *count_page(void *ctx, const struct nt_pfn *p) {
    struct counter *c = ctx;
    uint64_t index = NO_USER;
    bool table = false;
    c->use->location[p->location % NT_PAGE_LOCATIONS]++;
    c->use->total++;
    if (!c->want_users || p->location < NT_PAGE_STANDBY || p->location == NT_PAGE_BAD)
        return NULL;
    sc_err *err;
    if (p->prototype)
        err = shared_user(c, p, &index);
    else if (c->has_ptes && nt_ptes_contain(&c->ptes, p->pte_address))
        err = mapped_user(c, p, &table, &index);
    else
        err = named(c, NT_USER_OTHER, " other", &index);
    if (!err && index < c->users.count)
        add_to(&c->users.item[index], p, table);
    return err;
}

static int by_kind(const void *a, const void *b) {
    const struct nt_user *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return strcmp(x->name ? x->name : "", y->name ? y->name : "");
}

static void end(struct counter *c) {
    struct sc_map *maps[] = {&c->areas,  &c->subsections, &c->directories,
                             &c->tables, &c->names,       &c->modules};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        sc_map_free(maps[i]);
    SC_VEC_FREE(&c->users);
    nt_regions_deinit(&c->regions);
}

static sc_err *begin_users(struct counter *c) {
    if (!sc_target_has_paging(c->nt->target))
        return sc_errf(SC_ERR_UNSUPPORTED, "who uses memory is told by page tables, which this "
                                           "dump does not hold");
    sc_err *err = nt_ptes_find(c->nt, &c->ptes, &c->has_ptes);
    if (!err)
        err = nt_regions_init(&c->regions, c->nt);
    return err ? err : find_processes(c);
}

sc_err *nt_pfnuse_count(const struct nt_pfndb *db, bool users, sc_arena *arena,
                        struct nt_pfnuse *ret) {
    struct counter c = {.db = db,
                        .nt = db->nt,
                        .paging = sc_target_paging(db->nt->target),
                        .arena = arena,
                        .use = ret,
                        .want_users = users};
    *ret = (struct nt_pfnuse){.assumed = db->assumed};
    sc_err *err = users ? begin_users(&c) : NULL;
    if (!err)
        err = nt_pfndb_each(db, count_page, &c, &ret->absent);
    if (!err && c.users.count) {
        qsort(c.users.item, c.users.count, sizeof *c.users.item, by_kind);
        ret->user = sc_arena_array(arena, c.users.count, sizeof *ret->user);
        if (ret->user)
            memcpy(ret->user, c.users.item, c.users.count * sizeof *ret->user);
        else
            err = sc_err_nomem();
        ret->nusers = c.users.count;
    }
    end(&c);
    return err;
}
