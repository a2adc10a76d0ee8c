/* SPDX-License-Identifier: MIT */
/*
 * Cases for the analysis: a kernel's or a process's dump that exists nowhere, with a kernel, a
 * third-party driver, a framework and an inbox driver, to which a test adds what it is about.
 *
 *     struct acase c;
 *     case_kernel(&c, 0xd1, ADDR, 2, 0, BAD + 0x10);
 *     case_run(&c);
 *     … c.a …
 *     case_end(&c);
 */
#ifndef STOPCODE_UNIT_ANALYZE_FIXTURE_H
#define STOPCODE_UNIT_ANALYZE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "stopcode/finding.h"

#define NT    0xfffff80000000000ULL
#define BAD   0xfffff80001000000ULL /* baddrv.sys: nobody knows it */
#define WDF   0xfffff80002000000ULL /* Wdf01000.sys: a framework */
#define AMD   0xfffff80003000000ULL /* amdppm.sys: comes with Windows */
#define GONE  0xfffff80004000000ULL /* where unloaded drivers were */
#define DATA  0xffffa00000001000ULL /* memory of the dump */
#define POOL  0xffffa00000777000ULL /* an address that is nowhere */
#define APP   0x140000000ULL
#define NTDLL 0x7ffe00000000ULL

struct acase {
    struct sc_machine machine;
    struct sc_module module[8];
    struct sc_unloaded unloaded[4];
    struct sc_fake_bytes memory;
    uint8_t bytes[0x1000]; /* at DATA */
    struct sc_regs regs;
    struct sc_fake fake;
    sc_target *target;
    struct sc_analysis *a;
};

static inline void put(uint8_t *at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static inline void case_module(struct acase *c, uint64_t base, const char *name,
                               const char *image) {
    c->module[c->fake.nmodules++] = (struct sc_module){.base = base,
                                                       .size = 0x100000,
                                                       .name = name,
                                                       .image = image,
                                                       .path = image,
                                                       .record = 0x1000 + 0x10 * c->fake.nmodules};
}

static inline void case_init(struct acase *c, enum sc_cpu cpu, bool kernel) {
    memset(c, 0, sizeof *c);
    c->machine = (struct sc_machine){.cpu = cpu,
                                     .kernel = kernel,
                                     .windows = true,
                                     .platform = "Windows",
                                     .ncpus = 1,
                                     .major = 10,
                                     .build = 19041,
                                     .service_pack = "",
                                     .uptime = SC_UNSET64};
    c->fake = (struct sc_fake){.sz = sizeof c->fake, .cpu = cpu, .kernel = kernel};
    c->memory = (struct sc_fake_bytes){DATA, c->bytes, sizeof c->bytes};
}

static inline void case_kernel(struct acase *c, uint32_t code, uint64_t p1, uint64_t p2,
                               uint64_t p3, uint64_t p4) {
    case_init(c, SC_CPU_X64, true);
    case_module(c, NT, "nt", "ntoskrnl.exe");
    case_module(c, BAD, "baddrv", "baddrv.sys");
    case_module(c, WDF, "Wdf01000", "Wdf01000.sys");
    case_module(c, AMD, "amdppm", "amdppm.sys");
    c->machine.has_bugcheck = true;
    c->machine.bugcheck = code;
    c->machine.bugcheck_arg[0] = p1;
    c->machine.bugcheck_arg[1] = p2;
    c->machine.bugcheck_arg[2] = p3;
    c->machine.bugcheck_arg[3] = p4;
}

static inline void case_user(struct acase *c, uint32_t code, uint64_t address, uint32_t nparams,
                             uint64_t p0, uint64_t p1) {
    case_init(c, SC_CPU_X64, false);
    case_module(c, APP, "app", "app.exe");
    case_module(c, NTDLL, "ntdll", "ntdll.dll");
    c->machine.has_exception = code != 0;
    c->machine.exception = (struct sc_exception){
        .code = code, .address = address, .nparams = nparams, .param = {p0, p1}};
}

static inline void case_gone(struct acase *c, uint64_t base, const char *name) {
    c->unloaded[c->fake.nunloaded++] =
        (struct sc_unloaded){.base = base, .size = 0x10000, .name = name, .record = 0x2000};
}

/* An x64 CONTEXT with RIP, all other registers a plain kernel address. */
static inline void case_context(uint8_t raw[SC_CONTEXT_MAX], uint64_t rip) {
    memset(raw, 0, SC_CONTEXT_MAX);
    put(raw + 0x30, 0x10001f, 4);
    for (size_t at = 0x78; at < 0xf8; at += 8)
        put(raw + at, 0xffffa00000555000ULL, 8);
    put(raw + 0xf8, rip, 8);
}

static inline void case_regs(struct acase *c, uint64_t rip) {
    uint8_t raw[SC_CONTEXT_MAX];
    case_context(raw, rip);
    assert_null(sc_regs_init(&c->regs, SC_CPU_X64, raw, sizeof raw));
    c->fake.regs = &c->regs;
}

/* An EXCEPTION_RECORD64 at OFFSET of the memory; returns its address. */
static inline uint64_t case_exception(struct acase *c, size_t offset, uint32_t code,
                                      uint64_t address, uint64_t p0, uint64_t p1) {
    uint8_t *at = c->bytes + offset;
    put(at, code, 4);
    put(at + 0x10, address, 8);
    put(at + 0x18, 2, 4);
    put(at + 0x20, p0, 8);
    put(at + 0x28, p1, 8);
    return DATA + offset;
}

static inline void case_run(struct acase *c) {
    c->fake.machine = &c->machine;
    c->fake.modules = c->module;
    c->fake.unloaded = c->unloaded;
    c->fake.memory = &c->memory;
    c->fake.nmemory = 1;
    assert_null(sc_target_fake(&c->fake, &c->target));
    assert_null(sc_analyze(c->target, &c->a));
    assert_non_null(c->a->bucket);
    assert_true(c->a->nfindings > 0);
}

static inline void case_end(struct acase *c) {
    sc_analysis_destroy(c->a);
    sc_target_close(c->target);
}

static inline const struct sc_finding *found(const struct sc_analysis *a, const char *rule) {
    for (size_t i = 0; i < a->nfindings; i++)
        if (strcmp(a->findings[i].rule, rule) == 0)
            return &a->findings[i];
    return NULL;
}

/* The first piece of evidence whose command is COMMAND; NULL when none is. */
static inline const struct sc_evidence *shown_by(const struct sc_finding *f, const char *command) {
    for (size_t i = 0; i < f->nevidence; i++)
        if (strcmp(f->evidence[i].command, command) == 0)
            return &f->evidence[i];
    return NULL;
}

static inline bool claims(const struct sc_finding *f, const char *part) {
    for (size_t i = 0; i < f->nevidence; i++)
        if (strstr(f->evidence[i].claim, part))
            return true;
    return false;
}

static inline bool speaks_against(const struct sc_finding *f) {
    for (size_t i = 0; i < f->nevidence; i++)
        if (f->evidence[i].against)
            return true;
    return false;
}

/* Opens a file of the corpus, or skips the test aloud. */
static inline sc_target *open_corpus(const char *name) {
    static const char *const places[] = {NULL, "../shared/corpus", "../../shared/corpus",
                                         "../../../shared/corpus", "../../../../shared/corpus"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *folder = i ? places[i] : getenv("STOPCODE_CORPUS");
        char path[1024];
        if (!folder)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        sc_target *target;
        if (access(path, R_OK) == 0) {
            assert_null(sc_target_open(path, NULL, &target));
            return target;
        }
    }
    print_message("SKIPPED: %s: the corpus is not here (set STOPCODE_CORPUS)\n", name);
    skip();
    return NULL;
}

#endif
