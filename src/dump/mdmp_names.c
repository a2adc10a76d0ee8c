/* SPDX-License-Identifier: MIT */
/*
 * What the numbers of a minidump are called: streams, flags, processors, platforms.
 *
 * Microsoft's streams and flags have the names of minidumpapiset.h (public SDK); the vendors'
 * streams are those of Breakpad's minidump_format.h (0x4767 "Gg"), Crashpad's
 * minidump_extensions.h (0x4350 "CP"), Mozilla's crash reporter (0x4d7a "Mz") and Chromium's
 * Syzygy tools (0x4b6b "Kk"), all of them public; Facebook's (0xface…) and the Linux ones from
 * 0x4767000b on are listed by LLVM.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dump/mdmp_impl.h"

static const struct stream_name {
    uint32_t type;
    const char *name;
} stream_names[] = {
    {0, "UnusedStream"},
    {1, "ReservedStream0"},
    {2, "ReservedStream1"},
    {MDMP_THREADS, "ThreadListStream"},
    {MDMP_MODULES, "ModuleListStream"},
    {MDMP_MEMORY, "MemoryListStream"},
    {MDMP_EXCEPTION, "ExceptionStream"},
    {MDMP_SYSTEM, "SystemInfoStream"},
    {MDMP_THREADS_EX, "ThreadExListStream"},
    {MDMP_MEMORY64, "Memory64ListStream"},
    {MDMP_COMMENT_A, "CommentStreamA"},
    {MDMP_COMMENT_W, "CommentStreamW"},
    {MDMP_HANDLES, "HandleDataStream"},
    {MDMP_FUNCTION_TABLES, "FunctionTableStream"},
    {MDMP_UNLOADED, "UnloadedModuleListStream"},
    {MDMP_MISC, "MiscInfoStream"},
    {MDMP_MEMORY_INFO, "MemoryInfoListStream"},
    {MDMP_THREAD_INFO, "ThreadInfoListStream"},
    {MDMP_HANDLE_OPS, "HandleOperationListStream"},
    {MDMP_TOKENS, "TokenStream"},
    {20, "JavaScriptDataStream"},
    {MDMP_SYSTEM_MEMORY, "SystemMemoryInfoStream"},
    {MDMP_VM_COUNTERS, "ProcessVmCountersStream"},
    {23, "IptTraceStream"},
    {MDMP_THREAD_NAMES, "ThreadNamesStream"},
    {0x8000, "ceStreamNull"},
    {0x8001, "ceStreamSystemInfo"},
    {0x8002, "ceStreamException"},
    {0x8003, "ceStreamModuleList"},
    {0x8004, "ceStreamProcessList"},
    {0x8005, "ceStreamThreadList"},
    {0x8006, "ceStreamThreadContextList"},
    {0x8007, "ceStreamThreadCallStackList"},
    {0x8008, "ceStreamMemoryVirtualList"},
    {0x8009, "ceStreamMemoryPhysicalList"},
    {0x800a, "ceStreamBucketParameters"},
    {0x800b, "ceStreamProcessModuleMap"},
    {0x800c, "ceStreamDiagnosisList"},
    {0xffff, "LastReservedStream"},
    {MDMP_CRASHPAD, "Crashpad info"},
    {MDMP_BREAKPAD, "Breakpad info"},
    {MDMP_ASSERTION, "Breakpad assertion"},
    {0x47670003, "Linux /proc/cpuinfo"},
    {0x47670004, "Linux /proc/PID/status"},
    {0x47670005, "Linux /etc/lsb-release"},
    {0x47670006, "Linux /proc/PID/cmdline"},
    {0x47670007, "Linux /proc/PID/environ"},
    {0x47670008, "Linux /proc/PID/auxv"},
    {0x47670009, "Linux /proc/PID/maps"},
    {0x4767000a, "Linux DSO debug"},
    {0x4767000b, "Linux /proc/PID/stat"},
    {0x4767000c, "Linux /proc/uptime"},
    {0x4767000d, "Linux /proc/PID/fd"},
    {0x4b6b0001, "Kasko (SyzyASan) crash data"},
    {0x4b6b0002, "Chromium stability report"},
    {0x4d7a0001, "Mozilla macOS crash info"},
    {0x4d7a0002, "Mozilla macOS boot arguments"},
    {0x4d7a0003, "Mozilla Linux /proc/PID/limits"},
    {0x4d7a0004, "Mozilla soft errors"},
    {0xface1ca7, "Facebook logcat"},
    {0xfacecafa, "Facebook app data"},
    {0xfacecafb, "Facebook build id"},
    {0xfacecafc, "Facebook app version"},
    {0xfacecafd, "Facebook Java stack"},
    {0xfacecafe, "Facebook Dalvik info"},
    {0xfacecaff, "Facebook unwind symbols"},
    {0xfacecb00, "Facebook error log"},
    {0xfacecccc, "Facebook app state log"},
    {0xfacedead, "Facebook abort reason"},
    {0xfacee000, "Facebook thread name"},
};

const char *mdmp_stream_name(uint32_t type) {
    for (size_t i = 0; i < sizeof stream_names / sizeof *stream_names; i++)
        if (stream_names[i].type == type)
            return stream_names[i].name;
    return NULL;
}

/* By bit. */
static const char *const flag_names[] = {
    "MiniDumpWithDataSegs",
    "MiniDumpWithFullMemory",
    "MiniDumpWithHandleData",
    "MiniDumpFilterMemory",
    "MiniDumpScanMemory",
    "MiniDumpWithUnloadedModules",
    "MiniDumpWithIndirectlyReferencedMemory",
    "MiniDumpFilterModulePaths",
    "MiniDumpWithProcessThreadData",
    "MiniDumpWithPrivateReadWriteMemory",
    "MiniDumpWithoutOptionalData",
    "MiniDumpWithFullMemoryInfo",
    "MiniDumpWithThreadInfo",
    "MiniDumpWithCodeSegs",
    "MiniDumpWithoutAuxiliaryState",
    "MiniDumpWithFullAuxiliaryState",
    "MiniDumpWithPrivateWriteCopyMemory",
    "MiniDumpIgnoreInaccessibleMemory",
    "MiniDumpWithTokenInformation",
    "MiniDumpWithModuleHeaders",
    "MiniDumpFilterTriage",
    "MiniDumpWithAvxXStateContext",
    "MiniDumpWithIptTrace",
    "MiniDumpScanInaccessiblePartialPages",
    "MiniDumpFilterWriteCombinedMemory",
};
enum { NFLAGS = sizeof flag_names / sizeof *flag_names };

/* Appends what fits; the text always ends with a NUL. */
static void append(char *buf, size_t size, const char *text) {
    size_t len = strlen(buf), room = size - len - 1, n = strlen(text);
    if (n > room)
        n = room;
    memcpy(buf + len, text, n);
    buf[len + n] = 0;
}

void sc_mdmp_flag_names(uint64_t flags, char *buf, size_t size) {
    if (!size)
        return;
    buf[0] = 0;
    if (!flags)
        append(buf, size, "MiniDumpNormal");
    for (int bit = 0; bit < NFLAGS; bit++) {
        if (!(flags >> bit & 1))
            continue;
        append(buf, size, buf[0] ? " | " : "");
        append(buf, size, flag_names[bit]);
    }
    uint64_t rest = flags >> NFLAGS << NFLAGS;
    if (rest) {
        char hex[24];
        snprintf(hex, sizeof hex, "%s0x%" PRIx64, buf[0] ? " | " : "", rest);
        append(buf, size, hex);
    }
}

/* PROCESSOR_ARCHITECTURE_*; the numbers from 0x8001 on are Breakpad's. */
enum sc_cpu mdmp_cpu(uint16_t arch) {
    switch (arch) {
    case 0:                     /* INTEL */
    case 10:                    /* IA32_ON_WIN64 */
    case 14: return SC_CPU_X86; /* IA32_ON_ARM64 */
    case 9: return SC_CPU_X64;  /* AMD64 */
    case 5:                     /* ARM */
    case 13: return SC_CPU_ARM; /* ARM32_ON_WIN64 */
    case 12:                    /* ARM64 */
    case 0x8003: return SC_CPU_ARM64;
    case 6: return SC_CPU_IA64;
    case 0xffff: return SC_CPU_UNKNOWN;
    default: return SC_CPU_OTHER; /* MIPS, PowerPC, SPARC, RISC-V, … */
    }
}

const char *mdmp_platform(uint32_t platform_id, bool *ret_windows) {
    *ret_windows = platform_id <= 3;
    switch (platform_id) {
    case 0: /* Win32s */
    case 1: /* Windows 95 to Me */
    case 2: return "Windows";
    case 3: return "Windows CE";
    case 0x8000: return "Unix";
    case 0x8101: return "macOS";
    case 0x8102: return "iOS";
    case 0x8201: return "Linux";
    case 0x8202: return "Solaris";
    case 0x8203: return "Android";
    case 0x8204: return "PlayStation 3";
    case 0x8205: return "NaCl";
    case 0x8206: return "Fuchsia";
    default: return "unknown platform";
    }
}
