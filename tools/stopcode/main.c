/* SPDX-License-Identifier: MIT */
/*
 * stopcode, the program: options, then the library.
 *
 * Statuses: 0 done, 1 a command (or an analysis) failed, or nobody read the output; 2 the dump
 * could not be opened, or the command line is wrong.
 */
#include <stdio.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "batch.h"
#include "convert.h"
#include "manual.h"
#include "options.h"
#include "run.h"
#include "signals.h"
#include "symbols.h"

static int run_mode(const struct options *opt) {
    switch (opt->mode) {
    case MODE_VERSION: printf("stopcode %s\n", sc_version_string()); break;
    case MODE_HELP: options_help(stdout); break;
    case MODE_MANUAL: return manual_print();
    case MODE_SAMPLES: return manual_samples(opt);
    case MODE_ANALYZE: return batch_run(opt);
    case MODE_SYMBOLS: return symbols_run(opt);
    case MODE_CONVERT: return convert_run(opt);
    case MODE_DEBUG: return run_debug(opt);
    }
    return fflush(stdout) ? STATUS_FAILED : STATUS_OK;
}

/* An analysis takes and gives back the same memory again and again: it is not returned between. */
static void keep_memory(void) {
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
    mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
    mallopt(M_TOP_PAD, 512 * 1024);
#endif
}

int main(int argc, char **argv) {
    struct options opt;
    keep_memory();
    signals_setup();
    int status = options_parse(argc, argv, &opt) ? run_mode(&opt) : STATUS_NOT_OPENED;
    options_free(&opt);
    return status;
}
