/* SPDX-License-Identifier: MIT */
/*
 * Published listings: the parsers of stacks and memory, and the fit of whatever stack comes out. A
 * fit must keep its promises: blocks and pokes in order and apart, codes within their prologs.
 */
#include <string.h>

#include "forge/listing.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "listing";

enum { LONGEST = 2000 };

/* The first letter of a name decides whether it is known. */
static bool somewhere(void *ctx, const char *module, const char *name, uint64_t *ret) {
    (void)ctx;
    uint64_t h = 5381;
    for (const char *p = module; *p; p++)
        h = h * 33 + (unsigned char)*p;
    for (const char *p = name; *p; p++)
        h = h * 33 + (unsigned char)*p;
    *ret = 0xfffff80000000000 + (h & 0xffffff0);
    return (unsigned char)module[0] & 1;
}

static void check(const struct forge_fit *fit, const struct forge_frames *frames) {
    if (fit->nips != frames->count)
        fuzz_broken("%zu ips for %zu frames", fit->nips, frames->count);
    for (size_t i = 1; i < fit->npokes; i++)
        if (fit->poke[i - 1].addr + fit->poke[i - 1].width > fit->poke[i].addr)
            fuzz_broken("pokes overlap at %llx", (unsigned long long)fit->poke[i].addr);
    for (size_t i = 0; i < fit->nfunctions; i++) {
        const struct forge_fit_function *f = &fit->function[i];
        if (f->begin >= f->end || f->ncodes > 6)
            fuzz_broken("a block without bytes, or %zu codes", f->ncodes);
        for (size_t k = 0; k < f->ncodes; k++)
            if (f->code[k].at > f->prolog || (k && f->code[k].at < f->code[k - 1].at))
                fuzz_broken("codes out of order");
    }
}

static void stack(const char *text, bool is_x86) {
    struct forge_frames frames;
    struct forge_fit fit;
    struct forge_where where = {.ctx = NULL, .address = somewhere};
    char why[FORGE_WHY];
    if (!forge_frames_parse(text, &frames, why))
        return;
    if ((is_x86 ? forge_fit_x86 : forge_fit_x64)(&frames, &where, &fit, why)) {
        check(&fit, &frames);
        forge_fit_free(&fit);
    }
    forge_frames_free(&frames);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static const char *const commands[] = {"dq", "dd", "dc", "db", "dps", "da", "du", "u"};
    char text[LONGEST + 1], why[FORGE_WHY];
    size_t len = size < LONGEST ? size : LONGEST;
    memcpy(text, data, len);
    text[len] = '\0';
    stack(text, false);
    stack(text, true);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct forge_spans spans;
        if (forge_spans_parse(commands[i], i & 1 ? 4 : 8, text, &spans, why))
            forge_spans_free(&spans);
    }
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const texts[] = {
        "Child-SP          RetAddr           Call Site\n"
        "00 fffff880`05db1b08 fffff800`0174a9c0 nt!KeBugCheckEx\n"
        "01 fffff880`05db1b10 fffff800`01b66b4ent!VfBugCheckNoStackUsage+0x30\n"
        "02 fffff880`05db1b50 00000000`00000000 nt! ??::FNODOBFM::`string'+0x13ba4 // x\n",
        "fffff880`03000000 fffff800`02001050 aa!Leaf+0x20\n"
        "fffff880`03000040 fffff800`02001050 nt!KiPageFault+0x50\n"
        "fffff880`030001d8 fffff800`02001050 nt!Walk+0x50 (TrapFrame @ fffff880`03000080)\n"
        "fffff880`03000280 fffff800`02002000 nt!Walk+0x50\n"
        "fffff880`03000300 00000000`00000000 0xfffff800`02002000\n",
        "a!b\nnt!KiSystemServiceCopyEnd+0x13\nc+0x12\n...\n",
        "ChildEBP RetAddr  Args to Child\n"
        "0012fe00 00402000 00000001 00000002 00403000 a!f+0x10\n"
        "0012fe0c 00403000 00000003 0012fe70 00000005 a!g+0x10\n"
        "WARNING: Stack unwind information not available.\n"
        "0012fe70 00000000 00000006 00000007 00000008 a!h+0x10 (FPO: [0,0] TrapFrame @ 0012fe70)\n",
        ("(Inline Function) --------`-------- : --------`-------- : W!F::D+0x89\n"
         "ffffa087`3efdec88 fffff806`569959c5 : 00000000`00000057 : c!D::I [d:\\x.c @ 12]\n"),
        "fffff880`0496e3aa  3161654c ????????                    Lea1....\n",
        "fffff880`044b63aa  4c 65 61 6b 3b c1 0f 42-c1 41 8d 49 fd 8b d0 ff  Leak;..B.A.I....\n",
        "0a84e5c0  \"Local\\NINJAPERF\"\n0a84e5e0  \"095\"\n",
        "nt!VfAfterCallDriver:\n   18 fffff800`01b66810 48895c2410      mov     rbx\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add(ctx, texts[i], strlen(texts[i]));
}
