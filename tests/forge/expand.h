/* SPDX-License-Identifier: MIT */
/*
 * A scenario's text before its directives are read: names for numbers, other files, and lines for
 * some builds only, so that one description makes the same machine on every build of Windows.
 *
 *     let objects ffffc00f`01000000       a name for a number; sums of numbers and other names
 *     include kernel.inc                  FILE's lines, from the folder of the including file
 *     when x64 build 9200..               lines up to `otherwise` or `done`, if all of it is true:
 *     otherwise                           x64, x86, build N, build N.., build ..N, build N..M
 *     done
 *     $(objects+80)                       anywhere in a line: the number as the debugger writes it
 *     $le(objects+80) $le4(7) $le8(…)     its bytes as memory has them (a pointer's width, 4, 8)
 *
 * The words stand at the beginning of their line, and `os` and `cpu` before the first `when`, $( or
 * $le that needs them.
 */
#ifndef STOPCODE_TESTS_FORGE_EXPAND_H
#define STOPCODE_TESTS_FORGE_EXPAND_H

#include <stdbool.h>

#include "forge/pool.h"

/* From line FIRST of the expanded text on, lines are those of FILE from LINE on. */
struct forge_origin {
    const char *file;
    unsigned first, line;
};
struct forge_origins {
    struct forge_origin *item;
    size_t count, room;
};

/*
 * The text without such lines (empty ones stand for them); all of it belongs to POOL. NULL: WHY
 * (FORGE_WHY_MAX bytes, zeroed by the caller) says what is wrong, as "FILE:LINE: …". NAME is the
 * text's file, for messages and for what it includes.
 */
const char *forge_expand(struct forge_pool *pool, const char *name, const char *text,
                         struct forge_origins *ret_origins, char *why);

/* The file and line that LINE of the expanded text is. */
struct forge_origin forge_origin_of(const struct forge_origins *origins, unsigned line);

#endif
