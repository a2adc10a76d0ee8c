/* SPDX-License-Identifier: MIT */
/*
 * User minidumps from a description. Each stream is a row of the table at the end: whether it is
 * there, and the function that writes it. A writer puts the strings, contexts and bytes that its
 * records name in front of the stream, so that their places are known; only the full memory comes
 * behind its list.
 */
#include "forge/mdmp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIRECTORY = 0x20, ROW = 0x0c };

struct build {
    struct forge *f;
    struct forge_mdmp *m;
    uint32_t type; /* of the stream being written */
    uint32_t start;
    uint32_t *stack; /* where the threads' stacks are, once their stream is written */
};

static uint32_t here(const struct build *b) { return (uint32_t)forge_here(b->f); }

/* The stream begins here … */
static void begin(struct build *b) {
    forge_align(b->f, 4);
    b->start = here(b);
}

/* … and ends here: a row of the directory. */
static void end(struct build *b) {
    struct forge_mdmp *m = b->m;
    uint64_t at = DIRECTORY + ROW * m->nrows;
    struct forge_mdmp_row row = {b->type, here(b) - b->start, b->start};
    if (m->nrows == FORGE_MDMP_ROWS) {
        forge_fail(b->f, "more than %d streams", FORGE_MDMP_ROWS);
        return;
    }
    m->row[m->nrows++] = row;
    forge_poke(b->f, at, 4, row.type);
    forge_poke(b->f, at + 4, 4, row.size);
    forge_poke(b->f, at + 8, 4, row.rva);
}

/* Offsets of what the records name; freed by the caller. Never NULL unless the build failed. */
static uint32_t *places(struct build *b, size_t count) {
    uint32_t *rva = calloc(count + 1, sizeof *rva);
    if (!rva)
        forge_fail(b->f, "out of memory");
    return rva;
}

uint32_t forge_mdmp_string(struct forge *f, const char *utf8) {
    forge_align(f, 4);
    uint32_t rva = (uint32_t)forge_here(f);
    forge_u32(f, 0);
    forge_poke(f, rva, 4, 2 * forge_utf16(f, utf8));
    forge_u16(f, 0);
    return rva;
}

uint32_t forge_mdmp_utf8(struct forge *f, const char *utf8) {
    forge_align(f, 4);
    uint32_t rva = (uint32_t)forge_here(f);
    forge_u32(f, (uint32_t)strlen(utf8));
    forge_put(f, utf8, strlen(utf8) + 1);
    return rva;
}

static uint32_t string(struct build *b, const char *utf8) {
    return utf8 ? forge_mdmp_string(b->f, utf8) : 0;
}

static uint32_t blob(struct build *b, const void *data, uint64_t size) {
    if (!data || !size)
        return 0;
    forge_align(b->f, 4);
    uint32_t rva = here(b);
    forge_put(b->f, data, size);
    return rva;
}

static void location(struct build *b, uint32_t size, uint32_t rva) {
    forge_u32(b->f, rva ? size : 0);
    forge_u32(b->f, rva);
}

/* UTF-16 in a field of SIZE bytes, cut to leave a NUL. */
static void fixed(struct build *b, const char *utf8, size_t size) {
    uint64_t start = forge_here(b->f);
    if (utf8 && 2 * forge_utf16(b->f, utf8) + 2 > size)
        forge_fail(b->f, "text too long for its field: %s", utf8);
    forge_pad_to(b->f, start + size);
}

static void count(struct build *b, size_t n) {
    forge_u32(b->f, (uint32_t)n);
    if (b->m->padded)
        forge_u32(b->f, 0);
}

static void write_system(struct build *b) {
    const struct forge_mdmp *m = b->m;
    uint32_t csd = string(b, m->csd);
    begin(b);
    forge_u16(b->f, m->arch);
    forge_u16(b->f, 6);
    forge_u16(b->f, 0x0a09);
    forge_u8(b->f, m->ncpus);
    forge_u8(b->f, m->product_type);
    forge_u32(b->f, m->major);
    forge_u32(b->f, m->minor);
    forge_u32(b->f, m->build);
    forge_u32(b->f, m->platform ? m->platform : FORGE_WIN32_NT);
    forge_u32(b->f, csd);
    forge_u16(b->f, m->suite_mask);
    forge_u16(b->f, 0);
    forge_put(b->f, m->vendor, 12);
    forge_u32(b->f, 0x6d8);
    forge_u32(b->f, 0xafe9fbff);
    forge_u32(b->f, 0);
    end(b);
}

static void write_thread(struct build *b, const struct forge_mdmp_thread *t, uint32_t stack,
                         uint32_t context) {
    forge_u32(b->f, t->tid);
    forge_u32(b->f, t->suspend);
    forge_u32(b->f, t->priority_class);
    forge_u32(b->f, t->priority);
    forge_u64(b->f, t->teb);
    forge_u64(b->f, t->stack);
    forge_u32(b->f, t->stack_size);
    forge_u32(b->f, stack);
    location(b, t->context_size, context);
    if (b->m->thread_ex)
        forge_fill(b->f, 0, 0x10); /* BackingStore */
}

static void write_threads(struct build *b) {
    const struct forge_mdmp *m = b->m;
    uint32_t *rva = places(b, 2 * m->nthreads);
    for (size_t i = 0; rva && i < m->nthreads; i++) {
        rva[2 * i] = blob(b, m->threads[i].stack_data, m->threads[i].stack_size);
        rva[2 * i + 1] = blob(b, m->threads[i].context, m->threads[i].context_size);
    }
    begin(b);
    count(b, m->nthreads);
    for (size_t i = 0; rva && i < m->nthreads; i++)
        write_thread(b, &m->threads[i], rva[2 * i], rva[2 * i + 1]);
    end(b);
    b->stack = places(b, m->nthreads);
    for (size_t i = 0; rva && b->stack && i < m->nthreads; i++)
        b->stack[i] = rva[2 * i];
    free(rva);
}

static void write_thread_names(struct build *b) {
    const struct forge_mdmp *m = b->m;
    uint32_t *rva = places(b, m->nthreads), named = 0;
    for (size_t i = 0; rva && i < m->nthreads; i++) {
        rva[i] = string(b, m->threads[i].name);
        named += rva[i] != 0;
    }
    begin(b);
    forge_u32(b->f, named);
    for (size_t i = 0; rva && i < m->nthreads; i++) {
        if (!rva[i])
            continue;
        forge_u32(b->f, m->threads[i].tid);
        forge_u64(b->f, rva[i]);
    }
    end(b);
    free(rva);
}

static void write_info(struct build *b, uint32_t tid, const struct forge_mdmp_info *info) {
    forge_u32(b->f, tid);
    forge_u32(b->f, info->dump_flags);
    forge_u32(b->f, 0);
    forge_u32(b->f, info->exit_status);
    forge_u64(b->f, info->create_time);
    forge_u64(b->f, info->exit_time);
    forge_u64(b->f, info->kernel_time);
    forge_u64(b->f, info->user_time);
    forge_u64(b->f, info->start_address);
    forge_u64(b->f, info->affinity);
}

static void write_thread_infos(struct build *b) {
    const struct forge_mdmp *m = b->m;
    uint32_t infos = 0;
    for (size_t i = 0; i < m->nthreads; i++)
        infos += m->threads[i].info != NULL;
    begin(b);
    forge_u32(b->f, 0x0c);
    forge_u32(b->f, 0x40);
    forge_u32(b->f, infos);
    for (size_t i = 0; i < m->nthreads; i++)
        if (m->threads[i].info)
            write_info(b, m->threads[i].tid, m->threads[i].info);
    end(b);
}

/* The CodeView record; *RET_SIZE is its size. */
static uint32_t write_codeview(struct build *b, const struct forge_mdmp_module *m,
                               uint32_t *ret_size) {
    *ret_size = m->cv_size;
    if (m->cv || !m->pdb)
        return blob(b, m->cv, m->cv_size);
    forge_align(b->f, 4);
    uint32_t rva = here(b);
    forge_put(b->f, "RSDS", 4);
    forge_put(b->f, m->guid, 16);
    forge_u32(b->f, m->age);
    forge_put(b->f, m->pdb, strlen(m->pdb) + 1);
    *ret_size = here(b) - rva;
    return rva;
}

static uint32_t write_debug_misc(struct build *b, const char *name, uint32_t *ret_size) {
    *ret_size = 0;
    if (!name)
        return 0;
    forge_align(b->f, 4);
    uint32_t rva = here(b);
    *ret_size = (uint32_t)(12 + strlen(name) + 1);
    forge_u32(b->f, 1);
    forge_u32(b->f, *ret_size);
    forge_u32(b->f, 0); /* Unicode and three bytes */
    forge_put(b->f, name, strlen(name) + 1);
    return rva;
}

static void write_version(struct build *b, const uint16_t *v) {
    bool none = !v[0] && !v[1] && !v[2] && !v[3];
    uint32_t high = (uint32_t)v[0] << 16 | v[1], low = (uint32_t)v[2] << 16 | v[3];
    uint32_t info[13] = {0xfeef04bd, 0x10000, high, low, high, low, 0x3f, 0, 0x40004, 2};
    for (int i = 0; i < 13; i++)
        forge_u32(b->f, none ? 0 : info[i]);
}

enum { NAME, CV, CV_SIZE, MISC, MISC_SIZE, MODULE_PLACES };

static void write_modules(struct build *b) {
    const struct forge_mdmp *m = b->m;
    uint32_t *rva = places(b, MODULE_PLACES * m->nmodules), *p = rva;
    for (size_t i = 0; rva && i < m->nmodules; i++, p += MODULE_PLACES) {
        p[NAME] = string(b, m->modules[i].path);
        p[CV] = write_codeview(b, &m->modules[i], &p[CV_SIZE]);
        p[MISC] = write_debug_misc(b, m->modules[i].misc, &p[MISC_SIZE]);
    }
    begin(b);
    count(b, m->nmodules);
    p = rva;
    for (size_t i = 0; rva && i < m->nmodules; i++, p += MODULE_PLACES) {
        forge_u64(b->f, m->modules[i].base);
        forge_u32(b->f, m->modules[i].size);
        forge_u32(b->f, m->modules[i].checksum);
        forge_u32(b->f, m->modules[i].timestamp);
        forge_u32(b->f, p[NAME]);
        write_version(b, m->modules[i].version);
        location(b, p[CV_SIZE], p[CV]);
        location(b, p[MISC_SIZE], p[MISC]);
        forge_fill(b->f, 0, 16);
    }
    end(b);
    free(rva);
}

static void write_unloaded(struct build *b) {
    const struct forge_mdmp *m = b->m;
    uint32_t *rva = places(b, m->nunloaded);
    for (size_t i = 0; rva && i < m->nunloaded; i++)
        rva[i] = string(b, m->unloaded[i].name);
    begin(b);
    forge_u32(b->f, 0x0c);
    forge_u32(b->f, 0x18);
    forge_u32(b->f, (uint32_t)m->nunloaded);
    for (size_t i = 0; rva && i < m->nunloaded; i++) {
        forge_u64(b->f, m->unloaded[i].base);
        forge_u32(b->f, m->unloaded[i].size);
        forge_u32(b->f, m->unloaded[i].checksum);
        forge_u32(b->f, m->unloaded[i].timestamp);
        forge_u32(b->f, rva[i]);
    }
    end(b);
    free(rva);
}

/* Where the bytes of a range are: a thread's stack has written them already. */
static uint32_t write_range(struct build *b, const struct forge_mdmp_memory *range) {
    const struct forge_mdmp *m = b->m;
    for (size_t i = 0; b->stack && i < m->nthreads; i++)
        if (m->threads[i].stack_data && m->threads[i].stack_data == range->data &&
            m->threads[i].stack == range->start && m->threads[i].stack_size == range->size)
            return b->stack[i];
    return blob(b, range->data, range->size);
}

static void write_memory(struct build *b) {
    const struct forge_mdmp *m = b->m;
    uint32_t *rva = places(b, m->nmemory);
    for (size_t i = 0; rva && i < m->nmemory; i++)
        rva[i] = write_range(b, &m->memory[i]);
    begin(b);
    count(b, m->nmemory);
    for (size_t i = 0; rva && i < m->nmemory; i++) {
        forge_u64(b->f, m->memory[i].start);
        forge_u32(b->f, (uint32_t)m->memory[i].size);
        forge_u32(b->f, rva[i]);
    }
    end(b);
    free(rva);
}

static void write_memory64(struct build *b) {
    const struct forge_mdmp *m = b->m;
    begin(b);
    forge_u64(b->f, m->nmemory64);
    forge_u64(b->f, b->start + 16 + 16 * m->nmemory64); /* BaseRva: right behind the list */
    for (size_t i = 0; i < m->nmemory64; i++) {
        forge_u64(b->f, m->memory64[i].start);
        forge_u64(b->f, m->memory64[i].size);
    }
    end(b);
    for (size_t i = 0; i < m->nmemory64; i++)
        if (m->memory64[i].data)
            forge_put(b->f, m->memory64[i].data, m->memory64[i].size);
}

static void write_regions(struct build *b) {
    const struct forge_mdmp *m = b->m;
    begin(b);
    forge_u32(b->f, 0x10);
    forge_u32(b->f, 0x30);
    forge_u64(b->f, m->nregions);
    for (size_t i = 0; i < m->nregions; i++) {
        forge_u64(b->f, m->regions[i].base);
        forge_u64(b->f, m->regions[i].alloc_base);
        forge_u32(b->f, m->regions[i].alloc_protect);
        forge_u32(b->f, 0);
        forge_u64(b->f, m->regions[i].size);
        forge_u32(b->f, m->regions[i].state);
        forge_u32(b->f, m->regions[i].protect);
        forge_u32(b->f, m->regions[i].type);
        forge_u32(b->f, 0);
    }
    end(b);
}

static void write_handles(struct build *b) {
    const struct forge_mdmp *m = b->m;
    uint32_t size = m->handle_size ? m->handle_size : 0x28;
    uint32_t *rva = places(b, 2 * m->nhandles);
    for (size_t i = 0; rva && i < m->nhandles; i++) {
        rva[2 * i] = string(b, m->handles[i].type);
        rva[2 * i + 1] = string(b, m->handles[i].object);
    }
    begin(b);
    forge_u32(b->f, 0x10);
    forge_u32(b->f, size);
    forge_u32(b->f, (uint32_t)m->nhandles);
    forge_u32(b->f, 0);
    for (size_t i = 0; rva && i < m->nhandles; i++) {
        uint64_t start = forge_here(b->f);
        forge_u64(b->f, m->handles[i].handle);
        forge_u32(b->f, rva[2 * i]);
        forge_u32(b->f, rva[2 * i + 1]);
        forge_u32(b->f, m->handles[i].attributes);
        forge_u32(b->f, m->handles[i].access);
        forge_u32(b->f, m->handles[i].handle_count);
        forge_u32(b->f, m->handles[i].pointer_count);
        if (size >= 0x28)
            forge_u32(b->f, m->handles[i].info_rva);
        forge_pad_to(b->f, start + size);
    }
    end(b);
    free(rva);
}

static void write_exception(struct build *b) {
    const struct forge_mdmp_exception *e = b->m->exception;
    uint32_t context = blob(b, e->context, e->context_size);
    begin(b);
    forge_u32(b->f, e->tid);
    forge_u32(b->f, 0);
    forge_u32(b->f, e->code);
    forge_u32(b->f, e->flags);
    forge_u64(b->f, e->record);
    forge_u64(b->f, e->address);
    forge_u32(b->f, e->nparams);
    forge_u32(b->f, 0);
    for (int i = 0; i < 15; i++)
        forge_u64(b->f, e->param[i]);
    location(b, e->context_size, context);
    end(b);
}

static void write_time_zone(struct build *b, const struct forge_mdmp_misc *misc) {
    forge_u32(b->f, 1);
    forge_u32(b->f, (uint32_t)misc->bias);
    fixed(b, misc->zone, 64);
    forge_fill(b->f, 0, 16);
    forge_u32(b->f, 0);
    fixed(b, misc->summer_zone, 64);
    forge_fill(b->f, 0, 16);
    forge_u32(b->f, (uint32_t)-60);
}

static void write_misc(struct build *b) {
    const struct forge_mdmp_misc *misc = b->m->misc;
    begin(b);
    forge_u32(b->f, misc->size);
    forge_u32(b->f, misc->flags);
    forge_u32(b->f, misc->pid);
    forge_u32(b->f, misc->create_time);
    forge_u32(b->f, misc->user_time);
    forge_u32(b->f, misc->kernel_time);
    if (misc->size >= 0x2c) {
        forge_u32(b->f, misc->max_mhz);
        forge_u32(b->f, misc->cur_mhz);
        forge_fill(b->f, 0, 12);
    }
    if (misc->size >= 0xe8) {
        forge_u32(b->f, misc->integrity);
        forge_fill(b->f, 0, 8);
        write_time_zone(b, misc);
    }
    if (misc->size >= 0x340) {
        fixed(b, misc->build, 2 * 260);
        fixed(b, misc->dbg_build, 2 * 40);
    }
    if (misc->size >= 0x554) {
        forge_u32(b->f, 0x210);
        forge_u32(b->f, misc->xstate_size);
        forge_u64(b->f, misc->xstate_features);
        forge_fill(b->f, 0, 64 * 8);
        forge_u32(b->f, misc->cookie);
    }
    end(b);
}

static void write_comment_a(struct build *b) {
    begin(b);
    forge_put(b->f, b->m->comment_a, strlen(b->m->comment_a) + 1);
    end(b);
}

static void write_comment_w(struct build *b) {
    begin(b);
    forge_utf16(b->f, b->m->comment_w);
    forge_u16(b->f, 0);
    end(b);
}

static bool any_name(const struct forge_mdmp *m) {
    for (size_t i = 0; i < m->nthreads; i++)
        if (m->threads[i].name)
            return true;
    return false;
}

static bool any_info(const struct forge_mdmp *m) {
    for (size_t i = 0; i < m->nthreads; i++)
        if (m->threads[i].info)
            return true;
    return false;
}

/* A stream, when it is to be there; the first pass only counts. */
static size_t part(struct build *b, bool wanted, uint32_t type, void (*write)(struct build *)) {
    if (wanted && b->f) {
        b->type = type;
        write(b);
    }
    return wanted;
}

static size_t write_streams(struct build *b) {
    const struct forge_mdmp *m = b->m;
    size_t n = part(b, !m->no_system, 7, write_system);
    n += part(b, m->misc, 15, write_misc);
    n += part(b, m->threads, m->thread_ex ? 8 : 3, write_threads);
    n += part(b, any_info(m), 17, write_thread_infos);
    n += part(b, any_name(m), 24, write_thread_names);
    n += part(b, m->exception, 6, write_exception);
    n += part(b, m->modules, 4, write_modules);
    n += part(b, m->unloaded, 14, write_unloaded);
    n += part(b, m->handles, 12, write_handles);
    n += part(b, m->regions, 16, write_regions);
    n += part(b, m->comment_a, 10, write_comment_a);
    n += part(b, m->comment_w, 11, write_comment_w);
    for (size_t i = 0; i < m->nraw; i++, n++) {
        if (!b->f)
            continue;
        b->type = m->raw[i].type;
        begin(b);
        if (m->raw[i].size)
            forge_put(b->f, m->raw[i].data, m->raw[i].size);
        end(b);
    }
    n += part(b, m->memory, 5, write_memory);
    n += part(b, m->memory64, 9, write_memory64);
    return n;
}

static void write_header(struct forge *f, const struct forge_mdmp *m, size_t rows) {
    forge_put(f, "MDMP", 4);
    forge_u32(f, m->version ? m->version : 0xa793);
    forge_u32(f, (uint32_t)rows);
    forge_u32(f, DIRECTORY);
    forge_u32(f, 0);
    forge_u32(f, m->timestamp);
    forge_u64(f, m->flags);
    forge_fill(f, 0, ROW * rows);
}

const struct forge_mdmp_row *forge_mdmp_find(const struct forge_mdmp *mdmp, uint32_t type) {
    for (size_t i = 0; i < mdmp->nrows; i++)
        if (mdmp->row[i].type == type)
            return &mdmp->row[i];
    return NULL;
}

static void apply_patches(struct forge *f, const struct forge_mdmp *m) {
    for (size_t i = 0; i < m->npatches; i++) {
        const struct forge_mdmp_patch *p = &m->patch[i];
        const struct forge_mdmp_row *row = p->type ? forge_mdmp_find(m, p->type) : NULL;
        if (p->type && !row)
            forge_fail(f, "a patch of stream %u, which is not there", p->type);
        else
            forge_poke(f, (row ? row->rva : 0) + p->offset, p->width, p->value);
    }
}

bool forge_mdmp_build(struct forge_mdmp *mdmp, struct forge_bytes *ret_file) {
    struct forge f;
    struct build counting = {.m = mdmp}, b = {.m = mdmp, .f = &f};
    mdmp->nrows = 0;
    forge_init(&f);
    write_header(&f, mdmp, write_streams(&counting) + mdmp->unused_rows);
    write_streams(&b);
    apply_patches(&f, mdmp);
    bool good = forge_finish(&f, ret_file);
    snprintf(mdmp->why, sizeof mdmp->why, "%s", forge_error(&f));
    free(b.stack);
    forge_deinit(&f);
    return good;
}

static void put(uint8_t *buf, size_t offset, unsigned width, uint64_t value) {
    for (unsigned i = 0; i < width; i++)
        buf[offset + i] = (uint8_t)(value >> 8 * i);
}

uint32_t forge_context(uint16_t arch, uint64_t ip, uint64_t sp, uint64_t fp, void *buf) {
    memset(buf, 0, FORGE_CONTEXT_MAX);
    switch (arch) {
    case FORGE_X86:
        put(buf, 0x00, 4, 0x1003f);
        put(buf, 0xb4, 4, fp);
        put(buf, 0xb8, 4, ip);
        put(buf, 0xbc, 4, 0x23);
        put(buf, 0xc0, 4, 0x246);
        put(buf, 0xc4, 4, sp);
        put(buf, 0xc8, 4, 0x2b);
        return 0x2cc;
    case FORGE_AMD64:
        put(buf, 0x30, 4, 0x10001f);
        put(buf, 0x38, 2, 0x33);
        put(buf, 0x44, 4, 0x246);
        put(buf, 0x98, 8, sp);
        put(buf, 0xa0, 8, fp);
        put(buf, 0xf8, 8, ip);
        return 0x4d0;
    case FORGE_ARM64:
        put(buf, 0x000, 4, 0x400007);
        put(buf, 0x0f0, 8, fp);
        put(buf, 0x100, 8, sp);
        put(buf, 0x108, 8, ip);
        return 0x390;
    default: return 0;
    }
}
