/* SPDX-License-Identifier: MIT */
/*
 * Line editing over libedit, or plain reading without it. History is kept in
 * $XDG_STATE_HOME/stopcode/history (else ~/.local/state/stopcode/history), readable by its owner
 * only: commands name private things.
 */
#include "edit.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <wchar.h>

#include "libedit.h"
#include "signals.h"

enum { HISTORY_MAX = 2000, WORDS_SHOWN = 200, COLUMNS = 80 };

struct edit {
    sc_session *session;
    struct libedit lib;
    EditLine *el; /* NULL: plain reading */
    History *history;
    char *path; /* of the history; NULL: not kept */
    char prompt[128];
    char *line; /* the last line, owned */
    size_t room;
    bool interrupted;
};

/* libedit's callbacks are given its handle and nothing of ours; a program has one line editor. */
static struct edit *the_edit;

/* --- completion --- */

struct words {
    char *item[WORDS_SHOWN];
    size_t count; /* may be more than are kept */
};

static void add_word(void *ctx, const char *word) {
    struct words *words = ctx;
    if (words->count < WORDS_SHOWN)
        words->item[words->count] = strdup(word);
    words->count++;
}

static size_t kept(const struct words *words) {
    return words->count < WORDS_SHOWN ? words->count : WORDS_SHOWN;
}

static void free_words(struct words *words) {
    for (size_t i = 0; i < kept(words); i++)
        free(words->item[i]);
}

/* How many bytes all words begin with. */
static size_t common_prefix(const struct words *words) {
    const char *first = words->item[0];
    size_t len = first ? strlen(first) : 0;
    for (size_t i = 1; i < kept(words); i++) {
        const char *other = words->item[i] ? words->item[i] : "";
        size_t n = 0;
        while (n < len && first[n] == other[n])
            n++;
        len = n;
    }
    return len;
}

/* Where the word that ends at CURSOR begins, as sc_session_complete() sees words. */
static size_t word_start(const char *line, size_t cursor) {
    while (cursor && !strchr(" \t;", line[cursor - 1]))
        cursor--;
    return cursor;
}

static void show_words(const struct words *words) {
    size_t column = 0;
    fputs("\n", stdout);
    for (size_t i = 0; i < kept(words); i++) {
        const char *word = words->item[i] ? words->item[i] : "";
        size_t len = strlen(word) + 2;
        if (column && column + len > COLUMNS) {
            fputs("\n", stdout);
            column = 0;
        }
        fprintf(stdout, "%s  ", word);
        column += len;
    }
    if (words->count > WORDS_SHOWN)
        fprintf(stdout, "… and %zu more", words->count - WORDS_SHOWN);
    fputs("\n", stdout);
    fflush(stdout);
}

/* Inserts what all words have in common behind what is typed; false when that is nothing. */
static bool insert_rest(struct edit *edit, const struct words *words, size_t typed) {
    size_t len = common_prefix(words);
    bool only = words->count == 1;
    if (!only && len <= typed)
        return false;
    char *rest = calloc(1, len + 2);
    if (!rest)
        return false;
    if (len > typed)
        memcpy(rest, words->item[0] + typed, len - typed);
    if (only)
        strcat(rest, " ");
    bool done = !*rest || edit->lib.el_insertstr(edit->el, rest) == 0;
    free(rest);
    return done;
}

static unsigned char on_tab(EditLine *el, int key) {
    (void)key;
    struct edit *edit = the_edit;
    const LineInfo *info = edit->lib.el_line(el);
    size_t cursor = (size_t)(info->cursor - info->buffer);
    char *line = strndup(info->buffer, (size_t)(info->lastchar - info->buffer));
    if (!line)
        return EDIT_CC_ERROR;
    struct words words = {{NULL}, 0};
    sc_session_complete(edit->session, line, cursor, add_word, &words);
    unsigned char result = EDIT_CC_ERROR;
    if (words.count && words.item[0]) {
        bool inserted = insert_rest(edit, &words, cursor - word_start(line, cursor));
        if (!inserted)
            show_words(&words);
        result = inserted ? EDIT_CC_REFRESH : EDIT_CC_REDISPLAY;
    }
    free_words(&words);
    free(line);
    return result;
}

/* --- libedit --- */

static char *prompt_of(EditLine *el) {
    (void)el;
    return the_edit->prompt;
}

/*
 * Waits for a character; false when Ctrl-C came first. The signal is blocked but while waiting, so
 * that one which comes just before is not lost.
 */
static bool wait_char(void) {
    sigset_t interrupt, before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    bool stop = false, ready = false;
    while (!stop && !ready) {
        fd_set input;
        FD_ZERO(&input);
        FD_SET(STDIN_FILENO, &input);
        stop = signals_interrupted();
        ready = !stop && (pselect(1, &input, NULL, NULL, NULL, &before) > 0 || errno != EINTR);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return !stop;
}

/*
 * Reads one character. libedit's own function tries again when a signal comes, so that the first
 * Ctrl-C would be lost.
 */
static int read_char(EditLine *el, wchar_t *ret) {
    (void)el;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    for (;;) {
        char byte;
        if (!wait_char()) {
            the_edit->interrupted = true;
            return -1;
        }
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        size_t got = mbrtowc(ret, &byte, 1, &state);
        if (got == (size_t)-1)
            memset(&state, 0, sizeof state); /* not text: dropped */
        else if (got != (size_t)-2)
            return 1;
    }
}

/* mkdir -p, for the folders of PATH's file. */
static bool make_folders(char *path) {
    for (char *c = path + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        int failed = mkdir(path, 0700) != 0 && errno != EEXIST;
        *c = '/';
        if (failed)
            return false;
    }
    return true;
}

static char *history_path(void) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    const char *base = state && state[0] == '/' ? state : home;
    if (!base || base[0] != '/')
        return NULL;
    const char *rest = base == state ? "/stopcode/history" : "/.local/state/stopcode/history";
    char *path = malloc(strlen(base) + strlen(rest) + 1);
    if (!path)
        return NULL;
    strcpy(path, base);
    strcat(path, rest);
    if (make_folders(path))
        return path;
    free(path);
    return NULL;
}

static void start_history(struct edit *edit) {
    HistEvent event;
    edit->history = edit->lib.history_init();
    if (!edit->history)
        return;
    edit->lib.history(edit->history, &event, HIST_SET_SIZE, HISTORY_MAX);
    edit->lib.history(edit->history, &event, HIST_SET_UNIQUE, 1);
    edit->lib.el_set(edit->el, EDIT_SET_HIST, edit->lib.history, edit->history);
    edit->path = history_path();
    if (edit->path)
        edit->lib.history(edit->history, &event, HIST_LOAD, edit->path);
}

static void start_editor(struct edit *edit) {
    if (!libedit_load(&edit->lib))
        return;
    setlocale(LC_CTYPE, ""); /* what is typed; numbers stay those of the C locale */
    edit->el = edit->lib.el_init("stopcode", stdin, stdout, stderr);
    if (!edit->el) {
        libedit_unload(&edit->lib);
        return;
    }
    the_edit = edit;
    edit->lib.el_set(edit->el, EDIT_SET_PROMPT, prompt_of);
    edit->lib.el_set(edit->el, EDIT_SET_SIGNAL, 0);
    edit->lib.el_set(edit->el, EDIT_SET_EDITOR, "emacs");
    edit->lib.el_set(edit->el, EDIT_SET_GETCFN, read_char);
    /* The wide form: the other one makes copies that it never frees. */
    edit->lib.el_wset(edit->el, EDIT_SET_ADDFN, L"complete", L"Complete the word", on_tab);
    edit->lib.el_set(edit->el, EDIT_SET_BIND, "^I", "complete", NULL);
    edit->lib.el_set(edit->el, EDIT_SET_BIND, "^R", "em-inc-search-prev", NULL);
    start_history(edit);
}

struct edit *edit_create(sc_session *session) {
    struct edit *edit = calloc(1, sizeof *edit);
    if (!edit)
        return NULL;
    edit->session = session;
    start_editor(edit);
    return edit;
}

void edit_destroy(struct edit *edit) {
    if (!edit)
        return;
    if (edit->history)
        edit->lib.history_end(edit->history);
    if (edit->el)
        edit->lib.el_end(edit->el);
    /* The library stays: what terminfo keeps for itself would look lost without it. */
    the_edit = NULL;
    free(edit->path);
    free(edit->line);
    free(edit);
}

/* Keeps LEN bytes of TEXT, without the end of the line, as edit->line. */
static bool keep_line(struct edit *edit, const char *text, size_t len) {
    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    char *copy = malloc(len + 1);
    if (!copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    free(edit->line);
    edit->line = copy;
    return true;
}

static enum edit_got read_edited(struct edit *edit) {
    int count = 0;
    edit->interrupted = false;
    edit->lib.el_resize(edit->el);
    const char *text = edit->lib.el_gets(edit->el, &count);
    if (edit->interrupted) {
        edit->lib.el_reset(edit->el);
        return EDIT_INTERRUPTED;
    }
    if (!text || count <= 0 || !keep_line(edit, text, (size_t)count))
        return EDIT_END;
    return EDIT_LINE;
}

static enum edit_got read_plain(struct edit *edit) {
    fputs(edit->prompt, stdout);
    fflush(stdout);
    errno = 0;
    ssize_t n = getline(&edit->line, &edit->room, stdin);
    if (n < 0) {
        bool again = errno == EINTR && signals_interrupted();
        clearerr(stdin);
        return again ? EDIT_INTERRUPTED : EDIT_END;
    }
    while (n && (edit->line[n - 1] == '\n' || edit->line[n - 1] == '\r'))
        edit->line[--n] = '\0';
    return EDIT_LINE;
}

enum edit_got edit_read(struct edit *edit, const char *prompt, const char **ret_line) {
    snprintf(edit->prompt, sizeof edit->prompt, "%s", prompt);
    signals_interrupted(); /* one that came while no prompt was there is over */
    enum edit_got got = edit->el ? read_edited(edit) : read_plain(edit);
    if (got != EDIT_LINE)
        fputs("\n", stdout);
    fflush(stdout);
    if (got == EDIT_LINE)
        *ret_line = edit->line;
    return got;
}

void edit_remember(struct edit *edit, const char *line) {
    HistEvent event;
    if (!edit->history)
        return;
    edit->lib.history(edit->history, &event, HIST_ENTER, line);
    if (!edit->path)
        return;
    mode_t before = umask(077);
    edit->lib.history(edit->history, &event, HIST_SAVE, edit->path);
    umask(before);
}
