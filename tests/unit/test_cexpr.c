/* SPDX-License-Identifier: MIT */
/*
 * C++ expressions with known types and values: worked out by hand, from WinDbg's manual and
 * published sessions, and from a compiler (cexpr_random.inc).
 */
#include "cexpr_fixture.h"

struct row {
    const char *text, *type;
    uint64_t value;
};

static void check(struct cx *x, const struct row *row) {
    struct sc_cexpr_value v;
    char type[128];
    sc_err *err = sc_cexpr_eval(&x->env, row->text, &v);
    if (err)
        fail_msg("%s: %s", row->text, sc_err_text(err));
    assert_null(sc_type_decl_text(v.types, v.type, type, sizeof type));
    if (strcmp(type, row->type) != 0)
        fail_msg("%s: of type %s, not %s", row->text, type, row->type);
    uint64_t value = strchr(type, '[') || !strncmp(type, "struct", 6) ? v.place.address : v.number;
    if (strchr(type, '*'))
        value = v.number;
    if (value != row->value)
        fail_msg("%s: %llx, not %llx", row->text, (unsigned long long)value,
                 (unsigned long long)row->value);
    sc_cexpr_value_deinit(&v);
}

#define CHECK(x, rows)                                                                             \
    do {                                                                                           \
        for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++)                                 \
            check(x, &(rows)[i]);                                                                  \
    } while (0)

#define M(n) ((uint64_t)(int64_t)(n))

static void literals_have_the_types_of_cxx(void **state) {
    static const struct row rows[] = {
        {"0", "int", 0},
        {"31", "int", 31},
        {"0x1f", "int", 31},
        {"0X1F", "int", 31},
        {"037", "int", 31},
        {"2147483647", "int", 0x7fffffff},
        {"2147483648", "int64", 0x80000000},
        {"0x80000000", "unsigned int", 0x80000000},
        {"4294967296", "int64", 0x100000000},
        {"0x100000000", "int64", 0x100000000},
        {"0x8000000000000000", "unsigned int64", 0x8000000000000000},
        {"18446744073709551615", "unsigned int64", UINT64_MAX},
        {"0xfffff800`01234567", "unsigned int64", 0xfffff80001234567},
        {"fffff800`01234567", "unsigned int64", 0xfffff80001234567},
        {"0`00000005", "int64", 5},
        {"7u", "unsigned int", 7},
        {"7l", "long", 7},
        {"7UL", "unsigned long", 7},
        {"7lu", "unsigned long", 7},
        {"7ll", "int64", 7},
        {"7ull", "unsigned int64", 7},
        {"7i64", "int64", 7},
        {"7UI64", "unsigned int64", 7},
        {"7i32", "int", 7},
        {"7ui32", "unsigned int", 7},
        {"7i16", "short", 7},
        {"7ui16", "unsigned short", 7},
        {"7i8", "char", 7},
        {"7ui8", "unsigned char", 7},
        {"4294967295u", "unsigned int", 0xffffffff},
        {"4294967296u", "unsigned int64", 0x100000000},
        {"0x80000000l", "unsigned long", 0x80000000},
        {"2147483648l", "int64", 0x80000000},
        {"'A'", "char", 0x41},
        {"'\\n'", "char", 10},
        {"'\\''", "char", 39},
        {"'\\x41'", "char", 0x41},
        {"'\\101'", "char", 0x41},
        {"'\\0'", "char", 0},
        {"'\\xff'", "char", M(-1)},
        {"'Irp '", "int", 0x49727020},
        {"'ab'", "int", 0x6162},
        {"L'A'", "wchar_t", 0x41},
        {"L'\\xffff'", "wchar_t", 0xffff},
        {"u'A'", "char16_t", 0x41},
        {"U'A'", "char32_t", 0x41},
        {"L'\xc3\xa4'", "wchar_t", 0xe4},
        {"L'\\u00e4'", "wchar_t", 0xe4},
        {"u8'A'", "char", 0x41},
        {"true", "bool", 1},
        {"false", "bool", 0},
        {"nullptr", "void *", 0},
        {"sizeof(\"abc\")", "unsigned int64", 4},
        {"sizeof(L\"abc\")", "unsigned int64", 8},
        {"sizeof \"\"", "unsigned int64", 1},
        {"\"abc\"[1]", "char", 'b'},
        {"L\"abc\"[2]", "wchar_t", 'c'},
        {"*\"abc\"", "char", 'a'},
        {"\"a\\tb\"[1]", "char", 9},
        {"1[\"abc\"]", "char", 'b'},
    };
    CHECK(*state, rows);
}

static void integers_promote_convert_and_wrap(void **state) {
    static const struct row rows[] = {
        {"'A' + 1", "int", 0x42},
        {"(char)200", "char", M(-56)},
        {"(unsigned char)321", "unsigned char", 65},
        {"(short)0x8000", "short", M(-32768)},
        {"(unsigned short)-1", "unsigned short", 0xffff},
        {"(int)0xffffffff", "int", M(-1)},
        {"(unsigned)-1", "unsigned int", 0xffffffff},
        {"(long)0x80000000", "long", M(INT32_MIN)},
        {"(unsigned int64)-1", "unsigned int64", UINT64_MAX},
        {"(int64)(int)-1", "int64", UINT64_MAX},
        {"(unsigned int64)(unsigned int)-1", "unsigned int64", 0xffffffff},
        {"(bool)5", "bool", 1},
        {"(unsigned char)1 + (unsigned char)255", "int", 256},
        {"2147483647 + 1", "int", M(INT32_MIN)},
        {"0x7fffffff * 2", "int", M(-2)},
        {"4294967295u + 1", "unsigned int", 0},
        {"0u - 1", "unsigned int", 0xffffffff},
        {"0x7fffffffffffffff + 1", "int64", M(INT64_MIN)},
        {"((unsigned int64)0 - 1)", "unsigned int64", UINT64_MAX},
        {"1 + 1l", "long", 2},
        {"1u + 1l", "unsigned long", 2},
        {"1u + 1ll", "int64", 2},
        {"1ul + 1ll", "int64", 2},
        {"1ull + 1", "unsigned int64", 2},
        {"-1 < 1u", "bool", 0},
        {"-1 < 1", "bool", 1},
        {"-1ll < 1u", "bool", 1},
        {"-1 == 0xffffffff", "bool", 1},
        {"-1ll == 0xffffffff", "bool", 0},
        {"true + true", "int", 2},
        {"-'A'", "int", M(-65)},
        {"~0", "int", M(-1)},
        {"~0u", "unsigned int", 0xffffffff},
        {"~(unsigned char)0", "int", M(-1)},
        {"-2147483648", "int64", M(INT32_MIN)},
        {"-0x80000000", "unsigned int", 0x80000000},
        {"+(short)-3", "int", M(-3)},
        {"!0", "bool", 1},
        {"!5", "bool", 0},
        {"!!7", "bool", 1},
        {"7 / 2", "int", 3},
        {"-7 / 2", "int", M(-3)},
        {"-7 % 2", "int", M(-1)},
        {"7 % -2", "int", 1},
        {"-7 / 2u", "unsigned int", 0x7ffffffc},
        {"(-2147483647 - 1) / -1", "int", M(INT32_MIN)},
        {"(-2147483647 - 1) % -1", "int", 0},
        {"1 << 31", "int", M(INT32_MIN)},
        {"1u << 31", "unsigned int", 0x80000000},
        {"1i64 << 40", "int64", 0x10000000000},
        {"-16 >> 2", "int", M(-4)},
        {"-16 >> 0", "int", M(-16)},
        {"0xfffffff0 >> 2", "unsigned int", 0x3ffffffc},
        {"(char)-16 >> 2", "int", M(-4)},
        {"1 << 2ull", "int", 4},
        {"0xf0 & 0x3c", "int", 0x30},
        {"0xf0 | 0x3c", "int", 0xfc},
        {"0xf0 ^ 0x3c", "int", 0xcc},
        {"0xffffd08810a83010 & ~0x10", "unsigned int64", 0xffffd08810a83000},
        {"0xffffc00008705292 & (~3)", "unsigned int64", 0xffffc00008705290},
        {"((0x00403018 >> 12)<<2) + 0xc0000000", "unsigned int", 0xc000100c},
        {"(0x76daf724-0x76daf620)/4", "int", 65},
        {"0xffff860c347576a0 - 0xffff860c34757670 - 0x10 // a comment", "unsigned int64", 0x20},
    };
    CHECK(*state, rows);
}

static void operators_bind_as_in_cxx(void **state) {
    static const struct row rows[] = {
        {"1 + 2 * 3", "int", 7},
        {"(1 + 2) * 3", "int", 9},
        {"10 - 4 - 3", "int", 3},
        {"100 / 5 / 2", "int", 10},
        {"2 * 3 % 4", "int", 2},
        {"1 + 2 << 3", "int", 24},
        {"1 << 2 + 3", "int", 32},
        {"1 < 2 == 1", "bool", 1},
        {"3 > 2 > 1", "bool", 0},
        {"1 == 1 & 2", "int", 0},
        {"6 & 3 == 3", "int", 0},
        {"1 | 6 ^ 2 & 3", "int", 5},
        {"1 || 0 && 0", "bool", 1},
        {"0 || 0 && 1", "bool", 0},
        {"1 && 2", "bool", 1},
        {"5 <= 5", "bool", 1},
        {"5 >= 6", "bool", 0},
        {"5 != 6", "bool", 1},
        {"-2 * -3", "int", 6},
        {"- -2", "int", 2},
        {"1 - -1", "int", 2},
        {"!0 + 1", "int", 2},
        {"~1 + 1", "int", M(-1)},
        {"1 ? 2 : 3", "int", 2},
        {"0 ? 2 : 3", "int", 3},
        {"0 ? 1 : 0 ? 2 : 3", "int", 3},
        {"1 ? 0 ? 4 : 5 : 6", "int", 5},
        {"1 ? 2 : 3ll", "int64", 2},
        {"1 ? -1 : 1u", "unsigned int", 0xffffffff},
        {"1,2,3", "int", 3},
        {"(1, 2) + 3", "int", 5},
        {"1 /* one */ + /* two */ 2", "int", 3},
        {"  7  ", "int", 7},
        {"1 \xe2\x80\x93 2", "int", M(-1)},
        {"1 + 2 // and 3", "int", 3},
        {"sizeof 1 + 2", "unsigned int64", 6},
        {"(int)1 + 2ll", "int64", 3},
        {"(char)1 << 2", "int", 4},
        {"-(char)1", "int", M(-1)},
        {"(int)-1", "int", M(-1)},
        {"(int)(2)+3", "int", 5},
    };
    CHECK(*state, rows);
}

static void what_is_not_taken_is_not_evaluated(void **state) {
    static const struct row rows[] = {
        {"0 && 1/0", "bool", 0},
        {"1 || 1/0", "bool", 1},
        {"1 ? 5 : 1/0", "int", 5},
        {"0 ? *(int *)0 : 6", "int", 6},
        {"0 ? ((nt!_THING *)0)->Count : 1", "long", 1},
        {"0 && *(char *)0 == 'x'", "bool", 0},
        {"0 ? (@$t0 = 9) : 8", "unsigned int64", 8},
        {"@$t0", "unsigned int64", 0},
        {"1 || (@$t0 = 9)", "bool", 1},
        {"@$t0", "unsigned int64", 0},
        {"sizeof(@$t0 = 9)", "unsigned int64", 8},
        {"@$t0", "unsigned int64", 0},
        {"sizeof(*(int64 *)0)", "unsigned int64", 8},
        {"sizeof(((nt!_THING *)0)->Next->Next->Next->Slots)", "unsigned int64", 8},
        {"sizeof(1/0)", "unsigned int64", 4},
        {"0 ? 1 << 99 : 2", "int", 2},
    };
    CHECK(*state, rows);
}

static void types_are_written_in_many_ways(void **state) {
    static const struct row rows[] = {
        {"sizeof(char)", "unsigned int64", 1},
        {"sizeof(unsigned long)", "unsigned int64", 4},
        {"sizeof(long long)", "unsigned int64", 8},
        {"sizeof(unsigned)", "unsigned int64", 4},
        {"sizeof(long double)", "unsigned int64", 8},
        {"sizeof(void *)", "unsigned int64", 8},
        {"sizeof(int [10])", "unsigned int64", 40},
        {"sizeof(int [2][3])", "unsigned int64", 24},
        {"sizeof(int *[4])", "unsigned int64", 32},
        {"sizeof(int (*)[4])", "unsigned int64", 8},
        {"sizeof(long (*)(void *, int))", "unsigned int64", 8},
        {"sizeof(const volatile int * const)", "unsigned int64", 8},
        {"sizeof(struct nt!_THING)", "unsigned int64", 0x68},
        {"sizeof(nt!_THING)", "unsigned int64", 0x68},
        {"sizeof(_THING)", "unsigned int64", 0x68},
        {"sizeof(THING)", "unsigned int64", 0x68},
        {"sizeof(nt!_thing)", "unsigned int64", 0x68},
        {"sizeof(PTHING)", "unsigned int64", 8},
        {"sizeof(ULONG64)", "unsigned int64", 8},
        {"sizeof(ULONG_PTR)", "unsigned int64", 8},
        {"sizeof(PVOID)", "unsigned int64", 8},
        {"sizeof(USHORT)", "unsigned int64", 2},
        {"sizeof(drv!_Pair<int,_Alloc<int> >)", "unsigned int64", 8},
        {"sizeof(drv!_Pair< int, _Alloc<int> >)", "unsigned int64", 8},
        {"sizeof(@!\"drv!_Pair<int,_Alloc<int> >\")", "unsigned int64", 8},
        {"(ULONG)5", "unsigned long", 5},
        {"(NTSTATUS)0xc0000005", "long", M((int32_t)0xc0000005)},
        {"(PVOID)16", "void *", 16},
        {"(PULONG)16", "unsigned long *", 16},
        {"(HANDLE)4", "void *", 4},
        {"(wchar_t)0x10041", "wchar_t", 0x41},
        {"(unsigned __int64)1", "unsigned int64", 1},
        {"(__int8)-1", "char", M(-1)},
        {"(nt!_THING *)16", "struct _THING *", 16},
        {"(nt!_THING **)16", "struct _THING **", 16},
        {"(struct _THING const *)16", "struct _THING *", 16},
        {"(long (*)(int))16", "<function> *", 16},
        {"(int (*)[4])16", "int [4] *", 16},
        {"int(3.7)", "int", 3},
        {"unsigned char(321)", "unsigned char", 65},
        {"int()", "int", 0},
        {"ULONG(7)", "unsigned long", 7},
        {"static_cast<short>(65537)", "short", 1},
        {"reinterpret_cast<nt!_THING*>(16)", "struct _THING *", 16},
        {"const_cast<int*>((int *)8)", "int *", 8},
        {"dynamic_cast<char *>(8)", "char *", 8},
        {"(drv!_MODE)0", "_MODE", 0},
        {"(void *)(char)-1", "void *", UINT64_MAX},
        {"(char *)0xffffffff", "char *", 0xffffffff},
        {"(int)(char *)0x1234567890", "int", 0x34567890},
    };
    CHECK(*state, rows);
}

static void names_are_variables_symbols_constants_and_registers(void **state) {
    static const struct row rows[] = {
        {"i", "int", M(-5)},
        {"i + 1", "int", M(-4)},
        {"&i", "int *", SYM_AT + 4},
        {"what", "char *", SYM_AT + 0x80},
        {"*what", "char", 'h'},
        {"what[4]", "char", 'o'},
        {"reg", "unsigned long", 0x1234},
        {"reg * 2", "unsigned long", 0x2468},
        {"sizeof reg", "unsigned int64", 4},
        {"KiCount", "unsigned char", 0x41},
        {"$!KiCount", "unsigned char", 0x41},
        {"nt!KiCount", "long", M(-7)},
        {"::KiThing.Count", "long", M(-5)},
        {"&nt!KiCount", "long *", SYM_NT + 0x2010},
        {"nt!kicount", "long", M(-7)},
        {"nt!KiLimit", "long", 64},
        {"KiLimit + 1", "long", 65},
        {"drv!c_mode", "_MODE", 0x100000000},
        {"&nt!PsHead", "<unknown type> *", SYM_NT + 0x2000},
        {"*(int *)&nt!PsHead", "int", 0},
        {"nt!KiStart", "<function> *", SYM_NT + 0x1100},
        {"&nt!KiStart", "<function> *", SYM_NT + 0x1100},
        {"*nt!KiStart", "<function> *", SYM_NT + 0x1100},
        {"nt!KeBugCheckEx", "<function> *", SYM_NT + 0x1000},
        {"drv!ns::g_value", "int", 99},
        {"drv!g_rows[1][2]", "int", 50},
        {"**drv!g_rows", "int", 0},
        {"*(drv!g_rows[0] + 4)", "int", 40},
        {"@rax", "unsigned int64", 0x1122334455667788},
        {"@eax", "unsigned int", 0x55667788},
        {"@al + 1", "int", 0x89},
        {"@$thread", "struct _THING *", SYM_AT},
        {"@$thread->Count", "long", M(-5)},
        {"@$peb", "void *", 0x7000},
        {"@$odd", "unsigned int64", 0x7000},
        {"@$teb->Next", "struct _THING *", SYM_AT2},
        {"@$ip[1]", "unsigned char", 'e'},
        {"@@masm(10)", "unsigned int64", 16},
        {"@@(10) + 1", "unsigned int64", 17},
        {"@@c++(10) + 1", "int", 11},
        {"@@(@@(10))", "unsigned int64", 10},
        {"@!\"nt!KiCount\"", "long", M(-7)},
        {"nt!KindGood", "_KIND", 1},
        {"KindBad", "_KIND", M(-1)},
        {"nt!_KIND::KindGood", "_KIND", 1},
        {"_KIND::KindGood + 1", "int", 2},
        {"drv!ModeBig + 1", "unsigned int64", 0x100000001},
        {"drv!TinyOne + 1", "int", 2},
        {"(nt!_KIND)1 == KindGood", "bool", 1},
        {"drv!_CHILD::InnerTwo", "_CHILD::Inner", 2},
        {"drv!_CHILD::Inner::InnerTwo", "_CHILD::Inner", 2},
        {"drv!InnerTwo", "_CHILD::Inner", 2},
    };
    CHECK(*state, rows);
}

#define THING "((nt!_THING*)0xffffa000`00001000)"

static void members_and_elements_have_their_places(void **state) {
    static const struct row rows[] = {
        {THING "->Type", "unsigned char", 0x41},
        {THING "->Size", "char", M(-1)},
        {THING "->Flags", "unsigned short", 0xb},
        {THING "->Busy", "unsigned short", 1},
        {THING "->Level", "unsigned short", 5},
        {THING "->Level + 1", "int", 6},
        {THING "->Count", "long", M(-5)},
        {THING "->count", "long", M(-5)},
        {THING "->When.QuadPart", "int64", 0x01d6f1a35c2b1234},
        {"&" THING "->When", "union _LARGE_INTEGER *", SYM_AT + 8},
        {THING "->Next", "struct _THING *", SYM_AT2},
        {THING "->Next->Count", "long", M(-5)},
        {"(*" THING ").Count", "long", M(-5)},
        {THING "[1].Type", "unsigned char", 0},
        {"&" THING "[1]", "struct _THING *", SYM_AT + 0x68},
        {"&" THING "->Slots[1]", "unsigned long *", SYM_AT + 0x60},
        {THING "->Slots[1]", "unsigned long", 0x80},
        {"1[" THING "->Slots]", "unsigned long", 0x80},
        {"*" THING "->Slots", "unsigned long", 7},
        {THING "->Slots + 1", "unsigned long *", SYM_AT + 0x60},
        {THING "->Slots", "unsigned long [2]", SYM_AT + 0x5c},
        {"&" THING "->Slots", "unsigned long [2] *", SYM_AT + 0x5c},
        {"sizeof(" THING "->Slots)", "unsigned int64", 8},
        {THING "->Image[0] == 's'", "bool", 1},
        {THING "->Link", "struct _LIST_ENTRY", SYM_AT + 0x48},
        {THING "->Kind", "_KIND", 1},
        {THING "->Kind == nt!KindGood", "bool", 1},
        {THING "->Callback", "<function> *", SYM_NT + 0x1100},
        {THING "->Any", "void *", 0},
        {"!" THING "->Any", "bool", 1},
        {THING " == " THING, "bool", 1},
        {THING " > 0", "bool", 1},
        {THING " && 1", "bool", 1},
        {THING " ? 1 : 2", "int", 1},
        {"1 ? " THING " : 0", "struct _THING *", SYM_AT},
        {"&" THING "->Next->Type - &" THING "->Type", "int64", 0x1000},
        {THING "->Next - " THING, "int64", 0x27},
        {THING " - 1", "struct _THING *", SYM_AT - 0x68},
        {"1 + " THING, "struct _THING *", SYM_AT + 0x68},
        {"(unsigned int64)" THING " + 1", "unsigned int64", SYM_AT + 1},
        {"(char *)" THING " + -1", "char *", SYM_AT - 1},
        {"&((nt!_THING *)0)->Name.Buffer", "wchar_t **", 0x40},
        {"(int)&((nt!_THING *)0)->Name.Buffer", "int", 0x40},
        {"*(unsigned short *)(" THING "->Name.Buffer)", "unsigned short", 'o'},
        {"((drv!_CHILD *)&drv!g_child)->Own", "int", 4},
        {"drv!g_child.A", "int", 1},
        {"drv!g_child._SECOND::A", "int", 3},
        {"drv!g_child._BASE::A", "int", 1},
        {"drv!g_child.B", "int", 2},
        {"drv!g_child.s_count", "int", 77},
        {"drv!_CHILD::s_count", "int", 77},
        {"(drv!_SECOND *)&drv!g_child", "struct _SECOND *", SYM_DRV + 0x120},
        {"((drv!_SECOND *)&drv!g_child)->B", "int", 2},
        {"reinterpret_cast<drv!_SECOND *>(&drv!g_child)", "struct _SECOND *", SYM_DRV + 0x118},
        {"(drv!_CHILD *)(drv!_SECOND *)&drv!g_child", "struct _CHILD *", SYM_DRV + 0x118},
        {"(drv!_SECOND *)(drv!_CHILD *)0", "struct _SECOND *", 0},
        {"drv!g_ref.A", "int", 1},
        {"&drv!g_ref", "struct _BASE *", SYM_DRV + 0x118},
        {"((drv!_SECOND &)drv!g_child).B", "int", 1},
        {"drv!g_bits.Low", "unsigned long", 5},
        {"drv!g_bits.Low - 6", "int", M(-1)},
        {"drv!g_bits.All - 0xfffffffe", "unsigned int", UINT32_MAX},
        {"drv!g_bits.Sign", "int", M(-3)},
        {"drv!g_bits.Long", "unsigned int64", 0xa987654321},
        {"drv!g_huge[2]", "int", 0},
        {"sizeof(drv!g_huge)", "unsigned int64", UINT64_C(1) << 62},
        {"sizeof(drv!_EMPTY)", "unsigned int64", 0},
    };
    CHECK(*state, rows);
}

static void macros_are_those_of_the_headers(void **state) {
    static const struct row rows[] = {
        {"#FIELD_OFFSET(nt!_THING, Name)", "long", 0x38},
        {"FIELD_OFFSET(nt!_THING, Name.Buffer)", "long", 0x40},
        {"#FIELD_OFFSET(nt!_THING, Slots[1])", "long", 0x60},
        {"#FIELD_OFFSET(nt!_THING, Slots[0 ? 0 : 1])", "long", 0x60},
        {"#CONTAINING_RECORD(0xffffa000`00001048, nt!_THING, Link)", "struct _THING *", SYM_AT},
        {"#CONTAINING_RECORD(" THING "->Link.Flink, nt!_THING, Link)->Count", "long", M(-5)},
        {"#RTL_FIELD_SIZE(nt!_THING, Slots)", "unsigned int64", 8},
        {"#RTL_FIELD_SIZE(nt!_THING, Link.Flink)", "unsigned int64", 8},
        {"#RTL_SIZEOF_THROUGH_FIELD(nt!_THING, Count)", "unsigned int64", 8},
        {"#RTL_NUMBER_OF(" THING "->Slots)", "unsigned int64", 2},
        {"RTL_NUMBER_OF(drv!g_rows)", "unsigned int64", 2},
        {"#RTL_CONTAINS_FIELD(" THING ", 8, Count)", "bool", 1},
        {"#RTL_CONTAINS_FIELD(" THING ", 7, Count)", "bool", 0},
        {"#NT_SUCCESS(0)", "bool", 1},
        {"#NT_SUCCESS(0xc0000005)", "bool", 0},
        {"NT_SUCCESS(0x40000000)", "bool", 1},
        {"#NT_ERROR(0xc0000005)", "bool", 1},
        {"#NT_WARNING(0x80000005)", "bool", 1},
        {"#NT_INFORMATION(0x40000000)", "bool", 1},
        {"#FIELD_OFFSET(drv!_CHILD, B)", "long", 8},
    };
    CHECK(*state, rows);
}

static void pseudo_registers_can_be_set(void **state) {
    static const struct row rows[] = {
        {"@$t0 = 5", "unsigned int64", 5},
        {"@$t0", "unsigned int64", 5},
        {"@$t0 += 3", "unsigned int64", 8},
        {"@$t0 -= 1", "unsigned int64", 7},
        {"@$t0 *= 6", "unsigned int64", 42},
        {"@$t0 /= 4", "unsigned int64", 10},
        {"@$t0 %= 7", "unsigned int64", 3},
        {"@$t0 <<= 4", "unsigned int64", 48},
        {"@$t0 >>= 1", "unsigned int64", 24},
        {"@$t0 |= 3", "unsigned int64", 27},
        {"@$t0 &= 0xf", "unsigned int64", 11},
        {"@$t0 ^= 1", "unsigned int64", 10},
        {"@$t0++", "unsigned int64", 10},
        {"@$t0--", "unsigned int64", 11},
        {"++@$t0", "unsigned int64", 11},
        {"--@$t0", "unsigned int64", 10},
        {"@$t1 = @$t2 = 3", "unsigned int64", 3},
        {"@$t1 + @$t2", "unsigned int64", 6},
        {"@$t0 = -1", "unsigned int64", UINT64_MAX},
        {"@$t0 = " THING, "unsigned int64", SYM_AT},
        {"(@$t0 = 1, @$t0 + 1)", "unsigned int64", 2},
        {"(@$t3) = 4", "unsigned int64", 4},
    };
    CHECK(*state, rows);
}

static void real_numbers_are_computed(void **state) {
    static const struct {
        const char *text, *type;
        double value;
    } rows[] = {
        {"3.14", "double", 3.14},
        {"1.5f", "float", 1.5},
        {"0.1f", "float", (double)0.1f},
        {"2e-3", "double", 0.002},
        {".5", "double", 0.5},
        {"5.", "double", 5},
        {"1e308", "double", 1e308},
        {"123456789.123456789", "double", 123456789.123456789},
        {"1.0l", "double", 1},
        {"1 + 0.5", "double", 1.5},
        {"1.5f * 2", "float", 3},
        {"1.5f + 1.0", "double", 2.5},
        {"-1.5", "double", -1.5},
        {"7 / 2.0", "double", 3.5},
        {"(double)7 / 2", "double", 3.5},
        {"(float)16777217", "float", 16777216},
        {"(double)0xffffffffffffffff", "double", 18446744073709551616.0},
        {"(double)-1", "double", -1},
        {"1 ? 1 : 2.0", "double", 1},
        {"drv!g_reals.F", "float", 1.5},
        {"drv!g_reals.D", "double", -2.5},
        {"drv!g_reals.D * drv!g_reals.F", "double", -3.75},
    };
    struct cx *x = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sc_cexpr_value v;
        char type[64];
        sc_err *err = sc_cexpr_eval(&x->env, rows[i].text, &v);
        if (err)
            fail_msg("%s: %s", rows[i].text, sc_err_text(err));
        assert_null(sc_type_decl_text(v.types, v.type, type, sizeof type));
        if (strcmp(type, rows[i].type) != 0 || v.real != rows[i].value)
            fail_msg("%s: %s %.17g", rows[i].text, type, v.real);
        sc_cexpr_value_deinit(&v);
    }
    static const struct row integers[] = {
        {"(int)3.99", "int", 3},
        {"(int)-3.99", "int", M(-3)},
        {"(unsigned char)255.5", "unsigned char", 255},
        {"(bool)0.5", "bool", 1},
        {"1.5 < 2", "bool", 1},
        {"!0.0", "bool", 1},
        {"0.1 + 0.2 == 0.3", "bool", 0},
        {"0.5 && 1", "bool", 1},
        {"sizeof(1.0)", "unsigned int64", 8},
        {"(int64)-9223372036854775808.0", "int64", M(INT64_MIN)},
    };
    CHECK(x, integers);
}

static void random_expressions_are_what_a_compiler_makes_of_them(void **state) {
    static const struct row rows[] = {
#include "cexpr_random.inc"
    };
    CHECK(*state, rows);
}

static void a_32_bit_target_has_narrow_pointers(void **state) {
    static const struct row rows[] = {
        {"sizeof(int)", "unsigned int", 4},
        {"sizeof(void *)", "unsigned int", 4},
        {"(void *)0xfffff80001234567", "void *", 0x01234567},
        {"(char *)0x80000000 - (char *)0x80000004", "int", M(-4)},
        {"(char *)0xffffffff + 1", "char *", 0},
        {"(ULONG_PTR)-1", "unsigned int", UINT32_MAX},
        {"#RTL_FIELD_SIZE(nt!_LIST_ENTRY, Flink)", "unsigned int", 8},
        {"(void *)-1 == -1", "bool", 1},
    };
    struct cx *x = *state;
    uint64_t n = 0;
    const char *end;
    x->env.ptr_size = 4;
    CHECK(x, rows);
    assert_null(sc_cexpr_number(&x->env, "(char *)0x82f66c00", &n, NULL));
    assert_int_equal(n, 0xffffffff82f66c00);
    assert_null(sc_cexpr_number(&x->env, "0x82f66c00", &n, NULL));
    assert_int_equal(n, 0x82f66c00);
    assert_null(sc_cexpr_number(&x->env, "-1) + 4", &n, &end));
    assert_int_equal(n, UINT64_MAX);
    assert_string_equal(end, ") + 4");
}

static void a_number_is_asked_for_as_commands_do(void **state) {
    struct cx *x = *state;
    uint64_t n = 0;
    const char *end = NULL;
    assert_null(sc_cexpr_number(&x->env, THING "->Slots", &n, NULL));
    assert_int_equal(n, SYM_AT + 0x5c);
    assert_null(sc_cexpr_number(&x->env, "nt!KiStart", &n, NULL));
    assert_int_equal(n, SYM_NT + 0x1100);
    assert_null(sc_cexpr_number(&x->env, "  1 + 2  L10", &n, &end));
    assert_int_equal(n, 3);
    assert_string_equal(end, "  L10");
    static const char *const refused[] = {"1.5", THING "->Link", "(void)0", "1 2", ""};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        n = 7;
        sc_err *err = sc_cexpr_number(&x->env, refused[i], &n, NULL);
        if (!err)
            fail_msg("%s is no number", refused[i]);
        assert_int_equal(sc_err_code(err), SC_ERR_ARG);
        assert_int_equal(n, 7);
        sc_err_destroy(err);
    }
}

static void without_a_target_there_is_arithmetic(void **state) {
    struct cx *x = *state;
    struct sc_cexpr_env env = {.ptr_size = 8, .arena = x->arena};
    uint64_t n = 0;
    assert_null(sc_cexpr_number(&env, "1 + sizeof(int64) * 2", &n, NULL));
    assert_int_equal(n, 17);
    static const char *const refused[] = {"*(int *)16", "nt!KiCount", "@rax", "@@(1)",
                                          "sizeof(nt!_THING)"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        sc_err *err = sc_cexpr_number(&env, refused[i], &n, NULL);
        if (!err)
            fail_msg("%s has no value here", refused[i]);
        sc_err_destroy(err);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(literals_have_the_types_of_cxx, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(integers_promote_convert_and_wrap, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(operators_bind_as_in_cxx, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_taken_is_not_evaluated, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(types_are_written_in_many_ways, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(names_are_variables_symbols_constants_and_registers,
                                        cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(members_and_elements_have_their_places, cx_setup,
                                        cx_teardown),
        cmocka_unit_test_setup_teardown(macros_are_those_of_the_headers, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(pseudo_registers_can_be_set, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(real_numbers_are_computed, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(random_expressions_are_what_a_compiler_makes_of_them,
                                        cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(a_32_bit_target_has_narrow_pointers, cx_setup, cx_teardown),
        cmocka_unit_test_setup_teardown(a_number_is_asked_for_as_commands_do, cx_setup,
                                        cx_teardown),
        cmocka_unit_test_setup_teardown(without_a_target_there_is_arithmetic, cx_setup,
                                        cx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
