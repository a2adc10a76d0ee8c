/* SPDX-License-Identifier: MIT */
/*
 * Names in any case. A search tries a dozen names in a folder and finds few of them, and each one
 * that is not there as it is written means reading the whole folder for another spelling. So the
 * names of the last folders are kept, and good as long as the folder has not changed since. Its
 * times tell that, unless it changed within the last moment, of which clocks say nothing: then
 * nothing is kept. Folders with very many names are read anew each time.
 *
 * A folder is asked for its times once a search. What its names deny then is not asked for again,
 * until the search itself, or somebody it waited for, may have written something.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "store/store_impl.h"

enum { NAMES_MAX = 256 * 1024 };
#define MOMENT INT64_C(2000000000)

static bool same_stamp(const struct sc_os_stamp *a, const struct sc_os_stamp *b) {
    return a->device == b->device && a->number == b->number && a->modified == b->modified &&
           a->changed == b->changed;
}

static void forget(struct store_folder *f) {
    free(f->path);
    free(f->names);
    *f = (struct store_folder){0};
}

void store_folders_deinit(sc_store *store) {
    for (size_t i = 0; i < STORE_FOLDERS; i++)
        forget(&store->folder[i]);
}

static struct store_folder *kept(sc_store *store, const char *path, const struct sc_os_stamp *now) {
    for (size_t i = 0; i < STORE_FOLDERS; i++) {
        struct store_folder *f = &store->folder[i];
        if (f->path && !strcmp(f->path, path) && same_stamp(&f->stamp, now)) {
            f->asked = store->moment;
            return f;
        }
    }
    return NULL;
}

void store_folders_ask_again(sc_store *store) { store->moment++; }

bool store_is_folder(sc_store *store, const char *path) {
    struct sc_os_stamp stamp;
    if (!sc_os_folder_stamp(path, &stamp))
        return false;
    kept(store, path, &stamp);
    return true;
}

/* Reads and keeps the folder; NULL when it is not to be kept, or memory is short. */
static struct store_folder *keep(sc_store *store, const char *path, const struct sc_os_stamp *stamp,
                                 bool *ret_nomem) {
    int64_t old = sc_os_now_ns() - MOMENT;
    if (stamp->modified > old || stamp->changed > old)
        return NULL;
    struct store_folder f = {.stamp = *stamp, .asked = store->moment};
    f.names = sc_os_names(path, NAMES_MAX, &f.len, ret_nomem);
    f.path = f.names ? strdup(path) : NULL;
    if (!f.path) {
        *ret_nomem = *ret_nomem || f.names;
        forget(&f);
        return NULL;
    }
    struct store_folder *slot = &store->folder[store->next_folder++ % STORE_FOLDERS];
    forget(slot);
    *slot = f;
    return slot;
}

/* The exact spelling wins; else the first in the folder's order. */
static const char *spelling(const struct store_folder *f, const char *name) {
    const char *found = NULL;
    for (size_t at = 0; at < f->len; at += strlen(f->names + at) + 1) {
        if (!strcmp(f->names + at, name))
            return f->names + at;
        if (!found && !sc_strcasecmp(f->names + at, name))
            found = f->names + at;
    }
    return found;
}

enum store_listed store_listed(const sc_store *store, const char *folder, const char *name,
                               const char **ret_name) {
    for (size_t i = 0; i < STORE_FOLDERS; i++) {
        const struct store_folder *f = &store->folder[i];
        if (!f->path || f->asked != store->moment || strcmp(f->path, folder))
            continue;
        const char *found = spelling(f, name);
        if (!found)
            return STORE_DENIED;
        *ret_name = found;
        return STORE_LISTED;
    }
    return STORE_NOT_ASKED;
}

char *store_spelled(sc_store *store, const char *folder, const char *name, bool *ret_nomem) {
    struct sc_os_stamp stamp;
    bool nomem = false;
    if (!sc_os_folder_stamp(folder, &stamp))
        return NULL;
    struct store_folder *f = kept(store, folder, &stamp);
    if (!f)
        f = keep(store, folder, &stamp, &nomem);
    if (!f && !nomem)
        return sc_os_spelled(folder, name, ret_nomem);
    const char *found = f ? spelling(f, name) : NULL;
    char *copy = found ? strdup(found) : NULL;
    *ret_nomem = *ret_nomem || nomem || (found && !copy);
    return copy;
}
