/* SPDX-License-Identifier: MIT */
/*
 * Looking for hardware error records. Which GUIDs the secondary data of hardware errors has is not
 * documented, so all of it is searched for the record's own marks.
 */
#include "nt/whea_find.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "stopcode/kdump.h"

static sc_err *parse_copy(const void *bytes, size_t size, sc_arena *arena,
                          struct nt_whea_record *ret) {
    uint8_t *copy = sc_arena_alloc(arena, size ? size : 1);
    if (!copy)
        return sc_err_nomem();
    memcpy(copy, bytes, size);
    return nt_whea_parse(copy, size, ret);
}

sc_err *nt_whea_at(sc_target *target, uint64_t address, sc_arena *arena, struct nt_whea_record *ret,
                   bool *ret_found) {
    sc_space *space = sc_target_space(target);
    uint8_t header[NT_WHEA_HEADER];
    uint32_t length;
    size_t got = 0;
    *ret_found = false;
    if (!address || sc_space_read(space, address, header, sizeof header, NULL) != SC_READ_OK ||
        !nt_whea_probe(header, sizeof header, &length))
        return NULL;
    uint8_t *bytes = malloc(length);
    if (!bytes)
        return sc_err_nomem();
    sc_space_read(space, address, bytes, length, &got);
    sc_err *err = got >= NT_WHEA_HEADER ? parse_copy(bytes, got, arena, ret) : NULL;
    *ret_found = !err && got >= NT_WHEA_HEADER;
    free(bytes);
    return err;
}

/* The first record in SIZE bytes; false when there is none. */
static bool search(const uint8_t *bytes, size_t size, size_t *ret_at) {
    uint32_t length;
    for (size_t at = 0; at + NT_WHEA_HEADER <= size; at++) {
        const uint8_t *next = memchr(bytes + at, 'C', size - NT_WHEA_HEADER - at + 1);
        if (!next)
            return false;
        at = (size_t)(next - bytes);
        if (nt_whea_probe(next, size - at, &length)) {
            *ret_at = at;
            return true;
        }
    }
    return false;
}

static sc_err *look_into(const sc_file *file, const struct sc_blob *blob, sc_arena *arena,
                         struct nt_whea_record *ret, bool *ret_found) {
    size_t size = blob->size < NT_WHEA_SIZE_MAX ? blob->size : NT_WHEA_SIZE_MAX, at, got = 0;
    if (size < NT_WHEA_HEADER || !sc_file_has(file, blob->offset, size))
        return NULL;
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return sc_err_nomem();
    sc_err *err = NULL;
    if (sc_file_read_some(file, blob->offset, bytes, size, &got) && search(bytes, got, &at)) {
        err = parse_copy(bytes + at, got - at, arena, ret);
        *ret_found = !err;
    }
    free(bytes);
    return err;
}

sc_err *nt_whea_secondary(sc_target *target, sc_arena *arena, struct nt_whea_record *ret,
                          struct sc_guid *ret_tag, bool *ret_found) {
    /* The target's own source: the blobs are walked when first asked for. */
    struct sc_source *source = (struct sc_source *)sc_target_source(target);
    const struct sc_blobs *blobs = NULL;
    *ret_found = false;
    sc_err *err = source && sc_kdump_header(source) ? sc_kdump_blobs(source, &blobs) : NULL;
    if (err && sc_err_code(err) != SC_ERR_NOMEM) {
        sc_err_destroy(err); /* what cannot be walked holds nothing for us */
        return NULL;
    }
    for (size_t i = 0; !err && blobs && i < blobs->count && !*ret_found; i++) {
        err = look_into(source->file, &blobs->item[i], arena, ret, ret_found);
        if (*ret_found)
            *ret_tag = blobs->item[i].tag;
    }
    return err;
}
