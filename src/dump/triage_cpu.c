/* SPDX-License-Identifier: MIT */
/*
 * The processors of a triage dump.
 *
 * The dump holds a copy of the crashing processor's PRCB and, since Windows 8, those of the others
 * as data blocks, each with a pointer to the CONTEXT it was frozen with. KiProcessorBlock, the
 * array of their addresses, is there on x64 but not in the ARM64 dump seen: then the PRCBs are
 * recognised among the data blocks by their size and number.
 *
 *   KDDEBUGGER_DATA64: SizePrcb, OffsetPrcbNumber, OffsetPrcbCurrentThread, OffsetPrcbContext,
 *                      OffsetPrcbProcStateContext, OffsetKThreadApcProcess, KiProcessorBlock
 *
 * KPRCB.Number is one byte before Windows Vista, two bytes in Vista, four from Windows 7 on; the
 * upper bytes are masked by build. Sources: win32metadata (KDDEBUGGER_DATA64), Volatility's and
 * the public symbols' KPRCB fields (fact tables), the real dumps of the test corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "dump/triage_impl.h"

enum {
    CPUS_MAX = 2048, /* Windows' own limit */
    BLOCK_SIZE = 16, /* a row of the table of data blocks */
};

static struct sc_kdump *kd_of(const struct sc_source *s) { return s->impl; }

/* A number of 4 or 8 (or SIZE) bytes at a file offset; 0 when it is not there. */
static uint64_t number_at(struct sc_source *s, uint64_t offset, unsigned size) {
    struct sc_cur c = sc_cur_at(s->file, offset, size, "triage data");
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)sc_u8(&c) << 8 * i;
    return sc_cur_failed(&c) ? 0 : v;
}

static uint32_t prcb_number(struct sc_source *s, uint64_t prcb_offset) {
    unsigned size = s->machine.build >= 7600 ? 4 : s->machine.build >= 6000 ? 2 : 1;
    return (uint32_t)number_at(s, prcb_offset + kd_of(s)->kdbg.prcb_number, size);
}

/* The row of the table of data blocks that C stands on. */
static struct sc_range next_block(const struct sc_source *s, struct sc_cur *c) {
    struct sc_range r = {.start = sc_u64(c)};
    r.offset = sc_u32(c);
    r.size = sc_u32(c);
    if (!s->probe.is64)
        r.start &= UINT32_MAX;
    return r;
}

/* Notes a block that is a PRCB by its size: the lowest of each number counts. */
static void take_prcb(struct sc_source *s, struct sc_kdump *kd, const struct sc_range *r) {
    uint32_t number = prcb_number(s, r->offset);
    struct sc_range *known = number < kd->nprcbs ? &kd->prcb[number] : NULL;
    if (known && (!known->start || (r->start && r->start < known->start)))
        *known = *r;
}

/*
 * The data blocks that lie in the file, sorted by address (a dump may hold thousands), and those
 * of them that are PRCBs.
 */
static sc_err *load_blocks(struct sc_source *s, struct sc_kdump *kd) {
    const struct sc_triage_header *t = &kd->triage;
    uint64_t whole = sc_file_size(s->file);
    struct sc_cur c = sc_cur_at(s->file, t->data_blocks_offset, UINT64_MAX, "data blocks");
    uint64_t n = t->data_blocks_offset ? t->data_blocks_count : 0;
    if (n > sc_cur_left(&c) / BLOCK_SIZE)
        n = sc_cur_left(&c) / BLOCK_SIZE;
    if (n > SC_TRIAGE_BLOCKS_MAX)
        n = SC_TRIAGE_BLOCKS_MAX;
    free(kd->block);
    kd->nblocks = 0;
    kd->block = malloc((size_t)(n + 1) * sizeof *kd->block);
    if (!kd->block)
        return sc_err_nomem();
    for (uint64_t i = 0; i < n; i++) {
        struct sc_range r = next_block(s, &c);
        if (!r.size || r.offset >= whole || r.size > whole - r.offset)
            continue;
        kd->block[kd->nblocks++] = (struct sc_sort_key){r.start, (size_t)i};
        if (kd->kdbg.size_prcb && r.size == kd->kdbg.size_prcb)
            take_prcb(s, kd, &r);
    }
    return sc_sort_keys(kd->block, kd->nblocks) ? NULL : sc_err_nomem();
}

static struct sc_range block_at(struct sc_source *s, size_t row) {
    uint64_t at = kd_of(s)->triage.data_blocks_offset + (uint64_t)row * BLOCK_SIZE;
    struct sc_cur c = sc_cur_at(s->file, at, BLOCK_SIZE, "data block");
    return next_block(s, &c);
}

/*
 * File offset of LEN bytes at an address in the data blocks; 0 when they are not there. Blocks
 * may overlap a little: the nearest few that begin before the address are looked at.
 */
static uint64_t find_in_blocks(struct sc_source *s, uint64_t addr, uint64_t len) {
    const struct sc_kdump *kd = kd_of(s);
    size_t lo = 0, hi = kd->nblocks;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (kd->block[mid].key <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (unsigned tries = 0; lo-- && tries < 16; tries++) {
        struct sc_range r = block_at(s, kd->block[lo].index);
        if (addr - r.start < r.size && len <= r.size - (addr - r.start))
            return r.offset + (addr - r.start);
    }
    return 0;
}

static sc_err *make_prcbs(struct sc_source *s, struct sc_kdump *kd) {
    uint32_t n = s->machine.ncpus < CPUS_MAX ? s->machine.ncpus : CPUS_MAX;
    kd->prcb = sc_arena_array(s->arena, n, sizeof *kd->prcb);
    if (!kd->prcb)
        return sc_err_nomem();
    kd->nprcbs = n;
    return NULL;
}

/* Where the PRCB of processor NUMBER lies; both 0 when it cannot be found. */
static void find_prcb(struct sc_source *s, uint32_t number, uint64_t *va, uint64_t *offset) {
    const struct sc_kdump *kd = kd_of(s);
    unsigned ptr = s->probe.is64 ? 8 : 4;
    *va = *offset = 0;
    uint64_t entry = kd->kdbg.processor_block
                         ? find_in_blocks(s, kd->kdbg.processor_block + (uint64_t)number * ptr, ptr)
                         : 0;
    if (entry)
        *va = number_at(s, entry, ptr);
    if (*va) {
        *offset = find_in_blocks(s, *va, kd->kdbg.size_prcb);
    } else if (number < kd->nprcbs) {
        *va = kd->prcb[number].start;
        *offset = kd->prcb[number].offset;
    }
}

/*
 * The same by one pass over the table: for the one look-up that opening needs, sorting the blocks
 * would cost more than all the rest.
 */
static uint64_t find_unsorted(struct sc_source *s, uint64_t addr) {
    const struct sc_triage_header *t = &kd_of(s)->triage;
    struct sc_cur c = sc_cur_at(s->file, t->data_blocks_offset, UINT64_MAX, "data blocks");
    uint64_t n = t->data_blocks_offset ? t->data_blocks_count : 0;
    if (n > SC_TRIAGE_BLOCKS_MAX)
        n = SC_TRIAGE_BLOCKS_MAX;
    while (n-- && sc_cur_left(&c) >= BLOCK_SIZE) {
        struct sc_range r = next_block(s, &c);
        if (addr - r.start < r.size)
            return r.offset + (addr - r.start);
    }
    return 0;
}

/* False when memory is short. */
static bool read_build_lab(struct sc_source *s, const struct sc_kdbg *k) {
    char text[128];
    uint64_t at = k->build_lab ? find_unsorted(s, k->build_lab) : 0;
    if (!at)
        return true;
    struct sc_cur c = sc_cur_at(s->file, at, sizeof text - 1, "build string");
    size_t n = (size_t)sc_cur_left(&c);
    sc_cur_bytes(&c, text, n);
    text[n] = 0;
    size_t len = strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-");
    if (len < 4 || text[len] != 0)
        return true; /* not a build string after all */
    s->machine.lab = sc_arena_strdup(s->arena, text);
    return s->machine.lab != NULL;
}

/*
 * KPRCB.CurrentThread. Windows XP's debugger data ends before OffsetPrcbCurrentThread; the member
 * is the second or third one of every KPRCB of x86 and x64 (fact tables of all builds).
 */
static uint16_t current_thread_at(const struct sc_source *s, const struct sc_kdbg *k) {
    if (k->prcb_current_thread)
        return k->prcb_current_thread;
    return s->machine.cpu == SC_CPU_X86 ? 4 : s->machine.cpu == SC_CPU_X64 ? 8 : 0;
}

sc_err *sc_triage_find_cpus(struct sc_source *source) {
    struct sc_kdump *kd = kd_of(source);
    const struct sc_triage_header *t = &kd->triage;
    const struct sc_kdbg *k = &kd->kdbg;
    unsigned ptr = source->probe.is64 ? 8 : 4;
    if (!k->present)
        return NULL;
    if (t->prcb_offset && k->prcb_number) {
        uint32_t number = prcb_number(source, t->prcb_offset);
        if (number < source->machine.ncpus)
            source->machine.current = number;
        else
            sc_source_note(source, t->prcb_offset, "the PRCB is that of processor %u of %u", number,
                           source->machine.ncpus);
    }
    if (t->prcb_offset && current_thread_at(source, k))
        kd->thread_va =
            number_at(source, (uint64_t)t->prcb_offset + current_thread_at(source, k), ptr);
    if (t->thread_offset && k->thread_process)
        kd->process_va = number_at(source, (uint64_t)t->thread_offset + k->thread_process, ptr);
    return read_build_lab(source, k) ? NULL : sc_err_nomem();
}

sc_err *sc_triage_index(struct sc_source *source) {
    struct sc_kdump *kd = kd_of(source);
    if (kd->indexed || !kd->kdbg.present)
        return NULL;
    sc_err *err = make_prcbs(source, kd);
    if (!err)
        err = load_blocks(source, kd);
    if (err)
        return err;
    uint64_t offset;
    if (kd->triage.prcb_offset && kd->kdbg.prcb_number)
        find_prcb(source, source->machine.current, &kd->prcb_va, &offset);
    kd->indexed = true;
    return NULL;
}

/* The CONTEXT a processor was frozen with: through KPRCB.Context, else inside the PRCB. */
static void set_context(struct sc_source *s, struct sc_thread *cpu, uint64_t prcb_offset) {
    const struct sc_kdbg *k = &kd_of(s)->kdbg;
    size_t size = sc_context_size(s->machine.cpu);
    uint64_t va = 0;
    if (!prcb_offset || !size)
        return;
    if (k->prcb_context)
        va = number_at(s, prcb_offset + k->prcb_context, s->probe.is64 ? 8 : 4);
    else if (k->prcb_state_context)
        va = cpu->prcb + k->prcb_state_context;
    if (va && find_in_blocks(s, va, size)) {
        cpu->context_va = va;
        cpu->context_size = (uint32_t)size;
    }
}

/*
 * The crashing processor. The header's context may be that of the exception which led to the bug
 * check (0x7E and its like); the one in the PRCB is where the processor stopped, in KeBugCheckEx,
 * and is what the processor's registers are. Without it, the header's has to do.
 */
static void set_current(struct sc_source *s, struct sc_thread *cpu) {
    const struct sc_kdump *kd = kd_of(s);
    if (kd->thread_va)
        cpu->thread = kd->thread_va;
    if (cpu->context_va)
        return;
    cpu->context_off = s->machine.event_context_off;
    cpu->context_size = s->machine.event_context_size;
}

sc_err *sc_triage_load_threads(struct sc_source *source, struct sc_threads *ret) {
    const struct sc_kdump *kd = kd_of(source);
    sc_err *err = sc_triage_index(source);
    if (err)
        return err;
    uint32_t n = source->machine.ncpus;
    if (n > CPUS_MAX) {
        sc_source_note(source, source->probe.is64 ? 0x34 : 0x24, "%u processors claimed", n);
        n = 1;
    }
    unsigned ptr = source->probe.is64 ? 8 : 4;
    for (uint32_t i = 0; i < n || i == 0; i++) {
        struct sc_thread *cpu = SC_VEC_PUSH(ret);
        if (!cpu)
            return sc_err_nomem();
        *cpu = (struct sc_thread){.index = i, .context_off = SC_UNSET64};
        cpu->create_time = cpu->exit_time = cpu->kernel_time = cpu->user_time = SC_UNSET64;
        uint64_t offset = 0;
        if (kd->kdbg.present)
            find_prcb(source, i, &cpu->prcb, &offset);
        if (offset) {
            if (current_thread_at(source, &kd->kdbg))
                cpu->thread = number_at(source, offset + current_thread_at(source, &kd->kdbg), ptr);
            set_context(source, cpu, offset);
        }
        if (i == source->machine.current)
            set_current(source, cpu);
    }
    return NULL;
}
