/* SPDX-License-Identifier: MIT */
/*
 * `!errrec`: a hardware error record (WHEA_ERROR_RECORD) at an address, in WinDbg's layout.
 * Without an address: the one that the bug check WHEA_UNCORRECTABLE_ERROR names, else one that
 * stands in the dump's secondary data.
 */
#include "cmd/errrec.h"

#include <inttypes.h>
#include <string.h>

#include "base/guid.h"
#include "cmd/show.h"
#include "nt/whea_find.h"

enum { WHEA_UNCORRECTABLE_ERROR = 0x124, FLAG_PRIMARY = 1, NAME_WIDTH = 14, AER_WIDTH = 32 };

struct record_row {
    uint64_t address, record_id;
    uint32_t severity_code, length, flags;
    const char *severity, *creator, *notify_type, *timestamp, *revision;
    struct sc_guid platform, partition;
    bool has_platform, has_partition;
};
static const struct sc_field record_fields[] = {SC_FIELD(struct record_row, address, SC_F_ADDR),
                                                SC_FIELD(struct record_row, record_id, SC_F_HEX64),
                                                SC_FIELD(struct record_row, severity, SC_F_STR),
                                                SC_FIELD(struct record_row, length, SC_F_U32),
                                                SC_FIELD(struct record_row, creator, SC_F_STR),
                                                SC_FIELD(struct record_row, notify_type, SC_F_STR),
                                                SC_FIELD(struct record_row, timestamp, SC_F_STR),
                                                SC_FIELD(struct record_row, flags, SC_F_HEX32),
                                                SC_FIELD_END};
static const struct sc_rectype record_type = {"error_record", sizeof(struct record_row),
                                              record_fields};

static const struct sc_field line_fields[] = {SC_FIELD(struct sc_errrec_line, name, SC_F_STR),
                                              SC_FIELD(struct sc_errrec_line, value, SC_F_STR),
                                              SC_FIELD(struct sc_errrec_line, known, SC_F_STR),
                                              SC_FIELD_END};
static const struct sc_rectype line_type = {"error_field", sizeof(struct sc_errrec_line),
                                            line_fields};

struct section_row {
    uint32_t number, offset, length, flags;
    const char *name, *severity, *fru_text;
    uint64_t descriptor, section;
    bool present;
    const struct sc_errrec_line *fields;
    size_t nfields;
    bool enrich;
    unsigned ptr_size;
};
static const struct sc_field section_fields[] = {
    SC_FIELD(struct section_row, number, SC_F_U32),
    SC_FIELD(struct section_row, name, SC_F_STR),
    SC_FIELD(struct section_row, descriptor, SC_F_ADDR),
    SC_FIELD(struct section_row, section, SC_F_ADDR),
    SC_FIELD(struct section_row, offset, SC_F_U32),
    SC_FIELD(struct section_row, length, SC_F_U32),
    SC_FIELD(struct section_row, flags, SC_F_HEX32),
    SC_FIELD(struct section_row, severity, SC_F_STR),
    SC_FIELD(struct section_row, fru_text, SC_F_STR),
    SC_FIELD_LIST(struct section_row, fields, nfields, &line_type),
    SC_FIELD_END};
static const struct sc_rectype section_type = {"error_section", sizeof(struct section_row),
                                               section_fields};

static const char rule[] =
    "===============================================================================\n";
static const char thin[] =
    "-------------------------------------------------------------------------------\n";

static void record_text(sc_out *out, const void *record, void *ctx) {
    const struct record_row *r = record;
    const unsigned *ptr_size = ctx;
    char guid[SC_GUID_BUF];
    sc_puts(out, rule);
    sc_printf(out, "Common Platform Error Record @ %0*" PRIx64 "\n", (int)*ptr_size * 2,
              r->address);
    sc_puts(out, thin);
    sc_printf(out, "Record Id     : %016" PRIx64 "\n", r->record_id);
    sc_printf(out, "Severity      : %s (%" PRIu32 ")\n", r->severity, r->severity_code);
    sc_printf(out, "Length        : %" PRIu32 "\n", r->length);
    sc_printf(out, "Creator       : %s\n", r->creator);
    sc_printf(out, "Notify Type   : %s\n", r->notify_type);
    if (r->timestamp)
        sc_printf(out, "Timestamp     : %s (UTC)\n", r->timestamp);
    if (r->has_platform)
        sc_printf(out, "Platform Id   : %s\n", sc_guid_text(&r->platform, guid));
    if (r->has_partition)
        sc_printf(out, "Partition Id  : %s\n", sc_guid_text(&r->partition, guid));
    sc_printf(out, "Flags         : 0x%08" PRIx32 "\n\n", r->flags);
}

static void field_text(sc_out *out, const struct section_row *s, const struct sc_errrec_line *l) {
    bool aer = l->name && l->name[0] == ' ' && (l->name[2] == 'U' || l->name[2] == 'C') &&
               l->name[3] != 'l'; /* "Class code" stands with the device */
    size_t len = l->name ? strlen(l->name) : 0;
    bool at = len && l->name[len - 1] == '@';
    if (!l->name)
        sc_printf(out, "%s", l->value);
    else if (at)
        sc_printf(out, "%s %s", l->name, l->value);
    else if (!l->name[0])
        sc_printf(out, "%*s%s", NAME_WIDTH + 2, "", l->value);
    else
        sc_printf(out, "%-*s: %s", aer ? AER_WIDTH : NAME_WIDTH, l->name, l->value);
    if (s->enrich && l->known)
        sc_printf(out, "  [%s]", l->known);
    sc_puts(out, "\n");
}

static void section_text(sc_out *out, const void *record, void *ctx) {
    const struct section_row *s = record;
    (void)ctx;
    int w = (int)s->ptr_size * 2;
    sc_puts(out, rule);
    sc_printf(out, "Section %-6" PRIu32 ": %s\n", s->number, s->name);
    sc_puts(out, thin);
    sc_printf(out, "Descriptor    @ %0*" PRIx64 "\n", w, s->descriptor);
    sc_printf(out, "Section       @ %0*" PRIx64 "\n", w, s->section);
    sc_printf(out, "Offset        : %" PRIu32 "\n", s->offset);
    sc_printf(out, "Length        : %" PRIu32 "\n", s->length);
    sc_printf(out, "Flags         : 0x%08" PRIx32 "%s\n", s->flags,
              s->flags & FLAG_PRIMARY ? " Primary" : "");
    sc_printf(out, "Severity      : %s\n", s->severity);
    if (s->fru_text)
        sc_printf(out, "FRU Text      : %s\n", s->fru_text);
    sc_puts(out, "\n");
    for (size_t i = 0; i < s->nfields; i++)
        field_text(out, s, &s->fields[i]);
    if (!s->present)
        sc_puts(out, "*** The section is not in the dump ***\n");
    else if (!s->nfields)
        sc_puts(out, "*** Unknown section format ***\n");
    sc_puts(out, "\n");
}

static const char *guid_or(const char *name, const struct sc_guid *guid, sc_arena *arena) {
    char text[SC_GUID_BUF];
    return name ? name : sc_arena_strdup(arena, sc_guid_text(guid, text));
}

static const char *severity(uint32_t code) {
    const char *name = nt_whea_severity_name(code);
    return name ? name : "Unknown";
}

static sc_err *show_header(sc_out *out, const struct nt_whea_record *r, uint64_t address,
                           sc_arena *arena, unsigned ptr_size) {
    struct record_row row = {.address = address,
                             .record_id = r->id,
                             .severity_code = r->severity,
                             .severity = severity(r->severity),
                             .length = r->length,
                             .flags = r->flags,
                             .platform = r->platform,
                             .partition = r->partition,
                             .has_platform = r->has_platform,
                             .has_partition = r->has_partition};
    row.creator = guid_or(nt_whea_creator_name(&r->creator), &r->creator, arena);
    row.notify_type = guid_or(nt_whea_notify_name(&r->notify), &r->notify, arena);
    if (r->has_time)
        row.timestamp = sc_arena_printf(arena, "%u/%u/%u %u:%02u:%02u", r->month, r->day, r->year,
                                        r->hour, r->minute, r->second);
    if (!row.creator || !row.notify_type || (r->has_time && !row.timestamp))
        return sc_err_nomem();
    sc_record(out, &record_type, &row, record_text, &ptr_size);
    return NULL;
}

static sc_err *show_section(sc_session *session, const struct nt_whea_record *r, uint32_t i,
                            uint64_t address, sc_arena *arena) {
    const struct nt_whea_section *s = &r->section[i];
    struct sc_errrec_lines *lines = sc_arena_alloc(arena, sizeof *lines);
    if (!lines)
        return sc_err_nomem();
    lines->arena = arena;
    unsigned ptr_size = sc_session_ptr_size(session);
    sc_errrec_section(r, i, address + s->offset, ptr_size, lines);
    struct section_row row = {
        .number = i,
        .offset = s->offset,
        .length = s->length,
        .flags = s->flags,
        .name = guid_or(s->name, &s->type, arena),
        .severity = severity(s->severity),
        .fru_text = s->fru[0] ? s->fru : NULL,
        .descriptor = address + NT_WHEA_HEADER + (uint64_t)NT_WHEA_DESCRIPTOR * i,
        .section = address + s->offset,
        .present = s->present,
        .fields = lines->item,
        .nfields = lines->count,
        .enrich = sc_session_enrich(session),
        .ptr_size = ptr_size,
    };
    if (lines->nomem || !row.name)
        return sc_err_nomem();
    sc_record(sc_session_out(session), &section_type, &row, section_text, NULL);
    return NULL;
}

static sc_err *show(sc_session *session, const struct nt_whea_record *r, uint64_t address,
                    sc_arena *arena) {
    sc_out *out = sc_session_out(session);
    sc_err *err = show_header(out, r, address, arena, sc_session_ptr_size(session));
    for (uint32_t i = 0; !err && i < r->nlisted; i++)
        err = show_section(session, r, i, address, arena);
    if (!err && r->nlisted < r->nsections)
        sc_remark(out, "The record counts %" PRIu32 " sections; %" PRIu32 " are in the dump.",
                  r->nsections, r->nlisted);
    return err;
}

/* The record that the bug check names; where memory lacks it, one of the secondary data. */
static sc_err *show_default(sc_session *session, sc_arena *arena) {
    sc_target *target = sc_session_target(session);
    const struct sc_machine *m = sc_target_machine(target);
    struct nt_whea_record record;
    struct sc_guid tag;
    char guid[SC_GUID_BUF];
    bool found = false;
    bool named = m->has_bugcheck && (m->bugcheck & 0xfff) == WHEA_UNCORRECTABLE_ERROR;
    sc_err *err = named ? nt_whea_at(target, m->bugcheck_arg[1], arena, &record, &found) : NULL;
    if (!err && found)
        return show(session, &record, m->bugcheck_arg[1], arena);
    if (!err)
        err = nt_whea_secondary(target, arena, &record, &tag, &found);
    if (err)
        return err;
    if (!found)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "!errrec: neither the bug check nor the secondary data has an error "
                       "record; give the address of one");
    sc_remark(sc_session_out(session),
              "From the secondary data %s: addresses count from the record's start.",
              sc_guid_text(&tag, guid));
    return show(session, &record, 0, arena);
}

static sc_err *run_errrec(sc_session *session, const struct sc_args *args) {
    sc_target *target = sc_session_target(session);
    uint64_t address = args->v[0].num;
    uint8_t first;
    struct nt_whea_record record;
    bool found;
    if (!args->v[0].given)
        return show_default(session, args->arena);
    sc_err *err = sc_space_need(sc_target_space(target), address, &first, 1, "the error record");
    if (!err)
        err = nt_whea_at(target, address, args->arena, &record, &found);
    if (err)
        return err;
    if (!found)
        return sc_errf(SC_ERR_ARG, "!errrec: there is no error record at %0*" PRIx64,
                       (int)sc_session_ptr_size(session) * 2, address);
    return show(session, &record, address, args->arena);
}

static const struct sc_arg errrec_args[] = {
    {SC_ARG_EXPR, "address", NULL, true, "of the record; without: the bug check's"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_errrec_commands[] = {
    {.name = "!errrec",
     .brief = "show a hardware error record (WHEA)",
     .needs = SC_NEED_KERNEL,
     .args = errrec_args,
     .help = "The record that WHEA_UNCORRECTABLE_ERROR (124) names in its second parameter, or any "
             "other Common Platform Error Record in memory: its header, and each section with its "
             "fields. Of a machine check the bank's status is taken apart: the name is the one of "
             "the processor manuals, and in brackets stands what it means.",
     .sample = "!errrec",
     .run = run_errrec},
    {.name = NULL},
};
