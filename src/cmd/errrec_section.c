/* SPDX-License-Identifier: MIT */
/*
 * Sections of hardware error records in WinDbg's words. Fields that their section does not mark as
 * valid are left out, as it does.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/errrec.h"

static const char *format(struct sc_errrec_lines *l, const char *fmt, va_list ap) {
    char buf[512];
    vsnprintf(buf, sizeof buf, fmt, ap);
    const char *copy = sc_arena_strdup(l->arena, buf);
    l->nomem |= !copy;
    return copy ? copy : "";
}

/* A line: a name and its value. */
static void add(struct sc_errrec_lines *l, const char *name, const char *fmt, ...) SC_PRINTF(3, 4);
static void add(struct sc_errrec_lines *l, const char *name, const char *fmt, ...) {
    va_list ap;
    if (l->count == SC_ERRREC_LINES)
        return;
    va_start(ap, fmt);
    l->item[l->count++] = (struct sc_errrec_line){name, format(l, fmt, ap), NULL};
    va_end(ap);
}

/* What we know besides of the line above. */
static void known(struct sc_errrec_lines *l, const char *fmt, ...) SC_PRINTF(2, 3);
static void known(struct sc_errrec_lines *l, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *said = format(l, fmt, ap);
    va_end(ap);
    if (l->count && said[0])
        l->item[l->count - 1].known = said;
}

/* "Cache error", or the number when it has no name. */
static void named(struct sc_errrec_lines *l, const char *name, const char *word, unsigned value) {
    if (word)
        add(l, name, "%s", word);
    else
        add(l, name, "Unknown (%u)", value);
}

static void processor(const struct nt_whea_processor *p, struct sc_errrec_lines *l) {
    if (p->valid & NT_WHEA_P_TYPE)
        named(l, "Proc. Type", nt_whea_processor_type_name(p->type), p->type);
    if (p->valid & NT_WHEA_P_ISA)
        named(l, "Instr. Set", nt_whea_isa_name(p->isa), p->isa);
    if (p->valid & NT_WHEA_P_ERROR)
        named(l, "Error Type", nt_whea_error_name(p->error), p->error);
    if (p->valid & NT_WHEA_P_OPERATION)
        named(l, "Operation", nt_whea_operation_name(p->operation), p->operation);
    if (p->valid & NT_WHEA_P_FLAGS)
        add(l, "Flags", "0x%02x", p->flags);
    if (p->valid & NT_WHEA_P_LEVEL)
        add(l, "Level", "%u", p->level);
    if (p->valid & NT_WHEA_P_VERSION)
        add(l, "CPU Version", "0x%016" PRIx64, p->version);
    if (p->valid & NT_WHEA_P_BRAND)
        add(l, "CPU Brand", "%s", p->brand);
    if (p->valid & NT_WHEA_P_ID)
        add(l, "Processor ID", "0x%016" PRIx64, p->id);
    if (p->valid & NT_WHEA_P_TARGET)
        add(l, "Target Addr", "0x%016" PRIx64, p->target);
    if (p->valid & NT_WHEA_P_IP)
        add(l, "Instr. Ptr", "0x%016" PRIx64, p->ip);
    if (!l->count)
        add(l, NULL, "No valid data fields are present.");
}

/* Sixteen bytes: "e5 06 01 00 00 08 10 01 - bd e3 98 00 ff fb eb bf". */
static void bytes16(struct sc_errrec_lines *l, const char *name, const uint8_t *b) {
    char row[64];
    size_t at = 0;
    for (unsigned i = 0; i < 16; i++)
        at += (size_t)snprintf(row + at, sizeof row - at, "%s%02x",
                               i == 8 ? " - "
                               : i    ? " "
                                      : "",
                               b[i]);
    add(l, name, "%s", row);
}

static void x64(const struct nt_whea_x64 *x, uint64_t address, unsigned ptr_size,
                struct sc_errrec_lines *l) {
    if (x->has_apic)
        add(l, "Local APIC Id", "0x%016" PRIx64, x->apic);
    for (unsigned i = 0; x->has_cpuid && i < 3; i++)
        bytes16(l, i ? "" : "CPU Id", x->cpuid + 16 * i);
    for (uint32_t i = 0; i < x->nread; i++) {
        const struct nt_whea_check *k = &x->check[i];
        char name[32];
        snprintf(name, sizeof name, "Proc. Info %u  @", i);
        const char *copy = sc_arena_strdup(l->arena, name);
        l->nomem |= !copy;
        add(l, copy ? copy : "", "%0*" PRIx64, (int)ptr_size * 2, address + 64 + 64 * (uint64_t)i);
        if (k->name)
            known(l, "%s 0x%" PRIx64, k->name, k->check);
    }
    if (!l->count)
        add(l, NULL, "No valid data fields are present.");
}

static void mca(const struct nt_whea_mca *m, struct sc_errrec_lines *l) {
    struct nt_mca decoded;
    nt_mca_decode(m->status, m->vendor, &decoded);
    const char *bank = m->vendor == NT_CPU_AMD && m->nextended && m->extended[0]
                           ? nt_mca_smca_bank(m->extended[0])
                           : NULL;
    add(l, "Error", "%s (Proc %u Bank %u)", decoded.name, m->processor, m->bank);
    known(l, "%s: %s%s%s", nt_mca_class_text(decoded.kind), decoded.words, bank ? "; bank: " : "",
          bank ? bank : "");
    add(l, "  Status", "0x%016" PRIx64, m->status);
    known(l, "%s%s%s%s%s%s", decoded.valid ? "valid" : "not valid",
          decoded.overflow ? ", overflow" : "", decoded.uncorrected ? ", uncorrected" : "",
          decoded.corrupt ? ", context corrupt" : "", decoded.deferred ? ", deferred" : "",
          decoded.poison ? ", poison" : "");
    if (decoded.has_address)
        add(l, "  Address", "0x%016" PRIx64, m->address);
    if (decoded.has_misc)
        add(l, "  Misc.", "0x%016" PRIx64, m->misc);
}

static void memory(const struct nt_whea_memory *m, struct sc_errrec_lines *l) {
    if (m->valid & NT_WHEA_M_STATUS)
        add(l, "Error Status", "0x%016" PRIx64, m->status);
    if (m->valid & NT_WHEA_M_ADDRESS)
        add(l, "Phys. Address", "0x%016" PRIx64, m->address);
    if (m->valid & NT_WHEA_M_MASK)
        add(l, "Address Mask", "0x%016" PRIx64, m->mask);
    const struct {
        unsigned bit;
        const char *name;
        uint16_t value;
    } places[] = {
        {NT_WHEA_M_NODE, "Node", m->node},       {NT_WHEA_M_CARD, "Card", m->card},
        {NT_WHEA_M_MODULE, "Module", m->module}, {NT_WHEA_M_RANK, "Rank", m->rank},
        {NT_WHEA_M_BANK, "Bank", m->bank},       {NT_WHEA_M_DEVICE, "Device", m->device},
        {NT_WHEA_M_ROW, "Row", m->row},          {NT_WHEA_M_COLUMN, "Column", m->column},
        {NT_WHEA_M_BIT, "Bit Position", m->bit},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (m->valid & places[i].bit)
            add(l, places[i].name, "0x%04x", places[i].value);
    if (m->valid & NT_WHEA_M_TYPE)
        named(l, "Error Type", nt_whea_memory_error_name(m->type), m->type);
    if (!l->count)
        add(l, NULL, "No valid data fields are present.");
}

/* The flags of a status register, in capitals where they are set: "ur ecrc MTLP rof …". */
static void aer_flags(struct sc_errrec_lines *l, const char *name, bool correctable,
                      uint32_t value) {
    static const struct {
        uint8_t bit;
        const char *name;
    } bad[] = {{20, "ur"},  {19, "ecrc"}, {18, "mtlp"}, {17, "rof"}, {16, "uc"}, {15, "ca"},
               {14, "cto"}, {13, "fcp"},  {12, "ptlp"}, {5, "sd"},   {4, "dlp"}, {0, "und"}},
      fine[] = {{13, "adv"}, {12, "rtto"}, {8, "rnro"}, {7, "dllp"}, {6, "tlp"}, {0, "re"}};
    char row[96];
    size_t at = (size_t)snprintf(row, sizeof row, "%08" PRIx32, value);
    size_t n = correctable ? sizeof fine / sizeof *fine : sizeof bad / sizeof *bad;
    for (size_t i = 0; i < n; i++) {
        const char *flag = correctable ? fine[i].name : bad[i].name;
        bool set = value >> (correctable ? fine[i].bit : bad[i].bit) & 1;
        row[at++] = ' ';
        for (size_t k = 0; flag[k]; k++)
            row[at++] = (char)(set ? toupper((unsigned char)flag[k]) : flag[k]);
    }
    row[at] = 0;
    add(l, name, "%s", row);
}

static void pcie_device(const struct nt_whea_pcie *p, struct sc_errrec_lines *l) {
    add(l, "Device Id", "%s", "");
    add(l, "  VenId:DevId", "%04x:%04x", p->vendor, p->device);
    add(l, "  Class code", "%06" PRIx32, p->class_code);
    add(l, "  Function No", "0x%02x", p->function);
    add(l, "  Device No", "0x%02x", p->device_number);
    add(l, "  Segment", "0x%04x", p->segment);
    add(l, "  Primary Bus", "0x%02x", p->bus);
    add(l, "  Second. Bus", "0x%02x", p->secondary_bus);
    add(l, "  Slot", "0x%04x", p->slot);
}

static void pcie(const struct nt_whea_pcie *p, uint64_t address, unsigned ptr_size,
                 struct sc_errrec_lines *l) {
    char words[256];
    if (p->valid & NT_WHEA_E_PORT)
        named(l, "Port Type", nt_whea_port_name(p->port), p->port);
    if (p->valid & NT_WHEA_E_VERSION)
        add(l, "Version", "%u.%u", p->version >> 8 & 0xff, p->version & 0xff);
    if (p->valid & NT_WHEA_E_COMMAND)
        add(l, "Command/Status", "0x%04x/0x%04x", p->command, p->status);
    if (p->valid & NT_WHEA_E_DEVICE)
        pcie_device(p, l);
    if (p->valid & NT_WHEA_E_SERIAL)
        add(l, "Dev. Serial #", "%016" PRIx64, p->serial);
    if (p->valid & NT_WHEA_E_AER) {
        add(l, NULL, "AER Information @ %0*" PRIx64, (int)ptr_size * 2, address + 0x70);
        aer_flags(l, "  Uncorrectable Error Status", false, p->uncorrectable);
        known(l, "%s", nt_whea_aer_text(false, p->uncorrectable, words, sizeof words));
        aer_flags(l, "  Uncorrectable Error Mask", false, p->uncorrectable_mask);
        aer_flags(l, "  Uncorrectable Error Severity", false, p->uncorrectable_severity);
        aer_flags(l, "  Correctable Error Status", true, p->correctable);
        known(l, "%s", nt_whea_aer_text(true, p->correctable, words, sizeof words));
        aer_flags(l, "  Correctable Error Mask", true, p->correctable_mask);
    }
    if (!l->count)
        add(l, NULL, "No valid data fields are present.");
}

void sc_errrec_section(const struct nt_whea_record *r, uint32_t i, uint64_t address,
                       unsigned ptr_size, struct sc_errrec_lines *ret) {
    struct nt_whea_processor p;
    struct nt_whea_x64 x;
    struct nt_whea_mca m;
    struct nt_whea_memory mem;
    struct nt_whea_pcie e;
    if (nt_whea_processor(r, i, &p))
        processor(&p, ret);
    else if (nt_whea_x64(r, i, &x))
        x64(&x, address, ptr_size, ret);
    else if (nt_whea_mca(r, i, &m))
        mca(&m, ret);
    else if (nt_whea_memory(r, i, &mem))
        memory(&mem, ret);
    else if (nt_whea_pcie(r, i, &e))
        pcie(&e, address, ptr_size, ret);
}
