/* SPDX-License-Identifier: MIT */
/*
 * The notes that QEMU writes, for each processor in turn, and the header that Windows' driver for
 * virtual machines leaves for it:
 *
 *   "CORE" 1        NT_PRSTATUS: general registers
 *   "QEMU" 0        QEMUCPUState: the same with system registers (x86 and x64)
 *   "VMCOREINFO" 0  DUMP_HEADER32/64
 *
 * What only memory knows (control registers, descriptor tables) comes from the KSPECIAL_REGISTERS
 * of the processor's KPRCB:
 *
 *            x64    x86             x64    x86              x64    x86
 *   Cr0      +0x00  +0x00   Gdtr    +0x56  +0x2a   Tr       +0x70  +0x38
 *   Cr2      +0x08  +0x04     Base  +0x58  +0x2c   Ldtr     +0x72  +0x3a
 *   Cr3, Cr4 +0x10  +0x08   Idtr    +0x66  +0x32
 *                             Base  +0x68  +0x34
 *
 * A limit (16 bits) stands before its base. Layouts of the notes: src/dump/elf_regs.c. A processor
 * without registers has notes of zeros, so that the others keep their numbers. Attributes of
 * segments are those of Windows' flat ones. Sources: the same; KSPECIAL_REGISTERS of the public
 * symbols.
 */
#include <string.h>

#include "base/file.h"
#include "base/vec.h"
#include "convert/elf.h"
#include "dump/elf_impl.h"

enum {
    NT_PRSTATUS = 1,
    STATE_SIZE = 0x1b8,
    KD_SPECIAL = 0x2f2,
    SPECIAL_SIZE = 0x74,
    NOTES_MAX = 64 << 20,
    CR0_RUNNING = (int)0x80050033, /* paging and write protection on: what Windows sets */
};

struct special {
    uint64_t cr0, cr2, cr3, cr4, gdt, idt;
    uint16_t gdt_limit, idt_limit, tr, ldt;
};

/* ---- building ---- */

static uint8_t *grow(struct conv_notes *n, size_t size) {
    if (!SC_VEC_RESERVE(n, n->count + size))
        return NULL;
    uint8_t *p = n->item + n->count;
    memset(p, 0, size);
    n->count += size;
    return p;
}

/* Room for SIZE bytes of a note's data; NULL when memory is short. */
static uint8_t *add_note(struct conv_notes *n, const char *name, uint32_t type, size_t size) {
    size_t name_size = strlen(name) + 1, padded = (name_size + 3) & ~(size_t)3;
    uint8_t *p = grow(n, 12 + padded + ((size + 3) & ~(size_t)3));
    if (!p)
        return NULL;
    conv_put(p, name_size, 4);
    conv_put(p + 4, size, 4);
    conv_put(p + 8, type, 4);
    memcpy(p + 12, name, name_size);
    return p + 12 + padded;
}

static uint64_t reg(const struct sc_regs *r, const char *name) {
    uint64_t v = 0;
    return sc_regs_get(r, name, &v) ? v : 0;
}

/* ---- one processor ---- */

static uint64_t number(const uint8_t *p, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static void read_special(struct conversion *c, const struct sc_thread *cpu, struct special *ret) {
    sc_space *space = sc_target_space(c->target);
    uint8_t b[SPECIAL_SIZE];
    uint64_t at = 0;
    *ret = (struct special){.cr0 = (uint32_t)CR0_RUNNING};
    if (cpu->prcb && sc_target_kd_member(c->target, KD_SPECIAL, 2, &at) && at &&
        sc_space_read(space, cpu->prcb + at, b, sizeof b, NULL) == SC_READ_OK && number(b, 4)) {
        bool w = c->is64;
        unsigned word = c->ptr_size;
        *ret = (struct special){
            .cr0 = number(b, word),
            .cr2 = number(b + word, word),
            .cr3 = number(b + 2 * word, word),
            .cr4 = number(b + 3 * word, word),
            .gdt_limit = (uint16_t)number(b + (w ? 0x56 : 0x2a), 2),
            .gdt = number(b + (w ? 0x58 : 0x2c), word),
            .idt_limit = (uint16_t)number(b + (w ? 0x66 : 0x32), 2),
            .idt = number(b + (w ? 0x68 : 0x34), word),
            .tr = (uint16_t)number(b + (w ? 0x70 : 0x38), 2),
            .ldt = (uint16_t)number(b + (w ? 0x72 : 0x3a), 2),
        };
    }
    /* The container knows better: memory has what was saved when the processor was last stopped. */
    ret->cr3 = cpu->dtb ? cpu->dtb : ret->cr3;
    ret->cr4 = cpu->cr4 ? cpu->cr4 : ret->cr4;
    ret->idt = cpu->idt ? cpu->idt : ret->idt;
    if (!ret->cr3)
        ret->cr3 = sc_target_machine(c->target)->dtb;
}

/* Registers in a row, WIDTH bytes each; "-" stands for one that is not known. */
static void put_row(uint8_t *to, unsigned width, const struct sc_regs *r, const char *const *name) {
    for (; *name; name++, to += width)
        conv_put(to, **name == '-' ? UINT64_MAX : reg(r, *name), width);
}

static bool add_prstatus(struct conversion *c, struct conv_notes *n, const struct sc_thread *cpu,
                         const struct sc_regs *r) {
    static const char *const x64[] = {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10",
                                      "r9",  "r8",  "rax", "rcx", "rdx", "rsi", "rdi", "-",
                                      "rip", "cs",  "efl", "rsp", "ss",  NULL};
    static const char *const x64_rest[] = {"ds", "es", "fs", "gs", NULL};
    static const char *const x86[] = {"ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es",
                                      "fs",  "gs",  "-",   "eip", "cs",  "efl", "esp", "ss", NULL};
    static const char *const arm[] = {
        "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",   "x10", "x11",
        "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",  "x22", "x23",
        "x24", "x25", "x26", "x27", "x28", "fp",  "lr",  "sp",  "pc",  "cpsr", NULL};
    enum sc_cpu kind = sc_target_machine(c->target)->cpu;
    size_t size = kind == SC_CPU_X86 ? 0x90 : kind == SC_CPU_ARM64 ? 0x188 : 0x150;
    uint8_t *p = add_note(n, "CORE", NT_PRSTATUS, size);
    if (!p)
        return false;
    conv_put(p + (kind == SC_CPU_X86 ? 0x18 : 0x20), cpu->index + 1, 4); /* pid */
    if (!r)
        return true;
    if (kind == SC_CPU_X86) {
        put_row(p + 0x48, 4, r, x86);
    } else if (kind == SC_CPU_ARM64) {
        put_row(p + 0x70, 8, r, arm);
    } else {
        put_row(p + 0x70, 8, r, x64);
        conv_put(p + 0x120, cpu->gs_base, 8);
        put_row(p + 0x128, 8, r, x64_rest);
    }
    return true;
}

static void put_segment(uint8_t *to, uint64_t selector, uint32_t limit, uint32_t flags,
                        uint64_t base) {
    conv_put(to, selector, 4);
    conv_put(to + 4, limit, 4);
    conv_put(to + 8, flags, 4);
    conv_put(to + 0x10, base, 8);
}

static bool add_state(struct conversion *c, struct conv_notes *n, const struct sc_thread *cpu,
                      const struct sc_regs *r) {
    static const char *const x64[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp",
                                      "rbp", "r8",  "r9",  "r10", "r11", "r12", "r13",
                                      "r14", "r15", "rip", "efl", NULL};
    static const char *const x86[] = {"eax", "ebx", "ecx", "edx", "esi", "edi", "esp", "ebp", NULL};
    static const char *const x86_rest[] = {"eip", "efl", NULL};
    static const char *const segment[] = {"cs", "ds", "es", "fs", "gs", "ss"};
    enum sc_cpu kind = sc_target_machine(c->target)->cpu;
    if (kind == SC_CPU_ARM64)
        return true;
    uint8_t *p = add_note(n, "QEMU", 0, STATE_SIZE);
    if (!p)
        return false;
    conv_put(p, 1, 4);
    conv_put(p + 4, STATE_SIZE, 4);
    if (!r)
        return true;
    struct special s;
    read_special(c, cpu, &s);
    put_row(p + 8, 8, r, kind == SC_CPU_X86 ? x86 : x64);
    if (kind == SC_CPU_X86)
        put_row(p + 0x88, 8, r, x86_rest);
    uint32_t code = kind == SC_CPU_X86 ? 0xc09b00 : 0xa09b00;
    for (unsigned i = 0; i < 6; i++)
        put_segment(p + 0x98 + 0x18 * i, reg(r, segment[i]), UINT32_MAX, i ? 0xc09300 : code,
                    i == 4 ? cpu->gs_base : 0);
    put_segment(p + 0x128, s.ldt, 0, 0x8200, 0);
    put_segment(p + 0x140, s.tr, 0x67, 0x8b00, 0);
    put_segment(p + 0x158, 0, s.gdt_limit, 0, s.gdt);
    put_segment(p + 0x170, 0, s.idt_limit, 0, s.idt);
    conv_put(p + 0x188, s.cr0, 8);
    conv_put(p + 0x198, s.cr2, 8);
    conv_put(p + 0x1a0, s.cr3, 8);
    conv_put(p + 0x1a8, s.cr4, 8);
    conv_put(p + 0x1b0, cpu->kernel_gs_base, 8);
    return true;
}

/* Those of all processors: first their general registers, then their whole states. */
static sc_err *add_processors(struct conversion *c, struct conv_notes *n, bool states) {
    const struct sc_threads *cpus;
    sc_err *err = sc_target_threads(c->target, &cpus);
    for (size_t i = 0; !err && i < cpus->count; i++) {
        const struct sc_thread *cpu = &cpus->item[i];
        struct sc_regs regs;
        err = sc_target_regs(c->target, cpu->index, &regs);
        bool known = !err;
        if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
            sc_err_destroy(err);
            err = NULL;
        }
        if (!err && !(states ? add_state(c, n, cpu, known ? &regs : NULL)
                             : add_prstatus(c, n, cpu, known ? &regs : NULL)))
            err = sc_err_nomem();
    }
    return err;
}

/* ---- notes that are there ---- */

/* Those of an ELF core, byte for byte. *RET_FOUND false: the source is none. */
static sc_err *copy_notes(struct conversion *c, struct conv_notes *n, bool *ret_found) {
    const struct sc_source *source = sc_target_source(c->target);
    const struct elf *elf = elf_of(source);
    *ret_found = false;
    for (uint32_t i = 0; elf && i < elf->nsegments; i++) {
        struct elf_segment seg;
        if (!elf_segment(source, i, &seg) || seg.type != 4 || !seg.filesz ||
            !sc_file_has(source->file, seg.offset, seg.filesz))
            continue;
        if (seg.filesz > NOTES_MAX - n->count)
            return sc_errf(SC_ERR_LIMIT, "more than %d MB of notes", NOTES_MAX >> 20);
        size_t size = (size_t)seg.filesz;
        uint8_t *p = grow(n, (size + 3) & ~(size_t)3);
        if (!p)
            return sc_err_nomem();
        sc_err *err = sc_file_read(source->file, seg.offset, p, size);
        if (err)
            return err;
        *ret_found = true;
    }
    return NULL;
}

static sc_err *add_header(struct conversion *c, struct conv_notes *n, uint64_t end) {
    struct conv_header h;
    sc_err *err = conv_header_make(c, 1, true, end, &h);
    uint8_t *p = err ? NULL : add_note(n, "VMCOREINFO", 0, h.size);
    if (p)
        memcpy(p, h.bytes, h.size);
    return err || p ? err : sc_err_nomem();
}

sc_err *conv_notes_make(struct conversion *c, uint64_t end_of_full_dump, struct conv_notes *ret) {
    bool found;
    sc_err *err = copy_notes(c, ret, &found);
    if (err || found)
        return err;
    err = add_processors(c, ret, false);
    if (!err)
        err = add_processors(c, ret, true);
    return err ? err : add_header(c, ret, end_of_full_dump);
}
