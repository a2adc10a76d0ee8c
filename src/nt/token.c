/* SPDX-License-Identifier: MIT */
/*
 * Reading TOKEN.
 *
 *   groups       UserAndGroups: SID_AND_ATTRIBUTES { Sid, Attributes (4) }, as long as two pointers
 *   privileges   until Server 2003 an array of LUID_AND_ATTRIBUTES { LUID (8), Attributes (4) },
 *                12 bytes each; since Vista three masks, the bit being the privilege's LUID
 *   flags        four bytes; in Server 2003 one, where the symbols do not tell
 *
 * Sources: the kernels' public symbols; winnt.h and ntifs.h for the meaning of the bits.
 */
#include "nt/token.h"

static const struct sc_layout_field rows[NT_TK_FIELDS + 1] = {
    [NT_TK_TOKEN_ID] = {"TokenId", 8, true},
    [NT_TK_AUTHENTICATION_ID] = {"AuthenticationId", 8, true},
    [NT_TK_PARENT_ID] = {"ParentTokenId", 8, true},
    [NT_TK_MODIFIED_ID] = {"ModifiedId", 8, true},
    [NT_TK_ORIGIN] = {"OriginatingLogonSession", 8, true},
    [NT_TK_EXPIRATION] = {"ExpirationTime", 8, true},
    [NT_TK_SESSION] = {"SessionId", 4, true},
    [NT_TK_SID_COUNT] = {"UserAndGroupCount", 4, true},
    [NT_TK_SIDS] = {"UserAndGroups", 1, true},
    [NT_TK_RESTRICTED_COUNT] = {"RestrictedSidCount", 4, true},
    [NT_TK_RESTRICTED] = {"RestrictedSids", 1, true},
    [NT_TK_CAPABILITY_COUNT] = {"CapabilityCount", 4, true},
    [NT_TK_CAPABILITIES] = {"Capabilities", 1, true},
    [NT_TK_PRIMARY_GROUP] = {"PrimaryGroup", 1, true},
    [NT_TK_DEFAULT_DACL] = {"DefaultDacl", 1, true},
    [NT_TK_PRIVILEGE_COUNT] = {"PrivilegeCount", 4, true},
    [NT_TK_PRIVILEGES] = {"Privileges", 1, true},
    [NT_TK_PRESENT] = {"Privileges.Present", 8, true},
    [NT_TK_ENABLED] = {"Privileges.Enabled", 8, true},
    [NT_TK_BY_DEFAULT] = {"Privileges.EnabledByDefault", 8, true},
    [NT_TK_TYPE] = {"TokenType", 4, true},
    [NT_TK_LEVEL] = {"ImpersonationLevel", 4, true},
    [NT_TK_FLAGS] = {"TokenFlags", 0, true},
    [NT_TK_IN_USE] = {"TokenInUse", 1, true},
    [NT_TK_INTEGRITY] = {"IntegrityLevelIndex", 4, true},
    [NT_TK_POLICY] = {"MandatoryPolicy", 4, true},
    [NT_TK_LOGON_SESSION] = {"LogonSession", 1, true},
    [NT_TK_PACKAGE] = {"Package", 1, true},
    [NT_TK_LOWBOX] = {"LowboxNumberEntry", 1, true},
    [NT_TK_TRUST] = {"TrustLevelSid", 1, true},
    [NT_TK_ATTRIBUTES] = {"pSecurityAttributes", 1, true},
    [NT_TK_SOURCE] = {"TokenSource", 1, true},
    {"TokenFlags", 1, true},
};
static const uint8_t spare_of[] = {NT_TK_FLAGS};
static const uint8_t pointers[] = {NT_TK_SIDS,          NT_TK_RESTRICTED, NT_TK_CAPABILITIES,
                                   NT_TK_PRIMARY_GROUP, NT_TK_PRIVILEGES, NT_TK_DEFAULT_DACL,
                                   NT_TK_LOGON_SESSION, NT_TK_PACKAGE,    NT_TK_LOWBOX,
                                   NT_TK_TRUST,         NT_TK_ATTRIBUTES};
static const struct nt_def token_def = {
    {"nt!_TOKEN", rows, NT_TK_FIELDS + 1}, NT_TK_FIELDS, spare_of, NT_POINTERS(pointers)};

/* Numbers that are no signed ones, whatever the symbols say. */
static const uint8_t words[] = {NT_TK_SESSION, NT_TK_SID_COUNT, NT_TK_RESTRICTED_COUNT,
                                NT_TK_TYPE,    NT_TK_LEVEL,     NT_TK_CAPABILITY_COUNT,
                                NT_TK_FLAGS,   NT_TK_INTEGRITY, NT_TK_PRIVILEGE_COUNT,
                                NT_TK_POLICY,  NT_TK_IN_USE};

sc_err *nt_token_read(const struct nt *nt, uint64_t address, struct nt_token *ret) {
    struct nt_token t = {.address = address};
    uint64_t offset;
    bool found;
    sc_err *err = nt_load(nt, &token_def, address, t.f, &t.assumed);
    if (!err)
        err = nt_offset(nt, &token_def, NT_TK_SOURCE, &offset, &found);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof words; i++)
        t.f[words[i]].value &= 0xffffffff;
    t.f[NT_TK_IN_USE].value &= 0xff;
    t.has_source = found && sc_space_read(nt->space, nt_add(nt, address, offset), t.source,
                                          NT_TOKEN_SOURCE, NULL) == SC_READ_OK;
    *ret = t;
    return NULL;
}

bool nt_token_plausible(const struct nt_token *t) {
    const struct nt_field *f = t->f;
    uint64_t type = nt_or(&f[NT_TK_TYPE], 1), sids = nt_or(&f[NT_TK_SID_COUNT], 0);
    return nt_any(f, NT_TK_FIELDS) && (type == 1 || type == 2) && sids >= 1 &&
           sids <= NT_TOKEN_SIDS_MAX;
}

/* ---- groups ---- */

void nt_token_group(const struct nt *nt, uint64_t array, uint64_t index, struct nt_group *ret) {
    uint64_t at = nt_add(nt, array, index * 2 * nt->ptr_size), value;
    *ret = (struct nt_group){.sid = {.state = NT_ABSENT}, .attributes = {0, NT_ABSENT}};
    ret->address = nt_pointer(nt, at);
    if (sc_space_uint(nt->space, nt_add(nt, at, nt->ptr_size), 4, &value) == SC_READ_OK)
        ret->attributes = (struct nt_field){value, NT_READ};
    if (nt_set(&ret->address))
        nt_sid_read(nt->space, ret->address.value, &ret->sid);
}

const char *nt_group_attribute(unsigned bit) {
    switch (bit) {
    case 0: return "Mandatory";
    case 1: return "Default";
    case 2: return "Enabled";
    case 3: return "Owner";
    case 4: return "DenyOnly";
    case 5: return "GroupIntegrity";
    case 6: return "GroupIntegrityEnabled";
    case 29: return "GroupResource";
    case 30: return "LogonId"; /* two bits: the upper one says no more */
    default: return NULL;
    }
}

/* ---- privileges ---- */

enum { LUID_AND_ATTRIBUTES = 12, BY_DEFAULT = 1, ENABLED = 2 };

static void old_privileges(const struct nt *nt, const struct nt_token *t, struct nt_privilege *ret,
                           size_t *ret_count, enum nt_state *ret_state) {
    uint64_t count = nt_or(&t->f[NT_TK_PRIVILEGE_COUNT], 0), luid, attributes;
    *ret_state = t->f[NT_TK_PRIVILEGES].state;
    for (uint64_t i = 0; i < count && i < NT_PRIVILEGES; i++) {
        uint64_t at = nt_add(nt, t->f[NT_TK_PRIVILEGES].value, i * LUID_AND_ATTRIBUTES);
        if (sc_space_uint(nt->space, at, 8, &luid) != SC_READ_OK ||
            sc_space_uint(nt->space, nt_add(nt, at, 8), 4, &attributes) != SC_READ_OK) {
            *ret_state = NT_ABSENT;
            return;
        }
        ret[(*ret_count)++] = (struct nt_privilege){luid, (attributes & ENABLED) != 0,
                                                    (attributes & BY_DEFAULT) != 0};
    }
}

void nt_token_privileges(const struct nt *nt, const struct nt_token *t,
                         struct nt_privilege ret[NT_PRIVILEGES], size_t *ret_count,
                         enum nt_state *ret_state) {
    const struct nt_field *present = &t->f[NT_TK_PRESENT];
    *ret_count = 0;
    if (present->state == NT_NO_FIELD) {
        old_privileges(nt, t, ret, ret_count, ret_state);
        return;
    }
    *ret_state = present->state;
    for (unsigned bit = 0; bit < 64; bit++)
        if (present->value >> bit & 1)
            ret[(*ret_count)++] = (struct nt_privilege){bit, t->f[NT_TK_ENABLED].value >> bit & 1,
                                                        t->f[NT_TK_BY_DEFAULT].value >> bit & 1};
}

const char *nt_privilege_name(uint64_t luid) {
    static const char *const names[] = {NULL,
                                        NULL,
                                        "SeCreateTokenPrivilege",
                                        "SeAssignPrimaryTokenPrivilege",
                                        "SeLockMemoryPrivilege",
                                        "SeIncreaseQuotaPrivilege",
                                        "SeMachineAccountPrivilege",
                                        "SeTcbPrivilege",
                                        "SeSecurityPrivilege",
                                        "SeTakeOwnershipPrivilege",
                                        "SeLoadDriverPrivilege",
                                        "SeSystemProfilePrivilege",
                                        "SeSystemtimePrivilege",
                                        "SeProfileSingleProcessPrivilege",
                                        "SeIncreaseBasePriorityPrivilege",
                                        "SeCreatePagefilePrivilege",
                                        "SeCreatePermanentPrivilege",
                                        "SeBackupPrivilege",
                                        "SeRestorePrivilege",
                                        "SeShutdownPrivilege",
                                        "SeDebugPrivilege",
                                        "SeAuditPrivilege",
                                        "SeSystemEnvironmentPrivilege",
                                        "SeChangeNotifyPrivilege",
                                        "SeRemoteShutdownPrivilege",
                                        "SeUndockPrivilege",
                                        "SeSyncAgentPrivilege",
                                        "SeEnableDelegationPrivilege",
                                        "SeManageVolumePrivilege",
                                        "SeImpersonatePrivilege",
                                        "SeCreateGlobalPrivilege",
                                        "SeTrustedCredManAccessPrivilege",
                                        "SeRelabelPrivilege",
                                        "SeIncreaseWorkingSetPrivilege",
                                        "SeTimeZonePrivilege",
                                        "SeCreateSymbolicLinkPrivilege",
                                        "SeDelegateSessionUserImpersonatePrivilege"};
    return luid < sizeof names / sizeof *names ? names[luid] : NULL;
}

const char *nt_token_flag_name(const struct nt *nt, unsigned bit) {
    static const char *const names[] = {"HAS_TRAVERSE_PRIVILEGE",
                                        "HAS_BACKUP_PRIVILEGE",
                                        "HAS_RESTORE_PRIVILEGE",
                                        "WRITE_RESTRICTED",
                                        "IS_RESTRICTED",
                                        "SESSION_NOT_REFERENCED",
                                        "SANDBOX_INERT",
                                        "HAS_IMPERSONATE_PRIVILEGE",
                                        "BACKUP_PRIVILEGES_CHECKED",
                                        "VIRTUALIZE_ALLOWED",
                                        "VIRTUALIZE_ENABLED",
                                        "IS_FILTERED",
                                        "UIACCESS",
                                        "NOT_LOW",
                                        "LOWBOX",
                                        "HAS_OWN_CLAIM_ATTRIBUTES",
                                        "PRIVATE_NAMESPACE"};
    if (nt->build < 6000 && bit == 3)
        return "HAS_ADMIN_GROUP";
    if (nt->build < 6000 && bit > 7)
        return NULL;
    return bit < sizeof names / sizeof *names ? names[bit] : NULL;
}
