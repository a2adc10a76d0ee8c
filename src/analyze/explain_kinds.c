/* SPDX-License-Identifier: MIT */
/*
 * Parameters by their kind: objects named as far as the dump holds them, addresses by where they
 * lie, page table entries taken apart.
 *
 * A page table entry of x64, and of x86 with PAE, in hardware form (Intel's manual, volume 3A; the
 * software bits as Windows' public symbols name them):
 *   0 valid, 1 writable (hardware), 2 user, 5 accessed, 6 dirty, 7 large, 9 copy on write,
 *   11 write, 12…47 page frame, 63 no execute
 * When it is not valid: 10 prototype, 11 transition.
 */
#include "analyze/explain.h"

/* Records lie on the stack as a rule: that is not worth a word. */
static bool is_record(enum sc_bug_kind kind) {
    return kind == SC_BUG_EXCEPTION || kind == SC_BUG_CONTEXT || kind == SC_BUG_TRAPFRAME;
}

static const char *special(struct sc_case *c, enum sc_bug_kind kind, uint64_t value) {
    if (value == c->k->thread)
        return "the current thread";
    if (value == c->k->process)
        return "the current process";
    if (value == c->k->prcb)
        return "the current processor's PRCB";
    if (!is_record(kind) && sc_on_stack(c, value))
        return "on the current thread's kernel stack";
    return NULL;
}

static const char *joined(struct sc_case *c, const char *a, const char *b) {
    return a && b ? sc_case_text(c, "%s, %s", a, b) : a ? a : b;
}

const char *sc_kind_object(struct sc_case *c, enum sc_bug_kind kind, uint64_t value) {
    if (!value || !c->k || !sc_kind_is_address(kind))
        return NULL;
    const char *where = special(c, kind, value), *text = NULL;
    switch (kind) {
    case SC_BUG_THREAD: text = sc_thread_text(c, value); break;
    case SC_BUG_PROCESS: text = sc_process_text(c, value); break;
    case SC_BUG_DEVOBJ: text = sc_device_text(c, value); break;
    case SC_BUG_DRVOBJ: text = sc_driver_object_text(c, value); break;
    case SC_BUG_IRP: text = sc_irp_text(c, value); break;
    case SC_BUG_OBJECT:
        text = sc_thread_text(c, value);
        text = text ? text : sc_process_text(c, value);
        text = text ? text : sc_device_text(c, value);
        break;
    default: break;
    }
    return joined(c, where, text);
}

const char *sc_pte_text(struct sc_case *c, uint64_t pte) {
    unsigned long long frame = pte >> 12 & 0xfffffffffull;
    if (!pte)
        return "zero: no page is mapped";
    if (!(pte & 1))
        return pte >> 10 & 1   ? "not valid, a prototype"
               : pte >> 11 & 1 ? sc_case_text(c, "not valid, in transition: page frame %llx", frame)
                               : "not valid";
    return sc_case_text(c, "valid, %s%s%s%s, page frame %llx",
                        pte >> 1 & 1 || pte >> 11 & 1 ? "writable" : "read-only",
                        pte >> 9 & 1 ? ", copy on write" : "", pte >> 2 & 1 ? ", user" : "",
                        pte >> 63 ? ", no execute" : "", frame);
}
