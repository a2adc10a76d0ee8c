/* SPDX-License-Identifier: MIT */
/*
 * Looking for the objects of a type.
 *
 *   OBJECT_TYPE.TypeList   links lie in the creator info directly before each object's header; kept
 *                          only when a global flag says so: mostly it is empty
 *   otherwise              whatever has a handle, an id or a name
 */
#include "nt/objfind.h"

#include <stdlib.h>

#include "base/vec.h"
#include "nt/directory.h"
#include "nt/handle.h"
#include "nt/process.h"

void nt_found_end(struct nt_found *found) {
    free(found->item);
    found->item = NULL;
    sc_map_free(&found->set);
}

/* *RET_NEW: it was not there. */
static sc_err *add(struct nt_found *f, uint64_t address, bool *ret_new) {
    uint64_t value;
    *ret_new = false;
    if (sc_map_get_number(&f->set, address, &value))
        return NULL;
    f->limit = f->count == NT_FOUND_MAX;
    if (f->limit)
        return NULL;
    uint64_t *item = SC_VEC_PUSH(f);
    if (!item || !sc_map_put_number(&f->set, address, 1))
        return sc_err_nomem();
    *item = address;
    *ret_new = true;
    return NULL;
}

/* ---- the type's list ---- */

static sc_err *from_list(struct nt_objects *om, const struct nt_objtype *type, struct nt_found *f) {
    struct nt_list list;
    uint64_t link;
    bool fresh;
    sc_err *err = NULL;
    if (type->list.state != NT_READ || !om->info_size[NT_OI_CREATOR])
        return NULL;
    nt_list_begin(&list, om->nt, type->list.value, NT_FOUND_MAX);
    while (!err && nt_list_next(&list, &link))
        err = add(f, nt_add(om->nt, link, om->info_size[NT_OI_CREATOR] + om->body), &fresh);
    return !err && list.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}

/* ---- handles ---- */

struct search {
    struct nt_objects *om;
    const struct nt_objtype *type;
    struct nt_found *found, looked; /* what is of the type; what was looked at */
    struct nt_found tables;         /* of handles: processes may share them, in a damaged dump */
    uint64_t left;                  /* handles and pages of them, in all tables together */
};

static bool spend(struct search *s, uint64_t steps) {
    s->left -= steps < s->left ? steps : s->left;
    s->found->limit = s->found->limit || !s->left;
    return s->left != 0;
}

static sc_err *look(struct search *s, uint64_t body, bool *ret_new, struct nt_object *ret) {
    bool fresh;
    *ret_new = false;
    sc_err *err = nt_is_kernel(s->om->nt, body) ? add(&s->looked, body, ret_new) : NULL;
    if (err || !*ret_new)
        return err;
    err = nt_object_read(s->om, body, ret);
    if (!err && ret->type.name && ret->type.address == s->type->address)
        err = add(s->found, body, &fresh);
    return err;
}

static sc_err *from_table(struct search *s, uint64_t address, bool bodies) {
    const struct nt *nt = s->om->nt;
    struct nt_handle_table table;
    struct nt_handles walk;
    struct nt_handle h;
    struct nt_object o;
    bool fresh;
    sc_err *err = add(&s->tables, address, &fresh);
    if (err || !fresh)
        return err;
    err = nt_handle_table_read(nt, address, &table);
    if (!err)
        err = nt_handles_begin(nt, &table, &walk);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND)) {
        s->found->no_tables++;
        return NULL;
    }
    if (err)
        return err;
    while (!err && nt_handles_next(&walk, &h) && spend(s, 1)) {
        if (!h.free)
            err = look(s, bodies ? h.object : nt_add(nt, h.object, s->om->body), &fresh, &o);
    }
    spend(s, walk.pages);
    s->found->no_tables += walk.absent || walk.damaged;
    if (!err)
        err = nt_handles_error(&walk);
    nt_handles_end(&walk);
    return err;
}

static sc_err *from_process(void *ctx, const struct nt_process *p, bool *ret_more) {
    struct search *s = ctx;
    const struct nt_field *table = &p->f[NT_P_OBJECT_TABLE];
    *ret_more = s->left != 0;
    return nt_set(table) && *ret_more ? from_table(s, table->value, false) : NULL;
}

static sc_err *from_ids(struct search *s) {
    struct nt_field table;
    sc_err *err = nt_handle_cid_table(s->om->nt, &table);
    return err || !nt_set(&table) ? err : from_table(s, table.value, true);
}

/* ---- directories ---- */

static sc_err *from_directory(struct search *s, uint64_t address, struct nt_found *todo) {
    struct nt_directory d;
    struct nt_directory_entry e;
    struct nt_object o;
    bool fresh;
    sc_err *err = nt_directory_begin(s->om, address, &d);
    while (!err && nt_directory_next(&d, &e)) {
        fresh = false;
        err = look(s, e.object, &fresh, &o);
        if (!err && fresh ? nt_object_is(&o, "Directory") : false)
            err = add(todo, e.object, &fresh);
    }
    return !err && d.damaged && d.broken.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}

/* Directories that handles led to were looked at, and are gone through from here. */
static sc_err *from_names(struct search *s) {
    struct nt_found todo = {0};
    struct nt_object o;
    bool fresh;
    sc_err *err = nt_set(&s->om->root) ? add(&todo, s->om->root.value, &fresh) : NULL;
    for (size_t i = 0; !err && i < s->looked.count; i++) {
        err = nt_object_read(s->om, s->looked.item[i], &o);
        if (!err && nt_object_is(&o, "Directory"))
            err = add(&todo, o.body, &fresh);
    }
    for (size_t i = 0; !err && i < todo.count; i++)
        err = from_directory(s, todo.item[i], &todo);
    nt_found_end(&todo);
    return err;
}

sc_err *nt_objects_of_type(struct nt_objects *om, const struct nt_objtype *type,
                           struct nt_found *ret) {
    struct nt_found found = {0};
    struct search s = {.om = om, .type = type, .found = &found, .left = NT_HANDLES_MAX};
    sc_err *err = from_list(om, type, &found);
    found.by_list = found.count != 0;
    if (!err && !found.by_list)
        err = nt_each_process(om->nt, from_process, &s);
    if (!err && !found.by_list)
        err = from_ids(&s);
    if (!err && !found.by_list)
        err = from_names(&s);
    found.limit = found.limit || s.looked.limit || s.tables.limit;
    nt_found_end(&s.looked);
    nt_found_end(&s.tables);
    if (err)
        nt_found_end(&found);
    else
        *ret = found;
    return err;
}
