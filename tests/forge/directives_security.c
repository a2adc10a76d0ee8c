/* SPDX-License-Identifier: MIT */
/*
 * The directives about who may do what, and what belongs together.
 *
 *   token ADDRESS [process ADDRESS …] [thread ADDRESS] [MEMBER=VALUE …]    and what !token printed
 *   descriptor ADDRESS SDDL [absolute]
 *   namespace ADDRESS DIRECTORY [name TEXT] [sid SID] [integrity SID] …
 *   job ADDRESS [id N] [in ADDRESS] [processes ADDRESS …] [MEMBER=VALUE …]
 *   session N ADDRESS [processes ADDRESS …] [MEMBER=VALUE …]
 */
#include "forge/reader.h"

static bool is_plain_number(const struct forge_reader *r) {
    const struct forge_word *w = forge_next(r);
    uint64_t v;
    return w && !w->quoted && !w->key && forge_number(w->text, &v);
}

/* All addresses that follow, at least one. */
static bool take_addresses(struct forge_reader *r, struct forge_scn_addresses *ret) {
    do {
        uint64_t v;
        if (!forge_take_hex(r, "the address of a process", &v))
            return false;
        *FORGE_PUSH(&r->s->pool, ret) = v;
    } while (is_plain_number(r));
    return true;
}

static bool read_token(struct forge_reader *r) {
    struct forge_scn_token v = {.line = r->line};
    if (!forge_take_hex(r, "the token's address", &v.address))
        return false;
    while (forge_next(r) && !forge_next(r)->key) {
        bool ok = true;
        if (forge_take_is(r, "process"))
            ok = take_addresses(r, &v.processes);
        else if (forge_take_is(r, "thread"))
            ok = forge_take_hex(r, "the address of a thread", &v.thread);
        else
            ok = forge_take_end(r);
        if (!ok)
            return false;
    }
    if (!forge_take_assigns(r, &v.member) || !forge_take_block(r, &v.listing))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->tokens) = v;
    return true;
}

static bool read_descriptor(struct forge_reader *r) {
    struct forge_scn_descriptor v = {.line = r->line};
    if (!forge_take_hex(r, "its address", &v.address) ||
        !forge_take_text(r, "the descriptor as SDDL", &v.sddl))
        return false;
    v.absolute = forge_take_is(r, "absolute");
    *FORGE_PUSH(&r->s->pool, &r->s->descriptors) = v;
    return true;
}

static bool read_namespace(struct forge_reader *r) {
    static const char *const kinds[] = {NULL, "name", "sid", "integrity"};
    struct forge_scn_namespace v = {.line = r->line};
    if (!forge_take_hex(r, "the address of its entry", &v.address) ||
        !forge_take_hex(r, "the address of its directory", &v.directory))
        return false;
    while (forge_next(r)) {
        struct forge_scn_boundary b = {.kind = 1};
        while (b.kind < 4 && !forge_take_is(r, kinds[b.kind]))
            b.kind++;
        if (b.kind == 4)
            return forge_take_end(r);
        if (!forge_take_text(r, "a name or a SID", &b.text))
            return false;
        *FORGE_PUSH(&r->s->pool, &v.boundary) = b;
    }
    *FORGE_PUSH(&r->s->pool, &r->s->namespaces) = v;
    return true;
}

static bool read_members(struct forge_reader *r, struct forge_scn_group *v, bool job) {
    while (forge_next(r) && !forge_next(r)->key) {
        bool ok = true;
        if (job && forge_take_is(r, "id"))
            ok = forge_take_hex(r, "the job's number", &v->number);
        else if (job && forge_take_is(r, "in"))
            ok = forge_take_hex(r, "the address of the job around it", &v->in);
        else if (forge_take_is(r, "processes"))
            ok = take_addresses(r, &v->processes);
        else
            ok = forge_take_end(r);
        if (!ok)
            return false;
    }
    return forge_take_assigns(r, &v->member);
}

static bool read_job(struct forge_reader *r) {
    struct forge_scn_group v = {.line = r->line};
    if (!forge_take_hex(r, "the job's address", &v.address) || !read_members(r, &v, true))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->jobs) = v;
    return true;
}

static bool read_session(struct forge_reader *r) {
    struct forge_scn_group v = {.line = r->line};
    unsigned number;
    if (!forge_take_decimal(r, "the session's number", &number) ||
        !forge_take_hex(r, "the address of its MM_SESSION_SPACE", &v.address) ||
        !read_members(r, &v, false))
        return false;
    v.number = number;
    *FORGE_PUSH(&r->s->pool, &r->s->sessions) = v;
    return true;
}

const struct forge_directive forge_security_directives[] = {
    {"token", read_token}, {"descriptor", read_descriptor}, {"namespace", read_namespace},
    {"job", read_job},     {"session", read_session},       {NULL, NULL},
};
