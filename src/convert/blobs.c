/* SPDX-License-Identifier: MIT */
/*
 * Secondary data: what drivers put behind the dump (DUMP_BLOB_FILE_HEADER, then blobs; see
 * src/dump/kdump_blobs.c) goes with it, unless nothing of processes is wanted: nobody knows what
 * drivers put there.
 */
#include <stdlib.h>

#include "base/file.h"
#include "convert/convert_impl.h"
#include "stopcode/kdump.h"

/* Bytes of the source's file at FROM to AT in the new one. */
static sc_err *copy_bytes(struct conversion *c, uint64_t from, uint64_t len, uint64_t at) {
    const sc_file *file = sc_target_source(c->target)->file;
    uint8_t *buf = malloc(CONV_BUFFER);
    sc_err *err = buf ? NULL : sc_err_nomem();
    while (len && !err) {
        size_t n = len < CONV_BUFFER ? (size_t)len : CONV_BUFFER;
        err = sc_file_read(file, from, buf, n);
        if (!err)
            err = sc_newfile_write(c->out, at, buf, n);
        from += n;
        at += n;
        len -= n;
    }
    free(buf);
    return err;
}

sc_err *conv_copy_blobs(struct conversion *c, uint64_t at) {
    struct sc_source *source = (struct sc_source *)sc_target_source(c->target);
    const struct sc_blobs *blobs = NULL;
    if (!sc_kdump_header(source) || c->opts->strip_user)
        return NULL;
    sc_err *err = sc_kdump_blobs(source, &blobs);
    if (err || !blobs->count)
        return err;
    uint8_t head[0x10] = {'D', 'u', 'm', 'p', 'B', 'l', 'o', 'b', sizeof head};
    conv_put(head + 0xc, blobs->build, 4);
    uint64_t first = blobs->item[0].header;
    const struct sc_blob *last = &blobs->item[blobs->count - 1];
    err = sc_newfile_write(c->out, at, head, sizeof head);
    return err ? err : copy_bytes(c, first, last->offset + last->size - first, at + sizeof head);
}
