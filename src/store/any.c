/* SPDX-License-Identifier: MIT */
/*
 * Looking a file up by its name alone, in local folders: ROOT/NAME, ROOT/NAME/INDEX/NAME and, in
 * stores of two tiers, ROOT/NA/NAME/INDEX/NAME.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/osfile.h"
#include "store/store_impl.h"

enum { INDICES_MAX = 10000 };

struct any {
    sc_store *store;
    const char *name;
    const char *folder; /* ROOT/NAME, whose folders are indices */
    sc_store_verify_fn verify;
    void *ctx;
    sc_arena *arena;
    const char *path; /* the answer */
    unsigned looked;
    sc_err *err;
};

/* Asks the caller about one file, if it is one. */
static bool consider(struct any *a, const char *path) {
    if (!path)
        a->err = sc_err_nomem();
    if (a->err || !sc_os_is_file(path, NULL, NULL))
        return false;
    sc_err *err = a->verify(a->ctx, NULL, path);
    store_trace(a->store, path, err ? sc_err_text(err) : "OK");
    if (!err)
        a->path = path;
    else if (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        a->err = err;
    else
        sc_err_destroy(err);
    return a->path != NULL;
}

static bool index_entry(void *ctx, const char *entry, bool is_folder) {
    struct any *a = ctx;
    if (store_cancelled(a->store)) {
        a->err = sc_err_cancelled();
        return false;
    }
    if (is_folder)
        consider(a, sc_arena_printf(a->arena, "%s/%s/%s", a->folder, entry, a->name));
    return !a->err && !a->path && ++a->looked < INDICES_MAX;
}

static void look_root(struct any *a, const char *root) {
    if (consider(a, sc_arena_printf(a->arena, "%s/%s", root, a->name)) || a->err)
        return;
    for (int tiers = 1; tiers <= 2 && !a->path && !a->err; tiers++) {
        a->folder = tiers == 1 ? sc_arena_printf(a->arena, "%s/%s", root, a->name)
                               : sc_arena_printf(a->arena, "%s/%.2s/%s", root, a->name, a->name);
        if (!a->folder)
            a->err = sc_err_nomem();
        else
            sc_os_list(a->folder, index_entry, a);
    }
}

sc_err *sc_store_find_any(sc_store *store, const char *name, sc_store_verify_fn verify, void *ctx,
                          char **ret_path) {
    char base[SC_STORE_NAME_MAX + 1];
    if (!sc_store_base_name(name, base))
        return sc_errf(SC_ERR_ARG, "nothing harmless is left of the name %s", name);
    struct any a = {.store = store, .name = base, .verify = verify, .ctx = ctx};
    a.arena = sc_arena_create();
    if (!a.arena)
        return sc_err_nomem();
    const struct store_path *path = &store->path[SC_PATH_SYMBOLS];
    for (size_t i = 0; i < path->nelements && !a.err && !a.path; i++)
        for (size_t k = 0; k < path->element[i].nplaces && !a.err && !a.path; k++)
            if (!store_is_url(path->element[i].place[k]))
                look_root(&a, path->element[i].place[k]);
    char *copy = a.path ? strdup(a.path) : NULL;
    if (a.path && !copy)
        a.err = sc_err_nomem();
    sc_arena_destroy(a.arena);
    if (a.err)
        return a.err;
    *ret_path = copy;
    return NULL;
}
