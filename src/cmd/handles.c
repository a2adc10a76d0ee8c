/* SPDX-License-Identifier: MIT */
/*
 * `!handle`. For user minidumps here: the handles that were open, from the HandleData stream.
 * Layout as in Microsoft's description of the command; what an object is beyond that is shown as
 * the dump names it, not decoded. For kernels: khandle.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"
#include "cmd/khandle.h"
#include "cmd/show.h"
#include "stopcode/minidump.h"

/* Flags of the command: what is shown of each handle. */
enum { SHOW_TYPE = 1, SHOW_BASIC = 2, SHOW_NAME = 4, SHOW_OBJECT = 8 };

struct row {
    uint64_t handle;
    const char *type, *name;
    uint32_t attributes, access, handle_count, pointer_count;
    const char **info; /* names of the object information records */
    size_t ninfo;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct row, handle, SC_F_HEX64),
    {"object_type", SC_F_STR, offsetof(struct row, type), 0, NULL, NULL},
    SC_FIELD(struct row, name, SC_F_STR),
    SC_FIELD(struct row, attributes, SC_F_HEX32),
    SC_FIELD(struct row, access, SC_F_HEX32),
    SC_FIELD(struct row, handle_count, SC_F_U32),
    SC_FIELD(struct row, pointer_count, SC_F_U32),
    SC_FIELD_STRS(struct row, info, ninfo),
    SC_FIELD_END};
static const struct sc_rectype type = {"handle", sizeof(struct row), fields};

/* The standard rights, the same for all types. */
static void rights_text(sc_out *out, uint32_t access) {
    static const char *const names[] = {"Delete", "ReadControl", "WriteDac", "WriteOwner", "Synch"};
    const char *gap = "         ";
    for (unsigned i = 0; i < 5; i++)
        if (access >> (16 + i) & 1) {
            sc_printf(out, "%s%s", gap, names[i]);
            gap = ",";
        }
    if (*gap == ',')
        sc_puts(out, "\n");
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const unsigned *show = ctx;
    sc_printf(out, "Handle %llx\n", (unsigned long long)r->handle);
    if (*show & SHOW_TYPE)
        sc_printf(out, "  Type         \t%s\n", r->type ? r->type : "<none>");
    if (*show & SHOW_BASIC) {
        sc_printf(out, "  Attributes   \t%x\n  GrantedAccess\t0x%x:\n", r->attributes, r->access);
        rights_text(out, r->access);
        sc_printf(out, "  HandleCount  \t%u\n  PointerCount \t%u\n", r->handle_count,
                  r->pointer_count);
    }
    if (*show & SHOW_NAME)
        sc_printf(out, "  Name         \t%s\n", r->name && *r->name ? r->name : "<none>");
    if (*show & SHOW_OBJECT && r->ninfo) {
        sc_puts(out, "  Object information in the dump\n");
        for (size_t i = 0; i < r->ninfo; i++)
            sc_printf(out, "    %s\n", r->info[i]);
    }
}

/* ---- totals ---- */

struct total {
    const char *type;
    uint64_t count;
};
static const struct sc_field total_fields[] = {
    {"object_type", SC_F_STR, offsetof(struct total, type), 0, NULL, NULL},
    SC_FIELD(struct total, count, SC_F_U64),
    SC_FIELD_END};
static const struct sc_rectype total_type = {"handle_total", sizeof(struct total), total_fields};

static void total_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct total *t = record;
    sc_printf(out, "%-15s\t%llu\n", t->type, (unsigned long long)t->count);
}

/* Counts by type, in the order in which the types first appear. */
struct totals {
    struct total *item;
    size_t count, room;
    struct sc_map index; /* type to index, plus one */
    size_t all;
};

static sc_err *count_one(struct totals *t, const char *name) {
    uint64_t at;
    name = name ? name : "None";
    if (!sc_map_get(&t->index, name, &at)) {
        struct total *n = SC_VEC_PUSH(t);
        if (!n || !sc_map_put(&t->index, name, t->count))
            return sc_err_nomem();
        n->type = name;
        at = t->count;
    }
    t->item[at - 1].count++;
    t->all++;
    return NULL;
}

static void show_totals(sc_out *out, const struct totals *t) {
    sc_printf(out, "%zu Handles\nType           \tCount\n", t->all);
    for (size_t i = 0; i < t->count; i++)
        sc_record(out, &total_type, &t->item[i], total_text, NULL);
}

/* ---- the command ---- */

/* More about the object than Windows ever writes is not collected. */
enum { INFO_MAX = 16 };

static sc_err *collect_info(struct sc_source *source, const struct sc_mdmp_handle *h,
                            struct row *row, sc_arena *arena) {
    const char **names = sc_arena_array(arena, INFO_MAX, sizeof *names);
    if (!names)
        return sc_err_nomem();
    row->info = names;
    for (size_t i = 0; i < INFO_MAX; i++) {
        struct sc_mdmp_object_info info;
        bool more = true;
        sc_err *err = sc_mdmp_object_info(source, h, i, &info, &more);
        if (err || !more)
            return err;
        names[row->ninfo++] = info.name ? info.name : "unknown";
    }
    return NULL;
}

struct want {
    bool all;
    uint64_t handle;
    const char *type; /* NULL: any */
    unsigned show;
};

static sc_err *show_handle(sc_session *session, struct sc_source *source,
                           const struct sc_mdmp_handle *h, struct want *want, sc_arena *arena) {
    struct row r = {.handle = h->handle,
                    .type = h->type,
                    .name = h->object,
                    .attributes = h->attributes,
                    .access = h->access,
                    .handle_count = h->handle_count,
                    .pointer_count = h->pointer_count};
    if (want->show & SHOW_OBJECT && h->info_rva) {
        sc_err *err = collect_info(source, h, &r, arena);
        if (err)
            return err;
    }
    sc_record(sc_session_out(session), &type, &r, row_text, &want->show);
    return NULL;
}

static bool wanted(const struct sc_mdmp_handle *h, const struct want *want) {
    if (!want->all && h->handle != want->handle)
        return false;
    return !want->type || (h->type && !strcmp(h->type, want->type));
}

static sc_err *walk(sc_session *session, struct sc_source *source, struct want *want,
                    struct totals *totals, sc_arena *arena) {
    for (size_t i = 0;; i++) {
        struct sc_mdmp_handle h;
        bool more = true;
        if (sc_target_cancelled(sc_session_target(session)))
            return sc_err_cancelled();
        sc_err *err = sc_mdmp_handle(source, i, &h, &more);
        if (err || !more)
            return err;
        if (!wanted(&h, want))
            continue;
        err = count_one(totals, h.type);
        if (!err)
            err = show_handle(session, source, &h, want, arena);
        if (err)
            return err;
    }
}

enum { HANDLE_DATA = 12 };

static sc_err *run_user(sc_session *session, const struct sc_args *args) {
    /* The target's own source: records are read when asked for. */
    struct sc_source *source = (struct sc_source *)sc_target_source(sc_session_target(session));
    struct totals totals = {0};
    uint64_t handle = args->v[0].num;
    struct want want = {.all = !args->v[0].given || !handle || handle == UINT64_MAX,
                        .handle = handle,
                        .type = args->v[2].given ? args->v[2].text : NULL,
                        .show = args->v[1].given ? (unsigned)(args->v[1].num & 15) : SHOW_TYPE};
    if (!sc_mdmp_stream(source, HANDLE_DATA)) {
        sc_remark(sc_session_out(session), "This dump has no handle data%s.",
                  sc_target_machine(sc_session_target(session))->windows
                      ? ": it is written with MiniDumpWithHandleData"
                      : "");
        return NULL;
    }
    sc_err *err = walk(session, source, &want, &totals, args->arena);
    if (!err && !want.all && !totals.all)
        err = sc_errf(SC_ERR_NOT_FOUND, "no handle 0x%llx was open", (unsigned long long)handle);
    if (!err && want.all)
        show_totals(sc_session_out(session), &totals);
    sc_map_free(&totals.index);
    SC_VEC_FREE(&totals);
    return err;
}

static sc_err *run_handle(sc_session *session, const struct sc_args *args) {
    if (sc_target_machine(sc_session_target(session))->kernel)
        return sc_run_kernel_handle(session, args);
    if (args->v[3].given)
        return sc_errf(SC_ERR_ARG, "!handle: of a process's dump no process can be chosen: "
                                   "!handle [handle [flags [type]]]");
    return run_user(session, args);
}

static const struct sc_arg handle_args[] = {
    {SC_ARG_EXPR, "handle", NULL, true, "0 or -1: all"},
    {SC_ARG_EXPR, "flags", NULL, true, "see below"},
    {SC_ARG_WORD, "process", NULL, true, "of a kernel: its address or id, 0 all; else the type"},
    {SC_ARG_WORD, "type", NULL, true, "only handles of this type, such as Event"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_handle_commands[] = {
    {.name = "!handle",
     .brief = "show the handles that were open in a process",
     .needs = SC_NEED_TARGET,
     .args = handle_args,
     .help =
         "Of a process's dump: !handle lists all with their types and counts them; !handle 4c f "
         "shows all about one; !handle 0 f File all about the files. Flags: 1 type, 2 counts "
         "and rights, 4 name, 8 the object; 1 if none are given.\n"
         "Of a kernel: !handle lists those of the current process; !handle 0 3 0 those of all; "
         "!handle 4c 3 6a8 one of the process with that id; !handle 0 3 0 Token all tokens that "
         "are open. Flags: 1 handles, 2 their objects, 4 free entries, too, 10 the kernel's own "
         "table, 20 the handle is the id of a process or thread; 3 if none are given. A handle "
         "of the kernel (80000004, ffffffff80000004) is looked for in the kernel's table.",
     .sample = "!handle",
     .run = run_handle},
    {.name = NULL},
};
