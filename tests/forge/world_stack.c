/* SPDX-License-Identifier: MIT */
/*
 * Stacks: the symbols that their listings give away, the fit, and what it asks for: words on the
 * stack, unwind codes and frame data in the images, calls before the return addresses.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

enum { CALL_SIZE = 5, STACK_MOST = 1 << 20 };

/* ---- names ---- */

/* The register NAME that the scenario gives; false when it does not. */
static bool given(const struct forge_world *w, const char *name, uint64_t *ret) {
    for (size_t i = 0; i < w->s->registers.count; i++)
        if (!strcmp(w->s->registers.item[i].name, name)) {
            *ret = w->s->registers.item[i].value;
            return true;
        }
    return false;
}

/* Where the innermost frame stands, if the registers are those of this frame. */
static bool first_ip(const struct forge_world *w, const struct forge_wstack *s,
                     const struct forge_frame *f, uint64_t *ret) {
    uint64_t sp;
    if (s->scn->of != FORGE_STACK_CURRENT || !given(w, w->is32 ? "eip" : "rip", ret))
        return false;
    if (!f->has_sp || w->is32)
        return forge_world_module_at(w, *ret) == forge_world_module(w, f->module);
    return given(w, "rsp", &sp) && sp == f->sp;
}

/* A frame without a known address: a name that has one gives it. */
static bool first_frame(struct forge_world *w, const struct forge_wstack *s,
                        const struct forge_frame *f) {
    uint64_t ip;
    struct forge_wmodule *m;
    if (!*f->module)
        return true;
    if (!forge_world_need_module(w, f->line, f->module, &m))
        return false;
    return !first_ip(w, s, f, &ip) ||
           forge_world_define_at(w, f->line, f->module, f->name, f->disp, ip);
}

static bool name_frames(struct forge_world *w, struct forge_wstack *s) {
    uint64_t ret = 0;
    bool has_ret = false, first = true;
    for (size_t i = 0; i < s->frames.count; i++) {
        const struct forge_frame *f = &s->frames.item[i];
        if (f->inlined)
            continue;
        bool ok = first ? first_frame(w, s, f)
                        : !has_ret || !ret ||
                              forge_world_define_at(w, f->line, f->module, f->name, f->disp, ret);
        if (!ok)
            return false;
        first = false;
        has_ret = f->has_ret;
        ret = f->ret;
    }
    return true;
}

static bool is_bare(const struct forge_wstack *s) {
    for (size_t i = 0; i < s->frames.count; i++)
        if (s->frames.item[i].has_sp || s->frames.item[i].has_ret)
            return false;
    return true;
}

bool forge_world_stack_symbols(struct forge_world *w) {
    for (size_t i = 0; i < w->s->stacks.count; i++) {
        const struct forge_scn_stack *scn = &w->s->stacks.item[i];
        char why[FORGE_WHY] = "";
        struct forge_wstack *s = FORGE_PUSH(w->pool, &w->stacks);
        s->scn = scn;
        if (scn->of == FORGE_STACK_CURRENT)
            for (size_t k = 0; k < i; k++)
                if (w->s->stacks.item[k].of == FORGE_STACK_CURRENT)
                    return forge_wrong(w->s, scn->line,
                                       "stack: the current one stands in line %u: say whose this "
                                       "is (stack thread ADDRESS, stack user)",
                                       w->s->stacks.item[k].line);
        unsigned before = forge_world_lines_before(&scn->listing);
        if (!forge_frames_parse(scn->listing.text, &s->frames, why))
            return forge_world_listing_wrong(w, scn->line, before, "stack", why);
        for (size_t k = 0; k < s->frames.count; k++)
            s->frames.item[k].line += before;
        if (!is_bare(s) && s->frames.is32 != w->is32)
            return forge_wrong(w->s, scn->line, "stack: this is a listing of a %d-bit machine",
                               s->frames.is32 ? 32 : 64);
        if (!name_frames(w, s))
            return false;
    }
    return true;
}

/* ---- the fit ---- */

static bool where_is(void *ctx, const char *module, const char *name, uint64_t *ret) {
    struct forge_world *w = ctx;
    struct forge_wmodule *m = forge_world_module(w, module);
    const struct forge_wsymbol *s = m && *name ? forge_world_symbol(w, m, name) : NULL;
    if (!m || (*name && !s))
        return false;
    *ret = *name ? s->addr : m->base;
    return true;
}

/* Names that nothing places: the innermost frame, and all of a listing without columns. */
static bool place_names(struct forge_world *w, struct forge_wstack *s) {
    for (size_t i = 0; i < s->frames.count; i++) {
        struct forge_frame *f = &s->frames.item[i];
        struct forge_wmodule *m;
        uint64_t addr;
        if (f->inlined || !*f->module || !*f->name)
            continue;
        if (!forge_world_need_module(w, f->line, f->module, &m))
            return false;
        if (!forge_world_symbol(w, m, f->name) && f->disp > 1 << 20)
            return forge_wrong(w->s, f->line,
                               "nothing says where %s!%s is: write  symbol %s!%s "
                               "ADDRESS",
                               f->module, f->name, f->module, f->name);
        if (!forge_world_place(w, f->line, m, f->name, (uint32_t)f->disp + 0x20, FORGE_SYM_FUNCTION,
                               &addr))
            return false;
    }
    return true;
}

/* The top of the kernel stack of the thread whose frames these are; 0: no line says. */
static uint64_t stack_top(const struct forge_world *w, const struct forge_wstack *s) {
    const struct forge_scn_thread *t = w->kernel ? forge_world_thread_of(w, s->scn) : NULL;
    if (!t || !t->has_stack)
        return 0;
    return t->has_init ? t->stack_init : t->stack_base - 0x100;
}

static bool fit(struct forge_world *w, struct forge_wstack *s) {
    struct forge_where where = {w, where_is, stack_top(w, s)};
    char why[FORGE_WHY] = "";
    if (!place_names(w, s))
        return false;
    if (w->cpu != SC_CPU_X64 && w->cpu != SC_CPU_X86)
        return forge_wrong(w->s, s->scn->line, "stack: stacks of ARM64 cannot be made to fit yet");
    s->has_fit = true;
    if (!(w->is32 ? forge_fit_x86 : forge_fit_x64)(&s->frames, &where, &s->fit, why))
        return forge_world_listing_wrong(w, s->scn->line, 0, "stack", why);
    return true;
}

/* ---- what the fit asks for ---- */

/* The process that the thread of a stack is of; 0: the current one, or nobody knows. */
static uint64_t process_of(const struct forge_world *w, const struct forge_wstack *s) {
    const struct forge_scn_thread *t =
        w->kernel && s->scn->of == FORGE_STACK_THREAD ? forge_world_thread_of(w, s->scn) : NULL;
    const struct forge_scn_process *p = !t               ? NULL
                                        : t->has_process ? forge_world_process_at(w, t->process)
                                        : t->has_cid     ? forge_world_process_of_id(w, t->pid)
                                                         : NULL;
    return p ? p->address : 0;
}

/* Frames of user mode lie in the memory of the thread's process. */
static bool fill_in(struct forge_world *w, uint64_t process, uint64_t addr, uint64_t size) {
    if (!forge_world_enter(w, 0, process, addr))
        return false;
    forge_memmap_fill(&w->mem, addr, size);
    forge_world_leave(w);
    return true;
}

/* From a frame's stack pointer to the next one's on the same stack there is memory. */
static bool fill_frame(struct forge_world *w, uint64_t process, const struct forge_frames *frames,
                       size_t i) {
    const struct forge_frame *f = &frames->item[i];
    for (size_t k = i + 1; f->has_sp && !w->is32 && k < frames->count; k++)
        if (frames->item[k].has_sp && frames->item[k].sp > f->sp &&
            frames->item[k].sp - f->sp < STACK_MOST) {
            return fill_in(w, process, f->sp, frames->item[k].sp - f->sp);
        }
    /* The outermost one: what it has for the arguments of others. */
    return !f->has_sp || w->is32 || fill_in(w, process, f->sp, 0x20);
}

static bool put_pokes(struct forge_world *w, const struct forge_wstack *s) {
    uint64_t process = process_of(w, s);
    for (size_t i = 0; i < s->fit.npokes; i++) {
        const struct forge_poke *p = &s->fit.poke[i];
        unsigned line = p->filled ? 0 : s->scn->line;
        if (!forge_world_enter(w, line, process, p->addr))
            return false;
        bool ok = forge_world_put_uint(w, line, p->addr, p->width, p->value);
        forge_world_leave(w);
        if (!ok)
            return false;
    }
    if (s->fit.high > s->fit.sp && s->fit.high - s->fit.sp < STACK_MOST &&
        !fill_in(w, process, s->fit.sp, s->fit.high - s->fit.sp))
        return false;
    for (size_t i = 0; i < s->frames.count; i++)
        if (!fill_frame(w, process, &s->frames, i))
            return false;
    return true;
}

/* `call eax` or `call rax`, whose target nobody has to know. */
static void put_call_rax(struct forge_world *w, uint64_t ip) {
    static const uint8_t call_rax[] = {0xff, 0xd0};
    forge_world_spare_code(w, ip - sizeof call_rax, call_rax, sizeof call_rax);
}

/* `call` of the inner frame's function before a return address, where nothing else stands. */
static void put_call(struct forge_world *w, const struct forge_frame *inner, uint64_t ip) {
    uint64_t target;
    uint8_t code[CALL_SIZE] = {0xe8};
    if (!*inner->module || !where_is(w, inner->module, inner->name, &target))
        return;
    int64_t rel = (int64_t)(target - ip);
    if (!w->is32 && rel != (int32_t)rel) {
        put_call_rax(w, ip);
        return;
    }
    for (unsigned i = 0; i < 4; i++)
        code[1 + i] = (uint8_t)((uint64_t)rel >> 8 * i);
    forge_world_spare_code(w, ip - CALL_SIZE, code, sizeof code);
}

static void put_calls(struct forge_world *w, const struct forge_wstack *s) {
    const struct forge_frame *inner = NULL;
    /* A thread that waits will return to its innermost frame from the context switch. */
    bool switched = w->kernel && s->scn->of == FORGE_STACK_THREAD;
    for (size_t i = 0; i < s->frames.count; i++) {
        const struct forge_frame *f = &s->frames.item[i];
        if (f->inlined)
            continue;
        if (!inner && switched && f->disp >= CALL_SIZE && s->fit.ip[i])
            put_call_rax(w, s->fit.ip[i]);
        if (inner && !inner->trap && f->disp >= CALL_SIZE && s->fit.ip[i])
            put_call(w, inner, s->fit.ip[i]);
        inner = f;
    }
    if (inner && inner->ret && !inner->trap) /* the listing was cut there */
        put_call(w, inner, inner->ret);
}

bool forge_world_stack_fit(struct forge_world *w) {
    for (size_t i = 0; i < w->stacks.count; i++) {
        struct forge_wstack *s = &w->stacks.item[i];
        if (!fit(w, s) || !put_pokes(w, s))
            return false;
        for (size_t k = 0; k < s->fit.nfunctions; k++)
            if (!forge_world_block(w, s, &s->fit.function[k]))
                return false;
        put_calls(w, s);
        if (s->scn->of == FORGE_STACK_CURRENT) {
            w->stack_low = s->fit.sp;
            w->stack_high = s->fit.high;
        }
    }
    return true;
}

/* ---- registers ---- */

static void set_register(struct sc_regs *regs, const char *name, uint64_t value) {
    const struct sc_reg *reg = sc_reg_find(regs->cpu, name);
    if (reg)
        sc_reg_set(regs, reg, value);
}

void forge_world_plain_registers(const struct forge_world *w, struct sc_regs *ret) {
    static const char *const names[] = {"cs", "ss", "ds", "es", "fs", "gs"};
    static const uint8_t x64[2][6] = {{0x33, 0x2b, 0x2b, 0x2b, 0x53, 0x2b},
                                      {0x10, 0x18, 0x2b, 0x2b, 0x53, 0x2b}};
    static const uint8_t x86[2][6] = {{0x1b, 0x23, 0x23, 0x23, 0x3b, 0},
                                      {0x8, 0x10, 0x23, 0x23, 0x30, 0}};
    bool is_x86 = w->cpu == SC_CPU_X86, is_arm = w->cpu == SC_CPU_ARM64;
    uint32_t flags = is_x86 ? 0x1003f : is_arm ? 0x400007 : 0x10001f;
    uint8_t *at = ret->raw + (w->cpu == SC_CPU_X64 ? 0x30 : 0);
    *ret = (struct sc_regs){.cpu = w->cpu, .size = (uint32_t)sc_context_size(w->cpu)};
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(flags >> 8 * i);
    for (unsigned i = 0; i < 6 && !is_arm; i++)
        set_register(ret, names[i], is_x86 ? x86[w->kernel][i] : x64[w->kernel][i]);
    if (!is_arm)
        set_register(ret, "efl", 0x246);
    if (w->cpu == SC_CPU_X64) { /* MXCSR stands twice: readers compare, FXSAVE's is at 118 */
        set_register(ret, "mxcsr", 0x1f80);
        ret->raw[0x118] = 0x80;
        ret->raw[0x119] = 0x1f;
    }
}

static const struct forge_wstack *current_stack(const struct forge_world *w) {
    for (size_t i = 0; i < w->stacks.count; i++)
        if (w->stacks.item[i].scn->of == FORGE_STACK_CURRENT)
            return &w->stacks.item[i];
    return NULL;
}

/*
 * Registers may be those of an outer frame (`.frame /r 2`): its instruction and stack pointer must
 * be the listing's, and are not those of the context. *RET_FRAME is its number.
 */
static bool find_frame(struct forge_world *w, const struct forge_wstack *s, size_t *ret_frame) {
    uint64_t sp, ip;
    *ret_frame = 0;
    if (!s || w->is32 || !given(w, "rsp", &sp))
        return true;
    for (size_t i = 0; i < s->frames.count; i++) {
        const struct forge_frame *f = &s->frames.item[i];
        if (f->inlined || f->sp != sp)
            continue;
        if (given(w, "rip", &ip) && ip != s->fit.ip[i])
            return forge_wrong(w->s, w->s->registers.item[0].line,
                               "registers: rip=%llx, but the frame in line %u with this stack "
                               "pointer stands at %llx",
                               (ull)ip, f->line, (ull)s->fit.ip[i]);
        *ret_frame = i;
        return true;
    }
    return sp == s->fit.sp ||
           forge_wrong(w->s, w->s->registers.item[0].line,
                       "registers: rsp=%llx is of no frame of the stack in line %u", (ull)sp,
                       s->scn->line);
}

/* The number of a general register in unwind codes; -1: it has none. */
static int unwind_number(const char *name) {
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    for (int i = 0; i < 16; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

/*
 * A register as it is in FRAME: where a frame below saved it, the value stands on the stack; else
 * it is in the context still.
 */
static bool put_register(struct forge_world *w, const struct forge_wstack *s, size_t frame,
                         const struct forge_scn_register *r, const struct sc_reg *reg) {
    uint64_t at;
    int number = unwind_number(r->name);
    if (s && frame && number >= 0 && forge_fit_register(&s->fit, frame, (unsigned)number, &at))
        return forge_world_put_uint(w, r->line, at, 8, r->value);
    sc_reg_set(&w->regs, reg, r->value);
    return true;
}

static bool is_pointer(const char *name) {
    return !strcmp(name, "rip") || !strcmp(name, "rsp") || !strcmp(name, "eip") ||
           !strcmp(name, "esp") || !strcmp(name, "pc") || !strcmp(name, "sp");
}

/*
 * A kernel of which nobody says where it stood: in KeBugCheckEx, at the outer end of its thread's
 * stack.
 */
static bool stand_somewhere(struct forge_world *w) {
    const struct forge_scn_thread *t = w->s->threads.count ? &w->s->threads.item[0] : NULL;
    uint64_t ip, sp;
    if (!w->kernel || w->cpu == SC_CPU_ARM64)
        return true;
    if (!given(w, w->is32 ? "eip" : "rip", &ip)) {
        if (!forge_world_place(w, 0, w->nt, "KeBugCheckEx", 0x100, FORGE_SYM_FUNCTION, &ip))
            return false;
        set_register(&w->regs, w->is32 ? "eip" : "rip", ip);
    }
    if (given(w, w->is32 ? "esp" : "rsp", &sp))
        return true;
    sp = t && t->has_init    ? t->stack_init
         : t && t->has_stack ? t->stack_base
                             : forge_world_spare(w, 0x6000, 0x1000) + 0x6000;
    sp -= 0x100 + w->ptr_size; /* as behind a call */
    forge_memmap_fill(&w->mem, sp, 0x100);
    set_register(&w->regs, w->is32 ? "esp" : "rsp", sp);
    return true;
}

/* x86: does the innermost frame? */
static bool has_frame_pointer(const struct forge_wstack *s) {
    for (size_t i = 0; i < s->fit.nfunctions; i++)
        if (s->fit.function[i].frame == 0)
            return s->fit.function[i].uses_ebp;
    return false;
}

bool forge_world_registers(struct forge_world *w) {
    const struct forge_wstack *s = current_stack(w);
    size_t frame;
    forge_world_plain_registers(w, &w->regs);
    if (!find_frame(w, s, &frame))
        return false;
    for (size_t i = 0; i < w->s->registers.count; i++) {
        const struct forge_scn_register *r = &w->s->registers.item[i];
        const struct sc_reg *reg = sc_reg_find(w->cpu, r->name);
        if (!reg)
            return forge_wrong(w->s, r->line, "registers: %s has no register %s",
                               sc_cpu_name(w->cpu), r->name);
        if (reg->size < 8 && r->value >> 8 * reg->size)
            return forge_wrong(w->s, r->line, "registers: %s has %u bits, not room for %llx",
                               r->name, reg->size * 8u, (ull)r->value);
        if ((!s || !is_pointer(r->name)) && !put_register(w, s, frame, r, reg))
            return false;
    }
    if (!s)
        return stand_somewhere(w);
    uint64_t esp, sp = s->fit.sp;
    /* What a frame with a frame pointer has below it is not the fit's to say. */
    if (w->is32 && has_frame_pointer(s) && given(w, "esp", &esp) && esp < s->fit.fp &&
        s->fit.fp - esp < FORGE_PAGE_SIZE)
        sp = esp;
    if (sp < w->stack_low)
        w->stack_low = sp;
    set_register(&w->regs, w->is32 ? "eip" : "rip", s->fit.ip[0]);
    set_register(&w->regs, w->is32 ? "esp" : "rsp", sp);
    if (w->is32 || s->fit.fp)
        set_register(&w->regs, w->is32 ? "ebp" : "rbp", s->fit.fp);
    return true;
}
