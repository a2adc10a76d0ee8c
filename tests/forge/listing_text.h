/* SPDX-License-Identifier: MIT */
/* What the parsers of listings share: clean lines, numbers as a debugger prints them, messages. */
#ifndef STOPCODE_TESTS_FORGE_LISTING_TEXT_H
#define STOPCODE_TESTS_FORGE_LISTING_TEXT_H

#include "forge/listing.h"

struct listing_line {
    unsigned number; /* from 1 */
    char *text;      /* without blanks at its ends */
};
struct listing {
    char *text; /* that the lines lie in */
    struct listing_line *line;
    size_t count;
};

/*
 * The lines of TEXT, with what web pages make of quotes, dashes, dots and blanks turned back.
 * False: memory is short.
 */
bool listing_open(const char *text, struct listing *ret);
void listing_close(struct listing *listing);

/* "0: kd> k", "0:008> kb", "lkd> dps": what was typed. */
bool listing_is_prompt(const char *line);
/* "...", ".", "<snip>", "<snippet>": the author left something out. */
bool listing_is_gap(const char *line);
/* "*** ERROR: Module load completed but …". */
bool listing_is_notice(const char *line);
/* Cuts off a comment: what stands behind a blank and one of `//`, `<-`, `<<`. */
void listing_uncomment(char *line);

const char *listing_blanks(const char *text);
void listing_trim_end(char *text);
bool listing_is_hex(char c);
/* How many hexadecimal digits TEXT begins with. */
size_t listing_hex_run(const char *text);
/*
 * DIGITS hexadecimal digits and no tick; *TEXT stands behind them afterwards. What follows may be
 * glued to them.
 */
bool listing_digits(const char **text, unsigned digits, uint64_t *ret);
/* A pointer: 8 digits, or 16 with or without a tick in the middle. */
bool listing_pointer(const char **text, unsigned ptr_size, uint64_t *ret);
/* At most 16 digits, a tick where it may be ("ffffffff`fffe3ae9"). */
bool listing_number(const char **text, uint64_t *ret);
/* "nt! ??::FNODOBFM::`string'" as the debugger writes it; other names stay. ROOM of NAME. */
void listing_mend_name(char *name, size_t room);

/* Writes "line N: …" into WHY (FORGE_WHY bytes) and returns false. */
bool listing_wrong(char *why, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool listing_nomem(char *why);
/* The element behind the last one, zeroed; NULL: memory is short. SIZE bytes each. */
void *listing_push(void **item, size_t *room, size_t *count, size_t size);

#endif
