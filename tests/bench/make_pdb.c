/* SPDX-License-Identifier: MIT */
/*
 * Makes a large PDB for scripts/bench_pdb.py, and measures look-ups in one:
 *
 *     make_pdb FILE            about 100 MB: 150,000 publics, 60,000 procedures in 600 compilands
 *                              with lines, structures with members in between
 *     make_pdb --first FILE    opens it and asks one public by address and one by name; prints the
 *                              pages read by each and the time
 *     make_pdb --many FILE N   N look-ups by pseudo-random addresses; prints how many a second
 *     make_pdb --function FILE the procedure, line and locals of one address; prints the time
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "forge/pdb.h"
#include "pdb/pdb.h"

enum {
    MODULES = 600,
    PROCS = 100, /* a compiland */
    PROC_SIZE = 0x60,
    PUBLICS = 150000,
    TYPES = 170000,
    CODE = 0x1000,
    DATA = 0x1000000
};

static void name_of(char *buf, size_t room, uint32_t i) {
    snprintf(buf, room, "?Function%08x@SomeClass%u@some_namespace@@QEAAXPEBDH@Z", i * 2654435761u,
             i % 977);
}

static void put_types(struct forge_pdb *p) {
    for (uint32_t i = 0; i < TYPES; i++) {
        char name[96];
        struct forge f;
        forge_init(&f);
        for (uint16_t k = 0; k < 12; k++) {
            snprintf(name, sizeof name, "MemberNumber%u_%u", i % 1000, k);
            forge_u16(&f, 0x150d);
            forge_u16(&f, 3);
            forge_u32(&f, 0x76);
            forge_u16(&f, (uint16_t)(k * 8));
            forge_put(&f, name, strlen(name) + 1);
            while (forge_here(&f) & 3)
                forge_u8(&f, (uint8_t)(0xf4 - (forge_here(&f) & 3)));
        }
        uint32_t fields = forge_pdb_type(p, 0x1203, f.data, f.size, NULL);
        forge_deinit(&f);
        snprintf(name, sizeof name, "_STRUCTURE_NUMBER_%u", i);
        forge_pdb_struct(p, 0x1505, 12, 0, fields, 96, name);
    }
}

static void put_lines(struct forge_pdb *p, uint16_t module, uint32_t start, uint32_t line) {
    struct forge f;
    forge_init(&f);
    forge_u32(&f, start);
    forge_u16(&f, 1);
    forge_u16(&f, 0);
    forge_u32(&f, PROC_SIZE);
    forge_u32(&f, 0);
    forge_u32(&f, 8);
    forge_u32(&f, 12 + 8 * 8);
    for (uint32_t i = 0; i < 8; i++) {
        forge_u32(&f, i * 12);
        forge_u32(&f, (line + i) | 1u << 31);
    }
    forge_pdb_c13(p, module, 0xf2, f.data, f.size);
    forge_deinit(&f);
}

static void put_module(struct forge_pdb *p, uint32_t index) {
    char name[96];
    snprintf(name, sizeof name, "module%u.obj", index);
    uint16_t module = forge_pdb_module_new(p, name);
    snprintf(name, sizeof name, "c:\\source\\module%u.cpp", index);
    struct forge_fields sum = forge_fields("4112", forge_pdb_name(p, name), 0u, 0u, 0u);
    forge_pdb_c13(p, module, 0xf4, sum.data, sum.size);
    uint32_t base = index * PROCS * PROC_SIZE;
    forge_pdb_contrib(p, module, 1, base, PROCS * PROC_SIZE);
    for (uint32_t i = 0; i < PROCS; i++) {
        snprintf(name, sizeof name, "some_namespace::SomeClass::Procedure%u", index * PROCS + i);
        uint32_t start = base + i * PROC_SIZE;
        uint32_t proc = forge_pdb_proc(p, module, 0x1110, 1, start, PROC_SIZE, 0, name);
        for (uint32_t k = 0; k < 6; k++) {
            struct forge_fields f = forge_fields("442", 0x20 + k * 8, 0x76u, 335u);
            forge_pdb_sym(p, module, 0x1111, f.data, f.size, "aLocalVariableOfSomeLength");
        }
        forge_pdb_end(p, module, 6, proc);
        forge_pdb_procref(p, module, proc, name);
        put_lines(p, module, start, 10 + i * 20);
    }
}

static int make(const char *path) {
    static struct forge_pdb p;
    struct forge_bytes file = {0};
    char name[128];
    forge_pdb_init(&p, 0x8664, 4096);
    forge_pdb_section(&p, CODE, DATA - CODE, 0x60000020);
    forge_pdb_section(&p, DATA, DATA, 0x40000040);
    for (uint32_t i = 0; i < PUBLICS; i++) { /* in no order of addresses, as linkers leave them */
        uint32_t at = (uint32_t)((uint64_t)i * 48271 % PUBLICS);
        name_of(name, sizeof name, at);
        forge_pdb_public(&p, name, at < 100000 ? 1 : 2, at < 100000 ? at * 57 : at * 8, 2);
    }
    for (uint32_t i = 0; i < MODULES; i++)
        put_module(&p, i);
    put_types(&p);
    forge_pdb_close(&p);
    FILE *out = forge_msf_finish(&p.msf, &file) ? fopen(path, "wb") : NULL;
    bool ok = out && fwrite(file.data, 1, file.size, out) == file.size;
    if (out && fclose(out) != 0)
        ok = false;
    printf("%zu bytes\n", file.size);
    forge_bytes_free(&file);
    forge_pdb_deinit(&p);
    return ok ? 0 : 1;
}

/* Processor time: the machine may have other work. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(sc_err *err) {
    if (err) {
        fprintf(stderr, "make_pdb: %s\n", sc_err_text(err));
        exit(1);
    }
}

static uint64_t pages(sc_symbols *s) {
    struct sc_symbols_info info;
    sc_symbols_info(s, &info);
    return info.pages_read;
}

static int first(const char *path) {
    struct sc_symbol symbol;
    sc_symbols *s;
    bool found = false;
    char name[128];
    double start = now();
    must(sc_pdb_open(path, &s));
    uint64_t opened = pages(s);
    must(sc_symbols_nearest(s, CODE + 54321 * 57 + 3, SC_SYM_PUBLIC, &symbol, &found));
    double by_address = now() - start;
    uint64_t pages_address = pages(s);
    name_of(name, sizeof name, 54321);
    if (!found || strcmp(symbol.name, name) != 0)
        return 1;
    name_of(name, sizeof name, 76543);
    must(sc_symbols_find(s, name, &symbol, &found));
    if (!found || symbol.rva != CODE + 76543 * 57)
        return 1;
    printf("pages: %" PRIu64 " to open, %" PRIu64 " with the first address, %" PRIu64
           " with the first name; first answer %.3f ms\n",
           opened, pages_address, pages(s), by_address * 1e3);
    sc_symbols_unref(s);
    return 0;
}

static int many(const char *path, uint32_t count) {
    struct sc_symbol symbol;
    sc_symbols *s;
    uint64_t sum = 0, x = 88172645463325252ULL;
    must(sc_pdb_open(path, &s));
    double start = now();
    for (uint32_t i = 0; i < count; i++) {
        bool found = false;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint32_t rva = CODE + (uint32_t)(x % (100000 * 57));
        must(sc_symbols_nearest(s, rva, SC_SYM_PUBLIC, &symbol, &found));
        if (!found || rva - symbol.rva >= 57)
            return 1;
        sum += (unsigned char)symbol.name[9];
    }
    double seconds = now() - start;
    printf("%.2f million look-ups a second (%u in %.2f s; %" PRIu64 ")\n", count / seconds / 1e6,
           count, seconds, sum % 10);
    sc_symbols_unref(s);
    return 0;
}

static bool see_local(void *ctx, const struct sc_local *local) {
    *(uint32_t *)ctx += local->name != NULL;
    return true;
}

static int function(const char *path) {
    struct sc_symbol symbol;
    struct sc_line line;
    sc_symbols *s;
    bool found = false;
    uint32_t locals = 0, rva = CODE + 31234 * PROC_SIZE + 30;
    double start = now();
    must(sc_pdb_open(path, &s));
    must(sc_symbols_nearest(s, rva, SC_SYM_FUNCTION, &symbol, &found));
    if (!found || symbol.rva != rva - 30)
        return 1;
    must(sc_symbols_line(s, rva, &line, &found));
    must(sc_symbols_locals(s, rva, see_local, &locals));
    if (!found || line.line != 10 + 34 * 20 + 2 || locals != 6)
        return 1;
    printf("procedure, line and %u locals in %.3f ms, %" PRIu64 " pages\n", locals,
           (now() - start) * 1e3, pages(s));
    sc_symbols_unref(s);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2)
        return make(argv[1]);
    if (argc == 3 && !strcmp(argv[1], "--first"))
        return first(argv[2]);
    if (argc == 4 && !strcmp(argv[1], "--many"))
        return many(argv[2], (uint32_t)strtoul(argv[3], NULL, 0));
    if (argc == 3 && !strcmp(argv[1], "--function"))
        return function(argv[2]);
    fprintf(stderr, "usage: make_pdb FILE | --first FILE | --many FILE N | --function FILE\n");
    return 2;
}
