/* SPDX-License-Identifier: MIT */
/*
 * What well-known functions are for: data/roles.tsv. A stack needs it where there is no unwind
 * data (which function was entered by the processor, which one is a thread's outermost), a verdict
 * where it looks for whom to blame (not the verifier, not the dispatcher of exceptions).
 *
 * Names are undecorated and without parameters, as sc_symtab_near() gives them.
 */
#ifndef STOPCODE_UNWIND_ROLES_H
#define STOPCODE_UNWIND_ROLES_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of ROLES in gen/roles.py; what each means stands at the top of data/roles.tsv. */
enum sc_role {
    SC_ROLE_TRAP = 1 << 0,
    SC_ROLE_SYSCALL = 1 << 1,
    SC_ROLE_LINKAGE = 1 << 2,
    SC_ROLE_EXCEPTION = 1 << 3,
    SC_ROLE_EXCEPTION_FRAME = 1 << 4,
    SC_ROLE_BUGCHECK = 1 << 5,
    SC_ROLE_SWITCH = 1 << 6,
    SC_ROLE_CALLOUT = 1 << 7,
    SC_ROLE_START = 1 << 8,
    SC_ROLE_FIRST = 1 << 9,
    SC_ROLE_IDLE = 1 << 10,
    SC_ROLE_INVOKER = 1 << 11,
    SC_ROLE_USER_EXCEPTION = 1 << 12,
    SC_ROLE_USER_APC = 1 << 13,
    SC_ROLE_USER_CALLBACK = 1 << 14,
    SC_ROLE_VERIFIER = 1 << 15,
    SC_ROLE_FRAMEWORK = 1 << 16,
    SC_ROLE_DATA = 1 << 17,
    SC_ROLE_THUNK = 1 << 18,
    SC_ROLE_INTERRUPT = 1 << 19,
    SC_ROLE_APART = 1 << 20,
    SC_ROLE_LATE = 1 << 21,
    SC_ROLE_SPIN = 1 << 22,
    SC_ROLE_PASS = 1 << 23,
    SC_ROLE_ALLOCATE = 1 << 24,
    SC_ROLE_FREE = 1 << 25,
};

/* All roles of MODULE!FUNCTION; 0: none known. */
uint32_t sc_roles_of(const char *module, const char *function);

/* Does the table say who calls MODULE!CALLEE, and is CALLER, whose roles are ROLES, one of them? */
enum sc_call {
    SC_CALL_UNKNOWN,
    SC_CALL_USUAL,
    SC_CALL_UNUSUAL, /* others are known to */
};
enum sc_call sc_role_call(const char *module, const char *callee, const char *caller,
                          uint32_t roles);

/* The names of the functions of MODULE with ROLE, without wildcards: the INDEX-th; NULL behind. */
const char *sc_role_name(const char *module, enum sc_role role, unsigned index);

/* The part of the kernel that FUNCTION's name belongs to: "pnp"; NULL not known. */
const char *sc_component(const char *function, unsigned *ret_level);

#endif
