/* SPDX-License-Identifier: MIT */
/*
 * Is a page the first of a kernel's image? Windows' kernel is a native program (subsystem 1), no
 * library, of 1 to 128 MiB, whose export directory calls it ntoskrnl.exe (or, before Windows 8, by
 * the variant's name: ntkrnlpa.exe, ntkrnlmp.exe, ntkrpamp.exe). Where that cannot be seen, because
 * the page lies apart in physical memory, names of sections count that drivers do not use.
 *
 * Offsets of the headers: PE/COFF specification.
 */
#include <string.h>

#include "stopcode/pe.h"
#include "target/find_impl.h"

enum { NATIVE = 1, IS_DLL = 0x2000 };

static uint16_t u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static enum sc_cpu cpu_of(uint16_t machine) {
    switch (machine) {
    case SC_PE_MACHINE_X86: return SC_CPU_X86;
    case SC_PE_MACHINE_X64: return SC_CPU_X64;
    case SC_PE_MACHINE_ARM64: return SC_CPU_ARM64;
    default: return SC_CPU_UNKNOWN;
    }
}

/* Sections of the kernel's pool, of its debugger and of what is mapped into processes. */
static bool has_kernel_section(const uint8_t *page, uint32_t table, unsigned count) {
    static const char *const names[] = {"POOLCODE", "POOLMI", "PAGEKD", "KVASCODE", "INITKDBG"};
    for (unsigned i = 0; i < count && table + 40 * (i + 1) <= FIND_PAGE; i++)
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            if (!strncmp((const char *)page + table + 40 * (size_t)i, names[n], 8))
                return true;
    return false;
}

bool find_kernel_header(const uint8_t page[FIND_PAGE], enum sc_cpu cpu, struct find_image *ret) {
    if (page[0] != 'M' || page[1] != 'Z')
        return false;
    uint32_t nt = find_u32(page + 0x3c);
    if (nt < 0x40 || nt > FIND_PAGE - 0x108 || memcmp(page + nt, "PE\0\0", 4))
        return false;
    const uint8_t *file = page + nt + 4, *optional = file + 20;
    bool wide = u16(optional) == 0x20b;
    struct find_image i = {.cpu = cpu_of(u16(file))};
    if (i.cpu == SC_CPU_UNKNOWN || (cpu != SC_CPU_UNKNOWN && cpu != i.cpu) ||
        wide != (i.cpu != SC_CPU_X86) || u16(optional) != (wide ? 0x20b : 0x10b))
        return false;
    i.size = find_u32(optional + 0x38);
    if (u16(file + 18) & IS_DLL || u16(optional + 0x44) != NATIVE || i.size < FIND_KERNEL_MIN ||
        i.size > FIND_KERNEL_MAX)
        return false;
    if (find_u32(optional + (wide ? 0x6c : 0x5c)))
        i.exports = find_u32(optional + (wide ? 0x70 : 0x60));
    i.named = has_kernel_section(page, nt + 24 + u16(file + 16), u16(file + 2));
    *ret = i;
    return true;
}
