/* SPDX-License-Identifier: MIT */
/*
 * ACL, ACE and SECURITY_DESCRIPTOR, as [MS-DTYP] 2.4.4 to 2.4.6 and the SDK's winnt.h have them:
 *
 *   ACL          +0 AclRevision  +1 Sbz1  +2 AclSize  +4 AceCount  +6 Sbz2, then the entries
 *   ACE          +0 AceType  +1 AceFlags  +2 AceSize (a multiple of 4)  +4 Mask  +8 SID
 *                of an object: +8 flags (1, 2), a GUID for each, the SID; compound: not decoded
 *   DESCRIPTOR   +0 Revision  +1 Sbz1  +2 Control
 *     relative   +4 owner  +8 group  +c SACL  +10 DACL: offsets from its begin
 *     absolute   pointers, the first one behind Control
 */
#include "nt/acl.h"

enum { ACL_HEADER = 8, ACE_HEADER = 4, REVISION_MIN = 1, REVISION_MAX = 4 };

static uint16_t u16(const uint8_t *b) { return (uint16_t)(b[0] | b[1] << 8); }
static uint32_t u32(const uint8_t *b) { return u16(b) | (uint32_t)u16(b + 2) << 16; }

sc_err *nt_acl_read(sc_space *space, uint64_t address, sc_arena *arena, struct nt_acl *ret) {
    uint8_t head[ACL_HEADER];
    *ret = (struct nt_acl){.state = NT_ABSENT};
    if (sc_space_read(space, address, head, sizeof head, NULL) != SC_READ_OK)
        return NULL;
    struct nt_acl a = {NT_NO_FIELD,   head[0],       head[1], u16(head + 2),
                       u16(head + 4), u16(head + 6), NULL,    0};
    *ret = a;
    if (a.revision < REVISION_MIN || a.revision > REVISION_MAX || a.size < ACL_HEADER)
        return NULL;
    uint8_t *bytes = sc_arena_alloc(arena, a.size);
    if (!bytes)
        return sc_err_nomem();
    sc_space_read(space, address, bytes, a.size, &a.len);
    a.bytes = bytes;
    a.state = a.len == a.size ? NT_READ : NT_ABSENT;
    *ret = a;
    return NULL;
}

/* Where the SID stands in an entry of TYPE with SIZE bytes at B; 0: it has none, or not there. */
static size_t sid_at(uint8_t type, const uint8_t *b, size_t size) {
    bool object =
        (type >= 5 && type <= 8) || type == 0xb || type == 0xc || type == 0xf || type == 0x10;
    if (type == 4 || type > 0x15)
        return 0;
    if (!object)
        return 8;
    if (size < 12)
        return 0;
    uint32_t flags = u32(b + 8);
    return 12 + (flags & 1 ? 16u : 0) + (flags & 2 ? 16u : 0);
}

bool nt_ace_next(const struct nt_acl *acl, unsigned index, struct nt_ace *ace,
                 const char **ret_why) {
    size_t at = index ? ace->at : ACL_HEADER;
    *ret_why = NULL;
    if (index >= acl->count)
        return false;
    *ret_why = "the list ends before it";
    if (at + ACE_HEADER > acl->size)
        return false;
    *ret_why = "it is not in the dump";
    if (at + ACE_HEADER > acl->len)
        return false;
    const uint8_t *b = acl->bytes + at;
    struct nt_ace a = {.type = b[0], .flags = b[1], .size = u16(b + 2)};
    *ret_why = "its size is wrong";
    if (a.size < ACE_HEADER || a.size % 4 || a.size > acl->size - at)
        return false;
    *ret_why = "it is not in the dump";
    if (a.size > acl->len - at)
        return false;
    a.at = at + a.size;
    if (a.size >= 8) {
        a.has_mask = true;
        a.mask = u32(b + 4);
        size_t sid = sid_at(a.type, b, a.size);
        a.has_sid = sid && sid < a.size;
        if (a.has_sid)
            nt_sid_decode(b + sid, a.size - sid, &a.sid);
    }
    *ace = a;
    *ret_why = NULL;
    return true;
}

const char *nt_ace_type_name(uint8_t type) {
    static const char *const names[] = {"ACCESS_ALLOWED_ACE_TYPE",
                                        "ACCESS_DENIED_ACE_TYPE",
                                        "SYSTEM_AUDIT_ACE_TYPE",
                                        "SYSTEM_ALARM_ACE_TYPE",
                                        "ACCESS_ALLOWED_COMPOUND_ACE_TYPE",
                                        "ACCESS_ALLOWED_OBJECT_ACE_TYPE",
                                        "ACCESS_DENIED_OBJECT_ACE_TYPE",
                                        "SYSTEM_AUDIT_OBJECT_ACE_TYPE",
                                        "SYSTEM_ALARM_OBJECT_ACE_TYPE",
                                        "ACCESS_ALLOWED_CALLBACK_ACE_TYPE",
                                        "ACCESS_DENIED_CALLBACK_ACE_TYPE",
                                        "ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE",
                                        "ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE",
                                        "SYSTEM_AUDIT_CALLBACK_ACE_TYPE",
                                        "SYSTEM_ALARM_CALLBACK_ACE_TYPE",
                                        "SYSTEM_AUDIT_CALLBACK_OBJECT_ACE_TYPE",
                                        "SYSTEM_ALARM_CALLBACK_OBJECT_ACE_TYPE",
                                        "SYSTEM_MANDATORY_LABEL_ACE_TYPE",
                                        "SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE",
                                        "SYSTEM_SCOPED_POLICY_ID_ACE_TYPE",
                                        "SYSTEM_PROCESS_TRUST_LABEL_ACE_TYPE",
                                        "SYSTEM_ACCESS_FILTER_ACE_TYPE"};
    return type < sizeof names / sizeof *names ? names[type] : NULL;
}

const char *nt_ace_flag_name(unsigned bit) {
    static const char *const names[] = {
        "OBJECT_INHERIT_ACE",         "CONTAINER_INHERIT_ACE", "NO_PROPAGATE_INHERIT_ACE",
        "INHERIT_ONLY_ACE",           "INHERITED_ACE",         NULL,
        "SUCCESSFUL_ACCESS_ACE_FLAG", "FAILED_ACCESS_ACE_FLAG"};
    return bit < sizeof names / sizeof *names ? names[bit] : NULL;
}

/* ---- descriptors ---- */

static uint64_t part(sc_space *space, uint64_t address, const struct nt_descriptor *d,
                     unsigned index) {
    uint64_t value;
    unsigned ptr = sc_space_ptr_size(space);
    if (d->control & NT_SD_RELATIVE)
        return sc_space_uint(space, sc_space_canon(space, address + 4 + 4u * index), 4, &value) ==
                           SC_READ_OK &&
                       value
                   ? sc_space_canon(space, address + value)
                   : 0;
    return sc_space_ptr(space, sc_space_canon(space, address + ptr * (1u + index)), &value) ==
                   SC_READ_OK
               ? value
               : 0;
}

void nt_descriptor_read(sc_space *space, uint64_t address, struct nt_descriptor *ret) {
    uint8_t head[4];
    struct nt_descriptor d = {.state = NT_ABSENT};
    if (sc_space_read(space, address, head, sizeof head, NULL) == SC_READ_OK) {
        d.state = head[0] == 1 ? NT_READ : NT_NO_FIELD;
        d.revision = head[0];
        d.sbz1 = head[1];
        d.control = u16(head + 2);
    }
    if (d.state == NT_READ) {
        d.owner = part(space, address, &d, 0);
        d.group = part(space, address, &d, 1);
        d.sacl = d.control & NT_SD_SACL ? part(space, address, &d, 2) : 0;
        d.dacl = d.control & NT_SD_DACL ? part(space, address, &d, 3) : 0;
    }
    *ret = d;
}

const char *nt_descriptor_flag_name(unsigned bit) {
    static const char *const names[] = {
        "SE_OWNER_DEFAULTED",       "SE_GROUP_DEFAULTED",     "SE_DACL_PRESENT",
        "SE_DACL_DEFAULTED",        "SE_SACL_PRESENT",        "SE_SACL_DEFAULTED",
        "SE_DACL_UNTRUSTED",        "SE_SERVER_SECURITY",     "SE_DACL_AUTO_INHERIT_REQ",
        "SE_SACL_AUTO_INHERIT_REQ", "SE_DACL_AUTO_INHERITED", "SE_SACL_AUTO_INHERITED",
        "SE_DACL_PROTECTED",        "SE_SACL_PROTECTED",      "SE_RM_CONTROL_VALID",
        "SE_SELF_RELATIVE"};
    return bit < sizeof names / sizeof *names ? names[bit] : NULL;
}
