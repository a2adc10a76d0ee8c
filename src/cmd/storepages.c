/* SPDX-License-Identifier: MIT */
/*
 * The target asks when it first meets a page that is in a page file which was not given: only then
 * symbols are looked at, to tell whether that file is the memory store, and where pages are in it.
 * Windows had none before 10.
 */
#include "cmd/storepages.h"

#include <stdlib.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "nt/memstore.h"
#include "target/target_impl.h"

enum { FIRST_BUILD = 10240 };

struct sc_storepages {
    struct nt_memstore *store; /* NULL: none, or where its pages are is not known */
    uint16_t files;
    bool busy; /* reads on the way are not answered */
};

sc_err *sc_storepages_bind(sc_session *s, const struct nt *nt) {
    struct sc_storepages *p = s->storepages;
    struct nt_memstore *store = NULL;
    uint16_t files = 0;
    if (!p || nt->build < FIRST_BUILD)
        return NULL;
    bool before = p->busy;
    p->busy = true;
    sc_err *err = nt_memstore_files(nt, &files);
    if (!err && files)
        err = nt_memstore_create(nt, &store);
    p->busy = before;
    if (err)
        return err;
    nt_memstore_destroy(p->store);
    p->store = store;
    p->files = files;
    sc_target_set_stores(s->target, files);
    return NULL;
}

/* Symbols that are being looked for, and the lists they need, ask for memory, too: then this page
 * stays away. */
static bool may_ask(const sc_session *s) {
    const struct sc_storepages *p = s->storepages;
    const sc_symtab *symtab = s->symbolry.symtab;
    return !p->busy && sc_target_machine(s->target)->build >= FIRST_BUILD && !s->symbolry.making &&
           !sc_target_is_listing(s->target) && !(symtab && sc_symtab_is_loading(symtab));
}

/* Binding is a part of sc_session_nt(). */
static void need_symbols(sc_session *s) {
    struct nt nt;
    s->storepages->busy = true;
    sc_err *err = sc_session_nt(s, &nt);
    s->storepages->busy = false;
    if (sc_err_code(err) == SC_ERR_NOMEM)
        sc_target_set_nomem(s->target);
    sc_err_destroy(err);
}

static enum sc_read ask(void *ctx, unsigned number, uint64_t page, uint8_t buf[0x1000]) {
    sc_session *s = ctx;
    struct sc_storepages *p = s->storepages;
    if (!may_ask(s))
        return SC_READ_PAGED_OUT;
    need_symbols(s);
    if (number > 15 || !(p->files >> number & 1))
        return SC_READ_PAGED_OUT;
    if (!p->store)
        return SC_READ_COMPRESSED;
    p->busy = true;
    enum sc_read status = nt_memstore_page(p->store, number, page, buf);
    p->busy = false;
    return status;
}

sc_err *sc_storepages_init(sc_session *s) {
    if (!s->target || !sc_target_has_paging(s->target))
        return NULL;
    s->storepages = calloc(1, sizeof *s->storepages);
    if (!s->storepages)
        return sc_err_nomem();
    sc_target_set_pagefiles(s->target, ask, s);
    return NULL;
}

void sc_storepages_deinit(sc_session *s) {
    if (!s->storepages)
        return;
    sc_target_set_pagefiles(s->target, NULL, NULL);
    sc_target_set_stores(s->target, 0);
    nt_memstore_destroy(s->storepages->store);
    free(s->storepages);
    s->storepages = NULL;
}
