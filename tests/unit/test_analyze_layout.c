/* SPDX-License-Identifier: MIT */
/* The keys of `!analyze -v`, their order against a published output, -hang and -show. */
#include "unit/scenario_case.h"

/* As in the published case: a null pointer in rcx, at the first instruction of a function. */
#define PUBLISHED                                                                                  \
    "dump triage MEMORY.DMP\n"                                                                     \
    "os 19041 revision 1052 lab 19041.1.amd64fre.vb_release.191206-1406\n"                         \
    "cpu x64 count 2 current 1 vendor GenuineIntel mhz 3000\n"                                     \
    "module nt fffff8064e600000 +1046000 image ntkrnlmp.exe\n"                                     \
    "module dxgkrnl fffff80656760000 +3aa000 private inmemory version 10.0.19041.1\n"              \
    "process vmwp.exe ffff90027ff19080 pid 1c4c\n"                                                 \
    "thread ffff90027a3fb080 cid 1c4c.42b stack ffffa0873efe0000 ffffa0873efda000\n"               \
    "symbol dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest fffff80656786674 size 20 function\n"            \
    "code fffff80656786674 8a 81 64 01 00 00 c3\n"                                                 \
    "bugcheck 3b c0000005 fffff80656786674 ffffa0873efde280 0\n"                                   \
    "struct _CONTEXT ffffa0873efde280 ContextFlags=10001f Rip=fffff80656786674 "                   \
    "Rsp=ffffa0873efdec88 Rcx=0 SegCs=10 SegSs=18 EFlags=50202\n"

static void has(struct fix *f, const char *part) {
    if (!strstr(fix_text(f), part))
        fail_msg("not printed: %s\n%s", part, fix_text(f));
}

static void the_details_are_windbgs(void **state) {
    (void)state;
    struct scase s;
    scase_open_with(&s, PUBLISHED, true);
    assert_int_equal(fix_run(&s.f, "!analyze -v"), 0);
    has(&s.f, "\nBUGCHECK_CODE:  3b\n\nBUGCHECK_P1: c0000005\n\nBUGCHECK_P2: fffff80656786674\n\n"
              "BUGCHECK_P3: ffffa0873efde280\n\nBUGCHECK_P4: 0\n\nFILE_IN_CAB:  case.dmp\n\n");
    has(&s.f, "\nFAULTING_THREAD:  ffff90027a3fb080\n\n");
    has(&s.f, "\nCONTEXT:  ffffa0873efde280 -- (.cxr 0xffffa0873efde280)\nrax=");
    has(&s.f, "\nfffff806`56786674 8a8164010000    mov     al,byte ptr [rcx+164h] ");
    has(&s.f, "\nResetting default scope\n\nPROCESS_NAME:  vmwp.exe\n\n");
    has(&s.f, "\nSTACK_TEXT:  \n");
    has(&s.f, "\nSYMBOL_NAME:  dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest+0\n\n"
              "MODULE_NAME: dxgkrnl\n\nIMAGE_NAME:  dxgkrnl.sys\n\n");
    has(&s.f, "\nSTACK_COMMAND: .cxr 0xffffa0873efde280 ; kb\n\nBUCKET_ID_FUNC_OFFSET:  0\n\n"
              "FAILURE_BUCKET_ID:  AV_dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest\n\n"
              "OS_VERSION:  10.0.19041.1\n\nBUILDLAB_STR:  vb_release\n\nOSPLATFORM_TYPE:  x64\n\n"
              "OSNAME:  Windows 10\n\nFollowup:     MachineOwner\n---------\n");
    assert_true(claims(&s.a->findings[0], "rcx is 0, a null pointer"));
    scase_end(&s);
}

/* Words in capitals before a colon at the start of a line, in order; each once. */
static size_t keys_of(const char *text, char key[][40], size_t room) {
    size_t n = 0;
    for (const char *line = text; line && n < room; line = strchr(line, '\n')) {
        line += *line == '\n';
        size_t len = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
        if (len < 5 || len >= 40 || line[len] != ':')
            continue;
        memcpy(key[n], line, len);
        key[n++][len] = 0;
    }
    return n;
}

static char *read_corpus(const char *name) {
    const char *folder = getenv("STOPCODE_CORPUS");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/corpus", name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        print_message("SKIPPED: %s: the corpus is not here (set STOPCODE_CORPUS)\n", name);
        skip();
        return NULL;
    }
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t got = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    assert_true(got > 0);
    return text;
}

static void keys_stand_in_the_order_of_a_published_analysis(void **state) {
    (void)state;
    static char theirs[128][40], ours[128][40];
    char *published = read_corpus("windbg-output/varelaia+bsod-forensics/case-studies/"
                                  "dxgkrnl-iswsl2guest/analysis.txt");
    size_t ntheirs = keys_of(strstr(published, "BUGCHECK_CODE"), theirs, 128);
    struct scase s;
    scase_open_with(&s, PUBLISHED, true);
    assert_int_equal(fix_run(&s.f, "!analyze -v"), 0);
    size_t nours = keys_of(strstr(fix_text(&s.f), "BUGCHECK_CODE"), ours, 128), at = 0, common = 0;
    for (size_t i = 0; i < nours; i++) {
        size_t k = 0;
        while (k < ntheirs && strcmp(theirs[k], ours[i]) != 0)
            k++;
        if (k == ntheirs)
            continue; /* older versions have it */
        if (k < at)
            fail_msg("%s stands too late", ours[i]);
        at = k;
        common++;
    }
    /* Of theirs only what needs Microsoft's servers, or says where the code is paged, is missing.
     */
    if (common != ntheirs - 2)
        fail_msg("%zu of %zu keys", common, ntheirs);
    free(published);
    scase_end(&s);
}

static void a_reference_has_its_address(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck d1 ffffc00fd5000010 2 1 drv+1000\n");
    assert_int_equal(fix_run(&s.f, "!analyze -v"), 0);
    has(&s.f, "\nWRITE_ADDRESS:  ffffc00fd5000010\n\n");
    scase_end(&s);
}

static void hang_shows_the_one_thread_of_a_small_dump(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck e2 0 0 0 0\n");
    assert_int_equal(fix_run(&s.f, "!analyze -hang"), 0);
    has(&s.f, "the current thread does not wait (Running); a small dump holds no other");
    has(&s.f, "THREAD ffffc00fd30aa080  Cid 05ac.08f4");
    scase_end(&s);
}

static void hang_shows_all_threads_of_a_process(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_USER);
    fix_run(&f, "!analyze -hang");
    has(&f,
        "\nHANG:\n-----\n\n-hang: the stacks of all 2 threads; those that are equal stand once.");
    fix_close(&f);
}

static void show_tells_what_numbers_alone_tell(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_int_equal(fix_run(&f, "!analyze -show 133 0 501 500"), 0);
    has(&f, "[1281 ticks: 20.0 s at the usual 15.625 ms a tick]");
    has(&f, "\n+ One DPC or interrupt routine ran for 1281 ticks");
    assert_int_equal(fix_run(&f, "!analyze -show 9f 3 ffffc00fd4001000 ffffc00fd4002000 1"), 0);
    assert_null(strstr(fix_text(&f), "not in this dump")); /* there is none */
    assert_int_equal(fix_run(&f, "!analyze -show a0000001"), 0);
    has(&f, "CUSTOM_ERROR (a0000001)\n");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_details_are_windbgs),
        cmocka_unit_test(keys_stand_in_the_order_of_a_published_analysis),
        cmocka_unit_test(a_reference_has_its_address),
        cmocka_unit_test(hang_shows_the_one_thread_of_a_small_dump),
        cmocka_unit_test(hang_shows_all_threads_of_a_process),
        cmocka_unit_test(show_tells_what_numbers_alone_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
