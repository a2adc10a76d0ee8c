/* SPDX-License-Identifier: MIT */
/* The shell family: commands about the session itself, not about the dump. */
#include "cmd/shell.h"

#include <string.h>
#include <time.h>

#include "base/os.h"
#include "base/time.h"
#include "base/utf.h"

uint64_t sc_time_now(void) {
    struct timespec now;
    if (!timespec_get(&now, TIME_UTC))
        return 0;
    return SC_FILETIME_1970 + (uint64_t)now.tv_sec * 10000000 + (uint64_t)now.tv_nsec / 100;
}

/* --- records of one value --------------------------------------------------------------------- */

struct setting {
    const char *name, *value;
    const char *label; /* text only: what stands before the value */
};

static const struct sc_field setting_fields[] = {
    SC_FIELD(struct setting, name, SC_F_STR),
    SC_FIELD(struct setting, value, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype setting_type = {"setting", sizeof(struct setting), setting_fields};

static void setting_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct setting *r = record;
    sc_printf(out, "%s %s\n", r->label, r->value);
}

static void show_setting(sc_session *s, const char *name, const char *value, const char *label) {
    struct setting r = {name, value, label};
    sc_record(sc_session_out(s), &setting_type, &r, setting_text, NULL);
}

/* --- the commands ----------------------------------------------------------------------------- */

static sc_err *run_comment(sc_session *s, const struct sc_args *args) {
    (void)s;
    (void)args;
    return NULL;
}

struct echo {
    const char *text;
};
static const struct sc_field echo_fields[] = {SC_FIELD(struct echo, text, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype echo_type = {"echo", sizeof(struct echo), echo_fields};

static void echo_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct echo *r = record;
    sc_printf(out, "%s\n", r->text);
}

/* Quotes around the whole text protect ';' and blanks, and are not shown. */
static sc_err *run_echo(sc_session *s, const struct sc_args *args) {
    const char *text = args->v[0].given ? args->v[0].text : "";
    size_t n = strlen(text);
    const char *inner = n >= 2 ? strchr(text + 1, '"') : NULL;
    if (*text == '"' && inner == text + n - 1)
        text = sc_arena_strndup(args->arena, text + 1, n - 2);
    if (!text)
        return sc_err_nomem();
    struct echo r = {text};
    sc_record(sc_session_out(s), &echo_type, &r, echo_text, NULL);
    return NULL;
}

struct clock {
    uint64_t time;
    const char *shown;
};
static const struct sc_field clock_fields[] = {SC_FIELD(struct clock, time, SC_F_TIME),
                                               SC_FIELD_END};
static const struct sc_rectype clock_type = {"clock", sizeof(struct clock), clock_fields};

static void clock_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct clock *r = record;
    sc_printf(out, "Debugger (not debuggee) time: %s\n", r->shown);
}

static sc_err *run_echotime(sc_session *s, const struct sc_args *args) {
    (void)args;
    char buf[SC_TIME_BUF];
    struct clock r = {.time = sc_time_now()};
    if (!r.time)
        return sc_errf(SC_ERR_IO, "the system does not tell the time");
    r.shown = sc_time_windbg(r.time, sc_session_tz(s), buf);
    sc_record(sc_session_out(s), &clock_type, &r, clock_text, NULL);
    return NULL;
}

static sc_err *run_radix(sc_session *s, const struct sc_args *args) {
    static const struct {
        const char *text;
        unsigned radix;
    } radix[] = {{"8", 8}, {"10", 10}, {"16", 16}};
    const char *want = args->v[0].given ? args->v[0].text : NULL, *now = "16";
    bool known = !want;
    for (size_t i = 0; i < sizeof radix / sizeof *radix; i++) {
        if (want && !strcmp(want, radix[i].text)) {
            sc_session_set_radix(s, radix[i].radix);
            known = true;
        }
        if (sc_session_radix(s) == radix[i].radix)
            now = radix[i].text;
    }
    if (!known)
        return sc_errf(SC_ERR_ARG, "n: the base is 8, 10 or 16, not %.20s", want);
    show_setting(s, "radix", now, "base is");
    return NULL;
}

static sc_err *run_quit(sc_session *s, const struct sc_args *args) {
    (void)args;
    sc_session_quit(s);
    return NULL;
}

/* "+5:30", "-8", "utc", "local"; false when it is none of them. */
static bool parse_zone(const char *text, long *ret_offset) {
    if (!sc_strcasecmp(text, "local") || !sc_strcasecmp(text, "utc") || !sc_strcasecmp(text, "z")) {
        *ret_offset = sc_lower(*text) == 'l' ? SC_TZ_LOCAL : 0;
        return true;
    }
    const char *p = text + (*text == '+' || *text == '-');
    long part[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        size_t n = strspn(p, "0123456789");
        if (n < 1 || n > 2 || (i && n != 2))
            return false;
        for (; n; n--, p++)
            part[i] = part[i] * 10 + (*p - '0');
        if (!*p)
            break;
        if (i || *p++ != ':')
            return false;
    }
    if (part[0] > 14 || part[1] > 59)
        return false;
    *ret_offset = (part[0] * 60 + part[1]) * (*text == '-' ? -60 : 60);
    return true;
}

static sc_err *run_tz(sc_session *s, const struct sc_args *args) {
    long offset = sc_session_tz(s);
    if (args->v[0].given && !parse_zone(args->v[0].text, &offset))
        return sc_errf(SC_ERR_ARG, ".tz: \"%.20s\" is no time zone; write +5:30, -8, utc or local",
                       args->v[0].text);
    sc_session_set_tz(s, offset);
    bool local = offset == SC_TZ_LOCAL;
    if (local)
        offset = sc_os_utc_offset((int64_t)time(NULL));
    long minutes = (offset < 0 ? -offset : offset) / 60;
    const char *zone = sc_arena_printf(args->arena, "UTC %c %ld:%02ld%s", offset < 0 ? '-' : '+',
                                       minutes / 60, minutes % 60, local ? " (local)" : "");
    if (!zone)
        return sc_err_nomem();
    show_setting(s, "time_zone", zone, "Times are shown in");
    return NULL;
}

static sc_err *run_enrich(sc_session *s, const struct sc_args *args) {
    const char *want = args->v[0].given ? args->v[0].text : NULL;
    bool on = want && !sc_strcasecmp(want, "on");
    if (want && !on && sc_strcasecmp(want, "off"))
        return sc_errf(SC_ERR_ARG, ".enrich: on or off, not \"%.20s\"", want);
    if (want)
        sc_session_set_enrich(s, on);
    show_setting(s, "enrich", sc_session_enrich(s) ? "on" : "off", "Additions in brackets are");
    return NULL;
}

/* --- the rows --------------------------------------------------------------------------------- */

static const struct sc_arg help_args[] = {
    {SC_ARG_WORD, "command", NULL, true, "name, or a pattern such as .log*"},
    {0},
};
static const struct sc_arg line_args[] = {{SC_ARG_LINE, "text", NULL, true, NULL}, {0}};
static const struct sc_arg rest_args[] = {{SC_ARG_REST, "text", NULL, true, NULL}, {0}};
static const struct sc_arg eval_args[] = {
    {SC_ARG_EXPR, "expression", NULL, true, "number, register, module or a calculation"},
    {0},
};
static const struct sc_arg formats_args[] = {
    {SC_ARG_EXPR, "expression", NULL, false, "the value to show"},
    {0},
};
static const struct sc_arg radix_args[] = {
    {SC_ARG_WORD, "base", NULL, true, "8, 10 or 16"},
    {0},
};
static const struct sc_arg tz_args[] = {
    {SC_ARG_WORD, "zone", NULL, true, "hours east of UTC (+5:30, -8), utc or local"},
    {0},
};
static const struct sc_arg enrich_args[] = {
    {SC_ARG_WORD, "switch", NULL, true, "on or off"},
    {0},
};
static const struct sc_arg logopen_args[] = {
    [ARG_LOG_T] = {SC_ARG_OPTION, "t", "t", true, "put process id, date and time into the name"},
    [ARG_LOG_U] = {SC_ARG_OPTION, "u", "u", true, "write UTF-16 instead of UTF-8"},
    [ARG_LOG_D] = {SC_ARG_OPTION, "d", "d", true, "name the file after the dump"},
    [ARG_LOG_FILE] = {SC_ARG_WORD, "file", NULL, true, "without one: dbgeng.log"},
    [ARG_LOG_FILE + 1] = {0},
};
static const struct sc_arg logappend_args[] = {
    [ARG_APPEND_U] = {SC_ARG_OPTION, "u", "u", true, "write UTF-16 instead of UTF-8"},
    [ARG_APPEND_FILE] = {SC_ARG_WORD, "file", NULL, true, "without one: dbgeng.log"},
    [ARG_APPEND_FILE + 1] = {0},
};
static const struct sc_arg error_args[] = {
    {SC_ARG_EXPR, "value", NULL, false, "the code; 0n for decimal"},
    {SC_ARG_EXPR, "flag", NULL, true, "1: take it for an NTSTATUS"},
    {0},
};

const struct sc_command sc_shell_commands[] = {
    {
        .name = "help",
        .aliases = ".help .hh",
        .brief = "list the commands, or explain one",
        .args = help_args,
        .sample = "help .formats",
        .run = sc_run_help,
    },
    {
        .name = "?",
        .brief = "evaluate an expression; alone: list the commands",
        .touch = true,
        .args = eval_args,
        .help = "Numbers are hexadecimal (see n); 0n is decimal, 0x hexadecimal, 0t octal, 0y\n"
                "binary. Operators are those of MASM: + - * / % & | ^ and or xor not << >> and\n"
                "comparisons; poi(address), by, wo, dwo, qwo read memory. Names are registers\n"
                "(@rip), pseudo-registers (@$peb, @$t0) and modules. The result is kept in $exp.",
        .sample = "? 5 + 0n10",
        .run = sc_run_evaluate,
    },
    {
        .name = ".formats",
        .brief = "show a value in every number format, as characters and as a time",
        .args = formats_args,
        .help = "A value below 2^32 is also shown as seconds since 1970, a larger one as a\n"
                "FILETIME, both in the zone of .tz.",
        .sample = ".formats 1c407e62",
        .run = sc_run_formats,
    },
    {
        .name = "!error",
        .brief = "explain a Win32 error, NTSTATUS or HRESULT",
        .args = error_args,
        .help = "Values below 10000 are taken for Win32 errors, others for what the tables know\n"
                "them as. With 1 behind it the value is taken for an NTSTATUS.",
        .sample = "!error c0000005",
        .run = sc_run_error,
    },
    {
        .name = "n",
        .brief = "show or set the base of numbers: 8, 10 or 16",
        .touch = true,
        .args = radix_args,
        .sample = "n 16",
        .run = run_radix,
    },
    {
        .name = ".tz",
        .brief = "show or set the time zone in which times are shown",
        .args = tz_args,
        .help = "WinDbg uses the zone of the machine it runs on. So do we (TZ), unless told\n"
                "otherwise, so that the times of a published transcript can be compared.",
        .sample = ".tz +1:00",
        .run = run_tz,
    },
    {
        .name = ".enrich",
        .brief = "switch what is shown beyond WinDbg's text on or off",
        .args = enrich_args,
        .help = "Where more is known than WinDbg's line says, it stands behind it in brackets.\n"
                ".enrich off leaves the bare line.",
        .sample = ".enrich on",
        .run = run_enrich,
    },
    {
        .name = ".echo",
        .brief = "show a text",
        .args = rest_args,
        .help = "Up to the next ';', or what stands in quotes.",
        .sample = ".echo \"first; second\"",
        .run = run_echo,
    },
    {
        .name = ".echotime",
        .brief = "show the time it is now",
        .sample = ".echotime",
        .run = run_echotime,
    },
    {
        .name = ".logopen",
        .brief = "start writing a log file",
        .args = logopen_args,
        .help = "A log that is open is ended first; an existing file is overwritten.",
        .sample = ".logopen session.log",
        .run = sc_run_logopen,
    },
    {
        .name = ".logappend",
        .brief = "start writing at the end of a log file",
        .args = logappend_args,
        .sample = ".logappend session.log",
        .run = sc_run_logappend,
    },
    {
        .name = ".logclose",
        .brief = "end the log file",
        .sample = ".logclose",
        .run = sc_run_logclose,
    },
    {
        .name = ".logfile",
        .brief = "show whether a log file is open",
        .sample = ".logfile",
        .run = sc_run_logfile,
    },
    {
        .name = "*",
        .brief = "a comment up to the end of the line",
        .touch = true,
        .args = line_args,
        .sample = "* k; r: not run",
        .run = run_comment,
    },
    {
        .name = "$$",
        .brief = "a comment up to the next ';'",
        .touch = true,
        .args = rest_args,
        .sample = "$$ a remark",
        .run = run_comment,
    },
    {
        .name = "q",
        .aliases = "qq qd",
        .brief = "quit",
        .sample = "q",
        .run = run_quit,
    },
    {0},
};
