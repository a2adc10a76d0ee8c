/* SPDX-License-Identifier: MIT */
/*
 * The secondary data behind a kernel dump.
 *
 * "Blobs", put there by drivers through KbCallbackSecondaryDumpData:
 *
 *   DUMP_BLOB_FILE_HEADER  +0x00 "Dump" +0x04 "Blob" +0x08 HeaderSize (0x10) +0x0c BuildNumber
 *   DUMP_BLOB_HEADER       +0x00 HeaderSize (0x20) +0x04 GUID Tag +0x14 DataSize
 *                          +0x18 PrePad +0x1c PostPad
 *     then PrePad bytes, DataSize bytes, PostPad bytes, and the next header; to the file's end.
 *
 * It begins where the dump proper ends: for a triage dump at SizeOfDump, else at RequiredDumpSpace
 * or, where a writer left that out, behind the last page. Sources: win32metadata; seen in the real
 * triage dumps of the test corpus.
 */
#include <stdlib.h>

#include "dump/kdump_impl.h"

enum { BLOBS_MAX = 4096 };

/* One blob; false at the end of the list or at something that is no blob (with a note). */
static bool next_blob(struct sc_source *s, struct sc_cur *c, struct sc_blob *ret) {
    uint64_t at = c->pos;
    if (sc_cur_left(c) < 0x20)
        return false;
    uint32_t header = sc_u32(c);
    ret->header = at;
    ret->tag = sc_cur_guid(c);
    ret->size = sc_u32(c);
    uint32_t pre = sc_u32(c), post = sc_u32(c);
    if (header < 0x20) {
        if (header)
            sc_source_note(s, at, "secondary data: header size 0x%x is too small", header);
        return false;
    }
    sc_cur_skip(c, header - 0x20);
    sc_cur_skip(c, pre);
    ret->offset = c->pos;
    sc_cur_skip(c, ret->size);
    if (sc_cur_failed(c)) {
        sc_source_note(s, at, "secondary data of 0x%x bytes runs over the end of the file",
                       ret->size);
        return false;
    }
    sc_cur_skip(c, sc_cur_left(c) < post ? sc_cur_left(c) : post);
    return true;
}

/* Does a DUMP_BLOB_FILE_HEADER stand there? */
static bool is_blob_file(struct sc_source *s, uint64_t at) {
    struct sc_cur c = sc_cur_at(s->file, at, 0x10, "secondary data");
    uint32_t dump = sc_u32(&c), blob = sc_u32(&c);
    return at && !sc_cur_failed(&c) && dump == 0x706d7544 && blob == 0x626f6c42;
}

/*
 * At the end of the dump proper in the real files; documents speak of an aligned end. 0 when
 * nothing is there.
 */
static uint64_t blobs_at(struct sc_source *s, uint64_t end) {
    static const uint32_t alignments[] = {1, 8, 0x200, 0x1000};
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        uint64_t at = (end + alignments[i] - 1) / alignments[i] * alignments[i];
        if (at >= end && is_blob_file(s, at))
            return at;
    }
    return 0;
}

static uint64_t find_blobs(struct sc_source *s, const struct sc_kdump *kd) {
    if (kd->is_triage)
        return blobs_at(s, kd->triage.size_of_dump);
    uint64_t required = kd->header.required_space;
    uint64_t at = required == SC_UNSET64 ? 0 : blobs_at(s, required);
    return at || !kd->memory.layout ? at : blobs_at(s, sc_kdump_memory_end(&kd->memory));
}

static sc_err *walk_blobs(struct sc_source *s, struct sc_kdump *kd) {
    uint64_t start = find_blobs(s, kd);
    struct sc_cur c = sc_cur_at(s->file, start, UINT64_MAX, "secondary data");
    if (!start || sc_cur_left(&c) < 0x10)
        return NULL;
    sc_cur_skip(&c, 8);
    uint32_t header = sc_u32(&c);
    kd->blobs.present = true;
    kd->blobs.build = sc_u32(&c);
    sc_cur_skip(&c, header > 0x10 ? header - 0x10 : 0);
    struct sc_blob b = {0};
    while (kd->blobs.count < BLOBS_MAX && next_blob(s, &c, &b)) {
        struct sc_blob *slot = SC_VEC_PUSH(&kd->blobs);
        if (!slot)
            return sc_err_nomem();
        *slot = b;
    }
    if (kd->blobs.count == BLOBS_MAX)
        sc_source_note(s, c.pos, "more than %d blobs of secondary data: the rest is left out",
                       BLOBS_MAX);
    return NULL;
}

sc_err *sc_kdump_blobs(struct sc_source *source, const struct sc_blobs **ret_blobs) {
    struct sc_kdump *kd = sc_kdump_impl(source);
    if (!kd)
        return sc_errf(SC_ERR_NOT_FOUND, "only kernel dumps have secondary data");
    if (!kd->blobs_walked) {
        sc_err *err = walk_blobs(source, kd);
        if (err) {
            SC_VEC_FREE(&kd->blobs);
            return err;
        }
        kd->blobs_walked = true;
    }
    *ret_blobs = &kd->blobs;
    return NULL;
}
