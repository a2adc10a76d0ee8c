/* SPDX-License-Identifier: MIT */
/* `!error`: what an error code means. The tables are nt/status.h's. */
#include <inttypes.h>

#include "cmd/shell.h"
#include "nt/status.h"

struct errcode {
    uint32_t code;
    uint32_t decimal;
    const char *kind;           /* "Win32", "NTSTATUS", "HRESULT", "unknown" */
    const char *name, *message; /* NULL unknown */
    const char *facility;       /* NULL unknown; Win32 errors have none */
    const char *severity;
};

static const struct sc_field errcode_fields[] = {
    SC_FIELD(struct errcode, code, SC_F_HEX32),   SC_FIELD(struct errcode, decimal, SC_F_U32),
    SC_FIELD(struct errcode, kind, SC_F_STR),     SC_FIELD(struct errcode, name, SC_F_STR),
    SC_FIELD(struct errcode, message, SC_F_STR),  SC_FIELD(struct errcode, facility, SC_F_STR),
    SC_FIELD(struct errcode, severity, SC_F_STR), SC_FIELD_END,
};
static const struct sc_rectype errcode_type = {"error_code", sizeof(struct errcode),
                                               errcode_fields};

/* In brackets behind WinDbg's line: the symbolic name, or what the bits of an unknown code say. */
static void errcode_text(sc_out *out, const void *record, void *ctx) {
    const struct errcode *e = record;
    const char *message = e->message ? e->message : "<Unable to get error code text>";
    sc_printf(out, "Error code: (%s) 0x%" PRIx32 " (%" PRIu32 ") - %s", e->kind, e->code,
              e->decimal, message);
    if (!sc_session_enrich(ctx))
        sc_puts(out, "\n");
    else if (e->name)
        sc_printf(out, " [%s]\n", e->name);
    else if (e->facility)
        sc_printf(out, " [facility %s, %s]\n", e->facility, e->severity);
    else if (e->severity)
        sc_printf(out, " [%s of an unknown facility]\n", e->severity);
    else
        sc_puts(out, "\n");
}

static void look_up(struct errcode *e, enum nt_errkind kind) {
    struct nt_errtext text = {0}, facility = {0};
    e->kind = nt_errkind_word(kind);
    switch (kind) {
    case NT_ERR_WIN32: nt_win32_text(e->code, &text); break;
    case NT_ERR_NTSTATUS:
        nt_status_text(e->code, &text);
        nt_status_facility(e->code, &facility);
        e->severity = nt_status_severity(e->code);
        break;
    case NT_ERR_HRESULT:
        nt_hresult_text(e->code, &text);
        nt_hresult_facility(e->code, &facility);
        e->severity = nt_hresult_severity(e->code);
        break;
    case NT_ERR_UNKNOWN: break;
    }
    e->name = text.name;
    e->message = text.message;
    e->facility = facility.message;
}

sc_err *sc_run_error(sc_session *s, const struct sc_args *args) {
    uint64_t value = args->v[0].num, flags = args->v[1].num;
    if (value > UINT32_MAX && value < (uint64_t)(int64_t)INT32_MIN)
        return sc_errf(SC_ERR_ARG, "0x%" PRIx64 " is no error code: they have 32 bits", value);
    if (flags > 1)
        return sc_errf(SC_ERR_ARG, "the flag of !error is 0 or 1 (NTSTATUS)");
    struct errcode e = {.code = (uint32_t)value, .decimal = (uint32_t)value};
    look_up(&e, flags == 1 ? NT_ERR_NTSTATUS : nt_error_classify(e.code));
    sc_record(sc_session_out(s), &errcode_type, &e, errcode_text, s);
    return NULL;
}
