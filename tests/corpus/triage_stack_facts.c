/* SPDX-License-Identifier: MIT */
/*
 * A dump's stack, one line a frame, for triage_stack_compare.py:
 *
 *     triage_stack_facts [-y PATH] [-i PATH] [-exact] DUMP current|event|trap
 *
 *     number TAB how TAB confidence TAB suspect TAB ip TAB sp TAB symbol
 *
 * and a last line `end TAB why`. `current`: from the registers of the processor that the dump is
 * of; `event`: from the exception's. `-exact`: without looking at the stack's memory.
 *
 * `trap`: no stack, but the trap frame that unwind/fault_trap.h finds for the instruction that the
 * bug check's second parameter names: `trap TAB address TAB exception frame`, then a line for each
 * general register, `name TAB its value there TAB that of the CONTEXT of parameter 4`; `-`:
 * unknown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stopcode/stack.h"
#include "unwind/fault_trap.h"

static int fail(sc_err *err) {
    fprintf(stderr, "%s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

static void show(sc_symtab *symtab, const struct sc_frame *f) {
    char text[512];
    const char *name = sc_symtab_text(symtab, f->ip, text, sizeof text);
    printf("%u\t%s\t%u\t%d\t0x%" PRIx64 "\t0x%" PRIx64 "\t%s\n", f->number,
           sc_frame_how_name(f->how), f->confidence, f->suspect, f->ip, f->sp,
           f->how == SC_FRAME_INLINE ? f->inline_name
           : name                    ? name
                                     : "-");
}

static sc_err *walk(sc_target *target, sc_symtab *symtab, const struct sc_stack_opts *opts,
                    const char *from) {
    struct sc_regs regs;
    sc_unwinder *unwinder;
    struct sc_stack stack;
    sc_err *err = strcmp(from, "event")
                      ? sc_target_regs(target, sc_target_machine(target)->current, &regs)
                      : sc_target_event_regs(target, &regs);
    if (!err)
        err = sc_unwinder_create(target, symtab, &unwinder);
    if (err)
        return err;
    err = sc_stack_walk(unwinder, &regs, opts, &stack);
    for (size_t i = 0; i < stack.count; i++)
        show(symtab, &stack.frame[i]);
    printf("end\t%s\n", sc_stack_end_text(stack.end));
    sc_stack_deinit(&stack);
    sc_unwinder_destroy(unwinder);
    return err;
}

static void show_regs(const struct sc_fault_trap *t, const struct sc_regs *context) {
    static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    for (unsigned n = 0; n < sizeof names / sizeof *names; n++) {
        uint64_t value = 0, want = 0;
        sc_regs_get(context, names[n], &want);
        printf("%s\t", names[n]);
        if (t->known >> n & 1 && sc_regs_get(&t->regs, names[n], &value))
            printf("0x%" PRIx64, value);
        else
            printf("-");
        printf("\t0x%" PRIx64 "\n", want);
    }
}

static sc_err *find_trap(sc_target *target, const struct sc_stack_opts *opts) {
    const struct sc_machine *m = sc_target_machine(target);
    uint8_t bytes[SC_CONTEXT_MAX];
    struct sc_regs regs, context;
    struct sc_fault_trap trap;
    sc_unwinder *u;
    bool found = false;
    sc_err *err = sc_target_regs(target, m->current, &regs);
    if (!err)
        err = sc_space_need(sc_target_space(target), m->bugcheck_arg[3], bytes,
                            sc_context_size(m->cpu), "context");
    if (!err)
        err = sc_regs_init(&context, m->cpu, bytes, sc_context_size(m->cpu));
    if (!err)
        err = sc_unwinder_create(target, NULL, &u);
    if (err)
        return err;
    struct sc_trap_wanted wanted = {.sp = sc_regs_sp(&regs),
                                    .ip = m->bugcheck_arg[1],
                                    .memory = SC_UNSET64,
                                    .status = (uint32_t)m->bugcheck_arg[0]};
    err = sc_fault_trap_find(u, opts, &wanted, &trap, &found);
    if (!err && found) {
        printf("trap\t0x%" PRIx64 "\t0x%" PRIx64 "\n", trap.address, trap.kept);
        show_regs(&trap, &context);
    }
    sc_unwinder_destroy(u);
    return err;
}

int main(int argc, char **argv) {
    const char *symbols = NULL, *images = NULL;
    struct sc_stack_opts opts = {.sz = sizeof opts};
    sc_target *target;
    sc_symtab *symtab;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "-y") && i + 1 < argc)
            symbols = argv[++i];
        else if (!strcmp(argv[i], "-i") && i + 1 < argc)
            images = argv[++i];
        else if (!strcmp(argv[i], "-exact"))
            opts.no_scan = true;
    }
    if (argc - i != 2)
        return 2;
    sc_err *err = sc_target_open(argv[i], NULL, &target);
    if (err)
        return fail(err);
    err = sc_symtab_create(target, NULL, &symtab);
    if (!err && symbols)
        err = sc_store_set_path(sc_symtab_store(symtab), SC_PATH_SYMBOLS, symbols);
    if (!err && images)
        err = sc_store_set_path(sc_symtab_store(symtab), SC_PATH_IMAGES, images);
    if (!err)
        err = strcmp(argv[i + 1], "trap") ? walk(target, symtab, &opts, argv[i + 1])
                                          : find_trap(target, &opts);
    sc_symtab_destroy(symtab);
    sc_target_close(target);
    return err ? fail(err) : 0;
}
