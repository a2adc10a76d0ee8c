/* SPDX-License-Identifier: MIT */
/* Which processors a command is about: the one it names, or all. */
#include <inttypes.h>

#include "cmd/processors.h"
#include "cmd/session_impl.h"

sc_err *sc_processors(sc_session *s, const struct sc_args *args, const struct sc_val *v,
                      struct sc_processors *ret) {
    const struct sc_threads *threads;
    struct sc_processors p = {.named = v && v->given};
    sc_err *err = sc_session_nt(s, &p.nt);
    if (!err)
        err = sc_target_threads(s->target, &threads);
    if (!err && p.named && v->num >= threads->count)
        err = sc_errf(SC_ERR_NOT_FOUND,
                      v->num > UINT16_MAX
                          ? "%s: there is no processor 0x%" PRIx64 ", the dump has %zu"
                          : "%s: there is no processor %" PRIu64 ", the dump has %zu",
                      args->command, v->num, threads->count);
    if (err)
        return err;
    p.first = p.named ? (uint32_t)v->num : 0;
    p.end = p.named ? p.first + 1 : (uint32_t)threads->count;
    *ret = p;
    return NULL;
}

sc_err *sc_processor_prcb(struct sc_processors *p, uint32_t index, struct nt_prcb *ret_prcb,
                          bool *ret_present) {
    struct nt_field address;
    sc_err *err = nt_prcb_address(&p->nt, index, &address);
    if (err)
        return err;
    *ret_present = false;
    if (nt_set(&address)) {
        err = nt_prcb_read(&p->nt, address.value, ret_prcb);
        *ret_present = !err && nt_prcb_present(ret_prcb);
    }
    if (*ret_present)
        p->assumed |= ret_prcb->assumed;
    else
        p->missing++;
    return err;
}

sc_err *sc_processors_end(sc_session *s, const struct sc_args *args,
                          const struct sc_processors *p) {
    uint32_t count = p->end - p->first;
    if (p->missing && p->missing >= count)
        return sc_errf(SC_ERR_NOT_FOUND, "%s: the dump does not hold the nt!_KPRCB of %s",
                       args->command, p->named ? "that processor" : "any processor");
    if (p->missing)
        sc_remark(s->out, "The dump does not hold the nt!_KPRCB of %u of %u processors.",
                  p->missing, count);
    sc_nt_assumed(s, p->assumed);
    return NULL;
}
