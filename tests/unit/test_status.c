/* SPDX-License-Identifier: MIT */
/*
 * Codes and their texts. Known codes are compared with values typed in from Microsoft's
 * documentation; that every row of the tables is found again is tested against the data files
 * themselves, read here, not against the generated arrays. STOPCODE_DATA names the folder of the
 * data files; without it, data/ in the current folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nt/status.h"

struct known {
    uint32_t code;
    const char *name;
};

typedef bool lookup_fn(uint32_t code, struct nt_errtext *ret);

static void check_names(lookup_fn *lookup, const struct known *known, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct nt_errtext text;

        assert_true(lookup(known[i].code, &text));
        assert_string_equal(text.name, known[i].name);
        assert_non_null(text.message);
    }
}

#define CHECK_NAMES(lookup, known) check_names(lookup, known, sizeof(known) / sizeof((known)[0]))

static void status_values_have_their_documented_names(void **state) {
    static const struct known known[] = {
        {0x00000000, "STATUS_SUCCESS"},
        {0x00000080, "STATUS_ABANDONED"},
        {0x00000102, "STATUS_TIMEOUT"},
        {0x00000103, "STATUS_PENDING"},
        {0x00010001, "DBG_EXCEPTION_HANDLED"},
        {0x40000015, "STATUS_FATAL_APP_EXIT"},
        {0x80000005, "STATUS_BUFFER_OVERFLOW"},
        {0x8000001A, "STATUS_NO_MORE_ENTRIES"},
        {0xC0000001, "STATUS_UNSUCCESSFUL"},
        {0xC000000D, "STATUS_INVALID_PARAMETER"},
        {0xC0000022, "STATUS_ACCESS_DENIED"},
        {0xC0000034, "STATUS_OBJECT_NAME_NOT_FOUND"},
        {0xC000009A, "STATUS_INSUFFICIENT_RESOURCES"},
        {0xC00000BB, "STATUS_NOT_SUPPORTED"},
        {0xC0000120, "STATUS_CANCELLED"},
        {0xC000021A, "STATUS_SYSTEM_PROCESS_TERMINATED"},
        {0xC0000225, "STATUS_NOT_FOUND"},
    };

    (void)state;
    CHECK_NAMES(nt_status_text, known);
}

static void exception_codes_of_crash_dumps_are_known(void **state) {
    static const struct known known[] = {
        {0x80000001, "STATUS_GUARD_PAGE_VIOLATION"},
        {0x80000003, "STATUS_BREAKPOINT"},
        {0x80000004, "STATUS_SINGLE_STEP"},
        {0xC0000005, "STATUS_ACCESS_VIOLATION"},
        {0xC0000006, "STATUS_IN_PAGE_ERROR"},
        {0xC000001D, "STATUS_ILLEGAL_INSTRUCTION"},
        {0xC0000094, "STATUS_INTEGER_DIVIDE_BY_ZERO"},
        {0xC0000096, "STATUS_PRIVILEGED_INSTRUCTION"},
        {0xC00000FD, "STATUS_STACK_OVERFLOW"},
        {0xC0000194, "STATUS_POSSIBLE_DEADLOCK"},
        {0xC00001A5, "STATUS_INVALID_EXCEPTION_HANDLER"},
        {0xC0000264, "STATUS_RESOURCE_NOT_OWNED"},
        {0xC000027B, "STATUS_STOWED_EXCEPTION"},
        {0xC00002B4, "STATUS_FLOAT_MULTIPLE_FAULTS"},
        {0xC00002B5, "STATUS_FLOAT_MULTIPLE_TRAPS"},
        {0xC0000374, "STATUS_HEAP_CORRUPTION"},
        {0xC0000409, "STATUS_STACK_BUFFER_OVERRUN"},
        {0xC000041D, "STATUS_FATAL_USER_CALLBACK_EXCEPTION"},
        {0xC0000420, "STATUS_ASSERTION_FAILURE"},
        {0xC0000602, "STATUS_FAIL_FAST_EXCEPTION"},
        {0x4000001E, "STATUS_WX86_SINGLE_STEP"},
        {0x4000001F, "STATUS_WX86_BREAKPOINT"},
        {0x40010005, "DBG_CONTROL_C"},
        {0x40010006, "DBG_PRINTEXCEPTION_C"},
        {0x40010007, "DBG_RIPEXCEPTION"},
        {0x40010008, "DBG_CONTROL_BREAK"},
        {0x4001000A, "DBG_PRINTEXCEPTION_WIDE_C"},
        {0x406D1388, "MS_VC_EXCEPTION"},
        {0xC06D007E, "DELAYLOAD_MOD_NOT_FOUND"},
        {0xC06D007F, "DELAYLOAD_PROC_NOT_FOUND"},
        {0xE0434352, "EXCEPTION_COMPLUS"},
        {0xE0434F4D, "CLR_EXCEPTION_V1"},
        {0xE06D7363, "EXCEPTION_MSVC"},
    };

    (void)state;
    CHECK_NAMES(nt_status_text, known);
}

static void win32_errors_have_their_documented_names(void **state) {
    static const struct known known[] = {
        {0, "ERROR_SUCCESS"},
        {2, "ERROR_FILE_NOT_FOUND"},
        {5, "ERROR_ACCESS_DENIED"},
        {6, "ERROR_INVALID_HANDLE"},
        {87, "ERROR_INVALID_PARAMETER"},
        {122, "ERROR_INSUFFICIENT_BUFFER"},
        {126, "ERROR_MOD_NOT_FOUND"},
        {997, "ERROR_IO_PENDING"},
        {1359, "ERROR_INTERNAL_ERROR"},
        {1450, "ERROR_NO_SYSTEM_RESOURCES"},
        {1726, "RPC_S_CALL_FAILED"},
    };

    (void)state;
    CHECK_NAMES(nt_win32_text, known);
}

static void hresults_have_their_documented_names(void **state) {
    static const struct known known[] = {
        {0x00000000, "S_OK"},           {0x00000001, "S_FALSE"},
        {0x80004001, "E_NOTIMPL"},      {0x80004002, "E_NOINTERFACE"},
        {0x80004005, "E_FAIL"},         {0x8000FFFF, "E_UNEXPECTED"},
        {0x80070005, "E_ACCESSDENIED"}, {0x8007000E, "E_OUTOFMEMORY"},
        {0x80070057, "E_INVALIDARG"},   {0x80040154, "REGDB_E_CLASSNOTREG"},
    };

    (void)state;
    CHECK_NAMES(nt_hresult_text, known);
}

static void messages_are_those_debuggers_print(void **state) {
    struct nt_errtext text;

    (void)state;
    assert_true(nt_win32_text(2, &text));
    assert_string_equal(text.message, "The system cannot find the file specified.");
    assert_true(nt_status_text(0xC0000034, &text));
    assert_string_equal(text.message, "Object Name not found.");
    assert_true(nt_status_text(0xC000000D, &text));
    assert_string_equal(text.message, "An invalid parameter was passed to a service or function.");
    assert_true(nt_status_text(0xC0000005, &text));
    assert_string_equal(text.message, "The instruction at 0x%p referenced memory at 0x%p. The "
                                      "memory could not be %s.");
}

static void unknown_codes_give_false_and_null_texts(void **state) {
    static lookup_fn *const lookups[] = {nt_status_text, nt_win32_text, nt_hresult_text};
    static const uint32_t codes[] = {0xC0FFEE00, 0xFFFFFFFF, 0x7FFFFFFF, 0x8FFFFFFF};

    (void)state;
    for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
        for (size_t j = 0; j < sizeof(codes) / sizeof(codes[0]); j++) {
            struct nt_errtext text = {"left", "over"};

            assert_false(lookups[i](codes[j], &text));
            assert_null(text.name);
            assert_null(text.message);
        }
        assert_false(lookups[i](0xC0FFEE00, NULL));
    }
    assert_true(nt_status_text(0xC0000005, NULL));
}

static void hresult_from_win32_has_the_win32_text(void **state) {
    struct nt_errtext text;

    (void)state;
    assert_true(nt_hresult_text(0x80070002, &text));
    assert_string_equal(text.name, "ERROR_FILE_NOT_FOUND");
    assert_true(nt_hresult_text(0x800703E9, &text));
    assert_string_equal(text.name, "ERROR_STACK_OVERFLOW");
    assert_false(nt_hresult_text(0x8007FFFF, &text));
    assert_null(text.name);
}

static void hresult_from_nt_has_the_status_text(void **state) {
    struct nt_errtext text;

    (void)state;
    assert_true(nt_hresult_text(0xD0000034, &text));
    assert_string_equal(text.name, "STATUS_OBJECT_NAME_NOT_FOUND");
    assert_true(nt_hresult_text(0x90000005, &text));
    assert_string_equal(text.name, "STATUS_BUFFER_OVERFLOW");
    assert_false(nt_hresult_text(0xD0FFEE00, &text));
    assert_null(text.name);
}

static void classification_follows_the_documented_order(void **state) {
    static const struct {
        uint32_t value;
        enum nt_errkind kind;
    } known[] = {
        {0, NT_ERR_WIN32},
        {2, NT_ERR_WIN32},
        {0xFFFF, NT_ERR_WIN32}, /* not a known error, but small */
        {0x00010001, NT_ERR_NTSTATUS},
        {0x00030200, NT_ERR_HRESULT},
        {0x40010006, NT_ERR_NTSTATUS},
        {0x406D1388, NT_ERR_NTSTATUS},
        {0x80000003, NT_ERR_NTSTATUS},
        {0x8000000A, NT_ERR_NTSTATUS}, /* E_PENDING too */
        {0x80010001, NT_ERR_NTSTATUS}, /* RPC_E_CALL_REJECTED too */
        {0x80004005, NT_ERR_HRESULT},
        {0x80070005, NT_ERR_HRESULT},
        {0x80070002, NT_ERR_HRESULT}, /* by way of Win32 */
        {0x8FFFFFFF, NT_ERR_HRESULT}, /* unknown, bit 31 */
        {0xC0000005, NT_ERR_NTSTATUS},
        {0xC02625E0, NT_ERR_HRESULT},  /* only the HRESULT table knows it */
        {0xC0FFEE00, NT_ERR_NTSTATUS}, /* unknown, severity bits */
        {0xD0000034, NT_ERR_HRESULT},
        {0xD0FFEE00, NT_ERR_HRESULT},
        {0xE06D7363, NT_ERR_NTSTATUS},
        {0x00FFEE00, NT_ERR_UNKNOWN},
        {0x7FFFFFFF, NT_ERR_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_int_equal(nt_error_classify(known[i].value), known[i].kind);
}

static void kinds_have_the_words_that_error_prints(void **state) {
    (void)state;
    assert_string_equal(nt_errkind_word(NT_ERR_WIN32), "Win32");
    assert_string_equal(nt_errkind_word(NT_ERR_NTSTATUS), "NTSTATUS");
    assert_string_equal(nt_errkind_word(NT_ERR_HRESULT), "HRESULT");
    assert_string_equal(nt_errkind_word(NT_ERR_UNKNOWN), "unknown");
}

static void severities_are_words_of_the_top_bits(void **state) {
    (void)state;
    assert_string_equal(nt_status_severity(0x00000000), "success");
    assert_string_equal(nt_status_severity(0x40000000), "informational");
    assert_string_equal(nt_status_severity(0x80000005), "warning");
    assert_string_equal(nt_status_severity(0xC0000005), "error");
    assert_string_equal(nt_hresult_severity(0x00000001), "success");
    assert_string_equal(nt_hresult_severity(0x40000001), "success");
    assert_string_equal(nt_hresult_severity(0x80004005), "failure");
}

static void facilities_are_named(void **state) {
    struct nt_errtext text;

    (void)state;
    assert_true(nt_status_facility(0xC0230001, &text));
    assert_string_equal(text.name, "FACILITY_NDIS_ERROR_CODE");
    assert_string_equal(text.message, "NDIS");
    assert_true(nt_hresult_facility(0x80070005, &text));
    assert_string_equal(text.name, "FACILITY_WIN32");
    assert_true(nt_hresult_facility(0x887A0005, &text)); /* DXGI_ERROR_DEVICE_REMOVED */
    assert_string_equal(text.name, "FACILITY_DXGI");
    assert_true(nt_hresult_facility(0xD0230001, &text)); /* a mapped NTSTATUS */
    assert_string_equal(text.name, "FACILITY_NDIS_ERROR_CODE");
}

static void facilities_of_customers_are_unknown(void **state) {
    struct nt_errtext text = {"left", "over"};

    (void)state;
    assert_false(nt_status_facility(0xE0010001, &text));
    assert_null(text.name);
    text.name = "left";
    assert_false(nt_hresult_facility(0xA0070005, &text));
    assert_null(text.name);
    assert_false(nt_status_facility(0xCFFF0001, NULL));
}

static void access_words(void **state) {
    (void)state;
    assert_string_equal(nt_access_word(0), "read");
    assert_string_equal(nt_access_word(1), "write");
    assert_string_equal(nt_access_word(8), "execute");
    assert_null(nt_access_word(2));
    assert_null(nt_access_word(UINT64_C(0x100000000)));
}

static void fastfail_codes_have_name_and_text(void **state) {
    (void)state;
    assert_string_equal(nt_fastfail_name(0), "FAST_FAIL_LEGACY_GS_VIOLATION");
    assert_string_equal(nt_fastfail_name(2), "FAST_FAIL_STACK_COOKIE_CHECK_FAILURE");
    assert_string_equal(nt_fastfail_name(3), "FAST_FAIL_CORRUPT_LIST_ENTRY");
    assert_string_equal(nt_fastfail_name(10), "FAST_FAIL_GUARD_ICALL_CHECK_FAILURE");
    assert_string_equal(nt_fastfail_name(29), "FAST_FAIL_INVALID_BALANCED_TREE");
    assert_string_equal(nt_fastfail_name(0xFFFFFFFF), "FAST_FAIL_INVALID_FAST_FAIL_CODE");
    assert_non_null(strstr(nt_fastfail_text(3), "list"));
    assert_null(nt_fastfail_name(16));
    assert_null(nt_fastfail_text(16));
    assert_null(nt_fastfail_text(0x1000));
}

/* One line of a data file, cut at its tabs in place. */
static bool split_row(char *line, char *fields[3]) {
    size_t count = 0;

    line[strcspn(line, "\n")] = 0;
    for (char *next = line; next != NULL && count < 3;) {
        char *tab = strchr(next, '\t');

        if (tab != NULL)
            *tab++ = 0;
        fields[count++] = next;
        next = tab;
    }
    return count == 3;
}

static size_t check_file(const char *name, lookup_fn *lookup) {
    const char *folder = getenv("STOPCODE_DATA");
    char path[4096];
    char line[4096];
    size_t rows = 0;

    snprintf(path, sizeof path, "%s/%s", folder ? folder : "data", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        char *fields[3];
        struct nt_errtext text;

        if (line[0] == '#')
            continue;
        assert_true(split_row(line, fields));
        assert_true(lookup((uint32_t)strtoul(fields[0], NULL, 16), &text));
        assert_string_equal(text.name, fields[1]);
        assert_string_equal(text.message, fields[2]);
        rows++;
    }
    fclose(file);
    return rows;
}

static bool fastfail_lookup(uint32_t code, struct nt_errtext *ret) {
    ret->name = nt_fastfail_name(code);
    ret->message = nt_fastfail_text(code);
    return ret->name != NULL;
}

static bool ntfacility_lookup(uint32_t facility, struct nt_errtext *ret) {
    return nt_status_facility(0xC0000000u | facility << 16, ret);
}

static bool hrfacility_lookup(uint32_t facility, struct nt_errtext *ret) {
    return nt_hresult_facility(0x80000000u | facility << 16, ret);
}

static void every_row_of_the_data_is_found_again(void **state) {
    (void)state;
    assert_true(check_file("ntstatus.tsv", nt_status_text) > 1700);
    assert_true(check_file("exceptions.tsv", nt_status_text) >= 6);
    assert_true(check_file("win32errors.tsv", nt_win32_text) > 2700);
    assert_true(check_file("hresults.tsv", nt_hresult_text) > 2900);
    assert_true(check_file("fastfail.tsv", fastfail_lookup) > 70);
    assert_true(check_file("ntfacilities.tsv", ntfacility_lookup) > 50);
    assert_true(check_file("hrfacilities.tsv", hrfacility_lookup) > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_values_have_their_documented_names),
        cmocka_unit_test(exception_codes_of_crash_dumps_are_known),
        cmocka_unit_test(win32_errors_have_their_documented_names),
        cmocka_unit_test(hresults_have_their_documented_names),
        cmocka_unit_test(messages_are_those_debuggers_print),
        cmocka_unit_test(unknown_codes_give_false_and_null_texts),
        cmocka_unit_test(hresult_from_win32_has_the_win32_text),
        cmocka_unit_test(hresult_from_nt_has_the_status_text),
        cmocka_unit_test(classification_follows_the_documented_order),
        cmocka_unit_test(kinds_have_the_words_that_error_prints),
        cmocka_unit_test(severities_are_words_of_the_top_bits),
        cmocka_unit_test(facilities_are_named),
        cmocka_unit_test(facilities_of_customers_are_unknown),
        cmocka_unit_test(access_words),
        cmocka_unit_test(fastfail_codes_have_name_and_text),
        cmocka_unit_test(every_row_of_the_data_is_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
