/* SPDX-License-Identifier: MIT */
/*
 * Reading SUBSECTION, CONTROL_AREA and FILE_OBJECT. CONTROL_AREA.FilePointer is an EX_FAST_REF
 * (the low bits count) since Vista, a pointer before, whose low bits are 0. Members as the public
 * symbols have them; those of FILE_OBJECT are the WDK's.
 */
#include "nt/mapfile.h"

#include <stdlib.h>

#include "base/utf.h"

enum { SUB_AREA, SUB_BASE, SUB_NEXT, SUB_PTES, SUB_FIELDS };
static const struct sc_layout_field sub_rows[SUB_FIELDS] = {
    [SUB_AREA] = {"ControlArea", 1, true},
    [SUB_BASE] = {"SubsectionBase", 1, true},
    [SUB_NEXT] = {"NextSubsection", 1, true},
    [SUB_PTES] = {"PtesInSubsection", 4, true},
};
static const uint8_t sub_pointers[] = {SUB_AREA, SUB_BASE, SUB_NEXT};
static const struct nt_def sub_def = {
    {"nt!_SUBSECTION", sub_rows, SUB_FIELDS}, SUB_FIELDS, NULL, NT_POINTERS(sub_pointers)};

sc_err *nt_subsection_read(const struct nt *nt, uint64_t address, struct nt_subsection *ret) {
    struct nt_field f[SUB_FIELDS];
    sc_err *err = nt_load_optional(nt, &sub_def, address, f, NULL);
    if (err)
        return err;
    *ret = (struct nt_subsection){address, f[SUB_AREA], f[SUB_BASE], f[SUB_NEXT], f[SUB_PTES]};
    return NULL;
}

static const struct sc_layout_field area_rows[] = {{"FilePointer", 1, true}};
static const uint8_t area_pointers[] = {0};
static const struct nt_def area_def = {
    {"nt!_CONTROL_AREA", area_rows, 1}, 1, NULL, NT_POINTERS(area_pointers)};

sc_err *nt_control_area_file(const struct nt *nt, uint64_t control_area, uint64_t *ret_file) {
    struct nt_field file;
    sc_err *err = nt_load_optional(nt, &area_def, control_area, &file, NULL);
    if (!err)
        *ret_file = nt_or(&file, 0) & ~(uint64_t)(nt->ptr_size == 8 ? 15 : 7);
    return err;
}

enum { FILE_NAME_LENGTH, FILE_NAME_BUFFER, FILE_FIELDS };
static const struct sc_layout_field file_rows[FILE_FIELDS] = {
    [FILE_NAME_LENGTH] = {"FileName", 2, true},
    [FILE_NAME_BUFFER] = {"FileName", 1, true},
};
static const struct nt_def file_def = {
    {"nt!_FILE_OBJECT", file_rows, FILE_FIELDS}, FILE_FIELDS, NULL, NULL, 0};

sc_err *nt_file_name(const struct nt *nt, uint64_t file, sc_arena *arena, const char **ret_name) {
    uint64_t offset, length;
    bool found = false;
    *ret_name = NULL;
    if (!file)
        return NULL;
    sc_err *err = nt_offset(nt, &file_def, FILE_NAME_BUFFER, &offset, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err || !found)
        return err;
    uint64_t at = nt_add(nt, file, offset);
    struct nt_field buffer = nt_pointer(nt, nt_add(nt, at, nt->ptr_size));
    if (sc_space_uint(nt->space, at, 2, &length) != SC_READ_OK || !length || length % 2 ||
        length > NT_FILE_NAME_MAX || !nt_set(&buffer))
        return NULL;
    uint8_t *units = malloc((size_t)length);
    if (!units)
        return sc_err_nomem();
    if (sc_space_read(nt->space, buffer.value, units, (size_t)length, NULL) == SC_READ_OK) {
        *ret_name = sc_utf16_to_utf8(arena, units, (size_t)length);
        err = *ret_name ? NULL : sc_err_nomem();
    }
    free(units);
    return err;
}
