/* SPDX-License-Identifier: MIT */
/*
 * The table of options. Names, values and meanings of the older ones are those that Microsoft
 * documents for KD and CDB ("KD Command-Line Options", "CDB Command-Line Options"), without regard
 * to case, so that a command line which opens a dump there opens it here. What only makes sense for
 * a live target or a server is refused with the reason; what changes nothing on a dump is accepted.
 * A slash does not begin an option: it begins a path here.
 */
#include "opttable.h"

#include <string.h>

#define LIVE   "there is no live target: this program opens dump files"
#define SERVER "there are no debugging servers or clients here"

const struct opt_row opt_rows[] = {
    {"-z", TAKES_VALUE, OPT_DUMP, FOR_DEBUG, "FILE", "the dump to open; -z may be left out"},
    {"-c", TAKES_VALUE, OPT_COMMAND, FOR_DEBUG, "COMMANDS",
     "run these, separated by `;`, before the prompt"},
    {"-cf", TAKES_VALUE, OPT_SCRIPT, FOR_DEBUG, "FILE", "run the commands in this file"},
    {"-cfr", TAKES_VALUE, OPT_SCRIPT, FOR_DEBUG, "FILE", "the same: a dump is never restarted"},
    {"-y", TAKES_VALUE, OPT_SYMBOLS, FOR_ALL, "PATH",
     "symbol path; _NT_SYMBOL_PATH is used behind it"},
    {"-i", TAKES_VALUE, OPT_IMAGES, FOR_ALL, "PATH", "image path"},
    {"-sins", TAKES_NOTHING, OPT_IGNORE_ENV, FOR_ALL, NULL,
     "ignore the paths that the environment names"},
    {"-lines", TAKES_NOTHING, OPT_LINES, FOR_DEBUG, NULL, "show source lines"},
    {"-logo", TAKES_VALUE, OPT_LOG_NEW, FOR_DEBUG, "FILE", "log everything to a new file"},
    {"-loga", TAKES_VALUE, OPT_LOG_APPEND, FOR_DEBUG, "FILE",
     "log everything behind what a file holds"},
    {"-logou", TAKES_VALUE, OPT_LOG_NEW, FOR_DEBUG, "FILE", "as -logo: logs are always UTF-8"},
    {"-logau", TAKES_VALUE, OPT_LOG_APPEND, FOR_DEBUG, "FILE", "as -loga: logs are always UTF-8"},
    {"-ee", TAKES_VALUE, OPT_EVALUATOR, FOR_DEBUG, "masm|c++",
     "how expressions are written: masm, or c++ as with .expr"},
    {"-kqm", TAKES_NOTHING, OPT_QUIET, FOR_DEBUG, NULL, "no banner"},
    {"-v", TAKES_NOTHING, OPT_VERBOSE, FOR_ALL, NULL, "say on standard error what is being done"},
    {"--json", TAKES_NOTHING, OPT_JSON, FOR_ALL, NULL,
     "one JSON object a command, or a file, and line"},
    {"--no-color", TAKES_NOTHING, OPT_NO_COLOR, FOR_ALL, NULL,
     "no colours, not on a terminal either"},
    {"--no-mmap", TAKES_NOTHING, OPT_NO_MMAP, FOR_ALL, NULL, "read the file instead of mapping it"},
    {"--dtb", TAKES_VALUE, OPT_DTB, FOR_DEBUG | FOR_CONVERT, "ADDRESS",
     "page tables (CR3, hexadecimal) of an image of memory in which the kernel is not found"},
    {"--pagefile", TAKES_VALUE, OPT_PAGEFILE, FOR_DEBUG | FOR_CONVERT, "N=FILE",
     "the page file of number N (0 to 15): what was paged out is read there"},
    {"--to", TAKES_VALUE, OPT_TO, FOR_CONVERT, "KIND",
     "full, bitmap, kernel, triage, elf or raw (see the manual)"},
    {"--pages", TAKES_VALUE, OPT_PAGES, FOR_CONVERT, "WHICH",
     "kernel: not those that only processes map; active: not those on lists of unused ones; or "
     "all"},
    {"--strip-user", TAKES_NOTHING, OPT_STRIP_USER, FOR_CONVERT, NULL,
     "leave out every page that a process maps, and those of unknown use"},
    {"--comment", TAKES_VALUE, OPT_COMMENT, FOR_CONVERT, "TEXT",
     "what the new dump's header says of itself, as .dump /c"},
    {"-f", TAKES_NOTHING, OPT_FORCE, FOR_CONVERT, NULL, "replace a file that is there"},
    {"--sync", TAKES_NOTHING, OPT_SYNC, FOR_CONVERT, NULL,
     "end only when the disk has the file: for whoever deletes the old one then"},
    {"--brief", TAKES_NOTHING, OPT_BRIEF, FOR_ANALYZE, NULL, "one line a file"},
    {"--summary", TAKES_NOTHING, OPT_SUMMARY, FOR_ANALYZE, NULL,
     "only what is said of all dumps together"},
    {"--csv", TAKES_NOTHING, OPT_CSV, FOR_ANALYZE, NULL,
     "comma-separated values: a line a file; with --summary, a signature"},
    {"-r", TAKES_NOTHING, OPT_IGNORE, FOR_ANALYZE, NULL, NULL},
    {"-j", TAKES_VALUE, OPT_JOBS, FOR_ANALYZE, "N",
     "worker processes; as many as processors otherwise"},
    {"--limit", TAKES_VALUE, OPT_LIMIT, FOR_ANALYZE, "SECONDS",
     "give up on a file after so long; 300 otherwise"},
    {"--version", TAKES_NOTHING, OPT_VERSION, FOR_ALL, NULL, "the program's version"},
    {"-version", TAKES_NOTHING, OPT_VERSION, FOR_DEBUG, NULL, "the same"},
    {"--help", TAKES_NOTHING, OPT_HELP, FOR_ALL, NULL,
     "this text (`help` at the prompt: the commands)"},
    {"-h", TAKES_NOTHING, OPT_HELP, FOR_ALL, NULL, "the same"},
    {"-?", TAKES_NOTHING, OPT_HELP, FOR_ALL, NULL, "the same"},
    {"--manual", TAKES_NOTHING, OPT_MANUAL, FOR_DEBUG, NULL, "print the manual (Markdown)"},
    {"--samples", TAKES_NOTHING, OPT_SAMPLES, FOR_DEBUG, NULL, "run the sample of every command"},

    {"-srcpath", TAKES_VALUE, OPT_IGNORE, FOR_ALL, "PATH", NULL},
    {"-lsrcpath", TAKES_VALUE, OPT_IGNORE, FOR_ALL, "PATH", NULL},
    {"-clines", TAKES_VALUE, OPT_IGNORE, FOR_DEBUG, "N", NULL},
    {"-t", TAKES_VALUE, OPT_IGNORE, FOR_DEBUG, "N", NULL},
    {"-r", TAKES_DIGIT, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-sflags", TAKES_VALUE, OPT_IGNORE, FOR_ALL, "N", NULL},
    {"-netsyms", TAKES_VALUE, OPT_IGNORE, FOR_ALL, "yes|no", NULL},
    {"-netsyms:", TAKES_TAIL, OPT_IGNORE, FOR_ALL, NULL, NULL},
    {"-xe", TAKES_VALUE, OPT_IGNORE, FOR_DEBUG, "EVENT", NULL},
    {"-xd", TAKES_VALUE, OPT_IGNORE, FOR_DEBUG, "EVENT", NULL},
    {"-xn", TAKES_VALUE, OPT_IGNORE, FOR_DEBUG, "EVENT", NULL},
    {"-xi", TAKES_VALUE, OPT_IGNORE, FOR_DEBUG, "EVENT", NULL},
    {"-b", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-bonc", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-d", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-failinc", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-g", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-hd", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-m", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-myob", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-n", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-noinh", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-noshell", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-nosqm", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-o", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-Q", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-QY", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-QSY", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-robp", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-s", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-sdce", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-secure", TAKES_NOTHING, OPT_REFUSE, FOR_DEBUG, NULL,
     "there is no secure mode: .logopen and .writemem could still write files"},
    {"-ses", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-sicv", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-snc", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-snul", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-sup", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-w", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-x", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},
    {"-2", TAKES_NOTHING, OPT_IGNORE, FOR_DEBUG, NULL, NULL},

    {"-zp", TAKES_VALUE, OPT_NOTE, FOR_DEBUG, "FILE", "--pagefile N=FILE names page files"},
    {"-noio", TAKES_NOTHING, OPT_NOTE, FOR_DEBUG, NULL, SERVER},

    {"-k", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-kl", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-kx", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-p", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-pn", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-psn", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-pb", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-pd", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-pe", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-pr", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-pt", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-pv", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-pvr", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-e", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-isd", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-vf", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-vf:", TAKES_TAIL, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-wake", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-ddefer", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, LIVE},
    {"-server", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, SERVER},
    {"-remote", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, SERVER},
    {"-premote", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, SERVER},
    {"-cimp", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, SERVER},
    {"-QR", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, SERVER},
    {"-iae", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, "it cannot become a postmortem debugger"},
    {"-iaec", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, "it cannot become a postmortem debugger"},
    {"-iu", TAKES_NOTHING, OPT_REFUSE, FOR_ALL, NULL, SERVER},
    {"-a", TAKES_TAIL, OPT_NOTE, FOR_DEBUG, "EXTENSION", "extension DLLs cannot be loaded here"},
    {NULL, TAKES_NOTHING, OPT_IGNORE, 0, NULL, NULL},
};

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool same(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i]) || !a[i])
            return lower(a[i]) == lower(b[i]);
    return true;
}

/* Long options of ours are lower case; kd's have any case. */
static bool fits(const struct opt_row *row, const char *typed) {
    size_t len = strlen(row->name);
    if (row->takes == TAKES_TAIL)
        return same(row->name, typed, len) && typed[len];
    if (row->name[1] == '-')
        return strcmp(row->name, typed) == 0;
    return same(row->name, typed, len + 1);
}

const struct opt_row *opt_find(const char *typed, unsigned mode) {
    for (const struct opt_row *row = opt_rows; row->name; row++)
        if ((row->modes & mode) && fits(row, typed))
            return row;
    return NULL;
}

const char *opt_tail(const struct opt_row *row, const char *typed) {
    return typed + strlen(row->name);
}

bool opt_is_bundle(const char *typed, unsigned mode) {
    if (typed[0] != '-' || typed[1] == '-' || !typed[1] || !typed[2])
        return false;
    for (const char *c = typed + 1; *c; c++) {
        const char one[] = {'-', *c, '\0'};
        const struct opt_row *row = opt_find(one, mode);
        if (!row || row->takes == TAKES_VALUE || row->takes == TAKES_TAIL || row->id == OPT_REFUSE)
            return false;
    }
    return true;
}
