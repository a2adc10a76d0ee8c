/* SPDX-License-Identifier: MIT */
/*
 * 0x9F, DRIVER_POWER_STATE_FAILURE, and 0x15F: which request waits for which driver.
 *
 *   IO_STACK_LOCATION of a power request (wdm.h)   x64    x86
 *     Parameters.Power.Type (0 system, 1 device)   +10    +08
 *     Parameters.Power.State                       +18    +0c
 *   TRIAGE_9F_POWER                                +00 8000, its mark; +02 revision
 *   TRIAGE_9F_PNP                                  +00 8001
 *
 * Those of the two triage structures are as Microsoft's bug-check reference shows the first, and
 * as published listings show the second.
 */
#include "analyze/explain.h"

#include "nt/irpname.h"

enum { POWER_FAILURE = 0x9f, MJ_POWER = 0x16, MN_SET = 2, MN_QUERY = 3, CONNECTED_STANDBY = 0x15f };

static bool read_uint(struct sc_case *c, uint64_t addr, unsigned size, uint64_t *ret) {
    return sc_space_uint(sc_target_space(c->target), addr, size, ret) == SC_READ_OK;
}

/* "to D3", from the stack location of a request to set or query power; NULL when it is none. */
static const char *power_state(struct sc_case *c, uint64_t irp) {
    uint64_t location, major, minor, type, state;
    if (sc_space_ptr(sc_target_space(c->target), irp + (c->is32 ? 0x60 : 0xb8), &location) !=
            SC_READ_OK ||
        !read_uint(c, location, 1, &major) || !read_uint(c, location + 1, 1, &minor) ||
        major != MJ_POWER || (minor != MN_SET && minor != MN_QUERY) ||
        !read_uint(c, location + (c->is32 ? 8 : 0x10), 4, &type) ||
        !read_uint(c, location + (c->is32 ? 0xc : 0x18), 4, &state))
        return NULL;
    const char *name = type == 0   ? nt_system_power_name((unsigned)state)
                       : type == 1 ? nt_device_power_name((unsigned)state)
                                   : NULL;
    if (!name)
        return NULL;
    return sc_case_text(c, "%s power state %s", type ? "device" : "system", name);
}

static void say_mark(struct sc_case *c, unsigned n, uint64_t expected) {
    uint64_t mark;
    if (!sc_arg(c, n))
        return;
    if (!read_uint(c, sc_arg(c, n), 2, &mark))
        sc_arg_absent(c, n, "not in this dump");
    else if (mark == expected)
        sc_arg_add(c, n, "its mark %llx is there", (unsigned long long)expected);
}

static void blocked_irp(struct sc_case *c) {
    uint64_t irp = sc_arg(c, 4);
    const char *text = sc_irp_text(c, irp), *state = text ? power_state(c, irp) : NULL;
    say_mark(c, 3, 0x8000);
    if (state)
        sc_arg_add(c, 4, "%s", state);
    if (text)
        sc_case_fact(c, irp, sc_case_text(c, "dp %s", sc_case_hex(c, irp)),
                     "The request that waits is %s%s%s.", text, state ? "; it asks for the " : "",
                     state ? state : "");
    else if (irp)
        sc_case_note(c,
                     "Parameter 4: the dump does not hold the blocked request at %s, so its "
                     "driver cannot be named from it.",
                     sc_case_addr(c, irp));
}

static void pnp_lock(struct sc_case *c) {
    const char *thread = sc_thread_text(c, sc_arg(c, 3));
    c->a->arg[1].meaning = sc_case_text(c, "%llu seconds", (unsigned long long)sc_arg(c, 2));
    say_mark(c, 4, 0x8001);
    if (thread)
        sc_case_fact(c, sc_arg(c, 3), sc_case_text(c, "!thread %s", sc_case_hex(c, sc_arg(c, 3))),
                     "The Plug and Play lock is held by %s.", thread);
    else if (sc_arg(c, 3))
        sc_case_note(c,
                     "Parameter 3: the dump does not hold the thread at %s, which has the Plug "
                     "and Play lock.",
                     sc_case_addr(c, sc_arg(c, 3)));
}

static const char *milliseconds(struct sc_case *c, uint64_t ms) {
    return sc_case_text(c, "%llu.%llu s", (unsigned long long)(ms / 1000),
                        (unsigned long long)(ms / 100 % 10));
}

void sc_explain_power(struct sc_case *c) {
    uint64_t kind = sc_arg(c, 1);
    if (sc_plain_code(c->a->code) == CONNECTED_STANDBY) {
        if ((kind == 1 || kind == 4 || kind == 5) && sc_arg(c, 3) < 1ull << 40)
            c->a->arg[2].meaning = milliseconds(c, sc_arg(c, 3));
        return;
    }
    if (kind == 3)
        blocked_irp(c);
    else if (kind == 4)
        pnp_lock(c);
    else if (kind == 6)
        sc_arg_add(c, 3, sc_arg(c, 3) ? "power down" : "power up");
}
