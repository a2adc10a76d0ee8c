/* SPDX-License-Identifier: MIT */
/*
 * What processes belong to: jobs, sessions.
 *
 *   job       EJOB with an event in front; processes hang in ProcessListHead by their JobLinks, and
 *             know it (Job). Since 8 jobs may lie in others: ParentJob, RootJob, the parent's
 *             ChildJobListHead; a process is in the list of the innermost one alone, and counts in
 *             all of them
 *   session   MM_SESSION_SPACE; processes hang in ProcessList by their SessionProcessLinks, and
 * know it (Session); ImageFileName and all else is theirs
 */
#include "forge/world.h"

static void close_list(struct forge_world *w, const char *type, uint64_t addr, const char *path) {
    struct forge_place p;
    if (forge_world_offset(w, type, path, &p))
        forge_world_link(w, addr + p.offset, NULL, 0, 0);
}

/* Processes of a group, linked at ENTRY to the group's HEAD; MEMBER of each leads back. */
static bool link_processes(struct forge_world *w, const struct forge_scn_group *g, const char *type,
                           const char *head, const char *entry, const char *member) {
    struct forge_place at, in;
    struct forge_wprocess *p;
    for (size_t i = 0; i < g->processes.count; i++) {
        uint64_t process = g->processes.item[i];
        if (!forge_world_need_process(w, g->line, process, &p))
            return false;
        forge_world_set(w, "_EPROCESS", process, member, g->address);
    }
    if (forge_world_offset(w, type, head, &at) && forge_world_offset(w, "_EPROCESS", entry, &in))
        forge_world_link(w, g->address + at.offset, g->processes.item, g->processes.count,
                         in.offset);
    return true;
}

/* ---- jobs ---- */

static const struct forge_scn_group *job_at(const struct forge_world *w, uint64_t address) {
    for (size_t i = 0; i < w->s->jobs.count; i++)
        if (w->s->jobs.item[i].address == address)
            return &w->s->jobs.item[i];
    return NULL;
}

/* The job around another one; NULL: none. Rings are cut short by whoever counts steps. */
static const struct forge_scn_group *around(const struct forge_world *w,
                                            const struct forge_scn_group *job) {
    return job->in ? job_at(w, job->in) : NULL;
}

/* Processes in a job and in those that lie in it. */
static uint64_t count_in(const struct forge_world *w, const struct forge_scn_group *job) {
    uint64_t n = 0;
    for (size_t i = 0; i < w->s->jobs.count; i++) {
        const struct forge_scn_group *g = &w->s->jobs.item[i];
        for (size_t steps = 0; g && g != job && steps < w->s->jobs.count; steps++)
            g = around(w, g);
        n += g == job ? w->s->jobs.item[i].processes.count : 0;
    }
    return n;
}

static bool nest(struct forge_world *w, const struct forge_scn_group *job) {
    struct forge_place head, entry;
    const struct forge_scn_group *root = job;
    uint64_t *child = forge_pool_get(w->pool, (w->s->jobs.count + 1) * sizeof *child), n = 0;
    if (job->in && !job_at(w, job->in))
        return forge_wrong(w->s, job->line, "job: no line describes the job %llx around it",
                           (unsigned long long)job->in);
    if (!forge_world_offset(w, "_EJOB", "ParentJob", &entry))
        return !job->in ||
               forge_wrong(w->s, job->line, "job: in this build no job lies in another");
    for (size_t steps = 0; root->in && steps < w->s->jobs.count; steps++)
        root = around(w, root) ? around(w, root) : root;
    forge_world_set(w, "_EJOB", job->address, "ParentJob", job->in);
    forge_world_set(w, "_EJOB", job->address, "RootJob", root->address);
    for (size_t i = 0; i < w->s->jobs.count; i++)
        if (w->s->jobs.item[i].in == job->address)
            child[n++] = w->s->jobs.item[i].address;
    if (!job->in)
        close_list(w, "_EJOB", job->address, "SiblingJobLinks");
    if (forge_world_offset(w, "_EJOB", "ChildJobListHead", &head) &&
        forge_world_offset(w, "_EJOB", "SiblingJobLinks", &entry))
        forge_world_link(w, job->address + head.offset, child, n, entry.offset);
    return true;
}

static bool make_job(struct forge_world *w, const struct forge_scn_group *job) {
    uint64_t at = job->address, in = count_in(w, job);
    if (!forge_world_struct(w, job->line, "_EJOB", at) ||
        !forge_world_members(w, "_EJOB", at, &job->member))
        return false;
    forge_world_set(w, "_KEVENT", at, "Header.Size", forge_world_sizeof(w, "_KEVENT") / 4);
    close_list(w, "_KEVENT", at, "Header.WaitListHead");
    close_list(w, "_EJOB", at, "JobLinks");
    forge_world_set(w, "_EJOB", at, "TotalProcesses", in);
    forge_world_set(w, "_EJOB", at, "ActiveProcesses", in);
    forge_world_set(w, "_EJOB", at, "JobId", job->number);
    return nest(w, job) && link_processes(w, job, "_EJOB", "ProcessListHead", "JobLinks", "Job");
}

/* ---- sessions ---- */

static bool make_session(struct forge_world *w, const struct forge_scn_group *session) {
    const char *type = "_MM_SESSION_SPACE";
    uint64_t at = session->address, n = session->processes.count;
    if (!forge_world_struct(w, session->line, type, at) ||
        !forge_world_members(w, type, at, &session->member))
        return false;
    forge_world_set(w, type, at, "SessionId", session->number);
    forge_world_set(w, type, at, "ReferenceCount", n);
    forge_world_set(w, type, at, "ProcessReferenceToSession", n);
    forge_world_set(w, type, at, "ResidentProcessCount", n);
    for (size_t i = 0; i < n; i++)
        forge_world_set(w, "_EPROCESS", session->processes.item[i], "ProcessInSession", 1);
    return link_processes(w, session, type, "ProcessList", "SessionProcessLinks", "Session");
}

/* What nt!MiVisibleState points to: where lines say, else made here. */
static bool visible_state(struct forge_world *w, const char *type, uint64_t *ret) {
    uint64_t at;
    uint8_t byte[8] = {0};
    if (!forge_world_place(w, 0, w->nt, "MiVisibleState", w->ptr_size, FORGE_SYM_DATA, &at))
        return false;
    forge_memmap_get(&w->mem, at, byte, w->ptr_size);
    *ret = 0;
    for (unsigned i = 0; i < w->ptr_size; i++)
        *ret |= (uint64_t)byte[i] << 8 * i;
    if (!*ret) {
        *ret = forge_world_spare(w, forge_world_sizeof(w, type), 16);
        forge_world_put_uint(w, 0, at, w->ptr_size, *ret);
    }
    return true;
}

/* All sessions, in the kernel's own list; a build whose layouts do not have it does without. */
static bool link_sessions(struct forge_world *w) {
    const char *state = "_MI_VISIBLE_STATE";
    size_t n = w->s->sessions.count;
    struct forge_place entry, list;
    uint64_t head, *item = forge_pool_get(w->pool, (n + 1) * sizeof *item);
    if (!n || !forge_world_offset(w, "_MM_SESSION_SPACE", "WsListEntry", &entry))
        return true;
    for (size_t i = 0; i < n; i++)
        item[i] = w->s->sessions.item[i].address;
    if (w->s->os.build < 10000) {
        if (!forge_world_place(w, 0, w->nt, "MiSessionWsList", 2 * w->ptr_size, FORGE_SYM_DATA,
                               &head))
            return false;
    } else {
        if (!forge_world_offset(w, state, "SessionWsList", &list))
            return true;
        if (!visible_state(w, state, &head))
            return false;
        head += list.offset;
    }
    forge_world_link(w, head, item, n, entry.offset);
    return true;
}

bool forge_world_groups(struct forge_world *w) {
    for (size_t i = 0; i < w->s->jobs.count; i++)
        if (!make_job(w, &w->s->jobs.item[i]))
            return false;
    for (size_t i = 0; i < w->s->sessions.count; i++)
        if (!make_session(w, &w->s->sessions.item[i]))
            return false;
    return link_sessions(w);
}
