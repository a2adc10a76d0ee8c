/* SPDX-License-Identifier: MIT */
/* `.logopen`, `.logappend`, `.logclose`, `.logfile`. The log itself is logfile.c. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/time.h"
#include "cmd/session_impl.h"
#include "cmd/shell.h"

struct log_record {
    const char *path;
    bool open;
    bool failed; /* something could not be written */
};

static const struct sc_field log_fields[] = {
    SC_FIELD(struct log_record, path, SC_F_STR),
    SC_FIELD(struct log_record, open, SC_F_BOOL),
    SC_FIELD(struct log_record, failed, SC_F_BOOL),
    SC_FIELD_END,
};
static const struct sc_rectype log_type = {"log_file", sizeof(struct log_record), log_fields};

static void opened_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct log_record *r = record;
    sc_printf(out, "Opened log file '%s'\n", r->path);
}

static void closing_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct log_record *r = record;
    sc_printf(out, "Closing open log file %s\n", r->path);
}

static void status_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct log_record *r = record;
    if (r->open)
        sc_printf(out, "Log '%s' open\n", r->path);
    else
        sc_puts(out, "No log file open\n");
}

/* Says when the disk was full or the like: the log is not what was shown. */
static void warn_if_failed(sc_session *s, const struct log_record *r) {
    if (r->failed)
        sc_remark(sc_session_out(s), "The log file %s is incomplete: it could not be written",
                  r->path);
}

/* The last dot of a file's name, or its end: where the date goes. */
static const char *extension(const char *path) {
    const char *base = strrchr(path, '/'), *dot = strrchr(path, '.');
    base = base ? base + 1 : path;
    return dot && dot > base ? dot : path + strlen(path);
}

/* "dir/name_02BC_2005-02-28_09-05-50-935.log": process id (user dumps), date and time. */
static const char *with_date(sc_session *s, const char *path, sc_arena *arena) {
    char pid[16] = "";
    const struct sc_machine *m = s->target ? sc_target_machine(s->target) : NULL;
    if (m && m->pid)
        snprintf(pid, sizeof pid, "_%04X", m->pid);
    uint64_t now = sc_time_now();
    long offset = sc_session_tz(s);
    if (offset == SC_TZ_LOCAL)
        offset = sc_os_utc_offset((int64_t)(now / 10000000) - 11644473600);
    struct sc_tm t = sc_time_split(now, offset);
    const char *ext = extension(path);
    return sc_arena_printf(arena, "%.*s%s_%04d-%02d-%02d_%02d-%02d-%02d-%03u%s", (int)(ext - path),
                           path, pid, (int)t.year, t.month, t.day, t.hour, t.minute, t.second,
                           t.fraction / 10000, ext);
}

/* `/d`: named after the dump, in the current folder. */
static const char *automatic(sc_session *s, sc_arena *arena) {
    if (!s->target)
        return "dbgeng.log";
    const char *name = sc_target_name(s->target);
    const char *base = strrchr(name, '/');
    name = base ? base + 1 : name;
    return sc_arena_printf(arena, "%.*s.log", (int)(extension(name) - name), name);
}

static sc_err *open_log(sc_session *s, const char *path, bool append, bool wide) {
    if (!path)
        return sc_err_nomem();
    sc_err *err = sc_logfile_open(s, path, append, wide);
    if (err)
        return err;
    struct log_record r = {path, true, false};
    sc_record(sc_session_out(s), &log_type, &r, opened_text, NULL);
    return NULL;
}

sc_err *sc_run_logopen(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = args->v;
    const char *path = v[ARG_LOG_FILE].given ? v[ARG_LOG_FILE].text : "dbgeng.log";
    if (v[ARG_LOG_D].given && v[ARG_LOG_FILE].given)
        return sc_errf(SC_ERR_ARG, ".logopen: /d chooses the name itself");
    if (v[ARG_LOG_D].given)
        path = automatic(s, args->arena);
    if (path && v[ARG_LOG_T].given)
        path = with_date(s, path, args->arena);
    return open_log(s, path, false, v[ARG_LOG_U].given);
}

sc_err *sc_run_logappend(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = args->v;
    const char *path = v[ARG_APPEND_FILE].given ? v[ARG_APPEND_FILE].text : "dbgeng.log";
    return open_log(s, path, true, v[ARG_APPEND_U].given);
}

sc_err *sc_run_logclose(sc_session *s, const struct sc_args *args) {
    struct log_record r = {NULL, false, false};
    const char *path = sc_logfile_path(s, &r.failed);
    if (!path) {
        sc_remark(sc_session_out(s), "No log file open");
        return NULL;
    }
    r.path = sc_arena_strdup(args->arena, path);
    if (!r.path)
        return sc_err_nomem();
    sc_record(sc_session_out(s), &log_type, &r, closing_text, NULL);
    warn_if_failed(s, &r);
    sc_logfile_close(s);
    return NULL;
}

sc_err *sc_run_logfile(sc_session *s, const struct sc_args *args) {
    (void)args;
    struct log_record r = {NULL, false, false};
    r.path = sc_logfile_path(s, &r.failed);
    r.open = r.path != NULL;
    sc_record(sc_session_out(s), &log_type, &r, status_text, NULL);
    warn_if_failed(s, &r);
    return NULL;
}
