/* SPDX-License-Identifier: MIT */
/*
 * What well-known functions and libraries of processes are for: data/userfuncs.tsv, whose first
 * lines say what each role means. A verdict on a process passes over most of them when it looks for
 * whose code failed, and reads from them what a thread was doing.
 *
 * The kernel's functions have a table of their own (unwind/roles.h): those names are for walking
 * stacks, these for judging them.
 */
#ifndef NT_USERFUNC_H
#define NT_USERFUNC_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of ROLES in gen/userfuncs.py. */
enum nt_userfunc_role {
    NT_UF_SYSTEM = 1 << 0,
    NT_UF_START = 1 << 1,
    NT_UF_DISPATCH = 1 << 2,
    NT_UF_RAISE = 1 << 3,
    NT_UF_THROW = 1 << 4,
    NT_UF_TERMINATE = 1 << 5,
    NT_UF_ABORT = 1 << 6,
    NT_UF_ASSERT = 1 << 7,
    NT_UF_PANIC = 1 << 8,
    NT_UF_INVALID_PARAMETER = 1 << 9,
    NT_UF_PURECALL = 1 << 10,
    NT_UF_COOKIE = 1 << 11,
    NT_UF_FORTIFY = 1 << 12,
    NT_UF_GUARD = 1 << 13,
    NT_UF_EXIT = 1 << 14,
    NT_UF_HEAP = 1 << 15,
    NT_UF_HEAP_CHECK = 1 << 16,
    NT_UF_LOCK = 1 << 17,
    NT_UF_SRWLOCK = 1 << 18,
    NT_UF_WAIT = 1 << 19,
    NT_UF_IDLE = 1 << 20,
    NT_UF_RPC = 1 << 21,
    NT_UF_MESSAGE = 1 << 22,
    NT_UF_LOADER = 1 << 23,
    NT_UF_DUMPER = 1 << 24,
    NT_UF_BREAKPOINT = 1 << 25,
    NT_UF_RUNTIME = 1 << 26,
};

/*
 * All roles of FUNCTION in IMAGE, 0: none known. IMAGE is the image's name ("KERNELBASE.dll",
 * "libc-2.13.so"); FUNCTION an undecorated name, of which parameters behind it do not count; NULL:
 * only what is known of the image as a whole.
 */
uint32_t nt_userfunc_roles(const char *image, const char *function);

/* Length of an undecorated name without its parameters: "a::b(int)" 4, "operator()" 10. */
int nt_userfunc_length(const char *function);

#endif
