/* SPDX-License-Identifier: MIT */
/* The effective machine: the system's own CPU, or x86 in a process of a 64-bit system. */
#ifndef STOPCODE_CMD_WOW64_H
#define STOPCODE_CMD_WOW64_H

#include "cmd/command.h"
#include "cmd/usermods.h"
#include "stopcode/regs.h"

/* Whose registers and code the session shows. */
enum sc_cpu sc_session_cpu(const sc_session *session);
/*
 * The 32-bit registers of the thread that the session is about, whose 64-bit ones are NATIVE.
 * SC_ERR_NOT_FOUND: it has none, or the dump does not hold them.
 */
sc_err *sc_session_wow_regs(sc_session *session, const struct sc_regs *native,
                            struct sc_regs *ret_regs);
/* Its 32-bit TEB. */
sc_err *sc_session_teb32(sc_session *session, uint64_t *ret_teb);

/* The 64-bit TEB of the thread that the session is about; 0 when nobody knows it. */
sc_err *sc_session_teb64(sc_session *session, uint64_t *ret_teb);
/* As sc_session_visit_owner() for the thread that the session is about; the machine stays. */
sc_err *sc_session_visit_wow(sc_session *session, struct sc_visit *ret_visit);
/* Its native registers, whatever the effective machine is. */
sc_err *sc_session_native_regs(sc_session *session, struct sc_regs *ret_regs);

#endif
