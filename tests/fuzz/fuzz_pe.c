/* SPDX-License-Identifier: MIT */
/*
 * Images: the bytes are opened as a file, and again as a target's memory, and asked everything.
 * "MZ" and the signature are set right, so that few runs are wasted on files refused at the door.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "forge/peparts.h"
#include "fuzz/fuzz.h"
#include "harness/heap.h"
#include "mem/space_impl.h"
#include "stopcode/pe.h"

const char fuzz_name[] = "pe";

enum { SAMPLES = 64, BASE = 0x10000 };

static void end(sc_err *err) { sc_err_destroy(err); }

/* What a walk has delivered: some of it is asked for again. */
struct seen {
    sc_pe *pe;
    unsigned count;
};

static bool see_export(void *ctx, const struct sc_pe_export *e) {
    struct seen *s = ctx;
    struct sc_pe_export *again = heap_real_alloc(sizeof *again);
    if (again && s->count++ < SAMPLES) {
        end(sc_pe_export_named(s->pe, e->name, again));
        sc_err *err = sc_pe_export_ordinal(s->pe, e->ordinal, again);
        if (!err && again->rva != e->rva)
            fuzz_broken("ordinal %u has two addresses", e->ordinal);
        end(err);
        end(sc_pe_export_near(s->pe, e->rva, again));
    }
    heap_real_free(again);
    return true;
}

static bool see_import(void *ctx, const struct sc_pe_import *m) {
    struct seen *s = ctx;
    struct sc_pe_slot *slot = heap_real_alloc(sizeof *slot);
    if (slot && s->count++ < SAMPLES)
        end(sc_pe_import_slot(s->pe, m->slot, slot));
    heap_real_free(slot);
    return true;
}

static bool see_slots(void *ctx, uint32_t rva, uint32_t count) {
    (void)rva;
    if (!count)
        fuzz_broken("a table without slots");
    ((struct seen *)ctx)->count++;
    return true;
}

static bool see_resource(void *ctx, const struct sc_pe_resource *r) {
    struct seen *s = ctx;
    if (r->type.named && strlen(r->type.name) >= sizeof r->type.name)
        fuzz_broken("a name without an end");
    s->count++;
    return true;
}

static bool see_reloc(void *ctx, const struct sc_pe_reloc *r) {
    struct seen *s = ctx;
    uint8_t page[64] = {0};
    if (s->count++ < SAMPLES)
        end(sc_pe_relocate(s->pe, r->rva - 13, page, sizeof page, 0x123456789));
    return true;
}

static bool see_pogo(void *ctx, uint32_t rva, uint32_t size, const char *name) {
    (void)rva, (void)size, (void)name;
    ((struct seen *)ctx)->count++;
    return true;
}

static bool see_bound(void *ctx, const struct sc_pe_bound *b) {
    struct seen *s = ctx;
    s->count += b->dll != NULL;
    return true;
}

static void ask_sections(const sc_pe *pe) {
    const struct sc_pe_section *s;
    size_t n;
    sc_err *err = sc_pe_sections(pe, &s, &n);
    for (size_t i = 0; !err && i < n && i < SAMPLES; i++) {
        char name[64];
        uint64_t offset, back;
        uint32_t rva;
        sc_pe_section_name(pe, &s[i], name, sizeof name);
        if (sc_pe_rva_to_offset(pe, s[i].rva, &offset) && sc_pe_offset_to_rva(pe, offset, &rva) &&
            (!sc_pe_rva_to_offset(pe, rva, &back) || back != offset))
            fuzz_broken("offset 0x%llx and RVA 0x%x do not agree", (unsigned long long)offset, rva);
    }
    end(err);
}

static void ask_debug(sc_pe *pe) {
    struct sc_pe_debug d;
    struct sc_pe_repro repro;
    struct sc_pe_vc_feature feature;
    struct sc_pe_embedded_pdb pdb;
    struct sc_pe_pdb_checksum sum;
    const struct sc_codeview *cv;
    struct seen s = {pe, 0};
    uint32_t u;
    char path[300], key[SC_PE_KEY_BUF];
    for (size_t i = 0; i < sc_pe_debug_count(pe) && i < SAMPLES; i++)
        end(sc_pe_debug_at(pe, i, &d));
    sc_err *err = sc_pe_codeview(pe, &cv);
    if (!err)
        sc_pe_pdb_key(cv, key);
    end(err);
    end(sc_pe_repro(pe, &repro));
    end(sc_pe_vc_feature(pe, &feature));
    end(sc_pe_ex_dllcharacteristics(pe, &u));
    end(sc_pe_dbg_path(pe, path, sizeof path));
    end(sc_pe_embedded_pdb(pe, &pdb));
    end(sc_pe_pdb_checksum(pe, &sum));
    end(sc_pe_each_pogo(pe, see_pogo, &s, &u));
}

static void ask_functions(const sc_pe *pe) {
    struct sc_pe_function f, found;
    struct sc_pe_unwind unwind;
    struct sc_pe_xdata xdata;
    size_t n = sc_pe_function_count(pe);
    for (size_t i = 0; i < n && i < SAMPLES; i++) {
        sc_err *err = sc_pe_function_at(pe, i, &f);
        if (!err) {
            end(sc_pe_function_find(pe, f.begin, &found));
            end(sc_pe_unwind(pe, f.unwind, &unwind));
            end(sc_pe_function_root(pe, &f, &found));
            end(sc_pe_xdata(pe, f.unwind, &xdata));
        }
        end(err);
    }
}

static void ask_config(const sc_pe *pe) {
    struct sc_pe_load_config config;
    struct sc_pe_chpe chpe;
    struct sc_pe_tls tls;
    uint16_t machine;
    uint64_t va;
    end(sc_pe_load_config(pe, &config));
    end(sc_pe_chpe(pe, &chpe));
    end(sc_pe_machine_at(pe, 0x1000, &machine));
    end(sc_pe_tls(pe, &tls));
    end(sc_pe_tls_callback(pe, 5, &va));
}

static void ask(sc_pe *pe) {
    struct seen exports = {pe, 0}, imports = {pe, 0}, resources = {pe, 0}, relocs = {pe, 0};
    struct sc_pe_versioninfo *info = NULL;
    uint32_t sum;
    ask_sections(pe);
    end(sc_pe_each_export(pe, see_export, &exports));
    end(sc_pe_each_import(pe, see_import, &imports));
    end(sc_pe_each_slots(pe, see_slots, &imports));
    end(sc_pe_each_bound(pe, see_bound, &imports));
    end(sc_pe_each_resource(pe, see_resource, &resources));
    sc_err *err = sc_pe_versioninfo(pe, &info);
    if (!err)
        sc_pe_version_string(info, "CompanyName");
    sc_pe_versioninfo_destroy(info);
    end(err);
    ask_debug(pe);
    ask_functions(pe);
    ask_config(pe);
    end(sc_pe_each_reloc(pe, see_reloc, &relocs));
    end(sc_pe_checksum(pe, &sum));
}

static void ask_memory(const sc_file *file, size_t size) {
    struct sc_ranges ranges = {0};
    sc_space *space;
    sc_pe *pe;
    if (!(ranges.item = calloc(1, sizeof *ranges.item)))
        return;
    ranges.count = ranges.room = 1;
    ranges.item[0] = (struct sc_range){BASE, size, 0};
    sc_err *err = sc_space_create(file, &ranges, 8, NULL, &space);
    if (!err) {
        if (!(err = sc_pe_open_memory(space, BASE, "fuzzed", &pe))) {
            ask(pe);
            sc_pe_close(pe);
        }
        sc_space_destroy(space);
    }
    end(err);
}

void fuzz_one(const uint8_t *data, size_t size) {
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    sc_file *file;
    sc_pe *pe;
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (size >= 0x40) {
        uint32_t nt = (uint32_t)copy[0x3c] | (uint32_t)copy[0x3d] << 8;
        memcpy(copy, "MZ", 2);
        copy[0x3e] = copy[0x3f] = 0;
        if (size >= 4 && nt <= size - 4)
            memcpy(copy + nt, "PE\0", 4);
    }
    sc_err *err = sc_file_memory("fuzzed.sys", copy, size, size & 1 ? SC_FILE_NO_MMAP : 0, &file);
    if (!err) {
        if (!(err = sc_pe_open_file(file, &pe))) {
            ask(pe);
            sc_pe_close(pe);
        }
        ask_memory(file, size);
        sc_file_close(file);
    }
    end(err);
    heap_real_free(copy);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const uint16_t machines[] = {SC_PE_MACHINE_X64, SC_PE_MACHINE_X86, SC_PE_MACHINE_ARM64,
                                        SC_PE_MACHINE_ARMNT};
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        struct peimg p;
        peparts_init(&p, machines[i]);
        struct forge_bytes file = peimg_file(&p);
        if (!file.data)
            abort();
        add(ctx, file.data, file.size);
        add(ctx, p.data, PEIMG_SIZE); /* as memory has it: RVAs are offsets */
        forge_bytes_free(&file);
    }
}
