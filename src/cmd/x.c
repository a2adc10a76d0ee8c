/* SPDX-License-Identifier: MIT */
/*
 * `x`: the symbols that match a pattern.
 *
 *     fffff800`0282d1e0 nt!KeBugCheckEx (<no parameter info>)
 *
 * With /v the kind and the size stand around the address, with /t the type behind it. Without a
 * sorting option symbols come as the symbol file has them and are shown as they are found.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "base/vec.h"
#include "cmd/symbols.h"

struct symbol_rec {
    uint64_t address, size;
    const char *module, *name, *kind, *symbol_type, *tail;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct symbol_rec, address, SC_F_ADDR),
    SC_FIELD(struct symbol_rec, module, SC_F_STR),
    SC_FIELD(struct symbol_rec, name, SC_F_STR),
    SC_FIELD(struct symbol_rec, kind, SC_F_STR),
    SC_FIELD(struct symbol_rec, size, SC_F_HEX64),
    SC_FIELD(struct symbol_rec, symbol_type, SC_F_STR),
    {"value", SC_F_STR, offsetof(struct symbol_rec, tail), 0, NULL, NULL},
    SC_FIELD_END};
static const struct sc_rectype type = {"symbol", sizeof(struct symbol_rec), fields};

enum {
    ARG_ADDRESSES,
    ARG_NAMES,
    ARG_BOTH,
    ARG_DML,
    ARG_TYPE,
    ARG_VERBOSE,
    ARG_SIZE,
    ARG_QUOTED,
    ARG_NO_SPACE,
    ARG_FUNCTIONS,
    ARG_DATA,
    ARG_BY_ADDRESS,
    ARG_BY_ADDRESS_DOWN,
    ARG_BY_NAME,
    ARG_BY_NAME_DOWN,
    ARG_BY_SIZE,
    ARG_BY_SIZE_DOWN,
    ARG_PATTERN,
};

struct x {
    sc_session *session;
    const struct sc_args *args;
    char sort; /* a A n N z Z, or 0 */
    struct {
        struct sc_near *item;
        size_t count, room;
    } hits; /* when they are sorted */
    size_t shown;
    sc_err *err;
};

static bool given(const struct x *x, int arg) { return x->args->v[arg].given; }

/* ---- text ---- */

static void name_text(sc_out *out, const struct symbol_rec *r, const struct x *x) {
    if (given(x, ARG_QUOTED))
        sc_printf(out, "@!\"%s!%s\"", r->module, r->name);
    else
        sc_printf(out, "%s!%s", r->module, r->name);
}

static void record_text(sc_out *out, const void *record, void *ctx) {
    const struct symbol_rec *r = record;
    const struct x *x = ctx;
    char a[SC_ADDR_BUF];
    sc_addr_text(r->address, sc_session_ptr_size(x->session), a);
    if (given(x, ARG_ADDRESSES)) {
        sc_printf(out, "%s\n", a);
        return;
    }
    if (given(x, ARG_VERBOSE))
        sc_printf(out, "%-10s ", r->kind);
    if (!given(x, ARG_NAMES))
        sc_printf(out, "%s ", a);
    if (given(x, ARG_VERBOSE))
        sc_printf(out, "%4llx ", (unsigned long long)r->size);
    if (given(x, ARG_TYPE))
        sc_printf(out, "%s ", r->symbol_type ? r->symbol_type : "<NoType>");
    name_text(out, r, x);
    if (r->tail && !given(x, ARG_NAMES) && !given(x, ARG_BOTH))
        sc_printf(out, "%s%s", *r->tail == '(' && given(x, ARG_NO_SPACE) ? "" : " ", r->tail);
    sc_puts(out, "\n");
}

/* ---- which ---- */

/*
 * Where private symbols describe the same place, the public name of it is not shown: it is the
 * decorated one (SYMOPT_AUTO_PUBLICS).
 */
static sc_err *is_double(const struct sc_near *hit, bool *ret) {
    struct sc_symbols_info info;
    struct sc_symbol s;
    bool found;
    *ret = false;
    sc_symbols_info(hit->provider, &info);
    if (hit->symbol.kind != SC_SYM_PUBLIC || !info.has_private)
        return NULL;
    sc_err *err = sc_symbols_nearest(hit->provider, hit->symbol.rva, SC_SYM_FUNCTION | SC_SYM_DATA,
                                     &s, &found);
    *ret = !err && found && s.rva == hit->symbol.rva;
    return err;
}

/* Each hit has an arena of its own, so that memory does not grow with their number. */
static sc_err *show(struct x *x, const struct sc_near *hit) {
    struct sc_symbol_row row;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = sc_symbol_row(x->session, hit, arena, &row);
    bool passes = !err && !(given(x, ARG_FUNCTIONS) && !given(x, ARG_DATA) && !row.function) &&
                  !(given(x, ARG_DATA) && !given(x, ARG_FUNCTIONS) && row.function) &&
                  !(given(x, ARG_SIZE) && row.size && row.size != x->args->v[ARG_SIZE].num);
    if (passes) {
        struct symbol_rec r = {row.address, row.size, row.module, row.name,
                               row.kind,    row.type, row.tail};
        sc_record(sc_session_out(x->session), &type, &r, record_text, x);
        x->shown++;
    }
    sc_arena_destroy(arena);
    return err;
}

static bool on_hit(void *ctx, const struct sc_near *hit) {
    struct x *x = ctx;
    bool skip;
    x->err = is_double(hit, &skip);
    if (x->err || skip)
        return !x->err;
    if (sc_target_cancelled(sc_session_target(x->session))) {
        x->err = sc_err_cancelled();
    } else if (!x->sort) {
        x->err = show(x, hit);
    } else {
        struct sc_near *kept = SC_VEC_PUSH(&x->hits);
        if (kept)
            *kept = *hit;
        else
            x->err = sc_err_nomem();
    }
    return !x->err;
}

/* ---- sorting ---- */

static int by_address(const void *a, const void *b) {
    const struct sc_near *x = a, *y = b;
    int c = x->address < y->address ? -1 : x->address > y->address;
    return c ? c : strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b) {
    const struct sc_near *x = a, *y = b;
    int c = sc_strcasecmp(x->module->name, y->module->name);
    c = c ? c : sc_strcasecmp(x->name, y->name);
    return c ? c : by_address(a, b);
}

static int by_size(const void *a, const void *b) {
    const struct sc_near *x = a, *y = b;
    int c = x->symbol.size < y->symbol.size ? -1 : x->symbol.size > y->symbol.size;
    return c ? c : by_address(a, b);
}

/* Symbols whose size stands in their type are sorted by that, too. */
static sc_err *fill_sizes(struct x *x) {
    for (size_t i = 0; i < x->hits.count; i++) {
        struct sc_near *n = &x->hits.item[i];
        struct sc_type t = {.size = 0};
        if (n->symbol.size || !n->symbol.type)
            continue;
        sc_err *err = sc_symbols_type(n->provider, n->symbol.type, &t);
        if (err && !sc_symbols_forgive(x->session, &err))
            return err;
        n->symbol.size = t.size <= UINT32_MAX ? (uint32_t)t.size : UINT32_MAX;
    }
    return NULL;
}

static sc_err *show_sorted(struct x *x) {
    char order = sc_lower(x->sort);
    sc_err *err = order == 'z' ? fill_sizes(x) : NULL;
    if (!err && x->hits.count)
        qsort(x->hits.item, x->hits.count, sizeof *x->hits.item,
              order == 'a'   ? by_address
              : order == 'n' ? by_name
                             : by_size);
    for (size_t i = 0; !err && i < x->hits.count; i++) {
        if (sc_target_cancelled(sc_session_target(x->session)))
            return sc_err_cancelled();
        bool down = x->sort != order;
        err = show(x, &x->hits.item[down ? x->hits.count - 1 - i : i]);
    }
    return err;
}

/* ---- why there is nothing ---- */

/* Of the modules that the pattern names, those whose symbols are not to be had. */
static void say_why(struct x *x, sc_symtab *symtab, const char *pattern) {
    sc_out *out = sc_session_out(x->session);
    const struct sc_modules *modules;
    const char *bang = strchr(pattern, '!');
    sc_err *err = sc_target_modules(sc_session_target(x->session), &modules);
    char *part = bang ? sc_arena_strndup(x->args->arena, pattern, (size_t)(bang - pattern)) : NULL;
    unsigned matched = 0, told = 0;
    for (size_t i = 0; !err && part && i < modules->count; i++) {
        const struct sc_module *m = &modules->item[i];
        if (!sc_wild_match(part, m->name))
            continue;
        matched++;
        const struct sc_modsyms *s = sc_symtab_peek(symtab, m);
        if ((!s->nproviders || s->state == SC_SYMSTATE_NONE) && s->why && told++ < 3)
            sc_remark(out, "%s: no symbols: %s", m->name, s->why);
    }
    if (!err && part && !matched)
        sc_remark(out, "There is no module %s.", part);
    sc_err_destroy(err);
}

/* ---- the command ---- */

static const struct sc_arg x_args[] = {
    [ARG_ADDRESSES] = {SC_ARG_OPTION, "addresses", "0", true, "the addresses alone"},
    [ARG_NAMES] = {SC_ARG_OPTION, "names", "1", true, "the names alone"},
    [ARG_BOTH] = {SC_ARG_OPTION, "both", "2", true, "addresses and names alone"},
    [ARG_DML] = {SC_ARG_OPTION, "dml", "D", true, "accepted; changes nothing"},
    [ARG_TYPE] = {SC_ARG_OPTION, "type", "t", true, "with the data type"},
    [ARG_VERBOSE] = {SC_ARG_OPTION, "verbose", "v", true, "with kind and size"},
    [ARG_SIZE] = {SC_ARG_OPTION_EXPR, "size", "s", true, "only of this size, or of unknown size"},
    [ARG_QUOTED] = {SC_ARG_OPTION, "quoted", "q", true, "names as @!\"module!name\""},
    [ARG_NO_SPACE] = {SC_ARG_OPTION, "close", "p", true, "no blank in front of a parenthesis"},
    [ARG_FUNCTIONS] = {SC_ARG_OPTION, "functions", "f", true, "functions only"},
    [ARG_DATA] = {SC_ARG_OPTION, "data", "d", true, "data only"},
    [ARG_BY_ADDRESS] = {SC_ARG_OPTION, "by address", "a", true, "sorted by address"},
    [ARG_BY_ADDRESS_DOWN] = {SC_ARG_OPTION, "by address", "A", true, "the same, highest first"},
    [ARG_BY_NAME] = {SC_ARG_OPTION, "by name", "n", true, "sorted by name"},
    [ARG_BY_NAME_DOWN] = {SC_ARG_OPTION, "by name", "N", true, "the same, last first"},
    [ARG_BY_SIZE] = {SC_ARG_OPTION, "by size", "z", true, "sorted by size"},
    [ARG_BY_SIZE_DOWN] = {SC_ARG_OPTION, "by size", "Z", true, "the same, largest first"},
    [ARG_PATTERN] = {SC_ARG_REST, "module!pattern", NULL, false, "wildcards in both halves"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

static char sort_of(const struct sc_args *args) {
    static const char letters[] = "aAnNzZ";
    for (int i = 0; letters[i]; i++)
        if (args->v[ARG_BY_ADDRESS + i].given)
            return letters[i];
    return 0;
}

/* Constants (the names of all enumerations) are shown when they are asked for by name. */
static unsigned kinds_of(const char *pattern) {
    const char *bang = strchr(pattern, '!');
    return strpbrk(bang ? bang + 1 : pattern, "*?[#") ? SC_SYM_ANY & ~SC_SYM_CONSTANT : SC_SYM_ANY;
}

static sc_err *run_x(sc_session *session, const struct sc_args *args) {
    struct x x = {.session = session, .args = args, .sort = sort_of(args)};
    const char *pattern = args->v[ARG_PATTERN].text;
    sc_symtab *symtab;
    if (*pattern == '/' || *pattern == '-')
        return sc_errf(SC_ERR_ARG, "x: %.20s is no option of it; `help x` lists them", pattern);
    if (!strcmp(pattern, "*"))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "x *: local variables need the stack walker, which does not exist yet; "
                       "`x module!*` shows a module's symbols");
    sc_err *err = sc_session_symbols(session, &symtab);
    if (!err)
        err = sc_symtab_each(symtab, pattern, kinds_of(pattern), on_hit, &x);
    if (x.err) {
        sc_err_destroy(err);
        err = x.err;
    }
    if (!err && x.sort)
        err = show_sorted(&x);
    if (!err && !x.shown)
        say_why(&x, symtab, pattern);
    SC_VEC_FREE(&x.hits);
    return err;
}

/* ln.c */
extern const struct sc_arg sc_ln_args[];
sc_err *sc_run_ln(sc_session *session, const struct sc_args *args);

const struct sc_command sc_symbol_commands[] = {
    {.name = "x",
     .brief = "list symbols by pattern",
     .needs = SC_NEED_TARGET,
     .args = x_args,
     .help =
         "* stands for any number of characters, ? for one, [a-z] for one of several. Without a "
         "module the kernel's or the program's symbols are searched, and those that are "
         "loaded. Symbols are loaded when they are needed.\n"
         "Constants are shown when they are named without wildcards.\n"
         "Code of which only the name is known shows (<no parameter info>), such data = <no "
         "type information>; data with a type shows its value.",
     .sample = "x nt!KeBugCheck*",
     .run = run_x},
    {.name = "ln",
     .brief = "show the symbols nearest to an address",
     .needs = SC_NEED_TARGET,
     .args = sc_ln_args,
     .help = "The symbol at or before the address, and the next one behind it. When the address is "
             "where symbols start, all of them are listed below \"Exact matches\".\n"
             "In brackets stands the function that code belongs to which the linker has moved away "
             "from it, when the image's unwind data tells.",
     .sample = "ln @$ip",
     .run = sc_run_ln},
    {.name = NULL},
};
