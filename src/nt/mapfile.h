/* SPDX-License-Identifier: MIT */
/*
 * What stands behind mapped memory: subsections, control areas and the files they are of.
 *
 *     MMVAD -> SUBSECTION -> CONTROL_AREA -> FILE_OBJECT.FileName
 *                 +- SubsectionBase: an array of prototype entries, PtesInSubsection of them
 *                 +- NextSubsection
 */
#ifndef NT_MAPFILE_H
#define NT_MAPFILE_H

#include "nt/nt.h"

enum { NT_SUBSECTIONS_MAX = 4096, NT_FILE_NAME_MAX = 0x2000 };

struct nt_subsection {
    uint64_t address;
    struct nt_field control_area, base, next;
    struct nt_field ptes;
};
sc_err *nt_subsection_read(const struct nt *nt, uint64_t address, struct nt_subsection *ret);

/* The FILE_OBJECT of a control area; 0: it has none (backed by page files), or is not known. */
sc_err *nt_control_area_file(const struct nt *nt, uint64_t control_area, uint64_t *ret_file);
/* The name of a FILE_OBJECT in ARENA; NULL: it has none, or it is not in the dump. */
sc_err *nt_file_name(const struct nt *nt, uint64_t file, sc_arena *arena, const char **ret_name);

#endif
