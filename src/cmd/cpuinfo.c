/* SPDX-License-Identifier: MIT */
/*
 * `!cpuinfo` and `!cpuid`: which processors the machine has.
 *
 *     CP  F/M/S Manufacturer  MHz PRCB Signature    MSR 8B Signature Features
 *      0  6,14,12 GenuineIntel 1733 0000005400000000                   a0033fff
 *
 * "MSR 8B" is what the processor itself would say of its microcode: a dump does not hold it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/processors.h"
#include "cmd/session_impl.h"
#include "nt/cpuinfo.h"

struct cpu {
    uint32_t processor;
    int64_t family, model, stepping, mhz;
    const char *vendor;
    uint64_t signature, features;
};
static const struct sc_field cpu_fields[] = {SC_FIELD(struct cpu, processor, SC_F_U32),
                                             SC_FIELD(struct cpu, family, SC_F_NUM),
                                             SC_FIELD(struct cpu, model, SC_F_NUM),
                                             SC_FIELD(struct cpu, stepping, SC_F_NUM),
                                             SC_FIELD(struct cpu, vendor, SC_F_STR),
                                             SC_FIELD(struct cpu, mhz, SC_F_NUM),
                                             SC_FIELD(struct cpu, signature, SC_F_HEX64),
                                             SC_FIELD(struct cpu, features, SC_F_HEX64),
                                             SC_FIELD_END};
static const struct sc_rectype cpu_type = {"processor_identity", sizeof(struct cpu), cpu_fields};

/* "6,14,12" */
static const char *fms_text(const struct cpu *r, char *buf, size_t size) {
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF];
    snprintf(buf, size, "%s,%s,%s", sc_nt_num_text(r->family, a), sc_nt_num_text(r->model, b),
             sc_nt_num_text(r->stepping, c));
    return buf;
}

enum { FMS = 3 * SC_NT_BUF };

static void cpuinfo_text(sc_out *out, const void *record, void *ctx) {
    const struct cpu *r = record;
    char fms[FMS], mhz[SC_NT_BUF], sig[SC_NT_BUF], features[SC_NT_BUF];
    (void)ctx;
    snprintf(sig, sizeof sig, "%016" PRIx64, r->signature);
    snprintf(features, sizeof features, "%08" PRIx64, r->features);
    sc_printf(out, "%2u %s%s %-12s %4s %s %18s%s\n", r->processor, r->family < 10 ? " " : "",
              fms_text(r, fms, sizeof fms), r->vendor ? r->vendor : "?",
              sc_nt_num_text(r->mhz, mhz), r->signature == SC_UNSET64 ? "????????????????" : sig,
              "", r->features == SC_UNSET64 ? "????????" : features);
}

static void cpuid_text(sc_out *out, const void *record, void *ctx) {
    const struct cpu *r = record;
    char fms[FMS], mhz[SC_NT_BUF];
    (void)ctx;
    sc_printf(out, "%2u %s%-8s %-15s %4s\n", r->processor, r->family < 10 ? " " : "",
              fms_text(r, fms, sizeof fms), r->vendor ? r->vendor : "?",
              sc_nt_num_text(r->mhz, mhz));
}

static struct cpu record_of(uint32_t processor, const struct nt_cpuinfo *info) {
    return (struct cpu){.processor = processor,
                        .family = sc_nt_num(&info->family),
                        .model = sc_nt_num(&info->model),
                        .stepping = sc_nt_num(&info->stepping),
                        .mhz = sc_nt_num(&info->mhz),
                        .vendor = *info->vendor ? info->vendor : NULL,
                        .signature = nt_or(&info->signature, SC_UNSET64),
                        .features = nt_or(&info->features, SC_UNSET64)};
}

static sc_err *show(sc_session *s, const struct sc_args *args, const char *head,
                    void (*text)(sc_out *, const void *, void *)) {
    struct sc_processors p;
    struct nt_prcb prcb;
    struct nt_cpuinfo info;
    bool present, headed = false;
    sc_err *err = sc_processors(s, args, &args->v[0], &p);
    for (uint32_t i = err ? 0 : p.first; !err && i < p.end; i++) {
        err = sc_processor_prcb(&p, i, &prcb, &present);
        if (!err && present)
            err = nt_cpuinfo_read(&p.nt, &prcb, &info);
        if (err || !present)
            continue;
        if (!headed)
            sc_puts(s->out, head);
        headed = true;
        struct cpu r = record_of(i, &info);
        sc_record(s->out, &cpu_type, &r, text, NULL);
    }
    return err ? err : sc_processors_end(s, args, &p);
}

static sc_err *run_cpuinfo(sc_session *s, const struct sc_args *args) {
    return show(s, args,
                "CP  F/M/S Manufacturer  MHz PRCB Signature    MSR 8B Signature Features\n",
                cpuinfo_text);
}

static sc_err *run_cpuid(sc_session *s, const struct sc_args *args) {
    return show(s, args, "CP  F/M/S  Manufacturer     MHz\n", cpuid_text);
}

static const struct sc_arg one_processor[] = {{SC_ARG_EXPR, "processor", NULL, true, "its number"},
                                              {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_cpuinfo_commands[] = {
    {.name = "!cpuinfo",
     .brief = "show the processors, their microcode and features",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "vertarget names the processors of a process's machine",
     .args = one_processor,
     .help = "Family, model and stepping (in decimal), clock, the signature of the microcode and "
             "the kernel's feature bits. MSR 8B, what the processor itself says of its microcode, "
             "stays empty: no dump holds it.",
     .sample = "!cpuinfo",
     .run = run_cpuinfo},
    {.name = "!cpuid",
     .brief = "show the processors",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "vertarget names the processors of a process's machine",
     .args = one_processor,
     .sample = "!cpuid",
     .run = run_cpuid},
    {.name = NULL},
};
