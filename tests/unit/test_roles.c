/* SPDX-License-Identifier: MIT */
/* What the table says of functions: data/roles.tsv and data/components.tsv. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "unwind/roles.h"

static void functions_have_roles(void **state) {
    (void)state;
    assert_int_equal(sc_roles_of("nt", "KiPageFault"), SC_ROLE_TRAP);
    assert_int_equal(sc_roles_of("nt", "KiPageFaultShadow"), SC_ROLE_TRAP); /* a pattern */
    assert_int_equal(sc_roles_of("NT", "KiSystemServiceCopyEnd"), SC_ROLE_SYSCALL);
    assert_int_equal(sc_roles_of("nt", "KiBugCheckDispatch"),
                     SC_ROLE_BUGCHECK | SC_ROLE_EXCEPTION_FRAME);
    assert_int_equal(sc_roles_of("nt", "KiSwapContext"), SC_ROLE_SWITCH);
    assert_int_equal(sc_roles_of("nt", "KiStartSystemThread"), SC_ROLE_FIRST);
    assert_int_equal(sc_roles_of("nt", "KiTrap0E"), SC_ROLE_TRAP); /* two question marks */
    assert_int_equal(sc_roles_of("ntdll", "KiUserExceptionDispatch"), SC_ROLE_USER_EXCEPTION);
    assert_int_equal(sc_roles_of("anything", "__C_specific_handler"), SC_ROLE_EXCEPTION);
    assert_int_equal(sc_roles_of("FLTMGR", "FltpPerformPreCallbacks"),
                     SC_ROLE_FRAMEWORK | SC_ROLE_INVOKER);
}

static void others_have_none(void **state) {
    (void)state;
    assert_int_equal(sc_roles_of("nt", "MiDemoteSlab"), 0);
    assert_int_equal(sc_roles_of("drv", "KiPageFault"), 0); /* the kernel's, not a driver's */
    assert_int_equal(sc_roles_of("nt", "KiTrap0"), 0);
    assert_int_equal(sc_roles_of("nt", "KiTrap0EE"), 0);
    assert_int_equal(sc_roles_of("nt", "kipagefault"), 0); /* case counts */
    assert_int_equal(sc_roles_of("nt", ""), 0);
}

static void usual_callers_are_known(void **state) {
    (void)state;
    assert_int_equal(sc_role_call("nt", "RtlDispatchException", "KiDispatchException", 0),
                     SC_CALL_USUAL);
    assert_int_equal(sc_role_call("nt", "RtlDispatchException", "KdTrap", 0), SC_CALL_UNUSUAL);
    assert_int_equal(sc_role_call("nt", "MiDemoteSlab", "KdTrap", 0), SC_CALL_UNKNOWN);
    /* any function with a role, whatever its name */
    assert_int_equal(sc_role_call("nt", "KiExceptionDispatch", "KiNewTrap", SC_ROLE_TRAP),
                     SC_CALL_USUAL);
    assert_int_equal(sc_role_call("nt", "KiExceptionDispatch", "KiNewTrap", 0), SC_CALL_UNUSUAL);
    /* a pattern among the callers, and a list of several */
    assert_int_equal(
        sc_role_call("nt", "KiSwitchKernelStackContinue", "KeExpandKernelStackAndCalloutEx", 0),
        SC_CALL_USUAL);
    assert_int_equal(sc_role_call("nt", "PspSystemThreadStartup", "KxStartSystemThread", 0),
                     SC_CALL_USUAL);
    assert_int_equal(sc_role_call("nt", "PspSystemThreadStartup", "KxStart", 0), SC_CALL_UNUSUAL);
}

static void names_of_a_role_can_be_listed(void **state) {
    (void)state;
    unsigned n = 0;
    bool list = false;
    for (const char *name; (name = sc_role_name("nt", SC_ROLE_DATA, n)) != NULL; n++) {
        list = list || !strcmp(name, "PsLoadedModuleList");
        assert_null(strpbrk(name, "*?"));
        assert_true(sc_roles_of("nt", name) & SC_ROLE_DATA);
    }
    assert_true(list && n >= 3);
    assert_null(sc_role_name("nomodule", SC_ROLE_DATA, 0));
}

static void names_tell_the_part_of_the_kernel(void **state) {
    (void)state;
    unsigned level = 99;
    assert_string_equal(sc_component("PnpSendIrp", &level), "pnp");
    assert_int_equal(level, 5);
    assert_string_equal(sc_component("PipProcessDevNodeTree", &level), "pnp");
    assert_string_equal(sc_component("KeWaitForSingleObject", &level), "ke");
    assert_int_equal(level, 1);
    assert_string_equal(sc_component("IofCallDriver", &level), "io");
    assert_string_equal(sc_component("ExpWorkerThread", &level), "ex");
    assert_string_equal(sc_component("RtlDispatchException", &level), "rtl");
    assert_int_equal(level, 0);
    /* a capital follows the prefix: these are words of their own */
    assert_null(sc_component("Pillar", &level));
    assert_null(sc_component("memcpy", &level));
    assert_null(sc_component("Ke", &level));
    assert_null(sc_component("", &level));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_have_roles),
        cmocka_unit_test(others_have_none),
        cmocka_unit_test(usual_callers_are_known),
        cmocka_unit_test(names_of_a_role_can_be_listed),
        cmocka_unit_test(names_tell_the_part_of_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
