/* SPDX-License-Identifier: MIT */
/*
 * UNICODE_STRING, the same in every Windows:
 *
 *   +0 Length (2 bytes, in bytes)   +2 MaximumLength   +4 or +8 Buffer
 */
#include "nt/ustring.h"

#include "base/utf.h"

sc_err *nt_ustring_read(const struct nt *nt, uint64_t address, sc_arena *arena, const char **ret) {
    uint64_t length;
    *ret = NULL;
    if (sc_space_uint(nt->space, address, 2, &length) != SC_READ_OK)
        return NULL;
    struct nt_field buffer = nt_pointer(nt, nt_add(nt, address, nt->ptr_size));
    if (!length) {
        *ret = "";
        return NULL;
    }
    uint8_t bytes[NT_USTRING_MAX];
    size_t got = 0;
    if (length > sizeof bytes)
        length = sizeof bytes;
    if (!nt_set(&buffer))
        return NULL;
    sc_space_read(nt->space, buffer.value, bytes, (size_t)length & ~(size_t)1, &got);
    if (got < 2)
        return NULL;
    *ret = sc_utf16_to_utf8(arena, bytes, got & ~(size_t)1);
    return *ret ? NULL : sc_err_nomem();
}
