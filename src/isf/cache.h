/* SPDX-License-Identifier: MIT */
/*
 * The folder of cache files: one image (image.h) for each content of a symbol table, named
 * `isf-HASH.sym`. Files are replaced whole (base/replace.h) and never changed, so that one that is
 * mapped stays what it was. Deleting them is always safe.
 */
#ifndef STOPCODE_ISF_CACHE_H
#define STOPCODE_ISF_CACHE_H

#include "base/file.h"
#include "isf/image.h"

/*
 * Size and hash of FILE: of all of it, or of both ends where the end holds a check of the content
 * (xz with CRC64 or SHA-256).
 */
sc_err *isf_cache_key(const sc_file *file, struct isf_key *ret_key);
/*
 * The cache file's path for KEY under FOLDER (NULL: the usual place). *RET_PATH is malloc'ed, or
 * NULL when there is no place for a cache.
 */
sc_err *isf_cache_path(const char *folder, const struct isf_key *key, char **ret_path);
/*
 * Opens the cache file at PATH. *RET_FILE NULL: there is none, or it is damaged, or not of KEY. The
 * image lies in the file's mapping, or, where files cannot be mapped, in *RET_COPY (malloc'ed).
 */
sc_err *isf_cache_load(const char *path, const struct isf_key *key, sc_file **ret_file,
                       uint8_t **ret_copy, struct isf_image *ret_image);

#endif
