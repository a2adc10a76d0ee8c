/* SPDX-License-Identifier: MIT */
/*
 * The triage writer. Order of the parts, as in dumps of Windows 10 and 11:
 *
 *   DUMP_HEADER, preset with "PAGE"      0x1000 / 0x2000 bytes
 *   TRIAGE_DUMP                          0x68 / 0x80
 *   mm block, unloaded drivers, KPRCB, EPROCESS, ETHREAD, call stack, KDDEBUGGER_DATA64
 *   driver list, string pool (directly behind it), table of data blocks
 *   data page, contents of the data blocks
 *   "TRGD"                               what ValidOffset points to; SizeOfDump ends here
 *   secondary data                       "DumpBlob", blobs
 *
 * Offsets of fields: see docs of the reader (src/dump/kdump_header.c, src/dump/triage.c); this
 * table was written from the same public sources, not from that code.
 */
#include "forge/triage.h"

#include <stdio.h>
#include <string.h>

#include "forge/kdbg.h"

enum { NONE = 0xffff };

/* Offsets in the header; those of the triage part count from its beginning. */
struct field {
    const char *name;
    uint16_t at32, at64;
    uint8_t width32, width64;
};

static const struct field header_fields[] = {
    {"Signature", 0, 0, 4, 4},
    {"ValidDump", 4, 4, 4, 4},
    {"MajorVersion", 8, 8, 4, 4},
    {"MinorVersion", 0xc, 0xc, 4, 4},
    {"DirectoryTableBase", 0x10, 0x10, 4, 8},
    {"PfnDataBase", 0x14, 0x18, 4, 8},
    {"PsLoadedModuleList", 0x18, 0x20, 4, 8},
    {"PsActiveProcessHead", 0x1c, 0x28, 4, 8},
    {"MachineImageType", 0x20, 0x30, 4, 4},
    {"NumberProcessors", 0x24, 0x34, 4, 4},
    {"BugCheckCode", 0x28, 0x38, 4, 4},
    {"BugCheckParameter1", 0x2c, 0x40, 4, 8},
    {"BugCheckParameter2", 0x30, 0x48, 4, 8},
    {"BugCheckParameter3", 0x34, 0x50, 4, 8},
    {"BugCheckParameter4", 0x38, 0x58, 4, 8},
    {"PaeEnabled", 0x5c, NONE, 1, 0},
    {"KdSecondaryVersion", 0x5d, 0x104d, 1, 1},
    {"KdDebuggerDataBlock", 0x60, 0x80, 4, 8},
    {"NumberOfRuns", 0x64, 0x88, 4, 4},
    {"NumberOfPages", 0x68, 0x90, 4, 8},
    {"ExceptionCode", 0x7d0, 0xf00, 4, 4},
    {"ExceptionFlags", 0x7d4, 0xf04, 4, 4},
    {"ExceptionRecord", 0x7d8, 0xf08, 4, 8},
    {"ExceptionAddress", 0x7dc, 0xf10, 4, 8},
    {"NumberParameters", 0x7e0, 0xf18, 4, 4},
    {"Attributes", 0x8a0, 0x1050, 4, 4},
    {"BootId", 0x8a4, 0x1054, 4, 4},
    {"DumpType", 0xf88, 0xf98, 4, 4},
    {"MiniDumpFields", 0xf8c, 0x1038, 4, 4},
    {"SecondaryDataState", 0xf90, 0x103c, 4, 4},
    {"ProductType", 0xf94, 0x1040, 4, 4},
    {"SuiteMask", 0xf98, 0x1044, 4, 4},
    {"WriterStatus", 0xf9c, 0x1048, 4, 4},
    {"RequiredDumpSpace", 0xfa0, 0xfa0, 8, 8},
    {"SystemUpTime", 0xfb8, 0x1030, 8, 8},
    {"SystemTime", 0xfc0, 0xfa8, 8, 8},
};

static const struct field triage_fields[] = {
    {"ServicePackBuild", 0, 0, 4, 4},
    {"SizeOfDump", 4, 4, 4, 4},
    {"ValidOffset", 8, 8, 4, 4},
    {"ContextOffset", 0xc, 0xc, 4, 4},
    {"ExceptionOffset", 0x10, 0x10, 4, 4},
    {"MmOffset", 0x14, 0x14, 4, 4},
    {"UnloadedDriversOffset", 0x18, 0x18, 4, 4},
    {"PrcbOffset", 0x1c, 0x1c, 4, 4},
    {"ProcessOffset", 0x20, 0x20, 4, 4},
    {"ThreadOffset", 0x24, 0x24, 4, 4},
    {"CallStackOffset", 0x28, 0x28, 4, 4},
    {"SizeOfCallStack", 0x2c, 0x2c, 4, 4},
    {"DriverListOffset", 0x30, 0x30, 4, 4},
    {"DriverCount", 0x34, 0x34, 4, 4},
    {"StringPoolOffset", 0x38, 0x38, 4, 4},
    {"StringPoolSize", 0x3c, 0x3c, 4, 4},
    {"BrokenDriverOffset", 0x40, 0x40, 4, 4},
    {"TriageOptions", 0x44, 0x44, 4, 4},
    {"TopOfStack", 0x48, 0x48, 4, 8},
    {"DataPageAddress", 0x4c, 0x60, 4, 8},
    {"DataPageOffset", 0x50, 0x68, 4, 4},
    {"DataPageSize", 0x54, 0x6c, 4, 4},
    {"DebuggerDataOffset", 0x58, 0x70, 4, 4},
    {"DebuggerDataSize", 0x5c, 0x74, 4, 4},
    {"DataBlocksOffset", 0x60, 0x78, 4, 4},
    {"DataBlocksCount", 0x64, 0x7c, 4, 4},
};

static bool look(const struct field *row, size_t n, bool is32, const char *name, uint64_t base,
                 uint64_t *ret_offset, unsigned *ret_width) {
    for (size_t i = 0; i < n; i++) {
        uint16_t at = is32 ? row[i].at32 : row[i].at64;
        if (at == NONE || strcmp(row[i].name, name) != 0)
            continue;
        *ret_offset = base + at;
        *ret_width = is32 ? row[i].width32 : row[i].width64;
        return true;
    }
    return false;
}

bool forge_triage_field(bool is32, const char *name, uint64_t *ret_offset, unsigned *ret_width) {
    return look(header_fields, sizeof header_fields / sizeof *header_fields, is32, name, 0,
                ret_offset, ret_width) ||
           look(triage_fields, sizeof triage_fields / sizeof *triage_fields, is32, name,
                is32 ? FORGE_TRIAGE32 : FORGE_TRIAGE64, ret_offset, ret_width);
}

/* The build in progress. */
struct build {
    struct forge f;
    const struct forge_triage *t;
    struct forge_triage_map map;
    unsigned ptr;
};

static void set(struct build *b, const char *name, uint64_t value) {
    uint64_t at;
    unsigned width;
    if (!forge_triage_field(b->t->is32, name, &at, &width)) {
        forge_fail(&b->f, "no field \"%s\" in a %d-bit triage dump", name, b->t->is32 ? 32 : 64);
        return;
    }
    forge_poke(&b->f, at, width, value);
}

static void set_unless_zero(struct build *b, const char *name, uint64_t value) {
    if (value)
        set(b, name, value);
}

/* Text of at most SIZE bytes, the rest zero; NULL leaves the filler. */
static void set_text(struct build *b, uint64_t at, size_t size, const char *text) {
    char buf[128] = {0};
    if (!text)
        return;
    memcpy(buf, text, strlen(text) < size ? strlen(text) : size);
    forge_poke_bytes(&b->f, at, buf, size);
}

static void put_exception(struct build *b) {
    const struct forge_exception *e = b->t->exception;
    if (!e)
        return;
    set(b, "ExceptionCode", e->code);
    set(b, "ExceptionFlags", e->flags);
    set(b, "ExceptionRecord", e->record);
    set(b, "ExceptionAddress", e->address);
    set(b, "NumberParameters", e->nparams);
    uint64_t at = b->t->is32 ? 0x7e4 : 0xf20;
    for (unsigned i = 0; i < e->nparams && i < 15; i++)
        forge_poke(&b->f, at + i * b->ptr, b->ptr, e->param[i]);
}

static void put_header(struct build *b) {
    const struct forge_triage *t = b->t;
    forge_pattern(&b->f, FORGE_PAGE, t->is32 ? 0x1000 : 0x2000);
    set(b, "ValidDump", t->is32 ? 0x504d5544 : 0x34365544);
    set(b, "MajorVersion", t->major ? t->major : 15);
    set(b, "MinorVersion", t->build ? t->build : 19041);
    set(b, "DirectoryTableBase", t->dtb);
    set(b, "PfnDataBase", t->pfn_database);
    set(b, "PsLoadedModuleList", t->loaded_module_list);
    set(b, "PsActiveProcessHead", t->active_process_head);
    set(b, "MachineImageType", t->machine ? t->machine : t->is32 ? 0x14c : 0x8664);
    set(b, "NumberProcessors", t->ncpus ? t->ncpus : 1);
    set(b, "BugCheckCode", t->bugcheck);
    set(b, "BugCheckParameter1", t->arg[0]);
    set(b, "BugCheckParameter2", t->arg[1]);
    set(b, "BugCheckParameter3", t->arg[2]);
    set(b, "BugCheckParameter4", t->arg[3]);
    set(b, "KdDebuggerDataBlock", t->debugger_data);
    set(b, "DumpType", 4);
    set_unless_zero(b, "SystemTime", t->time);
    set_unless_zero(b, "SystemUpTime", t->uptime);
    set_unless_zero(b, "ProductType", t->product_type);
    set_unless_zero(b, "SuiteMask", t->suite_mask);
    set_unless_zero(b, "WriterStatus", t->writer_status);
    set_unless_zero(b, "Attributes", t->attributes);
    set_unless_zero(b, "BootId", t->boot_id);
    set_text(b, t->is32 ? 0x3c : 0x60, 32, t->version_user);
    set_text(b, t->is32 ? 0x820 : 0xfb0, 128, t->comment);
    if (t->context)
        forge_poke_bytes(&b->f, t->is32 ? 0x320 : 0x348, t->context, t->context_size);
    put_exception(b);
}

/* Names of a part's offset field; remembers the offset. */
static void begin(struct build *b, const char *offset_field, uint32_t *ret_at) {
    forge_align(&b->f, 8);
    *ret_at = (uint32_t)forge_here(&b->f);
    set(b, offset_field, *ret_at);
}

static void put_mm(struct build *b) {
    const struct forge_mm *mm = b->t->mm;
    if (!mm)
        return;
    begin(b, "MmOffset", &b->map.mm);
    forge_u32(&b->f, mm->version);
    forge_u32(&b->f, 0x18 + 7 * b->ptr);
    forge_u32(&b->f, mm->special_pool_tag);
    forge_u32(&b->f, mm->triage_action);
    forge_u32(&b->f, mm->verify_level);
    forge_u32(&b->f, mm->kernel_verifier);
    for (int i = 0; i < 7; i++)
        forge_uint(&b->f, b->ptr, mm->value[i]);
}

/* DUMP_UNLOADED_DRIVERS: UNICODE_STRING, 12 units of the name, start, end. */
static void put_unloaded(struct build *b) {
    const struct forge_triage *t = b->t;
    if (!t->nunloaded)
        return;
    begin(b, "UnloadedDriversOffset", &b->map.unloaded);
    forge_uint(&b->f, b->ptr, t->nunloaded);
    for (size_t i = 0; i < t->nunloaded; i++) {
        uint64_t at = forge_here(&b->f);
        forge_fill(&b->f, 0, b->ptr == 8 ? 0x10 : 8);
        uint64_t name = forge_here(&b->f);
        size_t units = forge_utf16(&b->f, t->unloaded[i].name);
        if (units > 12)
            forge_fail(&b->f, "unloaded driver's name \"%s\" is too long", t->unloaded[i].name);
        forge_pad_to(&b->f, name + 24);
        forge_poke(&b->f, at, 2, units * 2);
        forge_poke(&b->f, at + 2, 2, units * 2);
        forge_uint(&b->f, b->ptr, t->unloaded[i].start);
        forge_uint(&b->f, b->ptr, t->unloaded[i].end);
    }
}

static void put_part(struct build *b, const struct forge_block *part, const char *offset_field,
                     uint32_t *ret_at) {
    if (!part->data)
        return;
    begin(b, offset_field, ret_at);
    forge_put(&b->f, part->data, part->size);
}

static void put_stack(struct build *b) {
    const struct forge_block *s = &b->t->stack;
    if (!s->data)
        return;
    put_part(b, s, "CallStackOffset", &b->map.stack);
    set(b, "SizeOfCallStack", s->size);
    set(b, "TopOfStack", s->addr);
}

static void put_kdbg(struct build *b) {
    const struct forge_triage *t = b->t;
    if (!t->nkdbg)
        return;
    uint32_t size = t->kdbg_size ? t->kdbg_size : 0x380;
    begin(b, "DebuggerDataOffset", &b->map.kdbg);
    set(b, "DebuggerDataSize", size);
    forge_fill(&b->f, 0, size);
    forge_poke(&b->f, b->map.kdbg + 0x10, 4, 0x4742444b);
    forge_poke(&b->f, b->map.kdbg + 0x14, 4, size);
    for (size_t i = 0; i < t->nkdbg; i++) {
        const struct forge_kdbg_field *m = forge_kdbg_field(t->kdbg[i].name);
        if (!m || m->offset + m->size > (int)size)
            forge_fail(&b->f, "no member \"%s\" in a debugger data block of 0x%x bytes",
                       t->kdbg[i].name, size);
        else
            forge_poke(&b->f, b->map.kdbg + m->offset, m->size, t->kdbg[i].value);
    }
}

/* DUMP_STRING: length in units, the units, a NUL; each on a multiple of 8. */
static uint32_t put_string(struct build *b, const char *text, const uint32_t *lie_length) {
    forge_align(&b->f, 8);
    uint32_t at = (uint32_t)forge_here(&b->f);
    forge_u32(&b->f, 0);
    size_t units = forge_utf16(&b->f, text);
    forge_u16(&b->f, 0);
    forge_poke(&b->f, at, 4, lie_length ? *lie_length : units);
    return at;
}

static void put_driver(struct build *b, const struct forge_driver *d) {
    uint64_t at = forge_here(&b->f);
    forge_fill(&b->f, 0, b->map.stride);
    if (b->t->is32) {
        forge_poke(&b->f, at + 0x1c, 4, d->base);
        forge_poke(&b->f, at + 0x24, 4, d->size);
        forge_poke(&b->f, at + 0x44, 4, d->checksum);
        forge_poke(&b->f, at + 0x48, 4, d->timestamp);
    } else {
        forge_poke(&b->f, at + 0x38, 8, d->base);
        forge_poke(&b->f, at + 0x48, 4, d->size);
        forge_poke(&b->f, at + 0x80, 4, d->checksum);
        forge_poke(&b->f, at + 0x88, 4, d->timestamp);
    }
}

static void put_drivers(struct build *b) {
    const struct forge_triage *t = b->t;
    b->map.stride = t->is32 ? FORGE_STRIDE32 : FORGE_STRIDE64;
    if (t->ndrivers) {
        begin(b, "DriverListOffset", &b->map.drivers);
        set(b, "DriverCount", t->ndrivers);
        for (size_t i = 0; i < t->ndrivers; i++)
            put_driver(b, &t->driver[i]);
    }
    if (!t->ndrivers && !t->broken_driver)
        return;
    begin(b, "StringPoolOffset", &b->map.strings);
    for (size_t i = 0; i < t->ndrivers; i++) {
        const struct forge_driver *d = &t->driver[i];
        uint32_t at = put_string(b, d->path, d->how == FORGE_NAME_LENGTH ? &d->lie : NULL);
        forge_poke(&b->f, b->map.drivers + i * b->map.stride, 4,
                   d->how == FORGE_NAME_OFFSET ? d->lie : at);
    }
    if (t->broken_driver) {
        b->map.broken = put_string(b, t->broken_driver, NULL);
        set(b, "BrokenDriverOffset", b->map.broken);
    }
    b->map.strings_size = (uint32_t)forge_here(&b->f) - b->map.strings;
    set(b, "StringPoolSize", b->map.strings_size);
}

/* TRIAGE_DATA_BLOCK: address, file offset, size; the contents follow unaligned. */
static void put_blocks(struct build *b) {
    const struct forge_triage *t = b->t;
    if (t->nblocks) {
        begin(b, "DataBlocksOffset", &b->map.blocks);
        set(b, "DataBlocksCount", t->nblocks);
        forge_fill(&b->f, 0, 16 * t->nblocks);
    }
    if (t->data_page.data) {
        put_part(b, &t->data_page, "DataPageOffset", &b->map.data_page);
        set(b, "DataPageAddress", t->data_page.addr);
        set(b, "DataPageSize", t->data_page.size);
    }
    for (size_t i = 0; i < t->nblocks; i++) {
        const struct forge_block *d = &t->block[i];
        uint64_t row = b->map.blocks + 16 * i, at = forge_here(&b->f);
        if (i < FORGE_BLOCKS_MAP)
            b->map.block[i] = (uint32_t)at;
        forge_put(&b->f, d->data, d->data ? d->size : 0);
        forge_poke(&b->f, row, 8, d->addr);
        forge_poke(&b->f, row + 8, 4, d->false_place ? d->lie_offset : at);
        forge_poke(&b->f, row + 12, 4, d->false_place ? d->lie_size : d->size);
    }
}

static void put_blobs(struct build *b) {
    const struct forge_triage *t = b->t;
    if (!t->nblobs)
        return;
    b->map.blobs = (uint32_t)forge_here(&b->f);
    forge_put(&b->f, "DumpBlob", 8);
    forge_u32(&b->f, 0x10);
    forge_u32(&b->f, t->blob_build);
    for (size_t i = 0; i < t->nblobs; i++) {
        const struct forge_blob *d = &t->blob[i];
        forge_u32(&b->f, 0x20);
        forge_put(&b->f, d->guid, 16);
        forge_u32(&b->f, d->size);
        forge_u32(&b->f, d->pre);
        forge_u32(&b->f, d->post);
        forge_fill(&b->f, 0xee, d->pre);
        forge_put(&b->f, d->data, d->size);
        forge_fill(&b->f, 0xee, d->post);
    }
}

/* MiniDumpFields: which parts are there. */
static uint32_t fields_of(const struct forge_triage *t) {
    return (t->context ? 1u : 0) | (t->exception ? 2u : 0) | (t->prcb.data ? 4u : 0) |
           (t->process.data ? 8u : 0) | (t->thread.data ? 0x10u : 0) | (t->stack.data ? 0x20u : 0) |
           (t->ndrivers ? 0x40u : 0) | (t->broken_driver ? 0x80u : 0) | (t->mm ? 0x100u : 0) |
           (t->data_page.data ? 0x200u : 0) | (t->nkdbg ? 0x400u : 0) | (t->nblocks ? 0x800u : 0);
}

static void put_triage(struct build *b) {
    const struct forge_triage *t = b->t;
    b->map.triage = (uint32_t)forge_here(&b->f);
    forge_fill(&b->f, 0, t->is32 ? 0x68 : 0x80);
    set(b, "ServicePackBuild", t->service_pack);
    set(b, "ContextOffset", t->is32 ? 0x320 : 0x348);
    set(b, "ExceptionOffset", t->is32 ? 0x7d0 : 0xf00);
    set(b, "TriageOptions", t->options ? t->options : FORGE_OPTIONS_ALL);
    set(b, "MiniDumpFields", fields_of(t));
}

static void put_end(struct build *b) {
    forge_align(&b->f, 4);
    b->map.valid = (uint32_t)forge_here(&b->f);
    set(b, "ValidOffset", b->map.valid);
    forge_put(&b->f, "TRGD", 4);
    set(b, "SizeOfDump", forge_here(&b->f));
    put_blobs(b);
    b->map.end = (uint32_t)forge_here(&b->f);
    set(b, "RequiredDumpSpace", b->map.end);
}

static void put_patches(struct build *b) {
    for (size_t i = 0; i < b->t->npatches; i++) {
        const struct forge_patch *p = &b->t->patch[i];
        if (p->name)
            set(b, p->name, p->value);
        else
            forge_poke(&b->f, p->offset, p->width, p->value);
    }
}

bool forge_triage_build(const struct forge_triage *t, struct forge_bytes *ret_file) {
    struct build b = {.t = t, .ptr = t->is32 ? 4 : 8};
    forge_init(&b.f);
    put_header(&b);
    put_triage(&b);
    put_mm(&b);
    put_unloaded(&b);
    put_part(&b, &t->prcb, "PrcbOffset", &b.map.prcb);
    put_part(&b, &t->process, "ProcessOffset", &b.map.process);
    put_part(&b, &t->thread, "ThreadOffset", &b.map.thread);
    put_stack(&b);
    put_kdbg(&b);
    put_drivers(&b);
    put_blocks(&b);
    put_end(&b);
    put_patches(&b);
    bool ok = forge_finish(&b.f, ret_file);
    if (!ok)
        fprintf(stderr, "forge: %s\n", forge_error(&b.f));
    else if (t->map)
        *t->map = b.map;
    forge_deinit(&b.f);
    return ok;
}
