/* SPDX-License-Identifier: MIT */
/*
 * Looking a file up by its name alone, in local folders: ROOT/NAME, ROOT/NAME/INDEX/NAME and, in
 * stores of two tiers, ROOT/NA/NAME/INDEX/NAME; in any case, since stores come from Windows.
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

/* FOLDER/NAME as it is spelled there; as given when it is not there at all; NULL: no memory. */
static const char *spelled(struct any *a, const char *folder, const char *name) {
    const char *path = sc_arena_printf(a->arena, "%s/%s", folder, name);
    if (path && (sc_os_is_file(path, NULL, NULL) || sc_os_is_folder(path)))
        return path;
    bool nomem = !path;
    char *real = path ? sc_os_spelled(folder, name, &nomem) : NULL;
    if (real)
        path = sc_arena_printf(a->arena, "%s/%s", folder, real);
    free(real);
    if (nomem || !path) {
        a->err = a->err ? a->err : sc_err_nomem();
        return NULL;
    }
    return path;
}

/* Asks the caller about FOLDER/NAME, if it is a file. */
static bool consider(struct any *a, const char *folder) {
    const char *path = spelled(a, folder, a->name);
    if (!path || !sc_os_is_file(path, NULL, NULL))
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
    if (is_folder) {
        const char *folder = sc_arena_printf(a->arena, "%s/%s", a->folder, entry);
        if (folder)
            consider(a, folder);
        else
            a->err = sc_err_nomem();
    }
    return !a->err && !a->path && ++a->looked < INDICES_MAX;
}

static void look_root(struct any *a, const char *root) {
    if (consider(a, root) || a->err)
        return;
    char tier[3] = {a->name[0], a->name[1]};
    for (int tiers = 1; tiers <= 2 && !a->path && !a->err; tiers++) {
        const char *in = tiers == 1 ? root : spelled(a, root, tier);
        a->folder = in ? spelled(a, in, a->name) : NULL;
        if (a->folder)
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
