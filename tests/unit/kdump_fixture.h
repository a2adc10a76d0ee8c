/* SPDX-License-Identifier: MIT */
/* For tests of kernel dumps: a forged scene and the target opened on it. */
#ifndef STOPCODE_TESTS_UNIT_KDUMP_FIXTURE_H
#define STOPCODE_TESTS_UNIT_KDUMP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "forge/scene.h"
#include "stopcode/kdump.h"
#include "stopcode/target.h"

/* A scene, its file and the target opened on it. */
struct world {
    struct forge_scene s;
    struct forge_bytes file;
    sc_target *target;
};

static inline void close_world(struct world *w) {
    sc_target_close(w->target);
    forge_bytes_free(&w->file);
    w->target = NULL;
}

static inline void open_world(struct world *w) {
    assert_true(forge_triage_build(&w->s.t, &w->file));
    sc_err *err = sc_target_open_memory("forged.dmp", w->file.data, w->file.size, NULL, &w->target);
    if (err)
        fail_msg("%s", sc_err_text(err));
}

/* Opens the scene with one field changed. */
static inline void open_patched(struct world *w, enum forge_scene_kind kind, const char *field,
                                uint64_t value) {
    forge_scene_init(&w->s, kind);
    w->s.patch[0] = (struct forge_patch){.name = field, .value = value};
    w->s.t.npatches = 1;
    open_world(w);
}

static inline void open_kind(struct world *w, enum forge_scene_kind kind) {
    forge_scene_init(&w->s, kind);
    open_world(w);
}

static inline const struct sc_source *source(const struct world *w) {
    return sc_target_source(w->target);
}
static inline const struct sc_triage_header *triage(const struct world *w) {
    return sc_triage_header(source(w));
}

static inline const struct sc_modules *modules(struct world *w) {
    const struct sc_modules *list = NULL;
    assert_null(sc_target_modules(w->target, &list));
    return list;
}

static inline const struct sc_unloadeds *unloaded(struct world *w) {
    const struct sc_unloadeds *list = NULL;
    assert_null(sc_target_unloaded(w->target, &list));
    return list;
}

/* Is there a note that says PART? */
static inline bool noted(const struct world *w, const char *part) {
    const struct sc_source *s = source(w);
    for (size_t i = 0; i < s->nnotes; i++)
        if (strstr(s->notes[i].text, part))
            return true;
    return false;
}

static inline void expect_note(const struct world *w, const char *part) {
    if (noted(w, part))
        return;
    for (size_t i = 0; i < source(w)->nnotes; i++)
        print_message("note: %s\n", source(w)->notes[i].text);
    fail_msg("no note says \"%s\"", part);
}

/* LEN bytes at ADDR must be those at DATA. */
static inline void holds(struct world *w, uint64_t addr, const void *data, size_t len) {
    uint8_t buf[0x1000];
    assert_true(len <= sizeof buf);
    if (sc_space_read(sc_target_space(w->target), addr, buf, len, NULL) != SC_READ_OK)
        fail_msg("0x%llx cannot be read", (unsigned long long)addr);
    assert_memory_equal(buf, data, len);
}

static inline void absent(struct world *w, uint64_t addr) {
    uint8_t byte;
    assert_int_equal(sc_space_read(sc_target_space(w->target), addr, &byte, 1, NULL),
                     SC_READ_ABSENT);
}

#endif
