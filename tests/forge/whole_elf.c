/* SPDX-License-Identifier: MIT */
/*
 * ELF cores of virtual machines: ELF header, program headers (PT_NOTE first, then a PT_LOAD for
 * each run of RAM), notes, memory.
 *
 * QEMU's dump-guest-memory: p_paddr is the guest's physical address and p_vaddr the same (with
 * `-p`: the virtual one, and a PT_LOAD for each mapping). Notes, for each processor:
 *
 *   "CORE" 1, NT_PRSTATUS: x64 0x150 bytes (+0x20 pid, +0x70 27 registers), x86 0x90 bytes (+0x18
 *             pid, +0x48 17 registers), ARM64 0x188 bytes (+0x20 pid, +0x70 x0 … x30, sp, pc,
 * pstate) "QEMU" 0, QEMUCPUState: +0x000 u32 version 1, u32 size; +0x008 rax rbx rcx rdx rsi rdi
 * rsp rbp r8 … r15 rip rflags; +0x098 cs ds es fs gs ss ldt tr gdt idt, each {u32 selector, u32
 *             limit, u32 flags, u32, u64 base}; +0x188 cr[5]; +0x1b0 kernel_gs_base (x86 and x64)
 *
 * and "VMCOREINFO" 0 with the DUMP_HEADER64 that a driver in the guest wrote.
 *
 * Learnt from: QEMU's elf2dmp and documentation; the System V ABI.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/whole_impl.h"

enum {
    PT_LOAD_ = 1,
    PT_NOTE_ = 4,
    ET_CORE_ = 4,
    NT_PRSTATUS_ = 1,
    EHDR64 = 0x40,
    PHDR64 = 0x38,
    EHDR32 = 0x34,
    PHDR32 = 0x20,
    QEMU_STATE = 0x1b8,
};

/* ---- for every ELF file ---- */

uint64_t whole_elf_headers_size(bool is32, size_t nloads) {
    return is32 ? EHDR32 + (nloads + 1) * PHDR32 : EHDR64 + (nloads + 1) * PHDR64;
}

static void put_ehdr(struct forge *f, bool is32, unsigned machine, size_t nheaders) {
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F'};
    unsigned ptr = is32 ? 4 : 8;
    forge_put(f, magic, sizeof magic);
    forge_u8(f, is32 ? 1 : 2);
    forge_u8(f, 1); /* little-endian */
    forge_u8(f, 1);
    forge_fill(f, 0, 9);
    forge_u16(f, ET_CORE_);
    forge_u16(f, (uint16_t)machine);
    forge_u32(f, 1);
    forge_uint(f, ptr, 0); /* entry */
    forge_uint(f, ptr, is32 ? EHDR32 : EHDR64);
    forge_uint(f, ptr, 0); /* sections */
    forge_u32(f, 0);
    forge_u16(f, is32 ? EHDR32 : EHDR64);
    forge_u16(f, is32 ? PHDR32 : PHDR64);
    forge_u16(f, (uint16_t)nheaders);
    forge_u16(f, 0);
    forge_u16(f, 0);
    forge_u16(f, 0);
}

static void put_phdr(struct forge *f, bool is32, uint32_t type, const struct whole_load *l) {
    unsigned ptr = is32 ? 4 : 8;
    uint32_t flags = type == PT_LOAD_ ? 7 : 0;
    forge_u32(f, type);
    if (!is32)
        forge_u32(f, flags);
    forge_uint(f, ptr, l->offset);
    forge_uint(f, ptr, l->va);
    forge_uint(f, ptr, l->pa);
    forge_uint(f, ptr, l->file_size);
    forge_uint(f, ptr, l->size);
    if (is32)
        forge_u32(f, flags);
    forge_uint(f, ptr, 0); /* alignment */
}

void whole_elf_headers(struct forge *f, bool is32, unsigned machine, uint64_t notes_size,
                       const struct whole_load *load, size_t nloads) {
    if (nloads + 1 >= 0xffff)
        forge_fail(f, "%zu program headers", nloads + 1);
    put_ehdr(f, is32, machine, nloads + 1);
    put_phdr(f, is32, PT_NOTE_,
             &(struct whole_load){.offset = whole_elf_headers_size(is32, nloads),
                                  .file_size = notes_size,
                                  .size = notes_size});
    for (size_t i = 0; i < nloads; i++)
        put_phdr(f, is32, PT_LOAD_, &load[i]);
}

void whole_elf_note(struct forge *f, const char *name, uint32_t type, const void *data,
                    size_t size) {
    forge_u32(f, (uint32_t)strlen(name) + 1);
    forge_u32(f, (uint32_t)size);
    forge_u32(f, type);
    forge_put(f, name, strlen(name) + 1);
    forge_align(f, 4);
    forge_put(f, data, size);
    forge_align(f, 4);
}

/* ---- QEMU's notes ---- */

static void add_note(struct forge *f, const char *name, uint32_t type, struct forge *body) {
    struct forge_bytes bytes = {0};
    if (forge_finish(body, &bytes))
        whole_elf_note(f, name, type, bytes.data, bytes.size);
    else
        forge_fail(f, "%s", forge_error(body));
    forge_bytes_free(&bytes);
    forge_deinit(body);
}

static void put_regs(struct forge *f, unsigned width, const struct forge_whole_cpu *cpu,
                     const char *const *name) {
    for (; *name; name++)
        forge_uint(f, width,
                   **name == '-'               ? UINT64_MAX
                   : !strcmp(*name, "fs_base") ? cpu->fs_base
                   : !strcmp(*name, "gs_base") ? cpu->gs_base
                                               : whole_reg(cpu, *name));
}

static void put_prstatus(struct forge *f, const struct forge_whole *w, size_t index) {
    static const char *const x64[] = {"r15",     "r14",     "r13", "r12", "rbp", "rbx", "r11",
                                      "r10",     "r9",      "r8",  "rax", "rcx", "rdx", "rsi",
                                      "rdi",     "-",       "rip", "cs",  "efl", "rsp", "ss",
                                      "fs_base", "gs_base", "ds",  "es",  "fs",  "gs",  NULL};
    static const char *const x86[] = {"ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es",
                                      "fs",  "gs",  "-",   "eip", "cs",  "efl", "esp", "ss", NULL};
    static const char *const arm[] = {
        "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",   "x10", "x11",
        "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",  "x22", "x23",
        "x24", "x25", "x26", "x27", "x28", "fp",  "lr",  "sp",  "pc",  "cpsr", NULL};
    bool is32 = w->is32;
    struct forge body;
    forge_init(&body);
    forge_fill(&body, 0, is32 ? 0x18 : 0x20);
    forge_u32(&body, (uint32_t)index + 1);
    forge_pad_to(&body, is32 ? 0x48 : 0x70);
    put_regs(&body, is32 ? 4 : 8, &w->cpu[index], is32 ? x86 : w->machine == 0xaa64 ? arm : x64);
    forge_fill(&body, 0, is32 ? 4 : 8);
    add_note(f, "CORE", NT_PRSTATUS_, &body);
}

static void put_segment(struct forge *f, uint64_t selector, uint64_t limit, uint32_t flags,
                        uint64_t base) {
    forge_u32(f, (uint32_t)selector);
    forge_u32(f, (uint32_t)limit);
    forge_u32(f, flags);
    forge_u32(f, 0);
    forge_u64(f, base);
}

static void put_state(struct forge *f, const struct forge_whole *w, size_t index) {
    static const char *const x64[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp",
                                      "rbp", "r8",  "r9",  "r10", "r11", "r12", "r13",
                                      "r14", "r15", "rip", "efl", NULL};
    static const char *const x86[] = {"eax", "ebx", "ecx", "edx", "esi", "edi", "esp", "ebp", NULL};
    static const char *const rest[] = {"eip", "efl", NULL};
    static const char *const segments[] = {"cs", "ds", "es", "fs", "gs", "ss"};
    const struct forge_whole_cpu *c = &w->cpu[index];
    struct forge body;
    forge_init(&body);
    forge_u32(&body, 1);
    forge_u32(&body, QEMU_STATE);
    put_regs(&body, 8, c, w->is32 ? x86 : x64);
    if (w->is32) {
        forge_fill(&body, 0, 8 * 8);
        put_regs(&body, 8, c, rest);
    }
    for (unsigned i = 0; i < 6; i++)
        put_segment(&body, whole_reg(c, segments[i]), UINT32_MAX,
                    i         ? 0xc09300
                    : w->is32 ? 0xc09b00
                              : 0xa09b00,
                    i == 3   ? c->fs_base
                    : i == 4 ? c->gs_base
                             : 0);
    put_segment(&body, 0, 0, 0x8200, 0);
    put_segment(&body, c->tr, 0x67, 0x8b00, c->tr_base);
    put_segment(&body, 0, c->gdt_limit, 0, c->gdt);
    put_segment(&body, 0, c->idt_limit, 0, c->idt);
    const uint64_t cr[5] = {c->cr0, 0, c->cr2, c->cr3, c->cr4};
    for (unsigned i = 0; i < 5; i++)
        forge_u64(&body, cr[i]);
    forge_u64(&body, c->kernel_gs_base);
    add_note(f, "QEMU", 0, &body);
}

static void put_notes(struct forge *f, const struct forge_whole *w) {
    struct forge header;
    if (w->kind == FORGE_WHOLE_ELF_BARE)
        return;
    for (size_t i = 0; i < w->ncpus; i++)
        put_prstatus(f, w, i);
    for (size_t i = 0; i < w->ncpus && w->machine != 0xaa64; i++)
        put_state(f, w, i);
    if (w->kind != FORGE_WHOLE_ELF)
        return;
    forge_init(&header);
    whole_header(w, &header, 1,
                 (w->is32 ? 0x1000 : 0x2000) + forge_physmem_pages(w->mem) * FORGE_FRAME, true);
    add_note(f, "VMCOREINFO", 0, &header);
}

/* ---- what is loaded ---- */

enum { LOADS_MOST = 0xfff0 };

struct loads {
    struct whole_load *item; /* LOADS_MOST */
    size_t count;
};

/* A mapping within one run, seen at its virtual address; the runs are item[0 … nruns). */
static void add_mapping(struct loads *l, size_t nruns, const struct forge_whole_map *m) {
    for (size_t i = 0; i < nruns && l->count < LOADS_MOST; i++) {
        const struct whole_load *r = &l->item[i];
        if (m->pa - r->pa < r->size && m->size <= r->size - (m->pa - r->pa))
            l->item[l->count++] = (struct whole_load){.offset = r->offset + (m->pa - r->pa),
                                                      .va = m->va,
                                                      .pa = m->pa,
                                                      .file_size = m->size,
                                                      .size = m->size};
    }
}

static void make_loads(const struct forge_whole *w, struct loads *l, uint64_t behind_headers) {
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(w->mem, &run);
    uint64_t at = behind_headers;
    l->count = 0;
    for (size_t i = 0; i < n; i++) {
        l->item[l->count++] =
            (struct whole_load){at, run[i].start, run[i].start, run[i].size, run[i].size};
        at += run[i].size;
    }
    for (size_t i = 0; i < w->nmaps && w->kind == FORGE_WHOLE_ELF_PAGING; i++)
        add_mapping(l, n, &w->map[i]);
}

static uint64_t up(uint64_t v) { return (v + 0xfff) & ~0xfffull; }

void whole_write_elf(const struct forge_whole *w, struct forge_stream *s) {
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(w->mem, &run);
    bool is32 = w->is32 && forge_physmem_end(w->mem) <= UINT32_MAX;
    unsigned machine = w->machine == 0xaa64 ? WHOLE_ELF_ARM64
                       : w->is32            ? WHOLE_ELF_X86
                                            : WHOLE_ELF_X64;
    struct loads loads = {.item = calloc(LOADS_MOST, sizeof *loads.item)};
    struct forge f, notes;
    struct forge_bytes body = {0};
    if (!loads.item)
        abort();
    forge_init(&f);
    forge_init(&notes);
    put_notes(&notes, w);
    if (!forge_finish(&notes, &body))
        forge_fail(&f, "%s", forge_error(&notes));
    make_loads(w, &loads, 0);
    uint64_t first = up(whole_elf_headers_size(is32, loads.count) + body.size);
    make_loads(w, &loads, first);
    if (is32 && first + forge_physmem_pages(w->mem) * FORGE_FRAME > UINT32_MAX)
        forge_fail(&f, "too large for 32 bits");
    whole_elf_headers(&f, is32, machine, body.size, loads.item, loads.count);
    forge_put(&f, body.data, body.size);
    forge_pad_to(&f, first);
    forge_bytes_free(&body);
    forge_deinit(&notes);
    free(loads.item);
    forge_stream_part(s, &f);
    for (size_t i = 0; i < n; i++)
        forge_stream_memory(s, w->mem, run[i].start, run[i].size);
}
