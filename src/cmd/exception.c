/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: WinDbg's words for their codes, and the lines of `.exr`. The words are those of
 * Microsoft's table of exceptions and events and of published transcripts; a code that has none
 * there gets its NTSTATUS name in brackets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/show.h"
#include "nt/cxxthrow.h"
#include "nt/status.h"

typedef unsigned long long ull;

enum {
    ACCESS_VIOLATION = 0xC0000005u,
    IN_PAGE_ERROR = 0xC0000006u,
    FAST_FAIL = 0xC0000409u,
};

static const struct {
    uint32_t code;
    const char *words;
} known[] = {
    {0xC0000005, "Access violation"},
    {0xC0000006, "In-page I/O error"},
    {0xC0000008, "Invalid handle"},
    {0xC000001C, "Invalid system call"},
    {0xC000001D, "Illegal instruction"},
    {0xC000001E, "Invalid lock sequence"},
    {0xC0000094, "Integer divide-by-zero"},
    {0xC0000095, "Integer overflow"},
    {0xC00000FD, "Stack overflow"},
    {0xC0000409, "Security check failure or stack buffer overrun"},
    {0xC0000420, "Assertion failure"},
    {0x80000001, "Guard page violation"},
    {0x80000002, "Data misaligned"},
    {0x80000003, "Break instruction exception"},
    {0x80000004, "Single step exception"},
    {0x80000007, "Wake debugger"},
    {0x40010005, "Control-C exception"},
    {0x40010008, "Control-Break exception"},
    {0x4000001E, "WOW64 single step exception"},
    {0x4000001F, "WOW64 breakpoint"},
    {0x406D1388, "Visual C++ exception"},
    {0xE06D7363, "C++ EH exception"},
    {0xE0434352, "CLR exception"},
    {0xE0434F4D, "CLR exception"},
    {0xCFFFFFFF, "Application hang"},
};

const char *sc_exception_words(uint32_t code) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].code == code)
            return known[i].words;
    return NULL;
}

/* ---- the record ---- */

struct record {
    uint64_t address, chained, access_address;
    uint32_t code, flags, subcode;
    const char *symbol, *words, *status, *access, *subcode_name;
    const uint64_t *param;
    size_t nparams;
    const char *const *type;
    size_t ntypes;
};

static const struct sc_field fields[] = {SC_FIELD(struct record, address, SC_F_ADDR),
                                         SC_FIELD(struct record, symbol, SC_F_STR),
                                         SC_FIELD(struct record, code, SC_F_HEX32),
                                         SC_FIELD(struct record, words, SC_F_STR),
                                         SC_FIELD(struct record, status, SC_F_STR),
                                         SC_FIELD(struct record, flags, SC_F_HEX32),
                                         SC_FIELD(struct record, chained, SC_F_ADDR),
                                         {"parameters", SC_F_HEXES, offsetof(struct record, param),
                                          offsetof(struct record, nparams), NULL, NULL},
                                         SC_FIELD(struct record, access, SC_F_STR),
                                         SC_FIELD(struct record, access_address, SC_F_ADDR),
                                         SC_FIELD(struct record, subcode_name, SC_F_STR),
                                         {"types", SC_F_STRS, offsetof(struct record, type),
                                          offsetof(struct record, ntypes), NULL, NULL},
                                         SC_FIELD_END};
static const struct sc_rectype type = {"exception", sizeof(struct record), fields};

/* What the formatter needs besides. */
struct style {
    int digits;
    bool enrich;
    const struct nt_cxxthrow *cxx; /* NULL: no C++ exception */
};

/* `module+0x4e` with the displacement as wide as an address, as .exr alone has it. */
static void symbol_text(sc_out *out, const char *symbol, int digits) {
    const char *plus = NULL;
    for (const char *p = strstr(symbol, "+0x"); p; p = strstr(p + 1, "+0x"))
        plus = p;
    if (plus)
        sc_printf(out, " (%.*s+0x%0*llx)", (int)(plus - symbol), symbol, digits,
                  (ull)strtoull(plus + 3, NULL, 16));
    else
        sc_printf(out, " (%s)", symbol);
}

static void code_text(sc_out *out, const struct record *r, const struct style *s) {
    sc_printf(out, "\n   ExceptionCode: %08x", r->code);
    if (r->words)
        sc_printf(out, " (%s)", r->words);
    else if (r->status && s->enrich)
        sc_printf(out, "  [%s]", r->status);
}

static void access_text(sc_out *out, const struct record *r, const struct style *s) {
    if (!r->access)
        return;
    if (r->code == IN_PAGE_ERROR && r->nparams > 2)
        sc_printf(out, "Inpage operation failed at %0*llx, due to I/O error %0*llx\n", s->digits,
                  (ull)r->access_address, s->digits, (ull)r->param[2]);
    else if (!strcmp(r->access, "execute"))
        sc_printf(out, "Attempt to execute non-executable address %0*llx\n", s->digits,
                  (ull)r->access_address);
    else
        sc_printf(out, "Attempt to %s %s address %0*llx\n", r->access,
                  !strcmp(r->access, "read") ? "from" : "to", s->digits, (ull)r->access_address);
}

static void cxx_text(sc_out *out, const struct style *s) {
    if (!s->cxx)
        return;
    sc_printf(out, "  pExceptionObject: %0*llx\n", s->digits, (ull)s->cxx->object);
    sc_printf(out, "  _s_ThrowInfo    : %0*llx\n", s->digits, (ull)s->cxx->throw_info);
    for (size_t i = 0; i < s->cxx->ntypes; i++)
        sc_printf(out, "  Type            : %s\n", s->cxx->type[i]);
}

static void exception_text(sc_out *out, const void *record, void *ctx) {
    const struct record *r = record;
    const struct style *s = ctx;
    sc_printf(out, "ExceptionAddress: %0*llx", s->digits, (ull)r->address);
    if (r->symbol)
        symbol_text(out, r->symbol, s->digits);
    code_text(out, r, s);
    sc_printf(out, "\n  ExceptionFlags: %08x\nNumberParameters: %zu\n", r->flags, r->nparams);
    for (size_t i = 0; i < r->nparams; i++)
        sc_printf(out, "   Parameter[%zu]: %0*llx\n", i, s->digits, (ull)r->param[i]);
    access_text(out, r, s);
    if (r->subcode_name)
        sc_printf(out, "Subcode: 0x%x %s \n", r->subcode, r->subcode_name);
    cxx_text(out, s);
}

/* Numbers of a 32-bit target are kept sign-extended in some containers. */
static uint64_t narrow(uint64_t v, int digits) { return digits == 8 ? v & UINT32_MAX : v; }

/* On other systems the code is a signal's or a Mach exception's number, and no NTSTATUS. */
static void fill_code(struct record *r, const struct sc_machine *m, uint32_t code) {
    struct nt_errtext text;
    if (m->windows) {
        r->words = sc_exception_words(code);
        r->status = nt_status_text(code, &text) ? text.name : NULL;
    } else {
        r->words = sc_event_words(m, code);
    }
}

sc_err *sc_show_exception(sc_session *session, const struct sc_exception *e, sc_arena *arena) {
    struct style style = {(int)sc_session_ptr_size(session) * 2, sc_session_enrich(session), NULL};
    struct record r = {.address = narrow(e->address, style.digits),
                       .chained = e->record ? narrow(e->record, style.digits) : SC_UNSET64,
                       .access_address = SC_UNSET64,
                       .code = e->code,
                       .flags = e->flags,
                       .nparams = e->nparams < 15 ? e->nparams : 15};
    uint64_t param[15];
    struct nt_cxxthrow cxx;
    for (size_t i = 0; i < r.nparams; i++)
        param[i] = narrow(e->param[i], style.digits);
    r.param = param;
    sc_err *err = sc_near(session, r.address, arena, &r.symbol);
    if (err)
        return err;
    fill_code(&r, sc_target_machine(sc_session_target(session)), e->code);
    if ((e->code == ACCESS_VIOLATION || e->code == IN_PAGE_ERROR) && r.nparams >= 2) {
        r.access = nt_access_word(param[0]);
        r.access_address = param[1];
    }
    if (e->code == FAST_FAIL && r.nparams && param[0] <= UINT32_MAX) {
        r.subcode = (uint32_t)param[0];
        r.subcode_name = nt_fastfail_name(r.subcode);
    }
    if (nt_cxxthrow(sc_session_target(session), e, arena, &cxx)) {
        style.cxx = &cxx;
        r.type = cxx.type;
        r.ntypes = cxx.ntypes;
    }
    sc_record(sc_session_out(session), &type, &r, exception_text, &style);
    return NULL;
}
