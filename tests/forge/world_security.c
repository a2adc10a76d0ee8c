/* SPDX-License-Identifier: MIT */
/*
 * Tokens and security descriptors.
 *
 *   token        a TOKEN from what `!token` printed, the SIDs wherever there is room. Until Server
 *                2003 privileges are an array of { LUID, attributes }, since Vista three masks
 *   whose        EPROCESS.Token and what a thread impersonates are EX_FAST_REFs since Vista
 *                (ClientSecurity; its low bits: the level, and whether it is effective only);
 *                before, ETHREAD.ImpersonationInfo points to a PS_IMPERSONATION_INFORMATION
 *   descriptor   SECURITY_DESCRIPTOR, self-relative (offsets) or absolute (pointers)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/reader.h"
#include "forge/sid.h"
#include "forge/world.h"

enum { GROUPS_MOST = 256, PRIVILEGES_MOST = 64, NO_INDEX = 0xffffffff, SELF_RELATIVE = 0x8000 };

/* ---- what !token printed ---- */

struct group {
    struct forge_sid sid;
    uint32_t attributes;
};
struct groups {
    struct group item[GROUPS_MOST];
    size_t count;
};
struct privilege {
    uint64_t luid;
    bool enabled, by_default;
};

struct token {
    struct forge_world *w;
    unsigned line; /* that is being read */
    struct groups sids, restricted, capabilities;
    struct groups *into; /* NULL: no group is expected */
    bool in_privileges;
    struct privilege privilege[PRIVILEGES_MOST];
    size_t nprivileges;
    struct forge_sid primary, package, trust;
    char source[9];
    uint64_t session, id, parent, authentication, modified, origin, flags, type, level;
    bool in_use;
};

static const char *skip(const char *p) { return p + strspn(p, " \t"); }

static bool starts(const char **p, const char *label) {
    size_t n = strlen(label);
    if (strncmp(*p, label, n) != 0)
        return false;
    *p = skip(*p + n);
    return true;
}

static bool is_wrong(struct token *t, const char *what, const char *text) {
    return forge_wrong(t->w->s, t->line, "token: \"%s\" is no %s", text, what);
}

static bool take_number(struct token *t, const char *p, uint64_t *ret) {
    char word[32];
    size_t n = strcspn(p, " ,)(");
    if (n && n < sizeof word) {
        memcpy(word, p, n);
        word[n] = 0;
        if (forge_number(word, ret))
            return true;
    }
    return is_wrong(t, "number", p);
}

/* "(0,3e7)", "(0, 477a)" */
static bool take_luid(struct token *t, const char *p, uint64_t *ret) {
    uint64_t high, low;
    const char *comma = strchr(p, ',');
    if (*p != '(' || !comma)
        return is_wrong(t, "LUID", p);
    if (!take_number(t, p + 1, &high) || !take_number(t, skip(comma + 1), &low))
        return false;
    *ret = high << 32 | low;
    return true;
}

static bool take_sid(struct token *t, const char *p, struct forge_sid *ret) {
    if (starts(&p, "(null)"))
        return true;
    return forge_sid_parse(p, strcspn(p, " "), ret) || is_wrong(t, "SID", p);
}

static bool take_word(struct token *t, const char *p, const char *const *words, uint64_t *ret) {
    for (uint64_t i = 0; words[i]; i++)
        if (!strcmp(words[i], p)) {
            *ret = i;
            return true;
        }
    return is_wrong(t, "word that !token prints here", p);
}

static bool add_group(struct token *t, struct groups *g, const char *p) {
    if (g->count == GROUPS_MOST)
        return forge_wrong(t->w->s, t->line, "token: more than %d groups", GROUPS_MOST);
    return take_sid(t, p, &g->item[g->count].sid) && g->count++ < GROUPS_MOST;
}

/* "Attributes - Mandatory Default Enabled" of the last group. */
static bool take_attributes(struct token *t, const char *p) {
    static const struct {
        const char *name;
        uint32_t bits;
    } rows[] = {{"Mandatory", 1},
                {"Default", 2},
                {"Enabled", 4},
                {"Owner", 8},
                {"DenyOnly", 0x10},
                {"GroupIntegrity", 0x20},
                {"GroupIntegrityEnabled", 0x40},
                {"GroupResource", 0x20000000},
                {"LogonId", 0xc0000000}};
    if (!t->into || !t->into->count)
        return is_wrong(t, "line that can stand before the first group", p);
    uint32_t *attributes = &t->into->item[t->into->count - 1].attributes;
    while (*p) {
        size_t n = strcspn(p, " "), i = 0;
        while (i < sizeof rows / sizeof *rows &&
               (strlen(rows[i].name) != n || strncmp(rows[i].name, p, n) != 0))
            i++;
        if (i == sizeof rows / sizeof *rows)
            return is_wrong(t, "attribute of a group", p);
        *attributes |= rows[i].bits;
        p = skip(p + n);
    }
    return true;
}

/* "02 0x000000014 SeDebugPrivilege  Attributes - Enabled Default" */
static bool take_privilege(struct token *t, const char *p) {
    struct privilege v = {0};
    const char *attributes = strstr(p, "Attributes -");
    p = skip(p + strcspn(p, " "));
    if (t->nprivileges == PRIVILEGES_MOST || !take_number(t, p, &v.luid))
        return is_wrong(t, "privilege", p);
    v.enabled = attributes && strstr(attributes, "Enabled");
    v.by_default = attributes && strstr(attributes, "Default");
    t->privilege[t->nprivileges++] = v;
    return true;
}

/* "User32             TokenFlags: 0x2000 ( Token in use )" */
static bool take_source(struct token *t, const char *p) {
    const char *flags = strstr(p, "TokenFlags:");
    size_t n = flags ? (size_t)(flags - p) : strlen(p);
    while (n && p[n - 1] == ' ')
        n--;
    snprintf(t->source, sizeof t->source, "%.*s", (int)n, p);
    if (!flags)
        return true;
    t->in_use = strstr(flags, "Token in use") != NULL;
    return take_number(t, skip(flags + strlen("TokenFlags:")), &t->flags);
}

static bool take_ids(struct token *t, const char *p) {
    const char *parent = strstr(p, "ParentToken ID:");
    return take_number(t, p, &t->id) &&
           (!parent || take_number(t, skip(parent + strlen("ParentToken ID:")), &t->parent));
}

/* A section begins: its groups follow. */
static bool begin(struct token *t, struct groups *into, bool privileges) {
    t->into = into;
    t->in_privileges = privileges;
    return true;
}

static bool read_numbers(struct token *t, const char *p, bool *ret_known) {
    static const char *const levels[] = {"Anonymous", "Identification", "Impersonation",
                                         "Delegation", NULL};
    static const char *const types[] = {"", "Primary", "Impersonation", NULL};
    *ret_known = true;
    if (starts(&p, "TS Session ID:"))
        return take_number(t, p, &t->session);
    if (starts(&p, "Authentication ID:"))
        return take_luid(t, p, &t->authentication);
    if (starts(&p, "Impersonation Level:"))
        return take_word(t, p, levels, &t->level);
    if (starts(&p, "TokenType:"))
        return take_word(t, p, types, &t->type);
    if (starts(&p, "Source:"))
        return take_source(t, p);
    if (starts(&p, "Token ID:"))
        return take_ids(t, p);
    if (starts(&p, "Modified ID:"))
        return take_luid(t, p, &t->modified);
    if (starts(&p, "OriginatingLogonSession:"))
        return take_number(t, p, &t->origin);
    *ret_known = false;
    return true;
}

static bool is_ignored(const char *p) {
    static const char *const rows[] = {
        "_TOKEN",     "Thread is not", "_EPROCESS", "Security Attributes", "LowboxNumberEntry",
        "[Integrity", "Unable to",     "Invalid"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strncmp(rows[i], p, strlen(rows[i])))
            return true;
    return !*p;
}

static bool read_row(struct token *t, const char *p) {
    bool known;
    p = skip(p);
    if (starts(&p, "User:"))
        return add_group(t, &t->sids, p);
    if (starts(&p, "Groups:") || starts(&p, "User Groups:"))
        return begin(t, &t->sids, false);
    if (starts(&p, "Privs:"))
        return begin(t, NULL, true);
    if (starts(&p, "RestrictedSidCount:"))
        return begin(t, &t->restricted, false);
    if (starts(&p, "CapabilityCount:"))
        return begin(t, &t->capabilities, false);
    if (starts(&p, "Primary Group:"))
        return take_sid(t, p, &t->primary);
    if (starts(&p, "PackageSid:"))
        return take_sid(t, p, &t->package);
    if (starts(&p, "Process Token TrustLevelSid:"))
        return take_sid(t, p, &t->trust);
    if (starts(&p, "Attributes -"))
        return take_attributes(t, p);
    if (t->in_privileges && *p >= '0' && *p <= '9')
        return take_privilege(t, p);
    if (t->into && *p >= '0' && *p <= '9')
        return add_group(t, t->into, skip(p + strcspn(p, " ")));
    if (is_ignored(p))
        return true;
    return read_numbers(t, p, &known) && (known || is_wrong(t, "line of !token", p));
}

static bool read_listing(struct token *t, const struct forge_listing_text *listing) {
    const char *p = listing->text;
    t->line = listing->line;
    for (char *line; (line = forge_listing_line(t->w->pool, &p)) != NULL; t->line++) {
        size_t n = strlen(line);
        while (n && line[n - 1] == ' ')
            line[--n] = 0;
        if (!read_row(t, line))
            return false;
    }
    return true;
}

/* ---- a token written ---- */

static uint64_t put_sid(struct forge_world *w, const struct forge_sid *sid) {
    if (!sid->size)
        return 0;
    uint64_t at = forge_world_spare(w, sid->size, 8);
    forge_world_put(w, 0, at, sid->data, sid->size);
    return at;
}

/* SID_AND_ATTRIBUTES in a row. */
static uint64_t put_groups(struct forge_world *w, const struct groups *g) {
    if (!g->count)
        return 0;
    unsigned p = w->ptr_size;
    uint64_t at = forge_world_spare(w, g->count * 2 * p, 8);
    for (size_t i = 0; i < g->count; i++) {
        forge_world_put_uint(w, 0, at + i * 2 * p, p, put_sid(w, &g->item[i].sid));
        forge_world_put_uint(w, 0, at + i * 2 * p + p, 4, g->item[i].attributes);
    }
    return at;
}

static void put_privileges(struct forge_world *w, uint64_t at, const struct token *t) {
    const char *type = "_TOKEN";
    struct forge_place p;
    uint64_t present = 0, enabled = 0, by_default = 0;
    for (size_t i = 0; i < t->nprivileges; i++) {
        uint64_t bit = (uint64_t)1 << (t->privilege[i].luid & 63);
        present |= bit;
        enabled |= t->privilege[i].enabled ? bit : 0;
        by_default |= t->privilege[i].by_default ? bit : 0;
    }
    forge_world_set(w, type, at, "Privileges.Present", present);
    forge_world_set(w, type, at, "Privileges.Enabled", enabled);
    forge_world_set(w, type, at, "Privileges.EnabledByDefault", by_default);
    if (forge_world_offset(w, type, "Privileges.Present", &p) || !t->nprivileges)
        return;
    uint64_t list = forge_world_spare(w, t->nprivileges * 12, 8);
    for (size_t i = 0; i < t->nprivileges; i++) {
        const struct privilege *v = &t->privilege[i];
        forge_world_put_uint(w, 0, list + i * 12, 8, v->luid);
        forge_world_put_uint(w, 0, list + i * 12 + 8, 4,
                             (v->by_default ? 1 : 0) | (v->enabled ? 2 : 0));
    }
    forge_world_set(w, type, at, "PrivilegeCount", t->nprivileges);
    forge_world_set(w, type, at, "Privileges", list);
}

static void put_ids(struct forge_world *w, uint64_t at, const struct token *t) {
    const char *type = "_TOKEN";
    forge_world_set(w, type, at, "TokenId", t->id);
    forge_world_set(w, type, at, "AuthenticationId", t->authentication);
    forge_world_set(w, type, at, "ParentTokenId", t->parent);
    forge_world_set(w, type, at, "ModifiedId", t->modified);
    forge_world_set(w, type, at, "OriginatingLogonSession", t->origin);
    forge_world_set(w, type, at, "SessionId", t->session);
    forge_world_set(w, type, at, "TokenType", t->type);
    forge_world_set(w, type, at, "ImpersonationLevel", t->level);
    forge_world_set(w, type, at, "TokenFlags", t->flags);
    forge_world_set(w, type, at, "TokenInUse", t->in_use);
}

static void put_sids(struct forge_world *w, uint64_t at, const struct token *t) {
    const char *type = "_TOKEN";
    uint64_t integrity = NO_INDEX;
    for (size_t i = 0; i < t->sids.count; i++)
        if (t->sids.item[i].attributes & 0x20)
            integrity = i;
    forge_world_set(w, type, at, "UserAndGroupCount", t->sids.count);
    forge_world_set(w, type, at, "UserAndGroups", put_groups(w, &t->sids));
    forge_world_set(w, type, at, "RestrictedSidCount", t->restricted.count);
    forge_world_set(w, type, at, "RestrictedSids", put_groups(w, &t->restricted));
    forge_world_set(w, type, at, "CapabilityCount", t->capabilities.count);
    forge_world_set(w, type, at, "Capabilities", put_groups(w, &t->capabilities));
    forge_world_set(w, type, at, "PrimaryGroup", put_sid(w, &t->primary));
    forge_world_set(w, type, at, "Package", put_sid(w, &t->package));
    forge_world_set(w, type, at, "TrustLevelSid", put_sid(w, &t->trust));
    forge_world_set(w, type, at, "IntegrityLevelIndex", integrity);
}

/* What a thread impersonates, in the form of the build. */
static bool put_client(struct forge_world *w, const struct forge_scn_token *s, uint64_t level) {
    const char *info = "_PS_IMPERSONATION_INFORMATION";
    struct forge_place p;
    if (forge_world_offset(w, "_ETHREAD", "ClientSecurity", &p)) {
        forge_world_put_uint(w, 0, s->thread + p.offset, w->ptr_size, s->address | (level & 3));
    } else if (forge_world_sizeof(w, info)) {
        uint64_t at = forge_world_spare(w, forge_world_sizeof(w, info), 8);
        forge_world_set(w, info, at, "Token", s->address);
        forge_world_set(w, info, at, "ImpersonationLevel", level);
        forge_world_set(w, "_ETHREAD", s->thread, "ImpersonationInfo", at);
    } else {
        return forge_wrong(w->s, s->line,
                           "token: in this build threads impersonate with a %s: write its layout",
                           info);
    }
    forge_world_set(w, "_ETHREAD", s->thread, "ActiveImpersonationInfo", 1);
    return true;
}

static bool need_thread(struct forge_world *w, const struct forge_scn_token *s) {
    for (size_t i = 0; i < w->s->threads.count; i++)
        if (w->s->threads.item[i].address == s->thread)
            return true;
    return forge_wrong(w->s, s->line, "token: no line describes the thread %llx",
                       (unsigned long long)s->thread);
}

static bool make_token(struct forge_world *w, const struct forge_scn_token *s) {
    struct forge_place p;
    struct forge_wprocess *process;
    struct token *t = forge_pool_get(w->pool, sizeof *t);
    t->w = w;
    t->type = 1;
    if (!read_listing(t, &s->listing))
        return false;
    if (!t->sids.count)
        return forge_wrong(w->s, s->line, "token: the listing has no User");
    if (!forge_world_struct(w, s->line, "_TOKEN", s->address) ||
        !forge_world_members(w, "_TOKEN", s->address, &s->member))
        return false;
    forge_world_put(w, 0, s->address, t->source, 8); /* TokenSource.SourceName, since ever */
    put_ids(w, s->address, t);
    put_sids(w, s->address, t);
    put_privileges(w, s->address, t);
    for (size_t i = 0; i < s->processes.count; i++) {
        uint64_t at = s->processes.item[i];
        if (!forge_world_need_process(w, s->line, at, &process) ||
            !forge_world_offset(w, "_EPROCESS", "Token", &p))
            return false;
        forge_world_put_uint(w, 0, at + p.offset, w->ptr_size, s->address | 5);
    }
    return !s->thread || (need_thread(w, s) && put_client(w, s, t->level));
}

/* ---- descriptors ---- */

struct parts {
    uint8_t data[0x4100];
    size_t size, head;
    uint64_t owner, group, sacl, dacl; /* from the beginning; 0: none */
};

static uint64_t add_part(struct parts *p, const void *data, size_t size) {
    if (!size)
        return 0;
    p->size = (p->size + 3) & ~(size_t)3;
    uint64_t at = p->size;
    memcpy(p->data + p->size, data, size);
    p->size += size;
    return at;
}

static bool make_descriptor(struct forge_world *w, const struct forge_scn_descriptor *s) {
    struct forge_descriptor d;
    const char *where;
    unsigned width = s->absolute ? w->ptr_size : 4;
    struct parts *p = forge_pool_get(w->pool, sizeof *p);
    if (!forge_sddl_parse(w->pool, s->sddl, &d, &where))
        return forge_wrong(w->s, s->line, "descriptor: no SDDL from \"%s\" on", where);
    p->head = s->absolute && w->ptr_size == 8 ? 8 : 4;
    p->size = p->head + 4 * width;
    p->owner = add_part(p, d.owner.data, d.owner.size);
    p->group = add_part(p, d.group.data, d.group.size);
    p->sacl = add_part(p, d.sacl, d.sacl_size);
    p->dacl = add_part(p, d.dacl, d.dacl_size);
    const uint64_t part[4] = {p->owner, p->group, p->sacl, p->dacl};
    p->data[0] = 1;
    uint16_t control = d.control | (s->absolute ? 0 : SELF_RELATIVE);
    p->data[2] = (uint8_t)control;
    p->data[3] = (uint8_t)(control >> 8);
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < width; k++)
            p->data[p->head + i * width + k] =
                (uint8_t)((part[i] && s->absolute ? s->address + part[i] : part[i]) >> 8 * k);
    return forge_world_put(w, s->line, s->address, p->data, p->size);
}

bool forge_world_security(struct forge_world *w) {
    for (size_t i = 0; i < w->s->tokens.count; i++)
        if (!make_token(w, &w->s->tokens.item[i]))
            return false;
    for (size_t i = 0; i < w->s->descriptors.count; i++)
        if (!make_descriptor(w, &w->s->descriptors.item[i]))
            return false;
    return true;
}
