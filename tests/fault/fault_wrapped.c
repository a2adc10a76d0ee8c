/* SPDX-License-Identifier: MIT */
/*
 * A packed dump with the 1st, 2nd, … Nth allocation of ours refused, and then with the Nth read of
 * the archive or of what came out failing: the right dump, or an error, and nothing is leaked.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/osfile.h"
#include "dump/dump.h"
#include "forge/archive.h"
#include "forge/scene.h"
#include "harness/heap.h"
#include "harness/tap.h"

enum { TRIES = 3000 };

static struct forge_bytes dump;

/* *RET_RIGHT: the file that came out is the dump. */
static sc_err *work(const char *path, unsigned flags, bool *ret_right) {
    sc_file *file;
    struct sc_source *s = NULL;
    *ret_right = false;
    sc_err *err = sc_file_open(path, flags, &file);
    if (!err)
        err = sc_source_open(file, &s);
    if (err)
        return err;
    uint8_t *copy = heap_real_alloc(dump.size);
    size_t got = 0;
    *ret_right = sc_file_size(s->file) == dump.size &&
                 sc_file_read_some(s->file, 0, copy, dump.size, &got) && got == dump.size &&
                 !memcmp(copy, dump.data, got);
    heap_real_free(copy);
    sc_source_destroy(s);
    return NULL;
}

static void without_memory(const char *path) {
    uint64_t refused = 0, wrong = 0, leaks = 0;
    for (uint64_t at = 1; at < TRIES; at++) {
        struct heap_stats stats;
        bool right;
        heap_begin(at);
        sc_err *err = work(path, 0, &right);
        heap_end(&stats);
        leaks += stats.leaked != 0;
        wrong += err ? sc_err_code(err) != SC_ERR_NOMEM || !stats.failed : !right;
        sc_err_destroy(err);
        if (!stats.failed)
            break;
        refused++;
    }
    tap_ok(refused > 8 && refused < TRIES - 1 && !wrong && !leaks,
           "%llu allocations refused in turn", (unsigned long long)refused);
}

static void without_reads(const char *path) {
    uint64_t refused = 0, wrong = 0;
    for (uint64_t at = 1; at < TRIES; at++) {
        bool failed, right;
        read_begin(READ_FAIL, at);
        sc_err *err = work(path, SC_FILE_NO_MMAP, &right);
        read_end(&failed);
        wrong += !failed && (err || !right);
        wrong += err && sc_err_code(err) != SC_ERR_IO && sc_err_code(err) != SC_ERR_FORMAT;
        sc_err_destroy(err);
        if (!failed)
            break;
        refused++;
    }
    tap_ok(refused > 2 && refused < TRIES - 1 && !wrong, "%llu reads failed in turn",
           (unsigned long long)refused);
}

int main(void) {
    void *library = sc_os_library("libarchive.so.13");
    if (!library) {
        tap_skip("libarchive is not installed", "a packed dump");
        return tap_done();
    }
    char path[] = "/tmp/fault-wrapped-XXXXXX";
    struct forge_bytes zip;
    bool right;
    if (!forge_scene_build(FORGE_TRIAGE_X64, &dump))
        return 1;
    const struct forge_member m = {.name = "a.dmp", .data = dump.data, .size = dump.size};
    int fd = mkstemp(path);
    if (!forge_zip(&m, 1, &zip) || write(fd, zip.data, zip.size) != (ssize_t)zip.size)
        return 1;
    close(fd);
    sc_err *err = work(path, 0, &right);
    tap_ok(!err && right, "it is unpacked and opened");
    sc_err_destroy(err);
    without_memory(path);
    without_reads(path);
    unlink(path);
    forge_bytes_free(&zip);
    forge_bytes_free(&dump);
    sc_os_library_close(library);
    return tap_done();
}
