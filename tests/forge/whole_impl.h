/* SPDX-License-Identifier: MIT */
/* What the writers of whole memory share. */
#ifndef STOPCODE_TESTS_FORGE_WHOLE_IMPL_H
#define STOPCODE_TESTS_FORGE_WHOLE_IMPL_H

#include "forge/stream.h"
#include "forge/wholes.h"

/* The runs that KIND keeps: all RAM, what is in use, the kernel's. */
size_t whole_runs(const struct forge_whole *w, const struct forge_ram **ret);
uint64_t whole_run_pages(const struct forge_ram *run, size_t n);
/* DUMP_HEADER32/64 of TYPE into F, which is empty; SPACE: RequiredDumpSpace. */
void whole_header(const struct forge_whole *w, struct forge *f, uint32_t type, uint64_t space,
                  bool with_runs);

void whole_write_full(const struct forge_whole *w, struct forge_stream *s);
void whole_write_summary(const struct forge_whole *w, struct forge_stream *s);
void whole_write_bitmap(const struct forge_whole *w, struct forge_stream *s);
void whole_write_rdmp(const struct forge_whole *w, struct forge_stream *s);
void whole_write_elf(const struct forge_whole *w, struct forge_stream *s);
void whole_write_vbox(const struct forge_whole *w, struct forge_stream *s);
void whole_write_raw(const struct forge_whole *w, struct forge_stream *s);
void whole_write_lime(const struct forge_whole *w, struct forge_stream *s);
void whole_write_vmem(const struct forge_whole *w, struct forge_stream *s);
/* INLINE: with the memory in it. */
void whole_write_vmss(const struct forge_whole *w, struct forge_stream *s, bool in_it);

/* ---- ELF ---- */

enum { WHOLE_ELF_X86 = 3, WHOLE_ELF_X64 = 62, WHOLE_ELF_ARM64 = 183 };
struct whole_load {
    uint64_t offset, va, pa, file_size, size;
};
/* The ELF header and the program headers: a PT_NOTE of NOTES_SIZE bytes behind them, then LOADS. */
void whole_elf_headers(struct forge *f, bool is32, unsigned machine, uint64_t notes_size,
                       const struct whole_load *load, size_t nloads);
uint64_t whole_elf_headers_size(bool is32, size_t nloads);
void whole_elf_note(struct forge *f, const char *name, uint32_t type, const void *data,
                    size_t size);
/* A register of a processor by its name in the debugger; 0 when it has none. */
uint64_t whole_reg(const struct forge_whole_cpu *cpu, const char *name);

#endif
