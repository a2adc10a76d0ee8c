/* SPDX-License-Identifier: MIT */
/* Reading the command line by the table of options, and writing help from it. */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "opttable.h"
#include "term.h"

/* The command line as it is being read. */
struct reader {
    int argc, at;
    char **argv;
    struct options *opt;
    unsigned mode;
};

static bool wrong(const char *option, const char *why) {
    say("%s: %s", option, why);
    return false;
}

static bool number(const char *option, const char *text, unsigned max, unsigned *ret) {
    char *end;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (errno || end == text || *end || n < 1 || n > max) {
        say("%s: a number from 1 to %u is needed, not \"%s\"", option, max, text);
        return false;
    }
    *ret = (unsigned)n;
    return true;
}

/* A physical address in hexadecimal, as CR3 is shown: 0x1ad000, 1ad000, 00000001`2b109002. */
static bool address(const char *option, const char *text, uint64_t *ret) {
    const char *p = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
    uint64_t value = 0;
    unsigned digits = 0;
    for (; *p && digits <= 16; p++) {
        static const char hex[] = "0123456789abcdefABCDEF";
        const char *at = strchr(hex, *p);
        if (*p == '`')
            continue;
        if (!at)
            break;
        value = value << 4 | (uint64_t)(at - hex - (at - hex > 15 ? 6 : 0));
        digits++;
    }
    if (*p || digits > 16 || !value) {
        say("%s: a physical address is needed in hexadecimal, not \"%s\"", option, text);
        return false;
    }
    *ret = value;
    return true;
}

static bool take_dump(struct options *opt, const char *path) {
    if (opt->dump) {
        say("two dumps, %s and %s: one at a time, or `stopcode analyze FILE FILE…`", opt->dump,
            path);
        return false;
    }
    opt->dump = path;
    return true;
}

static bool take_operand(struct reader *r, const char *text) {
    if (r->mode == FOR_DEBUG)
        return take_dump(r->opt, text);
    r->opt->files[r->opt->nfiles++] = text;
    return true;
}

static bool take_start(struct options *opt, bool script, const char *text) {
    opt->start[opt->nstart++] = (struct start){script, text};
    return true;
}

static bool take_log(struct options *opt, const char *path, bool append) {
    opt->log = path;
    opt->log_append = append;
    return true;
}

static bool take_evaluator(struct options *opt, const char *value) {
    opt->cxx = strcmp(value, "c++") == 0 || strcmp(value, "C++") == 0;
    if (opt->cxx || strcmp(value, "masm") == 0 || strcmp(value, "MASM") == 0)
        return true;
    return wrong("-ee", "expressions are written as masm or c++");
}

static bool take_kind(struct options *opt, const char *value) {
    opt->has_to = sc_convert_from_name(value, &opt->to);
    if (opt->has_to)
        return true;
    say("--to: \"%s\" is not full, bitmap, kernel, triage, elf or raw", value);
    return false;
}

static bool take_pages(struct options *opt, const char *value) {
    opt->kernel_pages = strcmp(value, "kernel") == 0;
    opt->active_pages = strcmp(value, "active") == 0;
    return opt->kernel_pages || opt->active_pages || strcmp(value, "all") == 0 ||
           wrong("--pages", "it is kernel, active or all");
}

/* "0=pagefile.sys" */
static bool take_pagefile(struct options *opt, const char *value) {
    char *end;
    unsigned long n = strtoul(value, &end, 10);
    if (end == value || *end != '=' || !end[1] || n >= PAGEFILES_MAX)
        return wrong("--pagefile", "write N=FILE, N being the page file's number, 0 to 15");
    if (opt->pagefile[n])
        return wrong("--pagefile", "one number is given twice");
    opt->pagefile[n] = end + 1;
    return true;
}

static bool set_flag(struct options *opt, enum opt_id id) {
    switch (id) {
    case OPT_LINES: opt->lines = true; break;
    case OPT_VERBOSE: opt->verbose = true; break;
    case OPT_QUIET: opt->quiet = true; break;
    case OPT_IGNORE_ENV: opt->ignore_env = true; break;
    case OPT_JSON: opt->json = true; break;
    case OPT_NO_COLOR: opt->no_color = true; break;
    case OPT_NO_MMAP: opt->no_mmap = true; break;
    case OPT_BRIEF: opt->brief = true; break;
    case OPT_CSV: opt->csv = true; break;
    case OPT_SUMMARY: opt->summary = true; break;
    case OPT_STRIP_USER: opt->strip_user = true; break;
    case OPT_FORCE: opt->force = true; break;
    case OPT_SYNC: opt->sync = true; break;
    case OPT_VERSION: opt->mode = MODE_VERSION; break;
    case OPT_HELP: opt->mode = MODE_HELP; break;
    case OPT_MANUAL: opt->mode = MODE_MANUAL; break;
    case OPT_SAMPLES: opt->mode = MODE_SAMPLES; break;
    default: break; /* OPT_IGNORE, and OPT_NOTE, whose remark was made */
    }
    return true;
}

static bool apply(struct reader *r, const struct opt_row *row, const char *value) {
    struct options *opt = r->opt;
    switch (row->id) {
    case OPT_REFUSE: return wrong(row->name, row->say);
    case OPT_NOTE: say("%s: %s", row->name, row->say); return true;
    case OPT_DUMP: return take_dump(opt, value);
    case OPT_SYMBOLS: opt->symbols = value; return true;
    case OPT_IMAGES: opt->images = value; return true;
    case OPT_COMMAND: return take_start(opt, false, value);
    case OPT_SCRIPT: return take_start(opt, true, value);
    case OPT_LOG_NEW: return take_log(opt, value, false);
    case OPT_LOG_APPEND: return take_log(opt, value, true);
    case OPT_EVALUATOR: return take_evaluator(r->opt, value);
    case OPT_JOBS: return number(row->name, value, 1024, &opt->jobs);
    case OPT_DTB: return address(row->name, value, &opt->dtb);
    case OPT_TO: return take_kind(opt, value);
    case OPT_PAGES: return take_pages(opt, value);
    case OPT_COMMENT: opt->comment = value; return true;
    case OPT_PAGEFILE: return take_pagefile(opt, value);
    case OPT_LIMIT: return number(row->name, value, 86400, &opt->limit);
    default: return set_flag(opt, row->id);
    }
}

/* `-j4` and `-r` belong to us and are written in many ways; everything of kd's stands by itself. */
static bool take_jobs(struct reader *r, const char *arg) {
    return number("-j", arg + 2, 1024, &r->opt->jobs);
}

static bool take_bundle(struct reader *r, const char *arg) {
    for (const char *c = arg + 1; *c; c++) {
        const char one[] = {'-', *c, '\0'};
        if (!apply(r, opt_find(one, r->mode), NULL))
            return false;
    }
    return true;
}

static bool take_option(struct reader *r, const char *arg) {
    const struct opt_row *row = opt_find(arg, r->mode);
    /* -aExtension takes any tail: several options of one letter come first. */
    if (opt_is_bundle(arg, r->mode) && (!row || row->takes == TAKES_TAIL))
        return take_bundle(r, arg);
    if (r->mode == FOR_ANALYZE && strncmp(arg, "-j", 2) == 0 && arg[2] >= '0' && arg[2] <= '9')
        return take_jobs(r, arg);
    if (!row)
        return wrong(arg, "no such option (--help lists them)");
    if (row->takes == TAKES_TAIL)
        return apply(r, row, opt_tail(row, arg));
    if (row->takes == TAKES_DIGIT) {
        const char *next = r->at < r->argc ? r->argv[r->at] : "";
        if (next[0] >= '0' && next[0] <= '3' && !next[1])
            r->at++;
        return apply(r, row, NULL);
    }
    if (row->takes == TAKES_NOTHING)
        return apply(r, row, NULL);
    if (r->at == r->argc) {
        say("%s: %s is missing", arg, row->value);
        return false;
    }
    return apply(r, row, r->argv[r->at++]);
}

/* What is asked for must go together. */
static bool check(const struct options *opt) {
    if (opt->mode == MODE_ANALYZE && !opt->nfiles)
        return wrong("analyze", "name dump files, or folders with dumps");
    if (opt->mode == MODE_ANALYZE && opt->json && opt->csv)
        return wrong("--csv", "it is JSON or CSV, not both");
    if (opt->mode == MODE_SYMBOLS && !opt->nfiles)
        return wrong("symbols", "name dump files; `symbols index` takes the folders of stores");
    if (opt->mode == MODE_CONVERT && opt->nfiles != 2)
        return wrong("convert", "it is `stopcode convert DUMP NEW --to KIND`");
    if (opt->mode == MODE_CONVERT && !opt->has_to)
        return wrong("convert", "into what? --to full, bitmap, kernel, triage, elf or raw");
    return true;
}

/* `symbols list …`: what is to be done. */
static bool take_action(struct reader *r) {
    static const char *const actions[] = {"list", "check", "fetch", "index"};
    const char *word = r->at < r->argc ? r->argv[r->at] : "";
    r->mode = FOR_SYMBOLS;
    r->opt->mode = MODE_SYMBOLS;
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "-?"))
        return true;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (!strcmp(word, actions[i])) {
            r->opt->action = actions[i];
            r->at++;
            return true;
        }
    }
    say("symbols: %s%s: it is `stopcode symbols list|check|fetch DUMP…` or `stopcode symbols index "
        "STORE…`",
        *word ? "no such action: " : "what is to be done is missing", word);
    return false;
}

bool options_parse(int argc, char **argv, struct options *ret) {
    *ret = (struct options){.mode = MODE_DEBUG, .limit = 300};
    ret->files = calloc((size_t)argc + 1, sizeof *ret->files);
    ret->start = calloc((size_t)argc + 1, sizeof *ret->start);
    if (!ret->files || !ret->start)
        return wrong("options", "out of memory");
    struct reader r = {argc, 1, argv, ret, FOR_DEBUG};
    if (argc > 1 && strcmp(argv[1], "analyze") == 0) {
        r.mode = FOR_ANALYZE;
        ret->mode = MODE_ANALYZE;
        r.at = 2;
    } else if (argc > 1 && strcmp(argv[1], "convert") == 0) {
        r.mode = FOR_CONVERT;
        ret->mode = MODE_CONVERT;
        r.at = 2;
    } else if (argc > 1 && strcmp(argv[1], "symbols") == 0) {
        r.at = 2;
        if (!take_action(&r))
            return false;
    }
    bool only_operands = false;
    while (r.at < r.argc) {
        const char *arg = argv[r.at++];
        bool ok = true;
        if (!only_operands && strcmp(arg, "--") == 0)
            only_operands = true;
        else if (!only_operands && arg[0] == '-' && arg[1])
            ok = take_option(&r, arg);
        else
            ok = take_operand(&r, arg);
        if (!ok)
            return false;
    }
    return check(ret);
}

void options_free(struct options *opt) {
    free(opt->files);
    free(opt->start);
}

static bool is_compat(const struct opt_row *row) {
    return row->id == OPT_IGNORE || row->id == OPT_NOTE || row->id == OPT_REFUSE;
}

static void help_rows(FILE *to, unsigned mode) {
    for (const struct opt_row *row = opt_rows; row->name; row++) {
        if (is_compat(row) || !(row->modes & mode) || (mode != FOR_DEBUG && row->modes == FOR_ALL))
            continue;
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", row->name, row->value ? " " : "",
                 row->value ? row->value : "");
        fprintf(to, "  %-18s %s\n", left, row->say);
    }
}

/* The names of the rows of one kind, in lines of at most 92 columns. */
static void names(FILE *to, enum opt_id id) {
    size_t column = 0;
    for (const struct opt_row *row = opt_rows; row->name; row++) {
        if (row->id != id)
            continue;
        size_t len = strlen(row->name) + 1;
        if (column + len > 90) {
            fputs("\n", to);
            column = 0;
        }
        fprintf(to, "%s%s", column ? " " : "  ", row->name);
        column += len;
    }
    fputs("\n", to);
}

void options_help(FILE *to) {
    fputs(
        "stopcode opens Windows crash dumps and runs WinDbg's commands.\n\n"
        "  stopcode [OPTIONS] [-z] FILE       open a dump\n"
        "  stopcode analyze [OPTIONS] FILE…   the verdicts on many dumps, and on folders of them\n"
        "  stopcode convert FILE NEW --to KIND   write its memory as another kind of dump\n"
        "  stopcode symbols list FILE…        which symbols and images dumps need\n"
        "  stopcode symbols check FILE…       which of them are here\n"
        "  stopcode symbols fetch FILE…       download what is missing\n"
        "  stopcode symbols index STORE…      learn the kernels of a local store\n\n"
        "For example:\n"
        "  stopcode MEMORY.DMP -c \"!analyze -v; q\"\n"
        "  stopcode analyze --summary /var/crash\n\n"
        "Options:\n",
        to);
    help_rows(to, FOR_DEBUG);
    fputs("\nOptions of `stopcode analyze`, besides --json, -y, -i and those about reading:\n", to);
    help_rows(to, FOR_ANALYZE);
    fputs("\nOptions of `stopcode convert`:\n", to);
    help_rows(to, FOR_CONVERT);
    fputs("\nOptions of kd and cdb that change nothing on a dump are accepted:\n", to);
    names(to, OPT_IGNORE);
    fputs("\nStatus: 0 done, 1 a command or an analysis failed, 2 a dump could not be opened.\n",
          to);
}

void options_manual(FILE *to) {
    fputs("| option | meaning |\n|---|---|\n", to);
    for (const struct opt_row *row = opt_rows; row->name; row++) {
        if (is_compat(row))
            continue;
        const char *say = row->say;
        fprintf(to, "| `%s%s", row->name, row->value ? " " : "");
        for (const char *c = row->value ? row->value : ""; *c; c++)
            fprintf(to, "%s%c", *c == '|' ? "\\" : "", *c);
        fprintf(to, "`%s | %s |\n",
                row->modes == FOR_ANALYZE   ? " (`analyze`)"
                : row->modes == FOR_CONVERT ? " (`convert`)"
                                            : "",
                say);
    }
    fputs("\nOptions of kd and cdb that change nothing on a dump are accepted:\n\n```\n", to);
    names(to, OPT_IGNORE);
    fputs("```\n\nThose for live targets, servers and registration are refused:\n\n```\n", to);
    names(to, OPT_REFUSE);
    fputs("```\n", to);
}
