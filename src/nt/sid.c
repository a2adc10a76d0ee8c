/* SPDX-License-Identifier: MIT */
/*
 * SID, as [MS-DTYP] 2.4.2.2 has it:
 *
 *   +0 Revision (1)   +1 SubAuthorityCount (at most 15)   +2 IdentifierAuthority, 6 bytes,
 * big-endian +8 SubAuthority[], 4 bytes each
 *
 * Well-known ones: [MS-DTYP] 2.4.2.4. Names of accounts are not in memory: of those of a domain
 * only the last number tells, where Windows reserves it.
 */
#include "nt/sid.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void nt_sid_decode(const uint8_t *b, size_t len, struct nt_sid *ret) {
    *ret = (struct nt_sid){.state = NT_ABSENT};
    if (len < 8)
        return;
    ret->state = NT_NO_FIELD;
    if (b[0] != 1 || b[1] > NT_SID_SUBS)
        return;
    ret->state = NT_ABSENT;
    size_t size = 8 + 4 * (size_t)b[1];
    if (len < size)
        return;
    ret->state = NT_READ;
    ret->revision = b[0];
    ret->count = b[1];
    ret->size = size;
    for (unsigned i = 2; i < 8; i++)
        ret->authority = ret->authority << 8 | b[i];
    for (unsigned i = 0; i < ret->count; i++)
        for (unsigned k = 0; k < 4; k++)
            ret->sub[i] |= (uint32_t)b[8 + 4 * i + k] << 8 * k;
}

void nt_sid_read(sc_space *space, uint64_t address, struct nt_sid *ret) {
    uint8_t bytes[NT_SID_BYTES];
    size_t got = 0;
    sc_space_read(space, address, bytes, sizeof bytes, &got);
    nt_sid_decode(bytes, got, ret);
}

const char *nt_sid_text(const struct nt_sid *sid, char buf[NT_SID_TEXT]) {
    if (sid->state != NT_READ) {
        snprintf(buf, NT_SID_TEXT, "<%s>",
                 sid->state == NT_ABSENT ? "not in this dump" : "no SID lies there");
        return buf;
    }
    int n =
        snprintf(buf, NT_SID_TEXT, sid->authority >> 32 ? "S-%u-0x%012" PRIx64 : "S-%u-%" PRIu64,
                 sid->revision, sid->authority);
    for (unsigned i = 0; i < sid->count; i++)
        n += snprintf(buf + n, NT_SID_TEXT - (size_t)n, "-%u", sid->sub[i]);
    return buf;
}

/* ---- names ---- */

static const char world[] = "Well Known Group", alias[] = "Alias", label[] = "Label";

/* All numbers are given. */
static const struct fixed {
    uint8_t authority, count;
    uint32_t sub[2];
    struct nt_sid_name name;
} fixed[] = {
    {0, 1, {0}, {world, "NULL SID"}},
    {1, 1, {0}, {world, "Everyone"}},
    {2, 1, {0}, {world, "LOCAL"}},
    {2, 1, {1}, {world, "CONSOLE LOGON"}},
    {3, 1, {0}, {world, "CREATOR OWNER"}},
    {3, 1, {1}, {world, "CREATOR GROUP"}},
    {3, 1, {4}, {world, "OWNER RIGHTS"}},
    {5, 1, {1}, {world, "NT AUTHORITY\\DIALUP"}},
    {5, 1, {2}, {world, "NT AUTHORITY\\NETWORK"}},
    {5, 1, {3}, {world, "NT AUTHORITY\\BATCH"}},
    {5, 1, {4}, {world, "NT AUTHORITY\\INTERACTIVE"}},
    {5, 1, {6}, {world, "NT AUTHORITY\\SERVICE"}},
    {5, 1, {7}, {world, "NT AUTHORITY\\ANONYMOUS LOGON"}},
    {5, 1, {9}, {world, "NT AUTHORITY\\ENTERPRISE DOMAIN CONTROLLERS"}},
    {5, 1, {10}, {world, "NT AUTHORITY\\SELF"}},
    {5, 1, {11}, {world, "NT AUTHORITY\\Authenticated Users"}},
    {5, 1, {12}, {world, "NT AUTHORITY\\RESTRICTED"}},
    {5, 1, {13}, {world, "NT AUTHORITY\\TERMINAL SERVER USER"}},
    {5, 1, {14}, {world, "NT AUTHORITY\\REMOTE INTERACTIVE LOGON"}},
    {5, 1, {15}, {world, "NT AUTHORITY\\This Organization"}},
    {5, 1, {17}, {world, "NT AUTHORITY\\IUSR"}},
    {5, 1, {18}, {world, "NT AUTHORITY\\SYSTEM"}},
    {5, 1, {19}, {world, "NT AUTHORITY\\LOCAL SERVICE"}},
    {5, 1, {20}, {world, "NT AUTHORITY\\NETWORK SERVICE"}},
    {5, 1, {33}, {world, "NT AUTHORITY\\WRITE RESTRICTED"}},
    {5, 1, {113}, {world, "NT AUTHORITY\\Local account"}},
    {5, 1, {114}, {world, "NT AUTHORITY\\Local account and member of Administrators group"}},
    {5, 2, {64, 10}, {world, "NT AUTHORITY\\NTLM Authentication"}},
    {5, 2, {64, 14}, {world, "NT AUTHORITY\\SChannel Authentication"}},
    {5, 2, {64, 21}, {world, "NT AUTHORITY\\Digest Authentication"}},
    {5, 2, {80, 0}, {world, "NT SERVICE\\ALL SERVICES"}},
    {5, 2, {32, 544}, {alias, "BUILTIN\\Administrators"}},
    {5, 2, {32, 545}, {alias, "BUILTIN\\Users"}},
    {5, 2, {32, 546}, {alias, "BUILTIN\\Guests"}},
    {5, 2, {32, 547}, {alias, "BUILTIN\\Power Users"}},
    {5, 2, {32, 548}, {alias, "BUILTIN\\Account Operators"}},
    {5, 2, {32, 549}, {alias, "BUILTIN\\Server Operators"}},
    {5, 2, {32, 550}, {alias, "BUILTIN\\Print Operators"}},
    {5, 2, {32, 551}, {alias, "BUILTIN\\Backup Operators"}},
    {5, 2, {32, 552}, {alias, "BUILTIN\\Replicator"}},
    {5, 2, {32, 554}, {alias, "BUILTIN\\Pre-Windows 2000 Compatible Access"}},
    {5, 2, {32, 555}, {alias, "BUILTIN\\Remote Desktop Users"}},
    {5, 2, {32, 556}, {alias, "BUILTIN\\Network Configuration Operators"}},
    {5, 2, {32, 558}, {alias, "BUILTIN\\Performance Monitor Users"}},
    {5, 2, {32, 559}, {alias, "BUILTIN\\Performance Log Users"}},
    {5, 2, {32, 562}, {alias, "BUILTIN\\Distributed COM Users"}},
    {5, 2, {32, 568}, {alias, "BUILTIN\\IIS_IUSRS"}},
    {5, 2, {32, 569}, {alias, "BUILTIN\\Cryptographic Operators"}},
    {5, 2, {32, 573}, {alias, "BUILTIN\\Event Log Readers"}},
    {5, 2, {32, 578}, {alias, "BUILTIN\\Hyper-V Administrators"}},
    {5, 2, {32, 579}, {alias, "BUILTIN\\Access Control Assistance Operators"}},
    {5, 2, {32, 580}, {alias, "BUILTIN\\Remote Management Users"}},
    {15, 2, {2, 1}, {world, "APPLICATION PACKAGE AUTHORITY\\ALL APPLICATION PACKAGES"}},
    {15, 2, {2, 2}, {world, "APPLICATION PACKAGE AUTHORITY\\ALL RESTRICTED APPLICATION PACKAGES"}},
    {16, 1, {0x0000}, {label, "Mandatory Label\\Untrusted Mandatory Level"}},
    {16, 1, {0x1000}, {label, "Mandatory Label\\Low Mandatory Level"}},
    {16, 1, {0x2000}, {label, "Mandatory Label\\Medium Mandatory Level"}},
    {16, 1, {0x2100}, {label, "Mandatory Label\\Medium Plus Mandatory Level"}},
    {16, 1, {0x3000}, {label, "Mandatory Label\\High Mandatory Level"}},
    {16, 1, {0x4000}, {label, "Mandatory Label\\System Mandatory Level"}},
    {16, 1, {0x5000}, {label, "Mandatory Label\\Protected Process Mandatory Level"}},
    {18, 1, {1}, {world, "Authentication authority asserted identity"}},
    {18, 1, {2}, {world, "Service asserted identity"}},
};

/* Of a domain: S-1-5-21-a-b-c-RID. */
static const struct relative {
    uint32_t rid;
    struct nt_sid_name name;
} relative[] = {
    {500, {"User", "Administrator"}},
    {501, {"User", "Guest"}},
    {502, {"User", "krbtgt"}},
    {503, {"User", "DefaultAccount"}},
    {504, {"User", "WDAGUtilityAccount"}},
    {512, {"Group", "Domain Admins"}},
    {513, {"Group", "Domain Users"}},
    {514, {"Group", "Domain Guests"}},
    {515, {"Group", "Domain Computers"}},
    {516, {"Group", "Domain Controllers"}},
    {517, {"Alias", "Cert Publishers"}},
    {518, {"Group", "Schema Admins"}},
    {519, {"Group", "Enterprise Admins"}},
    {520, {"Group", "Group Policy Creator Owners"}},
    {525, {"Group", "Protected Users"}},
    {553, {"Alias", "RAS and IAS Servers"}},
};

const struct nt_sid_name *nt_sid_name(const struct nt_sid *sid) {
    if (sid->state != NT_READ)
        return NULL;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i].authority == sid->authority && fixed[i].count == sid->count &&
            !memcmp(fixed[i].sub, sid->sub, fixed[i].count * sizeof *sid->sub))
            return &fixed[i].name;
    if (sid->authority != 5 || sid->count != 5 || sid->sub[0] != 21)
        return NULL;
    for (size_t i = 0; i < sizeof relative / sizeof *relative; i++)
        if (relative[i].rid == sid->sub[4])
            return &relative[i].name;
    return NULL;
}

const char *nt_sid_level(const struct nt_sid *sid) {
    static const struct {
        uint32_t level;
        const char *name;
    } levels[] = {{0x5000, "Protected process"},
                  {0x4000, "System"},
                  {0x3000, "High"},
                  {0x2100, "Medium plus"},
                  {0x2000, "Medium"},
                  {0x1000, "Low"},
                  {0, "Untrusted"}};
    if (sid->state != NT_READ || sid->authority != 16 || sid->count != 1)
        return NULL;
    size_t i = 0;
    while (sid->sub[0] < levels[i].level)
        i++;
    return levels[i].name;
}
