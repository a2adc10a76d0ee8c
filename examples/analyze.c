/* SPDX-License-Identifier: MIT */
/* What happened, who did it, how sure that is, and what shows it:  analyze FILE */
#include <stdio.h>

#include "stopcode/stopcode.h"

static void print(const struct sc_analysis *a) {
    if (a->has_bugcheck)
        printf("%X %s\n", a->code, a->name ? a->name : "");
    else if (a->exception_name)
        printf("%s\n", a->exception_name);
    for (size_t i = 0; i < a->nfindings; i++) {
        const struct sc_finding *f = &a->findings[i];
        printf("%s: %s\n", sc_confidence_name(f->confidence), f->summary);
        for (size_t k = 0; k < f->nevidence; k++)
            printf("    %s: %s\n", f->evidence[k].command, f->evidence[k].claim);
    }
    printf("bucket: %s\n", a->bucket);
}

int main(int argc, char **argv) {
    sc_target *target = NULL;
    struct sc_analysis *analysis = NULL;
    sc_err *err = sc_target_open(argc > 1 ? argv[1] : "MEMORY.DMP", NULL, &target);
    if (!err)
        err = sc_analyze(target, &analysis);
    if (err)
        fprintf(stderr, "%s\n", sc_err_text(err));
    else
        print(analysis);
    sc_analysis_destroy(analysis);
    sc_target_close(target);
    int status = err != NULL;
    sc_err_destroy(err);
    return status;
}
