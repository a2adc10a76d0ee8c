/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Symbol paths, symbol stores and downloads: from "which PDB belongs to this module" to a file.
 *
 *     sc_store *store;
 *     struct sc_store_opts opts = {.sz = sizeof opts, .log = my_log};
 *     err = sc_store_create(&opts, &store);
 *     err = sc_store_set_path(store, SC_PATH_SYMBOLS, "srv*~/sym*https://msdl.microsoft.com/…");
 *     struct sc_store_key key = {.kind = SC_STORE_PDB, .name = cv->path, .guid = cv->guid,
 *                                .age = cv->age};
 *     struct sc_store_found found;
 *     err = sc_store_find(store, &key, verify, ctx, &found);
 *     if (!err && found.path) { … open it …; } else { … found.why says why not … }
 *     sc_store_found_deinit(&found);
 *
 * A path is what Windows users write into _NT_SYMBOL_PATH; elements are separated by `;`:
 *
 *     folder              searched for the file in folder, folder/symbols/EXT and folder/EXT, and
 *                         as a store (folder/NAME/INDEX/NAME)
 *     srv*a*b*…           stores, nearest first; what a later one has is copied into the earlier
 *                         ones. The last may be an http(s) URL. An empty one is the default cache;
 *                         `srv*` alone is the default cache before Microsoft's server
 *     symsrv*dll*a*b      the same
 *     cache*dir           what any element behind it finds is copied into dir; without dir into
 *                         the default cache
 *
 * Windows paths with a drive (c:\symbols) name nothing here: they become the default cache, which
 * the log says. UNC paths are left out, which the log says too.
 *
 * Whatever comes from a dump or a server is refused as a name unless a harmless base name is left
 * of it, and whatever is found is shown to the caller's verify function before it is used; a
 * download that fails it is not kept.
 *
 * Nothing is printed: one line for each thing that a user should know goes to the log at
 * SC_LOG_INFO or SC_LOG_WARN, one for each place looked at (as `!sym noisy` shows it) at
 * SC_LOG_DEBUG. libcurl and libmspack are opened when the first download or compressed file needs
 * them; without them there are no downloads or no compressed files, and the reason is given.
 *
 * Threads: a store belongs to one thread at a time. Any number of processes may share a cache.
 */
#ifndef STOPCODE_STORE_H
#define STOPCODE_STORE_H

#include "module.h"
#include "target.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sc_store sc_store;

/** Microsoft's public server, as `.symfix` sets it. */
#define SC_STORE_MICROSOFT "https://msdl.microsoft.com/download/symbols"

enum sc_store_kind {
    SC_STORE_PDB,   /**< NAME/GUIDage/NAME: by guid and age; by signature and age if guid is 0 */
    SC_STORE_IMAGE, /**< NAME/TIMESTAMPsize/NAME: by timestamp and size */
    SC_STORE_SYM,   /**< Breakpad's NAME.pdb/GUIDage/NAME.sym: by guid and age */
    SC_STORE_ISF,   /**< Volatility's NAME.pdb/GUID-age.json[.xz]: by guid and age */
};

/** What is looked for. */
struct sc_store_key {
    enum sc_store_kind kind;
    const char *name; /**< as the dump gives it, path and all; never used as a path */
    struct sc_guid guid;
    uint32_t age;
    uint32_t signature;       /**< PDBs of the old kind (NB10) */
    uint32_t timestamp, size; /**< images: TimeDateStamp and SizeOfImage */
};

/** Where a file was found. */
enum sc_store_origin {
    SC_ORIGIN_FOLDER,   /**< in a plain folder */
    SC_ORIGIN_STORE,    /**< in a local store or cache */
    SC_ORIGIN_DOWNLOAD, /**< downloaded just now */
};

struct sc_store_found {
    char *path; /**< a readable file, uncompressed; NULL: not found */
    enum sc_store_origin origin;
    char *from; /**< the folder, store or server it came from; NULL when not found */
    char *why;  /**< one line: why it was not found; NULL when found */
};

/**
 * Does the file at PATH match KEY? NULL: yes. An error: no; its text is the reason, and the search
 * goes on elsewhere. Out of memory and cancelled end the search.
 */
typedef sc_err *(*sc_store_verify_fn)(void *ctx, const struct sc_store_key *key, const char *path);

/** A download goes on. TOTAL is 0 when the server did not say. */
typedef void (*sc_store_progress_fn)(void *ctx, const char *url, uint64_t done, uint64_t total);

/** Options: zero everything, set `sz`. NULL options mean all defaults. */
struct sc_store_opts {
    size_t sz;         /**< sizeof(struct sc_store_opts) */
    const char *cache; /**< default cache; NULL: $XDG_CACHE_HOME or ~/.cache, /stopcode/symbols */
    sc_log_fn log;     /**< NULL: be silent */
    void *log_ctx;
    sc_store_progress_fn progress; /**< may be NULL; a few times a second */
    void *progress_ctx;
    bool (*cancelled)(void *ctx); /**< polled; true ends the search with sc_err_cancelled() */
    void *cancelled_ctx;
    bool offline;             /**< no network at all: servers are passed over */
    unsigned connect_timeout; /**< seconds; 0: 10 */
    unsigned stall_timeout;   /**< seconds without 1 KiB/s; 0: 30 */
    unsigned retry_after;     /**< seconds that "the server does not have it" holds; 0: a day */
    uint64_t max_size;        /**< largest file to download or unpack; 0: 4 GiB */
    const char *ca_file;      /**< certificates to trust instead of the system's; NULL: these */
};

/** An empty path to begin with. */
SC_API sc_err *sc_store_create(const struct sc_store_opts *opts, sc_store **ret_store);
/** NULL is fine. */
SC_API void sc_store_destroy(sc_store *store);

/** Symbols are searched for in SYMBOLS; images in IMAGES and then in SYMBOLS. */
enum sc_path_which { SC_PATH_SYMBOLS, SC_PATH_IMAGES };

/**
 * Replaces a path (`.sympath`, `.exepath`). Which hosts could not be reached is not forgotten.
 * SC_ERR_ARG when TEXT is no path; what can be used of a path with a bad element is not used
 * silently: the old path stays.
 */
SC_API sc_err *sc_store_set_path(sc_store *store, enum sc_path_which which, const char *text);
/** Appends elements (`.sympath+`). */
SC_API sc_err *sc_store_add_path(sc_store *store, enum sc_path_which which, const char *text);
/** `.symfix [FOLDER]`: FOLDER NULL or "" is the default cache. */
SC_API sc_err *sc_store_symfix(sc_store *store, const char *folder, bool append);
/**
 * From _NT_ALT_SYMBOL_PATH, _NT_SYMBOL_PATH and _NT_EXECUTABLE_IMAGE_PATH. *RET_FOUND: one was
 * set. An unusable variable is passed over with a warning in the log.
 */
SC_API sc_err *sc_store_set_from_env(sc_store *store, bool *ret_found);

/** The path as it was written; never NULL. */
SC_API const char *sc_store_path(const sc_store *store, enum sc_path_which which);
/** What became of it: "srv*CACHE*URL;FOLDER" with nothing implied and nothing mapped any more. */
SC_API const char *sc_store_expanded(const sc_store *store, enum sc_path_which which);
/** The default cache's folder; it may not exist yet. */
SC_API const char *sc_store_cache(const sc_store *store);

/**
 * Looks KEY up, downloads it if it must, and asks VERIFY (which may be NULL). Not found is no
 * error: ret_found->path is NULL then. Errors are SC_ERR_NOMEM, SC_ERR_CANCELLED, and SC_ERR_ARG
 * for a name of which nothing harmless is left.
 */
SC_API sc_err *sc_store_find(sc_store *store, const struct sc_store_key *key,
                             sc_store_verify_fn verify, void *ctx,
                             struct sc_store_found *ret_found);
/**
 * The first file called NAME in the local folders of the path that VERIFY accepts, under whatever
 * index; no network. *RET_PATH is the caller's; NULL: there is none. For modules whose key is not
 * known. KEY in the calls of VERIFY is NULL.
 */
SC_API sc_err *sc_store_find_any(sc_store *store, const char *name, sc_store_verify_fn verify,
                                 void *ctx, char **ret_path);
SC_API void sc_store_found_deinit(struct sc_store_found *found);

/** Forgets what could not be reached and what was not there (`.reload -f`). */
SC_API void sc_store_forget_failures(sc_store *store);

enum { SC_STORE_NAME_MAX = 255 };

/**
 * The harmless base name of what a dump, a PDB or a server called a file: behind the last slash,
 * backslash or colon. False when none is left: empty, "." or "..", controls, a wildcard, a name
 * that Windows reserves for a device, or one that is too long. BUF: SC_STORE_NAME_MAX + 1 bytes.
 */
SC_API bool sc_store_base_name(const char *name, char *buf);
/** Where KEY stands in a store: "ntkrnlmp.pdb/3844DBB9…2/ntkrnlmp.pdb"; NULL: no memory or name. */
SC_API char *sc_store_key_path(const struct sc_store_key *key);

#ifdef __cplusplus
}
#endif
#endif
