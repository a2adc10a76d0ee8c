/* SPDX-License-Identifier: MIT */
/* The session's thread and process, and the text of fields that may be missing. */
#include "cmd/kernel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/session_impl.h"
#include "cmd/storepages.h"
#include "nt/current.h"
#include "nt/ptes.h"

/*
 * Once for each set of symbols: what MMPTE_* say of entries that are not valid, and which page
 * files are the memory store.
 */
static sc_err *bind_soft_pte(sc_session *s, const struct nt *nt) {
    bool bound;
    if (!s->procspace || s->soft_epoch == s->symbolry.epoch + 1)
        return NULL;
    s->soft_epoch = s->symbolry.epoch + 1;
    sc_err *err = nt_bind_soft_pte(nt, &bound);
    if (!err)
        err = sc_storepages_bind(s, nt);
    if (!err || sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED) {
        s->soft_epoch = err ? 0 : s->soft_epoch;
        return err;
    }
    sc_err_destroy(err); /* damaged symbols: the built-in table stays */
    return NULL;
}

sc_err *sc_session_nt(sc_session *s, struct nt *ret) {
    sc_symtab *symtab;
    sc_layout_book *book;
    sc_err *err = sc_session_symbols(s, &symtab);
    if (!err)
        err = sc_session_layouts(s, &book);
    if (err)
        return err;
    nt_init(ret, s->target, symtab, book);
    return bind_soft_pte(s, ret);
}

sc_err *sc_session_thread(sc_session *s, const struct nt *nt, uint64_t *ret) {
    if (!s->implicit_thread)
        return nt_current_thread(nt, s->current, ret);
    *ret = s->implicit_thread;
    return NULL;
}

sc_err *sc_session_process(sc_session *s, const struct nt *nt, uint64_t *ret) {
    uint64_t thread;
    if (s->implicit_process) {
        *ret = s->implicit_process;
        return NULL;
    }
    sc_err *err = nt_current_thread(nt, s->current, &thread);
    return err ? err : nt_thread_process(nt, thread, ret);
}

uint64_t sc_session_physical(const sc_session *s, uint64_t value) {
    bool extended = sc_session_ptr_size(s) == 4 && value >> 31 == 0x1ffffffff;
    return extended ? value & UINT32_MAX : value;
}

void sc_session_set_thread(sc_session *s, uint64_t thread) {
    if (s->implicit_thread != thread)
        s->effmach = SC_CPU_UNKNOWN;
    s->implicit_thread = thread;
}
void sc_session_set_process(sc_session *s, uint64_t process) {
    if (s->implicit_process != process) {
        s->procspace_changes++;
        s->effmach = SC_CPU_UNKNOWN;
    }
    s->implicit_process = process;
}

/* ---- numbers ---- */

uint64_t sc_nt_addr(const struct nt_field *f) { return nt_or(f, SC_UNSET64); }

int64_t sc_nt_num(const struct nt_field *f) {
    return f->state == NT_READ ? (int64_t)f->value : INT64_MIN;
}

uint64_t sc_nt_time(const struct nt_field *f) { return nt_or(f, SC_UNSET64); }

/* ---- text ---- */

const char *sc_nt_hex_text(uint64_t value, unsigned digits, char buf[SC_NT_BUF]) {
    while (digits < 16 && value >> digits * 4)
        digits++;
    for (unsigned i = digits; i-- > 0; value >>= 4)
        buf[i] = "0123456789abcdef"[value & 15];
    buf[digits] = 0;
    return buf;
}

const char *sc_nt_ptr_text(uint64_t value, unsigned ptr_size, char buf[SC_NT_BUF]) {
    if (value == SC_UNSET64)
        snprintf(buf, SC_NT_BUF, "%.*s", (int)ptr_size * 2, "????????????????");
    else
        sc_nt_hex_text(value, ptr_size * 2, buf);
    return buf;
}

const char *sc_nt_asked_text(uint64_t address, unsigned ptr_size, char buf[SC_NT_BUF]) {
    snprintf(buf, SC_NT_BUF, "%0*" PRIx64, (int)ptr_size * 2, address);
    return buf;
}

const char *sc_nt_num_text(int64_t value, char buf[SC_NT_BUF]) {
    if (value == INT64_MIN)
        snprintf(buf, SC_NT_BUF, "?");
    else
        snprintf(buf, SC_NT_BUF, "%" PRId64, value);
    return buf;
}

struct clock_time {
    uint64_t days;
    unsigned hours, minutes, seconds, ms;
};

static struct clock_time split(uint64_t span) {
    uint64_t ms = span / 10000;
    return (struct clock_time){.days = ms / 86400000,
                               .hours = (unsigned)(ms / 3600000 % 24),
                               .minutes = (unsigned)(ms / 60000 % 60),
                               .seconds = (unsigned)(ms / 1000 % 60),
                               .ms = (unsigned)(ms % 1000)};
}

const char *sc_nt_span_text(uint64_t span, char buf[SC_NT_BUF]) {
    struct clock_time t = split(span);
    char days[28] = "";
    if (t.days)
        snprintf(days, sizeof days, "%" PRIu64 " Days ", t.days);
    if (span == SC_UNSET64)
        snprintf(buf, SC_NT_BUF, "?");
    else
        snprintf(buf, SC_NT_BUF, "%s%02u:%02u:%02u.%03u", days, t.hours, t.minutes, t.seconds,
                 t.ms);
    return buf;
}

const char *sc_nt_ticks_text(uint64_t span, char buf[SC_NT_BUF]) {
    struct clock_time t = split(span);
    snprintf(buf, SC_NT_BUF, "%" PRIu64 ":%02u:%02u:%02u.%03u", t.days, t.hours, t.minutes,
             t.seconds, t.ms);
    return buf;
}

void sc_nt_routine_text(sc_out *out, const char *symbol, bool enrich) {
    const char *plus = symbol ? strstr(symbol, "+0x") : NULL;
    if (!symbol)
        return;
    if (!plus)
        sc_puts(out, symbol);
    else if (enrich)
        sc_printf(out, "%.*s  [%s]", (int)(plus - symbol), symbol, plus);
    else
        sc_printf(out, "%.*s", (int)(plus - symbol), symbol);
}

void sc_nt_assumed(sc_session *s, bool assumed) {
    if (assumed)
        sc_remark(s->out, "This layout is that of another build: fields may lie elsewhere.");
}
