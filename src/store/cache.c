/* SPDX-License-Identifier: MIT */
/*
 * Putting files into stores, so that any number of processes may share one.
 *
 *     ROOT/x.pdb/INDEX/x.pdb      only ever appears by a rename, whole and verified
 *     ROOT/.stopcode/HASH.part    a download that is not finished; .info: what it is (http.c)
 *     ROOT/.stopcode/HASH.lock    held while a file is fetched (server.c)
 *     ROOT/.stopcode/HASH.miss    a server did not have it; its time stamp says when
 *     ROOT/.stopcode/HASH-*.*     a copy or an unpacked file on its way
 *
 * HASH is FNV-1a of what the file is about; files that matter repeat the text itself, so a
 * collision of hashes costs a question to a server, and never gives a wrong answer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/os.h"
#include "base/osfile.h"
#include "store/store_impl.h"

/* "The file does not match" is believed for at most this long: proxies give wrong pages, too. */
enum { MISMATCH_SECONDS = 3600, CHUNK = 64 * 1024 };

static uint64_t fnv(const char *text) {
    uint64_t hash = 0xcbf29ce484222325U;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
    return hash;
}

const char *store_private(sc_arena *arena, const char *root, const char *what, const char *ext) {
    return sc_arena_printf(arena, "%s/.stopcode/%016" PRIx64 "%s", root, fnv(what), ext);
}

const char *store_cache_path(struct store_search *s, const char *root, const char *file) {
    bool two;
    sc_err *err = store_two_tiers(s, root, &two);
    if (err) { /* out of memory, as is said by NULL */
        sc_err_destroy(err);
        return NULL;
    }
    const char *folder = store_rel_folder(s->arena, &s->rel, two);
    return folder ? sc_arena_printf(s->arena, "%s/%s/%s", root, folder, file) : NULL;
}

static sc_err *make_folder_of(sc_arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return NULL;
    const char *folder = sc_arena_strndup(arena, path, (size_t)(slash - path));
    return folder ? sc_os_make_folders(folder) : sc_err_nomem();
}

sc_err *store_cache_publish(struct store_search *s, const char *from, const char *to) {
    store_folders_ask_again(s->store);
    sc_err *err = make_folder_of(s->arena, to);
    return err ? err : sc_os_publish(from, to);
}

static sc_err *copy_bytes(const sc_store *store, const sc_file *file, int fd) {
    static const char cannot[] = "cannot read %s";
    char buf[CHUNK];
    uint64_t size = sc_file_size(file);
    for (uint64_t at = 0; at < size;) {
        size_t got = 0;
        if (store_cancelled(store))
            return sc_err_cancelled();
        if (!sc_file_read_some(file, at, buf, sizeof buf, &got) || !got)
            return sc_errf(SC_ERR_IO, cannot, sc_file_path(file));
        sc_err *err = sc_os_write(fd, buf, got);
        if (err)
            return err;
        at += got;
    }
    return NULL;
}

static sc_err *copy_file(struct store_search *s, const char *from, const char *temp) {
    sc_file *file;
    sc_err *err = sc_file_open(from, SC_FILE_NO_MMAP, &file);
    if (err)
        return err;
    int fd = -1;
    uint64_t size;
    if (!(err = make_folder_of(s->arena, temp))) {
        sc_os_unlink(temp);
        err = sc_os_append(temp, &fd, &size);
    }
    if (!err)
        err = copy_bytes(s->store, file, fd);
    if (fd >= 0)
        sc_os_close(fd);
    sc_file_close(file);
    return err;
}

static bool ends_search(const sc_err *err) {
    return sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED;
}

sc_err *store_cache_copy(struct store_search *s, const char *root) {
    const char *base = strrchr(s->path, '/');
    const char *to = store_cache_path(s, root, base ? base + 1 : s->path);
    char ext[64];
    /* Of this process, and of this store in it. */
    snprintf(ext, sizeof ext, "-%lu-%p.copy", sc_os_process_id(), (void *)s->store);
    const char *temp = to ? store_private(s->arena, root, to, ext) : NULL;
    if (!temp)
        return sc_err_nomem();
    if (strcmp(to, s->path) == 0)
        return NULL;
    sc_err *err = copy_file(s, s->path, temp);
    if (!err)
        err = store_cache_publish(s, temp, to);
    if (!err) {
        s->path = to;
        return NULL;
    }
    sc_os_unlink(temp);
    if (ends_search(err))
        return err;
    store_log(s->store, SC_LOG_WARN, "not copied into %s: %s", root, sc_err_text(err));
    sc_err_destroy(err);
    return NULL;
}

/* A record of a failure: "4 WHAT" (not there) or "x WHAT" (did not match). */
bool store_failed_before(struct store_search *s, const char *root, const char *what) {
    const char *path = store_private(s->arena, root, what, ".miss");
    int64_t when, now = sc_os_now();
    uint64_t size;
    if (!path || !sc_os_is_file(path, &size, &when) || size != strlen(what) + 2)
        return false;
    sc_file *file;
    sc_err *err = sc_file_open(path, SC_FILE_NO_MMAP, &file);
    if (err) {
        sc_err_destroy(err);
        return false;
    }
    char *text = sc_arena_alloc(s->arena, (size_t)size + 1);
    size_t got = 0;
    bool same = text && sc_file_read_some(file, 0, text, (size_t)size, &got) && got == size &&
                strcmp(text + 2, what) == 0;
    sc_file_close(file);
    int64_t holds = s->store->opts.retry_after;
    if (same && text[0] == 'x' && holds > MISMATCH_SECONDS)
        holds = MISMATCH_SECONDS;
    return same && when >= s->store->forgotten && when <= now + 2 && now - when < holds;
}

void store_forget_failure(struct store_search *s, const char *root, const char *what) {
    const char *path = store_private(s->arena, root, what, ".miss");
    if (path)
        sc_os_unlink(path);
}

void store_remember_failure(struct store_search *s, const char *root, const char *what,
                            bool mismatch) {
    const char *path = store_private(s->arena, root, what, ".miss");
    const char *text = sc_arena_printf(s->arena, "%c %s", mismatch ? 'x' : '4', what);
    int fd;
    uint64_t size;
    sc_err *err = path && text ? make_folder_of(s->arena, path) : sc_err_nomem();
    if (!err) {
        sc_os_unlink(path); /* a new file has a new time */
        if (!(err = sc_os_append(path, &fd, &size))) {
            err = sc_os_write(fd, text, strlen(text));
            sc_os_close(fd);
        }
    }
    /* Not remembered: the question is asked again next time, no more. */
    sc_err_destroy(err);
}
