/* SPDX-License-Identifier: MIT */
/*
 * A dump's stack, one line a frame, for triage_stack_compare.py:
 *
 *     triage_stack_facts [-y PATH] [-i PATH] [-exact] DUMP current|event
 *
 *     number TAB how TAB confidence TAB suspect TAB ip TAB sp TAB symbol
 *
 * and a last line `end TAB why`. `current`: from the registers of the processor that the dump is
 * of; `event`: from the exception's. `-exact`: without looking at the stack's memory.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stopcode/stack.h"

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
        err = walk(target, symtab, &opts, argv[i + 1]);
    sc_symtab_destroy(symtab);
    sc_target_close(target);
    return err ? fail(err) : 0;
}
