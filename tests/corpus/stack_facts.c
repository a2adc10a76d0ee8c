/* SPDX-License-Identifier: MIT */
/*
 * Walks the stacks of a dump's threads and prints them, one JSON object a frame, for
 * stack_compare.py.
 *
 *   stack_facts [-y PATH] [-i PATH] [-s] [-n FRAMES] -c CACHE DUMP
 *
 * Without -s nothing is guessed from the stack (no_scan). The thread that the dump names for its
 * exception begins with the exception's registers. DUMP may be a microdump of ARM (microdump.h).
 * Keys: thread, tid, frame, ip, sp, base, how,
 * module, rva, regs (those that are known); each thread ends with an object that has `end`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/microdump.h"
#include "stopcode/stack.h"

static int fail(sc_err *err) {
    fprintf(stderr, "stack_facts: %s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

/* General registers in the CPUs' own numbering, as `known` counts them. */
static const char *gpr_name(enum sc_cpu cpu, unsigned n, char *buf, size_t size) {
    static const char *const x86[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    static const char *const x64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"};
    if (cpu == SC_CPU_X86)
        return n < 8 ? x86[n] : NULL;
    if (cpu == SC_CPU_X64 && n < 8)
        return x64[n];
    if (cpu == SC_CPU_ARM && n >= 11)
        return n == 11 ? "fp" : n == 13 ? "sp" : n == 14 ? "lr" : n == 12 ? "r12" : NULL;
    if (cpu == SC_CPU_X64 || cpu == SC_CPU_ARM)
        snprintf(buf, size, "r%u", n);
    else if (n >= 29)
        return n == 29 ? "fp" : n == 30 ? "lr" : n == 31 ? "sp" : NULL;
    else
        snprintf(buf, size, "x%u", n);
    return n < (cpu == SC_CPU_ARM64 ? 32u : 16u) ? buf : NULL;
}

static void print_regs(const struct sc_frame *f) {
    bool first = true;
    for (unsigned n = 0; n < 32; n++) {
        char buf[8];
        uint64_t value = 0;
        const char *name = gpr_name(f->regs.cpu, n, buf, sizeof buf);
        const char *stored = f->regs.cpu == SC_CPU_ARM && n == 11 ? "r11" : name;
        if (!name || !(f->known >> n & 1))
            continue;
        value = sc_reg_value(&f->regs, sc_reg_find(f->regs.cpu, stored));
        printf("%s\"%s\": \"0x%" PRIx64 "\"", first ? "" : ", ", name, value);
        first = false;
    }
}

static void print_frame(unsigned thread, const struct sc_frame *f) {
    printf("{\"thread\": %u, \"frame\": %" PRIu32 ", \"ip\": \"0x%" PRIx64
           "\", \"sp\": \"0x%" PRIx64 "\", \"base\": \"0x%" PRIx64 "\", \"ret\": \"0x%" PRIx64
           "\", \"how\": \"%s\"",
           thread, f->number, f->ip, f->sp, f->base, f->ret, sc_frame_how_name(f->how));
    if (f->module)
        printf(", \"module\": \"%s\", \"rva\": \"0x%" PRIx64 "\"", f->module->name,
               f->ip - f->module->base);
    printf(", \"regs\": {");
    print_regs(f);
    printf("}}\n");
}

static sc_err *print_thread(sc_target *target, sc_unwinder *u, const struct sc_stack_opts *opts,
                            uint32_t index) {
    const struct sc_machine *machine = sc_target_machine(target);
    struct sc_regs regs;
    struct sc_stack stack;
    sc_err *err = machine->has_exception && machine->current == index
                      ? sc_target_event_regs(target, &regs)
                      : sc_target_regs(target, index, &regs);
    if (err && sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL;
    if (err)
        return err;
    err = sc_stack_walk(u, &regs, opts, &stack);
    for (size_t i = 0; i < stack.count; i++)
        print_frame(index, &stack.frame[i]);
    printf("{\"thread\": %" PRIu32 ", \"end\": \"%s\", \"address\": \"0x%" PRIx64 "\"}\n", index,
           sc_stack_end_text(stack.end), stack.end_address);
    sc_stack_deinit(&stack);
    return err;
}

static sc_err *print_threads(sc_target *target, sc_symtab *symtab,
                             const struct sc_stack_opts *opts) {
    const struct sc_threads *threads;
    sc_unwinder *u = NULL;
    sc_err *err = sc_target_threads(target, &threads);
    if (!err)
        err = sc_unwinder_create(target, symtab, &u);
    for (size_t i = 0; !err && i < threads->count; i++)
        err = print_thread(target, u, opts, threads->item[i].index);
    sc_unwinder_destroy(u);
    return err;
}

int main(int argc, char **argv) {
    struct sc_store_opts store = {.sz = sizeof store, .offline = true};
    struct sc_stack_opts opts = {.sz = sizeof opts, .no_scan = true};
    const char *path[2] = {NULL, NULL};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char letter = argv[i][1];
        if (letter == 's')
            opts.no_scan = false;
        else if (i + 1 < argc && letter == 'y')
            path[0] = argv[++i];
        else if (i + 1 < argc && letter == 'i')
            path[1] = argv[++i];
        else if (i + 1 < argc && letter == 'c')
            store.cache = argv[++i];
        else if (i + 1 < argc && letter == 'n')
            opts.max_frames = (uint32_t)strtoul(argv[++i], NULL, 10);
    }
    if (i + 1 != argc || !store.cache) {
        fprintf(stderr, "usage: stack_facts [-y PATH] [-i PATH] [-s] [-n FRAMES] -c CACHE DUMP\n");
        return 2;
    }
    sc_target *target = NULL;
    sc_symtab *symtab = NULL;
    sc_err *err = sc_target_open(argv[i], NULL, &target);
    if (sc_err_catch(&err, SC_ERR_UNSUPPORTED))
        err = microdump_open(argv[i], &target);
    if (!err)
        err = sc_symtab_create(target, &store, &symtab);
    if (!err && path[0])
        err = sc_store_set_path(sc_symtab_store(symtab), SC_PATH_SYMBOLS, path[0]);
    if (!err && path[1])
        err = sc_store_set_path(sc_symtab_store(symtab), SC_PATH_IMAGES, path[1]);
    if (!err)
        err = print_threads(target, symtab, &opts);
    sc_symtab_destroy(symtab);
    sc_target_close(target);
    return err ? fail(err) : 0;
}
