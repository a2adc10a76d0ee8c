/* SPDX-License-Identifier: MIT */
/*
 * Machine checks: an IA32_MCi_STATUS register (Intel) or MCA_STATUS (AMD) taken apart, and its
 * error code in the words of the manuals. Knows no dump.
 */
#ifndef NT_MCA_H
#define NT_MCA_H

#include <stdbool.h>
#include <stdint.h>

/* As WHEA_CPU_VENDOR of the Windows Driver Kit counts. */
enum nt_cpu_vendor { NT_CPU_OTHER, NT_CPU_INTEL, NT_CPU_AMD };

enum nt_mca_class {
    NT_MCA_NONE,     /* code 0: no error is recorded */
    NT_MCA_OTHER,    /* a code of its own, or one that is not architectural */
    NT_MCA_TIMER,    /* internal timer */
    NT_MCA_INTERNAL, /* internal, not classified */
    NT_MCA_TLB,
    NT_MCA_MEMORY, /* memory controller (Intel) */
    NT_MCA_CACHE,
    NT_MCA_BUS, /* bus or interconnect */
};

enum { NT_MCA_NAME = 48, NT_MCA_WORDS = 128 };

struct nt_mca {
    bool valid;       /* VAL: the register holds an error */
    bool overflow;    /* OVER: others came while this one stood there */
    bool uncorrected; /* UC */
    bool enabled;     /* EN */
    bool has_misc, has_address;
    bool corrupt;  /* PCC: the processor's state cannot be trusted */
    bool signaled; /* S, Intel: reported by a machine check exception */
    bool action;   /* AR, Intel: software must act before going on */
    bool deferred; /* AMD: data was found bad, and not used yet */
    bool poison;   /* AMD: data marked bad was used */
    uint16_t code; /* MCA error code, the low 16 bits */
    uint16_t model_code;
    enum nt_mca_class kind;
    char name[NT_MCA_NAME];   /* "BUSLG_GENERIC_ERR_*_TIMEOUT_ERR" */
    char words[NT_MCA_WORDS]; /* "data cache, level 1, eviction" */
};

void nt_mca_decode(uint64_t status, enum nt_cpu_vendor vendor, struct nt_mca *ret_mca);

/* "a bus or interconnect error": never NULL. */
const char *nt_mca_class_text(enum nt_mca_class kind);

/*
 * What a bank of an AMD processor with scalable MCA belongs to, from its MCA_IPID register:
 * "L3 cache", "unified memory controller"; NULL when it is not known.
 */
const char *nt_mca_smca_bank(uint64_t ipid);

/* "GenuineIntel"; NULL for NT_CPU_OTHER. */
const char *nt_cpu_vendor_name(enum nt_cpu_vendor vendor);

#endif
