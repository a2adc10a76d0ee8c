/* SPDX-License-Identifier: MIT */
/*
 * The words for the event of a user dump, wherever it was written. Minidumps of other systems put
 * their own numbers where Windows has its exception code: Linux and Android the signal, Apple's
 * systems the Mach exception. Names from signal(7) (the numbers common to x86 and ARM) and XNU's
 * public mach/exception_types.h; the codes of simulated exceptions from Breakpad and Crashpad.
 */
#include <string.h>

#include "cmd/show.h"

static const char *const linux_signal[] = {
    [1] = "SIGHUP",     [2] = "SIGINT",   [3] = "SIGQUIT",  [4] = "SIGILL",   [5] = "SIGTRAP",
    [6] = "SIGABRT",    [7] = "SIGBUS",   [8] = "SIGFPE",   [9] = "SIGKILL",  [10] = "SIGUSR1",
    [11] = "SIGSEGV",   [12] = "SIGUSR2", [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM",
    [16] = "SIGSTKFLT", [24] = "SIGXCPU", [25] = "SIGXFSZ", [31] = "SIGSYS",
};

static const char *const mach_exception[] = {
    [1] = "EXC_BAD_ACCESS", [2] = "EXC_BAD_INSTRUCTION", [3] = "EXC_ARITHMETIC",
    [4] = "EXC_EMULATION",  [5] = "EXC_SOFTWARE",        [6] = "EXC_BREAKPOINT",
    [7] = "EXC_SYSCALL",    [8] = "EXC_MACH_SYSCALL",    [9] = "EXC_RPC_ALERT",
    [10] = "EXC_CRASH",     [11] = "EXC_RESOURCE",       [12] = "EXC_GUARD",
};

#define CRASHPAD_SIMULATED_WINDOWS 0x0517a7edu
#define CRASHPAD_SIMULATED_MACH    0x43507378u /* 'CPsx' */
#define DUMP_REQUESTED             0xffffffffu

#define NAME_OF(table, code) ((code) < sizeof(table) / sizeof *(table) ? (table)[code] : NULL)

static const char *windows_words(uint32_t code) {
    return code == CRASHPAD_SIMULATED_WINDOWS ? "Simulated exception" : sc_exception_words(code);
}

static const char *other_words(const char *platform, uint32_t code) {
    if (code == DUMP_REQUESTED || code == CRASHPAD_SIMULATED_MACH)
        return "Dump requested, no exception";
    if (!strcmp(platform, "Linux") || !strcmp(platform, "Android"))
        return NAME_OF(linux_signal, code);
    if (!strcmp(platform, "macOS") || !strcmp(platform, "iOS"))
        return NAME_OF(mach_exception, code);
    return NULL;
}

const char *sc_event_words(const struct sc_machine *machine, uint32_t code) {
    const char *words =
        machine->windows ? windows_words(code) : other_words(machine->platform, code);
    return words ? words : "Unknown exception";
}
