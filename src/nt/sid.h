/* SPDX-License-Identifier: MIT */
/* Security identifiers: reading, the text, and the names of those that are the same everywhere. */
#ifndef NT_SID_H
#define NT_SID_H

#include "nt/nt.h"

enum { NT_SID_SUBS = 15, NT_SID_TEXT = 208, NT_SID_BYTES = 8 + 4 * NT_SID_SUBS };

struct nt_sid {
    enum nt_state state; /* NT_NO_FIELD: what lies there is no SID */
    uint8_t revision, count;
    uint64_t authority;
    uint32_t sub[NT_SID_SUBS];
    size_t size; /* bytes */
};

/* The SID at ADDRESS, and the one in LEN bytes. */
void nt_sid_read(sc_space *space, uint64_t address, struct nt_sid *ret);
void nt_sid_decode(const uint8_t *bytes, size_t len, struct nt_sid *ret);
/* "S-1-5-18"; why there is none, in angle brackets. */
const char *nt_sid_text(const struct nt_sid *sid, char buf[NT_SID_TEXT]);

/* Who it is: the kind, and the name without the domain where that is not known. NULL: unknown. */
struct nt_sid_name {
    const char *kind; /* "Well Known Group", "Alias", "User", "Group", "Label" */
    const char *name; /* "NT AUTHORITY\SYSTEM", "Domain Users" */
};
const struct nt_sid_name *nt_sid_name(const struct nt_sid *sid);
/* "Medium": of a mandatory label; NULL of any other SID. */
const char *nt_sid_level(const struct nt_sid *sid);

#endif
