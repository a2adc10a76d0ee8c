/* SPDX-License-Identifier: MIT */
/*
 * CommentStreamA (10) and CommentStreamW (11): what somebody wrote into the dump (`.dump /c`,
 * ProcDump): text of 8 bits, of an unknown code page, and UTF-16; the NUL at the end may be
 * missing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "dump/mdmp_impl.h"

/* Bytes of the comment: all that is inside the file, up to a bound. */
static size_t comment_size(struct sc_source *source, const struct sc_mdmp_stream *stream,
                           const struct sc_cur *c) {
    uint64_t size = sc_cur_left(c);
    if (size <= MDMP_COMMENT_MAX)
        return (size_t)size;
    sc_source_note(source, stream->rva, "%s: 0x%x bytes, only the first 0x%x are kept", c->what,
                   stream->size, MDMP_COMMENT_MAX);
    return MDMP_COMMENT_MAX;
}

static sc_err *read_narrow(struct sc_source *source, const char **ret_text) {
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_COMMENT_A);
    if (!stream)
        return NULL;
    struct sc_cur c = mdmp_cur(source, stream, "comment (A)");
    size_t size = comment_size(source, stream, &c);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return sc_err_nomem();
    sc_cur_bytes(&c, copy, size);
    if (sc_cur_failed(&c))
        mdmp_note_failed(source, &c);
    const char *text = mdmp_latin(source->arena, copy, size);
    free(copy);
    if (!text)
        return sc_err_nomem();
    *ret_text = text;
    return NULL;
}

static sc_err *read_wide(struct sc_source *source, const char **ret_text) {
    const struct sc_mdmp_stream *stream = mdmp_find(source, MDMP_COMMENT_W);
    if (!stream)
        return NULL;
    struct sc_cur c = mdmp_cur(source, stream, "comment (W)");
    const char *text = sc_cur_utf16(&c, comment_size(source, stream, &c), source->arena);
    if (!text)
        return sc_err_nomem();
    if (sc_cur_failed(&c))
        mdmp_note_failed(source, &c);
    *ret_text = text;
    return NULL;
}

/* Both, when a dump has two that differ. */
sc_err *mdmp_read_comment(struct sc_source *source) {
    const char *narrow = NULL, *wide = NULL;
    sc_err *err = read_narrow(source, &narrow);
    if (!err)
        err = read_wide(source, &wide);
    if (err)
        return err;
    if (!narrow || !narrow[0]) {
        source->machine.comment = wide ? wide : narrow;
    } else if (!wide || !wide[0] || !strcmp(narrow, wide)) {
        source->machine.comment = narrow;
    } else {
        source->machine.comment = sc_arena_printf(source->arena, "%s\n%s", wide, narrow);
        if (!source->machine.comment)
            return sc_err_nomem();
    }
    return NULL;
}

const char *sc_mdmp_comment(struct sc_source *source) {
    return mdmp_of(source) ? source->machine.comment : NULL;
}
