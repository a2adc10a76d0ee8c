/* SPDX-License-Identifier: MIT */
/* WinDbg's commands as JSON, one object a line:  command FILE "lm; r" */
#include <stdio.h>

#include "stopcode/stopcode.h"

static bool print(void *ctx, const char *data, size_t len) {
    return fwrite(data, 1, len, ctx) == len;
}

int main(int argc, char **argv) {
    sc_target *target = NULL;
    sc_out *out = NULL;
    sc_session *session = NULL;
    unsigned failed = 0;
    sc_err *err = sc_target_open(argc > 1 ? argv[1] : "MEMORY.DMP", NULL, &target);
    if (!err)
        err = sc_out_create(SC_RENDER_JSON, print, stdout, false, &out);
    if (!err)
        err = sc_session_create(target, out, &session);
    if (!err)
        failed = sc_session_run(session, argc > 2 ? argv[2] : "vertarget; lm");
    if (err)
        fprintf(stderr, "%s\n", sc_err_text(err));
    sc_session_destroy(session);
    sc_out_destroy(out);
    sc_target_close(target);
    int status = err || failed;
    sc_err_destroy(err);
    return status;
}
