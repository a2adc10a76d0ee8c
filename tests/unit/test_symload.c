/* SPDX-License-Identifier: MIT */
/* Finding a module's symbols: keys, what is refused and why, exports, image files, layouts. */
#include "unit/symtab_support.h"

#include "base/file.h"
#include "forge/pdb.h"
#include "forge/peparts.h"
#include "sym/exports.h"
#include "sym/layouts.h"

#define BASE 0xfffff80100000000ull
#define NT   0xfffff80000000000ull

enum { STAMP = 0x5f000001, DEBUG_DATA = 0x2d80 }; /* as peimg and peparts have them */

static const struct sc_guid guid = {0x33323130, 0x3534, 0x3736, "89abcdef"};
#define KEY "33323130353437363839616263646566" /* the GUID of the made image's record */

/* Symbols of one function, with the GUID and the age (a hex digit) that are wanted. */
static void put_sym(const char *path, const char *key, const char *age) {
    char text[300];
    snprintf(text, sizeof text, "MODULE windows x86_64 %s%s made.pdb\nFUNC 1000 40 0 made::main\n",
             key, age);
    put_file(path, text, strlen(text));
}

static void put_isf(const char *path, const char *key, const char *symbols) {
    char text[1000];
    snprintf(text, sizeof text,
             "{\"metadata\":{\"format\":\"6.2.0\",\"windows\":{\"pdb\":{\"GUID\":\"%s\",\"age\":1,"
             "\"database\":\"made.pdb\",\"machine_type\":34404}}},\"symbols\":{%s},"
             "\"user_types\":{},\"enums\":{},\"base_types\":{}}",
             key, symbols);
    put_file(path, text, strlen(text));
}

static void put_image(const char *path, const struct peimg *p) {
    struct forge_bytes file = peimg_file(p);
    assert_non_null(file.data);
    put_file(path, file.data, file.size);
    forge_bytes_free(&file);
}

static struct sc_module made(void) {
    return (struct sc_module){
        .base = BASE, .size = PEIMG_SIZE, .timestamp = STAMP, .name = "made", .image = "made.sys"};
}

static struct sc_module made_with_key(void) {
    struct sc_module m = made();
    m.codeview = (struct sc_codeview){
        .kind = SC_CV_RSDS, .guid = guid, .age = 1, .path = "c:\\build\\made.pdb"};
    return m;
}

static struct sc_fake of(const struct sc_module *m) {
    return (struct sc_fake){.sz = sizeof(struct sc_fake),
                            .cpu = SC_CPU_X64,
                            .kernel = true,
                            .modules = m,
                            .nmodules = 1};
}

static void why_says(const struct sc_modsyms *m, const char *part) {
    if (!m->why || !strstr(m->why, part))
        fail_msg("the reason is \"%s\", want \"%s\"", m->why ? m->why : "(none)", part);
}

/* ---- keys ---- */

static void the_dumps_record_is_the_key(void **state) {
    struct sc_module m = made_with_key();
    struct sc_fake fake = of(&m);
    struct world w;
    put_sym(at(*state, "s/made.pdb/" KEY "1/made.sym"), KEY, "1");
    world_open(&w, &fake, *state, at(*state, "s"), NULL);
    const struct sc_modsyms *syms = load(&w, "made");
    assert_int_equal(syms->state, SC_SYMSTATE_SYM);
    assert_string_equal(syms->how, "GUID and age");
    assert_string_equal(syms->path, at(*state, "s/made.pdb/" KEY "1/made.sym"));
    assert_string_equal(syms->codeview.path, "c:\\build\\made.pdb");
    text_is(&w, BASE + 0x1001, "made!made::main+0x1");
    world_close(&w);
}

static void the_record_of_the_image_in_memory_is_the_key(void **state) {
    struct sc_module m = made();
    struct peimg p;
    peparts_init(&p, 0x8664);
    struct sc_fake_bytes memory = {BASE, p.data, PEIMG_SIZE};
    struct sc_fake fake = of(&m);
    struct world w;
    fake.memory = &memory;
    fake.nmemory = 1;
    put_isf(at(*state, "s/made.pdb/" KEY "-1.json"), KEY, "\"go\":{\"address\":4096}");
    world_open(&w, &fake, *state, at(*state, "s"), NULL);
    const struct sc_modsyms *syms = load(&w, "made");
    assert_int_equal(syms->codeview.kind, SC_CV_RSDS);
    assert_true(syms->codeview.guid.a == guid.a);
    assert_int_equal(syms->state, SC_SYMSTATE_ISF);
    why_says(syms, "not in"); /* a PDB would be better */
    text_is(&w, BASE + 0x1000, "made!go");
    world_close(&w);
}

static void the_record_of_the_image_file_is_the_key(void **state) {
    struct sc_module m = made();
    struct sc_fake fake = of(&m);
    struct peimg p;
    struct world w;
    peparts_init(&p, 0x8664);
    put_image(at(*state, "i/made.sys/5F0000018000/made.sys"), &p);
    put_sym(at(*state, "s/made.pdb/" KEY "1/made.sym"), KEY, "1");
    world_open(&w, &fake, *state, at(*state, "s"), at(*state, "i"));
    const struct sc_modsyms *syms = load(&w, "made");
    assert_int_equal(syms->state, SC_SYMSTATE_SYM);
    assert_string_equal(syms->image_path, at(*state, "i/made.sys/5F0000018000/made.sys"));
    world_close(&w);
}

static void a_record_without_an_identity_is_no_key(void **state) {
    struct sc_module m = made_with_key();
    struct sc_fake fake = of(&m);
    struct world w;
    static const char zeros[] = "00000000000000000000000000000000";
    memset(&m.codeview.guid, 0, sizeof m.codeview.guid);
    put_sym(at(*state, "s/made.pdb/000000000000000000000000000000001/made.sym"), zeros, "1");
    put_sym(at(*state, "s/made.pdb/01/made.sym"), zeros, "1");
    for (int nb10 = 0; nb10 < 2; nb10++) {
        m.codeview.kind = nb10 ? SC_CV_NB10 : SC_CV_RSDS;
        world_open(&w, &fake, *state, at(*state, "s"), NULL);
        const struct sc_modsyms *syms = load(&w, "made");
        assert_int_equal(syms->state, SC_SYMSTATE_NONE);
        assert_int_equal(syms->codeview.kind, SC_CV_NONE);
        why_says(syms, "does not say which PDB");
        world_close(&w);
    }
}

static void without_any_path_it_is_said_that_there_is_none(void **state) {
    struct sc_module m = made_with_key();
    struct sc_fake fake = of(&m);
    struct world w;
    world_open(&w, &fake, *state, NULL, NULL);
    why_says(load(&w, "made"), "the symbol path is empty");
    world_close(&w);
}

static void a_name_of_which_nothing_harmless_is_left_is_said_and_ends_nothing(void **state) {
    struct sc_module m = made_with_key();
    struct sc_fake fake = of(&m);
    struct world w;
    m.codeview.path = "c:\\..\\..";
    world_open(&w, &fake, *state, *state, NULL);
    const struct sc_modsyms *syms = load(&w, "made");
    assert_int_equal(syms->state, SC_SYMSTATE_NONE);
    assert_non_null(syms->why);
    world_close(&w);
}

/* ---- what is refused ---- */

static void symbols_of_another_build_are_not_used_and_it_says_why(void **state) {
    static const char other[] = "FFFFFFFF353437363839616263646566";
    static const struct {
        const char *key, *age, *part;
    } cases[] = {{other, "1", "is wanted"}, {KEY, "2", "its age is 2, and 1 is wanted"}};
    struct sc_module m = made_with_key();
    struct sc_fake fake = of(&m);
    for (size_t i = 0; i < 2; i++) {
        struct world w;
        put_sym(at(*state, "s/made.pdb/" KEY "1/made.sym"), cases[i].key, cases[i].age);
        world_open(&w, &fake, *state, at(*state, "s"), NULL);
        const struct sc_modsyms *syms = load(&w, "made");
        assert_int_equal(syms->state, SC_SYMSTATE_NONE);
        assert_int_equal(syms->nproviders, 0);
        assert_null(syms->path);
        why_says(syms, "made.sym does not match");
        why_says(syms, cases[i].part);
        text_is(&w, BASE + 0x1001, "made+0x1001");
        world_close(&w);
    }
}

static void a_table_of_another_build_is_not_used_and_it_says_why(void **state) {
    struct sc_module m = made_with_key();
    struct sc_fake fake = of(&m);
    struct world w;
    put_isf(at(*state, "s/made.pdb/" KEY "-1.json"), "FFFFFFFF353437363839616263646566",
            "\"go\":{\"address\":4096}");
    world_open(&w, &fake, *state, at(*state, "s"), NULL);
    const struct sc_modsyms *syms = load(&w, "made");
    assert_int_equal(syms->nproviders, 0);
    why_says(syms, "-1.json does not match: it is {FFFFFFFF-");
    world_close(&w);
}

static void an_image_of_another_build_is_not_used_and_it_says_why(void **state) {
    static const struct {
        uint32_t at, value;
        const char *part;
    } lies[] = {{PEIMG_NT + 8, 0x5f000002, "time stamp 5F000002 and size 8000"},
                {PEIMG_OPT + 0x38, 0x9000, "time stamp 5F000001 and size 9000"}};
    struct sc_module m = made();
    struct sc_fake fake = of(&m);
    for (size_t i = 0; i < 2; i++) {
        struct peimg p;
        struct world w;
        uint8_t byte;
        peparts_init(&p, 0x8664);
        peimg_u32(&p, lies[i].at, lies[i].value);
        put_image(at(*state, "i/made.sys/5F0000018000/made.sys"), &p);
        world_open(&w, &fake, *state, NULL, at(*state, "i"));
        const struct sc_modsyms *syms = load(&w, "made");
        assert_null(syms->image_path);
        assert_int_equal(syms->nproviders, 0);
        why_says(syms, lies[i].part);
        assert_int_equal(
            sc_space_read(sc_target_space(w.target), BASE + PEIMG_TEXT, &byte, 1, NULL),
            SC_READ_ABSENT);
        world_close(&w);
    }
}

static void an_unknown_time_stamp_or_size_fits_no_image(void **state) {
    struct peimg p;
    peparts_init(&p, 0x8664);
    peimg_u32(&p, PEIMG_NT + 8, 0);
    put_image(at(*state, "i/made.sys/000000008000/made.sys"), &p);
    put_image(at(*state, "i0/made.sys"), &p);
    peimg_u32(&p, PEIMG_NT + 8, STAMP);
    put_image(at(*state, "i2/made.sys/5F0000018000/made.sys"), &p);
    struct sc_module cases[3] = {made(), made(), made()};
    cases[0].timestamp = 0;
    cases[1].size = 0;
    cases[2].size = 0x100000000ull + PEIMG_SIZE; /* its lower half would fit */
    for (size_t i = 0; i < 3; i++) {
        struct sc_fake fake = of(&cases[i]);
        struct world w;
        char images[600];
        snprintf(images, sizeof images, "%s/i;%s/i0;%s/i2", (char *)*state, (char *)*state,
                 (char *)*state);
        world_open(&w, &fake, *state, NULL, images);
        assert_null(load(&w, "made")->image_path);
        world_close(&w);
    }
}

static void an_unknown_time_stamp_is_no_signature(void **state) {
    struct sc_module m = made();
    struct sc_fake fake = of(&m);
    for (int known = 0; known < 2; known++) {
        struct world w;
        m.timestamp = known ? STAMP : 0;
        put_sym(at(*state, "s/made.pdb"), KEY, "1"); /* it has no signature: 0 */
        world_open(&w, &fake, *state, at(*state, "s"), NULL);
        assert_int_equal(load(&w, "made")->nproviders, 0);
        world_close(&w);
    }
}

/* ---- PDBs: the forge's have the signature STAMP ---- */

/* One public at 0x1010; INFO_AGE is that of the file, AGE that of the image it belongs to. */
static void put_pdb(const char *path, uint32_t info_age, uint32_t age) {
    struct forge_pdb p;
    struct forge_bytes file;
    forge_pdb_init(&p, 0x8664, 1024);
    p.age = info_age;
    p.dbi_age = age;
    forge_pdb_section(&p, 0x1000, 0x1000, 0x60000020);
    forge_pdb_public(&p, "MadeEntry", 1, 0x10, 2);
    forge_pdb_close(&p);
    assert_true(forge_msf_finish(&p.msf, &file));
    put_file(path, file.data, file.size);
    forge_bytes_free(&file);
    forge_pdb_deinit(&p);
}

static void pdb_guid(struct sc_guid *ret, const char *path) {
    struct sc_symbols_info info;
    sc_symbols *s;
    no_error(sc_symbols_open(path, &s));
    sc_symbols_info(s, &info);
    *ret = info.guid;
    assert_int_equal(info.signature, STAMP);
    sc_symbols_unref(s);
}

static void the_age_that_counts_is_that_of_the_image(void **state) {
    struct sc_module m = made_with_key();
    struct sc_fake fake = of(&m);
    const char *path = at(*state, "s/made.pdb");
    put_pdb(path, 7, 3);
    pdb_guid(&m.codeview.guid, path);
    for (uint32_t age = 2; age <= 7; age++) {
        struct world w;
        m.codeview.age = age;
        world_open(&w, &fake, *state, at(*state, "s"), NULL);
        const struct sc_modsyms *syms = load(&w, "made");
        assert_int_equal(syms->state, age == 3 ? SC_SYMSTATE_PDB : SC_SYMSTATE_NONE);
        if (age == 3)
            text_is(&w, BASE + 0x1011, "made!MadeEntry+0x1");
        else
            why_says(syms, "its age is 3, and ");
        world_close(&w);
    }
}

static void an_old_record_matches_by_signature_and_age(void **state) {
    struct sc_module m = made_with_key();
    struct sc_fake fake = of(&m);
    put_pdb(at(*state, "s/made.pdb"), 1, 1);
    m.codeview.kind = SC_CV_NB10;
    for (int right = 0; right < 2; right++) {
        struct world w;
        m.codeview.signature = right ? STAMP : STAMP + 1;
        world_open(&w, &fake, *state, at(*state, "s"), NULL);
        const struct sc_modsyms *syms = load(&w, "made");
        assert_int_equal(syms->state, right ? SC_SYMSTATE_PDB : SC_SYMSTATE_NONE);
        if (right)
            assert_string_equal(syms->how, "signature and age");
        else
            why_says(syms, "its signature is 5F000001, and 5F000002 is wanted");
        world_close(&w);
    }
}

static void without_a_record_the_time_stamp_is_the_signature(void **state) {
    struct sc_module m = made();
    struct sc_fake fake = of(&m);
    static const char *const places[] = {"1/made.pdb", "2/made.pdb/ANY1/made.pdb",
                                         "3/ma/MADE.PDB/ANY1/Made.pdb"};
    for (size_t i = 0; i < 3; i++) {
        char folder[600];
        snprintf(folder, sizeof folder, "%s/%zu", (char *)*state, i + 1);
        put_pdb(at(*state, places[i]), 1, 1);
        for (int right = 0; right < 2; right++) {
            struct world w;
            m.timestamp = right ? STAMP : STAMP + 1;
            world_open(&w, &fake, *state, folder, NULL);
            const struct sc_modsyms *syms = load(&w, "made");
            assert_int_equal(syms->state, right ? SC_SYMSTATE_PDB : SC_SYMSTATE_NONE);
            if (right)
                assert_string_equal(syms->how, "signature equal to the image's time stamp");
            else
                assert_non_null(syms->why);
            world_close(&w);
        }
    }
}

/* ---- exports ---- */

static void open_exports(const struct peimg *p, sc_symbols **ret) {
    struct forge_bytes file = peimg_file(p);
    sc_file *f;
    sc_pe *pe;
    no_error(sc_file_memory("made.sys", file.data, file.size, 0, &f));
    no_error(sc_pe_open_file(f, &pe));
    sc_err *err = sc_exports_open(pe, "made.sys", ret);
    sc_pe_close(pe);
    sc_file_close(f);
    forge_bytes_free(&file);
    no_error(err);
}

/* COUNT exports with the names N0, N1, … at RVAS. */
static void put_exports(struct peimg *p, const uint32_t *rvas, const char *const *names,
                        uint32_t count) {
    enum { DIR = 0x2000, FUNCTIONS = 0x2100, NAMES = 0x2200, ORDINALS = 0x2300, TEXT = 0x2400 };
    const uint32_t dir[] = {0, 0, 0, TEXT, 1, count, count, FUNCTIONS, NAMES, ORDINALS};
    peimg_dir(p, SC_PE_DIR_EXPORT, DIR, 0x500);
    peimg_u32s(p, DIR, dir, 10);
    peimg_u32s(p, FUNCTIONS, rvas, count);
    for (uint32_t i = 0; i < count; i++) {
        peimg_u32(p, NAMES + 4 * i, TEXT + 0x20 * i);
        peimg_u16(p, ORDINALS + 2 * i, (uint16_t)i);
        peimg_text(p, TEXT + 0x20 * i, names[i]);
    }
}

static const char *export_at(sc_symbols *s, uint32_t rva) {
    struct sc_symbol symbol;
    bool found;
    no_error(sc_symbols_nearest(s, rva, SC_SYM_ANY, &symbol, &found));
    return found ? symbol.name : "(none)";
}

static void exports_are_sorted_and_one_of_several_names_is_always_the_same(void **state) {
    (void)state;
    static const uint32_t rvas[] = {0x1800, 0x1000, 0x1400, 0x1400, 0x1400, 0x2450};
    static const char *const names[] = {"Top", "Low", "ZwTwin", "NtTwin", "OtherTwin", "Away"};
    struct peimg p;
    sc_symbols *s;
    struct sc_symbol symbol;
    bool found;
    peimg_init(&p, 0x8664);
    put_exports(&p, rvas, names, 6);
    open_exports(&p, &s);
    assert_string_equal(export_at(s, 0xfff), "(none)");
    assert_string_equal(export_at(s, 0x1000), "Low");
    assert_string_equal(export_at(s, 0x13ff), "Low");
    assert_string_equal(export_at(s, 0x1400), "NtTwin");
    assert_string_equal(export_at(s, 0x17ff), "NtTwin");
    assert_string_equal(export_at(s, 0xffffffff), "Top"); /* the forwarder is not there */
    no_error(sc_symbols_find(s, "ZwTwin", &symbol, &found));
    assert_true(found);
    assert_int_equal(symbol.rva, 0x1400);
    no_error(sc_symbols_find(s, "Away", &symbol, &found));
    assert_false(found);
    no_error(sc_symbols_nearest(s, 0x1400, SC_SYM_PUBLIC, &symbol, &found));
    assert_false(found);
    sc_symbols_unref(s);
}

static void exports_whose_names_are_one_long_string_are_refused(void **state) {
    (void)state;
    enum { COUNT = 0x1800, ROOM = 0x80000 };
    static uint8_t image[ROOM];
    struct peimg p;
    peimg_init(&p, 0x8664);
    /* One section that holds everything: 6144 names of some 4 KB each would be 25 MB. */
    peimg_u32(&p, p.sections + 0x28 + 8, ROOM - PEIMG_DATA);
    peimg_u32(&p, p.sections + 0x28 + 16, ROOM - PEIMG_DATA);
    peimg_u32(&p, PEIMG_OPT + 0x38, ROOM);
    peimg_dir(&p, SC_PE_DIR_EXPORT, 0x2000, 0x28);
    const uint32_t dir[] = {0, 0, 0, 0x2100, 1, COUNT, COUNT, 0x10000, 0x20000, 0x30000};
    peimg_u32s(&p, 0x2000, dir, 10);
    memcpy(image, p.data, PEIMG_SIZE);
    memset(image + 0x40000, 'a', 0x4000);
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t rva = 0x1000 + i / 8, name = 0x40000 + i;
        memcpy(image + 0x10000 + 4 * i, &rva, 4);
        memcpy(image + 0x20000 + 4 * i, &name, 4);
        image[0x30000 + 2 * i] = (uint8_t)i;
        image[0x30001 + 2 * i] = (uint8_t)(i >> 8);
    }
    struct sc_module m = made();
    struct sc_fake_bytes memory = {BASE, image, ROOM};
    struct sc_fake fake = of(&m);
    struct world w;
    fake.memory = &memory;
    fake.nmemory = 1;
    m.size = ROOM;
    world_open(&w, &fake, NULL, NULL, NULL);
    const struct sc_modsyms *syms = load(&w, "made");
    assert_int_equal(syms->nproviders, 0);
    why_says(syms, "the names of its exports are longer than");
    world_close(&w);
}

static void without_symbols_exports_do_and_the_reason_stays(void **state) {
    struct sc_module m = made();
    struct sc_fake fake = of(&m);
    struct peimg p;
    struct world w;
    peparts_init(&p, 0x8664);
    put_image(at(*state, "i/made.sys/5F0000018000/made.sys"), &p);
    world_open(&w, &fake, *state, NULL, at(*state, "i"));
    const struct sc_modsyms *syms = load(&w, "made");
    assert_int_equal(syms->state, SC_SYMSTATE_EXPORT);
    assert_string_equal(syms->how, "exports");
    assert_string_equal(syms->path, syms->image_path);
    why_says(syms, "the symbol path is empty");
    text_is(&w, BASE + 0x1101, "made!Here+0x1");
    world_close(&w);
}

static void what_is_there_of_an_export_table_is_used(void **state) {
    struct sc_module m = made();
    struct peimg p;
    static const uint32_t rvas[] = {0x1000, 0x1100};
    static const char *const names[] = {"Gone", "Here"};
    peimg_init(&p, 0x8664);
    put_exports(&p, rvas, names, 2);
    peimg_u32(&p, 0x2200, 0x6000); /* the first name lies on a page that the dump lacks */
    struct sc_fake_bytes memory[] = {{BASE, p.data, 0x3000}};
    struct sc_fake fake = of(&m);
    struct world w;
    fake.memory = memory;
    fake.nmemory = 1;
    world_open(&w, &fake, *state, NULL, NULL);
    const struct sc_modsyms *syms = load(&w, "made");
    assert_int_equal(syms->state, SC_SYMSTATE_EXPORT);
    assert_null(syms->path);
    text_is(&w, BASE + 0x1100, "made!Here");
    text_is(&w, BASE + 0x1000, "made+0x1000");
    world_close(&w);
}

/* ---- image files as memory ---- */

/* The made image with .text and a constant .data; relocated places at 0x5000. */
static void make_constant(struct peimg *p) {
    peparts_init(p, 0x8664);
    peimg_u32(p, p->sections + 0x28 + 0x24, 0x40000040);
    peimg_ptr(p, 0x3400 + 0x58, p->base + 0x6200); /* SecurityCookie */
}

static void bytes_are(struct world *w, uint32_t rva, const void *want, size_t len) {
    uint8_t got[64];
    size_t n = 0;
    assert_int_equal(sc_space_read(sc_target_space(w->target), BASE + rva, got, len, &n),
                     SC_READ_OK);
    assert_memory_equal(got, want, len);
}

static void absent(struct world *w, uint32_t rva, size_t len, size_t want_got) {
    uint8_t got[64];
    size_t n = 0;
    assert_int_not_equal(sc_space_read(sc_target_space(w->target), BASE + rva, got, len, &n),
                         SC_READ_OK);
    assert_int_equal(n, want_got);
}

static void open_with_image(struct world *w, const char *folder, const struct peimg *p) {
    struct sc_module m = made();
    struct sc_fake fake = of(&m);
    put_image(at(folder, "i/made.sys/5F0000018000/made.sys"), p);
    world_open(w, &fake, folder, NULL, at(folder, "i"));
}

static void constant_sections_and_headers_are_filled_writable_ones_are_not(void **state) {
    struct peimg p;
    struct world w;
    peparts_init(&p, 0x8664);
    peimg_text(&p, 0x1010, "code");
    open_with_image(&w, *state, &p);
    bytes_are(&w, 0, "MZ", 2);
    bytes_are(&w, 0x1010, "code", 5);
    absent(&w, 0x2000, 4, 0); /* .data */
    absent(&w, 0x1ffe, 4, 2);
    absent(&w, PEIMG_SIZE, 4, 0);
    world_close(&w);
}

static void pointers_are_relocated_to_where_the_image_was(void **state) {
    struct peimg p;
    struct world w;
    const uint64_t want = BASE + 0x1000;
    make_constant(&p);
    open_with_image(&w, *state, &p);
    bytes_are(&w, 0x5000, &want, 8);
    bytes_are(&w, 0x5003, (const uint8_t *)&want + 3, 5); /* its middle too */
    world_close(&w);
}

static void the_headers_say_where_the_image_was_loaded(void **state) {
    struct peimg p;
    struct world w;
    const uint64_t want = BASE;
    make_constant(&p);
    open_with_image(&w, *state, &p);
    bytes_are(&w, PEIMG_OPT + 0x18, &want, 8);
    bytes_are(&w, PEIMG_OPT + 0x1c, (const uint8_t *)&want + 4, 4);
    world_close(&w);
}

static void what_the_loader_writes_is_not_filled_in(void **state) {
    struct peimg p;
    struct world w;
    make_constant(&p);
    peimg_ptr(&p, 0x3400 + 0x70, p.base + 0x6100); /* GuardCFCheckFunctionPointer */
    peimg_dir(&p, SC_PE_DIR_IAT, 0x4200, 0x20);
    open_with_image(&w, *state, &p);
    absent(&w, 0x4000, 8, 0); /* two imports */
    absent(&w, 0x400f, 1, 0);
    bytes_are(&w, 0x4010, "", 1);
    absent(&w, 0x4080, 8, 0);  /* a delayed one */
    absent(&w, 0x41f8, 16, 8); /* the import address table */
    absent(&w, 0x6100, 1, 0);
    absent(&w, 0x61fc, 8, 4);
    world_close(&w);
}

static void bytes_of_the_dump_come_before_those_of_the_file(void **state) {
    struct sc_module m = made();
    struct sc_fake_bytes memory = {BASE + 0x1010, "dump", 4};
    struct sc_fake fake = of(&m);
    struct peimg p;
    struct world w;
    fake.memory = &memory;
    fake.nmemory = 1;
    peparts_init(&p, 0x8664);
    peimg_text(&p, 0x100e, "<<file>>");
    put_image(at(*state, "i/made.sys/5F0000018000/made.sys"), &p);
    world_open(&w, &fake, *state, NULL, at(*state, "i"));
    bytes_are(&w, 0x100e, "<<dump>>", 8);
    world_close(&w);
}

static void headers_that_claim_the_whole_image_cover_no_writable_section(void **state) {
    struct peimg p;
    struct world w;
    peparts_init(&p, 0x8664);
    peimg_u32(&p, PEIMG_OPT + 0x3c, 0xffffffff);
    open_with_image(&w, *state, &p);
    absent(&w, 0x2000, 4, 0);
    world_close(&w);
}

static void an_image_that_is_no_image_is_left_alone(void **state) {
    struct sc_module m = made();
    struct sc_fake fake = of(&m);
    struct world w;
    put_file(at(*state, "i/made.sys/5F0000018000/made.sys"), "not an image", 12);
    world_open(&w, &fake, *state, NULL, at(*state, "i"));
    absent(&w, 0x1000, 4, 0);
    assert_null(load(&w, "made")->image_path);
    world_close(&w);
}

/* ---- the kernel's types ---- */

static const struct sc_machine machine = {.cpu = SC_CPU_X64,
                                          .kernel = true,
                                          .windows = true,
                                          .ncpus = 1,
                                          .major = 10,
                                          .build = 19041,
                                          .platform = "Windows",
                                          .service_pack = ""};
static const struct sc_module kernel_modules[] = {
    {.base = NT, .size = 0x1000000, .name = "nt", .image = "ntoskrnl.exe"},
    {.base = BASE, .size = 0x8000, .name = "made", .image = "made.sys"},
};

static void open_kernel(struct world *w, const struct sc_machine *about) {
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .machine = about,
                           .modules = kernel_modules,
                           .nmodules = 2};
    world_open(w, &fake, NULL, NULL, NULL);
}

static bool has_type(struct world *w, const char *name, struct sc_typeref *ret) {
    bool found = false;
    no_error(sc_symtab_type(w->symtab, name, ret, &found));
    return found;
}

static void built_in_layouts_stand_behind_everything_else(void **state) {
    (void)state;
    static const char *const names[] = {"_EPROCESS", "_MINE"};
    struct fakesyms f = {.provider = "pdb", .types = names, .ntypes = 2};
    struct sc_typeref before, ref;
    struct world w;
    open_kernel(&w, &machine);
    assert_true(has_type(&w, "nt!_EPROCESS", &before));
    assert_int_equal(load(&w, "nt")->state, SC_SYMSTATE_NONE); /* types alone are no symbols */
    assert_null(load(&w, "nt")->path);
    assert_false(has_type(&w, "_MINE", &ref));
    attach(&w, "nt", &f);
    assert_true(has_type(&w, "_EPROCESS", &ref));
    assert_ptr_not_equal(ref.provider, before.provider);
    assert_false(ref.assumed);
    assert_true(has_type(&w, "_MINE", &ref));
    assert_true(has_type(&w, "_KPRCB", &ref)); /* the better provider lacks it */
    assert_ptr_equal(ref.provider, before.provider);
    assert_string_equal(ref.module->name, "nt");
    assert_false(has_type(&w, "made!_EPROCESS", &ref));
    assert_false(has_type(&w, "nowhere!_EPROCESS", &ref));
    assert_false(has_type(&w, "_NO_SUCH_THING", &ref));
    world_close(&w);
}

static void an_attached_provider_does_not_hide_the_layouts(void **state) {
    (void)state;
    static const char *const names[] = {"_MINE"};
    struct fakesyms f = {.provider = "pdb", .types = names, .ntypes = 1};
    struct sc_typeref ref;
    struct world w;
    open_kernel(&w, &machine);
    attach(&w, "nt", &f);
    assert_true(has_type(&w, "_EPROCESS", &ref));
    world_close(&w);
}

static void a_layout_that_updates_changed_is_assumed(void **state) {
    (void)state;
    struct sc_typeref ref;
    struct world w;
    unsigned proved = 0, assumed = 0;
    open_kernel(&w, &machine);
    static const char *const names[] = {"_EPROCESS",      "_ETHREAD",    "_KPRCB",
                                        "_KTHREAD",       "_LIST_ENTRY", "_KPCR",
                                        "_DRIVER_OBJECT", "_IRP",        "_DEVICE_OBJECT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        enum sc_layout_trust trust;
        if (!has_type(&w, names[i], &ref))
            continue;
        assert_true(sc_layouts_trust(SC_CPU_X64, 19041, names[i], &trust));
        assert_int_equal(ref.assumed, trust != SC_LAYOUT_PROVED);
        proved += !ref.assumed;
        assumed += ref.assumed;
    }
    assert_true(proved && assumed);
    world_close(&w);
}

static void a_build_without_a_layout_has_no_types(void **state) {
    (void)state;
    struct sc_machine other = machine;
    struct sc_typeref ref;
    struct world w;
    other.build = 19042;
    open_kernel(&w, &other);
    assert_false(has_type(&w, "nt!_EPROCESS", &ref));
    assert_int_equal(load(&w, "nt")->nproviders, 0);
    world_close(&w);
}

struct listing {
    char text[400];
    const sc_symbols *from;
    unsigned count;
};

static bool list_type(void *ctx, const struct sc_typeref *ref, const struct sc_type *type) {
    struct listing *l = ctx;
    size_t n = strlen(l->text);
    if (l->count++ < 8)
        snprintf(l->text + n, sizeof l->text - n, "%s ", type->name);
    l->from = ref->provider;
    assert_int_equal(ref->id, type->id);
    return true;
}

static void types_are_listed_from_the_best_provider_that_has_any(void **state) {
    (void)state;
    static const char *const names[] = {"_LIST_MINE", "_OTHER"};
    struct fakesyms untyped = {.provider = "pdb"};
    struct fakesyms typed = {.provider = "isf", .types = names, .ntypes = 2};
    struct listing l = {.count = 0}, all = {.count = 0};
    struct world w;
    open_kernel(&w, &machine);
    no_error(sc_symtab_types(w.symtab, "nt!_LIST_ENTRY", list_type, &l));
    assert_string_equal(l.text, "_LIST_ENTRY ");
    attach(&w, "nt", &typed);
    attach(&w, "nt", &untyped);
    memset(&l, 0, sizeof l);
    no_error(sc_symtab_types(w.symtab, "_LIST*", list_type, &l));
    assert_string_equal(l.text, "_LIST_MINE ");
    no_error(sc_symtab_types(w.symtab, "n?!*", list_type, &all));
    assert_string_equal(all.text, "_LIST_MINE _OTHER ");
    sc_target_cancel(w.target);
    sc_err *err = sc_symtab_types(w.symtab, "nt!*", list_type, &all);
    assert_int_equal(sc_err_code(err), SC_ERR_CANCELLED);
    world_close(&w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_dumps_record_is_the_key),
        TEST(the_record_of_the_image_in_memory_is_the_key),
        TEST(the_record_of_the_image_file_is_the_key),
        TEST(a_record_without_an_identity_is_no_key),
        TEST(without_any_path_it_is_said_that_there_is_none),
        TEST(a_name_of_which_nothing_harmless_is_left_is_said_and_ends_nothing),
        TEST(symbols_of_another_build_are_not_used_and_it_says_why),
        TEST(a_table_of_another_build_is_not_used_and_it_says_why),
        TEST(an_image_of_another_build_is_not_used_and_it_says_why),
        TEST(an_unknown_time_stamp_or_size_fits_no_image),
        TEST(an_unknown_time_stamp_is_no_signature),
        TEST(the_age_that_counts_is_that_of_the_image),
        TEST(an_old_record_matches_by_signature_and_age),
        TEST(without_a_record_the_time_stamp_is_the_signature),
        cmocka_unit_test(exports_are_sorted_and_one_of_several_names_is_always_the_same),
        cmocka_unit_test(exports_whose_names_are_one_long_string_are_refused),
        TEST(without_symbols_exports_do_and_the_reason_stays),
        TEST(what_is_there_of_an_export_table_is_used),
        TEST(constant_sections_and_headers_are_filled_writable_ones_are_not),
        TEST(pointers_are_relocated_to_where_the_image_was),
        TEST(the_headers_say_where_the_image_was_loaded),
        TEST(what_the_loader_writes_is_not_filled_in),
        TEST(bytes_of_the_dump_come_before_those_of_the_file),
        TEST(headers_that_claim_the_whole_image_cover_no_writable_section),
        TEST(an_image_that_is_no_image_is_left_alone),
        cmocka_unit_test(built_in_layouts_stand_behind_everything_else),
        cmocka_unit_test(an_attached_provider_does_not_hide_the_layouts),
        cmocka_unit_test(a_layout_that_updates_changed_is_assumed),
        cmocka_unit_test(a_build_without_a_layout_has_no_types),
        cmocka_unit_test(types_are_listed_from_the_best_provider_that_has_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
