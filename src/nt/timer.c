/* SPDX-License-Identifier: MIT */
/*
 * Reading timers.
 *
 *   Windows XP            nt!KiTimerTableListHead: 256 LIST_ENTRY
 *   2003 SP1 to Vista     the same name: 512 KTIMER_TABLE_ENTRY { Entry, Time }
 *   since Windows 7       KPRCB.TimerTable.TimerEntries: 256 KTIMER_TABLE_ENTRY { Lock, Entry,
 *                         Time } for each processor; x64 since 19041: two tables of them
 *
 * Timers are linked through KTIMER.TimerListEntry. On 64-bit systems since Windows 7 KTIMER.Dpc is
 * encoded with two keys that the kernel makes up when it starts:
 *
 *   dpc = byteswap(rol(Dpc ^ KiWaitNever, low byte of KiWaitNever) ^ timer) ^ KiWaitAlways
 *       = byteswap(rol(Dpc, by) ^ timer ^ mask)
 *
 * Without symbols `by` and `mask` follow from a timer whose DPC is known, and every further one
 * confirms them: the watchdog of each processor has both in its PRCB.
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts); the numbers of
 * lists and the encoding: Volatility's description of timers.
 */
#include "nt/timer.h"

#include <stdlib.h>

#include "base/vec.h"

enum { LISTS_XP = 256, LISTS_VISTA = 512, LISTS_OF_PROCESSOR = 256 };
enum { DPC_NORMAL = 0x13, DPC_THREADED = 0x1a, OBJECT_THREAD = 6, WAIT_DPC = 4 };

enum { TIMER_TYPE, TIMER_WAITERS, TIMER_DUE, TIMER_LINK, TIMER_DPC, TIMER_PERIOD, TIMER_FIELDS };
static const struct sc_layout_field timer_rows[TIMER_FIELDS] = {
    [TIMER_TYPE] = {"Header.Type", 1, true},
    [TIMER_WAITERS] = {"Header.WaitListHead", 1, true},
    [TIMER_DUE] = {"DueTime", 8, true},
    [TIMER_LINK] = {"TimerListEntry", 1, true}, /* its place */
    [TIMER_DPC] = {"Dpc", 1, true},
    [TIMER_PERIOD] = {"Period", 4, true},
};
static const uint8_t timer_pointers[] = {TIMER_WAITERS, TIMER_DPC};
static const struct nt_def timer_def = {
    {"nt!_KTIMER", timer_rows, TIMER_FIELDS}, TIMER_FIELDS, NULL, NT_POINTERS(timer_pointers)};

enum { ENTRY_LIST, ENTRY_FIELDS };
static const struct sc_layout_field entry_rows[] = {{"Entry", 1, true}};
static const struct nt_def entry_def = {
    {"nt!_KTIMER_TABLE_ENTRY", entry_rows, ENTRY_FIELDS}, ENTRY_FIELDS, NULL, NULL, 0};
static const struct sc_layout_field table_rows[] = {{"TimerEntries", 1, true}};
static const struct nt_def table_def = {{"nt!_KTIMER_TABLE", table_rows, 1}, 1, NULL, NULL, 0};
static const struct sc_layout_field prcb_rows[] = {{"TimerTable", 1, true}};
static const struct nt_def prcb_def = {{"nt!_KPRCB", prcb_rows, 1}, 1, NULL, NULL, 0};

enum { KDPC_TYPE, KDPC_ROUTINE, KDPC_CONTEXT, KDPC_FIELDS };
static const struct sc_layout_field dpc_rows[] = {
    [KDPC_TYPE] = {"Type", 1, true},
    [KDPC_ROUTINE] = {"DeferredRoutine", 1, true},
    [KDPC_CONTEXT] = {"DeferredContext", 1, true},
};
static const uint8_t dpc_pointers[] = {KDPC_ROUTINE, KDPC_CONTEXT};
static const struct nt_def dpc_def = {
    {"nt!_KDPC", dpc_rows, KDPC_FIELDS}, KDPC_FIELDS, NULL, NT_POINTERS(dpc_pointers)};

enum { BLOCK_THREAD, BLOCK_TYPE, BLOCK_FIELDS };
static const struct sc_layout_field block_rows[] = {
    [BLOCK_THREAD] = {"Thread", 1, true},
    [BLOCK_TYPE] = {"WaitType", 1, true},
};
static const uint8_t block_pointers[] = {BLOCK_THREAD};
static const struct nt_def block_def = {
    {"nt!_KWAIT_BLOCK", block_rows, BLOCK_FIELDS}, BLOCK_FIELDS, NULL, NT_POINTERS(block_pointers)};

enum { THREAD_TYPE, THREAD_TIMER, THREAD_FIELDS };
static const struct sc_layout_field thread_rows[] = {
    [THREAD_TYPE] = {"Header.Type", 1, true},
    [THREAD_TIMER] = {"Timer", 1, true},
};
static const struct nt_def thread_def = {
    {"nt!_KTHREAD", thread_rows, THREAD_FIELDS}, THREAD_FIELDS, NULL, NULL, 0};

static const struct sc_layout_field wake_rows[] = {{"WakeTimerListEntry", 1, true}};
static const struct nt_def wake_def = {{"nt!_ETIMER", wake_rows, 1}, 1, NULL, NULL, 0};

enum { WATCHDOG_TIMER, WATCHDOG_DPC, WATCHDOG_FIELDS, WATCHDOGS = 64 };
static const struct sc_layout_field watchdog_rows[] = {
    [WATCHDOG_TIMER] = {"DpcWatchdogTimer", 1, true},
    [WATCHDOG_DPC] = {"DpcWatchdogDpc", 1, true},
};
static const struct nt_def watchdog_def = {
    {"nt!_KPRCB", watchdog_rows, WATCHDOG_FIELDS}, WATCHDOG_FIELDS, NULL, NULL, 0};

/* What all timers of a table are read with. */
struct reader {
    const struct nt *nt;
    sc_arena *arena;
    struct nt_timer_table *table;
    const struct nt_timer_keys *keys;
    struct {
        struct nt_timer *item;
        size_t count, room;
    } timers;
};

/* ---- keys ---- */

static uint64_t swap64(uint64_t v) {
    uint64_t r = 0;
    for (unsigned i = 0; i < 8; i++)
        r |= (v >> 8 * i & 0xff) << (56 - 8 * i);
    return r;
}

static uint64_t rol64(uint64_t v, unsigned by) { return by ? v << by | v >> (64 - by) : v; }

static sc_err *keys_of_symbols(const struct nt *nt, struct nt_timer_keys *keys) {
    struct nt_field never, always;
    sc_err *err = nt_global(nt, "nt!KiWaitNever", 8, &never);
    if (!err)
        err = nt_global(nt, "nt!KiWaitAlways", 8, &always);
    if (err || never.state != NT_READ || always.state != NT_READ)
        return err;
    keys->known = true;
    keys->by = never.value & 63;
    keys->mask = rol64(never.value, keys->by) ^ swap64(always.value);
    return NULL;
}

/* A timer that is known to have a DPC. */
struct known {
    uint64_t timer, dpc, encoded;
};

/* The watchdog of the processor whose PRCB lies at PRCB. */
static sc_err *watchdog(const struct nt *nt, uint64_t prcb, struct known *ret, bool *ret_found) {
    uint64_t timer, dpc, member;
    struct nt_field encoded = {0, NT_ABSENT};
    sc_err *err = nt_offset(nt, &watchdog_def, WATCHDOG_TIMER, &timer, ret_found);
    if (!err && *ret_found)
        err = nt_offset(nt, &watchdog_def, WATCHDOG_DPC, &dpc, ret_found);
    if (!err && *ret_found)
        err = nt_offset(nt, &timer_def, TIMER_DPC, &member, ret_found);
    if (err || !*ret_found)
        return err;
    ret->timer = nt_add(nt, prcb, timer);
    ret->dpc = nt_add(nt, prcb, dpc);
    encoded = nt_pointer(nt, nt_add(nt, ret->timer, member));
    ret->encoded = encoded.value;
    *ret_found = nt_set(&encoded);
    return NULL;
}

/* One rotation has to explain all of them; two that differ leave no room for chance. */
static void conclude(const struct known *known, size_t count, struct nt_timer_keys *keys) {
    unsigned fits = 0;
    for (unsigned by = 0; count > 1 && by < 64; by++) {
        uint64_t mask = rol64(known->encoded, by) ^ known->timer ^ swap64(known->dpc);
        size_t same = 0;
        for (size_t i = 0; i < count; i++)
            same += (rol64(known[i].encoded, by) ^ known[i].timer ^ mask) == swap64(known[i].dpc);
        if (same != count)
            continue;
        fits++;
        keys->by = by;
        keys->mask = mask;
    }
    keys->known = keys->concluded = fits == 1;
}

static sc_err *keys_of_watchdogs(const struct nt *nt, struct nt_timer_keys *keys) {
    const struct sc_threads *threads;
    struct known known[WATCHDOGS];
    size_t count = 0;
    sc_err *err = sc_target_threads(nt->target, &threads);
    for (size_t i = 0; !err && count < WATCHDOGS && i < threads->count; i++) {
        struct nt_field prcb;
        bool found = false;
        err = nt_prcb_address(nt, (uint32_t)i, &prcb);
        if (!err && nt_set(&prcb))
            err = watchdog(nt, prcb.value, &known[count], &found);
        count += !err && found;
    }
    if (!err)
        conclude(known, count, keys);
    return err;
}

sc_err *nt_timer_keys_read(const struct nt *nt, struct nt_timer_keys *ret) {
    struct nt_timer_keys keys = {0};
    unsigned types;
    sc_err *err = nt_timer_types(nt, &types);
    keys.needed = !err && types && nt->ptr_size == 8;
    if (!err && keys.needed)
        err = keys_of_symbols(nt, &keys);
    if (!err && keys.needed && !keys.known)
        err = keys_of_watchdogs(nt, &keys);
    if (!err)
        *ret = keys;
    return err;
}

/* ---- one timer ---- */

/* A DPC is encoded even when there is none. */
static struct nt_field decode(const struct reader *r, uint64_t timer, struct nt_field dpc) {
    if (!r->keys->needed || dpc.state != NT_READ)
        return dpc;
    if (!r->keys->known)
        return (struct nt_field){0, NT_ABSENT};
    return (struct nt_field){swap64(rol64(dpc.value, r->keys->by) ^ timer ^ r->keys->mask),
                             NT_READ};
}

/* A DPC that is none, or that the keys made up, is not known. */
static sc_err *read_dpc(const struct reader *r, struct nt_timer *t) {
    struct nt_field f[KDPC_FIELDS];
    if (!nt_set(&t->dpc))
        return NULL;
    sc_err *err = nt_load_optional(r->nt, &dpc_def, t->dpc.value, f, NULL);
    if (err)
        return err;
    if (f[KDPC_TYPE].state == NT_READ && f[KDPC_TYPE].value != DPC_NORMAL &&
        f[KDPC_TYPE].value != DPC_THREADED) {
        t->dpc = (struct nt_field){0, NT_ABSENT};
        return NULL;
    }
    t->routine = f[KDPC_ROUTINE];
    t->context = f[KDPC_CONTEXT];
    return NULL;
}

/* The timer that each thread has in its KTHREAD, for waits with an end. */
static sc_err *containing_thread(const struct nt *nt, struct nt_timer *t) {
    struct nt_field f[THREAD_FIELDS];
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &thread_def, THREAD_TIMER, &offset, &found);
    if (err || !found)
        return err;
    uint64_t thread = nt_add(nt, t->address, 0 - offset);
    err = nt_load_optional(nt, &thread_def, thread, f, NULL);
    if (!err && f[THREAD_TYPE].state == NT_READ && (f[THREAD_TYPE].value & 0x7f) == OBJECT_THREAD)
        t->thread = thread;
    return err;
}

/* The list of waiters begins in the header; WaitListEntry is the first member of a wait block. */
static sc_err *read_waiter(const struct nt *nt, const struct nt_field *waiters,
                           struct nt_timer *t) {
    struct nt_field f[BLOCK_FIELDS];
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &timer_def, TIMER_WAITERS, &offset, &found);
    if (err)
        return err;
    if (found && nt_set(waiters) && waiters->value != nt_add(nt, t->address, offset)) {
        err = nt_load_optional(nt, &block_def, waiters->value, f, NULL);
        if (!err && nt_set(&f[BLOCK_THREAD]) && nt_is_kernel(nt, f[BLOCK_THREAD].value) &&
            nt_or(&f[BLOCK_TYPE], 0) != WAIT_DPC)
            t->thread = f[BLOCK_THREAD].value;
    }
    return err || t->thread ? err : containing_thread(nt, t);
}

static sc_err *read_timer(struct reader *r, uint64_t address, uint32_t list) {
    struct nt_field f[TIMER_FIELDS];
    sc_err *err = nt_load(r->nt, &timer_def, address, f, &r->table->assumed);
    struct nt_timer *t = err ? NULL : SC_VEC_PUSH(&r->timers);
    if (!t)
        return err ? err : sc_err_nomem();
    *t = (struct nt_timer){.address = address,
                           .list = list,
                           .type = f[TIMER_TYPE],
                           .due = f[TIMER_DUE],
                           .period = f[TIMER_PERIOD],
                           .dpc = decode(r, address, f[TIMER_DPC])};
    if (t->type.state == NT_READ)
        t->type.value &= 0x7f; /* the lock bit */
    r->table->keyless |= r->keys->needed && !r->keys->known;
    err = read_dpc(r, t);
    return err ? err : read_waiter(r->nt, &f[TIMER_WAITERS], t);
}

/* ---- lists ---- */

static sc_err *note(struct reader *r, uint32_t number, const struct nt_list *list) {
    char text[NT_LIST_TEXT];
    if (list->end == NT_LIST_STOP)
        return sc_err_cancelled();
    if (r->table->bad++)
        return NULL;
    r->table->why = sc_arena_printf(r->arena, "list %u: %s", number, nt_list_end_text(list, text));
    return r->table->why ? NULL : sc_err_nomem();
}

static sc_err *read_list(struct reader *r, uint64_t head, uint64_t link, uint32_t number) {
    struct nt_list list;
    uint64_t entry;
    size_t before = r->timers.count;
    sc_err *err = NULL;
    nt_list_begin(&list, r->nt, head, NT_TIMERS_MAX - r->timers.count);
    while (!err && nt_list_next(&list, &entry))
        err = read_timer(r, nt_add(r->nt, entry, 0 - link), number);
    if (!err && list.end != NT_LIST_DONE)
        err = note(r, number, &list);
    if (r->timers.count - before > r->table->longest)
        r->table->longest = r->timers.count - before;
    return err;
}

static sc_err *finish(struct reader *r, sc_err *err) {
    struct nt_timer_table *t = r->table;
    if (!err && r->timers.count) {
        t->item = sc_arena_array(r->arena, r->timers.count, sizeof *t->item);
        err = t->item ? NULL : sc_err_nomem();
        for (size_t i = 0; !err && i < r->timers.count; i++)
            t->item[t->count++] = r->timers.item[i];
    }
    SC_VEC_FREE(&r->timers);
    return err;
}

/* COUNT lists, the first head at FIRST, the next one STEP behind it. */
static sc_err *read_lists(const struct nt *nt, uint64_t first, uint64_t step, unsigned count,
                          struct reader *r) {
    uint64_t link = 0;
    bool found = false;
    sc_err *err = nt_offset(nt, &timer_def, TIMER_LINK, &link, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_KTIMER has no TimerListEntry");
    r->table->lists = count;
    for (unsigned i = 0; !err && i < count; i++)
        err = read_list(r, nt_add(nt, first, i * step), link, i);
    return finish(r, err);
}

/* ---- tables ---- */

static sc_err *size_of(const struct nt *nt, const struct nt_def *def, uint64_t *ret) {
    const sc_layout *layout;
    sc_err *err = sc_layout_book_get(nt->book, &def->layout, &layout);
    if (!err)
        *ret = sc_layout_size(layout);
    return err;
}

/* Offset of a member that a build may lack, as it may lack the structure. */
static sc_err *place(const struct nt *nt, const struct nt_def *def, uint64_t *ret_offset,
                     bool *ret_found) {
    sc_err *err = nt_offset(nt, def, 0, ret_offset, ret_found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        *ret_found = false;
    return err;
}

/* Where a processor's tables are: in the PRCB, and in each of them. */
struct processor_tables {
    uint64_t in_prcb, entries, step, list;
    unsigned types;
};

static sc_err *processor_tables(const struct nt *nt, struct processor_tables *ret) {
    struct processor_tables p = {0};
    uint64_t size = 0;
    bool found = false;
    sc_err *err = place(nt, &prcb_def, &p.in_prcb, &found);
    if (!err && found)
        err = place(nt, &table_def, &p.entries, &found);
    if (!err && found)
        err = place(nt, &entry_def, &p.list, &found);
    if (!err && found)
        err = size_of(nt, &entry_def, &p.step);
    if (!err && found)
        err = size_of(nt, &table_def, &size);
    if (!err && found && p.step && size > p.entries)
        p.types = (unsigned)((size - p.entries) / (p.step * LISTS_OF_PROCESSOR));
    if (p.types > NT_TIMER_TYPES)
        p.types = NT_TIMER_TYPES;
    if (!err)
        *ret = p;
    return err;
}

sc_err *nt_timer_types(const struct nt *nt, unsigned *ret) {
    struct processor_tables p;
    sc_err *err = processor_tables(nt, &p);
    if (!err)
        *ret = p.types;
    return err;
}

sc_err *nt_timers_processor(const struct nt *nt, const struct nt_timer_keys *keys, uint64_t prcb,
                            unsigned type, sc_arena *arena, struct nt_timer_table *ret) {
    struct processor_tables p;
    struct nt_timer_table t = {0};
    struct reader r = {.nt = nt, .arena = arena, .table = &t, .keys = keys};
    sc_err *err = processor_tables(nt, &p);
    if (!err && type >= p.types)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_KPRCB has no TimerTable %u", type);
    if (err)
        return err;
    t.address = nt_add(nt, prcb, p.in_prcb);
    uint64_t first = nt_add(nt, t.address, p.entries + type * p.step * LISTS_OF_PROCESSOR + p.list);
    err = read_lists(nt, first, p.step, LISTS_OF_PROCESSOR, &r);
    if (!err)
        *ret = t;
    return err;
}

sc_err *nt_timers_system(const struct nt *nt, const struct nt_timer_keys *keys, sc_arena *arena,
                         struct nt_timer_table *ret) {
    struct nt_timer_table t = {0};
    struct reader r = {.nt = nt, .arena = arena, .table = &t, .keys = keys};
    uint64_t list = 0, step = 2 * nt->ptr_size;
    bool entries = false, found = false;
    sc_err *err = nt_symbol(nt, "nt!KiTimerTableListHead", &t.address, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!KiTimerTableListHead is not known: no symbols have it");
    if (!err)
        err = place(nt, &entry_def, &list, &entries);
    if (!err && entries)
        err = size_of(nt, &entry_def, &step);
    if (!err)
        err =
            read_lists(nt, nt_add(nt, t.address, list), step, entries ? LISTS_VISTA : LISTS_XP, &r);
    if (!err)
        *ret = t;
    return err;
}

sc_err *nt_timers_wake(const struct nt *nt, const struct nt_timer_keys *keys, sc_arena *arena,
                       struct nt_timer_table *ret, bool *ret_found) {
    struct nt_timer_table t = {.lists = 1};
    struct reader r = {.nt = nt, .arena = arena, .table = &t, .keys = keys};
    uint64_t link;
    bool found;
    sc_err *err = nt_symbol(nt, "nt!ExpWakeTimerList", &t.address, &found);
    if (!err && !found)
        t.why = "nt!ExpWakeTimerList is not known: no symbols have it";
    if (!err && found) {
        err = place(nt, &wake_def, &link, &found);
        if (!err && !found)
            t.why = "the symbols do not know nt!_ETIMER.WakeTimerListEntry";
    }
    if (!err && found) /* an ETIMER begins with its KTIMER */
        err = finish(&r, read_list(&r, t.address, link, 0));
    if (err)
        return err;
    *ret_found = found;
    *ret = t;
    return NULL;
}
