/* SPDX-License-Identifier: MIT */
/*
 * Words of hardware error records: from the UEFI specification, appendix N, and the PCI Express
 * base specification (AER).
 */
#include <stdio.h>
#include <string.h>

#include "base/guid.h"
#include "nt/whea.h"

#define NAME(table, index) ((index) < sizeof(table) / sizeof *(table) ? (table)[(index)] : NULL)

const char *nt_whea_severity_name(uint32_t severity) {
    static const char *const names[] = {"Recoverable", "Fatal", "Corrected", "Informational"};
    return NAME(names, severity);
}

struct named {
    const char *guid, *name;
};

static const char *named(const struct named *list, size_t n, const struct sc_guid *guid) {
    char text[SC_GUID_BUF];
    sc_guid_text(guid, text);
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].guid, text) == 0)
            return list[i].name;
    return NULL;
}

const char *nt_whea_creator_name(const struct sc_guid *creator) {
    static const struct named names[] = {
        {"{CF07C4BD-B789-4E18-B3C4-1F732CB57131}", "Microsoft"},
        {"{57217C8D-5E66-44FB-8033-9B74CACEDF5B}", "Microsoft, for a device driver"},
    };
    return named(names, sizeof names / sizeof *names, creator);
}

const char *nt_whea_notify_name(const struct sc_guid *notify) {
    static const struct named names[] = {
        {"{2DCE8BB1-BDD7-450E-B9AD-9CF4EBD4F890}", "Corrected Machine Check"},
        {"{4E292F96-D843-4A55-A8C2-D481F27EBEEE}", "Corrected Platform Error"},
        {"{E8F56FFE-919C-4CC5-BA88-65ABE14913BB}", "Machine Check Exception"},
        {"{CF93C01F-1A16-4DFC-B8BC-9C4DAF67C104}", "PCI Express Error"},
        {"{CC5263E8-9308-454A-89D0-340BD39BC98E}", "INIT"},
        {"{5BAD89FF-B7E6-42C9-814A-CF2485D6E98A}", "Non Maskable Interrupt"},
        {"{3D61A466-AB40-409A-A698-F362D464B38F}", "BOOT Error Record"},
        {"{667DD791-C6B3-4C27-8A6B-0F8E722DEB41}", "DMA Remapping"},
        {"{9A78788A-BBE8-11E4-809E-67611E5D46B0}", "Synchronous External Abort"},
        {"{5C284C81-B0AE-4E87-A322-B04C85624323}", "SError Interrupt"},
        {"{3E62A467-AB40-409A-A698-F362D464B38F}", "Generic Hardware Error"},
    };
    return named(names, sizeof names / sizeof *names, notify);
}

const char *nt_whea_error_name(uint32_t error) {
    switch (error) {
    case 1: return "Cache error";
    case 2: return "TLB error";
    case 4: return "BUS error";
    case 8: return "Micro-Architectural Error";
    default: return NULL;
    }
}

const char *nt_whea_operation_name(uint32_t operation) {
    static const char *const names[] = {"Generic", "Data Read", "Data Write",
                                        "Instruction Execute"};
    return NAME(names, operation);
}

const char *nt_whea_isa_name(uint32_t isa) {
    static const char *const names[] = {"x86", "IA64", "x64", "ARM A32/T32", "ARM A64"};
    return NAME(names, isa);
}

const char *nt_whea_processor_type_name(uint32_t type) {
    static const char *const names[] = {"x86/x64", "Itanium", "ARM"};
    return NAME(names, type);
}

const char *nt_whea_memory_error_name(uint32_t type) {
    static const char *const names[] = {
        NULL,
        "No error",
        "Single-bit ECC",
        "Multi-bit ECC",
        "Single-symbol ChipKill ECC",
        "Multi-symbol ChipKill ECC",
        "Master abort",
        "Target abort",
        "Parity Error",
        "Watchdog timeout",
        "Invalid address",
        "Mirror Broken",
        "Memory Sparing",
        "Scrub corrected error",
        "Scrub uncorrected error",
        "Physical Memory Map-out event",
    };
    return NAME(names, type);
}

const char *nt_whea_port_name(uint32_t port) {
    static const char *const names[] = {
        "Endpoint",
        "Legacy Endpoint",
        NULL,
        NULL,
        "Root Port",
        "Upstream Switch Port",
        "Downstream Switch Port",
        "PCI Express to PCI/PCI-X Bridge",
        "PCI/PCI-X to PCI Express Bridge",
        "Root Complex Integrated Endpoint",
        "Root Complex Event Collector",
    };
    return NAME(names, port);
}

const char *nt_whea_aer_name(bool correctable, unsigned bit) {
    static const char *const bad[32] = {
        [4] = "Data Link Protocol Error",
        [5] = "Surprise Down",
        [12] = "Poisoned TLP",
        [13] = "Flow Control Protocol Error",
        [14] = "Completion Timeout",
        [15] = "Completer Abort",
        [16] = "Unexpected Completion",
        [17] = "Receiver Overflow",
        [18] = "Malformed TLP",
        [19] = "ECRC Error",
        [20] = "Unsupported Request",
        [21] = "ACS Violation",
        [22] = "Uncorrectable Internal Error",
        [23] = "MC Blocked TLP",
        [24] = "AtomicOp Egress Blocked",
        [25] = "TLP Prefix Blocked",
        [26] = "Poisoned TLP Egress Blocked",
    };
    static const char *const fine[32] = {
        [0] = "Receiver Error",
        [6] = "Bad TLP",
        [7] = "Bad DLLP",
        [8] = "Replay Number Rollover",
        [12] = "Replay Timer Timeout",
        [13] = "Advisory Non-Fatal Error",
        [14] = "Corrected Internal Error",
        [15] = "Header Log Overflow",
    };
    return bit < 32 ? (correctable ? fine : bad)[bit] : NULL;
}

const char *nt_whea_aer_text(bool correctable, uint32_t status, char *buf, size_t size) {
    size_t at = 0;
    buf[0] = 0;
    for (unsigned bit = 0; bit < 32; bit++) {
        const char *name = nt_whea_aer_name(correctable, bit);
        if (!(status >> bit & 1))
            continue;
        char number[16];
        snprintf(number, sizeof number, "bit %u", bit);
        int n = snprintf(buf + at, size - at, "%s%s", at ? ", " : "", name ? name : number);
        if (n < 0 || (size_t)n >= size - at)
            break;
        at += (size_t)n;
    }
    return buf;
}
