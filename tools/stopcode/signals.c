/* SPDX-License-Identifier: MIT */
/* Signal handlers; only what is async-signal-safe happens in them. */
#include "signals.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static sc_target *volatile running;
static volatile sig_atomic_t is_running;
static volatile sig_atomic_t interrupts; /* since signals_running() */
static volatile sig_atomic_t pending;    /* since signals_interrupted() */
static volatile sig_atomic_t bus_status = 2;
static char bus_text[512] = "stopcode: the dump became shorter, or cannot be read, while open\n";

static void on_interrupt(int number) {
    (void)number;
    pending = 1;
    if (!is_running)
        return;
    interrupts++;
    if (running)
        sc_target_cancel(running);
    /* A command that does not listen must not hold the user. */
    if (interrupts >= 3)
        _exit(130);
}

static void on_bus(int number) {
    (void)number;
    ssize_t n = write(STDERR_FILENO, bus_text, strlen(bus_text));
    (void)n;
    _exit(bus_status);
}

static void handle(int number, void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    /* Without SA_RESTART: Ctrl-C at the prompt must end the read. */
    sigaction(number, &action, NULL);
}

void signals_setup(void) {
    handle(SIGINT, on_interrupt);
    handle(SIGBUS, on_bus);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN); /* a file over the limit is an error of write() */
}

void signals_on_bus(const char *file, int status) {
    bus_status = status;
    bus_text[0] = '\0';
    if (!file)
        return;
    sc_err *line = sc_errf(SC_ERR_IO, "%.300s became shorter, or cannot be read, while open", file);
    snprintf(bus_text, sizeof bus_text,
             "stopcode: %.380s (--no-mmap reads it instead of mapping it)\n", sc_err_text(line));
    sc_err_destroy(line);
}

void signals_running(sc_target *target) {
    running = target;
    interrupts = 0;
    is_running = 1;
}

bool signals_stopped(void) {
    is_running = 0;
    running = NULL;
    return interrupts != 0;
}

bool signals_interrupted(void) {
    bool was = pending != 0;
    pending = 0;
    return was;
}

void signals_worker(void) { handle(SIGINT, SIG_IGN); }
