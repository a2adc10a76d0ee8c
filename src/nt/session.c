/* SPDX-License-Identifier: MIT */
/*
 * Sessions: EPROCESS.Session points to the MM_SESSION_SPACE that all processes of a session share;
 * those of the system, and the session manager, have none. In it lies an MMSESSION, until Windows
 * 11. Sources: the kernels' public symbols.
 */
#include "nt/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

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

sc_err *nt_sessions_add(struct nt_sessions *s, const struct nt_process *p) {
    const struct nt_field *space = &p->f[NT_P_SESSION];
    if (!nt_set(space))
        return NULL;
    if (p->session_id.state != NT_READ) {
        s->unknown++;
        return NULL;
    }
    uint64_t id = p->session_id.value & 0xffffffff;
    size_t at = place_of(s, id);
    if (at == s->count || s->item[at].id != id) {
        struct nt_session fresh = {.id = id, .space = space->value, .first = p->address};
        sc_err *err = read_memory(s->nt, space->value, &fresh.memory);
        if (err)
            return err;
        if (s->count == NT_SESSIONS_MAX)
            return sc_errf(SC_ERR_LIMIT, "the processes are in more than %d sessions",
                           NT_SESSIONS_MAX);
        if (!SC_VEC_PUSH(s))
            return sc_err_nomem();
        memmove(&s->item[at + 1], &s->item[at], (s->count - 1 - at) * sizeof *s->item);
        s->item[at] = fresh;
    }
    s->item[at].processes++;
    return NULL;
}

const struct nt_session *nt_sessions_find(const struct nt_sessions *s, uint64_t id) {
    size_t at = place_of(s, id);
    return at < s->count && s->item[at].id == id ? &s->item[at] : NULL;
}

void nt_sessions_end(struct nt_sessions *s) {
    free(s->item);
    s->item = NULL;
}
