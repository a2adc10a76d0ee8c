/* SPDX-License-Identifier: MIT */
/*
 * Disassembles an image at the addresses given on standard input (hexadecimal, one a line), for
 * disasm_compare.py to hold against other people's disassemblers:
 *
 *     ADDRESS TAB length (0: no instruction) TAB target ("-": none) TAB mnemonic TAB operands
 *
 *     disasm_facts FILE sections     the executable sections instead: start TAB end, addresses
 *     disasm_facts FILE speed        decodes all code over and over: instructions a second, with
 *                                    their text and without
 */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stopcode/disasm.h"
#include "stopcode/pe.h"

enum { EXECUTABLE = 0x20000000 };

static enum sc_cpu cpu_of(uint16_t machine) {
    return machine == SC_PE_MACHINE_X86     ? SC_CPU_X86
           : machine == SC_PE_MACHINE_X64   ? SC_CPU_X64
           : machine == SC_PE_MACHINE_ARM64 ? SC_CPU_ARM64
                                            : SC_CPU_UNKNOWN;
}

static int fail(sc_err *err) {
    fprintf(stderr, "disasm_facts: %s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

/* Bytes of a section that are in the file and mapped. */
static uint32_t code_size(const struct sc_pe_section *s) {
    return s->virtual_size && s->virtual_size < s->raw_size ? s->virtual_size : s->raw_size;
}

/* The next section with code; NULL: there is none. */
static const struct sc_pe_section *next_code(const sc_pe *pe, size_t *index) {
    const struct sc_pe_section *sections;
    size_t n = 0;
    sc_err *err = sc_pe_sections(pe, &sections, &n);
    sc_err_destroy(err);
    while (!err && *index < n) {
        const struct sc_pe_section *s = &sections[(*index)++];
        if (s->characteristics & EXECUTABLE && code_size(s))
            return s;
    }
    return NULL;
}

static void print_sections(const sc_pe *pe) {
    const struct sc_pe_section *s;
    uint64_t base = sc_pe_headers(pe)->image_base;
    for (size_t i = 0; (s = next_code(pe, &i));)
        printf("%" PRIx64 "\t%" PRIx64 "\n", base + s->rva, base + s->rva + code_size(s));
}

static void one(const sc_pe *pe, sc_disasm *d, uint64_t addr) {
    uint8_t data[16];
    size_t got = 0;
    struct sc_insn insn;
    sc_pe_read(pe, addr - sc_pe_headers(pe)->image_base, data, sc_disasm_max(d), &got);
    if (!got) {
        printf("%" PRIx64 "\t0\t-\t??\t\n", addr);
        return;
    }
    sc_disasm_decode(d, addr, data, got, &insn);
    printf("%" PRIx64 "\t%u\t", addr, insn.valid ? insn.length : 0);
    if (insn.has_target)
        printf("%" PRIx64, insn.target);
    else
        printf("-");
    printf("\t%s\t%s\n", insn.mnemonic, insn.operands);
}

static void decode_all(const sc_pe *pe, sc_disasm *d) {
    char line[64];
    while (fgets(line, sizeof line, stdin))
        one(pe, d, strtoull(line, NULL, 16));
}

/* ---- speed ---- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef void (*decode_fn)(sc_disasm *, uint64_t, const void *, size_t, struct sc_insn *);

static uint64_t sweep(sc_disasm *d, const uint8_t *code, size_t size, uint64_t addr,
                      decode_fn decode) {
    struct sc_insn insn;
    uint64_t n = 0;
    for (size_t at = 0; size - at >= sc_disasm_max(d); at += insn.length, n++)
        decode(d, addr + at, code + at, size - at, &insn);
    return n;
}

static int speed(const sc_pe *pe, sc_disasm *d) {
    static const struct {
        const char *name;
        decode_fn decode;
    } ways[] = {{"with text", sc_disasm_decode}, {"without text", sc_disasm_scan}};
    size_t i = 0, got = 0;
    const struct sc_pe_section *s = next_code(pe, &i);
    uint8_t *code = s ? malloc(code_size(s)) : NULL;
    if (!code)
        return 1;
    sc_pe_read(pe, s->rva, code, code_size(s), &got);
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        double start = now(), end = start;
        uint64_t n = 0;
        for (; end - start < 0.5; end = now())
            n += sweep(d, code, got, sc_pe_headers(pe)->image_base + s->rva, ways[w].decode);
        printf("%s\t%.0f\n", ways[w].name, (double)n / (end - start));
    }
    free(code);
    return 0;
}

int main(int argc, char **argv) {
    sc_pe *pe;
    sc_disasm *d;
    if (argc < 2)
        return 2;
    sc_err *err = sc_pe_open(argv[1], &pe);
    if (err)
        return fail(err);
    err = sc_disasm_create(cpu_of(sc_pe_headers(pe)->machine), &d);
    if (err) {
        sc_pe_close(pe);
        return fail(err);
    }
    int status = 0;
    if (argc > 2 && !strcmp(argv[2], "sections"))
        print_sections(pe);
    else if (argc > 2 && !strcmp(argv[2], "speed"))
        status = speed(pe, d);
    else
        decode_all(pe, d);
    sc_disasm_destroy(d);
    sc_pe_close(pe);
    return status;
}
