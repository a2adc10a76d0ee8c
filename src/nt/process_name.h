/* SPDX-License-Identifier: MIT */
/*
 * The image name of the process a kernel dump was written in, from its EPROCESS, or the copy of it
 * that the dump holds.
 */
#ifndef NT_PROCESS_NAME_H
#define NT_PROCESS_NAME_H

#include "base/arena.h"
#include "stopcode/layout.h"

/*
 * Offset of EPROCESS.ImageFileName in a kernel build. False when it is not known: the table holds
 * only builds for which it was seen, never the nearest one.
 */
bool nt_image_name_offset(enum sc_cpu cpu, uint32_t build, uint32_t *ret_offset);

/*
 * Where the field lies is asked of SYMTAB's symbols for the kernel, if SYMTAB is not NULL, and of
 * the table if they do not know. *RET_NAME is the name in ARENA (at most 15 characters: the kernel
 * cuts it), or NULL when it cannot be had; then *RET_WHY (may be NULL) says why in a phrase, in
 * ARENA or static. Errors: only out of memory and cancelled.
 */
sc_err *nt_process_name(sc_target *target, sc_symtab *symtab, sc_arena *arena,
                        const char **ret_name, const char **ret_why);

/*
 * The EPROCESS whose address space the current processor's thread uses, of whole memory; 0: not
 * known. SYMTAB may be NULL: then only the debugger data tells. Only lack of memory and
 * cancellation are errors.
 */
sc_err *nt_current_process(sc_target *target, sc_symtab *symtab, uint64_t *ret_process);

#endif
