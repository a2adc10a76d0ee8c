/* SPDX-License-Identifier: MIT */
/*
 * The sections of hardware error records.
 *
 *   Processor Generic, 192 bytes          x86/x64 Processor Specific, 64 bytes and more
 *   +00 valid bits      +18 brand, 128    +00 valid: 1 APIC id, 2 CPUID, bits 2-7 number of checks,
 *   +08 processor type  +98 processor id      bits 8-13 number of contexts
 *   +09 instruction set +a0 target        +08 APIC id
 *   +0a error type      +a8 requester     +10 CPUID, 48 bytes
 *   +0b operation       +b0 responder     +40 checks of 64 bytes: type GUID, +10 valid, +18 check,
 *   +0c flags           +b8 ip                +20 target, +28 requester, +30 responder, +38 ip
 *   +0d level
 *   +10 CPU version
 *
 *   Platform Memory, 73 or 80 bytes       PCI Express, 208 bytes
 *   +00 valid bits      +28 device        +00 valid bits     +18 vendor, device, class (3 bytes),
 *   +08 error status    +2a row           +08 port type          function, device, segment (2),
 *   +10 address, mask   +2c column        +0c version            bus, secondary bus, slot (2)
 *   +20 node            +2e bit           +10 command        +28 serial number
 *   +22 card            +48 error type    +12 status         +30 bridge: status, control
 *   +24 module          +4a rank                             +34 capability, 60 bytes
 *   +26 bank                                                 +70 AER capability, 96 bytes
 *
 *   x86/x64 MCA (WHEA_XPF_MCA_SECTION), 264 bytes and more, packed
 *   +00 version         +1c ip            +38 misc
 *   +04 vendor          +24 bank          +40 number of extended registers
 *   +10 processor       +28 status        +44 APIC id
 *   +14 MCG_STATUS      +30 address       +48 24 extended registers
 *
 * Sources: UEFI specification, appendix N; ntddk.h of the public Windows Driver Kit.
 */
#include <string.h>

#include "base/cursor.h"
#include "base/guid.h"
#include "nt/whea.h"

enum { CHECK_SIZE = 64, X64_SIZE = 64 };

/* A cursor over section I; false when it is not of KIND, is not all there, or has too few bytes. */
static bool open_section(const struct nt_whea_record *r, uint32_t i, enum nt_whea_kind kind,
                         uint32_t least, struct sc_cur *ret) {
    if (i >= r->nlisted || r->section[i].kind != kind || !r->section[i].present ||
        r->section[i].length < least)
        return false;
    *ret = sc_cur_mem(r->bytes + r->section[i].offset, r->section[i].length, "section");
    return true;
}

bool nt_whea_processor(const struct nt_whea_record *r, uint32_t i, struct nt_whea_processor *ret) {
    struct sc_cur c;
    if (!open_section(r, i, NT_WHEA_PROCESSOR, 192, &c))
        return false;
    struct nt_whea_processor p = {.valid = sc_u64(&c)};
    p.type = sc_u8(&c);
    p.isa = sc_u8(&c);
    p.error = sc_u8(&c);
    p.operation = sc_u8(&c);
    p.flags = sc_u8(&c);
    p.level = sc_u8(&c);
    sc_cur_skip(&c, 2);
    p.version = sc_u64(&c);
    sc_cur_bytes(&c, p.brand, sizeof p.brand - 1);
    for (size_t k = 0; p.brand[k]; k++)
        if (p.brand[k] < 0x20 || p.brand[k] >= 0x7f)
            p.brand[k] = '?';
    p.id = sc_u64(&c);
    p.target = sc_u64(&c);
    p.requester = sc_u64(&c);
    p.responder = sc_u64(&c);
    p.ip = sc_u64(&c);
    *ret = p;
    return true;
}

static const char *check_name(const struct sc_guid *type) {
    static const struct {
        const char *guid, *name;
    } names[] = {
        {"{A55701F5-E3EF-43DE-AC72-249B573FAD2C}", "Cache Check"},
        {"{FC06B535-5E1F-4562-9F25-0A3B9ADB63C3}", "TLB Check"},
        {"{1CF3F8B3-C5B1-49A2-AA59-5EEF92FFA63C}", "Bus Check"},
        {"{48AB7F57-DC34-4F6C-A7D3-B0B5B0A74314}", "Micro-Architecture Check"},
    };
    char text[SC_GUID_BUF];
    sc_guid_text(type, text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].guid, text) == 0)
            return names[i].name;
    return NULL;
}

bool nt_whea_x64(const struct nt_whea_record *r, uint32_t i, struct nt_whea_x64 *ret) {
    struct sc_cur c;
    if (!open_section(r, i, NT_WHEA_X64, X64_SIZE, &c))
        return false;
    struct nt_whea_x64 x = {0};
    uint64_t valid = sc_u64(&c);
    x.has_apic = valid & 1;
    x.has_cpuid = valid >> 1 & 1;
    x.nchecks = (uint32_t)(valid >> 2 & 0x3f);
    x.ncontexts = (uint32_t)(valid >> 8 & 0x3f);
    x.apic = sc_u64(&c);
    sc_cur_bytes(&c, x.cpuid, sizeof x.cpuid);
    while (x.nread < x.nchecks && x.nread < NT_WHEA_CHECKS && sc_cur_left(&c) >= CHECK_SIZE) {
        struct nt_whea_check *k = &x.check[x.nread++];
        struct sc_guid type = sc_cur_guid(&c);
        k->name = check_name(&type);
        k->valid = sc_u64(&c);
        k->check = sc_u64(&c);
        k->target = sc_u64(&c);
        k->requester = sc_u64(&c);
        k->responder = sc_u64(&c);
        k->ip = sc_u64(&c);
    }
    *ret = x;
    return true;
}

bool nt_whea_mca(const struct nt_whea_record *r, uint32_t i, struct nt_whea_mca *ret) {
    struct sc_cur c;
    if (!open_section(r, i, NT_WHEA_MCA, 0x48, &c))
        return false;
    struct nt_whea_mca m = {0};
    sc_cur_skip(&c, 4);
    uint32_t vendor = sc_u32(&c);
    m.vendor = vendor <= NT_CPU_AMD ? (enum nt_cpu_vendor)vendor : NT_CPU_OTHER;
    sc_cur_skip(&c, 8);
    m.processor = sc_u32(&c);
    m.global = (uint32_t)sc_u64(&c);
    m.ip = sc_u64(&c);
    m.bank = sc_u32(&c);
    m.status = sc_u64(&c);
    m.address = sc_u64(&c);
    m.misc = sc_u64(&c);
    uint32_t count = sc_u32(&c);
    m.apic = sc_u32(&c);
    while (m.nextended < count && m.nextended < 24 && sc_cur_left(&c) >= 8)
        m.extended[m.nextended++] = sc_u64(&c);
    *ret = m;
    return true;
}

bool nt_whea_memory(const struct nt_whea_record *r, uint32_t i, struct nt_whea_memory *ret) {
    struct sc_cur c;
    if (!open_section(r, i, NT_WHEA_MEMORY, 73, &c))
        return false;
    struct nt_whea_memory m = {.valid = sc_u64(&c)};
    m.status = sc_u64(&c);
    m.address = sc_u64(&c);
    m.mask = sc_u64(&c);
    uint16_t *place[] = {&m.node,   &m.card, &m.module, &m.bank,
                         &m.device, &m.row,  &m.column, &m.bit};
    for (size_t k = 0; k < sizeof place / sizeof *place; k++)
        *place[k] = sc_u16(&c);
    sc_cur_skip(&c, 24);
    m.type = sc_u8(&c);
    if (sc_cur_left(&c) >= 3) {
        sc_cur_skip(&c, 1);
        m.rank = sc_u16(&c);
    } else {
        m.valid &= ~(uint64_t)NT_WHEA_M_RANK;
    }
    *ret = m;
    return true;
}

bool nt_whea_pcie(const struct nt_whea_record *r, uint32_t i, struct nt_whea_pcie *ret) {
    struct sc_cur c;
    if (!open_section(r, i, NT_WHEA_PCIE, 208, &c))
        return false;
    struct nt_whea_pcie p = {.valid = sc_u64(&c)};
    p.port = sc_u32(&c);
    p.version = sc_u32(&c);
    p.command = sc_u16(&c);
    p.status = sc_u16(&c);
    sc_cur_skip(&c, 4);
    p.vendor = sc_u16(&c);
    p.device = sc_u16(&c);
    p.class_code = sc_u16(&c);
    p.class_code |= (uint32_t)sc_u8(&c) << 16;
    p.function = sc_u8(&c);
    p.device_number = sc_u8(&c);
    p.segment = sc_u16(&c);
    p.bus = sc_u8(&c);
    p.secondary_bus = sc_u8(&c);
    p.slot = (uint16_t)(sc_u16(&c) >> 3);
    sc_cur_skip(&c, 1);
    p.serial = sc_u64(&c);
    p.bridge_status = sc_u16(&c);
    p.bridge_control = sc_u16(&c);
    sc_cur_skip(&c, 60 + 4); /* the capability, and the header of the next one */
    p.uncorrectable = sc_u32(&c);
    p.uncorrectable_mask = sc_u32(&c);
    p.uncorrectable_severity = sc_u32(&c);
    p.correctable = sc_u32(&c);
    p.correctable_mask = sc_u32(&c);
    *ret = p;
    return true;
}
