/* SPDX-License-Identifier: MIT */
/*
 * Packed dumps: any archive, opened under a small limit. What it holds is not opened: that is the
 * other targets' business.
 */
#include <stdlib.h>

#include "dump/dump.h"
#include "dump/wrapped.h"
#include "forge/archive.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "wrapped";

enum { LIMIT = 256 * 1024 };

static bool go_on(void *ctx, const char *what, uint64_t done, uint64_t total) {
    unsigned *left = ctx;
    if (!what || done > total)
        fuzz_broken("more is done than there is");
    return (*left)-- > 0;
}

void fuzz_one(const uint8_t *data, size_t size) {
    unsigned left = 2000;
    struct sc_unpack how = {.limit = LIMIT, .progress = go_on, .progress_ctx = &left};
    sc_file *file;
    struct sc_source *s = NULL;
    sc_err *err = sc_file_memory("any.zip", data, size, size & 1 ? SC_FILE_NO_MMAP : 0, &file);
    if (!err && size & 2)
        (void)sc_holds_dump(file);
    if (!err)
        err = sc_source_create(file, &s);
    if (!err) {
        s->probe = sc_probe_bytes(data, size, size);
        err = sc_unpack(s, &how);
        if (!err && sc_file_size(s->file) > LIMIT)
            fuzz_broken("more than the limit came out");
        if (!err && !s->unpacked)
            fuzz_broken("it is not said what was unpacked");
    }
    sc_err_destroy(err);
    sc_source_destroy(s);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static uint8_t dump[6000] = "PAGEDU64";
    struct forge_bytes bytes;
    const struct forge_member m[] = {{.name = "a.txt", .data = "text", .size = 4},
                                     {.name = "in/a.dmp", .data = dump, .size = sizeof dump},
                                     {.name = "b.mdmp", .data = "MDMP....", .size = 8}};
    dump[0xf98] = 4;
    for (size_t n = 1; n <= 3; n++) {
        if (!forge_zip(m, n, &bytes))
            abort();
        add(ctx, bytes.data, bytes.size);
        forge_bytes_free(&bytes);
    }
    for (int named = 0; named < 2; named++) {
        if (!forge_gzip(named ? "a.dmp" : NULL, dump, sizeof dump, &bytes))
            abort();
        add(ctx, bytes.data, bytes.size);
        forge_bytes_free(&bytes);
    }
    /* The smallest of the others, as their packers write them: a tar, an empty 7z, xz and zst. */
    static uint8_t tar[2048] = "x.dmp";
    static const char fields[] = "0000644\0000000000\0000000000\00000000001000\00000000000000\0";
    for (size_t i = 0; i < sizeof fields - 1; i++)
        tar[100 + i] = (uint8_t)fields[i];
    add(ctx, tar, sizeof tar);
    add(ctx, "7z\xbc\xaf\x27\x1c\0\4\x8d\x9b\xd5\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
    add(ctx,
        "\xfd"
        "7zXZ\0\0\4\xe6\xd6\xb4\x46\0\0\0\0\x1c\xdf\x44\x21\x1f\xb6\xf3\x7d\1\0\0\0\0\4YZ",
        32);
    add(ctx, "\x28\xb5\x2f\xfd\x04\x58\x29\0\0MDMP.\x9c\x1e\x7a\x5f", 18);
}
