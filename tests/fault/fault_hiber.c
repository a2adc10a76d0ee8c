/* SPDX-License-Identifier: MIT */
/*
 * Hibernation files with the 1st, 2nd, … Nth allocation refused, and then with the Nth read of the
 * file failing: each run ends in the right error or with the right pages, and nothing is leaked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump/dump.h"
#include "forge/hiber.h"
#include "harness/heap.h"
#include "harness/tap.h"

enum { PAGE = 0x1000, TRIES = 3000 };

static const struct forge_hiber_run runs[] = {{0x40, 100}, {1, 40}}; /* to be sorted */

/* What was found: OK pages, and whether one of them was wrong. */
struct outcome {
    unsigned right, wrong, io;
};

static void make_page(uint64_t pfn, uint8_t *page) {
    for (unsigned i = 0; i < PAGE; i++)
        page[i] = (uint8_t)(i % 11 * pfn);
}

static bool give_page(void *ctx, uint64_t pfn, const uint8_t **ret) {
    make_page(pfn, ctx);
    *ret = ctx;
    return pfn % 3 != 0;
}

static void read_all(struct sc_pages *pages, struct outcome *ret) {
    uint8_t got[PAGE], want[PAGE];
    size_t n;
    for (uint64_t pfn = 1; pfn < 0x100; pfn++) {
        enum sc_read status = pages->ops->read(pages->impl, pfn * PAGE, got, PAGE, &n);
        ret->io += status == SC_READ_IO;
        if (status != SC_READ_OK)
            continue;
        make_page(pfn, want);
        bool ok = n == PAGE && !memcmp(got, want, PAGE);
        ret->right += ok;
        ret->wrong += !ok;
    }
}

static sc_err *work(const char *path, unsigned flags, struct outcome *ret) {
    sc_file *file;
    struct sc_source *s = NULL;
    struct sc_pages pages = {0};
    *ret = (struct outcome){0};
    sc_err *err = sc_file_open(path, flags, &file);
    if (!err)
        err = sc_source_open(file, &s);
    if (!err)
        err = s->ops->open_pages(s, &pages);
    if (!err) {
        read_all(&pages, ret);
        pages.ops->destroy(pages.impl);
    }
    sc_source_destroy(s);
    return err;
}

static bool write_file(enum forge_hiber_kind kind, char *path) {
    static uint8_t page[PAGE], state[PAGE];
    struct forge_hiber h = {.kind = kind,
                            .memory = {give_page, page, runs, 2},
                            .processor = state,
                            .processor_size = PAGE,
                            .loader_pages_end = 60};
    struct forge_bytes file;
    int fd = mkstemp(path);
    bool ok = fd >= 0 && forge_hiber_write(&h, &file);
    if (ok) {
        ok = write(fd, file.data, file.size) == (ssize_t)file.size;
        forge_bytes_free(&file);
    }
    if (fd >= 0)
        close(fd);
    return ok;
}

static void without_memory(const char *name, const char *path, const struct outcome *right) {
    uint64_t refused = 0, wrong = 0, leaks = 0;
    for (uint64_t at = 1; at < TRIES; at++) {
        struct heap_stats stats;
        struct outcome now;
        heap_begin(at);
        sc_err *err = work(path, 0, &now);
        heap_end(&stats);
        leaks += stats.leaked != 0;
        /* A note that cannot be kept is no reason to fail. */
        wrong += err ? sc_err_code(err) != SC_ERR_NOMEM || !stats.failed
                     : now.right != right->right || now.wrong || now.io;
        sc_err_destroy(err);
        if (!stats.failed)
            break;
        refused++;
    }
    tap_ok(refused > 8 && refused < TRIES - 1 && !wrong && !leaks,
           "%s: %llu allocations refused in turn", name, (unsigned long long)refused);
}

static void without_reads(const char *name, const char *path, const struct outcome *right) {
    uint64_t refused = 0, wrong = 0;
    for (uint64_t at = 1; at < TRIES; at++) {
        struct outcome now;
        bool failed;
        read_begin(READ_FAIL, at);
        sc_err *err = work(path, SC_FILE_NO_MMAP, &now);
        read_end(&failed);
        wrong += now.wrong || (!failed && (err || now.right != right->right));
        sc_err_destroy(err);
        if (!failed)
            break;
        refused++;
    }
    tap_ok(refused > 8 && refused < TRIES - 1 && !wrong, "%s: %llu reads failed in turn", name,
           (unsigned long long)refused);
}

int main(void) {
    for (int kind = 0; kind < FORGE_HIBER_KINDS; kind += 3) {
        char path[] = "/tmp/fault-hiber-XXXXXX";
        struct outcome right = {0};
        bool ok = write_file(kind, path);
        sc_err *err = ok ? work(path, 0, &right) : NULL;
        const char *name = forge_hiber_name(kind);
        tap_ok(ok && !err && right.right > 90 && !right.wrong && !right.io, "%s: it is read", name);
        sc_err_destroy(err);
        without_memory(name, path, &right);
        without_reads(name, path, &right);
        unlink(path);
    }
    return tap_done();
}
