/* SPDX-License-Identifier: MIT */
/*
 * Folders and stores on this machine.
 *
 *     ROOT/x.pdb/INDEX/x.pdb        a store of one tier
 *     ROOT/x./x.pdb/INDEX/x.pdb     of two tiers: ROOT/index2.txt exists
 *     …/INDEX/x.pd_                 compressed (CAB)
 *     …/INDEX/file.ptr              the file lies elsewhere
 *
 * Stores come from Windows, so names are found in any case. file.ptr is followed inside the store
 * only: what else it names is not ours to open, and mostly a share that has no name here; then its
 * base name is tried beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/osfile.h"
#include "store/pointer.h"
#include "store/store_impl.h"

sc_err *store_verify(struct store_search *s, const char *path, bool *ret_ok) {
    sc_err *err = s->verify ? s->verify(s->verify_ctx, s->key, path) : NULL;
    *ret_ok = !err;
    if (!err)
        return NULL;
    if (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        return err;
    store_log(s->store, SC_LOG_DEBUG, "DBGHELP: %s - mismatched: %s", path, sc_err_text(err));
    sc_err *more = store_because(s, "%s does not match: %s", path, sc_err_text(err));
    sc_err_destroy(err);
    return more;
}

/* Takes the file at PATH if it matches. */
static sc_err *consider(struct store_search *s, const char *path, const char *from,
                        enum sc_store_origin origin) {
    bool ok;
    sc_err *err = store_verify(s, path, &ok);
    if (err || !ok)
        return err;
    store_trace(s->store, path, "OK");
    s->path = path;
    s->from = from;
    s->origin = origin;
    return NULL;
}

static bool is_there(const char *path, bool is_folder) {
    return is_folder ? sc_os_is_folder(path) : sc_os_is_file(path, NULL, NULL);
}

/* The same where the folder's names are not known: in most folders the spelling is the usual one.
 */
static sc_err *find_spelling(struct store_search *s, const char *folder, const char *name,
                             bool is_folder, const char **ret_path) {
    const char *path = sc_arena_printf(s->arena, "%s/%s", folder, name);
    if (!path)
        return sc_err_nomem();
    *ret_path = path;
    if (is_there(path, is_folder))
        return NULL;
    bool nomem = false;
    char *real = store_spelled(s->store, folder, name, &nomem);
    path = real ? sc_arena_printf(s->arena, "%s/%s", folder, real) : NULL;
    bool had = real != NULL;
    free(real);
    if (nomem || (had && !path))
        return sc_err_nomem();
    *ret_path = path && is_there(path, is_folder) ? path : NULL;
    return NULL;
}

/* FOLDER/NAME as it is spelled there, or NULL. */
static sc_err *spelled(struct store_search *s, const char *folder, const char *name, bool is_folder,
                       const char **ret_path) {
    const char *real;
    enum store_listed listed = store_listed(s->store, folder, name, &real);
    if (listed == STORE_NOT_ASKED)
        return find_spelling(s, folder, name, is_folder, ret_path);
    const char *path =
        listed == STORE_LISTED ? sc_arena_printf(s->arena, "%s/%s", folder, real) : NULL;
    if (listed == STORE_LISTED && !path)
        return sc_err_nomem();
    *ret_path = path && is_there(path, is_folder) ? path : NULL;
    return NULL;
}

/* ROOT/A/B/C, each part in any case; NULL when it is not there. */
static sc_err *spelled_folder(struct store_search *s, const char *root, const char *rel,
                              const char **ret_folder) {
    const char *folder = root;
    while (*rel && folder) {
        size_t len = strcspn(rel, "/");
        const char *part = sc_arena_strndup(s->arena, rel, len);
        sc_err *err = part ? spelled(s, folder, part, true, &folder) : sc_err_nomem();
        if (err)
            return err;
        rel += len + (rel[len] == '/');
    }
    *ret_folder = folder;
    return NULL;
}

/* FOLDER/NAME, if it is there and matches. */
static sc_err *look_file(struct store_search *s, const char *folder, const char *name,
                         const char *from, enum sc_store_origin origin) {
    const char *path;
    sc_err *err = spelled(s, folder, name, false, &path);
    if (err)
        return err;
    if (path)
        return consider(s, path, from, origin);
    store_log(s->store, SC_LOG_DEBUG, "DBGHELP: %s/%s - file not found", folder, name);
    return NULL;
}

/* Unpacks PATH into the store UNPACK_TO, and takes what comes out of it. */
static sc_err *look_packed(struct store_search *s, const char *path, const char *root,
                           const char *unpack_to) {
    char ext[64];
    /* Of this process, and of this store in it. */
    snprintf(ext, sizeof ext, "-%lu-%p.unpacked", sc_os_process_id(), (void *)s->store);
    const char *to = store_cache_path(s, unpack_to, s->rel.file[0]);
    const char *temp = to ? store_private(s->arena, unpack_to, path, ext) : NULL;
    const char *own = sc_arena_printf(s->arena, "%s/.stopcode", unpack_to);
    if (!temp || !own)
        return sc_err_nomem();
    bool ok = false;
    sc_err *err = sc_os_make_folders(own);
    if (!err)
        err = store_unpack(s->store, path, s->rel.name, temp);
    if (!err)
        err = store_verify(s, temp, &ok);
    if (!err && ok)
        err = store_cache_publish(s, temp, to);
    if (err || !ok)
        sc_os_unlink(temp);
    if (!err && ok) {
        store_trace(s->store, path, "unpacked");
        s->path = to;
        s->from = root;
        s->origin = SC_ORIGIN_STORE;
    }
    if (!err || sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        return err;
    sc_err *more = store_because(s, "%s", sc_err_text(err));
    sc_err_destroy(err);
    return more;
}

static bool inside(const char *path, const char *root) {
    char *real = sc_os_real_path(path), *top = sc_os_real_path(root);
    size_t len = top ? strlen(top) : 0;
    bool is = real && top && strncmp(real, top, len) == 0 && (real[len] == '/' || len == 1);
    free(real);
    free(top);
    return is;
}

/* The file that a file.ptr in FOLDER names, if that may be looked at. */
static sc_err *look_pointed(struct store_search *s, const char *root, const char *folder,
                            const char *text) {
    char base[SC_STORE_NAME_MAX + 1];
    bool absolute = text[0] == '/';
    char *path =
        sc_arena_printf(s->arena, "%s%s%s", absolute ? "" : folder, absolute ? "" : "/", text);
    if (!path)
        return sc_err_nomem();
    for (char *p = path; *p; p++)
        if (*p == '\\')
            *p = '/';
    bool windows = text[0] == '\\' || (text[0] && text[1] == ':');
    if (!windows && sc_os_is_file(path, NULL, NULL) && inside(path, root))
        return consider(s, path, root, SC_ORIGIN_STORE);
    sc_err *err =
        store_because(s, "%s/file.ptr names %.200s, which is not to be had here", folder, text);
    if (err || !sc_store_base_name(text, base))
        return err;
    return look_file(s, folder, base, root, SC_ORIGIN_STORE);
}

static sc_err *look_pointer(struct store_search *s, const char *root, const char *folder) {
    const char *path, *text = "";
    enum store_pointer_kind kind = STORE_POINTER_NONE;
    sc_err *err = spelled(s, folder, "file.ptr", false, &path);
    if (err || !path)
        return err;
    if ((err = store_pointer_read(s->arena, path, &kind, &text))) {
        if (sc_err_code(err) == SC_ERR_NOMEM)
            return err;
        sc_err_destroy(err);
        return NULL;
    }
    if (kind == STORE_POINTER_MSG)
        return store_because(s, "%s says: %.200s", path, text);
    return kind == STORE_POINTER_PATH ? look_pointed(s, root, folder, text) : NULL;
}

/* All names that the file may have in the folder that is its own. */
static sc_err *look_index(struct store_search *s, const char *root, const char *folder,
                          const char *unpack_to) {
    sc_err *err = NULL;
    for (size_t i = 0; i < 2 && s->rel.file[i] && !err && !s->path; i++)
        err = look_file(s, folder, s->rel.file[i], root, SC_ORIGIN_STORE);
    if (err || s->path || !s->rel.packed)
        return err;
    const char *packed;
    if ((err = spelled(s, folder, s->rel.packed, false, &packed)))
        return err;
    if (packed)
        err = look_packed(s, packed, root, unpack_to);
    return err || s->path ? err : look_pointer(s, root, folder);
}

sc_err *store_two_tiers(struct store_search *s, const char *root, bool *ret_two) {
    static const char name[] = "index2.txt";
    const char *real;
    *ret_two = false;
    if (store_listed(s->store, root, name, &real) == STORE_DENIED)
        return NULL;
    const char *path = sc_arena_printf(s->arena, "%s/%s", root, name);
    if (!path)
        return sc_err_nomem();
    *ret_two = sc_os_is_file(path, NULL, NULL);
    return NULL;
}

sc_err *store_look_store(struct store_search *s, const char *root, const char *unpack_to) {
    const char *folder;
    bool two;
    sc_err *err = store_two_tiers(s, root, &two);
    if (err)
        return err;
    const char *rel = store_rel_folder(s->arena, &s->rel, two);
    if (!rel)
        return sc_err_nomem();
    err = spelled_folder(s, root, rel, &folder);
    if (err)
        return err;
    if (folder)
        err = look_index(s, root, folder, unpack_to);
    else
        store_log(s->store, SC_LOG_DEBUG, "SYMSRV:  UNC: %s/%s/%s - path not found", root, rel,
                  s->rel.file[0]);
    return err || s->path ? err : store_because(s, "not in %s", root);
}

sc_err *store_look_folder(struct store_search *s, const char *folder) {
    const char *ext = s->key->kind == SC_STORE_SYM ? "sym" : s->rel.ext;
    const char *where[] = {"", sc_arena_printf(s->arena, "symbols/%s", ext), ext};
    if (!where[1])
        return sc_err_nomem();
    if (!store_is_folder(s->store, folder)) {
        store_trace(s->store, folder, "path not found");
        return store_because(s, "there is no folder %s", folder);
    }
    for (size_t i = 0; i < 3; i++) {
        const char *in;
        if (i && !*ext)
            break;
        sc_err *err = spelled_folder(s, folder, where[i], &in);
        for (size_t j = 0; in && j < 2 && s->rel.file[j] && !err && !s->path; j++)
            err = look_file(s, in, s->rel.file[j], folder, SC_ORIGIN_FOLDER);
        if (err || s->path)
            return err;
    }
    return store_look_store(s, folder, s->store->cache);
}
