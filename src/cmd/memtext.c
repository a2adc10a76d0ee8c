/* SPDX-License-Identifier: MIT */
/*
 * Strings in the target's memory.
 *
 * ANSI_STRING and UNICODE_STRING (winternl.h, public):
 *
 *     +0x0  USHORT Length         bytes, without a NUL
 *     +0x2  USHORT MaximumLength
 *     +0x4 / +0x8  PTR Buffer     in 32-bit / 64-bit targets
 */
#include "cmd/memtext.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf.h"

enum { CHUNK = 512 };

bool sc_memory_string_kind(const char *kind) {
    return !strcmp(kind, "ma") || !strcmp(kind, "mu") || !strcmp(kind, "msa") ||
           !strcmp(kind, "msu");
}

static sc_err *need_space(sc_session *s, sc_space **ret) {
    sc_target *t = sc_session_target(s);
    if (!t)
        return sc_errf(SC_ERR_NOT_FOUND, "no dump is open, so there is no memory to read");
    *ret = sc_target_space(t);
    return NULL;
}

sc_err *sc_read_counted(sc_session *s, uint64_t addr, struct sc_counted *ret) {
    sc_space *space = NULL;
    uint8_t raw[16];
    sc_err *err = need_space(s, &space);
    if (err)
        return err;
    unsigned ptr = sc_session_ptr_size(s);
    err = sc_space_need(space, sc_space_canon(space, addr), raw, 2 * ptr, "the string's header");
    if (err)
        return err;
    struct sc_counted c = {.length = (uint16_t)(raw[0] | raw[1] << 8),
                           .room = (uint16_t)(raw[2] | raw[3] << 8)};
    for (unsigned i = ptr; i-- > 0;)
        c.buffer = c.buffer << 8 | raw[ptr + i];
    *ret = c;
    return NULL;
}

size_t sc_dump_wide(uint32_t unit, char *buf) {
    bool plain = unit >= 0x20 && unit < 0x7f;
    if (!plain && (unit < 0xa0 || (unit >= 0xd800 && unit < 0xe000) || unit >= 0xfffe))
        unit = '.';
    return sc_utf8_put(unit, buf);
}

/* Is there a NUL of UNIT bytes in the LEN bytes at DATA? *RET_AT: where. */
static bool find_nul(const uint8_t *data, size_t len, size_t unit, size_t *ret_at) {
    for (size_t i = 0; i + unit <= len; i += unit) {
        if (!data[i] && (unit == 1 || !data[i + 1])) {
            *ret_at = i;
            return true;
        }
    }
    return false;
}

/* Up to MAX bytes from ADDR on, ending at a NUL if NUL; as much as there is. malloc()ed. */
static sc_err *read_bytes(sc_space *space, uint64_t addr, size_t max, size_t unit, bool nul,
                          uint8_t **ret_data, size_t *ret_len) {
    size_t len = 0, room = 0, got = 0, at = 0;
    uint8_t *data = NULL;
    bool ended = max == 0;
    addr = sc_space_canon(space, addr);
    while (!ended && len < max) {
        if (len + CHUNK > room) {
            room = room ? room * 2 : 2 * CHUNK;
            uint8_t *more = realloc(data, room);
            if (!more) {
                free(data);
                return sc_err_nomem();
            }
            data = more;
        }
        size_t want = max - len < CHUNK ? max - len : CHUNK;
        enum sc_read status = sc_space_read(space, addr + len, data + len, want, &got);
        if (!got && !len) {
            char why[SC_WHY_TEXT];
            free(data);
            return sc_err_mem(addr, "the string at 0x%llx is %s", (unsigned long long)addr,
                              sc_space_why(space, addr, status, why));
        }
        size_t before = len;
        len += got - got % unit;
        ended = status != SC_READ_OK;
        if (nul && find_nul(data + before, len - before, unit, &at)) {
            len = before + at;
            ended = true;
        }
    }
    *ret_data = data;
    *ret_len = len;
    return NULL;
}

/* In the arena, as UTF-8 with dots for controls. */
static const char *to_text(const uint8_t *data, size_t len, size_t unit, sc_arena *arena) {
    char *text = sc_arena_alloc(arena, len / unit * 3 + 1);
    size_t n = 0;
    for (size_t i = 0; text && i + unit <= len; i += unit) {
        if (unit == 1)
            text[n++] = sc_dump_char(data[i]);
        else
            n += sc_dump_wide((uint32_t)(data[i] | data[i + 1] << 8), text + n);
    }
    return text;
}

sc_err *sc_memory_string(sc_session *s, const char *kind, uint64_t addr, sc_arena *arena,
                         const char **ret_text) {
    sc_space *space = NULL;
    struct sc_counted counted = {0};
    bool structure = kind[1] == 's';
    size_t unit = kind[strlen(kind) - 1] == 'u' ? 2 : 1, len = 0;
    sc_err *err = structure ? sc_read_counted(s, addr, &counted) : NULL;
    if (!err)
        err = need_space(s, &space);
    if (err)
        return err;
    uint8_t *data = NULL;
    size_t max = structure ? counted.length : SC_STRING_MAX * unit;
    err = read_bytes(space, structure ? counted.buffer : addr, max, unit, !structure, &data, &len);
    if (err)
        return err;
    const char *text = to_text(data, len, unit, arena);
    free(data);
    if (!text)
        return sc_err_nomem();
    *ret_text = text;
    return NULL;
}
