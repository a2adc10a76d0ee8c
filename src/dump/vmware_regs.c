/* SPDX-License-Identifier: MIT */
/*
 * Processors of a VMware state: the tags of the group "cpu", the first index being the processor.
 *
 *   cpu:numVCPUs                 how many
 *   rax … r15, rip, eflags       each its own tag (x86: eax …, eip), or
 *   gpregs                       a block: rax rcx rdx rbx rbp rsp rsi rdi r8 … r15
 *   CR64[cpu][n], CR[cpu][n]     control registers, or CR64 as a block of nine
 *   IDTR                         a block: u16 limit, u64 base; or [cpu][1] and [2]: the base's
 * halves hv:ttbrEL1[…]                ARM64
 *
 * Names of the tags with segments are not published: selectors and the bases of FS and GS stay
 * unknown. Sources: vmware_tags.c.
 */
#include <string.h>

#include "base/utf.h"
#include "dump/vmregs.h"
#include "dump/vmware_impl.h"

static const char *const names64[16] = {"rax", "rcx", "rdx", "rbx", "rbp", "rsp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const names32[8] = {"eax", "ecx", "edx", "ebx", "ebp", "esp", "esi", "edi"};

struct reading {
    struct sc_source *source;
    struct vmware_cpus *cpus;
    uint32_t claimed; /* cpu:numVCPUs, 0 not said */
    bool odd;         /* a processor out of bounds was noted */
};

/* The processor of number INDEX; NULL: out of bounds (noted once), or memory is short. */
static struct vmware_cpu *cpu_at(struct reading *r, uint32_t index, bool *ret_nomem) {
    if (index >= VMWARE_CPUS_MAX) {
        if (!r->odd)
            sc_source_note(r->source, SC_UNSET64, "the state names a processor %u: left out",
                           index);
        r->odd = true;
        return NULL;
    }
    while (r->cpus->count <= index)
        if (!SC_VEC_PUSH(r->cpus)) {
            *ret_nomem = true;
            return NULL;
        }
    return &r->cpus->item[index];
}

/* The index of a general register's tag; -1 if it is none. */
static int gpr_of(const char *name) {
    for (int i = 0; i < 16; i++)
        if (!strcmp(name, names64[i]) || (i < 8 && !strcmp(name, names32[i])))
            return i;
    return -1;
}

/* Blocks that hold several registers. True when TAG is one. */
static bool take_block(struct vmware_cpu *cpu, const struct vmware_tag *tag) {
    if (!strcmp(tag->name, "gpregs") && tag->size == sizeof cpu->gpr) {
        for (unsigned i = 0; i < 16; i++)
            cpu->gpr[i] = vmware_number(tag, 8 * i, 8);
        cpu->there = true;
        return true;
    }
    if (!strcmp(tag->name, "CR64") && tag->size == sizeof cpu->cr) {
        for (unsigned i = 0; i < 9; i++)
            cpu->cr[i] = vmware_number(tag, 8 * i, 8);
        return true;
    }
    if (!strcmp(tag->name, "IDTR") && tag->size == 10) {
        cpu->idt = vmware_number(tag, 2, 8);
        return true;
    }
    return false;
}

/* Registers with a tag of their own. False: TAG is none that is known. */
static bool take_single(struct vmware_cpu *cpu, const struct vmware_tag *tag) {
    int gpr = gpr_of(tag->name);
    uint64_t value = vmware_number(tag, 0, 8);
    cpu->there = cpu->there || gpr >= 0;
    if (gpr >= 0) {
        cpu->gpr[gpr] = tag->name[0] == 'e' && cpu->gpr[gpr] ? cpu->gpr[gpr] : value;
    } else if (!strcmp(tag->name, "rip")) {
        cpu->rip = value;
    } else if (!strcmp(tag->name, "eip")) {
        cpu->rip = cpu->rip ? cpu->rip : value;
    } else if (!sc_strcasecmp(tag->name, "eflags")) {
        cpu->efl |= (uint32_t)value;
    } else if (!strcmp(tag->name, "CR64") && tag->index[1] < 9) {
        cpu->cr[tag->index[1]] = value;
    } else if (!strcmp(tag->name, "CR") && tag->index[1] < 9) {
        uint64_t *cr = &cpu->cr[tag->index[1]];
        *cr = *cr ? *cr : value;
    } else if (!strcmp(tag->name, "IDTR") && tag->index[1] == 1) {
        cpu->idt = (cpu->idt >> 32 << 32) | (uint32_t)value;
    } else if (!strcmp(tag->name, "IDTR") && tag->index[1] == 2) {
        cpu->idt = (uint32_t)cpu->idt | value << 32;
    } else if (!strncmp(tag->name, "hv:ttbrEL1", 10) && !cpu->ttbr) {
        cpu->ttbr = value;
    } else {
        return false;
    }
    return true;
}

/* Is the tag about a processor at all? Asked first, so that none is made for others. */
static bool is_known(const struct vmware_tag *tag) {
    struct vmware_cpu none = {0};
    return take_block(&none, tag) || take_single(&none, tag);
}

static sc_err *take(void *ctx, const struct vmware_tag *tag) {
    struct reading *r = ctx;
    if (!strcmp(tag->name, "cpu:numVCPUs"))
        r->claimed = (uint32_t)vmware_number(tag, 0, 4);
    if (!tag->nindices || tag->compressed || !is_known(tag))
        return NULL;
    bool nomem = false;
    struct vmware_cpu *cpu = cpu_at(r, tag->index[0], &nomem);
    if (nomem)
        return sc_err_nomem();
    if (cpu && !take_block(cpu, tag))
        take_single(cpu, tag);
    return NULL;
}

sc_err *vmware_read_cpus(struct sc_source *source, const sc_file *state, struct vmware_cpus *ret) {
    struct reading r = {source, ret, 0, false};
    sc_err *err = vmware_each_tag(source, state, "cpu", take, &r);
    if (!err && r.claimed && r.claimed < ret->count) {
        sc_source_note(source, SC_UNSET64, "the state has %u processors and registers of %zu",
                       r.claimed, ret->count);
        ret->count = r.claimed;
    }
    return err;
}

void vmware_thread(const struct vmware_cpu *cpu, enum sc_cpu kind, uint32_t index,
                   struct sc_thread *ret) {
    struct sc_vm_cpu vm = {
        .cpu = kind,
        .cr3 = cpu->ttbr ? cpu->ttbr : cpu->cr[3],
        .cr4 = cpu->cr[4],
        .idt = cpu->idt,
    };
    sc_vm_thread(&vm, index, ret);
}

sc_err *vmware_regs(const struct vmware_cpu *cpu, enum sc_cpu kind, struct sc_regs *ret) {
    if (!cpu->there || (kind != SC_CPU_X64 && kind != SC_CPU_X86))
        return sc_errf(SC_ERR_NOT_FOUND, "the state holds no registers of this processor");
    sc_vm_regs_init(ret, kind, SC_VM_CONTROL | SC_VM_INTEGER);
    for (int i = 0; i < 16; i++) {
        if (kind == SC_CPU_X64)
            sc_vm_regs_set(ret, names64[i], cpu->gpr[i]);
        else if (i < 8)
            sc_vm_regs_set(ret, names32[i], cpu->gpr[i]);
    }
    sc_vm_regs_set(ret, kind == SC_CPU_X64 ? "rip" : "eip", cpu->rip);
    sc_vm_regs_set(ret, "efl", cpu->efl);
    return NULL;
}
