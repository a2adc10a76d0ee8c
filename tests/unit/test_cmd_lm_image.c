/* SPDX-License-Identifier: MIT */
/* `lmv` of images whose pages are in the dump. */
#include "fake_session.h"

#include "forge/peparts.h"

enum { TIMESTAMP = 0x66778899 };

/* A driver list that has the image, with SIZE and STAMP as they are recorded there. */
static void open_image(struct fix *f, struct peimg *p, size_t limit, uint64_t size, uint32_t stamp,
                       enum sc_render render) {
    struct sc_module module = {.base = p->base,
                               .size = size,
                               .timestamp = stamp,
                               .name = "made",
                               .image = "made.sys",
                               .path = "\\x\\made.sys"};
    struct sc_fake_bytes memory = {p->base, p->data, limit};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .modules = &module,
                           .nmodules = 1,
                           .memory = &memory,
                           .nmemory = 1};
    fake_open(f, &fake, render);
}

static struct peimg *made(void) {
    static struct peimg p;
    peparts_init(&p, 0x8664);
    peimg_u32(&p, PEIMG_NT + 8, TIMESTAMP);
    return &p;
}

#define HEADER                                                                                     \
    "start             end                 module name\n"                                          \
    "00000001`40000000 00000001`40008000   made       (deferred)             \n"                   \
    "    Image path: \\x\\made.sys\n"                                                              \
    "    Image name: made.sys\n"

static void an_image_in_memory_gives_versions_and_identity(void **state) {
    (void)state;
    struct fix f;
    open_image(&f, made(), PEIMG_SIZE, PEIMG_SIZE, TIMESTAMP, SC_RENDER_TEXT);
    fix_prints(&f, "lmvm made",
               HEADER "    Image was built with /Brepro flag.\n"
                      "    Timestamp:        66778899 (This is a reproducible build file hash, not "
                      "a timestamp)\n"
                      "    CheckSum:         00000000\n"
                      "    ImageSize:        00008000\n"
                      "    File version:     10.0.19041.804\n"
                      "    Product version:  10.0.19041.804\n"
                      "    File flags:       0 (Mask 3F)\n"
                      "    File OS:          40004 NT Win32\n"
                      "    File type:        3.7 Driver\n"
                      "    File date:        00000000.00000000\n"
                      "    Translations:     0409.04b0\n"
                      "    Information from resource tables:\n"
                      "        CompanyName:      Made\n"
                      "    Symbol id:        made.pdb 333231303534373638396162636465661\n");
    fix_close(&f);
}

static void plain(struct peimg *p, size_t limit, uint64_t size, uint32_t stamp) {
    struct fix f;
    char expected[512];
    snprintf(expected, sizeof expected,
             HEADER "    Timestamp:        Sun Jun 23 02:29:45 2024 (66778899)\n"
                    "    CheckSum:         00000000\n"
                    "    ImageSize:        00008000\n");
    open_image(&f, p, limit, size, stamp, SC_RENDER_TEXT);
    fix_prints(&f, "lmvm made", expected);
    fix_close(&f);
}

static void what_is_not_in_the_dump_is_left_out(void **state) {
    (void)state;
    plain(made(), 0x1000, PEIMG_SIZE, TIMESTAMP); /* the headers alone */
    plain(made(), 0x10, PEIMG_SIZE, TIMESTAMP);
}

static void another_image_at_the_place_tells_nothing(void **state) {
    (void)state;
    struct peimg *p = made();
    peimg_u32(p, PEIMG_NT + 8, TIMESTAMP + 1);
    plain(p, PEIMG_SIZE, PEIMG_SIZE, TIMESTAMP);
    p = made();
    peimg_u32(p, PEIMG_OPT + 0x38, PEIMG_SIZE - 0x1000); /* SizeOfImage */
    plain(p, PEIMG_SIZE, PEIMG_SIZE, TIMESTAMP);
}

static void json_has_the_same_facts(void **state) {
    (void)state;
    struct fix f;
    open_image(&f, made(), PEIMG_SIZE, PEIMG_SIZE, TIMESTAMP, SC_RENDER_JSON);
    sc_session_run(f.s, "lmvm made");
    sc_out_flush(f.out);
    fix_has(&f, "\"file_version\":\"10.0.19041.804\"");
    fix_has(&f, "\"reproducible\":true");
    fix_has(&f, "\"time\":null");
    fix_has(&f, "\"translations\":\"0409.04b0\"");
    fix_has(&f, "\"resource_strings\":[{\"key\":\"CompanyName\",\"value\":\"Made\"}]");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_in_memory_gives_versions_and_identity),
        cmocka_unit_test(what_is_not_in_the_dump_is_left_out),
        cmocka_unit_test(another_image_at_the_place_tells_nothing),
        cmocka_unit_test(json_has_the_same_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
