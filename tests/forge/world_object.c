/* SPDX-License-Identifier: MIT */
/* Processes and threads: what lines say of them, and what every one of them has. */
#include <string.h>

#include "forge/world.h"

enum {
    PROCESS_OBJECT = 3, /* DISPATCHER_HEADER.Type */
    THREAD_OBJECT = 6,
    RUNNING = 2, /* KTHREAD.State */
    WAITING = 5,
};

static const char *const process_type = "_EPROCESS", *const thread_type = "_ETHREAD";

/* A list head or entry that points to itself. */
static void close_list(struct forge_world *w, const char *type, uint64_t addr, const char *path) {
    struct forge_place p;
    if (!forge_world_offset(w, type, path, &p))
        return;
    uint64_t at = addr + p.offset;
    forge_world_put_uint(w, 0, at, w->ptr_size, at);
    forge_world_put_uint(w, 0, at + w->ptr_size, w->ptr_size, at);
}

/* ---- processes ---- */

static bool set_pid(struct forge_world *w, unsigned line, uint64_t addr, uint64_t pid) {
    struct forge_place p;
    return !forge_world_offset(w, process_type, "UniqueProcessId", &p) ||
           forge_world_put_uint(w, line, addr + p.offset, w->ptr_size, pid);
}

static bool set_name(struct forge_world *w, unsigned line, uint64_t addr, const char *name) {
    struct forge_place p;
    uint8_t text[16] = {0};
    if (!forge_world_offset(w, process_type, "ImageFileName", &p))
        return true;
    /* The kernel keeps 14 characters and a NUL. */
    memcpy(text, name, strlen(name) < 14 ? strlen(name) : 14);
    return forge_world_put(w, line, addr + p.offset, text, 15);
}

/* The executable, as the file system has it. */
static const char *image_path(const struct forge_world *w, uint64_t process, const char *name) {
    for (size_t i = 0; i < w->modules.count; i++) {
        const struct forge_wmodule *m = &w->modules.item[i];
        const char *dot = strrchr(m->image, '.');
        if (m->scn->process == process && dot && !strcmp(dot, ".exe") && m->path[0] &&
            m->path[1] == ':')
            return forge_pool_printf(w->pool, "\\Device\\HarddiskVolume2%s", m->path + 2);
    }
    return forge_pool_printf(w->pool, "\\Device\\HarddiskVolume2\\Windows\\System32\\%s", name);
}

/* OBJECT_NAME_INFORMATION: a UNICODE_STRING, its text behind it. */
static void put_path(struct forge_world *w, uint64_t process, const char *name) {
    struct forge_place p;
    size_t size;
    if (!forge_world_offset(w, process_type, "SeAuditProcessCreationInfo", &p))
        return;
    const uint8_t *text = forge_world_utf16(w, image_path(w, process, name), &size);
    uint64_t at = forge_world_spare(w, 2 * w->ptr_size + size + 2, 16);
    forge_world_put(w, 0, at + 2 * w->ptr_size, text, size);
    forge_world_put_uint(w, 0, at, 2, size);
    forge_world_put_uint(w, 0, at + 2, 2, size + 2);
    forge_world_put_uint(w, 0, at + w->ptr_size, w->ptr_size, at + 2 * w->ptr_size);
    forge_world_put_uint(w, 0, process + p.offset, w->ptr_size, at);
}

/* When the N-th of something was created: one a second from the start on. */
static uint64_t time_of(const struct forge_world *w, size_t n) {
    return w->s->time ? w->s->time - w->s->uptime + n * 10000000 : 0;
}

/* What readers of whole memory go by to tell a process from something that looks like one. */
static void live(struct forge_world *w, uint64_t addr, const char *name, size_t n) {
    forge_world_set(w, process_type, addr, "ExitStatus", 0x103); /* STATUS_PENDING */
    forge_world_set(w, process_type, addr, "CreateTime", time_of(w, n));
    if (name && strcmp(name, "System") != 0)
        put_path(w, addr, name);
}

static bool make_process(struct forge_world *w, unsigned line, uint64_t addr, const char *name,
                         uint64_t pid) {
    if (!forge_world_struct(w, line, process_type, addr) ||
        (name && !set_name(w, line, addr, name)) || !set_pid(w, line, addr, pid))
        return false;
    forge_world_set(w, process_type, addr, "Pcb.Header.Type", PROCESS_OBJECT);
    forge_world_set(w, process_type, addr, "Pcb.Header.Size",
                    forge_world_sizeof(w, "_KPROCESS") / 4);
    forge_world_set(w, process_type, addr, "Pcb.DirectoryTableBase", w->is32 ? 0x185000 : 0x187000);
    close_list(w, process_type, addr, "Pcb.Header.WaitListHead");
    close_list(w, process_type, addr, "Pcb.ThreadListHead");
    close_list(w, process_type, addr, "ThreadListHead");
    return true;
}

static bool make_processes(struct forge_world *w) {
    for (size_t i = 0; i < w->s->processes.count; i++) {
        const struct forge_scn_process *p = &w->s->processes.item[i];
        const struct forge_scn_process *before = forge_world_process_at(w, p->address);
        if (before != p)
            return forge_wrong(w->s, p->line, "process: one is there already, in line %u",
                               before->line);
        if (!make_process(w, p->line, p->address, p->name, p->pid) ||
            !forge_world_members(w, process_type, p->address, &p->member))
            return false;
        if (w->whole)
            live(w, p->address, p->name, i);
    }
    if (w->s->processes.count)
        w->process = w->s->processes.item[0].address;
    /* Nobody spoke of the System process: a triage dump does without, a machine does not. */
    for (size_t i = 0; i < w->processes.count; i++) {
        struct forge_wprocess *p = &w->processes.item[i];
        if (p->scn)
            continue;
        p->address =
            w->whole ? forge_world_body(w, forge_world_sizeof(w, process_type), "Process", "Proc")
                     : forge_world_spare(w, forge_world_sizeof(w, process_type), 16);
        if (!make_process(w, 0, p->address, "System", 4))
            return false;
        if (w->whole)
            live(w, p->address, "System", 0);
        if (w->s->processes.count)
            w->system = p->address;
        else
            w->process = p->address;
    }
    return true;
}

/* ---- threads ---- */

static uint64_t process_of(const struct forge_world *w, const struct forge_scn_thread *t) {
    if (t->has_process)
        return t->process;
    const struct forge_scn_process *p = t->has_cid ? forge_world_process_of_id(w, t->pid) : NULL;
    return p ? p->address : w->process;
}

/* Numbers that a line gave: they must not contradict its member=value words. */
static bool say(struct forge_world *w, unsigned line, uint64_t addr, const char *path,
                uint64_t value) {
    struct forge_place p;
    return !forge_world_offset(w, thread_type, path, &p) ||
           forge_world_put_uint(w, line, addr + p.offset, w->ptr_size, value);
}

static void plain_thread(struct forge_world *w, uint64_t addr, uint64_t process, unsigned state) {
    struct forge_place p;
    forge_world_set(w, thread_type, addr, "Tcb.Header.Type", THREAD_OBJECT);
    forge_world_set(w, thread_type, addr, "Tcb.Header.Size", forge_world_sizeof(w, "_KTHREAD") / 4);
    forge_world_set(w, thread_type, addr, "Tcb.State", state);
    forge_world_set(w, thread_type, addr, "Tcb.Process", process);
    forge_world_set(w, thread_type, addr, "ThreadsProcess", process);
    forge_world_set(w, thread_type, addr, "Tcb.Priority", 8);
    forge_world_set(w, thread_type, addr, "Tcb.BasePriority", 8);
    forge_world_set(w, thread_type, addr, "Tcb.KernelStackResident", 1);
    forge_world_set(w, thread_type, addr, "Tcb.EnableStackSwap", 1);
    forge_world_set(w, thread_type, addr, "Tcb.NextProcessor", w->s->cpu.current);
    if (forge_world_offset(w, thread_type, "Tcb.ApcState", &p)) {
        uint64_t apc = addr + p.offset;
        forge_world_set(w, "_KAPC_STATE", apc, "Process", process);
        close_list(w, "_KAPC_STATE", apc, "ApcListHead[0]");
        close_list(w, "_KAPC_STATE", apc, "ApcListHead[1]");
    }
    close_list(w, thread_type, addr, "Tcb.Header.WaitListHead");
    close_list(w, thread_type, addr, "Tcb.MutantListHead");
    close_list(w, thread_type, addr, "IrpList");
}

/* Where a thread that waits stands: the context switch left a frame, KSWITCH_FRAME, below it. */
static bool put_switch(struct forge_world *w, unsigned line, const struct forge_wstack *s,
                       uint64_t *ret_current) {
    uint64_t size = w->is32 ? 0xc : 0x40;
    *ret_current = s->fit.sp - size;
    forge_memmap_fill(&w->mem, *ret_current, size);
    if (w->is32) /* nt!KiSwapContext keeps ebp below the registers that it pushed */
        forge_world_put_uint(w, 0, s->fit.sp, 4, s->fit.fp);
    return forge_world_put_uint(w, line, s->fit.sp - w->ptr_size, w->ptr_size, s->fit.ip[0]);
}

/* Where a thread waits it stands on its own stack; where it runs, on any: an exception's, a DPC's.
 */
static bool stands_on(const struct forge_wstack *s, uint64_t limit, uint64_t base, bool current) {
    bool on = s->fit.sp >= limit && s->fit.sp < base;
    for (size_t i = 0; current && !on && i < s->frames.count; i++)
        on = s->frames.item[i].has_sp && s->frames.item[i].sp >= limit &&
             s->frames.item[i].sp < base;
    return on;
}

static bool put_stack_bounds(struct forge_world *w, const struct forge_scn_thread *t, uint64_t addr,
                             const struct forge_wstack *s, bool current, bool running) {
    unsigned line = t->has_stack ? t->line : 0;
    bool in_user = s && running && forge_world_is_user(w, s->fit.sp);
    uint64_t high = in_user ? 0 : s ? s->fit.high : current ? sc_regs_sp(&w->regs) : 0;
    uint64_t kernel_stack = t->stack_current;
    uint64_t base = t->has_stack ? t->stack_base
                    : high       ? (high + 0xfff) & ~(uint64_t)0xfff
                                 : forge_world_spare(w, 0x6000, 0x1000) + 0x6000;
    uint64_t limit = t->has_stack ? t->stack_limit : base - (w->is32 ? 0x3000 : 0x6000);
    uint64_t init = t->has_init ? t->stack_init : base - (w->is32 ? 0x10 : 0x30);
    if (s && !in_user && !stands_on(s, limit, base, running))
        return forge_wrong(w->s, t->line,
                           "thread: the stack in line %u (%llx) does not lie between limit and "
                           "base",
                           s->scn->line, (unsigned long long)s->fit.sp);
    if (s && !running) {
        uint64_t here;
        if (!put_switch(w, s->scn->line, s, &here))
            return false;
        kernel_stack = t->has_current ? kernel_stack : here;
    }
    if (!kernel_stack)
        kernel_stack = init;
    if (!s && !current && kernel_stack >= limit && kernel_stack < base)
        forge_memmap_fill(&w->mem, kernel_stack, base - kernel_stack);
    return say(w, line, addr, "Tcb.StackBase", base) &&
           say(w, line, addr, "Tcb.StackLimit", limit) &&
           say(w, t->has_init ? line : 0, addr, "Tcb.InitialStack", init) &&
           say(w, t->has_current ? line : 0, addr, "Tcb.KernelStack", kernel_stack);
}

static bool make_thread(struct forge_world *w, const struct forge_scn_thread *t, uint64_t addr,
                        bool current) {
    uint64_t process = process_of(w, t), start = 0;
    unsigned processor;
    bool running = current || forge_world_runs(w, addr, &processor);
    uint64_t pid =
        t->has_cid ? t->pid : forge_world_read(w, process_type, process, "UniqueProcessId");
    if (!forge_world_struct(w, t->line, thread_type, addr) ||
        !forge_world_members(w, thread_type, addr, &t->member) ||
        (t->start.text && !forge_world_eval(w, t->line, t->start.text, &start, NULL)))
        return false;
    if (!say(w, t->has_cid ? t->line : 0, addr, "Cid.UniqueProcess", pid) ||
        !say(w, t->has_cid ? t->line : 0, addr, "Cid.UniqueThread", t->has_cid ? t->tid : 8) ||
        !put_stack_bounds(w, t, addr, forge_world_stack_of(w, t, current), current, running))
        return false;
    if (t->start.text && (!say(w, t->line, addr, "StartAddress", start) ||
                          !say(w, t->line, addr, "Win32StartAddress", start)))
        return false;
    if (t->teb && !say(w, t->line, addr, "Tcb.Teb", t->teb))
        return false;
    plain_thread(w, addr, process, running ? RUNNING : WAITING);
    return true;
}

static void add_body(struct forge_world *w, uint64_t addr, const char *type, const char *kind,
                     const char *tag) {
    *FORGE_PUSH(w->pool, &w->bodies) =
        (struct forge_wbody){addr, kind, forge_world_sizeof(w, type), tag};
}

/* Times, numbers of threads, and that all of them are objects. */
static void count_all(struct forge_world *w) {
    unsigned shift = w->s->os.build < 6000 ? 3 : 0; /* up to 2003 three flags stand below */
    for (size_t i = 0; i < w->s->processes.count; i++)
        add_body(w, w->s->processes.item[i].address, process_type, "Process", "Proc");
    for (size_t i = 0; i < w->s->threads.count; i++) {
        uint64_t at = w->s->threads.item[i].address;
        add_body(w, at, thread_type, "Thread", "Thre");
        forge_world_set(w, thread_type, at, "CreateTime", time_of(w, 100 + i) << shift);
    }
    if (!w->s->threads.count)
        forge_world_set(w, thread_type, w->thread, "CreateTime", time_of(w, 100) << shift);
    for (size_t i = 0; i < w->processes.count; i++) {
        uint64_t at = w->processes.item[i].address, n = !w->s->threads.count && at == w->process;
        for (size_t k = 0; k < w->s->threads.count; k++)
            n += process_of(w, &w->s->threads.item[k]) == at;
        forge_world_set(w, process_type, at, "ActiveThreads", n);
    }
}

bool forge_world_objects(struct forge_world *w) {
    static const struct forge_scn_thread made_up = {0};
    if (!make_processes(w))
        return false;
    for (size_t i = 0; i < w->s->threads.count; i++) {
        const struct forge_scn_thread *t = &w->s->threads.item[i];
        const struct forge_scn_thread *before = forge_world_thread_at(w, t->address);
        if (before != t)
            return forge_wrong(w->s, t->line, "thread: one is there already, in line %u",
                               before->line);
        if (!make_thread(w, t, t->address, i == 0))
            return false;
    }
    for (size_t i = 0; i < w->stacks.count; i++) {
        const struct forge_scn_stack *s = w->stacks.item[i].scn;
        const struct forge_scn_thread *t = forge_world_thread_of(w, s);
        bool first = t == w->s->threads.item;
        if (s->of == FORGE_STACK_THREAD &&
            (!t || forge_world_stack_of(w, t, first) != &w->stacks.item[i]))
            return forge_wrong(w->s, s->line, "stack: no line describes the thread %llx",
                               (unsigned long long)s->thread);
    }
    if (w->s->threads.count) {
        w->thread = w->s->threads.item[0].address;
        w->process = process_of(w, &w->s->threads.item[0]);
    } else {
        uint32_t size = forge_world_sizeof(w, thread_type);
        w->thread =
            w->whole ? forge_world_body(w, size, "Thread", "Thre") : forge_world_spare(w, size, 16);
        if (!make_thread(w, &made_up, w->thread, true))
            return false;
    }
    w->dtb = forge_world_read(w, process_type, w->process, "Pcb.DirectoryTableBase");
    if (w->whole)
        count_all(w);
    return !forge_is_wrong(w->s);
}

/* ---- lists ---- */

void forge_world_link(struct forge_world *w, uint64_t head, const uint64_t *object, size_t n,
                      uint32_t offset) {
    uint64_t before = head;
    for (size_t i = 0; i <= n; i++) {
        uint64_t here = i < n ? object[i] + offset : head;
        forge_world_put_uint(w, 0, before, w->ptr_size, here);
        forge_world_put_uint(w, 0, here + w->ptr_size, w->ptr_size, before);
        before = here;
    }
}

/* The threads of a process in one of its two lists. */
static void link_threads(struct forge_world *w, uint64_t process, const char *head,
                         const char *entry) {
    struct forge_place at, in;
    size_t n = 0;
    uint64_t *object = forge_pool_get(w->pool, (w->s->threads.count + 1) * sizeof *object);
    if (!forge_world_offset(w, process_type, head, &at) ||
        !forge_world_offset(w, thread_type, entry, &in))
        return;
    for (size_t i = 0; i < w->s->threads.count; i++)
        if (process_of(w, &w->s->threads.item[i]) == process)
            object[n++] = w->s->threads.item[i].address;
    if (!w->s->threads.count)
        object[n++] = w->thread;
    forge_world_link(w, process + at.offset, object, n, in.offset);
}

void forge_world_links(struct forge_world *w) {
    const struct forge_wsymbol *head = forge_world_symbol(w, w->nt, "PsActiveProcessHead");
    size_t n = w->s->processes.count;
    struct forge_place links;
    uint64_t *object = forge_pool_get(w->pool, (n + 2) * sizeof *object);
    for (size_t i = 0; i < n; i++)
        object[i] = w->s->processes.item[i].address;
    if (!n)
        object[n++] = w->process;
    object[n] = w->system;
    if (head && forge_world_offset(w, process_type, "ActiveProcessLinks", &links))
        forge_world_link(w, head->addr, object, n + (w->system != 0), links.offset);
    for (size_t i = 0; i < n; i++) {
        link_threads(w, object[i], "Pcb.ThreadListHead", "Tcb.ThreadListEntry");
        link_threads(w, object[i], "ThreadListHead", "ThreadListEntry");
    }
}
