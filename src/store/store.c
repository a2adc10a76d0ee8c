/* SPDX-License-Identifier: MIT */
/* A store: its options and paths, and the search along them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/osfile.h"
#include "base/vec.h"
#include "store/store_impl.h"

enum { CONNECT_SECONDS = 10, STALL_SECONDS = 30, RETRY_SECONDS = 24 * 3600 };
static const uint64_t max_size = 4ULL << 30;

/* In the user's own cache folder; without one (a service, say) in a folder of the user's number. */
static char *default_cache(void) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char path[4096];
    int n;
    if (base && base[0] == '/')
        n = snprintf(path, sizeof path, "%s/stopcode/symbols", base);
    else if (home && home[0] == '/')
        n = snprintf(path, sizeof path, "%s/.cache/stopcode/symbols", home);
    else
        n = snprintf(path, sizeof path, "/var/tmp/stopcode-%lu/symbols", sc_os_user_id());
    return n > 0 && (size_t)n < sizeof path ? strdup(path) : NULL;
}

static char *copy_folder(const char *folder) {
    char *copy = strdup(folder);
    for (size_t len = copy ? strlen(copy) : 0; len > 1 && copy[len - 1] == '/';)
        copy[--len] = '\0';
    return copy;
}

static void set_defaults(struct sc_store_opts *o) {
    o->connect_timeout = o->connect_timeout ? o->connect_timeout : CONNECT_SECONDS;
    o->stall_timeout = o->stall_timeout ? o->stall_timeout : STALL_SECONDS;
    o->retry_after = o->retry_after ? o->retry_after : RETRY_SECONDS;
    o->max_size = o->max_size ? o->max_size : max_size;
}

sc_err *sc_store_create(const struct sc_store_opts *opts, sc_store **ret_store) {
    sc_store *store = calloc(1, sizeof *store);
    if (!store)
        return sc_err_nomem();
    if (opts)
        memcpy(&store->opts, opts, opts->sz < sizeof store->opts ? opts->sz : sizeof store->opts);
    struct sc_store_opts *o = &store->opts;
    set_defaults(o);
    store->cache = o->cache ? copy_folder(o->cache) : default_cache();
    store->ca_file = o->ca_file ? strdup(o->ca_file) : NULL;
    bool ok = store->cache && (!o->ca_file || store->ca_file);
    o->cache = store->cache;
    o->ca_file = store->ca_file;
    if (!ok) {
        sc_store_destroy(store);
        return sc_err_nomem();
    }
    *ret_store = store;
    return NULL;
}

void sc_store_destroy(sc_store *store) {
    if (!store)
        return;
    store_http_close(store);
    for (size_t i = 0; i < 2; i++)
        store_path_deinit(&store->path[i]);
    for (size_t i = 0; i < store->hosts.count; i++)
        free(store->hosts.item[i].url);
    SC_VEC_FREE(&store->hosts);
    store_folders_deinit(store);
    free(store->cache);
    free(store->ca_file);
    free(store);
}

const char *sc_store_cache(const sc_store *store) { return store->cache; }

const char *sc_store_path(const sc_store *store, enum sc_path_which which) {
    const char *text = store->path[which].text;
    return text ? text : "";
}

const char *sc_store_expanded(const sc_store *store, enum sc_path_which which) {
    const char *text = store->path[which].expanded;
    return text ? text : "";
}

sc_err *sc_store_set_path(sc_store *store, enum sc_path_which which, const char *text) {
    struct store_path path;
    sc_err *err = store_path_parse(store, text, &path);
    if (err)
        return err;
    store_path_deinit(&store->path[which]);
    store->path[which] = path;
    return NULL;
}

/* "A;B", or the one that is not empty. To be freed. */
static char *join(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b), sep = na && nb;
    char *text = malloc(na + nb + sep + 1);
    if (!text)
        return NULL;
    memcpy(text, a, na);
    if (sep)
        text[na] = ';';
    memcpy(text + na + sep, b, nb + 1);
    return text;
}

sc_err *sc_store_add_path(sc_store *store, enum sc_path_which which, const char *text) {
    char *both = join(sc_store_path(store, which), text);
    sc_err *err = both ? sc_store_set_path(store, which, both) : sc_err_nomem();
    free(both);
    return err;
}

sc_err *sc_store_symfix(sc_store *store, const char *folder, bool append) {
    if (!folder || !*folder)
        folder = store->cache;
    if (strpbrk(folder, ";*"))
        return sc_errf(SC_ERR_ARG, ".symfix takes one folder: %s", folder);
    static const char before[] = "srv*", after[] = "*" SC_STORE_MICROSOFT;
    size_t len = strlen(folder);
    char *text = malloc(sizeof before + len + sizeof after);
    if (!text)
        return sc_err_nomem();
    memcpy(text, before, sizeof before - 1);
    memcpy(text + sizeof before - 1, folder, len);
    memcpy(text + sizeof before - 1 + len, after, sizeof after);
    sc_err *err = append ? sc_store_add_path(store, SC_PATH_SYMBOLS, text)
                         : sc_store_set_path(store, SC_PATH_SYMBOLS, text);
    free(text);
    return err;
}

static sc_err *add_variable(sc_store *store, const char *variable, enum sc_path_which which,
                            bool *found) {
    const char *text = getenv(variable);
    if (!text || !*text)
        return NULL;
    sc_err *err = sc_store_add_path(store, which, text);
    if (!err) {
        *found = true;
        return NULL;
    }
    if (sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    store_log(store, SC_LOG_WARN, "%s is not used: %s", variable, sc_err_text(err));
    sc_err_destroy(err);
    return NULL;
}

sc_err *sc_store_set_from_env(sc_store *store, bool *ret_found) {
    bool found = false;
    store_path_deinit(&store->path[SC_PATH_SYMBOLS]);
    store_path_deinit(&store->path[SC_PATH_IMAGES]);
    sc_err *err = add_variable(store, "_NT_ALT_SYMBOL_PATH", SC_PATH_SYMBOLS, &found);
    if (!err)
        err = add_variable(store, "_NT_SYMBOL_PATH", SC_PATH_SYMBOLS, &found);
    if (!err)
        err = add_variable(store, "_NT_EXECUTABLE_IMAGE_PATH", SC_PATH_IMAGES, &found);
    if (!err)
        *ret_found = found;
    return err;
}

/* The store that what PLACE (number AT of EL) has is put into; NULL: the one it is in. */
static const char *store_before(const struct store_search *s, const struct store_element *el,
                                size_t at) {
    for (size_t i = at; i-- > 0;)
        if (!store_is_url(el->place[i]))
            return el->place[i];
    return s->ncaches ? s->cache[s->ncaches - 1] : s->store->cache;
}

static sc_err *search_srv(struct store_search *s, const struct store_element *el) {
    size_t at = 0;
    sc_err *err = NULL;
    for (; at < el->nplaces && !err && !s->path; at++) {
        const char *before = store_before(s, el, at);
        if (store_cancelled(s->store))
            return sc_err_cancelled();
        err = store_is_url(el->place[at]) ? store_look_server(s, el->place[at], before)
                                          : store_look_store(s, el->place[at], before);
    }
    if (err || !s->path)
        return err;
    /* From the nearest to the first; a download is in the nearest one already. */
    for (size_t i = at - 1; i-- > 0 && !err;)
        if (!store_is_url(el->place[i]))
            err = store_cache_copy(s, el->place[i]);
    return err;
}

static sc_err *search_element(struct store_search *s, const struct store_element *el) {
    sc_err *err;
    switch (el->kind) {
    case STORE_SRV: return search_srv(s, el);
    case STORE_FOLDER: return store_look_folder(s, el->place[0]);
    default: err = store_look_store(s, el->place[0], el->place[0]);
    }
    if (!err && !s->path)
        s->cache[s->ncaches++] = el->place[0];
    return err;
}

static sc_err *search_path(struct store_search *s, const struct store_path *path) {
    sc_err *err = NULL;
    s->ncaches = 0;
    for (size_t i = 0; i < path->nelements && !err && !s->path; i++)
        err = store_cancelled(s->store) ? sc_err_cancelled() : search_element(s, &path->element[i]);
    for (size_t i = s->path && !err ? s->ncaches : 0; i-- > 0 && !err;)
        err = store_cache_copy(s, s->cache[i]);
    return err;
}

static sc_err *search(struct store_search *s) {
    const struct store_path *path = s->store->path;
    bool image = s->key->kind == SC_STORE_IMAGE;
    sc_err *err = image ? search_path(s, &path[SC_PATH_IMAGES]) : NULL;
    if (!err && !s->path)
        err = search_path(s, &path[SC_PATH_SYMBOLS]);
    if (!err && !s->path && !s->why)
        err = store_because(s, "the symbol path is empty");
    return err;
}

static sc_err *answer(const struct store_search *s, struct sc_store_found *ret_found) {
    struct sc_store_found f = {.origin = s->origin};
    if (s->path) {
        f.path = strdup(s->path);
        f.from = strdup(s->from);
    } else {
        f.why = strdup(s->why);
    }
    if (s->path ? f.path && f.from : f.why != NULL) {
        *ret_found = f;
        return NULL;
    }
    sc_store_found_deinit(&f);
    return sc_err_nomem();
}

sc_err *sc_store_find(sc_store *store, const struct sc_store_key *key, sc_store_verify_fn verify,
                      void *ctx, struct sc_store_found *ret_found) {
    struct store_search *s = calloc(1, sizeof *s);
    if (!s)
        return sc_err_nomem();
    *s = (struct store_search){.store = store, .key = key, .verify = verify, .verify_ctx = ctx};
    s->arena = sc_arena_create();
    store_folders_ask_again(store);
    sc_err *err = s->arena ? store_rel_make(s->arena, key, &s->rel) : sc_err_nomem();
    if (!err)
        err = search(s);
    if (!err)
        err = answer(s, ret_found);
    sc_arena_destroy(s->arena);
    free(s);
    return err;
}

void sc_store_found_deinit(struct sc_store_found *found) {
    free(found->path);
    free(found->from);
    free(found->why);
    *found = (struct sc_store_found){0};
}

void sc_store_forget_failures(sc_store *store) {
    for (size_t i = 0; i < store->hosts.count; i++)
        store->hosts.item[i].dead = false;
    store->forgotten = sc_os_now() + 1;
}
