/* SPDX-License-Identifier: MIT */
/*
 * The families of commands, one line each. An explicit list, because tables gathered by linker
 * sections vanish from static archives.
 */
#include "cmd/command.h"

extern const struct sc_command sc_info_commands[], sc_module_commands[], sc_register_commands[],
    sc_thread_commands[], sc_event_commands[];

const struct sc_family sc_families[] = {
    {"The target", sc_info_commands},
    {"Modules", sc_module_commands},
    {"Registers", sc_register_commands},
    {"Threads and processors", sc_thread_commands},
    {"Events", sc_event_commands},
    {"The shell", sc_shell_commands},
    {NULL, NULL},
};
