/* SPDX-License-Identifier: MIT */
/*
 * RTL_CRITICAL_SECTION (winnt.h of the public SDK):
 *
 *     32-bit  64-bit
 *     +0x00   +0x00   DebugInfo: RTL_CRITICAL_SECTION_DEBUG, or -1 for "none"
 *     +0x04   +0x08   LockCount (4 bytes)
 *     +0x08   +0x0c   RecursionCount (4 bytes)
 *     +0x0c   +0x10   OwningThread: the thread's id, not a handle
 *     +0x10   +0x18   LockSemaphore
 *     +0x14   +0x20   SpinCount
 *
 * RTL_CRITICAL_SECTION_DEBUG: +4 (64-bit: +8) the address of the critical section.
 *
 * LockCount (Microsoft's documentation of `!cs` and "Displaying a Critical Section"): -1 when it is
 * free. Before Windows Server 2003 SP1 it then counts up. From that version on bit 0 is clear while
 * it is held, bit 1 clear while a thread was woken that has not taken it yet, and the ones
 * complement of the other bits counts those that wait.
 *
 * PEB.LoaderLock: +0xa0, 64-bit +0x110; TEB.ProcessEnvironmentBlock: +0x30, 64-bit +0x60 (public
 * symbols; unchanged from Windows XP on).
 */
#include "nt/critsec.h"

enum { RECURSION_MAX = 0x10000, WAITERS_MAX = 0x10000, TID_MAX = 0x1000000 };

static bool number(sc_target *target, uint64_t addr, unsigned size, uint64_t *ret) {
    return sc_space_uint(sc_target_space(target), addr, size, ret) == SC_READ_OK;
}

static bool has_new_form(const struct sc_machine *m) {
    return m->major > 5 ||
           (m->major == 5 && m->minor == 2 && m->service_pack && m->service_pack[0]);
}

/* Points the debug record back to the critical section? */
static bool points_back(sc_target *target, uint64_t debug, uint64_t addr) {
    unsigned ptr = sc_target_ptr_size(target);
    uint64_t back;
    return number(target, debug + ptr, ptr, &back) && back == addr;
}

static uint32_t count_waiters(const struct sc_machine *m, uint32_t lock_count) {
    if (has_new_form(m))
        return ~lock_count >> 2;
    return (int32_t)lock_count > 0 ? lock_count : 0;
}

bool nt_critsec_read(sc_target *target, uint64_t addr, struct nt_critsec *ret) {
    const struct sc_machine *m = sc_target_machine(target);
    unsigned ptr = sc_target_ptr_size(target);
    uint64_t debug, lock, recursion, owner;
    if (!addr || addr % ptr || !number(target, addr, ptr, &debug) ||
        !number(target, addr + ptr, 4, &lock) || !number(target, addr + ptr + 4, 4, &recursion) ||
        !number(target, addr + ptr + 8, ptr, &owner))
        return false;
    uint64_t none = ptr == 4 ? UINT32_MAX : UINT64_MAX;
    struct nt_critsec cs = {.address = addr, .debug = debug == none ? 0 : debug};
    bool locked = has_new_form(m) ? !(lock & 1) : (int32_t)lock >= 0;
    uint32_t waiters = locked ? count_waiters(m, (uint32_t)lock) : 0;
    if (recursion >= RECURSION_MAX || owner >= TID_MAX || owner & 3 || waiters >= WAITERS_MAX)
        return false;
    /* Held by somebody once or more, or free and by nobody. */
    if ((locked && waiters == 0 && !owner) || (owner != 0) != (recursion != 0) ||
        (!locked && owner))
        return false;
    if (cs.debug && (cs.debug % ptr || cs.debug < 0x10000))
        return false;
    cs.locked = locked;
    cs.owner = (uint32_t)owner;
    cs.recursion = (uint32_t)recursion;
    cs.waiters = waiters;
    cs.proved = cs.debug && points_back(target, cs.debug, addr);
    *ret = cs;
    return true;
}

bool nt_loader_lock(sc_target *target, uint64_t teb, uint64_t *ret_addr) {
    unsigned ptr = sc_target_ptr_size(target);
    uint64_t peb, lock;
    if (!teb || !number(target, teb + (ptr == 4 ? 0x30 : 0x60), ptr, &peb) || !peb ||
        !number(target, peb + (ptr == 4 ? 0xa0 : 0x110), ptr, &lock) || !lock)
        return false;
    *ret_addr = lock;
    return true;
}
