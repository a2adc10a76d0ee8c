/* SPDX-License-Identifier: MIT */
/*
 * The directives about what waits to be done: dpc, timer, timer2, apc, workqueues, worker,
 * workitem, interrupt, queuedlock, callback; and about the machine: smbios, secondary.
 */
#include <string.h>

#include "forge/reader.h"

enum { PROCESSORS = 64, LOCKS = 16, LISTS = 256, VECTORS = 256 };

static bool push(struct forge_reader *r, const struct forge_scn_queued *v) {
    for (size_t i = 0; i < r->s->queued.count; i++) {
        const struct forge_scn_queued *o = &r->s->queued.item[i];
        if (o->kind == v->kind && o->address == v->address && v->kind != FORGE_QUEUED_INTERRUPT)
            return forge_reader_wrong(r, "line %u has %llx already", o->line,
                                      (unsigned long long)v->address);
    }
    *FORGE_PUSH(&r->s->pool, &r->s->queued) = *v;
    return true;
}

static bool begin(struct forge_reader *r, enum forge_queued kind, struct forge_scn_queued *v) {
    *v = (struct forge_scn_queued){.line = r->line, .kind = kind};
    return forge_take_hex(r, "an address", &v->address);
}

static bool take_processor(struct forge_reader *r, struct forge_scn_queued *v) {
    v->on = true;
    return forge_take_decimal(r, "a processor's number", &v->processor) &&
           (v->processor < PROCESSORS ||
            forge_reader_wrong(r, "there is no processor %u", v->processor));
}

static bool take_list(struct forge_reader *r, struct forge_scn_queued *v) {
    v->has_list = true;
    return forge_take_decimal(r, "a list's number", &v->list) &&
           (v->list < LISTS || forge_reader_wrong(r, "lists are 0 to %d", LISTS - 1));
}

/* dpc ADDRESS [on N] [threaded] [MEMBER=VALUE …] */
static bool read_dpc(struct forge_reader *r) {
    struct forge_scn_queued v;
    if (!begin(r, FORGE_QUEUED_DPC, &v))
        return false;
    while (forge_next(r)) {
        bool ok = true;
        if (forge_take_is(r, "on"))
            ok = take_processor(r, &v);
        else if (forge_take_is(r, "threaded"))
            v.threaded = true;
        else
            ok = forge_take_assigns(r, &v.member);
        if (!ok)
            return false;
    }
    return push(r, &v);
}

static bool take_due(struct forge_reader *r, struct forge_scn_queued *v) {
    if (!forge_take_is(r, "due"))
        return forge_reader_wrong(r, "when does it expire? write  due 0:00:30.000");
    v->never = forge_take_is(r, "never");
    return v->never || forge_take_duration(r, &v->due);
}

static bool read_timer_option(struct forge_reader *r, struct forge_scn_queued *v) {
    unsigned ms;
    if (forge_take_is(r, "on"))
        return take_processor(r, v);
    if (forge_take_is(r, "list"))
        return take_list(r, v);
    if (forge_take_is(r, "standard"))
        return v->standard = true;
    if (forge_take_is(r, "synchronization"))
        return v->synchronizes = true;
    if (forge_take_is(r, "dpc"))
        return forge_take_expr(r, "a DPC", &v->dpc);
    if (!forge_take_is(r, "period"))
        return forge_take_assigns(r, &v->member);
    if (!forge_take_decimal(r, "milliseconds", &ms))
        return false;
    v->period = ms;
    return true;
}

/* timer ADDRESS due DURATION|never [on N] [list N] [standard] [period MS] [dpc ADDRESS] … */
static bool read_timer(struct forge_reader *r) {
    struct forge_scn_queued v;
    if (!begin(r, FORGE_QUEUED_TIMER, &v) || !take_due(r, &v))
        return false;
    while (forge_next(r))
        if (!read_timer_option(r, &v))
            return false;
    return push(r, &v);
}

/* timer2 ADDRESS due DURATION|never [latest DURATION] [period DURATION] [tree N] … */
static bool read_timer2(struct forge_reader *r) {
    struct forge_scn_queued v;
    if (!begin(r, FORGE_QUEUED_TIMER2, &v) || !take_due(r, &v))
        return false;
    while (forge_next(r)) {
        bool ok;
        if (forge_take_is(r, "latest"))
            ok = (v.has_latest = true) && forge_take_duration(r, &v.latest);
        else if (forge_take_is(r, "period"))
            ok = forge_take_duration(r, &v.period);
        else if (forge_take_is(r, "tree"))
            ok = take_list(r, &v);
        else
            ok = forge_take_assigns(r, &v.member);
        if (!ok)
            return false;
    }
    return push(r, &v);
}

/* apc ADDRESS thread THREAD [user] [saved] [MEMBER=VALUE …] */
static bool read_apc(struct forge_reader *r) {
    struct forge_scn_queued v;
    if (!begin(r, FORGE_QUEUED_APC, &v))
        return false;
    if (!forge_take_is(r, "thread"))
        return forge_reader_wrong(r, "whose is it? write  thread ADDRESS");
    if (!forge_take_hex(r, "thread", &v.thread))
        return false;
    v.user = forge_take_is(r, "user");
    v.saved = forge_take_is(r, "saved");
    return forge_take_assigns(r, &v.member) && push(r, &v);
}

/* ---- work queues ---- */

/* workqueues ADDRESS [partition ADDRESS] */
static bool read_workqueues(struct forge_reader *r) {
    struct forge_scn_workqueues v = {.line = r->line};
    if (!forge_take_hex(r, "an address", &v.address))
        return false;
    if (forge_take_is(r, "partition") && !forge_take_hex(r, "a partition", &v.partition))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->workqueues) = v;
    return true;
}

static bool take_queue(struct forge_reader *r, struct forge_scn_queued *v) {
    static const char *const names[] = {"critical", "delayed", "hypercritical", "io"};
    size_t i = 0;
    while (i < sizeof names / sizeof *names && !forge_take_is(r, names[i]))
        i++;
    if (i == sizeof names / sizeof *names)
        return forge_reader_wrong(r, "which queue? write  critical, delayed, hypercritical or io");
    v->queue = (enum forge_work_queue)i;
    return !forge_take_is(r, "of") || forge_take_hex(r, "the queues' address", &v->queues);
}

/* worker THREAD QUEUE [of QUEUES] */
static bool read_worker(struct forge_reader *r) {
    struct forge_scn_queued v;
    return begin(r, FORGE_QUEUED_WORKER, &v) && take_queue(r, &v) && push(r, &v);
}

/* workitem ADDRESS QUEUE [of QUEUES] [MEMBER=VALUE …] */
static bool read_workitem(struct forge_reader *r) {
    struct forge_scn_queued v;
    return begin(r, FORGE_QUEUED_ITEM, &v) && take_queue(r, &v) &&
           forge_take_assigns(r, &v.member) && push(r, &v);
}

/* ---- interrupts, locks, callbacks ---- */

/* interrupt VECTOR ADDRESS [on N] [MEMBER=VALUE …] */
static bool read_interrupt(struct forge_reader *r) {
    struct forge_scn_queued v = {.line = r->line, .kind = FORGE_QUEUED_INTERRUPT};
    uint64_t vector;
    if (!forge_take_hex(r, "a vector", &vector) || !forge_take_hex(r, "an address", &v.address))
        return false;
    if (vector >= VECTORS)
        return forge_reader_wrong(r, "vectors are 0 to ff");
    v.vector = (unsigned)vector;
    if (forge_take_is(r, "on") && !take_processor(r, &v))
        return false;
    return forge_take_assigns(r, &v.member) && push(r, &v);
}

static bool take_waiters(struct forge_reader *r, struct forge_scn_queuedlock *v) {
    unsigned n;
    while (forge_next(r)) {
        if (!forge_take_decimal(r, "a processor's number", &n))
            return false;
        if (n >= PROCESSORS || v->nwaiters == PROCESSORS)
            return forge_reader_wrong(r, "there is no processor %u", n);
        v->waiter[v->nwaiters++] = n;
    }
    return true;
}

/* queuedlock NUMBER LOCK [owner N …] [waits N …] */
static bool read_queuedlock(struct forge_reader *r) {
    struct forge_scn_queuedlock v = {.line = r->line};
    unsigned n;
    if (!forge_take_decimal(r, "a lock's number", &v.number) ||
        !forge_take_expr(r, "the spin lock", &v.lock))
        return false;
    if (v.number >= LOCKS)
        return forge_reader_wrong(r, "locks are 0 to %d", LOCKS - 1);
    while (forge_take_is(r, "owner")) {
        if (!forge_take_decimal(r, "a processor's number", &n))
            return false;
        if (n >= PROCESSORS)
            return forge_reader_wrong(r, "there is no processor %u", n);
        v.owners |= (uint64_t)1 << n;
    }
    if (forge_take_is(r, "waits") && !take_waiters(r, &v))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->queuedlocks) = v;
    return true;
}

/* callback ADDRESS COMPONENT [routine ADDRESS] [buffer ADDRESS LENGTH] [reason N] [state N] */
static bool read_callback(struct forge_reader *r) {
    struct forge_scn_callback v = {.line = r->line, .state = 1};
    if (!forge_take_hex(r, "an address", &v.address) ||
        !forge_take_text(r, "a component", &v.component))
        return false;
    while (forge_next(r)) {
        bool ok;
        if (forge_take_is(r, "routine"))
            ok = forge_take_expr(r, "a routine", &v.routine);
        else if (forge_take_is(r, "buffer"))
            ok = forge_take_expr(r, "a buffer", &v.buffer) &&
                 forge_take_hex(r, "its length", &v.length);
        else if (forge_take_is(r, "reason"))
            ok = (v.has_reason = true) && forge_take_decimal(r, "a reason", &v.reason);
        else if (forge_take_is(r, "state"))
            ok = forge_take_decimal(r, "a state", &v.state);
        else
            ok = forge_take_end(r);
        if (!ok)
            return false;
    }
    *FORGE_PUSH(&r->s->pool, &r->s->callbacks) = v;
    return true;
}

/* ---- the machine ---- */

static bool take_version(struct forge_reader *r, struct forge_scn_smbios *v) {
    const char *text;
    uint64_t major, minor;
    if (!forge_take_text(r, "a version", &text))
        return false;
    const char *dot = strchr(text, '.');
    if (!dot || !forge_decimal(forge_pool_text(&r->s->pool, text, (size_t)(dot - text)), &major) ||
        !forge_decimal(dot + 1, &minor) || major > 255 || minor > 255)
        return forge_reader_wrong(r, "\"%s\" is no version: write 2.3", text);
    v->major = (unsigned)major;
    v->minor = (unsigned)minor;
    return true;
}

/* smbios ADDRESS LENGTH [version 2.3] [dmi N] */
static bool read_smbios(struct forge_reader *r) {
    struct forge_scn_smbios *v = &r->s->smbios;
    if (!forge_once(r, &v->line) || !forge_take_hex(r, "an address", &v->address) ||
        !forge_take_hex(r, "its length", &v->length))
        return false;
    v->major = 2;
    v->minor = 8;
    if (forge_take_is(r, "version") && !take_version(r, v))
        return false;
    return !forge_take_is(r, "dmi") || forge_take_decimal(r, "a revision", &v->dmi);
}

/* secondary GUID WORD … */
static bool read_secondary(struct forge_reader *r) {
    struct forge_scn_secondary v = {.line = r->line};
    const char *text;
    if (!forge_take_text(r, "a GUID", &text))
        return false;
    if (!forge_guid(text, v.guid))
        return forge_reader_wrong(r, "\"%s\" is no GUID", text);
    for (const struct forge_word *w; (w = forge_next(r)) != NULL; r->at++)
        *FORGE_PUSH(&r->s->pool, &v.words) = *w;
    *FORGE_PUSH(&r->s->pool, &r->s->secondary) = v;
    return true;
}

const struct forge_directive forge_queue_directives[] = {
    {"dpc", read_dpc},
    {"timer", read_timer},
    {"timer2", read_timer2},
    {"apc", read_apc},
    {"workqueues", read_workqueues},
    {"worker", read_worker},
    {"workitem", read_workitem},
    {"interrupt", read_interrupt},
    {"queuedlock", read_queuedlock},
    {"callback", read_callback},
    {"smbios", read_smbios},
    {"secondary", read_secondary},
    {NULL, NULL},
};
