/* SPDX-License-Identifier: MIT */
/*
 * Numbers in parameters that are put together of others, told by what the table of texts calls
 * them: places in a driver's source, counters of disabled APCs, headers of pool blocks, states of
 * pages and of power, cookies, spans of time.
 *
 *   place in the source   file number << 16 | line (NTFS, FAT, …); RDR and others alike
 *   CombinedApcDisable    KernelApcDisable (low 16 bits), SpecialApcDisable (high), both signed;
 *                         they count down from 0 (wdm.h)
 *   pool header, low half x64: previous size, pool index, block size, pool type, a byte each, sizes
 *                         in units of 16; x86: 9, 7, 9, 7 bits, units of 8
 *   state of a page       MMLISTS of the public symbols
 */
#include <string.h>

#include "analyze/explain.h"
#include "nt/irpname.h"
#include "nt/mca.h"

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_source_place(const char *text) {
    return strstr(text, "file number") && strstr(text, "line");
}

static void source_place(struct sc_case *c, unsigned n) {
    unsigned long long value = sc_arg(c, n), high = value >> 32;
    if (!(value >> 16))
        return;
    sc_arg_add(c, n, "source file 0x%llx, line %llu", value >> 16 & 0xffff, value & 0xffff);
    if (high)
        sc_arg_add(c, n, "0x%llx above them", high);
}

static void page_state(struct sc_case *c, unsigned n) {
    static const char *const states[] = {
        "zeroed", "free",   "standby",      "modified", "modified, not to be written",
        "bad",    "active", "in transition"};
    if (sc_arg(c, n) < sizeof states / sizeof *states)
        sc_arg_add(c, n, "%s", states[sc_arg(c, n)]);
}

static void pool_header(struct sc_case *c, unsigned n) {
    uint64_t v = sc_arg(c, n);
    unsigned previous = (unsigned)(c->is32 ? (v & 0x1ff) * 8 : (v & 0xff) * 16);
    unsigned size = (unsigned)(c->is32 ? (v >> 16 & 0x1ff) * 8 : (v >> 16 & 0xff) * 16);
    unsigned type = (unsigned)(c->is32 ? v >> 25 & 0x7f : v >> 24 & 0xff);
    if (v && v <= UINT32_MAX)
        sc_arg_add(c, n, "block of 0x%x bytes, previous 0x%x, %s", size, previous,
                   type ? sc_case_text(c, "pool type %x", type) : "free");
}

/* Counters of regions: -1 is one that was entered and not left. */
static const char *disabled(struct sc_case *c, int count) {
    if (!count)
        return "0";
    return sc_case_text(c, "%d (%d %s)", count, count < 0 ? -count : count,
                        count < 0 ? "more entered than left" : "more left than entered");
}

static void apc_disable(struct sc_case *c, unsigned n) {
    int kernel = (int16_t)(sc_arg(c, n) & 0xffff), special = (int16_t)(sc_arg(c, n) >> 16 & 0xffff);
    if (sc_arg(c, n) <= UINT32_MAX)
        sc_arg_add(c, n, "KernelApcDisable %s, SpecialApcDisable %s", disabled(c, kernel),
                   disabled(c, special));
}

static void power_state(struct sc_case *c, unsigned n) {
    const char *name =
        sc_arg(c, n) <= UINT32_MAX ? nt_system_power_name((unsigned)sc_arg(c, n)) : NULL;
    if (name)
        sc_arg_add(c, n, "%s", name);
}

static void by_text(struct sc_case *c, unsigned n) {
    const char *text = c->bug.arg[n - 1].text;
    if (is_source_place(text))
        source_place(c, n);
    else if (begins(text, "State of the page"))
        page_state(c, n);
    else if (begins(text, "Contents of the pool header") ||
             begins(text, "Contents of that pool header"))
        pool_header(c, n);
    else if (begins(text, "System power state"))
        power_state(c, n);
    else if (begins(text, "CombinedApcDisable"))
        apc_disable(c, n);
}

/* 0x20: the counter of the thread that ends, one word. */
static void apc_at_exit(struct sc_case *c) {
    if (sc_arg(c, 2) <= 0xffff)
        sc_arg_add(c, 2, "%s", disabled(c, (int16_t)sc_arg(c, 2)));
}

/* 0x9C: the status of bank P1. */
static void machine_check(struct sc_case *c) {
    uint64_t status = sc_arg(c, 3) << 32 | (sc_arg(c, 4) & 0xffffffff);
    struct nt_mca d;
    nt_mca_decode(status, NT_CPU_OTHER, &d);
    if (!d.valid || sc_arg(c, 3) > UINT32_MAX)
        return;
    sc_arg_add(c, 3, "%s", d.uncorrected ? "uncorrected" : "corrected");
    sc_arg_add(c, 4, "%s, %s: %s", d.name, nt_mca_class_text(d.kind), d.words);
    sc_case_fact(c, SC_UNSET64, ".bugcheck", "Bank %llu reports %s: %s (%s), %s.",
                 (unsigned long long)sc_arg(c, 1), nt_mca_class_text(d.kind), d.words, d.name,
                 d.uncorrected ? "uncorrected" : "corrected");
}

/* 0xF7: is the cookie that was expected sound, and what stands in the place of the other? */
static void cookie(struct sc_case *c) {
    uint64_t found = sc_arg(c, 1), expected = sc_arg(c, 2);
    uint64_t mask = c->is32 ? UINT32_MAX : UINT64_MAX;
    unsigned bit;
    if ((sc_arg(c, 3) & mask) != (~expected & mask))
        sc_case_fact(c, SC_UNSET64, ".bugcheck",
                     "Parameter 3 is not the complement of parameter 2: the expected cookie itself "
                     "is damaged.");
    else if (sc_one_bit(found ^ expected, &bit))
        sc_case_fact(c, SC_UNSET64, ".bugcheck",
                     "The cookie that was found differs from the expected one in one bit, bit %u: "
                     "that speaks for faulty memory, not for an overrun.",
                     bit);
    const char *where = sc_case_where(c, found);
    if (where)
        sc_arg_add(c, 1, "the address %s", where);
    else if (!found)
        sc_arg_add(c, 1, "zero");
    else if (sc_on_stack(c, found))
        sc_arg_add(c, 1, "an address on the current thread's stack");
}

/* 0x1CA: interrupt time counts from the system's start. */
static void interrupt_time(struct sc_case *c) {
    unsigned long long seconds = sc_arg(c, 2) / 10000000;
    if (sc_arg(c, 2) < 1ull << 56)
        sc_arg_add(c, 2, "%llu:%02llu:%02llu after the start", seconds / 3600, seconds / 60 % 60,
                   seconds % 60);
}

void sc_explain_numbers(struct sc_case *c) {
    for (unsigned n = 1; n <= 4; n++)
        if (c->bug.arg[n - 1].kind == SC_BUG_VALUE && !c->a->arg[n - 1].meaning)
            by_text(c, n);
    switch (sc_plain_code(c->a->code)) {
    case 0x20: apc_at_exit(c); break;
    case 0x9c: machine_check(c); break;
    case 0xf7: cookie(c); break;
    case 0x1ca: interrupt_time(c); break;
    default: break;
    }
}
