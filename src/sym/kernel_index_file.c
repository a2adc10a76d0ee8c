/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing the fingerprint index. Its file is text, one kernel a line, fields separated
 * by tabs, numbers in hex:
 *
 *   stopcode-kernels 2
 *   CHECK LOADED_MODULE_LIST ACTIVE_PROCESS_HEAD DEBUGGER_DATA SIZE MTIME GUID AGE PATH
 *
 * CHECK is the hash of the rest of the line: one that was damaged is left out, for the file is only
 * a cache. Paths with tabs or line ends are not written, and their files looked at each time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/guid.h"
#include "base/osfile.h"
#include "base/replace.h"
#include "sym/kernel_index.h"

enum {
    INDEX_MAX = 64 << 20, /* a file larger than this is none of ours */
    ENTRIES_MAX = 50000,
};

static const char first_line[] = "stopcode-kernels 2\n";

static char *index_path(const char *cache) {
    size_t size = strlen(cache) + sizeof "/kernels.index";
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/kernels.index", cache);
    return path;
}

/* FNV-1a. */
static uint64_t check_of(const char *text) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    return h;
}

/* A number in hex that a tab ends; *P moves behind the tab. */
static bool take_hex(const char **p, uint64_t max, uint64_t *ret) {
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    const char *s = *p, *digit;
    for (; *s != '\t'; s++) {
        if (!*s || !(digit = strchr(digits, *s)) || value >> 60)
            return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    if (s == *p || value > max)
        return false;
    *ret = value;
    *p = s + 1;
    return true;
}

/* Fills *E but for its path, which begins at *RET_PATH. */
static bool parse_line(const char *line, struct sc_kernel_entry *e, const char **ret_path) {
    char guid[48];
    const char *p = line;
    uint64_t check, list = 0, head = 0, data = 0, age = 0;
    if (!take_hex(&p, UINT64_MAX, &check) || check != check_of(p) ||
        !take_hex(&p, UINT32_MAX, &list) || !take_hex(&p, UINT32_MAX, &head) ||
        !take_hex(&p, UINT32_MAX, &data) || !take_hex(&p, UINT64_MAX, &e->size) ||
        !take_hex(&p, UINT64_MAX, &e->mtime))
        return false;
    size_t len = strcspn(p, "\t");
    if (!p[len] || len >= sizeof guid)
        return false;
    memcpy(guid, p, len);
    guid[len] = 0;
    p += len + 1;
    if (!take_hex(&p, UINT32_MAX, &age) || !*p)
        return false;
    e->print = (struct sc_kernel_print){(uint32_t)list, (uint32_t)head, (uint32_t)data};
    e->age = (uint32_t)age;
    *ret_path = p;
    return sc_guid_parse(guid, &e->guid);
}

static sc_err *parse(struct sc_kernel_index *index, char *text) {
    if (strncmp(text, first_line, sizeof first_line - 1) != 0)
        return NULL;
    char *line = text + sizeof first_line - 1;
    while (*line && index->count < ENTRIES_MAX) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        struct sc_kernel_entry e = {0};
        const char *path;
        if (parse_line(line, &e, &path)) {
            struct sc_kernel_entry *slot = sc_kernel_index_push(index, path);
            if (!slot)
                return sc_err_nomem();
            e.path = slot->path;
            *slot = e;
        }
        line = end ? end + 1 : line + strlen(line);
    }
    return NULL;
}

/* All of the file, to be freed; "" for one that is too large. */
static sc_err *read_text(const sc_file *file, char **ret_text) {
    uint64_t size = sc_file_size(file) < INDEX_MAX ? sc_file_size(file) : 0;
    char *text = malloc((size_t)size + 1);
    sc_err *err = text ? sc_file_read(file, 0, text, (size_t)size) : sc_err_nomem();
    if (err) {
        free(text);
        return err;
    }
    text[size] = 0;
    *ret_text = text;
    return NULL;
}

sc_err *sc_kernel_index_load(struct sc_kernel_index *index, const char *cache) {
    char *path = index_path(cache), *text = NULL;
    if (!path)
        return sc_err_nomem();
    sc_file *file;
    sc_err *err = sc_file_open(path, 0, &file);
    free(path);
    if (!err) {
        err = read_text(file, &text);
        sc_file_close(file);
    }
    if (!err)
        err = parse(index, text);
    free(text);
    if (sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    sc_err_destroy(err); /* there is none yet, or it cannot be read: then it is made anew */
    return NULL;
}

/* Worth keeping: those of folders that are not in the path now, until their files are gone. */
static bool is_kept(const struct sc_kernel_entry *e) {
    if (strpbrk(e->path, "\n\t"))
        return false;
    return e->present || sc_os_is_file(e->path, NULL, NULL);
}

static size_t put_line(char *text, size_t room, const struct sc_kernel_entry *e) {
    enum { CHECK = 17 }; /* digits and the tab */
    char guid[SC_GUID_BUF];
    int n = snprintf(
        text + CHECK, room - CHECK,
        "%" PRIx32 "\t%" PRIx32 "\t%" PRIx32 "\t%" PRIx64 "\t%" PRIx64 "\t%s\t%" PRIx32 "\t%s",
        e->print.loaded_module_list, e->print.active_process_head, e->print.debugger_data, e->size,
        e->mtime, sc_guid_text(&e->guid, guid), e->age, e->path);
    char check[CHECK + 1];
    snprintf(check, sizeof check, "%016" PRIx64 "\t", check_of(text + CHECK));
    memcpy(text, check, CHECK);
    text[CHECK + n] = '\n';
    return CHECK + (size_t)n + 1;
}

sc_err *sc_kernel_index_save(const struct sc_kernel_index *index, const char *cache) {
    size_t room = sizeof first_line;
    for (size_t i = 0; i < index->count; i++)
        room += strlen(index->item[i].path) + 160;
    char *text = malloc(room), *path = index_path(cache);
    sc_err *err = text && path ? NULL : sc_err_nomem();
    if (!err) {
        size_t n = (size_t)snprintf(text, room, "%s", first_line);
        for (size_t i = 0; i < index->count; i++)
            if (is_kept(&index->item[i]))
                n += put_line(text + n, room - n, &index->item[i]);
        err = sc_file_replace(path, text, n);
    }
    free(text);
    free(path);
    return err;
}
