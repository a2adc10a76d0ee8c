/* SPDX-License-Identifier: MIT */
/*
 * The part of libcurl's binary interface that we call, for a library that is opened on demand:
 * declared here so that building needs no headers. libcurl promises that these numbers never
 * change; they are from its documented interface.
 */
#ifndef STOPCODE_STORE_CURL_ABI_H
#define STOPCODE_STORE_CURL_ABI_H

#include <stddef.h>

typedef void curl_easy; /* CURL */
struct curl_list;       /* struct curl_slist */

enum { CURL_INIT_ALL = 3 };

/* Options, by what they take: long, pointer, function, curl_off_t. */
enum curl_option {
    CURL_LOW_SPEED_LIMIT = 19,
    CURL_LOW_SPEED_TIME = 20,
    CURL_NOPROGRESS = 43,
    CURL_FOLLOWLOCATION = 52,
    CURL_SSL_VERIFYPEER = 64,
    CURL_MAXREDIRS = 68,
    CURL_CONNECTTIMEOUT = 78,
    CURL_SSL_VERIFYHOST = 81,
    CURL_NOSIGNAL = 99,
    CURL_PROTOCOLS = 181, /* bits */
    CURL_REDIR_PROTOCOLS = 182,
    CURL_WRITEDATA = 10001,
    CURL_URL = 10002,
    CURL_ERRORBUFFER = 10010,
    CURL_USERAGENT = 10018,
    CURL_HTTPHEADER = 10023,
    CURL_HEADERDATA = 10029,
    CURL_XFERINFODATA = 10057,
    CURL_CAINFO = 10065,
    CURL_WRITEFUNCTION = 20011,
    CURL_HEADERFUNCTION = 20079,
    CURL_XFERINFOFUNCTION = 20219,
    CURL_MAXFILESIZE_LARGE = 30117,
};

enum { CURL_PROTO_HTTP = 1, CURL_PROTO_HTTPS = 2, CURL_ERROR_SIZE = 256 };

enum curl_result {
    CURL_OK = 0,
    CURL_UNSUPPORTED_PROTOCOL = 1,
    CURL_PARTIAL_FILE = 18,
    CURL_WRITE_ERROR = 23,
    CURL_OUT_OF_MEMORY = 27,
    CURL_TIMED_OUT = 28,
    CURL_ABORTED = 42,
    CURL_TOO_MANY_REDIRECTS = 47,
    CURL_GOT_NOTHING = 52,
    CURL_SEND_ERROR = 55,
    CURL_RECV_ERROR = 56,
    CURL_FILESIZE_EXCEEDED = 63,
    CURL_HTTP2_STREAM = 92,
};

#endif
