/* SPDX-License-Identifier: MIT */
/*
 * What the target is: `vertarget`, `version`, `.time`, `.bugcheck`, `.comment`. The lines of
 * vertarget also stand in the banner, so they have a function of their own.
 *
 * WinDbg calls Windows 11 "Windows 10"; its name stands behind in brackets.
 */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cmd/show.h"
#include "stopcode/minidump.h"

/* ---- names ---- */

static const char *windows_name(const struct sc_machine *m) {
    static const struct {
        uint32_t build;
        const char *name;
    } names[] = {{10240, "Windows 10"},
                 {9600, "Windows 8.1"},
                 {9200, "Windows 8"},
                 {7600, "Windows 7"},
                 {6001, "Windows Server 2008/Windows Vista"},
                 {6000, "Windows Vista"},
                 {3790, "Windows Server 2003"},
                 {2600, "Windows XP"},
                 {2195, "Windows 2000"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (m->build >= names[i].build)
            return names[i].name;
    return "Windows";
}

static const char *cpu_words(enum sc_cpu cpu) {
    switch (cpu) {
    case SC_CPU_X86: return "x86 compatible";
    case SC_CPU_ARM: return "ARM (NT) Thumb-2";
    case SC_CPU_ARM64: return "ARM 64-bit (AArch64)";
    case SC_CPU_UNKNOWN:
    case SC_CPU_X64:
    case SC_CPU_IA64:
    case SC_CPU_OTHER: break;
    }
    return sc_cpu_name(cpu);
}

static const char *product_name(uint32_t type) {
    static const char *const names[] = {NULL, "WinNt", "LanManNt", "Server"};
    return type < 4 ? names[type] : NULL;
}

/* " TerminalServer SingleUserTS": VER_SUITE_… bits by their names in WinDbg. */
static const char *suite_names(uint32_t mask, char *buf, size_t size) {
    static const char *const names[] = {"SmallBusiness",
                                        "Enterprise",
                                        "BackOffice",
                                        "CommunicationServer",
                                        "TerminalServer",
                                        "SmallBusinessRestricted",
                                        "EmbeddedNT",
                                        "DataCenter",
                                        "SingleUserTS",
                                        "Personal",
                                        "Blade",
                                        "EmbeddedRestricted",
                                        "SecurityAppliance",
                                        "StorageServer",
                                        "ComputeServer",
                                        "WHServer"};
    size_t n = 0;
    buf[0] = 0;
    for (unsigned i = 0; i < sizeof names / sizeof *names && n < size; i++)
        if (mask >> i & 1)
            n += (size_t)snprintf(buf + n, size - n, " %s", names[i]);
    return buf;
}

/* ---- the target as a record ---- */

struct target_row {
    const char *platform, *system, *service_pack, *lab, *cpu, *file, *format, *product, *suites;
    const char *marketing, *found_by;
    bool kernel, windows, checked, has_bugcheck;
    uint32_t major, minor, build, revision, ncpus, suite_mask, pid, bugcheck;
    uint64_t kernel_base, loaded_modules, time, system_uptime, process_uptime;
    uint64_t kernel_time, user_time, file_size;
    const uint64_t *args;
    size_t nargs;
};

static const struct sc_field target_fields[] = {
    SC_FIELD(struct target_row, file, SC_F_STR),
    SC_FIELD(struct target_row, file_size, SC_F_U64),
    SC_FIELD(struct target_row, format, SC_F_STR),
    SC_FIELD(struct target_row, kernel, SC_F_BOOL),
    SC_FIELD(struct target_row, platform, SC_F_STR),
    SC_FIELD(struct target_row, system, SC_F_STR),
    SC_FIELD(struct target_row, marketing, SC_F_STR),
    SC_FIELD(struct target_row, major, SC_F_U32),
    SC_FIELD(struct target_row, minor, SC_F_U32),
    SC_FIELD(struct target_row, build, SC_F_U32),
    SC_FIELD(struct target_row, revision, SC_F_U32),
    SC_FIELD(struct target_row, service_pack, SC_F_STR),
    SC_FIELD(struct target_row, lab, SC_F_STR),
    SC_FIELD(struct target_row, cpu, SC_F_STR),
    SC_FIELD(struct target_row, ncpus, SC_F_U32),
    SC_FIELD(struct target_row, checked, SC_F_BOOL),
    SC_FIELD(struct target_row, product, SC_F_STR),
    SC_FIELD(struct target_row, suite_mask, SC_F_HEX32),
    SC_FIELD(struct target_row, pid, SC_F_HEX32),
    SC_FIELD(struct target_row, kernel_base, SC_F_ADDR),
    SC_FIELD(struct target_row, loaded_modules, SC_F_ADDR),
    SC_FIELD(struct target_row, found_by, SC_F_STR),
    SC_FIELD(struct target_row, time, SC_F_TIME),
    SC_FIELD(struct target_row, system_uptime, SC_F_SPAN),
    SC_FIELD(struct target_row, process_uptime, SC_F_SPAN),
    SC_FIELD(struct target_row, kernel_time, SC_F_SPAN),
    SC_FIELD(struct target_row, user_time, SC_F_SPAN),
    SC_FIELD_END};
static const struct sc_rectype target_type = {"target", sizeof(struct target_row), target_fields};

struct style {
    unsigned ptr_size;
    long tz;
    bool enrich;
};

enum { SUITES_BUF = 256 };

static uint64_t known(uint64_t address) { return address ? address : SC_UNSET64; }

/* The process times of a user minidump; what it does not say stays unset. */
static sc_err *fill_process_times(struct target_row *r, sc_target *target) {
    const struct sc_mdmp_misc *misc = NULL;
    /* The target's own source: asking for a stream loads it. */
    struct sc_source *source = (struct sc_source *)sc_target_source(target);
    sc_err *err = sc_mdmp_header(source) ? sc_mdmp_misc(source, &misc) : NULL;
    if (!err && misc && misc->flags & 2) {
        r->kernel_time = misc->kernel_time * UINT64_C(10000000);
        r->user_time = misc->user_time * UINT64_C(10000000);
    }
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    sc_err_destroy(err); /* a damaged stream: .dumpdebug reports it */
    return NULL;
}

static sc_err *fill_target(struct target_row *r, sc_target *target, char *suites) {
    const struct sc_machine *m = sc_target_machine(target);
    const struct sc_source *source = sc_target_source(target);
    *r = (struct target_row){
        .platform = m->platform,
        .system = m->windows ? windows_name(m) : m->platform,
        .marketing = m->windows && m->product_type == 1 && m->build >= 22000 ? "Windows 11" : NULL,
        .service_pack = m->service_pack,
        .lab = m->lab,
        .cpu = sc_cpu_name(m->cpu),
        .file = sc_target_name(target),
        .file_size = sc_target_file_size(target),
        .format = source->probe.name,
        .product = m->windows ? product_name(m->product_type) : NULL,
        .suites = suite_names(m->suite_mask, suites, SUITES_BUF),
        .kernel = m->kernel,
        .windows = m->windows,
        .checked = m->checked,
        .major = m->major,
        .minor = m->minor,
        .build = m->build,
        .revision = m->revision,
        .ncpus = m->ncpus,
        .suite_mask = m->suite_mask,
        .pid = m->pid,
        .kernel_base = known(m->kernel_base),
        .loaded_modules = known(m->loaded_module_list),
        .found_by = *sc_target_found_by(target) ? sc_target_found_by(target) : NULL,
        .time = m->time,
        .system_uptime = m->kernel ? m->uptime : SC_UNSET64,
        .process_uptime = m->kernel ? SC_UNSET64 : m->uptime,
        .kernel_time = SC_UNSET64,
        .user_time = SC_UNSET64};
    return m->kernel ? NULL : fill_process_times(r, target);
}

/* Other systems have neither free builds nor uniprocessor ones, and may not say their version. */
static void foreign_line(sc_out *out, const struct target_row *r, enum sc_cpu cpu) {
    sc_printf(out, "%s", r->system);
    if (r->major || r->minor || r->build)
        sc_printf(out, " Version %u.%u.%u", r->major, r->minor, r->build);
    if (r->ncpus > 1)
        sc_printf(out, " (%u procs)", r->ncpus);
    if (cpu != SC_CPU_UNKNOWN)
        sc_printf(out, " %s", sc_cpu_name(cpu));
    sc_puts(out, "\n");
}

static void system_line(sc_out *out, const struct target_row *r, const struct style *s,
                        enum sc_cpu cpu) {
    if (!r->windows) {
        foreign_line(out, r, cpu);
        return;
    }
    sc_printf(out, "%s %sVersion %u", r->system, r->kernel ? "Kernel " : "", r->build);
    if (r->service_pack && *r->service_pack)
        sc_printf(out, " (%s)", r->service_pack);
    if (r->ncpus > 1)
        sc_printf(out, " MP (%u procs)", r->ncpus);
    else
        sc_puts(out, " UP");
    sc_printf(out, " %s %s", r->checked ? "Checked" : "Free", cpu_words(cpu));
    if (r->marketing && s->enrich)
        sc_printf(out, "  [%s]", r->marketing);
    sc_puts(out, "\n");
}

static void span_line(sc_out *out, const char *label, uint64_t span) {
    char buf[SC_TIME_BUF];
    sc_printf(out, "%s: %s\n", label,
              span == SC_UNSET64 ? "not available" : sc_time_span(span, buf));
}

static void times_text(sc_out *out, const struct target_row *r, const struct style *s) {
    char buf[SC_TIME_BUF];
    sc_printf(out, "Debug session time: %s\n",
              r->time ? sc_time_windbg(r->time, s->tz, buf) : "not available");
    span_line(out, "System Uptime", r->system_uptime);
    if (r->kernel)
        return;
    span_line(out, "Process Uptime", r->process_uptime);
    if (r->kernel_time != SC_UNSET64)
        span_line(out, "  Kernel time", r->kernel_time);
    if (r->user_time != SC_UNSET64)
        span_line(out, "  User time", r->user_time);
}

static void kernel_line(sc_out *out, const struct target_row *r, const struct style *s) {
    char base[SC_ADDR_BUF], list[SC_ADDR_BUF];
    uint64_t modules = r->loaded_modules == SC_UNSET64 ? 0 : r->loaded_modules;
    if (!r->kernel || r->kernel_base == SC_UNSET64)
        return;
    sc_printf(out, "Kernel base = 0x%s PsLoadedModuleList = 0x%s",
              sc_addr_text(r->kernel_base, s->ptr_size, base),
              sc_addr_text(modules, s->ptr_size, list));
    if (r->found_by && s->enrich)
        sc_printf(out, "  [found by: %s]", r->found_by);
    sc_puts(out, "\n");
}

struct target_style {
    struct style style;
    enum sc_cpu cpu;
};

static void target_text(sc_out *out, const void *record, void *ctx) {
    const struct target_row *r = record;
    const struct target_style *t = ctx;
    const struct style *s = &t->style;
    system_line(out, r, s, t->cpu);
    if (r->product)
        sc_printf(out, "Product: %s, suite:%s\n", r->product, r->suites);
    if (r->lab)
        sc_printf(out, "%s: %s\n", r->windows ? "Edition build lab" : "Build", r->lab);
    if (r->windows)
        sc_puts(out, "Machine Name:\n");
    kernel_line(out, r, s);
    times_text(out, r, s);
}

static struct style style_of(sc_session *session) {
    return (struct style){sc_session_ptr_size(session), sc_session_tz(session),
                          sc_session_enrich(session)};
}

/* Dumps without a debugger data block name the kernel in their list of modules alone. */
static sc_err *find_kernel(sc_target *target) {
    const struct sc_machine *m = sc_target_machine(target);
    const struct sc_modules *modules;
    if (!m->kernel || m->kernel_base)
        return NULL;
    sc_err *err = sc_target_modules(target, &modules);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    sc_err_destroy(err); /* lm reports it */
    return NULL;
}

static sc_err *show_target(sc_session *session) {
    sc_target *target = sc_session_target(session);
    struct target_row r;
    char suites[SUITES_BUF];
    struct target_style style = {style_of(session), SC_CPU_UNKNOWN};
    if (!target)
        return NULL;
    style.cpu = sc_target_machine(target)->cpu;
    sc_err *err = find_kernel(target);
    if (err)
        return err;
    err = fill_target(&r, target, suites);
    sc_record(sc_session_out(session), &target_type, &r, target_text, &style);
    return err;
}

void sc_print_vertarget(sc_session *session) { sc_err_destroy(show_target(session)); }

static sc_err *run_vertarget(sc_session *session, const struct sc_args *args) {
    (void)args;
    return show_target(session);
}

/* ---- version ---- */

struct version_row {
    const char *name, *version;
};
static const struct sc_field version_fields[] = {SC_FIELD(struct version_row, name, SC_F_STR),
                                                 SC_FIELD(struct version_row, version, SC_F_STR),
                                                 SC_FIELD_END};
static const struct sc_rectype version_type = {"program", sizeof(struct version_row),
                                               version_fields};

static void version_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct version_row *r = record;
    sc_printf(out, "%s version %s\n", r->name, r->version);
}

static sc_err *run_version(sc_session *session, const struct sc_args *args) {
    (void)args;
    struct version_row r = {"stopcode", sc_version_string()};
    sc_err *err = show_target(session);
    sc_record(sc_session_out(session), &version_type, &r, version_text, NULL);
    return err;
}

/* ---- .time ---- */

static void time_text(sc_out *out, const void *record, void *ctx) {
    const struct target_style *t = ctx;
    times_text(out, record, &t->style);
}

static const struct sc_field time_fields[] = {
    SC_FIELD(struct target_row, time, SC_F_TIME),
    SC_FIELD(struct target_row, system_uptime, SC_F_SPAN),
    SC_FIELD(struct target_row, process_uptime, SC_F_SPAN),
    SC_FIELD(struct target_row, kernel_time, SC_F_SPAN),
    SC_FIELD(struct target_row, user_time, SC_F_SPAN),
    SC_FIELD_END};
static const struct sc_rectype time_type = {"time", sizeof(struct target_row), time_fields};

static sc_err *run_time(sc_session *session, const struct sc_args *args) {
    struct target_row r;
    char suites[SUITES_BUF];
    struct target_style style = {style_of(session), SC_CPU_UNKNOWN};
    if (args->v[0].given) {
        int64_t hours = (int64_t)args->v[0].num;
        if (hours < -24 || hours > 24)
            return sc_errf(SC_ERR_ARG, ".time -h: %lld hours is no time zone; -24 to 24",
                           (long long)hours);
        style.style.tz = (long)hours * 3600;
    }
    sc_err *err = fill_target(&r, sc_session_target(session), suites);
    sc_record(sc_session_out(session), &time_type, &r, time_text, &style);
    return err;
}

/* ---- .bugcheck ---- */

struct bugcheck_row {
    bool present;
    uint32_t code;
    const uint64_t *arguments;
    size_t narguments;
};
static const struct sc_field bugcheck_fields[] = {
    SC_FIELD(struct bugcheck_row, present, SC_F_BOOL),
    SC_FIELD(struct bugcheck_row, code, SC_F_HEX32),
    {"arguments", SC_F_HEXES, offsetof(struct bugcheck_row, arguments),
     offsetof(struct bugcheck_row, narguments), NULL, NULL},
    SC_FIELD_END};
static const struct sc_rectype bugcheck_type = {"bugcheck", sizeof(struct bugcheck_row),
                                                bugcheck_fields};

static void bugcheck_text(sc_out *out, const void *record, void *ctx) {
    const struct bugcheck_row *r = record;
    const struct style *s = ctx;
    char addr[SC_ADDR_BUF];
    sc_printf(out, "Bugcheck code %08X\nArguments", r->code);
    for (size_t i = 0; i < r->narguments; i++)
        sc_printf(out, " %s", sc_addr_text(r->arguments[i], s->ptr_size, addr));
    sc_puts(out, "\n");
}

static sc_err *run_bugcheck(sc_session *session, const struct sc_args *args) {
    (void)args;
    const struct sc_machine *m = sc_target_machine(sc_session_target(session));
    struct style style = style_of(session);
    struct bugcheck_row r = {m->has_bugcheck, m->bugcheck, m->bugcheck_arg, 4};
    sc_record(sc_session_out(session), &bugcheck_type, &r, bugcheck_text, &style);
    if (!m->has_bugcheck)
        sc_remark(sc_session_out(session), "This dump records no bug check.");
    return NULL;
}

/* ---- .comment ---- */

struct comment_row {
    const char *comment;
};
static const struct sc_field comment_fields[] = {SC_FIELD(struct comment_row, comment, SC_F_STR),
                                                 SC_FIELD_END};
static const struct sc_rectype comment_type = {"comment", sizeof(struct comment_row),
                                               comment_fields};

static void comment_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct comment_row *r = record;
    sc_printf(out, "Comment: '%s'\n", r->comment);
}

static sc_err *run_comment(sc_session *session, const struct sc_args *args) {
    (void)args;
    sc_target *target = sc_session_target(session);
    struct sc_source *source = (struct sc_source *)sc_target_source(target);
    struct comment_row r = {sc_target_machine(target)->comment};
    if ((!r.comment || !*r.comment) && sc_mdmp_header(source))
        r.comment = sc_mdmp_comment(source);
    if (r.comment && *r.comment)
        sc_record(sc_session_out(session), &comment_type, &r, comment_text, NULL);
    else
        sc_remark(sc_session_out(session), "This dump has no comment.");
    return NULL;
}

/* ---- rows ---- */

static const struct sc_arg time_args[] = {
    {SC_ARG_OPTION_EXPR, "hours", "h", true, "east of UTC, for this display alone"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_info_commands[] = {
    {.name = "vertarget",
     .brief = "show the version of the target's system, and the times of the dump",
     .needs = SC_NEED_TARGET,
     .sample = "vertarget",
     .run = run_vertarget},
    {.name = "version",
     .brief = "show what vertarget shows, and the version of this program",
     .needs = 0,
     .sample = "version",
     .run = run_version},
    {.name = ".time",
     .brief = "show when the dump was written and how long system or process had run",
     .needs = SC_NEED_TARGET,
     .args = time_args,
     .help = "Times are shown in the zone of this machine, or the one given by .tz.",
     .sample = ".time",
     .run = run_time},
    {.name = ".bugcheck",
     .brief = "show the bug check code and its four arguments",
     .needs = SC_NEED_KERNEL,
     .help = "!analyze says what they mean.",
     .sample = ".bugcheck",
     .run = run_bugcheck},
    {.name = ".comment",
     .brief = "show the comment that the dump carries",
     .needs = SC_NEED_TARGET,
     .sample = ".comment",
     .run = run_comment},
    {.name = NULL},
};
