/* SPDX-License-Identifier: MIT */
/*
 * From page tables to the kernel: its image is looked for in the addresses that the tables map,
 * and read for what else is to be known.
 *
 * Where: where other tables led to; below a hint (a handler of an interrupt,
 * the entry that the low stub jumps to); else in all that is mapped where kernels are loaded:
 * fffff800`00000000 up to fffff87f`ffffffff (x64 and ARM64, every build so far), from 80000000 on
 * (x86). Then, for all versions:
 *
 *   PsLoadedModuleList, PsInitialSystemProcess   exported
 *   KLDR_DATA_TABLE_ENTRY                        DllBase +0x30, SizeOfImage +0x40; x86 +0x18, +0x20
 *   KPROCESS.DirectoryTableBase                  +0x28 of the process, x86 +0x18
 *   EPROCESS.ActiveProcessLinks                  right behind UniqueProcessId, which is 4; it is
 *                                                the list's first, so its Blink is the head
 *
 * Source: the kernels' own export tables and layouts of the symbol tables of the test corpus.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/pages.h"
#include "mem/space_impl.h"
#include "stopcode/pe.h"
#include "target/find_impl.h"

enum {
    BACK_MAX = 32 << 20, /* how far below a hint the image may begin */
    PROCESS_MAX = 0x1000 /* bytes of an EPROCESS looked at */
};
#define KERNELS_FROM UINT64_C(0xfffff80000000000)
#define KERNELS_TO   UINT64_C(0xfffff87fffffffff)

/* Tables while they are followed. */
struct view {
    struct finder *f;
    enum sc_paging_mode mode;
    enum sc_cpu cpu;
    uint64_t dtb;
    sc_space *virt;
};

enum sc_cpu find_cpu_of(enum sc_paging_mode mode) {
    switch (mode) {
    case SC_PAGING_X86:
    case SC_PAGING_PAE: return SC_CPU_X86;
    case SC_PAGING_X64:
    case SC_PAGING_X64_LA57: return SC_CPU_X64;
    case SC_PAGING_ARM64: return SC_CPU_ARM64;
    default: return SC_CPU_UNKNOWN;
    }
}

bool find_may_be(const struct finder *f, enum sc_paging_mode mode) {
    return f->in->cpu == SC_CPU_UNKNOWN || f->in->cpu == find_cpu_of(mode);
}

uint32_t find_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t find_u64(const uint8_t *p) { return find_u32(p) | (uint64_t)find_u32(p + 4) << 32; }

static bool is32(const struct view *v) { return v->cpu == SC_CPU_X86; }

static struct sc_paging paging_of(const struct finder *f, enum sc_paging_mode mode, uint64_t dtb) {
    return (struct sc_paging){.mode = mode,
                              .root = dtb,
                              .kernel_root = mode == SC_PAGING_ARM64 ? dtb : 0,
                              .soft = sc_soft_pte_of(find_cpu_of(mode), mode == SC_PAGING_PAE, 0),
                              .phys = f->in->phys};
}

static sc_err *open_view(struct finder *f, enum sc_paging_mode mode, uint64_t dtb,
                         struct view *ret) {
    struct sc_paging paging = paging_of(f, mode, dtb);
    struct sc_pages pages;
    *ret = (struct view){.f = f, .mode = mode, .cpu = find_cpu_of(mode), .dtb = dtb};
    sc_err *err = sc_translated_pages(&paging, &pages);
    return err ? err : sc_space_create_pages(pages, is32(ret) ? 4 : 8, f->in->cancel, &ret->virt);
}

/* ---- the image ---- */

static bool is_kernels_name(const char *name) {
    static const char *const starts[] = {"ntoskrnl.", "ntkrnl", "ntkrpamp."};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (!strncmp(name, starts[i], strlen(starts[i])))
            return true;
    return false;
}

/* The name that the export directory has; false when it cannot be read. */
static bool export_name(struct view *v, uint64_t base, const struct find_image *image,
                        char name[16]) {
    uint64_t rva;
    return image->exports && image->exports < image->size &&
           sc_space_uint(v->virt, base + image->exports + 12, 4, &rva) == SC_READ_OK &&
           rva < image->size && sc_space_read(v->virt, base + rva, name, 15, NULL) == SC_READ_OK;
}

static bool is_kernel_at(struct view *v, uint64_t va, struct find_image *ret) {
    uint8_t page[FIND_PAGE];
    char name[16] = "";
    if (sc_space_read(v->virt, va, page, 2, NULL) != SC_READ_OK || page[0] != 'M' ||
        page[1] != 'Z' || sc_space_read(v->virt, va, page, sizeof page, NULL) != SC_READ_OK ||
        !find_kernel_header(page, v->cpu, ret))
        return false;
    return export_name(v, va, ret, name) ? is_kernels_name(name) : ret->named;
}

/* Takes a page from the budget; false: it is used up, or the user wants no more. */
static bool may_look(const struct view *v) {
    struct finder *f = v->f;
    if (!f->budget || (f->in->cancel && atomic_load(f->in->cancel)))
        return false;
    f->budget--;
    return true;
}

/* Where other tables led to: those of another process map the same kernel. */
static bool where_known(struct view *v, uint64_t *ret_base, struct find_image *image) {
    for (unsigned i = 0; i < v->f->nkernels; i++) {
        *ret_base = v->f->kernel[i];
        if (may_look(v) && is_kernel_at(v, *ret_base, image))
            return true;
    }
    return false;
}

static void remember(struct finder *f, uint64_t base) {
    for (unsigned i = 0; i < f->nkernels; i++)
        if (f->kernel[i] == base)
            return;
    if (f->nkernels < FIND_KERNELS_MAX)
        f->kernel[f->nkernels++] = base;
}

static bool below(struct view *v, uint64_t hint, uint64_t *ret_base, struct find_image *image) {
    uint64_t va = hint & ~(uint64_t)(FIND_PAGE - 1);
    uint64_t stop = is32(v) ? 0x80000000 : UINT64_C(1) << 63;
    for (uint64_t left = BACK_MAX; va >= stop && left && may_look(v); left -= FIND_PAGE) {
        *ret_base = va;
        if (is_kernel_at(v, va, image))
            return true;
        va -= FIND_PAGE;
    }
    return false;
}

/* All that is mapped from FROM to TO. */
static bool anywhere(struct view *v, uint64_t from, uint64_t to, uint64_t *ret_base,
                     struct find_image *image) {
    uint64_t at = from, start, size;
    while (at <= to && sc_space_next(v->virt, at, &start, &size) && start <= to) {
        uint64_t last = size - 1 > to - start ? to : start + (size - 1);
        uint64_t va = start < at ? at : start;
        if (!may_look(v)) /* for the tables on the way */
            return false;
        for (; va <= last; va += FIND_PAGE) {
            *ret_base = va;
            if (!may_look(v))
                return false;
            if (is_kernel_at(v, va, image))
                return true;
            if (va > UINT64_MAX - FIND_PAGE)
                return false;
        }
        at = last + 1;
        if (!at)
            return false;
    }
    return false;
}

/* ---- what it says ---- */

/* What cannot be read is not there; but a lack of memory is no answer. */
static sc_err *unless_nomem(sc_err *err) {
    if (sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    sc_err_destroy(err);
    return NULL;
}

/* The address of an export, 0 when there is none that can be read; SC_ERR_NOMEM. */
static sc_err *exported(const sc_pe *pe, uint64_t base, const char *name, uint64_t *ret_va) {
    struct sc_pe_export *e = malloc(sizeof *e);
    if (!e)
        return sc_err_nomem();
    sc_err *err = sc_pe_export_named(pe, name, e);
    *ret_va = !err && e->rva ? base + e->rva : 0;
    free(e);
    return unless_nomem(err);
}

static bool in_image(const struct sc_found *found, uint64_t va) {
    return va - found->kernel_base < found->kernel_size;
}

/* Is HEAD the head of a list, whose first and last entries point back to it? */
static bool is_list(struct view *v, uint64_t head) {
    unsigned ptr = is32(v) ? 4 : 8;
    uint64_t first, last, back, on;
    return head && sc_space_ptr(v->virt, head, &first) == SC_READ_OK &&
           sc_space_ptr(v->virt, head + ptr, &last) == SC_READ_OK &&
           sc_space_ptr(v->virt, first + ptr, &back) == SC_READ_OK && back == head &&
           sc_space_ptr(v->virt, last, &on) == SC_READ_OK && on == head;
}

/* The head of the list of processes, by its first one. */
static uint64_t process_head(struct view *v, const struct sc_found *found, uint64_t process) {
    unsigned ptr = is32(v) ? 4 : 8;
    uint8_t raw[PROCESS_MAX];
    size_t got = 0;
    sc_space_read(v->virt, process, raw, sizeof raw, &got);
    for (size_t i = 0; i + 3 * ptr <= got; i += ptr) {
        uint64_t id = ptr == 4 ? find_u32(raw + i) : find_u64(raw + i);
        const uint8_t *blink = raw + i + 2 * ptr;
        uint64_t head = ptr == 4 ? find_u32(blink) : find_u64(blink);
        if (id == 4 && in_image(found, head) && is_list(v, head))
            return head;
    }
    return 0;
}

/* Tables of the System process in place of a process' that happened to run. */
static void use_system(struct view *v, struct sc_found *found, uint64_t process) {
    uint64_t dtb = 0, mask = v->mode == SC_PAGING_PAE ? 0x1f : 0xfff;
    if (sc_space_ptr(v->virt, process + (is32(v) ? 0x18 : 0x28), &dtb) != SC_READ_OK)
        return;
    dtb &= is32(v) ? ~mask : UINT64_C(0xffffffffff000);
    struct sc_paging paging = paging_of(v->f, v->mode, dtb);
    struct sc_translation theirs, ours;
    sc_translate(&paging, found->kernel_base, &theirs);
    paging.root = v->dtb;
    paging.kernel_root = paging.kernel_root ? v->dtb : 0;
    sc_translate(&paging, found->kernel_base, &ours);
    if (dtb && theirs.status == SC_READ_OK && theirs.pa == ours.pa)
        found->dtb = dtb;
}

/* The debugger data block in the image, if it is plain. */
static bool block_in_image(struct view *v, const struct sc_found *found, uint64_t *ret_va,
                           struct find_block *ret) {
    uint8_t page[FIND_PAGE];
    for (uint64_t rva = 0; rva < found->kernel_size && may_look(v); rva += FIND_PAGE) {
        if (sc_space_read(v->virt, found->kernel_base + rva, page, sizeof page, NULL) != SC_READ_OK)
            continue;
        for (unsigned i = 0; i + FIND_BLOCK_SIZE <= FIND_PAGE; i += 8)
            if (page[i + 0x10] == 'K' && find_block_at(page + i, ret) &&
                ret->kernel_base == found->kernel_base) {
                *ret_va = found->kernel_base + rva + i;
                return true;
            }
    }
    return false;
}

/* The block of this kernel that was seen in physical memory; NULL none. */
static const struct find_block *block_seen(const struct view *v, const struct sc_found *found) {
    for (unsigned i = 0; i < v->f->nblocks; i++)
        if (v->f->block[i].kernel_base == found->kernel_base && v->f->block[i].is64 != is32(v))
            return &v->f->block[i];
    return NULL;
}

/* What the exports did not tell, and where the block is in the image: one seen may be a copy. */
static void use_block(struct view *v, struct sc_found *found) {
    const struct find_block *b = block_seen(v, found);
    struct find_block in_image;
    bool wanted = b || !found->loaded_module_list || !found->active_process_head;
    if (wanted && block_in_image(v, found, &found->debugger_data, &in_image))
        b = &in_image;
    if (!b)
        return;
    if (!found->loaded_module_list && is_list(v, b->module_list))
        found->loaded_module_list = b->module_list;
    if (!found->active_process_head && is_list(v, b->process_head))
        found->active_process_head = b->process_head;
}

/* The variables that the kernel exports: the list's head, and where the process is named. */
static sc_err *read_exports(struct view *v, uint64_t base, uint64_t *ret_modules,
                            uint64_t *ret_process) {
    sc_pe *pe = NULL;
    sc_err *err = unless_nomem(sc_pe_open_memory(v->virt, base, "the kernel", &pe));
    if (!pe)
        return err;
    err = exported(pe, base, "PsLoadedModuleList", ret_modules);
    if (!err)
        err = exported(pe, base, "PsInitialSystemProcess", ret_process);
    sc_pe_close(pe);
    return err;
}

static sc_err *read_kernel(struct view *v, uint64_t base, uint64_t size) {
    struct sc_found *found = &v->f->out;
    *found = (struct sc_found){
        .cpu = v->cpu, .mode = v->mode, .dtb = v->dtb, .kernel_base = base, .kernel_size = size};
    remember(v->f, base);
    uint64_t process = 0, pointer = 0;
    sc_err *err = read_exports(v, base, &found->loaded_module_list, &pointer);
    if (err)
        return err;
    if (!is_list(v, found->loaded_module_list))
        found->loaded_module_list = 0;
    if (pointer && sc_space_ptr(v->virt, pointer, &process) == SC_READ_OK && process) {
        use_system(v, found, process);
        found->active_process_head = process_head(v, found, process);
    }
    use_block(v, found);
    return NULL;
}

/*
 * The size of the kernel that a block names, by its header; where that page is not there, by the
 * kernel's row in the list of modules that the block names, if both its lists are whole. 0: these
 * tables do not map it.
 */
static uint64_t size_of_named(struct view *v, const struct find_block *b) {
    bool wide = !is32(v);
    struct find_image image;
    uint64_t row, base, size;
    if (!may_look(v))
        return 0;
    if (is_kernel_at(v, b->kernel_base, &image))
        return image.size;
    if (!is_list(v, b->module_list) || !is_list(v, b->process_head) ||
        sc_space_ptr(v->virt, b->module_list, &row) != SC_READ_OK ||
        sc_space_ptr(v->virt, row + (wide ? 0x30 : 0x18), &base) != SC_READ_OK ||
        sc_space_uint(v->virt, row + (wide ? 0x40 : 0x20), 4, &size) != SC_READ_OK ||
        base != b->kernel_base || size < FIND_KERNEL_MIN || size > FIND_KERNEL_MAX)
        return 0;
    return size;
}

/* ---- tables ---- */

static bool search(struct view *v, uint64_t hint, uint64_t *ret_base, struct find_image *image) {
    if (where_known(v, ret_base, image) || (hint && below(v, hint, ret_base, image)))
        return true;
    if (is32(v))
        return anywhere(v, 0x80000000, 0xffffffff, ret_base, image);
    return anywhere(v, KERNELS_FROM, KERNELS_TO, ret_base, image);
}

/* Whether tables that were followed could not be, or the user wants no more. */
static sc_err *close_view(struct view *v, sc_err *own_err) {
    sc_err *err = own_err ? own_err : sc_space_trouble(v->virt);
    sc_space_destroy(v->virt);
    if (!err && v->f->in->cancel && atomic_load(v->f->in->cancel))
        err = sc_err_cancelled();
    return err;
}

sc_err *find_through(struct finder *f, const struct find_root *root) {
    if (f->found || !find_may_be(f, root->mode) || f->attempts >= FIND_ATTEMPTS_MAX || !f->budget)
        return NULL;
    f->attempts++;
    struct view v = {0};
    struct find_image image;
    uint64_t base = 0;
    sc_err *err = open_view(f, root->mode, root->dtb, &v);
    if (err)
        return err;
    if (search(&v, root->hint, &base, &image)) {
        err = read_kernel(&v, base, image.size);
        f->found = !err;
    }
    return close_view(&v, err);
}

sc_err *find_named(struct finder *f, const struct find_root *root, const struct find_block *block) {
    struct view v = {0};
    if (block->is64 == (find_cpu_of(root->mode) == SC_CPU_X86))
        return NULL;
    sc_err *err = open_view(f, root->mode, root->dtb, &v);
    if (err)
        return err;
    uint64_t size = size_of_named(&v, block);
    if (size) {
        err = read_kernel(&v, block->kernel_base, size);
        f->found = !err;
    }
    return close_view(&v, err);
}
