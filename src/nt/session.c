/* SPDX-License-Identifier: MIT */
/*
 * Sessions: EPROCESS.Session points to the MM_SESSION_SPACE that all processes of a session share;
 * those of the system, and the session manager, have none. In it lies an MMSESSION, until Windows
 * 11. All of them are linked through WsListEntry:
 *
 *   until 8.1    nt!MiSessionWsList
 *   Windows 10   MI_VISIBLE_STATE.SessionWsList; nt!MiVisibleState points to that structure
 *
 * Sources: the kernels' public symbols.
 */
#include "nt/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "nt/global.h"

static const struct sc_layout_field rows[] = {{"Session", 1, true}};
static const struct nt_def space_def = {{"nt!_MM_SESSION_SPACE", rows, 1}, 1, NULL, NULL, 0};

static sc_err *read_memory(const struct nt *nt, uint64_t space, struct nt_field *ret) {
    uint64_t offset = 0;
    bool found = false;
    sc_err *err = nt_offset(nt, &space_def, 0, &offset, &found);
    if (err && !sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return err;
    *ret = found ? (struct nt_field){nt_add(nt, space, offset), NT_READ}
                 : (struct nt_field){0, NT_NO_FIELD};
    return NULL;
}

static size_t place_of(const struct nt_sessions *s, uint64_t id) {
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->item[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Session ID, which is new unless it is known; *RET_AT is its place. */
static sc_err *put(struct nt_sessions *s, uint64_t id, uint64_t space, size_t *ret_at) {
    size_t at = place_of(s, id);
    *ret_at = at;
    if (at < s->count && s->item[at].id == id)
        return NULL;
    struct nt_session fresh = {.id = id, .space = space};
    sc_err *err = read_memory(s->nt, space, &fresh.memory);
    if (err)
        return err;
    if (s->count == NT_SESSIONS_MAX)
        return sc_errf(SC_ERR_LIMIT, "there are more than %d sessions", NT_SESSIONS_MAX);
    if (!SC_VEC_PUSH(s))
        return sc_err_nomem();
    memmove(&s->item[at + 1], &s->item[at], (s->count - 1 - at) * sizeof *s->item);
    s->item[at] = fresh;
    return NULL;
}

sc_err *nt_sessions_add(struct nt_sessions *s, const struct nt_process *p) {
    const struct nt_field *space = &p->f[NT_P_SESSION];
    size_t at;
    if (!nt_set(space))
        return NULL;
    if (p->session_id.state != NT_READ) {
        s->unknown++;
        return NULL;
    }
    sc_err *err = put(s, p->session_id.value & 0xffffffff, space->value, &at);
    if (err)
        return err;
    if (!s->item[at].processes++)
        s->item[at].first = p->address;
    return NULL;
}

/* ---- the kernel's list ---- */

enum { S_ID, S_LINK, S_FIELDS };
static const struct sc_layout_field list_rows[S_FIELDS] = {
    [S_ID] = {"SessionId", 4, true},
    [S_LINK] = {"WsListEntry", 1, true},
};
static const struct nt_def list_def = {
    {"nt!_MM_SESSION_SPACE", list_rows, S_FIELDS}, S_FIELDS, NULL, NULL, 0};
static const struct sc_layout_field head_rows[] = {{"SessionWsList", 1, true}};
static const struct nt_def head_def = {{"nt!_MI_VISIBLE_STATE", head_rows, 1}, 1, NULL, NULL, 0};

enum { WINDOWS_10 = 10000 };

const char *nt_session_list_name(const struct nt *nt) {
    return nt->build < WINDOWS_10 ? "nt!MiSessionWsList" : "nt!MiVisibleState";
}

/* The list's head; 0: not known. */
static sc_err *list_head(const struct nt *nt, uint64_t *ret) {
    struct nt_field at;
    uint64_t offset = 0;
    bool found = false;
    *ret = 0;
    sc_err *err = nt_var_address(nt, &(struct nt_var){nt_session_list_name(nt), 0}, &at);
    if (err || at.state != NT_READ)
        return err;
    if (nt->build < WINDOWS_10) {
        *ret = at.value;
        return NULL;
    }
    at = nt_pointer(nt, at.value);
    err = nt_offset(nt, &head_def, 0, &offset, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        found = false;
    if (!err && found && nt_set(&at) && nt_is_kernel(nt, at.value))
        *ret = nt_add(nt, at.value, offset);
    return err;
}

sc_err *nt_session_list_begin(const struct nt *nt, struct nt_list *ret_list, bool *ret_found) {
    uint64_t head, offset;
    bool found = false;
    sc_err *err = list_head(nt, &head);
    *ret_found = false;
    if (err || !head)
        return err;
    err = nt_offset(nt, &list_def, S_LINK, &offset, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err || !found)
        return err;
    nt_list_begin(ret_list, nt, head, NT_SESSIONS_MAX);
    *ret_found = true;
    return NULL;
}

sc_err *nt_session_of_link(const struct nt *nt, uint64_t link, uint64_t *ret_space) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &list_def, S_LINK, &offset, &found);
    if (!err)
        *ret_space = nt_add(nt, link, 0 - offset);
    return err;
}

sc_err *nt_sessions_add_list(struct nt_sessions *s, struct nt_list *list, bool *ret_found) {
    struct nt_field f[S_FIELDS];
    uint64_t link, space;
    size_t at;
    sc_err *err = nt_session_list_begin(s->nt, list, ret_found);
    while (!err && *ret_found && nt_list_next(list, &link)) {
        err = nt_session_of_link(s->nt, link, &space);
        if (!err)
            err = nt_load_optional(s->nt, &list_def, space, f, NULL);
        if (!err && f[S_ID].state == NT_READ)
            err = put(s, f[S_ID].value, space, &at);
        else if (!err)
            s->unlisted++;
    }
    if (!err && *ret_found && list->end == NT_LIST_STOP)
        err = sc_err_cancelled();
    return err;
}

const struct nt_session *nt_sessions_find(const struct nt_sessions *s, uint64_t id) {
    size_t at = place_of(s, id);
    return at < s->count && s->item[at].id == id ? &s->item[at] : NULL;
}

void nt_sessions_end(struct nt_sessions *s) {
    free(s->item);
    s->item = NULL;
}
