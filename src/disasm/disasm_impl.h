/* SPDX-License-Identifier: MIT */
/*
 * What the files of the disassembler share: the object, the CPUs' functions, and text put together
 * in a buffer that is cut where it ends.
 */
#ifndef STOPCODE_DISASM_IMPL_H
#define STOPCODE_DISASM_IMPL_H

#include "stopcode/disasm.h"

/* What a CPU's disassembler must be able to do. */
struct sc_disasm_ops {
    unsigned max, min; /* bytes of an instruction */
    void (*destroy)(void *impl);
    /*
     * Fills RET (its address, length of MIN, and the bytes are set; the rest is that of bytes that
     * are no instruction), with text when TEXT is set. SIZE is at most MAX.
     */
    void (*decode)(sc_disasm *disasm, const uint8_t *data, size_t size, bool text,
                   struct sc_insn *ret);
};

struct sc_disasm {
    const struct sc_disasm_ops *ops;
    void *impl;
    enum sc_cpu cpu;
    unsigned ptr_size;
    sc_disasm_name_fn name; /* NULL: nothing has a name */
    void *name_ctx;
};

/* library.c: a function of a library, and where the pointer to it is. */
struct sc_disasm_want {
    const char *name;
    void *function;
};
/* Opens SONAME and sets COUNT functions; SC_ERR_UNSUPPORTED: it, or one of them, is not there. */
sc_err *sc_disasm_library(const char *soname, const struct sc_disasm_want *want, size_t count,
                          void **ret_library);
void sc_disasm_library_close(void *library);

/* x86.c, arm64.c: open the library and set ops and impl. */
sc_err *sc_x86_create(sc_disasm *disasm);
sc_err *sc_arm64_create(sc_disasm *disasm);

/* ---- text.c ---- */

/* Text in a buffer; what does not fit is left out, and the NUL always does. */
struct sc_dtext {
    char *buf;
    size_t room, len;
};
void sc_dtext_init(struct sc_dtext *t, char *buf, size_t size);
void sc_dtext_char(struct sc_dtext *t, char c);
void sc_dtext_puts(struct sc_dtext *t, const char *s);
/* Blanks up to WIDTH characters, and at least LEAST of them. */
void sc_dtext_pad(struct sc_dtext *t, size_t width, size_t least);
/* Hexadecimal digits, lower case or upper, at least DIGITS of them. */
void sc_dtext_hex(struct sc_dtext *t, uint64_t value, unsigned digits, bool upper);
/* An address as in a line's first column. */
void sc_dtext_addr(struct sc_dtext *t, uint64_t addr, unsigned ptr_size);
/* "nt!Foo+0x12 (fffff800`01234567)"; false, and nothing written, when ADDR has no name. */
bool sc_dtext_name(struct sc_dtext *t, const sc_disasm *disasm, uint64_t addr);
/* The same, or the bare address. */
void sc_dtext_place(struct sc_dtext *t, const sc_disasm *disasm, uint64_t addr);

#endif
