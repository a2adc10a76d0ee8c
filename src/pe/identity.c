/* SPDX-License-Identifier: MIT */
/*
 * What an image is known by: its checksum, and the keys of symbol stores.
 *
 * The checksum is the 16-bit one's complement sum of the file, its own field taken as 0, plus the
 * length of the file: what ImageHlp's CheckSumMappedFile returns. Store keys: an image is found
 * under its time stamp (8 digits) and size, a PDB under its GUID and age, or, of the old NB10
 * form, under its time stamp and age; sizes and ages without leading zeros.
 */
#include <inttypes.h>
#include <stdio.h>

#include "pe/pe_impl.h"

enum { CHUNK = 4096, CHECKSUM_FIELD = 0x58 /* from the NT signature */ };

sc_err *sc_pe_checksum(const sc_pe *pe, uint32_t *ret_checksum) {
    if (!pe->file)
        return pe_errf(pe, SC_ERR_ARG, "the checksum is of the file, not of memory");
    uint64_t size = sc_file_size(pe->file), field = pe->nt_offset + CHECKSUM_FIELD, sum = 0;
    uint8_t buf[CHUNK];
    for (uint64_t at = 0; at < size; at += CHUNK) {
        size_t len = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        sc_err *err = sc_file_read(pe->file, at, buf, len);
        if (err)
            return err;
        for (size_t i = 0; i < len; i++) {
            if (at + i - field >= 4) /* also true before the field: the difference wraps */
                sum += i & 1 ? (uint64_t)buf[i] << 8 : buf[i];
        }
    }
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    *ret_checksum = (uint32_t)(sum + size);
    return NULL;
}

const char *sc_pe_image_key(uint32_t timestamp, uint32_t image_size, char *buf) {
    snprintf(buf, SC_PE_KEY_BUF, "%08" PRIX32 "%" PRIx32, timestamp, image_size);
    return buf;
}

const char *sc_pe_pdb_key(const struct sc_codeview *cv, char *buf) {
    const struct sc_guid *g = &cv->guid;
    if (cv->kind == SC_CV_NB10) {
        snprintf(buf, SC_PE_KEY_BUF, "%08" PRIX32 "%" PRIx32, cv->signature, cv->age);
        return buf;
    }
    if (cv->kind != SC_CV_RSDS)
        return NULL;
    snprintf(buf, SC_PE_KEY_BUF, "%08" PRIX32 "%04X%04X%02X%02X%02X%02X%02X%02X%02X%02X%" PRIx32,
             g->a, g->b, g->c, g->d[0], g->d[1], g->d[2], g->d[3], g->d[4], g->d[5], g->d[6],
             g->d[7], cv->age);
    return buf;
}
