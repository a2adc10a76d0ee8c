/* SPDX-License-Identifier: MIT */
/*
 * Symbol servers: a store behind HTTP.
 *
 *     GET URL/x.pdb/INDEX/x.pdb     the file
 *     GET URL/x.pdb/INDEX/x.pd_     the same, compressed
 *     GET URL/x.pdb/INDEX/file.ptr  where else it is: followed to http(s) URLs only
 *     GET URL/index2.txt            asked once a server, when it had nothing: has it two tiers?
 *
 * One process fetches a file, the others wait for its lock and then find the file in the cache.
 * That a server does not have a file is remembered on disk for a while; that it cannot be reached,
 * as long as the store lives: so without a network the first question costs a timeout at most, and
 * the others nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/osfile.h"
#include "base/utf.h"
#include "base/vec.h"
#include "store/pointer.h"
#include "store/store_impl.h"

/* How long to wait for another process: longer than any download that makes progress at all. */
enum { LOCK_WAIT_MS = 15 * 60 * 1000, LOCK_POLL_MS = 50, INDEX2_MAX = 4096 };

/* What goes on between us and one server about one key. */
struct visit {
    struct store_search *s;
    struct store_host *host;
    const char *url, *shown, *root;
    const char *what; /* "URL name/index": names the record of a failure */
    const char *part;
    bool mismatch; /* it had a file, but not the right one */
    bool stop;     /* no more questions: it is down, or the file is there */
    bool absent;   /* it answered "no" to something */
};

static struct store_host *host_of(sc_store *store, const char *url) {
    for (size_t i = 0; i < store->hosts.count; i++)
        if (strcmp(store->hosts.item[i].url, url) == 0)
            return &store->hosts.item[i];
    char *copy = strdup(url);
    struct store_host *host = copy ? SC_VEC_PUSH(&store->hosts) : NULL;
    if (!host) {
        free(copy);
        return NULL;
    }
    host->url = copy;
    return host;
}

/* Percent-encodes what is not plain in a path; slashes stay. */
static const char *encode(sc_arena *arena, const char *path) {
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    char *to = sc_arena_array(arena, strlen(path) + 1, 3), *start = to;
    if (!to)
        return NULL;
    for (const char *p = path; *p; p++) {
        if (strchr(plain, *p)) {
            *to++ = *p;
            continue;
        }
        *to++ = '%';
        *to++ = hex[(unsigned char)*p >> 4];
        *to++ = hex[*p & 15];
    }
    return start;
}

static sc_err *server_down(struct visit *v, const char *why) {
    v->stop = true;
    v->host->dead = true;
    snprintf(v->host->why, sizeof v->host->why, "%.150s", why);
    store_log(v->s->store, SC_LOG_WARN, "%s cannot be reached: %s", v->shown, why);
    return store_because(v->s, "%s cannot be reached: %s", v->shown, why);
}

/* Errors on our side that must not end the whole search. */
static sc_err *local_trouble(struct visit *v, sc_err *err) {
    if (!err || sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        return err;
    v->stop = true;
    store_log(v->s->store, SC_LOG_WARN, "%s: %s", v->shown, sc_err_text(err));
    sc_err *more = store_because(v->s, "%s: %s", v->shown, sc_err_text(err));
    sc_err_destroy(err);
    return more;
}

/* Downloads URL. *RET_GOT: the partial file is whole. */
static sc_err *get(struct visit *v, const char *url, const char *part, bool quiet, uint64_t max,
                   bool *ret_got) {
    struct store_get g = {.url = url, .part = part, .max_size = max, .quiet = quiet};
    sc_store *store = v->s->store;
    const char *shown = store_shown_url(v->s->arena, url);
    enum store_http answer;
    if (!shown)
        return sc_err_nomem();
    store_log(store, SC_LOG_DEBUG, "SYMSRV:  HTTPGET: %s", shown);
    sc_err *err = store_http_get(store, &g, &answer);
    *ret_got = false;
    if (err)
        return local_trouble(v, err);
    if (answer == STORE_HTTP_OK) {
        store_log(store, SC_LOG_DEBUG, "SYMSRV:  HttpQueryInfo: HTTP_STATUS_OK");
        *ret_got = true;
        return NULL;
    }
    store_log(store, SC_LOG_DEBUG, "SYMSRV:  %s - %s", shown, g.why);
    if (answer == STORE_HTTP_ABSENT) {
        v->absent = true;
        return NULL;
    }
    if (answer == STORE_HTTP_UNREACHABLE)
        return server_down(v, g.why);
    v->stop = true;
    store_log(store, SC_LOG_WARN, "%s: %s", shown, g.why);
    return store_because(v->s, "%s: %s", v->shown, g.why);
}

/* The downloaded file, unpacked when it is a cabinet. *RET_FILE NULL: not usable. */
static sc_err *unpacked(struct visit *v, const char **ret_file) {
    *ret_file = v->part;
    if (!store_is_cab(v->part))
        return NULL;
    const char *to = sc_arena_printf(v->s->arena, "%s.unpacked", v->part);
    if (!to)
        return sc_err_nomem();
    *ret_file = NULL;
    sc_err *err = store_unpack(v->s->store, v->part, v->s->rel.name, to);
    sc_os_unlink(v->part);
    if (!err) {
        *ret_file = to;
        return NULL;
    }
    sc_os_unlink(to);
    /* Damaged on the server: as good as the wrong file. Ours to mend, if it is the library. */
    v->mismatch = sc_err_code(err) == SC_ERR_FORMAT;
    bool stops = v->stop;
    err = local_trouble(v, err);
    v->stop = stops;
    return err;
}

/* The whole partial file: does it match? Then it gets its place in the store. */
static sc_err *take(struct visit *v, const char *file_name) {
    struct store_search *s = v->s;
    const char *file, *to = store_cache_path(s, v->root, file_name);
    bool ok = false;
    if (!to)
        return sc_err_nomem();
    sc_err *err = unpacked(v, &file);
    if (err || !file)
        return err;
    err = store_verify(s, file, &ok);
    if (!err && ok)
        err = local_trouble(v, store_cache_publish(s, file, to));
    if (!err && ok && !v->stop) {
        s->path = to;
        s->from = v->shown;
        s->origin = SC_ORIGIN_DOWNLOAD;
        v->stop = true;
        store_trace(s->store, to, "OK");
        return NULL;
    }
    sc_os_unlink(file);
    if (!err && !ok) {
        v->mismatch = true;
        store_log(s->store, SC_LOG_WARN, "%s has a %s that does not match: refused", v->shown,
                  file_name);
    }
    return err;
}

static sc_err *try_file(struct visit *v, const char *folder, const char *name,
                        const char *file_name) {
    const char *rel = sc_arena_printf(v->s->arena, "%s/%s", folder, name);
    const char *path = rel ? encode(v->s->arena, rel) : NULL;
    const char *url = path ? sc_arena_printf(v->s->arena, "%s/%s", v->url, path) : NULL;
    bool got;
    if (!url)
        return sc_err_nomem();
    sc_err *err = get(v, url, v->part, false, v->s->store->opts.max_size, &got);
    return err || !got ? err : take(v, file_name);
}

/* Where a file.ptr of the server leads. */
static sc_err *follow(struct visit *v, const char *folder, const char *text) {
    struct store_search *s = v->s;
    char base[SC_STORE_NAME_MAX + 1];
    bool tls = sc_strncasecmp(v->url, "https:", 6) == 0, got;
    if (store_is_url(text) && (!tls || sc_strncasecmp(text, "https:", 6) == 0)) {
        sc_err *err = get(v, text, v->part, false, s->store->opts.max_size, &got);
        return err || !got ? err : take(v, s->rel.file[0]);
    }
    sc_err *err =
        store_because(s, "%s: file.ptr names %.200s, which is not to be had here", v->shown, text);
    if (err || store_is_url(text) || !sc_store_base_name(text, base))
        return err;
    if (sc_strcasecmp(base, s->rel.name) == 0 || sc_strcasecmp(base, s->rel.packed) == 0)
        return NULL; /* that was asked for already */
    return try_file(v, folder, base, s->rel.file[0]);
}

static sc_err *try_pointer(struct visit *v, const char *folder) {
    sc_arena *arena = v->s->arena;
    const char *path = encode(arena, folder), *text;
    const char *url = path ? sc_arena_printf(arena, "%s/%s/file.ptr", v->url, path) : NULL;
    const char *part = url ? sc_arena_printf(arena, "%s.ptr", v->part) : NULL;
    enum store_pointer_kind kind;
    bool got;
    if (!part)
        return sc_err_nomem();
    sc_err *err = get(v, url, part, true, STORE_POINTER_MAX, &got);
    if (err || !got)
        return err;
    err = store_pointer_read(arena, part, &kind, &text);
    sc_os_unlink(part);
    if (err)
        return local_trouble(v, err);
    if (kind == STORE_POINTER_MSG)
        return store_because(v->s, "%s says: %.200s", v->shown, text);
    return kind == STORE_POINTER_PATH ? follow(v, folder, text) : NULL;
}

static sc_err *try_folder(struct visit *v, bool two_tier) {
    struct store_search *s = v->s;
    const struct store_rel *rel = &s->rel;
    const char *folder = store_rel_folder(s->arena, rel, two_tier);
    if (!folder)
        return sc_err_nomem();
    sc_err *err = NULL;
    for (size_t i = 0; i < 2 && rel->file[i] && !err && !v->stop; i++)
        err = try_file(v, folder, rel->file[i], rel->file[i]);
    if (rel->packed && !err && !v->stop)
        err = try_file(v, folder, rel->packed, rel->file[0]);
    if (rel->packed && !err && !v->stop)
        err = try_pointer(v, folder);
    return err;
}

/* Has the server two tiers? */
static sc_err *ask_tier(struct visit *v) {
    const char *url = sc_arena_printf(v->s->arena, "%s/index2.txt", v->url);
    const char *part = url ? sc_arena_printf(v->s->arena, "%s.idx", v->part) : NULL;
    bool got;
    if (!part)
        return sc_err_nomem();
    sc_err *err = get(v, url, part, true, INDEX2_MAX, &got);
    if (got)
        sc_os_unlink(part);
    if (!err && !v->stop)
        v->host->tier = got ? TIER_TWO : TIER_ONE;
    return err;
}

static sc_err *ask(struct visit *v) {
    sc_err *err = try_folder(v, v->host->tier == TIER_TWO);
    if (err || v->stop || v->host->tier != TIER_UNKNOWN || v->mismatch)
        return err;
    err = ask_tier(v);
    if (err || v->stop || v->host->tier != TIER_TWO)
        return err;
    return try_folder(v, true);
}

/* Waits until no other process fetches this. *RET_WAITED: one did. *RET_LOCKED: ours now. */
static sc_err *lock(struct visit *v, const char *path, struct sc_os_lock *lock, bool *ret_waited,
                    bool *ret_locked) {
    uint64_t start = sc_os_milliseconds();
    sc_err *err = NULL;
    *ret_waited = *ret_locked = false;
    for (;;) {
        if (sc_os_lock_try(path, lock, &err)) {
            *ret_locked = true;
            return NULL;
        }
        if (err)
            return local_trouble(v, err);
        if (store_cancelled(v->s->store))
            return sc_err_cancelled();
        if (!*ret_waited)
            store_log(v->s->store, SC_LOG_INFO, "another process fetches %s: waiting for it",
                      v->s->rel.name);
        *ret_waited = true;
        if (sc_os_milliseconds() - start > LOCK_WAIT_MS)
            return store_because(v->s, "another process has not finished fetching it");
        sc_os_sleep(LOCK_POLL_MS);
    }
}

static sc_err *say_absent(struct visit *v) {
    return store_because(v->s, "%s did not have it when asked before", v->shown);
}

static sc_err *ask_locked(struct visit *v, bool waited) {
    struct store_search *s = v->s;
    /* Between looking into the cache and getting the lock, another may have put it there. */
    const char *why = s->why;
    store_folders_ask_again(s->store);
    sc_err *err = store_look_store(s, v->root, v->root);
    s->why = why;
    if (err || s->path)
        return err;
    if (waited && store_failed_before(s, v->root, v->what))
        return say_absent(v);
    err = ask(v);
    if (err || s->path) {
        if (s->path)
            store_forget_failure(s, v->root, v->what);
        return err;
    }
    if (v->mismatch || (v->absent && !v->stop))
        store_remember_failure(s, v->root, v->what, v->mismatch);
    if (!v->stop && !v->mismatch)
        err = store_because(s, "%s does not have it", v->shown);
    return err;
}

static sc_err *visit(struct visit *v) {
    struct store_search *s = v->s;
    const char *own = sc_arena_printf(s->arena, "%s/.stopcode", v->root);
    const char *rel = store_rel_folder(s->arena, &s->rel, false);
    const char *name = rel ? sc_arena_printf(s->arena, "%s/%s", rel, s->rel.file[0]) : NULL;
    v->what = name ? sc_arena_printf(s->arena, "%s %s", v->shown, name) : NULL;
    v->part = v->what ? store_private(s->arena, v->root, v->what, ".part") : NULL;
    const char *lock_path = v->part ? store_private(s->arena, v->root, name, ".lock") : NULL;
    if (!lock_path || !own)
        return sc_err_nomem();
    if (store_failed_before(s, v->root, v->what))
        return say_absent(v);
    sc_err *err = local_trouble(v, sc_os_make_folders(own));
    if (err || v->stop)
        return err;
    struct sc_os_lock held;
    bool waited, locked;
    err = lock(v, lock_path, &held, &waited, &locked);
    if (err || !locked)
        return err;
    err = ask_locked(v, waited);
    sc_os_unlock(&held);
    return err;
}

sc_err *store_look_server(struct store_search *s, const char *url, const char *root) {
    struct visit v = {.s = s, .url = url, .root = root};
    v.host = host_of(s->store, url);
    v.shown = store_shown_url(s->arena, url);
    if (!v.host || !v.shown)
        return sc_err_nomem();
    if (s->store->opts.offline)
        return store_because(s, "%s was not asked: offline", v.shown);
    if (v.host->dead)
        return store_because(s, "%s cannot be reached: %s", v.shown, v.host->why);
    return visit(&v);
}
