/* SPDX-License-Identifier: MIT */
/*
 * `!qlocks`: the queued spin locks of the kernel.
 *
 *     Key: O = Owner, 1-n = Wait order, blank = not owned/waiting, C = Corrupt
 *
 *                            Processor Number
 *         Lock Name         0  1  2  3
 *
 *     KE   - Dispatcher     O  1
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/processors.h"
#include "cmd/session_impl.h"
#include "nt/qlock.h"

struct cell {
    uint32_t processor, order;
    const char *state;
    uint64_t place;
};
static const struct sc_field cell_fields[] = {
    SC_FIELD(struct cell, processor, SC_F_U32), SC_FIELD(struct cell, state, SC_F_STR),
    SC_FIELD(struct cell, order, SC_F_U32), SC_FIELD(struct cell, place, SC_F_ADDR), SC_FIELD_END};
static const struct sc_rectype cell_type = {"queued_lock_place", sizeof(struct cell), cell_fields};

struct lock {
    uint32_t number;
    const char *name;
    uint64_t lock;
    struct cell *cell; /* of all processors */
    size_t ncells;
};
static const struct sc_field lock_fields[] = {
    SC_FIELD(struct lock, number, SC_F_U32), SC_FIELD(struct lock, name, SC_F_STR),
    SC_FIELD(struct lock, lock, SC_F_ADDR), SC_FIELD_LIST(struct lock, cell, ncells, &cell_type),
    SC_FIELD_END};
static const struct sc_rectype lock_type = {"queued_lock", sizeof(struct lock), lock_fields};

static const char *state_name(const struct nt_qlock *q) {
    switch (q->state) {
    case NT_QLOCK_OWNER: return "owner";
    case NT_QLOCK_WAITS: return "waits";
    case NT_QLOCK_CORRUPT: return "corrupt";
    case NT_QLOCK_ABSENT: return "absent";
    default: return "free";
    }
}

static void lock_text(sc_out *out, const void *record, void *ctx) {
    const struct lock *r = record;
    (void)ctx;
    sc_printf(out, "%-23s", r->name);
    for (size_t i = 0; i < r->ncells; i++) {
        const struct cell *c = &r->cell[i];
        switch (*c->state) {
        case 'o': sc_puts(out, "  O"); break;
        case 'c': sc_puts(out, "  C"); break;
        case 'a': sc_puts(out, "  ?"); break;
        case 'w':
            if (c->order)
                sc_printf(out, " %2u", c->order);
            else
                sc_puts(out, "  w");
            break;
        default: sc_puts(out, "   "); break;
        }
    }
    sc_puts(out, "\n");
}

/* The table of all places: COUNT locks for each processor. */
static sc_err *read_all(struct sc_processors *p, unsigned count, struct nt_qlock *table) {
    sc_err *err = NULL;
    for (uint32_t i = 0; !err && i < p->end; i++) {
        struct nt_prcb prcb;
        bool present;
        err = sc_processor_prcb(p, i, &prcb, &present);
        if (!err && present)
            err = nt_qlocks_read(&p->nt, prcb.address, count, &table[(size_t)i * count]);
        for (unsigned n = 0; !err && !present && n < count; n++)
            table[(size_t)i * count + n].state = NT_QLOCK_ABSENT;
    }
    return err;
}

static void head(sc_out *out, uint32_t processors) {
    sc_puts(out, "Key: O = Owner, 1-n = Wait order, blank = not owned/waiting, C = Corrupt\n\n");
    sc_puts(out, "                       Processor Number\n    Lock Name         ");
    for (uint32_t i = 0; i < processors; i++)
        sc_printf(out, "%s%2u", i ? " " : "", i);
    sc_puts(out, "\n\n");
}

static sc_err *show(sc_session *s, const struct sc_processors *p, unsigned count,
                    struct nt_qlock *table, sc_arena *arena) {
    for (unsigned n = 0; n < count; n++) {
        struct lock r = {.number = n, .name = nt_qlock_name(p->nt.build, n), .lock = SC_UNSET64};
        nt_qlock_judge(&table[n], p->end, count);
        r.cell = sc_arena_array(arena, p->end, sizeof *r.cell);
        if (!r.cell)
            return sc_err_nomem();
        for (uint32_t i = 0; i < p->end; i++) {
            const struct nt_qlock *q = &table[(size_t)i * count + n];
            if (q->state != NT_QLOCK_ABSENT && r.lock == SC_UNSET64)
                r.lock = q->lock;
            r.cell[r.ncells++] = (struct cell){i, q->order, state_name(q), q->place};
        }
        sc_record(s->out, &lock_type, &r, lock_text, NULL);
    }
    return NULL;
}

static sc_err *run_qlocks(sc_session *s, const struct sc_args *args) {
    struct sc_processors p;
    struct nt_qlock *table = NULL;
    unsigned count = 0;
    sc_err *err = sc_processors(s, args, NULL, &p);
    if (!err)
        err = nt_qlock_count(&p.nt, &count);
    if (!err && !count)
        err = sc_errf(SC_ERR_NOT_FOUND, "!qlocks: the symbols do not know nt!_KPRCB.LockQueue");
    if (!err) {
        table = sc_arena_array(args->arena, (size_t)p.end * count + 1, sizeof *table);
        err = table ? NULL : sc_err_nomem();
    }
    for (size_t i = 0; !err && i < (size_t)p.end * count; i++)
        table[i] = (struct nt_qlock){.state = NT_QLOCK_ABSENT};
    if (!err)
        err = read_all(&p, count, table);
    if (!err && p.missing < p.end)
        head(s->out, p.end);
    if (!err && p.missing < p.end)
        err = show(s, &p, count, table, args->arena);
    return err ? err : sc_processors_end(s, args, &p);
}

const struct sc_command sc_qlocks_commands[] = {
    {.name = "!qlocks",
     .brief = "show the queued spin locks of the kernel",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!locks shows the critical sections of a process",
     .help =
         "A row for each lock, a column for each processor. C: two processors own the lock, or "
         "one waits and nobody that owns it leads to it. w: it has begun to wait and is not in "
         "the queue yet. ?: the processor's PRCB is not in the dump. In-stack queued spin locks, "
         "which newer parts of the kernel use, are not in this table.",
     .sample = "!qlocks",
     .run = run_qlocks},
    {.name = NULL},
};
