/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without libFuzzer, for the ordinary tests: runs the stored cases, the seeds, and a
 * few hundred inputs made from the seeds.
 *
 *   replay_NAME                    the above, as TAP
 *   replay_NAME FILE …             these inputs
 *   replay_NAME --seeds FOLDER     writes the seeds there, for a fuzzer to start from
 *   replay_NAME --runs N --seed S  how many made inputs, from which seed
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"
#include "harness/corpus.h"
#include "harness/crash.h"
#include "harness/mutate.h"
#include "harness/tap.h"

enum { HANG_SECONDS = 60 };

struct inputs {
    struct input {
        uint8_t *data;
        size_t size;
    } * item;
    size_t count;
};

/* Keeps a seed with a prefix by which no allocation fails. */
static void keep(void *ctx, const void *data, size_t size) {
    struct inputs *in = ctx;
    struct input *bigger = realloc(in->item, (in->count + 1) * sizeof *bigger);
    uint8_t *copy = malloc(size + 2);
    if (!bigger || !copy) {
        fputs("replay: no memory for the seeds\n", stderr);
        exit(1);
    }
    in->item = bigger;
    copy[0] = copy[1] = 0xff;
    if (size)
        memcpy(copy + 2, data, size);
    in->item[in->count++] = (struct input){copy, size + 2};
}

static void run(const char *name, const uint8_t *data, size_t size) {
    crash_case(name, data, size, HANG_SECONDS);
    watched_run(data, size);
    crash_case(NULL, NULL, 0, 0);
}

static bool run_file(const char *path) {
    size_t size = 0;
    uint8_t *data = read_whole(path, &size);
    if (data)
        run(path, data, size);
    free(data);
    return data != NULL;
}

static void stored_cases(void) {
    char folder[2048], path[2400];
    unsigned n = 0, unread = 0;
    snprintf(folder, sizeof folder, "%s/tests/fuzz/cases/%s", STOPCODE_SOURCE_DIR, fuzz_name);
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unread += !run_file(path);
        n++;
    }
    if (dir)
        closedir(dir);
    tap_ok(!unread, "%s: %u stored cases", fuzz_name, n);
}

/* Input I: a seed with damage, and by turns an allocation that fails. */
static void made(const struct inputs *seeds, uint64_t seed) {
    uint64_t rng = seed;
    const struct input *from = &seeds->item[rng_below(&rng, seeds->count)];
    char name[64];
    size_t size = from->size;
    uint8_t *copy = malloc(size);
    if (!copy)
        return;
    memcpy(copy, from->data, size);
    if (rng_below(&rng, 4))
        size = 2 + mutate(copy + 2, size - 2, rng_next(&rng));
    if (rng_below(&rng, 2)) {
        copy[0] = (uint8_t)rng_next(&rng);
        copy[1] = (uint8_t)(rng_below(&rng, 4) ? 0 : 0x40);
    }
    snprintf(name, sizeof name, "%s-made-%" PRIu64, fuzz_name, seed);
    run(name, copy, size);
    free(copy);
}

static int write_seeds(const struct inputs *seeds, const char *folder) {
    mkdir(folder, 0777);
    for (size_t i = 0; i < seeds->count; i++) {
        char path[2400];
        snprintf(path, sizeof path, "%s/seed-%03zu", folder, i);
        FILE *f = fopen(path, "wb");
        size_t n = f ? fwrite(seeds->item[i].data, 1, seeds->item[i].size, f) : 0;
        if (!f || fclose(f) != 0 || n != seeds->item[i].size) {
            fprintf(stderr, "replay: cannot write %s\n", path);
            return 1;
        }
    }
    return 0;
}

static int run_all(const struct inputs *seeds, unsigned runs, uint64_t seed) {
    stored_cases();
    for (size_t i = 0; i < seeds->count; i++)
        run("seed", seeds->item[i].data, seeds->item[i].size);
    tap_ok(seeds->count > 0, "%s: %zu seeds", fuzz_name, seeds->count);
    for (unsigned i = 0; seeds->count && i < runs; i++)
        made(seeds, seed + i);
    tap_ok(true, "%s: %u inputs made from the seeds, from seed %" PRIu64, fuzz_name, runs, seed);
    return tap_done();
}

int main(int argc, char **argv) {
    struct inputs seeds = {0};
    unsigned runs = 400;
    uint64_t seed = 1;
    int status = -1;
    crash_watch(HARNESS_KEEP);
    fuzz_seeds(keep, &seeds);
    for (int i = 1; i < argc && status <= 0; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--seeds"))
            status = write_seeds(&seeds, value), i++;
        else if (!strcmp(argv[i], "--runs"))
            runs = (unsigned)strtoul(value, NULL, 10), i++;
        else if (!strcmp(argv[i], "--seed"))
            seed = strtoull(value, NULL, 10), i++;
        else
            status = run_file(argv[i]) ? 0 : 1;
    }
    if (status < 0)
        status = run_all(&seeds, runs, seed);
    for (size_t i = 0; i < seeds.count; i++)
        free(seeds.item[i].data);
    free(seeds.item);
    return status;
}
