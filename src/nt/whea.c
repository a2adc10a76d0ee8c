/* SPDX-License-Identifier: MIT */
/*
 * Common Platform Error Records.
 *
 *   header, 128 bytes                              section descriptor, 72 bytes, from 128 on
 *   +00 "CPER"              +40 creator GUID       +00 offset in the record
 *   +04 revision            +50 notify type GUID   +04 length
 *   +06 ffffffff            +60 record id          +08 revision
 *   +0a number of sections  +68 flags              +0a valid: 1 FRU id, 2 FRU text
 *   +0c severity            +6c persistence        +0c flags: 1 primary
 *   +10 valid: 2 time       +74 reserved           +10 section type GUID
 *   +14 length of the record                       +20 FRU id
 *   +18 time: second, minute, hour, precise,       +30 severity
 *       day, month, year, century                  +34 FRU text, 20 bytes
 *   +20 platform GUID, +30 partition GUID
 *
 * The layout is that of the UEFI specification, appendix N. The specification has the time in BCD;
 * Windows writes plain binary numbers (century 14 hex is 20), as the RawData of its event-log
 * records shows against the event's own time. Both are read: a century is 20 or 21. Windows writes
 * revision 0210.
 */
#include "nt/whea.h"

#include <string.h>

#include "base/cursor.h"
#include "base/guid.h"

enum { END_MARK_AT = 6 };

static const struct {
    const char *guid;
    enum nt_whea_kind kind;
    const char *name;
} types[] = {
    {"{9876CCAD-47B4-4BDB-B65E-16F193C4F3DB}", NT_WHEA_PROCESSOR, "Processor Generic"},
    {"{DC3EA0B0-A144-4797-B95B-53FA242B6E1D}", NT_WHEA_X64, "x86/x64 Processor Specific"},
    {"{8A1E1D01-42F9-4557-9C33-565E5CC3F7E8}", NT_WHEA_MCA, "x86/x64 MCA"},
    {"{A5BC1114-6F64-4EDE-B863-3E83ED7C83B1}", NT_WHEA_MEMORY, "Platform Memory"},
    {"{D995E954-BBC1-430F-AD91-B44DCB3C6F35}", NT_WHEA_PCIE, "PCI Express"},
    {"{E429FAF1-3CB7-11D4-BCA7-0080C73C8881}", NT_WHEA_NAMED, "Itanium Processor Specific"},
    {"{E19E3D16-BC11-11E4-9CAA-C2051D5D46B0}", NT_WHEA_NAMED, "ARM Processor Specific"},
    {"{61EC04FC-48E6-D813-25C9-8DAA44750B12}", NT_WHEA_NAMED, "Platform Memory 2"},
    {"{C5753963-3B84-4095-BF78-EDDAD3F9C9DD}", NT_WHEA_NAMED, "PCI/PCI-X Bus"},
    {"{EB5E4685-CA66-4769-B6A2-26068B001326}", NT_WHEA_NAMED, "PCI/PCI-X Device"},
    {"{81212A96-09ED-4996-9471-8D729C8E69ED}", NT_WHEA_NAMED, "Firmware Error Record Reference"},
    {"{5B51FEF7-C79D-4434-8F1B-AA62DE3E2C64}", NT_WHEA_NAMED, "DMAr Generic"},
    {"{71761D37-32B2-45CD-A7D0-B0FEDD93E8CF}", NT_WHEA_NAMED, "Intel VT-d DMAr"},
    {"{036F84E1-7F37-428C-A79E-575FDFAA84EC}", NT_WHEA_NAMED, "IOMMU DMAr"},
    {"{E71254E7-C1B9-4940-AB76-909703A4320F}", NT_WHEA_NAMED, "NMI"},
    {"{E71254E8-C1B9-4940-AB76-909703A4320F}", NT_WHEA_NAMED, "Generic"},
    {"{E71254E9-C1B9-4940-AB76-909703A4320F}", NT_WHEA_NAMED, "WHEA Error Packet"},
    {"{C34832A1-02C3-4C52-A9F1-9F1D5D7723FC}", NT_WHEA_NAMED, "Recovery Information"},
    {"{E96ECA99-53E2-4F52-9BE7-D2DBE9508ED0}", NT_WHEA_NAMED, "PCI Express Correctable Summary"},
    {"{0E36C93E-CA15-4A83-BA8A-CBE80F7F0017}", NT_WHEA_NAMED, "Memory Correctable Summary"},
    {"{81687003-DBFD-4728-9FFD-F0904F97597D}", NT_WHEA_NAMED, "Persistent Memory"},
    {"{EC49534B-30E7-4358-972F-ECA6958FAE3B}", NT_WHEA_NAMED, "Downstream Port Containment"},
};

bool nt_whea_probe(const void *bytes, size_t size, uint32_t *ret_length) {
    static const uint8_t end[4] = {0xff, 0xff, 0xff, 0xff};
    const uint8_t *b = bytes;
    if (size < NT_WHEA_HEADER || memcmp(b, "CPER", 4) != 0 || memcmp(b + END_MARK_AT, end, 4) != 0)
        return false;
    struct sc_cur cur = sc_cur_mem(b + 0x14, 4, "length");
    uint32_t length = sc_u32(&cur);
    if (length < NT_WHEA_HEADER || length > NT_WHEA_SIZE_MAX)
        return false;
    *ret_length = length;
    return true;
}

static unsigned from_bcd(unsigned byte) { return (byte >> 4) * 10 + (byte & 15); }

/* The eight bytes of a time, in either notation. */
static void take_time(struct nt_whea_record *r, struct sc_cur *cur) {
    uint8_t t[8];
    sc_cur_bytes(cur, t, sizeof t);
    bool bcd = t[7] == 0x20 || t[7] == 0x21;
    unsigned v[8];
    for (unsigned i = 0; i < sizeof t; i++)
        v[i] = bcd ? from_bcd(t[i]) : t[i];
    if ((v[7] != 20 && v[7] != 21) || v[6] > 99 || v[5] < 1 || v[5] > 12 || v[4] < 1 || v[4] > 31 ||
        v[2] > 23 || v[1] > 59 || v[0] > 59)
        return;
    r->has_time = true;
    r->year = (uint16_t)(v[7] * 100 + v[6]);
    r->month = (uint8_t)v[5];
    r->day = (uint8_t)v[4];
    r->hour = (uint8_t)v[2];
    r->minute = (uint8_t)v[1];
    r->second = (uint8_t)v[0];
}

static void take_type(struct nt_whea_section *s) {
    char text[SC_GUID_BUF];
    sc_guid_text(&s->type, text);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].guid, text) == 0) {
            s->kind = types[i].kind;
            s->name = types[i].name;
        }
}

/* Printable up to a NUL; else the text is left out. */
static void take_text(char *text, size_t size) {
    size_t len = 0;
    while (len < size && text[len] >= 0x20 && text[len] < 0x7f)
        len++;
    if (len < size && text[len])
        len = 0;
    text[len] = 0;
}

static void take_section(struct nt_whea_record *r, struct sc_cur *cur) {
    struct nt_whea_section *s = &r->section[r->nlisted++];
    s->offset = sc_u32(cur);
    s->length = sc_u32(cur);
    sc_cur_skip(cur, 2);
    uint8_t valid = sc_u8(cur);
    sc_cur_skip(cur, 1);
    s->flags = sc_u32(cur);
    s->type = sc_cur_guid(cur);
    sc_cur_skip(cur, 16);
    s->severity = sc_u32(cur);
    sc_cur_bytes(cur, s->fru, sizeof s->fru - 1);
    take_text(s->fru, sizeof s->fru - 1);
    if (!(valid & 2))
        s->fru[0] = 0;
    s->present =
        s->offset >= NT_WHEA_HEADER && s->offset <= r->size && s->length <= r->size - s->offset;
    take_type(s);
}

static void take_header(struct nt_whea_record *r, struct sc_cur *cur) {
    sc_cur_skip(cur, 4);
    r->revision = sc_u16(cur);
    sc_cur_skip(cur, 4);
    r->nsections = sc_u16(cur);
    r->severity = sc_u32(cur);
    uint32_t valid = sc_u32(cur);
    r->length = sc_u32(cur);
    struct sc_cur time = *cur;
    if (valid & 2)
        take_time(r, &time);
    r->has_platform = valid & 1;
    r->has_partition = valid >> 2 & 1;
    sc_cur_skip(cur, 8);
    r->platform = sc_cur_guid(cur);
    r->partition = sc_cur_guid(cur);
    r->creator = sc_cur_guid(cur);
    r->notify = sc_cur_guid(cur);
    r->id = sc_u64(cur);
    r->flags = sc_u32(cur);
    sc_cur_skip(cur, 20);
}

sc_err *nt_whea_parse(const void *bytes, size_t size, struct nt_whea_record *ret) {
    uint32_t length;
    if (!nt_whea_probe(bytes, size, &length))
        return sc_errf(SC_ERR_FORMAT, "there is no hardware error record (CPER)");
    *ret = (struct nt_whea_record){.bytes = bytes, .size = size < length ? size : length};
    struct sc_cur cur = sc_cur_mem(bytes, ret->size, "error record");
    take_header(ret, &cur);
    while (ret->nlisted < ret->nsections && ret->nlisted < NT_WHEA_SECTIONS &&
           sc_cur_left(&cur) >= NT_WHEA_DESCRIPTOR)
        take_section(ret, &cur);
    return NULL;
}
