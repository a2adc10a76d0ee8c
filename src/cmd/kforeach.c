/* SPDX-License-Identifier: MIT */
/*
 * `!for_each_process` and `!for_each_thread`: commands run once for each process, or thread, of a
 * kernel, with @#Process or @#Thread replaced by its address.
 *
 * Addresses are collected before the first command runs: commands may change whose memory is seen.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"
#include "cmd/control.h"
#include "cmd/dispatch.h"
#include "cmd/foreach.h"
#include "cmd/keach.h"
#include "cmd/session_impl.h"

struct found {
    struct {
        uint64_t *item;
        size_t count, room;
    } list;
};

static sc_err *keep(struct found *f, uint64_t address) {
    uint64_t *slot = SC_VEC_PUSH(&f->list);
    if (!slot)
        return sc_err_nomem();
    *slot = address;
    return NULL;
}

static sc_err *on_process(void *ctx, const struct nt_process *p) { return keep(ctx, p->address); }

static sc_err *on_thread(void *ctx, const struct nt_process *p, const struct nt_thread *t) {
    (void)p;
    return keep(ctx, t->address);
}

static sc_err *run_one(sc_session *s, const char *text, const char *name, uint64_t address) {
    char digits[24];
    struct sc_textbuf line = {.max = SC_LINE_MAX};
    snprintf(digits, sizeof digits, "0x%0*" PRIx64, (int)sc_target_ptr_size(s->target) * 2,
             address);
    const struct sc_named names[] = {{name, digits}};
    sc_replace_names(names, 1, text, &line);
    sc_err *err = sc_textbuf_error(&line, "the commands with their names replaced");
    if (!err)
        sc_session_run_nested(s, sc_textbuf_text(&line));
    sc_textbuf_free(&line);
    return err;
}

static sc_err *run_each(sc_session *s, const struct sc_args *args, const struct sc_keach *each,
                        const char *name, const char *otherwise) {
    struct found *f = each->ctx;
    struct nt nt;
    const char *why = NULL, *text = sc_each_text(args, otherwise);
    sc_err *err = text ? sc_session_nt(s, &nt) : sc_err_nomem();
    if (!err)
        err = sc_each_kthread(s, &nt, each, args->arena, &why);
    for (size_t i = 0; !err && i < f->list.count; i++) {
        err = sc_turn(s);
        if (!err)
            err = run_one(s, text, name, f->list.item[i]);
        if (s->script.flow || s->quit || sc_out_failed(s->out))
            break;
    }
    SC_VEC_FREE(&f->list);
    if (!err && why)
        sc_remark(s->out, "*** not all of them are in the dump: %s", why);
    return err;
}

sc_err *sc_run_for_each_process(sc_session *s, const struct sc_args *args) {
    struct found f = {.list = {0}};
    const struct sc_keach each = {.process = on_process, .ctx = &f};
    return run_each(s, args, &each, "Process", "!process @#Process 0");
}

sc_err *sc_run_for_each_thread(sc_session *s, const struct sc_args *args) {
    struct found f = {.list = {0}};
    const struct sc_keach each = {.thread = on_thread, .ctx = &f};
    return run_each(s, args, &each, "Thread", "!thread @#Thread 2");
}
