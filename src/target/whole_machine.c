/* SPDX-License-Identifier: MIT */
/*
 * The machine of a whole memory: what neither the container's header nor the finder of the kernel
 * told is read from where the kernel keeps it.
 *
 *   KUSER_SHARED_DATA, at fffff780'00000000 and ffdf0000:
 *     +0x008 InterruptTime, +0x014 SystemTime (KSYSTEM_TIME: Low, High1, High2)
 *     +0x260 NtBuildNumber (Windows 10 on), +0x264 NtProductType, +0x26c NtMajorVersion,
 *     +0x270 NtMinorVersion, +0x2d0 SuiteMask
 *   the debugger data block: KernBase, PsLoadedModuleList, PsActiveProcessHead, NtBuildLab,
 *     CmNtCSDVersion, KiBugcheckData, MmPfnDatabase, the swizzle bit's place, MmPagedPoolStart
 *
 * KiBugcheckData is the address of five pointer-sized words: the bug check and its parameters, 0
 * when there was none. Sources: win32metadata, the public ntddk.h (KUSER_SHARED_DATA), QEMU's
 * win_dump.c (KiBugcheckData). That bit L1tfHighPhysicalBitIndex is the one that is flipped in
 * entries that are not valid is taken from its name and from the mask that MemProcFS found to be
 * usual (bit 45); it was not seen in a real dump.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "mem/softpte.h"
#include "target/kdbg.h"
#include "target/whole.h"

enum kd_member {
    KD_MODULE_LIST = 0x48,
    KD_PROCESS_HEAD = 0x50,
    KD_BUGCHECK_DATA = 0x88,
    KD_PFN_DATABASE = 0xc0,
    KD_PAGED_POOL_START = 0x120,
    KD_BUILD_LAB = 0x208,
    KD_CSD_VERSION = 0x268,
    KD_L1TF_HIGH_BIT = 0x2c2,
    KD_L1TF_SWIZZLE_BIT = 0x2c3,
};

static uint64_t shared(sc_target *t, uint32_t offset, unsigned size) {
    uint64_t base = sc_target_ptr_size(t) == 4 ? 0xffdf0000u : 0xfffff78000000000u;
    return sc_whole_uint(t, base + offset, size);
}

/* KSYSTEM_TIME; 0 when its halves disagree, as they do for an instant. */
static uint64_t system_time(sc_target *t, uint32_t offset) {
    uint64_t low = shared(t, offset, 4), high = shared(t, offset + 4, 4);
    return high == shared(t, offset + 8, 4) ? high << 32 | low : 0;
}

static void set_if_unknown(uint64_t *to, uint64_t value) { *to = *to ? *to : value; }

static void read_shared(sc_target *t, struct sc_machine *m) {
    set_if_unknown(&m->time, system_time(t, 0x14));
    if (m->uptime == SC_UNSET64) {
        uint64_t up = system_time(t, 0x08);
        m->uptime = up ? up : SC_UNSET64;
    }
    if (!m->product_type) {
        uint32_t type = (uint32_t)shared(t, 0x264, 4);
        m->product_type = type <= 3 ? type : 0;
        m->suite_mask = m->suite_mask ? m->suite_mask : (uint32_t)shared(t, 0x2d0, 4);
    }
    if (m->major)
        return;
    uint32_t major = (uint32_t)shared(t, 0x26c, 4), minor = (uint32_t)shared(t, 0x270, 4);
    if (major >= 4 && major <= 20 && minor < 100) {
        m->major = major;
        m->minor = minor;
        if (!m->build && major >= 10) /* the upper bits mark free and checked builds */
            m->build = (uint32_t)shared(t, 0x260, 4) & 0xffff;
    }
}

/* "19041.1.amd64fre.vb_release.191206-1406": digits first, then words. False: memory is short. */
static bool read_lab(sc_target *t, struct sc_machine *m) {
    char text[128] = {0};
    uint64_t va = 0;
    size_t got = 0;
    if (m->lab || !sc_target_kd_member(t, KD_BUILD_LAB, 8, &va))
        return true;
    sc_space_read(sc_kernel_space(t), va, text, sizeof text - 1, &got);
    text[got] = 0;
    size_t len = strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-");
    if (len < 4 || text[len] || !strchr(text, '.'))
        return true; /* not a build string after all */
    m->lab = sc_arena_strdup(t->source->arena, text);
    if (!m->build)
        m->build = (uint32_t)strtoul(text, NULL, 10);
    return m->lab != NULL;
}

/* The high byte of CmNtCSDVersion's low word is the service pack's number. */
static bool read_service_pack(sc_target *t, struct sc_machine *m) {
    unsigned number = (unsigned)(sc_whole_kd_uint(t, KD_CSD_VERSION, 4) >> 8 & 0xff);
    if (*m->service_pack || !number || number > 20)
        return true;
    const char *text = sc_arena_printf(t->source->arena, "Service Pack %u", number);
    m->service_pack = text ? text : "";
    return text != NULL;
}

static void read_bugcheck(sc_target *t, struct sc_machine *m) {
    unsigned ptr = sc_target_ptr_size(t);
    uint64_t va = 0;
    if (m->has_bugcheck || !sc_target_kd_member(t, KD_BUGCHECK_DATA, 8, &va))
        return;
    uint64_t code = sc_whole_uint(t, va, 4);
    if (!code)
        return;
    m->has_bugcheck = true;
    m->bugcheck = (uint32_t)code;
    for (unsigned i = 0; i < 4; i++)
        m->bugcheck_arg[i] = sc_whole_ptr(t, va + (i + 1) * ptr);
}

static void read_lists(sc_target *t, struct sc_machine *m) {
    uint64_t v = 0;
    m->kernel_base = sc_kernel_base(t);
    if (sc_target_kd_member(t, 0x18, 8, &v))
        set_if_unknown(&m->kernel_base, v);
    if (sc_target_kd_member(t, KD_MODULE_LIST, 8, &v))
        set_if_unknown(&m->loaded_module_list, v);
    if (sc_target_kd_member(t, KD_PROCESS_HEAD, 8, &v))
        set_if_unknown(&m->active_process_head, v);
    if (t->debugger_data)
        m->debugger_data = t->debugger_data->va;
    set_if_unknown(&m->pfn_database, sc_whole_kd_ptr(t, KD_PFN_DATABASE));
}

/* The layout of entries that are not valid: by build, and by what the kernel says of swizzling. */
static void bind_soft(sc_target *t, const struct sc_machine *m) {
    struct sc_soft_pte s = sc_soft_pte_of(m->cpu, m->pae, m->build);
    uint64_t high = 0, swizzle = 0;
    if (sc_target_kd_member(t, KD_L1TF_HIGH_BIT, 1, &high) &&
        sc_target_kd_member(t, KD_L1TF_SWIZZLE_BIT, 1, &swizzle)) {
        bool swizzled = swizzle && swizzle < 12;
        s = sc_soft_pte_swizzled(m->cpu, m->pae, m->build, swizzled);
        if (swizzled && s.swizzle_bit && high >= 32 && high < 52) {
            s.swizzle_bit = (uint8_t)swizzle;
            s.invalid_mask = (uint64_t)1 << high;
        }
    }
    if (s.proto_pool)
        s.pool_base = (uint32_t)sc_whole_kd_ptr(t, KD_PAGED_POOL_START);
    sc_target_set_soft_pte(t, &s);
}

/* Reads that failed for lack of memory look like memory that is not there. */
static sc_err *short_of_memory(sc_target *t) {
    return sc_target_take_nomem(t) ? sc_err_nomem() : NULL;
}

sc_err *sc_whole_complete_machine(sc_target *t) {
    struct sc_machine *m = &t->source->machine;
    const struct sc_debugger_data *data;
    const struct sc_threads *cpus;
    uint64_t generation = t->generation;
    if (!sc_target_has_paging(t))
        return NULL;
    sc_err *err = sc_whole_grave(sc_target_debugger_data(t, &data));
    if (err)
        return err;
    read_lists(t, m);
    read_shared(t, m);
    read_bugcheck(t, m);
    if (!read_lab(t, m) || !read_service_pack(t, m))
        return sc_err_nomem();
    bind_soft(t, m);
    err = sc_whole_grave(sc_target_threads(t, &cpus));
    if (!err && t->threads_loaded)
        m->current = sc_whole_current(t, &t->threads);
    t->generation = generation;
    return err ? err : short_of_memory(t);
}
