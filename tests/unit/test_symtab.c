/* SPDX-License-Identifier: MIT */
/* The symbols of a target: addresses to names, names to addresses, across modules and providers. */
#include "unit/symtab_support.h"

#define NT  0xfffff80000000000ull
#define DRV 0xfffff80100000000ull
#define BIG 0xfffff90000000000ull

enum { NT_SIZE = 0x800000, DRV_SIZE = 0x10000 };

/* In the order of addresses; the records say in which order the dump has them. */
static const struct sc_module modules[] = {
    {.base = NT, .size = NT_SIZE, .name = "nt", .image = "ntoskrnl.exe", .record = 0x300},
    {.base = DRV, .size = DRV_SIZE, .name = "drv", .image = "drv.sys", .record = 0x200},
    {.base = DRV + 0x80000, .size = 0, .name = "empty", .image = "empty.sys", .record = 0x400},
    {.base = DRV + 0x90000, .size = DRV_SIZE, .name = "drv", .image = "drv.sys", .record = 0x500},
    {.base = BIG, .size = 0x300000000ull, .name = "big", .image = "big.sys", .record = 0x600},
};

static const struct sc_symbol nt_rows[] = {
    {.name = "KeBugCheckEx", .kind = SC_SYM_PUBLIC, .rva = 0x1000, .code = true},
    {.name = "KeBugCheck2", .kind = SC_SYM_PUBLIC, .rva = 0x1200, .code = true},
    {.name = "MixedCase", .kind = SC_SYM_PUBLIC, .rva = 0x2000},
    {.name = "mixedcase", .kind = SC_SYM_PUBLIC, .rva = 0x3000},
    {.name = "PsInitialSystemProcess", .kind = SC_SYM_DATA, .rva = 0x4000},
    {.name = "TlsThing", .kind = SC_SYM_THREAD, .rva = 0x10},
    {.name = "Limit", .kind = SC_SYM_CONSTANT, .value = 0x1234567890},
    {.name = "Last", .kind = SC_SYM_PUBLIC, .rva = 0x700000},
};
static const struct sc_symbol drv_rows[] = {
    {.name = "DriverEntry", .kind = SC_SYM_FUNCTION, .rva = 0x1000, .size = 0x100},
    {.name = "Unload", .kind = SC_SYM_FUNCTION, .rva = 0x1200, .size = 0x40},
};

#define ROWS(rows) .symbols = (rows), .nsymbols = sizeof(rows) / sizeof *(rows)

struct setting {
    struct world w;
    struct fakesyms nt, drv;
};

static int setup(void **state) {
    struct setting *s = calloc(1, sizeof *s);
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .modules = modules,
                           .nmodules = sizeof modules / sizeof *modules};
    if (!s)
        return -1;
    *state = s;
    s->nt = (struct fakesyms){.provider = "pdb", .path = "nt.pdb", ROWS(nt_rows)};
    s->drv = (struct fakesyms){.provider = "pdb", .has_private = true, ROWS(drv_rows)};
    world_open(&s->w, &fake, NULL, NULL, NULL);
    attach(&s->w, "nt", &s->nt);
    attach(&s->w, "drv", &s->drv);
    return 0;
}

static int teardown(void **state) {
    struct setting *s = *state;
    world_close(&s->w);
    bool closed = s->nt.closed == 1 && s->drv.closed == 1;
    free(s);
    return closed ? 0 : -1;
}

/* ---- addresses ---- */

static void an_address_is_named_by_the_symbol_before_it(void **state) {
    struct setting *s = *state;
    text_is(&s->w, NT + 0x1000, "nt!KeBugCheckEx");
    text_is(&s->w, NT + 0x11ff, "nt!KeBugCheckEx+0x1ff");
    text_is(&s->w, NT + 0x1200, "nt!KeBugCheck2");
    text_is(&s->w, NT + NT_SIZE - 1, "nt!Last+0xfffff");
}

static void without_a_symbol_there_is_the_module(void **state) {
    struct setting *s = *state;
    text_is(&s->w, NT, "nt");
    text_is(&s->w, NT + 0xfff, "nt+0xfff");
    text_is(&s->w, DRV + 0x90010, "drv_fffff80100090000+0x10");
    text_is(&s->w, NT + NT_SIZE, NULL);
    text_is(&s->w, DRV + 0x80000, NULL);
    text_is(&s->w, 0, NULL);
}

static void near_says_which_module_even_without_a_symbol(void **state) {
    struct setting *s = *state;
    struct sc_near n;
    bool found = true;
    no_error(sc_symtab_near(s->w.symtab, NT + 0x10, &n, &found));
    assert_false(found);
    assert_string_equal(n.module->name, "nt");
    no_error(sc_symtab_near(s->w.symtab, 5, &n, &found));
    assert_false(found);
    assert_null(n.module);
}

static void constants_and_thread_locals_name_no_address(void **state) {
    struct setting *s = *state;
    text_is(&s->w, NT + 0x10, "nt+0x10");
}

static void offsets_beyond_4_gib_do_not_wrap_to_small_ones(void **state) {
    struct setting *s = *state;
    struct fakesyms big = {.provider = "pdb", ROWS(drv_rows)};
    struct sc_near n;
    struct sc_line line;
    bool found = true;
    attach(&s->w, "big", &big);
    text_is(&s->w, BIG + 0x1000, "big!DriverEntry");
    text_is(&s->w, BIG + 0x100001000ull, "big+0x1`00001000");
    no_error(sc_symtab_next(s->w.symtab, BIG + 0x100001000ull, &n, &found));
    assert_false(found);
    no_error(sc_symtab_line(s->w.symtab, BIG + 0x100001000ull, &line, &found));
    assert_false(found);
    sc_symtab_reload(s->w.symtab, NULL);
    assert_int_equal(big.closed, 1);
}

static void a_block_that_omap_moved_has_a_wrapped_displacement(void **state) {
    struct setting *s = *state;
    static const struct sc_symbol far = {.name = "PspExitThread", .kind = 2, .rva = 0x30000};
    s->nt.omap = &far;
    s->nt.omap_rva = 0x13ae0;
    s->nt.omap_size = 0x20;
    text_is(&s->w, NT + 0x13ae9, "nt!PspExitThread+0xffffffff`fffe3ae9");
    struct sc_near n;
    bool found;
    no_error(sc_symtab_near(s->w.symtab, NT + 0x13ae9, &n, &found));
    assert_true(n.address == NT + 0x30000);
    assert_true(n.displacement == 0xfffffffffffe3ae9ull);
}

/* x86: what is shown is how far it was when it was linked. */
static void a_moved_block_of_32_bits_has_the_distance_it_was_linked_with(void **state) {
    static const struct sc_module driver = {
        .base = 0xf7a20000, .size = 0x10000, .name = "drv", .image = "drv.sys", .path = "drv.sys"};
    static const struct sc_symbol wait = {
        .name = "Wait", .kind = SC_SYM_PUBLIC, .rva = 0x9000, .reordered = true, .behind = 0x1c2};
    const struct sc_fake fake = {
        .sz = sizeof fake, .cpu = SC_CPU_X86, .kernel = true, .modules = &driver, .nmodules = 1};
    struct fakesyms syms = {
        .provider = "pdb", .omap = &wait, .omap_rva = 0x2000, .omap_size = 0x20};
    struct world w;
    (void)state;
    world_open(&w, &fake, NULL, NULL, NULL);
    attach(&w, "drv", &syms);
    text_is(&w, 0xf7a22008, "drv!Wait+0x1c2");
    world_close(&w);
}

static void of_several_providers_the_one_that_covers_wins_then_the_nearest(void **state) {
    struct setting *s = *state;
    static const struct sc_symbol publics[] = {
        {.name = "Nearer", .kind = SC_SYM_PUBLIC, .rva = 0x1080},
        {.name = "Twin", .kind = SC_SYM_PUBLIC, .rva = 0x1200},
        {.name = "Behind", .kind = SC_SYM_PUBLIC, .rva = 0x1280},
    };
    struct fakesyms best = {.provider = "pdb", ROWS(publics)};
    attach(&s->w, "drv", &best);
    text_is(&s->w, DRV + 0x10ff, "drv!DriverEntry+0xff"); /* covered by its size */
    text_is(&s->w, DRV + 0x1100, "drv!Nearer+0x80");      /* covered by none */
    text_is(&s->w, DRV + 0x1241, "drv!Twin+0x41");        /* equally near: the better provider */
    text_is(&s->w, DRV + 0x1290, "drv!Behind+0x10");
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
}

/* Answers are kept: each change of what is known gives new ones, for whatever was asked before. */
static void an_address_is_named_anew_when_symbols_change(void **state) {
    struct setting *s = *state;
    static const struct sc_symbol rows[] = {
        {.name = "Later", .kind = SC_SYM_PUBLIC, .rva = 0x1290}};
    const struct sc_module low = {.base = 0x10000, .size = 0x1000, .image = "low.sys"};
    struct fakesyms f = {.provider = "pdb", ROWS(rows)};
    struct sc_near n;
    bool found;
    char before[200];
    assert_non_null(sc_symtab_text(s->w.symtab, DRV + 0x1298, before, sizeof before));
    for (int again = 0; again < 2; again++)
        text_is(&s->w, DRV + 0x1298, before);
    attach(&s->w, "drv", &f);
    for (int again = 0; again < 2; again++)
        text_is(&s->w, DRV + 0x1298, "drv!Later+0x8");
    no_error(sc_symtab_add_module(s->w.symtab, &low)); /* modules move in memory */
    no_error(sc_symtab_near(s->w.symtab, DRV + 0x1298, &n, &found));
    assert_ptr_equal(n.module, module(&s->w, "drv"));
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
    assert_true(sc_symtab_near(s->w.symtab, DRV + 0x1298, &n, &found) == NULL);
    assert_true(!found || strcmp(n.name, "Later") != 0);
}

static void a_damaged_provider_is_passed_over(void **state) {
    struct setting *s = *state;
    struct fakesyms bad = {.provider = "pdb", ROWS(drv_rows), .fail = SC_ERR_FORMAT};
    attach(&s->w, "drv", &bad);
    text_is(&s->w, DRV + 0x1010, "drv!DriverEntry+0x10");
    name_is(&s->w, "drv!Unload", DRV + 0x1200);
    name_is(&s->w, "drv!unload", DRV + 0x1200);
    struct sc_near n;
    bool found;
    no_error(sc_symtab_next(s->w.symtab, DRV + 0x1010, &n, &found));
    assert_true(found);
    assert_string_equal(n.name, "Unload");
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
}

static void other_errors_come_back_and_leave_the_answer_alone(void **state) {
    struct setting *s = *state;
    struct sc_near n = {.address = 77};
    bool found = true;
    uint64_t addr = 77;
    s->drv.fail = SC_ERR_IO;
    sc_err *err = sc_symtab_near(s->w.symtab, DRV + 0x1010, &n, &found);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
    err = sc_symtab_lookup(s->w.symtab, "drv!Unload", &addr, &found);
    assert_int_equal(sc_err_code(err), SC_ERR_IO);
    sc_err_destroy(err);
    assert_true(found && n.address == 77 && addr == 77);
    text_is(&s->w, DRV + 0x1010, "drv+0x1010");
}

static void text_that_ran_out_of_memory_is_remembered(void **state) {
    struct setting *s = *state;
    s->drv.fail = SC_ERR_NOMEM;
    text_is(&s->w, DRV + 0x1010, "drv+0x1010");
    assert_true(sc_target_take_nomem(s->w.target));
}

static void a_long_name_is_cut_but_its_displacement_is_not(void **state) {
    struct setting *s = *state;
    char name[600];
    memset(name, 'x', sizeof name);
    memcpy(name + 40, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 16);
    name[sizeof name - 1] = 0;
    const struct sc_symbol rows[] = {{.name = name, .kind = SC_SYM_PUBLIC, .rva = 0x5000}};
    struct fakesyms f = {.provider = "pdb", ROWS(rows)};
    attach(&s->w, "drv", &f);
    for (size_t size = 64; size < 80; size++) {
        char buf[80], *dots;
        memset(buf, 0x55, sizeof buf);
        assert_non_null(sc_symtab_text(s->w.symtab, DRV + 0x5123, buf, size));
        assert_true(strlen(buf) < size);
        assert_non_null(dots = strstr(buf, "...+0x123"));
        assert_int_equal(buf[size < 80 ? size : 79], 0x55);
        size_t tail = 0; /* bytes of the last character before the dots */
        while (((unsigned char)dots[-1 - (long)tail] & 0xc0) == 0x80)
            tail++;
        assert_true(!tail || (unsigned char)dots[-1 - (long)tail] == 0xc3);
    }
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
}

/* ---- the next symbol ---- */

static void next_is(struct setting *s, uint64_t addr, const char *want) {
    struct sc_near n;
    bool found = true;
    no_error(sc_symtab_next(s->w.symtab, addr, &n, &found));
    assert_int_equal(found, want != NULL);
    if (want)
        assert_string_equal(n.name, want);
}

static void next_is_the_first_symbol_behind(void **state) {
    struct setting *s = *state;
    next_is(s, NT, "KeBugCheckEx");
    next_is(s, NT + 0xfff, "KeBugCheckEx");
    next_is(s, NT + 0x1000, "KeBugCheck2");
    next_is(s, NT + 0x11ff, "KeBugCheck2");
    next_is(s, NT + 0x4000, "Last");
    next_is(s, NT + 0x700000, NULL);
    next_is(s, NT + NT_SIZE - 1, NULL);
    next_is(s, NT + NT_SIZE, NULL);
    next_is(s, DRV + 0x90000, NULL);
}

static void next_looks_in_every_provider(void **state) {
    struct setting *s = *state;
    static const struct sc_symbol rows[] = {{.name = "Far", .kind = 1, .rva = 0x8000}};
    struct fakesyms f = {.provider = "pdb", ROWS(rows)};
    attach(&s->w, "drv", &f);
    next_is(s, DRV + 0x1000, "Unload");
    next_is(s, DRV + 0x1200, "Far");
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
}

static void next_asks_few_questions_however_dense_the_table(void **state) {
    struct setting *s = *state;
    enum { N = 3000 };
    static struct sc_symbol rows[N]; /* a gap of 4 MiB, then one symbol behind the other */
    for (size_t i = 0; i < N; i++)
        rows[i] = (struct sc_symbol){.name = i ? "later" : "first", .kind = 1};
    for (uint32_t i = 0; i < N; i++)
        rows[i].rva = 0x400001 + i;
    struct fakesyms f = {.provider = "pdb", ROWS(rows)};
    sc_symtab_reload(s->w.symtab, module(&s->w, "nt"));
    attach(&s->w, "nt", &f);
    next_is(s, NT + 0x10, "first");
    if (f.asked_nearest > 80)
        fail_msg("%u questions", f.asked_nearest);
    next_is(s, NT + 0x400001, "later");
    sc_symtab_reload(s->w.symtab, module(&s->w, "nt"));
}

/* ---- names ---- */

static void names_are_found_with_and_without_their_module(void **state) {
    struct setting *s = *state;
    name_is(&s->w, "nt!KeBugCheckEx", NT + 0x1000);
    name_is(&s->w, "NT!KeBugCheckEx", NT + 0x1000);
    name_is(&s->w, "ntoskrnl.exe!KeBugCheckEx", NT + 0x1000);
    name_is(&s->w, "KeBugCheckEx", NT + 0x1000);
    name_is(&s->w, "DriverEntry", DRV + 0x1000);
    name_is(&s->w, "nt", NT);
    name_is(&s->w, "drv.sys", DRV);
    name_is(&s->w, "nt!DriverEntry", SC_UNSET64);
    name_is(&s->w, "nowhere!KeBugCheckEx", SC_UNSET64);
    name_is(&s->w, "Nothing", SC_UNSET64);
    name_is(&s->w, "nt!", SC_UNSET64);
    name_is(&s->w, "", SC_UNSET64);
}

static void modules_of_one_name_are_told_apart(void **state) {
    struct setting *s = *state;
    struct fakesyms other = {.provider = "pdb", ROWS(drv_rows)};
    attach(&s->w, "drv_fffff80100090000", &other);
    name_is(&s->w, "drv!Unload", DRV + 0x1200);
    name_is(&s->w, "drv_fffff80100090000!Unload", DRV + 0x91200);
    text_is(&s->w, DRV + 0x91200, "drv_fffff80100090000!Unload");
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv_fffff80100090000"));
}

static void the_exact_case_wins_and_any_case_will_do(void **state) {
    struct setting *s = *state;
    name_is(&s->w, "nt!MixedCase", NT + 0x2000);
    name_is(&s->w, "nt!mixedcase", NT + 0x3000);
    name_is(&s->w, "nt!MIXEDCASE", NT + 0x2000);
    name_is(&s->w, "nt!kebugcheckex", NT + 0x1000);
}

static void a_constant_is_its_value_whichever_way_it_is_found(void **state) {
    struct setting *s = *state;
    name_is(&s->w, "nt!Limit", 0x1234567890);
    name_is(&s->w, "nt!LIMIT", 0x1234567890);
}

static void a_thread_local_has_no_address(void **state) {
    struct setting *s = *state;
    name_is(&s->w, "nt!TlsThing", SC_UNSET64);
    name_is(&s->w, "nt!tlsthing", SC_UNSET64);
}

static void names_that_are_not_there_cost_one_walk_in_all(void **state) {
    struct setting *s = *state;
    for (int i = 0; i < 50; i++)
        name_is(&s->w, "nt!NoSuchName", SC_UNSET64);
    assert_int_equal(s->nt.asked_each, 1);
    name_is(&s->w, "nt!kebugcheckex", NT + 0x1000);
    assert_int_equal(s->nt.asked_each, 1);
}

static void a_provider_that_comes_later_is_asked_too(void **state) {
    struct setting *s = *state;
    static const struct sc_symbol rows[] = {{.name = "Newcomer", .kind = 1, .rva = 0x6000}};
    struct fakesyms f = {.provider = "pdb", ROWS(rows)};
    name_is(&s->w, "nt!newcomer", SC_UNSET64);
    attach(&s->w, "nt", &f);
    name_is(&s->w, "nt!newcomer", NT + 0x6000);
    name_is(&s->w, "nt!kebugcheckex", NT + 0x1000);
    sc_symtab_reload(s->w.symtab, module(&s->w, "nt"));
    name_is(&s->w, "nt!newcomer", SC_UNSET64);
}

/* ---- patterns ---- */

struct hits {
    char text[600];
    unsigned count, most;
};

static bool note_hit(void *ctx, const struct sc_near *n) {
    struct hits *h = ctx;
    size_t at = strlen(h->text);
    snprintf(h->text + at, sizeof h->text - at, "%s!%s=%llx ", n->module->name, n->name,
             (unsigned long long)(n->symbol.kind == SC_SYM_CONSTANT ? n->address
                                                                    : n->address & 0xfffffff));
    return ++h->count != h->most;
}

static void pattern_gives(struct setting *s, const char *pattern, unsigned kinds,
                          const char *want) {
    struct hits h = {0};
    no_error(sc_symtab_each(s->w.symtab, pattern, kinds, note_hit, &h));
    assert_string_equal(h.text, want);
}

static void patterns_go_through_modules_and_names(void **state) {
    struct setting *s = *state;
    pattern_gives(s, "nt!KeBug*", SC_SYM_ANY, "nt!KeBugCheckEx=1000 nt!KeBugCheck2=1200 ");
    pattern_gives(s, "*!*unload", SC_SYM_ANY, "drv!Unload=1200 ");
    pattern_gives(s, "d?v!*", SC_SYM_ANY, "drv!DriverEntry=1000 drv!Unload=1200 ");
    pattern_gives(s, "*Entry", SC_SYM_ANY, "drv!DriverEntry=1000 ");
    pattern_gives(s, "nt!*", SC_SYM_DATA, "nt!PsInitialSystemProcess=4000 ");
    pattern_gives(s, "nt!Lim*", SC_SYM_CONSTANT, "nt!Limit=1234567890 ");
    pattern_gives(s, "nt!Tls*", SC_SYM_THREAD, "nt!TlsThing=10 ");
    pattern_gives(s, "nt!nothing*", SC_SYM_ANY, "");
    pattern_gives(s, "zz!*", SC_SYM_ANY, "");
}

static void the_first_provider_with_symbols_of_a_kind_is_listed(void **state) {
    struct setting *s = *state;
    struct fakesyms types_only = {.provider = "isf"};
    attach(&s->w, "drv", &types_only);
    pattern_gives(s, "drv!*", SC_SYM_ANY, "drv!DriverEntry=1000 drv!Unload=1200 ");
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
}

static void a_caller_who_has_enough_ends_it(void **state) {
    struct setting *s = *state;
    struct hits h = {.most = 2};
    no_error(sc_symtab_each(s->w.symtab, "*!*", SC_SYM_ANY, note_hit, &h));
    assert_int_equal(h.count, 2);
}

static void cancelling_ends_a_walk_even_when_nothing_matches(void **state) {
    struct setting *s = *state;
    struct hits h = {0};
    uint64_t addr;
    bool found;
    sc_target_cancel(s->w.target);
    sc_err *err = sc_symtab_each(s->w.symtab, "nt!zzz*", SC_SYM_ANY, note_hit, &h);
    assert_int_equal(sc_err_code(err), SC_ERR_CANCELLED);
    err = sc_symtab_lookup(s->w.symtab, "nt!zzz", &addr, &found);
    assert_int_equal(sc_err_code(err), SC_ERR_CANCELLED);
    sc_target_clear_cancel(s->w.target);
    name_is(&s->w, "nt!kebugcheckex", NT + 0x1000); /* nothing half made stayed behind */
}

/* A walk over all names would see the cancel flag. */
static void an_exact_name_costs_no_walk(void **state) {
    struct setting *s = *state;
    uint64_t addr = 77;
    bool found = true;
    sc_target_cancel(s->w.target);
    no_error(sc_symtab_lookup_exact(s->w.symtab, "nt!zzz", &addr, &found));
    assert_false(found);
    no_error(sc_symtab_lookup_exact(s->w.symtab, "nt!kebugcheckex", &addr, &found));
    assert_false(found);
    no_error(sc_symtab_lookup_exact(s->w.symtab, "nosuch!KeBugCheckEx", &addr, &found));
    assert_false(found);
    assert_int_equal(addr, 77);
    no_error(sc_symtab_lookup_exact(s->w.symtab, "nt!KeBugCheckEx", &addr, &found));
    assert_true(found && addr == NT + 0x1000);
}

/* ---- decorated names ---- */

static const struct sc_symbol cpp_rows[] = {
    {.name = "?Read@Stream@io@@QEAA_NPEAXI@Z", .kind = SC_SYM_PUBLIC, .rva = 0x1000},
    {.name = "?read@Stream@io@@QEAA_NPEAXI@Z", .kind = SC_SYM_PUBLIC, .rva = 0x2000},
    {.name = "?@@@broken", .kind = SC_SYM_PUBLIC, .rva = 0x3000},
    {.name = "_Under@8", .kind = SC_SYM_PUBLIC, .rva = 0x4000},
    {.name = "_Exported", .kind = SC_SYM_EXPORT, .rva = 0x5000},
};

static void decorated_names_are_shown_and_found_undecorated(void **state) {
    struct setting *s = *state;
    struct fakesyms f = {.provider = "pdb", ROWS(cpp_rows)};
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
    attach(&s->w, "drv", &f);
    text_is(&s->w, DRV + 0x1004, "drv!io::Stream::Read+0x4");
    text_is(&s->w, DRV + 0x2004, "drv!io::Stream::read+0x4"); /* case tells them apart */
    text_is(&s->w, DRV + 0x3001, "drv!?@@@broken+0x1");
    text_is(&s->w, DRV + 0x4001, "drv!_Under@8+0x1"); /* only x86 decorates C names */
    name_is(&s->w, "drv!?Read@Stream@io@@QEAA_NPEAXI@Z", DRV + 0x1000);
    name_is(&s->w, "drv!?read@Stream@io@@QEAA_NPEAXI@Z", DRV + 0x2000);
    name_is(&s->w, "drv!io::Stream::Read", DRV + 0x1000);
    pattern_gives(s, "drv!io::*ead", SC_SYM_ANY,
                  "drv!io::Stream::Read=1000 drv!io::Stream::read=2000 ");
    pattern_gives(s, "drv!?read@*", SC_SYM_ANY,
                  "drv!io::Stream::Read=1000 drv!io::Stream::read=2000 ");
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
}

static void a_name_is_undecorated_once_and_forgotten_by_a_reload(void **state) {
    struct setting *s = *state;
    char name[40] = "?Old@@YAXXZ";
    const struct sc_symbol rows[] = {{.name = name, .kind = SC_SYM_PUBLIC, .rva = 0x1000}};
    struct fakesyms f = {.provider = "pdb", ROWS(rows)};
    struct sc_near a, b;
    bool found;
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
    attach(&s->w, "drv", &f);
    no_error(sc_symtab_near(s->w.symtab, DRV + 0x1000, &a, &found));
    no_error(sc_symtab_near(s->w.symtab, DRV + 0x1001, &b, &found));
    assert_ptr_equal(a.name, b.name);
    assert_string_equal(a.name, "Old");
    strcpy(name, "?New@@YAXXZ"); /* the place of the name is another file's now */
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
    attach(&s->w, "drv", &f);
    text_is(&s->w, DRV + 0x1000, "drv!New");
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
}

static void x86_decorations_of_c_names_are_taken_off_publics(void **state) {
    (void)state;
    static const struct sc_module one[] = {
        {.base = 0x400000, .size = 0x10000, .name = "app", .image = "app.exe"}};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X86, .modules = one, .nmodules = 1};
    struct fakesyms f = {.provider = "pdb", ROWS(cpp_rows)};
    struct world w;
    world_open(&w, &fake, NULL, NULL, NULL);
    attach(&w, "app", &f);
    text_is(&w, 0x404001, "app!Under+0x1");
    text_is(&w, 0x405001, "app!_Exported+0x1");
    name_is(&w, "app!Under", 0x404000);
    name_is(&w, "app!_Under@8", 0x404000);
    name_is(&w, "app!_Exported", 0x405000);
    world_close(&w);
}

/* ---- which module comes first ---- */

static void of_a_process_the_executable_comes_first_not_the_lowest_module(void **state) {
    (void)state;
    static const struct sc_module user[] = {
        {.base = 0x10000, .size = 0x10000, .name = "low", .image = "low.dll", .record = 0x900},
        {.base = 0x20000, .size = 0x10000, .name = "nt", .image = "nt.dll", .record = 0x800},
        {.base = 0x400000, .size = 0x10000, .name = "app", .image = "app.exe", .record = 0x100},
    };
    static const struct sc_symbol rows[] = {{.name = "main", .kind = 2, .rva = 0x1000, .size = 9}};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X86, .modules = user, .nmodules = 3};
    struct fakesyms low = {.provider = "pdb", ROWS(rows)}, nt = low, app = low;
    struct world w;
    world_open(&w, &fake, NULL, NULL, NULL);
    attach(&w, "low", &low);
    attach(&w, "nt", &nt);
    attach(&w, "app", &app);
    name_is(&w, "main", 0x401000);
    name_is(&w, "MAIN", 0x401000);
    world_close(&w);
    assert_int_equal(low.closed + nt.closed + app.closed, 3);
}

static void addresses_of_32_bit_targets_stay_narrow(void **state) {
    (void)state;
    static const struct sc_module top[] = {
        {.base = 0xffff0000, .size = 0x10000, .name = "top", .image = "top.sys"}};
    static const struct sc_symbol rows[] = {{.name = "Liar", .kind = 1, .rva = 0x20000}};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X86, .modules = top, .nmodules = 1};
    struct fakesyms f = {.provider = "pdb", ROWS(rows)};
    struct world w;
    world_open(&w, &fake, NULL, NULL, NULL);
    attach(&w, "top", &f);
    name_is(&w, "top!Liar", 0x10000);
    world_close(&w);
}

/* ---- life ---- */

static void a_reload_lets_go_of_everything(void **state) {
    struct setting *s = *state;
    assert_int_equal(sc_symtab_peek(s->w.symtab, module(&s->w, "drv"))->state, SC_SYMSTATE_PRIVATE);
    name_is(&s->w, "drv!unload", DRV + 0x1200);
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
    assert_int_equal(s->drv.closed, 1);
    assert_int_equal(s->nt.closed, 0);
    const struct sc_modsyms *m = sc_symtab_peek(s->w.symtab, module(&s->w, "drv"));
    assert_int_equal(m->state, SC_SYMSTATE_DEFERRED);
    assert_int_equal(m->nproviders, 0);
    assert_null(m->how);
    text_is(&s->w, DRV + 0x1200, "drv+0x1200");
    name_is(&s->w, "drv!unload", SC_UNSET64);
    assert_int_equal(m->state, SC_SYMSTATE_NONE);
    assert_non_null(m->why);
}

static void a_symtab_that_ended_is_not_asked_for_bytes(void **state) {
    (void)state;
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X64, .modules = modules, .nmodules = 1};
    struct world w;
    uint8_t byte;
    world_open(&w, &fake, NULL, NULL, NULL);
    for (int i = 0; i < 20; i++) { /* more than a space has room for at a time */
        sc_symtab_destroy(w.symtab);
        no_error(sc_symtab_create(w.target, NULL, &w.symtab));
    }
    sc_symtab_destroy(w.symtab);
    w.symtab = NULL;
    assert_int_equal(sc_space_read(sc_target_space(w.target), NT, &byte, 1, NULL), SC_READ_ABSENT);
    world_close(&w);
}

static void error_is(sc_err *err, enum sc_err_code code, const char *part) {
    assert_int_equal(sc_err_code(err), code);
    assert_non_null(strstr(sc_err_text(err), part));
    sc_err_destroy(err);
}

static void a_module_added_leaves_the_others_symbols_where_they_were(void **state) {
    struct setting *s = *state;
    const struct sc_module low = {.base = 0x10000, .size = 0x1000, .image = "low.sys"};
    const struct sc_module high = {.base = DRV + 0x100000, .size = 0x1000, .image = "DRV.SYS"};
    struct sc_module bad = {.base = DRV + 0x10, .size = 0x10, .image = "bad.sys"};
    no_error(sc_symtab_add_module(s->w.symtab, &low));
    no_error(sc_symtab_add_module(s->w.symtab, &high));
    text_is(&s->w, NT + 0x1000, "nt!KeBugCheckEx");
    text_is(&s->w, 0x10010, "low+0x10");
    assert_int_equal(load(&s->w, "low")->state, SC_SYMSTATE_NONE);
    assert_true(module(&s->w, "low")->record == SC_UNSET64);
    char name[64];
    snprintf(name, sizeof name, "DRV_%llx", (unsigned long long)high.base);
    assert_true(module(&s->w, name)->base == high.base);
    error_is(sc_symtab_add_module(s->w.symtab, &bad), SC_ERR_ARG, "overlap");
    bad.base = 0x20000;
    error_is(sc_target_add_module(s->w.target, &bad), SC_ERR_ARG, "symtab");
    sc_symtab *second;
    no_error(sc_symtab_create(s->w.target, NULL, &second));
    error_is(sc_symtab_add_module(s->w.symtab, &bad), SC_ERR_ARG, "symtab");
    sc_symtab_destroy(second);
    no_error(sc_symtab_add_module(s->w.symtab, &bad));
}

static void no_more_providers_than_there_is_room_for(void **state) {
    struct setting *s = *state;
    struct fakesyms f = {.provider = "sym"};
    sc_symbols *p = fakesyms_open(&f);
    sc_err *err = NULL;
    for (int i = 0; i < SC_PROVIDERS_MAX && !err; i++)
        err = sc_symtab_attach(s->w.symtab, module(&s->w, "drv"), p, NULL);
    assert_int_equal(sc_err_code(err), SC_ERR_LIMIT);
    sc_err_destroy(err);
    sc_symbols_unref(p);
    assert_int_equal(f.closed, 0);
    sc_symtab_reload(s->w.symtab, NULL);
    assert_int_equal(f.closed, 1);
}

static void what_lm_shows_is_told_from_the_best_provider(void **state) {
    struct setting *s = *state;
    static const struct {
        const char *provider;
        const char *text;
    } kinds[] = {{"isf", "isf symbols"}, {"sym", "breakpad symbols"}, {"export", "export symbols"}};
    struct fakesyms f[3];
    const struct sc_modsyms *m = sc_symtab_peek(s->w.symtab, module(&s->w, "nt"));
    assert_string_equal(sc_symstate_text(m->state), "pdb symbols");
    assert_string_equal(m->path, "nt.pdb");
    assert_string_equal(m->how, "by hand");
    for (size_t i = 0; i < 3; i++) {
        f[i] = (struct fakesyms){.provider = kinds[i].provider};
        attach(&s->w, "nt", &f[i]);
        assert_string_equal(sc_symstate_text(m->state), kinds[i].text);
    }
    assert_string_equal(sc_symstate_text(SC_SYMSTATE_DEFERRED), "deferred");
    assert_string_equal(sc_symstate_text((enum sc_symstate)99), "no symbols");
    sc_symtab_reload(s->w.symtab, module(&s->w, "nt"));
}

static void lines_come_from_the_first_provider_that_has_one(void **state) {
    struct setting *s = *state;
    static const struct sc_line row = {.file = "drv.c", .line = 12, .rva = 0x1000, .size = 8};
    struct fakesyms f = {.provider = "pdb", .line = &row};
    struct fakesyms bad = {.provider = "pdb", .line = &row, .fail = SC_ERR_FORMAT};
    struct sc_line line;
    bool found = true;
    no_error(sc_symtab_line(s->w.symtab, DRV + 0x1000, &line, &found));
    assert_false(found);
    attach(&s->w, "drv", &f);
    attach(&s->w, "drv", &bad);
    no_error(sc_symtab_line(s->w.symtab, DRV + 0x1000, &line, &found));
    assert_true(found);
    assert_int_equal(line.line, 12);
    sc_symtab_reload(s->w.symtab, module(&s->w, "drv"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_address_is_named_by_the_symbol_before_it),
        TEST(without_a_symbol_there_is_the_module),
        TEST(near_says_which_module_even_without_a_symbol),
        TEST(constants_and_thread_locals_name_no_address),
        TEST(offsets_beyond_4_gib_do_not_wrap_to_small_ones),
        TEST(a_block_that_omap_moved_has_a_wrapped_displacement),
        TEST(a_moved_block_of_32_bits_has_the_distance_it_was_linked_with),
        TEST(of_several_providers_the_one_that_covers_wins_then_the_nearest),
        TEST(an_address_is_named_anew_when_symbols_change),
        TEST(a_damaged_provider_is_passed_over),
        TEST(other_errors_come_back_and_leave_the_answer_alone),
        TEST(text_that_ran_out_of_memory_is_remembered),
        TEST(a_long_name_is_cut_but_its_displacement_is_not),
        TEST(next_is_the_first_symbol_behind),
        TEST(next_looks_in_every_provider),
        TEST(next_asks_few_questions_however_dense_the_table),
        TEST(names_are_found_with_and_without_their_module),
        TEST(modules_of_one_name_are_told_apart),
        TEST(the_exact_case_wins_and_any_case_will_do),
        TEST(a_constant_is_its_value_whichever_way_it_is_found),
        TEST(a_thread_local_has_no_address),
        TEST(names_that_are_not_there_cost_one_walk_in_all),
        TEST(a_provider_that_comes_later_is_asked_too),
        TEST(decorated_names_are_shown_and_found_undecorated),
        TEST(a_name_is_undecorated_once_and_forgotten_by_a_reload),
        cmocka_unit_test(x86_decorations_of_c_names_are_taken_off_publics),
        TEST(patterns_go_through_modules_and_names),
        TEST(the_first_provider_with_symbols_of_a_kind_is_listed),
        TEST(a_caller_who_has_enough_ends_it),
        TEST(cancelling_ends_a_walk_even_when_nothing_matches),
        TEST(an_exact_name_costs_no_walk),
        cmocka_unit_test(of_a_process_the_executable_comes_first_not_the_lowest_module),
        cmocka_unit_test(addresses_of_32_bit_targets_stay_narrow),
        TEST(a_reload_lets_go_of_everything),
        cmocka_unit_test(a_symtab_that_ended_is_not_asked_for_bytes),
        TEST(a_module_added_leaves_the_others_symbols_where_they_were),
        TEST(no_more_providers_than_there_is_room_for),
        TEST(what_lm_shows_is_told_from_the_best_provider),
        TEST(lines_come_from_the_first_provider_that_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
