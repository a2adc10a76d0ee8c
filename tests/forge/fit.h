/* SPDX-License-Identifier: MIT */
/*
 * A stack that is being made to fit: what x64 and x86 share. Frames that were inlined are left out
 * here: they have nothing on the stack.
 */
#ifndef STOPCODE_TESTS_FORGE_FIT_H
#define STOPCODE_TESTS_FORGE_FIT_H

#include "forge/listing_text.h"

struct fit_frame {
    const struct forge_frame *f;
    size_t index; /* in the listing */
    size_t block; /* of its ip, SIZE_MAX none: no module */
    uint64_t sp;  /* Child-SP, ChildEBP */
    uint64_t ret, ip;
};

/* A place that code is needed around. Sorted by ip. */
struct fit_block {
    uint64_t ip, begin, end;
    size_t frame;  /* the first one, in fit_work.frame */
    unsigned room; /* bytes before ip, for a prolog */
};

/*
 * Who gives way where two pokes meet: what was filled in to what the listing shows as an argument,
 * that to what the listing needs.
 */
enum fit_rank { FIT_NEEDED, FIT_SHOWN, FIT_FILLED };
struct fit_note {
    enum fit_rank rank;
    unsigned line;
    const char *what;
};

struct fit_work {
    const struct forge_where *where;
    char *why;
    unsigned ptr_size;
    struct fit_frame *frame;
    size_t count, room;
    struct fit_block *block;
    size_t nblocks, block_room;
    struct fit_note *note; /* beside out.poke */
    size_t note_room;
    struct forge_fit out;
};

/* Frames, their ips and blocks. False: WHY. */
bool fit_open(struct fit_work *w, const struct forge_frames *frames,
              const struct forge_where *where, unsigned ptr_size, char *why);
/* Hands the result over if OK, frees the rest. Returns OK. */
bool fit_close(struct fit_work *w, bool ok, struct forge_fit *ret);

/*
 * WHAT names the value in messages. In the order of ranks: what is needed first. False: it
 * contradicts something (WHY says so), or memory is short.
 */
bool fit_poke(struct fit_work *w, enum fit_rank rank, unsigned line, const char *what,
              uint64_t addr, uint64_t value, unsigned width);
/* A function over the block of frame I, which is the first one of its block. */
struct forge_fit_function *fit_function(struct fit_work *w, size_t i);
/* Its columns were shown? Else they are to be invented. */
bool fit_has_columns(const struct fit_work *w);
/* The stack around the innermost frame: pokes from out.sp on that are less than JUMP apart. */
void fit_extent(struct fit_work *w, uint64_t jump);

/* "nt", by any of its names, and a name that begins with one of LIST (ended by NULL). */
bool fit_is_kernel_name(const struct forge_frame *f, const char *const *list);
uint32_t fit_hash(const char *module, const char *name);
bool fit_is_kernel(const struct fit_work *w, uint64_t addr);
/* "fffff800`01984bd9" into BUF; returns it. */
enum { FIT_ADDRESS = 20 };
const char *fit_address(const struct fit_work *w, uint64_t addr, char *buf);
/* "nt!KeBugCheckEx+0x12"; BUF of FORGE_NAME bytes. */
const char *fit_site(const struct forge_frame *f, char *buf);

#endif
