/* SPDX-License-Identifier: MIT */
/* dt: types, values and lists, on types that exist nowhere. */
#include "symbol_session.h"

static void a_type_shows_its_fields(void **state) {
    fix_prints(*state, "dt nt!_THING",
               "nt!_THING\n"
               "   +0x000 Type             : UChar\n"
               "   +0x001 Size             : Char\n"
               "   +0x002 Flags            : Uint2B\n"
               "   +0x002 Busy             : Pos 0, 1 Bit\n"
               "   +0x002 Level            : Pos 1, 4 Bits\n"
               "   +0x004 Count            : Int4B\n"
               "   +0x008 When             : _LARGE_INTEGER\n"
               "   +0x010 Next             : Ptr64 _THING\n"
               "   +0x018 Text             : Ptr64 Char\n"
               "   +0x020 Any              : Ptr64 Void\n"
               "   +0x028 Callback         : Ptr64     long \n"
               "   +0x030 Kind             : _KIND\n"
               "   +0x038 Name             : _UNICODE_STRING\n"
               "   +0x048 Link             : _LIST_ENTRY\n"
               "   +0x058 Image            : [4] UChar\n"
               "   +0x05c Slots            : [2] Uint4B\n"
               "   +0x064 Strange          : <unknown type>\n");
}

static void an_address_gives_values_in_windbgs_forms(void **state) {
    fix_prints(*state, "dt nt!_THING ffffa00000001000",
               "nt!_THING\n"
               "   +0x000 Type             : 0x41 'A'\n"
               "   +0x001 Size             : -1 ''\n"
               "   +0x002 Flags            : 0xb\n"
               "   +0x002 Busy             : 0y1\n"
               "   +0x002 Level            : 0y0101 (0x5)\n"
               "   +0x004 Count            : 0n-5\n"
               "   +0x008 When             : _LARGE_INTEGER 0x01d6f1a3`5c2b1234\n"
               "   +0x010 Next             : 0xffffa000`00002000 _THING\n"
               "   +0x018 Text             : 0xffffa000`00001080  \"hello\"\n"
               "   +0x020 Any              : (null) \n"
               "   +0x028 Callback         : 0xfffff800`00001100     long  nt!KiStart+0\n"
               "   +0x030 Kind             : 1 ( KindGood )\n"
               "   +0x038 Name             : _UNICODE_STRING \"ok\"\n"
               "   +0x048 Link             : _LIST_ENTRY [ 0xffffa000`00002048 - "
               "0xffffa000`00002048 ]\n"
               "   +0x058 Image            : [4]  \"sys\"\n"
               "   +0x05c Slots            : [2] 7\n"
               "   +0x064 Strange          : <unknown type>\n");
}

static void fields_may_stand_before_and_behind_the_address(void **state) {
    static const char want[] = "nt!_THING\n"
                               "   +0x004 Count : 0n-5\n"
                               "   +0x030 Kind  : 1 ( KindGood )\n";
    fix_prints(*state, "dt nt!_THING Count Kind ffffa000`00001000", want);
    fix_prints(*state, "dt nt!_THING ffffa000`00001000 Count Kind", want);
    fix_prints(*state, "dt nt!_THING count kind poi(nt!KiThing+40)-90-nt!KiThing+ffffa00000001000",
               want);
}

static void fields_have_wildcards_prefixes_and_paths(void **state) {
    fix_prints(*state, "dt nt!_THING S*",
               "nt!_THING\n"
               "   +0x001 Size    : Char\n"
               "   +0x05c Slots   : [2] Uint4B\n"
               "   +0x064 Strange : <unknown type>\n");
    fix_prints(*state, "dt nt!_THING -y Co", "nt!_THING\n   +0x004 Count : Int4B\n");
    fix_prints(*state, "dt nt!_THING Link.Flink ffffa00000001000",
               "nt!_THING\n"
               "   +0x048 Link : \n"
               "      +0x000 Flink : 0xffffa000`00002048 _LIST_ENTRY [ 0xffffa000`00001048 - "
               "0xffffa000`00001048 ]\n");
    fix_prints(*state, "dt nt!_THING Next->Type ffffa00000001000",
               "nt!_THING\n"
               "   +0x010 Next : 0xffffa000`00002000 _THING\n"
               "      +0x000 Type : 0x41 'A'\n");
    fix_prints(*state, "dt nt!_THING Slots[1] ffffa00000001000",
               "nt!_THING\n   +0x060 Slots[1] : 0x80\n");
    fix_prints(*state, "dt nt!_THING Name.",
               "nt!_THING\n"
               "   +0x038 Name : \n"
               "      +0x000 Length : Uint2B\n"
               "      +0x002 MaximumLength : Uint2B\n"
               "      +0x008 Buffer : Ptr64 Wchar\n");
}

static void options_change_the_form(void **state) {
    fix_prints(*state, "dt -o nt!_THING Count Kind",
               "nt!_THING\n   Count : Int4B\n   Kind  : _KIND\n");
    fix_prints(*state, "dt -c nt!_LIST_ENTRY",
               "nt!_LIST_ENTRY\n +0x000 Flink : Ptr64 _LIST_ENTRY +0x008 Blink : Ptr64 "
               "_LIST_ENTRY\n");
    fix_prints(*state, "dt -v nt!_LIST_ENTRY",
               "nt!_LIST_ENTRY\nstruct _LIST_ENTRY, 2 elements, 0x10 bytes\n"
               "   +0x000 Flink            : Ptr64 to struct _LIST_ENTRY, 2 elements, 0x10 bytes\n"
               "   +0x008 Blink            : Ptr64 to struct _LIST_ENTRY, 2 elements, 0x10 "
               "bytes\n");
    fix_prints(*state, "dt -a nt!_THING Slots ffffa00000001000",
               "nt!_THING\n"
               "   +0x05c Slots : \n"
               "    [00] 7\n"
               "    [01] 0x80\n");
    fix_prints(*state, "dt -a1 nt!_THING Slots ffffa00000001000",
               "nt!_THING\n   +0x05c Slots : \n    [00] 7\n");
    fix_prints(*state, "dt -r1 nt!_THING When",
               "nt!_THING\n"
               "   +0x008 When : _LARGE_INTEGER\n"
               "      +0x000 QuadPart : Int8B\n");
    fix_prints(*state, "dt -ri nt!_THING When ffffa00000001000",
               "nt!_THING\n"
               "   +0x008 When : _LARGE_INTEGER 0x01d6f1a3`5c2b1234\n"
               "   +0x000 QuadPart : 0n132558922982298164\n");
    fix_fails(*state, "dt -q nt!_THING", "-q is no option");
}

static void nesting_ends(void **state) {
    struct fix *f = *state;
    assert_int_equal(fix_run(f, "dt -r nt!_LIST_ENTRY ffffa00000001048"), 0);
    fix_has(f, "+0x008 Blink");
    assert_int_equal(fix_run(f, "dt -b nt!_THING"), 0);
    fix_has(f, "      +0x000 Flink            : Ptr64 _LIST_ENTRY\n");
}

static void missing_memory_shows_question_marks(void **state) {
    fix_prints(*state, "dt nt!_LIST_ENTRY ffffb00000000000",
               "nt!_LIST_ENTRY\n"
               " [ ???? - ???? ]\n"
               "   +0x000 Flink            : ????\n"
               "   +0x008 Blink            : ????\n"
               "Memory read error ffffb000`00000000\n");
}

static void enumerations_list_their_names(void **state) {
    fix_prints(*state, "dt nt!_KIND",
               "nt!_KIND\n"
               "   KindNone = 0n0\n"
               "   KindGood = 0n1\n"
               "   KindBad = 0n-1\n");
}

static void patterns_list_types(void **state) {
    fix_prints(*state, "dt nt!_L*", "          nt!_LARGE_INTEGER\n          nt!_LIST_ENTRY\n");
    fix_prints(*state, "dt -s 8 nt!_*", "          nt!_LARGE_INTEGER\n");
    fix_prints(*state, "dt nt!_Z*", "No type matches nt!_Z*.\n");
}

static void variables_have_their_type(void **state) {
    fix_prints(*state, "dt nt!KiCount", "0n-7\n");
    fix_run(*state, "dt nt!KiThing");
    fix_has(*state, "nt!_THING\n   +0x000 Type             : 0x41 'A'\n");
    fix_run(*state, "dt fffff80000003000");
    fix_has(*state, "   +0x004 Count            : 0n-5\n");
    fix_fails(*state, "dt nt!PsHead", "do not say of what type it is");
}

static void names_are_forgiven_their_underscore(void **state) {
    fix_run(*state, "dt LIST_ENTRY");
    fix_has(*state, "nt!_LIST_ENTRY\n");
    fix_run(*state, "dt_LIST_ENTRY");
    fix_has(*state, "nt!_LIST_ENTRY\n");
}

static void lists_are_followed_to_their_start(void **state) {
    fix_prints(*state, "dt nt!_THING Count ffffa00000001000 -l Link.Flink",
               "Link.Flink at 0xffffa000`00001000\n"
               "---------------------------------------------\n"
               "   +0x004 Count : 0n-5\n"
               "\n"
               "Link.Flink at 0xffffa000`00002000\n"
               "---------------------------------------------\n"
               "   +0x004 Count : 0n-5\n"
               "\n");
    fix_run(*state, "dt nt!_THING Count ffffa00000001000 -l Next");
    fix_has(*state, "Next at 0xffffa000`00002000\n");
    fix_fails(*state, "dt nt!_THING Count -l Next", "an address is missing");
}

static void errors_name_what_is_wrong(void **state) {
    fix_fails(*state, "dt nt!_NOTHING", "Symbol nt!_NOTHING not found");
    fix_fails(*state, "dt gone!_X", "there is no module gone");
    fix_fails(*state, "dt drv!_X", "drv has no symbols");
    fix_fails(*state, "dt nt!_THING Nope", "'Nope' is neither a field of nt!_THING nor an address");
    fix_fails(*state, "dt nt!_THING Link.Nope", "there is no field Link.Nope");
    fix_fails(*state, "dt -r", "the name of a type or variable is missing");
}

static void json_has_a_record_for_each_field(void **state) {
    (void)state;
    struct fix f;
    sym_open(&f, SC_RENDER_JSON);
    fix_run(&f, "dt nt!_THING Count ffffa00000001000");
    fix_has(&f, "{\"type\":\"data_type\",\"module\":\"nt\",\"name\":\"_THING\",\"kind\":\"struct\","
                "\"size\":\"0x68\",\"address\":\"0xffffa00000001000\",\"assumed\":false},"
                "{\"type\":\"field\",\"level\":0,\"name\":\"Count\",\"offset\":\"0x4\",\"address\":"
                "\"0xffffa00000001004\",\"bit_pos\":0,\"bit_len\":0,\"value\":\"0n-5\"}");
    fix_close(&f);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, sym_setup, sym_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_type_shows_its_fields),
        CASE(an_address_gives_values_in_windbgs_forms),
        CASE(fields_may_stand_before_and_behind_the_address),
        CASE(fields_have_wildcards_prefixes_and_paths),
        CASE(options_change_the_form),
        CASE(nesting_ends),
        CASE(missing_memory_shows_question_marks),
        CASE(enumerations_list_their_names),
        CASE(patterns_list_types),
        CASE(variables_have_their_type),
        CASE(names_are_forgiven_their_underscore),
        CASE(lists_are_followed_to_their_start),
        CASE(errors_name_what_is_wrong),
        cmocka_unit_test(json_has_a_record_for_each_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
