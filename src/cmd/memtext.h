/* SPDX-License-Identifier: MIT */
/* Text in the target's memory: strings for da, ds, .printf, aliases; columns of bytes and words. */
#ifndef STOPCODE_CMD_MEMTEXT_H
#define STOPCODE_CMD_MEMTEXT_H

#include "cmd/command.h"

enum { SC_STRING_MAX = 65536 }; /* characters of a string that is read from memory */

/* Is KIND one of "ma", "mu", "msa", "msu": how .printf and as name strings? */
bool sc_memory_string_kind(const char *kind);
/*
 * The string at ADDR: up to its NUL (ma: bytes, mu: UTF-16), or as an ANSI_STRING (msa) or
 * UNICODE_STRING (msu) describes it. UTF-8 in the arena; controls are written as dots.
 * SC_ERR_MEMORY when not even its first character can be read, or the structure cannot.
 */
sc_err *sc_memory_string(sc_session *session, const char *kind, uint64_t addr, sc_arena *arena,
                         const char **ret_text);

/* The structure of ds and dS: length in bytes, capacity, and where the characters are. */
struct sc_counted {
    uint16_t length, room;
    uint64_t buffer;
};
sc_err *sc_read_counted(sc_session *session, uint64_t addr, struct sc_counted *ret);

/* The character that dumps show for a byte: itself, or '.'. */
static inline char sc_dump_char(uint8_t c) { return c >= 0x20 && c < 0x7f ? (char)c : '.'; }
/* The same for a UTF-16 unit: those of Latin alphabets and other letters as UTF-8, else '.'. */
size_t sc_dump_wide(uint32_t unit, char *buf);

#endif
