/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in the tables of codes. Each table is three arrays of the same length, sorted by code:
 * codes, and the offsets of names and messages in one pool of texts.
 */
#include "nt/status.h"

#include <stddef.h>

#if defined(__GNUC__)
/* The pool is one literal, longer than ISO C promises; GCC and Clang take any length. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif
#include "nt/gen/errors.inc"

#define CUSTOMER_BIT    0x20000000u
#define FACILITY_NT_BIT 0x10000000u
#define FACILITY(code)  (((code) >> 16) & 0xFFFu)

/* One table, put together where it is used so that no array of pointers has to be relocated. */
struct table {
    const uint32_t *codes;
    const uint32_t *names;
    const uint32_t *messages;
    size_t rows;
};

#define TABLE(prefix, count)                                                                       \
    (&(struct table){prefix##_codes, prefix##_names, prefix##_messages, count})

static bool answer(struct nt_errtext *ret, const char *name, const char *message) {
    if (ret != NULL) {
        ret->name = name;
        ret->message = message;
    }
    return name != NULL;
}

static bool find(const struct table *table, uint32_t code, struct nt_errtext *ret) {
    size_t low = 0;
    size_t high = table->rows;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table->codes[middle] < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == table->rows || table->codes[low] != code)
        return answer(ret, NULL, NULL);
    return answer(ret, errors_pool + table->names[low], errors_pool + table->messages[low]);
}

bool nt_status_text(uint32_t status, struct nt_errtext *ret) {
    return find(TABLE(status, STATUS_ROWS), status, ret);
}

bool nt_win32_text(uint32_t error, struct nt_errtext *ret) {
    return find(TABLE(win32, WIN32_ROWS), error, ret);
}

bool nt_hresult_text(uint32_t hr, struct nt_errtext *ret) {
    if (find(TABLE(hresult, HRESULT_ROWS), hr, ret))
        return true;
    if (hr >> 16 == 0x8007)
        return nt_win32_text(hr & 0xFFFF, ret);
    if (hr & FACILITY_NT_BIT)
        return nt_status_text(hr & ~FACILITY_NT_BIT, ret);
    return false;
}

enum nt_errkind nt_error_classify(uint32_t value) {
    if (value < 0x10000)
        return NT_ERR_WIN32;
    if (nt_status_text(value, NULL))
        return NT_ERR_NTSTATUS;
    if (nt_hresult_text(value, NULL))
        return NT_ERR_HRESULT;
    if (value >> 30 == 3 && !(value & FACILITY_NT_BIT))
        return NT_ERR_NTSTATUS;
    return value >> 31 ? NT_ERR_HRESULT : NT_ERR_UNKNOWN;
}

const char *nt_errkind_word(enum nt_errkind kind) {
    switch (kind) {
    case NT_ERR_WIN32: return "Win32";
    case NT_ERR_NTSTATUS: return "NTSTATUS";
    case NT_ERR_HRESULT: return "HRESULT";
    case NT_ERR_UNKNOWN: break;
    }
    return "unknown";
}

const char *nt_status_severity(uint32_t status) {
    switch (status >> 30) {
    case 0: return "success";
    case 1: return "informational";
    case 2: return "warning";
    default: return "error";
    }
}

const char *nt_hresult_severity(uint32_t hr) { return hr >> 31 ? "failure" : "success"; }

bool nt_status_facility(uint32_t status, struct nt_errtext *ret) {
    if (status & CUSTOMER_BIT)
        return answer(ret, NULL, NULL);
    return find(TABLE(ntfacility, NTFACILITY_ROWS), FACILITY(status), ret);
}

bool nt_hresult_facility(uint32_t hr, struct nt_errtext *ret) {
    if (hr & FACILITY_NT_BIT)
        return nt_status_facility(hr, ret);
    if (hr & CUSTOMER_BIT)
        return answer(ret, NULL, NULL);
    return find(TABLE(hrfacility, HRFACILITY_ROWS), FACILITY(hr), ret);
}

const char *nt_access_word(uint64_t info0) {
    switch (info0) {
    case 0: return "read";
    case 1: return "write";
    case 8: return "execute";
    default: return NULL;
    }
}

const char *nt_fastfail_name(uint32_t code) {
    struct nt_errtext text;

    find(TABLE(fastfail, FASTFAIL_ROWS), code, &text);
    return text.name;
}

const char *nt_fastfail_text(uint32_t code) {
    struct nt_errtext text;

    find(TABLE(fastfail, FASTFAIL_ROWS), code, &text);
    return text.message;
}
