/* SPDX-License-Identifier: MIT */
/*
 * Page files.
 *
 *   until 8.1    nt!MmPagingFile[16], nt!MmNumberOfPagingFiles
 *   Windows 10   nt!MiSystemPartition: Vp.PagingFile[16], Vp.NumberOfPagingFiles
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts).
 */
#include "nt/pagefile.h"

#include "nt/global.h"
#include "nt/ustring.h"

enum { NAME = NT_PF_FIELDS, ROWS };
static const struct sc_layout_field rows[ROWS] = {
    [NT_PF_SIZE] = {"Size", 1, true},
    [NT_PF_FREE] = {"FreeSpace", 1, true},
    [NT_PF_MINIMUM] = {"MinimumSize", 1, true},
    [NT_PF_MAXIMUM] = {"MaximumSize", 1, true},
    [NT_PF_PEAK] = {"PeakUsage", 1, true},
    [NT_PF_FILE] = {"File", 1, true},
    [NT_PF_NUMBER] = {"PageFileNumber", 0, true},
    [NT_PF_STORE] = {"VirtualStorePagefile", 0, true},
    [NAME] = {"PageFileName", 1, true},
};
static const uint8_t pointers[] = {NT_PF_SIZE,    NT_PF_FREE, NT_PF_MINIMUM,
                                   NT_PF_MAXIMUM, NT_PF_PEAK, NT_PF_FILE};
static const struct nt_def def = {
    {"nt!_MMPAGING_FILE", rows, ROWS}, ROWS, NULL, NT_POINTERS(pointers)};

static const struct sc_layout_field count_rows[] = {{"Vp.NumberOfPagingFiles", 4, true}};
static const struct sc_layout_field array_rows[] = {{"Vp.PagingFile", 1, true}};
static const struct nt_def count_def = {{"nt!_MI_PARTITION", count_rows, 1}, 1, NULL, NULL, 0};
static const struct nt_def array_def = {{"nt!_MI_PARTITION", array_rows, 1}, 1, NULL, NULL, 0};

static sc_err *read_one(const struct nt *nt, uint64_t address, sc_arena *arena,
                        struct nt_pagefile *ret, bool *assumed) {
    struct nt_field f[ROWS];
    uint64_t offset;
    bool found;
    ret->address = address;
    sc_err *err = nt_load_optional(nt, &def, address, f, assumed);
    for (unsigned i = 0; !err && i < NT_PF_FIELDS; i++)
        ret->f[i] = f[i];
    if (err || f[NAME].state == NT_NO_FIELD)
        return err;
    err = nt_offset(nt, &def, NAME, &offset, &found);
    if (!err && found)
        err = nt_ustring_read(nt, nt_add(nt, address, offset), arena, &ret->name);
    if (ret->name && !*ret->name)
        ret->name = NULL;
    return err;
}

/* Where the pointers are, and how many; *RET_ARRAY is 0 when that is not known. */
static sc_err *find(const struct nt *nt, struct nt_field *ret_count, uint64_t *ret_array,
                    bool *assumed) {
    static const struct nt_var number = {"nt!MmNumberOfPagingFiles", 0xe0};
    struct nt_field partition, array;
    uint64_t offset;
    bool found = false;
    *ret_array = 0;
    sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!MiSystemPartition", 0}, &partition);
    if (!err && partition.state == NT_READ) {
        err = nt_load_optional(nt, &count_def, partition.value, ret_count, assumed);
        if (!err && ret_count->state != NT_NO_FIELD)
            err = nt_offset(nt, &array_def, 0, &offset, &found);
        if (found)
            *ret_array = nt_add(nt, partition.value, offset);
        if (err || found)
            return err;
    }
    if (!err)
        err = nt_var_read(nt, &number, 4, ret_count);
    if (!err)
        err = nt_var_address(nt, &(struct nt_var){"nt!MmPagingFile", 0}, &array);
    if (!err && array.state == NT_READ)
        *ret_array = array.value;
    return err;
}

sc_err *nt_pagefiles_read(const struct nt *nt, sc_arena *arena, struct nt_pagefiles *ret) {
    struct nt_pagefiles files = {.total = {0, NT_NO_FIELD}};
    uint64_t array;
    sc_err *err = find(nt, &files.total, &array, &files.assumed);
    uint64_t count = nt_or(&files.total, 0);
    if (count > NT_PAGEFILES_MAX)
        files.total = (struct nt_field){0, NT_ABSENT}; /* no system has so many: it is no count */
    for (uint64_t i = 0; !err && array && i < nt_or(&files.total, 0); i++) {
        struct nt_pagefile *file = &files.file[files.count++];
        struct nt_field at = nt_pointer(nt, nt_add(nt, array, i * nt->ptr_size));
        if (nt_set(&at) && nt_is_kernel(nt, at.value))
            err = read_one(nt, at.value, arena, file, &files.assumed);
    }
    if (!err)
        *ret = files;
    return err;
}
