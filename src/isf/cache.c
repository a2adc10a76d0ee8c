/* SPDX-License-Identifier: MIT */
/* Cache files of symbol tables. */
#include "isf/cache.h"

#include <stdio.h>
#include <stdlib.h>

#include "isf/hash.h"

/* Adds [START, END) of FILE: in place, or by pieces. */
static sc_err *add_range(struct isf_digest *digest, const sc_file *file, uint64_t start,
                         uint64_t end) {
    enum { PIECE = 64 * 1024 };
    const void *whole = sc_file_view(file, start, end - start);
    if (whole) {
        isf_digest_add(digest, whole, (size_t)(end - start));
        return NULL;
    }
    uint8_t *buf = malloc(PIECE);
    if (!buf)
        return sc_err_nomem();
    sc_err *err = NULL;
    for (uint64_t at = start; !err && at < end;) {
        size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;
        err = sc_file_read(file, at, buf, n);
        if (!err)
            isf_digest_add(digest, buf, n);
        at += n;
    }
    free(buf);
    return err;
}

/*
 * Does an xz file end with a check of what it holds that tells contents apart: CRC64 or SHA-256?
 * (The .xz file format, 2.1.1.2: magic FD "7zXZ" 00, then 00 and the kind of check.)
 */
static bool says_its_content(const sc_file *file) {
    static const uint8_t magic[] = {0xfd, '7', 'z', 'X', 'Z', 0, 0};
    enum { CRC64 = 4, SHA256 = 10 };
    uint8_t head[sizeof magic + 1];
    sc_err *err = sc_file_read(file, 0, head, sizeof head);
    sc_err_destroy(err);
    return !err && !memcmp(head, magic, sizeof magic) &&
           (head[sizeof magic] == CRC64 || head[sizeof magic] == SHA256);
}

/* Of such a file both ends are enough, and the rest of it is not touched. */
sc_err *isf_cache_key(const sc_file *file, struct isf_key *ret_key) {
    enum { END = 4096 };
    struct isf_key key = {.size = sc_file_size(file)};
    struct isf_digest digest;
    bool ends = key.size > 4 * END && says_its_content(file);
    isf_digest_init(&digest);
    sc_err *err = add_range(&digest, file, 0, ends ? END : key.size);
    if (!err && ends)
        err = add_range(&digest, file, key.size - END, key.size);
    if (err)
        return err;
    isf_digest_end(&digest, key.hash);
    *ret_key = key;
    return NULL;
}

/* The usual place: FOLDER + REST, or "" where the environment names none. */
static const char *usual_place(const char **ret_rest) {
    /* A relative path there is to be ignored, says the XDG specification. */
    const char *folder = getenv("XDG_CACHE_HOME");
    *ret_rest = "/stopcode";
    if (folder && *folder == '/')
        return folder;
    folder = getenv("HOME");
    *ret_rest = "/.cache/stopcode";
    return folder && *folder == '/' ? folder : "";
}

sc_err *isf_cache_path(const char *folder, const struct isf_key *key, char **ret_path) {
    const char *rest = "";
    if (!folder)
        folder = usual_place(&rest);
    if (!*folder) {
        *ret_path = NULL;
        return NULL;
    }
    size_t room = strlen(folder) + strlen(rest) + sizeof "/isf-.sym" + 2 * sizeof key->hash;
    char *path = malloc(room);
    if (!path)
        return sc_err_nomem();
    int n = snprintf(path, room, "%s%s/isf-", folder, rest);
    for (size_t i = 0; i < sizeof key->hash; i++)
        n += snprintf(path + n, room - (size_t)n, "%02x", key->hash[i]);
    snprintf(path + n, room - (size_t)n, ".sym");
    *ret_path = path;
    return NULL;
}

static bool same_key(const struct isf_key *a, const struct isf_key *b) {
    return a->size == b->size && !memcmp(a->hash, b->hash, sizeof a->hash);
}

/* The bytes of FILE: in place, or read into *RET_COPY. */
static sc_err *bytes_of(const sc_file *file, const uint8_t **ret_data, uint8_t **ret_copy) {
    const uint64_t size = sc_file_size(file);
    const uint8_t *data = sc_file_view(file, 0, size);
    if (!data && size && size <= SIZE_MAX) {
        uint8_t *copy = malloc((size_t)size);
        if (!copy)
            return sc_err_nomem();
        sc_err *err = sc_file_read(file, 0, copy, (size_t)size);
        if (err) {
            free(copy);
            return err;
        }
        data = *ret_copy = copy;
    }
    *ret_data = data;
    return NULL;
}

sc_err *isf_cache_load(const char *path, const struct isf_key *key, sc_file **ret_file,
                       uint8_t **ret_copy, struct isf_image *ret_image) {
    sc_file *file = NULL;
    const uint8_t *data = NULL;
    uint8_t *copy = NULL;
    sc_err *err = sc_file_open(path, 0, &file);
    if (!err)
        err = bytes_of(file, &data, &copy);
    struct isf_image image;
    if (!err && data && isf_image_open(data, (size_t)sc_file_size(file), &image) &&
        same_key(&image.key, key)) {
        *ret_file = file;
        *ret_copy = copy;
        *ret_image = image;
        return NULL;
    }
    free(copy);
    sc_file_close(file);
    *ret_file = NULL;
    /* A cache that cannot be read is no cache; short memory is an error all the same. */
    if (err && sc_err_code(err) != SC_ERR_NOMEM) {
        sc_err_destroy(err);
        return NULL;
    }
    return err;
}
