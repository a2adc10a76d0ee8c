/* SPDX-License-Identifier: MIT */
/*
 * Codes that say what went wrong: NTSTATUS values and exception codes, Win32 errors, HRESULTs,
 * fast-fail codes. Look-ups in constant tables: no allocation, no state, any thread.
 *
 * Every text is constant, NUL-terminated UTF-8 and lives as long as the program; callers never free
 * it. Messages are one line and may hold the placeholders (%hs, 0x%p) of the system's own message.
 * The tables come from data/ntstatus.tsv, exceptions.tsv, win32errors.tsv, hresults.tsv,
 * fastfail.tsv, ntfacilities.tsv and hrfacilities.tsv, whose first lines name the sources (mostly
 * [MS-ERREF]).
 */
#ifndef NT_STATUS_H
#define NT_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A code's symbolic name and message. When a look-up finds nothing it returns false and both are
 * NULL. When it finds the code neither is NULL, but a message may be empty (fifteen Win32 cluster
 * errors have none in the source).
 */
struct nt_errtext {
    const char *name;
    const char *message;
};

/*
 * All look-ups below: RET may be NULL when only the answer "is it known" is wanted. A code with two
 * names (STATUS_ABANDONED, STATUS_ABANDONED_WAIT_0) has the one that its source gives first.
 */

/* An NTSTATUS value, or an exception code as an EXCEPTION_RECORD holds it (0xE06D7363, 0x406D1388,
 * ...). */
bool nt_status_text(uint32_t status, struct nt_errtext *ret);

/* A Win32 error, as GetLastError returns it. */
bool nt_win32_text(uint32_t error, struct nt_errtext *ret);

/*
 * An HRESULT. One that is not in the table itself is taken apart: 0x8007xxxx (HRESULT_FROM_WIN32)
 * has the text of Win32 error xxxx, and one with FACILITY_NT_BIT (0x10000000, HRESULT_FROM_NT) that
 * of the NTSTATUS without the bit.
 */
bool nt_hresult_text(uint32_t hr, struct nt_errtext *ret);

/* What kind of code a number is taken for. */
enum nt_errkind { NT_ERR_WIN32, NT_ERR_NTSTATUS, NT_ERR_HRESULT, NT_ERR_UNKNOWN };

/*
 * What `!error` takes VALUE for when it is not told. The first that holds:
 *
 * - below 0x10000: Win32, known or not
 * - a known NTSTATUS or exception code: NTSTATUS. Two values are HRESULTs as well (0x8000000A,
 *   0x80010001); a dump is more likely to mean the status.
 * - an HRESULT that nt_hresult_text knows: HRESULT
 * - severity bits 11 without FACILITY_NT_BIT: NTSTATUS
 * - bit 31: HRESULT
 * - anything else: unknown
 */
enum nt_errkind nt_error_classify(uint32_t value);

/* The word that `!error` and `!gle` print in parentheses: "Win32", "NTSTATUS", "HRESULT"; "unknown"
 * for the rest. */
const char *nt_errkind_word(enum nt_errkind kind);

/* Bits 30 and 31 of an NTSTATUS: "success", "informational", "warning" or "error". Never NULL. */
const char *nt_status_severity(uint32_t status);

/* Bit 31 of an HRESULT: "success" or "failure". Never NULL. */
const char *nt_hresult_severity(uint32_t hr);

/*
 * The facility (bits 16 to 27) as name, "FACILITY_NDIS_ERROR_CODE", and message, a few words such
 * as "NDIS". A code with the customer bit (29) set has none that is known: it is not Microsoft's.
 * An HRESULT with FACILITY_NT_BIT has the facility of the NTSTATUS in it.
 */
bool nt_status_facility(uint32_t status, struct nt_errtext *ret);
bool nt_hresult_facility(uint32_t hr, struct nt_errtext *ret);

/*
 * What the faulting instruction did, from ExceptionInformation[0] of an access violation
 * (0xC0000005) or in-page error (0xC0000006): 0 "read", 1 "write", 8 "execute". NULL for any other
 * value. (EXCEPTION_RECORD, Microsoft's documentation.)
 */
const char *nt_access_word(uint64_t info0);

/*
 * A fast-fail code: parameter 1 of bug check 0x139, ExceptionInformation[0] of 0xC0000409. The name
 * is "FAST_FAIL_...", the text a sentence; NULL when the code is unknown. An older 0xC0000409 has
 * no such parameter: look at NumberParameters.
 */
const char *nt_fastfail_name(uint32_t code);
const char *nt_fastfail_text(uint32_t code);

#endif
