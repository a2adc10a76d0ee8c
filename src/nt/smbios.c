/* SPDX-License-Identifier: MIT */
/*
 * The SMBIOS table: structures one behind the other.
 *
 *   0 type   1 length of the formatted part   2 handle (16 bits)   4 … fields
 *   behind the formatted part: texts, each with a NUL, and one more NUL; two NULs if there are none
 *
 * Type 127 ends the table. Source: DMTF's specification DSP0134.
 */
#include "nt/smbios.h"

#include <string.h>

enum { HEAD = 4, STRUCTURES_MAX = 4096 };

bool nt_smbios_next(const struct nt_smbios *t, size_t *offset, struct nt_smbios_entry *ret) {
    size_t at = *offset, end;
    if (at > t->size || t->size - at < HEAD)
        return false;
    const uint8_t *p = t->data + at;
    if (p[1] < HEAD || t->size - at < (size_t)p[1] + 2)
        return false;
    for (end = at + p[1]; t->data[end] || t->data[end + 1]; end++)
        if (end + 2 >= t->size)
            return false;
    *ret = (struct nt_smbios_entry){.type = p[0],
                                    .length = p[1],
                                    .handle = (uint16_t)(p[2] | p[3] << 8),
                                    .data = p,
                                    .strings = p + p[1],
                                    .strings_size = end + 2 - at - p[1]};
    *offset = p[0] == NT_SMBIOS_END ? t->size : end + 2;
    return true;
}

bool nt_smbios_valid(const uint8_t *data, size_t size, size_t *ret_size) {
    const struct nt_smbios table = {.data = data, .size = size};
    struct nt_smbios_entry e;
    size_t offset = 0, count = 0;
    bool bios = false, system = false;
    while (count++ < STRUCTURES_MAX && nt_smbios_next(&table, &offset, &e)) {
        bios |= e.type == 0 && e.length >= 0x12;
        system |= e.type == 1 && e.length >= 8;
        if (e.type != NT_SMBIOS_END)
            continue;
        *ret_size = (size_t)(e.strings - data) + e.strings_size;
        return bios && system;
    }
    return false;
}

const char *nt_smbios_string(const struct nt_smbios_entry *e, unsigned index,
                             char buf[NT_SMBIOS_STRING]) {
    size_t at = 0, n = 0;
    for (; index > 1 && at < e->strings_size && e->strings[at]; index--)
        at += strnlen((const char *)e->strings + at, e->strings_size - at) + 1;
    if (index == 1)
        for (; at + n < e->strings_size && e->strings[at + n] && n + 1 < NT_SMBIOS_STRING; n++) {
            uint8_t c = e->strings[at + n];
            buf[n] = c >= 0x20 && c < 0x7f ? (char)c : '?';
        }
    while (n && buf[n - 1] == ' ')
        n--;
    buf[n] = 0;
    return buf;
}

bool nt_smbios_number(const struct nt_smbios_entry *e, size_t offset, unsigned size,
                      uint64_t *ret) {
    uint64_t v = 0;
    if (offset + size > e->length)
        return false;
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)e->data[offset + i] << 8 * i;
    *ret = v;
    return true;
}
