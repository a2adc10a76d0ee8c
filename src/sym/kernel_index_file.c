/* SPDX-License-Identifier: MIT */
/* Reading and writing the fingerprint index (its form: kernel_index.c). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/guid.h"
#include "base/replace.h"
#include "base/vec.h"
#include "sym/kernel_index.h"

enum { INDEX_MAX = 64 << 20 }; /* a file larger than this is none of ours */

static const char first_line[] = "stopcode-kernels 1\n";

static char *index_path(const char *cache) {
    size_t size = strlen(cache) + sizeof "/kernels.index";
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/kernels.index", cache);
    return path;
}

static bool parse_line(const char *line, struct sc_kernel_entry *e) {
    char guid[48];
    int at = 0;
    if (sscanf(line,
               "%" SCNx32 "\t%" SCNx32 "\t%" SCNx32 "\t%" SCNx64 "\t%" SCNx64 "\t%47[^\t]\t%" SCNx32
               "\t%n",
               &e->print.loaded_module_list, &e->print.active_process_head, &e->print.debugger_data,
               &e->size, &e->mtime, guid, &e->age, &at) != 7 ||
        !at || !line[at])
        return false;
    if (!sc_guid_parse(guid, &e->guid))
        return false;
    e->path = strdup(line + at);
    return true;
}

static sc_err *parse(struct sc_kernel_index *index, char *text) {
    if (strncmp(text, first_line, sizeof first_line - 1) != 0)
        return NULL;
    char *line = text + sizeof first_line - 1;
    while (*line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        struct sc_kernel_entry e = {0};
        if (parse_line(line, &e)) {
            struct sc_kernel_entry *slot = e.path ? SC_VEC_PUSH(index) : NULL;
            if (!slot) {
                free(e.path);
                return sc_err_nomem();
            }
            *slot = e;
        }
        line = end ? end + 1 : line + strlen(line);
    }
    return NULL;
}

sc_err *sc_kernel_index_load(struct sc_kernel_index *index, const char *cache) {
    char *path = index_path(cache);
    if (!path)
        return sc_err_nomem();
    sc_file *file;
    sc_err *err = sc_file_open(path, 0, &file);
    free(path);
    if (err) { /* there is none yet, or it cannot be read: then it is made anew */
        bool nomem = sc_err_code(err) == SC_ERR_NOMEM;
        sc_err_destroy(err);
        return nomem ? sc_err_nomem() : NULL;
    }
    uint64_t size = sc_file_size(file) < INDEX_MAX ? sc_file_size(file) : 0;
    char *text = malloc((size_t)size + 1);
    err = text ? sc_file_read(file, 0, text, (size_t)size) : sc_err_nomem();
    sc_file_close(file);
    if (!err) {
        text[size] = 0;
        err = parse(index, text);
    }
    free(text);
    return err;
}

sc_err *sc_kernel_index_save(const struct sc_kernel_index *index, const char *cache) {
    size_t room = sizeof first_line;
    for (size_t i = 0; i < index->count; i++)
        room += strlen(index->item[i].path) + 160;
    char *text = malloc(room), *path = index_path(cache);
    sc_err *err = text && path ? NULL : sc_err_nomem();
    if (!err) {
        size_t n = (size_t)snprintf(text, room, "%s", first_line);
        for (size_t i = 0; i < index->count; i++) {
            const struct sc_kernel_entry *e = &index->item[i];
            char guid[SC_GUID_BUF];
            if (strpbrk(e->path, "\n\t")) /* such a name would break the lines */
                continue;
            n += (size_t)snprintf(text + n, room - n,
                                  "%" PRIx32 "\t%" PRIx32 "\t%" PRIx32 "\t%" PRIx64 "\t%" PRIx64
                                  "\t%s\t%" PRIx32 "\t%s\n",
                                  e->print.loaded_module_list, e->print.active_process_head,
                                  e->print.debugger_data, e->size, e->mtime,
                                  sc_guid_text(&e->guid, guid), e->age, e->path);
        }
        err = sc_file_replace(path, text, n);
    }
    free(text);
    free(path);
    return err;
}
