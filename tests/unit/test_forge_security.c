/* SPDX-License-Identifier: MIT */
/*
 * What scenarios say of security and of groups of processes: SIDs and SDDL against bytes written
 * down by hand from their published layouts; tokens, jobs, sessions and handle tables in the dump.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "forge/scenario.h"
#include "forge/sid.h"
#include "stopcode/target.h"

static char why[FORGE_WHY_MAX];

/* ---- SIDs and SDDL ---- */

static void a_sid_is_as_it_is_stored(void **state) {
    (void)state;
    static const uint8_t administrators[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0};
    struct forge_sid sid;
    assert_true(forge_sid_parse("S-1-5-32-544", 12, &sid));
    assert_int_equal(sid.size, sizeof administrators);
    assert_memory_equal(sid.data, administrators, sizeof administrators);
    assert_true(forge_sid_parse("BA", 2, &sid));
    assert_memory_equal(sid.data, administrators, sizeof administrators);
    static const char *const wrong[] = {"S-2-5-18",         "S-1-", "S-1-5-x", "QQ",
                                        "S-1-5-4294967296", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(forge_sid_parse(wrong[i], strlen(wrong[i]), &sid));
}

static void sddl_becomes_lists(void **state) {
    (void)state;
    static const uint8_t dacl[] = {
        2, 0, 0x30, 0, 2,    0, 0,    0, /* two entries */
        0, 3, 0x14, 0, 0xff, 1, 0x1f, 0,    1, 1,
        0, 0, 0,    0, 0,    5, 18,   0,    0, 0, /* all of a file, to SYSTEM, for what is in it */
        1, 0, 0x14, 0, 0,    0, 0,    0x40, 1, 1,
        0, 0, 0,    0, 0,    5, 7,    0,    0, 0};
    struct forge_pool pool = {0};
    struct forge_descriptor d;
    const char *where = NULL;
    assert_true(forge_sddl_parse(&pool, "O:SYG:BAD:PAI(A;OICI;FA;;;SY)(D;;GW;;;AN)", &d, &where));
    assert_int_equal(d.control, 0x1404); /* present, protected, inherited */
    assert_int_equal(d.owner.size, 12);
    assert_int_equal(d.group.size, 16);
    assert_null(d.sacl);
    assert_int_equal(d.dacl_size, sizeof dacl);
    assert_memory_equal(d.dacl, dacl, sizeof dacl);
    assert_true(forge_sddl_parse(&pool, "D:NO_ACCESS_CONTROL", &d, &where));
    assert_int_equal(d.control, 4);
    assert_null(d.dacl);
    static const char *const wrong[][2] = {{"O:SYX:", "X:"},
                                           {"D:(A;;GA;;;SY", "(A;;GA;;;SY"},
                                           {"D:(A;QQ;GA;;;SY)", "(A;QQ;GA;;;SY)"},
                                           {"D:(A;;GA;;;nobody)", "(A;;GA;;;nobody)"},
                                           {"nothing", "nothing"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(forge_sddl_parse(&pool, wrong[i][0], &d, &where));
        assert_string_equal(where, wrong[i][1]);
    }
    forge_pool_free(&pool);
}

/* ---- in a dump ---- */

#define MACHINE                                                                                    \
    "os 19041\ncpu x64\ndump triage\n"                                                             \
    "module nt fffff8041a000000 +800000 image ntkrnlmp.exe\n"                                      \
    "process app.exe ffffc00f02345080 pid 9a4\n"                                                   \
    "process other.exe ffffc00f02355080 pid 9b4\n"                                                 \
    "thread ffffc00f02789080 cid 9a4.9a8 process ffffc00f02345080\n"
enum { TOKEN_SIDS = 0x98, TOKEN_PRESENT = 0x40, TOKEN_LEVEL = 0xc4 }; /* of build 19041 */
enum { P_TOKEN = 0x4b8, P_JOB = 0x510, P_JOB_LINKS = 0x5c8, P_TABLE = 0x570, P_SESSION = 0x558 };
enum { J_CHILDREN = 0x420, J_SIBLINGS = 0x410, J_PARENT = 0x430 };

struct built {
    struct forge_output out;
    sc_target *target;
};

static struct built build(const char *text) {
    struct built b = {0};
    if (!forge_scenario_build("case", text, &b.out, why))
        fail_msg("%s", why);
    assert_null(
        sc_target_open_memory("case.dmp", b.out.dump.data, b.out.dump.size, NULL, &b.target));
    return b;
}

static void done(struct built *b) {
    sc_target_close(b->target);
    forge_output_free(&b->out);
}

static uint64_t number(const struct built *b, uint64_t addr, unsigned size) {
    uint64_t v = 0;
    if (sc_space_uint(sc_target_space(b->target), addr, size, &v) != SC_READ_OK)
        fail_msg("%llx is not in the dump", (unsigned long long)addr);
    return v;
}

static void a_token_is_made_of_what_the_debugger_printed(void **state) {
    (void)state;
    struct built b = build(MACHINE "token ffffa00f00014060 process ffffc00f02345080\n"
                                   "_TOKEN 0xfffff8a000004bb0\n"
                                   "TS Session ID: 0x1\n"
                                   "User: S-1-5-18 (Well Known Group: NT AUTHORITY\\SYSTEM)\n"
                                   "User Groups: \n"
                                   " 00 S-1-5-32-544\n"
                                   "    Attributes - Default Enabled Owner \n"
                                   "Primary Group: S-1-5-18\n"
                                   "Privs: \n"
                                   " 20 0x000000014 SeDebugPrivilege   Attributes - Enabled \n"
                                   "Source: *SYSTEM*  TokenFlags: 0x2000 ( Token NOT in use ) \n"
                                   "end\n"
                                   "token ffffa00f00015060 thread ffffc00f02789080\n"
                                   "User: S-1-5-20\n"
                                   "Impersonation Level:       Delegation\n"
                                   "TokenType:                 Impersonation\n"
                                   "end\n");
    uint64_t token = number(&b, 0xffffc00f02345080 + P_TOKEN, 8);
    assert_int_equal(token & ~UINT64_C(15), 0xffffa00f00014060);
    assert_true(token & 15);                                                 /* references */
    assert_int_equal(number(&b, 0xffffa00f00014060, 8), 0x2a4d45545359532a); /* *SYSTEM* */
    assert_int_equal(number(&b, 0xffffa00f00014060 + TOKEN_PRESENT, 8), 0x100000);
    uint64_t sids = number(&b, 0xffffa00f00014060 + TOKEN_SIDS, 8);
    assert_int_equal(number(&b, sids + 0x18, 4), 0xe);
    uint64_t group = number(&b, sids + 0x10, 8);
    assert_int_equal(number(&b, group, 8), 0x0500000000000201);
    assert_int_equal(number(&b, group + 8, 8), 0x0000022000000020);
    assert_int_equal(number(&b, 0xffffa00f00015060 + TOKEN_LEVEL, 4), 3);
    done(&b);
}

static void jobs_hang_in_the_jobs_around_them(void **state) {
    (void)state;
    struct built b = build(MACHINE "job ffffc00f03000060 processes ffffc00f02355080\n"
                                   "job ffffc00f03010060 in ffffc00f03000060 "
                                   "processes ffffc00f02345080 LimitFlags=2000\n");
    const uint64_t outer = 0xffffc00f03000060, inner = 0xffffc00f03010060;
    assert_int_equal(number(&b, 0xffffc00f02345080 + P_JOB, 8), inner);
    assert_int_equal(number(&b, 0xffffc00f02355080 + P_JOB, 8), outer);
    assert_int_equal(number(&b, inner + J_PARENT, 8), outer);
    assert_int_equal(number(&b, outer + J_CHILDREN, 8), inner + J_SIBLINGS);
    assert_int_equal(number(&b, inner + J_SIBLINGS, 8), outer + J_CHILDREN);
    assert_int_equal(number(&b, inner + 0x28, 8), 0xffffc00f02345080 + P_JOB_LINKS);
    assert_int_equal(number(&b, outer + 0xd4, 4), 2); /* TotalProcesses: of both */
    assert_int_equal(number(&b, inner + 0xd4, 4), 1);
    done(&b);
}

static void a_session_has_its_processes(void **state) {
    (void)state;
    struct built b = build(MACHINE "session 12 ffffa00f00500000 processes ffffc00f02345080 "
                                   "ffffc00f02355080\n");
    assert_int_equal(number(&b, 0xffffa00f00500008, 4), 12);
    assert_int_equal(number(&b, 0xffffc00f02345080 + P_SESSION, 8), 0xffffa00f00500000);
    assert_int_equal(number(&b, 0xffffc00f02355080 + P_SESSION, 8), 0xffffa00f00500000);
    done(&b);
}

/* The highest handle of one level, of two, the first of three. */
static void tables_have_as_many_levels_as_they_need(void **state) {
    (void)state;
    static const struct {
        const char *handle;
        unsigned level;
        uint64_t index[3]; /* from the last page to the first */
    } rows[] = {{"3fc", 0, {0xff, 0, 0}}, {"7fffc", 1, {0xff, 0x1ff, 0}}, {"80000", 2, {0, 0, 1}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 MACHINE "object Event ffffc00f03001060\n"
                         "handle %s ffffc00f03001060 process ffffc00f02345080 audit\n",
                 rows[i].handle);
        struct built b = build(text);
        uint64_t table = number(&b, 0xffffc00f02345080 + P_TABLE, 8);
        uint64_t code = number(&b, table + 8, 8), at = code & ~UINT64_C(3);
        assert_int_equal(code & 3, rows[i].level);
        for (unsigned k = rows[i].level; k; k--)
            at = number(&b, at + rows[i].index[k] * 8, 8);
        uint64_t low = number(&b, at + rows[i].index[0] * 16, 8);
        assert_int_equal(low >> 20 << 4 | UINT64_C(0xffff) << 48, 0xffffc00f03001030);
        assert_int_equal(low >> 17 & 7, 4); /* audit */
        done(&b);
    }
}

static void an_objects_headers_stand_before_it(void **state) {
    (void)state;
    struct built b = build(MACHINE "object Directory ffffa00f00010060 \\Box\n"
                                   "object Event ffffc00f03001160 \\Box\\Ready sd ffffa00f00470000 "
                                   "handleinfo quota exclusive ffffc00f02345080\n"
                                   "descriptor ffffa00f00470000 \"O:SYD:(A;;GA;;;WD)\"\n");
    const uint64_t header = 0xffffc00f03001160 - 0x30;
    assert_int_equal(number(&b, header + 0x1a, 1), 0x1f);
    assert_int_equal(number(&b, header + 0x28, 8) & ~UINT64_C(15), 0xffffa00f00470000);
    /* creator info, name info, handle info, quota info, process info */
    assert_int_equal(number(&b, header - 0x20 - 0x20 - 0x10 - 0x20 - 0x10, 8), 0xffffc00f02345080);
    done(&b);
}

/* ---- what cannot be made ---- */

static void what_is_wrong_is_said(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"token ffffa00f00014060\nend\n", "the listing has no User"},
        {"token ffffa00f00014060\nUser: nobody\nend\n", "\"nobody\" is no SID"},
        {"token ffffa00f00014060\nUser: S-1-5-18\nColour: red\nend\n", "is no line of !token"},
        {"token ffffa00f00014060 thread ffffc00f01\nUser: S-1-5-18\nend\n",
         "no line describes the thread"},
        {"token ffffa00f00014060\nUser: S-1-5-18\nGroups:\n 00 S-1-1-0\n"
         "    Attributes - Purple\nend\n",
         "\"Purple\" is no attribute"},
        {"descriptor ffffa00f00470000 \"O:SYD:(A;;;;\"\n", "no SDDL from \"(A;;;;\" on"},
        {"job ffffc00f03000060 in ffffc00f03010060\n", "no line describes the job"},
        {"session x ffffa00f00500000\n", "session"},
        {"namespace ffffa00f00500000 ffffa00f00501000\n", "has no layout"},
        {"job ffffc00f03000060 processes ffffc00f01\n", "ffffc00f01"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        struct forge_output out;
        snprintf(text, sizeof text, MACHINE "%s", rows[i][0]);
        if (forge_scenario_build("case", text, &out, why))
            fail_msg("made: %s", rows[i][0]);
        if (!strstr(why, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], why);
    }
}

/* Jobs that lie in each other end, and a build whose jobs do not nest says so. */
static void jobs_that_cannot_be_are_bounded(void **state) {
    (void)state;
    struct built b = build(MACHINE "job ffffc00f03000060 in ffffc00f03010060\n"
                                   "job ffffc00f03010060 in ffffc00f03000060\n");
    done(&b);
    struct forge_output out;
    assert_false(forge_scenario_build(
        "case",
        "os 7601 sp 1\ncpu x64\ndump triage\nmodule nt fffff80001600000 +5ea000\n"
        "job fffffa8003000060\njob fffffa8003010060 in fffffa8003000060\n",
        &out, why));
    assert_non_null(strstr(why, "in this build no job lies in another"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sid_is_as_it_is_stored),
        cmocka_unit_test(sddl_becomes_lists),
        cmocka_unit_test(a_token_is_made_of_what_the_debugger_printed),
        cmocka_unit_test(jobs_hang_in_the_jobs_around_them),
        cmocka_unit_test(a_session_has_its_processes),
        cmocka_unit_test(tables_have_as_many_levels_as_they_need),
        cmocka_unit_test(an_objects_headers_stand_before_it),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(jobs_that_cannot_be_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
