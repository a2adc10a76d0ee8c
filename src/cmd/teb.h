/* SPDX-License-Identifier: MIT */
/* The process as its own memory describes it: what !teb, !gle and !peb share. */
#ifndef STOPCODE_CMD_TEB_H
#define STOPCODE_CMD_TEB_H

#include "cmd/command.h"

/* Offsets in 32- and 64-bit processes. */
struct sc_offset {
    uint16_t at32, at64;
};

/* Reads fields of one structure; what cannot be read is SC_UNSET64. */
struct sc_fields {
    sc_session *session;
    uint64_t base;
};
uint64_t sc_field_ptr(const struct sc_fields *f, struct sc_offset at);
uint64_t sc_field_num(const struct sc_fields *f, struct sc_offset at, unsigned size);
/* A pointer as extensions print it: all digits, no backtick; question marks. BUF of 20. */
const char *sc_plain_ptr(sc_session *session, uint64_t value, char *buf);

/* Does ADDRESS lie in the part of memory that is the kernel's? Never, in the dump of a process. */
bool sc_session_is_kernel_address(sc_session *session, uint64_t address);

/* peb.c */
sc_err *sc_run_peb(sc_session *session, const struct sc_args *args);

#endif
