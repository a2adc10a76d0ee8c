/* SPDX-License-Identifier: MIT */
/*
 * The target has one virtual space, whose page tables can be exchanged. A filler on it asks the
 * VADs of the process that the tables are of. Which process that is, is looked up when the filler
 * is first asked: most sessions never need it.
 */
#include "cmd/procspace.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/session_impl.h"
#include "nt/process.h"
#include "nt/ptes.h"
#include "target/target_impl.h"

enum { MAPPED_MAX = 1 << 30 };

struct sc_procspace {
    uint64_t dtb;  /* set by the user; 0: the dump's */
    bool unknown;  /* whose tables these are */
    bool busy;     /* looking up: reads on the way are not filled */
    bool has_fill; /* `fill` is of the process at hand */
    uint64_t tried_epoch;
    bool tried;
    struct nt_vadfill fill;
};

static void forget(struct sc_procspace *p) {
    if (p->has_fill)
        nt_vadfill_deinit(&p->fill);
    p->has_fill = p->tried = false;
}

/* Are the tables that are gone through now the process's? */
static bool has_tables(sc_target *target, const struct nt_process *process) {
    bool pae = sc_target_paging(target)->mode == SC_PAGING_PAE;
    uint64_t flags = pae ? 0x1f : 0xfff, top = (uint64_t)1 << 63;
    uint64_t differ = nt_or(&process->f[NT_P_DIR_BASE], 0) ^ sc_target_dtb(target);
    return !(differ & ~(flags | top));
}

/* The VADs of the process at hand. */
static sc_err *find_vads(sc_session *s, struct sc_procspace *p) {
    struct nt nt;
    struct nt_process process;
    uint64_t address;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = sc_session_process(s, &nt, &address);
    if (!err)
        err = nt_process_read(&nt, address, &process);
    if (err || !nt_process_valid(&process) || !nt_set(&process.f[NT_P_VAD_ROOT]) ||
        !has_tables(s->target, &process))
        return err;
    nt_vadfill_init(&p->fill, &nt, process.f[NT_P_VAD_ROOT].value);
    p->has_fill = true;
    return NULL;
}

/* Looks for them once, and again after symbols were reloaded. */
static sc_err *need_vads(sc_session *s) {
    struct sc_procspace *p = s->procspace;
    if (p->tried && p->tried_epoch != s->symbolry.epoch)
        forget(p);
    if (p->tried || p->unknown)
        return NULL;
    p->busy = true;
    sc_err *err = find_vads(s, p);
    p->busy = false;
    if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
        sc_err_destroy(err);
        err = NULL;
    }
    p->tried = !err;
    p->tried_epoch = s->symbolry.epoch;
    return err;
}

static enum sc_read fill(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    sc_session *s = ctx;
    struct sc_procspace *p = s->procspace;
    *ret_got = 0;
    if (p->busy || sc_target_is_listing(s->target) ||
        sc_paging_is_kernel(sc_target_paging(s->target)->mode, addr))
        return SC_READ_ABSENT;
    sc_err *err = need_vads(s);
    bool nomem = sc_err_code(err) == SC_ERR_NOMEM;
    sc_err_destroy(err);
    enum sc_read status = SC_READ_ABSENT;
    if (!err && p->has_fill) {
        p->busy = true;
        status = nt_vadfill_read(&p->fill, addr, buf, len, ret_got);
        p->busy = false;
        nomem = p->fill.nomem;
        p->fill.nomem = false;
    }
    if (nomem)
        sc_target_set_nomem(s->target);
    return status;
}

/* ---- life ---- */

sc_err *sc_procspace_init(sc_session *s) {
    if (!s->target || !sc_target_has_paging(s->target))
        return NULL;
    s->procspace = calloc(1, sizeof *s->procspace);
    if (!s->procspace)
        return sc_err_nomem();
    return sc_space_add_filler(sc_target_space(s->target), "the process's VADs", fill, s);
}

void sc_procspace_deinit(sc_session *s) {
    if (!s->procspace)
        return;
    sc_space_remove_filler(sc_target_space(s->target), fill, s);
    if (s->procspace->dtb)
        sc_err_destroy(sc_target_set_dtb(s->target, 0));
    forget(s->procspace);
    free(s->procspace);
    s->procspace = NULL;
}

/* ---- switching ---- */

static sc_err *enter(sc_session *s, uint64_t dtb, bool unknown) {
    struct sc_procspace *p = s->procspace;
    if (!p)
        return NULL;
    sc_err *err = p->dtb == dtb ? NULL : sc_target_set_dtb(s->target, dtb);
    if (err)
        return err;
    forget(p);
    p->dtb = dtb;
    p->unknown = unknown;
    s->procspace_changes++;
    return NULL;
}

sc_err *sc_session_enter_process(sc_session *s, const struct nt *nt, uint64_t address) {
    struct nt_process process;
    if (!s->procspace) {
        sc_session_set_process(s, address);
        return NULL;
    }
    sc_err *err = nt_process_read(nt, address, &process);
    if (err)
        return err;
    const struct nt_field *dtb = &process.f[NT_P_DIR_BASE];
    if (!nt_set(dtb))
        return sc_errf(SC_ERR_NOT_FOUND, "the page directory of process %" PRIx64 " is %s", address,
                       dtb->state == NT_READ ? "0: it has ended" : nt_why(dtb));
    err = enter(s, dtb->value, false);
    if (!err)
        sc_session_set_process(s, address);
    return err;
}

sc_err *sc_session_enter_tables(sc_session *s, uint64_t dtb) { return enter(s, dtb, true); }

sc_err *sc_session_leave_process(sc_session *s) {
    sc_session_set_process(s, 0);
    return enter(s, 0, false);
}

sc_err *sc_session_follow_process(sc_session *s, const struct nt *nt, uint64_t address) {
    struct nt_process process;
    struct sc_procspace *p = s->procspace;
    uint64_t base = sc_target_machine(s->target)->kernel_base, before = p->dtb, word;
    sc_err *err = nt_process_read(nt, address, &process);
    const struct nt_field *dtb = &process.f[NT_P_DIR_BASE];
    if (err || !nt_process_valid(&process) || !nt_set(dtb) || has_tables(s->target, &process))
        return err;
    err = enter(s, dtb->value, false);
    if (!err && sc_space_uint(sc_target_space(s->target), base, 2, &word) != SC_READ_OK)
        err = enter(s, before, false);
    return err;
}

sc_err *sc_session_is_at_hand(sc_session *s, const struct nt *nt, uint64_t address, bool *ret) {
    uint64_t mine;
    *ret = false;
    if (sc_session_tables_unknown(s))
        return NULL;
    sc_err *err = sc_session_process(s, nt, &mine);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL;
    if (!err)
        *ret = mine == address;
    return err;
}

bool sc_session_tables_unknown(const sc_session *s) {
    return s->procspace && s->procspace->unknown;
}

struct sc_implicit sc_session_implicit(const sc_session *s) {
    return (struct sc_implicit){s->implicit_thread, s->implicit_process,
                                s->procspace ? s->procspace->dtb : 0, s->effmach};
}

void sc_session_restore_implicit(sc_session *s, const struct sc_implicit *old) {
    bool unknown = old->dtb && !old->process;
    if (s->procspace && s->procspace->dtb != old->dtb)
        sc_err_destroy(enter(s, old->dtb, unknown));
    s->procspace_changes++;
    s->implicit_thread = old->thread;
    s->implicit_process = old->process;
    s->effmach = old->effmach;
}

/* ---- what VADs say ---- */

sc_err *sc_session_behind(sc_session *s, uint64_t addr, const struct sc_translation *tr,
                          struct nt_page *ret) {
    *ret = (struct nt_page){.behind = NT_BEHIND_NOTHING};
    if (!s->procspace || sc_paging_is_kernel(sc_target_paging(s->target)->mode, addr))
        return NULL;
    sc_err *err = need_vads(s);
    if (err || !s->procspace->has_fill)
        return err;
    return nt_vadfill_page(&s->procspace->fill, addr, tr, ret);
}

bool sc_session_mapped(sc_session *s, uint64_t addr, uint64_t *ret_start, uint64_t *ret_last) {
    if (!s->procspace)
        return false;
    sc_err *err = need_vads(s);
    bool ok = !err && s->procspace->has_fill;
    if (sc_err_code(err) == SC_ERR_NOMEM)
        sc_target_set_nomem(s->target);
    sc_err_destroy(err);
    if (!ok)
        return false;
    s->procspace->busy = true;
    ok = nt_vadfill_mapped(&s->procspace->fill, addr, MAPPED_MAX, ret_start, ret_last);
    s->procspace->busy = false;
    return ok;
}

void sc_session_note_zeros(sc_session *s) {
    struct sc_procspace *p = s->procspace;
    if (!p || !p->has_fill || !p->fill.zero_pages)
        return;
    uint64_t first = p->fill.first_zero;
    p->fill.zero_pages = 0;
    if (sc_session_enrich(s))
        sc_remark(s->out,
                  "No page holds what is at 0x%" PRIx64 ": it was never touched, so that it is 0 "
                  "to the process.",
                  first);
}

void sc_session_forget_zeros(sc_session *s) {
    if (s->procspace && s->procspace->has_fill)
        s->procspace->fill.zero_pages = 0;
}
