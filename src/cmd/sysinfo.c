/* SPDX-License-Identifier: MIT */
/*
 * `!sysinfo`: what a dump tells of the machine.
 *
 *     [CPU Information]
 *     ~MHz = REG_DWORD 3593
 *     Update Signature = REG_BINARY 0,0,0,0,36,0,0,0
 *
 *     Machine ID Information [From Smbios 2.3, DMIVersion 35, Size=2618]
 *     BiosVendor = Dell Inc.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/processors.h"
#include "cmd/session_impl.h"
#include "cmd/sysinfo.h"
#include "nt/cpuinfo.h"
#include "nt/sysinfo.h"

/* Of values of the SMBIOS table, the structure that they are in. */
struct value {
    const char *group, *name, *kind, *value;
    int64_t structure, handle; /* INT64_MIN: they are not of that table */
};
static const struct sc_field value_fields[] = {SC_FIELD(struct value, group, SC_F_STR),
                                               SC_FIELD(struct value, name, SC_F_STR),
                                               SC_FIELD(struct value, kind, SC_F_STR),
                                               SC_FIELD(struct value, value, SC_F_STR),
                                               SC_FIELD(struct value, structure, SC_F_NUM),
                                               SC_FIELD(struct value, handle, SC_F_NUM),
                                               SC_FIELD_END};
static const struct sc_rectype value_type = {"system_value", sizeof(struct value), value_fields};

enum { VALUE_TEXT = 1024 };

struct job {
    sc_session *session;
    struct sc_processors processors;
    struct nt_sysinfo info;
    bool csv;
    const char *group;
    int64_t structure, handle;
    sc_arena *arena;
};

/* One value: `name = type value`, or without the type; in CSV both in quotes. */
static void quoted(sc_out *out, const char *text) {
    sc_puts(out, "\"");
    for (; *text; text++)
        sc_printf(out, *text == '"' ? "\"\"" : "%c", *text);
    sc_puts(out, "\"");
}

static void value_text(sc_out *out, const void *record, void *ctx) {
    const struct value *r = record;
    const struct job *j = ctx;
    if (j->csv) {
        quoted(out, r->name);
        sc_puts(out, ",");
        quoted(out, r->value);
        sc_puts(out, "\n");
    } else if (r->kind) {
        sc_printf(out, "%s = %s %s\n", r->name, r->kind, r->value);
    } else {
        sc_printf(out, "%s = %s\n", r->name, r->value);
    }
}

/* The same as published outputs align it: `CPUID:        "…"`. */
static void aligned_text(sc_out *out, const void *record, void *ctx) {
    const struct value *r = record;
    const struct job *j = ctx;
    if (j->csv)
        value_text(out, record, ctx);
    else
        sc_printf(out, "%s:%*s%s\n", r->name, strlen(r->name) < 13 ? 13 - (int)strlen(r->name) : 1,
                  "", r->value);
}

/* A name, which may end in blanks. */
static void name_text(sc_out *out, const void *record, void *ctx) {
    const struct value *r = record;
    const struct job *j = ctx;
    if (j->csv)
        value_text(out, record, ctx);
    else
        sc_printf(out, "%s:        \"%s\"\n", r->name, r->value);
}

static void emit(struct job *j, const char *name, const char *type, const char *value,
                 void (*text)(sc_out *, const void *, void *)) {
    struct value r = {j->group, name, type, value, j->structure, j->handle};
    sc_record(j->session->out, &value_type, &r, text, j);
}

/* ---- cpuinfo ---- */

static const char *value_of(const struct nt_regvalue *v, char buf[VALUE_TEXT]) {
    uint64_t number;
    size_t n = 0;
    buf[0] = 0;
    if (v->text)
        return v->text;
    if (nt_regvalue_number(v, &number)) {
        snprintf(buf, VALUE_TEXT, "%" PRIu64, number);
        return buf;
    }
    for (uint32_t i = 0; i < v->size && n + 4 < VALUE_TEXT; i++)
        n += (size_t)snprintf(buf + n, VALUE_TEXT - n, "%s%x", i ? "," : "", v->data[i]);
    return buf;
}

static sc_err *need_values(const struct job *j) {
    if (j->info.ncpu)
        return NULL;
    return sc_errf(SC_ERR_NOT_FOUND, "!sysinfo: the dump does not hold the registry's values of "
                                     "the processor; !cpuinfo shows what the kernel has");
}

static sc_err *show_cpuinfo(struct job *j) {
    char buf[VALUE_TEXT];
    sc_err *err = need_values(j);
    if (err)
        return err;
    j->group = "CPU Information";
    if (!j->csv)
        sc_puts(j->session->out, "[CPU Information]\n");
    for (size_t i = 0; i < j->info.ncpu; i++)
        emit(j, j->info.cpu[i].name, nt_regvalue_type(j->info.cpu[i].type),
             value_of(&j->info.cpu[i], buf), value_text);
    return NULL;
}

/* ---- cpuspeed, cpumicrocode ---- */

static sc_err *show_cpuspeed(struct job *j) {
    const struct nt_regvalue *name = nt_sysinfo_value(&j->info, "ProcessorNameString");
    const struct nt_regvalue *mhz = nt_sysinfo_value(&j->info, "~MHz");
    struct nt_smbios_entry e;
    char buf[VALUE_TEXT];
    uint64_t most;
    size_t at = 0;
    sc_err *err = need_values(j);
    if (err)
        return err;
    j->group = "CPU Speed";
    if (name)
        emit(j, "CPUID", NULL, name->text ? name->text : "", name_text);
    while (nt_smbios_next(&j->info.smbios, &at, &e))
        if (e.type == 4 && nt_smbios_number(&e, 0x14, 2, &most)) {
            snprintf(buf, sizeof buf, "%" PRIu64, most);
            emit(j, "MaxSpeed", NULL, buf, aligned_text);
            break;
        }
    if (mhz)
        emit(j, "CurrentSpeed", NULL, value_of(mhz, buf), aligned_text);
    return NULL;
}

static sc_err *processor_0(struct job *j, struct nt_cpuinfo *ret) {
    struct nt_prcb prcb;
    bool present;
    sc_err *err = sc_processor_prcb(&j->processors, 0, &prcb, &present);
    if (!err && !present)
        err = sc_errf(SC_ERR_NOT_FOUND, "!sysinfo: the dump does not hold the nt!_KPRCB of "
                                        "processor 0");
    return err ? err : nt_cpuinfo_read(&j->processors.nt, &prcb, ret);
}

static void microcode_row(struct job *j, const char *label, const char *name, uint64_t other) {
    const struct nt_regvalue *v = nt_sysinfo_value(&j->info, name);
    char buf[64];
    uint64_t number = other;
    for (uint32_t i = 0; v && v->size == 8 && i < 8; i++)
        number = (i ? number : 0) | (uint64_t)v->data[i] << 8 * i;
    if (number == SC_UNSET64)
        return;
    snprintf(buf, sizeof buf, "%08" PRIx32 ":%08" PRIx32, (uint32_t)(number >> 32),
             (uint32_t)number);
    emit(j, label, NULL, buf, aligned_text);
}

static sc_err *show_microcode(struct job *j) {
    struct nt_cpuinfo info;
    char buf[SC_NT_BUF];
    sc_err *err = processor_0(j, &info);
    if (err)
        return err;
    j->group = "CPU Microcode";
    microcode_row(j, "Initial Microcode Version", "Previous Update Signature", SC_UNSET64);
    microcode_row(j, "Cached Microcode Version", "Update Signature",
                  nt_or(&info.signature, SC_UNSET64));
    emit(j, "Processor Family", NULL, sc_nt_num_text(sc_nt_num(&info.family), buf), aligned_text);
    emit(j, "Processor Model", NULL, sc_nt_num_text(sc_nt_num(&info.model), buf), aligned_text);
    emit(j, "Processor Stepping", NULL, sc_nt_num_text(sc_nt_num(&info.stepping), buf),
         aligned_text);
    return NULL;
}

/* ---- gbl ---- */

struct table {
    const char *signature, *oem_id, *oem_table;
    uint32_t length, held, revision;
    bool sound;
};
static const struct sc_field table_fields[] = {
    SC_FIELD(struct table, signature, SC_F_STR), SC_FIELD(struct table, length, SC_F_U32),
    SC_FIELD(struct table, held, SC_F_U32),      SC_FIELD(struct table, revision, SC_F_U32),
    SC_FIELD(struct table, oem_id, SC_F_STR),    SC_FIELD(struct table, oem_table, SC_F_STR),
    SC_FIELD(struct table, sound, SC_F_BOOL),    SC_FIELD_END};
static const struct sc_rectype table_type = {"acpi_table", sizeof(struct table), table_fields};

static void table_text(sc_out *out, const void *record, void *ctx) {
    const struct table *r = record;
    const struct job *j = ctx;
    if (j->csv)
        sc_printf(out, "\"%s\",%u,%u,\"%s\",\"%s\"\n", r->signature, r->length, r->revision,
                  r->oem_id, r->oem_table);
    else
        sc_printf(out, "%s  Length %6u  Revision %2u  OEM %-6s %-8s", r->signature, r->length,
                  r->revision, r->oem_id, r->oem_table);
    if (!j->csv && r->held < r->length)
        sc_printf(out, "  [%u bytes are in the dump]", r->held);
    if (!j->csv)
        sc_puts(out, r->held == r->length && !r->sound ? "  *** wrong checksum\n" : "\n");
}

static sc_err *show_gbl(struct job *j) {
    if (!j->info.nacpi)
        return sc_errf(SC_ERR_NOT_FOUND, "!sysinfo: the dump holds no tables of ACPI");
    for (size_t i = 0; i < j->info.nacpi; i++) {
        const struct nt_acpi_table *t = &j->info.acpi[i];
        struct table r = {t->signature, t->oem_id,   t->oem_table, t->length,
                          t->held,      t->revision, t->sound};
        sc_record(j->session->out, &table_type, &r, table_text, j);
    }
    return NULL;
}

/* ---- machineid, smbios ---- */

static sc_err *need_smbios(const struct job *j) {
    if (j->info.smbios.size)
        return NULL;
    return sc_errf(SC_ERR_NOT_FOUND, "!sysinfo: the dump holds no SMBIOS table: %s",
                   j->info.smbios_from);
}

struct smbios {
    bool version_known, calling20;
    int64_t major, minor, revision;
    uint64_t size;
    const char *from;
};
static const struct sc_field smbios_fields[] = {SC_FIELD(struct smbios, major, SC_F_NUM),
                                                SC_FIELD(struct smbios, minor, SC_F_NUM),
                                                SC_FIELD(struct smbios, revision, SC_F_NUM),
                                                SC_FIELD(struct smbios, calling20, SC_F_BOOL),
                                                SC_FIELD(struct smbios, size, SC_F_U64),
                                                SC_FIELD(struct smbios, from, SC_F_STR),
                                                SC_FIELD_END};
static const struct sc_rectype smbios_type = {"smbios", sizeof(struct smbios), smbios_fields};

static void smbios_text(sc_out *out, const void *record, void *ctx) {
    const struct smbios *r = record;
    const struct job *j = ctx;
    if (j->csv)
        return;
    if (r->version_known)
        sc_printf(out,
                  "[SMBIOS Data Tables v%" PRId64 ".%" PRId64 "]\n[DMI Version - %" PRId64
                  "]\n[2.0 Calling Convention - %s]\n",
                  r->major, r->minor, r->revision, r->calling20 ? "Yes" : "No");
    sc_printf(out, "[Table Size - %" PRIu64 " bytes]\n", r->size);
}

static void machineid_text(sc_out *out, const void *record, void *ctx) {
    const struct smbios *r = record;
    const struct job *j = ctx;
    if (j->csv)
        return;
    sc_puts(out, "Machine ID Information [From Smbios");
    if (r->version_known)
        sc_printf(out, " %" PRId64 ".%" PRId64 ", DMIVersion %" PRId64, r->major, r->minor,
                  r->revision);
    sc_printf(out, ", Size=%" PRIu64 "]\n", r->size);
}

/* What is said of the table itself. */
static void show_table(struct job *j, void (*text)(sc_out *, const void *, void *)) {
    const struct nt_smbios *t = &j->info.smbios;
    bool known = t->version_known;
    struct smbios r = {known,
                       known && t->calling20,
                       known ? t->major : INT64_MIN,
                       known ? t->minor : INT64_MIN,
                       known ? t->revision : INT64_MIN,
                       t->size,
                       j->info.smbios_from};
    sc_record(j->session->out, &smbios_type, &r, text, j);
}

/* Which fields make a machine known. */
static const struct {
    uint8_t type, offset;
    bool text;
    const char *name;
} machine_fields[] = {
    {0, 0x14, false, "BiosMajorRelease"},
    {0, 0x15, false, "BiosMinorRelease"},
    {0, 0x04, true, "BiosVendor"},
    {0, 0x05, true, "BiosVersion"},
    {0, 0x08, true, "BiosReleaseDate"},
    {1, 0x04, true, "SystemManufacturer"},
    {1, 0x05, true, "SystemProductName"},
    {1, 0x1a, true, "SystemFamily"},
    {1, 0x06, true, "SystemVersion"},
    {1, 0x19, true, "SystemSKU"},
    {2, 0x04, true, "BaseBoardManufacturer"},
    {2, 0x05, true, "BaseBoardProduct"},
    {2, 0x06, true, "BaseBoardVersion"},
};

static bool first_of(const struct nt_smbios *t, uint8_t type, struct nt_smbios_entry *ret) {
    size_t at = 0;
    while (nt_smbios_next(t, &at, ret))
        if (ret->type == type)
            return true;
    return false;
}

static sc_err *show_machineid(struct job *j) {
    const struct nt_smbios *t = &j->info.smbios;
    struct nt_smbios_entry e;
    char buf[NT_SMBIOS_STRING];
    uint64_t v;
    sc_err *err = need_smbios(j);
    if (err)
        return err;
    j->group = "Machine ID";
    show_table(j, machineid_text);
    for (size_t i = 0; i < sizeof machine_fields / sizeof *machine_fields; i++) {
        if (!first_of(t, machine_fields[i].type, &e) ||
            !nt_smbios_number(&e, machine_fields[i].offset, 1, &v))
            continue;
        if (machine_fields[i].text)
            nt_smbios_string(&e, (unsigned)v, buf);
        else
            snprintf(buf, sizeof buf, "%" PRIu64, v);
        if (*buf)
            emit(j, machine_fields[i].name, NULL, buf, value_text);
    }
    return NULL;
}

static void field_text(sc_out *out, const void *record, void *ctx) {
    const struct value *r = record;
    const struct job *j = ctx;
    if (j->csv)
        value_text(out, record, ctx);
    else
        sc_printf(out, "  %-29s %s\n", r->name, r->value);
}

struct structure {
    const char *name;
    uint32_t structure, length, handle;
};
static const struct sc_field structure_fields[] = {
    SC_FIELD(struct structure, name, SC_F_STR), SC_FIELD(struct structure, structure, SC_F_U32),
    SC_FIELD(struct structure, length, SC_F_U32), SC_FIELD(struct structure, handle, SC_F_U32),
    SC_FIELD_END};
static const struct sc_rectype structure_type = {"smbios_structure", sizeof(struct structure),
                                                 structure_fields};

static void structure_text(sc_out *out, const void *record, void *ctx) {
    const struct structure *r = record;
    const struct job *j = ctx;
    if (!j->csv)
        sc_printf(out, "[%s (Type %u) - Length %u - Handle %04xh]\n", r->name, r->structure,
                  r->length, r->handle);
}

static void characteristic_text(sc_out *out, const void *record, void *ctx) {
    const struct value *r = record;
    const struct job *j = ctx;
    if (!j->csv)
        sc_printf(out, "       %s: - %s\n", r->kind, r->value);
}

static void show_structure(struct job *j, const struct nt_smbios_entry *e) {
    const char *name = sc_smbios_type_name(e->type);
    struct structure r = {name ? name : "Unknown Type", e->type, e->length, e->handle};
    struct sc_smbios_field f;
    char number[8];
    uint64_t bits = 0;
    j->group = r.name;
    j->structure = e->type;
    j->handle = e->handle;
    sc_record(j->session->out, &structure_type, &r, structure_text, j);
    for (unsigned i = 0; sc_smbios_field(e, i, &f); i++)
        emit(j, f.label, NULL, f.text, field_text);
    if (e->type || j->csv || !nt_smbios_number(e, 0x0a, 8, &bits))
        return;
    sc_puts(j->session->out, "  BIOS Characteristics\n");
    for (unsigned i = 0; i < 32; i++)
        if (bits >> i & 1 && sc_smbios_characteristic(i)) {
            snprintf(number, sizeof number, "%02u", i);
            emit(j, "BIOS Characteristics", number, sc_smbios_characteristic(i),
                 characteristic_text);
        }
}

static sc_err *show_smbios(struct job *j, const uint8_t *types, size_t ntypes) {
    const struct nt_smbios *t = &j->info.smbios;
    struct nt_smbios_entry e;
    size_t at = 0;
    sc_err *err = need_smbios(j);
    if (err)
        return err;
    show_table(j, smbios_text);
    while (nt_smbios_next(t, &at, &e))
        if (!ntypes || memchr(types, e.type, ntypes))
            show_structure(j, &e);
    return NULL;
}

/* ---- the command ---- */

enum { ARG_CSV, ARG_NO_HEAD, ARG_V, ARG_MEMORY, ARG_PROCESSOR, ARG_SYSTEM, ARG_DEVICES, ARG_POWER };
enum { ARG_DEBUG = ARG_POWER + 1, ARG_WHAT };

static sc_err *smbios(struct job *j, const struct sc_args *args) {
    static const uint8_t memory[] = {16, 17, 19, 20}, processor[] = {4, 7};
    static const uint8_t system[] = {0, 1, 2, 3, 11, 12, 32}, devices[] = {8, 9, 10, 41};
    static const uint8_t power[] = {22, 27, 39};
    const struct {
        int arg;
        const uint8_t *types;
        size_t count;
    } sets[] = {{ARG_MEMORY, memory, sizeof memory},
                {ARG_PROCESSOR, processor, sizeof processor},
                {ARG_SYSTEM, system, sizeof system},
                {ARG_DEVICES, devices, sizeof devices},
                {ARG_POWER, power, sizeof power}};
    uint8_t types[32];
    size_t count = 0;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (args->v[sets[i].arg].given) {
            memcpy(types + count, sets[i].types, sets[i].count);
            count += sets[i].count;
        }
    return show_smbios(j, types, count);
}

static sc_err *run_sysinfo(sc_session *s, const struct sc_args *args) {
    static const struct {
        const char *name;
        sc_err *(*show)(struct job *);
    } parts[] = {{"cpuinfo", show_cpuinfo},
                 {"cpuspeed", show_cpuspeed},
                 {"cpumicrocode", show_microcode},
                 {"gbl", show_gbl},
                 {"machineid", show_machineid}};
    const char *what = args->v[ARG_WHAT].text;
    struct job j = {.session = s,
                    .csv = args->v[ARG_CSV].given,
                    .structure = INT64_MIN,
                    .handle = INT64_MIN,
                    .arena = args->arena};
    sc_err *err = sc_processors(s, args, NULL, &j.processors);
    if (!err && !strcmp(what, "registers"))
        err =
            sc_errf(SC_ERR_UNSUPPORTED, "!sysinfo registers: a dump does not hold machine-specific "
                                        "registers, only a live machine has them");
    if (!err)
        err = nt_sysinfo_read(&j.processors.nt, args->arena, &j.info);
    if (err)
        return err;
    if (j.csv && !args->v[ARG_NO_HEAD].given)
        sc_puts(s->out, strcmp(what, "gbl") ? "\"Key\",\"Value\"\n"
                                            : "\"Signature\",\"Length\",\"Revision\",\"OemId\","
                                              "\"OemTableId\"\n");
    if (!strcmp(what, "smbios"))
        return smbios(&j, args);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strcmp(what, parts[i].name))
            return parts[i].show(&j);
    return sc_errf(SC_ERR_ARG,
                   "!sysinfo: '%s' is none of cpuinfo, cpumicrocode, cpuspeed, gbl, "
                   "machineid, registers, smbios",
                   what);
}

static const struct sc_arg sysinfo_args[] = {
    [ARG_CSV] = {SC_ARG_OPTION, "csv", "csv", true, "as comma-separated values"},
    [ARG_NO_HEAD] = {SC_ARG_OPTION, "noheaders", "noheaders", true, "without their first line"},
    [ARG_V] = {SC_ARG_OPTION, "v", "v", true, "all structures, as without"},
    [ARG_MEMORY] = {SC_ARG_OPTION, "memory", "memory", true, "of smbios: memory"},
    [ARG_PROCESSOR] = {SC_ARG_OPTION, "processor", "processor", true, "of smbios: processors"},
    [ARG_SYSTEM] = {SC_ARG_OPTION, "system", "system", true, "of smbios: firmware, board, case"},
    [ARG_DEVICES] = {SC_ARG_OPTION, "devices", "devices", true, "of smbios: devices on the board"},
    [ARG_POWER] = {SC_ARG_OPTION, "power", "power", true, "of smbios: power supply"},
    [ARG_DEBUG] = {SC_ARG_OPTION, "debug", "debug", true, "as without"},
    [ARG_WHAT] = {SC_ARG_WORD, "what", NULL, false,
                  "cpuinfo, cpumicrocode, cpuspeed, gbl, machineid, registers, smbios"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_sysinfo_commands[] = {
    {.name = "!sysinfo",
     .brief = "show what the dump tells of the machine",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "vertarget shows what a process's dump has of the machine",
     .args = sysinfo_args,
     .help =
         "cpuinfo: the registry's values about the processor; cpuspeed: its name and clock; "
         "cpumicrocode: its microcode; gbl: ACPI tables; machineid: maker and model of machine, "
         "board and firmware; smbios: all that the firmware says.\n"
         "Small dumps have the values and the ACPI tables as secondary data; the SMBIOS table "
         "is found in whole memory with the kernel's symbols. What is lacking is said.",
     .sample = "!sysinfo cpuinfo",
     .run = run_sysinfo},
    {.name = NULL},
};
