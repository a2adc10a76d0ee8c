/* SPDX-License-Identifier: MIT */
/*
 * MiscInfoStream (15): MINIDUMP_MISC_INFO and its longer successors.
 *
 *   +0x00 u32 SizeOfInfo                       1: 0x18 bytes
 *   +0x04 u32 Flags1                             bit that makes the fields valid
 *   +0x08 u32 ProcessId                          0x001
 *   +0x0c u32 ProcessCreateTime (time_t)         0x002
 *   +0x10 u32 ProcessUserTime   (seconds)        0x002
 *   +0x14 u32 ProcessKernelTime (seconds)        0x002
 *   +0x18 u32 ProcessorMaxMhz                  2: 0x2c bytes; 0x004
 *   +0x1c u32 CurrentMhz, MhzLimit, MaxIdleState, CurrentIdleState
 *   +0x2c u32 ProcessIntegrityLevel            3: 0xe8 bytes; 0x010
 *   +0x30 u32 ProcessExecuteFlags                0x020
 *   +0x34 u32 ProtectedProcess                   0x080
 *   +0x38 u32 TimeZoneId                         0x040
 *   +0x3c TIME_ZONE_INFORMATION (0xac)           0x040: i32 Bias, u16 StandardName[32],
 *                                                SYSTEMTIME, i32 StandardBias,
 *                                                u16 DaylightName[32], SYSTEMTIME, i32 DaylightBias
 *   +0xe8 u16 BuildString[260]                 4: 0x340 bytes; 0x100
 *   +0x2f0 u16 DbgBldStr[40]                     0x100
 *   +0x340 XSTATE_CONFIG_FEATURE_MSC_INFO      5: 0x554 bytes: u32 SizeOfInfo, u32 ContextSize,
 *                                                u64 EnabledFeatures, {u32, u32} Features[64]
 *   +0x550 u32 ProcessCookie                     0x200
 *
 * A field counts when the structure is long enough and its flag is set; others stay zero. Some
 * writers leave SizeOfInfo zero; the stream's size decides then.
 *
 * BuildString, as real files have it:
 *   "10.0.14393.1715 (rs1_release_inmarket.170906-1810)"      version and lab of ntdll or kernel32
 *   "19041.1.amd64fre.vb_release.191206-1406"                 BuildLabEx of the registry
 *   "Windows NT 10.0.22000.282"                               Crashpad
 *   anything, on other systems
 */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "dump/mdmp_impl.h"

enum {
    HAS_PID = 1,
    HAS_TIMES = 2,
    HAS_POWER = 4,
    HAS_INTEGRITY = 0x10,
    HAS_EXECUTE_FLAGS = 0x20,
    HAS_TIMEZONE = 0x40,
    HAS_PROTECTED = 0x80,
    HAS_BUILD_STRING = 0x100,
    HAS_COOKIE = 0x200,
};

/* Reads a field when it is there, and clears it when its flag is not set. */
static uint32_t field(struct sc_cur *cur, bool valid) {
    uint32_t value = sc_cur_left(cur) >= 4 ? sc_u32(cur) : 0;
    return valid ? value : 0;
}

static void read_base(struct sc_cur *cur, struct sc_mdmp_misc *m) {
    bool times = m->flags & HAS_TIMES, power = m->flags & HAS_POWER;
    m->pid = field(cur, m->flags & HAS_PID);
    m->create_time = field(cur, times);
    m->user_time = field(cur, times);
    m->kernel_time = field(cur, times);
    m->max_mhz = field(cur, power);
    m->cur_mhz = field(cur, power);
    m->mhz_limit = field(cur, power);
    m->max_idle = field(cur, power);
    m->cur_idle = field(cur, power);
    m->integrity = field(cur, m->flags & HAS_INTEGRITY);
    m->execute_flags = field(cur, m->flags & HAS_EXECUTE_FLAGS);
    m->protected_process = field(cur, m->flags & HAS_PROTECTED);
    m->tz_id = field(cur, m->flags & HAS_TIMEZONE);
}

enum { TIME_ZONE_SIZE = 0xac, SYSTEMTIME_SIZE = 16 };

static sc_err *read_time_zone(struct sc_source *source, struct sc_cur *cur,
                              struct sc_mdmp_misc *m) {
    struct sc_cur c = *cur;
    sc_cur_skip(cur, TIME_ZONE_SIZE);
    if (!(m->flags & HAS_TIMEZONE))
        return NULL;
    m->tz_bias = (int32_t)sc_u32(&c);
    sc_err *err = mdmp_fixed_string(source, &c, 64, &m->tz_standard);
    if (err)
        return err;
    sc_cur_skip(&c, SYSTEMTIME_SIZE);
    m->tz_standard_bias = (int32_t)sc_u32(&c);
    err = mdmp_fixed_string(source, &c, 64, &m->tz_daylight);
    if (err)
        return err;
    sc_cur_skip(&c, SYSTEMTIME_SIZE);
    m->tz_daylight_bias = (int32_t)sc_u32(&c);
    return NULL;
}

static sc_err *read_build_strings(struct sc_source *source, struct sc_cur *cur,
                                  struct sc_mdmp_misc *m) {
    if (!(m->flags & HAS_BUILD_STRING)) {
        sc_cur_skip(cur, 0x340 - 0xe8);
        return NULL;
    }
    sc_err *err = mdmp_fixed_string(source, cur, 2 * 260, &m->build_string);
    return err ? err : mdmp_fixed_string(source, cur, 2 * 40, &m->dbg_build_string);
}

static void read_xstate(struct sc_cur *cur, struct sc_mdmp_misc *m) {
    uint32_t size = sc_u32(cur);
    uint32_t context_size = sc_u32(cur);
    uint64_t features = sc_u64(cur);
    sc_cur_skip(cur, 64 * 8);
    if (size >= 16) {
        m->xstate_context_size = context_size;
        m->xstate_features = features;
    }
    m->process_cookie = field(cur, m->flags & HAS_COOKIE);
}

/* The structure, as far as SIZE reaches. */
static sc_err *read_misc(struct sc_source *source, struct sc_cur *cur, uint64_t size,
                         struct sc_mdmp_misc *m) {
    read_base(cur, m);
    sc_err *err = NULL;
    if (size >= 0xe8)
        err = read_time_zone(source, cur, m);
    if (!err && size >= 0x340)
        err = read_build_strings(source, cur, m);
    if (!err && size >= 0x554)
        read_xstate(cur, m);
    return err;
}

/* "A.B.C.D" or "A.B" at TEXT; returns how many numbers there are (at most 4). */
static int numbers(const char *text, uint32_t ret[4], const char **ret_end) {
    int n = 0;
    while (n < 4 && *text >= '0' && *text <= '9') {
        char *end;
        unsigned long v = strtoul(text, &end, 10);
        if (end - text > 9)
            break;
        ret[n++] = (uint32_t)v;
        text = end;
        if (*text != '.' || text[1] < '0' || text[1] > '9')
            break;
        text++;
    }
    *ret_end = text;
    return n;
}

/*
 * Lab and update build out of the build string. In a BuildLabEx the second number is that of the
 * lab's own tree, 1 when the build left it; only a larger one is an update's.
 */
static void use_build_string(struct sc_machine *machine, const char *text) {
    static const char crashpad[] = "Windows NT ";
    uint32_t v[4];
    const char *end;
    if (!machine->windows) {
        machine->lab = text;
        return;
    }
    if (!strncmp(text, crashpad, sizeof crashpad - 1))
        text += sizeof crashpad - 1;
    int n = numbers(text, v, &end);
    if (n == 4) {
        machine->revision = v[3];
        if (*end)
            machine->lab = text;
    } else if (n == 2 && *end == '.') {
        if (v[1] > 1)
            machine->revision = v[1];
        machine->lab = text;
    }
}

static void to_machine(struct sc_source *source, const struct sc_mdmp_misc *m) {
    struct sc_machine *machine = &source->machine;
    uint64_t created = sc_time_from_unix(m->create_time);
    machine->pid = m->pid;
    if (m->create_time && machine->time >= created)
        machine->uptime = machine->time - created;
    if (m->build_string)
        use_build_string(machine, m->build_string);
}

sc_err *mdmp_read_misc(struct sc_source *source) {
    struct mdmp *state = source->impl;
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_MISC);
    if (!stream)
        return NULL;
    struct sc_mdmp_misc m = {0};
    struct sc_cur c = mdmp_cur(source, stream, "misc info");
    uint64_t size = sc_cur_left(&c);
    m.size = sc_u32(&c);
    m.flags = sc_u32(&c);
    if (m.size >= 0x18 && m.size < size) {
        size = m.size;
        c.end = stream->rva + size;
    }
    sc_err *err = read_misc(source, &c, size, &m);
    if (err)
        return err;
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return NULL;
    }
    state->misc = m;
    state->has_misc = true;
    to_machine(source, &m);
    return NULL;
}

sc_err *sc_mdmp_misc(struct sc_source *source, const struct sc_mdmp_misc **ret_misc) {
    const struct mdmp *m = mdmp_of(source);
    *ret_misc = m && m->has_misc ? &m->misc : NULL;
    return NULL;
}
