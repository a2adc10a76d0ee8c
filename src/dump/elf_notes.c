/* SPDX-License-Identifier: MIT */
/*
 * The notes of an ELF core. Each is
 *
 *   +0x00 u32 namesz   +0x04 u32 descsz   +0x08 u32 type
 *   +0x0c the name, then the data, each padded to 4 bytes
 *
 * with these names (their ends, NUL or not, count in namesz by either writer's taste):
 *
 *   "CORE"        1 NT_PRSTATUS: general registers of one processor, in order of the processors
 *                 2 NT_PRFPREG: its vector registers (ARM64)
 *                 3 NT_PRPSINFO, 6 NT_AUXV: only a Linux process has them
 *   "QEMU"        0 QEMUCPUState: the same processor with its system registers (x86, x64)
 *   "VMCOREINFO"  0 what the guest left for its dump: Windows' driver (virtio-win's FwCfg) leaves
 *                 a DUMP_HEADER64 or DUMP_HEADER32, Linux a text "OSRELEASE=…"
 *   "VBCORE"      0xb00 DBGFCOREDESCRIPTOR: +0x00 0xc01ac0de +0x04 format +0x0c version, revision
 *                 +0x14 processors
 *   "VBCPU"       0xb01 DBGFCORECPU: one processor
 *
 * Sources: facts of QEMU's target/i386/arch_dump.c, target/arm/arch_dump.c and dump.c, and of
 * VirtualBox' dbgfcorefmt.h and DBGFCoreWrite.cpp, all public.
 */
#include <string.h>

#include "dump/elf_impl.h"

enum { NAME_MAX_LEN = 16, NT_PRSTATUS = 1, NT_PRFPREG = 2, NT_PRPSINFO = 3, NT_AUXV = 6 };
enum { NT_VBOXCORE = 0xb00, NT_VBOXCPU = 0xb01, VBOX_MAGIC = 0xc01ac0de };

struct note {
    char name[NAME_MAX_LEN + 1];
    uint32_t type;
    struct elf_data data;
};

static bool is(const struct note *n, const char *name) { return !strcmp(n->name, name); }

/* The processor of number INDEX, made when it is the next one. NULL: too many, or memory short. */
static struct elf_cpu *cpu_at(struct sc_source *s, size_t index, bool *ret_nomem) {
    struct elf *elf = s->impl;
    if (index < elf->cpus.count)
        return &elf->cpus.item[index];
    if (index >= ELF_CPUS_MAX) {
        if (index == ELF_CPUS_MAX)
            sc_source_note(s, SC_UNSET64, "more than %d processors: the rest is left out",
                           ELF_CPUS_MAX);
        return NULL;
    }
    struct elf_cpu *cpu = SC_VEC_PUSH(&elf->cpus);
    *ret_nomem = !cpu;
    return cpu;
}

/* The state of a processor; QEMU's says more than NT_PRSTATUS. */
static sc_err *take_state(struct sc_source *s, size_t *count, enum elf_form form,
                          const struct elf_data *data) {
    bool nomem = false;
    struct elf_cpu *cpu = cpu_at(s, (*count)++, &nomem);
    if (nomem)
        return sc_err_nomem();
    if (cpu && form > cpu->form) {
        cpu->form = form;
        cpu->state = *data;
    }
    return NULL;
}

static sc_err *take_core(struct sc_source *s, const struct note *n) {
    struct elf *elf = s->impl;
    if (n->type == NT_PRPSINFO || n->type == NT_AUXV)
        elf->linux_process = true;
    if (n->type == NT_PRSTATUS)
        return take_state(s, &elf->nprstatus, ELF_FORM_PRSTATUS, &n->data);
    if (n->type == NT_PRFPREG) {
        /* It follows the NT_PRSTATUS of its processor. */
        bool nomem = false;
        struct elf_cpu *cpu = elf->nprstatus ? cpu_at(s, elf->nprstatus - 1, &nomem) : NULL;
        if (nomem)
            return sc_err_nomem();
        if (cpu)
            cpu->floats = n->data;
    }
    return NULL;
}

static void take_vmcoreinfo(struct sc_source *s, const struct note *n) {
    struct elf *elf = s->impl;
    char head[10] = "";
    struct sc_cur c = sc_cur_at(s->file, n->data.offset, n->data.size, "vmcoreinfo note");
    sc_cur_bytes(&c, head, sizeof head);
    if (!memcmp(head, "OSRELEASE=", 10))
        elf->linux_kernel = true;
    bool is64 = !memcmp(head, "PAGEDU64", 8), is32 = !memcmp(head, "PAGEDUMP", 8);
    uint32_t need = is64 ? 0x2000 : 0x1000;
    if (!is64 && !is32)
        return;
    if (n->data.size < need) {
        sc_source_note(s, n->data.offset,
                       "the guest's dump header has 0x%x of 0x%x bytes: it is not used",
                       n->data.size, need);
        return;
    }
    elf->windows = n->data;
    elf->windows64 = is64;
}

static void take_vbox(struct sc_source *s, const struct note *n) {
    struct elf *elf = s->impl;
    struct sc_cur c = sc_cur_at(s->file, n->data.offset, n->data.size, "VirtualBox descriptor");
    uint32_t magic = sc_u32(&c), format = sc_u32(&c);
    if (sc_cur_failed(&c) || magic != VBOX_MAGIC) {
        sc_source_note(s, n->data.offset, "VirtualBox' descriptor has no magic 0x%x", VBOX_MAGIC);
        return;
    }
    elf->vbox = true;
    elf->vbox_format = format;
    if (format >> 16 != 1)
        sc_source_note(s, n->data.offset + 4,
                       "VirtualBox core of format 0x%x: 0x1.... is known, registers may be wrong",
                       format);
}

static sc_err *take(struct sc_source *s, const struct note *n) {
    struct elf *elf = s->impl;
    if (is(n, "CORE"))
        return take_core(s, n);
    if (is(n, "QEMU") && !n->type)
        return take_state(s, &elf->nqemu, ELF_FORM_QEMU, &n->data);
    if (is(n, "VBCPU") && n->type == NT_VBOXCPU)
        return take_state(s, &elf->nvbox, ELF_FORM_VBOX, &n->data);
    if (is(n, "VMCOREINFO"))
        take_vmcoreinfo(s, n);
    if (is(n, "VBCORE") && n->type == NT_VBOXCORE)
        take_vbox(s, n);
    return NULL;
}

static uint64_t padding(uint32_t size) { return (4 - size % 4) % 4; }

/* The note at the cursor; false at the end, or (with a note of ours) where it does not fit. */
static bool next(struct sc_source *s, struct sc_cur *c, struct note *ret) {
    uint64_t at = c->pos;
    if (sc_cur_left(c) < 12)
        return false;
    uint32_t namesz = sc_u32(c), descsz = sc_u32(c);
    *ret = (struct note){.type = sc_u32(c), .data.size = descsz};
    if (!namesz && !descsz && !ret->type)
        return false; /* padding */
    sc_cur_bytes(c, ret->name, namesz < NAME_MAX_LEN ? namesz : NAME_MAX_LEN);
    sc_cur_skip(c, namesz < NAME_MAX_LEN ? 0 : namesz - NAME_MAX_LEN);
    sc_cur_skip(c, padding(namesz));
    ret->data.offset = c->pos;
    sc_cur_skip(c, descsz);
    if (sc_cur_failed(c)) {
        sc_source_note(s, at, "a note of 0x%x bytes does not fit in its segment", descsz);
        return false;
    }
    uint64_t left = sc_cur_left(c), pad = padding(descsz);
    sc_cur_skip(c, pad < left ? pad : left);
    return true;
}

sc_err *elf_read_notes(struct sc_source *source, const struct elf_segment *segment) {
    struct elf *elf = source->impl;
    if (!sc_file_has(source->file, segment->offset, segment->filesz))
        sc_source_note(source, segment->offset, "the segment of notes runs over the file's end");
    struct sc_cur c = sc_cur_at(source->file, segment->offset, segment->filesz, "note");
    struct note n;
    while (elf->nnotes < ELF_NOTES_MAX && next(source, &c, &n)) {
        elf->nnotes++;
        sc_err *err = take(source, &n);
        if (err)
            return err;
    }
    if (elf->nnotes == ELF_NOTES_MAX)
        sc_source_note(source, c.pos, "more than %d notes: the rest is left out", ELF_NOTES_MAX);
    return NULL;
}
