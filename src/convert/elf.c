/* SPDX-License-Identifier: MIT */
/*
 * ELF cores of physical memory, as QEMU's dump-guest-memory writes them without paging:
 *
 *   ELF header | PT_NOTE, then a PT_LOAD for each run of pages | (section header) | notes | pages
 *
 * p_paddr is the guest's physical address, and p_vaddr the same, as newer QEMUs have it: GDB then
 * reads physical memory (`x/4gx 0x1000`). With 65,534 runs or more, e_phnum is 0xffff and the
 * number stands in the section header's sh_info. 32-bit files hold up to 4 GB of a 32-bit machine;
 * beyond it the file is a 64-bit one, which QEMU does, too. Offsets: src/dump/elf.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "convert/elf.h"

enum {
    EM_386 = 3,
    EM_X86_64 = 62,
    EM_AARCH64 = 183,
    PT_LOAD = 1,
    PT_NOTE = 4,
    XNUM = 0xffff,
    LOADS_MAX = 1 << 20, /* what readers take, ours among them */
    TABLE_PIECE = 1 << 16,
};

struct layout {
    bool wide;                                                /* a 64-bit file */
    uint64_t nloads, notes, notes_size, sections, first_page; /* file offsets */
};

static unsigned ehdr_size(bool wide) { return wide ? 0x40 : 0x34; }
static unsigned phdr_size(bool wide) { return wide ? 0x38 : 0x20; }
static unsigned shdr_size(bool wide) { return wide ? 0x40 : 0x28; }

static uint64_t count_loads(const struct conversion *c) {
    uint64_t from = 0, pfn, count, n = 0;
    for (; n <= LOADS_MAX && conv_selection_next(&c->sel, from, &pfn, &count); n++)
        from = pfn + count;
    return n;
}

static uint64_t up(uint64_t v) { return (v + CONV_PAGE - 1) & ~(uint64_t)(CONV_PAGE - 1); }

static struct layout lay_out(const struct conversion *c, uint64_t nloads, bool wide,
                             uint64_t notes_size) {
    struct layout l = {.wide = wide, .nloads = nloads, .notes_size = notes_size};
    uint64_t behind = ehdr_size(wide) + (nloads + 1) * phdr_size(wide);
    if (nloads + 1 >= XNUM) {
        l.sections = behind;
        behind += shdr_size(wide);
    }
    l.notes = behind;
    l.first_page = up(behind + notes_size);
    (void)c;
    return l;
}

static unsigned machine_of(enum sc_cpu cpu) {
    return cpu == SC_CPU_ARM64 ? EM_AARCH64 : cpu == SC_CPU_X86 ? EM_386 : EM_X86_64;
}

static void make_ehdr(const struct layout *l, enum sc_cpu cpu, uint8_t b[0x40]) {
    unsigned word = l->wide ? 8 : 4, at = 0x18 + word; /* behind e_entry */
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F'};
    bool extended = l->nloads + 1 >= XNUM;
    memset(b, 0, 0x40);
    memcpy(b, magic, sizeof magic);
    b[4] = l->wide ? 2 : 1;
    b[5] = 1; /* little-endian */
    b[6] = 1;
    conv_put(b + 0x10, 4, 2); /* ET_CORE */
    conv_put(b + 0x12, machine_of(cpu), 2);
    conv_put(b + 0x14, 1, 4);
    conv_put(b + at, ehdr_size(l->wide), word);
    conv_put(b + at + word, l->sections, word);
    at += 2 * word + 4; /* e_ehsize */
    conv_put(b + at, ehdr_size(l->wide), 2);
    conv_put(b + at + 2, phdr_size(l->wide), 2);
    conv_put(b + at + 4, extended ? XNUM : l->nloads + 1, 2);
    conv_put(b + at + 6, extended ? shdr_size(l->wide) : 0, 2);
    conv_put(b + at + 8, extended, 2);
}

static void make_phdr(bool wide, uint32_t type, uint64_t offset, uint64_t pa, uint64_t size,
                      uint8_t *b) {
    unsigned word = wide ? 8 : 4;
    uint8_t *p = b + (wide ? 8 : 4);
    const uint64_t field[] = {offset, pa, pa, size, size};
    memset(b, 0, phdr_size(wide));
    conv_put(b, type, 4);
    for (unsigned i = 0; i < 5; i++)
        conv_put(p + i * word, field[i], word);
    conv_put(wide ? b + 4 : b + 0x18, type == PT_LOAD ? 7 : 0, 4); /* readable, writable, code */
}

/* The program headers, some thousand at a time. */
static sc_err *write_phdrs(struct conversion *c, const struct layout *l) {
    uint8_t *b = malloc(TABLE_PIECE + 0x40);
    unsigned size = phdr_size(l->wide);
    size_t len = size;
    uint64_t at = ehdr_size(l->wide), from = 0, pfn, count, offset = l->first_page;
    sc_err *err = b ? NULL : sc_err_nomem();
    if (b)
        make_phdr(l->wide, PT_NOTE, l->notes, 0, l->notes_size, b);
    while (!err && conv_selection_next(&c->sel, from, &pfn, &count)) {
        make_phdr(l->wide, PT_LOAD, offset, pfn * CONV_PAGE, count * CONV_PAGE, b + len);
        len += size;
        offset += count * CONV_PAGE;
        from = pfn + count;
        if (len < TABLE_PIECE)
            continue;
        err = sc_newfile_write(c->out, at, b, len);
        at += len;
        len = 0;
    }
    if (!err)
        err = sc_newfile_write(c->out, at, b, len);
    free(b);
    return err;
}

static sc_err *write_section(struct conversion *c, const struct layout *l) {
    uint8_t b[0x40] = {0};
    if (!l->sections)
        return NULL;
    conv_put(b + (l->wide ? 0x2c : 0x1c), l->nloads + 1, 4);
    return sc_newfile_write(c->out, l->sections, b, shdr_size(l->wide));
}

static sc_err *write_file(struct conversion *c, const struct layout *l,
                          const struct conv_notes *notes) {
    uint8_t ehdr[0x40];
    make_ehdr(l, sc_target_machine(c->target)->cpu, ehdr);
    sc_err *err = sc_newfile_write(c->out, 0, ehdr, ehdr_size(l->wide));
    if (!err)
        err = write_phdrs(c, l);
    if (!err)
        err = write_section(c, l);
    if (!err)
        err = sc_newfile_write(c->out, l->notes, notes->item, notes->count);
    return err ? err : conv_copy_all(c, l->first_page);
}

sc_err *conv_write_elf(struct conversion *c) {
    struct conv_notes notes = {0};
    uint64_t n = count_loads(c);
    uint64_t memory = c->result.pages * CONV_PAGE;
    if (n > LOADS_MAX)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "the pages lie in more than %d pieces: an ELF core of so many is not read "
                       "by others%s",
                       LOADS_MAX, c->is64 ? ": --to bitmap" : "");
    sc_err *err = conv_notes_make(c, (c->is64 ? 0x2000 : 0x1000) + memory, &notes);
    if (!err) {
        struct layout l = lay_out(c, n, false, notes.count);
        bool wide = c->is64 || conv_pages_end(&c->pages) > UINT64_C(1) << 20 ||
                    l.first_page + memory > UINT32_MAX;
        if (wide)
            l = lay_out(c, n, true, notes.count);
        err = write_file(c, &l, &notes);
    }
    SC_VEC_FREE(&notes);
    return err;
}
