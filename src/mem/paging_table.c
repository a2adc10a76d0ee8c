/* SPDX-License-Identifier: MIT */
/*
 * Where page tables lie, and reading them there.
 *
 * A table that a process does not use is itself a page that may be trimmed. On the standby list it
 * is still in memory: its frame stands in the entry above. Written out, the entry above names page
 * file and page, as of any page; the memory store (see sc_paging.stores) is one of these "files".
 */
#include <string.h>

#include "mem/paging_impl.h"

enum { PAGE = 0x1000 };

enum sc_read sc_pagefile_missing(const struct sc_paging *paging, unsigned number) {
    return number < 16 && paging->stores >> number & 1 ? SC_READ_COMPRESSED : SC_READ_PAGED_OUT;
}

enum sc_read sc_pagefile_read(const struct sc_paging *paging, unsigned number, uint64_t page,
                              uint8_t ret[PAGE]) {
    enum sc_read status = SC_READ_PAGED_OUT;
    if (paging->pagefile)
        status = paging->pagefile(paging->pagefile_ctx, number, page, ret);
    return status == SC_READ_PAGED_OUT ? sc_pagefile_missing(paging, number) : status;
}

static uint64_t number_at(const uint8_t *raw, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | raw[i];
    return v;
}

enum sc_read sc_table_entry(const struct sc_paging *paging, const struct sc_table *table,
                            uint64_t offset, uint64_t *ret_value) {
    unsigned size = sc_mode_of(paging->mode)->entry_size;
    uint8_t page[PAGE];
    if (!table->paged)
        return sc_space_uint(paging->phys, table->at + offset, size, ret_value);
    enum sc_read status = sc_pagefile_read(paging, table->file, table->at, page);
    if (status == SC_READ_OK)
        *ret_value = number_at(page + offset, size);
    return status;
}

bool sc_table_read(const struct sc_paging *paging, const struct sc_table *table, uint8_t *ret,
                   size_t size) {
    size_t got = 0;
    if (!table->paged) {
        sc_space_read(paging->phys, table->at, ret, size, &got);
    } else {
        uint8_t page[PAGE];
        if (sc_pagefile_read(paging, table->file, table->at, page) == SC_READ_OK) {
            memcpy(ret, page, size);
            got = size;
        }
    }
    memset(ret + got, 0, size - got);
    return got != 0;
}

bool sc_table_of(const struct sc_translation *e, struct sc_table *ret) {
    if (e->kind == SC_PTE_TABLE || e->kind == SC_PTE_TRANSITION)
        *ret = (struct sc_table){.at = e->pa};
    else if (e->kind == SC_PTE_PAGEFILE)
        *ret =
            (struct sc_table){.paged = true, .file = (uint8_t)e->pagefile, .at = e->pagefile_page};
    else
        return false;
    return true;
}
