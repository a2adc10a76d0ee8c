/* SPDX-License-Identifier: MIT */
/*
 * What a dump tells of the machine beside the kernel's own structures: values of the registry about
 * the processor, tables of the firmware.
 */
#ifndef NT_SYSINFO_H
#define NT_SYSINFO_H

#include "nt/nt.h"
#include "nt/smbios.h"

/* A value of HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0. */
struct nt_regvalue {
    const char *name; /* UTF-8 */
    uint32_t type;    /* REG_SZ 1, REG_BINARY 3, REG_DWORD 4, … */
    const uint8_t *data;
    uint32_t size;
    const char *text; /* of REG_SZ; else NULL */
};

struct nt_acpi_table {
    char signature[5], oem_id[7], oem_table[9];
    uint32_t length, held; /* held: bytes that the dump has */
    uint8_t revision;
    bool sound; /* all of it is there, and its bytes sum up to 0 */
};

struct nt_sysinfo {
    struct nt_regvalue *cpu; /* all in the arena */
    size_t ncpu;
    struct nt_acpi_table *acpi;
    size_t nacpi;
    struct nt_smbios smbios; /* size 0: none */
    const char *smbios_from; /* where it was found; or why there is none */
};

/*
 * Secondary data is known by what it contains: a driver's GUID says nothing of its format, and none
 * of them is published.
 */
sc_err *nt_sysinfo_read(const struct nt *nt, sc_arena *arena, struct nt_sysinfo *ret_info);

/*
 * Takes what SIZE bytes at DATA, which must live as long as INFO, contain: the values, tables of
 * ACPI or the SMBIOS table; the first of each counts. Anything else is no error.
 */
sc_err *nt_sysinfo_take(const uint8_t *data, size_t size, sc_arena *arena, struct nt_sysinfo *info);

/* The value called NAME; NULL: there is none. */
const struct nt_regvalue *nt_sysinfo_value(const struct nt_sysinfo *info, const char *name);
/* Little-endian number of a REG_DWORD or REG_QWORD; false: it is none. */
bool nt_regvalue_number(const struct nt_regvalue *value, uint64_t *ret_number);
/* "REG_SZ"; NULL for a number that is no type. */
const char *nt_regvalue_type(uint32_t type);

#endif
