/* SPDX-License-Identifier: MIT */
/* What the tests of images share: opening a made image from a file or as memory. */
#ifndef STOPCODE_TESTS_UNIT_PE_SUPPORT_H
#define STOPCODE_TESTS_UNIT_PE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "forge/peimg.h"
#include "mem/space_impl.h"
#include "stopcode/pe.h"

/* An opened image and what it stands on. */
struct opened {
    struct forge_bytes bytes;
    sc_file *file;
    sc_space *space;
    sc_pe *pe;
};

static inline void no_error(sc_err *err) {
    if (err)
        fail_msg("%s", sc_err_text(err));
}

/* The error has CODE and its text the words PART; ends it. */
static inline void error_is(sc_err *err, enum sc_err_code code, const char *part) {
    assert_non_null(err);
    if (sc_err_code(err) != code || !strstr(sc_err_text(err), part))
        fail_msg("error %d \"%s\", want %d \"%s\"", sc_err_code(err), sc_err_text(err), code, part);
    sc_err_destroy(err);
}

static inline void close_image(struct opened *o) {
    sc_pe_close(o->pe);
    sc_space_destroy(o->space);
    sc_file_close(o->file);
    forge_bytes_free(&o->bytes);
}

/* Opens bytes as a file; the error, which is NULL when it worked. */
static inline sc_err *open_bytes(struct opened *o, const void *data, size_t size) {
    memset(o, 0, sizeof *o);
    no_error(sc_file_memory("made.sys", data, size, 0, &o->file));
    return sc_pe_open_file(o->file, &o->pe);
}

static inline void open_file(struct opened *o, const struct peimg *p) {
    struct forge_bytes bytes = peimg_file(p);
    assert_non_null(bytes.data);
    no_error(open_bytes(o, bytes.data, bytes.size));
    o->bytes = bytes;
}

/*
 * The image as memory at BASE; the pages whose bits are set in ABSENT (bit 0: the first page) are
 * not there.
 */
static inline sc_err *map_image(struct opened *o, const struct peimg *p, uint64_t base,
                                uint32_t absent) {
    struct sc_ranges ranges = {0};
    memset(o, 0, sizeof *o);
    ranges.item = calloc(PEIMG_SIZE / 0x1000, sizeof *ranges.item);
    assert_non_null(ranges.item);
    for (uint32_t at = 0; at < PEIMG_SIZE; at += 0x1000) {
        if (!(absent >> at / 0x1000 & 1))
            ranges.item[ranges.count++] = (struct sc_range){base + at, 0x1000, at};
    }
    no_error(sc_file_memory("memory", p->data, PEIMG_SIZE, 0, &o->file));
    no_error(sc_space_create(o->file, &ranges, p->is64 ? 8 : 4, NULL, &o->space));
    return sc_pe_open_memory(o->space, base, "made.sys", &o->pe);
}

#endif
