/* SPDX-License-Identifier: MIT */
/*
 * The fingerprint index. Its file is text, one kernel a line, fields separated by tabs:
 *
 *   stopcode-kernels 1
 *   LOADED_MODULE_LIST ACTIVE_PROCESS_HEAD DEBUGGER_DATA SIZE MTIME GUID AGE PATH
 *
 * (numbers in hex). A line that does not parse is left out: the file is only a cache.
 */
#include "sym/kernel_index.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "base/os.h"
#include "base/osfile.h"
#include "base/utf.h"
#include "base/vec.h"

enum { DEPTH_MAX = 5, FILES_MAX = 20000 };

static const char *const kernel_names[] = {"ntkrnlmp", "ntoskrnl", "ntkrpamp", "ntkrnlpa",
                                           "ntkrla57"};

void sc_kernel_index_free(struct sc_kernel_index *index) {
    for (size_t i = 0; i < index->count; i++)
        free(index->item[i].path);
    SC_VEC_FREE(index);
}

/* Does NAME begin with a kernel's PDB name: "ntkrnlmp.pdb", "ntkrnlmp.json.xz"? */
static bool is_kernel_name(const char *name) {
    for (size_t i = 0; i < sizeof kernel_names / sizeof *kernel_names; i++) {
        size_t n = strlen(kernel_names[i]);
        if (!sc_strncasecmp(name, kernel_names[i], n) && name[n] == '.')
            return true;
    }
    return false;
}

static bool ends_with(const char *name, const char *tail) {
    size_t n = strlen(name), t = strlen(tail);
    return n >= t && !sc_strcasecmp(name + n - t, tail);
}

static bool is_symbol_file(const char *name) {
    return ends_with(name, ".pdb") || ends_with(name, ".json") || ends_with(name, ".json.xz");
}

struct walk {
    struct sc_kernel_index *index;
    const char *folder;
    bool in_kernel; /* inside of a folder named after a kernel's PDB */
    int depth;
    size_t *files;
    sc_log_fn log;
    void *log_ctx;
    sc_err *err;
};

static sc_err *rva_of(sc_symbols *s, const char *name, uint32_t *ret) {
    struct sc_symbol symbol;
    bool found;
    sc_err *err = sc_symbols_find(s, name, &symbol, &found);
    if (!err && !found) { /* x86 decorates C names with an underscore */
        char decorated[64];
        snprintf(decorated, sizeof decorated, "_%s", name);
        err = sc_symbols_find(s, decorated, &symbol, &found);
    }
    if (!err && found)
        *ret = symbol.rva;
    return err;
}

static sc_err *read_print(const char *path, struct sc_kernel_entry *e) {
    sc_symbols *s;
    sc_err *err = sc_symbols_open(path, &s);
    if (err)
        return err;
    struct sc_symbols_info info;
    sc_symbols_info(s, &info);
    e->guid = info.guid;
    e->age = info.age;
    err = rva_of(s, "PsLoadedModuleList", &e->print.loaded_module_list);
    if (!err)
        err = rva_of(s, "PsActiveProcessHead", &e->print.active_process_head);
    if (!err)
        err = rva_of(s, "KdDebuggerDataBlock", &e->print.debugger_data);
    sc_symbols_unref(s);
    return err;
}

static struct sc_kernel_entry *known(struct sc_kernel_index *index, const char *path) {
    for (size_t i = 0; i < index->count; i++)
        if (!strcmp(index->item[i].path, path))
            return &index->item[i];
    return NULL;
}

/* One symbol file: kept if it is a kernel's, also without RVAs, so that it is not opened again. */
static sc_err *add_file(struct walk *w, const char *path) {
    struct sc_kernel_entry e = {0};
    int64_t mtime;
    if (!sc_os_is_file(path, &e.size, &mtime))
        return NULL;
    e.mtime = (uint64_t)mtime;
    struct sc_kernel_entry *old = known(w->index, path);
    if (old && old->size == e.size && old->mtime == e.mtime)
        return NULL;
    w->index->looked++;
    sc_err *err = read_print(path, &e);
    if (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        return err;
    if (err) {
        if (w->log)
            w->log(w->log_ctx, SC_LOG_WARN, sc_err_text(err));
        sc_err_destroy(err);
    }
    if (old) {
        e.path = old->path;
        *old = e;
        return NULL;
    }
    e.path = strdup(path);
    struct sc_kernel_entry *slot = e.path ? SC_VEC_PUSH(w->index) : NULL;
    if (!slot) {
        free(e.path);
        return sc_err_nomem();
    }
    *slot = e;
    return NULL;
}

static sc_err *walk_folder(struct walk *w);

static bool entry(void *ctx, const char *name, bool is_folder) {
    struct walk *w = ctx;
    bool kernel = w->in_kernel || is_kernel_name(name);
    if (is_folder ? w->depth == DEPTH_MAX : !kernel || !is_symbol_file(name))
        return true;
    /* Below a store's other modules there is no kernel: only folders that can lead to one. */
    if (is_folder && !kernel && strchr(name, '.'))
        return true;
    if (++*w->files > FILES_MAX)
        return false;
    size_t size = strlen(w->folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (!path) {
        w->err = sc_err_nomem();
        return false;
    }
    snprintf(path, size, "%s/%s", w->folder, name);
    if (is_folder) {
        struct walk below = *w;
        below.folder = path;
        below.in_kernel = kernel;
        below.depth++;
        w->err = walk_folder(&below);
    } else {
        w->err = add_file(w, path);
    }
    free(path);
    return !w->err;
}

static sc_err *walk_folder(struct walk *w) {
    w->err = NULL;
    sc_os_list(w->folder, entry, w);
    return w->err;
}

sc_err *sc_kernel_index_add(struct sc_kernel_index *index, const char *folder, sc_log_fn log,
                            void *log_ctx) {
    size_t files = 0;
    struct walk w = {.index = index, .folder = folder, .files = &files, .log = log};
    w.log_ctx = log_ctx;
    return walk_folder(&w);
}

/* One element: a folder, or `srv*a*b*url`, `cache*a`, of which the local parts count. */
static sc_err *add_element(struct sc_kernel_index *index, char *element, sc_log_fn log,
                           void *log_ctx) {
    sc_err *err = NULL;
    bool first = true;
    for (char *part = element; part && !err; first = false) {
        char *star = strchr(part, '*');
        if (star)
            *star = 0;
        bool keyword = first && star;
        if (!keyword && *part && !strstr(part, "://"))
            err = sc_kernel_index_add(index, part, log, log_ctx);
        part = star ? star + 1 : NULL;
    }
    return err;
}

sc_err *sc_kernel_index_add_path(struct sc_kernel_index *index, const char *path, sc_log_fn log,
                                 void *log_ctx) {
    char *copy = strdup(path);
    if (!copy)
        return sc_err_nomem();
    sc_err *err = NULL;
    for (char *element = copy; element && !err;) {
        char *end = strchr(element, ';');
        if (end)
            *end = 0;
        err = add_element(index, element, log, log_ctx);
        element = end ? end + 1 : NULL;
    }
    free(copy);
    return err;
}

static int agreement(uint32_t a, uint32_t b) { return !a || !b ? 0 : a == b ? 1 : -4; }

const struct sc_kernel_entry *sc_kernel_index_find(const struct sc_kernel_index *index,
                                                   const struct sc_kernel_print *print) {
    for (size_t i = 0; i < index->count; i++) {
        const struct sc_kernel_print *p = &index->item[i].print;
        int same = agreement(p->loaded_module_list, print->loaded_module_list) +
                   agreement(p->active_process_head, print->active_process_head) +
                   agreement(p->debugger_data, print->debugger_data);
        if (same >= 2)
            return &index->item[i];
    }
    return NULL;
}
