/* SPDX-License-Identifier: MIT */
/*
 * Frame programs of x86: any text is run, twice, and must end the same way, inside its bounds. What
 * it calls bad must lie in it.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "unwind/program.h"

const char fuzz_name[] = "frame_program";

enum { LOW = 0x1000, HIGH = 0x2000, MOST = 3 * SC_PROGRAM_LENGTH };

struct run {
    struct sc_program p;
    unsigned reads, searches;
};

static enum sc_program_status on_read(void *ctx, uint64_t addr, uint64_t *ret_value) {
    struct run *r = ctx;
    r->reads++;
    if (addr < LOW || addr > HIGH - 4)
        return SC_PROGRAM_MEMORY;
    *ret_value = (uint32_t)(addr * 0x01000193u);
    return SC_PROGRAM_DONE;
}

static enum sc_program_status on_search(void *ctx, const uint64_t *start, uint64_t *ret_slot) {
    struct run *r = ctx;
    r->searches++;
    if (start && *start >= HIGH)
        return SC_PROGRAM_UNKNOWN;
    *ret_slot = start ? *start : LOW + 0x40;
    return SC_PROGRAM_DONE;
}

static enum sc_program_status run(struct run *r, const char *text) {
    r->reads = r->searches = 0;
    sc_program_init(&r->p, SC_PROGRAM_X86, on_read, r);
    r->p.search = on_search;
    sc_program_set(&r->p, "$esp", LOW);
    sc_program_set(&r->p, "$ebp", LOW + 0x80);
    sc_program_set(&r->p, "$eip", 0x401000);
    sc_program_set(&r->p, ".cbLocals", 8);
    return sc_program_run(&r->p, text);
}

static void check(const struct run *r, enum sc_program_status status, size_t size) {
    if (status > SC_PROGRAM_FAILED || r->p.nvars > SC_PROGRAM_VARS)
        fuzz_broken("status %d with %zu variables", (int)status, r->p.nvars);
    if (r->p.bad > size)
        fuzz_broken("byte %zu of %zu is bad", r->p.bad, size);
    if (r->reads > SC_PROGRAM_LENGTH || r->searches > SC_PROGRAM_LENGTH)
        fuzz_broken("%u reads, %u searches", r->reads, r->searches);
    for (size_t i = 0; i < r->p.nvars; i++)
        if (!memchr(r->p.var[i].name, 0, SC_PROGRAM_NAME))
            fuzz_broken("a name that does not end");
}

static void compare(const struct run *a, const struct run *b) {
    if (a->p.nvars != b->p.nvars || a->p.bad != b->p.bad || a->p.missing != b->p.missing)
        fuzz_broken("it ends otherwise the second time");
    for (size_t i = 0; i < a->p.nvars; i++)
        if (a->p.var[i].v.value != b->p.var[i].v.value ||
            strcmp(a->p.var[i].name, b->p.var[i].name) != 0)
            fuzz_broken("%s is another the second time", a->p.var[i].name);
}

void fuzz_one(const uint8_t *data, size_t size) {
    char text[MOST + 1];
    struct run first, second;
    if (size > MOST)
        size = MOST;
    memcpy(text, data, size);
    text[size] = 0;
    enum sc_program_status status = run(&first, text);
    check(&first, status, strlen(text));
    if (run(&second, text) != status)
        fuzz_broken("it answers otherwise the second time");
    compare(&first, &second);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const seeds[] = {
        "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =  $20 $T0 4 - ^ = ",
        "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =  $20 $T0 12 - ^ =  $22 $T0 16 - ^ = ",
        "$T0 $ebp = $T2 $esp = $T1 .raSearchStart = $eip $T1 ^ = $ebp $T0 = $esp $T1 4 + = ",
        "$T2 $esp .cbLocals + .cbSavedRegs + = $T0 .raSearchStart = $eip $T0 ^ = $esp $T0 4 + =",
        "$T1 .raSearch = $T0  $T1 4 - 8 @ = $ebp $T1 4 - ^ = $eip $T1 ^ = $esp $T1 4 + =",
        "$L 0x7fff 3 * 2 / 5 % -4 + =",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        add(ctx, seeds[i], strlen(seeds[i]));
}
