/* SPDX-License-Identifier: MIT */
/*
 * What waits for a processor or a thread: DPCs, APCs, queued spin locks.
 *
 *   DPCs    Windows XP: KPRCB.DpcListHead, a ring; then KPRCB.DpcData[2] (normal, threaded):
 *           rings until 8, single lists with their last entry since 8.1
 *   APCs    KTHREAD.ApcState.ApcListHead[2], SavedApcState while it is attached; the kernel's own
 *           (special) ones, which have no normal routine, stand before the others
 *   locks   KPRCB.LockQueue[16] = { Next, Lock }: Lock's bit 0 waits, bit 1 owner
 *
 * The places are named by the build's layouts; the forms: src/nt/dpc.c, apc.c, qlock.c.
 */
#include <string.h>

#include "forge/world.h"

enum { DPC_NORMAL = 0x13, DPC_THREADED = 0x1a, APC = 0x12, IMPORTANCE_MEDIUM = 1, LOCKS = 16 };

static const char *const thread_type = "_ETHREAD", *const prcb_type = "_KPRCB";

bool forge_world_has_queued(const struct forge_world *w, enum forge_queued kind) {
    for (size_t i = 0; i < w->s->queued.count; i++)
        if (w->s->queued.item[i].kind == kind)
            return true;
    return false;
}

static uint64_t word(const struct forge_world *w, uint64_t addr) {
    uint8_t b[8] = {0};
    uint64_t v = 0;
    forge_memmap_get(&w->mem, addr, b, w->ptr_size);
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | b[i];
    return v;
}

void forge_world_close_ring(struct forge_world *w, uint64_t head) {
    if (!word(w, head))
        forge_world_link(w, head, NULL, 0, 0);
}

/* A structure of TYPE with the members of its line. */
static bool put_struct(struct forge_world *w, const struct forge_scn_queued *v, const char *type) {
    return forge_world_struct(w, v->line, type, v->address) &&
           forge_world_members(w, type, v->address, &v->member);
}

/* ---- DPCs ---- */

static bool put_dpc(struct forge_world *w, const struct forge_scn_queued *v) {
    if (v->on && v->processor >= w->ncpus)
        return forge_wrong(w->s, v->line, "dpc: there are only %u processors", w->ncpus);
    if (!put_struct(w, v, "_KDPC"))
        return false;
    forge_world_set(w, "_KDPC", v->address, "Type", v->threaded ? DPC_THREADED : DPC_NORMAL);
    forge_world_set(w, "_KDPC", v->address, "Importance", IMPORTANCE_MEDIUM);
    return true;
}

/* The DPCs of one queue, in the order of their lines. */
static size_t queue_of(struct forge_world *w, unsigned n, bool threaded, uint64_t *ret) {
    size_t count = 0;
    for (size_t i = 0; i < w->s->queued.count; i++) {
        const struct forge_scn_queued *v = &w->s->queued.item[i];
        if (v->kind == FORGE_QUEUED_DPC && v->on && v->processor == n && v->threaded == threaded)
            ret[count++] = v->address;
    }
    return count;
}

/* A single list: the head leads to the first, the last entry's place stands behind the head. */
static void put_single(struct forge_world *w, uint64_t list, const uint64_t *dpc, size_t count,
                       uint32_t link) {
    uint64_t at = list;
    for (size_t i = 0; i < count; i++) {
        forge_world_put_uint(w, 0, at, w->ptr_size, dpc[i] + link);
        at = dpc[i] + link;
    }
    forge_world_put_uint(w, 0, at, w->ptr_size, 0);
    forge_world_set(w, "_KDPC_LIST", list, "LastEntry", at);
}

static bool put_queue(struct forge_world *w, unsigned n, bool threaded, uint64_t *dpc) {
    struct forge_place head, data, link;
    uint64_t queue = 0;
    size_t count = queue_of(w, n, threaded, dpc);
    if (!forge_world_offset(w, "_KDPC", "DpcListEntry", &link))
        return true;
    if (forge_world_offset(w, prcb_type, "DpcData", &data)) {
        queue = w->prcb[n] + data.offset + threaded * (uint64_t)forge_world_sizeof(w, "_KDPC_DATA");
        if (forge_world_offset(w, "_KDPC_DATA", "DpcListHead", &head))
            forge_world_link(w, queue + head.offset, dpc, count, link.offset);
        else if (forge_world_offset(w, "_KDPC_DATA", "DpcList", &head))
            put_single(w, queue + head.offset, dpc, count, link.offset);
        forge_world_set(w, "_KDPC_DATA", queue, "DpcQueueDepth", count);
    } else if (!threaded && forge_world_offset(w, prcb_type, "DpcListHead", &head)) {
        forge_world_link(w, w->prcb[n] + head.offset, dpc, count, link.offset);
        forge_world_set(w, prcb_type, w->prcb[n], "DpcQueueDepth", count);
    } else if (count) {
        return forge_wrong(w->s, 0, "dpc: build %u has no queue of threaded ones", w->s->os.build);
    }
    for (size_t i = 0; i < count && queue; i++)
        forge_world_set(w, "_KDPC", dpc[i], "DpcData", queue);
    return true;
}

static bool put_dpcs(struct forge_world *w) {
    uint64_t *dpc = forge_pool_get(w->pool, (w->s->queued.count + 1) * sizeof *dpc);
    for (size_t i = 0; i < w->s->queued.count; i++)
        if (w->s->queued.item[i].kind == FORGE_QUEUED_DPC && !put_dpc(w, &w->s->queued.item[i]))
            return false;
    for (unsigned n = 0; n < w->ncpus; n++)
        for (unsigned t = 0; t < 2; t++)
            if (!put_queue(w, n, t == 1, dpc))
                return false;
    return true;
}

/* ---- APCs ---- */

static bool put_apc(struct forge_world *w, const struct forge_scn_queued *v) {
    if (!forge_world_thread_at(w, v->thread))
        return forge_wrong(w->s, v->line, "apc: no line describes the thread %llx",
                           (unsigned long long)v->thread);
    if (!put_struct(w, v, "_KAPC"))
        return false;
    forge_world_set(w, "_KAPC", v->address, "Type", APC);
    forge_world_set(w, "_KAPC", v->address, "Size", forge_world_sizeof(w, "_KAPC"));
    forge_world_set(w, "_KAPC", v->address, "Thread", v->thread);
    forge_world_set(w, "_KAPC", v->address, "ApcMode", v->user);
    forge_world_set(w, "_KAPC", v->address, "ApcStateIndex", v->saved);
    forge_world_set(w, "_KAPC", v->address, "Inserted", 1);
    return true;
}

/* Those of one list, special ones first. */
static size_t apcs_of(const struct forge_world *w, const struct forge_scn_queued *like,
                      uint64_t *ret) {
    size_t count = 0;
    for (unsigned pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < w->s->queued.count; i++) {
            const struct forge_scn_queued *v = &w->s->queued.item[i];
            bool special = !forge_world_read(w, "_KAPC", v->address, "NormalRoutine");
            if (v->kind == FORGE_QUEUED_APC && v->thread == like->thread && v->user == like->user &&
                v->saved == like->saved && special == !pass)
                ret[count++] = v->address;
        }
    return count;
}

static bool put_apc_list(struct forge_world *w, const struct forge_scn_queued *v, uint64_t *apc) {
    struct forge_place state, heads, link, pending;
    if (!forge_world_offset(w, thread_type, v->saved ? "Tcb.SavedApcState" : "Tcb.ApcState",
                            &state) ||
        !forge_world_offset(w, "_KAPC_STATE", "ApcListHead", &heads) ||
        !forge_world_offset(w, "_KAPC", "ApcListEntry", &link))
        return forge_wrong(w->s, v->line, "apc: build %u has no such list", w->s->os.build);
    uint64_t at = v->thread + state.offset;
    forge_world_link(w, at + heads.offset + (v->user ? 2 * w->ptr_size : 0), apc,
                     apcs_of(w, v, apc), link.offset);
    if (v->saved)
        forge_world_set(w, "_KAPC_STATE", at, "Process",
                        forge_world_read(w, thread_type, v->thread, "Tcb.Process|ThreadsProcess"));
    /* One byte: behind it on x86 stands the thread's priority, which is no part of the state. */
    if (forge_world_offset(w, "_KAPC_STATE", v->user ? "UserApcPending" : "KernelApcPending",
                           &pending))
        forge_world_put_uint(w, 0, at + pending.offset, 1,
                             (uint64_t)1 << (pending.bit_count ? pending.bit_first : 0));
    return true;
}

static bool put_apcs(struct forge_world *w) {
    uint64_t *apc = forge_pool_get(w->pool, (w->s->queued.count + 1) * sizeof *apc);
    for (size_t i = 0; i < w->s->queued.count; i++)
        if (w->s->queued.item[i].kind == FORGE_QUEUED_APC && !put_apc(w, &w->s->queued.item[i]))
            return false;
    for (size_t i = 0; i < w->s->queued.count; i++)
        if (w->s->queued.item[i].kind == FORGE_QUEUED_APC &&
            !put_apc_list(w, &w->s->queued.item[i], apc))
            return false;
    return true;
}

/* Lists of threads to which nothing is queued are rings all the same. */
static void close_apcs(struct forge_world *w) {
    static const char *const states[] = {"Tcb.ApcState", "Tcb.SavedApcState"};
    struct forge_place state, heads;
    for (size_t i = 0; i < w->s->threads.count; i++)
        for (unsigned k = 0; k < 2; k++) {
            if (!forge_world_offset(w, thread_type, states[k], &state) ||
                !forge_world_offset(w, "_KAPC_STATE", "ApcListHead", &heads))
                return;
            uint64_t head = w->s->threads.item[i].address + state.offset + heads.offset;
            forge_world_close_ring(w, head);
            forge_world_close_ring(w, head + 2 * w->ptr_size);
        }
}

/* ---- queued spin locks ---- */

static uint64_t place_of(const struct forge_world *w, unsigned n, unsigned lock) {
    struct forge_place p;
    if (!forge_world_offset(w, prcb_type, "LockQueue", &p))
        return 0;
    return w->prcb[n] + p.offset + (uint64_t)lock * 2 * w->ptr_size;
}

static bool put_lock(struct forge_world *w, const struct forge_scn_queuedlock *v) {
    uint64_t lock, last = 0;
    if (!forge_world_eval(w, v->line, v->lock.text, &lock, NULL))
        return false;
    if (!place_of(w, 0, v->number))
        return forge_wrong(w->s, v->line, "queuedlock: build %u has none", w->s->os.build);
    for (unsigned n = 0; n < w->ncpus; n++) {
        forge_world_put_uint(w, 0, place_of(w, n, v->number) + w->ptr_size, w->ptr_size,
                             lock | (v->owners >> n & 1 ? 2 : 0));
        if (v->owners >> n & 1)
            last = place_of(w, n, v->number);
    }
    for (size_t i = 0; i < v->nwaiters; i++) {
        if (v->waiter[i] >= w->ncpus)
            return forge_wrong(w->s, v->line, "queuedlock: there are only %u processors", w->ncpus);
        uint64_t at = place_of(w, v->waiter[i], v->number);
        forge_world_put_uint(w, 0, at + w->ptr_size, w->ptr_size, lock | 1);
        if (last)
            forge_world_put_uint(w, 0, last, w->ptr_size, at);
        last = at;
    }
    /* The spin lock itself leads to the place of the last who waits, or of its owner. */
    return forge_world_put_uint(w, 0, lock, w->ptr_size, last);
}

static bool put_locks(struct forge_world *w) {
    bool said[LOCKS] = {false};
    if (!w->s->queuedlocks.count)
        return true;
    for (size_t i = 0; i < w->s->queuedlocks.count; i++) {
        said[w->s->queuedlocks.item[i].number] = true;
        if (!put_lock(w, &w->s->queuedlocks.item[i]))
            return false;
    }
    uint64_t locks = forge_world_spare(w, LOCKS * 64, 64);
    for (unsigned n = 0; n < w->ncpus; n++)
        for (unsigned i = 0; i < LOCKS; i++)
            if (!said[i])
                forge_world_put_uint(w, 0, place_of(w, n, i) + w->ptr_size, w->ptr_size,
                                     locks + i * 64);
    return true;
}

/* ---- all of it ---- */

/* A name of the kernel's for SIZE bytes of data. */
static bool name(struct forge_world *w, const char *symbol, uint32_t size) {
    uint64_t at;
    return forge_world_place(w, 0, w->nt, symbol, size, FORGE_SYM_DATA, &at) &&
           (forge_memmap_fill(&w->mem, at, size), true);
}

static bool name_timers(struct forge_world *w) {
    struct forge_place in;
    bool own = forge_world_offset(w, prcb_type, "TimerTable", &in);
    if (!own && !name(w, "KiTimerTableListHead", 512 * 2 * w->ptr_size))
        return false;
    return !forge_types_find(&w->types, "_KTIMER2_COLLECTION") ||
           name(w, "KiTimer2Collections", 5 * forge_world_sizeof(w, "_KTIMER2_COLLECTION"));
}

static bool name_work(struct forge_world *w) {
    const struct forge_scn_workqueues *v = w->s->workqueues.item;
    uint32_t size = 3 * forge_world_sizeof(w, "_EX_WORK_QUEUE");
    struct forge_place in;
    if (forge_world_offset(w, "_EX_WORK_QUEUE", "WorkerQueue", &in)) {
        struct forge_wsymbol like = {.size = size, .has_kind = true, .kind = FORGE_SYM_DATA};
        if (v->address < w->nt->base || v->address - w->nt->base >= w->nt->size)
            return forge_wrong(w->s, v->line, "workqueues: until 7 they lie in the kernel's image");
        forge_world_mark(w->nt, v->address - w->nt->base, size, FORGE_PAGE_DATA);
        return forge_world_define(w, v->line, w->nt, "ExWorkerQueue", v->address, &like);
    }
    if (!name(w, "KeNumberNodes", 2))
        return false;
    if (!forge_world_offset(w, "_EX_PARTITION", "WorkQueues", &in))
        return name(w, "KeNodeBlock", 64 * w->ptr_size);
    return name(w, "PspSystemPartition", w->ptr_size) &&
           name(w, "PspActivePartitionListHead", 2 * w->ptr_size);
}

bool forge_world_queue_symbols(struct forge_world *w) {
    bool timers = forge_world_has_queued(w, FORGE_QUEUED_TIMER) ||
                  forge_world_has_queued(w, FORGE_QUEUED_TIMER2);
    if (timers && !name_timers(w))
        return false;
    if (w->s->workqueues.count && !name_work(w))
        return false;
    if (w->s->callbacks.count && (!name(w, "KeBugCheckCallbackListHead", 2 * w->ptr_size) ||
                                  !name(w, "KeBugCheckReasonCallbackListHead", 2 * w->ptr_size)))
        return false;
    return !w->s->smbios.line ||
           (name(w, "WmipSMBiosTablePhysicalAddress", 8) && name(w, "WmipSMBiosTableLength", 4) &&
            name(w, "WmipSMBiosVersionInfo", 4));
}

bool forge_world_queues(struct forge_world *w) {
    if (forge_world_has_queued(w, FORGE_QUEUED_DPC) && !put_dpcs(w))
        return false;
    if (forge_world_has_queued(w, FORGE_QUEUED_APC)) {
        if (!put_apcs(w))
            return false;
        close_apcs(w);
    }
    return put_locks(w) && forge_world_timers(w) && forge_world_work(w) &&
           forge_world_interrupts(w) && forge_world_callbacks(w) && !forge_is_wrong(w->s);
}
