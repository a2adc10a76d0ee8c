/* SPDX-License-Identifier: MIT */
/* What the files of the ELF reader share: the state of one opened core. The format: elf.c. */
#ifndef STOPCODE_DUMP_ELF_IMPL_H
#define STOPCODE_DUMP_ELF_IMPL_H

#include "base/vec.h"
#include "dump/dump.h"

enum {
    ELF_SEGMENTS_MAX = 1 << 20, /* program headers; real cores have some tens */
    ELF_NOTES_MAX = 16384,      /* three for each of 2,048 processors, and some */
    ELF_CPUS_MAX = 2048,        /* what Windows can have */
    ELF_NOTE_SEGMENTS_MAX = 16,
};

/* e_machine */
enum { ELF_386 = 3, ELF_X86_64 = 62, ELF_AARCH64 = 183 };

/* A program header, both widths. */
struct elf_segment {
    uint32_t type;
    uint64_t offset, vaddr, paddr, filesz, memsz;
};

/* The forms in which a note gives a processor's registers. */
enum elf_form { ELF_FORM_NONE, ELF_FORM_PRSTATUS, ELF_FORM_QEMU, ELF_FORM_VBOX };

/* A note's data in the file. */
struct elf_data {
    uint64_t offset;
    uint32_t size; /* 0: there is none */
};

struct elf_cpu {
    enum elf_form form; /* of `state` */
    struct elf_data state, floats;
};

struct elf {
    bool is64;
    uint16_t machine;
    uint64_t table; /* file offset of the program headers, … */
    uint32_t nsegments, entry_size;
    uint64_t nloads; /* segments of memory that the file holds bytes of */
    bool physical;   /* one of them has a physical address, or there is but one */
    struct {
        struct elf_cpu *item;
        size_t count, room;
    } cpus;
    size_t nprstatus, nqemu, nfloats, nvbox; /* notes seen: the Nth is the Nth processor's */
    size_t nnotes;
    bool vbox, linux_process, linux_kernel;
    uint32_t vbox_format;    /* DBGFCOREDESCRIPTOR.u32FmtVersion */
    struct elf_data windows; /* DUMP_HEADER32/64 that the guest's driver left, in a note */
    bool windows64;
};

/* The state, NULL when SOURCE is no ELF core. */
struct elf *elf_of(const struct sc_source *source);
/* elf.c: program header INDEX; false when it cannot be read. */
bool elf_segment(const struct sc_source *source, uint32_t index, struct elf_segment *ret);
/* elf_notes.c: reads the notes of one PT_NOTE segment into the state. */
sc_err *elf_read_notes(struct sc_source *source, const struct elf_segment *segment);
/* elf_regs.c */
enum sc_cpu elf_guest_cpu(const struct sc_source *source);
sc_err *elf_load_threads(struct sc_source *source, struct sc_threads *ret);
sc_err *elf_load_regs(struct sc_source *source, uint32_t index, struct sc_regs *ret_regs);

#endif
