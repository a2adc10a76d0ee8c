/* SPDX-License-Identifier: MIT */
/* Names and sentences for exceptions: Windows codes, signals, Mach exceptions. */
#ifndef STOPCODE_ANALYZE_EXCEPTION_WORDS_H
#define STOPCODE_ANALYZE_EXCEPTION_WORDS_H

#include "analyze/case.h"

/* Fills a->exception_name and a->exception_text from a->exception. */
void sc_case_exception_words(struct sc_case *c);

/*
 * The sentence of an NTSTATUS message, without what a message box has above it: "{EXCEPTION}", and
 * the title behind that word.
 */
const char *sc_status_sentence(const char *message);

/* Was the dump asked for by the program itself, with an exception made up for it? */
bool sc_case_made_up(const struct sc_machine *m, uint32_t code);

#endif
