/* SPDX-License-Identifier: MIT */
/*
 * `.dump`: the target as a dump of another kind, as far as that means something for a dump.
 *
 * /f writes all of physical memory, /k the kernel's part, /ka what is in use, /m a small dump. What
 * debuggers take from a live machine besides (handles, process lists, cabinets) cannot be had from
 * a dump, or is in it already: the option is refused and the reason given.
 */
#include <string.h>

#include "base/time.h"
#include "base/utf.h"
#include "cmd/converted.h"
#include "cmd/session_impl.h"

struct wish {
    struct sc_convert_opts opts;
    const char *file;
    bool has_kind, unique;
};

static const char store_event[] =
    "it stores what .ecxr shows in dumps of processes: a kernel dump has it in its header";

/* Options that are refused; a name that ends in '*' stands for all that begin so. */
static const struct refusal {
    const char *name, *why;
} refusals[] = {
    {"kpmf*", "there is no partition to take memory from"},
    {"k*",
     "the letters behind /k are not known: /f writes all memory, /k the kernel's part, /ka what is "
     "in use"},
    {"a", "it dumps processes that a debugger is attached to"},
    {"b*", "cabinets are not written: pack the file afterwards"},
    {"j*", "providers of user data are not asked"},
    {"xc*", store_event},
    {"xp*", store_event},
    {"xr*", store_event},
    {"xt*", store_event},
    {"m*", "the letters behind /m are for dumps of processes"},
    {"f*", "the letters behind /f are for live kernels: a dump has the registers that it has"},
};

static bool fits(const char *pattern, const char *name) {
    size_t len = strlen(pattern);
    if (pattern[len - 1] == '*')
        return sc_strncasecmp(pattern, name, len - 1) == 0;
    return sc_strcasecmp(pattern, name) == 0;
}

/*
 * Is the word an option, or a file? The last one can be either: "/ka" is no file of the root
 * folder,
 * "/memory.dmp" and "/tmp/f" are no options.
 */
static bool is_option(const char *word, bool last) {
    if ((word[0] != '/' && word[0] != '-') || !word[1])
        return false;
    if (!last)
        return true;
    return !strpbrk(word + 1, "/.");
}

static sc_err *take_kind(struct wish *w, enum sc_convert_to to) {
    if (w->has_kind)
        return sc_errf(SC_ERR_ARG, ".dump: one of /f, /k, /ka and /m, not two");
    w->has_kind = true;
    w->opts.to = to;
    return NULL;
}

/* As Windows 10 and later write it: filtered, and with a bitmap. */
static sc_err *take_active(struct wish *w) {
    w->opts.active_only = true;
    return take_kind(w, SC_CONVERT_BITMAP);
}

static sc_err *take_option(sc_session *s, struct wish *w, const char *name) {
    const struct sc_machine *m = sc_target_machine(s->target);
    if (!strcmp(name, "?"))
        return sc_errf(SC_ERR_ARG, ".dump: .help .dump lists the options");
    if (!sc_strcasecmp(name, "o"))
        w->opts.overwrite = true;
    else if (!sc_strcasecmp(name, "u"))
        w->unique = true;
    else if (!sc_strcasecmp(name, "c"))
        return sc_errf(SC_ERR_ARG, ".dump: /c with which comment?");
    else if (!sc_strcasecmp(name, "m"))
        return take_kind(w, SC_CONVERT_TRIAGE);
    else if (!sc_strcasecmp(name, "k"))
        return take_kind(w, SC_CONVERT_KERNEL);
    else if (!sc_strcasecmp(name, "ka"))
        return take_active(w);
    else if (!sc_strcasecmp(name, "f")) /* as Windows itself writes it since Windows 8 */
        return take_kind(w, m->build >= 9200 && sc_target_ptr_size(s->target) == 8
                                ? SC_CONVERT_BITMAP
                                : SC_CONVERT_FULL);
    else {
        for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
            if (fits(refusals[i].name, name))
                return sc_errf(SC_ERR_UNSUPPORTED, ".dump /%s: %s", name, refusals[i].why);
        return sc_errf(SC_ERR_ARG, ".dump: there is no option /%s", name);
    }
    return NULL;
}

/* "memory.dmp" becomes "memory_2021-03-30_18-20-11.dmp": the time is the dump's. */
static const char *make_unique(sc_session *s, const struct sc_args *args, const char *file) {
    char time[SC_TIME_BUF];
    const char *dot = strrchr(file, '.'), *slash = strrchr(file, '/');
    if (!dot || (slash && dot < slash))
        dot = file + strlen(file);
    sc_time_iso(sc_target_machine(s->target)->time, time);
    time[strlen("2021-03-30T18:20:11")] = '\0';
    for (char *c = time; *c; c++)
        if (*c == ':' || *c == 'T')
            *c = *c == 'T' ? '_' : '-';
    return sc_arena_printf(args->arena, "%.*s_%s%s", (int)(dot - file), file, time, dot);
}

static sc_err *read_wish(sc_session *s, const struct sc_args *args, struct wish *w) {
    const struct sc_val *v = &args->v[0];
    *w = (struct wish){.opts = {.sz = sizeof w->opts, .to = SC_CONVERT_TRIAGE}};
    sc_err *err = NULL;
    for (size_t i = 0; i < v->nwords && !err; i++) {
        const char *word = v->word[i];
        bool option = !w->file && is_option(word, i + 1 == v->nwords);
        if (option && !sc_strcasecmp(word + 1, "c") && i + 1 < v->nwords)
            w->opts.comment = v->word[++i];
        else if (option)
            err = take_option(s, w, word + 1);
        else if (w->file)
            err = sc_errf(SC_ERR_ARG, ".dump: one file, not %s and %s", w->file, word);
        else
            w->file = word;
    }
    if (!err && !w->file)
        err = sc_errf(SC_ERR_ARG, ".dump: into which file? .dump /m small.dmp");
    if (!err && w->unique) {
        w->file = make_unique(s, args, w->file);
        err = w->file ? NULL : sc_err_nomem();
    }
    return err;
}

static bool on_progress(void *ctx, const char *doing, uint64_t done, uint64_t total) {
    sc_session_progress(ctx, doing, done, total);
    return true;
}

static sc_err *run_dump(sc_session *s, const struct sc_args *args) {
    struct sc_convert_result result;
    struct sc_needed needed = {0};
    struct wish w;
    sc_err *err = read_wish(s, args, &w);
    if (!err && w.opts.to == SC_CONVERT_TRIAGE && sc_target_has_paging(s->target))
        err = sc_needed_find(s->target, s->has_paths, s->symbol_path, s->image_path, &needed);
    if (!err && w.opts.active_only)
        err = sc_session_symbols(s, &w.opts.symtab);
    w.opts.extra = needed.item;
    w.opts.nextra = needed.count;
    w.opts.progress = on_progress;
    w.opts.progress_ctx = s;
    if (!err)
        err = sc_convert(s->target, w.file, &w.opts, &result);
    sc_session_progress_end(s);
    sc_needed_free(&needed);
    if (err)
        return err;
    sc_converted_report(s->out, w.file, &w.opts, &result,
                        s->target ? sc_target_ptr_size(s->target) : 8);
    sc_convert_result_free(&result);
    return NULL;
}

static const struct sc_arg args[] = {
    {SC_ARG_WORDS, "/options file", NULL, false,
     "/f all memory, /k the kernel's, /ka what is in use, /m a small dump (also without any of "
     "them); /o an existing file is replaced; /u the dump's time becomes part of the name; /c "
     "\"text\" becomes its comment"},
    {0},
};

const struct sc_command sc_dumpfile_commands[] = {
    {
        .name = ".dump",
        .brief = "write the target as a dump of another kind",
        .needs = SC_NEED_TARGET | SC_NEED_KERNEL,
        .instead = "a process' dump is converted by copying the file",
        .args = args,
        .help =
            "Whole memory becomes a complete dump (/f), a kernel dump (/k: what only processes map "
            "is left out), one of active pages (/ka: what the PFN database has on the zeroed, "
            "free, "
            "standby or bad list is left out), or a small one (/m) with what !analyze needs. A "
            "small dump becomes a "
            "small dump. The file is written under another name and renamed when it is whole; what "
            "is changed in memory (a decoded debugger data block, registers that a virtual machine "
            "kept beside it) is listed.\n"
            "`stopcode convert` does more: ELF cores, raw memory, dumps without pages of "
            "processes.",
        .sample = ".dump /o /m small.dmp",
        .run = run_dump,
    },
    {0},
};
