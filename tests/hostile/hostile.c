/* SPDX-License-Identifier: MIT */
/*
 * Hostile files: every dump cut off at each 4 KiB, and damaged in many seeded ways, must still be
 * opened (or refused) and asked everything, in bounded time and memory, without a leak.
 *
 *   hostile [--mutations N] [--seed S] [--only TEXT] [--keep FOLDER]
 *   hostile --replay FILE     one file, all checks
 *
 * Everything runs in this process. A case that fails prints its seed and is kept for replay.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/corpus.h"
#include "harness/crash.h"
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/mutate.h"
#include "harness/tap.h"
#include "harness/whole.h"

enum { PAGE = 4096, HANG_SECONDS = 120, FAILURES_SHOWN = 10 };

/* Sanitizers make everything some ten times slower; the bound is on the algorithm. */
#if defined(__SANITIZE_ADDRESS__)
#define CPU_LIMIT 10.0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CPU_LIMIT 10.0
#endif
#endif
#ifndef CPU_LIMIT
#define CPU_LIMIT 1.0
#endif

#define HEAP_LIMIT(size) (4 * (uint64_t)(size) + (1u << 20))
#define OUTPUT_LIMIT     (64u << 20)

struct options {
    unsigned mutations;
    uint64_t seed;
    const char *only, *keep, *replay;
};

/* The worst seen, for the record. */
struct worst {
    double seconds, heap; /* heap: as a part of the limit */
    uint64_t output;
    unsigned cases, refused;
};

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Opens and asks; bit 0 of FLAVOUR: JSON instead of text; bit 1: without mapping. */
static void ask(const uint8_t *data, size_t size, unsigned flavour, struct drive *d) {
    const struct sc_open_opts opts = {.sz = sizeof opts, .no_mmap = flavour & 2};
    sc_target *target = NULL;
    sc_file *file = NULL;
    if (size >= 6 && !memcmp(data, "PAGEDU", 6) &&
        !drive_error(
            d, sc_file_memory("hostile.dmp", data, size, flavour & 2 ? SC_FILE_NO_MMAP : 0, &file)))
        drive_whole(d, file);
    if (drive_error(d, sc_target_open_memory("hostile.dmp", data, size, &opts, &target)))
        return;
    drive_target(d, target);
    drive_analysis(d, target);
    drive_session(d, target, flavour & 1 ? SC_RENDER_JSON : SC_RENDER_TEXT, drive_commands);
    sc_target_close(target);
}

/* One case; false with the reason in WHY. */
static bool check(const uint8_t *data, size_t size, unsigned flavour, struct worst *worst,
                  char *why, size_t why_size) {
    struct drive d = {0};
    struct heap_stats heap;
    double start = cpu_seconds();
    heap_begin(0);
    ask(data, size, flavour, &d);
    heap_end(&heap);
    double seconds = cpu_seconds() - start;
    double part = (double)heap.peak / (double)HEAP_LIMIT(size);
    worst->cases++;
    worst->refused += d.errors && !d.output;
    worst->seconds = seconds > worst->seconds ? seconds : worst->seconds;
    worst->heap = part > worst->heap ? part : worst->heap;
    worst->output = d.output > worst->output ? d.output : worst->output;
    why[0] = 0;
    if (seconds > CPU_LIMIT)
        snprintf(why, why_size, "took %.2f s", seconds);
    else if (heap.peak > HEAP_LIMIT(size))
        snprintf(why, why_size, "held %zu bytes at once for a file of %zu", heap.peak, size);
    else if (heap.nleaked)
        snprintf(why, why_size, "leaked %zu bytes in %zu blocks (one of %zu)", heap.leaked,
                 heap.nleaked, heap.leak_size);
    else if (d.output > OUTPUT_LIMIT)
        snprintf(why, why_size, "wrote %" PRIu64 " bytes", d.output);
    else if (d.nomem)
        snprintf(why, why_size, "asked for more memory than there is: %s", d.why);
    return !why[0];
}

/* SIZE bytes of DATA in a block of exactly that size, so that a sanitizer sees the end. */
static uint8_t *exact_copy(const uint8_t *data, size_t size) {
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    if (!copy) {
        fputs("no memory for a copy of the file\n", stderr);
        exit(1);
    }
    memcpy(copy, data, size);
    return copy;
}

static bool run_case(const struct options *o, const char *name, const uint8_t *data, size_t size,
                     unsigned flavour, struct worst *worst, unsigned *failures) {
    char why[256];
    crash_case(name, data, size, HANG_SECONDS);
    bool ok = check(data, size, flavour, worst, why, sizeof why);
    crash_case(NULL, NULL, 0, 0);
    if (ok)
        return true;
    if (++*failures <= FAILURES_SHOWN) {
        tap_note("%s: %s", name, why);
        if (o->keep)
            crash_keep(name, data, size);
    }
    return false;
}

static void report(const struct worst *w) {
    tap_note("worst of %u: %.3f s, heap %.0f %% of its bound, output %" PRIu64 " bytes", w->cases,
             w->seconds, w->heap * 100, w->output);
}

static void truncations(const struct options *o, const struct subject *s) {
    struct worst worst = {0};
    unsigned failures = 0;
    for (size_t size = 0;; size += PAGE) {
        char name[200];
        if (size > s->size)
            size = s->size;
        snprintf(name, sizeof name, "%s-cut-at-%zx", s->name, size);
        uint8_t *copy = exact_copy(s->data, size);
        run_case(o, name, copy, size, (unsigned)(size / PAGE), &worst, &failures);
        heap_real_free(copy);
        if (size == s->size)
            break;
    }
    if (failures || worst.seconds > 0.2)
        report(&worst);
    tap_ok(!failures, "%s cut off at every 4 KiB (%u files)", s->name, worst.cases);
}

/* The subject of mutation I: forged ones every other time, they are small and have every part. */
static const struct subject *choose(const struct subjects *all, const char *format, unsigned i) {
    size_t n = 0;
    bool forged = i % 2 == 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t k = 0; k < all->count; k++)
            n += !strcmp(all->item[k].format, format) && all->item[k].forged == forged;
        if (n)
            break;
        forged = !forged;
    }
    size_t want = n ? (i / 2) % n : 0;
    for (size_t k = 0; k < all->count; k++)
        if (!strcmp(all->item[k].format, format) && all->item[k].forged == forged && !want--)
            return &all->item[k];
    return NULL;
}

static void mutations(const struct options *o, const struct subjects *all, const char *format) {
    struct worst worst = {0};
    unsigned failures = 0;
    for (unsigned i = 0; i < o->mutations; i++) {
        const struct subject *s = choose(all, format, i);
        char name[200];
        if (!s)
            break;
        uint64_t seed = o->seed + i;
        snprintf(name, sizeof name, "%s-seed-%" PRIu64, s->name, seed);
        uint8_t *copy = exact_copy(s->data, s->size);
        size_t size = mutate(copy, s->size, seed);
        uint8_t *exact = size == s->size ? copy : exact_copy(copy, size);
        run_case(o, name, exact, size, i, &worst, &failures);
        if (exact != copy)
            heap_real_free(exact);
        heap_real_free(copy);
    }
    if (!worst.cases) {
        tap_skip("no file of this format", "%s damaged", format);
        return;
    }
    report(&worst);
    tap_ok(!failures, "%s damaged in %u seeded ways from seed %" PRIu64, format, worst.cases,
           o->seed);
}

/* Files that are no dumps at all, or headers with nothing behind them. */
static void oddities(const struct options *o) {
    struct worst worst = {0};
    unsigned failures = 0;
    static const char *const starts[] = {"", "PAGEDU64", "PAGEDUMP", "MDMP", "\0\0\0\0", "PAGE"};
    for (unsigned i = 0; i < sizeof starts / sizeof *starts; i++)
        for (unsigned fill = 0; fill < 3; fill++) {
            char name[64];
            uint8_t data[0x3000];
            uint64_t rng = i;
            for (size_t k = 0; k < sizeof data; k++)
                data[k] = (uint8_t)(fill == 0 ? 0 : fill == 1 ? 0xff : rng_next(&rng));
            memcpy(data, starts[i], strlen(starts[i]));
            data[0xf98] = data[0xf88] = 4; /* a triage dump, in both widths */
            memset(data + 0xf99, 0, 3);
            memset(data + 0xf89, 0, 3);
            snprintf(name, sizeof name, "odd-%u-%u", i, fill);
            run_case(o, name, data, fill == 2 && !i ? 0 : sizeof data, fill, &worst, &failures);
        }
    tap_ok(!failures, "empty, zero-filled, header-only and random files (%u)", worst.cases);
}

/* The watch must be able to see what it watches for. */
static void self_check(void) {
    struct heap_stats s;
    heap_begin(0);
    void *volatile kept = malloc(1000);
    void *volatile gone = malloc(500);
    free(gone);
    heap_end(&s);
    tap_ok(s.nleaked == 1 && s.leaked == 1000 && s.peak == 1500 && s.leak == kept,
           "the watch sees a leak of one block and the peak");
    free(kept);
    heap_begin(2);
    void *volatile first = malloc(1), *volatile second = malloc(1), *volatile third = malloc(1);
    heap_end(&s);
    tap_ok(first && !second && third && s.failed && s.calls == 3,
           "the watch refuses the chosen allocation only");
    free(first);
    free(third);
}

static int replay(const struct options *o) {
    size_t size = 0;
    uint8_t *data = read_whole(o->replay, &size);
    if (!data) {
        fprintf(stderr, "hostile: cannot read %s\n", o->replay);
        return 2;
    }
    uint8_t *copy = exact_copy(data, size);
    for (unsigned flavour = 0; flavour < 4; flavour++) {
        struct worst worst = {0};
        unsigned failures = 0;
        bool ok = run_case(o, o->replay, copy, size, flavour, &worst, &failures);
        report(&worst);
        tap_ok(ok, "%s, %s, %s", o->replay, flavour & 1 ? "JSON" : "text",
               flavour & 2 ? "read" : "mapped");
    }
    heap_real_free(copy);
    free(data);
    return tap_done();
}

static bool parse(int argc, char **argv, struct options *o) {
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!value)
            return false;
        if (!strcmp(argv[i], "--mutations"))
            o->mutations = (unsigned)strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--seed"))
            o->seed = strtoull(value, NULL, 0);
        else if (!strcmp(argv[i], "--only"))
            o->only = value;
        else if (!strcmp(argv[i], "--keep"))
            o->keep = value;
        else if (!strcmp(argv[i], "--replay"))
            o->replay = value;
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv) {
    struct options o = {.mutations = 300, .seed = 1, .keep = HARNESS_KEEP};
    if (!parse(argc, argv, &o)) {
        fputs("usage: hostile [--mutations N] [--seed S] [--only TEXT] [--keep FOLDER] "
              "[--replay FILE]\n",
              stderr);
        return 2;
    }
    crash_watch(o.keep);
    if (o.replay)
        return replay(&o);
    self_check();
    oddities(&o);
    struct subjects all = {0};
    if (!subjects_load(&all, true)) {
        fputs("hostile: the dumps to damage could not be made\n", stderr);
        return 1;
    }
    for (size_t i = 0; i < all.count; i++)
        if (!o.only || strstr(all.item[i].name, o.only))
            truncations(&o, &all.item[i]);
    if (!all.has_corpus)
        tap_skip("no corpus of real dumps here (STOPCODE_CORPUS)", "real dumps");
    if (!o.only || !strcmp(o.only, "kdump"))
        mutations(&o, &all, "kdump");
    if (!o.only || !strcmp(o.only, "mdmp"))
        mutations(&o, &all, "mdmp");
    subjects_free(&all);
    return tap_done();
}
