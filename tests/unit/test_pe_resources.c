/* SPDX-License-Identifier: MIT */
/* Images: the resource tree and the version resource. */
#include "unit/pe_support.h"

enum { ROOT = 0x2000, DATA = 0x3000 };

static void put_dir(struct peimg *p, uint32_t at, uint16_t named, uint16_t ids) {
    peimg_u16(p, ROOT + at + 0xc, named);
    peimg_u16(p, ROOT + at + 0xe, ids);
}

static void put_entry(struct peimg *p, uint32_t at, uint32_t id, uint32_t to) {
    peimg_u32(p, ROOT + at, id);
    peimg_u32(p, ROOT + at + 4, to);
}

static void put_leaf(struct peimg *p, uint32_t at, uint32_t rva, uint32_t size) {
    const uint32_t leaf[] = {rva, size, 1252, 0};
    peimg_u32s(p, ROOT + at, leaf, 4);
}

#define DIR 0x80000000u

/* Type 16, id 1, language 0x409 at DATA; and a type by name, "MUI", id 2, language 0. */
static void put_tree(struct peimg *p, uint32_t size) {
    peimg_dir(p, SC_PE_DIR_RESOURCE, ROOT, 0x1000);
    put_dir(p, 0, 1, 1);
    put_entry(p, 0x10, DIR | 0x200, DIR | 0x100);
    put_entry(p, 0x18, 16, DIR | 0x40);
    put_dir(p, 0x40, 0, 1);
    put_entry(p, 0x50, 1, DIR | 0x60);
    put_dir(p, 0x60, 0, 1);
    put_entry(p, 0x70, 0x409, 0x80);
    put_leaf(p, 0x80, DATA, size);
    put_dir(p, 0x100, 0, 1);
    put_entry(p, 0x110, 2, DIR | 0x120);
    put_dir(p, 0x120, 0, 1);
    put_entry(p, 0x130, 0, 0x140);
    put_leaf(p, 0x140, 0x4000, 5);
    peimg_u16(p, ROOT + 0x200, 3);
    peimg_text16(p, ROOT + 0x202, "MUI");
}

struct seen {
    char text[512];
    unsigned count;
};

static void put_id(struct seen *s, const struct sc_pe_resource_id *id) {
    size_t n = strlen(s->text);
    if (id->named)
        snprintf(s->text + n, sizeof s->text - n, "%s/", id->name);
    else
        snprintf(s->text + n, sizeof s->text - n, "%x/", id->id);
}

static bool see(void *ctx, const struct sc_pe_resource *r) {
    struct seen *s = ctx;
    s->count++;
    put_id(s, &r->type);
    if (r->levels > 1)
        put_id(s, &r->name);
    if (r->levels > 2)
        put_id(s, &r->lang);
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "@%x+%x ", r->rva, r->size);
    return true;
}

static void resources_are_walked_to_their_leaves(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_tree(&p, 0x99);
    open_file(&o, &p);
    no_error(sc_pe_each_resource(o.pe, see, &s));
    assert_string_equal(s.text, "MUI/2/0/@4000+5 10/1/409/@3000+99 ");
    close_image(&o);
}

static void names_are_wtf8_and_bounded(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_tree(&p, 0x99);
    static const uint16_t units[] = {4, 0xe4, 0xd83d, 0xde00, 0xd83d}; /* ä, a pair, half of one */
    for (uint32_t i = 0; i < 5; i++)
        peimg_u16(&p, ROOT + 0x200 + 2 * i, units[i]);
    open_file(&o, &p);
    no_error(sc_pe_each_resource(o.pe, see, &s));
    assert_memory_equal(s.text, "\xc3\xa4\xf0\x9f\x98\x80\xed\xa0\xbd/2/0/", 14);
    close_image(&o);
    peimg_u16(&p, ROOT + 0x200, 0xffff);
    s = (struct seen){0};
    open_file(&o, &p);
    no_error(sc_pe_each_resource(o.pe, see, &s)); /* cut to 256 units */
    assert_int_equal(s.count, 2);
    close_image(&o);
}

static void leaves_on_higher_levels_are_taken(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_tree(&p, 0x99);
    put_entry(&p, 0x50, 1, 0x80);
    open_file(&o, &p);
    no_error(sc_pe_each_resource(o.pe, see, &s));
    assert_string_equal(s.text, "MUI/2/0/@4000+5 10/1/@3000+99 ");
    close_image(&o);
}

static void trees_that_refer_to_themselves_end(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_tree(&p, 0x99);
    put_entry(&p, 0x70, 0x409, DIR | 0); /* the language is the root */
    open_file(&o, &p);
    error_is(sc_pe_each_resource(o.pe, see, &s), SC_ERR_FORMAT, "more than 3 levels");
    assert_string_equal(s.text, "MUI/2/0/@4000+5 ");
    close_image(&o);
    /* Directories of 500 entries, all of them the directory itself: 500 × 500 × 500 ways. */
    peimg_init(&p, SC_PE_MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_RESOURCE, ROOT, 0x1000);
    put_dir(&p, 0, 0, 500);
    for (uint32_t i = 0; i < 500; i++)
        put_entry(&p, 0x10 + 8 * i, i, DIR | 0);
    open_file(&o, &p);
    s = (struct seen){0};
    error_is(sc_pe_each_resource(o.pe, see, &s), SC_ERR_FORMAT, "resource directory");
    assert_int_equal(s.count, 0);
    close_image(&o);
}

static void damaged_branches_leave_the_others(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_tree(&p, 0x99);
    put_entry(&p, 0x10, DIR | 0x200, DIR | 0x7ffffff0); /* "MUI" leads nowhere */
    open_file(&o, &p);
    error_is(sc_pe_each_resource(o.pe, see, &s), SC_ERR_FORMAT, "resource directory");
    assert_string_equal(s.text, "10/1/409/@3000+99 ");
    close_image(&o);
}

/* ---- version ---- */

struct blocks {
    struct peimg *p;
    uint32_t at;
};

static uint32_t begin(struct blocks *b, const char *key, uint16_t value_len, bool text) {
    uint32_t start = b->at = (b->at + 3) & ~3u;
    peimg_u16(b->p, start + 2, value_len);
    peimg_u16(b->p, start + 4, text);
    peimg_text16(b->p, start + 6, key);
    b->at = (start + 6 + 2 * ((uint32_t)strlen(key) + 1) + 3) & ~3u;
    return start;
}

static void end(struct blocks *b, uint32_t start) {
    peimg_u16(b->p, start, (uint16_t)(b->at - start));
}

static void put_string(struct blocks *b, const char *key, const char *value) {
    uint32_t start = begin(b, key, (uint16_t)(strlen(value) + 1), true);
    peimg_text16(b->p, b->at, value);
    b->at += 2 * ((uint32_t)strlen(value) + 1);
    end(b, start);
}

/* The resource of a driver 10.0.19041.804; its size. */
static uint32_t put_version(struct peimg *p) {
    struct blocks b = {p, DATA};
    const uint32_t fixed[] = {
        0xfeef04bd, 0x10000, 10u << 16, 19041u << 16 | 804, 10u << 16, 19041u << 16 | 1, 0x3f, 2,
        0x40004,    3,       7,         0x1d50000,          0x12345678};
    uint32_t root = begin(&b, "VS_VERSION_INFO", 0x34, false);
    peimg_u32s(p, b.at, fixed, 13);
    b.at += 0x34;
    uint32_t strings = begin(&b, "StringFileInfo", 0, true);
    uint32_t table = begin(&b, "040904B0", 0, true);
    put_string(&b, "CompanyName", "Contoso");
    put_string(&b, "FileDescription", "A made driver");
    put_string(&b, "Empty", "");
    end(&b, table);
    table = begin(&b, "040704e4", 0, true);
    put_string(&b, "FileDescription", "Ein Treiber");
    end(&b, table);
    end(&b, strings);
    uint32_t var = begin(&b, "VarFileInfo", 0, true);
    uint32_t translation = begin(&b, "Translation", 8, false);
    peimg_u32(p, b.at, 0x04b00409);
    peimg_u32(p, b.at + 4, 0x04e40407);
    b.at += 8;
    end(&b, translation);
    end(&b, var);
    end(&b, root);
    return b.at - DATA;
}

static void versions_have_a_fixed_part_strings_and_translations(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_versioninfo *v;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_tree(&p, put_version(&p));
    open_file(&o, &p);
    no_error(sc_pe_versioninfo(o.pe, &v));
    assert_true(v->fixed.present);
    static const uint16_t file[] = {10, 0, 19041, 804};
    assert_memory_equal(v->fixed.file, file, sizeof file);
    assert_int_equal(v->fixed.product[3], 1);
    assert_int_equal(v->flags_mask, 0x3f);
    assert_int_equal(v->fixed.flags, 2);
    assert_int_equal(v->fixed.os, 0x40004);
    assert_int_equal(v->fixed.type, 3);
    assert_int_equal(v->fixed.subtype, 7);
    assert_int_equal(v->fixed.date, 0x1d5000012345678);
    assert_int_equal(v->nstrings, 4);
    assert_int_equal(v->strings[0].lang, 0x409);
    assert_int_equal(v->strings[0].codepage, 0x4b0);
    assert_int_equal(v->strings[3].lang, 0x407);
    assert_string_equal(sc_pe_version_string(v, "companyname"), "Contoso");
    assert_string_equal(sc_pe_version_string(v, "FileDescription"), "A made driver");
    assert_string_equal(sc_pe_version_string(v, "Empty"), "");
    assert_null(sc_pe_version_string(v, "Comments"));
    assert_int_equal(v->ntranslations, 2);
    assert_int_equal(v->translations[1], 0x04e40407);
    assert_false(v->cut);
    sc_pe_versioninfo_destroy(v);
    struct sc_version version;
    no_error(sc_pe_version(o.pe, &version));
    assert_int_equal(version.file[2], 19041);
    close_image(&o);
}

static void versions_cut_short_keep_what_stood_before(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_versioninfo *v;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    uint32_t size = put_version(&p);
    for (uint32_t n = 0; n < size; n += 2) {
        put_tree(&p, n);
        peimg_u16(&p, DATA, (uint16_t)n);
        open_file(&o, &p);
        sc_err *err = sc_pe_versioninfo(o.pe, &v);
        if (n < 0x26) { /* the key is not whole */
            error_is(err, SC_ERR_FORMAT, "VS_VERSION_INFO");
        } else {
            no_error(err);
            assert_true(v->fixed.present == (n >= 0x28 + 0x34));
            assert_in_range(v->nstrings, 0, 4);
            sc_pe_versioninfo_destroy(v);
        }
        close_image(&o);
    }
}

static void versions_that_lie_about_lengths_are_survived(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_pe_versioninfo *v;
    (void)state;
    static const uint16_t lies[] = {0, 1, 5, 6, 7, 0x7fff, 0xfffe, 0xffff};
    for (uint32_t at = 0; at < 0x300; at += 2) {
        for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
            peimg_init(&p, SC_PE_MACHINE_X64);
            put_tree(&p, put_version(&p));
            peimg_u16(&p, DATA + at, lies[i]);
            open_file(&o, &p);
            sc_err *err = sc_pe_versioninfo(o.pe, &v);
            if (!err)
                sc_pe_versioninfo_destroy(v);
            sc_err_destroy(err);
            close_image(&o);
        }
    }
}

static void versions_that_are_missing_say_why(void **state) {
    struct peimg p;
    struct opened o;
    struct sc_version v;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    open_file(&o, &p);
    error_is(sc_pe_version(o.pe, &v), SC_ERR_NOT_FOUND, "no resources");
    close_image(&o);
    put_tree(&p, put_version(&p));
    put_entry(&p, 0x18, 17, DIR | 0x40);
    open_file(&o, &p);
    error_is(sc_pe_version(o.pe, &v), SC_ERR_NOT_FOUND, "no resource of type 16");
    close_image(&o);
    put_tree(&p, put_version(&p));
    no_error(map_image(&o, &p, 0x10000, 1u << 3));
    error_is(sc_pe_version(o.pe, &v), SC_ERR_MEMORY, "version resource");
    close_image(&o);
    peimg_u32(&p, DATA + 0x28, 0); /* no signature */
    open_file(&o, &p);
    error_is(sc_pe_version(o.pe, &v), SC_ERR_NOT_FOUND, "fixed part");
    close_image(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resources_are_walked_to_their_leaves),
        cmocka_unit_test(names_are_wtf8_and_bounded),
        cmocka_unit_test(leaves_on_higher_levels_are_taken),
        cmocka_unit_test(trees_that_refer_to_themselves_end),
        cmocka_unit_test(damaged_branches_leave_the_others),
        cmocka_unit_test(versions_have_a_fixed_part_strings_and_translations),
        cmocka_unit_test(versions_cut_short_keep_what_stood_before),
        cmocka_unit_test(versions_that_lie_about_lengths_are_survived),
        cmocka_unit_test(versions_that_are_missing_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
