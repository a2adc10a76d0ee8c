/* SPDX-License-Identifier: MIT */
/*
 * Prints what the library reads from an image, a fact a line, for pe_compare.py to hold against
 * other people's readers: `CATEGORY TAB value TAB value …`. An error is a line `error`.
 *
 *     pe_facts FILE [memory]     memory: lays the image out and reads it as a target's memory
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "mem/space_impl.h"
#include "stopcode/pe.h"

static void report(const char *category, sc_err *err) {
    if (err && sc_err_code(err) != SC_ERR_NOT_FOUND)
        printf("error\t%s\t%s\n", category, sc_err_text(err));
    sc_err_destroy(err);
}

static void number(const char *category, const char *name, uint64_t value) {
    printf("%s\t%s\t0x%" PRIx64 "\n", category, name, value);
}

#define H(field) number("header", #field, h->field)

static void headers(const sc_pe *pe) {
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    H(dos.lfanew), H(dos.cblp), H(dos.lfarlc), H(dos.oeminfo), H(machine), H(nsections);
    H(timestamp), H(symbols_offset), H(nsymbols), H(optional_size), H(characteristics), H(magic);
    H(linker_major), H(linker_minor), H(code_size), H(data_size), H(bss_size), H(entry);
    H(code_base), H(data_base), H(image_base), H(section_alignment), H(file_alignment);
    H(os_major), H(os_minor), H(image_major), H(image_minor), H(subsystem_major);
    H(subsystem_minor), H(image_size), H(headers_size), H(checksum), H(subsystem);
    H(dll_characteristics), H(stack_reserve), H(stack_commit), H(heap_reserve), H(heap_commit);
    H(ndirs_claimed);
    for (int i = 0; i < SC_PE_DIRS; i++)
        printf("directory\t%d\t0x%" PRIx32 "\t0x%" PRIx32 "\n", i, h->dir[i].rva, h->dir[i].size);
}

static void sections(const sc_pe *pe) {
    const struct sc_pe_section *s;
    size_t n = 0;
    sc_err *err = sc_pe_sections(pe, &s, &n);
    for (size_t i = 0; !err && i < n; i++) {
        char name[256];
        sc_pe_section_name(pe, &s[i], name, sizeof name);
        printf("section\t%s\t0x%x\t0x%x\t0x%x\t0x%x\t0x%x\n", name, s[i].virtual_size, s[i].rva,
               s[i].raw_size, s[i].raw_offset, s[i].characteristics);
    }
    report("section", err);
}

static bool show_export(void *ctx, const struct sc_pe_export *e) {
    (void)ctx;
    printf("export\t%" PRIu32 "\t%s\t0x%x\t%s\n", e->ordinal, e->name, e->rva, e->forward);
    return true;
}

/* The other ways to an export must lead to the same one. */
static bool check_export(void *ctx, const struct sc_pe_export *e) {
    static struct sc_pe_export by_name, by_ordinal, near; /* large: off the stack */
    const sc_pe *pe = ctx;
    sc_err *err = NULL;
    if (e->has_name && !(err = sc_pe_export_named(pe, e->name, &by_name)) &&
        (by_name.ordinal != e->ordinal || by_name.rva != e->rva))
        printf("error\texport\tby name: %s\n", e->name);
    report("export by name", err);
    err = sc_pe_export_ordinal(pe, e->ordinal, &by_ordinal);
    if (!err && by_ordinal.rva != e->rva)
        printf("error\texport\tby ordinal: %" PRIu32 "\n", e->ordinal);
    report("export by ordinal", err);
    if (e->forwarder)
        return true;
    err = sc_pe_export_near(pe, e->rva, &near);
    if (!err && near.rva != e->rva)
        printf("error\texport\tnear 0x%x: 0x%x\n", e->rva, near.rva);
    report("export near", err);
    return true;
}

static bool show_import(void *ctx, const struct sc_pe_import *m) {
    static struct sc_pe_slot slot;
    const sc_pe *pe = ctx;
    printf("import\t%s\t%s\t%u\t0x%x\t%s\n", m->dll ? m->dll : "?", m->name ? m->name : "",
           m->by_ordinal ? m->ordinal : m->hint, m->slot, m->delay ? "delay" : "normal");
    sc_err *err = sc_pe_import_slot(pe, m->slot, &slot);
    if (!err &&
        (strcmp(slot.dll, m->dll ? m->dll : "") || strcmp(slot.name, m->name ? m->name : "")))
        printf("error\timport\tslot 0x%x: %s!%s\n", m->slot, slot.dll, slot.name);
    report("import slot", err);
    return true;
}

static void show_id(const struct sc_pe_resource_id *id) {
    if (id->named)
        printf("\t%s", id->name);
    else
        printf("\t%" PRIu32, id->id);
}

static bool show_resource(void *ctx, const struct sc_pe_resource *r) {
    (void)ctx;
    printf("resource");
    show_id(&r->type);
    show_id(&r->name);
    show_id(&r->lang);
    printf("\t0x%x\t%u\t%u\n", r->rva, r->size, r->codepage);
    return true;
}

static void version(const sc_pe *pe) {
    struct sc_pe_versioninfo *v = NULL;
    sc_err *err = sc_pe_versioninfo(pe, &v);
    if (err) {
        report("version", err);
        return;
    }
    if (v->fixed.present)
        printf("fixed\t%u.%u.%u.%u\t%u.%u.%u.%u\t0x%x\t0x%x\t0x%x\n", v->fixed.file[0],
               v->fixed.file[1], v->fixed.file[2], v->fixed.file[3], v->fixed.product[0],
               v->fixed.product[1], v->fixed.product[2], v->fixed.product[3], v->flags_mask,
               v->fixed.flags, v->fixed.type);
    for (size_t i = 0; i < v->nstrings; i++)
        printf("string\t%04x%04x\t%s\t%s\n", v->strings[i].lang, v->strings[i].codepage,
               v->strings[i].key, v->strings[i].value);
    for (size_t i = 0; i < v->ntranslations; i++)
        printf("translation\t0x%x\n", v->translations[i]);
    sc_pe_versioninfo_destroy(v);
}

static void debug(sc_pe *pe) {
    for (size_t i = 0; i < sc_pe_debug_count(pe); i++) {
        struct sc_pe_debug d;
        struct sc_codeview cv;
        char path[2048], key[SC_PE_KEY_BUF];
        sc_err *err = sc_pe_debug_at(pe, i, &d);
        if (!err) {
            printf("debug\t%u\t0x%x\t0x%x\t0x%x\t0x%x\n", d.type, d.timestamp, d.size, d.rva,
                   d.offset);
            if (d.type == SC_PE_DEBUG_CODEVIEW &&
                !(err = sc_pe_codeview_at(pe, &d, path, sizeof path, &cv)) &&
                sc_pe_pdb_key(&cv, key))
                printf("codeview\t%s\t%s\n", key, path);
        }
        report("debug", err);
    }
    uint32_t flags;
    sc_err *err = sc_pe_ex_dllcharacteristics(pe, &flags);
    if (!err)
        number("extended", "flags", flags);
    report("extended", err);
}

static bool show_reloc(void *ctx, const struct sc_pe_reloc *r) {
    (void)ctx;
    printf("reloc\t%u\t0x%x\n", r->type, r->rva);
    return true;
}

#define L(field) number("config", #field, l.field)

static void load_config(const sc_pe *pe) {
    struct sc_pe_load_config l;
    sc_err *err = sc_pe_load_config(pe, &l);
    if (!err) {
        L(size), L(timestamp), L(major), L(minor), L(global_flags_clear), L(global_flags_set);
        L(critical_section_timeout), L(decommit_free_block), L(decommit_total_free);
        L(lock_prefix_table), L(max_allocation), L(vm_threshold), L(process_heap_flags);
        L(affinity_mask), L(csd_version), L(dependent_load_flags), L(edit_list);
        L(security_cookie), L(se_table), L(se_count), L(guard_check), L(guard_dispatch);
        L(guard_table), L(guard_count), L(guard_flags), L(guard_iat_table), L(guard_iat_count);
        L(guard_longjump_table), L(guard_longjump_count), L(dynamic_reloc_table);
        L(chpe_metadata), L(guard_rf_failure), L(guard_rf_failure_pointer);
        L(dynamic_reloc_offset), L(dynamic_reloc_section), L(guard_rf_verify);
        L(hotpatch_offset), L(enclave), L(volatile_metadata), L(guard_eh_table);
        L(guard_eh_count);
    }
    report("config", err);
}

static void tls(const sc_pe *pe) {
    struct sc_pe_tls t;
    sc_err *err = sc_pe_tls(pe, &t);
    if (!err)
        printf("tls\t0x%" PRIx64 "\t0x%" PRIx64 "\t0x%" PRIx64 "\t0x%" PRIx64 "\t0x%x\n", t.start,
               t.end, t.index, t.callbacks, t.zero_fill);
    report("tls", err);
}

static void unwind(const sc_pe *pe, const struct sc_pe_function *f) {
    struct sc_pe_unwind u;
    sc_err *err = sc_pe_unwind(pe, f->unwind, &u);
    if (!err) {
        printf("unwind\t%u\t%u\t%u\t%u\t0x%x", u.version, u.flags, u.prolog, u.ncodes, u.handler);
        if (u.chained)
            printf("\t0x%x\t0x%x\t0x%x", u.chain.begin, u.chain.end, u.chain.unwind);
        printf("\n");
    }
    report("unwind", err);
}

static void functions(const sc_pe *pe) {
    size_t n = sc_pe_function_count(pe);
    for (size_t i = 0; i < n; i++) {
        struct sc_pe_function f, again;
        sc_err *err = sc_pe_function_at(pe, i, &f);
        if (!err) {
            printf("function\t0x%x\t0x%x\t0x%x\n", f.begin, f.end - f.begin, f.unwind);
            if (sc_pe_cpu(pe) == SC_CPU_X64)
                unwind(pe, &f);
            err = sc_pe_function_find(pe, f.begin + (f.end - f.begin) / 2, &again);
            if (!err && again.entry != f.entry)
                printf("error\tfunction\tfind 0x%x\n", f.begin);
        }
        report("function", err);
    }
}

static void identity(const sc_pe *pe) {
    char key[SC_PE_KEY_BUF];
    uint32_t sum = 0;
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    printf("key\t%s\n", sc_pe_image_key(h->timestamp, h->image_size, key));
    if (sc_pe_is_memory(pe))
        return;
    sc_err *err = sc_pe_checksum(pe, &sum);
    if (!err)
        number("checksum", "computed", sum);
    report("checksum", err);
}

static void facts(sc_pe *pe) {
    size_t n;
    const struct sc_note *notes = sc_pe_notes(pe, &n);
    for (size_t i = 0; i < n; i++)
        printf("note\t%s\n", notes[i].text);
    headers(pe);
    sections(pe);
    report("export", sc_pe_each_export(pe, show_export, NULL));
    report("export", sc_pe_each_export(pe, check_export, pe));
    report("import", sc_pe_each_import(pe, show_import, pe));
    report("resource", sc_pe_each_resource(pe, show_resource, NULL));
    version(pe);
    debug(pe);
    report("reloc", sc_pe_each_reloc(pe, show_reloc, NULL));
    load_config(pe);
    tls(pe);
    functions(pe);
    identity(pe);
}

/* The image as the loader maps it: read through the library, page by page, at its own base. */
static sc_err *lay_out(const sc_pe *pe, uint8_t **ret_data, size_t *ret_size) {
    size_t size = sc_pe_headers(pe)->image_size;
    uint8_t *data = calloc(size ? size : 1, 1);
    if (!data)
        return sc_err_nomem();
    for (size_t at = 0; at < size; at += 0x1000) {
        size_t len = size - at < 0x1000 ? size - at : 0x1000;
        sc_pe_read(pe, at, data + at, len, NULL);
    }
    *ret_data = data;
    *ret_size = size;
    return NULL;
}

static sc_err *memory_facts(const sc_pe *pe) {
    uint8_t *data = NULL;
    size_t size = 0;
    sc_file *file = NULL;
    sc_space *space = NULL;
    sc_pe *mapped = NULL;
    uint64_t base = sc_pe_headers(pe)->image_base;
    sc_err *err = lay_out(pe, &data, &size);
    if (!err)
        err = sc_file_memory("mapped", data, size, 0, &file);
    struct sc_ranges ranges = {0};
    if (!err && !(ranges.item = calloc(1, sizeof *ranges.item)))
        err = sc_err_nomem();
    if (!err) {
        ranges.count = ranges.room = 1;
        ranges.item[0] = (struct sc_range){base, size, 0};
        err = sc_space_create(file, &ranges, sc_pe_headers(pe)->is64 ? 8 : 4, NULL, &space);
    }
    if (!err && !(err = sc_pe_open_memory(space, base, "mapped", &mapped)))
        facts(mapped);
    sc_pe_close(mapped);
    sc_space_destroy(space);
    sc_file_close(file);
    free(data);
    return err;
}

int main(int argc, char **argv) {
    sc_pe *pe;
    if (argc < 2) {
        fprintf(stderr, "usage: pe_facts FILE [memory]\n");
        return 2;
    }
    sc_err *err = sc_pe_open(argv[1], &pe);
    if (!err) {
        if (argc > 2)
            err = memory_facts(pe);
        else
            facts(pe);
        sc_pe_close(pe);
    }
    if (err)
        fprintf(stderr, "%s\n", sc_err_text(err));
    int status = err ? 1 : 0;
    sc_err_destroy(err);
    return status;
}
