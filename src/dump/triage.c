/* SPDX-License-Identifier: MIT */
/*
 * Kernel triage dumps ("small memory dumps", DumpType 4): TRIAGE_DUMP32/64 behind the header.
 * Every …Offset is a file offset.
 *
 *   field                 32-bit (at 0x1000)   64-bit (at 0x2000)
 *   ServicePackBuild      +0x00                +0x00
 *   SizeOfDump            +0x04                +0x04
 *   ValidOffset           +0x08                +0x08   -> "TRGD", the last thing written
 *   ContextOffset …       +0x0c                +0x0c
 *     ExceptionOffset, MmOffset, UnloadedDriversOffset, PrcbOffset, ProcessOffset, ThreadOffset,
 *     CallStackOffset, SizeOfCallStack, DriverListOffset, DriverCount, StringPoolOffset,
 *     StringPoolSize, BrokenDriverOffset, TriageOptions: 15 more words
 *   TopOfStack            +0x48 (4)            +0x48 (8)   address of the lowest stack byte kept
 *   ia64 backing store    -                    +0x50 (16)
 *   DataPageAddress       +0x4c (4)            +0x60 (8)
 *   DataPageOffset, DataPageSize               +0x68
 *   DebuggerDataOffset, DebuggerDataSize       +0x70
 *   DataBlocksOffset, DataBlocksCount          +0x78
 *
 * A data block is { u64 Address, u32 Offset, u32 Size } in both forms.
 *
 * The memory of such a dump is virtual only: the call stack, the data page, the data blocks, and
 * the copies of the debugger data block, PRCB, process and thread, which are put back at their
 * addresses where those can be found. When pieces overlap, the earlier in that list wins.
 *
 * Sources: win32metadata (DUMP_HEADER), public type information of _TRIAGE_DUMP64, Ghidra's
 * pagedump reader (structure facts), and the real dumps of the test corpus. The 32-bit widths of
 * the Mm block are taken to be pointers' (not seen on a real file).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dump/kdump_impl.h"
#include "dump/triage_impl.h"

enum {
    STACK_MAX = 16 << 20, /* a kernel stack is at most some 100 KiB, expanded ones included */
    OTHER_PARTS = 4,      /* ranges that come behind the data blocks */
};

static struct sc_kdump *kd_of(const struct sc_source *s) { return s->impl; }

/* The header is preset with "PAGE": what the writer left so is not there. */
static uint32_t field32(struct sc_cur *c) {
    uint32_t v = sc_u32(c);
    return sc_is_filler32(v) ? 0 : v;
}

static uint64_t field_ptr(struct sc_cur *c, unsigned size) {
    uint64_t v = sc_uptr(c, size);
    return size == 8 ? (sc_is_filler64(v) ? 0 : v) : sc_is_filler32((uint32_t)v) ? 0 : v;
}

static void read_fixed(struct sc_cur *c, struct sc_triage_header *t) {
    uint32_t *const word[] = {
        &t->service_pack_build,   &t->size_of_dump,  &t->valid_offset,       &t->context_offset,
        &t->exception_offset,     &t->mm_offset,     &t->unloaded_offset,    &t->prcb_offset,
        &t->process_offset,       &t->thread_offset, &t->callstack_offset,   &t->callstack_size,
        &t->driver_list_offset,   &t->driver_count,  &t->string_pool_offset, &t->string_pool_size,
        &t->broken_driver_offset, &t->options,
    };
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        *word[i] = field32(c);
}

static sc_err *read_header(struct sc_source *s, struct sc_triage_header *t) {
    bool is64 = s->probe.is64;
    struct sc_cur c =
        sc_cur_at(s->file, is64 ? 0x2000 : 0x1000, is64 ? 0x80 : 0x68, "triage header");
    unsigned word = is64 ? 8 : 4;
    read_fixed(&c, t);
    t->top_of_stack = field_ptr(&c, word);
    if (is64)
        sc_cur_skip(&c, 16);
    t->data_page_address = field_ptr(&c, word);
    t->data_page_offset = field32(&c);
    t->data_page_size = field32(&c);
    t->debugger_data_offset = field32(&c);
    t->debugger_data_size = field32(&c);
    t->data_blocks_offset = field32(&c);
    t->data_blocks_count = field32(&c);
    return sc_cur_failed(&c) ? sc_cur_err(&c) : NULL;
}

static void check_marks(struct sc_source *s, struct sc_triage_header *t) {
    struct sc_cur c = sc_cur_at(s->file, t->valid_offset, 4, "triage end mark");
    uint32_t mark = sc_u32(&c);
    t->valid_mark = !sc_cur_failed(&c) && mark == 0x44475254; /* "TRGD" */
    uint64_t size = sc_file_size(s->file);
    if (t->size_of_dump > size)
        sc_source_note(s, s->probe.is64 ? 0x2004 : 0x1004,
                       "the dump says it is %u bytes long, the file has %" PRIu64
                       ": it was cut off",
                       t->size_of_dump, size);
    else if (!t->valid_mark)
        sc_source_note(s, t->valid_offset, "the dump's end mark is missing: it was not finished");
    if (t->options != UINT32_MAX && t->options & 0x100)
        sc_source_note(s, s->probe.is64 ? 0x2044 : 0x1044,
                       "the writer ran out of room: some of the data is missing");
}

/* Members of KDDEBUGGER_DATA64 that are needed before anything else can be read. */
static void read_kdbg(struct sc_source *s, const struct sc_triage_header *t, struct sc_kdbg *k) {
    memset(k, 0, sizeof *k);
    if (!t->debugger_data_offset)
        return;
    struct sc_cur c =
        sc_cur_at(s->file, t->debugger_data_offset, t->debugger_data_size, "debugger data block");
    sc_cur_seek(&c, t->debugger_data_offset + 0x10);
    uint32_t tag = sc_u32(&c), size = sc_u32(&c);
    if (sc_cur_failed(&c) || tag != 0x4742444b) { /* "KDBG" */
        sc_source_note(s, t->debugger_data_offset, "the debugger data block has no KDBG mark");
        return;
    }
    /* The block grew with each Windows: members behind Size do not exist. */
    uint32_t have = size < t->debugger_data_size ? size : t->debugger_data_size;
    const struct {
        uint16_t at;
        uint16_t size;
        void *to;
    } member[] = {
        {0x18, 8, &k->kernel_base},         {0x208, 8, &k->build_lab},
        {0x218, 8, &k->processor_block},    {0x29c, 2, &k->thread_kernel_stack},
        {0x2a0, 2, &k->thread_process},     {0x2a8, 2, &k->size_process},
        {0x2b0, 2, &k->size_prcb},          {0x2b4, 2, &k->prcb_current_thread},
        {0x2bc, 2, &k->prcb_state_context}, {0x2be, 2, &k->prcb_number},
        {0x2c0, 2, &k->size_thread},        {0x338, 2, &k->prcb_context},
    };
    for (size_t i = 0; i < sizeof member / sizeof *member; i++) {
        if (member[i].at + member[i].size > have)
            continue;
        sc_cur_seek(&c, (uint64_t)t->debugger_data_offset + member[i].at);
        if (member[i].size == 8)
            *(uint64_t *)member[i].to = sc_u64(&c);
        else
            *(uint16_t *)member[i].to = sc_u16(&c);
    }
    k->present = !sc_cur_failed(&c);
    uint64_t mask = s->probe.is64 ? UINT64_MAX : UINT32_MAX;
    k->kernel_base &= mask;
    k->build_lab &= mask;
    k->processor_block &= mask;
}

static void read_mm(struct sc_source *s, struct sc_kdump *kd) {
    uint32_t at = kd->triage.mm_offset;
    if (!at)
        return;
    unsigned word = s->probe.is64 ? 8 : 4;
    struct sc_cur c = sc_cur_at(s->file, at, 24 + 7 * word, "triage memory figures");
    struct sc_triage_mm *m = &kd->mm;
    m->version = sc_u32(&c);
    m->size = sc_u32(&c);
    m->special_pool_tag = sc_u32(&c);
    m->triage_action = sc_u32(&c);
    m->verify_level = sc_u32(&c);
    m->kernel_verifier = sc_u32(&c);
    uint64_t *const figure[] = {&m->max_nonpaged,    &m->allocated_nonpaged, &m->paged_maximum,
                                &m->paged_allocated, &m->committed,          &m->committed_peak,
                                &m->commit_limit_max};
    for (size_t i = 0; i < sizeof figure / sizeof *figure; i++)
        *figure[i] = sc_uptr(&c, word);
    kd->has_mm = !sc_cur_failed(&c);
    if (!kd->has_mm)
        sc_source_note(s, at, "the memory figures lie outside the file");
}

/*
 * CmNtCSDVersion: the high byte of the low word is the service pack's number. False when memory is
 * short.
 */
static bool set_service_pack(struct sc_source *s, uint32_t csd) {
    unsigned number = csd >> 8 & 0xff;
    if (!number || csd == 0x45474150)
        return true;
    const char *text = sc_arena_printf(s->arena, "Service Pack %u", number);
    if (text)
        s->machine.service_pack = text;
    return text != NULL;
}

sc_err *sc_triage_open(struct sc_source *source, struct sc_kdump *kd) {
    struct sc_triage_header *t = &kd->triage;
    sc_err *err = read_header(source, t);
    if (err)
        return err;
    kd->is_triage = true;
    check_marks(source, t);
    read_kdbg(source, t, &kd->kdbg);
    read_mm(source, kd);
    bool nomem = !set_service_pack(source, t->service_pack_build);
    source->machine.kernel_base = kd->kdbg.kernel_base;
    sc_triage_find_stride(source, kd);
    if (t->broken_driver_offset)
        kd->broken_driver = sc_triage_string(source, t->broken_driver_offset, &nomem);
    if (nomem)
        return sc_err_nomem();
    return sc_triage_find_cpus(source);
}

/* Appends a range unless it is empty; what lies outside the file is cut off, with a note. */
static bool add(struct sc_source *s, struct sc_ranges *virt, uint64_t addr, uint64_t offset,
                uint64_t size, const char *what) {
    if (!size || !addr)
        return true;
    uint64_t whole = sc_file_size(s->file);
    uint64_t last = s->probe.is64 ? UINT64_MAX : UINT32_MAX;
    if (offset >= whole || addr > last) {
        sc_source_note(s, offset, "%s of 0x%" PRIx64 " bytes lies outside the %s", what, size,
                       offset >= whole ? "file" : "address space");
        return true;
    }
    if (size > whole - offset) {
        sc_source_note(s, offset, "%s of 0x%" PRIx64 " bytes runs over the end of the file", what,
                       size);
        size = whole - offset;
    }
    if (size - 1 > last - addr)
        size = last - addr + 1;
    struct sc_range *r = SC_VEC_PUSH(virt);
    if (!r)
        return false;
    *r = (struct sc_range){addr, size, offset};
    return true;
}

static bool add_blocks(struct sc_source *s, const struct sc_triage_header *t,
                       struct sc_ranges *virt) {
    uint32_t n = t->data_blocks_count;
    if (!t->data_blocks_offset || !n)
        return true;
    struct sc_cur c = sc_cur_at(s->file, t->data_blocks_offset, (uint64_t)n * 16, "data blocks");
    if (n > SC_TRIAGE_BLOCKS_MAX || !sc_cur_fits(&c, n, 16)) {
        uint64_t fit = sc_file_size(s->file) > t->data_blocks_offset
                           ? (sc_file_size(s->file) - t->data_blocks_offset) / 16
                           : 0;
        uint32_t keep = fit < SC_TRIAGE_BLOCKS_MAX ? (uint32_t)fit : SC_TRIAGE_BLOCKS_MAX;
        keep = keep < n ? keep : n;
        sc_source_note(s, t->data_blocks_offset, "%u data blocks claimed, %u looked at", n, keep);
        n = keep;
        c = sc_cur_at(s->file, t->data_blocks_offset, (uint64_t)n * 16, "data blocks");
    }
    if (!SC_VEC_RESERVE(virt, virt->count + n + OTHER_PARTS))
        return false;
    const uint64_t whole = sc_file_size(s->file), last = s->probe.is64 ? UINT64_MAX : UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t addr = sc_u64(&c) & last;
        uint32_t offset = sc_u32(&c), size = sc_u32(&c);
        if (sc_cur_failed(&c))
            break;
        bool fits = size && addr && offset < whole && size <= whole - offset;
        if (fits && size - 1 <= last - addr) /* there is room for all of them */
            virt->item[virt->count++] = (struct sc_range){addr, size, offset};
        else if (!add(s, virt, addr, offset, size, "data block"))
            return false;
    }
    return true;
}

/*
 * Bytes of a copied structure. Windows XP's debugger data ends before the sizes: then it is as long
 * as there is room up to the next part of the file.
 */
static uint64_t part_size(const struct sc_triage_header *t, uint32_t offset, uint16_t size) {
    const uint32_t parts[] = {t->unloaded_offset,      t->prcb_offset,        t->process_offset,
                              t->thread_offset,        t->callstack_offset,   t->mm_offset,
                              t->debugger_data_offset, t->driver_list_offset, t->string_pool_offset,
                              t->data_page_offset,     t->data_blocks_offset, t->valid_offset};
    uint32_t end = offset;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !size; i++)
        if (parts[i] > offset && (end == offset || parts[i] < end))
            end = parts[i];
    return size ? size : end - offset;
}

sc_err *sc_triage_load_memory(struct sc_source *source, struct sc_ranges *virt,
                              struct sc_ranges *phys) {
    (void)phys; /* a triage dump has no physical memory */
    struct sc_kdump *kd = kd_of(source);
    const struct sc_triage_header *t = &kd->triage;
    const struct sc_kdbg *k = &kd->kdbg;
    sc_err *err = sc_triage_index(source);
    if (err)
        return err;
    uint32_t stack = t->callstack_size;
    if (stack > STACK_MAX) {
        sc_source_note(source, t->callstack_offset, "a call stack of 0x%x bytes is claimed", stack);
        stack = 0;
    }
    bool ok = add(source, virt, t->top_of_stack, t->callstack_offset, stack, "call stack") &&
              add(source, virt, t->data_page_address, t->data_page_offset, t->data_page_size,
                  "data page") &&
              add_blocks(source, t, virt);
    if (ok && k->present) {
        ok = add(source, virt, source->machine.debugger_data, t->debugger_data_offset,
                 t->debugger_data_size, "debugger data block") &&
             add(source, virt, kd->prcb_va, t->prcb_offset,
                 part_size(t, t->prcb_offset, k->size_prcb), "PRCB") &&
             add(source, virt, kd->thread_va, t->thread_offset,
                 part_size(t, t->thread_offset, k->size_thread), "thread") &&
             add(source, virt, kd->process_va, t->process_offset,
                 part_size(t, t->process_offset, k->size_process), "process");
    }
    return ok ? NULL : sc_err_nomem();
}
