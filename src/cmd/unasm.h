/* SPDX-License-Identifier: MIT */
/*
 * Showing code: what u, ub, uf and the line below `r` share. A view holds a disassembler, a window
 * of memory, and what the address being shown belongs to, so that a line costs no look-up unless
 * something changes.
 */
#ifndef STOPCODE_CMD_UNASM_H
#define STOPCODE_CMD_UNASM_H

#include "cmd/symbols.h"
#include "stopcode/disasm.h"

enum { SC_UNASM_WINDOW = 4096, SC_UNASM_NAME = SC_INSN_NAME };

/* What an address belongs to, and from where to where that is so. */
struct sc_unasm_place {
    uint64_t start, end;            /* [start, end); equal: nothing is known yet */
    char symbol[SC_UNASM_NAME];     /* "nt!Foo", "amdppm"; "": nowhere */
    uint64_t base;                  /* the address that `symbol` is */
    uint64_t shift;                 /* to be added to the distance from there: a moved block */
    bool has_symbol;                /* a symbol, not a module alone */
    const struct sc_module *module; /* NULL: none */
};

/* The source line of an address, likewise. */
struct sc_unasm_line {
    uint64_t start, end;
    char file[SC_UNASM_NAME]; /* "": not known */
    uint32_t number;
};

struct sc_unasm {
    sc_session *session;
    sc_arena *arena;
    sc_target *target;
    sc_space *space;
    sc_disasm *disasm;
    sc_symtab *symtab; /* NULL: there can be none */
    unsigned ptr_size;
    bool lines;     /* .lines: show source lines */
    uint64_t limit; /* last address of the CPU */
    struct sc_unasm_place place;
    struct sc_unasm_line line;
    const struct sc_module *image_of; /* `image` is of this module; NULL: none was tried */
    sc_pe *image;                     /* NULL: it cannot be read */
    uint32_t iat, iat_size;           /* of `image` */
    bool nomem;                       /* memory was short where no error could be returned */
    uint64_t window_start;
    size_t window_size;
    uint8_t window[SC_UNASM_WINDOW];
};

/* unasm.c */
sc_err *sc_unasm_create(sc_session *session, sc_arena *arena, struct sc_unasm **ret_view);
void sc_unasm_destroy(struct sc_unasm *view);
/* Up to the longest instruction's bytes at ADDR, in place; 0: unreadable. */
size_t sc_unasm_fetch(struct sc_unasm *view, uint64_t addr, const uint8_t **ret_data);
/* Decodes at ADDR, with text or without; false: unreadable. */
bool sc_unasm_decode(struct sc_unasm *view, uint64_t addr, bool text, struct sc_insn *ret_insn);
/* Makes view->place that of ADDR. */
sc_err *sc_unasm_find_place(struct sc_unasm *view, uint64_t addr);
/* The image of a module, to be borrowed; NULL when it cannot be read. */
sc_err *sc_unasm_image(struct sc_unasm *view, const struct sc_module *module, sc_pe **ret_pe);
/* Names ADDR as operands do. */
bool sc_unasm_name(void *view, uint64_t addr, char *buf, size_t size);

/* unasm_show.c: how a line is shown. */
struct sc_unasm_show {
    bool header;        /* a line with the symbol in front: always; else when the symbol changes */
    bool numbers;       /* uf: a column of line numbers */
    bool blank;         /* an empty line in front of the header */
    uint64_t last_base; /* what the line before belonged to */
    char last_symbol[SC_UNASM_NAME];
    uint32_t last_line;
};
/* The record of an instruction, and its line; NULL insn: ADDR cannot be read. */
sc_err *sc_unasm_show(struct sc_unasm *view, uint64_t addr, const struct sc_insn *insn,
                      struct sc_unasm_show *show);
/* Is the source line of ADDR known, and are lines to be shown? */
sc_err *sc_unasm_has_line(struct sc_unasm *view, uint64_t addr, bool *ret_known);
/* "nt!Foo+0x12" of view->place, which must be that of ADDR. */
const char *sc_unasm_symbol(const struct sc_unasm *view, uint64_t addr, char *buf, size_t size);

/* unasm_back.c: addresses of up to COUNT instructions that end at ADDR, the nearest last. */
sc_err *sc_unasm_back(struct sc_unasm *view, uint64_t addr, size_t count, uint64_t **ret_addr,
                      size_t *ret_count);

/* unasm_function.c: a function's code. */
struct sc_unasm_block {
    uint64_t start, end;
};
struct sc_unasm_function {
    uint64_t start;
    struct sc_unasm_block *block; /* sorted by address, disjoint */
    size_t nblocks;
    size_t ninsns;
    bool incomplete; /* code that belongs to it could not be read or followed */
};
sc_err *sc_unasm_function(struct sc_unasm *view, uint64_t addr, struct sc_unasm_function *ret);
void sc_unasm_function_free(struct sc_unasm_function *function);

/* unasm_regs.c: the instruction at the instruction pointer as `r` shows it, in the arena. */
struct sc_unasm_at {
    struct sc_insn insn;
    const char *line;   /* the whole line without its end */
    const char *effect; /* what stands behind the operands: "ds:002b:00000000=????????"; NULL */
};
/* *RET_KNOWN false: the memory is unreadable, or the CPU cannot be disassembled. */
sc_err *sc_unasm_at(sc_session *session, const struct sc_regs *regs, sc_arena *arena,
                    struct sc_unasm_at *ret, bool *ret_known);

/* uf.c */
sc_err *sc_run_uf(sc_session *session, const struct sc_args *args);

#endif
