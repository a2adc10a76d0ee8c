/* SPDX-License-Identifier: MIT */
/*
 * Reading queued spin locks.
 *
 *   KPRCB.LockQueue[n] = KSPIN_LOCK_QUEUE { Next, Lock }
 *
 * Lock's low bits say 1 waiting, 2 owner. Next leads to the place of the processor that comes next.
 * Sources: the public symbols of the kernels; names and numbers: KSPIN_LOCK_QUEUE_NUMBER of the
 * public wdm.h of several versions, in the words of Microsoft's page on !qlocks.
 */
#include "nt/qlock.h"

enum { WAIT = 1, OWNER = 2, BITS = 3, LOCKS = 16 };

static const struct sc_layout_field prcb_rows[] = {{"LockQueue", 0, true}, {"LockQueue", 1, true}};
static const uint8_t spare_of[] = {0};
static const struct nt_def prcb_def = {{"nt!_KPRCB", prcb_rows, 2}, 1, spare_of, NULL, 0};

enum { NEXT, LOCK, FIELDS };
static const struct sc_layout_field lock_rows[] = {
    [NEXT] = {"Next", 1, true}, [LOCK] = {"Lock", 1, true}};
static const uint8_t lock_pointers[] = {NEXT, LOCK};
static const struct nt_def lock_def = {
    {"nt!_KSPIN_LOCK_QUEUE", lock_rows, FIELDS}, FIELDS, NULL, NT_POINTERS(lock_pointers)};

sc_err *nt_qlock_count(const struct nt *nt, unsigned *ret) {
    uint64_t offset, lock, next;
    bool found, has_lock = false, has_next = false;
    sc_err *err = nt_offset(nt, &prcb_def, 0, &offset, &found);
    if (!err && found)
        err = nt_offset(nt, &lock_def, LOCK, &lock, &has_lock);
    if (!err && found)
        err = nt_offset(nt, &lock_def, NEXT, &next, &has_next);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        found = false;
    if (!err)
        *ret = found && has_lock && has_next ? LOCKS : 0;
    return err;
}

sc_err *nt_qlocks_read(const struct nt *nt, uint64_t prcb, unsigned count, struct nt_qlock *ret) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &prcb_def, 0, &offset, &found);
    for (unsigned i = 0; !err && found && i < count; i++) {
        struct nt_field f[FIELDS];
        struct nt_qlock *q = &ret[i];
        uint64_t at = nt_add(nt, prcb, offset + (uint64_t)i * 2 * nt->ptr_size);
        err = nt_load(nt, &lock_def, at, f, NULL);
        if (err)
            break;
        *q = (struct nt_qlock){.place = at, .state = NT_QLOCK_ABSENT};
        if (f[NEXT].state != NT_READ || f[LOCK].state != NT_READ)
            continue;
        q->next = f[NEXT].value;
        q->lock = f[LOCK].value & ~(uint64_t)BITS;
        switch (f[LOCK].value & BITS) {
        case 0: q->state = NT_QLOCK_FREE; break;
        case WAIT: q->state = NT_QLOCK_WAITS; break;
        case OWNER: q->state = NT_QLOCK_OWNER; break;
        default: q->state = NT_QLOCK_CORRUPT; break;
        }
    }
    return err;
}

static struct nt_qlock *place_at(struct nt_qlock *first, size_t count, size_t stride,
                                 uint64_t place) {
    for (size_t i = 0; place && i < count; i++)
        if (first[i * stride].place == place)
            return &first[i * stride];
    return NULL;
}

/* From the owner on, along Next: those that wait, in order. */
static void follow(struct nt_qlock *owner, struct nt_qlock *first, size_t count, size_t stride) {
    struct nt_qlock *q = owner;
    for (unsigned order = 1; order < count; order++) {
        q = place_at(first, count, stride, q->next);
        if (!q || q->state != NT_QLOCK_WAITS || q->order)
            return;
        q->order = order;
    }
}

void nt_qlock_judge(struct nt_qlock *first, size_t count, size_t stride) {
    struct nt_qlock *owner = NULL;
    bool absent = false;
    for (size_t i = 0; i < count; i++) {
        struct nt_qlock *q = &first[i * stride];
        absent |= q->state == NT_QLOCK_ABSENT;
        if (q->state == NT_QLOCK_OWNER && owner)
            q->state = owner->state = NT_QLOCK_CORRUPT;
        else if (q->state == NT_QLOCK_OWNER)
            owner = q;
    }
    if (owner)
        follow(owner, first, count, stride);
    /* A processor links itself to the one before it only after it has said that it waits: the
       last one may not be linked yet. With a processor missing nothing can be said. */
    size_t unlinked = 0;
    for (size_t i = 0; i < count; i++)
        unlinked += first[i * stride].state == NT_QLOCK_WAITS && !first[i * stride].order;
    for (size_t i = 0; !absent && (unlinked > 1 || !owner) && i < count; i++)
        if (first[i * stride].state == NT_QLOCK_WAITS && !first[i * stride].order)
            first[i * stride].state = NT_QLOCK_CORRUPT;
}

const char *nt_qlock_name(uint32_t build, unsigned number) {
    static const char *const names[] = {"KE   - Dispatcher",   "KE   - Unused Spare",
                                        "MM   - PFN",          "MM   - System Space",
                                        "CC   - Vacb",         "CC   - Master",
                                        "EX   - NonPagedPool", "IO   - Cancel",
                                        "EX   - WorkQueue",    "IO   - Vpb",
                                        "IO   - Database",     "IO   - Completion",
                                        "NTFS - Struct",       "AFD  - WorkQueue",
                                        "CC   - Bcb",          "MM   - MM NonPagedPool"};
    static const char *const unused[] = {"KE   - Unused Spare", "MM   - Unused Spare",
                                         "EX   - Unused Spare"};
    if (number >= sizeof names / sizeof *names)
        return NULL;
    if (build >= 7600) /* these locks were taken apart, the places kept */
        switch (number) {
        case 0: return unused[0];
        case 2:
        case 3: return unused[1];
        case 8: return unused[2];
        default: break;
        }
    return names[number];
}
