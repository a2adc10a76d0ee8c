/* SPDX-License-Identifier: MIT */
/*
 * VirtualBox's core (`VBoxManage debugvm … dumpvmcore`): ELF64, PT_NOTE with
 *
 *   "VBCORE" b00, DBGFCOREDESCRIPTOR: u32 c01ac0de, u32 version 00010005, u32 its size, u32
 *                 VirtualBox's version (7.0.10: 0x07000a…), u32 revision, u32 processors
 *   "VBCPU"  b01, DBGFCORECPU, for each processor: rax rbx rcx rdx rsi rdi r8 … r15 rip rsp rbp
 *                 rflags; cs ds es fs gs ss {u64 base, u32 limit, u32 attributes, u16 selector,
 * u16, u32}; cr0 cr2 cr3 cr4; dr0 … dr7; gdtr idtr {u64 base, u32 limit, u32}; ldtr tr; sysenter cs
 * eip esp; EFER STAR PAT LSTAR CSTAR SFMASK KernelGSBase ApicBase; xcr0 xcr1; u32 size of what
 * follows, u32; the XSAVE area (0x340 bytes here)
 *
 * then a PT_LOAD for each run of physical memory: p_paddr is its address, p_vaddr 0. What belongs
 * to devices has a header and no bytes in the file.
 *
 * Learnt from: public programs that read these notes, Volatility.
 */
#include "forge/whole_impl.h"

enum { XSAVE = 0x340, NT_CORE = 0xb00, NT_CPU = 0xb01 };
#define DEVICES      0xf0000000ull
#define DEVICES_SIZE 0x02000000ull

static void put_selector(struct forge *f, uint64_t base, uint64_t limit, uint32_t attributes,
                         uint64_t selector) {
    forge_u64(f, base);
    forge_u32(f, (uint32_t)limit);
    forge_u32(f, attributes);
    forge_u16(f, (uint16_t)selector);
    forge_u16(f, 0);
    forge_u32(f, 0);
}

static void put_general(struct forge *f, const struct forge_whole *w,
                        const struct forge_whole_cpu *c) {
    static const char *const x64[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13",
                                      "r14", "r15", "rip", "rsp", "rbp", "efl"};
    static const char *const x86[] = {"eax", "ebx", "ecx", "edx", "esi", "edi", "",    "",   "", "",
                                      "",    "",    "",    "",    "eip", "esp", "ebp", "efl"};
    static const char *const segments[] = {"cs", "ds", "es", "fs", "gs", "ss"};
    for (unsigned i = 0; i < 18; i++)
        forge_u64(f, whole_reg(c, w->is32 ? x86[i] : x64[i]));
    for (unsigned i = 0; i < 6; i++)
        put_selector(f,
                     i == 3   ? c->fs_base
                     : i == 4 ? c->gs_base
                              : 0,
                     UINT32_MAX,
                     i         ? 0xc093
                     : w->is32 ? 0xc09b
                               : 0xa09b,
                     whole_reg(c, segments[i]));
}

static void put_cpu(struct forge *f, const struct forge_whole *w, const struct forge_whole_cpu *c) {
    put_general(f, w, c);
    forge_u64(f, c->cr0);
    forge_u64(f, c->cr2);
    forge_u64(f, c->cr3);
    forge_u64(f, c->cr4);
    forge_fill(f, 0, 8 * 8);
    forge_u64(f, c->gdt);
    forge_u64(f, c->gdt_limit);
    forge_u64(f, c->idt);
    forge_u64(f, c->idt_limit);
    put_selector(f, 0, 0, 0x10000, 0);
    put_selector(f, c->tr_base, 0x67, 0x8b, c->tr);
    forge_fill(f, 0, 3 * 8);
    forge_u64(f, w->is32 ? 0x800 : 0xd01); /* EFER */
    forge_fill(f, 0, 5 * 8);
    forge_u64(f, c->kernel_gs_base);
    forge_u64(f, 0xfee00900);
    forge_u64(f, 7); /* xcr0 */
    forge_u64(f, 0);
    forge_u32(f, XSAVE);
    forge_u32(f, 0);
    forge_fill(f, 0, XSAVE);
}

static void add_note(struct forge *f, const char *name, uint32_t type, struct forge *body) {
    struct forge_bytes bytes = {0};
    if (forge_finish(body, &bytes))
        whole_elf_note(f, name, type, bytes.data, bytes.size);
    else
        forge_fail(f, "%s", forge_error(body));
    forge_bytes_free(&bytes);
    forge_deinit(body);
}

static void put_notes(struct forge *f, const struct forge_whole *w) {
    struct forge body;
    forge_init(&body);
    forge_u32(&body, 0xc01ac0de);
    forge_u32(&body, 0x00010005);
    forge_u32(&body, 0x18);
    forge_u32(&body, 7u << 24 | 10);
    forge_u32(&body, 158379);
    forge_u32(&body, (uint32_t)w->ncpus);
    add_note(f, "VBCORE", NT_CORE, &body);
    for (size_t i = 0; i < w->ncpus; i++) {
        forge_init(&body);
        put_cpu(&body, w, &w->cpu[i]);
        add_note(f, "VBCPU", NT_CPU, &body);
    }
}

/* Runs in ascending order, with the devices' memory among them, which has no bytes. */
static size_t make_loads(const struct forge_whole *w, struct whole_load *load, uint64_t at) {
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(w->mem, &run), count = 0;
    const struct whole_load devices = {.offset = at, .pa = DEVICES, .size = DEVICES_SIZE};
    bool done = false;
    for (size_t i = 0; i < n; i++) {
        if (!done && run[i].start >= DEVICES + DEVICES_SIZE) {
            load[count++] = devices;
            load[count - 1].offset = at;
            done = true;
        }
        load[count++] = (struct whole_load){at, 0, run[i].start, run[i].size, run[i].size};
        at += run[i].size;
    }
    return count;
}

void whole_write_vbox(const struct forge_whole *w, struct forge_stream *s) {
    struct whole_load load[FORGE_RAM_RUNS + 1];
    struct forge f, notes;
    struct forge_bytes body = {0};
    forge_init(&f);
    forge_init(&notes);
    put_notes(&notes, w);
    if (!forge_finish(&notes, &body))
        forge_fail(&f, "%s", forge_error(&notes));
    size_t n = make_loads(w, load, 0);
    uint64_t first = (whole_elf_headers_size(false, n) + body.size + 0xfff) & ~0xfffull;
    make_loads(w, load, first);
    whole_elf_headers(&f, false, WHOLE_ELF_X64, body.size, load, n);
    forge_put(&f, body.data, body.size);
    forge_pad_to(&f, first);
    forge_bytes_free(&body);
    forge_deinit(&notes);
    forge_stream_part(s, &f);
    for (size_t i = 0; i < n; i++)
        if (load[i].file_size)
            forge_stream_memory(s, w->mem, load[i].pa, load[i].size);
}
