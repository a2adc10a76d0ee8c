/* SPDX-License-Identifier: MIT */
/* Access control lists and security descriptors. */
#ifndef NT_ACL_H
#define NT_ACL_H

#include "nt/sid.h"

struct nt_acl {
    enum nt_state state; /* NT_ABSENT: not, or not wholly, in the dump; NT_NO_FIELD: no ACL */
    uint8_t revision, sbz1;
    uint16_t size, count, sbz2;
    const uint8_t *bytes; /* what there is of it, in the arena */
    size_t len;
};

/* The list at ADDRESS. Only "out of memory" is an error. */
sc_err *nt_acl_read(sc_space *space, uint64_t address, sc_arena *arena, struct nt_acl *ret);

struct nt_ace {
    uint8_t type, flags;
    uint16_t size;
    bool has_mask, has_sid;
    uint32_t mask;
    struct nt_sid sid;
    size_t at; /* where the next one begins; see nt_ace_next() */
};
/*
 * The next entry; a zeroed *ACE begins. False at the end of those that are in the dump or are not
 * damaged: *RET_WHY (static) says which, NULL: that was the last.
 */
bool nt_ace_next(const struct nt_acl *acl, unsigned index, struct nt_ace *ace,
                 const char **ret_why);
/* "ACCESS_ALLOWED_ACE_TYPE"; NULL unknown. */
const char *nt_ace_type_name(uint8_t type);
/* The name of bit BIT (0 to 7) of AceFlags; NULL none. */
const char *nt_ace_flag_name(unsigned bit);

struct nt_descriptor {
    enum nt_state state; /* NT_NO_FIELD: no descriptor lies there */
    uint8_t revision, sbz1;
    uint16_t control;
    uint64_t owner, group, dacl, sacl; /* addresses; 0: none */
};
enum { NT_SD_DACL = 4, NT_SD_SACL = 0x10, NT_SD_RELATIVE = 0x8000 };
void nt_descriptor_read(sc_space *space, uint64_t address, struct nt_descriptor *ret);
/* "SE_DACL_PRESENT": of bit BIT (0 to 15). */
const char *nt_descriptor_flag_name(unsigned bit);

#endif
