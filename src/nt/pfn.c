/* SPDX-License-Identifier: MIT */
/*
 * Reading MMPFN.
 *
 *            u3 (4 bytes)                                     PrototypePte        PteFrame, in u4
 *   XP, 2003  flags in bits 0-15 (MMPFNENTRY), count above    bit 3 of the flags  x86 32, x64 52
 * bits Vista on  reference count, flags (MMPFNENTRY, since 1703  u4, bit 27 on x86,  x86 24, x64
 * 52, MMPFNENTRY1 and 3) in bits 16-31                57 on x64, 63 from  36, since Windows 18362
 * on            11 40 bits
 *
 *   location 3 bits, write in progress, modified, read in progress, cache attribute 2 bits; then
 *   (MMPFNENTRY3) priority 3 bits, …, in-page error bit 4, removal bit 6, parity error bit 7
 *
 * Symbols that describe u3 and u4 are asked first; tables of layouts have those unions without
 * their members, so that bits are as above. With PAE OriginalPte has 8 bytes, whatever symbols of
 * the kernel without PAE say. Since 1703 u2 has two lock bits on top, and u1 of active pages is no
 * link. Sources: the public symbols of 18 builds and the fact tables of the others.
 */
#include "nt/pfn.h"

#include <string.h>

#include "nt/ptes.h"
#include "stopcode/value.h"

enum { KD_PFN_DATABASE = 0xc0, KD_HIGHEST_PAGE = 0xf0, KD_MEMORY_BLOCK = 0x270, BUFFER = 0x3000 };

const char *nt_page_location_name(unsigned location) {
    static const char *const names[NT_PAGE_LOCATIONS] = {
        "Zeroed",          "Free", "Standby",      "Modified",
        "ModifiedNoWrite", "Bad",  "Active/Valid", "Transition"};
    return location < NT_PAGE_LOCATIONS ? names[location] : "Unknown";
}

bool nt_pfn_in_use(const struct nt_pfn *p) {
    switch (p->location) {
    case NT_PAGE_BAD: return false;
    case NT_PAGE_ZEROED:
    case NT_PAGE_FREE:
    case NT_PAGE_STANDBY:
        /* A page that was taken off its list for a read keeps the list's name until it is valid. */
        return p->reference_count || p->read_in_progress || p->write_in_progress;
    default: return true;
    }
}

/* ---- the layout ---- */

struct binder {
    struct nt_pfndb *db;
    struct sc_typeref ref;
};

/* *RET_FOUND false, and the part untouched: there is no such member. */
static sc_err *part_of(const struct binder *b, const char *path, unsigned width,
                       struct nt_pfn_part *ret, bool *ret_found) {
    struct sc_value whole = sc_value_at(NULL, b->ref.provider, b->ref.id, 0), m;
    *ret_found = false;
    sc_err *err = sc_value_member(&whole, path, &m);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err)
        return err;
    *ret_found = true;
    *ret =
        (struct nt_pfn_part){(uint16_t)m.offset, m.bit_pos, m.bit_len ? m.bit_len : (uint8_t)width};
    return NULL;
}

static struct nt_pfn_part bits(unsigned offset, unsigned bit, unsigned width) {
    return (struct nt_pfn_part){(uint16_t)(offset + bit / 8), (uint8_t)(bit % 8), (uint8_t)width};
}

/* XP and 2003: MMPFNENTRY of 4 bytes whose location begins at bit 8. */
static void old_flags(struct nt_pfndb *db, unsigned u3) {
    db->modified = bits(u3, 0, 1);
    db->reading = bits(u3, 1, 1);
    db->writing = bits(u3, 2, 1);
    db->prototype = bits(u3, 3, 1);
    db->color = bits(u3, 4, 3);
    db->parity = bits(u3, 7, 1);
    db->location = bits(u3, 8, 3);
    db->removal = bits(u3, 11, 1);
    db->cache = bits(u3, 12, 2);
    db->reference = bits(u3, 16, 16);
}

static void new_flags(struct nt_pfndb *db, unsigned u3, unsigned u4) {
    bool wide = db->nt->ptr_size == 8;
    unsigned proto = !wide ? 27 : db->nt->build >= 18362 ? 63 : 57;
    db->reference = bits(u3, 0, 16);
    db->location = bits(u3, 16, 3);
    db->writing = bits(u3, 19, 1);
    db->modified = bits(u3, 20, 1);
    db->reading = bits(u3, 21, 1);
    db->cache = bits(u3, 22, 2);
    db->priority = bits(u3, 24, 3);
    db->in_page_error = bits(u3, 28, 1);
    db->removal = bits(u3, 30, 1);
    db->parity = bits(u3, 31, 1);
    db->prototype = bits(u4, proto, 1);
    if (wide && db->nt->build < 17134)
        db->color = bits(u4, 58, 6);
}

static struct nt_pfn_part frame_part(const struct nt_pfndb *db, unsigned u4, bool old) {
    if (db->nt->ptr_size == 4)
        return bits(u4, 0, old ? 26 : 24);
    return bits(u4, 0, db->nt->build >= 20348 ? 40 : db->nt->build < 9200 ? 52 : 36);
}

/* The pieces that symbols describe take the place of what is usual. */
static sc_err *refine(const struct binder *b) {
    struct nt_pfndb *db = b->db;
    const struct {
        const char *path;
        struct nt_pfn_part *part;
    } rows[] = {{"u4.PteFrame", &db->frame},
                {"u4.PrototypePte", &db->prototype},
                {"u3.e1.PageLocation", &db->location},
                {"u3.e1.Modified", &db->modified},
                {"u3.e1.ReadInProgress", &db->reading},
                {"u3.e1.WriteInProgress", &db->writing},
                {"u3.e1.CacheAttribute", &db->cache},
                {"u3.e1.Priority", &db->priority},
                {"u3.e3.Priority", &db->priority},
                {"UsedPageTableEntries", &db->used}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool found;
        sc_err *err = part_of(b, rows[i].path, 16, rows[i].part, &found);
        if (err)
            return err;
    }
    return NULL;
}

/* Is MMPFNENTRY the old one? */
static sc_err *is_old(const struct nt *nt, bool *ret_old) {
    struct sc_typeref ref;
    struct sc_member m;
    bool found = false;
    *ret_old = nt->build < 6000;
    sc_err *err = sc_symtab_type(nt->symtab, "nt!_MMPFNENTRY", &ref, &found);
    if (!err && found)
        err = sc_type_member(ref.provider, ref.id, "PageLocation", &m, &found);
    if (!err && found)
        *ret_old = m.offset * 8 + m.bit_pos == 8 && m.offset + m.bit_pos / 8 == 1 && m.bit_pos == 8;
    return err;
}

static sc_err *bind_places(struct binder *b) {
    struct nt_pfndb *db = b->db;
    unsigned width = db->nt->ptr_size * 8;
    struct nt_pfn_part u3 = {0}, u4 = {0};
    bool found, old;
    sc_err *err = part_of(b, "PteAddress", width, &db->pte, &found);
    if (!err && found)
        err = part_of(b, "OriginalPte", db->pte_size * 8, &db->original, &found);
    if (!err && found)
        err = part_of(b, "u2", width, &db->u2, &found);
    if (!err && found)
        err = part_of(b, "u3", 32, &u3, &found);
    if (err || !found)
        return err ? err : sc_errf(SC_ERR_NOT_FOUND, "the symbols do not describe _MMPFN");
    db->pte.width = db->u2.width = (uint8_t)width;
    db->original.width = (uint8_t)(db->pte_size * 8);
    db->u1 = bits(0, 0, width);
    /* The last member; tables of 22000 lack it. */
    err = part_of(b, "u4", width, &u4, &found);
    if (!err && !found)
        u4.offset = (uint16_t)(db->size - db->nt->ptr_size);
    if (!err)
        err = is_old(db->nt, &old);
    if (err)
        return err;
    bool pae = db->pte_size == 8 && db->nt->ptr_size == 4 && db->size == 0x18;
    if (pae) {
        db->size += 4;
        u4.offset += u4.offset > db->original.offset ? 4 : 0;
    }
    if (old)
        old_flags(db, u3.offset);
    else
        new_flags(db, u3.offset, u4.offset);
    db->frame = frame_part(db, u4.offset, old);
    return pae ? NULL : refine(b);
}

static bool fits(const struct nt_pfndb *db, const struct nt_pfn_part *p) {
    return p->offset + (p->bit + p->width + 7u) / 8 <= db->size;
}

static sc_err *bind(struct nt_pfndb *db) {
    struct binder b = {.db = db};
    struct sc_type type;
    bool found = false;
    sc_err *err = sc_symtab_type(db->nt->symtab, "nt!_MMPFN", &b.ref, &found);
    if (!err && found)
        err = sc_type_of(b.ref.provider, b.ref.id, &type);
    if (err)
        return err;
    if (!found || !type.size || type.size > NT_PFN_SIZE_MAX || type.size < 4u * db->nt->ptr_size)
        return sc_errf(SC_ERR_NOT_FOUND, "the symbols do not describe _MMPFN");
    db->assumed = b.ref.assumed;
    db->size = (uint32_t)type.size;
    err = bind_places(&b);
    const struct nt_pfn_part *parts[] = {&db->pte,   &db->original,  &db->u2,       &db->location,
                                         &db->frame, &db->prototype, &db->reference};
    for (size_t i = 0; !err && i < sizeof parts / sizeof *parts; i++)
        if (!fits(db, parts[i]))
            err = sc_errf(SC_ERR_NOT_FOUND, "the symbols' _MMPFN is not one that is known");
    return err;
}

/* ---- where it is ---- */

static uint64_t header_base(const struct nt *nt) {
    uint64_t base = sc_target_machine(nt->target)->pfn_database;
    struct nt_field f;
    if (!(base & 0xfff))
        return base;
    f = nt_pointer(nt, base);
    return nt_or(&f, 0);
}

static sc_err *find_base(const struct nt *nt, struct nt_pfndb *db) {
    struct nt_field f;
    uint64_t at;
    sc_err *err = nt_global(nt, "nt!MmPfnDatabase", nt->ptr_size, &f);
    if (err)
        return err;
    db->base = nt_or(&f, 0);
    /*
     * The debugger data block has the variable's address. So do headers of real dumps (19041 and
     * later); those of older systems are published with its value, which is a page's address.
     */
    if (!db->base && sc_target_kd_member(nt->target, KD_PFN_DATABASE, 8, &at)) {
        f = nt_pointer(nt, at);
        db->base = nt_or(&f, 0);
    }
    if (!db->base)
        db->base = header_base(nt);
    if (db->base && nt_is_kernel(nt, db->base))
        return NULL;
    return sc_errf(SC_ERR_NOT_FOUND,
                   "where the PFN database is, is not known: nt!MmPfnDatabase is %s",
                   f.state == NT_READ ? "no address" : nt_why(&f));
}

/* PHYSICAL_MEMORY_DESCRIPTOR: a number of runs, of pages, then first page and count of each. */
static sc_err *find_runs(const struct nt *nt, struct nt_pfndb *db) {
    struct nt_field f;
    uint64_t at, count, block;
    unsigned ptr = nt->ptr_size;
    sc_err *err = nt_global(nt, "nt!MmPhysicalMemoryBlock", ptr, &f);
    if (err)
        return err;
    block = nt_or(&f, 0);
    if (!block && sc_target_kd_member(nt->target, KD_MEMORY_BLOCK, 8, &at)) {
        f = nt_pointer(nt, at);
        block = nt_or(&f, 0);
    }
    if (!block || sc_space_uint(nt->space, block, 4, &count) != SC_READ_OK || !count ||
        count > NT_RUNS_MAX)
        return NULL;
    for (unsigned i = 0; i < count; i++) {
        uint64_t run = nt_add(nt, block, (2 + 2 * (uint64_t)i) * ptr), first, n;
        if (sc_space_ptr(nt->space, run, &first) != SC_READ_OK ||
            sc_space_ptr(nt->space, nt_add(nt, run, ptr), &n) != SC_READ_OK ||
            first > UINT64_MAX >> 12 || n > (UINT64_MAX >> 12) - first ||
            (db->nruns && first < db->run[db->nruns - 1].first + db->run[db->nruns - 1].count)) {
            db->nruns = 0;
            return NULL;
        }
        db->run[db->nruns].first = first;
        db->run[db->nruns++].count = n;
    }
    return NULL;
}

/* The end of the physical memory that the dump holds. */
static uint64_t last_present(const struct nt *nt) {
    uint64_t at = 0, start, size;
    while (sc_space_next(sc_target_phys(nt->target), at, &start, &size) && start + size > at &&
           !sc_target_cancelled(nt->target))
        at = start + size;
    return at ? (at - 1) >> 12 : 0;
}

static sc_err *find_highest(const struct nt *nt, struct nt_pfndb *db) {
    struct nt_field f;
    uint64_t at;
    sc_err *err = nt_global(nt, "nt!MmHighestPhysicalPage", nt->ptr_size, &f);
    if (err)
        return err;
    if (!nt_set(&f) && sc_target_kd_member(nt->target, KD_HIGHEST_PAGE, 8, &at))
        f = nt_pointer(nt, at);
    db->highest = nt_or(&f, 0);
    if (db->nruns)
        db->highest = db->run[db->nruns - 1].first + db->run[db->nruns - 1].count - 1;
    if (!db->highest)
        db->highest = last_present(nt);
    db->known = db->highest != 0;
    if (!db->known || db->highest > UINT64_MAX >> 12)
        db->highest = UINT64_MAX >> 12;
    return NULL;
}

sc_err *nt_pfndb_open(const struct nt *nt, struct nt_pfndb *db) {
    memset(db, 0, sizeof *db);
    db->nt = nt;
    db->pte_size = sc_target_paging(nt->target)->mode == SC_PAGING_X86 ? 4 : 8;
    if (!sc_target_has_paging(nt->target) && nt->ptr_size == 4)
        db->pte_size = sc_target_machine(nt->target)->pae ? 8 : 4;
    sc_err *err = find_base(nt, db);
    if (!err)
        err = bind(db);
    if (!err)
        err = find_runs(nt, db);
    if (!err)
        err = find_highest(nt, db);
    return err;
}

/* ---- entries ---- */

static uint64_t take(const uint8_t *raw, const struct nt_pfn_part *p) {
    uint64_t v = 0;
    unsigned bytes = (p->bit + p->width + 7u) / 8;
    for (unsigned i = bytes < 8 ? bytes : 8; i-- > 0;)
        v = v << 8 | raw[p->offset + i];
    v >>= p->bit;
    return p->width >= 64 ? v : v & (((uint64_t)1 << p->width) - 1);
}

static void decode(const struct nt_pfndb *db, uint64_t pfn, const uint8_t *raw,
                   struct nt_pfn *ret) {
    /* Two lock bits on top of u2, and what is kept above a link. */
    bool flags = db->nt->ptr_size == 8 && db->nt->build >= 15063;
    *ret = (struct nt_pfn){.pfn = pfn,
                           .address = nt_add(db->nt, db->base, pfn * db->size),
                           .flink = take(raw, &db->u1),
                           .blink_or_share =
                               take(raw, &db->u2) & (flags ? ~(uint64_t)0 >> 2 : ~(uint64_t)0),
                           .pte_address = take(raw, &db->pte) & ~(uint64_t)3,
                           .original_pte = take(raw, &db->original),
                           .reference_count = (uint32_t)take(raw, &db->reference),
                           .used_entries = (uint32_t)take(raw, &db->used),
                           .location = (unsigned)take(raw, &db->location),
                           .cache_attribute = (unsigned)take(raw, &db->cache),
                           .priority = (unsigned)take(raw, &db->priority),
                           .color = (unsigned)take(raw, &db->color),
                           .modified = take(raw, &db->modified),
                           .read_in_progress = take(raw, &db->reading),
                           .write_in_progress = take(raw, &db->writing),
                           .prototype = take(raw, &db->prototype),
                           .parity_error = take(raw, &db->parity),
                           .in_page_error = take(raw, &db->in_page_error),
                           .removal_requested = take(raw, &db->removal),
                           .has_priority = db->priority.width,
                           .has_color = db->color.width,
                           .has_used = db->used.width,
                           .containing = take(raw, &db->frame)};
}

sc_err *nt_pfn_read(const struct nt_pfndb *db, uint64_t pfn, struct nt_pfn *ret, bool *ret_found) {
    uint8_t raw[NT_PFN_SIZE_MAX + 8] = {0};
    *ret_found = false;
    if (db->highest && pfn > db->highest)
        return sc_errf(SC_ERR_ARG, "there is no page frame %llx: the last one is %llx",
                       (unsigned long long)pfn, (unsigned long long)db->highest);
    uint64_t at = nt_add(db->nt, db->base, pfn * db->size);
    if (sc_space_read(db->nt->space, at, raw, db->size, NULL) != SC_READ_OK)
        return NULL;
    *ret_found = true;
    decode(db, pfn, raw, ret);
    return NULL;
}

bool nt_pfn_of_address(const struct nt_pfndb *db, uint64_t address, uint64_t *ret_pfn) {
    uint64_t pfn = (address - db->base) / db->size;
    if (address < db->base || pfn > db->highest || (address - db->base) % db->size)
        return false;
    *ret_pfn = pfn;
    return true;
}

/* ---- all of them ---- */

struct pass {
    const struct nt_pfndb *db;
    nt_pfn_fn fn;
    void *ctx;
    uint64_t absent;
    uint8_t buffer[BUFFER + NT_PFN_SIZE_MAX + 8];
};

/* Frames from FIRST on whose entry touches BAD, which cannot be read, or lies in the gap there. */
static uint64_t frames_to_memory(const struct nt_pfndb *db, uint64_t bad, uint64_t first,
                                 uint64_t end) {
    uint64_t page = (bad | 0xfff) + 1, start, size;
    if (page < bad || !sc_space_next(db->nt->space, page, &start, &size))
        return end - first;
    start = start > page ? start : page;
    uint64_t frame = (start - db->base + db->size - 1) / db->size;
    return start > db->base && frame > first && frame < end ? frame - first : end - first;
}

/* Frames from FIRST to END (not in it). Nothing of a page that is missing is read twice. */
static sc_err *pass_run(struct pass *p, uint64_t first, uint64_t end) {
    const struct nt_pfndb *db = p->db;
    uint64_t most = BUFFER / db->size;
    while (first < end) {
        uint64_t n = end - first < most ? end - first : most, at;
        size_t got = 0;
        if (sc_target_cancelled(db->nt->target))
            return sc_err_cancelled();
        at = nt_add(db->nt, db->base, first * db->size);
        sc_space_read(db->nt->space, at, p->buffer, (size_t)n * db->size, &got);
        uint64_t whole = got / db->size;
        for (uint64_t i = 0; i < whole; i++) {
            struct nt_pfn pfn;
            decode(db, first + i, p->buffer + i * db->size, &pfn);
            sc_err *err = p->fn(p->ctx, &pfn);
            if (err)
                return err;
        }
        first += whole;
        if (whole == n)
            continue;
        uint64_t skip = frames_to_memory(db, at + got, first, end);
        p->absent += skip;
        first += skip;
    }
    return NULL;
}

sc_err *nt_pfndb_each(const struct nt_pfndb *db, nt_pfn_fn fn, void *ctx, uint64_t *ret_absent) {
    struct pass p = {.db = db, .fn = fn, .ctx = ctx};
    sc_err *err = NULL;
    if (!db->known)
        return sc_errf(SC_ERR_NOT_FOUND, "how much memory there is, this dump does not say");
    for (unsigned i = 0; !err && i < db->nruns; i++)
        err = pass_run(&p, db->run[i].first, db->run[i].first + db->run[i].count);
    if (!err && !db->nruns)
        err = pass_run(&p, 0, db->highest + 1);
    *ret_absent = p.absent;
    return err;
}
