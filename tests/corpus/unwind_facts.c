/* SPDX-License-Identifier: MIT */
/*
 * Prints what the unwinder reads and finds, a fact a line, for unwind_compare.py:
 *
 *   unwind_facts codes IMAGE
 *       function BEGIN END INFO VERSION FLAGS PROLOG SLOTS REGISTER OFFSET
 *       code AT OP INFO VALUE                 of the function above it
 *       chain BEGIN END INFO
 *       plan STATUS                           at the end of the function above it
 *   unwind_facts epilogs IMAGE
 *       epilog RVA HOW TEXT                   instructions of functions of version 2 that are in an
 *           epilog: "both" by codes and by instructions, which agree; "differ"; "codes", "bytes";
 *           "release" for what stands before an epilog of version 2 and is one of version 1
 *   unwind_facts codes IMAGE                  the same of an ARM64 image:
 *       function BEGIN LENGTH DATA SINGLE FIRST EPILOGS BYTES
 *       code INDEX BYTES OP REGISTER COUNT PRE VALUE
 *       scope START INDEX
 *   unwind_facts run IMAGE                    prologs and epilogs of an ARM64 image, executed
 *       run RVA WHERE RESULT WORD             before each instruction: "ok" when the step brought
 *                                             back the registers that the function began with
 *   unwind_facts walk -i IMAGES -c CACHE DUMP
 *       frame NUMBER IP SP HOW KNOWN          from the dump's exception on
 *       end TEXT ADDRESS
 */
#include "corpus/unwind_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stopcode/disasm.h"
#include "stopcode/stack.h"
#include "unwind/x64.h"

static int fail(sc_err *err) {
    fprintf(stderr, "unwind_facts: %s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

/* ---- codes ---- */

/* The image as the loader maps it, as a target's memory. */
static sc_err *map_image(const char *path, sc_target **ret_target, struct sc_module *ret_module) {
    sc_pe *pe = NULL;
    sc_err *err = sc_pe_open(path, &pe);
    if (err)
        return err;
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    uint8_t *image = calloc(1, h->image_size);
    for (uint32_t at = 0; image && at < h->image_size; at += 0x1000) {
        uint32_t n = h->image_size - at < 0x1000 ? h->image_size - at : 0x1000;
        sc_pe_read(pe, at, image + at, n, NULL);
    }
    *ret_module = (struct sc_module){
        .base = h->image_base, .size = h->image_size, .name = "image", .image = "image.exe"};
    struct sc_fake_bytes bytes = {h->image_base, image, h->image_size};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = sc_pe_cpu(pe),
                           .modules = ret_module,
                           .nmodules = 1,
                           .memory = &bytes,
                           .nmemory = 1};
    err = image ? sc_target_fake(&fake, ret_target) : sc_err_nomem();
    free(image);
    sc_pe_close(pe);
    return err;
}

static void print_codes(const struct x64_info *info) {
    struct x64_code c;
    unsigned i = 0;
    for (; info->version < 3 && i < info->words && x64_code(info, i, &c); i += c.slots)
        printf("code\t0x%x\t%u\t%u\t%" PRIu32 "\n", c.at, c.op, c.info, c.value);
    if (info->version < 3 && i < info->words)
        printf("error\tcode %u of 0x%" PRIx32 "\n", i, info->rva);
    if (info->chained)
        printf("chain\t0x%" PRIx32 "\t0x%" PRIx32 "\t0x%" PRIx32 "\n", info->chain.begin,
               info->chain.end, info->chain.unwind);
}

/* INDEX: of the entry, which the search must find as well. */
static void print_function(const sc_pe *pe, struct x64_cache *cache, size_t index) {
    struct sc_pe_function f;
    struct x64_entry e;
    struct x64_info info;
    bool found = false;
    uint64_t missing = 0;
    sc_err *err = sc_pe_function_at(pe, index, &f);
    if (err) {
        printf("error\t%s\n", sc_err_text(err));
        sc_err_destroy(err);
        return;
    }
    enum sc_step_status st = x64_find(&cache->region, f.begin, &e, &found, &missing);
    if (st == SC_STEP_DONE && found && e.begin == f.begin)
        st = x64_info(&cache->region, e.unwind, &info, &missing);
    else
        found = false;
    if (st != SC_STEP_DONE || !found) {
        printf("error\tfunction 0x%" PRIx32 ": %d at 0x%" PRIx64 "\n", f.begin, st, missing);
        return;
    }
    printf("function\t0x%" PRIx32 "\t0x%" PRIx32 "\t0x%" PRIx32 "\t%u\t%u\t%u\t%u\t%u\t%u\n",
           e.begin, e.end, e.unwind, info.version, info.flags, info.prolog, info.words,
           info.frame_register, info.frame_offset);
    print_codes(&info);
    const struct x64_plan *plan = x64_plan(cache, 0, cache->region.base + e.end - 1, true);
    printf("plan\t%d\n", plan ? (int)plan->status : -1);
}

/* ---- epilogs ---- */

static bool same(const struct x64_build *a, const struct x64_build *b) {
    bool yes = a->nops == b->nops;
    for (size_t i = 0; yes && i < a->nops; i++)
        yes = a->op[i].code == b->op[i].code && a->op[i].reg == b->op[i].reg &&
              a->op[i].value == b->op[i].value;
    return yes;
}

/* What both ways say of one instruction. INFO is of version 2. */
static void compare_at(const struct x64_region *r, const struct x64_entry *e,
                       const struct x64_info *info, const struct sc_insn *insn, bool next_is_one) {
    struct x64_build b[2] = {{.region = r}, {.region = r}};
    bool inside[2] = {false, false};
    for (int i = 0; i < 2; i++) {
        b[i].ip = insn->address;
        b[i].rva = (uint32_t)(insn->address - r->base);
    }
    x64_v2_epilog_put(e, info, &b[0], &inside[0]);
    x64_epilog_put(e, info, &b[1], &inside[1]);
    if (!inside[0] && !inside[1])
        return;
    const char *how = inside[0] && inside[1] ? same(&b[0], &b[1]) ? "both" : "differ"
                      : inside[0]            ? "codes"
                      : next_is_one          ? "release"
                                             : "bytes";
    printf("epilog\t0x%" PRIx32 "\t%s\t%s %s\n", b[0].rva, how, insn->mnemonic, insn->operands);
}

static bool in_epilog(const struct x64_region *r, const struct x64_entry *e,
                      const struct x64_info *info, uint32_t rva) {
    struct x64_build b = {.region = r, .ip = r->base + rva, .rva = rva};
    bool inside = false;
    x64_v2_epilog_put(e, info, &b, &inside);
    return inside;
}

static void print_epilogs(sc_disasm *disasm, struct x64_cache *cache, size_t index) {
    const struct x64_region *r = &cache->region;
    struct x64_entry e;
    struct x64_info info;
    uint64_t missing;
    uint8_t raw[12], bytes[16];
    if (x64_read(r, r->table.at - r->base + 12 * index, raw, 12, &missing) != SC_STEP_DONE)
        return;
    e = (struct x64_entry){(uint32_t)raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16, 0, 0};
    bool found = false;
    if (x64_find(r, e.begin, &e, &found, &missing) != SC_STEP_DONE || !found ||
        x64_info(r, e.unwind, &info, &missing) != SC_STEP_DONE || info.version != 2)
        return;
    for (uint32_t rva = e.begin; rva < e.end;) {
        struct sc_insn insn;
        if (x64_read(r, rva, bytes, sizeof bytes, &missing) != SC_STEP_DONE)
            return;
        sc_disasm_decode(disasm, r->base + rva, bytes, sizeof bytes, &insn);
        uint32_t next = rva + insn.length;
        if (rva - e.begin >= info.prolog)
            compare_at(r, &e, &info, &insn, in_epilog(r, &e, &info, next));
        rva = next;
    }
}

/* ---- both ---- */

static sc_err *with_image(const char *path, bool epilogs) {
    sc_target *target = NULL;
    struct sc_module module;
    sc_pe *pe = NULL;
    sc_disasm *disasm = NULL;
    sc_err *err = map_image(path, &target, &module);
    if (!err && sc_target_machine(target)->cpu == SC_CPU_ARM64) {
        err = arm64_facts(target, module.base, false);
        sc_target_close(target);
        return err;
    }
    if (!err)
        err = sc_pe_open_memory(sc_target_space(target), module.base, "image", &pe);
    if (!err && epilogs)
        err = sc_disasm_create(SC_CPU_X64, &disasm);
    if (!err) {
        struct x64_region r = {
            .space = sc_target_space(target),
            .base = module.base,
            .size = module.size,
            .table = {.at = module.base + sc_pe_headers(pe)->dir[SC_PE_DIR_EXCEPTION].rva,
                      .count = (uint32_t)sc_pe_function_count(pe),
                      .stride = 12}};
        struct x64_cache *cache = x64_cache_create(&r);
        for (size_t i = 0; cache && i < r.table.count; i++) {
            if (epilogs)
                print_epilogs(disasm, cache, i);
            else
                print_function(pe, cache, i);
        }
        err = cache ? NULL : sc_err_nomem();
        x64_cache_destroy(cache);
    }
    sc_disasm_destroy(disasm);
    sc_pe_close(pe);
    sc_target_close(target);
    return err;
}

/* ---- walk ---- */

static sc_err *run_image(const char *path) {
    sc_target *target = NULL;
    struct sc_module module;
    sc_err *err = map_image(path, &target, &module);
    if (!err && sc_target_machine(target)->cpu != SC_CPU_ARM64)
        err = sc_errf(SC_ERR_ARG, "%s is no image of ARM64", path);
    if (!err)
        err = arm64_facts(target, module.base, true);
    sc_target_close(target);
    return err;
}

static void print_stack(const struct sc_stack *s) {
    for (size_t i = 0; i < s->count; i++) {
        const struct sc_frame *f = &s->frame[i];
        printf("frame\t%" PRIu32 "\t0x%" PRIx64 "\t0x%" PRIx64 "\t%s\t0x%" PRIx64 "\n", f->number,
               f->ip, f->sp, sc_frame_how_name(f->how), f->known);
    }
    printf("end\t%s\t0x%" PRIx64 "\n", sc_stack_end_text(s->end), s->end_address);
}

static sc_err *walk(const char *dump, const char *images, const char *cache) {
    struct sc_store_opts opts = {.sz = sizeof opts, .offline = true, .cache = cache};
    sc_target *target = NULL;
    sc_symtab *symtab = NULL;
    sc_unwinder *unwinder = NULL;
    struct sc_regs regs;
    struct sc_stack stack = {0};
    sc_err *err = sc_target_open(dump, NULL, &target);
    if (!err)
        err = sc_symtab_create(target, &opts, &symtab);
    if (!err && images)
        err = sc_store_set_path(sc_symtab_store(symtab), SC_PATH_IMAGES, images);
    if (!err)
        err = sc_target_event_regs(target, &regs);
    if (!err)
        err = sc_unwinder_create(target, symtab, &unwinder);
    if (!err)
        err = sc_stack_walk(unwinder, &regs, NULL, &stack);
    if (!err)
        print_stack(&stack);
    sc_stack_deinit(&stack);
    sc_unwinder_destroy(unwinder);
    sc_symtab_destroy(symtab);
    sc_target_close(target);
    return err;
}

int main(int argc, char **argv) {
    if (argc == 3 && (!strcmp(argv[1], "codes") || !strcmp(argv[1], "epilogs"))) {
        sc_err *err = with_image(argv[2], argv[1][0] == 'e');
        return err ? fail(err) : 0;
    }
    if (argc == 3 && !strcmp(argv[1], "run")) {
        sc_err *err = run_image(argv[2]);
        return err ? fail(err) : 0;
    }
    if (argc == 7 && !strcmp(argv[1], "walk") && !strcmp(argv[2], "-i") && !strcmp(argv[4], "-c")) {
        sc_err *err = walk(argv[6], argv[3], argv[5]);
        return err ? fail(err) : 0;
    }
    fprintf(stderr, "usage: unwind_facts codes|epilogs|run IMAGE | walk -i IMAGES -c CACHE DUMP\n");
    return 2;
}
