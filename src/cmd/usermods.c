/* SPDX-License-Identifier: MIT */
/* Keeping the target's list of user-mode modules that of the process at hand. */
#include "cmd/usermods.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/session_impl.h"
#include "cmd/symbols.h"

const struct sc_usermods *sc_session_usermods(const sc_session *s) { return &s->usermods; }

void sc_usermods_deinit(sc_session *s) {
    free(s->usermods.why);
    s->usermods = (struct sc_usermods){.known = false};
}

static bool grave(const sc_err *err) {
    return sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED;
}

/* Puts LIST into the target, and forgets what pointed at the modules before. */
static sc_err *install(sc_session *s, const struct nt *nt, const struct nt_user_modules *list,
                       struct sc_usermods *m) {
    if (!list->count && !s->usermods.count)
        return NULL;
    sc_err *err = sc_symtab_set_user_modules(nt->symtab, list->item, list->count, &m->left_out);
    if (err)
        return err;
    m->count = list->count - m->left_out;
    if (s->symbolry.unwinder)
        sc_unwinder_forget_user(s->symbolry.unwinder);
    sc_unwinder_destroy(s->symbolry.wow_unwinder);
    s->symbolry.wow_unwinder = NULL;
    s->symbolry.epoch++;
    sc_session_reset_scope(s);
    return NULL;
}

static sc_err *read_list(const struct nt *nt, uint64_t process, sc_arena *arena,
                         struct nt_user_modules *ret, struct sc_usermods *m) {
    struct nt_process p;
    sc_err *err = nt_process_read(nt, process, &p);
    if (!err)
        err = nt_user_modules(nt, nt->space, &p, arena, ret);
    m->peb = ret->peb;
    m->peb_absent = ret->peb_absent;
    return err;
}

static sc_err *load(sc_session *s, const struct nt *nt, uint64_t process) {
    struct sc_usermods m = {.known = true, .process = process, .dtb = sc_target_dtb(s->target)};
    struct nt_user_modules list = {.count = 0};
    sc_arena *arena = sc_arena_create();
    sc_err *err = arena ? NULL : sc_err_nomem();
    if (!err && process)
        err = read_list(nt, process, arena, &list, &m);
    const char *why = list.why;
    if (err && !grave(err))
        why = sc_arena_strdup(arena, sc_err_text(err));
    if (err && !grave(err)) {
        sc_err_destroy(err);
        err = NULL;
    }
    if (!err && why && !(m.why = strdup(why)))
        err = sc_err_nomem();
    if (!err)
        err = install(s, nt, &list, &m);
    sc_arena_destroy(arena);
    if (err) {
        free(m.why);
        return err;
    }
    sc_usermods_deinit(s);
    s->usermods = m;
    return NULL;
}

/* The process whose address space is at hand; 0: nobody's that is known. */
static sc_err *process_at_hand(sc_session *s, const struct nt *nt, uint64_t *ret) {
    *ret = 0;
    if (sc_session_tables_unknown(s))
        return NULL;
    sc_err *err = sc_session_process(s, nt, ret);
    if (err && !grave(err)) {
        sc_err_destroy(err);
        *ret = 0;
        err = NULL;
    }
    return err;
}

static sc_err *sync_list(sc_session *s, bool anew) {
    struct nt nt;
    uint64_t process = 0;
    s->syncing = true; /* what is asked on the way is asked of the kernel */
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = process_at_hand(s, &nt, &process);
    bool elsewhere = s->current != sc_target_machine(s->target)->current;
    if (!err && process && elsewhere && !s->implicit_process)
        err = sc_session_follow_process(s, &nt, process);
    const struct sc_usermods *m = &s->usermods;
    bool same = m->known && m->process == process && m->dtb == sc_target_dtb(s->target);
    if (!err && (anew || !same))
        err = load(s, &nt, process);
    s->syncing = false;
    if (err && !grave(err)) {
        sc_err_destroy(err); /* no symbols at all: there are no modules of processes, either */
        err = NULL;
    }
    return err;
}

sc_err *sc_session_sync_modules(sc_session *s) {
    if (!s->procspace || s->syncing || s->symbolry.why)
        return NULL;
    if (s->usermods.known && s->usermods_for == s->procspace_changes)
        return NULL;
    sc_err *err = sync_list(s, false);
    if (!err)
        s->usermods_for = s->procspace_changes;
    return err;
}

sc_err *sc_session_reload_user(sc_session *s) {
    if (!s->procspace || s->syncing)
        return NULL;
    sc_err *err = sync_list(s, true);
    if (!err)
        s->usermods_for = s->procspace_changes;
    return err;
}

/* ---- what `.reload /user` shows ---- */

struct user_row {
    uint64_t process, peb;
    uint32_t modules, left_out;
    const char *why;
};
static const struct sc_field user_fields[] = {
    SC_FIELD(struct user_row, process, SC_F_ADDR), SC_FIELD(struct user_row, peb, SC_F_ADDR),
    SC_FIELD(struct user_row, modules, SC_F_U32),  SC_FIELD(struct user_row, left_out, SC_F_U32),
    SC_FIELD(struct user_row, why, SC_F_STR),      SC_FIELD_END};
static const struct sc_rectype user_type = {"user_modules", sizeof(struct user_row), user_fields};

static void user_text(sc_out *out, const void *record, void *ctx) {
    enum { DOTS = 64 };
    const struct user_row *r = record;
    const sc_session *s = ctx;
    unsigned ptr = sc_target_ptr_size(s->target);
    char ldr[SC_ADDR_BUF];
    sc_puts(out, "Loading User Symbols\n");
    if (s->usermods.peb_absent) {
        sc_printf(out, "PEB is paged out (Peb.Ldr = %s).  Type \".hh dbgerr001\" for details\n",
                  sc_addr_text(r->peb + (ptr == 4 ? 0xc : 0x18), ptr, ldr));
        return;
    }
    for (uint32_t i = 0; i < r->modules; i++)
        sc_puts(out, (i + 1) % DOTS && i + 1 < r->modules ? "." : ".\n");
    if (r->why)
        sc_printf(out, "*** not all modules of the process: %s\n", r->why);
    if (r->left_out)
        sc_printf(out, "*** %u of them lie where others do, and are left out\n", r->left_out);
}

void sc_show_user_modules(sc_session *s) {
    const struct sc_usermods *m = &s->usermods;
    const struct user_row r = {.process = m->process,
                               .peb = m->peb,
                               .modules = (uint32_t)m->count,
                               .left_out = (uint32_t)m->left_out,
                               .why = m->why};
    sc_record(s->out, &user_type, &r, user_text, s);
}

sc_err *sc_session_visit(sc_session *s, const struct nt *nt, uint64_t process,
                         struct sc_implicit *ret_old) {
    *ret_old = sc_session_implicit(s);
    sc_err *err = sc_session_enter_process(s, nt, process);
    if (err)
        return err;
    err = sc_session_sync_modules(s);
    if (err)
        sc_session_restore_implicit(s, ret_old);
    return err;
}

sc_err *sc_session_leave(sc_session *s, const struct sc_implicit *old) {
    sc_session_restore_implicit(s, old);
    return sc_session_sync_modules(s);
}

sc_err *sc_session_visit_process(sc_session *s, const struct nt *nt, uint64_t process,
                                 struct sc_visit *ret) {
    struct nt_process p;
    char digits[SC_NT_BUF];
    bool at_hand;
    *ret = (struct sc_visit){.away = false};
    sc_err *err = sc_session_is_at_hand(s, nt, process, &at_hand);
    if (err || at_hand)
        return err;
    err = nt_process_read(nt, process, &p);
    if (!err)
        err = sc_session_visit(s, nt, process, &ret->old);
    if (err)
        return err;
    ret->away = true;
    if (sc_session_enrich(s))
        sc_remark(s->out, "In the memory of process %s (%s), which is not the one at hand:",
                  sc_nt_ptr_text(process, nt->ptr_size, digits),
                  p.image_state == NT_READ ? p.image : "?");
    return NULL;
}

sc_err *sc_session_visit_owner(sc_session *s, uint64_t thread, struct sc_visit *ret) {
    struct nt nt;
    struct nt_thread t;
    *ret = (struct sc_visit){.away = false};
    if (!s->procspace)
        return NULL;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err && !thread)
        err = sc_session_thread(s, &nt, &thread);
    if (!err)
        err = nt_thread_read(&nt, thread, &t);
    if (err || !nt_set(&t.f[NT_T_PROCESS]))
        return err;
    return sc_session_visit_process(s, &nt, t.f[NT_T_PROCESS].value, ret);
}

sc_err *sc_session_return(sc_session *s, const struct sc_visit *visit, sc_err *err) {
    sc_err *back = visit->away ? sc_session_leave(s, &visit->old) : NULL;
    if (!err)
        return back;
    sc_err_destroy(back);
    return err;
}
