/* SPDX-License-Identifier: MIT */
/* The log that the memory manager keeps of its last writes to page files. */
#ifndef NT_PAGEWRITES_H
#define NT_PAGEWRITES_H

#include "nt/nt.h"

enum { NT_PAGE_WRITES = 32 };

enum nt_page_write_field {
    NT_PWR_STATUS, /* NTSTATUS */
    NT_PWR_PRIORITY,
    NT_PWR_IRP_PRIORITY,
    NT_PWR_PARTITION, /* since Windows 10 */
    NT_PWR_TIME,
    NT_PWR_AVAILABLE, /* pages, here and below */
    NT_PWR_MODIFIED,
    NT_PWR_MODIFIED_PAGEFILE,
    NT_PWR_MODIFIED_NO_WRITE,
    NT_PWR_BYTES, /* of the write's MDL */
    NT_PWR_FIELDS
};

struct nt_page_write {
    uint64_t address;
    struct nt_field f[NT_PWR_FIELDS];
};
struct nt_page_writes {
    struct nt_page_write item[NT_PAGE_WRITES]; /* in the order of time; unused ones left out */
    size_t count;
    size_t absent; /* that are not in the dump */
    bool assumed;
};

/* SC_ERR_NOT_FOUND says which symbol or structure is missing. */
sc_err *nt_page_writes_read(const struct nt *nt, struct nt_page_writes *ret);

#endif
