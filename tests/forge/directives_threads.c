/* SPDX-License-Identifier: MIT */
/* The directives about who runs and who waits: run, standby, ready, wait, irp, segment. */
#include <string.h>

#include "forge/reader.h"

/* KWAIT_REASON of wdm.h, as far as scenarios speak of them by name. */
static const struct {
    const char *name;
    unsigned reason;
} reasons[] = {
    {"Executive", 0},
    {"FreePage", 1},
    {"PageIn", 2},
    {"PoolAllocation", 3},
    {"DelayExecution", 4},
    {"Suspended", 5},
    {"UserRequest", 6},
    {"WrQueue", 0xf},
    {"WrLpcReceive", 0x10},
    {"WrLpcReply", 0x11},
    {"WrVirtualMemory", 0x12},
    {"WrPageOut", 0x13},
    {"WrKeyedEvent", 0x15},
    {"WrResource", 0x1b},
    {"WrPushLock", 0x1c},
    {"WrPreempted", 0x20},
    {"WrAlertByThreadId", 0x25},
};

static bool take_reason(struct forge_reader *r, unsigned *ret) {
    const char *text;
    uint64_t number;
    if (!forge_take_text(r, "a reason, such as UserRequest", &text))
        return false;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (!strcmp(reasons[i].name, text)) {
            *ret = reasons[i].reason;
            return true;
        }
    if (!forge_number(text, &number) || number > 0xff)
        return forge_reader_wrong(r, "\"%s\" is no reason: write UserRequest, … or a number", text);
    *ret = (unsigned)number;
    return true;
}

bool forge_take_duration(struct forge_reader *r, uint64_t *ret) {
    const char *text;
    return forge_take_text(r, "a duration", &text) &&
           (forge_duration(text, ret) ||
            forge_reader_wrong(r, "\"%s\" is no duration: write 0:00:30.000", text));
}

static bool push(struct forge_reader *r, const struct forge_scn_turn *v) {
    for (size_t i = 0; i < r->s->turns.count; i++)
        if (r->s->turns.item[i].thread == v->thread)
            return forge_reader_wrong(r, "what the thread %llx does stands in line %u already",
                                      (unsigned long long)v->thread, r->s->turns.item[i].line);
    *FORGE_PUSH(&r->s->pool, &r->s->turns) = *v;
    return true;
}

static bool read_placed(struct forge_reader *r, enum forge_turn turn) {
    struct forge_scn_turn v = {.line = r->line, .turn = turn};
    if (!forge_take_hex(r, "a thread", &v.thread))
        return false;
    if (!forge_take_is(r, "on"))
        return forge_reader_wrong(r, "which processor? write  on N");
    return forge_take_decimal(r, "a processor's number", &v.processor) && forge_take_end(r) &&
           push(r, &v);
}

static bool read_run(struct forge_reader *r) { return read_placed(r, FORGE_TURN_RUN); }
static bool read_standby(struct forge_reader *r) { return read_placed(r, FORGE_TURN_STANDBY); }

static bool read_ready(struct forge_reader *r) {
    struct forge_scn_turn v = {.line = r->line, .turn = FORGE_TURN_READY, .priority = 8};
    if (!forge_take_hex(r, "a thread", &v.thread))
        return false;
    while (forge_next(r)) {
        bool ok = true;
        if (forge_take_is(r, "on"))
            ok = forge_take_decimal(r, "a processor's number", &v.processor);
        else if (forge_take_is(r, "priority"))
            ok = forge_take_decimal(r, "a priority", &v.priority) && (v.has_priority = true);
        else if (forge_take_is(r, "since"))
            ok = forge_take_duration(r, &v.since);
        else if (forge_take_is(r, "shared"))
            v.shared = true;
        else
            ok = forge_take_end(r);
        if (!ok)
            return false;
    }
    if (v.priority > 31)
        return forge_reader_wrong(r, "priority: %u is more than 31", v.priority);
    return push(r, &v);
}

static bool read_wait_option(struct forge_reader *r, struct forge_scn_turn *v) {
    if (forge_take_is(r, "all"))
        return v->all = true;
    if (forge_take_is(r, "user"))
        return v->user = true;
    if (forge_take_is(r, "alertable"))
        return v->alertable = true;
    if (forge_take_is(r, "reason"))
        return take_reason(r, &v->reason);
    if (forge_take_is(r, "suspended"))
        return forge_take_decimal(r, "how often", &v->suspended);
    if (forge_take_is(r, "timeout"))
        return (v->has_timeout = true) && forge_take_duration(r, &v->timeout);
    if (forge_take_is(r, "since"))
        return forge_take_duration(r, &v->since);
    if (!forge_take_is(r, "on"))
        return forge_take_end(r);
    return forge_take_expr(r, "an object", FORGE_PUSH(&r->s->pool, &v->object));
}

/* Without an object it is a delay, or a thread that was suspended. */
static bool read_wait(struct forge_reader *r) {
    struct forge_scn_turn v = {.line = r->line, .turn = FORGE_TURN_WAIT, .reason = ~0u};
    if (!forge_take_hex(r, "a thread", &v.thread))
        return false;
    while (forge_next(r))
        if (!read_wait_option(r, &v))
            return false;
    if (v.reason == ~0u)
        v.reason = v.suspended ? 5 : !v.object.count ? 4 : v.user ? 6 : 0;
    if (v.suspended > 127 || (v.suspended && v.object.count))
        return forge_reader_wrong(r, "a suspended thread waits for itself, suspended up to 127");
    if (v.object.count > 64)
        return forge_reader_wrong(r, "nobody waits for more than 64 objects");
    return push(r, &v);
}

static bool read_irp(struct forge_reader *r) {
    struct forge_scn_irp v = {.line = r->line};
    if (!forge_take_hex(r, "an address", &v.address))
        return false;
    if (!forge_take_is(r, "thread"))
        return forge_reader_wrong(r, "whose is it? write  thread ADDRESS");
    if (!forge_take_hex(r, "thread", &v.thread) || !forge_take_assigns(r, &v.member))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->irps) = v;
    return true;
}

static bool read_segment(struct forge_reader *r) {
    struct forge_scn_segment v = {.line = r->line};
    if (!forge_take_hex(r, "a thread", &v.thread) || !forge_take_hex(r, "the base", &v.base) ||
        !forge_take_hex(r, "the limit", &v.limit) || !forge_take_hex(r, "init", &v.init) ||
        !forge_take_hex(r, "current", &v.current) || !forge_take_end(r))
        return false;
    if (v.limit >= v.base)
        return forge_reader_wrong(r, "the base %llx must lie above the limit %llx",
                                  (unsigned long long)v.base, (unsigned long long)v.limit);
    *FORGE_PUSH(&r->s->pool, &r->s->segments) = v;
    return true;
}

const struct forge_directive forge_thread_directives[] = {
    {"run", read_run}, {"standby", read_standby}, {"ready", read_ready}, {"wait", read_wait},
    {"irp", read_irp}, {"segment", read_segment}, {NULL, NULL},
};
