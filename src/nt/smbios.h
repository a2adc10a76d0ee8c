/* SPDX-License-Identifier: MIT */
/* Structures of the SMBIOS table: what the firmware says of the machine. Untrusted bytes in. */
#ifndef NT_SMBIOS_H
#define NT_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NT_SMBIOS_END = 127, NT_SMBIOS_MAX = 1 << 20, NT_SMBIOS_STRING = 128 };

struct nt_smbios {
    const uint8_t *data;
    size_t size;
    bool version_known;
    uint8_t calling20, major, minor, revision; /* revision: of DMI */
};

struct nt_smbios_entry {
    uint8_t type, length; /* length: of the formatted part, with its four bytes of head */
    uint16_t handle;
    const uint8_t *data; /* the formatted part */
    const uint8_t *strings;
    size_t strings_size;
};

/* The structure at *OFFSET, which moves on; false at the end, or where the table is damaged. */
bool nt_smbios_next(const struct nt_smbios *table, size_t *offset, struct nt_smbios_entry *ret);
/* Is it a table from its first byte to an end mark? RET_SIZE: bytes up to behind that mark. */
bool nt_smbios_valid(const uint8_t *data, size_t size, size_t *ret_size);
/* String INDEX (from 1), printable; "" when the structure has none. */
const char *nt_smbios_string(const struct nt_smbios_entry *entry, unsigned index,
                             char buf[NT_SMBIOS_STRING]);
/* SIZE bytes at OFFSET of the formatted part as a number; false: this version has no such field. */
bool nt_smbios_number(const struct nt_smbios_entry *entry, size_t offset, unsigned size,
                      uint64_t *ret_value);

#endif
