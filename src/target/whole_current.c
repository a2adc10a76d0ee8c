/* SPDX-License-Identifier: MIT */
/*
 * Whose page tables a found kernel begins with. The search ends at those of System, which map no
 * process; `.process`, PEB and loader's lists are the current thread's. So its process's are taken:
 *
 *   KDDEBUGGER_DATA64: +0x2a0 OffsetKThreadApcProcess (KTHREAD.ApcState.Process),
 *     +0x2ae OffsetEprocessDirectoryTableBase
 *
 * Windows XP's block ends before these: there the processor's CR3 has to do. It comes second, since
 * the one that a processor saved may be old, and in user mode it may lead to little of the kernel.
 *
 * Sources: the public wdbgexts.h.
 */
#include "target/kdbg.h"
#include "target/whole.h"

enum { KD_APC_PROCESS = 0x2a0, KD_DIRECTORY_BASE = 0x2ae };

static uint64_t member(sc_target *t, uint64_t object, uint32_t kd_offset) {
    uint64_t at = 0;
    if (!object || !sc_target_kd_member(t, kd_offset, 2, &at) || !at)
        return 0;
    return sc_whole_ptr(t, object + at);
}

sc_err *sc_whole_enter_current(sc_target *t) {
    const struct sc_threads *cpus;
    uint64_t generation = t->generation; /* nobody has read anything yet */
    sc_err *err = sc_target_has_paging(t) ? sc_whole_grave(sc_target_threads(t, &cpus)) : NULL;
    if (err || !sc_target_has_paging(t) || !t->threads_loaded)
        return err;
    for (size_t i = 0; i < t->threads.count; i++) {
        const struct sc_thread *cpu = &t->threads.item[i];
        if (cpu->index != t->source->machine.current)
            continue;
        uint64_t process = member(t, cpu->thread, KD_APC_PROCESS);
        const uint64_t tables[] = {member(t, process, KD_DIRECTORY_BASE), cpu->dtb};
        bool taken = false;
        for (size_t n = 0; n < sizeof tables / sizeof *tables && !taken && !err; n++)
            if (tables[n])
                err = sc_whole_begin_with(t, tables[n], &taken);
        break;
    }
    t->generation = generation;
    return err;
}
