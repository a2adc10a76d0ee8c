/* SPDX-License-Identifier: MIT */
/*
 * Text that tools put beside the symbols, in streams with names: "srcsrv" (how to fetch sources
 * from version control), "sourcelink" or "sourcelink$1" (JSON: paths to URLs). Handed out as it
 * stands.
 */
#include <stdlib.h>

#include "pdb/pdb_impl.h"

sc_err *pdb_stream_text(struct pdb *pdb, const char *name, char **ret_text, size_t *ret_size) {
    uint32_t stream = PDB_NO_STREAM;
    sc_err *err = pdb_named(pdb, name, &stream);
    if (err)
        return err;
    uint32_t size = stream == PDB_NO_STREAM ? 0 : msf_size(pdb->msf, stream);
    char *text = NULL;
    if (stream != PDB_NO_STREAM) {
        text = malloc((size_t)size + 1);
        if (!text)
            return sc_err_nomem();
        err = msf_read(pdb->msf, stream, 0, text, size);
        if (err) {
            free(text);
            return err;
        }
        text[size] = 0;
    }
    *ret_text = text;
    *ret_size = size;
    return NULL;
}
