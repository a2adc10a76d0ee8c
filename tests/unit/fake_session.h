/* SPDX-License-Identifier: MIT */
/*
 * For tests of commands: a session (times in UTC) on a fake of the test's own making, and one on a
 * corpus file.
 */
#ifndef STOPCODE_UNIT_FAKE_SESSION_H
#define STOPCODE_UNIT_FAKE_SESSION_H

#include <stdio.h>
#include <stdlib.h>

#include "cmd/command.h"
#include "session_fixture.h"

static inline void fake_open(struct fix *f, const struct sc_fake *fake, enum sc_render render) {
    *f = (struct fix){0};
    assert_null(sc_target_fake(fake, &f->target));
    assert_null(sc_out_create(render, sink_write, &f->sink, false, &f->out));
    assert_null(sc_session_create(f->target, f->out, &f->s));
    sc_session_set_tz(f->s, 0);
}

/* A register record of CPU whose ContextFlags claim all groups. */
static inline struct sc_regs full_regs(enum sc_cpu cpu) {
    static const uint32_t flags[] = {[SC_CPU_X86] = 0x1003f,
                                     [SC_CPU_X64] = 0x10001f,
                                     [SC_CPU_ARM] = 0x20000f,
                                     [SC_CPU_ARM64] = 0x40000f};
    uint8_t raw[SC_CONTEXT_MAX] = {0};
    struct sc_regs r;
    memcpy(raw + (cpu == SC_CPU_X64 ? 0x30 : 0), &flags[cpu], 4);
    assert_null(sc_regs_init(&r, cpu, raw, sc_context_size(cpu)));
    return r;
}

static inline void set_reg(struct sc_regs *r, const char *name, uint64_t value) {
    const struct sc_reg *reg = sc_reg_find(r->cpu, name);
    assert_non_null(reg);
    sc_reg_set(r, reg, value);
}

/* The output must contain TEXT. */
static inline void fix_has(struct fix *f, const char *text) {
    if (!strstr(fix_text(f), text))
        assert_string_equal(fix_text(f), text);
}

/* Where corpus file NAME is; false, and says so, when the corpus is not there. */
static inline bool corpus_path(const char *name, char *path, size_t size) {
    static const char *const at[] = {"../shared/corpus", "../../shared/corpus",
                                     "../../../shared/corpus"};
    const char *env = getenv("STOPCODE_CORPUS");
    for (int i = env ? -1 : 0; i < 3; i++) {
        snprintf(path, size, "%s/%s", i < 0 ? env : at[i], name);
        FILE *file = fopen(path, "rb");
        if (!file)
            continue;
        fclose(file);
        return true;
    }
    print_message("SKIP: %s: the corpus is not here (STOPCODE_CORPUS)\n", name);
    return false;
}

/* Opens a corpus file; false, and says so, when the corpus is not there. */
static inline bool corpus_open(struct fix *f, const char *name, enum sc_render render) {
    char path[512];
    *f = (struct fix){0};
    if (!corpus_path(name, path, sizeof path))
        return false;
    assert_null(sc_target_open(path, NULL, &f->target));
    assert_null(sc_out_create(render, sink_write, &f->sink, false, &f->out));
    assert_null(sc_session_create(f->target, f->out, &f->s));
    sc_session_set_tz(f->s, 0);
    return true;
}

#endif
