/* SPDX-License-Identifier: MIT */
/*
 * `!vad`: what a process has reserved of its address space.
 *
 *     !vad              the tree of the process that the session is about
 *     !vad root [0]     the tree below a VAD (VadRoot of !process)
 *     !vad vad 1        one VAD in detail
 *     !vad address 1    the one that contains an address of the process
 *
 * Lines are those of the published page; behind them the mapped file, as newer debuggers have it.
 * The average level is rounded up, as the published sample has it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/kernel.h"
#include "nt/mapfile.h"
#include "nt/process.h"
#include "nt/vad.h"

struct row {
    uint64_t address, start, end, control_area, subsection, first_proto, last_proto, file_object;
    int64_t level, commit, protection, vad_type;
    const char *kind, *subtype, *protection_name, *file;
    bool no_change, committed;
};
static const struct sc_field fields[] = {SC_FIELD(struct row, address, SC_F_ADDR),
                                         SC_FIELD(struct row, level, SC_F_NUM),
                                         SC_FIELD(struct row, start, SC_F_HEX64),
                                         SC_FIELD(struct row, end, SC_F_HEX64),
                                         SC_FIELD(struct row, commit, SC_F_NUM),
                                         SC_FIELD(struct row, kind, SC_F_STR),
                                         SC_FIELD(struct row, subtype, SC_F_STR),
                                         SC_FIELD(struct row, vad_type, SC_F_NUM),
                                         SC_FIELD(struct row, protection, SC_F_NUM),
                                         SC_FIELD(struct row, protection_name, SC_F_STR),
                                         SC_FIELD(struct row, no_change, SC_F_BOOL),
                                         SC_FIELD(struct row, committed, SC_F_BOOL),
                                         SC_FIELD(struct row, control_area, SC_F_ADDR),
                                         SC_FIELD(struct row, subsection, SC_F_ADDR),
                                         SC_FIELD(struct row, first_proto, SC_F_ADDR),
                                         SC_FIELD(struct row, last_proto, SC_F_ADDR),
                                         SC_FIELD(struct row, file_object, SC_F_ADDR),
                                         SC_FIELD(struct row, file, SC_F_STR),
                                         SC_FIELD_END};
static const struct sc_rectype row_type = {"vad", sizeof(struct row), fields};

struct style {
    unsigned ptr_size;
    bool enrich;
};

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct style *s = ctx;
    char addr[SC_NT_BUF], commit[SC_NT_BUF];
    sc_printf(out, "%s (%2" PRId64 ")   %8" PRIx64 " %8" PRIx64 "      %4s %-7s %-4s %s",
              sc_nt_ptr_text(r->address, s->ptr_size, addr), r->level, r->start, r->end,
              sc_nt_num_text(r->commit, commit), r->kind, r->subtype, r->protection_name);
    if (r->file && s->enrich)
        sc_printf(out, "  %s", r->file);
    sc_puts(out, "\n");
}

/* As the page has it for one VAD. What a private one does not have is 0. */
static void detail_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct style *s = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "\nVAD @ %s\n", sc_nt_ptr_text(r->address, s->ptr_size, a));
    sc_printf(out, "  Start VPN:      %8" PRIx64 "  End VPN: %8" PRIx64 "  Control Area:  %s\n",
              r->start, r->end, sc_nt_ptr_text(r->control_area, s->ptr_size, a));
    sc_printf(out, "  First ProtoPte: %s  Last PTE %s",
              sc_nt_ptr_text(r->first_proto, s->ptr_size, a),
              sc_nt_ptr_text(r->last_proto, s->ptr_size, b));
    if (r->commit == INT64_MIN)
        sc_puts(out, "  Commit Charge         ?\n");
    else
        sc_printf(out, "  Commit Charge  %8" PRIx64 " (%" PRId64 ".)\n", (uint64_t)r->commit,
                  r->commit);
    sc_printf(out, "   %s%s%s%s%s%s\n", r->kind, *r->subtype ? " " : "", r->subtype,
              r->no_change ? " NoChange" : "", r->committed ? " MemCommit " : " ",
              r->protection_name);
    if (r->file)
        sc_printf(out, "  File:           %s\n", r->file);
}

static sc_err *fill_row(const struct nt *nt, const struct nt_vad *v, sc_arena *arena,
                        struct row *r) {
    *r = (struct row){.address = v->address,
                      .level = v->level,
                      .start = v->start,
                      .end = v->end,
                      .commit = sc_nt_num(&v->commit),
                      .protection = v->has_flags ? (int64_t)v->protection : INT64_MIN,
                      .vad_type = v->has_flags ? (int64_t)v->type : INT64_MIN,
                      .kind = !v->has_flags   ? "?"
                              : v->is_private ? "Private"
                                              : "Mapped",
                      .subtype = v->has_flags ? nt_vad_type_name(v->type) : "",
                      .protection_name = v->has_flags ? nt_vad_protection_name(v->protection) : "?",
                      .no_change = v->no_change,
                      .committed = v->committed,
                      .control_area = sc_nt_addr(&v->control_area),
                      .subsection = sc_nt_addr(&v->subsection),
                      .first_proto = sc_nt_addr(&v->first_proto),
                      .last_proto = sc_nt_addr(&v->last_proto),
                      .file_object = sc_nt_addr(&v->file)};
    if (v->has_flags && v->is_private)
        r->control_area = r->subsection = r->first_proto = r->last_proto = 0;
    if (!nt_set(&v->file))
        return NULL;
    sc_err *err = nt_file_name(nt, v->file.value, arena, &r->file);
    if (!err && !r->file)
        r->file = "(the file's name is not in this dump)";
    return err;
}

static sc_err *show(sc_session *s, const struct nt *nt, const struct nt_vad *v, sc_text_fn text) {
    struct style style = {nt->ptr_size, sc_session_enrich(s)};
    struct row r;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = fill_row(nt, v, arena, &r);
    if (!err)
        sc_record(sc_session_out(s), &row_type, &r, text, &style);
    sc_arena_destroy(arena);
    return err;
}

/* ---- the tree ---- */

struct total {
    uint64_t vads, average_level, maximum_depth, private_commit, shared_commit;
};
static const struct sc_field total_fields[] = {SC_FIELD(struct total, vads, SC_F_U64),
                                               SC_FIELD(struct total, average_level, SC_F_U64),
                                               SC_FIELD(struct total, maximum_depth, SC_F_U64),
                                               SC_FIELD(struct total, private_commit, SC_F_U64),
                                               SC_FIELD(struct total, shared_commit, SC_F_U64),
                                               SC_FIELD_END};
static const struct sc_rectype total_type = {"vads", sizeof(struct total), total_fields};

static void total_text(sc_out *out, const void *record, void *ctx) {
    const struct total *t = record;
    const struct style *s = ctx;
    sc_printf(out,
              "\nTotal VADs: %5" PRIu64 "  average level: %4" PRIu64 "  maximum depth: %" PRIu64
              "\n",
              t->vads, t->average_level, t->maximum_depth);
    if (s->enrich)
        sc_printf(out, "Total private commit: 0x%" PRIx64 " pages (%" PRIu64 " KB)\n",
                  t->private_commit, t->private_commit * 4);
}

static void add_commit(struct total *t, const struct nt_vad *v) {
    uint64_t commit = nt_or(&v->commit, 0);
    if (!v->has_flags || commit > v->end - v->start + 1)
        return; /* "as much as there can be" is no charge */
    *(v->is_private ? &t->private_commit : &t->shared_commit) += commit;
}

static sc_err *show_tree(sc_session *s, const struct nt *nt, uint64_t root) {
    struct style style = {nt->ptr_size, sc_session_enrich(s)};
    struct nt_vads vads;
    struct nt_vad v = {.address = 0};
    struct total total = {0};
    bool more = false, assumed = false;
    char buf[NT_LIST_TEXT];
    sc_out *out = sc_session_out(s);
    sc_err *err = nt_vads_begin(&vads, nt, root);
    if (!err)
        sc_printf(out, "%-*s level      start      end    commit\n", (int)nt->ptr_size * 2 - 1,
                  "VAD");
    while (!err && !(err = nt_vads_next(&vads, &v, &more)) && more && !sc_out_failed(out)) {
        add_commit(&total, &v);
        assumed |= v.assumed;
        err = show(s, nt, &v, row_text);
    }
    if (err)
        return err;
    total.vads = vads.count;
    total.average_level = vads.count ? (vads.levels + vads.count - 1) / vads.count : 0;
    total.maximum_depth = vads.max_level;
    sc_record(out, &total_type, &total, total_text, &style);
    if (vads.end != NT_LIST_DONE)
        sc_remark(out, "The tree is damaged: %s. There may be more.", nt_vads_end_text(&vads, buf));
    if (vads.absent)
        sc_remark(out, "%" PRIu64 " of its nodes %s not in this dump: what hangs below is missing.",
                  vads.absent, vads.absent == 1 ? "is" : "are");
    sc_nt_assumed(s, assumed);
    return NULL;
}

/* ---- the command ---- */

static sc_err *process_root(sc_session *s, const struct nt *nt, uint64_t *ret_root) {
    struct nt_process p;
    uint64_t address;
    sc_err *err = sc_session_process(s, nt, &address);
    if (!err)
        err = nt_process_read(nt, address, &p);
    if (err)
        return err;
    const struct nt_field *root = &p.f[NT_P_VAD_ROOT];
    if (root->state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND, "the root of the VADs of process %" PRIx64 " is %s",
                       address, nt_why(root));
    *ret_root = root->value;
    return NULL;
}

static sc_err *show_one(sc_session *s, const struct nt *nt, uint64_t address) {
    struct nt_vad v;
    bool found = false;
    uint64_t root;
    sc_err *err = NULL;
    if (nt_is_kernel(nt, address)) {
        err = nt_vad_read(nt, address, &v, &found);
        if (!err && !found)
            err = sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the VAD at %" PRIx64, address);
    } else {
        err = process_root(s, nt, &root);
        if (!err)
            err = nt_vad_find(nt, root, address >> 12, &v, &found);
        if (!err && !found)
            err = sc_errf(SC_ERR_NOT_FOUND, "no VAD of the process contains %" PRIx64, address);
    }
    if (!err)
        err = show(s, nt, &v, detail_text);
    if (!err)
        sc_nt_assumed(s, v.assumed);
    return err;
}

static sc_err *run_vad(sc_session *s, const struct sc_args *args) {
    struct nt nt;
    uint64_t root = 0;
    sc_err *err = sc_session_nt(s, &nt);
    if (err)
        return err;
    if (args->v[0].given)
        root = sc_space_canon(nt.space, args->v[0].num);
    if (args->v[1].given && args->v[1].num)
        return show_one(s, &nt, root);
    if (root && !nt_is_kernel(&nt, root))
        return sc_errf(SC_ERR_ARG,
                       "!vad: no VAD is at %" PRIx64 "; !vad %" PRIx64 " 1 shows the one of an "
                       "address of the process",
                       root, root);
    if (!root)
        err = process_root(s, &nt, &root);
    return err ? err : show_tree(s, &nt, root);
}

static const struct sc_arg vad_args[] = {
    {SC_ARG_EXPR, "root", NULL, true,
     "a VAD (VadRoot of !process), or with 1 an address; 0 or none: the process's tree"},
    {SC_ARG_EXPR, "flags", NULL, true, "0 the tree, 1 only this one, in detail"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_vad_commands[] = {
    {.name = "!vad",
     .brief = "show the virtual address descriptors of a process",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the regions of the process's memory",
     .args = vad_args,
     .help = "start and end are numbers of pages, commit a number of pages. Behind mapped ones "
             "stands the file.\n"
             "Without a root, those of the process of .process, else of the current one.",
     .sample = "!vad",
     .run = run_vad},
    {.name = NULL},
};
