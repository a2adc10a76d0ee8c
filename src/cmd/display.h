/* SPDX-License-Identifier: MIT */
/*
 * The d commands: what their files share. Each shows a range of memory line by line; a line is a
 * record {"type":"memory"} with its address, its values as text (null where memory is absent) and
 * what stands behind them.
 */
#ifndef STOPCODE_CMD_DISPLAY_H
#define STOPCODE_CMD_DISPLAY_H

#include "cmd/command.h"

enum {
    SC_DISPLAY_COLUMNS = 256,     /* /c: at most */
    SC_DISPLAY_BYTES = 256 << 20, /* a longer range is refused, as WinDbg does without L? */
    SC_VALUE_BUF = 36,            /* of one value as text */
};

/* Indices of the arguments, the same for all d commands with a range. */
enum { ARG_D_C, ARG_D_PC, ARG_D_PUC, ARG_D_PWC, ARG_D_P, ARG_D_RANGE };

/* Where a d command reads, and how far. */
struct sc_extent {
    sc_space *space;
    uint64_t start;
    uint64_t count;   /* elements */
    unsigned columns; /* /c; 0: the form's own */
    bool given;       /* a length was given */
};

/*
 * The extent of ARGS for elements of SIZE bytes, COUNT of them unless told otherwise: cut at the
 * top of the address space; where the last d command ended when no address is given.
 */
sc_err *sc_display_extent(sc_session *session, const struct sc_args *args, unsigned size,
                          uint64_t count, struct sc_extent *ret);
/*
 * Remembers COMMAND for `d`, and where the next one goes on; says why the first page of EXTENT that
 * is missing is (EXTENT NULL: nothing).
 */
void sc_display_done(sc_session *session, const struct sc_extent *extent, const char *command,
                     uint64_t next);

/* One line. */
struct sc_memline {
    uint64_t address;
    const char *unit;    /* the command: "dd" */
    const char **values; /* as shown; NULL: unreadable */
    size_t nvalues;
    const char *text;   /* the characters column, or the string; NULL: none */
    const char *symbol; /* behind the value; NULL */
    const char *target; /* ddp: what the value points to; NULL */
    const char *space;  /* "physical"; NULL: "virtual" */
};
void sc_memline_emit(sc_session *session, const struct sc_memline *line, sc_text_fn text,
                     void *ctx);

/*
 * Rows of hexadecimal values as db, dW, dc and dq have them; s shows its hits so, too. With an
 * exclamation mark before the name they begin as those of !db: physical addresses.
 */
struct sc_hexform {
    const char *name;
    unsigned size, columns;
    bool chars;
};
/* Emits the line of COUNT elements at ADDR. */
sc_err *sc_hexline(sc_session *session, sc_space *space, const struct sc_hexform *form,
                   uint64_t addr, size_t count);

/*
 * Reads COUNT elements of SIZE bytes at ADDR into DATA and says for each whether it is there. What
 * one read does not give is tried element by element.
 */
void sc_read_elements(sc_space *space, uint64_t addr, unsigned size, size_t count, uint8_t *data,
                      bool *ret_there);
/* A little-endian number. */
uint64_t sc_element(const uint8_t *data, unsigned size);
/* The number as hexadecimal digits, with WinDbg's backtick; question marks when not THERE. */
const char *sc_element_text(uint64_t value, unsigned size, bool there, char *buf);

/* display_text.c: da du ds dS */
sc_err *sc_run_da(sc_session *session, const struct sc_args *args);
sc_err *sc_run_ds(sc_session *session, const struct sc_args *args);
/* "fffff880`04a003aa", and of COMMAND (!db, …) that begins with an exclamation mark "#  4a003aa".
 */
const char *sc_line_address(uint64_t addr, const char *command, unsigned ptr_size,
                            char buf[SC_ADDR_BUF]);
/* A string in quotes, 32 characters a line, as da has it; COUNT characters of UNIT bytes. */
sc_err *sc_string_lines(sc_session *session, sc_space *space, const char *command, uint64_t addr,
                        uint64_t count, unsigned unit, unsigned columns, bool to_nul,
                        sc_arena *arena, uint64_t *ret_next);
/* display_ref.c: dds dps dqs, dda … dqu, dl */
sc_err *sc_run_dps(sc_session *session, const struct sc_args *args);
sc_err *sc_run_dpp(sc_session *session, const struct sc_args *args);
sc_err *sc_run_dl(sc_session *session, const struct sc_args *args);
sc_err *sc_run_dg(sc_session *session, const struct sc_args *args);

#endif
