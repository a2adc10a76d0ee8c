/* SPDX-License-Identifier: MIT */
/* What the commands about symbols share: a symbol's row, an image, and the options of .symopt. */
#ifndef STOPCODE_CMD_SYMBOLS_H
#define STOPCODE_CMD_SYMBOLS_H

#include "cmd/command.h"
#include "stopcode/pe.h"
#include "stopcode/symtab.h"
#include "stopcode/value.h"

/* Bits of .symopt (dbghelp.h, public). */
enum {
    SC_SYMOPT_LOAD_LINES = 0x10,
    SC_SYMOPT_DEFAULT = 0x30337,
};
#define SC_SYMOPT_DEBUG 0x80000000u

/* symbols.c */
uint32_t sc_session_symopt(const sc_session *session);
void sc_session_set_symopt(sc_session *session, uint32_t options);
bool sc_session_sym_prompts(const sc_session *session);
void sc_session_set_sym_prompts(sc_session *session, bool on);
/* Forgets what hangs on loaded symbols: before sc_symtab_reload(). */
void sc_session_forget_layouts(sc_session *session);
/* Makes *ERR go away, with a warning, if it only says that a symbol file is damaged. */
bool sc_symbols_forgive(sc_session *session, sc_err **err);

/* symtext.c: a symbol as `x` and `ln` describe it. Strings live in the arena or the symbols. */
struct sc_symbol_row {
    uint64_t address, size;
    const char *module, *name;
    const char *kind; /* "prv func", "pub global", … */
    const char *type; /* "unsigned long", "void (int, char**)"; NULL: not known */
    const char *tail; /* "(<no parameter info>)", "= <no type information>", "= 0x1000" */
    bool function;
};
sc_err *sc_symbol_row(sc_session *session, const struct sc_near *hit, sc_arena *arena,
                      struct sc_symbol_row *ret_row);

/* showvalue.c: a value as `dt` shows it behind the colon; *RET_MISSING: it could not be read. */
sc_err *sc_show_value(sc_session *session, const struct sc_value *value, sc_arena *arena,
                      const char **ret_text, bool *ret_missing);

/*
 * The text of UNIT bytes a character at ADDR, up to its end, some size, or where memory ends; NULL
 * when none can be read.
 */
sc_err *sc_show_string(sc_session *session, sc_space *space, uint64_t addr, unsigned unit,
                       sc_arena *arena, const char **ret_text);

/* fnent.c: the image that MODULE is: from memory, else from the image file that was found. */
sc_err *sc_module_image(sc_session *session, const struct sc_module *module, sc_pe **ret_pe);
/*
 * The function that ADDR really belongs to, when its code was moved away from it: the name of the
 * chained function's start, as `module!name+0x…`; NULL when there is nothing better to say.
 */
sc_err *sc_true_function(sc_session *session, uint64_t addr, sc_arena *arena,
                         const char **ret_text);

#endif
