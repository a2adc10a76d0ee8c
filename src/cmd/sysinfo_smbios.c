/* SPDX-License-Identifier: MIT */
/*
 * Which fields of SMBIOS structures are shown, and how: a table. Offsets, widths and meanings are
 * those of DMTF's specification DSP0134; labels are those of published outputs of `!sysinfo smbios`
 * where there are any.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/sysinfo.h"

enum form { STRING, HEX2, HEX4, HANDLE, NUMBER, MHZ, ROM, VERSION, UUID, VOLTAGE, MEMORY, BITS };

struct field {
    uint8_t type, offset, size;
    enum form form;
    const char *label;
};
static const struct field fields[] = {
    {0, 0x04, 1, STRING, "Vendor"},
    {0, 0x05, 1, STRING, "BIOS Version"},
    {0, 0x06, 2, HEX4, "BIOS Starting Address Segment"},
    {0, 0x08, 1, STRING, "BIOS Release Date"},
    {0, 0x09, 1, ROM, "BIOS ROM Size"},
    {0, 0x14, 2, VERSION, "BIOS Major/Minor Revision"},
    {0, 0x16, 2, VERSION, "EC Firmware Major/Minor Revision"},
    {1, 0x04, 1, STRING, "Manufacturer"},
    {1, 0x05, 1, STRING, "Product Name"},
    {1, 0x06, 1, STRING, "Version"},
    {1, 0x07, 1, STRING, "Serial Number"},
    {1, 0x08, 16, UUID, "UUID"},
    {1, 0x18, 1, HEX2, "Wakeup Type"},
    {1, 0x19, 1, STRING, "SKUNumber"},
    {1, 0x1a, 1, STRING, "Family"},
    {2, 0x04, 1, STRING, "Manufacturer"},
    {2, 0x05, 1, STRING, "Product"},
    {2, 0x06, 1, STRING, "Version"},
    {2, 0x07, 1, STRING, "Serial Number"},
    {2, 0x08, 1, STRING, "Asset Tag"},
    {2, 0x09, 1, HEX2, "Feature Flags"},
    {2, 0x0a, 1, STRING, "Location"},
    {2, 0x0b, 2, HANDLE, "Chassis Handle"},
    {2, 0x0d, 1, HEX2, "Board Type"},
    {3, 0x04, 1, STRING, "Manufacturer"},
    {3, 0x05, 1, HEX2, "Chassis Type"},
    {3, 0x06, 1, STRING, "Version"},
    {3, 0x07, 1, STRING, "Serial Number"},
    {3, 0x08, 1, STRING, "Asset Tag Number"},
    {3, 0x09, 1, HEX2, "Bootup State"},
    {3, 0x0a, 1, HEX2, "Power Supply State"},
    {3, 0x0b, 1, HEX2, "Thermal State"},
    {3, 0x0c, 1, HEX2, "Security Status"},
    {4, 0x04, 1, STRING, "Socket Designation"},
    {4, 0x05, 1, HEX2, "Processor Type"},
    {4, 0x06, 1, HEX2, "Processor Family"},
    {4, 0x07, 1, STRING, "Processor Manufacturer"},
    {4, 0x08, 8, BITS, "Processor ID"},
    {4, 0x10, 1, STRING, "Processor Version"},
    {4, 0x11, 1, VOLTAGE, "Processor Voltage"},
    {4, 0x12, 2, MHZ, "External Clock"},
    {4, 0x14, 2, MHZ, "Max Speed"},
    {4, 0x16, 2, MHZ, "Current Speed"},
    {4, 0x18, 1, HEX2, "Status"},
    {4, 0x19, 1, HEX2, "Processor Upgrade"},
    {4, 0x1a, 2, HANDLE, "L1 Cache Handle"},
    {4, 0x1c, 2, HANDLE, "L2 Cache Handle"},
    {4, 0x1e, 2, HANDLE, "L3 Cache Handle"},
    {4, 0x20, 1, STRING, "Serial Number"},
    {4, 0x21, 1, STRING, "Asset Tag Number"},
    {4, 0x22, 1, STRING, "Part Number"},
    {7, 0x04, 1, STRING, "Socket Designation"},
    {7, 0x05, 2, HEX4, "Cache Configuration"},
    {7, 0x07, 2, HEX4, "Maximum Cache Size"},
    {7, 0x09, 2, HEX4, "Installed Size"},
    {16, 0x04, 1, HEX2, "Location"},
    {16, 0x05, 1, HEX2, "Use"},
    {16, 0x06, 1, HEX2, "Memory Error Correction"},
    {16, 0x07, 4, NUMBER, "Maximum Capacity (KB)"},
    {16, 0x0b, 2, HANDLE, "Memory Error Inf Handle"},
    {16, 0x0d, 2, NUMBER, "Number of Memory Devices"},
    {17, 0x04, 2, HANDLE, "Physical Memory Array Handle"},
    {17, 0x06, 2, HANDLE, "Memory Error Info Handle"},
    {17, 0x08, 2, NUMBER, "Total Width"},
    {17, 0x0a, 2, NUMBER, "Data Width"},
    {17, 0x0c, 2, MEMORY, "Size"},
    {17, 0x0e, 1, HEX2, "Form Factor"},
    {17, 0x0f, 1, HEX2, "Device Set"},
    {17, 0x10, 1, STRING, "Device Locator"},
    {17, 0x11, 1, STRING, "Bank Locator"},
    {17, 0x12, 1, HEX2, "Memory Type"},
    {17, 0x13, 2, HEX4, "Type Detail"},
    {17, 0x15, 2, MHZ, "Speed"},
    {17, 0x17, 1, STRING, "Manufacturer"},
    {17, 0x18, 1, STRING, "Serial Number"},
    {17, 0x19, 1, STRING, "Asset Tag Number"},
    {17, 0x1a, 1, STRING, "Part Number"},
    {19, 0x04, 4, HEX4, "Starting Address (KB)"},
    {19, 0x08, 4, HEX4, "Ending Address (KB)"},
    {19, 0x0c, 2, HANDLE, "Memory Array Handle"},
    {19, 0x0e, 1, NUMBER, "Partition Width"},
};

const char *sc_smbios_type_name(uint8_t type) {
    switch (type) {
    case 0: return "BIOS Information";
    case 1: return "System Information";
    case 2: return "BaseBoard Information";
    case 3: return "System Enclosure";
    case 4: return "Processor Information";
    case 7: return "Cache Information";
    case 8: return "Port Connector Information";
    case 9: return "System Slots Information";
    case 10: return "Onboard Devices Information";
    case 11: return "OEM Strings";
    case 16: return "Physical Memory Array";
    case 17: return "Memory Device";
    case 19: return "Memory Array Mapped Address";
    case 20: return "Memory Device Mapped Address";
    case 32: return "System Boot Information";
    case 41: return "Onboard Devices Extended Information";
    case NT_SMBIOS_END: return "End Of Table";
    default: return NULL;
    }
}

static void uuid_text(const uint8_t *p, char *buf, size_t size) {
    snprintf(buf, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             p[3], p[2], p[1], p[0], p[5], p[4], p[7], p[6], p[8], p[9], p[10], p[11], p[12], p[13],
             p[14], p[15]);
}

/* Bit 7: tenths of a volt in the others; else a bit for each of 5, 3.3 and 2.9 volts. */
static void voltage_text(unsigned v, char *buf, size_t size) {
    if (v & 0x80)
        snprintf(buf, size, "%u.%uV", (v & 0x7f) / 10, (v & 0x7f) % 10);
    else
        snprintf(buf, size, "%02xh -%s%s%s", v, v & 1 ? " 5V" : "", v & 2 ? " 3.3V" : "",
                 v & 4 ? " 2.9V" : "");
}

/* Bit 15: kilobytes; 7fff: the size is in another field; ffff unknown; 0: the socket is empty. */
static void memory_text(const struct nt_smbios_entry *e, uint64_t v, char *buf, size_t size) {
    uint64_t large;
    if (!v)
        snprintf(buf, size, "[Not Populated]");
    else if (v == 0xffff)
        snprintf(buf, size, "[Unknown]");
    else if (v == 0x7fff && nt_smbios_number(e, 0x1c, 4, &large))
        snprintf(buf, size, "%" PRIu64 "MB", large & 0x7fffffff);
    else if (v & 0x8000)
        snprintf(buf, size, "%" PRIu64 "KB", v & 0x7fff);
    else
        snprintf(buf, size, "%" PRIu64 "MB", v);
}

static void field_text(const struct nt_smbios_entry *e, const struct field *f, uint64_t v,
                       char buf[NT_SMBIOS_STRING]) {
    const size_t size = NT_SMBIOS_STRING;
    switch (f->form) {
    case STRING: nt_smbios_string(e, (unsigned)v, buf); break;
    case HEX2: snprintf(buf, size, "%02" PRIx64 "h", v); break;
    case HEX4: snprintf(buf, size, "%04" PRIx64, v); break;
    case HANDLE: snprintf(buf, size, "%04" PRIx64 "h", v); break;
    case NUMBER: snprintf(buf, size, "%" PRIu64, v); break;
    case MHZ: snprintf(buf, size, "%" PRIu64 "MHz", v); break;
    case ROM: snprintf(buf, size, "%" PRIx64, (v + 1) << 16); break;
    case VERSION: snprintf(buf, size, "%" PRIu64 ".%" PRIu64, v & 0xff, v >> 8); break;
    case VOLTAGE: voltage_text((unsigned)v, buf, size); break;
    case MEMORY: memory_text(e, v, buf, size); break;
    case BITS: snprintf(buf, size, "%016" PRIx64, v); break;
    case UUID: uuid_text(e->data + f->offset, buf, size); break;
    }
}

bool sc_smbios_field(const struct nt_smbios_entry *e, unsigned number,
                     struct sc_smbios_field *ret) {
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct field *f = &fields[i];
        uint64_t v = 0;
        if (f->type != e->type || f->offset + f->size > e->length || number--)
            continue;
        if (f->size <= 8)
            nt_smbios_number(e, f->offset, f->size, &v);
        ret->label = f->label;
        field_text(e, f, v, ret->text);
        return true;
    }
    return false;
}

const char *sc_smbios_characteristic(unsigned bit) {
    static const char *const names[32] = {
        [4] = "ISA Supported",
        [5] = "MCA Supported",
        [6] = "EISA Supported",
        [7] = "PCI Supported",
        [8] = "PCMCIA Supported",
        [9] = "Plug and Play Supported",
        [10] = "APM Supported",
        [11] = "Upgradeable FLASH BIOS",
        [12] = "BIOS Shadowing Supported",
        [13] = "VL-VESA Supported",
        [14] = "ESCD Supported",
        [15] = "CD-Boot Supported",
        [16] = "Selectable Boot Supported",
        [17] = "BIOS ROM Socketed",
        [18] = "PCMCIA-Boot Supported",
        [19] = "EDD Supported",
        [20] = "NEC Floppy Supported",
        [21] = "Toshiba J-Floppy Supported",
        [22] = "5.25/360KB Floppy Supported",
        [23] = "5.25/1.2MB Floppy Supported",
        [24] = "3.5/720KB Floppy Supported",
        [25] = "3.5/2.88MB Floppy Supported",
        [26] = "Print Screen Device Supported",
        [27] = "Keyboard Services Supported",
        [28] = "Serial Services Supported",
        [29] = "Printer Services Supported",
        [30] = "CGA/Mono Services Supported",
        [31] = "NEC PC-98",
    };
    return bit < 32 ? names[bit] : NULL;
}
