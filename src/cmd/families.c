/* SPDX-License-Identifier: MIT */
/*
 * The families of commands, one line each. An explicit list, because tables gathered by linker
 * sections vanish from static archives.
 */
#include "cmd/command.h"

const struct sc_family sc_families[] = {
    {"The shell", sc_shell_commands},
    {NULL, NULL},
};
