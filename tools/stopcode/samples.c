/* SPDX-License-Identifier: MIT */
/*
 * `--samples`: the sample of every command is run on the dump, so that no help text shows a line
 * that does not work. TAP, because a test reads it.
 */
#include "manual.h"

#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "run.h"

/* What a sample printed, as far as it interests: whether it was anything at all. */
static bool count_bytes(void *ctx, const char *data, size_t len) {
    (void)data;
    *(size_t *)ctx += len;
    return true;
}

static bool accepts(const struct sc_command *row, const sc_target *target) {
    if (!row->needs)
        return true;
    if (!target)
        return false;
    const struct sc_machine *m = sc_target_machine(target);
    return !((row->needs & SC_NEED_KERNEL) && !m->kernel) &&
           !((row->needs & SC_NEED_USER) && m->kernel) &&
           !((row->needs & SC_NEED_WINDOWS) && !m->windows);
}

/* A new session each time: samples must not need one another. */
static const char *run_sample(const struct sc_command *row, sc_target *target) {
    size_t printed = 0;
    sc_out *out = NULL;
    sc_session *session = NULL;
    const char *why = NULL;
    sc_err *err = sc_out_create(SC_RENDER_JSON, count_bytes, &printed, false, &out);
    if (!err)
        err = sc_session_create(target, out, &session);
    if (err)
        why = "no session could be made";
    else if (sc_session_run(session, row->sample))
        why = "it failed";
    sc_session_destroy(session);
    sc_out_destroy(out);
    if (!why && !printed)
        why = "it printed nothing";
    sc_err_destroy(err);
    return why;
}

static int run_samples(sc_target *target) {
    unsigned number = 0, failed = 0;
    for (const struct sc_family *family = sc_families; family->title; family++) {
        for (const struct sc_command *row = family->commands; row->name; row++) {
            if (!accepts(row, target))
                continue;
            if (!row->sample) {
                printf("ok %u - %s # SKIP no sample works on every dump\n", ++number, row->name);
                continue;
            }
            const char *why = run_sample(row, target);
            failed += why != NULL;
            if (why)
                printf("# %s\n", why);
            printf("%sok %u - %s: %s\n", why ? "not " : "", ++number, row->name, row->sample);
        }
    }
    printf("1..%u\n", number);
    return failed ? STATUS_FAILED : STATUS_OK;
}

int manual_samples(const struct options *opt) {
    sc_target *target = NULL;
    sc_err *err = opt->dump ? run_open(opt, opt->dump, &target) : NULL;
    if (err) {
        fprintf(stderr, "stopcode: %s\n", sc_err_text(err));
        sc_err_destroy(err);
        return STATUS_NOT_OPENED;
    }
    int status = run_samples(target);
    sc_target_close(target);
    return status;
}
