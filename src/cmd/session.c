/* SPDX-License-Identifier: MIT */
/*
 * The session: what a person sets at the prompt, and the small questions commands ask about it.
 * Running lines is dispatch.c, expressions are eval.c.
 */
#include "cmd/session_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cmd/procspace.h"
#include "cmd/storepages.h"
#include "cmd/wow64.h"

sc_err *sc_session_create(sc_target *target, sc_out *out, sc_session **ret_session) {
    sc_session *s = calloc(1, sizeof *s);
    if (!s)
        return sc_err_nomem();
    s->target = target;
    s->out = out;
    s->main_out = out;
    s->tz = SC_TZ_LOCAL;
    s->radix = 16;
    s->enrich = true;
    s->lines = true;
    s->kframes = SC_KFRAMES_DEFAULT;
    sc_symbolry_init(&s->symbolry);
    sc_listing_init(&s->listing);
    if (target)
        s->current = sc_target_machine(target)->current;
    sc_err *err = sc_procspace_init(s);
    if (!err)
        err = sc_storepages_init(s);
    if (err) {
        sc_session_destroy(s);
        return err;
    }
    *ret_session = s;
    return NULL;
}

void sc_session_destroy(sc_session *s) {
    if (!s)
        return;
    sc_logfile_close(s);
    sc_logfile_settle(s);
    sc_aliases_destroy(s->script.aliases);
    free(s->hits);
    sc_storepages_deinit(s);
    sc_procspace_deinit(s);
    sc_usermods_deinit(s);
    sc_symbolry_deinit(&s->symbolry);
    sc_listing_deinit(&s->listing);
    free(s->symbol_path);
    free(s->image_path);
    free(s->source_path);
    free(s);
}

sc_target *sc_session_target(const sc_session *s) { return s->target; }
sc_out *sc_session_out(const sc_session *s) { return s->out; }
unsigned sc_session_ptr_size(const sc_session *s) {
    if (s->effmach == SC_CPU_X86)
        return 4;
    return s->target ? sc_target_ptr_size(s->target) : 8;
}
bool sc_session_done(const sc_session *s) { return s->quit; }
void sc_session_quit(sc_session *s) { s->quit = true; }
long sc_session_tz(const sc_session *s) { return s->tz; }
void sc_session_set_tz(sc_session *s, long offset) { s->tz = offset; }
unsigned sc_session_radix(const sc_session *s) { return s->radix; }
void sc_session_set_radix(sc_session *s, unsigned radix) { s->radix = radix; }
bool sc_session_enrich(const sc_session *s) { return s->enrich; }
void sc_session_set_enrich(sc_session *s, bool on) { s->enrich = on; }
bool sc_session_lines(const sc_session *s) { return s->lines; }
void sc_session_set_lines(sc_session *s, bool on) { s->lines = on; }
bool sc_session_cxx(const sc_session *s) { return s->cxx; }
void sc_session_set_cxx(sc_session *s, bool cxx) { s->cxx = cxx; }
void sc_session_set_last(sc_session *s, uint64_t value) { s->last = value; }

void sc_session_set_progress(sc_session *s, sc_progress_fn fn, void *ctx) {
    s->progress = fn;
    s->progress_ctx = ctx;
}

void sc_session_progress(sc_session *s, const char *what, uint64_t done, uint64_t total) {
    if (!s->progress)
        return;
    s->progress_shown = true;
    s->progress(s->progress_ctx, what, done, total);
}

void sc_session_progress_end(sc_session *s) {
    if (s->progress_shown)
        s->progress(s->progress_ctx, NULL, 0, 0);
    s->progress_shown = false;
}

bool sc_session_dot(const sc_session *s, uint64_t *ret_addr) {
    if (s->has_dot)
        *ret_addr = s->dot;
    return s->has_dot;
}

void sc_session_set_dot(sc_session *s, uint64_t addr) {
    s->has_dot = true;
    s->dot = addr;
}

bool sc_session_unasm(const sc_session *s, uint64_t *ret_addr) {
    if (s->has_unasm)
        *ret_addr = s->unasm;
    return s->has_unasm;
}

void sc_session_set_unasm(sc_session *s, uint64_t addr) {
    s->has_unasm = true;
    s->unasm = addr;
}

uint32_t sc_session_current(const sc_session *s) { return s->current; }

/* Is there a processor or thread INDEX? *RET_COUNT: how many there are. */
static sc_err *index_exists(sc_session *s, uint32_t index, bool *ret_exists, size_t *ret_count) {
    const struct sc_machine *m = sc_target_machine(s->target);
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(s->target, &threads);
    if (err && !m->kernel)
        return err;
    sc_err_destroy(err); /* the header of a kernel dump gives the number of processors anyway */
    size_t n = err ? 0 : threads->count;
    bool found = false;
    for (size_t i = 0; i < n && !found; i++)
        found = threads->item[i].index == index;
    *ret_exists = found || (m->kernel && index < m->ncpus);
    *ret_count = m->kernel && m->ncpus > n ? m->ncpus : n;
    return NULL;
}

sc_err *sc_session_set_current(sc_session *s, uint32_t index) {
    if (!s->target)
        return sc_errf(SC_ERR_NOT_FOUND, "no dump is open");
    bool exists;
    size_t count;
    sc_err *err = index_exists(s, index, &exists, &count);
    if (err)
        return err;
    if (!exists)
        return sc_errf(SC_ERR_NOT_FOUND, "there is no %s %u: this dump has %zu",
                       sc_target_machine(s->target)->kernel ? "processor" : "thread", index, count);
    s->current = index;
    s->effmach = SC_CPU_UNKNOWN;
    s->implicit_thread = 0;
    err = sc_session_leave_process(s);
    if (err)
        return err;
    s->context = (struct sc_context){0};
    s->has_unasm = false;
    return NULL;
}

sc_err *sc_session_base_regs(sc_session *s, struct sc_regs *ret_regs) {
    if (s->context.has_regs) {
        *ret_regs = s->context.regs;
        return NULL;
    }
    if (!s->target)
        return sc_errf(SC_ERR_NOT_FOUND, "no dump is open, so there are no registers");
    if (s->effmach != SC_CPU_X86)
        return sc_target_regs(s->target, s->current, ret_regs);
    struct sc_regs native;
    sc_err *err = sc_target_regs(s->target, s->current, &native);
    bool none = sc_err_catch(&err, SC_ERR_NOT_FOUND);
    return err ? err : sc_session_wow_regs(s, none ? NULL : &native, ret_regs);
}

sc_err *sc_session_regs(sc_session *s, struct sc_regs *ret_regs) {
    if (!s->context.has_frame)
        return sc_session_base_regs(s, ret_regs);
    *ret_regs = s->context.frame.regs;
    return NULL;
}

void sc_session_set_regs(sc_session *s, const struct sc_regs *regs) {
    s->has_unasm = false;
    s->context = (struct sc_context){.has_regs = regs != NULL};
    if (regs)
        s->context.regs = *regs;
}

bool sc_session_has_context(const sc_session *s) {
    return s->context.has_regs || s->context.has_frame;
}

const struct sc_context *sc_session_context(const sc_session *s) { return &s->context; }

void sc_session_restore_context(sc_session *s, const struct sc_context *context) {
    s->has_unasm = false;
    s->context = *context;
    if (context->epoch != s->symbolry.epoch)
        sc_session_reset_scope(s);
}

void sc_session_reset_scope(sc_session *s) {
    s->has_unasm &= !s->context.has_frame;
    s->context.has_frame = s->context.has_scope = false;
    s->context.first = s->context.number = 0;
}

uint32_t sc_session_kframes(const sc_session *s) { return s->kframes; }
void sc_session_set_kframes(sc_session *s, uint32_t count) { s->kframes = count; }

void sc_session_prompt(const sc_session *s, char *buf, size_t size) {
    if (!size)
        return;
    const struct sc_machine *m = s->target ? sc_target_machine(s->target) : NULL;
    const char *narrow = s->effmach == SC_CPU_X86 ? ":x86" : "";
    if (!m)
        snprintf(buf, size, "stopcode> ");
    else if (!m->kernel)
        snprintf(buf, size, "0:%03u%s> ", s->current, narrow);
    else if (m->ncpus > 1)
        snprintf(buf, size, "%u: kd%s> ", s->current, narrow);
    else
        snprintf(buf, size, "kd%s> ", narrow);
}

sc_err *sc_session_set_paths(sc_session *s, const char *symbols, const char *images) {
    char *sym = symbols ? strdup(symbols) : NULL;
    char *img = images ? strdup(images) : NULL;
    if ((symbols && !sym) || (images && !img)) {
        free(sym);
        free(img);
        return sc_err_nomem();
    }
    free(s->symbol_path);
    free(s->image_path);
    s->symbol_path = sym;
    s->image_path = img;
    s->has_paths = true;
    return NULL;
}
