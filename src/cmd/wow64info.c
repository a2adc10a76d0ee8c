/* SPDX-License-Identifier: MIT */
/*
 * What a WOW64 thread has twice, and the registers of its 32-bit side: `!wow64exts.info`,
 * `!wow64exts.r`.
 *
 *     Guest (WoW) PEB: 0x5cb000
 *     Native      PEB: 0x5ca000
 *
 *     Wow64 information for current thread:
 *     Guest (WoW) TEB: 0x5ce000
 *     Native      TEB: 0x5cc000
 *
 *     Guest (WoW), StackBase   : 0x2f0000
 *             StackLimit  : 0x2df000
 *             Deallocation: 0x2b0000
 *
 * Offsets: winternl.h and the public layouts of NT_TIB and TEB (StackBase, StackLimit, the PEB,
 * DeallocationStack, TlsSlots). The slots' names are those that older debuggers print; of newer
 * systems some are used for other things.
 */
#include "cmd/wow64.h"

#include <inttypes.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "unwind/wow64.h"

enum { SLOTS = 12, CONTEXT_LEAST = 0xcc, CONTEXT_SIZE = 0x2cc };

/* Places in a TEB of each width. */
static const struct place {
    unsigned base, limit, peb, dealloc, slots;
} narrow_teb = {0x4, 0x8, 0x30, 0xe0c, 0}, wide_teb = {0x8, 0x10, 0x60, 0x1478, 0x1480};

struct side {
    const char *side;
    uint64_t teb, peb, stack_base, stack_limit, deallocation;
};
static const struct sc_field side_fields[] = {SC_FIELD(struct side, side, SC_F_STR),
                                              SC_FIELD(struct side, teb, SC_F_ADDR),
                                              SC_FIELD(struct side, peb, SC_F_ADDR),
                                              SC_FIELD(struct side, stack_base, SC_F_ADDR),
                                              SC_FIELD(struct side, stack_limit, SC_F_ADDR),
                                              SC_FIELD(struct side, deallocation, SC_F_ADDR),
                                              SC_FIELD_END};
static const struct sc_rectype side_type = {"side", sizeof(struct side), side_fields};

struct slot {
    const char *name;
    uint64_t value;
};
static const struct sc_field slot_fields[] = {
    SC_FIELD(struct slot, name, SC_F_STR), SC_FIELD(struct slot, value, SC_F_HEX64), SC_FIELD_END};
static const struct sc_rectype slot_type = {"slot", sizeof(struct slot), slot_fields};

struct info {
    struct side guest, native;
    struct slot *slot;
    size_t nslots;
};
static const struct sc_field info_fields[] = {
    SC_FIELD_REC(struct info, guest, &side_type), SC_FIELD_REC(struct info, native, &side_type),
    SC_FIELD_LIST(struct info, slot, nslots, &slot_type), SC_FIELD_END};
static const struct sc_rectype info_type = {"wow64_info", sizeof(struct info), info_fields};

static void number(sc_out *out, const char *label, uint64_t value) {
    if (value == SC_UNSET64)
        sc_printf(out, "%s?\n", label);
    else
        sc_printf(out, "%s0x%" PRIx64 "\n", label, value);
}

static void side_text(sc_out *out, const char *label, const struct side *r) {
    sc_puts(out, label);
    number(out, ", StackBase   : ", r->stack_base);
    number(out, "        StackLimit  : ", r->stack_limit);
    number(out, "        Deallocation: ", r->deallocation);
}

static void info_text(sc_out *out, const void *record, void *ctx) {
    const struct info *r = record;
    (void)ctx;
    sc_puts(out, "\n");
    number(out, "Guest (WoW) PEB: ", r->guest.peb);
    number(out, "Native      PEB: ", r->native.peb);
    sc_puts(out, "\nWow64 information for current thread:\n");
    number(out, "Guest (WoW) TEB: ", r->guest.teb);
    number(out, "Native      TEB: ", r->native.teb);
    sc_puts(out, "\n");
    side_text(out, "Guest (WoW)", &r->guest);
    side_text(out, "Native", &r->native);
    if (r->nslots)
        sc_puts(out, "\nWow64 TLS slots:\n");
    for (size_t i = 0; i < r->nslots; i++)
        sc_printf(out, "%-27s 0x%016" PRIx64 "\n", r->slot[i].name, r->slot[i].value);
}

static uint64_t at(sc_space *space, uint64_t address, unsigned size) {
    uint64_t value;
    return sc_space_uint(space, address, size, &value) == SC_READ_OK ? value : SC_UNSET64;
}

static void fill_side(sc_space *space, const struct place *p, unsigned size, uint64_t teb,
                      const char *name, struct side *r) {
    *r = (struct side){name,
                       teb,
                       at(space, teb + p->peb, size),
                       at(space, teb + p->base, size),
                       at(space, teb + p->limit, size),
                       at(space, teb + p->dealloc, size)};
}

static size_t fill_slots(sc_space *space, uint64_t teb, struct slot slots[SLOTS]) {
    static const char *const names[SLOTS] = {
        "WOW64_TLS_STACKPTR64:",      "WOW64_TLS_CPURESERVED:",   "WOW64_TLS_INCPUSIMULATION:",
        "WOW64_TLS_LOCALTHREADHEAP:", "WOW64_TLS_EXCEPTIONADDR:", "WOW64_TLS_USERCALLBACKDATA:",
        "WOW64_TLS_EXTENDED_FLOAT:",  "WOW64_TLS_APCLIST:",       "WOW64_TLS_FILESYSREDIR:",
        "WOW64_TLS_LASTWOWCALL:",     "WOW64_TLS_WOW64INFO:"};
    size_t n = 0;
    for (unsigned i = 0; names[i]; i++) {
        uint64_t value = at(space, teb + wide_teb.slots + 8 * i, 8);
        if (value != SC_UNSET64)
            slots[n++] = (struct slot){names[i], value};
    }
    return n;
}

static sc_err *need_x64(sc_session *s) {
    if (sc_target_machine(s->target)->cpu == SC_CPU_X64)
        return NULL;
    return sc_errf(SC_ERR_NOT_FOUND, "only systems of x64 have a 32-bit side that is known here");
}

static sc_err *show_info(sc_session *s) {
    struct slot slots[SLOTS];
    struct info r = {.slot = slots};
    sc_space *space = sc_target_space(s->target);
    uint64_t teb, teb32;
    sc_err *err = sc_session_teb64(s, &teb);
    if (!err)
        err = sc_session_teb32(s, &teb32);
    if (err)
        return err;
    fill_side(space, &narrow_teb, 4, teb32, "guest", &r.guest);
    fill_side(space, &wide_teb, 8, teb, "native", &r.native);
    r.nslots = fill_slots(space, teb, slots);
    sc_record(s->out, &info_type, &r, info_text, NULL);
    return NULL;
}

static sc_err *run_info(sc_session *s, const struct sc_args *args) {
    struct sc_visit visit;
    sc_err *err = sc_session_visit_wow(s, &visit);
    if (!err)
        err = show_info(s);
    err = sc_session_return(s, &visit, err);
    return err ? sc_err_prefix(err, "%s", args->command) : NULL;
}

/* ---- !wow64exts.r ---- */

static sc_err *context_at(sc_session *s, uint64_t address, struct sc_regs *ret) {
    uint8_t bytes[CONTEXT_SIZE];
    size_t got = 0;
    sc_space_read(sc_target_space(s->target), address, bytes, sizeof bytes, &got);
    if (got < CONTEXT_LEAST)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "the dump holds no 32-bit CONTEXT at %08" PRIx64 ": %zu of %d bytes",
                       address, got, CONTEXT_LEAST);
    return sc_regs_init(ret, SC_CPU_X86, bytes, got);
}

static sc_err *run_r(sc_session *s, const struct sc_args *args) {
    struct sc_regs native, regs;
    struct sc_visit visit = {.away = false};
    sc_err *err = need_x64(s);
    if (!err && args->v[0].given)
        err = context_at(s, args->v[0].num, &regs);
    else if (!err) {
        err = sc_session_visit_wow(s, &visit);
        if (!err)
            err = sc_session_native_regs(s, &native);
        if (!err)
            err = sc_session_wow_regs(s, &native, &regs);
    }
    if (!err)
        err = sc_show_regs(s, &regs, SC_RM_DEFAULT, args->arena);
    err = sc_session_return(s, &visit, err);
    return err ? sc_err_prefix(err, "%s", args->command) : NULL;
}

static const struct sc_arg r_args[] = {
    {SC_ARG_EXPR, "address", NULL, true, "a 32-bit CONTEXT; without, that of the thread"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_wow64info_commands[] = {
    {.name = "!wow64exts.info",
     .brief = "show what a thread of a WOW64 process has twice: PEBs, TEBs, stacks",
     .needs = SC_NEED_TARGET | SC_NEED_WINDOWS,
     .help = "Of the thread at hand (.thread /p, ~Ns): `Guest` is its 32-bit side. Behind them "
             "stand the slots in which the 64-bit side keeps what it knows of the thread.",
     .sample = "!wow64exts.info",
     .run = run_info},
    {.name = "!wow64exts.r",
     .brief = "show the registers of the 32-bit side of a thread, or a 32-bit CONTEXT",
     .needs = SC_NEED_TARGET | SC_NEED_WINDOWS,
     .args = r_args,
     .help = "Registers are those that the thread had when it last went over to 64-bit code.",
     .sample = "!wow64exts.r",
     .run = run_r},
    {.name = NULL},
};
