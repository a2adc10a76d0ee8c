/* SPDX-License-Identifier: MIT */
/* The world as a dump of whole memory: what a container needs to be written, and page files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"

enum { PAGEFILES = 16, PAGEFILE_PAGES = 0x100000, LIVE_SYSTEM_DUMP = 0x161 };

struct forge_world_dump {
    struct forge_pool pool;
    struct forge_whole whole;
    struct forge_exception exception;
    uint8_t context[sizeof(((struct sc_regs *)0)->raw)];
    struct forge_physmem *mem;
    struct forge_mmu *mmu;
    unsigned space; /* of the current process */
    FORGE_LIST(forge_whole_cpu) cpus;
    FORGE_LIST(forge_whole_map) maps;
    FORGE_LIST(forge_ram) kernel, active;
    FORGE_LIST(forge_blob) blobs;
    struct forge_physmem *file[PAGEFILES];
    uint64_t file_size[PAGEFILES];
};

static uint64_t global(const struct forge_world *w, const char *name) {
    const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
    return s ? s->addr : 0;
}

/* ---- what partial dumps keep ---- */

struct frames {
    struct forge_world_dump *d;
    const struct forge_world *w;
    uint8_t *kernel, *active; /* a byte for each frame */
    uint64_t count;
};

static void mark(struct frames *f, uint64_t pa, uint64_t size, bool kernel) {
    for (uint64_t pfn = pa / FORGE_FRAME; pfn < (pa + size) / FORGE_FRAME && pfn < f->count;
         pfn++) {
        f->active[pfn] = 1;
        f->kernel[pfn] |= kernel;
    }
}

static void visit(void *ctx, const struct forge_visit *v) {
    struct frames *f = ctx;
    bool kernel = v->table || !forge_world_is_user(f->w, v->va);
    mark(f, v->pa & ~(uint64_t)(FORGE_FRAME - 1), v->size, kernel);
    if (!v->table && (kernel || v->space == f->d->space))
        *FORGE_PUSH(&f->d->pool, &f->d->maps) = (struct forge_whole_map){v->va, v->pa, v->size};
}

/* Frames with their mark set as runs of RAM. */
#define ADD_RUNS(f, marks, list)                                                                   \
    for (uint64_t pfn = 0; pfn < (f)->count; pfn++) {                                              \
        if (!(marks)[pfn] || !forge_physmem_is_ram((f)->w->phys, pfn * FORGE_FRAME))               \
            continue;                                                                              \
        if ((list)->count &&                                                                       \
            (list)->item[(list)->count - 1].start + (list)->item[(list)->count - 1].size ==        \
                pfn * FORGE_FRAME)                                                                 \
            (list)->item[(list)->count - 1].size += FORGE_FRAME;                                   \
        else                                                                                       \
            *FORGE_PUSH(&(f)->d->pool, (list)) =                                                   \
                (struct forge_ram){pfn * FORGE_FRAME, FORGE_FRAME};                                \
    }

static void find_frames(const struct forge_world *w, struct forge_world_dump *d) {
    struct frames f = {.d = d, .w = w, .count = forge_physmem_end(w->phys) / FORGE_FRAME};
    f.kernel = calloc((size_t)f.count, 1);
    f.active = calloc((size_t)f.count, 1);
    if (!f.kernel || !f.active)
        abort();
    forge_mmu_visit(w->mmu, visit, &f);
    for (size_t i = 0; i < w->ptes.count; i++)
        if (w->ptes.item[i].pa)
            mark(&f, w->ptes.item[i].pa, FORGE_FRAME, !forge_world_is_user(w, w->ptes.item[i].va));
    ADD_RUNS(&f, f.kernel, &d->kernel)
    ADD_RUNS(&f, f.active, &d->active)
    free(f.kernel);
    free(f.active);
}

/* ---- processors ---- */

static uint64_t word(const struct forge_world *w, uint64_t at) {
    uint8_t b[8] = {0};
    uint64_t v = 0;
    forge_memmap_get(&w->mem, at, b, w->ptr_size);
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | b[i];
    return v;
}

/* A descriptor register of the special registers: base and limit. */
static uint64_t descriptor(const struct forge_world *w, uint64_t special, const char *name,
                           uint16_t *ret_limit) {
    struct forge_place p;
    uint8_t b[2];
    *ret_limit = 0;
    if (!forge_world_offset(w, "_KSPECIAL_REGISTERS", name, &p))
        return 0;
    forge_memmap_get(&w->mem, special + p.offset + w->ptr_size - 2, b, 2);
    *ret_limit = (uint16_t)(b[0] | b[1] << 8);
    return word(w, special + p.offset + w->ptr_size);
}

static void add_cpu(const struct forge_world *w, struct forge_world_dump *d, unsigned n) {
    struct forge_whole_cpu *c = FORGE_PUSH(&d->pool, &d->cpus);
    struct forge_place context, special, in;
    uint64_t prcb = w->prcb[n], at;
    c->regs = w->regs;
    if (n != w->s->cpu.current &&
        forge_world_offset(w, "_KPRCB", "ProcessorState.ContextFrame", &context))
        forge_memmap_get(&w->mem, prcb + context.offset, c->regs.raw, c->regs.size);
    if (!forge_world_offset(w, "_KPRCB", "ProcessorState.SpecialRegisters", &special))
        return;
    at = prcb + special.offset;
    c->cr0 = forge_world_read(w, "_KSPECIAL_REGISTERS", at, "Cr0");
    c->cr2 = forge_world_read(w, "_KSPECIAL_REGISTERS", at, "Cr2");
    c->cr3 = forge_world_read(w, "_KSPECIAL_REGISTERS", at, "Cr3");
    c->cr4 = forge_world_read(w, "_KSPECIAL_REGISTERS", at, "Cr4");
    c->idt = descriptor(w, at, "Idtr", &c->idt_limit);
    c->gdt = descriptor(w, at, "Gdtr", &c->gdt_limit);
    c->tr = w->is32 ? 0x28 : 0x40;
    if (!forge_world_offset(w, "_KPCR", w->is32 ? "PrcbData" : "Prcb", &in))
        return;
    uint64_t pcr = prcb - in.offset;
    c->tr_base = forge_world_read(w, "_KPCR", pcr, "TssBase|TSS");
    if (w->is32) {
        c->fs_base = pcr;
        return;
    }
    /* In the kernel GS is the processor's; the other base is the thread's. */
    c->gs_base = pcr;
    c->kernel_gs_base = forge_world_read(w, "_ETHREAD", w->thread, "Tcb.Teb");
}

/* ---- page files ---- */

struct pagefiles {
    struct forge_world *w;
    struct forge_world_dump *d;
};

static bool put_page(void *ctx, unsigned line, unsigned n, uint64_t page,
                     const uint8_t bytes[FORGE_FRAME]) {
    struct forge_world_dump *d = ((struct pagefiles *)ctx)->d;
    if (page >= PAGEFILE_PAGES)
        return forge_wrong(((struct pagefiles *)ctx)->w->s, line,
                           "pagefile: it has at most %x pages here", PAGEFILE_PAGES);
    if (!d->file[n]) {
        d->file[n] = forge_physmem_new();
        forge_physmem_add(d->file[n], 0, (uint64_t)PAGEFILE_PAGES * FORGE_FRAME);
    }
    forge_physmem_write(d->file[n], page * FORGE_FRAME, bytes, FORGE_FRAME);
    if (d->file_size[n] < (page + 1) * FORGE_FRAME)
        d->file_size[n] = (page + 1) * FORGE_FRAME;
    return true;
}

static bool put_pagefiles(struct forge_world *w, struct forge_world_dump *d) {
    struct pagefiles files = {w, d};
    uint8_t bytes[FORGE_FRAME];
    for (size_t i = 0; i < w->ptes.count; i++) {
        const struct forge_wpte *p = &w->ptes.item[i];
        bool own = p->process->current || !forge_world_is_user(w, p->va);
        if (!forge_world_pte_in_file(p))
            continue;
        forge_memmap_get(own ? &w->mem : &p->process->mem, p->va, bytes, sizeof bytes);
        if (!put_page(&files, p->scn->line, p->scn->file, p->scn->page, bytes))
            return false;
    }
    return forge_world_trims(w, put_page, &files);
}

/* ---- all of it ---- */

static void put_machine(struct forge_world *w, struct forge_world_dump *d) {
    const struct forge_scenario *s = w->s;
    struct forge_whole *h = &d->whole;
    *h = (struct forge_whole){.kind = s->whole,
                              .mem = d->mem,
                              .is32 = w->is32,
                              .pae = s->machine.paging == FORGE_PAGING_PAE,
                              .machine = s->cpu.machine,
                              .major = s->os.checked ? 12 : 15,
                              .build = s->os.build,
                              .bugcheck = (uint32_t)s->bugcheck.code,
                              .dtb = w->dtb,
                              .pfn_database = global(w, "MmPfnDatabase"),
                              .loaded_module_list = global(w, "PsLoadedModuleList"),
                              .active_process_head = global(w, "PsActiveProcessHead"),
                              .debugger_data = global(w, "KdDebuggerDataBlock"),
                              .time = s->time,
                              .uptime = s->uptime,
                              .product_type = s->os.product ? s->os.product : 1,
                              .suite_mask = 0x110,
                              .context = d->context,
                              .context_size = w->regs.size,
                              .exception = &d->exception,
                              .cpu = d->cpus.item,
                              .ncpus = d->cpus.count,
                              .kernel = d->kernel.item,
                              .nkernel = d->kernel.count,
                              .active = d->active.item,
                              .nactive = d->active.count,
                              .map = d->maps.item,
                              .nmaps = d->maps.count,
                              .blob = d->blobs.item,
                              .nblobs = d->blobs.count};
    if (s->whole == FORGE_WHOLE_LIVE && !s->bugcheck.line)
        h->bugcheck = LIVE_SYSTEM_DUMP;
    if (s->comment)
        h->comment = forge_pool_text(&d->pool, s->comment, strlen(s->comment));
    memcpy(d->context, w->regs.raw, w->regs.size);
}

/* What `secondary` lines put behind the dump. */
static bool put_blobs(struct forge_world *w, struct forge_world_dump *d) {
    for (size_t i = 0; i < w->s->secondary.count; i++) {
        const struct forge_scn_secondary *v = &w->s->secondary.item[i];
        struct forge_bytes bytes = {0};
        if (w->s->whole != FORGE_WHOLE_FULL && w->s->whole != FORGE_WHOLE_BITMAP)
            return forge_wrong(w->s, v->line, "secondary: %s dumps have none",
                               forge_whole_name(w->s->whole));
        if (!forge_world_bytes(w, v->line, &v->words, &bytes))
            return false;
        uint8_t *copy = forge_pool_get(&d->pool, bytes.size + 1);
        if (bytes.size)
            memcpy(copy, bytes.data, bytes.size);
        struct forge_blob *b = FORGE_PUSH(&d->pool, &d->blobs);
        *b = (struct forge_blob){.data = copy, .size = (uint32_t)bytes.size};
        memcpy(b->guid, v->guid, sizeof b->guid);
        forge_bytes_free(&bytes);
    }
    return true;
}

bool forge_world_whole(struct forge_world *w, struct forge_output *out) {
    struct forge_world_dump *d = calloc(1, sizeof *d);
    struct forge_wprocess *current;
    if (!d)
        abort();
    out->memory = d;
    if (!forge_world_need_process(w, 0, 0, &current))
        return false;
    d->space = current->space;
    find_frames(w, d);
    for (unsigned n = 0; n < w->ncpus; n++)
        add_cpu(w, d, n);
    if (!put_pagefiles(w, d) || !put_blobs(w, d))
        return false;
    d->mem = w->phys;
    d->mmu = w->mmu;
    w->phys = NULL;
    w->mmu = NULL;
    put_machine(w, d);
    return forge_world_bugcheck(w, d->whole.arg) && forge_world_exception(w, &d->exception);
}

void forge_world_dump_free(struct forge_world_dump *d) {
    if (!d)
        return;
    for (unsigned i = 0; i < PAGEFILES; i++)
        forge_physmem_free(d->file[i]);
    forge_mmu_free(d->mmu);
    forge_physmem_free(d->mem);
    forge_pool_free(&d->pool);
    free(d);
}

/* ---- what is written ---- */

const struct forge_whole *forge_output_whole(const struct forge_output *o) {
    return o->memory ? &o->memory->whole : NULL;
}

const struct forge_mmu *forge_output_mmu(const struct forge_output *o, unsigned *ret_space) {
    if (!o->memory)
        return NULL;
    *ret_space = o->memory->space;
    return o->memory->mmu;
}

bool forge_output_bytes(const struct forge_output *o, struct forge_bytes *ret, char *why) {
    struct forge_bytes copy = {.size = o->dump.size};
    if (o->memory)
        return forge_whole_bytes(&o->memory->whole, ret, why);
    copy.data = malloc(copy.size ? copy.size : 1);
    if (!copy.data)
        abort();
    if (copy.size)
        memcpy(copy.data, o->dump.data, copy.size);
    *ret = copy;
    return true;
}

/* The state file is the first side, then page files in their order; -1: the state file. */
static int side_of(const struct forge_output *o, size_t side) {
    bool state = o->memory->whole.kind == FORGE_WHOLE_VMEM;
    if (state && side-- == 0)
        return -1;
    for (int i = 0; i < PAGEFILES; i++)
        if (o->memory->file[i] && side-- == 0)
            return i;
    return PAGEFILES;
}

size_t forge_output_sides(const struct forge_output *o) {
    size_t n = 0;
    while (o->memory && side_of(o, n) != PAGEFILES)
        n++;
    return n;
}

char *forge_output_side_name(const struct forge_output *o, size_t side, const char *dump) {
    size_t len = strlen(dump), room = len + 32;
    char *name = malloc(room);
    int which = side_of(o, side);
    if (!name)
        abort();
    if (which >= 0)
        snprintf(name, room, "%s.pagefile%d", dump, which);
    else
        snprintf(name, room, "%.*s.vmss",
                 (int)(len > 5 && !strcmp(dump + len - 5, ".vmem") ? len - 5 : len), dump);
    return name;
}

bool forge_output_side_write(const struct forge_output *o, size_t side, int fd, char *why) {
    int which = side_of(o, side);
    struct forge_stream s = {.fd = fd};
    if (which < 0)
        return forge_whole_write_vmss(&o->memory->whole, fd, why);
    forge_stream_memory(&s, o->memory->file[which], 0, o->memory->file_size[which]);
    if (!forge_stream_end(&s))
        snprintf(why, FORGE_WHOLE_WHY, "page file: it cannot be written");
    return !s.failed;
}
