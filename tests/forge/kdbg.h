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

#endif
