/* SPDX-License-Identifier: MIT */
/*
 * ARM64 in WinDbg's look, from LLVM's text. What differs, by published listings of WinDbg and of
 * Microsoft's compiler, which write alike:
 *
 *     LLVM                              WinDbg
 *     b.eq   #0xc                       beq         nt!KiPageFault+0x12 (fffff800`01234567)
 *     stp    x29, x30, [sp, #-0x10]!    stp         fp,lr,[sp,#-0x10]!
 *     ldr    x8, [x18, #0xb0]           ldr         x8,[xpr,#0xB0]
 *     br     x16                        br          xip0
 *     mov    x8, #0x1                   mov         x8,#1
 *     ldr    w8, [x9, w8, uxtw #2]      ldr         w8,[x9,w8 uxtw #2]
 *     adrp   x8, #0                     adrp        x8,nt!KiTable (fffff800`01234000)
 */
#include <ctype.h>
#include <string.h>

#include "disasm/arm64_impl.h"

/* Registers that have names of their own. */
static const struct {
    const char *llvm, *name;
} renamed[] = {{"x29", "fp"},  {"x30", "lr"},   {"x16", "xip0"}, {"x17", "xip1"},
               {"x18", "xpr"}, {"w16", "wip0"}, {"w17", "wip1"}, {"w18", "wpr"}};

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '.'; }

/* A word of letters and digits: a register, a condition, `lsl`. Returns what is behind it. */
static const char *put_word(struct sc_dtext *t, const char *p) {
    const char *end = p;
    while (is_word(*end))
        end++;
    size_t n = (size_t)(end - p);
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
        if (n == 3 && !memcmp(renamed[i].llvm, p, 3)) {
            sc_dtext_puts(t, renamed[i].name);
            return end;
        }
    while (p < end)
        sc_dtext_char(t, *p++);
    return end;
}

/* Behind '#': a hexadecimal number in capitals, one digit below 10 bare; a fraction as it is. */
static const char *put_number(struct sc_dtext *t, const char *p) {
    sc_dtext_char(t, *p++);
    if (*p == '-')
        sc_dtext_char(t, *p++);
    if (p[0] != '0' || p[1] != 'x') {
        while (is_word(*p))
            sc_dtext_char(t, *p++);
        return p;
    }
    uint64_t value = 0;
    for (p += 2; isxdigit((unsigned char)*p); p++)
        value = value << 4 |
                (uint64_t)(isdigit((unsigned char)*p) ? *p - '0'
                                                      : tolower((unsigned char)*p) - 'a' + 10);
    if (value >= 10)
        sc_dtext_puts(t, "0x");
    sc_dtext_hex(t, value, 1, true);
    return p;
}

/* Is the word at P what is done to the index before it: "lsl", "uxtw", "sxtw", "sxtx"? */
static bool is_extension(const char *p) {
    return !strncmp(p, "lsl", 3) || !strncmp(p, "uxt", 3) || !strncmp(p, "sxt", 3);
}

static void put_operands(struct sc_dtext *t, const char *p, const char *end) {
    bool inside = false;
    while (p < end) {
        if (*p == '#') {
            p = put_number(t, p);
        } else if (is_word(*p)) {
            p = put_word(t, p);
        } else if (*p == ',' && p[1] == ' ') {
            sc_dtext_char(t, inside && is_extension(p + 2) ? ' ' : ',');
            p += 2;
        } else {
            inside = *p == '[' || (inside && *p != ']');
            sc_dtext_char(t, *p++);
        }
    }
}

/* "b.eq" is one word here; vectors' arrangements are in the operands, not in mnemonics. */
static void put_mnemonic(struct sc_dtext *t, const char *p, const char *end) {
    bool condition = end - p > 2 && p[0] == 'b' && p[1] == '.';
    for (; p < end; p++)
        if (!condition || *p != '.')
            sc_dtext_char(t, *p);
}

void sc_arm64_text(const char *llvm, const sc_disasm *disasm, bool relative, uint64_t place,
                   struct sc_insn *insn) {
    struct sc_dtext t;
    const char *p = llvm + strspn(llvm, "\t "), *end = p + strcspn(p, "\t ");
    sc_dtext_init(&t, insn->mnemonic, sizeof insn->mnemonic);
    put_mnemonic(&t, p, end);
    p = end + strspn(end, "\t ");
    end = p + strcspn(p, "\n");
    sc_dtext_init(&t, insn->operands, sizeof insn->operands);
    if (!relative) {
        put_operands(&t, p, end);
        return;
    }
    const char *last = end;
    while (last > p && *last != '#')
        last--;
    put_operands(&t, p, last);
    sc_dtext_place(&t, disasm, place);
}
