/* SPDX-License-Identifier: MIT */
/*
 * What the code of an x86 image does to the stack between two places, for frame_code_compare.py.
 * Questions are lines on stdin, "START STOP" (RVAs, hexadecimal); answers are lines:
 *
 *     -                          it is not simple enough
 *     DEPTH EBP_DEPTH REG:DEPTH…  `-` for a depth that is not known; registers saved
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "stopcode/pe.h"
#include "unwind/x86_code.h"

enum { BASE = 0x10000000, IMAGE_MAX = 64 << 20 };

static int fail(sc_err *err) {
    fprintf(stderr, "entry_facts: %s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

static void print_entry(const struct x86_entry *e) {
    if (e->has_depth)
        printf("%" PRIu32, e->depth);
    else
        printf("-");
    if (e->has_ebp)
        printf(" %" PRId32, e->ebp_depth);
    else
        printf(" -");
    for (unsigned r = 0; r < X86_GPRS; r++)
        if (e->saved >> r & 1)
            printf(" %s:%" PRIu32, sc_x86_names[r], e->saved_depth[r]);
    printf("\n");
}

static sc_err *answer(struct sc_unwinder *u) {
    char line[100];
    while (fgets(line, sizeof line, stdin)) {
        char *end;
        uint32_t start = (uint32_t)strtoul(line, &end, 16);
        uint32_t stop = (uint32_t)strtoul(end, NULL, 16);
        struct sc_step step = {0};
        struct x86_step s = {.u = u, .exact_ip = true, .step = &step};
        struct x86_entry e;
        enum sc_step_status status = sc_x86_entry(&s, BASE + start, BASE + stop, &e);
        if (status == SC_STEP_ERROR)
            return step.err;
        if (status == SC_STEP_DONE)
            print_entry(&e);
        else
            printf("-\n");
    }
    return NULL;
}

/* The image as the loader maps it, at BASE. */
static sc_err *open_image(const char *path, uint8_t **ret_data, sc_target **ret_target) {
    sc_pe *pe = NULL;
    sc_err *err = sc_pe_open(path, &pe);
    if (err)
        return err;
    const uint32_t size = sc_pe_headers(pe)->image_size;
    uint8_t *data = size <= IMAGE_MAX ? calloc(1, size) : NULL;
    for (uint32_t at = 0; data && at < size; at += 0x1000)
        sc_pe_read(pe, at, data + at, size - at < 0x1000 ? size - at : 0x1000, NULL);
    sc_pe_close(pe);
    if (!data)
        return sc_err_nomem();
    const struct sc_module module = {
        .base = BASE, .size = size, .name = "image", .image = "image.exe"};
    const struct sc_fake_bytes bytes = {BASE, data, size};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X86,
                                 .modules = &module,
                                 .nmodules = 1,
                                 .memory = &bytes,
                                 .nmemory = 1};
    *ret_data = data;
    return sc_target_fake(&fake, ret_target);
}

int main(int argc, char **argv) {
    uint8_t *data = NULL;
    sc_target *target = NULL;
    sc_unwinder *u = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: entry_facts IMAGE\n");
        return 2;
    }
    sc_err *err = open_image(argv[1], &data, &target);
    if (!err)
        err = sc_unwinder_create(target, NULL, &u);
    if (!err)
        err = answer(u);
    sc_unwinder_destroy(u);
    sc_target_close(target);
    free(data);
    return err ? fail(err) : 0;
}
