/* SPDX-License-Identifier: MIT */
/*
 * hook: the check of the kernel's own code (0x109) found a function changed, and what stands there
 * now is a jump into a driver: it redirects the function to itself. LIKELY: the code is in the
 * dump, but who wrote it there is not, and a driver may be hooked by another one in its turn.
 *
 * Jumps, as hooks are written:
 *     e9 rel32                            ff 25 rel32 (x64), ff 25 abs32 (x86): through memory
 *     [49]48 b8+r imm64  [41]ff e0+r      68 imm32 [c7 44 24 04 imm32] c3
 */
#include <string.h>

#include "analyze/advice.h"
#include "analyze/rule.h"

enum { CODE_INTEGRITY = 0x109, CODE_BYTES = 16 };

static uint64_t number(const uint8_t *p, size_t size) {
    uint64_t value = 0;
    while (size-- > 0)
        value = value << 8 | p[size];
    return value;
}

static uint64_t relative(uint64_t next, const uint8_t *rel32) {
    return next + (uint64_t)(int64_t)(int32_t)number(rel32, 4);
}

/* mov reg, imm64; jmp reg */
static bool through_register(const uint8_t *p, uint64_t *ret) {
    bool high = p[0] == 0x49;
    if ((p[0] != 0x48 && !high) || (p[1] & 0xf8) != 0xb8)
        return false;
    const uint8_t *jmp = p + 10;
    if (high && *jmp++ != 0x41)
        return false;
    if (jmp[0] != 0xff || jmp[1] != (0xe0 | (p[1] & 7)))
        return false;
    *ret = number(p + 2, 8);
    return true;
}

/* push imm32; mov dword ptr [rsp+4], imm32; ret */
static bool through_return(const uint8_t *p, uint64_t *ret) {
    static const uint8_t high[] = {0xc7, 0x44, 0x24, 0x04};
    if (p[0] != 0x68)
        return false;
    *ret = number(p + 1, 4);
    if (p[5] == 0xc3)
        return true;
    if (memcmp(p + 5, high, sizeof high) != 0 || p[13] != 0xc3)
        return false;
    *ret |= number(p + 9, 4) << 32;
    return true;
}

/* Where the jump at the start of the CODE_BYTES bytes at P, which lie at ADDR, leads. */
static bool jump_target(struct sc_case *c, uint64_t addr, const uint8_t *p, uint64_t *ret) {
    if (p[0] == 0xe9) {
        *ret = relative(addr + 5, p + 1);
        return true;
    }
    if (p[0] == 0xff && p[1] == 0x25) {
        uint64_t slot = c->is32 ? number(p + 2, 4) : relative(addr + 6, p + 2);
        return sc_space_ptr(sc_target_space(c->target), slot, ret) == SC_READ_OK;
    }
    return (!c->is32 && through_register(p, ret)) || through_return(p, ret);
}

static void write(struct sc_case *c, uint64_t at, uint64_t target, const struct sc_module *m) {
    struct sc_draft d;
    sc_draft_init(&d, SC_LIKELY);
    d.f.module = m;
    d.f.symbol = sc_case_place(c, target);
    d.f.summary =
        sc_case_text(c,
                     "%s has taken over a function of Windows' kernel, which Windows does "
                     "not allow.",
                     sc_case_who(c, m));
    d.f.detail = sc_case_text(c, "At %s, which was found changed, a jump leads to %s.",
                              sc_case_place(c, at), d.f.symbol);
    sc_draft_show(c, &d, SC_UNSET64, ".bugcheck", "Parameter 3 is the code that was changed, %s.",
                  sc_case_addr(c, at));
    sc_draft_show(c, &d, at, sc_case_text(c, "u %s L2", sc_case_hex(c, at)),
                  "What stands there now jumps to %s.", sc_case_addr(c, target));
    sc_draft_show(c, &d, target, sc_case_lm(c, target), "That lies in %s.", sc_case_extent(c, m));
    sc_show_module(c, &d, m);
    sc_draft_next(c, &d, "%s: whose is it, and is there a version that leaves the kernel alone?",
                  sc_case_lmvm(c, m));
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    uint8_t code[CODE_BYTES];
    uint64_t at = c->a->arg[2].value, target = 0;
    bool x86 = c->machine->cpu == SC_CPU_X64 || c->machine->cpu == SC_CPU_X86;
    if (sc_plain_code(c->a->code) != CODE_INTEGRITY || !x86 || !sc_target_module_at(c->target, at))
        return;
    size_t got = 0;
    memset(code, 0, sizeof code);
    sc_space_read(sc_target_space(c->target), at, code, sizeof code, &got);
    if (!jump_target(c, at, code, &target))
        return;
    const struct sc_module *m = sc_target_module_at(c->target, target);
    if (m && !sc_case_is_kernel(m))
        write(c, at, target, m);
}

const struct sc_rule sc_rule_hook = {
    "hook",
    "A function of the kernel was found changed and jumps into a driver.",
    SC_RULE_KERNEL | SC_RULE_BUGCHECK,
    run,
};
