/* SPDX-License-Identifier: MIT */
/*
 * Text of instructions: numbers, addresses and names, and the line that stands for an instruction.
 *
 * The columns are those of WinDbg's listings: the address, the bytes in 16 columns, the mnemonic
 * in 8, the operands. Bytes of 8 or more push the operands one column to the right, where they
 * stay however many bytes there are: the mnemonic's column gives way. ARM64 shows the instruction
 * as the number it is, and has 12 columns for the mnemonic.
 */
#include <string.h>

#include "disasm/disasm_impl.h"

void sc_dtext_init(struct sc_dtext *t, char *buf, size_t size) {
    *t = (struct sc_dtext){buf, size, 0};
    if (size)
        *buf = 0;
}

void sc_dtext_char(struct sc_dtext *t, char c) {
    if (t->len + 1 >= t->room)
        return;
    t->buf[t->len++] = c;
    t->buf[t->len] = 0;
}

void sc_dtext_puts(struct sc_dtext *t, const char *s) {
    size_t n = strlen(s), left = t->room > t->len ? t->room - t->len : 0;
    if (!left)
        return;
    if (n >= left)
        n = left - 1;
    memcpy(t->buf + t->len, s, n);
    t->len += n;
    t->buf[t->len] = 0;
}

void sc_dtext_pad(struct sc_dtext *t, size_t width, size_t least) {
    while (least || t->len < width) {
        size_t before = t->len;
        sc_dtext_char(t, ' ');
        if (t->len == before)
            return;
        least -= least > 0;
    }
}

void sc_dtext_hex(struct sc_dtext *t, uint64_t value, unsigned digits, bool upper) {
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[17];
    unsigned n = 0;
    for (; n < 16 && (value || n < digits || !n); value >>= 4)
        text[15 - n++] = set[value & 15];
    text[16] = 0;
    sc_dtext_puts(t, text + 16 - n);
}

void sc_dtext_addr(struct sc_dtext *t, uint64_t addr, unsigned ptr_size) {
    if (ptr_size == 8) {
        sc_dtext_hex(t, addr >> 32, 8, false);
        sc_dtext_char(t, '`');
    }
    sc_dtext_hex(t, addr & UINT32_MAX, 8, false);
}

bool sc_dtext_name(struct sc_dtext *t, const sc_disasm *disasm, uint64_t addr) {
    char name[SC_INSN_NAME];
    if (!disasm->name || !disasm->name(disasm->name_ctx, addr, name, sizeof name))
        return false;
    sc_dtext_puts(t, name);
    sc_dtext_puts(t, " (");
    sc_dtext_addr(t, addr, disasm->ptr_size);
    sc_dtext_char(t, ')');
    return true;
}

void sc_dtext_place(struct sc_dtext *t, const sc_disasm *disasm, uint64_t addr) {
    if (!sc_dtext_name(t, disasm, addr))
        sc_dtext_addr(t, addr, disasm->ptr_size);
}

static void put_word_line(struct sc_dtext *t, const struct sc_insn *insn) {
    for (unsigned i = insn->length; i--;)
        sc_dtext_hex(t, insn->byte[i], 2, false);
    sc_dtext_char(t, ' ');
    size_t operands = t->len + 12;
    sc_dtext_puts(t, insn->mnemonic);
    if (!*insn->operands)
        return;
    sc_dtext_pad(t, operands, t->len >= operands);
    sc_dtext_puts(t, insn->operands);
}

static void put_byte_line(struct sc_dtext *t, const struct sc_insn *insn) {
    size_t start = t->len, digits = 2u * insn->length;
    for (unsigned i = 0; i < insn->length; i++)
        sc_dtext_hex(t, insn->byte[i], 2, false);
    sc_dtext_pad(t, start + 16, digits >= 16);
    sc_dtext_puts(t, insn->mnemonic);
    if (!*insn->operands)
        return;
    size_t operands = start + (digits >= 16 ? 25 : 24);
    sc_dtext_pad(t, operands, t->len >= operands);
    sc_dtext_puts(t, insn->operands);
}

size_t sc_insn_line(const struct sc_insn *insn, unsigned ptr_size, char *buf, size_t size) {
    struct sc_dtext t;
    sc_dtext_init(&t, buf, size);
    sc_dtext_addr(&t, insn->address, ptr_size);
    sc_dtext_char(&t, ' ');
    if (insn->words)
        put_word_line(&t, insn);
    else
        put_byte_line(&t, insn);
    return t.len;
}

size_t sc_insn_unread(uint64_t addr, unsigned ptr_size, char *buf, size_t size) {
    struct sc_dtext t;
    sc_dtext_init(&t, buf, size);
    sc_dtext_addr(&t, addr, ptr_size);
    sc_dtext_puts(&t, " ??              ???");
    return t.len;
}
