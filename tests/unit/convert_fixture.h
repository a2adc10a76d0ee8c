/* SPDX-License-Identifier: MIT */
/* For tests of conversion: a folder of one's own, files in it, and bytes of one target in another.
 */
#ifndef STOPCODE_TESTS_UNIT_CONVERT_FIXTURE_H
#define STOPCODE_TESTS_UNIT_CONVERT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os.h"
#include "stopcode/convert.h"
#include "stopcode/kdump.h"
#include "unit/kernel_memory.h"

struct conv_fix {
    char folder[64], path[96];
};

static inline void conv_fix_begin(struct conv_fix *f) {
    strcpy(f->folder, "/tmp/stopcode-convert-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/new.dmp", f->folder);
}

static inline bool conv_fix_remove(void *ctx, const char *name, bool is_folder) {
    char path[400];
    (void)is_folder;
    snprintf(path, sizeof path, "%s/%s", ((struct conv_fix *)ctx)->folder, name);
    unlink(path);
    return true;
}

static inline bool conv_fix_count(void *ctx, const char *name, bool is_folder) {
    (void)name;
    (void)is_folder;
    ++*(unsigned *)ctx;
    return true;
}

static inline unsigned conv_fix_files(const struct conv_fix *f) {
    unsigned n = 0;
    assert_true(sc_os_list(f->folder, conv_fix_count, &n));
    return n;
}

static inline void conv_fix_end(struct conv_fix *f) {
    sc_os_list(f->folder, conv_fix_remove, f);
    assert_int_equal(rmdir(f->folder), 0);
}

/* Converts TARGET and opens what came of it. */
static inline sc_target *conv_fix_to(struct conv_fix *f, sc_target *target,
                                     const struct sc_convert_opts *opts,
                                     struct sc_convert_result *ret) {
    sc_target *made = NULL;
    struct sc_convert_opts o = *opts;
    o.overwrite = true;
    sc_err *err = sc_convert(target, f->path, &o, ret);
    if (err)
        fail_msg("to %s: %s", sc_convert_name(opts->to), sc_err_text(err));
    err = sc_target_open(f->path, NULL, &made);
    if (err)
        fail_msg("opening the %s: %s", sc_convert_name(opts->to), sc_err_text(err));
    return made;
}

/* The conversion fails with CODE and a text that has PART; no file is left. */
static inline void conv_fix_refuses(struct conv_fix *f, sc_target *target,
                                    const struct sc_convert_opts *opts, enum sc_err_code code,
                                    const char *part) {
    struct sc_convert_result result = {.pages = 77};
    sc_err *err = sc_convert(target, f->path, opts, &result);
    if (!err)
        fail_msg("to %s: it was converted", sc_convert_name(opts->to));
    if (sc_err_code(err) != code || !strstr(sc_err_text(err), part))
        fail_msg("to %s: %d: %s", sc_convert_name(opts->to), (int)sc_err_code(err),
                 sc_err_text(err));
    sc_err_destroy(err);
    assert_true(result.pages == 77);
    assert_int_equal(conv_fix_files(f), 0);
}

static inline bool conv_fix_changed(const struct sc_convert_result *r, uint64_t pa) {
    for (size_t i = 0; i < r->nchanges; i++)
        if (pa >= r->change[i].pa && pa - r->change[i].pa < r->change[i].size)
            return true;
    return false;
}

/* Every byte of FROM's memory is in TO, but for what R lists. HOLES: TO may have more. */
static inline void conv_fix_same(sc_target *from, sc_target *to, const struct sc_convert_result *r,
                                 bool holes) {
    sc_space *a = sc_target_phys(from), *b = sc_target_phys(to);
    uint64_t at = 0, start, size, pages = 0, other = 0;
    for (; sc_space_next(a, at, &start, &size); at = start + size)
        for (uint64_t pa = start; pa < start + size; pa += 0x1000, pages++) {
            uint8_t x[0x1000], y[0x1000];
            assert_int_equal(sc_space_read(a, pa, x, sizeof x, NULL), SC_READ_OK);
            if (sc_space_read(b, pa, y, sizeof y, NULL) != SC_READ_OK)
                fail_msg("page 0x%llx is missing", (unsigned long long)pa);
            for (unsigned i = 0; i < sizeof x; i++)
                if (x[i] != y[i] && !conv_fix_changed(r, pa + i))
                    fail_msg("byte 0x%llx differs", (unsigned long long)pa + i);
        }
    for (at = 0; sc_space_next(b, at, &start, &size); at = start + size)
        other += size / 0x1000;
    assert_true(holes ? other >= pages : other == pages);
    assert_true(r->pages == pages);
}

#endif
