/* SPDX-License-Identifier: MIT */
/*
 * Asks a store and says what happened, for test_store.py:
 *
 *     store_fetch [OPTION VALUE]... KIND NAME A B
 *
 * KIND is pdb, sym, isf (A: GUID, B: age), nb10 (A: signature, B: age) or image (A: time stamp, B:
 * size; hex). Options: cache, path, exepath, symfix (a folder), env (any value: the environment's
 * paths), ca, connect, stall, retry (seconds), max (bytes), verify (text that a right file begins
 * with), cancel (bytes after which to cancel; 0 = at once), repeat (times), forget (any value:
 * failures are forgotten between the times), offline (any value). KIND "name" reduces NAME, "path"
 * shows what became of the path.
 *
 * Prints one line a fact: "path PATH", "expanded …", "found ORIGIN PATH", "from …", "why …",
 * "error CODE TEXT", "log LEVEL LINE", "progress DONE TOTAL".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "stopcode/store.h"

struct options {
    const char *path, *exepath, *symfix, *verify, *cancel, *ca, *cache;
    bool env, forget, offline;
    unsigned connect, stall, retry, repeat;
    unsigned long long max;
};

struct state {
    const char *begins;
    unsigned long long cancel_at, done;
    bool may_cancel;
};

static void on_log(void *ctx, enum sc_log_level level, const char *line) {
    static const char *const name[] = {"debug", "info", "warn"};
    (void)ctx;
    printf("log %s %s\n", name[level], line);
    fflush(stdout);
}

static void on_progress(void *ctx, const char *url, uint64_t done, uint64_t total) {
    struct state *state = ctx;
    (void)url;
    state->done = done;
    printf("progress %llu %llu\n", (unsigned long long)done, (unsigned long long)total);
    fflush(stdout);
}

static bool on_cancelled(void *ctx) {
    const struct state *state = ctx;
    return state->may_cancel && state->done >= state->cancel_at;
}

static sc_err *on_verify(void *ctx, const struct sc_store_key *key, const char *path) {
    const struct state *state = ctx;
    (void)key;
    char text[256] = "";
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = '\0';
    if (strncmp(text, state->begins, strlen(state->begins)) == 0)
        return NULL;
    return sc_errf(SC_ERR_FORMAT, "another file");
}

static bool take_option(struct options *o, const char *name, const char *value) {
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"path", &o->path},     {"exepath", &o->exepath}, {"symfix", &o->symfix},
                 {"verify", &o->verify}, {"cancel", &o->cancel},   {"ca", &o->ca},
                 {"cache", &o->cache}};
    const struct {
        const char *name;
        unsigned *number;
    } numbers[] = {{"connect", &o->connect},
                   {"stall", &o->stall},
                   {"retry", &o->retry},
                   {"repeat", &o->repeat}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0)
            return *texts[i].text = value, true;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(name, numbers[i].name) == 0)
            return *numbers[i].number = (unsigned)atoi(value), true;
    if (strcmp(name, "max") == 0)
        return o->max = strtoull(value, NULL, 10), true;
    bool *flag = strcmp(name, "env") == 0       ? &o->env
                 : strcmp(name, "forget") == 0  ? &o->forget
                 : strcmp(name, "offline") == 0 ? &o->offline
                                                : NULL;
    if (flag)
        *flag = true;
    return flag != NULL;
}

static bool take_key(char **arg, struct sc_store_key *key) {
    static const char *const kinds[] = {"pdb", "image", "sym", "isf"};
    const char *kind = strcmp(arg[0], "nb10") == 0 ? "pdb" : arg[0];
    int n = 0;
    while (n < 4 && strcmp(kind, kinds[n]) != 0)
        n++;
    if (n == 4)
        return false;
    key->kind = (enum sc_store_kind)n;
    key->name = arg[1];
    if (n == SC_STORE_IMAGE) {
        key->timestamp = (uint32_t)strtoul(arg[2], NULL, 16);
        key->size = (uint32_t)strtoul(arg[3], NULL, 16);
        return true;
    }
    key->age = (uint32_t)strtoul(arg[3], NULL, 10);
    if (arg[0] == kind)
        return sc_guid_parse(arg[2], &key->guid);
    key->signature = (uint32_t)strtoul(arg[2], NULL, 16);
    return true;
}

/* True when there was one. */
static bool report(sc_err *err) {
    if (!err)
        return false;
    printf("error %d %s\n", (int)sc_err_code(err), sc_err_text(err));
    sc_err_destroy(err);
    return true;
}

static bool set_paths(sc_store *store, const struct options *o) {
    bool found = false;
    if (o->env && report(sc_store_set_from_env(store, &found)))
        return false;
    if (o->path && report(sc_store_set_path(store, SC_PATH_SYMBOLS, o->path)))
        return false;
    if (o->exepath && report(sc_store_set_path(store, SC_PATH_IMAGES, o->exepath)))
        return false;
    return !o->symfix || !report(sc_store_symfix(store, o->symfix, o->path != NULL));
}

static bool find(sc_store *store, const struct sc_store_key *key, struct state *state) {
    static const char *const origin[] = {"folder", "store", "download"};
    struct sc_store_found found = {0};
    if (report(sc_store_find(store, key, state->begins ? on_verify : NULL, state, &found)))
        return false;
    if (found.path)
        printf("found %s %s\nfrom %s\n", origin[found.origin], found.path, found.from);
    else
        printf("why %s\n", found.why);
    sc_store_found_deinit(&found);
    return true;
}

static int find_all(sc_store *store, char **arg, const struct options *o, struct state *state) {
    struct sc_store_key key = {0};
    if (!take_key(arg, &key))
        return 2;
    bool ok = true;
    for (unsigned i = 0; ok && i < (o->repeat ? o->repeat : 1); i++) {
        if (i && o->forget)
            sc_store_forget_failures(store);
        ok = find(store, &key, state);
    }
    return ok ? 0 : 1;
}

static int run(char **arg, const struct options *o) {
    struct state state = {.begins = o->verify, .may_cancel = o->cancel != NULL};
    state.cancel_at = o->cancel ? strtoull(o->cancel, NULL, 10) : 0;
    struct sc_store_opts opts = {.sz = sizeof opts,
                                 .cache = o->cache,
                                 .log = on_log,
                                 .progress = on_progress,
                                 .progress_ctx = &state,
                                 .cancelled = on_cancelled,
                                 .cancelled_ctx = &state,
                                 .offline = o->offline,
                                 .connect_timeout = o->connect,
                                 .stall_timeout = o->stall,
                                 .retry_after = o->retry,
                                 .max_size = o->max,
                                 .ca_file = o->ca};
    sc_store *store;
    if (report(sc_store_create(&opts, &store)))
        return 1;
    int status = 1;
    if (set_paths(store, o)) {
        printf("path %s\nexpanded %s\nimages %s\n", sc_store_path(store, SC_PATH_SYMBOLS),
               sc_store_expanded(store, SC_PATH_SYMBOLS), sc_store_expanded(store, SC_PATH_IMAGES));
        status = strcmp(arg[0], "path") == 0 ? 0 : find_all(store, arg, o, &state);
    }
    sc_store_destroy(store);
    return status;
}

int main(int argc, char **argv) {
    struct options o = {0};
    int i = 1;
    while (i + 1 < argc && take_option(&o, argv[i], argv[i + 1]))
        i += 2;
    char *arg[4] = {"path", "", "", ""};
    for (int n = 0; n < 4 && i < argc; n++, i++)
        arg[n] = argv[i];
    if (strcmp(arg[0], "name") != 0)
        return run(arg, &o);
    char base[SC_STORE_NAME_MAX + 1];
    bool ok = sc_store_base_name(arg[1], base);
    printf("%s\n", ok ? base : "refused");
    return ok ? 0 : 1;
}
