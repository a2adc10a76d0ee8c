/* SPDX-License-Identifier: MIT */
/*
 * What processes have committed.
 *
 *   EPROCESS.CommitCharge         pages of its own
 *   EPROCESS.SharedCommitCharge   its part of shared ones (Windows 10)
 *   Vm.Shared.ReleasedCommitDebt  what was given back while it was swapped out (Windows 10)
 *   EPROCESS.Session              MM_SESSION_SPACE: CommittedPages, SessionId, PagedPoolInfo
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts).
 */
#include "nt/commit.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "nt/session.h"

enum { F_PID, F_SESSION, F_COMMIT, F_SHARED, F_DEBT, FIELDS };
static const struct sc_layout_field rows[FIELDS] = {
    [F_PID] = {"UniqueProcessId", 1, true},
    [F_SESSION] = {"Session", 1, true},
    [F_COMMIT] = {"CommitCharge", 1, true},
    [F_SHARED] = {"SharedCommitCharge", 1, true},
    [F_DEBT] = {"Vm.Shared.ReleasedCommitDebt", 1, true},
};
static const uint8_t pointers[] = {F_PID, F_SESSION, F_COMMIT, F_SHARED, F_DEBT};
static const struct nt_def def = {
    {"nt!_EPROCESS", rows, FIELDS}, FIELDS, NULL, NT_POINTERS(pointers)};
static const struct sc_layout_field image_rows[] = {{"ImageFileName", 1, true}};
static const struct nt_def image_def = {{"nt!_EPROCESS", image_rows, 1}, 1, NULL, NULL, 0};

enum { S_ID, S_COMMIT, S_POOL, S_FIELDS };
static const struct sc_layout_field session_rows[S_FIELDS] = {
    [S_ID] = {"SessionId", 4, true},
    [S_COMMIT] = {"CommittedPages", 1, true},
    [S_POOL] = {"PagedPoolInfo.AllocatedPagedPool", 1, true},
};
static const uint8_t session_pointers[] = {S_COMMIT, S_POOL};
static const struct nt_def session_def = {{"nt!_MM_SESSION_SPACE", session_rows, S_FIELDS},
                                          S_FIELDS,
                                          NULL,
                                          NT_POINTERS(session_pointers)};

enum { SESSIONS_MAX = 256 };

struct walk {
    const struct nt *nt;
    struct {
        struct nt_process_commit *item;
        size_t count, room;
    } processes;
    struct {
        struct nt_session_commit *item;
        size_t count, room;
    } sessions;
    struct nt_commits *c;
};

/* PROCESSES of the session at ADDRESS more. */
static sc_err *add_session(struct walk *w, uint64_t address, unsigned processes) {
    struct nt_field f[S_FIELDS];
    if (!nt_is_kernel(w->nt, address))
        return NULL;
    for (size_t i = 0; i < w->sessions.count; i++)
        if (w->sessions.item[i].address == address) {
            w->sessions.item[i].processes += processes;
            return NULL;
        }
    if (w->sessions.count == SESSIONS_MAX)
        return NULL;
    sc_err *err = nt_load_optional(w->nt, &session_def, address, f, &w->c->assumed);
    struct nt_session_commit *s = err ? NULL : SC_VEC_PUSH(&w->sessions);
    if (!s)
        return err ? err : sc_err_nomem();
    *s = (struct nt_session_commit){address, (uint32_t)nt_or(&f[S_ID], UINT32_MAX), f[S_COMMIT],
                                    f[S_POOL], processes};
    return NULL;
}

/* Those of the kernel's list, which may have no process. */
static sc_err *add_sessions(struct walk *w) {
    struct nt_list list;
    uint64_t link, space;
    sc_err *err = nt_session_list_begin(w->nt, &list, &w->c->listed);
    while (!err && w->c->listed && nt_list_next(&list, &link)) {
        err = nt_session_of_link(w->nt, link, &space);
        if (!err)
            err = add_session(w, space, 0);
    }
    if (!err && w->c->listed && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    return err;
}

/* Printable up to a NUL, else "". */
static sc_err *read_image(const struct nt *nt, uint64_t process, char image[NT_IMAGE_NAME]) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &image_def, 0, &offset, &found);
    memset(image, 0, NT_IMAGE_NAME);
    if (err || !found)
        return err;
    if (sc_space_read(nt->space, nt_add(nt, process, offset), image, NT_IMAGE_NAME - 1, NULL) !=
        SC_READ_OK)
        memset(image, 0, NT_IMAGE_NAME);
    for (const char *c = image; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            memset(image, 0, NT_IMAGE_NAME);
    return NULL;
}

static sc_err *add_process(struct walk *w, uint64_t link) {
    struct nt_field f[FIELDS];
    uint64_t process;
    sc_err *err = nt_process_of_link(w->nt, link, &process);
    if (!err)
        err = nt_load(w->nt, &def, process, f, &w->c->assumed);
    if (err)
        return err;
    if (f[F_COMMIT].state != NT_READ) {
        w->c->absent++;
        return NULL;
    }
    struct nt_process_commit *p = SC_VEC_PUSH(&w->processes);
    if (!p)
        return sc_err_nomem();
    *p = (struct nt_process_commit){process,     nt_or(&f[F_PID], 0), "",
                                    f[F_COMMIT], f[F_SHARED],         f[F_DEBT]};
    err = read_image(w->nt, process, p->image);
    if (!err && nt_set(&f[F_SESSION]))
        err = add_session(w, f[F_SESSION].value, 1);
    return err;
}

sc_err *nt_commits_read(const struct nt *nt, struct nt_commits *ret) {
    struct nt_commits c = {0};
    struct walk w = {.nt = nt, .c = &c};
    uint64_t link;
    sc_err *err = nt_processes_begin(nt, &c.list, &c.found);
    while (!err && c.found && nt_list_next(&c.list, &link))
        err = add_process(&w, link);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        c.found = false; /* the symbols have no nt!_EPROCESS */
    if (!err && c.found && c.list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (!err)
        err = add_sessions(&w);
    c.process = w.processes.item;
    c.nprocesses = w.processes.count;
    c.session = w.sessions.item;
    c.nsessions = w.sessions.count;
    if (err)
        nt_commits_deinit(&c);
    else
        *ret = c;
    return err;
}

void nt_commits_deinit(struct nt_commits *c) {
    free(c->process);
    free(c->session);
    c->process = NULL;
    c->session = NULL;
    c->nprocesses = c->nsessions = 0;
}
