/* SPDX-License-Identifier: MIT */
/*
 * Handle tables: those of processes, the kernel's own, and the table of client ids.
 *
 *     err = nt_handle_table_read(&nt, address, &table);
 *     err = nt_handles_begin(&nt, &table, &walk);
 *     while (!err && nt_handles_next(&walk, &entry)) …
 *     err = nt_handles_error(&walk); walk.absent, walk.damaged; nt_handles_end(&walk);
 */
#ifndef NT_HANDLE_H
#define NT_HANDLE_H

#include "base/hash.h"
#include "nt/list.h"

enum nt_handle_table_field {
    NT_HT_CODE,    /* TableCode: levels of pages in its low 2 bits */
    NT_HT_PROCESS, /* QuotaProcess: whose it is; 0: the kernel's */
    NT_HT_PID,
    NT_HT_LIST_LINK, /* its place alone is of interest */
    NT_HT_NEXT_POOL, /* NextHandleNeedingPool: the first handle for which there is no room */
    NT_HT_STRICT_FIFO,
    NT_HT_FIELDS
};

struct nt_handle_table {
    uint64_t address;
    bool assumed;
    struct nt_field f[NT_HT_FIELDS];
    struct nt_field count; /* handles in use, as the kernel counts them */
    uint64_t base;         /* of the entries or, of more levels, of the pointers to their pages */
    unsigned level;        /* 0 to 2; 3: no table has this many */
};

/* SC_ERR_NOT_FOUND: the symbols lack HANDLE_TABLE. What the dump lacks is no error. */
sc_err *nt_handle_table_read(const struct nt *nt, uint64_t address, struct nt_handle_table *ret);
/* The number alone: for those who show no handles. */
sc_err *nt_handle_count(const struct nt *nt, uint64_t table, struct nt_field *ret);

/* Where the kernel's own table and that of client ids lie; NT_NO_FIELD: nothing says. */
sc_err *nt_handle_kernel_table(const struct nt *nt, struct nt_field *ret);
sc_err *nt_handle_cid_table(const struct nt *nt, struct nt_field *ret);
/* All tables; *RET_FOUND false when nt!HandleTableListHead is not known. */
sc_err *nt_handle_tables_begin(const struct nt *nt, struct nt_list *ret_list, bool *ret_found);
sc_err *nt_handle_table_of_link(const struct nt *nt, uint64_t link, uint64_t *ret_address);

/* Attributes, as in OBJECT_ATTRIBUTES. */
enum { NT_HANDLE_PROTECTED = 1, NT_HANDLE_INHERIT = 2, NT_HANDLE_AUDIT = 4 };

struct nt_handle {
    uint64_t handle, entry; /* its value, and the address of its entry */
    bool free;
    uint64_t next_free;
    uint64_t object; /* the header of the object; in the table of client ids its body */
    uint32_t access;
    unsigned attributes;
};

enum { NT_HANDLES_MAX = 1 << 24 };

struct nt_handles {
    const struct nt *nt;
    const struct nt_handle_table *table;
    struct sc_layout_rec rec;
    uint64_t entry_size, per_page; /* bytes of an entry, entries in a page */
    uint64_t object_at;            /* where in an entry the object is */
    uint64_t index, limit;         /* the next entry, and where there are no more */
    uint64_t page;                 /* of the next entry; 0: to be looked for */
    struct sc_map seen;            /* pages that were walked */
    uint64_t pages;                /* of entries that were looked for */
    uint64_t absent, damaged;      /* those that could not be walked */
    bool skip_free;                /* the caller's: free entries are passed over */
    uint64_t held;                 /* the page that `data` is of; 0: none */
    size_t got;                    /* bytes of it that the dump holds */
    uint8_t data[0x1000];
    bool claims_more;      /* the table says that it has more than its levels can hold */
    bool cancelled, nomem; /* see nt_handles_error() */
};

/* SC_ERR_NOT_FOUND: the symbols lack HANDLE_TABLE_ENTRY; or the table is not in the dump. */
sc_err *nt_handles_begin(const struct nt *nt, const struct nt_handle_table *table,
                         struct nt_handles *ret);
/* The next entry, free ones too unless `skip_free` is set; false at the end, also of a table whose
 * pages are missing. */
bool nt_handles_next(struct nt_handles *walk, struct nt_handle *ret);
/* Why it ended, if not at the end of what there is: cancelled, out of memory. */
sc_err *nt_handles_error(const struct nt_handles *walk);
/* The entry of one handle; false: *RET_WHY (static) says why there is none. */
bool nt_handles_at(struct nt_handles *walk, uint64_t handle, struct nt_handle *ret,
                   const char **ret_why);
void nt_handles_end(struct nt_handles *walk);

#endif
