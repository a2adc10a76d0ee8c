/* SPDX-License-Identifier: MIT */
/*
 * Undecoration. Expected whole declarations are llvm-undname's; names alone are written by hand
 * after what debuggers print.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stopcode/undecorate.h"

struct row {
    const char *name, *want;
};

static void check(unsigned flags, enum sc_undecorated how, const struct row *row, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char buf[SC_UNDECORATE_BUF];
        enum sc_undecorated got;
        assert_null(sc_undecorate(row[i].name, flags, buf, sizeof buf, &got));
        assert_string_equal(buf, row[i].want);
        assert_int_equal(got, how);
    }
}
#define CHECK(flags, how, rows) check(flags, how, rows, sizeof(rows) / sizeof *(rows))

static void whole_declarations_are_those_of_llvm_undname(void **state) {
    static const struct row rows[] = {
        {"?f@@YAXXZ", "void __cdecl f(void)"},
        {"?f@@YAXHZZ", "void __cdecl f(int, ...)"},
        {"?f@@YAXZZ", "void __cdecl f(...)"},
        {"?f@@9", "extern \"C\" f"},
        {"?f@@$$J0YAXXZ", "extern \"C\" void __cdecl f(void)"},
        {"?f@@YAXI@_E", "void __cdecl f(unsigned int) noexcept"},
        {"?f@@YA?AUA@@XZ", "struct A __cdecl f(void)"},
        {"?f@@YA?BHXZ", "int const __cdecl f(void)"},
        {"?f@@YAP6AXH@ZXZ", "void (__cdecl * __cdecl f(void))(int)"},
        {"?f@A@@QEGBAXXZ", "public: void __cdecl A::f(void) const &"},
        {"?f@A@@UEHAAXXZ", "public: virtual void __cdecl A::f(void) &&"},
        {"?f@A@@KAXXZ", "protected: static void __cdecl A::f(void)"},
        {"?f@A@@W7EAAXXZ", "[thunk]: public: virtual void __cdecl A::f`adjustor{8}'(void)"},
        {"?f@A@@$4PPPPPPPM@A@EAAXXZ",
         "[thunk]: public: virtual void __cdecl A::f`vtordisp{-4, 0}'(void)"},
        {"??_9B@@$BBA@AA", "[thunk]: __cdecl B::`vcall'{16, {flat}}"},
        {"?x@@3HA", "int x"},
        {"?x@A@@0HB", "private: static int const A::x"},
        {"?x@@3PEAY02HEA", "int (*x)[3]"},
        {"?x@@3P6AXXZEA", "void (__cdecl *x)(void)"},
        {"?x@A@@2P8A@@EAAXXZEQ1@", "public: static void (__cdecl A::*A::x)(void)"},
        {"?x@@3PEQA@@HEQ1@", "int A::*x"},
        {"?x@@3QEBHEB", "int const *const x"},
        {"?x@@3PEIAHEIA", "int *__restrict x"},
        {"?f@@YAXAEAH$$QEAH$$T@Z", "void __cdecl f(int &, int &&, std::nullptr_t)"},
        {"?f@@YAXQEAY02$$CBH@Z", "void __cdecl f(int const (*const)[3])"},
        {"?f@@YAXW4E@@T1@U1@V1@@Z", "void __cdecl f(enum E, union E, struct E, class E)"},
        {"??$f@$0A@$0?0$$V@@YAXXZ", "void __cdecl f<0, -1>(void)"},
        {"??$f@$1?x@@3HA@@YAXXZ", "void __cdecl f<&int x>(void)"},
        {"??$f@$H?g@A@@QEAAXXZA@@@YAXXZ",
         "void __cdecl f<{public: void __cdecl A::g(void), 0}>(void)"},
        {"??$f@$$A8@@BAXXZ@@YAXXZ", "void __cdecl f<void __cdecl(void) const>(void)"},
        {"??0?$v@V?$w@H@@@a@@QEAA@XZ", "public: __cdecl a::v<class w<int>>::v<class w<int>>(void)"},
        {"??BA@@QEAAHXZ", "public: int __cdecl A::operator int(void)"},
        {"??__K_x@@YAXXZ", "void __cdecl operator \"\"_x(void)"},
        {"?x@?1??f@@YAXXZ@4HA", "int `void __cdecl f(void)'::`2'::x"},
        {"??_B?1??f@@YAXXZ@51", "`void __cdecl f(void)'::`2'::`local static guard'{2}"},
        {"??__E?x@A@@0HA@@YAXXZ",
         "void __cdecl `dynamic initializer for `private: static int A::x''(void)"},
        {"??_7B@@6BA@@@", "const B::`vftable'{for `A'}"},
        {"??_R0?AVA@@@8", "class A `RTTI Type Descriptor'"},
        {"??_R17?0A@EA@B@@8", "B::`RTTI Base Class Descriptor at (8, -1, 0, 64)'"},
        {".?AVA@@", "class A `RTTI Type Descriptor Name'"},
        {".PEAH", "int *`RTTI Type Descriptor Name'"},
        {"??@a6a285da2eea70dba6b578022be61d81@", "??@a6a285da2eea70dba6b578022be61d81@"},
        {"?f@@YAXP6A_NPEAU?$v@H@@0@Z1@Z",
         "void __cdecl f(bool (__cdecl *)(struct v<int> *, struct v<int> *), "
         "bool (__cdecl *)(struct v<int> *, struct v<int> *))"},
    };
    (void)state;
    CHECK(0, SC_UNDECORATED_DONE, rows);
}

static void string_literals_show_their_text(void **state) {
    static const struct row rows[] = {
        {"??_C@_02PCEFGMJL@hi?$AA@", "\"hi\""},
        {"??_C@_13IIHIAFKH@?W?$PP?$AA?$AA@", "L\"\\xD7FF\""},
        {"??_C@_01@?6?$AA@", "\"\\n\""},
        {"??_C@_0CB@EIEEMOAM@IUM@FNODOBFM@", "\"IUM\"..."},
    };
    (void)state;
    CHECK(0, SC_UNDECORATED_DONE, rows);
}

static void names_alone_are_as_debuggers_show_them(void **state) {
    static const struct row rows[] = {
        {"?Read@Stream@io@@QEAA_NPEAXI@Z", "io::Stream::Read"},
        {"?widen@?$basic_ios@DU?$char_traits@D@std@@@std@@QEBADD@Z",
         "std::basic_ios<char,std::char_traits<char> >::widen"},
        {"??_GA@@UEAAPEAXI@Z", "A::`scalar deleting destructor'"},
        {"??1A@@QEAA@XZ", "A::~A"},
        {"??_7B@@6BA@@@", "B::`vftable'{for `A'}"},
        {"??_C@_02PCEFGMJL@hi?$AA@", "`string'"},
        {"??_C@_0BB@NHNDCOAN@SeAssignSecurity?$AA@FNODOBFM@", " ?? ::FNODOBFM::`string'"},
        {"?f@A@@W7EAAXXZ", "[thunk]:A::f`adjustor{8}'"},
        {"??__E?x@A@@0HA@@YAXXZ", "`dynamic initializer for 'A::x''"},
        {"?x@?1??f@@YAXXZ@4HA", "`f'::`2'::x"},
        {"?f@?A0x12345678@@YAXXZ", "`anonymous namespace'::f"},
        {"??$f@P6AXH@Z$1?g@@YAXXZ@@YAXXZ", "f<void (__cdecl*)(int),&g>"},
        {"??_R0?AVA@@@8", "A `RTTI Type Descriptor'"},
        {"?x@@3HA", "x"},
    };
    (void)state;
    CHECK(SC_UNDECORATE_NAME_ONLY, SC_UNDECORATED_DONE, rows);
}

static void c_decorations_go_only_when_asked_for(void **state) {
    static const struct row c[] = {
        {"_name@12", "name"},    {"@name@8", "name"},       {"name@@16", "name"},
        {"_name", "name"},       {"__imp__f@4", "_imp__f"}, {"__imp_f", "_imp_f"},
        {"__chkstk", "_chkstk"}, {"_n@me@12", "n@me"},      {"_@@8", "_"},
    };
    static const struct row plain[] = {
        {"name", "name"}, {"name@12", "name@12"}, {"_", "_"},         {"@8", "@8"},
        {"", ""},         {"@name@x", "@name@x"}, {".text", ".text"}, {"@@8", "@@8"},
    };
    static const struct row kept[] = {
        {"_name@12", "_name@12"}, {"@name@8", "@name@8"}, {"name@@16", "name@@16"}};
    (void)state;
    CHECK(SC_UNDECORATE_C, SC_UNDECORATED_DONE, c);
    CHECK(SC_UNDECORATE_C, SC_UNDECORATED_PLAIN, plain);
    CHECK(0, SC_UNDECORATED_PLAIN, kept);
}

static void broken_names_come_back_unchanged(void **state) {
    static const char *const names[] = {
        "?",
        "??",
        "?f",
        "?f@",
        "?f@@",
        "?f@@Y",
        "?f@@YA",
        "?f@@YAX",
        "?f@@YAXX",
        "?f@@YAX0@Z",
        "?0@@YAXXZ",
        "??$",
        "??$f@",
        "??0@@QEAA@XZ",
        "??0@QEAA@XZ",
        "?x@@3",
        "?x@@3PEA",
        "??_C@_0",
        "??_C@_00@",
        "??_7A@@5",
        "??_A",
        "?x@?1",
        "?x@?1??f@@YAXXZ",
        "??_R0H@8x",
        ".?AV",
        "??@abc",
        "?f@@YAXY",
        "?x@@3YPPPPPPPPPPPPPPPP@HA",
        "?f@@YAX?",
        "?f@@5",
        "??__E?x@@3HA@YAXXZ",
        "?f@@YAXP0@Z",
        "??$?0H@A@@@3HA",
        "\x3f\xff\x40\x40\x01",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct row row = {names[i], names[i]};
        check(0, SC_UNDECORATED_BROKEN, &row, 1);
    }
}

static void text_that_does_not_fit_is_cut_and_says_so(void **state) {
    static const char want[] = "void __cdecl f(void)";
    char buf[64];
    enum sc_undecorated how;
    (void)state;
    for (size_t size = 1; size < sizeof buf; size++) {
        memset(buf, 'x', sizeof buf);
        assert_null(sc_undecorate("?f@@YAXXZ", 0, buf, size, &how));
        assert_int_equal(how, SC_UNDECORATED_DONE);
        if (size >= sizeof want) {
            assert_string_equal(buf, want);
            continue;
        }
        assert_int_equal(strlen(buf), size - 1);
        assert_int_equal(buf[size], 'x');
        if (size > 3)
            assert_string_equal(buf + size - 4, "...");
    }
}

/* BEFORE, MIDDLE many times, AFTER. */
static char *repeated(const char *before, const char *middle, size_t times, const char *after) {
    size_t a = strlen(before), b = strlen(middle), c = strlen(after);
    char *text = malloc(a + b * times + c + 1);
    assert_non_null(text);
    memcpy(text, before, a);
    for (size_t i = 0; i < times; i++)
        memcpy(text + a + b * i, middle, b);
    memcpy(text + a + b * times, after, c + 1);
    return text;
}

static void hostile_names_cost_little(void **state) {
    /* Depth, and texts that double with every back reference. */
    static const struct {
        const char *before, *middle, *after;
        size_t times;
    } rows[] = {
        {"?f@@YAX", "PEA", "H@Z", 5000},
        {"?f@@YAX", "P6A", "XX@Z@Z", 5000},
        {"?x@", "?$a@V", "H@@3HA", 5000},
        {"?x@", "?1??y@", "@@3HA", 3000},
        {"?x@", "a@", "@3HA", 5000},
        {"?f@@YAX", "Y0A@", "H@Z", 4000},
        {"??_C@_0", "P", "@x@x", 10000},
        {"?x@@3Y", "P", "@H", 10000},
        {"?f@@YAX", "?", "", 15000},
        {"?f@@YAXUa@@P6AX0000000000@Z", "0", "@Z", 9000},
        {"?f@@YAXUabcdefghijklmnopqrstuvwxyz@@P6AX0000000000@ZP6AX1111111111@ZP6AX2222222222@Z"
         "P6AX3333333333@ZP6AX4444444444@ZP6AX5555555555@ZP6AX6666666666@ZP6AX7777777777@Z",
         "8", "@Z", 1000},
    };
    static char buf[256 * 1024];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *name = repeated(rows[i].before, rows[i].middle, rows[i].times, rows[i].after);
        enum sc_undecorated how;
        assert_null(sc_undecorate(name, 0, buf, sizeof buf, &how));
        if (how == SC_UNDECORATED_BROKEN)
            assert_string_equal(buf, name);
        free(name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_declarations_are_those_of_llvm_undname),
        cmocka_unit_test(string_literals_show_their_text),
        cmocka_unit_test(names_alone_are_as_debuggers_show_them),
        cmocka_unit_test(c_decorations_go_only_when_asked_for),
        cmocka_unit_test(broken_names_come_back_unchanged),
        cmocka_unit_test(text_that_does_not_fit_is_cut_and_says_so),
        cmocka_unit_test(hostile_names_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
