/* SPDX-License-Identifier: MIT */
/* The world as a user minidump: modules, threads with their stacks, memory, the exception. */
#include <string.h>

#include "forge/mdmp.h"
#include "forge/world.h"

struct minidump {
    struct forge_world *w;
    struct forge_mdmp m;
    struct forge_mdmp_exception exception;
    struct forge_mdmp_misc misc;
    FORGE_LIST(forge_mdmp_module) modules;
    FORGE_LIST(forge_mdmp_unloaded) unloaded;
    FORGE_LIST(forge_mdmp_thread) threads;
    FORGE_LIST(forge_mdmp_memory) memory;
};

static const void *copy(struct forge_world *w, uint64_t addr, uint64_t size) {
    uint8_t *data = forge_pool_get(w->pool, (size_t)size);
    forge_memmap_get(&w->mem, addr, data, (size_t)size);
    return data;
}

static void put_modules(struct minidump *d) {
    for (size_t i = 0; i < d->w->modules.count; i++) {
        const struct forge_wmodule *m = &d->w->modules.item[i];
        struct forge_mdmp_module *to = FORGE_PUSH(d->w->pool, &d->modules);
        *to = (struct forge_mdmp_module){.base = m->base,
                                         .size = (uint32_t)m->size,
                                         .checksum = m->checksum,
                                         .timestamp = m->stamp,
                                         .path = m->path,
                                         .age = m->age};
        memcpy(to->version, m->scn->version, sizeof to->version);
        if (m->scn->symbols != FORGE_SYMBOLS_NONE && m->scn->symbols != FORGE_SYMBOLS_EXPORTS)
            to->pdb = m->pdb;
        else
            to->pdb = m->scn->pdb;
        memcpy(to->guid, m->guid, sizeof to->guid);
    }
    for (size_t i = 0; i < d->w->s->unloaded.count; i++) {
        const struct forge_scn_unloaded *u = &d->w->s->unloaded.item[i];
        *FORGE_PUSH(d->w->pool, &d->unloaded) = (struct forge_mdmp_unloaded){
            .base = u->start, .size = (uint32_t)(u->end - u->start), .name = u->name};
    }
    d->m.modules = d->modules.item;
    d->m.nmodules = d->modules.count;
    d->m.unloaded = d->unloaded.item;
    d->m.nunloaded = d->unloaded.count;
}

/* The context of a thread that is not the current one: where its stack's listing begins. */
static const void *context_of(struct forge_world *w, const struct forge_wstack *s) {
    struct sc_regs *r = forge_pool_get(w->pool, sizeof *r);
    *r = w->regs;
    if (!s)
        return r->raw;
    const struct {
        const char *name;
        uint64_t value;
    } set[] = {{w->is32 ? "eip" : "rip", s->fit.ip[0]},
               {w->is32 ? "esp" : "rsp", s->fit.sp},
               {w->is32 ? "ebp" : "rbp", s->fit.fp}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        sc_reg_set(r, sc_reg_find(w->cpu, set[i].name), set[i].value);
    return r->raw;
}

static const struct forge_wstack *stack_of(const struct forge_world *w,
                                           const struct forge_scn_thread *t, size_t index) {
    for (size_t i = 0; i < w->stacks.count; i++) {
        const struct forge_wstack *s = &w->stacks.item[i];
        if (s->scn->of == FORGE_STACK_THREAD
                ? t && (s->scn->thread == t->address || (t->has_cid && s->scn->thread == t->tid))
                : s->scn->of == FORGE_STACK_CURRENT && index == 0)
            return s;
    }
    return NULL;
}

/* A thread; T NULL: the scenario names none, so there is the current one. */
static bool put_thread(struct minidump *d, const struct forge_scn_thread *t, size_t index) {
    struct forge_world *w = d->w;
    const struct forge_wstack *s = stack_of(w, t, index);
    struct forge_mdmp_thread *to = FORGE_PUSH(w->pool, &d->threads);
    uint64_t sp = s ? s->fit.sp : index ? 0 : sc_regs_sp(&w->regs), start, size;
    to->tid = t && t->has_cid ? (uint32_t)t->tid : t ? (uint32_t)t->address : 1;
    to->teb = t ? (t->teb ? t->teb : t->has_cid ? t->address : 0) : 0;
    to->name = t ? t->name : NULL;
    to->context = index ? context_of(w, s) : w->regs.raw;
    to->context_size = w->regs.size;
    if (sp && forge_memmap_run(&w->mem, sp, &start, &size) && start == sp && size <= 1 << 20) {
        to->stack = sp;
        to->stack_size = (uint32_t)size;
        to->stack_data = copy(w, sp, size);
    }
    if (index && !s)
        return forge_wrong(w->s, t->line,
                           "thread: nothing says where it is: write  stack thread %llx … end",
                           (unsigned long long)t->address);
    return true;
}

/* `thread` lines of a process: the members are those of its TEB. */
static bool put_threads(struct minidump *d) {
    struct forge_world *w = d->w;
    for (size_t i = 0; i < w->s->threads.count; i++)
        if (!put_thread(d, &w->s->threads.item[i], i))
            return false;
    if (!w->s->threads.count && !put_thread(d, NULL, 0))
        return false;
    d->m.threads = d->threads.item;
    d->m.nthreads = d->threads.count;
    return true;
}

static const void *stack_at(const struct minidump *d, uint64_t addr) {
    for (size_t i = 0; i < d->threads.count; i++)
        if (d->threads.item[i].stack_data && d->threads.item[i].stack == addr)
            return d->threads.item[i].stack_data;
    return NULL;
}

/* All memory, the stacks, too: Windows lists them twice, and some readers look in one list only. */
static void put_memory(struct minidump *d) {
    uint64_t at = 0, addr, size;
    while (forge_memmap_run(&d->w->mem, at, &addr, &size)) {
        const void *bytes = stack_at(d, addr);
        *FORGE_PUSH(d->w->pool, &d->memory) =
            (struct forge_mdmp_memory){addr, bytes ? bytes : copy(d->w, addr, size), size};
        at = addr + size;
        if (!at)
            break;
    }
    d->m.memory = d->memory.item;
    d->m.nmemory = d->memory.count;
}

static bool put_exception(struct minidump *d) {
    struct forge_world *w = d->w;
    const struct forge_scn_exception *e = &w->s->exception;
    if (!e->line)
        return true;
    d->exception = (struct forge_mdmp_exception){.tid = d->threads.item[0].tid,
                                                 .code = (uint32_t)e->code,
                                                 .flags = (uint32_t)e->flags,
                                                 .nparams = (uint32_t)e->nparams,
                                                 .context = w->regs.raw,
                                                 .context_size = w->regs.size};
    if (!forge_world_eval(w, e->line, e->address.text, &d->exception.address, NULL))
        return false;
    for (size_t i = 0; i < e->nparams; i++)
        if (!forge_world_eval(w, e->line, e->param[i].text, &d->exception.param[i], NULL))
            return false;
    d->m.exception = &d->exception;
    return true;
}

/* Version numbers of a build. */
static void put_system(struct minidump *d) {
    const struct forge_scenario *s = d->w->s;
    static const struct {
        uint16_t build;
        uint8_t major, minor;
    } versions[] = {{10240, 10, 0}, {9600, 6, 3}, {9200, 6, 2}, {7600, 6, 1},
                    {6000, 6, 0},   {3790, 5, 2}, {2600, 5, 1}, {0, 5, 0}};
    struct forge_mdmp *m = &d->m;
    size_t i = 0;
    while (versions[i].build > s->os.build)
        i++;
    m->arch = d->w->cpu == SC_CPU_X86   ? FORGE_X86
              : d->w->cpu == SC_CPU_X64 ? FORGE_AMD64
                                        : FORGE_ARM64;
    m->ncpus = (uint8_t)d->w->ncpus;
    m->product_type = (uint8_t)(s->os.product ? s->os.product : 1);
    m->major = versions[i].major;
    m->minor = versions[i].minor;
    m->build = s->os.build;
    m->suite_mask = 0x100;
    if (s->os.sp)
        m->csd = forge_pool_printf(d->w->pool, "Service Pack %u", s->os.sp);
    if (s->cpu.vendor)
        memcpy(m->vendor, s->cpu.vendor, strlen(s->cpu.vendor));
    if (s->time)
        m->timestamp = (uint32_t)(s->time / 10000000 - 11644473600);
    d->misc = (struct forge_mdmp_misc){.size = 0x18, .flags = 1, .pid = 4};
    if (s->processes.count)
        d->misc.pid = (uint32_t)s->processes.item[0].pid;
    else if (s->threads.count && s->threads.item[0].has_cid)
        d->misc.pid = (uint32_t)s->threads.item[0].pid;
    if (s->time && s->uptime) {
        d->misc.flags |= 2;
        d->misc.create_time = (uint32_t)((s->time - s->uptime) / 10000000 - 11644473600);
    }
    m->misc = &d->misc;
    m->comment_a = s->comment;
}

bool forge_world_minidump(struct forge_world *w, struct forge_output *out) {
    struct minidump d = {.w = w};
    put_system(&d);
    put_modules(&d);
    if (!put_threads(&d) || !put_exception(&d))
        return false;
    put_memory(&d);
    return forge_mdmp_build(&d.m, &out->dump) ||
           forge_wrong(w->s, w->s->dump_line, "the minidump could not be made: %s", d.m.why);
}
