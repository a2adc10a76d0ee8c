/* SPDX-License-Identifier: MIT */
/*
 * SystemInfoStream (7): MINIDUMP_SYSTEM_INFO, 0x38 bytes.
 *
 *   +0x00 u16 ProcessorArchitecture  +0x10 u32 BuildNumber
 *   +0x02 u16 ProcessorLevel         +0x14 u32 PlatformId
 *   +0x04 u16 ProcessorRevision      +0x18 u32 CSDVersionRva
 *   +0x06 u8  NumberOfProcessors     +0x1c u16 SuiteMask
 *   +0x07 u8  ProductType            +0x1e u16 Reserved2
 *   +0x08 u32 MajorVersion           +0x20 CPU_INFORMATION
 *   +0x0c u32 MinorVersion
 *
 * CPU_INFORMATION of x86 (+0x20): u32 VendorId[3], VersionInformation, FeatureInformation,
 * AMDExtendedCpuFeatures. Of the others: u64 ProcessorFeatures[2] — but Breakpad writes the x86
 * form for x64 on Linux, too, which shows in a vendor that is readable text.
 *
 * Platforms other than Windows, and processors that Windows never ran on, are Breakpad's and
 * Crashpad's. Their CSDVersion is the `uname` text, or the system's build (macOS).
 */
#include <string.h>

#include "dump/mdmp_impl.h"

static bool is_text(const char *vendor) {
    for (int i = 0; i < 12; i++)
        if (vendor[i] < 0x20 || vendor[i] > 0x7e)
            return false;
    return true;
}

/* The two readings of CPU_INFORMATION. */
static void read_cpu(const struct sc_source *source, struct sc_cur *cur, struct sc_mdmp_system *s) {
    struct sc_cur again = *cur;
    char vendor[13] = "";
    sc_cur_bytes(cur, vendor, 12);
    uint32_t version = sc_u32(cur), features = sc_u32(cur), amd = sc_u32(cur);
    bool x86 = source->machine.cpu == SC_CPU_X86;
    if (!x86) {
        s->features[0] = sc_u64(&again);
        s->features[1] = sc_u64(&again);
    }
    if (x86 || (source->machine.cpu == SC_CPU_X64 && is_text(vendor))) {
        memcpy(s->vendor, vendor, sizeof s->vendor);
        s->cpu_version = version;
        s->cpu_features = features;
        s->amd_features = amd;
    }
}

static void to_machine(struct sc_source *source, const struct sc_mdmp_system *s) {
    struct sc_machine *machine = &source->machine;
    machine->cpu = mdmp_cpu(s->arch);
    machine->platform = mdmp_platform(s->platform_id, &machine->windows);
    machine->ncpus = s->ncpus;
    machine->major = s->major;
    machine->minor = s->minor;
    machine->build = s->build;
    machine->product_type = s->product_type;
    machine->suite_mask = s->suite_mask;
}

/*
 * Crashpad writes the update build ("282") where Windows has the service pack; other systems'
 * texts say which build of theirs it was.
 */
static void use_csd(struct sc_machine *machine, const char *csd) {
    if (!csd || !csd[0])
        return;
    if (!machine->windows) {
        machine->lab = csd;
    } else if (strspn(csd, "0123456789") == strlen(csd)) {
        for (const char *p = csd; *p && machine->revision < 100000000; p++)
            machine->revision = machine->revision * 10 + (uint32_t)(*p - '0');
    } else {
        machine->service_pack = csd;
    }
}

sc_err *mdmp_read_system(struct sc_source *source) {
    struct mdmp *m = source->impl;
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_SYSTEM);
    if (!stream) {
        sc_source_note(source, SC_UNSET64, "no SystemInfoStream: processor and system are unknown");
        return NULL;
    }
    struct sc_cur c = mdmp_cur(source, stream, "system info");
    struct sc_mdmp_system s = {0};
    s.arch = sc_u16(&c);
    s.level = sc_u16(&c);
    s.revision = sc_u16(&c);
    s.ncpus = sc_u8(&c);
    s.product_type = sc_u8(&c);
    s.major = sc_u32(&c);
    s.minor = sc_u32(&c);
    s.build = sc_u32(&c);
    s.platform_id = sc_u32(&c);
    uint32_t csd_rva = sc_u32(&c);
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return NULL;
    }
    to_machine(source, &s);
    s.suite_mask = sc_u16(&c);
    sc_u16(&c);
    read_cpu(source, &c, &s);
    source->machine.suite_mask = s.suite_mask;
    if (sc_cur_failed(&c))
        mdmp_note_failed(source, &c);
    sc_err *err = mdmp_string(source, csd_rva, "system info: CSDVersion", &s.csd);
    if (err)
        return err;
    use_csd(&source->machine, s.csd);
    m->system = s;
    m->has_system = true;
    return NULL;
}

const struct sc_mdmp_system *sc_mdmp_system(const struct sc_source *source) {
    const struct mdmp *m = mdmp_of(source);
    return m && m->has_system ? &m->system : NULL;
}
