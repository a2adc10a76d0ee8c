/* SPDX-License-Identifier: MIT */
/*
 * MASM expressions. Byte 0 chooses radix and pointer size; the rest is the text. What is evaluated
 * whole must have the same value as when it is evaluated as a prefix that reaches the end.
 */
#include <string.h>

#include "expr/expr.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "expr";

static bool symbol(void *ctx, const char *name, uint64_t *ret_value) {
    (void)ctx;
    if (strcmp(name, "nt") != 0 && strcmp(name, "nt!KiBugCheckData") != 0)
        return false;
    *ret_value = 0xfffff80010000000;
    return true;
}

static bool reg(void *ctx, const char *name, uint64_t *ret_value) {
    (void)ctx;
    if (strcmp(name, "rip") != 0 && strcmp(name, "rax") != 0 && name[0] != '$')
        return false;
    *ret_value = 0x1234;
    return true;
}

static enum sc_read read(void *ctx, uint64_t addr, unsigned size, bool physical,
                         uint64_t *ret_value) {
    (void)ctx, (void)physical;
    if (addr & 0x800)
        return SC_READ_ABSENT;
    *ret_value = addr >> (size & 7);
    return SC_READ_OK;
}

static bool dot(void *ctx, uint64_t *ret_value) {
    (void)ctx;
    *ret_value = 0x401000;
    return true;
}

static void evaluate(const struct sc_expr_env *env, const char *text) {
    uint64_t whole = 0, prefix = 0;
    const char *end = NULL;
    sc_err *err = sc_expr_eval(env, text, &whole);
    sc_err *part = sc_expr_prefix(env, text, &prefix, &end);
    if (!part && (end < text || end > text + strlen(text)))
        fuzz_broken("a prefix ends outside the text \"%s\"", text);
    if (!err && !part && !end[strspn(end, " \t")] && whole != prefix)
        fuzz_broken("\"%s\" is %llx as a whole and %llx as a prefix", text,
                    (unsigned long long)whole, (unsigned long long)prefix);
    sc_err_destroy(err);
    sc_err_destroy(part);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static const unsigned radix[] = {16, 10, 8, 16};
    char text[1025];
    if (!size)
        return;
    size_t len = size - 1 < sizeof text - 1 ? size - 1 : sizeof text - 1;
    memcpy(text, data + 1, len);
    text[len] = 0;
    struct sc_expr_env env = {.radix = radix[data[0] & 3],
                              .ptr_size = data[0] & 4 ? 4 : 8,
                              .symbol = data[0] & 8 ? NULL : symbol,
                              .reg = reg,
                              .read = data[0] & 16 ? NULL : read,
                              .dot = data[0] & 32 ? NULL : dot};
    evaluate(&env, text);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const texts[] = {"1",
                                        "0n10+0x10",
                                        "(1+2)*3",
                                        "poi(nt+8)",
                                        "@rip+4",
                                        "nt!KiBugCheckData",
                                        "fffff800`10000000",
                                        "by(1000) wo(1000) dwo(1000)",
                                        "low(12345678)|hi(9)",
                                        "$iment(nt)",
                                        "not 1 & 3 xor 4",
                                        "5 mod 3 << 2 >>> 1",
                                        "1==1 and 2!=3 or 0",
                                        "@$t0",
                                        "@@(1)",
                                        "-1",
                                        "~0",
                                        "0y1010",
                                        "0t17",
                                        "'abcd'",
                                        ".",
                                        "((((((((1))))))))",
                                        "1 >= 2",
                                        "qwo(@rax)",
                                        "@!\"nt\"",
                                        "poi poi poi 8"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char seed[128] = {(char)(i & 1 ? 4 : 0)};
        strcpy(seed + 1, texts[i]);
        add(ctx, seed, 1 + strlen(texts[i]));
    }
}
