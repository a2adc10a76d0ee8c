/* SPDX-License-Identifier: MIT */
/*
 * The session's symbols: made when first needed, so that a command that shows no name costs
 * nothing. What the store and the loader say while they search is shown with `!sym noisy`;
 * otherwise only warnings, each one once.
 */
#include "cmd/symbols.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/session_impl.h"
#include "target/target_impl.h"
#include "unwind/wow64.h"

void sc_symbolry_init(struct sc_symbolry *symbolry) {
    symbolry->options = SC_SYMOPT_DEFAULT;
    symbolry->prompts = true;
}

void sc_symbolry_deinit(struct sc_symbolry *symbolry) {
    sc_layout_book_destroy(symbolry->layouts);
    sc_unwinder_destroy(symbolry->unwinder);
    sc_unwinder_destroy(symbolry->wow_unwinder);
    sc_symtab_destroy(symbolry->symtab);
    free(symbolry->why);
}

/* ---- what the search says ---- */

/* FNV-1a: a warning is known by its hash. */
static uint64_t hash_of(const char *line) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; *line; line++)
        h = (h ^ (unsigned char)*line) * 0x100000001b3u;
    return h;
}

/* Was the warning shown before? More than we care to remember are not shown either. */
static bool known_warning(struct sc_symbolry *y, const char *line) {
    uint64_t h = hash_of(line);
    for (unsigned i = 0; i < y->nwarned; i++)
        if (y->warned[i] == h)
            return true;
    if (y->nwarned == SC_WARNINGS_MAX)
        return true;
    y->warned[y->nwarned++] = h;
    return false;
}

static void on_log(void *ctx, enum sc_log_level level, const char *line) {
    sc_session *s = ctx;
    bool noisy = s->symbolry.options & SC_SYMOPT_DEBUG;
    if (noisy || (level == SC_LOG_WARN && !known_warning(&s->symbolry, line)))
        sc_remark(s->out, "SYM: %s", line);
}

bool sc_symbols_forgive(sc_session *session, sc_err **err) {
    if (!*err || sc_err_code(*err) == SC_ERR_NOMEM || sc_err_code(*err) == SC_ERR_CANCELLED)
        return false;
    on_log(session, SC_LOG_WARN, sc_err_text(*err));
    sc_err_destroy(*err);
    *err = NULL;
    return true;
}

/* ---- making them ---- */

/* A path that cannot be used is a warning: the dump is worth a look without it. */
static sc_err *use_path(sc_session *s, sc_store *store, enum sc_path_which which,
                        const char *text) {
    if (!text || !*text)
        return NULL;
    sc_err *err = sc_store_set_path(store, which, text);
    return sc_symbols_forgive(s, &err) ? NULL : err;
}

static sc_err *use_paths(sc_session *s, sc_symtab *symtab) {
    sc_store *store = sc_symtab_store(symtab);
    bool found;
    if (!s->has_paths)
        return sc_store_set_from_env(store, &found);
    sc_err *err = use_path(s, store, SC_PATH_SYMBOLS, s->symbol_path);
    return err ? err : use_path(s, store, SC_PATH_IMAGES, s->image_path);
}

static sc_err *make(sc_session *s) {
    struct sc_store_opts opts = {.sz = sizeof opts, .log = on_log, .log_ctx = s};
    sc_symtab *symtab = NULL;
    sc_err *err = sc_symtab_create(s->target, &opts, &symtab);
    if (!err)
        err = use_paths(s, symtab);
    if (err) {
        sc_symtab_destroy(symtab);
        return err;
    }
    s->symbolry.symtab = symtab;
    return NULL;
}

sc_err *sc_session_symbols(sc_session *s, sc_symtab **ret_symtab) {
    struct sc_symbolry *y = &s->symbolry;
    if (!s->target)
        return sc_errf(SC_ERR_NOT_FOUND, "no dump is open, so there are no symbols");
    if (y->why)
        return sc_errf(SC_ERR_NOT_FOUND, "there are no symbols: %s", y->why);
    if (!y->symtab) {
        y->making = true;
        sc_err *err = make(s);
        y->making = false;
        if (err) {
            if (sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED)
                y->why = strdup(sc_err_text(err));
            return err;
        }
    }
    *ret_symtab = y->symtab;
    return NULL;
}

sc_symtab *sc_session_symtab(sc_session *s) {
    sc_symtab *symtab = NULL;
    sc_err *err = s->target && !s->symbolry.why ? sc_session_symbols(s, &symtab) : NULL;
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        sc_target_set_nomem(s->target);
    sc_err_destroy(err);
    return symtab;
}

sc_symtab *sc_session_symtab_peek(const sc_session *s) { return s->symbolry.symtab; }

sc_err *sc_session_layouts(sc_session *s, sc_layout_book **ret_book) {
    sc_symtab *symtab;
    sc_err *err = sc_session_symbols(s, &symtab);
    if (!err && !s->symbolry.layouts)
        err = sc_layout_book_create(symtab, &s->symbolry.layouts);
    if (!err)
        *ret_book = s->symbolry.layouts;
    return err;
}

void sc_session_forget_layouts(sc_session *s) {
    if (s->symbolry.layouts)
        sc_layout_book_forget(s->symbolry.layouts);
    if (s->symbolry.unwinder)
        sc_unwinder_forget(s->symbolry.unwinder);
    sc_unwinder_destroy(s->symbolry.wow_unwinder);
    s->symbolry.wow_unwinder = NULL;
    s->symbolry.epoch++;
    sc_session_reset_scope(s); /* its frame names a module */
}

sc_err *sc_session_unwinder(sc_session *s, sc_unwinder **ret_unwinder) {
    struct sc_symbolry *y = &s->symbolry;
    sc_symtab *symtab = NULL;
    if (!s->target)
        return sc_errf(SC_ERR_NOT_FOUND, "no dump is open, so there are no stacks");
    sc_err *err = y->unwinder || y->why ? NULL : sc_session_symbols(s, &symtab);
    /* Without symbols the images in memory still say how their functions are left. */
    if (err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED))
        return err;
    sc_err_destroy(err);
    err = y->unwinder ? NULL : sc_unwinder_create(s->target, symtab, &y->unwinder);
    if (!err)
        *ret_unwinder = y->unwinder;
    return err;
}

sc_err *sc_session_unwinder_of(sc_session *s, enum sc_cpu cpu, sc_unwinder **ret_unwinder) {
    struct sc_symbolry *y = &s->symbolry;
    if (!s->target || cpu != SC_CPU_X86 || sc_target_machine(s->target)->cpu != SC_CPU_X64)
        return sc_session_unwinder(s, ret_unwinder);
    sc_symtab *symtab = NULL;
    sc_err *err = y->wow_unwinder || y->why ? NULL : sc_session_symbols(s, &symtab);
    if (err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED))
        return err;
    sc_err_destroy(err);
    err = y->wow_unwinder ? NULL : sc_wow64_unwinder(s->target, symtab, &y->wow_unwinder);
    if (!err)
        *ret_unwinder = y->wow_unwinder;
    return err;
}

/* ---- settings ---- */

uint32_t sc_session_symopt(const sc_session *s) {
    uint32_t lines = s->lines ? SC_SYMOPT_LOAD_LINES : 0;
    return (s->symbolry.options & ~(uint32_t)SC_SYMOPT_LOAD_LINES) | lines;
}

void sc_session_set_symopt(sc_session *s, uint32_t options) {
    s->symbolry.options = options;
    s->lines = options & SC_SYMOPT_LOAD_LINES;
}

bool sc_session_sym_prompts(const sc_session *s) { return s->symbolry.prompts; }
void sc_session_set_sym_prompts(sc_session *s, bool on) { s->symbolry.prompts = on; }
