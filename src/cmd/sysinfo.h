/* SPDX-License-Identifier: MIT */
/* The text of SMBIOS structures for `!sysinfo`. */
#ifndef STOPCODE_CMD_SYSINFO_H
#define STOPCODE_CMD_SYSINFO_H

#include "nt/smbios.h"
#include "stopcode/out.h"

/* One field of a structure as it is shown. */
struct sc_smbios_field {
    const char *label;
    char text[NT_SMBIOS_STRING];
};
/* "BIOS Information"; NULL for a type whose fields are not known here. */
const char *sc_smbios_type_name(uint8_t type);
/* Field NUMBER of the structure, from 0; false behind the last one. */
bool sc_smbios_field(const struct nt_smbios_entry *entry, unsigned number,
                     struct sc_smbios_field *ret_field);
/* "PCI Supported" of bit BIT of the BIOS characteristics; NULL none. */
const char *sc_smbios_characteristic(unsigned bit);

#endif
