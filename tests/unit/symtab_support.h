/* SPDX-License-Identifier: MIT */
/* What the tests of the symbol table share: targets without a dump, and folders of their own. */
#ifndef STOPCODE_TESTS_UNIT_SYMTAB_SUPPORT_H
#define STOPCODE_TESTS_UNIT_SYMTAB_SUPPORT_H

#define _XOPEN_SOURCE 700 /* nftw(): include this file first */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/osfile.h"
#include "forge/fakesyms.h"
#include "forge/peimg.h"
#include "stopcode/symtab.h"

static inline void no_error(sc_err *err) {
    if (err)
        fail_msg("%s", sc_err_text(err));
}

/* ---- a folder for one test ---- */

static inline int drop_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static inline int make_folder(void **state) {
    char path[200];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/stopcode-symtab-XXXXXX", dir && *dir ? dir : "/tmp");
    *state = mkdtemp(path) ? strdup(path) : NULL;
    /* Tables are cached nowhere: writing the cache files costs more than parsing these. */
    return *state ? setenv("XDG_CACHE_HOME", "/dev/null/none", 1) : -1;
}

static inline int drop_folder(void **state) {
    chmod(*state, 0700);
    nftw(*state, drop_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return 0;
}

/* FOLDER/NAME in one of 64 buffers: not for loops that outlast them. */
static inline const char *at(const char *folder, const char *name) {
    static char buf[64][600];
    static unsigned next;
    char *path = buf[next++ % 64];
    snprintf(path, sizeof buf[0], "%s/%s", folder, name);
    return path;
}

/* Without the syncs of sc_file_replace(): tests write many. */
static inline void put_file(const char *path, const void *data, size_t size) {
    char folder[600];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    assert_non_null(slash);
    *slash = 0;
    no_error(sc_os_make_folders(folder));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* ---- the symbols of one target, and what was said ---- */

struct world {
    sc_target *target;
    sc_symtab *symtab;
    char log[8000];
};

static inline void world_log(void *ctx, enum sc_log_level level, const char *line) {
    struct world *w = ctx;
    (void)level;
    size_t n = strlen(w->log);
    snprintf(w->log + n, sizeof w->log - n, "%s\n", line);
}

/* FOLDER holds the cache; SYMBOLS and IMAGES are paths, or NULL. */
static inline void world_open(struct world *w, const struct sc_fake *fake, const char *folder,
                              const char *symbols, const char *images) {
    memset(w, 0, sizeof *w);
    struct sc_store_opts opts = {
        .sz = sizeof opts, .log = world_log, .log_ctx = w, .offline = true};
    opts.cache = folder ? at(folder, "cache") : "/nonexistent";
    no_error(sc_target_fake(fake, &w->target));
    no_error(sc_symtab_create(w->target, &opts, &w->symtab));
    sc_store *store = sc_symtab_store(w->symtab);
    if (symbols)
        no_error(sc_store_set_path(store, SC_PATH_SYMBOLS, symbols));
    if (images)
        no_error(sc_store_set_path(store, SC_PATH_IMAGES, images));
}

static inline void world_close(struct world *w) {
    sc_symtab_destroy(w->symtab);
    sc_target_close(w->target);
}

static inline const struct sc_module *module(struct world *w, const char *name) {
    const struct sc_module *m = sc_target_module_named(w->target, name);
    assert_non_null(m);
    return m;
}

static inline const struct sc_modsyms *load(struct world *w, const char *name) {
    const struct sc_modsyms *m = NULL;
    no_error(sc_symtab_load(w->symtab, module(w, name), &m));
    return m;
}

/* The provider is the symtab's alone afterwards. */
static inline void attach(struct world *w, const char *name, struct fakesyms *f) {
    sc_symbols *s = fakesyms_open(f);
    assert_non_null(s);
    no_error(sc_symtab_attach(w->symtab, module(w, name), s, "by hand"));
    sc_symbols_unref(s);
}

static inline void text_is(struct world *w, uint64_t addr, const char *want) {
    char buf[256];
    const char *got = sc_symtab_text(w->symtab, addr, buf, sizeof buf);
    if (!want)
        assert_null(got);
    else if (!got || strcmp(got, want) != 0)
        fail_msg("0x%llx is %s, want %s", (unsigned long long)addr, got ? got : "nothing", want);
}

/* WANT: the address, or SC_UNSET64 for "not found". */
static inline void name_is(struct world *w, const char *name, uint64_t want) {
    uint64_t got = SC_UNSET64;
    bool found = false;
    no_error(sc_symtab_lookup(w->symtab, name, &got, &found));
    if (found != (want != SC_UNSET64) || got != want)
        fail_msg("%s: %s 0x%llx, want 0x%llx", name, found ? "found" : "not found",
                 (unsigned long long)got, (unsigned long long)want);
}

#endif
