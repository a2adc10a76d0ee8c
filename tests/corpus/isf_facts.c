/* SPDX-License-Identifier: MIT */
/*
 * Prints what the library reads from a symbol table, one fact a line, for isf_compare.py; or times
 * it, for scripts/bench_isf.py.
 *
 *   isf_facts FILE            everything
 *   isf_facts --layout CPU BUILD    the same of the built-in layouts of a build
 *   isf_facts --time FOLDER FILE    milliseconds: parse; parse and fill the cache; from the cache
 *
 * Fields are separated by tabs, and backslashes, tabs and line ends in names are escaped:
 *   I provider guid age cpu pdb machine      S rva name         C value name
 *   T kind size count name                   M type name offset bit_pos bit_len shape
 *   E type name value
 * A shape is what a type is made of: "*s:_KTHREAD", "[4]b:Uint4B", "3.1:b:Uint4B".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/guid.h"
#include "isf/isf.h"
#include "sym/layouts.h"

static int fail(sc_err *err) {
    fprintf(stderr, "isf_facts: %s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

static void put_name(const char *text) {
    for (; *text; text++)
        if (*text == '\\' || *text == '\t' || *text == '\n' || *text == '\r')
            printf("\\%02x", (unsigned char)*text);
        else
            putchar(*text);
}

static bool put_symbol(void *ctx, const struct sc_symbol *s) {
    (void)ctx;
    if (s->kind == SC_SYM_CONSTANT)
        printf("C\t%" PRIu64 "\t", s->value);
    else
        printf("S\t%" PRIu32 "\t", s->rva);
    put_name(s->name);
    putchar('\n');
    return true;
}

struct walk {
    sc_symbols *symbols;
    const char *type;
    sc_err *err;
};

static void put_shape(struct walk *w, uint32_t id, int depth) {
    struct sc_type t;
    if (!id || depth > 100) {
        printf("?");
        return;
    }
    sc_err *err = sc_symbols_type(w->symbols, id, &t);
    if (err) {
        w->err = w->err ? (sc_err_destroy(err), w->err) : err;
        return;
    }
    switch (t.kind) {
    case SC_TYPE_POINTER: printf("*"); break;
    case SC_TYPE_ARRAY: printf("[%" PRIu64 "]", t.count); break;
    case SC_TYPE_BITFIELD: printf("%d.%d:", t.bit_pos, t.bit_len); break;
    case SC_TYPE_FUNCTION: printf("f"); return;
    case SC_TYPE_STRUCT:
    case SC_TYPE_CLASS: printf("s:"); break;
    case SC_TYPE_UNION: printf("u:"); break;
    case SC_TYPE_ENUM: printf("e:"); break;
    default: printf("b:"); break;
    }
    if (t.kind == SC_TYPE_POINTER || t.kind == SC_TYPE_ARRAY || t.kind == SC_TYPE_BITFIELD)
        put_shape(w, t.target, depth + 1);
    else
        put_name(t.name);
}

static bool put_member(void *ctx, const struct sc_member *m) {
    struct walk *w = ctx;
    if (m->kind == SC_MEMBER_ENUMERATOR) {
        printf("E\t");
        put_name(w->type);
        printf("\t");
        put_name(m->name);
        printf("\t%" PRId64 "\n", m->value);
        return true;
    }
    printf("M\t");
    put_name(w->type);
    printf("\t");
    put_name(m->name);
    printf("\t%" PRIu64 "\t%d\t%d\t", m->offset, m->bit_pos, m->bit_len);
    put_shape(w, m->type, 0);
    putchar('\n');
    return !w->err;
}

static bool put_type(void *ctx, const struct sc_type *t) {
    struct walk *w = ctx;
    printf("T\t%d\t%" PRIu64 "\t%" PRIu64 "\t", (int)t->kind, t->size, t->count);
    put_name(t->name);
    putchar('\n');
    w->type = t->name;
    w->err = sc_symbols_members(w->symbols, t->id, put_member, w);
    return !w->err;
}

static int print_all(sc_symbols *symbols, const struct sc_isf_facts *facts) {
    struct sc_symbols_info info;
    char guid[SC_GUID_BUF];
    sc_symbols_info(symbols, &info);
    printf("I\t%s\t%s\t%" PRIu32 "\t%s\t%s\t%" PRIu32 "\n", info.provider,
           sc_guid_text(&info.guid, guid), info.age, sc_cpu_name(info.cpu), facts->pdb,
           facts->machine);
    struct walk w = {.symbols = symbols};
    sc_err *err = sc_symbols_each(symbols, NULL, SC_SYM_ANY, put_symbol, NULL);
    if (!err)
        err = sc_symbols_types(symbols, NULL, put_type, &w);
    if (!err)
        err = w.err;
    sc_symbols_unref(symbols);
    return err ? fail(err) : 0;
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Opens and closes PATH once; milliseconds, or -1. */
static double time_once(const char *path, const char *cache, bool *ret_cached) {
    const struct sc_isf_options options = {.cache = cache};
    struct sc_isf_facts facts;
    sc_symbols *symbols;
    double start = now_ms();
    sc_err *err = sc_isf_open_with(path, &options, &symbols, &facts);
    double spent = now_ms() - start;
    if (err) {
        fail(err);
        return -1;
    }
    *ret_cached = facts.cached;
    sc_symbols_unref(symbols);
    return spent;
}

static int print_times(const char *cache, const char *path) {
    bool cached;
    double parse = time_once(path, "", &cached);
    double fill = time_once(path, cache, &cached);
    double again = time_once(path, cache, &cached);
    for (int i = 0; i < 9 && again >= 0; i++) {
        double t = time_once(path, cache, &cached);
        again = t < again ? t : again;
    }
    printf("%.3f\t%.3f\t%.3f\t%s\n", parse, fill, again, cached ? "cached" : "not cached");
    return parse < 0 || fill < 0 || again < 0;
}

static int print_layout(const char *cpu_name, const char *build) {
    enum sc_cpu cpu = !strcmp(cpu_name, "x86") ? SC_CPU_X86 : SC_CPU_X64;
    struct sc_isf_facts none = {.pdb = ""};
    sc_symbols *symbols;
    sc_err *err = sc_layouts_open(cpu, (uint32_t)strtoul(build, NULL, 10), &symbols);
    return err ? fail(err) : print_all(symbols, &none);
}

int main(int argc, char **argv) {
    if (argc == 4 && !strcmp(argv[1], "--time"))
        return print_times(argv[2], argv[3]);
    if (argc == 4 && !strcmp(argv[1], "--layout"))
        return print_layout(argv[2], argv[3]);
    if (argc != 2) {
        fprintf(stderr, "usage: isf_facts FILE | --layout CPU BUILD | --time FOLDER FILE\n");
        return 2;
    }
    const struct sc_isf_options options = {.cache = ""};
    struct sc_isf_facts facts;
    sc_symbols *symbols;
    sc_err *err = sc_isf_open_with(argv[1], &options, &symbols, &facts);
    return err ? fail(err) : print_all(symbols, &facts);
}
