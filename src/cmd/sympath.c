/* SPDX-License-Identifier: MIT */
/*
 * Where symbols and images are searched for, and how: .sympath, .symfix, .exepath, .symopt, !sym.
 *
 *     Symbol search path is: srv*
 *     Expanded Symbol search path is: srv*…/symbols*https://msdl.microsoft.com/download/symbols
 *
 *     ************* Path validation summary **************
 *     Response                         Time (ms)     Location
 *     Deferred                                       srv*
 */
#include <string.h>

#include "base/os.h"
#include "base/utf.h"
#include "cmd/symbols.h"

/* ---- paths ---- */

struct path_rec {
    const char *which, *path, *expanded;
};
static const struct sc_field path_fields[] = {
    SC_FIELD(struct path_rec, which, SC_F_STR), SC_FIELD(struct path_rec, path, SC_F_STR),
    SC_FIELD(struct path_rec, expanded, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype path_type = {"search_path", sizeof(struct path_rec), path_fields};

static void path_text(sc_out *out, const void *record, void *ctx) {
    const struct path_rec *r = record;
    (void)ctx;
    sc_printf(out, "%s search path is: %s\n", r->which, *r->path ? r->path : "<empty>");
    if (*r->expanded)
        sc_printf(out, "Expanded %s search path is: %s\n", r->which, r->expanded);
}

struct element_rec {
    const char *response, *location;
};
static const struct sc_field element_fields[] = {SC_FIELD(struct element_rec, response, SC_F_STR),
                                                 SC_FIELD(struct element_rec, location, SC_F_STR),
                                                 SC_FIELD_END};
static const struct sc_rectype element_type = {"path_element", sizeof(struct element_rec),
                                               element_fields};

static void element_text(sc_out *out, const void *record, void *ctx) {
    const struct element_rec *r = record;
    (void)ctx;
    sc_printf(out, "%-46s %s\n", r->response, r->location);
}

static bool stop_at_once(void *ctx, const char *name, bool is_folder) {
    (void)ctx;
    (void)name;
    (void)is_folder;
    return false;
}

/* Servers and caches are asked when something is needed; a folder is there or not. */
static const char *response_of(const char *element) {
    if (!sc_strncasecmp(element, "srv*", 4) || !sc_strncasecmp(element, "symsrv*", 7) ||
        !sc_strncasecmp(element, "cache*", 6))
        return "Deferred";
    return sc_os_list(element, stop_at_once, NULL) ? "OK" : "Error";
}

static sc_err *show_elements(sc_out *out, const char *path, sc_arena *arena) {
    if (*path)
        sc_puts(out, "\n************* Path validation summary **************\n"
                     "Response                         Time (ms)     Location\n");
    while (*path) {
        size_t n = strcspn(path, ";");
        char *element = sc_arena_strndup(arena, path, n);
        if (!element)
            return sc_err_nomem();
        struct element_rec r = {response_of(element), element};
        if (n)
            sc_record(out, &element_type, &r, element_text, NULL);
        path += n + (path[n] == ';');
    }
    return NULL;
}

static sc_err *show_path(sc_session *session, sc_store *store, enum sc_path_which which,
                         sc_arena *arena) {
    struct path_rec r = {which == SC_PATH_SYMBOLS ? "Symbol" : "Executable image",
                         sc_store_path(store, which), sc_store_expanded(store, which)};
    sc_record(sc_session_out(session), &path_type, &r, path_text, NULL);
    /* Folders are what the path became: a Windows path stands for the cache. */
    return which == SC_PATH_SYMBOLS ? show_elements(sc_session_out(session), r.expanded, arena)
                                    : NULL;
}

static bool wants_append(const struct sc_args *args, const char **ret_path) {
    const char *p = args->v[0].given ? args->v[0].text : "";
    bool append = *p == '+';
    if (append)
        p++;
    *ret_path = p + strspn(p, " \t");
    return append;
}

static sc_err *run_path(sc_session *session, const struct sc_args *args, enum sc_path_which which) {
    const char *path;
    sc_symtab *symtab;
    bool append = wants_append(args, &path);
    sc_err *err = sc_session_symbols(session, &symtab);
    if (err)
        return err;
    sc_store *store = sc_symtab_store(symtab);
    if (*path)
        err =
            append ? sc_store_add_path(store, which, path) : sc_store_set_path(store, which, path);
    return err ? err : show_path(session, store, which, args->arena);
}

static sc_err *run_sympath(sc_session *session, const struct sc_args *args) {
    return run_path(session, args, SC_PATH_SYMBOLS);
}

static sc_err *run_exepath(sc_session *session, const struct sc_args *args) {
    return run_path(session, args, SC_PATH_IMAGES);
}

static sc_err *run_symfix(sc_session *session, const struct sc_args *args) {
    const char *folder;
    sc_symtab *symtab;
    bool append = wants_append(args, &folder);
    sc_err *err = sc_session_symbols(session, &symtab);
    return err ? err : sc_store_symfix(sc_symtab_store(symtab), folder, append);
}

/* ---- options ---- */

static const struct option {
    uint32_t bit;
    const char *name;
} options[] = {
    {0x00000001, "SYMOPT_CASE_INSENSITIVE"},
    {0x00000002, "SYMOPT_UNDNAME"},
    {0x00000004, "SYMOPT_DEFERRED_LOADS"},
    {0x00000008, "SYMOPT_NO_CPP"},
    {0x00000010, "SYMOPT_LOAD_LINES"},
    {0x00000020, "SYMOPT_OMAP_FIND_NEAREST"},
    {0x00000040, "SYMOPT_LOAD_ANYTHING"},
    {0x00000080, "SYMOPT_IGNORE_CVREC"},
    {0x00000100, "SYMOPT_NO_UNQUALIFIED_LOADS"},
    {0x00000200, "SYMOPT_FAIL_CRITICAL_ERRORS"},
    {0x00000400, "SYMOPT_EXACT_SYMBOLS"},
    {0x00000800, "SYMOPT_ALLOW_ABSOLUTE_SYMBOLS"},
    {0x00001000, "SYMOPT_IGNORE_NT_SYMPATH"},
    {0x00002000, "SYMOPT_INCLUDE_32BIT_MODULES"},
    {0x00004000, "SYMOPT_PUBLICS_ONLY"},
    {0x00008000, "SYMOPT_NO_PUBLICS"},
    {0x00010000, "SYMOPT_AUTO_PUBLICS"},
    {0x00020000, "SYMOPT_NO_IMAGE_SEARCH"},
    {0x00040000, "SYMOPT_SECURE"},
    {0x00080000, "SYMOPT_NO_PROMPTS"},
    {0x80000000, "SYMOPT_DEBUG"},
};
enum { NOPTIONS = sizeof options / sizeof *options };

struct options_rec {
    uint32_t options;
    const char **name;
    size_t nnames;
};
static const struct sc_field options_fields[] = {SC_FIELD(struct options_rec, options, SC_F_HEX32),
                                                 {"names", SC_F_STRS,
                                                  offsetof(struct options_rec, name),
                                                  offsetof(struct options_rec, nnames), NULL, NULL},
                                                 SC_FIELD_END};
static const struct sc_rectype options_type = {"symbol_options", sizeof(struct options_rec),
                                               options_fields};

static void options_text(sc_out *out, const void *record, void *ctx) {
    const struct options_rec *r = record;
    (void)ctx;
    sc_printf(out, "Symbol options are 0x%x:\n", r->options);
    for (unsigned i = 0; i < NOPTIONS; i++)
        if (r->options & options[i].bit)
            sc_printf(out, "  0x%08x - %s\n", options[i].bit, options[i].name);
}

static sc_err *run_symopt(sc_session *session, const struct sc_args *args) {
    const char *text = args->v[0].given ? args->v[0].text : "";
    const uint32_t before = sc_session_symopt(session);
    uint32_t now = before;
    char how = *text == '+' || *text == '-' ? *text++ : 0;
    text += strspn(text, " \t");
    if (*text) {
        uint64_t bits;
        sc_err *err = sc_session_eval(session, text, &bits);
        if (err)
            return err;
        if (bits > UINT32_MAX)
            return sc_errf(SC_ERR_ARG, ".symopt: there are 32 options");
        now = how == '+'   ? now | (uint32_t)bits
              : how == '-' ? now & ~(uint32_t)bits
                           : (uint32_t)bits;
        sc_session_set_symopt(session, now);
    } else if (how) {
        return sc_errf(SC_ERR_ARG, ".symopt%c needs the option's number; .symopt lists them", how);
    }
    const char *name[NOPTIONS];
    struct options_rec r = {.options = now, .name = name};
    for (unsigned i = 0; i < NOPTIONS; i++)
        if (now & options[i].bit)
            name[r.nnames++] = options[i].name;
    sc_record(sc_session_out(session), &options_type, &r, options_text, NULL);
    /* Nobody must believe that names are looked up otherwise now. */
    uint32_t idle = (before ^ now) & ~(uint32_t)(SC_SYMOPT_LOAD_LINES | SC_SYMOPT_DEBUG);
    if (idle)
        sc_remark(sc_session_out(session), "Changing 0x%x has no effect here: it is only kept.",
                  idle);
    return NULL;
}

/* ---- !sym ---- */

struct sym_rec {
    bool noisy, prompts, asked;
};
static const struct sc_field sym_fields[] = {SC_FIELD(struct sym_rec, noisy, SC_F_BOOL),
                                             SC_FIELD(struct sym_rec, prompts, SC_F_BOOL),
                                             SC_FIELD_END};
static const struct sc_rectype sym_type = {"symbol_mode", sizeof(struct sym_rec), sym_fields};

static void sym_text(sc_out *out, const void *record, void *ctx) {
    const struct sym_rec *r = record;
    (void)ctx;
    if (r->asked)
        sc_puts(out, "!sym <noisy/quiet - prompts/prompts off> - ");
    sc_printf(out, "%s mode - symbol prompts %s\n", r->noisy ? "noisy" : "quiet",
              r->prompts ? "on" : "off");
}

static sc_err *run_sym(sc_session *session, const struct sc_args *args) {
    const char *word = args->v[0].given ? args->v[0].text : "";
    uint32_t now = sc_session_symopt(session);
    if (!sc_strcasecmp(word, "noisy"))
        sc_session_set_symopt(session, now | SC_SYMOPT_DEBUG);
    else if (!sc_strcasecmp(word, "quiet"))
        sc_session_set_symopt(session, now & ~SC_SYMOPT_DEBUG);
    else if (!sc_strcasecmp(word, "prompts"))
        sc_session_set_sym_prompts(session,
                                   !(args->v[1].given && !sc_strcasecmp(args->v[1].text, "off")));
    else if (*word)
        return sc_errf(SC_ERR_ARG, "!sym knows noisy, quiet, prompts and prompts off");
    struct sym_rec r = {sc_session_symopt(session) & SC_SYMOPT_DEBUG,
                        sc_session_sym_prompts(session), !*word};
    sc_record(sc_session_out(session), &sym_type, &r, sym_text, NULL);
    return NULL;
}

/* ---- rows ---- */

static const struct sc_arg path_args[] = {
    {SC_ARG_REST, "+ path", NULL, true, "the new path; with + in front it is appended"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg symfix_args[] = {
    {SC_ARG_REST, "+ folder", NULL, true, "where downloads are kept; none: the default cache"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg symopt_args[] = {
    {SC_ARG_REST, "+|- bits", NULL, true, "adds (+), removes (-) or sets options"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg sym_args[] = {
    {SC_ARG_WORD, "noisy|quiet|prompts", NULL, true, "what to change"},
    {SC_ARG_WORD, "off", NULL, true, "behind prompts"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_sympath_commands[] = {
    {.name = ".sympath",
     .brief = "show or set the path that symbols are searched in",
     .needs = SC_NEED_TARGET,
     .touch = true,
     .args = path_args,
     .help = "Elements are separated by semicolons in quotes, or given one after the other with "
             ".sympath+: folders, srv*store*server, cache*folder. Symbols that are loaded stay; "
             "`.reload` looks again.\n"
             "In the summary folders are OK when they exist; servers are asked when something is "
             "needed (Deferred).",
     .sample = ".sympath",
     .run = run_sympath},
    {.name = ".symfix",
     .brief = "set the symbol path to Microsoft's server",
     .needs = SC_NEED_TARGET,
     .touch = true,
     .args = symfix_args,
     .help = "The same as .sympath srv*folder*" SC_STORE_MICROSOFT ". With + it is appended.\n"
             "Nothing is downloaded before it is needed.",
     .sample = ".symfix+",
     .run = run_symfix},
    {.name = ".exepath",
     .brief = "show or set the path that images are searched in",
     .needs = SC_NEED_TARGET,
     .touch = true,
     .args = path_args,
     .help = "Images fill in what the dump lacks of code, headers and unwind data, and say which "
             "PDB belongs to a module whose record is not in the dump. The symbol path is searched "
             "for them, too.",
     .sample = ".exepath",
     .run = run_exepath},
    {.name = ".symopt",
     .brief = "show or change the symbol options",
     .touch = true,
     .args = symopt_args,
     .help = "0x10 (source lines, as .lines) and 0x80000000 (say what is searched, as !sym noisy) "
             "have an effect. The others are kept and shown as they are in WinDbg.",
     .sample = ".symopt",
     .run = run_symopt},
    {.name = "!sym",
     .brief = "say what the search for symbols does, or be quiet about it",
     .args = sym_args,
     .help = "noisy shows every place that is looked at; quiet shows only what went wrong. There "
             "are no prompts here, so that setting is only kept.",
     .sample = "!sym",
     .run = run_sym},
    {.name = NULL},
};
