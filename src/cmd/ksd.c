/* SPDX-License-Identifier: MIT */
/*
 * `!sid`, `!acl`, `!sd`: what security structures say, wherever they lie.
 *
 *     SID is: S-1-5-18 (Well Known Group: NT AUTHORITY\SYSTEM)
 *     ACL is: ->AclRevision: 0x2
 *     ->Dacl    : ->Ace[0]: ->AceType: ACCESS_ALLOWED_ACE_TYPE
 */
#include "cmd/ksd.h"

#include <inttypes.h>
#include <stdio.h>

#include "cmd/session_impl.h"
#include "nt/acl.h"

/* ---- SIDs ---- */

static const struct sc_field sid_fields[] = {SC_FIELD(struct sc_sid, sid, SC_F_STR),
                                             SC_FIELD(struct sc_sid, kind, SC_F_STR),
                                             SC_FIELD(struct sc_sid, name, SC_F_STR), SC_FIELD_END};
const struct sc_rectype sc_sid_type = {"sid", sizeof(struct sc_sid), sid_fields};

sc_err *sc_sid_row(const struct nt_sid *sid, sc_arena *arena, struct sc_sid *ret) {
    char buf[NT_SID_TEXT];
    const struct nt_sid_name *name = nt_sid_name(sid);
    *ret = (struct sc_sid){sc_arena_strdup(arena, nt_sid_text(sid, buf)), name ? name->kind : NULL,
                           name ? name->name : NULL};
    return ret->sid ? NULL : sc_err_nomem();
}

void sc_sid_text(sc_out *out, const struct sc_sid *s, bool names) {
    sc_printf(out, "%s", s->sid);
    if (!names || s->sid[0] == '<')
        return;
    if (s->name)
        sc_printf(out, " (%s: %s)", s->kind, s->name);
    else
        sc_puts(out, " (no name mapped)");
}

struct style {
    const char *prefix; /* "ACL is: ", "->Dacl    : " */
    bool names;
    unsigned index;
};

static void sid_is(sc_out *out, const void *record, void *ctx) {
    const struct style *style = ctx;
    sc_puts(out, style->prefix);
    sc_sid_text(out, record, style->names);
    sc_puts(out, "\n");
}

/* ---- ACLs ---- */

struct acl_row {
    const char *which;
    uint64_t address;
    uint32_t revision, sbz1, size, count, sbz2;
};
static const struct sc_field acl_fields[] = {
    SC_FIELD(struct acl_row, which, SC_F_STR),    SC_FIELD(struct acl_row, address, SC_F_ADDR),
    SC_FIELD(struct acl_row, revision, SC_F_U32), SC_FIELD(struct acl_row, size, SC_F_U32),
    SC_FIELD(struct acl_row, count, SC_F_U32),    SC_FIELD(struct acl_row, sbz1, SC_F_U32),
    SC_FIELD(struct acl_row, sbz2, SC_F_U32),     SC_FIELD_END};
static const struct sc_rectype acl_type = {"acl", sizeof(struct acl_row), acl_fields};

static void acl_text(sc_out *out, const void *record, void *ctx) {
    const struct acl_row *r = record;
    const char *p = ((const struct style *)ctx)->prefix;
    sc_printf(out, "%s\n%s->AclRevision: 0x%x\n%s->Sbz1       : 0x%x\n", p, p, r->revision, p,
              r->sbz1);
    sc_printf(out, "%s->AclSize    : 0x%x\n%s->AceCount   : 0x%x\n%s->Sbz2       : 0x%x\n", p,
              r->size, p, r->count, p, r->sbz2);
}

struct ace_row {
    const char *which, *ace_type;
    uint32_t index, number, flags, size, mask;
    bool has_mask, has_sid;
    struct sc_sid sid;
    const char *flag[8];
    const char **flag_names;
    size_t nflags;
};
static const struct sc_field ace_fields[] = {SC_FIELD(struct ace_row, which, SC_F_STR),
                                             SC_FIELD(struct ace_row, index, SC_F_U32),
                                             SC_FIELD(struct ace_row, number, SC_F_U32),
                                             SC_FIELD(struct ace_row, ace_type, SC_F_STR),
                                             SC_FIELD(struct ace_row, flags, SC_F_HEX32),
                                             SC_FIELD_STRS(struct ace_row, flag_names, nflags),
                                             SC_FIELD(struct ace_row, size, SC_F_U32),
                                             SC_FIELD(struct ace_row, mask, SC_F_HEX32),
                                             SC_FIELD_REC(struct ace_row, sid, &sc_sid_type),
                                             SC_FIELD_END};
static const struct sc_rectype ace_type = {"ace", sizeof(struct ace_row), ace_fields};

static void ace_text(sc_out *out, const void *record, void *ctx) {
    const struct ace_row *r = record;
    const struct style *style = ctx;
    char p[40];
    snprintf(p, sizeof p, "%s->Ace[%u]: ", style->prefix, r->index);
    if (r->ace_type)
        sc_printf(out, "%s->AceType: %s\n", p, r->ace_type);
    else
        sc_printf(out, "%s->AceType: 0x%x\n", p, r->number);
    sc_printf(out, "%s->AceFlags: 0x%x\n", p, r->flags);
    for (size_t i = 0; i < r->nflags; i++)
        sc_printf(out, "%s            %s\n", p, r->flag_names[i]);
    sc_printf(out, "%s->AceSize: 0x%x\n", p, r->size);
    if (r->has_mask)
        sc_printf(out, "%s->Mask : 0x%08x\n", p, r->mask);
    if (r->has_sid) {
        sc_printf(out, "%s->SID: ", p);
        sc_sid_text(out, &r->sid, style->names);
        sc_puts(out, "\n");
    }
    sc_puts(out, "\n");
}

static sc_err *show_ace(sc_session *s, const char *which, const struct nt_ace *a,
                        struct style *style, sc_arena *arena) {
    struct ace_row r = {.which = which,
                        .ace_type = nt_ace_type_name(a->type),
                        .index = style->index,
                        .number = a->type,
                        .flags = a->flags,
                        .size = a->size,
                        .mask = a->mask,
                        .has_mask = a->has_mask,
                        .has_sid = a->has_sid};
    for (unsigned bit = 0; bit < 8; bit++)
        if (a->flags >> bit & 1 && nt_ace_flag_name(bit))
            r.flag[r.nflags++] = nt_ace_flag_name(bit);
    r.flag_names = r.flag;
    sc_err *err = a->has_sid ? sc_sid_row(&a->sid, arena, &r.sid) : NULL;
    if (!err)
        sc_record(s->out, &ace_type, &r, ace_text, style);
    return err;
}

static sc_err *show_acl(sc_session *s, const char *which, uint64_t address, struct style style,
                        sc_arena *arena) {
    struct nt_acl acl;
    struct nt_ace ace = {0};
    const char *why = NULL;
    char buf[SC_ADDR_BUF];
    sc_err *err = nt_acl_read(sc_target_space(s->target), address, arena, &acl);
    if (err)
        return err;
    sc_addr_text(address, sc_session_ptr_size(s), buf);
    if (acl.state == NT_NO_FIELD)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "at %s there is no ACL: its revision is 0x%x, its size "
                       "0x%x",
                       buf, acl.revision, acl.size);
    if (!acl.bytes)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the ACL at %s", buf);
    struct acl_row r = {which, address, acl.revision, acl.sbz1, acl.size, acl.count, acl.sbz2};
    sc_record(s->out, &acl_type, &r, acl_text, &style);
    while (!err && nt_ace_next(&acl, style.index, &ace, &why)) {
        err = show_ace(s, which, &ace, &style, arena);
        style.index++;
    }
    if (!err && why)
        sc_remark(s->out, "*** the list has %u entries, but entry %u cannot be read: %s", acl.count,
                  style.index, why);
    return err;
}

/* ---- descriptors ---- */

struct sd_row {
    uint64_t address, owner_address, group_address, dacl, sacl;
    uint32_t revision, sbz1, control;
    const char *flag[16];
    const char **flags;
    size_t nflags;
    struct sc_sid owner, group;
};
static const struct sc_field sd_fields[] = {SC_FIELD(struct sd_row, address, SC_F_ADDR),
                                            SC_FIELD(struct sd_row, revision, SC_F_U32),
                                            SC_FIELD(struct sd_row, sbz1, SC_F_U32),
                                            SC_FIELD(struct sd_row, control, SC_F_HEX32),
                                            SC_FIELD_STRS(struct sd_row, flags, nflags),
                                            SC_FIELD_REC(struct sd_row, owner, &sc_sid_type),
                                            SC_FIELD_REC(struct sd_row, group, &sc_sid_type),
                                            SC_FIELD(struct sd_row, dacl, SC_F_ADDR),
                                            SC_FIELD(struct sd_row, sacl, SC_F_ADDR),
                                            SC_FIELD_END};
static const struct sc_rectype sd_type = {"security_descriptor", sizeof(struct sd_row), sd_fields};

static void who(sc_out *out, const char *label, const struct sc_sid *sid, bool names) {
    sc_puts(out, label);
    if (sid->sid)
        sc_sid_text(out, sid, names);
    else
        sc_puts(out, " is NULL");
    sc_puts(out, "\n");
}

static void sd_text(sc_out *out, const void *record, void *ctx) {
    const struct sd_row *r = record;
    const struct style *style = ctx;
    sc_printf(out, "->Revision: 0x%x\n->Sbz1    : 0x%x\n->Control : 0x%x\n", r->revision, r->sbz1,
              r->control);
    for (size_t i = 0; i < r->nflags; i++)
        sc_printf(out, "            %s\n", r->flags[i]);
    who(out, "->Owner   : ", &r->owner, style->names);
    who(out, "->Group   : ", &r->group, style->names);
}

static sc_err *sid_at(sc_session *s, uint64_t address, sc_arena *arena, struct sc_sid *ret) {
    struct nt_sid sid;
    if (!address)
        return NULL;
    nt_sid_read(sc_target_space(s->target), address, &sid);
    return sc_sid_row(&sid, arena, ret);
}

/* An ACL, or that there is none, or why there is none to show. */
static sc_err *show_part(sc_session *s, const char *which, uint64_t address, struct style style,
                         sc_arena *arena) {
    if (!address) {
        sc_printf(s->out, "%s is NULL\n", style.prefix);
        return NULL;
    }
    sc_err *err = show_acl(s, which, address, style, arena);
    if (err && sc_err_code(err) == SC_ERR_NOT_FOUND) {
        sc_remark(s->out, "%s %s", style.prefix, sc_err_text(err));
        sc_err_destroy(err);
        err = NULL;
    }
    return err;
}

static sc_err *show_sd(sc_session *s, uint64_t address, bool names, sc_arena *arena) {
    struct nt_descriptor d;
    struct style style = {"", names, 0};
    char buf[SC_ADDR_BUF];
    sc_addr_text(address, sc_session_ptr_size(s), buf);
    nt_descriptor_read(sc_target_space(s->target), address, &d);
    if (d.state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND,
                       d.state == NT_ABSENT ? "the dump does not hold the descriptor at %s"
                                            : "at %s there is no security descriptor (its lowest "
                                              "bits may count references: they must be 0)",
                       buf);
    struct sd_row r = {.address = address,
                       .dacl = d.dacl ? d.dacl : SC_UNSET64,
                       .sacl = d.sacl ? d.sacl : SC_UNSET64,
                       .revision = d.revision,
                       .sbz1 = d.sbz1,
                       .control = d.control};
    for (unsigned bit = 0; bit < 16; bit++)
        if (d.control >> bit & 1)
            r.flag[r.nflags++] = nt_descriptor_flag_name(bit);
    r.flags = r.flag;
    sc_err *err = sid_at(s, d.owner, arena, &r.owner);
    if (!err)
        err = sid_at(s, d.group, arena, &r.group);
    if (err)
        return err;
    sc_record(s->out, &sd_type, &r, sd_text, &style);
    style.prefix = "->Dacl    : ";
    err = show_part(s, "dacl", d.dacl, style, arena);
    style.prefix = "->Sacl    : ";
    return err ? err : show_part(s, "sacl", d.sacl, style, arena);
}

/* ---- the commands ---- */

static uint64_t address_of(sc_session *s, const struct sc_args *args) {
    return sc_space_canon(sc_target_space(s->target), args->v[0].num);
}
static bool names_wanted(const struct sc_args *args) {
    return args->v[1].given && args->v[1].num & 1;
}

static sc_err *run_sid(sc_session *s, const struct sc_args *args) {
    struct nt_sid sid;
    struct sc_sid r;
    struct style style = {"SID is: ", names_wanted(args), 0};
    char buf[SC_ADDR_BUF];
    uint64_t address = address_of(s, args);
    nt_sid_read(sc_target_space(s->target), address, &sid);
    if (sid.state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND,
                       sid.state == NT_ABSENT ? "the dump does not hold the SID at %s"
                                              : "at %s there is no SID",
                       sc_addr_text(address, sc_session_ptr_size(s), buf));
    sc_err *err = sc_sid_row(&sid, args->arena, &r);
    if (!err)
        sc_record(s->out, &sc_sid_type, &r, sid_is, &style);
    return err;
}

static sc_err *run_acl(sc_session *s, const struct sc_args *args) {
    return show_acl(s, "acl", address_of(s, args),
                    (struct style){"ACL is: ", names_wanted(args), 0}, args->arena);
}

static sc_err *run_sd(sc_session *s, const struct sc_args *args) {
    return show_sd(s, address_of(s, args), names_wanted(args), args->arena);
}

static const struct sc_arg security_args[] = {
    {SC_ARG_EXPR, "address", NULL, false, "where it lies"},
    {SC_ARG_EXPR, "flags", NULL, true, "1: with the names that are the same on every machine"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_security_commands[] = {
    {.name = "!sid",
     .brief = "show a security identifier",
     .needs = SC_NEED_TARGET,
     .args = security_args,
     .help = "Names of accounts are not in a dump: with flag 1 those of Windows' own identifiers "
             "are shown, and of a domain's the accounts with numbers that Windows reserves.",
     .sample = "!sid @$csp",
     .run = run_sid},
    {.name = "!acl",
     .brief = "show an access control list",
     .needs = SC_NEED_TARGET,
     .args = security_args,
     .sample = "!acl @$csp",
     .run = run_acl},
    {.name = "!sd",
     .brief = "show a security descriptor with its access control lists",
     .needs = SC_NEED_TARGET,
     .args = security_args,
     .help =
         "That of an object is what !object's header points to; the lowest bits of that pointer "
         "count references: !sd poi(header+28)&fffffffffffffff0.",
     .sample = "!sd @$csp",
     .run = run_sd},
    {.name = NULL},
};
