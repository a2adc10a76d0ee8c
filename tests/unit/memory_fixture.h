/* SPDX-License-Identifier: MIT */
/*
 * For tests of commands that look at memory: a session on a fake target, 32- or 64-bit, whose
 * memory is given as pieces, with one module.
 */
#ifndef STOPCODE_UNIT_MEMORY_FIXTURE_H
#define STOPCODE_UNIT_MEMORY_FIXTURE_H

#include "fake_session.h"

#define MEM_MODULE64 0xfffff88004a00000ULL
#define MEM_MODULE32 0x00400000ULL

static inline void mem_open_as(struct fix *f, enum sc_cpu cpu, bool kernel,
                               const struct sc_fake_bytes *memory, size_t nmemory,
                               enum sc_render render) {
    bool wide = cpu == SC_CPU_X64;
    struct sc_module module = {.base = wide ? MEM_MODULE64 : MEM_MODULE32,
                               .size = 0x1000,
                               .timestamp = 0x4a5bc000,
                               .name = "myfault",
                               .image = "myfault.sys",
                               .path = "\\drivers\\myfault.sys"};
    struct sc_regs regs = full_regs(cpu);
    struct sc_thread thread = {.index = 0, .tid = 0x10, .teb = 0x7000, .context_off = SC_UNSET64};
    set_reg(&regs, wide ? "rsp" : "esp", 0x1000);
    set_reg(&regs, wide ? "rip" : "eip", 0x1010);
    struct sc_machine m = {.cpu = cpu,
                           .kernel = kernel,
                           .windows = true,
                           .platform = "Windows",
                           .ncpus = 1,
                           .service_pack = ""};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = cpu, .kernel = kernel, .machine = &m};
    fake.modules = &module;
    fake.nmodules = 1;
    fake.threads = &thread;
    fake.nthreads = 1;
    fake.memory = memory;
    fake.nmemory = nmemory;
    fake.regs = &regs;
    fake_open(f, &fake, render);
}

static inline void mem_open(struct fix *f, enum sc_cpu cpu, const struct sc_fake_bytes *memory,
                            size_t nmemory) {
    mem_open_as(f, cpu, true, memory, nmemory, SC_RENDER_TEXT);
}

#endif
