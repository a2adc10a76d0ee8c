/* SPDX-License-Identifier: MIT */
/*
 * `.dumpdebug`, `.enumtag`, `!handle`, `!address`: what the file itself says, on the smallest dump
 * files that say anything, built here, and on real ones.
 */
#include "fake_session.h"

/* ---- files made here ---- */

enum { KDUMP_SIZE = 0x2100, BLOBS_AT = KDUMP_SIZE };

struct bytes {
    uint8_t at[0x4000];
    size_t size;
};

static void put(struct bytes *b, size_t at, uint64_t value, size_t size) {
    fix_put(b->at, at, value, size);
}

/* A triage dump that holds nothing but its header: x64, bug check 0x9f. */
static void make_triage(struct bytes *b) {
    memset(b, 0, sizeof *b);
    b->size = KDUMP_SIZE;
    memcpy(b->at, "PAGEDU64", 8);
    put(b, 0x08, 15, 4);
    put(b, 0x0c, 19041, 4);
    put(b, 0x10, 0x1ad002, 8);
    put(b, 0x20, 0xfffff8001262a390, 8);
    put(b, 0x30, 0x8664, 4);
    put(b, 0x34, 4, 4);
    put(b, 0x38, 0x9f, 4);
    put(b, 0x40, 3, 8);
    put(b, 0xf98, 4, 4);
    put(b, 0xfa8, 132574568951234567, 8);
    memcpy(b->at + 0xfb0, "by hand", 8);
    put(b, 0x1030, 6234560000, 8);
    put(b, 0x1054, 7, 4);
    put(b, 0x2004, KDUMP_SIZE, 4);
    put(b, 0x2008, KDUMP_SIZE - 4, 4);
    memcpy(b->at + KDUMP_SIZE - 4, "TRGD", 4);
}

/* Secondary data behind it: one block of COUNT bytes 0x41, 0x42, … */
static void add_blob(struct bytes *b, uint32_t count) {
    size_t at = BLOBS_AT;
    memcpy(b->at + at, "DumpBlob", 8);
    put(b, at + 8, 0x10, 4);
    put(b, at + 12, 19041, 4);
    at += 0x10;
    put(b, at, 0x20, 4);
    put(b, at + 4, 0x87654321, 4);
    put(b, at + 8, 0xcdef, 2);
    put(b, at + 10, 0x89ab, 2);
    put(b, at + 12, 0x0807060504030201, 8);
    put(b, at + 20, count, 4);
    for (uint32_t i = 0; i < count; i++)
        b->at[at + 0x20 + i] = (uint8_t)(0x41 + i);
    b->size = at + 0x20 + count;
}

/* A minidump with the system's description and COUNT streams of unknown types. */
static void make_minidump(struct bytes *b) {
    memset(b, 0, sizeof *b);
    b->size = 0x200;
    memcpy(b->at, "MDMP", 4);
    put(b, 4, 0x6903a793, 4);
    put(b, 8, 2, 4);
    put(b, 12, 0x20, 4);
    put(b, 20, 0x45d35f73, 4);
    put(b, 24, 0x1826, 8);
    put(b, 0x20, 7, 4);
    put(b, 0x24, 56, 4);
    put(b, 0x28, 0x100, 4);
    put(b, 0x2c, 0x4767beef, 4);
    put(b, 0x30, 0x1000, 4);
    put(b, 0x34, 0x180, 4);
    put(b, 0x100, 9, 2);
    b->at[0x106] = 2;
    b->at[0x107] = 1;
    put(b, 0x108, 10, 4);
    put(b, 0x110, 19041, 4);
    put(b, 0x114, 2, 4);
}

static void open_bytes(struct fix *f, const struct bytes *b, enum sc_render render) {
    *f = (struct fix){0};
    assert_null(sc_target_open_memory("made.dmp", b->at, b->size, NULL, &f->target));
    assert_null(sc_out_create(render, sink_write, &f->sink, false, &f->out));
    assert_null(sc_session_create(f->target, f->out, &f->s));
    sc_session_set_tz(f->s, 0);
}

/* ---- .dumpdebug ---- */

static void a_kernel_header_is_shown_field_by_field(void **state) {
    (void)state;
    struct fix f;
    struct bytes b;
    make_triage(&b);
    open_bytes(&f, &b, SC_RENDER_TEXT);
    assert_int_equal(fix_run(&f, ".dumpdebug"), 0);
    fix_has(&f, "DUMP_HEADER64:\n"
                "MajorVersion            0000000f\n"
                "MinorVersion            19041\n"
                "DirectoryTableBase      00000000`001ad002\n"
                "PfnDataBase             00000000`00000000\n"
                "PsLoadedModuleList      fffff800`1262a390\n");
    fix_has(&f, "MachineImageType        00008664\n"
                "NumberProcessors        4\n"
                "BugCheckCode            0000009f\n"
                "BugCheckParameter1      00000000`00000003\n");
    fix_has(&f, "DumpType                00000004\n  that is               kernel triage dump");
    fix_has(&f, "SystemTime              Wed Feb 10 18:54:55.123 2021 (UTC + 0:00)\n"
                "SystemUpTime            0 days 0:10:23.456\n"
                "Comment                 by hand\n");
    fix_has(&f, "BootId                  7\n\nTRIAGE_DUMP64:\n");
    fix_has(&f, "SizeOfDump              00002100\n"
                "ValidOffset             000020fc\n"
                "  mark is there         1\n");
    fix_close(&f);
}

static void oddities_are_listed_with_their_offset(void **state) {
    (void)state;
    struct fix f;
    struct bytes b;
    make_triage(&b);
    memcpy(b.at + KDUMP_SIZE - 4, "XXXX", 4);
    open_bytes(&f, &b, SC_RENDER_TEXT);
    fix_run(&f, ".dumpdebug");
    fix_has(&f, "  mark is there         0\n");
    fix_has(&f, "Odd about this file:\n");
    fix_has(&f, "  offset 0x20fc: ");
    fix_close(&f);
}

static void json_of_the_kernel_header(void **state) {
    (void)state;
    struct fix f;
    struct bytes b;
    make_triage(&b);
    open_bytes(&f, &b, SC_RENDER_JSON);
    fix_run(&f, ".dumpdebug");
    fix_has(&f,
            "{\"type\":\"dump_header\",\"major_version\":\"0x0000000f\",\"minor_version\":19041");
    fix_has(&f, "\"comment\":\"by hand\"");
    fix_has(&f, "\"runs\":[]}");
    fix_has(&f, "{\"type\":\"triage_header\",");
    fix_close(&f);
}

static void a_minidump_header_is_shown_with_its_streams(void **state) {
    (void)state;
    struct fix f;
    struct bytes b;
    make_minidump(&b);
    open_bytes(&f, &b, SC_RENDER_TEXT);
    assert_int_equal(fix_run(&f, ".dumpdebug"), 0);
    fix_has(&f, "----- User Mini Dump Analysis\n\n"
                "MINIDUMP_HEADER:\n"
                "Version         A793 (6903)\n"
                "NumberOfStreams 2\n"
                "TimeDateStamp   45D35F73 Wed Feb 14 19:13:55.000 2007 (UTC + 0:00)\n"
                "Flags           1826\n"
                "                0002 MiniDumpWithFullMemory\n"
                "                0004 MiniDumpWithHandleData\n"
                "                0020 MiniDumpWithUnloadedModules\n"
                "                0800 MiniDumpWithFullMemoryInfo\n"
                "                1000 MiniDumpWithThreadInfo\n\n"
                "Streams:\n"
                "Stream 0: type SystemInfoStream (7), size 00000038, RVA 00000100\n"
                "Stream 1: type unknown (1197981423), size 00001000, RVA 00000180  [not wholly "
                "inside the file]\n");
    fix_has(&f, "SystemInfo:\nMajorVersion            10\n");
    fix_has(&f, "NumberOfProcessors      2\n");
    fix_close(&f);
}

static void a_fake_has_no_header(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    fix_prints(&f, ".dumpdebug", "This target (fake target) has no header to show.\n");
    fix_prints(&f, ".enumtag", "This dump has no secondary data.\n");
    fix_close(&f);
    fix_open(&f, FIX_USER);
    fix_run(&f, "!handle");
    fix_has(&f, "This dump has no handle data");
    fix_run(&f, "!address");
    fix_has(&f, "This dump has no list of memory regions");
    fix_fails(&f, ".enumtag", "needs a kernel dump");
    fix_close(&f);
}

/* ---- .enumtag ---- */

static void secondary_data_is_shown_as_bytes(void **state) {
    (void)state;
    struct fix f;
    struct bytes b;
    make_triage(&b);
    add_blob(&b, 20);
    open_bytes(&f, &b, SC_RENDER_TEXT);
    fix_prints(&f, ".enumtag",
               "{87654321-CDEF-89AB-0102-030405060708} - 0x14 bytes\n"
               "  41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 4F 50  ABCDEFGHIJKLMNOP\n"
               "  51 52 53 54                                      QRST\n\n");
    fix_close(&f);
    open_bytes(&f, &b, SC_RENDER_JSON);
    fix_run(&f, ".enumtag");
    fix_has(&f, "\"size\":20,\"offset\":\"0x2130\","
                "\"data\":\"4142434445464748494a4b4c4d4e4f5051525354\"}");
    fix_close(&f);
}

static void secondary_data_that_is_not_there(void **state) {
    (void)state;
    struct fix f;
    struct bytes b;
    make_triage(&b);
    open_bytes(&f, &b, SC_RENDER_TEXT);
    fix_prints(&f, ".enumtag", "This dump has no secondary data.\n");
    fix_close(&f);
    add_blob(&b, 20);
    b.size -= 1; /* the block runs over the end */
    open_bytes(&f, &b, SC_RENDER_TEXT);
    fix_prints(&f, ".enumtag", "This dump has no secondary data.\n");
    fix_run(&f, ".dumpdebug");
    fix_has(&f, "Odd about this file:\n");
    fix_close(&f);
}

static void the_real_dump_has_secondary_data(void **state) {
    (void)state;
    struct fix f;
    if (!corpus_open(&f, "kdump/triage_x64.dmp", SC_RENDER_TEXT))
        skip();
    assert_int_equal(fix_run(&f, ".enumtag"), 0);
    fix_has(&f, "{54C84888-01D1-4C1E-BED6-282C98241303} - 0x1000 bytes\n");
    assert_int_equal(fix_run(&f, ".dumpdebug"), 0);
    fix_has(&f, "BugCheckCode            1000007e\n");
    fix_close(&f);
}

/* ---- handles and regions ---- */

static bool open_crashpad(struct fix *f, enum sc_render render) {
    return corpus_open(f, "mdmp/google+breakpad/src/processor/testdata/tiny-exe-with-cet-xsave.dmp",
                       render);
}

static void real_handles_are_listed_and_counted(void **state) {
    (void)state;
    struct fix f;
    if (!open_crashpad(&f, SC_RENDER_TEXT))
        skip();
    assert_int_equal(fix_run(&f, "!handle"), 0);
    fix_has(&f, "Handle 4\n  Type         \tFile\nHandle 8\n  Type         \tEvent\n");
    fix_has(&f, "147 Handles\nType           \tCount\nFile           \t11\nEvent          \t18\n");
    fix_prints(&f, "!handle 8 7",
               "Handle 8\n"
               "  Type         \tEvent\n"
               "  Attributes   \t0\n"
               "  GrantedAccess\t0x1f0003:\n"
               "         Delete,ReadControl,WriteDac,WriteOwner,Synch\n"
               "  HandleCount  \t1\n"
               "  PointerCount \t65535\n"
               "  Name         \t<none>\n");
    fix_run(&f, "!handle 0 1 Event");
    fix_has(&f, "18 Handles\nType           \tCount\nEvent          \t18\n");
    assert_null(strstr(fix_text(&f), "File"));
    fix_fails(&f, "!handle 3", "no handle 0x3 was open");
    fix_close(&f);
    if (!open_crashpad(&f, SC_RENDER_JSON))
        skip();
    fix_run(&f, "!handle 8");
    fix_has(&f, "{\"type\":\"handle\",\"handle\":\"0x8\",\"object_type\":\"Event\"");
    fix_close(&f);
}

static void real_regions_name_what_lies_in_them(void **state) {
    (void)state;
    struct fix f;
    if (!open_crashpad(&f, SC_RENDER_TEXT))
        skip();
    assert_int_equal(fix_run(&f, "!address"), 0);
    fix_has(&f,
            "        BaseAddress      EndAddress+1        RegionSize     Type       State          "
            "       Protect             Usage\n"
            "----------------------------------------------------------------------------------"
            "----------------------------------------\n"
            "+        0`00000000        0`7ffe0000        0`7ffe0000             MEM_FREE    "
            "PAGE_NOACCESS                      Free       \n"
            "+        0`7ffe0000        0`7ffe1000        0`00001000 MEM_PRIVATE MEM_COMMIT  "
            "PAGE_READONLY                      <unknown>  \n");
    fix_has(&f, "PAGE_READWRITE                     Stack      [~0; 3c54.5bc]\n");
    fix_has(&f, "PAGE_READWRITE | PAGE_GUARD        <unknown>  \n");
    fix_prints(&f, "!address @rsp",
               "Usage:                  Stack\n"
               "Base Address:           000000cb`c82f8000\n"
               "End Address:            000000cb`c8300000\n"
               "Region Size:            00000000`00008000 (  32.000 kB)\n"
               "State:                  00001000          MEM_COMMIT\n"
               "Protect:                00000004          PAGE_READWRITE\n"
               "Type:                   00020000          MEM_PRIVATE\n"
               "Allocation Base:        000000cb`c8200000\n"
               "Allocation Protect:     00000004          PAGE_READWRITE\n"
               "More info:              ~0; 3c54.5bc\n");
    fix_run(&f, "!address @rip");
    fix_has(&f, "Usage:                  Image\n");
    fix_has(&f, "Module Name:            ntdll\n");
    fix_fails(&f, "!address ffffffff`ffff0000", "no region of the list contains");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_header_is_shown_field_by_field),
        cmocka_unit_test(oddities_are_listed_with_their_offset),
        cmocka_unit_test(json_of_the_kernel_header),
        cmocka_unit_test(a_minidump_header_is_shown_with_its_streams),
        cmocka_unit_test(a_fake_has_no_header),
        cmocka_unit_test(secondary_data_is_shown_as_bytes),
        cmocka_unit_test(secondary_data_that_is_not_there),
        cmocka_unit_test(the_real_dump_has_secondary_data),
        cmocka_unit_test(real_handles_are_listed_and_counted),
        cmocka_unit_test(real_regions_name_what_lies_in_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
