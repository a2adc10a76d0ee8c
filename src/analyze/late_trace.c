/* SPDX-License-Identifier: MIT */
/*
 * Traces of a request's completion in the stack of a thread that waits.
 *
 * The I/O manager ends an asynchronous request with a special kernel APC, whose kernel routine is
 * IopCompleteRequest: it copies the status to the IO_STATUS_BLOCK that the caller had named, in the
 * caller's thread. Such an APC runs in any wait, alertable or not: the thread is switched to, and
 * before the wait goes on KiDeliverApc is called. So the stack is, from the outside in,
 *
 *     caller of the wait
 *     KeWaitForSingleObject and the like       return address "wait"
 *     KiSwapThread, KiCommitThreadWait         return address "swap"
 *     KiDeliverApc                             return address "deliver"
 *     IopCompleteRequest
 *
 * Two kinds of faults follow from a status that is written into these frames:
 *
 * "Inside": KiDeliverApc goes on after the routine has returned, and it or what it calls uses what
 * was written over. The frames from KiDeliverApc outwards are alive; of IopCompleteRequest there is
 * its address, which KiDeliverApc keeps as the routine to call, or what is left of its own calls
 * below the stack pointer.
 *
 * "After": the wait returns, to a wrong address or with wrong registers. The chain lies in dead
 * memory below the stack pointer, in the same order.
 *
 * Dead memory is mostly overwritten by the fault's own trap frame; handlers leave some of its
 * members unwritten (debug registers; x86: TempSegCs), and there older words show through.
 *
 * No trace counts when IopCompleteRequest is still running (the fault is its own), when something
 * else lies between the stack pointer and KiDeliverApc, or when another wait lies between the
 * switch and the completion: then it was an earlier one, which is on every stack that has done I/O.
 *
 * The names are those of public symbols and published stacks.
 */
#include <string.h>

#include "analyze/culprit.h"
#include "analyze/faultregs.h"
#include "analyze/kfacts.h"
#include "analyze/late.h"
#include "unwind/return_address.h"

enum {
    MARKS_MAX = 640, /* words of 4 bytes in all that is looked at */
    BELOW = 0x400,   /* of the stack pointer: how far dead memory is looked at */
    ABOVE = 0x600,
    NEAR = 0x100,       /* from the stack pointer to KiDeliverApc */
    REACH = 0x300,      /* from one link of the chain to the next */
    WAIT_FRAME = 0x100, /* no wait's frame is larger */
};

enum kind {
    KIND_NONE,
    KIND_WAIT,
    KIND_SWAP,
    KIND_DELIVER,
    KIND_RESIDUE,
    KIND_ROUTINE,
    KIND_DRIVER,
    KIND_KERNEL
};

struct mark {
    struct sc_late_word word;
    enum kind kind;
};

struct scan {
    struct sc_case *c;
    struct sc_unwinder *u;
    struct sc_late *late;
    struct mark mark[MARKS_MAX]; /* by slot */
    size_t count;
    size_t live; /* the first one at or above the stack pointer */
    enum kind ip;
    bool nowhere; /* the instruction lies in no module */
    sc_err *err;
};

/* ---- names ---- */

static const struct {
    const char *name; /* how the function's name begins */
    enum kind kind;
    bool whole; /* that is all of it */
} functions[] = {
    {"KeWaitFor", KIND_WAIT, false},      {"KeDelayExecutionThread", KIND_WAIT, true},
    {"KeRemoveQueue", KIND_WAIT, false},  {"KeRemovePriQueue", KIND_WAIT, true},
    {"KiSwapThread", KIND_SWAP, true},    {"KiCommitThreadWait", KIND_SWAP, false},
    {"KiDeliverApc", KIND_DELIVER, true}, {"IopCompleteRequest", KIND_RESIDUE, true},
};

/* The function of the kernel that ADDR lies in; NULL when it has no name. */
static const char *function_at(struct sc_case *c, uint64_t addr, uint64_t *ret_behind) {
    struct sc_near near;
    bool found = false;
    const struct sc_module *m = sc_target_module_at(c->target, addr);
    if (!m || !sc_case_is_kernel(m))
        return NULL;
    if (!sc_case_took(c, sc_symtab_near(c->symtab, addr, &near, &found)) || !found)
        return NULL;
    *ret_behind = near.displacement;
    return near.name;
}

static enum kind kind_of(const char *name) {
    for (size_t i = 0; name && i < sizeof functions / sizeof *functions; i++) {
        size_t len = strlen(functions[i].name);
        if (strncmp(name, functions[i].name, len) == 0 && (!functions[i].whole || !name[len]))
            return functions[i].kind;
    }
    return KIND_NONE;
}

/*
 * May KiDeliverApc itself have called this function? Exported ones: those that the kernel's own
 * code runs as the routine of an APC are not.
 */
static bool is_service(struct sc_case *c) {
    uint64_t behind;
    const char *name = function_at(c, c->fault.ip, &behind);
    return name && (!strncmp(name, "Ke", 2) || !strncmp(name, "Kf", 2) || !strncmp(name, "Kx", 2));
}

/* ---- the words of the stack ---- */

bool sc_late_read(struct sc_case *c, uint64_t slot, uint64_t *ret_value) {
    uint8_t bytes[8];
    uint64_t value = 0;
    if (sc_space_read(sc_target_space(c->target), slot, bytes, c->ptr_size, NULL) != SC_READ_OK)
        return false;
    for (unsigned i = c->ptr_size; i-- > 0;)
        value = value << 8 | bytes[i];
    *ret_value = value;
    return true;
}

static enum kind kind_of_word(struct scan *s, uint64_t value) {
    struct sc_case *c = s->c;
    enum sc_return_like like = SC_RETURN_NO;
    uint64_t behind = 0;
    const struct sc_module *m = sc_target_module_at(c->target, value);
    if (!m || value == c->fault.ip)
        return KIND_NONE;
    s->err = sc_return_like(s->u, value, &like);
    if (s->err)
        return KIND_NONE;
    bool call = like == SC_RETURN_CALL || like == SC_RETURN_MAYBE;
    if (!sc_case_is_kernel(m))
        return call ? KIND_DRIVER : KIND_NONE;
    if (kind_of(function_at(c, value, &behind)) == KIND_RESIDUE && behind == 0)
        return KIND_ROUTINE;
    if (!call)
        return KIND_NONE;
    enum kind kind = kind_of(function_at(c, value - 1, &behind));
    return kind == KIND_NONE ? KIND_KERNEL : kind;
}

static void scan_words(struct scan *s) {
    struct sc_case *c = s->c;
    uint64_t sp = s->late->sp, from = sp > BELOW ? sp - BELOW : 0, to = sp + ABOVE;
    if (sc_on_stack(c, sp)) {
        from = from > c->k->stack_limit ? from : c->k->stack_limit;
        to = to < c->k->stack_base ? to : c->k->stack_base;
    }
    for (uint64_t at = from; at < to && s->count < MARKS_MAX && !s->err; at += c->ptr_size) {
        uint64_t value;
        if (at == sp)
            s->live = s->count;
        if (!sc_late_read(c, at, &value) || !sc_case_in_kernel(c, value))
            continue;
        enum kind kind = kind_of_word(s, value);
        if (kind != KIND_NONE)
            s->mark[s->count++] = (struct mark){{at, value}, kind};
    }
}

/* ---- the order ---- */

/* The next mark of KIND from index I on, within REACH of FROM; those of kind STOP end the search.
 */
static const struct mark *next_of(const struct scan *s, size_t i, uint64_t from, enum kind kind,
                                  enum kind stop) {
    for (; i < s->count && s->mark[i].word.slot - from <= REACH; i++) {
        if (s->mark[i].kind == kind)
            return &s->mark[i];
        if (s->mark[i].kind == stop)
            return NULL;
    }
    return NULL;
}

/* What is left of IopCompleteRequest below mark END, and above any other wait. */
static void find_completion(struct scan *s, size_t end) {
    for (size_t i = end; i-- > 0 && s->mark[i].kind != KIND_WAIT;) {
        const struct mark *m = &s->mark[i];
        if (m->kind == KIND_RESIDUE && !s->late->residue.slot)
            s->late->residue = m->word;
        if (m->kind == KIND_ROUTINE && !s->late->routine.slot)
            s->late->routine = m->word;
    }
}

static bool is_completed(const struct scan *s) {
    return s->late->residue.slot || s->late->routine.slot;
}

/* The fault is in KiDeliverApc, or in what it called. */
static bool find_inside(struct scan *s) {
    struct sc_late *late = s->late;
    size_t i = s->live;
    if (s->ip != KIND_DELIVER) {
        const struct mark *first = i < s->count ? &s->mark[i] : NULL;
        if (!first || first->kind != KIND_DELIVER || first->word.slot - late->sp > NEAR ||
            !is_service(s->c))
            return false;
        late->deliver = first->word;
        i++;
    }
    const struct mark *swap = next_of(s, i, late->sp, KIND_SWAP, KIND_WAIT);
    if (!swap)
        return false;
    size_t at = (size_t)(swap - s->mark);
    const struct mark *wait = next_of(s, at, swap->word.slot, KIND_WAIT, KIND_DELIVER);
    if (!wait)
        return false;
    late->inside = true;
    late->swap = swap->word;
    late->wait = wait->word;
    find_completion(s, s->live);
    for (; i < at; i++) /* what KiDeliverApc keeps in its own frame */
        if (s->mark[i].kind == KIND_ROUTINE)
            late->routine = s->mark[i].word;
    return is_completed(s);
}

/* The highest mark of KIND below the stack pointer; NULL: none is near. */
static const struct mark *last_dead(const struct scan *s, enum kind kind) {
    for (size_t i = s->live; i-- > 0 && s->late->sp - s->mark[i].word.slot <= REACH;)
        if (s->mark[i].kind == kind)
            return &s->mark[i];
    return NULL;
}

/* A call pushes where it came from; a return to a wrong address does not. */
static bool is_called(const struct scan *s) {
    return s->live < s->count && s->mark[s->live].word.slot == s->late->sp;
}

/* The wait has returned, or is about to. */
static bool find_after(struct scan *s) {
    struct sc_late *late = s->late;
    const struct mark *swap = last_dead(s, KIND_SWAP), *wait = NULL;
    size_t from = swap ? (size_t)(swap - s->mark) : s->live;
    if (s->ip == KIND_DELIVER || s->ip == KIND_RESIDUE || (!swap && s->ip != KIND_SWAP) ||
        (s->nowhere && is_called(s)))
        return false;
    if (s->ip == KIND_SWAP)
        wait = next_of(s, s->live, late->sp, KIND_WAIT, KIND_DELIVER);
    else if (s->ip != KIND_WAIT)
        wait = next_of(s, from, swap->word.slot, KIND_WAIT, KIND_DELIVER);
    if (!wait && s->ip != KIND_WAIT)
        return false;
    if (wait && s->ip != KIND_SWAP && wait->word.slot >= late->sp)
        return false;
    late->swap = swap ? swap->word : (struct sc_late_word){0};
    late->wait = wait ? wait->word : (struct sc_late_word){0};
    find_completion(s, from);
    for (size_t i = from; i-- > 0 && !late->deliver.slot;)
        if (s->mark[i].kind == KIND_DELIVER)
            late->deliver = s->mark[i].word;
    return is_completed(s);
}

/* Where the wait's own frame ends: at the next return address, if it is not far. */
static void find_end(struct scan *s) {
    struct sc_late *late = s->late;
    uint64_t from = late->wait.slot > late->sp ? late->wait.slot : late->sp;
    late->end = from + WAIT_FRAME;
    for (size_t i = s->live; i < s->count; i++) {
        uint64_t slot = s->mark[i].word.slot;
        if (slot < from || slot == late->wait.slot || s->mark[i].kind == KIND_ROUTINE)
            continue;
        if (slot + s->c->ptr_size < late->end)
            late->end = slot + s->c->ptr_size;
        return;
    }
}

/* Whose thread it is: the first driver beyond the wait. */
static void find_owner(struct scan *s) {
    struct sc_late *late = s->late;
    uint64_t from = late->wait.slot > late->sp ? late->wait.slot : late->sp;
    for (size_t i = s->live; i < s->count; i++) {
        const struct mark *m = &s->mark[i];
        if (m->kind != KIND_DRIVER || m->word.slot < from)
            continue;
        const struct sc_module *module = sc_target_module_at(s->c->target, m->word.value);
        if (sc_case_driver(module).kind == NT_DRIVER_FRAMEWORK)
            continue;
        late->owner = module;
        late->called_from = m->word;
        return;
    }
}

/* ---- */

/* The trap frame whose stack goes on at the fault's stack pointer. */
static uint64_t trap_of(const struct sc_case *c) {
    const struct sc_stack *stack = &c->a->stack;
    if (c->trap)
        return c->trap->address;
    for (size_t i = 1; i < stack->count; i++)
        if (stack->frame[i].exact_ip && stack->frame[i].ip == c->fault.ip)
            return stack->frame[i - 1].trap;
    return 0;
}

static void look(struct scan *s) {
    struct sc_case *c = s->c;
    uint64_t behind;
    const struct sc_module *m = sc_target_module_at(c->target, c->fault.ip);
    s->nowhere = !m;
    s->ip = kind_of(function_at(c, c->fault.ip, &behind));
    scan_words(s);
    if (s->err || !s->count)
        return;
    bool kernel = m && sc_case_is_kernel(m);
    bool traced = kernel && find_inside(s);
    if (!traced) {
        *s->late = (struct sc_late){.sp = s->late->sp, .trap = s->late->trap};
        traced = find_after(s);
    }
    if (!traced)
        return;
    find_end(s);
    find_owner(s);
    s->late->found = sc_late_block_find(c, s->late, &s->late->block);
    /* Whoever asked for the wait goes on with its own work: only what was written counts then. */
    if (!s->late->inside && !s->nowhere && s->ip == KIND_NONE && !s->late->block.where)
        s->late->found = false;
}

static bool is_worth_it(const struct sc_case *c) {
    enum sc_cpu cpu = c->machine->cpu;
    return c->machine->kernel && c->symtab && c->k && c->fault.ip != SC_UNSET64 && c->at->regs &&
           (cpu == SC_CPU_X64 || cpu == SC_CPU_X86) && !sc_case_answered(c);
}

const struct sc_late *sc_late(struct sc_case *c) {
    static const struct sc_late none = {.found = false};
    if (c->late)
        return c->late;
    struct sc_late *late = sc_arena_alloc(c->arena, sizeof *late);
    struct scan *s = sc_arena_alloc(c->arena, sizeof *s);
    if (!late || !s) {
        c->nomem = true;
        return &none;
    }
    *late = none;
    c->late = late;
    if (!is_worth_it(c))
        return late;
    late->sp = sc_regs_sp(c->at->regs) & ~(uint64_t)(c->ptr_size - 1);
    late->trap = trap_of(c);
    *s = (struct scan){.c = c, .late = late};
    if (!sc_case_took(c, sc_unwinder_create(c->target, c->symtab, &s->u)))
        return late;
    look(s);
    if (!sc_case_took(c, s->err))
        late->found = false;
    sc_unwinder_destroy(s->u);
    return late;
}

bool sc_late_agrees(struct sc_case *c) {
    const struct sc_late *late = sc_late(c);
    return late->found && late->block.where != SC_LATE_NOWHERE;
}
