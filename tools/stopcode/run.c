/* SPDX-License-Identifier: MIT */
/*
 * Opening a dump and running commands on it. Commands come from -c and -cf, then from the prompt
 * (prompt.c) or, when standard input is no terminal, from standard input to its end.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prompt.h"
#include "signals.h"

static void log_line(void *ctx, enum sc_log_level level, const char *line) {
    (void)ctx;
    static const char *const name[] = {"debug", "info", "warning"};
    say("%s: %s", name[level], line);
}

sc_err *run_open(const struct options *opt, const char *path, sc_target **ret_target) {
    struct progress bar;
    struct sc_open_opts how = {.sz = sizeof how,
                               .no_mmap = opt->no_mmap,
                               .dtb = opt->dtb,
                               .progress = progress_step,
                               .progress_ctx = &bar,
                               .pagefile = opt->pagefile,
                               .npagefiles = PAGEFILES_MAX};
    if (opt->verbose)
        how.log = log_line;
    /* Of many dumps the one bar counts the files. */
    progress_begin(&bar, opt->mode != MODE_ANALYZE && !opt->quiet);
    sc_err *err = sc_target_open(path, &how, ret_target);
    progress_end(&bar);
    return err;
}

/* "A;B;C" of those that are there; NULL and true when none is. */
static bool join(const char *const part[3], char **ret) {
    size_t len = 0;
    for (int i = 0; i < 3; i++)
        len += part[i] && *part[i] ? strlen(part[i]) + 1 : 0;
    *ret = NULL;
    if (!len)
        return true;
    char *text = calloc(1, len + 1);
    if (!text)
        return false;
    for (int i = 0; i < 3; i++) {
        if (!part[i] || !*part[i])
            continue;
        if (*text)
            strcat(text, ";");
        strcat(text, part[i]);
    }
    *ret = text;
    return true;
}

sc_err *run_make_paths(const struct options *opt, char **ret_symbols, char **ret_images) {
    bool env = !opt->ignore_env;
    const char *const symbols[3] = {opt->symbols, env ? getenv("_NT_ALT_SYMBOL_PATH") : NULL,
                                    env ? getenv("_NT_SYMBOL_PATH") : NULL};
    const char *const images[3] = {opt->images, env ? getenv("_NT_EXECUTABLE_IMAGE_PATH") : NULL,
                                   NULL};
    *ret_symbols = *ret_images = NULL;
    return join(symbols, ret_symbols) && join(images, ret_images) ? NULL : sc_err_nomem();
}

sc_err *run_set_paths(const struct options *opt, sc_session *session) {
    char *symbols, *images;
    sc_err *err = run_make_paths(opt, &symbols, &images);
    if (!err)
        err = sc_session_set_paths(session, symbols, images);
    free(symbols);
    free(images);
    return err;
}

/* A path that cannot be used is said, and done without. */
static sc_err *use_path(sc_store *store, enum sc_path_which which, const char *path) {
    sc_err *err = path ? sc_store_set_path(store, which, path) : NULL;
    if (!err || sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    say("%s", sc_err_text(err));
    sc_err_destroy(err);
    return NULL;
}

sc_err *run_symtab(const struct options *opt, sc_target *target,
                   const struct sc_store_opts *store_opts, sc_symtab **ret_symtab) {
    char *symbols, *images;
    sc_symtab *symtab = NULL;
    sc_err *err = run_make_paths(opt, &symbols, &images);
    if (!err)
        err = sc_symtab_create(target, store_opts, &symtab);
    if (!err)
        err = use_path(sc_symtab_store(symtab), SC_PATH_SYMBOLS, symbols);
    if (!err)
        err = use_path(sc_symtab_store(symtab), SC_PATH_IMAGES, images);
    free(symbols);
    free(images);
    if (err)
        sc_symtab_destroy(symtab);
    else
        *ret_symtab = symtab;
    return err;
}

static sc_err *start_log(const struct run *run) {
    const char *path = run->opt->log;
    bool append = run->opt->log_append;
    if (!path) {
        path = getenv("_NT_DEBUG_LOG_FILE_OPEN");
        if (!path || !*path) {
            path = getenv("_NT_DEBUG_LOG_FILE_APPEND");
            append = true;
        }
    }
    return path && *path ? sc_session_log(run->session, path, append) : NULL;
}

/* What was found so far is to be seen while it goes on. */
static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total) {
    struct run *run = ctx;
    if (what)
        sc_out_flush(run->out);
    progress_show(&run->bar, what, done, total);
}

bool run_line(struct run *run, const char *line) {
    progress_begin(&run->bar, !run->opt->quiet);
    signals_running(run->target);
    unsigned failed = sc_session_run(run->session, line);
    bool stopped = signals_stopped();
    if (run->target)
        sc_target_clear_cancel(run->target);
    /* Ctrl-C between two commands has failed none, but the line did not do what was asked. */
    if (stopped && !failed) {
        sc_remark(run->out, "Cancelled.");
        failed = 1;
    }
    run->failed += failed;
    sc_out_flush(run->out);
    return !sc_session_done(run->session) && !sc_out_failed(run->out) && !stopped;
}

void run_echo(struct run *run, const char *line, bool only_log) {
    if (run->opt->json)
        return;
    char prompt[128];
    sc_session_prompt(run->session, prompt, sizeof prompt);
    sc_out_flush(run->out);
    run->term.mute = only_log;
    sc_printf(run->out, "%s%s\n", prompt, line);
    sc_out_flush(run->out);
    run->term.mute = false;
}

/* A line as a file holds it: without its end, and without bytes that no command has. */
static void tidy(char *line, size_t len) {
    while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        line[--len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (!line[i])
            line[i] = ' ';
}

/* Runs every line of FILE; false when the program should end. */
static bool run_stream(struct run *run, FILE *file) {
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    bool first = true, go_on = true;
    while (go_on && (len = getline(&line, &room, file)) >= 0) {
        tidy(line, (size_t)len);
        bool marked = first && strncmp(line, "\xef\xbb\xbf", 3) == 0; /* a byte order mark */
        first = false;
        const char *command = line + (marked ? 3 : 0);
        run_echo(run, command, false);
        go_on = run_line(run, command);
    }
    free(line);
    return go_on && !ferror(file);
}

static bool run_script(struct run *run, const char *path) {
    FILE *file = fopen(path, "re");
    int first = file ? getc(file) : EOF;
    if (file)
        ungetc(first, file);
    if (!file || first == 0xff || first == 0xfe) {
        say("-cf %s: %s", path,
            file ? "the script is UTF-16: save it as UTF-8" : "cannot be opened");
        if (file)
            fclose(file);
        run->failed++;
        return true;
    }
    bool go_on = run_stream(run, file);
    fclose(file);
    return go_on;
}

/* What the command line asks for; false when the program should end. */
static bool run_start(struct run *run) {
    for (size_t i = 0; i < run->opt->nstart; i++) {
        const struct start *start = &run->opt->start[i];
        if (!start->script)
            run_echo(run, start->text, true);
        if (!(start->script ? run_script(run, start->text) : run_line(run, start->text)))
            return false;
    }
    return true;
}

static void run_all(struct run *run) {
    bool person = isatty(STDIN_FILENO);
    if (!run->opt->nstart && !run->opt->quiet && !run->opt->json && run->target)
        sc_session_banner(run->session);
    if (!run->target && person && !run->opt->nstart && !run->opt->quiet)
        sc_printf(run->out,
                  "stopcode %s. No dump is open: `stopcode FILE` opens one, `help` lists "
                  "the commands.\n",
                  sc_version_string());
    sc_out_flush(run->out);
    bool go_on = run_start(run);
    if (sc_session_done(run->session) || sc_out_failed(run->out))
        return;
    /* Ctrl-C has ended the start commands: a person gets the prompt, a script is over. */
    if (person)
        prompt_loop(run);
    else if (go_on)
        run_stream(run, stdin);
}

static int complain(const struct options *opt, sc_out *out, sc_err *err) {
    say("%s", sc_err_text(err));
    /* Who reads JSON finds the reason there, too. */
    if (opt->json && out) {
        sc_out_begin(out, "open");
        sc_out_end(out, err);
    }
    sc_err_destroy(err);
    return STATUS_NOT_OPENED;
}

static int status_of(const struct run *run) {
    return run->failed || sc_out_failed(run->out) ? STATUS_FAILED : STATUS_OK;
}

/* Everything between opening the output and closing it. */
static int debug(struct run *run) {
    sc_err *err = NULL;
    if (run->opt->dump) {
        signals_on_bus(run->opt->dump, STATUS_NOT_OPENED);
        err = run_open(run->opt, run->opt->dump, &run->target);
    }
    if (!err)
        err = sc_session_create(run->target, run->out, &run->session);
    if (!err)
        err = run_set_paths(run->opt, run->session);
    if (!err)
        err = start_log(run);
    if (err)
        return complain(run->opt, run->out, err);
    sc_session_set_lines(run->session, run->opt->lines);
    sc_session_set_cxx(run->session, run->opt->cxx);
    sc_session_set_progress(run->session, on_progress, run);
    run_all(run);
    sc_out_flush(run->out);
    return status_of(run);
}

int run_debug(const struct options *opt) {
    struct run run = {.opt = opt, .term = {.fd = STDOUT_FILENO}};
    sc_err *err = sc_out_create(opt->json ? SC_RENDER_JSON : SC_RENDER_TEXT, term_write, &run.term,
                                term_color(opt), &run.out);
    if (err)
        return complain(opt, NULL, err);
    int status = debug(&run);
    sc_session_destroy(run.session);
    sc_target_close(run.target);
    sc_out_destroy(run.out);
    return status;
}
