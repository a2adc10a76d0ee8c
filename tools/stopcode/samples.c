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

/* What a sample printed: the last of it, which holds its error. */
struct printed {
    char text[512];
    size_t len;
};

static bool keep(void *ctx, const char *data, size_t len) {
    struct printed *p = ctx;
    for (size_t i = 0; i < len; i++) {
        if (p->len == sizeof p->text - 1) {
            memmove(p->text, p->text + p->len / 2, p->len - p->len / 2);
            p->len -= p->len / 2;
        }
        p->text[p->len++] = data[i];
    }
    p->text[p->len] = '\0';
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
           !((row->needs & SC_NEED_PROCESS) && m->kernel && !sc_target_has_paging(target)) &&
           !((row->needs & SC_NEED_WINDOWS) && !m->windows);
}

/* Is the error that the dump has nothing of it, not its memory, or that no dump can? */
static bool says_why(const char *text) {
    return strstr(text, "\"code\":\"not-found\"") || strstr(text, "\"code\":\"memory\"") ||
           strstr(text, "\"code\":\"unsupported\"");
}

enum result { RAN, FAILED, LACKS };

/*
 * A new session each time: samples must not need one another. LACKS: the dump has not what the
 * command shows, and it said so.
 */
static enum result run_sample(const struct sc_command *row, sc_target *target) {
    struct printed printed = {.len = 0};
    sc_out *out = NULL;
    sc_session *session = NULL;
    sc_err *err = sc_out_create(SC_RENDER_JSON, keep, &printed, false, &out);
    if (!err)
        err = sc_session_create(target, out, &session);
    unsigned failed = err ? 1 : sc_session_run(session, row->sample);
    sc_session_destroy(session);
    sc_out_destroy(out);
    sc_err_destroy(err);
    if (failed)
        return says_why(printed.text) ? LACKS : FAILED;
    return printed.len ? RAN : FAILED;
}

/* One line of TAP; true when the sample failed. */
static bool sample_case(const struct sc_command *row, sc_target *target, unsigned number) {
    if (!row->sample) {
        printf("ok %u - %s # SKIP no sample works on every dump\n", number, row->name);
        return false;
    }
    enum result result = run_sample(row, target);
    printf("%sok %u - %s: %s%s\n", result == FAILED ? "not " : "", number, row->name, row->sample,
           result == LACKS ? " # SKIP the dump has nothing of it" : "");
    return result == FAILED;
}

static int run_samples(sc_target *target) {
    unsigned number = 0, failed = 0;
    for (const struct sc_family *family = sc_families; family->title; family++) {
        for (const struct sc_command *row = family->commands; row->name; row++) {
            if (!accepts(row, target))
                continue;
            failed += sample_case(row, target, ++number);
        }
    }
    printf("1..%u\n", number);
    return failed ? STATUS_FAILED : STATUS_OK;
}

int manual_samples(const struct options *opt) {
    sc_target *target = NULL;
    sc_err *err = opt->dump ? run_open(opt, opt->dump, &target) : NULL;
    if (err) {
        say("%s", sc_err_text(err));
        sc_err_destroy(err);
        return STATUS_NOT_OPENED;
    }
    int status = run_samples(target);
    sc_target_close(target);
    return status;
}
