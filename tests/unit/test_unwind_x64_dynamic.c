/* SPDX-License-Identifier: MIT */
/* The x64 step in code made at run time: tables of a minidump's stream, and the process's list. */
#include "unit/symtab_support.h"

#include "forge/mdmp.h"
#include "unwind/x64.h"

#define CODE   0x0000020000000000ull /* what was made at run time: 0x1000 bytes */
#define STACK  0x00000000005f0000ull
#define RETURN 0x00007ff612340123ull
#define NTDLL  0x00007ffc00000000ull
#define HEAP   0x0000000000700000ull

enum { INFO = 0x800 }; /* of the UNWIND_INFO: alloc 0x28 */

struct bench {
    uint8_t code[0x1000], stack[0x1000], heap[0x1000], ntdll[0x1000];
    struct forge stream;
    struct forge_bytes file;
    sc_target *target;
    sc_symtab *symtab;
    sc_unwinder *unwinder;
    struct fakesyms syms;
    struct sc_regs regs;
    struct sc_step step;
};

static void put(uint8_t *p, unsigned width, uint64_t v) {
    for (unsigned i = 0; i < width; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static struct bench *bench_new(void) {
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    memcpy(b->code + INFO, "\x01\x04\x01\x00\x04\x42", 6);
    put(b->stack + 0x128, 8, RETURN);
    put(b->stack + 0x100, 8, RETURN + 1);
    forge_init(&b->stream);
    return b;
}

static void bench_free(struct bench *b) {
    sc_unwinder_destroy(b->unwinder);
    sc_symtab_destroy(b->symtab);
    sc_target_close(b->target);
    forge_deinit(&b->stream);
    forge_bytes_free(&b->file);
    free(b);
}

static enum sc_step_status go(struct bench *b, uint64_t ip) {
    uint8_t context[0x4d0] = {0};
    put(context + 0x30, 4, 0x10001f);
    put(context + 0x98, 8, STACK + 0x100);
    put(context + 0xf8, 8, ip);
    no_error(sc_regs_init(&b->regs, SC_CPU_X64, context, sizeof context));
    b->step = (struct sc_step){.known = UINT64_MAX};
    return sc_step_x64(b->unwinder, NULL, true, &b->regs, &b->step);
}

static void comes_out(struct bench *b, uint64_t ip, uint64_t ret) {
    assert_int_equal(go(b, ip), SC_STEP_DONE);
    assert_int_equal(sc_regs_ip(&b->regs), ret);
}

/* ---- the stream ---- */

static void stream_header(struct bench *b, uint32_t native, uint32_t tables, uint32_t pad) {
    const uint32_t head[] = {0x18, 0x20, native, 12, tables, pad};
    for (unsigned i = 0; i < 6; i++)
        forge_u32(&b->stream, head[i]);
    forge_fill(&b->stream, 0xee, pad);
}

/* A table of 0x100 bytes from FIRST on with one function at its start; native: type in the end. */
static void stream_table(struct bench *b, uint32_t first, unsigned native, uint32_t type,
                         uint32_t count, uint32_t pad) {
    forge_u64(&b->stream, CODE + first);
    forge_u64(&b->stream, CODE + first + 0xff);
    forge_u64(&b->stream, CODE);
    forge_u32(&b->stream, count);
    forge_u32(&b->stream, pad);
    for (unsigned i = 0; i < native / 4; i++)
        forge_u32(&b->stream, i == 0x50 / 4 ? type : 0xdddddddd);
    for (uint32_t i = count; i-- > 0;) { /* the last one first: not sorted */
        forge_u32(&b->stream, first + 0x20 * i);
        forge_u32(&b->stream, first + 0x20 * i + 0x10);
        forge_u32(&b->stream, INFO);
    }
    forge_fill(&b->stream, 0xee, pad);
}

static void open_dump(struct bench *b, uint32_t cut) {
    struct forge_mdmp_memory memory[] = {{CODE, b->code, sizeof b->code},
                                         {STACK, b->stack, sizeof b->stack}};
    struct forge_mdmp_raw raw = {13, b->stream.data, (uint32_t)b->stream.size - cut};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .memory = memory, .nmemory = 2};
    m.raw = &raw, m.nraw = 1;
    if (!forge_mdmp_build(&m, &b->file))
        fail_msg("%s", m.why);
    no_error(sc_target_open_memory("made.dmp", b->file.data, b->file.size, NULL, &b->target));
    no_error(sc_unwinder_create(b->target, NULL, &b->unwinder));
}

static void tables_of_a_stream_are_used(void **state) {
    (void)state;
    struct bench *b = bench_new();
    stream_header(b, 0x58, 2, 8);
    stream_table(b, 0x100, 0x58, 0, 1, 4);
    stream_table(b, 0x200, 0x58, 0, 1, 0);
    open_dump(b, 0);
    comes_out(b, CODE + 0x108, RETURN);
    assert_int_equal(b->step.how, SC_FRAME_UNWIND);
    comes_out(b, CODE + 0x208, RETURN);
    comes_out(b, CODE + 0x218, RETURN + 1); /* in the table's range, but no function of it */
    assert_int_equal(b->step.how, SC_FRAME_LEAF);
    assert_int_equal(go(b, CODE + 0x308), SC_STEP_NO_RULE);
    assert_int_equal(go(b, 0x1234), SC_STEP_NO_RULE);
    bench_free(b);
}

static void a_table_that_is_not_sorted_is_read_from_end_to_end(void **state) {
    (void)state;
    struct bench *b = bench_new();
    stream_header(b, 0x58, 1, 0);
    stream_table(b, 0x100, 0x58, 1, 4, 0);
    open_dump(b, 0);
    for (uint64_t i = 0; i < 4; i++)
        comes_out(b, CODE + 0x108 + 0x20 * i, RETURN);
    bench_free(b);
}

static void a_native_descriptor_that_is_too_short_says_nothing(void **state) {
    (void)state;
    struct bench *b = bench_new();
    stream_header(b, 8, 1, 0);
    stream_table(b, 0x100, 8, 0, 1, 0);
    open_dump(b, 0);
    comes_out(b, CODE + 0x108, RETURN);
    bench_free(b);
}

static void a_damaged_stream_gives_what_is_whole(void **state) {
    (void)state;
    struct bench *b = bench_new();
    stream_header(b, 0x58, 5, 0);
    stream_table(b, 0x100, 0x58, 0, 1, 0);
    stream_table(b, 0x200, 0x58, 0, 1, 0);
    open_dump(b, 1); /* the second one is cut off, three are missing */
    comes_out(b, CODE + 0x108, RETURN);
    assert_int_equal(go(b, CODE + 0x208), SC_STEP_NO_RULE);
    bench_free(b);
}

static void a_stream_whose_sizes_lie_gives_nothing(void **state) {
    (void)state;
    static const struct {
        uint32_t offset, value;
    } lies[] = {{0, 0}, {4, 8}, {8, 0xffffffff}, {12, 4}, {12, 0xffffffff}, {20, 0xffffffff}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct bench *b = bench_new();
        stream_header(b, 0x58, 1, 0);
        stream_table(b, 0x100, 0x58, 0, 1, 0);
        forge_poke(&b->stream, lies[i].offset, 4, lies[i].value);
        open_dump(b, 0);
        assert_int_equal(go(b, CODE + 0x108), SC_STEP_NO_RULE);
        bench_free(b);
    }
}

/* ---- the list ---- */

enum { HEAD = 0x100, NODE = 0x200, NODE_STEP = 0x60, TABLE = 0x800 };

/* Descriptor INDEX of the process's list: 0x100 bytes of code from FIRST on. */
static void node(struct bench *b, unsigned index, uint32_t next, uint32_t first, uint32_t type,
                 uint32_t table) {
    uint8_t *n = b->heap + NODE + (size_t)index * NODE_STEP;
    put(n, 8, HEAP + next);
    put(n + 0x10, 8, HEAP + table);
    put(n + 0x20, 8, CODE + first);
    put(n + 0x28, 8, CODE + first + 0xff);
    put(n + 0x30, 8, CODE);
    put(n + 0x50, 4, type);
    put(n + 0x54, 4, 2);
}

/* Two functions at FIRST and FIRST + 0x20 of the code; TURNED: the second one first. */
static void table(struct bench *b, uint32_t where, uint32_t first, bool turned) {
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *e = b->heap + where + (turned ? 12 - 12 * (size_t)i : 12 * (size_t)i);
        put(e, 4, first + 0x20 * i);
        put(e + 4, 4, first + 0x20 * i + 0x10);
        put(e + 8, 4, INFO);
    }
}

static void make_list(struct bench *b) {
    put(b->heap + HEAD, 8, HEAP + NODE);
    node(b, 0, NODE + NODE_STEP, 0x100, 2, TABLE); /* a callback: there is no table to read */
    node(b, 1, NODE + 2 * NODE_STEP, 0x200, 0, TABLE);
    node(b, 2, HEAD, 0x300, 1, TABLE + 0x40);
    table(b, TABLE, 0x200, false);
    table(b, TABLE + 0x40, 0x300, true);
}

static void open_process(struct bench *b, const struct sc_symbol *symbols, size_t count) {
    struct sc_module module = {
        .base = NTDLL, .size = sizeof b->ntdll, .name = "ntdll", .image = "ntdll.dll"};
    struct sc_fake_bytes memory[] = {{CODE, b->code, sizeof b->code},
                                     {STACK, b->stack, sizeof b->stack},
                                     {HEAP, b->heap, sizeof b->heap},
                                     {NTDLL, b->ntdll, sizeof b->ntdll}};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X64};
    struct sc_store_opts opts = {.sz = sizeof opts, .offline = true, .cache = "/dev/null/none"};
    fake.modules = &module, fake.nmodules = 1, fake.memory = memory, fake.nmemory = 4;
    no_error(sc_target_fake(&fake, &b->target));
    no_error(sc_symtab_create(b->target, &opts, &b->symtab));
    b->syms = (struct fakesyms){.provider = "pdb", .symbols = symbols, .nsymbols = count};
    sc_symbols *s = fakesyms_open(&b->syms);
    assert_non_null(s);
    no_error(sc_symtab_attach(b->symtab, sc_target_module_named(b->target, "ntdll"), s, "test"));
    sc_symbols_unref(s);
    no_error(sc_unwinder_create(b->target, b->symtab, &b->unwinder));
}

static void the_list_works(struct bench *b) {
    assert_int_equal(go(b, CODE + 0x108), SC_STEP_NO_RULE);
    comes_out(b, CODE + 0x208, RETURN);
    comes_out(b, CODE + 0x228, RETURN);
    comes_out(b, CODE + 0x308, RETURN);
    comes_out(b, CODE + 0x328, RETURN);
    assert_int_equal(go(b, CODE + 0x408), SC_STEP_NO_RULE);
}

static void the_list_is_found_by_its_name(void **state) {
    (void)state;
    static const struct sc_symbol symbol = {
        .name = "RtlpDynamicFunctionTable", .kind = SC_SYM_PUBLIC, .rva = 0x40};
    struct bench *b = bench_new();
    make_list(b);
    /* The head lies in ntdll; its last node leads back there. */
    put(b->ntdll + 0x40, 8, HEAP + NODE);
    put(b->heap + NODE + 2 * NODE_STEP, 8, NTDLL + 0x40);
    open_process(b, &symbol, 1);
    the_list_works(b);
    bench_free(b);
}

static void the_list_is_found_by_the_function_that_returns_it(void **state) {
    (void)state;
    static const struct sc_symbol symbols[] = {
        {.name = "RtlGetFunctionTableListHead", .kind = SC_SYM_EXPORT, .rva = 0x200, .code = true}};
    struct bench *b = bench_new();
    make_list(b);
    put(b->ntdll + 0x40, 8, HEAP + NODE);
    put(b->heap + NODE + 2 * NODE_STEP, 8, NTDLL + 0x40);
    memcpy(b->ntdll + 0x200, "\x48\x8d\x05\x39\xfe\xff\xff\xc3", 8); /* lea rax, [rip - 0x1c7] */
    open_process(b, symbols, 1);
    the_list_works(b);
    bench_free(b);
    b = bench_new();
    make_list(b);
    memcpy(b->ntdll + 0x200, "\x48\x8b\x05\x39\xfe\xff\xff\xc3", 8); /* another instruction */
    open_process(b, symbols, 1);
    assert_int_equal(go(b, CODE + 0x208), SC_STEP_NO_RULE);
    bench_free(b);
}

static void a_list_that_never_ends_is_left(void **state) {
    (void)state;
    static const struct sc_symbol symbol = {
        .name = "RtlpDynamicFunctionTable", .kind = SC_SYM_PUBLIC, .rva = 0x40};
    struct bench *b = bench_new();
    make_list(b);
    put(b->ntdll + 0x40, 8, HEAP + NODE);
    put(b->heap + NODE + 2 * NODE_STEP, 8, HEAP + NODE);
    open_process(b, &symbol, 1);
    comes_out(b, CODE + 0x208, RETURN);
    bench_free(b);
    b = bench_new();
    make_list(b);
    put(b->ntdll + 0x40, 8, HEAP + NODE);
    put(b->heap + NODE + NODE_STEP, 8, 0x123456); /* to nowhere */
    open_process(b, &symbol, 1);
    comes_out(b, CODE + 0x208, RETURN);
    assert_int_equal(go(b, CODE + 0x308), SC_STEP_NO_RULE);
    bench_free(b);
}

static void forgetting_asks_anew(void **state) {
    (void)state;
    struct bench *b = bench_new();
    stream_header(b, 0x58, 1, 0);
    stream_table(b, 0x100, 0x58, 0, 1, 0);
    open_dump(b, 0);
    comes_out(b, CODE + 0x108, RETURN);
    sc_unwinder_forget(b->unwinder);
    assert_null(b->unwinder->outside.own);
    comes_out(b, CODE + 0x108, RETURN);
    bench_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_of_a_stream_are_used),
        cmocka_unit_test(a_table_that_is_not_sorted_is_read_from_end_to_end),
        cmocka_unit_test(a_native_descriptor_that_is_too_short_says_nothing),
        cmocka_unit_test(a_damaged_stream_gives_what_is_whole),
        cmocka_unit_test(a_stream_whose_sizes_lie_gives_nothing),
        cmocka_unit_test(the_list_is_found_by_its_name),
        cmocka_unit_test(the_list_is_found_by_the_function_that_returns_it),
        cmocka_unit_test(a_list_that_never_ends_is_left),
        cmocka_unit_test(forgetting_asks_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
