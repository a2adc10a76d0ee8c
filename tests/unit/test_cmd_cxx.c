/* SPDX-License-Identifier: MIT */
/* `??`, `.expr`, and C++ expressions inside MASM ones, on types that exist nowhere and on a dump.
 */
#include "symbol_session.h"

#define THING "((nt!_THING*)0xffffa000`00001000)"

static void numbers_have_their_type_in_front(void **state) {
    fix_prints(*state, "?? 1 + 2", "int 0n3\n");
    fix_prints(*state, "??1+2", "int 0n3\n");
    fix_prints(*state, "?? -1", "int 0n-1\n");
    fix_prints(*state, "?? sizeof(nt!_THING)", "unsigned int64 0x68\n");
    fix_prints(*state, "?? sizeof(int64)", "unsigned int64 8\n");
    fix_prints(*state, "?? 0xffffd08810a83010  & ~0x10", "unsigned int64 0xffffd088`10a83000\n");
    fix_prints(*state, "?? (0x76daf724-0x76daf620)/4", "int 0n65\n");
    fix_prints(*state, "?? 'A'", "char 0n65 'A'\n");
    fix_prints(*state, "?? (char)-1", "char 0n-1 ''\n");
    fix_prints(*state, "?? (unsigned char)0x20", "unsigned char 0x20 ' '\n");
    fix_prints(*state, "?? (unsigned char)4", "unsigned char 0x04 ''\n");
    fix_prints(*state, "?? 1 == 1", "bool true\n");
    fix_prints(*state, "?? 3.14", "double 3.1400000000000001\n");
    fix_prints(*state, "?? 1.5f", "float 1.5\n");
    fix_prints(*state, "?? (unsigned long)1", "unsigned long 1\n");
    fix_prints(*state, "?? #FIELD_OFFSET(nt!_THING, Flags)", "long 0n2\n");
    fix_prints(*state, "?? (void)0", "void\n");
    fix_prints(*state, "?? " THING "->Level", "unsigned short 5\n");
    fix_prints(*state, "?? " THING "->Kind", "_KIND KindGood (0n1)\n");
    fix_prints(*state, "?? (nt!_KIND)9", "_KIND <no matching name> (0n9)\n");
}

static void pointers_show_what_they_point_to(void **state) {
    fix_prints(*state, "?? (int *)0x19e`f630ac40", "int * 0x0000019e`f630ac40\n");
    fix_prints(*state, "?? (void *)0", "void * 0x00000000`00000000\n");
    fix_prints(*state, "?? " THING "->Text", "char * 0xffffa000`00001080\n \"hello\"\n");
    fix_prints(*state, "?? " THING "->Name.Buffer", "wchar_t * 0xffffa000`00001090\n \"ok\"\n");
    fix_prints(*state, "?? (char *)0x7000",
               "char * 0x00000000`00007000\n"
               " \"--- memory read error at address 0x00000000`00007000 ---\"\n");
    fix_prints(*state, "?? " THING "->Callback",
               "<function> * 0xfffff800`00001100  [nt!KiStart]\n");
    fix_prints(*state, ".enrich off; ?? nt!KiStart",
               "Additions in brackets are off\n<function> * 0xfffff800`00001100\n");
    fix_prints(*state, "?? &" THING "->Link",
               "struct _LIST_ENTRY * 0xffffa000`00001048\n"
               " [ 0xffffa000`00002048 - 0xffffa000`00002048 ]\n"
               "   +0x000 Flink            : 0xffffa000`00002048 _LIST_ENTRY [ "
               "0xffffa000`00001048 - 0xffffa000`00001048 ]\n"
               "   +0x008 Blink            : 0xffffa000`00002048 _LIST_ENTRY [ "
               "0xffffa000`00001048 - 0xffffa000`00001048 ]\n");
    fix_prints(*state, "?? (nt!_LIST_ENTRY *)0", "struct _LIST_ENTRY * 0x00000000`00000000\n");
    fix_prints(*state, "?? (nt!_LIST_ENTRY **)0x7000",
               "struct _LIST_ENTRY ** 0x00000000`00007000\n");
    fix_prints(*state, "?? (nt!_LIST_ENTRY *)0x7000",
               "struct _LIST_ENTRY * 0x00000000`00007000\n"
               " [ ???? - ???? ]\n"
               "   +0x000 Flink            : ????\n"
               "   +0x008 Blink            : ????\n"
               "Memory read error 00000000`00007000\n");
}

static void structures_are_listed_as_dt_does(void **state) {
    fix_prints(*state, "?? " THING "->Name",
               "struct _UNICODE_STRING\n"
               " \"ok\"\n"
               "   +0x000 Length           : 4\n"
               "   +0x002 MaximumLength    : 6\n"
               "   +0x008 Buffer           : 0xffffa000`00001090  \"ok\"\n");
    fix_prints(*state, "?? " THING "->When",
               "union _LARGE_INTEGER\n"
               " 0x01d6f1a3`5c2b1234\n"
               "   +0x000 QuadPart         : 0n132558922982298164\n");
    struct fix *f = *state;
    fix_run(f, "dt nt!_THING ffffa000`00001000");
    char *dt = strdup(strchr(fix_text(f), '\n'));
    assert_non_null(dt);
    assert_int_equal(fix_run(f, "?? *" THING), 0);
    assert_memory_equal(fix_text(f), "struct _THING\n", 14);
    assert_string_equal(fix_text(f) + 13, dt);
    free(dt);
}

static void arrays_show_their_elements(void **state) {
    fix_prints(*state, "?? " THING "->Slots",
               "unsigned long [2] 0xffffa000`0000105c\n"
               "    [00] 7\n"
               "    [01] 0x80\n");
    fix_prints(*state, "?? " THING "->Image", "unsigned char [4] 0xffffa000`00001058\n \"sys\"\n");
    fix_prints(*state, "?? \"abc\"", "char [4]\n \"abc\"\n");
    fix_prints(*state, "?? L\"a\\x62\"", "wchar_t [3]\n \"ab\"\n");
}

static void registers_have_types(void **state) {
    fix_prints(*state, "?? @rip", "unsigned int64 0xfffff800`00001120\n");
    fix_prints(*state, "?? @eip", "unsigned int 0x1120\n");
    fix_prints(*state, "?? @cs", "unsigned short 0\n");
    fix_prints(*state, "?? @$t0", "unsigned int64 0\n");
    fix_prints(*state, "?? @$t0 = 5; ?? @$t0++; r $t0",
               "unsigned int64 5\nunsigned int64 5\n$t0=0000000000000006\n");
    fix_prints(*state, "?? @$ptrsize", "unsigned int 8\n");
    fix_fails(*state, "?? @xmm0", "xmm0 has 128 bits");
    fix_fails(*state, "?? @nope", "there is no register nope");
    fix_fails(*state, "?? @$nope", "there is no pseudo-register $nope");
    fix_fails(*state, "?? @$bug_code", "the dump records no bug check");
    fix_fails(*state, "?? @rip = 5", "only the pseudo-registers $t0 to $t19 can be set");
}

static void errors_stand_at_a_caret(void **state) {
    fix_fails(*state, "?? 1 + foo",
              "    ?? 1 + foo\n"
              "           ^ ERROR: 'foo' is not known; registers are written @name\n");
    fix_fails(*state, "?? " THING "->Cuont", "has no member Cuont (did you mean Count?)");
    fix_fails(*state, "?? nt!Nothing",
              "nt!Nothing is unknown: nt has no such name in its private pdb symbols");
    fix_fails(*state, "?? (none!_THING*)0", "is unknown: there is no module none");
    fix_fails(*state, "?? drv!_THING", "drv!_THING is unknown: drv has no symbols");
    fix_fails(*state, "?? *(int*)0x7000", "memory at 00000000`00007000: absent");
    fix_fails(*state, "??", "expression is missing");
    fix_fails(*state, "?? nt!KiCount = 1", "a dump is not written to");
}

static void masm_and_cxx_hold_each_other(void **state) {
    fix_prints(*state, "? @@c++(10)+10", "Evaluate expression: 26 = 00000000`0000001a\n");
    fix_prints(*state, "? @@(sizeof(nt!_THING))", "Evaluate expression: 104 = 00000000`00000068\n");
    fix_prints(*state, "? 2 * @@( " THING "->Slots[1] + 1 ) + 1",
               "Evaluate expression: 259 = 00000000`00000103\n");
    fix_prints(*state, "? @@c++(-5)", "Evaluate expression: -5 = ffffffff`fffffffb\n");
    fix_prints(*state, "?? @@masm(10) + 10", "unsigned int64 0x1a\n");
    fix_prints(*state, "?? @@(nt!KiThing)", "unsigned int64 0xfffff800`00003000\n");
    fix_prints(*state, "?? *(unsigned long *)@@masm(nt!KiThing + 60)", "unsigned long 0x80\n");
    fix_prints(*state, "?? *(int *)@@masm(@@c++(&nt!KiThing.Count))", "int 0n-5\n");
    fix_prints(*state, "?? @@masm(low(@@c++(0x12345)))", "unsigned int64 0x2345\n");
    fix_prints(*state, "db @@c++(" THING "->Text) L5",
               "ffffa000`00001080  68 65 6c 6c 6f                                   hello\n");
    fix_prints(*state, "dt nt!_THING Count @@(" THING "->Next)",
               "nt!_THING\n   +0x004 Count : 0n-5\n");
    fix_prints(*state, ".if (@@c++(" THING "->Count == -5)) { .echo yes }", "yes\n");
    fix_fails(*state, "? 1 + @@c++(2 + foo)",
              "    ? 1 + @@c++(2 + foo)\n                    ^ ERROR: 'foo' is not known");
    fix_fails(*state, "?? 1 + @@masm(2 + foo)",
              "    ?? 1 + @@masm(2 + foo)\n                      ^ ERROR: 'foo' is no number");
    fix_fails(*state, "? @@c++(1", "no ')' closes this");
    fix_fails(*state, "? @@c++(1.5)", "a number or pointer expected, found double");
    fix_fails(*state, "? @@(nt!KiNothing)", "nt!KiNothing is unknown: nt has no such name");
    char deep[2000] = "? ";
    for (int i = 0; i < 200; i++)
        strcat(deep, i & 1 ? "@@masm(" : "@@c++(");
    fix_fails(*state, deep, "nested more than 64 levels deep");
}

static void expr_changes_what_all_commands_read(void **state) {
    static const char masm[] =
        "Current expression evaluator: MASM - Microsoft Assembler expressions\n";
    static const char cxx[] = "Current expression evaluator: C++ - C++ source expressions\n";
    fix_prints(*state, ".expr", masm);
    fix_prints(*state, ".expr /s c++", cxx);
    fix_prints(*state, ".expr", cxx);
    fix_prints(*state, "? 10 + 0xD", "Evaluate expression: 23 = 00000000`00000017\n");
    fix_prints(*state, "? @rip",
               "Evaluate expression: -8796093017824 = fffff800`00001120  "
               "[nt!KiStart+0x20]\n");
    fix_prints(*state, "? 1 ? 5 : 6", "Evaluate expression: 5 = 00000000`00000005\n");
    fix_prints(*state, "? 1 && 0", "Evaluate expression: 0 = 00000000`00000000\n");
    fix_prints(*state, "? @@(10)", "Evaluate expression: 16 = 00000000`00000010\n");
    fix_prints(*state, "? @@c++(10)", "Evaluate expression: 10 = 00000000`0000000a\n");
    fix_prints(*state, "db " THING "->Text L5",
               "ffffa000`00001080  68 65 6c 6c 6f                                   hello\n");
    fix_prints(*state, ".if (" THING "->Count < 0) { .echo yes }", "yes\n");
    fix_fails(*state, "? rip", "'rip' is not known; registers are written @name");
    fix_fails(*state, "? 0n10", "0n is MASM's");
    fix_prints(*state, ".expr /s MASM", masm);
    fix_prints(*state, "? 10 + 0xd", "Evaluate expression: 29 = 00000000`0000001d\n");
    fix_prints(*state, ".expr /q",
               "Available expression evaluators:\n"
               "  MASM - Microsoft Assembler expressions\n"
               "  C++ - C++ source expressions\n"
               "Current expression evaluator: MASM - Microsoft Assembler expressions\n");
    fix_fails(*state, ".expr /s java", ".expr: /s masm or /s c++, not java");
}

static void json_has_typed_records(void **state) {
    struct fix f;
    (void)state;
    sym_open(&f, SC_RENDER_JSON);
    assert_int_equal(fix_run(&f, "?? " THING "->Link"), 0);
    fix_has(&f, "\"type\":\"cxx_value\"");
    fix_has(&f, "\"type_name\":\"struct _LIST_ENTRY\"");
    fix_has(&f, "\"address\":\"0xffffa00000001048\"");
    fix_has(&f, "\"size\":\"0x10\"");
    fix_has(&f, "\"type\":\"field\"");
    assert_int_equal(fix_run(&f, "?? " THING "->Count"), 0);
    fix_has(&f, "\"value\":\"0n-5\"");
    fix_has(&f, "\"number\":\"0xfffffffffffffffb\"");
    assert_int_equal(fix_run(&f, "?? " THING "->Text"), 0);
    fix_has(&f, "\"text\":\"hello\"");
    assert_int_equal(fix_run(&f, ".expr /q"), 0);
    fix_has(&f, "\"name\":\"C++\"");
    fix_close(&f);
}

static void without_a_dump_there_is_arithmetic(void **state) {
    struct fix f;
    (void)state;
    fix_open(&f, FIX_NONE);
    fix_prints(&f, "?? 2 * 21", "int 0n42\n");
    fix_prints(&f, "? @@c++(2 * 21)", "Evaluate expression: 42 = 00000000`0000002a\n");
    fix_prints(&f, "?? (char *)16", "char * 0x00000000`00000010\n");
    fix_fails(&f, "?? *(int *)16", "memory cannot be read without a target");
    fix_fails(&f, "?? @rip", "no dump is open");
    fix_close(&f);
}

static void a_32_bit_target_has_narrow_registers_and_pointers(void **state) {
    struct fix f;
    (void)state;
    fix_open(&f, FIX_USER32);
    fix_prints(&f, "?? @ecx", "unsigned int 0x55\n");
    fix_prints(&f, "?? sizeof(void *)", "unsigned int 4\n");
    fix_prints(&f, "?? (void *)0x85cc9ab8", "void * 0x85cc9ab8\n");
    fix_prints(&f, "? @@c++((void *)0x85cc9ab8)", "Evaluate expression: -2050188616 = 85cc9ab8\n");
    fix_prints(&f, "?? @$peb", "void * 0x00300000\n");
    fix_close(&f);
}

/* Every field that `dt` lists must lie where #FIELD_OFFSET and & say. */
static void check_offsets(struct fix *f, const char *listing) {
    char line[300], want[64];
    unsigned seen = 0;
    for (const char *p = strchr(listing, '\n'); p && p[1]; p = strchr(p + 1, '\n')) {
        unsigned offset;
        char name[128], type[32];
        if (sscanf(p + 1, "   +0x%x %127s : %31s", &offset, name, type) != 3 || *name == '<')
            continue;
        snprintf(line, sizeof line, "?? #FIELD_OFFSET(nt!_EPROCESS, %s)", name);
        snprintf(want, sizeof want, "long 0n%u\n", offset);
        fix_prints(f, line, want);
        seen++;
        if (!strcmp(type, "Pos")) /* a bit field has no address */
            continue;
        snprintf(line, sizeof line, "?? (long)&((nt!_EPROCESS *)0)->%s", name);
        fix_prints(f, line, want);
    }
    assert_true(seen > 200);
}

/* The kernel's ISF, recognised by its fingerprint: `??` must say what `dt` does. */
static void a_real_dump_agrees_with_dt(void **state) {
    struct fix f;
    char isf[512];
    (void)state;
    if (!corpus_path("README.md", isf, sizeof isf) ||
        !corpus_open(&f, "kdump/triage_x64.dmp", SC_RENDER_TEXT))
        skip();
    strcpy(strrchr(isf, '/'), "/isf");
    assert_null(sc_session_set_paths(f.s, isf, NULL));
    fix_prints(&f, "?? sizeof(nt!_EPROCESS)", "unsigned int64 0xa40\n");
    fix_run(&f, "dt nt!_EPROCESS");
    char *listing = strdup(fix_text(&f));
    assert_non_null(listing);
    check_offsets(&f, listing);
    free(listing);
    fix_prints(&f, "?? sizeof(nt!_eprocess)", "unsigned int64 0xa40\n");
    fix_prints(&f, "?? #RTL_NUMBER_OF(((nt!_EPROCESS *)0)->ImageFileName)", "unsigned int64 0xf\n");
    fix_prints(&f, "?? nt!_KTHREAD_STATE::Running", "_KTHREAD_STATE Running (0n2)\n");
    fix_prints(&f, "?? nt!Running", "_KTHREAD_STATE Running (0n2)\n");
    fix_prints(&f, "?? sizeof(@$thread->Tcb) == sizeof(nt!_KTHREAD)", "bool true\n");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_have_their_type_in_front, sym_setup, sym_teardown),
        cmocka_unit_test_setup_teardown(pointers_show_what_they_point_to, sym_setup, sym_teardown),
        cmocka_unit_test_setup_teardown(structures_are_listed_as_dt_does, sym_setup, sym_teardown),
        cmocka_unit_test_setup_teardown(arrays_show_their_elements, sym_setup, sym_teardown),
        cmocka_unit_test_setup_teardown(registers_have_types, sym_setup, sym_teardown),
        cmocka_unit_test_setup_teardown(errors_stand_at_a_caret, sym_setup, sym_teardown),
        cmocka_unit_test_setup_teardown(masm_and_cxx_hold_each_other, sym_setup, sym_teardown),
        cmocka_unit_test_setup_teardown(expr_changes_what_all_commands_read, sym_setup,
                                        sym_teardown),
        cmocka_unit_test(json_has_typed_records),
        cmocka_unit_test(without_a_dump_there_is_arithmetic),
        cmocka_unit_test(a_32_bit_target_has_narrow_registers_and_pointers),
        cmocka_unit_test(a_real_dump_agrees_with_dt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
