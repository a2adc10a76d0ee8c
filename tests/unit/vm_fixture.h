/* SPDX-License-Identifier: MIT */
/* For tests of containers that virtual machines write: a file in memory and the source opened. */
#ifndef STOPCODE_TESTS_UNIT_VM_FIXTURE_H
#define STOPCODE_TESTS_UNIT_VM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/vec.h"
#include "dump/dump.h"
#include "forge/section.h"

struct opened {
    struct forge_bytes bytes;
    struct sc_source *source;
    struct sc_pages pages; /* opened when first asked for */
};

static inline void opened_close(struct opened *o) {
    if (o->pages.ops)
        o->pages.ops->destroy(o->pages.impl);
    sc_source_destroy(o->source);
    forge_bytes_free(&o->bytes);
    *o = (struct opened){0};
}

/* Finishes F and opens what it made; the error, which is the caller's. */
static inline sc_err *open_forged(struct forge *f, const char *name, struct opened *ret) {
    *ret = (struct opened){0};
    if (!forge_finish(f, &ret->bytes))
        fail_msg("%s", forge_error(f));
    forge_deinit(f);
    sc_file *file = NULL;
    assert_null(sc_file_memory(name, ret->bytes.data, ret->bytes.size, 0, &file));
    return sc_source_open(file, &ret->source);
}

static inline struct opened must_open(struct forge *f) {
    struct opened o;
    sc_err *err = open_forged(f, "machine.bin", &o);
    if (err)
        fail_msg("%s", sc_err_text(err));
    return o;
}

/* Opening fails with CODE, and the text holds WORDS. */
static inline void is_refused(struct forge *f, enum sc_err_code code, const char *words) {
    struct opened o;
    sc_err *err = open_forged(f, "machine.bin", &o);
    assert_non_null(err);
    assert_null(o.source);
    if (!strstr(sc_err_text(err), words))
        fail_msg("'%s' is not in: %s", words, sc_err_text(err));
    assert_int_equal(sc_err_code(err), code);
    sc_err_destroy(err);
    opened_close(&o);
}

static inline const struct sc_pages *pages_of(struct opened *o) {
    if (!o->pages.ops) {
        assert_non_null(o->source->ops->open_pages);
        assert_null(o->source->ops->open_pages(o->source, &o->pages));
    }
    return &o->pages;
}

/* The byte at a physical address; -1 when there is none. */
static inline int byte_at(struct opened *o, uint64_t pa) {
    const struct sc_pages *p = pages_of(o);
    uint8_t b = 0;
    size_t got = 0;
    enum sc_read status = p->ops->read(p->impl, pa, &b, 1, &got);
    assert_int_equal(got, status == SC_READ_OK);
    return status == SC_READ_OK ? b : -1;
}

static inline bool has_note(const struct opened *o, const char *words) {
    for (size_t i = 0; i < o->source->nnotes; i++)
        if (strstr(o->source->notes[i].text, words))
            return true;
    return false;
}

static inline void needs_note(const struct opened *o, const char *words) {
    if (has_note(o, words))
        return;
    for (size_t i = 0; i < o->source->nnotes; i++)
        print_message("note: %s\n", o->source->notes[i].text);
    fail_msg("no note says '%s'", words);
}

static inline uint64_t reg_value(const struct sc_regs *regs, const char *name) {
    uint64_t value = 0;
    if (!sc_regs_get(regs, name, &value))
        fail_msg("the record has no %s", name);
    return value;
}

static inline struct sc_regs regs_of(struct opened *o, uint32_t index) {
    struct sc_regs regs;
    sc_err *err = o->source->ops->load_regs(o->source, index, &regs);
    if (err)
        fail_msg("%s", sc_err_text(err));
    return regs;
}

/* Processor INDEX as the container tells of it. */
static inline struct sc_thread thread_of(struct opened *o, uint32_t index) {
    struct sc_threads threads = {0};
    assert_non_null(o->source->ops->load_threads);
    assert_null(o->source->ops->load_threads(o->source, &threads));
    assert_true(index < threads.count);
    struct sc_thread t = threads.item[index];
    SC_VEC_FREE(&threads);
    return t;
}

#endif
