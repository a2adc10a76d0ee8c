/* SPDX-License-Identifier: MIT */
/*
 * Stacks that were left. At the upper end of each stack, where KTHREAD.InitialStack points, lies
 *
 *   until 7   KERNEL_STACK_CONTROL  Previous: KERNEL_STACK_SEGMENT; of x86 a bit that says whether
 *                                   there is one
 *   since 8   KSTACK_CONTROL        StackBase; ActualLimit, whose bit 0 says that it is an
 * expansion; Previous: KERNEL_STACK_SEGMENT
 *
 * A segment is { StackBase, StackLimit, KernelStack, InitialStack }; the first stack's Previous is
 * empty. Sources: the public symbols of the kernels (tables of layouts in data/layouts); that the
 * structure lies at InitialStack: its size and that of the floating point state make up the
 * difference to StackBase in published threads (x64). Of x86 it is taken to be the same.
 */
#include "nt/threadstack.h"

enum { SEGMENT_MOST = 16 << 20 };

enum { CONTROL_EXPANSION, CONTROL_PREVIOUS, CONTROL_FIELDS };
static const struct sc_layout_field control_rows[] = {
    [CONTROL_EXPANSION] = {"StackExpansion|PreviousSegmentsPresent", 0, true},
    [CONTROL_PREVIOUS] = {"Previous", 1, false}, /* a place */
};
static const struct nt_def control_def = {
    {"nt!_KSTACK_CONTROL|nt!_KERNEL_STACK_CONTROL", control_rows, CONTROL_FIELDS},
    CONTROL_FIELDS,
    NULL,
    NULL,
    0};

enum { SEGMENT_BASE, SEGMENT_LIMIT, SEGMENT_KERNEL, SEGMENT_INITIAL, SEGMENT_FIELDS };
static const struct sc_layout_field segment_rows[] = {
    [SEGMENT_BASE] = {"StackBase", 1, false},
    [SEGMENT_LIMIT] = {"StackLimit", 1, false},
    [SEGMENT_KERNEL] = {"KernelStack", 1, true},
    [SEGMENT_INITIAL] = {"InitialStack", 1, true},
};
static const uint8_t segment_pointers[] = {SEGMENT_BASE, SEGMENT_LIMIT, SEGMENT_KERNEL,
                                           SEGMENT_INITIAL};
static const struct nt_def segment_def = {
    {"nt!_KERNEL_STACK_SEGMENT", segment_rows, SEGMENT_FIELDS},
    SEGMENT_FIELDS,
    NULL,
    NT_POINTERS(segment_pointers)};

/* Other things may lie where a stack has no such structure: numbers that make no stack. */
static bool is_stack(const struct nt *nt, const struct nt_stack_segment *s) {
    return nt_is_kernel(nt, s->limit) && s->limit < s->base && s->base - s->limit <= SEGMENT_MOST &&
           s->initial_stack > s->limit && s->initial_stack <= s->base;
}

/* The stack before the one whose control structure lies at CONTROL. */
static sc_err *previous(const struct nt *nt, uint64_t control, struct nt_stack_segment *ret,
                        bool *ret_found) {
    struct nt_field f[CONTROL_FIELDS], s[SEGMENT_FIELDS];
    uint64_t offset;
    bool found;
    *ret_found = false;
    sc_err *err = nt_offset(nt, &control_def, CONTROL_PREVIOUS, &offset, &found);
    if (!err && found)
        err = nt_load(nt, &control_def, control, f, NULL);
    if (err || !found || (f[CONTROL_EXPANSION].state == NT_READ && !f[CONTROL_EXPANSION].value))
        return err;
    err = nt_load(nt, &segment_def, nt_add(nt, control, offset), s, NULL);
    if (err)
        return err;
    *ret = (struct nt_stack_segment){nt_or(&s[SEGMENT_BASE], 0), nt_or(&s[SEGMENT_LIMIT], 0),
                                     nt_or(&s[SEGMENT_INITIAL], 0), nt_or(&s[SEGMENT_KERNEL], 0)};
    *ret_found = is_stack(nt, ret);
    return NULL;
}

sc_err *nt_thread_segments(const struct nt *nt, const struct nt_thread *t,
                           struct nt_stack_segments *ret) {
    struct nt_stack_segments all = {.count = 0};
    const struct nt_field *initial = &t->f[NT_T_INITIAL_STACK];
    uint64_t control = nt_or(initial, 0);
    bool found = nt_set(initial) && nt_thread_owns_stack(t, control);
    while (found) {
        struct nt_stack_segment s;
        sc_err *err = previous(nt, control, &s, &found);
        if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
            break; /* the build has none */
        if (err)
            return err;
        all.cut = found && all.count == NT_STACK_SEGMENTS_MAX;
        if (!found || all.cut)
            break;
        all.item[all.count++] = s;
        control = s.initial_stack;
    }
    *ret = all;
    return NULL;
}

/* The return address of the context switch, see current.c: where it is none, nothing is the stack.
 */
bool nt_thread_stack_is_out(const struct nt *nt, const struct nt_thread *t) {
    const struct nt_field *resident = &t->f[NT_T_STACK_RESIDENT];
    const struct nt_field *stack = &t->f[NT_T_KERNEL_STACK];
    if (resident->state != NT_READ || resident->value || stack->state != NT_READ)
        return false;
    uint64_t offset = nt->cpu == SC_CPU_X64 ? 0x38 : nt->cpu == SC_CPU_X86 ? 8 : 0;
    struct nt_field ip = nt_pointer(nt, nt_add(nt, stack->value, offset));
    return ip.state != NT_READ || (offset && !nt_is_kernel(nt, ip.value));
}

sc_err *nt_thread_has_stack(const struct nt *nt, const struct nt_thread *t, uint64_t address,
                            bool *ret) {
    struct nt_stack_segments all;
    bool has = nt_thread_owns_stack(t, address);
    sc_err *err = has ? NULL : nt_thread_segments(nt, t, &all);
    if (err)
        return err;
    for (size_t i = 0; !has && i < all.count; i++)
        has = address >= all.item[i].limit && address < all.item[i].base;
    *ret = has;
    return NULL;
}
