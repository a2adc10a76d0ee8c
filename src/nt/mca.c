/* SPDX-License-Identifier: MIT */
/*
 * MCi_STATUS.
 *
 *   63 VAL  62 OVER  61 UC  60 EN  59 MISCV  58 ADDRV  57 PCC
 *   56 S, 55 AR        Intel, with recovery
 *   44 Deferred, 43 Poison   AMD
 *   31…16 model-specific code (AMD, scalable MCA: bits 21…16 its extended code)
 *   15…0  MCA error code:
 *
 *   0000 0000 0000 0000   no error           000F 0000 0000 11LL   cache hierarchy, generic
 *   0000 0000 0000 0001   unclassified       000F 0000 0001 TTLL   TLB
 *   0000 0000 0000 0010   microcode ROM      000F 0000 1MMM CCCC   memory controller
 *   0000 0000 0000 0011   external           000F 0001 RRRR TTLL   cache hierarchy
 *   0000 0000 0000 0100   FRC                000F 0010 1MMM CCCC   extended memory (as cache)
 *   0000 0000 0000 0101   internal parity    000F 1PPT RRRR IILL   bus and interconnect
 *   0000 0000 0000 0110   SMM code access
 *   0000 0100 0000 0000   internal timer
 *   0000 01xx xxxx xxxx   internal, not classified
 *   0000 1110 0000 1011   I/O
 *
 * F says that corrections are being filtered. Sources: Intel 64 and IA-32 Architectures Software
 * Developer's Manual, volume 3B, "Interpreting the MCA Error Codes"; AMD64 Architecture
 * Programmer's Manual, volume 2, "Machine Check Architecture"; AMD's processor programming
 * references for the bank types of scalable MCA. The names are those that the Intel manual builds,
 * and Windows' tools print: level LG and the like, "*" for the memory or I/O field when it is
 * "other".
 */
#include "nt/mca.h"

#include <stdio.h>
#include <string.h>

static const char *const request_names[16] = {"ERR", "RD",       "WR",    "DRD",  "DWR",
                                              "IRD", "PREFETCH", "EVICT", "SNOOP"};
static const char *const request_words[16] = {"",          "read",       "write",
                                              "data read", "data write", "instruction fetch",
                                              "prefetch",  "eviction",   "snoop"};
static const char *const level_names[4] = {"L0", "L1", "L2", "LG"};
static const char *const level_words[4] = {"level 0", "level 1", "level 2", "level not told"};
static const char *const type_names[4] = {"I", "D", "G", "?"};
static const char *const type_words[4] = {"instruction", "data", "generic", "unknown"};

static const char *request_name(unsigned code) {
    const char *name = request_names[code >> 4 & 15];
    return name ? name : "?";
}

static const char *request_word(unsigned code) {
    const char *word = request_words[code >> 4 & 15];
    return word && word[0] ? word : "request not told";
}

static void cache(struct nt_mca *m, unsigned code) {
    m->kind = NT_MCA_CACHE;
    snprintf(m->name, sizeof m->name, "%sCACHE%s_%s_ERR", type_names[code >> 2 & 3],
             level_names[code & 3], request_name(code));
    snprintf(m->words, sizeof m->words, "%s cache, %s, %s", type_words[code >> 2 & 3],
             level_words[code & 3], request_word(code));
}

static void tlb(struct nt_mca *m, unsigned code) {
    m->kind = NT_MCA_TLB;
    snprintf(m->name, sizeof m->name, "%sTLB%s_ERR", type_names[code >> 2 & 3],
             level_names[code & 3]);
    snprintf(m->words, sizeof m->words, "%s TLB, %s", type_words[code >> 2 & 3],
             level_words[code & 3]);
}

static void memory(struct nt_mca *m, unsigned code, bool extended) {
    static const char *const names[8] = {"GEN", "RD", "WR", "AC", "MS", "?", "?", "?"};
    static const char *const words[8] = {"request not told",
                                         "read",
                                         "write",
                                         "address or command",
                                         "memory scrubbing",
                                         "unknown request",
                                         "unknown request",
                                         "unknown request"};
    unsigned channel = code & 15;
    char text[24] = "channel not told";
    if (channel != 15)
        snprintf(text, sizeof text, "channel %u", channel);
    m->kind = NT_MCA_MEMORY;
    snprintf(m->name, sizeof m->name, channel == 15 ? "%s%s_CHANNEL?_ERR" : "%s%s_CHANNEL%u_ERR",
             extended ? "EXT_" : "", names[code >> 4 & 7], channel);
    snprintf(m->words, sizeof m->words, "%s%s, %s", extended ? "extended memory, " : "",
             words[code >> 4 & 7], text);
}

static void bus(struct nt_mca *m, unsigned code) {
    static const char *const part_names[4] = {"SRC", "RES", "OBS", "GENERIC"};
    static const char *const part_words[4] = {"this processor asked", "this processor answered",
                                              "this processor watched", "by whom is not told"};
    static const char *const space_names[4] = {"M", "?", "IO", "*"};
    static const char *const space_words[4] = {"memory", "unknown space", "I/O", "other"};
    bool timeout = code >> 8 & 1;
    m->kind = NT_MCA_BUS;
    snprintf(m->name, sizeof m->name, "BUS%s_%s_%s_%s_%sTIMEOUT_ERR", level_names[code & 3],
             part_names[code >> 9 & 3], request_name(code), space_names[code >> 2 & 3],
             timeout ? "" : "NO");
    snprintf(m->words, sizeof m->words, "%s, %s, %s, %s%s", level_words[code & 3],
             part_words[code >> 9 & 3], request_word(code), space_words[code >> 2 & 3],
             timeout ? ", timed out" : "");
}

static void simple(struct nt_mca *m, unsigned code) {
    static const struct {
        uint16_t code;
        enum nt_mca_class kind;
        const char *name, *words;
    } codes[] = {
        {0x0000, NT_MCA_NONE, "NONE", "no error is recorded"},
        {0x0001, NT_MCA_OTHER, "UNCLASSIFIED", "not classified"},
        {0x0002, NT_MCA_OTHER, "MICROCODE_ROM_PARITY", "parity error in the microcode"},
        {0x0003, NT_MCA_OTHER, "EXTERNAL", "another processor reported an error"},
        {0x0004, NT_MCA_OTHER, "FRC", "functional redundancy check"},
        {0x0005, NT_MCA_INTERNAL, "INTERNAL_PARITY", "parity error inside the processor"},
        {0x0006, NT_MCA_OTHER, "SMM_HANDLER_CODE_ACCESS",
         "system management mode ran code outside of its memory"},
        {0x0400, NT_MCA_TIMER, "INTERNAL_TIMER",
         "internal timer: the processor got nothing done for too long"},
        {0x0e0b, NT_MCA_OTHER, "IO", "I/O error"},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].code == code) {
            m->kind = codes[i].kind;
            snprintf(m->name, sizeof m->name, "%s", codes[i].name);
            snprintf(m->words, sizeof m->words, "%s", codes[i].words);
            return;
        }
    bool internal = (code & 0xfc00) == 0x0400;
    m->kind = internal ? NT_MCA_INTERNAL : NT_MCA_OTHER;
    snprintf(m->name, sizeof m->name, internal ? "INTERNAL_UNCLASSIFIED" : "UNKNOWN");
    snprintf(m->words, sizeof m->words,
             internal ? "inside the processor, not classified"
                      : "the code %04x is not one of the architecture's",
             code);
}

/* The compound codes, by the highest bit that is set besides F. */
static void decode_code(struct nt_mca *m) {
    unsigned code = m->code, plain = code & 0xefff;
    if (plain == 0x0e0b)
        simple(m, plain);
    else if ((plain & 0xf800) == 0x0800)
        bus(m, code);
    else if ((plain & 0xff80) == 0x0280)
        memory(m, code, true);
    else if ((plain & 0xff00) == 0x0100)
        cache(m, code);
    else if ((plain & 0xff80) == 0x0080)
        memory(m, code, false);
    else if ((plain & 0xfff0) == 0x0010)
        tlb(m, code);
    else if ((plain & 0xfffc) == 0x000c) {
        m->kind = NT_MCA_CACHE;
        snprintf(m->name, sizeof m->name, "GCACHE%s_ERR", level_names[code & 3]);
        snprintf(m->words, sizeof m->words, "%s", level_words[code & 3]);
    } else {
        simple(m, plain);
    }
}

void nt_mca_decode(uint64_t status, enum nt_cpu_vendor vendor, struct nt_mca *ret) {
    bool intel = vendor == NT_CPU_INTEL, amd = vendor == NT_CPU_AMD;
    *ret = (struct nt_mca){
        .valid = status >> 63 & 1,
        .overflow = status >> 62 & 1,
        .uncorrected = status >> 61 & 1,
        .enabled = status >> 60 & 1,
        .has_misc = status >> 59 & 1,
        .has_address = status >> 58 & 1,
        .corrupt = status >> 57 & 1,
        .signaled = intel && (status >> 56 & 1),
        .action = intel && (status >> 55 & 1),
        .deferred = amd && (status >> 44 & 1),
        .poison = amd && (status >> 43 & 1),
        .code = (uint16_t)status,
        .model_code = (uint16_t)(status >> 16),
    };
    decode_code(ret);
}

const char *nt_mca_class_text(enum nt_mca_class kind) {
    switch (kind) {
    case NT_MCA_NONE: return "no error";
    case NT_MCA_TIMER: return "an internal timer error";
    case NT_MCA_INTERNAL: return "an error inside the processor";
    case NT_MCA_TLB: return "a TLB error";
    case NT_MCA_MEMORY: return "a memory controller error";
    case NT_MCA_CACHE: return "a cache error";
    case NT_MCA_BUS: return "a bus or interconnect error";
    default: return "an error of another kind";
    }
}

const char *nt_mca_smca_bank(uint64_t ipid) {
    static const struct {
        uint16_t hwid, type;
        const char *text;
    } banks[] = {
        {0xb0, 0x0, "load-store unit"},
        {0xb0, 0x1, "instruction fetch unit"},
        {0xb0, 0x2, "L2 cache"},
        {0xb0, 0x3, "decode unit"},
        {0xb0, 0x5, "execution unit"},
        {0xb0, 0x6, "floating-point unit"},
        {0xb0, 0x7, "L3 cache"},
        {0xb0, 0x10, "load-store unit"},
        {0x2e, 0x0, "coherent slave"},
        {0x2e, 0x1, "power, interrupts and the like"},
        {0x2e, 0x2, "coherent slave"},
        {0x96, 0x0, "unified memory controller"},
        {0x05, 0x0, "parameter block"},
        {0xff, 0x0, "platform security processor"},
        {0xff, 0x1, "platform security processor"},
        {0x01, 0x0, "system management unit"},
        {0x01, 0x1, "system management unit"},
        {0x46, 0x0, "PCI Express root port"},
        {0x46, 0x1, "PCI Express root port"},
        {0x18, 0x0, "north bridge I/O unit"},
    };
    uint16_t hwid = (uint16_t)(ipid >> 32 & 0xfff), type = (uint16_t)(ipid >> 48);
    for (size_t i = 0; i < sizeof banks / sizeof *banks; i++)
        if (banks[i].hwid == hwid && banks[i].type == type)
            return banks[i].text;
    return NULL;
}

const char *nt_cpu_vendor_name(enum nt_cpu_vendor vendor) {
    return vendor == NT_CPU_INTEL ? "GenuineIntel" : vendor == NT_CPU_AMD ? "AuthenticAMD" : NULL;
}
