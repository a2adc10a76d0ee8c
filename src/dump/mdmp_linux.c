/* SPDX-License-Identifier: MIT */
/*
 * What Breakpad takes from Linux's /proc: files as they are, a stream each (see mdmp_names.c).
 * Only the process id is read here, which such dumps have nowhere else:
 *
 *   0x47670004, /proc/PID/status: lines "Name:\tVALUE\n", among them "Pid:\t11506"
 */
#include <stdlib.h>
#include <string.h>

#include "dump/mdmp_impl.h"

enum { LINUX_STATUS = 0x47670004, STATUS_MAX = 2048 };

void mdmp_read_linux(struct sc_source *source) {
    const struct sc_mdmp_stream *stream = mdmp_find(source, LINUX_STATUS);
    if (!stream || source->machine.pid)
        return;
    struct sc_cur c = mdmp_cur(source, stream, "/proc/PID/status");
    char text[STATUS_MAX + 1];
    uint64_t left = sc_cur_left(&c);
    size_t n = left < STATUS_MAX ? (size_t)left : STATUS_MAX;
    sc_cur_bytes(&c, text, n);
    text[n] = 0;
    if (sc_cur_failed(&c)) {
        mdmp_note_failed(source, &c);
        return;
    }
    const char *line = strstr(text, "\nPid:\t");
    if (!line)
        return;
    unsigned long pid = strtoul(line + 6, NULL, 10);
    if (pid <= INT32_MAX)
        source->machine.pid = (uint32_t)pid;
}
