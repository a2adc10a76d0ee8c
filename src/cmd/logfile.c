/* SPDX-License-Identifier: MIT */
/*
 * The log file of a session: a copy of everything the output writes, as UTF-8, or as UTF-16LE with
 * a byte order mark when asked for (`.logopen /u`).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/session_impl.h"

struct sc_logfile {
    FILE *file;
    bool wide, failed;
    char *path;         /* behind the struct */
    unsigned char held; /* wide: bytes at the end of the last piece that do not make a character */
    char tail[4];
};

static bool put_unit(struct sc_logfile *log, uint32_t unit) {
    return fputc((int)(unit & 0xff), log->file) != EOF && fputc((int)(unit >> 8), log->file) != EOF;
}

static bool put_char(struct sc_logfile *log, uint32_t cp) {
    if (cp == UINT32_MAX)
        cp = 0xfffd; /* the output never writes such bytes; a log must not stop at one */
    if (cp < 0x10000)
        return put_unit(log, cp);
    cp -= 0x10000;
    return put_unit(log, 0xd800 + (cp >> 10)) && put_unit(log, 0xdc00 + (cp & 0x3ff));
}

/* How many bytes a character takes that starts with LEAD. */
static size_t utf8_size(unsigned char lead) {
    return lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
}

/* Characters may be cut by the output's buffer: the part at the end waits for the next piece. */
static bool write_wide(struct sc_logfile *log, const char *data, size_t len) {
    size_t pos = 0;
    uint32_t cp;
    while (pos < len) {
        if (log->held) {
            log->tail[log->held++] = data[pos++];
            if (log->held < utf8_size((unsigned char)log->tail[0]))
                continue;
            size_t n = sc_utf8_get(log->tail, log->held, &cp);
            log->held = 0;
            if (!put_char(log, n ? cp : UINT32_MAX))
                return false;
            continue;
        }
        size_t want = utf8_size((unsigned char)data[pos]);
        if (want > len - pos) {
            log->tail[log->held++] = data[pos++];
            continue;
        }
        pos += sc_utf8_get(data + pos, len - pos, &cp);
        if (!put_char(log, cp))
            return false;
    }
    return true;
}

static bool log_write(void *ctx, const char *data, size_t len) {
    struct sc_logfile *log = ctx;
    if (!log->failed) {
        bool ok = log->wide ? write_wide(log, data, len) : fwrite(data, 1, len, log->file) == len;
        log->failed = !ok || fflush(log->file) != 0;
    }
    return !log->failed;
}

static void end_log(struct sc_logfile *log) {
    if (log) {
        fclose(log->file);
        free(log);
    }
}

void sc_logfile_settle(sc_session *s) {
    if (!s->switch_log)
        return;
    sc_out_flush(s->main_out); /* what was written before belongs to the old one */
    sc_out_tee(s->main_out, s->next_log ? log_write : NULL, s->next_log);
    end_log(s->log);
    s->log = s->next_log;
    s->next_log = NULL;
    s->switch_log = false;
}

/* Puts OWN_LOG (or none) in the place of the log: now, or behind the JSON object being written. */
static void switch_to(sc_session *s, struct sc_logfile *own_log) {
    end_log(s->next_log);
    s->next_log = own_log;
    s->switch_log = true;
    if (!s->depth || sc_out_render(s->main_out) == SC_RENDER_TEXT)
        sc_logfile_settle(s);
}

void sc_logfile_close(sc_session *s) {
    if (s->log || s->next_log)
        switch_to(s, NULL);
}

const char *sc_logfile_path(const sc_session *s, bool *ret_failed) {
    const struct sc_logfile *log = s->switch_log ? s->next_log : s->log;
    if (!log)
        return NULL;
    *ret_failed = log->failed;
    return log->path;
}

/* A mark is written at the start of the file only, or appending would put one in the middle. */
static bool start_wide(struct sc_logfile *log) {
    return fseek(log->file, 0, SEEK_END) == 0 && (ftell(log->file) != 0 || put_unit(log, 0xfeff));
}

sc_err *sc_logfile_open(sc_session *s, const char *path, bool append, bool wide) {
    size_t len = strlen(path);
    struct sc_logfile *log = calloc(1, sizeof *log + len + 1);
    if (!log)
        return sc_err_nomem();
    log->path = (char *)(log + 1);
    memcpy(log->path, path, len);
    log->wide = wide;
    if (s->log && !strcmp(s->log->path, path)) { /* two writers of one file would spoil it */
        sc_logfile_close(s);
        sc_logfile_settle(s);
    }
    log->file = fopen(path, append ? "ab" : "wb");
    if (!log->file || (wide && !start_wide(log))) {
        sc_err *err = sc_errf(SC_ERR_IO, "cannot write the log %s: %s", path, strerror(errno));
        if (log->file)
            fclose(log->file);
        free(log);
        return err;
    }
    switch_to(s, log);
    return NULL;
}

sc_err *sc_session_log(sc_session *s, const char *path, bool append) {
    if (path)
        return sc_logfile_open(s, path, append, false);
    sc_logfile_close(s);
    return NULL;
}
