/* SPDX-License-Identifier: MIT */
/*
 * Runs commands on a made kernel of x64 whose symbols are a real symbol table and whose memory is
 * a file; for pool_compare.py.
 *
 *   pool_facts TABLE BUILD BASE MEMORY LINE…     JSON on stdout
 *
 * MEMORY: records of address and size (8 bytes each, little endian) and the bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "isf/isf.h"
#include "stopcode/symtab.h"
#include "stopcode/target.h"

enum { RUNS = 4096 };

static int fail(sc_err *err) {
    fprintf(stderr, "pool_facts: %s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

static bool to_stdout(void *ctx, const char *data, size_t len) {
    (void)ctx;
    return fwrite(data, 1, len, stdout) == len;
}

/* The file's records; their number, or -1. */
static int load(const char *path, struct sc_fake_bytes *run) {
    FILE *f = fopen(path, "rb");
    uint64_t head[2];
    int n = 0;
    while (f && n >= 0 && fread(head, sizeof head, 1, f) == 1) {
        void *bytes = n < RUNS && head[1] < UINT32_MAX ? malloc((size_t)head[1]) : NULL;
        if (!bytes || fread(bytes, (size_t)head[1], 1, f) != 1) {
            free(bytes);
            n = -1;
        } else {
            run[n++] = (struct sc_fake_bytes){head[0], bytes, (size_t)head[1]};
        }
    }
    if (f)
        fclose(f);
    return f ? n : -1;
}

static sc_err *run_lines(sc_target *target, sc_symbols *symbols, int count, char **line) {
    const struct sc_modules *modules;
    sc_out *out = NULL;
    sc_session *session = NULL;
    sc_err *err = sc_out_create(SC_RENDER_JSON, to_stdout, NULL, false, &out);
    if (!err)
        err = sc_session_create(target, out, &session);
    if (!err)
        err = sc_session_set_paths(session, NULL, NULL);
    if (!err)
        err = sc_target_modules(target, &modules);
    if (!err)
        err = sc_symtab_attach(sc_session_symtab(session), &modules->item[0], symbols, "test");
    for (int i = 0; !err && i < count; i++)
        sc_session_run(session, line[i]);
    sc_session_destroy(session);
    sc_out_destroy(out);
    return err;
}

int main(int argc, char **argv) {
    static struct sc_fake_bytes run[RUNS];
    if (argc < 6)
        return 2;
    uint64_t base = strtoull(argv[3], NULL, 16);
    struct sc_machine m = {.cpu = SC_CPU_X64,
                           .kernel = true,
                           .windows = true,
                           .platform = "Windows",
                           .ncpus = 2,
                           .major = 10,
                           .build = (uint32_t)strtoul(argv[2], NULL, 10),
                           .service_pack = "",
                           .kernel_base = base};
    const struct sc_module nt = {.base = base,
                                 .size = 0x2000000,
                                 .name = "nt",
                                 .image = "ntoskrnl.exe",
                                 .path = "ntoskrnl.exe"};
    /* Where pool_compare.py puts the PRCB of processor 0. */
    const struct sc_thread thread = {.context_off = UINT64_MAX, .prcb = 0xffffc00d04000180};
    int n = load(argv[4], run);
    if (n < 0) {
        fprintf(stderr, "pool_facts: %s cannot be read\n", argv[4]);
        return 1;
    }
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = m.cpu,
                                 .kernel = true,
                                 .machine = &m,
                                 .modules = &nt,
                                 .nmodules = 1,
                                 .threads = &thread,
                                 .nthreads = 1,
                                 .memory = run,
                                 .nmemory = (size_t)n};
    sc_symbols *symbols = NULL;
    sc_target *target = NULL;
    sc_err *err = sc_isf_open_with(argv[1], &(struct sc_isf_options){.cache = ""}, &symbols, NULL);
    if (!err)
        err = sc_target_fake(&fake, &target);
    if (!err)
        err = run_lines(target, symbols, argc - 5, argv + 5);
    sc_target_close(target);
    sc_symbols_unref(symbols);
    for (int i = 0; i < n; i++)
        free((void *)run[i].data);
    return err ? fail(err) : 0;
}
