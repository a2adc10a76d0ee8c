/* SPDX-License-Identifier: MIT */
/*
 * A store whose 1st, 2nd, … Nth allocation fails: each time the answer is out of memory or the
 * right one, nothing is leaked, and afterwards the same store answers rightly. The jobs: a file
 * copied along a chain of stores, a compressed one unpacked, one that is not there, one behind a
 * server that refuses connections.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/heap.h"
#include "harness/tap.h"
#include "stopcode/store.h"

enum { MOST = 400 };
#define INDEX "3844DBB920174967BE7AA4A2C20430FA2"

static char box[128];

/* A cabinet without compression: "x.pdb", five bytes "RIGHT". */
static const unsigned char cabinet[] =
    "MSCF\0\0\0\0\x57\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0\x03\x01\x01\0\x01\0\0\0\0\0\0\0"
    "\x42\0\0\0\x01\0\0\0"
    "\x05\0\0\0\0\0\0\0\0\0\0\x50\0\0\x20\0x.pdb\0"
    "\0\0\0\0\x05\0\x05\0RIGHT";

static void put(const char *folder, const char *name, const void *data, size_t size) {
    char path[1024], *p;
    snprintf(path, sizeof path, "%s/%s/", box, folder);
    for (p = path + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(path, 0777);
        *p = '/';
    }
    snprintf(path, sizeof path, "%s/%s/%s", box, folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        exit(1);
}

static void clean(void) {
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s/cache' '%s/near'", box, box);
    if (system(command) != 0)
        exit(1);
}

static sc_err *verify(void *ctx, const struct sc_store_key *key, const char *path) {
    char text[6] = "";
    (void)ctx;
    (void)key;
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(text, 1, 5, file) : 0;
    if (file)
        fclose(file);
    return n == 5 && strcmp(text, "RIGHT") == 0 ? NULL : sc_errf(SC_ERR_FORMAT, "not right");
}

struct job {
    const char *what, *path;
    bool there;
};

/* 0 right, 1 out of memory, 2 anything else. */
static int find(sc_store *store, const struct job *job) {
    const struct sc_store_key key = {
        .kind = SC_STORE_PDB,
        .name = "c:\\build\\x.pdb",
        .guid = {0x3844dbb9, 0x2017, 0x4967, {0xbe, 0x7a, 0xa4, 0xa2, 0xc2, 0x04, 0x30, 0xfa}},
        .age = 2};
    struct sc_store_found found = {0};
    sc_err *err = sc_store_find(store, &key, verify, NULL, &found);
    int result = err ? (sc_err_code(err) == SC_ERR_NOMEM ? 1 : 2)
                     : ((found.path != NULL) == job->there ? 0 : 2);
    if (result == 2)
        tap_note("%s: %s", job->what, err ? sc_err_text(err) : found.why ? found.why : "found");
    sc_err_destroy(err);
    sc_store_found_deinit(&found);
    return result;
}

/* Creates, sets the path and finds; *RET_STORE is left open when that far it went. */
static int run(const struct job *job) {
    char cache[300], path[900];
    snprintf(cache, sizeof cache, "%s/cache", box);
    snprintf(path, sizeof path, job->path, box, box, box);
    struct sc_store_opts opts = {.sz = sizeof opts, .cache = cache};
    sc_store *store;
    sc_err *err = sc_store_create(&opts, &store);
    if (!err) {
        err = sc_store_set_path(store, SC_PATH_SYMBOLS, path);
        int result = err ? 1 : find(store, job);
        if (err && sc_err_code(err) != SC_ERR_NOMEM)
            result = 2;
        sc_err_destroy(err);
        heap_stop_failing();
        /* What a failure left behind must not spoil the next answer. */
        err = sc_store_set_path(store, SC_PATH_SYMBOLS, path);
        if (err || find(store, job) != 0)
            result = 2;
        sc_err_destroy(err);
        sc_store_destroy(store);
        return result;
    }
    int result = sc_err_code(err) == SC_ERR_NOMEM ? 1 : 2;
    sc_err_destroy(err);
    return result;
}

static void all_failures(const struct job *job, bool keep) {
    struct heap_stats stats = {.failed = true};
    unsigned n = 0, bad = 0, leaks = 0;
    while (stats.failed && n < MOST && !bad && !leaks) {
        clean();
        heap_begin(++n);
        if (keep)
            heap_keep_failing();
        bad += run(job) == 2;
        heap_end(&stats);
        leaks += stats.nleaked != 0;
    }
    if (leaks)
        tap_note("allocation %u: leaked %zu bytes", n, stats.leaked);
    if (bad)
        tap_note("allocation %u: a wrong answer", n);
    tap_ok(!bad && !leaks && !stats.failed, "%s, %s: %u allocations", job->what,
           keep ? "all from the Nth on fail" : "the Nth fails", n);
}

int main(void) {
    static const struct job jobs[] = {
        {"a copy along a chain", "srv*%s/near*%s/far", true},
        {"a compressed file", "srv*%s/near*%s/packed", true},
        {"a plain folder behind a cache", "cache*%s/near;%s/plain", true},
        {"a file that is not there", "%s/none;srv*%s/nothing", false},
        {"a server that cannot be reached", "srv*%s/near*http://127.0.0.1:1/symbols", false},
    };
    snprintf(box, sizeof box, "%s/store-fault-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(box))
        return 1;
    put("far/x.pdb/" INDEX, "x.pdb", "RIGHT", 5);
    put("packed/x.pdb/" INDEX, "x.pd_", cabinet, sizeof cabinet - 1);
    put("plain", "x.pdb", "RIGHT", 5);
    put("nothing", "readme", "", 0);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        all_failures(&jobs[i], false);
        all_failures(&jobs[i], true);
    }
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", box);
    if (system(command) != 0)
        return 1;
    return tap_done();
}
