/* SPDX-License-Identifier: MIT */
/*
 * `!memusage`: physical memory by list and by user, from the PFN database.
 *
 *     !memusage [0]   both      !memusage 1   the modified no-write pages, in short
 *     !memusage 8     lists     !memusage 2   those pages, by user
 *
 * Layout of the published samples. What they count beside these lists (SLIST, "dangling" pages) is
 * not documented and left out.
 */
#include <inttypes.h>

#include "cmd/kernel.h"
#include "nt/pfnuse.h"

struct list {
    const char *name;
    uint64_t pages, kb;
};
static const struct sc_field list_fields[] = {SC_FIELD(struct list, name, SC_F_STR),
                                              SC_FIELD(struct list, pages, SC_F_U64),
                                              SC_FIELD(struct list, kb, SC_F_U64), SC_FIELD_END};
static const struct sc_rectype list_type = {"page_list", sizeof(struct list), list_fields};

static void list_text(sc_out *out, const void *record, void *ctx) {
    const struct list *l = record;
    (void)ctx;
    sc_printf(out, "%19s: %8" PRIu64 " (%8" PRIu64 " kb)\n", l->name, l->pages, l->kb);
}

static void show_list(sc_session *s, const char *name, uint64_t pages) {
    const struct list l = {name, pages, pages * 4};
    sc_record(sc_session_out(s), &list_type, &l, list_text, NULL);
}

struct user {
    uint64_t key;
    const char *kind, *name;
    uint64_t valid, standby, dirty, shared, locked, page_tables; /* KB */
};
static const struct sc_field user_fields[] = {
    SC_FIELD(struct user, key, SC_F_ADDR),        SC_FIELD(struct user, kind, SC_F_STR),
    SC_FIELD(struct user, name, SC_F_STR),        SC_FIELD(struct user, valid, SC_F_U64),
    SC_FIELD(struct user, standby, SC_F_U64),     SC_FIELD(struct user, dirty, SC_F_U64),
    SC_FIELD(struct user, shared, SC_F_U64),      SC_FIELD(struct user, locked, SC_F_U64),
    SC_FIELD(struct user, page_tables, SC_F_U64), SC_FIELD_END};
static const struct sc_rectype user_type = {"memory_user", sizeof(struct user), user_fields};

static const char *kind_word(enum nt_user_kind kind) {
    static const char *const words[] = {
        [NT_USER_FILE] = "mapped_file",        [NT_USER_SECTION] = "page_file_section",
        [NT_USER_PROTOTYPE] = "shared",        [NT_USER_PROCESS] = "process",
        [NT_USER_UNKNOWN_PROCESS] = "process", [NT_USER_KERNEL] = "kernel",
        [NT_USER_DRIVER] = "driver",           [NT_USER_OTHER] = "other"};
    return words[kind];
}

static void user_name(sc_out *out, const struct user *u, enum nt_user_kind kind) {
    switch (kind) {
    case NT_USER_FILE:
        sc_printf(out, "mapped_file( %s )", u->name ? u->name : "No name for file");
        break;
    case NT_USER_SECTION: sc_puts(out, "Page File Section"); break;
    case NT_USER_PROTOTYPE: sc_puts(out, "shared: whose is not known"); break;
    case NT_USER_PROCESS: sc_printf(out, "process ( %s )", u->name ? u->name : "?"); break;
    case NT_USER_UNKNOWN_PROCESS: sc_puts(out, "process: not in the list of processes"); break;
    case NT_USER_DRIVER: sc_printf(out, "driver ( %s )", u->name); break;
    case NT_USER_KERNEL: sc_printf(out, "%s", u->name); break;
    case NT_USER_OTHER: sc_puts(out, "not mapped by page tables"); break;
    }
}

struct style {
    enum nt_user_kind kind;
    unsigned ptr_size;
};

static void user_text(sc_out *out, const void *record, void *ctx) {
    const struct user *u = record;
    const struct style *s = ctx;
    char addr[SC_NT_BUF];
    static const char none[] = "----------------";
    if (u->key == SC_UNSET64)
        sc_printf(out, "%.*s", (int)s->ptr_size * 2, none);
    else
        sc_puts(out, sc_nt_ptr_text(u->key, s->ptr_size, addr));
    sc_printf(out,
              " %5" PRIu64 " %6" PRIu64 " %5" PRIu64 " %5" PRIu64 " %5" PRIu64 " %5" PRIu64 "  ",
              u->valid, u->standby, u->dirty, u->shared, u->locked, u->page_tables);
    user_name(out, u, s->kind);
    sc_puts(out, "\n");
}

static void show_user(sc_session *s, const struct nt_user *n) {
    bool has_key = n->kind == NT_USER_FILE || n->kind == NT_USER_PROCESS ||
                   n->kind == NT_USER_DRIVER || (n->kind == NT_USER_SECTION && n->key);
    struct style style = {n->kind, sc_session_ptr_size(s)};
    const struct user u = {.key = has_key ? n->key : SC_UNSET64,
                           .kind = kind_word(n->kind),
                           .name = n->name && *n->name && *n->name != ' ' ? n->name : NULL,
                           .valid = n->valid * 4,
                           .standby = n->standby * 4,
                           .dirty = n->dirty * 4,
                           .shared = n->shared * 4,
                           .locked = n->locked * 4,
                           .page_tables = n->page_tables * 4};
    if (n->valid || n->standby || n->dirty || n->page_tables)
        sc_record(sc_session_out(s), &user_type, &u, user_text, &style);
}

static void show_lists(sc_session *s, const struct nt_pfnuse *use) {
    static const uint8_t order[] = {NT_PAGE_ZEROED,
                                    NT_PAGE_FREE,
                                    NT_PAGE_STANDBY,
                                    NT_PAGE_MODIFIED,
                                    NT_PAGE_MODIFIED_NO_WRITE,
                                    NT_PAGE_ACTIVE,
                                    NT_PAGE_TRANSITION,
                                    NT_PAGE_BAD};
    for (size_t i = 0; i < sizeof order; i++)
        show_list(s, nt_page_location_name(order[i]), use->location[order[i]]);
    show_list(s, "Unknown", use->absent);
    show_list(s, "TOTAL", use->total + use->absent);
    if (use->absent)
        sc_remark(sc_session_out(s),
                  "Unknown: the dump does not hold their part of the PFN database.");
}

static void show_users(sc_session *s, const struct nt_pfnuse *use, bool dirty_only) {
    sc_out *out = sc_session_out(s);
    sc_puts(out, "\n  Usage Summary (in Kb):\n");
    sc_printf(out, "%-*s Valid Standby Dirty Shared Locked PageTables  name\n",
              (int)sc_session_ptr_size(s) * 2 - 1, "Control");
    for (size_t i = 0; i < use->nusers && !sc_out_failed(out); i++)
        if (!dirty_only || use->user[i].dirty)
            show_user(s, &use->user[i]);
    if (use->users_missing)
        sc_remark(out, "Only the first %d users are shown.", NT_USERS_MAX);
}

static sc_err *run_memusage(sc_session *s, const struct sc_args *args) {
    uint64_t flags = args->v[0].given ? args->v[0].num : 0;
    struct nt nt;
    struct nt_pfndb db;
    struct nt_pfnuse use;
    if (flags > 2 && flags != 8)
        return sc_errf(SC_ERR_ARG, "!memusage: flags are 0, 1, 2 or 8");
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_pfndb_open(&nt, &db);
    if (!err)
        err = nt_pfnuse_count(&db, flags == 0 || flags == 2, args->arena, &use);
    if (err)
        return sc_err_prefix(err, "!memusage");
    if (flags == 0 || flags == 8)
        show_lists(s, &use);
    if (flags == 1)
        show_list(s, nt_page_location_name(NT_PAGE_MODIFIED_NO_WRITE),
                  use.location[NT_PAGE_MODIFIED_NO_WRITE]);
    if (flags == 0 || flags == 2)
        show_users(s, &use, flags == 2);
    if (!db.nruns)
        sc_remark(
            sc_session_out(s),
            "Where RAM has holes is not known, since nt!MmPhysicalMemoryBlock cannot be read: "
            "they count as pages.");
    sc_nt_assumed(s, use.assumed);
    return NULL;
}

static const struct sc_arg memusage_args[] = {
    {SC_ARG_EXPR, "flags", NULL, true,
     "0 all, 1 only modified no-write pages, 2 those by user, 8 only the lists"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_memusage_commands[] = {
    {.name = "!memusage",
     .brief = "count physical memory by list and by who uses it",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the regions of the process's memory",
     .args = memusage_args,
     .help = "From the PFN database. Valid: in use; Standby: still there, free when needed; Dirty: "
             "modified, to be written; Locked: in use by more than its page tables. Control is the "
             "control area of a mapped file, the process, or the driver's base. Page tables count "
             "for the process they are of.",
     .sample = "!memusage 8",
     .run = run_memusage},
    {.name = NULL},
};
