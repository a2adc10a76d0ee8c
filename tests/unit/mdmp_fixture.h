/* SPDX-License-Identifier: MIT */
/* Opening forged minidumps in unit tests. Include behind cmocka.h. */
#ifndef STOPCODE_TESTS_UNIT_MDMP_FIXTURE_H
#define STOPCODE_TESTS_UNIT_MDMP_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "dump/dump.h"
#include "forge/mdmp.h"
#include "stopcode/minidump.h"

struct opened {
    struct forge_bytes file;
    struct sc_source *source;
    struct sc_modules modules;
    struct sc_unloadeds unloaded;
    struct sc_threads threads;
    struct sc_ranges ranges, phys;
};

/* NULL, or the error of opening SIZE bytes (all of the file for 0). */
static inline sc_err *open_bytes(struct opened *o, size_t size) {
    sc_file *file;
    sc_err *err = sc_file_memory("forged.dmp", o->file.data, size ? size : o->file.size, 0, &file);
    assert_null(err);
    return sc_source_open(file, &o->source);
}

static inline sc_err *open_forged_err(struct opened *o, struct forge_mdmp *m) {
    memset(o, 0, sizeof *o);
    if (!forge_mdmp_build(m, &o->file))
        fail_msg("the forge: %s", m->why);
    return open_bytes(o, 0);
}

static inline void load_all(struct opened *o) {
    const struct sc_source_ops *ops = o->source->ops;
    assert_null(ops->load_modules(o->source, &o->modules));
    assert_null(ops->load_unloaded(o->source, &o->unloaded));
    assert_null(ops->load_threads(o->source, &o->threads));
    assert_null(ops->load_memory(o->source, &o->ranges, &o->phys));
    assert_int_equal(o->phys.count, 0);
}

/* Opens it and loads the lists; the dump must open. */
static inline void open_forged(struct opened *o, struct forge_mdmp *m) {
    sc_err *err = open_forged_err(o, m);
    if (err)
        fail_msg("%s", sc_err_text(err));
    load_all(o);
}

static inline void close_opened(struct opened *o) {
    SC_VEC_FREE(&o->modules);
    SC_VEC_FREE(&o->unloaded);
    SC_VEC_FREE(&o->threads);
    SC_VEC_FREE(&o->ranges);
    SC_VEC_FREE(&o->phys);
    sc_source_destroy(o->source);
    forge_bytes_free(&o->file);
}

/* The note whose text contains PART; NULL if there is none. */
static inline const struct sc_note *find_note(const struct opened *o, const char *part) {
    for (size_t i = 0; i < o->source->nnotes; i++)
        if (strstr(o->source->notes[i].text, part))
            return &o->source->notes[i];
    return NULL;
}

/* A note about OFFSET that contains PART must be there. */
static inline void expect_note(const struct opened *o, uint64_t offset, const char *part) {
    const struct sc_note *note = find_note(o, part);
    if (!note)
        fail_msg("no note with \"%s\"", part);
    else if (note->offset != offset)
        fail_msg("\"%s\" names offset 0x%llx, not 0x%llx", note->text,
                 (unsigned long long)note->offset, (unsigned long long)offset);
}

static inline void expect_no_notes(const struct opened *o) {
    if (o->source->nnotes)
        fail_msg("a note nobody expected: %s", o->source->notes[0].text);
}

/* ERR must be there, of CODE, name OFFSET, and contain PART. Ends it. */
static inline void expect_error(sc_err *err, enum sc_err_code code, uint64_t offset,
                                const char *part) {
    uint64_t at = SC_UNSET64;
    assert_non_null(err);
    if (sc_err_code(err) != code || !strstr(sc_err_text(err), part))
        fail_msg("error %d: %s", sc_err_code(err), sc_err_text(err));
    assert_true(sc_err_offset(err, &at));
    assert_int_equal(at, offset);
    sc_err_destroy(err);
}

/* Where the first stream of TYPE lies. */
static inline uint32_t rva_of(const struct forge_mdmp *m, uint32_t type) {
    const struct forge_mdmp_row *row = forge_mdmp_find(m, type);
    assert_non_null(row);
    return row->rva;
}

#endif
