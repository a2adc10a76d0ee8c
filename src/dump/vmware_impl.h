/* SPDX-License-Identifier: MIT */
/* What the files of the VMware reader share. The format: vmware_tags.c. */
#ifndef STOPCODE_DUMP_VMWARE_IMPL_H
#define STOPCODE_DUMP_VMWARE_IMPL_H

#include "base/vec.h"
#include "dump/dump.h"

enum {
    VMWARE_GROUPS_MAX = 4096,
    VMWARE_TAGS_MAX = 1 << 20, /* of one group */
    VMWARE_REGIONS_MAX = 4096, /* real ones have up to three */
    VMWARE_CPUS_MAX = 2048,
    VMWARE_PAGE = 0x1000,
    VMWARE_INDICES = 3,
};

/* A tag: a name, indices, and bytes in the state file. */
struct vmware_tag {
    char name[256];
    unsigned nindices;
    uint32_t index[VMWARE_INDICES]; /* 0 where there are less */
    uint64_t offset, size;          /* of the data as it lies in the file */
    bool compressed;
    const sc_file *file;
};
/* The first bytes of the data as a number of up to 8 bytes; at SKIP, WIDTH at most. */
uint64_t vmware_number(const struct vmware_tag *tag, unsigned skip, unsigned width);
/*
 * Calls FN for each tag of the group NAME in the state FILE; an error of FN ends it and is
 * returned. Damage is noted on SOURCE.
 */
typedef sc_err *(*vmware_tag_fn)(void *ctx, const struct vmware_tag *tag);
sc_err *vmware_each_tag(struct sc_source *source, const sc_file *file, const char *name,
                        vmware_tag_fn fn, void *ctx);
/* Is FILE a state file? */
bool vmware_is_state(const sc_file *file);

/* A processor as the group "cpu" has it. */
struct vmware_cpu {
    uint64_t gpr[16]; /* rax rcx rdx rbx rbp rsp rsi rdi r8 … r15 */
    uint64_t cr[9], rip, idt, ttbr;
    uint32_t efl;
    bool there; /* its registers are, not the system's alone */
};
struct vmware_cpus {
    struct vmware_cpu *item;
    size_t count, room;
};
/* vmware_regs.c */
sc_err *vmware_read_cpus(struct sc_source *source, const sc_file *state, struct vmware_cpus *ret);
void vmware_thread(const struct vmware_cpu *cpu, enum sc_cpu kind, uint32_t index,
                   struct sc_thread *ret);
sc_err *vmware_regs(const struct vmware_cpu *cpu, enum sc_cpu kind, struct sc_regs *ret);

#endif
