/* SPDX-License-Identifier: MIT */
/*
 * Reading memory: the words on the current thread's or processor's stack that point into an image,
 * each a candidate for a return address:  stack_words FILE
 */
#include <inttypes.h>
#include <stdio.h>

#include "stopcode/stopcode.h"

static void show(sc_target *target, uint64_t stack) {
    sc_space *space = sc_target_space(target);
    unsigned size = sc_target_ptr_size(target);
    for (unsigned i = 0; i < 512; i++) {
        uint64_t value, at = stack + (uint64_t)i * size;
        /* A page that the dump lacks is a status and no error: it ends the walk. */
        if (sc_space_ptr(space, at, &value) != SC_READ_OK)
            break;
        const struct sc_module *m = sc_target_module_at(target, value);
        if (m)
            printf("%016" PRIx64 "  %016" PRIx64 "  %s+0x%" PRIx64 "\n", at, value, m->name,
                   value - m->base);
    }
}

int main(int argc, char **argv) {
    sc_target *target = NULL;
    struct sc_regs regs;
    sc_err *err = sc_target_open(argc > 1 ? argv[1] : "MEMORY.DMP", NULL, &target);
    if (!err)
        err = sc_target_regs(target, sc_target_machine(target)->current, &regs);
    if (err)
        fprintf(stderr, "%s\n", sc_err_text(err));
    else
        show(target, sc_regs_sp(&regs));
    sc_target_close(target);
    int status = err != NULL;
    sc_err_destroy(err);
    return status;
}
