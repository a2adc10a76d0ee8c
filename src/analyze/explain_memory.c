/* SPDX-License-Identifier: MIT */
/*
 * Memory management: page table entries and page frames in the parameters of 0x1A, 0x4E, 0xBE and
 * 0xFC, single bits, and 0x12B, where a page of a compressed store came back changed.
 */
#include "analyze/explain.h"

enum {
    MEMORY_MANAGEMENT = 0x1a,
    FAULTY_PAGE = 0x12b,
    WRITE_READ_ONLY = 0xbe,
    EXECUTE_NO_EXECUTE = 0xfc,
    CORRUPT_PTE = 0x41792,
    PFN_AGAINST_PTE = 0x403,
    STORE_CRC = 0x3f,
};

/* Two numbers that should be equal and differ in one bit. */
static void say_difference(struct sc_case *c, unsigned a, unsigned b, const char *what) {
    unsigned bit;
    if (sc_one_bit(sc_arg(c, a) ^ sc_arg(c, b), &bit))
        sc_case_fact(c, SC_UNSET64, ".bugcheck",
                     "%s, parameters %u and %u, differ in one bit only, bit %u: that speaks for "
                     "faulty memory.",
                     what, a, b, bit);
}

/* 0x41792: the contents are in parameters 3 (low) and 4 (high); on x64 all are in 3. */
static void corrupt_pte(struct sc_case *c) {
    unsigned bit;
    uint64_t pte = sc_arg(c, 3);
    if (pte <= UINT32_MAX && sc_arg(c, 4) && sc_arg(c, 4) <= UINT32_MAX)
        pte |= sc_arg(c, 4) << 32;
    if (sc_one_bit(pte, &bit))
        sc_case_fact(c, sc_arg(c, 2), ".bugcheck",
                     "The damaged PTE holds %s: one bit, number %u, where zero would be right. "
                     "That speaks for faulty memory.",
                     sc_case_addr(c, pte), bit);
    else
        sc_case_fact(c, sc_arg(c, 2), ".bugcheck",
                     "The damaged PTE holds %s (%s): more than one stray bit.",
                     sc_case_addr(c, pte), sc_pte_text(c, pte));
}

static void management(struct sc_case *c) {
    switch (sc_arg(c, 1)) {
    case CORRUPT_PTE: corrupt_pte(c); break;
    case PFN_AGAINST_PTE: say_difference(c, 3, 4, "The PTE and what its page frame names"); break;
    case STORE_CRC:
        sc_case_fact(c, SC_UNSET64, ".bugcheck",
                     "The page at offset 0x%llx of the page file had the CRC %llx when it was "
                     "written, and %llx when it was read back.",
                     (unsigned long long)sc_arg(c, 2), (unsigned long long)sc_arg(c, 4),
                     (unsigned long long)sc_arg(c, 3));
        break;
    default: break;
    }
}

/* 0xBE and 0xFC: parameter 2 is a PTE by value, and says why the access was refused. */
static void refused(struct sc_case *c, bool execute) {
    uint64_t pte = sc_arg(c, 2);
    bool because = execute ? pte >> 63 : (pte & 1) && !(pte >> 1 & 1);
    if (!pte)
        return;
    if (because)
        sc_case_fact(c, SC_UNSET64, ".bugcheck", "The page's entry says %s: so it was refused.",
                     execute ? "\"no execute\"" : "\"read-only\"");
    if (execute && (pte >> 2 & 1))
        sc_case_fact(c, SC_UNSET64, ".bugcheck",
                     "The page belongs to a process (the user bit is set): the kernel jumped into "
                     "user space.");
}

static void faulty_page(struct sc_case *c) {
    if (sc_arg(c, 3) || sc_arg(c, 4))
        return;
    sc_case_fact(c, sc_arg(c, 1), ".bugcheck",
                 "The page frame 0x%llx (physical address 0x%llx), which should hold zeros, holds "
                 "something else: the memory there, or what writes to it by DMA, is at fault.",
                 (unsigned long long)sc_arg(c, 2), (unsigned long long)sc_arg(c, 2) << 12);
}

void sc_explain_memory(struct sc_case *c) {
    switch (sc_plain_code(c->a->code)) {
    case MEMORY_MANAGEMENT: management(c); break;
    case WRITE_READ_ONLY: refused(c, false); break;
    case EXECUTE_NO_EXECUTE: refused(c, true); break;
    case FAULTY_PAGE: faulty_page(c); break;
    default: break;
    }
}
