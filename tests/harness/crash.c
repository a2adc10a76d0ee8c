/* SPDX-License-Identifier: MIT */
/* Only async-signal-safe calls below save(). */
#include "harness/crash.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/tap.h"

/* Present when a sanitizer is linked in. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static struct {
    const char *folder, *name;
    const void *data;
    size_t size;
} now;

static void say(const char *text) {
    if (write(2, text, strlen(text)) < 0)
        return; /* nothing else to try */
}

/* FOLDER/NAME with everything but letters, digits, dots and hyphens made '_'. */
static void file_name(char *buf, size_t size, const char *name) {
    size_t n = strlen(now.folder);
    if (n + 2 > size)
        n = 0;
    memcpy(buf, now.folder, n);
    buf[n++] = '/';
    for (; *name && n + 1 < size; name++) {
        char c = *name;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '.' || c == '-';
        buf[n++] = plain ? c : '_';
    }
    buf[n] = 0;
}

static bool save(const char *path, const void *data, size_t size) {
    mkdir(now.folder, 0777);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0)
        return false;
    const char *p = data;
    while (size) {
        ssize_t n = write(fd, p, size);
        if (n <= 0)
            break;
        p += n;
        size -= (size_t)n;
    }
    close(fd);
    return size == 0;
}

static void died(void) {
    char path[512];
    if (!now.name)
        return;
    file_name(path, sizeof path, now.name);
    say("\n# died in case: ");
    say(now.name);
    if (save(path, now.data, now.size)) {
        say("\n# replay with: --replay ");
        say(path);
    }
    say("\n");
    now.name = NULL;
}

static void on_signal(int sig) {
    if (sig == SIGALRM)
        say("\n# the case takes too long: it hangs");
    died();
    signal(sig, SIG_DFL);
    if (sig == SIGALRM)
        _exit(124);
    raise(sig);
}

void crash_watch(const char *folder) {
    now.folder = folder;
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_signal;
    sigaction(SIGALRM, &sa, NULL);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(died);
        return; /* it has handlers of its own for the rest */
    }
    const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        sigaction(fatal[i], &sa, NULL);
}

void crash_case(const char *name, const void *data, size_t size, unsigned seconds) {
    now.name = name;
    now.data = data;
    now.size = size;
    alarm(seconds);
}

void crash_keep(const char *name, const void *data, size_t size) {
    char path[512];
    file_name(path, sizeof path, name);
    if (save(path, data, size))
        tap_note("kept as %s", path);
    else
        tap_note("%s could not be written", path);
}
