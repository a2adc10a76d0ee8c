/* SPDX-License-Identifier: MIT */
/*
 * Microdumps: lines of a system log, of which these count, behind whatever the log put before them:
 *
 *     google-breakpad( 3728): O A arm64 …                  the machine
 *     google-breakpad( 3728): S 0 SP START SIZE            the stack
 *     google-breakpad( 3728): S ADDRESS BYTES              a part of it
 *     google-breakpad( 3728): C BYTES                      the context, as Breakpad has it
 *     google-breakpad( 3728): M BASE OFFSET SIZE ID NAME   a module
 *
 * Numbers and bytes are hexadecimal. Breakpad's contexts of ARM and (the older one) of ARM64 have
 * their registers where CONTEXT has them.
 */
#include "corpus/microdump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODULES = 64, NAME = 64, STACK_MAX = 1 << 20, LINE_MAX_ = 1 << 14 };

struct microdump {
    enum sc_cpu cpu;
    uint64_t start;
    uint8_t *stack;
    size_t size;
    uint8_t context[SC_CONTEXT_MAX];
    struct sc_module module[MODULES];
    char name[MODULES][NAME];
    size_t nmodules;
};

static size_t bytes(const char *hex, uint8_t *buf, size_t room) {
    size_t n = 0;
    unsigned byte;
    for (; n < room && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        buf[n] = (uint8_t)byte;
    return n;
}

static void take_stack(struct microdump *d, const char *text) {
    uint64_t at, sp, start, size;
    int skip = 0;
    if (sscanf(text, "0 %" SCNx64 " %" SCNx64 " %" SCNx64, &sp, &start, &size) == 3) {
        d->start = start;
        d->size = size <= STACK_MAX ? (size_t)size : 0;
        free(d->stack);
        d->stack = calloc(1, d->size + 1);
    } else if (sscanf(text, "%" SCNx64 " %n", &at, &skip) == 1 && d->stack &&
               at - d->start < d->size) {
        bytes(text + skip, d->stack + (at - d->start), d->size - (size_t)(at - d->start));
    }
}

static void take_module(struct microdump *d, const char *text) {
    uint64_t base, offset, size;
    char *name = d->name[d->nmodules];
    unsigned a, b, c, e[8], age;
    if (d->nmodules == MODULES ||
        sscanf(text, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %8x%4x%4x%2x%2x%2x%2x%2x%2x%2x%2x%x %63s",
               &base, &offset, &size, &a, &b, &c, &e[0], &e[1], &e[2], &e[3], &e[4], &e[5], &e[6],
               &e[7], &age, name) != 16)
        return;
    struct sc_module *m = &d->module[d->nmodules++];
    *m = (struct sc_module){.base = base, .size = size, .name = name, .image = name, .path = name};
    m->codeview = (struct sc_codeview){
        .kind = SC_CV_ELF, .guid = {.a = a, .b = (uint16_t)b, .c = (uint16_t)c}, .age = age};
    for (unsigned i = 0; i < 8; i++)
        m->codeview.guid.d[i] = (uint8_t)e[i];
}

static void take_line(struct microdump *d, const char *line) {
    const char *at = strstr(line, "): ");
    if (!strstr(line, "google-breakpad") || !at || at[3] == '\0' || at[4] != ' ')
        return;
    const char *text = at + 5;
    switch (at[3]) {
    case 'O':
        d->cpu = !strncmp(text, "A arm64 ", 8) ? SC_CPU_ARM64
                 : !strncmp(text, "A arm ", 6) ? SC_CPU_ARM
                                               : SC_CPU_UNKNOWN;
        break;
    case 'S': take_stack(d, text); break;
    case 'C': bytes(text, d->context, sizeof d->context); break;
    case 'M': take_module(d, text); break;
    default: break;
    }
}

static sc_err *make(struct microdump *d, const char *path, sc_target **ret) {
    struct sc_regs regs;
    struct sc_machine machine = {
        .cpu = d->cpu, .platform = "Android", .event_context_off = SC_UNSET64};
    struct sc_fake_bytes memory = {d->start, d->stack, d->size};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = d->cpu,
                           .machine = &machine,
                           .modules = d->module,
                           .nmodules = d->nmodules,
                           .memory = &memory,
                           .nmemory = 1,
                           .regs = &regs};
    if (!d->stack || (d->cpu != SC_CPU_ARM && d->cpu != SC_CPU_ARM64))
        return sc_errf(SC_ERR_UNSUPPORTED, "%s: no microdump of ARM", path);
    memcpy(d->context, d->cpu == SC_CPU_ARM ? "\x07\0\x20\0" : "\x07\0\x40\0", 4);
    sc_err *err = sc_regs_init(&regs, d->cpu, d->context, sc_context_size(d->cpu));
    return err ? err : sc_target_fake(&fake, ret);
}

sc_err *microdump_open(const char *path, sc_target **ret_target) {
    struct microdump *d = calloc(1, sizeof *d);
    char *line = malloc(LINE_MAX_);
    FILE *f = d && line ? fopen(path, "r") : NULL;
    while (f && fgets(line, LINE_MAX_, f))
        take_line(d, line);
    sc_err *err = !d || !line ? sc_err_nomem()
                  : !f        ? sc_errf(SC_ERR_IO, "%s cannot be opened", path)
                              : make(d, path, ret_target);
    if (f)
        fclose(f);
    if (d)
        free(d->stack);
    free(line);
    free(d);
    return err;
}
