/* SPDX-License-Identifier: MIT */
/* Access tokens: who somebody is, in which groups, and what they may. */
#ifndef NT_TOKEN_H
#define NT_TOKEN_H

#include "nt/sid.h"

enum nt_token_field {
    NT_TK_TOKEN_ID, /* LUIDs: the high part in the upper half */
    NT_TK_AUTHENTICATION_ID,
    NT_TK_PARENT_ID,
    NT_TK_MODIFIED_ID,
    NT_TK_ORIGIN, /* OriginatingLogonSession */
    NT_TK_EXPIRATION,
    NT_TK_SESSION,
    NT_TK_SID_COUNT, /* UserAndGroups: the user first */
    NT_TK_SIDS,
    NT_TK_RESTRICTED_COUNT,
    NT_TK_RESTRICTED,
    NT_TK_CAPABILITY_COUNT, /* since 8 */
    NT_TK_CAPABILITIES,
    NT_TK_PRIMARY_GROUP,
    NT_TK_DEFAULT_DACL,
    NT_TK_PRIVILEGE_COUNT, /* until Server 2003: so many LUID_AND_ATTRIBUTES */
    NT_TK_PRIVILEGES,
    NT_TK_PRESENT, /* since Vista: a bit for each privilege */
    NT_TK_ENABLED,
    NT_TK_BY_DEFAULT,
    NT_TK_TYPE,  /* 1 primary, 2 impersonation */
    NT_TK_LEVEL, /* of impersonation */
    NT_TK_FLAGS,
    NT_TK_IN_USE,
    NT_TK_INTEGRITY, /* index into UserAndGroups; all ones: none */
    NT_TK_POLICY,
    NT_TK_LOGON_SESSION,
    NT_TK_PACKAGE, /* since 8: the SID of the package */
    NT_TK_LOWBOX,
    NT_TK_TRUST,      /* since 8.1: TrustLevelSid */
    NT_TK_ATTRIBUTES, /* since 7: pSecurityAttributes */
    NT_TK_SOURCE,     /* its place alone is of interest */
    NT_TK_FIELDS
};

enum { NT_TOKEN_SIDS_MAX = 4096, NT_PRIVILEGES = 64, NT_TOKEN_SOURCE = 8 };

struct nt_token {
    uint64_t address;
    bool assumed;
    struct nt_field f[NT_TK_FIELDS];
    char source[NT_TOKEN_SOURCE + 1];
    bool has_source; /* it is in the dump */
};

/* SC_ERR_NOT_FOUND: the symbols lack TOKEN. What is not in the dump is no error. */
sc_err *nt_token_read(const struct nt *nt, uint64_t address, struct nt_token *ret);
/* Can it be one: a type, a user, not more groups than any token has? */
bool nt_token_plausible(const struct nt_token *token);

/* Entry INDEX of the SID_AND_ATTRIBUTES at ARRAY. */
struct nt_group {
    struct nt_sid sid;
    struct nt_field address, attributes;
};
void nt_token_group(const struct nt *nt, uint64_t array, uint64_t index, struct nt_group *ret);
/* The name of bit BIT of a group's attributes; NULL none. */
const char *nt_group_attribute(unsigned bit);

struct nt_privilege {
    uint64_t luid;
    bool enabled, by_default;
};
/*
 * The privileges that it has: at most NT_PRIVILEGES into RET; *RET_STATE: what of them the dump
 * holds.
 */
void nt_token_privileges(const struct nt *nt, const struct nt_token *token,
                         struct nt_privilege ret[NT_PRIVILEGES], size_t *ret_count,
                         enum nt_state *ret_state);
/* "SeDebugPrivilege"; NULL unknown. */
const char *nt_privilege_name(uint64_t luid);
/* "NOT_LOW": of bit BIT of TokenFlags in the target's build; NULL unknown. */
const char *nt_token_flag_name(const struct nt *nt, unsigned bit);

#endif
