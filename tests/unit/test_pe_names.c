/* SPDX-License-Identifier: MIT */
/* Images: exports and imports. */
#include "unit/pe_support.h"

/*
 * Five ordinals from 10 on: 10 "Alpha" and "Omega", 11 a gap, 12 forwarded "Beta", 13 without a
 * name, 14 "Delta".
 */
static void put_exports(struct peimg *p) {
    const uint32_t dir[] = {0, 0x5f000002, 0x00020001, 0x2100, 10, 5, 4, 0x2040, 0x2060, 0x2080};
    const uint32_t functions[] = {0x1010, 0, 0x2140, 0x1030, 0x1020};
    const uint32_t names[] = {0x2110, 0x2118, 0x2120, 0x2128};
    const uint16_t ordinals[] = {0, 2, 4, 0};
    peimg_dir(p, SC_PE_DIR_EXPORT, 0x2000, 0x180);
    peimg_u32s(p, 0x2000, dir, 10);
    peimg_u32s(p, 0x2040, functions, 5);
    peimg_u32s(p, 0x2060, names, 4);
    for (uint32_t i = 0; i < 4; i++)
        peimg_u16(p, 0x2080 + 2 * i, ordinals[i]);
    peimg_text(p, 0x2100, "made.sys");
    peimg_text(p, 0x2110, "Alpha");
    peimg_text(p, 0x2118, "Beta");
    peimg_text(p, 0x2120, "Delta");
    peimg_text(p, 0x2128, "Omega");
    peimg_text(p, 0x2140, "NTDLL.RtlBeta");
}

static struct sc_pe_export item; /* large */

static void exports_are_found_by_name(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_exports(&p);
    open_file(&o, &p);
    struct sc_pe_exports e;
    no_error(sc_pe_exports(o.pe, &e));
    assert_int_equal(e.timestamp, 0x5f000002);
    assert_int_equal(e.major, 1);
    assert_int_equal(e.minor, 2);
    static const struct {
        const char *name;
        uint32_t ordinal, rva;
    } known[] = {{"Alpha", 10, 0x1010}, {"Delta", 14, 0x1020}, {"Omega", 10, 0x1010}};
    for (size_t i = 0; i < 3; i++) {
        no_error(sc_pe_export_named(o.pe, known[i].name, &item));
        assert_string_equal(item.name, known[i].name);
        assert_int_equal(item.ordinal, known[i].ordinal);
        assert_int_equal(item.rva, known[i].rva);
        assert_false(item.forwarder);
    }
    static const char *const none[] = {"", "Alph", "Alphaa", "alpha", "Zeta", "A"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        error_is(sc_pe_export_named(o.pe, none[i], &item), SC_ERR_NOT_FOUND, "exports no");
    close_image(&o);
}

static void forwarders_say_where_to(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X86);
    put_exports(&p);
    open_file(&o, &p);
    no_error(sc_pe_export_named(o.pe, "Beta", &item));
    assert_true(item.forwarder);
    assert_string_equal(item.forward, "NTDLL.RtlBeta");
    assert_int_equal(item.rva, 0);
    assert_int_equal(item.ordinal, 12);
    close_image(&o);
}

static void exports_are_found_by_ordinal(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_exports(&p);
    open_file(&o, &p);
    no_error(sc_pe_export_ordinal(o.pe, 13, &item));
    assert_int_equal(item.rva, 0x1030);
    assert_false(item.has_name);
    assert_string_equal(item.name, "");
    no_error(sc_pe_export_ordinal(o.pe, 14, &item));
    assert_string_equal(item.name, "Delta");
    static const uint32_t none[] = {0, 9, 11, 15, 0xffffffff};
    for (size_t i = 0; i < 5; i++)
        error_is(sc_pe_export_ordinal(o.pe, none[i], &item), SC_ERR_NOT_FOUND, "ordinal");
    close_image(&o);
}

static void the_nearest_export_lies_at_or_below(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_exports(&p);
    open_file(&o, &p);
    no_error(sc_pe_export_near(o.pe, 0x1010, &item));
    assert_string_equal(item.name, "Alpha");
    no_error(sc_pe_export_near(o.pe, 0x102f, &item));
    assert_string_equal(item.name, "Delta");
    /* The forwarder's text at 0x2140 is no code. */
    no_error(sc_pe_export_near(o.pe, 0x3000, &item));
    assert_int_equal(item.ordinal, 13);
    error_is(sc_pe_export_near(o.pe, 0x100f, &item), SC_ERR_NOT_FOUND, "at or below");
    close_image(&o);
}

struct seen {
    char text[1024];
    unsigned stop_after, count;
};

static bool see_export(void *ctx, const struct sc_pe_export *e) {
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%u%s%s%s%s ", e->ordinal, e->has_name ? ":" : "",
             e->name, e->forwarder ? ">" : "", e->missing ? "?" : "");
    return ++s->count != s->stop_after;
}

static void all_exports_come_with_all_their_names(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_exports(&p);
    open_file(&o, &p);
    no_error(sc_pe_each_export(o.pe, see_export, &s));
    assert_string_equal(s.text, "10:Alpha 10:Omega 12:Beta> 13 14:Delta ");
    s = (struct seen){.stop_after = 2};
    no_error(sc_pe_each_export(o.pe, see_export, &s));
    assert_string_equal(s.text, "10:Alpha 10:Omega ");
    close_image(&o);
}

static void exports_without_their_names_in_memory_are_marked(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_exports(&p);
    const uint32_t names[] = {0x2110, 0x4000, 0x2120, 0x2128};
    peimg_u32s(&p, 0x2060, names, 4);
    peimg_text(&p, 0x4000, "Beta");
    no_error(map_image(&o, &p, 0x10000, 1u << 4));
    error_is(sc_pe_each_export(o.pe, see_export, &s), SC_ERR_MEMORY, "export name");
    assert_string_equal(s.text, "10:Alpha 10:Omega 12:>? 13 14:Delta ");
    /* The search that needs the missing name cannot answer; one that does not, can. */
    error_is(sc_pe_export_named(o.pe, "Beta", &item), SC_ERR_MEMORY, "export name");
    no_error(sc_pe_export_ordinal(o.pe, 14, &item));
    close_image(&o);
}

static void hostile_export_tables_are_refused(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_exports(&p);
    peimg_u32(&p, 0x2014, 0x10001); /* NumberOfFunctions */
    open_file(&o, &p);
    error_is(sc_pe_each_export(o.pe, see_export, &s), SC_ERR_FORMAT, "more than there can be");
    close_image(&o);
    put_exports(&p);
    peimg_u32(&p, 0x2014, 0x8000); /* more than fit into the file */
    open_file(&o, &p);
    error_is(sc_pe_export_named(o.pe, "Alpha", &item), SC_ERR_FORMAT, "offset 0x1400");
    close_image(&o);
    put_exports(&p);
    peimg_u32(&p, 0x2020, 0xfffffff0); /* AddressOfNames */
    open_file(&o, &p);
    error_is(sc_pe_export_named(o.pe, "Alpha", &item), SC_ERR_FORMAT, "export name table");
    close_image(&o);
    put_exports(&p);
    peimg_u16(&p, 0x2082, 5); /* the second name's index: behind the last function */
    open_file(&o, &p);
    error_is(sc_pe_each_export(o.pe, see_export, &s), SC_ERR_FORMAT, "index 5 of 5");
    assert_string_equal(s.text, "10:Alpha 10:Omega 12> 13 14:Delta ");
    error_is(sc_pe_export_named(o.pe, "Beta", &item), SC_ERR_FORMAT, "index 5 of 5");
    close_image(&o);
    peimg_init(&p, SC_PE_MACHINE_X64);
    open_file(&o, &p);
    error_is(sc_pe_each_export(o.pe, see_export, &s), SC_ERR_NOT_FOUND, "no export directory");
    close_image(&o);
}

static void names_too_long_are_cut_and_say_so(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_exports(&p);
    peimg_u32(&p, 0x206c, 0x3000);
    memset(p.data + 0x3000, 'x', SC_PE_NAME_MAX - 1);
    open_file(&o, &p);
    no_error(sc_pe_export_ordinal(o.pe, 10, &item));
    char name[SC_PE_NAME_MAX];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    no_error(sc_pe_export_named(o.pe, name, &item));
    assert_int_equal(strlen(item.name), SC_PE_NAME_MAX - 1);
    assert_false(item.cut); /* it just fits */
    close_image(&o);
    p.data[0x3000 + SC_PE_NAME_MAX - 1] = 'y';
    open_file(&o, &p);
    struct seen s = {0};
    no_error(sc_pe_each_export(o.pe, see_export, &s));
    error_is(sc_pe_export_named(o.pe, name, &item), SC_ERR_NOT_FOUND, "exports no");
    close_image(&o);
}

/* HAL.dll: KeAlpha (hint 7), #33; then ntoskrnl.exe, bound: IoBeta. Slots at 0x3000, 0x3020. */
static void put_imports(struct peimg *p) {
    const uint32_t dlls[] = {0x2040, 0,          0, 0x2100, 0x3000, //
                             0x2060, 0xffffffff, 0, 0x2110, 0x3020, 0, 0, 0, 0, 0};
    unsigned w = p->is64 ? 8 : 4;
    peimg_dir(p, SC_PE_DIR_IMPORT, 0x2000, 60);
    peimg_u32s(p, 0x2000, dlls, 15);
    peimg_ptr(p, 0x2040, 0x2120);
    peimg_ptr(p, 0x2040 + w, (p->is64 ? 1ull << 63 : 1ull << 31) | 33);
    peimg_ptr(p, 0x2060, 0x2130);
    peimg_text(p, 0x2100, "HAL.dll");
    peimg_text(p, 0x2110, "ntoskrnl.exe");
    peimg_u16(p, 0x2120, 7);
    peimg_text(p, 0x2122, "KeAlpha");
    peimg_text(p, 0x2132, "IoBeta");
    for (uint32_t i = 0; i < 2; i++) /* addresses, as the loader leaves them */
        peimg_ptr(p, 0x3000 + i * w, 0x7ff612340000 + i);
}

static bool see_import(void *ctx, const struct sc_pe_import *m) {
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    if (m->by_ordinal)
        snprintf(s->text + n, sizeof s->text - n, "%s!#%u@%x ", m->dll, m->ordinal, m->slot);
    else
        snprintf(s->text + n, sizeof s->text - n, "%s!%s,%u%s%s@%x ", m->dll ? m->dll : "?",
                 m->missing ? "?" : m->name, m->hint, m->delay ? ",delay" : "",
                 m->bound ? ",bound" : "", m->slot);
    return ++s->count != s->stop_after;
}

static void imports_are_listed_with_their_slots(void **state) {
    static const uint16_t machines[] = {SC_PE_MACHINE_X64, SC_PE_MACHINE_X86};
    static const char *const want[] = {
        "HAL.dll!KeAlpha,7@3000 HAL.dll!#33@3008 ntoskrnl.exe!IoBeta,0,bound@3020 ",
        "HAL.dll!KeAlpha,7@3000 HAL.dll!#33@3004 ntoskrnl.exe!IoBeta,0,bound@3020 "};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct peimg p;
        struct opened o;
        struct seen s = {0};
        peimg_init(&p, machines[i]);
        put_imports(&p);
        open_file(&o, &p);
        no_error(sc_pe_each_import(o.pe, see_import, &s));
        assert_string_equal(s.text, want[i]);
        close_image(&o);
        s = (struct seen){0};
        no_error(map_image(&o, &p, 0x10000, 0));
        no_error(sc_pe_each_import(o.pe, see_import, &s));
        assert_string_equal(s.text, want[i]);
        close_image(&o);
    }
}

static struct sc_pe_slot slot;

static void slots_say_what_they_import(void **state) {
    struct peimg p;
    struct opened o;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_imports(&p);
    no_error(map_image(&o, &p, 0x10000, 0));
    no_error(sc_pe_import_slot(o.pe, 0x3000, &slot));
    assert_string_equal(slot.dll, "HAL.dll");
    assert_string_equal(slot.name, "KeAlpha");
    assert_int_equal(slot.hint, 7);
    no_error(sc_pe_import_slot(o.pe, 0x3008, &slot));
    assert_true(slot.by_ordinal);
    assert_int_equal(slot.ordinal, 33);
    no_error(sc_pe_import_slot(o.pe, 0x3020, &slot));
    assert_string_equal(slot.name, "IoBeta");
    /* The zero behind the last one, between two slots, behind and before all. */
    static const uint32_t none[] = {0x3010, 0x3018, 0x3004, 0x3028, 0x2ff8, 0};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        error_is(sc_pe_import_slot(o.pe, none[i], &slot), SC_ERR_NOT_FOUND, "no import slot");
    close_image(&o);
}

static void borlands_imports_have_names_in_files_only(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    const uint32_t dlls[] = {0, 0, 0, 0x2100, 0x3000, 0, 0, 0, 0, 0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X86);
    put_imports(&p);
    peimg_u32s(&p, 0x2000, dlls, 10);
    peimg_ptr(&p, 0x3000, 0x2120);
    peimg_ptr(&p, 0x3004, 0);
    open_file(&o, &p);
    no_error(sc_pe_each_import(o.pe, see_import, &s));
    assert_string_equal(s.text, "HAL.dll!KeAlpha,7@3000 ");
    no_error(sc_pe_import_slot(o.pe, 0x3000, &slot));
    close_image(&o);
    s = (struct seen){0};
    no_error(map_image(&o, &p, 0x10000, 0));
    error_is(sc_pe_each_import(o.pe, see_import, &s), SC_ERR_FORMAT, "overwritten");
    assert_string_equal(s.text, "");
    error_is(sc_pe_import_slot(o.pe, 0x3000, &slot), SC_ERR_FORMAT, "overwritten");
    close_image(&o);
}

/* One delay-loaded DLL; old: with VAs instead of RVAs. */
static void put_delay(struct peimg *p, bool old) {
    uint32_t base = old ? (uint32_t)p->base : 0;
    const uint32_t dir[] = {!old, base + 0x2100, base + 0x3080, base + 0x3040, base + 0x2400, 0, 0,
                            0};
    peimg_dir(p, SC_PE_DIR_DELAY_IMPORT, 0x2300, 64);
    peimg_u32s(p, 0x2300, dir, 8);
    peimg_text(p, 0x2100, "WINMM.dll");
    peimg_ptr(p, 0x2400, base + 0x2120);
    peimg_ptr(p, 0x2400 + (p->is64 ? 8 : 4), p->is64 ? 1ull << 63 | 5 : 0x80000005);
    peimg_u16(p, 0x2120, 9);
    peimg_text(p, 0x2122, "PlaySoundW");
}

static void delay_loaded_imports_are_listed_and_found(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_ARM64);
    put_delay(&p, false);
    open_file(&o, &p);
    no_error(sc_pe_each_import(o.pe, see_import, &s));
    assert_string_equal(s.text, "WINMM.dll!PlaySoundW,9,delay@3040 WINMM.dll!#5@3048 ");
    no_error(sc_pe_import_slot(o.pe, 0x3040, &slot));
    assert_true(slot.delay);
    assert_string_equal(slot.name, "PlaySoundW");
    close_image(&o);
    s = (struct seen){0};
    peimg_init(&p, SC_PE_MACHINE_X86);
    put_delay(&p, true);
    open_file(&o, &p);
    no_error(sc_pe_each_import(o.pe, see_import, &s));
    assert_string_equal(s.text, "WINMM.dll!PlaySoundW,9,delay@3040 WINMM.dll!#5@3044 ");
    close_image(&o);
}

static void missing_import_names_are_marked(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_imports(&p);
    peimg_ptr(&p, 0x2040, 0x5000); /* KeAlpha's name lies on a page that is absent */
    no_error(map_image(&o, &p, 0x10000, 1u << 5));
    error_is(sc_pe_each_import(o.pe, see_import, &s), SC_ERR_MEMORY, "import hint");
    assert_string_equal(s.text,
                        "HAL.dll!?,0@3000 HAL.dll!#33@3008 ntoskrnl.exe!IoBeta,0,bound@3020 ");
    error_is(sc_pe_import_slot(o.pe, 0x3000, &slot), SC_ERR_MEMORY, "import hint");
    close_image(&o);
}

static bool see_slots(void *ctx, uint32_t rva, uint32_t count) {
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%x*%u ", rva, count);
    return ++s->count != s->stop_after;
}

static void slots_are_found_without_their_names(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0}, one = {.stop_after = 1};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_imports(&p);
    put_delay(&p, false);
    peimg_ptr(&p, 0x2040, 0x5000); /* KeAlpha's name lies on a page that is absent */
    no_error(map_image(&o, &p, 0x10000, 1u << 5));
    no_error(sc_pe_each_slots(o.pe, see_slots, &s));
    assert_string_equal(s.text, "3000*2 3020*1 3040*2 ");
    no_error(sc_pe_each_slots(o.pe, see_slots, &one));
    assert_string_equal(one.text, "3000*2 ");
    close_image(&o);
}

static void tables_of_slots_without_an_end_stop(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    const uint32_t dlls[] = {0x4000, 0, 0, 0x2100, 0x3000, 0, 0, 0, 0, 0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_imports(&p);
    peimg_u32s(&p, 0x2000, dlls, 10);
    memset(p.data + 0x4000, 0x22, PEIMG_SIZE - 0x4000);
    peimg_u32(&p, p.sections + 0x38, 0x6000); /* to the end of the image */
    no_error(map_image(&o, &p, 0x10000, 0));
    sc_err *err = sc_pe_each_slots(o.pe, see_slots, &s);
    error_is(err, SC_ERR_FORMAT, "import name table");
    assert_int_equal(s.count, 1); /* what there is of it */
    close_image(&o);
}

static bool count_import(void *ctx, const struct sc_pe_import *m) {
    (void)m;
    ++*(unsigned *)ctx;
    return true;
}

static void import_tables_that_share_names_end(void **state) {
    struct peimg p;
    struct opened o;
    unsigned n = 0;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_IMPORT, 0x2000, 0x1000);
    /* 200 DLLs, each with the same table of 400 names. */
    for (uint32_t i = 0; i < 200; i++) {
        const uint32_t dll[] = {0x4000, 0, 0, 0x6000, 0x5000};
        peimg_u32s(&p, 0x2000 + 20 * i, dll, 5);
    }
    for (uint32_t i = 0; i < 400; i++)
        peimg_ptr(&p, 0x4000 + 8 * i, 0x6000);
    open_file(&o, &p);
    error_is(sc_pe_each_import(o.pe, count_import, &n), SC_ERR_FORMAT, "more entries than fit");
    assert_in_range(n, 400, PEIMG_FILE / 8);
    close_image(&o);
}

static void import_directories_without_an_end_stop(void **state) {
    struct peimg p;
    struct opened o;
    unsigned n = 0;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_IMPORT, 0x2000, 20);
    memset(p.data + 0x2000, 0x22, PEIMG_SIZE - 0x2000);
    peimg_u32(&p, p.sections + 0x38, 0x6000); /* to the end of the image */
    open_file(&o, &p);
    sc_err *err = sc_pe_each_import(o.pe, count_import, &n);
    error_is(err, SC_ERR_FORMAT, "made.sys");
    close_image(&o);
}

static bool see_bound(void *ctx, const struct sc_pe_bound *b) {
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%s%s@%x ", b->forwarder ? ">" : "",
             b->dll ? b->dll : "?", b->timestamp);
    return ++s->count != s->stop_after;
}

static void bound_imports_stand_in_the_headers(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    const uint32_t bound[] = {0x48000001, 1u << 16 | 0x40, 0x48000002, 0x50, 0x48000003, 0x60, 0,
                              0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X86);
    open_file(&o, &p);
    error_is(sc_pe_each_bound(o.pe, see_bound, &s), SC_ERR_NOT_FOUND, "bound imports");
    close_image(&o);
    peimg_dir(&p, SC_PE_DIR_BOUND_IMPORT, 0x300, 0x70);
    peimg_u32s(&p, 0x300, bound, 8);
    peimg_text(&p, 0x340, "KERNEL32.dll");
    peimg_text(&p, 0x350, "NTDLL.DLL");
    peimg_text(&p, 0x360, "GDI32.dll");
    open_file(&o, &p);
    no_error(sc_pe_each_bound(o.pe, see_bound, &s));
    assert_string_equal(s.text, "KERNEL32.dll@48000001 >NTDLL.DLL@48000002 GDI32.dll@48000003 ");
    close_image(&o);
    peimg_dir(&p, SC_PE_DIR_BOUND_IMPORT, 0x3f4, 0x70);
    peimg_u32(&p, 0x3f4, 0x48000004);
    peimg_u32(&p, 0x3f8, 0x4);
    s = (struct seen){0};
    open_file(&o, &p); /* the headers end in the second entry */
    error_is(sc_pe_each_bound(o.pe, see_bound, &s), SC_ERR_FORMAT, "bound import directory");
    assert_int_equal(s.count, 1);
    close_image(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_are_found_by_name),
        cmocka_unit_test(forwarders_say_where_to),
        cmocka_unit_test(exports_are_found_by_ordinal),
        cmocka_unit_test(the_nearest_export_lies_at_or_below),
        cmocka_unit_test(all_exports_come_with_all_their_names),
        cmocka_unit_test(exports_without_their_names_in_memory_are_marked),
        cmocka_unit_test(hostile_export_tables_are_refused),
        cmocka_unit_test(names_too_long_are_cut_and_say_so),
        cmocka_unit_test(imports_are_listed_with_their_slots),
        cmocka_unit_test(slots_say_what_they_import),
        cmocka_unit_test(borlands_imports_have_names_in_files_only),
        cmocka_unit_test(delay_loaded_imports_are_listed_and_found),
        cmocka_unit_test(missing_import_names_are_marked),
        cmocka_unit_test(slots_are_found_without_their_names),
        cmocka_unit_test(tables_of_slots_without_an_end_stop),
        cmocka_unit_test(import_tables_that_share_names_end),
        cmocka_unit_test(import_directories_without_an_end_stop),
        cmocka_unit_test(bound_imports_stand_in_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
