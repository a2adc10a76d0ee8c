/* SPDX-License-Identifier: MIT */
/*
 * `.reload`: forget which symbols were found and which were not, so that they are looked for again;
 * with /f at once. `!chksym`: does a module's symbol file belong to it?
 *
 *     Loading Kernel Symbols
 *     ...............................................................
 *     ......
 *     Loading User Symbols
 *     Loading unloaded module list
 *     ....
 *
 * A dot is a module: 63 on the first line, 64 on the ones behind it, as WinDbg prints them.
 */
#include <string.h>

#include "base/guid.h"
#include "base/utf.h"
#include "cmd/symbols.h"
#include "cmd/usermods.h"
#include "stopcode/kdump.h"
#include "sym/open.h"

enum {
    ARG_FORCE,
    ARG_IGNORE,
    ARG_LIST,
    ARG_NO_USER,
    ARG_OVERWRITE,
    ARG_ALL,
    ARG_DEBUG,
    ARG_UNLOAD,
    ARG_USER,
    ARG_UNLOADED,
    ARG_VERBOSE,
    ARG_NO_WILD,
    ARG_MODULE,
};

struct reload {
    sc_session *session;
    const struct sc_args *args;
    sc_out *out;
    sc_target *target;
    sc_symtab *symtab;
    const char *pattern; /* NULL: all modules */
    unsigned dots, matched;
};

static bool given(const struct reload *r, int arg) { return r->args->v[arg].given; }

/* ---- records ---- */

struct load_rec {
    const char *module, *state, *path, *how, *why;
    bool loaded;
};
static const struct sc_field load_fields[] = {SC_FIELD(struct load_rec, module, SC_F_STR),
                                              SC_FIELD(struct load_rec, state, SC_F_STR),
                                              SC_FIELD(struct load_rec, loaded, SC_F_BOOL),
                                              SC_FIELD(struct load_rec, path, SC_F_STR),
                                              SC_FIELD(struct load_rec, how, SC_F_STR),
                                              SC_FIELD(struct load_rec, why, SC_F_STR),
                                              SC_FIELD_END};
static const struct sc_rectype load_type = {"symbol_load", sizeof(struct load_rec), load_fields};

static void load_text(sc_out *out, const void *record, void *ctx) {
    const struct load_rec *l = record;
    const struct reload *r = ctx;
    if (!l->loaded) {
        sc_printf(out, "*** ERROR: Module load completed but symbols could not be loaded for %s\n",
                  l->module);
        if (l->why && sc_session_enrich(r->session))
            sc_printf(out, "           [%s]\n", l->why);
    } else if (given(r, ARG_VERBOSE)) {
        sc_printf(out, "%s: %s%s%s\n", l->module, l->state, l->path ? " " : "",
                  l->path ? l->path : "");
    }
}

static struct load_rec load_rec_of(const struct sc_modsyms *m) {
    return (struct load_rec){.module = m->module->image,
                             .state = sc_symstate_text(m->state),
                             .path = m->path,
                             .how = m->how,
                             .why = m->why,
                             .loaded = m->state != SC_SYMSTATE_NONE};
}

/* ---- dots ---- */

static void dot(struct reload *r) {
    sc_puts(r->out, ".");
    r->dots++;
    if (r->dots == 63 || (r->dots > 63 && (r->dots - 63) % 64 == 0))
        sc_puts(r->out, "\n");
    if (r->dots % 16 == 0)
        sc_out_flush(r->out);
}

static void end_dots(struct reload *r) {
    bool at_start = !r->dots || r->dots == 63 || (r->dots > 63 && (r->dots - 63) % 64 == 0);
    if (!at_start)
        sc_puts(r->out, "\n");
    r->dots = 0;
}

/* ---- which ---- */

/* "amdppm.sys" and "amdppm" name the same; a pattern unless /w says that it is a name. */
static bool matches(const struct reload *r, const struct sc_module *m) {
    if (!r->pattern)
        return true;
    if (!sc_strcasecmp(r->pattern, m->name) || !sc_strcasecmp(r->pattern, m->image))
        return true;
    return !given(r, ARG_NO_WILD) &&
           (sc_wild_match(r->pattern, m->name) || sc_wild_match(r->pattern, m->image));
}

/* ---- /i: a file that does not match ---- */

/* The key by which a store would have the module's PDB; by name alone when none is known. */
static struct sc_store_key key_of(const struct sc_module *m, const struct sc_modsyms *s,
                                  sc_arena *arena) {
    const struct sc_codeview *cv = &s->codeview;
    struct sc_store_key key = {.kind = SC_STORE_PDB, .name = cv->path};
    if (cv->kind == SC_CV_RSDS)
        key.guid = cv->guid;
    key.signature = cv->signature;
    key.age = cv->age;
    if (!key.name) {
        const char *end = strrchr(m->image, '.');
        size_t n = end ? (size_t)(end - m->image) : strlen(m->image);
        key.name = sc_arena_printf(arena, "%.*s.pdb", (int)(n < 200 ? n : 200), m->image);
    }
    return key;
}

/* Uses the first file of that name, whatever it was made for. */
static sc_err *load_mismatched(struct reload *r, const struct sc_module *m) {
    const struct sc_modsyms *s;
    struct sc_store_found found;
    sc_symbols *provider = NULL;
    sc_err *err = sc_symtab_load(r->symtab, m, &s);
    if (err || (s->state != SC_SYMSTATE_NONE && s->state != SC_SYMSTATE_EXPORT))
        return err;
    struct sc_store_key key = key_of(m, s, r->args->arena);
    if (!key.name)
        return sc_err_nomem();
    err = sc_store_find(sc_symtab_store(r->symtab), &key, NULL, NULL, &found);
    if (err)
        return err;
    if (found.path)
        err = sc_symbols_open(found.path, &provider);
    if (!err && provider) {
        err = sc_symtab_attach(r->symtab, m, provider, "not verified (.reload /i)");
        if (!err)
            sc_remark(r->out, "*** WARNING: %s is used for %s without a check: names may be wrong",
                      found.path, m->image);
    }
    sc_symbols_unref(provider);
    sc_store_found_deinit(&found);
    return err;
}

/* ---- loading ---- */

static sc_err *load_now(struct reload *r, const struct sc_module *m) {
    const struct sc_modsyms *s;
    sc_err *err = given(r, ARG_IGNORE) ? load_mismatched(r, m) : NULL;
    if (!err)
        err = sc_symtab_load(r->symtab, m, &s);
    if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
        struct load_rec bad = {.module = m->image, .state = "no symbols", .why = sc_err_text(err)};
        end_dots(r);
        sc_record(r->out, &load_type, &bad, load_text, r);
        sc_err_destroy(err);
        return NULL;
    }
    if (err)
        return err;
    struct load_rec done = load_rec_of(s);
    if (!done.loaded || given(r, ARG_VERBOSE))
        end_dots(r);
    sc_record(r->out, &load_type, &done, load_text, r);
    return NULL;
}

static sc_err *reload_modules(struct reload *r) {
    const struct sc_modules *modules;
    sc_err *err = sc_target_modules(r->target, &modules);
    for (size_t i = 0; !err && i < modules->count; i++) {
        const struct sc_module *m = &modules->item[i];
        if (sc_target_cancelled(r->target)) {
            end_dots(r);
            return sc_err_cancelled();
        }
        if (!matches(r, m))
            continue;
        r->matched++;
        sc_symtab_reload(r->symtab, m);
        if (!r->pattern)
            dot(r);
        /* A module that is named is loaded at once, as WinDbg does it. */
        if (!given(r, ARG_UNLOAD) && (given(r, ARG_FORCE) || given(r, ARG_IGNORE) || r->pattern))
            err = load_now(r, m);
    }
    end_dots(r);
    return err;
}

static sc_err *reload_unloaded(struct reload *r) {
    const struct sc_unloadeds *unloaded;
    sc_err *err = sc_target_unloaded(r->target, &unloaded);
    sc_puts(r->out, "Loading unloaded module list\n");
    for (size_t i = 0; !err && i < unloaded->count; i++)
        dot(r);
    end_dots(r);
    return err;
}

/* The modules of the process at hand, read anew. */
static sc_err *reload_user(struct reload *r) {
    if (!sc_target_has_paging(r->target)) {
        sc_puts(r->out, "Loading User Symbols\n");
        if (given(r, ARG_USER))
            sc_remark(
                r->out, "%s holds no user-mode memory: there are no user-mode modules to load.",
                sc_triage_header(sc_target_source(r->target)) ? "A triage dump" : "This dump");
        return NULL;
    }
    sc_err *err = sc_session_reload_user(r->session);
    if (!err)
        sc_show_user_modules(r->session);
    return err;
}

static sc_err *reload_all(struct reload *r) {
    bool kernel = sc_target_machine(r->target)->kernel;
    sc_err *err = NULL;
    if (given(r, ARG_UNLOADED))
        return reload_unloaded(r);
    if (kernel && given(r, ARG_USER))
        return reload_user(r);
    sc_puts(r->out, kernel ? "Loading Kernel Symbols\n" : "Reloading current modules\n");
    sc_store_forget_failures(sc_symtab_store(r->symtab));
    err = reload_modules(r);
    if (!err && kernel && !given(r, ARG_NO_USER))
        err = reload_user(r);
    return err ? err : reload_unloaded(r);
}

/* ---- the command ---- */

/* What is not given of a module's size and time stamp: from its headers in memory. */
static sc_err *take_headers(struct reload *r, const char *name, struct sc_module *m) {
    sc_pe *pe;
    sc_err *err = sc_pe_open_memory(sc_target_space(r->target), m->base, name, &pe);
    if (err)
        return sc_err_prefix(err, ".reload %s=…: no size is given, and", name);
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    m->size = h->image_size;
    if (!m->timestamp)
        m->timestamp = h->timestamp;
    sc_pe_close(pe);
    return NULL;
}

/* "address[,size[,timestamp]]". */
static sc_err *take_numbers(struct reload *r, const char *p, struct sc_module *m) {
    uint64_t value[3] = {0};
    for (int i = 0; i < 3 && *p; i++) {
        sc_err *err = sc_session_eval_prefix(r->session, p, &value[i], &p);
        if (err)
            return err;
        if (*p && (*p != ',' || i == 2))
            return sc_errf(SC_ERR_ARG, ".reload module=address[,size[,timestamp]]: not \"%s\"", p);
        p += *p == ',';
    }
    m->base = sc_space_canon(sc_target_space(r->target), value[0]);
    m->size = value[1];
    m->timestamp = (uint32_t)value[2];
    return NULL;
}

/*
 * "module=address[,size[,timestamp]]": a module that is listed there is reloaded; another one joins
 * the list.
 */
static sc_err *take_module(struct reload *r, const char *text) {
    const char *equals = strchr(text, '=');
    struct sc_module m = {.base = 0};
    if (!equals) {
        r->pattern = text;
        return NULL;
    }
    char *name = sc_arena_strndup(r->args->arena, text, (size_t)(equals - text));
    if (!name)
        return sc_err_nomem();
    if (!*name)
        return sc_errf(SC_ERR_ARG, ".reload module=address: the module's name is missing");
    sc_err *err = take_numbers(r, equals + 1, &m);
    if (err)
        return err;
    const struct sc_module *there = sc_target_module_at(r->target, m.base);
    bool listed = there && there->base == m.base &&
                  (!sc_strcasecmp(there->name, name) || !sc_strcasecmp(there->image, name));
    if (!listed) {
        m.image = m.path = name;
        err = m.size ? NULL : take_headers(r, name, &m);
        sc_session_forget_layouts(r->session); /* they point at modules */
        if (!err)
            err = sc_symtab_add_module(r->symtab, &m);
        if (err)
            return err;
        there = sc_target_module_at(r->target, m.base);
    }
    r->pattern = there ? there->name : name;
    return NULL;
}

static sc_err *run_reload(sc_session *session, const struct sc_args *args) {
    struct reload r = {.session = session,
                       .args = args,
                       .out = sc_session_out(session),
                       .target = sc_session_target(session)};
    sc_err *err = NULL;
    if (args->v[ARG_LIST].given) {
        sc_session_run_nested(session, "lm");
        return NULL;
    }
    err = sc_session_symbols(session, &r.symtab);
    if (!err && args->v[ARG_MODULE].given)
        err = take_module(&r, args->v[ARG_MODULE].text);
    if (err)
        return err;
    sc_session_forget_layouts(session);
    if (!r.pattern)
        return reload_all(&r);
    if (given(&r, ARG_FORCE))
        sc_store_forget_failures(sc_symtab_store(r.symtab));
    err = reload_modules(&r);
    if (!err && !r.matched)
        err = sc_errf(SC_ERR_NOT_FOUND, "\"%s\" was not found in the image list.", r.pattern);
    return err;
}

static const struct sc_arg reload_args[] = {
    [ARG_FORCE] = {SC_ARG_OPTION, "force", "f", true, "load at once, and ask servers again"},
    [ARG_IGNORE] = {SC_ARG_OPTION, "ignore", "i", true, "use a file that does not match, too"},
    [ARG_LIST] = {SC_ARG_OPTION, "list", "l", true, "list the modules, change nothing"},
    [ARG_NO_USER] = {SC_ARG_OPTION, "kernel", "n", true, "the kernel's modules only"},
    [ARG_OVERWRITE] = {SC_ARG_OPTION, "overwrite", "o", true, "accepted; changes nothing"},
    [ARG_ALL] = {SC_ARG_OPTION, "system", "s", true, "accepted; changes nothing"},
    [ARG_DEBUG] = {SC_ARG_OPTION, "all", "d", true, "accepted; changes nothing"},
    [ARG_UNLOAD] = {SC_ARG_OPTION, "unload", "u", true, "forget the symbols, load none"},
    [ARG_USER] = {SC_ARG_OPTION, "user", "user", true, "the process's modules"},
    [ARG_UNLOADED] = {SC_ARG_OPTION, "unloaded", "unl", true, "the list of unloaded modules"},
    [ARG_VERBOSE] = {SC_ARG_OPTION, "verbose", "v", true, "say what was found for each"},
    [ARG_NO_WILD] = {SC_ARG_OPTION, "literal", "w", true, "the module's name is no pattern"},
    [ARG_MODULE] = {SC_ARG_WORD, "module[=address[,size[,timestamp]]]", NULL, true,
                    "name, image or pattern: loaded at once; with an address a new module"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

/* ---- !chksym ---- */

struct check_rec {
    const char *module, *image, *symbols, *pdb, *how, *why, *provider;
    uint32_t timestamp, size, age, found_age;
    struct sc_guid guid, found_guid;
    bool matches, has_key, has_file;
};
static const struct sc_field check_fields[] = {SC_FIELD(struct check_rec, module, SC_F_STR),
                                               SC_FIELD(struct check_rec, image, SC_F_STR),
                                               SC_FIELD(struct check_rec, timestamp, SC_F_HEX32),
                                               SC_FIELD(struct check_rec, size, SC_F_HEX32),
                                               SC_FIELD(struct check_rec, pdb, SC_F_STR),
                                               SC_FIELD(struct check_rec, guid, SC_F_GUID),
                                               SC_FIELD(struct check_rec, age, SC_F_U32),
                                               SC_FIELD(struct check_rec, symbols, SC_F_STR),
                                               SC_FIELD(struct check_rec, found_guid, SC_F_GUID),
                                               SC_FIELD(struct check_rec, found_age, SC_F_U32),
                                               SC_FIELD(struct check_rec, matches, SC_F_BOOL),
                                               SC_FIELD(struct check_rec, how, SC_F_STR),
                                               SC_FIELD(struct check_rec, why, SC_F_STR),
                                               SC_FIELD_END};
static const struct sc_rectype check_type = {"symbol_check", sizeof(struct check_rec),
                                             check_fields};

static void check_text(sc_out *out, const void *record, void *ctx) {
    const struct check_rec *r = record;
    char guid[SC_GUID_BUF];
    (void)ctx;
    sc_printf(out, "\n%s\n    Timestamp: %08X%s\n  SizeOfImage: %X\n", r->image, r->timestamp,
              r->timestamp ? "" : " (unavailable)", r->size);
    if (r->has_key)
        sc_printf(out, "          pdb: %s\n      pdb sig: %s\n          age: %x\n",
                  r->pdb ? r->pdb : "(no name)", sc_guid_text(&r->guid, guid), r->age);
    else
        sc_puts(out, "          pdb: not known\n");
    sc_puts(out, "\n");
    if (!r->has_file) {
        sc_printf(out, "%s: no symbol file%s%s\n", r->module, r->why ? ": " : "",
                  r->why ? r->why : "");
        return;
    }
    sc_printf(out, "%s\n      pdb sig: %s\n          age: %x\n\n", r->symbols,
              sc_guid_text(&r->found_guid, guid), r->found_age);
    if (r->matches)
        sc_printf(out, "MATCH: %s and %s", r->symbols, r->image);
    else
        sc_printf(out, "*** MISMATCH: %s and %s", r->symbols, r->image);
    if (r->how)
        sc_printf(out, "  [by %s]", r->how);
    sc_puts(out, "\n");
}

static sc_err *check(sc_session *session, sc_symtab *symtab, const struct sc_module *m) {
    const struct sc_modsyms *s;
    struct sc_symbols_info info = {.path = NULL};
    sc_err *err = sc_symtab_load(symtab, m, &s);
    if (err)
        return err;
    if (s->nproviders) {
        sc_symbols_info(s->provider[0], &info);
        err = sc_symbols_key_age(s->provider[0], &info.age); /* of a PDB: the one that counts */
        if (err && !sc_symbols_forgive(session, &err))
            return err;
    }
    struct check_rec r = {.module = m->name,
                          .image = m->image,
                          .timestamp = m->timestamp,
                          .size = (uint32_t)m->size,
                          .symbols = s->path,
                          .pdb = s->codeview.path,
                          .guid = s->codeview.guid,
                          .age = s->codeview.age,
                          .found_guid = info.guid,
                          .found_age = info.age,
                          .how = s->how,
                          .why = s->why,
                          .has_key = s->codeview.kind == SC_CV_RSDS,
                          .has_file = s->path && s->state != SC_SYMSTATE_EXPORT &&
                                      s->state != SC_SYMSTATE_NONE};
    r.matches = r.has_file && (!r.has_key || sc_guid_equal(&r.guid, &r.found_guid));
    sc_record(sc_session_out(session), &check_type, &r, check_text, NULL);
    return NULL;
}

static sc_err *run_chksym(sc_session *session, const struct sc_args *args) {
    sc_target *target = sc_session_target(session);
    const struct sc_module *m = sc_target_module_named(target, args->v[0].text);
    sc_symtab *symtab;
    uint64_t addr;
    if (!m) {
        sc_err *err = sc_session_eval(session, args->v[0].text, &addr);
        if (err)
            return err;
        m = sc_target_module_at(target, sc_space_canon(sc_target_space(target), addr));
    }
    if (!m)
        return sc_errf(SC_ERR_NOT_FOUND, "%s is no module", args->v[0].text);
    sc_err *err = sc_session_symbols(session, &symtab);
    return err ? err : check(session, symtab, m);
}

static const struct sc_arg chksym_args[] = {
    {SC_ARG_WORD, "module", NULL, false, "its name, or an address in it"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_reload_commands[] = {
    {.name = ".reload",
     .brief = "look for symbols again",
     .needs = SC_NEED_TARGET,
     .args = reload_args,
     .help = "Without a module: forgets what was found for all of them; symbols are loaded again "
             "when they are needed, with /f at once. A module that is named is loaded at once. "
             "What is not found is said with the reason.\n"
             "A module with an address joins the list, if there is none: its size and time stamp "
             "are taken from its headers in memory when they are not given. Give the file's name "
             "with its extension.\n"
             "With /i a file of the right name is used though it belongs to another build; the "
             "names it gives may be wrong.",
     .sample = ".reload",
     .run = run_reload},
    {.name = "!chksym",
     .brief = "does a module's symbol file belong to it?",
     .needs = SC_NEED_TARGET,
     .args = chksym_args,
     .help = "Shows the module's key and the symbol file's, and by what the file was recognised.",
     .sample = "!chksym nt",
     .run = run_chksym},
    {.name = NULL},
};
