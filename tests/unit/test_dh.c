/* SPDX-License-Identifier: MIT */
/* !dh: WinDbg's lines of an image's headers in memory. */
#include "unit/pe_support.h"

#include "forge/peparts.h"
#include "forge/sink.h"
#include "stopcode/session.h"
#include "stopcode/target.h"

struct fix {
    sc_target *target;
    sc_out *out;
    sc_session *session;
    struct sink sink;
};

/* A target whose one module is the image; LIMIT bytes of it are in memory. */
static void open_fix(struct fix *f, const struct peimg *p, enum sc_cpu cpu, size_t limit,
                     enum sc_render render) {
    const struct sc_module module = {.base = p->base, .size = PEIMG_SIZE, .path = "\\x\\made.sys"};
    const struct sc_fake_bytes memory = {p->base, p->data, limit};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = cpu,
                                 .kernel = true,
                                 .modules = &module,
                                 .nmodules = 1,
                                 .memory = &memory,
                                 .nmemory = 1};
    memset(f, 0, sizeof *f);
    no_error(sc_target_fake(&fake, &f->target));
    no_error(sc_out_create(render, sink_write, &f->sink, false, &f->out));
    no_error(sc_session_create(f->target, f->out, &f->session));
    sc_session_run(f->session, ".tz 0");
    sc_out_flush(f->out);
    sink_clear(&f->sink);
}

static void close_fix(struct fix *f) {
    sc_session_destroy(f->session);
    sc_out_destroy(f->out);
    sc_target_close(f->target);
    sink_free(&f->sink);
}

/* Runs LINE; its output. */
static const char *run(struct fix *f, const char *line, unsigned failures) {
    sink_clear(&f->sink);
    assert_int_equal(sc_session_run(f->session, line), failures);
    sc_out_flush(f->out);
    return sink_text(&f->sink);
}

static void has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void lacks(const char *text, const char *part) {
    if (strstr(text, part))
        fail_msg("\"%s\" is in:\n%s", part, text);
}

static const char file_headers[] = "\n"
                                   "File Type: EXECUTABLE IMAGE\n"
                                   "FILE HEADER VALUES\n"
                                   "    8664 machine (X64)\n"
                                   "       2 number of sections\n"
                                   "5F000001 time date stamp Sat Jul  4 04:05:21 2020\n"
                                   "\n"
                                   "       0 file pointer to symbol table\n"
                                   "       0 number of symbols\n"
                                   "      F0 size of optional header\n"
                                   "      22 characteristics\n"
                                   "            Executable\n"
                                   "            App can handle >2gb addresses\n"
                                   "\n"
                                   "OPTIONAL HEADER VALUES\n"
                                   "     20B magic #\n"
                                   "   14.29 linker version\n"
                                   "       0 size of code\n"
                                   "       0 size of initialized data\n"
                                   "       0 size of uninitialized data\n"
                                   "    1000 address of entry point\n"
                                   "    1000 base of code\n"
                                   "         ----- new -----\n"
                                   "0000000140000000 image base\n"
                                   "    1000 section alignment\n"
                                   "     200 file alignment\n"
                                   "       1 subsystem (Native)\n"
                                   "   10.00 operating system version\n"
                                   "   10.00 image version\n"
                                   "    6.01 subsystem version\n"
                                   "    8000 size of image\n"
                                   "     400 size of headers\n"
                                   "       0 checksum\n"
                                   "0000000000040000 size of stack reserve\n"
                                   "0000000000000000 size of stack commit\n"
                                   "0000000000000000 size of heap reserve\n"
                                   "0000000000000000 size of heap commit\n"
                                   "    4160  DLL characteristics\n"
                                   "            High entropy VA supported\n"
                                   "            Dynamic base\n"
                                   "            NX compatible\n"
                                   "            Guard\n";

static void file_headers_have_windbgs_lines(void **state) {
    struct peimg p;
    struct fix f;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    peimg_dir(&p, SC_PE_DIR_IAT, 0x1E000, 0x758);
    open_fix(&f, &p, SC_CPU_X64, PEIMG_SIZE, SC_RENDER_TEXT);
    const char *text = run(&f, "!dh -f made", 0);
    assert_memory_equal(text, file_headers, strlen(file_headers));
    has(text, "            Guard\n       0 [       0] address [size] of Export Directory\n");
    has(text, "\n   1E000 [     758] address [size] of Import Address Table Directory\n");
    has(text, "\n       0 [       0] address [size] of Reserved Directory\n");
    lacks(text, "SECTION HEADER");
    close_fix(&f);
}

static void images_of_32_bits_have_short_numbers(void **state) {
    struct peimg p;
    struct fix f;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X86);
    peimg_u16(&p, PEIMG_NT + 0x16, 0x2102);
    open_fix(&f, &p, SC_CPU_X86, PEIMG_SIZE, SC_RENDER_TEXT);
    const char *text = run(&f, "!dh 400000", 0);
    has(text, "\nFile Type: DLL\n");
    has(text, "\n     14C machine (i386)\n");
    has(text, "            32 bit word machine\n            DLL\n");
    has(text, "\n00400000 image base\n");
    has(text, "\n00040000 size of stack reserve\n");
    close_fix(&f);
}

static void sections_come_with_the_debug_directory_in_its_section(void **state) {
    struct peimg p;
    struct fix f;
    (void)state;
    peparts_init(&p, SC_PE_MACHINE_X64);
    peimg_u32(&p, p.sections + 0x24, 0x60600020); /* .text: aligned to 32 bytes, paged */
    open_fix(&f, &p, SC_CPU_X64, PEIMG_SIZE, SC_RENDER_TEXT);
    const char *text = run(&f, "!dh -s made", 0);
    lacks(text, "FILE HEADER");
    has(text, "\nSECTION HEADER #1\n"
              "   .text name\n"
              "     F00 virtual size\n"
              "    1000 virtual address\n"
              "    1000 size of raw data\n"
              "     400 file pointer to raw data\n"
              "       0 file pointer to relocation table\n"
              "       0 file pointer to line numbers\n"
              "       0 number of relocations\n"
              "       0 number of line numbers\n"
              "60600020 flags\n"
              "         Code\n"
              "         32 byte align\n"
              "         Execute Read\n"
              "\n"
              "SECTION HEADER #2\n"
              "   .data name\n");
    has(text, "C8000040 flags\n"
              "         Initialized Data\n"
              "         Not Paged\n"
              "         (no align specified)\n"
              "         Read Write\n"
              "\n"
              "\n"
              "Debug Directories(8)\n"
              "\tType       Size     Address  Pointer\n"
              "\tcv           28        2d80     2180\tFormat: RSDS, guid, 1, c:\\made.pdb  "
              "[{33323130-3534-3736-3839-616263646566}]\n"
              "\tmisc         20        2db0     21b0\n"
              "\t(    12)      14        2de0     21e0  [VCFeature]\n");
    has(text, "\n00000001 extended DLL characteristics\n          CET compatible\n");
    close_fix(&f);
}

static void without_enrichment_the_lines_are_bare(void **state) {
    struct peimg p;
    struct fix f;
    (void)state;
    peparts_init(&p, SC_PE_MACHINE_X64);
    open_fix(&f, &p, SC_CPU_X64, PEIMG_SIZE, SC_RENDER_TEXT);
    has(run(&f, "!dh -a made", 0), "2020  [a hash, no time: the build is reproducible]\n");
    run(&f, ".enrich off", 0);
    const char *text = run(&f, "!dh made", 0);
    has(text, "\tFormat: RSDS, guid, 1, c:\\made.pdb\n");
    has(text, "\t(    16)      24        2e40     2240\n");
    has(text, "5F000001 time date stamp Sat Jul  4 04:05:21 2020\n");
    lacks(text, "  [");
    close_fix(&f);
}

static void what_is_absent_is_said_and_the_rest_shown(void **state) {
    struct peimg p;
    struct fix f;
    (void)state;
    peparts_init(&p, SC_PE_MACHINE_X64);
    open_fix(&f, &p, SC_CPU_X64, 0x1000, SC_RENDER_TEXT);
    const char *text = run(&f, "!dh made", 1);
    has(text, "File Type:");
    has(text, "SECTION HEADER #2");
    has(text, "made.sys: debug directory: memory at 0x140002c00 is absent");
    close_fix(&f);
    open_fix(&f, &p, SC_CPU_X64, 0x10, SC_RENDER_TEXT);
    text = run(&f, "!dh made", 1);
    has(text, "made.sys: DOS header: memory at 0x140000010 is absent");
    lacks(text, "File Type:");
    close_fix(&f);
    peimg_u8(&p, 0, 0);
    open_fix(&f, &p, SC_CPU_X64, PEIMG_SIZE, SC_RENDER_TEXT);
    has(run(&f, "!dh made", 1), "does not begin with MZ");
    close_fix(&f);
}

static void without_an_address_it_says_what_it_wants(void **state) {
    struct peimg p;
    struct fix f;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    open_fix(&f, &p, SC_CPU_X64, 0, SC_RENDER_TEXT);
    has(run(&f, "!dh", 1), "needs the base of an image");
    const char *text = run(&f, "!dh -h", 0);
    has(text, "Usage: !dh [options] address\n\n   -f  the file headers only\n");
    close_fix(&f);
}

static void records_name_what_identifies_the_image(void **state) {
    struct peimg p;
    struct fix f;
    (void)state;
    peparts_init(&p, SC_PE_MACHINE_ARM64);
    open_fix(&f, &p, SC_CPU_ARM64, PEIMG_SIZE, SC_RENDER_JSON);
    const char *text = run(&f, "!dh made", 0);
    has(text, "\"type\":\"image_headers\",\"address\":\"0x0000000140000000\"");
    has(text, "\"machine\":\"ARM64\"");
    has(text, "\"time\":null,\"reproducible\":true");
    has(text, "\"key\":\"5F0000018000\"");
    has(text, "{\"name\":\"Export\",\"rva\":\"0x00002000\",\"size\":256}");
    has(text, "\"type\":\"image_section\",\"number\":2,\"name\":\".data\"");
    has(text, "\"pdb\":\"c:\\\\made.pdb\",\"pdb_key\":\"333231303534373638396162636465661\"");
    close_fix(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_headers_have_windbgs_lines),
        cmocka_unit_test(images_of_32_bits_have_short_numbers),
        cmocka_unit_test(sections_come_with_the_debug_directory_in_its_section),
        cmocka_unit_test(without_enrichment_the_lines_are_bare),
        cmocka_unit_test(what_is_absent_is_said_and_the_rest_shown),
        cmocka_unit_test(without_an_address_it_says_what_it_wants),
        cmocka_unit_test(records_name_what_identifies_the_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
