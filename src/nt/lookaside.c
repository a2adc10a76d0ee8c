/* SPDX-License-Identifier: MIT */
/*
 * Reading look-aside lists.
 *
 * GENERAL_LOOKASIDE begins with an SLIST_HEADER. How many entries that has: on x86 the 16 bits
 * behind the pointer, on x64 the lowest 16 bits of the header (all of its forms since Server 2003).
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts); the public
 * ntdef.h.
 */
#include "nt/lookaside.h"

#include "nt/global.h"

static const struct sc_layout_field rows[NT_L_FIELDS] = {
    [NT_L_DEPTH] = {"Depth", 2, true},
    [NT_L_MAXIMUM_DEPTH] = {"MaximumDepth", 2, true},
    [NT_L_TOTAL_ALLOCATES] = {"TotalAllocates", 4, true},
    [NT_L_ALLOCATE_MISSES] = {"AllocateMisses", 4, true},
    [NT_L_TOTAL_FREES] = {"TotalFrees", 4, true},
    [NT_L_FREE_MISSES] = {"FreeMisses", 4, true},
    [NT_L_TYPE] = {"Type", 4, true},
    [NT_L_TAG] = {"Tag", 4, true},
    [NT_L_SIZE] = {"Size", 4, true},
};
static const struct nt_def def = {
    {"nt!_GENERAL_LOOKASIDE", rows, NT_L_FIELDS}, NT_L_FIELDS, NULL, NULL, 0};
static const struct sc_layout_field link_rows[] = {{"ListEntry", 1, true}};
static const struct nt_def link_def = {{"nt!_GENERAL_LOOKASIDE", link_rows, 1}, 1, NULL, NULL, 0};

sc_err *nt_lookaside_read(const struct nt *nt, uint64_t address, struct nt_lookaside *ret) {
    struct nt_lookaside l = {.address = address, .current = {0, NT_ABSENT}};
    uint64_t at = nt->ptr_size == 4 ? nt_add(nt, address, 4) : address;
    sc_err *err = nt_load(nt, &def, address, l.f, &l.assumed);
    if (err)
        return err;
    for (unsigned i = NT_L_DEPTH; i < NT_L_FIELDS; i++)
        l.f[i].value &= i < NT_L_TOTAL_ALLOCATES ? 0xffff : UINT32_MAX;
    if (sc_space_uint(nt->space, at, 2, &l.current.value) == SC_READ_OK)
        l.current.state = NT_READ;
    *ret = l;
    return NULL;
}

const char *nt_lookaside_head_name(enum nt_lookaside_head head) {
    static const char *const names[NT_LOOKASIDES_HEADS] = {
        "nt!ExSystemLookasideListHead", "nt!ExNPagedLookasideListHead",
        "nt!ExPagedLookasideListHead", "nt!ExPoolLookasideListHead"};
    return names[head];
}

sc_err *nt_lookasides_begin(const struct nt *nt, enum nt_lookaside_head head,
                            struct nt_list *ret_list, bool *ret_found) {
    struct nt_field at;
    sc_err *err = nt_var_address(nt, &(struct nt_var){nt_lookaside_head_name(head), 0}, &at);
    *ret_found = !err && at.state == NT_READ;
    if (*ret_found)
        nt_list_begin(ret_list, nt, at.value, NT_LOOKASIDES_MAX);
    return err;
}

sc_err *nt_lookaside_of_link(const struct nt *nt, uint64_t link, uint64_t *ret) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &link_def, 0, &offset, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_GENERAL_LOOKASIDE has no ListEntry");
    if (!err)
        *ret = nt_add(nt, link, 0 - offset);
    return err;
}
