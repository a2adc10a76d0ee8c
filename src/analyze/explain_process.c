/* SPDX-License-Identifier: MIT */
/*
 * A critical process ended: 0xEF, CRITICAL_PROCESS_DIED, and 0xF4. Which one, and with which status
 * it ended, stands in its EPROCESS.
 */
#include "analyze/explain.h"

#include "nt/process.h"
#include "nt/status.h"
#include "nt/thread.h"

enum { CRITICAL_OBJECT = 0xf4, OBJECT_PROCESS = 3, STILL_ACTIVE = 0x103 };

static const char *status_text(struct sc_case *c, uint32_t status) {
    struct nt_errtext text;
    return nt_status_text(status, &text) ? sc_case_text(c, "%08x (%s)", status, text.name)
                                         : sc_case_text(c, "%08x", status);
}

void sc_explain_process(struct sc_case *c) {
    struct nt_process p;
    bool object = sc_plain_code(c->a->code) == CRITICAL_OBJECT;
    unsigned n = object ? 2 : 1;
    bool process = object ? sc_arg(c, 1) == OBJECT_PROCESS : sc_arg(c, 2) == 0;
    uint64_t address = sc_arg(c, n);
    if (!process || !address)
        return;
    if (!c->k->book || !sc_case_took(c, nt_process_read(&c->k->nt, address, &p)) ||
        !nt_process_valid(&p) || p.image_state != NT_READ) {
        sc_case_note(c,
                     "Parameter %u: the name and the exit status of the process at %s are not "
                     "in this dump.",
                     n, sc_case_addr(c, address));
        return;
    }
    const char *name = sc_case_name(c, p.image);
    const char *command = sc_case_text(c, "!process %s 0", sc_case_hex(c, address));
    const struct nt_field *status = &p.f[NT_P_EXIT_STATUS];
    if (status->state == NT_READ && (uint32_t)status->value != STILL_ACTIVE)
        sc_case_fact(c, address, command, "The process that ended is %s; its exit status is %s.",
                     name, status_text(c, (uint32_t)status->value));
    else
        sc_case_fact(c, address, command, "The process that ended is %s.", name);
}
