/* SPDX-License-Identifier: MIT */
/*
 * DUMP_HEADER32/64: the source's own where it has one (every byte that need not change stays), else
 * made from what is known of the machine. The layout: src/dump/kdump_header.c.
 *
 * A header that is made is preset with "PAGE", as Windows' writer does. What has to be said
 * although nobody knows it: a machine that did not stop has bug check 0x161 (LIVE_SYSTEM_DUMP), as
 * QEMU's Windows dumps have it, and its exception is a breakpoint where the processor stood.
 */
#include <string.h>

#include "base/file.h"
#include "convert/convert_impl.h"
#include "stopcode/kdump.h"

enum { LIVE_SYSTEM_DUMP = 0x161, BREAKPOINT = 0x80000003, KD_PFN_DATABASE = 0xc0 };

/* Where the fields are, by width. */
static const struct form {
    uint32_t size;
    uint16_t dtb, pfn, modules, processes, machine, ncpus, bugcheck, args, pae, kdbg, runs;
    uint16_t first_run, context, context_room, exception, type, required, comment;
    uint16_t time, uptime, product, suite, minidump, secondary;
    uint16_t attributes; /* 0: no system that writes this form fills it */
    uint8_t max_runs;
} form64 = {.size = 0x2000,
            .dtb = 0x10,
            .pfn = 0x18,
            .modules = 0x20,
            .processes = 0x28,
            .machine = 0x30,
            .ncpus = 0x34,
            .bugcheck = 0x38,
            .args = 0x40,
            .kdbg = 0x80,
            .runs = 0x88,
            .first_run = 0x98,
            .context = 0x348,
            .context_room = 3000,
            .exception = 0xf00,
            .type = 0xf98,
            .required = 0xfa0,
            .comment = 0xfb0,
            .time = 0xfa8,
            .uptime = 0x1030,
            .product = 0x1040,
            .suite = 0x1044,
            .minidump = 0x1038,
            .secondary = 0x103c,
            .attributes = 0x1050,
            .max_runs = 43},
  form32 = {.size = 0x1000,
            .dtb = 0x10,
            .pfn = 0x14,
            .modules = 0x18,
            .processes = 0x1c,
            .machine = 0x20,
            .ncpus = 0x24,
            .bugcheck = 0x28,
            .args = 0x2c,
            .pae = 0x5c,
            .kdbg = 0x60,
            .runs = 0x64,
            .first_run = 0x6c,
            .context = 0x320,
            .context_room = 1200,
            .exception = 0x7d0,
            .type = 0xf88,
            .required = 0xfa0,
            .comment = 0x820,
            .time = 0xfc0,
            .uptime = 0xfb8,
            .product = 0xf94,
            .suite = 0xf98,
            .minidump = 0xf8c,
            .secondary = 0xf90,
            .max_runs = 86};

static const struct form *form_of(const struct conversion *c) {
    return c->is64 ? &form64 : &form32;
}

unsigned conv_header_runs(const struct conversion *c) { return form_of(c)->max_runs; }

void conv_put(uint8_t *to, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static void filler(uint8_t *to, size_t size) {
    for (size_t i = 0; i + 4 <= size; i += 4)
        memcpy(to + i, "PAGE", 4);
}

static uint32_t machine_type(enum sc_cpu cpu) {
    switch (cpu) {
    case SC_CPU_X86: return 0x14c;
    case SC_CPU_X64: return 0x8664;
    case SC_CPU_ARM64: return 0xaa64;
    default: return 0;
    }
}

/* The address of MmPfnDatabase, as real headers have it; 0 not known. */
static uint64_t pfn_database(struct conversion *c) {
    uint64_t variable = 0;
    if (sc_target_kd_member(c->target, KD_PFN_DATABASE, 8, &variable) && variable)
        return variable;
    return sc_target_machine(c->target)->pfn_database;
}

static void put_exception(uint8_t *to, unsigned ptr, const struct sc_exception *e) {
    unsigned n = e->nparams < 15 ? e->nparams : 15;
    memset(to, 0, ptr == 8 ? 0x98 : 0x50);
    conv_put(to, e->code, 4);
    conv_put(to + 4, e->flags, 4);
    conv_put(to + 8, e->record, ptr);
    conv_put(to + 8 + ptr, e->address, ptr);
    conv_put(to + 8 + 2 * ptr, n, 4);
    uint8_t *param = to + (ptr == 8 ? 0x20 : 0x14);
    for (unsigned i = 0; i < n; i++)
        conv_put(param + i * ptr, e->param[i], ptr);
}

/* The context and the exception. */
static sc_err *put_event(struct conversion *c, const struct form *f, uint8_t *b) {
    const struct sc_machine *m = sc_target_machine(c->target);
    struct sc_exception e = m->exception;
    struct sc_regs regs;
    sc_err *err = conv_event_regs(c, &regs);
    if (!err) {
        size_t size = regs.size < f->context_room ? regs.size : f->context_room;
        memcpy(b + f->context, regs.raw, size);
        if (!m->has_exception)
            e = (struct sc_exception){.code = BREAKPOINT, .address = sc_regs_ip(&regs)};
    }
    if (!err || m->has_exception)
        put_exception(b + f->exception, c->ptr_size, &e);
    if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
        sc_err_destroy(err); /* no registers: the filler says so */
        err = NULL;
    }
    return err;
}

static void put_facts(struct conversion *c, const struct form *f, uint8_t *b) {
    const struct sc_machine *m = sc_target_machine(c->target);
    unsigned ptr = c->ptr_size;
    memcpy(b, c->is64 ? "PAGEDU64" : "PAGEDUMP", 8);
    conv_put(b + 0x08, m->checked ? 12 : 15, 4);
    conv_put(b + 0x0c, m->build, 4);
    conv_put(b + f->dtb, m->dtb, ptr);
    conv_put(b + f->pfn, pfn_database(c), ptr);
    conv_put(b + f->modules, m->loaded_module_list, ptr);
    conv_put(b + f->processes, m->active_process_head, ptr);
    conv_put(b + f->machine, machine_type(m->cpu), 4);
    conv_put(b + f->ncpus, m->ncpus ? m->ncpus : 1, 4);
    conv_put(b + f->bugcheck, m->has_bugcheck ? m->bugcheck : LIVE_SYSTEM_DUMP, 4);
    for (unsigned i = 0; i < 4; i++)
        conv_put(b + f->args + i * ptr, m->has_bugcheck ? m->bugcheck_arg[i] : 0, ptr);
    if (!c->is64)
        b[f->pae] = m->pae;
    conv_put(b + f->kdbg, m->debugger_data, ptr);
    memset(b + f->comment, 0, SC_CONVERT_COMMENT_MAX + 1);
    if (m->time)
        conv_put(b + f->time, m->time, 8);
    if (m->uptime != SC_UNSET64)
        conv_put(b + f->uptime, m->uptime, 8);
    if (m->product_type)
        conv_put(b + f->product, m->product_type, 4);
    conv_put(b + f->suite, m->suite_mask, 4);
    conv_put(b + f->minidump, 0, 4);
    conv_put(b + f->secondary, 0, 4);
}

static void put_runs(const struct conversion *c, const struct form *f, uint8_t *b) {
    unsigned ptr = c->ptr_size;
    uint64_t from = 0, pfn, count, pages = 0;
    uint32_t n = 0;
    while (n < f->max_runs && conv_selection_next(&c->sel, from, &pfn, &count)) {
        conv_put(b + f->first_run + n * 2 * ptr, pfn, ptr);
        conv_put(b + f->first_run + n * 2 * ptr + ptr, count, ptr);
        pages += count;
        from = pfn + count;
        n++;
    }
    conv_put(b + f->runs, n, 4);
    conv_put(b + f->runs + ptr, pages, ptr);
}

/*
 * FilterDumpFile: a dump of active pages is one of complete memory that was filtered; a field that
 * was never filled has no other attributes.
 */
static void put_filtered(const struct form *f, uint8_t *b) {
    uint32_t flags = 0;
    for (unsigned i = 4; i-- > 0;)
        flags = flags << 8 | b[f->attributes + i];
    if (!memcmp(b + f->attributes, "PAGE", 4))
        flags = 0;
    conv_put(b + f->attributes, flags | SC_KDUMP_FILTERED, 4);
}

void conv_header_comment(const struct conversion *c, uint8_t *b, size_t size) {
    const struct form *f = form_of(c);
    const char *text = c->opts->comment;
    if (!text || size < f->size)
        return;
    memset(b + f->comment, 0, SC_CONVERT_COMMENT_MAX + 1);
    memcpy(b + f->comment, text, strnlen(text, SC_CONVERT_COMMENT_MAX));
}

sc_err *conv_header_make(struct conversion *c, uint32_t type, bool runs, uint64_t required_space,
                         struct conv_header *ret) {
    const struct form *f = form_of(c);
    const struct sc_source *source = sc_target_source(c->target);
    sc_err *err = NULL;
    ret->size = f->size;
    if (sc_kdump_header(source)) {
        err = sc_file_read(source->file, 0, ret->bytes, f->size);
    } else {
        filler(ret->bytes, f->size);
        put_facts(c, f, ret->bytes);
        err = put_event(c, f, ret->bytes);
    }
    if (err)
        return err;
    filler(ret->bytes + f->runs, (size_t)(f->context - f->runs));
    if (runs)
        put_runs(c, f, ret->bytes);
    conv_header_comment(c, ret->bytes, ret->size);
    if (c->opts->active_only && f->attributes)
        put_filtered(f, ret->bytes);
    conv_put(ret->bytes + f->type, type, 4);
    conv_put(ret->bytes + f->required, required_space, 8);
    return NULL;
}
