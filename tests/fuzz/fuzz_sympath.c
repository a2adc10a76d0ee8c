/* SPDX-License-Identifier: MIT */
/*
 * Symbol paths and names of files. A path that is taken must mean the same when it is written out
 * and read again; a name that is taken must be harmless. Nothing is looked up.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "stopcode/store.h"

const char fuzz_name[] = "sympath";

static void check_name(const char *text) {
    char base[SC_STORE_NAME_MAX + 1];
    if (!sc_store_base_name(text, base))
        return;
    size_t len = strlen(base), all = strlen(text);
    if (!len || base[0] == '.' || strpbrk(base, "/\\:*?\"<>|\n\r\t\x1b") || len > all ||
        strcmp(base, text + all - len) != 0)
        fuzz_broken("a name that is not harmless: %s", base);
}

static void check_path(sc_store *store, const char *text) {
    sc_err *err = sc_store_set_path(store, SC_PATH_SYMBOLS, text);
    if (!err) {
        if (strcmp(sc_store_path(store, SC_PATH_SYMBOLS), text) != 0)
            fuzz_broken("the path is not given back as it was written");
        /* Names and passwords of users are not shown, and servers may differ in those alone. */
        const char *expanded = sc_store_expanded(store, SC_PATH_SYMBOLS);
        err = sc_store_set_path(store, SC_PATH_IMAGES, expanded);
        if (err && !strchr(text, '@') && sc_err_code(err) == SC_ERR_ARG)
            fuzz_broken("not a path when read again: %s", expanded);
        if (!err && !strchr(text, '@') &&
            strcmp(sc_store_expanded(store, SC_PATH_IMAGES), expanded) != 0)
            fuzz_broken("another path when read again: %s", expanded);
    }
    sc_err_destroy(err);
}

void fuzz_one(const uint8_t *data, size_t size) {
    char text[8192];
    size_t len = size < sizeof text - 1 ? size : sizeof text - 1;
    struct sc_store_opts opts = {.sz = sizeof opts, .cache = "/c", .offline = true};
    sc_store *store;
    memcpy(text, data, len);
    text[len] = '\0';
    check_name(text);
    sc_err *err = sc_store_create(&opts, &store);
    if (err) {
        sc_err_destroy(err);
        return;
    }
    check_path(store, text);
    sc_store_destroy(store);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const texts[] = {
        "srv*",
        "srv*c:\\symbols*https://msdl.microsoft.com/download/symbols",
        "cache*;srv**https://a/b;\\\\server\\share",
        "symsrv*symsrv.dll*/a*/b*http://u:p@h/s/",
        "\"c:\\my symbols\"; ~/x\\y ;%TEMP%\\z",
        "https://a;cache*/k;/d",
        "..\\..\\x.pdb",
        "nul.pdb",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add(ctx, texts[i], strlen(texts[i]));
}
