/* SPDX-License-Identifier: MIT */
/*
 * `!bugdump`: what drivers left for a bug check.
 *
 *     **** Dump of Bug Check Data ****
 *     8526ba7c: Bug check callback record could not be read
 *
 * Since Windows XP SP1 the dump is written before the routines of KeRegisterBugCheckCallback run:
 * then their buffers hold nothing of them. Those of KeRegisterBugCheckReasonCallback that write
 * secondary data run earlier; `.enumtag` shows it.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/bugcallback.h"

enum { BYTES_MAX = 0x1000, ROW = 16 };

struct callback {
    uint64_t address;
    bool read, with_reason;
    const char *component, *symbol, *state, *reason, *data;
    uint64_t routine, buffer;
    uint32_t length, got;
    int64_t reason_code;
};
static const struct sc_field callback_fields[] = {
    SC_FIELD(struct callback, address, SC_F_ADDR),    SC_FIELD(struct callback, read, SC_F_BOOL),
    SC_FIELD(struct callback, component, SC_F_STR),   SC_FIELD(struct callback, routine, SC_F_ADDR),
    SC_FIELD(struct callback, symbol, SC_F_STR),      SC_FIELD(struct callback, reason, SC_F_STR),
    SC_FIELD(struct callback, reason_code, SC_F_NUM), SC_FIELD(struct callback, state, SC_F_STR),
    SC_FIELD(struct callback, buffer, SC_F_ADDR),     SC_FIELD(struct callback, length, SC_F_U32),
    SC_FIELD(struct callback, data, SC_F_STR),        SC_FIELD_END};
static const struct sc_rectype callback_type = {"bugcheck_callback", sizeof(struct callback),
                                                callback_fields};

struct job {
    sc_session *session;
    struct nt nt;
    const char *component; /* NULL: all */
    sc_arena *arena;
    size_t shown;
    bool cut;
};

/* Rows of 16 bytes with their addresses; DATA is their hexadecimal form. */
static void bytes_text(sc_out *out, const struct callback *r, unsigned ptr_size) {
    char a[SC_NT_BUF];
    for (uint32_t i = 0; i < r->got; i += ROW) {
        sc_printf(out, "    %s ", sc_nt_ptr_text(r->buffer + i, ptr_size, a));
        for (uint32_t j = i; j < i + ROW && j < r->got; j++)
            sc_printf(out, " %.2s", r->data + (size_t)j * 2);
        sc_puts(out, "\n");
    }
    if (r->got < r->length)
        sc_printf(out, "    *** %s\n",
                  r->got == BYTES_MAX ? "the rest is not shown" : "the rest is not in the dump");
}

static void callback_text(sc_out *out, const void *record, void *ctx) {
    const struct callback *r = record;
    const unsigned ptr_size = *(const unsigned *)ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_puts(out, sc_nt_ptr_text(r->address, ptr_size, a));
    if (!r->read) {
        sc_puts(out, ": Bug check callback record could not be read\n");
        return;
    }
    sc_printf(out, ": Component %s  Routine %s %s", r->component ? r->component : "?",
              sc_nt_ptr_text(r->routine, ptr_size, b), r->symbol ? r->symbol : "");
    if (r->with_reason)
        sc_printf(out, "  Reason %s", r->reason ? r->reason : sc_nt_num_text(r->reason_code, a));
    sc_printf(out, "  State %s\n", r->state ? r->state : "?");
    if (r->with_reason || !r->length)
        return;
    sc_printf(out, "  Buffer %s  Length %x\n", sc_nt_ptr_text(r->buffer, ptr_size, a), r->length);
    bytes_text(out, r, ptr_size);
}

/* The buffer's bytes as far as the dump has them, in hexadecimal. */
static sc_err *read_buffer(struct job *j, struct callback *r) {
    uint8_t bytes[BYTES_MAX];
    size_t got = 0, want = r->length < BYTES_MAX ? r->length : BYTES_MAX;
    sc_space_read(j->nt.space, r->buffer, bytes, want, &got);
    char *text = sc_arena_array(j->arena, got * 2 + 1, 1);
    if (!text)
        return sc_err_nomem();
    for (size_t i = 0; i < got; i++)
        snprintf(text + i * 2, 3, "%02x", bytes[i]);
    text[got * 2] = 0;
    r->data = text;
    r->got = (uint32_t)got;
    return NULL;
}

static bool same_name(const char *a, const char *b) {
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b)) {
        a++;
        b++;
    }
    return !*a && !*b;
}

static sc_err *show(struct job *j, const struct nt_bugcallback *c, bool reason) {
    struct callback r = {.address = c->address,
                         .read = c->read,
                         .with_reason = reason,
                         .reason_code = c->read && reason ? (int64_t)c->reason : INT64_MIN,
                         .component = *c->name ? c->name : NULL,
                         .routine = c->read ? c->routine : SC_UNSET64,
                         .buffer = c->read && !reason ? c->buffer : SC_UNSET64,
                         .length = c->length};
    sc_err *err = NULL;
    if (j->component && (!r.component || !same_name(r.component, j->component)))
        return NULL;
    j->shown++;
    if (c->read) {
        r.state = nt_bugcallback_state(c->state);
        r.reason = reason ? nt_bugcallback_reason(c->reason) : NULL;
        err = sc_near(j->session, c->routine, j->arena, &r.symbol);
    }
    if (!err && c->read && !reason && r.length)
        err = read_buffer(j, &r);
    if (!err)
        sc_record(j->session->out, &callback_type, &r, callback_text, &j->nt.ptr_size);
    return err;
}

static sc_err *show_list(struct job *j, bool reason, bool *ret_known) {
    struct nt_bugcallbacks b;
    char why[NT_LIST_TEXT];
    sc_err *err = nt_bugcallbacks_read(&j->nt, reason, j->arena, &b);
    if (err)
        return err;
    *ret_known = b.known;
    for (size_t i = 0; !err && i < b.count; i++)
        err = show(j, &b.item[i], reason);
    j->cut |= b.known && b.list.end != NT_LIST_DONE;
    if (!err && b.known && b.list.end != NT_LIST_DONE)
        sc_remark(j->session->out, "The list is not whole: %s", nt_list_end_text(&b.list, why));
    return err;
}

static sc_err *run_bugdump(sc_session *s, const struct sc_args *args) {
    struct job j = {
        .session = s, .component = args->v[0].given ? args->v[0].text : NULL, .arena = args->arena};
    bool known = false, reasons = false;
    sc_err *err = sc_session_nt(s, &j.nt);
    if (err)
        return err;
    sc_puts(s->out, "**** Dump of Bug Check Data ****\n");
    err = show_list(&j, false, &known);
    if (!err && !known)
        sc_remark(s->out, "nt!KeBugCheckCallbackListHead is not known.");
    if (!err && sc_session_enrich(s))
        err = show_list(&j, true, &reasons);
    if (!err && !known && !reasons)
        err = sc_errf(SC_ERR_NOT_FOUND, "!bugdump: the dump does not say where the lists of bug "
                                        "check callbacks begin (nt!KeBugCheckCallbackListHead, "
                                        "nt!KeBugCheckReasonCallbackListHead)");
    if (!err && !j.shown && (j.component || !j.cut))
        sc_remark(s->out, j.component ? "No callback of %s was found." : "There is no callback.",
                  j.component);
    if (!err && sc_session_enrich(s))
        sc_remark(s->out, "Secondary data, which reason callbacks have written: .enumtag");
    return err;
}

static const struct sc_arg bugdump_args[] = {
    {SC_ARG_WORD, "component", NULL, true, "as it was registered"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_bugdump_commands[] = {
    {.name = "!bugdump",
     .brief = "show the bug check callbacks of drivers and their data",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "there are none in a process",
     .args = bugdump_args,
     .help =
         "The records of KeRegisterBugCheckCallback with their buffers. Since Windows XP SP1 "
         "the dump is written before their routines run, so that the buffers hold what was in "
         "them before. Behind them those of KeRegisterBugCheckReasonCallback, which can put data "
         "into the dump: `.enumtag` shows it.\n"
         "A small dump holds few of the records.",
     .sample = "!bugdump",
     .run = run_bugdump},
    {.name = NULL},
};
