/* SPDX-License-Identifier: MIT */
/*
 * `lm`: the modules, loaded and unloaded, with WinDbg's options and columns.
 *
 *     start             end                 module name
 *     fffff800`5bc19000 fffff800`5cc5f000   nt         (deferred)
 *
 * Name column: at least 8 wide, a flag (none yet), the symbol status 23 wide. Symbols are not read
 * in this version, so all are "(deferred)". The checksum column of `lmc` is our own.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/lm.h"

#include "base/utf.h"

static const struct sc_field version_fields[] = {
    SC_FIELD(struct sc_version, flags, SC_F_HEX32),
    SC_FIELD(struct sc_version, os, SC_F_HEX32),
    {"file_type", SC_F_U32, offsetof(struct sc_version, type), 0, NULL, NULL},
    SC_FIELD(struct sc_version, subtype, SC_F_U32),
    SC_FIELD(struct sc_version, date, SC_F_TIME),
    SC_FIELD_END};
static const struct sc_rectype version_type = {"version", sizeof(struct sc_version),
                                               version_fields};

static const struct sc_field string_fields[] = {SC_FIELD(struct sc_lm_string, key, SC_F_STR),
                                                SC_FIELD(struct sc_lm_string, value, SC_F_STR),
                                                SC_FIELD_END};
static const struct sc_rectype string_type = {"version_string", sizeof(struct sc_lm_string),
                                              string_fields};

static const struct sc_field fields[] = {
    SC_FIELD(struct sc_lm_row, name, SC_F_STR),
    SC_FIELD(struct sc_lm_row, unloaded, SC_F_BOOL),
    SC_FIELD(struct sc_lm_row, start, SC_F_ADDR),
    SC_FIELD(struct sc_lm_row, end, SC_F_ADDR),
    SC_FIELD(struct sc_lm_row, size, SC_F_HEX64),
    SC_FIELD(struct sc_lm_row, image, SC_F_STR),
    SC_FIELD(struct sc_lm_row, path, SC_F_STR),
    SC_FIELD(struct sc_lm_row, timestamp, SC_F_HEX32),
    SC_FIELD(struct sc_lm_row, time, SC_F_TIME),
    SC_FIELD(struct sc_lm_row, time_doubt, SC_F_STR),
    SC_FIELD(struct sc_lm_row, checksum, SC_F_HEX32),
    SC_FIELD(struct sc_lm_row, file_version, SC_F_STR),
    SC_FIELD(struct sc_lm_row, product_version, SC_F_STR),
    SC_FIELD(struct sc_lm_row, symbol_id, SC_F_STR),
    SC_FIELD(struct sc_lm_row, symbols, SC_F_STR),
    SC_FIELD(struct sc_lm_row, symbol_path, SC_F_STR),
    SC_FIELD(struct sc_lm_row, symbol_image, SC_F_STR),
    {"fixed_info", SC_F_LIST, offsetof(struct sc_lm_row, version),
     offsetof(struct sc_lm_row, nversions), &version_type, NULL},
    SC_FIELD(struct sc_lm_row, reproducible, SC_F_BOOL),
    SC_FIELD(struct sc_lm_row, translations, SC_F_STR),
    {"resource_strings", SC_F_LIST, offsetof(struct sc_lm_row, strings),
     offsetof(struct sc_lm_row, nstrings), &string_type, NULL},
    SC_FIELD_END};
static const struct sc_rectype type = {"module", sizeof(struct sc_lm_row), fields};

/* ---- text ---- */

static void header(sc_out *out, const struct sc_lm_style *s) {
    const char *sum = s->checksum ? "checksum   " : "";
    if (s->names_only)
        return;
    if (s->ptr_size == 8)
        sc_printf(out, "start             end                 %smodule name\n", sum);
    else
        sc_printf(out, "start    end        %smodule name\n", sum);
}

/* What stands behind the name in a list: `lmn`, `lmf`, … and `lmt` behind those. */
static void columns(sc_out *out, const struct sc_lm_row *r, const struct sc_lm_style *s) {
    const char *text = s->column == 'f' ? r->path : r->image;
    sc_printf(out, "%-8s ", r->name);
    if (s->column == 'p')
        sc_puts(out, "<no mapped image>");
    else if (s->column)
        sc_printf(out, s->column == 'f' && !s->time ? "%s" : "%-12s", text);
    if (s->column && s->time)
        sc_puts(out, " ");
    if (s->time)
        sc_lm_time_text(out, r, s);
    sc_puts(out, "\n");
}

/* The name, and what became of its symbols. */
static void symbols_text(sc_out *out, const struct sc_lm_row *r) {
    sc_printf(out, "%-8s   %-23s%s\n", r->name, r->symbols, r->symbol_path ? r->symbol_path : "");
}

static void module_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_lm_row *r = record;
    const struct sc_lm_style *s = ctx;
    char a[SC_ADDR_BUF], b[SC_ADDR_BUF];
    if (s->names_only) {
        sc_printf(out, "%s\n", r->name);
        return;
    }
    sc_printf(out, "%s %s   ", sc_addr_text(r->start, s->ptr_size, a),
              sc_addr_text(r->end, s->ptr_size, b));
    if (s->checksum)
        sc_printf(out, "%08x   ", r->checksum);
    if (r->unloaded) {
        sc_printf(out, "%s\n", r->name);
        if (s->verbose || s->time)
            sc_lm_verbose_text(out, r, s);
    } else if (s->verbose) {
        symbols_text(out, r);
        sc_lm_verbose_text(out, r, s);
    } else if (s->column || s->time) {
        columns(out, r, s);
    } else {
        symbols_text(out, r);
    }
}

/* ---- which ---- */

struct filter {
    bool by_address, user, kernel;
    bool with_symbols, with_trouble; /* l, e */
    uint64_t address;
    const char *name, *path; /* patterns, or NULL */
};

/* Where the kernel's half of the addresses starts. */
static bool in_kernel(uint64_t addr, unsigned ptr_size) {
    return ptr_size == 8 ? addr >> 63 : addr >= 0x80000000u;
}

static bool passes(const struct filter *f, const struct sc_lm_row *r, unsigned ptr_size) {
    bool kernel = in_kernel(r->start, ptr_size);
    if ((f->user && !f->kernel && kernel) || (f->kernel && !f->user && !kernel))
        return false;
    if (f->by_address && (f->address < r->start || f->address >= r->end))
        return false;
    if (f->name && !sc_wild_match(f->name, r->name))
        return false;
    return !f->path || sc_wild_match(f->path, r->path);
}

static struct sc_lm_row row_of(const struct sc_module *m) {
    return (struct sc_lm_row){.name = m->name,
                              .image = m->image,
                              .path = m->path,
                              .symbols = "(deferred)",
                              .start = m->base,
                              .end = m->base + m->size,
                              .size = m->size,
                              .timestamp = m->timestamp,
                              .checksum = m->checksum};
}

/* What is known of the module's symbols; none are looked for. */
static sc_err *add_symbols(sc_session *session, const struct sc_module *m, struct sc_lm_row *r,
                           sc_arena *arena) {
    sc_symtab *symtab = sc_session_symtab_peek(session);
    const struct sc_modsyms *s = symtab ? sc_symtab_peek(symtab, m) : NULL;
    if (!s || s->state == SC_SYMSTATE_DEFERRED)
        return NULL;
    r->symbols = sc_arena_printf(arena, "(%s)", sc_symstate_text(s->state));
    r->symbol_path = s->path;
    r->symbol_image = s->image_path ? s->image_path : m->image;
    r->has_symbols = s->state != SC_SYMSTATE_NONE;
    r->no_symbols = s->state == SC_SYMSTATE_NONE || s->state == SC_SYMSTATE_EXPORT;
    if (!r->symbols)
        return sc_err_nomem();
    return r->symbol_id ? NULL : sc_lm_symbol_id(r, &s->codeview, arena);
}

static struct sc_lm_row row_of_unloaded(const struct sc_unloaded *u) {
    return (struct sc_lm_row){.name = u->name,
                              .image = u->name,
                              .path = u->name,
                              .unloaded = true,
                              .start = u->base,
                              .end = u->base + u->size,
                              .size = u->size,
                              .timestamp = u->timestamp,
                              .checksum = u->checksum};
}

/* The order of `lmsm`; equal names by address. */
static int by_name(const void *a, const void *b) {
    const struct sc_module *const *x = a, *const *y = b;
    int c = sc_strcasecmp((*x)->name, (*y)->name);
    return c ? c : (*x)->base < (*y)->base ? -1 : (*x)->base > (*y)->base;
}

static sc_err *list_loaded(sc_session *session, const struct filter *f, struct sc_lm_style *s,
                           bool sort, sc_arena *arena) {
    sc_target *target = sc_session_target(session);
    const struct sc_modules *modules;
    sc_err *err = sc_target_modules(target, &modules);
    if (err)
        return err;
    const struct sc_module **order =
        sc_arena_array(arena, modules->count ? modules->count : 1, sizeof *order);
    if (!order)
        return sc_err_nomem();
    for (size_t i = 0; i < modules->count; i++)
        order[i] = &modules->item[i];
    if (sort && modules->count)
        qsort(order, modules->count, sizeof *order, by_name);
    for (size_t i = 0; !err && i < modules->count; i++) {
        if (sc_target_cancelled(target))
            return sc_err_cancelled();
        struct sc_lm_row r = row_of(order[i]);
        if (!passes(f, &r, s->ptr_size))
            continue;
        err = sc_lm_details(&r, order[i], sc_target_machine(target)->time, arena);
        if (!err)
            err = add_symbols(session, order[i], &r, arena);
        if (!err && ((f->with_symbols && !r.has_symbols) || (f->with_trouble && !r.no_symbols)))
            continue;
        if (!err && s->verbose)
            err = sc_lm_image(target, order[i], &r, arena);
        if (!err)
            sc_record(sc_session_out(session), &type, &r, module_text, s);
    }
    return err;
}

static sc_err *list_unloaded(sc_session *session, const struct filter *f, struct sc_lm_style *s,
                             sc_arena *arena) {
    sc_target *target = sc_session_target(session);
    const struct sc_unloadeds *unloaded;
    bool any = false;
    sc_err *err = sc_target_unloaded(target, &unloaded);
    for (size_t i = 0; !err && i < unloaded->count; i++) {
        if (sc_target_cancelled(target))
            return sc_err_cancelled();
        struct sc_lm_row r = row_of_unloaded(&unloaded->item[i]);
        if (!passes(f, &r, s->ptr_size))
            continue;
        if (!any)
            sc_puts(sc_session_out(session), "\nUnloaded modules:\n");
        any = true;
        err = sc_lm_details(&r, NULL, sc_target_machine(target)->time, arena);
        if (!err)
            sc_record(sc_session_out(session), &type, &r, module_text, s);
    }
    return err;
}

static struct filter filter_of(sc_session *session, const struct sc_args *args) {
    return (struct filter){.by_address = sc_letter(args, 'a'),
                           .address = sc_space_canon(sc_target_space(sc_session_target(session)),
                                                     sc_letter_num(args, 'a')),
                           .user = sc_letter(args, 'u'),
                           .kernel = sc_letter(args, 'k'),
                           .with_symbols = sc_letter(args, 'l'),
                           .with_trouble = sc_letter(args, 'e'),
                           .name = sc_letter_text(args, 'm'),
                           .path = sc_letter_text(args, 'M')};
}

static struct sc_lm_style style_of(sc_session *session, const struct sc_args *args) {
    struct sc_lm_style s = {.ptr_size = sc_target_ptr_size(sc_session_target(session)),
                            .tz = sc_session_tz(session),
                            .windows = sc_target_machine(sc_session_target(session))->windows,
                            .enrich = sc_session_enrich(session),
                            .verbose = sc_letter(args, 'v'),
                            .checksum = sc_letter(args, 'c'),
                            .time = sc_letter(args, 't'),
                            .names_only = sc_letter(args, '1')};
    for (const char *c = "ifnp"; *c && !s.column; c++)
        if (sc_letter(args, *c))
            s.column = *c;
    return s;
}

static sc_err *run_lm(sc_session *session, const struct sc_args *args) {
    struct filter f = filter_of(session, args);
    struct sc_lm_style s = style_of(session, args);
    header(sc_session_out(session), &s);
    sc_err *err = list_loaded(session, &f, &s, sc_letter(args, 's'), args->arena);
    bool loaded_only = sc_letter(args, 'o') || f.with_symbols || f.with_trouble || s.names_only;
    return err || loaded_only ? err : list_unloaded(session, &f, &s, args->arena);
}

static const struct sc_arg lm_args[] = {
    {SC_ARG_LETTERS, "options", "olvukec(1m)(sm)ifnptDa@m:M:", true,
     "v verbose, a address, m and M patterns of name and path; see the help"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_module_commands[] = {
    {.name = "lm",
     .brief = "list modules",
     .needs = SC_NEED_TARGET,
     .args = lm_args,
     .help =
         "Options may be joined: lmvm nt, lmntsm.\n"
         "a address: the module that contains it. m pattern: by the debugger's name. M pattern: by "
         "the image's path.\n"
         "v all that is known. o loaded ones only. u, k user or kernel addresses only. l with "
         "symbols loaded, e those whose symbols were looked for and not found. c checksums. t "
         "time stamps. n, i image names. f full paths. p mapped images. 1m names alone. sm sorted "
         "by name. D is accepted and changes nothing.\n"
         "A time stamp that cannot be a time (before 1990, or after the dump was written) is most "
         "likely the hash of a reproducible build.\n"
         "Symbol id: the PDB's name and its key in a symbol store.\n"
         "v reads the image's own version resource and debug directory where their pages are in "
         "the "
         "dump.",
     .sample = "lm",
     .run = run_lm},
    {.name = NULL},
};
