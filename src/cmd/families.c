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
    {"Registers", sc_register_commands},
    {"Processors and threads", sc_thread_commands},
    {"Events and exceptions", sc_event_commands},
    {"Modules", sc_module_commands},
    {"The target", sc_info_commands},
    {"The dump file", sc_dump_commands},
    {"Secondary data", sc_secondary_commands},
    {"Handles", sc_handle_commands},
    {"Memory regions", sc_address_commands},
    {NULL, NULL},
};
