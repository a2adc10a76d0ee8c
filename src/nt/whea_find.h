/* SPDX-License-Identifier: MIT */
/* Hardware error records in a dump: at an address, or in its secondary data. */
#ifndef NT_WHEA_FIND_H
#define NT_WHEA_FIND_H

#include "base/arena.h"
#include "nt/whea.h"
#include "stopcode/target.h"

/*
 * The record at ADDRESS, its bytes in ARENA. *RET_FOUND false: the dump has none there. Errors:
 * only out of memory.
 */
sc_err *nt_whea_at(sc_target *target, uint64_t address, sc_arena *arena,
                   struct nt_whea_record *ret_record, bool *ret_found);
/* The first record that stands in a blob of secondary data. */
sc_err *nt_whea_secondary(sc_target *target, sc_arena *arena, struct nt_whea_record *ret_record,
                          struct sc_guid *ret_tag, bool *ret_found);

#endif
