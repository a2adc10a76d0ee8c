/* SPDX-License-Identifier: MIT */
/*
 * `dt`: types, and things of a type.
 *
 *     dt [options] [module!]Name [[options] Field …] [Address] [Field …] [-l Path]
 *     dt [options] Address [-l Path]
 *
 * A word behind the name is a field if the type has one that it fits, else an expression for the
 * address begins there. Options may be joined (`-yoi`) and stand in front of a name or
 * field. A name with wildcards lists the types that match.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/dt.h"

enum { LIST_MAX = 100000 };

struct request {
    struct sc_dt dt;
    sc_symtab *symtab;
    const char *name, *link;
    uint64_t address, untyped; /* untyped: where the name lies, if it is a symbol */
    bool has_address, types_only, all_verbose, physical, next_prefix, name_next;
    bool has_size;
    uint64_t size; /* -s */
    int next_elements;
};

/* ---- options ---- */

/* A number attached to its option: -r2, -a5. */
static int attached(const char **p, int none) {
    int n = 0;
    if (**p < '0' || **p > '9')
        return none;
    for (; **p >= '0' && **p <= '9'; (*p)++)
        n = n < 10000 ? n * 10 + (**p - '0') : n;
    return n;
}

static sc_err *take_letter(struct request *r, const char **p) {
    char c = *(*p)++;
    struct sc_dt *dt = &r->dt;
    switch (c) {
    case 'a': r->next_elements = attached(p, SC_DT_ALL_ELEMENTS); return NULL;
    case 'b':
        dt->blocks = true;
        dt->depth = 16;
        return NULL;
    case 'c': dt->compact = true; return NULL;
    case 'd': r->all_verbose = dt->verbose = true; return NULL;
    case 'e':
    case 't': r->types_only = true; return NULL;
    case 'i': dt->no_indent = true; return NULL;
    case 'n': r->name_next = true; return NULL;
    case 'o': dt->no_offsets = true; return NULL;
    case 'p': r->physical = true; return NULL;
    case 'r': dt->depth = (unsigned)attached(p, 16); return NULL;
    case 'v': dt->verbose = true; return NULL;
    case 'y': r->next_prefix = true; return NULL;
    default: return sc_errf(SC_ERR_ARG, "dt: -%c is no option of it; `help dt` lists them", c);
    }
}

/* The word at *P, which moves behind it. */
static sc_err *take_word(struct request *r, const char **p, const char **ret) {
    size_t n = strcspn(*p, " \t");
    char *word = sc_arena_strndup(r->dt.arena, *p, n);
    *p = sc_skip_blanks(*p + n);
    *ret = word;
    return word ? NULL : sc_err_nomem();
}

static sc_err *take_option(struct request *r, const char **text) {
    const char *word, *p;
    sc_err *err = take_word(r, text, &word);
    if (err)
        return err;
    p = word + 1;
    if (!strcmp(p, "l") || !strcmp(p, "s")) {
        const char *value;
        if (!**text)
            return sc_errf(SC_ERR_ARG, "dt: -%s needs a word behind it", p);
        err = take_word(r, text, &value);
        if (err || *p == 'l') {
            r->link = value;
            return err;
        }
        r->has_size = true;
        return sc_session_eval(r->dt.session, value, &r->size);
    }
    while (!err && *p)
        err = take_letter(r, &p);
    return err;
}

static bool is_option(const char *p) {
    char c = sc_lower(p[1]);
    return (*p == '-' || *p == '/') && c >= 'a' && c <= 'z';
}

/* ---- what is meant ---- */

static bool has_wildcard(const char *name) { return strpbrk(name, "*?") != NULL; }

/* Would the word name a field of the type? */
struct fits {
    const char *word;
    size_t len;
    bool prefix, pattern, found;
};

static bool fits_member(void *ctx, const struct sc_member *m) {
    struct fits *f = ctx;
    const char *name = m->name ? m->name : "";
    size_t n = strlen(name);
    f->found = f->pattern  ? sc_wild_match(f->word, name)
               : f->prefix ? !sc_strncasecmp(f->word, name, f->len)
                           : n == f->len && !sc_strncasecmp(f->word, name, n);
    return !f->found;
}

static sc_err *is_field(struct request *r, const struct sc_typeref *ref, const char *word,
                        bool *ret) {
    size_t n = strcspn(word, ".[");
    const char *arrow = strstr(word, "->");
    if (arrow && (size_t)(arrow - word) < n)
        n = (size_t)(arrow - word);
    char *first = sc_arena_strndup(r->dt.arena, word, n);
    if (!first)
        return sc_err_nomem();
    struct fits f = {first, n, r->next_prefix, has_wildcard(first), false};
    struct sc_member m;
    sc_err *err = n ? sc_type_members(ref->provider, ref->id, fits_member, &f) : NULL;
    *ret = f.found;
    if (!err && n && !f.found && !f.pattern)
        err = sc_type_member(ref->provider, ref->id, first, &m, ret);
    return err;
}

/* The expression at *P, which moves behind it; an option behind it is no part of it. */
static sc_err *take_address(struct request *r, const char **p) {
    const char *end = *p;
    while (*end && !(sc_blank(*end) && is_option(sc_skip_blanks(end))))
        end++;
    char *text = sc_arena_strndup(r->dt.arena, *p, (size_t)(end - *p));
    if (!text)
        return sc_err_nomem();
    const char *behind;
    sc_err *err = r->has_address
                      ? sc_errf(SC_ERR_ARG, "there is an address already")
                      : sc_session_eval_prefix(r->dt.session, text, &r->address, &behind);
    if (err)
        return sc_err_prefix(err, "dt: '%.*s' is neither a field of %s nor an address",
                             (int)strcspn(text, " \t"), text, r->name);
    r->has_address = true;
    *p = sc_skip_blanks(*p + (behind - text));
    return NULL;
}

/* Fields and the address, behind the name. */
static sc_err *take_operands(struct request *r, const struct sc_typeref *ref, const char *p) {
    sc_err *err = NULL;
    while (!err && *p) {
        const char *word, *at = p;
        bool field = false;
        if (is_option(p)) {
            err = take_option(r, &p);
            continue;
        }
        err = take_word(r, &p, &word);
        if (!err)
            err = is_field(r, ref, word, &field);
        if (err)
            return err;
        if (!field) {
            p = at;
            err = take_address(r, &p);
            continue;
        }
        if (r->dt.nfilters == SC_DT_FIELDS_MAX)
            return sc_errf(SC_ERR_LIMIT, "dt: more than %d fields", SC_DT_FIELDS_MAX);
        r->dt.filter[r->dt.nfilters++] =
            (struct sc_dt_filter){word, r->next_prefix, r->next_elements};
        r->next_elements = 0;
    }
    return err;
}

/* ---- a header line ---- */

struct head {
    const char *module, *name, *kind;
    uint64_t size, address;
    bool assumed;
};
static const struct sc_field head_fields[] = {SC_FIELD(struct head, module, SC_F_STR),
                                              SC_FIELD(struct head, name, SC_F_STR),
                                              SC_FIELD(struct head, kind, SC_F_STR),
                                              SC_FIELD(struct head, size, SC_F_HEX64),
                                              SC_FIELD(struct head, address, SC_F_ADDR),
                                              SC_FIELD(struct head, assumed, SC_F_BOOL),
                                              SC_FIELD_END};
static const struct sc_rectype head_type = {"data_type", sizeof(struct head), head_fields};

static void head_text(sc_out *out, const void *record, void *ctx) {
    const struct head *h = record;
    (void)ctx;
    sc_printf(out, "%s!%s\n", h->module, h->name);
}

/* `dt nt!_LIST*`: a line of a list. */
static void listed_text(sc_out *out, const void *record, void *ctx) {
    const struct head *h = record;
    (void)ctx;
    sc_printf(out, "          %s!%s\n", h->module, h->name);
}

static const char *kind_word(const struct sc_type *t) {
    switch (t->kind) {
    case SC_TYPE_STRUCT: return "struct";
    case SC_TYPE_CLASS: return "class";
    case SC_TYPE_UNION: return "union";
    case SC_TYPE_ENUM: return "enum";
    default: return "type";
    }
}

static struct head head_of(const struct sc_typeref *ref, const struct sc_type *t,
                           const struct sc_value *v) {
    return (struct head){.module = ref->module->name,
                         .name = t->name && t->name[0] ? t->name : "<unnamed-tag>",
                         .kind = kind_word(t),
                         .size = t->size,
                         .address = v && v->space ? v->address : SC_UNSET64,
                         .assumed = ref->assumed};
}

/* ---- showing ---- */

static sc_err *show_scalar(struct request *r, const struct sc_value *v) {
    const char *text;
    char type[256];
    bool missing = false;
    sc_err *err = NULL;
    if (v->space) {
        err = sc_show_value(r->dt.session, v, r->dt.arena, &text, &missing);
    } else {
        err = sc_type_text(v->symbols, v->type, type, sizeof type);
        text = type;
    }
    if (err)
        return err;
    sc_printf(r->dt.out, "%s\n", text);
    if (missing) {
        r->dt.missing = true;
        r->dt.missing_at = v->address;
    }
    return NULL;
}

static void end_struct(struct sc_dt *dt) {
    char a[SC_ADDR_BUF];
    if (dt->compact)
        sc_puts(dt->out, "\n");
    if (dt->missing)
        sc_printf(dt->out, "Memory read error %s\n",
                  sc_addr_text(dt->missing_at, sc_session_ptr_size(dt->session), a));
    dt->missing = false;
}

static sc_err *verbose_head(struct request *r, const struct sc_type *t) {
    if (r->dt.verbose)
        sc_printf(r->dt.out, "%s %s, %llu elements, 0x%llx bytes\n", kind_word(t),
                  t->name && t->name[0] ? t->name : "<unnamed-tag>", (unsigned long long)t->count,
                  (unsigned long long)t->size);
    return NULL;
}

sc_err *sc_dt_value(struct sc_dt *dt, const struct sc_value *v) {
    const char *text;
    bool missing;
    sc_err *err = NULL;
    struct sc_type t;
    err = sc_type_of(v->symbols, v->type, &t);
    /* Structures whose value fits a line show it first, as lists and strings do. */
    if (!err && v->space && !dt->nfilters) {
        err = sc_show_value(dt->session, v, dt->arena, &text, &missing);
        size_t n = err || !t.name ? 0 : strlen(t.name);
        if (!err && n && !strncmp(text, t.name, n) && text[n] == ' ')
            sc_printf(dt->out, "%s\n", text + n);
    }
    if (!err)
        err = sc_dt_struct(dt, v);
    end_struct(dt);
    return err;
}

/* A thing of a type, or the type. HEAD: with the line that names it. */
static sc_err *show(struct request *r, const struct sc_typeref *ref, const struct sc_value *v,
                    bool with_head) {
    struct sc_type t;
    sc_err *err = sc_type_of(ref->provider, v->type, &t);
    if (err)
        return err;
    struct head h = head_of(ref, &t, v);
    bool aggregate = t.kind == SC_TYPE_STRUCT || t.kind == SC_TYPE_CLASS || t.kind == SC_TYPE_UNION;
    if (with_head && (aggregate || t.kind == SC_TYPE_ENUM))
        sc_record(r->dt.out, &head_type, &h, head_text, NULL);
    if (ref->assumed && with_head)
        sc_remark(r->dt.out, "This layout is that of another build: fields may lie elsewhere.");
    if (t.kind == SC_TYPE_ENUM && !v->space)
        return sc_dt_enum(&r->dt, v);
    if (!aggregate) {
        err = show_scalar(r, v);
        end_struct(&r->dt);
        return err;
    }
    err = verbose_head(r, &t);
    return err ? err : sc_dt_value(&r->dt, v);
}

/* ---- lists (-l) ---- */

/* From one structure to the next: *RET_NEXT is 0 at the end. */
static sc_err *next_of(const struct sc_value *v, const char *link, uint64_t *ret_next) {
    struct sc_value m;
    struct sc_type t, to = {.size = 0};
    enum sc_read status = SC_READ_OK;
    uint64_t next = 0;
    sc_err *err = sc_value_member(v, link, &m);
    if (!err)
        err = sc_type_of(m.symbols, m.type, &t);
    if (!err && t.kind == SC_TYPE_POINTER && t.target)
        err = sc_symbols_type(m.symbols, t.target, &to);
    if (!err)
        err = sc_value_uint(&m, &next, &status);
    if (err)
        return err;
    char why[SC_WHY_TEXT];
    if (status != SC_READ_OK)
        return sc_err_mem(m.address, "the link at 0x%llx cannot be read: %s",
                          (unsigned long long)m.address,
                          sc_space_why(m.space, m.address, status, why));
    /* A LIST_ENTRY's pointer leads to the next one's LIST_ENTRY, not to its start. */
    bool entry =
        to.name && (!strcmp(to.name, "_LIST_ENTRY") || !strcmp(to.name, "_SINGLE_LIST_ENTRY"));
    const char *dot = strrchr(link, '.');
    if (entry && dot) {
        char *parent = strndup(link, (size_t)(dot - link));
        if (!parent)
            return sc_err_nomem();
        err = sc_value_member(v, parent, &m);
        free(parent);
        if (err)
            return err;
        next = next ? next - m.offset : 0;
    }
    *ret_next = next;
    return NULL;
}

static sc_err *show_list(struct request *r, const struct sc_typeref *ref,
                         const struct sc_value *first) {
    struct sc_value v = *first, slow = *first;
    sc_out *out = r->dt.out;
    char a[SC_ADDR_BUF];
    for (unsigned i = 0; i < LIST_MAX; i++) {
        uint64_t next = 0;
        if (sc_target_cancelled(sc_session_target(r->dt.session)))
            return sc_err_cancelled();
        sc_printf(out, "%s at 0x%s\n---------------------------------------------\n", r->link,
                  sc_addr_text(v.address, sc_session_ptr_size(r->dt.session), a));
        sc_err *err = show(r, ref, &v, false);
        sc_puts(out, "\n");
        if (!err)
            err = next_of(&v, r->link, &next);
        if (err || !next || next == first->address)
            return err;
        v.address = sc_space_canon(v.space, next);
        /* A list that runs into a circle without its head: a second walker, half as fast. */
        if (i % 2) {
            err = next_of(&slow, r->link, &next);
            if (err)
                return err;
            slow.address = sc_space_canon(v.space, next);
            if (slow.address == v.address) {
                sc_remark(out, "The list goes in a circle that its first element is not in.");
                return NULL;
            }
        }
    }
    return sc_errf(SC_ERR_LIMIT, "dt: the list has more than %d elements", LIST_MAX);
}

/* ---- enumerating types ---- */

struct listing {
    struct request *r;
    size_t count;
    sc_err *err;
};

static bool on_type(void *ctx, const struct sc_typeref *ref, const struct sc_type *t) {
    struct listing *l = ctx;
    struct request *r = l->r;
    if (sc_target_cancelled(sc_session_target(r->dt.session))) {
        l->err = sc_err_cancelled();
        return false;
    }
    if (r->has_size && t->size != r->size)
        return true;
    l->count++;
    struct head h = head_of(ref, t, NULL);
    if (!r->all_verbose) {
        sc_record(r->dt.out, &head_type, &h, listed_text, NULL);
        return true;
    }
    struct sc_value v = sc_value_at(NULL, ref->provider, t->id, 0);
    l->err = show(r, ref, &v, true);
    return !l->err;
}

static sc_err *list_types(struct request *r) {
    struct listing l = {.r = r};
    sc_err *err = sc_symtab_types(r->symtab, r->name, on_type, &l);
    if (l.err) {
        sc_err_destroy(err);
        err = l.err;
    }
    if (!err && !l.count)
        sc_remark(r->dt.out, "No type matches %s.", r->name);
    return err;
}

/* ---- finding the type ---- */

/* "mod!NAME" with an underscore in front of NAME; NULL when there is one. */
static const char *underscored(struct request *r) {
    const char *bang = strchr(r->name, '!');
    const char *own = bang ? bang + 1 : r->name;
    if (*own == '_')
        return NULL;
    return sc_arena_printf(r->dt.arena, "%.*s_%s", (int)(own - r->name), r->name, own);
}

/* A variable: its type and address. */
static sc_err *find_variable(struct request *r, uint64_t addr, struct sc_typeref *ref,
                             struct sc_value *v, bool *ret_found) {
    struct sc_near near;
    bool found;
    sc_err *err = sc_symtab_near(r->symtab, addr, &near, &found);
    if (err || !found || near.displacement || !near.symbol.type)
        return err;
    *ref = (struct sc_typeref){
        .module = near.module, .provider = near.provider, .id = near.symbol.type};
    *v = sc_value_at(sc_target_space(sc_session_target(r->dt.session)), ref->provider, ref->id,
                     addr);
    *ret_found = true;
    return NULL;
}

static sc_err *find_name(struct request *r, struct sc_typeref *ref, struct sc_value *v,
                         bool *ret_found) {
    uint64_t addr;
    bool known = false;
    *v = (struct sc_value){.space = NULL};
    sc_err *err = sc_symtab_type(r->symtab, r->name, ref, ret_found);
    const char *other = !err && !*ret_found ? underscored(r) : NULL;
    if (other)
        err = sc_symtab_type(r->symtab, other, ref, ret_found);
    if (err)
        return err;
    if (*ret_found) {
        *v = sc_value_at(NULL, ref->provider, ref->id, 0);
        return NULL;
    }
    err = sc_symtab_lookup(r->symtab, r->name, &addr, &known);
    if (err || !known)
        return err;
    r->untyped = addr;
    return find_variable(r, addr, ref, v, ret_found);
}

/* Why a name has no type: the module's symbols have none, or it does not exist. */
static sc_err *not_found(struct request *r) {
    const char *bang = strchr(r->name, '!');
    sc_target *target = sc_session_target(r->dt.session);
    char module[128] = "nt";
    if (bang && (size_t)(bang - r->name) < sizeof module) {
        memcpy(module, r->name, (size_t)(bang - r->name));
        module[bang - r->name] = 0;
    }
    const struct sc_module *m = sc_target_module_named(target, module);
    if (!m && bang)
        return sc_errf(SC_ERR_NOT_FOUND, "Symbol %s not found: there is no module %s", r->name,
                       module);
    const struct sc_modsyms *s = m ? sc_symtab_peek(r->symtab, m) : NULL;
    if (r->untyped)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "%s is at 0x%llx, but its symbols do not say of what type it is; "
                       "`dt TYPE %s` shows it as one",
                       r->name, (unsigned long long)r->untyped, r->name);
    if (s && (!s->nproviders || s->state == SC_SYMSTATE_NONE) && s->why)
        return sc_errf(SC_ERR_NOT_FOUND, "Symbol %s not found: %s has no symbols: %s", r->name,
                       module, s->why);
    return sc_errf(SC_ERR_NOT_FOUND, "Symbol %s not found%s%s%s", r->name,
                   s ? ": neither a type nor a variable with a type is called so in the " : "",
                   s ? sc_symstate_text(s->state) : "", s ? " of its module" : "");
}

static sc_err *run_address(struct request *r, const char *text);

/* ---- the command ---- */

/* Words that are no names may be numbers that begin with a letter. */
static bool is_value(struct request *r, const char *text) {
    uint64_t value;
    sc_err *err = strchr(text, '!') ? sc_errf(SC_ERR_ARG, "a name")
                                    : sc_session_eval(r->dt.session, text, &value);
    bool ok = !err;
    sc_err_destroy(err);
    return ok;
}

static sc_err *run_named(struct request *r, const char *rest) {
    struct sc_typeref ref;
    struct sc_value v;
    bool found = false;
    sc_err *err = find_name(r, &ref, &v, &found);
    if (!err && !found && !*rest && is_value(r, r->name))
        return run_address(r, r->name);
    if (!err && !found)
        err = not_found(r);
    if (!err)
        err = take_operands(r, &ref, rest);
    if (!err && r->has_address) {
        sc_target *target = sc_session_target(r->dt.session);
        sc_space *space = r->physical ? sc_target_phys(target) : sc_target_space(target);
        v = sc_value_at(space, ref.provider, ref.id, sc_space_canon(space, r->address));
    }
    if (err)
        return err;
    if (r->link && !v.space)
        return sc_errf(SC_ERR_ARG, "dt: -l follows a list in memory: an address is missing");
    return r->link ? show_list(r, &ref, &v) : show(r, &ref, &v, true);
}

/* `dt ADDRESS`: what the symbols say is there. */
static sc_err *run_address(struct request *r, const char *text) {
    struct sc_typeref ref;
    struct sc_value v;
    uint64_t addr;
    bool found = false;
    sc_err *err = sc_session_eval(r->dt.session, text, &addr);
    if (!err)
        err = find_variable(r,
                            sc_space_canon(sc_target_space(sc_session_target(r->dt.session)), addr),
                            &ref, &v, &found);
    if (err)
        return err;
    if (!found)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "no variable with a type begins at 0x%llx; give the type's "
                       "name in front of the address",
                       (unsigned long long)addr);
    return show(r, &ref, &v, true);
}

static bool looks_like_address(const char *word) {
    return (*word >= '0' && *word <= '9') || *word == '@' || *word == '(' || *word == '&';
}

static sc_err *run_dt(sc_session *session, const struct sc_args *args) {
    struct request r = {
        .dt = {.session = session, .out = sc_session_out(session), .arena = args->arena}};
    const char *p = args->v[0].text;
    sc_err *err = NULL;
    while (!err && is_option(p))
        err = take_option(&r, &p);
    if (!err && !*p)
        err = sc_errf(SC_ERR_ARG, "dt: the name of a type or variable is missing; `help dt`");
    if (!err)
        err = sc_session_symbols(session, &r.symtab);
    if (err)
        return err;
    r.dt.elements = r.next_elements;
    r.next_elements = 0;
    if (looks_like_address(p) && !r.name_next)
        return run_address(&r, p);
    bool prefix = r.next_prefix;
    r.next_prefix = false;
    err = take_word(&r, &p, &r.name);
    if (!err && prefix && !has_wildcard(r.name)) {
        r.name = sc_arena_printf(args->arena, "%s*", r.name);
        err = r.name ? NULL : sc_err_nomem();
    }
    if (!err && has_wildcard(r.name))
        return list_types(&r);
    return err ? err : run_named(&r, p);
}

static const struct sc_arg dt_args[] = {
    {SC_ARG_REST, "[options] [module!]name [field …] [address]", NULL, false, "see the help"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_type_commands[] = {
    {.name = "dt",
     .brief = "show a type, or a thing of a type",
     .needs = SC_NEED_TARGET,
     .touch = true,
     .args = dt_args,
     .help =
         "dt nt!_EPROCESS shows its fields; with an address their values; with names of fields "
         "(`Pcb.Header`, `Image*`, `Buffer[2]`, `Parameters.`) only these. A name with wildcards "
         "lists types. A variable with a type shows its value.\n"
         "-r[n] also what structures and pointers hold, n levels deep; -b what structures hold. "
         "-a[n] elements of arrays on lines of their own. -v kinds and sizes. -c on one line. -o "
         "without offsets. -i without indentation. -y the word is the start of a name. -l path "
         "follows a list: -l ActiveProcessLinks.Flink. -s size, with wildcards: only types of this "
         "size. -d, with wildcards: show the types found. -p the address is physical. -n the next "
         "word is a name. -e and -t: types only, as always.\n"
         "???? stands for memory that the dump does not hold.",
     .sample = "dt nt!_LIST_ENTRY",
     .run = run_dt},
    {.name = NULL},
};
