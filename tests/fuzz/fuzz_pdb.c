/* SPDX-License-Identifier: MIT */
/*
 * PDBs: the bytes are opened, mapped or read by their length's last bit, and asked everything that
 * the vtable has. The signature is set right, so that few runs are wasted on files refused at the
 * door; the version of the file's first byte chooses which container it is.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/pdbparts.h"
#include "fuzz/fuzz.h"
#include "harness/heap.h"
#include "pdb/pdb.h"

const char fuzz_name[] = "pdb";

enum { SAMPLES = 48 };

static void end(sc_err *err) { sc_err_destroy(err); }

/* What a walk has delivered: some of it is asked for again. */
struct seen {
    sc_symbols *symbols;
    unsigned count;
};

static bool see_member(void *ctx, const struct sc_member *m) {
    struct seen *s = ctx;
    struct sc_type type;
    if (!m->name || strlen(m->name) > 70000)
        fuzz_broken("a member without a name");
    if (s->count++ < SAMPLES)
        end(sc_symbols_type(s->symbols, m->type, &type));
    return s->count < 4 * SAMPLES;
}

static bool see_type(void *ctx, const struct sc_type *t) {
    struct seen *s = ctx, members = {s->symbols, 0};
    uint32_t id;
    bool found;
    if (t->forward)
        fuzz_broken("a walk over definitions shows a forward reference");
    end(sc_symbols_members(s->symbols, t->id, see_member, &members));
    end(sc_symbols_type_named(s->symbols, t->name, &id, &found));
    return s->count++ < SAMPLES;
}

static bool see_line(void *ctx, const struct sc_line *l) {
    struct seen *s = ctx;
    return l->file && s->count++ < SAMPLES;
}

static bool see_local(void *ctx, const struct sc_local *l) {
    struct seen *s = ctx;
    struct sc_type type;
    if (s->count++ < SAMPLES)
        end(sc_symbols_type(s->symbols, l->type, &type));
    return strlen(l->name) < 70000;
}

static bool see_inline(void *ctx, const struct sc_inline *f) {
    (void)ctx;
    return strlen(f->name) < 70000 && strlen(f->file) < 70000;
}

static void ask_address(sc_symbols *symbols, uint32_t rva) {
    static const unsigned kinds[] = {SC_SYM_ANY, SC_SYM_PUBLIC, SC_SYM_FUNCTION, SC_SYM_DATA};
    struct sc_symbol symbol;
    struct sc_line line;
    struct sc_frame_rule rule;
    struct seen s = {symbols, 0};
    bool found;
    for (int i = 0; i < 4; i++)
        end(sc_symbols_nearest(symbols, rva, kinds[i], &symbol, &found));
    sc_err *err = sc_symbols_line(symbols, rva, &line, &found);
    if (!err && found)
        end(sc_symbols_lines(symbols, line.file, line.line, see_line, &s));
    end(err);
    end(sc_symbols_inlines(symbols, rva, see_inline, NULL));
    end(sc_symbols_locals(symbols, rva, see_local, &s));
    end(sc_symbols_frame_rule(symbols, rva, &rule, &found));
}

static bool see_symbol(void *ctx, const struct sc_symbol *symbol) {
    struct seen *s = ctx;
    struct sc_symbol again;
    struct sc_type type;
    bool found;
    if (s->count < SAMPLES) {
        end(sc_symbols_find(s->symbols, symbol->name, &again, &found));
        end(sc_pdb_find_nocase(s->symbols, symbol->name, &again, &found));
        if (symbol->type)
            end(sc_symbols_type(s->symbols, symbol->type, &type));
        ask_address(s->symbols, symbol->rva + symbol->size / 2);
    }
    return s->count++ < 1000;
}

static bool see_omap(void *ctx, uint32_t from, uint32_t to) {
    (void)from, (void)to;
    return ((struct seen *)ctx)->count++ < 1000;
}

static bool see_rule(void *ctx, const struct sc_frame_rule *r) {
    (void)r;
    return ((struct seen *)ctx)->count++ < 1000;
}

static void ask(sc_symbols *symbols) {
    struct seen all = {symbols, 0}, types = {symbols, 0}, omap = {symbols, 0}, rules = {symbols, 0};
    struct sc_symbols_info info;
    struct sc_symbol symbol;
    struct sc_type type;
    uint32_t a, b, id;
    bool found;
    char *text = NULL;
    size_t size;
    end(sc_symbols_each(symbols, NULL, SC_SYM_ANY, see_symbol, &all));
    end(sc_symbols_find(symbols, "_nothing", &symbol, &found));
    end(sc_symbols_types(symbols, NULL, see_type, &types));
    end(sc_symbols_type_named(symbols, "_NOTHING", &id, &found));
    for (uint32_t i = 0; i < SAMPLES; i++)
        end(sc_symbols_type(symbols, 0x1000 + i, &type));
    for (uint32_t i = 0; i < SAMPLES; i++)
        ask_address(symbols, 0xff8 + i * 0x55);
    end(sc_pdb_omap(symbols, true, see_omap, &omap));
    end(sc_pdb_frames(symbols, see_rule, &rules));
    end(sc_pdb_ages(symbols, &a, &b));
    end(sc_pdb_named_stream(symbols, "srcsrv", &text, &size));
    free(text);
    sc_symbols_info(symbols, &info);
    if (info.pages_read > info.file_size)
        fuzz_broken("%llu pages of a file of %llu bytes", (unsigned long long)info.pages_read,
                    (unsigned long long)info.file_size);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static const char msf[32] = "Microsoft C/C++ MSF 7.00\r\n\x1a"
                                "DS\0\0";
    static const char msfz[32] = "Microsoft MSFZ Container\r\n\x1a"
                                 "ALD\0";
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    sc_file *file;
    sc_symbols *symbols;
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (size >= 0x40)
        memcpy(copy, copy[10] == msfz[10] ? msfz : msf, 32);
    sc_err *err = sc_file_memory("fuzzed.pdb", copy, size, size & 1 ? SC_FILE_NO_MMAP : 0, &file);
    if (!err)
        err = sc_pdb_open_file(file, &symbols);
    if (!err) {
        ask(symbols);
        sc_symbols_unref(symbols);
    }
    end(err);
    heap_real_free(copy);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    for (int how = 0; how < 4; how++) {
        static struct forge_pdb p;
        struct forge_bytes file = {0};
        forge_pdb_init(&p, how & 1 ? 0x14c : 0x8664, 512);
        pdbparts_put(&p);
        if (how == 1)
            for (uint32_t i = 0; i < 4; i++) {
                forge_u32(forge_pdb_slot(&p, 3 + i % 2), 0x1000 + i / 2 * 0x120);
                forge_u32(forge_pdb_slot(&p, 3 + i % 2), 0x1000 + i / 2 * 0x120);
            }
        forge_pdb_close(&p);
        bool ok = how < 2 ? forge_msf_finish(&p.msf, &file)
                          : forge_msfz_finish(&p.msf, how == 2 ? FORGE_ZSTD : FORGE_DEFLATE, 700, 0,
                                              &file);
        if (!ok)
            abort();
        add(ctx, file.data, file.size);
        forge_bytes_free(&file);
        forge_pdb_deinit(&p);
    }
}
