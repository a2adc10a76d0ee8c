/* SPDX-License-Identifier: MIT */
/* `!object 0 Type`: all objects of a type that can be found. */
#include "cmd/ktypes.h"

#include <inttypes.h>

#include "cmd/kobject.h"
#include "cmd/session_impl.h"
#include "nt/handle.h"
#include "nt/objfind.h"

struct row {
    uint64_t type_address;
    const char *name, *how;
    int64_t objects, handles, index;
};
static const struct sc_field fields[] = {SC_FIELD(struct row, name, SC_F_STR),
                                         SC_FIELD(struct row, type_address, SC_F_ADDR),
                                         SC_FIELD(struct row, index, SC_F_NUM),
                                         SC_FIELD(struct row, objects, SC_F_NUM),
                                         SC_FIELD(struct row, handles, SC_F_NUM),
                                         SC_FIELD(struct row, how, SC_F_STR),
                                         SC_FIELD_END};
static const struct sc_rectype type = {"object_type", sizeof(struct row), fields};

static void text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    char a[SC_NT_BUF];
    (void)ctx;
    sc_printf(out, "Scanning %s objects of type '%s'\n", sc_nt_num_text(r->objects, a), r->name);
}

static sc_err *show_found(sc_session *s, struct nt_objects *om, const struct nt_found *found) {
    struct sc_names names;
    struct nt_object o;
    sc_err *err = sc_names_begin(&names, om);
    if (err)
        return err;
    for (size_t i = 0; !err && i < found->count; i++) {
        err = sc_target_cancelled(s->target) ? sc_err_cancelled()
                                             : nt_object_read(om, found->item[i], &o);
        if (!err)
            err = sc_show_object(s, om, &o, SC_OBJECT_COUNTS, "    ");
        if (!err)
            err = sc_names_again(&names);
    }
    sc_names_end(&names);
    return err;
}

static sc_err *find(struct nt_objects *om, const struct nt_objtype *t, struct nt_found *ret) {
    struct sc_names names;
    sc_err *err = sc_names_begin(&names, om);
    if (err)
        return err;
    err = nt_objects_of_type(om, t, ret);
    sc_names_end(&names);
    return err;
}

sc_err *sc_show_type_objects(sc_session *s, struct nt_objects *om, const char *name) {
    struct nt_objtype t;
    struct nt_found found;
    const char *why;
    bool has;
    sc_err *err = nt_object_type_named(om, name, &t, &has, &why);
    if (!err && !has)
        err = sc_errf(SC_ERR_NOT_FOUND, "!object 0 %s: %s", name, why);
    if (!err)
        err = find(om, &t, &found);
    if (err)
        return err;
    struct row r = {t.address,
                    t.name,
                    found.by_list ? "list" : "search",
                    sc_nt_num(&t.objects),
                    sc_nt_num(&t.handles),
                    sc_nt_num(&t.index)};
    sc_record(s->out, &type, &r, text, NULL);
    err = show_found(s, om, &found);
    if (!err && !found.by_list)
        sc_remark(s->out, "%zu found, by handles, ids and names: the kernel kept no list of them.",
                  found.count);
    if (!err && found.no_tables)
        sc_remark(s->out, "*** the dump does not hold all of %" PRIu64 " handle tables",
                  found.no_tables);
    if (!err && found.limit)
        sc_remark(s->out, "*** no more than %d objects and %d handles were looked at", NT_FOUND_MAX,
                  NT_HANDLES_MAX);
    nt_found_end(&found);
    if (!err)
        sc_nt_assumed(s, t.assumed);
    return err;
}
