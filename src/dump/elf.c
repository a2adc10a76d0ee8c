/* SPDX-License-Identifier: MIT */
/*
 * ELF cores of virtual machines: QEMU's `dump-guest-memory` (`virsh dump --memory-only`) and
 * VirtualBox' `debugvm dumpvmcore`. Physical memory in PT_LOAD segments, processors in notes.
 *
 *   ELF header              32-bit   64-bit      program header     32-bit   64-bit
 *   "\x7f" "ELF"            +0x00    +0x00       p_type             +0x00    +0x00
 *   class 1/2, data 1 (LE)  +0x04    +0x04       p_flags            +0x18    +0x04
 *   e_type (4 = ET_CORE)    +0x10    +0x10       p_offset           +0x04    +0x08
 *   e_machine               +0x12    +0x12       p_vaddr            +0x08    +0x10
 *   e_phoff                 +0x1c    +0x20       p_paddr            +0x0c    +0x18
 *   e_shoff                 +0x20    +0x28       p_filesz           +0x10    +0x20
 *   e_phentsize             +0x2a    +0x36       p_memsz            +0x14    +0x28
 *   e_phnum                 +0x2c    +0x38       (size)             0x20     0x38
 *   (size)                  0x34     0x40
 *
 * With 65,535 program headers or more, e_phnum is 0xffff and the number is the sh_info (+0x1c,
 * +0x2c) of the section header that e_shoff names.
 *
 * p_type 1 is PT_LOAD: p_filesz bytes at p_offset are memory from p_paddr on. p_vaddr is p_paddr,
 * 0, or (`dump-guest-memory -p`) where the page tables map it, and then one page may come several
 * times. p_filesz below p_memsz: the rest is not in the file. p_type 4 is PT_NOTE, see
 * elf_notes.c.
 *
 * QEMU marks a 32-bit guest as EM_386, in a 64-bit file when it has memory above 4 GiB. VirtualBox
 * writes what its own program is, whatever the guest.
 *
 * Sources: the System V ABI; the page at which QEMU's developers describe such a core of Windows
 * with readelf's output of it; facts of QEMU's and VirtualBox' public sources. No real file was at
 * hand.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "dump/elf_impl.h"
#include "dump/kdump_impl.h"
#include "dump/runs.h"

enum { ET_CORE = 4, PT_LOAD = 1, PT_NOTE = 4, PN_XNUM = 0xffff };

static void destroy(struct sc_source *source) {
    struct elf *elf = source->impl;
    if (elf)
        SC_VEC_FREE(&elf->cpus);
    free(elf);
    source->impl = NULL;
}

/* --- program headers -------------------------------------------------------------------------- */

bool elf_segment(const struct sc_source *source, uint32_t index, struct elf_segment *ret) {
    const struct elf *elf = source->impl;
    unsigned word = elf->is64 ? 8 : 4;
    uint64_t at = elf->table + (uint64_t)index * elf->entry_size;
    struct sc_cur c = sc_cur_at(source->file, at, elf->entry_size, "program header");
    ret->type = sc_u32(&c);
    if (elf->is64)
        sc_u32(&c);
    ret->offset = sc_uptr(&c, word);
    ret->vaddr = sc_uptr(&c, word);
    ret->paddr = sc_uptr(&c, word);
    ret->filesz = sc_uptr(&c, word);
    ret->memsz = sc_uptr(&c, word);
    return !sc_cur_failed(&c);
}

/* PN_XNUM: the number stands in a section header. */
static uint32_t extended_number(struct sc_source *s, uint64_t sections) {
    const struct elf *elf = s->impl;
    struct sc_cur c = sc_cur_at(s->file, sections, elf->is64 ? 0x40 : 0x28, "section header");
    sc_cur_skip(&c, elf->is64 ? 0x2c : 0x1c);
    uint32_t number = sc_u32(&c);
    if (!sections || sc_cur_failed(&c)) {
        sc_source_note(s, sections,
                       "the section header that gives the number of program headers is not in the "
                       "file: %d are looked for",
                       PN_XNUM);
        return PN_XNUM;
    }
    return number;
}

/* No more program headers than the file has room for. */
static uint32_t clamp_number(struct sc_source *s, uint64_t number) {
    const struct elf *elf = s->impl;
    uint64_t size = sc_file_size(s->file);
    uint64_t fit = elf->table < size ? (size - elf->table) / elf->entry_size : 0;
    uint64_t kept = number < fit ? number : fit;
    if (kept > ELF_SEGMENTS_MAX)
        kept = ELF_SEGMENTS_MAX;
    if (kept < number)
        sc_source_note(s, elf->table, "of %" PRIu64 " program headers %" PRIu64 " are read: %s",
                       number, kept,
                       kept == fit ? "the file ends there" : "that is as many as are followed");
    return (uint32_t)kept;
}

static sc_err *read_header(struct sc_source *s) {
    struct elf *elf = s->impl;
    struct sc_cur c = sc_cur_at(s->file, 0, 0x40, "ELF header");
    sc_cur_skip(&c, 4);
    unsigned class = sc_u8(&c), data = sc_u8(&c);
    sc_cur_skip(&c, 10);
    unsigned type = sc_u16(&c);
    elf->machine = sc_u16(&c);
    elf->is64 = class == 2;
    unsigned word = elf->is64 ? 8 : 4;
    sc_u32(&c);
    sc_uptr(&c, word); /* e_entry */
    elf->table = sc_uptr(&c, word);
    uint64_t sections = sc_uptr(&c, word);
    sc_u32(&c);
    sc_u16(&c);
    elf->entry_size = sc_u16(&c);
    uint32_t number = sc_u16(&c);
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    if ((class != 1 && class != 2) || data != 1 || type != ET_CORE)
        return sc_errf(SC_ERR_UNSUPPORTED, "%s: this is no little-endian ELF core",
                       sc_file_name(s->file));
    if (elf->entry_size < (elf->is64 ? 0x38 : 0x20))
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(s->file), elf->is64 ? 0x36 : 0x2a,
                         "ELF header: program headers of 0x%x bytes are too small",
                         elf->entry_size);
    if (number == PN_XNUM)
        number = extended_number(s, sections);
    elf->nsegments = clamp_number(s, number);
    return NULL;
}

/* --- what is in it ---------------------------------------------------------------------------- */

/* Notes are read, memory is counted. */
static sc_err *survey(struct sc_source *s) {
    struct elf *elf = s->impl;
    unsigned nnotes = 0;
    for (uint32_t i = 0; i < elf->nsegments; i++) {
        struct elf_segment seg;
        if (!elf_segment(s, i, &seg))
            return sc_err_at(SC_ERR_IO, sc_file_name(s->file),
                             elf->table + (uint64_t)i * elf->entry_size, "read failed");
        if (seg.type == PT_LOAD && seg.filesz) {
            elf->nloads++;
            elf->physical = elf->physical || seg.paddr;
        }
        if (seg.type != PT_NOTE || nnotes++ >= ELF_NOTE_SEGMENTS_MAX)
            continue;
        sc_err *err = elf_read_notes(s, &seg);
        if (err)
            return err;
    }
    elf->physical = elf->physical || elf->nloads == 1;
    if (nnotes > ELF_NOTE_SEGMENTS_MAX)
        sc_source_note(s, elf->table, "of %u segments of notes %d are read", nnotes,
                       ELF_NOTE_SEGMENTS_MAX);
    return NULL;
}

/* Is it the memory of a machine, and could Windows have run on it? */
static sc_err *check(const struct sc_source *s) {
    const struct elf *elf = s->impl;
    const char *name = sc_file_name(s->file);
    bool machine = elf->vbox || elf->nqemu;
    if (elf->machine != ELF_386 && elf->machine != ELF_X86_64 && elf->machine != ELF_AARCH64)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s: this is an ELF core of a processor (e_machine %u) that no Windows read "
                       "here runs on",
                       name, elf->machine);
    if (elf->linux_kernel)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s: this is the memory of a Linux kernel: use crash or drgn", name);
    if (!machine && (elf->linux_process || (elf->nloads && !elf->physical)))
        return sc_errf(SC_ERR_UNSUPPORTED, "%s: this is the core of a Linux process: use gdb",
                       name);
    if (!elf->nloads)
        return sc_errf(SC_ERR_FORMAT, "%s: this ELF core holds no memory", name);
    return NULL;
}

static sc_err *open_pages(struct sc_source *s, struct sc_pages *ret_pages) {
    const struct elf *elf = s->impl;
    struct sc_ranges runs = {0};
    uint64_t missing = 0, first_missing = 0;
    for (uint32_t i = 0; i < elf->nsegments; i++) {
        struct elf_segment seg;
        if (!elf_segment(s, i, &seg) || seg.type != PT_LOAD)
            continue;
        uint64_t size = seg.filesz < seg.memsz ? seg.filesz : seg.memsz;
        if (size < seg.memsz && !missing++)
            first_missing = seg.paddr;
        if (!size)
            continue;
        struct sc_range *run = SC_VEC_PUSH(&runs);
        if (!run) {
            SC_VEC_FREE(&runs);
            return sc_err_nomem();
        }
        *run = (struct sc_range){seg.paddr, size, seg.offset};
    }
    if (missing)
        sc_source_note(s, SC_UNSET64,
                       "of %" PRIu64 " ranges of memory the file lacks bytes that it claims, first "
                       "of the one at 0x%" PRIx64,
                       missing, first_missing);
    return sc_runs_pages(s, &runs, ret_pages);
}

static const struct sc_source_ops ops = {
    .name = "ELF core",
    .destroy = destroy,
    .open_pages = open_pages,
    .load_threads = elf_load_threads,
    .load_regs = elf_load_regs,
};
/* The notes name no processor: the target finds them in memory. */
static const struct sc_source_ops ops_without_cpus = {
    .name = "ELF core",
    .destroy = destroy,
    .open_pages = open_pages,
};

struct elf *elf_of(const struct sc_source *source) {
    bool is = source && (source->ops == &ops || source->ops == &ops_without_cpus);
    return is ? source->impl : NULL;
}

/*
 * What the dump header says that the guest's driver left. It was made when the driver started: no
 * bug check has its parameters there (the first is the address of a debugger data block that is
 * not encoded), and its times are old. One with a context was made at a stop: it is the header of
 * the dump that this core was converted from, and all of it is true.
 */
static sc_err *use_guests_header(struct sc_source *s) {
    const struct elf *elf = s->impl;
    struct sc_machine *m = &s->machine;
    enum sc_cpu cpu = m->cpu;
    uint32_t ncpus = m->ncpus;
    struct sc_kdump_header h;
    sc_err *err = sc_kdump_read_header(s, elf->windows.offset, elf->windows64, &h);
    if (err)
        return err;
    if (sc_cpu_from_machine((uint16_t)h.machine_type) != cpu && cpu != SC_CPU_UNKNOWN) {
        sc_source_note(s, elf->windows.offset,
                       "the guest's dump header is of another processor (0x%x): it is not used",
                       h.machine_type);
        return NULL;
    }
    if (!sc_kdump_set_machine(s, &h))
        return sc_err_nomem();
    m->ncpus = ncpus ? ncpus : m->ncpus;
    if (m->event_context_off != SC_UNSET64) {
        sc_kdump_set_exception(s, h.exception_offset, h.is64);
        return NULL;
    }
    m->has_bugcheck = false;
    m->time = 0;
    m->uptime = SC_UNSET64;
    return NULL;
}

sc_err *sc_elf_open(struct sc_source *source) {
    struct elf *elf = calloc(1, sizeof *elf);
    if (!elf)
        return sc_err_nomem();
    source->impl = elf;
    source->ops = &ops;
    sc_err *err = read_header(source);
    if (!err)
        err = survey(source);
    if (!err)
        err = check(source);
    if (err)
        return err;
    if (!elf->cpus.count)
        source->ops = &ops_without_cpus;
    struct sc_machine *m = &source->machine;
    m->kernel = true;
    m->cpu = elf_guest_cpu(source);
    m->ncpus = (uint32_t)elf->cpus.count;
    return elf->windows.size ? use_guests_header(source) : NULL;
}
