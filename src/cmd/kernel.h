/* SPDX-License-Identifier: MIT */
/*
 * What the commands about threads, processes and processors of a kernel share: the readers' view of
 * the session's target, which thread and process the session is about, and the text of fields that
 * may be missing.
 */
#ifndef STOPCODE_CMD_KERNEL_H
#define STOPCODE_CMD_KERNEL_H

#include "cmd/command.h"
#include "nt/clock.h"
#include "nt/nt.h"
#include "nt/thread.h"

/* The target with its symbols and layouts, as the readers want it. */
sc_err *sc_session_nt(sc_session *session, struct nt *ret_nt);

/*
 * The thread and the process that the session is about: those that `.thread` and `.process` set,
 * else the current processor's. SC_ERR_NOT_FOUND says why there is none.
 */
sc_err *sc_session_thread(sc_session *session, const struct nt *nt, uint64_t *ret_thread);
sc_err *sc_session_process(sc_session *session, const struct nt *nt, uint64_t *ret_process);
/*
 * A number that is no address of the target's: physical, a page frame, a page directory. On 32-bit
 * targets expressions sign-extend what has bit 31; undone here.
 */
uint64_t sc_session_physical(const sc_session *session, uint64_t value);
/* 0: the current processor's again. */
void sc_session_set_thread(sc_session *session, uint64_t thread);
void sc_session_set_process(sc_session *session, uint64_t process);

/* ---- numbers for records: all ones, or INT64_MIN for SC_F_NUM, where there is none ---- */

uint64_t sc_nt_addr(const struct nt_field *field);
int64_t sc_nt_num(const struct nt_field *field);
/* A time of FILETIME: 0 is none, too. */
uint64_t sc_nt_time(const struct nt_field *field);

/* ---- text ---- */

enum { SC_NT_BUF = 40 };
/* Hexadecimal digits, DIGITS of them or as many more as the value needs. */
const char *sc_nt_hex_text(uint64_t value, unsigned digits, char buf[SC_NT_BUF]);
/* As many digits as the target's pointers have, or question marks. */
const char *sc_nt_ptr_text(uint64_t value, unsigned ptr_size, char buf[SC_NT_BUF]);
/* The same of an address that was asked for: it is known, even all ones. */
const char *sc_nt_asked_text(uint64_t address, unsigned ptr_size, char buf[SC_NT_BUF]);
/* A number in FMT, which takes one int64_t as long long, or "?" for none (INT64_MIN). */
const char *sc_nt_num_text(int64_t value, char buf[SC_NT_BUF]);
/* "00:00:12.345", "2 Days 01:02:03.456"; "?" for all ones. */
const char *sc_nt_span_text(uint64_t span, char buf[SC_NT_BUF]);
/* "0:00:04:03.002": days, hours, minutes, seconds, as behind "Ticks:". */
const char *sc_nt_ticks_text(uint64_t span, char buf[SC_NT_BUF]);
/*
 * The symbol of a routine that somebody registered: debuggers leave its distance away; where it is
 * not 0, it stands in brackets (with ENRICH). NULL: nothing.
 */
void sc_nt_routine_text(sc_out *out, const char *symbol, bool enrich);
/* The remark for layouts that are another build's: as that of `dt`. */
void sc_nt_assumed(sc_session *session, bool assumed);

/* Shows one thread (kthread.c); flags are those of `!thread`. Every line begins with PAD. */
sc_err *sc_show_kthread(sc_session *session, const struct nt *nt, const struct nt_clock *clock,
                        const struct nt_thread *thread, uint64_t flags, const char *pad,
                        sc_arena *arena);

#endif
