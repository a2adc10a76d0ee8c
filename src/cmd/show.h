/* SPDX-License-Identifier: MIT */
/*
 * What the commands that show a target share: the register block, a code location, an exception,
 * and the lines about the machine. Each prints through the session's output: records in JSON,
 * WinDbg's lines in text.
 */
#ifndef STOPCODE_CMD_SHOW_H
#define STOPCODE_CMD_SHOW_H

#include "cmd/command.h"

/* Bits of `rM`'s mask (documented with the rm command); 1 and 2 mean the same. */
enum {
    SC_RM_INTEGER = 3,
    SC_RM_FLOAT = 4,
    SC_RM_SEGMENT = 8,
    SC_RM_MMX = 0x10,
    SC_RM_DEBUG = 0x20,
    SC_RM_XMM = 0x40,
    SC_RM_ALL = 0x7f,
    SC_RM_DEFAULT = SC_RM_INTEGER | SC_RM_SEGMENT,
};

/* regs_text.c: WinDbg's text of the groups in MASK, and of one register behind its `=`. */
void sc_regs_text(sc_out *out, const struct sc_regs *regs, unsigned mask);
void sc_reg_text(sc_out *out, const struct sc_regs *regs, const struct sc_reg *reg);
/*
 * The same in the format of a type suffix ("ub", "2uq", "f"); false, and nothing printed, when
 * there is no such format or the register is too narrow for it.
 */
bool sc_reg_text_as(sc_out *out, const struct sc_regs *regs, const struct sc_reg *reg,
                    const char *type);
/* The flag letters of the CPU: "nv up ei pl zr na pe nc", "-ZC- EL1". BUF of SC_FLAGS_BUF. */
enum { SC_FLAGS_BUF = 48 };
const char *sc_flags_text(const struct sc_regs *regs, char *buf);

/* regs_show.c: a record of registers, and behind it the place they stand at. */
sc_err *sc_show_regs(sc_session *session, const struct sc_regs *regs, unsigned mask,
                     sc_arena *arena);
/*
 * The bytes at ADDR: as many as an instruction of the CPU may have (ARM: the one word), fewer where
 * memory ends, none when it is absent. TEXT is their hexadecimal form as WinDbg shows it.
 */
struct sc_code {
    uint8_t byte[16];
    size_t count;
    char text[33];
};
void sc_read_code(sc_target *target, uint64_t addr, struct sc_code *ret);

/*
 * sc_session_near() that can tell "nowhere" (*RET_TEXT is NULL) from "out of memory", so that no
 * line is silently missing.
 */
sc_err *sc_near(sc_session *session, uint64_t addr, sc_arena *arena, const char **ret_text);

/*
 * threads.c: the line of thread or processor INDEX as `~` has it; DETAIL: with what `~*` adds.
 * CURRENT is the one to mark.
 */
sc_err *sc_show_thread(sc_session *session, uint32_t index, uint32_t current, bool detail,
                       sc_arena *arena);

/* exception.c: WinDbg's words for an exception code ("Access violation"); NULL unknown. */
const char *sc_exception_words(uint32_t code);
/* signals.c: the same for the event of a dump of any system; "Unknown exception" if it is. */
const char *sc_event_words(const struct sc_machine *machine, uint32_t code);
/* Emits the record of an exception: the lines of `.exr`. */
sc_err *sc_show_exception(sc_session *session, const struct sc_exception *exception,
                          sc_arena *arena);

#endif
