/* SPDX-License-Identifier: MIT */
/*
 * The families of commands, one line each. An explicit list, because tables gathered by linker
 * sections vanish from static archives.
 */
#include "cmd/command.h"

const struct sc_family sc_families[] = {
    {"Analysis", sc_analyze_commands},
    {"The target", sc_info_commands},
    {"Modules", sc_module_commands},
    {"Images", sc_image_commands},
    {"Images and their files", sc_chkimg_commands},
    {"Module details", sc_lmi_commands},
    {"Symbols", sc_symbol_commands},
    {"Types", sc_type_commands},
    {"Symbol paths", sc_sympath_commands},
    {"Loading symbols", sc_reload_commands},
    {"Source lines", sc_line_commands},
    {"Source files", sc_source_commands},
    {"Functions", sc_function_commands},
    {"Code", sc_code_commands},
    {"Stacks", sc_stack_commands},
    {"Frames", sc_frame_commands},
    {"Local variables", sc_local_commands},
    {"C++ expressions", sc_cxx_commands},
    {"Stacks of many threads", sc_findstack_commands},
    {"Registers", sc_register_commands},
    {"Trap frames", sc_trap_commands},
    {"Processors and threads", sc_thread_commands},
    {"Threads of the kernel", sc_kthread_commands},
    {"Processes of the kernel", sc_kprocess_commands},
    {"Processor control blocks", sc_pcr_commands},
    {"The current thread and process", sc_implicit_commands},
    {"Events and exceptions", sc_event_commands},
    {"Memory", sc_memory_commands},
    {"Searching and comparing memory", sc_search_commands},
    {"Memory and files", sc_write_commands},
    {"Memory regions", sc_address_commands},
    {"Hardware errors", sc_errrec_commands},
    {"The process", sc_process_commands},
    {"Handles", sc_handle_commands},
    {"The dump file", sc_dump_commands},
    {"Secondary data", sc_secondary_commands},
    {"Aliases", sc_alias_commands},
    {"Command programs", sc_script_commands},
    {"The shell", sc_shell_commands},
    {NULL, NULL},
};
