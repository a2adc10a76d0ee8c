/* SPDX-License-Identifier: MIT */
/* The facts of ARM64 images: see unwind_facts.c. */
#include "corpus/unwind_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/arm64_machine.h"
#include "unwind/arm64.h"

#define TOP    UINT64_C(0x7ff000000)
#define RETURN UINT64_C(0x7ffe12345678)

enum {
    MEMORY = 0x400000,
    ABOVE = 0x1000, /* of the stack, above the frame */
    CALL_MAX = 64,  /* instructions of a function that a prolog calls */
};

struct arm64_facts {
    sc_target *target;
    sc_pe *pe;
    sc_unwinder *unwinder;
    struct sc_unwind_module *module;
    struct arm64_region region;
    struct a64 m, begin;
};

/* ---- codes ---- */

static void print_code(const struct arm64_info *info, uint32_t index, const struct arm64_code *c) {
    static const char *const names[] = {
        [ARM64_UW_ALLOC] = "alloc",
        [ARM64_UW_ALLOC_Z] = "alloc_z",
        [ARM64_UW_SAVE] = "save_x",
        [ARM64_UW_SAVE_LR] = "save_lr",
        [ARM64_UW_SAVE_D] = "save_d",
        [ARM64_UW_SAVE_Q] = "save_q",
        [ARM64_UW_SAVE_Z] = "save_z",
        [ARM64_UW_SET_FP] = "set_fp",
        [ARM64_UW_ADD_FP] = "add_fp",
        [ARM64_UW_NOP] = "nop",
        [ARM64_UW_END] = "end",
        [ARM64_UW_END_C] = "end_c",
        [ARM64_UW_SAVE_NEXT] = "save_next",
        [ARM64_UW_TRAP_FRAME] = "trap_frame",
        [ARM64_UW_MACHINE_FRAME] = "machine_frame",
        [ARM64_UW_CONTEXT] = "context",
        [ARM64_UW_EC_CONTEXT] = "ec_context",
        [ARM64_UW_CLEAR_UNWOUND_TO_CALL] = "clear_unwound_to_call",
        [ARM64_UW_PAC_SIGN_LR] = "pac_sign_lr",
    };
    printf("code\t%" PRIu32 "\t0x", index);
    for (unsigned i = 0; i < c->bytes; i++)
        printf("%02x", info->codes[index + i]);
    printf("\t%s\t%u\t%u\t%d\t%" PRIu32 "\n", names[c->op], c->reg, c->count, c->pre, c->value);
}

/* Codes from INDEX on to their end. */
static void print_codes(const struct arm64_info *info, uint32_t index) {
    struct arm64_code c = {.op = ARM64_UW_NOP};
    for (; c.op != ARM64_UW_END; index += c.bytes) {
        if (!arm64_code(info, index, &c)) {
            printf("error\tcode at %" PRIu32 "\n", index);
            return;
        }
        print_code(info, index, &c);
    }
}

static void print_scopes(const struct arm64_facts *f, const struct arm64_info *info) {
    uint64_t missing;
    for (uint32_t i = 0; i < info->nepilogs; i++) {
        uint8_t raw[4];
        if (arm64_read(&f->region, info->scopes + 4 * i, raw, 4, &missing) != SC_STEP_DONE)
            return;
        printf("scope\t%u\t%u\n", raw[0] | raw[1] << 8 | (raw[2] & 3) << 16,
               raw[2] >> 6 | raw[3] << 2);
    }
}

static void print_function(struct arm64_facts *f, const struct arm64_entry *e,
                           const struct arm64_info *info) {
    printf("function\t0x%" PRIx32 "\t%" PRIu32 "\t0x%" PRIx32 "\t%d\t%" PRIu32 "\t%" PRIu32
           "\t%" PRIu32 "\n",
           e->begin, e->length, e->data, info->single, info->first, info->nepilogs, info->size);
    print_codes(info, 0);
    print_scopes(f, info);
}

/* ---- running ---- */

static enum sc_read fill(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    const struct arm64_facts *f = ctx;
    if (addr < f->m.base || addr >= TOP)
        return SC_READ_ABSENT;
    if (len > TOP - addr)
        len = (size_t)(TOP - addr);
    memcpy(buf, f->m.memory + (addr - f->m.base), len);
    *ret_got = len;
    return SC_READ_OK;
}

static bool fetch(const struct arm64_facts *f, uint32_t rva, uint32_t *ret) {
    uint64_t missing, word = 0;
    uint8_t raw[4];
    if (arm64_read(&f->region, rva, raw, 4, &missing) != SC_STEP_DONE)
        return false;
    for (unsigned i = 4; i-- > 0;)
        word = word << 8 | raw[i];
    *ret = (uint32_t)word;
    return true;
}

/* A function that a prolog or an epilog calls: it may move its caller's sp. */
static void run_call(struct arm64_facts *f, uint32_t rva) {
    uint32_t word;
    for (unsigned i = 0; i < CALL_MAX && fetch(f, rva, &word) && !a64_is_ret(word); i++, rva += 4)
        a64_run(&f->m, word);
}

static void run_one(struct arm64_facts *f, uint32_t rva, uint32_t word) {
    if (!a64_is_bl(word)) {
        a64_run(&f->m, word);
        return;
    }
    run_call(f, (uint32_t)(rva + (uint64_t)a64_branch_offset(word)));
    f->m.x[ARM64_LR] = f->region.base + rva + 4;
}

static void begin(struct arm64_facts *f) {
    for (unsigned i = 0; i < 32; i++) {
        f->m.x[i] = UINT64_C(0x1111000000000000) + i;
        for (unsigned k = 0; k < 16; k++)
            f->m.q[i][k] = (uint8_t)(16 * i + k);
    }
    f->m.x[ARM64_SP] = TOP - ABOVE;
    f->m.x[ARM64_LR] = RETURN;
    f->m.fault = false;
    f->begin = f->m;
}

static void put64(uint8_t *p, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get64(const uint8_t *p) {
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* One step from where the machine is; NULL: the caller's registers came back. */
static const char *try_step(struct arm64_facts *f, uint32_t rva, bool exact) {
    struct sc_regs regs = {.cpu = SC_CPU_ARM64, .size = 0x390};
    struct sc_step step = {.known = exact ? UINT64_MAX : 0xbffc0000};
    for (unsigned i = 0; i < 32; i++)
        put64(regs.raw + 8 + 8 * i, f->m.x[i]);
    put64(regs.raw + 0x108, f->region.base + rva);
    memcpy(regs.raw + 0x110, f->m.q, sizeof f->m.q);
    enum sc_step_status st = sc_step_arm64(f->unwinder, f->module, exact, &regs, &step);
    if (st != SC_STEP_DONE)
        return "status";
    if (sc_regs_ip(&regs) != RETURN)
        return "pc";
    if (sc_regs_sp(&regs) != TOP - ABOVE)
        return "sp";
    for (unsigned i = ARM64_X19; i <= ARM64_FP; i++)
        if (get64(regs.raw + 8 + 8 * i) != f->begin.x[i])
            return "x";
    for (unsigned i = 8; i < 16; i++)
        if (memcmp(regs.raw + 0x110 + 16 * i, f->begin.q[i], 8) != 0)
            return "d";
    return NULL;
}

/* Runs COUNT instructions from RVA on and looks at each, and behind the last one. */
static void run_range(struct arm64_facts *f, uint32_t rva, uint32_t count, const char *where) {
    uint32_t word = 0;
    for (uint32_t i = 0; i <= count; i++, rva += 4) {
        if (!fetch(f, rva, &word))
            return;
        const char *wrong = try_step(f, rva, true);
        printf("run\t0x%" PRIx32 "\t%s\t%s\t0x%08" PRIx32 "\n", rva, where, wrong ? wrong : "ok",
               word);
        if (i < count)
            run_one(f, rva, word);
    }
}

static bool moves_sp(uint32_t word) { return (word & 0xbf8003ff) == 0x910003ff; }

/* Does a function that begins at RVA return with another sp? __security_push_cookie does. */
static bool pushes(const struct arm64_facts *f, uint32_t rva) {
    uint32_t word;
    for (unsigned i = 0; i < 8 && fetch(f, rva + 4 * i, &word); i++) {
        if (a64_is_ret(word))
            return true;
        if (moves_sp(word) != !i)
            return false;
    }
    return false;
}

/*
 * What the body does to the stack: room for arguments and for a cookie is made there. Not what the
 * epilogs do that lie in it.
 */
static void run_body(struct arm64_facts *f, uint32_t rva, uint32_t end, const bool *in_epilog) {
    uint32_t word;
    for (uint32_t i = 0; rva + 4 * i < end && fetch(f, rva + 4 * i, &word); i++) {
        uint32_t target = (uint32_t)(rva + 4 * i + (uint64_t)a64_branch_offset(word));
        if (in_epilog[i])
            continue;
        if (moves_sp(word) || (a64_is_bl(word) && pushes(f, target)))
            run_one(f, rva + 4 * i, word);
    }
}

struct epilog {
    uint32_t start, insns; /* the return is one more */
};

static bool epilog_at(const struct arm64_facts *f, const struct arm64_info *info, uint32_t i,
                      struct epilog *ret) {
    uint32_t word = info->first << 22;
    if (!info->single && !fetch(f, info->scopes + 4 * i, &word))
        return false;
    if (!arm64_scope(info, word >> 22, &ret->insns))
        return false;
    ret->start = info->single ? info->length - ret->insns - 1 : word & 0x3ffff;
    return ret->start + ret->insns < info->length;
}

/* The prolog, then each epilog from the state that the prolog and the body left. */
static void run_function(struct arm64_facts *f, const struct arm64_entry *e,
                         const struct arm64_info *info) {
    uint32_t prolog = 0, count = info->nepilogs + info->single;
    struct epilog ep;
    uint8_t *stack = malloc(MEMORY);
    bool *in_epilog = calloc(info->length + 1, sizeof *in_epilog);
    if (!stack || !in_epilog || info->codes[0] == 0xe5 || !arm64_scope(info, 0, &prolog)) {
        free(stack);
        free(in_epilog); /* a fragment: its prolog is elsewhere */
        return;
    }
    begin(f);
    run_range(f, e->begin, prolog, "prolog");
    const struct a64 body = f->m;
    memcpy(stack, f->m.memory, MEMORY);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; epilog_at(f, info, i, &ep) && k <= ep.insns; k++)
            in_epilog[ep.start + k] = true;
    for (uint32_t i = 0; i < count; i++) {
        if (!epilog_at(f, info, i, &ep))
            continue;
        f->m = body;
        memcpy(f->m.memory, stack, MEMORY);
        run_body(f, e->begin + 4 * prolog, e->begin + 4 * ep.start, in_epilog + prolog);
        run_range(f, e->begin + 4 * ep.start, ep.insns, "epilog");
    }
    free(stack);
    free(in_epilog);
}

/* ---- both ---- */

static sc_err *open_facts(struct arm64_facts *f, sc_target *target, uint64_t base) {
    sc_err *err = sc_pe_open_memory(sc_target_space(target), base, "image", &f->pe);
    if (!err)
        err = sc_unwinder_create(target, NULL, &f->unwinder);
    if (!err)
        err = sc_unwind_module_at(f->unwinder, base, &f->module);
    if (err)
        return err;
    f->region = (struct arm64_region){.space = sc_target_space(target),
                                      .base = base,
                                      .size = f->module->size,
                                      .table = sc_pe_headers(f->pe)->dir[SC_PE_DIR_EXCEPTION].rva,
                                      .count = (uint32_t)sc_pe_function_count(f->pe)};
    f->m = (struct a64){.base = TOP - MEMORY, .size = MEMORY, .memory = calloc(1, MEMORY)};
    if (!f->m.memory)
        return sc_err_nomem();
    return sc_space_add_filler(f->region.space, "stack", fill, f);
}

static void with_function(struct arm64_facts *f, uint32_t index, bool run) {
    struct arm64_entry e;
    struct arm64_info info;
    uint32_t begin_rva = 0;
    uint64_t missing = 0;
    bool found = false;
    if (!fetch(f, f->region.table + 8 * index, &begin_rva) ||
        arm64_find(&f->region, begin_rva, &e, &found, &missing) != SC_STEP_DONE || !found ||
        arm64_info(&f->region, &e, &info, &missing) != SC_STEP_DONE)
        printf("error\tentry %" PRIu32 " at 0x%" PRIx32 ", missing 0x%" PRIx64 "\n", index,
               begin_rva, missing);
    else if (run)
        run_function(f, &e, &info);
    else
        print_function(f, &e, &info);
}

sc_err *arm64_facts(sc_target *target, uint64_t base, bool run) {
    struct arm64_facts f = {.target = target};
    sc_err *err = open_facts(&f, target, base);
    for (uint32_t i = 0; !err && i < f.region.count; i++)
        with_function(&f, i, run);
    sc_unwinder_destroy(f.unwinder);
    sc_pe_close(f.pe);
    if (f.m.memory)
        sc_space_remove_filler(sc_target_space(target), fill, &f);
    free(f.m.memory);
    return err;
}
