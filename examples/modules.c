/* SPDX-License-Identifier: MIT */
/* The images in a dump, and the PDB that belongs to each:  modules FILE */
#include <inttypes.h>
#include <stdio.h>

#include "stopcode/stopcode.h"

int main(int argc, char **argv) {
    sc_target *target = NULL;
    const struct sc_modules *modules = NULL;
    sc_err *err = sc_target_open(argc > 1 ? argv[1] : "MEMORY.DMP", NULL, &target);
    if (!err)
        err = sc_target_modules(target, &modules);
    for (size_t i = 0; !err && i < modules->count; i++) {
        const struct sc_module *m = &modules->item[i];
        printf("%016" PRIx64 " %8" PRIx64 "  %-24s %s\n", m->base, m->size, m->image,
               m->codeview.path ? m->codeview.path : "");
    }
    if (err)
        fprintf(stderr, "%s\n", sc_err_text(err));
    sc_target_close(target);
    int status = err != NULL;
    sc_err_destroy(err);
    return status;
}
