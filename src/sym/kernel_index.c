/* SPDX-License-Identifier: MIT */
/* The fingerprint index: looking through folders for kernels, and finding one by its print. */
#include "sym/kernel_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/osfile.h"
#include "base/utf.h"
#include "base/vec.h"
#include "sym/open.h"

enum { DEPTH_MAX = 5, FILES_MAX = 20000 };

static const char *const kernel_names[] = {"ntkrnlmp", "ntoskrnl", "ntkrpamp", "ntkrnlpa",
                                           "ntkrla57"};

void sc_kernel_index_free(struct sc_kernel_index *index) {
    for (size_t i = 0; i < index->count; i++)
        free(index->item[i].path);
    SC_VEC_FREE(index);
    sc_map_free(&index->by_path);
}

unsigned sc_kernel_print_known(const struct sc_kernel_print *print) {
    return (print->loaded_module_list != 0) + (print->active_process_head != 0) +
           (print->debugger_data != 0);
}

/* One difference outweighs all that is equal. */
static int agreement(uint32_t a, uint32_t b) { return !a || !b ? 0 : a == b ? 1 : -4; }

bool sc_kernel_print_matches(const struct sc_kernel_print *a, const struct sc_kernel_print *b) {
    return agreement(a->loaded_module_list, b->loaded_module_list) +
               agreement(a->active_process_head, b->active_process_head) +
               agreement(a->debugger_data, b->debugger_data) >=
           2;
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

/* Looks like an image's name, as a store's folders do: "amdppm.sys", not "10.0.19041". */
static bool is_module_name(const char *name) {
    const char *dot = strrchr(name, '.');
    if (!dot || strlen(dot + 1) < 2 || strlen(dot + 1) > 4)
        return false;
    for (const char *p = dot + 1; *p; p++)
        if (sc_lower(*p) < 'a' || sc_lower(*p) > 'z')
            return false;
    return true;
}

struct walk {
    struct sc_kernel_index *index;
    const char *folder;
    bool in_kernel; /* inside of a folder named after a kernel's PDB */
    int depth;
    size_t *files;
    struct sc_map *visited; /* folders by device and number: links may lead back */
    sc_log_fn log;
    void *log_ctx;
    sc_err *err;
};

/* FNV-1a. What it is used for is checked, or of no weight should two paths ever share it. */
static uint64_t hash_path(const char *path) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; *path; path++)
        h = (h ^ (unsigned char)*path) * 0x100000001b3u;
    return h;
}

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

sc_err *sc_kernel_print_read(sc_symbols *symbols, struct sc_kernel_print *ret_print) {
    struct sc_kernel_print print = {0};
    sc_err *err = rva_of(symbols, "PsLoadedModuleList", &print.loaded_module_list);
    if (!err)
        err = rva_of(symbols, "PsActiveProcessHead", &print.active_process_head);
    if (!err)
        err = rva_of(symbols, "KdDebuggerDataBlock", &print.debugger_data);
    if (!err)
        *ret_print = print;
    return err;
}

static sc_err *read_file(const char *path, struct sc_kernel_entry *e) {
    sc_symbols *s;
    sc_err *err = sc_symbols_open(path, &s);
    if (err)
        return err;
    struct sc_symbols_info info;
    sc_symbols_info(s, &info);
    e->guid = info.guid;
    err = sc_symbols_key_age(s, &e->age);
    if (!err)
        err = sc_kernel_print_read(s, &e->print);
    sc_symbols_unref(s);
    return err;
}

static struct sc_kernel_entry *known(struct sc_kernel_index *index, const char *path) {
    uint64_t at;
    if (sc_map_get_number(&index->by_path, hash_path(path), &at) && at < index->count &&
        !strcmp(index->item[at].path, path))
        return &index->item[at];
    return NULL;
}

struct sc_kernel_entry *sc_kernel_index_push(struct sc_kernel_index *index, const char *path) {
    char *copy = strdup(path);
    if (!copy || !sc_map_put_number(&index->by_path, hash_path(path), index->count)) {
        free(copy);
        return NULL;
    }
    struct sc_kernel_entry *slot = SC_VEC_PUSH(index);
    if (slot)
        slot->path = copy;
    else
        free(copy);
    return slot;
}

/* Why a file is left out; out of memory and cancelled are not reasons but ends. */
static sc_err *leave_out(struct walk *w, sc_err *own_err) {
    if (sc_err_code(own_err) == SC_ERR_NOMEM || sc_err_code(own_err) == SC_ERR_CANCELLED)
        return own_err;
    if (w->log)
        w->log(w->log_ctx, SC_LOG_WARN, sc_err_text(own_err));
    sc_err_destroy(own_err);
    return NULL;
}

/* One symbol file: kept if it is a kernel's, also without RVAs, so that it is not opened again. */
static sc_err *add_file(struct walk *w, const char *path) {
    struct sc_kernel_entry e = {.present = true};
    int64_t mtime;
    if (!sc_os_is_file(path, &e.size, &mtime))
        return NULL;
    e.mtime = (uint64_t)mtime;
    struct sc_kernel_entry *slot = known(w->index, path);
    if (slot && slot->size == e.size && slot->mtime == e.mtime) {
        slot->present = true;
        return NULL;
    }
    w->index->looked++;
    sc_err *err = read_file(path, &e);
    if (err) {
        e.print = (struct sc_kernel_print){0};
        if ((err = leave_out(w, err)))
            return err;
    }
    if (!slot && !(slot = sc_kernel_index_push(w->index, path)))
        return sc_err_nomem();
    e.path = slot->path;
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
    if (is_folder && !kernel && is_module_name(name))
        return true;
    if (w->index->cancelled && w->index->cancelled(w->index->cancelled_ctx)) {
        w->err = sc_err_cancelled();
        return false;
    }
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

/* True when FOLDER was met before, under whatever name. */
static bool is_visited(struct walk *w) {
    struct sc_os_stamp stamp;
    uint64_t seen;
    if (!sc_os_folder_stamp(w->folder, &stamp)) /* gone, or not to be reached: listing will tell */
        return false;
    uint64_t which = stamp.device * 0x9e3779b97f4a7c15u ^ stamp.number;
    if (sc_map_get_number(w->visited, which, &seen))
        return true;
    if (!sc_map_put_number(w->visited, which, 1))
        w->err = sc_err_nomem();
    return false;
}

static sc_err *walk_folder(struct walk *w) {
    w->err = NULL;
    if (!is_visited(w) && !w->err)
        sc_os_list(w->folder, entry, w);
    return w->err;
}

sc_err *sc_kernel_index_add(struct sc_kernel_index *index, const char *folder, sc_log_fn log,
                            void *log_ctx) {
    size_t files = 0;
    struct sc_map visited = {0};
    struct walk w = {.index = index,
                     .folder = folder,
                     .files = &files,
                     .visited = &visited,
                     .log = log,
                     .log_ctx = log_ctx};
    sc_err *err = walk_folder(&w);
    sc_map_free(&visited);
    if (!err && files > FILES_MAX && log) {
        char line[200];
        snprintf(line, sizeof line, "%.120s: looked for kernels among the first %d files only",
                 folder, FILES_MAX);
        log(log_ctx, SC_LOG_WARN, line);
    }
    return err;
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

static bool is_better(const struct sc_kernel_entry *a, const struct sc_kernel_entry *b) {
    bool a_pdb = ends_with(a->path, ".pdb"), b_pdb = ends_with(b->path, ".pdb");
    return a_pdb != b_pdb ? a_pdb : strcmp(a->path, b->path) < 0;
}

const struct sc_kernel_entry *sc_kernel_index_find(const struct sc_kernel_index *index,
                                                   const struct sc_kernel_print *print) {
    const struct sc_kernel_entry *best = NULL;
    for (size_t i = 0; i < index->count; i++) {
        const struct sc_kernel_entry *e = &index->item[i];
        if (e->present && sc_kernel_print_matches(&e->print, print) &&
            (!best || is_better(e, best)))
            best = e;
    }
    return best;
}

const char *sc_kernel_entry_pdb(const struct sc_kernel_entry *entry, char *buf) {
    const char *found = kernel_names[0];
    for (const char *part = entry->path; part; part = strchr(part, '/')) {
        part += *part == '/';
        for (size_t i = 0; i < sizeof kernel_names / sizeof *kernel_names; i++) {
            size_t n = strlen(kernel_names[i]);
            if (!sc_strncasecmp(part, kernel_names[i], n) && part[n] == '.')
                found = kernel_names[i];
        }
    }
    snprintf(buf, SC_KERNEL_NAME_BUF, "%s.pdb", found);
    return buf;
}
