/* SPDX-License-Identifier: MIT */
/*
 * `!handle` of a kernel: the handle tables of processes, the kernel's own, and that of client ids.
 *
 *     Handle table at fffff8a00066f700 with 39 entries in use
 *
 *     0040: Object: fffff8a000633f00  GrantedAccess: 00000006 (Inherit) Entry: fffff8a000670100
 *     Object: fffff8a000633f00  Type: (fffffa80035fef20) Section
 *         ObjectHeader: fffff8a000633ed0 (new version)
 *             HandleCount: 1  PointerCount: 262144
 *
 * Before them, when asked for all processes or one type (published lists of Windows 10):
 *
 *     **** NT ACTIVE PROCESS HANDLE DUMP ****
 *
 *     Searching for handles of type Process
 */
#include "cmd/khandle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/kobject.h"
#include "cmd/kprocs.h"
#include "cmd/kthread.h"
#include "cmd/session_impl.h"
#include "nt/handle.h"

enum {
    SHOW_OBJECT = 2,
    SHOW_FREE = 4,
    SHOW_MOST = 1 | SHOW_OBJECT | SHOW_FREE,
    KERNEL_TABLE = 0x10,
    CLIENT_ID = 0x20,
    FLAGS_DEFAULT = 3,
    SYSTEM_ID = 4,
};
#define KERNEL_HANDLE 0x80000000u /* the bit that handles of the kernel's table have */

/* ---- records ---- */

struct row {
    uint64_t handle, entry, object, header, access, next_free;
    bool free, inherit, protect, audit;
};
static const struct sc_field row_fields[] = {SC_FIELD(struct row, handle, SC_F_HEX64),
                                             SC_FIELD(struct row, free, SC_F_BOOL),
                                             SC_FIELD(struct row, object, SC_F_ADDR),
                                             SC_FIELD(struct row, header, SC_F_ADDR),
                                             SC_FIELD(struct row, access, SC_F_HEX64),
                                             SC_FIELD(struct row, protect, SC_F_BOOL),
                                             SC_FIELD(struct row, inherit, SC_F_BOOL),
                                             SC_FIELD(struct row, audit, SC_F_BOOL),
                                             SC_FIELD(struct row, entry, SC_F_ADDR),
                                             SC_FIELD(struct row, next_free, SC_F_ADDR),
                                             SC_FIELD_END};
static const struct sc_rectype row_type = {"kernel_handle", sizeof(struct row), row_fields};

struct row_style {
    unsigned ptr_size;
    bool entry; /* published lists with the flags 0 leave the entry's address out */
};

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct row_style *t = ctx;
    const unsigned ptr_size = t->ptr_size;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    if (r->free) {
        sc_printf(out, "%04" PRIx64 ": free handle, Entry address %s, Next Entry %s\n", r->handle,
                  sc_nt_ptr_text(r->entry, ptr_size, a), sc_nt_ptr_text(r->next_free, ptr_size, b));
        return;
    }
    sc_printf(out, "%04" PRIx64 ": Object: %s  GrantedAccess: %08" PRIx64 "%s%s%s", r->handle,
              sc_nt_ptr_text(r->object, ptr_size, a), r->access, r->protect ? " (Protected)" : "",
              r->inherit ? " (Inherit)" : "", r->audit ? " (Audit)" : "");
    if (t->entry)
        sc_printf(out, " Entry: %s", sc_nt_ptr_text(r->entry, ptr_size, b));
    sc_puts(out, "\n");
}

struct table_row {
    const char *whose;
    uint64_t table, process;
    int64_t handles, levels;
};
static const struct sc_field table_fields[] = {
    SC_FIELD(struct table_row, table, SC_F_ADDR),   SC_FIELD(struct table_row, whose, SC_F_STR),
    SC_FIELD(struct table_row, process, SC_F_ADDR), SC_FIELD(struct table_row, handles, SC_F_NUM),
    SC_FIELD(struct table_row, levels, SC_F_NUM),   SC_FIELD_END};
static const struct sc_rectype table_type = {"handle_table", sizeof(struct table_row),
                                             table_fields};

static void table_text(sc_out *out, const void *record, void *ctx) {
    const struct table_row *r = record;
    const unsigned ptr_size = *(const unsigned *)ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "\n%s at %s with %s entries in use\n\n", r->whose,
              sc_nt_ptr_text(r->table, ptr_size, a), sc_nt_num_text(r->handles, b));
}

/* ---- one table ---- */

struct job {
    sc_session *session;
    struct nt nt;
    struct nt_objects om;
    uint64_t flags, handle; /* handle 0: all */
    bool all;
    const char *type; /* NULL: any */
    unsigned ptr_size;
    bool bodies; /* entries point to bodies: of client ids */
    bool assumed;
    uint64_t unknown; /* handles left out since their objects' types are not known */
};

static sc_err *show_entry(struct job *j, const struct nt_handle *h) {
    sc_session *s = j->session;
    struct nt_object o;
    struct row_style style = {j->ptr_size, j->flags & SHOW_MOST};
    struct row r = {.handle = h->handle,
                    .entry = h->entry,
                    .free = h->free,
                    .object = SC_UNSET64,
                    .header = SC_UNSET64,
                    .access = h->access,
                    .next_free = h->free ? h->next_free : SC_UNSET64,
                    .protect = h->attributes & NT_HANDLE_PROTECTED,
                    .inherit = h->attributes & NT_HANDLE_INHERIT,
                    .audit = h->attributes & NT_HANDLE_AUDIT};
    if (h->free) {
        if (!j->type)
            sc_record(s->out, &row_type, &r, row_text, &style);
        return NULL;
    }
    r.object = j->bodies ? h->object : nt_add(&j->nt, h->object, j->om.body);
    r.header = nt_add(&j->nt, r.object, 0 - j->om.body);
    if (j->type || j->flags & SHOW_OBJECT) {
        sc_err *err = nt_object_read(&j->om, r.object, &o);
        if (err)
            return err;
        j->assumed |= o.assumed || o.type.assumed;
        j->unknown += j->type && !o.type.name;
        if (j->type && !nt_object_is(&o, j->type))
            return NULL;
    }
    sc_record(s->out, &row_type, &r, row_text, &style);
    if (!(j->flags & SHOW_OBJECT))
        return NULL;
    if (!nt_object_present(&o)) {
        sc_puts(s->out, "    the object's header is not in the dump\n\n");
        return NULL;
    }
    sc_err *err = sc_show_object(s, &j->om, &o, SC_OBJECT_COUNTS, "        ");
    sc_puts(s->out, "\n");
    return err;
}

static sc_err *show_all(struct job *j, struct nt_handles *walk) {
    struct nt_handle h;
    struct sc_names names;
    sc_err *err = sc_names_begin(&names, &j->om);
    if (err)
        return err;
    walk->skip_free = !(j->flags & SHOW_FREE);
    while (!err && nt_handles_next(walk, &h)) {
        if (!h.free || !walk->skip_free)
            err = show_entry(j, &h);
        if (!err)
            err = sc_names_again(&names);
    }
    sc_names_end(&names);
    return err ? err : nt_handles_error(walk);
}

static sc_err *show_one(struct job *j, struct nt_handles *walk) {
    struct nt_handle h;
    const char *why;
    if (!nt_handles_at(walk, j->handle, &h, &why))
        return sc_errf(SC_ERR_NOT_FOUND, "Invalid handle: %04" PRIx64 ": %s", j->handle, why);
    return show_entry(j, &h);
}

static void say_missing(struct job *j, const struct nt_handles *w) {
    sc_out *out = j->session->out;
    char buf[SC_NT_BUF];
    uint64_t used = nt_or(&w->table->count, 0);
    if (w->absent)
        sc_remark(out, "*** the dump does not hold %" PRIu64 " page%s of the table wholly",
                  w->absent, w->absent == 1 ? "" : "s");
    if (w->damaged)
        sc_remark(out, "*** %" PRIu64 " page%s of the table %s where no new page can be",
                  w->damaged, w->damaged == 1 ? "" : "s", w->damaged == 1 ? "lies" : "lie");
    if (w->claims_more || (used > w->limit && used <= INT64_MAX))
        sc_remark(out,
                  "*** the table claims more handles than its pages can hold (%" PRIu64 "): %s",
                  w->limit, sc_nt_num_text(sc_nt_num(&w->table->count), buf));
}

static sc_err *show_table(struct job *j, uint64_t address, uint64_t process, const char *whose) {
    struct nt_handle_table table;
    struct nt_handles walk;
    sc_err *err = nt_handle_table_read(&j->nt, address, &table);
    if (err)
        return err;
    struct table_row r = {whose, address, process, sc_nt_num(&table.count), table.level + 1};
    j->assumed |= table.assumed;
    if (table.f[NT_HT_CODE].state == NT_READ)
        sc_record(j->session->out, &table_type, &r, table_text, &j->ptr_size);
    err = nt_handles_begin(&j->nt, &table, &walk);
    if (err)
        return err;
    err = j->all ? show_all(j, &walk) : show_one(j, &walk);
    if (!err && j->all)
        say_missing(j, &walk);
    nt_handles_end(&walk);
    return err;
}

/* ---- of whom ---- */

static sc_err *show_process(struct job *j, uint64_t address, sc_arena *arena) {
    struct nt_process p;
    struct nt_field kernel;
    char buf[SC_NT_BUF];
    sc_err *err = nt_process_read(&j->nt, address, &p);
    if (!err)
        err = sc_show_kprocess(j->session, &j->nt, address, 0, arena);
    if (err)
        return err;
    const struct nt_field *table = &p.f[NT_P_OBJECT_TABLE];
    err = nt_handle_kernel_table(&j->nt, &kernel);
    if (err)
        return err;
    sc_nt_ptr_text(address, j->ptr_size, buf);
    if (table->state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND, "the process at %s has no handle table: %s", buf,
                       nt_why(table));
    if (!table->value)
        return sc_errf(SC_ERR_NOT_FOUND, "the process at %s has no handle table any more", buf);
    bool is_kernel = nt_set(&kernel) && kernel.value == table->value;
    return show_table(j, table->value, address, is_kernel ? "Kernel handle table" : "Handle table");
}

/* A process whose table cannot be shown is said, and the others follow. */
static sc_err *one_of_all(void *ctx, const struct nt_process *p) {
    struct job *j = ctx;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = show_process(j, p->address, arena);
    sc_arena_destroy(arena);
    if (err && (sc_err_code(err) == SC_ERR_NOT_FOUND || sc_err_code(err) == SC_ERR_MEMORY)) {
        if (j->all)
            sc_remark(j->session->out, "*** %s", sc_err_text(err));
        sc_err_destroy(err);
        err = NULL;
    }
    sc_puts(j->session->out, "\n");
    return err;
}

static sc_err *show_all_processes(struct job *j) {
    char why[NT_LIST_TEXT];
    sc_err *err = sc_each_process(&j->nt, one_of_all, j, why);
    if (!err)
        sc_say_processes(j->session, why);
    return err;
}

/* The process that the kernel's table belongs to: the System process. *RET_FOUND false: unknown. */
static sc_err *find_system(struct job *j, uint64_t table, uint64_t *ret, bool *ret_found) {
    struct nt_process p;
    sc_err *err = sc_find_process(&j->nt, SYSTEM_ID, ret, ret_found);
    if (!err && *ret_found)
        err = nt_process_read(&j->nt, *ret, &p);
    if (!err && *ret_found)
        *ret_found = nt_or(&p.f[NT_P_OBJECT_TABLE], 0) == table;
    return err;
}

static sc_err *show_kernel(struct job *j, sc_arena *arena) {
    struct nt_field table;
    uint64_t process;
    bool found = false;
    sc_err *err = nt_handle_kernel_table(&j->nt, &table);
    if (!err && !nt_set(&table))
        err = sc_errf(SC_ERR_NOT_FOUND, "the kernel's handle table is not known: neither "
                                        "nt!ObpKernelHandleTable nor the system process tell");
    if (!err)
        err = find_system(j, table.value, &process, &found);
    if (!err && found)
        err = sc_show_kprocess(j->session, &j->nt, process, 0, arena);
    return err ? err
               : show_table(j, table.value, found ? process : SC_UNSET64, "Kernel handle table");
}

static sc_err *show_ids(struct job *j) {
    struct nt_field table;
    sc_err *err = nt_handle_cid_table(&j->nt, &table);
    if (!err && !nt_set(&table))
        err = sc_errf(SC_ERR_NOT_FOUND,
                      table.state == NT_NO_FIELD
                          ? "the table of process and thread ids (nt!PspCidTable) is not known"
                          : "nt!PspCidTable is not in the dump");
    j->bodies = true;
    return err ? err : show_table(j, table.value, SC_UNSET64, "Table of process and thread ids");
}

/* ---- the command ---- */

enum { ARG_HANDLE, ARG_FLAGS, ARG_PROCESS, ARG_TYPE };

static sc_err *find_process(struct job *j, const struct sc_args *args, uint64_t *ret,
                            bool *ret_all) {
    const struct sc_val *v = &args->v[ARG_PROCESS];
    uint64_t value = UINT64_MAX;
    bool found;
    *ret_all = false;
    sc_err *err = v->given ? sc_session_eval(j->session, v->text, &value) : NULL;
    if (err)
        return err;
    value = sc_space_canon(j->nt.space, value);
    if (value == sc_space_canon(j->nt.space, UINT64_MAX))
        return sc_session_process(j->session, &j->nt, ret);
    *ret_all = !value;
    if (!value || nt_is_kernel(&j->nt, value)) {
        *ret = value;
        return NULL;
    }
    sc_printf(j->session->out, "Searching for Process with Cid == %" PRIx64 "\n", value);
    err = sc_find_process(&j->nt, value, ret, &found);
    if (!err && !found)
        err =
            sc_errf(SC_ERR_NOT_FOUND,
                    "the dump holds no process with the id 0x%" PRIx64 " that can be found", value);
    return err;
}

/* What the list is about; a type that no object can have is an error. */
static sc_err *say_what(struct job *j, bool all) {
    sc_out *out = j->session->out;
    struct nt_objtype t;
    const char *why;
    bool found = true;
    sc_err *err = j->type ? nt_object_type_named(&j->om, j->type, &t, &found, &why) : NULL;
    if (!err && !found && j->om.table.state == NT_READ)
        err = sc_errf(SC_ERR_NOT_FOUND, "!handle: %s: %s", j->type, why);
    if (err)
        return err;
    if (all)
        sc_puts(out, "\n**** NT ACTIVE PROCESS HANDLE DUMP ****\n");
    if (j->type)
        sc_printf(out, "\nSearching for handles of type %s\n", j->type);
    if (all || j->type)
        sc_puts(out, "\n");
    return NULL;
}

static sc_err *run(struct job *j, const struct sc_args *args) {
    uint64_t process;
    bool all = false, table = j->flags & (CLIENT_ID | KERNEL_TABLE);
    sc_err *err = table ? NULL : find_process(j, args, &process, &all);
    if (!err)
        err = say_what(j, all);
    if (err)
        return err;
    if (table)
        return j->flags & CLIENT_ID ? show_ids(j) : show_kernel(j, args->arena);
    return all ? show_all_processes(j) : show_process(j, process, args->arena);
}

sc_err *sc_run_kernel_handle(sc_session *s, const struct sc_args *args) {
    const struct sc_val *handle = &args->v[ARG_HANDLE], *flags = &args->v[ARG_FLAGS];
    struct job j = {.session = s,
                    .flags = flags->given ? flags->num : FLAGS_DEFAULT,
                    .handle = handle->given ? handle->num : 0,
                    .type = args->v[ARG_TYPE].given ? args->v[ARG_TYPE].text : NULL};
    if (!sc_target_machine(s->target)->windows)
        return sc_errf(SC_ERR_UNSUPPORTED, "!handle needs a dump of Windows");
    sc_err *err = sc_session_nt(s, &j.nt);
    if (!err)
        err = nt_objects_init(&j.nt, args->arena, &j.om);
    if (err)
        return err;
    j.ptr_size = j.nt.ptr_size;
    j.handle = sc_space_canon(j.nt.space, j.handle);
    j.all = !j.handle || j.handle == sc_space_canon(j.nt.space, UINT64_MAX);
    uint64_t above = j.nt.ptr_size == 8 ? 0xffffffff00000000u : 0;
    if (!j.all && j.handle & KERNEL_HANDLE &&
        (!(j.handle & above) || (j.handle & above) == above)) {
        j.handle &= KERNEL_HANDLE - 1;
        j.flags |= KERNEL_TABLE;
    }
    err = run(&j, args);
    if (!err && j.unknown)
        sc_remark(s->out,
                  "*** %" PRIu64 " handles were left out: the types of their objects are not "
                  "known",
                  j.unknown);
    if (!err)
        sc_nt_assumed(s, j.assumed);
    return err;
}
