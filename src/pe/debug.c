/* SPDX-License-Identifier: MIT */
/*
 * The debug directory.
 *
 *     IMAGE_DEBUG_DIRECTORY, 0x1c bytes each
 *       +0x00 Characteristics  +0x04 TimeDateStamp  +0x08 versions  +0x0c Type
 *       +0x10 SizeOfData  +0x14 AddressOfRawData (RVA, 0: not mapped)  +0x18 PointerToRawData
 *     2  CodeView   "RSDS" guid age path | "NB10" offset time age path
 *     4  Misc       u32 1, u32 length, u8 unicode, 3 bytes, path of the .dbg file
 *     12 VC feature up to 5 × u32
 *     13 POGO       u32 signature, { u32 RVA, u32 size, name, pad to 4 } …
 *     16 Repro      nothing, or u32 length and a hash
 *     17 embedded portable PDB   "MPDB", u32 unpacked size, deflate stream
 *     19 PDB checksum  algorithm's name, NUL, the sum
 *     20 extended DLL characteristics  u32
 *
 * Learnt from Microsoft's "PE Format" document, winnt.h, and the documents on deterministic builds
 * of .NET (types 16, 17, 19). Guessed from samples: POGO's records and the fields of 12.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/utf.h"
#include "pe/pe_impl.h"

enum {
    ENTRY = 0x1c,
    ENTRIES_MAX = 1024,
    PATH_BUF = 2048,
    RSDS = 0x53445352,
    NB10 = 0x3031424e,
    MPDB = 0x4244504d,
};

const char *sc_pe_debug_name(uint32_t type) {
    static const char *const names[] = {"Unknown",   "COFF",        "CodeView",
                                        "FPO",       "Misc",        "Exception",
                                        "Fixup",     "OmapToSrc",   "OmapFromSrc",
                                        "Borland",   "Reserved10",  "CLSID",
                                        "VCFeature", "POGO",        "ILTCG",
                                        "MPX",       "Repro",       "EmbeddedPDB",
                                        "SPGO",      "PDBChecksum", "ExtendedDLLCharacteristics"};
    return type < sizeof names / sizeof *names ? names[type] : NULL;
}

size_t sc_pe_debug_count(const sc_pe *pe) {
    struct sc_pe_directory dir;
    if (!sc_pe_directory(pe, SC_PE_DIR_DEBUG, &dir))
        return 0;
    uint64_t n = dir.size / ENTRY, room = pe_room(pe, ENTRY);
    n = n < room ? n : room;
    return n < ENTRIES_MAX ? (size_t)n : ENTRIES_MAX;
}

sc_err *sc_pe_debug_at(const sc_pe *pe, size_t index, struct sc_pe_debug *ret) {
    struct sc_pe_directory dir = {0};
    if (index >= sc_pe_debug_count(pe))
        return pe_errf(pe, SC_ERR_NOT_FOUND, "no debug directory entry %zu", index);
    sc_pe_directory(pe, SC_PE_DIR_DEBUG, &dir);
    struct pe_cur c = pe_cur_at(pe, dir.rva + (uint64_t)index * ENTRY, ENTRY, "debug directory");
    struct sc_pe_debug d = {.characteristics = pe_u32(&c)};
    d.timestamp = pe_u32(&c);
    d.major = pe_u16(&c);
    d.minor = pe_u16(&c);
    d.type = pe_u32(&c);
    d.size = pe_u32(&c);
    d.rva = pe_u32(&c);
    d.offset = pe_u32(&c);
    if (c.failed)
        return pe_cur_err(&c);
    *ret = d;
    return NULL;
}

/* From INDEX on; *RET_INDEX is where it was. */
static sc_err *find_from(const sc_pe *pe, size_t index, uint32_t type, struct sc_pe_debug *ret,
                         size_t *ret_index) {
    struct sc_pe_debug d;
    for (; index < sc_pe_debug_count(pe); index++) {
        sc_err *err = sc_pe_debug_at(pe, index, &d);
        if (err)
            return err;
        if (d.type == type) {
            *ret = d;
            *ret_index = index;
            return NULL;
        }
    }
    const char *name = sc_pe_debug_name(type);
    return pe_errf(pe, SC_ERR_NOT_FOUND, "no %s entry in the debug directory",
                   name ? name : "such");
}

sc_err *sc_pe_debug_find(const sc_pe *pe, uint32_t type, struct sc_pe_debug *ret) {
    size_t index;
    return find_from(pe, 0, type, ret, &index);
}

sc_err *sc_pe_debug_read(const sc_pe *pe, const struct sc_pe_debug *entry, uint32_t offset,
                         void *buf, size_t len) {
    if (offset > entry->size || len > entry->size - offset)
        return pe_bad(pe, entry->rva, "debug data: %zu bytes at 0x%" PRIx32 " of 0x%" PRIx32, len,
                      offset, entry->size);
    if (pe->file && entry->offset)
        return sc_err_prefix(sc_file_read(pe->file, (uint64_t)entry->offset + offset, buf, len),
                             "debug data");
    if (entry->rva)
        return sc_pe_need(pe, (uint64_t)entry->rva + offset, buf, len, "debug data");
    return pe_errf(pe, SC_ERR_NOT_FOUND, "the debug data is not mapped into memory");
}

/* Finds the entry of TYPE and reads up to MAX bytes of its data into BUF; zeros behind them. */
static sc_err *read_type(const sc_pe *pe, uint32_t type, uint8_t *buf, size_t max,
                         struct sc_pe_debug *entry, size_t *ret_len) {
    sc_err *err = sc_pe_debug_find(pe, type, entry);
    if (err)
        return err;
    memset(buf, 0, max);
    *ret_len = entry->size < max ? entry->size : max;
    return *ret_len ? sc_pe_debug_read(pe, entry, 0, buf, *ret_len) : NULL;
}

sc_err *sc_pe_codeview_at(const sc_pe *pe, const struct sc_pe_debug *entry, char *path,
                          size_t path_size, struct sc_codeview *ret_codeview) {
    uint8_t head[24] = {0};
    size_t len = entry->size < sizeof head ? entry->size : sizeof head;
    sc_err *err = sc_pe_debug_read(pe, entry, 0, head, len);
    if (err)
        return err;
    struct sc_cur c = sc_cur_mem(head, len, "CodeView record");
    struct sc_codeview cv = {.kind = SC_CV_OTHER};
    uint32_t signature = sc_u32(&c);
    if (signature == RSDS) {
        cv.kind = SC_CV_RSDS;
        cv.guid = sc_cur_guid(&c);
        cv.age = sc_u32(&c);
    } else if (signature == NB10) {
        cv.kind = SC_CV_NB10;
        sc_cur_skip(&c, 4);
        cv.signature = sc_u32(&c);
        cv.age = sc_u32(&c);
    }
    if (sc_cur_failed(&c))
        return pe_bad(pe, entry->rva, "CodeView record: only 0x%" PRIx32 " bytes", entry->size);
    if (cv.kind != SC_CV_OTHER && path_size) {
        size_t want = entry->size - (size_t)c.pos;
        want = want < path_size - 1 ? want : path_size - 1;
        memset(path, 0, path_size);
        if ((err = sc_pe_debug_read(pe, entry, (uint32_t)c.pos, path, want)))
            return err;
        cv.path = path;
    }
    *ret_codeview = cv;
    return NULL;
}

/* The first entry that names a PDB; else the first CodeView entry of all. */
static sc_err *best_codeview(const sc_pe *pe, char *path, struct sc_codeview *best) {
    size_t at = 0;
    bool found = false;
    sc_err *first = NULL, *err;
    struct sc_pe_debug d;
    for (; !(err = find_from(pe, at, SC_PE_DEBUG_CODEVIEW, &d, &at)); at++) {
        struct sc_codeview cv;
        sc_err *bad = sc_pe_codeview_at(pe, &d, path, PATH_BUF, &cv);
        first = pe_first(first, bad);
        if (bad || (found && cv.kind == SC_CV_OTHER))
            continue;
        *best = cv;
        found = true;
        if (cv.kind != SC_CV_OTHER)
            break;
    }
    if (found) {
        sc_err_destroy(first);
        sc_err_destroy(err);
        return NULL;
    }
    return pe_first(first, err);
}

sc_err *sc_pe_codeview(sc_pe *pe, const struct sc_codeview **ret_codeview) {
    if (!pe->has_codeview) {
        char path[PATH_BUF];
        struct sc_codeview cv = {0};
        sc_err *err = best_codeview(pe, path, &cv);
        if (err)
            return err;
        if (cv.path && !(cv.path = sc_arena_strdup(pe->arena, path)))
            return sc_err_nomem();
        pe->codeview = cv;
        pe->has_codeview = true;
    }
    *ret_codeview = &pe->codeview;
    return NULL;
}

sc_err *sc_pe_repro(const sc_pe *pe, struct sc_pe_repro *ret) {
    struct sc_pe_debug d;
    struct sc_pe_repro r = {.present = true};
    uint8_t data[4 + sizeof r.hash];
    size_t len;
    sc_err *err = read_type(pe, SC_PE_DEBUG_REPRO, data, sizeof data, &d, &len);
    if (err)
        return err;
    struct sc_cur c = sc_cur_mem(data, len, "Repro record");
    uint32_t size = len ? sc_u32(&c) : 0;
    if (len && !sc_cur_fits(&c, size, 1))
        return pe_bad(pe, d.rva, "Repro record: a hash of %" PRIu32 " bytes in 0x%" PRIx32, size,
                      d.size);
    r.hash_size = size;
    sc_cur_bytes(&c, r.hash, size);
    *ret = r;
    return NULL;
}

sc_err *sc_pe_vc_feature(const sc_pe *pe, struct sc_pe_vc_feature *ret) {
    struct sc_pe_debug d;
    uint8_t data[20];
    size_t len;
    sc_err *err = read_type(pe, SC_PE_DEBUG_VC_FEATURE, data, sizeof data, &d, &len);
    if (err)
        return err;
    struct sc_cur c = sc_cur_mem(data, sizeof data, "VC feature record");
    struct sc_pe_vc_feature v = {.nfields = (uint32_t)len / 4};
    v.pre_vc11 = sc_u32(&c);
    v.c_cpp = sc_u32(&c);
    v.gs = sc_u32(&c);
    v.sdl = sc_u32(&c);
    v.guardn = sc_u32(&c);
    *ret = v;
    return NULL;
}

sc_err *sc_pe_ex_dllcharacteristics(const sc_pe *pe, uint32_t *ret_flags) {
    struct sc_pe_debug d;
    uint8_t data[4];
    size_t len;
    sc_err *err = read_type(pe, SC_PE_DEBUG_EX_DLLCHARACTERISTICS, data, sizeof data, &d, &len);
    if (err)
        return err;
    struct sc_cur c = sc_cur_mem(data, len, "extended DLL characteristics");
    uint32_t flags = sc_u32(&c);
    if (sc_cur_failed(&c))
        return pe_bad(pe, d.rva, "extended DLL characteristics: only %zu bytes", len);
    *ret_flags = flags;
    return NULL;
}

sc_err *sc_pe_dbg_path(const sc_pe *pe, char *path, size_t path_size) {
    struct sc_pe_debug d;
    uint8_t data[12 + PATH_BUF];
    size_t len;
    sc_err *err = read_type(pe, SC_PE_DEBUG_MISC, data, sizeof data, &d, &len);
    if (err)
        return err;
    if (len < 12)
        return pe_bad(pe, d.rva, "Misc record: only %zu bytes", len);
    size_t n = 0, unit = data[8] ? 2 : 1;
    for (size_t i = 12; i + unit <= len && n + 4 < path_size; i += unit) {
        uint32_t cp = unit == 1 ? data[i] : (uint32_t)(data[i] | data[i + 1] << 8);
        if (!cp)
            break;
        if (unit == 1)
            path[n++] = (char)cp; /* the linker's code page, as it stands */
        else
            n += sc_utf8_put(cp, path + n);
    }
    if (path_size)
        path[n] = 0;
    return NULL;
}

sc_err *sc_pe_embedded_pdb(const sc_pe *pe, struct sc_pe_embedded_pdb *ret) {
    struct sc_pe_embedded_pdb e;
    uint8_t data[8];
    size_t len;
    sc_err *err = read_type(pe, SC_PE_DEBUG_EMBEDDED_PDB, data, sizeof data, &e.entry, &len);
    if (err)
        return err;
    struct sc_cur c = sc_cur_mem(data, len, "embedded PDB");
    uint32_t magic = sc_u32(&c);
    e.size = sc_u32(&c);
    if (sc_cur_failed(&c) || magic != MPDB)
        return pe_bad(pe, e.entry.rva, "embedded PDB: it does not begin with MPDB");
    e.packed_offset = 8;
    e.packed_size = e.entry.size - 8;
    *ret = e;
    return NULL;
}

sc_err *sc_pe_pdb_checksum(const sc_pe *pe, struct sc_pe_pdb_checksum *ret) {
    struct sc_pe_debug d;
    struct sc_pe_pdb_checksum p = {0};
    uint8_t data[sizeof p.algorithm + sizeof p.sum];
    size_t len;
    sc_err *err = read_type(pe, SC_PE_DEBUG_PDB_CHECKSUM, data, sizeof data, &d, &len);
    if (err)
        return err;
    const uint8_t *nul = memchr(data, 0, len < sizeof p.algorithm ? len : sizeof p.algorithm);
    if (!nul || d.size - (size_t)(nul + 1 - data) > sizeof p.sum)
        return pe_bad(pe, d.rva, "PDB checksum: no algorithm's name, or too long a sum");
    memcpy(p.algorithm, data, (size_t)(nul - data));
    p.sum_size = (uint32_t)(len - (size_t)(nul + 1 - data));
    memcpy(p.sum, nul + 1, p.sum_size);
    *ret = p;
    return NULL;
}

/* One record; false at the end. The name is cut to the buffer. */
static bool pogo_record(const sc_pe *pe, const struct sc_pe_debug *d, uint32_t *at,
                        uint32_t head[2], char *name, size_t size, sc_err **err) {
    uint8_t data[8 + 256];
    uint32_t left = *at < d->size ? d->size - *at : 0;
    size_t len = left < sizeof data ? left : sizeof data;
    if (left < 9)
        return false;
    *err = sc_pe_debug_read(pe, d, *at, data, len);
    if (*err)
        return false;
    struct sc_cur c = sc_cur_mem(data, len, "POGO record");
    head[0] = sc_u32(&c);
    head[1] = sc_u32(&c);
    if (!head[0] && !head[1])
        return false;
    const uint8_t *nul = memchr(data + 8, 0, len - 8);
    if (!nul) {
        *err = pe_bad(pe, d->rva, "POGO record: a name without an end");
        return false;
    }
    size_t n = (size_t)(nul - data);
    snprintf(name, size, "%s", (const char *)data + 8);
    *at += (uint32_t)((n + 1 + 3) & ~(size_t)3); /* at most the 264 bytes read, and padding */
    return true;
}

sc_err *sc_pe_each_pogo(const sc_pe *pe, sc_pe_pogo_fn fn, void *ctx, uint32_t *ret_signature) {
    struct sc_pe_debug d;
    uint8_t data[4];
    size_t len;
    sc_err *err = read_type(pe, SC_PE_DEBUG_POGO, data, sizeof data, &d, &len);
    if (err)
        return err;
    struct sc_cur c = sc_cur_mem(data, len, "POGO record");
    uint32_t signature = sc_u32(&c), at = 4, head[2];
    char name[256];
    if (sc_cur_failed(&c))
        return pe_bad(pe, d.rva, "POGO record: only %zu bytes", len);
    *ret_signature = signature;
    while (pogo_record(pe, &d, &at, head, name, sizeof name, &err)) {
        if (!fn(ctx, head[0], head[1], name))
            break;
    }
    return err;
}
