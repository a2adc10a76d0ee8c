/* SPDX-License-Identifier: MIT */
/*
 * Worker processes. Parent to worker: a path, as its length (4 bytes) and its bytes. Worker to
 * parent: a report, as its status, its length, and whether it has facts (4 bytes each, in the
 * machine's order); the facts, if so; and its bytes. The parent believes nothing of it. A worker
 * ends when its task pipe ends.
 */
#define _DEFAULT_SOURCE
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"
#include "signals.h"
#include "term.h"

enum { PATH_LENGTH_MAX = 1024 * 1024 };

double worker_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- in the worker --- */

static bool read_all(int fd, void *data, size_t len) {
    char *at = data;
    while (len) {
        ssize_t n = read(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* The next path, owned by the caller; NULL when there is none. */
static char *next_task(int fd) {
    uint32_t len;
    if (!read_all(fd, &len, sizeof len) || len > PATH_LENGTH_MAX)
        return NULL;
    char *path = malloc((size_t)len + 1);
    if (!path || !read_all(fd, path, len)) {
        free(path);
        return NULL;
    }
    path[len] = '\0';
    return path;
}

static bool report_err(const struct options *opt, const char *path, enum report_status status,
                       sc_err *err, struct report *ret) {
    bool ok = report_error(opt, path, status, err, ret);
    sc_err_destroy(err);
    return ok;
}

static bool analyse(const struct options *opt, const char *path, struct report *ret) {
    sc_target *target = NULL;
    struct sc_analysis *analysis = NULL;
    sc_err *err = run_open(opt, path, &target);
    if (err)
        return report_err(opt, path, REPORT_NOT_OPENED, err, ret);
    bool ok;
    sc_symtab *symtab = NULL;
    err = run_symtab(opt, target, NULL, &symtab);
    if (err && sc_err_code(err) != SC_ERR_NOMEM) { /* the analysis says itself what is damaged */
        sc_err_destroy(err);
        err = NULL;
    }
    if (!err)
        err = sc_analyze_with(target, symtab, &analysis);
    if (err)
        ok = report_err(opt, path, REPORT_FAILED, err, ret);
    else
        ok = report_analysis(opt, path, target, analysis, ret);
    sc_analysis_destroy(analysis);
    sc_symtab_destroy(symtab);
    sc_target_close(target);
    return ok;
}

static void work(const struct options *opt, int task, int result) {
    char *path;
    while ((path = next_task(task)) != NULL) {
        struct report report = {0};
        bool ok = analyse(opt, path, &report) ||
                  report_err(opt, path, REPORT_FAILED, sc_err_nomem(), &report);
        uint32_t head[3] = {report.status, (uint32_t)report.len, report.has_facts};
        ok = ok && write_all(result, head, sizeof head) &&
             (!report.has_facts || write_all(result, &report.facts, sizeof report.facts)) &&
             write_all(result, report.text, report.len);
        report_free(&report);
        free(path);
        if (!ok)
            _exit(1); /* nobody listens, or there is no memory even for an error */
    }
    _exit(0);
}

/* --- in the parent --- */

static void close_pipe(int fd[2]) {
    close(fd[0]);
    close(fd[1]);
}

static bool make_pipes(int task[2], int result[2]) {
    if (pipe(task) != 0)
        return false;
    if (pipe(result) == 0)
        return true;
    close_pipe(task);
    return false;
}

bool worker_start(struct worker *worker, struct worker *all, size_t count,
                  const struct options *opt) {
    int task[2], result[2];
    if (!make_pipes(task, result))
        return false;
    pid_t pid = fork();
    if (pid < 0) {
        close_pipe(task);
        close_pipe(result);
        return false;
    }
    if (pid == 0) {
        signals_worker();
        signals_on_bus(NULL, STATUS_SHORTENED);
        for (size_t i = 0; i < count; i++) {
            if (!all[i].pid)
                continue;
            close(all[i].task);
            close(all[i].result);
        }
        close(task[1]);
        close(result[0]);
        work(opt, task[0], result[1]);
    }
    close(task[0]);
    close(result[1]);
    *worker = (struct worker){.pid = pid, .task = task[1], .result = result[0]};
    return true;
}

bool worker_give(struct worker *worker, size_t index, const char *path) {
    uint32_t len = (uint32_t)strlen(path);
    worker->busy = true;
    worker->index = index;
    worker->since = worker_clock();
    worker->nhead = worker->nfacts = 0;
    worker->expected = SIZE_MAX;
    worker->part = (struct report){0};
    return write_all(worker->task, &len, sizeof len) && write_all(worker->task, path, len);
}

/* The head is complete: is it one that a sane worker writes? */
static bool take_head(struct worker *worker) {
    uint32_t head[3];
    memcpy(head, worker->head, sizeof head);
    if (head[0] >= REPORT_KINDS || head[1] > REPORT_MAX || head[2] != (head[0] == REPORT_DONE))
        return false;
    worker->part.status = head[0];
    worker->part.has_facts = head[2];
    worker->part.text = malloc(head[1] ? head[1] : 1);
    worker->expected = head[1];
    return worker->part.text != NULL;
}

/* Where the next bytes go: into the head, the facts, or the text. */
static char *next_room(struct worker *worker, size_t *ret_want) {
    if (worker->nhead < sizeof worker->head) {
        *ret_want = sizeof worker->head - worker->nhead;
        return (char *)worker->head + worker->nhead;
    }
    if (worker->part.has_facts && worker->nfacts < sizeof worker->part.facts) {
        *ret_want = sizeof worker->part.facts - worker->nfacts;
        return (char *)&worker->part.facts + worker->nfacts;
    }
    *ret_want = worker->expected - worker->part.len;
    return worker->part.text + worker->part.len;
}

/* N more bytes have come; false when they are no report's. */
static bool took(struct worker *worker, size_t n) {
    if (worker->nhead < sizeof worker->head) {
        worker->nhead += n;
        return worker->nhead < sizeof worker->head || take_head(worker);
    }
    if (worker->part.has_facts && worker->nfacts < sizeof worker->part.facts) {
        worker->nfacts += n;
        if (worker->nfacts == sizeof worker->part.facts)
            sc_batch_facts_check(&worker->part.facts);
    } else {
        worker->part.len += n;
    }
    return true;
}

static bool is_complete(const struct worker *worker) {
    return worker->nhead == sizeof worker->head && worker->part.len == worker->expected &&
           (!worker->part.has_facts || worker->nfacts == sizeof worker->part.facts);
}

enum worker_got worker_read(struct worker *worker) {
    size_t want;
    char *to = next_room(worker, &want);
    ssize_t n = read(worker->result, to, want);
    if (n < 0 && errno == EINTR)
        return WORKER_MORE;
    if (n <= 0 || !took(worker, (size_t)n))
        return WORKER_DEAD;
    if (!is_complete(worker))
        return WORKER_MORE;
    worker->busy = false;
    return WORKER_REPORT;
}

static void name_end(const struct worker *worker, int status, char *why, size_t size) {
    if (worker->timed_out)
        snprintf(why, size, "the analysis took longer than %.0f s and was ended",
                 worker_clock() - worker->since);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SHORTENED)
        snprintf(why, size, "the file became shorter, or cannot be read, while open");
    else if (WIFSIGNALED(status))
        snprintf(why, size, "the worker process was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(why, size, "the worker process ended with status %d",
                 WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

void worker_end(struct worker *worker, char *why, size_t size) {
    int status = 0;
    worker->busy = false;
    if (!worker->pid)
        return;
    close(worker->task);
    close(worker->result);
    /* One that has said something senseless lives still; a dead one is not hurt by it. */
    kill(worker->pid, SIGKILL);
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (why)
        name_end(worker, status, why, size);
    report_free(&worker->part);
    worker->pid = 0;
}
