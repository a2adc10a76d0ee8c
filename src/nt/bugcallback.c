/* SPDX-License-Identifier: MIT */
/*
 * Reading bug check callbacks. The records are structures of the public wdm.h, which no symbols of
 * the kernel have; P is the size of a pointer:
 *
 *   KBUGCHECK_CALLBACK_RECORD          KBUGCHECK_REASON_CALLBACK_RECORD
 *    0    Entry (LIST_ENTRY)            0    Entry
 *    2P   CallbackRoutine               2P   CallbackRoutine
 *    3P   Buffer                        3P   Component
 *    4P   Length (32 bits)              4P   Checksum
 *    5P   Component                     5P   Reason (32 bits)
 *    6P   Checksum                      5P+4 State (8 bits)
 *    7P   State (8 bits)
 *
 * The lists begin at nt!KeBugCheckCallbackListHead, which KDDEBUGGER_DATA64 has at +0x80, and
 * nt!KeBugCheckReasonCallbackListHead.
 */
#include "nt/bugcallback.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

enum { KDBG_CALLBACKS = 0x80 };

static bool number(const struct nt *nt, uint64_t address, unsigned size, uint64_t *ret) {
    return sc_space_uint(nt->space, address, size, ret) == SC_READ_OK;
}

/* A component's name: printable ASCII up to its NUL. */
static void read_name(const struct nt *nt, struct nt_bugcallback *c) {
    char text[NT_BUGCALLBACK_COMPONENT] = {0};
    size_t got = 0;
    if (!nt_is_kernel(nt, c->component))
        return;
    sc_space_read(nt->space, c->component, text, sizeof text - 1, &got);
    for (size_t i = 0; i < got && text[i]; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return;
    if (got < sizeof text && memchr(text, 0, sizeof text))
        memcpy(c->name, text, sizeof text);
}

static void read_record(const struct nt *nt, bool reason, uint64_t address,
                        struct nt_bugcallback *c) {
    const uint64_t p = nt->ptr_size;
    uint64_t last = 0, state = 0;
    *c = (struct nt_bugcallback){.address = address};
    c->read = number(nt, nt_add(nt, address, 2 * p), nt->ptr_size, &c->routine);
    if (reason) {
        c->read &= number(nt, nt_add(nt, address, 3 * p), nt->ptr_size, &c->component);
        c->read &= number(nt, nt_add(nt, address, 4 * p), nt->ptr_size, &c->checksum);
        c->read &= number(nt, nt_add(nt, address, 5 * p), 4, &last);
        c->read &= number(nt, nt_add(nt, address, 5 * p + 4), 1, &state);
        c->reason = (uint32_t)last;
    } else {
        c->read &= number(nt, nt_add(nt, address, 3 * p), nt->ptr_size, &c->buffer);
        c->read &= number(nt, nt_add(nt, address, 4 * p), 4, &last);
        c->read &= number(nt, nt_add(nt, address, 5 * p), nt->ptr_size, &c->component);
        c->read &= number(nt, nt_add(nt, address, 6 * p), nt->ptr_size, &c->checksum);
        c->read &= number(nt, nt_add(nt, address, 7 * p), 1, &state);
        c->length = (uint32_t)last;
    }
    c->state = (uint8_t)state;
    if (c->read)
        read_name(nt, c);
}

static sc_err *find(const struct nt *nt, bool reason, uint64_t *ret_head, bool *ret_found) {
    sc_err *err = nt_symbol(
        nt, reason ? "nt!KeBugCheckReasonCallbackListHead" : "nt!KeBugCheckCallbackListHead",
        ret_head, ret_found);
    if (!err && !*ret_found && !reason)
        *ret_found = sc_target_kd_member(nt->target, KDBG_CALLBACKS, 8, ret_head) && *ret_head;
    return err;
}

sc_err *nt_bugcallbacks_read(const struct nt *nt, bool reason, sc_arena *arena,
                             struct nt_bugcallbacks *ret) {
    struct nt_bugcallbacks b = {0};
    struct {
        struct nt_bugcallback *item;
        size_t count, room;
    } records = {0};
    uint64_t head, entry;
    sc_err *err = find(nt, reason, &head, &b.known);
    if (!err && b.known)
        nt_list_begin(&b.list, nt, sc_space_canon(nt->space, head), NT_BUGCALLBACKS_MAX);
    while (!err && b.known && nt_list_next(&b.list, &entry)) {
        struct nt_bugcallback *c = SC_VEC_PUSH(&records);
        if (!c)
            err = sc_err_nomem();
        else
            read_record(nt, reason, entry, c);
    }
    if (!err && b.known && b.list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (!err && records.count) {
        b.item = sc_arena_array(arena, records.count, sizeof *b.item);
        err = b.item ? NULL : sc_err_nomem();
    }
    if (!err && records.count) {
        memcpy(b.item, records.item, records.count * sizeof *b.item);
        b.count = records.count;
    }
    SC_VEC_FREE(&records);
    if (!err)
        *ret = b;
    return err;
}

const char *nt_bugcallback_reason(uint32_t reason) {
    static const char *const names[] = {"Invalid",           "Reserved1",
                                        "SecondaryDumpData", "DumpIo",
                                        "AddPages",          "SecondaryMultiPartDumpData",
                                        "RemovePages",       "TriageDumpData"};
    return reason < sizeof names / sizeof *names ? names[reason] : NULL;
}

const char *nt_bugcallback_state(uint8_t state) {
    static const char *const names[] = {"BufferEmpty", "BufferInserted", "BufferStarted",
                                        "BufferFinished", "BufferIncomplete"};
    return state < sizeof names / sizeof *names ? names[state] : NULL;
}
