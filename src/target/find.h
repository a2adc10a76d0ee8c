/* SPDX-License-Identifier: MIT */
/* Finding the kernel in memory that no header describes. */
#ifndef STOPCODE_TARGET_FIND_H
#define STOPCODE_TARGET_FIND_H

#include "stopcode/target.h"

/*
 * For a target of whole memory that has just been opened: when its container does not say where
 * the kernel is, finds it and fills the source's machine. Its physical space is there, its virtual
 * one is not yet. OPTS may be NULL.
 */
sc_err *sc_target_find_kernel(sc_target *target, const struct sc_open_opts *opts);

#endif
