/* SPDX-License-Identifier: MIT */
/*
 * Current threads, and the registers of threads that do not run.
 *
 * A context switch leaves on the stack of the thread, from KTHREAD.KernelStack on:
 *
 *   x64   +0x30 rbp   +0x38 return address (in nt!KiSwapContext)   +0x40 the stack behind it
 *   x86   +0x08 return address   +0x0c the stack behind it, whose first word is the frame pointer
 *
 * Sources: published stacks of waiting threads, whose first frame lies 0x40 above "Current";
 * ReactOS for x86. Of ARM64 the offsets are not known.
 */
#include "nt/current.h"

#include <inttypes.h>
#include <string.h>

#include "nt/prcb.h"
#include "nt/threadstack.h"

sc_err *nt_current_thread(const struct nt *nt, uint32_t index, uint64_t *ret) {
    const struct sc_threads *threads;
    struct nt_field address;
    struct nt_prcb prcb;
    sc_err *err = sc_target_threads(nt->target, &threads);
    if (err)
        return err;
    for (size_t i = 0; i < threads->count; i++) {
        if (threads->item[i].index == index && threads->item[i].thread) {
            *ret = threads->item[i].thread;
            return NULL;
        }
    }
    err = nt_prcb_address(nt, index, &address);
    if (!err && nt_set(&address))
        err = nt_prcb_read(nt, address.value, &prcb);
    if (err)
        return err;
    if (!nt_set(&address) || !nt_set(&prcb.f[NT_C_CURRENT_THREAD]))
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not say which thread processor %u ran",
                       index);
    *ret = prcb.f[NT_C_CURRENT_THREAD].value;
    return NULL;
}

sc_err *nt_thread_process(const struct nt *nt, uint64_t address, uint64_t *ret) {
    struct nt_thread t;
    sc_err *err = nt_thread_read(nt, address, &t);
    if (err)
        return err;
    const struct nt_field *p = &t.f[NT_T_APC_PROCESS];
    if (!nt_set(p))
        p = &t.f[NT_T_PROCESS];
    if (!nt_set(p))
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the thread at %0*" PRIx64,
                       (int)nt->ptr_size * 2, address);
    *ret = p->value;
    return NULL;
}

sc_err *nt_thread_processor(const struct nt *nt, uint64_t address, uint32_t *ret_index,
                            bool *ret_running) {
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(nt->target, &threads);
    if (err)
        return err;
    *ret_running = false;
    for (size_t i = 0; i < threads->count && !*ret_running; i++) {
        *ret_running = address && threads->item[i].thread == address;
        if (*ret_running)
            *ret_index = threads->item[i].index;
    }
    return NULL;
}

/* ---- registers ---- */

/* What a switch left, by CPU. */
struct switch_frame {
    uint16_t frame, ip, sp; /* offsets from KernelStack */
    uint32_t flags;         /* ContextFlags: control and integer */
    uint16_t flags_at;      /* in CONTEXT */
    const char *names[3];
};
static const struct switch_frame frame_x64 = {0x30,     0x38, 0x40,
                                              0x100003, 0x30, {"rbp", "rip", "rsp"}};
static const struct switch_frame frame_x86 = {0xc, 8, 0xc, 0x10003, 0, {"ebp", "eip", "esp"}};

static sc_err *saved_regs(const struct nt *nt, uint64_t stack, const struct switch_frame *frame,
                          struct sc_regs *ret) {
    uint8_t raw[SC_CONTEXT_MAX] = {0};
    struct nt_field fp = nt_pointer(nt, nt_add(nt, stack, frame->frame));
    struct nt_field ip = nt_pointer(nt, nt_add(nt, stack, frame->ip));
    const uint64_t value[3] = {fp.value, ip.value, nt_add(nt, stack, frame->sp)};
    struct sc_regs regs;
    if (fp.state != NT_READ || ip.state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold its stack at %0*" PRIx64,
                       (int)nt->ptr_size * 2, stack);
    for (unsigned i = 0; i < 4; i++)
        raw[frame->flags_at + i] = (uint8_t)(frame->flags >> 8 * i);
    sc_err *err = sc_regs_init(&regs, nt->cpu, raw, sc_context_size(nt->cpu));
    if (err)
        return err;
    for (unsigned i = 0; i < 3; i++)
        sc_reg_set(&regs, sc_reg_find(nt->cpu, frame->names[i]), value[i]);
    *ret = regs;
    return NULL;
}

sc_err *nt_thread_regs(const struct nt *nt, const struct nt_thread *t, sc_unwinder *unwinder,
                       struct sc_regs *ret_regs, bool *ret_saved) {
    const struct switch_frame *frame = nt->cpu == SC_CPU_X64   ? &frame_x64
                                       : nt->cpu == SC_CPU_X86 ? &frame_x86
                                                               : NULL;
    const struct nt_field *stack = &t->f[NT_T_KERNEL_STACK], *state = &t->f[NT_T_STATE];
    uint32_t index;
    bool running;
    sc_err *err = nt_thread_processor(nt, t->address, &index, &running);
    if (err)
        return err;
    *ret_saved = !running;
    if (running)
        return sc_target_regs(nt->target, index, ret_regs);
    if (stack->state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the thread at %0*" PRIx64,
                       (int)nt->ptr_size * 2, t->address);
    if (state->state == NT_READ && state->value == NT_THREAD_RUNNING)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "it runs, and the dump does not hold the registers of its processor");
    if (state->state == NT_READ && state->value == NT_THREAD_TERMINATED)
        return sc_errf(SC_ERR_NOT_FOUND, "the thread has ended");
    if (nt_thread_stack_is_out(nt, t))
        return sc_errf(SC_ERR_NOT_FOUND, "its kernel stack was paged out");
    uint64_t known;
    struct sc_regs regs;
    bool found = false;
    if (unwinder)
        err = sc_stack_of_switched(unwinder, stack->value, &regs, &known, &found);
    /* At the usual place the frame pointer is known, too, which x86's symbols do not tell. */
    bool usual = found && frame && sc_regs_sp(&regs) == nt_add(nt, stack->value, frame->sp);
    if (!err && found && !usual)
        *ret_regs = regs;
    if (err || (found && !usual))
        return err;
    if (!frame)
        return sc_errf(SC_ERR_NOT_FOUND, "where %s keeps them is not known", sc_cpu_name(nt->cpu));
    return saved_regs(nt, stack->value, frame, ret_regs);
}
