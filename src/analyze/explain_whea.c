/* SPDX-License-Identifier: MIT */
/*
 * 0x124, WHEA_UNCORRECTABLE_ERROR: what the hardware error record says, from the memory that
 * parameter 2 points to, else from the dump's secondary data; and with neither, what the bank's
 * status in parameters 3 and 4 says.
 */
#include <inttypes.h>

#include "analyze/explain.h"

#include "base/guid.h"
#include "nt/whea_find.h"

enum { MACHINE_CHECK = 0 };

struct shown {
    const struct nt_whea_record *record;
    const char *command;
};

/* ", uncorrected, the processor's state is lost" */
static const char *state_text(struct sc_case *c, const struct nt_mca *m) {
    return sc_case_text(c, "%s%s%s%s%s", m->uncorrected ? "uncorrected" : "corrected",
                        m->corrupt ? ", the processor's state cannot be trusted" : "",
                        m->overflow ? ", and other errors were lost" : "",
                        m->deferred ? ", deferred" : "", m->poison ? ", poisoned data" : "");
}

static void say_mca(struct sc_case *c, const struct shown *s, uint32_t i) {
    struct nt_whea_mca m;
    struct nt_mca d;
    if (!nt_whea_mca(s->record, i, &m))
        return;
    nt_mca_decode(m.status, m.vendor, &d);
    const char *vendor = nt_cpu_vendor_name(m.vendor), *unit = NULL;
    if (m.vendor == NT_CPU_AMD && m.nextended && m.extended[0])
        unit = nt_mca_smca_bank(m.extended[0]);
    if (!d.valid) {
        sc_case_fact(c, SC_UNSET64, s->command,
                     "Section %u: the status of bank %u, processor %u, is not valid: no machine "
                     "check stands there.",
                     i, m.bank, m.processor);
        return;
    }
    sc_case_fact(c, SC_UNSET64, s->command,
                 "Section %u: bank %u%s%s%s of processor %u (APIC id %u%s%s) reports %s: %s (%s), "
                 "%s.",
                 i, m.bank, unit ? " (" : "", unit ? unit : "", unit ? ")" : "", m.processor,
                 m.apic, vendor ? ", " : "", vendor ? vendor : "", nt_mca_class_text(d.kind),
                 d.words, d.name, state_text(c, &d));
    if (d.has_address)
        sc_case_fact(c, SC_UNSET64, s->command, "The error's address is 0x%" PRIx64 ".", m.address);
}

static void say_processor(struct sc_case *c, const struct shown *s, uint32_t i) {
    struct nt_whea_processor p;
    if (!nt_whea_processor(s->record, i, &p) ||
        !(p.valid & (NT_WHEA_P_ERROR | NT_WHEA_P_ID | NT_WHEA_P_LEVEL)))
        return;
    const char *error = p.valid & NT_WHEA_P_ERROR ? nt_whea_error_name(p.error) : NULL;
    const char *operation =
        p.valid & NT_WHEA_P_OPERATION && p.operation ? nt_whea_operation_name(p.operation) : NULL;
    const char *level = p.valid & NT_WHEA_P_LEVEL ? sc_case_text(c, ", level %u", p.level) : "";
    const char *id =
        p.valid & NT_WHEA_P_ID ? sc_case_text(c, " of processor id %" PRIu64, p.id) : "";
    sc_case_fact(c, SC_UNSET64, s->command, "Section %u: %s%s%s%s%s.", i,
                 error ? error : "an error of a kind that is not told", id, level,
                 operation ? ", " : "", operation ? operation : "");
}

static void say_memory(struct sc_case *c, const struct shown *s, uint32_t i) {
    struct nt_whea_memory m;
    if (!nt_whea_memory(s->record, i, &m))
        return;
    const char *type = m.valid & NT_WHEA_M_TYPE ? nt_whea_memory_error_name(m.type) : NULL;
    const struct {
        unsigned bit;
        const char *name;
        uint16_t value;
    } places[] = {
        {NT_WHEA_M_NODE, "node", m.node},       {NT_WHEA_M_CARD, "card", m.card},
        {NT_WHEA_M_MODULE, "module", m.module}, {NT_WHEA_M_BANK, "bank", m.bank},
        {NT_WHEA_M_DEVICE, "device", m.device}, {NT_WHEA_M_ROW, "row", m.row},
        {NT_WHEA_M_COLUMN, "column", m.column},
    };
    const char *where = "";
    for (size_t k = 0; k < sizeof places / sizeof *places; k++)
        if (m.valid & places[k].bit)
            where = sc_case_text(c, "%s, %s %u", where, places[k].name, places[k].value);
    if (m.valid & NT_WHEA_M_ADDRESS)
        where = sc_case_text(c, "%s, physical address 0x%" PRIx64, where, m.address);
    sc_case_fact(c, SC_UNSET64, s->command, "Section %u: an error of the memory (%s)%s%s%s.", i,
                 type ? type : "its kind is not told", where,
                 s->record->section[i].fru[0] ? "; part: " : "", s->record->section[i].fru);
}

static void say_pcie(struct sc_case *c, const struct shown *s, uint32_t i) {
    struct nt_whea_pcie p;
    char bad[256], fine[256];
    if (!nt_whea_pcie(s->record, i, &p))
        return;
    const char *port = p.valid & NT_WHEA_E_PORT ? nt_whea_port_name(p.port) : NULL;
    const char *device = "";
    if (p.valid & NT_WHEA_E_DEVICE)
        device = sc_case_text(c, " at %x:%02x:%02x.%x, vendor %04x, device %04x", p.segment, p.bus,
                              p.device_number, p.function, p.vendor, p.device);
    bool aer = p.valid & NT_WHEA_E_AER;
    nt_whea_aer_text(false, aer ? p.uncorrectable : 0, bad, sizeof bad);
    nt_whea_aer_text(true, aer ? p.correctable : 0, fine, sizeof fine);
    sc_case_fact(c, SC_UNSET64, s->command, "Section %u: PCI Express %s%s%s%s%s%s.", i,
                 port ? port : "device", device, bad[0] ? "; uncorrectable: " : "", bad,
                 fine[0] ? "; correctable: " : "", fine);
}

static void say_section(struct sc_case *c, const struct shown *s, uint32_t i) {
    const struct nt_whea_section *section = &s->record->section[i];
    if (!section->present) {
        sc_case_note(c, "Section %u of the error record (%s) is not in this dump.", i,
                     section->name ? section->name : "of unknown type");
        return;
    }
    switch (section->kind) {
    case NT_WHEA_PROCESSOR: say_processor(c, s, i); break;
    case NT_WHEA_MCA: say_mca(c, s, i); break;
    case NT_WHEA_MEMORY: say_memory(c, s, i); break;
    case NT_WHEA_PCIE: say_pcie(c, s, i); break;
    case NT_WHEA_UNKNOWN:
        sc_case_fact(c, SC_UNSET64, s->command,
                     "Section %u is of a type that is not published%s%s: only its maker can read "
                     "it.",
                     i, section->fru[0] ? "; part: " : "", section->fru);
        break;
    default: break;
    }
}

static void say_record(struct sc_case *c, const struct shown *s) {
    const struct nt_whea_record *r = s->record;
    const char *severity = nt_whea_severity_name(r->severity);
    const char *notify = nt_whea_notify_name(&r->notify);
    const char *time = r->has_time
                           ? sc_case_text(c, " at %04u-%02u-%02u %02u:%02u:%02u UTC", r->year,
                                          r->month, r->day, r->hour, r->minute, r->second)
                           : "";
    sc_case_fact(c, SC_UNSET64, s->command, "The error record says: %s, reported by %s%s, %u %s%s.",
                 severity ? severity : "unknown severity", notify ? notify : "an unknown source",
                 time, r->nsections, r->nsections == 1 ? "section" : "sections",
                 r->flags & 2 ? "; it happened before the system was started" : "");
    for (uint32_t i = 0; i < r->nlisted; i++)
        say_section(c, s, i);
}

/* The bank's status is in the parameters, too: the only source when there is no record. */
static void say_status(struct sc_case *c, bool record) {
    uint64_t status = sc_arg(c, 3) << 32 | (sc_arg(c, 4) & 0xffffffff);
    struct nt_mca d;
    if (sc_arg(c, 1) != MACHINE_CHECK || !status || sc_arg(c, 3) > UINT32_MAX)
        return;
    nt_mca_decode(status, NT_CPU_OTHER, &d);
    sc_arg_add(c, 3, "%s", state_text(c, &d));
    sc_arg_add(c, 4, "%s, %s: %s", d.name, nt_mca_class_text(d.kind), d.words);
    if (!record)
        sc_case_fact(c, SC_UNSET64, ".bugcheck",
                     "MCi_STATUS in parameters 3 and 4 is %016" PRIx64 ": %s: %s (%s), %s.", status,
                     nt_mca_class_text(d.kind), d.words, d.name, state_text(c, &d));
}

void sc_explain_whea(struct sc_case *c) {
    struct nt_whea_record record;
    struct sc_guid tag;
    bool found = false;
    uint64_t at = sc_arg(c, 2);
    struct shown s = {&record, sc_case_text(c, "!errrec %s", sc_case_hex(c, at))};
    sc_case_took(c, nt_whea_at(c->target, at, c->arena, &record, &found));
    if (found) {
        sc_arg_add(c, 2, "its record is in this dump");
    } else {
        sc_case_took(c, nt_whea_secondary(c->target, c->arena, &record, &tag, &found));
        s.command = "!errrec";
        if (found)
            sc_arg_add(c, 2, "not in this dump's memory; a record stands in its secondary data");
        else
            sc_case_note(c,
                         "Parameter 2: the dump holds no hardware error record at %s, and none "
                         "in its secondary data.",
                         sc_case_addr(c, at));
    }
    if (found)
        say_record(c, &s);
    say_status(c, found);
}
