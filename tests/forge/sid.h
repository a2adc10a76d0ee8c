/* SPDX-License-Identifier: MIT */
/* Security identifiers from text, and security descriptors from SDDL, as bytes. */
#ifndef STOPCODE_TESTS_FORGE_SID_H
#define STOPCODE_TESTS_FORGE_SID_H

#include "forge/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FORGE_SID_MOST = 8 + 4 * 15 };

struct forge_sid {
    uint8_t data[FORGE_SID_MOST];
    size_t size; /* 0: there is none */
};

/* "S-1-5-32-544", the first LEN characters of TEXT; also SDDL's two letters, "BA". */
bool forge_sid_parse(const char *text, size_t len, struct forge_sid *ret);

/* What a security descriptor consists of; an ACL with no bytes is not there. */
struct forge_descriptor {
    uint16_t control; /* without SE_SELF_RELATIVE */
    struct forge_sid owner, group;
    const uint8_t *dacl, *sacl;
    size_t dacl_size, sacl_size;
};
/*
 * "O:SYG:BAD:PAI(A;OICI;GA;;;SY)S:(AU;SA;0x1f;;;WD)": SDDL as Windows has it. Rights are numbers or
 * the letters of SDDL. False: *RET_WHERE is where in TEXT it cannot be read.
 */
bool forge_sddl_parse(struct forge_pool *pool, const char *text, struct forge_descriptor *ret,
                      const char **ret_where);

#endif
