/* SPDX-License-Identifier: MIT */
/*
 * `!token`: an access token of the kernel.
 *
 *     _TOKEN 0xfffff8a001b46a50
 *     TS Session ID: 0x1
 *     User: S-1-5-18
 *     User Groups:
 *      00 S-1-5-32-544
 *         Attributes - Default Enabled Owner
 *     Privs:
 *      23 0x000000017 SeChangeNotifyPrivilege           Attributes - Enabled Default
 *
 * As published of Windows 7 to 10: privileges are numbered by their bits, addresses begin with 0x.
 * Of Windows XP and Server 2003, which keep privileges as a list, other listings are published:
 * `_TOKEN e1bed030`, `Groups:`, privileges numbered by their places.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/kobject.h"
#include "cmd/ksd.h"
#include "cmd/session_impl.h"
#include "nt/process.h"
#include "nt/token.h"

/* ---- records ---- */

struct group_row {
    struct sc_sid sid;
    uint32_t attributes;
    const char **words;
    size_t nwords;
};
static const struct sc_field group_fields[] = {SC_FIELD_REC(struct group_row, sid, &sc_sid_type),
                                               SC_FIELD(struct group_row, attributes, SC_F_HEX32),
                                               SC_FIELD_STRS(struct group_row, words, nwords),
                                               SC_FIELD_END};
static const struct sc_rectype group_type = {"group", sizeof(struct group_row), group_fields};

struct privilege_row {
    uint64_t luid;
    const char *name;
    bool enabled, by_default;
};
static const struct sc_field privilege_fields[] = {
    SC_FIELD(struct privilege_row, luid, SC_F_U64), SC_FIELD(struct privilege_row, name, SC_F_STR),
    SC_FIELD(struct privilege_row, enabled, SC_F_BOOL),
    SC_FIELD(struct privilege_row, by_default, SC_F_BOOL), SC_FIELD_END};
static const struct sc_rectype privilege_type = {"privilege", sizeof(struct privilege_row),
                                                 privilege_fields};

struct list {
    struct group_row *item;
    size_t count;
    uint64_t claimed;
};

struct row {
    uint64_t address;
    bool assumed;
    struct sc_sid user, primary_group, package, trust_level;
    struct list groups, restricted, capabilities;
    struct privilege_row privilege[NT_PRIVILEGES], *privileges;
    size_t nprivileges;
    const char *privileges_why;
    const char *token_type, *level, *source, *integrity;
    const char *flag[32];
    const char **flag_names;
    size_t nflags;
    int64_t session, flags, in_use, restricted_count, capability_count;
    uint64_t authentication_id, token_id, parent_id, modified_id, origin, restricted_sids,
        capability_sids, lowbox, logon_session, default_dacl, security_attributes;
    bool has_origin, has_package, has_lowbox, has_trust, has_attributes;
};
#define LIST_FIELD(name)                                                                           \
    {                                                                                              \
#name, SC_F_LIST, offsetof(struct row, name.item), offsetof(struct row, name.count),       \
            &group_type, NULL                                                                      \
    }
static const struct sc_field row_fields[] = {
    SC_FIELD(struct row, address, SC_F_ADDR),
    SC_FIELD(struct row, session, SC_F_NUM),
    SC_FIELD_REC(struct row, user, &sc_sid_type),
    LIST_FIELD(groups),
    SC_FIELD_REC(struct row, primary_group, &sc_sid_type),
    SC_FIELD_LIST(struct row, privileges, nprivileges, &privilege_type),
    SC_FIELD(struct row, authentication_id, SC_F_HEX64),
    SC_FIELD(struct row, level, SC_F_STR),
    SC_FIELD(struct row, token_type, SC_F_STR),
    SC_FIELD(struct row, source, SC_F_STR),
    SC_FIELD(struct row, flags, SC_F_NUM),
    SC_FIELD_STRS(struct row, flag_names, nflags),
    SC_FIELD(struct row, in_use, SC_F_NUM),
    SC_FIELD(struct row, integrity, SC_F_STR),
    SC_FIELD(struct row, token_id, SC_F_HEX64),
    SC_FIELD(struct row, parent_id, SC_F_HEX64),
    SC_FIELD(struct row, modified_id, SC_F_HEX64),
    SC_FIELD(struct row, origin, SC_F_HEX64),
    SC_FIELD(struct row, logon_session, SC_F_ADDR),
    SC_FIELD(struct row, default_dacl, SC_F_ADDR),
    LIST_FIELD(restricted),
    SC_FIELD_REC(struct row, package, &sc_sid_type),
    LIST_FIELD(capabilities),
    SC_FIELD_REC(struct row, trust_level, &sc_sid_type),
    SC_FIELD(struct row, security_attributes, SC_F_ADDR),
    SC_FIELD(struct row, lowbox, SC_F_ADDR),
    SC_FIELD(struct row, restricted_count, SC_F_NUM),
    SC_FIELD(struct row, restricted_sids, SC_F_ADDR),
    SC_FIELD(struct row, capability_count, SC_F_NUM),
    SC_FIELD(struct row, capability_sids, SC_F_ADDR),
    SC_FIELD(struct row, assumed, SC_F_BOOL),
    SC_FIELD_END};
static const struct sc_rectype row_type = {"token", sizeof(struct row), row_fields};

/* ---- text ---- */

struct text {
    unsigned ptr_size;
    bool names, enrich;
    bool old; /* as of Windows XP and Server 2003 */
};
enum { FIRST_NEW_BUILD = 6000 };

static const char *ptr(const struct text *t, uint64_t value, char buf[SC_NT_BUF]) {
    char digits[SC_NT_BUF];
    if (t->old || value == SC_UNSET64)
        return sc_nt_ptr_text(value, t->ptr_size, buf);
    snprintf(buf, SC_NT_BUF, "0x%s", sc_nt_ptr_text(value, t->ptr_size, digits));
    return buf;
}

static void list_text(sc_out *out, const struct list *l, bool names) {
    for (size_t i = 0; i < l->count; i++) {
        sc_printf(out, " %02zu ", i);
        sc_sid_text(out, &l->item[i].sid, names);
        sc_puts(out, "\n    Attributes - ");
        for (size_t k = 0; k < l->item[i].nwords; k++)
            sc_printf(out, "%s ", l->item[i].words[k]);
        sc_puts(out, "\n");
    }
    if (l->claimed > l->count)
        sc_printf(out, " *** the token claims %" PRIu64 ", the dump holds %zu\n", l->claimed,
                  l->count);
}

static void privileges_text(sc_out *out, const struct row *r, const struct text *t) {
    sc_puts(out, "Privs: \n");
    for (size_t i = 0; i < r->nprivileges; i++) {
        const struct privilege_row *p = &r->privileges[i];
        sc_printf(out, " %02" PRIu64 " 0x%09" PRIx64 " %-33s Attributes - %s%s\n",
                  t->old ? (uint64_t)i : p->luid, p->luid, p->name ? p->name : "Unknown Privilege",
                  p->enabled ? "Enabled " : "", p->by_default ? "Default " : "");
    }
    if (r->privileges_why)
        sc_printf(out, " *** %s\n", r->privileges_why);
}

static void luid(sc_out *out, const char *label, uint64_t value, const char *comma) {
    if (value == SC_UNSET64)
        sc_printf(out, "%s(?)\n", label);
    else
        sc_printf(out, "%s(%" PRIx64 "%s%" PRIx64 ")\n", label, value >> 32, comma,
                  value & 0xffffffff);
}

static const char *low(uint64_t value, char buf[SC_NT_BUF]) {
    if (value == SC_UNSET64)
        snprintf(buf, SC_NT_BUF, "?");
    else
        snprintf(buf, SC_NT_BUF, "%" PRIx64, value & 0xffffffff);
    return buf;
}

static void source_line(sc_out *out, const struct row *r, const struct text *t) {
    sc_printf(out, "Source: %-18s TokenFlags: ", r->source ? r->source : "?");
    if (r->flags == INT64_MIN)
        sc_puts(out, "?");
    else
        sc_printf(out, "0x%" PRIx64, (uint64_t)r->flags);
    if (r->in_use != INT64_MIN)
        sc_puts(out, r->in_use ? " ( Token in use )" : " ( Token NOT in use ) ");
    if (t->enrich && r->nflags) {
        sc_puts(out, r->in_use == 0 ? " [" : "  [");
        for (size_t i = 0; i < r->nflags; i++)
            sc_printf(out, "%s%s", i ? " " : "", r->flag_names[i]);
        sc_puts(out, "]");
    }
    sc_puts(out, "\n");
}

static void sid_line(sc_out *out, const char *label, const struct sc_sid *sid, bool names) {
    sc_puts(out, label);
    if (sid->sid)
        sc_sid_text(out, sid, names);
    else
        sc_puts(out, "(null)");
    sc_puts(out, "\n");
}

static void ids_text(sc_out *out, const struct row *r, const struct text *t) {
    char a[SC_NT_BUF], b[SC_NT_BUF];
    luid(out, "Authentication ID:         ", r->authentication_id, ",");
    sc_printf(out, "Impersonation Level:       %s\n", r->level ? r->level : "?");
    sc_printf(out, "TokenType:                 %s\n", r->token_type ? r->token_type : "?");
    source_line(out, r, t);
    sc_printf(out, "Token ID: %-16s ParentToken ID: %s\n", low(r->token_id, a),
              low(r->parent_id, b));
    luid(out, "Modified ID:               ", r->modified_id, ", ");
    sc_printf(out, "RestrictedSidCount: %-6s RestrictedSids: %s\n",
              sc_nt_num_text(r->restricted_count, a), ptr(t, r->restricted_sids, b));
    list_text(out, &r->restricted, t->names);
    if (r->has_origin)
        sc_printf(out, "OriginatingLogonSession: %s\n", low(r->origin, a));
    if (r->has_package)
        sid_line(out, "PackageSid: ", &r->package, t->names);
    if (r->capability_count != INT64_MIN)
        sc_printf(out, "CapabilityCount: %-6s Capabilities: %s\n",
                  sc_nt_num_text(r->capability_count, a), ptr(t, r->capability_sids, b));
    list_text(out, &r->capabilities, t->names);
    if (r->has_lowbox)
        sc_printf(out, "LowboxNumberEntry: %s\n", ptr(t, r->lowbox, a));
    if (r->has_package && r->has_attributes)
        sc_printf(out, "Security Attributes: %s\n",
                  r->security_attributes == 0 ? "(null)" : ptr(t, r->security_attributes, a));
    if (r->has_trust)
        sid_line(out, "Process Token TrustLevelSid: ", &r->trust_level, t->names);
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct text *t = ctx;
    char a[SC_NT_BUF];
    sc_printf(out, "_TOKEN %s\n", ptr(t, r->address, a));
    if (r->session == INT64_MIN)
        sc_puts(out, "TS Session ID: ?\n");
    else
        sc_printf(out, "TS Session ID: %#" PRIx64 "\n", (uint64_t)r->session);
    sid_line(out, "User: ", &r->user, t->names);
    sc_puts(out, t->old ? "Groups: \n" : "User Groups: \n");
    list_text(out, &r->groups, t->names);
    sid_line(out, "Primary Group: ", &r->primary_group, t->names);
    privileges_text(out, r, t);
    ids_text(out, r, t);
    if (t->enrich && r->integrity)
        sc_printf(out, "[Integrity level: %s]\n", r->integrity);
}

/* ---- filling ---- */

static sc_err *words_of(uint32_t attributes, sc_arena *arena, struct group_row *g) {
    g->words = sc_arena_array(arena, 32, sizeof *g->words);
    if (!g->words)
        return sc_err_nomem();
    for (unsigned bit = 0; bit < 32; bit++)
        if (attributes >> bit & 1 && nt_group_attribute(bit))
            g->words[g->nwords++] = nt_group_attribute(bit);
    return NULL;
}

/* COUNT entries of the array at ARRAY from FIRST on; what the dump lacks ends them. */
static sc_err *fill_list(const struct nt *nt, const struct nt_field *array, uint64_t first,
                         uint64_t count, sc_arena *arena, struct list *l) {
    struct nt_group g;
    if (!nt_set(array) || count <= first)
        return NULL;
    l->claimed = count - first;
    size_t room = l->claimed < NT_TOKEN_SIDS_MAX ? (size_t)l->claimed : NT_TOKEN_SIDS_MAX;
    l->item = sc_arena_array(arena, room, sizeof *l->item);
    if (!l->item)
        return sc_err_nomem();
    while (l->count < room) {
        struct group_row *r = &l->item[l->count];
        nt_token_group(nt, array->value, first + l->count, &g);
        if (g.address.state != NT_READ || g.attributes.state != NT_READ)
            return NULL;
        r->attributes = (uint32_t)g.attributes.value;
        sc_err *err = sc_sid_row(&g.sid, arena, &r->sid);
        if (!err)
            err = words_of(r->attributes, arena, r);
        if (err)
            return err;
        l->count++;
    }
    return NULL;
}

static sc_err *sid_at(const struct nt *nt, const struct nt_field *f, sc_arena *arena,
                      struct sc_sid *ret) {
    struct nt_sid sid = {.state = NT_ABSENT};
    if (f->state == NT_READ && !f->value)
        return NULL;
    if (f->state == NT_READ)
        nt_sid_read(nt->space, f->value, &sid);
    return sc_sid_row(&sid, arena, ret);
}

static sc_err *fill_sids(const struct nt *nt, const struct nt_token *t, sc_arena *arena,
                         struct row *r) {
    const struct nt_field *f = t->f;
    struct nt_group g = {.address = {0, NT_ABSENT}};
    if (nt_set(&f[NT_TK_SIDS]))
        nt_token_group(nt, f[NT_TK_SIDS].value, 0, &g);
    sc_err *err = sid_at(nt, &g.address, arena, &r->user);
    if (!err)
        err = fill_list(nt, &f[NT_TK_SIDS], 1, f[NT_TK_SID_COUNT].value, arena, &r->groups);
    if (!err)
        err = fill_list(nt, &f[NT_TK_RESTRICTED], 0, f[NT_TK_RESTRICTED_COUNT].value, arena,
                        &r->restricted);
    if (!err)
        err = fill_list(nt, &f[NT_TK_CAPABILITIES], 0, f[NT_TK_CAPABILITY_COUNT].value, arena,
                        &r->capabilities);
    if (!err)
        err = sid_at(nt, &f[NT_TK_PRIMARY_GROUP], arena, &r->primary_group);
    if (!err && r->has_package)
        err = sid_at(nt, &f[NT_TK_PACKAGE], arena, &r->package);
    if (!err && r->has_trust)
        err = sid_at(nt, &f[NT_TK_TRUST], arena, &r->trust_level);
    uint64_t at = nt_or(&f[NT_TK_INTEGRITY], UINT32_MAX);
    if (!err && nt_set(&f[NT_TK_SIDS]) && at < f[NT_TK_SID_COUNT].value) {
        nt_token_group(nt, f[NT_TK_SIDS].value, at, &g);
        r->integrity = nt_sid_level(&g.sid);
    }
    return err;
}

static void fill_privileges(const struct nt *nt, const struct nt_token *t, struct row *r) {
    struct nt_privilege p[NT_PRIVILEGES];
    enum nt_state state;
    nt_token_privileges(nt, t, p, &r->nprivileges, &state);
    for (size_t i = 0; i < r->nprivileges; i++)
        r->privilege[i] = (struct privilege_row){p[i].luid, nt_privilege_name(p[i].luid),
                                                 p[i].enabled, p[i].by_default};
    r->privileges = r->privilege;
    if (state != NT_READ)
        r->privileges_why = "its privileges are not, or not all, in the dump";
}

static void fill_numbers(const struct nt *nt, const struct nt_token *t, struct row *r) {
    const struct nt_field *f = t->f;
    static const char *const types[] = {NULL, "Primary", "Impersonation"};
    uint64_t type = nt_or(&f[NT_TK_TYPE], 0);
    r->address = t->address;
    r->assumed = t->assumed;
    r->session = sc_nt_num(&f[NT_TK_SESSION]);
    r->token_type = type < 3 ? types[type] : NULL;
    if (f[NT_TK_LEVEL].state == NT_READ)
        r->level = nt_impersonation_level_name(f[NT_TK_LEVEL].value);
    r->source = t->has_source ? t->source : NULL;
    r->flags = sc_nt_num(&f[NT_TK_FLAGS]);
    for (unsigned bit = 0; bit < 32; bit++)
        if (f[NT_TK_FLAGS].value >> bit & 1 && nt_token_flag_name(nt, bit))
            r->flag[r->nflags++] = nt_token_flag_name(nt, bit);
    r->flag_names = r->flag;
    r->in_use = sc_nt_num(&f[NT_TK_IN_USE]);
    r->restricted_count = sc_nt_num(&f[NT_TK_RESTRICTED_COUNT]);
    r->capability_count = sc_nt_num(&f[NT_TK_CAPABILITY_COUNT]);
    r->authentication_id = sc_nt_addr(&f[NT_TK_AUTHENTICATION_ID]);
    r->token_id = sc_nt_addr(&f[NT_TK_TOKEN_ID]);
    r->parent_id = sc_nt_addr(&f[NT_TK_PARENT_ID]);
    r->modified_id = sc_nt_addr(&f[NT_TK_MODIFIED_ID]);
    r->origin = sc_nt_addr(&f[NT_TK_ORIGIN]);
    r->restricted_sids = sc_nt_addr(&f[NT_TK_RESTRICTED]);
    r->capability_sids = sc_nt_addr(&f[NT_TK_CAPABILITIES]);
    r->lowbox = sc_nt_addr(&f[NT_TK_LOWBOX]);
    r->logon_session = sc_nt_addr(&f[NT_TK_LOGON_SESSION]);
    r->default_dacl = sc_nt_addr(&f[NT_TK_DEFAULT_DACL]);
    r->security_attributes = sc_nt_addr(&f[NT_TK_ATTRIBUTES]);
    r->has_attributes = f[NT_TK_ATTRIBUTES].state != NT_NO_FIELD;
    r->has_origin = f[NT_TK_ORIGIN].state != NT_NO_FIELD;
    r->has_package = f[NT_TK_PACKAGE].state != NT_NO_FIELD;
    r->has_lowbox = f[NT_TK_LOWBOX].state != NT_NO_FIELD;
    r->has_trust = f[NT_TK_TRUST].state != NT_NO_FIELD;
}

/* ---- the command ---- */

/* What the object manager says of it, if it knows: an object of another type is no token. */
static sc_err *check_type(const struct nt *nt, uint64_t address, sc_arena *arena) {
    struct nt_objects om;
    struct nt_object o;
    char buf[SC_NT_BUF];
    sc_err *err = nt_objects_init(nt, arena, &om);
    if (!err)
        err = nt_object_read(&om, address, &o);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err)
        return err;
    if (o.type.name && !nt_object_is(&o, "Token"))
        return sc_errf(SC_ERR_NOT_FOUND, "the object at %s is no token: its type is %s",
                       sc_nt_ptr_text(address, nt->ptr_size, buf), o.type.name);
    return NULL;
}

static sc_err *show(sc_session *s, const struct nt *nt, uint64_t address, bool names,
                    sc_arena *arena) {
    struct nt_token t;
    struct row *r = sc_arena_alloc(arena, sizeof *r);
    struct text text = {nt->ptr_size, names, sc_session_enrich(s), nt->build < FIRST_NEW_BUILD};
    char buf[SC_NT_BUF];
    if (!r)
        return sc_err_nomem();
    sc_err *err = check_type(nt, address, arena);
    if (!err)
        err = nt_token_read(nt, address, &t);
    if (err)
        return err;
    sc_nt_ptr_text(address, nt->ptr_size, buf);
    if (!nt_any(t.f, NT_TK_FIELDS))
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the token at %s", buf);
    if (!nt_token_plausible(&t))
        return sc_errf(SC_ERR_NOT_FOUND, "at %s there is no token", buf);
    fill_numbers(nt, &t, r);
    fill_privileges(nt, &t, r);
    err = fill_sids(nt, &t, arena, r);
    if (err)
        return err;
    sc_record(s->out, &row_type, r, row_text, &text);
    sc_nt_assumed(s, t.assumed);
    return NULL;
}

/* The token that the session's thread acts with: of whom it impersonates, or its process's. */
static sc_err *active_token(sc_session *s, const struct nt *nt, uint64_t *ret) {
    struct nt_thread t;
    struct nt_impersonation imp = {.active = false};
    struct nt_process p;
    uint64_t thread, process;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_err *err = sc_session_thread(s, nt, &thread);
    if (!err)
        err = nt_thread_read(nt, thread, &t);
    if (!err && nt_thread_valid(&t))
        err = nt_thread_impersonation(nt, &t, &imp);
    if (!err && imp.active && nt_set(&imp.token)) {
        *ret = imp.token.value;
        return NULL;
    }
    if (!err || sc_err_catch(&err, SC_ERR_NOT_FOUND))
        err = sc_session_process(s, nt, &process);
    if (!err)
        err = nt_process_read(nt, process, &p);
    if (!err && !nt_set(&p.f[NT_P_TOKEN]))
        err = sc_errf(SC_ERR_NOT_FOUND, "the token of the process at %s is not in the dump",
                      sc_nt_ptr_text(process, nt->ptr_size, a));
    if (err)
        return err;
    *ret = p.f[NT_P_TOKEN].value;
    const struct text text = {nt->ptr_size, false, false, nt->build < FIRST_NEW_BUILD};
    sc_printf(s->out, "Thread is not impersonating. Using process token...\n");
    sc_printf(s->out, "_EPROCESS %s, _TOKEN %s\n", ptr(&text, process, a), ptr(&text, *ret, b));
    return NULL;
}

static sc_err *run_token(sc_session *s, const struct sc_args *args) {
    struct nt nt;
    uint64_t address = args->v[1].given ? args->v[1].num : 0;
    sc_err *err = sc_session_nt(s, &nt);
    if (err)
        return err;
    address = sc_space_canon(nt.space, address);
    if (!address)
        err = active_token(s, &nt, &address);
    address &= ~(uint64_t)(nt.ptr_size == 8 ? 15 : 7); /* as EPROCESS.Token has it */
    return err ? err : show(s, &nt, address, args->v[0].given, args->arena);
}

static const struct sc_arg token_args[] = {
    {SC_ARG_OPTION, "-n", "n", true, "with the names that are the same on every machine"},
    {SC_ARG_EXPR, "address", NULL, true, "of the token; 0: of the current thread"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_token_commands[] = {
    {.name = "!token",
     .brief = "show an access token: user, groups, privileges",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .args = token_args,
     .help = "Without an address, or with 0, the token that the current thread acts with: that of "
             "whom it impersonates, or its process's. Names of accounts are not in a dump; -n "
             "shows those of Windows' own identifiers.",
     .sample = "!token",
     .run = run_token},
    {.name = NULL},
};
