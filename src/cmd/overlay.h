/* SPDX-License-Identifier: MIT */
/*
 * A space in which a few bytes of our own stand in front of the target's memory: so values that are
 * in registers, or were computed, are read and shown as those in memory are.
 */
#ifndef STOPCODE_CMD_OVERLAY_H
#define STOPCODE_CMD_OVERLAY_H

#include "stopcode/space.h"

enum { SC_OVERLAY_BYTES = 0xf00 };

struct sc_overlay;
/* UNDER is borrowed; NULL: there is nothing behind the bytes. */
sc_err *sc_overlay_create(sc_space *under, unsigned ptr_size, struct sc_overlay **ret_overlay);
void sc_overlay_destroy(struct sc_overlay *overlay);
sc_space *sc_overlay_space(const struct sc_overlay *overlay);
/* Puts SIZE bytes into it, and says at which address; false when it is full. */
bool sc_overlay_put(struct sc_overlay *overlay, const void *bytes, size_t size, uint64_t *ret_addr);
/* Forgets them all. */
void sc_overlay_clear(struct sc_overlay *overlay);

#endif
