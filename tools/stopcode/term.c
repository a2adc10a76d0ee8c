/* SPDX-License-Identifier: MIT */
/* Writing, and what is known of the terminal. */
#include "term.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool write_all(int fd, const void *data, size_t len) {
    const char *at = data;
    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            /* Somebody left the terminal non-blocking: wait for it. */
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (poll(&wait, 1, -1) < 0 && errno != EINTR)
                return false;
            continue;
        }
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool term_write(void *ctx, const char *data, size_t len) {
    const struct term *term = ctx;
    return term->mute || write_all(term->fd, data, len);
}

void say(const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sc_err *harmless = sc_errf(SC_ERR_ARG, "%s", text); /* the library's errors are that */
    fprintf(stderr, "stopcode: %s\n", sc_err_text(harmless));
    sc_err_destroy(harmless);
}

bool term_color(const struct options *opt) {
    const char *no_color = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    return !opt->no_color && !opt->json && !(no_color && *no_color) && kind && *kind &&
           strcmp(kind, "dumb") != 0 && isatty(STDOUT_FILENO);
}
