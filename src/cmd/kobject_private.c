/* SPDX-License-Identifier: MIT */
/*
 * `!object -p`: private name spaces.
 *
 *     Private namespaces: 1
 *
 *     Entry             Directory         Boundary
 *     ffffa00f01234560  ffffa00f01300000  Name: Updates, SID: S-1-5-32-544
 *
 * The option is documented, its output is not published: this is our own.
 */
#include <inttypes.h>

#include "cmd/kernel.h"
#include "cmd/kobject.h"
#include "cmd/session_impl.h"
#include "nt/namespaces.h"

struct row {
    uint64_t entry, directory;
    int64_t size;
    const char *boundary, *why;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct row, entry, SC_F_ADDR), SC_FIELD(struct row, directory, SC_F_ADDR),
    SC_FIELD(struct row, size, SC_F_NUM),   SC_FIELD(struct row, boundary, SC_F_STR),
    SC_FIELD(struct row, why, SC_F_STR),    SC_FIELD_END};
static const struct sc_rectype row_type = {"private_namespace", sizeof(struct row), fields};

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const unsigned *ptr_size = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "%s  %s  %s", sc_nt_ptr_text(r->entry, *ptr_size, a),
              sc_nt_ptr_text(r->directory, *ptr_size, b), r->boundary ? r->boundary : "?");
    if (r->why)
        sc_printf(out, "  [%s]", r->why);
    sc_puts(out, "\n");
}

sc_err *sc_show_private_namespaces(sc_session *s, const struct nt *nt, sc_arena *arena) {
    struct nt_namespaces n;
    char why[NT_LIST_TEXT];
    unsigned ptr_size = nt->ptr_size;
    int width = (int)ptr_size * 2;
    sc_err *err = nt_namespaces_read(nt, arena, &n);
    if (err)
        return sc_err_prefix(err, "!object -p");
    sc_printf(s->out, "Private namespaces: %zu\n", n.count);
    if (n.count)
        sc_printf(s->out, "\n%-*s  %-*s  Boundary\n", width, "Entry", width, "Directory");
    for (size_t i = 0; i < n.count; i++) {
        const struct nt_namespace *p = &n.item[i];
        struct row r = {p->entry, sc_nt_addr(&p->directory), sc_nt_num(&p->size), p->boundary,
                        p->why};
        sc_record(s->out, &row_type, &r, row_text, &ptr_size);
    }
    if (n.damaged)
        sc_remark(s->out, "*** %u of %d chains of the table at %s are not whole: %s", n.damaged,
                  NT_NAMESPACE_BUCKETS, sc_nt_ptr_text(n.table, ptr_size, (char[SC_NT_BUF]){0}),
                  nt_list_end_text(&n.broken, why));
    return NULL;
}
