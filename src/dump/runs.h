/* SPDX-License-Identifier: MIT */
/*
 * Physical memory as runs of a file: what FULL and RDMP dumps, ELF cores, LiME files and virtual
 * machines' images have in common. Reading is a binary search; a run costs 24 bytes whatever its
 * size.
 *
 * Runs may come in any order. Damage is said by notes on SOURCE and mended: empty runs are left
 * out, of two that overlap the one that begins lower keeps what they share (at one start: the
 * earlier in the list), what lies behind the end of the file or wraps at the top of the address
 * space is cut off.
 */
#ifndef STOPCODE_DUMP_RUNS_H
#define STOPCODE_DUMP_RUNS_H

#include "base/file.h"
#include "stopcode/source.h"

/* Pages of the source's own file. OWN_RUNS is taken over and left empty, also on failure. */
sc_err *sc_runs_pages(struct sc_source *source, struct sc_ranges *own_runs,
                      struct sc_pages *ret_pages);

/* The same over another file (memory beside a state file); FILE must outlive the pages. */
sc_err *sc_runs_pages_of(struct sc_source *source, const sc_file *file, struct sc_ranges *own_runs,
                         struct sc_pages *ret_pages);

#endif
