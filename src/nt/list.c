/* SPDX-License-Identifier: MIT */
/* Bounded walks over lists in the target's memory. */
#include "nt/list.h"

#include <inttypes.h>
#include <stdio.h>

static void begin(struct nt_list *list, const struct nt *nt, uint64_t head, uint64_t limit) {
    *list = (struct nt_list){.nt = nt,
                             .head = head,
                             .entry = head,
                             .mark = head,
                             .power = 1,
                             .limit = limit,
                             .end = NT_LIST_DONE};
}

void nt_list_begin(struct nt_list *list, const struct nt *nt, uint64_t head, uint64_t limit) {
    begin(list, nt, head, limit);
}

void nt_list_begin_single(struct nt_list *list, const struct nt *nt, uint64_t head,
                          uint64_t limit) {
    begin(list, nt, head, limit);
    list->single = true;
}

static bool stop(struct nt_list *list, enum nt_list_end end, uint64_t bad) {
    list->end = end;
    list->bad = bad;
    list->limit = 0; /* asked again, it says the same */
    return false;
}

bool nt_list_next(struct nt_list *list, uint64_t *ret_entry) {
    const struct nt *nt = list->nt;
    if (!list->limit)
        return false;
    if (sc_target_cancelled(nt->target))
        return stop(list, NT_LIST_STOP, 0);
    struct nt_field next = nt_pointer(nt, list->entry);
    if (next.state != NT_READ)
        return stop(list, NT_LIST_ABSENT, list->entry);
    if (next.value == list->head || (list->single && !next.value))
        return stop(list, NT_LIST_DONE, 0);
    if (!nt_is_kernel(nt, next.value) || next.value % nt->ptr_size)
        return stop(list, NT_LIST_BROKEN, list->entry);
    if (next.value == list->mark)
        return stop(list, NT_LIST_LOOP, next.value);
    if (list->count == list->limit)
        return stop(list, NT_LIST_LIMIT, next.value);
    if (++list->since == list->power) {
        list->mark = next.value;
        list->power *= 2;
        list->since = 0;
    }
    list->entry = next.value;
    list->count++;
    *ret_entry = next.value;
    return true;
}

const char *nt_list_end_text(const struct nt_list *list, char buf[NT_LIST_TEXT]) {
    int digits = (int)list->nt->ptr_size * 2;
    switch (list->end) {
    case NT_LIST_DONE: snprintf(buf, NT_LIST_TEXT, "it is complete"); break;
    case NT_LIST_ABSENT:
        snprintf(buf, NT_LIST_TEXT, "the link at %0*" PRIx64 " is not in the dump", digits,
                 list->bad);
        break;
    case NT_LIST_BROKEN:
        snprintf(buf, NT_LIST_TEXT, "the link at %0*" PRIx64 " is damaged", digits, list->bad);
        break;
    case NT_LIST_LOOP:
        snprintf(buf, NT_LIST_TEXT, "it comes back to %0*" PRIx64 " and never ends", digits,
                 list->bad);
        break;
    case NT_LIST_LIMIT:
        snprintf(buf, NT_LIST_TEXT, "it goes on behind %" PRIu64 " entries", list->count);
        break;
    case NT_LIST_STOP: snprintf(buf, NT_LIST_TEXT, "cancelled"); break;
    }
    return buf;
}
