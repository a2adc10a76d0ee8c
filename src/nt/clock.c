/* SPDX-License-Identifier: MIT */
/*
 * The kernel's clock.
 *
 *   tick length   nt!KeMaximumIncrement
 *                 else KDDEBUGGER_DATA64.KeTimeIncrement (+0x78, an address)
 *                 else KUSER_SHARED_DATA.TickCountMultiplier (+0x004, milliseconds of 2^-24)
 *   tick count    nt!KeTickCount
 *                 else KUSER_SHARED_DATA: TickCount (+0x320) since Windows Server 2003,
 *                 TickCountLow (+0x000) before; 0, which no running system has, is no count
 *
 *   both clocks   KUSER_SHARED_DATA: InterruptTime (+0x008), SystemTime (+0x014); small dumps
 *                 without that page: up time and time of the dump's header
 *
 * KUSER_SHARED_DATA lies at 0xffdf0000 and 0xfffff780'00000000. Sources: win32metadata, the
 * public ntddk.h (KUSER_SHARED_DATA).
 */
#include "nt/clock.h"

enum {
    INCREMENT_MAX = 10000000, /* a second: no clock is that slow */
    TICKS_OF_MS = 10000       /* 100 ns of a millisecond */
};

static uint64_t shared_page(const struct nt *nt) {
    return nt->ptr_size == 4 ? 0xffdf0000u : 0xfffff78000000000u;
}

static struct nt_field number(const struct nt *nt, uint64_t address) {
    struct nt_field f = {0, NT_ABSENT};
    if (sc_space_uint(nt->space, address, 4, &f.value) == SC_READ_OK)
        f.state = NT_READ;
    return f;
}

static sc_err *read_increment(const struct nt *nt, struct nt_field *ret) {
    sc_err *err = nt_global(nt, "nt!KeMaximumIncrement", 4, ret);
    uint64_t address;
    if (err)
        return err;
    if (ret->state != NT_READ && sc_target_kd_member(nt->target, 0x78, 8, &address))
        *ret = number(nt, address);
    if (ret->state == NT_READ && ret->value && ret->value <= INCREMENT_MAX)
        return NULL;
    struct nt_field shared = number(nt, shared_page(nt) + 4);
    shared.value = shared.value * TICKS_OF_MS >> 24;
    if (shared.value && shared.value <= INCREMENT_MAX)
        *ret = shared;
    else if (ret->state == NT_READ)
        *ret = (struct nt_field){0, NT_ABSENT}; /* no clock has it: not what it seems */
    return NULL;
}

static sc_err *read_ticks(const struct nt *nt, struct nt_field *ret) {
    sc_err *err = nt_global(nt, "nt!KeTickCount", 4, ret);
    if (err || ret->state == NT_READ)
        return err;
    *ret = number(nt, shared_page(nt) + (nt->build >= 3790 ? 0x320 : 0));
    if (!ret->value)
        ret->state = NT_ABSENT;
    return NULL;
}

sc_err *nt_clock_read(const struct nt *nt, struct nt_clock *ret) {
    struct nt_clock clock;
    sc_err *err = read_increment(nt, &clock.increment);
    if (!err)
        err = read_ticks(nt, &clock.ticks);
    if (!err)
        *ret = clock;
    return err;
}

uint64_t nt_clock_span(const struct nt_clock *clock, uint64_t ticks) {
    if (clock->increment.state != NT_READ || ticks > UINT64_MAX / INCREMENT_MAX)
        return UINT64_MAX;
    return ticks * clock->increment.value;
}

static struct nt_field clock_at(const struct nt *nt, uint64_t address) {
    struct nt_field f = {0, NT_ABSENT};
    if (sc_space_uint(nt->space, address, 8, &f.value) == SC_READ_OK && f.value)
        f.state = NT_READ;
    return f;
}

void nt_times_read(const struct nt *nt, struct nt_times *ret) {
    const struct sc_machine *m = sc_target_machine(nt->target);
    struct nt_times t = {clock_at(nt, shared_page(nt) + 0x008),
                         clock_at(nt, shared_page(nt) + 0x014), false};
    if (t.interrupt.state != NT_READ || t.system.state != NT_READ) {
        t = (struct nt_times){{0, NT_ABSENT}, {0, NT_ABSENT}, true};
        if (m->time && m->uptime != UINT64_MAX) {
            t.interrupt = (struct nt_field){m->uptime, NT_READ};
            t.system = (struct nt_field){m->time, NT_READ};
        }
    }
    *ret = t;
}
