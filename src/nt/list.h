/* SPDX-License-Identifier: MIT */
/*
 * Walking LIST_ENTRY chains of a target that may lie: bounded, with loops found (Brent's method:
 * one remembered entry, no set), and with the reason why a walk ended.
 *
 *     struct nt_list list;
 *     nt_list_begin(&list, nt, head, MAX);
 *     for (uint64_t entry; nt_list_next(&list, &entry);) …
 *     if (list.end != NT_LIST_DONE) … nt_list_end_text(&list, buf)
 */
#ifndef NT_LIST_H
#define NT_LIST_H

#include "nt/nt.h"

enum nt_list_end {
    NT_LIST_DONE,   /* it came back to its head, or (single lists) ended with 0 */
    NT_LIST_ABSENT, /* the link at `bad` is not in the dump */
    NT_LIST_BROKEN, /* the link at `bad` is no address an entry can have */
    NT_LIST_LOOP,   /* it comes back to an entry, `bad`, and never to its head */
    NT_LIST_LIMIT,  /* more entries than the caller wants to follow */
    NT_LIST_STOP,   /* the target's cancel flag is set */
};

struct nt_list {
    const struct nt *nt;
    uint64_t head, entry;
    uint64_t mark, power, since; /* Brent's method */
    uint64_t limit, count;
    bool single;
    enum nt_list_end end;
    uint64_t bad;
};

/* HEAD is the address of the head's LIST_ENTRY. */
void nt_list_begin(struct nt_list *list, const struct nt *nt, uint64_t head, uint64_t limit);
/* The same for a SINGLE_LIST_ENTRY. */
void nt_list_begin_single(struct nt_list *list, const struct nt *nt, uint64_t head, uint64_t limit);
/* The next entry; false at the end. The entry itself may not be in the dump. */
bool nt_list_next(struct nt_list *list, uint64_t *ret_entry);

enum { NT_LIST_TEXT = 96 };
/* Why it ended, as a phrase in BUF: "the link at fffffa8000000010 is not in the dump". */
const char *nt_list_end_text(const struct nt_list *list, char buf[NT_LIST_TEXT]);

#endif
