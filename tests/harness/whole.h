/* SPDX-License-Identifier: MIT */
/*
 * Whole-memory kernel dumps for tests of damage: small made files of each way to list pages, and
 * the pages of any dump asked for by every means, each answer held against the others.
 */
#ifndef STOPCODE_TESTS_HARNESS_WHOLE_H
#define STOPCODE_TESTS_HARNESS_WHOLE_H

#include "base/file.h"
#include "forge/section.h"
#include "harness/drive.h"

enum whole_seed {
    WHOLE_FULL64,
    WHOLE_FULL32, /* PAE */
    WHOLE_SUMMARY64,
    WHOLE_SUMMARY32,
    WHOLE_BITMAP64,
    WHOLE_BITMAP32, /* by analogy */
    WHOLE_KERNEL_RANGES,
    WHOLE_COMPLETE_RANGES,
    WHOLE_SEEDS,
};

const char *whole_seed_name(enum whole_seed kind);
/* False when memory is short. */
bool whole_seed_build(enum whole_seed kind, struct forge_bytes *ret_file);

/*
 * Opens a source of its own on OWN_FILE; when it has pages: walks them, reads what lies at their
 * ends and at random places, in place and by copying, and ends the program at a contradiction.
 */
void drive_whole(struct drive *d, sc_file *own_file);

#endif
