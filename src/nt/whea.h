/* SPDX-License-Identifier: MIT */
/*
 * Hardware error records: UEFI's Common Platform Error Record as Windows Hardware Error
 * Architecture (WHEA) writes it, from bytes. Knows no dump.
 *
 *     struct nt_whea_record r;
 *     err = nt_whea_parse(bytes, size, &r);
 *     for (i = 0; i < r.nsections; i++)
 *         if (r.section[i].kind == NT_WHEA_MCA && nt_whea_mca(&r, i, &mca)) …
 *
 * A record borrows the bytes it was parsed from.
 */
#ifndef NT_WHEA_H
#define NT_WHEA_H

#include "nt/mca.h"
#include "stopcode/error.h"
#include "stopcode/module.h"

enum {
    NT_WHEA_HEADER = 128,      /* bytes of the header */
    NT_WHEA_DESCRIPTOR = 72,   /* of a section's descriptor */
    NT_WHEA_SECTIONS = 32,     /* that are followed */
    NT_WHEA_SIZE_MAX = 1 << 20 /* of a record */
};

enum nt_whea_severity {
    NT_WHEA_RECOVERABLE,
    NT_WHEA_FATAL,
    NT_WHEA_CORRECTED,
    NT_WHEA_INFORMATIONAL,
};

enum nt_whea_kind {
    NT_WHEA_UNKNOWN,
    NT_WHEA_PROCESSOR, /* processor generic */
    NT_WHEA_X64,       /* x86/x64 processor specific */
    NT_WHEA_MCA,       /* Windows' own: the bank's registers */
    NT_WHEA_MEMORY,
    NT_WHEA_PCIE,
    NT_WHEA_NAMED, /* known by name only */
};

struct nt_whea_section {
    enum nt_whea_kind kind;
    const char *name; /* "Processor Generic"; NULL when the type is not known */
    struct sc_guid type;
    uint32_t offset, length; /* in the record; the section's bytes are all there */
    bool present;            /* false: it reaches behind the end of what was given */
    uint32_t flags, severity;
    char fru[21]; /* FRU text, "" when there is none */
};

struct nt_whea_record {
    const uint8_t *bytes;
    size_t size;
    uint16_t revision;
    uint32_t severity, length, flags;
    bool has_platform, has_partition;
    struct sc_guid platform, partition, creator, notify;
    uint64_t id;
    bool has_time;
    uint16_t year; /* UTC, as Windows writes it */
    uint8_t month, day, hour, minute, second;
    uint32_t nsections; /* of which section[] has those that are in the bytes */
    uint32_t nlisted;
    struct nt_whea_section section[NT_WHEA_SECTIONS];
};

/* Do SIZE bytes begin like a record? Its length, if so. */
bool nt_whea_probe(const void *bytes, size_t size, uint32_t *ret_length);
/* SC_ERR_FORMAT: they are none. A record that is cut off is parsed as far as it goes. */
sc_err *nt_whea_parse(const void *bytes, size_t size, struct nt_whea_record *ret_record);

/* --- sections; false when the section is of another kind, or too short ----------------------- */

enum { /* bits of `valid` */
       NT_WHEA_P_TYPE = 1,
       NT_WHEA_P_ISA = 2,
       NT_WHEA_P_ERROR = 4,
       NT_WHEA_P_OPERATION = 8,
       NT_WHEA_P_FLAGS = 0x10,
       NT_WHEA_P_LEVEL = 0x20,
       NT_WHEA_P_VERSION = 0x40,
       NT_WHEA_P_BRAND = 0x80,
       NT_WHEA_P_ID = 0x100,
       NT_WHEA_P_TARGET = 0x200,
       NT_WHEA_P_IP = 0x1000,
};
struct nt_whea_processor {
    uint64_t valid;
    uint8_t type, isa, error, operation, flags, level;
    uint64_t version, id, target, requester, responder, ip;
    char brand[129];
};
bool nt_whea_processor(const struct nt_whea_record *r, uint32_t i, struct nt_whea_processor *ret);

enum { NT_WHEA_CHECKS = 8 };
struct nt_whea_check {
    const char *name; /* "Cache Check"; NULL when the type is not known */
    uint64_t valid, check, target, requester, responder, ip;
};
struct nt_whea_x64 {
    bool has_apic, has_cpuid;
    uint64_t apic;
    uint8_t cpuid[48];
    uint32_t nchecks, ncontexts; /* as the section counts them */
    uint32_t nread;              /* of check[] */
    struct nt_whea_check check[NT_WHEA_CHECKS];
};
bool nt_whea_x64(const struct nt_whea_record *r, uint32_t i, struct nt_whea_x64 *ret);

struct nt_whea_mca {
    enum nt_cpu_vendor vendor;
    uint32_t processor, bank, global, apic;
    uint64_t ip, status, address, misc;
    uint32_t nextended; /* of extended[] */
    uint64_t extended[24];
};
bool nt_whea_mca(const struct nt_whea_record *r, uint32_t i, struct nt_whea_mca *ret);

enum {
    NT_WHEA_M_STATUS = 1,
    NT_WHEA_M_ADDRESS = 2,
    NT_WHEA_M_MASK = 4,
    NT_WHEA_M_NODE = 8,
    NT_WHEA_M_CARD = 0x10,
    NT_WHEA_M_MODULE = 0x20,
    NT_WHEA_M_BANK = 0x40,
    NT_WHEA_M_DEVICE = 0x80,
    NT_WHEA_M_ROW = 0x100,
    NT_WHEA_M_COLUMN = 0x200,
    NT_WHEA_M_BIT = 0x400,
    NT_WHEA_M_TYPE = 0x4000,
    NT_WHEA_M_RANK = 0x8000,
};
struct nt_whea_memory {
    uint64_t valid, status, address, mask;
    uint16_t node, card, module, bank, device, row, column, bit, rank;
    uint8_t type;
};
bool nt_whea_memory(const struct nt_whea_record *r, uint32_t i, struct nt_whea_memory *ret);

enum {
    NT_WHEA_E_PORT = 1,
    NT_WHEA_E_VERSION = 2,
    NT_WHEA_E_COMMAND = 4,
    NT_WHEA_E_DEVICE = 8,
    NT_WHEA_E_SERIAL = 0x10,
    NT_WHEA_E_BRIDGE = 0x20,
    NT_WHEA_E_CAPABILITY = 0x40,
    NT_WHEA_E_AER = 0x80,
};
struct nt_whea_pcie {
    uint64_t valid;
    uint32_t port, version;
    uint16_t command, status, vendor, device, segment, slot;
    uint32_t class_code;
    uint8_t bus, device_number, function, secondary_bus;
    uint64_t serial;
    uint16_t bridge_status, bridge_control;
    uint32_t uncorrectable, uncorrectable_mask, uncorrectable_severity; /* AER */
    uint32_t correctable, correctable_mask;
};
bool nt_whea_pcie(const struct nt_whea_record *r, uint32_t i, struct nt_whea_pcie *ret);

/* --- words; NULL for a number that has none -------------------------------------------------- */

const char *nt_whea_severity_name(uint32_t severity);            /* "Fatal" */
const char *nt_whea_creator_name(const struct sc_guid *creator); /* "Microsoft" */
const char *nt_whea_notify_name(const struct sc_guid *notify);   /* "Machine Check Exception" */
const char *nt_whea_error_name(uint32_t error);                  /* "Cache error" */
const char *nt_whea_operation_name(uint32_t operation);          /* "Data Read" */
const char *nt_whea_isa_name(uint32_t isa);                      /* "x64" */
const char *nt_whea_processor_type_name(uint32_t type);          /* "x86/x64" */
const char *nt_whea_memory_error_name(uint32_t type);            /* "Multi-bit ECC" */
const char *nt_whea_port_name(uint32_t port);                    /* "Root Port" */
const char *nt_whea_aer_name(bool correctable, unsigned bit);    /* "Completion Timeout" */
/* The names of all bits of an AER status, joined by ", ", cut to SIZE. "" for none. */
const char *nt_whea_aer_text(bool correctable, uint32_t status, char *buf, size_t size);

#endif
