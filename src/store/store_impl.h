/* SPDX-License-Identifier: MIT */
/* What the files of store/ share: the store, a parsed path, one search. */
#ifndef STOPCODE_STORE_STORE_IMPL_H
#define STOPCODE_STORE_STORE_IMPL_H

#include "base/arena.h"
#include "base/osfile.h"
#include "stopcode/store.h"

/* Bounds on a path. Users' own paths have a few hundred bytes and a dozen elements. */
enum { STORE_MAX_TEXT = 32 * 1024, STORE_MAX_ELEMENTS = 256, STORE_MAX_PLACES = 16 };

enum store_element_kind { STORE_FOLDER, STORE_SRV, STORE_CACHE };

/* One element of a path; its places are folders or URLs. FOLDER and CACHE have one. */
struct store_element {
    enum store_element_kind kind;
    const char *place[STORE_MAX_PLACES];
    size_t nplaces;
};

struct store_path {
    sc_arena *arena; /* NULL: empty */
    const char *text, *expanded;
    struct store_element *element;
    size_t nelements;
};

/* A host that could not be reached, or what is known about a server. */
struct store_host {
    char *url; /* base URL, without a slash at the end */
    bool dead;
    char why[160];
    enum { TIER_UNKNOWN, TIER_ONE, TIER_TWO } tier;
};

struct store_curl; /* http.c */

/* The names in a folder, as they were at a moment: folder.c. */
enum { STORE_FOLDERS = 8 };
struct store_folder {
    char *path; /* NULL: an empty place */
    struct sc_os_stamp stamp;
    char *names; /* each ended by NUL */
    size_t len;
    uint64_t asked; /* the store's moment in which the folder had this stamp */
};

struct sc_store {
    struct sc_store_opts opts; /* defaults filled in; `cache` and `ca_file` are ours */
    char *cache, *ca_file;
    struct store_path path[2]; /* by enum sc_path_which */
    struct {
        struct store_host *item;
        size_t count, room;
    } hosts;
    int64_t forgotten; /* records of failures older than this are void */
    struct store_curl *curl;
    bool curl_tried;
    struct store_folder folder[STORE_FOLDERS];
    size_t next_folder; /* whose place is taken next */
    uint64_t moment;    /* what was learnt of folders in this one still holds */
};

/* How a file is called in a store. Everything in it is harmless. */
struct store_rel {
    const char *name;    /* the first folder: "ntkrnlmp.pdb" */
    const char *index;   /* the second: "3844…2"; NULL: there is none (ISF) */
    const char *file[2]; /* names of the file; [1] may be NULL */
    const char *packed;  /* "ntkrnlmp.pd_"; NULL: not for this kind */
    const char *ext;     /* "pdb"; "" none */
};

/* One sc_store_find(). */
struct store_search {
    sc_store *store;
    const struct sc_store_key *key;
    sc_store_verify_fn verify;
    void *verify_ctx;
    sc_arena *arena; /* dies with the search */
    struct store_rel rel;
    const char *cache[STORE_MAX_ELEMENTS]; /* of the cache* elements so far */
    size_t ncaches;
    const char *why; /* reasons so far, joined; NULL none */
    /* the answer */
    const char *path, *from;
    enum sc_store_origin origin;
};

/* log.c ---------------------------------------------------------------------------------------*/
void store_log(const sc_store *store, enum sc_log_level level, const char *fmt, ...)
    SC_PRINTF(3, 4);
/* "DBGHELP: PATH - WHAT", at debug level: what `!sym noisy` shows. */
void store_trace(const sc_store *store, const char *path, const char *what);
/* Adds a reason why nothing was found. */
sc_err *store_because(struct store_search *s, const char *fmt, ...) SC_PRINTF(2, 3);
bool store_cancelled(const sc_store *store);
/* FROM as it may be shown: without a user's name and password. */
const char *store_shown_url(sc_arena *arena, const char *url);

/* name.c --------------------------------------------------------------------------------------*/
sc_err *store_rel_make(sc_arena *arena, const struct sc_store_key *key, struct store_rel *ret_rel);
/* The folder of REL under a root of one tier or two: "name/index" or "na/name/index". */
const char *store_rel_folder(sc_arena *arena, const struct store_rel *rel, bool two_tier);

/* path.c --------------------------------------------------------------------------------------*/
sc_err *store_path_parse(const sc_store *store, const char *text, struct store_path *ret_path);
void store_path_deinit(struct store_path *path);
bool store_is_url(const char *place);

/* folder.c ------------------------------------------------------------------------------------*/
/* As sc_os_spelled(), from the names that are kept where that is the same. */
char *store_spelled(sc_store *store, const char *folder, const char *name, bool *ret_nomem);
void store_folders_deinit(sc_store *store);
/* A new moment: with each search, and after something may have been written into a folder. */
void store_folders_ask_again(sc_store *store);
bool store_is_folder(sc_store *store, const char *path);
/* Is NAME, in any case, in FOLDER, by what is known of that at this moment? *RET_NAME: as it is
 * spelled there, until something else is asked. */
enum store_listed { STORE_NOT_ASKED, STORE_DENIED, STORE_LISTED };
enum store_listed store_listed(const sc_store *store, const char *folder, const char *name,
                               const char **ret_name);

/* local.c -------------------------------------------------------------------------------------*/
/* Has the store ROOT two tiers? */
sc_err *store_two_tiers(struct store_search *s, const char *root, bool *ret_two);
/* Looks in a store ROOT; sets s->path when a file was found that matches. */
sc_err *store_look_store(struct store_search *s, const char *root, const char *unpack_to);
/* Looks in a plain folder, and in it as in a store. */
sc_err *store_look_folder(struct store_search *s, const char *folder);
/* Asks the caller. *RET_OK: matches. Errors end the search. */
sc_err *store_verify(struct store_search *s, const char *path, bool *ret_ok);

/* cache.c -------------------------------------------------------------------------------------*/
/* FOLDER/.stopcode/HASH.EXT: names of our own for partial files, locks and failures. */
const char *store_private(sc_arena *arena, const char *root, const char *what, const char *ext);
/* Where REL's first file belongs in a store ROOT of its number of tiers. */
const char *store_cache_path(struct store_search *s, const char *root, const char *file);
/* Moves a finished, verified file to its place. */
sc_err *store_cache_publish(struct store_search *s, const char *from, const char *to);
/* Copies s->path into the store ROOT; s->path becomes the copy. What fails is said and forgiven. */
sc_err *store_cache_copy(struct store_search *s, const char *root);
/* Was WHAT ("URL name/index") not there a while ago? Remember that it was not. */
bool store_failed_before(struct store_search *s, const char *root, const char *what);
void store_remember_failure(struct store_search *s, const char *root, const char *what,
                            bool mismatch);
void store_forget_failure(struct store_search *s, const char *root, const char *what);

/* unpack.c ------------------------------------------------------------------------------------*/
/* Unpacks the CAB at FROM, one file, to TO. SC_ERR_UNSUPPORTED without libmspack. */
sc_err *store_unpack(const sc_store *store, const char *from, const char *want, const char *to);
bool store_is_cab(const char *path);

/* http.c --------------------------------------------------------------------------------------*/
enum store_http {
    STORE_HTTP_OK,          /* the file is there, whole */
    STORE_HTTP_ABSENT,      /* the server does not have it */
    STORE_HTTP_REFUSED,     /* it answered, but not so that it helps: 500, 401, a redirect loop */
    STORE_HTTP_UNREACHABLE, /* no connection */
};
struct store_get {
    const char *url;
    const char *part; /* the file to write; a partial one is resumed if its .info allows that */
    uint64_t max_size;
    bool quiet; /* no progress, no resuming: a helper file */
    char why[256];
};
/* Errors: no memory, cancelled, or a local one (SC_ERR_IO, SC_ERR_LIMIT). */
sc_err *store_http_get(sc_store *store, struct store_get *get, enum store_http *ret_answer);
void store_http_close(sc_store *store);

/* server.c ------------------------------------------------------------------------------------*/
/* Asks the server at URL; what it has goes into the store ROOT. */
sc_err *store_look_server(struct store_search *s, const char *url, const char *root);

#endif
