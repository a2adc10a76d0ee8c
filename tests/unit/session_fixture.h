/* SPDX-License-Identifier: MIT */
/*
 * A session on a fake target with its output in memory, for tests of commands: fix_open(),
 * fix_run() a line, compare fix_text(), fix_close().
 */
#ifndef STOPCODE_UNIT_SESSION_FIXTURE_H
#define STOPCODE_UNIT_SESSION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "forge/sink.h"
#include "stopcode/session.h"

enum fix_kind { FIX_NONE, FIX_KERNEL, FIX_USER, FIX_USER32, FIX_LINUX, FIX_KINDS };

struct fix {
    struct sink sink;
    sc_out *out;
    sc_target *target;
    sc_session *s;
};

#define FIX_NT  0xfffff80012300000ULL
#define FIX_DRV 0xfffff80045600000ULL
#define FIX_RIP (FIX_DRV + 0x334c)
#define FIX_APP 0x00400000ULL
#define FIX_TEB 0x00200000ULL
#define FIX_PEB 0x00300000ULL

static const struct sc_module fix_kernel_modules[] = {
    {.base = FIX_NT,
     .size = 0x1000000,
     .name = "nt",
     .image = "ntoskrnl.exe",
     .path = "\\SystemRoot\\system32\\ntoskrnl.exe"},
    {.base = FIX_DRV,
     .size = 0x10000,
     .name = "amdppm",
     .image = "amdppm.sys",
     .path = "\\SystemRoot\\System32\\drivers\\amdppm.sys"},
};
static const struct sc_module fix_user_modules[] = {
    {.base = FIX_APP, .size = 0x10000, .name = "app", .image = "app.exe", .path = "C:\\app.exe"},
};
static const struct sc_thread fix_kernel_threads[] = {
    {.index = 0, .context_off = UINT64_MAX, .thread = 0xffffa00011223344},
    {.index = 1, .context_off = UINT64_MAX},
};
static const struct sc_thread fix_user_threads[] = {
    {.index = 0, .tid = 0xd34, .teb = FIX_TEB, .context_off = UINT64_MAX},
    {.index = 1, .tid = 0xd38, .context_off = UINT64_MAX, .name = "worker"},
};

static inline void fix_put(uint8_t *raw, size_t at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++)
        raw[at + i] = (uint8_t)(value >> 8 * i);
}

/* CONTEXT records with the instruction and stack pointers set, and rcx/ecx 0x55. */
static inline void fix_regs(enum sc_cpu cpu, struct sc_regs *ret) {
    uint8_t raw[SC_CONTEXT_MAX] = {0};
    if (cpu == SC_CPU_X64) {
        fix_put(raw, 0x30, 0x10001f, 4);
        fix_put(raw, 0x80, 0x55, 8);
        fix_put(raw, 0x98, 0xffff888877776660, 8);
        fix_put(raw, 0xf8, FIX_RIP, 8);
    } else {
        fix_put(raw, 0, 0x1001f, 4);
        fix_put(raw, 0xac, 0x55, 4);
        fix_put(raw, 0xb8, FIX_APP + 0x1234, 4);
        fix_put(raw, 0xc4, 0x0019ff00, 4);
    }
    assert_null(sc_regs_init(ret, cpu, raw, sc_context_size(cpu)));
}

static inline struct sc_machine fix_machine(enum fix_kind kind) {
    bool kernel = kind == FIX_KERNEL;
    struct sc_machine m = {
        .cpu = kind == FIX_USER32 ? SC_CPU_X86 : SC_CPU_X64,
        .kernel = kernel,
        .windows = kind != FIX_LINUX,
        .platform = kind == FIX_LINUX ? "Linux" : "Windows",
        .ncpus = 2,
        .major = 10,
        .build = 19041,
        .service_pack = "",
        .time = 132574568951234567,
        .uptime = 6234560000,
        .has_bugcheck = kernel,
        .bugcheck = 0x1000007e,
        .bugcheck_arg = {0xffffffffc0000005, FIX_RIP, 0xffff888877776000, 0xffff888877775000},
        .has_exception = true,
        .exception = {.code = 0xc0000005, .nparams = 2, .param = {0, 0x10}},
        .kernel_base = kernel ? FIX_NT : 0,
        .pid = kernel ? 0 : 0x1a2c,
    };
    m.exception.address = kernel ? FIX_RIP : FIX_APP + 0x1234;
    return m;
}

static inline void fix_target(struct fix *f, enum fix_kind kind) {
    struct sc_machine m = fix_machine(kind);
    struct sc_regs regs;
    fix_regs(m.cpu, &regs);
    uint8_t teb[0x100] = {0};
    fix_put(teb, m.cpu == SC_CPU_X86 ? 0x30 : 0x60, FIX_PEB, m.cpu == SC_CPU_X86 ? 4 : 8);
    struct sc_fake_bytes memory = {FIX_TEB, teb, sizeof teb};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = m.cpu, .kernel = m.kernel, .machine = &m};
    fake.modules = m.kernel ? fix_kernel_modules : fix_user_modules;
    fake.nmodules = m.kernel ? 2 : 1;
    fake.threads = m.kernel ? fix_kernel_threads : fix_user_threads;
    fake.nthreads = 2;
    fake.memory = &memory;
    fake.nmemory = m.kernel ? 0 : 1;
    fake.regs = &regs;
    assert_null(sc_target_fake(&fake, &f->target));
}

/* F must not move afterwards: the output writes into its sink. */
static inline void fix_open_json(struct fix *f, enum fix_kind kind, enum sc_render render) {
    *f = (struct fix){0};
    if (kind != FIX_NONE)
        fix_target(f, kind);
    assert_null(sc_out_create(render, sink_write, &f->sink, false, &f->out));
    assert_null(sc_session_create(f->target, f->out, &f->s));
}

static inline void fix_open(struct fix *f, enum fix_kind kind) {
    fix_open_json(f, kind, SC_RENDER_TEXT);
}

static inline void fix_close(struct fix *f) {
    sc_session_destroy(f->s);
    sc_out_destroy(f->out);
    sc_target_close(f->target);
    sink_free(&f->sink);
}

static inline const char *fix_text(struct fix *f) {
    sc_out_flush(f->out);
    return sink_text(&f->sink);
}

/* Runs LINE and forgets what was printed before; how many commands failed. */
static inline unsigned fix_run(struct fix *f, const char *line) {
    sc_out_flush(f->out);
    sink_clear(&f->sink);
    return sc_session_run(f->s, line);
}

/* LINE must succeed and print exactly TEXT. */
static inline void fix_prints(struct fix *f, const char *line, const char *text) {
    unsigned failed = fix_run(f, line);
    assert_string_equal(fix_text(f), text);
    assert_int_equal(failed, 0);
}

/* One command of LINE must fail, and the output contain TEXT. */
static inline void fix_fails(struct fix *f, const char *line, const char *text) {
    unsigned failed = fix_run(f, line);
    if (!strstr(fix_text(f), text))
        assert_string_equal(fix_text(f), text);
    assert_int_equal(failed, 1);
}

#endif
