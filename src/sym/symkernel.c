/* SPDX-License-Identifier: MIT */
/*
 * The kernel's symbols where the dump names none: by its fingerprint (kernel_index.h), in the local
 * folders of the symbol path.
 *
 * The index file is a cache and may be wrong: a line damaged by chance, a file replaced within one
 * second. So what it names is opened and compared before it is used, and when that fails the files
 * are looked through once more without it.
 */
#include <string.h>

#include "base/utf.h"
#include "sym/kernel_index.h"
#include "sym/symtab_impl.h"

static uint32_t rva_in(const struct sc_module *m, uint64_t addr) {
    return addr - m->base < m->size && addr - m->base <= UINT32_MAX ? (uint32_t)(addr - m->base)
                                                                    : 0;
}

static struct sc_kernel_print print_of(const sc_symtab *t, const struct sc_module *m) {
    const struct sc_machine *machine = sc_target_machine(t->target);
    return (struct sc_kernel_print){rva_in(m, machine->loaded_module_list),
                                    rva_in(m, machine->active_process_head),
                                    rva_in(m, machine->debugger_data)};
}

struct log_to {
    const sc_target *target;
};

static void log_line(void *ctx, enum sc_log_level level, const char *line) {
    sc_target_log(((struct log_to *)ctx)->target, level, "%s", line);
}

static bool cancelled(void *ctx) { return sc_target_cancelled(ctx); }

/* Looks through the path's folders; what was learnt is saved, also when the search was ended. */
static sc_err *look(sc_symtab *t, struct sc_kernel_index *index) {
    struct log_to to = {t->target};
    const char *cache = sc_store_cache(t->store);
    index->cancelled = cancelled;
    index->cancelled_ctx = t->target;
    sc_err *err = sc_kernel_index_add_path(index, sc_store_expanded(t->store, SC_PATH_SYMBOLS),
                                           log_line, &to);
    if (!index->looked || sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    sc_err *unsaved = sc_kernel_index_save(index, cache);
    if (sc_err_code(unsaved) == SC_ERR_NOMEM && !err)
        return unsaved;
    if (unsaved) /* it will be made again */
        sc_target_log(t->target, SC_LOG_DEBUG, "%s", sc_err_text(unsaved));
    sc_err_destroy(unsaved);
    return err;
}

/* Opens what the index names; *RET stays NULL when it is not what the index said. */
static sc_err *open_entry(sc_symtab *t, const struct sc_kernel_entry *e,
                          const struct sc_kernel_print *want, sc_symbols **ret) {
    struct sc_kernel_print have = {0};
    sc_symbols *s;
    sc_err *err = sc_symbols_open(e->path, &s);
    if (err)
        return sc_symtab_pass_over(t, err);
    err = sc_kernel_print_read(s, &have);
    if (!err && sc_kernel_print_matches(&have, want)) {
        *ret = s;
        return NULL;
    }
    sc_symbols_unref(s);
    return sc_symtab_pass_over(t, err);
}

static sc_err *set_key(sc_symtab *t, struct sc_modslot *slot, const struct sc_kernel_entry *e) {
    char name[SC_KERNEL_NAME_BUF];
    struct sc_codeview *cv = &slot->pub.codeview;
    const char *kept = sc_arena_strdup(t->arena, sc_kernel_entry_pdb(e, name));
    if (!kept)
        return sc_err_nomem();
    *cv = (struct sc_codeview){
        .kind = SC_CV_RSDS, .guid = e->guid, .age = e->age ? e->age : 1, .path = kept};
    return NULL;
}

/* *RET_WRONG: the index named a file, but that is another kernel's. */
static sc_err *search(sc_symtab *t, struct sc_modslot *slot, struct sc_kernel_index *index,
                      const struct sc_kernel_print *print, sc_symbols **ret, bool *ret_wrong) {
    sc_err *err = look(t, index);
    const struct sc_kernel_entry *e = err ? NULL : sc_kernel_index_find(index, print);
    if (!e)
        return err;
    sc_symbols *s = NULL;
    err = open_entry(t, e, print, &s);
    *ret_wrong = !s;
    if (!err && s)
        err = set_key(t, slot, e);
    if (err)
        sc_symbols_unref(s);
    else
        *ret = s;
    return err;
}

sc_err *sc_symkernel(sc_symtab *symtab, struct sc_modslot *slot, sc_symbols **ret_symbols,
                     const char **ret_why) {
    struct sc_kernel_print print = print_of(symtab, slot->pub.module);
    sc_symbols *s = NULL;
    if (!*sc_store_expanded(symtab->store, SC_PATH_SYMBOLS)) {
        *ret_why = "there is no symbol path";
        return NULL;
    }
    if (sc_kernel_print_known(&print) < 2) {
        *ret_why = "the dump says too little of the kernel to recognise its build";
        return NULL;
    }
    bool wrong = true;
    for (int again = 0; again < 2 && wrong; again++) {
        struct sc_kernel_index index = {0};
        wrong = false;
        sc_err *err = again ? NULL : sc_kernel_index_load(&index, sc_store_cache(symtab->store));
        if (!err)
            err = search(symtab, slot, &index, &print, &s, &wrong);
        sc_kernel_index_free(&index);
        if (err)
            return err;
    }
    if (s)
        *ret_symbols = s;
    else
        *ret_why = "no kernel symbols in the symbol path have this kernel's fingerprint";
    return NULL;
}
