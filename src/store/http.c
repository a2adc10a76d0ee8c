/* SPDX-License-Identifier: MIT */
/*
 * One file over HTTP or HTTPS, with libcurl, which is opened when the first server is asked.
 *
 * A body goes to a partial file. When a transfer breaks off, what came is kept if the server named
 * a version of it (a strong ETag, or Last-Modified); beside it, X.part.info then holds
 *
 *     URL of the file
 *     the version, as the server wrote it
 *
 * and the next attempt, in this run or another, asks for the rest with Range and If-Range: a
 * server whose file has changed meanwhile sends all of it. Without a version nothing is resumed.
 *
 * Certificates are verified. Redirects are followed eight times, to http and https only, and from
 * https to https only. Proxies are those of the environment, as libcurl reads it.
 *
 * libcurl's own beginning (curl_global_init) counts its callers, and is safe between threads since
 * 7.84; older ones want the first two stores of a process not to begin at the same moment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/os.h"
#include "base/osfile.h"
#include "base/utf.h"
#include "store/curl_abi.h"
#include "store/store_impl.h"

enum { VERSION_MAX = 200, TRIES = 4, PROGRESS_MS = 200, IGNORED_BODY = 64 * 1024 };

#ifdef __APPLE__
static const char *const library_name[] = {"libcurl.4.dylib", "/usr/lib/libcurl.4.dylib"};
#else
static const char *const library_name[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
#endif

struct store_curl {
    void *library;
    curl_easy *easy;
    int (*global_init)(long flags);
    void (*global_cleanup)(void);
    curl_easy *(*init)(void);
    void (*cleanup)(curl_easy *easy);
    void (*reset)(curl_easy *easy);
    int (*setopt)(curl_easy *easy, int option, ...);
    int (*perform)(curl_easy *easy);
    const char *(*strerror)(int code);
    struct curl_list *(*list_append)(struct curl_list *list, const char *text);
    void (*list_free)(struct curl_list *list);
};

/* One attempt. */
struct transfer {
    sc_store *store;
    const struct store_get *get;
    int fd;
    uint64_t had;   /* bytes of the partial file when the attempt began */
    uint64_t have;  /* bytes in it now */
    uint64_t total; /* 0 unknown */
    int status;     /* of the last answer; 0: none yet */
    uint64_t range_start, ignored;
    bool begun; /* the body of the answer that counts has begun */
    char version[VERSION_MAX + 1];
    uint64_t reported;
    sc_err *err; /* on our side */
};

static bool load(struct store_curl *c) {
    const struct {
        const char *name;
        void *function;
    } want[] = {{"curl_global_init", &c->global_init},  {"curl_global_cleanup", &c->global_cleanup},
                {"curl_easy_init", &c->init},           {"curl_easy_cleanup", &c->cleanup},
                {"curl_easy_reset", &c->reset},         {"curl_easy_setopt", &c->setopt},
                {"curl_easy_perform", &c->perform},     {"curl_easy_strerror", &c->strerror},
                {"curl_slist_append", &c->list_append}, {"curl_slist_free_all", &c->list_free}};
    for (size_t i = 0; i < sizeof library_name / sizeof *library_name && !c->library; i++)
        c->library = sc_os_library(library_name[i]);
    if (!c->library)
        return false;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        if (!sc_os_function(c->library, want[i].name, want[i].function, sizeof(void *)))
            return false;
    return true;
}

/* *RET stays NULL when there is no libcurl. */
static sc_err *open_curl(sc_store *store) {
    if (store->curl_tried)
        return NULL;
    struct store_curl *c = calloc(1, sizeof *c);
    if (!c)
        return sc_err_nomem();
    store->curl_tried = true;
    if (!load(c) || c->global_init(CURL_INIT_ALL) != CURL_OK) {
        store_log(store, SC_LOG_WARN, "no downloads: libcurl is not installed");
        sc_os_library_close(c->library);
        free(c);
        return NULL;
    }
    c->easy = c->init();
    store->curl = c;
    if (c->easy)
        return NULL;
    store_http_close(store);
    return sc_err_nomem();
}

void store_http_close(sc_store *store) {
    struct store_curl *c = store->curl;
    if (c) {
        if (c->easy)
            c->cleanup(c->easy);
        c->global_cleanup();
        sc_os_library_close(c->library);
        free(c);
    }
    store->curl = NULL;
    store->curl_tried = false;
}

/* LINE's value when it is the header NAME; without blanks around it. */
static const char *header(const char *line, const char *name) {
    size_t len = strlen(name);
    if (sc_strncasecmp(line, name, len) != 0 || line[len] != ':')
        return NULL;
    line += len + 1;
    return line + strspn(line, " \t");
}

static void take_header(struct transfer *t, const char *line) {
    const char *value;
    if (strncmp(line, "HTTP/", 5) == 0) { /* another answer: behind a redirect, or a proxy's */
        const char *blank = strchr(line, ' ');
        t->status = blank ? atoi(blank) : 0;
        t->version[0] = '\0';
        t->total = t->range_start = 0;
    } else if ((value = header(line, "ETag")) && value[0] == '"') {
        snprintf(t->version, sizeof t->version, "%s", strlen(value) <= VERSION_MAX ? value : "");
    } else if ((value = header(line, "Last-Modified")) && t->version[0] != '"') {
        snprintf(t->version, sizeof t->version, "%s", strlen(value) <= VERSION_MAX ? value : "");
    } else if ((value = header(line, "Content-Length"))) {
        t->total = strtoull(value, NULL, 10);
    } else if ((value = header(line, "Content-Range")) && sc_strncasecmp(value, "bytes ", 6) == 0) {
        t->range_start = strtoull(value + 6, NULL, 10);
    }
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx) {
    char line[512];
    size_t len = size * count, n = len < sizeof line - 1 ? len : sizeof line - 1;
    memcpy(line, data, n);
    line[n] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    take_header(ctx, line);
    return len;
}

static const char *info_path(const struct store_get *get, char *buf, size_t size) {
    int n = snprintf(buf, size, "%s.info", get->part);
    return n > 0 && (size_t)n < size ? buf : NULL;
}

static void write_info(struct transfer *t) {
    char path[4096];
    int fd;
    uint64_t size;
    if (t->get->quiet || !info_path(t->get, path, sizeof path))
        return;
    sc_os_unlink(path);
    if (!t->version[0])
        return;
    sc_err *err = sc_os_append(path, &fd, &size);
    if (!err) {
        err = sc_os_write(fd, t->get->url, strlen(t->get->url));
        if (!err)
            err = sc_os_write(fd, "\n", 1);
        if (!err)
            err = sc_os_write(fd, t->version, strlen(t->version));
        sc_os_close(fd);
    }
    if (err) /* half of it would be worse than nothing */
        sc_os_unlink(path);
    sc_err_destroy(err);
}

/* The version of the partial file into VERSION, if it is of this URL. */
static bool read_info(const struct store_get *get, char version[VERSION_MAX + 1]) {
    char path[4096], text[4096 + VERSION_MAX];
    size_t got = 0, len = strlen(get->url);
    sc_file *file;
    if (get->quiet || !info_path(get, path, sizeof path) || !sc_os_is_file(path, NULL, NULL))
        return false;
    sc_err *err = sc_file_open(path, SC_FILE_NO_MMAP, &file);
    if (err) {
        sc_err_destroy(err);
        return false;
    }
    bool ok = sc_file_read_some(file, 0, text, sizeof text - 1, &got);
    sc_file_close(file);
    text[ok ? got : 0] = '\0';
    if (strncmp(text, get->url, len) != 0 || text[len] != '\n' || !text[len + 1] ||
        strlen(text + len + 1) > VERSION_MAX || strchr(text + len + 1, '\n'))
        return false;
    snprintf(version, VERSION_MAX + 1, "%s", text + len + 1);
    return true;
}

static void forget_part(const struct store_get *get) {
    char path[4096];
    sc_os_unlink(get->part);
    if (info_path(get, path, sizeof path))
        sc_os_unlink(path);
}

/* The first bytes of a body: where do they go? */
static sc_err *begin_body(struct transfer *t) {
    t->begun = true;
    if (t->status == 206 && t->range_start != t->had)
        return sc_errf(SC_ERR_IO, "the server sent another part than the one asked for");
    if (t->status == 206) {
        t->total += t->total ? t->had : 0;
        return NULL;
    }
    t->have = 0;
    sc_err *err = t->had ? sc_os_truncate(t->fd, 0) : NULL;
    write_info(t);
    return err;
}

static size_t on_write(char *data, size_t size, size_t count, void *ctx) {
    struct transfer *t = ctx;
    size_t len = size * count;
    if (t->status != 200 && t->status != 206) { /* an error page: read so that curl goes on */
        t->ignored += len;
        return t->ignored > IGNORED_BODY ? 0 : len;
    }
    if (!t->begun)
        t->err = begin_body(t);
    if (!t->err && len > t->get->max_size - t->have)
        t->err = sc_errf(SC_ERR_LIMIT, "larger than %" PRIu64 " bytes", t->get->max_size);
    if (!t->err)
        t->err = sc_os_write(t->fd, data, len);
    if (t->err)
        return 0;
    t->have += len;
    return len;
}

static int on_progress(void *ctx, int64_t dltotal, int64_t dlnow, int64_t ultotal, int64_t ulnow) {
    struct transfer *t = ctx;
    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    if (store_cancelled(t->store)) {
        if (!t->err)
            t->err = sc_err_cancelled();
        return 1;
    }
    uint64_t now = sc_os_milliseconds();
    const struct sc_store_opts *o = &t->store->opts;
    if (t->begun && !t->get->quiet && o->progress && now - t->reported >= PROGRESS_MS) {
        t->reported = now;
        o->progress(o->progress_ctx, t->get->url, t->have, t->total);
    }
    return 0;
}

static bool set_options(struct store_curl *c, struct transfer *t, struct curl_list *headers,
                        char *error) {
    const struct sc_store_opts *o = &t->store->opts;
    bool tls = sc_strncasecmp(t->get->url, "https:", 6) == 0;
    curl_easy *e = c->easy;
    c->reset(e);
    int bad = 0;
    bad |= c->setopt(e, CURL_URL, t->get->url);
    bad |= c->setopt(e, CURL_ERRORBUFFER, error);
    bad |= c->setopt(e, CURL_USERAGENT, "stopcode/" SC_VERSION);
    bad |= c->setopt(e, CURL_NOSIGNAL, 1L);
    bad |= c->setopt(e, CURL_PROTOCOLS, (long)(CURL_PROTO_HTTP | CURL_PROTO_HTTPS));
    bad |= c->setopt(e, CURL_REDIR_PROTOCOLS,
                     (long)(tls ? CURL_PROTO_HTTPS : CURL_PROTO_HTTP | CURL_PROTO_HTTPS));
    bad |= c->setopt(e, CURL_FOLLOWLOCATION, 1L);
    bad |= c->setopt(e, CURL_MAXREDIRS, 8L);
    bad |= c->setopt(e, CURL_SSL_VERIFYPEER, 1L);
    bad |= c->setopt(e, CURL_SSL_VERIFYHOST, 2L);
    bad |= o->ca_file ? c->setopt(e, CURL_CAINFO, o->ca_file) : 0;
    bad |= c->setopt(e, CURL_CONNECTTIMEOUT, (long)o->connect_timeout);
    bad |= c->setopt(e, CURL_LOW_SPEED_LIMIT, 1024L);
    bad |= c->setopt(e, CURL_LOW_SPEED_TIME, (long)o->stall_timeout);
    bad |= c->setopt(e, CURL_MAXFILESIZE_LARGE, (int64_t)t->get->max_size);
    bad |= headers ? c->setopt(e, CURL_HTTPHEADER, headers) : 0;
    bad |= c->setopt(e, CURL_WRITEFUNCTION, on_write);
    bad |= c->setopt(e, CURL_WRITEDATA, t);
    bad |= c->setopt(e, CURL_HEADERFUNCTION, on_header);
    bad |= c->setopt(e, CURL_HEADERDATA, t);
    bad |= c->setopt(e, CURL_XFERINFOFUNCTION, on_progress);
    bad |= c->setopt(e, CURL_XFERINFODATA, t);
    bad |= c->setopt(e, CURL_NOPROGRESS, 0L);
    return bad == 0;
}

/* The headers that ask for the rest. False: memory is short. */
static bool range_headers(struct store_curl *c, const struct transfer *t, const char *version,
                          struct curl_list **ret_list) {
    char line[VERSION_MAX + 40];
    if (!t->had)
        return true;
    snprintf(line, sizeof line, "Range: bytes=%" PRIu64 "-", t->had);
    struct curl_list *list = c->list_append(NULL, line), *more = NULL;
    if (list) {
        snprintf(line, sizeof line, "If-Range: %s", version);
        more = c->list_append(list, line);
    }
    if (!more)
        c->list_free(list);
    *ret_list = more;
    return more != NULL;
}

/* What the server's answer means. */
static enum store_http judge_status(struct transfer *t, char *why, size_t size) {
    if (t->status == 200 && !t->begun && t->had)
        t->err = sc_os_truncate(t->fd, 0);
    if (t->status == 200 && !t->begun) {
        snprintf(why, size, "an empty file");
        return STORE_HTTP_REFUSED;
    }
    if (t->status == 200 || t->status == 206)
        return STORE_HTTP_OK;
    snprintf(why, size, "HTTP status %d", t->status);
    /* Stores in the cloud say 403 for what is not there. */
    return t->status == 404 || t->status == 410 || t->status == 403 ? STORE_HTTP_ABSENT
                                                                    : STORE_HTTP_REFUSED;
}

/* The connection broke while or before a body came: worth another attempt. */
static bool broke_off(int code) {
    return code == CURL_PARTIAL_FILE || code == CURL_RECV_ERROR || code == CURL_SEND_ERROR ||
           code == CURL_GOT_NOTHING || code == CURL_HTTP2_STREAM;
}

static enum store_http judge(struct store_curl *c, struct transfer *t, int code, const char *error,
                             char *why, size_t size) {
    if (code == CURL_OK)
        return judge_status(t, why, size);
    if (code == CURL_WRITE_ERROR && t->status != 200 && t->status != 206)
        return judge_status(t, why, size); /* enough of the error page */
    snprintf(why, size, "%s", error[0] ? error : c->strerror(code));
    if (t->status || broke_off(code) || code == CURL_UNSUPPORTED_PROTOCOL)
        return STORE_HTTP_REFUSED;
    return STORE_HTTP_UNREACHABLE;
}

/* One attempt. *RET_AGAIN: it broke off, and more came than was there before. */
static sc_err *attempt(sc_store *store, struct store_get *get, enum store_http *ret_answer,
                       bool *ret_again) {
    struct store_curl *c = store->curl;
    struct transfer t = {.store = store, .get = get, .fd = -1};
    char version[VERSION_MAX + 1], error[CURL_ERROR_SIZE] = "";
    struct curl_list *headers = NULL;
    bool resume = read_info(get, version);
    if (!resume)
        forget_part(get);
    sc_err *err = sc_os_append(get->part, &t.fd, &t.had);
    if (err)
        return err;
    t.have = t.had;
    bool ready = range_headers(c, &t, version, &headers) && set_options(c, &t, headers, error);
    struct sc_os_pipe_guard guard;
    sc_os_pipe_guard(&guard); /* without its signal handling libcurl may run into one */
    int code = ready ? c->perform(c->easy) : CURL_OUT_OF_MEMORY;
    sc_os_pipe_unguard(&guard);
    if (code == CURL_OUT_OF_MEMORY && !t.err)
        t.err = sc_err_nomem();
    if (!t.err)
        *ret_answer = judge(c, &t, code, error, get->why, sizeof get->why);
    c->list_free(headers);
    sc_os_close(t.fd);
    bool keeps = read_info(get, version) && t.have;
    *ret_again = !t.err && broke_off(code) && keeps && (t.have > t.had || t.status == 200);
    /* 416: the partial file is no part of what the server has now. */
    if (!t.err && t.status == 416 && t.had) {
        forget_part(get);
        *ret_again = true;
    } else if (!keeps && (t.err || *ret_answer != STORE_HTTP_OK)) {
        forget_part(get);
    }
    return t.err;
}

sc_err *store_http_get(sc_store *store, struct store_get *get, enum store_http *ret_answer) {
    sc_err *err = open_curl(store);
    if (err)
        return err;
    if (!store->curl) {
        snprintf(get->why, sizeof get->why, "libcurl is not installed");
        *ret_answer = STORE_HTTP_UNREACHABLE;
        return NULL;
    }
    enum store_http answer = STORE_HTTP_REFUSED;
    bool again = true;
    for (int i = 0; i < TRIES && again && !err; i++)
        err = store_cancelled(store) ? sc_err_cancelled() : attempt(store, get, &answer, &again);
    if (err)
        return err;
    char info[4096];
    if (answer == STORE_HTTP_OK && info_path(get, info, sizeof info))
        sc_os_unlink(info);
    *ret_answer = answer;
    return NULL;
}
