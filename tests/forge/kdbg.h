/* SPDX-License-Identifier: MIT */
/* The members of KDDEBUGGER_DATA64 by name: where they lie and how wide they are. */
#ifndef STOPCODE_TESTS_FORGE_KDBG_H
#define STOPCODE_TESTS_FORGE_KDBG_H

#include <stddef.h>
#include <stdint.h>

struct forge_kdbg_field {
    const char *name;
    uint16_t offset;
    uint8_t size;
};

/* "KernBase", "KiProcessorBlock", "OffsetPrcbContext", …; NULL when there is no such member. */
const struct forge_kdbg_field *forge_kdbg_field(const char *name);

/*
 * A qword of the block as Windows 8 and later keep it in memory: NEVER and ALWAYS are the values of
 * KiWaitNever and KiWaitAlways, WHERE the address of KdpDataBlockEncoded. The way back: xor NEVER,
 * turn left by its low 6 bits, xor WHERE, swap the bytes, xor ALWAYS.
 */
uint64_t forge_kdbg_encode(uint64_t plain, uint64_t never, uint64_t always, uint64_t where);

#endif
