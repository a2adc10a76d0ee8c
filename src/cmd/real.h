/* SPDX-License-Identifier: MIT */
/*
 * Floating point numbers as Microsoft's C library writes them: three digits of exponent, 1.#QNAN
 * and its kin, a decimal point in every locale.
 */
#ifndef STOPCODE_CMD_REAL_H
#define STOPCODE_CMD_REAL_H

#include <stdint.h>

enum { SC_REAL_BUF = 352, SC_REAL_DIGITS = 20 };

/* BITS of a double as %g with DIGITS (at most SC_REAL_DIGITS) would, into BUF of SC_REAL_BUF. */
void sc_real_text(uint64_t bits, int digits, char *buf);
/* The same with the conversion 'e', 'f' or 'g' of either case; DIGITS are then its precision. */
void sc_real_text_as(uint64_t bits, char conversion, int digits, char *buf);
/* The double that a float's bits become; a signalling NaN becomes quiet. */
uint64_t sc_real_widen(uint32_t bits);

#endif
